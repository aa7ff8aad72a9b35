"""Holds, payment plans, formal notices and surcharges: what staff decide, and what reminders make of it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.certificates import DocumentStatus, Kind
from sesame.domain.journal import Entry, EntryKind, credit_note_id
from sesame.domain.tenancy import ReminderSettings, ReminderStep, RenewalBlock, Surcharge
from sesame.platform.events import Event
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_item
from sesame.store.tasks import TaskKind, Tasks
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import as_staff, enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again

ISSUED = datetime(2026, 9, 1, 3, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = datetime(2026, 9, 14, 8, 5, tzinfo=UTC)  # a Monday: the step three days after the 10th goes today


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    clock.now = ISSUED
    return Office(aws, clock)


@pytest.fixture
def tenant(aws: Any, office: Office) -> Tenant:
    """Owes September's rent, 450 euros."""
    tenant = admit(aws)
    office.bill(ISSUED)
    return tenant


@pytest.fixture
def desk(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    prepare(aws, monkeypatch)
    enrol(aws, "s")
    module: Any = load("desk/reminders")
    module.deeds = replace(module.deeds, clock=clock)
    module.desk = replace(module.desk, clock=clock, deeds=module.deeds)
    module.plans = replace(module.plans, clock=clock, deeds=module.deeds)
    return module


def ask(
    desk: Any, tenant: Tenant, method: str, place: str, body: Any = None, *, role: str = "manager"
) -> tuple[int, Any]:
    path = f"/v1/desk/leases/{tenant.lease.lease_id}/{place}"
    event = as_staff(http_event(method, path, body, idempotency_key="k1"), "s", role)
    answer = desk.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def steps(
    office: Office, start: datetime, end: datetime, every: timedelta = 6 * HOUR
) -> list[tuple[date, str]]:
    """(day, step) of every reminder that runs announce."""
    taken, at = [], start
    while at <= end:
        office.clock.now = at
        if office.reminders.plan(at).reminders:
            taken += [(at.date(), event["step"]) for event in office.announced("reminder.due")]
        at += every
    return taken


def reminder(office: Office) -> Event:
    [event] = office.announced("reminder.due")
    return event


PLAN: dict[str, Any] = {
    "debts": ["notice:2026-09"],
    "instalments": [
        {"due_on": "2026-10-05", "amount_cents": 20_000},
        {"due_on": "2026-11-05", "amount_cents": 25_000},
    ],
}


# ---------------------------------------------------------------- holds


def test_while_held_nothing_is_said_and_then_one_message_for_all_that_was_missed(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    office.clock.now = datetime(2026, 9, 4, 8, tzinfo=UTC)
    held = {"kind": "dispute", "reason": "amount_disputed", "until": "2026-09-22"}
    status, shown = ask(desk, tenant, "PUT", "reminders/hold", held, role="desk")

    assert (status, shown["hold"]["until"]) == (200, "2026-09-22")
    assert steps(office, datetime(2026, 9, 5, 7, 5, tzinfo=UTC), datetime(2026, 9, 29, 20, tzinfo=UTC)) == [
        (date(2026, 9, 23), "late-2")
    ]


def test_released_before_its_day_reminders_go_on_at_the_next_allowed_hour(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    held = {"kind": "hold", "reason": "aid_expected", "until": "2026-12-01"}
    assert ask(desk, tenant, "PUT", "reminders/hold", held)[0] == 200
    assert steps(office, ISSUED, datetime(2026, 9, 15, tzinfo=UTC)) == []

    office.clock.now = datetime(2026, 9, 15, 16, tzinfo=UTC)
    assert ask(desk, tenant, "POST", "reminders/release", {"reason": "settled"})[0] == 200

    assert steps(office, datetime(2026, 9, 15, 20, 5, tzinfo=UTC), datetime(2026, 9, 17, tzinfo=UTC)) == [
        (date(2026, 9, 16), "late-1")
    ]
    done = [entry.action for entry in Audit(office.aws.operations).of(tenant.lease.lease_id).entries]
    assert {Action.REMINDERS_HELD, Action.REMINDERS_RELEASED} <= set(done)


def test_only_a_manager_holds_a_dispute_is_for_anybody_at_the_desk_and_it_ends_within_a_year(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    held = {"kind": "hold", "reason": "hardship", "until": "2026-09-20"}

    assert ask(desk, tenant, "PUT", "reminders/hold", held, role="desk")[0] == 403
    assert ask(desk, tenant, "PUT", "reminders/hold", held | {"kind": "dispute"}, role="desk")[0] == 200
    assert ask(desk, tenant, "PUT", "reminders/hold", held | {"until": "2028-01-01"})[0] == 422
    assert ask(desk, tenant, "PUT", "reminders/hold", held | {"until": "2026-08-01"})[0] == 422
    assert ask(desk, tenant, "POST", "reminders/release", {"reason": "other"}, role="desk")[0] == 403
    assert ask(desk, tenant, "POST", "reminders/release", {"reason": "other"})[0] == 200
    assert ask(desk, tenant, "POST", "reminders/release", {"reason": "other"})[0] == 409


def test_the_desk_ends_no_managers_hold_by_writing_down_a_dispute(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    held = {"kind": "hold", "reason": "hardship", "until": "2026-10-20"}
    dispute = {"kind": "dispute", "reason": "amount_disputed", "until": "2026-09-20"}
    assert ask(desk, tenant, "PUT", "reminders/hold", held)[0] == 200

    assert ask(desk, tenant, "PUT", "reminders/hold", dispute, role="desk")[0] == 403
    assert ask(desk, tenant, "PUT", "reminders/hold", dispute)[0] == 200
    assert (
        ask(desk, tenant, "PUT", "reminders/hold", dispute | {"until": "2026-09-19"}, role="desk")[0] == 403
    )
    assert (
        ask(desk, tenant, "PUT", "reminders/hold", dispute | {"until": "2026-09-21"}, role="desk")[0] == 200
    )


def test_a_reminder_that_was_on_its_way_when_its_account_was_held_is_not_sent(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    office.clock.now = LATE
    office.reminders.plan(LATE)
    event = reminder(office)
    ask(desk, tenant, "PUT", "reminders/hold", {"kind": "hold", "reason": "other", "until": "2026-09-20"})

    office.correspondence.handle(event)

    assert office.mailbox.sent == []
    office.clock.now = datetime(2026, 9, 21, 7, 5, tzinfo=UTC)
    office.reminders.plan(office.clock())
    assert reminder(office)["step"] == "late-2"


# ---------------------------------------------------------------- plans


def test_a_plan_takes_the_place_of_the_due_date_and_has_steps_of_its_own(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    office.clock.now = LATE
    status, agreed = ask(desk, tenant, "POST", "payment-plan", PLAN)
    again = ask(desk, tenant, "POST", "payment-plan", PLAN)

    assert (status, agreed["status"], agreed["debt_cents"]) == (201, "active", 45_000)
    assert again == (201, agreed)
    assert steps(office, LATE, datetime(2026, 10, 6, 20, tzinfo=UTC)) == [
        (date(2026, 10, 2), "instalment-before"),
        (date(2026, 10, 5), "instalment-due"),
    ]
    [owed, later] = ask(desk, tenant, "GET", "reminders")[1]["owed"]
    assert (owed["instalment"], owed["due_on"], owed["unpaid_cents"]) == (1, "2026-10-05", 20_000)
    assert (later["instalment"], later["unpaid_cents"]) == (2, 25_000)


def test_its_reminder_calls_the_instalment_by_its_number(office: Office, tenant: Tenant, desk: Any) -> None:
    office.clock.now = LATE
    ask(desk, tenant, "POST", "payment-plan", PLAN)
    office.clock.now = datetime(2026, 10, 8, 8, 5, tzinfo=UTC)
    office.reminders.plan(office.clock())

    office.correspondence.handle(reminder(office))

    assert "Échéance 1 de l'échelonnement" in office.mailbox.text
    assert "200,00" in office.mailbox.text


def test_a_plan_that_is_not_kept_returns_its_debts_to_the_ladder(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    office.clock.now = LATE
    ask(desk, tenant, "POST", "payment-plan", PLAN)
    steps(office, LATE, datetime(2026, 10, 12, 20, tzinfo=UTC))

    assert (
        steps(office, datetime(2026, 10, 13, 7, 5, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC), HOUR)[-1:]
        == []
    )  # the formal notice is ordered first
    [formal] = documents(office, tenant, Kind.FORMAL_NOTICE)
    assert formal.facts["demand"]["total_cents"] == 45_000
    assert ask(desk, tenant, "GET", "payment-plan")[1]["status"] == "broken"


def test_a_plan_that_is_kept_is_completed_and_nobody_is_reminded(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    office.clock.now = LATE
    ask(desk, tenant, "POST", "payment-plan", PLAN)
    office.clock.now += DAY
    office.pay(tenant, 20_000)
    assert ask(desk, tenant, "GET", "payment-plan")[1]["instalments"][0]["unpaid_cents"] == 0
    assert steps(office, office.clock(), datetime(2026, 11, 1, tzinfo=UTC)) == []
    office.pay(tenant, 25_000)

    assert ask(desk, tenant, "GET", "payment-plan")[1]["status"] == "completed"
    assert steps(office, office.clock(), office.clock() + 40 * DAY, DAY) == []


def test_a_credit_note_shortens_a_plan_and_completes_none(office: Office, tenant: Tenant, desk: Any) -> None:
    office.clock.now = LATE
    ask(desk, tenant, "POST", "payment-plan", PLAN)
    office.clock.now += DAY
    credit(office, tenant, 30_000)

    plan = ask(desk, tenant, "GET", "payment-plan")[1]

    assert (plan["status"], plan["debt_cents"]) == ("active", 15_000)
    assert [(one["amount_cents"], one["unpaid_cents"]) for one in plan["instalments"]] == [(15_000, 15_000)]
    assert plan["corrected_at"] is not None
    credit(office, tenant, 15_000)
    assert ask(desk, tenant, "GET", "payment-plan")[1]["status"] == "lapsed"
    office.reminders.plan(office.clock())
    [task] = Tasks(office.aws.operations).open_in(tenant.lease.residence_id).tasks
    assert (task.kind, task.details["plan_id"]) == (TaskKind.PLAN_CORRECTED, plan["plan_id"])


def credit(office: Office, tenant: Tenant, cents: int) -> None:
    note = Entry(
        entry_id=credit_note_id("2026-09", 1, str(cents)),
        kind=EntryKind.CREDIT_NOTE,
        amount_cents=-cents,
        effective_at=office.clock(),
        period="2026-09",
        credits="notice:2026-09",
    )
    office.books.post(tenant.lease.lease_id, tenant.lease.residence_id, note)


def test_a_cancelled_plan_leaves_the_ladder_where_it_stood(office: Office, tenant: Tenant, desk: Any) -> None:
    steps(office, ISSUED, LATE)
    ask(desk, tenant, "POST", "payment-plan", PLAN)
    office.clock.now = datetime(2026, 9, 22, 16, tzinfo=UTC)
    status, cancelled = ask(desk, tenant, "POST", "payment-plan/cancellation", {"reason": "not_signed"})
    again = ask(desk, tenant, "POST", "payment-plan/cancellation", {"reason": "not_signed"})

    assert (status, cancelled["status"]) == (200, "cancelled")
    assert again == (200, cancelled)
    assert steps(office, datetime(2026, 9, 23, 7, 5, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)) == [
        (date(2026, 9, 23), "late-2"),
        (date(2026, 9, 30), "late-3"),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"debts": ["notice:2026-08"]},
        {"debts": ["notice:2026-09", "notice:2026-09"]},
        {"instalments": [{"due_on": "2026-10-05", "amount_cents": 44_999}]},
        {"instalments": [{"due_on": "2026-12-05", "amount_cents": 45_000}]},
        {"instalments": [{"due_on": "2026-09-01", "amount_cents": 45_000}]},
        {"instalments": list(reversed(PLAN["instalments"]))},
        {"instalments": []},
    ],
)
def test_a_plan_that_does_not_pay_the_named_debts_in_order_and_soon_is_refused(
    office: Office, tenant: Tenant, desk: Any, changed: dict[str, Any]
) -> None:
    office.clock.now = LATE

    assert ask(desk, tenant, "POST", "payment-plan", PLAN | changed)[0] == 422
    assert ask(desk, tenant, "GET", "payment-plan")[0] == 404


def test_one_plan_at_a_time_and_only_by_who_may_agree(office: Office, tenant: Tenant, desk: Any) -> None:
    office.clock.now = LATE
    assert ask(desk, tenant, "POST", "payment-plan", PLAN, role="desk")[0] == 403
    assert ask(desk, tenant, "POST", "payment-plan", PLAN)[0] == 201
    path = f"/v1/desk/leases/{tenant.lease.lease_id}/payment-plan"
    other = as_staff(http_event("POST", path, PLAN, idempotency_key="k2"), "s", "manager")

    assert desk.handler(other, None)["statusCode"] == 409
    [agreement] = documents(office, tenant, Kind.PAYMENT_PLAN_AGREEMENT)
    assert agreement.tells_tenant
    assert agreement.facts["plan"]["debt_cents"] == 45_000


# ---------------------------------------------------------------- formal notices


def documents(office: Office, tenant: Tenant, kind: Kind) -> list[Document]:
    found = Documents(office.aws.documents).of_lease(tenant.lease.lease_id, limit=50)
    return [one for one in found if one.kind is kind]


def sealed(office: Office, document: Document) -> None:
    store = Documents(office.aws.documents)
    assert store.mark_ready(document, office.clock(), file_digest="0" * 64)


FORMAL = datetime(2026, 10, 10, 7, 5, tzinfo=UTC)


def test_a_formal_notice_is_sealed_before_it_is_told_of_and_leaves_dated_proof(
    office: Office, tenant: Tenant, desk: Any
) -> None:
    steps(office, ISSUED, FORMAL - HOUR)
    office.clock.now = FORMAL
    assert office.reminders.plan(FORMAL).reminders == 0
    assert office.reminders.plan(FORMAL + HOUR).reminders == 0  # not sealed yet
    [document] = documents(office, tenant, Kind.FORMAL_NOTICE)
    assert document.facts["demand"] | {"debts": []} == {
        "as_of": "2026-10-10",
        "pay_by": "2026-10-18",
        "debts": [],
        "total_cents": 45_000,
    }

    sealed(office, document)
    office.clock.now = FORMAL + 2 * HOUR
    assert office.reminders.plan(office.clock()).reminders == 1
    office.correspondence.handle(reminder(office))

    assert office.mailbox.subjects == ["Mise en demeure de payer 450,00 €"]
    assert "18 octobre 2026" in office.mailbox.text
    [shown] = ask(desk, tenant, "GET", "reminders", role="desk")[1]["formal_notices"]
    assert (shown["status"], shown["total_cents"], shown["pay_by"]) == ("ready", 45_000, "2026-10-18")
    assert shown["download_url"]
    issued = [
        entry
        for entry in Audit(office.aws.operations).of(tenant.lease.lease_id).entries
        if entry.action is Action.FORMAL_NOTICE_ISSUED
    ]
    assert [(one.at, one.details["document_id"]) for one in issued] == [(FORMAL, document.document_id)]

    back = ("POST", f"formal-notices/{document.document_id}/withdrawal", {"reason": "not_owed"})
    other = ("POST", f"formal-notices/{document.document_id[::-1]}/withdrawal", {"reason": "not_owed"})
    assert [ask(desk, tenant, *back, role="desk")[0], ask(desk, tenant, *other)[0]] == [403, 404]
    withdrawn = [ask(desk, tenant, *back) for _ in range(2)]
    assert [(status, shown["formal_notices"][0]["validity"]) for status, shown in withdrawn] == [
        (200, "revoked"),
        (200, "revoked"),
    ]
    assert withdrawn[1][1]["owed"][0]["unpaid_cents"] == 45_000
    [entry] = [
        one
        for one in Audit(office.aws.operations).of(tenant.lease.lease_id).entries
        if one.action is Action.FORMAL_NOTICE_WITHDRAWN
    ]
    assert entry.details == {"document_id": document.document_id, "reason": "not_owed"}
    account = office.accounts.get(tenant.lease.lease_id)
    assert account is not None
    assert account.formal_notice is not None
    assert account.formal_notice.withdrawn


def test_who_pays_after_a_formal_notice_was_ordered_is_not_told_of_it(office: Office, tenant: Tenant) -> None:
    steps(office, ISSUED, FORMAL - HOUR)
    office.reminders.plan(FORMAL)
    [document] = documents(office, tenant, Kind.FORMAL_NOTICE)
    sealed(office, document)
    office.pay(tenant, 45_000)

    assert office.reminders.plan(FORMAL + 2 * HOUR).reminders == 0
    assert document.status is DocumentStatus.REQUESTED


# ---------------------------------------------------------------- surcharges


RULE = Surcharge(
    flat_cents=1_000,
    basis_points=500,
    cap_cents=2_500,
    grace_days=15,
    source="Règlement intérieur, article 12",
    applies_from=date(2026, 8, 1),
)


def with_rule(aws: Any, rule: Surcharge | None = RULE, **more: Any) -> None:
    aws.identity.put(residence_item(replace(RESIDENCE, reminders=ReminderSettings(surcharge=rule, **more))))


def test_a_surcharge_is_announced_with_its_source_applied_once_and_named_since(
    aws: Any, office: Office, tenant: Tenant, desk: Any
) -> None:
    with_rule(aws)
    office.clock.now = LATE
    office.reminders.plan(LATE)
    office.correspondence.handle(reminder(office))
    assert "pénalité de retard de 25,00 €" in office.mailbox.text
    assert "(Règlement intérieur, article 12)" in office.mailbox.text
    [announced] = ask(desk, tenant, "GET", "reminders")[1]["surcharges"]
    assert (announced["on"], announced["amount_cents"]) == ("2026-09-25", 2_500)

    steps(office, LATE, datetime(2026, 9, 28, tzinfo=UTC))
    steps(office, datetime(2026, 9, 25, 7, 5, tzinfo=UTC), datetime(2026, 9, 28, tzinfo=UTC))

    journal = office.accounts.journal(tenant.lease.lease_id)
    [posted] = [entry for entry in journal.entries if entry.kind is EntryKind.SURCHARGE]
    assert (posted.entry_id, posted.amount_cents) == ("surcharge:notice:2026-09", 2_500)
    assert journal.account is not None
    assert journal.account.checkpoint.balance_cents == 47_500


def test_a_surcharge_taken_back_leaves_both_lines_and_no_debt(
    aws: Any, office: Office, tenant: Tenant, desk: Any
) -> None:
    with_rule(aws)
    steps(office, LATE, datetime(2026, 9, 28, tzinfo=UTC))
    reverse = ("POST", "surcharges/2026-09/reversal", {"reason": "goodwill"})

    assert ask(desk, tenant, *reverse, role="desk")[0] == 403
    assert ask(desk, tenant, *reverse)[0] == 200
    assert ask(desk, tenant, *reverse)[0] == 200
    assert ask(desk, tenant, "POST", "surcharges/2026-08/reversal", {"reason": "goodwill"})[0] == 404

    journal = office.accounts.journal(tenant.lease.lease_id)
    assert sorted(entry.amount_cents for entry in journal.entries) == [-2_500, 2_500, 45_000]
    assert journal.account is not None
    assert journal.account.checkpoint.balance_cents == 45_000
    assert [one.entry_id for one in journal.account.checkpoint.outstanding] == ["notice:2026-09"]


def test_a_notice_issued_before_the_rule_never_bears_a_surcharge(
    aws: Any, office: Office, tenant: Tenant
) -> None:
    with_rule(aws, replace(RULE, applies_from=date(2026, 9, 2)))

    steps(office, LATE, datetime(2026, 9, 28, tzinfo=UTC))

    account = office.accounts.get(tenant.lease.lease_id)
    assert account is not None
    assert account.checkpoint.balance_cents == 45_000


# ---------------------------------------------------------------- renewal blocked, formal notice to come


BLOCK = RenewalBlock(days=30, source="Règlement intérieur, article 14", applies_from=date(2026, 8, 1))


def test_a_block_and_a_formal_notice_are_announced_with_their_sources_and_a_block_can_be_waived(
    aws: Any, office: Office, tenant: Tenant, desk: Any
) -> None:
    with_rule(aws, None, renewal_block=BLOCK)
    office.clock.now = LATE
    office.reminders.plan(LATE)
    office.correspondence.handle(reminder(office))
    shown = ask(desk, tenant, "GET", "reminders")[1]

    text = " ".join(office.mailbox.text.split())
    assert "le renouvellement de votre logement est bloqué jusqu'au paiement" in text
    assert "Règlement intérieur, article 14" in text
    assert "mise en demeure de payer" in text
    assert "10 octobre" in text
    assert shown["formal_notice_to_come"] == {
        "on": "2026-10-10",
        "period": "2026-09",
        "pay_by_days": 8,
        "source": "Code civil, article 1344",
    }
    assert shown["renewal_block"] == {
        "on": "2026-10-10",
        "applies": False,
        "amount_cents": 45_000,
        "source": "Règlement intérieur, article 14",
        "waived": [],
    }

    office.clock.now = datetime(2026, 10, 12, 8, tzinfo=UTC)
    assert ask(desk, tenant, "GET", "reminders")[1]["renewal_block"]["applies"]
    waive = ("POST", "renewal-block/waiver", {"reason": "aid_came_late"})
    assert ask(desk, tenant, *waive, role="desk")[0] == 403
    waived = [ask(desk, tenant, *waive) for _ in range(2)]

    assert [status for status, _ in waived] == [200, 200]
    assert waived[1][1]["renewal_block"] == {
        "on": None,
        "applies": False,
        "amount_cents": 0,
        "source": "Règlement intérieur, article 14",
        "waived": ["2026-09"],
    }
    entries = Audit(aws.operations).of(tenant.lease.lease_id).entries
    [entry] = [one for one in entries if one.action is Action.RENEWAL_BLOCK_WAIVED]
    assert entry.details == {"reason": "aid_came_late", "periods": "2026-09"}
    account = office.accounts.get(tenant.lease.lease_id)
    assert account is not None
    assert account.checkpoint.balance_cents == 45_000


def test_who_owes_nothing_has_nothing_to_be_waived(
    aws: Any, office: Office, tenant: Tenant, desk: Any
) -> None:
    with_rule(aws, None, renewal_block=BLOCK)
    office.pay(tenant, 45_000)

    status, refused = ask(desk, tenant, "POST", "renewal-block/waiver", {"reason": "goodwill"})

    assert (status, refused["type"]) == (409, "urn:sesame:problem:nothing-owed")


# ---------------------------------------------------------------- tolerance, one a day


def test_who_owes_no_more_than_is_tolerated_is_left_alone(aws: Any, office: Office, tenant: Tenant) -> None:
    with_rule(aws, None, tolerance_cents=300)
    office.pay(tenant, 44_700)

    assert steps(office, ISSUED, datetime(2026, 9, 28, tzinfo=UTC)) == []


def test_two_leases_of_one_person_make_one_message_a_day_and_the_other_goes_the_next(
    aws: Any, office: Office, tenant: Tenant
) -> None:
    admit_again(aws, tenant, starts_on=date(2026, 9, 1), ends_on=date(2027, 8, 31))
    office.bill(ISSUED)
    office.clock.now = LATE
    office.reminders.plan(LATE)
    for event in office.announced("reminder.due"):
        office.correspondence.handle(event)
    assert len(office.mailbox.sent) == 1

    office.clock.now = LATE + DAY
    assert office.reminders.plan(office.clock()).reminders == 1
    for event in office.announced("reminder.due"):
        office.correspondence.handle(event)

    assert len(office.mailbox.sent) == 2


def test_a_message_that_a_queue_held_into_the_night_goes_the_next_morning(
    office: Office, tenant: Tenant
) -> None:
    office.clock.now = LATE
    office.reminders.plan(LATE)
    event = reminder(office)
    office.clock.now = LATE + 12 * HOUR

    office.correspondence.handle(event)
    office.correspondence.handle(event)  # the queue's own repeat

    assert office.mailbox.sent == []
    assert office.records() == []
    office.clock.now = LATE + 23 * HOUR
    office.reminders.plan(office.clock())
    office.correspondence.handle(reminder(office))
    assert len(office.mailbox.sent) == 1


# ---------------------------------------------------------------- settings


def test_a_ladder_is_data_of_its_residence_and_what_it_says_is_followed(
    aws: Any, office: Office, tenant: Tenant
) -> None:
    with_rule(aws, None, steps=(ReminderStep(name="nudge", days=6, words_fr="Venez nous voir."),))
    assert steps(office, ISSUED, datetime(2026, 10, 20, tzinfo=UTC)) == [(date(2026, 9, 16), "nudge")]

    office.clock.now = datetime(2026, 9, 16, 9, tzinfo=UTC)
    office.correspondence.handle(reminder(office))
    assert "Venez nous voir." in office.mailbox.text
