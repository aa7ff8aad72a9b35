"""What a provider told us of payments that we do not know: staff say whose it is, or that it is not ours.

Saying whose it is makes the payment known under the id that the provider uses, and has the delivery posted
again: the same path as any other, so that what is told of that payment later finds it too.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from sesame.domain.payments import EventKind, Payment
from sesame.domain.tenancy import Lease
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.services.deeds import Deeds
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, not_own, require, within
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.deliveries import Deliveries, DeliveryState, Hints, Review, Told
from sesame.store.payments import Payments
from sesame.store.people import lease_of
from sesame.store.table import Table, Write, same_table, transact

REVIEWERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
OF_UNKNOWN = (Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who sees what names no lease: it could be of any residence."""
PAGE = 50


class DismissalReason(StrEnum):
    """Why a provider's notification is none of ours."""

    NOT_OURS = "not_ours"
    """Of the same merchant account, for something else."""
    HANDLED_ELSEWHERE = "handled_elsewhere"
    """Posted by hand, or given back by the provider."""
    MADE_BY_A_TEST = "made_by_a_test"


class AlreadyResolved(Conflict):
    """Somebody decided otherwise."""

    slug = "already-resolved"
    title: ClassVar[Mapping[str, str]] = {"fr": "Déjà traité autrement", "en": "Already resolved otherwise"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What staff say: dismissed for a reason, or to be posted to a lease, which may be named by a payment."""

    dismissed: DismissalReason | None = None
    reference: str | None = None
    """Which of the unknown payments, by the id as told; needed where there are several."""
    lease_id: str | None = None
    payment_id: str | None = None
    amount_cents: int | None = None
    """What the payment is of, as the provider's dashboard shows it: needed where no event says what came."""
    retry: bool = False
    """Only look again: where the provider would not say what it pointed to, it may now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReview:
    """A review, and the residence it is of, where it names a lease."""

    review_id: str
    review: Review
    residence_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReviews:
    """Some reviews, the longest waiting first, and where to go on."""

    reviews: Sequence[ShownReview]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReviews:
    """The queue of what waits for staff."""

    money: Table
    identity: Table
    audit: Audit
    deeds: Deeds
    clock: Clock
    retries: Retries = USUAL

    def waiting(self, staff: Staff, *, after: str | None = None) -> ShownReviews:
        """What waits and is theirs to see. A page may show less than it went through: go on with `next`."""
        require(staff, *REVIEWERS)
        last = self._review(after) if after else None
        page = self._deliveries.reviews(after=last, limit=PAGE)
        leases = self._leases(page.reviews)
        shown = [
            ShownReview(
                review_id=review_name(review),
                review=review,
                residence_id=lease.residence_id if lease else None,
            )
            for review in page.reviews
            if _visible(staff, lease := leases.get(_lease_told(review) or ""))
        ]
        return ShownReviews(reviews=shown, next=review_name(page.reviews[-1]) if page.more else None)

    def resolve(self, staff: Staff, wanted: str, decision: Decision, *, network: str) -> Review:
        """Carries a decision out, once. Raises NotFound, Forbidden, Invalid, AlreadyResolved."""
        require(staff, *REVIEWERS)

        def attempt() -> Review:
            review = self._seen(staff, wanted)
            if decision.dismissed is not None:
                self._dismiss(staff, review, decision.dismissed, network)
            elif decision.retry:
                self._retry(staff, review, network)
            else:
                self._post(staff, review, decision, network)
            return self._review(wanted)

        return self.retries.run(attempt)

    def _seen(self, staff: Staff, wanted: str) -> Review:
        review = self._review(wanted)
        told = _lease_told(review)
        lease = self._leases([review]).get(told or "")
        if not _visible(staff, lease):
            raise NotFound
        if lease is not None:
            not_own(staff, lease.person_id)
        return review

    def _dismiss(self, staff: Staff, review: Review, reason: DismissalReason, network: str) -> None:
        if review.state is not DeliveryState.REVIEW:
            if review.resolutions.get("*", {}).get("reason") != reason.value:
                raise AlreadyResolved
            return
        entry = self.deeds.entry(
            Action.PAYMENT_REVIEWED,
            staff,
            network,
            provider=review.provider,
            review_id=review_name(review),
            reason=reason.value,
        )
        decided = self._decided(staff, {"action": "dismissed", "reason": reason.value})
        transact(
            self.money.client,
            [self._deliveries.dismissing(review, decided, self.clock()), self.audit.recording(entry)],
        )

    def _retry(self, staff: Staff, review: Review, network: str) -> None:
        if review.state is DeliveryState.RECEIVED:
            return
        if review.state is not DeliveryState.REVIEW:
            raise AlreadyResolved
        entry = self.deeds.entry(
            Action.PAYMENT_REVIEWED,
            staff,
            network,
            provider=review.provider,
            review_id=review_name(review),
            reason="retry",
        )
        decided = self._decided(staff, {"action": "retried"})
        reopened = self._deliveries.reopening(review, "retry", decided, Hints(), self.clock())
        transact(self.money.client, [reopened, self.audit.recording(entry)])

    def _post(self, staff: Staff, review: Review, decision: Decision, network: str) -> None:
        reference = _reference(review, decision)
        lease = self._target(staff, decision)
        earlier = review.resolutions.get(reference)
        if earlier is not None and earlier.get("lease_id") == lease.lease_id:
            return
        if earlier is not None or review.state is not DeliveryState.REVIEW:
            raise AlreadyResolved
        now = self.clock()
        events = [told for told in review.unknown if told.payment_id == reference]
        known = self._payments.get(reference)
        if known is not None and (known.lease_id, known.provider) != (lease.lease_id, review.provider):
            raise AlreadyResolved
        entry = self.deeds.entry(
            Action.PAYMENT_REVIEWED,
            staff,
            network,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            provider=review.provider,
            review_id=review_name(review),
            payment_id=reference,
        )
        decided = self._decided(staff, {"action": "posted", "lease_id": lease.lease_id})
        hints = Hints(payment_id=reference, lease_id=lease.lease_id)
        writes: list[Write] = [
            self._deliveries.reopening(review, reference, decided, hints, now),
            self.audit.recording(entry),
        ]
        if known is None:
            amount_cents = _amount(events, decision)
            made = Payment(
                payment_id=reference,
                lease_id=lease.lease_id,
                residence_id=lease.residence_id,
                provider=review.provider,
                amount_cents=amount_cents,
                created_at=now,
            )
            writes.append(self._payments.creating(made))
        transact(self.money.client, writes)

    def _target(self, staff: Staff, decision: Decision) -> Lease:
        """The lease to post to: theirs to see, and not their own."""
        lease_id = decision.lease_id
        if decision.payment_id is not None:
            payment = self._payments.get(decision.payment_id)
            if payment is None or lease_id not in {None, payment.lease_id}:
                raise NotFound
            lease_id = payment.lease_id
        if lease_id is None:
            raise Invalid(errors=[{"field": "lease_id"}])
        item = self.identity.get(keys.lease(lease_id))
        if item is None:
            raise NotFound
        lease = lease_of(item)
        within(staff, lease.residence_id)
        not_own(staff, lease.person_id)
        return lease

    def _review(self, wanted: str) -> Review:
        place = read_review_name(wanted)
        review = self._deliveries.review(*place) if place else None
        if review is None:
            raise NotFound
        return review

    def _leases(self, reviews: Sequence[Review]) -> dict[str, Lease]:
        """The leases that these name: one read, none where they name none."""
        named = sorted({told for review in reviews if (told := _lease_told(review))})
        items = same_table(self.identity, [keys.lease(lease_id) for lease_id in named])
        return {item["lease_id"]: lease_of(item) for item in items if item}

    def _decided(self, staff: Staff, what: Mapping[str, str]) -> dict[str, str]:
        return {**what, "by": staff.staff_id, "at": self.clock().isoformat()}

    @property
    def _deliveries(self) -> Deliveries:
        return Deliveries(self.money)

    @property
    def _payments(self) -> Payments:
        return Payments(self.money)


def review_name(review: Review) -> str:
    """Names a review in a path: its provider and delivery, in letters that a path takes."""
    return urlsafe_b64encode(f"{review.provider}/{review.delivery_id}".encode()).decode().rstrip("=")


def read_review_name(text: str) -> tuple[str, str] | None:
    """Provider and delivery, or None for what no review is called."""
    try:
        place = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
    provider, slash, delivery_id = place.partition("/")
    return (provider, delivery_id) if provider and slash and delivery_id else None


def _lease_told(review: Review) -> str | None:
    return next((told.lease_id for told in review.unknown if told.lease_id), None)


def _visible(staff: Staff, lease: Lease | None) -> bool:
    return staff.has(*OF_UNKNOWN) if lease is None else staff.sees(lease.residence_id)


def _reference(review: Review, decision: Decision) -> str:
    references = {told.payment_id for told in review.unknown}
    if decision.reference is None and len(references) == 1:
        return references.pop()
    if decision.reference not in references:
        raise Invalid(errors=[{"field": "reference", "reason": "unknown"}])
    return decision.reference


def _amount(events: Sequence[Told], decision: Decision) -> int:
    """What counts as asked: what came, where an event says it, else what staff say. Raises Invalid.

    Never nothing: an event without an amount (GoCardless, a Checkout session) is of what was asked.
    """
    told = [one.event.amount_cents or 0 for one in events if one.event.kind is EventKind.SETTLED]
    came = max(told, default=0)
    if not came and not decision.amount_cents:
        raise Invalid(errors=[{"field": "amount_cents", "reason": "not_told"}])
    if came and decision.amount_cents not in {None, came}:
        raise Invalid(errors=[{"field": "amount_cents", "reason": "told_otherwise"}])
    return came or decision.amount_cents or 0
