"""The sandbox payment provider: a page where a payment is played, and webhooks with the faults of real ones.

It is a company of its own: it knows Sésame by an API key, a webhook address and a secret, and shares no code
with it. Its signatures are made by the reference library of Standard Webhooks.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from standardwebhooks import Webhook

RETRY_AFTER_SECONDS = (0, 1, 2, 5, 10, 30)
"""When each attempt is made, after the one before; then it is given up, as real ones do after days."""
DELAY_SECONDS = 5
FAULTS = ("duplicate", "reorder", "delay")
PAGE_SIZE = 100

Post = Callable[[str, Mapping[str, str], bytes], int]
"""Sends a POST; the answer's status, or 0 where none came."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Checkout:
    """A payment that was asked for. `events` are whole webhook messages, oldest first."""

    id: str
    reference: str
    account: str
    amount_cents: int
    currency: str
    return_url: str
    language: str
    state: str = "open"
    refunded_cents: int = 0
    refunds: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


# What each button does: the events it makes, in order, and the state that it leads to.
ACTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "pay": (("payment.pending", "payment.settled"), "paid"),
    "refuse": (("payment.failed",), "failed"),
    "later": (("payment.pending",), "pending"),
    "cancel": (("payment.cancelled",), "cancelled"),
    "return": (("payment.returned",), "returned"),
}
FINAL = {"paid", "cancelled", "refunded", "partly_refunded", "returned"}


def _choices(state: str) -> list[str]:
    """Which buttons a payment has: once it is paid, the payer's bank may still take it back."""
    if state == "paid":
        return ["return"]
    return [] if state in FINAL else [action for action in ACTIONS if action != "return"]


class SandboxProvider:
    """Everything under /sandbox. State is in memory and, where a folder is given, in a file of it."""

    def __init__(
        self,
        *,
        api_url: str,
        webhook_secret: str,
        base_url: str,
        api_key: str | None = None,
        folder: Path | None = None,
        post: Post | None = None,
        pause: Callable[[float], None] = time.sleep,
        spawn: Callable[[Callable[[], None]], None] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._webhook_url = f"{api_url.rstrip('/')}/v1/webhooks/sandbox"
        self._webhook = Webhook(webhook_secret)
        self._api_key = api_key or webhook_secret
        self._base_url = base_url.rstrip("/")
        self._file = folder / "sandbox.json" if folder else None
        self._post = post or _post
        self._pause = pause
        self._spawn = spawn or _in_background
        self._clock = clock
        self._lock = threading.Lock()
        self._checkouts: dict[str, Checkout] = self._load()

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Answer one request: status, headers, body. `path` is what follows /sandbox, with its query."""
        url = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        match [part for part in url.path.split("/") if part]:
            case ["pay", checkout_id] if method in {"GET", "HEAD"}:
                return self._page(checkout_id, asked)
            case ["pay", checkout_id] if method == "POST":
                form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
                return self._act(checkout_id, form.get("action", ""), form.get("faults", "").split(","))
            case parts if self._is_merchant(headers):
                return self._serve(method, parts, asked, body)
        return _json(401, {"error": "this needs the merchant's API key"})

    def _serve(self, method: str, parts: list[str], asked: Mapping[str, str], body: bytes) -> Answer:
        match method, parts:
            case "POST", ["checkouts"]:
                return self._open(body)
            case "GET", ["checkouts", checkout_id]:
                return self._show(checkout_id)
            case "POST", ["checkouts", checkout_id, "refunds"]:
                return self._refund(checkout_id, body)
            case "GET", ["events"]:
                return self._events(asked.get("since", ""))
        return _json(404, {"error": "no such thing"})

    # ------------------------------------------------------------ the merchant's API

    def _is_merchant(self, headers: Mapping[str, str]) -> bool:
        given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
        return compare_digest(given.encode(errors="replace"), f"Bearer {self._api_key}".encode())

    def _open(self, body: bytes) -> Answer:
        try:
            wanted = json.loads(body)
            asked = Checkout(
                id=f"co_{secrets.token_hex(12)}",
                reference=str(wanted["reference"]),
                account=str(wanted["account"]),
                amount_cents=int(wanted["amount_cents"]),
                currency=str(wanted["currency"]),
                return_url=str(wanted["return_url"]),
                language=str(wanted.get("language", "fr")),
            )
        except (ValueError, KeyError, TypeError):
            return _json(
                400, {"error": "reference, account, amount_cents, currency and return_url are needed"}
            )
        with self._lock:
            known = next((one for one in self._checkouts.values() if one.reference == asked.reference), None)
            if known is not None and known.amount_cents != asked.amount_cents:
                return _json(409, {"error": "that reference stands for another amount"})
            checkout = known or asked
            self._checkouts[checkout.id] = checkout
            self._save()
        answer = {"id": checkout.id, "url": f"{self._base_url}/pay/{checkout.id}"}
        return _json(200 if known else 201, answer)

    def _show(self, checkout_id: str) -> Answer:
        checkout = self._checkouts.get(checkout_id)
        return _json(200, asdict(checkout)) if checkout else _json(404, {"error": "no such checkout"})

    def _refund(self, checkout_id: str, body: bytes) -> Answer:
        checkout = self._checkouts.get(checkout_id)
        try:
            wanted = json.loads(body)
            refund_id, cents = str(wanted["refund_id"]), int(wanted["amount_cents"])
        except (ValueError, KeyError, TypeError):
            return _json(400, {"error": "amount_cents and refund_id are needed"})
        if checkout is None:
            return _json(404, {"error": "no such checkout"})
        with self._lock:
            if refund_id in checkout.refunds:
                return _json(200, {"refunded_cents": checkout.refunded_cents})
            if not 0 < cents <= checkout.amount_cents - checkout.refunded_cents or checkout.state not in {
                "paid",
                "partly_refunded",
            }:
                return _json(422, {"error": "more than was paid"})
            checkout.refunds.append(refund_id)
            checkout.refunded_cents += cents
            checkout.state = (
                "refunded" if checkout.refunded_cents == checkout.amount_cents else "partly_refunded"
            )
            events = self._happen(checkout, ["payment.refunded"])
        self._spawn(lambda: self._tell(events, ()))
        return _json(201, {"refunded_cents": checkout.refunded_cents})

    def _events(self, since: str) -> Answer:
        """Every event, in the order they happened; `since` is the id of the last one seen."""
        with self._lock:
            everything = sorted(
                (event for one in self._checkouts.values() for event in one.events),
                key=lambda event: (event["created_at"], event["rank"], event["id"]),
            )
        ids = [event["id"] for event in everything]
        start = ids.index(since) + 1 if since in ids else 0
        some = everything[start : start + PAGE_SIZE]
        more = start + PAGE_SIZE < len(everything)
        return _json(200, {"events": some, "next": some[-1]["id"] if more else None})

    # ------------------------------------------------------------ the payer's page

    def _page(self, checkout_id: str, asked: Mapping[str, str]) -> Answer:
        checkout = self._checkouts.get(checkout_id)
        if checkout is None:
            return _html(404, _document("fr", "Paiement introuvable", "<p>No such payment.</p>"))
        language = asked.get("lang", checkout.language)
        return _html(
            200, _payment_page(checkout, "en" if language == "en" else "fr", asked.get("faults", ""))
        )

    def _act(self, checkout_id: str, action: str, faults: Sequence[str]) -> Answer:
        checkout = self._checkouts.get(checkout_id)
        if checkout is None or action not in ACTIONS:
            return _json(404 if checkout is None else 400, {"error": "no such payment or action"})
        kinds, state = ACTIONS[action]
        with self._lock:
            if action not in _choices(checkout.state):
                return _see_other(checkout.return_url)
            if checkout.state == "pending":
                kinds = tuple(kind for kind in kinds if kind != "payment.pending")
            checkout.state = state
            events = self._happen(checkout, kinds)
        self._spawn(lambda: self._tell(events, faults))
        return _see_other(checkout.return_url)

    # ------------------------------------------------------------ what happened, and telling it

    def _happen(self, checkout: Checkout, kinds: Sequence[str]) -> list[dict[str, Any]]:
        now = self._clock().isoformat()
        first = len(checkout.events)
        events = [
            {
                "id": f"evt_{secrets.token_hex(12)}",
                "type": kind,
                "created_at": now,
                "rank": first + number,
                "data": {
                    "checkout": checkout.id,
                    "reference": checkout.reference,
                    "account": checkout.account,
                    "amount_cents": (
                        checkout.refunded_cents if kind == "payment.refunded" else checkout.amount_cents
                    ),
                    "currency": checkout.currency,
                },
            }
            for number, kind in enumerate(kinds)
        ]
        checkout.events += events
        self._save()
        return events

    def _tell(self, events: Sequence[Mapping[str, Any]], faults: Sequence[str]) -> None:
        """Send each event's message until it is taken, with the faults asked for."""
        messages = [event for event in events for _ in range(2 if "duplicate" in faults else 1)]
        if "reorder" in faults:
            messages.reverse()
        if "delay" in faults:
            self._pause(DELAY_SECONDS)
        for message in messages:
            self._send(message)

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps(message)
        message_id = f"msg_{message['id'].removeprefix('evt_')}"
        for seconds in RETRY_AFTER_SECONDS:
            if seconds:
                self._pause(seconds)
            now = self._clock()
            headers = {
                "Content-Type": "application/json",
                "webhook-id": message_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": self._webhook.sign(message_id, now, body),
            }
            if 200 <= self._post(self._webhook_url, headers, body.encode()) < 300:  # noqa: PLR2004
                return

    # ------------------------------------------------------------ what is kept

    def _load(self) -> dict[str, Checkout]:
        if self._file is None or not self._file.exists():
            return {}
        with suppress(ValueError, TypeError, KeyError):
            kept = json.loads(self._file.read_text())
            return {one["id"]: Checkout(**one) for one in kept}
        return {}  # written by another version: play money is no great loss

    def _save(self) -> None:
        if self._file is not None:
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps([asdict(one) for one in self._checkouts.values()]))
            draft.replace(self._file)


def _post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - our own loopback
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            status: int = answer.status
            return status
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _json(status: int, content: Any) -> Answer:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Answer(status, {"Content-Type": "application/json; charset=utf-8"}, body)


def _see_other(url: str) -> Answer:
    return Answer(303, {"Location": url, "Content-Type": "text/plain"}, b"")


def _html(status: int, page: str) -> Answer:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
    }
    return Answer(status, headers, page.encode())


WORDS = {
    "fr": {
        "title": "Paiement de démonstration",
        "note": "Aucun argent ne circule : choisissez ce qui arrive à ce paiement.",
        "amount": "Montant",
        "reference": "Référence",
        "pay": "Payer",
        "refuse": "Refuser la carte",
        "later": "Laisser en attente",
        "cancel": "Annuler",
        "return": "La banque reprend l'argent",
        "open": "À payer",
        "pending": "En attente : la banque n'a pas encore répondu.",
        "failed": "Carte refusée. Vous pouvez réessayer.",
        "paid": "Payé.",
        "cancelled": "Annulé.",
        "refunded": "Remboursé.",
        "partly_refunded": "Remboursé en partie.",
        "returned": "Repris par la banque.",
        "back": "Revenir à Sésame",
        "state": "État",
        "other": "English",
        "with": "Webhooks envoyés avec ces défauts",
    },
    "en": {
        "title": "Demonstration payment",
        "note": "No money moves: choose what happens to this payment.",
        "amount": "Amount",
        "reference": "Reference",
        "pay": "Pay",
        "refuse": "Refuse the card",
        "later": "Leave it pending",
        "cancel": "Cancel",
        "return": "The bank takes the money back",
        "open": "To be paid",
        "pending": "Pending: the bank has not answered yet.",
        "failed": "Card refused. You may try again.",
        "paid": "Paid.",
        "cancelled": "Cancelled.",
        "refunded": "Refunded.",
        "partly_refunded": "Partly refunded.",
        "back": "Back to Sésame",
        "state": "State",
        "other": "Français",
        "with": "Webhooks sent with these faults",
    },
}
STYLE = """
:root{color-scheme:light dark}
body{font:1.125rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:26rem;padding:1.5rem 1rem}
h1{font-size:1.5rem;line-height:1.2}
dl{border-block:1px solid #767676;margin:1.5rem 0;padding:.75rem 0}
dt{font-size:1rem}dd{margin:0 0 .5rem;font-weight:600;overflow-wrap:anywhere}
.amount{font-size:2rem}
button,a.button{display:block;box-sizing:border-box;width:100%;min-height:3rem;margin:.75rem 0;
padding:.625rem;font:inherit;font-weight:600;text-align:center;
border:2px solid #1a4fd6;border-radius:.5rem;cursor:pointer}
button{background:#fff;color:#1a3fa8}button.first{background:#1a4fd6;color:#fff}
:focus-visible{outline:3px solid #b45309;outline-offset:3px}
"""


def _payment_page(checkout: Checkout, language: str, faults: str) -> str:
    words = WORDS[language]
    other = "fr" if language == "en" else "en"
    asked = ",".join(fault for fault in faults.split(",") if fault in FAULTS)
    choices = ""
    if buttons := "".join(
        f'<button name="action" value="{action}"{" class=first" if action == "pay" else ""}>'
        f"{words[action]}</button>"
        for action in _choices(checkout.state)
    ):
        noted = f"<p>{words['with']} : {asked}</p>" if asked else ""
        choices = (
            f'<form method="post"><input type="hidden" name="faults" value="{asked}">{noted}{buttons}</form>'
        )
    if checkout.state in FINAL:
        choices = (
            f'<p><a class="button" href="{escape(checkout.return_url)}">{words["back"]}</a></p>{choices}'
        )
    return _document(
        language,
        words["title"],
        f"<p>{words['note']}</p>"
        f'<dl><dt>{words["amount"]}</dt><dd class="amount">{_amount(checkout, language)}</dd>'
        f"<dt>{words['reference']}</dt><dd>{escape(checkout.reference)}</dd>"
        f"<dt>{words['state']}</dt><dd role=status>{words[checkout.state]}</dd></dl>{choices}"
        f'<p><a href="?lang={other}&amp;faults={asked}" lang="{other}">{words["other"]}</a></p>',
    )


def _amount(checkout: Checkout, language: str) -> str:
    units, cents = divmod(checkout.amount_cents, 100)
    sign = "€" if checkout.currency == "EUR" else escape(checkout.currency)
    if language == "en":
        return f"{sign}{units:,}.{cents:02}"
    return f"{units:,}".replace(",", "\u202f") + f",{cents:02}\u00a0{sign}"


def _document(language: str, title: str, content: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>{content}</main></html>"
    )
