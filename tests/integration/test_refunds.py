"""Refunds that tenants ask for: of credit only, decided by an accountant, given once."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.journal import Entry, EntryKind
from sesame.domain.refunds import Refund, RefundState, RefusalReason, masked_iban, read_iban
from sesame.domain.scope import EVERYWHERE, NOWHERE
from sesame.platform.errors import Forbidden, Invalid, NotFound, Unavailable
from sesame.platform.ids import new_id
from sesame.providers.base import Credentials, ProviderRefused, ProviderUnavailable
from sesame.services.confirming import Confirming, WrongOneTimeCode
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from sesame.services.refunds import (
    NotThatMuchCredit,
    OnlyToAnAccount,
    PaymentsHoldTooLittle,
    ProviderRefusedRefund,
    RefundDecided,
    RefundDesk,
    RefundRequests,
    RefundUnderWay,
    RefundWaits,
    ToAccount,
    Wish,
)
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.services.step_up import Purpose, StepUp
from sesame.store import keys
from sesame.store.audit import Action
from sesame.store.challenges import Challenges
from sesame.store.pacing import Pacing
from tests.conftest import FrozenClock
from tests.integration.test_payment_links import SOMEWHERE, Family

ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)
IBAN = "FR7630006000011234567890189"
DAY = timedelta(days=1)


class Treasury(Family):
    """A tenant with 100 euros of credit, and who gives it back."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        self.given: dict[str, tuple[str, int]] = {}
        self.sandbox.refund = self.give  # type: ignore[method-assign, assignment]
        self.step_up = StepUp(
            Confirming(Challenges(aws.identity), Pacing(aws.identity), self.audit, aws.pepper, token_bytes),
            clock,
            token_bytes,
        )
        self.requests = RefundRequests(
            money=aws.money,
            audit=self.audit,
            bookkeeping=self.bookkeeping,
            step_up=self.step_up,
            clock=clock,
            random=token_bytes,
        )
        self.desk = RefundDesk(
            money=aws.money,
            leases=DeskLeases(aws.identity),
            audit=self.audit,
            deeds=Deeds(pepper=aws.pepper, clock=clock, random=token_bytes),
            bookkeeping=self.bookkeeping,
            registry=self.registry,
            clock=clock,
            retries=Retries(pause=lambda _: None),
        )
        self.settle(self.checkout(45_000, key="rent").payment_id, 45_000)
        self.paid = self.over(10_000)

    def give(self, reference: str, cents: int, refund_id: str, _: Credentials) -> None:
        self.given.setdefault(refund_id, (reference, cents))

    def over(self, cents: int) -> str:
        """Owes one euro and pays that and so much more: the provider says what was really paid."""
        self.clock.advance(timedelta(minutes=1))
        self.bill("2027-01", 100)
        payment_id = self.checkout(100, key=new_id()).payment_id
        self.settle(payment_id, cents + 100)
        return payment_id

    def cash(self, cents: int) -> None:
        """So much at the desk."""
        entry = Entry(
            entry_id="desk:1",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=self.clock.now,
            source="desk:1",
        )
        self.bookkeeping.post(self.lease.lease_id, self.lease.residence_id, entry)

    def ask(self, cents: int | None = None, **more: Any) -> Refund:
        wish = Wish(amount_cents=cents, **more)
        return self.requests.ask(self.session(), wish, None, source=SOMEWHERE)

    def ask_to_account(self, cents: int | None = None) -> Refund:
        started = self.step_up.start(self.session(), Purpose.REFUND, source=SOMEWHERE)
        codes = OneTimeCodes(
            Challenges(self.aws.identity), Pacing(self.aws.identity), self.aws.pepper, self.clock, token_bytes
        )
        prepared = codes.prepare(started.challenge_id, new_id())
        assert isinstance(prepared, OneTimeCode)
        to = ToAccount(
            iban=IBAN, holder="T. H. Nguyen", confirmation_id=started.challenge_id, otp=prepared.shown
        )
        return self.requests.ask(self.session(), Wish(amount_cents=cents), to, source=SOMEWHERE)

    def approve(self, refund: Refund, *, by: Staff = ACCOUNTANT, transfer: str | None = None) -> Refund:
        return self.desk.approve(
            by, self.lease.lease_id, refund.refund_id, transfer_reference=transfer, network=SOMEWHERE
        )

    def refuse(self, refund: Refund, reason: RefusalReason = RefusalReason.OWED_SOON) -> Refund:
        return self.desk.refuse(ACCOUNTANT, self.lease.lease_id, refund.refund_id, reason, network=SOMEWHERE)

    def state(self, refund: Refund) -> RefundState:  # type: ignore[override]
        [found] = [
            one for one in self.requests.of_lease(self.lease.lease_id) if one.refund_id == refund.refund_id
        ]
        return found.state

    @property
    def credit(self) -> int:
        statement = self.bookkeeping.statement(self.lease.lease_id)
        assert self.balance == -statement.credit_cents
        return statement.credit_cents


@pytest.fixture
def treasury(aws: Any, clock: FrozenClock) -> Treasury:
    """All is paid, and 100 euros more."""
    return Treasury(aws, clock)


def test_credit_goes_back_the_way_it_came_and_is_done_when_the_provider_says_so(treasury: Treasury) -> None:
    refund = treasury.ask()
    assert (refund.amount_cents, refund.state) == (10_000, RefundState.REQUESTED)

    assert treasury.approve(refund).state is RefundState.SENT
    assert treasury.given == {f"{refund.refund_id}-0": (f"co_{treasury.paid}", 10_000)}
    assert treasury.credit == 10_000
    treasury.settle(treasury.paid, 10_000, "payment.refunded")

    assert treasury.state(refund) is RefundState.DONE
    assert treasury.credit == 0


def test_approving_twice_gives_it_once(treasury: Treasury) -> None:
    refund = treasury.ask(4_000)

    assert treasury.approve(refund) == treasury.approve(refund)
    assert len(treasury.given) == 1


def test_a_refund_is_never_more_than_the_credit(treasury: Treasury) -> None:
    for cents in (0, -1, 10_001):
        with pytest.raises(NotThatMuchCredit):
            treasury.ask(cents)

    refund = treasury.ask()
    treasury.clock.advance(DAY)
    treasury.bill("2026-10", 500)
    with pytest.raises(NotThatMuchCredit):
        treasury.approve(refund)
    assert treasury.given == {}
    assert treasury.credit == 9_500


def test_one_request_at_a_time_so_that_no_two_count_on_the_same_credit(treasury: Treasury) -> None:
    refund = treasury.ask(6_000)
    with pytest.raises(RefundUnderWay):
        treasury.ask(6_000)

    treasury.approve(refund)
    with pytest.raises(RefundUnderWay):
        treasury.ask(4_000)
    treasury.settle(treasury.paid, 6_000, "payment.refunded")

    assert treasury.ask(4_000).amount_cents == 4_000


def test_a_notice_issued_while_a_refund_is_decided_is_seen(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund, overview = treasury.ask(), treasury.bookkeeping.overview
    treasury.clock.advance(DAY)

    def overview_then_bill(_: Any, lease_id: str) -> Any:
        monkeypatch.undo()
        found = overview(lease_id)
        treasury.bill("2026-10", 500)
        return found

    monkeypatch.setattr(type(treasury.bookkeeping), "overview", overview_then_bill)

    with pytest.raises(NotThatMuchCredit):
        treasury.approve(refund)
    assert treasury.given == {}


def in_two(treasury: Treasury) -> tuple[str, str]:
    """The credit is used up, and two payments are 50 and 40 euros too much: the older, the newer."""
    treasury.clock.advance(DAY)
    treasury.bill("2026-10", 10_100)
    older = treasury.checkout(100, key="older").payment_id
    treasury.clock.advance(timedelta(minutes=1))
    newer = treasury.checkout(100, key="newer").payment_id
    treasury.settle(older, 5_100)
    treasury.settle(newer, 4_000)
    return older, newer


def test_credit_of_several_payments_goes_back_through_each_the_newest_first(treasury: Treasury) -> None:
    older, newer = in_two(treasury)

    refund = treasury.ask()
    treasury.approve(refund)

    assert [(part.payment_id, part.amount_cents) for part in refund.parts] == [(newer, 4_000), (older, 5_000)]
    assert sorted(treasury.given.values()) == sorted([(f"co_{newer}", 4_000), (f"co_{older}", 5_000)])


def test_a_named_payment_gives_no_more_than_it_holds(treasury: Treasury) -> None:
    refund = treasury.ask(10_000, payment_id=treasury.paid)

    assert [part.payment_id for part in refund.parts] == [treasury.paid]
    with pytest.raises(NotFound):
        treasury.requests.ask(
            treasury.session(), Wish(amount_cents=1, payment_id="0" * 26), None, source=SOMEWHERE
        )


def test_a_provider_that_does_not_answer_is_asked_again_and_gives_once(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = treasury.ask()

    def silent(*asked: Any) -> None:
        treasury.give(*asked)
        raise ProviderUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(treasury.sandbox, "refund", silent)
        with pytest.raises(Unavailable):
            treasury.approve(refund)
    assert treasury.state(refund) is RefundState.APPROVED
    [waiting] = treasury.desk.open_in(ACCOUNTANT, treasury.lease.residence_id)
    assert waiting.refund_id == refund.refund_id

    assert treasury.approve(refund).state is RefundState.SENT
    assert len(treasury.given) == 1


def unanswered(treasury: Treasury, refund: Refund, *, given: bool) -> None:
    """An approval that the provider does not answer, whether or not it did as it was asked."""

    def silent(*asked: Any) -> None:
        if given:
            treasury.give(*asked)
        raise ProviderUnavailable

    treasury.sandbox.refund = silent  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        treasury.approve(refund)
    treasury.sandbox.refund = treasury.give  # type: ignore[method-assign, assignment]
    assert treasury.state(refund) is RefundState.APPROVED


def test_what_the_provider_says_is_given_is_not_asked_for_again_though_it_did_not_answer(
    treasury: Treasury,
) -> None:
    refund = treasury.ask()
    unanswered(treasury, refund, given=True)
    treasury.settle(treasury.paid, 10_000, "payment.refunded")
    treasury.given.clear()

    assert treasury.approve(refund).state is RefundState.DONE
    assert treasury.given == {}
    assert treasury.credit == 0


def test_the_next_look_finds_it_done_though_the_provider_did_not_answer(treasury: Treasury) -> None:
    refund = treasury.ask()
    unanswered(treasury, refund, given=True)
    treasury.settle(treasury.paid, 10_000, "payment.refunded")

    assert treasury.state(refund) is RefundState.DONE
    assert treasury.desk.open_in(ACCOUNTANT, treasury.lease.residence_id) == []


def test_a_second_approval_looks_at_the_credit_again(treasury: Treasury) -> None:
    refund = treasury.ask()
    unanswered(treasury, refund, given=False)
    treasury.clock.advance(DAY)
    treasury.bill("2026-10", 500)

    with pytest.raises(NotThatMuchCredit):
        treasury.approve(refund)
    assert treasury.given == {}
    assert treasury.refuse(refund, RefusalReason.NOT_GIVEN).state is RefundState.FAILED
    assert treasury.ask().amount_cents == 9_500


def test_of_several_parts_a_second_approval_asks_for_those_that_are_not_told(treasury: Treasury) -> None:
    older, newer = in_two(treasury)
    refund = treasury.ask()
    unanswered(treasury, refund, given=False)
    treasury.settle(newer, 4_000, "payment.refunded")

    assert treasury.approve(refund).state is RefundState.SENT
    assert list(treasury.given.values()) == [(f"co_{older}", 5_000)]


def test_a_provider_that_says_no_ends_the_request_and_another_can_be_made(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    refund = treasury.ask()

    def refusing(*_: Any) -> None:
        raise ProviderRefused

    monkeypatch.setattr(treasury.sandbox, "refund", refusing)
    with pytest.raises(ProviderRefusedRefund) as refused:
        treasury.approve(refund)

    assert refused.value.status == HTTPStatus.BAD_GATEWAY
    assert refused.value.errors == [{"given_cents": 0}]
    assert treasury.state(refund) is RefundState.FAILED
    with pytest.raises(RefundDecided):
        treasury.approve(refund)
    assert treasury.ask_to_account().state is RefundState.REQUESTED


def test_what_was_given_before_a_provider_said_no_stays_a_refund_and_the_rest_can_be_asked_for(
    treasury: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = in_two(treasury)
    refund = treasury.ask()

    def refusing_the_older(reference: str, *asked: Any) -> None:
        if reference == f"co_{older}":
            raise ProviderRefused
        treasury.give(reference, *asked)

    monkeypatch.setattr(treasury.sandbox, "refund", refusing_the_older)
    with pytest.raises(ProviderRefusedRefund) as refused:
        treasury.approve(refund)

    assert refused.value.errors == [{"given_cents": 4_000}]
    assert list(treasury.given) == [f"{refund.refund_id}-0"]
    assert treasury.approve(refund).state is RefundState.SENT
    with pytest.raises(RefundUnderWay):
        treasury.ask(5_000, payment_id=older)
    treasury.settle(newer, 4_000, "payment.refunded")
    [done] = treasury.requests.of_lease(treasury.lease.lease_id)
    assert (done.state, done.amount_cents) == (RefundState.DONE, 4_000)
    assert treasury.ask_to_account().amount_cents == treasury.credit == 5_000


def test_payments_that_no_longer_hold_enough_say_so_and_the_request_waits_to_be_refused(
    treasury: Treasury,
) -> None:
    refund = treasury.ask()
    treasury.clock.advance(DAY)
    treasury.bill("2026-10", 500)
    treasury.clock.advance(timedelta(minutes=1))
    treasury.cash(80_000)

    with pytest.raises(PaymentsHoldTooLittle) as problem:
        treasury.approve(refund)

    assert problem.value.slug != RefundDecided.slug
    assert "IBAN" in problem.value.detail["fr"]
    assert treasury.given == {}
    assert treasury.refuse(refund, RefusalReason.NO_CREDIT).state is RefundState.REFUSED
    assert treasury.ask_to_account().amount_cents == 89_500


def test_a_refusal_says_why_and_ends_it(treasury: Treasury) -> None:
    refund = treasury.ask()

    refused = treasury.refuse(refund)

    assert (refused.state, refused.refused_because) == (RefundState.REFUSED, RefusalReason.OWED_SOON)
    assert treasury.refuse(refund) == refused
    with pytest.raises(RefundDecided):
        treasury.approve(refund)
    with pytest.raises(RefundDecided):
        treasury.refuse(refund, RefusalReason.NO_CREDIT)
    assert treasury.ask().state is RefundState.REQUESTED


def test_what_a_provider_could_not_give_after_all_is_ended_by_an_accountant(treasury: Treasury) -> None:
    refund = treasury.ask()
    with pytest.raises(RefundDecided):
        treasury.refuse(refund, RefusalReason.NOT_GIVEN)
    treasury.approve(refund)

    assert treasury.refuse(refund, RefusalReason.NOT_GIVEN).state is RefundState.FAILED
    assert treasury.ask_to_account().amount_cents == 10_000


def comes_home(treasury: Treasury, payment_id: str, cents: int, name: str) -> None:
    """Days later the provider says that money given back could not be delivered."""
    treasury.clock.advance(timedelta(days=3))
    kind = "payment.refund_failed"
    treasury.hear(treasury.message(payment_id, kind, event=f"{payment_id}-{name}", cents=cents, part=name))


def given(treasury: Treasury, cents: int | None, total: int) -> Refund:
    """A refund of the newest payment that is done."""
    refund = treasury.ask(cents)
    treasury.approve(refund)
    treasury.clock.advance(timedelta(seconds=1))
    message = treasury.message(
        treasury.paid, "payment.refunded", event=f"{refund.refund_id}-given", cents=total
    )
    treasury.hear(message)
    assert treasury.state(refund) is RefundState.DONE
    return refund


def test_a_refund_that_comes_home_days_later_has_failed_and_rings(
    treasury: Treasury, capsys: pytest.CaptureFixture[str]
) -> None:
    refund = given(treasury, None, 10_000)

    comes_home(treasury, treasury.paid, 10_000, "re_1")

    assert treasury.state(refund) is RefundState.FAILED
    assert '"PaymentRefundCameHome": 1' in capsys.readouterr().out
    assert treasury.ask_to_account().amount_cents == treasury.credit == 10_000


def test_one_that_comes_home_before_anybody_looked_has_failed_too(treasury: Treasury) -> None:
    refund = treasury.ask()
    treasury.approve(refund)
    treasury.settle(treasury.paid, 10_000, "payment.refunded")
    comes_home(treasury, treasury.paid, 10_000, "re_1")

    assert treasury.state(refund) is RefundState.FAILED
    again = given(treasury, None, 10_000)
    assert (treasury.state(refund), treasury.state(again)) == (RefundState.FAILED, RefundState.DONE)


def test_of_two_refunds_of_one_payment_the_one_that_came_home_has_failed(treasury: Treasury) -> None:
    first = given(treasury, 6_000, 6_000)
    second = given(treasury, 4_000, 10_000)

    comes_home(treasury, treasury.paid, 6_000, "re_1")
    third = given(treasury, 5_000, 9_000)

    states = [treasury.state(one) for one in (first, second, third)]
    assert states == [RefundState.FAILED, RefundState.DONE, RefundState.DONE]
    assert treasury.credit == 1_000


def test_where_one_part_came_home_the_refund_is_of_the_others(treasury: Treasury) -> None:
    older, newer = in_two(treasury)
    refund = treasury.ask()
    treasury.approve(refund)
    treasury.settle(newer, 4_000, "payment.refunded")
    treasury.settle(older, 5_000, "payment.refunded")
    assert treasury.state(refund) is RefundState.DONE

    comes_home(treasury, newer, 4_000, "re_1")

    [seen] = treasury.requests.of_lease(treasury.lease.lease_id)
    assert (seen.state, seen.amount_cents) == (RefundState.DONE, 5_000)
    assert treasury.ask().amount_cents == 4_000


def test_a_tenant_takes_a_request_back_until_it_is_decided(treasury: Treasury) -> None:
    first = treasury.ask()
    treasury.requests.cancel(treasury.session(), first.refund_id, source=SOMEWHERE)
    second = treasury.ask()
    treasury.approve(second)

    assert treasury.state(first) is RefundState.CANCELLED
    with pytest.raises(RefundDecided):
        treasury.approve(first)
    for refund in (first, second):
        with pytest.raises(RefundDecided):
            treasury.requests.cancel(treasury.session(), refund.refund_id, source=SOMEWHERE)
    with pytest.raises(NotFound):
        treasury.requests.cancel(treasury.session(), "0" * 26, source=SOMEWHERE)


# ---------------------------------------------------------------- to another account


def test_to_another_account_it_waits_a_day_and_every_contact_is_told(treasury: Treasury) -> None:
    refund = treasury.ask_to_account()
    item = treasury.aws.money.get(keys.refund(refund.lease_id, refund.refund_id))

    assert item["announce"]["type"] == "refund.asked"
    assert IBAN not in str(item["announce"])
    with pytest.raises(RefundWaits):
        treasury.approve(refund, transfer="VIR-1")
    treasury.clock.advance(DAY)
    done = treasury.approve(refund, transfer="VIR-1")

    assert (done.state, done.transfer_reference) == (RefundState.DONE, "VIR-1")
    assert treasury.given == {}
    assert treasury.credit == 0
    assert treasury.approve(refund, transfer="VIR-1") == done


def test_a_transfer_uses_up_credit_and_unpays_nothing(treasury: Treasury) -> None:
    before = treasury.bookkeeping.statement(treasury.lease.lease_id)
    refund = treasury.ask_to_account(4_000)
    treasury.clock.advance(DAY)
    treasury.approve(refund, transfer="VIR-1")
    after = treasury.bookkeeping.statement(treasury.lease.lease_id)

    assert [one.standing.paid_cents for one in after.notices] == [
        one.standing.paid_cents for one in before.notices
    ]
    assert treasury.credit == 6_000


def test_to_another_account_it_takes_a_fresh_one_time_code(treasury: Treasury) -> None:
    started = treasury.step_up.start(treasury.session(), Purpose.REFUND, source=SOMEWHERE)
    to = ToAccount(iban=IBAN, holder="X", confirmation_id=started.challenge_id, otp="00000000")

    with pytest.raises(WrongOneTimeCode):
        treasury.requests.ask(treasury.session(), Wish(), to, source=SOMEWHERE)
    assert treasury.requests.of_lease(treasury.lease.lease_id) == []


def test_a_code_for_something_else_confirms_no_refund(treasury: Treasury) -> None:
    started = treasury.step_up.start(treasury.session(), Purpose.ERASURE, source=SOMEWHERE)
    codes = OneTimeCodes(
        Challenges(treasury.aws.identity),
        Pacing(treasury.aws.identity),
        treasury.aws.pepper,
        treasury.clock,
        token_bytes,
    )
    prepared = codes.prepare(started.challenge_id, new_id())
    assert isinstance(prepared, OneTimeCode)
    to = ToAccount(iban=IBAN, holder="X", confirmation_id=started.challenge_id, otp=prepared.shown)

    with pytest.raises(WrongOneTimeCode):
        treasury.requests.ask(treasury.session(), Wish(), to, source=SOMEWHERE)


def test_a_transfer_without_its_reference_is_not_believed(treasury: Treasury) -> None:
    refund = treasury.ask_to_account()
    treasury.clock.advance(DAY)

    with pytest.raises(Invalid):
        treasury.approve(refund)


# ---------------------------------------------------------------- who may


def test_only_accountants_of_the_residence_decide_and_never_on_their_own_lease(treasury: Treasury) -> None:
    refund = treasury.ask()
    desk = replace(ACCOUNTANT, groups=frozenset({Role.DESK, Role.MANAGER}))
    elsewhere = replace(ACCOUNTANT, scope=NOWHERE)
    themselves = replace(ACCOUNTANT, person_id=treasury.tenant.person.person_id)

    for who, problem in ((desk, Forbidden), (elsewhere, NotFound), (themselves, Forbidden)):
        with pytest.raises(problem):
            treasury.approve(refund, by=who)
    assert treasury.given == {}


def test_asking_and_deciding_are_in_the_audit_without_the_account(treasury: Treasury) -> None:
    refund = treasury.ask_to_account()
    treasury.clock.advance(DAY)
    treasury.approve(refund, transfer="VIR-1")

    entries = treasury.audit.of(treasury.lease.lease_id).entries
    assert [entry.action for entry in entries] == [Action.REFUND_APPROVED, Action.REFUND_ASKED]
    assert IBAN not in str(entries)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("FR76 3000 6000 0112 3456 7890 189", IBAN),
        ("fr7630006000011234567890189", IBAN),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("FR7630006000011234567890188", None),
        ("FR76300060000112345678901", None),
        ("hello", None),
        ("", None),
    ],
)
def test_an_iban_is_checked_before_it_is_kept(typed: str, read: str | None) -> None:
    assert read_iban(typed) == read


def test_a_tenant_sees_an_iban_masked() -> None:
    assert masked_iban(IBAN) == "FR76 … 189"


def test_cash_at_the_desk_cannot_go_back_through_a_provider(treasury: Treasury) -> None:
    refund = treasury.ask()
    treasury.approve(refund)
    treasury.settle(treasury.paid, 10_100, "payment.refunded")
    treasury.cash(60_000)

    with pytest.raises(OnlyToAnAccount):
        treasury.ask(50_000)


def test_only_what_is_credit_of_a_payment_goes_back_through_it(treasury: Treasury) -> None:
    treasury.clock.advance(DAY)
    treasury.cash(80_000)

    with pytest.raises(OnlyToAnAccount):
        treasury.ask(10_001)
    refund = treasury.ask(10_000)
    treasury.approve(refund)
    treasury.settle(treasury.paid, 10_000, "payment.refunded")

    assert [(part.payment_id, part.amount_cents) for part in refund.parts] == [(treasury.paid, 10_000)]
    statement = treasury.bookkeeping.statement(treasury.lease.lease_id)
    assert [one.unpaid_cents for one in statement.standings] == [0, 0]
    assert treasury.credit == 80_000


def test_a_named_payment_gives_its_own_credit_and_no_other(treasury: Treasury) -> None:
    older, newer = in_two(treasury)

    with pytest.raises(OnlyToAnAccount):
        treasury.ask(5_001, payment_id=older)
    with pytest.raises(OnlyToAnAccount):
        treasury.ask(1, payment_id=treasury.paid)
    assert [part.payment_id for part in treasury.ask(4_000, payment_id=newer).parts] == [newer]
