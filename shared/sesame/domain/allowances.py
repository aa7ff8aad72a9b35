"""How much of something somebody may do within a while, and how long to wait for more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At most so many within any such while."""

    most: int
    within: timedelta


def kept(moments: Iterable[datetime], allowances: Sequence[Allowance], now: datetime) -> list[datetime]:
    """Those of some moments that any of the allowances still counts, oldest first."""
    longest = max(one.within for one in allowances)
    return sorted(moment for moment in moments if moment > now - longest)


def wait(moments: Iterable[datetime], allowances: Sequence[Allowance], now: datetime) -> timedelta:
    """How long until one more is allowed after these; nothing where it is at once."""
    past = sorted(moments)
    longest = timedelta(0)
    for allowance in allowances:
        counted = [moment for moment in past if moment > now - allowance.within]
        if len(counted) >= allowance.most:
            # as many leave the while as there are too many, and then one more
            longest = max(longest, counted[len(counted) - allowance.most] + allowance.within - now)
    return longest
