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
ELSEWHERE: dict[str, Any] = {
    "reference": "DESK-1",
    "residence": "Les Lointains",
    "address": "1 rue des Essais",
    "postal_code": "35000",
    "city": "Rennes",
    "room": "Z901",
    "family_name": "Nguyễn",
    "given_names": "Thảo",
    "birth_date": "2000-01-18",
    "email": "lointain@example.org",
    "starts_on": "2026-09-01",
    "ends_on": "2027-08-31",
    "rent_cents": 35194,
    "charges_cents": 3560,
    "deposit_cents": 35194,
}

Search = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def receptionist(stack: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {stack['desk_token']}"}


@pytest.fixture(scope="module")
def elsewhere(http: httpx.Client, staff: dict[str, str]) -> str:
    """A lease of a residence that the receptionist has nothing to do with: its id."""
    answer = http.post("/v1/desk/leases", json=ELSEWHERE, headers=staff)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["lease_id"])


@pytest.fixture(scope="module")
def search(http: httpx.Client, receptionist: dict[str, str]) -> Search:
    return lambda **asked: http.post("/v1/desk/lease-searches", json=asked, headers=receptionist)


def test_a_receptionist_finds_nguyen_written_plainly(search: Search, stack: Stack, elsewhere: str) -> None:
    [tenant] = [tenant for tenant in stack["demo_tenants"] if "Nguyễn" in tenant["name"]]

    found = search(query="nguyen").json()["leases"]

    assert elsewhere not in [lease["lease_id"] for lease in found]
    assert [(lease["name"], lease["residence_id"]) for lease in found] == [(tenant["name"], HERE)]
    assert found[0]["email"].startswith(f"{tenant['email'][0]}•••@")
    assert tenant["tenant_code"].endswith(found[0]["code_tail"])


def test_a_strangers_residence_is_not_there_for_a_receptionist(
    search: Search, elsewhere: str, http: httpx.Client, receptionist: dict[str, str]
) -> None:
    by_email = search(email="lointain@example.org")
    listed = http.get("/v1/desk/residences", headers=receptionist).json()["residences"]

    assert (by_email.status_code, by_email.json()["leases"]) == (200, [])
    assert search(query="nguyen", residence_id="les-lointains-35000").status_code == 404
    assert http.get(f"/v1/desk/leases/{elsewhere}", headers=receptionist).status_code == 404
    assert http.post("/v1/desk/leases", json=ELSEWHERE, headers=receptionist).status_code == 403
    assert [residence["residence_id"] for residence in listed] == [HERE]


def test_an_administrator_reads_who_admitted_a_lease_and_a_receptionist_does_not(
    elsewhere: str, http: httpx.Client, staff: dict[str, str], receptionist: dict[str, str]
) -> None:
    path = f"/v1/desk/leases/{elsewhere}/audit"
    me = http.get("/v1/desk/me", headers=staff).json()["staff_id"]

    entries = http.get(path, headers=staff).json()["entries"]

    assert [(entry["action"], entry["actor_id"]) for entry in entries] == [("lease_admitted", me)]
    assert http.get(path, headers=receptionist).status_code == 403


def test_what_was_searched_is_nowhere_in_the_operations_table(
    search: Search, instance: Instance, deployment: Deployment
) -> None:
    search(query="Zzyzxname")
    search(query="zzyzxname@example.org")

    kept = str(instance.client("dynamodb").scan(TableName=deployment.tables["operations"])["Items"])

    assert "leases_searched" in kept
    assert "zzyzx" not in kept.lower()
