"""A ladder is set as data, and every fault of one is named with its field."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sesame.domain.ladders import faults
from sesame.domain.tenancy import (
    DEFAULT_STEPS,
    USUAL_REMINDERS,
    Channel,
    ReminderSettings,
    ReminderStep,
    RenewalBlock,
    Surcharge,
)

TODAY = date(2026, 9, 1)
RULE = Surcharge(flat_cents=500, cap_cents=1_000, grace_days=10, source="article 3", applies_from=TODAY)


def fields(settings: ReminderSettings, before: ReminderSettings = USUAL_REMINDERS) -> list[str]:
    return [field for field, _ in faults(settings, before, TODAY)]


def step(name: str, days: int, **more: Any) -> ReminderStep:
    return ReminderStep(name=name, days=days, **more)


def test_the_usual_ladder_has_no_fault() -> None:
    assert fields(USUAL_REMINDERS) == []
    assert [one.days for one in DEFAULT_STEPS] == [-5, 0, 3, 10, 20, 30]
    assert USUAL_REMINDERS.surcharge is None
    assert USUAL_REMINDERS.renewal_block is None


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ((step("a", 3), step("b", 3)), "steps[1].days"),
        ((step("a", 3), step("a", 5)), "steps"),
        ((step("a", 3, channels=()),), "steps[0].channels"),
        ((step("a", 3, channels=(Channel.SMS, Channel.SMS)),), "steps[0].channels"),
        ((step("a", 3), step("f", 5, formal_notice=True)), "steps[1].days"),
        ((step("f", 30, formal_notice=True),), "steps[0].formal_notice"),
        ((step("a", 3), step("f", 30, formal_notice=True, channels=(Channel.SMS,))), "steps[1].channels"),
        (
            (step("a", 3), step("f", 30, formal_notice=True), step("g", 40, formal_notice=True)),
            "steps[2].formal_notice",
        ),
    ],
)
def test_a_ladder_that_cannot_be_followed_is_refused_with_its_field(
    steps: tuple[ReminderStep, ...], found: str
) -> None:
    assert fields(replace(USUAL_REMINDERS, steps=steps)) == [found]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"flat_cents": 0}, "surcharge.flat_cents"),
        ({"cap_cents": 100}, "surcharge.cap_cents"),
        ({"grace_days": -9}, "surcharge.grace_days"),
        ({"applies_from": date(2026, 8, 31)}, "surcharge.applies_from"),
    ],
)
def test_a_surcharge_nobody_was_told_of_is_refused(changed: dict[str, Any], found: str) -> None:
    assert fields(replace(USUAL_REMINDERS, surcharge=replace(RULE, **changed))) == [found]


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"days": 3}, ["renewal_block.days"]),
        ({"applies_from": date(2026, 8, 31)}, ["renewal_block.applies_from"]),
    ],
)
def test_a_block_of_renewal_nobody_was_told_of_is_refused(changed: dict[str, Any], found: list[str]) -> None:
    rule = RenewalBlock(days=30, source="article 14", applies_from=TODAY)

    assert fields(replace(USUAL_REMINDERS, renewal_block=replace(rule, **changed))) == found


def test_a_rule_that_is_kept_needs_no_new_day() -> None:
    kept = replace(USUAL_REMINDERS, surcharge=replace(RULE, applies_from=date(2026, 1, 1)))

    assert fields(kept, before=kept) == []


def test_whose_holidays_are_kept_is_one_of_the_territories() -> None:
    assert fields(replace(USUAL_REMINDERS, territory="reunion")) == []
    assert fields(replace(USUAL_REMINDERS, territory="atlantis")) == ["territory"]
