"""Payment plans: instalments, agreed with staff, that take the place of the due dates of some debts.

How far a plan is paid is never stored: it is what is no longer owed of its debts. So where a debt itself is
corrected, the plan is: only money pays an instalment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sesame.domain.journal import Outstanding

FIRST_WITHIN = timedelta(days=45)
"""The first instalment shows that a plan is meant: it comes within this of the agreement."""
LONGEST = timedelta(days=731)
"""Two years (*délai de grâce*, Code civil, article 1343-5): what a court would give at most."""
MOST_INSTALMENTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Instalment:
    """A part of a debt, and the last day to pay it."""

    due_on: date
    amount_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlan:
    """A debt and the instalments that pay it off; ValueError unless they add up to it, day after day."""

    debt_cents: int
    agreed_on: date
    instalments: Sequence[Instalment]

    def __post_init__(self) -> None:
        days = [one.due_on for one in self.instalments]
        if not days or days != sorted(set(days)) or days[0] < self.agreed_on:
            raise ValueError("instalments come one after another, none before the agreement")
        if any(one.amount_cents <= 0 for one in self.instalments):
            raise ValueError("an instalment is an amount to pay")
        if sum(one.amount_cents for one in self.instalments) != self.debt_cents:
            raise ValueError("the instalments do not add up to the debt")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreedPlan:
    """A plan as an account carries it. While it stands, reminders follow its instalments."""

    plan_id: str
    debts: tuple[str, ...]
    """The entries whose due dates it replaces."""
    instalments: tuple[Instalment, ...]
    resumes_from: datetime
    """Where the ladder goes on should the plan break: its steps from then on were not taken."""
    broken_on: date | None = None
    """Since when the ladder goes on, by the residence's calendar: an instalment was too late, or it was
    cancelled. Staff agree another plan, or none."""
    cancelled: bool = False
    """Staff took it back: the planner ends it when it looks next."""
    corrected_at: datetime | None = None
    """When its instalments last ceased to be those agreed, as what it covers was corrected."""
    asks_desk: bool = False
    """Staff are still to be told of that."""

    @property
    def stands(self) -> bool:
        """Whether its instalments count, rather than its debts' own due dates."""
        return self.broken_on is None and not self.cancelled and not self.lapsed

    @property
    def total_cents(self) -> int:
        """What was owed when it was agreed."""
        return sum(one.amount_cents for one in self.instalments)

    @property
    def lapsed(self) -> bool:
        """Whether nothing is left that it could pay off: what it covered was withdrawn."""
        return not self.instalments

    def covers(self, debit: Outstanding) -> bool:
        """Whether a debit's own due date is set aside."""
        return self.stands and debit.entry_id in self.debts

    def unpaid(self, outstanding: Iterable[Outstanding]) -> Iterator[tuple[int, Instalment, int]]:
        """(number from 1, instalment, cents still owed of it) of those not paid in full, in order.

        Whatever was received for the debts since the agreement pays the instalments in their order.
        """
        left = sum(one.unpaid_cents for one in outstanding if one.entry_id in self.debts)
        paid, until = self.total_cents - left, 0
        for number, instalment in enumerate(self.instalments, start=1):
            until += instalment.amount_cents
            owed = min(instalment.amount_cents, until - paid)
            if owed > 0:
                yield number, instalment, owed

    def owes_again(self, before: Iterable[Outstanding], after: Iterable[Outstanding]) -> bool:
        """Whether an instalment that was paid no longer is."""
        paid_no_more = {number for number, _, _ in self.unpaid(after)}
        return self.stands and not paid_no_more <= {number for number, _, _ in self.unpaid(before)}


def with_all_that_is_owed(plan: AgreedPlan, after: Iterable[Outstanding], at: datetime) -> AgreedPlan:
    """The plan once money of before it was taken back: the last instalment holds what no other one does."""
    beyond = _owed_of(plan.debts, after) - plan.total_cents
    if not plan.stands or beyond <= 0:
        return plan
    return replace(plan, instalments=_with_more(plan.instalments, beyond), corrected_at=at, asks_desk=True)


def corrected(
    plan: AgreedPlan,
    before: Sequence[Outstanding],
    after: Sequence[Outstanding],
    replaced: Mapping[str, str | None],
    at: datetime,
) -> AgreedPlan:
    """The plan once some of its debts were corrected, and nothing else, by what is unpaid before and after.

    `replaced` says which entry took the place of a withdrawn one, None where none did. What is owed less
    comes off the last instalments, what is owed more is added to the last one. A plan that is over stays.
    """
    if not plan.stands or not any(plan.unpaid(before)):
        return plan
    debts = tuple(now for debt in plan.debts if (now := replaced.get(debt, debt)) is not None)
    more = _owed_of(debts, after) - _owed_of(plan.debts, before)
    if not debts:
        instalments: tuple[Instalment, ...] = ()
    else:
        instalments = _with_more(plan.instalments, more)
    if instalments == plan.instalments:
        return replace(plan, debts=debts)
    return replace(plan, debts=debts, instalments=instalments, corrected_at=at, asks_desk=True)


def _owed_of(debts: Sequence[str], outstanding: Iterable[Outstanding]) -> int:
    return sum(one.unpaid_cents for one in outstanding if one.entry_id in debts)


def _with_more(instalments: Sequence[Instalment], cents: int) -> tuple[Instalment, ...]:
    left = list(instalments)
    while left and cents:
        last = left.pop()
        amount = last.amount_cents + cents
        if amount > 0:
            return (*left, replace(last, amount_cents=amount))
        cents = amount
    return tuple(left)


def uncovered(debits: Iterable[Outstanding], plan: AgreedPlan | None) -> list[Outstanding]:
    """The debits whose own due dates hold: what no plan has taken the place of."""
    return [debit for debit in debits if plan is None or not plan.covers(debit)]
