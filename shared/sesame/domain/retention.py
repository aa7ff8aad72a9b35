"""How long documents are kept, by kind: their files, their records, and what an erasure leaves of them.

The one table of it: the bucket's lifecycle rules, the records' TTL, erasures and the page that verifies
papers all go by this. Times count from the day a document is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sesame.domain.certificates import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """`folder` is where the files lie in the bucket; a lifecycle rule empties it after `file`."""

    folder: str
    file: timedelta
    record: timedelta
    """Never shorter than the file's time; longer only where the file alone must go early."""
    outlives_erasure: bool
    """Whether a law keeps it against its holder's wish (GDPR article 17, 3, b and e)."""


_FIVE_YEARS = timedelta(days=5 * 365 + 1)
_ELEVEN_YEARS = timedelta(days=11 * 365 + 3)

ACCOUNTS = Retention(
    folder="documents/eleven-years",
    file=_ELEVEN_YEARS,
    record=_ELEVEN_YEARS,
    outlives_erasure=True,
)
"""What accounts rest on: ten years after the end of their year (Code de commerce, article L123-22)."""
CLAIMS = Retention(folder="documents/five-years", file=_FIVE_YEARS, record=_FIVE_YEARS, outlives_erasure=True)
"""Evidence of a debt or of what was agreed: as long as a dispute may arise (Code civil, article 2224)."""
STAY = Retention(folder="documents/five-years", file=_FIVE_YEARS, record=_FIVE_YEARS, outlives_erasure=False)
"""What tenants show to others, or read themselves; an erasure takes it as soon as no lease needs it."""
ENTRY = Retention(folder="documents/entry", file=_FIVE_YEARS, record=_FIVE_YEARS, outlives_erasure=False)
"""As long as what tenants read. In a folder of its own: it shows the code, so few functions may read it."""
SLIP = Retention(folder="documents/slips", file=timedelta(days=1), record=_FIVE_YEARS, outlives_erasure=False)
"""A slip is printed on the spot: that it was made stays, its file does not."""

RETENTION: Mapping[Kind, Retention] = {
    Kind.RECEIPT: ACCOUNTS,
    Kind.PART_PAYMENT_RECEIPT: ACCOUNTS,
    Kind.PAYMENT_RECEIPT: ACCOUNTS,
    Kind.RENT_NOTICE: ACCOUNTS,
    Kind.PAYMENT_PLAN_AGREEMENT: CLAIMS,
    Kind.FORMAL_NOTICE: CLAIMS,
    Kind.STATEMENT_OF_ACCOUNT: STAY,
    Kind.RESIDENCE_CERTIFICATE: STAY,
    Kind.CAF_RENT_CERTIFICATE: STAY,
    Kind.UP_TO_DATE_CERTIFICATE: STAY,
    Kind.END_OF_STAY_CERTIFICATE: STAY,
    Kind.ENTRY_DOCUMENT: ENTRY,
    Kind.CODE_SLIP: SLIP,
}
"""Every kind. A statement repeats what the journal holds, which is kept as long as accounts are."""


def folder_of(kind: Kind) -> str:
    """Where the files of a kind lie, with the slash."""
    return f"{RETENTION[kind].folder}/"


def has_file_until(kind: Kind, created_at: datetime) -> datetime:
    """When a document's file may be gone: not a moment before. S3 counts from the file, which comes later."""
    return created_at + RETENTION[kind].file


def kept_until(kind: Kind, created_at: datetime) -> datetime:
    """When a document's record goes. What is said of it then holds no personal data."""
    return created_at + RETENTION[kind].record
