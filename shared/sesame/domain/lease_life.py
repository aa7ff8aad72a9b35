"""The life of a lease: its stages, what may happen at each, and what a change makes of it.

Pure. `TRANSITIONS` is the state table, drawn in docs/states.md. Only what somebody decided is stored; whether
a stay has begun or is over is a matter of the day it is asked on, so that no job can be late in saying so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import ClassVar

from sesame.domain.calendar import day_in, period_of, shift
from sesame.domain.file_faults import WORDS, Fault, Wording
from sesame.domain.tenancy import NOTICE_MONTHS, Departure, DepartureReason, Lease, LeaseStatus
from sesame.domain.terms import TermsFault, TermsRefused, amended, ending, original_terms, terms_on

CANCEL_WITHIN = timedelta(days=31)
"""How long after its first day a lease can still be said never to have begun: nobody came."""
LONGEST_EXTENSION = timedelta(days=2 * 366)
"""A typing error must not bill somebody for life."""
_DAY = timedelta(days=1)


class Stage(StrEnum):
    """Where a lease is in its life, on a day."""

    ADMITTED = "admitted"
    ACTIVE = "active"
    RENEWED = "renewed"
    NOTICE_GIVEN = "notice_given"
    DEPARTED = "departed"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class LifeEvent(StrEnum):
    """What happens to a lease. The last two are the calendar's."""

    ROOM_CHANGED = "room_changed"
    RENT_AMENDED = "rent_amended"
    SHARING_CHANGED = "sharing_changed"
    EXTENDED = "extended"
    RENEWED = "renewed"
    NOTICE_GIVEN = "notice_given"
    NOTICE_WITHDRAWN = "notice_withdrawn"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    FIRST_DAY_CAME = "first_day_came"
    LAST_DAY_PASSED = "last_day_passed"


BY_CALENDAR = frozenset({LifeEvent.FIRST_DAY_CAME, LifeEvent.LAST_DAY_PASSED})

_STAYING = (Stage.ADMITTED, Stage.ACTIVE, Stage.RENEWED)
_HERE: dict[tuple[Stage, LifeEvent], tuple[Stage, ...]] = {
    (stage, event): (stage,)
    for stage in (*_STAYING, Stage.NOTICE_GIVEN, Stage.DEPARTED)
    for event in (LifeEvent.ROOM_CHANGED, LifeEvent.RENT_AMENDED, LifeEvent.SHARING_CHANGED)
}

TRANSITIONS: Mapping[tuple[Stage, LifeEvent], tuple[Stage, ...]] = _HERE | {
    (Stage.ADMITTED, LifeEvent.FIRST_DAY_CAME): (Stage.ACTIVE, Stage.RENEWED),
    (Stage.ADMITTED, LifeEvent.EXTENDED): (Stage.ADMITTED,),
    (Stage.ADMITTED, LifeEvent.NOTICE_GIVEN): (Stage.NOTICE_GIVEN,),
    (Stage.ADMITTED, LifeEvent.CANCELLED): (Stage.CANCELLED,),
    (Stage.ACTIVE, LifeEvent.EXTENDED): (Stage.ACTIVE,),
    (Stage.ACTIVE, LifeEvent.RENEWED): (Stage.RENEWED,),
    (Stage.ACTIVE, LifeEvent.NOTICE_GIVEN): (Stage.NOTICE_GIVEN, Stage.DEPARTED),
    (Stage.ACTIVE, LifeEvent.CANCELLED): (Stage.CANCELLED,),
    (Stage.ACTIVE, LifeEvent.LAST_DAY_PASSED): (Stage.DEPARTED,),
    (Stage.RENEWED, LifeEvent.EXTENDED): (Stage.RENEWED,),
    (Stage.RENEWED, LifeEvent.RENEWED): (Stage.RENEWED,),
    (Stage.RENEWED, LifeEvent.NOTICE_GIVEN): (Stage.NOTICE_GIVEN, Stage.DEPARTED),
    (Stage.RENEWED, LifeEvent.LAST_DAY_PASSED): (Stage.DEPARTED,),
    # another day than was said before
    (Stage.NOTICE_GIVEN, LifeEvent.NOTICE_GIVEN): (Stage.NOTICE_GIVEN, Stage.DEPARTED),
    (Stage.NOTICE_GIVEN, LifeEvent.NOTICE_WITHDRAWN): _STAYING,
    (Stage.NOTICE_GIVEN, LifeEvent.LAST_DAY_PASSED): (Stage.DEPARTED,),
    # the keys came back on another day, or nobody left
    (Stage.DEPARTED, LifeEvent.NOTICE_GIVEN): (Stage.NOTICE_GIVEN, Stage.DEPARTED),
    (Stage.DEPARTED, LifeEvent.EXTENDED): (Stage.ACTIVE, Stage.RENEWED, Stage.DEPARTED),
    (Stage.DEPARTED, LifeEvent.RENEWED): (Stage.RENEWED, Stage.DEPARTED),
    (Stage.DEPARTED, LifeEvent.CLOSED): (Stage.CLOSED,),
}
"""What may happen at a stage, and where it may lead: which of several is for the calendar to say."""


class LifeRefused(ValueError):
    """A change that cannot be; nothing of it holds. `about` completes the words."""

    def __init__(self, fault: Fault, about: str = "") -> None:
        super().__init__(fault.value)
        self.fault, self.about = fault, about

    @property
    def words(self) -> Wording:
        """Reason and remedy, in both languages."""
        return WORDS[self.fault]


def stage_on(lease: Lease, day: date) -> Stage:
    """Where a lease is on a day of its residence's calendar."""
    if lease.status is LeaseStatus.CANCELLED:
        return Stage.CANCELLED
    if lease.status is LeaseStatus.CLOSED:
        return Stage.CLOSED
    if day > lease.ends_on:
        return Stage.DEPARTED
    if lease.departure is not None:
        return Stage.NOTICE_GIVEN
    if day < lease.starts_on:
        return Stage.ADMITTED
    return Stage.RENEWED if lease.renewed_from else Stage.ACTIVE


def possible_at(stage: Stage) -> tuple[LifeEvent, ...]:
    """What somebody may decide at a stage."""
    return tuple(event for event in LifeEvent if event not in BY_CALENDAR and (stage, event) in TRANSITIONS)


# --- Changes: each knows its event, and what it makes of a lease


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomChange:
    """Another room from the 1st or 16th on, at another rent where one is given. Cents a month."""

    event: ClassVar[LifeEvent] = LifeEvent.ROOM_CHANGED
    starts_on: date
    room: str
    rent_cents: int | None = None
    charges_cents: int | None = None
    occupants: int | None = None

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it. Raises LifeRefused."""
        del today
        if terms_on(lease, self.starts_on).room == self.room:
            raise LifeRefused(Fault.SAME_ROOM)
        return amended(
            lease,
            self.starts_on,
            room=self.room,
            rent_cents=self.rent_cents,
            charges_cents=self.charges_cents,
            occupants=self.occupants,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RentAmendment:
    """Another rent, other charges, from a day on. Cents a month."""

    event: ClassVar[LifeEvent] = LifeEvent.RENT_AMENDED
    starts_on: date
    rent_cents: int | None = None
    charges_cents: int | None = None

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it."""
        del today
        return amended(lease, self.starts_on, rent_cents=self.rent_cents, charges_cents=self.charges_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingChange:
    """A co-tenant comes or goes: how many live in the room from a day on, and this tenant's part since.

    Each of them has a lease of their own; what changes for the others is said of theirs.
    """

    event: ClassVar[LifeEvent] = LifeEvent.SHARING_CHANGED
    starts_on: date
    occupants: int
    rent_cents: int | None = None
    charges_cents: int | None = None

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it."""
        del today
        return amended(
            lease,
            self.starts_on,
            occupants=self.occupants,
            rent_cents=self.rent_cents,
            charges_cents=self.charges_cents,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A later last day, on the same terms. Who was said to leave stays on."""

    event: ClassVar[LifeEvent] = LifeEvent.EXTENDED
    ends_on: date

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it. Raises LifeRefused."""
        del today
        return _longer(lease, self.ends_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """A further period, from the morrow of the last day on; at another rent where one is given."""

    event: ClassVar[LifeEvent] = LifeEvent.RENEWED
    ends_on: date
    rent_cents: int | None = None
    charges_cents: int | None = None

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it. Raises LifeRefused."""
        del today
        if lease.departure is not None:
            raise LifeRefused(Fault.NOTICE_WAS_GIVEN)
        starts_on = lease.ends_on + _DAY
        longer = replace(_longer(lease, self.ends_on), renewed_from=(*lease.renewed_from, starts_on))
        if self.rent_cents is None and self.charges_cents is None:
            return longer
        return amended(longer, starts_on, rent_cents=self.rent_cents, charges_cents=self.charges_cents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The stay ends before its time. Only a tenant's own notice must be of the residence's length."""

    event: ClassVar[LifeEvent] = LifeEvent.NOTICE_GIVEN
    leaves_on: date
    given_on: date
    reason: DepartureReason

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it. Raises LifeRefused."""
        last = lease.departure.ended_on if lease.departure else lease.ends_on
        if self.given_on > today:
            raise LifeRefused(Fault.NOTICE_IN_FUTURE)
        if self.leaves_on > last:
            raise LifeRefused(Fault.LEAVES_AFTER_END, about=last.isoformat())
        whole = _whole(lease)
        shorter = ending(whole, self.leaves_on)
        departure = Departure(
            given_on=self.given_on,
            reason=self.reason,
            ended_on=last,
            cut_off=tuple(one for one in whole.terms if one not in shorter.terms),
        )
        return replace(shorter, departure=departure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Notice is taken back, which staff allow: the lease ends when it was to end before."""

    event: ClassVar[LifeEvent] = LifeEvent.NOTICE_WITHDRAWN

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it."""
        del today
        return _whole(lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """It never begins: nothing is owed, no paper holds."""

    event: ClassVar[LifeEvent] = LifeEvent.CANCELLED

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it. Raises LifeRefused."""
        if today > lease.starts_on + CANCEL_WITHIN:
            raise LifeRefused(Fault.TOO_LATE_TO_CANCEL, about=str(CANCEL_WITHIN.days))
        return replace(lease, status=LeaseStatus.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Nothing is left to settle."""

    event: ClassVar[LifeEvent] = LifeEvent.CLOSED

    def make(self, lease: Lease, today: date) -> Lease:
        """The lease with it."""
        del today
        return replace(lease, status=LeaseStatus.CLOSED)


LifeChange = (
    RoomChange
    | RentAmendment
    | SharingChange
    | Extension
    | Renewal
    | Leaving
    | Withdrawal
    | Cancellation
    | Closing
)


def changed(lease: Lease, change: LifeChange, today: date, *, notice_months: int = NOTICE_MONTHS) -> Lease:
    """The lease after a change, decided on a day of its residence's calendar, where so much notice is given.

    Raises LifeRefused where its stage does not allow it, it breaks a rule of its own, or nothing changes.
    """
    stage = stage_on(lease, today)
    leads_to = TRANSITIONS.get((stage, change.event))
    if leads_to is None:
        raise LifeRefused(_AT_STAGE[stage])
    try:
        after = change.make(lease, today)
    except TermsRefused as refused:
        raise LifeRefused(_OF_TERMS[refused.fault]) from refused
    if after == lease:
        raise LifeRefused(Fault.NOTHING_CHANGES)
    if isinstance(change, Leaving) and change.reason is DepartureReason.TENANT_NOTICE:
        earliest = earliest_leaving(_whole(lease), change.given_on, notice_months)
        if change.leaves_on < earliest:
            raise LifeRefused(Fault.NOTICE_TOO_SHORT, about=earliest.isoformat())
    return after


def earliest_leaving(lease: Lease, given_on: date, notice_months: int) -> date:
    """The first day on which a tenant who gives notice on a day may leave: never before the stay begins, and
    at the latest when it was to end anyhow."""
    return min(max(earliest_departure(given_on, notice_months), lease.starts_on), lease.ends_on)


def is_so(lease: Lease, change: RoomChange | RentAmendment | SharingChange | Extension | Leaving) -> bool:
    """Whether a lease is on record as a change would make it, whoever said so."""
    match change:
        case Extension():
            return lease.ends_on == change.ends_on
        case Leaving():
            gone = lease.departure
            return gone is not None and gone.reason is change.reason and lease.ends_on == change.leaves_on
    known = lease.terms or (original_terms(lease),)
    wanted = {
        name: value
        for name in ("room", "rent_cents", "charges_cents", "occupants")
        if (value := getattr(change, name, None)) is not None
    }
    return any(
        one.starts_on == change.starts_on
        and all(getattr(one, name) == value for name, value in wanted.items())
        for one in known
    )


def earliest_departure(given_on: date, months: int = NOTICE_MONTHS) -> date:
    """The first day that a tenant's notice, received on a day, may end a stay: so many full months later.

    A time counted in months ends on the day of the last one with the same number, or on its last day where it
    has no such day (Code de procédure civile, article 641).

    >>> earliest_departure(date(2027, 1, 31))
    datetime.date(2027, 2, 28)
    """
    return day_in(shift(period_of(given_on), months), given_on.day)


def _longer(lease: Lease, ends_on: date) -> Lease:
    if ends_on <= lease.ends_on:
        raise LifeRefused(Fault.END_NOT_LATER, about=lease.ends_on.isoformat())
    if ends_on > lease.ends_on + LONGEST_EXTENSION:
        raise LifeRefused(Fault.END_TOO_FAR)
    return ending(_whole(lease), ends_on)


def _whole(lease: Lease) -> Lease:
    """The lease as it would be had nobody said that it ends early."""
    gone = lease.departure
    if gone is None:
        return lease
    terms = (*lease.terms, *gone.cut_off) if lease.terms else gone.cut_off
    return replace(lease, ends_on=gone.ended_on, terms=terms, departure=None)


_AT_STAGE: Mapping[Stage, Fault] = {
    Stage.ADMITTED: Fault.STAY_NOT_BEGUN,
    Stage.ACTIVE: Fault.STAY_UNDER_WAY,
    Stage.RENEWED: Fault.STAY_UNDER_WAY,
    Stage.NOTICE_GIVEN: Fault.NOTICE_WAS_GIVEN,
    Stage.DEPARTED: Fault.STAY_OVER,
    Stage.CLOSED: Fault.LEASE_CLOSED,
    Stage.CANCELLED: Fault.LEASE_CANCELLED,
}
_OF_TERMS: Mapping[TermsFault, Fault] = {
    TermsFault.OUTSIDE_THE_LEASE: Fault.OUTSIDE_THE_STAY,
    TermsFault.NOT_A_ROOM_CHANGE_DAY: Fault.NOT_A_ROOM_CHANGE_DAY,
    TermsFault.ENDS_BEFORE_IT_STARTS: Fault.ENDS_BEFORE_START,
}
