"""Rent notices: what a month costs, by day where it is not whole, and which months are to be billed."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import calendar, notices
from sesame.domain.notices import LineKind, notice_for, periods_to_bill, share_of_month
from sesame.domain.tenancy import Landlord, Lease, LeaseStatus, Residence

RESIDENCE = Residence(
    residence_id="les-tanneurs-69005",
    name="Les Tanneurs",
    address=("14 rue des Tanneurs",),
    postal_code="69005",
    city="Lyon",
    time_zone="Europe/Paris",
    landlord=Landlord(name="Sésame", address=("1 rue de la Clé",)),
)
LEASE = Lease(
    lease_id="lease",
    person_id="person",
    residence_id=RESIDENCE.residence_id,
    reference="L1",
    tenant_reference="T1",
    room="A101",
    starts_on=date(2026, 9, 16),
    ends_on=date(2027, 8, 20),
    rent_cents=45_000,
    charges_cents=5_001,
    deposit_cents=45_000,
    code_tail="7K",
    code_cipher=b"",
    code_hash="1:x",
)
months = st.dates(date(2024, 1, 1), date(2030, 12, 31)).map(calendar.period_of)
cents = st.integers(0, 500_000)


@st.composite
def cut_months(draw: st.DrawFn) -> list[tuple[date, date]]:
    """A month cut into stays that follow each other."""
    period = draw(months)
    first, days = calendar.first_day(period), calendar.days_in(period)
    cuts = sorted(draw(st.sets(st.integers(1, days - 1), max_size=days - 1)))
    edges = [0, *cuts, days]
    return [
        (first + timedelta(days=start), first + timedelta(days=end - 1))
        for start, end in itertools.pairwise(edges)
    ]


@given(cents, cut_months())
def test_however_a_month_is_cut_into_stays_their_amounts_add_up_to_it(
    monthly: int, stays: list[tuple[date, date]]
) -> None:
    assert sum(share_of_month(monthly, *stay) for stay in stays) == monthly


@given(cents, cut_months())
def test_a_share_is_within_a_cent_of_the_exact_one_and_never_negative(
    monthly: int, stays: list[tuple[date, date]]
) -> None:
    for start, end in stays:
        days = (end - start).days + 1
        exact = Fraction(monthly * days, calendar.days_in(calendar.period_of(start)))
        assert abs(share_of_month(monthly, start, end) - exact) < 1
        assert share_of_month(monthly, start, end) >= 0


@given(cents, months)
def test_a_first_month_is_rounded_to_the_nearest_cent(monthly: int, period: str) -> None:
    first, last, days = calendar.first_day(period), calendar.last_day(period), calendar.days_in(period)
    for day in range(1, days + 1):
        exact = Fraction(monthly * day, days)
        assert abs(share_of_month(monthly, first, first.replace(day=day)) - exact) <= Fraction(1, 2)
    assert share_of_month(monthly, first, last) == monthly


@pytest.mark.parametrize(
    ("start", "end"), [(date(2026, 9, 2), date(2026, 9, 1)), (date(2026, 9, 30), date(2026, 10, 1))]
)
def test_a_share_of_no_month_is_refused(start: date, end: date) -> None:
    with pytest.raises(ValueError, match="one month"):
        share_of_month(100, start, end)


def test_a_first_month_is_charged_from_the_day_of_moving_in() -> None:
    notice = notice_for(LEASE, RESIDENCE, "2026-09")

    assert notice is not None
    assert (notice.starts_on, notice.ends_on) == (date(2026, 9, 16), date(2026, 9, 30))
    assert {line.kind: line.amount_cents for line in notice.lines} == {
        LineKind.RENT: 22_500,
        LineKind.CHARGES: 2_500,
    }
    assert notice.amount_cents == 25_000
    assert not notice.is_whole_month


def test_a_last_month_is_charged_to_the_last_day_of_the_lease() -> None:
    notice = notice_for(LEASE, RESIDENCE, "2027-08")

    assert notice is not None
    assert notice.amount_cents == share_of_month(45_000, date(2027, 8, 1), date(2027, 8, 20)) + 3_226


def test_a_month_between_is_charged_whole_and_due_on_the_residences_day() -> None:
    notice = notice_for(LEASE, RESIDENCE, "2027-02")

    assert notice is not None
    assert notice.is_whole_month
    assert notice.amount_cents == 50_001
    assert notice.due_on == date(2027, 2, 10)


@pytest.mark.parametrize(
    "lease",
    [
        LEASE,
        replace(LEASE, starts_on=date(2026, 10, 5)),
        replace(LEASE, starts_on=date(2026, 9, 1), status=LeaseStatus.CANCELLED),
        replace(LEASE, starts_on=date(2026, 9, 1), rent_cents=0, charges_cents=0),
    ],
    ids=["before it starts", "not yet", "cancelled", "free"],
)
def test_a_lease_that_owes_nothing_for_a_period_has_no_notice(lease: Lease) -> None:
    period = "2026-08" if lease is LEASE else "2026-09"

    assert notice_for(lease, RESIDENCE, period) is None


def test_who_moves_in_during_the_month_has_as_many_days_to_pay_as_the_others() -> None:
    notice = notice_for(LEASE, RESIDENCE, "2026-09")

    assert notice is not None
    assert notice.due_on == date(2026, 9, 25)


def test_issue_and_due_days_that_a_short_month_lacks_fall_on_its_last_day() -> None:
    residence = replace(RESIDENCE, issue_day=30, due_day=31)
    notice = notice_for(LEASE, residence, "2027-02")

    assert notice is not None
    assert notices.issue_on(residence, "2027-02") == notice.due_on == date(2027, 2, 28)


def test_a_due_day_before_the_issue_day_is_in_the_next_month() -> None:
    notice = notice_for(LEASE, replace(RESIDENCE, issue_day=25, due_day=5), "2026-12")

    assert notice is not None
    assert notice.due_on == date(2027, 1, 5)


def test_before_the_issue_day_the_latest_period_is_the_month_before() -> None:
    residence = replace(RESIDENCE, issue_day=5)

    assert notices.latest_period(residence, date(2027, 1, 4)) == "2026-12"
    assert notices.latest_period(residence, date(2027, 1, 5)) == "2027-01"


def test_a_late_run_bills_the_months_it_missed_oldest_first() -> None:
    assert periods_to_bill(LEASE, RESIDENCE, date(2026, 11, 2)) == ["2026-09", "2026-10", "2026-11"]


def test_a_lease_that_has_ended_is_still_billed_for_a_month_that_was_missed() -> None:
    assert periods_to_bill(LEASE, RESIDENCE, date(2027, 9, 3))[-2:] == ["2027-07", "2027-08"]


@given(st.dates(date(2026, 1, 1), date(2029, 1, 1)))
def test_billing_day_after_day_bills_what_one_late_run_bills(today: date) -> None:
    late = periods_to_bill(LEASE, RESIDENCE, today)

    daily = {
        period
        for back in range(92)
        for period in periods_to_bill(LEASE, RESIDENCE, today - timedelta(days=back))
    }

    assert set(late) <= daily
    assert len(late) <= notices.CATCH_UP_PERIODS + 1
    assert late == sorted(late)


@given(
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.integers(0, 500),
    st.integers(1, 31),
    st.integers(1, 31),
)
def test_every_day_of_a_lease_is_charged_once(starts_on: date, length: int, issue: int, due: int) -> None:
    lease = replace(LEASE, starts_on=starts_on, ends_on=starts_on + timedelta(days=length))
    residence = replace(RESIDENCE, issue_day=issue, due_day=due)
    found = [
        notice_for(lease, residence, period)
        for period in calendar.periods(
            calendar.shift(calendar.period_of(starts_on), -1),
            calendar.shift(calendar.period_of(lease.ends_on), 1),
        )
    ]

    charged = [
        notice.starts_on + timedelta(days=n)
        for notice in found
        if notice
        for n in range((notice.ends_on - notice.starts_on).days + 1)
    ]

    assert charged == [starts_on + timedelta(days=n) for n in range(length + 1)]
    for notice in filter(None, found):
        assert notice.due_on >= max(notice.starts_on, notices.issue_on(residence, notice.period))
