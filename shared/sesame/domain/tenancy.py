"""Who lives where, and on what terms: residences, persons and their leases."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Language(StrEnum):
    """The languages Sésame writes in; French is authoritative."""

    FRENCH = "fr"
    ENGLISH = "en"


class LeaseStatus(StrEnum):
    """Where a lease stands in its life."""

    ADMITTED = "admitted"
    CANCELLED = "cancelled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landlord:
    """The operator's legal identity, as certificates print it; each residence carries its own copy."""

    name: str
    address: tuple[str, ...]
    siret: str = ""
    caf_landlord_code: str = ""
    """*Code bailleur*, given by the CAF. A wrong one costs students months of aid: it is never guessed."""
    signatory: str = ""
    signatory_title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence:
    """A residence and its settings. Times on its walls are in `time_zone` (IANA name)."""

    residence_id: str
    name: str
    address: tuple[str, ...]
    """Lines as printed, street to city."""
    postal_code: str
    city: str
    time_zone: str
    landlord: Landlord
    desk_contact: str = ""
    issue_day: int = 1
    due_day: int = 10
    provider: str = ""
    """Who takes its payments online; empty while nobody does."""
    confirmed: bool = True
    """False while the settings come from a lease file only and nobody has read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A tenant. Two persons may share an e-mail address; an INE belongs to one."""

    person_id: str
    family_name: str
    given_names: str
    birth_date: date
    ine: str | None = None
    email: str | None = None
    phone: str | None = None
    """E.164."""
    language: Language = Language.FRENCH
    credential_epoch: int = 1
    """Raising it kills every session and one-time code of an older epoch."""

    @property
    def full_name(self) -> str:
        """As printed: given names, then family name."""
        return f"{self.given_names} {self.family_name}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A *décision d'admission*: one person, one room, `starts_on` to `ends_on` included; cents a month."""

    lease_id: str
    person_id: str
    residence_id: str
    reference: str
    """The operator's own reference of the lease, unique for the operator."""
    tenant_reference: str
    """Non-secret; for bank transfers, the CAF and payment links."""
    room: str
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    deposit_cents: int
    code_tail: str
    """The last two symbols of the tenant code: all of it that is shown outside the entry document."""
    code_cipher: bytes
    """The tenant code, encrypted by KMS with the lease as encryption context."""
    code_hash: str
    """The keyed hash under which the code's look-up is kept."""
    code_rotated_at: datetime | None = None
    """When the code last took the place of another; None for the first."""
    status: LeaseStatus = LeaseStatus.ADMITTED
    version: int = 1
