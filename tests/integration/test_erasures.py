"""Erasure: what a fresh one-time code opens, what the job takes and leaves, killed wherever it may be."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any

import pytest

from sesame.documents.render import Rendered
from sesame.domain.certificates import Kind, Validity
from sesame.domain.deposits import Deposit
from sesame.domain.erasure import Category
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.public_statements import PublicStatement
from sesame.domain.tenancy import Channel, LeaseStatus
from sesame.domain.threads import ThreadCategory
from sesame.platform import aws as platform_aws
from sesame.platform.errors import NotFound, TooManyRequests
from sesame.services.access import Starts
from sesame.services.confirming import WrongOneTimeCode
from sesame.services.document_validity import DocumentValidity
from sesame.services.documents import EntryDocuments, Verifications
from sesame.services.erasures import ErasureUnderWay
from sesame.services.rendering import Rendering
from sesame.services.sealing import Sealing
from sesame.services.sessions import OwnSessions
from sesame.services.tenant_codes import CodeErased
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.data_exports import DataExports
from sesame.store.erasures import ErasureState
from sesame.store.people import ERASED_BIRTH_DATE, People
from sesame.store.sessions import Sessions
from sesame.store.table import Item
from sesame.store.takings import Deposits
from sesame.store.threads import Threads
from tests.conftest import FrozenClock
from tests.integration.door import Door
from tests.integration.entries import http_event, load, prepare
from tests.integration.privacy_fixtures import DAY, Bureau
from tests.integration.quick import Snapshot
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again

PERSONAL = ("Nguyễn", "Thị Hương", "2004-05-31", "huong@example.org", "+33639981234", "170669074DK")


@pytest.fixture
def bureau(aws: Any, clock: FrozenClock) -> Bureau:
    return Bureau(aws, clock)


@pytest.fixture
def tenant(bureau: Bureau) -> Tenant:
    return bureau.tenant()


@pytest.fixture
def gone(bureau: Bureau, tenant: Tenant) -> Tenant:
    """Has left, owes nothing, has asked; the day of waiting is over."""
    left = bureau.leave(tenant)
    bureau.export(bureau.session(left))
    bureau.ask(bureau.session(left))
    bureau.clock.advance(DAY)
    return left


class Killed(BaseException):
    """The process is gone."""


def names(bureau: Bureau, table: str) -> set[str]:
    """The kinds of items in a table."""
    return {f"{item['pk'].split('#')[0]}/{item['sk'].split('#')[0]}" for item in bureau.everything()[table]}


# --- The fresh one-time code


def test_an_erasure_waits_a_day_and_is_told(bureau: Bureau, tenant: Tenant) -> None:
    erasure = bureau.ask(bureau.session(tenant))
    [event] = bureau.announced("erasure.asked")
    bureau.correspondence.handle(event)

    assert erasure.due_at == bureau.clock() + DAY
    assert bureau.mailbox.subjects == ["Vos données seront effacées le jeudi 3 septembre 2026 à 10:00"]
    assert set(event.data) == {"lease_id"}


def test_a_wrong_code_confirms_nothing_and_five_are_all(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    confirmation_id = bureau.confirmation(session)
    otp = bureau.one_time_code(confirmation_id)
    wrong = "0000 0000" if otp != "0000 0000" else "0000 0001"

    for typed in [wrong] * 5 + [otp]:
        with pytest.raises(WrongOneTimeCode):
            bureau.requests.ask(session, confirmation_id=confirmation_id, otp=typed, source="-")

    assert bureau.requests.look(session)[0] is None


def test_a_confirmation_works_once(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    confirmation_id = bureau.confirmation(session)
    otp = bureau.one_time_code(confirmation_id)
    bureau.requests.ask(session, confirmation_id=confirmation_id, otp=otp, source="-")
    bureau.requests.cancel(session, source="-")

    with pytest.raises(WrongOneTimeCode):
        bureau.requests.ask(session, confirmation_id=confirmation_id, otp=otp, source="-")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bureau, tenant: bureau.clock.advance(timedelta(minutes=10)),
        lambda bureau, tenant: bureau.aws.identity.update(
            keys.person(tenant.person.person_id), "ADD credential_epoch :one", values={":one": 1}
        ),
    ],
    ids=["after ten minutes", "after a reset of the credentials"],
)
def test_a_confirmation_ends(
    bureau: Bureau, tenant: Tenant, spoil: Callable[[Bureau, Tenant], object]
) -> None:
    session = bureau.session(tenant)
    confirmation_id = bureau.confirmation(session)
    otp = bureau.one_time_code(confirmation_id)
    spoil(bureau, tenant)

    with pytest.raises(WrongOneTimeCode):
        bureau.requests.ask(session, confirmation_id=confirmation_id, otp=otp, source="-")


def test_anothers_confirmation_and_one_for_something_else_confirm_nothing(
    bureau: Bureau, tenant: Tenant
) -> None:
    session = bureau.session(tenant)
    stranger = bureau.session(admit(bureau.aws, email="x@example.org", ine="861583842CH"))
    theirs = bureau.confirmation(stranger)
    otp = bureau.one_time_code(theirs)
    mine = bureau.confirmation(session)
    mine_otp = bureau.one_time_code(mine)
    bureau.aws.identity.update(
        keys.challenge(mine), "SET purpose = :other", values={":other": "something_else"}
    )

    for confirmation_id, typed in ((theirs, otp), (mine, mine_otp), ("0" * 26, otp)):
        with pytest.raises(WrongOneTimeCode):
            bureau.requests.ask(session, confirmation_id=confirmation_id, otp=typed, source="-")


def test_a_sign_ins_code_confirms_no_erasure(bureau: Bureau, tenant: Tenant) -> None:
    starts = Starts(bureau.step_up.confirming, bureau.clock, bureau.step_up.random)
    sign_in_id = starts.sign_in(tenant.printed_code, source="192.0.2.1").challenge_id
    otp = bureau.one_time_code(sign_in_id)

    with pytest.raises(WrongOneTimeCode):
        bureau.requests.ask(bureau.session(tenant), confirmation_id=sign_in_id, otp=otp, source="-")


def test_codes_are_not_sent_one_after_the_other(bureau: Bureau, tenant: Tenant) -> None:
    session = bureau.session(tenant)
    bureau.confirmation(session)

    with pytest.raises(TooManyRequests):
        bureau.confirmation(session)


def test_asked_again_while_it_waits_it_is_the_same_erasure(bureau: Bureau, tenant: Tenant) -> None:
    first = bureau.ask(bureau.session(tenant))
    bureau.clock.advance(timedelta(hours=1))
    again = bureau.ask(bureau.session(tenant))

    assert again == first


# --- Taking it back


def test_an_erasure_taken_back_never_happens(bureau: Bureau, gone: Tenant) -> None:
    session = bureau.session(gone)
    bureau.requests.cancel(session, source="192.0.2.1")
    bureau.clock.advance(30 * DAY)

    assert bureau.erasing.run(bureau.clock()).erased == 0
    assert "EMAIL/PERSON" in names(bureau, "identity")
    with pytest.raises(NotFound):
        bureau.requests.cancel(session, source="-")
    actions = [one.action for one in Audit(bureau.aws.operations).of(gone.lease.lease_id).entries]
    assert Action.ERASURE_CANCELLED in actions


def test_what_is_being_carried_out_cannot_be_taken_back(bureau: Bureau, gone: Tenant) -> None:
    session, erasure = bureau.session(gone), bureau.store.of(gone.person.person_id)
    assert erasure is not None
    bureau.store.begin(erasure, session.person.credential_epoch, [], bureau.clock())

    with pytest.raises(ErasureUnderWay):
        bureau.requests.cancel(session, source="-")


def test_a_reset_of_the_credentials_sets_an_erasure_aside(bureau: Bureau, gone: Tenant) -> None:
    reset(bureau, gone)

    assert bureau.erasing.run(bureau.clock()).erased == 0
    assert bureau.store.of(gone.person.person_id) is None
    assert "EMAIL/PERSON" in names(bureau, "identity")


def test_every_contact_hears_that_an_erasure_was_set_aside(bureau: Bureau, gone: Tenant) -> None:
    reset(bureau, gone)
    bureau.erasing.run(bureau.clock())
    [event] = bureau.announced("erasure.set_aside")

    for _ in range(2):
        bureau.correspondence.handle(event)

    assert bureau.mailbox.subjects == ["Vos données n'ont pas été effacées"]
    assert "mercredi 2 septembre 2026 à 10:00" in bureau.mailbox.text
    assert [one["PhoneNumber"] for one in bureau.phones.sent] == [gone.person.phone]
    assert set(event.data) == {"lease_id", "asked_at"}


def test_a_wish_of_before_a_reset_is_not_shown_and_a_new_one_takes_its_place(
    bureau: Bureau, gone: Tenant
) -> None:
    reset(bureau, gone)
    shown, _ = bureau.requests.look(bureau.session(gone))
    again = bureau.ask(bureau.session(gone))
    bureau.clock.advance(DAY)

    assert shown is None
    assert again.asked_at == bureau.clock() - DAY
    assert bureau.erasing.run(bureau.clock()).erased == 1


def test_signing_out_everywhere_leaves_an_erasure_as_it_was_asked(bureau: Bureau, tenant: Tenant) -> None:
    left = bureau.leave(tenant)
    asked = bureau.ask(bureau.session(left))
    bureau.clock.advance(timedelta(hours=1))
    sign_out_everywhere(bureau, left)

    shown, _ = bureau.requests.look(bureau.session(left))
    assert shown == replace(asked, epoch=asked.epoch + 1)
    assert bureau.ask(bureau.session(left)) == shown
    bureau.clock.advance(DAY)
    assert bureau.erasing.run(bureau.clock()).erased == 1


def test_signing_out_everywhere_brings_back_no_wish_of_before_a_reset(bureau: Bureau, gone: Tenant) -> None:
    reset(bureau, gone)
    sign_out_everywhere(bureau, gone)

    assert bureau.requests.look(bureau.session(gone))[0] is None
    assert bureau.erasing.run(bureau.clock()).erased == 0
    assert bureau.store.of(gone.person.person_id) is None


def reset(bureau: Bureau, tenant: Tenant) -> None:
    """As a desk does it."""
    bureau.aws.identity.update(
        keys.person(tenant.person.person_id), "ADD credential_epoch :one", values={":one": 1}
    )


def sign_out_everywhere(bureau: Bureau, tenant: Tenant) -> None:
    OwnSessions(
        sessions=Sessions(bureau.aws.identity),
        erasures=bureau.store,
        audit=Audit(bureau.aws.operations),
        pepper=bureau.aws.pepper,
        clock=bureau.clock,
        random=token_bytes,
    ).end_all(bureau.session(tenant), "-")


# --- Carrying it out


def test_nothing_happens_before_the_day_is_over(bureau: Bureau, tenant: Tenant) -> None:
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY - timedelta(seconds=1))
    before = bureau.everything()

    assert bureau.erasing.carry_out(tenant.person.person_id, bureau.clock()) is False
    assert bureau.erasing.run(bureau.clock()).erased == 0
    after = bureau.everything()
    assert [one for one in after["operations"] if one["pk"] != "RUN#erasures"] == before["operations"]
    assert after["identity"] == before["identity"]


def test_who_has_left_is_found_by_nothing_any_more_and_accounts_stay(bureau: Bureau, gone: Tenant) -> None:
    money = bureau.everything()["money"]

    assert bureau.erasing.run(bureau.clock()).erased == 1

    left = bureau.everything()
    kinds = names(bureau, "identity")
    assert not kinds & {"EMAIL/PERSON", "PHONE/PERSON", "INE/LOOKUP", "CODE/LOOKUP", "PERSON/SESSION"}
    assert "PERSON/ERASURE" not in kinds
    assert left["money"] == money
    look_ups = {name.partition("/")[0] for name in names(bureau, "documents")}
    assert look_ups == {"VERIFICATION", "FILE", "NUMBER"}
    assert left["bucket"] == []
    person = People(bureau.aws.identity, bureau.aws.pepper).person(gone.person.person_id)
    assert person is not None
    assert (person.email, person.phone, person.ine) == (None, None, None)
    assert person.birth_date == ERASED_BIRTH_DATE
    assert person.full_name == "Thị Hương Nguyễn"  # on the accounts, for ten years
    assert person.credential_epoch == 2
    text = str(left)
    assert not [one for one in PERSONAL[2:] if one in text]
    assert gone.lease.code_hash not in text
    assert str(gone.lease.code_cipher) not in text
    reference = bureau.aws.identity.get(keys.lease_reference(gone.lease.reference))
    assert (reference["digest"], reference["code_tail"]) == ("", "")


def test_an_erased_paper_is_said_to_have_been_genuine_and_nothing_more_is_known_of_it(
    bureau: Bureau, gone: Tenant
) -> None:
    [paper] = [one for one in bureau.everything()["documents"] if one.get("status") == "ready"]
    verifications = Verifications(bureau.documents, bureau.clock)
    assert verifications.check(paper["verification_code"]).validity is Validity.GENUINE

    bureau.erasing.run(bureau.clock())

    for answer in (
        verifications.check(paper["verification_code"]),
        verifications.check_digest(paper["file_digest"]),
    ):
        assert answer.validity is Validity.ERASED
        assert answer.erased_on == bureau.clock().date()
        assert answer.statement == PublicStatement(
            kind=Kind.RESIDENCE_CERTIFICATE, issued_on=date.fromisoformat(paper["issued_on"])
        )
    left = [item for item in bureau.everything()["documents"] if item["sk"] == "LOOKUP"]
    assert {name for item in left for name in item} == {
        *("pk", "sk", "kind", "issued_on", "erased_on", "validity", "verification_code"),
        "time_zone",
    }


def test_page_and_api_tell_who_holds_an_erased_paper_the_truth(
    bureau: Bureau, gone: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    [paper] = [one for one in bureau.everything()["documents"] if one.get("status") == "ready"]
    bureau.erasing.run(bureau.clock())
    prepare(bureau.aws, monkeypatch)
    page, api = load("portal/pages").handler, load("certificates/api").handler
    code, digest = paper["verification_code"], paper["file_digest"]
    pdf = b"%PDF of " + gone.person.given_names.encode()

    told = [
        page(http_event("GET", f"/verification/{code}", accept_language=language), None)
        for language in ("fr", "en")
    ]
    sent = page(
        http_event("POST", "/verification", pdf, content_type="application/octet-stream"),
        None,
    )
    answers = [
        json.loads(api(http_event("GET", f"/v1/verifications/{path}"), None)["body"])
        for path in (code, f"files/{digest}")
    ]

    assert "était authentique à son émission" in told[0]["body"]
    assert "was genuine when it was issued" in told[1]["body"]
    assert "à l&#x27;octet près, celui que nous avons émis" in sent["body"]
    for answer in answers:
        assert answer == {
            "status": "erased",
            "kind": "residence_certificate",
            "issued_on": paper["issued_on"],
            "erased_on": bureau.clock().date().isoformat(),
        } | {name: empty for name, empty in answer.items() if not empty}
    platform_aws.client.cache_clear()


def test_a_paper_that_was_void_stays_so_after_its_erasure(bureau: Bureau, gone: Tenant) -> None:
    [paper] = [one for one in bureau.everything()["documents"] if one.get("status") == "ready"]
    DocumentValidity(bureau.documents).lease_cancelled(gone.lease.lease_id, bureau.clock())

    bureau.erasing.run(bureau.clock())

    answer = Verifications(bureau.documents, bureau.clock).check(paper["verification_code"])
    assert (answer.validity, answer.since) == (Validity.REVOKED, bureau.clock())
    assert answer.erased_on is not None


def versions(bureau: Bureau) -> list[str]:
    """The keys of all that the bucket still holds, old versions and marks of deletion too."""
    listed = bureau.aws.s3.list_object_versions(Bucket=bureau.aws.bucket)
    return [one["Key"] for part in ("Versions", "DeleteMarkers") for one in listed.get(part, [])]


def test_every_version_of_every_file_goes_wherever_its_document_stood(
    bureau: Bureau, gone: Tenant, aws: Any
) -> None:
    aws.s3.put_bucket_versioning(Bucket=aws.bucket, VersioningConfiguration={"Status": "Enabled"})
    papers = [one for one in bureau.everything()["documents"] if one["sk"] == "DOCUMENT"]
    assert {one["status"] for one in papers} == {"requested", "ready"}
    for paper in papers:
        sealed = paper["object_key"]
        for key in (sealed, sealed.replace("documents/", "unsealed/")):
            for body in (b"first", b"second"):
                aws.s3.put_object(Bucket=aws.bucket, Key=key, Body=body)
        aws.s3.delete_object(Bucket=aws.bucket, Key=sealed.replace("documents/", "unsealed/"))

    bureau.erasing.run(bureau.clock())

    assert versions(bureau) == []


class Meanwhile:
    """Erases the person whenever something is put into the bucket, before or after."""

    def __init__(self, bureau: Bureau, tenant: Tenant, moment: str) -> None:
        self.bureau, self.tenant, self.moment = bureau, tenant, moment

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bureau.aws.s3, name)

    def put_object(self, **request: Any) -> Any:
        def erase() -> None:
            self.bureau.erasing.carry_out(self.tenant.person.person_id, self.bureau.clock())

        if self.moment == "before":
            erase()
        answer = self.bureau.aws.s3.put_object(**request)
        if self.moment != "before":
            erase()
        if self.moment == "dies":
            raise Killed
        return answer


@pytest.mark.parametrize("moment", ["before", "after", "dies"])
@pytest.mark.parametrize("step", ["render", "seal"])
def test_a_file_that_arrives_after_the_erasure_does_not_stay(
    bureau: Bureau, gone: Tenant, aws: Any, step: str, moment: str
) -> None:
    aws.s3.put_bucket_versioning(Bucket=aws.bucket, VersioningConfiguration={"Status": "Enabled"})
    [paper] = [one for one in bureau.everything()["documents"] if one.get("status") == "requested"]
    document_id, key = paper["document_id"], paper["object_key"]
    meanwhile = Meanwhile(bureau, gone, moment)

    def work(s3: Any) -> None:
        if step == "render":
            Rendering(
                bureau.documents,
                SimpleNamespace(render=lambda *_, **__: Rendered(pdf=b"%PDF", pages=1, missing_glyphs=0)),  # type: ignore[arg-type]
                aws.kms,
                aws.codes_key,
                s3,
                aws.bucket,
                bureau.clock,
                SimpleNamespace(of=lambda _: None),  # type: ignore[arg-type]
            ).render(document_id, key)
        else:
            Sealing(
                documents=bureau.documents,
                sealer=SimpleNamespace(seal=lambda pdf: pdf + b" sealed"),
                s3=s3,
                bucket=aws.bucket,
                clock=bureau.clock,
            ).seal(document_id, key)

    if step == "seal":
        document = bureau.documents.get(document_id)
        assert document is not None
        aws.s3.put_object(Bucket=aws.bucket, Key=document.unsealed_key, Body=b"%PDF")
        assert bureau.documents.mark_rendered(document, bureau.clock())
    try:
        work(meanwhile)
    except Killed:
        work(aws.s3)  # the queue brings the event again

    assert versions(bureau) == []
    assert bureau.documents.get(document_id) is None


def test_nothing_personal_is_left_of_who_was_never_billed_and_changed_contacts_at_a_desk(
    bureau: Bureau, aws: Any
) -> None:
    tenant = admit(aws, phone="+33639981234")
    bureau.changed_at_desk(tenant, "nouvelle@example.org", "0639981299")
    bureau.clock.advance(DAY + timedelta(hours=1))
    left = bureau.leave(tenant)
    bureau.ask(bureau.session(left))
    bureau.clock.advance(DAY)
    personal = (*PERSONAL, "nguyen", "huong", "nouvelle@", "+33639981299", "desk_record", "former")
    before = str(bureau.everything()).lower()

    assert bureau.erasing.run(bureau.clock()).erased == 1

    after = str(bureau.everything()).lower()
    assert not [one for one in personal if one.lower() not in before]
    assert not [one for one in personal if one.lower() in after]


def test_a_hold_that_is_not_over_goes_on_without_the_contacts_of_before(
    bureau: Bureau, tenant: Tenant
) -> None:
    kept = admit_again(bureau.aws, tenant)
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY)
    bureau.erasing.run(bureau.clock())
    bureau.leave(tenant)
    bureau.changed_at_desk(kept, "nouvelle@example.org", "0639981299")
    due = bureau.store.of(tenant.person.person_id)
    assert due is not None
    bureau.store.put_off(due, bureau.clock())

    bureau.erasing.run(bureau.clock())

    person = People(bureau.aws.identity, bureau.aws.pepper).person(tenant.person.person_id)
    assert person is not None
    assert person.email == "nouvelle@example.org"  # the other lease needs it
    assert not person.can_prove_by(Channel.EMAIL, bureau.clock())
    assert "huong@example.org" not in str(bureau.everything()["identity"])


def test_every_copy_goes_not_the_last_alone(bureau: Bureau, gone: Tenant) -> None:
    session = bureau.session(gone)
    bureau.export(session)
    made = [one for one in bureau.everything()["bucket"] if one["key"].startswith("exports/")]

    bureau.erasing.run(bureau.clock())

    assert len(made) == 2
    assert bureau.everything()["bucket"] == []
    assert "EXPORT/EXPORT" not in names(bureau, "operations")


def test_a_copy_that_is_made_while_its_person_is_erased_is_not_kept(
    bureau: Bureau, gone: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = bureau.export_requests.ask(bureau.session(gone), source="-")
    ready = DataExports.mark_ready

    def late(exports: DataExports, *given: Any) -> bool:
        bureau.erasing.run(bureau.clock())
        return ready(exports, *given)

    monkeypatch.setattr(DataExports, "mark_ready", late)
    assert bureau.making.make(export.export_id) is False

    assert bureau.everything()["bucket"] == []


def test_under_every_live_pepper(bureau: Bureau, gone: Tenant) -> None:
    bureau.aws.secrets.put_secret_value(
        SecretId=bureau.aws.pepper_secret,
        SecretString=json.dumps({"current": "2", "1": "p" * 64, "2": "q" * 64}),
    )
    bureau.aws.pepper.secrets._kept.clear()
    for kind, value in (("email", gone.person.email), ("phone", gone.person.phone), ("ine", gone.person.ine)):
        digest = bureau.aws.pepper.hash(kind, value)
        assert digest.startswith("2:")
        item = keys.ine(digest) if kind == "ine" else getattr(keys, kind)(digest, gone.person.person_id)
        bureau.aws.identity.put({**item, "person_id": gone.person.person_id})

    bureau.erasing.run(bureau.clock())

    assert not names(bureau, "identity") & {"EMAIL/PERSON", "PHONE/PERSON", "INE/LOOKUP"}


def test_the_audit_says_what_kinds_of_data_went_and_none_of_the_data(bureau: Bureau, gone: Tenant) -> None:
    bureau.erasing.run(bureau.clock())

    entries = Audit(bureau.aws.operations).of(gone.lease.lease_id).entries
    [erased] = [one for one in entries if one.action is Action.ERASED]
    assert erased.at == bureau.clock()
    went = set(str(erased.details["went"]).split(","))
    assert {Category.EMAIL, Category.PHONE, Category.INE, Category.TENANT_CODE} <= went
    assert Category.ACCOUNT not in went
    assert not [one for one in PERSONAL if one in str(entries)]


def test_messages_of_a_lease_that_is_over_are_forgotten_after_five_years(
    bureau: Bureau, gone: Tenant
) -> None:
    bureau.erasing.run(bureau.clock())

    [message] = bureau.records()
    assert message["expires_at"] == int((bureau.clock() + timedelta(days=5 * 365)).timestamp())


def test_of_what_was_said_rent_and_repairs_stay_as_proof_and_the_rest_goes_with_its_files(
    bureau: Bureau, gone: Tenant
) -> None:
    proof, rest = (bureau.talk(gone, one) for one in (ThreadCategory.ROOM, ThreadCategory.OTHER))

    bureau.erasing.run(bureau.clock())

    [thread] = Threads(bureau.aws.documents).of_lease(gone.lease.lease_id)
    assert thread.category is ThreadCategory.ROOM
    written = [one for one in bureau.everything()["documents"] if one["sk"].startswith("MESSAGE#")]
    assert [one["body"] for one in written] == ["Ici Thị Hương", "Bien reçu"]
    kept = {one["key"] for one in bureau.everything()["bucket"]}
    assert proof in kept
    assert rest not in kept


def test_a_running_lease_keeps_what_it_needs_and_lets_the_rest_go(bureau: Bureau, tenant: Tenant) -> None:
    old, said = bureau.paper(tenant), bureau.talk(tenant, ThreadCategory.OTHER)
    bureau.clock.advance(timedelta(days=100))
    fresh = bureau.paper(replace(tenant, lease=replace(tenant.lease, room="B205")))
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY)

    bureau.erasing.run(bureau.clock())

    kinds = names(bureau, "identity")
    assert {"EMAIL/PERSON", "INE/LOOKUP", "CODE/LOOKUP"} <= kinds
    assert not kinds & {"PHONE/PERSON", "PERSON/SESSION"}
    kept = [one["key"] for one in bureau.everything()["bucket"]]
    assert {fresh, said} <= set(kept)
    assert old not in kept
    kinds_left = {one["kind"] for one in bureau.everything()["documents"] if one["sk"] == "DOCUMENT"}
    assert kinds_left == {"entry_document", "residence_certificate"}
    waiting = bureau.store.of(tenant.person.person_id)
    assert waiting is not None
    assert waiting.state is ErasureState.WAITING
    assert waiting.due_at.date() == date(2027, 9, 2)


def test_what_was_kept_of_studies_goes_once_no_lease_needs_it(bureau: Bureau, gone: Tenant) -> None:
    tenant = bureau.tenant(ine="861583842CH")
    for one in (tenant, gone):
        bureau.study(one)
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY)
    bureau.erasing.run(bureau.clock())

    left = [
        (item["pk"], item["sk"].partition("#")[0])
        for item in bureau.everything()["identity"]
        if item["sk"].startswith(("SOCIALFILE#", "ENROLMENT#", "RENEWAL#", "WARNING#"))
    ]
    person, lease = f"PERSON#{tenant.person.person_id}", f"LEASE#{tenant.lease.lease_id}"
    assert sorted(left) == sorted(
        [(person, "SOCIALFILE"), (person, "ENROLMENT"), (lease, "RENEWAL"), (lease, "WARNING")]
    )


def test_what_a_running_lease_kept_goes_by_itself_once_it_is_over(bureau: Bureau, tenant: Tenant) -> None:
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY)
    bureau.erasing.run(bureau.clock())
    bureau.clock.now = datetime(2027, 9, 2, 9, tzinfo=UTC)

    bureau.erasing.run(bureau.clock())
    deposit = names(bureau, "identity")
    bureau.clock.now = datetime(2027, 11, 4, 9, tzinfo=UTC)
    third = bureau.erasing.run(bureau.clock())

    assert (third.erased, third.failed) == (1, 0)
    assert "EMAIL/PERSON" in deposit  # until the deposit is returned
    assert not names(bureau, "identity") & {"EMAIL/PERSON", "CODE/LOOKUP", "PERSON/ERASURE"}


def test_who_owes_money_stays_reachable_until_it_is_paid(bureau: Bureau, tenant: Tenant) -> None:
    left = bureau.leave(tenant)
    refund = Entry(
        entry_id="refund:1",
        kind=EntryKind.REFUND,
        amount_cents=100,
        effective_at=bureau.clock(),
        reverses=f"payment:{left.lease.lease_id}:{bureau.clock().isoformat()}",
    )
    bureau.books.post(left.lease.lease_id, left.lease.residence_id, refund)
    bureau.ask(bureau.session(left))
    bureau.clock.advance(DAY)
    bureau.erasing.run(bureau.clock())
    owing = names(bureau, "identity")
    epoch = bureau.aws.identity.get(keys.person(left.person.person_id))["credential_epoch"]

    bureau.clock.advance(31 * DAY)
    bureau.erasing.run(bureau.clock())
    unchanged = bureau.aws.identity.get(keys.person(left.person.person_id))["credential_epoch"]
    bureau.pay(left, 100)
    bureau.clock.advance(31 * DAY)
    bureau.erasing.run(bureau.clock())

    assert {"EMAIL/PERSON", "CODE/LOOKUP"} <= owing
    assert (epoch, unchanged) == (2, 2)  # nobody is signed out every month
    assert not names(bureau, "identity") & {"EMAIL/PERSON", "CODE/LOOKUP", "PERSON/ERASURE"}


def test_a_deposit_that_is_held_keeps_the_tenant_of_a_cancelled_lease_reachable(bureau: Bureau) -> None:
    tenant = admit(bureau.aws)
    deposits, people = Deposits(bureau.aws.money), People(bureau.aws.identity, bureau.aws.pepper)
    of = Deposit(lease_id=tenant.lease.lease_id, residence_id=RESIDENCE.residence_id)
    bureau.aws.money.write(deposits.saving(of, 40_000))
    cancelled = replace(tenant.lease, status=LeaseStatus.CANCELLED)
    bureau.aws.identity.write(people.amending(tenant.lease, cancelled))
    bureau.ask(bureau.session(tenant))
    bureau.clock.advance(DAY)

    bureau.erasing.run(bureau.clock())
    kept = people.person(tenant.person.person_id)
    assert kept is not None
    assert (kept.email, kept.family_name) == ("huong@example.org", "Nguyễn")

    bureau.aws.money.write(deposits.saving(replace(of, held_cents=40_000, version=1), 0))
    bureau.clock.advance(31 * DAY)
    bureau.erasing.run(bureau.clock())
    gone = people.person(tenant.person.person_id)
    assert gone is not None
    assert (gone.email, gone.family_name) == (None, "")


def test_the_code_of_another_lease_is_given_back_after_one_was_erased(
    bureau: Bureau, aws: Any, clock: FrozenClock
) -> None:
    over, kept = bureau.half_erased()
    door = Door(aws, clock)
    recovery_id = door.ask_recovery("email", "huong@example.org", kept.person.birth_date)

    [recovered] = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert not over.lease.has_code
    assert recovered.tenant_code == kept.printed_code


def test_a_code_that_was_erased_is_neither_shown_nor_replaced(
    bureau: Bureau, aws: Any, clock: FrozenClock
) -> None:
    over, _ = bureau.half_erased()
    door = Door(aws, clock)
    person = People(aws.identity, aws.pepper).person(over.person.person_id)
    assert person is not None
    token = door.links.create(over.lease, person)
    before = bureau.everything()

    with pytest.raises(CodeErased):
        door.open_welcome(token, over.person.birth_date)
    with pytest.raises(CodeErased):
        EntryDocuments(bureau.documents)(over.lease, over.person, RESIDENCE, clock())
    assert bureau.everything()["documents"] == before["documents"]


def test_others_are_left_alone(bureau: Bureau, gone: Tenant) -> None:
    other = bureau.tenant(given_names="Autre", ine="861583842CH", phone="+33639981235")
    marks = (other.person.person_id, other.lease.lease_id)

    def theirs() -> list[Item]:
        return [
            item
            for items in bureau.everything().values()
            for item in items
            if any(mark in str(item) for mark in marks)
        ]

    before = theirs()
    bureau.erasing.run(bureau.clock())

    assert len(before) > 10
    assert theirs() == before


def test_one_that_fails_holds_no_other_and_is_tried_again(
    bureau: Bureau, gone: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bureau.leave(bureau.tenant(email="b@example.org", ine="861583842CH", phone="+33639981235"))
    bureau.ask(bureau.session(other))
    bureau.clock.advance(DAY)
    whole = People.person

    def breaks(people: People, person_id: str) -> Any:
        if person_id == gone.person.person_id:
            raise OSError
        return whole(people, person_id)

    with monkeypatch.context() as patched:
        patched.setattr(People, "person", breaks)
        first = bureau.erasing.run(bureau.clock())
    second = bureau.erasing.run(bureau.clock())

    assert (first.erased, first.failed) == (1, 1)
    assert (second.erased, second.failed) == (1, 0)


# --- Killed anywhere


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_killed_at_any_call_and_run_again_the_end_is_the_same(
    bureau: Bureau, gone: Tenant, moment: str
) -> None:
    now, person_id = bureau.clock(), gone.person.person_id
    before = Snapshot.take()
    bureau.erasing.carry_out(person_id, now)
    wanted = bureau.everything()
    clients = (bureau.aws.dynamodb, bureau.aws.s3)

    kills, killed = 0, True
    while killed:
        before.restore()
        killed = _killed_at_call(kills, clients, moment, lambda: bureau.erasing.carry_out(person_id, now))
        bureau.erasing.carry_out(person_id, now)

        assert bureau.everything() == wanted, kills
        kills += killed

    assert kills > 25


def test_killed_while_conversations_are_deleted_the_end_is_the_same(bureau: Bureau, tenant: Tenant) -> None:
    lease_id = tenant.lease.lease_id
    for category in (ThreadCategory.OTHER, ThreadCategory.RENT):
        bureau.talk(tenant, category)
    before = Snapshot.take()
    bureau.erasing.delete_threads(lease_id)
    wanted = bureau.everything()
    clients = (bureau.aws.dynamodb, bureau.aws.s3)

    kills, killed = 0, True
    while killed:
        before.restore()
        killed = _killed_at_call(
            kills, clients, "after-call", lambda: bureau.erasing.delete_threads(lease_id)
        )
        bureau.erasing.delete_threads(lease_id)

        assert bureau.everything() == wanted, kills
        kills += killed

    assert kills > 7


def _killed_at_call(number: int, clients: tuple[Any, ...], moment: str, work: Callable[[], object]) -> bool:
    """Whether the work made that many calls, and died of the next."""
    calls = 0

    def count(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            raise Killed

    for client in clients:
        client.meta.events.register(moment, count)
    try:
        work()
    except Killed:
        return True
    finally:
        for client in clients:
            client.meta.events.unregister(moment, count)
    return False


def test_run_twice_it_changes_nothing_more(bureau: Bureau, gone: Tenant) -> None:
    bureau.erasing.run(bureau.clock())
    once = bureau.everything()

    bureau.erasing.run(bureau.clock())

    twice = bureau.everything()
    assert [one for one in twice["operations"] if one["pk"] != "RUN#erasures"] == [
        one for one in once["operations"] if one["pk"] != "RUN#erasures"
    ]
    assert twice["identity"] == once["identity"]
    assert twice["documents"] == once["documents"]
