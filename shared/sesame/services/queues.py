"""A queue between two functions: what is sent is an event's announcement, and a repeat does no harm."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

MESSAGES_A_CALL = 10
"""What SQS takes in one SendMessageBatch."""


class NotAllQueued(Exception):
    """SQS did not take some messages; those it took do no harm when the run is repeated."""


@dataclass(frozen=True, slots=True)
class Queue:
    """An SQS queue."""

    client: Any
    url: str

    def send(self, bodies: Sequence[Mapping[str, str]]) -> None:
        """Queues events, ten a call. Raises NotAllQueued."""
        for some in batched(bodies, MESSAGES_A_CALL, strict=False):
            entries = [{"Id": str(n), "MessageBody": json.dumps(dict(body))} for n, body in enumerate(some)]
            if self.client.send_message_batch(QueueUrl=self.url, Entries=entries).get("Failed"):
                raise NotAllQueued
