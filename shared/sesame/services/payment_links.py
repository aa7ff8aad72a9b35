"""Payment links: a tenant lets somebody else pay, who needs no account and learns as little as can be.

A link's token is its id and its end, signed with the pepper. It is made once, for the tenant to pass on, and
kept nowhere: who reads the table cannot make it, who forges one is refused before anything is read.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from typing import ClassVar

from sesame.domain.payments import MINIMUM_CENTS, Payment, PaymentState, outcome
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound, Problem
from sesame.platform.ids import Random, id_bytes, id_from_bytes, new_id
from sesame.platform.secrets import Pepper
from sesame.services.payments import Checkouts, Order, Sponsor, Started
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.accounts import Account, account_of
from sesame.store.audit import Action, Audit, AuditEntry
from sesame.store.payment_links import PaymentLink
from sesame.store.payment_links import PaymentLinks as LinkStore
from sesame.store.payments import payment_of
from sesame.store.people import lease_of, person_of
from sesame.store.table import ConditionFailed, Table, Write, batch_get, same_table, transact

MOST_LINKS = 20
"""Live links of a lease: enough for a family, too few to fill a table with."""
MOST_TRIES = 20
"""Payments begun through one link: bounds what several begun at once can come to."""
SAME_PAGE_FOR = timedelta(minutes=15)
"""Asked for the same amount again within this, a payer gets the page that waits for them already."""

_ID_BYTES, _TIME_BYTES, _MAC_BYTES = 16, 5, 16
_TOKEN_BYTES = _ID_BYTES + _TIME_BYTES + _MAC_BYTES


class UnknownPaymentLink(NotFound):
    """No link of ours has that token."""

    slug = "unknown-payment-link"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce lien de paiement n'existe pas",
        "en": "There is no such payment link",
    }


class PaymentLinkEnded(Problem):
    """The link was withdrawn by its tenant, or its time is over."""

    status = 410
    slug = "payment-link-ended"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Ce lien de paiement ne sert plus",
        "en": "This payment link is no longer in use",
    }

    def __init__(self) -> None:
        super().__init__(
            detail_fr="Il a expiré ou a été retiré. Demandez-en un autre à la personne qui vous l'a envoyé.",
            detail_en="It has expired or was withdrawn. Ask whoever sent it to you for another one.",
        )


class PaymentLinkUsedUp(Conflict):
    """All that the link may pay is paid, or under way."""

    slug = "payment-link-used-up"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Le montant de ce lien est déjà payé ou en cours de paiement",
        "en": "What this link may pay is paid already, or being paid",
    }


class TooManyPaymentLinks(Conflict):
    """Enough links are live: one must be withdrawn first."""

    slug = "too-many-payment-links"
    title: ClassVar[Mapping[str, str]] = {
        "fr": "Trop de liens de paiement en cours",
        "en": "Too many payment links in use",
    }


class LinkState(StrEnum):
    """Whether a link can still pay."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLink:
    """A link as its tenant sees it. Never with its token."""

    link: PaymentLink
    state: LinkState
    paid_cents: int
    under_way_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkShown:
    """All that whoever holds a link may know."""

    given_names: str
    tenant_reference: str
    payable_cents: int
    """What can be paid now: what is owed, as far as the link goes. 0 where nothing is."""
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A live link with everything that paying through it depends on."""

    link: PaymentLink
    payments: Sequence[Payment]
    account: Account | None
    given_names: str = ""
    tenant_reference: str = ""

    @property
    def left_cents(self) -> int:
        return max(self.link.cap_cents - _paid(self.payments) - _under_way(self.payments), 0)

    @property
    def payable_cents(self) -> int:
        balance = self.account.checkpoint.balance_cents if self.account else 0
        if balance <= 0 or self.left_cents < MINIMUM_CENTS:
            return 0
        return min(self.left_cents, max(balance, MINIMUM_CENTS))


@dataclass(frozen=True, slots=True)
class LinkTokens:
    """Signs links and reads what was signed."""

    pepper: Pepper

    def of(self, link: PaymentLink) -> str:
        signed = id_bytes(link.link_id) + int(link.ends_at.timestamp()).to_bytes(_TIME_BYTES)
        [mac, *_] = self._macs(signed)
        return urlsafe_b64encode(signed + mac).rstrip(b"=").decode()

    def read(self, token: str, now: datetime) -> str:
        """The id of the link. Raises UnknownPaymentLink for what we did not sign, PaymentLinkEnded."""
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (NotBase64, ValueError) as failure:
            raise UnknownPaymentLink from failure
        signed, mac = packed[:-_MAC_BYTES], packed[-_MAC_BYTES:]
        matches = [compare_digest(mac, one) for one in self._macs(signed)]
        if len(packed) != _TOKEN_BYTES or not any(matches):
            raise UnknownPaymentLink
        if datetime.fromtimestamp(int.from_bytes(signed[_ID_BYTES:]), UTC) <= now:
            raise PaymentLinkEnded
        return id_from_bytes(signed[:_ID_BYTES])

    def _macs(self, signed: bytes) -> list[bytes]:
        """Under every live pepper, the current one first."""
        digests = self.pepper.hashes("payment-link", signed.hex())
        return [sha256(digest.encode()).digest()[:_MAC_BYTES] for digest in digests]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLinks:
    """A tenant's links: made, listed, taken back."""

    money: Table
    audit: Audit
    tokens: LinkTokens
    clock: Clock
    random: Random

    def create(self, session: Session, cap_cents: int, days: int, *, source: str) -> tuple[ListedLink, str]:
        """A new link, and its token, which is not seen again. Raises TooManyPaymentLinks."""
        lease, now = session.lease, self.clock()
        live = [one for one in self.of_lease(lease.lease_id) if one.state is LinkState.LIVE]
        if len(live) >= MOST_LINKS:
            raise TooManyPaymentLinks
        link = PaymentLink(
            link_id=new_id(self.random),
            person_id=lease.person_id,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            cap_cents=cap_cents,
            created_at=now,
            ends_at=(now + timedelta(days=days)).replace(microsecond=0),
        )
        entry = self._entry(Action.PAYMENT_LINK_CREATED, session, link, source)
        transact(self.money.client, [self._links.creating(link), self.audit.recording(entry)], attempts=3)
        return self._listed(link, {}), self.tokens.of(link)

    def of_lease(self, lease_id: str) -> list[ListedLink]:
        """A lease's links, newest first, the ended ones for a while too. Two calls."""
        links = self._links.of_lease(lease_id, limit=4 * MOST_LINKS)
        wanted = [payment_id for link in links for payment_id in link.tries]
        payments: dict[str, Payment] = {}
        for start in range(0, len(wanted), 100):
            items = same_table(self.money, [keys.payment(one) for one in wanted[start : start + 100]])
            payments |= {item["payment_id"]: payment_of(item) for item in items if item}
        return [self._listed(link, payments) for link in links]

    def revoke(self, session: Session, link_id: str, *, source: str) -> None:
        """Ends a link at once. Raises NotFound, also for another's and for one that is revoked already."""
        link = self._links.get(link_id)
        if link is None or link.lease_id != session.lease.lease_id:
            raise NotFound
        entry = self._entry(Action.PAYMENT_LINK_REVOKED, session, link, source)
        writes: list[Write] = [self._links.revoking(link, self.clock()), self.audit.recording(entry)]
        try:
            transact(self.money.client, writes, attempts=3)
        except ConditionFailed as failure:
            raise NotFound from failure

    def _listed(self, link: PaymentLink, payments: Mapping[str, Payment]) -> ListedLink:
        own = [payments[one] for one in link.tries if one in payments]
        paid, under_way = _paid(own), _under_way(own)
        state = LinkState.LIVE
        if link.revoked_at:
            state = LinkState.REVOKED
        elif link.ends_at <= self.clock():
            state = LinkState.EXPIRED
        elif link.cap_cents - paid < MINIMUM_CENTS:
            state = LinkState.USED_UP
        return ListedLink(link=link, state=state, paid_cents=paid, under_way_cents=under_way)

    def _entry(self, action: Action, session: Session, link: PaymentLink, source: str) -> AuditEntry:
        return session.deed(
            action,
            self.clock(),
            random=self.random,
            source=self.tokens.pepper.hash("source", source),
            link_id=link.link_id,
            cap_cents=link.cap_cents,
        )

    @property
    def _links(self) -> LinkStore:
        return LinkStore(self.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedPayments:
    """What the holder of a link may do.

    The cap: what is paid through a link and what a provider is at work on count; a try that its payer left,
    or whose card was refused, does not, since a pending try never blocks another. Such tries are bounded in
    number, and of one amount there is one page at a time. Pages opened for different amounts and all paid in
    the end can come to more: that is the tenant's credit, like any payment too much, and ends the link.
    """

    money: Table
    identity: Table
    tokens: LinkTokens
    checkouts: Checkouts
    clock: Clock

    def look(self, token: str) -> LinkShown:
        """What the holder may know. Raises UnknownPaymentLink, PaymentLinkEnded. Two calls."""
        opened = self._open(token)
        return LinkShown(
            given_names=opened.given_names,
            tenant_reference=opened.tenant_reference,
            payable_cents=opened.payable_cents,
            ends_at=opened.link.ends_at,
        )

    def pay(self, token: str, order: Order, *, key: str, language: str) -> Started:
        """Start a payment, of all that can be paid where the order says no amount.

        Raises what `Checkouts.start` raises, UnknownPaymentLink, PaymentLinkEnded and PaymentLinkUsedUp.
        """
        opened = self._open(token)
        link = opened.link
        own_key = f"link:{link.link_id}:{key}"
        cents = opened.payable_cents if order.amount_cents is None else order.amount_cents
        if self.checkouts.asked(link.lease_id, own_key) is None:
            if waiting := self._waiting(opened, cents):
                return self.checkouts.answered(link.lease_id, order, waiting, key=own_key, language=language)
            if opened.left_cents < MINIMUM_CENTS or len(link.tries) >= MOST_TRIES:
                raise PaymentLinkUsedUp
        sponsor = Sponsor(link=link, left_cents=opened.left_cents)
        return self.checkouts.start(
            link.lease_id, link.residence_id, order, key=own_key, language=language, sponsor=sponsor
        )

    def _waiting(self, opened: _Opened, cents: int) -> Started | None:
        """The page of a try for the same amount that is still open: paid there, it is paid once."""
        since = self.clock() - SAME_PAGE_FOR
        for payment in opened.payments:
            state = outcome(payment).state
            is_open = state in {PaymentState.CREATED, PaymentState.FAILED} and payment.created_at > since
            if is_open and payment.checkout_url and payment.amount_cents == cents:
                return Started(
                    payment_id=payment.payment_id,
                    checkout_url=payment.checkout_url,
                    state=state.value,
                    amount_cents=payment.amount_cents,
                    currency=payment.currency,
                )
        return None

    def _open(self, token: str) -> _Opened:
        now = self.clock()
        link_id = self.tokens.read(token, now)
        link = LinkStore(self.money).get(link_id)
        if link is None:
            raise UnknownPaymentLink
        if link.revoked_at or link.ends_at <= now:
            raise PaymentLinkEnded
        money, identity = self.money.name, self.identity.name
        account, lease, person, *payments = batch_get(
            self.money.client,
            [
                (money, keys.account(link.lease_id)),
                (identity, keys.lease(link.lease_id)),
                (identity, keys.person(link.person_id)),
                *((money, keys.payment(one)) for one in link.tries),
            ],
        )
        if lease is None or person is None:
            raise UnknownPaymentLink
        return _Opened(
            link=link,
            payments=[payment_of(item) for item in payments if item],
            account=account_of(account) if account else None,
            given_names=person_of(person).given_names,
            tenant_reference=lease_of(lease).tenant_reference,
        )


def _paid(payments: Sequence[Payment]) -> int:
    """What came and is still there: a parent's refused debit may be paid again."""
    return sum(max(outcome(payment).net_cents, 0) for payment in payments)


def _under_way(payments: Sequence[Payment]) -> int:
    """What a provider is at work on, e.g. a debit that settles in days."""
    waiting = PaymentState.AWAITING_PROVIDER
    return sum(payment.amount_cents for payment in payments if outcome(payment).state is waiting)
