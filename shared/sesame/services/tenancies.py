"""What a signed-in tenant sees at a glance: the room, the residence, and where the rent stands."""

from dataclasses import dataclass

from sesame.domain.tenancy import Residence
from sesame.platform.errors import NotFound
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.accounts import Account, account_of
from sesame.store.people import residence_of
from sesame.store.table import Table, batch_get


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenancy:
    """A lease's residence, and its account (None before the first notice)."""

    residence: Residence
    account: Account | None


@dataclass(frozen=True, slots=True)
class Tenancies:
    """Reads a tenancy across the identity and money tables."""

    identity: Table
    money: Table

    def of(self, session: Session) -> Tenancy:
        """One AWS call. Raises NotFound when the residence is gone."""
        lease = session.lease
        residence, account = batch_get(
            self.identity.client,
            [
                (self.identity.name, keys.residence(lease.residence_id)),
                (self.money.name, keys.account(lease.lease_id)),
            ],
        )
        if residence is None:
            raise NotFound
        return Tenancy(residence=residence_of(residence), account=account_of(account) if account else None)
