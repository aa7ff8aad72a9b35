"""Payment plans: agreed by staff, printed for both to sign, seen by the tenant, cancelled with a reason.

The account carries the plan that stands, so that the planner of reminders knows it without another read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from secrets import token_bytes
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.certificates import Refused, Tenancy
from sesame.domain.debts import payment_plan_facts
from sesame.domain.plans import FIRST_WITHIN, LONGEST, AgreedPlan, Instalment, PaymentPlan
from sesame.domain.reminders import next_day_opens
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import Random, derived_id
from sesame.services.certificates import refusal
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import Order, as_of_today, new_document
from sesame.services.payments import KeyReused
from sesame.services.plan_views import PlanStanding, PlanViews, standing_of
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, require
from sesame.store.accounts import Account, Accounts
from sesame.store.audit import Action, Audit
from sesame.store.documents import Documents
from sesame.store.payment_plans import PaymentPlans, PlanRecord
from sesame.store.table import transact

AGREERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may agree to be paid later, and take it back."""
READERS = (Role.DESK, *AGREERS)


class CancelReason(StrEnum):
    """Why a plan is taken back."""

    REPLACED = "replaced"
    TENANT_ASKED = "tenant_asked"
    NOT_SIGNED = "not_signed"
    MISTAKE = "mistake"


class PlanUnderWay(Conflict):
    """One plan at a time: the other is to be cancelled first."""

    slug = "plan-under-way"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Un échelonnement est déjà en cours",
        "en": "There is a payment plan already",
    }


class NothingOwed(Conflict):
    """There is nothing to hold, or to pay off."""

    slug = "nothing-owed"
    title: ClassVar[Mapping[str, str]] = {"fr": "Rien n'est dû sur ce compte", "en": "Nothing is owed here"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOrder:
    """What staff agreed with the tenant: which debts (by entry), and the instalments that pay them off."""

    debts: tuple[str, ...]
    instalments: tuple[Instalment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDesk:
    """Agrees, shows and cancels payment plans."""

    leases: DeskLeases
    accounts: Accounts
    plans: PaymentPlans
    documents: Documents
    audit: Audit
    deeds: Deeds
    clock: Clock
    random: Random = token_bytes
    retries: Retries = USUAL

    def agree(self, staff: Staff, lease_id: str, order: PlanOrder, *, key: str, network: str) -> PlanStanding:
        """A plan, once a key of the caller's; its agreement is ordered as a document, to print and sign.

        Raises Forbidden, NotFound, Invalid, NothingOwed, PlanUnderWay, KeyReused, and LeaseCancelled. Five
        calls besides the staff record's.
        """
        require(staff, *AGREERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        plan_id = derived_id("payment-plan", lease_id, key)

        def attempt() -> PlanStanding:
            account = self.accounts.get(lease_id)
            known = self.plans.get(lease_id, plan_id)
            if known is not None and account is not None:
                if (known.debts, known.instalments) != (order.debts, order.instalments):
                    raise KeyReused
                return standing_of(known, account)
            return self._agreed(staff, tenancy, account, plan_id, order, network)

        return self.retries.run(attempt)

    def cancel(self, staff: Staff, lease_id: str, reason: CancelReason, *, network: str) -> PlanStanding:
        """Ends the plan that the account carries: its debts return to the ladder where they left it.

        Raises Forbidden, NotFound.
        """
        require(staff, *AGREERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> PlanStanding:
            account = self.accounts.get(lease_id)
            plan = account.plan if account else None
            record = self.plans.get(lease_id, plan.plan_id) if plan else None
            if account is None or plan is None or record is None:
                raise NotFound
            now = self.clock()
            deed = self.deeds.entry(
                Action.PAYMENT_PLAN_CANCELLED,
                staff,
                network,
                lease_id=lease_id,
                residence_id=tenancy.lease.residence_id,
                plan_id=plan.plan_id,
                reason=reason.value,
            )
            if record.cancelled_at is not None:
                return standing_of(record, account)
            transact(
                self.accounts.table.client,
                [
                    self.accounts.arranging(
                        account,
                        hold=account.hold,
                        plan=replace(plan, cancelled=True),
                        next_step_at=_soon(account, now),
                        since=account.since,
                    ),
                    self.plans.cancelling(record, at=now, by=staff.staff_id, reason=reason.value),
                    self.audit.recording(deed),
                ],
            )
            return self._read(lease_id, plan.plan_id)

        return self.retries.run(attempt)

    def current(self, staff: Staff, lease_id: str) -> PlanStanding:
        """The plan that the account carries. Raises Forbidden, NotFound."""
        require(staff, *READERS)
        self.leases.seen(staff, lease_id)
        return PlanViews(self.accounts, self.plans).current(lease_id)

    def document_of(self, staff: Staff, lease_id: str) -> str:
        """The id of the agreement to sign. Raises Forbidden, NotFound."""
        return self.current(staff, lease_id).record.document_id

    def _agreed(
        self,
        staff: Staff,
        tenancy: Tenancy,
        account: Account | None,
        plan_id: str,
        order: PlanOrder,
        network: str,
    ) -> PlanStanding:
        now, zone = self.clock(), tenancy.residence.time_zone
        today = local_date(now, zone)
        if account is None or not account.checkpoint.outstanding:
            raise NothingOwed
        before = account.plan
        if before is not None and before.stands and any(before.unpaid(account.checkpoint.outstanding)):
            raise PlanUnderWay
        cents = _check(order, account, today)
        terms = PaymentPlan(debt_cents=cents, agreed_on=today, instalments=order.instalments)
        try:
            facts = payment_plan_facts(as_of_today(tenancy, now), terms)
        except Refused as refused:
            raise refusal(refused) from refused
        document = new_document(self.random, Order(tenancy=tenancy, facts=facts, now=now, by_tenant=True))
        opens = account.dun(account.next_step_at or now).window_opens
        plan = AgreedPlan(
            plan_id=plan_id,
            debts=order.debts,
            instalments=order.instalments,
            resumes_from=min(opens, now, before.resumes_from if before and before.cancelled else now),
        )
        record = PlanRecord(
            plan_id=plan_id,
            lease_id=account.lease_id,
            residence_id=account.residence_id,
            debts=order.debts,
            instalments=order.instalments,
            agreed_on=today,
            agreed_at=now,
            agreed_by=staff.staff_id,
            document_id=document.document_id,
        )
        deed = self.deeds.entry(
            Action.PAYMENT_PLAN_AGREED,
            staff,
            network,
            lease_id=account.lease_id,
            residence_id=account.residence_id,
            plan_id=plan_id,
            amount_cents=cents,
            instalments=len(order.instalments),
        )
        transact(
            self.accounts.table.client,
            [
                self.plans.agreeing(record),
                self.accounts.arranging(
                    account,
                    hold=account.hold,
                    plan=plan,
                    # the planner finds the plan's first instant; it never writes on the day of the agreement
                    next_step_at=min(account.next_step_at or now, next_day_opens(now, zone)),
                    since=account.since,
                ),
                *self.documents.creating(document),
                self.audit.recording(deed),
            ],
        )
        return self._read(account.lease_id, plan_id)

    def _read(self, lease_id: str, plan_id: str) -> PlanStanding:
        account, record = self.accounts.get(lease_id), self.plans.get(lease_id, plan_id)
        if account is None or record is None:
            raise NotFound
        return standing_of(record, account)


def _soon(account: Account, now: datetime) -> datetime | None:
    """At once, where there is anything to look at."""
    if not account.checkpoint.outstanding:
        return None
    return min(account.next_step_at or now, now)


def _check(order: PlanOrder, account: Account, today: date) -> int:
    """What the debts come to. Raises Invalid with every fault of an order."""
    unpaid = {one.entry_id: one.unpaid_cents for one in account.checkpoint.outstanding}
    errors: list[dict[str, object]] = []
    unknown = [debt for debt in order.debts if debt not in unpaid]
    if unknown or len(set(order.debts)) < len(order.debts):
        errors.append({"field": "debts", "reason": "entries of this account that are owed, each once"})
    cents = sum(unpaid.get(debt, 0) for debt in order.debts)
    total = sum(one.amount_cents for one in order.instalments)
    if not errors and total != cents:
        errors.append({"field": "instalments", "reason": f"they come to {total}, the debts to {cents}"})
    days = [one.due_on for one in order.instalments]
    if days != sorted(set(days)):
        errors.append({"field": "instalments", "reason": "in the order of their days, one a day"})
    elif not today <= days[0] <= today + FIRST_WITHIN:
        errors.append(
            {"field": "instalments[0].due_on", "reason": f"from today to {today + FIRST_WITHIN:%Y-%m-%d}"}
        )
    elif days[-1] > today + LONGEST:
        last = len(days) - 1
        errors.append(
            {"field": f"instalments[{last}].due_on", "reason": f"by {today + LONGEST:%Y-%m-%d} at the latest"}
        )
    if errors:
        raise Invalid(
            detail_fr="Cet échelonnement ne peut pas être convenu ainsi.",
            detail_en="This plan cannot be agreed as it is.",
            errors=errors,
        )
    return cents
