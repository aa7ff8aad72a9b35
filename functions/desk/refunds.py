"""Accountants decide on refunds: what waits in a residence, yes or no."""

from datetime import datetime
from secrets import token_bytes
from typing import Annotated

from aws_lambda_powertools.event_handler import Depends
from pydantic import Field

from sesame.domain.payments import CURRENCY
from sesame.domain.refunds import Refund, RefundState, RefusalReason
from sesame.platform.aws import client
from sesame.platform.clock import utc_now
from sesame.platform.errors import Forbidden, Invalid, NotFound, Unavailable
from sesame.platform.http import Api, Id, Shown, Source, StrictModel
from sesame.platform.secrets import Pepper, Secrets
from sesame.providers.registry import ProviderSettings, Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.refunds import (
    NotThatMuchCredit,
    PaymentsHoldTooLittle,
    ProviderRefusedRefund,
    RefundDecided,
    RefundDesk,
    RefundWaits,
)
from sesame.services.staff import Staff, staff_dependency
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.staff import StaffDirectory
from sesame.store.table import Table


class DeskRefundsSettings(ProviderSettings):
    """What this function is given."""

    identity_table: str
    money_table: str
    operations_table: str
    pepper_secret: str


class Refusal(StrictModel):
    """Why not; the tenant sees it."""

    reason: RefusalReason


class Approval(StrictModel):
    """To another account: the reference of the transfer that was ordered. Else nothing."""

    transfer_reference: Annotated[str, Field(min_length=1, max_length=35)] | None = None


class RefundToDecide(Shown):
    """A request. `iban` and `holder` in full, for the transfer; without them it goes back as it came."""

    refund_id: str
    lease_id: str
    state: RefundState
    amount_cents: int
    currency: str = CURRENCY
    requested_at: datetime
    not_before: datetime
    decided_at: datetime | None
    refused_because: RefusalReason | None
    iban: str | None
    holder: str | None
    transfer_reference: str | None


class RefundsToDecide(Shown):
    """What is open in a residence, the oldest first; `approved` ones wait to be asked for again."""

    refunds: list[RefundToDecide]


settings = DeskRefundsSettings.from_env()
dynamodb = client("dynamodb")
identity, money = Table(dynamodb, settings.identity_table), Table(dynamodb, settings.money_table)
secrets = Secrets(client("secretsmanager"))
desk = RefundDesk(
    money=money,
    leases=DeskLeases(identity),
    audit=Audit(Table(dynamodb, settings.operations_table)),
    deeds=Deeds(pepper=Pepper(secrets, settings.pepper_secret), clock=utc_now, random=token_bytes),
    bookkeeping=Bookkeeping(Accounts(money), utc_now),
    registry=Registry.of(settings, secrets),
    clock=utc_now,
)
CurrentStaff = Annotated[Staff, Depends(staff_dependency(StaffDirectory(identity)))]
api = Api()


@api.get(
    "/v1/desk/residences/<residence_id>/refunds",
    summary="Refunds that wait",
    errors=[Forbidden, NotFound],
    security="staff",
)
def waiting(residence_id: str, staff: CurrentStaff) -> RefundsToDecide:
    """For accountants."""
    return RefundsToDecide(refunds=[_view(one) for one in desk.open_in(staff, residence_id)])


@api.post(
    "/v1/desk/leases/<lease_id>/refunds/<refund_id>/approval",
    summary="Give a refund",
    errors=[
        Forbidden,
        NotFound,
        RefundDecided,
        RefundWaits,
        NotThatMuchCredit,
        PaymentsHoldTooLittle,
        Invalid,
        ProviderRefusedRefund,
        Unavailable,
    ],
    security="staff",
)
def approve(
    lease_id: Id, refund_id: Id, body: Approval, staff: CurrentStaff, network: Source
) -> RefundToDecide:
    """Asked again after a failure it goes on, and gives nothing twice."""
    reference = body.transfer_reference
    return _view(desk.approve(staff, lease_id, refund_id, transfer_reference=reference, network=network))


@api.post(
    "/v1/desk/leases/<lease_id>/refunds/<refund_id>/refusal",
    summary="Refuse a refund",
    errors=[Forbidden, NotFound, RefundDecided],
    security="staff",
)
def refuse(
    lease_id: Id, refund_id: Id, body: Refusal, staff: CurrentStaff, network: Source
) -> RefundToDecide:
    """With a reason."""
    return _view(desk.refuse(staff, lease_id, refund_id, body.reason, network=network))


def _view(refund: Refund) -> RefundToDecide:
    return RefundToDecide(
        refund_id=refund.refund_id,
        lease_id=refund.lease_id,
        state=refund.state,
        amount_cents=refund.amount_cents,
        requested_at=refund.requested_at,
        not_before=refund.not_before,
        decided_at=refund.decided_at,
        refused_because=refund.refused_because,
        iban=refund.iban,
        holder=refund.holder,
        transfer_reference=refund.transfer_reference,
    )


handler = api.handler
