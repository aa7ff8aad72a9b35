"""HTTP: the one resolver that every API function uses, with errors as RFC 9457 and one log line a request.

A route reads as path, answer, errors, then a short function. Pydantic checks what comes in; a `Problem`
raised anywhere becomes `application/problem+json` in the caller's language.
"""

import ipaddress
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Depends, Request, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import AfterValidator, BaseModel, ConfigDict

from sesame.platform.errors import (
    InternalError,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    Unauthenticated,
    UnsupportedMedia,
)
from sesame.platform.logs import describe, logger

PROBLEM_JSON = "application/problem+json"
MAX_JSON_BYTES = 64 * 1024

_ID = re.compile(r"[0-9a-z]{26}")
_NOBODYS = "0" * 26
_VALIDATION = "aws_lambda_powertools.event_handler.middlewares.openapi_validation"

Security = Literal["public", "session", "staff", "student"]

_SECURITY: dict[Security, list[dict[str, list[str]]]] = {
    "public": [],
    "session": [{"session": []}],
    "staff": [{"staff": []}],
    "student": [{"student": []}],
}
_SAFETY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}

# What pydantic says, in the words of the person who has to mend it.
_REASONS: dict[str, dict[str, str]] = {
    "missing": {"fr": "champ obligatoire", "en": "this field is required"},
    "extra_forbidden": {"fr": "champ inconnu", "en": "unknown field"},
    "string_type": {"fr": "texte attendu", "en": "text expected"},
    "string_too_short": {"fr": "trop court", "en": "too short"},
    "string_too_long": {"fr": "trop long", "en": "too long"},
    "string_pattern_mismatch": {"fr": "format incorrect", "en": "wrong format"},
    "int_type": {"fr": "nombre entier attendu", "en": "whole number expected"},
    "int_parsing": {"fr": "nombre entier attendu", "en": "whole number expected"},
    "enum": {"fr": "valeur inconnue", "en": "unknown value"},
    "literal_error": {"fr": "valeur inconnue", "en": "unknown value"},
    "control_characters": {"fr": "caractères de contrôle refusés", "en": "control characters are refused"},
    "json_invalid": {"fr": "JSON illisible", "en": "unreadable JSON"},
}
_WRONG = {"fr": "valeur incorrecte", "en": "wrong value"}
_DATE = {"fr": "date attendue, par exemple 2004-05-31", "en": "date expected, for example 2004-05-31"}


class StrictModel(BaseModel):
    """Base of request bodies: unknown fields are refused, spaces around texts dropped, values immutable."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True, defer_build=True)


class Shown(BaseModel):
    """Base of answers. Like bodies, its validator is built when it is first used, not at every cold start."""

    model_config = ConfigDict(defer_build=True)


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 shapes it."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, Any]] | None = None


def negotiate(accept_language: str) -> Literal["fr", "en"]:
    """`fr` or `en`, as an Accept-Language header (RFC 9110, 12.5.4) prefers; French when in doubt."""
    best: tuple[float, Literal["fr", "en"]] = (0.0, "fr")
    for part in accept_language.split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.split("-")[0].lower()
        try:
            weight = float(parameters.partition("q=")[2]) if "q=" in parameters else 1.0
        except ValueError:
            continue
        if weight > best[0] and primary == "en":
            best = (weight, "en")
        elif weight > best[0] and primary == "fr":
            best = (weight, "fr")
    return best[1]


def _language(request: Request) -> str:
    return negotiate(request.headers.get("accept-language", ""))


def _source(request: Request) -> str:
    address = request.resolved_event["requestContext"]["http"]["sourceIp"]
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)  # noqa: PLR2004


def _known_form(text: str) -> str:
    return text if _ID.fullmatch(text) else _NOBODYS


Language = Annotated[str, Depends(_language)]
"""The caller's language: `fr` or `en`."""

Id = Annotated[str, Path(), AfterValidator(_known_form)]
"""An id in a path. What has not the form of ours becomes an id that nothing has: not found, like others."""

Source = Annotated[str, Depends(_source)]
"""The caller's network: an IPv4 address, or the /64 of an IPv6 one. Hash it before it is kept."""


def bearer_token(request: Request) -> str:
    """The token of an `Authorization: Bearer` header. Raises Unauthenticated where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    return token.strip()


def raw_body(request: Request, *, limit: int) -> bytes:
    """The body's bytes exactly as sent. Raises TooLarge above `limit` bytes, Invalid where there are none."""
    event = request.resolved_event
    body = event.body or ""
    if len(body) > limit * 4 // 3 + 4:
        raise TooLarge
    if event.is_base64_encoded:
        from base64 import b64decode  # noqa: PLC0415

        try:
            raw = b64decode(body)
        except ValueError as error:
            raise Invalid from error
    else:
        raw = body.encode()
    if len(raw) > limit:
        raise TooLarge
    return raw


def accepted[Body](body: Body, location: str) -> Response[Body]:
    """202: taken in, and where to ask how far it is."""
    return Response(
        status_code=202, content_type="application/json", body=body, headers={"Location": location}
    )


def wants_csv(request: Request, format: str) -> bool:
    """Whether the query's `format`, or what the caller accepts, asks for CSV."""
    return format == "csv" or request.headers.get("accept", "").startswith("text/csv")


def csv_file(content: str, name: str) -> Response[Any]:
    """CSV to be saved under a name."""
    return Response(
        status_code=200,
        content_type="text/csv; charset=utf-8",
        body=content,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


ShowProblem = Callable[[Problem, str], Response[str]]
"""A problem and a language to the answer that tells of it."""


class Api:
    """Collects the routes of one function; `handler` is its Lambda entry point.

    A JSON body above `max_json_bytes` is refused before it is read. `show`, where given, answers a problem:
    pages answer browsers in HTML.
    """

    def __init__(self, *, max_json_bytes: int = MAX_JSON_BYTES, show: ShowProblem | None = None) -> None:
        self._max_json_bytes = max_json_bytes
        self._show = show
        self.resolver = APIGatewayHttpResolver(enable_validation=True, serializer=_dumps)
        self.resolver.exception_handler(Problem)(self._problem)
        self.resolver.exception_handler(RequestValidationError)(self._invalid)
        self.resolver.exception_handler(RequestUnsupportedContentType)(self._unsupported)
        self.resolver.exception_handler([UnicodeError, RecursionError])(self._unreadable)
        self.resolver.exception_handler(ValueError)(self._unreadable_or_fault)
        self.resolver.exception_handler(NotFoundError)(self._not_found)
        self.resolver.exception_handler(Exception)(self._unexpected)
        self._failure = ""

    def get(self, rule: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a GET route; see `route`."""
        return self.route("GET", rule, **options)

    def post(self, rule: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a POST route; see `route`."""
        return self.route("POST", rule, **options)

    def put(self, rule: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a PUT route; see `route`."""
        return self.route("PUT", rule, **options)

    def delete(self, rule: str, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a DELETE route; see `route`."""
        return self.route("DELETE", rule, **options)

    def route(
        self,
        method: str,
        rule: str,
        *,
        status: int = 200,
        summary: str = "",
        errors: Sequence[type[Problem]] = (),
        security: Security = "public",
        tag: str = "",
        in_schema: bool = True,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a route `/v1/things/<thing_id>`: its status when all goes well, and its errors."""
        implied: list[type[Problem]] = [InternalError]
        if method in {"POST", "PUT"}:
            implied += [Invalid, TooLarge, UnsupportedMedia]
        elif "<" in rule:
            implied.append(Invalid)
        if "<" in rule:
            implied.append(NotFound)  # of what no path of ours can hold
        if security != "public":
            implied.append(Unauthenticated)
        return self.resolver.route(
            rule,
            method,
            status_code=status,
            summary=summary or None,
            responses=_responses(status, [*errors, *implied]),
            tags=[tag or rule.split("/")[2]] if rule.startswith("/v1/") else None,
            security=_SECURITY[security],
            include_in_schema=in_schema,
        )

    def handler(self, event: dict[str, Any], context: object) -> dict[str, Any]:
        """Answers one request, and logs one line about it: route, status, milliseconds; no path, no body."""
        started = time.perf_counter()
        self._failure = ""
        if len(event.get("body") or "") > self._max_json_bytes and "json" in _header(event, "content-type"):
            answer = self._early(event, TooLarge())
        else:
            answer = self.resolver.resolve(event, context)  # type: ignore[arg-type]
        answer["headers"] = _SAFETY_HEADERS | answer.get("headers", {})
        if answer["statusCode"] == HTTPStatus.NO_CONTENT:
            answer["headers"].pop("Content-Type", None)
        line: dict[str, Any] = {
            "route": event.get("routeKey", ""),
            "status": answer["statusCode"],
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "gateway_request_id": event.get("requestContext", {}).get("requestId", ""),
        }
        if self._failure:
            logger.error("request", extra=line | {"failure": self._failure})
        else:
            logger.info("request", extra=line)
        return answer

    def _answer(self, problem: Problem) -> Response[str]:
        language = negotiate(self.resolver.current_event.headers.get("accept-language", ""))
        if self._show is not None:
            return self._show(problem, language)
        return Response(
            status_code=problem.status,
            content_type=PROBLEM_JSON,
            body=_dumps(problem.document(language)),
            headers={**problem.headers, "Content-Language": language},
        )

    def _early(self, event: dict[str, Any], problem: Problem) -> dict[str, Any]:
        language = negotiate(_header(event, "accept-language"))
        return {
            "statusCode": problem.status,
            "headers": {"Content-Type": PROBLEM_JSON, "Content-Language": language},
            "body": _dumps(problem.document(language)),
            "isBase64Encoded": False,
        }

    def _problem(self, problem: Problem) -> Response[str]:
        return self._answer(problem)

    def _invalid(self, error: RequestValidationError) -> Response[str]:
        language = negotiate(self.resolver.current_event.headers.get("accept-language", ""))
        return self._answer(Invalid(errors=[_said(found, language) for found in error.errors()]))

    def _unsupported(self, _error: RequestUnsupportedContentType) -> Response[str]:
        return self._answer(UnsupportedMedia())

    def _unreadable(self, _error: Exception) -> Response[str]:
        return self._answer(Invalid())

    def _unreadable_or_fault(self, error: ValueError) -> Response[str]:
        """A JSON number too long for Python, or a form without a boundary, is the caller's; else ours."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            frame = trace.tb_frame
            module = frame.f_globals.get("__name__", "")
            parsing = module == _VALIDATION and frame.f_code.co_name.startswith("_parse")
            if parsing or module.startswith("json"):
                return self._answer(Invalid())
        return self._unexpected(error)

    def _not_found(self, _error: NotFoundError) -> Response[str]:
        return self._answer(NotFound())

    def _unexpected(self, error: Exception) -> Response[str]:
        self._failure = describe(error)
        return self._answer(InternalError())


def _said(found: dict[str, Any], language: str) -> dict[str, object]:
    kind = str(found["type"])
    reason = _DATE if kind.startswith("date") else _REASONS.get(kind, _WRONG)
    # Where JSON breaks off is a position in the text, not a field.
    place = [] if kind == "json_invalid" else [str(part) for part in found["loc"] if part != "body"]
    return {"field": ".".join(place), "reason": reason[language]}


def _header(event: dict[str, Any], name: str) -> str:
    return str((event.get("headers") or {}).get(name, ""))


def _dumps(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=str)


def _responses(status: int, errors: Iterable[type[Problem]]) -> dict[int, Any]:
    described: dict[int, Any] = {status: {"description": HTTPStatus(status).phrase}}
    for error in dict.fromkeys(errors):
        text = f"{error.title['en']} (`{error.slug}`)"
        if error.status in described:
            described[error.status]["description"] += f"; {text}"
        else:
            described[error.status] = {
                "description": text,
                "content": {PROBLEM_JSON: {"model": ProblemDocument}},
            }
    return described
