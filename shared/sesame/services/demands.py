"""What a formal notice demands of an account, and whether a day later it would still demand the same."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from sesame.domain.calendar import local_date, wall_time
from sesame.domain.debts import Demand, demand_of
from sesame.domain.journal import Outstanding
from sesame.domain.plans import uncovered
from sesame.domain.reminders import payable_by
from sesame.domain.tenancy import Residence
from sesame.platform.events import Event
from sesame.platform.ids import derived_id
from sesame.store.accounts import Account


def demanded(account: Account, residence: Residence, now: datetime, *, breaks_plan: bool = False) -> Demand:
    """What a formal notice of today demands, of today's residence: dated, so that no two days' are the same.

    `breaks_plan`: the account's plan ends with it, so that what it covered is demanded too.
    """
    today = local_date(now, residence.time_zone)
    pay_by = today + timedelta(days=residence.reminders.pay_by_days)
    outstanding = _demandable(account, residence.time_zone, breaks_plan=breaks_plan)
    return demand_of(outstanding, as_of=today, pay_by=pay_by)


def digest_of(demand: Demand) -> str:
    """What tells two demands apart."""
    return derived_id("demand", json.dumps(demand, sort_keys=True))


def is_outdated(event: Event, account: Account, residence: Residence, now: datetime) -> bool:
    """Whether the formal notice that a step is to tell of no longer says what is demanded.

    Never where the document was told of already, by another channel: then it is the one that counts.
    """
    if "demand" not in event.data or "told" in event.data:
        return False
    return digest_of(demanded(account, residence, now)) != event["demand"]


def is_past(event: Event, residence: Residence, now: datetime) -> bool:
    """Whether the last day to pay that a formal notice names is over: then it can be told of no more."""
    return "pay_by" in event.data and local_date(now, residence.time_zone) > _pay_by(event)


def demands_another_sum(event: Event, account: Account, residence: Residence) -> bool:
    """Whether the paper of a step, written today as of its own day, would demand something else."""
    if "demand" not in event.data:
        return False
    as_of = _pay_by(event) - timedelta(days=residence.reminders.pay_by_days)
    written = wall_time(as_of, time(12), residence.time_zone)
    return digest_of(demanded(account, residence, written)) != event["demand"]


def _pay_by(event: Event) -> date:
    return date.fromisoformat(event["pay_by"])


def _demandable(account: Account, time_zone: str, *, breaks_plan: bool) -> Sequence[Outstanding]:
    """What may be demanded: not what a plan covers; by the last day that reminders named."""
    plan = account.plan if not breaks_plan else None
    return [
        replace(debit, due_on=payable_by(debit, time_zone))
        for debit in uncovered(account.checkpoint.outstanding, plan)
    ]
