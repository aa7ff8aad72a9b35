"""A fake GoCardless: the API calls that we make, in the shapes that developer.gocardless.com documents, and
what payers and banks may do. It shares no code with the adapter; the official library speaks to it too.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import Request

TOKEN = "sandbox_Fake"
VERSION = "2015-07-06"


class Problem(Exception):
    """An error as GoCardless answers it."""

    def __init__(self, status: int, kind: str, *errors: dict[str, Any]) -> None:
        super().__init__(kind)
        self.status = status
        self.document = {
            "error": {
                "code": status,
                "type": kind,
                "message": kind,
                "errors": list(errors),
                "request_id": "r",
            }
        }


@dataclass
class FakeGoCardless:
    """State in memory. Each action of a payer or a bank makes events, oldest first in `events`."""

    now: datetime = datetime(2026, 9, 5, 10, tzinfo=UTC)
    events: list[dict[str, Any]] = field(default_factory=list)
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """Idempotency key -> what it made."""
    bank: dict[str, int] = field(default_factory=dict)
    """Payment -> what the merchant holds of it: the oracle of tests."""
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**9)))
    page_size: int | None = None
    echoes: bool = True
    """Whether events carry the metadata of what they are about."""

    # ------------------------------------------------------------ the API

    def handle(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Status and document of one call."""
        try:
            return self._handle(request)
        except Problem as problem:
            return problem.status, problem.document

    def _handle(self, request: Request) -> tuple[int, dict[str, Any]]:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Problem(401, "invalid_api_usage", {"reason": "access_token_not_found"})
        if request.headers.get("gocardless-version") != VERSION:
            raise Problem(400, "invalid_api_usage", {"reason": "missing_version_header"})
        match request.method, request.path.strip("/").split("/"):
            case "POST", [kind] if kind in MAKERS:
                key = request.headers.get("idempotency-key")
                if key and key in self.made:
                    links = {"conflicting_resource_id": self.made[key]}
                    raise Problem(
                        409, "invalid_state", {"reason": "idempotent_creation_conflict", "links": links}
                    )
                thing = MAKERS[kind](self, json.loads(request.body)[kind])
                if key:
                    self.made[key] = thing["id"]
                return 201, {kind: thing}
            case "GET", [kind, thing_id]:
                return 200, {kind: self._thing(kind, thing_id)}
            case "GET", ["events"]:
                return 200, self._page(request, "events", self._some_events(request.query))
            case "GET", [("payments" | "refunds") as kind]:
                return 200, self._page(request, kind, self._some(kind, request.query))
        raise Problem(404, "invalid_api_usage", {"reason": "resource_not_found"})

    def _some(self, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        wanted = {name: query[name] for name in ("mandate", "payment") if name in query}
        return [
            one
            for one in self.things.values()
            if one["kind"] == kind and all(one["links"].get(name) == value for name, value in wanted.items())
        ]

    def _some_events(self, query: dict[str, str]) -> list[dict[str, Any]]:
        wanted = {name: query[name] for name in ("payment", "refund", "billing_request") if name in query}
        since = query.get("created_at[gte]", "")
        return [
            one
            for one in self.events
            if one["created_at"] >= since
            and all(one["links"].get(name) == value for name, value in wanted.items())
        ]

    def _page(self, request: Request, kind: str, oldest_first: list[dict[str, Any]]) -> dict[str, Any]:
        newest_first = oldest_first[::-1]
        if after := request.query.get("after"):
            places = [one["id"] for one in newest_first]
            newest_first = newest_first[places.index(after) + 1 :]
        limit = min(int(request.query.get("limit", 50)), self.page_size or 500)
        page, rest = newest_first[:limit], newest_first[limit:]
        answer: dict[str, Any] = {
            kind: page,
            "meta": {"cursors": {"before": None, "after": page[-1]["id"] if rest else None}, "limit": limit},
        }
        if request.query.get("include") == "payment":
            paid = {one["links"]["payment"] for one in page if "payment" in one["links"]}
            answer["linked"] = {"payments": [self.things[one] for one in sorted(paid)]}
        return answer

    def _ask_request(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if len(wanted["metadata"]) > 3:
            raise Problem(422, "validation_failed", {"field": "metadata"})
        request = self._new(
            "BRQ",
            "billing_requests",
            status="pending",
            mandate_request={**wanted["mandate_request"], "links": {}},
            metadata=wanted["metadata"],
            links={"customer": "CU0001"},
        )
        self._tell("billing_requests", "created", request, {"billing_request": request["id"]})
        return request

    def _ask_flow(self, wanted: dict[str, Any]) -> dict[str, Any]:
        flow = self._new("BRF", "billing_request_flows", **wanted)
        flow["authorisation_url"] = f"https://pay-sandbox.gocardless.com/billing/static/flow?id={flow['id']}"
        return flow

    def _ask_payment(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["links"]["mandate"] not in {one.get("mandate") for one in self.things.values()}:
            raise Problem(422, "validation_failed", {"field": "links.mandate"})
        payment = self._new(
            "PM",
            "payments",
            status="pending_submission",
            amount=wanted["amount"],
            amount_refunded=0,
            currency=wanted["currency"],
            metadata=wanted["metadata"],
            links=dict(wanted["links"]),
        )
        self.bank[payment["id"]] = 0
        self._pay_event(payment, "created")
        return payment

    def _ask_refund(self, wanted: dict[str, Any]) -> dict[str, Any]:
        payment = self._thing("payments", wanted["links"]["payment"])
        if wanted["total_amount_confirmation"] != payment["amount_refunded"] + wanted["amount"]:
            raise Problem(422, "validation_failed", {"reason": "total_amount_confirmation_invalid"})
        if payment["amount_refunded"] + wanted["amount"] > payment["amount"]:
            raise Problem(422, "validation_failed", {"reason": "refund_is_more_than_payment"})
        return self.refund(payment["id"], wanted["amount"], wanted["metadata"])

    # ------------------------------------------------------------ what payers and banks do

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def fulfil(self, request_id: str) -> None:
        """The payer signs the mandate."""
        request = self.things[request_id]
        request["status"] = "fulfilled"
        request["mandate"] = f"MD{next(self.numbers):06}"
        request["links"]["mandate_request_mandate"] = request["mandate"]
        links = {"billing_request": request_id, "mandate_request_mandate": request["mandate"]}
        self._tell("billing_requests", "fulfilled", request, links)

    def give_up(self, request_id: str) -> None:
        request = self.things[request_id]
        request["status"] = "cancelled"
        self._tell("billing_requests", "cancelled", request, {"billing_request": request_id})

    def submit(self, payment_id: str) -> None:
        self._set(payment_id, "submitted")

    def confirm(self, payment_id: str) -> None:
        self.bank[payment_id] += self.things[payment_id]["amount"]
        self._set(payment_id, "confirmed")

    def pay_out(self, payment_id: str) -> None:
        self._set(payment_id, "paid_out")

    def fail(self, payment_id: str, *, retry: bool = False) -> None:
        """The payer's bank refuses the debit, or returns it after it was confirmed."""
        payment = self.things[payment_id]
        late = payment["status"] in {"confirmed", "paid_out"}
        if late:
            self.bank[payment_id] -= payment["amount"]
        details = {"cause": "insufficient_funds", "will_attempt_retry": retry, "reason_code": "AM04"}
        self._set(payment_id, "failed", details)
        if late:
            self._pay_event(payment, "late_failure_settled")
        if retry:
            payment["status"] = "pending_submission"
            self._pay_event(payment, "resubmission_requested")

    def charge_back(self, payment_id: str) -> None:
        self.bank[payment_id] -= self.things[payment_id]["amount"]
        self._set(payment_id, "charged_back")
        self._pay_event(self.things[payment_id], "chargeback_settled")

    def cancel_charge_back(self, payment_id: str) -> None:
        self.bank[payment_id] += self.things[payment_id]["amount"]
        self._set(payment_id, "chargeback_cancelled")
        self.things[payment_id]["status"] = "paid_out"

    def cancel(self, payment_id: str) -> None:
        self._set(payment_id, "cancelled")

    def refund(self, payment_id: str, cents: int, metadata: dict[str, str] | None = None) -> dict[str, Any]:
        payment = self.things[payment_id]
        payment["amount_refunded"] += cents
        self.bank[payment_id] -= cents
        refund = self._new(
            "RF",
            "refunds",
            amount=cents,
            currency=payment["currency"],
            metadata=metadata or {},
            status="submitted",
            links={"payment": payment_id},
        )
        self._tell("refunds", "created", refund, {"refund": refund["id"]})
        return refund

    def fail_refund(self, refund_id: str) -> None:
        refund = self.things[refund_id]
        refund["status"] = "bounced"
        self.things[refund["links"]["payment"]]["amount_refunded"] -= refund["amount"]
        self.bank[refund["links"]["payment"]] += refund["amount"]
        self._tell("refunds", "failed", refund, {"refund": refund_id})

    # ------------------------------------------------------------ parts

    def _set(self, payment_id: str, status: str, details: dict[str, Any] | None = None) -> None:
        payment = self.things[payment_id]
        payment["status"] = status
        self._pay_event(payment, status, details)

    def _pay_event(self, payment: dict[str, Any], action: str, details: dict[str, Any] | None = None) -> None:
        self._tell("payments", action, payment, {"payment": payment["id"]}, details)

    def _tell(
        self,
        kind: str,
        action: str,
        thing: dict[str, Any],
        links: dict[str, str],
        details: dict[str, Any] | None = None,
    ) -> None:
        self.now += timedelta(milliseconds=1)
        event = {
            "id": f"EV{next(self.numbers):06}",
            "created_at": _stamp(self.now),
            "resource_type": kind,
            "action": action,
            "links": links,
            "details": {"origin": "gocardless", "cause": action, "description": action} | (details or {}),
            "metadata": {},
        }
        if self.echoes:
            event["resource_metadata"] = dict(thing["metadata"])
        self.events.append(event)

    def _new(self, prefix: str, kind: str, **values: Any) -> dict[str, Any]:
        made = {
            "id": f"{prefix}{next(self.numbers):06}",
            "kind": kind,
            "created_at": _stamp(self.now),
        } | values
        self.things[made["id"]] = made
        return made

    def _thing(self, kind: str, thing_id: str) -> dict[str, Any]:
        found = self.things.get(thing_id)
        if found is None or found["kind"] != kind:
            raise Problem(404, "invalid_api_usage", {"reason": "resource_not_found"})
        return found


MAKERS = {
    "billing_requests": FakeGoCardless._ask_request,
    "billing_request_flows": FakeGoCardless._ask_flow,
    "payments": FakeGoCardless._ask_payment,
    "refunds": FakeGoCardless._ask_refund,
}


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
