"""The outbox's events: what is announced on an item, and how a queue's consumer reads it.

An item whose change must be told carries `announce`; the outbox publishes it to the bus with ids only.
A consumer sees an event at least once, in any order.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sesame.platform.ids import new_id
from sesame.platform.logs import describe, logger

SOURCE = "sesame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `data` holds ids, never personal data."""

    id: str
    type: str
    at: datetime
    data: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.data[name]

    def announcement(self) -> dict[str, str]:
        """The event as it was announced, for who queues it again."""
        return {"id": self.id, "type": self.type, "at": self.at.isoformat(), **self.data}

    @classmethod
    def of(cls, announced: Mapping[str, str]) -> Self:
        """The event behind an announcement."""
        data = dict(announced)
        return cls(
            id=data.pop("id"), type=data.pop("type"), at=datetime.fromisoformat(data.pop("at")), data=data
        )


def announcement(type: str, at: datetime, *, id: str | None = None, **ids: str) -> dict[str, str]:
    """The `announce` attribute of an item; give `id` where a repeat of the cause must be the same event."""
    return {"id": id or new_id(), "type": type, "at": at.isoformat(), **ids}


def event_of(body: str) -> Event:
    """The event in a queue message: an EventBridge envelope around an announcement, or that by itself."""
    message: dict[str, Any] = json.loads(body)
    return Event.of(message["detail"] if "detail-type" in message else message)


def batch_handler(consume: Callable[[Event], None]) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """A Lambda handler for an SQS queue of our own events; see `message_handler`."""
    return message_handler(lambda body: consume(event_of(body)))


def message_handler(consume: Callable[[str], None]) -> Callable[[dict[str, Any], object], dict[str, Any]]:
    """A Lambda handler for an SQS queue that reports each failed message alone: one cannot hold the others.

    A failure is logged by its class only: its text might hold personal data.
    """

    def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
        failed: list[dict[str, str]] = []
        failures: dict[str, int] = {}
        for record in event["Records"]:
            try:
                consume(record["body"])
            except Exception as error:  # whatever it is, the queue's retry and its DLQ are the answer
                failed.append({"itemIdentifier": record["messageId"]})
                place = describe(error)
                failures[place] = failures.get(place, 0) + 1
        logger.info(
            "batch", extra={"records": len(event["Records"]), "failed": len(failed), "failures": failures}
        )
        return {"batchItemFailures": failed}

    return handler


class JobFailed(Exception):
    """Class and place of what made a job fail. The runtime logs an error's text: this one quotes nothing."""


def job_handler[T](run: Callable[[dict[str, Any]], T]) -> Callable[[dict[str, Any], object], T]:
    """A Lambda handler for what a schedule or a stream calls. Raises JobFailed, so that it is called again.

    AWS's errors may quote what they were given, and whatever a handler raises is logged by the runtime.
    """

    def handler(event: dict[str, Any], _context: object) -> T:
        try:
            return run(event)
        except Exception as error:
            place = describe(error)
        logger.error("job", extra={"failure": place})
        raise JobFailed(place)

    return handler
