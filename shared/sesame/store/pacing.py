"""How often identities are tried and network sources fail: counters that parallel tries cannot slip past.

Keys are hashes of what was typed, or of a network address; known and unknown identities leave the same items.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from sesame.domain.pacing import FORGIVEN_AFTER, HOT_SOURCE_FAILURES, Asked, next_allowed
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.table import ConditionFailed, Delete, Item, Table, Update, Write, transact

_HOUR = timedelta(hours=1)
_BUSY = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}


class TooOften(Exception):
    """Not yet: `wait` says how long until the next try can pass."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("too often")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Pacing:
    """The counters of the identity table."""

    table: Table

    def once_allowed(self, write: Write, *, identity: str, source: str, now: datetime) -> datetime:
        """Does a write and counts it as a try of an identity, in one transaction; returns when the next may.

        One call for an identity left alone for an hour; two where it is too early, three where it is not.
        Raises TooOften; ConditionFailed where it is the write itself that cannot be.
        """
        first = Asked(times=1, last_at=now)
        try:
            transact(self.table.client, [write, self._counting(identity, first)], attempts=3)
        except ConditionFailed as failure:
            if not failure.failed(1):
                raise
            before = _asked(failure.items[1] or {})
        else:
            return next_allowed(first)
        hot = self.failures(source, now) >= HOT_SOURCE_FAILURES
        allowed = next_allowed(before, hot_source=hot)
        if now < allowed:
            raise TooOften(allowed - now)
        again = Asked(times=before.times + 1, last_at=now)
        try:
            transact(self.table.client, [write, self._counting(identity, again, before)], attempts=3)
        except ConditionFailed as failure:
            if not failure.failed(1):
                raise
            # somebody else's try of the same identity came first
            raise TooOften(next_allowed(again, hot_source=hot) - now) from failure
        return next_allowed(again, hot_source=hot)

    def forgetting(self, identity: str) -> Delete:
        """The write that lets an identity be tried at once: a desk that helps clears what slowed."""
        return Delete(table=self.table.name, key=keys.asked(identity))

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


def _asked(item: Item) -> Asked:
    last_at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=item["last_at"])
    return Asked(times=item["times"], last_at=last_at)


def _milliseconds(moment: datetime) -> int:
    """Since 1970: seconds would make an answer's wait depend on where in a second it was asked for."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _hour(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H")
