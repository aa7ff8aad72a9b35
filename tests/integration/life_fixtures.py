"""One tenancy with everything that changes it, tells of it, and settles it."""

from datetime import UTC, date, datetime
from secrets import token_bytes
from typing import Any

from sesame.domain.certificates import Kind, Validity
from sesame.domain.certificates import Tenancy as TenancyOf
from sesame.domain.lease_life import LifeChange
from sesame.domain.scope import EVERYWHERE
from sesame.domain.takings import Method, Taking, TakingPurpose
from sesame.services.deeds import Deeds
from sesame.services.departures import TenantDepartures
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import DeskPayments, TakingOrder
from sesame.services.document_validity import DocumentValidity
from sesame.services.documents import Order, PaymentReceipts, keep
from sesame.services.final_accounts import FinalAccounts
from sesame.services.gathering import Gathering
from sesame.services.lease_life import LeaseLife, LifeDesk
from sesame.services.retries import Retries
from sesame.services.sessions import Session
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from sesame.store.lease_changes import LeaseChange, LeaseChanges
from sesame.store.sessions import StoredSession
from sesame.store.takings import Deposits
from tests.integration.conftest import Aws
from tests.integration.test_lease_terms import Tenancy

NETWORK = "192.0.2.1"
MANAGER = Staff(staff_id="manager-1", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)
AT_DESK = Staff(staff_id="desk-1", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
QUICK = Retries(pause=lambda _: None)


class Stay(Tenancy):
    """A lease from September 2026 to August 2027, at 450.00 a month, before a manager and its tenant."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self.audit = Audit(aws.operations)
        self.documents = Documents(aws.documents)
        leases = DeskLeases(aws.identity)
        deeds = Deeds(pepper=aws.pepper, clock=self.clock, random=token_bytes)
        self.life = LeaseLife(terms=self.terms, changes=LeaseChanges(aws.identity), audit=self.audit)
        self.desk = LifeDesk(leases=leases, life=self.life, deeds=deeds)
        self.accounts = FinalAccounts(
            money=aws.money,
            leases=leases,
            life=self.life,
            documents=self.documents,
            deeds=deeds,
            random=token_bytes,
            retries=QUICK,
        )
        self.departures = TenantDepartures(
            life=self.life, deposits=Deposits(aws.money), pepper=aws.pepper, random=token_bytes
        )
        self.payments = DeskPayments(
            money=aws.money,
            leases=leases,
            bookkeeping=self.office.books,
            receipts=PaymentReceipts(self.documents),
            audit=self.audit,
            deeds=deeds,
            clock=self.clock,
            retries=QUICK,
        )

    def decide(self, change: LifeChange, key: str = "k1", by: Staff = MANAGER) -> LeaseChange:
        return self.desk.decide(by, self.lease_id, change, key=key, network=NETWORK)

    def bill_until(self, last: date) -> None:
        """The daily run of the first of each month up to a day."""
        month = self.lease.starts_on
        while month <= last:
            self.bill(datetime(month.year, month.month, 1, 8, tzinfo=UTC))
            month = date(month.year + month.month // 12, month.month % 12 + 1, 1)

    def pay_deposit(self, cents: int = 40_000) -> None:
        self.take(cents, purpose=TakingPurpose.DEPOSIT)

    def take(self, cents: int, purpose: TakingPurpose = TakingPurpose.RENT, key: str = "") -> Taking:
        order = TakingOrder(
            method=Method.CASH,
            purpose=purpose,
            amount_cents=cents,
            received_on=self.clock().date(),
        )
        key = key or f"{purpose}-{self.clock().isoformat()}"
        return self.payments.record(MANAGER, self.lease_id, order, key=key, network=NETWORK)

    @property
    def session(self) -> Session:
        """The tenant, signed in."""
        now = self.clock()
        stored = StoredSession(
            session_id="0" * 64,
            person_id=self.tenant.person.person_id,
            lease_id=self.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now,
        )
        return Session(stored=stored, person=self.tenant.person, lease=self.lease)

    def relay(self) -> None:
        """What was announced of the lease reaches the watch over its papers."""
        validity = DocumentValidity(self.documents)
        for event in self.office.announced("lease.changed"):
            validity.lease_changed(self.aws.identity, event["lease_id"], event.at)
        for event in self.office.announced("lease.cancelled"):
            validity.lease_cancelled(event["lease_id"], event.at)

    def tell(self) -> None:
        """And the messages."""
        for event in self.office.announced("lease.told"):
            self.office.correspondence.handle(event)

    def certificate(self, kind: Kind = Kind.RESIDENCE_CERTIFICATE, period: str | None = None) -> Document:
        """One as of now, as the tenant asks for it. Raises Refused."""
        residence = self.terms.people.residence(self.lease.residence_id)
        assert residence is not None
        person = self.tenant.person
        tenancy = TenancyOf(person=person, lease=self.lease, residence=residence, language=person.language)
        facts = Gathering(self.office.accounts, tenancy, self.clock(), period).facts(kind)
        order = Order(tenancy=tenancy, facts=facts, now=self.clock(), period=period)
        return keep(self.documents, token_bytes, order)

    def validity(self, document: Document) -> Validity:
        found = self.documents.get(document.document_id)
        assert found is not None
        return found.validity

    def papers(self) -> list[Document]:
        return self.documents.of_lease(self.lease_id, limit=50)

    def actions(self) -> list[Action]:
        return [entry.action for entry in self.audit.of(self.lease_id).entries]

    def everything(self) -> Any:
        """Whatever is stored, for what must not have changed."""
        tables = (self.aws.identity, self.aws.money, self.aws.documents, self.aws.operations)
        return [sorted(self.office.items(table), key=str) for table in tables]
