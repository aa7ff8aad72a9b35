"""What every HTTP function does alike: errors as problem documents, languages, limits, one log line."""

import json
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.platform.errors import Forbidden, TooManyRequests
from sesame.platform.http import Api, Language, Shown, Source, StrictModel, negotiate

SAMPLE = Path(__file__).resolve().parents[2] / "events" / "http-sign-in.json"


class Asked(StrictModel):
    name: str
    born_on: date


class Answered(Shown):
    greeting: str
    source: str


def make_api() -> Api:
    api = Api(max_json_bytes=1000)

    @api.post("/v1/greetings", status=201, errors=[Forbidden])
    def greet(body: Asked, language: Language, source: Source) -> Answered:
        if body.name == "nobody":
            raise Forbidden(detail_fr="Pas vous.", detail_en="Not you.")
        if body.name == "everybody":
            raise TooManyRequests(retry_after=30)
        if body.name == "bug":
            raise RuntimeError(f"secret {body.name}")
        return Answered(greeting={"fr": "Bonjour", "en": "Hello"}[language], source=source)

    return api


def send(body: Any, *, path: str = "/v1/greetings", **headers: str) -> dict[str, Any]:
    event = json.loads(SAMPLE.read_text("utf-8"))
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["routeKey"] = f"POST {path}"
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    return make_api().handler(event, None)


GOOD = {"name": "Zoé", "born_on": "2004-05-31"}


def test_a_good_request_gets_its_status_and_its_answer_in_its_language() -> None:
    answer = send(GOOD, accept_language="en-GB,en;q=0.9")

    assert answer["statusCode"] == 201
    assert json.loads(answer["body"]) == {"greeting": "Hello", "source": "203.0.113.7"}


def test_nothing_that_we_answer_is_kept_by_a_cache() -> None:
    assert send(GOOD)["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("language", "detail"), [("fr", "Pas vous."), ("en", "Not you.")])
def test_a_problem_is_rfc_9457_in_the_callers_language(language: str, detail: str) -> None:
    answer = send(GOOD | {"name": "nobody"}, accept_language=language)

    assert answer["statusCode"] == 403
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["headers"]["Content-Language"] == language
    assert json.loads(answer["body"])["detail"] == detail
    assert json.loads(answer["body"])["type"] == "urn:sesame:problem:forbidden"


def test_too_many_requests_say_when_to_try_again() -> None:
    assert send(GOOD | {"name": "everybody"})["headers"]["Retry-After"] == "30"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"name": "Zoé"}, "born_on", "champ obligatoire"),
        (GOOD | {"born_on": "31/02/2004"}, "born_on", "date attendue, par exemple 2004-05-31"),
        (GOOD | {"nom": "x"}, "nom", "champ inconnu"),
        (GOOD | {"name": 3}, "name", "texte attendu"),
    ],
)
def test_a_wrong_field_is_named_with_its_reason(body: Any, field: str, reason: str) -> None:
    answer = send(body)

    assert answer["statusCode"] == 422
    assert json.loads(answer["body"])["errors"] == [{"field": field, "reason": reason}]


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"x"', "[" * 400, '{"name": "\\ud800", "born_on": 1}']
)
def test_a_body_that_cannot_be_read_is_a_clear_422(body: str) -> None:
    assert send(body)["statusCode"] == 422


def test_a_body_of_another_type_is_a_415() -> None:
    assert send("<x/>", content_type="application/xml")["statusCode"] == 415


def test_a_body_over_its_limit_is_refused_before_it_is_read() -> None:
    answer = send(GOOD | {"name": "x" * 2000})

    assert answer["statusCode"] == 413
    assert json.loads(answer["body"])["type"] == "urn:sesame:problem:too-large"


def test_a_path_that_is_not_there_is_a_problem_too() -> None:
    answer = send(GOOD, path="/v1/nowhere")

    assert answer["statusCode"] == 404
    assert json.loads(answer["body"])["type"] == "urn:sesame:problem:not-found"


def test_a_fault_of_ours_says_nothing_of_it_outside_and_only_its_place_in_the_log(
    log: StringIO,
) -> None:
    answer = send(GOOD | {"name": "bug"})

    assert answer["statusCode"] == 500
    assert "secret" not in answer["body"] + log.getvalue()
    assert "RuntimeError at" in log.getvalue()


def test_a_request_is_one_log_line_without_what_it_carried(log: StringIO) -> None:
    send(GOOD)

    [line] = log.getvalue().strip().splitlines()
    logged = json.loads(line)
    assert (logged["route"], logged["status"]) == ("POST /v1/greetings", 201)
    assert "Zoé" not in line
    assert "2004" not in line.replace(str(logged["timestamp"]), "")
    assert "203.0.113.7" not in line


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("de", "fr"),
        ("en", "en"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("de,fr;q=0.8,en;q=0.9", "en"),
        ("fr;q=0.5,en;q=0.4", "fr"),
        ("en;q=0", "fr"),
        ("*", "fr"),
    ],
)
def test_the_language_is_the_one_the_caller_likes_better(header: str, language: str) -> None:
    assert negotiate(header) == language


@given(st.text())
def test_any_accept_language_header_gives_a_language(header: str) -> None:
    assert negotiate(header) in {"fr", "en"}


def test_an_ipv6_caller_is_known_by_the_network() -> None:
    event = json.loads(SAMPLE.read_text("utf-8"))
    event["rawPath"] = event["requestContext"]["http"]["path"] = "/v1/greetings"
    event["requestContext"]["http"]["sourceIp"] = "2001:db8:1:2:3:4:5:6"
    event["body"] = json.dumps(GOOD)

    answer = make_api().handler(event, None)

    assert json.loads(answer["body"])["source"] == "2001:db8:1:2::/64"


def test_where_json_breaks_off_is_called_no_field() -> None:
    answer = send('{"name": }')

    assert json.loads(answer["body"])["errors"] == [{"field": "", "reason": "JSON illisible"}]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_a_clear_422(kind: str) -> None:
    assert send("name=x", content_type=kind)["statusCode"] == 422
