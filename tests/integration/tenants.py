"""Tenants for tests: a lease on record with everything that finds it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from secrets import token_bytes
from typing import Any

from sesame.domain import codes
from sesame.domain.tenancy import Landlord, Lease, Person, Residence
from sesame.domain.terms import amended
from sesame.platform.ids import new_id
from sesame.store.people import Admission, AdmittedReference, People

RESIDENCE = Residence(
    residence_id="les-tilleuls-75013",
    name="Les Tilleuls",
    address=("12 rue des Tilleuls", "75013 Paris"),
    postal_code="75013",
    city="Paris",
    time_zone="Europe/Paris",
    landlord=Landlord(name="Opérateur d'essai", address=("1 place du Test", "75000 Paris")),
    provider="sandbox",
)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A person, a lease, and the code in clear."""

    person: Person
    lease: Lease
    code: str

    @property
    def printed_code(self) -> str:
        """As on the entry document."""
        return codes.STANDARD.printed(self.code)


def admit(aws: Any, *, residence: Residence = RESIDENCE, **of_person: Any) -> Tenant:
    """Puts a tenant on record, in a residence that is made where it does not exist."""
    described: dict[str, Any] = {
        "family_name": "Nguyễn",
        "given_names": "Thị Hương",
        "birth_date": date(2004, 5, 31),
        "email": "huong@example.org",
        "ine": "170669074DK",
    } | of_person
    return _admitted(aws, Person(person_id=new_id(), **described), residence, known=False)


def move(aws: Any, tenant: Tenant, room: str, on: date = date(2026, 9, 1)) -> None:
    """Gives a tenant another room from a day on, the first unless told otherwise: the one they came to."""
    people = People(aws.identity, aws.pepper)
    lease = people.lease(tenant.lease.lease_id)
    assert lease is not None
    aws.identity.write(people.amending(lease, amended(lease, on, room=room)))


def admit_again(aws: Any, tenant: Tenant, *, residence: Residence = RESIDENCE, **of_lease: Any) -> Tenant:
    """Gives somebody on record another lease, of the year after unless told otherwise."""
    next_year = {"starts_on": date(2027, 9, 1), "ends_on": date(2028, 8, 31), "room": "C101"}
    return _admitted(aws, tenant.person, residence, known=True, **next_year | of_lease)


def _admitted(aws: Any, person: Person, residence: Residence, *, known: bool, **of_lease: Any) -> Tenant:
    people = People(aws.identity, aws.pepper)
    there = people.residence(residence.residence_id)
    lease_id = new_id()
    code = codes.STANDARD.new(token_bytes)
    cipher = aws.kms.encrypt(
        KeyId=aws.codes_key,
        Plaintext=codes.STANDARD.printed(code).encode(),
        EncryptionContext={"lease_id": lease_id},
    )["CiphertextBlob"]
    described: dict[str, Any] = {
        "room": "B204",
        "starts_on": date(2026, 9, 1),
        "ends_on": date(2027, 8, 31),
    } | of_lease
    lease = Lease(
        lease_id=lease_id,
        person_id=person.person_id,
        residence_id=residence.residence_id,
        reference=f"L{lease_id[:8]}",
        tenant_reference=codes.new_tenant_reference(token_bytes),
        rent_cents=40_000,
        charges_cents=5_000,
        deposit_cents=40_000,
        code_tail=codes.tail(code),
        code_cipher=cipher,
        code_hash=aws.pepper.hash("code", code),
        **described,
    )
    people.admit(
        Admission(
            lease=lease,
            person=person,
            person_known=known,
            ine_known=known,
            code=code,
            record=AdmittedReference(
                reference=lease.reference,
                lease_id=lease_id,
                person_id=person.person_id,
                tenant_reference=lease.tenant_reference,
                code_tail=lease.code_tail,
                digest="-",
                import_id="",
                residence_created=None,
                contacts_kept=(),
            ),
            residence=None if there else residence,
            at=datetime(2026, 8, 25, 9, 0, tzinfo=UTC),
        )
    )
    return Tenant(person=person, lease=lease, code=code)
