"""A fresh one-time code before what cannot be undone: a session alone does not suffice.

The code goes to the contact on record of who is signed in, for one purpose; it is used up in the transaction
of what it confirms.
"""

from dataclasses import dataclass
from enum import StrEnum

from sesame.platform.clock import Clock
from sesame.platform.ids import Random, new_id
from sesame.services.confirming import (
    ONE_TIME_CODE_LIFE,
    ONE_TIME_CODE_TRIES,
    Confirming,
    Started,
    WrongOneTimeCode,
    wrong,
)
from sesame.services.sessions import Session
from sesame.store.challenges import Challenge, ChallengeKind, Holding
from sesame.store.table import Write


class Purpose(StrEnum):
    """What a fresh one-time code can confirm."""

    ERASURE = "erasure"
    REFUND = "refund"
    """To another account than the money came from."""


class NotConfirmed(WrongOneTimeCode):
    """The same for who is signed in: no 401, which would tell a client that the session is over."""

    status = 422


@dataclass(frozen=True, slots=True)
class StepUp:
    """Asks who is signed in for a fresh one-time code."""

    confirming: Confirming
    clock: Clock
    random: Random

    def start(self, session: Session, purpose: Purpose, *, source: str) -> Started:
        """Has a one-time code sent. Raises TooManyRequests. One call, where it was not asked for lately."""
        now, person_id = self.clock(), session.person.person_id
        pepper = self.confirming.pepper
        challenge = Challenge(
            challenge_id=new_id(self.random),
            kind=ChallengeKind.STEP_UP,
            expires_at=now + ONE_TIME_CODE_LIFE,
            tries=0,
            subject_kind="person",
            asked=pepper.hash("asked", f"{ChallengeKind.STEP_UP}:{purpose}:{person_id}"),
            person_id=person_id,
            epoch=session.stored.epoch,
            holdings=(Holding(lease_id=session.lease.lease_id, residence_id=session.lease.residence_id),),
            purpose=purpose.value,
        )
        return self.confirming.ask(
            self.confirming.challenges.starting(challenge, now), challenge, source, now
        )

    def confirm(
        self, session: Session, confirmation_id: str, purpose: Purpose, typed: str, *, source: str
    ) -> list[Write]:
        """The writes that use the confirmation up, for the transaction of what it confirms.

        They fail when another request was first, or the person's credential epoch has moved. Raises
        NotConfirmed: for another's confirmation, and one for something else, too. One call.
        """
        now = self.clock()
        try:
            challenge, person_id = self.confirming.check(
                confirmation_id, ChallengeKind.STEP_UP, typed, source=source, now=now
            )
        except WrongOneTimeCode as error:
            raise not_confirmed(error) from error
        theirs = person_id == session.person.person_id and challenge.epoch == session.stored.epoch
        if not theirs or challenge.purpose != purpose:
            raise not_confirmed(wrong(ONE_TIME_CODE_TRIES - challenge.tries if theirs else 0))
        return self.confirming.using(challenge, person_id, now)


def not_confirmed(error: WrongOneTimeCode) -> NotConfirmed:
    """The same, said to who is signed in."""
    return NotConfirmed(detail_fr=error.detail["fr"], detail_en=error.detail["en"])
