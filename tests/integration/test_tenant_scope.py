"""Tenants see their own tenancy only, on every route that tenants have.

Each `/v1/me` route of the OpenAPI document has a case in CASES. A neighbour of the same residence asks with
the tenant's ids: what the path or the body names is refused as if it were not there, and no answer holds
anything of the tenant's. The tenant's own request for what a path names must not be, so that a case cannot
pass for another reason. A new route needs a new case; a test fails until there is one.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from sesame.domain.notices import notice_for
from sesame.providers.base import Checkout, CheckoutOrder
from sesame.services.accounts import Bookkeeping
from sesame.store.accounts import Accounts
from tests.conftest import FrozenClock
from tests.integration.house import Answer, House, routes
from tests.integration.tenants import RESIDENCE, admit
from tests.integration.test_credentials import signed_in
from tests.integration.test_staff_scope import DOCUMENT, PIECE_ASKED, refund_asked, talk_begun

KEYED = {"idempotency_key": "scope-1"}
ATTACHED = {"attachments": ["{attachment_id}"]}
THREAD = {"category": "room", "subject": "Fuite", "body": "Ça coule"}
NOT_THEIRS = {404, 422}
"""Of what a body names: not there, or no value that can be meant."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request. `names_theirs` says that its path or its body names something of the tenant's."""

    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    names_theirs: bool = False


OWN = Case()
THEIRS = Case(names_theirs=True)
CASES: dict[str, Case] = {
    "GET /v1/me": OWN,
    "GET /v1/me/account": OWN,
    "POST /v1/me/attachments": Case(body={"file_name": "a.pdf"}),
    "GET /v1/me/attachments/{attachment_id}": THEIRS,
    "POST /v1/me/attachments/{attachment_id}/completion": THEIRS,
    "GET /v1/me/calendar-feed": OWN,
    "POST /v1/me/calendar-feed": OWN,
    "DELETE /v1/me/calendar-feed": OWN,
    "GET /v1/me/certificates": OWN,
    "POST /v1/me/certificates": Case(body={"kind": "entry_document"}),
    "GET /v1/me/certificates/{document_id}": THEIRS,
    "POST /v1/me/confirmations": Case(body={"purpose": "erasure"}),
    "POST /v1/me/data-exports": OWN,
    "GET /v1/me/data-exports/{export_id}": THEIRS,
    "GET /v1/me/departure": OWN,
    "POST /v1/me/departure": Case(body={"leaves_on": "2027-01-31", "shown": "0" * 32}),
    "GET /v1/me/erasure": OWN,
    "POST /v1/me/erasure": Case(body={"confirmation_id": "{thread_id}", "otp": "1"}),
    "DELETE /v1/me/erasure": OWN,
    "GET /v1/me/final-account": OWN,
    "GET /v1/me/messages": OWN,
    "POST /v1/me/messages": Case(body=THREAD | ATTACHED, headers=KEYED, names_theirs=True),
    "GET /v1/me/messages/{thread_id}": THEIRS,
    "PUT /v1/me/messages/{thread_id}/read": Case(body={"number": 1}, names_theirs=True),
    "POST /v1/me/messages/{thread_id}/repair": Case(
        body={"event": "reopen", "body": "Encore"}, headers=KEYED, names_theirs=True
    ),
    "POST /v1/me/messages/{thread_id}/replies": Case(body={"body": "?"}, headers=KEYED, names_theirs=True),
    "PUT /v1/me/messages/{thread_id}/state": Case(body={"open": False}, names_theirs=True),
    "GET /v1/me/notices": OWN,
    "GET /v1/me/notices/{period}": THEIRS,
    "GET /v1/me/payment-links": OWN,
    "POST /v1/me/payment-links": Case(body={"amount_cents": 45_000}),
    "DELETE /v1/me/payment-links/{link_id}": THEIRS,
    "GET /v1/me/payment-plan": OWN,
    "GET /v1/me/payments": OWN,
    "POST /v1/me/payments": Case(body={"amount_cents": 45_000}, headers=KEYED),
    "GET /v1/me/payments/{payment_id}": THEIRS,
    "GET /v1/me/preferences": OWN,
    "PUT /v1/me/preferences": Case(body={"language": "en", "reminders_by": None, "courtesy_reminders": True}),
    "GET /v1/me/refunds": OWN,
    "POST /v1/me/refunds": Case(
        body={"amount_cents": 100, "payment_id": "{payment_id}"}, headers=KEYED, names_theirs=True
    ),
    "DELETE /v1/me/refunds/{refund_id}": THEIRS,
    "GET /v1/me/renewal": OWN,
    "POST /v1/me/renewal": Case(body={"wish": "leave"}),
    "GET /v1/me/sessions": OWN,
    "DELETE /v1/me/sessions/current": OWN,
    "DELETE /v1/me/sessions/{session_id}": THEIRS,
    "GET /v1/me/sharing": OWN,
    "PUT /v1/me/sharing/{kind}": Case(body={"agreed": True}),
    "GET /v1/me/social-file": OWN,
    "POST /v1/me/social-file/{year}/pieces/{piece_id}/files": Case(
        body={"attachment_id": "{attachment_id}"}, names_theirs=True
    ),
    "GET /v1/me/transmissions": OWN,
    "POST /v1/me/tenant-code/rotation": OWN,
    "DELETE /v1/me/sessions": OWN,  # the last one: it ends the neighbour's
}


def names_a_thing(route: str) -> bool:
    """Whether the path names somebody's: not only a kind that is everybody's word."""
    return "{" in route.replace("{kind}", "")


def tenant_routes() -> set[str]:
    """All that a tenant's session opens."""
    return {
        f"{method.upper()} {path}"
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") == [{"session": []}]
    }


def test_every_route_of_a_tenant_has_a_case_and_every_case_a_route() -> None:
    assert set(CASES) == tenant_routes()
    assert all(case.names_theirs for route, case in CASES.items() if names_a_thing(route))


class Neighbours:
    """Two tenants of one residence, and all that one of them has."""

    def __init__(self, aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
        def open_page(_self: Any, order: CheckoutOrder, _credentials: Any) -> Checkout:
            return Checkout(
                url=f"http://sandbox.example/pay/{order.payment_id}", provider_reference=order.payment_id
            )

        monkeypatch.setattr("sesame.providers.sandbox.Sandbox.start_checkout", open_page)
        self.aws, self.clock = aws, clock
        tenant = admit(aws)
        other = admit(
            aws, family_name="Traoré", given_names="Awa", email="awa@example.org", ine="861583842CH"
        )
        wanted = {entry for route, entry in routes().items() if route in CASES}
        self.house = House(aws, monkeypatch, clock, only=(*wanted, "desk/studies"))
        self.tenant, self.other = tenant, other
        talk = talk_begun(aws, tenant)
        lease, year = tenant.lease.lease_id, "2026-2027"
        path = f"/v1/desk/leases/{lease}/social-files/{year}"
        asked = self.house.ask("PUT", path, PIECE_ASKED, staff=("colleague", "administrator"))
        assert asked.status == 200, asked
        notice = notice_for(tenant.lease, RESIDENCE, "2026-09")
        assert notice is not None
        Bookkeeping(Accounts(aws.money), clock).issue_notice(notice)
        self.ids = {
            "year": year,
            "piece_id": "p1",
            "period": "2026-09",
            "kind": "housing_confirmations",
            **talk,
        }
        self.ids["document_id"] = self.make("/v1/me/certificates", {"kind": "entry_document"}, "document_id")
        self.ids["export_id"] = self.make("/v1/me/data-exports", None, "export_id")
        paid = {"amount_cents": 45_000}
        self.ids["payment_id"] = self.make("/v1/me/payments", paid, "payment_id", **KEYED)
        self.ids["link_id"] = self.make("/v1/me/payment-links", paid, "link_id")
        self.ids["refund_id"] = refund_asked(aws, tenant)
        sessions = self.ask(tenant, "GET /v1/me/sessions", OWN).body["sessions"]
        self.ids["session_id"] = sessions[0]["id"]
        self.secrets = {
            tenant.lease.lease_id,
            tenant.lease.tenant_reference,
            tenant.person.person_id,
            "huong@example.org",
            "Nguyễn",
            *(self.ids[name] for name in self.ids if name.endswith("_id") and name != "piece_id"),
        }

    def make(self, path: str, body: Any, name: str, **headers: str) -> str:
        """Something of the tenant's: its id."""
        answer = self.ask(self.tenant, f"POST {path}", Case(body=body, headers=headers))
        assert answer.status < 300, (path, answer)
        named = answer.headers.get("Location", "").rpartition("/")[2]
        return named or str(answer.body[name])

    def ask(self, who: Any, route: str, case: Case) -> Answer:
        """A request in a session of its own, with the tenant's ids."""
        self.clock.advance(timedelta(seconds=1))
        token, _ = signed_in(self.aws, who, self.clock)
        method, path = route.split(" ")
        text = json.dumps(case.body)
        for name, value in getattr(self, "ids", {}).items():
            path, text = path.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
        headers: dict[str, Any] = case.headers | {"authorization": f"Bearer {token}"}
        return self.house.ask(method, path, json.loads(text), **headers)


def test_a_neighbour_reaches_nothing_of_a_tenants_on_any_route(
    aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Neighbours(aws, clock, monkeypatch)
    faults = []

    for route, case in CASES.items():
        answer = door.ask(door.other, route, case)
        refused = {404} if names_a_thing(route) else NOT_THEIRS
        shown = [one for one in door.secrets if one in answer.text.replace(route, "")]
        reached = case.names_theirs and answer.status not in refused
        if answer.status == 401 or answer.status >= 500 or shown or reached:
            faults.append((route, answer.status, answer.text[:200], shown))
    for route, case in CASES.items():
        if names_a_thing(route) and (answer := door.ask(door.tenant, route, case)).status in {404, 500}:
            faults.append((f"own {route}", answer.status, answer.text[:200], []))

    assert not faults, "\n".join(map(str, faults))
