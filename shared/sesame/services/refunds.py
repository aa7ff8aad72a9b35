"""Refunds: a tenant asks for credit back, an accountant decides, the provider or a transfer gives it.

A lease has one open request at most, and what it may be is looked at again when it is decided, on the account
as it is then: so no refund is ever more than the credit, however many ask and decide at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from sesame.domain.payments import Payment
from sesame.domain.refunds import (
    WAIT,
    Part,
    Refund,
    RefundState,
    RefusalReason,
    as_told,
    back_the_way_it_came,
    of_what_was_given,
    untold,
)
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.providers.base import ProviderRefused, ProviderUnavailable
from sesame.providers.registry import Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.confirming import wrong
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.payments import History, PaymentUse
from sesame.services.retries import USUAL, Retries
from sesame.services.sessions import Session
from sesame.services.staff import Role, Staff, require, within
from sesame.services.step_up import Purpose, StepUp
from sesame.store import keys
from sesame.store.accounts import Account
from sesame.store.audit import Action, Audit, AuditEntry
from sesame.store.payments import Payments, payment_of
from sesame.store.refunds import Refunds as RefundStore
from sesame.store.table import ConditionFailed, Table, Write, same_table, transact

_MOST_PAYMENTS = 100
"""Credit of a payment that a hundred followed goes to an account."""


class NotThatMuchCredit(Invalid):
    """More is asked than the account has in credit."""

    slug = "not-that-much-credit"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le crédit disponible n'y suffit pas",
        "en": "There is not that much credit",
    }


class OnlyToAnAccount(Invalid):
    """The credit did not come through a payment that could take it back."""

    slug = "refund-needs-an-account"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce remboursement doit se faire sur un compte : indiquez un IBAN",
        "en": "This refund has to go to an account: give an IBAN",
    }


class RefundUnderWay(Conflict):
    """One request at a time."""

    slug = "refund-under-way"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Une demande de remboursement est déjà en cours",
        "en": "A refund request is under way already",
    }


class RefundDecided(Conflict):
    """It is over, or decided already."""

    slug = "refund-decided"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Cette demande a déjà été traitée",
        "en": "This request has been dealt with already",
    }


class PaymentsHoldTooLittle(Conflict):
    """There is credit, but no longer of the payments that it was to go back through."""

    slug = "payments-hold-too-little"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Les paiements à rembourser n'ont plus assez de crédit",
        "en": "The payments to give back have too little credit left",
    }


class ProviderRefusedRefund(Problem):
    """The provider said no. What it had taken before is given all the same."""

    status = 502
    slug = "provider-refused-refund"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le prestataire de paiement refuse ce remboursement",
        "en": "The payment provider refuses this refund",
    }


class RefundWaits(Conflict):
    """To another account: a day, so that the tenant can still say it was not them."""

    slug = "refund-waits"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Cette demande attend encore son délai de 24 heures",
        "en": "This request is still within its 24 hours",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a tenant wants back. `amount_cents` None: all the credit; `payment_id`: of that payment only."""

    amount_cents: int | None = None
    payment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToAccount:
    """Another account to pay to, and the fresh one-time code that confirms it."""

    iban: str
    holder: str
    confirmation_id: str
    otp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequests:
    """The tenant's side."""

    money: Table
    audit: Audit
    bookkeeping: Bookkeeping
    step_up: StepUp
    clock: Clock
    random: Random

    def ask(self, session: Session, wish: Wish, to: ToAccount | None, *, source: str) -> Refund:
        """A request, for staff to decide.

        Raises NotThatMuchCredit, OnlyToAnAccount, RefundUnderWay, NotFound for an unknown payment, and
        NotConfirmed.
        """
        lease = session.lease
        _Progress(self.money).of_lease(lease.lease_id)
        account = self.bookkeeping.overview(lease.lease_id)
        cents = _asked(wish, account)
        now = self.clock()
        refund = Refund(
            refund_id=new_id(self.random),
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            person_id=lease.person_id,
            amount_cents=cents,
            requested_at=now,
            not_before=now + WAIT if to else now,
            iban=to.iban if to else None,
            holder=to.holder if to else None,
        )
        confirmed: list[Write] = []
        if to is None:
            parts = back_the_way_it_came(cents, self._credit(lease.lease_id, wish.payment_id))
            if parts is None:
                raise OnlyToAnAccount
            refund = replace(refund, parts=parts)
        else:
            confirmed = self.step_up.confirm(
                session, to.confirmation_id, Purpose.REFUND, to.otp, source=source
            )
        entry = self._entry(Action.REFUND_ASKED, session, refund, source)
        writes = [*RefundStore(self.money).opening(refund), self.audit.recording(entry), *confirmed]
        try:
            transact(self.money.client, writes, attempts=3)
        except ConditionFailed as failure:
            if failure.failed(0):
                raise RefundUnderWay from failure
            raise wrong() from failure
        return refund

    def of_lease(self, lease_id: str) -> list[Refund]:
        """A lease's requests, newest first, each as far as it is."""
        return _Progress(self.money).of_lease(lease_id)

    def cancel(self, session: Session, refund_id: str, *, source: str) -> None:
        """Takes a request back while it is not decided. Raises NotFound, RefundDecided."""
        refund = RefundStore(self.money).get(session.lease.lease_id, refund_id)
        if refund is None:
            raise NotFound
        if refund.state is not RefundState.REQUESTED:
            raise RefundDecided
        after = replace(refund, state=RefundState.CANCELLED, decided_at=self.clock())
        entry = self._entry(Action.REFUND_CANCELLED, session, refund, source)
        try:
            transact(
                self.money.client,
                [*RefundStore(self.money).saving(refund, after), self.audit.recording(entry)],
                attempts=3,
            )
        except ConditionFailed as failure:
            raise RefundDecided from failure

    def _credit(self, lease_id: str, payment_id: str | None) -> list[tuple[Payment, int]]:
        """What is credit of the newest payments, or of the one named. Raises NotFound for another's."""
        history = History(Payments(self.money), self.bookkeeping)
        if payment_id is not None:
            return _credit_of([history.one(lease_id, payment_id)])
        return _credit_of(history.page(lease_id, after=None, limit=_MOST_PAYMENTS).payments)

    def _entry(self, action: Action, session: Session, refund: Refund, source: str) -> AuditEntry:
        return session.deed(
            action,
            self.clock(),
            random=self.random,
            source=self.step_up.confirming.pepper.hash("source", source),
            refund_id=refund.refund_id,
            amount_cents=refund.amount_cents,
            way="account" if refund.iban else "payment",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDesk:
    """The accountants' side. Nobody decides on their own lease."""

    money: Table
    leases: DeskLeases
    audit: Audit
    deeds: Deeds
    bookkeeping: Bookkeeping
    registry: Registry
    clock: Clock
    retries: Retries = USUAL

    def open_in(self, staff: Staff, residence_id: str) -> list[Refund]:
        """What waits in a residence, the oldest first. Raises Forbidden, NotFound."""
        require(staff, Role.ACCOUNTANT, Role.ADMINISTRATOR)
        within(staff, residence_id)
        return RefundStore(self.money).open_in(residence_id)

    def refuse(
        self, staff: Staff, lease_id: str, refund_id: str, reason: RefusalReason, *, network: str
    ) -> Refund:
        """Says no; or, of what a provider was asked for and did not give (`not_given`), that it is over.

        The same answer again changes nothing. Raises NotFound, Forbidden, RefundDecided.
        """
        refund = self._to_decide(staff, lease_id, refund_id)
        if refund.refused_because is reason:
            return refund
        before, end = {RefundState.REQUESTED}, RefundState.REFUSED
        if reason is RefusalReason.NOT_GIVEN:
            before, end = {RefundState.APPROVED, RefundState.SENT}, RefundState.FAILED
        if refund.state not in before:
            raise RefundDecided
        after = replace(refund, state=end, decided_at=self.clock(), refused_because=reason)
        return self._decided(refund, after, self._entry(Action.REFUND_REFUSED, staff, refund, network), [])

    def approve(
        self, staff: Staff, lease_id: str, refund_id: str, *, transfer_reference: str | None, network: str
    ) -> Refund:
        """Gives it. Asked again after a failure on the way it goes on with what the provider has not told of,
        while there is credit for that, and gives nothing twice.

        Back the way it came: the provider is asked, and the refund is done when it says so. To another
        account: whoever approves has ordered the transfer, whose reference they give, and it is in the
        journal at once. Raises NotFound, Forbidden, RefundDecided, RefundWaits, NotThatMuchCredit,
        PaymentsHoldTooLittle, ProviderRefusedRefund, and Unavailable where the provider does not answer.
        """
        refund = self._to_decide(staff, lease_id, refund_id)
        if refund.iban is not None and not transfer_reference:
            raise Invalid(errors=[{"field": "transfer_reference"}])
        if refund.state is RefundState.REQUESTED:
            refund = self._approved(staff, refund, transfer_reference, network)
        elif refund.state is RefundState.APPROVED:
            self._still_in_credit(refund)
        if refund.state is RefundState.APPROVED:
            refund = self._sent(refund)
        if refund.state not in {RefundState.SENT, RefundState.DONE}:
            raise RefundDecided
        return refund

    def _approved(self, staff: Staff, asked: Refund, transfer_reference: str | None, network: str) -> Refund:
        if self.clock() < asked.not_before:
            raise RefundWaits

        def attempt() -> Refund:
            refund = RefundStore(self.money).get(asked.lease_id, asked.refund_id) or asked
            return self._approved_once(staff, refund, transfer_reference, network)

        return self.retries.run(attempt)

    def _approved_once(
        self, staff: Staff, refund: Refund, transfer_reference: str | None, network: str
    ) -> Refund:
        if refund.state is not RefundState.REQUESTED:
            return refund
        now, lease_id = self.clock(), refund.lease_id
        account = self.bookkeeping.overview(lease_id)
        if account is None or account.checkpoint.credit_cents < refund.amount_cents:
            raise NotThatMuchCredit
        after = replace(refund, state=RefundState.APPROVED, decided_at=now)
        moving: list[Write] = [self.bookkeeping.accounts.unchanged(account)]
        if refund.iban is not None:
            after = replace(after, state=RefundState.DONE, transfer_reference=transfer_reference)
            entry = refund.entry(self.bookkeeping.never_backdated(account))
            moving = [
                self.bookkeeping.accounts.entering(lease_id, entry, now),
                self.bookkeeping.change(account, [entry]),
            ]
        else:
            history = History(Payments(self.money), self.bookkeeping)
            uses = [history.one(lease_id, part.payment_id) for part in refund.parts]
            parts = back_the_way_it_came(refund.amount_cents, _credit_of(uses))
            if parts is None:
                self._still_in_credit(refund)
                raise PaymentsHoldTooLittle(
                    detail_fr="Refusez la demande : le locataire peut en faire une autre, avec un IBAN.",
                    detail_en="Refuse the request: the tenant can make another, with an IBAN.",
                )
            after = replace(after, parts=parts)
        deed = self._entry(Action.REFUND_APPROVED, staff, refund, network)
        return self._decided(refund, after, deed, moving, final=False)

    def _still_in_credit(self, refund: Refund) -> None:
        """A notice may have used the credit up since the decision."""
        left = sum(part.amount_cents for part in untold(refund, _Progress(self.money).of(refund)))
        account = self.bookkeeping.overview(refund.lease_id)
        if account is None or account.checkpoint.credit_cents < left:
            raise NotThatMuchCredit

    def _sent(self, refund: Refund) -> Refund:
        """Each part is asked for under an id of its own, so that asking twice gives it once."""
        payments = _Progress(self.money).of(refund)
        waiting = untold(refund, payments)
        for place, (part, payment) in enumerate(zip(refund.parts, payments, strict=True)):
            if part not in waiting:
                continue
            if payment is None or payment.provider_reference is None:
                raise LookupError("a refund of a payment that is not there")
            try:
                self.registry.get(payment.provider).refund(
                    payment.provider_reference,
                    part.amount_cents,
                    refund.part_id(part),
                    self.registry.credentials(payment.provider),
                )
            except ProviderUnavailable as failure:
                raise Unavailable(headers={"Retry-After": "10"}) from failure
            except ProviderRefused as failure:
                count("RefundRefusedByProvider")
                given = self._given_up(refund, refund.parts[:place])
                raise ProviderRefusedRefund(errors=[{"given_cents": given}]) from failure
        return _saved(self.money, refund, replace(refund, state=RefundState.SENT))

    def _given_up(self, refund: Refund, given: tuple[Part, ...]) -> int:
        """It is about what was given before the refusal; the rest is dropped, and can be asked for anew."""
        sent = replace(refund, state=RefundState.SENT)
        _saved(self.money, refund, of_what_was_given(sent, given))
        return sum(part.amount_cents for part in given)

    def _to_decide(self, staff: Staff, lease_id: str, refund_id: str) -> Refund:
        require(staff, Role.ACCOUNTANT, Role.ADMINISTRATOR)
        self.leases.acted_on(staff, lease_id)
        refund = RefundStore(self.money).get(lease_id, refund_id)
        if refund is None:
            raise NotFound
        return _Progress(self.money).told(refund)

    def _decided(
        self, before: Refund, after: Refund, deed: AuditEntry, moving: Sequence[Write], *, final: bool = True
    ) -> Refund:
        writes = [*RefundStore(self.money).saving(before, after), *moving, self.audit.recording(deed)]
        try:
            transact(self.money.client, writes)
        except ConditionFailed as failure:
            if final:
                raise RefundDecided from failure
            raise
        return replace(after, version=before.version + 1)

    def _entry(self, action: Action, staff: Staff, refund: Refund, network: str) -> AuditEntry:
        return self.deeds.entry(
            action,
            staff,
            network,
            lease_id=refund.lease_id,
            residence_id=refund.residence_id,
            refund_id=refund.refund_id,
            amount_cents=refund.amount_cents,
        )


@dataclass(frozen=True, slots=True)
class _Progress:
    """What providers have said meanwhile."""

    money: Table

    def of_lease(self, lease_id: str) -> list[Refund]:
        """A lease's requests, newest first, each as far as it is: the next look at one moves it on."""
        return [self.told(one) for one in RefundStore(self.money).of_lease(lease_id)]

    def told(self, refund: Refund) -> Refund:
        """The request as far as it is by what the provider has said."""
        after = as_told(refund, self.of(refund))
        return refund if after == refund else _saved(self.money, refund, after)

    def of(self, refund: Refund) -> list[Payment | None]:
        items = same_table(self.money, [keys.payment(part.payment_id) for part in refund.parts])
        return [payment_of(item) if item else None for item in items]


def _saved(money: Table, refund: Refund, after: Refund) -> Refund:
    """The request brought further; as it is, where somebody else has just done so."""
    try:
        transact(money.client, RefundStore(money).saving(refund, after), attempts=3)
    except ConditionFailed:
        return RefundStore(money).get(refund.lease_id, refund.refund_id) or after
    return replace(after, version=refund.version + 1)


def _credit_of(uses: Iterable[PaymentUse]) -> list[tuple[Payment, int]]:
    return [(one.payment, one.credit_cents) for one in uses]


def _asked(wish: Wish, account: Account | None) -> int:
    credit = account.checkpoint.credit_cents if account else 0
    cents = credit if wish.amount_cents is None else wish.amount_cents
    if not 0 < cents <= credit:
        raise NotThatMuchCredit(errors=[{"field": "amount_cents", "maximum": credit}])
    return cents
