"""The billing run against tables in process: the same notices whatever runs, when, and how often."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.notices import notice_for
from sesame.domain.tenancy import LeaseStatus
from sesame.platform.events import Event
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import NotAllIssued
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.people import lease_item
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.tenants import RESIDENCE, Tenant, admit

FIRST_OF_SEPTEMBER = datetime(2026, 9, 1, 3, tzinfo=UTC)
TAHITI = replace(
    RESIDENCE,
    residence_id="outumaoro-98702",
    name="Outumaoro",
    time_zone="Pacific/Tahiti",
    postal_code="98702",
)


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    return Office(aws, clock)


def admitted(aws: Any, how_many: int) -> list[Tenant]:
    return [admit(aws, ine=None, email=f"tenant.{n}@example.org") for n in range(how_many)]


def notices(office: Office) -> dict[tuple[str, str], int]:
    """(lease, period) -> cents."""
    return {
        (item["lease_id"], item["period"]): item["amount_cents"]
        for item in office.items(office.aws.money)
        if item["sk"].startswith("NOTICE#")
    }


def test_every_lease_gets_its_notice_for_the_month(aws: Any, office: Office) -> None:
    tenants = admitted(aws, 3)

    office.bill(FIRST_OF_SEPTEMBER)

    assert notices(office) == {(tenant.lease.lease_id, "2026-09"): 45_000 for tenant in tenants}
    account = office.accounts.get(tenants[0].lease.lease_id)
    assert account is not None
    assert account.checkpoint.balance_cents == 45_000
    assert account.next_step_at == datetime(
        2026, 9, 5, 7, tzinfo=UTC
    )  # five days before the 10th, 09:00 in Paris


def test_a_second_run_changes_nothing(aws: Any, office: Office) -> None:
    admitted(aws, 2)
    office.bill(FIRST_OF_SEPTEMBER)
    before = office.items(aws.money)

    office.bill(FIRST_OF_SEPTEMBER)
    office.bill(FIRST_OF_SEPTEMBER + timedelta(days=1))

    assert office.items(aws.money) == before


def test_a_run_killed_half_way_is_completed_by_the_next(
    aws: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = admitted(aws, 4)
    issue = Bookkeeping.issue_notice
    issued: list[Any] = []

    def killed_after_two(*given: Any, **named: Any) -> bool:
        if len(issued) == 2:
            raise KeyboardInterrupt
        issued.append(given)
        return issue(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "issue_notice", killed_after_two)
        with pytest.raises(KeyboardInterrupt):
            office.bill(FIRST_OF_SEPTEMBER)
    assert len(notices(office)) == 2

    office.bill(FIRST_OF_SEPTEMBER)

    assert notices(office) == {(tenant.lease.lease_id, "2026-09"): 45_000 for tenant in tenants}


def test_a_run_after_weeks_of_outage_issues_what_was_missed_with_the_same_due_dates(
    aws: Any, office: Office
) -> None:
    [tenant] = admitted(aws, 1)

    office.bill(datetime(2026, 11, 20, 3, tzinfo=UTC))

    journal = office.accounts.journal(tenant.lease.lease_id)
    assert {one.notice.period: one.notice.due_on for one in journal.notices} == {
        "2026-09": date(2026, 9, 10),
        "2026-10": date(2026, 10, 10),
        "2026-11": date(2026, 11, 10),
    }
    assert journal.account is not None
    assert journal.account.next_step_at == datetime(2026, 11, 24, 8, tzinfo=UTC)  # not at once: just issued


def test_one_account_in_trouble_does_not_keep_the_others_waiting(
    aws: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky, *others = admitted(aws, 3)
    issue = Bookkeeping.issue_notice

    def refusing_one(books: Bookkeeping, notice: Any, *rest: Any, **named: Any) -> bool:
        if notice.lease_id == unlucky.lease.lease_id:
            raise RuntimeError
        return issue(books, notice, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "issue_notice", refusing_one)
        with pytest.raises(NotAllIssued):
            office.bill(FIRST_OF_SEPTEMBER)

    assert {lease for lease, _ in notices(office)} == {tenant.lease.lease_id for tenant in others}


def test_what_does_not_fit_into_one_invocation_goes_on_in_the_next(
    aws: Any, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = admitted(aws, 5)
    monkeypatch.setattr("sesame.services.billing.LEASES_A_PAGE", 2)
    office.run.plan(FIRST_OF_SEPTEMBER)
    hurried = office.residence_billing(timedelta(seconds=-1))

    invocations = 0
    for event in office.queued():
        hurried.bill(event)
        invocations += 1

    assert invocations == 3
    assert len(notices(office)) == len(tenants)


def test_a_residence_is_billed_when_its_own_calendar_says_so(aws: Any, office: Office) -> None:
    admit(aws, ine=None)
    overseas = admit(aws, residence=TAHITI, ine=None)

    office.bill(FIRST_OF_SEPTEMBER)  # still 31 August in Tahiti
    assert overseas.lease.lease_id not in {lease for lease, _ in notices(office)}

    office.bill(FIRST_OF_SEPTEMBER + timedelta(hours=8))
    assert (overseas.lease.lease_id, "2026-09") in notices(office)


def test_a_cancelled_lease_gets_no_notice(aws: Any, office: Office) -> None:
    [tenant] = admitted(aws, 1)
    aws.identity.put(lease_item(replace(tenant.lease, status=LeaseStatus.CANCELLED)))

    office.bill(FIRST_OF_SEPTEMBER)

    assert notices(office) == {}


def test_the_run_leaves_a_record_of_itself(aws: Any, office: Office) -> None:
    admitted(aws, 1)

    office.bill(FIRST_OF_SEPTEMBER)

    record = aws.operations.get(keys.run("billing", "2026-09-01"))
    assert record is not None
    assert record["residences"] == 1


def test_a_residence_that_is_gone_is_no_error(office: Office) -> None:
    gone = Event(id="x", type="residence.to-bill", at=FIRST_OF_SEPTEMBER, data={"residence_id": "gone"})

    office.billing.bill(gone)

    assert notices(office) == {}


def test_a_notice_costs_a_read_and_two_writes_and_looking_costs_three_reads_a_hundred_leases(
    aws: Any, office: Office
) -> None:
    admitted(aws, 4)

    with office.metered() as first:
        office.bill(FIRST_OF_SEPTEMBER)
    with office.metered() as again:
        office.bill(FIRST_OF_SEPTEMBER)

    # the residences and the run's record; the residence, its leases, their notices; each account
    assert first == {
        "Query": 2,
        "PutItem": 1 + 4,
        "GetItem": 1 + 4,
        "BatchGetItem": 1,
        "UpdateItem": 4,
    }
    assert again == {"Query": 2, "PutItem": 1, "GetItem": 1, "BatchGetItem": 1}


def test_a_run_killed_between_a_notices_two_writes_leaves_one_that_everybody_sees(
    aws: Any, office: Office
) -> None:
    [tenant] = admitted(aws, 1)
    lease_id = tenant.lease.lease_id

    def killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Accounts, "issuing", killed)
        with pytest.raises(KeyboardInterrupt):
            office.bill(FIRST_OF_SEPTEMBER)

    assert notices(office) == {}
    [seen] = office.accounts.journal(lease_id).notices
    statement = office.books.statement(lease_id)
    account = office.accounts.get(lease_id)
    assert account is not None
    assert account.checkpoint.balance_cents == statement.balance_cents == seen.notice.amount_cents

    office.clock.advance(timedelta(days=1))
    office.bill(office.clock())

    [written] = office.accounts.journal(lease_id).notices
    assert written == seen
    assert len(notices(office)) == 1
    assert office.books.statement(lease_id).balance_cents == statement.balance_cents


def test_a_month_killed_half_way_is_written_before_the_next_takes_its_place(aws: Any, office: Office) -> None:
    [tenant] = admitted(aws, 1)
    books, residence = Bookkeeping(office.accounts, office.clock), RESIDENCE
    september, october = (notice_for(tenant.lease, residence, month) for month in ("2026-09", "2026-10"))
    assert september is not None
    assert october is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Bookkeeping, "_written", lambda *_: False)
        books.issue_notice(september)

    assert books.issue_notice(october)

    assert {one.notice.period for one in office.accounts.journal(tenant.lease.lease_id).notices} == {
        "2026-09",
        "2026-10",
    }
    assert len(notices(office)) == 2
    assert not books.issue_notice(september)
    assert books.statement(tenant.lease.lease_id).balance_cents == 90_000


def test_an_account_from_before_it_was_noted_what_is_billed_is_billed_by_a_transaction(
    aws: Any, office: Office
) -> None:
    [tenant] = admitted(aws, 1)
    office.bill(FIRST_OF_SEPTEMBER)
    office.aws.money.update(keys.account(tenant.lease.lease_id), "REMOVE billed_to, issuing")
    october = notice_for(tenant.lease, RESIDENCE, "2026-10")
    assert october is not None

    with office.metered() as calls:
        assert office.books.issue_notice(october)

    assert calls["TransactWriteItems"] == 1
    account = office.accounts.get(tenant.lease.lease_id)
    assert account is not None
    assert account.billed_to == "2026-10"
