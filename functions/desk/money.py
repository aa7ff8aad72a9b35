"""The desk takes money and gives receipts, reverses what was wrong, keeps deposits, closes its day."""

from datetime import date, datetime
from secrets import token_bytes
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import Field

from sesame.domain.certificates import DocumentStatus
from sesame.domain.deposits import Deduction, DeductionKind, DepositReturn
from sesame.domain.payments import Flag, PaymentState
from sesame.domain.takings import MOST_CENTS, Method, Reversal, ReversalReason, Taking, TakingPurpose
from sesame.platform.aws import Later, client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.deposits import DeductionsTooHigh, DepositDesk, NothingHeld, ReturnOrder
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import (
    AlreadyReversed,
    DepositGone,
    DeskPayments,
    TakingOrder,
    Tills,
)
from sesame.services.documents import Downloads, PaymentReceipts
from sesame.services.idempotency import KeyReused
from sesame.services.online_payments import OnlinePayments
from sesame.services.payments import History, PaymentUse, UnknownNotice
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.payments import Payments
from sesame.store.people import People
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table
from sesame.store.takings import Takings, TillLine

Period = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Cents = Annotated[int, Field(strict=True, ge=1, le=MOST_CENTS, examples=[41250])]
Reference = Annotated[str, Field(max_length=40)]
AtDesk = Literal[Method.CASH, Method.CHEQUE, Method.CARD_TERMINAL, Method.TRANSFER]


class DeskMoneySettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    documents_table: str
    operations_table: str
    bucket: str
    pepper_secret: str


class PaymentReceived(StrictModel):
    """What was received, the day by the residence's calendar. Cheques and transfers have a reference."""

    kind: AtDesk
    amount_cents: Cents
    received_on: date
    reference: Reference = ""
    purpose: TakingPurpose = TakingPurpose.RENT
    notices: tuple[Period, ...] = Field(default=(), max_length=24, examples=[["2026-09"]])


class ReversalRequest(StrictModel):
    """Why it is taken back."""

    reason: ReversalReason


class ReversalShown(Shown):
    """That it was taken back: it stays on record."""

    reason: ReversalReason
    at: datetime
    by: str


class DeskPayment(Shown):
    """A payment that no provider brought. Ask for its receipt to print it."""

    payment_id: str
    kind: Method
    purpose: TakingPurpose
    amount_cents: int
    currency: str = "EUR"
    received_on: date
    reference: str | None
    notices: list[str]
    recorded_at: datetime
    recorded_by: str
    receipt: str | None
    reversal: ReversalShown | None


class LeasePayments(Shown):
    """Payments, newest first, and where the lease stands. Give `next` as `after` for more."""

    payments: list[DeskPayment]
    next: str | None
    balance_cents: int
    credit_cents: int
    deposit_held_cents: int
    currency: str = "EUR"


class OnlinePayment(Shown):
    """A payment through a provider: what was asked, and what really moved. Amounts in cents."""

    payment_id: str
    provider: str
    state: PaymentState
    flags: list[Flag]
    amount_cents: int
    paid_cents: int
    refunded_cents: int
    charged_back_cents: int
    credit_cents: int
    """What of it pays nothing yet."""
    currency: str
    notices: list[str]
    """The notices that the payer chose."""
    paid_to: dict[str, int]
    """What it pays of which notice, by its period."""
    through_link: bool
    created_at: datetime
    paid_at: datetime | None
    changed_at: datetime | None


class OnlinePaymentList(Shown):
    """Newest first. Where `next` is given, ask again with it as `after`."""

    payments: list[OnlinePayment]
    next: str | None


class ReceiptShown(Shown):
    """The receipt: ask again in a second until its status is `ready`; the link lives five minutes."""

    document_id: str
    status: DocumentStatus
    download_url: str | None


class DeductionItem(StrictModel):
    """One item kept of a deposit."""

    kind: DeductionKind
    amount_cents: Cents
    label: Annotated[str, Field(max_length=120)] = ""


class DepositReturnRequest(StrictModel):
    """How a deposit is given back: what is kept, item by item, and how the rest goes."""

    deductions: tuple[DeductionItem, ...] = Field(default=(), max_length=30)
    kind: AtDesk
    returned_on: date
    reference: Reference = ""


class DeductionShown(Shown):
    """One item kept of a deposit."""

    kind: DeductionKind
    amount_cents: int
    label: str


class DepositReturned(Shown):
    """A deposit given back: `held_cents` is the sum of what was kept and what was returned."""

    return_id: str
    held_cents: int
    deductions: list[DeductionShown]
    returned_cents: int
    currency: str = "EUR"
    kind: Method
    reference: str | None
    returned_on: date
    recorded_at: datetime
    recorded_by: str
    reversal: ReversalShown | None


class DepositShown(Shown):
    """What is held of a lease's deposit, apart from rent, and what was given back."""

    held_cents: int
    currency: str = "EUR"
    returns: list[DepositReturned]


class TillTotalShown(Shown):
    """What came and went one way of paying."""

    kind: Method
    purpose: TakingPurpose
    received_cents: int
    given_cents: int
    lines: int


class TillLineShown(Shown):
    """One movement; below zero money went out."""

    at: datetime
    kind: Method
    purpose: TakingPurpose
    amount_cents: int
    lease_id: str
    of: str
    by: str


class TillShown(Shown):
    """A residence's day, by when it was recorded: what must be in the drawer, or on the terminal's slip."""

    residence_id: str
    day: date
    currency: str = "EUR"
    totals: list[TillTotalShown]
    lines: list[TillLineShown]


settings = DeskMoneySettings.from_env()
dynamodb = client("dynamodb")
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
documents = Documents(Table(dynamodb, settings.documents_table))
audit = Audit(Table(dynamodb, settings.operations_table))
deeds = Deeds(pepper=pepper, clock=utc_now, random=token_bytes)
bookkeeping = Bookkeeping(Accounts(money), utc_now)
leases = DeskLeases(identity)
receipts = PaymentReceipts(documents)
desk = DeskPayments(
    money=money,
    leases=leases,
    bookkeeping=bookkeeping,
    receipts=receipts,
    audit=audit,
    deeds=deeds,
    clock=utc_now,
)
deposits = DepositDesk(
    money=money,
    leases=leases,
    bookkeeping=bookkeeping,
    receipts=receipts,
    audit=audit,
    deeds=deeds,
    clock=utc_now,
)
online = OnlinePayments(leases, History(Payments(money), bookkeeping))
tills = Tills(takings=Takings(money), people=People(identity, pepper), clock=utc_now)
downloads = Downloads(documents, Later("s3"), settings.bucket, utc_now)

CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
api = Api()


@api.post(
    "/v1/desk/leases/<lease_id>/payments",
    status=201,
    summary="Record a payment",
    errors=[Forbidden, NotFound, UnknownNotice, KeyReused],
    security="staff",
)
def record(
    lease_id: Id, body: PaymentReceived, staff: CurrentStaff, network: Source, idempotency_key: IdempotencyKey
) -> DeskPayment:
    """The same `Idempotency-Key` and body are the same payment, for good."""
    order = TakingOrder(
        method=body.kind,
        purpose=body.purpose,
        amount_cents=body.amount_cents,
        received_on=body.received_on,
        reference=body.reference,
        notices=body.notices,
    )
    return _payment(desk.record(staff, lease_id, order, key=idempotency_key, network=network))


@api.get(
    "/v1/desk/leases/<lease_id>/payments",
    summary="A lease's payments at the desk, its balance and deposit",
    errors=[Forbidden, NotFound],
    security="staff",
)
def payments(
    lease_id: Id, staff: CurrentStaff, after: Annotated[str | None, Query(max_length=26)] = None
) -> LeasePayments:
    """Newest first; reversed ones stay."""
    page = desk.of_lease(staff, lease_id, after=after)
    deposit, _ = deposits.of(staff, lease_id)
    account = bookkeeping.overview(lease_id)
    return LeasePayments(
        payments=[_payment(taking) for taking in page.takings],
        next=page.next,
        balance_cents=account.checkpoint.balance_cents if account else 0,
        credit_cents=account.checkpoint.credit_cents if account else 0,
        deposit_held_cents=deposit.held_cents,
    )


@api.get(
    "/v1/desk/leases/<lease_id>/online-payments",
    summary="A lease's payments through providers",
    errors=[Forbidden, NotFound],
    security="staff",
)
def online_payments(
    lease_id: Id, staff: CurrentStaff, after: Annotated[str | None, Query(max_length=26)] = None
) -> OnlinePaymentList:
    """Newest first, those that failed or wait too: for who says "I have paid"."""
    page = online.of_lease(staff, lease_id, after=after)
    return OnlinePaymentList(payments=[_online(one) for one in page.payments], next=page.next)


@api.get(
    "/v1/desk/leases/<lease_id>/payments/<payment_id>/receipt",
    summary="The receipt of a payment at the desk",
    errors=[Forbidden, NotFound],
    security="staff",
)
def receipt(lease_id: Id, payment_id: Id, staff: CurrentStaff) -> ReceiptShown:
    """To print; void once the payment is reversed."""
    taking = desk.one(staff, lease_id, payment_id)
    if taking.document_id is None or taking.reversal is not None:
        raise NotFound
    found = downloads.of(taking.document_id)
    return ReceiptShown(document_id=taking.document_id, status=found.status, download_url=found.url)


@api.post(
    "/v1/desk/leases/<lease_id>/payments/<payment_id>/reversal",
    summary="Reverse a payment",
    errors=[Forbidden, NotFound, AlreadyReversed, DepositGone],
    security="staff",
)
def reverse(
    lease_id: Id, payment_id: Id, body: ReversalRequest, staff: CurrentStaff, network: Source
) -> DeskPayment:
    """Managers and accountants; the desk what it recorded itself, the same day. Nothing is deleted."""
    return _payment(desk.reverse(staff, lease_id, payment_id, body.reason, network=network))


@api.get(
    "/v1/desk/leases/<lease_id>/deposit",
    summary="A lease's deposit",
    errors=[Forbidden, NotFound],
    security="staff",
)
def deposit(lease_id: Id, staff: CurrentStaff) -> DepositShown:
    """It is received as a payment whose purpose is `deposit`."""
    held, returns = deposits.of(staff, lease_id)
    return DepositShown(held_cents=held.held_cents, returns=[_returned(one) for one in returns])


@api.post(
    "/v1/desk/leases/<lease_id>/deposit/returns",
    status=201,
    summary="Give a deposit back",
    errors=[Forbidden, NotFound, KeyReused, NothingHeld, DeductionsTooHigh],
    security="staff",
)
def give_back(
    lease_id: Id,
    body: DepositReturnRequest,
    staff: CurrentStaff,
    network: Source,
    idempotency_key: IdempotencyKey,
) -> DepositReturned:
    """All that is held, less itemised deductions; what is kept for rent is credited to the rent account."""
    order = ReturnOrder(
        deductions=tuple(
            Deduction(kind=one.kind, amount_cents=one.amount_cents, label=one.label)
            for one in body.deductions
        ),
        method=body.kind,
        returned_on=body.returned_on,
        reference=body.reference,
    )
    return _returned(deposits.give_back(staff, lease_id, order, key=idempotency_key, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/deposit/returns/<return_id>/reversal",
    summary="Reverse the return of a deposit",
    errors=[Forbidden, NotFound, AlreadyReversed],
    security="staff",
)
def reverse_return(
    lease_id: Id, return_id: Id, body: ReversalRequest, staff: CurrentStaff, network: Source
) -> DepositReturned:
    """The deposit is held again; rent that it paid is owed again, and receipts of that rent are void."""
    return _returned(deposits.reverse(staff, lease_id, return_id, body.reason, network=network))


@api.get(
    "/v1/desk/residences/<residence_id>/till",
    summary="What a residence's desk took on a day",
    errors=[Forbidden, NotFound],
    security="staff",
)
def till(residence_id: str, staff: CurrentStaff, day: Annotated[date | None, Query()] = None) -> TillShown:
    """By kind, with reversals and deposits given back; today's where no day is given."""
    closed = tills.of(staff, residence_id, day)
    return TillShown(
        residence_id=closed.residence_id,
        day=closed.day,
        totals=[
            TillTotalShown(
                kind=one.method,
                purpose=one.purpose,
                received_cents=one.received_cents,
                given_cents=one.given_cents,
                lines=one.lines,
            )
            for one in closed.totals
        ],
        lines=[_line(line) for line in closed.lines],
    )


def _payment(taking: Taking) -> DeskPayment:
    place = f"/v1/desk/leases/{taking.lease_id}/payments/{taking.taking_id}/receipt"
    printable = taking.document_id is not None and taking.reversal is None
    return DeskPayment(
        payment_id=taking.taking_id,
        kind=taking.method,
        purpose=taking.purpose,
        amount_cents=taking.amount_cents,
        received_on=taking.received_on,
        reference=taking.reference,
        notices=list(taking.designated),
        recorded_at=taking.recorded_at,
        recorded_by=taking.recorded_by,
        receipt=place if printable else None,
        reversal=_reversal(taking.reversal),
    )


def _online(use: PaymentUse) -> OnlinePayment:
    payment, reached = use.payment, use.outcome
    return OnlinePayment(
        payment_id=payment.payment_id,
        provider=payment.provider,
        state=reached.state,
        flags=sorted(reached.flags),
        amount_cents=payment.amount_cents,
        paid_cents=reached.paid_cents,
        refunded_cents=reached.refunded_cents,
        charged_back_cents=reached.charged_back_cents,
        credit_cents=use.credit_cents,
        currency=payment.currency,
        notices=list(payment.designated),
        paid_to=dict(use.paid_to),
        through_link=payment.link_id is not None,
        created_at=payment.created_at,
        paid_at=reached.paid_at,
        changed_at=reached.changed_at,
    )


def _returned(given: DepositReturn) -> DepositReturned:
    return DepositReturned(
        return_id=given.return_id,
        held_cents=given.held_cents,
        deductions=[
            DeductionShown(kind=one.kind, amount_cents=one.amount_cents, label=one.label)
            for one in given.deductions
        ],
        returned_cents=given.returned_cents,
        kind=given.method,
        reference=given.reference,
        returned_on=given.returned_on,
        recorded_at=given.recorded_at,
        recorded_by=given.recorded_by,
        reversal=_reversal(given.reversal),
    )


def _reversal(reversal: Reversal | None) -> ReversalShown | None:
    if reversal is None:
        return None
    return ReversalShown(reason=reversal.reason, at=reversal.at, by=reversal.by)


def _line(line: TillLine) -> TillLineShown:
    return TillLineShown(
        at=line.at,
        kind=line.method,
        purpose=line.purpose,
        amount_cents=line.amount_cents,
        lease_id=line.lease_id,
        of=line.of,
        by=line.by,
    )


handler = api.handler
