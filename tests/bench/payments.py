"""Payments: the CPU that intake takes, our reading of a notification against Stripe's own, and ten thousand
events through posting with the laws checked at the end.

Usage: PYTHONPATH=shared .venv/bin/python -m tests.bench.payments [events]
"""

import hmac
import importlib.util
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from io import StringIO
from itertools import count
from math import inf
from random import Random
from statistics import median
from types import ModuleType
from typing import Any, cast
from unittest.mock import patch

import stripe as sdk
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from local.instance import ROOT
from sesame.domain.journal import fold
from sesame.domain.payments import Payment, outcome
from sesame.platform import aws, logs
from sesame.platform.clock import utc_now
from sesame.platform.secrets import Secrets
from sesame.providers import http
from sesame.providers.base import Notification
from sesame.providers.registry import Registry
from sesame.providers.stripe import Stripe
from sesame.services.accounts import Bookkeeping
from sesame.services.posting import Posting
from sesame.services.retries import Retries
from sesame.store.accounts import Accounts
from sesame.store.deliveries import Deliveries, Delivery, Hints
from sesame.store.payments import Payments
from sesame.store.table import Table
from tests.bench.memory import MemoryDynamo
from tests.fakes import gocardless, stripe
from tests.fakes.server import request_of
from tests.fakes.worlds import ORDER, START, GoCardlessWorld, StripeWorld, happen

INTAKE_BUDGET_MS = 3.0
READING_BUDGET = 1.5
EVENTS = 10_000
SECRET = "whsec_bench"
ROUNDS, WARM = 400, 50


def stripe_body() -> bytes:
    """A payment intent's event as large as real ones are, some 2.4 kB."""
    world = StripeWorld()
    world.fake.succeed(world.fake.submit(world.session)["id"])
    event = json.loads(world.deliveries()[0])
    filler = {f"field_{number}": {"id": f"obj_{number}", "value": None} for number in range(30)}
    event["data"]["object"] |= filler | {"object": "payment_intent"}
    event["created"] = int(time.time())
    return json.dumps(event, indent=2).encode()


def signature(body: bytes) -> str:
    return str(sdk.WebhookSignature.generate_signature_header(payload=body.decode(), secret=SECRET))


# ---------------------------------------------------------------- reading


def reading() -> None:
    """Verify and parse against `stripe.Webhook.construct_event`, in turns, CPU time."""
    body = stripe_body()
    header = signature(body)
    notification = Notification(body=body, headers={"stripe-signature": header})
    adapter, now = Stripe(), utc_now()

    def ours() -> None:
        adapter.verify(notification, [SECRET], now)
        adapter.parse(notification)

    def theirs() -> None:
        sdk.Webhook.construct_event(body, header, SECRET)

    own, other = in_turns(ours, theirs)
    print(
        f"verify and parse, {len(body)} bytes: {own * 1000:.3f} ms; construct_event {other * 1000:.3f} ms; "
        f"ratio {own / other:.2f} (budget {READING_BUDGET})"
    )


def in_turns(*works: Callable[[], object]) -> list[float]:
    """The median CPU seconds of each."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for place, work in enumerate(works):
            started = time.process_time()
            work()
            taken[place].append(time.process_time() - started)
    return [median(each[WARM:]) for each in taken]


# ---------------------------------------------------------------- intake


def intake() -> None:
    """The handler, warm, with everything but the wire: what AWS answers is there at once."""
    webhooks = loaded(
        {
            "stripe": {"api_key": "sk_test_1", "webhook_secrets": [SECRET, "whsec_other"]},
            "gocardless": {"api_key": "sandbox_1", "webhook_secrets": [SECRET]},
        }
    )
    single = stripe_body()
    many = json.dumps({"events": [gocardless_event(number) for number in range(250)]}).encode()
    gc_header = {"webhook-signature": hmac.digest(SECRET.encode(), many, sha256).hex()}
    requests = {
        "one event of Stripe's": request("stripe", single, {"stripe-signature": signature(single)}),
        "250 events of GoCardless's": request("gocardless", many, gc_header),
    }
    for name, event in requests.items():
        [taken] = in_turns(partial(quietly, webhooks, event))
        budget = f" (budget {INTAKE_BUDGET_MS:.0f})" if name.startswith("one") else ""
        print(f"intake, {name}: {taken * 1000:.2f} ms CPU{budget}")


def quietly(webhooks: ModuleType, event: dict[str, Any]) -> None:
    answer = webhooks.handler(event, None)
    assert answer["statusCode"] < 300, answer


def gocardless_event(number: int) -> dict[str, Any]:
    return {
        "id": f"EV{number:014}",
        "created_at": "2026-09-05T10:00:00.000Z",
        "resource_type": "payments",
        "action": "confirmed",
        "links": {"payment": f"PM{number:014}"},
        "details": {"origin": "gocardless", "cause": "payment_confirmed", "description": "Confirmed."},
        "metadata": {},
        "resource_metadata": {"payment_id": f"p{number:025}", "lease_id": f"l{number:025}"},
    }


def request(name: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "events" / "http-webhook.json").read_text("utf-8"))
    path = f"/v1/webhooks/{name}"
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["headers"] |= headers
    event["body"] = body.decode()
    return event


def loaded(accounts: dict[str, Any]) -> ModuleType:
    """The function as Lambda loads it. Its clients' requests are made and signed, and answered unsent."""
    os.environ |= {
        "STAGE": "dev",
        "MONEY_TABLE": "money",
        "PROVIDER_SECRETS": json.dumps({name: name for name in accounts}),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_REGION": "eu-west-3",
        "POWERTOOLS_TRACE_DISABLED": "1",
    }
    aws.client.cache_clear()
    aws._session.cache_clear()

    def answered(request: Any, **_: Any) -> AWSResponse:
        answer: dict[str, Any] = {}
        if b"SecretId" in (request.body or b""):
            asked = json.loads(request.body)
            if asked["VersionStage"] == "AWSPREVIOUS":
                missing = {"__type": "ResourceNotFoundException"}
                return response(request, 400, missing)
            answer = {"SecretString": json.dumps(accounts[asked["SecretId"]])}
        return response(request, 200, answer)

    for service in ("dynamodb", "secretsmanager"):
        aws.client(service).meta.events.register("before-send", answered)
    spec = importlib.util.spec_from_file_location("webhooks", ROOT / "functions/payments/webhooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for handler in logs.logger.handlers:
        cast("logging.StreamHandler[Any]", handler).setStream(StringIO())
    return module


class Raw:
    """What botocore reads a body from."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.body


def response(request: Any, status: int, answer: dict[str, Any]) -> AWSResponse:
    body = json.dumps(answer).encode()
    headers = HTTPHeaders()
    headers["content-type"] = "application/x-amz-json-1.0"
    return AWSResponse(request.url, status, headers, Raw(body))


# ---------------------------------------------------------------- posting


def posting(wanted: int) -> None:
    """Lives of payments by both providers, shuffled with repeats, through the posting service."""
    random, numbers = Random(20), count(1)  # noqa: S311 - the same lives each time
    worlds: dict[str, StripeWorld | GoCardlessWorld] = {}
    bodies: list[tuple[str, str, bytes]] = []
    while len(bodies) < wanted:
        payment_id, lease_id = f"p{len(worlds):06}", f"l{len(worlds) // 8:06}"
        order = replace(ORDER, payment_id=payment_id, lease_id=lease_id)
        make = StripeWorld if len(worlds) % 2 else GoCardlessWorld
        world = worlds[payment_id] = make(order, numbers)
        for _ in range(random.randint(2, 9)):
            if not happen(world, random.choice):
                break
        told = world.deliveries()
        again = random.choices(told, k=1) if len(told) > 2 else []
        bodies += [(world.provider.name, payment_id, body) for body in [*told, *again]]
    random.shuffle(bodies)
    with answered(worlds):
        through_posting(worlds, bodies)


@contextmanager
def answered(worlds: dict[str, Any]) -> Iterator[None]:
    """Calls of the adapters find the world that has what they ask for."""
    owners: dict[str, Any] = {}
    for world in worlds.values():
        owners |= dict.fromkeys(world.fake.things, world)
        owners |= {one["mandate"]: world for one in world.fake.things.values() if "mandate" in one}

    def call(method: str, url: str, headers: Any, body: bytes | None = None) -> dict[str, Any]:
        request = request_of(method, url.removeprefix("http://fake.example"), headers, body or b"")
        names = {*request.path.split("/"), *request.query.values()}
        names.add(request.headers.get("idempotency-key", "").removeprefix("debit-"))
        status, document = next(owners[one] for one in names if one in owners).answer(request)
        if status >= 400:
            raise http.Refused(status, document)
        return dict(json.loads(json.dumps(document)))

    with patch.object(http, "call", call):
        yield


def through_posting(worlds: dict[str, Any], bodies: list[tuple[str, str, bytes]]) -> None:
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-3",
    }
    table = Table(MemoryDynamo(), "money")
    values = {
        "stripe": {"api_key": stripe.KEY, "webhook_secrets": ["x"], "url": "http://fake.example"},
        "gocardless": {"api_key": gocardless.TOKEN, "webhook_secrets": ["x"], "url": "http://fake.example"},
    }
    secrets = Secrets(None)
    for name, value in values.items():
        secrets._kept[name, "AWSCURRENT"] = secrets._kept[name, "AWSPREVIOUS"] = inf, json.dumps(value)
    now = START + timedelta(days=60)
    bookkeeping = Bookkeeping(Accounts(table), lambda: now)
    service = Posting(
        table=table,
        bookkeeping=bookkeeping,
        registry=Registry(stage="local", secrets=secrets, secret_ids={name: name for name in values}),
        clock=lambda: now,
        retries=Retries(attempts=1),
    )
    for payment_id, world in worlds.items():
        payment = Payment(
            payment_id=payment_id,
            lease_id=f"l{int(payment_id[1:]) // 8:06}",
            residence_id="r1",
            provider=world.provider.name,
            amount_cents=ORDER.amount_cents,
            created_at=START,
        )
        table.write(Payments(table).creating(payment))
    deliveries = Deliveries(table)
    for number, (name, _, body) in enumerate(bodies):
        delivery = Delivery(
            provider=name, delivery_id=f"d{number}", body=body, headers={}, query="", received_at=now
        )
        deliveries.store(delivery, Hints())
    started = time.perf_counter()
    with redirect_stdout(StringIO()):
        for number, (name, payment_id, _) in enumerate(bodies):
            lease_id = f"l{int(payment_id[1:]) // 8:06}"
            service.post(name, f"d{number}", Hints(payment_id=payment_id, lease_id=lease_id))
    seconds = time.perf_counter() - started
    check(worlds, bookkeeping, Payments(table))
    print(
        f"posting, {len(bodies)} deliveries of {len(worlds)} payments: {seconds:.0f} s, "
        f"{len(bodies) / seconds:.0f} a second; every law holds"
    )


def check(worlds: dict[str, Any], bookkeeping: Bookkeeping, payments: Payments) -> None:
    """Payments stand as their providers say; journals sum to that, and to the stored balances."""
    held: dict[str, int] = {}
    for payment_id, world in worlds.items():
        payment = payments.get(payment_id)
        assert payment is not None
        reached = outcome(payment)
        assert (reached.state, reached.net_cents) == world.truth(), payment_id
        held[payment.lease_id] = held.get(payment.lease_id, 0) + reached.net_cents
    for lease_id, cents in held.items():
        journal = bookkeeping.accounts.journal(lease_id)
        kept = bookkeeping.overview(lease_id)
        assert sum(entry.amount_cents for entry in journal.entries) == -cents, lease_id
        assert (kept.checkpoint if kept else fold([]).checkpoint) == fold(journal.entries).checkpoint, (
            lease_id
        )


def main(wanted: int = EVENTS) -> None:
    """Everything, in a process of its own: the environment is changed."""
    reading()
    intake()
    posting(wanted)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)
