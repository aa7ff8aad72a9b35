"""A person's data to a zip: the queue of exports asked for."""

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.settings import Settings
from sesame.services.data_exports import ExportMaking
from sesame.store.data_exports import DataExports
from sesame.store.table import Table


class ExportSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str


settings = ExportSettings.from_env()
dynamodb = client("dynamodb")
operations = Table(dynamodb, settings.operations_table)
making = ExportMaking(
    exports=DataExports(operations),
    identity=Table(dynamodb, settings.identity_table),
    money=Table(dynamodb, settings.money_table),
    documents=Table(dynamodb, settings.documents_table),
    operations=operations,
    s3=client("s3"),
    bucket=settings.bucket,
    clock=utc_now,
)


def export(event: Event) -> None:
    """One `data_export.requested`."""
    making.make(event["export_id"])


handler = batch_handler(export)
