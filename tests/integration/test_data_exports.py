"""A copy of all one's data: what is in the zip, what is not, for whom, and how often."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from zipfile import ZipFile

import httpx
import pytest
from botocore.exceptions import ClientError

from sesame.domain.notices import Adjustment
from sesame.domain.refunds import Refund
from sesame.domain.threads import ThreadCategory
from sesame.domain.transmissions import Change, Difference, Row, TransmissionKind
from sesame.platform.errors import NotFound
from sesame.platform.events import Event, event_of
from sesame.platform.ids import new_id
from sesame.services.data_exports import SHOWN
from sesame.services.transmissions import series_of
from sesame.store import keys
from sesame.store.accounts import Accounts, AskedAdjustment
from sesame.store.data_exports import EXPORT_LIFE, DataExport, ExportStatus
from sesame.store.payment_links import PaymentLink, PaymentLinks
from sesame.store.refunds import Refunds
from sesame.store.sharing import Decision, Sharing
from sesame.store.table import transact
from sesame.store.transmissions import SentFile, Transmissions
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.privacy_fixtures import DAY, Bureau
from tests.integration.tenants import Tenant, admit

WITHHELD = {
    *("pk", "sk", "gsi1pk", "gsi1sk", "announce", "version", "announced_at", "sending_since", "folded_to"),
    *("session_id", "epoch", "credential_epoch", "code_hash", "code_cipher", "source", "object_key"),
    *("told", "told_version", "issuing", "billed_to", "lease_version", "said", "waits_since"),
    *("facts", "person_id", "lease_id", "residence_id", "subject", "missing_glyphs"),
    *(
        "checkout_url",
        "provider_message_id",
        "event",
        "applied",
        "search",
        "desk_record",
        "file_digest",
        "time_zone",
        "digest",
        "build_id",
        "rendered_at",
        "two_d_doc",
        "carries_two_d_doc",
        "facts_digest",
        "tells_tenant",
        "said",
    ),
}
"""Fields that stay: keys, hashes, ciphers, our own bookkeeping, and ids that the enclosing object says."""


@pytest.fixture
def bureau(aws: Any, clock: FrozenClock) -> Bureau:
    return Bureau(aws, clock)


@pytest.fixture
def tenant(bureau: Bureau) -> Tenant:
    return bureau.tenant()


def opened(bureau: Bureau, export: DataExport) -> ZipFile:
    stored = bureau.aws.s3.get_object(Bucket=bureau.aws.bucket, Key=export.object_key)
    return ZipFile(io.BytesIO(stored["Body"].read()))


def documents(archive: ZipFile) -> list[dict[str, Any]]:
    [of] = json.loads(archive.read("donnees.json"))["leases"]
    listed: list[dict[str, Any]] = of["documents"]
    return listed


def test_the_zip_holds_everything_about_the_person_and_their_papers(bureau: Bureau, tenant: Tenant) -> None:
    archive = opened(bureau, bureau.export(bureau.session(tenant)))

    assert archive.testzip() is None
    data = json.loads(archive.read("donnees.json"))
    assert data["person"]["family_name"] == "Nguyễn"
    assert data["person"]["email"] == "huong@example.org"
    assert len(data["sessions"]) == 1
    [of] = data["leases"]
    assert of["lease"]["rent_cents"] == 40_000
    assert of["residence"]["name"] == "Les Tilleuls"
    assert of["account"]["balance_cents"] == 0
    assert [one["period"] for one in of["notices"]] == ["2026-09"]
    assert [one["amount_cents"] for one in of["entries"]] == [-45_000]
    assert [one["amount_cents"] for one in of["payments"]] == [45_000]
    assert {one["kind"] for one in of["documents"]} == {"entry_document", "residence_certificate"}
    assert [one["kind"] for one in of["messages"]] == ["notice"]
    assert {one["action"] for one in of["audit"]} == {"lease_admitted", "data_exported"}
    [file] = [one["file"] for one in of["documents"] if one["file"]]
    assert archive.read(file) == "%PDF of Thị Hương".encode()
    assert set(archive.namelist()) == {"donnees.json", file, "LISEZMOI.txt"}


def test_what_was_said_is_in_it_with_its_files(bureau: Bureau, tenant: Tenant) -> None:
    key = bureau.talk(tenant, ThreadCategory.ROOM)

    archive = opened(bureau, bureau.export(bureau.session(tenant)))

    [of] = json.loads(archive.read("donnees.json"))["leases"]
    [thread] = of["threads"]
    assert (thread["subject"], thread["category"]) == ("Une question", "room")
    assert [one["body"] for one in thread["written"]] == ["Ici Thị Hương", "Bien reçu"]
    [photo] = of["attachments"]
    assert photo["file_name"] == "fuite.jpg"
    stored = bureau.aws.s3.get_object(Bucket=bureau.aws.bucket, Key=key)["Body"].read()
    assert archive.read(photo["file"]) == stored


def test_holds_plans_changes_and_tasks_are_in_it_and_nobody_elses(bureau: Bureau, tenant: Tenant) -> None:
    other = bureau.tenant(given_names="Autre", family_name="Personne", ine="861583842CH")
    for one in (tenant, other):
        bureau.plan_hold_change_and_tasks(one)

    archive = opened(bureau, bureau.export(bureau.session(tenant)))

    [of] = json.loads(archive.read("donnees.json"))["leases"]
    assert of["account"]["reminder_hold"]["reason"] == "hardship"
    assert of["account"]["payment_plan"]["instalments"] == [{"due_on": "2026-10-15", "amount_cents": 45_000}]
    assert [one["agreed_by"] for one in of["payment_plans"]] == ["staff-7"]
    assert [(one["event"], one["room"]) for one in of["changes"]] == [("room_changed", "C301")]
    assert [(one["kind"], one.get("outcome")) for one in of["tasks"]] == [
        ("unreachable", None),
        ("refused", "done"),
    ]


def test_the_read_me_explains_every_part_in_both_languages(bureau: Bureau, tenant: Tenant) -> None:
    archive = opened(bureau, bureau.export(bureau.session(tenant)))
    data, read_me = json.loads(archive.read("donnees.json")), archive.read("LISEZMOI.txt").decode()

    assert "VOS DONNÉES" in read_me
    assert "YOUR DATA" in read_me
    for name in {*data, *data["leases"][0]} - {"generated_at"}:
        assert read_me.count(f"  {name} ") == 2, name


def test_no_secret_leaves(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    bureau.papers_with_the_code(tenant)
    archive = opened(bureau, bureau.export(session))
    text = "".join(archive.read(name).decode() for name in archive.namelist())

    assert {one["kind"] for one in documents(archive)} >= {"entry_document", "code_slip"}

    for secret in (
        tenant.code,
        tenant.printed_code,
        tenant.lease.code_hash,
        session.stored.session_id,
        bureau.aws.pepper.hash("email", "huong@example.org"),
        bureau.aws.pepper.hash("source", "192.0.2.7"),
        "exports/",
        "documents/0",
        "192.0.2",
    ):
        assert secret not in text


def test_a_paper_whose_file_is_gone_is_named_and_the_rest_is_there(bureau: Bureau, tenant: Tenant) -> None:
    gone = bureau.paper(replace(tenant, lease=replace(tenant.lease, room="B205")))
    bureau.aws.s3.delete_object(Bucket=bureau.aws.bucket, Key=gone)

    archive = opened(bureau, export := bureau.export(bureau.session(tenant)))

    enclosed = {name for name in archive.namelist() if name.startswith("documents/")}
    [missing] = {one["file"] for one in documents(archive) if one["file"]} - enclosed
    assert len(enclosed) == 1
    assert archive.read("LISEZMOI.txt").decode().count(missing) == 2
    made = bureau.exports.get(export.export_id)
    assert made is not None
    assert made.status is ExportStatus.READY


def test_a_file_that_may_not_be_read_is_not_taken_for_one_that_is_gone(
    bureau: Bureau, tenant: Tenant
) -> None:
    refused = ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")
    making = replace(bureau.making, s3=Mock(get_object=Mock(side_effect=refused)))
    export = bureau.export_requests.ask(bureau.session(tenant), source="-")

    with pytest.raises(ClientError):
        making.make(export.export_id)


def test_every_field_on_record_either_leaves_or_is_known_to_stay(bureau: Bureau, tenant: Tenant) -> None:
    bureau.talk(tenant, ThreadCategory.ROOM)
    bureau.ask(session := bureau.session(tenant))
    bureau.study(tenant)
    text = opened(bureau, bureau.export(session)).read("donnees.json").decode()
    assert "Livret de famille" in text
    assert "Article 4" in text
    lease, now = tenant.lease, bureau.clock()
    whose: dict[str, Any] = {
        "lease_id": lease.lease_id,
        "residence_id": lease.residence_id,
        "person_id": lease.person_id,
    }
    link = PaymentLink(link_id=new_id(), cap_cents=100, created_at=now, ends_at=now, **whose)
    refund = Refund(
        refund_id=new_id(), amount_cents=1, requested_at=now, not_before=now, iban="-", holder="-", **whose
    )
    money = bureau.aws.money
    asked = AskedAdjustment(
        adjustment=Adjustment(adjustment_id=new_id(), amount_cents=1, label="-"),
        asked_at=now,
        reason="other",
        by="-",
        waits=True,
    )
    asking = Accounts(money).asking(tenant.lease.lease_id, asked)
    transact(money.client, [PaymentLinks(money).creating(link), *Refunds(money).opening(refund), asking])
    told = TransmissionKind.HOUSING_CONFIRMATIONS
    decided = Decision(person_id=lease.person_id, kind=told, agreed=True, decided_at=now)
    bureau.aws.identity.write(Sharing(bureau.aws.identity).deciding(decided))
    bureau.plan_hold_change_and_tasks(tenant)
    series = series_of(lease.residence_id, told, "Université", "2026-09")
    row = Row(reference=lease.tenant_reference, lease_id=lease.lease_id, values={}, document_id="-")
    file = SentFile(
        series=series,
        number=1,
        build_id="-",
        rows=1,
        digest="-",
        encoding="-",
        media_type="-",
        extension="-",
        object_key="-",
        built_at=now,
    )
    Transmissions(bureau.aws.operations).write(file, [Difference(change=Change.NEW, row=row)])
    kinds = {
        ("money", "PAYMENTLINK#", "LINK"): "payment_link",
        ("money", "REFUNDS#", "REFUND#"): "refund",
        ("identity", "PERSON#", "PROFILE"): "person",
        ("identity", "PERSON#", "SESSION#"): "session",
        ("identity", "PERSON#", "ERASURE"): "erasure",
        ("identity", "LEASE#", "LEASE"): "lease",
        ("identity", "PERSON#", "SOCIALFILE#"): "social_file",
        ("identity", "PERSON#", "ENROLMENT#"): "enrolment",
        ("identity", "LEASE#", "RENEWAL#"): "renewal",
        ("identity", "LEASE#", "WARNING#"): "warning",
        ("identity", "LEASE#", "CHANGE#"): "change",
        ("money", "ACCOUNT#", "ACCOUNT"): "account",
        ("money", "ACCOUNT#", "NOTICE#"): "entry",
        ("money", "ACCOUNT#", "ENTRY#"): "entry",
        ("money", "ACCOUNT#", "ADJUSTMENT#"): "adjustment",
        ("money", "PLANS#", "PLAN#"): "payment_plan",
        ("operations", "TASK#", "TASK"): "task",
        ("money", "PAYMENT#", "PAYMENT"): "payment",
        ("documents", "DOCUMENT#", "DOCUMENT"): "document",
        ("documents", "THREADS#", "THREAD#"): "thread",
        ("documents", "THREAD#", "MESSAGE#"): "thread_message",
        ("documents", "ATTACHMENTS#", "ATTACHMENT#"): "attachment",
        ("operations", "MESSAGE#", "MESSAGE"): "message",
        ("operations", "AUDIT#", ""): "audit",
        ("operations", "EXPORT#", "EXPORT"): "export",
        ("identity", "PERSON#", "SHARING#"): "sharing",
        ("operations", "TRANSMISSION#", "ROW#"): "transmission",
    }
    seen = set()
    for table, items in bureau.everything().items():
        for item in items:
            for (of, pk, sk), kind in kinds.items():
                if of == table and item["pk"].startswith(pk) and item["sk"].startswith(sk):
                    seen.add(kind)
                    assert set(item) <= set(SHOWN[kind].split()) | WITHHELD | {"thread_id"}, kind
                    assert not set(SHOWN[kind].split()) & {"code_hash", "code_cipher", "session_id"}

    assert seen == set(kinds.values())


def test_nobody_elses_data_is_in_it(bureau: Bureau, tenant: Tenant) -> None:
    other = bureau.tenant(given_names="Autre", family_name="Personne", ine="861583842CH")

    text = opened(bureau, bureau.export(bureau.session(tenant))).read("donnees.json").decode()

    assert "Autre" not in text
    assert other.lease.lease_id not in text
    assert other.person.person_id not in text


def test_asked_again_within_a_day_it_is_the_same_and_after_that_another(
    bureau: Bureau, tenant: Tenant
) -> None:
    session = bureau.session(tenant)

    first = bureau.export_requests.ask(session, source="-")
    while_made = bureau.export_requests.ask(session, source="-")
    bureau.making.make(first.export_id)
    bureau.clock.advance(DAY - timedelta(seconds=1))
    made = bureau.export_requests.ask(session, source="-")
    bureau.clock.advance(timedelta(seconds=1))
    next_day = bureau.export_requests.ask(session, source="-")

    assert {while_made.export_id, made.export_id} == {first.export_id}
    assert made.status is ExportStatus.READY
    assert next_day.export_id != first.export_id


def test_one_that_was_never_made_is_announced_again_when_asked_again(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    export = bureau.export_requests.ask(session, source="-")
    key = keys.data_export(export.export_id)
    announced = bureau.aws.operations.get(key)["announce"]["id"]

    bureau.clock.advance(timedelta(minutes=9))
    bureau.export_requests.ask(session, source="-")
    too_soon = bureau.aws.operations.get(key)["announce"]["id"]
    bureau.clock.advance(timedelta(minutes=1))
    bureau.export_requests.ask(session, source="-")

    assert too_soon == announced
    assert bureau.aws.operations.get(key)["announce"]["id"] != announced


def test_a_second_delivery_makes_nothing_more(bureau: Bureau, tenant: Tenant) -> None:
    export = bureau.export(bureau.session(tenant))

    with count_calls(bureau.aws.dynamodb, bureau.aws.s3) as calls:
        assert bureau.making.make(export.export_id) is False

    assert calls == ["GetItem"]


def test_another_tenants_copy_is_not_found_nor_one_that_is_over(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    export = bureau.export(session)
    stranger = bureau.session(admit(bureau.aws, email="x@example.org", ine="861583842CH"))

    with pytest.raises(NotFound):
        bureau.export_requests.of(stranger, export.export_id)
    bureau.clock.advance(EXPORT_LIFE)
    with pytest.raises(NotFound):
        bureau.export_requests.of(session, export.export_id)


def test_the_link_is_there_once_the_file_is_and_for_five_minutes(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    export = bureau.export_requests.ask(session, source="-")
    before = bureau.export_requests.of(session, export.export_id)
    bureau.making.make(export.export_id)
    after = bureau.export_requests.of(session, export.export_id)

    assert before.url is None
    assert after.url is not None
    assert "Expires=300" in after.url or "X-Amz-Expires=300" in after.url
    assert httpx.URL(after.url).path.endswith(export.object_key)
    assert "huong" not in after.url.lower()


def test_papers_that_are_too_much_are_named_and_left_out(
    bureau: Bureau, tenant: Tenant, tmp_path: Path
) -> None:
    object.__setattr__(bureau.making, "most_bytes", 3)
    object.__setattr__(bureau.making, "folder", tmp_path)

    archive = opened(bureau, bureau.export(bureau.session(tenant)))

    assert set(archive.namelist()) == {"donnees.json", "LISEZMOI.txt"}
    assert "documents/residence_certificate-" in archive.read("LISEZMOI.txt").decode()
    assert list(tmp_path.iterdir()) == []


def test_the_message_says_where_and_never_carries_the_file(bureau: Bureau, tenant: Tenant) -> None:
    export = bureau.export(bureau.session(tenant))
    [event] = [
        one
        for one in announced(bureau)
        if one.type == "data_export.ready" and one["export_id"] == export.export_id
    ]

    for _ in range(2):
        bureau.correspondence.handle(event)

    assert bureau.mailbox.subjects == ["Vos données sont prêtes"]
    assert "8 septembre 2026" in bureau.mailbox.text
    assert "https://sesame.example" in bureau.mailbox.text
    assert export.export_id not in bureau.mailbox.text
    assert "zip" in bureau.mailbox.text
    assert "Attachments" not in json.dumps(bureau.mailbox.sent)


def test_who_has_a_phone_alone_is_told_by_a_text(bureau: Bureau) -> None:
    tenant = bureau.tenant(email=None)
    export = bureau.export(bureau.session(tenant))
    [event] = [one for one in announced(bureau) if one.type == "data_export.ready"]

    for _ in range(2):
        bureau.correspondence.handle(event)

    [sent] = bureau.phones.sent
    assert sent["PhoneNumber"] == tenant.person.phone
    assert "La copie de vos données est disponible" in sent["Message"]
    assert "8 septembre" in sent["Message"]
    assert export.export_id not in sent["Message"]


def announced(bureau: Bureau) -> list[Event]:
    items = [item for table in bureau.everything().values() for item in table]
    return [event_of(json.dumps(item["announce"])) for item in items if "announce" in item]
