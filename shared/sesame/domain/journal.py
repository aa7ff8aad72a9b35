"""The journal of a lease: signed entries in euro cents, and what they make of its rent notices.

Pure, so that replaying it is always safe: the same set of entries gives the same account, whatever the order
in which they arrived.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class EntryKind(StrEnum):
    """What an entry is, as a statement of account names it."""

    NOTICE = "notice"
    PAYMENT = "payment"
    REFUND = "refund"
    AID = "aid"
    """Housing benefit that the CAF paid straight to the landlord."""
    REVERSAL = "reversal"
    """Takes back what was recorded by hand and did not come, or not so."""
    CHARGE_BACK = "charge_back"
    """A payment that its bank took back."""
    SURCHARGE = "surcharge"
    """What being late costs by a rule of the residence, default none."""
    CREDIT_NOTE = "credit_note"
    """Takes back what a rent notice charged, whole or in part: a notice is never edited."""
    ADJUSTMENT = "adjustment"
    """What staff charged by itself, since no notice was to come that could carry it."""


MONEY = frozenset(
    {EntryKind.PAYMENT, EntryKind.REFUND, EntryKind.AID, EntryKind.REVERSAL, EntryKind.CHARGE_BACK}
)
"""The entries that tell of money which came or went, rather than of what was charged."""


class Position(NamedTuple):
    """Where an entry stands in the fold: by effective time, then by id."""

    at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal, never changed once written. Its id is derived from its cause."""

    entry_id: str
    kind: EntryKind
    amount_cents: int
    """Above zero the tenant owes more (a debit), below zero less (a credit)."""
    effective_at: datetime
    """UTC: when a debit was issued (it is never backdated), when the money of a credit moved."""
    period: str | None = None
    """The month a rent notice charges, `YYYY-MM`."""
    due_on: date | None = None
    """The last day to pay, on the residence's calendar."""
    designated: tuple[str, ...] = ()
    """The periods the payer of a credit wants paid first."""
    source: str | None = None
    """What a credit came from, e.g. `payment:{id}`; what `reverses` of a later debit points to."""
    reverses: str | None = None
    """The source whose credit this takes back, where it is a debit."""
    corrects: str | None = None
    """The entry whose amount this one completes; both count as one, at the first one's place."""
    method: str | None = None
    """How the money of a credit came, where it did not come online: the word that a receipt prints."""
    credits: str | None = None
    """The notice that a credit note is about, by its entry id."""
    withdraws: bool = False
    """Whether a credit note takes that notice away whole: then it stands no more."""
    replaced_by: str | None = None
    """The notice that takes the withdrawn one's place, by its entry id, where there is one."""
    label: str | None = None
    """What staff wrote of a credit note or an adjustment, as printed."""

    @property
    def position(self) -> Position:
        """The entry's place in the fold."""
        return Position(self.effective_at, self.entry_id)

    @property
    def takes_back(self) -> bool:
        """Whether it gives back money that came before, rather than charging something new."""
        return self.amount_cents > 0 and self.reverses is not None


def notice_entry_id(period: str, number: int = 1) -> str:
    """The id of the debit that a notice of a period (`YYYY-MM`) is; from the second on with its number."""
    return f"notice:{period}" if number == 1 else f"notice:{period}#{number}"


def notice_period_of(entry_id: str) -> str | None:
    """The period of the notice that an entry is, by its id; None where it is another one."""
    kind, _, rest = entry_id.partition(":")
    return rest.partition("#")[0] if kind == "notice" else None


def credit_note_id(period: str, number: int, cause: str = "") -> str:
    """The id of the credit note that withdraws a period's notice of a number, so that there is one only.

    One that takes back a part is known by its `cause` besides.
    """
    withdrawing = f"credit-note:{period}#{number}"
    return f"{withdrawing}:{cause}" if cause else withdrawing


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """The part of a credit that pays a debit."""

    credit_id: str
    amount_cents: int
    received_at: datetime
    """When the money moved: the payment date that a receipt prints."""
    allocated_at: datetime
    method: str | None = None
    """How the credit's money came; None for online."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How much of a debit is paid, and by what."""

    entry_id: str
    period: str | None
    due_on: date
    amount_cents: int
    effective_at: datetime
    allocations: tuple[Allocation, ...]

    @property
    def paid_cents(self) -> int:
        """What has been allocated to it."""
        return sum(allocation.amount_cents for allocation in self.allocations)

    @property
    def unpaid_cents(self) -> int:
        """What is still owed."""
        return self.amount_cents - self.paid_cents

    @property
    def settled_at(self) -> datetime | None:
        """When it became paid in full, or None while it is not."""
        if self.unpaid_cents:
            return None
        return max((one.allocated_at for one in self.allocations), default=self.effective_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstanding:
    """A debit not yet paid in full, as the checkpoint keeps it."""

    entry_id: str
    period: str | None
    due_on: date
    amount_cents: int
    paid_cents: int
    issued_at: datetime

    @property
    def unpaid_cents(self) -> int:
        """What is still owed."""
        return self.amount_cents - self.paid_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The fold so far, small enough to be written in the same transaction as each entry."""

    balance_cents: int = 0
    """Above zero the tenant owes."""
    credit_cents: int = 0
    """Received and not allocated: it pays the next notice. Above zero only when nothing is outstanding."""
    outstanding: tuple[Outstanding, ...] = ()
    """Oldest due first."""
    folded_to: Position | None = None
    unmatched: bool = False
    """An entry refers to another not known yet, so that the next one needs the whole journal."""


EMPTY = Checkpoint()
"""Of a lease whose journal has no entry yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The journal, folded whole."""

    standings: tuple[Standing, ...]
    """Every debit, oldest due first."""
    checkpoint: Checkpoint


def fold(entries: Iterable[Entry]) -> Ledger:
    """Fold a whole journal. The order in which entries are given does not matter, nor does a repeat."""
    known = {entry.entry_id: entry for entry in entries}
    completed = _completed(known)
    book = _Book(unmatched=_has_unmatched(completed) or any(_lacks_base(entry, known) for entry in completed))
    for entry in _in_order(completed):
        book.post(entry)
    book.close()
    book.balance_cents = sum(entry.amount_cents for entry in known.values())
    book.folded_to = max((entry.position for entry in known.values()), default=None)
    return Ledger(standings=book.standings(), checkpoint=book.checkpoint())


def advance(checkpoint: Checkpoint, entry: Entry) -> Checkpoint | None:
    """Add one entry to a fold, or None where only folding the whole journal would be right.

    That is so for an entry that comes before what was folded, takes back a credit or a part of a notice, or
    completes another.
    """
    late = checkpoint.folded_to is not None and entry.position <= checkpoint.folded_to
    if late or entry.takes_back or entry.corrects or entry.credits or checkpoint.unmatched:
        return None
    book = _Book.resumed(checkpoint)
    book.post(entry)
    book.balance_cents += entry.amount_cents
    book.folded_to = entry.position
    return book.checkpoint()


def _has_unmatched(completed: list[Entry]) -> bool:
    credited = {entry.source for entry in completed if entry.amount_cents < 0}
    debited = {entry.entry_id for entry in completed}
    return any(
        (entry.takes_back and entry.reverses not in credited)
        or (entry.credits is not None and entry.credits not in debited)
        for entry in completed
    )


def _lacks_base(entry: Entry, known: Mapping[str, Entry]) -> bool:
    return entry.corrects is not None and entry.corrects not in known


def _completed(known: dict[str, Entry]) -> list[Entry]:
    """Each entry with its corrections added in, so that a correction leaves no trace of when it came."""
    totals: dict[str, int] = {}
    for entry in known.values():
        base = entry.entry_id if entry.corrects is None or _lacks_base(entry, known) else entry.corrects
        totals[base] = totals.get(base, 0) + entry.amount_cents
    return [
        replace(known[entry_id], amount_cents=cents)
        for entry_id, cents in totals.items()
        if cents or known[entry_id].period
    ]


def _in_order(entries: list[Entry]) -> list[Entry]:
    """By position; but what takes another back never comes before it, whatever the clocks said."""
    credited: dict[str, Position] = {}
    debited = {entry.entry_id: entry.position for entry in entries}
    for entry in entries:
        if entry.source is not None and entry.amount_cents < 0:
            credited[entry.source] = min(credited.get(entry.source, entry.position), entry.position)

    def place(entry: Entry) -> tuple[Position, bool, Position]:
        after = credited.get(entry.reverses or "", entry.position) if entry.takes_back else entry.position
        after = max(after, debited.get(entry.credits or "", after))
        return max(after, entry.position), after > entry.position, entry.position

    return sorted(entries, key=place)


@dataclass(slots=True, kw_only=True)
class _Debit:
    entry_id: str
    period: str | None
    due_on: date
    amount_cents: int
    effective_at: datetime
    paid_cents: int = 0
    allocations: list[Allocation] = field(default_factory=list)

    @property
    def unpaid_cents(self) -> int:
        return self.amount_cents - self.paid_cents

    @property
    def age(self) -> tuple[date, str]:
        return self.due_on, self.entry_id


@dataclass(slots=True, kw_only=True)
class _Credit:
    entry_id: str
    source: str | None
    received_at: datetime
    left_cents: int
    method: str | None = None


@dataclass(slots=True, kw_only=True)
class _Book:
    """The fold at work: debits and credits in the order posted, and the ones still open."""

    unmatched: bool = False
    balance_cents: int = 0
    folded_to: Position | None = None
    debits: list[_Debit] = field(default_factory=list)
    unpaid: dict[str, _Debit] = field(default_factory=dict)
    credits: list[_Credit] = field(default_factory=list)
    unspent: list[_Credit] = field(default_factory=list)
    held: dict[str, list[tuple[_Credit, int]]] = field(default_factory=dict)
    """What had paid a notice that was withdrawn, by the entry id of the one that takes its place."""

    @classmethod
    def resumed(cls, checkpoint: Checkpoint) -> "_Book":
        """Where a checkpoint left off: what is settled needs no more thought, so it is not there."""
        book = cls(balance_cents=checkpoint.balance_cents, folded_to=checkpoint.folded_to)
        for one in checkpoint.outstanding:
            debit = _Debit(
                entry_id=one.entry_id,
                period=one.period,
                due_on=one.due_on,
                amount_cents=one.amount_cents,
                effective_at=one.issued_at,
                paid_cents=one.paid_cents,
            )
            book.unpaid[debit.entry_id] = debit
        if checkpoint.credit_cents:
            at, entry_id = checkpoint.folded_to or Position(_LONG_AGO, "")
            earlier = _Credit(
                entry_id=entry_id, source=None, received_at=at, left_cents=checkpoint.credit_cents
            )
            book.unspent.append(earlier)
        return book

    def post(self, entry: Entry) -> None:
        if self.held and entry.entry_id not in self.held:
            self.hold_no_more()
        if entry.credits is not None and (debit := self._debit(entry.credits)) is not None:
            self._credit(entry, debit)
        elif entry.amount_cents < 0:
            self._receive(entry, -entry.amount_cents)
        elif entry.takes_back:
            self._take_back(entry)
        else:
            self._charge(entry, entry.amount_cents)
        self._spend_what_is_left(entry.effective_at)

    def _charge(self, entry: Entry, cents: int) -> None:
        debit = _Debit(
            entry_id=entry.entry_id,
            period=entry.period,
            due_on=entry.due_on or entry.effective_at.date(),
            amount_cents=cents,
            effective_at=entry.effective_at,
        )
        self.debits.append(debit)
        if debit.unpaid_cents:
            self.unpaid[debit.entry_id] = debit
        if entry.entry_id in self.held:
            for credit, part in self.held.pop(entry.entry_id):
                credit.left_cents += part
                self._allocate(credit, debit, entry.effective_at)
            self._find_unspent()

    def _debit(self, entry_id: str) -> _Debit | None:
        return next((debit for debit in self.debits if debit.entry_id == entry_id), None)

    def _credit(self, entry: Entry, debit: _Debit) -> None:
        """Lowers what a notice charges. What had paid more than is left of it, the last money to come first,
        goes to the notice that takes its place, in the order in which it came; else it is credit again."""
        cents = min(-entry.amount_cents, debit.amount_cents)
        debit.amount_cents -= cents
        freed = self._freed(debit)
        if not debit.unpaid_cents:
            self.unpaid.pop(debit.entry_id, None)
        if entry.withdraws:
            self.debits.remove(debit)
        if entry.replaced_by is not None:
            self.held[entry.replaced_by] = freed
        else:
            for credit, part in freed:
                credit.left_cents += part
            self._find_unspent()
        if -entry.amount_cents > cents:
            self._receive(entry, -entry.amount_cents - cents)

    def _freed(self, debit: _Debit) -> list[tuple[_Credit, int]]:
        credits = {credit.entry_id: credit for credit in self.credits}
        freed: dict[str, int] = {}
        while debit.unpaid_cents < 0:
            last = debit.allocations.pop()
            cents = min(last.amount_cents, -debit.unpaid_cents)
            if cents < last.amount_cents:
                debit.allocations.append(replace(last, amount_cents=last.amount_cents - cents))
            debit.paid_cents -= cents
            freed[last.credit_id] = freed.get(last.credit_id, 0) + cents
        return [(credits[credit_id], cents) for credit_id, cents in reversed(freed.items())]

    def hold_no_more(self) -> None:
        """What is held for a notice that does not come next is credit like any other."""
        for credit, part in (one for held in self.held.values() for one in held):
            credit.left_cents += part
        self.held.clear()
        self._find_unspent()

    def close(self) -> None:
        """What is still held when nothing more comes is spent as if it were not."""
        if self.held:
            self.hold_no_more()
            self._spend_what_is_left(max(credit.received_at for credit in self.credits))

    def _find_unspent(self) -> None:
        """In the order in which they came; only a whole fold, which knows all credits, gives them back."""
        self.unspent = [credit for credit in self.credits if credit.left_cents]

    def _receive(self, entry: Entry, cents: int) -> None:
        credit = _Credit(
            entry_id=entry.entry_id,
            source=entry.source,
            received_at=entry.effective_at,
            left_cents=cents,
            method=entry.method,
        )
        self.credits.append(credit)
        self.unspent.append(credit)
        chosen = [debit for debit in self.unpaid.values() if debit.period in entry.designated]
        for debit in sorted(chosen, key=lambda debit: debit.age):
            self._allocate(credit, debit, entry.effective_at)

    def _spend_what_is_left(self, at: datetime) -> None:
        for credit in self.unspent:
            for debit in sorted(self.unpaid.values(), key=lambda debit: debit.age):
                self._allocate(credit, debit, at)
        self.unspent = [credit for credit in self.unspent if credit.left_cents]

    def _allocate(self, credit: _Credit, debit: _Debit, at: datetime) -> None:
        cents = min(credit.left_cents, debit.unpaid_cents)
        if not cents:
            return
        credit.left_cents -= cents
        debit.paid_cents += cents
        debit.allocations.append(
            Allocation(
                credit_id=credit.entry_id,
                amount_cents=cents,
                received_at=credit.received_at,
                allocated_at=at,
                method=credit.method,
            )
        )
        if not debit.unpaid_cents:
            del self.unpaid[debit.entry_id]

    def _take_back(self, entry: Entry) -> None:
        """From the source's own money only: what is unspent first, then what pays the newest debts."""
        cents = entry.amount_cents
        own = [credit for credit in self.credits if credit.source == entry.reverses]
        for credit in own:
            unspent = min(cents, credit.left_cents)
            credit.left_cents -= unspent
            cents -= unspent
        ids = {credit.entry_id for credit in own}
        for debit in sorted(self.debits, key=lambda debit: debit.age, reverse=True):
            cents -= self._release(ids, debit, cents)
        if cents:
            self._charge(entry, cents)

    def _release(self, credit_ids: set[str], debit: _Debit, at_most_cents: int) -> int:
        released = 0
        for index, allocation in reversed(list(enumerate(debit.allocations))):
            cents = min(at_most_cents - released, allocation.amount_cents)
            if allocation.credit_id in credit_ids and cents:
                kept = replace(allocation, amount_cents=allocation.amount_cents - cents)
                debit.allocations[index : index + 1] = [kept] if kept.amount_cents else []
                released += cents
        if released:
            debit.paid_cents -= released
            self.unpaid[debit.entry_id] = debit
        return released

    def standings(self) -> tuple[Standing, ...]:
        return tuple(
            Standing(
                entry_id=debit.entry_id,
                period=debit.period,
                due_on=debit.due_on,
                amount_cents=debit.amount_cents,
                effective_at=debit.effective_at,
                allocations=tuple(debit.allocations),
            )
            for debit in sorted(self.debits, key=lambda debit: debit.age)
        )

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            balance_cents=self.balance_cents,
            credit_cents=sum(credit.left_cents for credit in self.unspent),
            outstanding=tuple(
                Outstanding(
                    entry_id=debit.entry_id,
                    period=debit.period,
                    due_on=debit.due_on,
                    amount_cents=debit.amount_cents,
                    paid_cents=debit.paid_cents,
                    issued_at=debit.effective_at,
                )
                for debit in sorted(self.unpaid.values(), key=lambda debit: debit.age)
            ),
            folded_to=self.folded_to,
            unmatched=self.unmatched,
        )
