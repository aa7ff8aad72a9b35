"""How long whoever asks for one-time codes must wait: a delay that grows, never a lock.

The same for known and unknown identities, since it depends on what was typed and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FORGIVEN_AFTER = timedelta(hours=1)
"""An identity left alone for this long starts afresh."""
MOST_AN_HOUR = 10
"""One-time codes within any hour (NIST 800-63B-4, 3.2.2 asks for a limit)."""

_DELAYS = (30, 30, 30, 60, 120, 240, 480, 900)
_DELAYS_BEHIND_A_HOT_SOURCE = (300, 600, 900)

HOT_SOURCE_FAILURES = 300
"""Failures within an hour behind one network address: more than a campus of honest people makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How often an identity was tried since it was last left alone for an hour, and when last."""

    times: int
    last_at: datetime


def next_allowed(asked: Asked, *, hot_source: bool = False) -> datetime:
    """The moment from which the identity may be tried again.

    A source that fails on a campus's scale lengthens the delay of what is tried again from it; it never
    decides alone, so that a first try behind the same address waits for nothing.
    """
    delays = _DELAYS_BEHIND_A_HOT_SOURCE if hot_source else _DELAYS
    seconds = delays[min(asked.times, len(delays)) - 1]
    return min(asked.last_at + timedelta(seconds=seconds), asked.last_at + FORGIVEN_AFTER)


def within_the_hour(sent: Sequence[datetime], now: datetime) -> list[datetime]:
    """Those of some moments that lie within the last hour, oldest first."""
    return sorted(moment for moment in sent if moment > now - timedelta(hours=1))
