"""How threads and messages are asked for and shown over HTTP, to both sides."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from sesame.domain.attachments import Attachment, Side
from sesame.domain.repairs import DeclineReason, RepairState, RepairStep
from sesame.domain.threads import (
    MAX_BODY,
    MAX_SUBJECT,
    Message,
    Thread,
    ThreadCategory,
    ThreadState,
    WordsRefused,
    plain_text,
)
from sesame.platform.http import Shown, StrictModel
from sesame.services.attachment_views import AttachmentIds, AttachmentShown, shown_attachment

IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
Before = Annotated[int | None, Query(ge=2, le=1_000_000)]


def _text(typed: str, *, most: int, one_line: bool = False) -> str:
    try:
        return plain_text(typed, most=most, one_line=one_line)
    except WordsRefused as refused:
        # the kinds that the platform has words for
        raise PydanticCustomError(str(refused), "refused") from refused


def _body(typed: str) -> str:
    return _text(typed, most=MAX_BODY)


def _subject(typed: str) -> str:
    subject = _text(typed, most=MAX_SUBJECT, one_line=True)
    if not subject:
        raise PydanticCustomError("string_too_short", "refused")
    return subject


Body = Annotated[str, Field(max_length=2 * MAX_BODY), AfterValidator(_body)]
"""Plain text, 4,000 characters at most: what looks like HTML is shown as it is written."""
Subject = Annotated[
    str,
    Field(min_length=1, max_length=2 * MAX_SUBJECT, examples=["Fuite sous l'évier"]),
    AfterValidator(_subject),
]


class MessageBody(StrictModel):
    """What is written, and files begun before."""

    body: Body = ""
    attachments: AttachmentIds = Field(default=[])


class ReplyBody(MessageBody):
    """One more message. `seen`: the number of the last one that was shown, so that what the other side wrote
    meanwhile stays unread and waits for its answer."""

    seen: Annotated[int, Field(ge=0)] | None = None


class ThreadBody(MessageBody):
    """A new thread. `repair` asks for one: in the category `room` only."""

    category: ThreadCategory
    subject: Subject
    repair: bool = False


class ReadBody(StrictModel):
    """Up to which message."""

    number: Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class StateBody(StrictModel):
    """Whether the thread is to be open."""

    open: bool


class RepairStepShown(Shown):
    """A step of a repair. `on` is the day it is scheduled for, at the residence."""

    state: RepairState
    at: datetime
    on: date | None
    reason: DeclineReason | None


class RepairShown(Shown):
    """A repair and its steps, oldest first."""

    state: RepairState
    scheduled_on: date | None
    steps: list[RepairStepShown]


class ThreadShown(Shown):
    """A thread. `unread`: the other side has written something that yours has not read."""

    thread_id: str
    category: ThreadCategory
    subject: str
    state: ThreadState
    created_at: datetime
    created_by: Side
    last_at: datetime
    messages: int
    unread: bool
    waiting_since: datetime | None
    closed_at: datetime | None
    closed_by: Side | None
    repair: RepairShown | None
    kept_until: date


class ThreadMessageShown(Shown):
    """A message. `read`: the side it was written to has read it. `step` is what it did to a repair."""

    number: int
    at: datetime
    side: Side
    body: str
    attachments: list[AttachmentShown]
    read: bool
    step: RepairStepShown | None


def shown_thread(thread: Thread, side: Side) -> ThreadShown:
    """As one of its sides sees it."""
    return ThreadShown(**thread_fields(thread, side))


def thread_fields(thread: Thread, side: Side) -> dict[str, object]:
    """What both sides are shown of a thread."""
    return {
        "thread_id": thread.thread_id,
        "category": thread.category,
        "subject": thread.subject,
        "state": thread.state,
        "created_at": thread.created_at,
        "created_by": thread.created_by,
        "last_at": thread.last_at,
        "messages": thread.messages,
        "unread": thread.unread(side),
        "waiting_since": thread.waiting_since,
        "closed_at": thread.closed_at,
        "closed_by": thread.closed_by,
        "repair": _repair(thread),
        "kept_until": thread.keep_until.date(),
    }


def shown_message(message: Message, thread: Thread, files: Mapping[str, Attachment]) -> ThreadMessageShown:
    """As both sides see it."""
    return ThreadMessageShown(**message_fields(message, thread, files))


def message_fields(message: Message, thread: Thread, files: Mapping[str, Attachment]) -> dict[str, object]:
    """What both sides are shown of a message."""
    return {
        "number": message.number,
        "at": message.at,
        "side": message.side,
        "body": message.body,
        "attachments": [shown_attachment(files[one]) for one in message.attachments if one in files],
        "read": thread.is_read(message),
        "step": _step(message.step) if message.step else None,
    }


def _repair(thread: Thread) -> RepairShown | None:
    repair = thread.repair
    if repair is None:
        return None
    return RepairShown(
        state=repair.state, scheduled_on=repair.scheduled_on, steps=[_step(one) for one in repair.steps]
    )


def _step(step: RepairStep) -> RepairStepShown:
    return RepairStepShown(state=step.state, at=step.at, on=step.on, reason=step.reason)
