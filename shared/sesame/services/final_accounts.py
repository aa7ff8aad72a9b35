"""The final account (*solde de tout compte*): deposit less what is kept, rent owed, what goes back.

Drawn up, the deposit pays what is owed and the rest is credit on the account; the tenant asks it back to an
account that a fresh one-time code confirms (`services/refunds.py`). Settled to the cent, the lease is closed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from sesame.domain.calendar import day_in, local_date, period_of, periods, shift
from sesame.domain.certificates import Kind, Tenancy, facts_digest
from sesame.domain.deposits import Deduction, DeductionKind, Deposit, DepositReturn
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.lease_life import Closing, LifeRefused, Stage, stage_on
from sesame.domain.notices import CATCH_UP_PERIODS, notice_for, time_to_pay
from sesame.domain.takings import Method
from sesame.domain.tenancy import Lease, Residence
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import Random, derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import first_step
from sesame.services.deeds import Deeds
from sesame.services.deposits import DeductionsTooHigh
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import CASHIERS, REVERSERS
from sesame.services.documents import Order, new_document
from sesame.services.gathering import Gathering
from sesame.services.lease_life import AtDesk, ChangeRefused, LeaseLife
from sesame.services.lease_terms import Changed
from sesame.services.payments import KeyReused
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Staff, require
from sesame.store import keys
from sesame.store.accounts import Account, Journal
from sesame.store.audit import Action
from sesame.store.documents import Documents
from sesame.store.lease_changes import LeaseChange
from sesame.store.people import People
from sesame.store.table import NOT_THERE, Check, Table, Write, transact
from sesame.store.takings import Deposits

SETTLE_MONTHS = 2
"""By when a deposit goes back, at the latest (law no. 89-462, article 22)."""
_INSTANT = timedelta(microseconds=1)
_SETTLING = frozenset({Stage.DEPARTED, Stage.CANCELLED})


class Hindrance(StrEnum):
    """What is left to do before a lease is closed."""

    STAY_GOES_ON = "stay_goes_on"
    NOTICE_MISSING = "notice_missing"
    """A month of the stay has no notice yet."""
    ADJUSTMENTS_WAIT = "adjustments_wait"
    DEPOSIT_HELD = "deposit_held"
    OWED = "owed"
    CREDIT_LEFT = "credit_left"
    REFUND_UNDER_WAY = "refund_under_way"


class StayGoesOn(Conflict):
    """A final account is drawn up once the stay is over and billed to its last day."""

    slug = "stay-goes-on"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le séjour n'est pas terminé, ou pas encore facturé jusqu'au dernier jour",
        "en": "The stay is not over, or not billed to its last day yet",
    }


class NotSettled(Conflict):
    """`errors` names each thing that is left."""

    slug = "not-settled"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le solde de tout compte n'est pas apuré",
        "en": "The final account is not settled",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAccount:
    """Where the settling of a lease stands. Cents."""

    lease: Lease
    stage: Stage
    settle_by: date
    account: Account
    deposit: Deposit
    returns: tuple[DepositReturn, ...]
    refund_under_way: bool
    notice_missing: bool

    @property
    def balance_cents(self) -> int:
        """Above zero what is owed, below what is to be given back."""
        return self.account.checkpoint.balance_cents

    @property
    def credit_cents(self) -> int:
        """What pays nothing and can be asked back."""
        return self.account.checkpoint.credit_cents

    @property
    def waiting_cents(self) -> int:
        """What staff added for a notice that will not come."""
        return sum(one.amount_cents for one in self.account.adjustments)

    @property
    def deposit_held_cents(self) -> int:
        """What is still held."""
        return self.deposit.held_cents

    @property
    def deductions(self) -> tuple[Deduction, ...]:
        """All that was kept, of every return that stands."""
        return tuple(item for one in self.returns if one.reversal is None for item in one.deductions)

    @property
    def returned_cents(self) -> int:
        """What came back of the deposit, by whatever way."""
        return sum(one.returned_cents for one in self.returns if one.reversal is None)

    @property
    def hinders(self) -> tuple[Hindrance, ...]:
        """What is left to do, in the order in which it is done."""
        left = {
            Hindrance.STAY_GOES_ON: self.stage not in _SETTLING and self.stage is not Stage.CLOSED,
            Hindrance.NOTICE_MISSING: self.notice_missing,
            Hindrance.ADJUSTMENTS_WAIT: bool(self.account.adjustments),
            Hindrance.DEPOSIT_HELD: self.deposit.held_cents > 0,
            Hindrance.OWED: bool(self.account.checkpoint.outstanding) or self.balance_cents > 0,
            Hindrance.CREDIT_LEFT: self.credit_cents > 0 or self.balance_cents < 0,
            Hindrance.REFUND_UNDER_WAY: self.refund_under_way,
        }
        return tuple(one for one, is_left in left.items() if is_left)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAccounts:
    """Shows and draws up final accounts, and closes what is settled."""

    money: Table
    leases: DeskLeases
    life: LeaseLife
    documents: Documents
    deeds: Deeds
    random: Random
    retries: Retries = USUAL

    def of(self, staff: Staff, lease_id: str) -> FinalAccount:
        """Where it stands. Raises Forbidden, NotFound. Five reads."""
        require(staff, *CASHIERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        return self.figures(tenancy.lease, tenancy.residence)

    def figures(self, lease: Lease, residence: Residence) -> FinalAccount:
        """The same of a lease that the caller may see. Three reads."""
        return _figures(self.money, self.life.terms.books, lease, residence)

    def draw_up(
        self, staff: Staff, lease_id: str, kept: Sequence[Deduction], *, key: str, network: str
    ) -> FinalAccount:
        """Brings the deposit, less what is kept, to the account, and what waited for a notice; once a key.

        Rent that is owed is an item of its own: as much of it as the deposit holds. Raises Forbidden,
        NotFound, StayGoesOn, DeductionsTooHigh, KeyReused, Invalid.
        """
        require(staff, *REVERSERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        if any(one.kind is DeductionKind.ARREARS for one in kept):
            raise Invalid(
                detail_fr="Les loyers dus se calculent : ne les indiquez pas.",
                detail_en="Rent that is owed is worked out: do not give it.",
                errors=[{"field": "deductions"}],
            )
        return_id = derived_id("final-account", lease_id, key)
        by = AtDesk(staff=staff, deeds=self.deeds, network=network)

        def attempt() -> None:
            final = self.figures(tenancy.lease, tenancy.residence)
            known = next((one for one in final.returns if one.return_id == return_id), None)
            if known is not None:
                if _told(known) != tuple(kept):
                    raise KeyReused
                return
            if final.stage not in _SETTLING or final.notice_missing:
                raise StayGoesOn
            self._write(tenancy, final, tuple(kept), return_id, by)

        self.retries.run(attempt)
        return self.figures(tenancy.lease, tenancy.residence)

    def close(self, staff: Staff, lease_id: str, *, key: str, network: str) -> LeaseChange:
        """Closes a lease once nothing is left to settle, and orders its end-of-stay certificate; once a key.

        Raises Forbidden, NotFound, NotSettled, ChangeRefused, KeyReused.
        """
        require(staff, *REVERSERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        by = AtDesk(staff=staff, deeds=self.deeds, network=network)

        def settled(done: Changed) -> list[Write]:
            # read after the journal that the closing rests on: what changed since fails the transaction
            final = self.figures(done.before, done.residence)
            if final.hinders:
                raise NotSettled(errors=[{"reason": one.value} for one in final.hinders])
            return [*self._still(final), *self._certificate(replace(tenancy, lease=done.before))]

        try:
            return self.life.decide(
                lease_id,
                tenancy.residence,
                Closing(),
                by,
                change_id=derived_id("lease-closing", lease_id, key),
                also=settled,
            )
        except LifeRefused as refused:
            raise ChangeRefused.because(refused) from refused

    def _write(
        self,
        tenancy: Tenancy,
        final: FinalAccount,
        kept: tuple[Deduction, ...],
        return_id: str,
        by: AtDesk,
    ) -> None:
        lease, books = tenancy.lease, self.life.terms.books
        now, at = books.clock(), books.never_backdated(final.account)
        entries = _adjusting(
            final.account, tenancy.residence, at, local_date(now, tenancy.residence.time_zone)
        )
        given = self._given(tenancy, final, kept, return_id, by)
        if given is not None:
            moved = at + len(entries) * _INSTANT
            entries += [replace(one, effective_at=moved) for one in given.entries()]
        if given is None and not entries:
            return
        deposits = Deposits(self.money)
        deed = by.entry(
            lease,
            Action.FINAL_ACCOUNT_DRAWN,
            return_id=return_id,
            deducted_cents=given.deducted_cents if given else 0,
            credited_cents=given.credited_cents if given else 0,
        )
        step = first_step(tenancy.residence, now)
        transact(
            self.money.client,
            [
                *(books.accounts.entering(lease.lease_id, entry, now) for entry in entries),
                books.change(final.account, entries, step, adjustments=()),
                *([deposits.returning(given), deposits.saving(final.deposit, 0)] if given else []),
                self.life.audit.recording(deed),
            ],
        )

    def _given(
        self,
        tenancy: Tenancy,
        final: FinalAccount,
        kept: tuple[Deduction, ...],
        return_id: str,
        by: AtDesk,
    ) -> DepositReturn | None:
        """The deposit, parted; None where none is held. Raises DeductionsTooHigh."""
        left = final.deposit.held_cents - sum(one.amount_cents for one in kept)
        if left < 0:
            raise DeductionsTooHigh(errors=[{"field": "deductions", "maximum": final.deposit.held_cents}])
        if not final.deposit.held_cents:
            return None
        arrears = min(left, max(final.balance_cents + final.waiting_cents, 0))
        owed = (Deduction(kind=DeductionKind.ARREARS, amount_cents=arrears),) if arrears else ()
        now = self.life.terms.books.clock()
        return DepositReturn(
            return_id=return_id,
            lease_id=final.lease.lease_id,
            residence_id=final.lease.residence_id,
            held_cents=final.deposit.held_cents,
            deductions=(*kept, *owed),
            method=Method.ACCOUNT,
            returned_on=local_date(now, tenancy.residence.time_zone),
            recorded_at=now,
            recorded_by=by.id,
        )

    def _still(self, final: FinalAccount) -> list[Write]:
        """Nothing is held, no refund is under way: at the moment of closing, not only when it was read."""
        deposit = final.deposit
        unchanged = "version = :read" if deposit.version else NOT_THERE
        return [
            Check(
                table=self.money.name,
                key=keys.deposit(deposit.lease_id),
                condition=unchanged,
                values={":read": deposit.version} if deposit.version else {},
            ),
            Check(table=self.money.name, key=keys.open_refund(deposit.lease_id), condition=NOT_THERE),
        ]

    def _certificate(self, tenancy: Tenancy) -> list[Write]:
        books = self.life.terms.books
        now = books.clock()
        facts = Gathering(books.accounts, tenancy, now).facts(Kind.END_OF_STAY_CERTIFICATE)
        order, digest = Order(tenancy=tenancy, facts=facts, now=now, by_tenant=True), facts_digest(facts)
        if self.documents.states(tenancy.lease.lease_id, order.kind, digest, now):
            return []  # its tenant was quicker
        return list(self.documents.stating(new_document(self.random, order), digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFinalAccounts:
    """What a tenant sees of it."""

    money: Table
    people: People
    books: Bookkeeping

    def of(self, lease: Lease) -> FinalAccount:
        """Their own. Raises NotFound. Four reads."""
        residence = self.people.residence(lease.residence_id)
        if residence is None:
            raise NotFound
        return _figures(self.money, self.books, lease, residence)


def _figures(money: Table, books: Bookkeeping, lease: Lease, residence: Residence) -> FinalAccount:
    journal = books.accounts.journal(lease.lease_id)
    deposit, returns = Deposits(money).of_lease(lease.lease_id)
    today = local_date(books.clock(), residence.time_zone)
    last = lease.ends_on
    return FinalAccount(
        lease=lease,
        stage=stage_on(lease, today),
        settle_by=day_in(shift(period_of(last), SETTLE_MONTHS), last.day),
        account=journal.account or Account(lease_id=lease.lease_id, residence_id=lease.residence_id),
        deposit=deposit or Deposit(lease_id=lease.lease_id, residence_id=lease.residence_id),
        returns=returns,
        refund_under_way=money.get(keys.open_refund(lease.lease_id)) is not None,
        notice_missing=_notice_missing(lease, residence, journal, today),
    )


def _told(given: DepositReturn) -> tuple[Deduction, ...]:
    """What staff said of it: the rent owed was worked out."""
    return tuple(one for one in given.deductions if one.kind is not DeductionKind.ARREARS)


def _adjusting(account: Account, residence: Residence, at: datetime, today: date) -> list[Entry]:
    """What waited for a notice, as entries by themselves: there will be no notice."""
    due_on = today + time_to_pay(residence, period_of(today))
    return [
        Entry(
            entry_id=f"adjustment:{one.adjustment_id}",
            kind=EntryKind.ADJUSTMENT,
            amount_cents=one.amount_cents,
            effective_at=at + number * _INSTANT,
            due_on=due_on if one.amount_cents > 0 else None,
            source=None if one.amount_cents > 0 else f"adjustment:{one.adjustment_id}",
            method=None if one.amount_cents > 0 else "credit",
            label=one.label,
        )
        for number, one in enumerate(account.adjustments)
    ]


def _notice_missing(lease: Lease, residence: Residence, journal: Journal, today: date) -> bool:
    issued = {one.notice.period for one in journal.notices}
    first = max(period_of(lease.starts_on), shift(period_of(today), -CATCH_UP_PERIODS))
    return any(
        period not in issued and notice_for(lease, residence, period) is not None
        for period in periods(first, period_of(lease.ends_on))
    )
