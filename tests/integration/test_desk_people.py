"""The desk finds tenants, administrators set what staff see and read who did what."""

import json
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from types import ModuleType
from typing import Any

import pytest

from sesame.domain.scope import Scope
from sesame.domain.tenancy import LeaseStatus
from sesame.platform.ids import derived_id
from sesame.store.audit import Action, Audit, by_staff
from tests.integration.aws_calls import count_calls
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import as_staff, enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_staff_scope import ROW, SETTINGS

SEARCHES = "/v1/desk/lease-searches"
HERE = Scope(residence_ids=frozenset({RESIDENCE.residence_id}))
DESK = derived_id("staff", "desk-1")
BOSS = derived_id("staff", "boss@residences.example")


@pytest.fixture
def people(aws: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    prepare(aws, monkeypatch)
    enrol(aws, "desk-1", HERE)
    return load("desk/people")


@pytest.fixture
def staff(people: ModuleType) -> ModuleType:
    return load("desk/staff")


def ask(
    entry: ModuleType,
    method: str,
    path: str,
    body: Any = None,
    *,
    sub: str = "desk-1",
    roles: tuple[str, ...] = ("desk",),
    **query: str,
) -> tuple[int, Any]:
    event = as_staff(http_event(method, path, body, accept_language="en"), sub, *roles)
    event["queryStringParameters"] = query
    answer = entry.handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def as_boss(entry: ModuleType, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    roles = ("administrator",)
    return ask(entry, method, path, body, sub="boss@residences.example", roles=roles, **query)


def names(entry: ModuleType, **body: str) -> list[str]:
    status, found = ask(entry, "POST", SEARCHES, body)
    assert status == 200, found
    return sorted(lease["name"] for lease in found["leases"])


def in_room(aws: Any, tenant: Tenant, room: str, **terms: Any) -> None:
    """Writes other terms to a tenant's lease, as an amendment would."""
    item = aws.identity.get({"pk": f"LEASE#{tenant.lease.lease_id}", "sk": "LEASE"})
    aws.identity.put(item | {"room": room} | terms)


@pytest.fixture
def tenants(aws: Any) -> None:
    admit(aws)
    admit(
        aws,
        family_name="Nguyễn",
        given_names="Minh",
        email="minh@example.org",
        ine="170669075AB",
        phone="+33639981234",
    )
    admit(aws, family_name="O'Connor", given_names="Siân", email="sian@example.org", ine=None)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("nguyen", ["Minh Nguyễn", "Thị Hương Nguyễn"]),
        ("NGUYỄN", ["Minh Nguyễn", "Thị Hương Nguyễn"]),
        ("huong nguyen", ["Thị Hương Nguyễn"]),
        ("Nguyen thi", ["Thị Hương Nguyễn"]),
        ("guy min", ["Minh Nguyễn"]),
        ("oconnor", ["Siân O'Connor"]),
        ("o'connor sian", ["Siân O'Connor"]),
        ("o connor", ["Siân O'Connor"]),
        ("b204 sian", ["Siân O'Connor"]),
        ("minh@example.org", ["Minh Nguyễn"]),
        ("Minh@Example.ORG", ["Minh Nguyễn"]),
        ("170669074dk", ["Thị Hương Nguyễn"]),
        ("1706 69074 DK", ["Thị Hương Nguyễn"]),
        ("06 39 98 12 34", ["Minh Nguyễn"]),
        ("nobody", []),
        ("nobody@example.org", []),
    ],
)
@pytest.mark.usefixtures("tenants")
def test_a_tenant_is_found_however_they_are_written(people: ModuleType, query: str, found: list[str]) -> None:
    assert names(people, query=query) == found


@pytest.mark.usefixtures("tenants")
def test_all_that_is_asked_by_field_must_fit(people: ModuleType, aws: Any) -> None:
    in_room(aws, admit(aws, given_names="Lan", email="lan@example.org", ine=None), "C 301")

    assert names(people, name="nguyen", room="c301") == ["Lan Nguyễn"]
    assert names(people, room="301") == ["Lan Nguyễn"]
    assert names(people, email="minh@example.org", ine="170669075AB") == ["Minh Nguyễn"]
    assert names(people, email="minh@example.org", ine="170669074DK") == []
    assert names(people, phone="+33 6 39 98 12 34", name="huong") == []


def test_a_lease_is_found_by_its_tenant_reference(people: ModuleType, aws: Any) -> None:
    reference = admit(aws).lease.tenant_reference

    assert names(people, query=reference) == ["Thị Hương Nguyễn"]
    assert names(people, tenant_reference=reference) == ["Thị Hương Nguyễn"]


def test_people_who_share_an_address_are_both_found(people: ModuleType, aws: Any) -> None:
    admit(aws, given_names="An", ine=None)
    admit(aws, given_names="Binh", ine=None)

    assert names(people, query="huong@example.org") == ["An Nguyễn", "Binh Nguyễn"]


def test_a_lease_is_shown_with_its_contacts_masked(people: ModuleType, aws: Any) -> None:
    tenant = admit(aws, phone="+33639981234")

    _, answer = ask(people, "POST", SEARCHES, {"query": "huong"})
    _, details = ask(people, "GET", f"/v1/desk/leases/{tenant.lease.lease_id}")

    assert answer["more"] is False
    [found] = answer["leases"]
    assert found == {
        "lease_id": tenant.lease.lease_id,
        "name": "Thị Hương Nguyễn",
        "room": "B204",
        "residence_id": "les-tilleuls-75013",
        "residence": "Les Tilleuls",
        "starts_on": "2026-09-01",
        "ends_on": "2027-08-31",
        "status": "admitted",
        "ended": False,
        "tenant_reference": tenant.lease.tenant_reference,
        "code_tail": tenant.lease.code_tail,
        "contact_on_record": True,
        "email": "h•••@example.org",
        "phone": "+33•••••••34",
    }
    assert details == found | {
        "person_id": tenant.person.person_id,
        "language": "fr",
        "contact_change": None,
    }


@pytest.mark.parametrize("terms", [{"ends_on": "2020-08-31"}, {"status": LeaseStatus.CLOSED.value}])
def test_an_ended_lease_is_found_after_the_others_and_marked(
    people: ModuleType, aws: Any, terms: dict[str, str]
) -> None:
    in_room(aws, admit(aws, given_names="An", ine=None), "A1", **terms)
    admit(aws, given_names="Binh", ine=None)

    _, answer = ask(people, "POST", SEARCHES, {"query": "nguyen"})

    assert [(one["name"], one["ended"]) for one in answer["leases"]] == [
        ("Binh Nguyễn", False),
        ("An Nguyễn", True),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": " "}, "query"),
        ({"query": "n"}, "query"),
        ({"name": "-'"}, "query"),
        ({"query": "huong@"}, "query"),
        ({"email": "huong@"}, "email"),
        ({"ine": "123"}, "ine"),
        ({"phone": "12"}, "phone"),
        ({"tenant_reference": "1234567890"}, "tenant_reference"),
    ],
)
def test_a_search_that_cannot_find_anybody_says_which_field_to_mend(
    people: ModuleType, body: dict[str, str], field: str
) -> None:
    status, answer = ask(people, "POST", SEARCHES, body)

    assert (status, [error["field"] for error in answer["errors"]]) == (422, [field])
    assert answer["errors"][0]["reason"]


def test_fifty_are_shown_and_it_is_said_that_there_are_more(people: ModuleType, aws: Any) -> None:
    tenant = admit(aws)
    item = aws.identity.get({"pk": f"LEASE#{tenant.lease.lease_id}", "sk": "LEASE"})
    for number in range(50):
        copy = f"{number:026}"
        aws.identity.put(item | {"pk": f"LEASE#{copy}", "gsi1sk": f"LEASE#{copy}", "lease_id": copy})

    _, answer = ask(people, "POST", SEARCHES, {"query": "nguyen"})

    assert (len(answer["leases"]), answer["more"]) == (50, True)


def test_a_name_is_not_searched_over_more_than_twenty_residences(people: ModuleType, aws: Any) -> None:
    tenant = admit(aws)
    enrol(aws, "desk-1", Scope(residence_ids=HERE.residence_ids | {f"other-{n}" for n in range(20)}))

    status, answer = ask(people, "POST", SEARCHES, {"query": "nguyen"})

    assert (status, answer["type"]) == (422, "urn:sesame:problem:choose-residence")
    assert names(people, query="nguyen", residence_id=RESIDENCE.residence_id) == ["Thị Hương Nguyễn"]
    assert names(people, query=tenant.lease.tenant_reference) == ["Thị Hương Nguyễn"]


def test_a_residence_that_is_not_the_callers_is_not_searched(people: ModuleType, aws: Any) -> None:
    admit(aws)

    status, _ = ask(people, "POST", SEARCHES, {"query": "nguyen", "residence_id": "les-erables-35000"})

    assert status == 404


def test_who_has_no_role_searches_nobody(people: ModuleType) -> None:
    assert ask(people, "POST", SEARCHES, {"query": "nguyen"}, roles=())[0] == 403


def test_a_search_leaves_its_counts_and_never_what_was_typed(people: ModuleType, aws: Any) -> None:
    admit(aws)

    ask(people, "POST", SEARCHES, {"query": "nguyen", "residence_id": RESIDENCE.residence_id})
    ask(people, "POST", SEARCHES, {"query": "huong@example.org"})

    by_key, by_name = Audit(aws.operations).of(DESK).entries
    assert (by_name.action, by_name.residence_id) == (Action.LEASES_SEARCHED, RESIDENCE.residence_id)
    assert (dict(by_name.details), dict(by_key.details)) == (
        {"hits": 1, "by": "name"},
        {"hits": 1, "by": "key"},
    )
    assert by_name.source == aws.pepper.hash("source", "203.0.113.7")
    kept = json.dumps(aws.dynamodb.scan(TableName="operations")["Items"])
    assert not any(typed in kept for typed in ("nguyen", "huong", "203.0.113.7"))


@pytest.mark.usefixtures("tenants")
def test_a_search_by_name_reads_no_more_than_it_shows(people: ModuleType) -> None:
    names(people, query="minh")  # what a warm function keeps: the pepper

    with count_calls(people.dynamodb) as calls:
        names(people, query="nguyen")

    # The staff record; the residence's leases; their residence, their tenants; the entry that it leaves.
    assert calls == ["GetItem", "Query", "BatchGetItem", "BatchGetItem", "PutItem"]


def test_an_administrator_sets_what_a_member_of_staff_sees(
    staff: ModuleType, people: ModuleType, aws: Any
) -> None:
    tenant = admit(aws)
    _, before = ask(staff, "GET", "/v1/desk/me", sub="new")
    record = {"residence_ids": [RESIDENCE.residence_id], "person_id": tenant.person.person_id}

    status, shown = as_boss(staff, "PUT", f"/v1/desk/staff/{before['staff_id']}", record)
    _, after = ask(staff, "GET", "/v1/desk/me", sub="new")
    _, listed = as_boss(staff, "GET", "/v1/desk/staff")

    assert before == {
        "staff_id": derived_id("staff", "new"),
        "roles": ["desk"],
        "all_residences": False,
        "residence_ids": [],
    }
    assert (status, after["residence_ids"]) == (200, [RESIDENCE.residence_id])
    assert shown in listed["staff"]
    [entry] = Audit(aws.operations).of(BOSS).entries
    assert entry.action is Action.STAFF_SET
    assert entry.details["staff_id_set"] == before["staff_id"]


@pytest.mark.parametrize(
    "record", [{"residence_ids": ["nowhere-00000"]}, {"person_id": "0" * 26}, {"residence_ids": [""]}]
)
def test_a_record_names_only_what_exists(staff: ModuleType, aws: Any, record: dict[str, Any]) -> None:
    status, _ = as_boss(staff, "PUT", f"/v1/desk/staff/{DESK}", record)

    assert status == 422
    assert Audit(aws.operations).of(BOSS).entries == []


@pytest.mark.parametrize("staff_id", ["short", "A" * 26, "e" * 27])
def test_a_record_is_kept_under_a_staff_id_only(staff: ModuleType, staff_id: str) -> None:
    assert as_boss(staff, "PUT", f"/v1/desk/staff/{staff_id}", {})[0] == 422


def test_a_record_set_again_replaces_the_first(staff: ModuleType, aws: Any) -> None:
    admit(aws)
    as_boss(staff, "PUT", f"/v1/desk/staff/{DESK}", {"all_residences": True})
    as_boss(staff, "PUT", f"/v1/desk/staff/{DESK}", {"active": False})

    _, listed = as_boss(staff, "GET", "/v1/desk/staff")

    assert listed["staff"] == [
        {
            "staff_id": DESK,
            "all_residences": False,
            "residence_ids": [],
            "active": False,
            "person_id": None,
        }
    ]
    assert ask(staff, "GET", "/v1/desk/me")[1]["roles"] == []


def test_an_administrator_needs_no_record_to_see_all(staff: ModuleType) -> None:
    with count_calls(staff.dynamodb) as calls:
        _, me = as_boss(staff, "GET", "/v1/desk/me")

    assert (calls, me["all_residences"]) == (["GetItem"], True)


def test_an_administrators_record_can_end_what_they_may(staff: ModuleType, aws: Any) -> None:
    enrol(aws, "boss@residences.example", active=False)

    assert as_boss(staff, "GET", "/v1/desk/staff")[0] == 403


def test_the_audit_of_a_lease_is_read_page_by_page_and_reading_it_is_kept(
    people: ModuleType, aws: Any
) -> None:
    lease_id = admit(aws).lease.lease_id
    for second in range(100):
        at = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=second)
        entry = by_staff(Action.AUDIT_READ, at, staff_id=BOSS, random=token_bytes, lease_id=lease_id)
        Audit(aws.operations).record(entry)

    _, first = as_boss(people, "GET", f"/v1/desk/leases/{lease_id}/audit")
    _, full = as_boss(people, "GET", f"/v1/desk/leases/{lease_id}/audit")
    _, rest = as_boss(people, "GET", f"/v1/desk/leases/{lease_id}/audit", after=full["next"])

    assert (len(first["entries"]), len(full["entries"]), len(rest["entries"])) == (100, 100, 1)
    assert rest["next"] is None
    assert {entry["actor_id"] for entry in full["entries"]} == {BOSS}
    assert {entry["action"] for entry in full["entries"]} == {"audit_read"}


def test_the_audit_of_a_residence_is_read_by_month_and_that_of_staff_by_id(
    people: ModuleType, aws: Any
) -> None:
    admit(aws)
    ask(people, "POST", SEARCHES, {"query": "nguyen", "residence_id": RESIDENCE.residence_id})
    ask(people, "POST", SEARCHES, {"query": "nguyen"})
    month = f"{datetime.now(UTC):%Y-%m}"

    _, here = as_boss(people, "GET", "/v1/desk/audit", residence_id=RESIDENCE.residence_id, month=month)
    _, theirs = as_boss(people, "GET", "/v1/desk/audit", staff_id=DESK)

    assert [entry["action"] for entry in here["entries"]] == ["leases_searched"]
    assert [entry["action"] for entry in theirs["entries"]] == ["leases_searched"] * 2


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"residence_id": "x"},
        {"residence_id": "x", "month": "2026-13"},
        {"residence_id": "x", "month": "2026-09", "staff_id": DESK},
        {"staff_id": DESK, "after": "!"},
        {"staff_id": DESK, "after": "Lw"},
    ],
)
def test_an_audit_is_asked_for_by_one_of_two_ways(people: ModuleType, query: dict[str, str]) -> None:
    assert as_boss(people, "GET", "/v1/desk/audit", **query)[0] == 422


def test_a_months_audit_goes_on_where_its_page_ended(people: ModuleType, aws: Any) -> None:
    audit, month = Audit(aws.operations), f"{datetime.now(UTC):%Y-%m}"
    for lease_id in [admit(aws, ine=None).lease.lease_id for _ in range(3)]:
        as_boss(people, "GET", f"/v1/desk/leases/{lease_id}/audit")

    first = audit.of_residence(RESIDENCE.residence_id, month, limit=2)
    rest = audit.of_residence(RESIDENCE.residence_id, month, after=first.next, limit=2)

    assert (len(first.entries), len(rest.entries), rest.next) == (2, 1, None)
    assert len({entry.entry_id for entry in [*first.entries, *rest.entries]}) == 3


def test_who_admits_a_lease_or_sets_a_residence_is_kept(people: ModuleType, aws: Any) -> None:
    desk = load("desk/api")
    admit(aws)

    _, admitted = ask(desk, "POST", "/v1/desk/leases", ROW)
    ask(desk, "POST", "/v1/desk/leases", ROW)
    as_boss(desk, "PUT", f"/v1/desk/residences/{RESIDENCE.residence_id}", SETTINGS)

    [entry] = Audit(aws.operations).of(admitted["lease_id"]).entries
    [setting] = Audit(aws.operations).of(BOSS).entries
    assert (entry.action, entry.actor.id) == (Action.LEASE_ADMITTED, DESK)
    assert (setting.action, setting.residence_id) == (Action.RESIDENCE_SET, RESIDENCE.residence_id)
    assert entry.source == setting.source == aws.pepper.hash("source", "203.0.113.7")


def test_a_name_and_a_room_that_look_like_an_ine_find_the_tenant(people: ModuleType, aws: Any) -> None:
    admit(aws, family_name="Bernard", given_names="Lou", ine=None)

    _, answer = ask(people, "POST", SEARCHES, {"query": "Bernard B204"})

    assert [one["name"] for one in answer["leases"]] == ["Lou Bernard"]
