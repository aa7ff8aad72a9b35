"""A tenant gives notice on figures that were shown; the final account settles the stay and closes it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from sesame.domain.certificates import Kind
from sesame.domain.deposits import Deduction, DeductionKind
from sesame.domain.lease_life import Cancellation, Leaving, RentAmendment, Stage
from sesame.domain.notices import share_of_month
from sesame.domain.refunds import Refund
from sesame.domain.takings import ReversalReason
from sesame.domain.tenancy import DepartureReason, LeaseStatus
from sesame.platform.errors import Forbidden, Invalid
from sesame.services.departures import ShownOtherwise
from sesame.services.deposits import DeductionsTooHigh, DepositDesk
from sesame.services.desk_notices import AdjustmentOrder, AdjustmentReason, NoticeDesk
from sesame.services.documents import PaymentReceipts
from sesame.services.final_accounts import Hindrance, NotSettled, StayGoesOn
from sesame.services.lease_life import ChangeRefused
from sesame.services.payments import KeyReused
from sesame.store.audit import Action, ActorKind
from sesame.store.people import residence_item
from sesame.store.refunds import Refunds
from sesame.store.table import transact
from tests.integration.conftest import Aws
from tests.integration.life_fixtures import AT_DESK, MANAGER, NETWORK, QUICK, Stay

PAINT = Deduction(kind=DeductionKind.DAMAGE, amount_cents=8_000, label="Porte")


@pytest.fixture
def stay(aws: Aws) -> Stay:
    return Stay(aws)


def leave(stay: Stay, on: date | None = None) -> date:
    """The tenant looks, and confirms what they saw."""
    shown = stay.departures.preview(stay.session, on)
    stay.departures.give(stay.session, shown.leaves_on, shown.shown, network=NETWORK)
    return shown.leaves_on


def departed(stay: Stay, paid: int = 0) -> None:
    """Gone on 20 October after seven weeks, with a deposit of 400.00 held and so much paid."""
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.pay_deposit()
    if paid:
        stay.take(paid)
    stay.clock.now = datetime(2026, 9, 20, 8, tzinfo=UTC)
    leave(stay)
    stay.bill(datetime(2026, 10, 1, 8, tzinfo=UTC))
    stay.clock.now = datetime(2026, 10, 21, 8, tzinfo=UTC)


OWED = 45_000 + share_of_month(45_000, date(2026, 10, 1), date(2026, 10, 20))


def draw_up(stay: Stay, *kept: Deduction, key: str = "f1") -> None:
    stay.accounts.draw_up(MANAGER, stay.lease_id, kept, key=key, network=NETWORK)


def hinders(stay: Stay) -> tuple[Hindrance, ...]:
    return stay.accounts.of(MANAGER, stay.lease_id).hinders


def close(stay: Stay) -> None:
    stay.accounts.close(MANAGER, stay.lease_id, key="c1", network=NETWORK)


# --- Notice


def test_the_last_rent_is_shown_by_day_and_what_was_shown_is_what_is_owed(stay: Stay) -> None:
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.pay_deposit()
    stay.clock.now = datetime(2026, 9, 20, 8, tzinfo=UTC)

    shown = stay.departures.preview(stay.session, None)

    assert (shown.given_on, shown.earliest_on, shown.leaves_on) == (
        date(2026, 9, 20),
        date(2026, 10, 20),
        date(2026, 10, 20),
    )
    assert [(one.period, one.days, one.rent_cents, one.billed_cents) for one in shown.months] == [
        ("2026-09", 30, 45_000, 45_000),
        ("2026-10", 20, OWED - 45_000, None),
    ]
    assert (shown.left_to_pay_cents, shown.deposit_held_cents) == (OWED, 40_000)

    given = stay.departures.give(stay.session, shown.leaves_on, shown.shown, network=NETWORK)
    stay.tell()
    for month in (10, 11, 12):
        stay.bill(datetime(2026, month, 1, 8, tzinfo=UTC))

    assert stay.balance == shown.left_to_pay_cents
    assert (given.by_kind, given.by) == (ActorKind.TENANT, stay.tenant.person.person_id)
    assert stay.actions()[:1] == [Action.LEASE_CHANGED]
    assert stay.office.mailbox.subjects[0] == "Votre départ est enregistré"
    assert "mardi 20 octobre 2026" in stay.office.mailbox.sent[0]["Content"]["Simple"]["Body"]["Text"]["Data"]


def test_a_month_that_is_billed_whole_is_shown_with_what_comes_back(stay: Stay) -> None:
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.bill(datetime(2026, 10, 1, 8, tzinfo=UTC))
    stay.office.pay(stay.tenant, 90_000)
    stay.decide(
        Leaving(leaves_on=date(2026, 10, 20), given_on=date(2026, 9, 20), reason=DepartureReason.AGREEMENT)
    )

    assert stay.balance == OWED - 90_000
    assert stay.standing()["2026-10"] == (2, OWED - 45_000)


def test_a_month_that_is_about_to_be_billed_is_shown_once(stay: Stay) -> None:
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.take(45_000)
    stay.clock.now = datetime(2026, 10, 1, 5, tzinfo=UTC)

    before = stay.departures.preview(stay.session, date(2026, 11, 10))
    stay.bill(stay.clock.now)
    after = stay.departures.preview(stay.session, date(2026, 11, 10))

    november = share_of_month(45_000, date(2026, 11, 1), date(2026, 11, 10))
    assert (before.left_to_pay_cents, before.corrected_cents) == (45_000 + november, 0)
    assert (after.left_to_pay_cents, after.corrected_cents) == (45_000 + november, 0)


def test_months_that_an_outage_left_unbilled_are_shown_too(stay: Stay) -> None:
    stay.clock.now = datetime(2026, 11, 20, 8, tzinfo=UTC)
    unbilled = stay.departures.preview(stay.session, date(2026, 12, 31))
    assert unbilled.left_to_pay_cents == 4 * 45_000
    assert [one.period for one in unbilled.months] == ["2026-09", "2026-10", "2026-11", "2026-12"]

    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.clock.now = datetime(2026, 11, 20, 8, tzinfo=UTC)
    shown = stay.departures.preview(stay.session, date(2026, 12, 31))
    assert (shown.left_to_pay_cents, shown.corrected_cents) == (4 * 45_000, 0)
    stay.bill(stay.clock.now)
    assert stay.departures.preview(stay.session, date(2026, 12, 31)).left_to_pay_cents == 4 * 45_000


def test_a_first_bill_that_comes_with_notice_is_no_correction(stay: Stay) -> None:
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.clock.now = datetime(2026, 10, 1, 5, tzinfo=UTC)
    shown = stay.departures.preview(stay.session, date(2026, 11, 10))

    given = stay.departures.give(stay.session, shown.leaves_on, shown.shown, network=NETWORK)
    stay.tell()
    stay.bill(datetime(2026, 11, 1, 8, tzinfo=UTC))

    assert (given.corrected, given.difference_cents) == ((), 0)
    assert "rectifiés" not in stay.office.mailbox.text
    assert stay.balance == shown.left_to_pay_cents


def test_nobody_confirms_what_they_were_not_shown(stay: Stay) -> None:
    stay.clock.now = datetime(2026, 9, 20, 8, tzinfo=UTC)
    shown = stay.departures.preview(stay.session, date(2026, 11, 5))

    with pytest.raises(ShownOtherwise):
        stay.departures.give(stay.session, date(2026, 11, 6), shown.shown, network=NETWORK)
    stay.decide(RentAmendment(starts_on=date(2026, 11, 1), rent_cents=41_000))
    with pytest.raises(ShownOtherwise):
        stay.departures.give(stay.session, date(2026, 11, 5), shown.shown, network=NETWORK)

    again = stay.departures.preview(stay.session, date(2026, 11, 5))
    first = stay.departures.give(stay.session, again.leaves_on, again.shown, network=NETWORK)
    before = stay.everything()
    stay.clock.advance(timedelta(days=3))
    assert stay.departures.give(stay.session, again.leaves_on, again.shown, network=NETWORK) == first
    assert stay.everything() == before


def test_notice_is_of_a_full_month_and_once_given_is_for_staff_to_change(stay: Stay) -> None:
    stay.clock.now = datetime(2027, 1, 31, 8, tzinfo=UTC)

    with pytest.raises(ChangeRefused) as short:
        stay.departures.preview(stay.session, date(2027, 2, 27))
    assert short.value.errors == [{"reason": "notice_too_short", "about": "2027-02-28"}]
    assert leave(stay) == date(2027, 2, 28)
    with pytest.raises(ChangeRefused) as given:
        stay.departures.preview(stay.session, None)
    assert given.value.errors == [{"reason": "notice_was_given"}]
    stay.clock.now = datetime(2027, 3, 1, 8, tzinfo=UTC)
    with pytest.raises(ChangeRefused) as over:
        stay.departures.preview(stay.session, None)
    assert over.value.errors == [{"reason": "stay_over"}]


def test_a_residences_own_length_of_notice_moves_the_first_day_and_the_last_rent(stay: Stay) -> None:
    residence = stay.terms.people.residence(stay.lease.residence_id)
    assert residence is not None
    stay.aws.identity.put(residence_item(replace(residence, notice_months=2)))
    stay.clock.now = datetime(2027, 1, 31, 8, tzinfo=UTC)

    shown = stay.departures.preview(stay.session, None)
    with pytest.raises(ChangeRefused) as short:
        stay.departures.preview(stay.session, date(2027, 3, 30))

    assert (shown.notice_months, shown.earliest_on, shown.leaves_on) == (
        2,
        date(2027, 3, 31),
        date(2027, 3, 31),
    )
    assert [(one.period, one.days) for one in shown.months][-1] == ("2027-03", 31)
    assert short.value.errors == [{"reason": "notice_too_short", "about": "2027-03-31"}]
    assert leave(stay) == date(2027, 3, 31)


def test_who_says_it_in_the_last_month_leaves_on_the_last_day_anyway(stay: Stay) -> None:
    stay.clock.now = datetime(2027, 8, 15, 8, tzinfo=UTC)

    assert leave(stay) == date(2027, 8, 31)


# --- The final account


def test_the_deposit_pays_what_is_owed_and_the_rest_is_credit_to_be_asked_back(stay: Stay) -> None:
    departed(stay, paid=OWED - 10_000)
    assert hinders(stay) == (Hindrance.DEPOSIT_HELD, Hindrance.OWED)

    draw_up(stay, PAINT)
    draw_up(stay, PAINT)

    final = stay.accounts.of(AT_DESK, stay.lease_id)
    assert [(one.kind, one.amount_cents) for one in final.deductions] == [
        (DeductionKind.DAMAGE, 8_000),
        (DeductionKind.ARREARS, 10_000),
    ]
    assert (final.balance_cents, final.credit_cents, final.deposit_held_cents) == (-22_000, 22_000, 0)
    assert final.hinders == (Hindrance.CREDIT_LEFT,)
    assert final.settle_by == date(2026, 12, 20)
    assert stay.actions().count(Action.FINAL_ACCOUNT_DRAWN) == 1
    with pytest.raises(KeyReused):
        draw_up(stay)
    with pytest.raises(NotSettled) as left:
        close(stay)
    assert left.value.errors == [{"reason": "credit_left"}]


def test_a_stay_that_is_settled_to_the_cent_is_closed_with_its_certificate(stay: Stay) -> None:
    departed(stay, paid=OWED - 32_000)
    draw_up(stay, PAINT)
    assert hinders(stay) == ()

    close(stay)
    close(stay)

    assert stay.lease.status is LeaseStatus.CLOSED
    assert stay.desk.seen(MANAGER, stay.lease_id).stage is Stage.CLOSED
    [paper] = [one for one in stay.papers() if one.kind is Kind.END_OF_STAY_CERTIFICATE]
    assert paper.facts["account"]["balance_cents"] == 0
    assert paper.facts["lease"]["ends_on"] == "2026-10-20"
    assert paper.tells_tenant
    with pytest.raises(ChangeRefused):
        stay.decide(RentAmendment(starts_on=date(2026, 9, 1), rent_cents=1), key="late")


def test_the_certificate_of_a_closed_stay_is_the_one_that_its_tenant_asks_for_and_can_become_void(
    stay: Stay,
) -> None:
    departed(stay, paid=OWED - 32_000)
    draw_up(stay, PAINT)
    close(stay)
    [paper] = stay.documents.in_force(stay.lease_id, {Kind.END_OF_STAY_CERTIFICATE})

    asked = stay.certificate(Kind.END_OF_STAY_CERTIFICATE)

    assert asked.document_id == paper.document_id


def test_a_tenant_who_asked_for_it_before_has_no_second_one_made_at_closing(stay: Stay) -> None:
    departed(stay, paid=OWED - 32_000)
    draw_up(stay, PAINT)
    asked = stay.certificate(Kind.END_OF_STAY_CERTIFICATE)

    close(stay)

    assert [one.document_id for one in stay.papers() if one.kind is asked.kind] == [asked.document_id]


def test_what_waited_for_a_notice_that_never_comes_is_settled_too(stay: Stay) -> None:
    notices = NoticeDesk(
        leases=stay.desk.leases,
        books=stay.office.books,
        audit=stay.audit,
        deeds=stay.desk.deeds,
        clock=stay.clock,
        retries=QUICK,
    )
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    cold = AdjustmentOrder(amount_cents=-60_000, reason=AdjustmentReason.GOODWILL, label="Sans chauffage")
    notices.adjust(MANAGER, stay.lease_id, cold, key="a1", network=NETWORK)
    departed(stay, paid=45_000)
    assert hinders(stay) == (
        Hindrance.ADJUSTMENTS_WAIT,
        Hindrance.DEPOSIT_HELD,
    )

    draw_up(stay)

    final = stay.accounts.of(MANAGER, stay.lease_id)
    assert final.account.adjustments == ()
    assert stay.balance == OWED - 45_000 - 60_000 - 40_000
    assert (final.deductions, final.hinders) == ((), (Hindrance.CREDIT_LEFT,))


def test_a_final_account_comes_after_the_stay_and_keeps_no_more_than_is_held(stay: Stay) -> None:
    stay.bill(datetime(2026, 9, 1, 8, tzinfo=UTC))
    stay.pay_deposit()
    with pytest.raises(StayGoesOn):
        draw_up(stay, PAINT)

    stay.clock.now = datetime(2026, 9, 20, 8, tzinfo=UTC)
    leave(stay)
    stay.clock.now = datetime(2026, 10, 21, 8, tzinfo=UTC)
    with pytest.raises(StayGoesOn):
        draw_up(stay, PAINT)  # October has no notice yet

    stay.bill(datetime(2026, 10, 21, 8, tzinfo=UTC))
    with pytest.raises(DeductionsTooHigh):
        draw_up(stay, replace(PAINT, amount_cents=40_001))
    with pytest.raises(Invalid):
        draw_up(stay, replace(PAINT, kind=DeductionKind.ARREARS))
    with pytest.raises(Forbidden):
        stay.accounts.draw_up(AT_DESK, stay.lease_id, (), key="k", network=NETWORK)


def test_a_final_account_that_was_wrong_is_taken_back_whole(stay: Stay) -> None:
    departed(stay, paid=OWED)
    draw_up(stay, PAINT)
    assert stay.balance == -32_000
    deposits = DepositDesk(
        money=stay.aws.money,
        leases=stay.desk.leases,
        bookkeeping=stay.office.books,
        receipts=PaymentReceipts(stay.documents),
        audit=stay.audit,
        deeds=stay.desk.deeds,
        clock=stay.clock,
        retries=QUICK,
    )
    [given] = stay.accounts.of(MANAGER, stay.lease_id).returns

    deposits.reverse(MANAGER, stay.lease_id, given.return_id, ReversalReason.TYPING_ERROR, network=NETWORK)
    draw_up(stay, key="f2")

    assert stay.balance == -40_000
    assert stay.accounts.of(MANAGER, stay.lease_id).deductions == ()


def test_a_refund_that_is_under_way_keeps_a_lease_open(stay: Stay) -> None:
    departed(stay, paid=OWED - 40_000)
    draw_up(stay)
    now = stay.clock()
    refund = Refund(
        refund_id="r1",
        lease_id=stay.lease_id,
        residence_id=stay.lease.residence_id,
        person_id=stay.tenant.person.person_id,
        amount_cents=1,
        requested_at=now,
        not_before=now,
    )
    transact(stay.aws.dynamodb, Refunds(stay.aws.money).opening(refund))

    with pytest.raises(NotSettled):
        close(stay)
    assert stay.lease.status is LeaseStatus.ADMITTED


def test_the_deposit_of_a_lease_that_was_cancelled_comes_back_through_its_account(stay: Stay) -> None:
    stay.pay_deposit()
    stay.decide(Cancellation())

    draw_up(stay)

    assert stay.balance == -40_000
