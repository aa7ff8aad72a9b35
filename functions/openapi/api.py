"""Serves the OpenAPI document of the whole API, as it was generated from the routes."""

import json
from pathlib import Path
from typing import Any

_BODY = json.dumps(
    json.loads((Path(__file__).parent / "openapi.json").read_text()),
    ensure_ascii=False,
    separators=(",", ":"),
)


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """The document, the same for everybody, cacheable for five minutes."""
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": "application/json",
            "Cache-Control": "public, max-age=300",
            "Access-Control-Allow-Origin": "*",
        },
        "body": _BODY,
    }
