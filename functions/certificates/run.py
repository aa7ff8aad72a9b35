"""A residence's documents of a month, page by page, and the zip of them: the queue of runs."""

from secrets import token_bytes

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.settings import Settings
from sesame.services.document_runs import RunMaking
from sesame.store.accounts import Accounts
from sesame.store.document_runs import DocumentRuns
from sesame.store.documents import Documents
from sesame.store.table import Table


class RunSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str


settings = RunSettings.from_env()
dynamodb = client("dynamodb")
making = RunMaking(
    runs=DocumentRuns(Table(dynamodb, settings.operations_table)),
    documents=Documents(Table(dynamodb, settings.documents_table)),
    identity=Table(dynamodb, settings.identity_table),
    accounts=Accounts(Table(dynamodb, settings.money_table)),
    s3=client("s3"),
    bucket=settings.bucket,
    clock=utc_now,
    random=token_bytes,
)


def run(event: Event) -> None:
    """One `document_run.requested` or `document_run.archive_requested`."""
    if event.type == "document_run.archive_requested":
        making.archive(event["run_id"])
    else:
        making.step(event["run_id"], int(event["page"]))


handler = batch_handler(run)
