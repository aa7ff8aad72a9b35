"""The tenant code for who has signed in at the students' identity provider: an OIDC token instead of a code.

The gateway has checked the token: signature, issuer, audience, expiry. What is left is whom it speaks of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar

from aws_lambda_powertools.event_handler import Depends, Request

from sesame.domain.calendar import local_date
from sesame.domain.contacts import normal_email, normal_ine
from sesame.domain.tenancy import Channel, Lease, LeaseStatus, Person, Residence
from sesame.domain.terms import as_of
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Forbidden, NotFound, Unauthenticated
from sesame.platform.events import announcement
from sesame.platform.ids import Random, derived_id
from sesame.platform.secrets import Pepper
from sesame.services.tenant_codes import Decipher
from sesame.store.audit import Action, Audit, by_tenant
from sesame.store.people import People
from sesame.store.table import transact

MOST_SHOWN = 10
"""Codes shown at once: each is a call to KMS, and an entry in the audit."""


class UnverifiedEmail(Forbidden):
    """An address that nobody has verified is anybody's."""

    slug = "unverified-email"
    title: ClassVar = {
        "fr": "Votre espace personnel ne donne ni INE ni adresse e-mail vérifiée",
        "en": "Your personal space gives neither an INE nor a verified e-mail address",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Faites vérifier votre adresse e-mail par votre établissement, puis reconnectez-vous ; "
            "ou demandez votre code par la procédure de récupération.",
            detail_en="Have your university verify your e-mail address, then sign in again; "
            "or ask for your code by the recovery procedure.",
        )


class NoTenancy(NotFound):
    """The identity provider knows the student, the residences do not."""

    slug = "no-tenancy"
    title: ClassVar = {
        "fr": "Aucun logement n'est enregistré à votre nom",
        "en": "No accommodation is on record under your name",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Si vous avez un logement, l'accueil de votre résidence a peut-être une autre adresse "
            "e-mail ou pas d'INE : présentez-vous avec une pièce d'identité, ou demandez votre code par la "
            "procédure de récupération.",
            detail_en="If you have accommodation, your residence's reception may have another e-mail address "
            "or no INE for you: go there with an ID, or ask for your code by the recovery procedure.",
        )


class SharedEmail(Conflict):
    """Several tenants share the address, and the token does not say which one this is."""

    slug = "shared-email"
    title: ClassVar = {
        "fr": "Plusieurs locataires partagent cette adresse e-mail",
        "en": "Several tenants share this e-mail address",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Demandez votre code par la procédure de récupération, avec votre INE.",
            detail_en="Ask for your code by the recovery procedure, with your INE.",
        )


class EmailOnHold(Forbidden):
    """The address was changed at a desk within the last day: it proves nothing yet, here neither."""

    slug = "email-on-hold"
    title: ClassVar = {
        "fr": "Cette adresse vient d'être changée à l'accueil",
        "en": "This address has just been changed at the reception",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Par sécurité, elle ne donne pas le code avant un jour, sauf si un second membre du "
            "personnel valide le changement : demandez-le à l'accueil.",
            detail_en="To be safe, it does not give the code within a day, unless a second member of staff "
            "approves the change: ask at the reception.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """Whom a token speaks of, in normal forms; `email` only where it is verified."""

    ine: str | None = None
    email: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCode:
    """A tenant code, and which room it is for today."""

    tenant_code: str
    lease: Lease
    residence: Residence


def student_of(claims: Mapping[str, object]) -> Student:
    """The student that JWT claims name. Raises Unauthenticated without any, UnverifiedEmail for no proof.

    API Gateway hands every claim over as a string, `true` included. A claim that has not its form counts
    as not given.
    """
    if not claims.get("sub"):
        raise Unauthenticated
    verified = str(claims.get("email_verified")).lower() == "true"
    student = Student(
        ine=normal_ine(str(claims.get("ine") or "")),
        email=normal_email(str(claims.get("email") or "")) if verified else None,
        birth_date=_date(str(claims.get("birthdate") or "")),
    )
    if not (student.ine or student.email):
        raise UnverifiedEmail
    return student


def _current_student(request: Request) -> Student:
    context = request.resolved_event.get("requestContext") or {}
    return student_of(((context.get("authorizer") or {}).get("jwt") or {}).get("claims") or {})


CurrentStudent = Annotated[Student, Depends(_current_student)]
"""The student behind a request; the route's authorizer has checked the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalSpace:
    """Shows a student the tenant codes of their leases."""

    people: People
    audit: Audit
    pepper: Pepper
    decipher: Decipher
    clock: Clock
    random: Random

    def codes(self, student: Student, source: str) -> list[ShownCode]:
        """The codes of the student's leases, newest first, `MOST_SHOWN` at most.

        Every contact is told, once an hour of the clock however often the student looks; the audit has each
        look. Raises NoTenancy, SharedEmail, EmailOnHold. Six calls, seven where an INE is unknown; and one
        to KMS a code.
        """
        person = self._person(student)
        known = [lease for lease in self.people.leases_of_person(person.person_id) if lease.has_code]
        # who has no other has what was paid for a cancelled one still to ask back
        leases = [lease for lease in known if lease.status is not LeaseStatus.CANCELLED] or known
        leases = sorted(leases, key=lambda lease: lease.starts_on, reverse=True)[:MOST_SHOWN]
        if not leases:
            raise NoTenancy
        residences = self.people.residences_by_id([lease.residence_id for lease in leases])
        now = self.clock()
        shown = [
            ShownCode(
                tenant_code=self.decipher(lease),
                lease=as_of(lease, local_date(now, residence.time_zone)),
                residence=residence,
            )
            for lease, residence in ((one, residences[one.residence_id]) for one in leases)
        ]
        self._record(person, leases, source)
        return shown

    def _person(self, student: Student) -> Person:
        if student.ine and (owner := self.people.person_by_ine(student.ine)):
            if student.birth_date not in {None, owner.birth_date}:
                raise NoTenancy
            return owner
        sharing = self.people.persons_by_email(student.email) if student.email else []
        matching = [person for person in sharing if _may_be(person, student)]
        if not matching:
            raise NoTenancy
        if len(matching) > 1:
            raise SharedEmail
        if not matching[0].can_prove_by(Channel.EMAIL, self.clock()):
            raise EmailOnHold
        return matching[0]

    def _record(self, person: Person, leases: list[Lease], source: str) -> None:
        """Accounts for every code that is about to be shown, and has the contacts told, at once."""
        now = self.clock()
        hashed = self.pepper.hash("source", source)
        hour = now.strftime("%Y-%m-%dT%H")
        told = announcement(
            "code.recovered",
            now,
            id=derived_id("personal-space", person.person_id, hour),
            lease_id=leases[0].lease_id,
            person_id=person.person_id,
            way="personal_space",
        )
        writes = [
            self.audit.recording(
                by_tenant(
                    Action.CODE_RECOVERED,
                    now,
                    person_id=person.person_id,
                    lease_id=lease.lease_id,
                    residence_id=lease.residence_id,
                    random=self.random,
                    source=hashed,
                    way="personal-space",
                ),
                told if lease is leases[0] else None,
            )
            for lease in leases
        ]
        transact(self.audit.table.client, writes, attempts=3)


def _may_be(person: Person, student: Student) -> bool:
    """Whether nothing that the token says speaks against this person, whose address it has."""
    other_ine = student.ine is not None and person.ine is not None
    other_birth_date = student.birth_date is not None and person.birth_date != student.birth_date
    return not (other_ine or other_birth_date)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
