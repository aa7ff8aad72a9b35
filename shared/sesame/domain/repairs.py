"""A repair that a tenant asks for: what was done about it, and when. A table says what may follow."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from sesame.domain.attachments import Side


class RepairState(StrEnum):
    """How far a repair is."""

    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"
    SCHEDULED = "scheduled"
    DONE = "done"
    """So the staff say; the tenant confirms it, or reopens it."""
    CONFIRMED = "confirmed"
    REOPENED = "reopened"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    """The tenant needs it no more."""


class RepairEvent(StrEnum):
    """What moves a repair on."""

    ACKNOWLEDGE = "acknowledge"
    SCHEDULE = "schedule"
    FINISH = "finish"
    DECLINE = "decline"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"


class DeclineReason(StrEnum):
    """Why staff do not repair something; more may be said in the message that goes with it."""

    TENANTS_CARE = "tenants_care"
    """Upkeep that falls to the tenant (décret n° 87-712)."""
    NO_FAULT_FOUND = "no_fault_found"
    NOT_OURS = "not_ours"
    """Somebody else's to repair: the supplier of a line, a neighbour."""
    REPORTED_BEFORE = "reported_before"
    OTHER = "other"


_UNDECIDED = (RepairState.REPORTED, RepairState.ACKNOWLEDGED, RepairState.SCHEDULED, RepairState.REOPENED)
TRANSITIONS: Mapping[tuple[RepairState, RepairEvent], RepairState] = {
    (RepairState.REPORTED, RepairEvent.ACKNOWLEDGE): RepairState.ACKNOWLEDGED,
    (RepairState.REOPENED, RepairEvent.ACKNOWLEDGE): RepairState.ACKNOWLEDGED,
    **{(state, RepairEvent.SCHEDULE): RepairState.SCHEDULED for state in _UNDECIDED},
    **{(state, RepairEvent.FINISH): RepairState.DONE for state in _UNDECIDED},
    **{(state, RepairEvent.DECLINE): RepairState.DECLINED for state in _UNDECIDED},
    **{(state, RepairEvent.WITHDRAW): RepairState.WITHDRAWN for state in _UNDECIDED},
    (RepairState.DONE, RepairEvent.CONFIRM): RepairState.CONFIRMED,
    (RepairState.DONE, RepairEvent.REOPEN): RepairState.REOPENED,
}
"""What a repair becomes. Scheduled again, it has another day. Confirmed, declined and withdrawn are ends."""

WHO_MAY: Mapping[RepairEvent, Side] = {
    RepairEvent.ACKNOWLEDGE: Side.STAFF,
    RepairEvent.SCHEDULE: Side.STAFF,
    RepairEvent.FINISH: Side.STAFF,
    RepairEvent.DECLINE: Side.STAFF,
    RepairEvent.CONFIRM: Side.TENANT,
    RepairEvent.REOPEN: Side.TENANT,
    RepairEvent.WITHDRAW: Side.TENANT,
}

OVER = frozenset({RepairState.DONE, RepairState.CONFIRMED, RepairState.DECLINED, RepairState.WITHDRAWN})
"""Nothing is left for the staff to do."""


class RepairNotMoved(Exception):
    """A repair in this state cannot be moved on so, or not by this side."""


class RepairIncomplete(ValueError):
    """What a step must say is missing: the day of a schedule, not past; the reason of a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairStep:
    """What was done: the state reached, when. `on` is the day it is scheduled for, at the residence."""

    state: RepairState
    at: datetime
    on: date | None = None
    reason: DeclineReason | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A repair by its steps, oldest first; never none."""

    steps: tuple[RepairStep, ...]

    @property
    def state(self) -> RepairState:
        """The one it is in."""
        return self.steps[-1].state

    @property
    def scheduled_on(self) -> date | None:
        """The day it is scheduled for, while it is."""
        return self.steps[-1].on


def reported(at: datetime) -> Repair:
    """A repair just asked for."""
    return Repair((RepairStep(state=RepairState.REPORTED, at=at),))


def moved(
    repair: Repair,
    event: RepairEvent,
    side: Side,
    at: datetime,
    *,
    today: date,
    on: date | None = None,
    reason: DeclineReason | None = None,
) -> Repair:
    """The repair after one more step. `today` is the residence's. Raises RepairNotMoved, RepairIncomplete."""
    state = TRANSITIONS.get((repair.state, event))
    if state is None or WHO_MAY[event] is not side:
        raise RepairNotMoved
    if (on is not None) != (event is RepairEvent.SCHEDULE) or (on is not None and on < today):
        raise RepairIncomplete("on")
    if (reason is not None) != (event is RepairEvent.DECLINE):
        raise RepairIncomplete("reason")
    step = RepairStep(state=state, at=at, on=on, reason=reason)
    return replace(repair, steps=(*repair.steps, step))
