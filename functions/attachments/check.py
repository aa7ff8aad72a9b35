"""Looks into uploaded files: the queue of attachments whose senders say that they are there."""

from sesame.platform.aws import client
from sesame.platform.events import Event, batch_handler
from sesame.platform.settings import Settings
from sesame.services.attachments import AttachmentChecking
from sesame.store.attachments import Attachments
from sesame.store.table import Table


class CheckSettings(Settings):
    """What this function is given."""

    documents_table: str
    bucket: str


settings = CheckSettings.from_env()
checking = AttachmentChecking(
    attachments=Attachments(Table(client("dynamodb"), settings.documents_table)),
    s3=client("s3"),
    bucket=settings.bucket,
)


def check(event: Event) -> None:
    """One `attachment.uploaded`."""
    checking.check(event["lease_id"], event["attachment_id"])


handler = batch_handler(check)
