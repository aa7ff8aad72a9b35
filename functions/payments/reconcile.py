"""Asks a provider what we were not told, or compares a residence's balances with their journals."""

from datetime import timedelta

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import batch_handler
from sesame.platform.secrets import Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.queues import Queue
from sesame.services.reconciliation import ReconciliationWork
from sesame.store.reconciliations import Reconciliations
from sesame.store.table import Table

BUDGET = timedelta(seconds=80)
"""Two thirds of the function's time-out; what is left over goes into a message of its own."""


class ReconcileSettings(ProviderSettings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    reconciliation_queue_url: str


settings = ReconcileSettings.from_env()
dynamodb = client("dynamodb")
work = ReconciliationWork(
    identity=Table(dynamodb, settings.identity_table),
    money=Table(dynamodb, settings.money_table),
    reconciliations=Reconciliations(Table(dynamodb, settings.operations_table)),
    registry=Registry.of(settings, Secrets(client("secretsmanager"))),
    queue=Queue(client("sqs"), settings.reconciliation_queue_url),
    clock=utc_now,
    budget=BUDGET,
)

handler = batch_handler(work.consume)
