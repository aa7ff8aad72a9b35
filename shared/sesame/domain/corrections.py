"""What a change of terms does to the notices that are out: which are withdrawn, and by what replaced.

A notice is right when it charges what `notice_for` says now, with the adjustments that it carried. One that
is not is withdrawn whole by a credit note; where something is still owed for its month, another takes its
place. A late surcharge goes with the notice that it was for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sesame.domain.calendar import Period, periods
from sesame.domain.journal import Entry, EntryKind, credit_note_id, notice_entry_id
from sesame.domain.notices import (
    Adjustment,
    LineKind,
    Notice,
    latest_period,
    notice_for,
    time_to_pay,
    with_adjustments,
)
from sesame.domain.reminders import surcharge_entry_id
from sesame.domain.tenancy import Lease, Residence


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What has been issued for a period: the notice that stands, if one does, and the last one's number."""

    last_number: int
    standing: Notice | None
    credited: tuple[Adjustment, ...] = ()
    """The parts of the standing one that credit notes took back, below zero."""

    @property
    def standing_cents(self) -> int:
        """What it still charges."""
        charged = self.standing.amount_cents if self.standing else 0
        return charged + sum(one.amount_cents for one in self.credited)

    @property
    def carried(self) -> tuple[Adjustment, ...]:
        """What staff decided for the month, whatever it costs: it goes on to the notice that replaces it."""
        if self.standing is None:
            return ()
        lines = tuple(
            Adjustment(
                adjustment_id=f"{self.standing.period}#{self.standing.number}:{index}",
                amount_cents=line.amount_cents,
                label=line.label,
            )
            for index, line in enumerate(self.standing.adjustments)
        )
        return lines + self.credited


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One month put right: no `withdrawn` where no notice stood, no `replacement` where nothing is owed.

    A month that should be out and never was gets its first notice with it, which corrects nothing.
    """

    period: Period
    withdrawn: Notice | None
    withdrawn_cents: int
    """What the withdrawn notice still charged: the amount of the credit note."""
    replacement: Notice | None
    left: tuple[Adjustment, ...] = ()
    """Reductions that found nothing left to reduce: they wait for the next notice."""

    @property
    def corrects(self) -> bool:
        """Whether anything had been issued for the month before."""
        return self.withdrawn is not None or self.replacement is None or self.replacement.number > 1

    @property
    def difference_cents(self) -> int:
        """What the month costs more (above zero) or less than before."""
        return (self.replacement.amount_cents if self.replacement else 0) - self.withdrawn_cents

    def credit_note(self, effective_at: datetime) -> Entry | None:
        """The credit note that withdraws what was wrong; None where nothing stood."""
        old, new = self.withdrawn, self.replacement
        if old is None:
            return None
        return Entry(
            entry_id=credit_note_id(old.period, old.number),
            kind=EntryKind.CREDIT_NOTE,
            amount_cents=-self.withdrawn_cents,
            effective_at=effective_at,
            period=old.period,
            credits=notice_entry_id(old.period, old.number),
            withdraws=True,
            replaced_by=notice_entry_id(new.period, new.number) if new else None,
        )


def issued_by_period(
    notices: Sequence[Notice], withdrawn: Sequence[Notice], entries: Sequence[Entry]
) -> dict[Period, Issued]:
    """What has been issued for each period, from a lease's journal."""
    found: dict[Period, Issued] = {}
    for notice in sorted([*notices, *withdrawn], key=lambda one: one.number):
        found[notice.period] = Issued(last_number=notice.number, standing=None)
    for notice in notices:
        entry_id = notice_entry_id(notice.period, notice.number)
        credited = tuple(
            Adjustment(adjustment_id=one.entry_id, amount_cents=one.amount_cents, label=one.label or "")
            for one in entries
            if one.credits == entry_id and not one.withdraws
        )
        found[notice.period] = replace(found[notice.period], standing=notice, credited=credited)
    return found


def surcharges_on(found: Sequence[Correction], entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The late surcharges on notices that corrections withdraw, those that nobody took back: they go along.

    The notice in the place of one has a day of its own to be paid by, and may bear one in its turn.
    """
    borne = {surcharge_entry_id(notice_entry_id(one.period)) for one in found if one.withdrawn}
    reversed_ones = {one.corrects for one in entries}
    return tuple(
        one
        for one in entries
        if one.kind is EntryKind.SURCHARGE
        and one.entry_id.partition("#")[0] in borne
        and one.entry_id not in reversed_ones
    )


def reversal_of(surcharge: Entry, effective_at: datetime) -> Entry:
    """The entry that takes a surcharge back: the journal keeps both, the fold counts neither."""
    return Entry(
        entry_id=f"reversal:{surcharge.entry_id}",
        kind=EntryKind.REVERSAL,
        amount_cents=-surcharge.amount_cents,
        effective_at=effective_at,
        corrects=surcharge.entry_id,
    )


def corrections(
    lease: Lease, residence: Residence, issued: Mapping[Period, Issued], today: date
) -> list[Correction]:
    """What puts a lease's notices right, oldest month first; none where all are.

    Months are looked at from the first that was ever billed here (what was before is another system's) to the
    latest that should be out by `today`.
    """
    if not issued:
        return []
    last = max(*issued, latest_period(residence, today))
    found = (
        _correction(lease, residence, period, issued.get(period), today)
        for period in periods(min(issued), last)
    )
    return [one for one in found if one is not None]


def _correction(
    lease: Lease, residence: Residence, period: Period, issued: Issued | None, today: date
) -> Correction | None:
    standing = issued.standing if issued else None
    carried = issued.carried if issued else ()
    owed = notice_for(lease, residence, period)
    if owed is None and standing is not None and any(one.amount_cents > 0 for one in carried):
        # nothing is owed for the month, but what staff charged with it is
        owed = replace(standing, lines=())
    wanted, left = with_adjustments(owed, carried) if owed else (None, carried)
    if wanted is not None and not wanted.lines:
        wanted = None
    if _same(standing, issued.standing_cents if issued else 0, wanted):
        return None
    if issued is not None and wanted is not None:
        wanted = replace(
            wanted,
            number=issued.last_number + 1,
            due_on=_due_on(residence, wanted, standing, issued.standing_cents, today),
        )
    return Correction(
        period=period,
        withdrawn=standing,
        withdrawn_cents=issued.standing_cents if issued else 0,
        replacement=wanted,
        left=left,
    )


def _same(standing: Notice | None, standing_cents: int, wanted: Notice | None) -> bool:
    """Whether the notice that stands says what is wanted: days, and cents of each kind."""
    if standing is None or wanted is None:
        return standing is wanted
    return (standing.starts_on, standing.ends_on, standing_cents) == (
        wanted.starts_on,
        wanted.ends_on,
        wanted.amount_cents,
    ) and all(standing.sum_of(kind) == wanted.sum_of(kind) for kind in (LineKind.RENT, LineKind.CHARGES))


def _due_on(
    residence: Residence, wanted: Notice, standing: Notice | None, standing_cents: int, today: date
) -> date:
    """Who is asked for no more keeps their day; who is asked for more has as long as for any notice."""
    if standing is not None and wanted.amount_cents <= standing_cents:
        return standing.due_on
    return max(wanted.due_on, today + time_to_pay(residence, wanted.period))
