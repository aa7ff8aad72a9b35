"""The sample events are what the functions' own readers understand."""

import json
import traceback
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sesame.domain.payments import EventKind
from sesame.platform.clock import scheduled_time
from sesame.platform.events import Event, JobFailed, batch_handler, event_of, job_handler
from sesame.providers.base import Notification, Provider
from sesame.providers.gocardless import GoCardless
from sesame.providers.stripe import Stripe
from tests.conftest import FrozenClock

EVENTS = Path(__file__).resolve().parents[2] / "events"


def sample(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text("utf-8")))


FROM_ELSEWHERE = {"queue-mail-feedback"}
"""What the mail service says, in its own form."""
OURS = sorted(path for path in EVENTS.glob("queue-*.json") if path.stem not in FROM_ELSEWHERE)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_every_message_of_a_queue_reads_as_an_event(path: Path) -> None:
    for record in sample(path.stem)["Records"]:
        assert event_of(record["body"]).data


@pytest.mark.parametrize(("name", "provider"), [("stripe", Stripe()), ("gocardless", GoCardless())])
def test_a_providers_notification_is_one_that_its_adapter_reads(name: str, provider: Provider) -> None:
    request = sample(f"http-webhook-{name}")

    received = provider.parse(Notification(body=request["body"].encode(), headers=request["headers"]))

    assert [one.event.kind for one in received.events] == [EventKind.SETTLED]
    assert set(provider.kept_headers) <= request["headers"].keys()


def test_one_bad_message_is_reported_alone() -> None:
    seen: list[str] = []

    def consume(event: Event) -> None:
        if event.type == "reminder.due":
            raise RuntimeError("not this one")
        seen.append(event.type)

    event = sample("queue-notification")

    answer = batch_handler(consume)(event, None)

    assert seen == ["lease.admitted"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][1]["messageId"]}]}


def test_a_message_that_is_no_event_fails_by_itself() -> None:
    event = sample("queue-posting")
    event["Records"][0]["body"] = "not JSON"

    answer = batch_handler(lambda _: None)(event, None)

    assert len(answer["batchItemFailures"]) == 1


def test_a_schedules_time_is_the_runs_time(clock: FrozenClock) -> None:
    assert scheduled_time(sample("schedule"), clock).isoformat() == "2026-09-01T01:00:00+00:00"


@pytest.mark.parametrize(
    "given",
    [{}, {"scheduled_time": "<aws.scheduler.scheduled-time>"}, {"scheduled_time": "2026-09-01T01:00"}],
)
def test_a_schedule_that_does_not_say_its_time_means_now(clock: FrozenClock, given: dict[str, Any]) -> None:
    assert scheduled_time(given, clock) == clock()


def test_a_job_that_fails_says_where_and_quotes_nothing(log: StringIO) -> None:
    def run(_event: dict[str, Any]) -> None:
        raise ValueError("huong@example.org")

    with pytest.raises(JobFailed, match="ValueError at ") as caught:
        job_handler(run)({}, None)

    assert "ValueError at" in log.getvalue()
    whole = "".join(traceback.format_exception(caught.value))
    assert "huong" not in whole + log.getvalue()


def test_a_job_that_succeeds_returns_what_it_did() -> None:
    assert job_handler(lambda event: event["x"])({"x": 5}, None) == 5
