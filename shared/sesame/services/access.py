"""Sign-in by tenant code, and recovery of a lost one: the two halves that the tenant sees.

Whoever asks gets the same answer by the same calls: a start only stores what was typed, hashed. Who that is,
and the one-time code, are worked out afterwards by the function that sends the message. So a known code or a
stolen mailbox alone signs nobody in, and nothing tells whether a person exists.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from sesame.domain import codes
from sesame.domain.calendar import local_date
from sesame.domain.codes import CodeFormats
from sesame.domain.tenancy import Channel, Lease, Residence
from sesame.domain.terms import as_of
from sesame.platform.clock import Clock
from sesame.platform.errors import Problem
from sesame.platform.events import announcement
from sesame.platform.ids import Random, new_id
from sesame.platform.secrets import Pepper
from sesame.services.confirming import (
    ONE_TIME_CODE_LIFE,
    ONE_TIME_CODE_TRIES,
    Confirming,
    RequestEnded,
    Started,
    wrong,
)
from sesame.services.sessions import ABSOLUTE
from sesame.services.tenant_codes import Decipher
from sesame.store import keys
from sesame.store.audit import Action, Audit, by_tenant
from sesame.store.challenges import Challenge, ChallengeKind
from sesame.store.people import lease_of, residence_of
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import ConditionFailed, Table, Write, same_table, transact


class MistypedCode(Problem):
    """The tenant code's check symbol is wrong: said at once, without any look-up."""

    status = 422
    slug = "mistyped-tenant-code"
    title: ClassVar = {
        "fr": "Ce code locataire comporte une faute de frappe",
        "en": "This tenant code has a typing error",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSession:
    """A session just opened. The token is shown once."""

    token: str
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredCode:
    """A tenant code given back, and which room it is for."""

    tenant_code: str
    lease: Lease
    residence: Residence


@dataclass(frozen=True, slots=True)
class Starts:
    """The first half of a sign-in or a recovery: takes what was typed, tells nothing.

    `source` is the caller's network.
    """

    confirming: Confirming
    clock: Clock
    random: Random
    formats: CodeFormats = codes.STANDARD

    @property
    def pepper(self) -> Pepper:
        """What keys the hashes of what was typed."""
        return self.confirming.pepper

    def sign_in(self, tenant_code: str, *, source: str, send_by: Channel | None = None) -> Started:
        """Starts a sign-in. Raises MistypedCode, without any look-up; TooManyRequests."""
        try:
            folded = self.formats.read(tenant_code)
        except codes.Mistyped as error:
            raise _mistyped(self.formats) from error
        asked = sign_in_identity(self.pepper, self.pepper.hash("code", folded))
        challenge = self._challenge(ChallengeKind.SIGN_IN, "code", folded, asked, send_by)
        return self._start(challenge, source)

    def recovery(
        self, kind: str, identity: str, birth_date: date, *, source: str, send_by: Channel | None = None
    ) -> Started:
        """Starts a recovery by `email`, `ine` or `phone` in normal form. Raises TooManyRequests."""
        asked = recovery_identity(self.pepper, kind, identity, birth_date)
        challenge = self._challenge(ChallengeKind.RECOVERY, kind, identity, asked, send_by)
        contact = recovery_contact(self.pepper, kind, identity)
        return self._start(replace(challenge, birth_date=birth_date), source, contact)

    def again(
        self, kind: ChallengeKind, challenge_id: str, *, source: str, send_by: Channel | None = None
    ) -> Started:
        """Asks for the message of a request once more, perhaps by another way. Its tries are not given back.

        Raises RequestEnded, TooManyRequests. The code sent last is the one that counts.
        """
        now = self.clock()
        challenges = self.confirming.challenges
        challenge = challenges.get(challenge_id)
        if challenge is None or challenge.kind is not kind or challenge.expires_at <= now:
            raise RequestEnded
        restarting = challenges.restarting(
            challenge,
            expires_at=now + ONE_TIME_CODE_LIFE,
            send_by=send_by,
            most=ONE_TIME_CODE_TRIES,
            now=now,
        )
        return self.confirming.ask(restarting, challenge, source, now)

    def _challenge(
        self,
        kind: ChallengeKind,
        subject: str,
        typed: str,
        asked: str,
        send_by: Channel | None,
    ) -> Challenge:
        return Challenge(
            challenge_id=new_id(self.random),
            kind=kind,
            expires_at=self.clock() + ONE_TIME_CODE_LIFE,
            tries=0,
            subject_kind=subject,
            subject_hashes=tuple(self.pepper.hashes(subject, typed)),
            asked=asked,
            send_by=send_by,
        )

    def _start(self, challenge: Challenge, source: str, contact: str | None = None) -> Started:
        now = self.clock()
        starting = self.confirming.challenges.starting(challenge, now)
        return self.confirming.ask(starting, challenge, source, now, contact=contact)


def sign_in_identity(pepper: Pepper, code_hash: str) -> str:
    """What tries of a sign-in are counted under: the code that was typed, known or not, by its hash."""
    return pepper.hash("asked", f"sign_in:{code_hash}")


def recovery_identity(pepper: Pepper, kind: str, identity: str, birth_date: date) -> str:
    """What tries of a recovery are counted under: all that was typed.

    A known address with a wrong birth date counts for itself: nobody can use up another's tries.
    """
    return pepper.hash("asked", f"recovery:{kind}:{identity}:{birth_date}")


def recovery_contact(pepper: Pepper, kind: str, identity: str) -> str:
    """What guesses at a birth date are counted under: who holds a mailbox must not find it out by trying."""
    return pepper.hash("asked", f"recovery:{kind}:{identity}")


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The second half: the one-time code that came by message, traded for a session or the tenant code."""

    confirming: Confirming
    sessions: Sessions
    audit: Audit
    decipher: Decipher
    clock: Clock
    random: Random

    def sign_in(self, sign_in_id: str, typed: str, *, source: str, device: str = "") -> OpenedSession:
        """Opens a session. `device` is what its owner will know it by. Raises WrongOneTimeCode.

        Two AWS calls, one of them a transaction.
        """
        now = self.clock()
        challenge, person_id = self.confirming.check(
            sign_in_id, ChallengeKind.SIGN_IN, typed, source=source, now=now
        )
        [holding] = challenge.holdings
        token = new_token(person_id, holding.lease_id, self.random)
        session = StoredSession(
            session_id=token.session_id,
            person_id=person_id,
            lease_id=holding.lease_id,
            epoch=challenge.epoch,
            created_at=now,
            last_seen_at=now,
            ends_at=now + ABSOLUTE,
            device=device,
        )
        done = by_tenant(
            Action.SIGNED_IN,
            now,
            person_id=person_id,
            lease_id=holding.lease_id,
            residence_id=holding.residence_id,
            random=self.random,
            source=self.confirming.pepper.hash("source", source),
        )
        using = self.confirming.using(challenge, person_id, now)
        self._at_once([*using, self.sessions.opening(session), self.audit.recording(done)])
        return OpenedSession(token=str(token), ends_at=session.ends_at)

    def recovery(self, recovery_id: str, typed: str, *, source: str) -> list[RecoveredCode]:
        """The tenant codes of the person's leases, newest lease first; every contact is told.

        A lease whose code was erased is passed over. Raises WrongOneTimeCode. Three AWS calls, one of them a
        transaction, and a decryption a lease.
        """
        now = self.clock()
        challenge, person_id = self.confirming.check(
            recovery_id, ChallengeKind.RECOVERY, typed, source=source, now=now
        )
        recovered = self._codes(challenge, now)
        if not recovered:
            raise wrong()
        newest = recovered[0].lease
        hashed = self.confirming.pepper.hash("source", source)
        told = announcement(
            "code.recovered", now, lease_id=newest.lease_id, person_id=person_id, way="self_service"
        )
        done = [
            self.audit.recording(
                by_tenant(
                    Action.CODE_RECOVERED,
                    now,
                    person_id=person_id,
                    lease_id=one.lease.lease_id,
                    residence_id=one.lease.residence_id,
                    random=self.random,
                    source=hashed,
                    way="self-service",
                ),
                told if one is recovered[0] else None,
            )
            for one in recovered
        ]
        self._at_once([*self.confirming.using(challenge, person_id, now), *done])
        return recovered

    def _codes(self, challenge: Challenge, now: datetime) -> list[RecoveredCode]:
        held = challenge.holdings
        items = same_table(
            self._table,
            [keys.lease(holding.lease_id) for holding in held]
            + [keys.residence(residence_id) for residence_id in {h.residence_id: None for h in held}],
        )
        residences = {item["sk"]: residence_of(item) for item in items[len(held) :] if item}
        leases = sorted(
            (lease for item in items[: len(held)] if item and (lease := lease_of(item)).has_code),
            key=lambda lease: lease.starts_on,
            reverse=True,
        )
        return [
            RecoveredCode(
                tenant_code=self.decipher(lease),
                lease=as_of(lease, local_date(now, residence.time_zone)),
                residence=residence,
            )
            for lease, residence in ((one, residences[one.residence_id]) for one in leases)
        ]

    @property
    def _table(self) -> Table:
        return self.confirming.challenges.table

    def _at_once(self, writes: list[Write]) -> None:
        try:
            transact(self._table.client, writes, attempts=3)
        except ConditionFailed as error:
            raise wrong() from error


def _mistyped(formats: CodeFormats) -> MistypedCode:
    if formats.imported:  # their lengths are anybody's guess
        return MistypedCode(detail_fr="Vérifiez chaque caractère.", detail_en="Check each symbol.")
    lengths = list(map(str, formats.lengths))
    return MistypedCode(
        detail_fr=f"Vérifiez chaque caractère : le code compte {' ou '.join(lengths)} lettres ou chiffres.",
        detail_en=f"Check each symbol: the code has {' or '.join(lengths)} letters or digits.",
    )
