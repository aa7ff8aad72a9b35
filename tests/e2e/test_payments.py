"""Rent paid through every part for real: API, provider's page, webhook, stream, bus, queue, journal."""

import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from standardwebhooks import Webhook

from local.instance import Instance
from local.mailbox import Mail
from local.stack import DemoTenant, Stack

WaitFor = Callable[..., Any]


class Tenant:
    """Someone who has signed in, as a browser would."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self.http, self.headers = http, {"Authorization": f"Bearer {token}"}

    def get(self, path: str) -> Any:
        answer = self.http.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def balance(self) -> int:
        return int(self.get("/v1/me/account")["balance_cents"])

    @property
    def credits(self) -> list[int]:
        return [
            one["amount_cents"] for one in self.get("/v1/me/account")["entries"] if one["amount_cents"] < 0
        ]

    def checkout(self, cents: int, **more: Any) -> dict[str, Any]:
        answer = self.http.post(
            "/v1/me/payments",
            headers=self.headers | {"Idempotency-Key": secrets.token_hex(8)},
            json={"amount_cents": cents, "provider": "sandbox"} | more,
        )
        assert answer.status_code == 201, answer.text
        started: dict[str, Any] = answer.json()
        return started

    def state(self, started: dict[str, Any]) -> str:
        return str(self.get(f"/v1/me/payments/{started['payment_id']}")["state"])


@pytest.fixture(scope="module")
def sign_in(
    http: httpx.Client, mails: Callable[..., list[Mail]], wait_for: WaitFor
) -> Callable[[DemoTenant], Tenant]:
    """Signs a demo tenant in: tenant code, then the one-time code from the mailbox."""

    def enter(tenant: DemoTenant) -> Tenant:
        before = len(mails(tenant["email"]))
        asked = http.post("/v1/sign-ins", json={"tenant_code": tenant["tenant_code"]})
        assert asked.status_code == 202, asked.text
        wait_for(lambda: len(mails(tenant["email"])) > before)
        found = re.search(r"\b(\d{4}) (\d{4})\b", mails(tenant["email"])[0]["text"])
        assert found is not None
        path = f"/v1/sign-ins/{asked.json()['sign_in_id']}/confirm"
        opened = http.post(path, json={"otp": "".join(found.groups())})
        assert opened.status_code == 200, opened.text
        return Tenant(http, opened.json()["session_token"])

    return enter


@pytest.fixture(scope="module")
def debtor(stack: Stack, sign_in: Callable[[DemoTenant], Tenant]) -> Tenant:
    """A demo tenant in arrears."""
    for one in stack["demo_tenants"]:
        tenant = sign_in(one)
        if tenant.balance > 20_000:
            return tenant
    raise AssertionError("the seed has someone in arrears")


def press(started: dict[str, Any], action: str, faults: str = "") -> httpx.Response:
    """What the payer does on the provider's page."""
    form = {"action": action, "faults": faults}
    return httpx.post(started["checkout_url"], data=form, timeout=30, trust_env=False)


def stored(instance: Instance, stack: Stack) -> int:
    """How many items the money table has."""
    table = stack["tables"]["money"]
    pages = instance.client("dynamodb").get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)


def test_a_payment_whose_webhooks_come_doubled_and_in_the_wrong_order_is_posted_once(
    debtor: Tenant, wait_for: WaitFor
) -> None:
    before, credits = debtor.balance, debtor.credits
    started = debtor.checkout(5_000)

    page = httpx.get(started["checkout_url"], timeout=30, trust_env=False)
    back = press(started, "pay", "duplicate,reorder")

    assert "50,00" in page.text
    assert (back.status_code, back.headers["location"].split("/")[-1]) == (303, started["payment_id"])
    wait_for(lambda: debtor.state(started) == "paid")
    assert debtor.balance == before - 5_000
    assert debtor.credits == [*credits, -5_000]


def test_a_refused_card_moves_nothing_and_another_try_pays(debtor: Tenant, wait_for: WaitFor) -> None:
    before, started = debtor.balance, debtor.checkout(4_000)

    press(started, "refuse")
    wait_for(lambda: debtor.state(started) == "failed")
    assert debtor.balance == before
    press(started, "pay")

    wait_for(lambda: debtor.state(started) == "paid")
    assert debtor.balance == before - 4_000


def test_a_pending_payment_does_not_block_another(debtor: Tenant, wait_for: WaitFor) -> None:
    waiting = debtor.checkout(3_000)
    press(waiting, "later")
    wait_for(lambda: debtor.state(waiting) == "awaiting_provider")

    other = debtor.checkout(3_000)
    press(other, "pay")

    wait_for(lambda: debtor.state(other) == "paid")
    assert debtor.state(waiting) == "awaiting_provider"


def test_a_parent_pays_by_a_link_without_an_account(debtor: Tenant, stack: Stack, wait_for: WaitFor) -> None:
    before = debtor.balance
    made = debtor.http.post("/v1/me/payment-links", headers=debtor.headers, json={"amount_cents": 2_500})
    assert made.status_code == 201, made.text
    url = urlsplit(made.json()["url"])
    portal = httpx.Client(
        base_url=f"http://127.0.0.1:{url.port}", headers={"Host": url.netloc}, timeout=30, trust_env=False
    )

    with portal:
        asked = portal.get(url.path)
        key = re.search(r'name="key" value="(\w+)"', asked.text)
        assert key is not None, asked.text
        on = portal.post(url.path, data={"amount": "25,00", "key": key[1]})
        page = re.search(r'class="button" rel="noreferrer" href="([^"]+)"', on.text)
        assert page is not None, on.text
        press({"checkout_url": page[1].replace("&amp;", "&")}, "pay")
        wait_for(lambda: debtor.balance == before - 2_500)
        spent = portal.get(url.path)

    assert "rien à payer" in spent.text
    [link] = debtor.get("/v1/me/payment-links")["payment_links"]
    assert (link["state"], link["paid_cents"]) == ("used_up", 2_500)


def test_paying_everything_brings_the_balance_to_zero_and_the_same_webhook_twice_changes_nothing(
    debtor: Tenant, stack: Stack, instance: Instance, wait_for: WaitFor
) -> None:
    started = debtor.checkout(debtor.balance)
    press(started, "pay")
    wait_for(lambda: debtor.state(started) == "paid")
    assert debtor.balance == 0

    account, items = debtor.get("/v1/me/account"), stored(instance, stack)
    body = _settled(stack, started)
    first = _send(stack, body, stack["webhook_secrets"]["sandbox"], "msg_repeat")
    second = _send(stack, body, stack["webhook_secrets"]["sandbox"], "msg_repeat")

    assert (first.status_code, second.status_code) == (204, 204)
    wait_for(lambda: _delivery_state(instance, stack, "msg_repeat") == "posted")
    assert debtor.get("/v1/me/account") == account
    assert stored(instance, stack) == items + 1
    refused = debtor.http.post(
        "/v1/me/payments",
        headers=debtor.headers | {"Idempotency-Key": "nothing-left"},
        json={"amount_cents": 100},
    )
    assert refused.json()["type"] == "urn:sesame:problem:nothing-to-pay"


def test_a_forged_webhook_is_a_401_and_leaves_nothing(
    debtor: Tenant, stack: Stack, instance: Instance
) -> None:
    items, account = stored(instance, stack), debtor.get("/v1/me/account")

    answer = _send(stack, b"{}", "whsec_Zm9yZ2VkIHNlY3JldCwgbm90IG91cnM=", "msg_forged")

    assert answer.status_code == 401
    assert stored(instance, stack) == items
    assert debtor.get("/v1/me/account") == account


def _settled(stack: Stack, started: dict[str, Any]) -> bytes:
    """The event that the provider told already, told again under another id and in the same words."""
    events = httpx.get(
        f"{started['checkout_url'].rsplit('/pay/', 1)[0]}/events?since=",
        headers={"Authorization": f"Bearer {stack['webhook_secrets']['sandbox']}"},
        timeout=30,
        trust_env=False,
    ).json()["events"]
    mine = [one for one in events if one["data"]["reference"] == started["payment_id"]]
    return json.dumps(next(one for one in mine if one["type"] == "payment.settled")).encode()


def _send(stack: Stack, body: bytes, secret: str, message_id: str) -> httpx.Response:
    now = datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
    }
    url = f"{stack['api_url']}/v1/webhooks/sandbox"
    return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)


def _delivery_state(instance: Instance, stack: Stack, message_id: str) -> str:
    key = {"pk": {"S": f"DELIVERY#sandbox#{message_id}"}, "sk": {"S": "DELIVERY"}}
    item = instance.client("dynamodb").get_item(TableName=stack["tables"]["money"], Key=key)["Item"]
    return str(item["state"]["S"])
