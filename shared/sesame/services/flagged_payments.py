"""Payments that came otherwise than asked: what the staff of a residence should look at."""

from dataclasses import dataclass

from sesame.domain.payments import Outcome, Payment, outcome
from sesame.platform.errors import NotFound
from sesame.services.staff import Role, Staff, require, within
from sesame.store.payments import Payments

VIEWERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedPayment:
    """A payment that carries a flag, and what its events come to."""

    payment: Payment
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedPage:
    """Some of a residence's flagged payments, newest first, and where to go on."""

    payments: tuple[FlaggedPayment, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class FlaggedPayments:
    """Shows them. A payment is listed as long as it carries a flag."""

    payments: Payments

    def of(
        self, staff: Staff, residence_id: str, *, after: str | None = None, limit: int = 20
    ) -> FlaggedPage:
        """A residence's. Raises Forbidden, and NotFound where it or `after` is not theirs to see. 2 calls."""
        require(staff, *VIEWERS)
        within(staff, residence_id)
        before = self._within(residence_id, after) if after else None
        page = self.payments.flagged(residence_id, after=before, limit=limit)
        shown = tuple(FlaggedPayment(payment=one, outcome=outcome(one)) for one in page.payments)
        return FlaggedPage(payments=shown, next=page.next)

    def _within(self, residence_id: str, payment_id: str) -> Payment:
        payment = self.payments.get(payment_id)
        if payment is None or payment.residence_id != residence_id:
            raise NotFound
        return payment
