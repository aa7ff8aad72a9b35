"""The due dates that a tenant's calendar shows: what is unpaid, agreed, and to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sesame.domain.calendar import Period, period_of, periods, shift
from sesame.domain.journal import Outstanding
from sesame.domain.notices import latest_period, notice_for
from sesame.domain.plans import AgreedPlan
from sesame.domain.tenancy import Lease, Residence

MONTHS_AHEAD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDate:
    """The last day to pay a month's rent, or an agreed instalment. Without an amount: many eyes see it."""

    period: Period
    """Of an instalment the month that its day is in."""
    due_on: date
    plan_id: str = ""
    """Of the payment plan that an instalment belongs to."""
    instalment: int = 0
    """Its number in the plan, from 1."""


def due_dates(
    lease: Lease,
    residence: Residence,
    outstanding: Sequence[Outstanding],
    today: date,
    plan: AgreedPlan | None = None,
) -> list[DueDate]:
    """Of notices that are not paid in full, however old; and of the next twelve months of the lease.

    The instalments of a plan that stands take the place of what it covers. What is paid is not there any
    more, so that no alarm rings for it. One day a month, one an instalment; oldest first.
    """
    owed = [one for one in outstanding if one.unpaid_cents > 0]
    by_month: dict[Period, date] = {}
    for one in owed:
        period = one.period or period_of(one.due_on)
        if plan is None or not plan.covers(one):
            by_month[period] = min(one.due_on, by_month.get(period, one.due_on))
    unpaid = [DueDate(period=period, due_on=due_on) for period, due_on in by_month.items()]
    agreed = [
        DueDate(
            period=period_of(instalment.due_on),
            due_on=instalment.due_on,
            plan_id=plan.plan_id,
            instalment=number,
        )
        for number, instalment, _ in (plan.unpaid(owed) if plan is not None and plan.stands else ())
        if plan is not None
    ]
    first = shift(latest_period(residence, today), 1)
    coming = (
        notice_for(lease, residence, period)
        for period in periods(max(first, period_of(lease.starts_on)), shift(first, MONTHS_AHEAD - 1))
    )
    known = {one.period or period_of(one.due_on) for one in owed}
    ahead = [
        DueDate(period=one.period, due_on=one.due_on) for one in coming if one and one.period not in known
    ]
    return sorted([*unpaid, *agreed, *ahead], key=lambda one: (one.due_on, one.period, one.instalment))
