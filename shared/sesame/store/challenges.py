"""Sign-ins, recoveries and welcome links under way, and how often each was tried.

A challenge is written with what was typed, hashed, before anybody looks who that is: known and unknown
callers leave items of the same shape, made by the same calls. `resolve` adds the person later, elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.table import NOT_THERE, ConditionFailed, Item, Put, Table, Update, Write, transact


class ChallengeKind(StrEnum):
    """What a challenge is for."""

    SIGN_IN = "sign_in"
    RECOVERY = "recovery"
    WELCOME = "welcome"
    STEP_UP = "step_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A lease that a challenge concerns, and its residence."""

    lease_id: str
    residence_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A challenge as stored. `person_id` is None while, or for ever if, nobody matches what was typed."""

    challenge_id: str
    kind: ChallengeKind
    expires_at: datetime
    tries: int
    subject_kind: str = ""
    subject_hashes: tuple[str, ...] = ()
    birth_date: date | None = None
    person_id: str | None = None
    epoch: int = 0
    holdings: tuple[Holding, ...] = ()
    code_hash: str = ""
    used_at: datetime | None = None
    document_id: str | None = None
    purpose: str = ""
    """What a step-up confirms: its one-time code is worth nothing for anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `most` tries a window, `pause` apart."""

    window: timedelta
    most: int
    pause: timedelta


class TooOften(Exception):
    """A limit was met; `wait` says how long until the next try can pass."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("too often")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Challenges:
    """The challenges of the identity table."""

    table: Table

    def start(self, challenge: Challenge, limited: str, limit: Limit, now: datetime) -> None:
        """Writes a challenge, announces it and counts the try: one transaction. Raises TooOften.

        `limited` is the hash of what is counted: all that was typed.
        """
        item = _item(challenge) | {
            "announce": announcement("challenge.requested", now, challenge_id=challenge.challenge_id)
        }
        put = Put(table=self.table.name, item=item, condition=NOT_THERE)
        try:
            transact(self.table.client, [put, self._count(limited, limit, now)], attempts=3)
        except ConditionFailed as failure:
            if not failure.failed(1):
                raise
            raise TooOften(_wait(failure.items[1] or {}, limit, now)) from failure

    def get(self, challenge_id: str) -> Challenge | None:
        """The challenge, expired or not, or None."""
        item = self.table.get(keys.challenge(challenge_id))
        return _challenge(item) if item else None

    def put_welcome(self, challenge: Challenge) -> None:
        """Writes a welcome link's challenge, which announces nothing."""
        self.table.put(_item(challenge), unless_exists=True)

    def resolve(
        self, challenge_id: str, *, person_id: str, epoch: int, holdings: Sequence[Holding], code_hash: str
    ) -> bool:
        """Adds who it is and the hash of the one-time code; False when the challenge was used or is gone.

        A repeat replaces the hash: the code sent last is the one that counts.
        """
        try:
            self.table.update(
                keys.challenge(challenge_id),
                "SET person_id = :person, epoch = :epoch, holdings = :holdings, code_hash = :hash",
                condition="attribute_exists(pk) AND attribute_not_exists(used_at)",
                values={
                    ":person": person_id,
                    ":epoch": epoch,
                    ":holdings": [_held(holding) for holding in holdings],
                    ":hash": code_hash,
                },
            )
        except ConditionFailed:
            return False
        return True

    def count_try(
        self,
        challenge_id: str,
        kind: ChallengeKind,
        *,
        most: int,
        now: datetime,
        grace: timedelta | None = None,
    ) -> Challenge | None:
        """Counts one try and returns the challenge, or None when it cannot be tried any more.

        The count comes before the comparison, so that parallel guesses cannot slip past it. With `grace`, a
        used challenge can still be tried for that long.
        """
        unused = "attribute_not_exists(used_at)"
        values: dict[str, Any] = {":one": 1, ":most": most, ":now": int(now.timestamp()), ":kind": kind.value}
        if grace is not None:
            unused = "(attribute_not_exists(used_at) OR used_at > :since)"
            values[":since"] = (now - grace).isoformat()
        try:
            item = self.table.update(
                keys.challenge(challenge_id),
                "SET tries = tries + :one",
                condition=f"kind = :kind AND tries < :most AND expires_at > :now AND {unused}",
                values=values,
            )
        except ConditionFailed:
            return None
        return _challenge(item)

    def use(self, challenge_id: str, now: datetime, announce: dict[str, str] | None = None) -> Update:
        """The write that uses a challenge up: it fails when another request was first."""
        expression = "SET used_at = :now"
        values: dict[str, Any] = {":now": now.isoformat()}
        if announce is not None:
            expression += ", announce = :announce"
            values[":announce"] = announce
        return Update(
            table=self.table.name,
            key=keys.challenge(challenge_id),
            expression=expression,
            condition="attribute_not_exists(used_at)",
            values=values,
        )

    def opened(self, challenge_id: str, document_id: str, now: datetime) -> None:
        """Notes the first opening of a welcome link and its document; later ones change neither.

        Who knows the birth date is no guesser: the tries are given back, so that a page may ask again.
        """
        self.table.update(
            keys.challenge(challenge_id),
            "SET used_at = if_not_exists(used_at, :now), tries = :none, "
            "document_id = if_not_exists(document_id, :document)",
            values={":now": now.isoformat(), ":document": document_id, ":none": 0},
        )

    def _count(self, subject_hash: str, limit: Limit, now: datetime) -> Write:
        seconds = int(limit.window.total_seconds())
        window = int(now.timestamp()) // seconds * seconds
        return Update(
            table=self.table.name,
            key=keys.limit(subject_hash, str(window)),
            expression="SET last_at = :now, expires_at = :gone ADD tries :one",
            condition="attribute_not_exists(pk) OR (tries < :most AND last_at <= :pause)",
            values={
                ":now": int(now.timestamp()),
                ":gone": window + 2 * seconds,
                ":one": 1,
                ":most": limit.most,
                ":pause": int((now - limit.pause).timestamp()),
            },
        )


def _wait(counted: Item, limit: Limit, now: datetime) -> timedelta:
    seconds = int(limit.window.total_seconds())
    if counted.get("tries", 0) >= limit.most:
        end = int(now.timestamp()) // seconds * seconds + seconds
        return timedelta(seconds=end - int(now.timestamp()))
    return timedelta(seconds=counted.get("last_at", 0) - int(now.timestamp())) + limit.pause


def _held(holding: Holding) -> dict[str, str]:
    return {"lease_id": holding.lease_id, "residence_id": holding.residence_id}


def _item(challenge: Challenge) -> dict[str, Any]:
    return {
        **keys.challenge(challenge.challenge_id),
        "challenge_id": challenge.challenge_id,
        "kind": challenge.kind.value,
        "expires_at": int(challenge.expires_at.timestamp()),
        "tries": challenge.tries,
        "subject_kind": challenge.subject_kind,
        "subject_hashes": challenge.subject_hashes,
        "birth_date": challenge.birth_date.isoformat() if challenge.birth_date else None,
        "person_id": challenge.person_id,
        "epoch": challenge.epoch,
        "holdings": [_held(holding) for holding in challenge.holdings],
        "code_hash": challenge.code_hash,
        "purpose": challenge.purpose or None,
    }


def _challenge(item: Item) -> Challenge:
    return Challenge(
        challenge_id=item["challenge_id"],
        kind=ChallengeKind(item["kind"]),
        expires_at=datetime.fromtimestamp(item["expires_at"], UTC),
        tries=item["tries"],
        subject_kind=item["subject_kind"],
        subject_hashes=tuple(item["subject_hashes"]),
        birth_date=date.fromisoformat(item["birth_date"]) if "birth_date" in item else None,
        person_id=item.get("person_id"),
        epoch=item["epoch"],
        holdings=tuple(Holding(**holding) for holding in item["holdings"]),
        code_hash=item["code_hash"],
        used_at=datetime.fromisoformat(item["used_at"]) if "used_at" in item else None,
        document_id=item.get("document_id"),
        purpose=item.get("purpose", ""),
    )
