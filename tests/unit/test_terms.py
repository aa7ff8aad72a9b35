"""A lease's terms over time: every day has its own, and a change leaves the days before it alone."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.notices import LineKind, notice_for
from sesame.domain.tenancy import Lease
from sesame.domain.terms import (
    TermsFault,
    TermsRefused,
    amended,
    as_of,
    ending,
    segments,
    terms_on,
)
from tests.unit.test_notices import LEASE, RESIDENCE

YEAR = replace(LEASE, starts_on=date(2026, 9, 1), ends_on=date(2027, 8, 31), charges_cents=5_000)
days = st.dates(date(2026, 8, 1), date(2027, 10, 31))


@st.composite
def changed_leases(draw: st.DrawFn) -> Lease:
    """A lease after a few changes, in whatever order they were said."""
    lease = YEAR
    for _ in range(draw(st.integers(0, 5))):
        day = draw(days)
        try:
            if draw(st.booleans()):
                lease = amended(lease, day, rent_cents=draw(st.integers(0, 50_000)))
            else:
                lease = ending(lease, day)
        except TermsRefused:
            continue
    return lease


@given(changed_leases())
def test_segments_are_every_day_of_the_lease_once_and_say_what_holds_on_it(lease: Lease) -> None:
    covered = [
        (one.starts_on + timedelta(days=n), one.terms)
        for one in segments(lease)
        for n in range((one.ends_on - one.starts_on).days + 1)
    ]

    length = (lease.ends_on - lease.starts_on).days + 1
    assert [day for day, _ in covered] == [lease.starts_on + timedelta(days=n) for n in range(length)]
    assert all(terms_on(lease, day) == terms for day, terms in covered)


@given(changed_leases(), days, st.integers(0, 50_000))
def test_an_amendment_changes_no_day_before_it_and_said_again_nothing(
    lease: Lease, day: date, rent: int
) -> None:
    if not lease.starts_on <= day <= lease.ends_on:
        with pytest.raises(TermsRefused, match=TermsFault.OUTSIDE_THE_LEASE):
            amended(lease, day, rent_cents=rent)
        return

    after = amended(lease, day, rent_cents=rent)

    assert terms_on(after, day).rent_cents == rent
    assert amended(after, day, rent_cents=rent) == after
    for back in itertools.takewhile(lambda back: day - timedelta(days=back) >= lease.starts_on, range(1, 40)):
        earlier = day - timedelta(days=back)
        assert terms_on(after, earlier) == terms_on(lease, earlier)


def test_a_room_is_changed_on_the_first_or_the_sixteenth_only() -> None:
    moved = amended(YEAR, date(2026, 10, 16), room="C301", rent_cents=60_000)

    assert (terms_on(moved, date(2026, 10, 15)).room, terms_on(moved, date(2026, 10, 16)).room) == (
        "A101",
        "C301",
    )
    with pytest.raises(TermsRefused) as refused:
        amended(YEAR, date(2026, 10, 17), room="C301")
    assert refused.value.fault is TermsFault.NOT_A_ROOM_CHANGE_DAY


def test_what_is_shown_of_a_lease_is_what_holds_that_day_and_billing_does_not_mind() -> None:
    moved = amended(YEAR, date(2026, 10, 16), room="C301", rent_cents=60_000)
    shown = as_of(moved, date(2026, 11, 3))

    assert (shown.room, shown.rent_cents, shown.charges_cents) == ("C301", 60_000, 5_000)
    assert notice_for(shown, RESIDENCE, "2026-10") == notice_for(moved, RESIDENCE, "2026-10")


def test_a_change_of_room_in_the_middle_of_a_month_makes_two_lines_of_a_kind() -> None:
    moved = amended(YEAR, date(2026, 10, 16), room="C301", rent_cents=60_000)

    notice = notice_for(moved, RESIDENCE, "2026-10")

    assert notice is not None
    assert [
        (one.kind, one.room, one.starts_on.day, one.ends_on.day, one.amount_cents) for one in notice.lines
    ] == [
        (LineKind.RENT, "A101", 1, 15, 21_774),
        (LineKind.RENT, "C301", 16, 31, 30_968),
        (LineKind.CHARGES, "A101", 1, 15, 2_419),
        (LineKind.CHARGES, "C301", 16, 31, 2_581),
    ]


def test_an_amended_rent_cuts_the_rent_only_where_the_room_stays() -> None:
    dearer = amended(YEAR, date(2026, 10, 10), rent_cents=46_000)

    notice = notice_for(dearer, RESIDENCE, "2026-10")

    assert notice is not None
    assert [(one.kind, one.starts_on.day, one.ends_on.day) for one in notice.lines] == [
        (LineKind.RENT, 1, 9),
        (LineKind.RENT, 10, 31),
        (LineKind.CHARGES, 1, 31),
    ]


def test_an_extension_does_not_revive_terms_that_an_earlier_end_had_cut_off() -> None:
    dearer = amended(YEAR, date(2027, 6, 1), rent_cents=60_000)

    again = ending(ending(dearer, date(2027, 5, 31)), date(2027, 8, 31))

    assert terms_on(again, date(2027, 7, 1)).rent_cents == YEAR.rent_cents


def test_who_shares_a_room_pays_a_part_and_all_of_it_once_alone() -> None:
    shared = amended(YEAR, YEAR.starts_on, rent_cents=22_500, occupants=2)

    alone = amended(shared, date(2027, 2, 1), rent_cents=45_000, occupants=1)

    assert (terms_on(alone, date(2027, 1, 31)).occupants, terms_on(alone, date(2027, 2, 1)).occupants) == (
        2,
        1,
    )
    january, february = (notice_for(alone, RESIDENCE, month) for month in ("2027-01", "2027-02"))
    assert january is not None
    assert february is not None
    assert (january.sum_of(LineKind.RENT), february.sum_of(LineKind.RENT)) == (22_500, 45_000)
