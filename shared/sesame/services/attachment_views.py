"""How attachments are asked for and shown over HTTP: alike for every function that takes them."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from sesame.domain.attachments import WHY_REFUSED, Attachment, AttachmentState
from sesame.domain.file_contents import MAX_BYTES, FileFault, FileType
from sesame.platform.http import Shown, StrictModel
from sesame.services.attachments import Upload

AttachmentIds = Annotated[
    list[Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")]],
    Field(max_length=5, examples=[["0k3v7m9q2x5r8t1w4y6z0a2c4e"]]),
]
"""Ids of attachments begun before, each to be used once."""


class AttachmentRequest(StrictModel):
    """A file to come. Its name is for people to read; what it is, is told by its bytes."""

    file_name: Annotated[str, Field(min_length=1, max_length=250, examples=["fuite.jpg"])]


class RefusalShown(Shown):
    """Why a file was not taken, in words for who has to mend it."""

    reason: FileFault
    fr: str
    en: str


class AttachmentShown(Shown):
    """A file. `type` and `size` (bytes) are there once it was accepted, `refused` where it was not."""

    attachment_id: str
    file_name: str
    state: AttachmentState
    type: FileType | None
    size: int | None
    refused: RefusalShown | None


class AttachmentWithLink(AttachmentShown):
    """With a link to download it, for five minutes: ask again for another."""

    download_url: str | None


class UploadForm(Shown):
    """To be sent as `multipart/form-data` by POST to `url`: these fields first, then the file as `file`."""

    url: str
    fields: dict[str, str]
    expires_at: datetime
    max_bytes: int = MAX_BYTES


class AttachmentBegun(AttachmentShown):
    """Upload the file by the form, then say that it is there."""

    upload: UploadForm


def shown_attachment(one: Attachment) -> AttachmentShown:
    """As its sides see it."""
    return AttachmentShown(**_fields(one))


def with_link(one: Attachment, url: str | None) -> AttachmentWithLink:
    """The same, with the link to its file."""
    return AttachmentWithLink(**_fields(one), download_url=url)


def begun(upload: Upload) -> AttachmentBegun:
    """What its sender needs to upload it."""
    form = UploadForm(url=upload.url, fields=upload.fields, expires_at=upload.expires_at)
    return AttachmentBegun(**_fields(upload.attachment), upload=form)


def _fields(one: Attachment) -> dict[str, object]:
    fault = one.refused_because
    return {
        "attachment_id": one.attachment_id,
        "file_name": one.file_name,
        "state": one.state,
        "type": one.file_type,
        "size": one.size,
        "refused": RefusalShown(reason=fault, **WHY_REFUSED[fault]) if fault else None,
    }
