"""Reconciliation: what was missed is posted the usual way; a balance that its journal denies is found."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sesame.domain.notices import notice_for
from sesame.domain.payments import PaymentState
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.platform.errors import Forbidden, NotFound
from sesame.platform.events import event_of
from sesame.providers.base import Credentials, EventPage, ProviderEvent, ProviderUnavailable
from sesame.services.accounts import Bookkeeping
from sesame.services.queues import Queue
from sesame.services.reconciliation import (
    DayReport,
    ReconciliationReports,
    ReconciliationRun,
    ReconciliationWork,
)
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.arrears import owed_last_night
from sesame.store.reconciliations import Reconciliations
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, admit, admit_again
from tests.integration.test_payment_reviews import NOT_OURS, Backlog
from tests.integration.test_payments import FakeSandbox

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PAGE = 2
ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)


class Remembering(FakeSandbox):
    """A provider that remembers what happened, two events a page; asking it can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.happened: list[ProviderEvent] = []
        self.asked: list[str | None] = []
        self.unreadable: tuple[str, ...] = ()

    def events_since(self, mark: str | None, credentials: Credentials) -> EventPage:
        self.asked.append(mark)
        if self.fails:
            raise ProviderUnavailable
        names = [one.event.event_id for one in self.happened]
        start = names.index(mark) + 1 if mark else 0
        events = tuple(self.happened[start : start + PAGE])
        return EventPage(
            events=events,
            mark=events[-1].event.event_id if events else mark,
            more=len(self.happened) > start + PAGE,
            unreadable=self.unreadable,
        )


class Ledger(Backlog):
    """The money services with a provider that remembers and the job that asks it."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.sandbox = self.provider = Remembering()
        self.registry._made["sandbox"] = self.provider
        self.work_queue = Queue(aws.sqs, aws.sqs.create_queue(QueueName="reconciliation")["QueueUrl"])
        self.kept = Reconciliations(aws.operations)
        self.run = ReconciliationRun(
            identity=aws.identity, reconciliations=self.kept, registry=self.registry, queue=self.work_queue
        )
        self.work = ReconciliationWork(
            identity=aws.identity,
            money=aws.money,
            reconciliations=self.kept,
            registry=self.registry,
            queue=self.work_queue,
            clock=clock,
            budget=HOUR,
        )
        self.reports = ReconciliationReports(self.kept)

    def happens(self, payment_id: str, kind: str = "payment.settled", **more: Any) -> dict[str, Any]:
        """Something happens at the provider; nobody tells us yet."""
        message = self.message(payment_id, kind, event=f"e{len(self.provider.happened)}", **more)
        self.provider.happened.extend(self.provider.parse(self.signed(message)).events)
        return message

    def messages(self) -> Iterator[str]:
        """Takes what waits in the job's queue, also what is added meanwhile."""
        while found := self.aws.sqs.receive_message(QueueUrl=self.work_queue.url).get("Messages"):
            for one in found:
                self.aws.sqs.delete_message(QueueUrl=self.work_queue.url, ReceiptHandle=one["ReceiptHandle"])
                yield one["Body"]

    def reconcile(self, work: ReconciliationWork | None = None) -> DayReport:
        """A day's run, all it queues, and what posting makes of it."""
        self.run.plan(self.clock())
        for body in self.messages():
            (work or self.work).consume(event_of(body))
        self.posted()
        return self.report()

    def report(self, staff: Staff = ACCOUNTANT) -> DayReport:
        """The day's."""
        return self.reports.of(staff, self.clock().date())

    def posted(self) -> None:
        """The outbox, the bus and the queue: every delivery that waits is posted, when it is old enough."""
        self.clock.advance(timedelta(minutes=15))
        self.swept()

    def deliveries_kept(self) -> list[str]:
        """The ids of the deliveries that reconciliation made."""
        ids = [item["sk"]["S"] and item["pk"]["S"].split("#")[-1] for item in self.everything()]
        return [one for one in ids if one.startswith("reconciled-")]


@pytest.fixture
def ledger(aws: Any, clock: FrozenClock) -> Ledger:
    return Ledger(aws, clock)


def missed(report: DayReport) -> tuple[int, int, int, int]:
    pages = report.findings.providers
    return (
        sum(one.seen for one in pages),
        sum(one.missed for one in pages),
        sum(one.early for one in pages),
        sum(one.unknown for one in pages),
    )


# ---------------------------------------------------------------- what providers know


def test_what_a_provider_never_told_is_posted_and_reported(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = ledger.checkout().payment_id
    ledger.happens(payment)
    ledger.clock.advance(2 * HOUR)

    report = ledger.reconcile()

    assert ledger.balance == 0
    assert ledger.state(payment) is PaymentState.PAID
    assert missed(report) == (1, 1, 0, 0)
    assert report.finished
    [example] = report.findings.providers[0].examples
    assert (example.payment_id, example.amount_cents, example.kind) == (payment, 45_000, "settled")
    assert '"PaymentMissed": 1' in capsys.readouterr().out


def test_what_was_told_already_moves_nothing(ledger: Ledger) -> None:
    message = ledger.happens(ledger.checkout().payment_id)
    ledger.hear(message)
    ledger.clock.advance(2 * HOUR)
    before = len(ledger.everything())

    report = ledger.reconcile()

    assert missed(report) == (1, 0, 0, 0)
    assert len(ledger.everything()) == before
    assert ledger.balance == 0


def test_days_of_outage_are_caught_up_by_one_run_page_by_page(ledger: Ledger) -> None:
    payments = [ledger.checkout(5_000, key=str(number)).payment_id for number in range(5)]
    for payment in payments:
        ledger.happens(payment, cents=5_000)
    ledger.clock.advance(4 * DAY)

    report = ledger.reconcile()

    assert ledger.balance == 20_000
    assert missed(report) == (5, 5, 0, 0)
    assert ledger.provider.asked == [None, "e1", "e3"]
    ledger.clock.advance(DAY)
    assert missed(ledger.reconcile()) == (0, 0, 0, 0)
    assert ledger.provider.asked[-1] == "e4"


def test_an_hour_too_short_goes_on_in_a_message_of_its_own(ledger: Ledger) -> None:
    for number in range(5):
        ledger.happens(ledger.checkout(5_000, key=str(number)).payment_id, cents=5_000)
    ledger.clock.advance(DAY)

    report = ledger.reconcile(replace(ledger.work, budget=timedelta(0), seconds=iter(range(99)).__next__))

    assert ledger.balance == 20_000
    assert missed(report) == (5, 5, 0, 0)
    assert report.finished


def test_a_night_sums_what_a_residence_owes_however_its_pages_fall(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.reconciliation.LEASES_A_PAGE", 1)
    other = admit_again(ledger.aws, ledger.tenant)
    due = {}
    for lease in (ledger.tenant.lease, other.lease):
        notice = notice_for(lease, RESIDENCE, f"{lease.starts_on:%Y-%m}")
        assert notice is not None
        Bookkeeping(Accounts(ledger.aws.money), ledger.clock).issue_notice(notice)
        due[notice.due_on] = sum(line.amount_cents for line in notice.lines)
    started = ledger.clock()

    ledger.reconcile(replace(ledger.work, budget=timedelta(0), seconds=iter(range(99)).__next__))

    stored = ledger.aws.operations.get(keys.arrears(RESIDENCE.residence_id))
    owed, as_of = owed_last_night(stored)
    assert as_of == started
    assert owed.cents.items() >= due.items()
    assert sum(owed.leases.values()) == 2


def test_the_same_run_twice_posts_once_and_keeps_what_it_found(ledger: Ledger) -> None:
    ledger.happens(ledger.checkout().payment_id)
    ledger.clock.advance(2 * HOUR)
    first = ledger.reconcile()

    second = ledger.reconcile()

    assert ledger.balance == 0
    assert missed(first) == missed(second) == (1, 1, 0, 0)


def test_a_run_that_died_before_the_mark_moved_finds_the_same_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.happens(ledger.checkout().payment_id)
    ledger.clock.advance(2 * HOUR)
    ledger.run.plan(ledger.clock())
    bodies = list(ledger.messages())

    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Reconciliations, "move_mark", dies)
        with pytest.raises(KeyboardInterrupt):
            ledger.work.consume(event_of(bodies[0]))
    ledger.posted()
    for body in bodies:
        ledger.work.consume(event_of(body))
    ledger.posted()

    assert ledger.balance == 0
    assert missed(ledger.report()) == (1, 1, 0, 0)


def test_what_just_happened_is_posted_too_but_called_missed_only_after_an_hour(ledger: Ledger) -> None:
    ledger.happens(ledger.checkout().payment_id)
    ledger.clock.advance(timedelta(minutes=10))

    report = ledger.reconcile()

    assert missed(report) == (1, 0, 1, 0)
    assert ledger.balance == 0


def test_a_provider_that_does_not_answer_comes_again_and_keeps_nobody_waiting(ledger: Ledger) -> None:
    ledger.happens(ledger.checkout().payment_id)
    ledger.clock.advance(2 * HOUR)
    ledger.run.plan(ledger.clock())
    asked, checked = list(ledger.messages())
    ledger.provider.fails = True

    with pytest.raises(ProviderUnavailable):
        ledger.work.consume(event_of(asked))
    ledger.work.consume(event_of(checked))
    assert not ledger.report().finished
    ledger.provider.fails = False
    ledger.work.consume(event_of(asked))

    assert ledger.report().finished


def test_a_day_that_was_never_brought_to_its_end_is_counted_on_the_next(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = '"ReconciliationUnfinished": 1'
    ledger.reconcile()
    ledger.clock.advance(DAY)
    ledger.run.plan(ledger.clock())
    assert unfinished not in capsys.readouterr().out

    ledger.clock.advance(DAY)
    ledger.reconcile()
    assert unfinished in capsys.readouterr().out

    ledger.clock.advance(DAY)
    ledger.reconcile()
    assert unfinished not in capsys.readouterr().out


def test_an_unknown_payment_is_put_up_for_review_once_and_never_again(ledger: Ledger) -> None:
    ledger.happens("never-made")
    ledger.clock.advance(2 * HOUR)
    first = ledger.reconcile()
    ledger.aws.operations.client.delete_item(
        TableName=ledger.aws.operations.name,
        Key={name: {"S": value} for name, value in keys.reconciliation_mark("sandbox").items()},
    )
    [shown] = ledger.reviews.waiting(ACCOUNTANT).reviews

    assert missed(first) == (1, 1, 0, 1)
    assert len(ledger.deliveries_kept()) == 1
    ledger.clock.advance(DAY)
    assert missed(ledger.reconcile()) == (1, 0, 0, 0)
    ledger.resolve(shown, NOT_OURS)
    ledger.happens("never-made", "payment.failed")
    ledger.clock.advance(DAY)
    assert missed(ledger.reconcile()) == (1, 1, 0, 1)
    assert len(ledger.deliveries_kept()) == 2


def test_what_the_provider_would_not_tell_is_reported_and_alarms(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.provider.unreadable = ("RF1",)
    ledger.happens(ledger.checkout().payment_id)

    [page] = ledger.reconcile().findings.providers

    assert page.unreadable == ("RF1",)
    assert ledger.balance == 0
    assert '"ProviderUnreadable": 1' in capsys.readouterr().out


def test_a_webhook_that_waits_for_staff_is_not_put_before_them_a_second_time(ledger: Ledger) -> None:
    message = ledger.happens("never-made")
    ledger.take(ledger.signed(message))
    ledger.posted()
    ledger.clock.advance(2 * HOUR)

    assert missed(ledger.reconcile()) == (1, 0, 0, 0)
    assert len(ledger.reviews.waiting(ACCOUNTANT).reviews) == 1


def test_an_account_that_was_closed_is_no_reason_never_to_finish(ledger: Ledger) -> None:
    ledger.run.plan(ledger.clock())
    without = replace(ledger.registry, secret_ids={}, _made={})

    for body in ledger.messages():
        replace(ledger.work, registry=without).consume(event_of(body))

    assert ledger.report().finished


# ---------------------------------------------------------------- what the journal comes to


def spoil(ledger: Ledger, lease_id: str) -> None:
    """Somebody changes a stored balance by hand."""
    ledger.aws.money.update(keys.account(lease_id), "ADD balance_cents :one", values={":one": 1})


def test_a_balance_that_its_journal_denies_is_found_named_and_alarms(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.reconcile().findings.residences[0].differing == ()
    spoil(ledger, ledger.lease_id)
    ledger.clock.advance(DAY)

    report = ledger.reconcile()

    [found] = report.findings.residences
    assert (found.residence_id, found.accounts, found.differing) == (
        RESIDENCE.residence_id,
        1,
        (ledger.lease_id,),
    )
    assert '"JournalDiffers": 1' in capsys.readouterr().out


def test_entries_without_an_account_differ_and_a_lease_without_either_does_not(
    ledger: Ledger, aws: Any
) -> None:
    other = admit(aws, ine="861583842CH", email="b@example.org")
    aws.money.client.delete_item(
        TableName=aws.money.name,
        Key={name: {"S": value} for name, value in keys.account(ledger.lease_id).items()},
    )

    [found] = ledger.reconcile().findings.residences

    assert found.differing == (ledger.lease_id,)
    assert other.lease.lease_id not in found.differing


def test_what_is_posted_while_a_journal_is_read_is_no_difference(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, looks = Accounts.journal, []

    def once_torn(accounts: Accounts, lease_id: str) -> Any:
        read = journal(accounts, lease_id)
        looks.append(lease_id)
        return replace(read, entries=()) if len(looks) == 1 else read

    monkeypatch.setattr(Accounts, "journal", once_torn)

    assert ledger.reconcile().findings.residences[0].differing == ()
    assert len(looks) == 2


def test_a_residence_is_checked_page_by_page_and_goes_on_where_time_ran_out(
    ledger: Ledger, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.reconciliation.LEASES_A_PAGE", 1)
    for number in range(3):
        admit(aws, ine=f"{number:09}AB", email=f"{number}@example.org")
    spoil(ledger, ledger.lease_id)

    report = ledger.reconcile(replace(ledger.work, budget=timedelta(0), seconds=iter(range(99)).__next__))

    pages = report.findings.residences
    assert report.finished
    assert sum(page.accounts for page in pages) == 4
    assert [page.last for page in pages].count(True) == 1
    assert [lease for page in pages for lease in page.differing] == [ledger.lease_id]


# ---------------------------------------------------------------- who sees it


def test_staff_see_their_own_residences_and_every_provider(ledger: Ledger) -> None:
    ledger.reconcile()
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    assert ledger.report(elsewhere).findings.residences == ()
    assert ledger.reports.runs(elsewhere)[0].residences == ()
    assert len(ledger.report(elsewhere).findings.providers) == 1
    with pytest.raises(Forbidden):
        ledger.report(replace(ACCOUNTANT, groups=frozenset({Role.DESK})))
    with pytest.raises(NotFound):
        ledger.reports.of(ACCOUNTANT, (ledger.clock() - DAY).date())


def test_a_message_holds_ids_only(ledger: Ledger) -> None:
    ledger.run.plan(ledger.clock())

    bodies = [json.loads(body) for body in ledger.messages()]

    assert [set(body) for body in bodies] == [
        {"id", "type", "at", "provider"},
        {"id", "type", "at", "residence_id"},
    ]
