"""Residences' settings: what a lease file cannot know, confirmed by who is in charge of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import available_timezones

from sesame.domain.calendar import local_date
from sesame.domain.ladders import faults
from sesame.domain.logos import logo_key, png_fault
from sesame.domain.tenancy import DocumentSettings, Landlord, ReminderSettings, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Invalid, NotFound
from sesame.store.audit import Audit, AuditEntry
from sesame.store.people import People
from sesame.store.table import transact

_LUHN_BASE = 10
_SIRET_DIGITS = 14
_LONGEST_ID = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set of a residence; its id, name and town come with its leases."""

    address: tuple[str, ...]
    time_zone: str
    landlord: Landlord
    desk_contact: str
    issue_day: int
    due_day: int
    provider: str
    other_providers: tuple[str, ...] = ()
    notice_months: int | None = None
    """Of notice to leave; None leaves it as it is."""
    documents: DocumentSettings | None = None
    """None leaves them as they are; the logo is set apart, and stays in any case."""
    reminders: ReminderSettings | None = None
    """None leaves them as they are."""


@dataclass(frozen=True, slots=True)
class Residences:
    """Lists residences and sets what they are."""

    people: People
    audit: Audit
    clock: Clock

    def all(self) -> Sequence[Residence]:
        """Every residence of the operator, by id."""
        return self.people.residences()

    def one(self, residence_id: str) -> Residence:
        """A residence. Raises NotFound."""
        residence = self.people.residence(residence_id) if len(residence_id) <= _LONGEST_ID else None
        if residence is None:
            raise NotFound
        return residence

    def confirm(self, residence_id: str, settings: Settings, entry: AuditEntry) -> Residence:
        """Sets a residence's settings, which who `entry` names has read. Raises NotFound, Invalid."""
        residence = self.one(residence_id)
        wrong: list[dict[str, object]] = []
        if settings.time_zone not in available_timezones():
            wrong.append({"field": "time_zone", "reason": "Europe/Paris, Indian/Reunion, ..."})
        if settings.landlord.siret and not is_siret(settings.landlord.siret):
            wrong.append({"field": "landlord.siret", "reason": "SIRET"})
        if wrong:
            raise Invalid(
                detail_fr="Vérifiez le fuseau horaire et le numéro SIRET (14 chiffres).",
                detail_en="Check the time zone and the SIRET (14 digits).",
                errors=wrong,
            )
        reminders = settings.reminders or residence.reminders
        today = local_date(self.clock(), settings.time_zone)
        if found := list(faults(reminders, residence.reminders, today)):
            raise Invalid(
                detail_fr="Ces réglages des relances ne peuvent pas être suivis.",
                detail_en="These settings of reminders cannot be followed.",
                errors=[{"field": f"reminders.{field}", "reason": reason} for field, reason in found],
            )
        confirmed = replace(
            residence,
            address=settings.address,
            time_zone=settings.time_zone,
            landlord=settings.landlord,
            desk_contact=settings.desk_contact,
            issue_day=settings.issue_day,
            due_day=settings.due_day,
            notice_months=residence.notice_months
            if settings.notice_months is None
            else settings.notice_months,
            provider=settings.provider,
            other_providers=settings.other_providers,
            documents=_with_logo_of(residence, settings.documents),
            reminders=reminders,
            confirmed=True,
        )
        writes = [self.people.setting(confirmed), self.audit.recording(entry)]
        transact(self.people.table.client, writes, attempts=3)
        return confirmed


@dataclass(frozen=True, slots=True)
class Logos:
    """Operators' logos, kept under their own digest: what a document names is what it gets."""

    residences: Residences
    s3: Any
    bucket: str

    def set(self, residence_id: str, png: bytes, entry: AuditEntry) -> Residence:
        """Gives a residence's documents a logo. Raises NotFound, Invalid for what cannot be drawn."""
        residence = self.residences.one(residence_id)
        if fault := png_fault(png):
            raise Invalid(
                detail_fr="Envoyez une image PNG complète, de 100 ko et de 1 200 pixels de côté au plus.",
                detail_en="Send a whole PNG picture, of 100 kB and 1,200 pixels a side at most.",
                errors=[{"field": "body", "reason": fault}],
            )
        digest = hashlib.sha256(png).hexdigest()
        self.s3.put_object(Bucket=self.bucket, Key=logo_key(digest), Body=png, ContentType="image/png")
        changed = replace(residence, documents=replace(residence.documents, logo=digest))
        people, audit = self.residences.people, self.residences.audit
        transact(people.table.client, [people.setting(changed), audit.recording(entry)], attempts=3)
        return changed


def _with_logo_of(residence: Residence, documents: DocumentSettings | None) -> DocumentSettings:
    return replace(documents, logo=residence.documents.logo) if documents else residence.documents


def is_siret(text: str) -> bool:
    """Whether 14 digits are a SIRET: Luhn's sum (INSEE), or the digits' own sum for La Poste's branches."""
    if len(text) != _SIRET_DIGITS or not (text.isascii() and text.isdigit()):
        return False
    digits = [int(digit) for digit in text]
    doubled = [digit * 2 if place % 2 == 0 else digit for place, digit in enumerate(digits)]
    luhn = sum(digit - 9 if digit >= _LUHN_BASE else digit for digit in doubled)
    return luhn % _LUHN_BASE == 0 or (text.startswith("356000000") and sum(digits) % 5 == 0)
