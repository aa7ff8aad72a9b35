"""Every hour: deletes attachments whose time is over."""

from typing import Any

from sesame.platform.aws import client
from sesame.platform.clock import scheduled_time, utc_now
from sesame.platform.events import job_handler
from sesame.platform.logs import logger
from sesame.platform.settings import Settings
from sesame.services.attachment_removal import AttachmentRemoval
from sesame.store.attachments import Attachments
from sesame.store.table import Table


class RemoveSettings(Settings):
    """What this function is given."""

    documents_table: str
    bucket: str


settings = RemoveSettings.from_env()
removal = AttachmentRemoval(
    attachments=Attachments(Table(client("dynamodb"), settings.documents_table)),
    s3=client("s3"),
    bucket=settings.bucket,
)


def remove(event: dict[str, Any]) -> dict[str, int]:
    """Takes `{"scheduled_time": ISO 8601}`; returns how many were deleted.

    Never ahead of the clock: what is still kept must not go.
    """
    removed = removal.run(min(scheduled_time(event, utc_now), utc_now()))
    logger.info("attachments removed", extra={"removed": removed})
    return {"removed": removed}


handler = job_handler(remove)
