"""Reminders of a debt that is not what it was: corrected, paid and taken back, part of a plan, held."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sesame.domain.certificates import Kind, Validity
from sesame.domain.journal import Entry, EntryKind, Outstanding
from sesame.domain.plans import AgreedPlan
from sesame.domain.reminders import DebtKind, owed
from sesame.domain.tenancy import Channel, ReminderSettings, ReminderStep
from sesame.services.messages import by_another_way
from sesame.store.documents import Document
from sesame.store.messages import MessageState
from sesame.store.people import person_item
from sesame.store.tasks import TaskKind, TaskOutcome
from tests.unit.test_reminder_laws import PERSON, RENT, World

PARIS = ("Europe/Paris", "Europe/Paris")
MakeWorld = Callable[..., World]
DAY = timedelta(days=1)


def at(day: date, hour: int = 8, minute: int = 5) -> datetime:
    """UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def september(day: int) -> date:
    return date(2026, 9, day)


@pytest.fixture
def world() -> World:
    """Two residences in Paris, two leases of one person; the second owes nothing."""
    world = World(PARIS, ReminderSettings(), frozenset())
    world.pay("lease-1", RENT)
    world.deliver_all()
    return world


# ---------------------------------------------------------------- two debts of one month


def test_a_second_notice_of_a_month_has_steps_of_its_own(world: World) -> None:
    world.live(at(september(25)))
    before = world.told()

    world.amend("lease-0", RENT - 5_000)  # on the 25th: payable by October 4
    world.live(at(date(2026, 11, 5)))

    assert [step for _, step in before] == ["before-due", "due", "late-1", "late-2"]
    assert world.told()[len(before) :] == [
        (date(2026, 9, 29), "before-due"),
        (date(2026, 10, 5), "due"),  # the 4th is a Sunday
        (date(2026, 10, 7), "late-1"),
        (date(2026, 10, 14), "late-2"),
        (date(2026, 10, 24), "late-3"),
        (date(2026, 11, 3), "formal-notice"),
    ]


def test_a_charge_by_itself_is_reminded_of_beside_the_rent_of_its_month(world: World) -> None:
    charge = Entry(
        entry_id="adjustment:key",
        kind=EntryKind.ADJUSTMENT,
        amount_cents=3_000,
        effective_at=world.now,
        due_on=september(17),
        label="Clé",
    )
    world.live(at(september(1), 12))
    world.books.post("lease-0", "r0", charge)
    world.live(at(september(22)))

    causes = {(one.cause["entry_id"], one.cause["step"]) for one in world.history if "step" in one.cause}
    assert ("notice:2026-09", "due") in causes
    assert ("adjustment:key", "due") in causes


def test_a_charge_that_comes_between_two_steps_of_the_rent_misses_none_of_its_own(world: World) -> None:
    world.live(at(september(21), 14))  # the rent's next step is on the 30th
    charge = Entry(
        entry_id="adjustment:key",
        kind=EntryKind.ADJUSTMENT,
        amount_cents=3_000,
        effective_at=world.now,
        due_on=september(28),
    )
    world.books.post("lease-0", "r0", charge)
    world.live(at(september(29)))

    assert world.told()[-2:] == [(september(23), "before-due"), (september(28), "due")]


def test_a_surcharge_goes_by_the_month_of_its_notice_and_a_charge_by_that_of_its_day() -> None:
    def debit(entry_id: str) -> Outstanding:
        return Outstanding(
            entry_id=entry_id,
            period=None,
            due_on=date(2026, 11, 3),
            amount_cents=1_000,
            paid_cents=0,
            issued_at=at(date(2026, 10, 25)),
        )

    rows = owed([debit("surcharge:notice:2026-09#2"), debit("adjustment:key")], None, PARIS[0])

    assert {(row.kind, row.period) for row in rows} == {
        (DebtKind.SURCHARGE, "2026-09"),
        (DebtKind.OTHER, "2026-11"),
    }


# ---------------------------------------------------------------- money that was taken back


def test_a_payment_returned_within_days_is_chased_at_the_next_allowed_hour_and_on_from_there(
    world: World,
) -> None:
    world.live(at(september(15)))
    world.pay("lease-0", RENT)
    world.live(at(september(19), 19))  # a Saturday evening
    before = world.told()
    world.take_back("lease-0", RENT)
    world.live(at(date(2026, 10, 20)))

    assert before[-1] == (september(14), "late-1")
    assert world.told()[len(before) :] == [
        (september(21), "late-1"),  # a Monday: what lay behind
        (september(26), "late-2"),
        (date(2026, 10, 6), "late-3"),
        (date(2026, 10, 16), "formal-notice"),
    ]
    [task] = world.tasks.open_in("r0").tasks
    assert (task.kind, task.details["entry_id"]) == (TaskKind.OWED_AGAIN, "notice:2026-09")


def test_money_taken_back_months_later_is_never_first_met_by_a_formal_notice(world: World) -> None:
    world.live(at(september(2)))
    world.pay("lease-0", RENT)
    world.live(at(date(2026, 12, 3), 12), DAY)
    world.take_back("lease-0", RENT)
    world.live(at(date(2026, 12, 20)))

    assert world.told() == [(date(2026, 12, 3), "late-3"), (date(2026, 12, 14), "formal-notice")]
    again = [one.cause["reopened_at"] for one in world.history if "step" in one.cause]
    assert again == [at(date(2026, 12, 3), 12).isoformat()] * 2


def test_taken_back_a_second_time_it_is_said_anew_and_each_step_once(world: World) -> None:
    world.live(at(september(2)))
    for day in (september(21), date(2026, 10, 12), date(2026, 11, 2)):
        world.pay("lease-0", RENT)
        world.live(at(day))
        world.take_back("lease-0", RENT)
        world.live(at(day) + 2 * DAY)

    assert [step for _, step in world.told()] == ["late-2", "late-3", "late-3"]


def test_a_part_taken_back_of_a_debt_that_is_chased_anyway_changes_none_of_its_days(world: World) -> None:
    world.pay("lease-0", 10_000)
    world.live(at(september(22)))
    world.take_back("lease-0", 10_000)
    world.live(at(date(2026, 10, 1)))

    assert world.told()[-2:] == [(september(21), "late-2"), (september(30), "late-3")]


def test_most_of_a_debt_taken_back_after_the_rest_was_tolerated_is_chased() -> None:
    world = World(PARIS, ReminderSettings(tolerance_cents=500), frozenset())
    world.pay("lease-1", RENT)
    world.pay("lease-0", RENT - 300)
    world.live(at(september(2)))
    world.live(at(date(2026, 10, 22), 12), DAY)
    world.take_back("lease-0", RENT - 300)
    world.live(at(date(2026, 10, 23)))

    assert world.told() == [(date(2026, 10, 22), "late-3")]


def test_taken_back_before_its_last_day_it_keeps_its_days(world: World) -> None:
    world.live(at(september(2)))
    world.pay("lease-0", RENT)
    world.live(at(september(7), 12))
    world.take_back("lease-0", RENT)
    world.live(at(september(15)))

    assert world.told() == [
        (september(7), "before-due"),
        (september(10), "due"),
        (september(14), "late-1"),
    ]


def test_a_step_on_its_way_when_money_came_and_went_is_said_once_as_owed_again(world: World) -> None:
    world.live(at(september(14), 6))
    world.now = at(september(14), 8)
    world.plan()
    world.pay("lease-0", RENT)
    world.now += timedelta(minutes=5)
    world.take_back("lease-0", RENT)
    world.deliver_all()
    world.live(at(september(15)))

    assert world.told()[-1:] == [(september(14), "late-1")]
    assert [step for _, step in world.told()].count("late-1") == 1


def test_where_the_ladder_has_no_step_left_the_desk_is_asked_at_once() -> None:
    steps = (ReminderStep(name="nudge", days=5),)
    world = World(PARIS, ReminderSettings(steps=steps), frozenset())
    world.pay("lease-0", RENT)
    world.live(at(september(2)))
    world.live(at(date(2026, 11, 3)), DAY)
    world.take_back("lease-0", RENT)
    world.live(at(date(2026, 11, 5)))

    assert world.told() == [(date(2026, 11, 3), "nudge")]
    assert [task.kind for task in world.tasks.open_in("r0").tasks] == [TaskKind.OWED_AGAIN]


def test_a_plan_that_was_kept_has_its_grace_again_when_its_money_is_taken_back(world: World) -> None:
    world.live(at(september(15)))
    world.agree("lease-0", (10, 20))
    world.live(at(september(16)))
    world.pay("lease-0", RENT)
    world.live(at(date(2026, 11, 2)), DAY)
    world.take_back("lease-0", RENT)
    before = len(world.told())
    world.live(at(date(2026, 11, 9)))

    assert world.told()[before:] == [(date(2026, 11, 2), "instalment-late")]
    world.live(at(date(2026, 11, 12)))
    assert world.told()[before + 1 :] == [(date(2026, 11, 10), "late-3")]


# ---------------------------------------------------------------- plans whose debts are corrected


def planned(world: World) -> World:
    """September in two parts of 225 euros, on the 25th and on October 5."""
    world.live(at(september(15), 12))
    world.agree("lease-0", (10, 20))
    return world


def unpaid(world: World) -> list[Outstanding]:
    account = world.accounts.get("lease-0")
    assert account is not None
    return list(account.checkpoint.outstanding)


def plan_of(world: World) -> AgreedPlan:
    account = world.accounts.get("lease-0")
    assert account is not None
    assert account.plan is not None
    return account.plan


def parts(world: World) -> list[tuple[int, int]]:
    """(cents, cents still owed) of each instalment."""
    left = {number: cents for number, _, cents in plan_of(world).unpaid(unpaid(world))}
    return [
        (one.amount_cents, left.get(number, 0)) for number, one in enumerate(plan_of(world).instalments, 1)
    ]


def asked_of_the_desk(world: World) -> list[TaskKind]:
    return [task.kind for task in world.tasks.open_in("r0").tasks]


def test_a_plan_follows_a_notice_that_was_corrected_and_the_desk_is_told(world: World) -> None:
    planned(world).pay("lease-0", 10_000)
    world.amend("lease-0", RENT - 20_000)

    assert parts(world) == [(22_500, 12_500), (2_500, 2_500)]
    assert plan_of(world).debts == ("notice:2026-09#2",)
    world.live(at(september(26)))
    assert world.told()[-2:] == [(september(22), "instalment-before"), (september(25), "instalment-due")]
    assert asked_of_the_desk(world) == [TaskKind.PLAN_CORRECTED]


def test_what_costs_more_is_added_to_its_last_instalment(world: World) -> None:
    planned(world).pay("lease-0", 22_500)
    world.amend("lease-0", RENT + 5_000)

    assert parts(world) == [(22_500, 0), (27_500, 27_500)]
    assert plan_of(world).covers(unpaid(world)[0])


def test_a_credit_note_pays_no_instalment(world: World) -> None:
    planned(world).credit("lease-0", "2026-09", 30_000)

    assert parts(world) == [(15_000, 15_000)]
    world.pay("lease-0", 15_000)
    assert parts(world) == [(15_000, 0)]


def test_a_plan_whose_notice_is_withdrawn_is_over_without_being_paid_and_the_desk_is_told(
    world: World,
) -> None:
    planned(world).amend("lease-0", 0)

    assert plan_of(world).lapsed
    assert unpaid(world) == []
    world.live(at(september(17)))
    assert asked_of_the_desk(world) == [TaskKind.PLAN_CORRECTED]
    assert not plan_of(world).asks_desk


def test_a_plan_that_is_paid_stays_paid_when_its_notice_is_corrected(world: World) -> None:
    planned(world).pay("lease-0", RENT)
    world.amend("lease-0", RENT + 5_000)
    world.live(at(date(2026, 10, 12)))

    assert parts(world) == [(22_500, 0), (22_500, 0)]
    assert asked_of_the_desk(world) == []
    assert world.told()[-1] == (date(2026, 10, 5), "late-2")  # what the second notice asks for more


def test_what_a_plan_covers_makes_a_sum_that_is_tolerated_beside_it_no_reminder() -> None:
    world = World(PARIS, ReminderSettings(tolerance_cents=500), frozenset())
    world.pay("lease-1", RENT)
    planned(world)
    charge = Entry(
        entry_id="adjustment:card",
        kind=EntryKind.ADJUSTMENT,
        amount_cents=300,
        effective_at=world.now,
        due_on=september(30),
    )
    world.books.post("lease-0", "r0", charge)
    before = len(world.told())
    world.live(at(date(2026, 10, 1)))

    assert [step for _, step in world.told()[before:]] == [
        "instalment-before",
        "instalment-due",
        "instalment-late",
    ]


# ---------------------------------------------------------------- messages that wait and do not go


def states_of(world: World) -> list[MessageState]:
    """Of the messages about the lease, newest first."""
    return [one.state for one in world.post.messages.of_lease("lease-0").messages]


def busy_and_held(world: World) -> World:
    """A reminder that the mail service did not take at first; meanwhile reminders were held."""
    world.live(at(september(14), 6))
    world.now = at(september(14))
    world.plan()
    event = world.pending.pop()
    assert not world.deliver(event, "busy")
    world.hold("lease-0", 3)
    world.now += timedelta(minutes=9)
    assert world.deliver(event)
    return world


def test_a_message_that_is_given_back_gives_its_day_back_and_waits_no_more(world: World) -> None:
    busy_and_held(world).take_the_day(Channel.EMAIL)
    world.pay("lease-0", RENT)
    world.live(at(september(20)))

    assert states_of(world)[0] is MessageState.SUPERSEDED
    assert world.told()[-1] == (september(10), "due")


def test_a_message_that_was_given_back_goes_once_where_its_debt_is_still_owed(world: World) -> None:
    busy_and_held(world).live(at(september(20)))

    assert states_of(world)[0] is MessageState.ACCEPTED
    assert world.told()[-1] == (september(18), "late-1")


def test_a_text_that_waits_and_loses_its_phone_ends_and_the_desk_is_told() -> None:
    world = World(PARIS, ReminderSettings(), frozenset(), phone="+33612345678")
    world.pay("lease-1", RENT)
    world.live(at(september(14), 6))
    world.now = at(september(14))
    world.plan()
    event = world.pending.pop()
    world.deliver(event)
    world.take_the_day(Channel.SMS)
    world.deliver(by_another_way(event, Channel.EMAIL))  # it bounced
    assert set(states_of(world)[:2]) == {MessageState.ACCEPTED, MessageState.WAITING}

    world.identity.put(person_item(replace(PERSON, email=None)))
    world.live(at(september(16)))

    assert set(states_of(world)[:2]) == {MessageState.ACCEPTED, MessageState.UNADDRESSED}
    assert asked_of_the_desk(world) == [TaskKind.UNREACHABLE]


# ---------------------------------------------------------------- formal notices that wait

TENTH = date(2026, 10, 10)
"""A Saturday: September's formal notice is ordered, and told of an hour later."""


def ordered(world: World) -> World:
    """At 09:05 in Paris."""
    world.live(at(date(2026, 10, 9), 20))
    world.now = at(TENTH, 7)
    world.plan()
    assert world.pending == []
    return world


def an_hour_on(world: World, hours: int = 1) -> None:
    world.now += timedelta(hours=hours)
    world.plan()


def formal_notices(world: World) -> list[Document]:
    """Oldest first."""
    found = [one for one in world.documents.of_lease("lease-0", limit=50) if one.kind is Kind.FORMAL_NOTICE]
    return sorted(found, key=lambda one: one.asked_at)


def test_a_formal_notice_is_told_of_as_it_was_ordered_where_nothing_changed(world: World) -> None:
    an_hour_on(ordered(world))
    world.deliver_all()

    [document] = formal_notices(world)
    assert [one.document_id for one in world.history if one.document_id] == [document.document_id]


def test_a_part_payment_before_it_is_told_of_has_it_written_anew(world: World) -> None:
    ordered(world).pay("lease-0", 10_000)
    an_hour_on(world)
    an_hour_on(world)
    world.deliver_all()

    [outdated, document] = formal_notices(world)
    assert (outdated.validity, document.validity) == (Validity.REVOKED, Validity.GENUINE)
    assert document.facts["demand"]["total_cents"] == RENT - 10_000
    assert [one.document_id for one in world.history if one.document_id] == [document.document_id]


def test_a_payment_that_comes_and_goes_within_the_day_makes_three_papers_of_which_one_holds(
    world: World,
) -> None:
    ordered(world).pay("lease-0", 10_000)
    an_hour_on(world)
    world.take_back("lease-0", 10_000)
    an_hour_on(world)
    an_hour_on(world)
    world.deliver_all()

    assert [one.validity for one in formal_notices(world)] == [
        Validity.REVOKED,
        Validity.REVOKED,
        Validity.GENUINE,
    ]
    assert formal_notices(world)[-1].facts["demand"]["total_cents"] == RENT


def test_after_a_hold_it_is_dated_and_payable_anew(world: World) -> None:
    ordered(world).hold("lease-0", 20)
    world.live(at(date(2026, 11, 5)))

    [outdated, document] = formal_notices(world)
    assert outdated.validity is Validity.REVOKED
    assert (document.facts["demand"]["as_of"], document.facts["demand"]["pay_by"]) == (
        "2026-10-31",
        "2026-11-08",
    )
    assert world.told()[-1] == (date(2026, 10, 31), "formal-notice")


def test_a_payment_while_its_message_is_under_way_sends_another_paper(world: World) -> None:
    an_hour_on(ordered(world))
    world.pay("lease-0", 10_000)
    world.deliver_all()
    assert [step for _, step in world.told()][-1] == "late-3"

    world.live(at(date(2026, 10, 12)))
    assert [one.validity for one in formal_notices(world)] == [Validity.REVOKED, Validity.GENUINE]
    assert world.told()[-1] == (TENTH, "formal-notice")


def test_one_that_a_queue_held_overnight_is_dated_of_the_day_it_goes(world: World) -> None:
    an_hour_on(ordered(world))
    world.now = at(date(2026, 10, 12), 8)  # a Monday
    world.deliver_all()
    world.live(at(date(2026, 10, 12), 20), timedelta(hours=1))

    assert [one.facts["demand"]["as_of"] for one in formal_notices(world)] == ["2026-10-10", "2026-10-12"]
    assert world.told()[-1] == (date(2026, 10, 12), "formal-notice")


def test_one_that_was_told_of_stays_whatever_the_queue_repeats(world: World) -> None:
    an_hour_on(ordered(world))
    world.deliver_all()
    event = world.delivered[-1]
    for later in (at(TENTH, 22), at(date(2026, 10, 13), 9), at(date(2026, 10, 14), 3)):
        world.now = later
        world.deliver(event)
        world.live(later + timedelta(days=1))

    [document] = formal_notices(world)
    assert document.validity is Validity.GENUINE
    assert [step for _, step in world.told()].count("formal-notice") == 1


def announced_both_ways() -> World:
    """By e-mail and by text; the day's text is another's."""
    both = (Channel.EMAIL, Channel.SMS)
    steps = (ReminderStep(name="formal-notice", days=30, channels=both, formal_notice=True),)
    world = World(PARIS, ReminderSettings(steps=steps), frozenset(), phone="+33612345678")
    world.pay("lease-1", RENT)
    world.deliver_all()
    an_hour_on(ordered(world))
    world.take_the_day(Channel.SMS)
    return world


def test_one_whose_e_mail_reached_nobody_is_written_anew_for_the_text_that_goes_another_day() -> None:
    world = announced_both_ways()
    world.identity.put(person_item(replace(PERSON, email=None, phone="+33612345678")))
    world.deliver_all()
    world.pay("lease-0", 20_000)
    world.live(at(date(2026, 10, 14)), timedelta(hours=1))

    [outdated, document] = formal_notices(world)
    assert (outdated.validity, document.validity) == (Validity.REVOKED, Validity.GENUINE)
    assert document.facts["demand"]["total_cents"] == RENT - 20_000
    told = [(one.at.date(), one.channel, one.document_id) for one in world.history if one.document_id]
    assert told == [(date(2026, 10, 12), Channel.SMS, document.document_id)]


def test_by_e_mail_and_by_text_it_is_the_same_paper_though_one_of_them_goes_another_day() -> None:
    world = announced_both_ways()
    world.deliver_all()
    world.live(at(date(2026, 10, 14)))

    [document] = formal_notices(world)
    told = [(one.at.date(), one.channel, one.document_id) for one in world.history if one.document_id]
    assert told == [
        (TENTH, Channel.EMAIL, document.document_id),
        (date(2026, 10, 12), Channel.SMS, document.document_id),
    ]


@pytest.mark.parametrize(("held", "paid"), [(20, 0), (0, 20_000)], ids=["after its last day", "part paid"])
def test_one_that_its_reader_has_by_e_mail_is_told_of_by_text_only_as_long_as_it_holds(
    held: int, paid: int
) -> None:
    world = announced_both_ways()
    world.deliver_all()
    if held:
        world.hold("lease-0", held)
    if paid:
        world.pay("lease-0", paid)
    world.live(at(date(2026, 11, 3)))

    assert [one.channel for one in world.history if one.document_id] == [Channel.EMAIL]
    text, e_mail = world.post.messages.of_lease("lease-0").messages[:2]
    assert {text.state, e_mail.state} == {MessageState.SUPERSEDED, MessageState.ACCEPTED}
    assert asked_of_the_desk(world) == []


def test_one_that_was_withdrawn_is_told_of_by_no_other_channel_and_once_no_more() -> None:
    world = announced_both_ways()
    world.deliver(world.pending.pop(), "lost")
    world.withdraw("lease-0")
    world.live(at(date(2026, 10, 20)), timedelta(hours=1))

    assert [one.channel for one in world.history if one.document_id] == [Channel.EMAIL]
    records = world.post.messages.of_lease("lease-0").messages[:2]
    assert {one.state for one in records} == {MessageState.LOST, MessageState.SUPERSEDED}
    assert asked_of_the_desk(world) == []


def test_one_that_was_withdrawn_on_its_way_to_the_sender_is_made_anew(world: World) -> None:
    an_hour_on(ordered(world))
    world.withdraw("lease-0")
    world.live(at(TENTH, 16), timedelta(hours=1))

    [void, document] = formal_notices(world)
    assert (void.validity, document.validity) == (Validity.REVOKED, Validity.GENUINE)
    assert [one.document_id for one in world.history if one.document_id] == [document.document_id]


def test_one_whose_answer_was_lost_and_that_cannot_be_told_of_in_time_is_the_desks() -> None:
    world = World(PARIS, ReminderSettings(), frozenset())
    world.pay("lease-1", RENT)
    world.deliver_all()
    an_hour_on(ordered(world))
    world.deliver(world.pending.pop(), "lost")
    world.hold("lease-0", 20)
    world.live(at(date(2026, 11, 3)))

    assert len([one for one in world.history if one.document_id]) == 1
    assert world.post.messages.of_lease("lease-0").messages[0].state is MessageState.LOST
    assert asked_of_the_desk(world) == [TaskKind.UNCONFIRMED]


def test_one_that_was_written_anew_and_bounced_is_told_of_by_text_as_the_paper_that_holds() -> None:
    world = World(PARIS, ReminderSettings(), frozenset(), phone="+33612345678")
    world.pay("lease-1", RENT)
    world.deliver_all()
    an_hour_on(ordered(world))
    event = world.pending.pop()
    assert not world.deliver(event, "busy")
    world.pay("lease-0", 10_000)
    world.now += timedelta(minutes=9)
    assert world.deliver(event)
    world.live(world.now + timedelta(hours=3), timedelta(hours=1))
    [_, document] = formal_notices(world)
    record = world.post.messages.of_lease("lease-0").messages[0]
    assert record.state is MessageState.ACCEPTED
    assert record.event is not None
    world.pending.append(by_another_way(record.event, Channel.EMAIL))
    world.live(at(date(2026, 10, 14)))

    told = [(one.channel, one.document_id) for one in world.history if one.document_id]
    assert told == [(way, document.document_id) for way in (Channel.EMAIL, Channel.SMS)]


def test_one_that_bounced_is_told_of_by_text_days_later_as_the_same_paper() -> None:
    world = World(PARIS, ReminderSettings(), frozenset(), phone="+33612345678")
    world.pay("lease-1", RENT)
    world.deliver_all()
    an_hour_on(ordered(world))
    world.deliver_all()
    event = world.delivered[-1]
    world.now = at(date(2026, 10, 13))
    world.pending.append(by_another_way(event, Channel.EMAIL))
    world.live(at(date(2026, 10, 14)))

    [document] = formal_notices(world)
    assert document.validity is Validity.GENUINE
    assert [(one.at.date(), one.channel) for one in world.history if one.document_id] == [
        (TENTH, Channel.EMAIL),
        (date(2026, 10, 13), Channel.SMS),
    ]


# ---------------------------------------------------------------- plans that break


def test_a_plan_that_breaks_after_the_ladder_was_said_to_its_end_is_told_of_and_the_desk_is_asked(
    world: World,
) -> None:
    world.live(at(date(2026, 10, 14)))
    assert world.told()[-1] == (TENTH, "formal-notice")
    world.agree("lease-0", (10, 40, 70))
    world.live(at(date(2026, 10, 30)))
    before = len(world.told())
    world.live(at(date(2026, 11, 20)))

    assert world.told()[before:] == [(date(2026, 11, 2), "instalment-late")]  # after All Saints' Sunday
    assert world.history[-1].cause["broken_plan"] == plan_of(world).plan_id
    assert asked_of_the_desk(world) == [TaskKind.PLAN_BROKEN]


def test_where_a_step_waits_when_a_plan_breaks_it_is_the_one_message(world: World) -> None:
    planned(world).live(at(date(2026, 10, 3), 20))

    assert world.told()[-1] == (date(2026, 10, 3), "late-3")
    assert asked_of_the_desk(world) == [TaskKind.PLAN_BROKEN]


def test_that_a_plan_broke_goes_on_another_day_where_its_own_is_taken(world: World) -> None:
    world.live(at(date(2026, 10, 14)))
    world.agree("lease-0", (9, 40, 70))
    world.live(at(date(2026, 10, 30), 20))
    before = len(world.told())
    world.now = at(date(2026, 10, 31), 8)
    world.take_the_day(Channel.EMAIL)
    world.live(at(date(2026, 11, 20)))

    assert world.told()[before:] == [(date(2026, 11, 2), "instalment-late")]


def test_a_plan_that_staff_cancelled_asks_nobody(world: World) -> None:
    world.live(at(date(2026, 10, 14)))
    world.agree("lease-0", (10, 40, 70))
    account = world.accounts.get("lease-0")
    assert account is not None
    world.money.write(
        world.accounts.arranging(
            account,
            hold=None,
            plan=replace(plan_of(world), cancelled=True),
            next_step_at=world.now,
            since=account.since,
        )
    )
    before = len(world.told())
    world.live(at(date(2026, 11, 20)))

    assert world.told()[before:] == []
    assert asked_of_the_desk(world) == []
    assert not plan_of(world).stands


def test_a_task_that_the_desk_has_closed_stays_closed_when_its_formal_notice_is_told_of(
    world: World,
) -> None:
    world.live(at(september(15)))
    world.pay("lease-0", RENT)
    world.live(at(september(19), 19))
    world.take_back("lease-0", RENT)
    world.live(at(date(2026, 10, 16), 6))
    an_hour_on(world)
    [task] = world.tasks.open_in("r0").tasks
    closed_at = world.now + timedelta(minutes=10)
    world.tasks.table.write(world.tasks.closing(task, TaskOutcome.DONE, "manager", closed_at))
    an_hour_on(world)
    world.deliver_all()

    assert world.told()[-1] == (date(2026, 10, 16), "formal-notice")
    assert asked_of_the_desk(world) == []


def test_what_is_owed_again_of_a_plan_that_has_lapsed_is_chased_by_itself(world: World) -> None:
    world.live(at(september(3)))
    world.pay("lease-0", 20_000)
    planned(world).credit("lease-0", "2026-09", 25_000)
    world.live(at(september(29), 20))
    before = len(world.told())
    assert plan_of(world).lapsed
    world.take_back("lease-0", 20_000)
    world.live(at(date(2026, 10, 25)))

    assert world.told()[before:] == [
        (september(30), "late-2"),  # taken back the evening before
        (date(2026, 10, 9), "late-3"),
        (date(2026, 10, 19), "formal-notice"),
    ]
    assert TaskKind.OWED_AGAIN in asked_of_the_desk(world)


# ---------------------------------------------------------------- parts that are taken back


def test_an_instalment_that_was_paid_and_is_taken_back_is_said_anew_and_has_its_grace_again(
    world: World,
) -> None:
    world.live(at(september(15), 12))
    world.agree("lease-0", (10, 20, 30, 40, 50))
    world.live(at(september(24)))
    world.pay("lease-0", 9_000)
    world.live(at(september(28)))
    before = len(world.told())
    world.take_back("lease-0", 9_000)
    world.live(at(date(2026, 10, 5), 20))

    told = world.told()[before:]
    assert told[0] == (september(28), "instalment-late")
    assert world.history[-len(told)].cause["instalment"] == "1"
    assert plan_of(world).stands
    world.live(at(date(2026, 10, 6)))
    assert asked_of_the_desk(world) == [TaskKind.PLAN_BROKEN]


def test_what_was_paid_before_a_plan_and_is_taken_back_is_added_to_its_last_instalment(
    world: World,
) -> None:
    world.live(at(september(3)))
    world.pay("lease-0", 20_000)
    planned(world).take_back("lease-0", 20_000)

    assert parts(world) == [(12_500, 12_500), (32_500, 32_500)]
    world.live(at(september(17)))
    assert asked_of_the_desk(world) == [TaskKind.PLAN_CORRECTED]


def test_a_plan_that_was_kept_asks_for_what_it_covers_and_for_what_was_paid_before_it(
    world: World,
) -> None:
    world.live(at(september(3)))
    world.pay("lease-0", 20_000)
    planned(world).pay("lease-0", 25_000)
    world.live(at(date(2026, 10, 12)))
    before = len(world.told())
    world.take_back("lease-0", 25_000)
    world.take_back("lease-0", 20_000)
    world.live(at(date(2026, 10, 13)))

    assert world.told()[before:] == [(date(2026, 10, 12), "instalment-late")]


def test_a_debt_taken_back_in_small_parts_after_its_ladder_has_ended_is_chased(world: World) -> None:
    sources = []
    for cents in (10_000, 10_500, 13_250):
        world.now += timedelta(minutes=1)
        world.pay("lease-0", cents)
        sources.append((f"payment:{world.now.isoformat()}", cents))
    world.live(at(date(2026, 10, 19)))
    before = len(world.told())
    for source, cents in sources:
        entry = Entry(
            entry_id=f"charge-back:{source}",
            kind=EntryKind.CHARGE_BACK,
            amount_cents=cents,
            effective_at=world.now,
            reverses=source,
        )
        world.books.post("lease-0", "r0", entry)
        world.live(world.now + 3 * DAY)
    world.live(at(date(2026, 11, 10)))

    assert [step for _, step in world.told()[before:]] == ["late-3"] * 3 + ["formal-notice"]
    assert TaskKind.OWED_AGAIN in asked_of_the_desk(world)


@pytest.mark.parametrize("paid", [0, 1_000], ids=["overnight", "part paid meanwhile"])
def test_one_whose_answer_was_lost_is_told_of_once_more_as_the_same_paper(world: World, paid: int) -> None:
    an_hour_on(ordered(world), hours=1 if paid else 9)  # the evening's last run
    world.now += timedelta(minutes=0 if paid else 35)
    world.deliver(world.pending.pop(), "lost")
    if paid:
        world.pay("lease-0", paid)
    world.live(at(date(2026, 10, 13)), timedelta(hours=1))

    [document] = formal_notices(world)
    assert document.validity is Validity.GENUINE
    assert [one.document_id for one in world.history if one.document_id] == [document.document_id] * 2
    [record] = [one for one in world.post.messages.of_lease("lease-0").messages if one.sent_again_at]
    assert (record.cause["step"], record.state) == ("formal-notice", MessageState.ACCEPTED)
