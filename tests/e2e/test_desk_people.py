"""A receptionist finds a tenant of their own residence, through the deployed functions, and nobody else's."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance
from local.residents import POSTAL_CODE, RESIDENCE
from local.stack import Stack
from sesame.domain.residences import residence_id

HERE = residence_id(RESIDENCE, POSTAL_CODE)
LEASE: dict[str, Any] = {
    "reference": "DESK-1",
    "residence": RESIDENCE,
    "address": "1 rue des Essais",
    "postal_code": POSTAL_CODE,
    "city": "Lyon",
    "room": "Z901",
    "family_name": "Nguyễn",
    "given_names": "Đặng Thảo",
    "birth_date": "2000-01-18",
    "email": "thao@example.org",
    "starts_on": "2026-09-01",
    "ends_on": "2027-08-31",
    "rent_cents": 35194,
    "charges_cents": 3560,
    "deposit_cents": 35194,
}
ELSEWHERE = LEASE | {
    "reference": "DESK-2",
    "residence": "Les Lointains",
    "postal_code": "35000",
    "email": "lointain@example.org",
}

Search = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def receptionist(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack['desk_token']}"}


@pytest.fixture(scope="module")
def admitted(http: httpx.Client, staff: dict[str, str]) -> dict[str, str]:
    """A lease of the demo residence and one of another: their ids."""
    answers = [http.post("/v1/desk/leases", json=lease, headers=staff) for lease in (LEASE, ELSEWHERE)]
    assert [answer.status_code for answer in answers] == [201, 201], [answer.text for answer in answers]
    return dict(zip(("here", "elsewhere"), [answer.json()["lease_id"] for answer in answers], strict=True))


@pytest.fixture(scope="module")
def search(http: httpx.Client, receptionist: dict[str, str]) -> Search:
    return lambda **asked: http.post("/v1/desk/lease-searches", json=asked, headers=receptionist)


def test_a_receptionist_finds_nguyen_written_plainly(
    search: Search, admitted: dict[str, str], wait_for: Callable[..., Any]
) -> None:
    found = wait_for(lambda: search(query="nguyen thao").json()["leases"])

    assert [lease["lease_id"] for lease in found] == [admitted["here"]]
    assert (found[0]["name"], found[0]["email"]) == ("Đặng Thảo Nguyễn", "t•••@example.org")
    assert found[0]["residence_id"] == HERE


def test_a_strangers_residence_is_not_there_for_a_receptionist(
    search: Search, admitted: dict[str, str], http: httpx.Client, receptionist: dict[str, str]
) -> None:
    by_email = search(email="lointain@example.org")
    listed = http.get("/v1/desk/residences", headers=receptionist).json()["residences"]

    assert (by_email.status_code, by_email.json()["leases"]) == (200, [])
    assert search(query="nguyen", residence_id="les-lointains-35000").status_code == 404
    assert http.get(f"/v1/desk/leases/{admitted['elsewhere']}", headers=receptionist).status_code == 404
    assert http.post("/v1/desk/leases", json=ELSEWHERE, headers=receptionist).status_code == 403
    assert [residence["residence_id"] for residence in listed] == [HERE]


def test_an_administrator_reads_who_admitted_a_lease_and_a_receptionist_does_not(
    admitted: dict[str, str], http: httpx.Client, staff: dict[str, str], receptionist: dict[str, str]
) -> None:
    path = f"/v1/desk/leases/{admitted['here']}/audit"
    me = http.get("/v1/desk/me", headers=staff).json()["staff_id"]

    entries = http.get(path, headers=staff).json()["entries"]

    admissions = [entry["actor_id"] for entry in entries if entry["action"] == "lease_admitted"]
    assert admissions == [me]
    assert http.get(path, headers=receptionist).status_code == 403


def test_what_was_searched_is_nowhere_in_the_operations_table(
    search: Search, admitted: dict[str, str], instance: Instance, deployment: Deployment
) -> None:
    assert admitted
    search(query="thao@example.org")

    kept = str(instance.client("dynamodb").scan(TableName=deployment.tables["operations"])["Items"])

    assert "leases_searched" in kept
    assert "thao" not in kept
