"""Writes the OpenAPI 3.1 document of all HTTP functions, from their routes, to docs/openapi.json.

Usage: python docs/openapi.py [--check]     (--check fails when the file is not what the routes say)
"""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "openapi.json"

_INFO = {
    "title": "Sésame",
    "version": "1",
    "description": (
        "Tenant services for student residences. Amounts are integer cents, times ISO 8601 in UTC. Errors "
        "are `application/problem+json` (RFC 9457) in the language of `Accept-Language` (fr, en), and never "
        "tell whether a person exists. The gateway answers three errors itself, as "
        '`{"message": ...}`: 401 for a staff or student token it refuses, 404 for a path that is not here, '
        "429 when too many requests come in all."
    ),
}
_GATEWAY_MESSAGE = {
    "type": "object",
    "title": "GatewayMessage",
    "description": "An error that the gateway answers before any function is asked.",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_RAW_BODIES: dict[str, dict[str, Any]] = {
    # A file as docs/lease-files.md describes it; text/csv in UTF-8 only.
    "take_lease_file": {
        "application/octet-stream": _BYTES,
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _BYTES["schema"]}, "required": ["file"]}
        },
    },
    # A file as docs/aid-files.md describes it.
    "take_aid_file": {
        "application/octet-stream": _BYTES,
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _BYTES["schema"]}, "required": ["file"]}
        },
    },
    # Files as docs/study-files.md describes them.
    "take_enrolment_file": {
        "application/octet-stream": _BYTES,
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _BYTES["schema"]}, "required": ["file"]}
        },
    },
    "take_social_file_file": {
        "application/octet-stream": _BYTES,
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {"type": "object", "properties": {"file": _BYTES["schema"]}, "required": ["file"]}
        },
    },
    # Whatever the provider sends, byte for byte.
    "notify": {"*/*": _BYTES},
}
"""Bodies that a route reads by itself, which the framework cannot describe."""
_SECURITY = {
    "session": {
        "type": "http",
        "scheme": "bearer",
        "description": "The `session_token` of a confirmed sign-in.",
    },
    "staff": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of the staff's identity provider.",
    },
    "student": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An OIDC token of the students' provider: `ine`, or `email`, `email_verified`.",
    },
}


def document() -> dict[str, Any]:
    """The document. Raises ValueError when two functions claim one path or one schema name."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for entry in sorted((ROOT / "functions").glob("*/*.py")):
        source = entry.read_text()
        if "api = Api(" not in source:
            continue
        resolver = _load(entry).api.resolver
        schemes = {name: HTTPBearer() for name in _SECURITY}
        part = json.loads(resolver.get_openapi_json_schema(title="-", version="1", security_schemes=schemes))
        for path, operations in part.get("paths", {}).items():
            known = paths.setdefault(path, {})
            if known.keys() & operations.keys():
                raise ValueError(f"two functions answer {path}")
            known.update(operations)
        for name, schema in part.get("components", {}).get("schemas", {}).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two different schemas are named {name}")
    for path, operations in paths.items():
        for operation in operations.values():
            _tidy(path, operation)
    schemas["GatewayMessage"] = _GATEWAY_MESSAGE
    used = json.dumps(paths)
    schemas = {name: schema for name, schema in schemas.items() if _is_used(name, used, schemas)}
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        # Relative to where the document is served, whatever stands before /v1.
        "servers": [{"url": ".."}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": _SECURITY},
    }


def _is_used(name: str, used: str, schemas: dict[str, Any]) -> bool:
    reference = f'"#/components/schemas/{name}"'
    return reference in used or any(
        reference in json.dumps(schema) for other, schema in schemas.items() if other != name
    )


def _tidy(path: str, operation: dict[str, Any]) -> None:
    """Drops the framework's own idea of a validation error (ours is a problem document), and its long ids."""
    operation["operationId"] = operation["operationId"].partition("_v1_")[0]
    responses = operation["responses"]
    for response in responses.values():
        if "application/problem+json" in response.get("content", {}):
            response["content"].pop("application/json", None)
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    responses.get("204", {}).pop("content", None)
    if operation["operationId"] in _RAW_BODIES:
        operation["requestBody"] = {"required": True, "content": _RAW_BODIES[operation["operationId"]]}
    _add_the_gateways(path, operation)
    operation["responses"] = dict(sorted(responses.items()))


def _add_the_gateways(path: str, operation: dict[str, Any]) -> None:
    """What API Gateway answers by itself, in its own form: throttled, a token it refuses, no such path."""
    said = {"application/json": {"schema": {"$ref": "#/components/schemas/GatewayMessage"}}}
    throttled = operation["responses"].setdefault("429", {"description": "Too many requests in all"})
    throttled.setdefault("content", {}).update(said)
    if "{" in path:  # an id that is empty or has a slash in it makes a path of no route
        operation["responses"]["404"]["content"].update(said)
    if operation.get("security") in ([{"staff": []}], [{"student": []}]):
        operation["responses"]["401"]["content"].update(said)


def _load(entry: Path) -> Any:
    """An entry file as a module of its own name; it makes clients, but calls nothing."""
    name = f"functions_{entry.parent.name}_{entry.stem}"
    spec = importlib.util.spec_from_file_location(name, entry)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with patch.dict(os.environ, _environment()):
        spec.loader.exec_module(module)
    return module


def _environment() -> dict[str, str]:
    names = (
        "IDENTITY_TABLE MONEY_TABLE DOCUMENTS_TABLE OPERATIONS_TABLE BUCKET PEPPER_SECRET CODES_KEY SENDER "
        "PORTAL_URL API_URL BUS OPERATOR_NAME IMPORT_QUEUE_URL SANDBOX_URL"
    )
    return dict.fromkeys(names.split(), "unset") | {
        "STAGE": "local",
        "PROVIDER_SECRETS": "{}",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def main() -> int:
    """Writes or checks the file."""
    sys.path.insert(0, str(ROOT / "shared"))
    text = json.dumps(document(), ensure_ascii=False, indent=1) + "\n"
    if "--check" not in sys.argv:
        DOCUMENT.write_text(text)
        return 0
    if DOCUMENT.exists() and DOCUMENT.read_text() == text:
        return 0
    sys.stderr.write("docs/openapi.json is not what the routes say: run `make openapi`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
