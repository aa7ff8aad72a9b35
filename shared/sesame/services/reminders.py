"""Decides which reminders are due: reads what is due, not what exists, and takes each step by one write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic

from sesame.domain.calendar import IsHoliday, is_sending_time, local_date
from sesame.domain.certificates import DocumentStatus
from sesame.domain.reminders import ASK_AFTER, Decision, Reached, decide
from sesame.domain.tenancy import Channel, ReminderStep, Residence
from sesame.domain.territories import holidays_of
from sesame.platform.events import Event, announcement
from sesame.platform.ids import derived_id
from sesame.platform.logs import count, describe, logger
from sesame.services.demands import demanded, digest_of
from sesame.services.formal_notices import FormalNotices
from sesame.services.reminder_letters import reminder_messages
from sesame.services.surcharges import Surcharges
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, Move
from sesame.store.message_allowances import MessageAllowances
from sesame.store.people import residence_of
from sesame.store.table import Item, Table
from sesame.store.tasks import Task, TaskKind, Tasks, task_id_of

JOB = "reminders"


class SomeNotPlanned(Exception):
    """Some accounts could not be looked at; the others were. The retry and the next hour look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReminders:
    """What a run did. `finished` is False when it ran out of time: the next hour's run goes on."""

    residences: int
    """How many were in their sending hours."""
    reminders: int
    finished: bool
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderRun:
    """The hourly run over the residences whose own clock says that it is sending time."""

    identity: Table
    accounts: Accounts
    operations: Table
    formal_notices: FormalNotices
    allowances: MessageAllowances
    surcharges: Surcharges
    tasks: Tasks
    budget: timedelta
    holidays: Callable[[Residence], IsHoliday] = holidays_of
    seconds: Callable[[], float] = monotonic

    def plan(self, now: datetime) -> PlannedReminders:
        """Takes every step that is due at `now` (UTC) and announces its reminder. Safe to repeat.

        Raises SomeNotPlanned after the rest was done and the run recorded.
        """
        ends_at = self.seconds() + self.budget.total_seconds()
        tally = _Tally()
        open_now, gone_through = list(self._open(now, tally)), 0
        taken, finished = 0, True
        for residence in _from_another_place(open_now, now):
            # one account, or one residence, in trouble must not keep the others waiting
            with tally.of(residence=residence.residence_id):
                for account in self.accounts.due(residence.residence_id, now, tally.unreadable):
                    with tally.of(lease=account.lease_id):
                        taken += self._take(account, residence, now)
                    if self.seconds() > ends_at:
                        finished = False
                        break
                gone_through += 1
            if not finished:
                count("ReminderRunUnfinished")
                break
        planned = PlannedReminders(
            residences=len(open_now), reminders=taken, finished=finished, failed=tally.failed
        )
        self._record(planned, now)
        none_readable = 0 < tally.residences == tally.failed
        if gone_through or not (open_now or none_readable):
            count("ReminderRun")  # a run that could look into no residence is none
        if tally.failed:
            count("ReminderFailed", tally.failed)
            raise SomeNotPlanned
        return planned

    def _open(self, now: datetime, tally: "_Tally") -> Iterator[Residence]:
        """The residences in their sending hours."""
        for item in self.identity.query_all(keys.residences()):
            tally.residences += 1
            with tally.of(residence=str(item["sk"])):
                # most of the hours of most are told by the clock alone
                if not is_sending_time(now, item["time_zone"]):
                    continue
                residence = residence_of(item)
                if not self.holidays(residence)(local_date(now, residence.time_zone)):
                    yield residence

    def _take(self, account: Account, residence: Residence, now: datetime) -> bool:
        """Whether a message was announced: not when another run was first, or a payment came between."""
        decision = self._decide(account, residence, now)
        if decision is None:
            return False
        if decision.surcharges:
            posted = self.surcharges.post(account, residence, decision.surcharges, now)
            if posted is None:
                return False
            account = posted
            decision = self._decide(account, residence, now)
            if decision is None:
                return False
        self._ask_the_desk(account, decision)
        if decision.reached is not None and decision.reached.step.formal_notice:
            return self._formal(account, residence, decision, decision.reached, now)
        announce = _reminder(account, decision.reached, now) if decision.reached else None
        moved = self.accounts.move_step(account, _move(decision, announce, residence, now))
        return moved and announce is not None

    def _decide(self, account: Account, residence: Residence, now: datetime) -> Decision | None:
        if account.next_step_at is None:
            return None
        return decide(
            account.dun(account.next_step_at),
            time_zone=residence.time_zone,
            now=now,
            settings=residence.reminders,
            escalates=residence.confirmed,
        )

    def _formal(
        self, account: Account, residence: Residence, decision: Decision, reached: Reached, now: datetime
    ) -> bool:
        """A formal notice is ordered with the step still waiting, and told of once its file is sealed.

        Where it would be written otherwise by then, and nobody was told of it, it is ordered anew.
        """
        opened = account.dun(account.next_step_at or now).window_opens
        later = replace(decision, next_step_at=now + ASK_AFTER, since=min(reached.at, opened))
        waits, taken = _move(later, None, residence, now), _move(decision, None, residence, now)
        announce = _reminder(account, reached, now)
        demand = demanded(account, residence, now, breaks_plan=decision.breaks_plan)
        # a step that never waited has no document yet
        document = self.formal_notices.of(account, reached) if account.since is not None else None
        before, digest = account.formal_notice, digest_of(demand)
        outdated = document is not None and before is not None and before.demand != digest
        if outdated:
            told = [self.allowances.was_told(one) for one in reminder_messages(Event.of(announce))]
            if all(told):
                self.accounts.move_step(account, taken)
                return False
            if any(told):  # by one of two channels: the other one tells of the same document
                announce["told"] = "yes"
        if document is None or (outdated and "told" not in announce):
            if not self.formal_notices.order(
                account, residence, reached, demand, waits, now, instead_of=document
            ):
                # nothing can be demanded: a stay that was cancelled, a tenant who is no more on record
                self.accounts.move_step(account, taken)
            return False
        if document.status is not DocumentStatus.READY:
            self.formal_notices.press(document, now)
            self.accounts.move_step(account, waits)
            return False
        announce |= {
            "document_id": document.document_id,
            "demand": before.demand if before else digest,
            "pay_by": document.facts["demand"]["pay_by"],
        }
        return self.accounts.move_step(account, replace(taken, announce=announce))

    def _ask_the_desk(self, account: Account, decision: Decision) -> None:
        """What only staff can settle. Before the account is moved: whoever dies in between asks again.

        As of when it came about, so that what the desk has closed since then stays closed.
        """
        asked = [
            (TaskKind.OWED_AGAIN, at, {"entry_id": entry, "since": account.reopened[entry].isoformat()})
            for entry, at in decision.left_to_staff.items()
        ]
        plan = account.plan
        if plan is not None and plan.asks_desk and plan.corrected_at is not None:
            details = {"plan_id": plan.plan_id, "corrected_at": plan.corrected_at.isoformat()}
            asked.append((TaskKind.PLAN_CORRECTED, plan.corrected_at, details))
        if plan is not None and decision.broke_at is not None:
            asked.append((TaskKind.PLAN_BROKEN, decision.broke_at, {"plan_id": plan.plan_id}))
        for kind, at, details in asked:
            self.tasks.raise_once(
                Task(
                    task_id=task_id_of(kind, account.lease_id, *details.values()),
                    kind=kind,
                    residence_id=account.residence_id,
                    lease_id=account.lease_id,
                    raised_at=at,
                    details=details,
                )
            )

    def _record(self, planned: PlannedReminders, now: datetime) -> None:
        self.operations.put(
            {
                **keys.run(JOB, now.isoformat(timespec="minutes")),
                "for": now.isoformat(),
                "residences": planned.residences,
                "reminders": planned.reminders,
                "finished": planned.finished,
                "failed": planned.failed,
                "version": 1,
            }
        )


@dataclass(slots=True)
class _Tally:
    """What a run met and could not do. Failures are named by ids and places, never by what was read."""

    residences: int = 0
    failed: int = 0

    @contextmanager
    def of(self, **whose: str) -> Iterator[None]:
        """Counts a piece of work, and a failure of it instead of raising it."""
        try:
            yield
        except Exception as error:
            self._note(error, whose)

    def unreadable(self, item: Item, error: Exception) -> None:
        """An item that is no account."""
        self._note(error, {"lease": str(item.get("lease_id", ""))})

    def _note(self, error: Exception, whose: dict[str, str]) -> None:
        self.failed += 1
        logger.warning("step", extra=whose | {"failure": describe(error)})


def _move(decision: Decision, announce: dict[str, str] | None, residence: Residence, now: datetime) -> Move:
    return Move(
        next_step_at=decision.next_step_at,
        since=decision.since,
        plan_broken_on=local_date(now, residence.time_zone) if decision.breaks_plan else None,
        announce=announce,
    )


def _reminder(account: Account, reached: Reached, now: datetime) -> dict[str, str]:
    """The event that has a step told of. Its id names the version of the account that it was taken on: a step
    given back comes anew, on the same day too."""
    step = reached.step
    plan_id = account.plan.plan_id if account.plan and reached.instalment is not None else ""
    debt = {"entry_id": reached.entry_id} if reached.entry_id else {}
    if plan_id:
        debt = {"plan_id": plan_id, "instalment": str(reached.instalment)}
    if reached.reopened_at is not None:
        debt["reopened_at"] = reached.reopened_at.isoformat()
    if reached.broken_plan is not None:
        debt["broken_plan"] = reached.broken_plan
    version = str(account.version)
    cause = derived_id("reminder.due", account.lease_id, reached.period, step.name, *debt.values(), version)
    return announcement(
        "reminder.due",
        now,
        id=cause,
        lease_id=account.lease_id,
        step=step.name,
        period=reached.period,
        step_at=reached.at.isoformat(),
        tone=step.tone.value,
        **_ways(step),
        **debt,
    )


def _ways(step: ReminderStep) -> dict[str, str]:
    """How to tell of it. A step by e-mail alone leaves it to what the tenant prefers."""
    if step.channels == (Channel.EMAIL,):
        return {}
    ways = {"channel": step.channels[0].value}
    return ways | ({"also": step.channels[1].value} if step.channels[1:] else {})


def _from_another_place(residences: list[Residence], now: datetime) -> list[Residence]:
    """The same residences, begun elsewhere each hour: a run that ends early leaves out others each time."""
    if not residences:
        return []
    first = int(now.timestamp() // 3600) * 7919 % len(residences)
    return residences[first:] + residences[:first]
