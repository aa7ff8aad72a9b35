"""What goes to the CAF and universities, from the daily run to the acknowledgement, on AWS in process."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.caf import caf_facts
from sesame.domain.certificates import Tenancy
from sesame.domain.file_faults import Fault
from sesame.domain.notices import notice_for
from sesame.domain.retention import TRANSMISSION
from sesame.domain.scope import Scope
from sesame.domain.studies import Enrolment, EnrolmentStatus
from sesame.domain.tenancy import CafSettings, DocumentSettings, Residence, RoomSurface, Structure
from sesame.domain.transmissions import Recipient, TransmissionKind
from sesame.domain.validity import Ending
from sesame.services.accounts import Bookkeeping
from sesame.services.documents import Order, keep
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.aid import ExpectedAid, LeaseAids
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.imports import Imports
from sesame.store.sharing import Decision, Sharing
from sesame.store.social_files import Enrolments
from sesame.store.table import Table, transact
from sesame.store.transmissions import SentFile, Transmissions
from tests.conftest import FrozenClock
from tests.integration.house import Answer, House
from tests.integration.staff_members import enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit

UNPAID, CERTIFICATES, HOUSED = (
    TransmissionKind.UNPAID_RENT,
    TransmissionKind.RENT_CERTIFICATES,
    TransmissionKind.HOUSING_CONFIRMATIONS,
)
STAFF = ("accountant-1", "accountant")
ENTRIES = (
    "transmissions/plan",
    "transmissions/build",
    "desk/transmissions",
    "privacy/api",
    "outbox/publish",
    "codes/api",
    "notifications/send_code",
)
CAF_RESIDENCE: Residence = replace(
    RESIDENCE,
    landlord=replace(RESIDENCE.landlord, siret="12345678900011", caf_landlord_code="B75-001"),
    documents=DocumentSettings(
        caf=CafSettings(
            structure=Structure.UNIVERSITY_RESIDENCE,
            surfaces=(RoomSurface(rooms="B2*", square_decimetres=1_850),),
        )
    ),
)


class Office:
    """A residence whose tenants' aid the CAF pays the landlord, and everything that tells of them."""

    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.house = House(aws, monkeypatch, clock, only=ENTRIES)
        self.tenant = admit(aws, residence=CAF_RESIDENCE, phone="+33639981234")
        self.documents, self.sent = Documents(aws.documents), Transmissions(aws.operations)
        enrol(aws, STAFF[0], Scope(residence_ids=frozenset({RESIDENCE.residence_id})))
        aids = LeaseAids(aws.money)
        expected = ExpectedAid(
            lease_id=self.tenant.lease.lease_id, monthly_cents=15_000, set_by="-", set_at=clock()
        )
        aws.money.write(aids.expecting(expected))

    def bill(self, *periods: str) -> None:
        books = Bookkeeping(Accounts(self.aws.money), self.clock)
        for period in periods:
            notice = notice_for(self.tenant.lease, CAF_RESIDENCE, period)
            assert notice is not None
            books.issue_notice(notice)

    def certificate(self) -> str:
        """A CAF certificate that the tenant asked for, sealed; its id."""
        tenant, now = self.tenant, self.clock()
        of = Tenancy(
            person=tenant.person,
            lease=tenant.lease,
            residence=CAF_RESIDENCE,
            language=tenant.person.language,
        )
        facts = caf_facts(of, as_of=now.date(), overdue_cents=0)
        document = keep(self.documents, token_bytes, Order(tenancy=of, facts=facts, now=now))
        self.documents.mark_ready(
            document, now, file_digest=hashlib.sha256(facts["as_of"].encode()).hexdigest()
        )
        return document.document_id

    def enrolled(self, university: str, tenant: Tenant | None = None, *, version: int = 0) -> None:
        person_id = (tenant or self.tenant).person.person_id
        enrolment = Enrolment(
            person_id=person_id,
            year="2026-2027",
            university=university,
            status=EnrolmentStatus.ENROLLED,
            recorded_at=self.clock(),
            recorded_by="-",
            version=version,
        )
        self.aws.identity.write(Enrolments(self.aws.identity).saving(enrolment))

    def agrees(self, agreed: bool, tenant: Tenant | None = None) -> None:
        sharing = Sharing(self.aws.identity)
        person_id = (tenant or self.tenant).person.person_id
        decision = Decision(person_id=person_id, kind=HOUSED, agreed=agreed, decided_at=self.clock())
        self.aws.identity.write(sharing.deciding(decision))

    def daily(self) -> None:
        self.house.run("transmissions/plan", {"scheduled_time": self.clock().isoformat()})
        self.house.relay()

    def again(self, kind: TransmissionKind, period: str) -> Answer:
        path = f"/v1/desk/residences/{RESIDENCE.residence_id}/transmissions"
        answer = self.house.ask("POST", path, {"kind": kind, "period": period}, staff=STAFF)
        self.house.relay()
        return answer

    def files(self, kind: TransmissionKind | None = None) -> list[SentFile]:
        found, _ = self.sent.of_residence(RESIDENCE.residence_id)
        return sorted(
            (one for one in found if kind in {None, one.series.kind}),
            key=lambda one: (one.number, one.reference),
        )

    def lines(self, file: SentFile) -> list[dict[str, str]]:
        data = self.aws.s3.get_object(Bucket=self.aws.bucket, Key=file.object_key)["Body"].read()
        assert hashlib.sha256(data).hexdigest() == file.digest
        return list(
            csv.DictReader(io.StringIO(data.decode(file.encoding.replace("-bom", "-sig"))), delimiter=";")
        )

    def path(self, file: SentFile) -> str:
        return f"/v1/desk/transmissions/{file.series.transmission_id}/files/{file.number}"

    def acknowledge(self, *rows: str) -> dict[str, Any]:
        text = "\r\n".join(["Transmission;Référence locataire;Statut;Motif", *rows])
        taken = self.house.ask(
            "POST",
            "/v1/desk/transmission-acknowledgements",
            text,
            staff=STAFF,
            content_type="text/csv; charset=utf-8",
        )
        assert taken.status == 202, taken.body
        self.house.relay()
        report: dict[str, Any] = self.house.ask("GET", taken.headers["Location"], staff=STAFF).body
        return report

    def signed_in(self) -> dict[str, Any]:
        started = self.house.ask("POST", "/v1/sign-ins", {"tenant_code": self.tenant.printed_code})
        self.house.relay()
        otp = self.house.sent.one_time_code("huong@example.org")
        path = f"/v1/sign-ins/{started.body['sign_in_id']}/confirm"
        token = self.house.ask("POST", path, {"otp": otp}).body["session_token"]
        return {"authorization": f"Bearer {token}"}


@pytest.fixture
def office(aws: Any, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> Office:
    clock.now = datetime(2026, 11, 3, 4, 30, tzinfo=UTC)  # the day that October is built
    return Office(aws, monkeypatch, clock)


def test_a_month_is_built_once_and_another_run_or_another_day_makes_nothing_more(office: Office) -> None:
    office.bill("2026-09", "2026-10")
    office.clock.now -= timedelta(days=1)
    office.daily()
    before_its_day = [one.series.period for one in office.files()]
    office.clock.now += timedelta(days=1)

    office.daily()
    office.daily()
    office.clock.now += timedelta(days=1)
    office.daily()

    assert "2026-10" not in before_its_day
    [file] = [one for one in office.files(UNPAID) if one.series.period == "2026-10"]
    [line] = office.lines(file)
    assert file.object_key.startswith(f"{TRANSMISSION.folder}/")
    assert (file.number, file.rows, line["Nature"]) == (1, 1, "création")
    assert (line["Montant impayé"], line["Nombre de mois impayés"], line["Aide mensuelle"]) == (
        "900,00",
        "2",
        "150,00",
    )
    assert line["Référence locataire"] == office.tenant.lease.tenant_reference
    assert line["Impayé constitué le"] == "10/10/2026"


def test_who_owes_less_than_the_rule_is_not_told_of(
    office: Office,
) -> None:
    office.bill("2026-09")  # 450 owed; twice 450 less 150 is 600

    office.daily()

    assert office.files() == []


def test_aid_of_several_months_that_came_in_one_is_not_what_a_month_brings(office: Office) -> None:
    office.bill("2026-09", "2026-10")
    paid = {":p": "2026-10", ":id": "t", ":c": 60_000}
    office.aws.money.update(
        keys.aid_paid(office.tenant.lease.lease_id, "2026-10", "t"),
        "SET period = :p, taking_id = :id, amount_cents = :c",
        values=paid,
    )

    office.daily()

    [line] = office.lines(next(one for one in office.files(UNPAID) if one.series.period == "2026-10"))
    assert (line["Aide mensuelle"], line["Montant impayé"]) == ("150,00", "900,00")


def test_asked_again_it_says_only_what_differs_under_the_next_number(office: Office) -> None:
    office.bill("2026-09", "2026-10")
    office.daily()

    unchanged = office.again(UNPAID, "2026-10")
    one = office.files(UNPAID)
    settled = keys.account(office.tenant.lease.lease_id)
    office.aws.money.update(settled, "SET outstanding = :none", values={":none": []})
    changed = office.again(UNPAID, "2026-10")

    assert (unchanged.status, changed.status, len(one)) == (202, 202, 1)
    two = office.files(UNPAID)
    assert [file.number for file in two] == [1, 2]
    [line] = office.lines(two[1])
    assert (line["Nature"], line["Nom"], line["Montant impayé"]) == ("annulation", "", "")


def test_a_month_that_is_not_over_is_not_built(office: Office) -> None:
    answer = office.again(UNPAID, "2026-11")

    assert (answer.status, answer.body["type"]) == (409, "urn:sesame:problem:month-not-over")


def test_a_certificate_passed_on_says_so_to_its_tenant_once_the_file_was_taken_away(office: Office) -> None:
    office.clock.now = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
    document_id = office.certificate()
    office.clock.now = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
    office.daily()
    [file] = office.files(CERTIFICATES)
    [line] = office.lines(file)
    me = office.signed_in()

    before = office.house.ask("GET", "/v1/me/transmissions", **me).body["transmissions"]
    link = office.house.ask("POST", f"{office.path(file)}/downloads", staff=STAFF)
    [after] = office.house.ask("GET", "/v1/me/transmissions", **me).body["transmissions"]

    document = office.documents.get(document_id)
    assert document is not None
    assert line["Numéro d'attestation"] == document.issue.number
    assert line["Code de vérification"] == codes.printed(document.issue.verification_code)
    assert (line["Surface (m²)"], line["Loyer mensuel"], line["Meublé"]) == ("18,50", "400,00", "oui")
    assert before == []
    assert (link.status, link.body["expires_in"]) == (201, 300)
    assert (after["certificate_id"], after["transmitted_to"], after["basis"]) == (
        document_id,
        "CAF",
        "contract",
    )
    assert office.files(CERTIFICATES)[0].state == "downloaded"
    told = [e for e in Audit(office.aws.operations).of_residence(RESIDENCE.residence_id, "2026-11").entries]
    assert [entry.action for entry in told if entry.action == "transmission_downloaded"]


def test_a_certificate_that_ended_is_taken_back(office: Office) -> None:
    office.clock.now = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
    document = office.documents.get(office.certificate())
    office.clock.now = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
    office.daily()

    assert document is not None
    transact(
        office.aws.dynamodb, office.documents.revoking(document, Ending.PAYMENT_RETURNED, at=office.clock())
    )
    office.again(CERTIFICATES, "2026-10")

    assert [line["Nature"] for line in office.lines(office.files(CERTIFICATES)[1])] == ["annulation"]


def test_a_university_is_told_only_of_who_agreed_and_is_enrolled_there(office: Office) -> None:
    silent = admit(office.aws, residence=CAF_RESIDENCE, email="s@example.org", ine="861583842CH")
    refuses = admit(office.aws, residence=CAF_RESIDENCE, email="r@example.org", ine="0123456789A")
    for tenant in (office.tenant, silent, refuses):
        office.enrolled("Université de Nantes", tenant)
    office.agrees(True)
    office.agrees(False, refuses)
    office.daily()
    [first] = office.files(HOUSED)
    told = [line["INE"] for line in office.lines(first)]

    office.agrees(False)
    office.again(HOUSED, "2026-10")

    assert told == [office.tenant.person.ine]
    assert first.series.recipient is Recipient.UNIVERSITY
    [line] = office.lines(office.files(HOUSED)[1])
    assert (line["Nature"], line["INE"]) == ("annulation", "")


def test_two_spellings_of_a_university_are_one_recipient_who_is_told_of_both_students(
    office: Office,
) -> None:
    other = admit(office.aws, residence=CAF_RESIDENCE, email="o@example.org", ine="861583842CH")
    office.enrolled("UNIVERSITE DE LYON")
    office.enrolled("Université de Lyon", other)
    for tenant in (office.tenant, other):
        office.agrees(True, tenant)
    office.daily()
    [first] = office.files(HOUSED)
    told = office.lines(first)

    office.again(HOUSED, "2026-10")
    one = office.files(HOUSED)
    office.enrolled("Université de LYON", office.tenant, version=1)  # only its spelling changed
    office.enrolled("Universite de Lyon", other, version=1)
    office.again(HOUSED, "2026-10")

    assert {(line["INE"], line["Nature"]) for line in told} == {
        (office.tenant.person.ine, "création"),
        (other.person.ine, "création"),
    }
    assert {line["Établissement"] for line in told} == {first.series.recipient_name}
    assert one == [first]
    assert office.files(HOUSED) == [first]


def test_a_tenant_sees_the_grounds_and_decides_where_it_is_theirs(office: Office) -> None:
    me = office.signed_in()

    before = office.house.ask("GET", "/v1/me/sharing", **me).body["sharing"]
    agreed = office.house.ask("PUT", f"/v1/me/sharing/{HOUSED}", {"agreed": True}, **me)
    law = office.house.ask("PUT", f"/v1/me/sharing/{UNPAID}", {"agreed": False}, **me)
    refused = office.house.ask("PUT", f"/v1/me/sharing/{HOUSED}", {"agreed": False}, **me)

    assert {one["kind"]: (one["basis"], one["leaves"]) for one in before} == {
        CERTIFICATES: ("contract", True),
        UNPAID: ("legal_obligation", True),
        HOUSED: ("consent", False),
    }
    assert (agreed.body["leaves"], agreed.body["how"]) == (True, "personal_space")
    assert (law.status, law.body["type"]) == (409, "urn:sesame:problem:not-yours-to-decide")
    assert refused.body["leaves"] is False
    trail = Audit(office.aws.operations).of(office.tenant.lease.lease_id).entries
    decided = sorted(entry.action.value for entry in trail)
    assert [action for action in decided if "sharing" in action] == ["sharing_agreed", "sharing_refused"]


def test_an_acknowledgement_is_noted_row_by_row_and_what_does_not_match_is_listed(office: Office) -> None:
    admitted = admit(office.aws, residence=CAF_RESIDENCE, email="o@example.org", ine="861583842CH")
    for tenant in (office.tenant, admitted):
        office.enrolled("Nantes", tenant)
        office.agrees(True, tenant)
    office.daily()
    [file] = office.files(HOUSED)
    mine, theirs = office.tenant.lease.tenant_reference, admitted.lease.tenant_reference
    never = codes.new_tenant_reference(token_bytes)

    report = office.acknowledge(
        f"{file.reference};{mine};rejeté;INE inconnu", f"{file.reference};{never};accepté;", "x;1;ok;"
    )
    seen = office.house.ask("GET", office.path(file), staff=STAFF).body

    assert (report["status"], report["matched"], report["refused"]) == ("done", 1, 2)
    assert [one["fault"] for one in report["problems"]] == [
        Fault.NOT_SENT,
        Fault.UNKNOWN_TRANSMISSION,  # and no tenant reference either
        Fault.NOT_SENT,
    ]
    assert seen["state"] == "acknowledged"
    assert seen["rejected"] == [{"tenant_reference": mine, "reason": "INE inconnu"}]
    assert (seen["not_acknowledged"], seen["not_sent"]) == ([theirs], [never])

    office.acknowledge(f"{file.reference};{mine};accepté;", f"{file.reference};{theirs};accepté;")
    settled = office.house.ask("GET", office.path(file), staff=STAFF).body

    assert (settled["rejected"], settled["not_acknowledged"]) == ([], [])


def test_staff_of_another_residence_acknowledge_nothing_and_see_nothing(office: Office) -> None:
    office.enrolled("Nantes")
    office.agrees(True)
    office.daily()
    [file] = office.files(HOUSED)
    enrol(office.aws, "elsewhere", Scope(residence_ids=frozenset({"les-erables-35000"})))
    text = (
        f"Transmission;Référence locataire;Statut\n{file.reference};{office.tenant.lease.tenant_reference};ok"
    )
    stranger: dict[str, Any] = {"staff": ("elsewhere", "accountant")}

    taken = office.house.ask(
        "POST", "/v1/desk/transmission-acknowledgements", text, content_type="text/csv", **stranger
    )
    office.house.relay()

    _, chunks = Imports(office.aws.operations).with_chunks(taken.body["import_id"]) or (None, [])
    assert [problem.fault for chunk in chunks for problem in chunk.problems] == [Fault.UNKNOWN_TRANSMISSION]
    assert office.files(HOUSED)[0].state == "built"
    assert office.house.ask("GET", office.path(file), **stranger).status == 404
    assert office.house.ask("POST", f"{office.path(file)}/downloads", **stranger).status == 404


def test_a_build_that_died_half_way_or_lost_to_another_leaves_nothing_that_counts(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.bill("2026-09", "2026-10")
    real = Transmissions.write

    def dies(self: Transmissions, file: SentFile, rows: Any) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Table, "put", broken)
            real(self, file, rows)
        return True

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(Transmissions, "write", dies)
    office.daily()
    tenant_sees = office.sent.of_lease(office.tenant.lease.lease_id)
    monkeypatch.setattr(Transmissions, "write", real)
    office.daily()

    [file] = office.files(UNPAID)
    assert tenant_sees == []
    assert (file.number, len(office.sent.of_lease(office.tenant.lease.lease_id))) == (1, 1)
    assert not office.sent.write(replace(file, build_id="other"), [])


def test_no_name_stands_in_what_is_kept_of_a_transmission(office: Office) -> None:
    office.bill("2026-09", "2026-10")
    office.daily()

    [file] = office.files(UNPAID)
    kept = list(office.aws.operations.query_all(keys.transmission(file.series.transmission_id)))
    assert len(kept) == 2
    assert "Nguy" not in json.dumps(kept, ensure_ascii=False, default=str)
    assert all(item["expires_at"] for item in kept)
