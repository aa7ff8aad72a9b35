"""When somebody did something that they may do so often only: a list of moments, which parallel tries cannot
slip past."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sesame.domain.allowances import Allowance, kept, wait
from sesame.store.table import NOT_THERE, Item, Key, Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used of some allowances; `version` 0 while nothing was."""

    moments: tuple[datetime, ...] = ()
    version: int = 0

    def wait(self, allowances: Sequence[Allowance], now: datetime) -> timedelta:
        """How long until it may be done once more."""
        return wait(self.moments, allowances, now)

    def using(self, table: str, key: Key, allowances: Sequence[Allowance], now: datetime) -> Put:
        """The write that notes one more, on the condition that nobody did since this was read."""
        moments = [*kept(self.moments, allowances, now), now]
        longest = max(one.within for one in allowances)
        condition, values = "version = :before", {":before": self.version}
        if not self.version:
            condition, values = NOT_THERE, {}
        item: dict[str, Any] = {
            **key,
            "moments": [_milliseconds(moment) for moment in moments],
            "version": self.version + 1,
            "expires_at": int((now + longest).timestamp()) + 1,
        }
        return Put(table=table, item=item, condition=condition, values=values)


def used(item: Item | None) -> Used:
    """What an item says was used."""
    if item is None:
        return Used()
    moments = tuple(datetime.fromtimestamp(one / 1000, UTC) for one in item["moments"])
    return Used(moments=moments, version=item["version"])


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
