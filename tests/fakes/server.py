"""Serves a fake provider on loopback, with the faults of a real one's API."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit


class Request(NamedTuple):
    """A call as the fake sees it. Header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Fake(Protocol):
    """A provider's API."""

    def handle(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and document."""
        ...


Fault = Callable[[BaseHTTPRequestHandler, Callable[[], tuple[int, dict[str, Any]]]], None]
"""What happens to one call instead of its answer: it may or may not let the effect take place."""


def answered(handler: BaseHTTPRequestHandler, answer: Callable[[], tuple[int, dict[str, Any]]]) -> None:
    """No fault: for a call before the one that has it."""
    send(handler, *answer())


def status(code: int, document: Any = None) -> Fault:
    """Answers that and does nothing."""

    def fault(handler: BaseHTTPRequestHandler, _: Any) -> None:
        send(handler, code, {"error": {"code": code, "message": "a fault"}} if document is None else document)

    return fault


def silence(seconds: float) -> Fault:
    """Does what was asked and answers too late."""

    def fault(_: BaseHTTPRequestHandler, answer: Callable[[], Any]) -> None:
        answer()
        time.sleep(seconds)

    return fault


def lost(handler: BaseHTTPRequestHandler, answer: Callable[[], Any]) -> None:
    """Does what was asked; its answer never arrives."""
    answer()
    handler.close_connection = True


def garbage(handler: BaseHTTPRequestHandler, _: Any) -> None:
    """Answers 200 with a page of some proxy's."""
    body = b"<html>please wait</html>"
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def elsewhere(handler: BaseHTTPRequestHandler, _: Any) -> None:
    """Redirects to another host."""
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:1/stolen")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def send(handler: BaseHTTPRequestHandler, code: int, document: Any) -> None:
    body = json.dumps(document).encode()
    handler.send_response(code)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def request_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A call, its query and headers read."""
    url = urlsplit(target)
    names = {name.lower(): value for name, value in headers.items()}
    return Request(method, url.path, dict(parse_qsl(url.query)), names, body)


class Served:
    """A fake at `url`. `faults` befall the next calls, one each; `seen` are all calls."""

    def __init__(self, fake: Fake) -> None:
        self.faults: list[Fault] = []
        self.seen: list[Request] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.serve()

            def do_POST(self) -> None:
                self.serve()

            def serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = request_of(self.command, self.path, dict(self.headers), body)
                served.seen.append(request)
                if served.faults:
                    served.faults.pop(0)(self, lambda: fake.handle(request))
                else:
                    send(self, *fake.handle(request))

            def log_message(self, *_: object) -> None:
                """Not to the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serve(fake: Fake) -> Iterator[Served]:
    """The fake behind a server of its own while the block runs."""
    served = Served(fake)
    thread = threading.Thread(target=served.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        served.server.server_close()
        thread.join()
