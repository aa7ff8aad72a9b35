"""Brings dead letters back to their queue, once their cause is mended.

On AWS `aws sqs start-message-move-task` does it; the local AWS has no such call. Messages move one by one:
sent first, then deleted, so that a death in between doubles one and loses none. Consumers are idempotent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.doctor import Trouble

_SUFFIX = "DeadLetters"
_ENDS_AFTER = 100_000
"""Messages moved at most: what keeps failing comes back, and must not be moved for ever."""


def redrive(sqs: Any, resources: Mapping[str, str], name: str) -> int:
    """Moves all messages of `<name>DeadLetters` back to `<name>Queue`: how many. Raises Trouble.

    `resources` are the stack's, physical by logical id.
    """
    name = name.removesuffix(_SUFFIX).removesuffix("Queue")
    source, target = resources.get(f"{name}{_SUFFIX}"), resources.get(f"{name}Queue")
    if source is None or target is None:
        known = [one.removesuffix(_SUFFIX) for one in resources if one.endswith(_SUFFIX)]
        there = ", ".join(sorted(one for one in known if f"{one}Queue" in resources))
        raise Trouble(f"There are no dead letters of {name} that a queue takes back. There are: {there}.")
    return move(sqs, source, target)


def move(sqs: Any, source: str, target: str) -> int:
    """Moves what is in one queue now to another: how many messages."""
    attributes = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["ApproximateNumberOfMessages"])[
        "Attributes"
    ]
    waiting, moved = min(int(attributes["ApproximateNumberOfMessages"]), _ENDS_AFTER), 0
    while moved < waiting:
        found = sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=min(10, waiting - moved))
        if not found.get("Messages"):
            break
        for message in found["Messages"]:
            sqs.send_message(QueueUrl=target, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            moved += 1
    return moved
