"""One-time codes, made where the message is sent: who a challenge concerns is worked out only here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sesame.domain import codes
from sesame.domain.pacing import MOST_AN_HOUR, within_the_hour
from sesame.domain.tenancy import Channel, LeaseStatus, Person
from sesame.platform.clock import Clock
from sesame.platform.ids import Random
from sesame.platform.logs import count
from sesame.platform.secrets import Pepper
from sesame.store import keys
from sesame.store.challenges import Challenge, ChallengeKind, Challenges, Holding, LiveCodes, live_codes
from sesame.store.pacing import Pacing
from sesame.store.people import person_of
from sesame.store.table import ConditionFailed, Contention, Item, same_table, transact

MOST_SHARING = 100
"""Persons looked at behind one contact: a family shares an address, or a desk that gave its own."""
MOST_LIVE = 5
"""One-time codes of a person in force at once; a sixth ends the oldest."""
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """To whom something is sent, and how."""

    person: Person
    channel: Channel
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCode:
    """A one-time code to be sent: for what, as shown (`1234 5678`), valid for how many minutes."""

    to: Addressed
    kind: ChallengeKind
    purpose: str
    """What it is for: a step-up's own purpose, or the challenge's kind."""
    shown: str
    minutes: int
    residence_id: str | None
    next_at: datetime | None
    """Set on the last one of an hour: when another can be sent."""


class Obstacle(StrEnum):
    """Why a known contact gets an explanation in place of a code: nothing fails in silence."""

    HELD = "held"
    """The contact was changed at a desk lately and cannot prove anything yet."""
    SHARED = "shared"
    """Several persons have this contact and this birth date: an INE tells them apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What to say in place of a code."""

    to: Addressed
    obstacle: Obstacle
    residence_id: str | None
    """Whose desk can help; None where nobody can know."""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Withheld:
    """No message: the person had all those of an hour. To say so would be one more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """Who a challenge concerns: several where nothing typed tells them apart."""

    people: list[Person]
    holdings: list[Holding]
    codes: LiveCodes

    @property
    def residence_id(self) -> str | None:
        """The residence of one of their leases."""
        return self.holdings[0].residence_id if self.holdings else None


@dataclass(frozen=True, slots=True)
class OneTimeCodes:
    """The hidden half: who a challenge concerns, and the one-time code to send, if anybody."""

    challenges: Challenges
    pacing: Pacing
    pepper: Pepper
    clock: Clock
    random: Random

    def prepare(self, challenge_id: str, event_id: str) -> OneTimeCode | Explanation | Withheld | None:
        """Makes a one-time code for whoever the challenge concerns; None where that is nobody.

        Its plain form exists only in what this returns. A repeat of an event makes a new code, the last of
        which counts, and is one message of the hour all the same.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._prepare(challenge_id, event_id)
            except (_CodesChanged, Contention):
                if attempt == _ATTEMPTS - 1:
                    raise
        return None

    def _prepare(self, challenge_id: str, event_id: str) -> OneTimeCode | Explanation | Withheld | None:
        challenge = self.challenges.get(challenge_id)
        now = self.clock()
        if challenge is None or challenge.used_at or challenge.expires_at <= now:
            return None
        match = self._match(challenge)
        if match is None:
            return None
        person = match.people[0]
        if len(match.people) > 1:
            count("AmbiguousRecovery")
            to = _addressed(person, _typed(challenge))
            return Explanation(to=to, obstacle=Obstacle.SHARED, residence_id=None) if to else None
        to = _provable(person, _preferred(challenge), now)
        if to is None:
            held = _addressed(person, _preferred(challenge))
            if held is None:
                return None
            until = person.hold.until if person.hold else None
            return Explanation(to=held, obstacle=Obstacle.HELD, residence_id=match.residence_id, until=until)
        return self._issue(challenge, event_id, to, match, now)

    def _issue(
        self, challenge: Challenge, event_id: str, to: Addressed, match: _Match, now: datetime
    ) -> OneTimeCode | Withheld | None:
        person = to.person
        before = {event: at for event, at in match.codes.sent.items() if event != event_id}
        sent = within_the_hour([datetime.fromtimestamp(at, UTC) for at in before.values()], now)
        if len(sent) >= MOST_AN_HOUR:
            count("OneTimeCodeWithheld")
            return Withheld()
        code = codes.new_one_time_code(self.random)
        resolving = self.challenges.resolving(
            challenge.challenge_id,
            person_id=person.person_id,
            epoch=person.credential_epoch,
            holdings=match.holdings,
            code_hash=one_time_code_hashes(self.pepper, challenge.challenge_id, code)[0],
        )
        sent.append(now)
        live = _with(match.codes.live, challenge, now)
        an_hour_ago = (now - timedelta(hours=1)).timestamp()
        recent = {event: at for event, at in before.items() if at > an_hour_ago}
        kept = replace(match.codes, live=live, sent=recent | {event_id: int(now.timestamp())})
        keeping = self.challenges.keeping(person.person_id, kept, forget_at=now + timedelta(hours=2))
        try:
            transact(self.challenges.table.client, [resolving, keeping])
        except ConditionFailed as failure:
            if failure.failed(1):
                raise _CodesChanged from failure
            return None
        return OneTimeCode(
            to=to,
            kind=challenge.kind,
            purpose=challenge.purpose or challenge.kind.value,
            shown=codes.printed_one_time_code(code),
            residence_id=match.residence_id,
            minutes=max(1, round((challenge.expires_at - now) / timedelta(minutes=1))),
            next_at=sent[0] + timedelta(hours=1) if len(sent) == MOST_AN_HOUR else None,
        )

    def _match(self, challenge: Challenge) -> _Match | None:
        if challenge.kind is ChallengeKind.SIGN_IN:
            return self._holder(challenge)
        if challenge.kind is ChallengeKind.STEP_UP:
            return self._signed_in(challenge)
        return self._claimant(challenge)

    def _holder(self, challenge: Challenge) -> _Match | None:
        """Whose tenant code was typed."""
        table = self.challenges.table
        for lookup in same_table(table, [keys.code(digest) for digest in challenge.subject_hashes]):
            if lookup is not None:
                who = lookup["person_id"]
                person, live, lease = same_table(
                    table, [keys.person(who), keys.live_codes(who), keys.lease(lookup["lease_id"])]
                )
                return _match([person_of(person)], [lease], live) if person and lease else None
        return None

    def _signed_in(self, challenge: Challenge) -> _Match | None:
        """Whoever asked from their session; nobody once their credential epoch has moved."""
        who = challenge.person_id or ""
        person, live = same_table(self.challenges.table, [keys.person(who), keys.live_codes(who)])
        if person is None or person["credential_epoch"] != challenge.epoch:
            return None
        one = person_of(person)
        return _Match(
            people=[one], holdings=list(challenge.holdings), codes=live_codes(live, one.credential_epoch)
        )

    def _claimant(self, challenge: Challenge) -> _Match | None:
        """Whose contact and birth date were typed."""
        table = self.challenges.table
        matching = [one for one in self._candidates(challenge) if one.birth_date == challenge.birth_date]
        if len(matching) != 1:
            return _match(matching, [], None) if matching else None
        who = matching[0].person_id
        pointers = table.query(keys.person(who)["pk"], "LEASE#").items
        live, *leases = same_table(
            table, [keys.live_codes(who), *(keys.lease(pointer["lease_id"]) for pointer in pointers)]
        )
        known = [lease for lease in leases if lease]
        # who has no other has what was paid for a cancelled one still to ask back
        current = [lease for lease in known if lease["status"] != LeaseStatus.CANCELLED] or known
        return _match(matching, current, live) if current else None

    def _candidates(self, challenge: Challenge) -> list[Person]:
        found: list[str] = []
        for digest in challenge.subject_hashes:
            page = self.challenges.table.query(keys.persons_by(challenge.subject_kind, digest))
            found.extend(item["person_id"] for item in page.items[:MOST_SHARING])
        people = same_table(
            self.challenges.table, [keys.person(person_id) for person_id in dict.fromkeys(found)]
        )
        return [person_of(item) for item in people if item]


class _CodesChanged(Exception):
    """Another code of the same person was made meanwhile: the list of live ones is read again."""


def one_time_code_hashes(pepper: Pepper, challenge_id: str, code: str) -> list[str]:
    """The keyed hashes of a one-time code bound to its challenge, under every live pepper, current first."""
    return pepper.hashes("one-time-code", f"{challenge_id}:{code}")


def _match(people: list[Person], leases: Sequence[Item | None], live: Item | None) -> _Match:
    holdings = [
        Holding(lease_id=lease["lease_id"], residence_id=lease["residence_id"]) for lease in leases if lease
    ]
    return _Match(people=people, holdings=holdings, codes=live_codes(live, people[0].credential_epoch))


def _typed(challenge: Challenge) -> Channel:
    """The way of the contact that was typed."""
    return Channel.SMS if challenge.subject_kind == "phone" else Channel.EMAIL


def _preferred(challenge: Challenge) -> Channel:
    """What was asked for; else the way of the contact that was typed; else e-mail."""
    return challenge.send_by or _typed(challenge)


def _provable(person: Person, preferred: Channel, now: datetime) -> Addressed | None:
    """The preferred way, or the other one, whichever proves that it is them."""
    for channel in sorted(Channel, key=lambda one: one is not preferred):
        contact = person.contact(channel)
        if contact and person.can_prove_by(channel, now):
            return Addressed(person=person, channel=channel, contact=contact)
    return None


def _addressed(person: Person, preferred: Channel) -> Addressed | None:
    """The preferred way, or the other one, whichever there is."""
    for channel in sorted(Channel, key=lambda one: one is not preferred):
        if contact := person.contact(channel):
            return Addressed(person=person, channel=channel, contact=contact)
    return None


def _with(live: Mapping[str, int], challenge: Challenge, now: datetime) -> dict[str, int]:
    """The live codes with this one: those that are over left out, and the oldest beyond `MOST_LIVE`."""
    alive = {other: until for other, until in live.items() if until > now.timestamp()}
    alive[challenge.challenge_id] = int(challenge.expires_at.timestamp())
    newest = sorted(alive, key=lambda one: (one == challenge.challenge_id, alive[one]))[-MOST_LIVE:]
    return {one: alive[one] for one in newest}
