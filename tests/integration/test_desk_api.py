"""The desk's routes, as the gateway calls them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.entries import load, prepare
from tests.integration.import_fixtures import cells_of, desk_on, lease_file
from tests.integration.staff_members import enrol

ENTRY = Path(__file__).parents[2] / "functions" / "desk" / "api.py"
LEASE = {
    "reference": "L1",
    "residence": "Les Tanneurs",
    "address": "14 rue des Tanneurs",
    "postal_code": "69005",
    "city": "Lyon",
    "room": "C209",
    "family_name": "Nguyễn",
    "given_names": "Zoé",
    "birth_date": "2000-01-18",
    "email": "zoe@example.org",
    "starts_on": "2026-09-01",
    "ends_on": "2027-08-31",
    "rent_cents": 35194,
    "charges_cents": 3560,
    "deposit_cents": 35194,
}


class DeskApi:
    """The desk's function, called with the gateway's events."""

    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        groups: str = "[manager]",
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers and body; text bodies go as text and others in base64, as the gateway does."""
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        kind = named.get("content-type", "application/json")
        is_text = kind.startswith(("text/", "application/json"))
        path, _, query = path.partition("?")
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": query,
            "queryStringParameters": dict([query.split("=")]) if query else None,
            "headers": {"content-type": kind, **named},
            "requestContext": {
                "stage": "$default",
                "requestId": "r1",
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
                "authorizer": {"jwt": {"claims": {"sub": "staff-1", "cognito:groups": groups}}},
            },
            "body": None
            if body is None
            else body.decode(errors="replace")
            if is_text
            else base64.b64encode(body).decode(),
            "isBase64Encoded": body is not None and not is_text,
        }
        answer = self._handler(event, object())
        return answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"]

    def upload(self, data: bytes, kind: str = "application/octet-stream", **headers: str) -> Any:
        """Posts a file: its import."""
        return self.call("POST", "/v1/desk/lease-imports", data, content_type=kind, **headers)


@pytest.fixture
def api(aws: Any, monkeypatch: pytest.MonkeyPatch) -> DeskApi:
    prepare(aws, monkeypatch)
    enrol(aws, "staff-1")
    return DeskApi(load("desk/api").handler)


def work(aws: Any, clock: Any, import_id: str) -> None:
    desk = desk_on(aws, clock)
    desk.announce(import_id)
    desk.work()


def posted(api: DeskApi, lease: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    status, _, body = api.call("POST", "/v1/desk/leases", json.dumps(lease).encode(), **headers)
    return status, json.loads(body)


def test_a_lease_is_admitted_and_shows_only_the_end_of_its_code(api: DeskApi) -> None:
    status, body = posted(api, LEASE)

    assert status == 201
    assert set(body) == {"lease_id", "tenant_reference", "code_tail"}
    assert len(body["code_tail"]) == 2


def test_the_same_lease_sent_again_is_the_same_lease(api: DeskApi) -> None:
    assert posted(api, LEASE) == posted(api, LEASE)


def test_another_lease_under_the_same_reference_is_a_conflict(api: DeskApi) -> None:
    posted(api, LEASE)

    status, body = posted(api, LEASE | {"rent_cents": 1}, accept_language="en")

    assert status == 409
    assert body["errors"][0]["field"] == "reference"
    assert "other terms" in body["errors"][0]["reason"]


def test_every_bad_field_of_a_lease_is_named_in_the_callers_language(api: DeskApi) -> None:
    status, body = posted(api, LEASE | {"rent_cents": -1200, "email": "pas de mail", "given_names": "Th?"})

    assert status == 422
    assert [error["field"] for error in body["errors"]] == ["given_names", "email", "rent_cents"]
    assert all(error["reason"] and error["remedy"] for error in body["errors"])


def test_the_desk_may_admit_where_the_residence_is_known_only(api: DeskApi) -> None:
    unknown, body = posted(api, LEASE, groups="[desk]")
    posted(api, LEASE)
    known, _ = posted(api, LEASE | {"reference": "L2"}, groups="[desk]")

    assert (unknown, body["errors"][0]["field"], known) == (422, "residence", 201)


@pytest.mark.parametrize("groups", ["[accountant]", "[]", ""])
def test_other_staff_may_neither_admit_nor_import_nor_read_a_report(api: DeskApi, groups: str) -> None:
    assert posted(api, LEASE, groups=groups)[0] == 403
    assert api.upload(lease_file([cells_of(1)]), groups=groups)[0] == 403
    assert api.call("GET", "/v1/desk/lease-imports/x", groups=groups)[0] == 403


def test_a_file_in_any_encoding_is_taken_as_octets_and_reported(api: DeskApi, aws: Any, clock: Any) -> None:
    data = lease_file([cells_of(1, family_name="Müller"), cells_of(2, family_name="Th?")], "cp1252")

    status, headers, body = api.upload(data)
    taken = json.loads(body)
    work(aws, clock, taken["import_id"])
    _, _, report = api.call("GET", headers["location"], accept_language="en")

    assert (status, taken["status"]) == (202, "queued")
    assert headers["location"] == f"/v1/desk/lease-imports/{taken['import_id']}"
    assert json.loads(report) == {
        "import_id": taken["import_id"],
        "kind": "leases",
        "status": "done",
        "progress": 100,
        "encoding": "windows-1252",
        "ignored_columns": [],
        "rows": 2,
        "created": 1,
        "unchanged": 0,
        "rejected": 1,
        "residences_created": ["les-tanneurs-69005"],
        "problems": [
            {
                "line": 3,
                "column": "Nom",
                "fault": "lost_letters",
                "reason": (
                    "Letters were lost in the export: a question mark or a diamond stands in their place."
                ),
                "remedy": "Export again as “CSV UTF-8”, or type the word with its letters.",
            }
        ],
        "problems_omitted": 0,
        "notes": [],
    }


@pytest.mark.parametrize("asked", ["?format=csv", "accept"])
def test_the_refused_rows_are_given_as_csv_when_asked(api: DeskApi, aws: Any, clock: Any, asked: str) -> None:
    _, headers, body = api.upload(lease_file([cells_of(1, room="=cmd()")]))
    work(aws, clock, json.loads(body)["import_id"])

    if asked == "accept":
        status, answered, text = api.call("GET", headers["location"], accept="text/csv")
    else:
        status, answered, text = api.call("GET", headers["location"] + asked)

    assert (status, answered["content-type"]) == (200, "text/csv; charset=utf-8")
    assert "attachment" in answered["content-disposition"]
    assert ";'=cmd();" in text


def test_a_utf_8_file_may_be_sent_as_text(api: DeskApi) -> None:
    assert api.upload(lease_file([cells_of(1)]), "text/csv; charset=utf-8")[0] == 202


def test_a_text_whose_letters_the_gateway_lost_is_refused_with_the_remedy(api: DeskApi) -> None:
    status, _, body = api.upload(lease_file([cells_of(1, family_name="Müller")], "cp1252"), "text/csv")

    assert status == 415
    assert "application/octet-stream" in json.loads(body)["detail"]


def test_a_form_may_carry_the_file(api: DeskApi, aws: Any, clock: Any) -> None:
    data = lease_file([cells_of(1)])
    form = (
        b'--frontier\r\nContent-Disposition: form-data; name="note"\r\n\r\nseptembre\r\n'
        b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="baux.csv"\r\n'
        b"Content-Type: text/csv\r\n\r\n" + data + b"\r\n--frontier--\r\n"
    )

    status, _, body = api.upload(form, "multipart/form-data; boundary=frontier")
    import_id = json.loads(body)["import_id"]

    assert status == 202
    assert aws.s3.get_object(Bucket=aws.bucket, Key=f"imports/{import_id}")["Body"].read() == data


def test_a_form_without_one_file_is_refused(api: DeskApi) -> None:
    assert api.upload(b"--f\r\n\r\nx\r\n--f--", "multipart/form-data; boundary=f")[0] == 422
    assert api.upload(b"x", "multipart/form-data")[0] == 422


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"", "application/octet-stream", 422),
        (b"PK\x03\x04", "application/octet-stream", 422),
        (b"x" * 5_000_000, "application/octet-stream", 413),
        (b"x" * 7_000_000, "application/octet-stream", 413),
        (b"{}", "application/json", 415),
        (b"x", "image/png", 415),
    ],
)
def test_what_is_not_a_lease_file_is_refused_at_once(
    api: DeskApi, data: bytes, kind: str, status: int
) -> None:
    answered, headers, body = api.upload(data, kind)

    assert (answered, headers["content-type"]) == (status, "application/problem+json")
    assert status != 415 or "CSV" in json.loads(body)["detail"]


def test_a_report_that_does_not_exist_is_not_found(api: DeskApi) -> None:
    assert api.call("GET", "/v1/desk/lease-imports/nothing")[0] == 404
