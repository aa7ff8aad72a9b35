"""What being late leads to besides a surcharge: a block of renewal, a formal notice. By rule, and announced.

Both are worked out from what is unpaid, day by day, so that whoever shows them says what will be applied. A
payment plan, a hold, a dispute and the tolerance stop them as they stop reminders. Cents; days of the
residence's calendar.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate

from sesame.domain.calendar import Period, local_date
from sesame.domain.journal import Outstanding
from sesame.domain.plans import uncovered
from sesame.domain.reminders import (
    Dun,
    formal_notices_called_for,
    has_steps,
    month_of,
    payable_by,
    within_tolerance,
)
from sesame.domain.tenancy import ReminderSettings, RenewalBlock

FORMAL_NOTICE_SOURCE = "Code civil, article 1344"
"""What a *mise en demeure* rests on, whatever a residence's own rules say."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormalNoticeToCome:
    """The first formal notice that will be sent unless the debt of a month is paid before that day."""

    on: date
    period: Period
    pay_by_days: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockState:
    """Where a lease stands by its residence's rule on renewal.

    `on`: from which day renewal is blocked, unless `cents` are paid before it; None where nothing that is
    owed leads there. `waived`: the months whose being late counts no more.
    """

    source: str
    on: date | None
    cents: int
    applies: bool
    waived: tuple[Period, ...] = ()


def formal_notice_to_come(
    account: Dun, settings: ReminderSettings, *, time_zone: str, now: datetime
) -> FormalNoticeToCome | None:
    """The one that comes next; None where none does: nothing leads to one, or it was sent."""
    called_for = [
        (_held(account, local_date(one.at, time_zone), now, time_zone), one.period)
        for one in formal_notices_called_for(account, settings, time_zone)
    ]
    ahead = [one for one in called_for if one[0] > local_date(now, time_zone)]
    if not ahead:
        return None
    on, period = min(ahead)
    return FormalNoticeToCome(
        on=on, period=period, pay_by_days=settings.pay_by_days, source=FORMAL_NOTICE_SOURCE
    )


def block_on(debit: Outstanding, rule: RenewalBlock, time_zone: str) -> date | None:
    """From which day a debit counts towards a block, if it is unpaid then; None where it never does."""
    if debit.period is None or local_date(debit.issued_at, time_zone) < rule.applies_from:
        return None
    return payable_by(debit, time_zone) + timedelta(days=rule.days)


def renewal_block(
    account: Dun,
    waived: Iterable[Period],
    settings: ReminderSettings,
    *,
    time_zone: str,
    now: datetime,
) -> BlockState | None:
    """Where a lease stands by the rule; None where its residence has none.

    It is blocked from the day on which more than `over_cents` are late by the rule's days; paying so much
    that no more than that is left lifts it at once.
    """
    rule = settings.renewal_block
    if rule is None:
        return None
    counted = sorted(
        (day, debit.unpaid_cents)
        for debit in _free(account)
        if month_of(debit) not in set(waived) and (day := block_on(debit, rule, time_zone)) is not None
    )
    state = BlockState(source=rule.source, on=None, cents=0, applies=False, waived=tuple(sorted(set(waived))))
    if within_tolerance(_free(account), settings):
        return state
    late = zip(counted, accumulate(cents for _, cents in counted), strict=True)
    reached = next((day for (day, _), cents in late if cents > rule.over_cents), None)
    if reached is None:
        return state
    on, today = _held(account, reached, now, time_zone), local_date(now, time_zone)
    cents = sum(cents for day, cents in counted if day <= max(on, today))
    return replace(state, on=on, cents=cents, applies=on <= today)


def months_that_lead_there(account: Dun) -> tuple[Period, ...]:
    """The months that a waiver of today sets aside: all that are owed, late or not yet."""
    return tuple(sorted({month_of(debit) for debit in account.unpaid if has_steps(debit)}))


def _free(account: Dun) -> Iterator[Outstanding]:
    """The debits that no payment plan has taken the place of."""
    return filter(has_steps, uncovered(account.unpaid, account.plan))


def _held(account: Dun, day: date, now: datetime, time_zone: str) -> date:
    """A day, or the morrow of the hold that still stands on it."""
    hold = account.hold
    if hold is None or not hold.stands(now, time_zone):
        return day
    return max(day, hold.until + _DAY)
