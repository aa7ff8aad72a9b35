"""Ways in, as API Gateway calls them: status, words, and how many AWS calls each takes."""

import json
from datetime import UTC, datetime
from secrets import token_bytes
from types import ModuleType
from typing import Any

import pytest

from sesame.domain import codes
from sesame.platform import aws as platform_aws
from sesame.platform.ids import new_id
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from tests.integration.aws_calls import count_calls
from tests.integration.entries import http_event, load, prepare
from tests.integration.tenants import Tenant, admit


class Caller:
    """Somebody with an HTTP client, and a look into the mailbox."""

    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        prepare(aws, monkeypatch)
        self.codes, self.tenancy = load("codes/api"), load("tenancy/api")
        self.credentials = load("codes/credentials")
        self.clients = [platform_aws.client(name) for name in ("dynamodb", "kms", "secretsmanager")]

    def ask(
        self, method: str, path: str, body: Any = None, *, of: ModuleType | None = None, **headers: str
    ) -> tuple[int, Any]:
        answer = (of or self.codes).handler(http_event(method, path, body, **headers), None)
        return answer["statusCode"], json.loads(answer["body"] or "null")

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

    def token(self, tenant: Tenant) -> str:
        _, started = self.ask("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code})
        otp = self.one_time_code(started["sign_in_id"])
        _, opened = self.ask("POST", f"/v1/sign-ins/{started['sign_in_id']}/confirm", {"otp": otp})
        return str(opened["session_token"])


@pytest.fixture
def caller(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(aws, monkeypatch)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws, phone="+33639981234")


def test_a_sign_in_from_code_to_session_to_sign_out(caller: Caller, tenant: Tenant) -> None:
    token = caller.token(tenant)
    seen = caller.ask("GET", "/v1/me", of=caller.tenancy, authorization=f"Bearer {token}")
    left = caller.ask(
        "DELETE", "/v1/me/sessions/current", of=caller.credentials, authorization=f"Bearer {token}"
    )
    after = caller.ask("GET", "/v1/me", of=caller.tenancy, authorization=f"Bearer {token}")

    assert seen[0] == 200
    assert seen[1]["lease"]["tenant_code_ends_with"] == tenant.lease.code_tail
    assert left[0] == 204
    assert after[0] == 401


@pytest.mark.parametrize(
    "identity",
    [{"email": " HUONG@example.org "}, {"ine": "170669074dk"}, {"phone": "06 39 98 12 34"}],
    ids=["email", "ine", "phone"],
)
def test_a_recovery_gives_the_code_back_however_the_contact_is_written(
    caller: Caller, tenant: Tenant, identity: dict[str, str]
) -> None:
    status, started = caller.ask("POST", "/v1/code-recoveries", identity | {"birth_date": "2004-05-31"})
    otp = caller.one_time_code(started["recovery_id"])
    confirmed = caller.ask("POST", f"/v1/code-recoveries/{started['recovery_id']}/confirm", {"otp": otp})

    assert status == 202
    assert confirmed[0] == 200
    assert confirmed[1]["tenant_code"] == tenant.printed_code
    assert confirmed[1]["leases"][0]["residence"] == "Les Tilleuls"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"birth_date": "2004-05-31"}, "soit l'adresse"),
        ({"email": "a@example.org", "ine": "170669074DK", "birth_date": "2004-05-31"}, "soit l'adresse"),
        ({"email": "pas de mail", "birth_date": "2004-05-31"}, "adresse e-mail"),
        ({"ine": "12345", "birth_date": "2004-05-31"}, "onze caractères"),
        ({"phone": "06", "birth_date": "2004-05-31"}, "incomplet"),
    ],
)
def test_what_identifies_nobody_is_said_in_words(caller: Caller, body: dict[str, str], words: str) -> None:
    status, problem = caller.ask("POST", "/v1/code-recoveries", body)

    assert status == 422
    assert words in problem["detail"]


def test_known_and_unknown_get_the_same_answers_to_the_letter(caller: Caller, tenant: Tenant) -> None:
    seen: list[list[Any]] = []
    caller.codes.pepper.hash("warm", "up")  # the first request of a process also reads the pepper
    for code in (tenant.printed_code, codes.STANDARD.printed(codes.STANDARD.new(token_bytes))):
        with count_calls(*caller.clients) as calls:
            first = caller.ask("POST", "/v1/sign-ins", {"tenant_code": code})
            sign_in_id = first[1].pop("sign_in_id")
            again = caller.ask("POST", "/v1/sign-ins", {"tenant_code": code})
            wrong = caller.ask("POST", f"/v1/sign-ins/{sign_in_id}/confirm", {"otp": "0000 0000"})
        seen.append([first, again, wrong, calls])

    assert [status for status, _ in seen[0][:3]] == [202, 429, 401]
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "challenge_id", ["x", "0" * 26, "9" * 5000, "%00", "é"], ids=["short", "unknown", "long", "nul", "letter"]
)
@pytest.mark.parametrize("way", ["sign-ins", "code-recoveries"])
def test_an_id_that_never_was_is_a_wrong_one_time_code(caller: Caller, way: str, challenge_id: str) -> None:
    status, problem = caller.ask("POST", f"/v1/{way}/{challenge_id}/confirm", {"otp": "1234 5678"})

    assert status == 401
    assert problem["type"] == "urn:sesame:problem:wrong-one-time-code"


@pytest.mark.parametrize(
    "body", ['{"tenant_code": ' + "1" * 5000 + "}", '{"tenant_code": null}', '{"tenant_code": ["7"]}', "7"]
)
def test_hostile_bodies_are_a_clear_422(caller: Caller, body: str) -> None:
    assert caller.ask("POST", "/v1/sign-ins", body)[0] == 422


def test_a_rotated_pepper_does_not_kill_the_codes_on_their_way(
    caller: Caller, aws: Any, tenant: Tenant
) -> None:
    _, started = caller.ask("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code})
    otp = caller.one_time_code(started["sign_in_id"])
    aws.secrets.put_secret_value(
        SecretId=aws.pepper_secret,
        SecretString=json.dumps({"current": "2", "1": "p" * 64, "2": "q" * 64}),
    )
    caller.codes.pepper.secrets._kept.clear()

    assert caller.ask("POST", f"/v1/sign-ins/{started['sign_in_id']}/confirm", {"otp": otp})[0] == 200


def test_the_calls_of_each_way_in_stay_within_their_budgets(caller: Caller, tenant: Tenant) -> None:
    token = caller.token(tenant)
    counted: dict[str, int] = {}

    with count_calls(*caller.clients) as calls:
        caller.tenancy.check(token)
    counted["session check"] = len(calls)
    with count_calls(*caller.clients) as calls:
        caller.ask("GET", "/v1/me", of=caller.tenancy, authorization=f"Bearer {token}")
    counted["me"] = len(calls)
    with count_calls(*caller.clients) as calls:
        caller.ask(
            "POST", "/v1/sign-ins", {"tenant_code": codes.STANDARD.printed(codes.STANDARD.new(token_bytes))}
        )
    counted["sign-in start"] = len(calls)
    _, started = caller.ask("POST", "/v1/code-recoveries", {"ine": "170669074DK", "birth_date": "2004-05-31"})
    otp = caller.one_time_code(started["recovery_id"])
    with count_calls(*caller.clients) as calls:
        caller.ask("POST", f"/v1/code-recoveries/{started['recovery_id']}/confirm", {"otp": otp})
    counted["recovery confirmed"] = len(calls)

    assert counted == {"session check": 1, "me": 2, "sign-in start": 1, "recovery confirmed": 4}


def test_a_request_says_how_long_to_wait_and_where_help_is(caller: Caller, tenant: Tenant) -> None:
    _, started = caller.ask("POST", "/v1/code-recoveries", {"ine": "170669074DK", "birth_date": "2004-05-31"})
    _, advice = caller.ask("GET", started["help"])
    resent = caller.ask("POST", f"/v1/code-recoveries/{started['recovery_id']}/resend", {})

    assert (started["expires_in_seconds"], started["resend_after_seconds"]) == (600, 30)
    assert resent[0] == 429
    assert len(advice["steps"]) == 6
    assert "ne-pas-repondre@sesame.example" in advice["steps"][0]
    assert advice["desks"] == [
        {
            "residence": "Les Tilleuls",
            "address": ["12 rue des Tilleuls", "75013 Paris"],
            "postal_code": "75013",
            "city": "Paris",
            "contact": "",
        }
    ]


def test_the_list_of_sessions_names_the_device_that_signed_in(caller: Caller, tenant: Tenant) -> None:
    _, started = caller.ask("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code})
    sign_in_id = started["sign_in_id"]
    agent = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
    caller.ask(
        "POST",
        f"/v1/sign-ins/{sign_in_id}/confirm",
        {"otp": caller.one_time_code(sign_in_id)},
        user_agent=agent,
    )

    kept = caller.codes.identity.query(f"PERSON#{tenant.person.person_id}", "SESSION#").items

    assert [one["device"] for one in kept] == ["Firefox, Android"]
