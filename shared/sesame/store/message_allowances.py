"""One message of the clock's making a day, a person and a channel: whichever claims the day first.

Whoever was asked for (a one-time code, a document, a safety notice) needs no claim. Ids only; forgotten soon.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sesame.domain.calendar import local_date
from sesame.domain.tenancy import Channel
from sesame.store import keys
from sesame.store.messages import OPEN, MessageState
from sesame.store.table import ConditionFailed, Item, Put, Table

_KEPT_FOR = timedelta(days=7)
_NEVER_WENT = frozenset(
    {
        MessageState.WAITING,
        MessageState.MERGED,
        MessageState.REFUSED,
        MessageState.SUPERSEDED,
        MessageState.UNADDRESSED,
        MessageState.UNWANTED,
        MessageState.WITHHELD,
    }
)


@dataclass(frozen=True, slots=True)
class MessageAllowances:
    """The claims of the operations table."""

    table: Table

    def claim(self, person_id: str, channel: Channel, message_id: str, *, day: date, now: datetime) -> bool:
        """Whether a message may be sent by a channel that day (of the residence's calendar). One write.

        The same message may claim a day again: a second try is the same one.
        """
        key = keys.message_allowance(person_id, day.isoformat(), channel.value)
        expires_at = int((now + _KEPT_FOR).timestamp())
        claim = Put(
            table=self.table.name,
            item={**key, "message_id": message_id, "expires_at": expires_at, "version": 1},
            condition="attribute_not_exists(message_id)",
        )
        try:
            self.table.write(claim)
        except ConditionFailed as failure:
            return (failure.items[0] or {}).get("message_id") == message_id
        return True

    def give_back(self, person_id: str, channel: Channel, message_id: str, *, day: date) -> None:
        """Ends a message's claim of a day on which it did not go, if it has one. One write."""
        try:
            self.table.update(
                keys.message_allowance(person_id, day.isoformat(), channel.value),
                "REMOVE message_id ADD version :one",
                condition="message_id = :id",
                values={":id": message_id, ":one": 1},
            )
        except ConditionFailed:
            return  # the day is another's, or nobody's

    def went_on(self, message_id: str, day: date, time_zone: str) -> bool:
        """Whether a message went, or may have gone, on a day of a residence's calendar. One read."""
        found = self.table.get(keys.message(message_id))
        if found is None or not _may_have_gone(found):
            return False
        return local_date(datetime.fromisoformat(found["sending_since"]), time_zone) == day

    def is_over(self, message_id: str) -> bool:
        """Whether a message was dealt with before. One read."""
        found = self.table.get(keys.message(message_id))
        return found is not None and found["state"] not in OPEN and "given_back" not in found

    def was_told(self, message_id: str) -> bool:
        """Whether a message went, or may have gone: what it told of may be known to its reader. One read.

        Not the same as dealt with: one that was refused, or had no address, told nobody of anything.
        """
        found = self.table.get(keys.message(message_id))
        return found is not None and _may_have_gone(found)

    def reached(self, message_id: str) -> bool:
        """Whether the mail service took a message, and has not said that it came to nobody. One read."""
        found = self.table.get(keys.message(message_id))
        return found is not None and found["state"] in {MessageState.ACCEPTED, MessageState.DELIVERED}


def _may_have_gone(found: Item) -> bool:
    return found["state"] not in _NEVER_WENT or "sent_again_at" in found
