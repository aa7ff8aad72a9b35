"""A lease's terms change, and its notices with them: in one transaction, by credit notes and new notices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.corrections import (
    Correction,
    corrections,
    issued_by_period,
    reversal_of,
    surcharges_on,
)
from sesame.domain.journal import Entry
from sesame.domain.tenancy import Lease, Residence
from sesame.platform.errors import Conflict, NotFound
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import first_step
from sesame.services.retries import USUAL, Retries
from sesame.store.accounts import Account, Journal, notice_entry
from sesame.store.people import People
from sesame.store.table import Write, transact

MOST_CORRECTIONS = 40
"""Months that one change may put right: two entries each, and DynamoDB takes a hundred items at once. Two
surcharges that are taken back count as one."""
_INSTANT = timedelta(microseconds=1)

Change = Callable[[Lease], Lease]
"""What is to become of a lease, from the lease as it is: `domain.terms`, or another status. Said again, the
same."""


class TooManyCorrections(Conflict):
    """So far back nobody changes terms at once: each notice would be another."""

    slug = "too-many-corrections"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce changement rectifierait trop d'avis d'échéance à la fois",
        "en": "That change would correct too many rent notices at once",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A lease before and after, and what puts its notices right: what was done, or would be."""

    before: Lease
    after: Lease
    residence: Residence
    at: datetime
    corrections: tuple[Correction, ...]
    surcharges: tuple[Entry, ...] = ()
    """The late surcharges that are taken back: their notices are withdrawn."""

    @property
    def is_change(self) -> bool:
        """Whether anything is different at all."""
        return self.after != self.before or bool(self.corrections)

    @property
    def corrected(self) -> tuple[Correction, ...]:
        """Those of months that had been billed; the others are first bills, which any run would make."""
        return tuple(one for one in self.corrections if one.corrects)

    @property
    def difference_cents(self) -> int:
        """What the months billed so far cost more (above zero) or less, their surcharges included."""
        return sum(one.difference_cents for one in self.corrected) - self.surcharges_reversed_cents

    @property
    def surcharges_reversed_cents(self) -> int:
        """The late surcharges that go."""
        return sum(one.amount_cents for one in self.surcharges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Why terms change, in a word that the journal keeps, and which member of staff (or job) did it."""

    reason: str
    by: str


Also = Callable[[Changed], Sequence[Write]]
"""What else is written with a change: its audit entry, the state of what asked for it."""
Announce = Callable[[Changed], Mapping[str, str] | None]
"""What the lease announces of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTerms:
    """The one way to change what a lease owes. Callers say what is to become of it and who wants it so."""

    people: People
    books: Bookkeeping
    retries: Retries = USUAL

    def preview(self, lease_id: str, change: Change) -> Changed:
        """What a change would do, without doing it. Raises what `change` raises, NotFound. Three reads."""
        changed, _ = self._changed(lease_id, change)
        return changed

    def apply(
        self,
        lease_id: str,
        change: Change,
        who: Who,
        *,
        also: Also = lambda _: (),
        announce: Announce = lambda _: None,
    ) -> Changed:
        """Changes a lease, and in the same transaction every notice that is out and no longer right.

        A repeat finds nothing left to do, and writes nothing. Raises what `change` raises, NotFound,
        TooManyCorrections. Three reads and a transaction.
        """

        def attempt() -> Changed:
            changed, journal = self._changed(lease_id, change)
            if changed.is_change:
                writes = self._writes(changed, journal, who, announce(changed))
                transact(self.people.table.client, [*writes, *also(changed)])
            return changed

        return self.retries.run(attempt)

    def _changed(self, lease_id: str, change: Change) -> tuple[Changed, Journal]:
        lease = self.people.lease(lease_id)
        residence = self.people.residence(lease.residence_id) if lease else None
        if lease is None or residence is None:
            raise NotFound
        after = change(lease)
        if after != lease:
            after = replace(after, version=lease.version + 1)
        journal = self.books.accounts.journal(lease_id)
        at = self.books.clock()
        issued = issued_by_period(
            [one.notice for one in journal.notices],
            [one.notice for one in journal.withdrawn],
            journal.entries,
        )
        found = corrections(after, residence, issued, local_date(at, residence.time_zone))
        surcharges = surcharges_on(found, journal.entries)
        if 2 * len(found) + len(surcharges) > 2 * MOST_CORRECTIONS:
            raise TooManyCorrections
        changed = Changed(
            before=lease,
            after=after,
            residence=residence,
            at=at,
            corrections=tuple(found),
            surcharges=surcharges,
        )
        return changed, journal

    def _writes(
        self, changed: Changed, journal: Journal, who: Who, announce: Mapping[str, str] | None
    ) -> list[Write]:
        after, accounts = changed.after, self.books.accounts
        account = journal.account or Account(lease_id=after.lease_id, residence_id=after.residence_id)
        writes: list[Write] = []
        if after != changed.before:
            writes.append(self.people.amending(changed.before, after, announce))
            writes += self.people.moving(changed.before, after)
        entries: list[Entry] = []
        # each month's two entries follow each other at once, so that nothing comes between them in the fold
        at = self.books.never_backdated(account)
        issued = [one.notice.period for one in [*journal.notices, *journal.withdrawn]]
        replaced = [one.period for one in changed.corrections if one.replacement]
        told = max((one.period for one in changed.corrected if one.replacement), default=None)
        for one in changed.corrections:
            if (note := one.credit_note(at)) is not None:
                entries.append(note)
                writes.append(
                    accounts.crediting(after.lease_id, note, changed.at, reason=who.reason, by=who.by)
                )
                at += _INSTANT
            if one.replacement is not None:
                entries.append(notice_entry(one.replacement, at))
                # however many months are put right, one message says so
                silently = one.corrects and one.period != told
                writes.append(accounts.issuing(one.replacement, at, silently=silently))
                at += _INSTANT
        for surcharge in changed.surcharges:
            back = reversal_of(surcharge, at)
            entries.append(back)
            writes.append(accounts.entering(after.lease_id, back, changed.at, reason=who.reason, by=who.by))
            at += _INSTANT
        left = [adjustment for one in changed.corrections for adjustment in one.left]
        change = self.books.change(
            account,
            entries,
            first_step(changed.residence, changed.at),
            adjustments=[*account.adjustments, *left],
            lease_version=after.version,
            billed_to=max([account.billed_to, *issued, *replaced], default="") or None,
        )
        return [*writes, change]
