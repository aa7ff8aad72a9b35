"""Threads and repairs by their tables: whose turn it is, who has read what, what may follow."""

import unicodedata
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import repairs, threads
from sesame.domain.attachments import Side
from sesame.domain.repairs import (
    OVER,
    WHO_MAY,
    DeclineReason,
    Repair,
    RepairEvent,
    RepairIncomplete,
    RepairNotMoved,
    RepairState,
)
from sesame.domain.threads import (
    EVIDENCE,
    KEPT_FOR,
    Message,
    Thread,
    ThreadCategory,
    ThreadEvent,
    ThreadState,
    WordsRefused,
    plain_text,
    tells_tenant,
)

NOW = datetime(2026, 9, 2, 8, tzinfo=UTC)
TODAY = date(2026, 9, 2)
TENANT, STAFF = Side.TENANT, Side.STAFF
MINUTE = timedelta(minutes=1)


def begun(side: Side = TENANT) -> Thread:
    thread = Thread(
        thread_id="t",
        lease_id="l",
        residence_id="r",
        person_id="p",
        category=ThreadCategory.ROOM,
        subject="Fuite",
        created_at=NOW,
        created_by=side,
        last_at=NOW,
        state=ThreadState.WAITING if side is TENANT else ThreadState.ANSWERED,
    )
    return threads.wrote(thread, side, NOW)


def message(number: int, side: Side) -> Message:
    return Message(thread_id="t", number=number, at=NOW, side=side, author="a", body="-")


def test_a_thread_waits_from_the_oldest_unanswered_message_until_somebody_answers() -> None:
    asked = threads.wrote(begun(), TENANT, NOW + MINUTE)
    answered = threads.wrote(asked, STAFF, NOW + 2 * MINUTE)
    asked_again = threads.wrote(answered, TENANT, NOW + 3 * MINUTE)

    assert (asked.state, asked.waiting_since) == (ThreadState.WAITING, NOW)
    assert (answered.state, answered.waiting_since) == (ThreadState.ANSWERED, None)
    assert asked_again.waiting_since == NOW + 3 * MINUTE


def test_the_first_answer_is_measured_once_and_only_of_what_a_tenant_began() -> None:
    answered = threads.wrote(begun(), STAFF, NOW + 90 * MINUTE)
    later = threads.wrote(threads.wrote(answered, TENANT, NOW + 91 * MINUTE), STAFF, NOW + 92 * MINUTE)

    assert begun().first_answer_seconds is None
    assert answered.first_answer_seconds == later.first_answer_seconds == 5_400
    assert threads.wrote(begun(STAFF), STAFF, NOW + MINUTE).first_answer_seconds is None


def test_the_tenant_is_told_once_until_they_have_read() -> None:
    before = begun()
    first = threads.wrote(before, STAFF, NOW)
    second = threads.wrote(first, STAFF, NOW)
    half_read = threads.read(second, TENANT, 2)
    read = threads.read(second, TENANT, 3)
    third = threads.wrote(read, STAFF, NOW)

    assert tells_tenant(before, first)
    assert not tells_tenant(first, second)
    assert not tells_tenant(half_read, threads.wrote(half_read, STAFF, NOW))
    assert tells_tenant(read, third)
    assert not tells_tenant(third, threads.wrote(third, TENANT, NOW))


def test_who_writes_has_read_and_reading_never_goes_back() -> None:
    answered = threads.wrote(begun(), STAFF, NOW)

    assert answered.unread(TENANT)
    assert not answered.unread(STAFF)
    assert not answered.is_read(message(2, STAFF))
    assert answered.is_read(message(1, TENANT))
    read = threads.read(answered, TENANT, 99)
    assert threads.read(read, TENANT, 1) == read
    assert not read.unread(TENANT)
    assert read.is_read(message(2, STAFF))
    assert not threads.wrote(answered, TENANT, NOW).unread(TENANT)


def test_a_question_that_crosses_an_answer_still_waits_for_its_own() -> None:
    asked_again = threads.wrote(begun(), TENANT, NOW + MINUTE)
    answered = threads.wrote(asked_again, STAFF, NOW + 2 * MINUTE, seen=1)

    assert (answered.state, answered.waiting_since) == (ThreadState.WAITING, NOW)
    assert answered.unread(STAFF)
    assert answered.first_answer_seconds == 120
    assert answered.told
    both = threads.wrote(answered, STAFF, NOW + 3 * MINUTE, seen=3)
    assert (both.state, both.unread(STAFF)) == (ThreadState.ANSWERED, False)


def test_an_answer_that_crosses_a_question_stays_unread() -> None:
    answered = threads.wrote(begun(), STAFF, NOW + MINUTE)
    asked_again = threads.wrote(answered, TENANT, NOW + 2 * MINUTE, seen=1)

    assert asked_again.unread(TENANT)
    assert asked_again.told
    assert asked_again.state is ThreadState.WAITING
    assert not threads.wrote(answered, TENANT, NOW + 2 * MINUTE, seen=2).unread(TENANT)


def test_closing_and_reopening_twice_changes_nothing_more() -> None:
    closed = threads.closed(begun(), STAFF, NOW + MINUTE)

    assert (closed.state, closed.waiting_since, closed.closed_by) == (ThreadState.CLOSED, None, STAFF)
    assert threads.closed(closed, TENANT, NOW + 2 * MINUTE) == closed
    by_tenant = threads.reopened(closed, TENANT, NOW + 3 * MINUTE)
    assert (by_tenant.state, by_tenant.waiting_since) == (ThreadState.WAITING, NOW + 3 * MINUTE)
    assert threads.reopened(by_tenant, STAFF, NOW + 4 * MINUTE) == by_tenant
    assert threads.reopened(closed, STAFF, NOW).state is ThreadState.ANSWERED
    written = threads.wrote(closed, TENANT, NOW + 5 * MINUTE)
    assert (written.state, written.closed_at, written.closed_by) == (ThreadState.WAITING, None, None)


DEEDS = st.lists(st.tuples(st.sampled_from(["write", "close", "reopen", "read"]), st.sampled_from(Side)))


@given(DEEDS)
def test_whatever_is_done_a_thread_waits_if_and_only_if_it_says_since_when(
    deeds: list[tuple[str, Side]],
) -> None:
    thread, now = begun(), NOW
    for deed, side in deeds:
        now += MINUTE
        match deed:
            case "write":
                thread = threads.wrote(thread, side, now)
            case "close":
                thread = threads.closed(thread, side, now)
            case "reopen":
                thread = threads.reopened(thread, side, now)
            case _:
                thread = threads.read(thread, side, thread.messages)
        assert (thread.state is ThreadState.WAITING) == (thread.waiting_since is not None)
        assert (thread.state is ThreadState.CLOSED) == (thread.closed_at is not None)
        assert max(thread.last_by.values()) == thread.messages
        assert all(0 <= read <= thread.messages for read in thread.read_by.values())
        assert not (thread.told and not thread.unread(TENANT))


def test_the_table_knows_only_states_and_events_that_are() -> None:
    assert {event for _, event in threads.TRANSITIONS} == set(ThreadEvent)
    assert {state for state, _ in threads.TRANSITIONS} == set(ThreadState)


def test_how_long_messages_are_kept_is_said_of_every_category() -> None:
    assert set(KEPT_FOR) == set(ThreadCategory)
    assert {one for one in ThreadCategory if KEPT_FOR[one] >= timedelta(days=5 * 365)} == EVIDENCE
    assert begun().keep_until == NOW + timedelta(days=5 * 365)


# --- Repairs


def step(
    repair: Repair,
    event: RepairEvent,
    *,
    on: date | None = None,
    reason: DeclineReason | None = None,
) -> Repair:
    return repairs.moved(repair, event, WHO_MAY[event], NOW, today=TODAY, on=on, reason=reason)


def test_a_repair_goes_from_reported_to_confirmed_and_keeps_every_step() -> None:
    repair = repairs.reported(NOW)
    repair = step(repair, RepairEvent.ACKNOWLEDGE)
    repair = step(repair, RepairEvent.SCHEDULE, on=TODAY)
    assert repair.scheduled_on == TODAY
    repair = step(repair, RepairEvent.SCHEDULE, on=TODAY + timedelta(days=1))
    repair = step(repair, RepairEvent.FINISH)
    assert repair.scheduled_on is None
    repair = step(repair, RepairEvent.REOPEN)
    repair = step(step(repair, RepairEvent.FINISH), RepairEvent.CONFIRM)

    assert [one.state for one in repair.steps] == [
        RepairState.REPORTED,
        RepairState.ACKNOWLEDGED,
        RepairState.SCHEDULED,
        RepairState.SCHEDULED,
        RepairState.DONE,
        RepairState.REOPENED,
        RepairState.DONE,
        RepairState.CONFIRMED,
    ]


def test_a_schedule_needs_a_day_that_is_not_past_and_a_refusal_its_reason() -> None:
    repair = repairs.reported(NOW)

    for wrong in (
        {"event": RepairEvent.SCHEDULE},
        {"event": RepairEvent.SCHEDULE, "on": TODAY - timedelta(days=1)},
        {"event": RepairEvent.FINISH, "on": TODAY},
        {"event": RepairEvent.DECLINE},
        {"event": RepairEvent.FINISH, "reason": DeclineReason.OTHER},
    ):
        with pytest.raises(RepairIncomplete):
            step(repair, **wrong)


@given(st.lists(st.sampled_from(RepairEvent), max_size=12), st.sampled_from(Side))
def test_no_side_does_what_is_the_others_and_what_is_over_stays_over(
    events: list[RepairEvent], side: Side
) -> None:
    repair = repairs.reported(NOW)
    for event in events:
        on = TODAY if event is RepairEvent.SCHEDULE else None
        reason = DeclineReason.OTHER if event is RepairEvent.DECLINE else None
        before = repair
        if WHO_MAY[event] is not side:
            with pytest.raises(RepairNotMoved):
                repairs.moved(repair, event, side, NOW, today=TODAY, on=on, reason=reason)
        try:
            repair = step(repair, event, on=on, reason=reason)
        except RepairNotMoved:
            assert (before.state, event) not in repairs.TRANSITIONS
        if before.state in OVER - {RepairState.DONE}:
            assert repair == before


# --- Words


def test_words_are_plain_and_normal() -> None:
    assert plain_text("  e\u0301te\u0301\r\nà 15 °C <b>\t3\u2028fin ", most=99) == "été\nà 15 °C <b> 3\nfin"
    assert plain_text("a\n b", most=9, one_line=True) == "a b"
    for kind in ("\x00", "\x1b[31m", "\u202eabc", "\ud800", "\x85"):
        with pytest.raises(WordsRefused, match="control_characters"):
            plain_text(f"a{kind}b", most=99)
    with pytest.raises(WordsRefused, match="string_too_long"):
        plain_text("é" * 10, most=9)
    assert plain_text("👩‍🚒 مرحبا", most=99) == "👩‍🚒 مرحبا"


@given(st.text(max_size=100))
def test_words_that_were_taken_are_taken_again_as_they_are(typed: str) -> None:
    try:
        text = plain_text(typed, most=300)
    except WordsRefused:
        return
    assert plain_text(text, most=300) == text
    assert text == unicodedata.normalize("NFC", text)
    assert text.encode().decode() == text
