"""Staff and rent notices: what was issued to a lease, what they add or take back, and a run for one lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from sesame.domain.calendar import Period, local_date, period_of, periods, shift
from sesame.domain.certificates import Tenancy
from sesame.domain.corrections import Issued, issued_by_period
from sesame.domain.journal import Entry, EntryKind, credit_note_id, notice_entry_id
from sesame.domain.notices import CATCH_UP_PERIODS, Adjustment, notice_for, time_to_pay
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import LeaseBilling, first_step
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.payments import KeyReused
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, require
from sesame.store.accounts import Account, AskedAdjustment, Journal
from sesame.store.audit import Action, Audit
from sesame.store.table import Write, transact

BOOKKEEPERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may change what a tenant owes. Whoever takes the money at a desk is not among them."""
READERS = (Role.DESK, *BOOKKEEPERS)
MOST_CENTS = 200_000
"""What one adjustment or credit note may come to: a typing error must not become a debt for life."""
MOST_WAITING = 10
"""Adjustments that wait for the next notice: they lie on the account, which must stay small."""


class AdjustmentReason(StrEnum):
    """Why staff change what is owed, for whoever reads the journal later; the label is for the tenant."""

    SERVICE = "service"
    """A key, a laundry card, a clean."""
    DAMAGE = "damage"
    CHARGES_SETTLED = "charges_settled"
    """The yearly settlement of charges."""
    GOODWILL = "goodwill"
    """A room without heating, a lift out of order."""
    MISTAKE = "mistake"
    OTHER = "other"


class TooManyAdjustments(Conflict):
    """The next notice has as many lines as a reader takes in."""

    slug = "too-many-adjustments"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Trop de régularisations attendent déjà le prochain avis d'échéance",
        "en": "Too many adjustments wait for the next rent notice already",
    }


class MoreThanCharged(Conflict):
    """A notice cannot be credited beyond what it still charges."""

    slug = "more-than-charged"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "L'avoir dépasse ce que l'avis d'échéance demande encore",
        "en": "The credit note is more than what the rent notice still charges",
    }


class NoNextNotice(Conflict):
    """A reduction needs a notice to lower: the last one is out, so that it must be said which."""

    slug = "no-next-notice"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Il n'y aura plus d'avis d'échéance : faites un avoir sur l'un de ceux qui existent",
        "en": "There will be no further rent notice: credit one of those that exist",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentOrder:
    """Cents, below zero for a reduction; why; and how it is printed."""

    amount_cents: int
    reason: AdjustmentReason
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDesk:
    """What a desk sees and does of a lease's notices. Amounts in cents; nothing is ever edited."""

    leases: DeskLeases
    books: Bookkeeping
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def journal(self, staff: Staff, lease_id: str) -> Journal:
        """The whole account: withdrawn notices, credit notes and what waits for the next. Raises NotFound."""
        require(staff, *READERS)
        self.leases.seen(staff, lease_id)
        return self.books.accounts.journal(lease_id)

    def bill(self, staff: Staff, lease_id: str, *, network: str) -> int:
        """Issues the notices that a lease lacks, as the daily run would; returns how many.

        Raises Forbidden, NotFound. The audit entry comes first: whatever is issued, it is known who asked.
        """
        require(staff, *BOOKKEEPERS)
        lease = self.leases.acted_on(staff, lease_id).lease
        deed = self.deeds.entry(
            Action.LEASE_BILLED, staff, network, lease_id=lease_id, residence_id=lease.residence_id
        )
        self.audit.record(deed)
        work = LeaseBilling(identity=self.leases.identity, accounts=self.books.accounts)
        return work.bill(lease_id, self.clock())

    def adjust(
        self, staff: Staff, lease_id: str, order: AdjustmentOrder, *, key: str, network: str
    ) -> AskedAdjustment:
        """Adds a line to the next notice, once a key of the caller's.

        Where no notice is to come, a charge is entered by itself. Raises Forbidden, NotFound, KeyReused,
        TooManyAdjustments, NoNextNotice. Four calls besides the staff record's.
        """
        require(staff, *BOOKKEEPERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        adjustment_id = derived_id("adjustment", lease_id, key)

        def attempt() -> AskedAdjustment:
            journal = self.books.accounts.journal(lease_id)
            for asked in journal.asked:
                if asked.adjustment.adjustment_id == adjustment_id:
                    return _repeated(asked, order)
            asked = AskedAdjustment(
                adjustment=Adjustment(
                    adjustment_id=adjustment_id, amount_cents=order.amount_cents, label=order.label
                ),
                asked_at=self.clock(),
                reason=order.reason.value,
                by=staff.staff_id,
                waits=self._has_next(tenancy, journal),
            )
            deed = self.deeds.entry(
                Action.RENT_ADJUSTED,
                staff,
                network,
                lease_id=lease_id,
                residence_id=tenancy.lease.residence_id,
                adjustment_id=adjustment_id,
                amount_cents=order.amount_cents,
                reason=order.reason.value,
            )
            change = self._waiting if asked.waits else self._charged
            writes = change(tenancy, journal, asked)
            self._transact([self.books.accounts.asking(lease_id, asked), *writes, self.audit.recording(deed)])
            return asked

        return self.retries.run(attempt)

    def credit(
        self, staff: Staff, lease_id: str, period: Period, order: AdjustmentOrder, *, key: str, network: str
    ) -> Entry:
        """Takes back a part of the notice that stands for a period, once a key of the caller's.

        `order` has what is taken back, above zero. Raises Forbidden, NotFound, KeyReused, MoreThanCharged.
        """
        require(staff, *BOOKKEEPERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        cause = derived_id("credit-note", lease_id, period, key)

        def attempt() -> Entry:
            journal = self.books.accounts.journal(lease_id)
            for entry in journal.entries:
                if entry.kind is EntryKind.CREDIT_NOTE and entry.entry_id.endswith(f":{cause}"):
                    return _same(entry, order)
            issued = _issued(journal).get(period)
            if issued is None or issued.standing is None:
                raise NotFound
            if order.amount_cents > issued.standing_cents:
                raise MoreThanCharged
            account = journal.account or _no_account(tenancy)
            number = issued.standing.number
            note = Entry(
                entry_id=credit_note_id(period, number, cause),
                kind=EntryKind.CREDIT_NOTE,
                amount_cents=-order.amount_cents,
                effective_at=self.books.never_backdated(account),
                period=period,
                credits=notice_entry_id(period, number),
                label=order.label,
            )
            deed = self.deeds.entry(
                Action.NOTICE_CREDITED,
                staff,
                network,
                lease_id=lease_id,
                residence_id=tenancy.lease.residence_id,
                period=period,
                amount_cents=order.amount_cents,
                reason=order.reason.value,
            )
            accounts = self.books.accounts
            self._transact(
                [
                    accounts.crediting(
                        lease_id, note, self.clock(), reason=order.reason.value, by=staff.staff_id
                    ),
                    self._moving(tenancy, account, [note]),
                    self.audit.recording(deed),
                ]
            )
            return note

        return self.retries.run(attempt)

    def _has_next(self, tenancy: Tenancy, journal: Journal) -> bool:
        """Whether a notice is still to come that could carry a line."""
        lease, residence = tenancy.lease, tenancy.residence
        today = local_date(self.clock(), residence.time_zone)
        issued = _issued(journal)
        first = max(period_of(lease.starts_on), shift(period_of(today), -CATCH_UP_PERIODS))
        return any(
            period not in issued and notice_for(lease, residence, period)
            for period in periods(first, period_of(lease.ends_on))
        )

    def _waiting(self, tenancy: Tenancy, journal: Journal, asked: AskedAdjustment) -> list[Write]:
        account = journal.account or _no_account(tenancy)
        if len(account.adjustments) >= MOST_WAITING:
            raise TooManyAdjustments
        return [self._moving(tenancy, account, [], [*account.adjustments, asked.adjustment])]

    def _charged(self, tenancy: Tenancy, journal: Journal, asked: AskedAdjustment) -> list[Write]:
        adjustment, account = asked.adjustment, journal.account or _no_account(tenancy)
        if adjustment.amount_cents < 0:
            raise NoNextNotice
        residence = tenancy.residence
        today = local_date(self.clock(), residence.time_zone)
        entry = Entry(
            entry_id=f"adjustment:{adjustment.adjustment_id}",
            kind=EntryKind.ADJUSTMENT,
            amount_cents=adjustment.amount_cents,
            effective_at=self.books.never_backdated(account),
            due_on=today + time_to_pay(residence, period_of(today)),
            label=adjustment.label,
        )
        entering = self.books.accounts.entering(tenancy.lease.lease_id, entry, self.clock())
        return [entering, self._moving(tenancy, account, [entry])]

    def _moving(
        self,
        tenancy: Tenancy,
        account: Account,
        entries: Sequence[Entry],
        adjustments: Sequence[Adjustment] | None = None,
    ) -> Write:
        step = first_step(tenancy.residence, self.clock())
        return self.books.change(account, entries, step, adjustments=adjustments)

    def _transact(self, writes: Sequence[Write]) -> None:
        transact(self.books.accounts.table.client, writes)


def _repeated(asked: AskedAdjustment, order: AdjustmentOrder) -> AskedAdjustment:
    said = (asked.adjustment.amount_cents, asked.adjustment.label, asked.reason)
    if said != (order.amount_cents, order.label, order.reason.value):
        raise KeyReused
    return asked


def _same(note: Entry, order: AdjustmentOrder) -> Entry:
    if (note.amount_cents, note.label) != (-order.amount_cents, order.label):
        raise KeyReused
    return note


def _issued(journal: Journal) -> dict[Period, Issued]:
    return issued_by_period(
        [one.notice for one in journal.notices], [one.notice for one in journal.withdrawn], journal.entries
    )


def _no_account(tenancy: Tenancy) -> Account:
    return Account(lease_id=tenancy.lease.lease_id, residence_id=tenancy.lease.residence_id)
