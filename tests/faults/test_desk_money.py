"""Money at the desk, aid, reconciliation and the sweeper under every fault: once each, whatever fails."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sesame.platform.events import event_of
from sesame.providers.base import Credentials, EventPage, ProviderUnavailable
from sesame.store import keys
from tests.conftest import FrozenClock
from tests.faults.harness import Scene, faults_of, outward, stage
from tests.integration.conftest import Aws
from tests.integration.desk_money_fixtures import CHEQUE, Counter
from tests.integration.test_aid_imports import AidOffice
from tests.integration.test_desk_money import BACK, DEPOSIT
from tests.integration.test_reconciliation import ACCOUNTANT, Ledger, Remembering

NOW = datetime(2026, 9, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class AtTheDesk(Scene):
    """A tenant who owes September, before a desk."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.aws, self.clock = aws, FrozenClock(NOW)
        self.desk = Counter(aws, self.clock)
        self.desk.bill()
        aws.pepper.hash("warm", "up")
        self.prepare()

    def prepare(self) -> None:
        """What is there before the trigger."""

    def check(self) -> None:
        """The stored account is what its journal comes to, the till what was taken, and what went is told."""
        assert self.desk.balance == self.desk.books.statement(self.desk.lease_id).balance_cents
        lines = self.desk.tills.of(ACCOUNTANT, self.desk.tenant.lease.residence_id, None).lines
        takings = self.desk.payments.of_lease(ACCOUNTANT, self.desk.lease_id).takings
        kept = sum(one.amount_cents for one in takings if one.reversal is None)
        _, returns = self.desk.deposits.of_lease(self.desk.lease_id)
        given = sum(one.returned_cents for one in returns if one.reversal is None)
        assert sum(line.amount_cents for line in lines) == kept - given
        entries = list(self.aws.money.query_all(keys.account(self.desk.lease_id)["pk"], "ENTRY#"))
        taken_back = [one["entry_id"] for one in entries if one["amount_cents"] > 0]
        assert taken_back == [one["entry_id"] for one in entries if "announce" in one]

    def state(self) -> object:
        documents = self.desk.documents.of_lease(self.desk.lease_id, limit=50)
        return (
            self.desk.balance,
            self.desk.held,
            sorted((document.kind, document.validity) for document in documents),
            self.desk.deeds_done(),
            self.desk.items(),
        )


class PaymentScene(AtTheDesk):
    """The same request with the same key, until it is answered."""

    def trigger(self) -> bool:
        return self.desk.take(CHEQUE).reversal is None


class ReversalScene(AtTheDesk):
    """The same reversal, until it is answered."""

    def prepare(self) -> None:
        self.taking = self.desk.take(CHEQUE)

    def trigger(self) -> bool:
        return self.desk.reverse(self.taking).reversal is not None


class DepositReturnScene(AtTheDesk):
    """The same return of a deposit, until it is answered."""

    def prepare(self) -> None:
        self.desk.take(DEPOSIT)

    def trigger(self) -> bool:
        return bool(self.desk.give_back(BACK).returned_cents)


class AidScene(Scene):
    """The same chunk of a file of aid, until it is taken off the queue."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.clock = FrozenClock(NOW)
        self.office = AidOffice(aws, self.clock)
        self.office.bill()
        self.office.expect(16_000)
        self.import_id = self.office.send(
            # of two days: of one instant, their ids would say whether the second one is late
            self.office.row(paid_on="01/09/2026"),
            self.office.row(month="2026-10"),
        )
        [split] = self.office.messages()
        self.office.worker.consume(event_of(split))
        [self.chunk] = self.office.messages()
        self.restart()

    def restart(self) -> None:
        self.office.worker._last = None

    def trigger(self) -> bool:
        self.office.worker.consume(event_of(self.chunk))
        return True

    def check(self) -> None:
        assert self.office.balance == 45_000 - 30_000
        report = self.office.imports.report(self.import_id, ACCOUNTANT)
        assert (report.created, report.unchanged, len(report.notes)) == (2, 0, 2)

    def state(self) -> object:
        return self.office.items()


class Striking(Remembering):
    """A provider whose answer may get lost, or never come."""

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        answer: EventPage = outward(
            "provider.events_since",
            lambda: Remembering.events_since(self, mark, credentials),
            ProviderUnavailable,
        )
        return answer


class ReconciliationScene(Scene):
    """The same two messages, one of a provider and one of a residence, until they are off the queue."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.clock = FrozenClock(NOW)
        self.ledger = Ledger(aws, self.clock)
        self.ledger.provider = Striking()
        self.ledger.registry._made["sandbox"] = self.ledger.provider
        for number in range(3):
            payment = self.ledger.checkout(5_000, key=str(number)).payment_id
            self.ledger.happens(payment, cents=5_000)
        self.clock.advance(2 * HOUR)
        self.ledger.run.plan(self.clock())
        self.bodies = list(self.ledger.messages())

    def restart(self) -> None:
        self.ledger.registry.secrets._kept.clear()

    def trigger(self) -> bool:
        for body in self.bodies:
            self.ledger.work.consume(event_of(body))
        return True

    def check(self) -> None:
        found = self.ledger.report().findings
        assert sum(one.missed for one in found.providers) == 3
        assert len(self.ledger.deliveries_kept()) == 3
        assert [one.differing for one in found.residences] == [()]

    def state(self) -> object:
        return self.ledger.kept.mark("sandbox"), len(self.ledger.everything())

    def go_on(self) -> None:
        self.ledger.posted()
        assert self.ledger.balance == 30_000


class SweepScene(Scene):
    """The sweeper's run, until it comes to its end."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.aws, self.clock = aws, FrozenClock(NOW)
        self.ledger = Ledger(aws, self.clock)
        message = self.ledger.message(self.ledger.checkout().payment_id)
        self.ledger.take(self.ledger.signed(message))
        self.clock.advance(timedelta(minutes=6))

    def trigger(self) -> bool:
        self.ledger.sweep.run(self.clock())
        return True

    def check(self) -> None:
        item = self.aws.money.get(keys.delivery("sandbox", "msg-payment-settled"))
        assert item is not None
        assert item["sweeps"] >= 1

    def go_on(self) -> None:
        assert "msg-payment-settled" in list(self.ledger.queued())
        assert self.ledger.balance == 0


@pytest.mark.parametrize(
    "scene",
    [PaymentScene, ReversalScene, DepositReturnScene, AidScene, ReconciliationScene, SweepScene],
)
def test_whichever_call_fails_nothing_is_lost_and_nothing_happens_twice(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = list(faults_of(stage(scene, monkeypatch)))

    for fault in faults:
        fault.play()

    assert len(faults) >= 8
