"""Admit a lease: its person, tenant code and references, all at once or not at all.

The same row admitted twice is the same lease; what contradicts the record is refused with its reason.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sesame.domain import codes
from sesame.domain.codes import CodeFormats
from sesame.domain.contacts import folded_name
from sesame.domain.file_faults import Fault
from sesame.domain.lease_files import Column, LeaseRow
from sesame.domain.residences import time_zone
from sesame.domain.scope import Scope
from sesame.domain.tenancy import Landlord, Lease, Person, Residence
from sesame.platform.clock import Clock
from sesame.platform.ids import Random, derived_id, new_id
from sesame.platform.secrets import Pepper
from sesame.store.audit import Action, Audit, by_staff
from sesame.store.people import Admission, AdmissionCollision, AdmittedReference, Collision, People
from sesame.store.table import Contention

ATTEMPTS = 6
"""Tries before an admission gives up on items that others hold; a queue then brings it back later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """The lease was admitted, now or earlier within the same import."""

    lease_id: str
    tenant_reference: str
    code_tail: str
    residence_created: str | None = None
    contacts_kept: tuple[Column, ...] = ()
    """Contacts of a person already known that the row gives otherwise: those on record stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """This very row was admitted before."""

    lease_id: str
    tenant_reference: str
    code_tail: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The row contradicts what is on record; nothing was written."""

    column: Column
    fault: Fault


Outcome = Created | Unchanged | Rejected


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record about some rows, read at once before they are admitted."""

    references: dict[str, AdmittedReference] = field(default_factory=dict)
    residences: dict[str, Residence] = field(default_factory=dict)
    persons_by_ine: dict[str, Person] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who rows come from and by which import ('' for none), for which residences, and whether it may bring
    others in. `source` is the caller's network, hashed; empty for an import's rows, which a job admits."""

    staff_id: str
    scope: Scope
    import_id: str = ""
    source: str = ""
    creates_residences: bool = False


class _Refused(Exception):
    def __init__(self, column: Column, fault: Fault) -> None:
        super().__init__(fault.value)
        self.rejected = Rejected(column, fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admissions:
    """Admits leases into the identity table."""

    people: People
    audit: Audit
    pepper: Pepper
    kms: Any
    codes_key: str
    operator_name: str
    clock: Clock
    random: Random
    pause: Callable[[float], None] = time.sleep
    default_provider: str = ""
    """The payment provider of residences that a file brings in; empty: none until somebody chooses."""
    formats: CodeFormats = codes.STANDARD

    def on_record(self, rows: Sequence[LeaseRow]) -> OnRecord:
        """Reads what a batch of rows needs: about four reads for a hundred rows."""
        return OnRecord(
            references=self.people.admitted([row.reference for row in rows]),
            residences=self.people.residences_by_id([row.residence_id for row in rows]),
            persons_by_ine=self.people.persons_by_ine([row.ine for row in rows if row.ine]),
        )

    def admit(self, row: LeaseRow, origin: Origin, known: OnRecord | None = None) -> Outcome:
        """Admits one row. Raises Contention when others kept hold of its items.

        `known` may be a moment old: the transaction's conditions catch what changed, and it is read anew.
        """
        for attempt in range(ATTEMPTS):
            record = known if known is not None and attempt == 0 else self.on_record([row])
            try:
                return self._admit(row, origin, record, attempt)
            except _Refused as refused:
                return refused.rejected
            except AdmissionCollision as collision:
                if row.tenant_code and collision.collisions == {Collision.CODE}:
                    return Rejected(Column.TENANT_CODE, Fault.CODE_TAKEN)
            except Contention:
                self.pause(0.02 * 2**attempt)
        raise Contention

    def _admit(self, row: LeaseRow, origin: Origin, known: OnRecord, attempt: int) -> Outcome:
        # Asked first: whether another residence or its lease exists is not for this caller to learn.
        if not origin.scope.includes(row.residence_id):
            raise _Refused(Column.RESIDENCE, Fault.OTHER_RESIDENCE)
        if earlier := known.references.get(row.reference):
            return _repeat(row, origin, earlier)
        if row.tenant_code and not self._can_sign_in_with(row.tenant_code):
            raise _Refused(Column.TENANT_CODE, Fault.CODE_NOT_EXPECTED)
        residence = known.residences.get(row.residence_id)
        if residence is None and not origin.creates_residences:
            raise _Refused(Column.RESIDENCE, Fault.UNKNOWN_RESIDENCE)
        on_file = self._known_person(row, known)
        person = self._person(row, on_file, attempt)
        lease, code = self._lease(row, person)
        record = AdmittedReference(
            reference=row.reference,
            lease_id=lease.lease_id,
            person_id=lease.person_id,
            tenant_reference=lease.tenant_reference,
            code_tail=lease.code_tail,
            digest=row.digest(),
            import_id=origin.import_id,
            residence_created=row.residence_id if residence is None else None,
            contacts_kept=_contacts_kept(row, on_file),
        )
        now = self.clock()
        entry = by_staff(
            Action.LEASE_ADMITTED,
            now,
            staff_id=origin.staff_id,
            random=self.random,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            source=origin.source,
            **({"import_id": origin.import_id} if origin.import_id else {}),
        )
        self.people.admit(
            Admission(
                lease=lease,
                person=person,
                person_known=on_file is not None,
                ine_known=on_file is not None and on_file.ine is not None,
                code=code,
                record=record,
                residence=self._new_residence(row) if residence is None else None,
                at=now,
                audited=self.audit.recording(entry),
            )
        )
        return _created(record)

    def _can_sign_in_with(self, code: str) -> bool:
        """Whether it would be read as itself, neither as a typing error nor, by its prefix, as another."""
        try:
            return self.formats.read(code) == codes.fold(code)
        except codes.Mistyped:
            return False

    def _known_person(self, row: LeaseRow, known: OnRecord) -> Person | None:
        """The person on record that the row is about, None for a new one. Raises _Refused."""
        if row.ine and (owner := known.persons_by_ine.get(row.ine)):
            if not _same_person(row, owner):
                raise _Refused(Column.INE, Fault.INE_OF_ANOTHER_PERSON)
            return owner
        for person in self.people.persons_by_email(row.email):
            if _same_person(row, person):
                if row.ine and person.ine not in {None, row.ine}:
                    raise _Refused(Column.INE, Fault.INE_UNLIKE_RECORD)
                return person
        return None

    def _person(self, row: LeaseRow, on_file: Person | None, attempt: int) -> Person:
        if on_file is not None:
            return replace(on_file, ine=on_file.ine or row.ine)
        # The same stranger met by two imports at once gets one id, so that only one of them creates the
        # person. Still unknown after a collision, they are another one, whose address was once the first's.
        who = f"{row.email}/{row.birth_date}/{folded_name(row.family_name, row.given_names)}"
        derived = derived_id("person", self.pepper.hash("person", who))
        return Person(
            person_id=derived if attempt == 0 else new_id(self.random),
            family_name=row.family_name,
            given_names=row.given_names,
            birth_date=row.birth_date,
            ine=row.ine,
            email=row.email,
            phone=row.phone,
            language=row.language,
        )

    def _lease(self, row: LeaseRow, person: Person) -> tuple[Lease, str]:
        """The lease with its code encrypted, and the folded code for its look-up."""
        lease_id = new_id(self.random)
        code = codes.fold(row.tenant_code) if row.tenant_code else self.formats.new(self.random)
        # Kept as the operator writes it, or as printed: whatever forms come later, the paper stays right.
        sealed = self.kms.encrypt(
            KeyId=self.codes_key,
            Plaintext=(row.tenant_code or self.formats.printed(code)).encode(),
            EncryptionContext={"lease_id": lease_id},
        )
        lease = Lease(
            lease_id=lease_id,
            person_id=person.person_id,
            residence_id=row.residence_id,
            reference=row.reference,
            tenant_reference=codes.new_tenant_reference(self.random),
            room=row.room,
            starts_on=row.starts_on,
            ends_on=row.ends_on,
            rent_cents=row.rent_cents,
            charges_cents=row.charges_cents,
            deposit_cents=row.deposit_cents,
            code_tail=codes.tail(code),
            code_cipher=sealed["CiphertextBlob"],
            code_hash=self.pepper.hash("code", code),
        )
        return lease, code

    def _new_residence(self, row: LeaseRow) -> Residence:
        """A residence known from a lease file only: its settings are defaults that nobody has confirmed."""
        return Residence(
            residence_id=row.residence_id,
            name=row.residence,
            address=(row.address, f"{row.postal_code} {row.city}"),
            postal_code=row.postal_code,
            city=row.city,
            time_zone=time_zone(row.postal_code),
            landlord=Landlord(name=self.operator_name, address=()),
            provider=self.default_provider,
            confirmed=False,
        )


def _repeat(row: LeaseRow, origin: Origin, earlier: AdmittedReference) -> Outcome:
    if earlier.digest != row.digest():
        raise _Refused(Column.REFERENCE, Fault.REFERENCE_KNOWN)
    if origin.import_id and earlier.import_id == origin.import_id:
        return _created(earlier)
    return Unchanged(
        lease_id=earlier.lease_id,
        tenant_reference=earlier.tenant_reference,
        code_tail=earlier.code_tail,
    )


def _created(record: AdmittedReference) -> Created:
    return Created(
        lease_id=record.lease_id,
        tenant_reference=record.tenant_reference,
        code_tail=record.code_tail,
        residence_created=record.residence_created,
        contacts_kept=tuple(Column(name) for name in record.contacts_kept),
    )


def _same_person(row: LeaseRow, person: Person) -> bool:
    names = folded_name(row.family_name, row.given_names), folded_name(person.family_name, person.given_names)
    return row.birth_date == person.birth_date and names[0] == names[1]


def _contacts_kept(row: LeaseRow, on_file: Person | None) -> tuple[Column, ...]:
    if on_file is None:
        return ()
    differs = {
        Column.EMAIL: row.email != on_file.email,
        Column.PHONE: bool(row.phone) and row.phone != on_file.phone,
    }
    return tuple(column for column, other in differs.items() if other)
