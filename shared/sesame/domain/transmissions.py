"""What leaves for the CAF and the universities, on which basis, and what each row of it says. Pure.

A transmission is what one recipient is told of one residence for one month. Its first file says all of it;
every later one only what differs from what was sent, so that a repeat says nothing twice.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sesame.domain.calendar import Period, day_in, first_day, last_day, period_of, shift
from sesame.domain.journal import Outstanding
from sesame.domain.tenancy import Lease, LeaseStatus, Person, Residence
from sesame.domain.terms import as_of


class Recipient(StrEnum):
    """Who may be told something."""

    CAF = "caf"
    UNIVERSITY = "university"


class TransmissionKind(StrEnum):
    """What they are told."""

    RENT_CERTIFICATES = "rent_certificates"
    UNPAID_RENT = "unpaid_rent"
    HOUSING_CONFIRMATIONS = "housing_confirmations"


class Basis(StrEnum):
    """Why a tenant's data may leave (GDPR, article 6, 1)."""

    LEGAL_OBLIGATION = "legal_obligation"
    CONTRACT = "contract"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """To whom a kind goes, on which basis, by which rule; `why` is said to the tenant."""

    recipient: Recipient
    basis: Basis
    law: str
    why: Mapping[str, str]


GROUNDS: Mapping[TransmissionKind, Ground] = {
    TransmissionKind.RENT_CERTIFICATES: Ground(
        recipient=Recipient.CAF,
        basis=Basis.CONTRACT,
        law="RGPD, article 6, 1, b",
        why={
            "fr": "Vous avez demandé cette attestation pour votre aide au logement, "
            "que la CAF verse au bailleur.",
            "en": "You asked for this certificate for your housing benefit, which the CAF pays the landlord.",
        },
    ),
    TransmissionKind.UNPAID_RENT: Ground(
        recipient=Recipient.CAF,
        basis=Basis.LEGAL_OBLIGATION,
        law="RGPD, article 6, 1, c ; Code de la construction et de l'habitation, articles R824-1 et R824-4",
        why={
            "fr": "La loi oblige le bailleur qui reçoit l’aide à signaler un impayé à la CAF.",
            "en": "A landlord who is paid the benefit must by law tell the CAF of unpaid rent.",
        },
    ),
    TransmissionKind.HOUSING_CONFIRMATIONS: Ground(
        recipient=Recipient.UNIVERSITY,
        basis=Basis.CONSENT,
        law="RGPD, article 6, 1, a",
        why={
            "fr": "Votre université n’est informée de votre logement que si vous l’acceptez.",
            "en": "Your university is told where you live only if you agree.",
        },
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpaidRule:
    """From when on rent counts as unpaid: so many times what a month costs the tenant, aid taken off."""

    months: int
    report_within_months: int


UNPAID_RULE = UnpaidRule(months=2, report_within_months=2)
"""Aid paid to the landlord: twice the monthly rent and charges net of the aid (CCH, article R824-1), to be
told within two months of that (article R824-4)."""

BUILD_DAY = 3
"""Of the month after: what the last day brought is posted by then. On the residence's calendar."""


class Change(StrEnum):
    """What a row of a file means beside the files before it."""

    NEW = "new"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    """Said before, and no more so: unpaid rent settled, a certificate ended, a consent taken back."""


class Unit(StrEnum):
    """What a value is, which a format writes its own way."""

    TEXT = "text"
    DAY = "day"
    MONTH = "month"
    CENTS = "cents"
    SQUARE_DECIMETRES = "square_decimetres"
    NUMBER = "number"
    YES_NO = "yes_no"


type Value = str | int | bool | date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is said of one lease. `reference` is the tenant reference, which an acknowledgement names."""

    reference: str
    lease_id: str
    values: Mapping[str, Value]
    document_id: str | None = None
    """The certificate that it repeats, if it does."""
    consented_at: datetime | None = None
    """When its tenant agreed, where that is the basis."""

    @property
    def digest(self) -> str:
        """SHA-256 of what is said."""
        said = json.dumps(
            {name: str(value) for name, value in self.values.items() if value is not None}, sort_keys=True
        )
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a recipient was last told of a lease: enough to tell whether it still is so, not what it was."""

    reference: str
    lease_id: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that a file is to hold, and what it means. Of what is withdrawn only its reference is said."""

    change: Change
    row: Row


def differences(
    said: Mapping[str, Said], now: Iterable[Row], *, left_alone: frozenset[str] = frozenset()
) -> list[Difference]:
    """What a file must say, by reference: all of it when nothing was said yet, else only what differs.

    `said` is what the recipient holds by reference. Leases in `left_alone` are not withdrawn: nothing is
    known of them any more (an erasure took it), which is no reason to say that it was wrong.
    """
    rows = {row.reference: row for row in now}
    found: list[Difference] = []
    for reference, row in rows.items():
        before = said.get(reference)
        if before is None:
            found.append(Difference(change=Change.NEW, row=row))
        elif before.digest != row.digest:
            found.append(Difference(change=Change.CHANGED, row=row))
    for reference, gone in said.items():
        if reference not in rows and gone.lease_id not in left_alone:
            row = Row(reference=reference, lease_id=gone.lease_id, values=_NOTHING)
            found.append(Difference(change=Change.WITHDRAWN, row=row))
    return sorted(found, key=lambda one: one.row.reference)


_NOTHING: Mapping[str, Value] = MappingProxyType({})


def lived_in(lease: Lease, period: Period) -> bool:
    """Whether a lease has a day in a month."""
    return (
        lease.status is not LeaseStatus.CANCELLED
        and lease.starts_on <= last_day(period)
        and lease.ends_on >= first_day(period)
    )


# --- Rent certificates


def certificate_row(
    lease_id: str,
    document_id: str,
    number: str,
    verification_code: str,
    issued_on: date,
    facts: Mapping[str, Any],
) -> Row:
    """A CAF rent certificate as it was issued: the file says what the paper says, so that both agree."""
    caf, rent, lease = facts["caf"], facts["rent"], facts["lease"]
    values: dict[str, Value] = {
        "number": number,
        "verification_code": verification_code,
        "issued_on": issued_on,
        "landlord_code": caf["landlord_code"],
        "agency_code": caf["agency_code"] or None,
        "siret": facts["landlord"]["siret"],
        "landlord": facts["landlord"]["name"],
        "tenant_reference": lease["tenant_reference"],
        "family_name": facts["holder"]["family_name"],
        "given_names": facts["holder"]["given_names"],
        "birth_date": date.fromisoformat(facts["birth_date"]),
        "residence": facts["residence"]["name"],
        "address": ", ".join(facts["residence"]["address"]),
        "room": lease["room"],
        "surface": caf["surface_dm2"],
        "structure": caf["structure"],
        "agreement_number": caf["agreement_number"] or None,
        "agreement_on": date.fromisoformat(caf["agreement_on"]) if caf["agreement_on"] else None,
        "starts_on": date.fromisoformat(lease["starts_on"]),
        "ends_on": date.fromisoformat(lease["ends_on"]),
        "entry_month": rent["entry_month"],
        "entry_month_rent": rent["entry_month_rent_cents"],
        "entry_month_charges": rent["entry_month_charges_cents"],
        "monthly_rent": rent["monthly_rent_cents"],
        "monthly_charges": rent["monthly_charges_cents"],
        "furnished": caf["furnished"],
        "up_to_date": caf["up_to_date"],
        "third_party_payment": caf["third_party_payment"],
    }
    return Row(reference=lease["tenant_reference"], lease_id=lease_id, values=values, document_id=document_id)


# --- Unpaid rent


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpaid:
    """Rent that counts as unpaid, in cents; since when, and by when it must be told."""

    owed_cents: int
    months: int
    threshold_cents: int
    oldest_due_on: date
    since: date
    report_by: date


def unpaid(
    outstanding: Sequence[Outstanding],
    *,
    monthly_cents: int,
    aid_cents: int,
    period: Period,
    rule: UnpaidRule = UNPAID_RULE,
) -> Unpaid | None:
    """What is unpaid of a lease at the end of a month, where that is enough to be told; None otherwise.

    `monthly_cents` are rent and charges, `aid_cents` what the CAF pays the landlord of them. Only what rent
    notices charge counts: a surcharge, or what staff charged by itself, is no rent. Where the aid leaves the
    tenant nothing to pay the rule has no amount to compare with, so that nothing is told.
    """
    threshold = rule.months * (monthly_cents - aid_cents)
    if threshold <= 0:
        return None
    due = [
        one
        for one in outstanding
        if one.period is not None and one.due_on <= last_day(period) and one.unpaid_cents > 0
    ]
    due.sort(key=lambda one: (one.due_on, one.entry_id))
    owed = 0
    since: date | None = None
    for one in due:
        owed += one.unpaid_cents
        if since is None and owed >= threshold:
            since = one.due_on
    if since is None:
        return None
    return Unpaid(
        owed_cents=owed,
        months=len({one.period for one in due}),
        threshold_cents=threshold,
        oldest_due_on=due[0].due_on,
        since=since,
        report_by=_months_later(since, rule.report_within_months),
    )


def unpaid_row(
    lease: Lease, person: Person, residence: Residence, owed: Unpaid, *, aid_cents: int, period: Period
) -> Row:
    """What the CAF is told of a lease whose rent is unpaid."""
    terms = as_of(lease, min(last_day(period), lease.ends_on))
    values: dict[str, Value] = {
        "landlord_code": residence.landlord.caf_landlord_code or None,
        "agency_code": residence.documents.caf.agency_code or None,
        "siret": residence.landlord.siret or None,
        "tenant_reference": lease.tenant_reference,
        "family_name": person.family_name,
        "given_names": person.given_names,
        "birth_date": person.birth_date,
        "residence": residence.name,
        "room": terms.room,
        "period": period,
        "monthly_rent": terms.rent_cents,
        "monthly_charges": terms.charges_cents,
        "monthly_aid": aid_cents,
        "months_unpaid": owed.months,
        "amount_unpaid": owed.owed_cents,
        "oldest_due_on": owed.oldest_due_on,
        "unpaid_since": owed.since,
        "report_by": owed.report_by,
    }
    return Row(reference=lease.tenant_reference, lease_id=lease.lease_id, values=values)


def _months_later(day: date, months: int) -> date:
    return day_in(shift(period_of(day), months), day.day)


# --- Housing confirmations


def housing_row(
    lease: Lease,
    person: Person,
    residence: Residence,
    *,
    academic_year: str,
    university: str,
    consented_at: datetime,
    period: Period,
) -> Row | None:
    """What a university is told of a student who agreed; None without an INE, by which it knows them."""
    if not person.ine:
        return None
    values: dict[str, Value] = {
        "ine": person.ine,
        "family_name": person.family_name,
        "given_names": person.given_names,
        "birth_date": person.birth_date,
        "academic_year": academic_year,
        "university": university,
        "residence": residence.name,
        "address": ", ".join(line for line in residence.address if line),
        "postal_code": residence.postal_code,
        "city": residence.city,
        "room": as_of(lease, min(last_day(period), lease.ends_on)).room,
        "starts_on": lease.starts_on,
        "ends_on": lease.ends_on,
    }
    return Row(
        reference=lease.tenant_reference,
        lease_id=lease.lease_id,
        values=values,
        consented_at=consented_at,
    )


# --- Acknowledgements


class RowState(StrEnum):
    """What a recipient said of a row."""

    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class SentFileState(StrEnum):
    """How far a file has come."""

    BUILT = "built"
    DOWNLOADED = "downloaded"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What differs between what was sent and what was acknowledged, by tenant reference."""

    rejected: Mapping[str, str] = field(default_factory=dict)
    """Reference -> why, in the recipient's words."""
    not_acknowledged: tuple[str, ...] = ()
    not_sent: tuple[str, ...] = ()
    """Acknowledged, and never sent."""
