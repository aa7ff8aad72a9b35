"""The sandbox's adapter and the provider itself, over real HTTP on loopback: they share no code."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.sandbox_provider import SandboxProvider
from sesame.domain.payments import EventKind
from sesame.providers.base import CheckoutOrder, Credentials, ProviderRefused, ProviderUnavailable
from sesame.providers.sandbox import Sandbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREDENTIALS = Credentials(api_key=SECRET, webhook_secrets=(SECRET,))
ORDER = CheckoutOrder(
    payment_id="p1",
    lease_id="l1",
    amount_cents=45_000,
    currency="EUR",
    return_url="https://portal.example/payments/p1",
    language="en",
)


class Served:
    """The provider behind a server of its own; `status` makes it answer nothing but that."""

    def __init__(self) -> None:
        self.status = 0
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, answer = served.provider.handle(
                    self.command, self.path.removeprefix("/sandbox"), dict(self.headers), body
                )
                self.send_response(served.status or status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Not to the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sandbox"
        self.provider = SandboxProvider(
            api_url="http://api.example",
            webhook_secret=SECRET,
            base_url=self.url,
            post=lambda *_: 204,
            spawn=_now,
        )
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def _now(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def served() -> Iterator[Served]:
    """Up for one test."""
    one = Served()
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def sandbox(served: Served) -> Sandbox:
    """Our side."""
    return Sandbox(served.url)


def press(served: Served, reference: str, action: str) -> None:
    served.provider.handle("POST", f"/pay/{reference}", {}, f"action={action}".encode())


def test_the_same_order_twice_is_one_page(sandbox: Sandbox, served: Served) -> None:
    first = sandbox.start_checkout(ORDER, CREDENTIALS)

    assert sandbox.start_checkout(ORDER, CREDENTIALS) == first
    assert first.url == f"{served.url}/pay/{first.provider_reference}"


def test_the_truth_of_a_payment_can_be_fetched(sandbox: Sandbox, served: Served) -> None:
    reference = sandbox.start_checkout(ORDER, CREDENTIALS).provider_reference
    press(served, reference, "pay")

    found = sandbox.fetch(reference, CREDENTIALS)

    assert [one.event.kind for one in found] == [EventKind.PENDING, EventKind.SETTLED]
    assert {(one.payment_id, one.lease_id) for one in found} == {("p1", "l1")}


def test_what_happened_since_a_mark_is_listed_page_after_page(sandbox: Sandbox, served: Served) -> None:
    reference = sandbox.start_checkout(ORDER, CREDENTIALS).provider_reference
    for _ in range(130):
        press(served, reference, "refuse")

    first = sandbox.events_since(None, CREDENTIALS)
    second = sandbox.events_since(first.mark, CREDENTIALS)

    assert (len(first.events), first.more, len(second.events), second.more) == (100, True, 30, False)
    assert len({one.event.event_id for one in (*first.events, *second.events)}) == 130


def test_a_mark_kept_since_the_last_time_leads_to_what_happened_after(
    sandbox: Sandbox, served: Served
) -> None:
    nothing_yet = sandbox.events_since(None, CREDENTIALS)
    reference = sandbox.start_checkout(ORDER, CREDENTIALS).provider_reference
    press(served, reference, "refuse")

    first = sandbox.events_since(nothing_yet.mark, CREDENTIALS)
    nothing_new = sandbox.events_since(first.mark, CREDENTIALS)
    press(served, reference, "cancel")
    second = sandbox.events_since(nothing_new.mark, CREDENTIALS)

    assert [one.event.kind for one in first.events] == [EventKind.FAILED]
    assert (nothing_new.events, nothing_new.more) == ((), False)
    assert [one.event.kind for one in second.events] == [EventKind.CANCELLED]


def test_a_refund_is_done_once_and_told_as_a_running_total(sandbox: Sandbox, served: Served) -> None:
    reference = sandbox.start_checkout(ORDER, CREDENTIALS).provider_reference
    press(served, reference, "pay")

    for _ in range(2):
        sandbox.refund(reference, 10_000, "r1", CREDENTIALS)

    *_, last = sandbox.fetch(reference, CREDENTIALS)
    assert (last.event.kind, last.event.amount_cents) == (EventKind.REFUNDED, 10_000)
    with pytest.raises(ProviderRefused):
        sandbox.refund(reference, 45_000, "r2", CREDENTIALS)


def test_a_wrong_key_is_a_refusal(sandbox: Sandbox) -> None:
    with pytest.raises(ProviderRefused):
        sandbox.start_checkout(ORDER, Credentials(api_key="wrong", webhook_secrets=()))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_provider_in_trouble_is_unavailable(sandbox: Sandbox, served: Served, status: int) -> None:
    served.status = status

    with pytest.raises(ProviderUnavailable):
        sandbox.start_checkout(ORDER, CREDENTIALS)


@pytest.mark.parametrize("answer", [{}, {"id": "co_1"}, {"id": "co_1", "url": None}, ["co_1"], None])
def test_an_answer_that_lacks_the_page_is_no_answer(
    sandbox: Sandbox, served: Served, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    body = json.dumps(answer).encode()
    monkeypatch.setattr(served.provider, "handle", lambda *_: (200, {}, body))

    with pytest.raises(ProviderUnavailable):
        sandbox.start_checkout(ORDER, CREDENTIALS)
    with pytest.raises(ProviderUnavailable):
        sandbox.fetch("co_1", CREDENTIALS)
    with pytest.raises(ProviderUnavailable):
        sandbox.events_since(None, CREDENTIALS)


def test_a_provider_that_is_not_there_is_unavailable(sandbox: Sandbox, served: Served) -> None:
    gone = Sandbox("http://127.0.0.1:1")

    with pytest.raises(ProviderUnavailable):
        gone.start_checkout(ORDER, CREDENTIALS)
