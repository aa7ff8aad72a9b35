"""Tenants write to those who manage their residence: threads, files, repairs."""

from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends
from pydantic import Field

from sesame.domain.attachments import Side
from sesame.domain.repairs import RepairEvent
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound, TooManyRequests
from sesame.platform.http import Api, Id, Shown, StrictModel
from sesame.platform.settings import Settings
from sesame.services.attachment_views import (
    AttachmentBegun,
    AttachmentRequest,
    AttachmentShown,
    AttachmentWithLink,
    begun,
    shown_attachment,
    with_link,
)
from sesame.services.attachments import AttachmentDesk, NotAttachable
from sesame.services.idempotency import KeyReused
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.thread_views import (
    Before,
    Body,
    IdempotencyKey,
    MessageBody,
    ReadBody,
    ReplyBody,
    StateBody,
    ThreadBody,
    ThreadMessageShown,
    ThreadShown,
    shown_message,
    shown_thread,
)
from sesame.services.threads import (
    Author,
    NotARepair,
    NothingSaid,
    Place,
    Posted,
    RepairMove,
    RepairStepRefused,
    Talk,
    Topic,
    Words,
)
from sesame.store.attachments import Attachments
from sesame.store.sessions import Sessions
from sesame.store.table import Table
from sesame.store.threads import Threads


class MessagesSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    bucket: str


class RepairAnswer(StrictModel):
    """Whether what was repaired is in order; `reopen` says why in the body. `withdraw`: no longer needed."""

    event: Literal["confirm", "reopen", "withdraw"]
    body: Body = ""


class TenantThreads(Shown):
    """A lease's threads, the last written in first."""

    threads: list[ThreadShown]


class TenantThread(ThreadShown):
    """A thread with its newest messages, oldest first. Where there are older ones, give `before`."""

    shown: list[ThreadMessageShown]
    before: Annotated[int | None, Field(description="Ask with it for the messages before these.")]


class TenantPosted(Shown):
    """The message, and its thread as it is now."""

    thread: ThreadShown
    message: ThreadMessageShown


settings = MessagesSettings.from_env()
dynamodb = client("dynamodb")
documents = Table(dynamodb, settings.documents_table)
files = AttachmentDesk(
    attachments=Attachments(documents),
    s3=Later("s3"),
    bucket=settings.bucket,
    clock=utc_now,
    random=token_bytes,
)
talk = Talk(threads=Threads(documents), files=files, clock=utc_now, random=token_bytes)
check = SessionCheck(Sessions(Table(dynamodb, settings.identity_table)), utc_now)
CurrentSession = Annotated[Session, Depends(session_dependency(check))]

api = Api()


@api.get("/v1/me/messages", summary="The threads with those who manage the residence", security="session")
def my_threads(session: CurrentSession) -> TenantThreads:
    """Open and closed ones."""
    found = talk.of_lease(session.lease.lease_id)
    return TenantThreads(threads=[shown_thread(one, Side.TENANT) for one in found])


@api.post(
    "/v1/me/messages",
    status=201,
    summary="Open a thread",
    errors=[TooManyRequests, NotAttachable, NothingSaid, NotARepair, KeyReused],
    security="session",
)
def open_thread(body: ThreadBody, session: CurrentSession, idempotency_key: IdempotencyKey) -> TenantPosted:
    """With its first message. The same `Idempotency-Key` and body are the same thread for 24 hours."""
    lease = session.lease
    place = Place(lease_id=lease.lease_id, residence_id=lease.residence_id, person_id=lease.person_id)
    topic = Topic(category=body.category, subject=body.subject, repair=body.repair)
    return _posted(talk.open(_author(session), place, topic, _words(body), key=idempotency_key))


@api.get("/v1/me/messages/<thread_id>", summary="A thread", errors=[NotFound], security="session")
def my_thread(thread_id: Id, session: CurrentSession, before: Before = None) -> TenantThread:
    """Looking at it is not reading it: say so by `read`."""
    found = talk.conversation(_author(session), session.lease.lease_id, thread_id, before=before)
    return TenantThread(
        **shown_thread(found.thread, Side.TENANT).model_dump(),
        shown=[shown_message(one, found.thread, found.attachments) for one in found.messages],
        before=found.before,
    )


@api.post(
    "/v1/me/messages/<thread_id>/replies",
    status=201,
    summary="Write in a thread",
    errors=[NotFound, TooManyRequests, NotAttachable, NothingSaid, KeyReused],
    security="session",
)
def reply(
    thread_id: Id, body: ReplyBody, session: CurrentSession, idempotency_key: IdempotencyKey
) -> TenantPosted:
    """A closed thread is open again by that."""
    author, lease_id = _author(session), session.lease.lease_id
    return _posted(talk.post(author, lease_id, thread_id, _words(body), key=idempotency_key))


@api.put(
    "/v1/me/messages/<thread_id>/read",
    summary="Note that messages are read",
    errors=[NotFound],
    security="session",
)
def note_read(thread_id: Id, body: ReadBody, session: CurrentSession) -> ThreadShown:
    """Up to one of them. Never fewer than before."""
    thread = talk.read(_author(session), session.lease.lease_id, thread_id, body.number)
    return shown_thread(thread, Side.TENANT)


@api.put(
    "/v1/me/messages/<thread_id>/state",
    summary="Close a thread, or open it again",
    errors=[NotFound],
    security="session",
)
def set_thread_state(thread_id: Id, body: StateBody, session: CurrentSession) -> ThreadShown:
    """What is so already stays so."""
    change = talk.reopen if body.open else talk.close
    return shown_thread(change(_author(session), session.lease.lease_id, thread_id), Side.TENANT)


@api.post(
    "/v1/me/messages/<thread_id>/repair",
    status=201,
    summary="Confirm a repair, reopen it, or withdraw it",
    errors=[NotFound, NotARepair, RepairStepRefused, TooManyRequests, KeyReused],
    security="session",
)
def answer_repair(
    thread_id: Id, body: RepairAnswer, session: CurrentSession, idempotency_key: IdempotencyKey
) -> TenantPosted:
    """Of what the staff say is done; or `withdraw`, before. Confirmed or withdrawn, the thread is closed."""
    move = RepairMove(event=RepairEvent(body.event), today=utc_now().date())
    words = Words(body=body.body, with_step=True)
    lease_id = session.lease.lease_id
    return _posted(talk.post(_author(session), lease_id, thread_id, words, key=idempotency_key, move=move))


@api.post(
    "/v1/me/attachments",
    status=201,
    summary="Begin to send a file",
    errors=[TooManyRequests],
    security="session",
)
def begin_attachment(body: AttachmentRequest, session: CurrentSession) -> AttachmentBegun:
    """Upload it by the form given, say that it is there, then use its id in a message within a day."""
    lease = session.lease
    upload = files.begin(lease.lease_id, lease.residence_id, _author(session).uploader, body.file_name)
    return begun(upload)


@api.post(
    "/v1/me/attachments/<attachment_id>/completion",
    status=202,
    summary="Say that a file is there",
    errors=[NotFound],
    security="session",
)
def complete_attachment(attachment_id: Id, session: CurrentSession) -> AttachmentShown:
    """It is checked within seconds: ask again for its state."""
    found = files.of(session.lease.lease_id, attachment_id, Side.TENANT)
    return shown_attachment(files.uploaded(found))


@api.get("/v1/me/attachments/<attachment_id>", summary="A file", errors=[NotFound], security="session")
def my_attachment(attachment_id: Id, session: CurrentSession) -> AttachmentWithLink:
    """One's own, and those that came with messages; with its link once it was accepted."""
    found = files.of(session.lease.lease_id, attachment_id, Side.TENANT)
    return with_link(found, files.link(found))


def _author(session: Session) -> Author:
    return Author(side=Side.TENANT, id=session.person.person_id)


def _words(body: MessageBody) -> Words:
    seen = body.seen if isinstance(body, ReplyBody) else None
    return Words(body=body.body, attachments=tuple(body.attachments), seen=seen)


def _posted(posted: Posted) -> TenantPosted:
    return TenantPosted(
        thread=shown_thread(posted.thread, Side.TENANT),
        message=shown_message(posted.message, posted.thread, posted.files),
    )


handler = api.handler
