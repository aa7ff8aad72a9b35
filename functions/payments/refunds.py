"""Tenants ask for credit back, by the way it came or to another account, and see what becomes of it."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from pydantic import AfterValidator, Field

from sesame.domain.payments import CURRENCY
from sesame.domain.refunds import Refund, RefundState, RefusalReason, masked_iban, read_iban
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import NotFound
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.platform.settings import Settings
from sesame.services.accounts import Bookkeeping
from sesame.services.confirming import Confirming
from sesame.services.refunds import (
    NotThatMuchCredit,
    OnlyToAnAccount,
    RefundDecided,
    RefundRequests,
    RefundUnderWay,
    ToAccount,
    Wish,
)
from sesame.services.sessions import Session, SessionCheck, session_dependency
from sesame.services.step_up import NotConfirmed, StepUp
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.challenges import Challenges
from sesame.store.pacing import Pacing
from sesame.store.sessions import Sessions
from sesame.store.table import Table

_MOST_CENTS = 100_000_00


class RefundsSettings(Settings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str


def _iban(typed: str) -> str:
    iban = read_iban(typed)
    if iban is None:
        raise ValueError("not an IBAN")
    return iban


class AccountBody(StrictModel):
    """Another account, and the fresh one-time code (purpose `refund`) that confirms it."""

    iban: Annotated[str, Field(min_length=15, max_length=42), AfterValidator(_iban)]
    holder: Annotated[str, Field(min_length=1, max_length=70)]
    confirmation_id: Annotated[str, Field(min_length=1, max_length=64)]
    otp: Annotated[str, Field(min_length=1, max_length=40)]


class RefundBody(StrictModel):
    """How much, all the credit without it; of one payment where that is named; to an account where given."""

    amount_cents: Annotated[int, Field(strict=True, ge=1, le=_MOST_CENTS, examples=[4500])] | None = None
    payment_id: Annotated[str, Field(min_length=1, max_length=26)] | None = None
    to: AccountBody | None = None


class RefundView(Shown):
    """A request. To another account it is decided no earlier than `not_before`; `iban` is masked."""

    refund_id: str
    state: RefundState
    amount_cents: int
    currency: str = CURRENCY
    requested_at: datetime
    not_before: datetime
    decided_at: datetime | None
    refused_because: RefusalReason | None
    iban: str | None


class RefundList(Shown):
    """The requests, newest first."""

    refunds: list[RefundView]


settings = RefundsSettings.from_env()
dynamodb = client("dynamodb")
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
pepper = Pepper(Secrets(client("secretsmanager")), settings.pepper_secret)
audit = Audit(Table(dynamodb, settings.operations_table))
confirming = Confirming(Challenges(identity), Pacing(identity), audit, pepper, token_bytes)
refunds = RefundRequests(
    money=money,
    audit=audit,
    bookkeeping=Bookkeeping(Accounts(money), utc_now),
    step_up=StepUp(confirming, utc_now, token_bytes),
    clock=utc_now,
    random=token_bytes,
)
CurrentSession = Annotated[Session, Depends(session_dependency(SessionCheck(Sessions(identity), utc_now)))]
api = Api()


@api.post(
    "/v1/me/refunds",
    status=201,
    summary="Ask for credit back",
    errors=[NotThatMuchCredit, OnlyToAnAccount, RefundUnderWay, NotFound, NotConfirmed],
    security="session",
)
def ask(body: RefundBody, session: CurrentSession, source: Source) -> RefundView:
    """One request at a time. To another account every contact is told, and it waits 24 hours."""
    wish = Wish(amount_cents=body.amount_cents, payment_id=body.payment_id)
    to = ToAccount(**body.to.model_dump()) if body.to else None
    return _view(refunds.ask(session, wish, to, source=source))


@api.get("/v1/me/refunds", summary="The refund requests", security="session")
def listed(session: CurrentSession) -> RefundList:
    """Newest first, each as far as it is."""
    return RefundList(refunds=[_view(one) for one in refunds.of_lease(session.lease.lease_id)])


@api.delete(
    "/v1/me/refunds/<refund_id>",
    status=204,
    summary="Take a refund request back",
    errors=[NotFound, RefundDecided],
    security="session",
)
def cancel(refund_id: Id, session: CurrentSession, source: Source) -> None:
    """While it is not decided."""
    refunds.cancel(session, refund_id, source=source)


def _view(refund: Refund) -> RefundView:
    return RefundView(
        refund_id=refund.refund_id,
        state=refund.state,
        amount_cents=refund.amount_cents,
        requested_at=refund.requested_at,
        not_before=refund.not_before,
        decided_at=refund.decided_at,
        refused_because=refund.refused_because,
        iban=masked_iban(refund.iban) if refund.iban else None,
    )


handler = api.handler
