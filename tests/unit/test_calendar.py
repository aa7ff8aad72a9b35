"""Months and wall clocks: where a day begins, where it ends, and when nobody is disturbed."""

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import calendar

ZONES = [
    "Europe/Paris",
    "Indian/Reunion",
    "America/Martinique",
    "America/Cayenne",
    "America/Miquelon",
    "Pacific/Tahiti",
    "Pacific/Noumea",
    "Pacific/Wallis",
]
VECTORS = next(
    (
        found
        for parent in Path(__file__).resolve().parents
        if (found := parent / "shared" / "vectors" / "timezones.json").exists()
    ),
    None,
)
zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
periods = st.dates(date(2020, 1, 1), date(2040, 12, 31)).map(calendar.period_of)


@pytest.fixture(scope="module")
def vectors() -> Any:
    if VECTORS is None:
        pytest.skip("the time zone vectors are not on this machine")
    return json.loads(VECTORS.read_text())


@given(periods, st.integers(-30, 30))
def test_a_period_shifted_there_and_back_is_the_same(period: str, months: int) -> None:
    assert calendar.shift(calendar.shift(period, months), -months) == period


@given(periods)
def test_the_day_after_a_periods_last_is_the_first_of_the_next(period: str) -> None:
    assert calendar.last_day(period) + timedelta(days=1) == calendar.first_day(calendar.shift(period, 1))


@given(periods, st.integers(1, 31))
def test_a_day_of_a_period_never_leaves_it(period: str, day: int) -> None:
    found = calendar.day_in(period, day)

    assert calendar.period_of(found) == period
    assert found.day == min(day, calendar.days_in(period))


def test_periods_run_from_the_first_to_the_last_over_new_year() -> None:
    assert list(calendar.periods("2026-11", "2027-02")) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert list(calendar.periods("2027-01", "2026-12")) == []


@pytest.mark.parametrize("wrong", ["2026-13", "2026", "september", "2026-09-01"])
def test_what_is_not_a_period_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted"):
        calendar.first_day(wrong)


@given(st.dates(date(2026, 1, 1), date(2028, 12, 31)), zones)
def test_a_deadline_is_the_last_second_of_its_day_on_the_residences_clock(day: date, zone: str) -> None:
    end = calendar.deadline(day, zone)

    assert calendar.local_date(end, zone) == day
    assert calendar.local_date(end + timedelta(seconds=1), zone) == day + timedelta(days=1)


def test_deadlines_agree_with_the_published_time_zone_vectors(vectors: Any) -> None:
    for zone, expected in vectors["deadline_2026-09-10T23:59:59_local_in_utc"].items():
        assert calendar.deadline(date(2026, 9, 10), zone) == datetime.fromisoformat(expected), zone


def test_an_hour_that_summer_time_skips_or_doubles_has_one_instant(vectors: Any) -> None:
    for case in vectors["tricky"]:
        local = datetime.fromisoformat(case["local"])
        found = calendar.wall_time(local.date(), local.time(), "Europe/Paris")
        assert found == datetime.fromisoformat(case["fold0_utc"]), case["why"]


@given(instants, zones)
def test_reminders_leave_only_from_nine_to_seven_on_a_working_day(now: datetime, zone: str) -> None:
    holidays = {date(2026, 7, 14), date(2027, 5, 1)}

    when = calendar.next_sending_time(now, zone, holidays.__contains__)

    local = when.astimezone(ZoneInfo(zone))
    assert when >= now
    assert time(9) <= local.time() < time(19)
    assert local.weekday() != calendar.SUNDAY
    assert local.date() not in holidays


@given(instants, zones)
def test_every_day_but_sunday_has_ten_sending_hours_whatever_the_clock_change(
    now: datetime, zone: str
) -> None:
    day = calendar.local_date(now, zone)
    midnight = calendar.wall_time(day, time(0), zone)

    open_quarters = sum(
        calendar.is_sending_time(midnight + timedelta(minutes=15 * n), zone)
        for n in range(-8, 112)
        if calendar.local_date(midnight + timedelta(minutes=15 * n), zone) == day
    )

    assert open_quarters == (0 if day.weekday() == calendar.SUNDAY else 40)


def test_a_calendar_that_is_never_open_is_refused_rather_than_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="no sending time"):
        calendar.next_sending_time(datetime(2026, 9, 1, tzinfo=UTC), "Europe/Paris", lambda _day: True)
