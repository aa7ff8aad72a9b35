"""Documents from request to verification, against AWS in process."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pikepdf
import pypdfium2
import pytest

from local import authority
from sesame.documents.render import MissingResource, Renderer
from sesame.documents.seal import KmsSealer, WrongCertificate
from sesame.domain.certificates import (
    DocumentStatus,
    Kind,
    Reason,
    Refused,
    Validity,
    canonical,
    residence_facts,
)
from sesame.domain.certificates import Tenancy as TenancyOf
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.notices import notice_for
from sesame.domain.public_statements import PublicStatement
from sesame.domain.retention import RETENTION
from sesame.domain.tenancy import Language, LeaseStatus
from sesame.domain.validity import Ending
from sesame.platform import aws as platform_aws
from sesame.platform.errors import Invalid, NotFound
from sesame.platform.events import announcement
from sesame.platform.ids import new_id
from sesame.platform.secrets import Secrets
from sesame.services.certificates import (
    AskedByTenants,
    Certificates,
    DetailsMissing,
    MadeByTheResidence,
    NoNotice,
    NothingBilled,
    NothingReceived,
    NotPaidInFull,
    NotUpToDate,
    PaidInFull,
    StayNotOver,
    refusal,
)
from sesame.services.document_validity import DocumentValidity
from sesame.services.documents import (
    CodeSlips,
    Downloads,
    EntryDocuments,
    LeaseCancelled,
    Order,
    Verifications,
    keep,
)
from sesame.services.gathering import WISHED_FOR
from sesame.services.rendering import Rendering
from sesame.services.sealing import Sealing
from sesame.services.sessions import Session
from sesame.services.two_d_docs import TwoDDocs
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from sesame.store.sessions import Sessions, StoredSession, new_token
from sesame.store.table import Delete, transact
from tests.conftest import FrozenClock
from tests.integration.entries import load, prepare
from tests.integration.tenants import RESIDENCE, Tenant, admit

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

ROOT = Path(__file__).resolve().parents[2]
PORTAL = "https://sesame.example"
RENDERER = Renderer(PORTAL)
SEPTEMBER_CENTS = 45_000


class Office:
    """All that makes and checks documents, on one account and one clock."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.documents = Documents(aws.documents)
        self.accounts = Accounts(aws.money)
        self.certificates = Certificates(self.documents, aws.identity, self.accounts, clock)
        self.entry_documents = EntryDocuments(self.documents)
        self.downloads = Downloads(self.documents, aws.s3, aws.bucket, clock)
        self.verifications = Verifications(self.documents, clock)
        secrets = Secrets(aws.secrets)
        self.two_d_docs = TwoDDocs(
            documents=self.documents,
            kms=aws.kms,
            key=aws.two_d_doc_key,
            secrets=secrets,
            certificate_secret=aws.two_d_doc_certificate_secret,
        )
        self.rendering = Rendering(
            self.documents, RENDERER, aws.kms, aws.codes_key, aws.s3, aws.bucket, clock, self.two_d_docs
        )
        self.sealing = Sealing(
            documents=self.documents,
            sealer=KmsSealer(
                kms=aws.kms,
                key=aws.seal_key,
                secrets=secrets,
                certificate_secret=aws.seal_certificate_secret,
            ),
            s3=aws.s3,
            bucket=aws.bucket,
            clock=clock,
        )

    def session(self, tenant: Tenant) -> Session:
        """The tenant, signed in."""
        now = self.clock()
        stored = StoredSession(
            session_id="-",
            person_id=tenant.person.person_id,
            lease_id=tenant.lease.lease_id,
            epoch=1,
            created_at=now,
            last_seen_at=now,
            ends_at=now + timedelta(hours=8),
        )
        return Session(stored=stored, person=tenant.person, lease=tenant.lease)

    def bill_september(self, tenant: Tenant) -> None:
        """450 euros."""
        notice = notice_for(tenant.lease, RESIDENCE, "2026-09")
        assert notice is not None
        self.accounts.table.write(self.accounts.issuing(notice, datetime(2026, 9, 1, 6, tzinfo=UTC)))

    def receive(self, tenant: Tenant, cents: int) -> None:
        """Money."""
        entry = Entry(
            entry_id=new_id(),
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=datetime(2026, 9, 1, 23, 30, tzinfo=UTC),
            source="payment:1",
        )
        self.accounts.table.write(self.accounts.entering(tenant.lease.lease_id, entry, self.clock()))

    def produce(self, document_id: str) -> bool:
        """Renders and seals."""
        return self.rendering.render(document_id) and self.sealing.seal(document_id)

    def give_out(self, document: Document) -> str:
        """Has it come, as far as its record goes; returns its file's SHA-256."""
        digest = hashlib.sha256(document.document_id.encode()).hexdigest()
        assert self.documents.mark_ready(document, self.clock(), file_digest=digest)
        return digest

    def tell(self, document_id: str) -> None:
        """That a document has come."""
        DocumentValidity(self.documents).issued(document_id, self.clock())

    def download(self, document: Document) -> bytes:
        """The file, as its link would give it."""
        stored = self.aws.s3.get_object(Bucket=self.aws.bucket, Key=document.object_key)
        return bytes(stored["Body"].read())

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """The AWS calls made meanwhile."""
        calls: Counter[str] = Counter()
        clients = (self.aws.dynamodb, self.aws.s3, self.aws.kms)

        def note(model: Any, **_: Any) -> None:
            calls[model.name] += 1

        for client in clients:
            client.meta.events.register("before-call", note)
        yield calls
        for client in clients:
            client.meta.events.unregister("before-call", note)


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    return Office(aws, clock)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws)


def text_of(pdf: bytes) -> str:
    """What the first page says."""
    return str(pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range())


def test_a_residence_certificate_goes_from_request_to_verified_paper(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    assert document.status is DocumentStatus.REQUESTED
    assert office.downloads.of(document.document_id).url is None

    assert office.produce(document.document_id)

    ready = office.certificates.of(office.session(tenant), document.document_id)
    text = text_of(office.download(ready))
    assert ready.status is DocumentStatus.READY
    assert "Thị Hương Nguyễn" in text
    assert "B204" in text
    checked = office.verifications.check(ready.issue.verification_code)
    assert checked.validity is Validity.GENUINE
    assert checked.statement is not None
    assert checked.statement.holder == "Thị Hương Nguyễn"


def test_a_receipt_waits_for_the_whole_period_to_be_paid(office: Office, tenant: Tenant) -> None:
    session = office.session(tenant)

    with pytest.raises(NoNotice):
        office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    office.bill_september(tenant)
    with pytest.raises(NothingReceived):
        office.certificates.request(session, Kind.PART_PAYMENT_RECEIPT, period="2026-09")
    office.receive(tenant, 20_000)
    with pytest.raises(NotPaidInFull) as refused:
        office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    part = office.certificates.request(session, Kind.PART_PAYMENT_RECEIPT, period="2026-09")
    office.receive(tenant, SEPTEMBER_CENTS - 20_000)
    with pytest.raises(PaidInFull):
        office.certificates.request(session, Kind.PART_PAYMENT_RECEIPT, period="2026-09")
    receipt = office.certificates.request(session, Kind.RECEIPT, period="2026-09")

    assert "250,00\u202f€" in refused.value.document("fr")["detail"]  # type: ignore[operator]
    assert part.facts["period"]["outstanding_cents"] == SEPTEMBER_CENTS - 20_000
    assert receipt.facts["period"]["rent_cents"] == 40_000
    assert receipt.facts["period"]["charges_cents"] == 5_000


def test_each_refusal_says_why_and_what_to_do(office: Office, tenant: Tenant) -> None:
    session = office.session(tenant)
    with pytest.raises(NothingBilled) as not_yet:
        office.certificates.request(session, Kind.STATEMENT_OF_ACCOUNT)
    with pytest.raises(NoNotice) as no_notice:
        office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    office.bill_september(tenant)
    office.clock.advance(timedelta(days=20))

    with pytest.raises(NotUpToDate) as in_debt:
        office.certificates.request(session, Kind.UP_TO_DATE_CERTIFICATE)
    with pytest.raises(StayNotOver) as not_over:
        office.certificates.request(session, Kind.END_OF_STAY_CERTIFICATE)
    with pytest.raises(DetailsMissing) as incomplete:
        office.certificates.request(session, Kind.CAF_RENT_CERTIFICATE)

    said = str(in_debt.value.document("fr")["detail"])
    assert "450,00" in said
    assert "échelonnement" in said
    for refused in (not_yet, no_notice, not_over):
        for language in ("fr", "en"):
            assert refused.value.document(language)["detail"]
    missing = [one["field"] for one in incomplete.value.document("en")["errors"]]  # type: ignore[attr-defined]
    assert "surfaces" in missing


def test_a_refusal_writes_its_amount_as_each_language_does() -> None:
    problem = refusal(Refused(Reason.NOT_PAID_IN_FULL, outstanding_cents=123_450))

    assert "1\u202f234,50\u202f€" in str(problem.document("fr")["detail"])
    assert "€1,234.50" in str(problem.document("en")["detail"])


def test_what_the_residence_makes_is_refused_with_where_to_turn_and_kept_in_the_audit(
    office: Office, tenant: Tenant
) -> None:
    audit = Audit(office.aws.operations)
    asked = AskedByTenants(certificates=office.certificates, audit=audit, pepper=office.aws.pepper)
    instead = {
        Kind.PAYMENT_PLAN_AGREEMENT: "à l'accueil",
        Kind.FORMAL_NOTICE: "relevé de compte",
        Kind.PAYMENT_RECEIPT: "quittance",
        Kind.CODE_SLIP: "pièce d'identité",
    }

    for kind, words in instead.items():
        for period in (None, "2026-09"):
            with pytest.raises(MadeByTheResidence) as refused:
                asked.request(office.session(tenant), kind, "192.0.2.1", period=period)
            assert words in str(refused.value.document("fr")["detail"])
            assert refused.value.document("en")["detail"]

    entries = audit.of(tenant.lease.lease_id).entries
    assert {entry.details["kind"] for entry in entries} == set(instead)
    assert {entry.details["refused"] for entry in entries} == {"made-by-the-residence"}
    assert office.documents.of_lease(tenant.lease.lease_id, limit=1) == []
    assert set(instead) | WISHED_FOR == set(Kind)


def test_what_is_not_due_yet_is_no_debt(office: Office, tenant: Tenant) -> None:
    office.bill_september(tenant)

    document = office.certificates.request(office.session(tenant), Kind.UP_TO_DATE_CERTIFICATE)

    assert document.facts["as_of"] == "2026-09-02"


def test_a_rent_notice_states_the_balance_before_it_and_no_payment_after_it(
    office: Office, tenant: Tenant
) -> None:
    session = office.session(tenant)
    office.bill_september(tenant)
    first = office.certificates.request(session, Kind.RENT_NOTICE, period="2026-09")
    office.receive(tenant, 20_000)
    again = office.certificates.request(session, Kind.RENT_NOTICE, period="2026-09")

    assert first.document_id == again.document_id
    assert first.facts["brought_forward_cents"] == 0
    assert first.facts["period"]["total_cents"] == SEPTEMBER_CENTS


def test_a_statement_ends_where_the_account_stands(office: Office, tenant: Tenant) -> None:
    office.bill_september(tenant)
    office.receive(tenant, 20_000)

    document = office.certificates.request(office.session(tenant), Kind.STATEMENT_OF_ACCOUNT)

    statement = document.facts["statement"]
    assert statement["closing_cents"] == SEPTEMBER_CENTS - 20_000
    assert [line["kind"] for line in statement["lines"]] == ["notice", "payment"]


def test_a_logo_that_cannot_be_had_leaves_the_document_requested(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    key = keys.document(document.document_id)
    item = office.aws.documents.get(key)
    facts = document.facts | {"style": document.facts["style"] | {"logo": "0" * 64}}
    office.aws.documents.put(item | {"facts": canonical(facts)})

    with pytest.raises(MissingResource):
        office.rendering.render(document.document_id)

    assert office.documents.get(document.document_id).status is DocumentStatus.REQUESTED  # type: ignore[union-attr]


def test_a_receipt_dates_its_payments_by_the_residences_clock(office: Office, tenant: Tenant) -> None:
    office.bill_september(tenant)
    office.receive(tenant, SEPTEMBER_CENTS)

    receipt = office.certificates.request(office.session(tenant), Kind.RECEIPT, period="2026-09")

    assert receipt.facts["period"]["settlements"][0]["received_on"] == "2026-09-02"


def test_asking_twice_for_the_same_facts_gives_the_same_document(office: Office, tenant: Tenant) -> None:
    office.bill_september(tenant)
    office.receive(tenant, SEPTEMBER_CENTS)
    session = office.session(tenant)

    first = office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    office.clock.advance(timedelta(days=30))
    again = office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    in_english = office.certificates.request(
        session, Kind.RECEIPT, period="2026-09", language=Language.ENGLISH
    )

    assert again.document_id == first.document_id
    assert again.issue == first.issue
    assert in_english.document_id != first.document_id


def test_a_residence_certificate_asked_for_on_another_day_is_dated_anew(
    office: Office, tenant: Tenant
) -> None:
    session = office.session(tenant)
    first = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)
    office.clock.advance(timedelta(days=1))

    second = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)

    assert first.document_id != second.document_id
    assert second.issue.on == first.issue.on + timedelta(days=1)


def test_what_was_printed_stays_when_the_facts_change(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    moved = replace(tenant, lease=replace(tenant.lease, room="C001"))

    other = office.certificates.request(office.session(moved), Kind.RESIDENCE_CERTIFICATE)
    office.produce(document.document_id)

    assert other.document_id != document.document_id
    assert "B204" in text_of(office.download(document))


def test_a_second_delivery_of_the_same_event_does_nothing(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.produce(document.document_id)
    before = office.aws.documents.get(keys.document(document.document_id))

    with office.counting() as calls:
        assert not office.rendering.render(document.document_id)
        assert not office.sealing.seal(document.document_id)

    assert calls == {"GetItem": 2}
    assert office.aws.documents.get(keys.document(document.document_id)) == before


def test_two_renderings_at_once_announce_one_file(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    assert office.documents.mark_rendered(document, office.clock())
    assert not office.documents.mark_rendered(document, office.clock())


def test_a_rendering_that_fails_leaves_the_document_requested(
    office: Office, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    def fail(*_: object, **__: object) -> None:
        raise MissingResource("a picture")

    monkeypatch.setattr(RENDERER, "render", fail)
    with pytest.raises(MissingResource):
        office.rendering.render(document.document_id)

    assert office.certificates.of(office.session(tenant), document.document_id).status == "requested"


def test_a_document_still_without_file_is_announced_again_when_asked_for_later(
    office: Office, tenant: Tenant
) -> None:
    session = office.session(tenant)
    document = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)

    def announced() -> str:
        item = office.aws.documents.get(keys.document(document.document_id))
        return str(item["announce"]["id"])

    first = announced()
    office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)
    at_once = announced()
    office.clock.advance(timedelta(minutes=3))
    office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)

    assert at_once == first
    assert announced() != first


def test_request_and_file_are_announced_with_ids_only(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    requested = office.aws.documents.get(keys.document(document.document_id))["announce"]
    office.rendering.render(document.document_id)
    rendered = office.aws.documents.get(keys.document(document.document_id))["announce"]
    office.sealing.seal(document.document_id)
    ready = office.aws.documents.get(keys.document(document.document_id))["announce"]

    assert requested["type"] == "document.requested"
    assert requested["document_id"] == document.document_id
    assert set(requested) == {"id", "type", "at", "document_id", "object_key"}
    assert rendered["type"] == "document.rendered"
    assert set(rendered) == {"id", "type", "at", "document_id", "object_key"}
    assert ready["type"] == "document.ready"
    assert set(ready) == {"id", "type", "at", "document_id", "lease_id", "told"}


def order_of(office: Office, tenant: Tenant) -> Order:
    """A certificate of residence that somebody else than the tenant has made."""
    tenancy = TenancyOf(
        person=tenant.person, lease=tenant.lease, residence=RESIDENCE, language=tenant.person.language
    )
    facts = residence_facts(tenancy, as_of=office.clock().date())
    return Order(tenancy=tenancy, facts=facts, now=office.clock())


@pytest.mark.parametrize("moment", ["requested", "rendered", "while it is sealed"])
def test_who_asks_for_what_is_being_made_is_told_once_it_has_come(
    office: Office, tenant: Tenant, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = keep(office.documents, token_bytes, order_of(office, tenant))

    def asks() -> str:
        for _ in range(2):
            asked = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
        return asked.document_id

    def meanwhile(pdf: bytes) -> bytes:
        asks()
        return office.sealing.sealer.seal(pdf)

    if moment == "requested":
        assert asks() == document.document_id
    office.rendering.render(document.document_id)
    if moment == "rendered":
        assert asks() == document.document_id
    sealer = SimpleNamespace(seal=meanwhile) if moment == "while it is sealed" else office.sealing.sealer
    assert replace(office.sealing, sealer=sealer).seal(document.document_id)

    item = office.aws.documents.get(keys.document(document.document_id))
    assert item["status"] == "ready"
    assert (item["announce"]["type"], item["announce"]["told"]) == ("document.ready", "tenant")


def test_what_a_run_has_made_is_told_to_nobody_who_did_not_ask_before_it_came(
    office: Office, tenant: Tenant
) -> None:
    document = keep(office.documents, token_bytes, order_of(office, tenant))
    office.give_out(document)

    asked = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    assert (asked.document_id, asked.status) == (document.document_id, DocumentStatus.READY)
    assert "told" not in office.aws.documents.get(keys.document(document.document_id))["announce"]


def test_a_record_goes_with_its_file_and_the_same_facts_are_stated_anew(
    office: Office, tenant: Tenant
) -> None:
    session = office.session(tenant)
    first = office.certificates.request(session, Kind.ENTRY_DOCUMENT)
    office.give_out(first)
    item = office.aws.documents.get(keys.document(first.document_id))
    assert item["expires_at"] == int((office.clock() + RETENTION[Kind.ENTRY_DOCUMENT].file).timestamp())
    office.clock.advance(RETENTION[Kind.ENTRY_DOCUMENT].file - timedelta(seconds=1))
    assert office.downloads.of(first.document_id).url is not None

    office.clock.advance(timedelta(seconds=1))

    old = office.downloads.of(first.document_id)
    assert (old.status, old.url) == (DocumentStatus.EXPIRED, None)
    assert office.certificates.request(session, Kind.ENTRY_DOCUMENT).document_id != first.document_id


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_a_paper_whose_time_is_over_was_genuine_when_it_was_issued(
    office: Office, tenant: Tenant, dropped: bool, ended: bool
) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    digest = office.give_out(document)
    if ended:
        DocumentValidity(office.documents).lease_cancelled(tenant.lease.lease_id, office.clock())
    office.clock.advance(RETENTION[Kind.RESIDENCE_CERTIFICATE].record)
    if dropped:  # by its TTL, which may take two days
        key = keys.document(document.document_id)
        office.aws.documents.write(Delete(table=office.aws.documents.name, key=key))

    for answer in (
        office.verifications.check(document.issue.verification_code),
        office.verifications.check_digest(digest),
    ):
        assert answer.validity is (Validity.REVOKED if ended else Validity.ERASED)
        assert answer.erased_on == office.clock().date()
        assert answer.statement == PublicStatement(
            kind=Kind.RESIDENCE_CERTIFICATE, issued_on=document.issue.on
        )


@pytest.mark.parametrize(
    ("changed", "validity"),
    [
        ({"room": "B205"}, Validity.REVOKED),
        ({"ends_on": "2026-12-31"}, Validity.REVOKED),
        ({"status": "closed"}, Validity.REVOKED),
        ({"status": "cancelled"}, Validity.REVOKED),
        ({"ends_on": "2028-08-31"}, Validity.GENUINE),
        ({"rent_cents": 50_000}, Validity.GENUINE),
    ],
)
def test_a_proof_of_stay_ends_with_what_its_lease_no_longer_bears_out(
    office: Office, tenant: Tenant, changed: dict[str, Any], validity: Validity
) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.give_out(document)
    lease_id = tenant.lease.lease_id
    office.aws.identity.put(office.aws.identity.get(keys.lease(lease_id)) | changed)

    for _ in range(2):
        DocumentValidity(office.documents).lease_changed(office.aws.identity, lease_id, office.clock())

    assert office.verifications.check(document.issue.verification_code).validity is validity


def test_a_lease_that_is_cancelled_or_changed_is_told_to_the_function_that_ends_papers(
    office: Office, tenant: Tenant, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(aws, monkeypatch)
    handler = load("certificates/watch").handler
    session, lease_id = office.session(tenant), tenant.lease.lease_id
    proof = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)
    entry = office.certificates.request(session, Kind.ENTRY_DOCUMENT)

    def hear(event: str) -> list[Validity]:
        told = announcement(event, office.clock(), lease_id=lease_id)
        for _ in range(2):
            heard = handler({"Records": [{"messageId": "1", "body": json.dumps(told)}]}, None)
            assert heard == {"batchItemFailures": []}
        found = [office.documents.get(one.document_id) for one in (proof, entry)]
        return [one.validity for one in found if one is not None]

    assert hear("lease.changed") == [Validity.GENUINE, Validity.GENUINE]
    aws.identity.put(aws.identity.get(keys.lease(lease_id)) | {"room": "B205"})
    assert hear("lease.changed") == [Validity.REVOKED, Validity.GENUINE]
    assert hear("lease.cancelled") == [Validity.REVOKED, Validity.REVOKED]
    platform_aws.client.cache_clear()


def test_a_document_is_given_to_nobody_until_it_is_sealed(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    office.rendering.render(document.document_id)

    rendered = office.downloads.of(document.document_id)
    assert (rendered.status, rendered.url) == (DocumentStatus.RENDERED, None)
    assert office.verifications.check(document.issue.verification_code).validity is Validity.UNKNOWN
    office.sealing.seal(document.document_id)
    sealed = office.downloads.of(document.document_id)
    assert sealed.status is DocumentStatus.READY
    assert sealed.url is not None
    assert files_of(office, "unsealed/") == []


def test_of_two_seals_at_once_the_first_is_the_document(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.rendering.render(document.document_id)
    unsealed = office.aws.s3.get_object(Bucket=office.aws.bucket, Key=document.unsealed_key)["Body"].read()
    first = office.sealing.sealer.seal(unsealed)
    office.aws.s3.put_object(Bucket=office.aws.bucket, Key=document.object_key, Body=first)

    assert office.sealing.seal(document.document_id)

    ready = office.documents.get(document.document_id)
    assert ready is not None
    assert office.download(ready) == first
    assert ready.file_digest == hashlib.sha256(first).hexdigest()
    found = office.documents.by_file(ready.file_digest)
    assert isinstance(found, Document)
    assert found.document_id == ready.document_id


def test_nothing_is_sealed_by_a_key_whose_certificate_is_of_another(
    office: Office, tenant: Tenant, aws: Any
) -> None:
    other = aws.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    aws.secrets.put_secret_value(
        SecretId=aws.seal_certificate_secret, SecretString=authority.issue_seal(aws.kms, other)
    )
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.rendering.render(document.document_id)

    with pytest.raises(WrongCertificate):
        office.sealing.seal(document.document_id)

    assert files_of(office, "documents/") == []
    assert office.downloads.of(document.document_id).status is DocumentStatus.RENDERED


def test_a_document_that_was_never_sealed_is_set_anew_when_asked_for_later(
    office: Office, tenant: Tenant
) -> None:
    session = office.session(tenant)
    document = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)
    office.rendering.render(document.document_id)
    office.aws.s3.delete_object(Bucket=office.aws.bucket, Key=document.unsealed_key)
    with pytest.raises(office.aws.s3.exceptions.NoSuchKey):
        office.sealing.seal(document.document_id)

    office.clock.advance(timedelta(minutes=3))
    again = office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE)

    assert again.document_id == document.document_id
    assert office.produce(document.document_id)


def test_a_later_paper_on_changed_facts_takes_the_earlier_ones_place(office: Office, tenant: Tenant) -> None:
    moved = replace(tenant, lease=replace(tenant.lease, room="C001"))
    first = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.produce(first.document_id)
    office.clock.advance(timedelta(days=2))
    again = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.produce(again.document_id)
    office.tell(again.document_id)
    assert office.verifications.check(first.issue.verification_code).validity is Validity.GENUINE

    office.clock.advance(timedelta(hours=1))
    other = office.certificates.request(office.session(moved), Kind.RESIDENCE_CERTIFICATE)
    office.produce(other.document_id)
    for _ in range(2):
        office.tell(other.document_id)

    for old in (first, again):
        checked = office.verifications.check(old.issue.verification_code)
        assert (checked.validity, checked.since) == (Validity.REPLACED, office.clock())
    assert office.verifications.check(other.issue.verification_code).validity is Validity.GENUINE


def test_facts_that_return_are_stated_by_a_new_paper(office: Office, tenant: Tenant) -> None:
    moved = replace(tenant, lease=replace(tenant.lease, room="C001"))
    first = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.clock.advance(timedelta(minutes=5))
    other = office.certificates.request(office.session(moved), Kind.RESIDENCE_CERTIFICATE)
    office.tell(other.document_id)
    office.clock.advance(timedelta(minutes=5))

    back = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    assert back.document_id != first.document_id
    assert back.validity is Validity.GENUINE


def test_a_receipt_makes_the_part_receipts_of_its_period_void(office: Office, tenant: Tenant) -> None:
    session = office.session(tenant)
    office.bill_september(tenant)
    office.receive(tenant, 20_000)
    part = office.certificates.request(session, Kind.PART_PAYMENT_RECEIPT, period="2026-09")
    office.produce(part.document_id)
    office.receive(tenant, SEPTEMBER_CENTS - 20_000)
    office.clock.advance(timedelta(minutes=5))
    receipt = office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    office.produce(receipt.document_id)

    office.tell(receipt.document_id)

    assert office.verifications.check(part.issue.verification_code).validity is Validity.REPLACED


def test_a_new_code_makes_the_entry_document_with_the_old_one_void(office: Office, tenant: Tenant) -> None:
    def entry_document(**changes: Any) -> Document:
        lease = replace(tenant.lease, **changes)
        made = office.documents.get(office.entry_documents(lease, tenant.person, RESIDENCE, office.clock()))
        assert made is not None
        return made

    first = entry_document()
    office.clock.advance(timedelta(minutes=5))
    second = entry_document(code_hash="1:other", code_cipher=b"another")

    office.tell(second.document_id)

    kept = office.documents.get(first.document_id)
    assert kept is not None
    assert kept.validity is Validity.REPLACED
    assert entry_document().document_id != first.document_id


def test_a_cancelled_lease_leaves_no_document_that_holds(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    entry_id = office.entry_documents(tenant.lease, tenant.person, RESIDENCE, office.clock())
    office.produce(document.document_id)

    for _ in range(2):
        DocumentValidity(office.documents).lease_cancelled(tenant.lease.lease_id, office.clock())

    checked = office.verifications.check(document.issue.verification_code)
    entry = office.documents.get(entry_id)
    assert (checked.validity, checked.since) == (Validity.REVOKED, office.clock())
    assert entry is not None
    assert (entry.validity, entry.validity_reason) == (Validity.REVOKED, Ending.LEASE_CANCELLED)


def files_of(office: Office, folder: str) -> list[str]:
    """The object keys in a folder of the bucket."""
    listed = office.aws.s3.list_objects_v2(Bucket=office.aws.bucket, Prefix=folder)
    return [one["Key"] for one in listed.get("Contents", [])]


def test_the_entry_document_shows_the_code_which_is_nowhere_in_clear(office: Office, tenant: Tenant) -> None:
    document_id = office.entry_documents(tenant.lease, tenant.person, RESIDENCE, office.clock())
    item = office.aws.documents.get(keys.document(document_id))

    office.produce(document_id)

    document = office.documents.get(document_id)
    assert document is not None
    assert tenant.printed_code in text_of(office.download(document))
    assert tenant.code not in repr(item)
    assert tenant.printed_code not in repr(item)


def test_the_code_of_another_lease_cannot_be_printed(office: Office, tenant: Tenant, aws: Any) -> None:
    other = admit(aws, ine="861583842CH", email="other@example.org")
    forged = replace(tenant.lease, code_cipher=other.lease.code_cipher)
    document_id = office.entry_documents(forged, tenant.person, RESIDENCE, office.clock())

    with pytest.raises(aws.kms.exceptions.InvalidCiphertextException):
        office.produce(document_id)


def test_the_entry_document_is_the_same_until_the_code_changes(office: Office, tenant: Tenant) -> None:
    def document_of(**changes: Any) -> str:
        lease = replace(tenant.lease, **changes)
        return office.entry_documents(lease, tenant.person, RESIDENCE, office.clock())

    first = document_of()
    office.clock.advance(timedelta(days=3))

    assert document_of() == first
    assert document_of(code_hash="1:other") != first


def test_verifying_an_entry_document_says_genuine_kind_and_day_only(office: Office, tenant: Tenant) -> None:
    document_id = office.entry_documents(tenant.lease, tenant.person, RESIDENCE, office.clock())
    office.produce(document_id)
    document = office.documents.get(document_id)
    assert document is not None

    checked = office.verifications.check(document.issue.verification_code)

    assert checked.validity is Validity.GENUINE
    assert checked.statement is not None
    assert checked.statement.kind is Kind.ENTRY_DOCUMENT
    assert checked.statement.holder is None
    assert checked.statement.residence is None


def test_a_code_never_printed_is_unknown_and_so_is_a_document_without_a_file(
    office: Office, tenant: Tenant
) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    assert office.verifications.check(document.issue.verification_code).validity is Validity.UNKNOWN
    assert office.verifications.check("0000-0000-0000-0000").validity is Validity.UNKNOWN
    with office.counting() as calls:
        assert office.verifications.check("no such thing").validity is Validity.UNKNOWN
    assert not calls


def test_another_tenants_document_is_not_found(office: Office, tenant: Tenant, aws: Any) -> None:
    other = admit(aws, ine="861583842CH", email="other@example.org")
    document = office.certificates.request(office.session(other), Kind.RESIDENCE_CERTIFICATE)

    with pytest.raises(NotFound):
        office.certificates.of(office.session(tenant), document.document_id)
    with pytest.raises(NotFound):
        office.certificates.of_lease(office.session(tenant), document.document_id)
    assert office.certificates.of_lease(office.session(tenant)) == []


def test_documents_are_listed_newest_first_page_by_page(
    office: Office, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.certificates.PAGE", 2)
    session = office.session(tenant)
    asked = []
    for _ in range(3):
        asked.append(office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE).document_id)
        office.clock.advance(timedelta(days=1))

    first = [one.document_id for one in office.certificates.of_lease(session)]
    rest = [one.document_id for one in office.certificates.of_lease(session, first[-1])]

    assert first + rest == asked[::-1]


def test_a_desks_slips_are_not_among_a_tenants_documents(
    office: Office, tenant: Tenant, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesame.services.certificates.PAGE", 2)
    session, asked = office.session(tenant), []
    for _ in range(3):
        asked.append(office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE).document_id)
        for _ in range(2):
            office.clock.advance(timedelta(days=1))
            slip_id, ordered = CodeSlips(office.documents).ordering(
                tenant.lease, tenant.person, RESIDENCE, office.clock()
            )
            transact(aws.dynamodb, ordered)

    first = [one.document_id for one in office.certificates.of_lease(session)]
    rest = [one.document_id for one in office.certificates.of_lease(session, first[-1])]

    assert (first, rest) == (asked[:0:-1], asked[:1])
    with pytest.raises(NotFound):
        office.certificates.of(session, slip_id)


def test_a_period_goes_with_receipts_and_with_nothing_else(office: Office, tenant: Tenant) -> None:
    session = office.session(tenant)

    with pytest.raises(Invalid):
        office.certificates.request(session, Kind.RECEIPT)
    with pytest.raises(Invalid):
        office.certificates.request(session, Kind.RESIDENCE_CERTIFICATE, period="2026-09")


def test_a_cancelled_lease_gives_no_document(office: Office, tenant: Tenant) -> None:
    cancelled = replace(tenant, lease=replace(tenant.lease, status=LeaseStatus.CANCELLED))

    with pytest.raises(LeaseCancelled):
        office.certificates.request(office.session(cancelled), Kind.RESIDENCE_CERTIFICATE)


def test_a_link_lasts_five_minutes_and_tells_nothing(office: Office, tenant: Tenant) -> None:
    document = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    office.produce(document.document_id)

    with office.counting() as calls:
        download = office.downloads.of(document.document_id)

    assert calls == {"GetItem": 1}
    assert download.url is not None
    link = urlsplit(download.url)
    asked = parse_qs(link.query)
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert asked["X-Amz-Expires"] == ["300"]
    assert asked["response-content-disposition"] == [
        f'attachment; filename="document-{document.issue.number}.pdf"'
    ]
    for told in (document.document_id, tenant.lease.lease_id, "receipt", "certificate"):
        assert told not in link.path
    assert httpx.URL(download.url).host.endswith("amazonaws.com")


def test_the_calls_of_each_step_are_counted(office: Office, tenant: Tenant) -> None:
    office.bill_september(tenant)
    office.receive(tenant, SEPTEMBER_CENTS)
    session = office.session(tenant)

    with office.counting() as requested:
        receipt = office.certificates.request(session, Kind.RECEIPT, period="2026-09")
    with office.counting() as rendered:
        office.rendering.render(receipt.document_id)
    with office.counting() as sealed:
        office.sealing.seal(receipt.document_id)
    with office.counting() as verified:
        office.verifications.check(receipt.issue.verification_code)
    with office.counting() as entered:
        entry_id = office.entry_documents(tenant.lease, tenant.person, RESIDENCE, office.clock())
    with office.counting() as entry_rendered:
        office.rendering.render(entry_id)

    assert requested == {"GetItem": 1, "Query": 1, "TransactWriteItems": 1}
    assert rendered == {"GetItem": 1, "PutObject": 1, "UpdateItem": 1}
    assert sealed == {
        "GetItem": 1,
        "GetObject": 1,
        "Sign": 1,
        "PutObject": 1,
        "TransactWriteItems": 1,
        "DeleteObject": 1,
    }
    assert verified == {"GetItem": 2}
    assert entered == {"TransactWriteItems": 1}
    assert entry_rendered == {"GetItem": 1, "Decrypt": 1, "PutObject": 1, "UpdateItem": 1}


class Http:
    """The API function itself, called as API Gateway does."""

    def __init__(self, handler: Any, token: str) -> None:
        self.handler, self.token = handler, token

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {
                "content-type": "application/json",
                "authorization": f"Bearer {self.token}",
                **headers,
            },
            "requestContext": {
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
                "stage": "$default",
                "requestId": "1",
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]


@pytest.fixture
def http(aws: Any, office: Office, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    """The function on this account, and the tenant signed in."""
    prepare(aws, monkeypatch)
    module = load("certificates/api")
    now = datetime.now(UTC)
    token = new_token(tenant.person.person_id, tenant.lease.lease_id, lambda size: b"\x01" * size)
    sessions = Sessions(aws.identity)
    stored = replace(
        office.session(tenant).stored,
        session_id=token.session_id,
        created_at=now,
        last_seen_at=now,
        ends_at=now + timedelta(hours=8),
    )
    aws.identity.write(sessions.opening(stored))
    yield Http(module.handler, str(token))
    platform_aws.client.cache_clear()


def test_the_story_over_http(http: Http, office: Office) -> None:
    status, asked, headers = http("POST", "/v1/me/certificates", {"kind": "residence_certificate"})
    assert (status, asked["status"]) == (202, "requested")
    assert headers["Location"] == f"/v1/me/certificates/{asked['id']}"
    office.produce(asked["id"])

    status, shown, _ = http("GET", f"/v1/me/certificates/{asked['id']}")
    assert (status, shown["status"]) == (200, "ready")
    assert shown["download_url"].startswith("https://")

    status, listed, _ = http("GET", "/v1/me/certificates")
    assert status == 200
    assert [one["id"] for one in listed["certificates"]] == [asked["id"]]

    document = office.documents.get(asked["id"])
    assert document is not None
    with pikepdf.open(io.BytesIO(office.download(document))) as pdf:
        assert shown["number"] in str(pdf.docinfo.Title)
    typed = document.issue.verification_code.lower().replace("0", "o")
    status, verified, _ = http("GET", f"/v1/verifications/{typed}")
    assert (status, verified["status"]) == (200, "genuine")
    assert verified["residence"] == "Les Tilleuls"
    assert verified["issued_on"] == document.issue.on.isoformat()
    assert "birth_date" not in verified


def test_the_entry_document_is_asked_for_again_with_an_entry_in_the_audit(
    http: Http, office: Office, aws: Any, tenant: Tenant
) -> None:
    status, asked, _ = http("POST", "/v1/me/certificates", {"kind": "entry_document"})
    again = http("POST", "/v1/me/certificates", {"kind": "entry_document"})[1]
    office.produce(asked["id"])

    document = office.documents.get(asked["id"])
    entries = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert (status, again["id"]) == (202, asked["id"])
    assert document is not None
    assert tenant.printed_code in text_of(office.download(document))
    assert [entry.action for entry in entries] == [Action.DOCUMENT_REQUESTED] * 2
    assert entries[0].details == {"kind": "entry_document"}
    assert entries[0].actor.id == tenant.person.person_id


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "cancelled"}, "lease-cancelled"),
        ({"code_hash": "", "code_cipher": b"", "code_tail": ""}, "code-erased"),
    ],
)
def test_an_entry_document_that_is_refused_showed_no_code_and_the_audit_says_so(
    http: Http, aws: Any, tenant: Tenant, changed: dict[str, Any], reason: str
) -> None:
    lease = aws.identity.get(keys.lease(tenant.lease.lease_id))
    aws.identity.put(lease | changed)

    status, problem, _ = http("POST", "/v1/me/certificates", {"kind": "entry_document"})

    [entry] = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert (status, problem["type"].rpartition(":")[2]) == (409, reason)
    assert entry.action is Action.DOCUMENT_REQUESTED
    assert entry.details == {"kind": "entry_document", "refused": reason}


def test_each_wish_is_in_the_audit_with_what_became_of_it(
    http: Http, office: Office, aws: Any, tenant: Tenant
) -> None:
    for _ in range(2):
        http("POST", "/v1/me/certificates", {"kind": "residence_certificate"})
    refused, _, _ = http("POST", "/v1/me/certificates", {"kind": "receipt", "period": "2026-09"})

    entries = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert refused == 409
    assert [entry.action for entry in entries] == [Action.DOCUMENT_REQUESTED] * 3
    assert sorted(str(dict(entry.details)) for entry in entries) == [
        "{'kind': 'receipt', 'period': '2026-09', 'refused': 'no-notice'}",
        "{'kind': 'residence_certificate'}",
        "{'kind': 'residence_certificate'}",
    ]
    assert {entry.actor.id for entry in entries} == {tenant.person.person_id}


def test_a_link_to_the_entry_document_is_in_the_audit_and_one_to_another_is_not(
    http: Http, office: Office, aws: Any, tenant: Tenant
) -> None:
    entry = http("POST", "/v1/me/certificates", {"kind": "entry_document"})[1]["id"]
    other = http("POST", "/v1/me/certificates", {"kind": "residence_certificate"})[1]["id"]
    audit = Audit(aws.operations)
    asked = audit.of(tenant.lease.lease_id).entries

    http("GET", f"/v1/me/certificates/{entry}")
    without_a_file = audit.of(tenant.lease.lease_id).entries
    for document_id in (entry, other):
        office.produce(document_id)
        assert http("GET", f"/v1/me/certificates/{document_id}")[1]["download_url"]

    assert without_a_file == asked
    [shown] = [one for one in audit.of(tenant.lease.lease_id).entries if one not in asked]
    assert (shown.action, shown.details) == (Action.CODE_SHOWN, {"way": "download"})
    assert shown.source == aws.pepper.hash("source", "192.0.2.1")


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "diploma"},
        {"kind": "entry_document", "period": "2026-09"},
        {"kind": "receipt", "period": "2026-13"},
        {"kind": "receipt"},
        {"kind": "residence_certificate", "period": "2026-09"},
        {"kind": "residence_certificate", "language": "de"},
        {"kind": "residence_certificate", "holder": "somebody else"},
        {},
    ],
)
def test_a_request_that_makes_no_sense_is_told_why(http: Http, body: dict[str, str]) -> None:
    status, problem, _ = http("POST", "/v1/me/certificates", body)

    assert status == 422
    assert problem["errors"]


def test_a_refusal_says_its_reason_in_the_callers_language(http: Http) -> None:
    body = {"kind": "receipt", "period": "2026-10"}

    status, problem, _ = http("POST", "/v1/me/certificates", body, **{"accept-language": "en"})

    assert status == 409
    assert problem["type"] == "urn:sesame:problem:no-notice"
    assert problem["title"] == "There is no rent notice for this period"


def test_without_a_session_nothing_is_asked_for_and_anyone_may_verify(http: Http) -> None:
    http.token = "x"

    assert http("POST", "/v1/me/certificates", {"kind": "residence_certificate"})[0] == 401
    assert http("GET", "/v1/me/certificates")[0] == 401
    assert http("GET", "/v1/verifications/7K3M-9QZ2-0XWH-4TBC")[:2][1]["status"] == "unknown"


def test_what_is_not_an_id_is_not_found(http: Http) -> None:
    assert http("GET", "/v1/me/certificates/nothing")[0] == 404
