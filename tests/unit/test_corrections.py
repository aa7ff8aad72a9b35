"""Notices put right: the laws of corrections as a machine that tries to break them.

Two oracles know nothing of notices, credit notes or folds. One counts the rent of each day lived; the other
moves single cents, each of which stays with the month that it pays as long as that month has room for it.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sesame.domain.calendar import days_in, period_of
from sesame.domain.corrections import Issued, corrections, issued_by_period, reversal_of, surcharges_on
from sesame.domain.journal import (
    Checkpoint,
    Entry,
    EntryKind,
    advance,
    credit_note_id,
    fold,
    notice_entry_id,
)
from sesame.domain.notices import Adjustment, Notice, notice_for, periods_to_bill, with_adjustments
from sesame.domain.reminders import surcharge_entry_id
from sesame.domain.tenancy import Lease, LeaseStatus
from sesame.domain.terms import TermsRefused, amended, ending
from tests.unit.test_notices import LEASE, RESIDENCE

START = date(2026, 9, 1)
CHEAP = replace(LEASE, starts_on=START, ends_on=date(2026, 12, 31), rent_cents=31, charges_cents=7)
days = st.integers(0, 130).map(lambda n: START + timedelta(days=n))
small = st.integers(1, 40)


def entry_of(notice: Notice, at: datetime) -> Entry:
    return Entry(
        entry_id=notice_entry_id(notice.period, notice.number),
        kind=EntryKind.NOTICE,
        amount_cents=notice.amount_cents,
        effective_at=at,
        period=notice.period,
        due_on=notice.due_on,
    )


@dataclass(slots=True)
class Coin:
    """One cent that came in, and the month that it pays, if it pays one."""

    source: str
    pays: str | None = None


@dataclass(slots=True)
class Purse:
    """Cents and months. `due` orders the months; `owed` is what each costs now."""

    owed: dict[str, int] = field(default_factory=dict)
    due: dict[str, tuple[date, str]] = field(default_factory=dict)
    coins: list[Coin] = field(default_factory=list)

    def month_costs(self, month: str, cents: int, due: tuple[date, str]) -> None:
        """From now on. Coins too many leave it, the last to have come first."""
        self.owed[month], self.due[month] = cents, due
        paying = [coin for coin in self.coins if coin.pays == month]
        for coin in paying[max(cents, 0) :]:
            coin.pays = None
        self.settle()

    def comes(self, source: str, cents: int) -> None:
        self.coins += [Coin(source) for _ in range(cents)]
        self.settle()

    def goes(self, source: str) -> None:
        """All of a payment is taken back."""
        self.coins = [coin for coin in self.coins if coin.source != source]
        self.settle()

    def settle(self) -> None:
        for coin in self.coins:
            if coin.pays is None:
                paid = self.paid()
                unpaid = [month for month in self.owed if paid[month] < self.owed[month]]
                coin.pays = min(unpaid, key=lambda month: self.due[month], default=None)

    def paid(self) -> dict[str, int]:
        counted = Counter(coin.pays for coin in self.coins)
        return {month: counted[month] for month in self.owed}


class Tenancies(RuleBasedStateMachine):
    """A lease's life as its services live it: billed, paid, changed, whatever comes next."""

    def __init__(self) -> None:
        super().__init__()
        self.lease, self.today = CHEAP, START
        self.at = datetime.combine(START, time(8), UTC)
        self.entries: list[Entry] = []
        self.checkpoint = Checkpoint()
        self.notices: list[Notice] = []
        self.pending: tuple[Adjustment, ...] = ()
        self.asked_cents = 0
        self.purse = Purse()
        # rent by day, kept apart from the lease: day -> (rent, charges)
        self.by_day = {START + timedelta(days=n): (31, 7) for n in range((CHEAP.ends_on - START).days + 1)}
        self.cancelled = False
        self.payments: list[str] = []

    # --- what happens

    @rule(days_on=st.integers(1, 40))
    def time_passes_and_billing_runs(self, days_on: int) -> None:
        self.today += timedelta(days=days_on)
        self.at = max(self.at, datetime.combine(self.today, time(8), UTC))
        issued = {notice.period for notice in self.notices}
        for period in periods_to_bill(self.lease, RESIDENCE, self.today):
            notice = notice_for(self.lease, RESIDENCE, period)
            if notice is not None and period not in issued:
                adjusted, self.pending = with_adjustments(notice, self.pending)
                self._issue(adjusted)

    @rule(day=days, rent=small, charges=st.integers(0, 9))
    def terms_change(self, day: date, rent: int, charges: int) -> None:
        def change(lease: Lease) -> Lease:
            return amended(lease, day, rent_cents=rent, charges_cents=charges)

        later = [one.starts_on for one in self.lease.terms if one.starts_on > day]
        if self._changed(change):
            until = min(later, default=date.max)
            self.by_day |= {one: (rent, charges) for one in self.by_day if day <= one < until}

    @rule(day=days)
    def the_lease_ends_on_another_day(self, day: date) -> None:
        last = self.by_day[max(self.by_day)] if self.by_day else (0, 0)
        if self._changed(lambda lease: ending(lease, day)):
            kept = {one: cents for one, cents in self.by_day.items() if one <= day}
            last = kept[max(kept)] if kept else last
            first_new = max(kept, default=START - timedelta(days=1)) + timedelta(days=1)
            while first_new <= day:
                kept[first_new] = last
                first_new += timedelta(days=1)
            self.by_day = kept

    @precondition(lambda self: len(self.entries) > 6)
    @rule()
    def it_is_cancelled(self) -> None:
        self.cancelled = True
        self._changed(lambda lease: replace(lease, status=LeaseStatus.CANCELLED))

    @rule(cents=small, charged=st.booleans())
    def staff_adjust_the_next_notice(self, cents: int, charged: bool) -> None:
        amount = cents if charged else -cents
        self.asked_cents += amount
        self.pending += (Adjustment(adjustment_id=str(len(self.entries)), amount_cents=amount, label="why"),)

    @precondition(lambda self: self._standing())
    @rule(data=st.data(), cents=small)
    def staff_credit_a_part_of_a_notice(self, data: st.DataObject, cents: int) -> None:
        period, standing = data.draw(
            st.sampled_from(sorted(self._standing().items(), key=lambda one: one[0]))
        )
        left = standing.standing_cents
        notice = standing.standing
        if notice is None or not left:
            return
        cents = min(cents, left)
        entry_id = notice_entry_id(period, notice.number)
        note = Entry(
            entry_id=credit_note_id(period, notice.number, str(len(self.entries))),
            kind=EntryKind.CREDIT_NOTE,
            amount_cents=-cents,
            effective_at=self._tick(),
            period=period,
            credits=entry_id,
            label="goodwill",
        )
        self.asked_cents -= cents
        self._post([note])
        self.purse.month_costs(period, left - cents, (notice.due_on, entry_id))

    @rule(cents=small)
    def money_comes(self, cents: int) -> None:
        source = f"payment:{len(self.entries)}"
        self.payments.append(source)
        self._post(
            [
                Entry(
                    entry_id=source,
                    kind=EntryKind.PAYMENT,
                    amount_cents=-cents,
                    effective_at=self._tick(),
                    source=source,
                )
            ]
        )
        self.purse.comes(source, cents)

    @precondition(lambda self: self.payments)
    @rule(data=st.data())
    def a_payment_is_taken_back(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(self.payments))
        self.payments.remove(source)
        cents = -next(one.amount_cents for one in self.entries if one.entry_id == source)
        self._post(
            [
                Entry(
                    entry_id=f"{source}:back",
                    kind=EntryKind.CHARGE_BACK,
                    amount_cents=cents,
                    effective_at=self._tick(),
                    reverses=source,
                )
            ]
        )
        self.purse.goes(source)

    # --- what must hold

    @invariant()
    def notices_less_credit_notes_are_the_rent_of_the_days_lived_and_what_staff_decided(self) -> None:
        charged = sum(
            one.amount_cents for one in self.entries if one.kind in {EntryKind.NOTICE, EntryKind.CREDIT_NOTE}
        )
        waiting = sum(one.amount_cents for one in self.pending)

        assert charged + waiting == self._rent_of_days_billed() + self.asked_cents

    @invariant()
    def every_cent_stays_with_its_month_as_long_as_there_is_room(self) -> None:
        ledger = fold(self.entries)

        owed = {period: cents for period, cents in self.purse.owed.items() if cents}
        paid = self.purse.paid()
        standings = {one.period: one for one in ledger.standings if one.period and one.amount_cents}
        assert {period: one.amount_cents for period, one in standings.items()} == owed
        assert {period: one.paid_cents for period, one in standings.items()} == {
            period: paid[period] for period in owed
        }
        unpaid = sum(cents - paid[period] for period, cents in owed.items())
        credit = len(self.purse.coins) - sum(paid.values())
        assert ledger.checkpoint.credit_cents == credit
        assert ledger.checkpoint.balance_cents == unpaid - credit

    @invariant()
    def the_checkpoint_follows_and_one_notice_a_month_stands(self) -> None:
        assert self.checkpoint == fold(self.entries).checkpoint
        assert fold(reversed(self.entries)) == fold(self.entries)
        standing = [notice.period for notice in self._standing_notices()]
        assert len(standing) == len(set(standing))

    @invariant()
    def nothing_is_left_to_correct(self) -> None:
        assert corrections(self.lease, RESIDENCE, self._issued(), self.today) == []

    # --- means

    def _changed(self, change: Callable[[Lease], Lease]) -> bool:
        try:
            self.lease = change(self.lease)
        except TermsRefused:
            return False
        found = corrections(self.lease, RESIDENCE, self._issued(), self.today)
        self.pending += tuple(one for correction in found for one in correction.left)
        for one in found:
            # at once, as in one transaction
            note = one.credit_note(self._tick())
            new = [entry_of(one.replacement, self._tick())] if one.replacement else []
            self.notices += [one.replacement] if one.replacement else []
            self._post([*([note] if note else []), *new])
            due = new[0] if new else note
            assert due is not None
            cents = one.replacement.amount_cents if one.replacement else 0
            self.purse.month_costs(one.period, cents, (due.due_on or self.today, due.entry_id))
        return True

    def _issue(self, notice: Notice) -> None:
        self.notices.append(notice)
        entry = entry_of(notice, self._tick())
        self._post([entry])
        self.purse.month_costs(notice.period, notice.amount_cents, (notice.due_on, entry.entry_id))

    def _issued(self) -> dict[str, Issued]:
        standing = self._standing_notices()
        gone = [one for one in self.notices if one not in standing]
        return issued_by_period(standing, gone, self.entries)

    def _standing(self) -> dict[str, Issued]:
        return {period: one for period, one in self._issued().items() if one.standing}

    def _standing_notices(self) -> list[Notice]:
        gone = {one.credits for one in self.entries if one.withdraws}
        return [one for one in self.notices if notice_entry_id(one.period, one.number) not in gone]

    def _tick(self) -> datetime:
        self.at += timedelta(microseconds=1)
        return self.at

    def _post(self, entries: list[Entry]) -> None:
        checkpoint: Checkpoint | None = self.checkpoint
        for entry in entries:
            checkpoint = advance(checkpoint, entry) if checkpoint else None
        self.entries += entries
        self.checkpoint = checkpoint or fold(self.entries).checkpoint

    def _rent_of_days_billed(self) -> int:
        """Day by day, of the months from the first that was billed: the cents that each day adds."""
        months = {notice.period for notice in self.notices}
        if not months or self.cancelled:
            return 0
        first, last = min(months), max(*months, period_of(self.today))
        return sum(
            self._of_day(day, monthly)
            for day, amounts in self.by_day.items()
            if first <= period_of(day) <= last
            for monthly in amounts
        )

    def _of_day(self, day: date, monthly: int) -> int:
        length = days_in(period_of(day))

        def due_by_the_end_of(number: int) -> int:
            return floor(Fraction(monthly * number, length) + Fraction(1, 2))

        return due_by_the_end_of(day.day) - due_by_the_end_of(day.day - 1)


TestTenancies = Tenancies.TestCase
TestTenancies.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@given(changes=st.lists(st.tuples(days, small, st.booleans()), max_size=6))
def test_a_surcharge_stands_only_on_a_notice_that_stands(changes: list[tuple[date, int, bool]]) -> None:
    lease, today, at = CHEAP, date(2026, 12, 20), datetime(2026, 12, 20, tzinfo=UTC)
    notices = [
        one for period in ("2026-09", "2026-10", "2026-12") if (one := notice_for(lease, RESIDENCE, period))
    ]
    entries = [entry_of(one, at) for one in notices]

    for day, rent, everybody_is_late in changes:
        at += timedelta(minutes=1)
        gone = {one.credits for one in entries if one.withdraws}
        standing = [one for one in notices if notice_entry_id(one.period, one.number) not in gone]
        borne = {one.entry_id for one in entries}
        entries += [
            Entry(entry_id=entry_id, kind=EntryKind.SURCHARGE, amount_cents=5, effective_at=at)
            for one in standing
            if everybody_is_late
            and (entry_id := surcharge_entry_id(notice_entry_id(one.period, one.number))) not in borne
        ]
        lease = amended(lease, day, rent_cents=rent) if day <= lease.ends_on else lease
        withdrawn = [one for one in notices if one not in standing]
        found = corrections(lease, RESIDENCE, issued_by_period(standing, withdrawn, entries), today)
        back = [reversal_of(one, at) for one in surcharges_on(found, entries)]
        notices += [one.replacement for one in found if one.replacement]
        entries += [note for one in found if (note := one.credit_note(at))] + back
        entries += [entry_of(one.replacement, at) for one in found if one.replacement]

    gone = {one.credits for one in entries if one.withdraws}
    stand = {one.entry_id: one.amount_cents for one in fold(entries).standings}
    surcharges = [entry_id for entry_id in stand if entry_id.startswith("surcharge:")]
    assert all(one.removeprefix("surcharge:") in stand.keys() - gone for one in surcharges)
    assert fold(entries).checkpoint.balance_cents == sum(stand.values())


@pytest.mark.long
def test_the_laws_hold_in_thousands_of_longer_stories() -> None:
    run_state_machine_as_test(
        Tenancies, settings=settings(max_examples=3000, stateful_step_count=40, deadline=None)
    )
