"""Refunds that tenants ask for: of credit only, by the way it came, or to another account after a day."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sesame.domain.journal import Entry, EntryKind
from sesame.domain.payments import EventKind, Payment, PaymentState, outcome

WAIT = timedelta(hours=24)
"""How long a refund to another account waits, every contact told: who stole a session must not gain by it."""


class RefundState(StrEnum):
    """How far a request is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    """Decided; the provider is being asked. Asked again, it goes on where it was; done when the provider says
    so, whether or not it answered."""
    SENT = "sent"
    """The provider has taken it, or the parts before one that it refused; done when it says so."""
    DONE = "done"
    FAILED = "failed"
    """The provider said no, at once or days later: by another account, perhaps."""
    REFUSED = "refused"
    CANCELLED = "cancelled"


class RefusalReason(StrEnum):
    """Why staff say no."""

    OWED_SOON = "owed_soon"
    """A notice that the credit will pay is due."""
    ACCOUNT_IN_DOUBT = "account_in_doubt"
    PAYMENT_DISPUTED = "payment_disputed"
    NO_CREDIT = "no_credit"
    NOT_GIVEN = "not_given"
    """The provider took it and could not give it after all, or was asked and never did."""


TRANSITIONS: dict[RefundState, frozenset[RefundState]] = {
    RefundState.REQUESTED: frozenset(
        {RefundState.APPROVED, RefundState.DONE, RefundState.REFUSED, RefundState.CANCELLED}
    ),
    RefundState.APPROVED: frozenset({RefundState.SENT, RefundState.DONE, RefundState.FAILED}),
    RefundState.SENT: frozenset({RefundState.DONE, RefundState.FAILED}),
    RefundState.DONE: frozenset({RefundState.FAILED}),
}
"""What a request may become. To another account it is done once decided: the transfer is ordered by then."""

OPEN = frozenset(TRANSITIONS) - {RefundState.DONE}
"""While it is in one of these, the lease has no other: two could both count on the same credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What goes back through one payment. It is done when that payment's refunds come to `total_after`."""

    payment_id: str
    amount_cents: int
    total_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A tenant's request for money back. Cents; times in UTC."""

    refund_id: str
    lease_id: str
    residence_id: str
    person_id: str
    amount_cents: int
    requested_at: datetime
    not_before: datetime
    """Decided no earlier."""
    iban: str | None = None
    """The account it goes to; None: back the way it came."""
    holder: str | None = None
    parts: tuple[Part, ...] = ()
    state: RefundState = RefundState.REQUESTED
    decided_at: datetime | None = None
    refused_because: RefusalReason | None = None
    transfer_reference: str | None = None
    version: int = 1

    def part_id(self, part: Part) -> str:
        """What makes a provider give a part back once only."""
        return f"{self.refund_id}-{self.parts.index(part)}"

    def entry(self, at: datetime) -> Entry:
        """What a transfer to another account does to the journal: it uses up credit, nothing else."""
        return Entry(
            entry_id=f"refund:{self.refund_id}",
            kind=EntryKind.REFUND,
            amount_cents=self.amount_cents,
            effective_at=at,
        )


def back_the_way_it_came(amount_cents: int, credit: Iterable[tuple[Payment, int]]) -> tuple[Part, ...] | None:
    """How much goes back through which payment, the newest first; None where they do not hold enough.

    `credit` says how much of each payment pays nothing: what pays rent is not given back.
    """
    parts: list[Part] = []
    left = amount_cents
    for payment, unspent in sorted(credit, key=_age, reverse=True):
        reached = outcome(payment)
        if reached.state not in {PaymentState.PAID, PaymentState.PARTLY_REFUNDED}:
            continue
        cents = min(left, unspent)
        if cents > 0 and payment.provider_reference:
            total = reached.refunded_cents + cents
            parts.append(Part(payment_id=payment.payment_id, amount_cents=cents, total_after=total))
            left -= cents
    return tuple(parts) if not left else None


def _age(one: tuple[Payment, int]) -> tuple[datetime, str]:
    payment, _ = one
    return payment.created_at, payment.payment_id


def as_told(refund: Refund, payments: Sequence[Payment | None]) -> Refund:
    """A request as far as it is by what the provider has said of its payments.

    What came home days later, by a closed account perhaps, was not given after all.
    """
    if not refund.parts:
        return refund
    if refund.state in {RefundState.SENT, RefundState.DONE} and (home := _came_home(refund, payments)):
        refund = of_what_was_given(refund, tuple(part for part in refund.parts if part not in home))
    if refund.state in {RefundState.APPROVED, RefundState.SENT} and not untold(refund, payments):
        refund = replace(refund, state=RefundState.DONE)
    return refund


def of_what_was_given(refund: Refund, given: tuple[Part, ...]) -> Refund:
    """The request, for these parts only; failed where there is none. The rest can be asked for anew."""
    if not given:
        return replace(refund, state=RefundState.FAILED)
    return replace(refund, parts=given, amount_cents=sum(part.amount_cents for part in given))


def _came_home(refund: Refund, payments: Sequence[Payment | None]) -> set[Part]:
    """A payment may have other refunds: what failed is told apart by its amount."""
    failed = {
        (payment.payment_id, event.amount_cents)
        for payment in payments
        for event in (payment.events if payment else ())
        if payment and event.kind is EventKind.REFUND_FAILED and event.occurred_at >= _decided(refund)
    }
    return {
        part
        for part in untold(refund, payments)
        if failed & {(part.payment_id, part.amount_cents), (part.payment_id, None)}
    }


def _decided(refund: Refund) -> datetime:
    return refund.decided_at or refund.requested_at


def untold(refund: Refund, payments: Sequence[Payment | None]) -> tuple[Part, ...]:
    """The parts of which the provider has not said that they are given back."""
    told = {one.payment_id: outcome(one).refunded_cents for one in payments if one}
    return tuple(part for part in refund.parts if told.get(part.payment_id, 0) < part.total_after)


_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_IBAN_LENGTHS = {"FR": 27, "MC": 27, "DE": 22, "BE": 16, "ES": 24, "IT": 27, "LU": 20, "NL": 18, "PT": 25}


def read_iban(typed: str) -> str | None:
    """An IBAN without spaces, or None for what cannot be one (ISO 13616: letters as 10 to 35, modulo 97)."""
    iban = re.sub(r"[\s-]", "", typed).upper()
    if not _IBAN.fullmatch(iban) or not iban.isascii():
        return None
    if len(iban) != _IBAN_LENGTHS.get(iban[:2], len(iban)):
        return None
    turned = iban[4:] + iban[:4]
    return iban if int("".join(str(int(one, 36)) for one in turned)) % 97 == 1 else None


def masked_iban(iban: str) -> str:
    """`FR76 … 185`: enough to know it by."""
    return f"{iban[:4]} … {iban[-3:]}"
