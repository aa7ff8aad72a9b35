"""A lease's online payments, as the desk of its residence sees them."""

from dataclasses import dataclass

from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import CASHIERS
from sesame.services.payments import History, PaymentUses
from sesame.services.staff import Staff, require


@dataclass(frozen=True, slots=True)
class OnlinePayments:
    """Answers "I have paid, look" at a desk."""

    leases: DeskLeases
    history: History

    def of_lease(self, staff: Staff, lease_id: str, *, after: str | None = None) -> PaymentUses:
        """Newest first. Raises Forbidden, and NotFound where the lease or `after` is not theirs to see."""
        require(staff, *CASHIERS)
        self.leases.seen(staff, lease_id)
        return self.history.page(lease_id, after=after)
