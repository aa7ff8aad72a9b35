"""Every day: queues each provider to be asked, each residence to be checked. Late or twice all the same."""

from typing import Any

from pydantic import Json

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.logs import logger
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.providers.registry import Registry
from sesame.services.queues import Queue
from sesame.services.reconciliation import ReconciliationRun
from sesame.store.reconciliations import Reconciliations
from sesame.store.table import Table


class PlanSettings(Settings):
    """What this function is given."""

    stage: str
    identity_table: str
    operations_table: str
    provider_secrets: Json[dict[str, str]]
    sandbox_url: str = ""
    reconciliation_queue_url: str


settings = PlanSettings.from_env()
dynamodb = client("dynamodb")
reconciliation = ReconciliationRun(
    identity=Table(dynamodb, settings.identity_table),
    reconciliations=Reconciliations(Table(dynamodb, settings.operations_table)),
    registry=Registry(
        stage=settings.stage,
        secrets=Secrets(client("secretsmanager")),
        secret_ids=settings.provider_secrets,
        sandbox_url=settings.sandbox_url,
    ),
    queue=Queue(client("sqs"), settings.reconciliation_queue_url),
)


def handler(event: dict[str, Any], _context: object) -> dict[str, int]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many providers and residences were queued."""
    run = reconciliation.plan(scheduled_time(event, utc_now))
    outcome = {"providers": len(run.providers), "residences": len(run.residences)}
    logger.info("reconciliation planned", extra=outcome)
    return outcome
