"""The personal space through the deployed API: the gateway checks each token against the test issuer."""

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.mailbox import Mail
from local.running import LocalStack
from local.stack import Stack
from local.student_issuer import StudentIssuer

PATH = "/v1/personal-space/tenant-code"


@pytest.fixture
def students(running: LocalStack) -> StudentIssuer:
    return running.students


@pytest.fixture
def tenant(stack: Stack) -> Any:
    return stack["demo_tenants"][5]


def ask(http: httpx.Client, token: str) -> httpx.Response:
    return http.get(PATH, headers={"Authorization": f"Bearer {token}"})


def test_a_verified_email_gives_the_code_and_every_contact_is_told(
    http: httpx.Client,
    students: StudentIssuer,
    tenant: Any,
    mails: Callable[..., list[Mail]],
    wait_for: Callable[..., Any],
) -> None:
    before = len(mails(tenant["email"]))

    answer = ask(http, students.token(email=tenant["email"], email_verified=True))

    assert answer.status_code == 200, answer.text
    assert answer.json()["tenant_code"] == tenant["tenant_code"]
    assert answer.json()["residences"][0]["leases"][0]["tenant_code"] == tenant["tenant_code"]
    wait_for(lambda: len(mails(tenant["email"])) > before)
    assert tenant["tenant_code"] not in mails(tenant["email"])[0]["text"]


def test_an_ine_gives_the_code(http: httpx.Client, stack: Stack, tenant: Any) -> None:
    minted = httpx.post(f"{stack['student_issuer']}/token", json={"ine": tenant["ine"]}, trust_env=False)

    answer = ask(http, minted.json()["id_token"])

    assert answer.status_code == 200
    assert answer.json()["tenant_code"] == tenant["tenant_code"]


def test_an_email_that_is_not_verified_is_refused(
    http: httpx.Client, students: StudentIssuer, tenant: Any
) -> None:
    for claims in ({"email_verified": False}, {}):
        answer = ask(http, students.token(email=tenant["email"], **claims))
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:sesame:problem:unverified-email"


def tampered(token: str) -> str:
    """The same token for somebody else, under the old signature."""
    header, payload, signature = token.split(".")
    raw = urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).replace(b'"sub": "', b'"sub": "x')
    return f"{header}.{urlsafe_b64encode(raw).rstrip(b'=').decode()}.{signature}"


@pytest.mark.parametrize("fault", ["issuer", "audience", "expired", "tampered", "key", "unsigned"])
def test_a_token_that_is_not_right_opens_nothing(
    http: httpx.Client, students: StudentIssuer, tenant: Any, fault: str
) -> None:
    good = {"ine": tenant["ine"]}
    tokens: dict[str, Callable[[], str]] = {
        "issuer": lambda: students.token(**good, iss="https://elsewhere.example"),
        "audience": lambda: students.token(**good, aud="another-application"),
        "expired": lambda: students.token(**good, exp=int(time.time()) - 1),
        "tampered": lambda: tampered(students.token(**good)),
        "key": lambda: StudentIssuer(students.url).token(**good),
        "unsigned": lambda: students.token(**good).rpartition(".")[0] + ".",
    }
    assert ask(http, students.token(**good)).status_code == 200

    assert ask(http, tokens[fault]()).status_code == 401


def test_without_a_token_or_with_one_of_another_door_nothing_opens(
    http: httpx.Client, staff: dict[str, str], stack: Stack
) -> None:
    assert http.get(PATH).status_code == 401
    assert http.get(PATH, headers=staff).status_code == 401


def test_a_student_is_no_member_of_staff(http: httpx.Client, students: StudentIssuer, tenant: Any) -> None:
    token = students.token(ine=tenant["ine"], **{"cognito:groups": ["administrator"]})

    assert http.get("/v1/desk/residences", headers={"Authorization": f"Bearer {token}"}).status_code == 401
