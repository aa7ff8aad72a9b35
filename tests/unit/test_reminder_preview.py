"""What the preview of a day's reminders says is what planner and sender do, where a plan stands too."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sesame.domain.scope import EVERYWHERE
from sesame.domain.tenancy import ReminderSettings
from sesame.services.reminder_preview import PreviewedReminder, ReminderPreview
from sesame.services.staff import Role, Staff
from sesame.store.people import person_item
from tests.unit.test_debts_that_change import PARIS, TENTH, at, september
from tests.unit.test_reminder_laws import PERSON, RENT, World

DESK = Staff(staff_id="m", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)


@pytest.fixture
def world() -> World:
    """One of two leases owes September."""
    world = World(PARIS, ReminderSettings(), frozenset())
    world.pay("lease-1", RENT)
    world.deliver_all()
    return world


def preview(world: World, day: date) -> list[PreviewedReminder]:
    desk = ReminderPreview(identity=world.identity, accounts=world.accounts, clock=lambda: world.now)
    return list(desk.of(DESK, "r0", day).reminders)


def test_an_instalment_that_is_not_due_yet_is_no_late_reminder_though_its_debt_is_late(world: World) -> None:
    world.live(at(september(15), 12))
    world.agree("lease-0", (10, 20))
    world.identity.put(person_item(replace(PERSON, courtesy_reminders=False)))
    world.live(at(september(18), 20))

    [to_come] = preview(world, september(22))

    assert (to_come.step, to_come.unwanted, to_come.channel) == ("instalment-before", True, None)
    before = len(world.told())
    world.live(at(september(23), 6))
    assert world.told()[before:] == []


def test_a_plan_that_breaks_that_day_is_asked_for_as_the_debts_that_it_covered(world: World) -> None:
    world.identity.put(person_item(replace(PERSON, courtesy_reminders=False)))
    world.live(at(september(15), 12))
    world.agree("lease-0", (10, 40))
    world.live(at(date(2026, 10, 2), 20))

    [to_come] = preview(world, date(2026, 10, 3))

    assert (to_come.step, to_come.unwanted, to_come.unpaid_cents) == ("late-3", False, RENT)


def test_a_formal_notice_names_what_is_late_and_not_what_a_plan_covers_or_comes_later(world: World) -> None:
    world.live(at(date(2026, 10, 1), 3))
    world.bill("lease-0", "2026-10")
    world.live(at(date(2026, 10, 9), 20))

    [to_come] = preview(world, TENTH)

    assert (to_come.step, to_come.unpaid_cents) == ("formal-notice", RENT)


def test_a_formal_notice_that_is_only_ordered_that_day_is_none_of_its_reminders(world: World) -> None:
    world.live(at(date(2026, 10, 9), 20))
    world.now = at(TENTH, 16, 30)  # 18:30 in Paris: half an hour is left, and nobody has ordered it

    assert preview(world, TENTH) == []

    world.plan()
    world.live(at(date(2026, 10, 11), 20), timedelta(hours=1))
    assert all(day != TENTH for day, _ in world.told())
