"""Money without a provider, and what a provider says that nobody expected, through every part for real."""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from local.deploy import Deployment, resources_of
from local.doctor import Trouble
from local.instance import Instance
from local.redrive import redrive
from local.stack import Stack

WaitFor = Callable[..., Any]
Invoke = Callable[[str, dict[str, Any]], Any]


class Desk:
    """Somebody at a desk who may do all of it, and one demo tenant's lease."""

    def __init__(self, http: httpx.Client, headers: dict[str, str], lease_id: str, reference: str) -> None:
        self.http, self.headers = http, headers
        self.lease_id, self.tenant_reference = lease_id, reference

    def ask(self, method: str, path: str, body: Any = None, *, expects: int = 200, **headers: str) -> Any:
        """One request; its answer."""
        sent = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        answer = self.http.request(method, path, headers=self.headers | headers, **sent)
        assert answer.status_code == expects, answer.text
        return answer.json()

    def of_lease(self, path: str) -> str:
        """A path of the tenant's lease."""
        return f"/v1/desk/leases/{self.lease_id}/{path}"

    @property
    def account(self) -> dict[str, Any]:
        """Balance, credit and deposit as the desk sees them."""
        return dict(self.ask("GET", self.of_lease("payments")))

    def take(self, **body: Any) -> Any:
        """A payment at the desk."""
        today = datetime.now(UTC).date().isoformat()
        wanted = {"kind": "cash", "amount_cents": 5_000, "received_on": today} | body
        key = {"Idempotency-Key": secrets.token_hex(8)}
        return self.ask("POST", self.of_lease("payments"), wanted, expects=201, **key)


@pytest.fixture(scope="module")
def desk(http: httpx.Client, staff: dict[str, str], stack: Stack) -> Desk:
    name = stack["demo_tenants"][0]["name"]
    found = http.post("/v1/desk/lease-searches", headers=staff, json={"query": name})
    lease = found.json()["leases"][0]
    return Desk(http, staff, lease["lease_id"], lease["tenant_reference"])


def test_cash_is_receipted_counted_and_reversed(desk: Desk, wait_for: WaitFor) -> None:
    before = desk.account["balance_cents"]

    paid = desk.take()
    receipt = wait_for(lambda: _ready(desk.ask("GET", paid["receipt"])), seconds=60)
    pdf = httpx.get(receipt["download_url"], timeout=30, trust_env=False)
    till = desk.ask("GET", f"/v1/desk/residences/{_residence(desk)}/till")

    assert pdf.content.startswith(b"%PDF")
    assert desk.account["balance_cents"] == before - 5_000
    assert {"kind": "cash", "received_cents": 5_000}.items() <= till["totals"][0].items()
    desk.ask("POST", desk.of_lease(f"payments/{paid['payment_id']}/reversal"), {"reason": "typing_error"})
    assert desk.account["balance_cents"] == before
    desk.ask("GET", paid["receipt"], expects=404)


def test_a_deposit_comes_and_goes_apart_from_rent(desk: Desk) -> None:
    before = desk.account
    desk.take(purpose="deposit", amount_cents=30_000)
    today = datetime.now(UTC).date().isoformat()
    deductions = [{"kind": "keys", "amount_cents": 1_500}]
    body = {"kind": "transfer", "reference": "V1", "returned_on": today, "deductions": deductions}

    given = desk.ask(
        "POST", desk.of_lease("deposit/returns"), body, expects=201, **{"Idempotency-Key": "back"}
    )

    assert given["returned_cents"] == before["deposit_held_cents"] + 28_500
    assert desk.account["deposit_held_cents"] == 0
    assert desk.account["balance_cents"] == before["balance_cents"]


def test_the_cafs_file_is_posted_by_the_queue_and_once(desk: Desk, wait_for: WaitFor) -> None:
    before, today = desk.account["balance_cents"], datetime.now(UTC).date()
    rows = f"Tenant reference;Month;Amount;Paid on\n{desk.tenant_reference};{today:%Y-%m};70,00;{today}\n"

    for number, counted in enumerate(((1, 0), (0, 1))):
        kind = {"Content-Type": "application/octet-stream"}
        taken = desk.ask("POST", "/v1/desk/aid-imports", rows.encode(), expects=202, **kind)
        path = f"/v1/desk/aid-imports/{taken['import_id']}"
        report = wait_for(lambda path=path: _done(desk.ask("GET", path)))
        assert (report["posted"], report["known"], report["problems"]) == (*counted, []), number
    assert desk.account["balance_cents"] == before - 7_000


def test_a_payment_that_cannot_be_posted_ends_in_the_dead_letters_and_redriven_is_posted(
    desk: Desk, stack: Stack, instance: Instance, deployment: Deployment, wait_for: WaitFor
) -> None:
    sqs, dynamodb = instance.client("sqs"), instance.client("dynamodb")
    queues, table = deployment.resources, stack["tables"]["money"]
    # five tries in seconds instead of a quarter of an hour
    sqs.set_queue_attributes(QueueUrl=queues["PostingQueue"], Attributes={"VisibilityTimeout": "1"})
    payment_id = secrets.token_hex(13)
    item = _payment(desk, payment_id)
    dynamodb.put_item(TableName=table, Item=item | {"created_at": {"S": "not a time"}})
    before = desk.account["balance_cents"]

    assert _tell(stack, desk, payment_id).status_code == 204
    wait_for(lambda: _waiting(sqs, queues["PostingDeadLetters"]) == 1, seconds=60)
    assert desk.account["balance_cents"] == before

    dynamodb.put_item(TableName=table, Item=item)
    assert redrive(sqs, resources_of(instance), "Posting") == 1
    wait_for(lambda: desk.account["balance_cents"] == before - 4_321)
    assert _waiting(sqs, queues["PostingDeadLetters"]) == 0
    sqs.set_queue_attributes(QueueUrl=queues["PostingQueue"], Attributes={"VisibilityTimeout": "180"})
    with pytest.raises(Trouble, match="Posting"):
        redrive(sqs, resources_of(instance), "Nothing")


def test_what_a_provider_never_told_is_found_by_the_nights_run(
    desk: Desk, invoke: Invoke, stack: Stack, wait_for: WaitFor
) -> None:
    run = invoke("ReconcilePlanFunction", {})
    day = datetime.now(UTC).date().isoformat()

    report = wait_for(lambda: _finished(desk.ask("GET", f"/v1/desk/reconciliations/{day}")), seconds=60)

    assert run["residences"] == len({one["residence_id"] for one in _residences(desk)})
    assert report["differing"] == []
    assert report["accounts"] >= len(stack["demo_tenants"])


def test_a_sweep_finds_nothing_that_waits(invoke: Invoke, wait_for: WaitFor) -> None:
    wait_for(lambda: invoke("SweepFunction", {})["queued"] == 0)


def _ready(receipt: dict[str, Any]) -> dict[str, Any] | None:
    return receipt if receipt["status"] == "ready" else None


def _done(report: dict[str, Any]) -> dict[str, Any] | None:
    return report if report["status"] == "done" else None


def _finished(report: dict[str, Any]) -> dict[str, Any] | None:
    return report if report["finished"] else None


def _residences(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.ask("GET", "/v1/desk/residences")["residences"])


def _residence(desk: Desk) -> str:
    return str(desk.ask("GET", f"/v1/desk/leases/{desk.lease_id}")["residence_id"])


def _waiting(sqs: Any, queue: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    return int(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"][names[0]])


def _payment(desk: Desk, payment_id: str) -> dict[str, Any]:
    """A checkout's record, as the table has it."""
    return {
        "pk": {"S": f"PAYMENT#{payment_id}"},
        "sk": {"S": "PAYMENT"},
        "payment_id": {"S": payment_id},
        "lease_id": {"S": desk.lease_id},
        "residence_id": {"S": _residence(desk)},
        "provider": {"S": "sandbox"},
        "amount_cents": {"N": "4321"},
        "currency": {"S": "EUR"},
        "created_at": {"S": datetime.now(UTC).isoformat()},
        "events": {"L": []},
        "posted": {"M": {}},
        "state": {"S": "created"},
        "version": {"N": "1"},
    }


def _tell(stack: Stack, desk: Desk, payment_id: str) -> httpx.Response:
    """The provider says that it is paid."""
    now, message_id = datetime.now(UTC), f"msg_{secrets.token_hex(6)}"
    data = {
        "reference": payment_id,
        "account": desk.lease_id,
        "amount_cents": 4_321,
        "currency": "EUR",
    }
    event = {
        "id": f"evt_{secrets.token_hex(6)}",
        "type": "payment.settled",
        "created_at": now.isoformat(),
        "rank": 1,
        "data": data,
    }
    body = json.dumps(event).encode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(stack["webhook_secrets"]["sandbox"]).sign(
            message_id, now, body.decode()
        ),
    }
    url = f"{stack['api_url']}/v1/webhooks/sandbox"
    return httpx.post(url, content=body, headers=headers, timeout=30, trust_env=False)
