"""Months, local days and the hours in which a tenant may be written to.

A *period* is a calendar month written `YYYY-MM`: it sorts, and it is what keys and events carry.
Times are aware UTC datetimes; a residence's own wall clock is given by its IANA zone name.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

type Period = str
type IsHoliday = Callable[[date], bool]

SENDING_OPENS = time(9, 0)
SENDING_CLOSES = time(19, 0)
SUNDAY = 6
QUIET_AT_MOST = timedelta(days=15)
"""No calendar keeps us silent longer; a predicate that says otherwise is broken."""


def period_of(day: date) -> Period:
    """The period a day belongs to.

    >>> period_of(date(2026, 9, 16))
    '2026-09'
    """
    return f"{day.year:04d}-{day.month:02d}"


def first_day(period: Period) -> date:
    """The first day of a period. Raises ValueError unless it reads `YYYY-MM`."""
    return datetime.strptime(period, "%Y-%m").replace(tzinfo=UTC).date()


def last_day(period: Period) -> date:
    """The last day of a period."""
    return first_day(period).replace(day=days_in(period))


def days_in(period: Period) -> int:
    """How many days a period has: 28 to 31."""
    first = first_day(period)
    return monthrange(first.year, first.month)[1]


def shift(period: Period, months: int) -> Period:
    """The period that many months later; earlier when negative."""
    first = first_day(period)
    years, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return f"{years:04d}-{month + 1:02d}"


def periods(first: Period, last: Period) -> Iterator[Period]:
    """Every period from `first` to `last`, both included; none when `last` is earlier."""
    period = first
    while period <= last:
        yield period
        period = shift(period, 1)


def day_in(period: Period, day: int) -> date:
    """That day of the period, or the last where the month is too short: 31 February is the 28th or 29th."""
    return first_day(period).replace(day=min(day, days_in(period)))


def local_date(now: datetime, time_zone: str) -> date:
    """What the calendar on the residence's wall shows."""
    return now.astimezone(ZoneInfo(time_zone)).date()


def wall_time(day: date, at: time, time_zone: str) -> datetime:
    """The UTC instant at which the residence's clock shows `at` on `day`.

    In the hour that summer time skips, the clock never shows it: the instant is as long after the change as
    `at` is after the gap's start. In the hour that comes twice it is the first one.
    """
    return datetime.combine(day, at, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def deadline(day: date, time_zone: str) -> datetime:
    """The last second of a day on the residence's clock, in UTC: paid on the 10th is paid by this instant."""
    return wall_time(day, time(23, 59, 59), time_zone)


def working_days_only(day: date) -> bool:
    """The calendar of a territory without public holidays: the `IsHoliday` to use where none is known."""
    del day
    return False


def is_sending_time(now: datetime, time_zone: str, is_holiday: IsHoliday = working_days_only) -> bool:
    """Whether a reminder may leave: Monday to Saturday, 09:00 to 19:00 at the residence, and no holiday."""
    local = now.astimezone(ZoneInfo(time_zone))
    return (
        local.weekday() != SUNDAY
        and SENDING_OPENS <= local.time() < SENDING_CLOSES
        and not is_holiday(local.date())
    )


def next_sending_time(now: datetime, time_zone: str, is_holiday: IsHoliday = working_days_only) -> datetime:
    """The first instant from `now` on when a reminder may leave. Raises ValueError if 15 days have none."""
    if is_sending_time(now, time_zone, is_holiday):
        return now
    today = local_date(now, time_zone)
    for offset in range(QUIET_AT_MOST.days + 1):
        opening = wall_time(today + timedelta(days=offset), SENDING_OPENS, time_zone)
        if opening >= now and is_sending_time(opening, time_zone, is_holiday):
            return opening
    raise ValueError(f"no sending time within {QUIET_AT_MOST.days} days")
