"""What staff follow up: tasks, what was sent to a tenant, the reminders to come, arrears by age."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Depends, Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from sesame.domain.arrears import Age, Arrears
from sesame.domain.tenancy import Channel
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Language, Shown, Source, StrictModel, csv_file, wants_csv
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.arrears import ArrearsByAge, ResidenceArrears, arrears_csv
from sesame.services.arrears_chart import arrears_svg
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.reminder_preview import ReminderPreview
from sesame.services.residence_day import OwedLastNight, ResidenceDay, ResidenceDays, Waiting
from sesame.services.sent_messages import SentMessages
from sesame.services.staff import Staff, named_staff, staff_dependency
from sesame.services.tasks import DeskTasks, TaskClosed
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.messages import Failure, Messages, MessageState, SentMessage
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table
from sesame.store.tasks import Task, TaskKind, TaskOutcome, Tasks
from sesame.store.wishes import Wishes


class FollowUpSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    pepper_secret: str


class TaskShown(Shown):
    """Something to see to. `outcome` is null while it is open."""

    task_id: str
    kind: TaskKind
    residence_id: str
    lease_id: str | None
    raised_at: datetime
    details: dict[str, str]
    outcome: TaskOutcome | None
    closed_at: datetime | None


class TaskList(Shown):
    """What is open, the oldest first. Where `next` is given, ask again with it as `after`."""

    tasks: list[TaskShown]
    next: str | None


class TaskResolution(StrictModel):
    """How it ended; `contact_works` lets the contact be written to again."""

    outcome: TaskOutcome


class MessageShown(Shown):
    """A message, how far it got, and when: `provider_message_id` is the mail service's receipt for it.

    One that was `merged` was said in another one, `told_in`.
    """

    message_id: str
    kind: str
    channel: Channel
    state: MessageState
    about: dict[str, str]
    created_at: datetime
    accepted_at: datetime | None
    delivered_at: datetime | None
    failed_at: datetime | None
    failure: Failure | None
    complained_at: datetime | None
    sent_again_at: datetime | None
    told_in: str | None
    provider_message_id: str | None


class MessageList(Shown):
    """Newest first. Where `next` is given, ask again with it as `after`."""

    messages: list[MessageShown]
    next: str | None


class ReminderToCome(Shown):
    """`channel` is null where the tenant wants none of this kind (`unwanted`) or cannot be reached."""

    lease_id: str
    room: str
    tenant_reference: str
    step: str
    period: str
    unpaid_cents: int
    channel: Channel | None
    unwanted: bool


class ReminderPreviewShown(Shown):
    """What would go that day, as things stand. On a day that is not `open` nothing goes."""

    day: date
    open: bool
    reminders: list[ReminderToCome]
    more: bool


class ArrearsShown(Shown):
    """Cents by days overdue."""

    currency: str = "EUR"
    up_to_30_cents: int
    up_to_60_cents: int
    up_to_90_cents: int
    over_90_cents: int
    total_cents: int
    oldest_due_on: date | None


class LeaseArrearsShown(ArrearsShown):
    """Those of a lease."""

    lease_id: str
    room: str
    tenant_reference: str


class ResidenceArrearsShown(ArrearsShown):
    """Those of a residence on a day of its calendar, and of each lease, the most owed first."""

    day: date
    leases: list[LeaseArrearsShown]


class WaitingShown(Shown):
    """How many wait, and since when the oldest does. With `more` at least so many."""

    count: int
    more: bool
    oldest_at: datetime | None


class TasksWaitingShown(WaitingShown):
    """By kind, too."""

    by_kind: dict[TaskKind, int]


class MoveShown(Shown):
    """Whose first or last day it is, and the room that they take or leave."""

    lease_id: str
    room: str


class DayMovesShown(Shown):
    """Who comes and who leaves on a day, by room."""

    day: date
    arrivals: list[MoveShown]
    departures: list[MoveShown]


class ArrearsLastNightShown(ArrearsShown):
    """Late today of what was unpaid at `as_of`; `leases` is how many are in arrears."""

    leases: int
    as_of: datetime


class ResidenceDayShown(Shown):
    """A residence's day. `days` is today and the next seven. `arrears` is null until its first night."""

    residence_id: str
    day: date
    days: list[DayMovesShown]
    threads: WaitingShown
    tasks: TasksWaitingShown
    flagged_documents: WaitingShown
    refunds: WaitingShown
    flagged_payments: WaitingShown
    arrears: ArrearsLastNightShown | None


settings = FollowUpSettings.from_env()
dynamodb = client("dynamodb")
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
operations = Table(dynamodb, settings.operations_table)
leases = DeskLeases(identity)
tasks = DeskTasks(
    tasks=Tasks(operations),
    leases=leases,
    wishes=Wishes(identity),
    audit=Audit(operations),
    deeds=Deeds(
        pepper=Pepper(Secrets(client("secretsmanager")), settings.pepper_secret),
        clock=utc_now,
        random=token_bytes,
    ),
    clock=utc_now,
)
messages = SentMessages(leases=leases, messages=Messages(operations))
preview = ReminderPreview(identity=identity, accounts=Accounts(money), clock=utc_now)
by_age = ArrearsByAge(identity=identity, money=money, clock=utc_now)
days = ResidenceDays(
    identity=identity,
    money=money,
    documents=Table(dynamodb, settings.documents_table),
    operations=operations,
    clock=utc_now,
)
NamedStaff = Annotated[Staff, Depends(named_staff)]
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
After = Annotated[str | None, Query(max_length=80)]
api = Api()


@api.get(
    "/v1/desk/tasks",
    summary="What the staff of a residence should see to",
    errors=[Invalid, Forbidden, NotFound],
    security="staff",
)
def open_tasks(
    staff: CurrentStaff, residence_id: Annotated[str, Query(max_length=64)], after: After = None
) -> TaskList:
    """Open ones, fifty at a time."""
    page = tasks.open_in(staff, residence_id, after=after)
    return TaskList(tasks=[_task(one) for one in page.tasks], next=page.next)


@api.post(
    "/v1/desk/tasks/<task_id>/resolution",
    summary="Say how a task ended",
    errors=[Forbidden, NotFound, TaskClosed],
    security="staff",
)
def resolve(task_id: Id, body: TaskResolution, staff: CurrentStaff, network: Source) -> TaskShown:
    """The same again changes nothing."""
    return _task(tasks.resolve(staff, task_id, body.outcome, network=network))


@api.get(
    "/v1/desk/leases/<lease_id>/messages",
    summary="What was sent to a tenant, when, with proof",
    errors=[Forbidden, NotFound, Invalid],
    security="staff",
)
def messages_of_lease(lease_id: Id, staff: CurrentStaff, after: After = None) -> MessageList:
    """Without their text, which is not kept; one-time codes are not among them."""
    page = messages.of(staff, lease_id, after=after)
    return MessageList(messages=[_message(one) for one in page.messages], next=page.next)


@api.get(
    "/v1/desk/residences/<residence_id>/reminder-preview",
    summary="The reminders of tomorrow, or of another day",
    errors=[Forbidden, NotFound],
    security="staff",
)
def reminder_preview(residence_id: str, staff: CurrentStaff, day: date | None = None) -> ReminderPreviewShown:
    """By the planner's own decision; nothing is written."""
    found = preview.of(staff, residence_id, day)
    return ReminderPreviewShown(
        day=found.day,
        open=found.open,
        reminders=[
            ReminderToCome(
                lease_id=one.lease.lease_id,
                room=one.lease.room,
                tenant_reference=one.lease.tenant_reference,
                step=one.step,
                period=one.period,
                unpaid_cents=one.unpaid_cents,
                channel=one.channel,
                unwanted=one.unwanted,
            )
            for one in found.reminders
        ],
        more=found.more,
    )


@api.get(
    "/v1/desk/residences/<residence_id>/arrears",
    summary="A residence's arrears by age",
    errors=[Forbidden, NotFound],
    security="staff",
)
def residence_arrears(
    residence_id: str,
    request: Request,
    staff: CurrentStaff,
    language: Language,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Response[ResidenceArrearsShown | str]:
    """Overdue 0 to 30, 31 to 60, 61 to 90 days and more; `?format=csv` or `Accept: text/csv` for a file."""
    found = by_age.of(staff, residence_id)
    if wants_csv(request, format):
        return csv_file(arrears_csv(found, language), f"arrears-{found.day}.csv")
    return Response(status_code=200, content_type="application/json", body=_arrears(found))


@api.get(
    "/v1/desk/residences/<residence_id>/arrears/chart",
    summary="A picture of a residence's arrears by age",
    errors=[Forbidden, NotFound],
    security="staff",
)
def arrears_chart(residence_id: str, staff: CurrentStaff, language: Language) -> Response[str]:
    """SVG, in the caller's language, for light and dark."""
    picture = arrears_svg(by_age.of(staff, residence_id), language)
    return Response(status_code=200, content_type="image/svg+xml", body=picture)


@api.get(
    "/v1/desk/residences/<residence_id>/day",
    summary="A residence's day: who comes and leaves, what waits, what is owed",
    errors=[Forbidden, NotFound],
    security="staff",
)
def residence_day(residence_id: str, staff: NamedStaff) -> ResidenceDayShown:
    """For managers. What is owed is what was unpaid last night; everything else is as it stands."""
    return _day(days.of(staff, residence_id))


def _day(found: ResidenceDay) -> ResidenceDayShown:
    return ResidenceDayShown(
        residence_id=found.residence_id,
        day=found.day,
        days=[
            DayMovesShown(
                day=day,
                arrivals=[MoveShown(lease_id=one.lease_id, room=one.room) for one in moves if one.arrives],
                departures=[
                    MoveShown(lease_id=one.lease_id, room=one.room) for one in moves if not one.arrives
                ],
            )
            for day, moves in found.moves.items()
        ],
        threads=WaitingShown(**_waiting(found.threads)),
        tasks=TasksWaitingShown(**_waiting(found.tasks), by_kind=dict(found.tasks_by_kind)),
        flagged_documents=WaitingShown(**_waiting(found.flagged_documents)),
        refunds=WaitingShown(**_waiting(found.refunds)),
        flagged_payments=WaitingShown(**_waiting(found.flagged_payments)),
        arrears=_owed(found.arrears) if found.arrears else None,
    )


def _waiting(found: Waiting) -> dict[str, Any]:
    return {"count": found.count, "more": found.more, "oldest_at": found.oldest_at}


def _owed(found: OwedLastNight) -> ArrearsLastNightShown:
    return ArrearsLastNightShown(**_ages(found.arrears), leases=found.leases, as_of=found.as_of)


def _task(one: Task) -> TaskShown:
    return TaskShown(
        task_id=one.task_id,
        kind=one.kind,
        residence_id=one.residence_id,
        lease_id=one.lease_id,
        raised_at=one.raised_at,
        details=dict(one.details),
        outcome=one.outcome,
        closed_at=one.closed_at,
    )


def _message(one: SentMessage) -> MessageShown:
    about = {name: value for name, value in one.cause.items() if name not in {"lease_id", "event_id"}}
    return MessageShown(
        message_id=one.message_id,
        kind=one.kind,
        channel=one.channel,
        state=one.state,
        about=about,
        created_at=one.created_at,
        accepted_at=one.accepted_at,
        delivered_at=one.delivered_at,
        failed_at=one.failed_at,
        failure=one.failure,
        complained_at=one.complained_at,
        sent_again_at=one.sent_again_at,
        told_in=one.told_in,
        provider_message_id=one.provider_message_id,
    )


def _ages(owed: Arrears) -> dict[str, Any]:
    return {
        "up_to_30_cents": owed.by_age[Age.UP_TO_30],
        "up_to_60_cents": owed.by_age[Age.UP_TO_60],
        "up_to_90_cents": owed.by_age[Age.UP_TO_90],
        "over_90_cents": owed.by_age[Age.OVER_90],
        "total_cents": owed.total_cents,
        "oldest_due_on": owed.oldest_due_on,
    }


def _arrears(found: ResidenceArrears) -> ResidenceArrearsShown:
    return ResidenceArrearsShown(
        **_ages(found.total),
        day=found.day,
        leases=[
            LeaseArrearsShown(
                **_ages(one.arrears),
                lease_id=one.lease.lease_id,
                room=one.lease.room,
                tenant_reference=one.lease.tenant_reference,
            )
            for one in found.leases
        ],
    )


handler = api.handler
