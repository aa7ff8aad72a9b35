"""How long to wait between tries: a delay that grows, is forgiven, and never lets guessing pay."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.pacing import FORGIVEN_AFTER, MOST_AN_HOUR, Asked, next_allowed, within_the_hour

START = datetime(2026, 9, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRIES_A_CODE = 5
CODES = 10**8


def starts(pauses: list[timedelta], *, until: datetime, hot: bool = False) -> list[datetime]:
    """When an identity is tried by somebody who, after each delay, waits for a drawn pause more."""
    made = [START]
    asked = Asked(times=1, last_at=START)
    for pause in pauses:
        now = next_allowed(asked, hot_source=hot) + pause
        if now >= until:
            break
        times = 1 if now - asked.last_at >= FORGIVEN_AFTER else asked.times + 1
        asked = Asked(times=times, last_at=now)
        made.append(now)
    return made


pauses = st.lists(
    st.one_of(st.just(timedelta()), st.timedeltas(timedelta(), timedelta(hours=2))), min_size=1, max_size=200
)


@given(pauses)
def test_no_hour_holds_more_than_ten_requests_however_they_are_timed(waits: list[timedelta]) -> None:
    made = starts(waits, until=START + timedelta(days=2))

    for first in made:
        assert sum(first <= one < first + HOUR for one in made) <= MOST_AN_HOUR


@given(pauses)
def test_a_day_of_guessing_succeeds_less_than_once_in_ten_thousand(waits: list[timedelta]) -> None:
    codes = len(starts(waits, until=START + timedelta(days=1)))

    assert codes * TRIES_A_CODE / CODES < 1e-4


@given(st.integers(1, 50))
def test_a_source_that_fails_much_only_lengthens_the_wait_of_what_is_tried_again(times: int) -> None:
    asked = Asked(times=times, last_at=START)

    assert next_allowed(asked, hot_source=True) >= next_allowed(asked)
    assert next_allowed(asked, hot_source=True) <= START + FORGIVEN_AFTER


def test_a_second_request_waits_half_a_minute() -> None:
    assert next_allowed(Asked(times=1, last_at=START)) == START + timedelta(seconds=30)


def test_only_the_last_hour_counts() -> None:
    sent = [START, START + timedelta(minutes=30), START - timedelta(minutes=1)]

    assert within_the_hour(sent, START + timedelta(minutes=59)) == [START, START + timedelta(minutes=30)]
