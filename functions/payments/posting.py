"""What providers told us becomes the state of payments and entries of the journal."""

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.secrets import Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.posting import Posting
from sesame.store.accounts import Accounts
from sesame.store.deliveries import Hints
from sesame.store.table import Table


class PostingSettings(ProviderSettings):
    """What this function is given."""

    money_table: str


settings = PostingSettings.from_env()
table = Table(client("dynamodb"), settings.money_table)
posting = Posting(
    table=table,
    bookkeeping=Bookkeeping(Accounts(table), utc_now),
    registry=Registry.of(settings, Secrets(client("secretsmanager"))),
    clock=utc_now,
)


def post(event: Event) -> None:
    """One `delivery.received`."""
    hints = Hints(payment_id=event.data.get("payment_id"), lease_id=event.data.get("lease_id"))
    posting.post(event["provider"], event["delivery_id"], hints)


handler = batch_handler(post)
