"""Who is in a transmission and what is said of each, from leases, certificates, accounts and decisions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import batched

from sesame.domain import codes
from sesame.domain.calendar import first_day, last_day
from sesame.domain.certificates import DocumentStatus, Kind, Validity
from sesame.domain.contacts import folded
from sesame.domain.studies import Enrolment, EnrolmentStatus, academic_year_of
from sesame.domain.tenancy import Lease, Person, Residence
from sesame.domain.terms import as_of
from sesame.domain.transmissions import (
    Row,
    TransmissionKind,
    certificate_row,
    housing_row,
    lived_in,
    unpaid,
    unpaid_row,
)
from sesame.store import keys
from sesame.store.accounts import account_of
from sesame.store.aid import LeaseAid, LeaseAids
from sesame.store.documents import Document, Documents
from sesame.store.people import ERASED_BIRTH_DATE, lease_of, person_of
from sesame.store.sharing import Sharing
from sesame.store.social_files import Enrolments
from sesame.store.table import Table, same_table

_A_CALL = 100
CAF = "CAF"
"""How the recipient of rent certificates and unpaid rent is named: a residence has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenants:
    """A residence's leases that lived in a month, with their persons."""

    leases: tuple[tuple[Lease, Person], ...]
    erased: frozenset[str]
    """Leases whose tenant was erased since: nothing is known of them that could be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """Reads what a transmission has to say. Changes nothing."""

    identity: Table
    money: Table
    documents: Documents

    def tenants(self, residence: Residence, period: str) -> Tenants:
        """A page of leases and a page of persons for every hundred."""
        stored = self.identity.query_all(keys.leases_of_residence(residence.residence_id), index=keys.GSI1)
        lived = (lease for lease in map(lease_of, stored) if lived_in(lease, period))
        found: list[tuple[Lease, Person]] = []
        erased: set[str] = set()
        for leases in batched(lived, _A_CALL, strict=False):
            persons = dict.fromkeys(lease.person_id for lease in leases)
            items = same_table(self.identity, [keys.person(person_id) for person_id in persons])
            by_id = {item["person_id"]: person_of(item) for item in items if item}
            for lease in leases:
                person = by_id.get(lease.person_id)
                if person is None or not person.family_name or person.birth_date == ERASED_BIRTH_DATE:
                    erased.add(lease.lease_id)
                else:
                    found.append((lease, person))
        return Tenants(leases=tuple(found), erased=frozenset(erased))

    def rows(
        self,
        kind: TransmissionKind,
        residence: Residence,
        tenants: Tenants,
        period: str,
        *,
        spelled: Mapping[str, str],
    ) -> Mapping[str, list[Row]]:
        """What there is to say now, by the recipient's name. The CAF is always there, with nothing if so.

        No two names are one recipient's: each is spelled as `spelled` has it (by folded form), if it does.
        """
        match kind:
            case TransmissionKind.RENT_CERTIFICATES:
                return {CAF: list(self._certificates(tenants, period))}
            case TransmissionKind.UNPAID_RENT:
                return {CAF: list(self._unpaid(residence, tenants, period))}
            case TransmissionKind.HOUSING_CONFIRMATIONS:
                return self._housed(residence, tenants, period, spelled)

    # --- The CAF

    def _certificates(self, tenants: Tenants, period: str) -> Iterator[Row]:
        """The last certificate of the month that its tenant asked for and that holds: one a lease."""
        for lease, _ in tenants.leases:
            document = self._certificate(lease, period)
            if document is not None:
                yield certificate_row(
                    lease.lease_id,
                    document.document_id,
                    number=document.issue.number,
                    verification_code=codes.printed(document.issue.verification_code),
                    issued_on=document.issue.on,
                    facts=document.facts,
                )

    def _certificate(self, lease: Lease, period: str) -> Document | None:
        found = [
            one
            for one in self.documents.in_force(lease.lease_id, {Kind.CAF_RENT_CERTIFICATE})
            if one.status is DocumentStatus.READY
            and one.validity is Validity.GENUINE
            and first_day(period) <= one.issue.on <= last_day(period)
            and one.facts["caf"]["third_party_payment"]
        ]
        return max(found, key=lambda one: one.issue.at, default=None)

    def _unpaid(self, residence: Residence, tenants: Tenants, period: str) -> Iterator[Row]:
        """Leases whose aid the CAF pays the landlord, and whose tenants owe what the rule says."""
        if not residence.documents.caf.third_party_payment:
            return
        for some in batched(tenants.leases, _A_CALL, strict=False):
            accounts = same_table(self.money, [keys.account(lease.lease_id) for lease, _ in some])
            for (lease, person), item in zip(some, accounts, strict=True):
                outstanding = account_of(item).checkpoint.outstanding if item else ()
                if not outstanding:
                    continue
                terms = as_of(lease, min(last_day(period), lease.ends_on))
                monthly_cents = terms.rent_cents + terms.charges_cents
                aid_cents = _aid_of(LeaseAids(self.money).of(lease.lease_id), period, monthly_cents)
                if not aid_cents:
                    continue
                owed = unpaid(
                    outstanding,
                    monthly_cents=monthly_cents,
                    aid_cents=aid_cents,
                    period=period,
                )
                if owed is not None:
                    yield unpaid_row(lease, person, residence, owed, aid_cents=aid_cents, period=period)

    # --- Universities

    def _housed(
        self, residence: Residence, tenants: Tenants, period: str, spelled: Mapping[str, str]
    ) -> dict[str, list[Row]]:
        """Students who agreed, by the university where they are enrolled that year.

        Files and desks spell a university in more than one way: it is one recipient, under one spelling.
        """
        kind = TransmissionKind.HOUSING_CONFIRMATIONS
        decisions = Sharing(self.identity).of([person.person_id for _, person in tenants.leases], kind)
        agreed = {person_id: one for person_id, one in decisions.items() if one.agreed}
        year = academic_year_of(last_day(period))
        studying: dict[str, list[tuple[Lease, Person, Enrolment]]] = {}
        for lease, person in tenants.leases:
            for enrolment in self._enrolments(person.person_id, year) if person.person_id in agreed else ():
                studying.setdefault(folded(enrolment.university), []).append((lease, person, enrolment))
        found: dict[str, list[Row]] = {}
        for university, students in sorted(studying.items()):
            first = min((one for _, _, one in students), key=lambda one: (one.recorded_at, one.university))
            name = spelled.get(university, first.university)
            rows = (
                housing_row(
                    lease,
                    person,
                    residence,
                    academic_year=year,
                    university=name,
                    consented_at=agreed[person.person_id].decided_at,
                    period=period,
                )
                for lease, person, _ in students
            )
            found[name] = [row for row in rows if row is not None]
        return found

    def _enrolments(self, person_id: str, year: str) -> list[Enrolment]:
        counted = {EnrolmentStatus.ENROLLED, EnrolmentStatus.PRE_ENROLLED}
        found = Enrolments(self.identity).of_person(person_id)
        return [one for one in found if one.year == year and one.status in counted]


def _aid_of(aid: LeaseAid, period: str, monthly_cents: int) -> int:
    """A month's aid in cents: what came for it, else what is expected.

    What came and is no less than the month costs is arrears of earlier months booked on this one.
    """
    came = aid.of(period)
    if 0 < came < monthly_cents:
        return came
    return aid.expected_for(period) or came
