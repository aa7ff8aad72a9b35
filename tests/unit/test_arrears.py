"""Arrears by age: every overdue cent in one class, and a picture that says what it shows."""

import re
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.arrears import NONE, Age, Arrears, Owed, age_of, arrears, owed_on, owed_with, together
from sesame.domain.journal import Outstanding
from sesame.services.arrears import LeaseArrears, ResidenceArrears, arrears_csv
from sesame.services.arrears_chart import arrears_svg
from tests.unit.test_letters import LEASE, RESIDENCE

TODAY = date(2026, 12, 1)


def debt(days: int, unpaid: int, paid: int = 0) -> Outstanding:
    return Outstanding(
        entry_id=f"d{days}",
        period="2026-09",
        due_on=TODAY - timedelta(days=days),
        amount_cents=unpaid + paid,
        paid_cents=paid,
        issued_at=datetime(2026, 9, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("days", "age"),
    [(1, "0-30"), (30, "0-30"), (31, "31-60"), (60, "31-60"), (61, "61-90"), (90, "61-90"), (91, "90+")],
)
def test_the_classes_begin_and_end_where_accountants_say(days: int, age: str) -> None:
    assert age_of(TODAY - timedelta(days=days), TODAY) == age


@given(
    st.lists(
        st.builds(debt, st.integers(-40, 400), st.integers(0, 100_000), st.integers(0, 1_000)),
        max_size=12,
    )
)
def test_every_overdue_cent_is_in_exactly_one_class_and_nothing_else_is(debts: list[Outstanding]) -> None:
    late = [one for one in debts if one.due_on < TODAY and one.unpaid_cents > 0]

    found = arrears(debts, TODAY)

    assert found.total_cents == sum(one.unpaid_cents for one in late)
    assert found.oldest_due_on == min((one.due_on for one in late), default=None)
    assert together([arrears([one], TODAY) for one in debts]) == found


def residence_arrears(*cents: int) -> ResidenceArrears:
    owed = Arrears(by_age=dict(zip(Age, cents, strict=True)), oldest_due_on=date(2026, 8, 10))
    leases = (LeaseArrears(lease=LEASE, arrears=owed),) if sum(cents) else ()
    total = owed if leases else NONE
    return ResidenceArrears(residence=RESIDENCE, day=TODAY, total=total, leases=leases)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_picture_says_in_words_all_that_it_shows(language: str) -> None:
    picture = arrears_svg(residence_arrears(105_300, 52_650, 0, 100), language)

    root = ElementTree.fromstring(picture)  # noqa: S314 - our own
    described = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
    assert root.get("role") == "img"
    for amount in ("053,00", "526,50", "1,00") if language == "fr" else ("053.00", "526.50", "1.00"):
        assert amount in described["desc"]
    widths = [int(width) for width in re.findall(r'class="bar"[^>]* width="(\d+)"', picture)]
    assert widths[0] == max(widths)
    assert widths[1] == pytest.approx(widths[0] / 2, abs=1)
    assert widths[2] == 0
    assert widths[3] >= 2
    assert not re.search(r"<script|href|url\(|<image", picture)


def test_the_picture_of_no_arrears_says_so() -> None:
    assert "Aucun loyer en retard" in arrears_svg(residence_arrears(0, 0, 0, 0), "fr")


def test_the_file_has_a_line_a_lease_and_a_total_in_the_readers_numbers() -> None:
    french = arrears_csv(residence_arrears(105_300, 0, 0, 5), "fr").lstrip("\ufeff").splitlines()

    assert french[1].startswith("B434;T-4821;L1;2026-08-10;1053,00;0,00;0,00;0,05;1053,05")
    assert french[2].startswith("Total;;;;1053,00")
    assert "1053.00" in arrears_csv(residence_arrears(105_300, 0, 0, 5), "en")


@given(
    st.lists(st.lists(st.tuples(st.integers(-40, 130), st.integers(0, 50_000)), max_size=4), max_size=8),
    st.integers(0, 60),
)
def test_sums_by_due_date_aged_later_are_the_arrears_of_every_account(
    accounts: list[list[tuple[int, int]]], later: int
) -> None:
    debts = [[debt(days, unpaid) for days, unpaid in of_one] for of_one in accounts]
    on = TODAY + timedelta(days=later)
    owed = Owed()

    for of_one in debts:
        owed = owed_with(owed, of_one)

    found, leases = owed_on(owed, on)
    each = [arrears(of_one, on) for of_one in debts]
    assert found == together(each)
    assert leases == sum(1 for one in each if one.total_cents)
