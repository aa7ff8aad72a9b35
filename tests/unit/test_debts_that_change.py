"""Reminders of a debt that is not what it was: corrected, paid and taken back, part of a plan, held."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from sesame.domain.journal import Entry, EntryKind
from sesame.domain.tenancy import ReminderSettings
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
