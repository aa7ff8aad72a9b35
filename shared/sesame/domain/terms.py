"""A lease's terms over time: which room and what rent on which day, and how they may change.

Terms are dated, not edited: a change adds terms from a day on, and every day before it keeps its own. Cents a
month; days of the residence's calendar, both ends included.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from sesame.domain.tenancy import Lease, Terms

ROOM_CHANGE_DAYS = (1, 16)
"""Rooms are changed on these days of the month only: the first, or the middle."""
_DAY = timedelta(days=1)


class TermsFault(StrEnum):
    """Why a change of terms cannot be."""

    OUTSIDE_THE_LEASE = "outside-the-lease"
    NOT_A_ROOM_CHANGE_DAY = "not-a-room-change-day"
    ENDS_BEFORE_IT_STARTS = "ends-before-it-starts"


class TermsRefused(ValueError):
    """A change that the rules do not allow; nothing of it holds."""

    def __init__(self, fault: TermsFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Days of a lease on the same terms, the first and the last included."""

    starts_on: date
    ends_on: date
    terms: Terms


def original_terms(lease: Lease) -> Terms:
    """The terms of a lease whose terms never changed."""
    return Terms(
        starts_on=lease.starts_on,
        room=lease.room,
        rent_cents=lease.rent_cents,
        charges_cents=lease.charges_cents,
    )


def segments(lease: Lease) -> tuple[Segment, ...]:
    """The lease's days cut where its terms change, in order: together they are every day of it, each once.

    Terms from a day after the lease's end never come to hold. Whether a lease was cancelled is not looked at.
    """
    held = [one for one in lease.terms or (original_terms(lease),) if one.starts_on <= lease.ends_on]
    ends = [later.starts_on - _DAY for later in held[1:]] + [lease.ends_on]
    return tuple(
        Segment(starts_on=max(one.starts_on, lease.starts_on), ends_on=end, terms=one)
        for one, end in zip(held, ends, strict=True)
        if max(one.starts_on, lease.starts_on) <= end
    )


def terms_on(lease: Lease, day: date) -> Terms:
    """The terms that hold on a day; before the lease starts its first, after it has ended its last."""
    known = lease.terms or (original_terms(lease),)
    held = [one for one in known if one.starts_on <= min(day, lease.ends_on)]
    return held[-1] if held else known[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStay:
    """Days of a lease in one room, whatever it cost, the first and the last included."""

    room: str
    starts_on: date
    ends_on: date


def rooms_held(lease: Lease) -> tuple[RoomStay, ...]:
    """The lease's days cut where its room changes, in order; what is decided for later too."""
    held: list[RoomStay] = []
    for one in segments(lease):
        starts_on = one.starts_on
        if held and held[-1].room == one.terms.room:
            starts_on = held.pop().starts_on
        held.append(RoomStay(room=one.terms.room, starts_on=starts_on, ends_on=one.ends_on))
    return tuple(held)


def as_of(lease: Lease, day: date) -> Lease:
    """The lease with the room, the rent and the charges of a day, for whoever shows or prints one of them."""
    terms = terms_on(lease, day)
    return replace(lease, room=terms.room, rent_cents=terms.rent_cents, charges_cents=terms.charges_cents)


def amended(
    lease: Lease,
    starts_on: date,
    *,
    room: str | None = None,
    rent_cents: int | None = None,
    charges_cents: int | None = None,
    occupants: int | None = None,
) -> Lease:
    """The lease on other terms from a day on, to the eve of the next change that is on record.

    What is not given stays as it is on that day. Said again, it is the same lease. Raises TermsRefused for a
    day outside the lease, and for another room from any day but the 1st or 16th, or the lease's first.
    """
    if not lease.starts_on <= starts_on <= lease.ends_on:
        raise TermsRefused(TermsFault.OUTSIDE_THE_LEASE)
    before = terms_on(lease, starts_on)
    after = Terms(
        starts_on=starts_on,
        room=before.room if room is None else room,
        rent_cents=before.rent_cents if rent_cents is None else rent_cents,
        charges_cents=before.charges_cents if charges_cents is None else charges_cents,
        occupants=before.occupants if occupants is None else occupants,
    )
    if replace(after, starts_on=before.starts_on) == before:
        return lease
    moves = after.room != before.room
    if moves and starts_on != lease.starts_on and starts_on.day not in ROOM_CHANGE_DAYS:
        raise TermsRefused(TermsFault.NOT_A_ROOM_CHANGE_DAY)
    known = lease.terms or (original_terms(lease),)
    kept = [one for one in known if one.starts_on != starts_on]
    return replace(lease, terms=_in_order([*kept, after]))


def ending(lease: Lease, ends_on: date) -> Lease:
    """The lease with another last day, earlier or later. The last terms hold as long as it does.

    Raises TermsRefused for a day before the lease starts.
    """
    if ends_on < lease.starts_on:
        raise TermsRefused(TermsFault.ENDS_BEFORE_IT_STARTS)
    # an extension does not bring terms back to life that an earlier end had cut off
    held = tuple(one for one in lease.terms if one.starts_on <= ends_on)
    return replace(lease, ends_on=ends_on, terms=held)


def _in_order(terms: Iterable[Terms]) -> tuple[Terms, ...]:
    return tuple(sorted(terms, key=lambda one: one.starts_on))
