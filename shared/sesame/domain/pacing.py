"""How long whoever asks for one-time codes must wait: a delay that grows, never a lock.

The same for known and unknown identities, since it depends on what was typed and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FORGIVEN_AFTER = timedelta(hours=1)
"""An identity left alone for this long starts afresh."""
MOST_AN_HOUR = 10
"""One-time codes within any hour (NIST 800-63B-4, 3.2.2 asks for a limit)."""

FREE_BIRTH_DATES = 5
"""Different birth dates that may be tried for one contact before each further one is slowed."""
FORGOTTEN_AFTER = timedelta(hours=24)
"""How long a birth date that was tried counts."""

_DELAYS = (30, 30, 30, 60, 120, 240, 480, 900)
_DELAYS_OF_GUESSES = (600, 1200, 2400, 3600)
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


def next_birth_date_allowed(tried: Mapping[str, datetime], guess: str, now: datetime) -> datetime:
    """The moment from which a birth date may be tried for a contact, given those that were, and when last.

    One that was tried within the day may be tried again: it is no new guess. So whoever holds a mailbox, and
    only that, tries some thirty of two thousand and more a day; and whoever does it to keep the tenant out
    makes them wait for an hour at most.
    """
    recent = {other: at for other, at in tried.items() if at > now - FORGOTTEN_AFTER}
    if guess in recent or len(recent) < FREE_BIRTH_DATES:
        return now
    slowed = min(len(recent) - FREE_BIRTH_DATES, len(_DELAYS_OF_GUESSES) - 1)
    return max(recent.values()) + timedelta(seconds=_DELAYS_OF_GUESSES[slowed])


def within_the_hour(sent: Sequence[datetime], now: datetime) -> list[datetime]:
    """Those of some moments that lie within the last hour, oldest first."""
    return sorted(moment for moment in sent if moment > now - timedelta(hours=1))
