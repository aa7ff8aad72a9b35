"""What every story of the demo is told with: steps, promises, requests, e-mails, documents.

A story knows nothing but stack.json, and goes in by the same doors as anybody would: HTTP, the mailbox, and
for the clock's jobs the AWS endpoint.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from local.instance import client_of
from local.mailbox import Mail
from local.stack import Stack

PATIENCE_SECONDS = 60.0
ONE_TIME_CODE = re.compile(r"\b(\d{4})[ \u00a0\u202f]?(\d{4})\b")
WELCOME_LINK = re.compile(r"https?://\S+/bienvenue/([\w-]+)")
PDF = b"%PDF-"


class BrokenPromiseError(Exception):
    """A step did not do what it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A student whom a story invents, with the lease that the desk imports for them."""

    reference: str
    given_names: str
    family_name: str
    birth_date: date
    ine: str
    email: str
    room: str


class Teller:
    """Tells a story step by step. Each step prints what is done and what came back."""

    def __init__(self, stack: Stack, folder: Path, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.folder = folder
        self.say = say
        self.api = httpx.Client(
            base_url=stack["api_url"], headers={"Accept-Language": "en"}, timeout=30, trust_env=False
        )
        self.web = httpx.Client(timeout=30, trust_env=False)
        self.staff = {"Authorization": f"Bearer {stack['staff_token']}"}
        self._step = 0
        self._functions: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        self.api.close()
        self.web.close()

    def tell(self) -> None:
        """The whole story. Raises BrokenPromiseError at the first step that is not as promised."""
        raise NotImplementedError

    def step(self, text: str) -> None:
        """Announce a step."""
        self._step += 1
        self.say(f"\n{self._step:2}. {text}")

    def got(self, text: str) -> None:
        """Show what came back."""
        self.say(f"      {text}")

    def must(self, kept: bool, promise: str) -> None:
        """Hold the stack to a promise. Raises BrokenPromiseError."""
        if not kept:
            raise BrokenPromiseError(f"expected {promise}")

    def answer(self, method: str, path: str, *, status: int = 200, **request: Any) -> dict[str, Any]:
        """A request's JSON. Raises BrokenPromiseError for another status."""
        answer = self.api.request(method, path, **request)
        self.must(answer.status_code == status, f"{status} of {method} {path}, got {short(answer)}")
        content: dict[str, Any] = answer.json()
        return content

    def until[T](self, ask: Callable[[], T | None], what: str, every: float = 0.2) -> T:
        """Ask until there is an answer. Raises BrokenPromiseError when that takes too long."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := ask()):
            self.must(time.monotonic() < deadline, f"{what} within {PATIENCE_SECONDS:.0f} s")
            time.sleep(every)
        return found

    # --- e-mails ---

    def mails(self, who: Newcomer) -> list[Mail]:
        """Every e-mail to somebody, newest first."""
        found: list[Mail] = self.web.get(self.stack["mailbox_url"], params={"to": who.email}).json()
        return found

    def mail_to(self, who: Newcomer, right: Callable[[Mail], bool], name: str, after: int = 0) -> Mail:
        """The newest right e-mail to somebody, beyond the first `after`; it is kept in the folder."""

        def look() -> Mail | None:
            mails = self.mails(who)
            return next((one for one in mails[: len(mails) - after] if right(one)), None)

        mail = self.until(look, f"the {name} e-mail to {who.given_names}")
        self.keep_mail(name, mail)
        return mail

    def keep_mail(self, name: str, mail: Mail) -> None:
        """Keep an e-mail in the folder, as text and as HTML."""
        (self.folder / f"{name}.txt").write_text(f"{mail['subject']}\n\n{mail['text']}", "utf-8")
        (self.folder / f"{name}.html").write_text(mail["html"], "utf-8")

    def one_time_code(self, who: Newcomer, after: int = 0) -> str:
        """The newest one-time code sent to somebody."""
        mail = self.mail_to(
            who, lambda one: ONE_TIME_CODE.search(one["text"]) is not None, "one-time-code", after
        )
        found = ONE_TIME_CODE.search(mail["text"])
        return "".join(found.groups()) if found else ""

    def welcome_mail(self, who: Newcomer) -> tuple[Mail, str]:
        """The welcome e-mail, and the token of its link."""
        mail = self.mail_to(who, lambda one: WELCOME_LINK.search(one["text"]) is not None, "welcome")
        link = WELCOME_LINK.search(mail["text"])
        return mail, link.group(1) if link else ""

    # --- what several stories do ---

    def signed_in(self, who: Newcomer, code: str) -> dict[str, str]:
        """Tenant code and one-time code: the headers that carry the session."""
        return {"Authorization": f"Bearer {self.open_session(who, code)['session_token']}"}

    def open_session(self, who: Newcomer, code: str) -> dict[str, Any]:
        """The same, as it is answered."""
        seen = len(self.mails(who))
        started = self.answer("POST", "/v1/sign-ins", status=202, json={"tenant_code": code})
        otp = self.one_time_code(who, after=seen)
        return self.answer("POST", f"/v1/sign-ins/{started['sign_in_id']}/confirm", json={"otp": otp})

    def import_file(self, kind: str, file: bytes) -> dict[str, Any]:
        """Send a file to `/v1/desk/{kind}`, and wait for its report."""
        headers = self.staff | {"Content-Type": "application/octet-stream"}
        taken = self.answer("POST", f"/v1/desk/{kind}", status=202, headers=headers, content=file)
        path = f"/v1/desk/{kind}/{taken['import_id']}"

        def finished() -> dict[str, Any] | None:
            report = self.answer("GET", path, headers=self.staff)
            return report if report["status"] in {"done", "failed"} else None

        return self.until(finished, "the import's report")

    def press(self, checkout_url: str, action: str, faults: str = "") -> None:
        """Press a button of the payment provider's page."""
        page = self.web.get(checkout_url)
        self.must("<form" in page.text, f"a payment page, got {short(page)}")
        pressed = self.web.post(checkout_url, data={"action": action, "faults": faults})
        self.must(pressed.status_code == httpx.codes.SEE_OTHER, f"303 from the page, got {short(pressed)}")

    def document(self, path: str, session: Mapping[str, str], name: str) -> dict[str, Any]:
        """A document, once it is ready."""
        return self.until(lambda: once_ready(self.answer("GET", path, headers=session)), name)

    def keep_pdf(self, name: str, url: str) -> bytes:
        """Download a PDF into the folder."""
        content = self.web.get(url).content
        self.must(content.startswith(PDF), f"a PDF at its download link, got {content[:60]!r}")
        (self.folder / name).write_bytes(content)
        self.got(f"{name}, {len(content) // 1000} kB")
        return content

    def invoke(self, function: str, event: Mapping[str, str]) -> Any:
        """Call a function as the scheduler would; what it answers."""
        address = urlsplit(self.stack["api_url"])
        client = client_of("lambda", f"{address.scheme}://{address.netloc}")
        if not self._functions:
            pages = client.get_paginator("list_functions").paginate()
            names = (one["FunctionName"] for page in pages for one in page["Functions"])
            self._functions = {name.split("-")[-2]: name for name in names}
        answer = client.invoke(FunctionName=self._functions[function], Payload=json.dumps(event))
        said = answer["Payload"].read()
        self.must("FunctionError" not in answer, f"{function} to succeed: {said!r}")
        return json.loads(said or b"null")


def once_ready(document: dict[str, Any]) -> dict[str, Any] | None:
    """The document, if it is."""
    return document if document["status"] == "ready" else None


def at_least(page: Mapping[str, Any], name: str, count: int) -> list[dict[str, Any]] | None:
    """What a page lists under a name, once there are so many."""
    found: list[dict[str, Any]] = page[name]
    return found if len(found) >= count else None


def euros(cents: int) -> str:
    """Cents as a sum of money, with two decimals."""
    sign, whole = "-" if cents < 0 else "", abs(cents)
    return f"{sign}{whole // 100}.{whole % 100:02} EUR"


def short(answer: httpx.Response) -> str:
    """An answer that was not expected, in a line."""
    return f"{answer.status_code} {answer.text[:300]}"


def play(story: Teller) -> int:
    """Play every step of a story. Returns 0, or 1 at one that is not as promised.

    PDFs and e-mails go to its folder.
    """
    began = time.monotonic()
    try:
        story.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        story.tell()
    except BrokenPromiseError as broken:
        story.say(f"\nNot as promised: {broken}")
        return 1
    except httpx.HTTPError as error:
        story.say(f"\nThe stack does not answer: {error}\n  Is it running? make run")
        return 1
    finally:
        story.close()
    seconds = time.monotonic() - began
    story.say(f"\nEvery step was as promised, in {seconds:.0f} s. PDFs and e-mails: {story.folder}")
    return 0
