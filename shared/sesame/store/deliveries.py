"""Providers' raw deliveries: kept before we answer, so that nothing a provider told us can be lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from sesame.domain.payments import PaymentEvent
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.payments import event_item, event_of
from sesame.store.table import ConditionFailed, Item, Key, Table, Update

SHARDS = 8
"""Partitions of the index of what is not posted yet: a busy night must not write to one only."""
KEPT = timedelta(days=400)
"""How long a posted delivery stays as proof: card disputes may come 13 months later."""


class DeliveryState(StrEnum):
    """What became of a delivery."""

    RECEIVED = "received"
    POSTED = "posted"
    REFUSED = "refused"
    """Test money on a live stage."""
    REVIEW = "review"
    """Of a payment that we do not know: staff must look."""
    DISMISSED = "dismissed"
    """Staff looked, and it is none of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Whom a delivery is about, so that posting reads everything at once: ids, and no more than hints."""

    payment_id: str | None = None
    lease_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An event, and the payment that the provider says it is of; the lease where it says so too."""

    payment_id: str
    lease_id: str | None = None
    event: PaymentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a provider sent, and when (UTC)."""

    provider: str
    delivery_id: str
    body: bytes
    """Exactly as sent."""
    headers: Mapping[str, str]
    """Those that its provider's check needs, by lower-case name."""
    query: str
    received_at: datetime
    state: DeliveryState = DeliveryState.RECEIVED
    told: tuple[Told, ...] = ()
    """What it says, where that was asked for and not sent: then there is no body to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery that waits to be posted."""

    provider: str
    delivery_id: str
    announce: Mapping[str, str]
    """What to queue, as the outbox did or should have."""
    sweeps: int
    """How often it was queued anew."""
    since: str
    """Its place in the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A delivery that staff must look at, or did: what it says of payments that we do not know."""

    provider: str
    delivery_id: str
    received_at: datetime
    state: DeliveryState
    closed_at: datetime
    unknown: tuple[Told, ...]
    resolutions: Mapping[str, Mapping[str, str]]
    """By the payment's id as told, or `*` for all of them: what staff decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """Some reviews, the longest waiting first, and whether there are more."""

    reviews: tuple[Review, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The deliveries of the money table."""

    table: Table

    def key(self, provider: str, delivery_id: str) -> Key:
        """Where a delivery is kept, for those who read it along with other items."""
        return keys.delivery(provider, delivery_id)

    def store(self, delivery: Delivery, hints: Hints) -> bool:
        """Keep a delivery and announce it; False when it was kept before. One conditional write."""
        ids = {"payment_id": hints.payment_id, "lease_id": hints.lease_id}
        announce = announcement(
            "delivery.received",
            delivery.received_at,
            id=derived_id("delivery.received", delivery.provider, delivery.delivery_id),
            provider=delivery.provider,
            delivery_id=delivery.delivery_id,
            **{name: value for name, value in ids.items() if value},
        )
        item = {
            **keys.delivery(delivery.provider, delivery.delivery_id),
            "gsi1pk": keys.unposted(_shard(delivery.delivery_id)),
            "gsi1sk": delivery.received_at.isoformat(),
            "provider": delivery.provider,
            "delivery_id": delivery.delivery_id,
            "body": delivery.body,
            "headers": dict(delivery.headers),
            "query": delivery.query,
            "received_at": delivery.received_at.isoformat(),
            "state": delivery.state.value,
            "told": [_told_item(one) for one in delivery.told] or None,
            "announce": announce,
        }
        try:
            self.table.put(item, unless_exists=True)
        except ConditionFailed:
            return False
        return True

    def closing(
        self, delivery: Delivery, state: DeliveryState, at: datetime, *, unknown: Sequence[Told] = ()
    ) -> Update:
        """The write that ends work on a delivery. What is up for review stays in an index of its own, with
        what it says of payments `unknown` to us.
        """
        values = {":state": state.value, ":at": at.isoformat()}
        if state is DeliveryState.REVIEW:
            expression = (
                "SET #state = :state, closed_at = :at, gsi1pk = :review, gsi1sk = :received, "
                "unknown_events = :unknown"
            )
            more: dict[str, Any] = {
                ":review": keys.under_review(),
                ":received": delivery.received_at.isoformat(),
                ":unknown": [_told_item(one) for one in unknown],
            }
        else:
            expression = "SET #state = :state, closed_at = :at, expires_at = :end REMOVE gsi1pk, gsi1sk"
            more = {":end": int((at + KEPT).timestamp())}
        return Update(
            table=self.table.name,
            key=keys.delivery(delivery.provider, delivery.delivery_id),
            expression=expression,
            condition="attribute_exists(pk)",
            values=values | more,
            names={"#state": "state"},
        )

    def unposted(self, before: datetime) -> Iterator[Waiting]:
        """What came before a moment and is still not posted, oldest first of each shard."""
        for shard in range(SHARDS):
            start: Key | None = None
            while True:
                page = self.table.query(
                    keys.unposted(shard), index=keys.GSI1, up_to=before.isoformat(), start=start
                )
                yield from map(_waiting, page.items)
                if page.next is None:
                    break
                start = page.next

    def note_sweep(self, waiting: Waiting, since: datetime) -> bool:
        """Counts that a delivery was queued anew, and sets its place; False when it was posted meanwhile."""
        try:
            self.table.update(
                keys.delivery(waiting.provider, waiting.delivery_id),
                "SET sweeps = :sweeps, gsi1sk = :since",
                condition="gsi1pk = :shard AND gsi1sk = :before",
                values={
                    ":sweeps": waiting.sweeps + 1,
                    ":since": since.isoformat(),
                    ":before": waiting.since,
                    ":shard": keys.unposted(_shard(waiting.delivery_id)),
                },
            )
        except ConditionFailed:
            return False
        return True

    def review(self, provider: str, delivery_id: str) -> Review | None:
        """A delivery that is or was up for review; None for any other. One read."""
        item = self.table.get(keys.delivery(provider, delivery_id))
        return _review_of(item) if item and "unknown_events" in item else None

    def reviews(self, *, after: Review | None = None, limit: int) -> ReviewPage:
        """What waits for staff, the longest waiting first. One query of the index."""
        start = None
        if after is not None:
            start = {
                **keys.delivery(after.provider, after.delivery_id),
                "gsi1pk": keys.under_review(),
                "gsi1sk": after.received_at.isoformat(),
            }
        page = self.table.query(keys.under_review(), index=keys.GSI1, limit=limit, start=start)
        return ReviewPage(reviews=tuple(map(_review_of, page.items)), more=page.next is not None)

    def set_aside(self, since: datetime) -> Iterator[Review]:
        """All that waits for staff, and what they dismissed of what came since a moment."""
        for item in self.table.query_all(keys.under_review(), index=keys.GSI1):
            yield _review_of(item)
        start: Key | None = None
        while True:
            page = self.table.query(keys.dismissed(), index=keys.GSI1, forward=False, start=start)
            for item in page.items:
                if item["gsi1sk"] < since.isoformat():
                    return
                yield _review_of(item)
            if page.next is None:
                return
            start = page.next

    def reopening(
        self, review: Review, payment_id: str, decision: Mapping[str, str], hints: Hints, at: datetime
    ) -> Update:
        """The write that has a reviewed delivery posted again, announced; it waits as if it came now."""
        ids = {"payment_id": hints.payment_id, "lease_id": hints.lease_id}
        announce = announcement(
            "delivery.received",
            at,
            id=derived_id(
                "delivery.reopened", review.provider, review.delivery_id, payment_id, at.isoformat()
            ),
            provider=review.provider,
            delivery_id=review.delivery_id,
            **{name: value for name, value in ids.items() if value},
        )
        return self._deciding(
            review,
            DeliveryState.RECEIVED,
            {payment_id: dict(decision)},
            "gsi1pk = :index, gsi1sk = :since, announce = :announce",
            {
                ":index": keys.unposted(_shard(review.delivery_id)),
                ":since": at.isoformat(),
                ":announce": announce,
            },
        )

    def dismissing(self, review: Review, decision: Mapping[str, str], at: datetime) -> Update:
        """The write that says that a delivery is none of ours; it stays as proof, as long as any other."""
        return self._deciding(
            review,
            DeliveryState.DISMISSED,
            {"*": dict(decision)},
            "gsi1pk = :index, expires_at = :end",
            {":index": keys.dismissed(), ":end": int((at + KEPT).timestamp())},
        )

    def _deciding(
        self,
        review: Review,
        state: DeliveryState,
        decided: Mapping[str, Mapping[str, str]],
        sets: str,
        values: Mapping[str, Any],
    ) -> Update:
        return Update(
            table=self.table.name,
            key=keys.delivery(review.provider, review.delivery_id),
            expression=f"SET #state = :state, resolutions = :resolutions, {sets}",
            condition="#state = :review AND closed_at = :closed",
            values={
                ":state": state.value,
                ":review": DeliveryState.REVIEW.value,
                ":closed": review.closed_at.isoformat(),
                ":resolutions": {**review.resolutions, **decided},
                **values,
            },
            names={"#state": "state"},
        )


def delivery_of(item: Item) -> Delivery:
    """A delivery's item, read."""
    return Delivery(
        provider=item["provider"],
        delivery_id=item["delivery_id"],
        body=item["body"],
        headers=item["headers"],
        query=item["query"],
        received_at=datetime.fromisoformat(item["received_at"]),
        state=DeliveryState(item["state"]),
        told=tuple(_told_of(one) for one in item.get("told", ())),
    )


def _waiting(item: Item) -> Waiting:
    return Waiting(
        provider=item["provider"],
        delivery_id=item["delivery_id"],
        announce=item["announce"],
        sweeps=item.get("sweeps", 0),
        since=item["gsi1sk"],
    )


def _review_of(item: Item) -> Review:
    return Review(
        provider=item["provider"],
        delivery_id=item["delivery_id"],
        received_at=datetime.fromisoformat(item["received_at"]),
        state=DeliveryState(item["state"]),
        closed_at=datetime.fromisoformat(item["closed_at"]),
        unknown=tuple(_told_of(one) for one in item.get("unknown_events", ())),
        resolutions=item.get("resolutions", {}),
    )


def _told_item(told: Told) -> dict[str, Any]:
    return {"payment_id": told.payment_id, "lease_id": told.lease_id, "event": event_item(told.event)}


def _told_of(item: Item) -> Told:
    return Told(payment_id=item["payment_id"], lease_id=item.get("lease_id"), event=event_of(item["event"]))


def _shard(delivery_id: str) -> int:
    return sha256(delivery_id.encode()).digest()[0] % SHARDS
