"""A desk that takes money: its services on one account and one clock, and a tenant who owes September."""

from dataclasses import replace
from datetime import date
from secrets import token_bytes
from typing import Any

from sesame.domain.journal import fold
from sesame.domain.scope import EVERYWHERE
from sesame.domain.takings import Method, ReversalReason, Taking
from sesame.services.deeds import Deeds
from sesame.services.deposits import DepositDesk, ReturnOrder
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_payments import DeskPayments, TakingOrder, Tills
from sesame.services.documents import PaymentReceipts
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action, Audit
from sesame.store.documents import Documents
from sesame.store.people import People
from sesame.store.takings import Deposits, Takings
from tests.conftest import FrozenClock
from tests.integration.billing_fixtures import Office
from tests.integration.tenants import Tenant, admit

NETWORK = "192.0.2.1"
AT_DESK = Staff(staff_id="desk-1", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
COLLEAGUE = replace(AT_DESK, staff_id="desk-2")
ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)
TODAY = date(2026, 9, 2)
CASH = TakingOrder(method=Method.CASH, amount_cents=20_000, received_on=TODAY)
CHEQUE = TakingOrder(method=Method.CHEQUE, amount_cents=45_000, received_on=TODAY, reference="0012345")


class Counter:
    """The desk's services, and what they left."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.office = Office(aws, clock)
        self.accounts, self.books = self.office.accounts, self.office.books
        self.documents = Documents(aws.documents)
        self.takings, self.deposits = Takings(aws.money), Deposits(aws.money)
        self.audit = Audit(aws.operations)
        leases = DeskLeases(aws.identity)
        retries = Retries(pause=lambda _: None)
        self.deeds = Deeds(pepper=aws.pepper, clock=clock, random=token_bytes)
        shared: dict[str, Any] = {
            "money": aws.money,
            "leases": leases,
            "bookkeeping": self.books,
            "receipts": PaymentReceipts(self.documents),
            "audit": self.audit,
            "deeds": self.deeds,
            "clock": clock,
            "retries": retries,
        }
        self.payments = DeskPayments(**shared)
        self.returns = DepositDesk(**shared)
        self.tills = Tills(takings=self.takings, people=People(aws.identity, aws.pepper), clock=clock)
        self.tenant: Tenant = admit(aws)
        self.lease_id = self.tenant.lease.lease_id

    def bill(self) -> None:
        """Issues what is due by now: September at first, 450.00."""
        self.office.bill(self.clock())

    def take(self, order: TakingOrder = CASH, *, key: str = "k1", by: Staff = AT_DESK) -> Taking:
        """A payment at the desk."""
        return self.payments.record(by, self.lease_id, order, key=key, network=NETWORK)

    def reverse(
        self,
        taking: Taking,
        reason: ReversalReason = ReversalReason.TYPING_ERROR,
        *,
        by: Staff = ACCOUNTANT,
    ) -> Taking:
        """Takes one back."""
        return self.payments.reverse(by, self.lease_id, taking.taking_id, reason, network=NETWORK)

    def give_back(self, order: ReturnOrder, *, key: str = "r1", by: Staff = ACCOUNTANT) -> Any:
        """Returns the deposit."""
        return self.returns.give_back(by, self.lease_id, order, key=key, network=NETWORK)

    @property
    def balance(self) -> int:
        """What the tenant owes; the stored checkpoint is what folding the journal afresh gives."""
        journal = self.accounts.journal(self.lease_id)
        checkpoint = fold(journal.entries).checkpoint
        if journal.account is not None:
            assert journal.account.checkpoint == checkpoint
        assert checkpoint.balance_cents == sum(entry.amount_cents for entry in journal.entries)
        return checkpoint.balance_cents

    @property
    def held(self) -> int:
        """What is held of the deposit."""
        deposit, _ = self.deposits.of_lease(self.lease_id)
        return deposit.held_cents if deposit else 0

    def deeds_done(self) -> set[Action]:
        """What the lease's audit tells, its admission aside; no action was done twice."""
        actions = [entry.action for entry in self.audit.of(self.lease_id).entries]
        done: set[Action] = {action for action in actions if action is not Action.LEASE_ADMITTED}
        assert all(actions.count(action) == 1 for action in done)
        return done

    def items(self) -> int:
        """How many items there are in all four tables."""
        tables = (self.aws.identity, self.aws.money, self.aws.documents, self.aws.operations)
        return sum(len(self.office.items(table)) for table in tables)
