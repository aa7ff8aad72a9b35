"""Staff read and answer what tenants of their residences write, move repairs on, and keep answers ready."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from sesame.domain.attachments import Side
from sesame.domain.canned_answers import MAX_TITLE, OPERATOR, CannedAnswer
from sesame.domain.repairs import DeclineReason, RepairEvent
from sesame.domain.tenancy import Language as SpokenLanguage
from sesame.domain.threads import Message, Thread, ThreadCategory, ThreadState
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound, TooManyRequests
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.ids import derived_id
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.attachment_views import (
    AttachmentBegun,
    AttachmentRequest,
    AttachmentWithLink,
    begun,
    with_link,
)
from sesame.services.attachments import AttachmentDesk, NotAttachable
from sesame.services.canned_answers import AnswerKeeping, TooManyAnswers
from sesame.services.deeds import Deeds
from sesame.services.desk_threads import (
    ChooseOneResidence,
    DeskTalk,
    Listed,
    RepairWish,
    UnknownColleague,
)
from sesame.services.idempotency import KeyReused
from sesame.services.staff import Staff, staff_dependency
from sesame.services.thread_views import (
    Before,
    Body,
    IdempotencyKey,
    MessageBody,
    ReadBody,
    ReplyBody,
    StateBody,
    Subject,
    ThreadBody,
    ThreadMessageShown,
    ThreadShown,
    message_fields,
    thread_fields,
)
from sesame.services.threads import (
    NotARepair,
    NothingSaid,
    Posted,
    RepairStepRefused,
    RepairUnfinished,
    Talk,
    Topic,
    Words,
)
from sesame.store.attachments import Attachments
from sesame.store.audit import Audit
from sesame.store.canned_answers import CannedAnswers
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table
from sesame.store.threads import Threads


class DeskMessagesSettings(Settings):
    """What this function is given."""

    identity_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class RepairStepBody(StrictModel):
    """A step of a repair: `schedule` takes the day (`on`), `decline` the `reason`; words if you like."""

    event: Literal["acknowledge", "schedule", "finish", "decline"]
    on: date | None = None
    reason: DeclineReason | None = None
    body: Body = ""


class AssigneeBody(StrictModel):
    """To whom; nobody by null."""

    staff_id: Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")] | None


class DeskThread(ThreadShown):
    """A thread as staff see it. Seconds until the first answer: of what a tenant began."""

    lease_id: str
    residence_id: str
    assigned_to: str | None
    first_answer_seconds: int | None


class ListedThread(DeskThread):
    """With whose it is; empty where that was erased."""

    name: str
    room: str
    language: SpokenLanguage


class WaitingThreads(Shown):
    """The longest waiting first. Where there are more, give `next` as `after`."""

    threads: list[ListedThread]
    next: str | None


class LeaseThreads(Shown):
    """All threads of a lease, the last written in first."""

    threads: list[DeskThread]


class DeskMessage(ThreadMessageShown):
    """A message, and who wrote it: a member of staff by their id."""

    author: str | None


class DeskConversation(ListedThread):
    """A thread with its newest messages, oldest first. Where there are older ones, give `before`."""

    shown: list[DeskMessage]
    before: int | None


class DeskPosted(Shown):
    """The message, and its thread as it is now."""

    thread: DeskThread
    message: DeskMessage


class AnswerWords(StrictModel):
    """The words in each language; a tenant gets French where there are none in theirs."""

    fr: Annotated[Body, Field(min_length=1)]
    en: Body = ""


class CannedAnswerBody(StrictModel):
    """An answer to keep ready: a residence's, or without one the operator's for all."""

    residence_id: Annotated[str, Field(min_length=1, max_length=250)] | None = None
    title: Annotated[Subject, Field(max_length=MAX_TITLE)]
    category: ThreadCategory | None = None
    words: AnswerWords


class CannedAnswerShown(Shown):
    """An answer kept ready."""

    answer_id: str
    residence_id: str | None
    title: str
    category: ThreadCategory | None
    words: dict[SpokenLanguage, str]
    changed_at: datetime
    changed_by: str


class CannedAnswersShown(Shown):
    """The residence's own by title, then the operator's."""

    answers: list[CannedAnswerShown]


settings = DeskMessagesSettings.from_env()
dynamodb = client("dynamodb")
identity, documents = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.documents_table)
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(
    pepper=Pepper(Secrets(client("secretsmanager")), settings.pepper_secret),
    clock=utc_now,
    random=token_bytes,
)
files = AttachmentDesk(
    attachments=Attachments(documents),
    s3=Later("s3"),
    bucket=settings.bucket,
    clock=utc_now,
    random=token_bytes,
)
directory = StaffDirectory(identity)
desk = DeskTalk(
    talk=Talk(threads=Threads(documents), files=files, clock=utc_now, random=token_bytes),
    identity=identity,
    directory=directory,
    audit=audit,
    deeds=deeds,
)
answers = AnswerKeeping(answers=CannedAnswers(documents), identity=identity, audit=audit, deeds=deeds)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(directory))]
ResidenceId = Annotated[str | None, Query(min_length=1, max_length=250)]
After = Annotated[str, Query(pattern=r"^([0-9T:.+-]{20,40}#[0-9a-z]{26})?$")]

api = Api()


@api.get(
    "/v1/desk/messages",
    summary="Threads that wait for an answer",
    errors=[Forbidden, NotFound, Invalid, ChooseOneResidence],
    security="staff",
)
def waiting_threads(
    staff: CurrentStaff,
    residence_id: ResidenceId = None,
    state: Literal["waiting", "answered"] = "waiting",
    after: After = "",
) -> WaitingThreads:
    """Of a residence, or of all that the caller sees, up to 20: the oldest unanswered first."""
    queue = desk.waiting(staff, ThreadState(state), residence_id=residence_id, after=after)
    return WaitingThreads(threads=[ListedThread(**_listed(one)) for one in queue.threads], next=queue.next)


@api.get(
    "/v1/desk/leases/<lease_id>/threads",
    summary="A lease's threads",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_threads(lease_id: Id, staff: CurrentStaff) -> LeaseThreads:
    """Closed ones too."""
    return LeaseThreads(threads=[_thread(one) for one in desk.of_lease(staff, lease_id)])


@api.post(
    "/v1/desk/leases/<lease_id>/threads",
    status=201,
    summary="Write to a tenant",
    errors=[Forbidden, NotFound, NotAttachable, NothingSaid, NotARepair, KeyReused],
    security="staff",
)
def write_to_tenant(
    lease_id: Id, body: ThreadBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> DeskPosted:
    """Opens a thread. They are told by e-mail that something came, not what."""
    topic = Topic(category=body.category, subject=body.subject, repair=body.repair)
    posted = desk.open(staff, lease_id, topic, _words(body), key=idempotency_key, network=network)
    return _posted(posted)


@api.get(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>",
    summary="A thread",
    errors=[Forbidden, NotFound],
    security="staff",
)
def desk_thread(lease_id: Id, thread_id: Id, staff: CurrentStaff, before: Before = None) -> DeskConversation:
    """Looking at it is not reading it: say so by `read`."""
    found, listed = desk.conversation(staff, lease_id, thread_id, before=before)
    return DeskConversation(
        **_listed(listed),
        shown=[
            DeskMessage(**message_fields(one, found.thread, found.attachments), author=_author(one))
            for one in found.messages
        ],
        before=found.before,
    )


@api.post(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/replies",
    status=201,
    summary="Answer",
    errors=[Forbidden, NotFound, NotAttachable, NothingSaid, KeyReused],
    security="staff",
)
def answer_thread(
    lease_id: Id,
    thread_id: Id,
    body: ReplyBody,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> DeskPosted:
    """The tenant is told by e-mail, once until they have read."""
    posted = desk.answer(staff, lease_id, thread_id, _words(body), key=idempotency_key, network=network)
    return _posted(posted)


@api.post(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/repair",
    status=201,
    summary="Move a repair on",
    errors=[Forbidden, NotFound, NotARepair, RepairStepRefused, KeyReused],
    security="staff",
)
def move_repair(
    lease_id: Id,
    thread_id: Id,
    body: RepairStepBody,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> DeskPosted:
    """Told in the thread, with words or without."""
    wish = RepairWish(event=RepairEvent(body.event), on=body.on, reason=body.reason, body=body.body)
    return _posted(desk.move_repair(staff, lease_id, thread_id, wish, key=idempotency_key, network=network))


@api.put(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/read",
    summary="Note that the staff have read",
    errors=[Forbidden, NotFound],
    security="staff",
)
def note_read(lease_id: Id, thread_id: Id, body: ReadBody, staff: CurrentStaff) -> DeskThread:
    """Up to a message, for all of them."""
    return _thread(desk.read(staff, lease_id, thread_id, body.number))


@api.put(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/state",
    summary="Close a thread, or open it again",
    errors=[Forbidden, NotFound, RepairUnfinished],
    security="staff",
)
def set_thread_state(
    lease_id: Id, thread_id: Id, body: StateBody, staff: CurrentStaff, network: Source
) -> DeskThread:
    """What is so already stays so."""
    return _thread(desk.set_state(staff, lease_id, thread_id, is_open=body.open, network=network))


@api.put(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/assignee",
    summary="Give a thread to a colleague",
    errors=[Forbidden, NotFound, UnknownColleague],
    security="staff",
)
def assign_thread(
    lease_id: Id, thread_id: Id, body: AssigneeBody, staff: CurrentStaff, network: Source
) -> DeskThread:
    """Who sees its residence; or to nobody."""
    return _thread(desk.assign(staff, lease_id, thread_id, body.staff_id, network=network))


@api.get(
    "/v1/desk/leases/<lease_id>/threads/<thread_id>/attachments/<attachment_id>",
    summary="A file of a thread",
    errors=[Forbidden, NotFound],
    security="staff",
)
def thread_file(
    lease_id: Id, thread_id: Id, attachment_id: Id, staff: CurrentStaff, network: Source
) -> AttachmentWithLink:
    """With its link once it was accepted. Who looked is kept."""
    found = desk.file(staff, lease_id, thread_id, attachment_id, network=network)
    return with_link(found, files.link(found))


@api.post(
    "/v1/desk/leases/<lease_id>/attachments",
    status=201,
    summary="Begin to send a file to a tenant",
    errors=[Forbidden, NotFound, TooManyRequests],
    security="staff",
)
def begin_desk_attachment(
    lease_id: Id, body: AttachmentRequest, staff: CurrentStaff, network: Source
) -> AttachmentBegun:
    """Upload it by the form given, then use its id in a message within a day: that has it checked."""
    return begun(desk.begin_upload(staff, lease_id, body.file_name, network=network))


@api.get(
    "/v1/desk/canned-answers",
    summary="Answers kept ready",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def canned_answers(
    staff: CurrentStaff, residence_id: Annotated[str, Query(min_length=1, max_length=250)]
) -> CannedAnswersShown:
    """A residence's own, and the operator's."""
    return CannedAnswersShown(answers=[_answer(one) for one in answers.of(staff, residence_id)])


@api.post(
    "/v1/desk/canned-answers",
    status=201,
    summary="Keep an answer ready",
    errors=[Forbidden, NotFound, TooManyAnswers],
    security="staff",
)
def keep_canned_answer(
    body: CannedAnswerBody, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> CannedAnswerShown:
    """A residence's by who manages it, the operator's by administrators. The same `Idempotency-Key` is the
    same answer."""
    answer_id = derived_id("canned_answer", staff.staff_id, idempotency_key)
    return _answer(answers.keep(staff, _canned(answer_id, body, staff), network=network))


@api.put(
    "/v1/desk/canned-answers/<answer_id>",
    summary="Change an answer",
    errors=[Forbidden, NotFound],
    security="staff",
)
def change_canned_answer(
    answer_id: Id, body: CannedAnswerBody, staff: CurrentStaff, network: Source
) -> CannedAnswerShown:
    """Of the residence that it is of, or of the operator."""
    return _answer(answers.change(staff, _canned(answer_id, body, staff), network=network))


@api.delete(
    "/v1/desk/canned-answers/<answer_id>",
    status=204,
    summary="Delete an answer",
    errors=[Forbidden, NotFound],
    security="staff",
)
def delete_canned_answer(
    answer_id: Id, staff: CurrentStaff, network: Source, residence_id: ResidenceId = None
) -> None:
    """Of a residence, or without one of the operator."""
    answers.delete(staff, residence_id or OPERATOR, answer_id, network=network)


def _words(body: MessageBody) -> Words:
    seen = body.seen if isinstance(body, ReplyBody) else None
    return Words(body=body.body, attachments=tuple(body.attachments), seen=seen)


def _fields(thread: Thread) -> dict[str, object]:
    return {
        **thread_fields(thread, Side.STAFF),
        "lease_id": thread.lease_id,
        "residence_id": thread.residence_id,
        "assigned_to": thread.assigned_to,
        "first_answer_seconds": thread.first_answer_seconds,
    }


def _thread(thread: Thread) -> DeskThread:
    return DeskThread(**_fields(thread))


def _listed(one: Listed) -> dict[str, object]:
    return {
        **_fields(one.thread),
        "name": one.person.full_name if one.person else "",
        "room": one.lease.room if one.lease else "",
        "language": one.person.language if one.person else SpokenLanguage.FRENCH,
    }


def _author(message: Message) -> str | None:
    return message.author if message.side is Side.STAFF else None


def _posted(posted: Posted) -> DeskPosted:
    fields = message_fields(posted.message, posted.thread, posted.files)
    return DeskPosted(
        thread=_thread(posted.thread), message=DeskMessage(**fields, author=_author(posted.message))
    )


def _canned(answer_id: str, body: CannedAnswerBody, staff: Staff) -> CannedAnswer:
    words = {SpokenLanguage.FRENCH: body.words.fr}
    if body.words.en:
        words[SpokenLanguage.ENGLISH] = body.words.en
    return CannedAnswer(
        answer_id=answer_id,
        owner=body.residence_id or OPERATOR,
        title=body.title,
        category=body.category,
        words=words,
        changed_at=utc_now(),
        changed_by=staff.staff_id,
    )


def _answer(one: CannedAnswer) -> CannedAnswerShown:
    return CannedAnswerShown(
        answer_id=one.answer_id,
        residence_id=None if one.owner == OPERATOR else one.owner,
        title=one.title,
        category=one.category,
        words=dict(one.words),
        changed_at=one.changed_at,
        changed_by=one.changed_by,
    )


handler = api.handler
