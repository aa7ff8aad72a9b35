"""Arrears by age: what is overdue, and for how long, in the four classes that accountants use."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sesame.domain.journal import Outstanding
from sesame.domain.standings import overdue


class Age(StrEnum):
    """Days since the due date. The day after it is the first."""

    UP_TO_30 = "0-30"
    UP_TO_60 = "31-60"
    UP_TO_90 = "61-90"
    OVER_90 = "90+"


_LAST_DAYS = {Age.UP_TO_30: 30, Age.UP_TO_60: 60, Age.UP_TO_90: 90}


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrears:
    """What is overdue of one account, or of several together. Cents."""

    by_age: Mapping[Age, int]
    oldest_due_on: date | None = None

    @property
    def total_cents(self) -> int:
        """Of every age."""
        return sum(self.by_age.values())


NONE = Arrears(by_age=dict.fromkeys(Age, 0))


def age_of(due_on: date, today: date) -> Age:
    """The class of what was due on a day before `today`."""
    days = (today - due_on).days
    return next((age for age, last in _LAST_DAYS.items() if days <= last), Age.OVER_90)


def arrears(outstanding: Iterable[Outstanding], today: date) -> Arrears:
    """What is overdue of an account on the residence's calendar day. Pure."""
    cents = dict.fromkeys(Age, 0)
    late = overdue(outstanding, today)
    for one in late:
        cents[age_of(one.due_on, today)] += one.unpaid_cents
    return Arrears(by_age=cents, oldest_due_on=min((one.due_on for one in late), default=None))


def together(many: Iterable[Arrears]) -> Arrears:
    """Those of several accounts, added up."""
    found = list(many)
    return Arrears(
        by_age={age: sum(one.by_age[age] for one in found) for age in Age},
        oldest_due_on=min((one.oldest_due_on for one in found if one.oldest_due_on), default=None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What many accounts have not paid, late or not yet due: sums that can be aged on any later day."""

    cents: Mapping[date, int] = field(default_factory=dict)
    """Unpaid, by due date."""
    leases: Mapping[date, int] = field(default_factory=dict)
    """Accounts, by the due date of the oldest that each has not paid."""


def owed_with(owed: Owed, outstanding: Iterable[Outstanding]) -> Owed:
    """The same with one more account."""
    unpaid = [one for one in outstanding if one.unpaid_cents > 0]
    if not unpaid:
        return owed
    cents, leases = dict(owed.cents), dict(owed.leases)
    for one in unpaid:
        cents[one.due_on] = cents.get(one.due_on, 0) + one.unpaid_cents
    oldest = min(one.due_on for one in unpaid)
    return Owed(cents=cents, leases=leases | {oldest: leases.get(oldest, 0) + 1})


def owed_on(owed: Owed, today: date) -> tuple[Arrears, int]:
    """The arrears on a day of the residence's calendar, and how many leases are in arrears."""
    cents = dict.fromkeys(Age, 0)
    late = [due_on for due_on in owed.cents if due_on < today]
    for due_on in late:
        cents[age_of(due_on, today)] += owed.cents[due_on]
    leases = sum(number for oldest, number in owed.leases.items() if oldest < today)
    return Arrears(by_age=cents, oldest_due_on=min(late, default=None)), leases
