"""The right to one's data, as API Gateway calls it: status, words, whose, and what each call costs."""

import json
from datetime import UTC, datetime
from secrets import token_bytes
from types import ModuleType
from typing import Any

import pytest

from sesame.platform import aws as platform_aws
from sesame.platform.ids import new_id
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from tests.integration.aws_calls import count_calls
from tests.integration.conftest import ROOT
from tests.integration.entries import http_event, load, prepare
from tests.integration.tenants import Tenant, admit


class Caller:
    """Somebody with an HTTP client, and a look into the mailbox."""

    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        prepare(aws, monkeypatch)
        self.codes, self.privacy = load("codes/api"), load("privacy/api")
        self.clients = [platform_aws.client(name) for name in ("dynamodb", "kms", "secretsmanager")]

    def call(
        self, method: str, path: str, body: Any = None, of: ModuleType | None = None, **headers: Any
    ) -> dict[str, Any]:
        answer = (of or self.privacy).handler(http_event(method, path, body, **headers), None)
        return {
            "status": answer["statusCode"],
            "body": json.loads(answer["body"] or "null"),
            "headers": answer["headers"],
        }

    def one_time_code(self, challenge_id: str) -> str:
        made = OneTimeCodes(
            self.codes.challenges,
            self.codes.pacing,
            self.codes.pepper,
            lambda: datetime.now(UTC),
            token_bytes,
        ).prepare(challenge_id, new_id())
        assert isinstance(made, OneTimeCode)
        return made.shown

    def sign_in(self, tenant: Tenant) -> dict[str, Any]:
        started = self.call("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code}, of=self.codes)
        sign_in_id = started["body"]["sign_in_id"]
        otp = self.one_time_code(sign_in_id)
        opened = self.call("POST", f"/v1/sign-ins/{sign_in_id}/confirm", {"otp": otp}, of=self.codes)
        return {"authorization": f"Bearer {opened['body']['session_token']}"}


@pytest.fixture
def caller(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(aws, monkeypatch)


@pytest.fixture
def session(caller: Caller, aws: Any) -> dict[str, Any]:
    return caller.sign_in(admit(aws, phone="+33639981234"))


@pytest.fixture
def stranger(caller: Caller, aws: Any) -> dict[str, Any]:
    return caller.sign_in(admit(aws, email="x@example.org", ine="861583842CH"))


def test_a_copy_is_asked_for_and_looked_at(caller: Caller, session: dict[str, Any]) -> None:
    asked = caller.call("POST", "/v1/me/data-exports", **session)
    looked = caller.call("GET", asked["headers"]["Location"], **session)

    assert asked["status"] == 202
    assert asked["body"]["status"] == "requested"
    assert asked["headers"]["Location"] == f"/v1/me/data-exports/{asked['body']['export_id']}"
    assert looked["status"] == 200
    assert looked["body"] == asked["body"]


def test_anothers_copy_is_not_found_like_one_that_never_was(
    caller: Caller, session: dict[str, Any], stranger: dict[str, Any]
) -> None:
    asked = caller.call("POST", "/v1/me/data-exports", **session)

    theirs = caller.call("GET", asked["headers"]["Location"], **stranger)
    never = caller.call("GET", "/v1/me/data-exports/x%00", **stranger)

    assert (theirs["status"], theirs["body"]) == (never["status"], never["body"])
    assert theirs["status"] == 404


def test_an_erasure_from_the_plan_to_the_code_and_back(caller: Caller, session: dict[str, Any]) -> None:
    plan = caller.call("GET", "/v1/me/erasure", **session)
    started = caller.call("POST", "/v1/me/confirmations", {"purpose": "erasure"}, **session)
    body = {
        "confirmation_id": started["body"]["confirmation_id"],
        "otp": caller.one_time_code(started["body"]["confirmation_id"]),
    }
    asked = caller.call("POST", "/v1/me/erasure", body, **session)
    seen = caller.call("GET", "/v1/me/erasure", **session)
    back = caller.call("DELETE", "/v1/me/erasure", **session)
    again = caller.call("DELETE", "/v1/me/erasure", **session)

    assert plan["body"]["state"] is None
    assert started["status"] == 202
    assert asked["status"] == 202
    assert asked["body"] == seen["body"]
    assert asked["body"]["state"] == "asked"
    waited = datetime.fromisoformat(asked["body"]["erases_at"]) - datetime.fromisoformat(
        asked["body"]["asked_at"]
    )
    assert waited.total_seconds() == 24 * 3600
    assert (asked["body"]["erased"], asked["body"]["kept"]) == (plan["body"]["erased"], plan["body"]["kept"])
    email = next(line for line in plan["body"]["kept"] if line["category"] == "email")
    assert (email["reason"], email["until"]) == ("tenancy", "2027-08-31")
    assert email["law"] == "RGPD, article 6, 1, b"
    assert (back["status"], again["status"]) == (204, 404)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"confirmation_id": "", "otp": "1234 5678"},
        {"confirmation_id": "x" * 65, "otp": "1234 5678"},
        {"confirmation_id": ["x"], "otp": 5},
        {"confirmation_id": "\ud800", "otp": "1"},
    ],
)
def test_hostile_bodies_are_a_clear_422(caller: Caller, session: dict[str, Any], body: Any) -> None:
    assert caller.call("POST", "/v1/me/erasure", body, **session)["status"] == 422


@pytest.mark.parametrize("confirmation_id", ["x", "0" * 26, "%00", "\u0000", "é"])
def test_a_confirmation_that_never_was_is_a_wrong_one_time_code(
    caller: Caller, session: dict[str, Any], confirmation_id: str
) -> None:
    body = {"confirmation_id": confirmation_id, "otp": "1234 5678"}

    answer = caller.call("POST", "/v1/me/erasure", body, **session)

    assert (answer["status"], answer["body"]["type"]) == (422, "urn:sesame:problem:wrong-one-time-code")


def test_a_mistyped_one_time_code_signs_nobody_out(caller: Caller, session: dict[str, Any]) -> None:
    started = caller.call("POST", "/v1/me/confirmations", {"purpose": "erasure"}, **session)
    confirmation_id = started["body"]["confirmation_id"]
    otp = caller.one_time_code(confirmation_id)
    mistyped = {"confirmation_id": confirmation_id, "otp": f"{otp[:-1]}{(int(otp[-1]) + 1) % 10}"}

    refused = caller.call("POST", "/v1/me/erasure", mistyped, **session)
    without_a_session = caller.call("POST", "/v1/me/erasure", mistyped, authorization="Bearer x")
    asked = caller.call("POST", "/v1/me/erasure", mistyped | {"otp": otp}, **session)

    assert refused["status"] == 422
    assert refused["body"]["detail"] == "Vérifiez le code reçu ; essais restants : 4."
    assert without_a_session["status"] == 401
    assert asked["status"] == 202


def test_who_waits_for_a_code_is_told_as_much_as_at_a_sign_in(
    caller: Caller, aws: Any, session: dict[str, Any]
) -> None:
    code = {"tenant_code": admit(aws, email="y@example.org", ine=None).printed_code}
    sign_in = caller.call("POST", "/v1/sign-ins", code, of=caller.codes)["body"]
    started = caller.call("POST", "/v1/me/confirmations", {"purpose": "erasure"}, **session)["body"]

    assert set(started) - {"confirmation_id"} == set(sign_in) - {"sign_in_id"}
    assert (started["help"], started["expires_in_seconds"]) == ("/v1/code-recoveries/help", 600)
    assert 0 < started["resend_after_seconds"] <= 30


def test_anothers_confirmation_confirms_nothing(
    caller: Caller, session: dict[str, Any], stranger: dict[str, Any]
) -> None:
    started = caller.call("POST", "/v1/me/confirmations", {"purpose": "erasure"}, **session)
    confirmation_id = started["body"]["confirmation_id"]
    body = {"confirmation_id": confirmation_id, "otp": caller.one_time_code(confirmation_id)}

    assert caller.call("POST", "/v1/me/erasure", body, **stranger)["status"] == 422


def test_without_a_session_nothing_is_told(caller: Caller) -> None:
    for method, path in (
        ("POST", "/v1/me/data-exports"),
        ("GET", "/v1/me/data-exports/x"),
        ("POST", "/v1/me/confirmations"),
        ("GET", "/v1/me/erasure"),
        ("POST", "/v1/me/erasure"),
        ("DELETE", "/v1/me/erasure"),
    ):
        answer = caller.call(
            method, path, {"purpose": "erasure", "confirmation_id": "x", "otp": "1"}, authorization="Bearer x"
        )
        assert answer["status"] in {401, 422}, path


def test_the_calls_of_each_route_stay_within_their_budgets(caller: Caller, session: dict[str, Any]) -> None:
    counted: dict[str, int] = {}
    for name, method, path, body in (
        ("export asked", "POST", "/v1/me/data-exports", None),
        ("confirmation", "POST", "/v1/me/confirmations", {"purpose": "erasure"}),
        ("plan", "GET", "/v1/me/erasure", None),
    ):
        with count_calls(*caller.clients) as calls:
            caller.call(method, path, body, **session)
        counted[name] = len([call for call in calls if call != "GetSecretValue"])

    assert counted == {"export asked": 2, "confirmation": 2, "plan": 6}


def test_the_queues_function_makes_the_copy_that_a_real_event_names(
    caller: Caller, aws: Any, session: dict[str, Any]
) -> None:
    asked = caller.call("POST", "/v1/me/data-exports", **session)
    event = json.loads((ROOT / "events" / "queue-data-export.json").read_text("utf-8"))
    [record] = event["Records"]
    record["body"] = record["body"].replace("0123456789abcdefghjkmnpqrs", asked["body"]["export_id"])

    answer = load("privacy/export").handler(event, None)
    ready = caller.call("GET", asked["headers"]["Location"], **session)

    assert answer == {"batchItemFailures": []}
    assert ready["body"]["status"] == "ready"
    assert ready["body"]["download_url"].startswith("https://")


def test_the_schedules_function_runs_on_a_real_event_and_counts_its_run(
    caller: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    event = json.loads((ROOT / "events" / "schedule.json").read_text("utf-8"))

    outcome = load("privacy/erase").handler(event, None)

    assert outcome == {"erased": 0, "failed": 0, "finished": True}
    assert '"ErasureRun": 1' in capsys.readouterr().out
