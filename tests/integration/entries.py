"""Entry files loaded as Lambda does: environment first, clients made on the account in process."""

import base64
import importlib.util
import json
from types import ModuleType
from typing import Any

import pytest

from sesame.platform import aws as platform_aws
from tests.integration.conftest import ROOT, Aws


def prepare(aws: Aws, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """Sets the functions' environment, and forgets the clients of the account before."""
    for name, value in (aws.environment() | more).items():
        monkeypatch.setenv(name, value)
    platform_aws.client.cache_clear()
    platform_aws._session.cache_clear()


def load(entry: str) -> ModuleType:
    """The module of `functions/{entry}.py`."""
    spec = importlib.util.spec_from_file_location(entry.replace("/", "_"), ROOT / "functions" / f"{entry}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def http_event(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """A request as the gateway hands it over. `body` is sent as JSON unless it is text or bytes."""
    event: dict[str, Any] = json.loads((ROOT / "events" / "http-sign-in.json").read_text("utf-8"))
    event["routeKey"] = f"{method} {path}"
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    event["requestContext"]["http"]["method"] = method
    event["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        return event | {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event
