"""The tenant code in the personal space, as API Gateway calls it once it has checked the token."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.tenancy import Channel, ContactHold
from sesame.platform import aws as platform_aws
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.people import hold_item
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.entries import http_event, load, prepare
from tests.integration.privacy_fixtures import Bureau
from tests.integration.tenants import Tenant, admit, admit_again, move

PATH = "/v1/personal-space/tenant-code"
INE = {"ine": "170669074DK"}
EMAIL = {"email": "huong@example.org", "email_verified": "true"}


class Space:
    """A student's browser, behind the gateway."""

    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        prepare(aws, monkeypatch)
        self.entry = load("codes/personal_space")
        self.clients = [platform_aws.client(name) for name in ("dynamodb", "kms")]

    def ask(self, claims: dict[str, str]) -> tuple[int, Any]:
        event = http_event("GET", PATH)
        event["requestContext"]["authorizer"] = {"jwt": {"claims": {"sub": "s"} | claims, "scopes": None}}
        answer = self.entry.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def space(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Space:
    return Space(aws, monkeypatch)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws)


@pytest.mark.parametrize(
    "claims", [INE, EMAIL, INE | {"birthdate": "2004-05-31"}], ids=["ine", "email", "both"]
)
def test_a_student_who_is_signed_in_sees_the_code(
    space: Space, tenant: Tenant, claims: dict[str, str]
) -> None:
    status, shown = space.ask(claims)

    assert status == 200
    assert shown["tenant_code"] == tenant.printed_code
    assert shown["residences"] == [
        {
            "residence": "Les Tilleuls",
            "leases": [
                {
                    "tenant_code": tenant.printed_code,
                    "room": "B204",
                    "starts_on": "2026-09-01",
                    "ends_on": "2027-08-31",
                }
            ],
        }
    ]


def test_who_has_moved_is_shown_the_room_of_today(space: Space, aws: Any, tenant: Tenant) -> None:
    move(aws, tenant, "C301")

    _, shown = space.ask(INE)

    assert [one["room"] for one in shown["residences"][0]["leases"]] == ["C301"]


def test_a_lease_whose_code_was_erased_is_passed_over(space: Space, aws: Any, clock: FrozenClock) -> None:
    _, kept = Bureau(aws, clock).half_erased()

    status, shown = space.ask(INE)

    assert status == 200
    [of] = shown["residences"]
    assert [one["tenant_code"] for one in of["leases"]] == [kept.printed_code]


def test_a_code_that_was_shown_is_in_the_audit_and_told_to_the_contacts(
    space: Space, aws: Any, tenant: Tenant
) -> None:
    space.ask(INE)

    [entry] = Audit(aws.operations).of(tenant.lease.lease_id).entries
    [item] = aws.operations.query(f"AUDIT#{tenant.lease.lease_id}").items
    assert (entry.action, entry.details) == (Action.CODE_RECOVERED, {"way": "personal-space"})
    assert entry.source
    assert item["announce"]["type"] == "code.recovered"
    assert item["announce"]["lease_id"] == tenant.lease.lease_id
    assert tenant.code not in str(item)


def test_who_shares_an_address_is_told_apart_or_refused(space: Space, aws: Any, tenant: Tenant) -> None:
    sister = admit(aws, given_names="Thị Lan", birth_date=date(2006, 1, 2), ine="861583842CH")

    status, problem = space.ask(EMAIL)

    assert (status, problem["type"]) == (409, "urn:sesame:problem:shared-email")
    assert space.ask(EMAIL | {"birthdate": "2006-01-02"})[1]["tenant_code"] == sister.printed_code
    assert space.ask(EMAIL | {"ine": "861583842CH"})[1]["tenant_code"] == sister.printed_code
    assert space.ask(EMAIL | {"birthdate": "2004-05-31"})[1]["tenant_code"] == tenant.printed_code


@pytest.mark.parametrize(
    "claims",
    [
        {"ine": "861583842CH"},
        {"email": "nobody@example.org", "email_verified": "true"},
        EMAIL | {"ine": "861583842CH"},
        EMAIL | {"birthdate": "2004-06-01"},
        INE | {"birthdate": "2004-06-01"},
    ],
    ids=["unknown ine", "unknown email", "another ine", "another birth date", "ine of another birth date"],
)
def test_who_is_not_on_record_is_told_what_to_do(
    space: Space, tenant: Tenant, claims: dict[str, str]
) -> None:
    status, problem = space.ask(claims)

    assert (status, problem["type"]) == (404, "urn:sesame:problem:no-tenancy")
    assert "pièce d'identité" in problem["detail"]


def test_an_address_that_is_not_verified_is_refused_clearly(space: Space, tenant: Tenant) -> None:
    status, problem = space.ask(EMAIL | {"email_verified": "false"})

    assert (status, problem["type"]) == (403, "urn:sesame:problem:unverified-email")
    assert "vérifier votre adresse" in problem["detail"]


def test_the_calls_of_the_personal_space_are_counted(space: Space, tenant: Tenant) -> None:
    space.entry.pepper.hash("warm", "up")

    with count_calls(*space.clients) as calls:
        space.ask(INE)

    assert calls == [
        "BatchGetItem",
        "BatchGetItem",
        "Query",
        "BatchGetItem",
        "BatchGetItem",
        "Decrypt",
        "TransactWriteItems",
    ]


def test_an_address_that_a_desk_has_just_changed_shows_nothing_until_it_is_approved(
    space: Space, aws: Any
) -> None:
    tenant = admit(aws, ine=None)
    hold = ContactHold(
        until=datetime.now(UTC) + timedelta(hours=24),
        held=(Channel.EMAIL,),
        recovery_id="r",
        changed_by=("agent",),
    )

    def on_record(hold: ContactHold) -> None:
        person = keys.person(tenant.person.person_id)
        aws.identity.update(person, "SET #h = :hold", values={":hold": hold_item(hold)}, names={"#h": "hold"})

    on_record(hold)
    assert space.ask(EMAIL)[0] == 403
    on_record(replace(hold, approved_by="colleague"))
    assert space.ask(EMAIL)[0] == 200


def test_who_looks_twice_within_the_hour_is_told_once_and_both_looks_are_kept(
    space: Space, aws: Any, tenant: Tenant
) -> None:
    other = admit_again(aws, tenant)
    for _ in range(2):
        space.ask(INE)

    told = [
        item["announce"]
        for one in (tenant, other)
        for item in aws.operations.query(f"AUDIT#{one.lease.lease_id}").items
        if "announce" in item
    ]
    assert len(told) == 2
    assert len({one["id"] for one in told}) in {1, 2}  # the hour may just have turned
    assert {one["way"] for one in told} == {"personal_space"}
    assert [len(Audit(aws.operations).of(one.lease.lease_id).entries) for one in (tenant, other)] == [2, 2]
