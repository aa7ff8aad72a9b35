"""The welcome link: single use, seven days, and worth nothing without the tenant's birth date."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.tenancy import Lease, Person, Residence
from sesame.domain.terms import as_of
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound, Problem
from sesame.platform.ids import Random, derived_id, new_id
from sesame.platform.secrets import Pepper
from sesame.services.tenant_codes import Decipher
from sesame.store import keys
from sesame.store.audit import Action, Audit, by_tenant
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Holding
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import same_table, transact

WELCOME_LIFE = timedelta(days=7)
WELCOME_TRIES = 10
WELCOME_GRACE = timedelta(minutes=30)
"""A welcome link is used once, but a reload or a second click within this time shows the same again."""


class WelcomeLinkEnded(NotFound):
    """The link was used, has expired, was tried too often, or never was."""

    slug = "welcome-link-ended"
    title: ClassVar = {
        "fr": "Ce lien a déjà servi ou a expiré",
        "en": "This link has been used or has expired",
    }


class WrongBirthDate(Problem):
    """The birth date is not the one on record for this link."""

    status = 422
    slug = "wrong-birth-date"
    title: ClassVar = {
        "fr": "Cette date de naissance ne correspond pas",
        "en": "This birth date does not match",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcomed:
    """What a welcome link shows: the code, whose, and where the entry document is in the making."""

    tenant_code: str
    person: Person
    lease: Lease
    residence: Residence
    document_id: str


EntryDocument = Callable[[Lease, Person, Residence, datetime], str]
"""Requests the entry document of a lease and returns its id; the same again for the same facts."""


@dataclass(frozen=True, slots=True)
class WelcomeLinks:
    """Makes the single-use link of the welcome e-mail."""

    challenges: Challenges
    clock: Clock
    random: Random

    def create(self, lease: Lease, person: Person) -> str:
        """A token for the link, valid for seven days or until the credentials are reset; stored hashed."""
        token = new_id(self.random) + new_id(self.random)
        self.challenges.put_welcome(
            Challenge(
                challenge_id=_welcome_id(token),
                kind=ChallengeKind.WELCOME,
                expires_at=self.clock() + WELCOME_LIFE,
                tries=0,
                person_id=person.person_id,
                epoch=person.credential_epoch,
                holdings=(Holding(lease_id=lease.lease_id, residence_id=lease.residence_id),),
            )
        )
        return token


@dataclass(frozen=True, slots=True)
class Welcomes:
    """Opens a welcome link: with the tenant's birth date it shows the code and the entry document."""

    challenges: Challenges
    audit: Audit
    pepper: Pepper
    decipher: Decipher
    entry_document: EntryDocument
    clock: Clock
    random: Random

    def open(self, token: str, birth_date: date, *, source: str) -> Welcomed:
        """Raises WelcomeLinkEnded, or WrongBirthDate saying how many tries are left.

        A link of before a reset of the credentials is dead: whoever reads that mailbox may be why.
        """
        now = self.clock()
        challenge_id = _welcome_id(token)
        challenge = self.challenges.count_try(
            challenge_id, ChallengeKind.WELCOME, most=WELCOME_TRIES, now=now, grace=WELCOME_GRACE
        )
        if challenge is None or challenge.person_id is None:
            raise _ended()
        [holding] = challenge.holdings
        table = self.challenges.table
        person_item, lease_item, residence_item = same_table(
            table,
            [
                keys.person(challenge.person_id),
                keys.lease(holding.lease_id),
                keys.residence(holding.residence_id),
            ],
        )
        if not (person_item and lease_item and residence_item):
            raise _ended()
        person, lease, residence = person_of(person_item), lease_of(lease_item), residence_of(residence_item)
        if person.credential_epoch != challenge.epoch:
            raise _ended()
        if person.birth_date != birth_date:
            left = WELCOME_TRIES - challenge.tries
            raise WrongBirthDate(detail_fr=f"Essais restants : {left}.", detail_en=f"Tries left: {left}.")
        document_id = challenge.document_id or self.entry_document(lease, person, residence, now)
        tenant_code = self.decipher(lease)
        shown = by_tenant(
            Action.CODE_SHOWN,
            now,
            person_id=person.person_id,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            random=self.random,
            source=self.pepper.hash("source", source),
            way="welcome",
        )
        transact(
            table.client,
            [self.challenges.opening(challenge_id, document_id, now), self.audit.recording(shown)],
            attempts=3,
        )
        return Welcomed(
            tenant_code=tenant_code,
            person=person,
            lease=as_of(lease, local_date(now, residence.time_zone)),
            residence=residence,
            document_id=document_id,
        )


def _ended() -> WelcomeLinkEnded:
    return WelcomeLinkEnded(
        detail_fr="Utilisez « Code perdu » ou présentez-vous à l'accueil avec une pièce d'identité.",
        detail_en="Use “Lost code”, or come to the reception with an ID.",
    )


def _welcome_id(token: str) -> str:
    return derived_id("welcome", token)
