"""From checkout to journal against AWS in process: what is paid is seen once, whatever the provider does."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from sesame.domain.calendar import Period
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.notices import LineKind, Notice, NoticeLine
from sesame.domain.payments import PaymentState, outcome
from sesame.platform.errors import NotFound, Unavailable
from sesame.platform.secrets import Secrets
from sesame.providers.base import (
    Answer,
    Checkout,
    CheckoutOrder,
    Credentials,
    Notification,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnreadable,
    Received,
)
from sesame.providers.registry import PROVIDERS, Registry, UnknownProvider
from sesame.providers.sandbox import Sandbox
from sesame.services.accounts import Bookkeeping
from sesame.services.idempotency import KeyReused
from sesame.services.intake import Intake, UnreadableNotification
from sesame.services.payments import (
    Checkouts,
    History,
    NothingToPay,
    Order,
    ProviderNotOffered,
    ProviderRefusedPayment,
    Started,
    StillInFlight,
    UnknownNotice,
    WrongAmount,
)
from sesame.services.posting import YOUNG, NotYetKnown, Posting
from sesame.services.retries import Retries
from sesame.store import keys
from sesame.store.accounts import Accounts, Move
from sesame.store.deliveries import Deliveries, Hints
from sesame.store.payments import Payments
from sesame.store.table import ConditionFailed
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.tenants import Tenant, admit

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
MINUTE = timedelta(minutes=1)


class FakeSandbox(Sandbox):
    """The sandbox without its server: remembers what was asked, fails when it is told to."""

    def __init__(self) -> None:
        super().__init__("http://sandbox.example")
        self.orders: list[CheckoutOrder] = []
        self.fails = False
        self.truth: dict[str, tuple[ProviderEvent, ...]] = {}

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        assert credentials.api_key == SECRET
        if self.fails:
            raise ProviderUnavailable
        self.orders.append(order)
        return Checkout(
            url=f"http://sandbox.example/pay/{order.payment_id}", provider_reference=f"co_{order.payment_id}"
        )


class FakeBatching(FakeSandbox):
    """A provider whose notifications hold many events, or none: then they only say what to fetch."""

    def parse(self, notification: Notification) -> Received:
        message = json.loads(notification.body)
        if "fetch" in message:
            return Received(to_fetch=tuple(message["fetch"]))
        return Received(events=tuple(self.one(each) for each in message["events"]))

    def delivery_id(self, notification: Notification) -> str | None:
        return None if "fetch" in json.loads(notification.body) else super().delivery_id(notification)

    def one(self, message: dict[str, Any]) -> ProviderEvent:
        body = json.dumps(message).encode()
        return super().parse(Notification(body=body, headers={})).events[0]

    def fetch(self, reference: str, credentials: Credentials) -> tuple[ProviderEvent, ...]:
        return self.truth[reference]


class House:
    """The money services on one account and one clock."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        secret = aws.secrets.create_secret(Name="sandbox", SecretString=SECRET)["ARN"]
        self.sandbox = FakeSandbox()
        self.registry = Registry(stage="local", secrets=Secrets(aws.secrets), secret_ids={"sandbox": secret})
        self.registry._made["sandbox"] = self.sandbox
        retries = Retries(pause=lambda _: None)
        self.accounts = Accounts(aws.money)
        self.deliveries = Deliveries(aws.money)
        self.payments = Payments(aws.money)
        self.bookkeeping = Bookkeeping(self.accounts, clock, retries)
        self.checkouts = Checkouts(
            money=aws.money,
            identity=aws.identity,
            registry=self.registry,
            portal_url="https://portal.example",
            clock=clock,
            retries=retries,
        )
        self.intake = Intake(self.deliveries, self.registry, clock)
        self.posting = Posting(
            table=aws.money,
            bookkeeping=self.bookkeeping,
            registry=self.registry,
            clock=clock,
            retries=retries,
        )
        self.tenant: Tenant = admit(aws)
        self.lease = self.tenant.lease

    def bill(self, period: Period, cents: int = 45_000) -> bool:
        starts_on = date.fromisoformat(f"{period}-01")
        line = NoticeLine(
            kind=LineKind.RENT,
            starts_on=starts_on,
            ends_on=starts_on,
            monthly_cents=cents,
            amount_cents=cents,
        )
        notice = Notice(
            lease_id=self.lease.lease_id,
            residence_id=self.lease.residence_id,
            period=period,
            starts_on=starts_on,
            ends_on=starts_on,
            due_on=starts_on.replace(day=10),
            lines=(line,),
        )
        return self.bookkeeping.issue_notice(notice, lambda _, __: self.clock.now + timedelta(days=5))

    def checkout(self, cents: int = 45_000, key: str = "k1", **more: Any) -> Started:
        order = Order(amount_cents=cents, **more)
        lease = self.lease
        return self.checkouts.start(lease.lease_id, lease.residence_id, order, key=key, language="fr")

    def message(self, payment_id: str, kind: str = "payment.settled", **more: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "event": kind.replace(".", "-"),
            "cents": 45_000,
            "at": self.clock.now,
            "rank": 0,
        } | more
        return {
            "id": values["event"],
            "type": kind,
            "created_at": values["at"].isoformat(),
            "rank": values["rank"],
            "data": {
                "reference": payment_id,
                "account": more.get("account", self.lease.lease_id),
                "amount_cents": values["cents"],
                "currency": more.get("currency", "EUR"),
                "part": more.get("part", ""),
            },
        }

    def signed(self, message: Any, *, delivery: str = "", secret: str = SECRET) -> Notification:
        body = json.dumps(message)
        name = delivery or f"msg-{message['id']}"
        return Notification(
            body=body.encode(),
            headers={
                "webhook-id": name,
                "webhook-timestamp": str(int(self.clock.now.timestamp())),
                "webhook-signature": Webhook(secret).sign(name, self.clock.now, body),
                "x-forwarded-for": "192.0.2.1",
            },
        )

    def take(self, notification: Notification) -> Answer:
        return self.intake.take("sandbox", notification)

    def announced(self, delivery: str) -> Mapping[str, str]:
        item = self.aws.money.get(keys.delivery("sandbox", delivery))
        announce: Mapping[str, str] = item["announce"]
        return announce

    def post(self, delivery: str) -> None:
        told = self.announced(delivery)
        hints = Hints(payment_id=told.get("payment_id"), lease_id=told.get("lease_id"))
        self.posting.post(told["provider"], told["delivery_id"], hints)

    def hear(self, message: dict[str, Any]) -> None:
        """A webhook, from intake to journal."""
        assert self.take(self.signed(message)).status == 204
        self.post(f"msg-{message['id']}")

    def state(self, payment_id: str) -> PaymentState:
        payment = self.payments.get(payment_id)
        assert payment is not None
        return outcome(payment).state

    def everything(self) -> list[dict[str, Any]]:
        items = self.aws.dynamodb.scan(TableName=self.aws.money.name)["Items"]
        return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    @property
    def balance(self) -> int:
        account = self.bookkeeping.overview(self.lease.lease_id)
        statement = self.bookkeeping.statement(self.lease.lease_id)
        assert account is not None
        assert account.checkpoint.balance_cents == statement.balance_cents
        assert statement.balance_cents == sum(entry.amount_cents for entry in statement.entries)
        return statement.balance_cents


@pytest.fixture
def house(aws: Any, clock: FrozenClock) -> House:
    """One tenant who owes September."""
    built = House(aws, clock)
    built.bill("2026-09")
    return built


# ---------------------------------------------------------------- notices and accounts


def test_a_notice_is_issued_once_announced_and_owed(house: House) -> None:
    assert house.bill("2026-09") is False

    statement = house.bookkeeping.statement(house.lease.lease_id)
    item = house.aws.money.get(keys.notice(house.lease.lease_id, "2026-09"))
    assert house.balance == 45_000
    assert [one.notice.period for one in statement.notices] == ["2026-09"]
    assert statement.notices[0].notice.lines[0].amount_cents == 45_000
    assert item["announce"]["type"] == "notice.issued"
    assert statement.of("2026-10") is None


def test_a_lease_that_was_never_billed_has_an_empty_statement(house: House) -> None:
    nothing = house.bookkeeping.statement("nobody")

    assert (nothing.balance_cents, nothing.notices, nothing.entries) == (0, (), ())
    assert house.bookkeeping.overview("nobody") is None


def test_an_account_waits_in_the_reminders_index_only_while_something_is_unpaid(house: House) -> None:
    later = house.clock.now + timedelta(days=5)
    residence = house.lease.residence_id

    assert list(house.accounts.due(residence, later - MINUTE)) == []
    assert [one.lease_id for one in house.accounts.due(residence, later)] == [house.lease.lease_id]

    house.hear(house.message(house.checkout().payment_id))

    assert list(house.accounts.due(residence, later)) == []


def test_a_reminders_step_is_moved_once_and_survives_a_part_payment(house: House) -> None:
    account = house.bookkeeping.overview(house.lease.lease_id)
    assert account is not None
    assert account.next_step_at is not None
    later = account.next_step_at + timedelta(days=3)
    announce = {"id": "a1", "type": "reminder.due", "at": later.isoformat()}

    move = Move(next_step_at=later, announce=announce)
    assert house.accounts.move_step(account, move) is True
    assert house.accounts.move_step(account, move) is False

    house.hear(house.message(house.checkout(20_000).payment_id, cents=20_000))
    after = house.bookkeeping.overview(house.lease.lease_id)
    assert after is not None
    assert after.next_step_at == later
    assert house.accounts.move_step(after, Move(next_step_at=None)) is True
    assert list(house.accounts.due(house.lease.residence_id, later)) == []


def test_an_entry_posted_twice_is_one_entry(house: House) -> None:
    entry = Entry(
        entry_id="desk:1",
        kind=EntryKind.PAYMENT,
        amount_cents=-5_000,
        effective_at=house.clock.now + MINUTE,
        source="desk:1",
    )

    assert house.bookkeeping.post(house.lease.lease_id, house.lease.residence_id, entry) is True
    assert house.bookkeeping.post(house.lease.lease_id, house.lease.residence_id, entry) is False
    assert house.balance == 40_000


def test_a_run_for_a_past_day_never_unpays_a_newer_notice(house: House) -> None:
    paid_at = house.clock.now + timedelta(days=3)
    payment = house.checkout().payment_id
    house.clock.advance(timedelta(days=3))
    house.hear(house.message(payment))
    house.clock.now = paid_at - timedelta(days=30)

    house.bill("2026-08", 10_000)

    statement = house.bookkeeping.statement(house.lease.lease_id)
    assert {one.notice.period: one.standing.paid_cents for one in statement.notices} == {
        "2026-08": 0,
        "2026-09": 45_000,
    }
    assert house.balance == 10_000


# ---------------------------------------------------------------- checkout


def test_a_checkout_asks_the_residences_provider_and_gives_its_page(house: House) -> None:
    started = house.checkout(45_000, notices=("2026-09",))

    [order] = house.sandbox.orders
    payment = house.payments.get(started.payment_id)
    assert started.checkout_url == f"http://sandbox.example/pay/{started.payment_id}"
    assert order.return_url == f"https://portal.example/payments/{started.payment_id}"
    assert payment is not None
    assert (payment.designated, payment.provider_reference) == (("2026-09",), f"co_{payment.payment_id}")
    assert house.state(started.payment_id) is PaymentState.CREATED


def test_a_checkout_costs_three_calls_besides_the_session(house: House) -> None:
    house.registry.credentials("sandbox")

    with count_calls(house.aws.dynamodb, house.aws.secrets) as calls:
        house.checkout()

    assert calls == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]


def test_the_same_key_and_body_get_the_same_answer_even_after_it_is_paid(house: House) -> None:
    first = house.checkout()
    house.hear(house.message(first.payment_id))

    assert house.checkout() == first
    assert len(house.sandbox.orders) == 1


def test_the_same_key_with_another_body_is_refused(house: House) -> None:
    house.checkout(45_000)

    with pytest.raises(KeyReused):
        house.checkout(44_000)


def test_a_key_is_free_again_after_a_day(house: House) -> None:
    first = house.checkout()
    house.clock.advance(timedelta(hours=24))

    assert house.checkout().payment_id != first.payment_id


def test_another_try_is_never_blocked_by_one_that_is_pending(house: House) -> None:
    first = house.checkout(key="k1")
    house.hear(house.message(first.payment_id, "payment.pending"))

    assert house.checkout(key="k2").payment_id != first.payment_id


def test_a_provider_that_does_not_answer_leaves_the_key_to_try_again(house: House) -> None:
    house.sandbox.fails = True
    with pytest.raises(Unavailable):
        house.checkout()
    house.sandbox.fails = False

    started = house.checkout()

    assert [order.payment_id for order in house.sandbox.orders] == [started.payment_id]
    assert len(house.payments.of_lease(house.lease.lease_id).payments) == 1


def test_a_provider_that_says_no_is_not_asked_the_same_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Checkout:
        raise ProviderRefused

    with monkeypatch.context() as patched:
        patched.setattr(house.sandbox, "start_checkout", refuse)
        with pytest.raises(ProviderRefusedPayment) as refused:
            house.checkout(key="k1")

    assert "Retry-After" not in refused.value.headers
    with pytest.raises(ProviderRefusedPayment):
        house.checkout(key="k1")
    assert house.sandbox.orders == []
    assert house.checkout(key="k2").state == "created"


def test_a_request_cut_off_at_the_provider_is_in_flight_then_goes_on_with_the_same_payment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Death(BaseException):
        """The process ends here."""

    def die(*_: object) -> Checkout:
        raise Death

    with monkeypatch.context() as patched:
        patched.setattr(house.sandbox, "start_checkout", die)
        with pytest.raises(Death):
            house.checkout()

    with pytest.raises(StillInFlight):
        house.checkout()
    house.clock.advance(timedelta(seconds=31))
    started = house.checkout()

    [payment] = house.payments.of_lease(house.lease.lease_id).payments
    assert payment.payment_id == started.payment_id
    assert house.checkout() == started


@pytest.mark.parametrize("cents", [1, 99, 45_001])
def test_an_amount_below_one_euro_or_above_the_balance_is_refused(house: House, cents: int) -> None:
    with pytest.raises(WrongAmount) as refused:
        house.checkout(cents)

    assert refused.value.detail["fr"] == "Payez entre 1,00 € et 450,00 €."


def test_who_owes_less_than_one_euro_may_pay_one(house: House) -> None:
    house.hear(house.message(house.checkout(44_950).payment_id, cents=44_950))

    house.checkout(100, key="k2")


def test_nothing_owed_means_nothing_to_pay(house: House) -> None:
    house.hear(house.message(house.checkout().payment_id))

    with pytest.raises(NothingToPay):
        house.checkout(key="k2")


def test_only_a_notice_that_is_unpaid_can_be_designated(house: House) -> None:
    with pytest.raises(UnknownNotice):
        house.checkout(notices=("2026-12",))


def test_only_a_provider_that_is_there_can_be_chosen(house: House) -> None:
    with pytest.raises(ProviderNotOffered):
        house.checkout(provider="stripe")


def test_only_the_residences_own_provider_can_be_chosen(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROVIDERS, "another", lambda _: FakeSandbox())
    secret_ids = {**house.registry.secret_ids, "another": house.registry.secret_ids["sandbox"]}
    registry = replace(house.registry, secret_ids=secret_ids)
    house.checkouts = replace(house.checkouts, registry=registry)

    with pytest.raises(ProviderNotOffered):
        house.checkout(provider="another")
    assert house.checkout(provider="sandbox").state == "created"


def test_a_tenant_sees_their_own_payments_only_newest_first(house: House) -> None:
    history = History(house.payments, house.bookkeeping)
    made = []
    for number in range(3):
        house.clock.advance(MINUTE)
        made.append(house.checkout(key=f"k{number}").payment_id)

    first = history.page(house.lease.lease_id, after=None, limit=2)
    second = history.page(house.lease.lease_id, after=first.next, limit=2)

    assert [one.payment.payment_id for one in (*first.payments, *second.payments)] == made[::-1]
    assert second.next is None
    with pytest.raises(NotFound):
        history.one("another-lease", made[0])
    with pytest.raises(NotFound):
        history.page("another-lease", after=made[0])


# ---------------------------------------------------------------- intake


def test_intake_is_one_call_and_keeps_the_raw_bytes(house: House) -> None:
    payment = house.checkout().payment_id
    notification = house.signed(house.message(payment))
    house.registry.credentials("sandbox")

    with count_calls(house.aws.dynamodb, house.aws.secrets) as calls:
        house.take(notification)

    item = house.aws.money.get(keys.delivery("sandbox", "msg-payment-settled"))
    assert calls == ["PutItem"]
    assert item["body"] == notification.body
    assert set(item["headers"]) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert item["announce"]["payment_id"] == payment


def test_a_repeat_is_answered_alike_and_keeps_nothing_more(house: House) -> None:
    notification = house.signed(house.message(house.checkout().payment_id))
    first = house.take(notification)
    kept = house.everything()

    assert house.take(notification) == first
    assert house.everything() == kept


def test_a_forged_notification_is_refused_and_leaves_no_trace_but_a_count(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    message = house.message(house.checkout().payment_id)
    kept = house.everything()
    capsys.readouterr()

    answer = house.take(house.signed(message, secret=OTHER_SECRET))

    assert answer.status == 401
    assert house.everything() == kept
    assert '"ForgedWebhook": 1' in capsys.readouterr().out


def test_a_signed_notification_that_cannot_be_read_is_a_clean_400(house: House) -> None:
    with pytest.raises(UnreadableNotification):
        house.take(house.signed({"id": "x", "type": "unheard-of"}))


def test_an_old_secret_is_believed_until_it_is_replaced_twice(house: House) -> None:
    message = house.message(house.checkout().payment_id)
    house.aws.secrets.put_secret_value(
        SecretId="sandbox", SecretString=json.dumps({"api_key": SECRET, "webhook_secrets": [OTHER_SECRET]})
    )
    house.registry.secrets._kept.clear()  # five minutes later

    assert house.take(house.signed(message, delivery="m1")).status == 204
    assert house.take(house.signed(message, delivery="m2", secret=OTHER_SECRET)).status == 204


def test_an_unknown_provider_is_not_found_nor_is_the_sandbox_of_a_live_stage(house: House) -> None:
    live = Registry(stage="prod", secrets=house.registry.secrets, secret_ids=house.registry.secret_ids)

    with pytest.raises(UnknownProvider):
        house.intake.take("nobody", house.signed(house.message("p1")))
    with pytest.raises(UnknownProvider):
        live.get("sandbox")


# ---------------------------------------------------------------- posting


def test_a_settled_payment_brings_the_balance_to_zero(house: House) -> None:
    payment = house.checkout().payment_id

    house.hear(house.message(payment))

    statement = house.bookkeeping.statement(house.lease.lease_id)
    paid = statement.of("2026-09")
    assert house.balance == 0
    assert house.state(payment) is PaymentState.PAID
    assert paid is not None
    assert paid.standing.settled_at == house.clock.now
    item = house.aws.money.get(keys.payment(payment))
    assert item["announce"]["type"] == "payment.changed"
    assert item["announce"]["state"] == "paid"


def test_posting_is_one_read_and_one_transaction(house: House) -> None:
    payment = house.checkout().payment_id
    house.clock.advance(MINUTE)
    house.take(house.signed(house.message(payment)))

    with count_calls(house.aws.dynamodb) as calls:
        house.posting.post(
            "sandbox",
            "msg-payment-settled",
            Hints(payment_id=payment, lease_id=house.lease.lease_id),
        )

    assert calls == ["BatchGetItem", "TransactWriteItems"]


def test_posting_an_event_that_comes_late_reads_the_journal_once_more(house: House) -> None:
    payment = house.checkout().payment_id
    house.take(house.signed(house.message(payment, at=house.clock.now - timedelta(days=1))))

    with count_calls(house.aws.dynamodb) as calls:
        house.posting.post(
            "sandbox",
            "msg-payment-settled",
            Hints(payment_id=payment, lease_id=house.lease.lease_id),
        )

    assert calls == ["BatchGetItem", "Query", "TransactWriteItems"]
    assert house.balance == 0


def test_posting_needs_no_hints(house: House) -> None:
    payment = house.checkout().payment_id
    house.take(house.signed(house.message(payment)))

    house.posting.post("sandbox", "msg-payment-settled", Hints())

    assert house.balance == 0


def test_a_hint_of_another_lease_is_not_believed(house: House) -> None:
    other = admit(house.aws, ine=None, email="other@example.org")
    house.hear(house.message(house.checkout().payment_id, account=other.lease.lease_id))

    assert house.balance == 0
    assert house.bookkeeping.overview(other.lease.lease_id) is None


def test_a_second_posting_of_the_same_delivery_changes_nothing(house: House) -> None:
    house.hear(house.message(house.checkout().payment_id))
    before = house.everything()

    house.post("msg-payment-settled")

    assert house.everything() == before


def test_the_same_event_in_another_delivery_moves_no_money(house: House) -> None:
    payment = house.checkout().payment_id
    house.hear(house.message(payment))

    house.take(house.signed(house.message(payment), delivery="msg-again"))
    house.post("msg-again")

    assert house.balance == 0
    assert len(house.bookkeeping.statement(house.lease.lease_id).entries) == 2


def test_events_in_the_wrong_order_end_in_the_same_state(house: House) -> None:
    payment = house.checkout().payment_id
    house.hear(house.message(payment, "payment.settled", rank=2))
    house.hear(house.message(payment, "payment.pending", rank=1))

    assert house.state(payment) is PaymentState.PAID
    assert house.balance == 0


def test_a_refund_reopens_the_notice_and_puts_it_before_the_planner_again(house: House) -> None:
    payment = house.checkout().payment_id
    house.hear(house.message(payment, rank=1))
    house.clock.advance(MINUTE)

    house.hear(house.message(payment, "payment.refunded", cents=45_000, rank=2))

    account = house.bookkeeping.overview(house.lease.lease_id)
    assert account is not None
    assert house.state(payment) is PaymentState.REFUNDED
    assert house.balance == 45_000
    assert account.next_step_at == house.clock.now


def test_a_request_that_is_taken_up_again_in_another_language_is_the_same_order(house: House) -> None:
    def start(language: str) -> Started:
        lease, order = house.lease, Order(amount_cents=45_000)
        return house.checkouts.start(lease.lease_id, lease.residence_id, order, key="k1", language=language)

    def unheard(order: CheckoutOrder, credentials: Credentials) -> Checkout:
        FakeSandbox.start_checkout(house.sandbox, order, credentials)
        raise ProviderUnavailable

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(house.sandbox, "start_checkout", unheard)
        with pytest.raises(Unavailable):
            start("fr")
    start("en")

    first, second = house.sandbox.orders
    assert first == second
    assert first.language == "fr"


def test_a_page_is_offered_only_while_somebody_can_pay_on_it(house: House) -> None:
    started = house.checkout()

    def page() -> str | None:
        payment = house.payments.get(started.payment_id)
        assert payment is not None
        return house.checkouts.page_of(payment)

    assert page() == started.checkout_url
    house.hear(house.message(started.payment_id, "payment.failed"))
    assert page() == started.checkout_url

    house.clock.advance(house.sandbox.page_lasts - MINUTE)
    assert page() == started.checkout_url
    house.clock.advance(MINUTE)
    assert page() is None


def test_the_page_of_a_debit_that_was_submitted_is_not_offered_again_even_when_it_failed(
    house: House,
) -> None:
    payment_id = house.checkout().payment_id
    for kind in ("payment.pending", "payment.returned"):
        house.clock.advance(MINUTE)
        house.hear(house.message(payment_id, kind))

        payment = house.payments.get(payment_id)
        assert payment is not None
        assert house.checkouts.page_of(payment) is None


def test_the_page_of_an_account_that_is_no_more_is_not_offered(house: House) -> None:
    payment = house.payments.get(house.checkout().payment_id)
    assert payment is not None

    assert house.checkouts.page_of(replace(payment, provider="gone")) is None


def test_paying_twice_is_credit_that_pays_the_next_notice(house: House) -> None:
    first, second = house.checkout(key="k1"), house.checkout(key="k2")
    house.hear(house.message(first.payment_id, event="e1"))
    house.hear(house.message(second.payment_id, event="e2"))

    assert house.balance == -45_000
    assert house.bookkeeping.statement(house.lease.lease_id).credit_cents == 45_000

    house.clock.advance(timedelta(days=29))
    house.bill("2026-10", 50_000)

    assert house.balance == 5_000


@pytest.mark.parametrize(
    "at", [datetime(2126, 9, 5, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)], ids=["2126", "9999"]
)
def test_an_event_from_the_future_is_put_a_day_ahead_at_most(
    house: House, capsys: pytest.CaptureFixture[str], at: datetime
) -> None:
    tomorrow = house.clock.now + timedelta(days=1)

    house.hear(house.message(house.checkout().payment_id, at=at))

    entries = house.bookkeeping.statement(house.lease.lease_id).entries
    assert [one.effective_at for one in entries if one.amount_cents < 0] == [tomorrow]
    assert '"EventFromTheFuture": 1' in capsys.readouterr().out
    house.clock.advance(timedelta(days=29))
    house.bill("2026-10")
    october = house.bookkeeping.statement(house.lease.lease_id).of("2026-10")
    assert october is not None
    assert october.issued_at == house.clock.now
    assert house.balance == 45_000


def test_an_event_of_a_clock_that_is_a_little_ahead_keeps_its_time(house: House) -> None:
    soon = house.clock.now + timedelta(hours=2)

    house.hear(house.message(house.checkout().payment_id, at=soon))

    entries = house.bookkeeping.statement(house.lease.lease_id).entries
    assert [one.effective_at for one in entries if one.amount_cents < 0] == [soon]


def test_a_failed_payment_moves_nothing(house: House) -> None:
    payment = house.checkout().payment_id

    house.hear(house.message(payment, "payment.failed"))

    assert house.state(payment) is PaymentState.FAILED
    assert house.balance == 45_000


def test_a_payment_changed_by_another_writer_meanwhile_is_posted_from_a_new_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = house.checkout().payment_id
    house.clock.advance(MINUTE)
    house.take(house.signed(house.message(payment)))
    read, reads = house.posting._read, []

    def read_then_meet(*of: Any) -> Any:
        known = read(*of)
        reads.append(1)
        if len(reads) == 1:
            house.clock.advance(MINUTE)
            house.bill("2026-10")
        return known

    monkeypatch.setattr(Posting, "_read", lambda _, *of: read_then_meet(*of))
    house.post("msg-payment-settled")

    assert len(reads) == 2
    assert house.balance == 45_000


def test_a_writer_that_always_interferes_hands_the_delivery_back_to_the_queue(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = house.checkout().payment_id
    house.take(house.signed(house.message(payment)))
    read = house.posting._read

    def read_an_old_version(*of: Any) -> Any:
        known = read(*of)
        stale = {name: one and replace(one, version=99) for name, one in known.payments.items()}
        return replace(known, payments=stale)

    monkeypatch.setattr(Posting, "_read", lambda _, *of: read_an_old_version(*of))
    with pytest.raises(ConditionFailed):
        house.post("msg-payment-settled")

    assert house.balance == 45_000
    [waiting] = house.deliveries.unposted(house.clock.now)
    assert (waiting.provider, waiting.delivery_id) == ("sandbox", "msg-payment-settled")


def test_an_unknown_payment_is_tried_again_while_young_then_kept_for_review(house: House) -> None:
    house.take(house.signed(house.message("never-made")))

    with pytest.raises(NotYetKnown):
        house.post("msg-payment-settled")
    assert list(house.deliveries.unposted(house.clock.now)) != []

    house.clock.advance(YOUNG)
    house.post("msg-payment-settled")
    item = house.aws.money.get(keys.delivery("sandbox", "msg-payment-settled"))
    assert (item["state"], item["gsi1pk"]) == ("review", "REVIEW")
    assert "expires_at" not in item


def test_a_delivery_that_is_not_there_is_tried_again(house: House) -> None:
    with pytest.raises(NotYetKnown):
        house.posting.post("sandbox", "nothing", Hints())


def test_test_money_never_reaches_a_live_journal(house: House) -> None:
    payment = house.checkout().payment_id
    house.take(house.signed(house.message(payment)))

    class Live(Registry):
        """As if a live provider had sent an event of its test mode."""

        def get(self, name: str) -> Sandbox:
            return house.sandbox

    refusing = replace(
        house.posting,
        registry=Live(stage="prod", secrets=house.registry.secrets, secret_ids={}),
    )
    refusing.post("sandbox", "msg-payment-settled", Hints(payment_id=payment))

    item = house.aws.money.get(keys.delivery("sandbox", "msg-payment-settled"))
    assert item["state"] == "refused"
    assert house.balance == 45_000


def test_a_posted_delivery_leaves_the_index_of_what_is_not(house: House) -> None:
    house.hear(house.message(house.checkout().payment_id))

    item = house.aws.money.get(keys.delivery("sandbox", "msg-payment-settled"))
    assert list(house.deliveries.unposted(house.clock.now)) == []
    assert item["expires_at"] > datetime(2027, 9, 1, tzinfo=UTC).timestamp()


def test_a_delivery_about_many_payments_posts_each_and_one_unknown_holds_up_no_other(house: House) -> None:
    house.registry._made["sandbox"] = FakeBatching()
    house.bill("2026-10", 300_000)
    payments = [house.checkout(1_000, key=f"k{number}").payment_id for number in range(3)]
    told = [house.message(one, event=f"e-{one}", cents=1_000) for one in [*payments, "never-made"]]
    house.take(house.signed({"events": told}, delivery="m1"))

    with pytest.raises(NotYetKnown):
        house.post("m1")
    assert house.balance == 345_000 - 3_000

    house.clock.advance(YOUNG)
    house.post("m1")
    assert house.balance == 345_000 - 3_000
    assert house.aws.money.get(keys.delivery("sandbox", "m1"))["state"] == "review"


@pytest.mark.parametrize("failure", [ProviderRefused, ProviderUnreadable, ProviderUnavailable])
def test_what_one_reference_keeps_back_keeps_no_other_from_being_posted(
    house: House, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    provider = FakeBatching()
    house.registry._made["sandbox"] = provider
    payment = house.checkout().payment_id
    provider.truth = {"co_2": (provider.one(house.message(payment)),)}
    house.take(house.signed({"fetch": ["co_1", "co_2"]}, delivery="pointing"))
    [delivery_id] = [one["delivery_id"]["S"] for one in house.everything() if one["sk"]["S"] == "DELIVERY"]

    def fetch(reference: str, _: Credentials) -> tuple[ProviderEvent, ...]:
        if reference == "co_1":
            raise failure
        return provider.truth[reference]

    monkeypatch.setattr(provider, "fetch", fetch)
    with pytest.raises((NotYetKnown, ProviderUnavailable)):
        house.posting.post("sandbox", delivery_id, Hints())
    assert house.balance == 0

    house.clock.advance(YOUNG)
    if failure is ProviderUnavailable:  # it will answer again: nothing for staff to look at
        with pytest.raises(ProviderUnavailable):
            house.posting.post("sandbox", delivery_id, Hints())
    else:
        house.posting.post("sandbox", delivery_id, Hints())
    review = house.deliveries.review("sandbox", delivery_id)
    assert (review is None) == (failure is ProviderUnavailable)


def test_a_notification_without_content_has_the_truth_fetched_each_time(house: House) -> None:
    provider = FakeBatching()
    house.registry._made["sandbox"] = provider
    payment = house.checkout().payment_id
    pending, settled = (
        provider.one(house.message(payment, kind, event=f"e{rank}", rank=rank))
        for rank, kind in enumerate(["payment.pending", "payment.settled"])
    )

    for truth in [(pending,), (pending, settled)]:
        provider.truth = {"co_1": truth}
        house.take(house.signed({"fetch": ["co_1"]}, delivery="the-same"))
    deliveries = [one for one in house.everything() if one["sk"]["S"] == "DELIVERY"]
    for one in deliveries:
        house.posting.post("sandbox", one["delivery_id"]["S"], Hints())

    assert len(deliveries) == 2
    assert house.state(payment) is PaymentState.PAID
    assert house.balance == 0
