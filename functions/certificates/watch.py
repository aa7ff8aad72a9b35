"""What money given back makes of receipts: those that hold no more are made void."""

from sesame.platform.aws import client
from sesame.platform.events import batch_handler
from sesame.platform.settings import Settings
from sesame.services.receipt_watch import ReceiptWatch
from sesame.store.accounts import Accounts
from sesame.store.documents import Documents
from sesame.store.table import Table


class WatchSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str


settings = WatchSettings.from_env()
dynamodb = client("dynamodb")
watch = ReceiptWatch(
    documents=Documents(Table(dynamodb, settings.documents_table)),
    accounts=Accounts(Table(dynamodb, settings.money_table)),
    identity=Table(dynamodb, settings.identity_table),
)
handler = batch_handler(watch.handle)
