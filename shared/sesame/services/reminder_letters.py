"""What a reminder says: which debts and instalments, how much is late, what a surcharge adds, and how."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.calendar import Period, local_date
from sesame.domain.reminders import DebtKind, Owed, owed
from sesame.domain.tenancy import Language, ReminderSettings, ReminderStep, Tone
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.services.addressees import Addressee
from sesame.services.consequences import block_of, formal_notice_of
from sesame.services.surcharges import announced
from sesame.store.accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """A row of a reminder: what is unpaid of a month, or of an instalment of a payment plan. Cents."""

    kind: DebtKind
    period: Period
    due_on: date
    unpaid_cents: int
    instalment: int | None = None


REMINDER = "reminder"
"""The kind of message that a reminder is."""
_NAMES_THE_DEBT = ("entry_id", "plan_id", "instalment", "reopened_at", "broken_plan")


def reminder_cause(event: Event) -> dict[str, str]:
    """What a reminder must not be said of twice: the step of a debt, an entry or an instalment of a plan."""
    cause = {"lease_id": event["lease_id"], "period": event["period"], "step": event["step"]}
    return cause | {name: event[name] for name in _NAMES_THE_DEBT if name in event.data}


def reminder_messages(event: Event) -> list[str]:
    """The ids of the messages that tell of a step: one, or one for each of its two channels."""
    cause = reminder_cause(event).values()
    also = event.data.get("also")
    return [derived_id(REMINDER, *cause), *([derived_id(REMINDER, *cause, also)] if also else [])]


def reminder_facts(event: Event, account: Account, found: Addressee, now: datetime) -> dict[str, Any]:
    """The facts of the letter, as of `now`. A step's words are the ladder's as it is now, if still there."""
    residence, outstanding = found.residence, account.checkpoint.outstanding
    today = local_date(now, residence.time_zone)
    debts = [_debt(row) for row in owed(outstanding, account.plan, residence.time_zone)]
    if "document_id" in event.data:  # as the formal notice: what is late, without what a plan covers
        debts = [debt for debt in debts if debt.instalment is None and debt.due_on < today]
    to_come = [debt for debt in debts if debt.due_on >= today]
    next_due = min((debt.due_on for debt in to_come), default=None)
    step = _step(residence.reminders, event["step"])
    words = ""
    if step is not None:
        words = step.words_fr if found.person.language is Language.FRENCH else step.words_en
    return {
        "tone": Tone(event.data.get("tone") or (step.tone if step else Tone.COURTESY)).value,
        "words": words,
        "returned": "reopened_at" in event.data and event["reopened_at"] == event.data.get("step_at"),
        "today": today,
        "debts": debts,
        "total_cents": sum(debt.unpaid_cents for debt in debts),
        "overdue_cents": sum(debt.unpaid_cents for debt in debts if debt.due_on < today),
        "due_on": next_due,
        "due_cents": sum(debt.unpaid_cents for debt in to_come if debt.due_on == next_due),
        "plan": "plan_id" in event.data,
        "plan_broken": "broken_plan" in event.data,
        "pay_by": date.fromisoformat(event["pay_by"]) if "pay_by" in event.data else None,
        "surcharges": announced(account, residence, now),
        "formal_notice": formal_notice_of(account, residence, now),
        "block": block_of(account, residence, now),
    }


def _step(settings: ReminderSettings, name: str) -> ReminderStep | None:
    steps = (*settings.steps, *settings.plan_steps)
    return next((step for step in steps if step.name == name), None)


def _debt(row: Owed) -> Debt:
    return Debt(
        kind=row.kind,
        period=row.period,
        due_on=row.due_on,
        unpaid_cents=row.unpaid_cents,
        instalment=row.instalment,
    )
