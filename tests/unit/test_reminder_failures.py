"""What the planner cannot read or do keeps nobody else waiting, is counted, and is named by ids alone."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest

from sesame.domain.tenancy import ReminderSettings
from sesame.services.reminders import SomeNotPlanned
from sesame.store import keys
from tests.unit.test_reminder_laws import World

LATE = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    """In the sending hours of Paris, where both leases are late."""
    world = World(("Europe/Paris", "Europe/Paris"), ReminderSettings(), frozenset())
    world.now = LATE
    world.pending.clear()
    return world


def counted(printed: str) -> dict[str, int]:
    """The metrics of a run's lines."""
    found: dict[str, int] = {}
    for line in printed.splitlines():
        told = json.loads(line) if line.startswith("{") else {}
        for metric in told.get("_aws", {}).get("CloudWatchMetrics", ()):
            found |= {one["Name"]: told[one["Name"]] for one in metric["Metrics"]}
    return found


def a_broken_account(world: World, residence_id: str) -> dict[str, Any]:
    item = {
        **keys.account("broken"),
        "gsi1pk": keys.due_accounts(residence_id),
        "gsi1sk": "2026-09-01T00:00:00+00:00",
        "lease_id": "broken",
        "balance_cents": "Camille Essai",
        "version": 1,
    }
    world.money.put(item)
    return item


def test_an_account_that_cannot_be_read_keeps_no_other_waiting(
    world: World, capsys: pytest.CaptureFixture[str], log: StringIO
) -> None:
    a_broken_account(world, "r0")

    with pytest.raises(SomeNotPlanned):
        world.planner.plan(world.now)

    assert {event["lease_id"] for event in world.pending} == {"lease-0", "lease-1"}
    assert counted(capsys.readouterr().out) == {"ReminderRun": 1, "ReminderFailed": 1}
    assert '"lease":"broken"' in log.getvalue()
    assert "Camille" not in log.getvalue()


@pytest.mark.parametrize("broken", [{"time_zone": "Mars/Olympus"}, {"landlord": "Camille Essai"}])
def test_a_residence_that_cannot_be_read_keeps_no_other_waiting(
    world: World, broken: dict[str, Any], capsys: pytest.CaptureFixture[str], log: StringIO
) -> None:
    item = world.identity.get(keys.residence("r0"))
    assert item is not None
    world.identity.put(item | broken)

    with pytest.raises(SomeNotPlanned):
        world.planner.plan(world.now)

    assert [event["lease_id"] for event in world.pending] == ["lease-1"]
    assert counted(capsys.readouterr().out) == {"ReminderRun": 1, "ReminderFailed": 1}
    assert '"residence":"r0"' in log.getvalue()
    assert "Camille" not in log.getvalue()


def test_a_run_that_can_look_into_no_residence_has_no_heartbeat(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for residence_id in ("r0", "r1"):
        item = world.identity.get(keys.residence(residence_id))
        assert item is not None
        world.identity.put(item | {"landlord": "-"})

    with pytest.raises(SomeNotPlanned):
        world.planner.plan(world.now)

    assert counted(capsys.readouterr().out) == {"ReminderFailed": 2}


def test_a_run_with_nobody_awake_has_one(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.planner.plan(world.now + timedelta(hours=12))

    assert counted(capsys.readouterr().out) == {"ReminderRun": 1}
