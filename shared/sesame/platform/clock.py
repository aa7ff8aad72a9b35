"""The time, as a value that is passed in: services take a `Clock`, tests hand them a frozen one."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present as an aware UTC datetime."""


def utc_now() -> datetime:
    """The wall clock, aware, in UTC."""
    return datetime.now(UTC)


def scheduled_time(event: dict[str, object], clock: Clock) -> datetime:
    """The moment a scheduled run stands for.

    The schedule passes its own time, so a run that comes late, or is made up for after an outage, still works
    for the day it was meant for. Whatever is not an aware ISO 8601 time (the local scheduler leaves its
    placeholder unreplaced) means now.
    """
    try:
        moment = datetime.fromisoformat(str(event["scheduled_time"]))
    except (KeyError, ValueError):
        return clock()
    return moment.astimezone(UTC) if moment.tzinfo else clock()
