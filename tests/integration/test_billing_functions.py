"""The functions of billing, reminders and messages as the scheduler and SQS call them."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from moto.ses.models import ses_backends

from sesame.platform import aws as platform_aws
from sesame.store import keys
from tests.conftest import FrozenClock
from tests.integration import entries
from tests.integration.conftest import REGION, ROOT
from tests.integration.tenants import admit

type Load = Callable[[str], ModuleType]


@pytest.fixture
def load(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """An entry file by its path under functions/, in its function's environment."""
    queue = aws.sqs.create_queue(QueueName="billing")["QueueUrl"]
    entries.prepare(
        aws, monkeypatch, BILLING_QUEUE_URL=queue, NOTIFICATION_QUEUE_URL=queue, QUIET_TIME="ignored"
    )
    yield entries.load
    platform_aws.client.cache_clear()


def relayed(aws: Any) -> dict[str, Any]:
    """What waits in the billing queue, as Lambda hands it over."""
    url = aws.sqs.get_queue_url(QueueName="billing")["QueueUrl"]
    found = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return {"Records": [{"messageId": one["MessageId"], "body": one["Body"]} for one in found]}


def announced(item: dict[str, Any]) -> dict[str, Any]:
    """An item's announcement as EventBridge puts it into a queue."""
    envelope = {
        "version": "0",
        "source": "sesame",
        "detail-type": item["announce"]["type"],
        "detail": item["announce"],
    }
    return {"Records": [{"messageId": "1", "body": json.dumps(envelope)}]}


def test_from_the_schedule_to_the_reminder_in_the_mailbox(
    aws: Any, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    morning = FrozenClock(datetime(2026, 9, 14, 8, 6, tzinfo=UTC))
    monkeypatch.setattr("sesame.platform.clock.utc_now", morning)
    tenant = admit(aws)
    account = keys.account(tenant.lease.lease_id)

    planned = load("billing/plan").handler({"scheduled_time": "2026-09-01T03:00:00Z"}, None)
    assert planned == {"residences": 1}
    assert load("billing/issue").handler(relayed(aws), None) == {"batchItemFailures": []}
    assert aws.money.get(account)["balance_cents"] == 45_000

    reminded = load("reminders/plan").handler({"scheduled_time": "2026-09-14T08:05:00Z"}, None)
    assert reminded == {"residences": 1, "reminders": 1, "finished": True}
    assert load("notifications/send").handler(announced(aws.money.get(account)), None) == {
        "batchItemFailures": []
    }

    [sent] = ses_backends["123456789012"][REGION].sent_messages
    assert sent.destinations["ToAddresses"] == ["huong@example.org"]


def test_a_message_that_cannot_be_read_goes_back_to_the_queue_alone(aws: Any, load: Load) -> None:
    send = load("notifications/send").handler
    strange = {"messageId": "9", "body": json.dumps({"id": "x", "type": "y", "at": "2026-09-01T00:00:00Z"})}

    assert send({"Records": [strange]}, None) == {"batchItemFailures": [{"itemIdentifier": "9"}]}


@pytest.mark.parametrize(
    ("function", "sample"),
    [
        ("billing/issue", "queue-billing"),
        ("notifications/send", "queue-notification"),
        ("notifications/send_code", "queue-one-time-code"),
        ("notifications/feedback", "queue-mail-feedback"),
    ],
)
def test_the_sample_of_each_trigger_is_read_and_harms_nobody(load: Load, function: str, sample: str) -> None:
    event = json.loads((ROOT / f"events/{sample}.json").read_text())

    assert load(function).handler(event, None) == {"batchItemFailures": []}


@pytest.mark.parametrize("function", ["billing/plan", "reminders/plan"])
def test_the_sample_of_a_scheduled_run_is_taken_for_its_own_day(aws: Any, load: Load, function: str) -> None:
    event = json.loads((ROOT / "events/schedule.json").read_text())

    load(function).handler(event, None)

    [record] = aws.operations.client.scan(TableName=aws.operations.name)["Items"]
    assert record["for"]["S"].startswith("2026-09-01T01:00")
