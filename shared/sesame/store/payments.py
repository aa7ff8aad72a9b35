"""Payments, and the requests that asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sesame.domain.payments import (
    EventKind,
    Outcome,
    Payment,
    PaymentEvent,
    Posted,
    outcome,
)
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Key, Put, Table, Update, same_table

FLAGGED = "FLAGGED#"
"""Begins the sort key of a flagged payment: refund requests of the same partition begin with their time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPage:
    """Some of a lease's or a residence's payments, newest first, and where to go on."""

    payments: tuple[Payment, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Payments:
    """The payments of the money table."""

    table: Table

    def key(self, payment_id: str) -> Key:
        """Where a payment is kept, for those who read it along with other items."""
        return keys.payment(payment_id)

    def get(self, payment_id: str) -> Payment | None:
        """A payment, strongly consistent."""
        item = self.table.get(keys.payment(payment_id))
        return payment_of(item) if item else None

    def of_lease(self, lease_id: str, *, after: Payment | None = None, limit: int = 20) -> PaymentPage:
        """A lease's payments, newest first; those older than `after` where given. One query of the index."""
        start = {**keys.payment(after.payment_id), **_by_lease(after)} if after else None
        page = self.table.query(
            keys.payments_of_lease(lease_id),
            "PAYMENT#",
            index=keys.GSI1,
            limit=limit,
            forward=False,
            start=start,
        )
        payments = tuple(payment_of(item) for item in page.items)
        return PaymentPage(payments=payments, next=payments[-1].payment_id if page.next else None)

    def flagged(self, residence_id: str, *, after: Payment | None = None, limit: int = 20) -> PaymentPage:
        """A residence's payments that carry a flag, newest first. A query of the index, then their items."""
        start = {**keys.payment_flags(after.payment_id), **_by_residence(after)} if after else None
        page = self.table.query(
            keys.flagged_payments(residence_id),
            FLAGGED,
            index=keys.GSI1,
            limit=limit,
            forward=False,
            start=start,
        )
        ids = [item["payment_id"] for item in page.items]
        items = same_table(self.table, [keys.payment(one) for one in ids])
        payments = tuple(payment_of(item) for item in items if item)
        return PaymentPage(payments=payments, next=ids[-1] if page.next else None)

    def flagging(self, payment: Payment) -> Put:
        """The write that lists a payment for the staff while it carries a flag, and not when it has none."""
        listed = _by_residence(payment) if outcome(payment).flags else {}
        item = {**keys.payment_flags(payment.payment_id), "payment_id": payment.payment_id, **listed}
        return Put(table=self.table.name, item=item)

    def creating(self, payment: Payment) -> Put:
        """The write that records a payment before its provider is asked for anything."""
        return Put(table=self.table.name, item=_item(payment), condition=NOT_THERE)

    def opening(self, payment: Payment, checkout_url: str, provider_reference: str) -> Update:
        """The write that notes the provider's page: a new version, so that no posting under way loses it."""
        return Update(
            table=self.table.name,
            key=keys.payment(payment.payment_id),
            expression="SET checkout_url = :url, provider_reference = :reference, version = version + :one",
            condition="attribute_exists(pk)",
            values={":url": checkout_url, ":reference": provider_reference, ":one": 1},
        )

    def saving(self, payment: Payment, at: datetime) -> Put:
        """The write of a payment whose events changed, if nobody changed it since it was read; announced."""
        after = payment.version + 1
        announce = announcement(
            "payment.changed",
            at,
            id=derived_id("payment.changed", payment.payment_id, str(after)),
            payment_id=payment.payment_id,
            lease_id=payment.lease_id,
            state=outcome(payment).state.value,
        )
        return Put(
            table=self.table.name,
            item={**_item(payment), "version": after, "announce": announce},
            condition="version = :before",
            values={":before": payment.version},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """What an `Idempotency-Key` stands for: kept for a day, so that a repeat gets the same answer."""

    lease_id: str
    key_hash: str
    fingerprint: str
    """Of the request's body: the same key with another one is a mistake of the caller's."""
    payment_id: str
    language: str
    """Of the first who asked: in another, the provider would take the same key for another order."""
    busy_until: datetime
    """Whoever began may be at work until then; after that the next caller goes on with the same payment."""
    expires_at: datetime
    answer: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CheckoutRequests:
    """The idempotency records of the money table."""

    table: Table

    def key(self, lease_id: str, key_hash: str) -> Key:
        """Where a request is kept, for those who read it along with other items."""
        return keys.idempotency(lease_id, key_hash)

    def beginning(self, request: CheckoutRequest, now: datetime) -> Put:
        """The write that claims a key nobody used for a day."""
        item = {
            **keys.idempotency(request.lease_id, request.key_hash),
            "lease_id": request.lease_id,
            "key_hash": request.key_hash,
            "fingerprint": request.fingerprint,
            "payment_id": request.payment_id,
            "language": request.language,
            "busy_until": request.busy_until.isoformat(),
            "expires_at": int(request.expires_at.timestamp()),
            "answer": dict(request.answer) if request.answer is not None else None,
        }
        return Put(
            table=self.table.name,
            item=item,
            condition=f"{NOT_THERE} OR expires_at <= :now",
            values={":now": int(now.timestamp())},
        )

    def resume(self, request: CheckoutRequest, busy_until: datetime) -> None:
        """Take over what its caller left, or with a past time give it up. Raises ConditionFailed."""
        self.table.update(
            keys.idempotency(request.lease_id, request.key_hash),
            "SET busy_until = :until",
            condition="busy_until = :before AND attribute_not_exists(answer)",
            values={":until": busy_until.isoformat(), ":before": request.busy_until.isoformat()},
        )

    def answering(self, request: CheckoutRequest, answer: Mapping[str, Any]) -> Update:
        """The write that keeps the answer for repeats."""
        return Update(
            table=self.table.name,
            key=keys.idempotency(request.lease_id, request.key_hash),
            expression="SET answer = :answer",
            condition="payment_id = :payment",
            values={":answer": dict(answer), ":payment": request.payment_id},
        )


def checkout_request_of(item: Item, now: datetime) -> CheckoutRequest | None:
    """A request's item, read; None once its day is over, whether or not the table has dropped it."""
    if item["expires_at"] <= now.timestamp():
        return None
    return CheckoutRequest(
        lease_id=item["lease_id"],
        key_hash=item["key_hash"],
        fingerprint=item["fingerprint"],
        payment_id=item["payment_id"],
        language=item.get("language", "fr"),
        busy_until=datetime.fromisoformat(item["busy_until"]),
        expires_at=datetime.fromtimestamp(item["expires_at"], now.tzinfo),
        answer=item.get("answer"),
    )


def payment_of(item: Item) -> Payment:
    """A payment's item, read."""
    return Payment(
        payment_id=item["payment_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        provider=item["provider"],
        amount_cents=item["amount_cents"],
        currency=item["currency"],
        designated=tuple(item.get("designated", ())),
        created_at=datetime.fromisoformat(item["created_at"]),
        checkout_url=item.get("checkout_url"),
        provider_reference=item.get("provider_reference"),
        link_id=item.get("link_id"),
        events=tuple(event_of(one) for one in item.get("events", ())),
        posted={
            event_id: Posted(cents=one["cents"], entries=one["entries"])
            for event_id, one in item.get("posted", {}).items()
        },
        overpaid_cents=item.get("overpaid_cents", 0),
        version=item["version"],
    )


def _by_lease(payment: Payment) -> dict[str, str]:
    return {
        "gsi1pk": keys.payments_of_lease(payment.lease_id),
        "gsi1sk": f"PAYMENT#{payment.created_at.isoformat()}",
    }


def _by_residence(payment: Payment) -> dict[str, str]:
    return {
        "gsi1pk": keys.flagged_payments(payment.residence_id),
        "gsi1sk": f"{FLAGGED}{payment.created_at.isoformat()}#{payment.payment_id}",
    }


def _item(payment: Payment) -> Item:
    reached = outcome(payment)
    return {
        **keys.payment(payment.payment_id),
        **_by_lease(payment),
        "payment_id": payment.payment_id,
        "lease_id": payment.lease_id,
        "residence_id": payment.residence_id,
        "provider": payment.provider,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
        "designated": list(payment.designated) or None,
        "created_at": payment.created_at.isoformat(),
        "checkout_url": payment.checkout_url,
        "provider_reference": payment.provider_reference,
        "link_id": payment.link_id,
        "events": [event_item(event) for event in payment.events],
        "posted": {
            event_id: {"cents": one.cents, "entries": one.entries} for event_id, one in payment.posted.items()
        },
        "overpaid_cents": payment.overpaid_cents or None,
        **_reached_item(reached),
        "version": payment.version,
    }


def _reached_item(reached: Outcome) -> dict[str, Any]:
    """What the events came to, for whoever reads the table; the code reads the events."""
    return {
        "state": reached.state.value,
        "paid_at": reached.paid_at.isoformat() if reached.paid_at else None,
        "flags": sorted(flag.value for flag in reached.flags) or None,
    }


def event_item(event: PaymentEvent) -> dict[str, Any]:
    """An event as it is stored, with its payment or with a delivery."""
    return {
        "event_id": event.event_id,
        "kind": event.kind.value,
        "amount_cents": event.amount_cents,
        "currency": event.currency,
        "occurred_at": event.occurred_at.isoformat(),
        "rank": event.rank,
        "live": event.live,
        "part": event.part or None,
    }


def event_of(item: Item) -> PaymentEvent:
    """A stored event, read."""
    return PaymentEvent(
        event_id=item["event_id"],
        kind=EventKind(item["kind"]),
        amount_cents=item.get("amount_cents"),
        currency=item["currency"],
        occurred_at=datetime.fromisoformat(item["occurred_at"]),
        rank=item["rank"],
        live=item["live"],
        part=item.get("part", ""),
    )
