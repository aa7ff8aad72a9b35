"""What tenants agree to have told to others, and when and how they said so: beside their person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import batched

from sesame.domain.transmissions import TransmissionKind
from sesame.store import keys
from sesame.store.table import Item, Put, Table, same_table

_A_CALL = 100


class How(StrEnum):
    """How a decision reached us."""

    PERSONAL_SPACE = "personal_space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A tenant's word on a kind that needs it. Nothing said is a no."""

    person_id: str
    kind: TransmissionKind
    agreed: bool
    decided_at: datetime
    how: How = How.PERSONAL_SPACE


@dataclass(frozen=True, slots=True)
class Sharing:
    """The decisions of the identity table."""

    table: Table

    def of_person(self, person_id: str) -> dict[TransmissionKind, Decision]:
        """All that a person decided. One query."""
        found = map(_decision, self.table.query_all(*keys.sharing_of(person_id)))
        return {one.kind: one for one in found}

    def of(self, person_ids: Sequence[str], kind: TransmissionKind) -> dict[str, Decision]:
        """Person -> their decision on a kind, where they took one. Consistent; a read for every hundred."""
        found: dict[str, Decision] = {}
        for some in batched(dict.fromkeys(person_ids), _A_CALL, strict=False):
            for item in same_table(self.table, [keys.sharing(person_id, kind) for person_id in some]):
                if item:
                    found[item["person_id"]] = _decision(item)
        return found

    def deciding(self, decision: Decision) -> Put:
        """The write of a decision, in the place of the one before; for a transaction with its audit entry."""
        return Put(
            table=self.table.name,
            item={
                **keys.sharing(decision.person_id, decision.kind),
                "person_id": decision.person_id,
                "kind": decision.kind.value,
                "agreed": decision.agreed,
                "decided_at": decision.decided_at.isoformat(),
                "how": decision.how.value,
            },
        )


def _decision(item: Item) -> Decision:
    return Decision(
        person_id=item["person_id"],
        kind=TransmissionKind(item["kind"]),
        agreed=item["agreed"],
        decided_at=datetime.fromisoformat(item["decided_at"]).astimezone(UTC),
        how=How(item["how"]),
    )
