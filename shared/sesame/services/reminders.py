"""Decides which reminders are due: reads what is due, not what exists, and takes each step by one write."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sesame.domain.calendar import IsHoliday, is_sending_time, working_days_only
from sesame.domain.reminders import DEFAULT_LADDER, Decision, Ladder, decide
from sesame.domain.tenancy import Residence
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.accounts import Account, Accounts
from sesame.store.people import residence_of
from sesame.store.table import Table

JOB = "reminders"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReminders:
    """What a run did. `finished` is False when it ran out of time: the next hour's run goes on."""

    residences: int
    """How many were in their sending hours."""
    reminders: int
    finished: bool


def no_holidays(residence: Residence) -> IsHoliday:
    """The holidays of a residence's territory, as long as none are known."""
    del residence
    return working_days_only


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRun:
    """The hourly run over the residences whose own clock says that it is sending time."""

    identity: Table
    accounts: Accounts
    operations: Table
    budget: timedelta
    holidays: Callable[[Residence], IsHoliday] = no_holidays
    ladder: Ladder = DEFAULT_LADDER
    seconds: Callable[[], float] = monotonic

    def plan(self, now: datetime) -> PlannedReminders:
        """Takes every step that is due at `now` (UTC) and announces its reminder. Safe to repeat."""
        ends_at = self.seconds() + self.budget.total_seconds()
        open_now = [
            residence
            for item in self.identity.query_all(keys.residences())
            if is_sending_time(now, (residence := residence_of(item)).time_zone, self.holidays(residence))
        ]
        taken, finished = 0, True
        for residence in _from_another_place(open_now, now):
            for account in self.accounts.due(residence.residence_id, now):
                taken += self._take(account, residence, now)
                if self.seconds() > ends_at:
                    finished = False
                    break
            if not finished:
                count("ReminderRunUnfinished")
                break
        planned = PlannedReminders(residences=len(open_now), reminders=taken, finished=finished)
        self._record(planned, now)
        return planned

    def _take(self, account: Account, residence: Residence, now: datetime) -> bool:
        """Whether a reminder was announced: not when another run was first, or a payment came between."""
        if account.next_step_at is None:
            return False
        decision = decide(
            account.checkpoint.outstanding,
            time_zone=residence.time_zone,
            due_since=account.next_step_at,
            now=now,
            ladder=self.ladder,
        )
        if decision is None:
            return False
        announce = _announce(account.lease_id, decision, now)
        return self.accounts.move_step(account, decision.next_step_at, announce) and announce is not None

    def _record(self, planned: PlannedReminders, now: datetime) -> None:
        self.operations.put(
            {
                **keys.run(JOB, now.isoformat(timespec="minutes")),
                "for": now.isoformat(),
                "residences": planned.residences,
                "reminders": planned.reminders,
                "finished": planned.finished,
                "version": 1,
            }
        )
        count("ReminderRun")


def _announce(lease_id: str, decision: Decision, now: datetime) -> dict[str, str] | None:
    if decision.reached is None:
        return None
    step, period = decision.reached.step.name, decision.reached.period
    cause = derived_id("reminder.due", lease_id, period, step)
    return announcement("reminder.due", now, id=cause, lease_id=lease_id, step=step, period=period)


def _from_another_place(residences: list[Residence], now: datetime) -> list[Residence]:
    """The same residences, begun elsewhere each hour: a run that ends early leaves out others each time."""
    if not residences:
        return []
    first = int(now.timestamp() // 3600) * 7919 % len(residences)
    return residences[first:] + residences[:first]
