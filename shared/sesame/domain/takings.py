"""Money that no payment provider brought: taken at a desk, by transfer, or from the CAF.

What was recorded stays. What turns out wrong is reversed, by an entry of its own and with a reason.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from sesame.domain.calendar import local_date, wall_time
from sesame.domain.journal import Entry, EntryKind

OLDEST = timedelta(days=366)
"""How long ago money may have been received that is recorded now: what is older is an accountant's matter."""

MOST_CENTS = 100_000_00


class Method(StrEnum):
    """How the money came; receipts print it."""

    CASH = "cash"
    CHEQUE = "cheque"
    CARD_TERMINAL = "card_terminal"
    TRANSFER = "transfer"
    AID = "aid"
    ACCOUNT = "account"
    """To the rent account: a deposit that a final account brings there."""


class TakingPurpose(StrEnum):
    """What it is for. Rent and deposit are two accounts, and neither ever pays the other by itself."""

    RENT = "rent"
    DEPOSIT = "deposit"


NEEDS_REFERENCE = frozenset({Method.CHEQUE, Method.TRANSFER})
"""Cheque number, or the bank's reference of the transfer: what finds it again on a bank statement."""

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{0,39}")


class ReversalReason(StrEnum):
    """Why what was recorded is taken back."""

    CHEQUE_BOUNCED = "cheque_bounced"
    TRANSFER_RETURNED = "transfer_returned"
    CARD_DISPUTED = "card_disputed"
    COUNTERFEIT = "counterfeit"
    TYPING_ERROR = "typing_error"
    WRONG_TENANT = "wrong_tenant"
    AID_RECLAIMED = "aid_reclaimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """That, why, when and by whom something recorded was taken back."""

    reason: ReversalReason
    at: datetime
    by: str
    """The member of staff's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """A sum received for a lease, in cents; `received_on` by the residence's calendar."""

    taking_id: str
    lease_id: str
    residence_id: str
    method: Method
    purpose: TakingPurpose = TakingPurpose.RENT
    amount_cents: int
    received_on: date
    recorded_at: datetime
    recorded_by: str
    """The member of staff's id."""
    reference: str | None = None
    designated: tuple[str, ...] = ()
    """The periods to be paid first."""
    import_id: str | None = None
    """The file that brought it, where one did."""
    document_id: str | None = None
    """Its receipt, where one was ordered."""
    reversal: Reversal | None = None
    version: int = 1

    @property
    def source(self) -> str:
        """What its entries in the journal share."""
        return f"taking:{self.taking_id}"

    def entry(self, time_zone: str) -> Entry:
        """The credit that it is. Money of a past day counts from noon of that day, where it was received."""
        return Entry(
            entry_id=self.source,
            kind=EntryKind.AID if self.method is Method.AID else EntryKind.PAYMENT,
            amount_cents=-self.amount_cents,
            effective_at=_moment(self.received_on, self.recorded_at, time_zone),
            designated=self.designated,
            source=self.source,
            method=self.method.value,
        )

    def reversing_entry(self, at: datetime) -> Entry:
        """The debit that takes it back, the same however often it is made."""
        return Entry(
            entry_id=f"{self.source}:reversal",
            kind=EntryKind.REVERSAL,
            amount_cents=self.amount_cents,
            effective_at=at,
            source=self.source,
            reverses=self.source,
        )


def date_fault(received_on: date, now: datetime, time_zone: str) -> str | None:
    """Why money cannot have been received that day: `future`, `too_old`; None when it can."""
    today = local_date(now, time_zone)
    if received_on > today:
        return "future"
    return "too_old" if received_on < today - OLDEST else None


def _moment(day: date, now: datetime, time_zone: str) -> datetime:
    if day == local_date(now, time_zone):
        return now
    return wall_time(day, time(12), time_zone)
