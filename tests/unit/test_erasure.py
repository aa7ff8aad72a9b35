"""What is erased and what is kept: laws that hold for every tenancy, and the days that they end on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.certificates import Kind
from sesame.domain.erasure import (
    LAWS,
    WORDS,
    Category,
    Plan,
    Reason,
    Tenancy,
    keeps_certificate,
    need_of,
    plan_erasure,
)
from sesame.domain.tenancy import Lease, LeaseStatus

NOW = datetime(2026, 9, 2, 8, tzinfo=UTC)
NEEDED = {Category.EMAIL, Category.INE, Category.BIRTH_DATE, Category.NAMES}


def lease(
    lease_id: str = "l",
    *,
    ends_on: date = date(2027, 8, 31),
    status: LeaseStatus = LeaseStatus.ADMITTED,
    deposit_cents: int = 0,
) -> Lease:
    return Lease(
        lease_id=lease_id,
        person_id="p",
        residence_id="r",
        reference="L1",
        tenant_reference="T",
        room="B1",
        starts_on=ends_on - timedelta(days=364),
        ends_on=ends_on,
        rent_cents=1,
        charges_cents=0,
        deposit_cents=deposit_cents,
        code_tail="7K",
        code_cipher=b"",
        code_hash="",
        status=status,
    )


def tenancy(of: Lease, **stands: Any) -> Tenancy:
    return Tenancy(lease=of, time_zone="Europe/Paris", **stands)


CLOSED = lease(ends_on=date(2025, 8, 31), status=LeaseStatus.CLOSED)


@st.composite
def tenancies(draw: st.DrawFn) -> list[Tenancy]:
    """Up to four leases, of any end, state and account."""
    return [
        tenancy(
            lease(
                f"l{number}",
                ends_on=draw(st.dates(date(2012, 1, 1), date(2032, 12, 31))),
                status=draw(st.sampled_from(LeaseStatus)),
                deposit_cents=draw(st.sampled_from([0, 40_000])),
            ),
            balance_cents=draw(st.integers(-50_000, 50_000) | st.just(0)),
            deposit_held_cents=draw(st.sampled_from([None, 0, 40_000])),
            refund_under_way=draw(st.booleans()),
            last_entry_at=draw(
                st.none()
                | st.integers(0, 5_000).map(lambda days: NOW - timedelta(days=days, hours=3 * (days % 8)))
            ),
        )
        for number in range(draw(st.integers(0, 4)))
    ]


def named(plan: Plan) -> tuple[set[tuple[Category, str | None]], set[tuple[Category, str | None]]]:
    erased = [(line.category, line.lease_id) for line in plan.erased]
    kept = [(line.category, line.lease_id) for line in plan.kept]
    assert len(erased) == len(set(erased))
    assert len(kept) == len(set(kept))
    return set(erased), set(kept)


@given(held=tenancies(), has_email=st.booleans())
def test_nothing_is_both_erased_and_kept_and_nothing_is_forgotten(
    held: list[Tenancy], has_email: bool
) -> None:
    erased, kept = named(plan_erasure(held, NOW, has_email=has_email))

    assert not erased & kept
    assert {category for category, of in erased | kept if of is None} == NEEDED | {
        Category.SESSIONS,
        Category.EXPORTS,
        Category.SHARING,
        Category.PHONE,
        Category.STUDIES,
    }
    for one in held:
        mine = {category for category, of in erased | kept if of == one.lease.lease_id}
        wanted = {
            Category.TENANT_CODE,
            Category.RENEWALS,
            Category.CERTIFICATES,
            Category.OLD_CERTIFICATES,
            Category.THREADS,
            Category.EVIDENCE_THREADS,
            Category.LEASE,
            Category.CLAIMS,
            Category.MESSAGES,
            Category.TRANSMISSIONS,
            Category.AUDIT,
        }
        if one.last_entry_at:
            wanted |= {Category.RECEIPTS, Category.ACCOUNT}
        assert mine == wanted


@given(held=tenancies(), has_email=st.booleans())
def test_everything_says_why_and_only_what_the_law_of_erasure_takes_goes(
    held: list[Tenancy], has_email: bool
) -> None:
    plan = plan_erasure(held, NOW, has_email=has_email)

    assert {line.reason for line in plan.erased} == {Reason.RIGHT_TO_ERASURE}
    assert Reason.RIGHT_TO_ERASURE not in {line.reason for line in plan.kept}
    for line in plan.kept:
        known = line.reason not in {Reason.UNPAID, Reason.CREDIT, Reason.DEPOSIT}
        assert (line.until is not None) == known or line.reason is Reason.DEPOSIT
        assert line.until is None or line.until >= date(2026, 9, 2) or line.reason is Reason.ACCOUNTING


@given(held=tenancies(), has_email=st.booleans())
def test_a_running_lease_and_money_owed_either_way_keep_what_reaches_the_tenant(
    held: list[Tenancy], has_email: bool
) -> None:
    _, kept = named(plan_erasure(held, NOW, has_email=has_email))

    owing = [one for one in held if one.balance_cents]
    running = [
        one
        for one in held
        if one.lease.status is LeaseStatus.ADMITTED and one.lease.ends_on >= date(2026, 9, 2)
    ]
    if owing or running:
        assert {(category, None) for category in NEEDED} <= kept
        assert ((Category.PHONE, None) in kept) == (not has_email)
    for one in [*owing, *running]:
        assert (Category.TENANT_CODE, one.lease.lease_id) in kept


@given(held=tenancies())
def test_accounts_are_kept_for_ten_years_after_the_year_they_belong_to(held: list[Tenancy]) -> None:
    plan = plan_erasure(held, NOW, has_email=True)

    for line in plan.kept:
        if line.category in {Category.ACCOUNT, Category.RECEIPTS}:
            [of] = [one for one in held if one.lease.lease_id == line.lease_id]
            assert line.until is not None
            assert of.last_entry_at is not None
            assert (line.until.month, line.until.day) == (12, 31)
            entered = of.last_entry_at.astimezone(ZoneInfo(of.time_zone)).year
            assert line.until.year - max(entered, of.lease.ends_on.year) == 10
            assert line.reason is Reason.ACCOUNTING


@given(held=tenancies())
def test_it_is_looked_at_again_exactly_while_something_is_needed_and_never_in_the_past(
    held: list[Tenancy],
) -> None:
    plan = plan_erasure(held, NOW, has_email=True)

    assert (plan.look_again_at is not None) == any(need_of(one, NOW) for one in held)
    assert plan.look_again_at is None or plan.look_again_at > NOW


def test_a_tenant_who_has_left_and_owes_nothing_keeps_no_contact_and_no_code() -> None:
    held = [tenancy(CLOSED, last_entry_at=datetime(2025, 8, 30, tzinfo=UTC))]

    plan = plan_erasure(held, NOW, has_email=True)

    for category in (Category.EMAIL, Category.PHONE, Category.INE, Category.BIRTH_DATE):
        assert plan.erases(category)
    assert plan.erases(Category.TENANT_CODE, "l")
    assert [line.until for line in plan.kept if line.category is Category.NAMES] == [date(2035, 12, 31)]
    assert plan.look_again_at is None


def test_a_stay_that_was_never_billed_leaves_no_name() -> None:
    never = lease(ends_on=date(2027, 8, 31), status=LeaseStatus.CANCELLED)

    assert plan_erasure([tenancy(never)], NOW, has_email=True).erases(Category.NAMES)


@pytest.mark.parametrize(
    ("status", "balance_cents", "deposit_cents", "ends_on", "reason"),
    [
        (LeaseStatus.ADMITTED, 0, 0, date(2026, 9, 2), Reason.TENANCY),
        (LeaseStatus.ADMITTED, 0, 0, date(2026, 9, 1), None),
        (LeaseStatus.CLOSED, 1, 0, date(2026, 8, 31), Reason.UNPAID),
        (LeaseStatus.CLOSED, -1, 0, date(2026, 8, 31), Reason.CREDIT),
        (LeaseStatus.ADMITTED, 0, 1, date(2026, 8, 31), Reason.DEPOSIT),
        (LeaseStatus.ADMITTED, 0, 1, date(2026, 6, 1), None),
        (LeaseStatus.CLOSED, 0, 1, date(2026, 8, 31), None),
        (LeaseStatus.CANCELLED, 0, 0, date(2027, 8, 31), None),
    ],
)
def test_what_still_needs_the_tenant(
    status: LeaseStatus, balance_cents: int, deposit_cents: int, ends_on: date, reason: Reason | None
) -> None:
    of = lease(ends_on=ends_on, status=status, deposit_cents=deposit_cents)

    need = need_of(tenancy(of, balance_cents=balance_cents), NOW)

    assert (need.reason if need else None) is reason


@pytest.mark.parametrize("status", LeaseStatus)
@pytest.mark.parametrize("ends_on", [date(2020, 8, 31), date(2026, 8, 31)])
def test_money_that_is_held_or_on_its_way_back_needs_the_tenant_until_it_is_there(
    status: LeaseStatus, ends_on: date
) -> None:
    of = lease(ends_on=ends_on, status=status, deposit_cents=40_000)

    held = need_of(tenancy(of, deposit_held_cents=40_000), NOW)
    paid_out = need_of(tenancy(of, deposit_held_cents=0, refund_under_way=True), NOW)

    assert held is not None
    assert (held.reason, held.until) == (Reason.DEPOSIT, None)
    assert paid_out is not None
    assert (paid_out.reason, paid_out.until) == (Reason.CREDIT, None)
    assert need_of(tenancy(of, deposit_held_cents=0), NOW) is None


def test_the_last_day_is_the_residences_own() -> None:
    late = datetime(2026, 9, 2, 22, 30, tzinfo=UTC)  # already 3 September in Paris, not in Martinique
    of = lease(ends_on=date(2026, 9, 2))

    assert need_of(Tenancy(lease=of, time_zone="Europe/Paris"), late) is None
    assert need_of(Tenancy(lease=of, time_zone="America/Martinique"), late) is not None


def test_receipts_stay_whatever_happens_and_other_papers_only_while_they_serve() -> None:
    old, fresh = NOW - timedelta(days=93), NOW - timedelta(days=92)

    for needed in (True, False):
        assert keeps_certificate(Kind.RECEIPT, old, NOW, needed=needed)
        assert keeps_certificate(Kind.PART_PAYMENT_RECEIPT, old, NOW, needed=needed)
        assert keeps_certificate(Kind.RENT_NOTICE, old, NOW, needed=needed)
        assert keeps_certificate(Kind.FORMAL_NOTICE, old, NOW, needed=needed)
    assert keeps_certificate(Kind.ENTRY_DOCUMENT, old, NOW, needed=True)
    assert keeps_certificate(Kind.RESIDENCE_CERTIFICATE, fresh, NOW, needed=True)
    assert not keeps_certificate(Kind.RESIDENCE_CERTIFICATE, old, NOW, needed=True)
    assert not keeps_certificate(Kind.ENTRY_DOCUMENT, fresh, NOW, needed=False)


def test_every_reason_names_its_law_and_has_words_in_both_languages() -> None:
    for reason in Reason:
        assert LAWS[reason]
        assert set(WORDS[reason]) == {"fr", "en"}
