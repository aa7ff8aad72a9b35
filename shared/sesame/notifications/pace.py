"""Keeps a sender under the account's rate at the mail service, rather than be refused for exceeding it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep


@dataclass(slots=True, kw_only=True)
class Pace:
    """At most so many a second from this process, evenly: a burst is what a quota of a second refuses.

    Several processes share a rate by taking a part each; `per_second` is this one's part, 0 for no limit.
    """

    per_second: float
    seconds: Callable[[], float] = monotonic
    wait: Callable[[float], None] = sleep
    _next: float = field(default=0.0, init=False)

    def keep(self) -> None:
        """Waits for this process's turn. The first call of a while does not wait."""
        if self.per_second <= 0:
            return
        now = self.seconds()
        if now < self._next:
            self.wait(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second
