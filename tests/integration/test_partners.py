"""Partners check papers by number: signed, once, so often a minute, and never more than the paper says."""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.certificates import Tenancy, residence_facts
from sesame.domain.tenancy import Language
from sesame.domain.validity import Ending
from sesame.services.documents import Order, keep
from sesame.store.audit import Audit
from sesame.store.documents import Document, Documents
from sesame.store.table import transact
from tests.conftest import FrozenClock
from tests.integration.entries import http_event, load, prepare
from tests.integration.tenants import RESIDENCE, admit

PATH = "/v1/partners/verifications"
OLD, NEW, LATE = token_bytes(32), token_bytes(32), token_bytes(32)
PARTNERS = {
    "caf-75": {
        "per_minute": 3,
        "keys": {
            "caf-75-a": {"secret": b64encode(OLD).decode()},
            "caf-75-b": {"secret": b64encode(NEW).decode(), "not_after": "2027-01-01T00:00:00+00:00"},
            "caf-75-z": {"secret": b64encode(LATE).decode(), "not_after": "2026-09-01T00:00:00+00:00"},
            "caf-75-none": {"secret": ""},
        },
    },
    "caf-44": {"keys": {"caf-44-a": {"secret": b64encode(OLD).decode()}}},
}


class Partner:
    """Somebody who signs requests, and the paper in their hands."""

    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> None:
        prepare(aws, monkeypatch)
        monkeypatch.setattr("sesame.platform.clock.utc_now", clock)
        aws.secrets.create_secret(Name="partners", SecretString=json.dumps(PARTNERS))
        self.aws, self.clock = aws, clock
        self.api, self.certificates = load("partners/api"), load("certificates/api")
        self.documents = Documents(aws.documents)
        self.document = self.paper()

    def paper(self) -> Document:
        tenant, now = admit(self.aws), self.clock()
        of = Tenancy(person=tenant.person, lease=tenant.lease, residence=RESIDENCE, language=Language.FRENCH)
        facts = residence_facts(of, as_of=now.date())
        document = keep(self.documents, token_bytes, Order(tenancy=of, facts=facts, now=now))
        self.documents.mark_ready(document, now, file_digest="0" * 64)
        found = self.documents.get(document.document_id)
        assert found is not None
        return found

    def event(
        self,
        number: str | None = None,
        code_end: str | None = None,
        *,
        key: str = "caf-75-a",
        secret: bytes = OLD,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        body = json.dumps(
            {
                "number": number or self.document.issue.number,
                "code_end": code_end or codes.printed(self.document.issue.verification_code)[-9:],
            }
        )
        digest = f"sha-256=:{b64encode(sha256(body.encode()).digest()).decode()}:"
        params = (
            f'("@method" "@path" "content-digest");created={int(self.clock().timestamp())};keyid="{key}"'
            f';nonce="{nonce or token_bytes(12).hex()}"'
        )
        base = f'"@method": POST\n"@path": {PATH}\n"content-digest": {digest}\n"@signature-params": {params}'
        mac = b64encode(hmac.digest(secret, base.encode(), sha256)).decode()
        headers = {"signature": f"s=:{mac}:", "content_digest": digest, "signature_input": f"s={params}"}
        return http_event("POST", PATH, body, **headers)

    def send(self, event: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        answer = self.api.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    def ask(self, *args: str, **of: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
        return self.send(self.event(*args, **of))

    def public(self) -> dict[str, Any]:
        path = f"/v1/verifications/{self.document.issue.verification_code}"
        answer: dict[str, Any] = json.loads(self.certificates.handler(http_event("GET", path), None)["body"])
        return answer


@pytest.fixture
def partner(aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> Partner:
    return Partner(aws, monkeypatch, clock)


def test_a_partner_is_told_what_anybody_is_told_and_it_is_in_the_audit(
    partner: Partner,
) -> None:
    status, body, _ = partner.ask()

    assert status == 200
    assert body == partner.public()
    assert body["status"] == "genuine"
    [entry] = Audit(partner.aws.operations).of(partner.document.lease_id).entries
    assert (entry.action, entry.actor.kind, entry.actor.id) == ("document_verified", "partner", "caf-75")
    assert entry.details == {"answer": "genuine", "document_id": partner.document.document_id}


def test_a_paper_that_ended_is_said_to_have_ended(partner: Partner) -> None:
    revoking = partner.documents.revoking(partner.document, Ending.PAYMENT_RETURNED, at=partner.clock())
    transact(partner.aws.dynamodb, revoking)

    status, body, _ = partner.ask()

    assert (status, body["status"], body) == (200, "revoked", partner.public())


def test_a_number_alone_opens_nothing_and_an_unknown_one_answers_the_same(partner: Partner) -> None:
    right = partner.document.issue.number

    wrong_code = partner.ask(right, "AAAA-AAAA")
    no_number = partner.ask("2026-AAAA-AAAA")
    no_form = partner.ask("quelque chose", "x")

    unknown = {"status": "unknown"}
    for status, body, _ in (wrong_code, no_number, no_form):
        assert status == 200
        assert {name: value for name, value in body.items() if value} == unknown
    trail = Audit(partner.aws.operations).of("caf-75").entries
    assert [entry.details for entry in trail] == [{"answer": "unknown"}] * 3


def test_several_keys_of_a_partner_live_at_once_and_one_that_is_over_opens_nothing(partner: Partner) -> None:
    assert partner.ask()[0] == 200
    assert partner.ask(key="caf-75-b", secret=NEW)[0] == 200
    refused = [
        partner.ask(key="caf-75-z", secret=LATE),
        partner.ask(key="caf-75-none", secret=b""),
        partner.ask(key="caf-99", secret=OLD),
        partner.ask(key="caf-75-a", secret=NEW),
    ]

    assert {status for status, _, _ in refused} == {401}
    assert len({json.dumps(body, sort_keys=True) for _, body, _ in refused}) == 1


def test_a_request_is_answered_once(partner: Partner) -> None:
    event = partner.event(nonce="n-0001-0001")

    first, again = partner.send(event), partner.send(event)
    others = partner.ask(key="caf-44-a", secret=OLD, nonce="n-0001-0001")

    assert (first[0], others[0]) == (200, 200)
    assert (again[0], again[1]["type"]) == (409, "urn:sesame:problem:replayed-request")
    assert len(Audit(partner.aws.operations).of(partner.document.lease_id).entries) == 2


def test_who_asks_too_often_is_told_when_to_come_back_and_no_other_partner_is(partner: Partner) -> None:
    partner.clock.now = datetime(2026, 9, 2, 8, 0, 15, tzinfo=UTC)
    first = [partner.ask()[0] for _ in range(3)]
    status, _, headers = partner.ask()
    other = partner.ask(key="caf-44-a")[0]
    partner.clock.advance(timedelta(seconds=int(headers["Retry-After"])))

    assert first == [200] * 3
    assert (status, headers["Retry-After"], other) == (429, "45", 200)
    assert partner.ask()[0] == 200


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda event: event["headers"].pop("signature"), "missing"),
        (lambda event: event.update(body=event["body"] + " "), "digest"),
        (lambda event: event.update(rawPath="/v1/partners/verifications/"), None),
        (lambda event: event["headers"].update({"signature-input": "s=()"}), "malformed"),
    ],
)
def test_what_is_not_signed_as_it_must_be_is_refused_and_says_why(
    partner: Partner, tamper: Callable[[dict[str, Any]], Any], reason: str | None
) -> None:
    event = partner.event()
    tamper(event)

    status, body, _ = partner.send(event)

    assert status in {401, 404}
    if reason:
        assert (body["type"], body["errors"][0]["reason"]) == ("urn:sesame:problem:bad-signature", reason)


def test_nobody_is_let_in_before_the_secret_has_partners(
    aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock
) -> None:
    partner = Partner(aws, monkeypatch, clock)
    aws.secrets.delete_secret(SecretId="partners", ForceDeleteWithoutRecovery=True)

    assert partner.ask()[0] == 401


def test_a_paper_whose_record_was_erased_is_told_as_anybody_is_told(partner: Partner) -> None:
    assert partner.documents.erase(partner.document, partner.clock())

    status, body, _ = partner.ask()

    assert (status, body["status"]) == (200, "erased")
    assert body == partner.public()
