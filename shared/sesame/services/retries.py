"""Optimistic concurrency: what met another writer is done again from its read, a few times."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import uniform

from sesame.store.table import ConditionFailed, Contention

_FIRST_PAUSE_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often, and how to wait in between. The last try's failure goes to whoever asked, often a queue."""

    attempts: int = 5
    pause: Callable[[float], None] = time.sleep

    def run[Result](self, attempt: Callable[[], Result]) -> Result:
        """Whatever `attempt` returns once nothing stands in its way. It must read afresh each time."""
        for number in range(1, self.attempts):
            try:
                return attempt()
            except (ConditionFailed, Contention):
                # a random part keeps two writers from meeting again at the same moment
                self.pause(_FIRST_PAUSE_SECONDS * 2**number * uniform(0.5, 1.5))  # noqa: S311
        return attempt()


USUAL = Retries()
"""About half a second in all."""
