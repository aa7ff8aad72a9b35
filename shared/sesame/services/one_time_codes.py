"""One-time codes, made where the message is sent: who a challenge concerns is worked out only here."""

from dataclasses import dataclass
from datetime import timedelta

from sesame.domain import codes
from sesame.domain.tenancy import Person
from sesame.platform.clock import Clock
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.store import keys
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Holding
from sesame.store.people import person_of
from sesame.store.table import Item, same_table


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A one-time code to be sent: to whom, for what, as shown (`1234 5678`), valid for how many minutes."""

    person: Person
    kind: ChallengeKind
    shown: str
    minutes: int


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
            code_hash=one_time_code_hash(self.pepper, challenge_id, code),
        )
        if not resolved:
            return None
        minutes = max(1, round((challenge.expires_at - now) / timedelta(minutes=1)))
        shown = codes.printed_one_time_code(code)
        return OneTimeCode(person=person, kind=challenge.kind, shown=shown, minutes=minutes)

    def _person(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        if challenge.kind is ChallengeKind.SIGN_IN:
            return self._holder(challenge)
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

    def _claimant(self, challenge: Challenge) -> tuple[Person, list[Holding]] | None:
        """Whose contact and birth date were typed."""
        table = self.challenges.table
        for candidate in self._candidates(challenge):
            if candidate.birth_date == challenge.birth_date:
                pointers = table.query(keys.person(candidate.person_id)["pk"], "LEASE#").items
                leases = same_table(table, [keys.lease(pointer["lease_id"]) for pointer in pointers])
                return candidate, [_holding(lease) for lease in leases if lease]
        return None

    def _candidates(self, challenge: Challenge) -> list[Person]:
        found: list[str] = []
        for digest in challenge.subject_hashes:
            page = self.challenges.table.query(keys.persons_by(challenge.subject_kind, digest))
            found.extend(item["person_id"] for item in page.items)
        people = same_table(
            self.challenges.table, [keys.person(person_id) for person_id in dict.fromkeys(found)]
        )
        return [person_of(item) for item in people if item]


def one_time_code_hash(pepper: Pepper, challenge_id: str, code: str) -> str:
    """The keyed hash under which a one-time code is stored, bound to its challenge."""
    return pepper.hash("one-time-code", f"{challenge_id}:{code}")


def _holding(lease: Item) -> Holding:
    return Holding(lease_id=lease["lease_id"], residence_id=lease["residence_id"])
