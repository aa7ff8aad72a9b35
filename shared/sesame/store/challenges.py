"""Sign-ins, recoveries and welcome links under way, and the one-time codes that are in force for a person.

A challenge is written with what was typed, hashed, before anybody looks who that is: known and unknown
callers leave items of the same shape, made by the same calls. `resolve` adds the person later, elsewhere.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from secrets import token_bytes
from typing import Any

from sesame.domain.tenancy import Channel
from sesame.platform.events import announcement
from sesame.platform.ids import new_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Check, ConditionFailed, Item, Put, Table, Update, marshal

_ROOM = 560
"""Bytes on the wire for who a challenge concerns: three leases of residences with long names."""


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
    """A challenge. While, or for ever if, nobody matches what was typed, it names a person who is made up."""

    challenge_id: str
    kind: ChallengeKind
    expires_at: datetime
    tries: int
    subject_kind: str = ""
    subject_hashes: tuple[str, ...] = ()
    birth_date: date | None = None
    asked: str = ""
    """The keyed hash of all that was typed: under it tries are counted."""
    send_by: Channel | None = None
    """How the caller wants the one-time code; None: as suits what was typed."""
    person_id: str | None = None
    epoch: int = 0
    holdings: tuple[Holding, ...] = ()
    code_hash: str = ""
    used_at: datetime | None = None
    document_id: str | None = None
    purpose: str = ""
    """What a step-up confirms: its one-time code is worth nothing for anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCodes:
    """The one-time codes of a person: challenge -> until when its code counts; event -> when one was sent.

    Epoch seconds. A message tried again is still the one that its event asked for. What is of an older
    credential epoch is over.
    """

    epoch: int
    live: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)
    version: int = 0
    """0 while there is no item yet."""


@dataclass(frozen=True, slots=True)
class Challenges:
    """The challenges of the identity table."""

    table: Table

    def starting(self, challenge: Challenge, now: datetime) -> Put:
        """The write that starts a challenge and announces it."""
        item = _item(challenge) | {
            "announce": announcement("challenge.requested", now, challenge_id=challenge.challenge_id)
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def restarting(
        self, challenge: Challenge, *, expires_at: datetime, send_by: Channel | None, most: int, now: datetime
    ) -> Update:
        """The write that asks for another message of a challenge: a new one-time code will replace the last.

        Tries are not given back: it fails for a challenge that was used, or tried `most` times.
        """
        announce = announcement("challenge.requested", now, challenge_id=challenge.challenge_id)
        expression = "SET announce = :announce, expires_at = :expires_at"
        values: dict[str, Any] = {
            ":announce": announce,
            ":expires_at": int(expires_at.timestamp()),
            ":most": most,
        }
        if send_by is not None:
            expression += ", send_by = :send_by"
            values[":send_by"] = send_by.value
        return Update(
            table=self.table.name,
            key=keys.challenge(challenge.challenge_id),
            expression=expression,
            condition="attribute_exists(pk) AND attribute_not_exists(used_at) AND tries < :most",
            values=values,
        )

    def get(self, challenge_id: str) -> Challenge | None:
        """The challenge, expired or not, or None."""
        item = self.table.get(keys.challenge(challenge_id))
        return _challenge(item) if item else None

    def put_welcome(self, challenge: Challenge) -> None:
        """Writes a welcome link's challenge, which announces nothing."""
        self.table.put(_item(challenge), unless_exists=True)

    def live_codes(self, person_id: str, epoch: int) -> LiveCodes:
        """The one-time codes of a person, of this credential epoch only. One read."""
        return live_codes(self.table.get(keys.live_codes(person_id)), epoch)

    def resolving(
        self, challenge_id: str, *, person_id: str, epoch: int, holdings: Sequence[Holding], code_hash: str
    ) -> Update:
        """The write that adds who it is and the hash of the one-time code; it fails for one that was used.

        A repeat replaces the hash: the code sent last is the one that counts.
        """
        who = _who(person_id, epoch, holdings, code_hash)
        return Update(
            table=self.table.name,
            key=keys.challenge(challenge_id),
            expression="SET " + ", ".join(f"{name} = :{name}" for name in who),
            condition="attribute_exists(pk) AND attribute_not_exists(used_at)",
            values={f":{name}": value for name, value in who.items()},
        )

    def keeping(self, person_id: str, codes: LiveCodes, *, forget_at: datetime) -> Put:
        """The write of a person's live codes; it fails where they changed since they were read."""
        return Put(
            table=self.table.name,
            item={
                **keys.live_codes(person_id),
                "epoch": codes.epoch,
                "live": dict(codes.live),
                "sent": dict(codes.sent),
                "version": codes.version + 1,
                "expires_at": int(forget_at.timestamp()),
            },
            condition="version = :version" if codes.version else NOT_THERE,
            values={":version": codes.version} if codes.version else {},
        )

    def in_force(self, person_id: str, epoch: int, challenge_id: str, now: datetime) -> Check:
        """The check that a challenge's code is still among the person's live ones.

        By its own time: the challenge may have been prolonged for a message that never went.
        """
        return Check(
            table=self.table.name,
            key=keys.live_codes(person_id),
            condition="epoch = :epoch AND live.#challenge > :now",
            names={"#challenge": challenge_id},
            values={":epoch": epoch, ":now": int(now.timestamp())},
        )

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

    def opening(self, challenge_id: str, document_id: str, now: datetime) -> Update:
        """Notes the first opening of a welcome link and its document, as a write; later ones change neither.

        Who knows the birth date is no guesser: the tries are given back, so that a page may ask again.
        """
        return Update(
            table=self.table.name,
            key=keys.challenge(challenge_id),
            expression="SET used_at = if_not_exists(used_at, :now), tries = :none, "
            "document_id = if_not_exists(document_id, :document)",
            values={":now": now.isoformat(), ":document": document_id, ":none": 0},
        )


def live_codes(item: Item | None, epoch: int) -> LiveCodes:
    """A person's live codes, read; none are left of an older epoch."""
    if item is None:
        return LiveCodes(epoch=epoch)
    if item["epoch"] != epoch:
        return LiveCodes(epoch=epoch, version=item["version"])
    return LiveCodes(epoch=epoch, live=item["live"], sent=item["sent"], version=item["version"])


def _nobody() -> dict[str, Any]:
    """Made-up attributes of the same form as a known person's. No code has the hash, which is random."""
    digest = urlsafe_b64encode(token_bytes(32)).rstrip(b"=").decode()
    holding = Holding(lease_id=new_id(), residence_id="-" * 20)
    return _who(new_id(), 1, [holding], f"1:{digest}")


def _who(person_id: str, epoch: int, holdings: Sequence[Holding], code_hash: str) -> dict[str, Any]:
    """Who it is, and a filler, which together are as long whoever it is.

    So that the time in which a challenge is read back tells nothing; for persons of three leases at most.
    """
    who = {
        "person_id": person_id,
        "epoch": epoch,
        "holdings": [_held(holding) for holding in holdings],
        "code_hash": code_hash,
    }
    return who | {"filler": "-" * max(0, _ROOM - len(json.dumps(marshal(who))))}


def _held(holding: Holding) -> dict[str, str]:
    return {"lease_id": holding.lease_id, "residence_id": holding.residence_id}


def _item(challenge: Challenge) -> dict[str, Any]:
    who = _nobody()
    if challenge.person_id is not None:
        who = _who(challenge.person_id, challenge.epoch, challenge.holdings, challenge.code_hash)
    return {
        **keys.challenge(challenge.challenge_id),
        "challenge_id": challenge.challenge_id,
        "kind": challenge.kind.value,
        "expires_at": int(challenge.expires_at.timestamp()),
        "tries": challenge.tries,
        "subject_kind": challenge.subject_kind,
        "subject_hashes": challenge.subject_hashes,
        "birth_date": challenge.birth_date.isoformat() if challenge.birth_date else None,
        "asked": challenge.asked,
        "send_by": challenge.send_by.value if challenge.send_by else None,
        **who,
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
        asked=item["asked"],
        send_by=Channel(item["send_by"]) if "send_by" in item else None,
        person_id=item.get("person_id"),
        epoch=item["epoch"],
        holdings=tuple(Holding(**holding) for holding in item["holdings"]),
        code_hash=item["code_hash"],
        used_at=datetime.fromisoformat(item["used_at"]) if "used_at" in item else None,
        document_id=item.get("document_id"),
        purpose=item.get("purpose", ""),
    )
