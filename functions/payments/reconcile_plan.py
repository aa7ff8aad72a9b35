"""Every day: queues each provider to be asked, each residence to be checked. Late or twice all the same."""

from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.secrets import Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.queues import Queue
from sesame.services.reconciliation import ReconciliationRun
from sesame.store.reconciliations import Reconciliations
from sesame.store.table import Table


class PlanSettings(ProviderSettings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    reconciliation_queue_url: str


settings = PlanSettings.from_env()
dynamodb = client("dynamodb")
reconciliation = ReconciliationRun(
    identity=Table(dynamodb, settings.identity_table),
    reconciliations=Reconciliations(Table(dynamodb, settings.operations_table)),
    registry=Registry.of(settings, Secrets(client("secretsmanager"))),
    queue=Queue(client("sqs"), settings.reconciliation_queue_url),
)


def plan(event: dict[str, Any]) -> dict[str, int]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many providers and residences were queued."""
    run = reconciliation.plan(scheduled_time(event, utc_now))
    outcome = {"providers": len(run.providers), "residences": len(run.residences)}
    logger.info("reconciliation planned", extra=outcome)
    return outcome


handler = job_handler(plan)
