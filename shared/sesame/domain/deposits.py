"""Deposits (*dépôts de garantie*): held apart from rent, given back with itemised deductions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sesame.domain.journal import Entry, EntryKind
from sesame.domain.takings import Method, Reversal


class DeductionKind(StrEnum):
    """What may be kept of a deposit (law no. 89-462, article 22); each item is told to the tenant."""

    DAMAGE = "damage"
    CLEANING = "cleaning"
    KEYS = "keys"
    MISSING_ITEMS = "missing_items"
    CHARGES_TO_COME = "charges_to_come"
    ARREARS = "arrears"
    """Rent still owed: it is credited to the rent account in the same write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """One item kept, in cents above zero."""

    kind: DeductionKind
    amount_cents: int
    label: str = ""


class TooMuch(Exception):
    """More than there is. `most_cents` is what there is."""

    def __init__(self, most_cents: int) -> None:
        super().__init__()
        self.most_cents = most_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """What is held of a lease's deposit. `version` 0: nothing is stored yet."""

    lease_id: str
    residence_id: str
    held_cents: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositReturn:
    """All that was held, parted: items kept, and the rest given back."""

    return_id: str
    lease_id: str
    residence_id: str
    held_cents: int
    """What was held before."""
    deductions: tuple[Deduction, ...]
    method: Method
    """How the rest went back."""
    reference: str | None = None
    returned_on: date
    recorded_at: datetime
    recorded_by: str
    reversal: Reversal | None = None
    version: int = 1

    @property
    def source(self) -> str:
        """What its entries in the rent journal share."""
        return f"deposit-return:{self.return_id}"

    @property
    def deducted_cents(self) -> int:
        """What is kept."""
        return sum(one.amount_cents for one in self.deductions)

    @property
    def returned_cents(self) -> int:
        """What goes back to the tenant."""
        return self.held_cents - self.deducted_cents

    @property
    def arrears_cents(self) -> int:
        """What is kept for rent, and so paid."""
        return sum(one.amount_cents for one in self.deductions if one.kind is DeductionKind.ARREARS)

    @property
    def credited_cents(self) -> int:
        """What the rent account gets: the rent that was kept; all that is not kept, where it goes there."""
        return self.arrears_cents + (self.returned_cents if self.method is Method.ACCOUNT else 0)

    def entries(self) -> list[Entry]:
        """The credit that the rent account gets, where it gets one."""
        if not self.credited_cents:
            return []
        return [
            Entry(
                entry_id=self.source,
                kind=EntryKind.PAYMENT,
                amount_cents=-self.credited_cents,
                effective_at=self.recorded_at,
                source=self.source,
                method="deposit",
            )
        ]

    def reversing_entries(self, at: datetime) -> list[Entry]:
        """What takes that credit back."""
        if not self.credited_cents:
            return []
        return [
            Entry(
                entry_id=f"{self.source}:reversal",
                kind=EntryKind.REVERSAL,
                amount_cents=self.credited_cents,
                effective_at=at,
                source=self.source,
                reverses=self.source,
            )
        ]


def check_deductions(deductions: Sequence[Deduction], *, held_cents: int, owed_cents: int) -> None:
    """Raises TooMuch where more is kept than is held, or more for rent than is owed."""
    arrears = sum(one.amount_cents for one in deductions if one.kind is DeductionKind.ARREARS)
    if arrears > max(owed_cents, 0):
        raise TooMuch(max(owed_cents, 0))
    if sum(one.amount_cents for one in deductions) > held_cents:
        raise TooMuch(held_cents)
