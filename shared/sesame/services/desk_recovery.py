"""The desk gives a code back to whoever shows an ID, and mends the contacts: all of it at once, or nothing.

One transaction changes the contacts, raises the credential epoch (which ends sessions and one-time codes),
clears what slowed the tenant's own tries, leaves the audit entry that tells every contact, orders the slip.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from sesame.domain.contacts import normal_email, normal_phone
from sesame.domain.tenancy import (
    Channel,
    ContactHold,
    FormerContact,
    Lease,
    Person,
    Residence,
)
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Forbidden, Invalid
from sesame.platform.events import announcement
from sesame.platform.ids import Random, new_id
from sesame.platform.secrets import Pepper
from sesame.services.access import recovery_contact, recovery_identity, sign_in_identity
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import CodeSlips
from sesame.services.retries import USUAL, Retries
from sesame.services.rotation import Rotations
from sesame.services.staff import Staff
from sesame.store.audit import Action, Audit, AuditEntry, by_staff
from sesame.store.pacing import Pacing
from sesame.store.people import DeskRecord, People, desk_record, person_of, residence_of
from sesame.store.table import Write, transact

HOLD = timedelta(hours=24)
"""How long a contact changed at a desk cannot sign in, unless a second member of staff approves it."""
SAME_REQUEST = timedelta(minutes=5)
"""The same request within this time is a second click, and gets the first one's answer."""
_ID_CHARACTERS = 4


class IdKind(StrEnum):
    """The ID shown at the desk; a copy is never kept."""

    PASSPORT = "passport"
    IDENTITY_CARD = "identity_card"
    RESIDENCE_PERMIT = "residence_permit"
    DRIVING_LICENCE = "driving_licence"


class NoSuchApproval(Conflict):
    """That change of contacts does not wait for anybody's approval: there is none, or it is another one."""

    slug = "nothing-to-approve"
    title: ClassVar = {"fr": "Aucun changement à valider", "en": "No change to approve"}


class OwnChange(Forbidden):
    """Whoever made a change cannot be the second one to look at it."""

    slug = "own-change"
    title: ClassVar = {
        "fr": "Un autre membre du personnel doit valider",
        "en": "Another member of staff must approve",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRequest:
    """What the desk saw, and what is to change. A contact is None where it stays as it is."""

    id_kind: IdKind
    id_last_characters: str
    email: str | None = None
    phone: str | None = None
    new_code: bool = False
    """Whether the code is replaced: somebody else may know the old one."""

    def digest(self, staff_id: str, lease_id: str, pepper: Pepper) -> str:
        """Makes a second click known as one."""
        shown = f"{self.id_kind}/{self.id_last_characters}"
        said = f"{staff_id}/{lease_id}/{shown}/{self.email}/{self.phone}/{self.new_code}"
        return hashlib.sha256(pepper.hash("desk-request", said).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRecovered:
    """What the desk hands over: the slip's document, and when changed contacts can sign in."""

    recovery_id: str
    document_id: str
    usable_from: datetime | None
    """None where no contact changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRecoveries:
    """Recoveries at a reception, and the second approval of what they change."""

    people: People
    pacing: Pacing
    audit: Audit
    slips: CodeSlips
    rotations: Rotations
    pepper: Pepper
    clock: Clock
    random: Random
    retries: Retries = USUAL

    def recover(self, staff: Staff, lease_id: str, request: DeskRequest, *, source: str) -> DeskRecovered:
        """Gives the code back. Raises NotFound, Invalid, Forbidden.

        Five AWS calls, six where the code is replaced. What another desk changes meanwhile is read again.
        """
        request = _checked(request)
        return self.retries.run(lambda: self._recover(staff, lease_id, request, source))

    def approve(self, staff: Staff, lease_id: str, recovery_id: str, *, source: str) -> None:
        """A second member of staff vouches for a change of contacts: it can sign in at once.

        The recovery that made it is named, so that nobody approves a later one unseen. Raises NotFound,
        NoSuchApproval, OwnChange, Forbidden.
        """
        self.retries.run(lambda: self._approve(staff, lease_id, recovery_id, source))

    def _recover(self, staff: Staff, lease_id: str, request: DeskRequest, source: str) -> DeskRecovered:
        now = self.clock()
        lease, person, residence, last = self._tenancy(staff, lease_id)
        digest = request.digest(staff.staff_id, lease_id, self.pepper)
        if last is not None and last.digest == digest and now - last.at < SAME_REQUEST:
            return _answer(last)
        recovery_id = new_id(self.random)
        after = _with_contacts(person, request, staff, recovery_id, now)
        changed = (after.email, after.phone) != (person.email, person.phone)
        leases = self.people.leases_of_person(person.person_id)
        entry, *others = [
            self._entry(staff, one, request, recovery_id, source, now, changed=changed, at_hand=at_hand)
            for at_hand, one in [
                (True, lease),
                *((False, other) for other in leases if other.lease_id != lease_id),
            ]
        ]
        rotation = self.rotations.writes(lease, now, tells=False) if request.new_code else None
        on_slip = rotation.lease if rotation else lease
        slip_id, slip_writes = self.slips.ordering(on_slip, after, residence, now)
        record = DeskRecord(
            digest=digest,
            at=now,
            recovery_id=recovery_id,
            document_id=slip_id,
            usable_from=after.hold.until if changed and after.hold and after.hold.stands(now) else None,
        )
        told = announcement(
            "code.recovered",
            now,
            lease_id=lease.lease_id,
            person_id=person.person_id,
            way="desk",
            contacts="changed" if changed else "unchanged",
            code="new" if rotation else "same",
        )
        writes: list[Write] = [
            *self.people.changing_contacts(person, after, record),
            *self._forgetting(leases, person, after),
            self.audit.recording(entry, told),
            *(self.audit.recording(other) for other in others),
            *slip_writes,
            *(rotation.writes if rotation else ()),
        ]
        transact(self.people.table.client, writes)
        return _answer(record)

    def _approve(self, staff: Staff, lease_id: str, recovery_id: str, source: str) -> None:
        now = self.clock()
        lease, person, _, _ = self._tenancy(staff, lease_id)
        hold = person.hold
        if hold is None or not hold.stands(now) or hold.recovery_id != recovery_id:
            raise NoSuchApproval
        if staff.staff_id in hold.changed_by:
            raise OwnChange
        entry = by_staff(
            Action.CONTACT_APPROVED,
            now,
            staff_id=staff.staff_id,
            random=self.random,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            source=self.pepper.hash("source", source),
            changed_by=" ".join(hold.changed_by),
        )
        transact(
            self.people.table.client,
            [self.people.approving(person, staff.staff_id), self.audit.recording(entry)],
        )

    def _tenancy(self, staff: Staff, lease_id: str) -> tuple[Lease, Person, Residence, DeskRecord | None]:
        """Two reads. Raises NotFound for what is not there or not theirs to see; Forbidden for their own."""
        lease, person, residence = DeskLeases(self.people.table).items_acted_on(staff, lease_id)
        return lease, person_of(person), residence_of(residence), desk_record(person)

    def _entry(
        self,
        staff: Staff,
        lease: Lease,
        request: DeskRequest,
        recovery_id: str,
        source: str,
        now: datetime,
        *,
        changed: bool,
        at_hand: bool,
    ) -> AuditEntry:
        """What was done to a lease: contacts and sessions are the person's, the code shown is one lease's."""
        details: Mapping[str, str | int] = {
            "recovery_id": recovery_id,
            "id_kind": request.id_kind.value,
            "id_last_characters": request.id_last_characters,
            "contacts_changed": int(changed),
            "code_shown": int(at_hand),
            "code_replaced": int(at_hand and request.new_code),
        }
        return by_staff(
            Action.CODE_RECOVERED_AT_DESK,
            now,
            staff_id=staff.staff_id,
            random=self.random,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            source=self.pepper.hash("source", source),
            **details,
        )

    def _forgetting(self, leases: list[Lease], before: Person, after: Person) -> list[Write]:
        """Clears what slowed their tries: a reset that left a delay would send them back to the desk.

        Those with the new contact too: it is what they tried before they came.
        """
        known = [
            (kind, contact)
            for person in (before, after)
            for kind, contact in (("email", person.email), ("phone", person.phone), ("ine", person.ine))
            if contact
        ]
        identities = [
            recovery_identity(self.pepper, kind, contact, before.birth_date) for kind, contact in known
        ]
        identities += [sign_in_identity(self.pepper, lease.code_hash) for lease in leases if lease.code_hash]
        contacts = [recovery_contact(self.pepper, kind, contact) for kind, contact in known]
        return [
            *map(self.pacing.forgetting, dict.fromkeys(identities)),
            *map(self.pacing.forgetting_birth_dates, dict.fromkeys(contacts)),
        ]


def _checked(request: DeskRequest) -> DeskRequest:
    """The request in normal form. Raises Invalid naming what cannot be."""
    wrong: list[dict[str, object]] = []
    characters = request.id_last_characters.strip().upper()
    if len(characters) != _ID_CHARACTERS or not (characters.isascii() and characters.isalnum()):
        wrong.append({"field": "id_document.last_characters", "reason": "4"})
    email = normal_email(request.email) if request.email else None
    phone = normal_phone(request.phone) if request.phone else None
    if request.email and email is None:
        wrong.append({"field": "email"})
    if request.phone and phone is None:
        wrong.append({"field": "phone"})
    if wrong:
        raise Invalid(
            detail_fr="Vérifiez les quatre derniers caractères de la pièce, l'adresse et le téléphone.",
            detail_en="Check the last four characters of the ID, the address and the phone number.",
            errors=wrong,
        )
    return replace(request, id_last_characters=characters, email=email, phone=phone)


def _with_contacts(
    person: Person, request: DeskRequest, staff: Staff, recovery_id: str, now: datetime
) -> Person:
    """The person after the change; a new contact is held, and all before it are told for as long.

    Going back to a contact that could sign in before a change that still waits only undoes that change.
    """
    before = person.hold if person.hold is not None and now < person.hold.until else None
    new = {Channel.EMAIL: request.email, Channel.SMS: request.phone}
    changed = [channel for channel in Channel if new[channel] and new[channel] != person.contact(channel)]
    if not changed:
        return person
    undone = {
        channel
        for channel in changed
        if before is not None and before.undone_by(channel, new[channel] or "", now)
    }
    standing = before if before is not None and before.stands(now) else None
    held = ({*changed} | ({*standing.held} if standing else set())) - undone
    former = [
        FormerContact(channel=channel, contact=contact, proven=person.can_prove_by(channel, now))
        for channel in changed
        if (contact := person.contact(channel))
    ]
    return replace(
        person,
        email=request.email or person.email,
        phone=request.phone or person.phone,
        hold=ContactHold(
            until=now + HOLD,
            held=tuple(sorted(held)),
            former=tuple(dict.fromkeys([*(before.former if before else ()), *former])),
            recovery_id=recovery_id,
            changed_by=tuple(dict.fromkeys([*(standing.changed_by if standing else ()), staff.staff_id])),
        ),
    )


def _answer(record: DeskRecord) -> DeskRecovered:
    return DeskRecovered(
        recovery_id=record.recovery_id, document_id=record.document_id, usable_from=record.usable_from
    )
