"""Refund requests: a lease's own partition, where one item holds the place of the one that is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sesame.domain.refunds import OPEN, Part, Refund, RefundState, RefusalReason
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.payments import FLAGGED
from sesame.store.table import NOT_THERE, Delete, Item, Put, Table, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyToSeeTo:
    """Since when money of a residence waits for its staff. With `more`, not all of it was read."""

    refunds: tuple[datetime, ...]
    flagged_payments: tuple[datetime, ...]
    """Cut off first: they come after the refunds."""
    more: bool


@dataclass(frozen=True, slots=True)
class Refunds:
    """The refund requests of the money table."""

    table: Table

    def get(self, lease_id: str, refund_id: str) -> Refund | None:
        """A request, strongly consistent."""
        item = self.table.get(keys.refund(lease_id, refund_id))
        return refund_of(item) if item else None

    def of_lease(self, lease_id: str) -> list[Refund]:
        """A lease's requests, newest first. One query."""
        found = [refund_of(item) for item in self.table.query_all(keys.refunds_of(lease_id), "REFUND#")]
        return sorted(found, key=lambda one: one.requested_at, reverse=True)

    def open_in(self, residence_id: str) -> list[Refund]:
        """Requests of a residence that are not over, the oldest first. Pages of the index."""
        found = self.table.query_all(keys.open_refunds(residence_id), index=keys.GSI1, up_to=FLAGGED)
        return [refund_of(item) for item in found]

    def to_see_to(self, residence_id: str, *, limit: int) -> MoneyToSeeTo:
        """Since when open requests, then flagged payments of a residence wait, each kind by time. One query
        of the index."""
        page = self.table.query(keys.open_refunds(residence_id), index=keys.GSI1, limit=limit)
        places = [item["gsi1sk"] for item in page.items]
        flagged = [one.removeprefix(FLAGGED) for one in places if one.startswith(FLAGGED)]
        return MoneyToSeeTo(
            refunds=tuple(map(_moment, (one for one in places if not one.startswith(FLAGGED)))),
            flagged_payments=tuple(map(_moment, flagged)),
            more=page.next is not None,
        )

    def opening(self, refund: Refund) -> list[Write]:
        """The writes of a new request, the lease's only open one. To another account it is announced."""
        announce = None
        if refund.iban:
            announce = announcement(
                "refund.asked",
                refund.requested_at,
                id=derived_id("refund.asked", refund.refund_id),
                lease_id=refund.lease_id,
            )
        place = {**keys.open_refund(refund.lease_id), "refund_id": refund.refund_id}
        return [
            Put(table=self.table.name, item=place, condition=NOT_THERE),
            Put(table=self.table.name, item={**_item(refund), "announce": announce}, condition=NOT_THERE),
        ]

    def saving(self, before: Refund, after: Refund) -> list[Write]:
        """The writes that bring a request further, if nobody did since it was read; over, it gives up its
        place."""
        item = _item(after) | {"version": before.version + 1}
        writes: list[Write] = [
            Put(
                table=self.table.name,
                item=item,
                condition="version = :before",
                values={":before": before.version},
            )
        ]
        if before.state in OPEN and after.state not in OPEN:
            writes.append(
                Delete(
                    table=self.table.name,
                    key=keys.open_refund(after.lease_id),
                    condition="refund_id = :refund",
                    values={":refund": after.refund_id},
                )
            )
        return writes


def _moment(place: str) -> datetime:
    return datetime.fromisoformat(place.partition("#")[0])


def refund_of(item: Item) -> Refund:
    """A request's item, read."""
    return Refund(
        refund_id=item["refund_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        person_id=item["person_id"],
        amount_cents=item["amount_cents"],
        requested_at=datetime.fromisoformat(item["requested_at"]),
        not_before=datetime.fromisoformat(item["not_before"]),
        iban=item.get("iban"),
        holder=item.get("holder"),
        parts=_parts_of(item["parts"]),
        state=RefundState(item["state"]),
        decided_at=datetime.fromisoformat(item["decided_at"]) if "decided_at" in item else None,
        refused_because=RefusalReason(item["refused_because"]) if "refused_because" in item else None,
        transfer_reference=item.get("transfer_reference"),
        version=item["version"],
    )


def _parts_of(items: Sequence[Item]) -> tuple[Part, ...]:
    return tuple(
        Part(payment_id=one["payment_id"], amount_cents=one["amount_cents"], total_after=one["total_after"])
        for one in items
    )


def _item(refund: Refund) -> dict[str, Any]:
    item: dict[str, Any] = {
        **keys.refund(refund.lease_id, refund.refund_id),
        "refund_id": refund.refund_id,
        "lease_id": refund.lease_id,
        "residence_id": refund.residence_id,
        "person_id": refund.person_id,
        "amount_cents": refund.amount_cents,
        "requested_at": refund.requested_at.isoformat(),
        "not_before": refund.not_before.isoformat(),
        "iban": refund.iban,
        "holder": refund.holder,
        "parts": [
            {
                "payment_id": one.payment_id,
                "amount_cents": one.amount_cents,
                "total_after": one.total_after,
            }
            for one in refund.parts
        ],
        "state": refund.state.value,
        "decided_at": refund.decided_at.isoformat() if refund.decided_at else None,
        "refused_because": refund.refused_because.value if refund.refused_because else None,
        "transfer_reference": refund.transfer_reference,
        "version": refund.version,
    }
    if refund.state in OPEN:
        item |= {
            "gsi1pk": keys.open_refunds(refund.residence_id),
            "gsi1sk": f"{refund.requested_at.isoformat()}#{refund.refund_id}",
        }
    return item
