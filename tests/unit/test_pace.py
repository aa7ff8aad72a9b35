"""The pace of a sender: never faster than its part of the account's rate, and no slower than it must be."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sesame.notifications.pace import Pace


class Time:
    """A clock that waits by moving on."""

    def __init__(self) -> None:
        self.now = 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


@given(
    rate=st.sampled_from([0.5, 1.0, 2.0, 14.0]),
    works=st.lists(st.floats(min_value=0, max_value=3), min_size=2, max_size=40),
)
def test_any_second_sees_at_most_the_rate_whatever_the_work_between(rate: float, works: list[float]) -> None:
    time, left = Time(), []
    pace = Pace(per_second=rate, seconds=lambda: time.now, wait=time.wait)

    for work in works:
        pace.keep()
        left.append(time.now)
        time.now += work

    assert all(later - earlier >= 1 / rate - 1e-9 for earlier, later in pairwise(left))
    # not slower than the work or the rate asks for
    assert left[-1] <= sum(max(work, 1 / rate) for work in works[:-1]) + 1e-6


def test_without_a_rate_nothing_waits() -> None:
    time = Time()
    pace = Pace(per_second=0, seconds=lambda: time.now, wait=time.wait)

    for _ in range(100):
        pace.keep()

    assert time.now == 0
