"""The journal's laws, and the stories behind them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.journal import (
    Checkpoint,
    Entry,
    EntryKind,
    Ledger,
    Standing,
    advance,
    fold,
    notice_entry_id,
)

START = datetime(2026, 9, 1, 6, tzinfo=UTC)
PERIODS = ("2026-09", "2026-10", "2026-11", "2026-12")


def notice(period: str, cents: int, *, day: int = 0, due_on: date | None = None) -> Entry:
    return Entry(
        entry_id=notice_entry_id(period),
        kind=EntryKind.NOTICE,
        amount_cents=cents,
        effective_at=START + timedelta(days=day),
        period=period,
        due_on=due_on or date.fromisoformat(f"{period}-10"),
    )


def credit(name: str, cents: int, *, day: int, designated: Sequence[str] = ()) -> Entry:
    return Entry(
        entry_id=f"payment:{name}:settled",
        kind=EntryKind.PAYMENT,
        amount_cents=-cents,
        effective_at=START + timedelta(days=day),
        designated=tuple(designated),
        source=f"payment:{name}",
    )


def refund(name: str, cents: int, *, day: int) -> Entry:
    return Entry(
        entry_id=f"payment:{name}:refund-{day}-{cents}",
        kind=EntryKind.REFUND,
        amount_cents=cents,
        effective_at=START + timedelta(days=day),
        reverses=f"payment:{name}",
    )


def standing(ledger: Ledger, period: str) -> Standing:
    return next(one for one in ledger.standings if one.period == period)


def paid(ledger: Ledger) -> dict[str | None, int]:
    return {one.period: one.paid_cents for one in ledger.standings}


def test_a_credit_pays_the_oldest_due_first() -> None:
    ledger = fold([notice("2026-10", 400, day=30), notice("2026-09", 400), credit("a", 500, day=31)])

    assert paid(ledger) == {"2026-09": 400, "2026-10": 100}
    assert ledger.checkpoint.balance_cents == 300


def test_a_credit_goes_where_its_payer_designated_then_to_the_oldest_due() -> None:
    debts = [notice("2026-09", 400), notice("2026-10", 400, day=30), notice("2026-11", 400, day=60)]

    ledger = fold([*debts, credit("a", 500, day=61, designated=["2026-11"])])

    assert paid(ledger) == {"2026-09": 100, "2026-10": 0, "2026-11": 400}


def test_what_is_left_of_a_credit_pays_the_next_notice_when_it_comes() -> None:
    before = fold([notice("2026-09", 400), credit("a", 600, day=1)])
    after = fold([notice("2026-09", 400), credit("a", 600, day=1), notice("2026-10", 400, day=30)])

    assert before.checkpoint.credit_cents == 200
    assert before.checkpoint.balance_cents == -200
    assert paid(after) == {"2026-09": 400, "2026-10": 200}
    assert after.checkpoint.credit_cents == 0


def test_a_later_debit_due_earlier_does_not_take_back_what_a_credit_already_pays() -> None:
    late_bill = notice("2026-09", 300, day=40, due_on=date(2026, 9, 10))

    ledger = fold([notice("2026-10", 400, day=30), credit("a", 400, day=31), late_bill])

    assert paid(ledger) == {"2026-09": 0, "2026-10": 400}


def test_a_refund_takes_back_its_own_credit_only_and_the_newest_debt_first() -> None:
    debts = [notice("2026-09", 400), notice("2026-10", 400, day=30), notice("2026-11", 400, day=60)]
    credits = [credit("mine", 800, day=61), credit("other", 400, day=62)]

    ledger = fold([*debts, *credits, refund("mine", 300, day=63)])

    assert paid(ledger) == {"2026-09": 400, "2026-10": 100, "2026-11": 400}
    assert {a.credit_id for a in standing(ledger, "2026-11").allocations} == {"payment:other:settled"}


def test_a_refund_of_a_payment_settled_in_two_parts_reopens_the_newest_debt_whichever_part_paid_it() -> None:
    first, second = credit("mine", 400, day=31), replace(credit("mine", 400, day=32), entry_id="second")
    debts = [notice("2026-09", 400), notice("2026-10", 400, day=30)]

    ledger = fold([*debts, first, second, refund("mine", 400, day=33)])

    assert paid(ledger) == {"2026-09": 400, "2026-10": 0}


def test_a_debt_that_a_refund_reopens_is_paid_by_the_credit_another_payment_left() -> None:
    entries = [
        notice("2026-09", 400),
        credit("a", 400, day=1),
        credit("b", 250, day=2),
        refund("a", 400, day=3),
    ]

    ledger = fold(entries)

    assert paid(ledger) == {"2026-09": 250}
    assert ledger.checkpoint.credit_cents == 0
    assert ledger.checkpoint.balance_cents == 150


def test_more_given_back_than_was_received_is_owed() -> None:
    ledger = fold([notice("2026-09", 400), credit("a", 400, day=1), refund("a", 500, day=2)])

    assert ledger.checkpoint.balance_cents == 500
    assert sum(one.unpaid_cents for one in ledger.checkpoint.outstanding) == 500


def test_a_refund_dated_before_its_credit_by_a_wrong_clock_still_takes_it_back() -> None:
    ledger = fold([notice("2026-09", 400), refund("a", 400, day=1), credit("a", 400, day=2)])

    assert paid(ledger) == {"2026-09": 0}
    assert ledger.checkpoint.credit_cents == 0


def test_a_standing_says_when_the_money_moved_and_when_the_notice_became_paid() -> None:
    ledger = fold([credit("a", 100, day=-5), notice("2026-09", 400), credit("b", 300, day=9)])

    assert [a.received_at for a in standing(ledger, "2026-09").allocations] == [
        START - timedelta(days=5),
        START + timedelta(days=9),
    ]
    assert standing(ledger, "2026-09").settled_at == START + timedelta(days=9)


def test_a_notice_of_nothing_is_paid_from_the_start() -> None:
    ledger = fold([notice("2026-09", 0)])

    assert standing(ledger, "2026-09").settled_at == START
    assert ledger.checkpoint.outstanding == ()


def test_a_correction_counts_at_the_place_of_what_it_corrects() -> None:
    first = credit("a", 100, day=1, designated=["2026-10"])
    correction = replace(
        first, entry_id=f"{first.entry_id}~1", corrects=first.entry_id, amount_cents=-300, designated=()
    )
    debts = [notice("2026-09", 400, day=-3), notice("2026-10", 400, day=-2)]

    ledger = fold([*debts, credit("b", 400, day=2), first, correction])

    assert paid(ledger) == {"2026-09": 400, "2026-10": 400}
    assert (
        ledger.standings
        == fold([*debts, credit("b", 400, day=2), replace(first, amount_cents=-400)]).standings
    )


def test_only_an_entry_that_comes_last_and_stands_alone_is_added_to_a_checkpoint() -> None:
    checkpoint = fold([notice("2026-09", 400), credit("a", 100, day=5)]).checkpoint

    assert advance(checkpoint, credit("b", 100, day=6)) is not None
    assert advance(checkpoint, credit("c", 100, day=4)) is None
    assert advance(checkpoint, credit("a", 100, day=5)) is None
    assert advance(checkpoint, refund("a", 100, day=6)) is None


cents = st.integers(min_value=1, max_value=90_000)
days = st.integers(min_value=0, max_value=9)
"""Few days, so that ties of effective time are common."""


@st.composite
def journals(draw: st.DrawFn) -> list[Entry]:
    """Notices, credits with and without a designation, refunds and corrections, in any order of arrival."""
    entries = [
        notice(period, draw(st.integers(min_value=0, max_value=90_000)), day=draw(days))
        for period in draw(st.lists(st.sampled_from(PERIODS), unique=True))
    ]
    for name in draw(st.lists(st.sampled_from("abcdef"), unique=True)):
        chosen = draw(st.lists(st.sampled_from(PERIODS), unique=True, max_size=2))
        settled = credit(name, draw(cents), day=draw(days), designated=chosen)
        entries.append(settled)
        if draw(st.booleans()):
            entries.append(refund(name, draw(cents), day=draw(days)))
        if draw(st.integers(min_value=0, max_value=3)) == 0:
            less = draw(st.integers(min_value=1, max_value=-settled.amount_cents))
            entries.append(
                replace(
                    settled, entry_id=f"{settled.entry_id}~1", corrects=settled.entry_id, amount_cents=less
                )
            )
    return draw(st.permutations(entries))


@given(journals())
def test_the_entries_add_up_to_the_balance_and_every_credit_is_allocated_or_left(
    entries: list[Entry],
) -> None:
    ledger = fold(entries)
    checkpoint = ledger.checkpoint
    owed = sum(one.unpaid_cents for one in ledger.standings)

    assert checkpoint.balance_cents == sum(entry.amount_cents for entry in entries)
    assert checkpoint.balance_cents == owed - checkpoint.credit_cents
    assert checkpoint.credit_cents >= 0
    assert not (checkpoint.credit_cents and checkpoint.outstanding)
    assert owed == sum(one.unpaid_cents for one in checkpoint.outstanding)
    assert all(0 <= one.paid_cents <= one.amount_cents for one in ledger.standings)


@given(journals(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_repeats_change_nothing(entries: list[Entry], random: object) -> None:
    shuffled = [*entries, *entries[:3]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert fold(shuffled) == fold(entries)


@given(journals())
def test_adding_entries_one_by_one_as_they_arrive_equals_folding_them_whole(entries: list[Entry]) -> None:
    checkpoint, known = Checkpoint(), list[Entry]()
    for entry in entries:
        known.append(entry)
        checkpoint = advance(checkpoint, entry) or fold(known).checkpoint

        assert checkpoint == fold(known).checkpoint


@given(journals(), cents, st.lists(st.sampled_from(PERIODS), unique=True, max_size=2))
def test_a_debit_or_a_credit_that_comes_last_never_unpays_a_notice(
    entries: list[Entry], amount: int, designated: list[str]
) -> None:
    before = paid(fold(entries))
    bill = replace(notice("2025-01", amount, day=20), due_on=date(2025, 1, 10))
    later = [bill, credit("z", amount, day=21, designated=designated)]

    for entry in later:
        after = paid(fold([*entries, entry]))

        assert all(after[period] >= cents for period, cents in before.items())


@given(st.lists(cents, min_size=1, max_size=4), cents, st.sets(st.sampled_from(PERIODS)))
def test_a_designation_is_honoured(debts: list[int], amount: int, designated: set[str]) -> None:
    notices = [notice(period, owed) for period, owed in zip(PERIODS, debts, strict=False)]
    chosen = [one for one in notices if one.period in designated]

    after = paid(fold([*notices, credit("a", amount, day=1, designated=sorted(designated))]))

    assert sum(after[one.period] for one in chosen) == min(amount, sum(one.amount_cents for one in chosen))
