"""The sandbox provider: what a payer sees, what a merchant is told, and the faults that can be asked for."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from local.sandbox_provider import DELAY_SECONDS, RETRY_AFTER_SECONDS, SandboxProvider

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MERCHANT = {"Authorization": f"Bearer {SECRET}"}
ORDER = {
    "reference": "p1",
    "account": "l1",
    "amount_cents": 123_456,
    "currency": "EUR",
    "return_url": "https://portal.example/payments/p1",
    "language": "fr",
}


class Merchant:
    """The sandbox's only customer, who writes down every webhook and answers what it is told to."""

    def __init__(self, folder: Path | None = None) -> None:
        self.told: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.pauses: list[float] = []
        self.answers: list[int] = []
        self.provider = SandboxProvider(
            api_url="http://api.example",
            webhook_secret=SECRET,
            base_url="http://127.0.0.1/sandbox",
            folder=folder,
            post=self._take,
            pause=self.pauses.append,
            spawn=_now,
        )

    def _take(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert url == "http://api.example/v1/webhooks/sandbox"
        Webhook(SECRET).verify(body, dict(headers))
        self.told.append(json.loads(body))
        self.ids.append(headers["webhook-id"])
        return self.answers.pop(0) if self.answers else 204

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = MERCHANT) -> Any:
        raw = b"" if body is None else json.dumps(body).encode()
        status, _, answer = self.provider.handle(method, path, headers, raw)
        return status, json.loads(answer)

    def checkout(self) -> str:
        return str(self.ask("POST", "/checkouts", ORDER)[1]["id"])

    def press(self, checkout: str, action: str, faults: str = "") -> tuple[int, str]:
        form = f"action={action}&faults={faults}".encode()
        status, headers, _ = self.provider.handle("POST", f"/pay/{checkout}", {}, form)
        return status, headers.get("Location", "")

    def page(self, checkout: str, query: str = "") -> str:
        status, _, body = self.provider.handle("GET", f"/pay/{checkout}{query}", {}, b"")
        assert status == 200
        return body.decode()

    @property
    def kinds(self) -> list[str]:
        return [one["type"] for one in self.told]


def _now(work: Callable[[], None]) -> None:
    work()


@pytest.fixture
def merchant() -> Merchant:
    return Merchant()


def test_the_same_reference_is_the_same_checkout(merchant: Merchant) -> None:
    first, second = merchant.ask("POST", "/checkouts", ORDER), merchant.ask("POST", "/checkouts", ORDER)

    assert (first[0], second[0]) == (201, 200)
    assert first[1] == second[1]
    assert merchant.ask("POST", "/checkouts", {**ORDER, "amount_cents": 1})[0] == 409


def test_a_merchant_needs_its_key(merchant: Merchant) -> None:
    assert merchant.ask("POST", "/checkouts", ORDER, headers={})[0] == 401
    assert merchant.ask("GET", "/events", headers={"authorization": "Bearer é"})[0] == 401


def test_paying_tells_the_merchant_and_sends_the_payer_back(merchant: Merchant) -> None:
    checkout = merchant.checkout()

    assert merchant.press(checkout, "pay") == (303, ORDER["return_url"])

    assert merchant.kinds == ["payment.pending", "payment.settled"]
    assert merchant.told[1]["data"]["amount_cents"] == 123_456
    assert merchant.told[0]["rank"] < merchant.told[1]["rank"]


@pytest.mark.parametrize(
    ("action", "kind"),
    [("refuse", "payment.failed"), ("later", "payment.pending"), ("cancel", "payment.cancelled")],
)
def test_each_button_has_its_event(merchant: Merchant, action: str, kind: str) -> None:
    merchant.press(merchant.checkout(), action)

    assert merchant.kinds == [kind]


def test_a_refused_card_may_be_tried_again_and_a_paid_page_pays_no_more(merchant: Merchant) -> None:
    checkout = merchant.checkout()

    for action in ("refuse", "later", "pay", "pay", "cancel"):
        merchant.press(checkout, action)

    assert merchant.kinds == ["payment.failed", "payment.pending", "payment.settled"]


def test_a_bank_takes_back_what_was_paid_and_nothing_else(merchant: Merchant) -> None:
    checkout = merchant.checkout()
    assert 'value="return"' not in merchant.page(checkout)

    for action in ("return", "pay", "return", "return", "pay"):
        merchant.press(checkout, action)

    assert merchant.kinds == ["payment.pending", "payment.settled", "payment.returned"]
    assert "Repris par la banque" in merchant.page(checkout)
    assert "<form" not in merchant.page(checkout)


def test_faults_repeat_reorder_and_delay(merchant: Merchant) -> None:
    merchant.press(merchant.checkout(), "pay", "duplicate,reorder,delay")

    assert merchant.kinds == ["payment.settled"] * 2 + ["payment.pending"] * 2
    assert len(set(merchant.ids)) == 2
    assert merchant.pauses == [DELAY_SECONDS]


def test_a_message_that_is_not_taken_comes_again_until_it_is_or_long_enough(merchant: Merchant) -> None:
    merchant.answers = [500, 0, 204]
    merchant.press(merchant.checkout(), "refuse")

    assert len(merchant.told) == 3
    assert len(set(merchant.ids)) == 1

    merchant.answers = [401] * 99
    merchant.press(merchant.checkout(), "refuse")

    assert len(merchant.told) == 3 + len(RETRY_AFTER_SECONDS)


def test_refunds_are_running_totals_once_each(merchant: Merchant) -> None:
    checkout = merchant.checkout()
    merchant.press(checkout, "pay")

    for refund_id, cents in (("r1", 100_000), ("r1", 100_000), ("r2", 23_456)):
        merchant.ask(
            "POST", f"/checkouts/{checkout}/refunds", {"refund_id": refund_id, "amount_cents": cents}
        )

    refunds = [one["data"]["amount_cents"] for one in merchant.told if one["type"] == "payment.refunded"]
    assert refunds == [100_000, 123_456]
    assert merchant.ask("GET", f"/checkouts/{checkout}")[1]["state"] == "refunded"


def test_events_are_listed_after_a_mark(merchant: Merchant) -> None:
    merchant.press(merchant.checkout(), "pay")
    first, second = merchant.ask("GET", "/events?since=")[1]["events"]

    assert merchant.ask("GET", f"/events?since={first['id']}")[1] == {"events": [second], "next": None}


def test_the_page_shows_amount_and_reference_in_the_payers_language(merchant: Merchant) -> None:
    checkout = merchant.checkout()

    assert "1\u202f234,56\u00a0€" in merchant.page(checkout)
    assert '<html lang="fr">' in merchant.page(checkout)
    english = merchant.page(checkout, "?lang=en&faults=reorder,<script>")
    assert "€1,234.56" in english
    assert 'value="reorder"' in english
    assert "<script>" not in english


def test_what_is_not_there_is_not_found(merchant: Merchant) -> None:
    assert merchant.provider.handle("GET", "/pay/nobody", {}, b"")[0] == 404
    assert merchant.press("nobody", "pay")[0] == 404
    assert merchant.press(merchant.checkout(), "steal")[0] == 400
    assert merchant.ask("POST", "/checkouts", [])[0] == 400


def test_state_outlives_a_restart(tmp_path: Path) -> None:
    before = Merchant(tmp_path)
    checkout = before.checkout()
    before.press(checkout, "pay")

    after = Merchant(tmp_path)

    assert after.ask("GET", f"/checkouts/{checkout}")[1]["state"] == "paid"
    assert datetime.fromisoformat(before.told[0]["created_at"]).tzinfo is UTC
