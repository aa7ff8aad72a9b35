"""Every five minutes: calls once more for messages whose time has come."""

from datetime import timedelta
from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.messages_again import MessagesAgain
from sesame.services.queues import Queue
from sesame.store.messages import Messages
from sesame.store.table import Table

BUDGET = timedelta(seconds=90)
"""Three quarters of the function's time-out; what is left over is the next run's."""


class AgainSettings(Settings):
    """What this function is given."""

    operations_table: str
    notification_queue_url: str


settings = AgainSettings.from_env()
again = MessagesAgain(
    messages=Messages(Table(client("dynamodb"), settings.operations_table)),
    queue=Queue(client("sqs"), settings.notification_queue_url),
    budget=BUDGET,
)


def run(event: dict[str, Any]) -> dict[str, int | bool]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many messages were called for."""
    called = again.run(scheduled_time(event, utc_now))
    outcome: dict[str, int | bool] = {"queued": called.queued, "finished": called.finished}
    logger.info("messages called for again", extra=outcome)
    return outcome


handler = job_handler(run)
