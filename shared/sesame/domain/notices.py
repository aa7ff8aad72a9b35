"""Rent notices (*avis d'échéance*): what a lease owes for one calendar month, and when.

A notice charges its own period only: a balance brought forward or an expected aid is printed beside it, never
added. The same lease, residence and period make the same notice, however late the job that asks for it runs.

A notice is never edited: one that is wrong is taken away by a credit note, and another takes its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from sesame.domain.calendar import Period, day_in, days_in, first_day, last_day, period_of, periods, shift
from sesame.domain.tenancy import Lease, LeaseStatus, Residence
from sesame.domain.terms import Segment, segments

CATCH_UP_PERIODS = 3
"""How many earlier periods a late run still bills. A longer gap is no outage: staff decide on it."""


class LineKind(StrEnum):
    """What a line of a notice charges. Rent and charges stay apart: the receipt must show both."""

    RENT = "rent"
    CHARGES = "charges"
    ADJUSTMENT = "adjustment"
    """What staff added, with a label of theirs; below zero it is a reduction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeLine:
    """One amount and the days it is for: a change of terms within the month makes two lines of a kind."""

    kind: LineKind
    starts_on: date
    ends_on: date
    monthly_cents: int
    amount_cents: int
    room: str = ""
    """Which room it is for, in a month of two; else empty."""
    label: str = ""
    """Of an adjustment, as printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """What staff add to the next notice: cents, below zero for a reduction, and why, as printed."""

    adjustment_id: str
    amount_cents: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a lease owes for a period: the debit itself. Amounts in cents; dates of the residence."""

    lease_id: str
    residence_id: str
    period: Period
    starts_on: date
    """First day charged: the month's first, or the lease's."""
    ends_on: date
    """Last day charged, included."""
    due_on: date
    """Last day to pay; see `calendar.deadline` for the instant."""
    lines: tuple[NoticeLine, ...]
    number: int = 1
    """1 for the first of its period; 2 takes the place of that, and so on."""

    @property
    def amount_cents(self) -> int:
        """The sum of the lines; never negative."""
        return sum(line.amount_cents for line in self.lines)

    @property
    def adjustments(self) -> tuple[NoticeLine, ...]:
        """The lines that staff added."""
        return tuple(line for line in self.lines if line.kind is LineKind.ADJUSTMENT)

    def sum_of(self, kind: LineKind) -> int:
        """Cents of all lines of a kind."""
        return sum(line.amount_cents for line in self.lines if line.kind is kind)

    @property
    def is_whole_month(self) -> bool:
        """Whether every day of the period is charged."""
        return self.starts_on == first_day(self.period) and self.ends_on == last_day(self.period)


def share_of_month(monthly_cents: int, starts_on: date, ends_on: date) -> int:
    """Cents due of a monthly amount for the days from `starts_on` to `ends_on`, both included, in one month.

    No text fixes how to divide a month, so the rule is the one a tenant can check with a calendar: by day,
    of the days this month has. Rounding follows the running total: what is due by the end of day k is the
    monthly amount x k / days, rounded half up to the cent, and a stay pays the difference between its last
    day and the eve of its first. So however a month is cut into stays, their amounts add up to the month
    (rounding each share alone can lose or make a cent), and each is within one cent of the exact share.

    >>> share_of_month(10_001, date(2026, 9, 1), date(2026, 9, 15))
    5001
    >>> share_of_month(10_001, date(2026, 9, 16), date(2026, 9, 30))
    5000
    """
    if period_of(starts_on) != period_of(ends_on) or ends_on < starts_on:
        raise ValueError("a share is of days of one month, in order")
    days = days_in(period_of(starts_on))
    return _running_total(monthly_cents, ends_on.day, days) - _running_total(
        monthly_cents, starts_on.day - 1, days
    )


def _running_total(monthly_cents: int, day: int, days: int) -> int:
    return (2 * monthly_cents * day + days) // (2 * days)


def notice_for(lease: Lease, residence: Residence, period: Period) -> Notice | None:
    """The notice of a lease for a period; None where none is owed: cancelled, not running then, or free."""
    starts_on = max(lease.starts_on, first_day(period))
    ends_on = min(lease.ends_on, last_day(period))
    if lease.status is LeaseStatus.CANCELLED or ends_on < starts_on:
        return None
    lines = tuple(_lines(_within(segments(lease), starts_on, ends_on)))
    if not sum(line.amount_cents for line in lines):
        return None
    return Notice(
        lease_id=lease.lease_id,
        residence_id=residence.residence_id,
        period=period,
        starts_on=starts_on,
        ends_on=ends_on,
        due_on=_due_on(residence, period, starts_on),
        lines=lines,
    )


def with_adjustments(notice: Notice, pending: Iterable[Adjustment]) -> tuple[Notice, tuple[Adjustment, ...]]:
    """A notice with what waits for one added as lines, and what is left to wait for the next.

    What is charged goes on whole. A reduction takes no more than there is: no notice falls below zero.
    """
    lines, left = list(notice.lines), []
    # what is charged first, so that a reduction finds it
    for one in sorted(pending, key=lambda one: -one.amount_cents):
        cents = max(one.amount_cents, -sum(line.amount_cents for line in lines))
        if cents:
            lines.append(
                NoticeLine(
                    kind=LineKind.ADJUSTMENT,
                    starts_on=notice.starts_on,
                    ends_on=notice.ends_on,
                    monthly_cents=0,
                    amount_cents=cents,
                    label=one.label,
                )
            )
        if cents != one.amount_cents:
            left.append(replace(one, amount_cents=one.amount_cents - cents))
    return replace(notice, lines=tuple(lines)), tuple(left)


def _within(stays: Iterable[Segment], starts_on: date, ends_on: date) -> list[Segment]:
    """What lies of them within these days."""
    cut = (
        replace(one, starts_on=max(one.starts_on, starts_on), ends_on=min(one.ends_on, ends_on))
        for one in stays
    )
    return [one for one in cut if one.starts_on <= one.ends_on]


def _lines(stays: Sequence[Segment]) -> Iterable[NoticeLine]:
    """Rent, then charges: a line for all days that follow each other in one room at one price."""
    several = len({one.terms.room for one in stays}) > 1
    for kind in (LineKind.RENT, LineKind.CHARGES):
        joined: list[NoticeLine] = []
        for one in stays:
            monthly = one.terms.rent_cents if kind is LineKind.RENT else one.terms.charges_cents
            room = one.terms.room if several else ""
            starts_on = one.starts_on
            if joined and (joined[-1].monthly_cents, joined[-1].room) == (monthly, room):
                starts_on = joined.pop().starts_on
            joined.append(
                NoticeLine(
                    kind=kind,
                    starts_on=starts_on,
                    ends_on=one.ends_on,
                    monthly_cents=monthly,
                    amount_cents=share_of_month(monthly, starts_on, one.ends_on),
                    room=room,
                )
            )
        yield from (line for line in joined if line.monthly_cents > 0)


def issue_on(residence: Residence, period: Period) -> date:
    """The day, on the residence's calendar, from which the notices of a period go out."""
    return day_in(period, residence.issue_day)


def _due_on(residence: Residence, period: Period, starts_on: date) -> date:
    """The first due day from the issue on; who moves in later gets as many days from then as the others."""
    month = period if residence.due_day >= residence.issue_day else shift(period, 1)
    usual = day_in(month, residence.due_day)
    return max(usual, starts_on + (usual - issue_on(residence, period)))


def time_to_pay(residence: Residence, period: Period) -> timedelta:
    """How long the tenants of a residence have, from the day of issue to the due day."""
    return _due_on(residence, period, date.min) - issue_on(residence, period)


def latest_period(residence: Residence, today: date) -> Period:
    """The latest period whose notices should be out on that day of the residence's calendar."""
    current = period_of(today)
    return current if today >= issue_on(residence, current) else shift(current, -1)


def periods_to_bill(lease: Lease, residence: Residence, today: date) -> list[Period]:
    """The periods a lease should have a notice for by `today`, oldest first, `CATCH_UP_PERIODS` back at most.

    Whoever issues them keeps this order: then the last one's existence proves that of all.
    """
    latest = latest_period(residence, today)
    first = max(period_of(lease.starts_on), shift(latest, -CATCH_UP_PERIODS))
    last = min(period_of(lease.ends_on), latest)
    return [period for period in periods(first, last) if notice_for(lease, residence, period)]
