"""Rent notices under every fault: issued once each, corrected whole or not at all, adjusted once."""

from datetime import datetime
from typing import Any

import pytest

from sesame.domain.journal import fold
from sesame.platform.events import event_of
from tests.faults.harness import Scene, faults_of, stage
from tests.integration.conftest import Aws
from tests.integration.test_desk_notices import KEY_LOST, MANAGER, NETWORK, Desk
from tests.integration.test_lease_terms import OCTOBER, SEPTEMBER, moved


class OfOneLease(Scene):
    """A tenant's notices, and the law of all scenes."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.desk = Desk(aws)
        aws.pepper.hash("warm", "up")
        self.prepare()

    def prepare(self) -> None:
        """What is there before the trigger."""

    def bill(self, at: datetime) -> None:
        """By the shortest way."""
        self.desk.clock.now = at
        self.desk.office.lease_billing.bill(self.desk.lease_id, at)

    def check(self) -> None:
        """The stored account is what its journal comes to, and one notice a month stands."""
        journal = self.desk.journal
        assert journal.account is None or journal.account.checkpoint == fold(journal.entries).checkpoint
        standing = [one.notice.period for one in journal.notices]
        assert len(standing) == len(set(standing))

    def state(self) -> object:
        journal = self.desk.journal
        waiting = journal.account.adjustments if journal.account else ()
        notes = sorted(self.desk.notes().values())
        return self.desk.standing(), notes, len(waiting), self.desk.balance, self.desk.lease.terms


class DailyRunScene(OfOneLease):
    """The queue's message of one residence."""

    def prepare(self) -> None:
        self.desk.office.run.plan(SEPTEMBER)
        queue = self.desk.office.queue.url
        [found] = self.desk.aws.sqs.receive_message(QueueUrl=queue)["Messages"]
        self.message = found["Body"]

    def trigger(self) -> bool:
        self.desk.office.billing.bill(event_of(self.message))
        return True

    def go_on(self) -> None:
        assert self.desk.standing() == {"2026-09": (1, 45_000)}


class RunForOneLeaseScene(OfOneLease):
    """The desk's wish, until it is answered."""

    def trigger(self) -> bool:
        self.desk.desk.bill(MANAGER, self.desk.lease_id, network=NETWORK)
        return True

    def go_on(self) -> None:
        assert self.desk.standing() == {"2026-09": (1, 45_000)}


class ChangeOfTermsScene(OfOneLease):
    """A change of room that comes when its month is out, and paid."""

    def prepare(self) -> None:
        self.bill(OCTOBER)
        self.desk.office.pay(self.desk.tenant, 90_000)

    def trigger(self) -> bool:
        self.desk.change(moved)
        return True

    def go_on(self) -> None:
        assert self.desk.standing() == {"2026-09": (1, 45_000), "2026-10": (2, 55_323)}
        assert self.desk.balance == 10_323


class StaffDecideScene(OfOneLease):
    """A credit note and a line for the next notice, each with its key, until both are answered."""

    def prepare(self) -> None:
        self.bill(SEPTEMBER)

    def trigger(self) -> bool:
        return bool(self.desk.credit()) and self.desk.adjust(KEY_LOST)

    def go_on(self) -> None:
        assert self.desk.balance == 40_000
        self.bill(OCTOBER)
        assert self.desk.standing()["2026-10"] == (1, 46_500)


@pytest.mark.parametrize(
    "scene",
    [
        RunForOneLeaseScene,
        ChangeOfTermsScene,
        pytest.param(DailyRunScene, marks=pytest.mark.long),
        pytest.param(StaffDecideScene, marks=pytest.mark.long),
    ],
)
def test_whichever_call_fails_the_notices_are_the_same(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = list(faults_of(stage(scene, monkeypatch)))

    for fault in faults:
        fault.play()

    assert len(faults) >= 6
