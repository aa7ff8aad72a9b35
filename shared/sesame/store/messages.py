"""What was sent to whom, and how far it got: a message is accepted by the mail service at most once.

The record is written before the mail service is called and completed after it has answered, because that
service takes a repeat for a new message. What lies between the two is a lost answer, and is called `unknown`.
It holds ids only: no address, no name, no text.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sesame.domain.tenancy import Channel
from sesame.store import keys
from sesame.store.table import ConditionFailed, Item, Table

LOST_AFTER = timedelta(minutes=1)
"""Twice the time any sender runs: a message still `sending` after it has nobody behind it any more."""


class MessageState(StrEnum):
    """How far a message got. Only `waiting` and `sending` are not the end of it here."""

    SENDING = "sending"
    WAITING = "waiting"
    """The mail service did not take it and may later: to be tried again."""
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """The mail service's answer was lost: it may or may not have gone."""
    REFUSED = "refused"
    """The mail service will never take it as it is: a matter for the desk."""
    SUPERSEDED = "superseded"
    """Not sent, because there is nothing to say any more: paid, over, or out of date."""
    UNADDRESSED = "unaddressed"
    """Not sent, because nobody or no address was found."""
    WITHHELD = "withheld"
    """Not sent, because its person had all the one-time codes of an hour."""


class StillSending(Exception):
    """Another sender may be at work on this message: try again in a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to be sent. `message_id` is derived from its cause, so that a repeat is the same message."""

    message_id: str
    kind: str
    cause: dict[str, str]
    """What it is about, by ids: e.g. lease_id, period, step."""
    lease_id: str | None = None
    person_id: str | None = None
    channel: Channel = Channel.EMAIL
    may_repeat: bool = False
    """Whether a second copy does less harm than none: so for one-time codes and safety notices."""
    expires_at: datetime | None = None
    """When the record may be forgotten; None where it is proof."""


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of the operations table."""

    table: Table

    def begin(self, message: Message, now: datetime) -> bool:
        """Claims a message before the mail service is called; False when it has been dealt with.

        Raises StillSending. Normally one write; one more read or write when an earlier try left its trace.
        """
        try:
            self.table.put(_item(message, MessageState.SENDING, now), unless_exists=True)
        except ConditionFailed as failure:
            return self._resume(message, failure.items[0] or {}, now)
        return True

    def skip(self, message: Message, state: MessageState, now: datetime) -> None:
        """Records that a message is not sent at all, unless it already has a record."""
        try:
            self.table.put(_item(message, state, now), unless_exists=True)
        except ConditionFailed as failure:
            if (failure.items[0] or {}).get("state") == MessageState.WAITING:
                self.settle(message, state, now)

    def accepted(self, message: Message, channel: Channel, provider_message_id: str, now: datetime) -> None:
        """The service of a channel took it, under its own id."""
        self.table.update(
            keys.message(message.message_id),
            "SET #state = :state, channel = :channel, provider_message_id = :provider, accepted_at = :now "
            "ADD version :one",
            names={"#state": "state"},
            values={
                ":channel": channel.value,
                ":state": MessageState.ACCEPTED.value,
                ":provider": provider_message_id,
                ":now": now.isoformat(),
                ":one": 1,
            },
        )

    def settle(self, message: Message, state: MessageState, now: datetime) -> None:
        """Ends this try in a state other than accepted; one that was accepted meanwhile stays so."""
        try:
            self.table.update(
                keys.message(message.message_id),
                "SET #state = :state, changed_at = :now ADD version :one",
                condition="#state <> :accepted",
                names={"#state": "state"},
                values={
                    ":state": state.value,
                    ":accepted": MessageState.ACCEPTED.value,
                    ":now": now.isoformat(),
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return

    def _resume(self, message: Message, found: Item, now: datetime) -> bool:
        state = found.get("state")
        if state == MessageState.WAITING:
            return self._claim_again(message, found, now)
        if state != MessageState.SENDING:
            return False
        if now < datetime.fromisoformat(found["sending_since"]) + LOST_AFTER:
            raise StillSending
        if message.may_repeat:
            return self._claim_again(message, found, now)
        self.settle(message, MessageState.UNKNOWN, now)
        return False

    def _claim_again(self, message: Message, found: Item, now: datetime) -> bool:
        try:
            self.table.update(
                keys.message(message.message_id),
                "SET #state = :sending, sending_since = :now ADD version :one",
                condition="version = :version",
                names={"#state": "state"},
                values={
                    ":sending": MessageState.SENDING.value,
                    ":now": now.isoformat(),
                    ":one": 1,
                    ":version": found["version"],
                },
            )
        except ConditionFailed as failure:
            raise StillSending from failure
        return True


def _item(message: Message, state: MessageState, now: datetime) -> Item:
    item: Item = {
        **keys.message(message.message_id),
        "message_id": message.message_id,
        "kind": message.kind,
        "channel": message.channel.value,
        "cause": message.cause,
        "state": state.value,
        "lease_id": message.lease_id,
        "person_id": message.person_id,
        "created_at": now.isoformat(),
        "sending_since": now.isoformat(),
        "expires_at": int(message.expires_at.timestamp()) if message.expires_at else None,
        "version": 1,
    }
    if message.lease_id:
        item |= {
            "gsi1pk": keys.messages_of_lease(message.lease_id),
            "gsi1sk": f"{now.isoformat()}#{message.message_id}",
        }
    return item
