"""What the message of a rent notice says: which notices are news, which are told together, what is owed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sesame.domain.calendar import Period, local_date
from sesame.domain.notices import Notice, NoticeLine, latest_period
from sesame.domain.tenancy import Residence
from sesame.store.accounts import Account, IssuedNotice

TOGETHER_WITHIN = timedelta(days=20)
"""Longer than any message waits for an allowed hour and day, shorter than from month to month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldNotice:
    """A notice as its message shows it. Cents."""

    period: Period
    starts_on: date
    ends_on: date
    due_on: date
    lines: tuple[NoticeLine, ...]
    amount_cents: int
    corrected: bool
    """Whether it takes the place of an earlier one of its month."""


def is_news(issued: IssuedNotice, residence: Residence, today: date) -> bool:
    """Whether a notice is told of: one that a late run makes up for is on the account, and in the balance."""
    notice = issued.notice
    days = (today, local_date(issued.issued_at, residence.time_zone))
    return notice.number > 1 or notice.period in {latest_period(residence, day) for day in days}


def issued_together(one: IssuedNotice, other: IssuedNotice) -> bool:
    """Whether both may be waiting to be told of at the same time."""
    return abs(one.issued_at - other.issued_at) <= TOGETHER_WITHIN


def notice_facts(told: Sequence[Notice], account: Account, today: date) -> dict[str, Any]:
    """The facts of the letter; the latest month first, which the subject names."""
    latest, *others = sorted(map(_told, told), key=lambda one: (one.period, one.corrected), reverse=True)
    checkpoint, periods = account.checkpoint, {notice.period for notice in told}
    earlier = [debt for debt in checkpoint.outstanding if debt.period not in periods]
    return {
        "period": latest.period,
        "starts_on": latest.starts_on,
        "ends_on": latest.ends_on,
        "due_on": latest.due_on,
        "lines": latest.lines,
        "corrected": latest.corrected,
        "notice_cents": latest.amount_cents,
        "others": others,
        "told_cents": sum(notice.amount_cents for notice in told),
        "today": today,
        "balance_cents": checkpoint.balance_cents,
        "earlier_cents": sum(debt.unpaid_cents for debt in earlier),
    }


def _told(notice: Notice) -> ToldNotice:
    return ToldNotice(
        period=notice.period,
        starts_on=notice.starts_on,
        ends_on=notice.ends_on,
        due_on=notice.due_on,
        lines=notice.lines,
        amount_cents=notice.amount_cents,
        corrected=notice.number > 1,
    )
