"""Intake as the gateway calls it: each provider's own answer, and a clean 4xx to whatever is hostile."""

import hmac
import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest
import stripe as sdk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from sesame.platform import aws as platform_aws
from sesame.platform.clock import utc_now
from sesame.store import keys
from tests.integration.aws_calls import count_calls
from tests.integration.entries import load, prepare

SANDBOX_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRIPE_OLD, STRIPE_NEW, STRIPE_LYON = "whsec_old", "whsec_new", "whsec_lyon"
GOCARDLESS_SECRET = "gc-secret"


@pytest.fixture
def webhooks(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The function, with accounts at every provider and Stripe's secret under rotation."""
    lyon = {"api_key": "sk_test_lyon", "webhook_secrets": [STRIPE_LYON]}
    accounts: dict[str, Any] = {
        "sandbox": SANDBOX_SECRET,
        "stripe": {
            "api_key": "sk_test_1",
            "webhook_secrets": [STRIPE_NEW, STRIPE_OLD],
            "accounts": {"lyon": lyon},
        },
        "gocardless": {"api_key": "sandbox_1", "webhook_secrets": [GOCARDLESS_SECRET]},
    }
    secrets = {
        name: aws.secrets.create_secret(
            Name=name, SecretString=value if isinstance(value, str) else json.dumps(value)
        )["ARN"]
        for name, value in accounts.items()
    }
    prepare(aws, monkeypatch, PROVIDER_SECRETS=json.dumps(secrets))
    yield load("payments/webhooks")
    platform_aws.client.cache_clear()


def stripe_event(event_id: str = "evt_1") -> bytes:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount_received": 45_000,
        "currency": "eur",
        "metadata": {"payment_id": "p1", "lease_id": "l1"},
    }
    event = {
        "id": event_id,
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": intent},
    }
    return json.dumps(event).encode()


def gocardless_events(count: int = 1) -> bytes:
    events = [
        {
            "id": f"EV{number}",
            "created_at": "2026-09-05T10:00:00.000Z",
            "resource_type": "payments",
            "action": "confirmed",
            "links": {"payment": f"PM{number}"},
            "resource_metadata": {"payment_id": f"p{number}", "lease_id": f"l{number}"},
        }
        for number in range(count)
    ]
    return json.dumps({"events": events, "meta": {"webhook_id": "WB1"}}).encode()


def by_stripe(body: bytes, secret: str = STRIPE_NEW) -> dict[str, str]:
    header = sdk.WebhookSignature.generate_signature_header(
        payload=body.decode("utf-8", "surrogateescape"), secret=secret, timestamp=int(time.time())
    )
    return {"Stripe-Signature": header}


def by_stripes_scheme(body: bytes) -> dict[str, str]:
    """The same for bytes that are no text, which Stripe's own library does not sign."""
    stamp = str(int(time.time()))
    mac = hmac.digest(STRIPE_NEW.encode(), f"{stamp}.".encode() + body, sha256).hex()
    return {"stripe-signature": f"t={stamp},v1={mac}"}


def by_gocardless(body: bytes) -> dict[str, str]:
    return {"webhook-signature": hmac.digest(GOCARDLESS_SECRET.encode(), body, sha256).hex()}


def by_sandbox(body: bytes) -> dict[str, str]:
    now = utc_now()
    signature = Webhook(SANDBOX_SECRET).sign("msg_1", now, body.decode("latin-1"))
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def send(
    webhooks: ModuleType, path: str, body: bytes | str, headers: dict[str, str], query: str = ""
) -> dict[str, Any]:
    """A POST, in base64 as the gateway does with what it takes for no text."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "POST /v1/webhooks/{provider}",
        "rawPath": f"/v1/webhooks/{path}",
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "http": {"method": "POST", "path": f"/v1/webhooks/{path}", "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "1",
        },
        "pathParameters": {"provider": unquote(path)},
        "body": body if isinstance(body, str) else b64encode(body).decode(),
        "isBase64Encoded": isinstance(body, bytes),
    }
    answer: dict[str, Any] = webhooks.handler(event, None)
    return answer


def test_stripe_gets_a_200_once_its_event_is_kept_and_again_when_it_repeats_it(
    webhooks: ModuleType, aws: Any
) -> None:
    body = stripe_event()

    answers = [send(webhooks, "stripe", body, by_stripe(body, STRIPE_OLD))["statusCode"] for _ in range(2)]

    kept = aws.money.get(keys.delivery("stripe", "evt_1"))
    assert answers == [200, 200]
    assert (kept["body"], kept["announce"]["payment_id"]) == (body, "p1")


def test_gocardless_gets_its_own_answers(webhooks: ModuleType, aws: Any) -> None:
    body = gocardless_events(250)

    assert send(webhooks, "gocardless", body, by_gocardless(body))["statusCode"] == 204
    assert send(webhooks, "gocardless", body, by_gocardless(b"other"))["statusCode"] == 498
    assert send(webhooks, "gocardless", body, {})["statusCode"] == 498
    assert aws.money.get(keys.delivery("gocardless", sha256(body).hexdigest()))["body"] == body


def test_a_body_with_too_many_events_is_refused_whole(webhooks: ModuleType) -> None:
    body = gocardless_events(251)

    assert send(webhooks, "gocardless", body, by_gocardless(body))["statusCode"] == 400


def test_an_accounts_address_believes_that_accounts_secret_and_no_other(
    webhooks: ModuleType, aws: Any
) -> None:
    body = stripe_event()

    assert send(webhooks, "stripe:lyon", body, by_stripe(body))["statusCode"] == 400
    assert send(webhooks, "stripe", body, by_stripe(body, STRIPE_LYON))["statusCode"] == 400
    assert send(webhooks, "stripe:lyon", body, by_stripe(body, STRIPE_LYON))["statusCode"] == 200
    assert aws.money.get(keys.delivery("stripe:lyon", "evt_1")) is not None
    assert aws.money.get(keys.delivery("stripe", "evt_1")) is None


@pytest.mark.parametrize(
    ("path", "make", "sign"),
    [
        ("stripe", stripe_event, by_stripe),
        ("gocardless", gocardless_events, by_gocardless),
    ],
)
def test_a_notification_is_one_call(
    webhooks: ModuleType, path: str, make: Callable[[], bytes], sign: Callable[[bytes], dict[str, str]]
) -> None:
    body = make()
    send(webhooks, path, body, sign(body))

    with count_calls(platform_aws.client("dynamodb"), platform_aws.client("secretsmanager")) as calls:
        send(webhooks, path, body, sign(body))

    assert calls == ["PutItem"]


def test_what_is_too_large_is_a_413(webhooks: ModuleType) -> None:
    body = b" " * (256 * 1024) + stripe_event()

    assert send(webhooks, "stripe", body, by_stripe(body))["statusCode"] == 413
    assert send(webhooks, "stripe", stripe_event(), {}, query="q" * 9000)["statusCode"] == 413


hostile = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ("stripe-signature", "webhook-signature", "webhook-id", "webhook-timestamp", "content-type")
PATHS = st.sampled_from(["stripe", "gocardless", "sandbox", "stripe:lyon"])
any_text = st.text(st.characters(exclude_categories=[]), max_size=60)


@hostile
@given(
    path=PATHS | st.text(max_size=20),
    headers=st.dictionaries(st.sampled_from(NAMES), any_text),
    body=st.binary(max_size=80) | any_text,
    query=any_text,
)
def test_whatever_nobody_signed_is_a_4xx(
    webhooks: ModuleType, path: str, headers: dict[str, str], body: bytes | str, query: str
) -> None:
    answer = send(webhooks, path, body, headers, query)

    assert 400 <= answer["statusCode"] < 500


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)
shaped = st.builds(
    lambda kind, thing, more: {
        "id": "evt_1", "object": "event", "type": kind, "data": {"object": thing},
        "events": [thing], "created": 1, "livemode": True,
    } | more,
    st.sampled_from(["payment_intent.succeeded", "charge.dispute.created", "refund.failed", "x"]),
    json_values,
    st.dictionaries(st.sampled_from(["id", "type", "data", "events", "created"]), json_values, max_size=2),
)  # fmt: skip


@hostile
@given(path=st.sampled_from(["stripe", "gocardless", "sandbox"]), value=json_values | shaped, query=any_text)
def test_whatever_a_stolen_secret_signs_is_taken_or_a_4xx(
    webhooks: ModuleType, path: str, value: Any, query: str
) -> None:
    body = json.dumps(value).encode()
    sign = {"stripe": by_stripes_scheme, "gocardless": by_gocardless, "sandbox": by_sandbox}[path]

    answer = send(webhooks, path, body, sign(body), query)

    assert 200 <= answer["statusCode"] < 500


@hostile
@given(body=st.binary(max_size=100), junk=any_text)
def test_a_good_signature_with_anything_beside_it_is_no_fault_of_ours(
    webhooks: ModuleType, body: bytes, junk: str
) -> None:
    good = by_stripes_scheme(body)["stripe-signature"]

    answer = send(webhooks, "stripe", body, {"stripe-signature": f"{good},{junk}"})

    assert 400 <= answer["statusCode"] < 500
