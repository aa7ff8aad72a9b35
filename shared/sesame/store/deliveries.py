"""Providers' raw deliveries: kept before we answer, so that nothing a provider told us can be lost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Whom a delivery is about, so that posting reads everything at once: ids, and no more than hints."""

    payment_id: str | None = None
    lease_id: str | None = None


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
            "announce": announce,
        }
        try:
            self.table.put(item, unless_exists=True)
        except ConditionFailed:
            return False
        return True

    def closing(self, delivery: Delivery, state: DeliveryState, at: datetime) -> Update:
        """The write that ends work on a delivery. What is up for review stays in an index of its own."""
        values = {":state": state.value, ":at": at.isoformat()}
        if state is DeliveryState.REVIEW:
            expression = "SET #state = :state, closed_at = :at, gsi1pk = :review"
            more: dict[str, str | int] = {":review": keys.under_review()}
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

    def unposted(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Provider and delivery id of what came before a moment and is still not posted, oldest first."""
        for shard in range(SHARDS):
            start: Key | None = None
            while True:
                page = self.table.query(
                    keys.unposted(shard), index=keys.GSI1, up_to=before.isoformat(), start=start
                )
                yield from ((item["provider"], item["delivery_id"]) for item in page.items)
                if page.next is None:
                    break
                start = page.next


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
    )


def _shard(delivery_id: str) -> int:
    return sha256(delivery_id.encode()).digest()[0] % SHARDS
