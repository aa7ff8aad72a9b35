"""A whole year in process, as `make demo STORY=year` tells it on the local AWS."""

import json
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from secrets import token_bytes

import pytest

from sesame.domain.certificates import Kind, Refused, Validity
from sesame.domain.deposits import Deduction, DeductionKind
from sesame.domain.lease_life import Renewal, RoomChange, Stage
from sesame.domain.plans import Instalment
from sesame.domain.takings import ReversalReason, Taking
from sesame.platform.events import event_of
from sesame.platform.ids import new_id
from sesame.platform.secrets import Secrets
from sesame.providers.registry import Registry
from sesame.services.aid_imports import AidImports, AidWorker
from sesame.services.confirming import Confirming
from sesame.services.file_imports import StoredFiles
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from sesame.services.payment_plans import PlanDesk, PlanOrder
from sesame.services.plan_views import PlanStatus
from sesame.services.refunds import RefundDesk, RefundRequests, RefundWaits, ToAccount, Wish
from sesame.services.step_up import Purpose, StepUp
from sesame.store import keys
from sesame.store.challenges import Challenges
from sesame.store.imports import Imports
from sesame.store.pacing import Pacing
from sesame.store.payment_plans import PaymentPlans
from tests.integration.conftest import Aws
from tests.integration.desk_money_fixtures import ACCOUNTANT
from tests.integration.life_fixtures import MANAGER, NETWORK, QUICK, Stay
from tests.integration.test_refunds import IBAN

AID = 15_000
MOVE = RoomChange(starts_on=date(2026, 10, 16), room="C301", rent_cents=60_000)
LAST = date(2027, 6, 20)
FIRSTS = tuple(date(2026 + month // 12, month % 12 + 1, 1) for month in range(8, 18))
"""Of the months of the stay."""
KEPT = (Deduction(kind=DeductionKind.CLEANING, amount_cents=4_500),)


class Year(Stay):
    """The same tenant and manager, with aid, a payment plan and refunds."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        leases, deeds = self.desk.leases, self.desk.deeds
        self.plans = PlanDesk(
            leases=leases,
            accounts=self.office.accounts,
            plans=PaymentPlans(aws.money),
            documents=self.documents,
            audit=self.audit,
            deeds=deeds,
            clock=self.clock,
            retries=QUICK,
        )
        challenges, pacing = Challenges(aws.identity), Pacing(aws.identity)
        confirming = Confirming(challenges, pacing, self.audit, aws.pepper, token_bytes)
        self.step_up = StepUp(confirming, self.clock, token_bytes)
        self.codes = OneTimeCodes(challenges, pacing, aws.pepper, self.clock, token_bytes)
        self.requests = RefundRequests(
            money=aws.money,
            audit=self.audit,
            bookkeeping=self.office.books,
            step_up=self.step_up,
            clock=self.clock,
            random=token_bytes,
        )

    def on(self, day: date) -> None:
        """Ten o'clock of a day."""
        self.clock.now = datetime(day.year, day.month, day.day, 8, 30, tzinfo=UTC)

    def month(self, day: date) -> None:
        """The notice of a day's month, issued on its first."""
        self.bill(datetime(day.year, day.month, 1, 8, tzinfo=UTC))
        self.on(day)

    @property
    def owed(self) -> int:
        """By the account as it is kept."""
        account = self.office.accounts.get(self.lease_id)
        return account.checkpoint.balance_cents if account else 0

    def pay(self) -> Taking:
        """All that is owed, at the desk."""
        return self.take(self.owed)

    def receipt(self, period: str) -> Validity:
        """Of the month's last one, or of a new one where there is none."""
        papers = (one for one in self.papers() if (one.kind, one.period) == (Kind.RECEIPT, period))
        return self.validity(next(papers, None) or self.certificate(Kind.RECEIPT, period))

    def reminded(self, *days: date) -> list[str]:
        """The steps that runs on these mornings take."""
        steps = []
        for day in days:
            self.on(day)
            if self.office.reminders.plan(self.clock()).reminders:
                steps += [event["step"] for event in self.office.announced("reminder.due")]
        return steps

    def aid(self, period: str, paid_on: date) -> None:
        """The CAF's file of that day."""
        imports, files = Imports(self.aws.operations), StoredFiles(self.aws.s3, self.aws.bucket)
        desk = AidImports(
            imports=imports,
            files=files,
            audit=self.audit,
            deeds=self.desk.deeds,
            clock=self.clock,
            random=token_bytes,
        )
        worker = AidWorker(
            imports=imports,
            files=files,
            sqs=self.aws.sqs,
            queue_url=self.office.queue.url,
            identity=self.aws.identity,
            money=self.aws.money,
            bookkeeping=self.office.books,
            audit=self.audit,
            clock=self.clock,
            random=token_bytes,
            retries=QUICK,
        )
        row = f"{self.tenant.lease.tenant_reference};{period};{AID // 100},00;{paid_on:%d/%m/%Y}"
        file = f"Référence locataire;Mois;Montant;Date de versement\n{row}".encode()
        taken = desk.take(file, ACCOUNTANT, NETWORK)
        item = self.aws.operations.get(keys.lease_import(taken.import_id)) or {}
        worker.consume(event_of(json.dumps(item["announce"])))
        for event in self.office.queued():
            worker.consume(event)
        report = desk.report(taken.import_id, ACCOUNTANT)
        assert not report.problems

    def approve(self, refund_id: str) -> None:
        """The accountant orders the transfer, in which no provider has a part."""
        desk = RefundDesk(
            money=self.aws.money,
            leases=self.desk.leases,
            audit=self.audit,
            deeds=self.desk.deeds,
            bookkeeping=self.office.books,
            registry=Registry(stage="local", secrets=Secrets(None), secret_ids={}),
            clock=self.clock,
            retries=QUICK,
        )
        desk.approve(ACCOUNTANT, self.lease_id, refund_id, transfer_reference="VIR-1", network=NETWORK)


def by_day(first: date, last: date) -> int:
    """Cents of a month's days, counted one by one; to the nearest."""
    length = (first.replace(day=1) + timedelta(days=32)).replace(day=1) - first.replace(day=1)
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    exact = sum(Fraction(65_000 if day >= MOVE.starts_on else 45_000, length.days) for day in days)
    return int(exact + Fraction(1, 2))


def test_a_year_of_late_aid_a_move_returned_payments_a_plan_renewal_and_departure_ends_at_zero(
    aws: Aws,
) -> None:
    year = Year(aws)
    year.pay_deposit()

    aid_comes_late(year)
    another_room(year)
    payments_come_back(year)
    a_plan_is_kept(year)
    renewed_and_gone(year)
    settled(year)

    assert year.desk.seen(MANAGER, year.lease_id).stage is Stage.CLOSED
    assert (year.balance, sum(one.amount_cents for one in year.journal.entries)) == (0, 0)
    assert {period: cents for period, (_, cents) in year.standing().items()} == {
        f"{first:%Y-%m}": by_day(first, min(LAST, last_of(first))) for first in FIRSTS
    }
    assert len(year.documents.in_force(year.lease_id, {Kind.END_OF_STAY_CERTIFICATE})) == 1


def aid_comes_late(year: Year) -> None:
    """The month is chased, then settled; the file counts once."""
    year.month(date(2026, 9, 3))
    year.take(45_000 - AID)
    assert year.reminded(date(2026, 9, 10), date(2026, 9, 14)) == ["due", "late-1"]
    with pytest.raises(Refused):
        year.receipt("2026-09")
    year.month(date(2026, 10, 6))
    for _ in range(2):
        year.aid("2026-09", date(2026, 10, 5))
    assert year.owed == 45_000
    assert year.receipt("2026-09") is Validity.GENUINE
    year.pay()


def another_room(year: Year) -> None:
    """The month's notice is corrected, and the old room's certificate ends."""
    proof = year.certificate()
    year.on(date(2026, 10, 14))
    year.decide(MOVE, key="move")
    year.relay()
    assert year.validity(proof) is Validity.REVOKED
    assert list(year.notes()) == ["credit-note:2026-10#1"]
    year.pay()


def payments_come_back(year: Year) -> None:
    """Two months that were paid are not, their receipts are void, and reminders begin again."""
    paid = []
    for day in (date(2026, 11, 4), date(2026, 12, 2)):
        year.month(day)
        paid.append(year.pay())
        assert year.receipt(f"{day:%Y-%m}") is Validity.GENUINE
    for one in paid:
        year.clock.advance(timedelta(hours=1))
        bounced = ReversalReason.CHEQUE_BOUNCED
        year.payments.reverse(MANAGER, year.lease_id, one.taking_id, bounced, network=NETWORK)
    assert [year.receipt(period) for period in ("2026-11", "2026-12")] == [Validity.REVOKED] * 2
    assert year.reminded(date(2026, 12, 3), date(2026, 12, 5))


def a_plan_is_kept(year: Year) -> None:
    """While it is, nobody is reminded of what it covers."""
    year.on(date(2026, 12, 7))
    half = year.owed // 2
    instalments = tuple(Instalment(due_on=date(2027, month, 12), amount_cents=half) for month in (1, 2))
    order = PlanOrder(debts=("notice:2026-11", "notice:2026-12"), instalments=instalments)
    year.plans.agree(MANAGER, year.lease_id, order, key="plan", network=NETWORK)
    assert year.reminded(date(2026, 12, 10), date(2026, 12, 11), date(2026, 12, 31)) == []
    for month in (1, 2):
        year.month(date(2027, month, 4))
        year.take(65_000 + half)
    assert year.plans.current(MANAGER, year.lease_id).status is PlanStatus.COMPLETED


def renewed_and_gone(year: Year) -> None:
    """Renewed in April, the tenant gives notice in May all the same."""
    year.on(date(2027, 4, 5))
    year.decide(Renewal(ends_on=date(2028, 8, 31), rent_cents=62_000), key="renewed")
    assert year.desk.seen(MANAGER, year.lease_id).stage is Stage.RENEWED
    year.month(date(2027, 5, 12))  # and the two months before
    year.pay()
    shown = year.departures.preview(year.session, LAST)
    year.departures.give(year.session, LAST, shown.shown, network=NETWORK)
    year.month(date(2027, 6, 4))
    assert year.owed == shown.left_to_pay_cents
    year.pay()


def settled(year: Year) -> None:
    """The deposit goes back less what is kept, to an account that a one-time code confirms, a day later."""
    year.on(LAST + timedelta(days=3))
    year.accounts.draw_up(MANAGER, year.lease_id, KEPT, key="final", network=NETWORK)
    started = year.step_up.start(year.session, Purpose.REFUND, source=NETWORK)
    prepared = year.codes.prepare(started.challenge_id, new_id())
    assert isinstance(prepared, OneTimeCode)
    to = ToAccount(iban=IBAN, holder="T. H. N.", confirmation_id=started.challenge_id, otp=prepared.shown)
    refund = year.requests.ask(year.session, Wish(), to, source=NETWORK)
    assert refund.amount_cents == 40_000 - KEPT[0].amount_cents
    with pytest.raises(RefundWaits):
        year.approve(refund.refund_id)
    year.clock.advance(timedelta(days=1))
    year.approve(refund.refund_id)
    year.accounts.close(MANAGER, year.lease_id, key="close", network=NETWORK)


def last_of(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
