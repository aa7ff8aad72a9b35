"""Arrears of a residence by age: figures, a file for a spreadsheet, a picture for the back office."""

from dataclasses import dataclass
from datetime import date
from itertools import batched

from sesame.domain.arrears import Age, Arrears, arrears, together
from sesame.domain.calendar import local_date
from sesame.domain.csv_files import write_csv
from sesame.domain.tenancy import Lease, Residence
from sesame.domain.terms import as_of
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound
from sesame.services.staff import Role, Staff, require, within
from sesame.store import keys
from sesame.store.accounts import account_of
from sesame.store.people import lease_of, residence_of
from sesame.store.table import Table, same_table

VIEWERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
_A_CALL = 100
_HEADERS = {
    "fr": ("Chambre", "Référence locataire", "Bail", "Plus ancienne échéance"),
    "en": ("Room", "Tenant reference", "Lease", "Oldest due date"),
}
_TOTAL = {"fr": "Total", "en": "Total"}
_DAYS = {"fr": "jours", "en": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseArrears:
    """A lease as of that day that is in arrears; ended ones too."""

    lease: Lease
    arrears: Arrears


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidenceArrears:
    """All of a residence's, the most owed first, on a day of its calendar."""

    residence: Residence
    day: date
    total: Arrears
    leases: tuple[LeaseArrears, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrearsByAge:
    """Works them out from the accounts as they stand."""

    identity: Table
    money: Table
    clock: Clock

    def of(self, staff: Staff, residence_id: str) -> ResidenceArrears:
        """A residence's. Raises Forbidden, and NotFound where it is not theirs to see.

        Reads the residence, its leases by the index, and their accounts, a hundred a call: what a debt has no
        reminder left for is in no other index, and must not be forgotten.
        """
        require(staff, *VIEWERS)
        within(staff, residence_id)
        item = self.identity.get(keys.residence(residence_id))
        if item is None:
            raise NotFound
        residence = residence_of(item)
        today = local_date(self.clock(), residence.time_zone)
        found: list[LeaseArrears] = []
        stored = self.identity.query_all(keys.leases_of_residence(residence_id), index=keys.GSI1)
        for leases in batched(map(lease_of, stored), _A_CALL, strict=False):
            accounts = same_table(self.money, [keys.account(lease.lease_id) for lease in leases])
            for lease, account in zip(leases, accounts, strict=True):
                owed = arrears(account_of(account).checkpoint.outstanding, today) if account else None
                if owed and owed.total_cents:
                    found.append(LeaseArrears(lease=as_of(lease, today), arrears=owed))
        found.sort(key=lambda one: (-one.arrears.total_cents, one.lease.room, one.lease.lease_id))
        total = together(one.arrears for one in found)
        return ResidenceArrears(residence=residence, day=today, total=total, leases=tuple(found))


def arrears_csv(found: ResidenceArrears, language: str) -> str:
    """For a spreadsheet, in the caller's words: a line a lease, amounts with a decimal comma in French."""
    ages = [f"{age.value} {_DAYS[language]}" for age in Age]
    rows: list[list[str]] = [[*_HEADERS[language], *ages, _TOTAL[language]]]
    for one in found.leases:
        lease, owed = one.lease, one.arrears
        oldest = owed.oldest_due_on.isoformat() if owed.oldest_due_on else ""
        amounts = [_amount(owed.by_age[age], language) for age in Age]
        total = _amount(owed.total_cents, language)
        rows.append([lease.room, lease.tenant_reference, lease.reference, oldest, *amounts, total])
    amounts = [_amount(found.total.by_age[age], language) for age in Age]
    rows.append([_TOTAL[language], "", "", "", *amounts, _amount(found.total.total_cents, language)])
    return write_csv(rows, ";" if language == "fr" else ",")


def _amount(cents: int, language: str) -> str:
    text = f"{cents // 100}.{cents % 100:02}"
    return text.replace(".", ",") if language == "fr" else text
