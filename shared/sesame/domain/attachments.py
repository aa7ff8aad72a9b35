"""Attachments: a file on its way from somebody's device, through a check, to whoever may have it.

An attachment belongs to a lease. It is uploaded to a place that nobody is given anything from; what the check
(`file_contents`) lets pass is kept elsewhere. What is attached to nothing within a day goes.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote

from sesame.domain.allowances import Allowance
from sesame.domain.file_contents import FileFault, FileType

UPLOAD_LIFE = timedelta(minutes=15)
"""How long an upload may take to begin."""
LINK_LIFE = timedelta(minutes=5)
UNATTACHED_LIFE = timedelta(days=1)
MOST_AT_ONCE = 5
"""Attachments of one message."""
UPLOADS_ALLOWED = (
    Allowance(most=20, within=timedelta(hours=1)),
    Allowance(most=60, within=timedelta(days=1)),
)
"""For one lease, each side by itself."""
MAX_NAME = 120


class Side(StrEnum):
    """Who does something to what tenant and manager share."""

    TENANT = "tenant"
    STAFF = "staff"


class AttachmentState(StrEnum):
    """How far an attachment is."""

    WAITING = "waiting"
    """To be uploaded."""
    CHECKING = "checking"
    ACCEPTED = "accepted"
    REFUSED = "refused"


TRANSITIONS: Mapping[AttachmentState, frozenset[AttachmentState]] = {
    AttachmentState.WAITING: frozenset({AttachmentState.CHECKING}),
    AttachmentState.CHECKING: frozenset({AttachmentState.ACCEPTED, AttachmentState.REFUSED}),
}
"""What an attachment may become. Accepted and refused are ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a lease. `delete_at` moves when it is attached to something that is kept longer."""

    attachment_id: str
    lease_id: str
    residence_id: str
    side: Side
    uploaded_by: str
    """The person's or the member of staff's id."""
    file_name: str
    """As its sender calls it, for people to read; never part of a key or a URL."""
    created_at: datetime
    delete_at: datetime
    state: AttachmentState = AttachmentState.WAITING
    attached_to: str | None = None
    """The id of what it was attached to; once only."""
    file_type: FileType | None = None
    size: int | None = None
    """Bytes, once accepted."""
    refused_because: FileFault | None = None
    version: int = 1

    @property
    def upload_key(self) -> str:
        """Where it is uploaded: read by the check alone."""
        return f"uploads/{self.lease_id}/{self.attachment_id}"

    @property
    def object_key(self) -> str:
        """Where it is kept once it was checked."""
        return f"attachments/{self.lease_id}/{self.attachment_id}"

    def is_seen_by(self, side: Side) -> bool:
        """Whether a side of the lease may look at it: its own, and what the other has attached."""
        return self.side is side or self.attached_to is not None


_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f"*/:<>?\\|\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]')


def readable_name(typed: str) -> str:
    """A file's name as it may be kept and shown: one line, no path, nothing that reorders or hides text.

    >>> readable_name("C:\\\\fakepath\\\\fuite.jpg")
    'fuite.jpg'
    """
    whole = typed.encode("utf-8", "ignore").decode()  # no half of a surrogate pair
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", whole))[-1]
    name = _trimmed(_NOT_IN_NAMES.sub(" ", last))
    stem, dot, ending = name.rpartition(".")
    if len(name) > MAX_NAME and dot and len(ending) <= 5:  # noqa: PLR2004 - the longest that anybody knows
        name = f"{_trimmed(stem[: MAX_NAME - len(ending) - 1])}.{ending}"
    return _trimmed(name[:MAX_NAME]) or "document"


def _trimmed(name: str) -> str:
    return " ".join(name.split()).strip(". ")


def saved_name(name: str, file_type: FileType) -> str:
    """The name under which it is saved: with the ending of what it is, whatever it claimed to be."""
    stem, dot, ending = name.rpartition(".")
    known = {"jpg", "jpeg", "png", "webp", "pdf", file_type.extension}
    return f"{stem if dot and stem and ending.lower() in known else name}.{file_type.extension}"


def disposition(name: str) -> str:
    """A Content-Disposition that saves under a name, for old and new browsers (RFC 6266)."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode() or "document"
    ascii_name = re.sub(r'["\\%;]', "_", ascii_name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


WHY_REFUSED: Mapping[FileFault, Mapping[str, str]] = {
    FileFault.MISSING: {
        "fr": "Le fichier n'est pas arrivé : envoyez-le à nouveau.",
        "en": "The file did not arrive: send it again.",
    },
    FileFault.EMPTY: {"fr": "Le fichier est vide.", "en": "The file is empty."},
    FileFault.TOO_LARGE: {
        "fr": "Le fichier dépasse 10 Mo.",
        "en": "The file is larger than 10 MB.",
    },
    FileFault.UNKNOWN_TYPE: {
        "fr": "Ce type de fichier n'est pas accepté : envoyez une photo (JPEG, PNG, WebP) ou un PDF.",
        "en": "This type of file is not taken: send a picture (JPEG, PNG, WebP) or a PDF.",
    },
    FileFault.HEIC: {
        "fr": "Le format HEIC ne s'ouvre pas partout : envoyez la photo en JPEG. Sur un iPhone : Réglages, "
        "Appareil photo, Formats, « Le plus compatible ».",
        "en": "HEIC does not open everywhere: send the picture as JPEG. On an iPhone: Settings, Camera, "
        "Formats, “Most Compatible”.",
    },
    FileFault.DAMAGED: {
        "fr": "Le fichier est endommagé ou incomplet : envoyez-le à nouveau.",
        "en": "The file is damaged or incomplete: send it again.",
    },
    FileFault.TOO_MANY_PIXELS: {
        "fr": "L'image est trop grande : réduisez ses dimensions.",
        "en": "The picture is too large: reduce its dimensions.",
    },
    FileFault.ACTIVE_CONTENT: {
        "fr": "Ce PDF contient des programmes : imprimez-le dans un nouveau PDF et envoyez celui-ci.",
        "en": "This PDF contains programs: print it into a new PDF and send that one.",
    },
    FileFault.PROTECTED: {
        "fr": "Ce PDF est protégé, on ne peut pas le vérifier : imprimez-le dans un nouveau PDF, ou "
        "envoyez-en une photo.",
        "en": "This PDF is protected and cannot be checked: print it into a new PDF, or send a photo of it.",
    },
}
"""In the words of who has to mend it."""
