"""Importing lease files: taken in, worked through in chunks, reported row by row."""

import csv
import io
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.scope import Scope
from sesame.domain.tenancy import Language
from sesame.platform.errors import NotFound, TooLarge
from sesame.platform.events import event_of
from sesame.services.file_imports import CHUNK_ROWS
from sesame.services.lease_imports import UnreadableLeaseFile
from sesame.store.audit import Action, Audit
from sesame.store.people import People
from sesame.store.table import Contention
from tests.integration.import_fixtures import (
    DESK,
    MANAGER,
    NETWORK,
    Desk,
    cells_of,
    desk_on,
    lease_file,
    without_table_copies,
)

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
NEXT_TO_SAMPLES = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the shared samples are not beside this repository"
)


@pytest.fixture
def desk(aws: Any, clock: Any) -> Desk:
    return desk_on(aws, clock)


@pytest.fixture
def big_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """For files of hundreds of rows, where no transaction fails."""
    without_table_copies(monkeypatch)
    return desk


def counts(report: Any) -> tuple[str, int, int, int, int]:
    return report.status, report.taken.rows, report.created, report.unchanged, report.rejected


def leases_in(aws: Any) -> Counter[str]:
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=aws.identity.name)
    places = [(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]
    return Counter(pk.split("#")[0] for pk, sk in places if sk not in {"ARRIVAL", "DEPARTURE"})


def test_good_rows_are_taken_and_bad_ones_named(desk: Desk, aws: Any) -> None:
    rows = [cells_of(1), cells_of(2, rent_cents="trois cents", email="pas de mail"), cells_of(3)]

    report = desk.import_file(lease_file(rows))

    assert counts(report) == ("done", 3, 2, 0, 1)
    assert report.problems == [
        RowProblem(line=3, column="Courriel", fault=Fault.BAD_EMAIL),
        RowProblem(line=3, column="Redevance", fault=Fault.NOT_AN_AMOUNT),
    ]
    assert report.residences_created == ["les-tanneurs-69005"]
    assert leases_in(aws)["LEASE"] == 2


def test_the_same_file_twice_changes_nothing(desk: Desk, aws: Any) -> None:
    data = lease_file([cells_of(number) for number in range(1, 6)])
    desk.import_file(data)
    before = leases_in(aws)

    report = desk.import_file(data)

    assert counts(report) == ("done", 5, 0, 5, 0)
    assert report.residences_created == []
    assert leases_in(aws) == before


def test_a_mended_file_takes_only_what_was_missing(desk: Desk) -> None:
    desk.import_file(lease_file([cells_of(1), cells_of(2, birth_date="31/02/2003")]))

    report = desk.import_file(lease_file([cells_of(1), cells_of(2, birth_date="28/02/2003")]))

    assert counts(report) == ("done", 2, 1, 1, 0)


def test_what_contradicts_the_record_is_reported_at_its_line_and_column(desk: Desk) -> None:
    desk.import_file(lease_file([cells_of(1), cells_of(2, tenant_code="LOC-00123")]))

    rows = [
        cells_of(1, rent_cents="400,00"),
        cells_of(3, ine="000000001AB"),
        cells_of(4, tenant_code="loc-OO123"),
        cells_of(1, reference="L9", phone="+33639989999"),
    ]
    report = desk.import_file(lease_file(rows))

    assert [(problem.line, problem.column, problem.fault) for problem in report.problems] == [
        (2, "Référence", Fault.REFERENCE_KNOWN),
        (4, "Code locataire", Fault.CODE_TAKEN),
    ]
    assert [(note.line, note.column) for note in report.notes] == [(3, "Courriel"), (5, "Téléphone")]
    assert counts(report) == ("done", 4, 2, 0, 2)


def test_messages_delivered_twice_and_in_any_order_give_the_same_report(big_desk: Desk, aws: Any) -> None:
    taken = big_desk.imports.take(
        lease_file([cells_of(number) for number in range(1, 251)]), MANAGER, NETWORK
    )
    big_desk.announce(taken.import_id)
    big_desk.announce(taken.import_id)

    shuffled = random.Random(7)  # noqa: S311
    big_desk.work(lambda bodies: shuffled.sample(bodies * 2, 2 * len(bodies)))

    assert counts(big_desk.imports.report(taken.import_id, MANAGER)) == ("done", 250, 250, 0, 0)
    assert leases_in(aws)["LEASE"] == 250


def test_a_chunk_interrupted_half_way_is_done_again_with_the_same_report(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = desk.imports.take(lease_file([cells_of(number) for number in range(1, 11)]), MANAGER, NETWORK)
    desk.announce(taken.import_id)
    [split] = desk.messages()
    desk.worker.consume(event_of(split))
    [chunk] = desk.messages()
    admit, left = People.admit, iter(range(6))

    def interrupted(people: People, admission: Any) -> None:
        if next(left, None) is None:
            raise Contention
        admit(people, admission)

    monkeypatch.setattr(People, "admit", interrupted)
    with pytest.raises(Contention):
        desk.worker.consume(event_of(chunk))
    monkeypatch.setattr(People, "admit", admit)
    assert desk.imports.report(taken.import_id, MANAGER).status == "queued"

    desk.worker.consume(event_of(chunk))

    report = desk.imports.report(taken.import_id, MANAGER)
    assert counts(report) == ("done", 10, 10, 0, 0)
    assert report.residences_created == ["les-tanneurs-69005"]


def test_the_report_shows_how_far_an_import_has_come(big_desk: Desk) -> None:
    rows = CHUNK_ROWS + 1
    taken = big_desk.imports.take(
        lease_file([cells_of(number) for number in range(1, rows + 1)]), MANAGER, NETWORK
    )
    big_desk.announce(taken.import_id)
    queued = big_desk.imports.report(taken.import_id, MANAGER).status

    [split] = big_desk.messages()
    big_desk.worker.consume(event_of(split))
    big_desk.worker.consume(event_of(big_desk.messages()[0]))
    report = big_desk.imports.report(taken.import_id, MANAGER)

    assert queued == "queued"
    assert report.status == "running"
    assert 0 < report.rows_done < rows


def test_an_import_whose_file_is_gone_fails_and_says_so(desk: Desk, aws: Any) -> None:
    taken = desk.imports.take(lease_file([cells_of(1)]), MANAGER, NETWORK)
    aws.s3.delete_object(Bucket=aws.bucket, Key=f"imports/{taken.import_id}")
    desk.announce(taken.import_id)

    desk.work()

    assert desk.imports.report(taken.import_id, MANAGER).status == "failed"


def test_the_desk_cannot_bring_residences_in_by_a_file(desk: Desk) -> None:
    report = desk.import_file(lease_file([cells_of(1)]), DESK)

    assert [(problem.column, problem.fault) for problem in report.problems] == [
        ("Résidence", Fault.UNKNOWN_RESIDENCE)
    ]


def test_a_file_without_a_needed_column_is_refused_at_once_and_leaves_nothing(desk: Desk, aws: Any) -> None:
    with pytest.raises(UnreadableLeaseFile) as caught:
        desk.imports.take(lease_file([cells_of(1)]).replace(b"Chambre", b"Autre"), MANAGER, NETWORK)

    assert "Chambre" in str(caught.value.document("fr")["detail"])
    assert aws.dynamodb.scan(TableName=aws.operations.name)["Items"] == []
    assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.bucket)


def test_a_file_with_thousands_of_unknown_columns_still_has_a_report(desk: Desk) -> None:
    header, row = lease_file([cells_of(1)]).decode("utf-8-sig").splitlines()
    unknown = ";".join(f"{'Remarque' * 20} {number}" for number in range(3000))

    report = desk.import_file(f"{header};{unknown}\n{row}{';' * 3000}".encode())

    assert counts(report) == ("done", 1, 1, 0, 0)
    assert len(report.taken.ignored_headers) == 50


def test_a_file_that_is_too_large_is_refused_as_such(desk: Desk) -> None:
    with pytest.raises(TooLarge):
        desk.imports.take(b"x" * 5_000_000, MANAGER, NETWORK)


def test_an_unknown_import_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.imports.report("nothing", MANAGER)


def test_no_personal_data_is_kept_beside_the_report(desk: Desk, aws: Any) -> None:
    desk.import_file(lease_file([cells_of(1), cells_of(2, family_name="=SECRET()", email="secret")]))

    stored = str(aws.dynamodb.scan(TableName=aws.operations.name)["Items"]).lower()

    assert not any(text in stored for text in ("secret", "nguy", "example.org", "tanneurs,", "2000-01-18"))


def test_the_refused_rows_come_back_as_a_csv_to_mend_and_send_again(desk: Desk) -> None:
    rows = [cells_of(1), cells_of(2, room="=cmd()", phone="+33639981234"), cells_of(3)]
    report = desk.import_file(lease_file(rows))

    text = desk.imports.rejected_csv(report, Language.FRENCH)
    headers, *refused = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";")

    assert headers[:4] == ["Ligne", "Motifs", "Remèdes", "Référence"]
    assert [cells[0] for cells in refused] == ["3"]
    assert "'=cmd()" in refused[0]
    mended = text.replace("'=cmd()", "C210")
    assert counts(desk.import_file(mended.encode())) == ("done", 1, 1, 0, 0)


def test_the_csv_still_names_lines_once_the_file_is_gone(desk: Desk, clock: Any) -> None:
    report = desk.import_file(lease_file([cells_of(1, room="")]))
    clock.advance(timedelta(days=31))

    text = desk.imports.rejected_csv(report, Language.ENGLISH)

    assert text.splitlines()[1].startswith("2;Chambre: The cell is empty.;Fill it in")


def test_a_chunk_of_a_file_of_five_thousand_rows_stays_far_from_a_functions_time_limit(
    big_desk: Desk, aws: Any
) -> None:
    rows = 5000
    taken = big_desk.imports.take(
        lease_file([cells_of(number) for number in range(1, rows + 1)]), MANAGER, NETWORK
    )
    big_desk.announce(taken.import_id)
    [split] = big_desk.messages()
    big_desk.worker.consume(event_of(split))
    chunks = big_desk.messages()
    calls: Counter[str] = Counter()
    for client in (aws.dynamodb, aws.kms, aws.s3, aws.sqs, aws.secrets):
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))

    big_desk.worker.consume(event_of(chunks[0]))

    assert len(chunks) == rows // CHUNK_ROWS
    # At 20 ms a call, 6 s of the 60 that the function has. Three calls a row, and one residence found new.
    assert calls == {
        "GetSecretValue": 1,
        "GetItem": 2,
        "GetObject": 1,
        "BatchGetItem": 4,
        "Query": CHUNK_ROWS,
        "Encrypt": CHUNK_ROWS,
        "TransactWriteItems": CHUNK_ROWS,
        "PutItem": 1,
    }


@NEXT_TO_SAMPLES
def test_the_september_sample_is_taken_whole_and_twice_changes_nothing(big_desk: Desk, aws: Any) -> None:
    data = (SAMPLES / "leases-2026-09.csv").read_bytes()

    first, again = big_desk.import_file(data), big_desk.import_file(data)

    assert counts(first) == ("done", 400, 400, 0, 0)
    assert first.residences_created == [
        "jean-zay-92160",
        "le-moufia-97490",
        "les-tanneurs-69005",
        "outumaoro-98702",
    ]
    assert counts(again) == ("done", 400, 0, 400, 0)
    assert leases_in(aws)["LEASE"] == 400


@NEXT_TO_SAMPLES
def test_the_messy_sample_gives_ninety_leases_and_thirty_refused_rows(big_desk: Desk, aws: Any) -> None:
    report = big_desk.import_file((SAMPLES / "leases-messy.csv").read_bytes())

    assert counts(report) == ("done", 120, 90, 0, 30)
    assert len(report.problems) == 37
    assert leases_in(aws)["LEASE"] == 90


def test_rows_of_a_residence_that_is_not_the_senders_are_refused_with_the_remedy(desk: Desk) -> None:
    here = replace(DESK, scope=Scope(residence_ids=frozenset({"les-tanneurs-69005"})))
    desk.import_file(lease_file([cells_of(1), cells_of(2, residence="Les Érables")]))

    report = desk.import_file(lease_file([cells_of(3), cells_of(4, residence="Les Érables")]), here)

    assert counts(report) == ("done", 2, 1, 0, 1)
    [problem] = report.problems
    assert (problem.line, problem.fault) == (3, Fault.OTHER_RESIDENCE)
    assert "colleague" in problem.remedy(Language.ENGLISH)


def test_a_report_is_read_by_who_sent_the_file_and_by_managers_who_see_all(desk: Desk) -> None:
    import_id = desk.import_file(lease_file([cells_of(1)]), DESK).taken.import_id
    colleague = replace(DESK, staff_id="desk-2")
    manager_elsewhere = replace(MANAGER, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))

    assert desk.imports.report(import_id, MANAGER).taken.import_id == import_id
    for other in (colleague, manager_elsewhere):
        with pytest.raises(NotFound):
            desk.imports.report(import_id, other)


def test_who_sent_a_file_is_kept_with_the_file_and_with_each_lease_it_brought(desk: Desk, aws: Any) -> None:
    import_id = desk.import_file(lease_file([cells_of(1)])).taken.import_id

    audit = Audit(aws.operations)
    [lease] = desk.people.every_lease_of_residence("les-tanneurs-69005")
    [admitted], [imported] = audit.of(lease.lease_id).entries, audit.of(MANAGER.staff_id).entries
    assert (admitted.action, admitted.actor, admitted.source) == (Action.LEASE_ADMITTED, imported.actor, "")
    assert admitted.details == {"import_id": import_id}
    assert (imported.action, dict(imported.details)) == (
        Action.LEASES_IMPORTED,
        {"import_id": import_id, "rows": 1},
    )
    assert imported.source == aws.pepper.hash("source", NETWORK)
