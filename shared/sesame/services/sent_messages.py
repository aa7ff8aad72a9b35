"""What went to a tenant, when, and how far it got, for whoever works at their residence."""

from dataclasses import dataclass

from sesame.services.desk_leases import DeskLeases
from sesame.services.staff import Role, Staff, require
from sesame.store.messages import MessagePage, Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessages:
    """The records of messages, without their text, which is not kept."""

    leases: DeskLeases
    messages: Messages

    def of(self, staff: Staff, lease_id: str, *, after: str | None = None) -> MessagePage:
        """A lease's, newest first. Raises Forbidden, NotFound where it is not theirs to see. Two reads."""
        require(staff, *Role)
        self.leases.seen(staff, lease_id)
        return self.messages.of_lease(lease_id, after=after)
