"""Money at the desk: recorded once with its receipt, reversed and never deleted, deposits apart from rent."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from sesame.domain.certificates import Kind, Validity
from sesame.domain.deposits import Deduction, DeductionKind
from sesame.domain.journal import EntryKind
from sesame.domain.scope import Scope
from sesame.domain.takings import Method, ReversalReason, TakingPurpose
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.services.certificates import Certificates
from sesame.services.deposits import DeductionsTooHigh, NothingHeld, ReturnOrder
from sesame.services.desk_payments import AlreadyReversed, DepositGone
from sesame.services.idempotency import KeyReused
from sesame.services.payments import UnknownNotice
from sesame.services.sessions import Session
from sesame.store.accounts import Accounts
from sesame.store.audit import Action
from sesame.store.table import Table
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.desk_money_fixtures import (
    ACCOUNTANT,
    AT_DESK,
    CASH,
    CHEQUE,
    COLLEAGUE,
    NETWORK,
    TODAY,
    Counter,
)

DAY = timedelta(days=1)
DEPOSIT = replace(CHEQUE, amount_cents=40_000, purpose=TakingPurpose.DEPOSIT)
BACK = ReturnOrder(deductions=(), method=Method.TRANSFER, returned_on=TODAY, reference="VIR-1")


@pytest.fixture
def counter(aws: Any, clock: FrozenClock) -> Counter:
    made = Counter(aws, clock)
    made.bill()
    return made


def receipts(counter: Counter) -> dict[Kind, Validity]:
    documents = counter.documents.of_lease(counter.lease_id, limit=50)
    return {document.kind: document.validity for document in documents}


# ---------------------------------------------------------------- payments


def test_a_payment_is_posted_with_its_receipt_its_till_line_and_who_took_it(counter: Counter) -> None:
    taking = counter.take()

    assert counter.balance == 25_000
    assert taking.document_id is not None
    receipt = counter.documents.get(taking.document_id)
    assert receipt is not None
    assert receipt.kind is Kind.PAYMENT_RECEIPT
    assert receipt.facts["payment"]["amount_cents"] == 20_000
    assert [line.amount_cents for line in counter.takings.till(taking.residence_id, TODAY)] == [20_000]
    [entry] = [
        one for one in counter.audit.of(counter.lease_id).entries if one.action is Action.PAYMENT_RECORDED
    ]
    assert (entry.actor.id, entry.details["amount_cents"], entry.details["method"]) == (
        AT_DESK.staff_id,
        20_000,
        "cash",
    )


def test_the_same_key_and_body_are_the_same_payment_for_good(counter: Counter, clock: FrozenClock) -> None:
    first = counter.take()
    items = counter.items()
    clock.advance(30 * DAY)

    assert counter.take() == first
    assert counter.take(by=COLLEAGUE) == first
    assert counter.items() == items
    with pytest.raises(KeyReused):
        counter.take(replace(CASH, amount_cents=20_001))


def test_two_clicks_at_once_are_one_payment(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    known = type(counter.payments)._known
    seen: list[Any] = []

    def late(payments: Any, *given: Any) -> Any:
        found = known(payments, *given)
        if not seen:
            seen.append(found)
            counter.take()
        return found

    monkeypatch.setattr(type(counter.payments), "_known", late)
    counter.take()

    assert counter.balance == 25_000


def test_a_payment_goes_where_its_payer_wants_and_its_receipt_says_how_it_came(
    counter: Counter, clock: FrozenClock
) -> None:
    clock.advance(30 * DAY)
    counter.bill()
    counter.take(replace(CHEQUE, received_on=date(2026, 10, 2), notices=("2026-10",)))

    statement = counter.books.statement(counter.lease_id)
    october = statement.of("2026-10")
    assert october is not None
    assert october.standing.unpaid_cents == 0
    assert [one.method for one in october.standing.allocations] == ["cheque"]
    with pytest.raises(UnknownNotice):
        counter.take(replace(CHEQUE, notices=("2026-10",)), key="k2")


def test_money_received_last_week_counts_from_that_day(counter: Counter, clock: FrozenClock) -> None:
    clock.advance(7 * DAY)
    counter.take(replace(CASH, received_on=TODAY + DAY))

    [credit] = [one for one in counter.books.statement(counter.lease_id).entries if one.amount_cents < 0]
    assert credit.effective_at.isoformat() == "2026-09-03T10:00:00+00:00"
    assert counter.balance == 25_000


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (replace(CASH, received_on=TODAY + DAY), "received_on"),
        (replace(CASH, received_on=TODAY - 400 * DAY), "received_on"),
        (replace(CHEQUE, reference=""), "reference"),
        (replace(CHEQUE, reference="=cmd()"), "reference"),
        (replace(DEPOSIT, notices=("2026-09",)), "notices"),
    ],
    ids=["tomorrow", "too old", "no cheque number", "formula", "deposit for a month"],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(counter: Counter, order: Any, field: str) -> None:
    items = counter.items()

    with pytest.raises(Invalid) as refused:
        counter.take(order)

    assert [one["field"] for one in refused.value.errors] == [field]
    assert counter.items() == items


def test_late_in_the_evening_the_day_is_the_residences_own(counter: Counter, clock: FrozenClock) -> None:
    clock.advance(timedelta(hours=14, minutes=30))  # half past midnight in Paris, still the 2nd in UTC

    assert counter.take(replace(CASH, received_on=TODAY + DAY)).received_on == date(2026, 9, 3)


def test_nobody_records_or_reverses_on_their_own_lease(counter: Counter) -> None:
    themselves = replace(ACCOUNTANT, person_id=counter.tenant.person.person_id)
    taking = counter.take()

    with pytest.raises(Forbidden):
        counter.take(by=themselves, key="k2")
    with pytest.raises(Forbidden):
        counter.reverse(taking, by=themselves)
    with pytest.raises(Forbidden):
        counter.give_back(BACK, by=themselves)
    assert counter.balance == 25_000


def test_what_is_of_another_residence_is_not_there(counter: Counter) -> None:
    taking = counter.take()
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    for attempt in (
        lambda: counter.take(by=elsewhere, key="k2"),
        lambda: counter.reverse(taking, by=elsewhere),
        lambda: counter.payments.of_lease(elsewhere, counter.lease_id),
        lambda: counter.payments.one(elsewhere, counter.lease_id, taking.taking_id),
        lambda: counter.returns.of(elsewhere, counter.lease_id),
        lambda: counter.tills.of(elsewhere, taking.residence_id, None),
    ):
        with pytest.raises(NotFound):
            attempt()


# ---------------------------------------------------------------- reversals


def test_a_reversal_takes_the_money_back_and_keeps_what_was_recorded(counter: Counter) -> None:
    taking = counter.take(CHEQUE)
    assert counter.balance == 0

    done = counter.reverse(taking, ReversalReason.CHEQUE_BOUNCED)

    assert counter.balance == 45_000
    assert done.reversal is not None
    assert (done.reversal.reason, done.reversal.by) == (ReversalReason.CHEQUE_BOUNCED, "accountant-1")
    entries = counter.books.statement(counter.lease_id).entries
    assert [(one.kind, one.amount_cents) for one in entries] == [
        (EntryKind.NOTICE, 45_000),
        (EntryKind.PAYMENT, -45_000),
        (EntryKind.REVERSAL, 45_000),
    ]
    assert counter.payments.of_lease(ACCOUNTANT, counter.lease_id).takings == (done,)
    assert counter.deeds_done() == {Action.PAYMENT_RECORDED, Action.PAYMENT_REVERSED}
    account = counter.accounts.get(counter.lease_id)
    assert account is not None
    assert account.next_step_at is not None, "the reminders' planner looks at it again"


def test_a_reversal_happens_once(counter: Counter) -> None:
    taking = counter.take(CHEQUE)
    done = counter.reverse(taking, ReversalReason.CHEQUE_BOUNCED)
    items = counter.items()

    assert counter.reverse(taking, ReversalReason.CHEQUE_BOUNCED) == done
    with pytest.raises(AlreadyReversed):
        counter.reverse(taking, ReversalReason.TYPING_ERROR)
    assert counter.items() == items
    assert counter.balance == 45_000


def test_the_desk_reverses_its_own_entries_only_and_only_the_same_day(
    counter: Counter, clock: FrozenClock
) -> None:
    first, second = counter.take(), counter.take(replace(CASH, amount_cents=500), key="k2")

    with pytest.raises(Forbidden):
        counter.reverse(first, by=COLLEAGUE)
    counter.reverse(first, by=AT_DESK)
    clock.advance(DAY)
    with pytest.raises(Forbidden):
        counter.reverse(second, by=AT_DESK)
    counter.reverse(second, by=ACCOUNTANT)

    assert counter.balance == 45_000


def test_receipts_that_rest_on_a_payment_are_void_once_it_is_reversed(counter: Counter) -> None:
    taking = counter.take(CHEQUE)
    certificates = Certificates(
        counter.documents, counter.aws.identity, Accounts(counter.aws.money), counter.clock
    )
    session = Session(**_session(counter))
    certificates.request(session, Kind.RECEIPT, period="2026-09")
    assert set(receipts(counter).values()) == {Validity.GENUINE}

    counter.reverse(taking, ReversalReason.CHEQUE_BOUNCED)

    assert receipts(counter) == {Kind.RECEIPT: Validity.REVOKED, Kind.PAYMENT_RECEIPT: Validity.REVOKED}
    counter.take(CHEQUE, key="again")
    assert certificates.request(session, Kind.RECEIPT, period="2026-09").validity is Validity.GENUINE


def _session(counter: Counter) -> dict[str, Any]:
    return {"person": counter.tenant.person, "lease": counter.tenant.lease, "stored": None}


def test_a_payment_of_another_lease_is_not_found_under_this_one(counter: Counter) -> None:
    taking = counter.take()
    counter.lease_id = "0" * 26

    with pytest.raises(NotFound):
        counter.reverse(taking)


# ---------------------------------------------------------------- deposits


def test_a_deposit_is_held_apart_and_rent_never_touches_it(counter: Counter, clock: FrozenClock) -> None:
    counter.take(DEPOSIT)
    assert (counter.held, counter.balance) == (40_000, 45_000)

    clock.advance(30 * DAY)
    counter.bill()
    counter.take(replace(CHEQUE, amount_cents=90_000, received_on=date(2026, 10, 2)), key="k2")

    assert (counter.held, counter.balance) == (40_000, 0)


def test_a_deposit_goes_back_less_itemised_deductions(counter: Counter) -> None:
    counter.take(DEPOSIT)
    order = replace(
        BACK,
        deductions=(
            Deduction(kind=DeductionKind.DAMAGE, amount_cents=5_000, label="porte"),
            Deduction(kind=DeductionKind.KEYS, amount_cents=1_500),
        ),
    )

    given = counter.give_back(order)

    assert (given.held_cents, given.deducted_cents, given.returned_cents) == (40_000, 6_500, 33_500)
    assert (counter.held, counter.balance) == (0, 45_000)
    assert counter.give_back(order) == given
    with pytest.raises(KeyReused):
        counter.give_back(BACK)
    with pytest.raises(NothingHeld):
        counter.give_back(BACK, key="r2")
    assert [(one.purpose, one.received_cents, one.given_cents) for one in till(counter)] == [
        (TakingPurpose.DEPOSIT, 40_000, 0),
        (TakingPurpose.DEPOSIT, 0, 33_500),
    ]


def test_rent_kept_of_a_deposit_is_paid_by_it_and_owed_again_once_that_is_reversed(counter: Counter) -> None:
    counter.take(DEPOSIT)
    arrears = Deduction(kind=DeductionKind.ARREARS, amount_cents=30_000)

    given = counter.give_back(replace(BACK, deductions=(arrears,)))
    assert (counter.held, counter.balance, given.returned_cents) == (0, 15_000, 10_000)

    for _ in range(2):
        counter.returns.reverse(
            ACCOUNTANT, counter.lease_id, given.return_id, ReversalReason.WRONG_TENANT, network=NETWORK
        )

    assert (counter.held, counter.balance) == (40_000, 45_000)
    assert counter.deeds_done() == {
        Action.PAYMENT_RECORDED,
        Action.DEPOSIT_RETURNED,
        Action.DEPOSIT_RETURN_REVERSED,
    }


def test_a_receipt_that_rests_on_a_kept_deposit_is_void_once_its_return_is_reversed(counter: Counter) -> None:
    counter.take(replace(CASH, amount_cents=15_000))
    counter.take(DEPOSIT, key="k2")
    arrears = Deduction(kind=DeductionKind.ARREARS, amount_cents=30_000)
    given = counter.give_back(replace(BACK, deductions=(arrears,)))
    certificates = Certificates(
        counter.documents, counter.aws.identity, Accounts(counter.aws.money), counter.clock
    )
    certificates.request(Session(**_session(counter)), Kind.RECEIPT, period="2026-09")

    counter.returns.reverse(
        ACCOUNTANT, counter.lease_id, given.return_id, ReversalReason.WRONG_TENANT, network=NETWORK
    )

    assert receipts(counter) == {Kind.RECEIPT: Validity.REVOKED, Kind.PAYMENT_RECEIPT: Validity.GENUINE}


@pytest.mark.parametrize(
    "deductions",
    [
        (Deduction(kind=DeductionKind.DAMAGE, amount_cents=40_001),),
        (Deduction(kind=DeductionKind.ARREARS, amount_cents=25_001),),
    ],
    ids=["more than held", "more than owed"],
)
def test_no_more_is_kept_than_is_held_or_owed(counter: Counter, deductions: Any) -> None:
    counter.take()
    counter.take(DEPOSIT, key="k2")

    with pytest.raises(DeductionsTooHigh):
        counter.give_back(replace(BACK, deductions=deductions))

    assert (counter.held, counter.balance) == (40_000, 25_000)


def test_a_deposit_that_was_given_back_cannot_be_reversed_out_once_more(counter: Counter) -> None:
    taking = counter.take(DEPOSIT)
    counter.give_back(BACK)

    with pytest.raises(DepositGone):
        counter.reverse(taking)


def test_the_desk_alone_does_not_decide_what_is_kept(counter: Counter) -> None:
    counter.take(DEPOSIT)

    with pytest.raises(Forbidden):
        counter.give_back(BACK, by=AT_DESK)


# ---------------------------------------------------------------- the till


def till(counter: Counter) -> Any:
    return counter.tills.of(AT_DESK, counter.tenant.lease.residence_id, None).totals


def test_the_day_is_closed_by_kind_with_what_was_reversed(counter: Counter, clock: FrozenClock) -> None:
    counter.take()
    wrong = counter.take(replace(CASH, amount_cents=700), key="k2")
    counter.take(replace(CHEQUE, amount_cents=10_000), key="k3")
    counter.reverse(wrong)

    assert [(one.method, one.received_cents, one.given_cents, one.lines) for one in till(counter)] == [
        (Method.CASH, 20_700, 700, 3),
        (Method.CHEQUE, 10_000, 0, 1),
    ]
    clock.advance(DAY)
    assert till(counter) == []


# ---------------------------------------------------------------- what it costs, and what goes wrong


def test_a_payment_takes_four_calls(counter: Counter, aws: Any) -> None:
    aws.pepper.hash("warm", "up")

    with count_calls(aws.dynamodb) as calls:
        counter.take()

    assert calls == ["GetItem", "BatchGetItem", "BatchGetItem", "TransactWriteItems"]


def test_an_audit_that_cannot_be_written_leaves_no_payment(counter: Counter, aws: Any) -> None:
    items = counter.items()
    broken = replace(
        counter.payments, audit=replace(counter.payments.audit, table=Table(aws.dynamodb, "no-such-table"))
    )

    with pytest.raises(Exception, match=r"ResourceNotFound|not found"):
        broken.record(AT_DESK, counter.lease_id, CASH, key="k1", network=NETWORK)

    assert counter.items() == items
