"""The ladder of reminders: each step once, in order, merged when late, whatever the planner's clock does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sesame.domain.calendar import is_sending_time, local_date, period_of
from sesame.domain.journal import Outstanding
from sesame.domain.reminders import Dun, decide, next_step_at, payable_by
from sesame.domain.tenancy import DEFAULT_STEPS

PARIS = "Europe/Paris"
ISSUED = datetime(2026, 9, 1, 6, tzinfo=UTC)


def unpaid_notice(period: str, due_on: date, issued_at: datetime) -> Outstanding:
    return Outstanding(
        entry_id=f"notice:{period}",
        period=period,
        due_on=due_on,
        amount_cents=45_000,
        paid_cents=0,
        issued_at=issued_at,
    )


SEPTEMBER = unpaid_notice("2026-09", date(2026, 9, 10), ISSUED)
OCTOBER = unpaid_notice("2026-10", date(2026, 10, 10), datetime(2026, 10, 1, 6, tzinfo=UTC))
zones = st.sampled_from([PARIS, "Indian/Reunion", "Pacific/Tahiti", "Pacific/Noumea", "America/Miquelon"])


def run(unpaid: list[Outstanding], zone: str, planned: list[datetime]) -> list[tuple[date, str, str]]:
    """(local day, step, period) of each reminder that planner runs at these instants would take."""
    at = next_step_at(unpaid, time_zone=zone, previous=None, now=ISSUED)
    taken = []
    for now in planned:
        if at is None or not is_sending_time(now, zone):
            continue
        decision = decide(Dun(unpaid=tuple(unpaid), look_at=at), time_zone=zone, now=now)
        if decision:
            at = decision.next_step_at
            if decision.reached:
                taken.append((local_date(now, zone), decision.reached.step.name, decision.reached.period))
    return taken


def hours(days: int) -> list[datetime]:
    return [ISSUED + timedelta(hours=n) for n in range(24 * days)]


def test_a_notice_climbs_the_ladder_on_the_days_of_its_offsets() -> None:
    assert run([SEPTEMBER], PARIS, hours(60)) == [
        (date(2026, 9, 5), "before-due", "2026-09"),
        (date(2026, 9, 10), "due", "2026-09"),
        (date(2026, 9, 14), "late-1", "2026-09"),  # the 13th is a Sunday
        (date(2026, 9, 21), "late-2", "2026-09"),  # so is the 20th
        (date(2026, 9, 30), "late-3", "2026-09"),
        (date(2026, 10, 10), "formal-notice", "2026-09"),
    ]


def test_steps_that_piled_up_during_an_outage_are_merged_into_the_latest() -> None:
    after_the_outage = datetime(2026, 9, 22, 10, tzinfo=UTC)

    assert run([SEPTEMBER], PARIS, [after_the_outage, after_the_outage + timedelta(hours=1)]) == [
        (date(2026, 9, 22), "late-2", "2026-09")
    ]


def test_two_notices_that_reach_a_step_the_same_day_make_one_reminder_of_the_higher_step() -> None:
    # the first step of this one, before due, falls on 30 September
    october = unpaid_notice("2026-10", date(2026, 10, 5), datetime(2026, 9, 20, 6, tzinfo=UTC))

    taken = run([SEPTEMBER, october], PARIS, hours(40))

    assert [(step, period) for day, step, period in taken if day == date(2026, 9, 30)] == [
        ("late-3", "2026-09")
    ]


def test_a_notice_that_is_settled_takes_no_step() -> None:
    assert run([replace(SEPTEMBER, paid_cents=45_000)], PARIS, hours(60)) == []


def test_a_notice_that_went_out_late_is_not_late_at_once() -> None:
    issued = datetime(2026, 11, 2, 6, tzinfo=UTC)
    late = replace(SEPTEMBER, issued_at=issued)

    first = next_step_at([late], time_zone=PARIS, previous=None, now=issued)

    assert first == datetime(2026, 11, 6, 8, tzinfo=UTC)


def test_a_residence_that_gives_few_days_to_pay_is_not_taken_for_a_late_one() -> None:
    due_on_the_fifth = unpaid_notice("2026-09", date(2026, 9, 5), ISSUED)

    assert payable_by(due_on_the_fifth, PARIS) == date(2026, 9, 5)


def test_a_payment_leaves_a_step_that_was_due_and_not_yet_taken_in_place() -> None:
    pending = datetime(2026, 10, 10, 7, tzinfo=UTC)
    paid_at = pending + timedelta(hours=30)

    assert next_step_at([OCTOBER], time_zone=PARIS, previous=pending, now=paid_at) == pending


def test_a_refused_card_brings_back_only_the_steps_still_ahead() -> None:
    reversed_at = datetime(2026, 9, 20, 12, tzinfo=UTC)
    october_step = datetime(2026, 10, 5, 7, tzinfo=UTC)

    found = next_step_at([SEPTEMBER, OCTOBER], time_zone=PARIS, previous=october_step, now=reversed_at)

    assert found == datetime(2026, 9, 30, 7, tzinfo=UTC)


def test_an_account_whose_ladder_has_no_step_left_leaves_the_index() -> None:
    since = datetime(2026, 10, 11, 7, tzinfo=UTC)

    decision = decide(Dun(unpaid=(SEPTEMBER,), look_at=since), time_zone=PARIS, now=since)

    assert decision is not None
    assert decision.reached is None
    assert decision.next_step_at is None


def test_a_clock_that_went_back_decides_nothing() -> None:
    since = datetime(2026, 9, 10, 7, tzinfo=UTC)

    assert (
        decide(Dun(unpaid=(SEPTEMBER,), look_at=since), time_zone=PARIS, now=since - timedelta(seconds=1))
        is None
    )


@settings(max_examples=60)
@given(
    zones,
    st.lists(st.integers(0, 24 * 70), min_size=1, max_size=150),
    st.integers(1, 28),
    st.integers(0, 3),
)
def test_whatever_runs_and_whenever_each_step_is_taken_at_most_once_and_one_a_day(
    zone: str, offsets: list[int], due_day: int, months: int
) -> None:
    unpaid = [
        unpaid_notice(period_of(date(2026, 9 + n, 1)), date(2026, 9 + n, due_day), ISSUED)
        for n in range(months)
    ]
    jumping_clock = [ISSUED + timedelta(hours=n) for n in offsets]

    taken = run(unpaid, zone, jumping_clock)

    assert len({(step, period) for _, step, period in taken}) == len(taken)
    assert len({day for day, _, _ in taken}) == len(taken)


@settings(max_examples=30)
@given(zones, st.integers(1, 28), st.lists(st.integers(0, 24 * 90), max_size=20))
def test_run_every_hour_no_step_is_lost_however_often_it_runs_again(
    zone: str, due_day: int, repeats: list[int]
) -> None:
    unpaid = [replace(SEPTEMBER, due_on=date(2026, 9, due_day))]
    planned = sorted(hours(90) + [ISSUED + timedelta(hours=n) for n in repeats])

    steps = [step for _, step, _ in run(unpaid, zone, planned)]

    ladder = [step.name for step in DEFAULT_STEPS]
    assert steps == ladder[len(ladder) - len(steps) :]
    assert len(steps) >= len(ladder) - 2  # the two that fell before the notice was out
