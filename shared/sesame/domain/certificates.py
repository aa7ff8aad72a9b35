"""What a document states, who may have it, and the code that proves it genuine.

Facts are gathered once and kept as they were: the paper, its verification page and any copy say the same.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sesame.domain import codes
from sesame.domain.tenancy import Landlord, Language, Lease, LeaseStatus, Person, Residence
from sesame.domain.terms import RoomStay, rooms_held

Facts = dict[str, Any]
"""What a document says, as JSON: strings, whole numbers (cents), lists and maps; dates in ISO 8601."""

SCHEMA = 2
"""Raised when the printed wording changes in substance, so that the same facts give a new document."""


class Kind(StrEnum):
    """The documents there are."""

    RESIDENCE_CERTIFICATE = "residence_certificate"
    CAF_RENT_CERTIFICATE = "caf_rent_certificate"
    """*Attestation de loyer*: what the CAF needs to pay housing aid for a room in a residence."""
    RENT_NOTICE = "rent_notice"
    """*Avis d'échéance*: a bill, which proves nothing paid."""
    RECEIPT = "receipt"
    """*Quittance*: a period paid in full (law no. 89-462, article 21)."""
    PART_PAYMENT_RECEIPT = "part_payment_receipt"
    """*Reçu*: what was received of a period that is not paid in full."""
    STATEMENT_OF_ACCOUNT = "statement_of_account"
    UP_TO_DATE_CERTIFICATE = "up_to_date_certificate"
    """Nothing is overdue beyond what the residence tolerates."""
    END_OF_STAY_CERTIFICATE = "end_of_stay_certificate"
    PAYMENT_RECEIPT = "payment_receipt"
    """What a desk hands over for money received: a sum, a day, a way of paying. Void once it is reversed."""
    ENTRY_DOCUMENT = "entry_document"
    """Handed over on arrival; shows the tenant code."""
    CODE_SLIP = "code_slip"
    """Handed over at a desk to who had lost the tenant code; shows it."""
    PAYMENT_PLAN_AGREEMENT = "payment_plan_agreement"
    FORMAL_NOTICE = "formal_notice"
    """*Mise en demeure*: asks for what is overdue, by a day, before steps are taken."""


SHOWS_THE_CODE = frozenset({Kind.ENTRY_DOCUMENT, Kind.CODE_SLIP})
"""The documents that print the tenant code; no other ever does."""


class DocumentStatus(StrEnum):
    """How far the file is."""

    REQUESTED = "requested"
    RENDERED = "rendered"
    """Set but not sealed yet: nobody is given it."""
    READY = "ready"
    """Sealed."""
    EXPIRED = "expired"
    """Its file is no longer kept: whoever needs it asks anew. Never stored: time alone brings it about."""


class Validity(StrEnum):
    """What a verification answers."""

    GENUINE = "genuine"
    REVOKED = "revoked"
    REPLACED = "replaced"
    ERASED = "erased"
    """Genuine when it was issued; what it stated is on record no more."""
    UNKNOWN = "unknown"


class Stay(StrEnum):
    """Where a stay is, on a day."""

    FUTURE = "future"
    CURRENT = "current"
    PAST = "past"


class Reason(StrEnum):
    """Why a document is refused."""

    LEASE_CANCELLED = "lease-cancelled"
    NO_NOTICE = "no-notice"
    NOT_PAID_IN_FULL = "not-paid-in-full"
    NOTHING_RECEIVED = "nothing-received"
    PAID_IN_FULL = "paid-in-full"
    NOT_UP_TO_DATE = "not-up-to-date"
    STAY_NOT_OVER = "stay-not-over"
    OUTSIDE_THE_STAY = "outside-the-stay"
    DETAILS_MISSING = "details-missing"
    CREDITED_IN_FULL = "credited-in-full"
    """A credit note took away all that was asked: nothing was due, and nothing received."""
    NOTHING_OVERDUE = "nothing-overdue"
    NOTHING_BILLED = "nothing-billed"
    MADE_BY_THE_RESIDENCE = "made-by-the-residence"
    """Its tenant cannot order it: it states what a desk did or decides."""


class Refused(Exception):
    """No right to this document as things stand.

    `outstanding_cents` is what the period, or the account, still owes; `missing` names what the residence's
    settings lack (the names of fields); `kind` is told where the reason lies in it.
    """

    def __init__(
        self,
        reason: Reason,
        *,
        outstanding_cents: int = 0,
        missing: tuple[str, ...] = (),
        kind: Kind | None = None,
    ) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.outstanding_cents = outstanding_cents
        self.missing = missing
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """Whose document it is: one person, one lease, one residence; and the language to print beside French."""

    person: Person
    lease: Lease
    residence: Residence
    language: Language


def residence_facts(tenancy: Tenancy, *, as_of: date) -> Facts:
    """A residence certificate as of a day, by the residence's clock. Raises Refused for a cancelled lease."""
    lease = standing_lease(tenancy)
    return stay_facts(Kind.RESIDENCE_CERTIFICATE, tenancy, as_of) | {
        "birth_date": tenancy.person.birth_date.isoformat(),
        "as_of": as_of.isoformat(),
        "stay": stay_on(lease, as_of).value,
    }


def entry_facts(tenancy: Tenancy) -> Facts:
    """An entry document. The tenant code is never among the facts: it is deciphered only to be printed.

    Raises Refused for a cancelled lease.
    """
    standing_lease(tenancy)
    return common_facts(Kind.ENTRY_DOCUMENT, tenancy) | {"desk_contact": tenancy.residence.desk_contact}


def slip_facts(tenancy: Tenancy, now: datetime) -> Facts:
    """A desk's slip. The tenant code is never among the facts: it is deciphered only to be printed.

    It says from when contacts that were changed at the desk can be used to sign in, by the residence's clock.
    """
    hold = tenancy.person.hold
    until = (
        hold.until if hold is not None and any(hold.holds(channel, now) for channel in hold.held) else None
    )
    local = until.astimezone(ZoneInfo(tenancy.residence.time_zone)) if until else None
    return common_facts(Kind.CODE_SLIP, tenancy) | {
        "desk_contact": tenancy.residence.desk_contact,
        "usable_from": {"on": f"{local:%Y-%m-%d}", "at": f"{local:%H:%M}"} if local else None,
    }


def facts_digest(facts: Facts, *, secret: str = "") -> str:
    """SHA-256 (hex) of what a document states: two requests with the same digest are the same document.

    `secret` stands for what is printed but not among the facts (the tenant code's keyed hash).
    """
    return hashlib.sha256(f"{canonical(facts)}\x1f{secret}".encode()).hexdigest()


def canonical(facts: Facts) -> str:
    """Facts as text, one form only: sorted names, no spaces, UTF-8."""
    return json.dumps(facts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What makes a document this one and no other."""

    on: date
    """The day printed, by the residence's clock."""
    at: datetime
    """The moment kept in the file's metadata; aware, UTC."""
    number: str
    verification_code: str


def attachment(facts: Facts, issue: Issue) -> bytes:
    """What the file carries for machines: the facts it states, and which document it is. Canonical JSON.

    Nothing that is not printed is in it, so that whoever is shown the paper learns no more from the file.
    """
    document = {
        "number": issue.number,
        "issued_on": issue.on.isoformat(),
        "verification_code": issue.verification_code,
    }
    return canonical({"document": document, "facts": facts}).encode()


ATTACHMENT_NAME = "document.json"
"""Under which the data are found in the file."""


VERIFICATION_BYTES = 10
"""80 random bits: nobody finds a genuine code by trying."""
_VERIFICATION_SYMBOLS = 16


def verification_code(raw: bytes) -> str:
    """Sixteen Crockford base32 symbols of ten random bytes. Printed in groups by `codes.printed`."""
    if len(raw) != VERIFICATION_BYTES:
        raise ValueError("a verification code takes ten bytes")
    number = int.from_bytes(raw)
    places = range(5 * (_VERIFICATION_SYMBOLS - 1), -1, -5)
    return "".join(codes.ALPHABET[(number >> place) & 31] for place in places)


def read_verification_code(typed: str) -> str | None:
    """The code that was meant: case, spaces, hyphens ignored, O read as 0, I and L as 1; or None."""
    code = codes.fold(typed)
    if len(code) != _VERIFICATION_SYMBOLS or any(symbol not in codes.ALPHABET for symbol in code):
        return None
    return code


def document_number(document_id: str, issued_on: date) -> str:
    """The number printed on a document, to name it on the telephone; it opens nothing. `2026-7K3M-9QZ2`."""
    return f"{issued_on.year}-{codes.printed(document_id[-8:].upper())}"


def standing_lease(tenancy: Tenancy) -> Lease:
    """The lease. Raises Refused if it was cancelled: then there is nothing to state."""
    if tenancy.lease.status is LeaseStatus.CANCELLED:
        raise Refused(Reason.LEASE_CANCELLED)
    return tenancy.lease


def stay_on(lease: Lease, day: date) -> Stay:
    """Where the stay is on a day: a closed lease is over, whatever day it was to end."""
    if lease.status is LeaseStatus.CLOSED or day > lease.ends_on:
        return Stay.PAST
    return Stay.FUTURE if day < lease.starts_on else Stay.CURRENT


def current_lease(tenancy: Tenancy, day: date) -> Lease:
    """The lease of a stay that goes on. Raises Refused if it was cancelled, is to come or is over."""
    lease = standing_lease(tenancy)
    if stay_on(lease, day) is not Stay.CURRENT:
        raise Refused(Reason.OUTSIDE_THE_STAY)
    return lease


def common_facts(kind: Kind, tenancy: Tenancy) -> Facts:
    """What every document states: landlord, residence, holder, lease."""
    person, lease, residence = tenancy.person, tenancy.lease, tenancy.residence
    return {
        "schema": SCHEMA,
        "kind": kind.value,
        "language": tenancy.language.value,
        "landlord": _landlord(residence.landlord),
        "style": {
            "rent_word": residence.documents.rent_word.value,
            "logo": residence.documents.logo,
            "footer": {"fr": residence.documents.footer_fr, "en": residence.documents.footer_en},
        },
        "residence": {"name": residence.name, "address": _address(residence), "city": residence.city},
        "holder": {"given_names": person.given_names, "family_name": person.family_name},
        "lease": {
            "tenant_reference": lease.tenant_reference,
            "room": lease.room,
            "starts_on": lease.starts_on.isoformat(),
            "ends_on": lease.ends_on.isoformat(),
        },
    }


def stay_facts(kind: Kind, tenancy: Tenancy, day: date) -> Facts:
    """What a paper about a stay states, the lease being as of that day.

    Whoever has more than one room has `rooms`, each with its days, those to come too; and since when the one
    that is named is theirs: the lease's first day is not the day of entry into it.
    """
    facts = common_facts(kind, tenancy)
    held = rooms_held(tenancy.lease)
    if len(held) < 2:  # noqa: PLR2004
        return facts
    entered = [one.starts_on for one in held if one.starts_on <= day] or [held[0].starts_on]
    return facts | {"rooms": room_facts(held), "room_since": entered[-1].isoformat()}


def room_facts(held: Iterable[RoomStay]) -> list[dict[str, str]]:
    """Rooms and their days, as documents state them."""
    return [
        {"room": one.room, "starts_on": one.starts_on.isoformat(), "ends_on": one.ends_on.isoformat()}
        for one in held
    ]


def _landlord(landlord: Landlord) -> dict[str, Any]:
    return {
        "name": landlord.name,
        "address": list(landlord.address),
        "siret": landlord.siret,
        "signatory": landlord.signatory,
        "signatory_title": landlord.signatory_title,
    }


def _address(residence: Residence) -> list[str]:
    """The lines as printed, with post code and city once."""
    lines = [line for line in residence.address if line]
    town = f"{residence.postal_code} {residence.city}".strip()
    if town and not any(town in line for line in lines):
        lines.append(town)
    return lines
