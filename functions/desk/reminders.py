"""Staff hold reminders and release them, agree payment plans, take surcharges back, see formal notices."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header, Path
from pydantic import Field

from sesame.domain.certificates import DocumentStatus, Validity
from sesame.domain.plans import MOST_INSTALMENTS, Instalment
from sesame.domain.reminders import DebtKind, HoldKind, HoldReason
from sesame.domain.takings import MOST_CENTS
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import Downloads, LeaseCancelled
from sesame.services.payment_plans import (
    CancelReason,
    NothingOwed,
    PlanDesk,
    PlanOrder,
    PlanUnderWay,
)
from sesame.services.payments import KeyReused
from sesame.services.plan_views import PlanStanding, PlanStatus
from sesame.services.reminder_desk import (
    HoldOrder,
    NotHeld,
    ReleaseReason,
    ReminderDesk,
    ReminderState,
    SurchargeReason,
)
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.payment_plans import PaymentPlans
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table

Period = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
EntryId = Annotated[str, Field(min_length=1, max_length=120, examples=["notice:2026-09"])]


class DeskRemindersSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class HoldRequest(StrictModel):
    """Why nothing more is sent, and until when: the end of that day by the residence's calendar."""

    kind: HoldKind
    reason: HoldReason
    until: date


class ReleaseRequest(StrictModel):
    """Why reminders go on before that day."""

    reason: ReleaseReason


class SurchargeReversalRequest(StrictModel):
    """Why it is taken back."""

    reason: SurchargeReason


class InstalmentItem(StrictModel):
    """A part of the debts, and the last day to pay it."""

    due_on: date
    amount_cents: Annotated[int, Field(strict=True, ge=1, le=MOST_CENTS, examples=[15000])]


class PlanRequest(StrictModel):
    """Which debts (`entry_id` of what is owed) are paid off by which instalments, in the order of days."""

    debts: tuple[EntryId, ...] = Field(min_length=1, max_length=24)
    instalments: tuple[InstalmentItem, ...] = Field(min_length=1, max_length=MOST_INSTALMENTS)


class PlanCancellation(StrictModel):
    """Why a plan is taken back."""

    reason: CancelReason


class BlockWaiver(StrictModel):
    """Why a block of renewal is taken back."""

    reason: SurchargeReason


class FormalNoticeWithdrawal(StrictModel):
    """Why a formal notice is taken back."""

    reason: SurchargeReason


class HoldShown(Shown):
    """A hold that stands."""

    kind: HoldKind
    reason: HoldReason
    until: date
    by: str
    at: datetime


class OwedShown(Shown):
    """What is owed: a debit by its `entry_id`, or an instalment of the plan by its number."""

    kind: DebtKind
    entry_id: str | None
    instalment: int | None
    period: str
    due_on: date
    unpaid_cents: int


class SurchargeAnnounced(Shown):
    """A surcharge that will apply on that day unless the debt is paid before it."""

    period: str
    on: date
    amount_cents: int
    source: str


class FormalNoticeAnnounced(Shown):
    """The formal notice that will be sent on that day unless the month is paid before it."""

    on: date
    period: str
    pay_by_days: int
    source: str


class RenewalBlockShown(Shown):
    """Renewal is blocked from `on`, null where nothing that is owed leads there, unless `cents` are paid."""

    on: date | None
    applies: bool
    amount_cents: int
    source: str
    waived: list[str]
    """The months whose being late counts no more."""


class FormalNoticeShown(Shown):
    """A formal notice: the paper's own day, number and demand. Its file is sealed at `status` ready."""

    document_id: str
    number: str
    issued_at: datetime
    period: str | None
    total_cents: int
    pay_by: date
    status: DocumentStatus
    validity: Validity
    """`revoked`: staff withdrew it; or what is owed, or the day, changed before anybody was told, and another
    took its place."""
    download_url: str | None


class RemindersShown(Shown):
    """Where reminders of a lease stand. `next_step` is what would be said if nothing changed until then."""

    currency: str = "EUR"
    owed: list[OwedShown]
    next_look_at: datetime | None
    next_step: str | None
    hold: HoldShown | None
    plan_id: str | None
    surcharges: list[SurchargeAnnounced]
    formal_notice_to_come: FormalNoticeAnnounced | None
    renewal_block: RenewalBlockShown | None
    """Null where the residence has no such rule."""
    formal_notices: list[FormalNoticeShown]


class InstalmentShown(Shown):
    """An instalment, and what is still owed of it."""

    number: int
    due_on: date
    amount_cents: int
    unpaid_cents: int


class PlanShown(Shown):
    """A payment plan. The agreement to sign has a link once its file is ready: ask again in a second."""

    plan_id: str
    status: PlanStatus
    currency: str = "EUR"
    debt_cents: int
    debts: list[str]
    instalments: list[InstalmentShown]
    agreed_on: date
    agreed_by: str
    broken_on: date | None
    corrected_at: datetime | None
    """Since when the instalments are not those agreed, as what they pay off was corrected."""
    document_id: str
    document_url: str | None


settings = DeskRemindersSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
documents = Documents(Table(dynamodb, settings.documents_table))
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
accounts, leases = Accounts(money), DeskLeases(identity)
desk = ReminderDesk(
    leases=leases,
    bookkeeping=Bookkeeping(accounts, utc_now),
    documents=documents,
    audit=audit,
    deeds=deeds,
    clock=utc_now,
)
plans = PlanDesk(
    leases=leases,
    accounts=accounts,
    plans=PaymentPlans(money),
    documents=documents,
    audit=audit,
    deeds=deeds,
    clock=utc_now,
)
downloads = Downloads(documents, Later("s3"), settings.bucket, utc_now)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
api = Api()


@api.get(
    "/v1/desk/leases/<lease_id>/reminders",
    summary="Where a lease's reminders stand",
    errors=[Forbidden, NotFound],
    security="staff",
)
def reminders(lease_id: Id, staff: CurrentStaff) -> RemindersShown:
    """What is owed, what comes next and when, what holds it, and the formal notices with their dates."""
    return _shown(desk.state(staff, lease_id))


@api.put(
    "/v1/desk/leases/<lease_id>/reminders/hold",
    summary="Hold a lease's reminders",
    errors=[Forbidden, NotFound, NothingOwed],
    security="staff",
)
def hold(lease_id: Id, body: HoldRequest, staff: CurrentStaff, network: Source) -> RemindersShown:
    """Managers hold; a tenant's dispute may be recorded by anybody at the desk. It ends by itself."""
    order = HoldOrder(kind=body.kind, reason=body.reason, until=body.until)
    return _shown(desk.hold(staff, lease_id, order, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/reminders/release",
    summary="Let a lease's reminders go on",
    errors=[Forbidden, NotFound, NotHeld],
    security="staff",
)
def release(lease_id: Id, body: ReleaseRequest, staff: CurrentStaff, network: Source) -> RemindersShown:
    """For managers. What fell due meanwhile is merged into one message, at the next allowed hour."""
    return _shown(desk.release(staff, lease_id, body.reason, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/surcharges/<period>/reversal",
    summary="Take a late surcharge back",
    errors=[Forbidden, NotFound],
    security="staff",
)
def reverse_surcharge(
    lease_id: Id, period: Period, body: SurchargeReversalRequest, staff: CurrentStaff, network: Source
) -> RemindersShown:
    """The one on a month's notice; once taken back it stays so, and asking again changes nothing."""
    return _shown(desk.reverse_surcharge(staff, lease_id, period, body.reason, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/renewal-block/waiver",
    summary="Let no month that is owed today bar a lease from renewal",
    errors=[Forbidden, NotFound, NothingOwed],
    security="staff",
)
def waive_renewal_block(
    lease_id: Id, body: BlockWaiver, staff: CurrentStaff, network: Source
) -> RemindersShown:
    """Before it applies or after. The months are still to be paid; asking again changes nothing."""
    return _shown(desk.waive_renewal_block(staff, lease_id, body.reason, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/formal-notices/<document_id>/withdrawal",
    summary="Take a formal notice back",
    errors=[Forbidden, NotFound],
    security="staff",
)
def withdraw_formal_notice(
    lease_id: Id, document_id: Id, body: FormalNoticeWithdrawal, staff: CurrentStaff, network: Source
) -> RemindersShown:
    """The paper is void from now on; what it demands is still owed. Asking again changes nothing."""
    return _shown(desk.withdraw_formal_notice(staff, lease_id, document_id, body.reason, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/payment-plan",
    status=201,
    summary="Agree a payment plan",
    errors=[Forbidden, NotFound, NothingOwed, PlanUnderWay, KeyReused, LeaseCancelled],
    security="staff",
)
def agree(
    lease_id: Id, body: PlanRequest, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> PlanShown:
    """Instalments take the place of the debts' due dates. They must add up to what is owed of the debts."""
    order = PlanOrder(
        debts=body.debts,
        instalments=tuple(
            Instalment(due_on=one.due_on, amount_cents=one.amount_cents) for one in body.instalments
        ),
    )
    return _plan(plans.agree(staff, lease_id, order, key=idempotency_key, network=network))


@api.get(
    "/v1/desk/leases/<lease_id>/payment-plan",
    summary="A lease's payment plan",
    errors=[Forbidden, NotFound],
    security="staff",
)
def lease_payment_plan(lease_id: Id, staff: CurrentStaff) -> PlanShown:
    """The last one that was agreed, with the agreement to print."""
    return _plan(plans.current(staff, lease_id))


@api.post(
    "/v1/desk/leases/<lease_id>/payment-plan/cancellation",
    summary="Take a payment plan back",
    errors=[Forbidden, NotFound],
    security="staff",
)
def cancel(lease_id: Id, body: PlanCancellation, staff: CurrentStaff, network: Source) -> PlanShown:
    """The debts are due by their own dates again, and their reminders go on."""
    return _plan(plans.cancel(staff, lease_id, body.reason, network=network))


def _shown(state: ReminderState) -> RemindersShown:
    held, formal, block = state.hold, state.formal_notice_to_come, state.renewal_block
    return RemindersShown(
        owed=[
            OwedShown(
                kind=row.kind,
                entry_id=row.entry_id,
                instalment=row.instalment,
                period=row.period,
                due_on=row.due_on,
                unpaid_cents=row.unpaid_cents,
            )
            for row in state.owed
        ],
        next_look_at=state.next_look_at,
        next_step=state.next_step,
        hold=HoldShown(kind=held.kind, reason=held.reason, until=held.until, by=held.by, at=held.at)
        if held
        else None,
        plan_id=state.plan_id,
        surcharges=[
            SurchargeAnnounced(period=one.period, on=one.on, amount_cents=one.amount_cents, source=one.source)
            for one in state.surcharges
        ],
        formal_notice_to_come=FormalNoticeAnnounced(
            on=formal.on, period=formal.period, pay_by_days=formal.pay_by_days, source=formal.source
        )
        if formal
        else None,
        renewal_block=RenewalBlockShown(
            on=block.on,
            applies=block.applies,
            amount_cents=block.cents,
            source=block.source,
            waived=list(block.waived),
        )
        if block
        else None,
        formal_notices=[
            FormalNoticeShown(
                document_id=one.document_id,
                number=one.issue.number,
                issued_at=one.issue.at,
                period=one.period,
                total_cents=one.facts["demand"]["total_cents"],
                pay_by=date.fromisoformat(one.facts["demand"]["pay_by"]),
                status=one.status,
                validity=one.validity,
                download_url=downloads.url(one),
            )
            for one in state.formal_notices
        ],
    )


def _plan(plan: PlanStanding) -> PlanShown:
    record = plan.record
    download = downloads.of(record.document_id)
    return PlanShown(
        plan_id=record.plan_id,
        status=plan.status,
        debt_cents=plan.debt_cents,
        debts=list(plan.debts),
        instalments=[
            InstalmentShown(
                number=one.number,
                due_on=one.instalment.due_on,
                amount_cents=one.instalment.amount_cents,
                unpaid_cents=one.unpaid_cents,
            )
            for one in plan.instalments
        ],
        agreed_on=record.agreed_on,
        agreed_by=record.agreed_by,
        broken_on=plan.broken_on,
        corrected_at=plan.corrected_at,
        document_id=record.document_id,
        document_url=download.url,
    )


handler = api.handler
