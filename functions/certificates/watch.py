"""What money given back makes of receipts, a later document of earlier ones, and a lease of the papers about
it: what holds no more ends."""

from sesame.platform.aws import client
from sesame.platform.events import Event, batch_handler
from sesame.platform.settings import Settings
from sesame.services.document_validity import DocumentValidity
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
documents = Documents(Table(dynamodb, settings.documents_table))
identity = Table(dynamodb, settings.identity_table)
watch = ReceiptWatch(
    documents=documents,
    accounts=Accounts(Table(dynamodb, settings.money_table)),
    identity=identity,
)
validity = DocumentValidity(documents)


def handle(event: Event) -> None:
    """One `payment.changed`, `account.changed`, `document.ready`, `lease.changed` or `lease.cancelled`."""
    match event.type:
        case "document.ready":
            validity.issued(event["document_id"], event.at)
        case "lease.cancelled":
            validity.lease_cancelled(event["lease_id"], event.at)
        case "lease.changed":
            validity.lease_changed(identity, event["lease_id"], event.at)
        case _:
            watch.handle(event)


handler = batch_handler(handle)
