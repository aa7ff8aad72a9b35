"""Stripe: Checkout pages for cards and SEPA debits, its signed events, refunds and disputes.

Formats: docs.stripe.com/api, version below. A SEPA debit is `processing` for days before it succeeds or
fails. A dispute does not say which payment of ours it is about, so what became of that payment is fetched.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from sesame.domain.payments import EventKind, PaymentEvent
from sesame.providers import http
from sesame.providers.base import (
    Answer,
    Checkout,
    CheckoutOrder,
    Credentials,
    EventPage,
    Forged,
    Malformed,
    Notification,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    Received,
)
from sesame.providers.reading import (
    LONGEST_HEADER,
    cents,
    event_name,
    hex_signed,
    mapping,
    name,
    object_of,
    ours,
    seconds,
    word,
)

API_URL = "https://api.stripe.com"
API_VERSION = "2026-10-28.endive"
TOLERANCE = timedelta(minutes=5)
"""How far a signature's time may be from ours, either way."""
MOST_SIGNATURES = 16
_PAGE = 100
_CONFLICT = 409
_METHODS = ("card", "sepa_debit")

INTENTS = {
    "payment_intent.processing": EventKind.PENDING,
    "payment_intent.succeeded": EventKind.SETTLED,
    "payment_intent.payment_failed": EventKind.FAILED,
    "payment_intent.canceled": EventKind.CANCELLED,
}
SESSIONS = {
    "checkout.session.completed": EventKind.SETTLED,
    "checkout.session.async_payment_succeeded": EventKind.SETTLED,
    "checkout.session.async_payment_failed": EventKind.FAILED,
    "checkout.session.expired": EventKind.EXPIRED,
}
CHARGES = {"charge.refunded": EventKind.REFUNDED}
REFUNDS = ("refund.failed", "refund.updated", "charge.refund.updated")
DISPUTES = (
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
TYPES = (*INTENTS, *SESSIONS, *CHARGES, *REFUNDS, *DISPUTES)
"""What an account's webhook endpoint is to be subscribed to."""

_DROPPED = {"warning_closed", "won", "prevented"}
RANKS = {kind: rank for rank, kind in enumerate(EventKind)}
"""Times are in whole seconds: of one second, a payment's life goes the way its kinds are listed."""


class Stripe:
    """The adapter."""

    name = "stripe"
    accepted = Answer(status=200)
    refused = Answer(status=400)
    page_lasts: timedelta = timedelta(hours=24)
    kept_headers: tuple[str, ...] = ("stripe-signature",)

    def is_live(self, credentials: Credentials) -> bool:
        """Secret and restricted keys say it themselves."""
        return not credentials.api_key.startswith(("sk_test_", "rk_test_"))

    def verify(self, notification: Notification, secrets: Sequence[str], now: datetime) -> None:
        """`t=...,v1=...`: hex HMAC-SHA256 of `t.body`; several `v1` while Stripe rotates. Raises Forged."""
        header = notification.headers.get("stripe-signature", "")
        if len(header) > LONGEST_HEADER or not header.isascii():
            raise Forged
        parts = [part.partition("=") for part in header.split(",")]
        times = [value for key, _, value in parts if key == "t"]
        offered = [value for key, _, value in parts if key == "v1"]
        if len(times) != 1 or not 0 < len(offered) <= MOST_SIGNATURES:
            raise Forged
        stamp = times[0]
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):  # noqa: PLR2004
            raise Forged
        if abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
            raise Forged
        if not hex_signed(secrets, b".".join((stamp.encode(), notification.body)), offered):
            raise Forged

    def delivery_id(self, notification: Notification) -> str | None:
        """The event's id, which Stripe keeps when it sends it again."""
        return name(object_of(notification.body).get("id"))

    def parse(self, notification: Notification) -> Received:
        """One event a notification; what it has no need of is nothing. Raises Malformed."""
        return _received(object_of(notification.body))

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        """A Checkout session. Stripe keeps an answer 24 hours by its idempotency key."""
        form = {
            "mode": "payment",
            "client_reference_id": order.payment_id,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": order.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(order.amount_cents),
            "line_items[0][price_data][product_data][name]": "Loyer" if order.language == "fr" else "Rent",
            "success_url": order.return_url,
            "cancel_url": order.return_url,
            "locale": order.language,
        }
        form |= {f"payment_method_types[{place}]": method for place, method in enumerate(_METHODS)}
        for key, value in {"payment_id": order.payment_id, "lease_id": order.lease_id}.items():
            form[f"metadata[{key}]"] = value
            form[f"payment_intent_data[metadata][{key}]"] = value
        answer = self._post("/v1/checkout/sessions", form, credentials, f"checkout-{order.payment_id}")
        return Checkout(url=_text(answer, "url"), provider_reference=_text(answer, "id"))

    def fetch(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        """What became of a Checkout session (`cs_`), a payment intent (`pi_`) or a charge (`ch_`, `py_`)."""
        with http.understood():
            return tuple(self._truth(reference, credentials))

    def refund(self, reference: str, amount_cents: int, refund_id: str, credentials: Credentials) -> None:
        """Ask to give back that much more of a Checkout session's payment, once a `refund_id`.

        Idempotency keys are forgotten in a day, what was made is not.
        """
        session = self._get(f"/v1/checkout/sessions/{quote(reference, safe='')}", {}, credentials)
        intent = session.get("payment_intent")
        if not isinstance(intent, str):
            raise ProviderRefused
        whose = {"payment_intent": intent, "limit": str(_PAGE)}
        for made in _list(self._get("/v1/refunds", whose, credentials)):
            if (made.get("metadata") or {}).get("refund_id") == refund_id:
                return
        form = {"payment_intent": intent, "amount": str(amount_cents), "metadata[refund_id]": refund_id}
        form |= {f"metadata[{key}]": value for key, value in (ours(session.get("metadata")) or {}).items()}
        self._post("/v1/refunds", form, credentials, f"refund-{refund_id}")

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        """The events after one, oldest first; Stripe keeps them 30 days, and starts there where it must."""
        try:
            page = self._events({"ending_before": mark} if mark else {}, credentials)
        except ProviderRefused:
            if mark is None:
                raise
            return self.events_since(None, credentials)  # the mark is older than what Stripe keeps
        more = bool(page.get("has_more"))
        while mark is None and page.get("has_more"):
            page = self._events({"starting_after": _text(_list(page)[-1], "id")}, credentials)
        newest_first = _list(page)
        told: list[ProviderEvent] = []
        unreadable: list[str] = []
        for event in reversed(newest_first):
            truth = http.readable(partial(self._told, event, credentials))
            told += truth or ()
            unreadable += [event_name(event)] if truth is None else []
        return EventPage(
            events=tuple(told),
            mark=_text(newest_first[0], "id") if newest_first else mark,
            more=more,
            unreadable=tuple(unreadable),
        )

    def _events(self, where: Mapping[str, str], credentials: Credentials) -> dict[str, Any]:
        types = {f"types[{place}]": kind for place, kind in enumerate(TYPES)}
        return self._get("/v1/events", {"limit": str(_PAGE), **types, **where}, credentials)

    def _told(self, event: Mapping[str, Any], credentials: Credentials) -> list[ProviderEvent]:
        received = _received(event)
        fetched = [self.fetch(reference, credentials) for reference in received.to_fetch]
        return [*received.events, *(one for truth in fetched for one in truth)]

    def _truth(self, reference: str, credentials: Credentials) -> Iterator[ProviderEvent]:
        place = quote(reference, safe="")
        if reference.startswith("cs_"):
            session = self._get(f"/v1/checkout/sessions/{place}", {}, credentials)
            intent = session.get("payment_intent")
            if isinstance(intent, str):
                yield from self._truth(intent, credentials)
            elif session.get("status") == "expired":
                facts = {"id": session.get("id"), "created": session.get("expires_at")}
                yield from _told_of(session, session, EventKind.EXPIRED, facts)
            return
        if not reference.startswith("pi_"):
            charge = self._get(f"/v1/charges/{place}", {}, credentials)
            if isinstance(charge.get("payment_intent"), str):
                yield from self._truth(charge["payment_intent"], credentials)
            return
        expand = {"expand[0]": "latest_charge.balance_transaction"}
        intent = self._get(f"/v1/payment_intents/{place}", expand, credentials)
        if ours(intent.get("metadata")) is None:
            return
        yield from _standing(intent)
        if intent.get("status") == "succeeded":
            whose = {"payment_intent": reference, "limit": str(_PAGE)}
            failing = {"expand[0]": "data.failure_balance_transaction"}
            yield from _refunds(intent, _list(self._get("/v1/refunds", whose | failing, credentials)))
            for dispute in _list(self._get("/v1/disputes", whose, credentials)):
                yield from _dispute(intent, dispute)

    def _get(self, path: str, query: Mapping[str, str], credentials: Credentials) -> dict[str, Any]:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path, credentials)

    def _post(self, path: str, form: Mapping[str, str], credentials: Credentials, key: str) -> dict[str, Any]:
        headers = {"Idempotency-Key": key, "Content-Type": "application/x-www-form-urlencoded"}
        return self._call("POST", path, credentials, headers, urlencode(form).encode())

    def _call(
        self,
        method: str,
        path: str,
        credentials: Credentials,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        own = {"Authorization": f"Bearer {credentials.api_key}", "Stripe-Version": API_VERSION}
        try:
            return http.call(method, (credentials.url or API_URL) + path, own | dict(headers or {}), body)
        except http.Refused as refused:
            if refused.status == _CONFLICT:  # the same request is at work at this moment
                raise ProviderUnavailable from refused
            raise


def _received(event: Mapping[str, Any]) -> Received:
    if event.get("object") != "event":
        raise Malformed
    name(event.get("id"))
    kind, thing = word(event.get("type")), mapping(mapping(event.get("data")).get("object"))
    if kind in SESSIONS:
        told = EventKind.PENDING if _is_to_come(kind, thing) else SESSIONS[kind]
        return _of(event, thing, told, None)  # it knows what was asked; what came, the payment intent
    if kind in INTENTS:
        return _of(event, thing, INTENTS[kind], cents(thing.get("amount_received", 0)))
    if kind in CHARGES:
        return _of(event, thing, CHARGES[kind], cents(thing.get("amount_refunded")), or_fetch=True)
    if kind in REFUNDS and thing.get("status") == "failed":
        return _of(event, thing, EventKind.REFUND_FAILED, cents(thing.get("amount")), or_fetch=True)
    if kind in DISPUTES:
        return _pointing(thing)
    return Received()


def _is_to_come(kind: str, session: Mapping[str, Any]) -> bool:
    return kind == "checkout.session.completed" and session.get("payment_status") == "unpaid"


def _of(
    event: Mapping[str, Any],
    thing: Mapping[str, Any],
    kind: EventKind,
    amount: int | None,
    *,
    or_fetch: bool = False,
) -> Received:
    if ours(thing.get("metadata")) is None:
        return _pointing(thing) if or_fetch else Received()
    part = name(thing.get("id")) if kind is EventKind.REFUND_FAILED else ""
    return Received(events=tuple(_told_of(thing, thing, kind, event, amount=amount, part=part)))


def _pointing(thing: Mapping[str, Any]) -> Received:
    reference = thing.get("payment_intent") or thing.get("charge")
    return Received(to_fetch=(name(reference),)) if reference else Received()


def _told_of(
    owner: Mapping[str, Any],
    thing: Mapping[str, Any],
    kind: EventKind,
    facts: Mapping[str, Any],
    *,
    amount: int | None = 0,
    part: str = "",
) -> Iterator[ProviderEvent]:
    """One event about `thing`: `facts` has its id and time, `owner` whose it is."""
    known = ours(owner.get("metadata"))
    if known is None:
        return
    live = facts.get("livemode", thing.get("livemode", owner.get("livemode")))
    if not isinstance(live, bool):
        raise Malformed
    yield ProviderEvent(
        payment_id=known["payment_id"],
        lease_id=known["lease_id"],
        event=PaymentEvent(
            event_id=name(facts.get("id")),
            kind=kind,
            amount_cents=amount if kind in _WITH_AMOUNT else 0,
            currency=name(thing.get("currency", owner.get("currency"))).upper(),
            occurred_at=seconds(facts.get("created")),
            rank=RANKS[kind],
            live=live,
            part=part,
        ),
    )


_WITH_AMOUNT = {
    EventKind.SETTLED,
    EventKind.REFUNDED,
    EventKind.REFUND_FAILED,
    EventKind.CHARGED_BACK,
    EventKind.REINSTATED,
}
_STANDINGS = {"processing": EventKind.PENDING, "canceled": EventKind.CANCELLED}


def _standing(intent: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    """Where a payment intent stands: events with ids of its own, the same each time it is asked."""
    status = word(intent.get("status"))
    charge = intent.get("latest_charge")
    moved = charge.get("balance_transaction") if isinstance(charge, dict) else None
    if status == "succeeded":
        moment = moved if isinstance(moved, dict) else mapping(charge)
        facts = {"id": f"{name(intent.get('id'))}:succeeded", "created": moment.get("created")}
        yield from _told_of(
            intent, intent, EventKind.SETTLED, facts, amount=cents(intent.get("amount_received"))
        )
    elif status in _STANDINGS:
        at = intent.get("canceled_at") or intent.get("created")
        facts = {"id": f"{name(intent.get('id'))}:{status}", "created": at}
        yield from _told_of(intent, intent, _STANDINGS[status], facts)


def _refunds(intent: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]) -> Iterator[ProviderEvent]:
    """Refunds, given newest first, as running totals; and those that failed."""
    steps: list[tuple[datetime, int, Mapping[str, Any]]] = []
    for refund in reversed(refunds):
        if refund.get("status") == "canceled":
            continue
        steps.append((seconds(refund.get("created")), cents(refund.get("amount")), refund))
        if refund.get("status") == "failed":
            failed = mapping(refund.get("failure_balance_transaction") or refund)
            steps.append((seconds(failed.get("created")), -cents(refund.get("amount")), refund))
    total = 0
    for at, change, refund in sorted(steps, key=lambda step: (step[0], step[1] < 0)):
        total += change
        refund_id, time = name(refund.get("id")), int(at.timestamp())
        if change > 0:
            facts = {"id": f"{refund_id}:given", "created": time}
            yield from _told_of(intent, refund, EventKind.REFUNDED, facts, amount=total)
        else:
            facts = {"id": f"{refund_id}:failed", "created": time}
            yield from _told_of(
                intent, refund, EventKind.REFUND_FAILED, facts, amount=-change, part=refund_id
            )


def _dispute(intent: Mapping[str, Any], dispute: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    """A dispute, by the money that it moved; an inquiry moves none."""
    dispute_id, moved = name(dispute.get("id")), dispute.get("balance_transactions")
    if not isinstance(moved, list):
        raise Malformed
    facts = {"id": f"{dispute_id}:opened", "created": dispute.get("created")}
    yield from _told_of(intent, dispute, EventKind.DISPUTED, facts, part=dispute_id)
    for transaction in moved:
        change = mapping(transaction).get("amount")
        if type(change) is not int:
            raise Malformed
        kind = EventKind.CHARGED_BACK if change < 0 else EventKind.REINSTATED
        yield from _told_of(intent, dispute, kind, transaction, amount=abs(change), part=dispute_id)
    if not moved and dispute.get("status") in _DROPPED:
        closed = {**facts, "id": f"{dispute_id}:closed"}
        yield from _told_of(intent, dispute, EventKind.REINSTATED, closed, part=dispute_id)


def _text(answer: Mapping[str, Any], key: str) -> str:
    """A value that every answer has. Raises ProviderUnavailable: one without it is no answer yet."""
    value = answer.get(key)
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable
    return value


def _list(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = answer.get("data")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProviderUnavailable
    return found
