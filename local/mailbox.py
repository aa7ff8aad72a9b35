"""The mailbox: the e-mails and texts that the local AWS took instead of sending, as JSON and as a page.

One small server on loopback also carries the sandbox payment provider, under /sandbox, and the students'
identity provider, under /students.
"""

from __future__ import annotations

import html
import json
import threading
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import getaddresses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Protocol, Self, TypedDict
from urllib.parse import parse_qs, urlsplit

from local.instance import Instance

MAX_BODY = 1_000_000
SANDBOX_PREFIX = "/sandbox"
STUDENTS_PREFIX = "/students"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Mail(TypedDict):
    """One e-mail, as handed over to be sent. `html` is empty for a plain one; `sent_at` is ISO 8601, UTC."""

    to: str
    subject: str
    text: str
    html: str
    sent_at: str


class Text(TypedDict):
    """One SMS, as handed over to be sent. The emulator does not say when."""

    to: str
    text: str


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Provider(Protocol):
    """What is mounted under a prefix. `path` is what follows it, with its query string."""

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer one request: status, headers, body."""


def read_mails(instance: Instance, to: str | None = None) -> list[Mail]:
    """Every e-mail so far, newest first; only those to one address when `to` is given."""
    with urllib.request.urlopen(f"{instance.endpoint}/_ministack/ses/messages", timeout=10) as answer:  # noqa: S310
        accounts = json.load(answer)["messages"]
    return mails_of([message for messages in accounts.values() for message in messages], to)


def mails_of(messages: Sequence[Mapping[str, Any]], to: str | None = None) -> list[Mail]:
    """Turn the emulator's records, oldest first, into mails, newest first."""
    mails = [
        Mail(
            to=", ".join(address for _, address in getaddresses(message.get("To") or [])),
            subject=message.get("Subject") or "",
            text=message.get("BodyText") or "",
            html=message.get("BodyHtml") or "",
            sent_at=_iso(message["Timestamp"]),
        )
        for message in messages
    ]
    kept = [mail for mail in mails if to is None or to.lower() in mail["to"].lower().split(", ")]
    return kept[::-1]


def read_texts(instance: Instance, to: str | None = None) -> list[Text]:
    """Every SMS so far, the newest of each number first; only those to one number when `to` is given."""
    with urllib.request.urlopen(f"{instance.endpoint}/_ministack/sns/sms-messages", timeout=10) as answer:  # noqa: S310
        return texts_of(json.load(answer)["sms_messages"], to)


def texts_of(by_number: Mapping[str, Sequence[Mapping[str, Any]]], to: str | None = None) -> list[Text]:
    """Turn the emulator's records, by number and oldest first, into texts, newest first."""
    return [
        Text(to=number, text=record["Message"])
        for number, records in by_number.items()
        for record in reversed(records)
        if to in {None, number}
    ]


def _iso(timestamp: float | str) -> str:
    """The emulator gives seconds since 1970 for messages of SES v2, ISO 8601 for older ones."""
    if isinstance(timestamp, str):
        return timestamp
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")


class Mailbox:
    """The server, as a context manager; it answers from threads of its own."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.provider: Provider | None = None
        self.students: Provider | None = None
        handler = type("Handler", (_Handler,), {"mailbox": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", instance.mailbox_port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Route one request."""
        url = urlsplit(target)
        for prefix, mounted in ((SANDBOX_PREFIX, self.provider), (STUDENTS_PREFIX, self.students)):
            if url.path == prefix or url.path.startswith(f"{prefix}/"):
                if mounted is None:
                    return _text(503, "What answers here is not up yet.")
                return Answer(*mounted.handle(method, target.removeprefix(prefix) or "/", headers, body))
        if method not in {"GET", "HEAD"}:
            return _text(405, "Only GET here.")
        return self._shown(url.path, next(iter(parse_qs(url.query).get("to", [])), None))

    def _shown(self, path: str, to: str | None) -> Answer:
        if path == "/mailbox":
            return _json(read_mails(self.instance, to))
        if path == "/texts":
            return _json(read_texts(self.instance, to))
        if path == "/":
            shown = page(read_mails(self.instance, to), read_texts(self.instance, to))
            return Answer(200, {"Content-Type": "text/html; charset=utf-8"}, shown)
        return _text(404, "Nothing here. The mailbox is at / and, as JSON, at /mailbox and /texts.")


def page(mails: Sequence[Mail], texts: Sequence[Text] = ()) -> bytes:
    """The mailbox as a page. Mails are shown in frames that may run nothing, whatever they contain."""
    items = "".join(map(_item, mails))
    empty = "<p>No e-mail yet. Those that Sésame sends appear here; none leaves this machine.</p>"
    return f"{PAGE_HEAD}{items or empty}{_texts(texts)}</main>".encode()


PAGE_HEAD = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Mailbox - Sésame, local</title>
<style>
body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:56rem;padding:0 1rem}
details{border-top:1px solid #ccc;padding:.5rem 0}summary{cursor:pointer}time,span{color:#555}
pre{white-space:pre-wrap;background:#f5f5f5;padding:1rem}iframe{width:100%;height:28rem;border:1px solid #ccc}
</style><h1>Mailbox</h1><main>"""


def _texts(texts: Sequence[Text]) -> str:
    if not texts:
        return ""
    shown = "".join(
        f"<p><span>{html.escape(one['to'])}</span><br>{html.escape(one['text'])}</p>" for one in texts
    )
    return f"<h2>Texts</h2>{shown}"


def _item(mail: Mail) -> str:
    subject, to, text = (html.escape(mail[part]) for part in ("subject", "to", "text"))
    frame = f"<iframe sandbox title='HTML' srcdoc=\"{html.escape(mail['html'])}\"></iframe>"
    return (
        f"<details><summary><time>{_shown(mail['sent_at'])}</time> <b>{subject}</b> <span>{to}</span>"
        "</summary>"
        f"<pre>{text}</pre>{frame if mail['html'] else ''}</details>"
    )


def _shown(sent_at: str) -> str:
    return html.escape(sent_at[:19].replace("T", " "))


def _json(content: object) -> Answer:
    body = json.dumps(content, ensure_ascii=False, indent=1).encode()
    return Answer(200, {"Content-Type": "application/json; charset=utf-8"}, body)


def _text(status: int, text: str) -> Answer:
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8"}, f"{text}\n".encode())


class _Handler(BaseHTTPRequestHandler):
    mailbox: ClassVar[Mailbox]
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        answer = self._answer()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _answer(self) -> Answer:
        # A web page elsewhere could make a name of its own point here; only loopback's own names are served.
        if self.headers.get("Host", "").rpartition(":")[0] not in LOOPBACK_NAMES:
            self.close_connection = True
            return _text(421, "This server answers to 127.0.0.1 only.")
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            return _text(413, "Too large.")
        body = self.rfile.read(int(length))
        try:
            return self.mailbox.answer(self.command, self.path, dict(self.headers.items()), body)
        except OSError:
            return _text(502, "The local AWS does not answer.")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815  (names set by http.server)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: one-time codes and links would end up in the terminal's history."""
