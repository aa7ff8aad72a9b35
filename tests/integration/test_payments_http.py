"""The payment functions as API Gateway and SQS call them."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest
from standardwebhooks import Webhook

from sesame.domain.notices import LineKind, Notice, NoticeLine
from sesame.platform import aws as platform_aws
from sesame.platform.clock import utc_now
from sesame.providers.base import (
    Checkout,
    CheckoutOrder,
    Credentials,
    ProviderRefused,
    ProviderUnavailable,
)
from sesame.services.accounts import Bookkeeping
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.sessions import Sessions, StoredSession, new_token
from tests.integration.aws_calls import count_calls
from tests.integration.entries import load, prepare
from tests.integration.tenants import Tenant, admit

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Functions:
    """The three functions, loaded as Lambda does, and a tenant who is signed in and owes 450 euros."""

    def __init__(self, aws: Any, load: Callable[[str], ModuleType]) -> None:
        self.aws = aws
        self.api, self.webhooks, self.posting = (load(name) for name in ("api", "webhooks", "posting"))
        self.tenant = admit(aws)
        self.token = self.sign_in(self.tenant)
        self.bill()

    def sign_in(self, tenant: Tenant) -> str:
        token = new_token(tenant.person.person_id, tenant.lease.lease_id, lambda size: b"\x01" * size)
        now = utc_now()
        sessions = Sessions(self.aws.identity)
        stored = StoredSession(
            session_id=token.session_id,
            person_id=tenant.person.person_id,
            lease_id=tenant.lease.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        self.aws.identity.write(sessions.opening(stored))
        return str(token)

    def bill(self) -> None:
        today = utc_now().date()
        line = NoticeLine(
            kind=LineKind.RENT, starts_on=today, ends_on=today, monthly_cents=45_000, amount_cents=45_000
        )
        notice = Notice(
            lease_id=self.tenant.lease.lease_id,
            residence_id=self.tenant.lease.residence_id,
            period="2026-09",
            starts_on=today,
            ends_on=today,
            due_on=today,
            lines=(line,),
        )
        Bookkeeping(Accounts(self.aws.money), lambda: utc_now() - timedelta(minutes=1)).issue_notice(notice)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        answer = self.ask_raw(method, path, body, **headers)
        return answer["statusCode"], json.loads(answer["body"])

    def ask_raw(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        event = _event(method, path, None if body is None else json.dumps(body))
        event["headers"] |= {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer: dict[str, Any] = self.api.handler(event, None)
        return answer

    def notify(
        self,
        body: bytes,
        *,
        base64: bool = False,
        path: str = "sandbox",
        headers: dict[str, str] | None = None,
    ) -> Any:
        text = b64encode(body).decode() if base64 else body.decode()
        event = _event("POST", f"/v1/webhooks/{path}", text)
        event["isBase64Encoded"] = base64
        now = utc_now()
        event["headers"] |= {
            "content-type": "application/json",
            "webhook-id": "msg-1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("msg-1", now, body.decode()),
        }
        event["headers"] |= headers or {}
        return self.webhooks.handler(event, None)

    def pay(self) -> str:
        body = {"amount_cents": 45_000}
        status, started = self.ask("POST", "/v1/me/payments", body, idempotency_key="k1")
        assert status == HTTPStatus.CREATED, started
        return str(started["payment_id"])

    def settled(self, payment_id: str, **more: Any) -> bytes:
        message = {
            "id": "evt-1",
            "type": "payment.settled",
            "created_at": utc_now().isoformat(),
            "rank": 1,
            "data": {
                "reference": payment_id,
                "account": self.tenant.lease.lease_id,
                "amount_cents": 45_000,
                "currency": "EUR",
            },
        }
        return json.dumps(message | more).encode()

    def relay(self) -> dict[str, Any]:
        """The outbox, the bus and the queue: what a kept delivery announces reaches posting."""
        announce = self.aws.money.get(keys.delivery("sandbox", "msg-1"))["announce"]
        envelope = {"detail-type": announce["type"], "source": "sesame", "detail": announce}
        records = [{"messageId": "1", "body": json.dumps(envelope)}]
        result: dict[str, Any] = self.posting.handler({"Records": records}, None)
        return result


def _event(method: str, path: str, body: str | None) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"accept-language": "fr"},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "1",
        },
        "body": body,
        "isBase64Encoded": False,
    }


@pytest.fixture
def functions(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Functions]:
    """On one account, with a sandbox whose pages need no server."""
    secret = aws.secrets.create_secret(Name="sandbox", SecretString=SECRET)["ARN"]
    prepare(
        aws,
        monkeypatch,
        PROVIDER_SECRETS=json.dumps({"sandbox": secret}),
        SANDBOX_URL="http://sandbox.example",
    )

    def open_page(_self: Any, order: CheckoutOrder, _credentials: Credentials) -> Checkout:
        return Checkout(url=f"http://sandbox.example/pay/{order.payment_id}", provider_reference="co_1")

    monkeypatch.setattr("sesame.providers.sandbox.Sandbox.start_checkout", open_page)

    yield Functions(aws, lambda name: load(f"payments/{name}"))
    platform_aws.client.cache_clear()


def test_from_checkout_to_a_paid_payment_over_http(functions: Functions) -> None:
    payment_id = functions.pay()

    assert functions.notify(functions.settled(payment_id))["statusCode"] == HTTPStatus.NO_CONTENT
    assert functions.relay() == {"batchItemFailures": []}

    status, shown = functions.ask("GET", f"/v1/me/payments/{payment_id}")
    assert status == HTTPStatus.OK
    assert (shown["state"], shown["paid_cents"], shown["checkout_url"]) == ("paid", 45_000, None)
    assert functions.ask("GET", "/v1/me/payments")[1] == {"payments": [shown], "next": None}


def test_a_provider_that_says_no_is_told_apart_from_one_that_does_not_answer(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(error: Exception) -> Any:
        def start_checkout(*_: Any) -> Checkout:
            raise error

        monkeypatch.setattr("sesame.providers.sandbox.Sandbox.start_checkout", start_checkout)
        event = _event("POST", "/v1/me/payments", json.dumps({"amount_cents": 45_000}))
        event["headers"] |= {"authorization": f"Bearer {functions.token}", "idempotency-key": "k1"}
        event["headers"] |= {"content-type": "application/json"}
        return functions.api.handler(event, None)

    unavailable, refused = failing(ProviderUnavailable()), failing(ProviderRefused())

    assert unavailable["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE
    assert refused["statusCode"] == HTTPStatus.BAD_GATEWAY
    assert json.loads(refused["body"])["type"] == "urn:sesame:problem:provider-refused-payment"
    assert "Retry-After" in str(unavailable)
    assert "Retry-After" not in str(refused)


def test_a_checkout_says_where_to_pay(functions: Functions) -> None:
    body = {"amount_cents": 10_000, "notices": ["2026-09"], "provider": "sandbox"}

    status, started = functions.ask("POST", "/v1/me/payments", body, idempotency_key="k1")

    assert status == HTTPStatus.CREATED
    assert set(started) == {"payment_id", "checkout_url", "state", "amount_cents", "currency"}
    assert started["checkout_url"] == f"http://sandbox.example/pay/{started['payment_id']}"
    assert functions.ask("POST", "/v1/me/payments", body, idempotency_key="k1") == (status, started)


@pytest.mark.parametrize(
    ("body", "headers", "slug"),
    [
        ({"amount_cents": 45_000}, {}, "invalid"),
        ({"amount_cents": 45_000}, {"idempotency_key": ""}, "invalid"),
        ({"amount_cents": 45_000}, {"idempotency_key": "k" * 256}, "invalid"),
        ({"amount_cents": 45_001}, {"idempotency_key": "k"}, "wrong-amount"),
        ({"amount_cents": 50}, {"idempotency_key": "k"}, "wrong-amount"),
        ({"amount_cents": -1}, {"idempotency_key": "k"}, "invalid"),
        ({"amount_cents": "450"}, {"idempotency_key": "k"}, "invalid"),
        ({"amount_cents": 10**30}, {"idempotency_key": "k"}, "invalid"),
        ({"amount_cents": 45_000, "notices": ["2026-13"]}, {"idempotency_key": "k"}, "invalid"),
        ({"amount_cents": 45_000, "notices": ["2026-12"]}, {"idempotency_key": "k"}, "unknown-notice"),
        ({"amount_cents": 45_000, "provider": "nobody"}, {"idempotency_key": "k"}, "provider-not-offered"),
        ({"amount_cents": 45_000, "more": 1}, {"idempotency_key": "k"}, "invalid"),
    ],
)
def test_a_checkout_that_cannot_be_is_a_422_that_says_why(
    functions: Functions, body: dict[str, Any], headers: dict[str, str], slug: str
) -> None:
    status, problem = functions.ask("POST", "/v1/me/payments", body, **headers)

    assert (status, problem["type"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, f"urn:sesame:problem:{slug}")


def test_the_same_key_with_another_body_is_a_422(functions: Functions) -> None:
    functions.pay()

    status, problem = functions.ask("POST", "/v1/me/payments", {"amount_cents": 44_000}, idempotency_key="k1")

    assert status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert problem["type"] == "urn:sesame:problem:idempotency-key-reused"


def test_another_tenants_payment_is_not_found(functions: Functions) -> None:
    payment_id = functions.pay()
    functions.token = functions.sign_in(admit(functions.aws, ine=None, email="other@example.org"))

    assert functions.ask("GET", f"/v1/me/payments/{payment_id}")[0] == HTTPStatus.NOT_FOUND
    assert functions.ask("GET", "/v1/me/payments")[1]["payments"] == []


def test_without_a_session_nothing_is_shown(functions: Functions) -> None:
    functions.token = "nothing"

    assert functions.ask("GET", "/v1/me/payments")[0] == HTTPStatus.UNAUTHORIZED


def test_a_checkout_makes_four_calls_the_session_included(functions: Functions) -> None:
    functions.pay()

    with count_calls(platform_aws.client("dynamodb"), platform_aws.client("secretsmanager")) as calls:
        functions.ask("POST", "/v1/me/payments", {"amount_cents": 100}, idempotency_key="k2")

    assert calls == ["BatchGetItem", "BatchGetItem", "TransactWriteItems", "TransactWriteItems"]


def test_a_notification_is_one_call(functions: Functions) -> None:
    body = functions.settled(functions.pay())
    functions.notify(body, headers={"webhook-id": "warm"})

    with count_calls(platform_aws.client("dynamodb"), platform_aws.client("secretsmanager")) as calls:
        functions.notify(body)

    assert calls == ["PutItem"]


def test_a_body_in_base64_is_the_same_body(functions: Functions) -> None:
    body = functions.settled(functions.pay(), note="é")

    assert functions.notify(body, base64=True)["statusCode"] == HTTPStatus.NO_CONTENT
    assert functions.aws.money.get(keys.delivery("sandbox", "msg-1"))["body"] == body


def test_a_repeat_is_a_2xx_too(functions: Functions) -> None:
    body = functions.settled(functions.pay())

    assert [functions.notify(body)["statusCode"] for _ in range(2)] == [204, 204]


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,forged"},
        {"webhook-signature": ""},
        {"webhook-timestamp": "yesterday"},
        {"webhook-timestamp": "1788300000"},
        {"webhook-id": ""},
    ],
)
def test_a_forged_notification_is_a_401_and_leaves_nothing(
    functions: Functions, headers: dict[str, str]
) -> None:
    answer = functions.notify(functions.settled("p1"), headers=headers)

    assert answer["statusCode"] == HTTPStatus.UNAUTHORIZED
    assert functions.aws.money.get(keys.delivery("sandbox", "msg-1")) is None


def test_what_no_provider_would_send_is_a_clean_4xx(functions: Functions) -> None:
    assert functions.notify(b"{}", path="nobody")["statusCode"] == HTTPStatus.NOT_FOUND
    assert functions.notify(b"{}")["statusCode"] == HTTPStatus.BAD_REQUEST
    assert functions.notify(b"")["statusCode"] == HTTPStatus.BAD_REQUEST
    assert functions.notify(b"x" * (256 * 1024 + 1))["statusCode"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize("base64", [False, True])
def test_a_large_notification_is_taken(functions: Functions, base64: bool) -> None:
    body = functions.settled(functions.pay(), note="x" * 200_000)

    assert functions.notify(body, base64=base64)["statusCode"] == HTTPStatus.NO_CONTENT


def test_a_delivery_that_cannot_be_posted_yet_goes_back_to_the_queue(functions: Functions) -> None:
    functions.notify(functions.settled("never-made"))

    assert functions.relay() == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_page_of_payments_that_is_not_there_is_not_found(functions: Functions) -> None:
    event = _event("GET", "/v1/me/payments", None)
    event["headers"]["authorization"] = f"Bearer {functions.token}"
    event["rawQueryString"], event["queryStringParameters"] = "after=nothing", {"after": "nothing"}

    assert functions.api.handler(event, None)["statusCode"] == HTTPStatus.NOT_FOUND
