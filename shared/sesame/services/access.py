"""Sign-in by tenant code, and recovery of a lost one: the two halves that the tenant sees.

Whoever asks gets the same answer by the same calls: a start only stores what was typed, hashed. Who that is,
and the one-time code, are worked out afterwards by the function that sends the message. So a known code or a
stolen mailbox alone signs nobody in, and nothing tells whether a person exists.
"""

import hmac
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

from sesame.domain import codes
from sesame.domain.codes import CodeFormats
from sesame.domain.tenancy import Lease, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Problem, TooManyRequests
from sesame.platform.events import announcement
from sesame.platform.ids import Random, new_id
from sesame.platform.secrets import Pepper
from sesame.services.one_time_codes import one_time_code_hashes
from sesame.services.sessions import ABSOLUTE
from sesame.services.tenant_codes import Decipher
from sesame.store import keys
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Limit, TooOften
from sesame.store.people import lease_of, residence_of
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import Check, ConditionFailed, Table, same_table, transact

ONE_TIME_CODE_LIFE = timedelta(minutes=10)
ONE_TIME_CODE_TRIES = 5
STARTS = Limit(window=timedelta(hours=1), most=10, pause=timedelta(seconds=30))
"""domain.md: a new one-time code not before 30 s, at most 10 an hour, for known and unknown alike."""


class MistypedCode(Problem):
    """The tenant code's check symbol is wrong: said at once, without any look-up."""

    status = 422
    slug = "mistyped-tenant-code"
    title: ClassVar = {
        "fr": "Ce code locataire comporte une faute de frappe",
        "en": "This tenant code has a typing error",
    }


class WrongOneTimeCode(Problem):
    """Wrong, expired, used, or never sent: all look the same."""

    status = 401
    slug = "wrong-one-time-code"
    title: ClassVar = {
        "fr": "Code à usage unique incorrect ou expiré",
        "en": "Wrong or expired one-time code",
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
    """The first half of a sign-in or a recovery: takes what was typed, tells nothing."""

    challenges: Challenges
    pepper: Pepper
    clock: Clock
    random: Random
    formats: CodeFormats = codes.STANDARD

    def sign_in(self, tenant_code: str) -> str:
        """Starts a sign-in and returns its id. Raises MistypedCode, TooManyRequests."""
        try:
            folded = self.formats.read(tenant_code)
        except codes.Mistyped as error:
            raise _mistyped(self.formats) from error
        return self._start(ChallengeKind.SIGN_IN, "code", folded)

    def recovery(self, kind: str, identity: str, birth_date: date) -> str:
        """Starts a recovery by `email`, `ine` or `phone` in normal form. Raises TooManyRequests."""
        return self._start(ChallengeKind.RECOVERY, kind, identity, birth_date)

    def _start(self, kind: ChallengeKind, subject: str, typed: str, born: date | None = None) -> str:
        now = self.clock()
        challenge = Challenge(
            challenge_id=new_id(self.random),
            kind=kind,
            expires_at=now + ONE_TIME_CODE_LIFE,
            tries=0,
            subject_kind=subject,
            subject_hashes=tuple(self.pepper.hashes(subject, typed)),
            birth_date=born,
        )
        # A known address with a wrong birth date counts for itself: nobody can use up another's tries.
        limited = self.pepper.hash("limit", f"{kind}:{subject}:{typed}:{born}")
        try:
            self.challenges.start(challenge, limited, STARTS, now)
        except TooOften as error:
            raise TooManyRequests(retry_after=max(1, int(error.wait.total_seconds()))) from error
        return challenge.challenge_id


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The second half: the one-time code that came by message, traded for a session or the tenant code."""

    challenges: Challenges
    sessions: Sessions
    pepper: Pepper
    decipher: Decipher
    clock: Clock
    random: Random

    def sign_in(self, sign_in_id: str, typed: str) -> OpenedSession:
        """Opens a session. Raises WrongOneTimeCode. Two AWS calls, one of them a transaction."""
        now = self.clock()
        challenge, person_id = self._confirmed(sign_in_id, ChallengeKind.SIGN_IN, typed, now)
        lease_id = challenge.holdings[0].lease_id
        token = new_token(person_id, lease_id, self.random)
        session = StoredSession(
            session_id=token.session_id,
            person_id=person_id,
            lease_id=lease_id,
            epoch=challenge.epoch,
            created_at=now,
            last_seen_at=now,
            ends_at=now + ABSOLUTE,
        )
        table = self.challenges.table
        try:
            transact(
                table.client,
                [
                    self.challenges.use(sign_in_id, now),
                    _same_epoch(table, person_id, challenge.epoch),
                    self.sessions.opening(session),
                ],
                attempts=3,
            )
        except ConditionFailed as error:
            raise _wrong() from error
        return OpenedSession(token=str(token), ends_at=session.ends_at)

    def recovery(self, recovery_id: str, typed: str) -> list[RecoveredCode]:
        """The tenant codes of the person's leases, newest lease first; every contact is told.

        Raises WrongOneTimeCode. Three AWS calls, one of them a transaction, and a decryption a lease.
        """
        now = self.clock()
        challenge, person_id = self._confirmed(recovery_id, ChallengeKind.RECOVERY, typed, now)
        table = self.challenges.table
        held = challenge.holdings
        items = same_table(
            table,
            [keys.lease(holding.lease_id) for holding in held]
            + [keys.residence(residence_id) for residence_id in {h.residence_id: None for h in held}],
        )
        residences = {item["sk"]: residence_of(item) for item in items[len(held) :] if item}
        leases = sorted(
            (lease_of(item) for item in items[: len(held)] if item),
            key=lambda lease: lease.starts_on,
            reverse=True,
        )
        recovered = [
            RecoveredCode(
                tenant_code=self.decipher(lease), lease=lease, residence=residences[lease.residence_id]
            )
            for lease in leases
        ]
        if not recovered:
            raise _wrong()
        told = announcement("code.recovered", now, lease_id=leases[0].lease_id, person_id=person_id)
        try:
            transact(
                table.client,
                [
                    self.challenges.use(recovery_id, now, told),
                    _same_epoch(table, person_id, challenge.epoch),
                ],
                attempts=3,
            )
        except ConditionFailed as error:
            raise _wrong() from error
        return recovered

    def _confirmed(
        self, challenge_id: str, kind: ChallengeKind, typed: str, now: datetime
    ) -> tuple[Challenge, str]:
        challenge = self.challenges.count_try(challenge_id, kind, most=ONE_TIME_CODE_TRIES, now=now)
        try:
            given = codes.read_one_time_code(typed)
        except codes.Mistyped:
            given = ""
        expected = challenge.code_hash if challenge else ""
        # The same comparisons whatever is known; nothing typed has the hash that stands for none.
        hashes = one_time_code_hashes(self.pepper, challenge_id, given)
        right = any([hmac.compare_digest(digest, expected or "none") for digest in hashes])
        if challenge is None:
            raise _wrong()
        if not right or challenge.person_id is None:
            raise _wrong(ONE_TIME_CODE_TRIES - challenge.tries)
        return challenge, challenge.person_id


def _mistyped(formats: CodeFormats) -> MistypedCode:
    if formats.imported:  # their lengths are anybody's guess
        return MistypedCode(detail_fr="Vérifiez chaque caractère.", detail_en="Check each symbol.")
    lengths = list(map(str, formats.lengths))
    return MistypedCode(
        detail_fr=f"Vérifiez chaque caractère : le code compte {' ou '.join(lengths)} lettres ou chiffres.",
        detail_en=f"Check each symbol: the code has {' or '.join(lengths)} letters or digits.",
    )


def _same_epoch(table: Table, person_id: str, epoch: int) -> Check:
    return Check(
        table=table.name,
        key=keys.person(person_id),
        condition="credential_epoch = :epoch",
        values={":epoch": epoch},
    )


def _wrong(tries_left: int = 0) -> WrongOneTimeCode:
    if tries_left <= 0:
        return WrongOneTimeCode(
            detail_fr="Demandez un nouveau code.",
            detail_en="Ask for a new code.",
        )
    return WrongOneTimeCode(
        detail_fr=f"Vérifiez le code reçu ; essais restants : {tries_left}.",
        detail_en=f"Check the code you received; tries left: {tries_left}.",
    )
