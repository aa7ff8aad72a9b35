"""What a residence's tenants had not paid when the night's reconciliation went through their accounts.

Sums by due date, so that they can be aged on any day after without reading an account.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sesame.domain.arrears import Owed
from sesame.store import keys
from sesame.store.table import ConditionFailed, Item, Put, Table


def note_owed(table: Table, residence_id: str, owed: Owed, at: datetime) -> None:
    """Keeps what was owed in a residence at an instant, unless something newer is kept (operations table)."""
    item = {
        **keys.arrears(residence_id),
        "residence_id": residence_id,
        "as_of": at.isoformat(timespec="microseconds"),
        **owed_item(owed),
    }
    try:
        table.write(
            Put(
                table=table.name,
                item=item,
                condition="attribute_not_exists(pk) OR as_of <= :at",
                values={":at": item["as_of"]},
            )
        )
    except ConditionFailed:
        return


def owed_last_night(item: Item) -> tuple[Owed, datetime]:
    """What is kept, and when it was so."""
    return owed_of(item), datetime.fromisoformat(item["as_of"])


def owed_item(owed: Owed) -> dict[str, dict[str, int]]:
    """As stored: cents and leases by ISO date."""
    return {"cents": _by_text(owed.cents), "leases": _by_text(owed.leases)}


def owed_of(item: Mapping[str, Any]) -> Owed:
    """As stored, read."""
    return Owed(cents=_by_day(item["cents"]), leases=_by_day(item["leases"]))


def _by_text(figures: Mapping[date, int]) -> dict[str, int]:
    return {day.isoformat(): figure for day, figure in figures.items()}


def _by_day(figures: Mapping[str, int]) -> dict[date, int]:
    return {date.fromisoformat(day): figure for day, figure in figures.items()}
