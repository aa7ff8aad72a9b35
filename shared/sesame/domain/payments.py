"""A payment's life, as the provider's events tell it, and what it moves in the journal.

Providers promise neither order nor uniqueness, so a payment's state is a fold over the set of its known
events in the provider's own order; the journal then receives the difference to what it was told before.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sesame.domain.journal import Entry, EntryKind

CURRENCY = "EUR"
MINIMUM_CENTS = 100
"""1 EUR: below it, card fees eat the payment and PayFiP refuses it."""


class PaymentState(StrEnum):
    """Where a payment stands. Only `paid` and `partly_refunded` have money in them."""

    CREATED = "created"
    AWAITING_PROVIDER = "awaiting_provider"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


class EventKind(StrEnum):
    """What a provider can say of a payment, in our words."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Flag(StrEnum):
    """What staff should look at; the money is posted as it really moved."""

    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    """Nothing is posted and the state stays: a journal in euros cannot hold it."""


_CREATED, _AWAITING, _PAID = PaymentState.CREATED, PaymentState.AWAITING_PROVIDER, PaymentState.PAID
_FAILED, _EXPIRED, _CANCELLED = PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED
_REFUNDED = PaymentState.REFUNDED

TRANSITIONS: dict[tuple[PaymentState, EventKind], PaymentState] = {
    (_CREATED, EventKind.PENDING): _AWAITING,
    (_CREATED, EventKind.SETTLED): _PAID,
    (_CREATED, EventKind.FAILED): _FAILED,
    (_CREATED, EventKind.EXPIRED): _EXPIRED,
    (_CREATED, EventKind.CANCELLED): _CANCELLED,
    (_AWAITING, EventKind.SETTLED): _PAID,
    (_AWAITING, EventKind.FAILED): _FAILED,
    (_AWAITING, EventKind.EXPIRED): _EXPIRED,
    (_AWAITING, EventKind.CANCELLED): _CANCELLED,
    # A refused card may be tried again on the same page.
    (_FAILED, EventKind.PENDING): _AWAITING,
    (_FAILED, EventKind.SETTLED): _PAID,
    (_FAILED, EventKind.EXPIRED): _EXPIRED,
    (_FAILED, EventKind.CANCELLED): _CANCELLED,
    # Money that comes after all is there all the same.
    (_EXPIRED, EventKind.SETTLED): _PAID,
    (_CANCELLED, EventKind.SETTLED): _PAID,
    (_PAID, EventKind.REFUNDED): _REFUNDED,
}
"""The state that an event leads to. A pair that is not here changes nothing: what is paid stays paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent:
    """One thing that a provider said of a payment. The same `event_id` is the same event."""

    event_id: str
    kind: EventKind
    amount_cents: int = 0
    """Settled: what was really paid. Refunded: the running total given back so far."""
    currency: str = CURRENCY
    occurred_at: datetime
    """The provider's own time, UTC."""
    rank: int = 0
    """The provider's order among events of the same time."""
    live: bool = True
    """False in a provider's test mode."""

    @property
    def order(self) -> tuple[datetime, int, str]:
        """Sorts events as the provider meant them."""
        return self.occurred_at, self.rank, self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What the journal was told because of one event: the sum in cents, and in how many entries."""

    cents: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One try to pay. Several may be open at once: a pending one never blocks another."""

    payment_id: str
    lease_id: str
    residence_id: str
    provider: str
    amount_cents: int
    """What was asked."""
    currency: str = CURRENCY
    designated: tuple[str, ...] = ()
    """The periods that the payer wants paid first."""
    created_at: datetime
    checkout_url: str | None = None
    provider_reference: str | None = None
    events: tuple[PaymentEvent, ...] = ()
    posted: Mapping[str, Posted] = field(default_factory=dict)
    """By event id."""
    version: int = 1

    @property
    def source(self) -> str:
        """What its entries in the journal share."""
        return f"payment:{self.payment_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """What one event changes for the tenant's balance: below zero a credit, above zero money given back."""

    event: PaymentEvent
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a payment's events come to."""

    state: PaymentState
    paid_cents: int
    """Received in all, before refunds."""
    refunded_cents: int
    paid_at: datetime | None
    changed_at: datetime | None
    """When the last event that changed anything occurred."""
    movements: tuple[Movement, ...]
    flags: frozenset[Flag]


def outcome(payment: Payment) -> Outcome:
    """Fold a payment's events, in the provider's order. Pure: order of arrival and repeats change nothing.

    At most one settlement is in force: a second statement of it replaces the first, it does not add to it.
    """
    state, paid, refunded = PaymentState.CREATED, 0, 0
    paid_at = changed_at = None
    movements: list[Movement] = []
    flags: set[Flag] = set()
    for event in sorted({event.event_id: event for event in payment.events}.values(), key=_order):
        if event.kind in _WITH_MONEY and event.currency != CURRENCY:
            flags.add(Flag.CURRENCY_DIFFERS)
            continue
        before, in_force = (state, paid, refunded), max(paid - refunded, 0)
        state = TRANSITIONS.get((state, event.kind), state)
        if event.kind is EventKind.SETTLED:
            paid, paid_at = event.amount_cents, paid_at or event.occurred_at
        elif event.kind is EventKind.REFUNDED:
            refunded = max(refunded, event.amount_cents)
        moved = max(paid - refunded, 0) - in_force
        if moved:
            movements.append(Movement(event=event, amount_cents=-moved))
        if moved or (state, paid, refunded) != before:
            changed_at = event.occurred_at
    if paid_at and paid != payment.amount_cents:
        flags.add(Flag.AMOUNT_DIFFERS)
    return Outcome(
        state=_with_refunds(state, paid, refunded),
        paid_cents=paid,
        refunded_cents=refunded,
        paid_at=paid_at,
        changed_at=changed_at,
        movements=tuple(movements),
        flags=frozenset(flags),
    )


_WITH_MONEY = {EventKind.SETTLED, EventKind.REFUNDED}


def _order(event: PaymentEvent) -> tuple[datetime, int, str]:
    return event.order


def _with_refunds(state: PaymentState, paid: int, refunded: int) -> PaymentState:
    """The table knows that money went back; only the amounts know whether all of it did."""
    if state not in {PaymentState.PAID, PaymentState.REFUNDED} or not refunded:
        return state
    return PaymentState.REFUNDED if refunded >= paid else PaymentState.PARTLY_REFUNDED


def with_events(payment: Payment, events: Iterable[PaymentEvent]) -> tuple[PaymentEvent, ...]:
    """The payment's known events and the new ones among these, in order; of two with one id, the first."""
    known: dict[str, PaymentEvent] = {}
    for event in (*payment.events, *events):
        known.setdefault(event.event_id, event)
    return tuple(sorted(known.values(), key=_order))


def entries_to_post(payment: Payment, movements: Sequence[Movement]) -> list[Entry]:
    """What the journal must still be told, so that it holds these movements: entries with ids of their cause.

    An event whose amount changed, because one before it came late, gets a correction of its entry; what is
    written stays.
    """
    wanted = {movement.event.event_id: movement.amount_cents for movement in movements}
    entries = [
        _entry(payment, event, wanted.get(event.event_id, 0) - _posted_cents(payment, event))
        for event in payment.events
    ]
    return [entry for entry in entries if entry.amount_cents]


def posted_after(payment: Payment, entries: Sequence[Entry]) -> dict[str, Posted]:
    """`Payment.posted` once these entries of its own are in the journal."""
    after = dict(payment.posted)
    for event in payment.events:
        for entry in entries:
            if (entry.corrects or entry.entry_id) == _entry_id(payment, event):
                before = after.get(event.event_id, _NOTHING)
                after[event.event_id] = Posted(
                    cents=before.cents + entry.amount_cents, entries=before.entries + 1
                )
    return after


_NOTHING = Posted(cents=0, entries=0)


def _posted_cents(payment: Payment, event: PaymentEvent) -> int:
    return payment.posted.get(event.event_id, _NOTHING).cents


def _entry_id(payment: Payment, event: PaymentEvent) -> str:
    return f"{payment.source}:{event.event_id}"


def _entry(payment: Payment, event: PaymentEvent, cents: int) -> Entry:
    base = _entry_id(payment, event)
    repeats = payment.posted.get(event.event_id, _NOTHING).entries
    received = event.kind is EventKind.SETTLED
    return Entry(
        entry_id=f"{base}~{repeats}" if repeats else base,
        kind=EntryKind.PAYMENT if received else EntryKind.REFUND,
        amount_cents=cents,
        effective_at=event.occurred_at,
        designated=payment.designated if received else (),
        source=payment.source,
        reverses=payment.source,
        corrects=base if repeats else None,
    )
