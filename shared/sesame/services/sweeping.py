"""Sweeping: what a provider told us and is still not posted after five minutes is queued once more.

The stream, the bus or the queue may lose a message or give it up; the delivery itself waits in the table. One
that cannot be posted is looked at less and less often, so that it does not fill the dead letters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from time import monotonic

from sesame.platform.logs import count
from sesame.services.queues import MESSAGES_A_CALL, Queue
from sesame.store.deliveries import Deliveries, Waiting

AGE = timedelta(minutes=5)
SELDOM = timedelta(hours=6)
"""The longest pause between two tries."""
STUCK = 6
"""So often queued anew, for more than two hours, that somebody must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a run did."""

    queued: int
    stuck: int
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """The run every five minutes. Queueing twice does no harm: posting is idempotent."""

    deliveries: Deliveries
    queue: Queue
    budget: timedelta
    seconds: Callable[[], float] = monotonic

    def run(self, now: datetime) -> Swept:
        """Queues what waits at `now` for longer than `AGE`. What time does not allow is the next run's."""
        ends_at = self.seconds() + self.budget.total_seconds()
        queued = stuck = 0
        finished = True
        for some in batched(self.deliveries.unposted(now - AGE), MESSAGES_A_CALL, strict=False):
            self.queue.send([waiting.announce for waiting in some])
            for waiting in some:
                self.deliveries.note_sweep(waiting, now - AGE + _pause(waiting))
            queued += len(some)
            stuck += sum(waiting.sweeps + 1 >= STUCK for waiting in some)
            if self.seconds() > ends_at:
                finished = False
                break
        if queued:
            count("DeliverySwept", queued)
        if stuck:
            count("DeliveryStuck", stuck)
        count("SweepRun")
        return Swept(queued=queued, stuck=stuck, finished=finished)


def _pause(waiting: Waiting) -> timedelta:
    """5, 10, 20 minutes and so on, at most six hours."""
    return min(AGE * (1 << min(waiting.sweeps, 10)), SELDOM)
