"""What every payment provider is to us: one small protocol, and the words it is spoken in.

A provider's module knows its own formats only; what its events do to a payment is domain/payments.py's, and
when they are believed is services/'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sesame.domain.payments import PaymentEvent


class Forged(Exception):
    """The notification is not the provider's: wrong, missing, unreadable or too old a signature."""


class Malformed(Exception):
    """The notification is the provider's, but nothing that it documents."""


class ProviderUnavailable(Exception):
    """The provider did not answer, or asked to be left alone for a while: try again."""


class ProviderUnreadable(ProviderUnavailable):
    """The provider answered, but nothing that it documents: another try may help, and may never."""


class ProviderRefused(Exception):
    """The provider understood and said no: trying again would not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A merchant's access to a provider. Several webhook secrets are live while one is being replaced."""

    api_key: str
    webhook_secrets: tuple[str, ...]
    url: str = ""
    """Where a fake of the provider answers, on the local stage and in tests; else its own address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What came to our webhook, before anything is believed of it."""

    body: bytes
    """Exactly as sent: signatures are of these bytes."""
    headers: Mapping[str, str]
    """By lower-case name."""
    query: str = ""
    """The raw query string: some providers sign that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvent:
    """An event, and the payment it is of: our own id, which providers echo or a fetch brings."""

    payment_id: str
    lease_id: str | None = None
    """Where the provider echoes it too, posting saves a read; it is never believed over the payment's own."""
    event: PaymentEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a notification says. An unsigned one says only where the truth is to be fetched."""

    events: tuple[ProviderEvent, ...] = ()
    to_fetch: tuple[str, ...] = ()
    """The provider's references (of a payment, a refund, ...) on which `fetch` must say what became of them:
    where a notification is not signed, or does not say which payment of ours it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a provider expects to be answered."""

    status: int
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutOrder:
    """What to ask a provider to collect. `payment_id` makes asking twice the same order."""

    payment_id: str
    lease_id: str
    amount_cents: int
    currency: str
    return_url: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A provider's page that waits for the payer."""

    url: str
    provider_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """What happened since a mark, and the mark to go on from: at once where there is more, or another day."""

    events: tuple[ProviderEvent, ...]
    mark: str | None
    """None only while nothing has ever happened."""
    more: bool
    unreadable: tuple[str, ...] = ()
    """Events and references on which the provider would say nothing, or nothing that it documents: one of
    them keeps nobody from the rest."""


class Provider(Protocol):
    """A payment provider. Amounts in cents, times in UTC.

    Whatever asks it something raises ProviderUnavailable or ProviderRefused. docs/providers.md says how each
    method is meant, and how providers of other habits fit.
    """

    name: str
    accepted: Answer
    """To a notification that is stored, or was before."""
    refused: Answer
    """To a forged one."""
    page_lasts: timedelta
    """For how long its page takes a payment."""
    kept_headers: tuple[str, ...]
    """The headers stored with a delivery, as proof and to parse it by; names in lower case."""

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        """Ask for a payment page. The same order twice gives the same page."""
        ...

    def is_live(self, credentials: Credentials) -> bool:
        """Whether an account moves real money; False for one of a provider's test mode."""
        ...

    def verify(self, notification: Notification, secrets: Sequence[str], now: datetime) -> None:
        """Raises Forged unless one of the live secrets signed these very bytes, lately."""
        ...

    def parse(self, notification: Notification) -> Received:
        """What a verified notification says. Raises Malformed. Pure, so a stored one is parsed again."""
        ...

    def delivery_id(self, notification: Notification) -> str | None:
        """What makes a repeat of a delivery known as one. None: its content does, or, where it has none but
        only says where to look, nothing: each is taken as new."""
        ...

    def fetch(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        """The truth on one payment, as the events that led to it; none where it is not one of ours.

        `reference` is the provider's, as `Checkout` or `Received` gave it. Where a provider leaves the next
        step to its merchant (a mandate is signed, the debit is to be asked for), this takes it, once.
        """
        ...

    def refund(self, reference: str, amount_cents: int, refund_id: str, credentials: Credentials) -> None:
        """Ask to give back that much more, once a `refund_id`; that it is done comes as an event."""
        ...

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        """What happened since a mark that an earlier page gave; from the start where None."""
        ...
