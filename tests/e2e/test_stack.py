"""The local stack itself: it comes up, says how to reach it, keeps what it held, and is nobody else's."""

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local.deploy import deploy
from local.emulator import Emulator
from local.instance import REGION, Instance, free_port
from local.running import LocalStack, wipe
from local.stack import Stack

PORTAL = "sesame.localhost"


def quiet(_text: str) -> None:
    """Say nothing."""


def test_stack_json_has_what_a_client_needs(stack: Stack) -> None:
    assert set(stack) == {
        "api_url",
        "portal_url",
        "mailbox_url",
        "staff_token",
        "desk_token",
        "demo_tenants",
        "webhook_secrets",
        "bucket",
        "tables",
        "student_issuer",
        "trust",
    }
    assert set(stack["tables"]) == {"identity", "money", "documents", "operations"}
    assert stack["webhook_secrets"]["sandbox"].startswith("whsec_")
    assert stack["bucket"]
    assert stack["staff_token"].count(".") == 2


def test_stack_json_is_for_its_owner_only(instance: Instance, stack: Stack) -> None:
    file = instance.folder / "stack.json"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text("utf-8")) == stack


def test_the_api_answers_a_plain_http_client(http: httpx.Client) -> None:
    answer = http.get("/v1/me")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_portal_serves_the_same_api_at_its_root(instance: Instance, stack: Stack) -> None:
    assert stack["portal_url"] == f"http://{PORTAL}:{instance.port}"

    # As a browser would: it takes *.localhost for loopback, which not every resolver does.
    answer = httpx.get(
        f"{instance.endpoint}/v1/me", headers={"Host": f"{PORTAL}:{instance.port}"}, trust_env=False
    )

    assert answer.status_code == 401


def test_the_staff_token_opens_the_desk_and_a_tampered_one_does_not(
    http: httpx.Client, staff: dict[str, str]
) -> None:
    path = "/v1/desk/lease-imports/none"

    assert http.get(path).status_code == 401
    assert (
        http.get(path, headers={"Authorization": f"{staff['Authorization'][:-6]}AAAAAA"}).status_code == 401
    )
    assert http.get(path, headers=staff).status_code == 404


def test_a_key_that_is_not_roots_is_refused(instance: Instance) -> None:
    stranger = boto3.client(
        "dynamodb",
        endpoint_url=instance.endpoint,
        region_name=REGION,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wrong",
    )

    with pytest.raises(ClientError, match=r"UnrecognizedClient|AccessDenied"):
        stranger.list_tables()


def test_everything_listens_on_loopback_only(instance: Instance, stack: Stack) -> None:
    listening = [
        addresses for port in (instance.port, instance.mailbox_port) for addresses in _listeners(port)
    ]

    assert listening == ["0100007F", "0100007F"], "127.0.0.1, as the kernel writes it"
    assert stack["api_url"].startswith("http://127.0.0.1:")
    assert stack["mailbox_url"].startswith("http://127.0.0.1:")


def _listeners(port: int) -> list[str]:
    """Local addresses in state LISTEN on a port, from the kernel's tables."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return [
        row[1].partition(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port
    ]


def test_the_mailbox_shows_what_was_sent_newest_first(
    instance: Instance, stack: Stack, wait_for: Callable[..., Any]
) -> None:
    ses = instance.client("sesv2")
    for subject in ("one", "two"):
        ses.send_email(
            FromEmailAddress="sesame@residences.example",
            Destination={"ToAddresses": ["mailbox.test@example.org"]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject},
                    "Body": {"Text": {"Data": "Bonjour"}, "Html": {"Data": "<p>Bonjour</p>"}},
                }
            },
        )

    mails = httpx.get(stack["mailbox_url"], params={"to": "mailbox.test@example.org"}, trust_env=False).json()

    assert [mail["subject"] for mail in mails] == ["two", "one"]
    assert set(mails[0]) == {"to", "subject", "text", "html", "sent_at"}
    assert mails[0]["to"] == "mailbox.test@example.org"
    assert mails[0]["html"] == "<p>Bonjour</p>"
    assert datetime.fromisoformat(mails[0]["sent_at"]).utcoffset() == timedelta(0)


def test_the_mailbox_shows_itself_to_a_browser(stack: Stack) -> None:
    answer = httpx.get(stack["mailbox_url"].removesuffix("mailbox"), trust_env=False)

    assert answer.status_code == httpx.codes.OK
    assert "mailbox.test@example.org" in answer.text


def test_the_mailbox_answers_to_no_other_host_name(stack: Stack) -> None:
    answer = httpx.get(stack["mailbox_url"], headers={"Host": "rebound.example:80"}, trust_env=False)

    assert answer.status_code == 421


def test_an_unchanged_template_changes_nothing(instance: Instance, stack: Stack) -> None:
    once, again = (deploy(instance, quiet, schedules=False) for _ in range(2))

    assert not again.created
    assert again.resources == once.resources
    assert again.webhook_secrets == stack["webhook_secrets"]


@pytest.fixture
def kept(tmp_path: Path) -> Instance:
    """An instance that keeps its state, as `make run` has."""
    return Instance(port=free_port(), mailbox_port=free_port(), folder=tmp_path / "kept", keeps_state=True)


def announced(number: int) -> dict[str, dict[str, Any]]:
    """An item whose change is to be told."""
    event = {"id": f"event-{number}", "type": "test.happened", "at": "2026-09-01T08:00:00+00:00"}
    announce = {"M": {name: {"S": value} for name, value in event.items()}}
    return {"pk": {"S": f"TEST#{number}"}, "sk": {"S": "TEST"}, "announce": announce}


def test_what_changes_after_a_restart_is_still_told(kept: Instance, wait_for: Callable[..., Any]) -> None:
    with LocalStack(kept, quiet, seeded=False) as first:
        table = first.deployment.tables["identity"]
        ears = _listen(kept, first.deployment.settings["BUS"])
        for number in range(3):
            kept.client("dynamodb").put_item(TableName=table, Item=announced(number))
        heard = [event for _ in range(3) for event in wait_for(lambda: _heard(kept, ears))]
        assert sorted(heard) == ["event-0", "event-1", "event-2"]

    with LocalStack(kept, quiet, seeded=False):
        kept.client("dynamodb").put_item(TableName=table, Item=announced(3))
        assert wait_for(lambda: _heard(kept, ears)) == ["event-3"]


def _listen(instance: Instance, bus: str) -> str:
    """A queue of everything that is published. Returns its name."""
    sqs, events = instance.client("sqs"), instance.client("events")
    url = sqs.create_queue(QueueName="ears")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="ears", EventBusName=bus, EventPattern=json.dumps({"source": ["sesame"]}))
    events.put_targets(Rule="ears", EventBusName=bus, Targets=[{"Id": "ears", "Arn": arn}])
    return "ears"


def _heard(instance: Instance, queue: str) -> list[str]:
    """Ids of the next event published, if there is one."""
    sqs = instance.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"])["detail"]["id"] for message in messages]


def test_a_restart_keeps_what_was_there_and_a_reset_forgets_it(kept: Instance) -> None:
    item = {"pk": {"S": "RESIDENCES"}, "sk": {"S": "kept"}}
    with LocalStack(kept, quiet, seeded=False) as first:
        table = first.deployment.tables["identity"]
        kept.client("dynamodb").put_item(TableName=table, Item=item)
        kept.client("s3").put_object(Bucket=first.deployment.settings["BUCKET"], Key="kept", Body=b"kept")

    moved = replace(kept, port=free_port(), mailbox_port=free_port())
    with LocalStack(moved, quiet, seeded=False) as second:
        assert not second.deployment.created
        assert second.deployment.webhook_secrets == first.deployment.webhook_secrets
        assert moved.client("dynamodb").get_item(TableName=table, Key=item)["Item"] == item
        s3 = moved.client("s3")
        assert (
            s3.get_object(Bucket=second.deployment.settings["BUCKET"], Key="kept")["Body"].read() == b"kept"
        )
        assert httpx.get(f"{moved.api_url}/v1/me", trust_env=False).status_code == 401

    wipe(kept.folder)
    with Emulator(kept):
        assert kept.client("dynamodb").list_tables()["TableNames"] == []


def test_nothing_runs_and_nothing_is_left_of_an_instance_that_keeps_no_state(tmp_path: Path) -> None:
    instance = Instance(
        port=free_port(), mailbox_port=free_port(), folder=tmp_path / "gone", keeps_state=False
    )
    with LocalStack(instance, quiet, seeded=False) as running:
        pid = running.emulator.pid
        httpx.get(f"{instance.api_url}/v1/me", trust_env=False)

    assert not Path(f"/proc/{pid}").exists()
    assert not _listeners(instance.port)
    assert not _listeners(instance.mailbox_port)
    assert not (instance.folder / "tmp").exists()
    assert not (instance.folder / "stack.json").exists()
