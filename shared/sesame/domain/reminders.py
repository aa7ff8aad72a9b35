"""The ladder of reminders: the step an unpaid notice has reached, and when to look at the account again.

An account has one instant, `next_step_at`, while something is unpaid: an index finds it by that instant, and
whoever takes the step moves it on the condition that nobody has. So each step is taken once, however often
planners run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sesame.domain.calendar import SENDING_OPENS, Period, local_date, period_of, wall_time
from sesame.domain.journal import Outstanding


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rung: `days` from the due date, negative before it. `name` is what events and messages call it."""

    name: str
    days: int


type Ladder = tuple[Step, ...]

DEFAULT_LADDER: Ladder = (
    Step(name="before-due", days=-5),
    Step(name="due", days=0),
    Step(name="late-1", days=3),
    Step(name="late-2", days=10),
    Step(name="late-3", days=20),
)
SHORT_NOTICE = timedelta(days=4)
TIME_TO_PAY = timedelta(days=9)
"""Who got a bill less than `SHORT_NOTICE` before its due date has `TIME_TO_PAY` from then: our being late
makes nobody late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A step, and the month whose debt reached it."""

    step: Step
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The step to take now (None: the ladder has none left here), and when to look again (None: never)."""

    reached: Reached | None
    next_step_at: datetime | None


def payable_by(debit: Outstanding, time_zone: str) -> date:
    """The day that reminders count from and name: the due date, or later where the bill went out late."""
    issued_on = local_date(debit.issued_at, time_zone)
    return debit.due_on if debit.due_on - issued_on >= SHORT_NOTICE else issued_on + TIME_TO_PAY


def _steps(
    unpaid: Sequence[Outstanding], ladder: Ladder, time_zone: str
) -> Iterator[tuple[datetime, Step, Outstanding]]:
    """Every step of every unpaid debit, with the instant when sending opens that day at the residence."""
    for debit in unpaid:
        issued_on, last_day = local_date(debit.issued_at, time_zone), payable_by(debit, time_zone)
        for step in ladder:
            day = last_day + timedelta(days=step.days)
            # the notice's own e-mail said it that day: a step before or on it would only repeat it
            if debit.unpaid_cents > 0 and day > issued_on:
                yield wall_time(day, SENDING_OPENS, time_zone), step, debit


def next_step_at(
    unpaid: Sequence[Outstanding],
    *,
    time_zone: str,
    previous: datetime | None,
    now: datetime,
    ladder: Ladder = DEFAULT_LADDER,
) -> datetime | None:
    """When an account must next be looked at, after its journal changed; None when no step is left.

    `previous` is the instant the account carried before. A step that was due and not yet taken stays due; a
    step that lies behind is never taken again.
    """
    earliest = min(now, previous) if previous else now
    return min((at for at, _, _ in _steps(unpaid, ladder, time_zone) if at >= earliest), default=None)


def decide(
    unpaid: Sequence[Outstanding],
    *,
    time_zone: str,
    due_since: datetime,
    now: datetime,
    ladder: Ladder = DEFAULT_LADDER,
) -> Decision | None:
    """What to do with an account whose `next_step_at` is `due_since`; None while its time has not come.

    All steps from `due_since` to `now` are merged into one: the highest rung, of the oldest notice on it.
    Whoever takes the decision writes `next_step_at` on the condition that it still is `due_since`.
    """
    if now < due_since:
        return None
    steps = list(_steps(unpaid, ladder, time_zone))
    due = [(step, _month(debit)) for at, step, debit in steps if due_since <= at <= now]
    highest = min(due, key=lambda found: (-found[0].days, found[1]), default=None)
    return Decision(
        reached=Reached(step=highest[0], period=highest[1]) if highest else None,
        next_step_at=min((at for at, _, _ in steps if at > now), default=None),
    )


def _month(debit: Outstanding) -> Period:
    return debit.period or period_of(debit.due_on)
