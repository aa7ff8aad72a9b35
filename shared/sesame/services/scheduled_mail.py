"""Whether a message that the clock called for may leave: in a decent hour, the day's only one, still true.

What may not leave yet is given back to the planner, which takes it up again on the account, so that nothing
waits in a queue overnight and nothing is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from sesame.domain.calendar import IsHoliday, is_sending_time, local_date, next_sending_time
from sesame.domain.reminders import next_day_opens, still_holds
from sesame.domain.tenancy import Channel, Lease, Residence
from sesame.domain.territories import holidays_of
from sesame.platform.events import Event
from sesame.platform.logs import count
from sesame.services.demands import is_outdated
from sesame.services.retries import USUAL, Retries
from sesame.store.accounts import Account, Accounts
from sesame.store.message_allowances import MessageAllowances
from sesame.store.table import Contention

BY_THE_CLOCK = frozenset({"reminder.due", "notice.issued"})
"""The events whose messages nobody asked for: together one a day, a person and a channel."""


class Leave(Enum):
    """What to do with a message."""

    NOW = auto()
    LATER = auto()
    """Given back: say nothing, keep no record, the planner calls for it again."""
    NEVER = auto()
    """There is nothing to say any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledMail:
    """The last look before a reminder or a notice's message is sent."""

    accounts: Accounts
    allowances: MessageAllowances
    holidays: Callable[[Residence], IsHoliday] = holidays_of
    keeps_quiet: bool = True
    """False where nobody is woken: on a local stack, whose story is told at any hour."""
    retries: Retries = USUAL

    def reminder(self, event: Event, residence: Residence, account: Account | None, now: datetime) -> Leave:
        """Whether a step may be told of, by the account as it is now (strongly consistent)."""
        if account is None:
            return Leave.NEVER
        now = self._now(event, now)
        step_at = _step_at(event)
        if _comes_anew(event, account):
            return Leave.LATER
        held = account.hold is not None and account.hold.stands(now, residence.time_zone)
        plan_id = event.data.get("plan_id")
        if plan_id and (account.plan is None or account.plan.plan_id != plan_id):
            return Leave.NEVER
        if not held and not still_holds(
            account.dun(account.next_step_at or now),
            period=event["period"],
            entry_id=event.data.get("entry_id"),
            instalment=int(event["instalment"]) if plan_id else None,
            reopened_at=datetime.fromisoformat(again) if (again := event.data.get("reopened_at")) else None,
            time_zone=residence.time_zone,
            settings=residence.reminders,
        ):
            return Leave.NEVER
        zone, is_holiday = residence.time_zone, self.holidays(residence)
        quiet = self.keeps_quiet and not is_sending_time(now, zone, is_holiday)
        if held or quiet or is_outdated(event, account, residence, now):
            self._give_back(account.lease_id, next_sending_time(now, zone, is_holiday), since=step_at)
            return Leave.LATER
        return Leave.NOW

    def claim(
        self,
        event: Event,
        lease: Lease,
        residence: Residence,
        message_id: str,
        channel: Channel,
        now: datetime,
    ) -> bool:
        """Claims the day for a message by its channel; gives the message back where another has it.

        The day is the residence's. One write; a read before it for an event of another day.
        """
        now = self._now(event, now)
        day = local_date(now, residence.time_zone)
        if local_date(event.at, residence.time_zone) != day and self.allowances.is_over(message_id):
            return False  # a repeat of what went on an earlier day: it must not take this one
        if self.allowances.claim(lease.person_id, channel, message_id, day=day, now=now):
            return True
        count("MessagePutOff")
        tomorrow = next_day_opens(now, residence.time_zone)
        if event.type == "reminder.due":
            self._give_back(lease.lease_id, tomorrow, since=_step_at(event))
        else:
            # a month's second notice has a number, beside the month
            news = "#".join((event["period"], *filter(None, [event.data.get("number")])))
            self._give_back(lease.lease_id, tomorrow, news=news)
        return False

    def _now(self, event: Event, now: datetime) -> datetime:
        """Where nobody is woken, a run that was made for another day counts as of that day."""
        return now if self.keeps_quiet else event.at

    def _give_back(
        self, lease_id: str, look_at: datetime, *, since: datetime | None = None, news: str | None = None
    ) -> None:
        def attempt() -> None:
            if not self.accounts.put_off(lease_id, look_at, since=since, news=news):
                raise Contention

        self.retries.run(attempt)


def _comes_anew(event: Event, account: Account) -> bool:
    """Whether the step was given back already, or another formal notice took the place of the one that this
    event tells of: then another event tells of it."""
    if account.since is not None and account.since <= _step_at(event):
        return True
    ordered = account.formal_notice
    return "demand" in event.data and ordered is not None and ordered.document_id != event["document_id"]


def _step_at(event: Event) -> datetime:
    return datetime.fromisoformat(event["step_at"]) if "step_at" in event.data else event.at
