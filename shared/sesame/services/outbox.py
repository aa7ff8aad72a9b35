"""The outbox: what a table's stream announces goes to the bus.

A stream holds its order by holding everything back behind a failure, so a record that can never be published
is parked in a queue of its own, and only a fault that passes makes the whole batch come again. Consumers
recognise a repeat by the event's id.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from sesame.platform.events import SOURCE
from sesame.platform.logs import count, logger
from sesame.store.table import unmarshal

_MOST_ENTRIES = 10  # of one PutEvents call


class NotPublished(Exception):
    """The bus took some events only: the batch must come again."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Publishes announcements. `bus` is the bus's name, `parked` the URL of the poison records' queue."""

    events: Any
    queues: Any
    bus: str
    parked: str

    def publish(self, records: Sequence[dict[str, Any]]) -> None:
        """Publishes each new announcement of a stream's records. Raises NotPublished."""
        announcements = list(self._announcements(records))
        for some in batched(announcements, _MOST_ENTRIES, strict=False):
            answer = self.events.put_events(Entries=[self._entry(announcement) for announcement in some])
            if answer["FailedEntryCount"]:
                raise NotPublished(answer["FailedEntryCount"])
        logger.info("published", extra={"records": len(records), "events": len(announcements)})

    def _announcements(self, records: Sequence[dict[str, Any]]) -> Iterator[dict[str, str]]:
        for record in records:
            try:
                announcement = _announced(record["dynamodb"])
            except (KeyError, TypeError, ValueError, AttributeError):
                self._park(record)
                continue
            if announcement is not None:
                yield announcement

    def _entry(self, announcement: dict[str, str]) -> dict[str, str]:
        return {
            "Source": SOURCE,
            "DetailType": announcement["type"],
            "Detail": json.dumps(announcement),
            "EventBusName": self.bus,
        }

    def _park(self, record: dict[str, Any]) -> None:
        # Its place only: an item may hold personal data, which has no business in a queue. Keys hold none.
        change = record.get("dynamodb", {})
        place = {
            "stream": record.get("eventSourceARN"),
            "event_id": record.get("eventID"),
            "key": {name: value.get("S") for name, value in change.get("Keys", {}).items()},
        }
        self.queues.send_message(QueueUrl=self.parked, MessageBody=json.dumps(place))
        count("ParkedAnnouncement")


def _announced(change: dict[str, Any]) -> dict[str, str] | None:
    """The announcement that a change brought, or None when it had been made before."""
    if "NewImage" not in change or "announce" not in change["NewImage"]:
        return None
    new = unmarshal({"announce": change["NewImage"]["announce"]})["announce"]
    old = unmarshal({"announce": change.get("OldImage", {}).get("announce", {"M": {}})})["announce"]
    for required in ("id", "type", "at"):
        if not isinstance(new[required], str):
            raise TypeError(required)
    return None if new["id"] == old.get("id") else dict(new)
