"""Lease files through the deployed functions: gateway, bucket, stream, bus, queue, rows, report."""

import csv
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
NEXT_TO_SAMPLES = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the shared samples are not beside this repository"
)
HEADER = (
    "Référence;Résidence;Adresse;Code postal;Ville;Chambre;Nom;Prénom;Date de naissance;Courriel;Langue;"
    "Date d'entrée;Date de sortie;Redevance;Charges;Dépôt de garantie"
)

Import = Callable[[bytes], dict[str, Any]]


def a_file(*names: str, rent: str = "351,94", prefix: str = "E2E") -> bytes:
    rows = [
        f"{prefix}-{number};Les Essais;1 rue des Essais;69007;Lyon;A{number:03};{name};Zoé;18/01/2000;"
        f"{prefix.lower()}.{number}@example.org;fr;01/09/2026;31/08/2027;{rent};35,60;351,94"
        for number, name in enumerate(names, 1)
    ]
    return "\r\n".join([HEADER, *rows, ""]).encode("cp1252")


@pytest.fixture(scope="module")
def import_file(http: httpx.Client, staff: dict[str, str], wait_for: Callable[..., Any]) -> Import:
    """Posts a file and waits for the end of its import: the report, in English."""

    def send(data: bytes) -> dict[str, Any]:
        headers = {**staff, "Content-Type": "application/octet-stream", "Accept-Language": "en"}
        taken = http.post("/v1/desk/lease-imports", content=data, headers=headers)
        assert taken.status_code == 202, taken.text
        location = taken.headers["location"]

        def finished() -> dict[str, Any] | None:
            report: dict[str, Any] = http.get(location, headers=headers).json()
            return report if report["status"] in {"done", "failed"} else None

        report: dict[str, Any] = wait_for(finished, seconds=240)
        return report

    return send


def counts(report: dict[str, Any]) -> tuple[str, int, int, int, int]:
    return tuple(report[name] for name in ("status", "rows", "created", "unchanged", "rejected"))


def test_good_rows_are_taken_and_bad_ones_named(import_file: Import) -> None:
    data = a_file("Müller", "Th?", "O'Connor", "D'Almeida")

    report, again = import_file(data), import_file(data)

    assert counts(report) == ("done", 4, 3, 0, 1)
    assert [(problem["line"], problem["column"], problem["fault"]) for problem in report["problems"]] == [
        (3, "Nom", "lost_letters")
    ]
    assert "CSV UTF-8" in report["problems"][0]["remedy"]
    assert report["residences_created"] == ["les-essais-69007"]
    assert counts(again) == ("done", 4, 0, 3, 1)


def test_the_refused_rows_come_back_as_a_csv_without_formulas(
    import_file: Import, http: httpx.Client, staff: dict[str, str]
) -> None:
    report = import_file(a_file('"=HYPERLINK(""x"";""y"")"', prefix="CSV"))

    answer = http.get(f"/v1/desk/lease-imports/{report['import_id']}?format=csv", headers=staff)

    assert answer.headers["content-type"].startswith("text/csv")
    _, refused = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";")
    assert refused[0] == "2"
    assert '\'=HYPERLINK("x";"y")' in refused


def test_a_lease_admitted_by_hand_is_the_same_when_sent_again(
    http: httpx.Client, staff: dict[str, str]
) -> None:
    lease = {
        "reference": "HAND-1",
        "residence": "Les Essais",
        "address": "1 rue des Essais",
        "postal_code": "69007",
        "city": "Lyon",
        "room": "B001",
        "family_name": "Nguyễn",
        "given_names": "Thị",
        "birth_date": "2000-01-18",
        "email": "hand@example.org",
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "rent_cents": 35194,
        "charges_cents": 3560,
        "deposit_cents": 35194,
    }

    first = http.post("/v1/desk/leases", json=lease, headers=staff)
    again = http.post("/v1/desk/leases", json=lease, headers=staff)
    other = http.post("/v1/desk/leases", json=lease | {"rent_cents": 1}, headers=staff)

    assert (first.status_code, again.json(), other.status_code) == (201, first.json(), 409)


def test_nobody_imports_without_a_staff_token(http: httpx.Client) -> None:
    assert http.post("/v1/desk/lease-imports", content=a_file("Müller")).status_code == 401


def test_no_event_queue_or_key_carries_a_name(
    instance: Instance, deployment: Deployment, import_file: Import
) -> None:
    report = import_file(a_file("Zzyzxname", prefix="PRIV"))

    operations = instance.client("dynamodb").scan(TableName=deployment.tables["operations"])["Items"]
    mine = [item for item in operations if report["import_id"] in item["pk"]["S"]]

    assert len(mine) == 2
    assert "Zzyzxname" not in json.dumps(mine, default=str)


@pytest.mark.long
def test_five_thousand_rows_are_worked_through(
    import_file: Import, record_property: Callable[..., None]
) -> None:
    started = time.monotonic()

    report = import_file(a_file(*["García-Márquez"] * 5000, prefix="BIG"))

    record_property("seconds", round(time.monotonic() - started, 1))
    assert counts(report) == ("done", 5000, 5000, 0, 0)


@NEXT_TO_SAMPLES
def test_the_september_sample_is_taken_whole_and_twice_changes_nothing(import_file: Import) -> None:
    data = (SAMPLES / "leases-2026-09.csv").read_bytes()

    assert counts(import_file(data)) == ("done", 400, 400, 0, 0)
    assert counts(import_file(data)) == ("done", 400, 0, 400, 0)


@NEXT_TO_SAMPLES
def test_the_messy_sample_gives_ninety_leases_and_names_thirty_refused_rows(import_file: Import) -> None:
    data = (SAMPLES / "leases-messy.csv").read_bytes()

    report, again = import_file(data), import_file(data)

    assert counts(report) == ("done", 120, 90, 0, 30)
    assert len(report["problems"]) == 37
    assert all(problem["reason"] and problem["remedy"] for problem in report["problems"])
    assert counts(again) == ("done", 120, 0, 90, 30)
