"""Checkout, intake and posting under every fault: paid once is posted once, whatever fails on the way."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from sesame.providers.base import Checkout, CheckoutOrder, Credentials, ProviderUnavailable
from sesame.services.retries import Retries
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import unmarshal
from tests.conftest import FrozenClock
from tests.faults.harness import Scene, faults_of, outward, stage
from tests.integration.conftest import Aws
from tests.integration.entries import http_event, load, prepare
from tests.integration.test_payments import FakeSandbox, House

MINUTE = timedelta(minutes=1)
AT_ONCE = Retries(pause=lambda _: None)


class Provider(FakeSandbox):
    """One page a payment, however often it is asked for; asking it can fail too."""

    def start_checkout(self, order: CheckoutOrder, credentials: Credentials) -> Checkout:
        ask: Callable[[], Checkout] = lambda: FakeSandbox.start_checkout(self, order, credentials)  # noqa: E731
        made: Checkout = outward("provider.start_checkout", ask, ProviderUnavailable)
        return made


class Payments(Scene):
    """The payment functions in one process, beside a provider; a tenant signed in who owes 450 euros."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.clock = FrozenClock(datetime(2026, 9, 2, 8, 0, tzinfo=UTC))
        self.house = House(aws, self.clock)
        self.house.bill("2026-09")
        self.clock.advance(MINUTE)
        self.provider = Provider()
        secret_ids = json.dumps(self.house.registry.secret_ids)
        prepare(aws, monkeypatch, PROVIDER_SECRETS=secret_ids, SANDBOX_URL="http://sandbox.example")
        self.token = self._sign_in()
        self.restart()

    def restart(self) -> None:
        names = ("payments/api", "payments/webhooks", "payments/posting")
        functions: list[Any] = [load(name) for name in names]
        self.api, self.webhooks, self.posting = functions
        made = (self.api.checkouts, self.webhooks.intake, self.posting.posting)
        for service in made:
            service.registry._made["sandbox"] = self.provider
        checkouts, intake, posting = made
        self.api.checkouts = replace(checkouts, clock=self.clock, retries=AT_ONCE)
        self.webhooks.intake = replace(intake, clock=self.clock)
        bookkeeping = replace(posting.bookkeeping, clock=self.clock, retries=AT_ONCE)
        self.posting.posting = replace(posting, bookkeeping=bookkeeping, clock=self.clock, retries=AT_ONCE)

    def wait(self) -> None:
        self.clock.advance(timedelta(seconds=31))

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        event = http_event(method, path, body, authorization=f"Bearer {self.token}", **headers)
        answer = self.api.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    def notify(self, message: dict[str, Any]) -> bool:
        """A webhook delivery: the same id and bytes each time it comes."""
        notification = self.house.signed(message)
        event = http_event("POST", "/v1/webhooks/sandbox", notification.body.decode())
        event["headers"] |= notification.headers
        return bool(self.webhooks.handler(event, None)["statusCode"] == HTTPStatus.NO_CONTENT)

    def deliver(self) -> bool:
        """The outbox, the bus and the queue: every announced delivery reaches posting."""
        announces = [
            item["announce"]
            for item in map(unmarshal, self.aws.dynamodb.scan(TableName=self.aws.money.name)["Items"])
            if item["pk"].startswith("DELIVERY#")
        ]
        records = [{"messageId": one["id"], "body": json.dumps(one)} for one in announces]
        return bool(self.posting.handler({"Records": records}, None) == {"batchItemFailures": []})

    def paid_in(self) -> tuple[int, list[int]]:
        """The balance, checked against the journal, and the journal's amounts."""
        entries = self.house.bookkeeping.statement(self.house.lease.lease_id).entries
        return self.house.balance, [entry.amount_cents for entry in entries]

    def of_kind(self, prefix: str) -> list[dict[str, Any]]:
        """The money table's items whose partition begins so."""
        items = map(unmarshal, self.aws.dynamodb.scan(TableName=self.aws.money.name)["Items"])
        return [item for item in items if item["pk"].startswith(prefix)]

    def _sign_in(self) -> str:
        lease = self.house.lease
        token = new_token(lease.person_id, lease.lease_id, lambda size: b"\x01" * size)
        now = datetime.now(UTC)
        opened = StoredSession(
            session_id=token.session_id,
            person_id=lease.person_id,
            lease_id=lease.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        self.aws.identity.write(Sessions(self.aws.identity).opening(opened))
        return str(token)


class CheckoutScene(Payments):
    """The same request with the same key, until it is answered."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        self.answers: list[Any] = []

    def trigger(self) -> bool:
        body = {"amount_cents": 45_000, "notices": ["2026-09"]}
        status, answer = self.ask("POST", "/v1/me/payments", body, idempotency_key="k1")
        if status == HTTPStatus.CREATED:
            self.answers.append(answer)
        return status == HTTPStatus.CREATED

    def check(self) -> None:
        [payment] = self.of_kind("PAYMENT#")
        assert {order.payment_id for order in self.provider.orders} == {payment["payment_id"]}
        assert all(answer == self.answers[0] for answer in self.answers)
        assert self.answers[0]["checkout_url"] == payment["checkout_url"]

    def go_on(self) -> None:
        [payment] = self.of_kind("PAYMENT#")
        assert self.notify(self.house.message(payment["payment_id"]))
        assert self.deliver()
        assert self.paid_in() == (0, [45_000, -45_000])

    def state(self) -> object:
        [request] = self.of_kind("IDEMPOTENCY#")
        return request["answer"]["amount_cents"], self.answers[-1]["state"]


class IntakeScene(Payments):
    """The same delivery until it is answered 2xx."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        self.payment_id = self.house.checkout().payment_id
        self.message = self.house.message(self.payment_id)

    def trigger(self) -> bool:
        return self.notify(self.message)

    def check(self) -> None:
        [delivery] = self.of_kind("DELIVERY#")
        assert delivery["body"] == json.dumps(self.message).encode()
        assert delivery["announce"]["payment_id"] == self.payment_id

    def go_on(self) -> None:
        assert self.deliver()
        assert self.paid_in() == (0, [45_000, -45_000])

    def state(self) -> object:
        return self.house.state(self.payment_id)


class PostingScene(Payments):
    """The same queue message until it is taken off the queue."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws, monkeypatch)
        self.payment_id = self.house.checkout().payment_id
        self.tell()

    def tell(self) -> None:
        assert self.notify(self.house.message(self.payment_id))

    def trigger(self) -> bool:
        return self.deliver()

    def check(self) -> None:
        [payment] = self.of_kind("PAYMENT#")
        assert payment["announce"]["state"] == self.house.state(self.payment_id).value
        assert all("gsi1pk" not in delivery for delivery in self.of_kind("DELIVERY#"))
        posted = sum(one["cents"] for one in payment["posted"].values())
        assert posted == sum(self.paid_in()[1]) - 45_000

    def state(self) -> object:
        return self.house.state(self.payment_id), self.paid_in()


class RefundPostingScene(PostingScene):
    """Money that a provider gave back, told together with the payment it is of."""

    def tell(self) -> None:
        self.clock.advance(MINUTE)
        assert self.notify(self.house.message(self.payment_id, rank=1))
        assert self.notify(self.house.message(self.payment_id, "payment.refunded", cents=20_000, rank=2))


class LatePostingScene(PostingScene):
    """An event from before what is folded: the journal is read whole."""

    def tell(self) -> None:
        earlier = self.clock.now - timedelta(days=1)
        assert self.notify(self.house.message(self.payment_id, at=earlier))


@pytest.mark.parametrize(
    "scene", [CheckoutScene, IntakeScene, PostingScene, RefundPostingScene, LatePostingScene]
)
def test_a_payment_survives_any_fault(
    scene: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults_of(stage(scene, monkeypatch)):
        fault.play()


@pytest.mark.long
@pytest.mark.parametrize("scene", [CheckoutScene, PostingScene, RefundPostingScene])
def test_a_payment_survives_a_fault_of_the_retry_too(
    scene: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in faults_of(stage(scene, monkeypatch), twice=True):
        fault.play()
