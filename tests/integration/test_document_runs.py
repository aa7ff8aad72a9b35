"""All receipts of a month for a residence: made page by page, whatever dies on the way; then one zip."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError

from sesame.domain.certificates import DocumentStatus, Kind
from sesame.domain.scope import EVERYWHERE
from sesame.domain.validity import Ending
from sesame.platform.errors import NotFound
from sesame.services import document_runs
from sesame.services.deeds import Deeds
from sesame.services.document_runs import (
    INDEX,
    ArchiveTooLarge,
    RunMaking,
    RunNotFinished,
    RunRequests,
    RunTakenOver,
)
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.document_runs import ArchiveStatus, DocumentRuns, RunStatus
from sesame.store.documents import Document, Documents
from sesame.store.table import Delete, transact
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again
from tests.integration.test_certificates import SEPTEMBER_CENTS, Office

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

UNBILLED = "Il n'y a pas d'avis d'échéance pour cette période"
UNPAID = "Cette période n'est pas payée en totalité"
INES = ("170669074DK", "861583842CH", "0123456789A", "0123456789B", "0123456789C")
ACCOUNTANT = Staff(staff_id="accountant-1", groups=frozenset({Role.ACCOUNTANT}), scope=EVERYWHERE)


class Bureau(Office):
    """An office whose accountant has receipts made by the residence."""

    def __init__(self, aws: Any, clock: FrozenClock, folder: Path) -> None:
        super().__init__(aws, clock)
        self.runs = DocumentRuns(aws.operations)
        self.requests = RunRequests(
            runs=self.runs,
            documents=self.documents,
            identity=aws.identity,
            audit=Audit(aws.operations),
            deeds=Deeds(pepper=aws.pepper, clock=clock, random=token_bytes),
            s3=aws.s3,
            bucket=aws.bucket,
            clock=clock,
            random=token_bytes,
        )
        self.making = RunMaking(
            runs=self.runs,
            documents=Documents(aws.documents),
            identity=aws.identity,
            accounts=self.accounts,
            s3=aws.s3,
            bucket=aws.bucket,
            clock=clock,
            random=token_bytes,
            folder=folder,
        )

    def ask(self) -> str:
        return self.requests.ask(
            ACCOUNTANT, RESIDENCE.residence_id, "2026-09", Kind.RECEIPT, "192.0.2.1"
        ).run_id

    def next_event(self, run_id: str) -> dict[str, str]:
        """What the run announced last."""
        return dict(self.aws.operations.get(keys.document_run(run_id))["announce"])

    def work(self, run_id: str) -> int:
        """Follows its announcements to the end; returns the number of pages."""
        pages = 0
        while event := self.next_event(run_id):
            assert event["type"] == "document_run.requested"
            assert self.making.step(run_id, int(event["page"]))
            pages += 1
        return pages

    def first_document(self, run_id: str) -> str:
        """Whichever page has one."""
        return next(one for page in self.runs.pages(run_id) for one in page.documents)

    def unzipped(self, run_id: str) -> tuple[list[dict[str, str]], list[str]]:
        """The rows of the zip's index, and the names of the files beside it."""
        key = self.requests.progress(ACCOUNTANT, run_id).run.archive_key
        stored = self.aws.s3.get_object(Bucket=self.aws.bucket, Key=key)["Body"].read()
        with ZipFile(io.BytesIO(stored)) as archive:
            assert archive.testzip() is None
            rows = list(csv.DictReader(io.StringIO(archive.read(INDEX).decode("utf-8-sig")), delimiter=";"))
            files = [name for name in archive.namelist() if name != INDEX]
            assert all(archive.read(name).startswith(b"%PDF") for name in files)
        return rows, files

    def file_all(self, run_id: str) -> None:
        """As if all had been rendered and sealed: there is a file to each."""
        for page in self.runs.pages(run_id):
            for document in self.documents.some(page.documents):
                self.aws.s3.put_object(Bucket=self.aws.bucket, Key=document.object_key, Body=b"%PDF-1.7")
                self.documents.mark_ready(document, self.clock(), file_digest=document.document_id)

    def make_all(self, run_id: str) -> None:
        for page in self.runs.pages(run_id):
            for document_id in page.documents:
                self.produce(document_id)


@pytest.fixture
def bureau(aws: Any, clock: FrozenClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bureau:
    monkeypatch.setattr(document_runs, "PAGE", 2)
    return Bureau(aws, clock, tmp_path)


@pytest.fixture
def tenants(bureau: Bureau) -> list[Tenant]:
    """Five: three have paid September, one a part, one was billed nothing."""
    found = [admit(bureau.aws, ine=ine, email=f"t{number}@example.org") for number, ine in enumerate(INES)]
    for tenant in found[:4]:
        bureau.bill_september(tenant)
    for tenant in found[:3]:
        bureau.receive(tenant, SEPTEMBER_CENTS)
    bureau.receive(found[3], 10_000)
    return found


def test_who_has_paid_gets_a_receipt_and_the_others_are_counted_by_reason(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    run_id = bureau.ask()
    assert bureau.requests.progress(ACCOUNTANT, run_id).documents == 0

    pages = bureau.work(run_id)

    progress = bureau.requests.progress(ACCOUNTANT, run_id)
    assert pages == 3
    assert progress.run.status is RunStatus.PLANNED
    assert (progress.documents, progress.ready) == (3, 0)
    assert progress.refused == {"not-paid-in-full": 1, "no-notice": 1}
    bureau.file_all(run_id)
    assert bureau.requests.progress(ACCOUNTANT, run_id).is_done


def test_somebody_with_two_leases_on_a_page_is_looked_at_for_each(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_runs, "PAGE", 10)
    tenant = admit(bureau.aws)
    admit_again(bureau.aws, tenant)
    bureau.bill_september(tenant)
    bureau.receive(tenant, SEPTEMBER_CENTS)
    run_id = bureau.ask()

    bureau.work(run_id)

    progress = bureau.requests.progress(ACCOUNTANT, run_id)
    assert (progress.documents, progress.refused) == (1, {})


@pytest.mark.parametrize(
    ("starts_on", "ends_on", "refused"),
    [
        (date(2024, 9, 1), date(2026, 8, 31), {}),
        (date(2024, 9, 1), date(2026, 9, 1), {"no-notice": 1}),
        (date(2026, 9, 30), date(2027, 8, 31), {"no-notice": 1}),
        (date(2026, 10, 1), date(2027, 8, 31), {}),
    ],
)
def test_whose_lease_has_no_day_in_the_month_is_not_among_those_without_a_receipt(
    bureau: Bureau, starts_on: date, ends_on: date, refused: dict[str, int]
) -> None:
    tenant = admit(bureau.aws)
    bureau.bill_september(tenant)
    bureau.receive(tenant, SEPTEMBER_CENTS)
    admit_again(bureau.aws, tenant, starts_on=starts_on, ends_on=ends_on)
    run_id = bureau.ask()

    bureau.work(run_id)

    progress = bureau.requests.progress(ACCOUNTANT, run_id)
    assert (progress.documents, progress.refused) == (1, refused)


def test_a_run_that_dies_at_any_page_and_comes_again_gives_the_same_documents(
    bureau: Bureau, tenants: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = bureau.ask()
    advance, deaths = DocumentRuns.advance, iter([True, False, True, True, False, False])

    def dies(*arguments: Any, **named: Any) -> bool:
        if next(deaths, False):
            raise ConnectionError
        return advance(*arguments, **named)

    monkeypatch.setattr(DocumentRuns, "advance", dies)
    while event := bureau.next_event(run_id):
        try:
            bureau.making.step(run_id, int(event["page"]))
        except ConnectionError:
            continue

    listed = [one for page in bureau.runs.pages(run_id) for one in page.documents]
    made = [
        document.document_id
        for tenant in tenants
        for document in bureau.documents.of_lease(tenant.lease.lease_id, limit=10)
    ]
    assert sorted(listed) == sorted(made)
    assert len(listed) == 3


def test_an_announcement_that_comes_twice_does_nothing_twice(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = bureau.ask()

    assert bureau.making.step(run_id, 0)
    assert not bureau.making.step(run_id, 0)
    assert not bureau.making.step(run_id, 2)


def test_asking_again_while_one_is_at_work_gives_that_one_and_later_another(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    first = bureau.ask()
    assert bureau.ask() == first
    bureau.work(first)
    bureau.clock.advance(timedelta(seconds=1))

    second = bureau.ask()

    assert second != first
    bureau.work(second)
    assert sorted(bureau.runs.pages(second)[0].documents) == sorted(bureau.runs.pages(first)[0].documents)


def test_the_zip_has_each_receipt_once_and_says_who_has_none(
    bureau: Bureau, tenants: list[Tenant], tmp_path: Path
) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    with pytest.raises(RunNotFinished):
        bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    bureau.make_all(run_id)

    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    assert bureau.next_event(run_id)["type"] == "document_run.archive_requested"
    assert bureau.making.archive(run_id)
    assert not bureau.making.archive(run_id)

    progress = bureau.requests.progress(ACCOUNTANT, run_id)
    assert progress.run.archive is ArchiveStatus.READY
    assert progress.url is not None
    rows, files = bureau.unzipped(run_id)
    assert sorted(row["fichier"] for row in rows if row["fichier"]) == sorted(files)
    assert len(files) == 3
    assert sorted(row["motif"] for row in rows) == ["", "", "", UNPAID, UNBILLED]
    assert {(row["montant_demande"], row["montant_recu"]) for row in rows if row["fichier"]} == {
        ("450,00", "450,00")
    }
    assert {row["reference_locataire"] for row in rows} == {one.lease.tenant_reference for one in tenants}
    assert list(tmp_path.iterdir()) == []


def test_an_hour_later_the_zip_is_made_without_the_stragglers_and_names_them(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    bureau.produce(bureau.first_document(run_id))
    bureau.clock.advance(timedelta(hours=1))

    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    bureau.making.archive(run_id)

    rows, _ = bureau.unzipped(run_id)
    assert [row["motif"] for row in rows].count("pas encore prêt") == 2


def made(bureau: Bureau) -> str:
    """A run whose documents have all come, and whose zip was asked for."""
    run_id = bureau.ask()
    bureau.work(run_id)
    bureau.file_all(run_id)
    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    return run_id


def test_a_void_receipt_lies_apart_and_counts_for_nothing(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    bureau.file_all(run_id)
    void, replaced, _ = [
        bureau.documents.get(one) for page in bureau.runs.pages(run_id) for one in page.documents
    ]
    assert void is not None
    assert replaced is not None
    # one second before midnight in Paris
    ended = datetime(2026, 10, 5, 22, 0, tzinfo=UTC) - timedelta(seconds=1)
    assert bureau.documents.end(void, Ending.PAYMENT_RETURNED, at=ended)
    assert bureau.documents.end(replaced, Ending.ISSUED_ANEW, at=ended + timedelta(seconds=1), by=void)

    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    bureau.making.archive(run_id)

    rows, files = bureau.unzipped(run_id)
    row_of = {row["numero"]: row for row in rows}
    assert row_of[void.issue.number]["motif"] == "annulé le 05/10/2026 (paiement repris)"
    assert row_of[replaced.issue.number]["motif"] == "remplacé le 06/10/2026"
    for ended_one in (void, replaced):
        assert row_of[ended_one.issue.number]["fichier"].startswith("sans-valeur/")
        assert row_of[ended_one.issue.number]["montant_recu"] == ""
    assert sum(name.startswith("sans-valeur/") for name in files) == 2
    assert [row["montant_recu"] for row in rows if row["montant_recu"]] == ["450,00"]


def test_notices_say_what_was_asked_for_and_nothing_of_what_came(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    run_id = bureau.requests.ask(
        ACCOUNTANT, RESIDENCE.residence_id, "2026-09", Kind.RENT_NOTICE, "192.0.2.1"
    ).run_id
    bureau.work(run_id)
    bureau.clock.advance(timedelta(hours=1))
    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    bureau.making.archive(run_id)

    rows, _ = bureau.unzipped(run_id)

    assert {(row["montant_demande"], row["montant_recu"]) for row in rows if row["numero"]} == {
        ("450,00", "")
    }


def test_a_file_that_is_gone_is_a_row_and_so_is_a_document(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = made(bureau)
    gone, erased, kept = [one for page in bureau.runs.pages(run_id) for one in page.documents]
    document = bureau.documents.get(gone)
    assert document is not None
    bureau.aws.s3.delete_object(Bucket=bureau.aws.bucket, Key=document.object_key)
    transact(bureau.aws.dynamodb, [Delete(table=bureau.aws.documents.name, key=keys.document(erased))])

    assert bureau.making.archive(run_id)

    rows, files = bureau.unzipped(run_id)
    motifs = {row["numero"]: row["motif"] for row in rows if row["numero"]}
    assert motifs[document.issue.number] == "fichier manquant"
    assert [row["motif"] for row in rows if not row["reference_locataire"]] == ["document effacé"]
    left = bureau.documents.get(kept)
    assert left is not None
    assert files == [f"{left.facts['lease']['tenant_reference']}-{left.issue.number}.pdf"]


def test_a_zip_that_fails_says_so_and_can_be_asked_for_at_once(
    bureau: Bureau, tenants: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = made(bureau)
    bucket = bureau.making.bucket
    object.__setattr__(bureau.making, "bucket", "no-such-bucket")
    with pytest.raises(ClientError):
        bureau.making.archive(run_id)
    failed = bureau.requests.progress(ACCOUNTANT, run_id)
    assert (failed.run.archive, failed.url) == (ArchiveStatus.FAILED, None)

    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")

    again = bureau.requests.progress(ACCOUNTANT, run_id).run
    assert again.archive is ArchiveStatus.REQUESTED
    assert again.archive_key != failed.run.archive_key
    object.__setattr__(bureau.making, "bucket", bucket)
    assert bureau.making.archive(run_id)
    assert bureau.requests.progress(ACCOUNTANT, run_id).url is not None


def test_a_zip_that_takes_too_long_says_so_while_there_is_time(
    bureau: Bureau, tenants: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = made(bureau)
    stored = RunMaking._stored

    def slowly(making: RunMaking, document: Document) -> bytes | None:
        bureau.clock.advance(timedelta(minutes=1))
        return stored(making, document)

    monkeypatch.setattr(RunMaking, "_stored", slowly)
    with pytest.raises(ArchiveTooLarge):
        bureau.making.archive(run_id)

    failed = bureau.requests.progress(ACCOUNTANT, run_id)
    assert (failed.run.archive, failed.url) == (ArchiveStatus.FAILED, None)


def test_the_queues_next_try_makes_the_zip_that_failed(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = made(bureau)
    bucket = bureau.making.bucket
    object.__setattr__(bureau.making, "bucket", "no-such-bucket")
    with pytest.raises(ClientError):
        bureau.making.archive(run_id)
    object.__setattr__(bureau.making, "bucket", bucket)

    assert bureau.making.archive(run_id)

    assert bureau.requests.progress(ACCOUNTANT, run_id).run.archive is ArchiveStatus.READY


def test_a_zip_that_got_lost_is_asked_for_anew_after_a_quarter_of_an_hour(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    run_id = made(bureau)
    first = bureau.next_event(run_id)
    bureau.clock.advance(timedelta(minutes=14))
    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")
    assert bureau.next_event(run_id) == first

    bureau.clock.advance(timedelta(minutes=1))
    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")

    assert bureau.next_event(run_id)["type"] == "document_run.archive_requested"
    assert bureau.next_event(run_id) != first


def test_a_run_that_stopped_is_ended_by_the_one_that_takes_its_place(
    bureau: Bureau, tenants: list[Tenant]
) -> None:
    stopped = bureau.ask()
    bureau.making.step(stopped, 0)
    bureau.clock.advance(timedelta(hours=1))

    next_one = bureau.ask()

    assert next_one != stopped
    progress = bureau.requests.progress(ACCOUNTANT, stopped)
    assert (progress.run.status, progress.run.taken_over_by) == (RunStatus.TAKEN_OVER, next_one)
    assert not progress.is_done
    assert not bureau.making.step(stopped, 1)
    with pytest.raises(RunTakenOver):
        bureau.requests.archive(ACCOUNTANT, stopped, "192.0.2.1")
    assert bureau.work(next_one) == 3


def test_a_page_that_dies_while_its_run_is_taken_over_is_kept_by_nobody(
    bureau: Bureau, tenants: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = bureau.ask()
    orders = RunMaking._orders

    def slow(*arguments: Any) -> Any:
        outcome = orders(*arguments)
        bureau.clock.advance(timedelta(hours=1))
        bureau.ask()
        return outcome

    monkeypatch.setattr(RunMaking, "_orders", slow)

    assert not bureau.making.step(stopped, 0)
    assert bureau.runs.pages(stopped) == []


def test_a_run_that_ends_just_as_it_is_taken_over_stays_as_it_ended(
    bureau: Bureau, tenants: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = bureau.ask()
    bureau.clock.advance(timedelta(hours=1))
    get = DocumentRuns.get

    def then_ends(runs: DocumentRuns, run_id: str) -> Any:
        before = get(runs, run_id)
        monkeypatch.setattr(DocumentRuns, "get", get)
        bureau.work(late)
        return before

    monkeypatch.setattr(DocumentRuns, "get", then_ends)

    other = bureau.ask()

    assert other != late
    assert bureau.requests.progress(ACCOUNTANT, late).run.status is RunStatus.PLANNED
    assert bureau.requests.progress(ACCOUNTANT, other).run.status is RunStatus.PLANNING


def test_a_run_tells_no_tenant(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    document_id = bureau.first_document(run_id)
    bureau.produce(document_id)

    item = bureau.aws.documents.get(keys.document(document_id))
    assert item["status"] == DocumentStatus.READY
    assert "told" not in item["announce"]


def test_who_asked_is_in_the_audit_of_the_residence(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    bureau.file_all(run_id)
    bureau.requests.archive(ACCOUNTANT, run_id, "192.0.2.1")

    month = f"{bureau.clock():%Y-%m}"
    entries = Audit(bureau.aws.operations).of_residence(RESIDENCE.residence_id, month).entries
    actions = {entry.action for entry in entries}
    assert actions == {Action.DOCUMENT_RUN_ASKED, Action.DOCUMENT_RUN_ARCHIVED}
    assert {entry.actor.id for entry in entries} == {"accountant-1"}


def test_a_run_is_forgotten_with_its_zip(bureau: Bureau, tenants: list[Tenant]) -> None:
    run_id = bureau.ask()
    bureau.work(run_id)
    bureau.clock.advance(timedelta(days=31))

    with pytest.raises(NotFound):
        bureau.requests.progress(ACCOUNTANT, run_id)
