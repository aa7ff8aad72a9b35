"""The first law of payments: however a provider's notifications arrive, the end is the one that it knows.

Fakes of each provider play causally valid lives of a payment, in their own words. What our adapters and rules
make of the notifications, in any order and repeated, is compared with what the fake's bank really holds.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesame.domain.journal import Entry, EntryKind, Ledger, fold, notice_entry_id
from sesame.domain.payments import (
    Payment,
    PaymentEvent,
    entries_to_post,
    outcome,
    posted_after,
    with_events,
)
from tests.fakes.worlds import (
    CENTS,
    START,
    GoCardlessWorld,
    SandboxWorld,
    StripeWorld,
    World,
    happen,
    heard,
)

DEBTS = [
    Entry(
        entry_id=notice_entry_id(period),
        kind=EntryKind.NOTICE,
        amount_cents=CENTS,
        effective_at=START - timedelta(days=4),
        period=period,
        due_on=date.fromisoformat(f"{period}-10"),
    )
    for period in ("2026-09", "2026-10")
]
EXHAUSTIVE = 6
"""The longest histories of which every order is tried."""

WORLDS: dict[str, Callable[[], World]] = {
    "stripe": StripeWorld,
    "gocardless": GoCardlessWorld,
    "gocardless without metadata": lambda: GoCardlessWorld(echoes=False),
    "sandbox": SandboxWorld,
}


@dataclass(frozen=True)
class Books:
    """The payment and the journal, as deliveries bring them forward."""

    payment: Payment = field(
        default_factory=lambda: Payment(
            payment_id="p1",
            lease_id="l1",
            residence_id="r1",
            provider="any",
            amount_cents=CENTS,
            designated=("2026-10",),
            created_at=START,
        )
    )
    journal: tuple[Entry, ...] = ()

    def post(self, events: Sequence[PaymentEvent]) -> "Books":
        """One delivery, as the posting service decides it."""
        payment = replace(self.payment, events=with_events(self.payment, events))
        if payment.events == self.payment.events:
            return self
        entries = entries_to_post(payment, outcome(payment).movements)
        return Books(replace(payment, posted=posted_after(payment, entries)), (*self.journal, *entries))

    def account(self) -> Ledger:
        return fold([*DEBTS, *self.journal])


def assert_true(books: Books, world: World) -> None:
    state, held = world.truth()
    reached = outcome(books.payment)
    assert (reached.state, reached.net_cents) == (state, held)
    assert sum(entry.amount_cents for entry in books.journal) == -held
    assert len({entry.entry_id for entry in books.journal}) == len(books.journal)
    assert entries_to_post(books.payment, reached.movements) == []


def paths(make: Callable[[], World]) -> Iterator[World]:
    """Every history of at most EXHAUSTIVE notifications that cannot go on within that length."""
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        path = waiting.pop()
        world = replayed(make, path)
        longer = [
            (*path, name)
            for name in sorted(world.actions())
            if len(replayed(make, (*path, name)).deliveries()) <= EXHAUSTIVE
        ]
        if longer:
            waiting += longer
        else:
            yield world


def replayed(make: Callable[[], World], path: Sequence[str]) -> World:
    world = make()
    for name in path:
        happen(world, always(name))
    return world


def always(name: str) -> Callable[[Sequence[str]], str]:
    return lambda _: name


def every_order(deliveries: Sequence[list[PaymentEvent]]) -> Iterator[Books]:
    """The books after each order of these deliveries. Orders that come to the same books go on as one."""
    reached = {frozenset[int](): {frozenset[Entry](): Books()}}
    for _ in deliveries:
        further: dict[frozenset[int], dict[frozenset[Entry], Books]] = {}
        for heard_of, all_books in reached.items():
            for place in set(range(len(deliveries))) - heard_of:
                ends = further.setdefault(heard_of | {place}, {})
                for books in all_books.values():
                    after = books.post(deliveries[place])
                    ends.setdefault(frozenset(after.journal), after)
        reached = further
    yield from (books for ends in reached.values() for books in ends.values())


@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
def test_every_order_of_every_short_history_ends_in_the_providers_truth(make: Callable[[], World]) -> None:
    for world in paths(make):
        deliveries = [heard(world, body) for body in world.deliveries()]
        everything = [event for events in deliveries for event in events]
        accounts = set()
        for books in every_order(deliveries):
            assert books.post(everything) is books
            assert_true(books, world)
            accounts.add(repr(books.account().standings))
        assert len(accounts) == 1


@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
@settings(deadline=None)
@given(data=st.data())
def test_any_order_and_repetition_of_a_long_history_ends_in_the_providers_truth(
    make: Callable[[], World], data: st.DataObject
) -> None:
    """Notifications arrive while things go on, late, twice and in any order."""
    world, books = make(), Books()
    for _ in range(data.draw(st.integers(1, 12))):
        if not happen(world, lambda names: data.draw(st.sampled_from(names))):
            break
        for body in data.draw(st.lists(st.sampled_from(world.deliveries() or [b""]), max_size=2)):
            if body:
                books = books.post(heard(world, body))

    everything = world.deliveries()
    again = data.draw(st.lists(st.sampled_from(everything), max_size=3)) if everything else []
    for body in data.draw(st.permutations([*everything, *again])):
        books = books.post(heard(world, body))

    assert_true(books, world)
    in_order = Books()
    for body in everything:
        in_order = in_order.post(heard(world, body))
    assert paid(books.account()) == paid(in_order.account())


def paid(ledger: Ledger) -> list[tuple[str, int, datetime | None]]:
    return [(one.entry_id, one.paid_cents, one.settled_at) for one in ledger.standings]


def test_250_events_in_one_body_come_to_the_same_as_one_by_one() -> None:
    worlds = [replayed(GoCardlessWorld, path) for path in (("the mandate is signed", "it is submitted"),) * 2]
    one_by_one, at_once = worlds
    books = Books()
    for body in one_by_one.deliveries():
        books = books.post(heard(one_by_one, body))
    events = [event for body in at_once.deliveries() for event in json.loads(body)["events"]]

    together = Books().post(heard(at_once, json.dumps({"events": events}).encode()))

    assert outcome(together.payment) == outcome(books.payment)
