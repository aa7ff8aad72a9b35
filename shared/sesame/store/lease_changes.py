"""What was decided of leases: one item a change, beside its lease, written with it and never edited."""

from dataclasses import dataclass
from datetime import date, datetime

from sesame.domain.lease_life import LifeEvent
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.audit import ActorKind
from sesame.store.table import NOT_THERE, Item, Put, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseChange:
    """A change of a lease: what, from which day on, by whom, and what it made of notices that were out."""

    change_id: str
    lease_id: str
    event: LifeEvent
    said: str
    """The digest of what was asked for: the same key for something else is refused."""
    at: datetime
    by_kind: ActorKind
    by: str
    """The member of staff's id, or the person's."""
    effective_on: date
    """The first day on new terms; of a departure or an extension the last day of the stay."""
    ends_on: date
    """The lease's last day after it."""
    room: str = ""
    """The new room, where it is another."""
    difference_cents: int = 0
    """What the months billed so far cost more (above zero) or less, their surcharges included."""
    surcharges_reversed_cents: int = 0
    """The late surcharges of notices that it withdrew: taken back with them."""
    corrected: tuple[str, ...] = ()
    """The months whose notices it corrected."""
    import_id: str = ""
    """The file that said so, where one did."""


@dataclass(frozen=True, slots=True)
class LeaseChanges:
    """The changes of leases, in the identity table."""

    table: Table

    def get(self, lease_id: str, change_id: str) -> LeaseChange | None:
        """A change, strongly consistent."""
        item = self.table.get(keys.lease_change(lease_id, change_id))
        return change_of(item) if item else None

    def of_lease(self, lease_id: str) -> list[LeaseChange]:
        """All of a lease, oldest first. One query."""
        found = self.table.query_all(keys.lease(lease_id)["pk"], "CHANGE#")
        return sorted(map(change_of, found), key=lambda one: (one.at, one.change_id))

    def recording(self, change: LeaseChange, *, tells: bool) -> Put:
        """The write of a change, once an id; where it `tells`, every contact of the tenant hears of it."""
        announce = announcement(
            "lease.told",
            change.at,
            id=derived_id("lease.told", change.change_id),
            lease_id=change.lease_id,
            change_id=change.change_id,
        )
        item = {
            **keys.lease_change(change.lease_id, change.change_id),
            "change_id": change.change_id,
            "lease_id": change.lease_id,
            "event": change.event.value,
            "said": change.said,
            "at": change.at.isoformat(),
            "by_kind": change.by_kind.value,
            "by": change.by,
            "effective_on": change.effective_on.isoformat(),
            "ends_on": change.ends_on.isoformat(),
            "room": change.room or None,
            "difference_cents": change.difference_cents,
            "surcharges_reversed_cents": change.surcharges_reversed_cents or None,
            "corrected": list(change.corrected),
            "import_id": change.import_id or None,
            "announce": announce if tells else None,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)


def change_of(item: Item) -> LeaseChange:
    """A change's item, read."""
    return LeaseChange(
        change_id=item["change_id"],
        lease_id=item["lease_id"],
        event=LifeEvent(item["event"]),
        said=item["said"],
        at=datetime.fromisoformat(item["at"]),
        by_kind=ActorKind(item["by_kind"]),
        by=item["by"],
        effective_on=date.fromisoformat(item["effective_on"]),
        ends_on=date.fromisoformat(item["ends_on"]),
        room=item.get("room", ""),
        difference_cents=item["difference_cents"],
        surcharges_reversed_cents=item.get("surcharges_reversed_cents", 0),
        corrected=tuple(item["corrected"]),
        import_id=item.get("import_id", ""),
    )
