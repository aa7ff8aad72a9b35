"""What providers told us becomes the state of payments and entries of the journal."""

from pydantic import Json

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import Event, batch_handler
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.providers.registry import Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.posting import Posting
from sesame.store.accounts import Accounts
from sesame.store.deliveries import Hints
from sesame.store.table import Table


class PostingSettings(Settings):
    """What this function is given."""

    stage: str
    money_table: str
    provider_secrets: Json[dict[str, str]]
    sandbox_url: str = ""


settings = PostingSettings.from_env()
table = Table(client("dynamodb"), settings.money_table)
posting = Posting(
    table=table,
    bookkeeping=Bookkeeping(Accounts(table), utc_now),
    registry=Registry(
        stage=settings.stage,
        secrets=Secrets(client("secretsmanager")),
        secret_ids=settings.provider_secrets,
        sandbox_url=settings.sandbox_url,
    ),
    clock=utc_now,
)


def post(event: Event) -> None:
    """One `delivery.received`."""
    hints = Hints(payment_id=event.data.get("payment_id"), lease_id=event.data.get("lease_id"))
    posting.post(event["provider"], event["delivery_id"], hints)


handler = batch_handler(post)
