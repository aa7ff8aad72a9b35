"""Rent paid through Stripe and GoCardless on the local AWS, their APIs answered by fakes on loopback."""

import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx
import pytest
import stripe as sdk

from local.deploy import Deployment
from local.instance import Instance
from local.stack import DemoTenant, Stack
from tests.e2e.test_payments import Tenant, sign_in  # noqa: F401 - a fixture
from tests.fakes.gocardless import TOKEN, FakeGoCardless
from tests.fakes.server import Served, serve
from tests.fakes.stripe import KEY, FakeStripe

WaitFor = Callable[..., Any]
STRIPE_SECRET, GOCARDLESS_SECRET = "whsec_e2e", "gocardless-e2e"


@pytest.fixture(scope="module")
def stripe() -> Iterator[tuple[FakeStripe, Served]]:
    """Stripe on loopback."""
    fake = FakeStripe(now=int(time.time()))
    with serve(fake) as served:
        yield fake, served


@pytest.fixture(scope="module")
def gocardless() -> Iterator[tuple[FakeGoCardless, Served]]:
    """GoCardless on loopback."""
    fake = FakeGoCardless(now=datetime.now(UTC))
    with serve(fake) as served:
        yield fake, served


@pytest.fixture(scope="module")
def tenant(
    stack: Stack,
    instance: Instance,
    deployment: Deployment,
    http: httpx.Client,
    staff: dict[str, str],
    stripe: tuple[FakeStripe, Served],
    gocardless: tuple[FakeGoCardless, Served],
    sign_in: Callable[[DemoTenant], Tenant],  # noqa: F811
) -> Tenant:
    """Someone in arrears, in a residence that offers both, whose operator has accounts at both."""
    accounts = {
        "StripeSecret": {"api_key": KEY, "webhook_secrets": [STRIPE_SECRET], "url": stripe[1].url},
        "GoCardlessSecret": {
            "api_key": TOKEN,
            "webhook_secrets": [GOCARDLESS_SECRET],
            "url": gocardless[1].url,
        },
    }
    manager = instance.client("secretsmanager")
    for secret, account in accounts.items():
        manager.put_secret_value(SecretId=deployment.resources[secret], SecretString=json.dumps(account))
    for residence in http.get("/v1/desk/residences", headers=staff).json()["residences"]:
        settings = residence["settings"] | {"other_providers": ["stripe", "gocardless"]}
        path = f"/v1/desk/residences/{residence['residence_id']}"
        answer = http.put(path, json=settings, headers=staff)
        assert answer.status_code == 200, answer.text
    for one in reversed(stack["demo_tenants"]):
        signed_in = sign_in(one)
        if signed_in.balance > 20_000:
            return signed_in
    raise AssertionError("the seed has someone in arrears")


def tell(stack: Stack, name: str, body: bytes, headers: dict[str, str]) -> int:
    """A notification; the answer's status."""
    url = f"{stack['api_url']}/v1/webhooks/{name}"
    return httpx.post(
        url, content=body, headers=headers | {"Content-Type": "application/json"}, timeout=30, trust_env=False
    ).status_code


def stripe_tells(stack: Stack, fake: FakeStripe, since: int = 0) -> None:
    """Every event, the last first, each twice."""
    for event in fake.events[since:][::-1]:
        body = json.dumps(event)
        header = sdk.WebhookSignature.generate_signature_header(payload=body, secret=STRIPE_SECRET)
        for _ in range(2):
            assert tell(stack, "stripe", body.encode(), {"Stripe-Signature": header}) == 200


def gocardless_tells(stack: Stack, fake: FakeGoCardless, since: int = 0) -> None:
    """Every event in one body."""
    body = json.dumps({"events": fake.events[since:]}).encode()
    signature = hmac.digest(GOCARDLESS_SECRET.encode(), body, sha256).hex()
    assert tell(stack, "gocardless", body, {"Webhook-Signature": signature}) == 204


def test_a_card_pays_by_stripe_and_a_lost_dispute_takes_it_back(
    tenant: Tenant, stack: Stack, stripe: tuple[FakeStripe, Served], wait_for: WaitFor
) -> None:
    fake, _ = stripe
    before = tenant.balance
    started = tenant.checkout(5_000, provider="stripe")
    [session] = [
        one for one in fake.things.values() if one.get("client_reference_id") == started["payment_id"]
    ]
    assert started["checkout_url"] == session["url"]

    intent = fake.submit(session["id"])["id"]
    fake.succeed(intent)
    stripe_tells(stack, fake)
    wait_for(lambda: tenant.state(started) == "paid")
    assert tenant.balance == before - 5_000

    told = len(fake.events)
    fake.pass_time(60)
    fake.close(fake.dispute(intent)["id"], "lost")
    stripe_tells(stack, fake, told)
    wait_for(lambda: tenant.state(started) == "charged_back")
    assert tenant.balance == before


def test_a_mandate_signed_at_gocardless_is_debited_paid_and_receipted(
    tenant: Tenant, stack: Stack, gocardless: tuple[FakeGoCardless, Served], wait_for: WaitFor
) -> None:
    fake, _ = gocardless
    started = tenant.checkout(tenant.balance, provider="gocardless")
    [request] = [one["id"] for one in fake.things.values() if one["kind"] == "billing_requests"]

    fake.fulfil(request)
    gocardless_tells(stack, fake)
    wait_for(lambda: tenant.state(started) == "awaiting_provider")
    [payment] = fake.bank
    told = len(fake.events)
    fake.submit(payment)
    fake.fail(payment, retry=True)
    fake.submit(payment)
    fake.confirm(payment)
    gocardless_tells(stack, fake, told)

    wait_for(lambda: tenant.state(started) == "paid")
    assert tenant.balance == 0
    period = tenant.get("/v1/me/notices")["notices"][0]["period"]
    receipt = tenant.http.post(
        "/v1/me/certificates", headers=tenant.headers, json={"kind": "receipt", "period": period}
    )
    assert receipt.status_code == 202, receipt.text


def test_what_neither_signed_gets_their_own_refusals(tenant: Tenant, stack: Stack) -> None:
    assert tell(stack, "stripe", b"{}", {"Stripe-Signature": "t=1,v1=ab"}) == 400
    assert tell(stack, "gocardless", b'{"events":[]}', {"Webhook-Signature": "ab"}) == 498
    assert tell(stack, "stripe:nowhere", b"{}", {}) == 404
