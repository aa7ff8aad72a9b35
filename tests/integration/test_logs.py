"""No code, token, contact, name or birth date in any log: every flow is run, and what is logged is searched.

A route of the template that no flow here asks for fails the test, as does a queue's or a schedule's function.
"""

import base64
import json
import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from standardwebhooks import Webhook

from sesame.domain.attachments import Attachment, AttachmentState, Side
from sesame.domain.file_contents import FileType
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.notices import notice_for
from sesame.domain.scope import EVERYWHERE
from sesame.domain.studies import Enrolment, EnrolmentStatus, academic_year_of
from sesame.platform import aws as platform_aws
from sesame.platform.ids import new_id
from sesame.platform.logs import count, logger
from sesame.providers.base import Checkout, CheckoutOrder
from sesame.services.accounts import Bookkeeping
from sesame.services.posting import YOUNG
from sesame.store.accounts import Accounts
from sesame.store.attachments import Attachments
from sesame.store.social_files import Enrolments
from sesame.store.table import transact
from tests.conftest import FrozenClock
from tests.integration.house import SOMEWHERE, WEBHOOK_SECRET, Answer, House, functions, routes
from tests.integration.import_fixtures import cells_of, lease_file
from tests.integration.leaks import (
    code_forms,
    date_forms,
    digit_forms,
    everything_logged,
    found_in,
    phone_forms,
)
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_credentials import signed_in
from tests.unit.test_file_contents import PICTURES

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

PHONE = "+33639981234"
NEW_EMAIL, NEW_PHONE = "nouvelle.adresse@example.org", "+33639985678"
ID_CHARACTERS = "K4T9"
IBAN = "FR14 2004 1010 0505 0001 3M02 606"
BORN = "2004-05-31"
STAFF = ("agent", "desk", "manager", "administrator")
ACCOUNTANT = ("agent", "accountant", "manager", "administrator", "desk")
COLLEAGUE = ("colleague", "desk", "manager", "administrator")
SILENT = {"GET /v1/openapi.json"}
"""Answers everybody the same file, and logs nothing."""
DESK_ROW = {
    "reference": "LOG-1",
    "residence": RESIDENCE.name,
    "address": "12 rue des Tilleuls",
    "postal_code": RESIDENCE.postal_code,
    "city": RESIDENCE.city,
    "room": "A101",
    "family_name": "Kouyatédupont",
    "given_names": "Mariamberthe",
    "birth_date": "2001-02-03",
    "email": "mariamberthe@example.org",
    "phone": "+33639989999",
    "ine": "861583842CH",
    "starts_on": "2026-09-01",
    "ends_on": "2027-08-31",
    "rent_cents": 40000,
    "charges_cents": 5000,
    "deposit_cents": 40000,
}
SETTINGS = {
    "address": ["12 rue des Tilleuls", "75013 Paris"],
    "time_zone": "Europe/Paris",
    "landlord": {"name": "Opérateur d'essai"},
    "provider": "sandbox",
}


class Story:
    """A tenant's life here, told to the handlers; every secret that comes up is kept in `secrets`."""

    def __init__(self, house: House, tenant: Tenant) -> None:
        self.house, self.clock, self.tenant = house, house.clock, tenant
        self.asked: set[str] = set()
        self.secrets: dict[str, set[str]] = {
            "tenant code": code_forms(tenant.printed_code),
            "e-mail": {"huong@example.org"},
            "family name": {"Nguyễn"},
            "given names": {"Thị Hương"},
            "phone": phone_forms(PHONE),
            "INE": {"170669074DK"},
            "birth date": date_forms(date.fromisoformat(BORN)),
            "new e-mail": {NEW_EMAIL},
            "new phone": phone_forms(NEW_PHONE),
            "ID's last characters": {ID_CHARACTERS},
            "network address": {SOMEWHERE},
            "names of a row": {"Kouyatédupont", "Mariamberthe", "Zirignonoua", "Zoé"},
            "e-mail of a row": {"mariamberthe@example.org", "tenant.1@example.org"},
            "phone of a row": phone_forms("+33639989999") | phone_forms("+33639980011"),
            "INE of a row": {"861583842CH", "000000001AB"},
            "birth date of a row": date_forms(date(2001, 2, 3)) | date_forms(date(2000, 1, 18)),
            "webhook secret": {WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_")},
            "pepper": {"p" * 64},
        }

    def keep(self, kind: str, forms: set[str]) -> None:
        """A secret that came up on the way."""
        self.secrets[f"{kind} {len(self.secrets)}"] = forms

    def ask(self, method: str, path: str, body: Any = None, *, expect: int, **more: Any) -> Answer:
        """A request, which must get this status; then what it announces is told."""
        answer = self.house.ask(method, path, body, **more)
        assert answer.status == expect, (method, path, answer)
        self.asked.add(self.house.route(method, path)[0])
        self.house.relay()
        return answer

    def one_time_code(self, contact: str = "huong@example.org") -> str:
        """The last one that came."""
        shown = self.house.sent.one_time_code(contact)
        self.keep("one-time code", digit_forms(shown))
        return shown

    def session(self) -> dict[str, str]:
        """Headers of who is signed in already: no time passes, no message is sent."""
        token, _ = signed_in(self.house.aws, self.tenant, self.clock)
        self.keep("session token", {token})
        return {"authorization": f"Bearer {token}"}

    def sign_in(self, printed: str | None = None, contact: str = "huong@example.org") -> dict[str, str]:
        """Headers of who is signed in."""
        self.clock.advance(timedelta(hours=1))
        started = self.ask(
            "POST", "/v1/sign-ins", {"tenant_code": printed or self.tenant.printed_code}, expect=202
        )
        path = f"/v1/sign-ins/{started.body['sign_in_id']}/confirm"
        opened = self.ask("POST", path, {"otp": self.one_time_code(contact)}, expect=200)
        token = opened.body["session_token"]
        secret = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[-32:]
        self.keep("session token", {token, secret.hex(), base64.b64encode(secret).decode()})
        return {"authorization": f"Bearer {token}"}


def test_no_flow_logs_a_code_a_token_or_a_person(
    aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def open_page(_self: Any, order: CheckoutOrder, _credentials: Any) -> Checkout:
        return Checkout(url=f"http://sandbox.example/pay/{order.payment_id}", provider_reference="co_1")

    monkeypatch.setattr("sesame.providers.sandbox.Sandbox.start_checkout", open_page)
    with everything_logged():
        house = House(aws, monkeypatch, clock)
        house.crash = sys.stderr.write  # type: ignore[assignment]
        for subject in (STAFF[0], COLLEAGUE[0]):
            enrol(aws, subject, EVERYWHERE)
        story = Story(house, admit(aws, phone=PHONE))
        desk_takes_leases_in(story)
        signing_in(story)
        recovering(story)
        personal_space(story)
        tenancy_and_payments(story)
        certificates(story)
        papers_in_bulk(story)
        payment_links(story)
        money_at_the_desk(story)
        reminders_and_plans(story)
        notices_at_the_desk(story)
        leaving(story)
        refunds(story)
        studies(story)
        another_year(story)
        conversations(story)
        credentials(story)
        privacy(story)
        wishes(story)
        desk_helps(story)
        what_is_told_to_others(story)
        schedules(story)
        following_up(story)
        messages_that_fail(story)
        hostile_requests(story)
        services_that_fail(story)

    out, err = capfd.readouterr()
    logged = out + err

    assert found_in(logged, story.secrets) == {}
    assert story.asked | SILENT == set(routes())
    assert {kind.partition(" ")[0] for kind in story.secrets} >= {"one-time", "session", "welcome"}
    assert set(re.findall(r'"route": ?"([^"]+)"', out)) == set(routes()) - SILENT
    assert house.ran == {entry for entry, _ in functions()} - {routes()[route] for route in SILENT}
    assert '"ForgedWebhook": 1' in out
    assert '"SmsSegments"' in out
    assert "ClientError at" in out
    assert "JobFailed" in err


def desk_takes_leases_in(story: Story) -> None:
    rows = [
        cells_of(1, family_name="Zirignonoua", phone="06 39 98 00 11"),
        cells_of(2, birth_date="31/02/2004", email="pas une adresse", ine="170669074DK"),
    ]
    taken = story.ask(
        "POST",
        "/v1/desk/lease-imports",
        lease_file(rows).decode(),
        content_type="text/csv; charset=utf-8",
        staff=STAFF,
        expect=202,
    )
    path = f"/v1/desk/lease-imports/{taken.body['import_id']}"
    report = story.ask("GET", path, staff=STAFF, expect=200).body
    assert (report["created"], report["rejected"]) == (1, 1)
    assert "170669074DK" in story.ask("GET", path, query="format=csv", staff=STAFF, expect=200).text
    story.ask("POST", "/v1/desk/lease-imports", "Nguyễn;huong@example.org", staff=STAFF, expect=415)

    admitted = story.ask("POST", "/v1/desk/leases", DESK_ROW, staff=STAFF, expect=201).body
    for kind, header, row in (
        ("amendments", "Référence locataire;Changement;Date d'effet;Chambre", "chambre;16/10/2026;Nguyễn"),
        ("departures", "Référence locataire;Dernier jour;Congé reçu le;Motif", "01/12/2026;x;Zirignonoua"),
    ):
        sent = story.ask(
            "POST",
            "/v1/desk/lease-imports",
            f"{header}\n{admitted['tenant_reference']};{row}",
            query=f"kind={kind}",
            content_type="text/csv; charset=utf-8",
            staff=STAFF,
            expect=202,
        )
        report = story.ask("GET", sent.headers["Location"], staff=STAFF, expect=200).body
        assert (report["kind"], report["created"]) == (kind, int(kind == "amendments"))
    story.ask("POST", "/v1/desk/leases", DESK_ROW | {"reference": "LOG-2"}, staff=STAFF, expect=201)
    story.ask("POST", "/v1/desk/leases", DESK_ROW | {"birth_date": "1820-02-03"}, staff=STAFF, expect=422)
    story.ask("GET", "/v1/desk/residences", staff=STAFF, expect=200)
    residence = f"/v1/desk/residences/{RESIDENCE.residence_id}"
    story.ask("PUT", residence, SETTINGS, staff=STAFF, expect=200)
    story.ask(
        "PUT", f"{residence}/logo", "huong@example.org", content_type="image/png", staff=STAFF, expect=422
    )

    [welcome] = {
        token
        for text in story.house.sent.to("tenant.1@example.org")
        for token in re.findall(r"/bienvenue/([\w-]+)", text)
    }
    story.keep("welcome token", {welcome})
    for page in ("GET", "POST"):
        story.ask(
            page, f"/bienvenue/{welcome}", "birth_date=2004-05-31", expect=200 if page == "GET" else 422
        )
    wrong = {"token": welcome, "birth_date": BORN}
    story.ask("POST", "/v1/welcomes", wrong, expect=422)
    shown = story.ask("POST", "/v1/welcomes", wrong | {"birth_date": "2000-01-18"}, expect=200)
    story.keep("tenant code", code_forms(shown.body["tenant_code"]))
    story.ask("POST", f"/bienvenue/{welcome}", "birth_date=2000-01-18", expect=200)
    story.clock.advance(timedelta(hours=1))
    story.ask("POST", f"/bienvenue/{welcome}", "birth_date=2000-01-18", expect=410)
    story.ask("POST", "/v1/welcomes", wrong, expect=404)


def signing_in(story: Story) -> None:
    right = story.tenant.printed_code
    mistyped = right[:-1] + ("0" if right[-1] != "0" else "1")
    story.keep("mistyped code", {mistyped})
    story.ask("POST", "/v1/sign-ins", {"tenant_code": mistyped}, expect=422)
    started = story.ask("POST", "/v1/sign-ins", {"tenant_code": story.tenant.printed_code}, expect=202)
    story.one_time_code()
    path = f"/v1/sign-ins/{started.body['sign_in_id']}"
    story.ask("POST", f"{path}/resend", {}, expect=429)
    story.clock.advance(timedelta(seconds=31))
    story.ask("POST", f"{path}/resend", {"send_by": "sms"}, expect=202)
    otp = story.one_time_code(PHONE)
    story.ask("POST", f"{path}/confirm", {"otp": "0000 0000"}, expect=401)
    token = story.ask("POST", f"{path}/confirm", {"otp": otp}, expect=200).body["session_token"]
    story.keep("session token", {token})
    story.ask("POST", f"{path}/confirm", {"otp": otp}, expect=401)


def recovering(story: Story) -> None:
    unknown = {"email": "personne.du.tout@example.org", "birth_date": BORN}
    story.keep("unknown e-mail", {"personne.du.tout@example.org"})
    story.ask("POST", "/v1/code-recoveries", unknown, expect=202)
    story.ask(
        "POST", "/v1/code-recoveries", {"email": "huong@example.org", "birth_date": "2003-05-31"}, expect=202
    )
    story.keep("wrong birth date", date_forms(date(2003, 5, 31)))
    for kind, identity, contact in (
        ("email", "huong@example.org", "huong@example.org"),
        ("ine", "170669074DK", "huong@example.org"),
        ("phone", "06 39 98 12 34", PHONE),
    ):
        story.clock.advance(timedelta(hours=1))
        started = story.ask("POST", "/v1/code-recoveries", {kind: identity, "birth_date": BORN}, expect=202)
        path = f"/v1/code-recoveries/{started.body['recovery_id']}"
        story.clock.advance(timedelta(seconds=31))
        story.ask("POST", f"{path}/resend", {}, expect=202)
        story.ask("POST", f"{path}/confirm", {"otp": "0000 0000"}, expect=401)
        recovered = story.ask("POST", f"{path}/confirm", {"otp": story.one_time_code(contact)}, expect=200)
        assert recovered.body["tenant_code"] == story.tenant.printed_code
    story.ask("GET", "/v1/code-recoveries/help", query="search=Nguyễn", expect=200)


def personal_space(story: Story) -> None:
    path = "/v1/personal-space/tenant-code"
    story.ask("GET", path, claims={"ine": "170669074DK", "sub": "student"}, expect=200)
    unverified = {"email": "huong@example.org", "email_verified": "false", "sub": "student"}
    story.ask("GET", path, claims=unverified, expect=403)
    story.ask("GET", path, claims={"ine": "123456789AB", "sub": "student"}, expect=404)


def tenancy_and_payments(story: Story) -> None:
    me = story.sign_in()
    story.house.run("billing/plan", {"scheduled_time": "2026-09-01T03:00:00+00:00"})
    story.house.relay()
    for path in ("/v1/me", "/v1/me/notices", "/v1/me/notices/2026-09", "/v1/me/account", "/v1/me/payments"):
        story.ask("GET", path, **me, expect=200)
    paid = story.ask(
        "POST", "/v1/me/payments", {"amount_cents": 45_000}, idempotency_key="k1", **me, expect=201
    )
    payment_id = paid.body["payment_id"]
    for number in ("1", "2"):
        notification(story, payment_id, f"msg-{number}", signed=True)
    notification(story, payment_id, "msg-3", signed=False)
    assert story.ask("GET", f"/v1/me/payments/{payment_id}", **me, expect=200).body["state"] == "paid"
    story.ask("POST", "/v1/webhooks/nobody", "huong@example.org", expect=404)
    for path in ("/", f"/payments/{payment_id}"):
        story.ask("GET", path, expect=200)


def notification(story: Story, payment_id: str, message_id: str, *, signed: bool) -> None:
    """A provider's word, with whatever else it knows of the payer."""
    body = json.dumps(
        {
            "id": "evt-1",
            "type": "payment.settled",
            "created_at": story.clock().isoformat(),
            "rank": 1,
            "data": {
                "reference": payment_id,
                "account": story.tenant.lease.lease_id,
                "amount_cents": 45_000,
                "currency": "EUR",
                "payer": "Nguyễn huong@example.org",
            },
        }
    )
    signature = Webhook(WEBHOOK_SECRET).sign(message_id, story.clock(), body)
    story.ask(
        "POST",
        "/v1/webhooks/sandbox",
        body,
        webhook_id=message_id,
        webhook_timestamp=str(int(story.clock().timestamp())),
        webhook_signature=signature if signed else "v1,bm90IGl0",
        expect=204 if signed else 401,
    )


def certificates(story: Story) -> None:
    me = story.sign_in()
    for wanted in ({"kind": "entry_document"}, {"kind": "receipt", "period": "2026-09"}):
        asked = story.ask("POST", "/v1/me/certificates", wanted, **me, expect=202)
        ready = story.ask("GET", asked.headers["Location"], **me, expect=200).body
        assert ready["status"] == "ready"
        for path in ("/v1/verifications", "/verification"):
            story.ask("GET", f"{path}/{ready['verification_code']}", expect=200)
    story.ask("GET", "/v1/me/certificates", **me, expect=200)
    story.ask("GET", "/verification", query="code=Nguyen", expect=200)


def papers_in_bulk(story: Story) -> None:
    file = b"%PDF-1.7 huong@example.org"
    story.ask("POST", "/verification", file.decode(), content_type="application/octet-stream", expect=200)
    story.ask("GET", f"/v1/verifications/files/{sha256(file).hexdigest()}", expect=200)
    wish = {"residence_id": RESIDENCE.residence_id, "kind": "receipt", "month": "2026-09"}
    run = story.ask("POST", "/v1/desk/document-runs", wish, staff=ACCOUNTANT, expect=202).body["run_id"]
    progress = story.ask("GET", f"/v1/desk/document-runs/{run}", staff=ACCOUNTANT, expect=200).body
    assert progress["status"] == "planned", progress
    assert progress["documents"] == progress["ready"], progress
    story.ask("POST", f"/v1/desk/document-runs/{run}/archive", staff=ACCOUNTANT, expect=202)
    where = f"residence_id={RESIDENCE.residence_id}"
    story.ask("GET", "/v1/desk/flagged-payments", query=where, staff=ACCOUNTANT, expect=200)
    story.ask("GET", "/v1/desk/flagged-documents", query=where, staff=ACCOUNTANT, expect=200)
    settled = f"/v1/desk/flagged-documents/{new_id()}/settlement"
    story.ask("POST", settled, staff=ACCOUNTANT, expect=404)


def payment_links(story: Story) -> None:
    me = story.sign_in()
    created = story.ask("POST", "/v1/me/payment-links", {"amount_cents": 45_000}, **me, expect=201).body
    token = created["url"].rpartition("/")[2]
    story.keep("payment link's token", {token})
    story.ask("GET", "/v1/me/payment-links", **me, expect=200)
    story.ask("GET", f"/v1/payment-links/{token}", expect=200)
    story.ask("POST", f"/v1/payment-links/{token}", {}, idempotency_key="k2", expect=422)  # nothing is owed
    story.ask("GET", f"/payer/{token}", expect=200)
    story.ask("POST", f"/payer/{token}", "amount=450&key=", expect=422)
    story.ask("DELETE", f"/v1/me/payment-links/{created['link_id']}", **me, expect=204)


def reminders_and_plans(story: Story) -> None:
    lease, kept = story.tenant.lease, Accounts(story.house.aws.money)
    notice = notice_for(replace(lease, starts_on=date(2026, 1, 1)), RESIDENCE, "2026-02")
    assert notice is not None
    books = Bookkeeping(kept, story.clock)
    books.issue_notice(notice)
    surcharge = Entry(
        entry_id="surcharge:notice:2026-02",
        kind=EntryKind.SURCHARGE,
        amount_cents=1_000,
        effective_at=story.clock(),
        due_on=story.clock().date(),
    )
    books.post(lease.lease_id, lease.residence_id, surcharge)
    path, today = f"/v1/desk/leases/{lease.lease_id}", story.clock().date()
    held = {"kind": "dispute", "reason": "amount_disputed", "until": today.isoformat()}
    story.ask("PUT", f"{path}/reminders/hold", held, staff=STAFF, expect=200)
    story.ask("POST", f"{path}/reminders/release", {"reason": "settled"}, staff=STAFF, expect=200)
    back = f"{path}/surcharges/2026-02/reversal"
    story.ask("POST", back, {"reason": "goodwill"}, staff=STAFF, expect=200)
    void = f"{path}/formal-notices/{'0' * 26}/withdrawal"
    story.ask("POST", void, {"reason": "not_owed"}, staff=STAFF, expect=404)
    waiver = {"reason": "aid_came_late"}
    story.ask("POST", f"{path}/renewal-block/waiver", waiver, staff=STAFF, expect=200)
    [owed] = [
        one
        for one in story.ask("GET", f"{path}/reminders", staff=STAFF, expect=200).body["owed"]
        if one["period"] == "2026-02"
    ]
    plan = {
        "debts": [owed["entry_id"]],
        "instalments": [{"due_on": today.isoformat(), "amount_cents": owed["unpaid_cents"]}],
    }
    agreed = story.ask("POST", f"{path}/payment-plan", plan, idempotency_key="p1", staff=STAFF, expect=201)
    assert agreed.body["status"] == "active"
    story.ask("GET", f"{path}/payment-plan", staff=STAFF, expect=200)
    story.ask("GET", "/v1/me/payment-plan", **story.sign_in(), expect=200)
    cancel = f"{path}/payment-plan/cancellation"
    story.ask("POST", cancel, {"reason": "mistake"}, staff=STAFF, expect=200)
    paid = Entry(
        entry_id="taking:plan",
        kind=EntryKind.PAYMENT,
        amount_cents=-2 * notice.amount_cents,
        effective_at=story.clock(),
        source="taking:plan",
    )
    books.post(lease.lease_id, lease.residence_id, paid)


def notices_at_the_desk(story: Story) -> None:
    lease = f"/v1/desk/leases/{story.tenant.lease.lease_id}"
    label = "Clé de Thị Hương Nguyễn"
    line = {"amount_cents": 1_500, "reason": "service", "label": label}
    story.ask("POST", f"{lease}/notices", staff=ACCOUNTANT, expect=200)
    story.ask("POST", f"{lease}/adjustments", line, idempotency_key="a1", staff=ACCOUNTANT, expect=201)
    story.ask(
        "POST",
        f"{lease}/adjustments",
        line | {"label": "x"},
        idempotency_key="a2",
        staff=ACCOUNTANT,
        expect=422,
    )
    shown = story.ask("GET", f"{lease}/notices", staff=ACCOUNTANT, expect=200).body["notices"]
    note = f"{lease}/notices/{shown[0]['period']}/credit-notes"
    story.ask("POST", note, line | {"amount_cents": 100}, idempotency_key="c1", staff=ACCOUNTANT, expect=201)


def leaving(story: Story) -> None:
    lease, me = f"/v1/desk/leases/{story.tenant.lease.lease_id}", story.sign_in()
    seen = story.ask("GET", "/v1/me/departure", **me, expect=200).body
    wrong = {"leaves_on": seen["leaves_on"], "shown": "0" * 32}
    story.ask("POST", "/v1/me/departure", wrong, **me, expect=409)
    story.ask("POST", "/v1/me/departure", wrong | {"shown": seen["shown"]}, **me, expect=201)
    story.ask("GET", "/v1/me/final-account", **me, expect=200)
    asked = [
        ("departure/withdrawal", {}, 200),
        ("room-change", {"starts_on": "2026-12-01", "room": "Nguyễn 12", "preview": True}, 200),
        ("room-change", {"starts_on": "2026-12-02", "room": "Nguyễn 12"}, 409),
        ("rent-amendment", {"starts_on": "2026-12-01", "rent_cents": 40_100}, 200),
        ("sharing", {"starts_on": "2026-12-01", "occupants": 2}, 200),
        ("extension", {"ends_on": "2027-09-30"}, 200),
        ("departure", {"leaves_on": "2027-01-01", "given_on": "2026-09-01", "reason": "Nguyễn"}, 422),
        ("cancellation", {"preview": True}, 200),
        ("final-account", {"deductions": [{"kind": "damage", "amount_cents": 1, "label": "Nguyễn"}]}, 409),
        ("closing", None, 409),
    ]
    for number, (path, body, status) in enumerate(asked):
        story.ask("POST", f"{lease}/{path}", body, idempotency_key=f"l{number}", staff=STAFF, expect=status)
    story.ask("GET", f"{lease}/life", staff=STAFF, expect=200)
    story.ask("GET", f"{lease}/final-account", staff=STAFF, expect=200)


def money_at_the_desk(story: Story) -> None:
    lease = f"/v1/desk/leases/{story.tenant.lease.lease_id}"
    today = story.clock().date().isoformat()
    taken = {"kind": "cheque", "amount_cents": 1_000, "received_on": today, "reference": "0042"}
    payment = story.ask(
        "POST", f"{lease}/payments", taken, idempotency_key="d1", staff=ACCOUNTANT, expect=201
    ).body
    of_it = f"{lease}/payments/{payment['payment_id']}"
    story.ask("GET", f"{lease}/payments", staff=ACCOUNTANT, expect=200)
    story.ask("GET", f"{of_it}/receipt", staff=ACCOUNTANT, expect=200)
    story.ask("POST", f"{of_it}/reversal", {"reason": "typing_error"}, staff=ACCOUNTANT, expect=200)
    deposit = taken | {"purpose": "deposit", "amount_cents": 40_000}
    story.ask("POST", f"{lease}/payments", deposit, idempotency_key="d2", staff=ACCOUNTANT, expect=201)
    returned = {"kind": "cheque", "returned_on": today, "reference": "0043"}
    given = story.ask(
        "POST", f"{lease}/deposit/returns", returned, idempotency_key="d3", staff=ACCOUNTANT, expect=201
    ).body
    story.ask("GET", f"{lease}/deposit", staff=ACCOUNTANT, expect=200)
    story.ask("GET", f"{lease}/online-payments", staff=ACCOUNTANT, expect=200)
    back = f"{lease}/deposit/returns/{given['return_id']}/reversal"
    story.ask("POST", back, {"reason": "typing_error"}, staff=ACCOUNTANT, expect=200)
    story.ask("GET", f"/v1/desk/residences/{RESIDENCE.residence_id}/till", staff=ACCOUNTANT, expect=200)

    story.ask("PUT", f"{lease}/expected-aid", {"monthly_cents": 10_000}, staff=ACCOUNTANT, expect=200)
    reference = story.tenant.lease.tenant_reference
    rows = (
        f"Référence locataire;Mois;Montant;Versé le;Nom\r\n{reference};09/2026;100,00;01/09/2026;Nguyễn\r\n"
    )
    sent = story.ask(
        "POST",
        "/v1/desk/aid-imports",
        rows + "huong@example.org;09/2026;1;01/09/2026;Nguyễn\r\n",
        content_type="text/csv; charset=utf-8",
        staff=ACCOUNTANT,
        expect=202,
    )
    story.ask("GET", sent.headers["Location"], staff=ACCOUNTANT, expect=200)
    story.ask("GET", f"{lease}/aid", staff=ACCOUNTANT, expect=200)

    notification(story, "never-made", "msg-9", signed=True)
    story.clock.advance(YOUNG + timedelta(minutes=1))
    story.house.run("payments/sweep", {"scheduled_time": story.clock().isoformat()})
    story.house.relay()
    [waiting] = story.ask("GET", "/v1/desk/payment-reviews", staff=ACCOUNTANT, expect=200).body["reviews"]
    path = f"/v1/desk/payment-reviews/{waiting['review_id']}/resolution"
    decision = {"action": "dismiss", "reason": "not_ours"}
    story.ask("POST", path, decision, staff=ACCOUNTANT, expect=200)
    story.house.run("payments/reconcile_plan", {"scheduled_time": story.clock().isoformat()})
    story.house.relay()
    days = story.ask("GET", "/v1/desk/reconciliations", staff=ACCOUNTANT, expect=200).body
    assert days
    story.ask("GET", f"/v1/desk/reconciliations/{today}", staff=ACCOUNTANT, expect=200)


def refunds(story: Story) -> None:
    """What the aid paid too much, to another account: taken back, refused, and approved."""
    story.secrets["IBAN"] = {IBAN, IBAN.replace(" ", "")}
    me = story.sign_in()
    desk = f"/v1/desk/leases/{story.tenant.lease.lease_id}/refunds"
    for ending in ("cancelled", "refused", "approved"):
        story.clock.advance(timedelta(hours=1))
        me = story.sign_in()
        started = story.ask("POST", "/v1/me/confirmations", {"purpose": "refund"}, **me, expect=202)
        confirmed = {"confirmation_id": started.body["confirmation_id"], "otp": story.one_time_code()}
        to = {"iban": IBAN, "holder": "Thị Hương Nguyễn", **confirmed}
        asked = story.ask("POST", "/v1/me/refunds", {"amount_cents": 1_000, "to": to}, **me, expect=201)
        refund_id = asked.body["refund_id"]
        story.ask("GET", "/v1/me/refunds", **me, expect=200)
        if ending == "cancelled":
            story.ask("DELETE", f"/v1/me/refunds/{refund_id}", **me, expect=204)
            continue
        story.clock.advance(timedelta(hours=25))
        waiting = f"/v1/desk/residences/{RESIDENCE.residence_id}/refunds"
        story.ask("GET", waiting, staff=ACCOUNTANT, expect=200)
        path, body = {
            "refused": ("refusal", {"reason": "account_in_doubt"}),
            "approved": ("approval", {"transfer_reference": "V-1"}),
        }[ending]
        story.ask("POST", f"{desk}/{refund_id}/{path}", body, staff=ACCOUNTANT, expect=200)


def studies(story: Story) -> None:
    """A social file, by the desk, by a file and by the tenant; an enrolment."""
    lease, year = f"/v1/desk/leases/{story.tenant.lease.lease_id}", "2026-2027"
    label = "Attestation de Nguyễn"
    piece = {"kind": "other", "label": label, "due_on": "2027-01-31"}
    file = f"{lease}/social-files/{year}"
    story.ask("PUT", file, {"step": "ask_for_pieces", "pieces": [piece]}, staff=STAFF, expect=200)
    me = story.session()
    [shown] = story.ask("GET", "/v1/me/social-file", **me, expect=200).body["files"]
    assert shown["missing"][0]["label"] == label
    attachments = Attachments(story.house.aws.documents)
    of = story.tenant.lease
    attachment = Attachment(
        attachment_id=new_id(),
        lease_id=of.lease_id,
        residence_id=of.residence_id,
        side=Side.TENANT,
        uploaded_by=of.person_id,
        file_name="Nguyễn.pdf",
        created_at=story.clock(),
        delete_at=story.clock() + timedelta(days=1),
        state=AttachmentState.CHECKING,
    )
    writes = attachments.beginning(attachment, attachments.begun(of.lease_id, Side.TENANT))
    transact(attachments.table.client, writes)
    assert attachments.accept(attachment, FileType.PDF, 1_000)
    came = {"attachment_id": attachment.attachment_id}
    story.ask("POST", f"/v1/me/social-file/{year}/pieces/p1/files", came, **me, expect=200)
    story.ask("GET", f"{file}/pieces/p1/files/{attachment.attachment_id}", staff=STAFF, expect=200)
    verdict = {"accepted": False, "reason": "of_somebody_else"}
    story.ask("POST", f"{file}/pieces/p1/verdict", verdict, staff=STAFF, expect=200)
    residence = f"/v1/desk/residences/{RESIDENCE.residence_id}/social-files"
    story.ask("GET", residence, query=f"year={year}", staff=STAFF, expect=200)
    story.ask("GET", f"{lease}/social-files", staff=STAFF, expect=200)
    told = {"university": "Nguyễn University", "status": "enrolled"}
    story.ask("PUT", f"{lease}/enrolments/2027-2028", told, staff=STAFF, expect=200)
    story.ask("GET", f"{lease}/enrolments", staff=STAFF, expect=200)
    for kind, text in (
        ("enrolment", "INE;Année;Université;Statut;Nom\r\n170669074DK;2026;Lyon;inscrit;Nguyễn\r\n"),
        ("social-file", "INE;Année;État\r\n170669074DK;2026;En cours\r\nhuong@example.org;x;Nguyễn\r\n"),
    ):
        sent = story.ask(
            "POST",
            f"/v1/desk/{kind}-imports",
            text,
            content_type="text/csv; charset=utf-8",
            staff=STAFF,
            expect=202,
        )
        assert story.ask("GET", sent.headers["Location"], staff=STAFF, expect=200).body["taken"] == 1


def another_year(story: Story) -> None:
    """A campaign, who is written to in it, what they answer, a warning, and the decision."""
    lease, today = f"/v1/desk/leases/{story.tenant.lease.lease_id}", story.clock().date()
    campaign = {
        "residence_ids": [RESIDENCE.residence_id],
        "opens_on": today.isoformat(),
        "closes_on": (today + timedelta(days=30)).isoformat(),
        "leases_end_from": "2027-06-01",
        "leases_end_to": "2027-09-30",
        "renews_until": "2028-08-31",
    }
    campaigns = "/v1/desk/renewal-campaigns"
    opened = story.ask("POST", campaigns, campaign, staff=STAFF, expect=201).body
    story.ask("GET", campaigns, staff=STAFF, expect=200)
    longer = campaign | {"closes_on": (today + timedelta(days=31)).isoformat()}
    story.ask("PUT", f"{campaigns}/{opened['campaign_id']}", longer, staff=STAFF, expect=200)
    noon = datetime.combine(today + timedelta(days=1), time(10), UTC)
    for later in range(3):  # one of three days in a row is no Sunday, nor a holiday
        at = noon + timedelta(days=later)
        story.house.run("renewals/plan", {"scheduled_time": at.isoformat()})
    story.house.relay()
    me = story.session()
    story.ask("GET", "/v1/me/renewal", **me, expect=200)
    story.ask("POST", "/v1/me/renewal", {"wish": "renew"}, **me, expect=200)
    warning = {"given_on": today.isoformat(), "rule": "Nguyễn a fait du bruit"}
    warned = story.ask("POST", f"{lease}/warnings", warning, staff=STAFF, expect=201).body
    story.ask("GET", f"{lease}/warnings", staff=STAFF, expect=200)
    withdrawal = f"{lease}/warnings/{warned['warning_id']}/withdrawal"
    story.ask("POST", withdrawal, staff=STAFF, expect=200)
    story.ask("GET", f"{lease}/renewals", staff=STAFF, expect=200)
    query = f"campaign_id={opened['campaign_id']}"
    residence = f"/v1/desk/residences/{RESIDENCE.residence_id}/renewals"
    story.ask("GET", residence, query=query, staff=STAFF, expect=200)
    renewal = f"{lease}/renewals/{opened['campaign_id']}"
    story.ask("POST", f"{renewal}/answer", {"wish": "renew"}, staff=STAFF, expect=200)
    declined = {"decision": "decline", "reason": "no_room", "note": "Nguyễn"}
    story.ask("POST", f"{renewal}/decision", declined, staff=STAFF, expect=200)


def conversations(story: Story) -> None:
    """A leak, a photograph of it, what is done about it, and what is never read out of a file."""
    story.secrets["words of a message"] = {"chez Zébulon", "Rendez-vous donné", "Tout va bien merci"}
    story.secrets["name of a file"] = {"salle-de-zebulon"}
    me = story.sign_in()
    photo = attached(story, "/v1/me/attachments", me, PICTURES["jpeg"])
    rest = attached(story, "/v1/me/attachments", me, b"MZ of salle-de-zebulon")
    leak = {"category": "room", "subject": "Fuite chez Zébulon", "repair": True, "attachments": [photo]}
    opened = story.ask("POST", "/v1/me/messages", leak, idempotency_key="m1", **me, expect=201).body
    thread_id = opened["thread"]["thread_id"]
    mine = f"/v1/me/messages/{thread_id}"
    theirs = f"/v1/desk/leases/{story.tenant.lease.lease_id}/threads"
    said = {"body": "Encore chez Zébulon", "attachments": [rest]}
    story.ask("POST", f"{mine}/replies", said, idempotency_key="m2", **me, expect=422)
    story.ask("POST", f"{mine}/replies", {"body": "chez Zébulon"}, idempotency_key="m2", **me, expect=201)
    for path in ("/v1/me/messages", mine, f"/v1/me/attachments/{photo}"):
        story.ask("GET", path, **me, expect=200)

    where = f"residence_id={RESIDENCE.residence_id}"
    story.ask("GET", "/v1/desk/messages", query=where, staff=STAFF, expect=200)
    for path in (theirs, f"{theirs}/{thread_id}", f"{theirs}/{thread_id}/attachments/{photo}"):
        story.ask("GET", path, staff=STAFF, expect=200)
    for path, body in (
        ("replies", {"body": "Rendez-vous donné"}),
        ("repair", {"event": "schedule", "on": "2027-06-01", "body": "Rendez-vous donné"}),
        ("repair", {"event": "finish"}),
    ):
        key = f"s-{path}-{len(body)}"
        story.ask("POST", f"{theirs}/{thread_id}/{path}", body, idempotency_key=key, staff=STAFF, expect=201)
    story.ask("PUT", f"{theirs}/{thread_id}/read", {"number": 2}, staff=STAFF, expect=200)
    story.ask("PUT", f"{theirs}/{thread_id}/assignee", {"staff_id": None}, staff=STAFF, expect=200)
    story.ask("PUT", f"{theirs}/{thread_id}/state", {"open": False}, staff=STAFF, expect=200)
    first = {"category": "other", "subject": "chez Zébulon", "body": "Rendez-vous donné"}
    story.ask("POST", theirs, first, idempotency_key="s1", staff=STAFF, expect=201)
    begin = f"/v1/desk/leases/{story.tenant.lease.lease_id}/attachments"
    story.ask("POST", begin, {"file_name": "salle-de-zebulon.pdf"}, staff=STAFF, expect=201)
    assert any("Vous avez un nouveau message" in one for one in story.house.sent.to("huong@example.org"))

    story.ask("PUT", f"{mine}/read", {"number": 5}, **me, expect=200)
    story.ask("PUT", f"{mine}/state", {"open": True}, **me, expect=200)
    answer = {"event": "confirm", "body": "Tout va bien merci"}
    story.ask("POST", f"{mine}/repair", answer, idempotency_key="m3", **me, expect=201)

    ready = {"residence_id": RESIDENCE.residence_id, "title": "Fuite", "words": {"fr": "Rendez-vous donné"}}
    kept = story.ask(
        "POST", "/v1/desk/canned-answers", ready, idempotency_key="c1", staff=STAFF, expect=201
    ).body
    path = f"/v1/desk/canned-answers/{kept['answer_id']}"
    story.ask("PUT", path, ready, staff=STAFF, expect=200)
    story.ask("GET", "/v1/desk/canned-answers", query=where, staff=STAFF, expect=200)
    story.ask("DELETE", path, query=where, staff=STAFF, expect=204)


def attached(story: Story, path: str, me: dict[str, str], content: bytes) -> str:
    """A file sent as a browser does, and checked: its id."""
    begun = story.ask("POST", path, {"file_name": "salle-de-zebulon.jpg"}, **me, expect=201).body
    aws = story.house.aws
    aws.s3.put_object(Bucket=aws.bucket, Key=begun["upload"]["fields"]["key"], Body=content)
    story.ask("POST", f"{path}/{begun['attachment_id']}/completion", **me, expect=202)
    return str(begun["attachment_id"])


def credentials(story: Story) -> None:
    me = story.sign_in()
    new = story.ask("POST", "/v1/me/tenant-code/rotation", **me, expect=200).body["tenant_code"]
    story.keep("tenant code", code_forms(new))
    story.tenant = Tenant(person=story.tenant.person, lease=story.tenant.lease, code=new.replace("-", ""))
    phone = story.sign_in()
    me = story.sign_in()
    listed = story.ask("GET", "/v1/me/sessions", **me, expect=200).body["sessions"]
    assert listed[0]["current"]
    laptop = story.sign_in()
    others = story.ask("GET", "/v1/me/sessions", **laptop, expect=200).body["sessions"]
    story.ask("DELETE", f"/v1/me/sessions/{others[0]['id']}", **laptop, expect=204)
    story.ask("GET", "/v1/me", **laptop, expect=401)
    del phone
    story.ask("DELETE", "/v1/me/sessions/current", **story.sign_in(), expect=204)
    story.ask("DELETE", "/v1/me/sessions", **story.sign_in(), expect=204)


def privacy(story: Story) -> None:
    me = story.sign_in()
    asked = story.ask("POST", "/v1/me/data-exports", **me, expect=202)
    ready = story.ask("GET", asked.headers["Location"], **me, expect=200).body
    assert ready["status"] == "ready"
    story.ask("GET", "/v1/me/sharing", **me, expect=200)
    story.ask("PUT", "/v1/me/sharing/housing_confirmations", {"agreed": True}, **me, expect=200)
    story.ask("GET", "/v1/me/transmissions", **me, expect=200)
    for _ in range(2):
        story.clock.advance(timedelta(hours=1))
        me = story.sign_in()
        started = story.ask("POST", "/v1/me/confirmations", {"purpose": "erasure"}, **me, expect=202)
        confirmation = {"confirmation_id": started.body["confirmation_id"]}
        story.ask("POST", "/v1/me/erasure", confirmation | {"otp": "0000 0000"}, **me, expect=422)
        otp = story.one_time_code()
        story.ask("POST", "/v1/me/erasure", confirmation | {"otp": otp}, **me, expect=202)
        story.ask("GET", "/v1/me/erasure", **me, expect=200)
        story.ask("DELETE", "/v1/me/erasure", **me, expect=204)


def desk_helps(story: Story) -> None:
    for asked in (
        {"query": "nguyễn thị hương"},
        {"name": "Nguyen"},
        {"room": "B204"},
        {"ine": "170669074DK"},
        {"email": "huong@example.org"},
        {"phone": "06 39 98 12 34"},
        {"query": "huong@example.org"},
    ):
        found = story.ask("POST", "/v1/desk/lease-searches", asked, staff=STAFF, expect=200).body["leases"]
        assert [one["lease_id"] for one in found] == [story.tenant.lease.lease_id], asked
    lease = f"/v1/desk/leases/{story.tenant.lease.lease_id}"
    story.ask("GET", lease, staff=STAFF, expect=200)
    shown = {"kind": "passport", "last_characters": ID_CHARACTERS}
    changed = {"id_document": shown, "email": NEW_EMAIL, "phone": NEW_PHONE, "new_code": True}
    story.ask("POST", f"{lease}/code-recoveries", changed | {"email": "huong"}, staff=STAFF, expect=422)
    done = story.ask("POST", f"{lease}/code-recoveries", changed, staff=STAFF, expect=201).body
    assert story.ask("GET", done["slip"], staff=STAFF, expect=200).body["status"] == "ready"
    recovery = {"email": NEW_EMAIL, "birth_date": BORN}
    story.ask("POST", "/v1/code-recoveries", recovery, expect=202)
    change = {"recovery_id": done["recovery_id"]}
    story.ask("POST", f"{lease}/contact-approvals", change, staff=STAFF, expect=403)
    story.ask("POST", f"{lease}/contact-approvals", change, staff=COLLEAGUE, expect=204)
    story.clock.advance(timedelta(hours=1))
    started = story.ask("POST", "/v1/code-recoveries", recovery, expect=202).body
    path = f"/v1/code-recoveries/{started['recovery_id']}/confirm"
    code = story.ask("POST", path, {"otp": story.one_time_code(NEW_EMAIL)}, expect=200).body["tenant_code"]
    story.keep("tenant code", code_forms(code))
    story.sign_in(code, NEW_EMAIL)

    story.ask("GET", f"{lease}/audit", staff=STAFF, expect=200)
    story.ask(
        "GET",
        "/v1/desk/audit",
        query=f"residence_id={RESIDENCE.residence_id}&month=2026-09",
        staff=STAFF,
        expect=200,
    )
    staff_id = story.ask("GET", "/v1/desk/me", staff=COLLEAGUE, expect=200).body["staff_id"]
    story.ask("GET", "/v1/desk/staff", staff=STAFF, expect=200)
    settings = {"all_residences": True, "person_id": story.tenant.person.person_id}
    story.ask("PUT", f"/v1/desk/staff/{staff_id}", settings, staff=STAFF, expect=200)
    story.ask("GET", lease, staff=COLLEAGUE, expect=200)


def wishes(story: Story) -> None:
    """How to be written to; a calendar of due dates, made anew and ended."""
    me = story.sign_in()
    story.ask("GET", "/v1/me/preferences", **me, expect=200)
    wish = {"language": "fr", "reminders_by": "email", "courtesy_reminders": True}
    story.ask("PUT", "/v1/me/preferences", wish, **me, expect=200)
    story.ask("PUT", "/v1/me/preferences", wish | {"reminders_by": NEW_PHONE}, **me, expect=422)
    for _ in range(2):
        made = story.ask("POST", "/v1/me/calendar-feed", **me, expect=201).body["url"]
        token = made.rpartition("/")[2].removesuffix(".ics")
        story.keep("calendar token", {token, sha256(token.encode()).hexdigest()})
        story.ask("GET", f"/v1/calendar-feeds/{token}.ics", expect=200)
    story.ask("GET", "/v1/me/calendar-feed", **me, expect=200)
    story.ask("DELETE", "/v1/me/calendar-feed", **me, expect=204)
    story.ask("GET", f"/v1/calendar-feeds/{token}", expect=404)


def following_up(story: Story) -> None:
    """The mail service's word on an address; what the desk makes of it; one click in a mail."""
    lease, residence = story.tenant.lease, f"/v1/desk/residences/{RESIDENCE.residence_id}"
    listed = story.ask("GET", f"/v1/desk/leases/{lease.lease_id}/messages", staff=STAFF, expect=200)
    told = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": NEW_EMAIL, "diagnosticCode": f"550 <{NEW_EMAIL}> Nguyễn"}],
            "timestamp": story.clock().isoformat(),
        },
        "mail": {
            "messageId": "ses-1",
            "destination": [NEW_EMAIL],
            "tags": {"message_id": [listed.body["messages"][0]["message_id"]]},
        },
    }
    envelope = {"source": "aws.ses", "detail-type": "Email Bounced", "detail": told}
    assert story.house.deliver("notifications/feedback", json.dumps(envelope)) == {"batchItemFailures": []}
    story.house.relay()
    story.house.deliver("notifications/feedback", f"no JSON of {NEW_EMAIL}")
    where = f"residence_id={RESIDENCE.residence_id}"
    tasks = story.ask("GET", "/v1/desk/tasks", query=where, staff=STAFF, expect=200).body["tasks"]
    [bounce] = [one for one in tasks if one["kind"] == "bounce"]
    path, works = f"/v1/desk/tasks/{bounce['task_id']}/resolution", {"outcome": "contact_works"}
    story.ask("POST", path, works, staff=STAFF, expect=200)
    story.ask("GET", f"{residence}/reminder-preview", staff=STAFF, expect=200)
    story.ask("GET", f"{residence}/day", staff=STAFF, expect=200)
    for format in ("json", "csv"):
        story.ask("GET", f"{residence}/arrears", query=f"format={format}", staff=ACCOUNTANT, expect=200)
    story.ask("GET", f"{residence}/arrears/chart", staff=ACCOUNTANT, expect=200)
    story.house.run("notifications/again", {"scheduled_time": story.clock().isoformat()})
    story.house.relay()
    token = story.house.entries["notifications/send"].correspondence.unsubscribe.of(
        story.tenant.person.person_id
    )
    story.keep("unsubscribe token", {token})
    for method in ("GET", "POST"):
        story.ask(method, f"/desabonnement/{token}", "List-Unsubscribe=One-Click", expect=200)


def schedules(story: Story) -> None:
    before = len(story.house.sent.to(NEW_EMAIL))
    now, lease, kept = story.clock(), story.tenant.lease, Accounts(story.house.aws.money)
    account = kept.get(lease.lease_id)
    assert account is not None
    if account.checkpoint.credit_cents:  # what earlier flows left would pay the month
        used = Entry(
            entry_id="surcharge:notice:2026-03",
            kind=EntryKind.SURCHARGE,
            amount_cents=account.checkpoint.credit_cents,
            effective_at=now,
            due_on=now.date(),
        )
        Bookkeeping(kept, story.clock).post(lease.lease_id, lease.residence_id, used)
    story.clock.now = datetime(2026, 10, 1, 9, tzinfo=UTC)
    story.house.run("billing/plan", {"scheduled_time": "2026-10-01T03:00:00+00:00"})
    story.house.relay()
    for day in range(5, 30):
        story.clock.now = datetime(2026, 10, day, 9, tzinfo=UTC)
        story.house.run("reminders/plan", {"scheduled_time": story.clock().isoformat()})
        story.house.relay()
    story.clock.now = now
    assert len(story.house.sent.to(NEW_EMAIL)) > before + 2  # the notice, and reminders of it
    for entry in ("privacy/erase", "attachments/remove"):
        story.house.run(entry, {"scheduled_time": story.clock().isoformat()})


def what_is_told_to_others(story: Story) -> None:
    """A university's file, taken away and acknowledged; a partner whose request is not signed."""
    lease, now = story.tenant.lease, story.clock()
    enrolment = Enrolment(
        person_id=lease.person_id,
        year=academic_year_of(lease.starts_on),
        university="Université de Nantes",
        status=EnrolmentStatus.ENROLLED,
        recorded_at=now,
        recorded_by="-",
    )
    identity = story.house.aws.identity
    identity.write(Enrolments(identity).saving(enrolment))
    of_residence = f"/v1/desk/residences/{RESIDENCE.residence_id}/transmissions"
    month = {"kind": "housing_confirmations", "period": "2026-09"}
    due = datetime(2026, 10, 3, 9, 0, tzinfo=UTC)
    story.clock.now = max(now, due)
    story.house.run("transmissions/plan", {"scheduled_time": due.isoformat()})
    story.house.relay()
    story.ask("POST", of_residence, month, staff=ACCOUNTANT, expect=202)
    files = story.ask("GET", of_residence, staff=ACCOUNTANT, expect=200).body["files"]
    sent = next(one for one in files if one["recipient_name"] == "Université de Nantes")
    file = f"/v1/desk/transmissions/{sent['transmission_id']}/files/{sent['number']}"
    story.ask("POST", f"{file}/downloads", staff=ACCOUNTANT, expect=201)
    taken = story.ask(
        "POST",
        "/v1/desk/transmission-acknowledgements",
        f"Transmission;Référence locataire;Statut;Motif\r\n{sent['reference']};{lease.tenant_reference};ko;"
        "Thị Hương Nguyễn est inconnue\r\n",
        content_type="text/csv; charset=utf-8",
        staff=ACCOUNTANT,
        expect=202,
    )
    story.ask("GET", taken.headers["Location"], staff=ACCOUNTANT, expect=200)
    seen = story.ask("GET", file, staff=ACCOUNTANT, expect=200).body
    assert len(seen["rejected"]) == 1
    paper = {"number": "2026-AAAA-AAAA", "code_end": "AAAA-AAAA"}
    story.ask("POST", "/v1/partners/verifications", paper, expect=401)
    story.clock.now = now


def messages_that_fail(story: Story) -> None:
    """SES and SNS refuse, quoting the address; or cannot be reached; or do not answer."""
    failures: list[tuple[str, str, Exception]] = [
        (
            "SendEmail",
            NEW_EMAIL,
            refusal("SendEmail", "BadRequestException", f"Illegal address <{NEW_EMAIL}>"),
        ),
        ("SendEmail", NEW_EMAIL, refusal("SendEmail", "MessageRejected", f"not verified: {NEW_EMAIL}")),
        ("SendEmail", NEW_EMAIL, refusal("SendEmail", "InternalFailure", NEW_EMAIL, 500)),
        ("SendEmail", NEW_EMAIL, EndpointConnectionError(endpoint_url=f"https://x/?to={NEW_EMAIL}")),
        ("Publish", NEW_PHONE, refusal("Publish", "InvalidParameter", f"PhoneNumber {NEW_PHONE}")),
        ("Publish", NEW_PHONE, RuntimeError(f"Nguyễn {NEW_PHONE}")),
    ]
    for operation, contact, failure in failures:
        story.clock.advance(timedelta(hours=1))
        story.house.sent.failure = failure
        kind = "phone" if operation == "Publish" else "email"
        story.ask("POST", "/v1/code-recoveries", {kind: contact, "birth_date": BORN}, expect=202)
        story.one_time_code(contact)
    story.house.sent.failure = None


def refusal(operation: str, code: str, message: str, status: int = 400) -> ClientError:
    error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(error, operation)  # type: ignore[arg-type]


def hostile_requests(story: Story) -> None:
    """Everything secret in every wrong place: paths, queries, headers, bodies that are no JSON."""
    secret = story.tenant.printed_code
    bodies: list[Any] = [
        {
            "tenant_code": [secret],
            "huong@example.org": "Nguyễn",
            "otp": {"a": "170669074DK"},
            "birth_date": BORN,
        },
        f'{{"tenant_code": "{secret}", "email": "huong@example.org" Nguyễn',
        f'{{"tenant_code": {"9" * 5000}}}',
        ["huong@example.org"],
    ]
    for route in sorted(story.asked):
        method, path = route.split(" ")
        written = re.sub(r"\{\w+\}", secret, path)
        for body in bodies if method in {"POST", "PUT"} else bodies[:1]:
            answer = story.house.ask(
                method,
                written,
                body,
                query=f"after={secret}&search=huong@example.org&code=Nguyễn",
                staff=STAFF if path.startswith("/v1/desk") else (),
                authorization=f"Bearer {secret}",
                cookie="huong@example.org",
                idempotency_key=secret,
            )
            assert answer.status < 500, (route, answer)


def services_that_fail(story: Story) -> None:
    """AWS refuses with words that quote what it was given: 500, logged by class and place."""
    message = f"Value Nguyễn huong@example.org {story.tenant.printed_code} failed to satisfy constraint"

    def failing(**_: Any) -> None:
        raise refusal("Any", "ValidationException", message)

    events = platform_aws.client("dynamodb").meta.events
    events.register("before-call.dynamodb", failing)
    try:
        recovery = {"email": "huong@example.org", "birth_date": BORN}
        for method, path, body in (
            ("POST", "/v1/sign-ins", {"tenant_code": story.tenant.printed_code}),
            ("POST", "/v1/code-recoveries", recovery),
            ("POST", "/v1/welcomes", {"token": "x" * 40, "birth_date": BORN}),
        ):
            assert story.house.ask(method, path, body).status == 500
        claims = {"ine": "170669074DK", "sub": "student"}
        assert story.house.ask("GET", "/v1/personal-space/tenant-code", claims=claims).status == 500
        assert story.house.ask("GET", "/v1/desk/residences", staff=STAFF).status == 500
        for entry in (
            "notifications/send_code",
            "notifications/send",
            "payments/posting",
            "privacy/export",
            "attachments/check",
        ):
            announcement = {"id": "e", "type": "t", "at": story.clock().isoformat(), "challenge_id": "c"}
            failed = story.house.deliver(entry, json.dumps(announcement))
            assert failed["batchItemFailures"], entry
            story.house.deliver(entry, f"huong@example.org {story.tenant.printed_code}")
        for entry in (
            "billing/plan",
            "reminders/plan",
            "privacy/erase",
            "payments/sweep",
            "attachments/remove",
        ):
            story.house.run(entry, {"scheduled_time": "2026-10-01T03:00:00+00:00"})
        item = {"pk": {"S": "PERSON#x"}, "email": {"S": "huong@example.org"}, "announce": {"S": "Nguyễn"}}
        story.house.run("outbox/publish", {"Records": [{"eventID": "e", "dynamodb": {"NewImage": item}}]})
    finally:
        events.unregister("before-call.dynamodb", failing)


# --- The search itself finds what it looks for


def by_our_logger(said: str) -> None:
    logger.info("request", extra={"route": said})


def by_an_error(said: str) -> None:
    try:
        raise ValueError(said)
    except ValueError:
        logger.exception("failed")


def by_another_library(said: str) -> None:
    logging.getLogger("botocore.hooks").warning("calling %s", said)


def by_an_extra_that_no_format_shows(said: str) -> None:
    logging.getLogger("anything").info("called", extra={"who": said})


def by_a_metric(said: str) -> None:
    count(said)


def by_standard_error(said: str) -> None:
    sys.stderr.write(f"Traceback: {said}\n")


def by_a_native_library(said: str) -> None:
    os.write(2, said.encode() + b"\n")


PLANTED = {
    "tenant code": "7KQ2-M9ZT",
    "tenant code as typed": "7kq2m9zt",
    "one-time code": "1234 5678",
    "one-time code as typed": "12345678",
    "e-mail": "HUONG@example.org",
    "e-mail in a link": "?to=huong%40example.org",
    "name": "Nguyễn",
    "name without accents": "nguyen",
    "name in JSON": json.dumps("Nguyễn"),
    "birth date": "31/05/2004",
    "birth date of a model": "datetime.date(2004, 5, 31)",
    "INE": "170669074dk",
    "phone": "06 39 98 12 34",
    "token": "c2VjcmV0LXRva2VuLW9mLWEtc2Vzc2lvbg",
    "token in base64": base64.b64encode(b"Bearer c2VjcmV0LXRva2VuLW9mLWEtc2Vzc2lvbg").decode(),
    "characters of an ID": "K4T9",
}
LOOKED_FOR = {
    "tenant code": code_forms("7KQ2-M9ZT"),
    "one-time code": digit_forms("1234 5678"),
    "e-mail": {"huong@example.org"},
    "name": {"Nguyễn"},
    "birth date": date_forms(date(2004, 5, 31)),
    "INE": {"170669074DK"},
    "phone": phone_forms(PHONE),
    "token": {"c2VjcmV0LXRva2VuLW9mLWEtc2Vzc2lvbg"},
    "characters of an ID": {"K4T9"},
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize(
    "plant",
    [
        by_our_logger,
        by_an_error,
        by_another_library,
        by_an_extra_that_no_format_shows,
        by_a_metric,
        by_standard_error,
        by_a_native_library,
    ],
)
def test_what_is_planted_in_a_log_is_found(
    plant: Callable[[str], None], planted: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with everything_logged():
        plant(planted)

    assert len(found_in("".join(capfd.readouterr()), LOOKED_FOR)) == 1


def test_ids_and_times_are_taken_for_nobodys(capfd: pytest.CaptureFixture[str]) -> None:
    with everything_logged():
        logger.info("request", extra={"lease": "k4t9" * 6 + "ab", "at": 1812345678000})

    assert found_in("".join(capfd.readouterr()), LOOKED_FOR) == {}
