"""Messages that wait for a time: until quiet time is over, or until the mail service should have spoken."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from time import monotonic

from sesame.platform.logs import count
from sesame.services.queues import MESSAGES_A_CALL, Queue
from sesame.store.messages import Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledAgain:
    """What a run did. `finished` is False when it ran out of time: the next one goes on."""

    queued: int
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAgain:
    """The run every five minutes. Queueing twice does no harm: a message is accepted once."""

    messages: Messages
    queue: Queue
    budget: timedelta
    seconds: Callable[[], float] = monotonic

    def run(self, now: datetime) -> CalledAgain:
        """Calls once more for every message whose time has come at `now`."""
        ends_at = self.seconds() + self.budget.total_seconds()
        queued, finished = 0, True
        for some in batched(self.messages.due_again(now), MESSAGES_A_CALL, strict=False):
            self.queue.send([again.announce for again in some])
            for again in some:
                self.messages.looked_at_again(again)
            queued += len(some)
            if self.seconds() > ends_at:
                finished = False
                break
        if queued:
            count("MessageCalledAgain", queued)
        count("MessagesAgainRun")
        return CalledAgain(queued=queued, finished=finished)
