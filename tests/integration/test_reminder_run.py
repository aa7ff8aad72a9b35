"""The reminder run against tables in process: those who owe, once a step, in a decent hour."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.scope import EVERYWHERE
from sesame.services.consequences import formal_notice_of
from sesame.services.reminder_preview import ReminderPreview
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, Move
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.tenants import RESIDENCE, Tenant, admit

ISSUED = datetime(2026, 9, 1, 3, tzinfo=UTC)
BEFORE_DUE = datetime(2026, 9, 5, 8, 5, tzinfo=UTC)  # a Saturday, 10:05 in Paris
REUNION = replace(RESIDENCE, residence_id="moufia-97490", time_zone="Indian/Reunion", postal_code="97490")
HOUR = timedelta(hours=1)
LATE = Move(next_step_at=None, announce={"id": "late", "type": "reminder.due"})


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    return Office(aws, clock)


@pytest.fixture
def tenant(aws: Any, office: Office) -> Tenant:
    tenant = admit(aws)
    office.bill(ISSUED)
    return tenant


def due(office: Office) -> list[tuple[str, str, str]]:
    return [(one["lease_id"], one["step"], one["period"]) for one in office.announced("reminder.due")]


def test_who_owes_is_reminded_and_who_paid_is_not(aws: Any, office: Office) -> None:
    owing, paid, partly = admit(aws, ine=None), admit(aws, ine=None), admit(aws, ine=None)
    office.bill(ISSUED)
    office.pay(paid, 45_000)
    office.pay(partly, 20_000)

    planned = office.reminders.plan(BEFORE_DUE)

    assert planned.reminders == 2
    assert sorted(due(office)) == sorted(
        (tenant.lease.lease_id, "before-due", "2026-09") for tenant in (owing, partly)
    )


def test_run_again_the_same_hour_takes_no_second_step(office: Office, tenant: Tenant) -> None:
    assert office.reminders.plan(BEFORE_DUE).reminders == 1
    before = office.items(office.aws.money)

    assert office.reminders.plan(BEFORE_DUE).reminders == 0
    assert office.reminders.plan(BEFORE_DUE + HOUR).reminders == 0

    assert office.items(office.aws.money) == before


def test_every_step_is_taken_once_over_forty_days_of_hourly_runs(office: Office, tenant: Tenant) -> None:
    taken = []
    for hour in range(24 * 32):
        if office.reminders.plan(ISSUED + hour * HOUR).reminders:
            taken += [step for _, step, _ in due(office)]

    assert taken == ["before-due", "due", "late-1", "late-2", "late-3"]
    formal = datetime(2026, 10, 10, 7, tzinfo=UTC).isoformat()
    assert (office.aws.money.get(keys.account(tenant.lease.lease_id)) or {})["gsi1sk"] == formal


def test_nobody_gets_a_formal_notice_by_settings_that_nobody_has_read(aws: Any, office: Office) -> None:
    unread = replace(RESIDENCE, residence_id="known-from-a-file", confirmed=False)
    owing = admit(aws, ine=None, residence=unread)
    office.bill(ISSUED)
    desk = Staff(staff_id="m", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)
    preview = ReminderPreview(identity=aws.identity, accounts=office.accounts, clock=office.clock)
    formal = datetime(2026, 10, 10, 8, 5, tzinfo=UTC)
    account = office.accounts.get(owing.lease.lease_id)
    assert account is not None
    assert formal_notice_of(account, unread, BEFORE_DUE) is None

    late = datetime(2026, 9, 30, 8, 5, tzinfo=UTC)
    taken = _steps_until(office, late, late + 2 * HOUR)
    to_come = preview.of(desk, unread.residence_id, formal.date()).reminders
    for hour in range(4):
        assert office.reminders.plan(formal + hour * HOUR).reminders == 0

    assert taken == [("late-3", "2026-09")]
    assert to_come == ()
    assert office.items(aws.documents) == []
    assert formal_notice_of(account, replace(unread, confirmed=True), BEFORE_DUE) is not None


def test_a_step_that_waits_beside_a_formal_notice_that_is_not_sent_is_told(aws: Any, office: Office) -> None:
    admit(aws, ine=None, residence=replace(RESIDENCE, residence_id="from-a-file", confirmed=False))
    office.bill(ISSUED)

    office.reminders.plan(datetime(2026, 10, 10, 8, 5, tzinfo=UTC))  # after an outage of weeks

    assert [step for _, step, _ in due(office)] == ["late-3"]


def test_two_planners_that_read_the_same_account_take_one_step(office: Office, tenant: Tenant) -> None:
    [account] = office.accounts.due(tenant.lease.residence_id, BEFORE_DUE)
    office.reminders.plan(BEFORE_DUE)

    assert not office.accounts.move_step(account, LATE)
    assert due(office) == [(tenant.lease.lease_id, "before-due", "2026-09")]


def test_a_payment_between_the_read_and_the_step_leaves_no_reminder(office: Office, tenant: Tenant) -> None:
    [account] = office.accounts.due(tenant.lease.residence_id, BEFORE_DUE)
    office.pay(tenant, 45_000)

    assert not office.accounts.move_step(account, LATE)
    assert due(office) == []


def test_a_notice_issued_between_the_read_and_the_step_keeps_its_own_reminders(
    office: Office, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    october = datetime(2026, 10, 1, 8, 5, tzinfo=UTC)  # September's last step waits since the eve
    taken = _steps_until(office, ISSUED, october - timedelta(days=2))
    read = list(office.accounts.due(tenant.lease.residence_id, october))
    office.clock.now = october - HOUR
    office.bill(office.clock())

    with monkeypatch.context() as patched:
        patched.setattr(Accounts, "due", lambda *_: iter(read))
        assert office.reminders.plan(october).reminders == 0

    assert taken == [
        ("before-due", "2026-09"),
        ("due", "2026-09"),
        ("late-1", "2026-09"),
        ("late-2", "2026-09"),
    ]
    assert _steps_until(office, october, october + timedelta(days=8)) == [
        ("late-3", "2026-09"),
        ("before-due", "2026-10"),
    ]


def test_a_step_taken_between_a_notices_read_and_its_write_keeps_the_notices_reminders(
    office: Office, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    october = datetime(2026, 10, 1, 8, 5, tzinfo=UTC)
    _steps_until(office, ISSUED, october - timedelta(days=2))
    read, steps = Accounts.get, list[int]()

    def read_then_meet(accounts: Accounts, lease_id: str) -> Account | None:
        found = read(accounts, lease_id)
        if not steps:
            steps.append(office.reminders.plan(october).reminders)
        return found

    office.clock.now = october
    with monkeypatch.context() as patched:
        patched.setattr(Accounts, "get", read_then_meet)
        office.bill(october)

    assert steps == [1]
    assert _steps_until(office, october, october + timedelta(days=8)) == [("before-due", "2026-10")]


def _steps_until(office: Office, start: datetime, end: datetime) -> list[tuple[str, str]]:
    """The steps that hourly runs take, and the months they are of."""
    taken = []
    for hour in range((end - start) // HOUR + 1):
        if office.reminders.plan(start + hour * HOUR).reminders:
            taken += [(step, period) for _, step, period in due(office)]
    return taken


def test_nothing_leaves_at_night_on_sunday_or_on_a_holiday(office: Office, tenant: Tenant) -> None:
    on_holiday = replace(office.reminders, holidays=lambda _residence: {date(2026, 9, 5)}.__contains__)
    night, sunday = datetime(2026, 9, 5, 20, tzinfo=UTC), datetime(2026, 9, 6, 10, tzinfo=UTC)

    assert on_holiday.plan(BEFORE_DUE).residences == 0
    assert office.reminders.plan(night).reminders == 0
    assert office.reminders.plan(sunday).reminders == 0
    assert office.reminders.plan(datetime(2026, 9, 7, 7, tzinfo=UTC)).reminders == 1


def test_an_overseas_residence_is_written_to_in_its_own_morning(aws: Any, office: Office) -> None:
    overseas = admit(aws, residence=REUNION, ine=None)
    office.bill(ISSUED)

    early = office.reminders.plan(datetime(2026, 9, 5, 5, 5, tzinfo=UTC))  # 09:05 there, 07:05 in Paris

    assert early.residences == 1
    assert due(office) == [(overseas.lease.lease_id, "before-due", "2026-09")]


def test_a_second_unpaid_month_makes_one_reminder_for_both(office: Office, tenant: Tenant) -> None:
    office.bill(datetime(2026, 10, 1, 3, tzinfo=UTC))

    planned = office.reminders.plan(datetime(2026, 10, 9, 8, tzinfo=UTC))

    assert planned.reminders == 1
    assert due(office) == [(tenant.lease.lease_id, "late-3", "2026-09")]


def test_a_run_that_is_out_of_time_says_so_and_the_next_goes_on(aws: Any, office: Office) -> None:
    for _ in range(3):
        admit(aws, ine=None)
    office.bill(ISSUED)
    hurried = replace(office.reminders, budget=timedelta(seconds=-1))

    runs = [hurried.plan(BEFORE_DUE + hour * HOUR) for hour in range(4)]

    assert [run.reminders for run in runs] == [1, 1, 1, 0]
    assert [run.finished for run in runs] == [False, False, False, True]


def test_a_step_costs_one_write_and_who_owes_nothing_costs_nothing(aws: Any, office: Office) -> None:
    owing = [admit(aws, ine=None) for _ in range(3)]
    paid = [admit(aws, ine=None) for _ in range(3)]
    office.bill(ISSUED)
    for tenant in paid:
        office.pay(tenant, 45_000)

    with office.metered() as calls:
        office.reminders.plan(BEFORE_DUE)

    # the residences and what is due at this one; a step each; the run's record
    assert calls == {"Query": 2, "UpdateItem": len(owing), "PutItem": 1}
