"""GoCardless: SEPA debits. A mandate is signed on its page, the debit asked for after that, and paid in days.

Formats: developer.gocardless.com/api-reference, version below. Its events say no amounts: a debit is of what
we asked, and what else is not in an event (a refund's amount, a payment's owner) is fetched.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from sesame.domain.payments import CURRENCY, EventKind, PaymentEvent
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
    instant,
    mapping,
    name,
    object_of,
    ours,
    word,
)

LIVE_URL, SANDBOX_URL = "https://api.gocardless.com", "https://api-sandbox.gocardless.com"
API_VERSION = "2015-07-06"
SCHEME = "sepa_core"
MOST_EVENTS = 250
_PAGE = 500
_RECONCILED = 100
"""Events told at a time: what they point to is to be fetched in a minute that allows a thousand calls."""
_BEGINNING = datetime(2011, 1, 1, tzinfo=UTC)
"""GoCardless's own: no account is older."""
_TICK = timedelta(milliseconds=1)
"""Its times know no less."""
_CONFLICT = 409
_SANDBOX = "sandbox_"

PAYMENTS = {
    "created": EventKind.PENDING,
    "customer_approval_granted": EventKind.PENDING,
    "customer_approval_denied": EventKind.FAILED,
    "submitted": EventKind.PENDING,
    "resubmission_requested": EventKind.PENDING,
    "confirmed": EventKind.SETTLED,
    "paid_out": EventKind.SETTLED,
    "failed": EventKind.RETURNED,
    "charged_back": EventKind.CHARGED_BACK,
    "chargeback_cancelled": EventKind.REINSTATED,
    "cancelled": EventKind.CANCELLED,
}
"""Others tell how GoCardless settles with its merchant (`late_failure_settled`, `chargeback_settled`)."""
BILLING_REQUESTS = {"cancelled": EventKind.CANCELLED, "failed": EventKind.FAILED}
RANKS = {kind: rank for rank, kind in enumerate(EventKind)}
_REFUND_FAILURES = {"failed", "funds_returned"}


class GoCardless:
    """The adapter."""

    name = "gocardless"
    accepted = Answer(status=204)
    refused = Answer(status=498)
    page_lasts: timedelta = timedelta(days=7)
    kept_headers: tuple[str, ...] = ("webhook-signature",)

    def is_live(self, credentials: Credentials) -> bool:
        """Tokens of the sandbox environment say so."""
        return not credentials.api_key.startswith(_SANDBOX)

    def verify(self, notification: Notification, secrets: Sequence[str], now: datetime) -> None:
        """Hex HMAC-SHA256 of the body. It has no time: a repeat is known by its content. Raises Forged."""
        given = notification.headers.get("webhook-signature", "")
        if len(given) > LONGEST_HEADER or not hex_signed(secrets, notification.body, [given]):
            raise Forged

    def delivery_id(self, notification: Notification) -> str | None:
        """The body's own: GoCardless repeats it byte for byte."""
        return sha256(notification.body).hexdigest()

    def parse(self, notification: Notification) -> Received:
        """Up to 250 events. Raises Malformed."""
        events = object_of(notification.body).get("events")
        if not isinstance(events, list) or len(events) > MOST_EVENTS:
            raise Malformed
        return _received(events, {})

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        """A page where the payer signs a mandate; `fetch` asks for the debit once that is done."""
        wanted = {
            "mandate_request": {"currency": order.currency, "scheme": SCHEME},
            # the three that GoCardless keeps at most
            "metadata": {
                "payment_id": order.payment_id,
                "lease_id": order.lease_id,
                "amount_cents": str(order.amount_cents),
            },
        }
        with http.understood():
            request = _id(
                self._create("billing_requests", wanted, credentials, f"request-{order.payment_id}")
            )
            flow = {
                "redirect_uri": order.return_url,
                "exit_uri": order.return_url,
                "language": order.language,
                "links": {"billing_request": request},
            }
            page = self._create("billing_request_flows", flow, credentials, None)
            return Checkout(url=word(page.get("authorisation_url")), provider_reference=request)

    def fetch(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        """What became of a billing request (`BRQ`), a payment (`PM`) or a refund (`RF`).

        The debit of a billing request whose mandate is signed is asked for, once.
        """
        with http.understood():
            return self._truth(reference, credentials)

    def refund(self, reference: str, amount_cents: int, refund_id: str, credentials: Credentials) -> None:
        """Ask to give back that much more of a billing request's payment, once a `refund_id`."""
        with http.understood():
            request = self._read("billing_requests", reference, credentials)
            payment = self._payment_of(request, credentials)
            if payment is None:
                raise ProviderRefused
            whose = {"payment": _id(payment)}
            for made in self._every("refunds", whose, credentials):
                if (made.get("metadata") or {}).get("refund_id") == refund_id:
                    return
            wanted = {
                "amount": amount_cents,
                "total_amount_confirmation": cents(payment.get("amount_refunded") or 0) + amount_cents,
                "metadata": {"refund_id": refund_id},
                "links": whose,
            }
            self._create("refunds", wanted, credentials, f"refund-{refund_id}")

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        """The events from an instant on, oldest first; its own may be told again, which moves nothing."""
        with http.understood():
            events, payments, until = self._oldest(mark, credentials)
            newest = word(events[0].get("created_at")) if events else mark
        told: list[ProviderEvent] = []
        to_fetch: dict[str, None] = {}
        unreadable: list[str] = []
        for event in reversed(events):
            received = http.readable(partial(_received, [event], payments))
            if received is None:
                unreadable.append(event_name(event))
            else:
                told += received.events
                to_fetch |= dict.fromkeys(received.to_fetch)
        truths = http.at_once(
            lambda reference: http.readable(partial(self.fetch, reference, credentials)), list(to_fetch)
        )
        for reference, truth in zip(to_fetch, truths, strict=True):
            told += truth or ()
            unreadable += [reference] if truth is None else []
        return EventPage(
            events=tuple(told),
            mark=until or newest,
            more=until is not None,
            unreadable=tuple(unreadable),
        )

    def _oldest(
        self, mark: str | None, credentials: Credentials
    ) -> tuple[list[dict[str, Any]], dict[str, Mapping[str, Any]], str | None]:
        """The oldest events from a mark on that a page holds, newest first; their payments; and until when
        that is, where there are later ones.

        Lists begin with the newest: of a time that no page holds, the earlier half is asked for instead,
        and where nothing happened in that, the later one.
        """
        where = {"limit": str(_RECONCILED), "include": "payment"}
        if mark is not None:
            where["created_at[gte]"] = mark
        start = end = instant(mark) if mark else _BEGINNING
        until: datetime | None = None
        while True:
            page = self._list("events", where, credentials)
            events = _all(page, "events")
            if _after(page):
                end = instant(events[0].get("created_at")) + _TICK
                if until and end - start <= _TICK:
                    return *self._walked(page, where, credentials), _stamp(until)
            elif events or until is None:
                return events, _linked(page), _stamp(until) if until else None
            else:
                start = until
                where["created_at[gte]"] = _stamp(start)
            until = start + max((end - start) // _TICK // 2, 1) * _TICK
            where["created_at[lt]"] = _stamp(until)

    def _walked(
        self, page: Mapping[str, Any], where: Mapping[str, str], credentials: Credentials
    ) -> tuple[list[dict[str, Any]], dict[str, Mapping[str, Any]]]:
        """All pages of one instant, which cannot be halved."""
        events, payments = _all(page, "events"), _linked(page)
        while after := _after(page):
            page = self._list("events", {**where, "after": after}, credentials)
            events, payments = events + _all(page, "events"), payments | _linked(page)
        return events, payments

    def _truth(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        if reference.startswith("BRQ"):
            request = self._read("billing_requests", reference, credentials)
            if payment := self._payment_of(request, credentials):
                return self._life(payment, credentials)
            if debit := _debit(request):
                return _asked(self._create("payments", debit, credentials, f"debit-{reference}"))
            events = self._every("events", {"billing_request": reference}, credentials)
            return _received(events, {reference: {"metadata": request.get("metadata")}}).events
        if reference.startswith("RF"):
            links = mapping(self._read("refunds", reference, credentials).get("links"))
            if links.get("payment") is None:
                return ()  # of a mandate: what we give back, we give back of a payment
            reference = name(links["payment"])
        return self._life(self._read("payments", reference, credentials), credentials)

    def _payment_of(self, request: Mapping[str, Any], credentials: Credentials) -> dict[str, Any] | None:
        """The debit of a signed mandate. Idempotency keys are forgotten in time, what was made is not."""
        known, mandate = ours(request.get("metadata")), _mandate(request)
        if known is None or mandate is None:
            return None
        for payment in self._every("payments", {"mandate": mandate}, credentials):
            if (ours(payment.get("metadata")) or {}).get("payment_id") == known["payment_id"]:
                return payment
        return None

    def _life(self, payment: Mapping[str, Any], credentials: Credentials) -> tuple[ProviderEvent, ...]:
        """Every event of a payment, with its amount; refunds as running totals."""
        if ours(payment.get("metadata")) is None:
            return ()
        payment_id = _id(payment)
        events = self._every("events", {"payment": payment_id}, credentials)
        told = list(_received(events, {payment_id: payment}).events)
        steps: list[tuple[datetime, int, str, str]] = []
        for refund in self._every("refunds", {"payment": payment_id}, credentials):
            refund_id, amount = _id(refund), cents(refund.get("amount"))
            for event in self._every("events", {"refund": refund_id}, credentials):
                at, event_id, action = instant(event.get("created_at")), _id(event), event.get("action")
                if action == "created":
                    steps.append((at, amount, event_id, refund_id))
                elif action in _REFUND_FAILURES:
                    steps.append((at, -amount, event_id, refund_id))
        total = 0
        for at, change, event_id, refund_id in sorted(steps):
            total += change
            kind = EventKind.REFUNDED if change > 0 else EventKind.REFUND_FAILED
            said = total if change > 0 else -change
            told.append(_event(payment, kind, event_id, at, said, "" if change > 0 else refund_id))
        return tuple(told)

    def _every(
        self, kind: str, where: Mapping[str, str], credentials: Credentials
    ) -> Iterator[dict[str, Any]]:
        page = self._list(kind, {**where, "limit": str(_PAGE)}, credentials)
        yield from _all(page, kind)
        while after := _after(page):
            page = self._list(kind, {**where, "limit": str(_PAGE), "after": after}, credentials)
            yield from _all(page, kind)

    def _create(
        self, kind: str, wanted: Mapping[str, Any], credentials: Credentials, key: str | None
    ) -> dict[str, Any]:
        """A thing of GoCardless's, the same for the same key however often it is asked for."""
        try:
            return _inner(self._post(kind, wanted, credentials, key), kind)
        except http.Refused as refused:
            made = _conflicting(refused)
            if made is None:
                raise
        return self._read(kind, made, credentials)

    def _read(self, kind: str, thing_id: str, credentials: Credentials) -> dict[str, Any]:
        return _inner(self._call("GET", f"/{kind}/{quote(thing_id, safe='')}", credentials), kind)

    def _list(self, kind: str, where: Mapping[str, str], credentials: Credentials) -> dict[str, Any]:
        return self._call("GET", f"/{kind}?{urlencode(where)}", credentials)

    def _post(
        self, kind: str, wanted: Mapping[str, Any], credentials: Credentials, key: str | None
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        body = json.dumps({kind: wanted}).encode()
        return self._call("POST", f"/{kind}", credentials, headers, body)

    def _call(
        self,
        method: str,
        path: str,
        credentials: Credentials,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        url = credentials.url or (LIVE_URL if self.is_live(credentials) else SANDBOX_URL)
        own = {"Authorization": f"Bearer {credentials.api_key}", "GoCardless-Version": API_VERSION}
        return http.call(method, url + path, own | dict(headers or {}), body)


def _received(events: Any, known: Mapping[str, Mapping[str, Any]]) -> Received:
    """Events in the words of the domain; `known` are payments and billing requests by id, with owners."""
    told: list[ProviderEvent] = []
    to_fetch: dict[str, None] = {}
    for each in events:
        event = mapping(each)
        name(event.get("id"))
        links, action = mapping(event.get("links")), word(event.get("action"))
        match word(event.get("resource_type")):
            case "payments" if action in PAYMENTS:
                payment_id = name(links.get("payment"))
                if owner := known.get(payment_id) or _echoed(event):
                    told += _of_payment(event, owner, action)
                elif _says_nothing(event):
                    to_fetch[payment_id] = None
            case "billing_requests" if action == "fulfilled" or action in BILLING_REQUESTS:
                request_id = name(links.get("billing_request"))
                owner = known.get(request_id) or _echoed(event)
                if owner and action in BILLING_REQUESTS:
                    told += _ended(event, owner, BILLING_REQUESTS[action])
                elif owner or _says_nothing(event):
                    to_fetch[request_id] = None
            case "refunds":
                to_fetch[name(links.get("refund"))] = None
    return Received(events=tuple(told), to_fetch=tuple(to_fetch))


def _echoed(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """Whose a payment or billing request is, where the event carries its metadata."""
    metadata = event.get("resource_metadata")
    return {"metadata": metadata} if ours(metadata) else None


def _says_nothing(event: Mapping[str, Any]) -> bool:
    """Metadata that is there and not ours is of a payment that is not ours; none at all says nothing."""
    return not event.get("resource_metadata")


def _of_payment(event: Mapping[str, Any], owner: Mapping[str, Any], action: str) -> Iterator[ProviderEvent]:
    kind = PAYMENTS[action]
    details = event.get("details")
    if action == "failed" and isinstance(details, dict) and details.get("will_attempt_retry") is True:
        kind = EventKind.RETRYING
    at = instant(event.get("created_at"))
    if ours(owner.get("metadata")):
        yield _event(owner, kind, name(event.get("id")), at, owner.get("amount"), "")


def _ended(event: Mapping[str, Any], owner: Mapping[str, Any], kind: EventKind) -> Iterator[ProviderEvent]:
    if ours(owner.get("metadata")):
        yield _event(owner, kind, name(event.get("id")), instant(event.get("created_at")), 0, "")


def _event(
    owner: Mapping[str, Any], kind: EventKind, event_id: str, at: datetime, amount: Any, part: str
) -> ProviderEvent:
    known = ours(owner.get("metadata"))
    if known is None:
        raise Malformed
    return ProviderEvent(
        payment_id=known["payment_id"],
        lease_id=known["lease_id"],
        event=PaymentEvent(
            event_id=event_id,
            kind=kind,
            amount_cents=(None if amount is None else cents(amount)) if kind in _WITH_AMOUNT else 0,
            currency=name(owner.get("currency", CURRENCY)),
            occurred_at=at,
            rank=RANKS[kind],
            part=part,
        ),
    )


_WITH_AMOUNT = {
    EventKind.SETTLED,
    EventKind.CHARGED_BACK,
    EventKind.REFUNDED,
    EventKind.REFUND_FAILED,
}


def _debit(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """What to ask for once a mandate is signed."""
    known, mandate = ours(request.get("metadata")), _mandate(request)
    if known is None or mandate is None or request.get("status") != "fulfilled":
        return None
    amount = word(known.get("amount_cents"))
    if not (amount.isascii() and amount.isdigit()) or len(amount) > 12:  # noqa: PLR2004
        raise Malformed
    return {
        "amount": cents(int(amount)),
        "currency": CURRENCY,
        "retry_if_possible": True,
        "metadata": {"payment_id": known["payment_id"], "lease_id": known["lease_id"]},
        "links": {"mandate": mandate},
    }


def _asked(payment: Mapping[str, Any]) -> tuple[ProviderEvent, ...]:
    """That a debit was asked for just now; its own events follow."""
    at = instant(payment.get("created_at"))
    return (_event(payment, EventKind.PENDING, f"{_id(payment)}:asked", at, 0, ""),)


def _mandate(request: Mapping[str, Any]) -> str | None:
    links = request.get("links")
    mandate = links.get("mandate_request_mandate") if isinstance(links, dict) else None
    if mandate is None and isinstance(asked := request.get("mandate_request"), dict):
        mandate = mapping(asked.get("links") or {}).get("mandate")
    return None if mandate is None else name(mandate)


def _conflicting(refused: http.Refused) -> str | None:
    """What a repeated idempotency key made the first time, as the refusal names it."""
    errors = mapping(refused.document.get("error") or {}).get("errors")
    for error in errors if refused.status == _CONFLICT and isinstance(errors, list) else ():
        if isinstance(error, dict) and error.get("reason") == "idempotent_creation_conflict":
            return name(mapping(error.get("links") or {}).get("conflicting_resource_id"))
    return None


def _inner(answer: Mapping[str, Any], kind: str) -> dict[str, Any]:
    found = answer.get(kind)
    if not isinstance(found, dict):
        raise ProviderUnavailable
    return found


def _all(page: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    found = page.get(kind)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ProviderUnavailable
    return found


def _after(page: Mapping[str, Any]) -> str | None:
    cursors = mapping(mapping(page.get("meta") or {}).get("cursors") or {})
    after = cursors.get("after")
    return after if isinstance(after, str) and after else None


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _linked(page: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The payments that a page of events is about, by id."""
    payments = mapping(page.get("linked") or {}).get("payments")
    found = [one for one in payments if isinstance(one, dict)] if isinstance(payments, list) else []
    return {name(one.get("id")): one for one in found}


def _id(thing: Mapping[str, Any]) -> str:
    return name(thing.get("id"))
