"""Every hour: writes to who has not answered in a renewal campaign, where it is a decent hour."""

from datetime import timedelta
from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.renewal_reminders import RenewalReminderRun
from sesame.store.table import Table

BUDGET = timedelta(seconds=200)
"""Two thirds of the function's time-out: the last residence begun must still end."""


class PlanSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str


settings = PlanSettings.from_env()
dynamodb = client("dynamodb")
renewals = RenewalReminderRun(
    identity=Table(dynamodb, settings.identity_table),
    operations=Table(dynamodb, settings.operations_table),
    budget=BUDGET,
)


def plan(event: dict[str, Any]) -> dict[str, int | bool]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many residences had a step, and tenants are told."""
    planned = renewals.plan(scheduled_time(event, utc_now))
    outcome: dict[str, int | bool] = {
        "residences": planned.residences,
        "told": planned.told,
        "finished": planned.finished,
    }
    logger.info("renewals planned", extra=outcome)
    return outcome


handler = job_handler(plan)
