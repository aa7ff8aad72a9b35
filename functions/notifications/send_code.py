"""Makes and sends one-time codes: a function of its own, so that nothing delays them."""

from secrets import token_bytes

from sesame.notifications.email import EmailSender, ses_client
from sesame.notifications.sms import SmsSender, sns_client
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.events import batch_handler
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.access_messages import OneTimeCodeMail
from sesame.services.mailer import Mailer
from sesame.services.one_time_codes import OneTimeCodes
from sesame.store.challenges import Challenges
from sesame.store.messages import Messages
from sesame.store.pacing import Pacing
from sesame.store.table import Table


class SendCodeSettings(Settings):
    """What this function is given."""

    identity_table: str
    operations_table: str
    pepper_secret: str
    sender: str
    sms_sender: str = ""
    portal_url: str
    configuration_set: str | None = None


settings = SendCodeSettings.from_env()
dynamodb = client("dynamodb")
identity = Table(dynamodb, settings.identity_table)
mail = OneTimeCodeMail(
    mailer=Mailer(
        messages=Messages(Table(dynamodb, settings.operations_table)),
        email=EmailSender(
            client=ses_client(), sender=settings.sender, configuration_set=settings.configuration_set
        ),
        texts=SmsSender(client=sns_client(), sender_id=settings.sms_sender),
        clock=utc_now,
        portal_url=settings.portal_url,
    ),
    one_time_codes=OneTimeCodes(
        Challenges(identity),
        Pacing(identity),
        Pepper(Secrets(client("secretsmanager")), settings.pepper_secret),
        utc_now,
        token_bytes,
    ),
)
handler = batch_handler(mail.handle)
