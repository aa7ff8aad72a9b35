"""What every one-time code has in common: asked for at a pace, tried five times, used once while in force."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import ClassVar

from sesame.domain import codes
from sesame.platform.errors import NotFound, Problem, TooManyRequests
from sesame.platform.ids import Random, new_id
from sesame.platform.secrets import Pepper
from sesame.services.one_time_codes import one_time_code_hashes
from sesame.store import keys
from sesame.store.audit import Action, Actor, ActorKind, Audit, AuditEntry
from sesame.store.challenges import Challenge, ChallengeKind, Challenges
from sesame.store.pacing import Pacing, TooOften
from sesame.store.table import Check, ConditionFailed, Write

ONE_TIME_CODE_LIFE = timedelta(minutes=10)
ONE_TIME_CODE_TRIES = 5


class WrongOneTimeCode(Problem):
    """Wrong, expired, used, or never sent: all look the same."""

    status = 401
    slug = "wrong-one-time-code"
    title: ClassVar = {
        "fr": "Code à usage unique incorrect ou expiré",
        "en": "Wrong or expired one-time code",
    }


class RequestEnded(NotFound):
    """The sign-in or recovery was used, has expired, was tried too often, or never was."""

    slug = "request-ended"
    title: ClassVar = {
        "fr": "Cette demande est terminée : recommencez",
        "en": "This request has ended: start again",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A request for a one-time code under way, and when its message may be asked for again."""

    challenge_id: str
    resend_at: datetime


@dataclass(frozen=True, slots=True)
class Confirming:
    """Challenges asked for and confirmed. `source` is the caller's network; it is kept as a keyed hash."""

    challenges: Challenges
    pacing: Pacing
    audit: Audit
    pepper: Pepper
    random: Random

    def ask(
        self, write: Write, challenge: Challenge, source: str, now: datetime, *, contact: str | None = None
    ) -> Started:
        """Writes a challenge, or asks for its message again, when that is allowed.

        `contact` is the hash of the contact whose birth date this is a guess at.

        Raises TooManyRequests; RequestEnded where the write cannot be.
        """
        hashed = self.pepper.hash("source", source)
        try:
            resend_at = self.pacing.once_allowed(
                write, identity=challenge.asked, source=hashed, now=now, contact=contact
            )
        except TooOften as error:
            raise TooManyRequests(retry_after=max(1, ceil(error.wait.total_seconds()))) from error
        except ConditionFailed as error:
            raise RequestEnded from error
        return Started(challenge_id=challenge.challenge_id, resend_at=resend_at)

    def check(
        self, challenge_id: str, kind: ChallengeKind, typed: str, *, source: str, now: datetime
    ) -> tuple[Challenge, str]:
        """Counts a try; the challenge and whose it is, where the code is right. Raises WrongOneTimeCode.

        One call; two more for a failure, which counts against the caller's network and is kept, by the same
        writes whether or not the request is anybody's.
        """
        challenge = self.challenges.count_try(challenge_id, kind, most=ONE_TIME_CODE_TRIES, now=now)
        try:
            given = codes.read_one_time_code(typed)
        except codes.Mistyped:
            given = ""
        expected = challenge.code_hash if challenge else ""
        # The same comparisons whatever is known; nothing typed has the hash that stands for none.
        hashes = one_time_code_hashes(self.pepper, challenge_id, given)
        right = any([hmac.compare_digest(digest, expected or "none") for digest in hashes])
        if challenge is None or not right or challenge.person_id is None:
            hashed = self.pepper.hash("source", source)
            self.pacing.count_failure(hashed, now)
            if challenge is not None:
                self.audit.record(self._refused(challenge, hashed, now))
            raise wrong(ONE_TIME_CODE_TRIES - challenge.tries if challenge else 0)
        return challenge, challenge.person_id

    def using(self, challenge: Challenge, person_id: str, now: datetime) -> list[Write]:
        """The writes that use a right code up, for the transaction of what it confirms.

        They fail when another request was first, when the code is no longer among the person's live ones, or
        when their credential epoch has moved.
        """
        same_epoch = Check(
            table=self.challenges.table.name,
            key=keys.person(person_id),
            condition="credential_epoch = :epoch",
            values={":epoch": challenge.epoch},
        )
        in_force = self.challenges.in_force(person_id, challenge.epoch, challenge.challenge_id, now)
        return [self.challenges.use(challenge.challenge_id, now), same_epoch, in_force]

    def _refused(self, challenge: Challenge, source: str, now: datetime) -> AuditEntry:
        """What is kept of a wrong try; of nobody's request it names the lease that was made up for it."""
        return AuditEntry(
            entry_id=new_id(self.random),
            at=now,
            action=Action.ONE_TIME_CODE_REFUSED,
            actor=Actor(kind=ActorKind.TENANT, id=challenge.person_id or ""),
            subject=challenge.holdings[0].lease_id,
            source=source,
            details={"kind": challenge.kind.value, "tries": challenge.tries},
        )


def wrong(tries_left: int = 0) -> WrongOneTimeCode:
    """Wrong, expired, used, another's: all look the same but for the tries left of one's own."""
    if tries_left <= 0:
        return WrongOneTimeCode(detail_fr="Demandez un nouveau code.", detail_en="Ask for a new code.")
    return WrongOneTimeCode(
        detail_fr=f"Vérifiez le code reçu ; essais restants : {tries_left}.",
        detail_en=f"Check the code you received; tries left: {tries_left}.",
    )
