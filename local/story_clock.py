"""A clock that a story moves: the functions of its stack, and the payment provider, go by it.

It ticks as the wall clock does, so that what follows each other stays in order. What AWS itself does (signing
requests and links, checking tokens, sealing with a certificate) goes by the wall clock, here as there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def _wall() -> datetime:
    return datetime.now(UTC)


class StoryClock:
    """The time in a story, told to its stack by a file (read by `local/moved_clock.py`)."""

    def __init__(self, file: Path, start: datetime, wall: Callable[[], datetime] = _wall) -> None:
        self.file = file
        self._wall = wall
        self._moved = start - wall()
        self._tell()

    def __call__(self) -> datetime:
        """The present, in UTC."""
        return self._wall() + self._moved

    def move_to(self, moment: datetime) -> None:
        """Let time pass until a moment. Raises ValueError for one that is over: time goes one way."""
        if moment < self():
            raise ValueError(f"{moment} is over: it is {self()}")
        self._moved = moment - self._wall()
        self._tell()

    def _tell(self) -> None:
        """Whole or not at all: functions read it at any time."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.file.with_suffix(".new")
        draft.write_text(str(self._moved.total_seconds()), "ascii")
        draft.replace(self.file)
