"""Tenants pay: start a checkout, see what became of each payment."""

from datetime import datetime
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import Field, Json

from sesame.domain.payments import Payment, PaymentState, outcome
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Invalid, NotFound, Unavailable
from sesame.platform.http import Api, Id, Language, Shown, StrictModel
from sesame.platform.secrets import Secrets
from sesame.platform.settings import Settings
from sesame.providers.registry import Registry
from sesame.services.payments import (
    Checkouts,
    History,
    KeyReused,
    NothingToPay,
    Order,
    ProviderNotOffered,
    ProviderRefusedPayment,
    StillInFlight,
    UnknownNotice,
    WrongAmount,
)
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.store.payments import Payments
from sesame.store.sessions import Sessions
from sesame.store.table import Table

Period = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
_MOST_CENTS = 100_000_00
_OPEN = {PaymentState.CREATED, PaymentState.AWAITING_PROVIDER, PaymentState.FAILED}


class PaymentsSettings(Settings):
    """What this function is given."""

    stage: str
    identity_table: str
    money_table: str
    provider_secrets: Json[dict[str, str]]
    sandbox_url: str = ""
    portal_url: str


class CheckoutBody(StrictModel):
    """How much to pay, and, if it matters, through whom and for which notices first."""

    amount_cents: Annotated[int, Field(strict=True, ge=1, le=_MOST_CENTS, examples=[41250])]
    provider: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    notices: tuple[Period, ...] = Field(default=(), max_length=24, examples=[["2026-09"]])


class CheckoutStarted(Shown):
    """A payment that waits for the payer at `checkout_url`."""

    payment_id: str
    checkout_url: str
    state: PaymentState
    amount_cents: int
    currency: str


class PaymentView(Shown):
    """A payment. Amounts in cents; `paid_cents` is what really came."""

    payment_id: str
    state: PaymentState
    provider: str
    amount_cents: int
    paid_cents: int
    refunded_cents: int
    currency: str
    notices: list[str]
    created_at: datetime
    paid_at: datetime | None
    checkout_url: str | None
    """While it may still be paid there."""


class PaymentList(Shown):
    """Payments, newest first. Where `next` is given, ask again with it as `after`."""

    payments: list[PaymentView]
    next: str | None


settings = PaymentsSettings.from_env()
dynamodb = client("dynamodb")
money = Table(dynamodb, settings.money_table)
identity = Table(dynamodb, settings.identity_table)
checkouts = Checkouts(
    money=money,
    identity=identity,
    registry=Registry(
        stage=settings.stage,
        secrets=Secrets(client("secretsmanager")),
        secret_ids=settings.provider_secrets,
        sandbox_url=settings.sandbox_url,
    ),
    portal_url=settings.portal_url,
    clock=utc_now,
)
history = History(Payments(money))
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=255)]
api = Api()


@api.post(
    "/v1/me/payments",
    status=201,
    summary="Start a payment",
    errors=[
        NothingToPay,
        WrongAmount,
        UnknownNotice,
        ProviderNotOffered,
        KeyReused,
        StillInFlight,
        ProviderRefusedPayment,
        Unavailable,
    ],
    security="session",
)
def start(
    body: CheckoutBody, session: CurrentSession, language: Language, idempotency_key: IdempotencyKey
) -> CheckoutStarted:
    """The same `Idempotency-Key` and body give the same answer for 24 hours."""
    order = Order(amount_cents=body.amount_cents, provider=body.provider, notices=body.notices)
    started = checkouts.start(session.lease, order, key=idempotency_key, language=language)
    return CheckoutStarted.model_validate(started.item())


@api.get("/v1/me/payments", summary="The payments", errors=[NotFound, Invalid], security="session")
def payments(
    session: CurrentSession, after: Annotated[str | None, Query(max_length=26)] = None
) -> PaymentList:
    """Newest first, 20 at a time."""
    page = history.page(session.lease.lease_id, after=after)
    return PaymentList(payments=[_view(payment) for payment in page.payments], next=page.next)


@api.get("/v1/me/payments/<payment_id>", summary="A payment", errors=[NotFound], security="session")
def payment(payment_id: Id, session: CurrentSession) -> PaymentView:
    """One of the tenant's own; another's is not found."""
    return _view(history.one(session.lease.lease_id, payment_id))


def _view(payment: Payment) -> PaymentView:
    reached = outcome(payment)
    return PaymentView(
        payment_id=payment.payment_id,
        state=reached.state,
        provider=payment.provider,
        amount_cents=payment.amount_cents,
        paid_cents=reached.paid_cents,
        refunded_cents=reached.refunded_cents,
        currency=payment.currency,
        notices=list(payment.designated),
        created_at=payment.created_at,
        paid_at=reached.paid_at,
        checkout_url=payment.checkout_url if reached.state in _OPEN else None,
    )


handler = api.handler
