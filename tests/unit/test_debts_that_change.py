"""Reminders of a debt that is not what it was: corrected, paid and taken back, part of a plan, held."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from sesame.domain.certificates import Kind, Validity
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.tenancy import Channel, ReminderSettings, ReminderStep
from sesame.store.documents import Document
from tests.unit.test_reminder_laws import RENT, World

PARIS = ("Europe/Paris", "Europe/Paris")
MakeWorld = Callable[..., World]


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


def test_by_e_mail_and_by_text_it_is_the_same_paper_though_one_of_them_goes_another_day() -> None:
    both = (Channel.EMAIL, Channel.SMS)
    steps = (ReminderStep(name="formal-notice", days=30, channels=both, formal_notice=True),)
    world = World(PARIS, ReminderSettings(steps=steps), frozenset(), phone="+33612345678")
    world.pay("lease-1", RENT)
    world.deliver_all()
    an_hour_on(ordered(world))
    world.take_the_day(Channel.SMS)
    world.deliver_all()
    world.live(at(date(2026, 10, 14)))

    [document] = formal_notices(world)
    told = [(one.at.date(), one.channel, one.document_id) for one in world.history if one.document_id]
    assert told == [
        (TENTH, Channel.EMAIL, document.document_id),
        (date(2026, 10, 12), Channel.SMS, document.document_id),
    ]
