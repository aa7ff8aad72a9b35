"""Deposits given back: itemised, once, and taken back whole where that was a mistake."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from sesame.domain.certificates import Tenancy
from sesame.domain.deposits import Deduction, Deposit, DepositReturn, TooMuch, check_deductions
from sesame.domain.takings import (
    Method,
    Reversal,
    ReversalReason,
)
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import (
    CASHIERS,
    REVERSERS,
    AlreadyReversed,
    account_in,
    date_wrong,
    deposit_in,
    reference_wrong,
    till_line,
)
from sesame.services.documents import PaymentReceipts
from sesame.services.idempotency import KeyReused
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Staff, require
from sesame.store import keys
from sesame.store.accounts import Account
from sesame.store.audit import Action, Audit
from sesame.store.table import Table, Write, same_table, transact
from sesame.store.takings import Deposits, Takings, return_of


class NothingHeld(Conflict):
    """There is no deposit to give back."""

    slug = "no-deposit-held"
    title: ClassVar[Mapping[str, str]] = {"fr": "Aucun dépôt détenu", "en": "No deposit is held"}


class DeductionsTooHigh(Invalid):
    """More is kept than is held, or more for rent than is owed."""

    slug = "deductions-too-high"
    title: ClassVar[Mapping[str, str]] = {"fr": "Retenues trop élevées", "en": "Deductions too high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnOrder:
    """How a deposit is given back: the items kept, and how the rest goes."""

    deductions: tuple[Deduction, ...]
    method: Method
    returned_on: date
    reference: str = ""

    def tells(self, given: DepositReturn) -> bool:
        """Whether a return is what this order made."""
        said = (self.deductions, self.method, self.returned_on, self.reference or None)
        return said == (given.deductions, given.method, given.returned_on, given.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositDesk:
    """Shows and returns deposits. Managers and accountants decide what is kept."""

    money: Table
    leases: DeskLeases
    bookkeeping: Bookkeeping
    receipts: PaymentReceipts
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def of(self, staff: Staff, lease_id: str) -> tuple[Deposit, Sequence[DepositReturn]]:
        """What is held of a lease's deposit, and the returns, newest first. Raises NotFound."""
        require(staff, *CASHIERS)
        lease = self.leases.seen(staff, lease_id)
        deposit, returns = self._deposits.of_lease(lease_id)
        return deposit or Deposit(lease_id=lease_id, residence_id=lease.residence_id), returns

    def give_back(
        self, staff: Staff, lease_id: str, order: ReturnOrder, *, key: str, network: str
    ) -> DepositReturn:
        """Returns all that is held, less deductions, once a key of the caller's.

        Raises Forbidden, NotFound, Invalid, KeyReused, NothingHeld, DeductionsTooHigh.
        """
        require(staff, *REVERSERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        _check(order, tenancy, self.clock)
        return_id = derived_id("deposit-return", lease_id, key)

        def attempt() -> DepositReturn:
            earlier, account, deposit = self._known(tenancy, return_id)
            if earlier is not None:
                if not order.tells(earlier):
                    raise KeyReused
                return earlier
            return self._given_back(tenancy, staff, return_id, order, account, deposit, network)

        return self.retries.run(attempt)

    def reverse(
        self, staff: Staff, lease_id: str, return_id: str, reason: ReversalReason, *, network: str
    ) -> DepositReturn:
        """Takes a return back, once: it is held again, and receipts of rent that it paid are void.

        Raises Forbidden, NotFound, AlreadyReversed.
        """
        require(staff, *REVERSERS)
        tenancy = self.leases.acted_on(staff, lease_id)

        def attempt() -> DepositReturn:
            given, account, deposit = self._known(tenancy, return_id)
            if given is None:
                raise NotFound
            if given.reversal is not None:
                if given.reversal.reason is not reason:
                    raise AlreadyReversed
                return given
            return self._reversed(tenancy, staff, given, reason, account, deposit, network)

        return self.retries.run(attempt)

    def _known(self, tenancy: Tenancy, return_id: str) -> tuple[DepositReturn | None, Account, Deposit]:
        lease = tenancy.lease
        given, account, deposit = same_table(
            self.money,
            [
                keys.deposit_return(lease.lease_id, return_id),
                self.bookkeeping.accounts.key(lease.lease_id),
                self._deposits.key(lease.lease_id),
            ],
        )
        return (
            return_of(given) if given else None,
            account_in(account, tenancy),
            deposit_in(deposit, tenancy),
        )

    def _given_back(
        self,
        tenancy: Tenancy,
        staff: Staff,
        return_id: str,
        order: ReturnOrder,
        account: Account,
        deposit: Deposit,
        network: str,
    ) -> DepositReturn:
        if not deposit.held_cents:
            raise NothingHeld
        try:
            check_deductions(
                order.deductions,
                held_cents=deposit.held_cents,
                owed_cents=account.checkpoint.balance_cents,
            )
        except TooMuch as failure:
            raise DeductionsTooHigh(
                errors=[{"field": "deductions", "maximum": failure.most_cents}]
            ) from failure
        given = DepositReturn(
            return_id=return_id,
            lease_id=deposit.lease_id,
            residence_id=deposit.residence_id,
            held_cents=deposit.held_cents,
            deductions=order.deductions,
            method=order.method,
            reference=order.reference or None,
            returned_on=order.returned_on,
            recorded_at=self.clock(),
            recorded_by=staff.staff_id,
        )
        entry = self.deeds.entry(
            Action.DEPOSIT_RETURNED,
            staff,
            network,
            lease_id=given.lease_id,
            residence_id=given.residence_id,
            return_id=return_id,
            returned_cents=given.returned_cents,
            deducted_cents=given.deducted_cents,
        )
        writes: list[Write] = [
            self._deposits.returning(given),
            self._deposits.saving(deposit, 0),
            *self._posting(account, given, reversing=False),
            *self._ringing(tenancy, staff, given, -given.returned_cents, return_id),
            self.audit.recording(entry),
        ]
        transact(self.money.client, writes)
        return given

    def _reversed(
        self,
        tenancy: Tenancy,
        staff: Staff,
        given: DepositReturn,
        reason: ReversalReason,
        account: Account,
        deposit: Deposit,
        network: str,
    ) -> DepositReturn:
        reversal = Reversal(reason=reason, at=self.clock(), by=staff.staff_id)
        entry = self.deeds.entry(
            Action.DEPOSIT_RETURN_REVERSED,
            staff,
            network,
            lease_id=given.lease_id,
            residence_id=given.residence_id,
            return_id=given.return_id,
            reason=reason.value,
        )
        writes: list[Write] = [
            self._deposits.reversing(given, reversal),
            self._deposits.saving(deposit, deposit.held_cents + given.held_cents),
            *self._posting(account, given, reversing=True),
            *self._ringing(tenancy, staff, given, given.returned_cents, f"{given.return_id}-reversal"),
            *self._revoking(given),
            self.audit.recording(entry),
        ]
        transact(self.money.client, writes)
        return replace(given, reversal=reversal, version=given.version + 1)

    def _revoking(self, given: DepositReturn) -> list[Write]:
        """Receipts of rent that was kept hold no more."""
        if not given.arrears_cents:
            return []
        periods = self.bookkeeping.paid_by(given.lease_id, given.source)
        return self.receipts.revoking(given.lease_id, None, periods, self.clock())

    def _posting(self, account: Account, given: DepositReturn, *, reversing: bool) -> list[Write]:
        """The credit for rent that was kept, or what takes it back; the account is left alone otherwise."""
        now = self.clock()
        entries = given.reversing_entries(now) if reversing else given.entries()
        if not entries:
            return []
        accounts = self.bookkeeping.accounts
        return [
            *(accounts.entering(given.lease_id, entry, now) for entry in entries),
            self.bookkeeping.change(account, entries),
        ]

    def _ringing(
        self, tenancy: Tenancy, staff: Staff, given: DepositReturn, cents: int, line_id: str
    ) -> list[Write]:
        if not cents:
            return []
        line = till_line(tenancy, staff, self.clock(), line_id, given, cents)
        return [Takings(self.money).ringing(line)]

    @property
    def _deposits(self) -> Deposits:
        return Deposits(self.money)


def _check(order: ReturnOrder, tenancy: Tenancy, clock: Clock) -> None:
    wrong = date_wrong("returned_on", order.returned_on, clock(), tenancy.residence.time_zone)
    wrong += reference_wrong(order.reference, order.method)
    if wrong:
        raise Invalid(errors=wrong)
