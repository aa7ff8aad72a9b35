"""What is agreed or demanded about a debt: the plan to pay it off, and the formal notice to pay it."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sesame.domain.certificates import Facts, Kind, Reason, Refused, Tenancy, common_facts, standing_lease
from sesame.domain.journal import Outstanding
from sesame.domain.plans import PaymentPlan
from sesame.domain.reminders import is_surcharge, month_of
from sesame.domain.standings import overdue

type Demand = dict[str, Any]
"""`as_of` and `pay_by` (ISO days), `debts`, `total_cents`: the part of a formal notice that says how much."""


def payment_plan_facts(tenancy: Tenancy, plan: PaymentPlan) -> Facts:
    """A payment-plan agreement, for both to sign. Raises Refused for a cancelled lease."""
    standing_lease(tenancy)
    return common_facts(Kind.PAYMENT_PLAN_AGREEMENT, tenancy) | {
        "plan": {
            "debt_cents": plan.debt_cents,
            "agreed_on": plan.agreed_on.isoformat(),
            "instalments": [
                {"due_on": one.due_on.isoformat(), "amount_cents": one.amount_cents}
                for one in plan.instalments
            ],
        }
    }


def demand_of(outstanding: Iterable[Outstanding], *, as_of: date, pay_by: date) -> Demand:
    """What is overdue by a day, and by when it is to be paid; no debts where nothing is."""
    if pay_by <= as_of:
        raise ValueError("a formal notice leaves time to pay")
    late = overdue(outstanding, as_of)
    return {
        "as_of": as_of.isoformat(),
        "pay_by": pay_by.isoformat(),
        "debts": [_debt(one) for one in late],
        "total_cents": sum(one.unpaid_cents for one in late),
    }


def formal_notice_facts(tenancy: Tenancy, demand: Demand) -> Facts:
    """A formal notice (*mise en demeure*) to pay what is overdue by a day. Raises Refused if nothing is."""
    standing_lease(tenancy)
    if not demand["debts"]:
        raise Refused(Reason.NOTHING_OVERDUE)
    return common_facts(Kind.FORMAL_NOTICE, tenancy) | {
        "desk_contact": tenancy.residence.desk_contact,
        "demand": demand,
    }


def _debt(one: Outstanding) -> dict[str, Any]:
    return {
        "period": one.period,
        "due_on": one.due_on.isoformat(),
        "amount_cents": one.amount_cents,
        "unpaid_cents": one.unpaid_cents,
        **({"kind": "surcharge", "period": month_of(one)} if is_surcharge(one) else {}),
    }
