"""Every hour: takes the steps of the reminder ladder that are due where it is a decent hour."""

from datetime import timedelta
from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.formal_notices import FormalNotices
from sesame.services.reminders import ReminderRun
from sesame.services.surcharges import Surcharges
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.message_allowances import MessageAllowances
from sesame.store.table import Table
from sesame.store.tasks import Tasks

BUDGET = timedelta(seconds=240)
"""Four fifths of the function's time-out; what is left over is the next hour's."""


class PlanSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str


settings = PlanSettings.from_env()
dynamodb = client("dynamodb")
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
accounts, audit = Accounts(Table(dynamodb, settings.money_table)), Audit(operations)
reminders = ReminderRun(
    identity=identity,
    accounts=accounts,
    operations=operations,
    formal_notices=FormalNotices(
        documents=Documents(Table(dynamodb, settings.documents_table)),
        identity=identity,
        accounts=accounts,
        audit=audit,
    ),
    allowances=MessageAllowances(operations),
    surcharges=Surcharges(accounts=accounts, audit=audit),
    tasks=Tasks(operations),
    budget=BUDGET,
)


def plan(event: dict[str, Any]) -> dict[str, int | bool]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many residences were open and reminders announced."""
    planned = reminders.plan(scheduled_time(event, utc_now))
    outcome: dict[str, int | bool] = {
        "residences": planned.residences,
        "reminders": planned.reminders,
        "finished": planned.finished,
    }
    logger.info("reminders planned", extra=outcome)
    return outcome


handler = job_handler(plan)
