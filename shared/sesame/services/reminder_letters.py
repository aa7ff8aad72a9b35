"""What a reminder says: which debts and instalments, how much is late, what a surcharge adds, and how."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.calendar import Period, local_date
from sesame.domain.reminders import Owed, owed
from sesame.domain.tenancy import Language, ReminderSettings, ReminderStep, Tone
from sesame.platform.events import Event
from sesame.services.addressees import Addressee
from sesame.services.consequences import block_of, formal_notice_of
from sesame.services.surcharges import announced
from sesame.store.accounts import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """A row of a reminder: what is unpaid of a month, or of an instalment of a payment plan. Cents."""

    period: Period
    due_on: date
    unpaid_cents: int
    instalment: int | None = None


def reminder_facts(event: Event, account: Account, found: Addressee, now: datetime) -> dict[str, Any]:
    """The facts of the letter, as of `now`. A step's words are the ladder's as it is now, if still there."""
    residence, outstanding = found.residence, account.checkpoint.outstanding
    today = local_date(now, residence.time_zone)
    debts = [_debt(row) for row in owed(outstanding, account.plan, residence.time_zone)]
    to_come = [debt for debt in debts if debt.due_on >= today]
    next_due = min((debt.due_on for debt in to_come), default=None)
    step = _step(residence.reminders, event["step"])
    words = ""
    if step is not None:
        words = step.words_fr if found.person.language is Language.FRENCH else step.words_en
    return {
        "tone": Tone(event.data.get("tone") or (step.tone if step else Tone.COURTESY)).value,
        "words": words,
        "today": today,
        "debts": debts,
        "total_cents": sum(debt.unpaid_cents for debt in debts),
        "overdue_cents": sum(debt.unpaid_cents for debt in debts if debt.due_on < today),
        "due_on": next_due,
        "due_cents": sum(debt.unpaid_cents for debt in to_come if debt.due_on == next_due),
        "plan": "plan_id" in event.data,
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
        period=row.period, due_on=row.due_on, unpaid_cents=row.unpaid_cents, instalment=row.instalment
    )
