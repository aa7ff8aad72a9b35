"""The outbox: each new announcement reaches the bus, once for each change, and poison stops nobody."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from sesame.platform.events import event_of
from sesame.services.outbox import NotPublished, Outbox

STREAM = Path(__file__).resolve().parents[2] / "events" / "stream.json"


class FakeBus:
    """Remembers what it was given; refuses as many entries as it is told to."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []
        self.refused = 0

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, int]:  # noqa: N803  AWS's name
        self.entries += Entries
        return {"FailedEntryCount": self.refused}


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def parked(aws: Any) -> str:
    return str(aws.sqs.create_queue(QueueName="parked")["QueueUrl"])


@pytest.fixture
def outbox(aws: Any, bus: FakeBus, parked: str) -> Outbox:
    return Outbox(events=bus, queues=aws.sqs, bus="sesame-test", parked=parked)


@pytest.fixture
def record() -> dict[str, Any]:
    return dict(json.loads(STREAM.read_text())["Records"][0])


def in_queue(aws: Any, url: str) -> list[dict[str, Any]]:
    received = aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in received]


def test_a_new_announcement_is_published_with_its_ids_only(
    outbox: Outbox, bus: FakeBus, record: dict[str, Any]
) -> None:
    outbox.publish([record])

    [entry] = bus.entries
    assert (entry["Source"], entry["DetailType"]) == ("sesame", "challenge.requested")
    event = event_of(json.dumps({"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}))
    assert event["challenge_id"] == "0123456789abcdefghjkmnpqrs"
    assert set(json.loads(entry["Detail"])) == {"id", "type", "at", "challenge_id"}


def test_a_change_that_announces_nothing_new_is_not_published_again(
    outbox: Outbox, bus: FakeBus, record: dict[str, Any]
) -> None:
    record["dynamodb"]["OldImage"] = copy.deepcopy(record["dynamodb"]["NewImage"])

    outbox.publish([record])

    assert bus.entries == []


def test_a_removed_item_announces_nothing(outbox: Outbox, bus: FakeBus, record: dict[str, Any]) -> None:
    record["dynamodb"]["OldImage"] = record["dynamodb"].pop("NewImage")

    outbox.publish([record])

    assert bus.entries == []


def test_a_record_that_can_never_be_published_is_parked_by_its_place_and_stops_nobody(
    outbox: Outbox, bus: FakeBus, aws: Any, parked: str, record: dict[str, Any]
) -> None:
    poison = copy.deepcopy(record)
    poison["dynamodb"]["NewImage"]["announce"] = {"M": {"id": {"S": "x"}}}

    outbox.publish([poison, record])

    assert len(bus.entries) == 1
    assert in_queue(aws, parked) == [
        {
            "stream": poison["eventSourceARN"],
            "event_id": poison["eventID"],
            "key": {"pk": "CHALLENGE#0123456789abcdefghjkmnpqrs", "sk": "CHALLENGE"},
        }
    ]


def test_a_bus_that_refuses_makes_the_batch_come_again(
    outbox: Outbox, bus: FakeBus, record: dict[str, Any]
) -> None:
    bus.refused = 1

    with pytest.raises(NotPublished):
        outbox.publish([record])


def test_a_large_batch_is_published_ten_at_a_time(
    outbox: Outbox, bus: FakeBus, record: dict[str, Any]
) -> None:
    records = []
    for number in range(25):
        another = copy.deepcopy(record)
        another["dynamodb"]["NewImage"]["announce"]["M"]["id"]["S"] = str(number)
        records.append(another)

    outbox.publish(records)

    assert len(bus.entries) == 25
