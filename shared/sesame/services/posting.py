"""Posting: what a kept delivery says becomes the state of payments and entries of the journal.

Everything is read at once, decided by domain/, and written in one transaction a payment, on the condition
that nobody changed it meanwhile. So a delivery may be posted twice, or half and again: it comes to the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import batched

from sesame.domain.payments import (
    Flag,
    Payment,
    PaymentEvent,
    entries_to_post,
    outcome,
    overpaid_after,
    posted_after,
    with_events,
)
from sesame.platform.clock import Clock
from sesame.platform.logs import count
from sesame.providers import http
from sesame.providers.base import (
    Notification,
    ProviderEvent,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUnreadable,
)
from sesame.providers.registry import Registry
from sesame.services.accounts import Bookkeeping
from sesame.services.retries import USUAL, Retries
from sesame.store.accounts import Account, account_of
from sesame.store.deliveries import Deliveries, Delivery, DeliveryState, Hints, Told, delivery_of
from sesame.store.payments import Payments, payment_of
from sesame.store.table import Key, Table, Write, same_table, transact

YOUNG = timedelta(minutes=10)
"""An event may be told before our own write is seen; after this long, its payment is one we do not have."""

AHEAD = timedelta(days=1)
"""How far a provider's clock may be before ours. Debits follow what is folded: a payment dated in another
century would take every later notice there."""

_BATCH = 100  # keys of one BatchGetItem


class NotYetKnown(Exception):
    """A delivery, or the payment that it is about, is not there yet: the queue brings it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What has been read: every payment by id (None: there is none), and one account at most."""

    delivery: Delivery
    payments: dict[str, Payment | None]
    account: Account | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a delivery comes to, as far as its provider says."""

    events: list[ProviderEvent]
    missed: bool = False
    """The provider would not say what it pointed to, or nothing that it documents: perhaps not yet."""
    later: bool = False
    """The provider did not answer."""

    @property
    def whole(self) -> bool:
        """Nothing is left to ask."""
        return not (self.missed or self.later)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """Posts deliveries."""

    table: Table
    bookkeeping: Bookkeeping
    registry: Registry
    clock: Clock
    retries: Retries = USUAL

    def post(self, provider: str, delivery_id: str, hints: Hints) -> None:
        """Post a delivery, however often it is asked.

        Raises NotYetKnown, ProviderUnavailable where the rest is to be asked again, and ConditionFailed or
        Contention where others keep interfering: try later.
        """
        self.retries.run(lambda: self._attempt(provider, delivery_id, hints))

    def _attempt(self, provider: str, delivery_id: str, hints: Hints) -> None:
        known = self._read(provider, delivery_id, hints)
        if known.delivery.state is not DeliveryState.RECEIVED:
            return
        said = self._told(known.delivery)
        believed = [one for one in said.events if one.event.live or self.registry.takes_test_money]
        if len(believed) < len(said.events):
            count("TestMoneyRefused")
        if not believed and said.whole:
            self._close(known.delivery, DeliveryState.REFUSED if said.events else DeliveryState.POSTED)
            return
        payments = self._payments(known, believed)
        unknown = payments.keys() - {one for one, payment in payments.items() if payment is not None}
        found = [payment for payment in payments.values() if payment is not None]
        account = known.account
        for payment in found:
            closes = payment is found[-1] and not unknown and said.whole
            closing = [self._closing(known.delivery, DeliveryState.POSTED)] if closes else []
            self._post(payment, _events_of(payment, believed), account, closing)
            account = None  # the next payment may be of the same lease: what was read is history now
        if said.later:
            raise ProviderUnavailable
        if unknown or said.missed:
            self._unknown(known.delivery, [one for one in believed if one.payment_id in unknown])

    def _read(self, provider: str, delivery_id: str, hints: Hints) -> _Known:
        """Delivery, payment and account in one call, as far as the hints go."""
        wanted: list[Key] = [self._deliveries.key(provider, delivery_id)]
        if hints.payment_id:
            wanted.append(self._payment_store.key(hints.payment_id))
        if hints.lease_id:
            wanted.append(self.bookkeeping.accounts.key(hints.lease_id))
        items = {(item["pk"], item["sk"]): item for item in same_table(self.table, wanted) if item}
        found = [items.get((key["pk"], key["sk"])) for key in wanted]
        if found[0] is None:
            raise NotYetKnown
        payments: dict[str, Payment | None] = {}
        if hints.payment_id:
            payments[hints.payment_id] = payment_of(found[1]) if found[1] else None
        account_item = found[-1] if hints.lease_id else None
        return _Known(
            delivery=delivery_of(found[0]),
            payments=payments,
            account=account_of(account_item) if account_item else None,
        )

    def _told(self, delivery: Delivery) -> _Said:
        """What a delivery says, and where it only points, what the provider says when asked."""
        if delivery.told:
            asked = [
                ProviderEvent(payment_id=one.payment_id, lease_id=one.lease_id, event=one.event)
                for one in delivery.told
            ]
            return _Said(events=_dated(asked, delivery.received_at + AHEAD))
        provider = self.registry.get(delivery.provider)
        notification = Notification(body=delivery.body, headers=delivery.headers, query=delivery.query)
        received = provider.parse(notification)
        fetched = self._fetched(delivery.provider, received.to_fetch)
        events = _dated(received.events, delivery.received_at + AHEAD)
        return replace(fetched, events=[*events, *_dated(fetched.events, self.clock() + AHEAD)])

    def _fetched(self, name: str, references: Sequence[str]) -> _Said:
        """Several at once: a body may point to hundreds, and the function has half a minute."""
        if not references:
            return _Said(events=[])
        provider, credentials = self.registry.get(name), self.registry.credentials(name)

        def fetch(reference: str) -> _Said:
            try:
                return _Said(events=list(provider.fetch(reference, credentials)))
            except (ProviderRefused, ProviderUnreadable):
                return _Said(events=[], missed=True)
            except ProviderUnavailable:
                return _Said(events=[], later=True)

        answers = http.at_once(fetch, references)
        return _Said(
            events=[event for answer in answers for event in answer.events],
            missed=any(answer.missed for answer in answers),
            later=any(answer.later for answer in answers),
        )

    def _payments(self, known: _Known, told: Sequence[ProviderEvent]) -> dict[str, Payment | None]:
        """Every payment told of, by id; those of another provider are none of its business."""
        ids = list(dict.fromkeys(one.payment_id for one in told))
        payments = dict(known.payments)
        for some in batched((one for one in ids if one not in payments), _BATCH, strict=False):
            items = same_table(self.table, [self._payment_store.key(one) for one in some])
            payments |= {
                one: payment_of(item) if item else None for one, item in zip(some, items, strict=True)
            }
        return {
            one: payment
            if (payment := payments[one]) and payment.provider == known.delivery.provider
            else None
            for one in ids
        }

    def _post(
        self,
        before: Payment,
        events: Iterable[PaymentEvent],
        account: Account | None,
        closing: Sequence[Write],
    ) -> None:
        payment = replace(before, events=with_events(before, events))
        entries = entries_to_post(payment, outcome(payment).movements)
        flags = outcome(before).flags
        if payment.events == before.events and not entries:
            if closing:
                transact(self.table.client, closing)
            return
        now = self.clock()
        writes: list[Write] = []
        if entries:
            accounts, account = self.bookkeeping.accounts, self._account(payment, account)
            writes += [accounts.entering(payment.lease_id, entry, now) for entry in entries]
            writes.append(self.bookkeeping.change(account, entries))
            balance = account.checkpoint.balance_cents + sum(entry.amount_cents for entry in entries)
            payment = replace(
                payment,
                posted=posted_after(payment, entries),
                overpaid_cents=overpaid_after(payment, entries, balance),
            )
        reached = outcome(payment).flags
        if reached != flags:
            writes.append(self._payment_store.flagging(payment))
        transact(self.table.client, [self._payment_store.saving(payment, now), *writes, *closing])
        for flag in reached - flags:
            count(_COUNTERS[flag])

    def _account(self, payment: Payment, account: Account | None) -> Account:
        if account is not None and account.lease_id == payment.lease_id:
            return account
        return self.bookkeeping.overview(payment.lease_id) or Account(
            lease_id=payment.lease_id, residence_id=payment.residence_id
        )

    def _unknown(self, delivery: Delivery, told: Sequence[ProviderEvent]) -> None:
        """Nothing a provider told us is dropped: the queue tries while it is young, then staff look."""
        if self.clock() - delivery.received_at < YOUNG:
            raise NotYetKnown
        count("PaymentUnknown")
        unknown = [Told(payment_id=one.payment_id, lease_id=one.lease_id, event=one.event) for one in told]
        closing = self._deliveries.closing(delivery, DeliveryState.REVIEW, self.clock(), unknown=unknown)
        transact(self.table.client, [closing])

    def _close(self, delivery: Delivery, state: DeliveryState) -> None:
        transact(self.table.client, [self._closing(delivery, state)])

    def _closing(self, delivery: Delivery, state: DeliveryState) -> Write:
        return self._deliveries.closing(delivery, state, self.clock())

    @property
    def _deliveries(self) -> Deliveries:
        return Deliveries(self.table)

    @property
    def _payment_store(self) -> Payments:
        return Payments(self.table)


_COUNTERS = {
    Flag.AMOUNT_DIFFERS: "PaymentAmountDiffers",
    Flag.CURRENCY_DIFFERS: "PaymentCurrencyDiffers",
    Flag.DISPUTED: "PaymentDisputed",
    Flag.MORE_RETURNED: "PaymentMoreReturned",
    Flag.REFUND_CAME_HOME: "PaymentRefundCameHome",
    Flag.OVERPAID: "PaymentOverpaid",
}


def _dated(told: Sequence[ProviderEvent], latest: datetime) -> list[ProviderEvent]:
    """The same events, none of them after an instant."""
    early = [one if one.event.occurred_at <= latest else _moved(one, latest) for one in told]
    if early != list(told):
        count("EventFromTheFuture")
    return early


def _moved(one: ProviderEvent, at: datetime) -> ProviderEvent:
    return replace(one, event=replace(one.event, occurred_at=at))


def _events_of(payment: Payment, told: Sequence[ProviderEvent]) -> list[PaymentEvent]:
    return [one.event for one in told if one.payment_id == payment.payment_id]
