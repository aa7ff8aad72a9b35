"""A payment plan as it stands: how far it is paid, and whether it still is one."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sesame.domain.plans import Instalment
from sesame.platform.errors import NotFound
from sesame.store.accounts import Account, Accounts
from sesame.store.payment_plans import PaymentPlans, PlanRecord


class PlanStatus(StrEnum):
    """Where a plan stands."""

    ACTIVE = "active"
    COMPLETED = "completed"
    BROKEN = "broken"
    """An instalment was too late: the debts are back on the ladder."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalmentStanding:
    """An instalment, and how much of it is still owed. Cents."""

    number: int
    instalment: Instalment
    unpaid_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStanding:
    """A plan, and how far it is."""

    record: PlanRecord
    status: PlanStatus
    instalments: tuple[InstalmentStanding, ...]
    broken_on: date | None = None


@dataclass(frozen=True, slots=True)
class PlanViews:
    """Plans as they stand."""

    accounts: Accounts
    plans: PaymentPlans

    def current(self, lease_id: str) -> PlanStanding:
        """The plan that the account carries, broken and completed ones too. Raises NotFound. Two reads."""
        account = self.accounts.get(lease_id)
        record = self.plans.get(lease_id, account.plan.plan_id) if account and account.plan else None
        if account is None or record is None:
            raise NotFound(
                detail_fr="Aucun échelonnement n'a été convenu.", detail_en="No payment plan was agreed."
            )
        return standing_of(record, account)


def standing_of(record: PlanRecord, account: Account) -> PlanStanding:
    """How far a plan is, by the account that carries it."""
    plan = account.plan
    carried = plan if plan is not None and plan.plan_id == record.plan_id else None
    unpaid = {
        number: cents
        for number, _, cents in (carried.unpaid(account.checkpoint.outstanding) if carried else ())
    }
    if record.cancelled_at is not None or carried is None:
        status = PlanStatus.CANCELLED
    elif carried.broken_on is not None:
        status = PlanStatus.BROKEN
    else:
        status = PlanStatus.ACTIVE if unpaid else PlanStatus.COMPLETED
    return PlanStanding(
        record=record,
        status=status,
        instalments=tuple(
            InstalmentStanding(number=number, instalment=one, unpaid_cents=unpaid.get(number, 0))
            for number, one in enumerate(record.instalments, start=1)
        ),
        broken_on=carried.broken_on if carried else None,
    )
