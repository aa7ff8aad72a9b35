"""Whom a message is for: a lease with its tenant and its residence."""

from dataclasses import dataclass

from sesame.domain.tenancy import Lease, Person, Residence
from sesame.store import keys
from sesame.store.people import lease_of, person_of, residence_of
from sesame.store.table import Table, same_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """A lease with its tenant and its residence."""

    lease: Lease
    person: Person
    residence: Residence


def addressee(identity: Table, lease_id: str) -> Addressee | None:
    """The tenant of a lease; None where there is nobody. Two reads."""
    item = identity.get(keys.lease(lease_id))
    if item is None:
        return None
    lease = lease_of(item)
    person, residence = same_table(
        identity, [keys.person(lease.person_id), keys.residence(lease.residence_id)]
    )
    if person is None or residence is None:
        return None
    return Addressee(lease=lease, person=person_of(person), residence=residence_of(residence))
