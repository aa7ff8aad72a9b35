"""What providers' events make of a payment, whatever their order; and what the journal is told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.journal import Entry, EntryKind, Ledger, fold, notice_entry_id
from sesame.domain.payments import (
    TRANSITIONS,
    EventKind,
    Flag,
    Outcome,
    Payment,
    PaymentEvent,
    PaymentState,
    entries_to_post,
    outcome,
    posted_after,
    with_events,
)

START = datetime(2026, 9, 5, 10, tzinfo=UTC)
DEBTS = [
    Entry(
        entry_id=notice_entry_id(period),
        kind=EntryKind.NOTICE,
        amount_cents=40_000,
        effective_at=START - timedelta(days=4),
        period=period,
        due_on=date.fromisoformat(f"{period}-10"),
    )
    for period in ("2026-09", "2026-10")
]
PAYMENT = Payment(
    payment_id="p1",
    lease_id="l1",
    residence_id="r1",
    provider="sandbox",
    amount_cents=40_000,
    designated=("2026-10",),
    created_at=START,
)


def event(
    kind: EventKind, *, minute: int, cents: int | None = 40_000, name: str = "", rank: int = 0
) -> PaymentEvent:
    return PaymentEvent(
        event_id=name or f"{kind}-{minute}-{rank}",
        kind=kind,
        amount_cents=cents,
        occurred_at=START + timedelta(minutes=minute),
        rank=rank,
    )


def told(*events: PaymentEvent) -> Outcome:
    return outcome(replace(PAYMENT, events=events))


def arrive(payment: Payment, journal: list[Entry], events: Iterable[PaymentEvent]) -> Payment:
    """One delivery, posted: the payment as it then is; its entries go into the journal."""
    payment = replace(payment, events=with_events(payment, events))
    entries = entries_to_post(payment, outcome(payment).movements)
    journal.extend(entries)
    return replace(payment, posted=posted_after(payment, entries))


def test_a_payment_goes_through_pending_to_paid() -> None:
    assert told().state is PaymentState.CREATED
    assert told(event(EventKind.PENDING, minute=1)).state is PaymentState.AWAITING_PROVIDER

    paid = told(event(EventKind.PENDING, minute=1), event(EventKind.SETTLED, minute=2))

    assert paid.state is PaymentState.PAID
    assert paid.paid_at == START + timedelta(minutes=2)


@pytest.mark.parametrize("end", [EventKind.FAILED, EventKind.EXPIRED, EventKind.CANCELLED])
def test_a_payment_that_comes_to_nothing_moves_nothing(end: EventKind) -> None:
    ended = told(event(end, minute=1))

    assert ended.state == end.value
    assert ended.movements == ()


@pytest.mark.parametrize("end", [EventKind.FAILED, EventKind.EXPIRED, EventKind.CANCELLED])
def test_money_that_comes_after_the_end_is_paid_all_the_same(end: EventKind) -> None:
    assert told(event(end, minute=1), event(EventKind.SETTLED, minute=2)).state is PaymentState.PAID


@pytest.mark.parametrize(
    "late", [EventKind.PENDING, EventKind.FAILED, EventKind.EXPIRED, EventKind.CANCELLED]
)
def test_what_is_paid_stays_paid(late: EventKind) -> None:
    assert told(event(EventKind.SETTLED, minute=1), event(late, minute=2)).state is PaymentState.PAID


def test_events_of_the_same_time_follow_the_providers_rank() -> None:
    refused = event(EventKind.FAILED, minute=1, rank=2)
    pending = event(EventKind.PENDING, minute=1, rank=1)

    assert told(refused, pending).state is PaymentState.FAILED


def test_a_refund_that_arrives_before_its_payment_ends_in_the_same_state() -> None:
    settled, refund = event(EventKind.SETTLED, minute=1), event(EventKind.REFUNDED, minute=2)

    journal: list[Entry] = []
    payment = arrive(arrive(PAYMENT, journal, [refund]), journal, [settled])

    assert outcome(payment).state is PaymentState.REFUNDED
    assert sum(entry.amount_cents for entry in journal) == 0


def test_refunds_come_as_running_totals() -> None:
    events = [
        event(EventKind.SETTLED, minute=1),
        event(EventKind.REFUNDED, minute=2, cents=10_000),
        event(EventKind.REFUNDED, minute=3, cents=15_000),
    ]

    assert told(*events).state is PaymentState.PARTLY_REFUNDED
    assert [one.amount_cents for one in told(*events).movements] == [-40_000, 10_000, 5_000]


def test_two_statements_of_one_settlement_count_once() -> None:
    journal: list[Entry] = []

    arrive(
        PAYMENT,
        journal,
        [
            event(EventKind.SETTLED, minute=1, name="session"),
            event(EventKind.SETTLED, minute=2, name="charge"),
        ],
    )

    assert [(one.entry_id, one.amount_cents) for one in journal] == [("payment:p1:session", -40_000)]


def test_what_was_really_paid_is_posted_and_flagged_where_it_differs_from_what_was_asked() -> None:
    less = told(event(EventKind.SETTLED, minute=1, cents=39_000))

    assert less.movements[0].amount_cents == -39_000
    assert less.flags == {Flag.AMOUNT_DIFFERS}


def test_another_currency_is_flagged_and_never_posted_as_euros() -> None:
    dollars = told(replace(event(EventKind.SETTLED, minute=1), currency="USD"))

    assert dollars.movements == ()
    assert dollars.flags == {Flag.CURRENCY_DIFFERS}


def test_a_payment_settled_in_another_currency_is_not_called_paid_until_euros_come() -> None:
    pending = event(EventKind.PENDING, minute=1)
    dollars = replace(event(EventKind.SETTLED, minute=2), currency="USD")
    euros = event(EventKind.SETTLED, minute=3)

    assert told(pending, dollars).state is PaymentState.AWAITING_PROVIDER
    assert told(pending, dollars, euros).state is PaymentState.PAID


def test_a_refund_in_another_currency_is_flagged_and_gives_nothing_back() -> None:
    dollars = replace(event(EventKind.REFUNDED, minute=2), currency="USD")
    flagged = told(event(EventKind.SETTLED, minute=1), dollars)

    assert (flagged.state, flagged.refunded_cents) == (PaymentState.PAID, 0)
    assert flagged.flags == {Flag.CURRENCY_DIFFERS}


def test_a_credit_carries_the_payers_designation_and_the_providers_time() -> None:
    journal: list[Entry] = []

    arrive(PAYMENT, journal, [event(EventKind.SETTLED, minute=7)])

    assert journal[0].designated == ("2026-10",)
    assert journal[0].effective_at == START + timedelta(minutes=7)


def test_an_event_that_comes_late_is_told_to_the_journal_as_a_correction() -> None:
    journal: list[Entry] = []
    payment = arrive(PAYMENT, journal, [event(EventKind.SETTLED, minute=2, name="second")])

    arrive(payment, journal, [event(EventKind.SETTLED, minute=1, name="first")])

    assert [(one.entry_id, one.amount_cents) for one in journal] == [
        ("payment:p1:second", -40_000),
        ("payment:p1:first", -40_000),
        ("payment:p1:second~1", 40_000),
    ]


def test_only_a_bank_that_takes_a_debit_back_leads_from_a_state_with_money_to_one_without() -> None:
    with_money = {
        PaymentState.PAID,
        PaymentState.REFUNDED,
        PaymentState.PARTLY_REFUNDED,
        PaymentState.CHARGED_BACK,
    }
    lost = {
        kind
        for (before, kind), after in TRANSITIONS.items()
        if before in with_money and after not in with_money
    }

    assert lost == {EventKind.RETURNED, EventKind.RETRYING}


def test_a_debit_that_fails_after_it_was_confirmed_is_taken_back() -> None:
    late = told(event(EventKind.SETTLED, minute=1), event(EventKind.RETURNED, minute=2))

    assert (late.state, late.paid_cents, late.paid_at) == (PaymentState.FAILED, 0, None)
    assert [one.amount_cents for one in late.movements] == [-40_000, 40_000]


def test_a_debit_that_is_presented_again_and_paid_counts_once() -> None:
    paid = told(
        event(EventKind.RETRYING, minute=1),
        event(EventKind.SETTLED, minute=2),
        event(EventKind.RETRYING, minute=3),
        event(EventKind.PENDING, minute=4),
        event(EventKind.SETTLED, minute=5),
    )

    assert paid.state is PaymentState.PAID
    assert paid.net_cents == 40_000
    assert paid.paid_at == START + timedelta(minutes=5)


def test_a_charge_back_takes_the_money_and_its_cancelling_brings_it_again() -> None:
    settled, back = event(EventKind.SETTLED, minute=1), event(EventKind.CHARGED_BACK, minute=2)
    lost, won = told(settled, back), told(settled, back, event(EventKind.REINSTATED, minute=3))

    assert (lost.state, lost.net_cents) == (PaymentState.CHARGED_BACK, 0)
    assert lost.flags == {Flag.DISPUTED}
    assert (won.state, won.net_cents, won.flags) == (PaymentState.PAID, 40_000, frozenset())


def test_two_disputes_of_one_payment_are_told_apart() -> None:
    def part(kind: EventKind, minute: int, cents: int, name: str) -> PaymentEvent:
        return replace(event(kind, minute=minute, cents=cents), part=name)

    both = [
        event(EventKind.SETTLED, minute=1),
        part(EventKind.CHARGED_BACK, 2, 10_000, "a"),
        part(EventKind.CHARGED_BACK, 3, 5_000, "b"),
    ]

    assert told(*both).net_cents == 25_000
    assert told(*both).state is PaymentState.PAID
    assert told(*both, part(EventKind.REINSTATED, 4, 10_000, "a")).net_cents == 35_000


def test_a_dispute_that_moves_no_money_is_only_flagged() -> None:
    asked = told(event(EventKind.SETTLED, minute=1), event(EventKind.DISPUTED, minute=2))

    assert (asked.state, asked.net_cents) == (PaymentState.PAID, 40_000)
    assert asked.flags == {Flag.DISPUTED}


def test_what_is_charged_back_after_a_refund_is_owed_and_flagged() -> None:
    journal: list[Entry] = []
    both = [
        event(EventKind.SETTLED, minute=1),
        event(EventKind.REFUNDED, minute=2, cents=10_000),
        event(EventKind.CHARGED_BACK, minute=3),
    ]

    reached = outcome(arrive(PAYMENT, journal, both))

    assert reached.state is PaymentState.CHARGED_BACK
    assert (reached.net_cents, sum(one.amount_cents for one in journal)) == (-10_000, 10_000)
    assert Flag.MORE_RETURNED in reached.flags


def test_a_refund_that_fails_is_the_tenants_money_again_once() -> None:
    failed = replace(event(EventKind.REFUND_FAILED, minute=3, cents=10_000), part="re_1")
    again = replace(failed, event_id="told-again", occurred_at=START + timedelta(minutes=4))

    reached = told(
        event(EventKind.SETTLED, minute=1), event(EventKind.REFUNDED, minute=2, cents=10_000), failed, again
    )

    assert (reached.state, reached.net_cents) == (PaymentState.PAID, 40_000)


def test_an_event_without_an_amount_is_of_all_that_was_asked_until_one_says_it() -> None:
    untold = replace(event(EventKind.SETTLED, minute=1), amount_cents=None)
    payment = replace(PAYMENT, events=with_events(PAYMENT, [untold]))

    assert outcome(payment).net_cents == 40_000
    told_later = with_events(payment, [replace(untold, amount_cents=39_000), untold])
    assert outcome(replace(payment, events=told_later)).net_cents == 39_000


def test_entries_are_named_for_what_happened() -> None:
    journal: list[Entry] = []
    kinds = [EventKind.SETTLED, EventKind.CHARGED_BACK, EventKind.REINSTATED, EventKind.REFUNDED]

    arrive(PAYMENT, journal, [event(kind, minute=minute) for minute, kind in enumerate(kinds)])

    assert [one.kind.value for one in journal] == ["payment", "charge_back", "payment", "refund"]


histories = st.lists(
    st.builds(
        event,
        st.sampled_from(list(EventKind)),
        minute=st.integers(min_value=0, max_value=4),
        cents=st.sampled_from([10_000, 25_000, 40_000, None]),
        rank=st.integers(min_value=0, max_value=2),
    ),
    max_size=6,
    unique_by=lambda event: event.event_id,
)


def posted_one_by_one(events: Iterable[PaymentEvent]) -> tuple[Outcome, Ledger]:
    """One delivery an event; nothing is left to post at the end."""
    payment, journal = PAYMENT, list(DEBTS)
    for one in events:
        payment = arrive(payment, journal, [one])
    reached = outcome(payment)
    assert entries_to_post(payment, reached.movements) == []
    return reached, fold(journal)


@given(histories, st.data())
def test_any_order_and_repetition_of_events_ends_in_the_same_state_and_account(
    events: list[PaymentEvent], data: st.DataObject
) -> None:
    expected, expected_ledger = posted_one_by_one(sorted(events, key=lambda one: one.order))

    reached, ledger = posted_one_by_one(data.draw(st.permutations([*events, *events[:2]])))

    assert reached == expected
    assert ledger.standings == expected_ledger.standings
    assert ledger.checkpoint.balance_cents == 80_000 - reached.net_cents


def test_every_order_of_a_long_history_ends_alike() -> None:
    history = [
        event(EventKind.PENDING, minute=1),
        event(EventKind.FAILED, minute=2),
        event(EventKind.SETTLED, minute=3),
        event(EventKind.REFUNDED, minute=4, cents=10_000),
        event(EventKind.REFUNDED, minute=5, cents=40_000),
    ]
    expected, expected_ledger = posted_one_by_one(history)

    for order in permutations(history):
        reached, ledger = posted_one_by_one(order)

        assert reached == expected
        assert ledger.standings == expected_ledger.standings
    assert expected.state is PaymentState.REFUNDED
