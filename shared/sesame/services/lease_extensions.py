"""A lease that goes on after its last day: the one place that writes what a renewal does to a lease."""

from dataclasses import dataclass
from datetime import date

from sesame.domain.tenancy import Lease
from sesame.store import keys
from sesame.store.table import Table, Update, Write


@dataclass(frozen=True, slots=True)
class LeaseExtensions:
    """The leases of the identity table."""

    identity: Table

    def extending(self, lease: Lease, until: date) -> list[Write]:
        """The writes that give a lease a later last day, if nobody changed it since it was read."""
        return [
            Update(
                table=self.identity.name,
                key=keys.lease(lease.lease_id),
                expression="SET ends_on = :until, version = version + :one",
                condition="version = :read AND ends_on < :until",
                values={":until": until.isoformat(), ":one": 1, ":read": lease.version},
            )
        ]
