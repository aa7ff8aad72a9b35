"""Builds a residence's files for the CAF and universities, and notes what came back, as the queue asks."""

from secrets import token_bytes

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.settings import Settings
from sesame.services.acknowledgements import AcknowledgementWorker
from sesame.services.file_imports import StoredFiles
from sesame.services.transmission_rows import Gathering
from sesame.services.transmissions import TO_BUILD, TransmissionBuilding
from sesame.store.documents import Documents
from sesame.store.imports import Imports
from sesame.store.table import Table
from sesame.store.transmissions import Transmissions


class BuildSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str
    transmission_queue_url: str


settings = BuildSettings.from_env()
dynamodb, s3 = client("dynamodb"), client("s3")
operations = Table(dynamodb, settings.operations_table)
building = TransmissionBuilding(
    gathering=Gathering(
        identity=Table(dynamodb, settings.identity_table),
        money=Table(dynamodb, settings.money_table),
        documents=Documents(Table(dynamodb, settings.documents_table)),
    ),
    operations=operations,
    s3=s3,
    bucket=settings.bucket,
    random=token_bytes,
)
acknowledgements = AcknowledgementWorker(
    imports=Imports(operations),
    files=StoredFiles(s3, settings.bucket),
    sqs=client("sqs"),
    queue_url=settings.transmission_queue_url,
    transmissions=Transmissions(operations),
    clock=utc_now,
)


def consume(event: Event) -> None:
    """A month to build, or a file of acknowledgements to work through."""
    if event.type == TO_BUILD:
        building.build(event)
    else:
        acknowledgements.consume(event)


handler = batch_handler(consume)
