"""How often identities are tried and network sources fail: counters that parallel tries cannot slip past.

Keys are hashes of what was typed, or of a network address; known and unknown identities leave the same items.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from sesame.domain.pacing import (
    FORGIVEN_AFTER,
    FORGOTTEN_AFTER,
    FREE_BIRTH_DATES,
    HOT_SOURCE_FAILURES,
    Asked,
    next_allowed,
    next_birth_date_allowed,
)
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.table import ConditionFailed, Delete, Item, Table, Update, Write, transact

_HOUR = timedelta(hours=1)
_COUNT, _GUESS = 1, 2
"""The places of the counters in the transaction."""
_BUSY = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}


class TooOften(Exception):
    """Not yet: `wait` says how long until the next try can pass."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("too often")
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """The birth dates tried for a contact, by the hash of both, and when each was last."""

    at: Mapping[str, datetime] = field(default_factory=dict)
    version: int = 0
    """0 while there is nothing to mind."""

    def with_one(self, guess: str, now: datetime) -> "Guesses":
        """With one more; those of more than a day ago are left out."""
        kept = {one: at for one, at in self.at.items() if at > now - FORGOTTEN_AFTER}
        return Guesses(at=kept | {guess: now}, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class Pacing:
    """The counters of the identity table."""

    table: Table

    def once_allowed(
        self, write: Write, *, identity: str, source: str, now: datetime, contact: str | None = None
    ) -> datetime:
        """Does a write and counts it as a try of an identity, in one transaction; returns when the next may.

        With `contact`, the identity is a guess at its birth date, and counted as that too. One call for what
        was left alone for an hour; two where it is too early, three where it is not. Raises TooOften;
        ConditionFailed where it is the write itself that cannot be.
        """
        first, fresh = Asked(times=1, last_at=now), Guesses()
        try:
            self._counted(write, self._counting(identity, first), contact, fresh.with_one(identity, now), now)
        except ConditionFailed as failure:
            before, tried = _in_the_way(failure)
        else:
            return next_allowed(first)
        hot = self.failures(source, now) >= HOT_SOURCE_FAILURES
        allowed = max(
            next_allowed(before, hot_source=hot) if before else now,
            next_birth_date_allowed(tried.at, identity, now),
        )
        if len(tried.at) >= FREE_BIRTH_DATES:
            count("BirthDatesGuessed")
        if now < allowed:
            raise TooOften(allowed - now)
        again = Asked(times=before.times + 1 if before else 1, last_at=now)
        counting = self._counting(identity, again, before)
        try:
            self._counted(write, counting, contact, tried.with_one(identity, now), now)
        except ConditionFailed as failure:
            _in_the_way(failure)
            # somebody else's try of the same identity or contact came first
            raise TooOften(next_allowed(again, hot_source=hot) - now) from failure
        return next_allowed(again, hot_source=hot)

    def forgetting(self, identity: str) -> Delete:
        """The write that lets an identity be tried at once: a desk that helps clears what slowed."""
        return Delete(table=self.table.name, key=keys.asked(identity))

    def forgetting_birth_dates(self, contact: str) -> Delete:
        """The write that lets birth dates be tried for a contact at once."""
        return Delete(table=self.table.name, key=keys.birth_dates(contact))

    def _counted(
        self, write: Write, counting: Update, contact: str | None, guesses: "Guesses", now: datetime
    ) -> None:
        writes = [write, counting]
        if contact is not None:
            writes.append(self._guessing(contact, guesses, now))
        transact(self.table.client, writes, attempts=3)

    def _guessing(self, contact: str, after: "Guesses", now: datetime) -> Update:
        values: dict[str, Any] = {
            ":tried": {guess: _milliseconds(at) for guess, at in after.at.items()},
            ":now": _milliseconds(now),
            ":version": after.version,
            ":gone": int((now + FORGOTTEN_AFTER).timestamp()),
        }
        if after.version == 1:
            condition = "attribute_not_exists(pk) OR last_at <= :forgotten"
            values[":forgotten"] = _milliseconds(now - FORGOTTEN_AFTER)
        else:
            condition = "version = :before"
            values[":before"] = after.version - 1
        return Update(
            table=self.table.name,
            key=keys.birth_dates(contact),
            expression="SET tried = :tried, last_at = :now, version = :version, expires_at = :gone",
            condition=condition,
            values=values,
        )

    def count_failure(self, source: str, now: datetime) -> None:
        """Counts a failure behind a network address.

        One that fails faster than a table's item can be written to is counted as often as it can be: nobody
        else behind the same address may get an error for it.
        """
        try:
            self.table.update(
                keys.source(source, _hour(now)),
                "SET expires_at = :gone ADD failures :one",
                values={":gone": int((now + 2 * _HOUR).timestamp()), ":one": 1},
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _BUSY:
                raise
            count("SourceTooBusyToCount")

    def failures(self, source: str, now: datetime) -> int:
        """Failures behind a network address within this hour of the clock."""
        item = self.table.get(keys.source(source, _hour(now)), consistent=False)
        return int(item["failures"]) if item else 0

    def _counting(self, identity: str, after: Asked, before: Asked | None = None) -> Update:
        now = _milliseconds(after.last_at)
        forget_at = int((after.last_at + 2 * FORGIVEN_AFTER).timestamp())
        values = {":now": now, ":times": after.times, ":gone": forget_at}
        if before is None:
            condition = "attribute_not_exists(pk) OR last_at <= :forgiven"
            values[":forgiven"] = _milliseconds(after.last_at - FORGIVEN_AFTER)
        else:
            condition = "times = :before AND last_at = :last"
            values |= {":before": before.times, ":last": _milliseconds(before.last_at)}
        return Update(
            table=self.table.name,
            key=keys.asked(identity),
            expression="SET last_at = :now, times = :times, expires_at = :gone",
            condition=condition,
            values=values,
        )


def _in_the_way(failure: ConditionFailed) -> tuple[Asked | None, Guesses]:
    """What stood in the way of counting. Raises the failure again where it was nothing of that."""
    guessed = len(failure.reasons) > _GUESS and failure.failed(_GUESS)
    if not failure.failed(_COUNT) and not guessed:
        raise failure
    before = _asked(failure.items[_COUNT] or {}) if failure.failed(_COUNT) else None
    return before, _guesses(failure.items[_GUESS] or {}) if guessed else Guesses()


def _asked(item: Item) -> Asked:
    return Asked(times=item["times"], last_at=_moment(item["last_at"]))


def _guesses(item: Item) -> Guesses:
    return Guesses(at={guess: _moment(at) for guess, at in item["tried"].items()}, version=item["version"])


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _milliseconds(moment: datetime) -> int:
    """Since 1970: seconds would make an answer's wait depend on where in a second it was asked for."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _hour(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H")
