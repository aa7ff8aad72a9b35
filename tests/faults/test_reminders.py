"""Reminders under every fault: each call of planner and sender fails once, before or after its effect.

On tables in memory, so that every fault of every flow is played in seconds. Then four calm days follow, and
what would have been said without the fault is said all the same, once.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from sesame.domain.tenancy import ReminderSettings
from sesame.platform.ids import derived_id
from sesame.store.messages import MessageState
from sesame.store.people import lease_item
from sesame.store.tasks import TaskKind
from tests.unit.test_reminder_laws import PERSON, RENT, SURCHARGE, World
from tests.unit.test_sending_laws import Town

ZONES = ("Europe/Paris", "Pacific/Tahiti")
MOST_CALLS = 60


class Death(BaseException):
    """The process ends here: no `except Exception` sees it."""


@dataclass(frozen=True, kw_only=True)
class Flow:
    """When it happens in Paris, and whether the fault meets the planner or the sender."""

    at: datetime
    sends: bool
    delivered_at: datetime | None = None
    before: Callable[[World], None] = lambda _world: None
    """What has happened when it begins."""


def _part_is_paid(world: World) -> None:
    """After the formal notices were ordered."""
    world.now -= timedelta(hours=1)
    world.plan()
    for lease_id in world.leases:
        world.pay(lease_id, 10_000)
    world.now += timedelta(hours=1)


def _paid_and_taken_back(world: World) -> None:
    for lease_id in world.leases:
        world.pay(lease_id, RENT)
        world.take_back(lease_id, RENT)


def _planned_and_corrected(world: World) -> None:
    for lease_id in world.leases:
        world.agree(lease_id, (2, 12))
        world.credit(lease_id, world.period, 10_000)


FLOWS = {
    "a step": Flow(at=datetime(2026, 9, 14, 8, 5, tzinfo=UTC), sends=False),
    "a surcharge and a step": Flow(at=datetime(2026, 9, 22, 8, 5, tzinfo=UTC), sends=False),
    "a formal notice": Flow(at=datetime(2026, 10, 10, 8, 5, tzinfo=UTC), sends=False),
    "a formal notice written anew": Flow(
        at=datetime(2026, 10, 10, 8, 5, tzinfo=UTC), sends=False, before=_part_is_paid
    ),
    "a debt owed again": Flow(
        at=datetime(2026, 12, 1, 8, 5, tzinfo=UTC), sends=False, before=_paid_and_taken_back
    ),
    "a plan that was corrected": Flow(
        at=datetime(2026, 9, 15, 8, 5, tzinfo=UTC), sends=False, before=_planned_and_corrected
    ),
    "a message": Flow(at=datetime(2026, 9, 14, 8, 5, tzinfo=UTC), sends=True),
    "a message given back at night": Flow(
        at=datetime(2026, 9, 14, 8, 5, tzinfo=UTC),
        sends=True,
        delivered_at=datetime(2026, 9, 14, 20, 5, tzinfo=UTC),
    ),
}


def _played(flow: Flow, call: int | None, *, after: bool, failure: type[BaseException]) -> tuple[World, bool]:
    """The world in the end, and whether the fault met a call."""
    world = World(ZONES, ReminderSettings(surcharge=SURCHARGE), frozenset())
    world.now = flow.at
    world.deliver_all()  # the notices
    flow.before(world)
    dynamo = world.dynamo
    dynamo.fails_after, dynamo.failure = after, failure
    if flow.sends:
        world.plan()
        world.now = flow.delivered_at or flow.at
    with suppress(Death, ConnectionError):
        if flow.sends:
            world.deliver(world.pending[-1], fuse=call)
        else:
            world.plan(fuse=call)
    met = dynamo.blown
    dynamo.fuse = None
    for hour in range(24 * 4):
        world.now += timedelta(hours=1)
        if hour % 3 == 0:
            world.plan()
            world.deliver_all()
    return world, met


def _told(world: World) -> list[tuple[str, str, str]]:
    return sorted(
        (one.lease_id, one.cause["period"], one.cause["step"]) for one in world.history if "step" in one.cause
    )


def _asked(world: World) -> set[str]:
    """The desk's tasks."""
    residences = world.residences.values()
    return {task.task_id for one in residences for task in world.tasks.open_in(one.residence_id).tasks}


@pytest.mark.parametrize("name", FLOWS)
def test_whatever_call_fails_each_step_is_said_once(name: str) -> None:
    flow = FLOWS[name]
    undisturbed, _ = _played(flow, None, after=False, failure=ConnectionError)
    expected = _told(undisturbed)
    assert expected

    for failure, after in ((ConnectionError, False), (ConnectionError, True), (Death, False), (Death, True)):
        for call in range(MOST_CALLS):
            world, met = _played(flow, call, after=after, failure=failure)
            if not met:
                assert call, "a flow that makes no call cannot be disturbed"
                break
            ids = [one.message_id for one in world.history]
            assert len(set(ids)) == len(ids), (call, after, failure)
            entries = [world.accounts.journal(lease_id).entries for lease_id in world.leases]
            assert [len(some) for some in entries] == [
                len(undisturbed.accounts.journal(lease_id).entries) for lease_id in world.leases
            ]
            assert _asked(world) == _asked(undisturbed)
            # died between the claim of a message and the mail service: on record, and for `again` to send
            assert len(set(expected) - set(_told(world))) <= flow.sends, (call, after, failure)


def _lost_twice(call: int | None, *, after: bool, failure: type[BaseException]) -> tuple[Town, bool]:
    """A reminder whose answer is lost, and lost again; the fault meets what then gives it up."""
    town = Town(("Europe/Paris", "Europe/Paris"), ReminderSettings(), frozenset())
    town.now = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)
    for _ in range(3):  # the notices, one a day
        town.call_again()
        town.deliver_all()
        town.now += timedelta(days=1)
    town.history.clear()
    town.plan()
    town.deliver_all([True])
    town.now += timedelta(minutes=31)
    town.call_again()
    town.deliver_all([True])
    town.now += timedelta(minutes=31)
    town.dynamo.fails_after, town.dynamo.failure = after, failure
    town.dynamo.fuse = call
    with suppress(Death, ConnectionError):
        town.call_again()
        called = list(town.pending)
        for event in called:
            town.sender.handle(event)
    met, town.dynamo.fuse = town.dynamo.blown, None
    for _ in range(6):  # what failed in the queue comes again
        town.now += timedelta(minutes=5)
        town.call_again()
        town.deliver_all()
    return town, met


def test_whatever_call_fails_a_message_lost_twice_is_given_up_and_is_a_task_once() -> None:
    for failure, after in ((ConnectionError, False), (ConnectionError, True), (Death, False), (Death, True)):
        for call in range(MOST_CALLS):
            town, met = _lost_twice(call, after=after, failure=failure)
            [message_id] = {one.message_id for one in town.history}
            record = town.post.messages.get(message_id)
            assert record is not None
            assert (len(town.history), record.state) == (2, MessageState.LOST), (call, after, failure)
            [task] = [one for r in town.residences.values() for one in town.open_tasks(r.residence_id)]
            assert task.kind is TaskKind.UNCONFIRMED
            if not met:
                assert call
                break


def _two_notices(call: int | None, *, after: bool, failure: type[BaseException]) -> tuple[Town, bool]:
    """Two notices of a lease that wait for the morning; the fault meets what tells of them."""
    town = Town(("Europe/Paris", "Europe/Paris"), ReminderSettings(steps=()), frozenset())
    town.pending.clear()  # of the two leases that are there already
    lease = replace(town.leases["lease-0"], lease_id="lease-2", person_id=PERSON.person_id)
    town.identity.put(lease_item(lease))
    town.leases["lease-2"], town.residences["lease-2"] = lease, town.residences["lease-0"]
    town.now = datetime(2026, 9, 20, 3, tzinfo=UTC)
    town.bill("lease-2", "2026-09")
    town.now = datetime(2026, 10, 1, 3, tzinfo=UTC)
    town.bill("lease-2", "2026-10")
    town.deliver_all()
    town.now = datetime(2026, 10, 1, 7, tzinfo=UTC)
    dynamo = town.dynamo
    dynamo.fails_after, dynamo.failure, dynamo.fuse = after, failure, call
    with suppress(Death, ConnectionError):
        town.call_again()
        for event in list(town.pending):
            town.sender.handle(event)
            town.pending.remove(event)
    met, dynamo.fuse = dynamo.blown, None
    for _ in range(9):
        town.now += timedelta(minutes=8)
        town.call_again()
        town.deliver_all()
    return town, met


def test_whatever_call_fails_two_notices_that_wait_are_told_of_in_one_message() -> None:
    for failure, after in ((ConnectionError, False), (Death, True)):
        for call in range(MOST_CALLS):
            town, met = _two_notices(call, after=after, failure=failure)
            ids = [derived_id("notice", "lease-2", period) for period in ("2026-09", "2026-10")]
            first, second = sorted(town.post.messages.some(ids), key=lambda one: one.state if one else "")
            assert first is not None
            assert second is not None
            assert (first.state, second.state) == (MessageState.ACCEPTED, MessageState.MERGED), (call, after)
            assert second.told_in == first.message_id
            # a second copy only where the sender died between the claim and writing the answer down
            assert 1 <= len(town.history) <= 1 + (first.sent_again_at is not None)
            if not met:
                assert call
                break
