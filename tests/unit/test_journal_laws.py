"""The laws of money as a machine that tries to break them: notices and payments, told in any order.

Beside the journal runs an oracle that knows nothing of entries, allocations or checkpoints: it moves single
cents, one by one, and starts again from nothing each time.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from sesame.domain.calendar import shift
from sesame.domain.journal import Checkpoint, Entry, EntryKind, advance, fold, notice_entry_id
from sesame.domain.payments import (
    EventKind,
    Payment,
    PaymentEvent,
    entries_to_post,
    outcome,
    posted_after,
    with_events,
)

START = datetime(2026, 9, 1, 6, tzinfo=UTC)
FIRST = "2026-09"
cents = st.integers(min_value=1, max_value=12)
days = st.integers(min_value=0, max_value=40)


@dataclass(slots=True)
class Coin:
    """One cent of a payment, and the notice that it pays, if it pays one."""

    payment: str
    pays: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What happened at an instant: a notice of so many cents, or so many cents of a payment come or gone."""

    at: datetime
    cents: int
    period: str = ""
    payment: str = ""
    designated: tuple[str, ...] = ()


@dataclass(slots=True)
class Oracle:
    """Cents in purses. `due` orders notices, oldest first."""

    owed: dict[str, int] = field(default_factory=dict)
    due: dict[str, tuple[date, str]] = field(default_factory=dict)
    coins: list[Coin] = field(default_factory=list)

    def hear(self, one: Told) -> None:
        if one.period:
            self.owed[one.period] = one.cents
        for _ in range(one.cents if one.payment else 0):
            self.coins.append(Coin(one.payment, self._oldest(one.designated) or self._oldest(self.owed)))
        for _ in range(-one.cents):
            self.coins.remove(self._last_of(one.payment))
        for coin in self.coins:
            coin.pays = coin.pays or self._oldest(self.owed)

    def paid(self) -> dict[str, int]:
        counted = Counter(coin.pays for coin in self.coins)
        return {period: counted[period] for period in self.owed}

    @property
    def credit(self) -> int:
        return sum(coin.pays is None for coin in self.coins)

    def _oldest(self, among: object) -> str | None:
        paid = self.paid()
        unpaid = [one for one in self.owed if one in among and paid[one] < self.owed[one]]  # type: ignore[operator]
        return min(unpaid, key=lambda one: self.due[one], default=None)

    def _last_of(self, payment: str) -> Coin:
        own = [coin for coin in self.coins if coin.payment == payment]
        return max(own, key=lambda coin: (coin.pays is None, self.due[coin.pays] if coin.pays else ()))


class Ledgers(RuleBasedStateMachine):
    """A lease's account. Every instant is its own, so that the oracle needs no rule for ties."""

    payments = Bundle("payments")
    happened = Bundle("happened")

    def __init__(self) -> None:
        super().__init__()
        self.serial = 0
        self.entries: list[Entry] = []
        self.checkpoint = Checkpoint()
        self.known: dict[str, Payment] = {}
        self.notices: list[Told] = []
        self.due: dict[str, tuple[date, str]] = {}
        self.settled: Counter[str] = Counter()
        self.refunded: Counter[str] = Counter()
        self.amounts_said: Counter[str] = Counter()

    # --- what happens

    @rule(amount=st.integers(min_value=0, max_value=12), later=st.integers(min_value=0, max_value=3))
    def issue_a_notice(self, amount: int, later: int) -> None:
        """After all that is folded, as the service dates it; months may be billed in any order."""
        period = shift(FIRST, later)
        if period in self.due:
            return
        before = self._paid()
        folded = self.checkpoint.folded_to
        at = max(self._instant(0), folded.at + timedelta(microseconds=1) if folded else START)
        due_on = date.fromisoformat(f"{period}-10")
        entry = Entry(
            entry_id=notice_entry_id(period),
            kind=EntryKind.NOTICE,
            amount_cents=amount,
            effective_at=at,
            period=period,
            due_on=due_on,
        )
        self.due[period] = due_on, entry.entry_id
        self.notices.append(Told(at, amount, period=period))
        self._post([entry])

        assert all(self._paid()[one] >= paid for one, paid in before.items()), "a later debit unpaid a notice"

    @rule(target=payments, chosen=st.sets(st.integers(min_value=0, max_value=3), max_size=2))
    def ask_for_a_payment(self, chosen: set[int]) -> str:
        payment_id = f"p{len(self.known)}"
        self.known[payment_id] = Payment(
            payment_id=payment_id,
            lease_id="lease",
            residence_id="residence",
            provider="sandbox",
            amount_cents=100,
            designated=tuple(shift(FIRST, one) for one in sorted(chosen)),
            created_at=START,
        )
        return payment_id

    @rule(target=happened, payment=payments, amount=cents, day=days)
    def money_arrives(self, payment: str, amount: int, day: int) -> tuple[str, PaymentEvent]:
        """Said again with another amount it replaces what was said before, unless some went back already."""
        if self.refunded[payment]:
            amount = self.settled[payment]
        self.settled[payment] = amount
        return self._event(payment, EventKind.SETTLED, amount, day)

    @rule(target=happened, payment=payments, amount=cents)
    def money_goes_back(self, payment: str, amount: int) -> object:
        """Later than all that was said of the payment, and never more than came."""
        total = min(self.refunded[payment] + amount, self.settled[payment])
        if total == self.refunded[payment] or self.amounts_said[payment] > 1:
            return multiple()
        self.refunded[payment] = total
        return self._event(payment, EventKind.REFUNDED, total, day=50)

    @rule(target=happened, payment=payments, day=days)
    def a_try_is_under_way(self, payment: str, day: int) -> tuple[str, PaymentEvent]:
        return self._event(payment, EventKind.PENDING, 0, day)

    @rule(target=happened, told=consumes(happened), twice=st.booleans())
    def it_is_told(self, told: tuple[str, PaymentEvent], twice: bool) -> object:
        """In whatever order it is drawn; perhaps again later."""
        payment_id, event = told
        before = self.known[payment_id]
        payment = replace(before, events=with_events(before, [event]))
        entries = entries_to_post(payment, outcome(payment).movements)
        self.known[payment_id] = replace(payment, posted=posted_after(payment, entries))
        self._post(entries)
        return told if twice else multiple()

    # --- what must hold

    @invariant()
    def the_entries_add_up_to_the_balance(self) -> None:
        ledger = fold(self.entries)

        assert self.checkpoint == ledger.checkpoint
        assert ledger.checkpoint.balance_cents == sum(entry.amount_cents for entry in self.entries)
        assert len({entry.entry_id for entry in self.entries}) == len(self.entries)

    @invariant()
    def allocated_and_unallocated_credit_is_what_was_settled(self) -> None:
        in_force = sum(self._in_force(payment) for payment in self.known.values())
        allocated = sum(self._paid().values())

        assert allocated + self.checkpoint.credit_cents == in_force
        assert not (self.checkpoint.credit_cents and self.checkpoint.outstanding)

    @invariant()
    def a_payment_has_one_net_settlement_in_force_less_its_running_refund(self) -> None:
        for payment in self.known.values():
            posted = -sum(one.amount_cents for one in self.entries if one.source == payment.source)

            assert posted == self._in_force(payment)

    @invariant()
    def every_cent_lies_where_the_oracle_puts_it(self) -> None:
        oracle = Oracle(due=self.due)
        for one in sorted([*self.notices, *self._movements()], key=lambda one: one.at):
            oracle.hear(one)

        assert self._paid() == oracle.paid()
        assert self.checkpoint.credit_cents == oracle.credit

    # --- means

    def _event(self, payment: str, kind: EventKind, amount: int, day: int) -> tuple[str, PaymentEvent]:
        at = self._instant(day)
        self.amounts_said[payment] += kind is EventKind.SETTLED
        event = PaymentEvent(event_id=f"e{self.serial}", kind=kind, amount_cents=amount, occurred_at=at)
        return payment, event

    def _instant(self, day: int) -> datetime:
        self.serial += 1
        return START + timedelta(days=day, seconds=self.serial)

    def _post(self, entries: list[Entry]) -> None:
        """As the service does: onto the checkpoint where that is right, else by folding all."""
        checkpoint: Checkpoint | None = self.checkpoint
        for entry in sorted(entries, key=lambda entry: entry.position):
            checkpoint = advance(checkpoint, entry) if checkpoint else None
        self.entries += entries
        self.checkpoint = checkpoint or fold(self.entries).checkpoint

    def _paid(self) -> dict[str, int]:
        return {one.period: one.paid_cents for one in fold(self.entries).standings if one.period}

    def _in_force(self, payment: Payment) -> int:
        return self._series(payment)[-1][1]

    def _series(self, payment: Payment) -> list[tuple[datetime, int]]:
        """What was in force of a payment after each of its events: the last settlement, less refunds."""
        settled = refunded = 0
        series = [(START, 0)]
        for event in sorted(payment.events, key=lambda event: event.occurred_at):
            if event.kind is EventKind.SETTLED:
                settled = event.amount_cents or 0
            if event.kind is EventKind.REFUNDED:
                refunded = max(refunded, event.amount_cents or 0)
            series.append((event.occurred_at, max(settled - refunded, 0)))
        return series

    def _movements(self) -> list[Told]:
        return [
            Told(at, after - before, payment=payment.payment_id, designated=payment.designated)
            for payment in self.known.values()
            for (_, before), (at, after) in zip(
                self._series(payment), self._series(payment)[1:], strict=False
            )
        ]


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(max_examples=200, stateful_step_count=30)


@pytest.mark.long
def test_the_laws_hold_in_thousands_of_longer_stories() -> None:
    run_state_machine_as_test(Ledgers, settings=settings(max_examples=5000, stateful_step_count=40))
