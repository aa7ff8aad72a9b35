"""Schemathesis against the deployed functions: whatever is sent, an answer is one that the document names.

For the routes of access, of one's own data and of the desk, as everybody who may call: nobody, a tenant, a
student and each role of staff. Deterministic and bounded; more examples with the profile `long`.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.deploy import Deployment
from local.instance import Instance
from local.running import LocalStack
from local.seed import leases_of_the_demo
from local.stack import Stack
from local.staff import StaffMember
from sesame.services.staff import Role
from sesame.store import keys
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import Table
from tests.integration.conftest import ROOT

EXAMPLES = 40 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 3
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
PUBLIC = r"^/v1/(sign-ins|code-recoveries|welcomes)\b"
STUDENT = r"^/v1/personal-space\b"
DESK = r"^/v1/desk\b"
OWN = r"^/v1/me/(sessions|tenant-code|data-exports|confirmations|erasure)\b"


def document(*, edges: bool) -> schemathesis.BaseSchema:
    """The document; with `edges`, requests at the limits of each parameter are tried besides random ones."""
    read = schemathesis.openapi.from_path(ROOT / "docs" / "openapi.json")
    read.config.seed = 3
    read.config.phases.coverage.enabled = edges
    # the gateway answers other methods by itself
    read.config.phases.coverage.unexpected_methods = set()
    return read


thorough, sampled = document(edges=True), document(edges=False)
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def identity(instance: Instance, deployment: Deployment) -> Table:
    return Table(instance.client("dynamodb"), deployment.tables["identity"])


@pytest.fixture(scope="module")
def callers(
    running: LocalStack, instance: Instance, deployment: Deployment, http: httpx.Client, identity: Table
) -> dict[str, Callable[[], str]]:
    """Who asks -> what makes their token; a session is another one each time, since requests end sessions."""
    lease = leases_of_the_demo(identity)[30]
    admin = {"Authorization": f"Bearer {running.content['staff_token']}"}

    def session() -> str:
        person = identity.get(keys.person(lease.person_id))
        assert person is not None
        token, now = new_token(lease.person_id, lease.lease_id, token_bytes), datetime.now(UTC)
        stored = StoredSession(
            session_id=token.session_id,
            person_id=lease.person_id,
            lease_id=lease.lease_id,
            epoch=person["credential_epoch"],
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=1),
        )
        identity.write(Sessions(identity).opening(stored))
        return str(token)

    def staff(role: str) -> Callable[[], str]:
        member = StaffMember(instance, deployment, email=f"{role}@residences.example", groups=[role])
        token = member.token().value
        headers = {"Authorization": f"Bearer {token}"}
        who = http.get("/v1/desk/me", headers=headers).json()["staff_id"]
        body = {"all_residences": True}
        assert http.put(f"/v1/desk/staff/{who}", json=body, headers=admin).status_code == 200
        return lambda: token

    student = running.students.token(ine=running.content["demo_tenants"][31]["ine"])
    return {"session": session, "student": lambda: student} | {role.value: staff(role) for role in Role}


@pytest.fixture(scope="module")
def ids(identity: Table) -> dict[str, str]:
    """Of things that exist, for requests that are about them."""
    lease = leases_of_the_demo(identity)[32]
    return {"lease_id": lease.lease_id, "residence_id": lease.residence_id}


def check(case: Any, stack: Stack, headers: dict[str, str]) -> Any:
    """Sends a case with these headers alone and holds the answer against the document."""
    case.headers = {
        name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"
    }
    answer = case.call(base_url=stack["api_url"], headers=headers)
    case.validate_response(answer, checks=CHECKS)
    return answer


def refused_without_a_token(answer: Any) -> bool:
    """A case that leaves the token out on purpose, and was refused for that."""
    return "Authorization" not in answer.request.headers and answer.status_code == 401


@thorough.include(path_regex=PUBLIC).parametrize()
@bounded
def test_anybody_gets_an_answer_that_is_in_the_document(case: Any, stack: Stack) -> None:
    check(case, stack, {})


@sampled.include(path_regex=f"{OWN}|{STUDENT}|{DESK}").parametrize()
@bounded
def test_nobody_gets_in_without_a_token(case: Any, stack: Stack) -> None:
    answer = check(case, stack, {})

    assert answer.status_code in {401, 404, 413, 415, 422}


@thorough.include(path_regex=OWN).parametrize()
@bounded
def test_a_tenant_gets_an_answer_that_is_in_the_document(
    case: Any, stack: Stack, callers: dict[str, Callable[[], str]]
) -> None:
    answer = check(case, stack, {"Authorization": f"Bearer {callers['session']()}"})

    refused = answer.status_code == 401 and "wrong-one-time-code" not in answer.text
    assert not refused or refused_without_a_token(answer)


@thorough.include(path_regex=STUDENT).parametrize()
@bounded
def test_a_student_gets_an_answer_that_is_in_the_document(
    case: Any, stack: Stack, callers: dict[str, Callable[[], str]]
) -> None:
    answer = check(case, stack, {"Authorization": f"Bearer {callers['student']()}"})

    assert answer.status_code == 200 or refused_without_a_token(answer)


@thorough.include(path_regex=DESK).parametrize()
@bounded
def test_an_administrator_gets_an_answer_that_is_in_the_document(
    case: Any, stack: Stack, callers: dict[str, Callable[[], str]], ids: dict[str, str]
) -> None:
    about(case, ids)

    answer = check(case, stack, {"Authorization": f"Bearer {callers['administrator']()}"})

    assert answer.status_code != 401 or refused_without_a_token(answer)


@pytest.mark.parametrize("role", [role.value for role in Role if role is not Role.ADMINISTRATOR])
@sampled.include(path_regex=DESK).parametrize()
@bounded
def test_staff_of_each_role_get_an_answer_that_is_in_the_document(
    case: Any, role: str, stack: Stack, callers: dict[str, Callable[[], str]], ids: dict[str, str]
) -> None:
    if role == Role.DESK:
        about(case, ids)

    answer = check(case, stack, {"Authorization": f"Bearer {callers[role]()}"})

    assert answer.status_code != 401 or refused_without_a_token(answer)


def about(case: Any, ids: dict[str, str]) -> None:
    """Makes a request one about what exists."""
    given = case.path_parameters or {}
    case.path_parameters = given | {name: value for name, value in ids.items() if name in given}
