"""Members of staff: which residences each may see, whether they still may, and who of them is a tenant too.

Roles are the identity provider's; what is here is only what it cannot know.
"""

from dataclasses import dataclass

from sesame.domain.scope import Scope
from sesame.store import keys
from sesame.store.table import Item, Key, Table, Update

PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRecord:
    """A member of staff, by the id derived from their token's subject."""

    staff_id: str
    scope: Scope
    active: bool = True
    person_id: str | None = None
    """Where they are a tenant as well: nobody acts on their own lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffPage:
    """Some records, by id, and the id to go on after (None at the end)."""

    records: list[StaffRecord]
    next: str | None


@dataclass(frozen=True, slots=True)
class StaffDirectory:
    """The staff records of the identity table."""

    table: Table

    def get(self, staff_id: str) -> StaffRecord | None:
        """A record as it stands now, or None: a narrowed scope holds from the next request on."""
        item = self.table.get(keys.staff(staff_id))
        return staff_record_of(item) if item else None

    def setting(self, record: StaffRecord) -> Update:
        """The write that makes a record what it is to be, whether or not there was one; for a transaction."""
        scope = record.scope
        return Update(
            table=self.table.name,
            key=keys.staff(record.staff_id),
            expression=(
                "SET gsi1pk = :all, gsi1sk = :id, staff_id = :id, everywhere = :everywhere, "
                "residence_ids = :residences, active = :active, person_id = :person ADD version :one"
            ),
            values={
                ":all": keys.all_staff(),
                ":id": record.staff_id,
                ":everywhere": scope.everywhere,
                ":residences": sorted(scope.residence_ids),
                ":active": record.active,
                ":person": record.person_id or "",
                ":one": 1,
            },
        )

    def page(self, after: str | None = None, *, limit: int = PAGE) -> StaffPage:
        """Records by id, from the index: one set this second may not show yet. One read."""
        start: Key | None = None
        if after:
            start = {"gsi1pk": keys.all_staff(), "gsi1sk": after, **keys.staff(after)}
        page = self.table.query(keys.all_staff(), index=keys.GSI1, limit=limit, start=start)
        return StaffPage(
            records=[staff_record_of(item) for item in page.items],
            next=page.next["gsi1sk"] if page.next else None,
        )


def staff_record_of(item: Item) -> StaffRecord:
    """A staff record's item, read."""
    return StaffRecord(
        staff_id=item["staff_id"],
        scope=Scope(everywhere=item["everywhere"], residence_ids=frozenset(item["residence_ids"])),
        active=item["active"],
        person_id=item["person_id"] or None,
    )
