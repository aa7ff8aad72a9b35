"""A lease's terms change: credit notes and new notices follow, and the money stays with its month."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.journal import EntryKind, fold
from sesame.domain.notices import LineKind, share_of_month
from sesame.domain.tenancy import Lease, LeaseStatus
from sesame.domain.terms import amended, ending
from sesame.platform.errors import NotFound
from sesame.services.lease_terms import Changed, LeaseTerms, Who
from sesame.services.retries import Retries
from sesame.store.accounts import Journal
from sesame.store.people import People
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.conftest import Aws
from tests.integration.tenants import Tenant, admit

SEPTEMBER = datetime(2026, 9, 1, 8, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, 8, tzinfo=UTC)
MANAGER = Who(reason="room-change", by="manager-1")


class Tenancy:
    """A tenant at 450.00 a month, and everything that bills and changes."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.clock = aws, FrozenClock(SEPTEMBER)
        self.office = Office(aws, self.clock)
        self.tenant: Tenant = admit(aws)
        self.lease_id = self.tenant.lease.lease_id
        self.terms = LeaseTerms(
            people=People(aws.identity, aws.pepper),
            books=self.office.books,
            retries=Retries(pause=lambda _: None),
        )

    def bill(self, at: datetime) -> None:
        self.clock.now = at
        self.office.bill(at)

    def change(self, change: Any) -> Changed:
        return self.terms.apply(self.lease_id, change, MANAGER)

    @property
    def lease(self) -> Lease:
        lease = self.terms.people.lease(self.lease_id)
        assert lease is not None
        return lease

    @property
    def journal(self) -> Journal:
        """Whose stored checkpoint is what folding it afresh gives."""
        journal = self.office.accounts.journal(self.lease_id)
        assert journal.account is not None
        assert journal.account.checkpoint == fold(journal.entries).checkpoint
        return journal

    @property
    def balance(self) -> int:
        assert self.journal.account is not None
        return self.journal.account.checkpoint.balance_cents

    def standing(self) -> dict[str, tuple[int, int]]:
        """Period -> number and cents of the notice that stands."""
        return {
            one.notice.period: (one.notice.number, one.notice.amount_cents) for one in self.journal.notices
        }

    def notes(self) -> dict[str, int]:
        return {one.entry_id: one.amount_cents for one in self.journal.entries if one.credits}


@pytest.fixture
def tenancy(aws: Aws) -> Tenancy:
    return Tenancy(aws)


def moved(lease: Lease) -> Lease:
    return amended(lease, date(2026, 10, 16), room="C301", rent_cents=60_000)


def test_a_change_said_in_time_makes_no_credit_note_and_is_billed_in_two_lines(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)

    changed = tenancy.change(moved)
    tenancy.bill(OCTOBER)

    assert changed.corrections == ()
    assert tenancy.notes() == {}
    [october] = [one.notice for one in tenancy.journal.notices if one.notice.period == "2026-10"]
    assert [(line.kind, line.room) for line in october.lines] == [
        (LineKind.RENT, "B204"),
        (LineKind.RENT, "C301"),
        (LineKind.CHARGES, "B204"),
        (LineKind.CHARGES, "C301"),
    ]


def test_a_change_of_a_month_that_is_out_withdraws_its_notice_and_issues_another(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.bill(OCTOBER)
    tenancy.clock.advance(timedelta(days=4))

    changed = tenancy.change(moved)

    october = share_of_month(40_000, date(2026, 10, 1), date(2026, 10, 15))
    october += share_of_month(60_000, date(2026, 10, 16), date(2026, 10, 31)) + 5_000
    assert tenancy.standing() == {"2026-09": (1, 45_000), "2026-10": (2, october)}
    assert tenancy.notes() == {"credit-note:2026-10#1": -45_000}
    assert [one.notice.number for one in tenancy.journal.withdrawn] == [1]
    assert changed.difference_cents == october - 45_000
    assert tenancy.balance == 45_000 + october
    told = {one.data["period"] for one in tenancy.office.announced("notice.corrected")}
    assert told == {"2026-10"}


def test_who_is_asked_for_more_has_as_long_to_pay_and_who_is_asked_for_less_no_longer(
    tenancy: Tenancy,
) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.clock.advance(timedelta(days=20))

    tenancy.change(lambda lease: amended(lease, date(2026, 9, 1), rent_cents=41_000))
    assert [one.notice.due_on for one in tenancy.journal.notices] == [date(2026, 9, 30)]

    tenancy.change(lambda lease: amended(lease, date(2026, 9, 1), rent_cents=39_000))
    assert [one.notice.due_on for one in tenancy.journal.notices] == [date(2026, 9, 30)]


def test_money_stays_with_its_month_and_what_is_too_much_pays_the_next(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.clock.advance(timedelta(days=1))
    tenancy.office.pay(tenancy.tenant, 45_000)
    tenancy.bill(OCTOBER)

    tenancy.change(lambda lease: amended(lease, date(2026, 9, 1), rent_cents=30_000))

    statement = tenancy.office.books.statement(tenancy.lease_id)
    assert {
        one.notice.period: (one.standing.amount_cents, one.standing.paid_cents) for one in statement.notices
    } == {"2026-09": (35_000, 35_000), "2026-10": (35_000, 10_000)}
    september = statement.of("2026-09")
    assert september is not None
    assert [one.received_at for one in september.standing.allocations] == [SEPTEMBER + timedelta(days=1)]


def test_an_early_end_shortens_its_month_and_a_later_one_brings_the_rest_back(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.bill(OCTOBER)

    tenancy.change(lambda lease: ending(lease, date(2026, 9, 10)))
    assert tenancy.standing() == {"2026-09": (2, 15_000)}

    tenancy.change(lambda lease: ending(lease, date(2026, 10, 31)))
    assert tenancy.standing() == {"2026-09": (3, 45_000), "2026-10": (2, 45_000)}
    assert tenancy.balance == 90_000


def test_a_cancelled_lease_owes_nothing_and_what_was_paid_is_credit(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.office.pay(tenancy.tenant, 20_000)

    tenancy.change(lambda lease: replace(lease, status=LeaseStatus.CANCELLED))
    tenancy.bill(OCTOBER)

    assert tenancy.standing() == {}
    account = tenancy.journal.account
    assert account is not None
    assert (account.checkpoint.balance_cents, account.checkpoint.credit_cents) == (-20_000, 20_000)
    assert account.next_step_at is None


def test_a_repeat_writes_nothing(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.bill(OCTOBER)
    tenancy.change(moved)
    before = tenancy.office.items(tenancy.aws.money), tenancy.lease

    again = tenancy.change(moved)

    assert not again.is_change
    assert (tenancy.office.items(tenancy.aws.money), tenancy.lease) == before


def test_a_preview_says_what_would_happen_and_does_nothing(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.bill(OCTOBER)
    before = tenancy.office.items(tenancy.aws.money)

    preview = tenancy.terms.preview(tenancy.lease_id, moved)

    [one] = preview.corrections
    assert (one.period, one.withdrawn_cents) == ("2026-10", 45_000)
    assert one.replacement is not None
    assert tenancy.office.items(tenancy.aws.money) == before
    assert tenancy.lease.terms == ()


def test_a_run_that_read_the_lease_before_it_changed_bills_the_new_terms(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    stale = tenancy.lease
    tenancy.change(moved)
    tenancy.clock.now = OCTOBER

    residence = tenancy.terms.people.residence(stale.residence_id)
    assert residence is not None
    issued = tenancy.office.lease_billing.issue(stale, residence, ["2026-10"], OCTOBER)

    assert issued == 1
    assert tenancy.standing()["2026-10"] == (1, 19_355 + 30_968 + 5_000)


def test_a_lease_that_was_stored_before_terms_could_change_is_read_as_ever(tenancy: Tenancy) -> None:
    item = next(one for one in tenancy.office.items(tenancy.aws.identity) if one["sk"] == "LEASE")

    assert "terms" not in item
    assert tenancy.lease == tenancy.tenant.lease


def test_a_lease_that_is_not_there_cannot_change(tenancy: Tenancy) -> None:
    with pytest.raises(NotFound):
        tenancy.terms.apply("nobody", moved, MANAGER)


def test_however_many_months_are_put_right_one_message_says_so(tenancy: Tenancy) -> None:
    tenancy.bill(SEPTEMBER)
    tenancy.bill(OCTOBER)
    tenancy.clock.advance(timedelta(days=2))
    tenancy.change(lambda lease: amended(lease, date(2026, 9, 1), rent_cents=41_000))

    for event in tenancy.office.announced("notice.issued"):
        if "number" in event.data:
            tenancy.office.correspondence.handle(event)
            tenancy.office.correspondence.handle(event)

    assert len(tenancy.office.mailbox.sent) == 1
    assert "annule et remplace" in tenancy.office.mailbox.text
    assert {one.entry_id for one in tenancy.journal.entries if one.kind is EntryKind.CREDIT_NOTE} == {
        "credit-note:2026-09#1",
        "credit-note:2026-10#1",
    }
