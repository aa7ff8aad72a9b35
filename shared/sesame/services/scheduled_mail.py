"""Whether a message that the clock called for may leave: in a decent hour, the day's only one, still true.

A step that may not leave yet is given back to the planner, which takes it up again on the account, merged
with what has come since. A message that the planner would not call for again (of a notice, or by the channel
that is left where the first one failed) waits by itself, and is looked at like any other when its time has
come. Nothing waits in a queue overnight and nothing is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from sesame.domain.calendar import (
    SENDING_OPENS,
    IsHoliday,
    is_sending_time,
    local_date,
    next_sending_time,
    wall_time,
)
from sesame.domain.reminders import next_day_opens, still_holds
from sesame.domain.tenancy import Channel, Lease, Residence
from sesame.domain.territories import holidays_of
from sesame.platform.events import Event
from sesame.platform.logs import count
from sesame.services.demands import demands_another_sum, is_outdated, is_past
from sesame.services.reminder_letters import reminder_messages
from sesame.services.retries import USUAL, Retries
from sesame.store.accounts import Account, Accounts
from sesame.store.message_allowances import MessageAllowances
from sesame.store.messages import LOST
from sesame.store.table import Contention

BY_THE_CLOCK = frozenset({"reminder.due", "notice.issued", "renewal.due"})
"""The events whose messages nobody asked for: together one a day, a person and a channel."""
_DAY = timedelta(days=1)


class Leave(Enum):
    """What to do with a message."""

    NOW = auto()
    GIVEN_BACK = auto()
    """Say nothing, keep no record: the planner calls for it again."""
    NEVER = auto()
    """There is nothing to say any more."""
    TOO_LATE = auto()
    """There was, and nobody knows that it was read: the desk's to see to."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """It waits by itself, and may leave from `until` on (UTC) if it still holds then."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMail:
    """The last look before a reminder or a notice's message is sent."""

    accounts: Accounts
    allowances: MessageAllowances
    holidays: Callable[[Residence], IsHoliday] = holidays_of
    keeps_quiet: bool = True
    """False where nobody is woken: on a local stack, whose story is told at any hour."""
    retries: Retries = USUAL

    def reminder(
        self, event: Event, residence: Residence, account: Account | None, now: datetime
    ) -> Leave | NotNow:
        """Whether a step may be told of, by the account as it is now (strongly consistent)."""
        if account is None:
            return Leave.NEVER
        now = self._now(event, now)
        by_itself, step_at = waits_by_itself(event), _step_at(event)
        if _comes_anew(event, account):
            return Leave.GIVEN_BACK
        zone, is_holiday = residence.time_zone, self.holidays(residence)
        held_until = account.hold.until if account.hold and account.hold.stands(now, zone) else None
        is_over = _is_over(event, account, residence, now, held=held_until is not None)
        ended = Leave.NEVER if is_over else self._outlived(event, account, residence, now)
        if ended is not None:
            return ended
        quiet = self.keeps_quiet and not is_sending_time(now, zone, is_holiday)
        is_old = self._is_old(event, account, residence, now)
        if held_until is None and not quiet and not is_old:
            return Leave.NOW
        if by_itself and not is_old:
            released = wall_time(held_until + _DAY, SENDING_OPENS, zone) if held_until else now
            return NotNow(next_sending_time(released, zone, is_holiday))
        self._give_back(account.lease_id, next_sending_time(now, zone, is_holiday), since=step_at)
        return Leave.GIVEN_BACK

    def claim(
        self,
        event: Event,
        lease: Lease,
        residence: Residence,
        message_id: str,
        channel: Channel,
        now: datetime,
    ) -> Leave | NotNow:
        """Claims the day for a message by its channel; where another has it, the message goes on a later one.

        The day is the residence's. One write; a read before it for an event of another day.
        """
        now = self._now(event, now)
        day = local_date(now, residence.time_zone)
        if local_date(event.at, residence.time_zone) != day and self.allowances.is_over(message_id):
            return Leave.NEVER  # a repeat of what went on an earlier day: it must not take this one
        if self.allowances.claim(lease.person_id, channel, message_id, day=day, now=now):
            return Leave.NOW
        count("MessagePutOff")
        tomorrow = next_day_opens(now, residence.time_zone)
        if waits_by_itself(event):
            return NotNow(next_sending_time(tomorrow, residence.time_zone, self.holidays(residence)))
        self._give_back(lease.lease_id, tomorrow, since=_step_at(event))
        return Leave.GIVEN_BACK

    def give_day_back(
        self, event: Event, lease: Lease, residence: Residence, message_id: str, now: datetime
    ) -> None:
        """Lets another message have the day of one that did not go. A read; a write for each channel."""
        day = local_date(self._now(event, now), residence.time_zone)
        if self.allowances.went_on(message_id, day, residence.time_zone):
            return
        for channel in Channel:
            self.allowances.give_back(lease.person_id, channel, message_id, day=day)

    def _may_be_told(self, event: Event) -> bool:
        """Whether the paper of a step may be known to its reader: by the first channel, or by a message whose
        answer was lost. Then it is the one that counts, and this message tells of the same."""
        if LOST in event.data:
            return True
        return "by" in event.data and self.allowances.was_told(reminder_messages(event)[0])

    def _is_old(self, event: Event, account: Account, residence: Residence, now: datetime) -> bool:
        """Whether a paper that nobody was told of has to be written anew."""
        if not (_is_withdrawn(event, account) or is_outdated(event, account, residence, now)):
            return False
        return not self._may_be_told(event)

    def _outlived(self, event: Event, account: Account, residence: Residence, now: datetime) -> Leave | None:
        """How a message that tells of a known paper ends where the paper says no more what holds.

        When it was withdrawn; after its last day to pay; and, where its reader has it by the first channel,
        with another sum.
        """
        withdrawn, past = _is_withdrawn(event, account), is_past(event, residence, now)
        differs = "by" in event.data and demands_another_sum(event, account, residence)
        if not (withdrawn or past or differs) or not self._may_be_told(event):
            return None
        if withdrawn:
            return Leave.NEVER
        if "by" in event.data and self.allowances.reached(reminder_messages(event)[0]):
            return Leave.NEVER
        return Leave.TOO_LATE if past else None

    def as_of(self, event: Event, until: datetime) -> Event:
        """The event as it comes again then: see `_now`."""
        return event if self.keeps_quiet else replace(event, at=until)

    def _now(self, event: Event, now: datetime) -> datetime:
        """Where nobody is woken, a run that was made for another day counts as of that day."""
        return now if self.keeps_quiet else event.at

    def _give_back(self, lease_id: str, look_at: datetime, *, since: datetime) -> None:
        def attempt() -> None:
            if not self.accounts.put_off(lease_id, look_at, since=since):
                raise Contention

        self.retries.run(attempt)


def _comes_anew(event: Event, account: Account) -> bool:
    """Whether the step was given back already, or another formal notice took the place of the one that this
    event tells of: then another event tells of it."""
    if not waits_by_itself(event) and account.since is not None and account.since <= _step_at(event):
        return True
    ordered = account.formal_notice
    return "demand" in event.data and ordered is not None and ordered.document_id != event["document_id"]


def _is_withdrawn(event: Event, account: Account) -> bool:
    """Whether staff took the paper of a step back."""
    ordered = account.formal_notice
    return (
        "demand" in event.data
        and ordered is not None
        and ordered.document_id == event["document_id"]
        and ordered.withdrawn
    )


def waits_by_itself(event: Event) -> bool:
    """Whether nothing but the event itself knows that a message is still to go, and by which channel.

    So of a notice: it is told of whatever is paid meanwhile, and the planner looks at what is owed. And of
    what may have gone already: whatever becomes of its debt, it must not stay unsettled.
    """
    return event.type != "reminder.due" or "by" in event.data or LOST in event.data


def _is_over(event: Event, account: Account, residence: Residence, now: datetime, *, held: bool) -> bool:
    """Whether nothing is left to say of a step. One that is held is thought of again when the hold ends."""
    plan_id = event.data.get("plan_id")
    if plan_id and (account.plan is None or account.plan.plan_id != plan_id):
        return True
    if waits_by_itself(event) and _overtaken(event, residence, now):
        return True
    return not held and not still_holds(
        account.dun(account.next_step_at or now),
        period=event["period"],
        entry_id=event.data.get("entry_id"),
        instalment=int(event["instalment"]) if plan_id else None,
        reopened_at=datetime.fromisoformat(again) if (again := event.data.get("reopened_at")) else None,
        time_zone=residence.time_zone,
        settings=residence.reminders,
    )


def _overtaken(event: Event, residence: Residence, now: datetime) -> bool:
    """Whether the next step of the same debt is due: it says more than one that waited, and is on its way."""
    steps = residence.reminders.plan_steps if "plan_id" in event.data else residence.reminders.steps
    days = next((step.days for step in steps if step.name == event["step"]), None)
    following = min((step.days for step in steps if days is not None and step.days > days), default=None)
    if days is None or following is None:
        return False
    day = local_date(_step_at(event), residence.time_zone) + timedelta(days=following - days)
    return now >= wall_time(day, SENDING_OPENS, residence.time_zone)


def _step_at(event: Event) -> datetime:
    return datetime.fromisoformat(event["step_at"]) if "step_at" in event.data else event.at
