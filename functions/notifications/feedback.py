"""Takes in what SES tells of messages: accepted, delivered, bounced, complained of."""

from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import message_handler
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.failed_contacts import FailedContacts
from sesame.services.feedback import MailFeedback
from sesame.services.queues import Queue
from sesame.store.messages import Messages
from sesame.store.people import People
from sesame.store.table import Table
from sesame.store.tasks import Tasks
from sesame.store.wishes import Wishes


class FeedbackSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str
    notification_queue_url: str


settings = FeedbackSettings.from_env()
dynamodb = client("dynamodb")
identity, operations = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.operations_table)
feedback = MailFeedback(
    messages=Messages(operations),
    failed_contacts=FailedContacts(
        people=People(identity, Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)),
        wishes=Wishes(identity),
        tasks=Tasks(operations),
    ),
    again=Queue(client("sqs"), settings.notification_queue_url),
    clock=utc_now,
)
handler = message_handler(feedback.take)
