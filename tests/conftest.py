"""What all tests share: profiles of generated examples, and a clock that stands still."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import HealthCheck, settings

from sesame.platform.logs import logger

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


class FrozenClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta) -> None:
        """Lets time pass."""
        self.now += step


@pytest.fixture
def clock() -> FrozenClock:
    """2 September 2026, 10:00 in Paris."""
    return FrozenClock(datetime(2026, 9, 2, 8, 0, tzinfo=UTC))


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What the functions' logger writes meanwhile, as CloudWatch would get it."""
    written = StringIO()
    handler = logger.registered_handler
    before = handler.setStream(written)  # type: ignore[attr-defined]
    yield written
    handler.setStream(before)  # type: ignore[attr-defined]
