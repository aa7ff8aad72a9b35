"""What a day's run of reminders will do in a residence: the planner's own decision, and nothing written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

from sesame.domain.calendar import (
    SENDING_CLOSES,
    IsHoliday,
    Period,
    is_sending_time,
    local_date,
    wall_time,
)
from sesame.domain.reminders import ASK_AFTER, Decision, Owed, Reached, decide, owed
from sesame.domain.sending import OTHER
from sesame.domain.tenancy import Channel, Lease, Person, Residence
from sesame.domain.terms import as_of
from sesame.domain.territories import holidays_of
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.services.staff import Role, Staff, require, within
from sesame.store import keys
from sesame.store.accounts import Account, Accounts
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import Table, same_table

MOST = 500
"""Reminders of one preview: a residence has some hundred leases."""
_A_CALL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedReminder:
    """One that would be announced. `channel` None: the tenant wants none, or cannot be reached.

    `unpaid_cents` is what its message asks for: all that is owed, of a formal notice what is late.
    """

    lease: Lease
    step: str
    period: Period
    unpaid_cents: int
    channel: Channel | None
    unwanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A day of a residence. Not `open` on Sundays and holidays: what is due then goes on the next day."""

    day: date
    open: bool
    reminders: tuple[PreviewedReminder, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderPreview:
    """Looks ahead. A payment before then, or a hold, takes a reminder out again."""

    identity: Table
    accounts: Accounts
    clock: Clock
    holidays: Callable[[Residence], IsHoliday] = holidays_of

    def of(self, staff: Staff, residence_id: str, day: date | None = None) -> Preview:
        """A day's, tomorrow's unless another is asked for. Raises Forbidden, NotFound where it is not theirs.

        Reads what is due by then, not what exists; then leases and persons, a hundred a call.
        """
        require(staff, *Role)
        within(staff, residence_id)
        item = self.identity.get(keys.residence(residence_id))
        if item is None:
            raise NotFound
        residence = residence_of(item)
        day = day or local_date(self.clock(), residence.time_zone) + timedelta(days=1)
        at = wall_time(day, SENDING_CLOSES, residence.time_zone) - timedelta(minutes=1)
        if not is_sending_time(at, residence.time_zone, self.holidays(residence)):
            return Preview(day=day, open=False, reminders=(), more=False)
        closes_at = at + timedelta(minutes=1)
        reached: list[tuple[Account, Reached, list[Owed]]] = []
        for account in self.accounts.due(residence_id, at):
            if account.next_step_at is None:
                continue
            decision = decide(
                account.dun(account.next_step_at),
                time_zone=residence.time_zone,
                now=at,
                settings=residence.reminders,
                escalates=residence.confirmed,
            )
            if decision is None or decision.reached is None:
                continue
            step = decision.reached
            if step.step.formal_notice and account.since is None:  # not ordered yet
                ordered_at = max(account.next_step_at, self.clock())
                if ordered_at + ASK_AFTER >= closes_at:
                    continue
            reached.append((account, step, _rows(account, decision, residence, day)))
            if len(reached) > MOST:
                break
        shown = self._shown(reached[:MOST], residence, day)
        return Preview(day=day, open=True, reminders=shown, more=len(reached) > MOST)

    def _shown(
        self, reached: Sequence[tuple[Account, Reached, list[Owed]]], residence: Residence, day: date
    ) -> tuple[PreviewedReminder, ...]:
        shown: list[PreviewedReminder] = []
        left = iter(reached)
        while some := list(islice(left, _A_CALL)):
            items = same_table(self.identity, [keys.lease(account.lease_id) for account, _, _ in some])
            leases = {item["lease_id"]: lease_of(item) for item in items if item}
            wanted = list(dict.fromkeys(lease.person_id for lease in leases.values()))
            profiles = same_table(self.identity, [keys.person(person_id) for person_id in wanted])
            persons = {item["person_id"]: person_of(item) for item in profiles if item}
            for account, step, rows in some:
                lease = leases.get(account.lease_id)
                person = persons.get(lease.person_id) if lease else None
                if lease and person:
                    shown.append(_previewed(step, rows, lease, person, day))
        return tuple(shown)


def _rows(account: Account, decision: Decision, residence: Residence, day: date) -> list[Owed]:
    """What the message will ask for, as the sender makes it up."""
    plan = None if decision.breaks_plan else account.plan
    rows = owed(account.checkpoint.outstanding, plan, residence.time_zone)
    if decision.reached is not None and decision.reached.step.formal_notice:
        return [row for row in rows if row.instalment is None and row.due_on < day]
    return rows


def _previewed(
    reached: Reached, rows: Sequence[Owed], lease: Lease, person: Person, day: date
) -> PreviewedReminder:
    late = any(row.due_on < day for row in rows)
    unwanted = not late and not person.courtesy_reminders
    # a step that is told both ways heeds no wish for one of them
    by_step = reached.step.channels
    first = by_step[0] if by_step[1:] else person.reminders_by or by_step[0]
    channel = next((one for one in (first, OTHER[first]) if person.usable(one)), None)
    return PreviewedReminder(
        lease=as_of(lease, day),
        step=reached.step.name,
        period=reached.period,
        unpaid_cents=sum(row.unpaid_cents for row in rows),
        channel=None if unwanted else channel,
        unwanted=unwanted,
    )
