"""What members of staff do, as audit entries: who, in which residence, from where (hashed), when."""

from dataclasses import dataclass

from sesame.platform.clock import Clock
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.services.staff import Staff
from sesame.store.audit import Action, AuditEntry, by_staff


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """Makes the entries; whoever writes what they tell writes them with it."""

    pepper: Pepper
    clock: Clock
    random: Random

    def entry(
        self,
        action: Action,
        staff: Staff,
        network: str,
        *,
        lease_id: str | None = None,
        residence_id: str | None = None,
        **details: str | int,
    ) -> AuditEntry:
        """One deed. `network` is the caller's, in clear; `details` hold ids, kinds and counts only."""
        return by_staff(
            action,
            self.clock(),
            staff_id=staff.staff_id,
            random=self.random,
            lease_id=lease_id,
            residence_id=residence_id,
            source=self.pepper.hash("source", network),
            **details,
        )
