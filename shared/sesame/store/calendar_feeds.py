"""Calendar feeds: found by the hash of their token, which is kept nowhere; one a lease."""

from dataclasses import dataclass
from datetime import datetime

from sesame.store import keys
from sesame.store.table import NOT_THERE, Delete, Item, Put, Table, Write


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFeed:
    """Whose due dates a token shows. `token_hash` is SHA-256 in hex."""

    token_hash: str
    person_id: str
    lease_id: str
    residence_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CalendarFeeds:
    """The feeds of the identity table."""

    table: Table

    def get(self, token_hash: str) -> CalendarFeed | None:
        """The feed of a token, or None. One read."""
        item = self.table.get(keys.calendar_feed(token_hash))
        return _feed(item) if item else None

    def of(self, person_id: str, lease_id: str) -> CalendarFeed | None:
        """The feed of a person's lease, or None. One read."""
        item = self.table.get(keys.calendar_feed_of(person_id, lease_id))
        return _feed(item) if item else None

    def setting(self, feed: CalendarFeed, before: CalendarFeed | None) -> list[Write]:
        """The writes that give a lease its feed and end the one of before; they fail where that changed."""
        pointer = keys.calendar_feed_of(feed.person_id, feed.lease_id)
        writes: list[Write] = [
            Put(
                table=self.table.name,
                item={**_item(feed), **pointer},
                condition="token_hash = :before" if before else NOT_THERE,
                values={":before": before.token_hash} if before else {},
            ),
            Put(
                table=self.table.name,
                item={**_item(feed), **keys.calendar_feed(feed.token_hash)},
                condition=NOT_THERE,
            ),
        ]
        if before:
            writes.append(Delete(table=self.table.name, key=keys.calendar_feed(before.token_hash)))
        return writes

    def ending(self, feed: CalendarFeed) -> list[Write]:
        """The writes that end a feed, if it still is the lease's."""
        return [
            Delete(
                table=self.table.name,
                key=keys.calendar_feed_of(feed.person_id, feed.lease_id),
                condition="token_hash = :hash",
                values={":hash": feed.token_hash},
            ),
            Delete(table=self.table.name, key=keys.calendar_feed(feed.token_hash)),
        ]


def _item(feed: CalendarFeed) -> Item:
    return {
        "token_hash": feed.token_hash,
        "person_id": feed.person_id,
        "lease_id": feed.lease_id,
        "residence_id": feed.residence_id,
        "created_at": feed.created_at.isoformat(),
        "version": 1,
    }


def _feed(item: Item) -> CalendarFeed:
    return CalendarFeed(
        token_hash=item["token_hash"],
        person_id=item["person_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        created_at=datetime.fromisoformat(item["created_at"]),
    )
