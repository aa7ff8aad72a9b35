"""How a person wishes to be written to, and which of their contacts failed: fields of their profile."""

from dataclasses import dataclass
from datetime import datetime

from sesame.domain.tenancy import Channel, Language, Person, UnusableContact
from sesame.store import keys
from sesame.store.people import unusable_item
from sesame.store.table import ConditionFailed, Table, Update


@dataclass(frozen=True, slots=True)
class Wishes:
    """Those fields of the identity table's profiles. Each write is one call and safe to repeat."""

    table: Table

    def set(
        self,
        person: Person,
        *,
        language: Language,
        reminders_by: Channel | None,
        courtesy: bool,
        at: datetime,
    ) -> None:
        """What a tenant wishes. When courtesy reminders were last turned on or off is kept: it is proof."""
        by = ", reminders_by = :by" if reminders_by else ""
        changed = ", courtesy_changed_at = :at" if courtesy != person.courtesy_reminders else ""
        self.table.update(
            keys.person(person.person_id),
            f"SET #language = :language, courtesy_reminders = :courtesy{by}{changed} "
            f"{'' if reminders_by else 'REMOVE reminders_by '}ADD version :one",
            condition="attribute_exists(pk)",
            names={"#language": "language"},
            values={":language": language.value, ":courtesy": courtesy, ":one": 1}
            | ({":by": reminders_by.value} if reminders_by else {})
            | ({":at": at.isoformat()} if changed else {}),
        )

    def stop_courtesy(self, person_id: str, at: datetime) -> bool:
        """No more reminders while nothing is late. False where there is no such person (any more)."""
        try:
            self.table.update(
                keys.person(person_id),
                "SET courtesy_reminders = :no, courtesy_changed_at = :at ADD version :one",
                condition="attribute_exists(pk)",
                values={":no": False, ":at": at.isoformat(), ":one": 1},
            )
        except ConditionFailed:
            return False
        return True

    def mark_unusable(self, person_id: str, mark: UnusableContact) -> bool:
        """Writes to a contact no more. False where it is not the person's (any more), or marked already."""
        name = _field(mark.channel)
        field = "email" if mark.channel is Channel.EMAIL else "phone"
        try:
            self.table.update(
                keys.person(person_id),
                f"SET {name} = :mark ADD version :one",
                condition=f"{field} = :contact AND (attribute_not_exists({name}) "
                f"OR {name}.contact <> :contact)",
                values={":mark": unusable_item(mark), ":contact": mark.contact, ":one": 1},
            )
        except ConditionFailed:
            return False
        return True

    def lifting(self, person_id: str, channel: Channel) -> Update:
        """The write that lets a contact be written to again; for a transaction."""
        return Update(
            table=self.table.name,
            key=keys.person(person_id),
            expression=f"REMOVE {_field(channel)} ADD version :one",
            condition="attribute_exists(pk)",
            values={":one": 1},
        )


def _field(channel: Channel) -> str:
    return f"unusable_{channel}"
