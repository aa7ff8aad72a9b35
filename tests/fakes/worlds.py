"""Fakes of the providers playing causally valid lives of one payment each, and what their banks then hold.

Our adapters hear what they say; the fakes know the truth by themselves, so that it can judge.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest

from local.sandbox_provider import SandboxProvider
from sesame.domain.payments import PaymentEvent, PaymentState
from sesame.providers import http
from sesame.providers.base import CheckoutOrder, Credentials, Notification, Provider, ProviderEvent
from sesame.providers.gocardless import GoCardless
from sesame.providers.sandbox import Sandbox
from sesame.providers.stripe import TYPES, Stripe
from tests.fakes import gocardless, stripe
from tests.fakes.server import Request, request_of

START = datetime(2026, 9, 5, 10, tzinfo=UTC)
CENTS = 40_000
ORDER = CheckoutOrder(
    payment_id="p1",
    lease_id="l1",
    amount_cents=CENTS,
    currency="EUR",
    return_url="https://portal.example/payments/p1",
    language="fr",
)
URL = "http://fake.example"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

Action = Callable[[], object]


class World(Protocol):
    """A provider with one payment of ours, played."""

    @property
    def provider(self) -> Provider:
        """Our adapter for it."""
        ...

    credentials: Credentials

    def actions(self) -> Mapping[str, Action]:
        """What may happen next; nothing happens by asking."""
        ...

    def deliveries(self) -> list[bytes]:
        """A body for each event that happened, oldest first."""
        ...

    def truth(self) -> tuple[PaymentState, int]:
        """The oracle: how the payment stands, and what the merchant holds of it."""
        ...

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """The provider's API."""
        ...


def given_back(paid: int, refunded: int, held: int, *, taken: bool) -> PaymentState:
    """What a payment that was paid is called."""
    if taken and held <= 0:
        return PaymentState.CHARGED_BACK
    if not refunded:
        return PaymentState.PAID
    return PaymentState.REFUNDED if refunded >= paid else PaymentState.PARTLY_REFUNDED


class StripeWorld:
    """Cards and debits on a Checkout page, refunds, disputes."""

    def __init__(self, order: CheckoutOrder = ORDER, numbers: Iterator[int] | None = None) -> None:
        self.provider = Stripe()
        self.credentials = Credentials(api_key=stripe.KEY, webhook_secrets=(), url=URL)
        self.fake = stripe.FakeStripe(now=int(START.timestamp()), numbers=numbers or count(1))
        self.answer = self.fake.handle
        with answered_by(self):
            self.session = self.provider.start_checkout(order, self.credentials).provider_reference

    @property
    def intent(self) -> dict[str, Any] | None:
        return self.fake.things.get(self.fake.things[self.session]["payment_intent"] or "")

    def actions(self) -> dict[str, Action]:
        intent = self.intent
        status = intent["status"] if intent else "requires_payment_method"
        session = self.fake.things[self.session]
        if status == "requires_payment_method":
            return self.trying() if session["status"] == "open" else {}
        assert intent is not None
        if status == "processing":
            return {
                "the debit is paid": lambda: self.fake.succeed(intent["id"]),
                "the debit fails": lambda: self.fake.fail(intent["id"]),
            }
        return self.after(intent)

    def trying(self) -> dict[str, Action]:
        fake = self.fake
        return {
            "a card pays": lambda: fake.succeed(fake.submit(self.session)["id"]),
            "a card pays less": lambda: fake.succeed(fake.submit(self.session)["id"], 39_000),
            "a card is refused": lambda: fake.fail(fake.submit(self.session)["id"]),
            "a debit is begun": lambda: fake.submit(self.session, "sepa_debit"),
            "the page expires": lambda: fake.expire(self.session),
        }

    def after(self, intent: dict[str, Any]) -> dict[str, Action]:
        fake, charge = self.fake, self.fake.things[intent["latest_charge"]]
        able: dict[str, Action] = {}
        disputes = self.all("dispute")
        if left := charge["amount"] - charge["amount_refunded"]:
            able["all that is left is refunded"] = lambda: fake.refund(intent["id"], left)
            if left > 10_000:
                able["part is refunded"] = lambda: fake.refund(intent["id"], 10_000)
            if len(disputes) < 2:
                able["it is disputed"] = lambda: fake.dispute(intent["id"])
                able["part is disputed"] = lambda: fake.dispute(intent["id"], cents=15_000)
                able["it is asked about"] = lambda: fake.dispute(intent["id"], inquiry=True)
        for refund in self.all("refund"):
            if refund["status"] == "succeeded":
                able["a refund comes home"] = partial(fake.fail_refund, refund["id"])
        for dispute in disputes:
            if dispute["status"] == "needs_response":
                able["the dispute is won"] = partial(fake.close, dispute["id"], "won")
                able["the dispute is lost"] = partial(fake.close, dispute["id"], "lost")
            elif dispute["status"] == "warning_needs_response":
                able["the question is dropped"] = partial(fake.close, dispute["id"], "warning_closed")
        return able

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.fake.things.values() if one["object"] == kind]

    def deliveries(self) -> list[bytes]:
        return [json.dumps(one).encode() for one in self.fake.events if one["type"] in TYPES]

    def truth(self) -> tuple[PaymentState, int]:
        intent, session = self.intent, self.fake.things[self.session]
        if intent and intent["status"] == "succeeded":
            held = self.fake.bank[intent["id"]]
            refunded = sum(one["amount"] for one in self.all("refund") if one["status"] == "succeeded")
            taken = any(
                sum(moved["amount"] for moved in one["balance_transactions"]) for one in self.all("dispute")
            )
            return given_back(intent["amount_received"], refunded, held, taken=taken), held
        if intent and intent["status"] == "processing":
            return PaymentState.AWAITING_PROVIDER, 0
        if session["status"] == "expired":
            return PaymentState.EXPIRED, 0
        return (PaymentState.FAILED if intent else PaymentState.CREATED), 0


class GoCardlessWorld:
    """A mandate, its debit, banks that return it, payers who have it charged back, refunds."""

    def __init__(
        self,
        order: CheckoutOrder = ORDER,
        numbers: Iterator[int] | None = None,
        *,
        echoes: bool = True,
    ) -> None:
        self.provider = GoCardless()
        self.credentials = Credentials(api_key=gocardless.TOKEN, webhook_secrets=(), url=URL)
        self.fake = gocardless.FakeGoCardless(now=START, echoes=echoes, numbers=numbers or count(1))
        self.answer = self.fake.handle
        with answered_by(self):
            self.request = self.provider.start_checkout(order, self.credentials).provider_reference

    @property
    def payment(self) -> dict[str, Any] | None:
        return next((self.fake.things[one] for one in self.fake.bank), None)

    def actions(self) -> dict[str, Action]:
        fake, payment = self.fake, self.payment
        if payment is None:
            if fake.things[self.request]["status"] != "pending":
                return {}
            return {"the mandate is signed": self.sign, "it is given up": lambda: fake.give_up(self.request)}
        it = payment["id"]
        failing: dict[str, Action] = {
            "the debit fails": lambda: fake.fail(it),
            "it fails and is presented again": lambda: fake.fail(it, retry=True),
        }
        able: dict[str, Action] = {}
        match payment["status"]:
            case "pending_submission":
                able = {
                    "it is submitted": lambda: fake.submit(it),
                    "it is cancelled": lambda: fake.cancel(it),
                }
            case "submitted":
                able = {"it is confirmed": lambda: fake.confirm(it)} | failing
            case "confirmed":
                able = {"it is paid out": lambda: fake.pay_out(it)} | failing | self.refunds(payment)
            case "paid_out":
                able = failing | self.refunds(payment) | {"it is charged back": lambda: fake.charge_back(it)}
            case "charged_back":
                able = {"the charge-back is cancelled": lambda: fake.cancel_charge_back(it)}
        return able

    def sign(self) -> None:
        self.fake.fulfil(self.request)
        with answered_by(self):  # as the first look at it does
            self.provider.fetch(self.request, self.credentials)

    def refunds(self, payment: dict[str, Any]) -> dict[str, Action]:
        fake, able = self.fake, dict[str, Action]()
        if (left := payment["amount"] - payment["amount_refunded"]) > 0:
            able["all that is left is refunded"] = lambda: fake.refund(payment["id"], left)
        if left > 10_000:
            able["part is refunded"] = lambda: fake.refund(payment["id"], 10_000)
        for one in fake.things.values():
            if one["kind"] == "refunds" and one["status"] == "submitted":
                able["a refund comes home"] = partial(fake.fail_refund, one["id"])
        return able

    def deliveries(self) -> list[bytes]:
        return [json.dumps({"events": [one]}).encode() for one in self.fake.events if self.told(one)]

    @staticmethod
    def told(event: Mapping[str, Any]) -> bool:
        """What says nothing to us anyway would only make histories longer."""
        accounting = {"late_failure_settled", "chargeback_settled"}
        return event["action"] not in accounting and (event["resource_type"], event["action"]) != (
            "billing_requests",
            "created",
        )

    def truth(self) -> tuple[PaymentState, int]:
        payment = self.payment
        if payment is None:
            given_up = self.fake.things[self.request]["status"] == "cancelled"
            return (PaymentState.CANCELLED if given_up else PaymentState.CREATED), 0
        held = self.fake.bank[payment["id"]]
        match payment["status"]:
            case "pending_submission" | "submitted":
                return PaymentState.AWAITING_PROVIDER, held
            case "failed" | "cancelled" | "charged_back" as ended:
                return PaymentState(ended), held
        return given_back(payment["amount"], payment["amount_refunded"], held, taken=False), held


class SandboxWorld:
    """The sandbox's page."""

    def __init__(self) -> None:
        self.now = START
        self.provider = Sandbox("http://sandbox.example")
        self.credentials = Credentials(api_key=SECRET, webhook_secrets=())
        self.bodies: list[bytes] = []
        self.fake = SandboxProvider(
            api_url="http://api.example",
            webhook_secret=SECRET,
            base_url="http://sandbox.example",
            post=self.hear,
            pause=lambda _: None,
            spawn=lambda work: work(),
            clock=lambda: self.now,
        )
        with answered_by(self):
            self.checkout = self.provider.start_checkout(ORDER, self.credentials).provider_reference

    def hear(self, _url: str, _headers: Mapping[str, str], body: bytes) -> int:
        self.bodies.append(body)
        return 204

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {SECRET}"}
        status, _, body = self.fake.handle(request.method, request.path, headers, request.body)
        return status, json.loads(body)

    @property
    def shown(self) -> dict[str, Any]:
        return self.answer(Request("GET", f"/checkouts/{self.checkout}", {}, {}, b""))[1]

    def actions(self) -> dict[str, Action]:
        shown = self.shown
        if shown["state"] in {"open", "failed", "pending"}:
            able = ["pay", "refuse", "cancel"] + (["later"] if shown["state"] != "pending" else [])
            return {action: partial(self.act, action) for action in able}
        left = CENTS - shown["refunded_cents"]
        if shown["state"] in {"paid", "partly_refunded"} and left:
            return {
                "part is refunded": partial(self.refund, 10_000),
                "the rest is refunded": partial(self.refund, left),
            }
        return {}

    def act(self, action: str) -> None:
        self.now += timedelta(minutes=1)
        self.fake.handle("POST", f"/pay/{self.checkout}", {}, f"action={action}".encode())

    def refund(self, cents: int) -> None:
        self.now += timedelta(minutes=1)
        refund_id = f"r{len(self.shown['refunds'])}"
        self.provider.refund(self.checkout, cents, refund_id, self.credentials)

    def deliveries(self) -> list[bytes]:
        return list(self.bodies)

    def truth(self) -> tuple[PaymentState, int]:
        shown = self.shown
        held = CENTS - shown["refunded_cents"] if shown["state"].endswith(("paid", "refunded")) else 0
        names = {"open": PaymentState.CREATED, "pending": PaymentState.AWAITING_PROVIDER}
        return names.get(shown["state"]) or PaymentState(shown["state"]), held


class answered_by:  # noqa: N801 - used as a function
    """Calls of the adapters are answered by a world, without a socket, while the block runs."""

    def __init__(self, world: World) -> None:
        self.world, self.patch = world, pytest.MonkeyPatch()

    def __enter__(self) -> None:
        self.patch.setattr(http, "call", self.call)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()

    def call(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> dict[str, Any]:
        split = urlsplit(url)
        target = f"{split.path}?{split.query}"
        status, document = self.world.answer(request_of(method, target, headers, body or b""))
        if status >= 400:
            raise http.Refused(status, document)
        return dict(json.loads(json.dumps(document)))


def happen(world: World, choose: Callable[[Sequence[str]], str]) -> bool:
    """One more thing happens, an hour after the last; False where nothing can."""
    if isinstance(world, StripeWorld | GoCardlessWorld):
        world.fake.pass_time(3600)
    able = world.actions()
    if not able:
        return False
    with answered_by(world):
        able[choose(sorted(able))]()
    return True


def heard(world: World, body: bytes) -> list[PaymentEvent]:
    """What posting makes of one delivery now: its events, and those that are fetched for it."""
    received = world.provider.parse(Notification(body=body, headers={}))
    told: list[ProviderEvent] = list(received.events)
    with answered_by(world):
        for reference in received.to_fetch:
            told += world.provider.fetch(reference, world.credentials)
    assert len({(one.payment_id, one.lease_id) for one in told}) <= 1
    return [one.event for one in told]
