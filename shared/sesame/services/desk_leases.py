"""A lease as somebody at a desk acts on it: theirs to see, and never their own."""

from dataclasses import dataclass

from sesame.domain.certificates import Tenancy
from sesame.domain.tenancy import Lease
from sesame.platform.errors import NotFound
from sesame.services.staff import Staff, not_own, within
from sesame.store import keys
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import Item, Table, same_table


@dataclass(frozen=True, slots=True)
class DeskLeases:
    """The leases of the identity table, for members of staff."""

    identity: Table

    def seen(self, staff: Staff, lease_id: str) -> Lease:
        """A lease to look at: one read. Raises NotFound where there is none that is theirs to see."""
        item = self.identity.get(keys.lease(lease_id))
        if item is None:
            raise NotFound
        lease = lease_of(item)
        within(staff, lease.residence_id)
        return lease

    def read(self, staff: Staff, lease_id: str) -> Tenancy:
        """A lease to look at, with its person and residence: two reads. Raises NotFound."""
        return self._tenancy(self.seen(staff, lease_id))

    def acted_on(self, staff: Staff, lease_id: str) -> Tenancy:
        """A lease to change something of: two reads. Raises NotFound, and Forbidden where it is their own."""
        lease = self.seen(staff, lease_id)
        not_own(staff, lease.person_id)
        return self._tenancy(lease)

    def items_acted_on(self, staff: Staff, lease_id: str) -> tuple[Lease, Item, Item]:
        """The same with its person and residence as stored: a person's item says more than who it is."""
        lease = self.seen(staff, lease_id)
        not_own(staff, lease.person_id)
        person, residence = self._around(lease)
        return lease, person, residence

    def _tenancy(self, lease: Lease) -> Tenancy:
        person, residence = self._around(lease)
        tenant = person_of(person)
        return Tenancy(
            person=tenant, lease=lease, residence=residence_of(residence), language=tenant.language
        )

    def _around(self, lease: Lease) -> tuple[Item, Item]:
        person, residence = same_table(
            self.identity, [keys.person(lease.person_id), keys.residence(lease.residence_id)]
        )
        if person is None or residence is None:
            raise NotFound
        return person, residence
