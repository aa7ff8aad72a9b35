"""What documents about debts, accounts and the CAF state, and when they are refused."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.caf import caf_facts, surface_of
from sesame.domain.certificates import Facts, Reason, Refused
from sesame.domain.debts import demand_of, formal_notice_facts
from sesame.domain.journal import Entry, EntryKind, Outstanding
from sesame.domain.plans import Instalment, PaymentPlan
from sesame.domain.standings import (
    account_still_holds,
    end_of_stay_facts,
    overdue_cents,
    statement_facts,
    up_to_date_facts,
)
from sesame.domain.tenancy import CafSettings, DocumentSettings, LeaseStatus, RoomSurface
from tests.unit.documents import RESIDENCE, tenancy

TODAY = date(2026, 11, 23)
PARIS = ZoneInfo("Europe/Paris")


def owed(cents: int, due_on: date) -> Outstanding:
    """A debit of which nothing is paid."""
    return Outstanding(
        entry_id=f"notice:{due_on:%Y-%m}",
        period=f"{due_on:%Y-%m}",
        due_on=due_on,
        amount_cents=cents,
        paid_cents=0,
        issued_at=datetime(2026, 11, 1, tzinfo=UTC),
    )


def test_a_caf_certificate_is_refused_with_the_names_of_what_is_missing() -> None:
    bare = replace(tenancy(), residence=replace(RESIDENCE, documents=DocumentSettings()))

    with pytest.raises(Refused) as refused:
        caf_facts(bare, as_of=TODAY, overdue_cents=0)

    assert refused.value.reason is Reason.DETAILS_MISSING
    assert refused.value.missing == ("structure", "surfaces")


def test_a_caf_certificate_gives_the_month_of_entry_whole_and_from_the_day_of_entry() -> None:
    who = tenancy()
    late = replace(who, lease=replace(who.lease, starts_on=date(2026, 9, 16)))

    rent = caf_facts(late, as_of=TODAY, overdue_cents=0)["rent"]

    assert (rent["entry_month"], rent["monthly_rent_cents"]) == ("2026-09", 117_468)
    assert rent["entry_month_rent_cents"] == 58_734


def test_the_first_pattern_that_matches_a_room_gives_its_surface() -> None:
    caf = CafSettings(
        surfaces=(
            RoomSurface(rooms="b434", square_decimetres=2_000),
            RoomSurface(rooms="B*", square_decimetres=900),
        )
    )

    assert (surface_of(caf, "B434"), surface_of(caf, "B1"), surface_of(caf, "C1")) == (2_000, 900, None)


def test_what_is_due_today_is_not_overdue_and_a_tolerance_is_kept_to_the_cent() -> None:
    tolerant = replace(
        tenancy(), residence=replace(RESIDENCE, documents=DocumentSettings(debt_tolerance_cents=500))
    )

    assert overdue_cents([owed(501, TODAY)], TODAY) == 0
    assert up_to_date_facts(tolerant, [owed(500, date(2026, 11, 22))], as_of=TODAY)
    with pytest.raises(Refused) as refused:
        up_to_date_facts(tolerant, [owed(501, date(2026, 11, 22))], as_of=TODAY)
    assert refused.value.outstanding_cents == 501


@pytest.mark.parametrize("day", [date(2026, 8, 31), date(2027, 9, 1)])
def test_before_and_after_the_stay_neither_caf_nor_up_to_date_certificate_is_given(day: date) -> None:
    with pytest.raises(Refused, match="outside-the-stay"):
        caf_facts(tenancy(), as_of=day, overdue_cents=0)
    with pytest.raises(Refused, match="outside-the-stay"):
        up_to_date_facts(tenancy(), (), as_of=day)


def moved(kind: EntryKind, cents: int, day: date, **more: Any) -> Entry:
    """Money of one payment, or of a notice."""
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    source = None if kind is EntryKind.NOTICE else "payment:p"
    more |= {"source": source, "reverses": source if cents > 0 else None}
    return Entry(entry_id=f"{kind}:{day}", kind=kind, amount_cents=cents, effective_at=at, **more)


BILLED = moved(EntryKind.NOTICE, 500, date(2026, 10, 1), due_on=date(2026, 10, 10), period="2026-10")
PAID = moved(EntryKind.PAYMENT, -600, date(2026, 10, 5))
ISSUED = datetime(2026, 11, 23, 12, tzinfo=UTC)


def holds(facts: Facts, *since: Entry) -> bool:
    return account_still_holds(facts, [BILLED, PAID, *since], issued_at=ISSUED, tolerance_cents=0, wall=PARIS)


@pytest.mark.parametrize("heard_late", [False, True])
@pytest.mark.parametrize(("cents", "so"), [(100, True), (101, False)])
def test_what_said_that_rent_was_up_to_date_holds_while_what_was_given_back_is_to_spare(
    cents: int, so: bool, heard_late: bool
) -> None:
    day = date(2026, 11, 20) if heard_late else date(2026, 12, 1)
    back = moved(EntryKind.CHARGE_BACK, cents, day)

    assert holds(up_to_date_facts(tenancy(), (), as_of=TODAY), back) is so
    assert holds(caf_facts(tenancy(), as_of=TODAY, overdue_cents=0), back) is so
    assert holds(caf_facts(tenancy(), as_of=TODAY, overdue_cents=1), back)


@pytest.mark.parametrize(
    ("kind", "cents", "so"),
    [(EntryKind.REFUND, 100, True), (EntryKind.REFUND, 101, False), (EntryKind.CHARGE_BACK, 1, False)],
)
def test_an_end_of_stay_survives_the_refund_of_its_credit_and_nothing_else_given_back(
    kind: EntryKind, cents: int, so: bool
) -> None:
    who = tenancy()
    over = replace(who, lease=replace(who.lease, status=LeaseStatus.CLOSED))
    facts = end_of_stay_facts(over, [BILLED, PAID], as_of=TODAY, wall=PARIS)

    assert holds(facts)
    assert holds(facts, moved(kind, cents, date(2026, 12, 1))) is so


@given(st.lists(st.integers(min_value=-100_000, max_value=100_000).filter(bool), min_size=1, max_size=30))
def test_a_statement_adds_up_however_it_is_cut(amounts: list[int]) -> None:
    entries = [
        Entry(
            entry_id=str(number),
            kind=EntryKind.NOTICE if cents > 0 else EntryKind.PAYMENT,
            amount_cents=cents,
            effective_at=datetime(2026, 9, 1 + number % 28, 9, tzinfo=UTC),
        )
        for number, cents in enumerate(amounts)
    ]
    for first in (1, 10, 20):
        statement = statement_facts(
            tenancy(), entries, starts_on=date(2026, 9, first), ends_on=date(2026, 9, 30), wall=PARIS
        )["statement"]

        assert statement["closing_cents"] == sum(amounts)
        moved = statement["debit_cents"] - statement["credit_cents"]
        assert statement["opening_cents"] + moved == statement["closing_cents"]


@pytest.mark.parametrize(
    "instalments",
    [
        [],
        [Instalment(due_on=date(2026, 12, 5), amount_cents=99)],
        [Instalment(due_on=date(2026, 11, 1), amount_cents=100)],
        [Instalment(due_on=date(2026, 12, 5), amount_cents=50)] * 2,
        [
            Instalment(due_on=date(2026, 12, 5), amount_cents=150),
            Instalment(due_on=date(2027, 1, 5), amount_cents=-50),
        ],
    ],
)
def test_a_payment_plan_that_does_not_pay_the_debt_day_after_day_is_none(
    instalments: list[Instalment],
) -> None:
    with pytest.raises(ValueError, match="instalment"):
        PaymentPlan(debt_cents=100, agreed_on=TODAY, instalments=instalments)


def test_a_formal_notice_demands_what_is_overdue_and_nothing_else() -> None:
    outstanding = [owed(100, date(2026, 10, 10)), owed(200, date(2026, 12, 10))]

    pay_by = date(2026, 12, 8)
    demand = demand_of(outstanding, as_of=TODAY, pay_by=pay_by)

    assert formal_notice_facts(tenancy(), demand)["demand"]["total_cents"] == 100
    with pytest.raises(Refused):
        formal_notice_facts(tenancy(), demand_of(outstanding[1:], as_of=TODAY, pay_by=pay_by))
    with pytest.raises(ValueError, match="time to pay"):
        demand_of(outstanding, as_of=TODAY, pay_by=TODAY)
