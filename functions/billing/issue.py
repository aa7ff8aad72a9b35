"""Issues the rent notices that a residence's leases lack, for as long as one invocation may take."""

from datetime import timedelta

from sesame.platform.aws import client
from sesame.platform.events import batch_handler
from sesame.platform.settings import Settings
from sesame.services.billing import ResidenceBilling
from sesame.services.queues import Queue
from sesame.store.accounts import Accounts
from sesame.store.table import Table

BUDGET = timedelta(seconds=40)
"""Two thirds of the function's time-out: the last page begun must still end."""


class IssueSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    billing_queue_url: str


settings = IssueSettings.from_env()
dynamodb = client("dynamodb")
billing = ResidenceBilling(
    identity=Table(dynamodb, settings.identity_table),
    accounts=Accounts(Table(dynamodb, settings.money_table)),
    queue=Queue(client("sqs"), settings.billing_queue_url),
    budget=BUDGET,
)
handler = batch_handler(billing.bill)
