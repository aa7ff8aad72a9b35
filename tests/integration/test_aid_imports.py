"""Housing aid by the file: matched, posted once, and every difference told row by row."""

import json
from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.file_faults import Fault
from sesame.domain.journal import EntryKind
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.takings import ReversalReason
from sesame.domain.tenancy import Language, LeaseStatus
from sesame.platform.errors import Forbidden, NotFound
from sesame.platform.events import event_of
from sesame.services.accounts import Bookkeeping
from sesame.services.aid_imports import AidImports, AidWorker, ExpectedAids, UnreadableAidFile
from sesame.services.data_exports import SHOWN
from sesame.services.desk_leases import DeskLeases
from sesame.services.file_imports import Report, StoredFiles
from sesame.services.retries import Retries
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.aid import ExpectedAid, LeaseAids
from sesame.store.audit import Action
from sesame.store.imports import Imports
from sesame.store.table import Contention
from tests.conftest import FrozenClock
from tests.integration.desk_money_fixtures import ACCOUNTANT, NETWORK, Counter
from tests.integration.import_fixtures import desk_on
from tests.integration.staff_members import enrol
from tests.integration.tenants import Tenant, admit
from tests.integration.test_data_exports import WITHHELD
from tests.integration.test_desk_money import BACK, DEPOSIT

HEADER = "Référence locataire;Mois;Montant;Date de versement;Référence du versement"
MANAGER = Staff(staff_id="manager-1", groups=frozenset({Role.MANAGER}), scope=EVERYWHERE)


class AidOffice(Counter):
    """The desk's services, with the import of aid and its queue."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        imports, files = Imports(aws.operations), StoredFiles(aws.s3, aws.bucket)
        self.imports = AidImports(
            imports=imports,
            files=files,
            audit=self.audit,
            deeds=self.deeds,
            clock=clock,
            random=token_bytes,
        )
        self.queue_url = aws.sqs.create_queue(QueueName="aid")["QueueUrl"]
        self.worker = AidWorker(
            imports=imports,
            files=files,
            sqs=aws.sqs,
            queue_url=self.queue_url,
            identity=aws.identity,
            money=aws.money,
            bookkeeping=Bookkeeping(self.accounts, clock, Retries(pause=lambda _: None)),
            audit=self.audit,
            clock=clock,
            random=token_bytes,
            retries=Retries(pause=lambda _: None),
        )
        self.aids = LeaseAids(aws.money)
        self.expected = ExpectedAids(
            aids=self.aids,
            leases=DeskLeases(aws.identity),
            audit=self.audit,
            deeds=self.deeds,
            clock=clock,
        )

    def row(
        self,
        month: str = "2026-09",
        amount: str = "150,00",
        paid_on: str = "02/09/2026",
        reference: str = "",
        tenant: Tenant | None = None,
    ) -> str:
        """A row of the tenant's."""
        whose = (tenant or self.tenant).lease.tenant_reference
        return f"{whose};{month};{amount};{paid_on};{reference}"

    def send(self, *rows: str, by: Staff = ACCOUNTANT) -> str:
        """Takes a file in and announces it: its id."""
        taken = self.imports.take("\n".join([HEADER, *rows]).encode(), by, NETWORK)
        item = self.aws.operations.get(keys.lease_import(taken.import_id))
        body = json.dumps(item["announce"])
        self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)
        return taken.import_id

    def messages(self) -> list[str]:
        """Takes what waits in the queue."""
        found = self.aws.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        for one in found.get("Messages", []):
            self.aws.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return [one["Body"] for one in found.get("Messages", [])]

    def work(self) -> None:
        """Until the queue is empty."""
        while bodies := self.messages():
            for body in bodies:
                self.worker.consume(event_of(body))

    def import_file(self, *rows: str, by: Staff = ACCOUNTANT) -> Report:
        """A file, to its report."""
        import_id = self.send(*rows, by=by)
        self.work()
        return self.imports.report(import_id, by)

    def expect(self, cents: int) -> None:
        """Somebody sets the expected aid."""
        wanted = ExpectedAid(
            lease_id=self.lease_id, monthly_cents=cents, set_by="accountant-1", set_at=self.clock()
        )
        self.expected.set(ACCOUNTANT, self.lease_id, wanted, network=NETWORK)


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> AidOffice:
    made = AidOffice(aws, clock)
    made.bill()
    return made


def counts(report: Report) -> tuple[str, int, int, int]:
    return report.status, report.created, report.unchanged, report.rejected


def problems(report: Report) -> list[tuple[int, Fault]]:
    return [(problem.line, problem.fault) for problem in report.problems]


def notes(report: Report) -> list[tuple[int, Fault]]:
    return [(note.line, note.fault) for note in report.notes]


def test_aid_is_credited_for_its_month_and_receipts_call_it_so(office: AidOffice) -> None:
    report = office.import_file(office.row())

    assert counts(report) == ("done", 1, 0, 0)
    assert office.balance == 30_000
    [credit] = [one for one in office.books.statement(office.lease_id).entries if one.amount_cents < 0]
    assert (credit.kind, credit.method, credit.designated) == (EntryKind.AID, "aid", ("2026-09",))
    assert office.deeds_done() == {Action.AID_POSTED}
    [taking] = office.payments.of_lease(ACCOUNTANT, office.lease_id).takings
    assert (taking.import_id, taking.amount_cents) == (report.taken.import_id, 15_000)


def test_the_same_file_twice_and_the_same_row_in_two_files_post_once(office: AidOffice) -> None:
    rows = [office.row(), office.row(month="2026-10")]
    office.import_file(*rows)
    balance = office.balance

    again = office.import_file(*rows)
    other = office.import_file(office.row(month="2026-11"), rows[0])

    assert counts(again) == ("done", 0, 2, 0)
    assert counts(other) == ("done", 1, 1, 0)
    assert office.balance == balance - 15_000


def test_months_gone_by_are_posted_for_those_months(office: AidOffice, clock: FrozenClock) -> None:
    for days in (29, 31):
        clock.advance(timedelta(days=days))
        office.bill()
    clock.advance(timedelta(days=5))
    report = office.import_file(
        *(office.row(month=month, paid_on="05/11/2026") for month in ("2026-09", "2026-10", "2026-11"))
    )

    statement = office.books.statement(office.lease_id)
    assert counts(report) == ("done", 3, 0, 0)
    assert [one.standing.paid_cents for one in statement.notices] == [15_000, 15_000, 15_000]
    assert office.balance == 3 * 30_000


def test_what_cannot_be_posted_is_told_row_by_row_and_the_rest_is_posted(office: AidOffice, aws: Any) -> None:
    stranger = office.row().replace(office.tenant.lease.tenant_reference, "1000000064")
    cancelled = admit(aws, ine="861583842CH", email="b@example.org")
    aws.identity.update(
        keys.lease(cancelled.lease.lease_id),
        "SET #status = :cancelled",
        names={"#status": "status"},
        values={":cancelled": LeaseStatus.CANCELLED.value},
    )

    report = office.import_file(
        office.row(),
        stranger,
        office.row(month="2026-08"),
        office.row(month="2027-09"),
        office.row(paid_on="03/09/2026"),
        office.row(paid_on="01/08/2025"),
        office.row(),
        office.row(tenant=cancelled),
        office.row(amount="beaucoup"),
    )

    assert problems(report) == [
        (3, Fault.UNKNOWN_TENANT),
        (4, Fault.OUTSIDE_LEASE),
        (5, Fault.OUTSIDE_LEASE),
        (6, Fault.PAID_IN_FUTURE),
        (7, Fault.PAID_TOO_LONG_AGO),
        (8, Fault.REPEATED_ROW),
        (9, Fault.OUTSIDE_LEASE),
        (10, Fault.NOT_AN_AMOUNT),
    ]
    assert counts(report) == ("done", 1, 0, 8)
    assert office.balance == 30_000


def test_an_amount_that_differs_from_what_is_expected_is_posted_as_paid_and_told(office: AidOffice) -> None:
    office.expect(16_000)
    short = office.import_file(office.row())
    rest = office.import_file(office.row(amount="10,00"))
    office.expect(0)
    more = office.import_file(office.row(month="2026-10"))

    assert notes(short) == [(2, Fault.AID_DIFFERS)]
    assert short.notes[0].about == "160,00 €"
    assert notes(rest) == [(2, Fault.SECOND_OF_PERIOD)]
    assert notes(more) == [(2, Fault.AID_DIFFERS)]
    assert office.balance == 45_000 - 15_000 - 1_000 - 15_000


def test_where_nobody_said_what_to_expect_the_month_before_stands_for_it(office: AidOffice) -> None:
    first = office.import_file(office.row())
    same = office.import_file(office.row(month="2026-10"))
    other = office.import_file(office.row(month="2026-11", amount="140,00"))

    assert [notes(one) for one in (first, same, other)] == [[], [], [(2, Fault.AID_DIFFERS)]]


def test_aid_for_a_month_of_a_stay_that_ended_is_posted_and_told(
    office: AidOffice, clock: FrozenClock
) -> None:
    clock.advance(timedelta(days=380))

    report = office.import_file(office.row(month="2027-08", paid_on="05/09/2027"))

    assert notes(report) == [(2, Fault.TENANT_DEPARTED)]
    assert office.balance == 30_000


def test_reversed_aid_is_owed_again_and_its_row_does_not_bring_it_back(
    office: AidOffice,
) -> None:
    office.import_file(office.row())
    [taking] = office.payments.of_lease(ACCOUNTANT, office.lease_id).takings

    office.reverse(taking, ReversalReason.AID_RECLAIMED)
    report = office.import_file(office.row())

    assert office.balance == 45_000
    assert counts(report) == ("done", 0, 1, 0)
    assert office.tills.of(ACCOUNTANT, taking.residence_id, None).lines == []


def test_rows_of_another_residence_are_refused_like_those_of_nobody(office: AidOffice) -> None:
    elsewhere = replace(ACCOUNTANT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    report = office.import_file(office.row(), by=elsewhere)

    assert problems(report) == [(2, Fault.UNKNOWN_TENANT)]
    assert office.balance == 45_000


def test_nobody_posts_aid_to_their_own_lease(office: AidOffice, aws: Any) -> None:
    staff_id = enrol(aws, "both", person_id=office.tenant.person.person_id)
    themselves = replace(ACCOUNTANT, staff_id=staff_id, person_id=office.tenant.person.person_id)

    report = office.import_file(office.row(), by=themselves)

    assert problems(report) == [(2, Fault.OWN_LEASE)]
    wanted = ExpectedAid(lease_id=office.lease_id, monthly_cents=1, set_by=staff_id, set_at=office.clock())
    with pytest.raises(Forbidden):
        office.expected.set(themselves, office.lease_id, wanted, network=NETWORK)


def test_a_chunk_interrupted_half_way_gives_the_same_report(
    office: AidOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.expect(16_000)
    rows = [office.row(month=f"2026-{month:02}", amount=f"{month}0,00") for month in (9, 10, 11)]
    import_id = office.send(*rows, office.row(amount="5,00"))
    [split] = office.messages()
    office.worker.consume(event_of(split))
    [chunk] = office.messages()
    overview, left = Bookkeeping.overview, iter(range(2))

    def interrupted(books: Bookkeeping, lease_id: str) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return overview(books, lease_id)

    with monkeypatch.context() as patched:
        patched.setattr(Bookkeeping, "overview", interrupted)
        with pytest.raises(KeyboardInterrupt):
            office.worker.consume(event_of(chunk))
    for _ in range(2):
        office.worker.consume(event_of(chunk))

    report = office.imports.report(import_id, ACCOUNTANT)
    assert counts(report) == ("done", 4, 0, 0)
    assert notes(report) == [
        (2, Fault.AID_DIFFERS),
        (3, Fault.AID_DIFFERS),
        (4, Fault.AID_DIFFERS),
        (5, Fault.AID_DIFFERS),
        (5, Fault.SECOND_OF_PERIOD),
    ]
    assert office.balance == 45_000 - 9_000 - 10_000 - 11_000 - 500


def test_aid_that_is_taken_back_is_no_measure_of_what_is_expected(office: AidOffice) -> None:
    office.import_file(office.row(month="2026-09", amount="10,00"))
    [wrong] = office.takings.of_lease(office.lease_id).takings
    office.reverse(wrong, ReversalReason.AID_RECLAIMED)

    aid = office.aids.of(office.lease_id)
    assert (aid.of("2026-09"), aid.expected_for("2026-10")) == (0, None)

    assert notes(office.import_file(office.row(month="2026-09", amount="160,00"))) == []
    assert office.aids.of(office.lease_id).expected_for("2026-10") == 16_000


def test_another_writer_in_between_is_met_by_another_read(
    office: AidOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, met = LeaseAids.of, iter([True])

    def contended(aids: LeaseAids, lease_id: str) -> Any:
        if next(met, False):
            raise Contention
        return of(aids, lease_id)

    monkeypatch.setattr(LeaseAids, "of", contended)

    assert counts(office.import_file(office.row())) == ("done", 1, 0, 0)


def test_a_report_is_for_who_sent_the_file_and_accountants_who_see_all_and_not_among_leases(
    office: AidOffice, aws: Any, clock: FrozenClock
) -> None:
    import_id = office.import_file(office.row(), by=MANAGER).taken.import_id

    assert office.imports.report(import_id, ACCOUNTANT).created == 1
    for other in (replace(MANAGER, staff_id="manager-2"), replace(ACCOUNTANT, scope=Scope())):
        with pytest.raises(NotFound):
            office.imports.report(import_id, other)
    with pytest.raises(NotFound):
        desk_on(aws, clock).imports.report(import_id, MANAGER)


def test_a_file_that_cannot_be_read_leaves_nothing(office: AidOffice) -> None:
    items = office.items()

    with pytest.raises(UnreadableAidFile):
        office.imports.take(b"Mois;Montant\n09/2026;1,00", ACCOUNTANT, NETWORK)

    assert office.items() == items


def test_the_refused_rows_come_back_with_reasons(office: AidOffice) -> None:
    report = office.import_file(office.row(), office.row(month="2026-08"))
    text = office.imports.rejected_csv(report, Language.FRENCH)

    assert len(text.splitlines()) == 2
    assert "n'occupait pas le logement" in text


def test_no_name_nor_reference_of_a_person_is_kept_beside_the_report(office: AidOffice) -> None:
    office.import_file(office.row())

    stored = str(office.office.items(office.aws.operations))
    assert office.tenant.person.family_name not in stored
    assert office.tenant.lease.tenant_reference not in stored


def test_what_is_kept_of_takings_deposits_and_aid_leaves_with_a_copy_of_ones_data(office: AidOffice) -> None:
    office.expect(16_000)
    office.import_file(office.row(reference="VIR-1"))
    office.take(DEPOSIT)
    office.give_back(BACK)
    office.reverse(office.take(key="k2"))
    kinds = {"TAKING#": "taking", "AID#": "aid", "DEPOSIT#": "deposit"}

    seen = set()
    for item in office.office.items(office.aws.money):
        kind = kinds.get(item["pk"].split("#")[0] + "#", "")
        kind = "deposit_return" if item["sk"].startswith("RETURN#") else kind
        if kind:
            seen.add(kind)
            assert set(item) <= set(SHOWN[kind].split()) | WITHHELD, kind
    assert seen == {"taking", "aid", "deposit", "deposit_return"}
