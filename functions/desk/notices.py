"""Staff look at a lease's rent notices, have missing ones issued, add a line to the next, or credit one."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header, Path
from pydantic import Field

from sesame.domain.journal import Entry, EntryKind
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_notices import (
    MOST_CENTS,
    AdjustmentOrder,
    AdjustmentReason,
    MoreThanCharged,
    NoNextNotice,
    NoticeDesk,
    TooManyAdjustments,
)
from sesame.services.payments import KeyReused
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts, AskedAdjustment, IssuedNotice, Journal
from sesame.store.audit import Audit
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table

Period = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Label = Annotated[str, Field(min_length=3, max_length=80, pattern=r"\S", examples=["Remplacement de clé"])]


class DeskNoticesSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str


class AdjustmentRequest(StrictModel):
    """A line for the next notice: cents, below zero for a reduction. The tenant reads the label."""

    amount_cents: Annotated[int, Field(strict=True, ge=-MOST_CENTS, le=MOST_CENTS, examples=[1500])]
    reason: AdjustmentReason
    label: Label


class CreditNoteRequest(StrictModel):
    """What of a notice is taken back, and why. The tenant reads the label."""

    amount_cents: Annotated[int, Field(strict=True, ge=1, le=MOST_CENTS, examples=[5000])]
    reason: AdjustmentReason
    label: Label


class AdjustmentShown(Shown):
    """Where it `waits`, it is on the next notice; else it was charged at once, by itself."""

    adjustment_id: str
    amount_cents: int
    currency: str = "EUR"
    label: str
    reason: str
    asked_at: datetime
    asked_by: str
    waits: bool


class CreditNoteShown(Shown):
    """What a credit note took off a notice: a part, or all of it where the notice was withdrawn."""

    credit_note_id: str
    period: str
    amount_cents: int
    currency: str = "EUR"
    issued_at: datetime
    label: str | None
    withdraws: bool


class NoticeLineShown(Shown):
    """An amount of a notice, and the days it is for."""

    kind: str
    starts_on: date
    ends_on: date
    amount_cents: int
    room: str | None
    label: str | None


class DeskNotice(Shown):
    """A rent notice as it was issued. A withdrawn one stands no more."""

    period: str
    number: int
    starts_on: date
    ends_on: date
    issued_at: datetime
    due_on: date
    amount_cents: int
    withdrawn: bool
    lines: list[NoticeLineShown]


class LeaseNotices(Shown):
    """All notices of a lease and what corrects them, oldest first; `waiting` goes onto the next."""

    notices: list[DeskNotice]
    credit_notes: list[CreditNoteShown]
    adjustments: list[AdjustmentShown]
    waiting_cents: int
    balance_cents: int
    currency: str = "EUR"


class LeaseBilled(Shown):
    """How many notices were missing and are out now."""

    issued: int


settings = DeskNoticesSettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity = Table(dynamodb, settings.identity_table)
desk = NoticeDesk(
    leases=DeskLeases(identity),
    books=Bookkeeping(Accounts(Table(dynamodb, settings.money_table)), utc_now),
    audit=Audit(Table(dynamodb, settings.operations_table)),
    deeds=Deeds(pepper=pepper, clock=utc_now, random=token_bytes),
    clock=utc_now,
)
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
api = Api()


@api.get(
    "/v1/desk/leases/<lease_id>/notices",
    summary="A lease's rent notices, and what corrected them",
    errors=[Forbidden, NotFound],
    security="staff",
)
def notices(lease_id: Id, staff: CurrentStaff) -> LeaseNotices:
    """Withdrawn ones too: nothing is ever edited or removed."""
    return _notices(desk.journal(staff, lease_id))


@api.post(
    "/v1/desk/leases/<lease_id>/notices",
    summary="Issue the rent notices that a lease lacks",
    errors=[Forbidden, NotFound],
    security="staff",
)
def bill(lease_id: Id, staff: CurrentStaff, network: Source) -> LeaseBilled:
    """As the daily run would, and the same notices; said again, none."""
    return LeaseBilled(issued=desk.bill(staff, lease_id, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/adjustments",
    status=201,
    summary="Add a line to the next rent notice",
    errors=[Forbidden, NotFound, Invalid, KeyReused, TooManyAdjustments, NoNextNotice],
    security="staff",
)
def adjust(
    lease_id: Id,
    body: AdjustmentRequest,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> AdjustmentShown:
    """Where no notice is to come a charge is entered by itself. The same key and body are the same line."""
    if not body.amount_cents:
        raise Invalid(
            detail_fr="Le montant ne peut être nul.",
            detail_en="The amount cannot be zero.",
            errors=[{"field": "amount_cents"}],
        )
    order = AdjustmentOrder(amount_cents=body.amount_cents, reason=body.reason, label=body.label.strip())
    return _adjustment(desk.adjust(staff, lease_id, order, key=idempotency_key, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/notices/<period>/credit-notes",
    status=201,
    summary="Take back a part of a month's rent notice",
    errors=[Forbidden, NotFound, KeyReused, MoreThanCharged],
    security="staff",
)
def credit(
    lease_id: Id,
    period: Period,
    body: CreditNoteRequest,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> CreditNoteShown:
    """What was paid beyond what is left becomes credit, and receipts of the month are void."""
    order = AdjustmentOrder(amount_cents=body.amount_cents, reason=body.reason, label=body.label.strip())
    return _credit_note(desk.credit(staff, lease_id, period, order, key=idempotency_key, network=network))


def _notices(journal: Journal) -> LeaseNotices:
    standing = [_notice(one, withdrawn=False) for one in journal.notices]
    withdrawn = [_notice(one, withdrawn=True) for one in journal.withdrawn]
    account = journal.account
    return LeaseNotices(
        notices=sorted([*standing, *withdrawn], key=lambda one: (one.period, one.number)),
        credit_notes=[
            _credit_note(entry)
            for entry in sorted(journal.entries, key=lambda entry: entry.position)
            if entry.kind is EntryKind.CREDIT_NOTE
        ],
        adjustments=[_adjustment(one) for one in sorted(journal.asked, key=lambda one: one.asked_at)],
        waiting_cents=sum(one.amount_cents for one in account.adjustments) if account else 0,
        balance_cents=account.checkpoint.balance_cents if account else 0,
    )


def _notice(one: IssuedNotice, *, withdrawn: bool) -> DeskNotice:
    notice = one.notice
    return DeskNotice(
        period=notice.period,
        number=notice.number,
        starts_on=notice.starts_on,
        ends_on=notice.ends_on,
        issued_at=one.issued_at,
        due_on=notice.due_on,
        amount_cents=notice.amount_cents,
        withdrawn=withdrawn,
        lines=[
            NoticeLineShown(
                kind=line.kind.value,
                starts_on=line.starts_on,
                ends_on=line.ends_on,
                amount_cents=line.amount_cents,
                room=line.room or None,
                label=line.label or None,
            )
            for line in notice.lines
        ],
    )


def _credit_note(entry: Entry) -> CreditNoteShown:
    return CreditNoteShown(
        credit_note_id=entry.entry_id,
        period=entry.period or "",
        amount_cents=-entry.amount_cents,
        issued_at=entry.effective_at,
        label=entry.label,
        withdraws=entry.withdraws,
    )


def _adjustment(asked: AskedAdjustment) -> AdjustmentShown:
    return AdjustmentShown(
        adjustment_id=asked.adjustment.adjustment_id,
        amount_cents=asked.adjustment.amount_cents,
        label=asked.adjustment.label,
        reason=asked.reason,
        asked_at=asked.asked_at,
        asked_by=asked.by,
        waits=asked.waits,
    )


handler = api.handler
