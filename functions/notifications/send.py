"""Sends the messages that events call for: welcome, notices, reminders, what was done with a code."""

from secrets import token_bytes
from typing import Literal

from sesame.notifications.email import EmailSender, ses_client
from sesame.notifications.pace import Pace
from sesame.notifications.sms import SmsSender, sns_client
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import batch_handler
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.failed_contacts import FailedContacts
from sesame.services.mailer import Mailer
from sesame.services.messages import Correspondence
from sesame.services.scheduled_mail import ScheduledMail
from sesame.services.unsubscribing import UnsubscribeTokens
from sesame.services.welcome import WelcomeLinks
from sesame.store.accounts import Accounts
from sesame.store.challenges import Challenges
from sesame.store.message_allowances import MessageAllowances
from sesame.store.messages import Messages
from sesame.store.people import People
from sesame.store.table import Table
from sesame.store.tasks import Tasks
from sesame.store.wishes import Wishes


class SendSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    sender: str
    sms_sender: str = ""
    portal_url: str
    configuration_set: str | None = None
    pepper_secret: str
    mails_per_second: float = 10
    senders: int = 5
    """How many of this function run at once at most; they share the rate."""
    quiet_time: Literal["kept", "ignored"] = "kept"
    stage: str


settings = SendSettings.from_env()
dynamodb = client("dynamodb")
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
accounts = Accounts(Table(dynamodb, settings.money_table))
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
tasks = Tasks(operations)
correspondence = Correspondence(
    mailer=Mailer(
        messages=Messages(operations),
        email=EmailSender(
            client=ses_client(), sender=settings.sender, configuration_set=settings.configuration_set
        ),
        texts=SmsSender(client=sns_client(), sender_id=settings.sms_sender),
        clock=utc_now,
        portal_url=settings.portal_url,
        pace=Pace(per_second=settings.mails_per_second / settings.senders),
    ),
    identity=identity,
    accounts=accounts,
    welcome_links=WelcomeLinks(Challenges(identity), utc_now, token_bytes),
    schedule=ScheduledMail(
        accounts=accounts,
        allowances=MessageAllowances(operations),
        keeps_quiet=settings.stage != "local" or settings.quiet_time == "kept",
    ),
    unsubscribe=UnsubscribeTokens(pepper),
    tasks=tasks,
    failed_contacts=FailedContacts(people=People(identity, pepper), wishes=Wishes(identity), tasks=tasks),
)
handler = batch_handler(correspondence.handle)
