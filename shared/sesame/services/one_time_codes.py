"""One-time codes, made where the message is sent: who a challenge concerns is worked out only here."""

from dataclasses import dataclass
from datetime import timedelta

from sesame.domain import codes
from sesame.domain.tenancy import Person
from sesame.platform.clock import Clock
from sesame.platform.ids import Random
from sesame.platform.logs import count
from sesame.platform.secrets import Pepper
from sesame.store import keys
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Holding
from sesame.store.people import person_of
from sesame.store.table import Item, same_table

MOST_SHARING = 20
"""Persons looked at behind one contact: a family shares an address, a crowd does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A one-time code to be sent: to whom, for what, as shown (`1234 5678`), valid for how many minutes."""

    person: Person
    kind: ChallengeKind
    shown: str
    minutes: int
    purpose: str
    """What it is for: a step-up's own purpose, or the challenge's kind."""


@dataclass(frozen=True, slots=True)
class OneTimeCodes:
    """The hidden half: who a challenge concerns, and the one-time code to send, if anybody."""

    challenges: Challenges
    pepper: Pepper
    clock: Clock
    random: Random

    def prepare(self, challenge_id: str) -> OneTimeCode | None:
        """Makes a one-time code for whoever the challenge concerns; None where that is nobody.

        Its plain form exists only in what this returns. A repeat makes a new code, and the last one counts.
        """
        challenge = self.challenges.get(challenge_id)
        now = self.clock()
        if challenge is None or challenge.used_at or challenge.expires_at <= now:
            return None
        found = self._person(challenge)
        if found is None:
            return None
        person, holdings = found
        code = codes.new_one_time_code(self.random)
        resolved = self.challenges.resolve(
            challenge_id,
            person_id=person.person_id,
            epoch=person.credential_epoch,
            holdings=holdings,
            code_hash=one_time_code_hashes(self.pepper, challenge_id, code)[0],
        )
        if not resolved:
            return None
        minutes = max(1, round((challenge.expires_at - now) / timedelta(minutes=1)))
        shown = codes.printed_one_time_code(code)
        return OneTimeCode(
            person=person,
            kind=challenge.kind,
            shown=shown,
            minutes=minutes,
            purpose=challenge.purpose or challenge.kind.value,
        )

    def _person(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        if challenge.kind is ChallengeKind.SIGN_IN:
            return self._holder(challenge)
        if challenge.kind is ChallengeKind.STEP_UP:
            return self._signed_in(challenge)
        return self._claimant(challenge)

    def _holder(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        """Whose tenant code was typed."""
        table = self.challenges.table
        for lookup in same_table(table, [keys.code(digest) for digest in challenge.subject_hashes]):
            if lookup is not None:
                wanted = [keys.person(lookup["person_id"]), keys.lease(lookup["lease_id"])]
                person, lease = same_table(table, wanted)
                return (person_of(person), [_holding(lease)]) if person and lease else None
        return None

    def _signed_in(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        """Whoever asked from their session; nobody once their credential epoch has moved."""
        item = self.challenges.table.get(keys.person(challenge.person_id or ""))
        if item is None or item["credential_epoch"] != challenge.epoch:
            return None
        return person_of(item), list(challenge.holdings)

    def _claimant(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        """Whose contact and birth date were typed; nobody where two share both: an INE tells them apart."""
        table = self.challenges.table
        matching = [one for one in self._candidates(challenge) if one.birth_date == challenge.birth_date]
        if len(matching) != 1:
            if matching:
                count("AmbiguousRecovery")
            return None
        [person] = matching
        pointers = table.query(keys.person(person.person_id)["pk"], "LEASE#").items
        leases = same_table(table, [keys.lease(pointer["lease_id"]) for pointer in pointers])
        return person, [_holding(lease) for lease in leases if lease]

    def _candidates(self, challenge: Challenge) -> list[Person]:
        found: list[str] = []
        for digest in challenge.subject_hashes:
            page = self.challenges.table.query(keys.persons_by(challenge.subject_kind, digest))
            found.extend(item["person_id"] for item in page.items[:MOST_SHARING])
        people = same_table(
            self.challenges.table, [keys.person(person_id) for person_id in dict.fromkeys(found)]
        )
        return [person_of(item) for item in people if item]


def one_time_code_hashes(pepper: Pepper, challenge_id: str, code: str) -> list[str]:
    """The keyed hashes of a one-time code bound to its challenge, under every live pepper, current first."""
    return pepper.hashes("one-time-code", f"{challenge_id}:{code}")


def _holding(lease: Item) -> Holding:
    return Holding(lease_id=lease["lease_id"], residence_id=lease["residence_id"])
