"""A fake Stripe: the API calls that we make, in the shapes that docs.stripe.com documents, and what its
payers and their banks may do. It shares no code with the adapter; the official library speaks to it too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.server import Request

KEY = "sk_test_51Fake"
KEYS_ARE_KEPT = 24 * 3600
"""Seconds. After them an idempotency key is as good as new, and what it asked for is made again."""
MISSING = "resource_missing"


class Problem(Exception):
    """An error as Stripe answers it."""

    def __init__(self, status: int, kind: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.document = {"error": {"type": kind, "message": message, "code": code}}


@dataclass
class FakeStripe:
    """State in memory. Each action of a payer or a bank makes events, oldest first in `events`."""

    now: int = 1_788_602_400
    events: list[dict[str, Any]] = field(default_factory=list)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    answered: dict[str, tuple[int, bytes, int, dict[str, Any]]] = field(default_factory=dict)
    bank: dict[str, int] = field(default_factory=dict)
    """Payment intent -> what the merchant's balance holds of it: the oracle of tests."""
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))
    page_size: int | None = None
    """Makes pages shorter than was asked, to test paging."""

    # ------------------------------------------------------------ the API

    def handle(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and document of one call."""
        try:
            return self._handle(request)
        except Problem as problem:
            return problem.status, problem.document

    def _handle(self, request: Request) -> tuple[int, dict[str, Any]]:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise Problem(401, "invalid_request_error", "Invalid API Key provided")
        key = request.headers.get("idempotency-key")
        if request.method == "POST" and key:
            if key in self.answered and self.now - self.answered[key][0] < KEYS_ARE_KEPT:
                _, body, status, document = self.answered[key]
                if body != request.body:
                    raise Problem(400, "idempotency_error", "Keys can only be used with the same...")
                return status, document
            status, document = 200, self._post(request)
            self.answered[key] = (self.now, request.body, status, json.loads(json.dumps(document)))
            return status, document
        return 200, self._get(request) if request.method == "GET" else self._post(request)

    def _post(self, request: Request) -> dict[str, Any]:
        form = dict(parse_qsl(request.body.decode()))
        match request.path.strip("/").split("/"):
            case ["v1", "checkout", "sessions"]:
                return self._open(form)
            case ["v1", "refunds"]:
                return self._ask_refund(form)
        raise Problem(404, "invalid_request_error", "Unrecognized request URL")

    def _get(self, request: Request) -> dict[str, Any]:
        match request.path.strip("/").split("/"):
            case ["v1", "checkout", "sessions", thing_id]:
                return self._thing(thing_id, "checkout.session")
            case ["v1", "payment_intents", thing_id]:
                intent = dict(self._thing(thing_id, "payment_intent"))
                if "latest_charge.balance_transaction" in request.query.values() and intent["latest_charge"]:
                    intent["latest_charge"] = self._expanded(intent["latest_charge"], "balance_transaction")
                return intent
            case ["v1", "charges", thing_id]:
                return self._thing(thing_id, "charge")
            case ["v1", ("refunds" | "disputes") as kind]:
                wanted = [
                    self._expanded(one["id"], "failure_balance_transaction")
                    for one in self._all(kind.removesuffix("s"))
                    if one["payment_intent"] == request.query["payment_intent"]
                ]
                return _listed(f"/v1/{kind}", wanted[::-1], more=False)
            case ["v1", "events"]:
                return self._list_events(request)
        raise Problem(404, "invalid_request_error", "Unrecognized request URL")

    def _list_events(self, request: Request) -> dict[str, Any]:
        types = {value for name, value in request.query.items() if name.startswith("types[")}
        newest_first = [one for one in reversed(self.events) if one["type"] in types]
        ids = [one["id"] for one in newest_first]
        limit = min(int(request.query.get("limit", 10)), self.page_size or 100)
        for cursor in ("ending_before", "starting_after"):
            if cursor in request.query and request.query[cursor] not in ids:
                raise Problem(404, "invalid_request_error", "No such event", MISSING)
        if "ending_before" in request.query:
            newer = newest_first[: ids.index(request.query["ending_before"])]
            return _listed("/v1/events", newer[-limit:], more=len(newer) > limit)
        if "starting_after" in request.query:
            newest_first = newest_first[ids.index(request.query["starting_after"]) + 1 :]
        return _listed("/v1/events", newest_first[:limit], more=len(newest_first) > limit)

    def _open(self, form: dict[str, str]) -> dict[str, Any]:
        if int(form["line_items[0][price_data][unit_amount]"]) < 50:
            raise Problem(400, "invalid_request_error", "The amount is too small", "amount_too_small")
        session = self._new(
            "cs_test",
            "checkout.session",
            amount_total=int(form["line_items[0][price_data][unit_amount]"]),
            currency=form["line_items[0][price_data][currency]"],
            client_reference_id=form["client_reference_id"],
            metadata=_nested(form, "metadata"),
            mode=form["mode"],
            payment_intent=None,
            payment_method_types=[value for name, value in form.items() if name.startswith("payment_m")],
            payment_status="unpaid",
            status="open",
            success_url=form["success_url"],
            cancel_url=form["cancel_url"],
            expires_at=self.now + 86_400,
            intent_metadata=_nested(form, "payment_intent_data[metadata]"),
        )
        session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
        return session

    def _ask_refund(self, form: dict[str, str]) -> dict[str, Any]:
        intent = self._thing(form["payment_intent"], "payment_intent")
        cents = int(form["amount"])
        charge = self.things.get(intent["latest_charge"] or "")
        if charge is None or cents > charge["amount"] - charge["amount_refunded"]:
            raise Problem(400, "invalid_request_error", "Refund amount is greater than unrefunded amount")
        return self.refund(intent["id"], cents, _nested(form, "metadata"))

    # ------------------------------------------------------------ what payers and banks do

    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    def submit(self, session_id: str, method: str = "card") -> dict[str, Any]:
        """The payer fills in the page: a payment intent that is not decided yet."""
        session = self.things[session_id]
        intent = self.things.get(session["payment_intent"] or "") or self._new(
            "pi",
            "payment_intent",
            amount=session["amount_total"],
            amount_received=0,
            currency=session["currency"],
            latest_charge=None,
            metadata=dict(session["intent_metadata"]),
            payment_method_types=[method],
            status="requires_payment_method",
            canceled_at=None,
        )
        session["payment_intent"] = intent["id"]
        intent["session"] = session_id
        if method == "sepa_debit":
            intent["status"] = "processing"
            self._charge(intent, "pending")
            self._tell("payment_intent.processing", intent)
            session["status"] = "complete"
            self._tell("checkout.session.completed", session)
        return intent

    def succeed(self, intent_id: str, cents: int | None = None) -> None:
        """The money is there."""
        intent = self.things[intent_id]
        session, later = self.things[intent["session"]], intent["status"] == "processing"
        charge = self._charge(intent, "succeeded")
        intent |= {"status": "succeeded", "amount_received": intent["amount"] if cents is None else cents}
        charge["balance_transaction"] = self._transaction(intent, intent["amount_received"])
        self._tell("payment_intent.succeeded", intent)
        self._tell("charge.succeeded", charge)
        session |= {"status": "complete", "payment_status": "paid"}
        self._tell(
            "checkout.session.async_payment_succeeded" if later else "checkout.session.completed", session
        )

    def fail(self, intent_id: str) -> None:
        """A card is refused, or a debit days later."""
        intent = self.things[intent_id]
        session, later = self.things[intent["session"]], intent["status"] == "processing"
        self._charge(intent, "failed")
        intent["status"] = "requires_payment_method"
        self._tell("payment_intent.payment_failed", intent)
        if later:
            self._tell("checkout.session.async_payment_failed", session)

    def expire(self, session_id: str) -> None:
        session = self.things[session_id]
        session["status"] = "expired"
        self._tell("checkout.session.expired", session)

    def refund(self, intent_id: str, cents: int, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        intent = self.things[intent_id]
        charge = self.things[intent["latest_charge"]]
        charge["amount_refunded"] += cents
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        refund = self._new(
            "re",
            "refund",
            amount=cents,
            currency=intent["currency"],
            charge=charge["id"],
            payment_intent=intent_id,
            metadata=metadata or {},
            status="succeeded",
            failure_balance_transaction=None,
        )
        self._transaction(intent, -cents)
        self._tell("charge.refunded", charge)
        return refund

    def fail_refund(self, refund_id: str) -> None:
        """The payer's bank sends a refund back."""
        refund = self.things[refund_id]
        charge = self.things[refund["charge"]]
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        refund["status"] = "failed"
        refund["failure_balance_transaction"] = self._transaction(
            self.things[refund["payment_intent"]], refund["amount"]
        )
        self._tell("refund.failed", refund)
        self._tell("charge.refund.updated", refund)

    def dispute(self, intent_id: str, *, inquiry: bool = False, cents: int | None = None) -> dict[str, Any]:
        intent = self.things[intent_id]
        dispute = self._new(
            "du",
            "dispute",
            amount=intent["amount_received"] if cents is None else cents,
            currency=intent["currency"],
            charge=intent["latest_charge"],
            payment_intent=intent_id,
            metadata={},
            status="warning_needs_response" if inquiry else "needs_response",
            balance_transactions=[],
        )
        self._tell("charge.dispute.created", dispute)
        if not inquiry:
            self._withdraw(dispute)
        return dispute

    def close(self, dispute_id: str, status: str) -> None:
        """`won`, `lost` or `warning_closed`."""
        dispute = self.things[dispute_id]
        dispute["status"] = status
        if status == "won":
            intent = self.things[dispute["payment_intent"]]
            dispute["balance_transactions"].append(self.things[self._transaction(intent, dispute["amount"])])
            self._tell("charge.dispute.funds_reinstated", dispute)
        self._tell("charge.dispute.closed", dispute)

    def _withdraw(self, dispute: dict[str, Any]) -> None:
        intent = self.things[dispute["payment_intent"]]
        dispute["balance_transactions"].append(self.things[self._transaction(intent, -dispute["amount"])])
        self._tell("charge.dispute.funds_withdrawn", dispute)

    # ------------------------------------------------------------ parts

    def _charge(self, intent: dict[str, Any], status: str) -> dict[str, Any]:
        charge = self.things.get(intent["latest_charge"] or "")
        if charge is None or charge["status"] == "failed":
            charge = self._new(
                "ch",
                "charge",
                amount=intent["amount"],
                amount_refunded=0,
                refunded=False,
                currency=intent["currency"],
                metadata=dict(intent["metadata"]),
                payment_intent=intent["id"],
                balance_transaction=None,
            )
            intent["latest_charge"] = str(charge["id"])
        charge["status"] = status
        return charge

    def _transaction(self, intent: dict[str, Any], cents: int) -> str:
        self.bank[intent["id"]] = self.bank.get(intent["id"], 0) + cents
        moved = self._new("txn", "balance_transaction", amount=cents, currency=intent["currency"])
        return str(moved["id"])

    def _new(self, prefix: str, kind: str, **values: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": f"{prefix}_{next(self.numbers):06}",
            "object": kind,
            "created": self.now,
            "livemode": False,
        } | values
        self.things[made["id"]] = made
        return made

    def _thing(self, thing_id: str, kind: str) -> dict[str, Any]:
        found = self.things.get(thing_id)
        if found is None or found["object"] != kind:
            raise Problem(404, "invalid_request_error", f"No such {kind}: {thing_id}", MISSING)
        return found

    def _expanded(self, thing_id: str, name: str) -> dict[str, Any]:
        thing = self.things[thing_id]
        return {**thing, name: self.things[thing[name]]} if thing.get(name) else thing

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.things.values() if one["object"] == kind]

    def _tell(self, kind: str, thing: dict[str, Any]) -> None:
        self.events.append(
            {
                "id": f"evt_{next(self.numbers):06}",
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": self.now,
                "data": {"object": json.loads(json.dumps(thing))},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
        )


def _listed(url: str, data: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": more, "data": data}


def _nested(form: dict[str, str], name: str) -> dict[str, str]:
    return {
        key.removeprefix(f"{name}[").removesuffix("]"): value
        for key, value in form.items()
        if key.startswith(f"{name}[")
    }
