"""A receipt exists only while its period is paid: what a provider takes back makes it void."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sesame.domain.certificates import Kind, Validity
from sesame.domain.deposits import Deduction, DeductionKind
from sesame.domain.journal import Entry, EntryKind, credit_note_id, notice_entry_id
from sesame.domain.takings import ReversalReason
from sesame.domain.validity import Ending
from sesame.platform.events import Event
from sesame.services.certificates import Certificates, CreditedInFull, NotPaidInFull
from sesame.services.receipt_watch import ReceiptWatch
from sesame.services.retries import Retries
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.documents import Document, Documents
from sesame.store.sessions import StoredSession
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.desk_money_fixtures import ACCOUNTANT, CASH, CHEQUE, NETWORK
from tests.integration.desk_money_fixtures import Counter as Desk
from tests.integration.test_aid_imports import AidOffice
from tests.integration.test_desk_money import BACK, DEPOSIT
from tests.integration.test_payment_links import Family

MINUTE = timedelta(minutes=1)


class Counter(Family):
    """A tenant who asks for receipts, and the watch over them."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.documents = Documents(aws.documents)
        self.certificates = Certificates(
            self.documents, aws.identity, self.accounts, clock, retries=Retries(pause=lambda _: None)
        )
        self.watch = ReceiptWatch(documents=self.documents, accounts=self.accounts, identity=aws.identity)

    def ask(self, kind: Kind = Kind.RECEIPT) -> Document:
        return self.certificates.request(self.session(), kind, period="2026-09")

    def validity(self, document: Document) -> Validity:
        kept = self.documents.get(document.document_id)
        assert kept is not None
        return kept.validity

    def told(self, payment_id: str) -> Event:
        """What posting announced last of a payment."""
        announce = dict(self.aws.money.get(keys.payment(payment_id))["announce"])
        return Event(id=announce.pop("id"), type=announce.pop("type"), at=self.clock.now, data=announce)


@pytest.fixture
def counter(aws: Any, clock: FrozenClock) -> Counter:
    """September is owed."""
    return Counter(aws, clock)


def pay(counter: Counter, cents: int = 45_000, key: str = "k") -> str:
    payment_id = counter.checkout(cents, key=key).payment_id
    counter.settle(payment_id, cents)
    return payment_id


def take_back(counter: Counter, payment_id: str, cents: int = 45_000) -> None:
    counter.settle(payment_id, cents, "payment.refunded")
    counter.watch.handle(counter.told(payment_id))


def test_money_given_back_makes_void_the_receipt_and_no_new_one_is_made(counter: Counter) -> None:
    payment_id = pay(counter)
    receipt = counter.ask()

    take_back(counter, payment_id)

    assert counter.validity(receipt) is Validity.REVOKED
    with pytest.raises(NotPaidInFull):
        counter.ask()


def test_while_nothing_was_given_back_a_receipt_stands(counter: Counter) -> None:
    payment_id = pay(counter)
    receipt = counter.ask()

    for _ in range(2):
        counter.watch.handle(counter.told(payment_id))

    assert counter.validity(receipt) is Validity.GENUINE


def test_paid_again_a_period_gets_a_receipt_of_its_own_and_the_void_one_stays_void(counter: Counter) -> None:
    first = pay(counter)
    void = counter.ask()
    take_back(counter, first)

    pay(counter, key="again")

    receipt = counter.ask()
    assert receipt.document_id != void.document_id
    assert (counter.validity(void), counter.validity(receipt)) == (Validity.REVOKED, Validity.GENUINE)


def test_another_periods_money_given_back_leaves_a_receipt_as_it_is(
    counter: Counter,
) -> None:
    first = pay(counter)
    receipt = counter.ask()
    counter.bill("2026-10")
    counter.clock.advance(timedelta(days=1))
    second = pay(counter, key="second")

    take_back(counter, second)
    assert counter.validity(receipt) is Validity.GENUINE

    take_back(counter, first)
    assert counter.validity(receipt) is Validity.REVOKED


def backdated(counter: Counter, cents: int) -> None:
    """Aid for days before the tenant's own payments, recorded after them."""
    entry = Entry(
        entry_id="taking:aid",
        kind=EntryKind.AID,
        amount_cents=-cents,
        effective_at=counter.clock.now - timedelta(days=1),
        source="taking:aid",
        method="aid",
    )
    counter.bookkeeping.post(counter.lease.lease_id, counter.lease.residence_id, entry)


@pytest.mark.parametrize("kind", [Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT])
def test_money_that_backdated_aid_moved_to_another_period_was_received_all_the_same(
    counter: Counter, kind: Kind
) -> None:
    counter.clock.advance(timedelta(days=2))
    payment_id = pay(counter, 45_000 if kind is Kind.RECEIPT else 20_000)
    receipt = counter.ask(kind)
    backdated(counter, 45_000)

    counter.watch.handle(counter.told(payment_id))

    assert counter.validity(receipt) is Validity.GENUINE


def test_a_receipt_ends_with_its_money_though_other_money_pays_its_period_now(counter: Counter) -> None:
    counter.clock.advance(timedelta(days=2))
    payment_id = pay(counter)
    receipt = counter.ask()
    backdated(counter, 45_000)

    take_back(counter, payment_id)

    assert counter.validity(receipt) is Validity.REVOKED


def test_a_part_receipt_stands_while_its_money_is_there(counter: Counter) -> None:
    part = pay(counter, 20_000, "part")
    receipt = counter.ask(Kind.PART_PAYMENT_RECEIPT)
    rest = pay(counter, 25_000, "rest")
    counter.watch.handle(counter.told(rest))
    assert counter.validity(receipt) is Validity.GENUINE

    take_back(counter, part, 5_000)
    assert counter.validity(receipt) is Validity.REVOKED


def test_money_given_back_makes_void_what_said_that_rent_was_up_to_date(counter: Counter) -> None:
    payment_id = pay(counter)
    counter.clock.advance(timedelta(days=20))
    paper = counter.certificates.request(counter.session(), Kind.UP_TO_DATE_CERTIFICATE)
    counter.watch.handle(counter.told(payment_id))
    assert counter.validity(paper) is Validity.GENUINE

    take_back(counter, payment_id)

    assert counter.validity(paper) is Validity.REVOKED


def test_rent_that_fell_due_since_leaves_true_what_said_that_it_was_up_to_date(counter: Counter) -> None:
    pay(counter)
    counter.clock.advance(timedelta(days=20))
    paper = counter.certificates.request(counter.session(), Kind.UP_TO_DATE_CERTIFICATE)
    counter.bill("2026-10")
    counter.clock.advance(timedelta(days=30))
    second = pay(counter, key="second")

    take_back(counter, second)

    assert counter.validity(paper) is Validity.GENUINE


def test_a_receipt_asked_for_while_money_is_taken_back_is_not_made(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = pay(counter)
    read = counter.accounts.journal

    def journal_then_refund(_: Any, lease_id: str) -> Any:
        monkeypatch.undo()
        found = read(lease_id)
        take_back(counter, payment_id)
        return found

    monkeypatch.setattr(type(counter.accounts), "journal", journal_then_refund)

    with pytest.raises(NotPaidInFull):
        counter.ask()
    assert counter.documents.in_force(counter.lease.lease_id, {Kind.RECEIPT}) == []


def test_without_papers_on_payments_a_change_costs_one_call(counter: Counter) -> None:
    told = counter.told(pay(counter))

    with count_calls(counter.aws.dynamodb) as calls:
        counter.watch.handle(told)

    assert calls == ["Query"]


# --- What is taken back anywhere else than at a provider


def announced(aws: Any, lease_id: str) -> list[Event]:
    """What the entries of a journal announced."""
    items = aws.money.query_all(keys.account(lease_id)["pk"], "ENTRY#")
    told = [dict(item["announce"]) for item in items if "announce" in item]
    return [
        Event(id=one.pop("id"), type=one.pop("type"), at=datetime.fromisoformat(one.pop("at")), data=one)
        for one in told
    ]


def certified(desk: Desk) -> Document:
    """That rent is up to date, a fortnight after it was due."""
    desk.clock.advance(timedelta(days=20))
    return asked(desk, Kind.UP_TO_DATE_CERTIFICATE)


def asked(desk: Desk, kind: Kind, period: str | None = None) -> Document:
    """A paper, by its tenant."""
    stored = StoredSession(
        session_id="-",
        person_id=desk.tenant.person.person_id,
        lease_id=desk.lease_id,
        epoch=1,
        created_at=desk.clock(),
        last_seen_at=desk.clock(),
        ends_at=desk.clock() + timedelta(hours=8),
    )
    session = Session(stored=stored, person=desk.tenant.person, lease=desk.tenant.lease)
    certificates = Certificates(desk.documents, desk.aws.identity, desk.accounts, desk.clock)
    return certificates.request(session, kind, period=period)


def watched(desk: Desk) -> None:
    """The watch hears of each, twice."""
    watch = ReceiptWatch(documents=desk.documents, accounts=desk.accounts, identity=desk.aws.identity)
    for event in announced(desk.aws, desk.lease_id) * 2:
        watch.handle(event)


@pytest.fixture
def desk(aws: Any, clock: FrozenClock) -> AidOffice:
    """September is owed."""
    office = AidOffice(aws, clock)
    office.bill()
    return office


def kept_of_the_deposit(desk: AidOffice) -> Any:
    desk.take(DEPOSIT)
    given = desk.give_back(
        replace(BACK, deductions=(Deduction(kind=DeductionKind.ARREARS, amount_cents=30_000),))
    )
    desk.take(replace(CASH, amount_cents=15_000), key="rest")
    reason, of = ReversalReason.WRONG_TENANT, desk.lease_id
    return lambda: desk.returns.reverse(ACCOUNTANT, of, given.return_id, reason, network=NETWORK)


def paid_by_cheque(desk: AidOffice) -> Any:
    taking = desk.take(CHEQUE)
    return lambda: desk.reverse(taking, ReversalReason.CHEQUE_BOUNCED)


def paid_by_the_caf(desk: AidOffice) -> Any:
    desk.import_file(desk.row())
    [aid] = desk.takings.of_lease(desk.lease_id).takings
    desk.take(replace(CASH, amount_cents=45_000 - aid.amount_cents), key="rest")
    return lambda: desk.reverse(aid, ReversalReason.AID_RECLAIMED)


@pytest.mark.parametrize("way", [paid_by_cheque, paid_by_the_caf, kept_of_the_deposit])
def test_whatever_a_desk_takes_back_ends_what_said_that_rent_was_up_to_date(
    desk: AidOffice, way: Callable[[AidOffice], Callable[[], Any]]
) -> None:
    take_back = way(desk)
    paper = certified(desk)
    assert announced(desk.aws, desk.lease_id) == []  # money that comes in ends no paper

    take_back()

    told = announced(desk.aws, desk.lease_id)
    assert {(one.type, one["lease_id"]) for one in told} == {("account.changed", desk.lease_id)}
    watched(desk)
    kept = desk.documents.get(paper.document_id)
    assert kept is not None
    assert (kept.validity, kept.validity_reason) == (Validity.REVOKED, Ending.PAYMENT_RETURNED)


def test_a_receipt_that_ends_with_a_corrected_notice_says_so_and_that_no_payment_came_back(
    desk: AidOffice,
) -> None:
    desk.take(replace(CASH, amount_cents=45_000))
    receipt = asked(desk, Kind.RECEIPT, "2026-09")
    note = Entry(
        entry_id=credit_note_id("2026-09", 1, "goodwill"),
        kind=EntryKind.CREDIT_NOTE,
        amount_cents=-1_000,
        effective_at=desk.clock(),
        period="2026-09",
        credits=notice_entry_id("2026-09"),
    )
    desk.books.post(desk.lease_id, desk.tenant.lease.residence_id, note)

    watch = ReceiptWatch(documents=desk.documents, accounts=desk.accounts, identity=desk.aws.identity)
    watch.handle(Event(id="e", type="notice.corrected", at=desk.clock(), data={"lease_id": desk.lease_id}))

    kept = desk.documents.get(receipt.document_id)
    assert kept is not None
    assert (kept.validity, kept.validity_reason) == (Validity.REVOKED, Ending.NOTICE_CORRECTED)


def test_a_period_credited_in_full_has_no_receipt_and_its_tenant_is_told_why(
    desk: AidOffice,
) -> None:
    note = Entry(
        entry_id=credit_note_id("2026-09", 1, "goodwill"),
        kind=EntryKind.CREDIT_NOTE,
        amount_cents=-45_000,
        effective_at=desk.clock(),
        period="2026-09",
        credits=notice_entry_id("2026-09"),
    )
    desk.books.post(desk.lease_id, desk.tenant.lease.residence_id, note)

    for kind in (Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT):
        with pytest.raises(CreditedInFull) as refused:
            asked(desk, kind, "2026-09")
        assert "avoir" in refused.value.detail["fr"]
