"""Amendments and departures by the file: each row decided once, and reported."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.file_faults import Fault
from sesame.domain.lease_change_files import read_amendment_file, read_departure_file
from sesame.domain.lease_life import Extension, LifeEvent, Stage, Withdrawal, stage_on
from sesame.domain.notices import share_of_month
from sesame.domain.scope import Scope
from sesame.domain.tenancy import Language
from sesame.domain.terms import terms_on
from sesame.platform.errors import NotFound
from sesame.platform.events import Event, event_of
from sesame.services.deeds import Deeds
from sesame.services.file_imports import CHUNK_DUE, FileImports, Report, StoredFiles
from sesame.services.lease_change_imports import (
    AmendmentImports,
    DepartureImports,
    LeaseChangeWorker,
    UnreadableAmendmentFile,
)
from sesame.services.lease_life import LeaseLife
from sesame.services.staff import Role, Staff
from sesame.store import keys
from sesame.store.audit import Action
from sesame.store.imports import FileKind, Imports
from sesame.store.table import Contention
from tests.integration.conftest import Aws
from tests.integration.life_fixtures import MANAGER, NETWORK, Stay
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_lease_terms import OCTOBER, SEPTEMBER

AMENDMENTS = (
    "Référence du bail;Changement;Date d'effet;Nouvelle chambre;Loyer;Occupants;Nouvelle fin;Convenu le"
)
DEPARTURES = "Référence locataire;Date de départ;Congé reçu le;Motif"
ELSEWHERE = Staff(
    staff_id="manager-2",
    groups=frozenset({Role.MANAGER}),
    scope=Scope(everywhere=False, residence_ids=frozenset({"elsewhere"})),
)


class Registry(Stay):
    """A stay, and the files that speak of it."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        store, files = Imports(aws.operations), StoredFiles(aws.s3, aws.bucket)
        deeds = Deeds(pepper=aws.pepper, clock=self.clock, random=token_bytes)
        self.takes: dict[FileKind, FileImports[Any]] = {
            one.kind: one(
                imports=store,
                files=files,
                audit=self.audit,
                deeds=deeds,
                clock=self.clock,
                random=token_bytes,
            )
            for one in (AmendmentImports, DepartureImports)
        }
        self.queue_url = aws.sqs.create_queue(QueueName="changes")["QueueUrl"]
        self.workers: dict[str, LeaseChangeWorker[Any]] = {
            kind: LeaseChangeWorker(
                imports=store,
                files=files,
                sqs=aws.sqs,
                queue_url=self.queue_url,
                life=self.life,
                random=token_bytes,
                reader=reader,
            )
            for kind, reader in (
                (FileKind.AMENDMENTS.value, read_amendment_file),
                (FileKind.DEPARTURES.value, read_departure_file),
            )
        }

    def send(self, kind: FileKind, rows: list[str], by: Staff) -> str:
        """Takes a file in and announces it: its id."""
        header = AMENDMENTS if kind is FileKind.AMENDMENTS else DEPARTURES
        taken = self.takes[kind].take("\n".join([header, *rows]).encode(), by, NETWORK)
        item = self.aws.operations.get(keys.lease_import(taken.import_id))
        assert item is not None
        self.aws.sqs.send_message(QueueUrl=self.queue_url, MessageBody=json.dumps(item["announce"]))
        return taken.import_id

    def work(self) -> None:
        """Until the queue is empty."""
        while found := self.aws.sqs.receive_message(QueueUrl=self.queue_url).get("Messages"):
            for one in found:
                event = event_of(one["Body"])
                self.workers[event["kind"]].consume(event)
                self.aws.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=one["ReceiptHandle"])

    def amend(self, *rows: str, by: Staff = MANAGER) -> Report:
        """A file of amendments, to its report."""
        import_id = self.send(FileKind.AMENDMENTS, list(rows), by)
        self.work()
        return self.takes[FileKind.AMENDMENTS].report(import_id, by)

    def depart(self, *rows: str, by: Staff = MANAGER) -> Report:
        """A file of departures, to its report."""
        import_id = self.send(FileKind.DEPARTURES, list(rows), by)
        self.work()
        return self.takes[FileKind.DEPARTURES].report(import_id, by)

    def row(self, change: str, tenant: Tenant | None = None) -> str:
        """A row of the tenant's."""
        return f"{(tenant or self.tenant).lease.reference};{change}"

    @property
    def leaves(self) -> str:
        """A row that says that the tenant leaves at the end of June."""
        return f"{self.lease.tenant_reference};30/06/2027;28/05/2027;congé"


@pytest.fixture
def registry(aws: Aws) -> Registry:
    return Registry(aws)


def counts(report: Report) -> tuple[str, int, int, int, int]:
    return report.status, report.taken.rows, report.created, report.unchanged, report.rejected


MOVE = "chambre;16/10/2026;C301;600;;;"


def test_a_row_is_decided_as_at_the_desk_and_once_whatever_file_it_comes_in(registry: Registry) -> None:
    registry.bill(SEPTEMBER)
    registry.bill(OCTOBER)

    first = registry.amend(registry.row(MOVE))
    before = registry.journal.entries, registry.lease
    again = registry.amend(registry.row(MOVE))
    other = registry.amend(registry.row("loyer;01/12/2026;;610;;;"), registry.row(MOVE.upper()))

    october = share_of_month(40_000, date(2026, 10, 1), date(2026, 10, 15))
    october += share_of_month(60_000, date(2026, 10, 16), date(2026, 10, 31)) + 5_000
    assert counts(first) == ("done", 1, 1, 0, 0)
    assert counts(again) == ("done", 1, 0, 1, 0)
    assert counts(other) == ("done", 2, 1, 1, 0)
    assert again.notes == other.notes == []
    assert registry.standing()["2026-10"] == (2, october)
    assert (registry.journal.entries, registry.lease.terms[:2]) == (before[0], before[1].terms)
    assert registry.actions().count(Action.LEASE_CHANGED) == 2
    registry.tell()
    assert registry.office.mailbox.subjects.count("Votre changement de chambre") == 1


def test_a_decision_made_by_hand_meanwhile_is_not_taken_back_by_an_older_file(registry: Registry) -> None:
    registry.clock.now = datetime(2027, 5, 28, 8, tzinfo=UTC)
    left = registry.depart(registry.leaves)
    registry.decide(Withdrawal(), key="withdrawn")

    again = registry.depart(registry.leaves)

    assert (counts(left), counts(again)) == (("done", 1, 1, 0, 0), ("done", 1, 0, 1, 0))
    assert [(one.line, one.fault) for one in again.notes] == [(2, Fault.CHANGED_SINCE)]
    assert registry.lease.ends_on == date(2027, 8, 31)


def test_what_staff_entered_by_hand_before_is_known(registry: Registry) -> None:
    registry.decide(Extension(ends_on=date(2027, 9, 30)))

    report = registry.amend(
        registry.row("prolongation;;;;;30/09/2027;"), registry.row("loyer;01/10/2026;;400;;;")
    )

    assert counts(report) == ("done", 2, 0, 2, 0)
    assert len(registry.life.changes.of_lease(registry.lease_id)) == 1


def test_changes_of_one_lease_follow_the_order_of_their_days(registry: Registry) -> None:
    report = registry.amend(
        registry.row("loyer;01/12/2026;;610;;;"),
        registry.row("fin anticipée;;;;;30/06/2027;01/09/2026"),
        registry.row(MOVE),
    )

    assert counts(report) == ("done", 3, 3, 0, 0)
    lease = registry.lease
    winter = terms_on(lease, date(2026, 12, 15))
    assert (winter.room, winter.rent_cents) == ("C301", 61_000)
    assert (lease.ends_on, stage_on(lease, date(2026, 9, 2))) == (date(2027, 6, 30), Stage.NOTICE_GIVEN)


def test_a_lease_is_worked_through_by_one_chunk_however_far_apart_its_rows_are(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.file_imports.CHUNK_ROWS", 2)
    strangers = [f"NOBODY-{n};loyer;01/12/2026;;400;;;" for n in range(3)]

    report = registry.amend(
        registry.row("loyer;01/12/2026;;610;;;"),
        strangers[0],
        "X;quoi;;;;;;",
        registry.row(MOVE),
        *strangers[1:],
    )

    assert counts(report) == ("done", 6, 2, 0, 4)
    assert terms_on(registry.lease, date(2026, 12, 15)).room == "C301"
    assert sorted(one.line for one in report.problems) == [3, 4, 6, 7]


def test_bad_rows_are_told_by_column_in_both_languages_and_stop_no_other(registry: Registry) -> None:
    registry.clock.now = datetime(2027, 5, 28, 8, tzinfo=UTC)
    reference = registry.lease.tenant_reference

    amended = registry.amend(
        registry.row("chambre;17/06/2027;C301;;;;"),
        registry.row("chambre;01/06/2028;C301;;;;"),
        registry.row("chambre;01/06/2027;B204;;;;"),
        registry.row("prolongation;;;;;30/06/2027;"),
        registry.row("loyer;01/06/2027;;420;;;"),
    )
    departed = registry.depart(
        f"{reference};10/06/2027;28/05/2027;congé",
        f"{reference};30/06/2027;29/05/2027;congé",
        f"{reference};30/09/2027;28/05/2027;accord",
        registry.leaves,
    )

    assert [(one.line, one.column, one.fault.value, one.about) for one in amended.problems] == [
        (2, "Date d'effet", "not_a_room_change_day", ""),
        (3, "Date d'effet", "outside_the_stay", ""),
        (4, "Nouvelle chambre", "same_room", ""),
        (5, "Nouvelle fin", "end_not_later", "2027-08-31"),
    ]
    assert [(one.line, one.column, one.fault.value, one.about) for one in departed.problems] == [
        (2, "Date de départ", "notice_too_short", "2027-06-28"),
        (3, "Congé reçu le", "notice_in_future", ""),
        (4, "Date de départ", "leaves_after_end", "2027-08-31"),
    ]
    assert counts(amended)[2:] == (1, 0, 4)
    assert counts(departed)[2:] == (1, 0, 3)
    for one in (*amended.problems, *departed.problems):
        assert all(one.reason(language) and one.remedy(language) for language in Language)
    refused = registry.takes[FileKind.DEPARTURES].rejected_csv(departed, Language.FRENCH)
    assert refused.splitlines()[1].endswith(f"{reference};10/06/2027;28/05/2027;congé")


def test_nobody_changes_a_lease_that_is_not_theirs_to_change(registry: Registry, aws: Aws) -> None:
    neighbour = admit(aws, ine=None, email="other@example.org")
    own_manager = enrol(aws, "manager-3", person_id=neighbour.person.person_id)
    tenant_too = replace(MANAGER, staff_id=own_manager)
    both = f"Référence;Référence locataire;Changement;Date d'effet;Loyer\n{registry.lease.reference};"
    both += f"{neighbour.lease.tenant_reference};loyer;01/12/2026;420"

    own = registry.amend(registry.row("loyer;01/12/2026;;1;;;", neighbour), by=tenant_too)
    afar = registry.amend(registry.row("loyer;01/12/2026;;1;;;"), by=ELSEWHERE)
    taken = registry.takes[FileKind.AMENDMENTS].take(both.encode(), MANAGER, NETWORK)
    worker = registry.workers["amendments"]
    mixed = worker.outcome(taken, read_amendment_file(both.encode()), 1, [2])

    assert [one.fault for one in own.problems] == [Fault.OWN_LEASE]
    assert [one.fault for one in afar.problems] == [Fault.UNKNOWN_LEASE]
    assert [one.fault for one in mixed.problems] == [Fault.TWO_LEASES]
    assert registry.life.changes.of_lease(registry.lease_id) == []
    with pytest.raises(NotFound):
        registry.takes[FileKind.AMENDMENTS].report(own.taken.import_id, ELSEWHERE)
    with pytest.raises(NotFound):
        registry.takes[FileKind.DEPARTURES].report(own.taken.import_id, MANAGER)


def test_a_chunk_that_stopped_half_way_is_done_again_with_the_same_report(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [registry.row("loyer;01/12/2026;;610;;;"), registry.row(MOVE), "X;loyer;01/12/2026;;1;;;"]
    import_id = registry.send(FileKind.AMENDMENTS, rows, MANAGER)
    ids = {"import_id": import_id, "chunk": "1"}
    chunk = Event(id="1", type=CHUNK_DUE, at=registry.clock(), data=ids)
    decide, left = LeaseLife.decide, iter(range(1))

    def interrupted(life: LeaseLife, *given: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise Contention
        return decide(life, *given, **named)

    monkeypatch.setattr(LeaseLife, "decide", interrupted)
    with pytest.raises(Contention):
        registry.workers["amendments"].consume(chunk)
    monkeypatch.setattr(LeaseLife, "decide", decide)
    registry.work()
    registry.workers["amendments"].consume(chunk)

    report = registry.takes[FileKind.AMENDMENTS].report(import_id, MANAGER)
    assert counts(report) == ("done", 3, 2, 0, 1)
    assert report.notes == []
    assert registry.actions().count(Action.LEASE_CHANGED) == 2


def test_who_sent_a_file_and_which_file_it_was_stay_on_record(registry: Registry) -> None:
    report = registry.amend(registry.row(MOVE))

    [change] = registry.life.changes.of_lease(registry.lease_id)
    entry = next(one for one in registry.audit.of(registry.lease_id).entries)
    assert (change.event, change.by, change.import_id) == (
        LifeEvent.ROOM_CHANGED,
        MANAGER.staff_id,
        report.taken.import_id,
    )
    assert (entry.action, entry.actor.id, entry.residence_id) == (
        Action.LEASE_CHANGED,
        MANAGER.staff_id,
        RESIDENCE.residence_id,
    )
    assert entry.details["import_id"] == report.taken.import_id
    [sent] = registry.audit.of(MANAGER.staff_id).entries
    assert (sent.action, sent.details["rows"]) == (Action.AMENDMENTS_IMPORTED, 1)


def test_a_file_that_is_none_of_amendments_is_refused_whole(registry: Registry) -> None:
    with pytest.raises(UnreadableAmendmentFile):
        registry.takes[FileKind.AMENDMENTS].take(DEPARTURES.encode(), MANAGER, NETWORK)
