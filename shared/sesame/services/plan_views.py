"""A payment plan as it stands: how far it is paid, and whether it still is one."""

from dataclasses import dataclass
from datetime import date, datetime
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
    LAPSED = "lapsed"
    """What it was to pay off was withdrawn."""


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
    debts: tuple[str, ...]
    """The entries that it pays off, as they are by now."""
    instalments: tuple[InstalmentStanding, ...]
    broken_on: date | None = None
    corrected_at: datetime | None = None
    """When its instalments last ceased to be those agreed, as what it covers was corrected."""

    @property
    def debt_cents(self) -> int:
        """What its instalments come to."""
        return sum(one.instalment.amount_cents for one in self.instalments)


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
    elif carried.lapsed:
        status = PlanStatus.LAPSED
    else:
        status = PlanStatus.ACTIVE if unpaid else PlanStatus.COMPLETED
    return PlanStanding(
        record=record,
        status=status,
        debts=(carried or record).debts,
        instalments=tuple(
            InstalmentStanding(number=number, instalment=one, unpaid_cents=unpaid.get(number, 0))
            for number, one in enumerate((carried or record).instalments, start=1)
        ),
        broken_on=carried.broken_on if carried else None,
        corrected_at=carried.corrected_at if carried else None,
    )
