"""Attachments: uploaded straight to the bucket, checked there by a function of their own, given by a link.

Whatever takes files (messages, a piece of a social file) begins them here, notes their ids, and attaches them
in the transaction that says what they are for.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from sesame.domain.attachments import (
    LINK_LIFE,
    MOST_AT_ONCE,
    UNATTACHED_LIFE,
    UPLOAD_LIFE,
    UPLOADS_ALLOWED,
    WHY_REFUSED,
    Attachment,
    AttachmentState,
    Side,
    disposition,
    readable_name,
    saved_name,
)
from sesame.domain.file_contents import MAX_BYTES, FileFault, FileRefused, checked
from sesame.platform.clock import Clock
from sesame.platform.errors import Invalid, NotFound, TooManyRequests
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.services.retries import USUAL, Retries
from sesame.services.stored_files import StoredFiles
from sesame.store.attachments import Attachments
from sesame.store.table import ConditionFailed, Write, transact


class NotAttachable(Invalid):
    """An attachment that is not there, was attached before, or did not pass; `errors` says which."""

    slug = "not-attachable"
    title: ClassVar = {
        "fr": "Une pièce jointe ne peut pas être utilisée",
        "en": "An attachment cannot be used",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploader:
    """Who sends a file: a side of the lease, and their id."""

    side: Side
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An attachment that waits for its file: a form to `url` with these fields, then the file as `file`."""

    attachment: Attachment
    url: str
    fields: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentDesk:
    """Begins uploads, says how far they are, and gives links. For tenants and staff alike."""

    attachments: Attachments
    s3: Any
    bucket: str
    clock: Clock
    random: Random
    retries: Retries = USUAL

    def begin(
        self,
        lease_id: str,
        residence_id: str,
        uploader: Uploader,
        file_name: str,
        *,
        along: Callable[[Attachment], Sequence[Write]] = lambda _begun: (),
    ) -> Upload:
        """A place to upload to. Two calls. `along` is written with it. Raises TooManyRequests.

        The bucket holds whoever uploads to the size; it encrypts under our key by default, and a form may not
        say otherwise. What the file is, is seen when it is there.
        """
        now = self.clock()
        attachment = Attachment(
            attachment_id=new_id(self.random),
            lease_id=lease_id,
            residence_id=residence_id,
            side=uploader.side,
            uploaded_by=uploader.id,
            file_name=readable_name(file_name),
            created_at=now,
            delete_at=now + UNATTACHED_LIFE,
        )
        self.retries.run(lambda: self._begun(attachment, along(attachment)))
        form = self.s3.generate_presigned_post(
            Bucket=self.bucket,
            Key=attachment.upload_key,
            Conditions=[["content-length-range", 1, MAX_BYTES]],
            ExpiresIn=int(UPLOAD_LIFE.total_seconds()),
        )
        return Upload(
            attachment=attachment, url=form["url"], fields=form["fields"], expires_at=now + UPLOAD_LIFE
        )

    def uploaded(self, attachment: Attachment) -> Attachment:
        """Has the file checked, which its sender says is there. Two calls, none if that was said before."""
        if attachment.state is not AttachmentState.WAITING:
            return attachment
        with suppress(ConditionFailed):  # said by another request a moment ago
            self.attachments.table.write(self.attachments.uploaded(attachment, self.clock()))
        return self.of(attachment.lease_id, attachment.attachment_id, attachment.side)

    def of(self, lease_id: str, attachment_id: str, side: Side) -> Attachment:
        """An attachment of a lease, for one of its sides. One call. Raises NotFound."""
        found = self.attachments.get(lease_id, attachment_id)
        if found is None or not found.is_seen_by(side) or found.delete_at <= self.clock():
            raise NotFound
        return found

    def link(self, attachment: Attachment) -> str | None:
        """Where its file can be had for five minutes; None unless it was accepted. No call.

        The name under which it is saved is the stored file's own, so that no URL holds it.
        """
        if attachment.state is not AttachmentState.ACCEPTED:
            return None
        link = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": attachment.object_key,
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=int(LINK_LIFE.total_seconds()),
        )
        return str(link)

    def attaching(
        self,
        asked: Sequence[str],
        found: Sequence[Attachment | None],
        uploader: Uploader,
        *,
        to: str,
        keep_until: datetime,
    ) -> list[Write]:
        """The writes that attach what was read (in the order asked) to something with the id `to`.

        Only one's own, once, and nothing refused. Raises NotAttachable.
        """
        now = self.clock()
        if len(set(asked)) != len(asked) or len(asked) > MOST_AT_ONCE:
            raise NotAttachable
        faults = [
            {"field": f"attachments.{place}", "reason": reason}
            for place, one in enumerate(found)
            if (reason := _why_not(one, uploader, now))
        ]
        if faults:
            raise NotAttachable(errors=faults)
        return [self.attachments.attaching(one, to, keep_until=keep_until, at=now) for one in found if one]

    def _begun(self, attachment: Attachment, along: Sequence[Write]) -> None:
        begun = self.attachments.begun(attachment.lease_id, attachment.side)
        waits = begun.wait(UPLOADS_ALLOWED, attachment.created_at)
        if waits > timedelta(0):
            raise TooManyRequests(retry_after=-int(-waits.total_seconds() // 1))
        transact(self.attachments.table.client, [*self.attachments.beginning(attachment, begun), *along])


def _why_not(one: Attachment | None, uploader: Uploader, now: datetime) -> str | None:
    if one is None or one.side is not uploader.side or one.uploaded_by != uploader.id:
        return "inconnue / unknown"
    if one.attached_to is not None or one.delete_at <= now:
        return "déjà utilisée ou expirée / used already, or expired"
    if one.refused_because is not None:
        return " / ".join(WHY_REFUSED[one.refused_because].values())
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentChecking:
    """Turns `attachment.uploaded` into a file that can be given out, or into a reason why there is none."""

    attachments: Attachments
    s3: Any
    bucket: str

    def check(self, lease_id: str, attachment_id: str) -> None:
        """Safe to repeat: it reads what was uploaded once, and what it read is what is kept."""
        attachment = self.attachments.get(lease_id, attachment_id)
        if attachment is None or attachment.state is not AttachmentState.CHECKING:
            return
        try:
            file = checked(self._uploaded(attachment))
        except FileRefused as refused:
            self._delete(attachment.upload_key)
            if self.attachments.refuse(attachment, refused.fault):
                count("AttachmentRefused")
            return
        self.s3.put_object(
            Bucket=self.bucket,
            Key=attachment.object_key,
            Body=file.content,
            ContentType=file.file_type.media_type,
            ContentDisposition=disposition(saved_name(attachment.file_name, file.file_type)),
        )
        accepted = self.attachments.accept(attachment, file.file_type, len(file.content))
        if not accepted and self.attachments.get(lease_id, attachment_id) is None:
            # an erasure came between: no version of it stays
            StoredFiles(self.s3, self.bucket).delete(attachment.object_key)
        self._delete(attachment.upload_key)
        if accepted:
            count("AttachmentAccepted")

    def _uploaded(self, attachment: Attachment) -> bytes:
        """Raises FileRefused where nothing is there, or more than may be."""
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=attachment.upload_key)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            raise FileRefused(FileFault.MISSING) from error
        with answer["Body"] as body:
            if answer["ContentLength"] > MAX_BYTES:
                raise FileRefused(FileFault.TOO_LARGE)
            return bytes(body.read())

    def _delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)
