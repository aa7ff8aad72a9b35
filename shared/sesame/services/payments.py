"""Payments as a tenant sees them: start a checkout, look at what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from secrets import token_bytes
from typing import Any, ClassVar

from sesame.domain.journal import Standing
from sesame.domain.payments import MINIMUM_CENTS, Outcome, Payment, PaymentState, outcome, waits_for_payer
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from sesame.platform.ids import Random, new_id
from sesame.platform.logs import count
from sesame.providers.base import Checkout, CheckoutOrder, ProviderRefused, ProviderUnavailable
from sesame.providers.registry import Registry, UnknownProvider
from sesame.services.accounts import Bookkeeping
from sesame.services.idempotency import KeyReused as KeyReused  # noqa: PLC0414 - asked for here too
from sesame.services.retries import USUAL, Retries
from sesame.store import keys
from sesame.store.accounts import Account, Accounts, account_of
from sesame.store.payment_links import PaymentLink, PaymentLinks
from sesame.store.payments import (
    CheckoutRequest,
    CheckoutRequests,
    Payments,
    checkout_request_of,
)
from sesame.store.people import residence_of
from sesame.store.table import ConditionFailed, Contention, Item, Table, Write, batch_get, transact

KEY_KEPT = timedelta(hours=24)
BUSY = timedelta(seconds=30)
"""As long as the function may run: whoever began before that is dead."""


class NothingToPay(Invalid):
    """The balance is zero or in the tenant's favour."""

    slug = "nothing-to-pay"
    title: ClassVar[Mapping[str, str]] = {"fr": "Rien à payer", "en": "Nothing to pay"}


class WrongAmount(Invalid):
    """Below the least a card may be charged, or above what is owed."""

    slug = "wrong-amount"
    title: ClassVar[Mapping[str, str]] = {"fr": "Montant impossible", "en": "Amount not possible"}


class UnknownNotice(Invalid):
    """A designated period has no notice that is still to be paid."""

    slug = "unknown-notice"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Aucun avis à payer pour cette période",
        "en": "No notice to pay for that period",
    }


class ProviderNotOffered(Invalid):
    """The residence cannot be paid through that provider."""

    slug = "provider-not-offered"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce moyen de paiement n'est pas proposé",
        "en": "That way to pay is not offered",
    }


class ProviderRefusedPayment(Problem):
    """The provider understood what we asked and said no: asking the same again would not help."""

    status = 502
    slug = "provider-refused-payment"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le prestataire de paiement a refusé la demande",
        "en": "The payment provider refused the request",
    }


class StillInFlight(Conflict):
    """The first request with that key is not answered yet."""

    slug = "request-in-flight"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "La première demande est encore en cours",
        "en": "The first request is still in progress",
    }

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a tenant wants to pay. Cents, None: all of the notices, or, with none, all that is owed.

    `provider` None means the residence's first.
    """

    amount_cents: int | None = None
    provider: str | None = None
    notices: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Alike for alike requests only."""
        body = [self.amount_cents, self.provider, self.notices]
        return sha256(json.dumps(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sponsor:
    """Somebody else who pays, through a link that lets them pay so much more."""

    link: PaymentLink
    left_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A checkout that waits for the payer at `checkout_url`."""

    payment_id: str
    checkout_url: str
    state: str
    amount_cents: int
    currency: str

    def item(self) -> dict[str, Any]:
        """As kept for repeats."""
        return {
            "payment_id": self.payment_id,
            "checkout_url": self.checkout_url,
            "state": self.state,
            "amount_cents": self.amount_cents,
            "currency": self.currency,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Payer:
    """Whose account is paid, under which key, and, where it is not the tenant, who pays."""

    lease_id: str
    residence_id: str
    key_hash: str
    language: str
    sponsor: Sponsor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkouts:
    """Starts payments. One that is pending blocks no other: paying twice is credit, waiting is worse."""

    money: Table
    identity: Table
    registry: Registry
    portal_url: str
    clock: Clock
    random: Random = token_bytes
    retries: Retries = USUAL

    def start(
        self,
        lease_id: str,
        residence_id: str,
        order: Order,
        *,
        key: str,
        language: str,
        sponsor: Sponsor | None = None,
    ) -> Started:
        """Ask a provider to collect. The same key and order give the same answer for 24 hours.

        Raises NothingToPay, WrongAmount, UnknownNotice, ProviderNotOffered, KeyReused, StillInFlight,
        ProviderRefusedPayment, which is an answer like another, and Unavailable when the provider does not
        answer: then the same key may be tried again.
        """
        payer = _Payer(
            lease_id=lease_id,
            residence_id=residence_id,
            key_hash=_hash(key),
            language=language,
            sponsor=sponsor,
        )
        earlier, account, residence = self._read(payer)
        if earlier is not None and earlier.fingerprint != order.fingerprint:
            raise KeyReused
        if earlier is not None and earlier.answer is not None:
            return _started(earlier.answer)
        if earlier is not None:
            request, payment = self._resumed(earlier)
        else:
            provider = self._offered(order, residence)
            request, payment = self._begun(payer, order, provider, account)
        return self._opened(request, payment)

    def asked(self, lease_id: str, key: str) -> CheckoutRequest | None:
        """The request that a key stands for, if there is one."""
        item = self.money.get(self._requests.key(lease_id, _hash(key)))
        return checkout_request_of(item, self.clock()) if item else None

    def page_of(self, payment: Payment) -> str | None:
        """Where a payment may still be paid; None once a payer was there, and when the page is no more."""
        try:
            lasts = self.registry.get(payment.provider).page_lasts
        except UnknownProvider:
            return None
        is_there = self.clock() < payment.created_at + lasts
        return payment.checkout_url if is_there and waits_for_payer(payment) else None

    def answered(self, lease_id: str, order: Order, started: Started, *, key: str, language: str) -> Started:
        """Gives a checkout that is there already as the answer to a key that nobody used.

        Raises StillInFlight where somebody uses it at this moment.
        """
        now = self.clock()
        request = CheckoutRequest(
            lease_id=lease_id,
            key_hash=_hash(key),
            fingerprint=order.fingerprint,
            payment_id=started.payment_id,
            language=language,
            busy_until=now,
            expires_at=now + KEY_KEPT,
            answer=started.item(),
        )
        try:
            self.money.write(self._requests.beginning(request, now))
        except ConditionFailed as failure:
            raise StillInFlight from failure
        return started

    def _read(self, payer: _Payer) -> tuple[CheckoutRequest | None, Account | None, Item | None]:
        request, account, residence = batch_get(
            self.money.client,
            [
                (self.money.name, self._requests.key(payer.lease_id, payer.key_hash)),
                (self.money.name, Accounts(self.money).key(payer.lease_id)),
                (self.identity.name, keys.residence(payer.residence_id)),
            ],
        )
        return (
            checkout_request_of(request, self.clock()) if request else None,
            account_of(account) if account else None,
            residence,
        )

    def _begun(
        self, payer: _Payer, order: Order, provider: str, account: Account | None
    ) -> tuple[CheckoutRequest, Payment]:
        sponsor, now = payer.sponsor, self.clock()
        payment = Payment(
            payment_id=new_id(self.random),
            lease_id=payer.lease_id,
            residence_id=payer.residence_id,
            provider=provider,
            amount_cents=_amount(order, account, sponsor.left_cents if sponsor else None),
            designated=order.notices,
            created_at=now,
            link_id=sponsor.link.link_id if sponsor else None,
        )
        request = CheckoutRequest(
            lease_id=payer.lease_id,
            key_hash=payer.key_hash,
            fingerprint=order.fingerprint,
            payment_id=payment.payment_id,
            language=payer.language,
            busy_until=now + BUSY,
            expires_at=now + KEY_KEPT,
        )
        writes: list[Write] = [self._requests.beginning(request, now), self._payments.creating(payment)]
        if sponsor:
            links = PaymentLinks(self.money)
            writes.append(links.using(sponsor.link, payment.payment_id, payment.amount_cents))
        try:
            transact(self.money.client, writes)
        except (ConditionFailed, Contention) as failure:
            raise StillInFlight from failure
        return request, payment

    def _resumed(self, earlier: CheckoutRequest) -> tuple[CheckoutRequest, Payment]:
        """Goes on where whoever began was cut off: with the same payment, so the provider sees one order."""
        now = self.clock()
        if now < earlier.busy_until:
            raise StillInFlight
        try:
            self._requests.resume(earlier, now + BUSY)
        except ConditionFailed as failure:
            raise StillInFlight from failure
        payment = self._payments.get(earlier.payment_id)
        if payment is None:
            raise LookupError("a request is written together with its payment")
        return replace(earlier, busy_until=now + BUSY), payment

    def _opened(self, request: CheckoutRequest, payment: Payment) -> Started:
        checkout = self._asked(request, payment)
        started = Started(
            payment_id=payment.payment_id,
            checkout_url=checkout.url,
            state=PaymentState.CREATED.value,
            amount_cents=payment.amount_cents,
            currency=payment.currency,
        )
        writes = [
            self._payments.opening(payment, checkout.url, checkout.provider_reference),
            self._requests.answering(request, started.item()),
        ]
        # a quick provider's first notification may be posting to this payment at this moment
        self.retries.run(lambda: transact(self.money.client, writes))
        return started

    def _asked(self, request: CheckoutRequest, payment: Payment) -> Checkout:
        # who pays through a link has no space of their own: the page they come back to says so
        back = "?link=1" if payment.link_id else ""
        order = CheckoutOrder(
            payment_id=payment.payment_id,
            lease_id=payment.lease_id,
            amount_cents=payment.amount_cents,
            currency=payment.currency,
            return_url=f"{self.portal_url}/payments/{payment.payment_id}{back}",
            language=request.language,
        )
        try:
            provider = self.registry.get(payment.provider)
            return provider.start_checkout(order, self.registry.credentials(payment.provider))
        except ProviderRefused as failure:
            count("CheckoutNotStarted")
            self.money.write(self._requests.answering(request, _REFUSED))
            raise ProviderRefusedPayment from failure
        except ProviderUnavailable as failure:
            count("CheckoutNotStarted")
            self._requests.resume(request, self.clock())
            raise Unavailable(headers={"Retry-After": "10"}) from failure

    def _offered(self, order: Order, residence: Item | None) -> str:
        """One of the residence's own ways to pay: another's account is not its landlord's."""
        offered = residence_of(residence).providers if residence else ()
        try:
            return self.registry.chosen(offered, order.provider)
        except UnknownProvider as failure:
            raise ProviderNotOffered from failure

    @property
    def _payments(self) -> Payments:
        return Payments(self.money)

    @property
    def _requests(self) -> CheckoutRequests:
        return CheckoutRequests(self.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUse:
    """A payment, and what became of its money: cents by notice, and what is left as credit."""

    payment: Payment
    outcome: Outcome
    paid_to: Mapping[str, int]
    credit_cents: int
    """Above zero: more was paid than was owed. It pays the next notice, or is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUses:
    """Some of a lease's payments, newest first, and where to go on."""

    payments: tuple[PaymentUse, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class History:
    """A lease's payments, for the tenant whose account they are of."""

    payments: Payments
    bookkeeping: Bookkeeping

    def page(self, lease_id: str, *, after: str | None, limit: int = 20) -> PaymentUses:
        """Newest first. Raises NotFound where `after` is no payment of this lease."""
        before = self._own(lease_id, after) if after else None
        page = self.payments.of_lease(lease_id, after=before, limit=limit)
        standings = self.bookkeeping.statement(lease_id).standings if page.payments else ()
        return PaymentUses(
            payments=tuple(_use(payment, standings) for payment in page.payments), next=page.next
        )

    def one(self, lease_id: str, payment_id: str) -> PaymentUse:
        """A payment. Raises NotFound, also for that of another lease."""
        payment = self._own(lease_id, payment_id)
        return _use(payment, self.bookkeeping.statement(lease_id).standings)

    def _own(self, lease_id: str, payment_id: str) -> Payment:
        payment = self.payments.get(payment_id)
        if payment is None or payment.lease_id != lease_id:
            raise NotFound
        return payment


def _use(payment: Payment, standings: Sequence[Standing]) -> PaymentUse:
    reached = outcome(payment)
    paid_to: dict[str, int] = {}
    for standing in standings:
        own = [
            one.amount_cents for one in standing.allocations if one.credit_id.startswith(f"{payment.source}:")
        ]
        if own:
            name = standing.period or standing.entry_id
            paid_to[name] = paid_to.get(name, 0) + sum(own)
    return PaymentUse(
        payment=payment,
        outcome=reached,
        paid_to=paid_to,
        credit_cents=max(reached.net_cents - sum(paid_to.values()), 0),
    )


def _hash(key: str) -> str:
    return sha256(key.encode()).hexdigest()


def _amount(order: Order, account: Account | None, left_cents: int | None) -> int:
    """What to collect. `left_cents` is what a link may still pay. Raises NothingToPay, UnknownNotice,
    WrongAmount."""
    balance = account.checkpoint.balance_cents if account else 0
    if account is None or balance <= 0:
        raise NothingToPay
    unpaid = {one.period: one.unpaid_cents for one in account.checkpoint.outstanding}
    if not unpaid.keys() >= set(order.notices):
        raise UnknownNotice(errors=[{"field": "notices"}])
    most = max(balance, MINIMUM_CENTS)
    if left_cents is not None:
        most = min(most, left_cents)
    if order.amount_cents is None:
        wanted = sum(unpaid[period] for period in set(order.notices)) if order.notices else balance
        return min(max(wanted, MINIMUM_CENTS), most)
    _check_amount(order.amount_cents, most)
    return order.amount_cents


def _check_amount(cents: int, most: int) -> None:
    if not MINIMUM_CENTS <= cents <= most:
        raise WrongAmount(
            detail_fr=f"Payez entre {_euros(MINIMUM_CENTS, ',')} € et {_euros(most, ',')} €.",
            detail_en=f"Pay between €{_euros(MINIMUM_CENTS, '.')} and €{_euros(most, '.')}.",
            errors=[{"field": "amount_cents", "minimum": MINIMUM_CENTS, "maximum": most}],
        )


def _euros(cents: int, mark: str) -> str:
    return f"{cents // 100}{mark}{cents % 100:02}"


_REFUSED = {"refused": True}
"""The answer kept for repeats where there is no checkout."""


def _started(answer: Mapping[str, Any]) -> Started:
    if answer == _REFUSED:
        raise ProviderRefusedPayment
    return Started(**answer)
