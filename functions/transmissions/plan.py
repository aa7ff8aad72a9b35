"""Every day: queues each residence whose files for the CAF and universities may be due. Late or twice does no
harm.
"""

from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.queues import Queue
from sesame.services.transmissions import TransmissionRun
from sesame.store.table import Table


class PlanSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    transmission_queue_url: str


settings = PlanSettings.from_env()
dynamodb = client("dynamodb")
run = TransmissionRun(
    identity=Table(dynamodb, settings.identity_table),
    operations=Table(dynamodb, settings.operations_table),
    queue=Queue(client("sqs"), settings.transmission_queue_url),
)


def plan(event: dict[str, Any]) -> dict[str, int]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many residences were queued."""
    residences = run.plan(scheduled_time(event, utc_now))
    logger.info("transmissions planned", extra={"residences": residences})
    return {"residences": residences}


handler = job_handler(plan)
