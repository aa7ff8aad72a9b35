"""A lease that goes on after its last day: the one call by which a renewal takes effect."""

from dataclasses import dataclass
from datetime import date, timedelta

from sesame.domain.tenancy import Lease
from sesame.domain.terms import amended, ending, terms_on
from sesame.services.lease_terms import Also, Changed, LeaseTerms, Who

REASON = "renewal"
"""The word that the journal keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRent:
    """What the new period costs, in cents a month; None for what stays as it was."""

    rent_cents: int | None = None
    charges_cents: int | None = None


AS_BEFORE = NewRent()
"""The rent stays what it is."""


@dataclass(frozen=True, slots=True)
class LeaseExtensions:
    """Extends leases. What is written with it stands or falls with it."""

    terms: LeaseTerms

    def extend(self, lease: Lease, until: date, rent: NewRent, *, by: str, also: Also) -> Changed:
        """Gives a lease a later last day, and from the day after the former one its new rent.

        Nothing is written where the lease no longer ends when it was read to. Raises NotFound, LeaseMoved.
        """
        former = lease.ends_on

        def change(now: Lease) -> Lease:
            if now.ends_on != former or now.status is not lease.status:
                raise LeaseMoved
            return extended(now, until, rent)

        return self.terms.apply(lease.lease_id, change, Who(reason=REASON, by=by), also=also)


class LeaseMoved(Exception):
    """The lease ends on another day than it was decided on: another change was first."""


def extended(lease: Lease, until: date, rent: NewRent) -> Lease:
    """The lease with a later last day; the new rent, where it is another, holds from the day after."""
    starts_on = lease.ends_on + timedelta(days=1)
    longer = ending(lease, until)
    held = terms_on(longer, starts_on)
    same = rent.rent_cents in {None, held.rent_cents} and rent.charges_cents in {None, held.charges_cents}
    if same:
        return longer
    return amended(longer, starts_on, rent_cents=rent.rent_cents, charges_cents=rent.charges_cents)
