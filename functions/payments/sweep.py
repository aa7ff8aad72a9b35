"""Every five minutes: queues once more what providers told us and is still not posted."""

from datetime import timedelta
from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.queues import Queue
from sesame.services.sweeping import Sweep
from sesame.store.deliveries import Deliveries
from sesame.store.table import Table

BUDGET = timedelta(seconds=90)
"""Three quarters of the function's time-out; what is left over is the next run's."""


class SweepSettings(Settings):
    """What this function is given."""

    money_table: str
    posting_queue_url: str


settings = SweepSettings.from_env()
sweep = Sweep(
    deliveries=Deliveries(Table(client("dynamodb"), settings.money_table)),
    queue=Queue(client("sqs"), settings.posting_queue_url),
    budget=BUDGET,
)


def handler(event: dict[str, Any], _context: object) -> dict[str, int | bool]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many deliveries were queued, and are stuck."""
    swept = sweep.run(scheduled_time(event, utc_now))
    outcome: dict[str, int | bool] = {
        "queued": swept.queued,
        "stuck": swept.stuck,
        "finished": swept.finished,
    }
    logger.info("swept", extra=outcome)
    return outcome
