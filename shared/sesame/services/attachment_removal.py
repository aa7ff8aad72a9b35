"""Attachments whose time is over: what was attached to nothing in a day, or was kept long enough."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sesame.domain.attachments import Attachment
from sesame.platform.logs import count
from sesame.services.stored_files import StoredFiles
from sesame.store.attachments import Attachments


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRemoval:
    """Deletes attachments, and every version of their files."""

    attachments: Attachments
    s3: Any
    bucket: str

    def run(self, now: datetime) -> int:
        """Deletes what is due; how many there were. Safe to repeat, and to cut off."""
        removed = 0
        for attachment in self.attachments.due(now):
            current = self.attachments.get(attachment.lease_id, attachment.attachment_id)
            if current is not None and current.delete_at <= now:  # the index may lag behind
                self.remove(current)
                removed += 1
        count("AttachmentRemovalRun")
        return removed

    def remove(self, attachment: Attachment) -> None:
        """Deletes one: its files first, so that no file is left without its record."""
        files = StoredFiles(self.s3, self.bucket)
        for key in (attachment.upload_key, attachment.object_key):
            files.delete(key)
        self.attachments.forget(attachment)
