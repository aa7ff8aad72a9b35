"""Publishes to the bus what the tables' streams announce: ids only, at least once."""

from typing import Any

from sesame.platform.aws import client
from sesame.platform.events import job_handler
from sesame.platform.settings import Settings
from sesame.services.outbox import Outbox


class OutboxSettings(Settings):
    """What this function is given."""

    bus: str
    parked_queue_url: str


settings = OutboxSettings.from_env()
outbox = Outbox(
    events=client("events"), queues=client("sqs"), bus=settings.bus, parked=settings.parked_queue_url
)


def publish(event: dict[str, Any]) -> None:
    """Takes a batch of stream records. Raises only when trying the whole batch again can help."""
    outbox.publish(event["Records"])


handler = job_handler(publish)
