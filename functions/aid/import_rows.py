"""Posts a file of housing aid, some rows at a time, as the queue asks."""

from secrets import token_bytes

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import batch_handler
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.aid_imports import AidWorker
from sesame.services.file_imports import StoredFiles
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.imports import Imports
from sesame.store.table import Table


class AidImportSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    bucket: str
    aid_import_queue_url: str


settings = AidImportSettings.from_env()
dynamodb = client("dynamodb")
money, operations = Table(dynamodb, settings.money_table), Table(dynamodb, settings.operations_table)
worker = AidWorker(
    imports=Imports(operations),
    files=StoredFiles(client("s3"), settings.bucket),
    sqs=client("sqs"),
    queue_url=settings.aid_import_queue_url,
    identity=Table(dynamodb, settings.identity_table),
    money=money,
    bookkeeping=Bookkeeping(Accounts(money), utc_now),
    audit=Audit(operations),
    clock=utc_now,
    random=token_bytes,
)

handler = batch_handler(worker.consume)
