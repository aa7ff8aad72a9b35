"""Threads of messages: a lease's own partition; the messages of each in one of its own; an index by residence
of those that are open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sesame.domain.attachments import Side
from sesame.domain.repairs import DeclineReason, Repair, RepairState, RepairStep
from sesame.domain.threads import (
    KEPT_FOR,
    POSTS_ALLOWED,
    Message,
    Thread,
    ThreadCategory,
    ThreadState,
    tells_tenant,
)
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.allowances import Used, used
from sesame.store.table import NOT_THERE, Delete, Item, Key, Put, Table, same_table

KEY_KEPT = timedelta(hours=24)
PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an `Idempotency-Key` stands for: a message, and the digest of the request that brought it."""

    thread_id: str
    number: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What posting a message depends on, as read at one moment."""

    thread: Thread | None
    written: Written | None
    used: Used
    others: Sequence[Item | None]
    """Other items of the same table, in the order asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Some messages, oldest first; `before` is where older ones go on, None where there are none."""

    messages: tuple[Message, ...]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPage:
    """Some of a residence's threads with their places in its order, and whether there are more."""

    threads: tuple[tuple[str, Thread], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Threads:
    """The threads of the documents table."""

    table: Table

    def get(self, lease_id: str, thread_id: str) -> Thread | None:
        """A thread of a lease, strongly consistent."""
        item = self.table.get(keys.thread(lease_id, thread_id))
        return thread_of(item) if item else None

    def of_lease(self, lease_id: str) -> list[Thread]:
        """A lease's threads, the last written in first. Pages of a query."""
        found = [thread_of(item) for item in self.table.query_all(keys.threads_of(lease_id), "THREAD#")]
        return sorted(found, key=lambda one: one.last_at, reverse=True)

    def messages(self, thread_id: str, *, before: int | None = None, limit: int = PAGE) -> MessagePage:
        """The newest messages, or those before one. One query."""
        start: Key | None = keys.thread_message(thread_id, before) if before else None
        page = self.table.query(
            keys.messages_of_thread(thread_id), "MESSAGE#", forward=False, limit=limit, start=start
        )
        messages = tuple(message_of(item) for item in reversed(page.items))
        return MessagePage(messages=messages, before=messages[0].number if page.next and messages else None)

    def message(self, thread_id: str, number: int) -> Message | None:
        """One message."""
        item = self.table.get(keys.thread_message(thread_id, number))
        return message_of(item) if item else None

    def of_residence(
        self, residence_id: str, state: ThreadState, *, after: str = "", limit: int = PAGE
    ) -> ThreadPage:
        """A residence's open threads in a state, from a place on: the longest waiting first. One query."""
        prefix = _PLACES[state]
        page = self.table.query(
            keys.threads_of_residence(residence_id),
            index=keys.GSI1,
            between=(f"{prefix}#{after}!" if after else f"{prefix}#", f"{prefix}#~"),
            limit=limit,
        )
        found = tuple((item["gsi1sk"].removeprefix(f"{prefix}#"), thread_of(item)) for item in page.items)
        return ThreadPage(threads=found, more=page.next is not None)

    def around(
        self, lease_id: str, thread_id: str | None, key_hash: str, others: Sequence[Key], now: datetime
    ) -> Surroundings:
        """What posting depends on. One strongly consistent call."""
        wanted: list[Key] = [
            keys.thread_key(lease_id, key_hash),
            keys.messages_written(lease_id),
            *([keys.thread(lease_id, thread_id)] if thread_id else []),
            *others,
        ]
        key_item, written, *rest = same_table(self.table, wanted)
        found = rest.pop(0) if thread_id else None
        return Surroundings(
            thread=thread_of(found) if found else None,
            written=_written(key_item) if key_item and key_item["expires_at"] > now.timestamp() else None,
            used=used(written),
            others=rest,
        )

    def opening(self, thread: Thread) -> Put:
        """The write of a new thread."""
        return Put(table=self.table.name, item=_item(thread, None) | {"version": 1}, condition=NOT_THERE)

    def saving(self, before: Thread, after: Thread) -> Put:
        """The write of a thread that changed, if nobody changed it since it was read."""
        return Put(
            table=self.table.name,
            item=_item(after, before) | {"version": before.version + 1},
            condition="version = :before",
            values={":before": before.version},
        )

    def writing(self, message: Message, category: ThreadCategory) -> Put:
        """The write of a message, which is never written again."""
        return Put(table=self.table.name, item=_message_item(message, category), condition=NOT_THERE)

    def keeping(self, lease_id: str, key_hash: str, written: Written, now: datetime) -> Put:
        """The write that keeps what a key stands for, for a day."""
        item = {
            **keys.thread_key(lease_id, key_hash),
            "thread_id": written.thread_id,
            "number": written.number,
            "fingerprint": written.fingerprint,
            "expires_at": int((now + KEY_KEPT).timestamp()),
        }
        return Put(
            table=self.table.name,
            item=item,
            condition=f"{NOT_THERE} OR expires_at <= :now",
            values={":now": int(now.timestamp())},
        )

    def counting(self, lease_id: str, before: Used, now: datetime) -> Put:
        """The write that counts a message of the tenant's."""
        return before.using(self.table.name, keys.messages_written(lease_id), POSTS_ALLOWED, now)

    def items_of(self, thread: Thread) -> Iterator[Key]:
        """The keys of a thread's messages, then its own: what an erasure deletes, in this order."""
        for item in self.table.query_all(keys.messages_of_thread(thread.thread_id)):
            yield {"pk": item["pk"], "sk": item["sk"]}
        yield keys.thread(thread.lease_id, thread.thread_id)

    def forget(self, key: Key) -> None:
        """Deletes one of these."""
        self.table.write(Delete(table=self.table.name, key=key))


_PLACES = {ThreadState.WAITING: "WAITING", ThreadState.ANSWERED: "ANSWERED"}


def thread_of(item: Item) -> Thread:
    """A thread's item, read."""
    return Thread(
        thread_id=item["thread_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        person_id=item["person_id"],
        category=ThreadCategory(item["category"]),
        subject=item["subject"],
        created_at=datetime.fromisoformat(item["created_at"]),
        created_by=Side(item["created_by"]),
        last_at=datetime.fromisoformat(item["last_at"]),
        state=ThreadState(item["state"]),
        messages=item["messages"],
        last_by={Side(side): number for side, number in item["last_by"].items()},
        read_by={Side(side): number for side, number in item["read_by"].items()},
        waiting_since=_moment(item, "waiting_since"),
        first_answer_at=_moment(item, "first_answer_at"),
        assigned_to=item.get("assigned_to"),
        closed_at=_moment(item, "closed_at"),
        closed_by=Side(item["closed_by"]) if "closed_by" in item else None,
        told=item["told"],
        repair=Repair(tuple(_step_of(one) for one in item["repair"])) if "repair" in item else None,
        version=item["version"],
    )


def message_of(item: Item) -> Message:
    """A message's item, read."""
    return Message(
        thread_id=item["thread_id"],
        number=item["number"],
        at=datetime.fromisoformat(item["at"]),
        side=Side(item["side"]),
        author=item["author"],
        body=item["body"],
        attachments=tuple(item.get("attachments", ())),
        step=_step_of(item["step"]) if "step" in item else None,
    )


def _item(thread: Thread, before: Thread | None) -> Item:
    item: Item = {
        **keys.thread(thread.lease_id, thread.thread_id),
        "thread_id": thread.thread_id,
        "lease_id": thread.lease_id,
        "residence_id": thread.residence_id,
        "person_id": thread.person_id,
        "category": thread.category.value,
        "subject": thread.subject,
        "created_at": thread.created_at.isoformat(),
        "created_by": thread.created_by.value,
        "last_at": thread.last_at.isoformat(),
        "state": thread.state.value,
        "messages": thread.messages,
        "last_by": _by_side(thread.last_by),
        "read_by": _by_side(thread.read_by),
        "waiting_since": _text(thread.waiting_since),
        "first_answer_at": _text(thread.first_answer_at),
        "first_answer_seconds": thread.first_answer_seconds,
        "assigned_to": thread.assigned_to,
        "closed_at": _text(thread.closed_at),
        "closed_by": thread.closed_by.value if thread.closed_by else None,
        "told": thread.told,
        "repair": [_step_item(one) for one in thread.repair.steps] if thread.repair else None,
        "expires_at": int(thread.keep_until.timestamp()),
    }
    if thread.state in _PLACES:
        since = thread.waiting_since or thread.last_at
        place = f"{since.isoformat(timespec='microseconds')}#{thread.thread_id}"
        item |= {
            "gsi1pk": keys.threads_of_residence(thread.residence_id),
            "gsi1sk": f"{_PLACES[thread.state]}#{place}",
        }
    if before is None or tells_tenant(before, thread):
        item["announce"] = _announcement(thread)
    return item


def _announcement(thread: Thread) -> dict[str, str] | None:
    if not thread.told:
        return None
    number = str(thread.last_by[Side.STAFF])
    return announcement(
        "thread.answered",
        thread.last_at,
        id=derived_id("thread.answered", thread.thread_id, number),
        lease_id=thread.lease_id,
        thread_id=thread.thread_id,
        number=number,
    )


def _message_item(message: Message, category: ThreadCategory) -> Item:
    return {
        **keys.thread_message(message.thread_id, message.number),
        "thread_id": message.thread_id,
        "number": message.number,
        "at": message.at.isoformat(),
        "side": message.side.value,
        "author": message.author,
        "body": message.body,
        "attachments": list(message.attachments) or None,
        "step": _step_item(message.step) if message.step else None,
        "expires_at": int((message.at + KEPT_FOR[category]).timestamp()),
    }


def _written(item: Item) -> Written:
    return Written(thread_id=item["thread_id"], number=item["number"], fingerprint=item["fingerprint"])


def _step_item(step: RepairStep) -> dict[str, Any]:
    return {
        "state": step.state.value,
        "at": step.at.isoformat(),
        "on": step.on.isoformat() if step.on else None,
        "reason": step.reason.value if step.reason else None,
    }


def _step_of(item: Item) -> RepairStep:
    return RepairStep(
        state=RepairState(item["state"]),
        at=datetime.fromisoformat(item["at"]),
        on=date.fromisoformat(item["on"]) if "on" in item else None,
        reason=DeclineReason(item["reason"]) if "reason" in item else None,
    )


def _by_side(numbers: Mapping[Side, int]) -> dict[str, int]:
    return {side.value: number for side, number in numbers.items()}


def _moment(item: Item, name: str) -> datetime | None:
    return datetime.fromisoformat(item[name]) if name in item else None


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
