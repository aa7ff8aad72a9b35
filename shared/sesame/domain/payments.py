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
    """Where a payment stands. Only `paid` and `partly_refunded` surely have money in them."""

    CREATED = "created"
    AWAITING_PROVIDER = "awaiting_provider"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged_back"


class EventKind(StrEnum):
    """What a provider can say of a payment, in our words."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"
    """A try came to nothing; it says nothing of money that is there."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETURNED = "returned"
    """The bank did not pay, or takes back what it had paid: a debit that fails, early or late."""
    RETRYING = "retrying"
    """The same, and the provider presents the debit again by itself."""
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    """Money that was given back came home again."""
    DISPUTED = "disputed"
    """The payer objects; no money has moved for it yet."""
    CHARGED_BACK = "charged_back"
    """The payer's bank took money back: a lost or open dispute, a charge-back."""
    REINSTATED = "reinstated"
    """And gave it again: the dispute was won or dropped, the charge-back cancelled."""


class Flag(StrEnum):
    """What staff should look at; the money is posted as it really moved."""

    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    """Nothing is posted and the state stays: a journal in euros cannot hold it."""
    DISPUTED = "disputed"
    """The payer's bank took money back, or may."""
    MORE_RETURNED = "more_returned"
    """More went back than came: a debit refunded by the landlord and charged back by the bank as well."""
    REFUND_CAME_HOME = "refund_came_home"
    """What was given back could not be delivered: it is the tenant's credit again."""
    OVERPAID = "overpaid"
    """More came than was owed, e.g. the same rent paid twice: it is the tenant's credit until given back."""


_CREATED, _AWAITING, _PAID = PaymentState.CREATED, PaymentState.AWAITING_PROVIDER, PaymentState.PAID
_FAILED, _EXPIRED, _CANCELLED = PaymentState.FAILED, PaymentState.EXPIRED, PaymentState.CANCELLED
_REFUNDED, _CHARGED_BACK = PaymentState.REFUNDED, PaymentState.CHARGED_BACK

TRANSITIONS: dict[tuple[PaymentState, EventKind], PaymentState] = {
    (_CREATED, EventKind.PENDING): _AWAITING,
    (_CREATED, EventKind.SETTLED): _PAID,
    (_CREATED, EventKind.FAILED): _FAILED,
    (_CREATED, EventKind.RETURNED): _FAILED,
    (_CREATED, EventKind.RETRYING): _AWAITING,
    (_CREATED, EventKind.EXPIRED): _EXPIRED,
    (_CREATED, EventKind.CANCELLED): _CANCELLED,
    (_AWAITING, EventKind.SETTLED): _PAID,
    (_AWAITING, EventKind.FAILED): _FAILED,
    (_AWAITING, EventKind.RETURNED): _FAILED,
    (_AWAITING, EventKind.EXPIRED): _EXPIRED,
    (_AWAITING, EventKind.CANCELLED): _CANCELLED,
    # A refused card may be tried again on the same page, a debit presented again by the provider.
    (_FAILED, EventKind.PENDING): _AWAITING,
    (_FAILED, EventKind.RETRYING): _AWAITING,
    (_FAILED, EventKind.SETTLED): _PAID,
    (_FAILED, EventKind.EXPIRED): _EXPIRED,
    (_FAILED, EventKind.CANCELLED): _CANCELLED,
    # Money that comes after all is there all the same.
    (_EXPIRED, EventKind.SETTLED): _PAID,
    (_CANCELLED, EventKind.SETTLED): _PAID,
    (_PAID, EventKind.REFUNDED): _REFUNDED,
    # Banks may take a debit back for weeks after they paid it, whatever was refunded meanwhile.
    (_PAID, EventKind.RETURNED): _FAILED,
    (_PAID, EventKind.RETRYING): _AWAITING,
    (_PAID, EventKind.CHARGED_BACK): _CHARGED_BACK,
    (_REFUNDED, EventKind.RETURNED): _FAILED,
    (_REFUNDED, EventKind.RETRYING): _AWAITING,
    (_REFUNDED, EventKind.CHARGED_BACK): _CHARGED_BACK,
    (_CHARGED_BACK, EventKind.REINSTATED): _PAID,
    (_CHARGED_BACK, EventKind.RETURNED): _FAILED,
    (_CHARGED_BACK, EventKind.RETRYING): _AWAITING,
}
"""The state that an event leads to. A pair that is not here changes nothing: what is paid stays paid.

How much of a paid payment went back, and so whether it is called paid, refunded or charged back, the amounts
say (`_named`): the table knows only that some did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent:
    """One thing that a provider said of a payment. The same `event_id` is the same event."""

    event_id: str
    kind: EventKind
    amount_cents: int | None = 0
    """Settled: what was really paid. Refunded: the running total given back so far. Refund failed, charged
    back: how much. None where the provider does not say: then it is what was asked, or all that was paid."""
    part: str = ""
    """Which refund failed, which dispute it is about: a payment may have several."""
    currency: str = CURRENCY
    occurred_at: datetime
    """The provider's own time, UTC."""
    rank: int = 0
    """The provider's order among events of the same time."""
    live: bool = True
    """False in a provider's test mode."""

    @property
    def order(self) -> tuple[datetime, int, int, str]:
        """Sorts events as the provider meant them; of running totals at one time the highest is the last."""
        return self.occurred_at, self.rank, self.amount_cents or 0, self.event_id


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
    link_id: str | None = None
    """The payment link that somebody else pays through, where it is not the tenant."""
    events: tuple[PaymentEvent, ...] = ()
    posted: Mapping[str, Posted] = field(default_factory=dict)
    """By event id."""
    overpaid_cents: int = 0
    """What of it went beyond what was owed when it was posted."""
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
    """Received and not returned, before refunds and charge-backs."""
    refunded_cents: int
    charged_back_cents: int
    net_cents: int
    """What the journal is to hold of it. Below zero where more went back than came."""
    paid_at: datetime | None
    changed_at: datetime | None
    """When the last event that changed anything occurred."""
    movements: tuple[Movement, ...]
    flags: frozenset[Flag]


def waits_for_payer(payment: Payment) -> bool:
    """Whether all that was told of it are tries that came to nothing: the next one may succeed."""
    return all(event.kind is EventKind.FAILED for event in payment.events)


def outcome(payment: Payment) -> Outcome:
    """Fold a payment's events, in the provider's order. Pure: order of arrival and repeats change nothing.

    At most one settlement is in force: a second statement of it replaces the first, it does not add to it.
    """
    fold = _Fold(asked_cents=payment.amount_cents, overpaid_cents=payment.overpaid_cents)
    for event in sorted({event.event_id: event for event in payment.events}.values(), key=_order):
        fold.take(event)
    return fold.outcome()


@dataclass(slots=True, kw_only=True)
class _Fold:
    """A payment as far as its events have been read."""

    asked_cents: int
    overpaid_cents: int
    state: PaymentState = PaymentState.CREATED
    paid: int = 0
    refunded: int = 0
    failed_refunds: set[str] = field(default_factory=set)
    withdrawn: dict[str, int] = field(default_factory=dict)
    disputed: set[str] = field(default_factory=set)
    settled_once: bool = False
    paid_at: datetime | None = None
    changed_at: datetime | None = None
    movements: list[Movement] = field(default_factory=list)
    flags: set[Flag] = field(default_factory=set)

    @property
    def net(self) -> int:
        """Nothing while no settlement is known: what goes back must have come, and will be told."""
        return self.paid - self.refunded - sum(self.withdrawn.values()) if self.settled_once else 0

    def take(self, event: PaymentEvent) -> None:
        if event.kind in _WITH_MONEY and event.currency != CURRENCY:
            self.flags.add(Flag.CURRENCY_DIFFERS)
            return
        before, net = self._known(), self.net
        self.state = TRANSITIONS.get((self.state, event.kind), self.state)
        self._count(event)
        if self.net != net:
            self.movements.append(Movement(event=event, amount_cents=net - self.net))
        if self._known() != before:
            self.changed_at = event.occurred_at

    def _count(self, event: PaymentEvent) -> None:
        cents = event.amount_cents
        match event.kind:
            case EventKind.SETTLED:
                self.paid = (self.paid or self.asked_cents) if cents is None else cents
                self.settled_once = True
                self.paid_at = self.paid_at or event.occurred_at
            case EventKind.RETURNED | EventKind.RETRYING:
                self.paid, self.paid_at = 0, None
                self.withdrawn.clear()
            case EventKind.REFUNDED:
                self.refunded = self.paid if cents is None else cents
            case EventKind.REFUND_FAILED if event.part not in self.failed_refunds:
                self.failed_refunds.add(event.part)
                self.refunded = 0 if cents is None else max(self.refunded - cents, 0)
            case EventKind.DISPUTED:
                self.disputed.add(event.part)
            case EventKind.CHARGED_BACK:
                self.disputed.add(event.part)
                self.withdrawn[event.part] = self.paid if cents is None else cents
            case EventKind.REINSTATED:
                self.disputed.discard(event.part)
                self.withdrawn.pop(event.part, None)

    def _known(self) -> tuple[object, ...]:
        withdrawn = sum(self.withdrawn.values())
        return self.state, self.paid, self.refunded, withdrawn, frozenset(self.disputed)

    def outcome(self) -> Outcome:
        if self.paid_at and self.paid != self.asked_cents:
            self.flags.add(Flag.AMOUNT_DIFFERS)
        if self.disputed:
            self.flags.add(Flag.DISPUTED)
        if self.net < 0:
            self.flags.add(Flag.MORE_RETURNED)
        if self.failed_refunds:
            self.flags.add(Flag.REFUND_CAME_HOME)
        if self.net > 0 and self.paid - self.net < self.overpaid_cents:
            self.flags.add(Flag.OVERPAID)
        return Outcome(
            state=self._named(),
            paid_cents=self.paid,
            refunded_cents=self.refunded,
            charged_back_cents=sum(self.withdrawn.values()),
            net_cents=self.net,
            paid_at=self.paid_at,
            changed_at=self.changed_at,
            movements=tuple(self.movements),
            flags=frozenset(self.flags),
        )

    def _named(self) -> PaymentState:
        """The table knows that money went back; only the amounts know whether all of it did."""
        if self.state not in {PaymentState.PAID, PaymentState.REFUNDED, PaymentState.CHARGED_BACK}:
            return self.state
        if self.withdrawn and self.net <= 0:
            return PaymentState.CHARGED_BACK
        if not self.refunded:
            return PaymentState.PAID
        return PaymentState.REFUNDED if self.refunded >= self.paid else PaymentState.PARTLY_REFUNDED


_WITH_MONEY = {
    EventKind.SETTLED,
    EventKind.REFUNDED,
    EventKind.REFUND_FAILED,
    EventKind.CHARGED_BACK,
    EventKind.REINSTATED,
}


def _order(event: PaymentEvent) -> tuple[datetime, int, int, str]:
    return event.order


def with_events(payment: Payment, events: Iterable[PaymentEvent]) -> tuple[PaymentEvent, ...]:
    """The payment's known events and the new ones among these, in order.

    Of two with one id the first, but the one that says an amount: a fetch may know what a webhook did not.
    """
    known: dict[str, PaymentEvent] = {}
    for event in (*payment.events, *events):
        earlier = known.setdefault(event.event_id, event)
        if earlier.amount_cents is None and event.amount_cents is not None:
            known[event.event_id] = event
    return tuple(sorted(known.values(), key=_order))


def entries_to_post(payment: Payment, movements: Sequence[Movement]) -> list[Entry]:
    """What the journal must still be told, so that it holds these movements: entries with ids of their cause.

    An event whose amount changed, because one before it came late, gets a correction of its entry; what is
    written stays.
    """
    wanted = {movement.event.event_id: movement.amount_cents for movement in movements}
    missing = (
        (event, wanted.get(event.event_id, 0) - _posted_cents(payment, event)) for event in payment.events
    )
    return [_entry(payment, event, cents) for event, cents in missing if cents]


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


def overpaid_after(payment: Payment, entries: Sequence[Entry], balance_cents: int) -> int:
    """`Payment.overpaid_cents` once these of its entries are in the journal, which then has that balance."""
    came = -sum(entry.amount_cents for entry in entries)
    if outcome(payment).net_cents <= 0:
        return 0
    return max(payment.overpaid_cents, min(came, -balance_cents)) if came > 0 else payment.overpaid_cents


_NOTHING = Posted(cents=0, entries=0)


def _posted_cents(payment: Payment, event: PaymentEvent) -> int:
    return payment.posted.get(event.event_id, _NOTHING).cents


def _entry_id(payment: Payment, event: PaymentEvent) -> str:
    return f"{payment.source}:{event.event_id}"


def _entry(payment: Payment, event: PaymentEvent, cents: int) -> Entry:
    base = _entry_id(payment, event)
    repeats = payment.posted.get(event.event_id, _NOTHING).entries
    kind = _ENTRY_KINDS.get(event.kind, EntryKind.CHARGE_BACK)
    received = kind is EntryKind.PAYMENT
    return Entry(
        entry_id=f"{base}~{repeats}" if repeats else base,
        kind=kind,
        amount_cents=cents,
        effective_at=event.occurred_at,
        designated=payment.designated if received else (),
        source=payment.source,
        reverses=payment.source,
        corrects=base if repeats else None,
    )


_ENTRY_KINDS = {
    EventKind.SETTLED: EntryKind.PAYMENT,
    EventKind.REINSTATED: EntryKind.PAYMENT,
    EventKind.REFUNDED: EntryKind.REFUND,
    EventKind.REFUND_FAILED: EntryKind.REFUND,
}
