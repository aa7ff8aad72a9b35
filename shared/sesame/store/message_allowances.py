"""One message of the clock's making a day, a person and a channel: whichever claims the day first.

Whoever was asked for (a one-time code, a document, a safety notice) needs no claim. Ids only; forgotten soon.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sesame.domain.tenancy import Channel
from sesame.store import keys
from sesame.store.messages import OPEN
from sesame.store.table import ConditionFailed, Table

_KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MessageAllowances:
    """The claims of the operations table."""

    table: Table

    def claim(self, person_id: str, channel: Channel, message_id: str, *, day: date, now: datetime) -> bool:
        """Whether a message may be sent by a channel that day (of the residence's calendar). One write.

        The same message may claim a day again: a second try is the same one. A day cannot be given back.
        """
        key = keys.message_allowance(person_id, day.isoformat(), channel.value)
        expires_at = int((now + _KEPT_FOR).timestamp())
        try:
            self.table.put(
                {**key, "message_id": message_id, "expires_at": expires_at, "version": 1}, unless_exists=True
            )
        except ConditionFailed as failure:
            return (failure.items[0] or {}).get("message_id") == message_id
        return True

    def is_over(self, message_id: str) -> bool:
        """Whether a message was dealt with before. One read."""
        found = self.table.get(keys.message(message_id))
        return found is not None and found["state"] not in OPEN
