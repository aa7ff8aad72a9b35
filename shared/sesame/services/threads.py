"""Tenants and staff write to each other: threads opened, answered, read, closed, repairs moved on.

Posting is a read of all that it depends on and one transaction: one `Idempotency-Key` is one message,
a tenant writes so often only, and two who write at once both find their place.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from sesame.domain import repairs, threads
from sesame.domain.attachments import Attachment, AttachmentState, Side
from sesame.domain.repairs import OVER, DeclineReason, RepairEvent, RepairIncomplete, RepairNotMoved
from sesame.domain.threads import KEPT_FOR, POSTS_ALLOWED, Message, Thread, ThreadCategory, ThreadState
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound, TooManyRequests
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.services.attachments import AttachmentDesk, NotAttachable, Uploader
from sesame.services.idempotency import KeyReused
from sesame.services.retries import USUAL, Retries
from sesame.store import keys
from sesame.store.attachments import attachment_of
from sesame.store.table import Item, Write, same_table, transact
from sesame.store.threads import Surroundings, Threads, Written


class NothingSaid(Invalid):
    """Neither words nor a file."""

    slug = "nothing-said"
    title: ClassVar = {
        "fr": "Écrivez un message ou joignez un fichier",
        "en": "Write something or attach a file",
    }


class NotARepair(Invalid):
    """A repair is asked for in a thread about the room."""

    slug = "not-a-repair"
    title: ClassVar = {
        "fr": "Ce fil ne porte pas sur une réparation",
        "en": "This thread is not about a repair",
    }


class RepairStepRefused(Conflict):
    """Its state does not allow that."""

    slug = "repair-step-refused"
    title: ClassVar = {
        "fr": "L'état de la réparation ne le permet pas",
        "en": "The state of the repair does not allow it",
    }


class RepairUnfinished(Conflict):
    """Staff do not close a thread whose repair is neither done nor declined."""

    slug = "repair-unfinished"
    title: ClassVar = {
        "fr": "La réparation n'est ni faite ni refusée",
        "en": "The repair is neither done nor declined",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The lease that a thread belongs to."""

    lease_id: str
    residence_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What somebody writes: plain text as `plain_text` gives it, and files begun before."""

    body: str
    attachments: tuple[str, ...] = ()
    seen: int | None = None
    """The last message that was before the author; None where that is not known."""
    with_step: bool = False
    """A step of a repair needs no words."""

    def __post_init__(self) -> None:
        if not (self.body or self.attachments or self.with_step):
            raise NothingSaid
        if len(set(self.attachments)) != len(self.attachments):
            raise NotAttachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a new thread is about. A `repair` is asked for in a thread about the room."""

    category: ThreadCategory
    subject: str
    repair: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairMove:
    """A step of a repair; `today` is the residence's, `on` a day there."""

    event: RepairEvent
    today: date
    on: date | None = None
    reason: DeclineReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who writes, reads, closes: a side, and their id. `along` are writes that go with whatever they do, of a
    thread as it then is; `check` raises where the thread is not theirs."""

    side: Side
    id: str
    check: Callable[[Thread], None] = lambda _thread: None
    along: Callable[[Thread], Sequence[Write]] = lambda _thread: ()

    @property
    def uploader(self) -> Uploader:
        """The same, as who sends files."""
        return Uploader(side=self.side, id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message with its files, and its thread as it is now."""

    thread: Thread
    message: Message
    files: Mapping[str, Attachment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A thread, some of its messages (oldest first), their files, and where older ones go on."""

    thread: Thread
    messages: tuple[Message, ...]
    attachments: dict[str, Attachment]
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Both sides of the talk. A thread of another lease is not found."""

    threads: Threads
    files: AttachmentDesk
    clock: Clock
    random: Random
    retries: Retries = USUAL

    def open(self, author: Author, place: Place, topic: Topic, words: Words, *, key: str) -> Posted:
        """A new thread with its first message. Two calls.

        Raises NotARepair, TooManyRequests, NotAttachable, KeyReused.
        """
        if topic.repair and topic.category is not ThreadCategory.ROOM:
            raise NotARepair
        request = [topic.category, topic.subject, topic.repair, words.body, words.attachments]
        thread_id = new_id(self.random)

        def begun(now: datetime) -> Thread:
            waits = ThreadState.WAITING if author.side is Side.TENANT else ThreadState.ANSWERED
            return Thread(
                thread_id=thread_id,
                lease_id=place.lease_id,
                residence_id=place.residence_id,
                person_id=place.person_id,
                category=topic.category,
                subject=topic.subject,
                created_at=now,
                created_by=author.side,
                last_at=now,
                state=waits,
                repair=repairs.reported(now) if topic.repair else None,
            )

        posting = _Posting(self, author, place.lease_id, None, words, _hash(author, key), _digest(request))
        return self.retries.run(lambda: posting.once(begun, None))

    def post(
        self,
        author: Author,
        lease_id: str,
        thread_id: str,
        words: Words,
        *,
        key: str,
        move: RepairMove | None = None,
    ) -> Posted:
        """One more message, which may move a repair on; in a closed thread it opens it again. Two calls.

        Raises NotFound, TooManyRequests, NotAttachable, KeyReused, NotARepair, RepairStepRefused, Invalid.
        """
        step = [move.event, str(move.on), move.reason] if move else None
        request = [thread_id, words.body, words.attachments, step]
        digest = _digest(request)
        posting = _Posting(self, author, lease_id, thread_id, words, _hash(author, key), digest)
        return self.retries.run(lambda: posting.once(None, move))

    def conversation(
        self, author: Author, lease_id: str, thread_id: str, *, before: int | None = None
    ) -> Conversation:
        """A thread and its newest messages, or those before one. Two calls, three where there are files.

        Raises NotFound.
        """
        thread = self._own(author, lease_id, thread_id)
        page = self.threads.messages(thread_id, before=before)
        oldest = self.clock() - KEPT_FOR[thread.category]
        messages = tuple(one for one in page.messages if one.at > oldest)
        ids = list(dict.fromkeys(one for message in messages for one in message.attachments))
        return Conversation(
            thread=thread, messages=messages, attachments=self._files(lease_id, ids), before=page.before
        )

    def file(self, author: Author, lease_id: str, thread_id: str, attachment_id: str) -> Attachment:
        """A file of a thread, for who may read it. Two calls. Raises NotFound."""
        self._own(author, lease_id, thread_id)
        found = self.files.of(lease_id, attachment_id, author.side)
        if found.attached_to != thread_id:
            raise NotFound
        return found

    def of_lease(self, lease_id: str) -> list[Thread]:
        """A lease's threads, the last written in first. One call."""
        now = self.clock()
        return [one for one in self.threads.of_lease(lease_id) if one.keep_until > now]

    def read(self, author: Author, lease_id: str, thread_id: str, up_to: int) -> Thread:
        """Notes that a side has read up to a message. Two calls, one where that was so. Raises NotFound."""
        return self._changed(
            author, lease_id, thread_id, lambda thread: threads.read(thread, author.side, up_to), quiet=True
        )

    def close(self, author: Author, lease_id: str, thread_id: str) -> Thread:
        """Closes a thread. Two calls, one where it was closed. Raises NotFound, RepairUnfinished.

        A tenant who closes it asks no more for the repair in it.
        """

        def change(thread: Thread) -> Thread:
            now = self.clock()
            if thread.repair and thread.repair.state not in OVER:
                if author.side is Side.STAFF:
                    raise RepairUnfinished
                withdrawn = repairs.moved(
                    thread.repair, RepairEvent.WITHDRAW, author.side, now, today=now.date()
                )
                thread = replace(thread, repair=withdrawn)
            return threads.closed(thread, author.side, now)

        return self._changed(author, lease_id, thread_id, change)

    def reopen(self, author: Author, lease_id: str, thread_id: str) -> Thread:
        """Opens a closed thread again. Two calls, one where it was open. Raises NotFound."""
        return self._changed(
            author, lease_id, thread_id, lambda thread: threads.reopened(thread, author.side, self.clock())
        )

    def assign(self, author: Author, lease_id: str, thread_id: str, staff_id: str | None) -> Thread:
        """Says which member of staff answers it. Two calls, one where it was so. Raises NotFound."""
        return self._changed(
            author, lease_id, thread_id, lambda thread: replace(thread, assigned_to=staff_id)
        )

    def _changed(
        self,
        author: Author,
        lease_id: str,
        thread_id: str,
        change: Callable[[Thread], Thread],
        *,
        quiet: bool = False,
    ) -> Thread:
        def attempt() -> Thread:
            thread = self._own(author, lease_id, thread_id)
            after = change(thread)
            if after == thread:
                return thread
            along = () if quiet else author.along(after)
            transact(self.threads.table.client, [self.threads.saving(thread, after), *along])
            return replace(after, version=thread.version + 1)

        return self.retries.run(attempt)

    def _own(self, author: Author, lease_id: str, thread_id: str) -> Thread:
        thread = self.threads.get(lease_id, thread_id)
        if thread is None or thread.keep_until <= self.clock():
            raise NotFound
        author.check(thread)
        return thread

    def _files(self, lease_id: str, ids: Sequence[str]) -> dict[str, Attachment]:
        items = same_table(self.threads.table, [keys.attachment(lease_id, one) for one in ids])
        return _by_id(items)


@dataclass(frozen=True, slots=True)
class _Posting:
    """One message on its way into a thread, new or not."""

    talk: Talk
    author: Author
    lease_id: str
    thread_id: str | None
    words: Words
    key_hash: str
    digest: str

    def once(self, begin: Callable[[datetime], Thread] | None, move: RepairMove | None) -> Posted:
        """A read, and a transaction. Raises ConditionFailed where somebody came between."""
        now = self.talk.clock()
        store = self.talk.threads
        files = [keys.attachment(self.lease_id, one) for one in self.words.attachments]
        around = store.around(self.lease_id, self.thread_id, self.key_hash, files, now)
        if around.written is not None:
            return self._again(around.written, around)
        before = around.thread or (begin(now) if begin else None)
        if before is None or before.keep_until <= now:
            raise NotFound
        self.author.check(before)
        self._check_pace(around, now)
        number = before.messages + 1
        message = Message(
            thread_id=before.thread_id,
            number=number,
            at=now,
            side=self.author.side,
            author=self.author.id,
            body=self.words.body,
            attachments=self.words.attachments,
        )
        after = threads.wrote(before, self.author.side, now, seen=self.words.seen)
        if move is not None:
            after = self._moved(after, move, now)
            message = replace(message, step=after.repair.steps[-1] if after.repair else None)
        written = Written(thread_id=before.thread_id, number=number, fingerprint=self.digest)
        writes: list[Write] = [
            store.opening(after) if begin else store.saving(before, after),
            store.writing(message, before.category),
            store.keeping(self.lease_id, self.key_hash, written, now),
            *self._attaching(around, before.thread_id, after.keep_until),
            *self.author.along(after),
        ]
        if self.author.side is Side.TENANT:
            writes.append(store.counting(self.lease_id, around.used, now))
        transact(store.table.client, writes)
        if before.first_answer_at is None and after.first_answer_seconds is not None:
            count("FirstAnswerSeconds", after.first_answer_seconds, "Seconds")
        return Posted(
            thread=replace(after, version=before.version + 1),
            message=message,
            files={one.attachment_id: _on_its_way(one) for one in _by_id(around.others).values()},
        )

    def _again(self, written: Written, around: Surroundings) -> Posted:
        if written.fingerprint != self.digest:
            raise KeyReused
        store = self.talk.threads
        found = around.thread or store.get(self.lease_id, written.thread_id)
        message = store.message(written.thread_id, written.number)
        if found is None or message is None:
            raise NotFound
        return Posted(thread=found, message=message, files=_by_id(around.others))

    def _check_pace(self, around: Surroundings, now: datetime) -> None:
        if self.author.side is not Side.TENANT:
            return
        waits = around.used.wait(POSTS_ALLOWED, now)
        if waits > timedelta(0):
            count("MessagesTooFast")
            raise TooManyRequests(retry_after=-int(-waits.total_seconds() // 1))

    def _attaching(self, around: Surroundings, thread_id: str, keep_until: datetime) -> list[Write]:
        if not self.words.attachments:
            return []
        found = [attachment_of(item) if item else None for item in around.others]
        return self.talk.files.attaching(
            self.words.attachments, found, self.author.uploader, to=thread_id, keep_until=keep_until
        )

    def _moved(self, thread: Thread, move: RepairMove, now: datetime) -> Thread:
        if thread.repair is None:
            raise NotARepair
        try:
            repair = repairs.moved(
                thread.repair,
                move.event,
                self.author.side,
                now,
                today=move.today,
                on=move.on,
                reason=move.reason,
            )
        except RepairNotMoved as failure:
            raise RepairStepRefused(errors=[{"field": "event", "state": thread.repair.state}]) from failure
        except RepairIncomplete as failure:
            french, english = _LACKING[str(failure)]
            raise Invalid(detail_fr=french, detail_en=english, errors=[{"field": str(failure)}]) from failure
        after = replace(thread, repair=repair)
        # a tenant who says that all is well, or needs it no more, wants no answer
        ends = move.event in {RepairEvent.CONFIRM, RepairEvent.WITHDRAW}
        return threads.closed(after, self.author.side, now) if ends else after


_LACKING = {
    "on": (
        "Un rendez-vous demande un jour qui n'est pas passé, et lui seul en a un.",
        "A visit needs a day that is not past, and nothing else has one.",
    ),
    "reason": (
        "Un refus demande un motif, et lui seul en a un.",
        "A refusal needs a reason, and nothing else has one.",
    ),
}
"""What a step of a repair lacks, by its field: French and English."""


def _on_its_way(one: Attachment) -> Attachment:
    """What waited is checked once it is attached."""
    waited = one.state is AttachmentState.WAITING
    return replace(one, state=AttachmentState.CHECKING) if waited else one


def _by_id(items: Sequence[Item | None]) -> dict[str, Attachment]:
    found = [attachment_of(item) for item in items if item]
    return {one.attachment_id: one for one in found}


def _hash(author: Author, key: str) -> str:
    return sha256(f"{author.side}\x1f{author.id}\x1f{key}".encode()).hexdigest()


def _digest(request: Sequence[object]) -> str:
    return sha256(json.dumps(request).encode()).hexdigest()
