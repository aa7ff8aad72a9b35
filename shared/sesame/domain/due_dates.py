"""The due dates that a tenant's calendar shows: what is unpaid, and what the coming months will bring."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sesame.domain.calendar import Period, period_of, periods, shift
from sesame.domain.journal import Outstanding
from sesame.domain.notices import latest_period, notice_for
from sesame.domain.tenancy import Lease, Residence

MONTHS_AHEAD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """The last day to pay a month's rent. Without an amount: a calendar is read by many eyes."""

    period: Period
    due_on: date


def due_dates(
    lease: Lease, residence: Residence, outstanding: Iterable[Outstanding], today: date
) -> list[DueDate]:
    """Of notices that are not paid in full, however old; and of the next twelve months of the lease.

    What is paid is not there any more, so that no alarm rings for it. Oldest first.
    """
    unpaid = [
        DueDate(period=one.period or period_of(one.due_on), due_on=one.due_on)
        for one in outstanding
        if one.unpaid_cents > 0
    ]
    first = shift(latest_period(residence, today), 1)
    coming = (
        notice_for(lease, residence, period)
        for period in periods(max(first, period_of(lease.starts_on)), shift(first, MONTHS_AHEAD - 1))
    )
    known = {one.period for one in unpaid}
    ahead = [
        DueDate(period=one.period, due_on=one.due_on) for one in coming if one and one.period not in known
    ]
    return sorted([*unpaid, *ahead], key=lambda one: (one.due_on, one.period))
