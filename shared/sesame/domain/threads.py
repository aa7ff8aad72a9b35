"""The talk between a tenant and those who manage the residence: threads of messages about one thing each.

A thread waits while the tenant has written and nobody has answered; who answers, closes or reopens it moves
it on by a table. A repair asked for in one has states of its own (`repairs`). Times are aware UTC.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sesame.domain.allowances import Allowance
from sesame.domain.attachments import Side
from sesame.domain.repairs import Repair, RepairStep

MAX_BODY = 4_000
MAX_SUBJECT = 120
POSTS_ALLOWED = (
    Allowance(most=20, within=timedelta(hours=1)),
    Allowance(most=60, within=timedelta(days=1)),
)
"""What a tenant may write, over all of a lease's threads."""


class ThreadCategory(StrEnum):
    """What a thread is about."""

    RENT = "rent"
    DOCUMENTS = "documents"
    ROOM = "room"
    """The room and what is to be repaired in it."""
    RENEWAL = "renewal"
    OTHER = "other"


_YEAR = timedelta(days=365)
KEPT_FOR: Mapping[ThreadCategory, timedelta] = {
    ThreadCategory.RENT: 5 * _YEAR,
    ThreadCategory.ROOM: 5 * _YEAR,
    ThreadCategory.DOCUMENTS: 2 * _YEAR,
    ThreadCategory.RENEWAL: 2 * _YEAR,
    ThreadCategory.OTHER: _YEAR,
}
"""How long each message is kept after it was written, and a thread after its last one. Rent and repairs are
what disputes are about (Code civil, article 2224: five years); the rest has served its purpose."""

EVIDENCE = frozenset({ThreadCategory.RENT, ThreadCategory.ROOM})
"""What an erasure leaves until its time is over, as proof."""


class ThreadState(StrEnum):
    """Whose turn it is."""

    WAITING = "waiting"
    """For an answer of the staff."""
    ANSWERED = "answered"
    CLOSED = "closed"


class ThreadEvent(StrEnum):
    """What moves a thread on."""

    TENANT_WROTE = "tenant_wrote"
    STAFF_WROTE = "staff_wrote"
    CLOSED = "closed"
    TENANT_REOPENED = "tenant_reopened"
    STAFF_REOPENED = "staff_reopened"


TRANSITIONS: Mapping[tuple[ThreadState, ThreadEvent], ThreadState] = {
    (ThreadState.WAITING, ThreadEvent.TENANT_WROTE): ThreadState.WAITING,
    (ThreadState.WAITING, ThreadEvent.STAFF_WROTE): ThreadState.ANSWERED,
    (ThreadState.WAITING, ThreadEvent.CLOSED): ThreadState.CLOSED,
    (ThreadState.ANSWERED, ThreadEvent.TENANT_WROTE): ThreadState.WAITING,
    (ThreadState.ANSWERED, ThreadEvent.STAFF_WROTE): ThreadState.ANSWERED,
    (ThreadState.ANSWERED, ThreadEvent.CLOSED): ThreadState.CLOSED,
    (ThreadState.CLOSED, ThreadEvent.TENANT_WROTE): ThreadState.WAITING,
    (ThreadState.CLOSED, ThreadEvent.STAFF_WROTE): ThreadState.ANSWERED,
    (ThreadState.CLOSED, ThreadEvent.TENANT_REOPENED): ThreadState.WAITING,
    (ThreadState.CLOSED, ThreadEvent.STAFF_REOPENED): ThreadState.ANSWERED,
}
"""What a thread becomes. Anything else leaves it as it is: closing what is closed changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one side wrote. Messages are never changed. `number` counts from 1 within the thread."""

    thread_id: str
    number: int
    at: datetime
    side: Side
    author: str
    """The person's or the member of staff's id."""
    body: str
    """Plain text, never HTML; empty only where there is a file or a step of a repair."""
    attachments: tuple[str, ...] = ()
    step: RepairStep | None = None
    """What it did to the repair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation of a lease, without its messages."""

    thread_id: str
    lease_id: str
    residence_id: str
    person_id: str
    category: ThreadCategory
    subject: str
    created_at: datetime
    created_by: Side
    last_at: datetime
    state: ThreadState
    messages: int = 0
    last_by: Mapping[Side, int] = field(default_factory=dict)
    """The number of each side's last message."""
    read_by: Mapping[Side, int] = field(default_factory=dict)
    """Up to which message each side has read the other's; the staff as a whole."""
    waiting_since: datetime | None = None
    """When the oldest unanswered message was written."""
    first_answer_at: datetime | None = None
    """When the staff first answered what a tenant began."""
    assigned_to: str | None = None
    closed_at: datetime | None = None
    closed_by: Side | None = None
    told: bool = False
    """Whether the tenant was told by e-mail of what they have not read yet: once is enough."""
    repair: Repair | None = None
    version: int = 0

    @property
    def first_answer_seconds(self) -> int | None:
        """How long the tenant waited for the first answer; None while there is none, or staff began."""
        if self.first_answer_at is None:
            return None
        return round((self.first_answer_at - self.created_at).total_seconds())

    @property
    def keep_until(self) -> datetime:
        """When it is forgotten."""
        return self.last_at + KEPT_FOR[self.category]

    def unread(self, side: Side) -> bool:
        """Whether the other side has written something that this one has not read."""
        return self.last_by.get(_OTHER[side], 0) > self.read_by.get(side, 0)

    def is_read(self, message: Message) -> bool:
        """Whether the side it was written to has read it."""
        return self.read_by.get(_OTHER[message.side], 0) >= message.number


_OTHER = {Side.TENANT: Side.STAFF, Side.STAFF: Side.TENANT}
_WROTE = {Side.TENANT: ThreadEvent.TENANT_WROTE, Side.STAFF: ThreadEvent.STAFF_WROTE}
_REOPENED = {Side.TENANT: ThreadEvent.TENANT_REOPENED, Side.STAFF: ThreadEvent.STAFF_REOPENED}


def wrote(thread: Thread, side: Side, at: datetime, *, seen: int | None = None) -> Thread:
    """The thread with one more message of a side.

    `seen` is the last message that they had before them; what the other side wrote after it is neither read
    nor answered. Without it, who writes has read what was there before.
    """
    number = thread.messages + 1
    crossed = seen is not None and seen < thread.last_by.get(_OTHER[side], 0)
    stays_waiting = crossed and side is Side.STAFF and thread.state is ThreadState.WAITING
    moved = thread if stays_waiting else _moved(thread, _WROTE[side], at)
    read_before = thread.read_by.get(side, 0)
    read_up_to = max(read_before, seen or 0) if crossed else number
    is_first_answer = (
        side is Side.STAFF and thread.created_by is Side.TENANT and thread.first_answer_at is None
    )
    return replace(
        moved,
        messages=number,
        last_at=max(at, thread.last_at),
        last_by={**thread.last_by, side: number},
        read_by={**thread.read_by, side: read_up_to},
        first_answer_at=at if is_first_answer else thread.first_answer_at,
        told=side is Side.STAFF or (crossed and thread.told),
        closed_at=None,
        closed_by=None,
    )


def tells_tenant(before: Thread, after: Thread) -> bool:
    """Whether a change is one that the tenant is told of by e-mail."""
    return after.told and not before.told


def read(thread: Thread, side: Side, up_to: int) -> Thread:
    """The thread as read by a side up to a message; never less than it was."""
    number = max(thread.read_by.get(side, 0), min(up_to, thread.messages))
    after = replace(thread, read_by={**thread.read_by, side: number})
    return replace(after, told=False) if side is Side.TENANT and not after.unread(side) else after


def closed(thread: Thread, side: Side, at: datetime) -> Thread:
    """The thread closed by a side; as it is where it was closed before."""
    if thread.state is ThreadState.CLOSED:
        return thread
    return replace(_moved(thread, ThreadEvent.CLOSED, at), closed_at=at, closed_by=side)


def reopened(thread: Thread, side: Side, at: datetime) -> Thread:
    """The thread open again, waiting where it was the tenant who opened it; as it is where it was open."""
    if thread.state is not ThreadState.CLOSED:
        return thread
    return replace(_moved(thread, _REOPENED[side], at), closed_at=None, closed_by=None)


def _moved(thread: Thread, event: ThreadEvent, at: datetime) -> Thread:
    state = TRANSITIONS.get((thread.state, event), thread.state)
    since = None
    if state is ThreadState.WAITING:
        since = thread.waiting_since or at
    return replace(thread, state=state, waiting_since=since)


# --- Words

_FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
"""Control characters but for the line feed, and what turns the direction of text round."""
_LINE_ENDS = re.compile("\r\n|[\r\u2028\u2029]")


class WordsRefused(ValueError):
    """A text that cannot be taken: `control_characters`, or `string_too_long`."""


def plain_text(typed: str, *, most: int, one_line: bool = False) -> str:
    """A text as it is kept: Unicode in its normal form (NFC), lines ended by line feeds, no blanks around it.

    Raises WordsRefused for control characters, what is no text at all, and more than `most` characters.
    """
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", typed)).replace("\t", " ").strip()
    if one_line:
        text = " ".join(text.split())
    if _FORBIDDEN.search(text) or any(unicodedata.category(one) == "Cs" for one in text):
        raise WordsRefused("control_characters")
    if len(text) > most:
        raise WordsRefused("string_too_long")
    return text
