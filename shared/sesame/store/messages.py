"""What was sent to whom, and how far it got: a message is accepted by the mail service at most once.

The record is written before the mail service is called and completed after it has answered, because that
service takes a repeat for a new message. What lies between the two is a lost answer, and is called `unknown`:
the service's own word, which carries the message's id, settles it; where none comes within half an hour, the
message is sent once more. Lost again, and without a word for as long, it is `lost`: a matter for the desk.
A record holds ids only: no address, no name, no text.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sesame.domain.tenancy import Channel
from sesame.platform.events import Event
from sesame.store import keys
from sesame.store.table import (
    NOT_THERE,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Table,
    Update,
    same_table,
    transact,
)

LOST_AFTER = timedelta(minutes=3)
"""Twice the time any sender may run: a message still `sending` after it has nobody behind it any more."""
SETTLED_WITHIN = timedelta(minutes=30)
"""How long the mail service's word is waited for before a message of unknown fate is sent once more."""
LOST = "lost"
"""What an event carries that comes again because an answer was lost."""


class MessageState(StrEnum):
    """How far a message got."""

    SENDING = "sending"
    WAITING = "waiting"
    """Not handed over yet: the mail service did not take it, or it is quiet time. To be tried again."""
    ACCEPTED = "accepted"
    """The mail service took it. Nothing is called sent before."""
    DELIVERED = "delivered"
    """The reader's mail server took it."""
    FAILED = "failed"
    """Accepted, but not delivered: it bounced, or was rejected."""
    UNKNOWN = "unknown"
    """The mail service's answer was lost: it may or may not have gone."""
    LOST = "lost"
    """Its answer was lost, the mail service said nothing in time, and it is not tried any more."""
    REFUSED = "refused"
    """The mail service will never take it as it is: a matter for the desk."""
    MERGED = "merged"
    """Told in another message: `told_in`."""
    SUPERSEDED = "superseded"
    """Not sent, because there is nothing to say any more: paid, over, or out of date."""
    UNADDRESSED = "unaddressed"
    """Not sent, because nobody or no usable contact was found."""
    UNWANTED = "unwanted"
    """Not sent, because the tenant wants no reminders while nothing is late."""
    WITHHELD = "withheld"
    """Not sent, because its person had all the one-time codes of an hour."""


OPEN = (MessageState.SENDING, MessageState.WAITING, MessageState.UNKNOWN)
"""From which a message may still become something else by our own doing."""


class Failure(StrEnum):
    """Why an accepted message was not delivered."""

    BOUNCE = "bounce"
    REJECTED = "rejected"
    """The mail service found a virus in it, or could not render it."""


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
    event: Event | None = None
    """What calls for it, where it can be called for again: in a while, or by another channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message's record, for who looks it up later."""

    message_id: str
    kind: str
    channel: Channel
    state: MessageState
    cause: dict[str, str]
    lease_id: str | None
    created_at: datetime
    accepted_at: datetime | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: Failure | None = None
    complained_at: datetime | None = None
    sent_again_at: datetime | None = None
    """Set where it was handed over twice, because the first answer was lost."""
    told_in: str | None = None
    """The id of the message that says it too, where it was merged."""
    provider_message_id: str | None = None
    event: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A message that is to be looked at again at a time."""

    message_id: str
    at: datetime
    announce: dict[str, str]
    """The event that calls for it, as a queue carries it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages, newest first, and where to go on (None at the end)."""

    messages: list[SentMessage]
    next: str | None


@dataclass(frozen=True, slots=True)
class Messages:
    """The messages of the operations table."""

    table: Table

    def begin(self, message: Message, now: datetime, merged: Sequence[str] = ()) -> bool:
        """Claims a message before the mail service is called; False when it has been dealt with.

        With it end those that wait and are said in it (`merged`, by id). Raises StillSending, also where one
        of those waits no more. Normally one write; one more read or write when an earlier try left its trace.
        """
        claim = Put(
            table=self.table.name, item=_item(message, MessageState.SENDING, now), condition=NOT_THERE
        )
        endings = [self._merging(one, message.message_id, now) for one in merged]
        try:
            self._together(claim, endings)
        except ConditionFailed as failure:
            if not failure.failed(0):
                raise StillSending from failure
            return self._resume(message, failure.items[0] or {}, now, endings)
        return True

    def _merging(self, message_id: str, told_in: str, now: datetime) -> Update:
        return Update(
            table=self.table.name,
            key=keys.message(message_id),
            expression="SET #state = :merged, told_in = :told_in, changed_at = :now ADD version :one",
            condition="#state = :waiting",
            names={"#state": "state"},
            values={
                ":merged": MessageState.MERGED.value,
                ":waiting": MessageState.WAITING.value,
                ":told_in": told_in,
                ":now": now.isoformat(),
                ":one": 1,
            },
        )

    def _together(self, claim: Put | Update, endings: Sequence[Update]) -> None:
        if endings:
            transact(self.table.client, [claim, *endings])
        else:
            self.table.write(claim)

    def skip(self, message: Message, state: MessageState, now: datetime) -> bool:
        """Records that a message is not sent, or not yet, unless it already has a record.

        True where it had been tried and waited: that has come to its end.
        """
        try:
            self.table.put(_item(message, state, now), unless_exists=True)
        except ConditionFailed as failure:
            return self._end(message, failure.items[0] or {}, state, now)
        return False

    def _end(self, message: Message, found: Item, state: MessageState, now: datetime) -> bool:
        """Of a message that has a record and is not sent now: none stays open without anybody behind it."""
        if state is MessageState.WAITING:
            return False
        since = datetime.fromisoformat(found["sending_since"])
        match found["state"]:
            case MessageState.WAITING:
                self.settle(message, state, now)
            case MessageState.SENDING if now >= since + LOST_AFTER:
                self.lost(message, now, since=since)
            case MessageState.UNKNOWN if now >= since + SETTLED_WITHIN:
                self.settle(message, MessageState.LOST, now)
        return bool(found["state"] == MessageState.WAITING)

    def end(self, message: Message, state: MessageState, now: datetime) -> bool:
        """As `skip`, of a message that has a record; none is made."""
        found = self.table.get(keys.message(message.message_id))
        return found is not None and self._end(message, found, state, now)

    def give_back(self, message: Message, now: datetime) -> bool:
        """Ends the wait of a message whose step was given back: another event may call for it again, or none.

        True where it had waited. One write.
        """
        try:
            self.table.update(
                keys.message(message.message_id),
                "SET #state = :superseded, given_back = :yes, changed_at = :now ADD version :one",
                condition="#state = :waiting",
                names={"#state": "state"},
                values={
                    ":superseded": MessageState.SUPERSEDED.value,
                    ":waiting": MessageState.WAITING.value,
                    ":yes": True,
                    ":now": now.isoformat(),
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return False
        return True

    def accepted(self, message: Message, channel: Channel, provider_message_id: str, now: datetime) -> None:
        """The service of a channel took it, under its own id; its word may have been here before."""
        changes = "channel = :channel, provider_message_id = :provider, accepted_at = :now"
        values = {":channel": channel.value, ":provider": provider_message_id, ":now": now.isoformat()}
        self._advance(message.message_id, MessageState.ACCEPTED, changes, values)

    def settle(self, message: Message, state: MessageState, now: datetime) -> None:
        """Ends this try in a state other than accepted; one that was accepted meanwhile stays so."""
        try:
            self.table.update(
                keys.message(message.message_id),
                "SET #state = :state, changed_at = :now ADD version :one",
                condition="#state IN (:sending, :waiting, :unknown)",
                names={"#state": "state"},
                values={":state": state.value, ":now": now.isoformat(), ":one": 1, **_OPEN},
            )
        except ConditionFailed:
            return

    def lost(self, message: Message, now: datetime, *, since: datetime | None = None) -> None:
        """The service's answer was lost: unknown, and looked at again once its word should have come."""
        if message.event is not None:
            again = replace(message.event, data={**message.event.data, LOST: "yes"})
            self.put_off(message, again, (since or now) + SETTLED_WITHIN)
        self.settle(message, MessageState.UNKNOWN, now)

    def is_lost(self, message_id: str, now: datetime) -> bool:
        """Whether a message was lost twice, and its second answer's word should have come. One read."""
        found = self.table.get(keys.message(message_id))
        return (
            found is not None
            and found["state"] == MessageState.UNKNOWN
            and "sent_again_at" in found
            and now >= datetime.fromisoformat(found["sending_since"]) + SETTLED_WITHIN
        )

    # --- What the mail service tells later

    def told_accepted(self, message_id: str, at: datetime, provider_message_id: str) -> None:
        """The service says that it took a message."""
        changes = (
            "accepted_at = if_not_exists(accepted_at, :now), "
            "provider_message_id = if_not_exists(provider_message_id, :provider)"
        )
        values = {":now": at.isoformat(), ":provider": provider_message_id}
        self._advance(message_id, MessageState.ACCEPTED, changes, values)

    def told_delivered(self, message_id: str, at: datetime) -> None:
        """The service delivered it. What bounced all the same stays failed, whichever word came first."""
        changes = (
            "delivered_at = if_not_exists(delivered_at, :now), accepted_at = if_not_exists(accepted_at, :now)"
        )
        values = {":now": at.isoformat()}
        self._advance(message_id, MessageState.DELIVERED, changes, values)

    def told_failed(self, message_id: str, at: datetime, failure: Failure) -> None:
        """The service could not deliver it."""
        changes = (
            "failed_at = if_not_exists(failed_at, :now), failure = if_not_exists(failure, :failure), "
            "accepted_at = if_not_exists(accepted_at, :now)"
        )
        values = {":now": at.isoformat(), ":failure": failure.value}
        self._advance(message_id, MessageState.FAILED, changes, values)

    def told_of_complaint(self, message_id: str, at: datetime) -> None:
        """Its reader called it unwanted, so it was delivered."""
        changes = (
            "complained_at = if_not_exists(complained_at, :now), "
            "delivered_at = if_not_exists(delivered_at, :now), accepted_at = if_not_exists(accepted_at, :now)"
        )
        self._advance(message_id, MessageState.DELIVERED, changes, {":now": at.isoformat()})

    def _advance(self, message_id: str, state: MessageState, changes: str, values: Mapping[str, Any]) -> None:
        """Notes what became of a message; its state only ever goes forward. Nothing for an unknown one."""
        before = {f":{one}": one.value for one in _BEFORE[state]}
        names = {"#state": "state"}
        try:
            self.table.update(
                keys.message(message_id),
                f"SET #state = :state, {changes} ADD version :one",
                condition=f"#state IN ({', '.join(before)})",
                names=names,
                values={**values, **before, ":state": state.value, ":one": 1},
            )
        except ConditionFailed:
            self._note(message_id, changes, values)

    def _note(self, message_id: str, changes: str, values: Mapping[str, Any]) -> None:
        try:
            self.table.update(
                keys.message(message_id),
                f"SET {changes} ADD version :one",
                condition="attribute_exists(pk)",
                values={**values, ":one": 1},
            )
        except ConditionFailed:
            return  # forgotten meanwhile, or none of ours

    # --- What is looked at again

    def put_off(self, message: Message, event: Event, until: datetime) -> None:
        """Lets an event come again at a time. One write; the last time asked for counts."""
        self.table.put(
            {
                **keys.message_again(message.message_id),
                "gsi1pk": keys.messages_again(),
                "gsi1sk": until.isoformat(),
                "message_id": message.message_id,
                "event": event.announcement(),
                "version": 1,
            }
        )

    def due_again(self, now: datetime) -> Iterator[Again]:
        """What is to be looked at by `now`, the longest waiting first; read from the index, page by page."""
        start: Key | None = None
        while True:
            due = now.isoformat()
            page = self.table.query(keys.messages_again(), index=keys.GSI1, up_to=due, start=start)
            for item in page.items:
                yield Again(
                    message_id=item["message_id"],
                    at=datetime.fromisoformat(item["gsi1sk"]),
                    announce=item["event"],
                )
            if page.next is None:
                return
            start = page.next

    def looked_at_again(self, again: Again) -> None:
        """Ends the wait, unless it was asked for anew meanwhile."""
        key = keys.message_again(again.message_id)
        try:
            self.table.write(
                Delete(
                    table=self.table.name,
                    key=key,
                    condition="gsi1sk = :at",
                    values={":at": again.at.isoformat()},
                )
            )
        except ConditionFailed:
            return

    # --- Reads

    def get(self, message_id: str) -> SentMessage | None:
        """A message's record, or None."""
        item = self.table.get(keys.message(message_id))
        return _sent(item) if item else None

    def some(self, message_ids: Sequence[str]) -> list[SentMessage | None]:
        """Their records, in the order asked, None where there is none. One read; none for nothing."""
        found = same_table(self.table, [keys.message(one) for one in message_ids])
        return [_sent(item) if item else None for item in found]

    def of_lease(self, lease_id: str, *, after: str | None = None, limit: int = 50) -> MessagePage:
        """What was sent about a lease, newest first. One read of the index."""
        partition = keys.messages_of_lease(lease_id)
        start: Key | None = None
        if after:
            start = {"gsi1pk": partition, "gsi1sk": after, **keys.message(after.rpartition("#")[2])}
        page = self.table.query(partition, index=keys.GSI1, forward=False, limit=limit, start=start)
        return MessagePage(
            messages=[_sent(item) for item in page.items], next=page.next["gsi1sk"] if page.next else None
        )

    def _resume(self, message: Message, found: Item, now: datetime, endings: Sequence[Update]) -> bool:
        match found.get("state"):
            case MessageState.WAITING:
                return self._claim_again(message, found, now, endings)
            case MessageState.SUPERSEDED if "given_back" in found:
                return self._claim_again(message, found, now, endings)
            case MessageState.UNKNOWN:
                return self._send_again(message, found, now, endings)
            case MessageState.SENDING:
                return self._take_over(message, found, now)
        return False

    def _take_over(self, message: Message, found: Item, now: datetime) -> bool:
        """Of a sender that may still be at work, or died after the call."""
        since = datetime.fromisoformat(found["sending_since"])
        if now < since + LOST_AFTER:
            raise StillSending
        if message.may_repeat:
            return self._claim_again(message, found, now)
        self.lost(message, now, since=since)
        return False

    def _send_again(self, message: Message, found: Item, now: datetime, endings: Sequence[Update]) -> bool:
        """Once, under the same reference, when the service's word has been waited for long enough."""
        since = datetime.fromisoformat(found["sending_since"])
        if message.event is None or "sent_again_at" in found or now < since + SETTLED_WITHIN:
            return False
        return self._claim_again(message, found, now, endings, ", sent_again_at = :now")

    def _claim_again(
        self, message: Message, found: Item, now: datetime, endings: Sequence[Update] = (), more: str = ""
    ) -> bool:
        sets = f"#state = :sending, sending_since = :now{more}"
        event = {":event": message.event.announcement()} if message.event else {}
        if event:  # what calls for it now may tell of another paper than what did at first
            sets += ", event = :event"
        claim = Update(
            table=self.table.name,
            key=keys.message(message.message_id),
            expression=f"SET {sets} REMOVE given_back ADD version :one",
            condition="version = :version",
            names={"#state": "state"},
            values={
                ":sending": MessageState.SENDING.value,
                ":now": now.isoformat(),
                ":one": 1,
                ":version": found["version"],
                **event,
            },
        )
        try:
            self._together(claim, endings)
        except ConditionFailed as failure:
            raise StillSending from failure
        return True


_OPEN = {f":{state}": state.value for state in OPEN}
_BEFORE = {
    MessageState.ACCEPTED: (*OPEN, MessageState.LOST),
    MessageState.DELIVERED: (*OPEN, MessageState.LOST, MessageState.ACCEPTED),
    MessageState.FAILED: (*OPEN, MessageState.LOST, MessageState.ACCEPTED, MessageState.DELIVERED),
}
"""The states that each of these may follow; words of the mail service come in any order."""
_MOMENTS = ("accepted_at", "delivered_at", "failed_at", "complained_at", "sent_again_at")


def _sent(item: Item) -> SentMessage:
    moments = {name: datetime.fromisoformat(item[name]) for name in _MOMENTS if name in item}
    return SentMessage(
        message_id=item["message_id"],
        kind=item["kind"],
        channel=Channel(item["channel"]),
        state=MessageState(item["state"]),
        cause=item["cause"],
        lease_id=item.get("lease_id"),
        created_at=datetime.fromisoformat(item["created_at"]),
        failure=Failure(item["failure"]) if "failure" in item else None,
        provider_message_id=item.get("provider_message_id"),
        told_in=item.get("told_in"),
        event=Event.of(item["event"]) if "event" in item else None,
        **moments,
    )


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
        "event": message.event.announcement() if message.event else None,
        "version": 1,
    }
    if message.lease_id:
        item |= {
            "gsi1pk": keys.messages_of_lease(message.lease_id),
            "gsi1sk": f"{now.isoformat()}#{message.message_id}",
        }
    return item
