"""Residences, persons and leases, and the look-ups that find them by what a tenant knows.

A lease enters with its person and every look-up in one transaction: uniqueness is the database's work, and no
admission is ever half-written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from typing import Any

from sesame.domain import codes
from sesame.domain.contacts import folded_words
from sesame.domain.tenancy import (
    NOTICE_MONTHS,
    USUAL_REMINDERS,
    CafSettings,
    Channel,
    ContactHold,
    Departure,
    DepartureReason,
    DocumentSettings,
    FormerContact,
    Landlord,
    Language,
    Lease,
    LeaseStatus,
    Person,
    ReminderSettings,
    ReminderStep,
    RenewalBlock,
    RentWord,
    Residence,
    RoomSurface,
    Structure,
    Surcharge,
    Terms,
    Tone,
    Unusable,
    UnusableContact,
)
from sesame.domain.terms import terms_on
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.platform.secrets import Pepper
from sesame.store import keys
from sesame.store.table import (
    NOT_THERE,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    Update,
    Write,
    same_table,
    transact,
)

MOVES_KEPT = timedelta(days=31)
"""How long after its day an arrival or a departure is still on record for the residence's day."""
BATCH = 100
"""Items that one BatchGetItem may ask for."""
ERASED_BIRTH_DATE = date.min
"""Stands where a birth date was erased: it matches nobody's."""


class Collision(Enum):
    """What another item already holds, or no longer holds, when a lease is admitted."""

    REFERENCE = auto()
    TENANT_REFERENCE = auto()
    CODE = auto()
    INE = auto()
    PERSON = auto()
    RESIDENCE = auto()


class AdmissionCollision(Exception):
    """The admission met something already there; nothing was written."""

    def __init__(self, collisions: set[Collision]) -> None:
        super().__init__(", ".join(sorted(collision.name for collision in collisions)))
        self.collisions = collisions


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmittedReference:
    """What is kept under an operator's lease reference: the lease, and what its admission came from."""

    reference: str
    lease_id: str
    person_id: str
    tenant_reference: str
    code_tail: str
    digest: str
    """Of the row that brought the lease in."""
    import_id: str
    """The import that brought it, or '': a repeat within that import is the same admission."""
    residence_created: str | None
    contacts_kept: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A lease to be written, with its person and what is kept under its reference.

    `code` is folded, as it is looked up. `person_known` says that the person is on record; their INE is then
    added where they had none. `residence` is given only where it is to be created.
    """

    lease: Lease
    person: Person
    person_known: bool
    ine_known: bool
    code: str
    record: AdmittedReference
    residence: Residence | None
    at: datetime
    audited: Write | None = None
    """The entry that tells who admitted it, written with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRecord:
    """What a desk's last recovery came to, kept so that a second click gets the same answer."""

    digest: str
    at: datetime
    recovery_id: str
    document_id: str
    usable_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A tenant's first day (`arrives`) or last one in a residence, and the room that they take or leave."""

    lease_id: str
    residence_id: str
    day: date
    arrives: bool
    room: str
    stands: bool = True
    """False where the lease was cancelled: nobody comes, nobody leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePage:
    """Some leases of a residence, and where to go on."""

    leases: list[Lease]
    next: Key | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findable:
    """A lease, and its tenant's name as searches compare it: folded words, family name first."""

    lease: Lease
    name_words: str


@dataclass(frozen=True, slots=True)
class People:
    """The residences, persons and leases of the identity table."""

    table: Table
    pepper: Pepper

    # --- Reads

    def residence(self, residence_id: str) -> Residence | None:
        """A residence, or None."""
        item = self.table.get(keys.residence(residence_id))
        return residence_of(item) if item else None

    def residences(self) -> list[Residence]:
        """All residences of the operator, by id."""
        return [residence_of(item) for item in self.table.query_all(keys.residences())]

    def residences_by_id(self, residence_ids: Sequence[str]) -> dict[str, Residence]:
        """Those of the given residences that exist."""
        items = self._batch([keys.residence(residence_id) for residence_id in residence_ids])
        return {item["sk"]: residence_of(item) for item in items if item}

    def person(self, person_id: str) -> Person | None:
        """A person, or None."""
        item = self.table.get(keys.person(person_id))
        return person_of(item) if item else None

    def lease(self, lease_id: str) -> Lease | None:
        """A lease, or None."""
        item = self.table.get(keys.lease(lease_id))
        return lease_of(item) if item else None

    def lease_with_person(self, lease_id: str) -> tuple[Lease, Person] | None:
        """A lease and its tenant, or None. Two reads."""
        lease = self.lease(lease_id)
        person = self.person(lease.person_id) if lease else None
        return (lease, person) if lease and person else None

    def leases_of_person(self, person_id: str) -> list[Lease]:
        """Every lease of a person, ended ones too. Two reads."""
        return leases_of_person(self.table, person_id)

    def leases_of_residence(
        self, residence_id: str, *, start: Key | None = None, limit: int = 100
    ) -> LeasePage:
        """A page of a residence's leases, from the index: a lease admitted this second may not show yet."""
        page = self.table.query(
            keys.leases_of_residence(residence_id), index=keys.GSI1, start=start, limit=limit
        )
        return LeasePage(leases=[lease_of(item) for item in page.items], next=page.next)

    def every_lease_of_residence(self, residence_id: str) -> Iterator[Lease]:
        """All of a residence's leases, page after page."""
        for item in self.table.query_all(keys.leases_of_residence(residence_id), index=keys.GSI1):
            yield lease_of(item)

    def findable(self, residence_id: str) -> Iterator[Findable]:
        """All of a residence's leases and their tenants' folded names, page after page. Reads no person."""
        for item in self.table.query_all(keys.leases_of_residence(residence_id), index=keys.GSI1):
            yield Findable(lease=lease_of(item), name_words=item.get("search", ""))

    def persons_by_id(self, person_ids: Sequence[str]) -> dict[str, Person]:
        """Those of the given persons that exist. One read for every hundred."""
        items = self._batch([keys.person(person_id) for person_id in person_ids])
        return {item["person_id"]: person_of(item) for item in items if item}

    def lease_by_tenant_reference(self, reference: str) -> Lease | None:
        """The lease of a tenant reference, or None. Two reads."""
        lookup = self.table.get(keys.tenant_reference(reference))
        return self.lease(lookup["lease_id"]) if lookup else None

    def persons_by_email(self, email: str) -> list[Person]:
        """Whoever has this address (in normal form): two people may share one."""
        return self._persons("email", self.pepper.hashes("email", email))

    def persons_by_phone(self, phone: str) -> list[Person]:
        """Whoever has this number (E.164)."""
        return self._persons("phone", self.pepper.hashes("phone", phone))

    def person_by_ine(self, ine: str) -> Person | None:
        """The person with this INE (in normal form), or None."""
        return self.persons_by_ine([ine]).get(ine)

    def persons_by_ine(self, ines: Sequence[str]) -> dict[str, Person]:
        """INE -> person, for those that are known. Two reads for every hundred."""
        hashed = [(ine, digest) for ine in ines for digest in self.pepper.hashes("ine", ine)]
        lookups = self._batch([keys.ine(digest) for _, digest in hashed])
        found = [
            (ine, lookup["person_id"]) for (ine, _), lookup in zip(hashed, lookups, strict=True) if lookup
        ]
        persons = self._batch([keys.person(person_id) for _, person_id in found])
        return {ine: person_of(item) for (ine, _), item in zip(found, persons, strict=True) if item}

    def lease_by_code(self, folded_code: str) -> Lease | None:
        """The lease of a tenant code (folded), or None. Two reads."""
        return self.lease_by_code_hashes(self.pepper.hashes("code", folded_code))

    def lease_by_code_hashes(self, code_hashes: Sequence[str]) -> Lease | None:
        """The lease of a tenant code, given its hash under every live pepper."""
        for lookup in self._batch([keys.code(digest) for digest in code_hashes]):
            if lookup:
                return self.lease(lookup["lease_id"])
        return None

    def admitted(self, references: Sequence[str]) -> dict[str, AdmittedReference]:
        """What is kept under the operator's lease references, for those that are known."""
        items = self._batch([keys.lease_reference(reference) for reference in references])
        return {item["reference"]: _reference_of(item) for item in items if item}

    def _persons(self, kind: str, hashes: Sequence[str]) -> list[Person]:
        found = [
            lookup["person_id"]
            for digest in hashes
            for lookup in self.table.query_all(keys.persons_by(kind, digest))
        ]
        items = self._batch([keys.person(person_id) for person_id in found])
        return [person_of(item) for item in items if item]

    def _batch(self, wanted: Sequence[Key]) -> list[Item | None]:
        """Items in the order asked, a hundred a call, each key asked once."""
        distinct = list({(key["pk"], key["sk"]): key for key in wanted}.values())
        found: dict[tuple[str, str], Item | None] = {}
        for start in range(0, len(distinct), BATCH):
            asked = distinct[start : start + BATCH]
            items = same_table(self.table, asked)
            found |= {(key["pk"], key["sk"]): item for key, item in zip(asked, items, strict=True)}
        return [found[key["pk"], key["sk"]] for key in wanted]

    # --- Writes

    def setting(self, residence: Residence) -> Put:
        """The write of a residence's settings, replacing what was there; for a transaction."""
        return Put(table=self.table.name, item=residence_item(residence))

    def admit(self, admission: Admission) -> None:
        """Writes a lease and all that finds it, in one transaction of at most 17 items.

        Raises AdmissionCollision, with nothing written, where something unique is taken; Contention.
        """
        planned = [
            *self._lease_writes(admission),
            *self._code_writes(admission),
            *self._person_writes(admission),
            *self._ine_writes(admission),
            *((Collision.REFERENCE, write) for write in self.moving(None, admission.lease)),
        ]
        if admission.residence is not None:
            planned.append((Collision.RESIDENCE, self._first(residence_item(admission.residence))))
        if admission.audited is not None:
            planned.append((Collision.REFERENCE, admission.audited))
        try:
            transact(self.table.client, [write for _, write in planned])
        except ConditionFailed as failure:
            collisions = {what for index, (what, _) in enumerate(planned) if failure.failed(index)}
            raise AdmissionCollision(collisions) from failure

    def changing_contacts(self, before: Person, after: Person, record: DeskRecord) -> list[Write]:
        """The writes of a desk's recovery: contacts and their look-ups, and the next credential epoch.

        They fail where the person's epoch is not the one read: another desk was first.
        """
        change = Update(
            table=self.table.name,
            key=keys.person(before.person_id),
            expression=(
                "SET credential_epoch = :next, desk_record = :record"
                + (", email = :email" if after.email else "")
                + (", phone = :phone" if after.phone else "")
                + (", #hold = :hold" if after.hold else "")
                + " ADD version :one"
            ),
            condition="credential_epoch = :epoch",
            names={"#hold": "hold"} if after.hold else {},
            values={
                ":next": before.credential_epoch + 1,
                ":epoch": before.credential_epoch,
                ":record": _desk_record_item(record),
                ":one": 1,
            }
            | ({":email": after.email} if after.email else {})
            | ({":phone": after.phone} if after.phone else {})
            | ({":hold": hold_item(after.hold)} if after.hold else {}),
        )
        return [
            change,
            *self._moving("email", keys.email, before, before.email, after.email),
            *self._moving("phone", keys.phone, before, before.phone, after.phone),
        ]

    def approving(self, person: Person, staff_id: str) -> Update:
        """The write by which a second member of staff approves a change of contacts, if it still stands."""
        recovery_id = person.hold.recovery_id if person.hold else ""
        return Update(
            table=self.table.name,
            key=keys.person(person.person_id),
            expression="SET #hold.approved_by = :staff ADD version :one",
            condition="#hold.recovery_id = :recovery AND attribute_not_exists(#hold.approved_by)",
            names={"#hold": "hold"},
            values={":staff": staff_id, ":recovery": recovery_id, ":one": 1},
        )

    def _moving(
        self,
        kind: str,
        key_of: Callable[[str, str], Key],
        person: Person,
        old: str | None,
        new: str | None,
    ) -> list[Write]:
        """A contact's look-up from the old value, under every pepper, to the new one."""
        if old == new:
            return []
        writes: list[Write] = []
        if old:
            writes += [
                Delete(table=self.table.name, key=key_of(digest, person.person_id))
                for digest in self.pepper.hashes(kind, old)
            ]
        if new:
            key = key_of(self.pepper.hash(kind, new), person.person_id)
            writes.append(Put(table=self.table.name, item={**key, "person_id": person.person_id}))
        return writes

    def amending(self, before: Lease, after: Lease, announce: Mapping[str, str] | None = None) -> Update:
        """The write that gives a lease other terms, another end or status, if nobody changed it since.

        The lease is one version on then.
        """
        return Update(
            table=self.table.name,
            key=keys.lease(before.lease_id),
            expression=(
                "SET terms = :terms, ends_on = :ends_on, #status = :status, renewed_from = :renewed, "
                "version = :after"
                + (", announce = :announce" if announce else "")
                + (", departure = :departure" if after.departure else " REMOVE departure")
            ),
            condition="version = :before",
            names={"#status": "status"},
            values={
                ":terms": _terms_items(after.terms),
                ":ends_on": after.ends_on.isoformat(),
                ":status": after.status.value,
                ":renewed": [day.isoformat() for day in after.renewed_from],
                ":before": before.version,
                ":after": before.version + 1,
            }
            | ({":departure": _departure_item(after.departure)} if after.departure else {})
            | ({":announce": dict(announce)} if announce else {}),
        )

    def moving(self, before: Lease | None, after: Lease) -> list[Write]:
        """The writes by which a residence's day knows when a lease's tenant comes and leaves, and the room;
        none where that has not changed. They go with what changes the lease, and never fail."""
        known = _moves_of(before) if before else ()
        return [self._move(move) for move in _moves_of(after) if move not in known]

    def _move(self, move: Move) -> Update:
        stands = {":place": keys.moves(move.residence_id), ":day": move.day.isoformat(), ":room": move.room}
        return Update(
            table=self.table.name,
            key=keys.arrival(move.lease_id) if move.arrives else keys.departure(move.lease_id),
            expression="SET gsi1pk = :place, gsi1sk = :day, room = :room, expires_at = :gone"
            if move.stands
            else "SET expires_at = :gone REMOVE gsi1pk, gsi1sk",
            values={":gone": _end_of(move)} | (stands if move.stands else {}),
        )

    def rotating(
        self, lease: Lease, code: str, *, sealed: bytes, at: datetime, announce: Mapping[str, str] | None
    ) -> list[Write]:
        """The writes that give a lease another code (folded; `sealed` as the lease keeps it).

        The old code's look-up goes, wherever the pepper that made it stands; the new code must be free under
        every live pepper, and the lease as it was read. Four writes, and one for each older pepper.
        """
        current, *older = self.pepper.hashes("code", code)
        return [
            self._first(keys.code(current), lease_id=lease.lease_id, person_id=lease.person_id),
            Update(
                table=self.table.name,
                key=keys.lease(lease.lease_id),
                expression=(
                    "SET code_cipher = :cipher, code_hash = :hash, code_tail = :tail, code_rotated_at = :at, "
                    "version = version + :one" + (", announce = :announce" if announce else "")
                ),
                condition="version = :version AND code_hash = :old",
                values={
                    ":cipher": sealed,
                    ":hash": current,
                    ":tail": codes.tail(code),
                    ":at": at.isoformat(),
                    ":one": 1,
                    ":version": lease.version,
                    ":old": lease.code_hash,
                }
                | ({":announce": announce} if announce else {}),
            ),
            Delete(table=self.table.name, key=keys.code(lease.code_hash)),
            Update(
                table=self.table.name,
                key=keys.lease_reference(lease.reference),
                expression="SET code_tail = :tail",
                condition="attribute_exists(pk)",
                values={":tail": codes.tail(code)},
            ),
            *(self._absent(keys.code(digest)) for digest in older),
        ]

    def _lease_writes(self, admission: Admission) -> list[tuple[Collision, Write]]:
        lease, record = admission.lease, admission.record
        admitted = announcement(
            "lease.admitted",
            admission.at,
            id=derived_id("lease.admitted", lease.lease_id),
            lease_id=lease.lease_id,
            person_id=lease.person_id,
        )
        found = {"lease_id": lease.lease_id, "person_id": lease.person_id}
        words = folded_words(f"{admission.person.family_name} {admission.person.given_names}")
        findable = {**lease_item(lease), "search": " ".join(words)}
        return [
            (Collision.REFERENCE, self._first(_reference_item(record))),
            (Collision.TENANT_REFERENCE, self._first(keys.tenant_reference(lease.tenant_reference), **found)),
            (Collision.REFERENCE, self._first(findable, announce=admitted)),
            (Collision.REFERENCE, self._first(keys.person_lease(lease.person_id, lease.lease_id), **found)),
        ]

    def _code_writes(self, admission: Admission) -> list[tuple[Collision, Write]]:
        lease = admission.lease
        lookup = {"lease_id": lease.lease_id, "person_id": lease.person_id}
        current, *older = self.pepper.hashes("code", admission.code)
        return [
            (Collision.CODE, self._first(keys.code(current), **lookup)),
            *((Collision.CODE, self._absent(keys.code(digest))) for digest in older),
        ]

    def _person_writes(self, admission: Admission) -> list[tuple[Collision, Write]]:
        person = admission.person
        if admission.person_known:
            return [(Collision.PERSON, self._known_person(person, adds_ine=not admission.ine_known))]
        writes: list[tuple[Collision, Write]] = [(Collision.PERSON, self._first(person_item(person)))]
        if person.email:
            key = keys.email(self.pepper.hash("email", person.email), person.person_id)
            writes.append((Collision.PERSON, self._first(key, person_id=person.person_id)))
        if person.phone:
            key = keys.phone(self.pepper.hash("phone", person.phone), person.person_id)
            writes.append((Collision.PERSON, self._first(key, person_id=person.person_id)))
        return writes

    def _known_person(self, person: Person, *, adds_ine: bool) -> Write:
        if person.ine is None or not adds_ine:
            key = keys.person(person.person_id)
            return Check(table=self.table.name, key=key, condition="attribute_exists(pk)")
        return Update(
            table=self.table.name,
            key=keys.person(person.person_id),
            expression="SET ine = :ine ADD version :one",
            condition="attribute_exists(pk) AND attribute_not_exists(ine)",
            values={":ine": person.ine, ":one": 1},
        )

    def _ine_writes(self, admission: Admission) -> list[tuple[Collision, Write]]:
        person = admission.person
        if person.ine is None or admission.ine_known:
            return []
        current, *older = self.pepper.hashes("ine", person.ine)
        return [
            (Collision.INE, self._first(keys.ine(current), person_id=person.person_id)),
            *((Collision.INE, self._absent(keys.ine(digest))) for digest in older),
        ]

    def _first(self, item: Mapping[str, Any], **more: object) -> Put:
        return Put(table=self.table.name, item={**item, **more}, condition=NOT_THERE)

    def _absent(self, key: Key) -> Check:
        return Check(table=self.table.name, key=key, condition=NOT_THERE)


# --- Items ---------------------------------------------------------------------------------------------


def residence_item(residence: Residence) -> Item:
    """A residence as stored."""
    item = asdict(replace(residence, reminders=USUAL_REMINDERS))
    item["reminders"] = _reminders_item(residence.reminders)
    if agreed := residence.documents.caf.agreement_on:
        item["documents"]["caf"]["agreement_on"] = agreed.isoformat()
    return {**keys.residence(residence.residence_id), **item, "version": 1}


def residence_of(item: Item) -> Residence:
    """A residence's item, read."""
    landlord = dict(item["landlord"])
    return Residence(
        residence_id=item["residence_id"],
        name=item["name"],
        address=tuple(item["address"]),
        postal_code=item["postal_code"],
        city=item["city"],
        time_zone=item["time_zone"],
        landlord=Landlord(**landlord | {"address": tuple(landlord["address"])}),
        desk_contact=item["desk_contact"],
        issue_day=item["issue_day"],
        due_day=item["due_day"],
        notice_months=item.get("notice_months", NOTICE_MONTHS),
        provider=item["provider"],
        other_providers=tuple(item.get("other_providers", ())),
        documents=_document_settings(item.get("documents", {})),
        reminders=_reminders_of(item["reminders"]) if "reminders" in item else USUAL_REMINDERS,
        confirmed=item["confirmed"],
    )


def _document_settings(item: Mapping[str, Any]) -> DocumentSettings:
    """Of a residence set before there were any, the usual ones."""
    if not item:
        return DocumentSettings()
    caf = dict(item["caf"])
    return DocumentSettings(
        rent_word=RentWord(item["rent_word"]),
        footer_fr=item["footer_fr"],
        footer_en=item["footer_en"],
        logo=item["logo"],
        debt_tolerance_cents=int(item["debt_tolerance_cents"]),
        two_d_doc=item.get("two_d_doc", False),
        caf=CafSettings(
            structure=Structure(caf["structure"]) if caf.get("structure") else None,
            agency_code=caf["agency_code"],
            agreement_number=caf["agreement_number"],
            agreement_on=date.fromisoformat(caf["agreement_on"]) if caf.get("agreement_on") else None,
            furnished=caf["furnished"],
            third_party_payment=caf["third_party_payment"],
            surfaces=tuple(
                RoomSurface(rooms=one["rooms"], square_decimetres=int(one["square_decimetres"]))
                for one in caf["surfaces"]
            ),
        ),
    )


def _reminders_item(settings: ReminderSettings) -> Item | None:
    """None for the usual ones, so that where nobody chose, a better usual ladder is followed."""
    if settings == USUAL_REMINDERS:
        return None
    item = asdict(settings)
    if settings.surcharge:
        item["surcharge"] |= {"applies_from": settings.surcharge.applies_from.isoformat()}
    if settings.renewal_block:
        item["renewal_block"] |= {"applies_from": settings.renewal_block.applies_from.isoformat()}
    return item


def _reminders_of(item: Mapping[str, Any]) -> ReminderSettings:
    surcharge, block = item.get("surcharge"), item.get("renewal_block")
    return ReminderSettings(
        steps=tuple(map(_step_of, item["steps"])),
        tolerance_cents=item["tolerance_cents"],
        pay_by_days=item["pay_by_days"],
        plan_steps=tuple(map(_step_of, item["plan_steps"])),
        plan_grace_days=item["plan_grace_days"],
        surcharge=Surcharge(**surcharge | {"applies_from": date.fromisoformat(surcharge["applies_from"])})
        if surcharge
        else None,
        renewal_block=RenewalBlock(**block | {"applies_from": date.fromisoformat(block["applies_from"])})
        if block
        else None,
        territory=item["territory"],
    )


def _step_of(item: Mapping[str, Any]) -> ReminderStep:
    chosen = {"channels": tuple(map(Channel, item["channels"])), "tone": Tone(item["tone"])}
    return ReminderStep(**{**item, **chosen})


def person_item(person: Person) -> Item:
    """A person as stored; what they do not have is left out."""
    return {
        **keys.person(person.person_id),
        "person_id": person.person_id,
        "family_name": person.family_name,
        "given_names": person.given_names,
        "birth_date": person.birth_date.isoformat(),
        "ine": person.ine,
        "email": person.email,
        "phone": person.phone,
        "language": person.language.value,
        "credential_epoch": person.credential_epoch,
        "hold": hold_item(person.hold) if person.hold else None,
        "reminders_by": person.reminders_by.value if person.reminders_by else None,
        "courtesy_reminders": person.courtesy_reminders,
        **{f"unusable_{one.channel}": unusable_item(one) for one in person.unusable},
        "version": 1,
    }


def unusable_item(mark: UnusableContact) -> Item:
    """A contact that failed, as stored on its person under `unusable_{channel}`."""
    return {"contact": mark.contact, "reason": mark.reason.value, "since": mark.since.isoformat()}


def _unusable_of(item: Item) -> tuple[UnusableContact, ...]:
    return tuple(
        UnusableContact(
            channel=channel,
            contact=mark["contact"],
            reason=Unusable(mark["reason"]),
            since=datetime.fromisoformat(mark["since"]),
        )
        for channel in Channel
        if (mark := item.get(f"unusable_{channel}"))
    )


def desk_record(item: Item) -> DeskRecord | None:
    """What a person's item says of the last recovery at a desk."""
    record = item.get("desk_record")
    if record is None:
        return None
    usable_from = record.get("usable_from")
    return DeskRecord(
        digest=record["digest"],
        at=datetime.fromisoformat(record["at"]),
        recovery_id=record["recovery_id"],
        document_id=record["document_id"],
        usable_from=datetime.fromisoformat(usable_from) if usable_from else None,
    )


def _desk_record_item(record: DeskRecord) -> Item:
    return {
        "digest": record.digest,
        "at": record.at.isoformat(),
        "recovery_id": record.recovery_id,
        "document_id": record.document_id,
        "usable_from": record.usable_from.isoformat() if record.usable_from else None,
    }


def hold_item(hold: ContactHold) -> Item:
    """What a change of contacts left behind, as stored on the person."""
    return {
        "until": hold.until.isoformat(),
        "held": [channel.value for channel in hold.held],
        "former": [
            {"channel": one.channel.value, "contact": one.contact, "proven": one.proven}
            for one in hold.former
        ],
        "recovery_id": hold.recovery_id,
        "changed_by": list(hold.changed_by),
        "approved_by": hold.approved_by,
    }


def _hold_of(item: Item) -> ContactHold:
    return ContactHold(
        until=datetime.fromisoformat(item["until"]),
        held=tuple(Channel(name) for name in item["held"]),
        former=tuple(
            FormerContact(channel=Channel(one["channel"]), contact=one["contact"], proven=one["proven"])
            for one in item["former"]
        ),
        recovery_id=item["recovery_id"],
        changed_by=tuple(item["changed_by"]),
        approved_by=item.get("approved_by"),
    )


def person_of(item: Item) -> Person:
    """A person's item, read."""
    return Person(
        person_id=item["person_id"],
        family_name=item["family_name"],
        given_names=item["given_names"],
        birth_date=date.fromisoformat(item["birth_date"]),
        ine=item.get("ine"),
        email=item.get("email"),
        phone=item.get("phone"),
        language=Language(item["language"]),
        credential_epoch=item["credential_epoch"],
        hold=_hold_of(item["hold"]) if "hold" in item else None,
        reminders_by=Channel(item["reminders_by"]) if "reminders_by" in item else None,
        courtesy_reminders=item.get("courtesy_reminders", True),
        unusable=_unusable_of(item),
    )


def lease_item(lease: Lease) -> Item:
    """A lease as stored, indexed under its residence."""
    return {
        **keys.lease(lease.lease_id),
        "gsi1pk": keys.leases_of_residence(lease.residence_id),
        "gsi1sk": keys.lease(lease.lease_id)["pk"],
        "lease_id": lease.lease_id,
        "person_id": lease.person_id,
        "residence_id": lease.residence_id,
        "reference": lease.reference,
        "tenant_reference": lease.tenant_reference,
        "room": lease.room,
        "starts_on": lease.starts_on.isoformat(),
        "ends_on": lease.ends_on.isoformat(),
        "rent_cents": lease.rent_cents,
        "charges_cents": lease.charges_cents,
        "deposit_cents": lease.deposit_cents,
        "code_tail": lease.code_tail,
        "code_cipher": lease.code_cipher,
        "code_hash": lease.code_hash,
        "code_rotated_at": lease.code_rotated_at.isoformat() if lease.code_rotated_at else None,
        "status": lease.status.value,
        "version": lease.version,
        "terms": _terms_items(lease.terms) or None,
        "departure": _departure_item(lease.departure) if lease.departure else None,
        "renewed_from": [day.isoformat() for day in lease.renewed_from] or None,
    }


def _terms_items(terms: Sequence[Terms]) -> list[Item]:
    return [asdict(one) | {"starts_on": one.starts_on.isoformat()} for one in terms]


def _terms_of(items: Sequence[Item]) -> tuple[Terms, ...]:
    return tuple(Terms(**one | {"starts_on": date.fromisoformat(one["starts_on"])}) for one in items)


def _departure_item(departure: Departure) -> Item:
    return {
        "given_on": departure.given_on.isoformat(),
        "reason": departure.reason.value,
        "ended_on": departure.ended_on.isoformat(),
        "cut_off": _terms_items(departure.cut_off),
    }


def _departure_of(item: Item) -> Departure:
    return Departure(
        given_on=date.fromisoformat(item["given_on"]),
        reason=DepartureReason(item["reason"]),
        ended_on=date.fromisoformat(item["ended_on"]),
        cut_off=_terms_of(item["cut_off"]),
    )


def _moves_of(lease: Lease) -> tuple[Move, Move]:
    stands = lease.status is not LeaseStatus.CANCELLED
    first, last = (
        Move(
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            day=day,
            arrives=arrives,
            room=terms_on(lease, day).room,
            stands=stands,
        )
        for day, arrives in ((lease.starts_on, True), (lease.ends_on, False))
    )
    return first, last


def _end_of(move: Move) -> int:
    """When nobody asks for it any more, as DynamoDB's TTL wants it."""
    return int(datetime.combine(move.day + MOVES_KEPT, time.min, UTC).timestamp())


def moves_between(table: Table, residence_id: str, first: date, last: date) -> list[Move]:
    """Who comes to a residence or leaves it from a day to another, both included, by day and room. One query
    of small items: a thousand are some 20 read units."""
    page = table.query(
        keys.moves(residence_id), index=keys.GSI1, between=(first.isoformat(), last.isoformat())
    )
    found = [
        Move(
            lease_id=item["pk"].removeprefix("LEASE#"),
            residence_id=residence_id,
            day=date.fromisoformat(item["gsi1sk"]),
            arrives=item["sk"] == "ARRIVAL",
            room=item["room"],
        )
        for item in page.items
    ]
    return sorted(found, key=lambda one: (one.day, one.room, one.lease_id))


def leases_of_person(identity: Table, person_id: str) -> list[Lease]:
    """Every lease of a person, ended ones too. Two reads."""
    pointers = identity.query_all(keys.person(person_id)["pk"], "LEASE#")
    items = same_table(identity, [keys.lease(pointer["lease_id"]) for pointer in pointers])
    return [lease_of(item) for item in items if item]


def lease_of(item: Item) -> Lease:
    """A lease's item, read."""
    return Lease(
        lease_id=item["lease_id"],
        person_id=item["person_id"],
        residence_id=item["residence_id"],
        reference=item["reference"],
        tenant_reference=item["tenant_reference"],
        room=item["room"],
        starts_on=date.fromisoformat(item["starts_on"]),
        ends_on=date.fromisoformat(item["ends_on"]),
        rent_cents=item["rent_cents"],
        charges_cents=item["charges_cents"],
        deposit_cents=item["deposit_cents"],
        code_tail=item["code_tail"],
        code_cipher=item["code_cipher"],
        code_hash=item["code_hash"],
        code_rotated_at=datetime.fromisoformat(rotated) if (rotated := item.get("code_rotated_at")) else None,
        status=LeaseStatus(item["status"]),
        version=item["version"],
        terms=_terms_of(item.get("terms", ())),
        departure=_departure_of(item["departure"]) if "departure" in item else None,
        renewed_from=tuple(date.fromisoformat(day) for day in item.get("renewed_from", ())),
    )


def _reference_item(record: AdmittedReference) -> Item:
    return {**keys.lease_reference(record.reference), **asdict(record)}


def _reference_of(item: Item) -> AdmittedReference:
    return AdmittedReference(
        reference=item["reference"],
        lease_id=item["lease_id"],
        person_id=item["person_id"],
        tenant_reference=item["tenant_reference"],
        code_tail=item["code_tail"],
        digest=item["digest"],
        import_id=item["import_id"],
        residence_created=item.get("residence_created"),
        contacts_kept=tuple(item["contacts_kept"]),
    )
