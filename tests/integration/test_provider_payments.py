"""Rent paid through Stripe and GoCardless, from checkout to receipt, with fakes of their APIs on loopback."""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
import stripe as sdk

from sesame.domain.notices import LineKind, Notice, NoticeLine
from sesame.domain.payments import Flag, PaymentState, outcome
from sesame.platform.secrets import Secrets
from sesame.providers.base import Notification, ProviderUnavailable
from sesame.providers.registry import Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.intake import Intake
from sesame.services.payments import Checkouts, Order, ProviderNotOffered
from sesame.services.posting import YOUNG, NotYetKnown, Posting
from sesame.services.retries import Retries
from sesame.store.accounts import Accounts
from sesame.store.deliveries import Deliveries, DeliveryState, Hints
from sesame.store.payments import Payments
from sesame.store.people import residence_item
from tests.conftest import FrozenClock
from tests.fakes import gocardless, stripe
from tests.fakes.server import Served, serve, status
from tests.integration.tenants import RESIDENCE, admit

STRIPE_SECRET, LYON_SECRET, GOCARDLESS_SECRET = "whsec_own", "whsec_lyon", "gc-secret"
CENTS = 45_000


@dataclass
class House:
    """The money services, a tenant who owes September, and both providers with nothing told yet."""

    aws: Any
    clock: FrozenClock
    stripe: stripe.FakeStripe
    gocardless: gocardless.FakeGoCardless
    served: dict[str, Served]
    stage: str = "local"

    def __post_init__(self) -> None:
        retries = Retries(pause=lambda _: None)
        lyon = {"api_key": stripe.KEY, "webhook_secrets": [LYON_SECRET], "url": self.served["stripe"].url}
        secrets = {
            "stripe": {
                "api_key": stripe.KEY,
                "webhook_secrets": [STRIPE_SECRET],
                "url": self.served["stripe"].url,
                "accounts": {"lyon": lyon},
            },
            "gocardless": {
                "api_key": gocardless.TOKEN,
                "webhook_secrets": [GOCARDLESS_SECRET],
                "url": self.served["gocardless"].url,
            },
        }
        ids = {
            name: self.aws.secrets.create_secret(Name=name, SecretString=json.dumps(value))["ARN"]
            for name, value in secrets.items()
        }
        self.registry = Registry(stage=self.stage, secrets=Secrets(self.aws.secrets), secret_ids=ids)
        self.deliveries = Deliveries(self.aws.money)
        self.bookkeeping = Bookkeeping(Accounts(self.aws.money), self.clock, retries)
        self.checkouts = Checkouts(
            money=self.aws.money,
            identity=self.aws.identity,
            registry=self.registry,
            portal_url="https://portal.example",
            clock=self.clock,
            retries=retries,
        )
        self.intake = Intake(self.deliveries, self.registry, self.clock)
        self.posting = Posting(
            table=self.aws.money,
            bookkeeping=self.bookkeeping,
            registry=self.registry,
            clock=self.clock,
            retries=retries,
        )
        residence = replace(RESIDENCE, provider="stripe", other_providers=("gocardless", "stripe:lyon"))
        self.lease = admit(self.aws, residence=residence).lease
        self.aws.identity.put(residence_item(residence))
        self.told = {"stripe": 0, "gocardless": 0}
        day = date(2026, 9, 1)
        line = NoticeLine(
            kind=LineKind.RENT, starts_on=day, ends_on=day, monthly_cents=CENTS, amount_cents=CENTS
        )
        self.bookkeeping.issue_notice(
            Notice(
                lease_id=self.lease.lease_id,
                residence_id=self.lease.residence_id,
                period="2026-09",
                starts_on=day,
                ends_on=day,
                due_on=date(2026, 9, 10),
                lines=(line,),
            )
        )

    def checkout(self, provider: str | None, cents: int = CENTS, key: str = "k1") -> tuple[str, str]:
        """The payment, and the provider's reference of it."""
        order = Order(amount_cents=cents, provider=provider)
        started = self.checkouts.start(
            self.lease.lease_id, self.lease.residence_id, order, key=key, language="fr"
        )
        payment = Payments(self.aws.money).get(started.payment_id)
        assert payment is not None
        assert payment.provider_reference is not None
        return payment.payment_id, payment.provider_reference

    def notifications(self, name: str) -> list[Notification]:
        """What the provider tells since it told last, signed."""
        self.clock.advance(timedelta(minutes=1))
        provider = name.partition(":")[0]
        events = (self.stripe if provider == "stripe" else self.gocardless).events
        fresh, self.told[provider] = events[self.told[provider] :], len(events)
        if provider == "gocardless":
            body = json.dumps({"events": fresh}).encode()
            signature = hmac.digest(GOCARDLESS_SECRET.encode(), body, sha256).hex()
            return [Notification(body=body, headers={"webhook-signature": signature})]
        secret = LYON_SECRET if name == "stripe:lyon" else STRIPE_SECRET
        return [self.signed(event, secret) for event in fresh]

    def signed(self, event: dict[str, Any], secret: str = STRIPE_SECRET) -> Notification:
        payload = json.dumps(event)
        header = sdk.WebhookSignature.generate_signature_header(
            payload=payload, secret=secret, timestamp=int(self.clock.now.timestamp())
        )
        return Notification(body=payload.encode(), headers={"stripe-signature": header})

    def take(self, name: str, notifications: list[Notification]) -> None:
        for notification in notifications:
            assert self.intake.take(name, notification).status < 300

    def hear(self, name: str) -> None:
        """Everything new, from intake to journal, the last first."""
        self.take(name, self.notifications(name)[::-1])
        self.post()

    def post(self) -> None:
        for one in list(self.deliveries.unposted(self.clock.now)):
            self.posting.post(one.provider, one.delivery_id, Hints())

    def state(self, payment_id: str) -> PaymentState:
        payment = Payments(self.aws.money).get(payment_id)
        assert payment is not None
        return outcome(payment).state

    @property
    def balance(self) -> int:
        return self.bookkeeping.statement(self.lease.lease_id).balance_cents

    @property
    def is_receipted(self) -> bool:
        """Whether September is paid in full, so that a receipt of it may be had."""
        september = self.bookkeeping.statement(self.lease.lease_id).of("2026-09")
        assert september is not None
        return september.standing.settled_at is not None


@pytest.fixture
def house(aws: Any, clock: FrozenClock) -> Iterator[House]:
    """Everything at the clock's time."""
    card = stripe.FakeStripe(now=int(clock.now.timestamp()))
    debit = gocardless.FakeGoCardless(now=clock.now)
    with serve(card) as first, serve(debit) as second:
        yield House(aws, clock, card, debit, {"stripe": first, "gocardless": second})


def test_a_card_pays_september(house: House) -> None:
    payment, session = house.checkout(None)
    house.stripe.succeed(house.stripe.submit(session)["id"])

    house.hear("stripe")

    assert house.state(payment) is PaymentState.PAID
    assert (house.balance, house.is_receipted) == (0, True)


def test_a_debit_by_stripe_pays_days_later_and_is_taken_back_by_its_bank(house: House) -> None:
    payment, session = house.checkout("stripe")
    intent = house.stripe.submit(session, "sepa_debit")["id"]
    house.hear("stripe")
    assert house.state(payment) is PaymentState.AWAITING_PROVIDER
    assert house.is_receipted is False

    house.stripe.pass_time(4 * 86_400)
    house.clock.advance(timedelta(days=4))
    house.stripe.succeed(intent)
    house.hear("stripe")
    assert house.is_receipted is True

    house.stripe.pass_time(86_400)
    house.clock.advance(timedelta(days=1))
    house.stripe.close(house.stripe.dispute(intent)["id"], "lost")
    house.hear("stripe")
    assert house.state(payment) is PaymentState.CHARGED_BACK
    assert (house.balance, house.is_receipted) == (CENTS, False)


def test_a_mandate_that_is_signed_is_debited_and_paid(house: House) -> None:
    payment, request = house.checkout("gocardless")
    house.gocardless.fulfil(request)
    house.hear("gocardless")
    [debit] = house.gocardless.bank
    assert house.state(payment) is PaymentState.AWAITING_PROVIDER

    house.gocardless.submit(debit)
    house.gocardless.fail(debit, retry=True)
    house.gocardless.submit(debit)
    house.gocardless.confirm(debit)
    house.hear("gocardless")

    assert house.state(payment) is PaymentState.PAID
    assert (house.balance, house.is_receipted) == (0, True)


def test_a_debit_that_fails_late_is_owed_again_and_a_charge_back_that_is_cancelled_is_not(
    house: House,
) -> None:
    payment, request = house.checkout("gocardless")
    house.gocardless.fulfil(request)
    house.hear("gocardless")
    [debit] = house.gocardless.bank
    house.gocardless.confirm(debit)
    house.gocardless.pay_out(debit)
    house.gocardless.charge_back(debit)
    house.hear("gocardless")
    assert (house.state(payment), house.balance) == (PaymentState.CHARGED_BACK, CENTS)

    house.gocardless.cancel_charge_back(debit)
    house.hear("gocardless")
    assert (house.state(payment), house.balance, house.is_receipted) == (PaymentState.PAID, 0, True)

    house.gocardless.fail(debit)
    house.hear("gocardless")
    assert (house.state(payment), house.balance) == (PaymentState.FAILED, CENTS)


def test_a_refund_is_asked_for_and_comes_back_as_an_event(house: House) -> None:
    payment, session = house.checkout("stripe")
    house.stripe.succeed(house.stripe.submit(session)["id"])
    house.hear("stripe")
    house.stripe.pass_time(60)

    provider = house.registry.get("stripe")
    provider.refund(session, 5_000, "r1", house.registry.credentials("stripe"))
    house.hear("stripe")

    assert (house.state(payment), house.balance) == (PaymentState.PARTLY_REFUNDED, 5_000)


def test_what_was_really_paid_is_posted_and_flagged(house: House) -> None:
    payment, session = house.checkout("stripe")
    house.stripe.succeed(house.stripe.submit(session)["id"], 39_000)

    house.hear("stripe")

    kept = Payments(house.aws.money).get(payment)
    assert kept is not None
    assert outcome(kept).flags == {Flag.AMOUNT_DIFFERS}
    assert house.balance == CENTS - 39_000


def test_an_account_of_its_own_tells_of_its_own_payments_only(house: House) -> None:
    payment, session = house.checkout("stripe:lyon")
    house.stripe.succeed(house.stripe.submit(session)["id"])
    events = house.notifications("stripe")

    house.take("stripe", events)
    house.clock.advance(YOUNG)
    house.post()
    assert house.state(payment) is PaymentState.CREATED

    house.told["stripe"] = 0
    house.hear("stripe:lyon")
    assert house.state(payment) is PaymentState.PAID


def test_a_provider_that_a_residence_does_not_offer_is_refused(house: House) -> None:
    for provider in ("sandbox", "stripe:paris", "gocardless:lyon"):
        with pytest.raises(ProviderNotOffered):
            house.checkout(provider)


def test_while_the_provider_does_not_answer_a_fetch_waits_in_the_queue(house: House) -> None:
    payment, request = house.checkout("gocardless")
    house.gocardless.fulfil(request)
    house.take("gocardless", house.notifications("gocardless"))

    house.served["gocardless"].faults = [status(429)]
    with pytest.raises(ProviderUnavailable):
        house.post()
    assert house.gocardless.bank == {}

    house.post()
    assert house.state(payment) is PaymentState.AWAITING_PROVIDER
    assert list(house.deliveries.unposted(house.clock.now)) == []


def test_many_mandates_signed_in_one_body_are_each_debited_once(house: House) -> None:
    asked = [house.checkout("gocardless", 1_000, key=f"k{number}") for number in range(20)]
    for _, request in asked:
        house.gocardless.fulfil(request)
    house.take("gocardless", house.notifications("gocardless"))

    house.served["gocardless"].faults = [status(503)]
    with pytest.raises(ProviderUnavailable):
        house.post()
    house.post()

    assert len(house.gocardless.bank) == 20
    assert {house.state(payment) for payment, _ in asked} == {PaymentState.AWAITING_PROVIDER}


def test_what_the_provider_will_not_say_is_tried_while_young_and_then_reviewed(house: House) -> None:
    event = {
        "id": "evt_x",
        "object": "event",
        "type": "charge.dispute.created",
        "created": int(house.clock.now.timestamp()),
        "livemode": False,
        "data": {"object": {"id": "du_x", "payment_intent": "pi_elsewhere"}},
    }
    house.take("stripe", [house.signed(event)])

    with pytest.raises(NotYetKnown):
        house.post()
    house.clock.advance(YOUNG)
    house.post()

    item = house.aws.money.get(house.deliveries.key("stripe", "evt_x"))
    assert item["state"] == DeliveryState.REVIEW


def test_another_companys_use_of_the_same_account_leaves_no_trace(house: House) -> None:
    _, session = house.checkout("stripe")
    house.stripe.things[session]["intent_metadata"] = {}
    intent = house.stripe.submit(session)
    house.stripe.things[session]["metadata"] = {}
    house.stripe.succeed(intent["id"])
    house.stripe.dispute(intent["id"])

    house.hear("stripe")

    assert house.balance == CENTS
    assert list(house.deliveries.unposted(house.clock.now)) == []


def test_test_money_is_refused_by_a_live_stage(house: House) -> None:
    payment, session = house.checkout("stripe")
    house.stripe.succeed(house.stripe.submit(session)["id"])
    house.take("stripe", house.notifications("stripe"))

    prod = replace(house.registry, stage="prod")
    live_key = json.dumps({"api_key": "sk_live_1", "webhook_secrets": [STRIPE_SECRET]})
    house.aws.secrets.put_secret_value(SecretId="stripe", SecretString=live_key)
    prod.secrets._kept.clear()
    posting = replace(house.posting, registry=prod)
    for one in list(house.deliveries.unposted(house.clock.now)):
        posting.post(one.provider, one.delivery_id, Hints())

    assert house.state(payment) is PaymentState.CREATED
    assert house.balance == CENTS
    states = {
        house.aws.money.get(house.deliveries.key("stripe", event["id"]))["state"]
        for event in house.stripe.events
        if event["type"] in {"payment_intent.succeeded", "checkout.session.completed"}
    }
    assert states == {"refused"}
