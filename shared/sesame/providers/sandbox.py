"""The sandbox provider of the local stage: Standard Webhooks, and a page where a payment is played."""

import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
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
    ProviderUnavailable,
    Received,
)

TOLERANCE = timedelta(minutes=5)
"""How far a notification's time may be from ours, either way (Standard Webhooks, "timestamp")."""
_LONGEST_HEADER = 4096
_NAME = re.compile(r"[A-Za-z0-9_:-]{1,128}")
_MOST = 10**9

KINDS = {f"payment.{kind.value}": kind for kind in EventKind}


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, as the Standard Webhooks specification has it.

    A secret is base64, with or without its padding and its `whsec_` prefix. Raises ValueError for another.
    """
    encoded = secret.removeprefix("whsec_").rstrip("=")
    key = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + b64encode(hmac.digest(key, signed, sha256)).decode()


class Sandbox:
    """The adapter; the provider itself is local/sandbox_provider.py."""

    name = "sandbox"
    accepted = Answer(status=204)
    refused = Answer(status=401)
    page_lasts: timedelta = timedelta(hours=24)
    kept_headers: tuple[str, ...] = ("webhook-id", "webhook-timestamp", "webhook-signature")

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def verify(self, notification: Notification, secrets: Sequence[str], now: datetime) -> None:
        """Raises Forged unless one live secret made one of the signatures, within five minutes of now."""
        message_id, timestamp, given = (notification.headers.get(name, "") for name in self.kept_headers)
        if not _NAME.fullmatch(message_id) or len(given) > _LONGEST_HEADER or not given.isascii():
            raise Forged
        if abs(_seconds(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
            raise Forged
        offered = [one.encode(errors="replace") for one in given.split(" ")]
        matches = 0
        for secret in secrets:
            try:
                expected = signature(secret, message_id, timestamp, notification.body).encode()
            except ValueError:
                continue  # a value of before the first rotation may be no key at all
            # every one is compared, so that the time taken tells nothing
            matches += sum(hmac.compare_digest(expected, one) for one in offered)
        if not matches:
            raise Forged

    def is_live(self, credentials: Credentials) -> bool:
        """Play money only."""
        return False

    def delivery_id(self, notification: Notification) -> str | None:
        """The message's id, which the sender keeps when it repeats itself."""
        return notification.headers["webhook-id"]

    def parse(self, notification: Notification) -> Received:
        """One event a message. Raises Malformed."""
        try:
            message = json.loads(notification.body)
        except (ValueError, RecursionError) as error:
            raise Malformed from error
        return Received(events=(_event(message),))

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        """Ask for a payment page; the provider keeps one page a reference."""
        answer = self._call(
            "POST",
            "/checkouts",
            credentials,
            {
                "reference": order.payment_id,
                "account": order.lease_id,
                "amount_cents": order.amount_cents,
                "currency": order.currency,
                "return_url": order.return_url,
                "language": order.language,
            },
        )
        return Checkout(url=_text(answer, "url"), provider_reference=_text(answer, "id"))

    def fetch(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        """Everything that happened to one checkout."""
        answer = self._call("GET", f"/checkouts/{quote(reference, safe='')}", credentials)
        return _events(answer)

    def refund(self, reference: str, amount_cents: int, refund_id: str, credentials: Credentials) -> None:
        """Ask to give back that much more."""
        body = {"amount_cents": amount_cents, "refund_id": refund_id}
        self._call("POST", f"/checkouts/{quote(reference, safe='')}/refunds", credentials, body)

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        """The events after a mark, oldest first."""
        answer = self._call("GET", f"/events?{urlencode({'since': mark or ''})}", credentials)
        events = _events(answer)
        return EventPage(
            events=events,
            mark=events[-1].event.event_id if events else mark,
            more=bool(events) and answer.get("next") is not None,
        )

    def _call(
        self, method: str, path: str, credentials: Credentials, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {credentials.api_key}", "Content-Type": "application/json"}
        return http.call(
            method, self._url + path, headers, None if body is None else json.dumps(body).encode()
        )


def _text(answer: dict[str, Any], name: str) -> str:
    """A value that every answer has. Raises ProviderUnavailable: one without it is no answer yet."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable
    return value


def _events(answer: dict[str, Any]) -> tuple[ProviderEvent, ...]:
    messages = answer.get("events")
    if not isinstance(messages, list):
        raise ProviderUnavailable
    return tuple(_event(message) for message in messages)


def _seconds(timestamp: str) -> int:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004
        raise Forged
    return int(timestamp)


def _event(message: Any) -> ProviderEvent:
    """One event. Raises Malformed; every value is checked, since all of them end in keys or amounts."""
    try:
        data = message["data"]
        stated_at = datetime.fromisoformat(message["created_at"])
        occurred_at = stated_at.astimezone(UTC)
        names = (message["id"], data["reference"], data["account"])
        part = data.get("part", "")
        worded = (*names, data["currency"], *([part] if part != "" else []))
        cents, rank, currency = data["amount_cents"], message["rank"], data["currency"]
        kind = KINDS[message["type"]]
        if stated_at.tzinfo is None or not all(_NAME.fullmatch(name) for name in worded):
            raise Malformed
        if not all(type(number) is int and 0 <= number <= _MOST for number in (cents, rank)):
            raise Malformed
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Malformed from error
    event_id, payment_id, lease_id = names
    return ProviderEvent(
        payment_id=payment_id,
        lease_id=lease_id,
        event=PaymentEvent(
            event_id=event_id,
            kind=kind,
            amount_cents=cents,
            currency=currency,
            occurred_at=occurred_at,
            rank=rank,
            live=False,
            part=part,
        ),
    )
