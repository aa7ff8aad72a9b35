"""Every hour: carries out the erasures whose day of waiting is over, as far as law and lease allow."""

from datetime import timedelta
from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.erasures import Dossiers, ErasureRun
from sesame.store.data_exports import DataExports
from sesame.store.documents import Documents
from sesame.store.erasures import Erasures
from sesame.store.people import People
from sesame.store.table import Table

BUDGET = timedelta(seconds=240)
"""Four fifths of the function's time-out; what is left over is the next hour's."""


class EraseSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


settings = EraseSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
operations = Table(dynamodb, settings.operations_table)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
erasures = ErasureRun(
    erasures=Erasures(identity, operations),
    dossiers=Dossiers(People(identity, pepper), Table(dynamodb, settings.money_table)),
    documents=Documents(Table(dynamodb, settings.documents_table)),
    exports=DataExports(operations),
    operations=operations,
    s3=client("s3"),
    bucket=settings.bucket,
    budget=BUDGET,
)


def erase(event: dict[str, Any]) -> dict[str, int | bool]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many were erased and how many failed.

    Never ahead of the clock: a time to come would cut the day short in which an erasure can be taken back.
    """
    done = erasures.run(min(scheduled_time(event, utc_now), utc_now()))
    outcome: dict[str, int | bool] = {"erased": done.erased, "failed": done.failed, "finished": done.finished}
    logger.info("erasures carried out", extra=outcome)
    return outcome


handler = job_handler(erase)
