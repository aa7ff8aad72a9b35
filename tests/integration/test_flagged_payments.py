"""What differs from what was asked reaches the staff: counted once, and listed by residence."""

from dataclasses import replace
from typing import Any

import pytest

from sesame.domain.payments import Flag, PaymentState
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.platform.errors import Forbidden, NotFound
from sesame.services.desk_leases import DeskLeases
from sesame.services.flagged_payments import FlaggedPayment, FlaggedPayments
from sesame.services.online_payments import OnlinePayments
from sesame.services.payments import History
from sesame.services.staff import Role, Staff
from sesame.store.payments import Payments
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE
from tests.integration.test_payments import MINUTE, House

ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)


@pytest.fixture
def house(aws: Any, clock: FrozenClock) -> House:
    built = House(aws, clock)
    built.bill("2026-09")
    return built


def flagged(house: House, *, after: str | None = None) -> list[FlaggedPayment]:
    """What an accountant is shown of the residence."""
    service = FlaggedPayments(Payments(house.aws.money))
    return list(service.of(ACCOUNTANT, RESIDENCE.residence_id, after=after).payments)


def counted(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The counters of flags that moved since this was last asked."""
    flags = ["AmountDiffers", "CurrencyDiffers", "Disputed", "MoreReturned", "RefundCameHome", "Overpaid"]
    names = [f"Payment{flag}" for flag in flags]
    out = capsys.readouterr().out
    return [name for name in names for _ in range(out.count(f'"{name}": 1'))]


def test_dollars_are_told_to_the_staff_once_though_nothing_is_posted(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = house.checkout().payment_id

    house.hear(house.message(payment, currency="USD"))
    house.post("msg-payment-settled")

    [shown] = flagged(house)
    assert (shown.payment.payment_id, shown.outcome.flags) == (payment, frozenset({Flag.CURRENCY_DIFFERS}))
    assert shown.outcome.state is PaymentState.CREATED
    assert house.balance == 45_000
    assert counted(capsys) == ["PaymentCurrencyDiffers"]


def test_another_amount_is_flagged_and_a_second_flag_counted_by_itself(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = house.checkout().payment_id
    house.hear(house.message(payment, cents=44_000))
    assert counted(capsys) == ["PaymentAmountDiffers"]

    later = house.clock.now + MINUTE
    house.hear(house.message(payment, "payment.refunded", cents=50_000, at=later))

    assert counted(capsys) == ["PaymentMoreReturned"]
    [shown] = flagged(house)
    assert shown.outcome.flags == {Flag.AMOUNT_DIFFERS, Flag.MORE_RETURNED}


def test_who_pays_twice_has_the_second_payment_flagged_until_it_is_given_back(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = house.checkout(key="k1").payment_id, house.checkout(key="k2").payment_id

    house.hear(house.message(first, event="one"))
    assert flagged(house) == []
    house.clock.advance(MINUTE)
    house.hear(house.message(second, event="two"))

    [shown] = flagged(house)
    assert (shown.payment.payment_id, shown.outcome.flags) == (second, frozenset({Flag.OVERPAID}))
    assert shown.payment.overpaid_cents == 45_000
    assert counted(capsys) == ["PaymentOverpaid"]

    house.clock.advance(MINUTE)
    house.hear(house.message(second, "payment.refunded", event="back"))

    assert flagged(house) == []


def test_a_debit_that_is_returned_and_presented_again_is_weighed_anew(house: House) -> None:
    first, second = house.checkout(key="k1").payment_id, house.checkout(key="k2").payment_id
    for number, (payment, kind) in enumerate(
        [
            (first, "payment.settled"),
            (second, "payment.settled"),
            (second, "payment.retrying"),
            (first, "payment.returned"),
            (second, "payment.settled"),
        ]
    ):
        house.clock.advance(MINUTE)
        house.hear(house.message(payment, kind, event=f"e{number}"))

    assert house.balance == 0
    assert flagged(house) == []


def test_a_payment_that_is_as_it_was_asked_is_not_listed(house: House) -> None:
    house.hear(house.message(house.checkout().payment_id))

    assert flagged(house) == []


def test_the_newest_come_first_a_page_at_a_time(house: House) -> None:
    made = []
    for number in range(3):
        house.clock.advance(MINUTE)
        made.append(house.checkout(1_000, key=f"k{number}").payment_id)
        house.hear(house.message(made[-1], cents=999, event=f"e{number}"))

    service = FlaggedPayments(Payments(house.aws.money))
    first = service.of(ACCOUNTANT, RESIDENCE.residence_id, limit=2)
    rest = service.of(ACCOUNTANT, RESIDENCE.residence_id, after=first.next, limit=2)

    assert [one.payment.payment_id for one in first.payments] == [made[2], made[1]]
    assert [one.payment.payment_id for one in rest.payments] == [made[0]]
    assert rest.next is None


def test_only_those_who_look_after_the_residence_are_shown_them(house: House) -> None:
    service = FlaggedPayments(Payments(house.aws.money))
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"another"})))
    payment = house.checkout().payment_id
    house.hear(house.message(payment, cents=44_000))

    with pytest.raises(NotFound):
        service.of(elsewhere, RESIDENCE.residence_id)
    with pytest.raises(NotFound):
        service.of(ACCOUNTANT, "another", after=payment)
    with pytest.raises(Forbidden):
        service.of(replace(ACCOUNTANT, groups=frozenset({Role.DESK})), RESIDENCE.residence_id)


def test_the_desk_sees_what_a_tenant_paid_online_and_what_never_came(house: House) -> None:
    service = OnlinePayments(
        DeskLeases(house.aws.identity), History(Payments(house.aws.money), house.bookkeeping)
    )
    at_desk = replace(ACCOUNTANT, groups=frozenset({Role.DESK}))
    given_up = house.checkout().payment_id
    house.clock.advance(MINUTE)
    paid = house.checkout(key="k2").payment_id
    house.hear(house.message(paid))
    house.post("msg-payment-settled")

    shown = service.of_lease(at_desk, house.lease.lease_id).payments

    assert [(one.payment.payment_id, one.outcome.state) for one in shown] == [
        (paid, PaymentState.PAID),
        (given_up, PaymentState.CREATED),
    ]
    assert dict(shown[0].paid_to) == {"2026-09": 45_000}
    elsewhere = replace(at_desk, scope=Scope(residence_ids=frozenset({"another"})))
    with pytest.raises(NotFound):
        service.of_lease(elsewhere, house.lease.lease_id)
