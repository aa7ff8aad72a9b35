"""A fresh one-time code before what cannot be undone: a session alone does not suffice.

The code goes to the contact on record of who is signed in, for one purpose; it is used up in the transaction
of what it confirms.
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from sesame.domain import codes
from sesame.platform.clock import Clock
from sesame.platform.errors import TooManyRequests
from sesame.platform.ids import Random, new_id
from sesame.platform.secrets import Pepper
from sesame.services.access import ONE_TIME_CODE_LIFE, ONE_TIME_CODE_TRIES, STARTS, WrongOneTimeCode
from sesame.services.one_time_codes import one_time_code_hashes
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Holding, TooOften
from sesame.store.table import Check, Write


class Purpose(StrEnum):
    """What a fresh one-time code can confirm."""

    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class StepUp:
    """Asks who is signed in for a fresh one-time code."""

    challenges: Challenges
    pepper: Pepper
    clock: Clock
    random: Random

    def start(self, session: Session, purpose: Purpose) -> str:
        """Has a one-time code sent and returns the confirmation's id. Raises TooManyRequests. One call."""
        now, person_id = self.clock(), session.person.person_id
        challenge = Challenge(
            challenge_id=new_id(self.random),
            kind=ChallengeKind.STEP_UP,
            expires_at=now + ONE_TIME_CODE_LIFE,
            tries=0,
            subject_kind="person",
            person_id=person_id,
            epoch=session.stored.epoch,
            holdings=(Holding(lease_id=session.lease.lease_id, residence_id=session.lease.residence_id),),
            purpose=purpose.value,
        )
        limited = self.pepper.hash("limit", f"{ChallengeKind.STEP_UP}:{purpose}:{person_id}")
        try:
            self.challenges.start(challenge, limited, STARTS, now)
        except TooOften as error:
            raise TooManyRequests(retry_after=max(1, int(error.wait.total_seconds()))) from error
        return challenge.challenge_id

    def confirm(self, session: Session, confirmation_id: str, purpose: Purpose, typed: str) -> list[Write]:
        """The writes that use the confirmation up, for the transaction of what it confirms.

        They fail when another request was first, or the person's credential epoch has moved. Raises
        WrongOneTimeCode: for another's confirmation, and one for something else, too. One call.
        """
        now = self.clock()
        challenge = self.challenges.count_try(
            confirmation_id, ChallengeKind.STEP_UP, most=ONE_TIME_CODE_TRIES, now=now
        )
        try:
            given = codes.read_one_time_code(typed)
        except codes.Mistyped:
            given = ""
        expected = challenge.code_hash if challenge else ""
        hashes = one_time_code_hashes(self.pepper, confirmation_id, given)
        right = any([hmac.compare_digest(digest, expected or "none") for digest in hashes])
        if challenge is None:
            raise wrong_confirmation()
        theirs = (
            challenge.person_id == session.person.person_id
            and challenge.epoch == session.stored.epoch
            and challenge.purpose == purpose
        )
        if not (right and theirs):
            raise wrong_confirmation(ONE_TIME_CODE_TRIES - challenge.tries if theirs else 0)
        same_epoch = Check(
            table=self.challenges.table.name,
            key=keys.person(session.person.person_id),
            condition="credential_epoch = :epoch",
            values={":epoch": challenge.epoch},
        )
        return [self.challenges.use(confirmation_id, now), same_epoch]


def wrong_confirmation(tries_left: int = 0) -> WrongOneTimeCode:
    """Wrong, expired, used, another's: all look the same but for the tries left of one's own."""
    if tries_left <= 0:
        return WrongOneTimeCode(detail_fr="Demandez un nouveau code.", detail_en="Ask for a new code.")
    return WrongOneTimeCode(
        detail_fr=f"Vérifiez le code reçu ; essais restants : {tries_left}.",
        detail_en=f"Check the code you received; tries left: {tries_left}.",
    )
