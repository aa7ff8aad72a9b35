"""Money taken at a desk: recorded once with its receipt, reversed with a reason, counted at the day's end.

Account, receipt, till and audit move in one transaction with the payment itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.certificates import Tenancy
from sesame.domain.deposits import Deposit, DepositReturn
from sesame.domain.takings import (
    NEEDS_REFERENCE,
    REFERENCE,
    Method,
    Reversal,
    ReversalReason,
    Taking,
    TakingPurpose,
    date_fault,
)
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Forbidden, Invalid, NotFound
from sesame.platform.ids import derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import PaymentReceipts
from sesame.services.idempotency import KeyReused
from sesame.services.payments import UnknownNotice
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, require, within
from sesame.store.accounts import Account, account_of
from sesame.store.aid import LeaseAids
from sesame.store.audit import Action, Audit
from sesame.store.people import People
from sesame.store.table import Item, Key, Table, Write, same_table, transact
from sesame.store.takings import Deposits, TakingPage, Takings, TillLine, deposit_of, taking_of

CASHIERS = (Role.DESK, Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may record money."""
REVERSERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may take back what anybody recorded, whenever; the desk its own only, the same day."""


class AlreadyReversed(Conflict):
    """What is taken back once stays so; for another reason it is not taken back again."""

    slug = "already-reversed"
    title: ClassVar[Mapping[str, str]] = {"fr": "Déjà annulé", "en": "Already reversed"}


class DepositGone(Conflict):
    """A deposit that was given back cannot be taken out once more."""

    slug = "deposit-gone"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce dépôt a déjà été rendu",
        "en": "That deposit was given back already",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class TakingOrder:
    """What the desk says it received. Cents; the day by the residence's calendar."""

    method: Method
    purpose: TakingPurpose = TakingPurpose.RENT
    amount_cents: int
    received_on: date
    reference: str = ""
    notices: tuple[str, ...] = ()

    def tells(self, taking: Taking) -> bool:
        """Whether a taking is what this order made."""
        said = (self.method, self.purpose, self.amount_cents, self.received_on, self.reference or None)
        done = (
            taking.method,
            taking.purpose,
            taking.amount_cents,
            taking.received_on,
            taking.reference,
        )
        return said == done and self.notices == taking.designated


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a payment at the desk depends on, read in one call."""

    taking: Taking | None
    account: Account
    deposit: Deposit


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskPayments:
    """Records, shows and reverses what came in without a provider."""

    money: Table
    leases: DeskLeases
    bookkeeping: Bookkeeping
    receipts: PaymentReceipts
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def record(self, staff: Staff, lease_id: str, order: TakingOrder, *, key: str, network: str) -> Taking:
        """A payment, once a key of the caller's.

        Raises Forbidden, NotFound, Invalid, UnknownNotice, KeyReused. Four calls besides the staff record's.
        """
        require(staff, *CASHIERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        _check(order, self.clock(), tenancy.residence.time_zone)
        taking_id = derived_id("desk-payment", lease_id, key)

        def attempt() -> Taking:
            known = self._known(tenancy, taking_id)
            if known.taking is not None:
                if not order.tells(known.taking):
                    raise KeyReused
                return known.taking
            return self._recorded(tenancy, staff, taking_id, order, known, network)

        return self.retries.run(attempt)

    def reverse(
        self, staff: Staff, lease_id: str, taking_id: str, reason: ReversalReason, *, network: str
    ) -> Taking:
        """Takes a payment back, once. Raises Forbidden, NotFound, AlreadyReversed, DepositGone."""
        require(staff, *CASHIERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> Taking:
            known = self._known(tenancy, taking_id)
            taking = known.taking
            if taking is None or taking.lease_id != lease_id:
                raise NotFound
            _check_reverser(staff, taking, self.clock(), tenancy.residence.time_zone)
            if taking.reversal is not None:
                if taking.reversal.reason is not reason:
                    raise AlreadyReversed
                return taking
            return self._reversed(tenancy, staff, taking, reason, known, network)

        return self.retries.run(attempt)

    def one(self, staff: Staff, lease_id: str, taking_id: str) -> Taking:
        """A payment of a lease that is theirs to see. Raises NotFound."""
        require(staff, *CASHIERS)
        self.leases.seen(staff, lease_id)
        return self._of(lease_id, taking_id)

    def of_lease(self, staff: Staff, lease_id: str, *, after: str | None = None) -> TakingPage:
        """A lease's payments, newest first. Raises NotFound."""
        require(staff, *CASHIERS)
        self.leases.seen(staff, lease_id)
        return self._takings.of_lease(lease_id, after=self._of(lease_id, after) if after else None)

    def _of(self, lease_id: str, taking_id: str) -> Taking:
        taking = self._takings.get(taking_id)
        if taking is None or taking.lease_id != lease_id:
            raise NotFound
        return taking

    def _known(self, tenancy: Tenancy, taking_id: str) -> Known:
        lease = tenancy.lease
        taking, account, deposit = same_table(self.money, _keys(lease.lease_id, taking_id, self))
        return Known(
            taking=taking_of(taking) if taking else None,
            account=account_in(account, tenancy),
            deposit=deposit_in(deposit, tenancy),
        )

    def _recorded(
        self,
        tenancy: Tenancy,
        staff: Staff,
        taking_id: str,
        order: TakingOrder,
        known: Known,
        network: str,
    ) -> Taking:
        payable = {one.period for one in known.account.checkpoint.outstanding}
        if not payable.issuperset(order.notices):
            raise UnknownNotice(errors=[{"field": "notices"}])
        taking = Taking(
            taking_id=taking_id,
            lease_id=tenancy.lease.lease_id,
            residence_id=tenancy.lease.residence_id,
            method=order.method,
            purpose=order.purpose,
            amount_cents=order.amount_cents,
            received_on=order.received_on,
            recorded_at=self.clock(),
            recorded_by=staff.staff_id,
            reference=order.reference or None,
            designated=order.notices,
        )
        document_id, receipt = self.receipts.ordering(tenancy, taking)
        taking = replace(taking, document_id=document_id)
        entry = self.deeds.entry(
            Action.PAYMENT_RECORDED,
            staff,
            network,
            lease_id=taking.lease_id,
            residence_id=taking.residence_id,
            payment_id=taking_id,
            method=order.method.value,
            purpose=order.purpose.value,
            amount_cents=order.amount_cents,
        )
        line = till_line(tenancy, staff, self.clock(), taking_id, taking, taking.amount_cents)
        writes: list[Write] = [
            self._takings.recording(taking),
            *self._moving(tenancy, taking, known, taking.amount_cents),
            self._takings.ringing(line),
            *receipt,
            self.audit.recording(entry),
        ]
        transact(self.money.client, writes)
        return taking

    def _reversed(
        self,
        tenancy: Tenancy,
        staff: Staff,
        taking: Taking,
        reason: ReversalReason,
        known: Known,
        network: str,
    ) -> Taking:
        now = self.clock()
        if taking.purpose is TakingPurpose.DEPOSIT and known.deposit.held_cents < taking.amount_cents:
            raise DepositGone
        reversal = Reversal(reason=reason, at=now, by=staff.staff_id)
        entry = self.deeds.entry(
            Action.PAYMENT_REVERSED,
            staff,
            network,
            lease_id=taking.lease_id,
            residence_id=taking.residence_id,
            payment_id=taking.taking_id,
            reason=reason.value,
            amount_cents=taking.amount_cents,
        )
        line_id = f"{taking.taking_id}-reversal"
        line = till_line(tenancy, staff, now, line_id, taking, -taking.amount_cents)
        writes: list[Write] = [
            self._takings.reversing(taking, reversal),
            *self._moving(tenancy, taking, known, -taking.amount_cents),
            *([self._takings.ringing(line)] if taking.method is not Method.AID else []),
            *LeaseAids(self.money).reversing(taking),
            *self.receipts.revoking(taking.lease_id, taking.document_id, self._paid_by(taking), now),
            self.audit.recording(entry),
        ]
        transact(self.money.client, writes)
        return replace(taking, reversal=reversal, version=taking.version + 1)

    def _moving(self, tenancy: Tenancy, taking: Taking, known: Known, cents: int) -> list[Write]:
        """What changes on the account that the money is for."""
        if taking.purpose is TakingPurpose.DEPOSIT:
            return [Deposits(self.money).saving(known.deposit, known.deposit.held_cents + cents)]
        entry = (
            taking.entry(tenancy.residence.time_zone) if cents > 0 else taking.reversing_entry(self.clock())
        )
        accounts = self.bookkeeping.accounts
        return [
            accounts.entering(taking.lease_id, entry, self.clock()),
            self.bookkeeping.change(known.account, [entry]),
        ]

    def _paid_by(self, taking: Taking) -> Collection[str]:
        """The periods that a payment's money went to: their receipts say so."""
        if taking.purpose is TakingPurpose.DEPOSIT:
            return ()
        return self.bookkeeping.paid_by(taking.lease_id, taking.source)

    @property
    def _takings(self) -> Takings:
        return Takings(self.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class TillTotal:
    """What came and went one way of paying, in cents."""

    method: Method
    purpose: TakingPurpose
    received_cents: int
    given_cents: int
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """A residence's day: its totals are what must be in the drawer, the terminal's slip and the envelope."""

    residence_id: str
    day: date
    totals: Sequence[TillTotal]
    lines: Sequence[TillLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tills:
    """Closes a desk's day."""

    takings: Takings
    people: People
    clock: Clock

    def of(self, staff: Staff, residence_id: str, day: date | None) -> Till:
        """A day's till; today's by the residence's calendar where no day is given. Raises NotFound."""
        require(staff, *CASHIERS)
        within(staff, residence_id)
        residence = self.people.residence(residence_id)
        if residence is None:
            raise NotFound
        day = day or local_date(self.clock(), residence.time_zone)
        lines = sorted(self.takings.till(residence_id, day), key=lambda line: (line.at, line.line_id))
        return Till(residence_id=residence_id, day=day, totals=_totals(lines), lines=lines)


def _totals(lines: Sequence[TillLine]) -> list[TillTotal]:
    kinds = dict.fromkeys((line.method, line.purpose) for line in lines)
    return [
        TillTotal(
            method=method,
            purpose=purpose,
            received_cents=sum(cents for cents in moved if cents > 0),
            given_cents=-sum(cents for cents in moved if cents < 0),
            lines=len(moved),
        )
        for method, purpose in sorted(kinds)
        if (moved := [one.amount_cents for one in lines if (one.method, one.purpose) == (method, purpose)])
    ]


def _check(order: TakingOrder, now: datetime, time_zone: str) -> None:
    """Raises Invalid, naming what cannot be."""
    wrong = date_wrong("received_on", order.received_on, now, time_zone)
    wrong += reference_wrong(order.reference, order.method)
    if order.notices and order.purpose is TakingPurpose.DEPOSIT:
        wrong.append({"field": "notices", "reason": "deposit"})
    if wrong:
        raise Invalid(
            detail_fr="Vérifiez la date (passée, d'un an au plus) et la référence du chèque ou du virement.",
            detail_en="Check the date (past, a year at most) and the cheque's or transfer's reference.",
            errors=wrong,
        )


def date_wrong(field: str, day: date, now: datetime, time_zone: str) -> list[dict[str, object]]:
    """What is wrong with the day that money changed hands, for `errors`."""
    fault = date_fault(day, now, time_zone)
    return [{"field": field, "reason": fault}] if fault else []


def reference_wrong(reference: str, method: Method) -> list[dict[str, object]]:
    """What is wrong with a cheque's number or a transfer's reference, for `errors`."""
    if reference and not REFERENCE.fullmatch(reference):
        return [{"field": "reference", "reason": "format"}]
    if not reference and method in NEEDS_REFERENCE:
        return [{"field": "reference", "reason": "missing"}]
    return []


def _check_reverser(staff: Staff, taking: Taking, now: datetime, time_zone: str) -> None:
    """Raises Forbidden: the desk mends its own typing errors the same day, all else is for others."""
    if staff.has(*REVERSERS):
        return
    same_day = local_date(taking.recorded_at, time_zone) == local_date(now, time_zone)
    if taking.recorded_by != staff.staff_id or not same_day:
        raise Forbidden(
            detail_fr="L'accueil n'annule que ses propres saisies, le jour même : demandez à un responsable.",
            detail_en="The desk reverses its own entries only, the same day: ask a manager.",
        )


def till_line(
    tenancy: Tenancy, staff: Staff, now: datetime, line_id: str, moved: Taking | DepositReturn, cents: int
) -> TillLine:
    """What a till shows of money taken or given back; below zero where it leaves the till."""
    of, purpose = (
        (moved.taking_id, moved.purpose)
        if isinstance(moved, Taking)
        else (moved.return_id, TakingPurpose.DEPOSIT)
    )
    return TillLine(
        line_id=line_id,
        residence_id=moved.residence_id,
        day=local_date(now, tenancy.residence.time_zone),
        at=now,
        method=moved.method,
        purpose=purpose,
        amount_cents=cents,
        lease_id=moved.lease_id,
        of=of,
        by=staff.staff_id,
    )


def _keys(lease_id: str, taking_id: str, payments: DeskPayments) -> list[Key]:
    return [
        Takings(payments.money).key(taking_id),
        payments.bookkeeping.accounts.key(lease_id),
        Deposits(payments.money).key(lease_id),
    ]


def account_in(item: Item | None, tenancy: Tenancy) -> Account:
    """A lease's account, read; an empty one where there is none yet."""
    lease = tenancy.lease
    return account_of(item) if item else Account(lease_id=lease.lease_id, residence_id=lease.residence_id)


def deposit_in(item: Item | None, tenancy: Tenancy) -> Deposit:
    """A lease's deposit, read; an empty one where there is none yet."""
    lease = tenancy.lease
    return deposit_of(item) if item else Deposit(lease_id=lease.lease_id, residence_id=lease.residence_id)
