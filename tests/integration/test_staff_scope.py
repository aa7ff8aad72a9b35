"""Staff see their own residences only, on every route that staff have.

Each staff route of the OpenAPI document has a case in CASES: a request about the tenant, and how an answer
that keeps them hidden looks. The same request must be answered openly to who may see them, so that a case
cannot pass for another reason. A new staff route needs a new case; a test fails until there is one.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from sesame.domain.attachments import Attachment, Side
from sesame.domain.canned_answers import CannedAnswer
from sesame.domain.certificates import Kind as PaperKind
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.notices import notice_for
from sesame.domain.payments import EventKind, PaymentEvent
from sesame.domain.refunds import Refund
from sesame.domain.scope import Scope
from sesame.domain.social_file import HandedIn, handed_in
from sesame.domain.tenancy import Departure, DepartureReason, Language
from sesame.domain.threads import ThreadCategory
from sesame.domain.transmission_files import file_reference
from sesame.domain.transmissions import Change, Difference, Row, TransmissionKind
from sesame.platform.clock import utc_now
from sesame.platform.events import Event
from sesame.platform.ids import new_id
from sesame.services.accounts import Bookkeeping
from sesame.services.attachments import AttachmentDesk
from sesame.services.file_imports import CHUNK_DUE
from sesame.services.payment_reviews import review_name
from sesame.services.threads import Author, Place, Talk, Topic, Words
from sesame.services.transmissions import series_of
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.attachments import Attachments
from sesame.store.canned_answers import CannedAnswers
from sesame.store.deliveries import Deliveries, Delivery, DeliveryState, Hints, Told
from sesame.store.people import lease_item
from sesame.store.reconciliations import Reconciliations, ResidenceFinding, Run
from sesame.store.refunds import Refunds
from sesame.store.social_files import SocialFiles
from sesame.store.table import Delete, transact
from sesame.store.tasks import Task, TaskKind, Tasks, task_id_of
from sesame.store.threads import Threads
from sesame.store.transmissions import SentFile, Transmissions
from tests.integration.entries import http_event, load, prepare
from tests.integration.import_fixtures import cells_of, desk_on, lease_file
from tests.integration.quick import Snapshot
from tests.integration.staff_members import as_staff, enrol
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again
from tests.unit.documents import png_of

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
ROLES = ("desk", "manager", "accountant")


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is known of the tenant's studies, and of another year."""

    year: str
    imports: dict[str, str]
    attachment_id: str
    campaign_id: str
    warning_id: str


NO_STUDY = Study(year="", imports={}, attachment_id="", campaign_id="", warning_id="")


@dataclass(frozen=True, kw_only=True)
class World:
    """A tenant of one residence, a member of staff who looks after it, and one of another residence."""

    aws: Any
    clock: Any
    tenant: Tenant
    import_id: str
    staff_id: str
    slip_id: str
    payment_id: str
    return_id: str
    run_id: str
    document_id: str
    recovery_id: str
    review_id: str
    aid_import_id: str
    refund_id: str
    study: Study
    thread_id: str
    attachment_id: str
    answer_id: str
    task_id: str
    transmission_id: str
    acknowledgement_id: str
    entries: dict[str, ModuleType] = field(default_factory=dict)

    def entry(self, name: str) -> ModuleType:
        """The function, as warm as its second call finds it."""
        if name not in self.entries:
            self.entries[name] = load(name)
        return self.entries[name]

    def place(self, path: str) -> str:
        """A route's path, or an id of a body, with the tenant's ids in it."""
        return path.format(
            recovery_id=self.recovery_id,
            lease_id=self.tenant.lease.lease_id,
            residence_id=RESIDENCE.residence_id,
            import_id=self._import(path),
            transmission_id=self.transmission_id,
            number=1,
            staff_id=self.staff_id,
            slip_id=self.slip_id,
            payment_id=self.payment_id,
            return_id=self.return_id,
            run_id=self.run_id,
            document_id=self.document_id,
            review_id=self.review_id,
            day=TODAY,
            refund_id=self.refund_id,
            year=self.study.year,
            piece_id="p1",
            attachment_id=self.study.attachment_id or self.attachment_id,
            campaign_id=self.study.campaign_id,
            warning_id=self.study.warning_id,
            thread_id=self.thread_id,
            answer_id=self.answer_id,
            period=OWED if "surcharges" in path else "2027-03",
            task_id=self.task_id,
        )

    def _import(self, path: str) -> str:
        if "transmission-acknowledgements" in path:
            return self.acknowledgement_id
        for kind, import_id in self.study.imports.items():
            if kind in path:
                return import_id
        return self.aid_import_id if "aid-imports" in path else self.import_id


NOWHERE = World(
    aws=None,
    clock=None,
    tenant=None,  # type: ignore[arg-type]
    import_id="",
    staff_id="",
    slip_id="",
    payment_id="",
    return_id="",
    run_id="",
    recovery_id="",
    review_id="",
    aid_import_id="",
    refund_id="",
    study=NO_STUDY,
    thread_id="",
    attachment_id="",
    answer_id="",
    document_id="",
    task_id="",
    transmission_id="",
    acknowledgement_id="",
)

Answer = tuple[int, Any]
Hidden = Callable[[World, Answer], bool]


def refused(_world: World, answer: Answer) -> bool:
    """403, or 404 as if there were nothing."""
    return answer[0] in {403, 404}


def empty(name: str) -> Hidden:
    """An empty list under this name."""
    return lambda _world, answer: answer[0] == 200 and answer[1][name] == []


def nothing_admitted(world: World, answer: Answer) -> bool:
    """The file is taken, but none of its rows: each is refused with its reason."""
    status, taken = answer
    assert status == 202
    desk = desk_on(world.aws, world.clock)
    desk.announce(taken["import_id"])
    desk.work()
    _, chunks = desk.worker.imports.with_chunks(taken["import_id"]) or (None, [])
    faults = [problem.fault.value for chunk in chunks for problem in chunk.problems]
    return sum(chunk.created for chunk in chunks) == 0 and faults == ["other_residence"]


def nothing_posted(world: World, answer: Answer) -> bool:
    """The file is taken, but its row is refused like one of nobody's."""
    status, taken = answer
    assert status == 202
    worker = load("aid/import_rows").worker
    ids = {"import_id": taken["import_id"], "chunk": "1"}
    worker.consume(Event(id="1", type=CHUNK_DUE, at=world.clock(), data=ids))
    _, chunks = worker.imports.with_chunks(taken["import_id"]) or (None, [])
    faults = [problem.fault.value for chunk in chunks for problem in chunk.problems]
    return sum(chunk.created for chunk in chunks) == 0 and faults == ["unknown_tenant"]


def nothing_acknowledged(world: World, answer: Answer) -> bool:
    """The file is taken, but its row is refused like one of nobody's."""
    status, taken = answer
    assert status == 202
    worker = load("transmissions/build").acknowledgements
    ids = {"import_id": taken["import_id"], "chunk": "1"}
    worker.consume(Event(id="1", type=CHUNK_DUE, at=world.clock(), data=ids))
    _, chunks = worker.imports.with_chunks(taken["import_id"]) or (None, [])
    faults = [problem.fault.value for chunk in chunks for problem in chunk.problems]
    return sum(chunk.created for chunk in chunks) == 0 and faults == ["unknown_transmission"]


def nothing_taken(world: World, answer: Answer) -> bool:
    """The file is taken, but its row is refused like one of nobody's."""
    status, taken = answer
    assert status == 202
    module = load("leases/import_rows")
    for worker in (module.enrolments, module.social_files):
        kept = worker.imports.get(taken["import_id"])
        if kept.kind.value.startswith(worker.action.value[:5]):
            ids = {"import_id": taken["import_id"], "chunk": "1", "kind": kept.kind.value}
            worker.consume(Event(id="1", type=CHUNK_DUE, at=world.clock(), data=ids))
    _, chunks = module.imports.with_chunks(taken["import_id"]) or (None, [])
    faults = [problem.fault.value for chunk in chunks for problem in chunk.problems]
    return sum(chunk.created for chunk in chunks) == 0 and faults == ["unknown_student"]


def without_the_residence(_world: World, answer: Answer) -> bool:
    """A list of residences without it."""
    return RESIDENCE.residence_id not in [one["residence_id"] for one in answer[1]["residences"]]


def not_among_theirs(_world: World, answer: Answer) -> bool:
    """What is said of the caller does not name it."""
    return answer[0] == 200 and RESIDENCE.residence_id not in answer[1]["residence_ids"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A request to an entry file about the tenant. `shown_to` are the roles that may be answered."""

    entry: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    hidden: Hidden = refused
    shown_to: tuple[str, ...] = ROLES
    before: Callable[[World], None] = lambda _world: None
    """What must have become of the tenant's lease for the request to be one."""


def living(**terms: Any) -> Callable[[World], None]:
    """The lease on other terms."""

    def write(world: World) -> None:
        world.aws.identity.put(lease_item(replace(world.tenant.lease, **terms)))

    return write


def settled(world: World) -> None:
    """The stay is over, and nothing is left on any account."""
    living(**LONG_OVER)(world)
    lease_id = world.tenant.lease.lease_id
    for key in (keys.account(lease_id), keys.deposit(lease_id), keys.open_refund(lease_id)):
        world.aws.money.write(Delete(table=world.aws.money.name, key=key))
    for item in list(world.aws.money.query_all(keys.account(lease_id)["pk"])):
        key = {"pk": item["pk"], "sk": item["sk"]}
        world.aws.money.write(Delete(table=world.aws.money.name, key=key))


def demanded(world: World) -> None:
    """The lease's paper is a formal notice."""
    facts = {"demand": {"total_cents": 45_000, "pay_by": TODAY, "debts": []}}
    world.aws.documents.update(
        keys.document(world.document_id),
        "SET kind = :kind, facts = :facts",
        values={":kind": PaperKind.FORMAL_NOTICE.value, ":facts": json.dumps(facts)},
    )


ACCOUNTANTS = ("accountant",)
MANAGERS = ("manager",)
NOW = datetime.now(UTC).date()
NEXT_MONTH = (NOW.replace(day=28) + timedelta(days=4)).replace(day=1)
LONG_OVER = {"starts_on": NOW - timedelta(days=300), "ends_on": NOW - timedelta(days=200)}
RUNNING = {"starts_on": NOW - timedelta(days=60), "ends_on": NOW + timedelta(days=300)}
GOING = RUNNING | {
    "departure": Departure(given_on=NOW, reason=DepartureReason.AGREEMENT, ended_on=NOW + timedelta(days=400))
}
ADMINISTRATORS = ("administrator",)
HELPERS = ("desk", "manager")
ROW: dict[str, Any] = {
    "reference": "SCOPE-1",
    "residence": RESIDENCE.name,
    "address": "12 rue des Tilleuls",
    "postal_code": RESIDENCE.postal_code,
    "city": RESIDENCE.city,
    "room": "A101",
    "family_name": "Traoré",
    "given_names": "Awa",
    "birth_date": "2001-02-03",
    "email": "awa@example.org",
    "starts_on": "2026-09-01",
    "ends_on": "2027-08-31",
    "rent_cents": 40000,
    "charges_cents": 5000,
    "deposit_cents": 40000,
}
FILE = lease_file([cells_of(1, residence=RESIDENCE.name, postal_code=RESIDENCE.postal_code)])
SETTINGS = {
    "address": ["12 rue des Tilleuls", "75013 Paris"],
    "time_zone": "Europe/Paris",
    "landlord": {"name": "Opérateur d'essai"},
}

KEYED = {"idempotency_key": "scope-1"}
TODAY = datetime.now(UTC).date().isoformat()
AID = "Tenant reference;Month;Amount;Paid on\n{tenant_reference};2026-11;1,00;" + TODAY
SERIES = series_of(RESIDENCE.residence_id, TransmissionKind.UNPAID_RENT, "CAF", "2026-09")
ACKNOWLEDGEMENT = (
    f"Transmission;Référence locataire;Statut\n{file_reference(SERIES.transmission_id, 1)};"
    "{tenant_reference};ok"
)
OWED = "2026-07"
PLAN = {"debts": [f"notice:{OWED}"], "instalments": [{"due_on": TODAY, "amount_cents": 45_000}]}
CASH = {"kind": "cash", "amount_cents": 5_000, "received_on": TODAY}

PIECE_ASKED = {
    "step": "ask_for_pieces",
    "pieces": [{"kind": "tax_notice", "due_on": "2027-01-31"}],
}
CAMPAIGN: dict[str, Any] = {
    "residence_ids": [RESIDENCE.residence_id],
    "opens_on": "2027-04-01",
    "closes_on": "2027-04-30",
    "leases_end_from": "2027-06-01",
    "leases_end_to": "2027-08-31",
    "renews_until": "2028-08-31",
}
WARNING = {"given_on": TODAY, "rule": "Article 4"}
STUDY_ENTRIES = {"desk/studies", "desk/renewals"}
STUDY_FILES = {
    "enrolment-imports": "Tenant reference;Year;University;Status\n{tenant_reference};2026;Lyon;enrolled\n",
    "social-file-imports": "Tenant reference;Year;State\n{tenant_reference};2025;submitted\n",
}
THREAD = "{} /v1/desk/leases/{{lease_id}}/threads/{{thread_id}}{}"
ANSWER = {"residence_id": RESIDENCE.residence_id, "title": "Vélos", "words": {"fr": "Au sous-sol."}}

CASES: dict[str, Case] = {
    "POST /v1/desk/leases": Case(entry="desk/api", body=ROW),
    "GET /v1/desk/residences": Case(entry="desk/api", hidden=without_the_residence),
    "PUT /v1/desk/residences/{residence_id}": Case(entry="desk/api", body=SETTINGS),
    "PUT /v1/desk/residences/{residence_id}/logo": Case(
        entry="desk/api", body=png_of(Image.new("L", (60, 20)))
    ),
    "POST /v1/desk/lease-imports": Case(
        entry="desk/api", body=FILE.decode("utf-8-sig"), hidden=nothing_admitted
    ),
    "GET /v1/desk/lease-imports/{import_id}": Case(entry="desk/api", shown_to=ADMINISTRATORS),
    "POST /v1/desk/lease-searches": Case(
        entry="desk/people", body={"query": "nguyen"}, hidden=empty("leases")
    ),
    "GET /v1/desk/leases/{lease_id}": Case(entry="desk/people"),
    "GET /v1/desk/leases/{lease_id}/audit": Case(entry="desk/people", shown_to=ADMINISTRATORS),
    "GET /v1/desk/audit": Case(
        entry="desk/people",
        query={"residence_id": RESIDENCE.residence_id, "month": "2026-09"},
        shown_to=ADMINISTRATORS,
    ),
    "POST /v1/desk/leases/{lease_id}/code-recoveries": Case(
        entry="desk/recovery",
        body={"id_document": {"kind": "passport", "last_characters": "K4T9"}},
        shown_to=HELPERS,
    ),
    "POST /v1/desk/leases/{lease_id}/contact-approvals": Case(
        entry="desk/recovery", body={"recovery_id": "{recovery_id}"}, shown_to=HELPERS
    ),
    "GET /v1/desk/leases/{lease_id}/slips/{slip_id}": Case(entry="desk/recovery", shown_to=HELPERS),
    "POST /v1/desk/leases/{lease_id}/payments": Case(entry="desk/money", body=CASH, headers=KEYED),
    "GET /v1/desk/leases/{lease_id}/payments": Case(entry="desk/money"),
    "GET /v1/desk/leases/{lease_id}/online-payments": Case(entry="desk/money"),
    "GET /v1/desk/leases/{lease_id}/payments/{payment_id}/receipt": Case(entry="desk/money"),
    "POST /v1/desk/leases/{lease_id}/payments/{payment_id}/reversal": Case(
        entry="desk/money", body={"reason": "typing_error"}
    ),
    "GET /v1/desk/leases/{lease_id}/deposit": Case(entry="desk/money"),
    "POST /v1/desk/leases/{lease_id}/deposit/returns": Case(
        entry="desk/money", body={"kind": "cash", "returned_on": TODAY}, headers=KEYED
    ),
    "POST /v1/desk/leases/{lease_id}/deposit/returns/{return_id}/reversal": Case(
        entry="desk/money", body={"reason": "typing_error"}
    ),
    "GET /v1/desk/residences/{residence_id}/till": Case(entry="desk/money"),
    "GET /v1/desk/leases/{lease_id}/life": Case(entry="desk/life"),
    **{
        f"POST /v1/desk/leases/{{lease_id}}/{path}": Case(
            entry="desk/life", body=body, headers=KEYED, shown_to=MANAGERS, before=living(**terms)
        )
        for path, body, terms in (
            ("room-change", {"starts_on": NEXT_MONTH.isoformat(), "room": "C301", "preview": True}, RUNNING),
            ("rent-amendment", {"starts_on": NEXT_MONTH.isoformat(), "rent_cents": 41_000}, RUNNING),
            ("sharing", {"starts_on": NEXT_MONTH.isoformat(), "occupants": 2}, RUNNING),
            ("extension", {"ends_on": (NOW + timedelta(days=400)).isoformat()}, RUNNING),
            ("departure", {"leaves_on": TODAY, "given_on": TODAY, "reason": "agreement"}, RUNNING),
            ("departure/withdrawal", {}, GOING),
            ("cancellation", {}, RUNNING | {"starts_on": NOW}),
        )
    },
    "GET /v1/desk/leases/{lease_id}/final-account": Case(entry="desk/life"),
    "POST /v1/desk/leases/{lease_id}/final-account": Case(
        entry="desk/life",
        body={"deductions": [{"kind": "cleaning", "amount_cents": 1_000}]},
        headers=KEYED,
        shown_to=ACCOUNTANTS,
        before=living(**LONG_OVER),
    ),
    "POST /v1/desk/leases/{lease_id}/closing": Case(
        entry="desk/life", headers=KEYED, shown_to=ACCOUNTANTS, before=settled
    ),
    "GET /v1/desk/leases/{lease_id}/notices": Case(entry="desk/notices"),
    "POST /v1/desk/leases/{lease_id}/notices": Case(entry="desk/notices", shown_to=("manager",)),
    "POST /v1/desk/leases/{lease_id}/adjustments": Case(
        entry="desk/notices",
        body={"amount_cents": 1_500, "reason": "service", "label": "Clé"},
        headers=KEYED,
        shown_to=("manager",),
    ),
    "POST /v1/desk/leases/{lease_id}/notices/{period}/credit-notes": Case(
        entry="desk/notices",
        body={"amount_cents": 1_500, "reason": "goodwill", "label": "Panne de chauffage"},
        headers=KEYED,
        shown_to=("manager",),
    ),
    "POST /v1/desk/document-runs": Case(
        entry="desk/documents",
        body={"residence_id": RESIDENCE.residence_id, "month": "2026-10"},
        shown_to=("accountant",),
    ),
    "GET /v1/desk/document-runs/{run_id}": Case(entry="desk/documents", shown_to=("accountant",)),
    "POST /v1/desk/document-runs/{run_id}/archive": Case(entry="desk/documents", shown_to=("manager",)),
    "GET /v1/desk/flagged-documents": Case(
        entry="desk/documents", query={"residence_id": RESIDENCE.residence_id}
    ),
    "POST /v1/desk/flagged-documents/{document_id}/settlement": Case(entry="desk/documents"),
    "POST /v1/desk/aid-imports": Case(
        entry="desk/accounting",
        body=AID,
        hidden=nothing_posted,
        shown_to=("accountant",),
    ),
    "GET /v1/desk/aid-imports/{import_id}": Case(entry="desk/accounting", shown_to=ADMINISTRATORS),
    "PUT /v1/desk/leases/{lease_id}/expected-aid": Case(
        entry="desk/accounting", body={"monthly_cents": 15_000}, shown_to=("manager",)
    ),
    "GET /v1/desk/leases/{lease_id}/aid": Case(entry="desk/accounting"),
    "GET /v1/desk/payment-reviews": Case(
        entry="desk/accounting", hidden=empty("reviews"), shown_to=("accountant",)
    ),
    "POST /v1/desk/payment-reviews/{review_id}/resolution": Case(
        entry="desk/accounting", body={"action": "dismiss", "reason": "not_ours"}, shown_to=("manager",)
    ),
    "GET /v1/desk/flagged-payments": Case(
        entry="desk/accounting",
        query={"residence_id": RESIDENCE.residence_id},
        shown_to=("accountant",),
    ),
    "GET /v1/desk/reconciliations": Case(
        entry="desk/accounting",
        hidden=lambda _world, answer: answer[0] == 403 or answer[1]["runs"][0]["residences"] == [],
        shown_to=("manager",),
    ),
    "GET /v1/desk/reconciliations/{day}": Case(
        entry="desk/accounting",
        hidden=lambda _world, answer: answer[0] == 403 or answer[1]["differing"] == [],
        shown_to=("manager",),
    ),
    "GET /v1/desk/residences/{residence_id}/refunds": Case(entry="desk/refunds", shown_to=ACCOUNTANTS),
    "POST /v1/desk/leases/{lease_id}/refunds/{refund_id}/approval": Case(
        entry="desk/refunds", body={"transfer_reference": "VIR-1"}, shown_to=ACCOUNTANTS
    ),
    "POST /v1/desk/leases/{lease_id}/refunds/{refund_id}/refusal": Case(
        entry="desk/refunds", body={"reason": "account_in_doubt"}, shown_to=ACCOUNTANTS
    ),
    **{
        f"POST /v1/desk/{kind}": Case(
            entry="desk/studies", body=text, hidden=nothing_taken, shown_to=("manager",)
        )
        for kind, text in STUDY_FILES.items()
    },
    **{
        f"GET /v1/desk/{kind}/{{import_id}}": Case(entry="desk/studies", shown_to=ADMINISTRATORS)
        for kind in STUDY_FILES
    },
    "GET /v1/desk/residences/{residence_id}/social-files": Case(
        entry="desk/studies", query={"year": "2026-2027"}
    ),
    "GET /v1/desk/leases/{lease_id}/social-files": Case(entry="desk/studies"),
    "PUT /v1/desk/leases/{lease_id}/social-files/{year}": Case(
        entry="desk/studies", body=PIECE_ASKED, shown_to=HELPERS
    ),
    "POST /v1/desk/leases/{lease_id}/social-files/{year}/pieces/{piece_id}/verdict": Case(
        entry="desk/studies", body={"accepted": True}, shown_to=HELPERS
    ),
    "GET /v1/desk/leases/{lease_id}/social-files/{year}/pieces/{piece_id}/files/{attachment_id}": Case(
        entry="desk/studies", shown_to=HELPERS
    ),
    "GET /v1/desk/leases/{lease_id}/enrolments": Case(entry="desk/studies"),
    "PUT /v1/desk/leases/{lease_id}/enrolments/{year}": Case(
        entry="desk/studies", body={"university": "Lyon 2", "status": "enrolled"}, shown_to=HELPERS
    ),
    "POST /v1/desk/renewal-campaigns": Case(
        entry="desk/renewals", body=CAMPAIGN | {"closes_on": "2027-05-02"}, shown_to=("manager",)
    ),
    "GET /v1/desk/renewal-campaigns": Case(entry="desk/renewals", hidden=empty("campaigns")),
    "PUT /v1/desk/renewal-campaigns/{campaign_id}": Case(
        entry="desk/renewals", body=CAMPAIGN | {"closes_on": "2027-05-03"}, shown_to=("manager",)
    ),
    "GET /v1/desk/residences/{residence_id}/renewals": Case(
        entry="desk/renewals", query={"campaign_id": "{campaign_id}"}
    ),
    "GET /v1/desk/leases/{lease_id}/renewals": Case(entry="desk/renewals"),
    "POST /v1/desk/leases/{lease_id}/renewals/{campaign_id}/answer": Case(
        entry="desk/renewals", body={"wish": "renew"}, shown_to=HELPERS
    ),
    "POST /v1/desk/leases/{lease_id}/renewals/{campaign_id}/decision": Case(
        entry="desk/renewals", body={"decision": "accept", "exception": True}, shown_to=("manager",)
    ),
    "GET /v1/desk/leases/{lease_id}/warnings": Case(entry="desk/renewals"),
    "POST /v1/desk/leases/{lease_id}/warnings": Case(
        entry="desk/renewals", body=WARNING | {"rule": "Article 5"}, shown_to=("manager",)
    ),
    "POST /v1/desk/leases/{lease_id}/warnings/{warning_id}/withdrawal": Case(
        entry="desk/renewals", shown_to=("manager",)
    ),
    "GET /v1/desk/messages": Case(entry="desk/messages", hidden=empty("threads")),
    "GET /v1/desk/leases/{lease_id}/threads": Case(entry="desk/messages"),
    "POST /v1/desk/leases/{lease_id}/threads": Case(
        entry="desk/messages",
        body={"category": "other", "subject": "Vélos", "body": "Bonjour"},
        headers=KEYED,
    ),
    THREAD.format("GET", ""): Case(entry="desk/messages"),
    THREAD.format("POST", "/replies"): Case(entry="desk/messages", body={"body": "Oui"}, headers=KEYED),
    THREAD.format("POST", "/repair"): Case(
        entry="desk/messages", body={"event": "acknowledge"}, headers=KEYED
    ),
    THREAD.format("PUT", "/read"): Case(entry="desk/messages", body={"number": 1}),
    THREAD.format("PUT", "/state"): Case(entry="desk/messages", body={"open": True}),
    THREAD.format("PUT", "/assignee"): Case(entry="desk/messages", body={"staff_id": None}),
    THREAD.format("GET", "/attachments/{attachment_id}"): Case(entry="desk/messages"),
    "POST /v1/desk/leases/{lease_id}/attachments": Case(
        entry="desk/messages", body={"file_name": "plan.pdf"}
    ),
    "GET /v1/desk/canned-answers": Case(
        entry="desk/messages", query={"residence_id": RESIDENCE.residence_id}
    ),
    "POST /v1/desk/canned-answers": Case(
        entry="desk/messages", body=ANSWER, headers=KEYED, shown_to=("manager",)
    ),
    "PUT /v1/desk/canned-answers/{answer_id}": Case(
        entry="desk/messages", body=ANSWER, shown_to=("manager",)
    ),
    "DELETE /v1/desk/canned-answers/{answer_id}": Case(
        entry="desk/messages", query={"residence_id": RESIDENCE.residence_id}, shown_to=("manager",)
    ),
    "GET /v1/desk/leases/{lease_id}/reminders": Case(entry="desk/reminders"),
    "PUT /v1/desk/leases/{lease_id}/reminders/hold": Case(
        entry="desk/reminders", body={"kind": "hold", "reason": "hardship", "until": TODAY}
    ),
    "POST /v1/desk/leases/{lease_id}/reminders/release": Case(
        entry="desk/reminders", body={"reason": "settled"}
    ),
    "POST /v1/desk/leases/{lease_id}/surcharges/{period}/reversal": Case(
        entry="desk/reminders", body={"reason": "goodwill"}
    ),
    "POST /v1/desk/leases/{lease_id}/renewal-block/waiver": Case(
        entry="desk/reminders", body={"reason": "aid_came_late"}
    ),
    "POST /v1/desk/leases/{lease_id}/formal-notices/{document_id}/withdrawal": Case(
        entry="desk/reminders", body={"reason": "not_owed"}, shown_to=MANAGERS, before=demanded
    ),
    "POST /v1/desk/leases/{lease_id}/payment-plan": Case(
        entry="desk/reminders", body=PLAN, headers={"idempotency_key": "scope-2"}
    ),
    "GET /v1/desk/leases/{lease_id}/payment-plan": Case(entry="desk/reminders"),
    "POST /v1/desk/leases/{lease_id}/payment-plan/cancellation": Case(
        entry="desk/reminders", body={"reason": "mistake"}
    ),
    "GET /v1/desk/tasks": Case(
        entry="desk/follow_up", query={"residence_id": RESIDENCE.residence_id}, shown_to=("desk",)
    ),
    "POST /v1/desk/tasks/{task_id}/resolution": Case(
        entry="desk/follow_up", body={"outcome": "done"}, shown_to=("desk",)
    ),
    "GET /v1/desk/leases/{lease_id}/messages": Case(entry="desk/follow_up", shown_to=("desk",)),
    "GET /v1/desk/residences/{residence_id}/reminder-preview": Case(
        entry="desk/follow_up", shown_to=("desk",)
    ),
    "GET /v1/desk/residences/{residence_id}/day": Case(entry="desk/follow_up", shown_to=("manager",)),
    "GET /v1/desk/residences/{residence_id}/arrears": Case(entry="desk/follow_up", shown_to=ACCOUNTANTS),
    "GET /v1/desk/residences/{residence_id}/arrears/chart": Case(
        entry="desk/follow_up", shown_to=ACCOUNTANTS
    ),
    "GET /v1/desk/residences/{residence_id}/transmissions": Case(
        entry="desk/transmissions", shown_to=ACCOUNTANTS
    ),
    "POST /v1/desk/residences/{residence_id}/transmissions": Case(
        entry="desk/transmissions",
        body={"kind": "unpaid_rent", "period": "2026-09"},
        shown_to=ACCOUNTANTS,
    ),
    "GET /v1/desk/transmissions/{transmission_id}/files/{number}": Case(
        entry="desk/transmissions", shown_to=ACCOUNTANTS
    ),
    "POST /v1/desk/transmissions/{transmission_id}/files/{number}/downloads": Case(
        entry="desk/transmissions", shown_to=ACCOUNTANTS
    ),
    "POST /v1/desk/transmission-acknowledgements": Case(
        entry="desk/transmissions",
        body=ACKNOWLEDGEMENT,
        hidden=nothing_acknowledged,
        shown_to=ACCOUNTANTS,
    ),
    "GET /v1/desk/transmission-acknowledgements/{import_id}": Case(
        entry="desk/transmissions", shown_to=ADMINISTRATORS
    ),
    "GET /v1/desk/me": Case(entry="desk/staff", hidden=not_among_theirs),
    "GET /v1/desk/staff": Case(entry="desk/staff", shown_to=ADMINISTRATORS),
    "PUT /v1/desk/staff/{staff_id}": Case(
        entry="desk/staff", body={"all_residences": True}, shown_to=ADMINISTRATORS
    ),
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What of the tenant is needed: only their studies, or the rest; with debts, which leave no credit."""

    studies: bool
    rest: bool
    owing: bool


def kind_of(route: str | None) -> Kind:
    """What a request needs; None: all requests."""
    of_studies = route in CASES and CASES[route].entry in STUDY_ENTRIES
    return Kind(
        studies=route is None or of_studies,
        rest=not of_studies,
        owing=any(
            word in (route or "") for word in ("/reminders", "/surcharges", "/renewal-block", "/payment-plan")
        ),
    )


@pytest.fixture(scope="module")
def worlds() -> dict[Kind, tuple[World, Snapshot]]:
    """Those made so far, each as it was when it was made."""
    return {}


@pytest.fixture
def world(
    aws: Any,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    worlds: dict[Kind, tuple[World, Snapshot]],
) -> World:
    """As if made for this request alone."""
    prepare(
        aws,
        monkeypatch,
        IMPORTED_CODES="",
        AID_IMPORT_QUEUE_URL="https://sqs.example/aid",
        IMPORT_QUEUE_URL="https://sqs.example/import",
        PROVIDER_SECRETS="{}",
        TRANSMISSION_QUEUE_URL=aws.sqs.create_queue(QueueName="transmissions")["QueueUrl"],
    )
    of_one_route = getattr(request.node, "callspec", None)
    kind = kind_of(of_one_route.params["route"] if of_one_route else None)
    if kind not in worlds:
        worlds[kind] = (made(aws, clock, kind), Snapshot.take())
    first, as_made = worlds[kind]
    as_made.restore()
    return replace(first, aws=aws, clock=clock, entries={})


def made(aws: Any, clock: Any, kind: Kind) -> World:
    tenant = admit(aws)
    cheap = replace(tenant.lease, rent_cents=0, charges_cents=1_500)  # the rest is credit, to be refunded
    notice = notice_for(cheap, RESIDENCE, "2027-03")
    assert notice is not None
    Bookkeeping(Accounts(aws.money), utc_now).issue_notice(notice)
    enrol(aws, "here", Scope(residence_ids=frozenset({RESIDENCE.residence_id})))
    stranger = enrol(aws, "elsewhere", Scope(residence_ids=frozenset({"les-erables-35000"})))
    if not kind.rest:
        study = studies(aws, tenant)
        return replace(NOWHERE, aws=aws, clock=clock, tenant=tenant, staff_id=stranger, study=study)
    sent = desk_on(aws, clock).import_file(FILE.replace(b"L000001", b"EARLIER"))
    changed = {"id_document": {"kind": "passport", "last_characters": "A1B2"}, "email": "n@example.org"}
    path = f"/v1/desk/leases/{tenant.lease.lease_id}/code-recoveries"
    event = as_staff(http_event("POST", path, changed), "colleague", "administrator")
    done = json.loads(load("desk/recovery").handler(event, None)["body"])
    payment_id, return_id = money_moved(tenant)
    journal_that_differs(aws, tenant)
    if kind.owing:
        owing(aws, tenant)
    aid = as_staff(
        http_event("POST", "/v1/desk/aid-imports", AID, content_type="text/csv"), "h", "accountant"
    )
    aid_import = json.loads(load("desk/accounting").handler(aid, None)["body"])
    talk = talk_begun(aws, tenant)
    return World(
        aws=aws,
        clock=clock,
        tenant=tenant,
        import_id=sent.taken.import_id,
        staff_id=stranger,
        slip_id=done["slip_id"],
        payment_id=payment_id,
        return_id=return_id,
        recovery_id=done["recovery_id"],
        run_id=documents_run(),
        document_id=letters_missing(done["slip_id"]),
        review_id=unknown_payment(aws, tenant),
        aid_import_id=aid_import["import_id"],
        refund_id=refund_asked(aws, tenant),
        study=studies(aws, tenant) if kind.studies else NO_STUDY,
        answer_id=canned_answer(aws),
        task_id=address_that_failed(aws, tenant),
        transmission_id=something_sent(aws, tenant),
        acknowledgement_id=acknowledged(),
        thread_id=talk["thread_id"],
        attachment_id=talk["attachment_id"],
    )


def something_sent(aws: Any, tenant: Tenant) -> str:
    """A file that tells the CAF of the tenant."""
    file = SentFile(
        series=SERIES,
        number=1,
        build_id="b",
        rows=1,
        digest="-",
        encoding="utf-8",
        media_type="text/csv",
        extension="csv",
        object_key="transmissions/x.csv",
        built_at=datetime.now(UTC),
    )
    row = Row(reference=tenant.lease.tenant_reference, lease_id=tenant.lease.lease_id, values={})
    assert Transmissions(aws.operations).write(file, [Difference(change=Change.NEW, row=row)])
    return SERIES.transmission_id


def acknowledged() -> str:
    """An acknowledgement that somebody handed in."""
    text = ACKNOWLEDGEMENT.format(tenant_reference="1234567890")
    event = http_event("POST", "/v1/desk/transmission-acknowledgements", text, content_type="text/csv")
    answer = load("desk/transmissions").handler(as_staff(event, "colleague", "administrator"), None)
    assert answer["statusCode"] == 202, answer
    return str(json.loads(answer["body"])["import_id"])


def studies(aws: Any, tenant: Tenant) -> Study:
    """A social file with a piece that was handed in, a campaign in which they asked, a warning, two files."""
    administrator = ("colleague", "administrator")
    lease, year = f"/v1/desk/leases/{tenant.lease.lease_id}", "2026-2027"

    def done(entry: str, method: str, path: str, body: Any, kind: str = "application/json") -> Any:
        event = as_staff(http_event(method, path, body, content_type=kind), *administrator)
        answer = load(entry).handler(event, None)
        assert answer["statusCode"] < 300, answer
        return json.loads(answer["body"])

    done("desk/studies", "PUT", f"{lease}/social-files/{year}", PIECE_ASKED)
    store = Attachments(aws.documents)
    attachment = Attachment(
        attachment_id=new_id(),
        lease_id=tenant.lease.lease_id,
        residence_id=tenant.lease.residence_id,
        side=Side.TENANT,
        uploaded_by=tenant.person.person_id,
        file_name="avis.pdf",
        created_at=datetime.now(UTC),
        delete_at=datetime.now(UTC) + timedelta(days=9),
    )
    transact(aws.dynamodb, store.beginning(attachment, store.begun(tenant.lease.lease_id, Side.TENANT)))
    until = attachment.delete_at
    aws.documents.write(store.attaching(attachment, "piece", keep_until=until, at=datetime.now(UTC)))
    files = SocialFiles(aws.identity)
    file = files.get(tenant.person.person_id, year)
    assert file is not None
    came = HandedIn(
        attachment_id=attachment.attachment_id, lease_id=tenant.lease.lease_id, at=datetime.now(UTC)
    )
    aws.identity.write(files.saving(handed_in(file, "p1", came), None))
    campaign = done("desk/renewals", "POST", "/v1/desk/renewal-campaigns", CAMPAIGN)
    renewal = f"{lease}/renewals/{campaign['campaign_id']}/answer"
    done("desk/renewals", "POST", renewal, {"wish": "renew"})
    return Study(
        year=year,
        imports={
            kind: done("desk/studies", "POST", f"/v1/desk/{kind}", text, "text/csv")["import_id"]
            for kind, text in STUDY_FILES.items()
        },
        attachment_id=attachment.attachment_id,
        campaign_id=campaign["campaign_id"],
        warning_id=done("desk/renewals", "POST", f"{lease}/warnings", WARNING)["warning_id"],
    )


def talk_begun(aws: Any, tenant: Tenant) -> dict[str, str]:
    """A repair asked for, with a photograph."""
    lease = tenant.lease
    files = AttachmentDesk(
        attachments=Attachments(aws.documents),
        s3=aws.s3,
        bucket=aws.bucket,
        clock=utc_now,
        random=token_bytes,
    )
    author = Author(side=Side.TENANT, id=lease.person_id)
    photo = files.begin(lease.lease_id, lease.residence_id, author.uploader, "fuite.jpg").attachment
    talk = Talk(threads=Threads(aws.documents), files=files, clock=utc_now, random=token_bytes)
    place = Place(lease_id=lease.lease_id, residence_id=lease.residence_id, person_id=lease.person_id)
    topic = Topic(category=ThreadCategory.ROOM, subject="Fuite", repair=True)
    words = Words(body="Ça coule", attachments=(photo.attachment_id,))
    opened = talk.open(author, place, topic, words, key="1")
    return {"thread_id": opened.thread.thread_id, "attachment_id": photo.attachment_id}


def canned_answer(aws: Any) -> str:
    """An answer that the residence keeps ready."""
    answers, answer_id = CannedAnswers(aws.documents), new_id()
    answer = CannedAnswer(
        answer_id=answer_id,
        owner=RESIDENCE.residence_id,
        title="Vélos",
        category=None,
        words={Language.FRENCH: "Au sous-sol."},
        changed_at=utc_now(),
        changed_by="-",
    )
    answers.table.write(answers.setting(answer))
    return answer_id


def owing(aws: Any, tenant: Tenant) -> None:
    """A month's rent with its surcharge, reminders held, and a payment plan that was taken back."""
    lease, now = tenant.lease, datetime.now(UTC)
    books = Bookkeeping(Accounts(aws.money), clock=lambda: now)
    for period in ("2026-06", OWED):  # what was paid too much pays the first
        notice = notice_for(replace(lease, starts_on=date(2026, 6, 1)), RESIDENCE, period)
        assert notice is not None
        books.issue_notice(notice)
    surcharge = Entry(
        entry_id=f"surcharge:notice:{OWED}",
        kind=EntryKind.SURCHARGE,
        amount_cents=1_000,
        effective_at=now,
        due_on=now.date(),
    )
    books.post(lease.lease_id, lease.residence_id, surcharge)
    desk, path = load("desk/reminders"), f"/v1/desk/leases/{lease.lease_id}"
    for method, place, body in (
        ("PUT", "reminders/hold", {"kind": "dispute", "reason": "amount_disputed", "until": TODAY}),
        ("POST", "payment-plan", PLAN),
        ("POST", "payment-plan/cancellation", {"reason": "mistake"}),
    ):
        event = http_event(method, f"{path}/{place}", body, idempotency_key="1")
        answer = desk.handler(as_staff(event, "colleague", "administrator"), None)
        assert answer["statusCode"] < 300, answer


def letters_missing(document_id: str) -> str:
    """The document printed with a letter that no font has."""
    documents = load("desk/recovery").documents
    assert documents.mark_rendered(documents.get(document_id), datetime.now(UTC), missing_glyphs=1)
    return document_id


def documents_run() -> str:
    """A run of the residence's documents, all planned."""
    body = {"residence_id": RESIDENCE.residence_id, "month": "2026-09"}
    event = as_staff(http_event("POST", "/v1/desk/document-runs", body), "colleague", "administrator")
    answer = load("desk/documents").handler(event, None)
    assert answer["statusCode"] == 202, answer
    run_id = str(json.loads(answer["body"])["run_id"])
    assert load("certificates/run").making.step(run_id, 0)
    return run_id


def journal_that_differs(aws: Any, tenant: Tenant) -> None:
    """A day on which the tenant's balance was not what their journal comes to."""
    reconciliations, now = Reconciliations(aws.operations), datetime.now(UTC)
    day, residence_id = now.date(), tenant.lease.residence_id
    reconciliations.plan(Run(day=day, planned_at=now, providers=(), residences=(residence_id,)))
    lease_ids = (tenant.lease.lease_id,)
    found = ResidenceFinding(residence_id=residence_id, accounts=1, differing=lease_ids, last=True)
    reconciliations.note_residence(day, "1", found, now)


def unknown_payment(aws: Any, tenant: Tenant) -> str:
    """A payment that a provider tells of and nobody knows, of the tenant's lease."""
    deliveries, now = Deliveries(aws.money), datetime.now(UTC)
    delivery = Delivery(provider="sandbox", delivery_id="m1", body=b"", headers={}, query="", received_at=now)
    deliveries.store(delivery, Hints())
    event = PaymentEvent(event_id="e1", kind=EventKind.SETTLED, amount_cents=5_000, occurred_at=now)
    told = Told(payment_id="never-made", lease_id=tenant.lease.lease_id, event=event)
    aws.money.write(deliveries.closing(delivery, DeliveryState.REVIEW, now, unknown=[told]))
    review = deliveries.review("sandbox", "m1")
    assert review is not None
    return review_name(review)


def money_moved(tenant: Tenant) -> tuple[str, str]:
    """A payment at the desk, a deposit given back, and another one held."""
    desk, lease = load("desk/money"), f"/v1/desk/leases/{tenant.lease.lease_id}"

    def post(path: str, body: dict[str, Any], key: str) -> Any:
        event = http_event("POST", f"{lease}/{path}", body, idempotency_key=key)
        answer = desk.handler(as_staff(event, "colleague", "administrator"), None)
        assert answer["statusCode"] == 201, answer
        return json.loads(answer["body"])

    paid = post("payments", CASH, "1")
    post("payments", CASH | {"purpose": "deposit"}, "2")
    given = post("deposit/returns", {"kind": "cash", "returned_on": TODAY}, "3")
    post("payments", CASH | {"purpose": "deposit"}, "4")
    return paid["payment_id"], given["return_id"]


def address_that_failed(aws: Any, tenant: Tenant) -> str:
    """A task of the desk's about the tenant."""
    task = Task(
        task_id=task_id_of(TaskKind.BOUNCE, tenant.lease.lease_id),
        kind=TaskKind.BOUNCE,
        residence_id=tenant.lease.residence_id,
        lease_id=tenant.lease.lease_id,
        raised_at=datetime.now(UTC),
    )
    Tasks(aws.operations).raise_once(task)
    return task.task_id


def refund_asked(aws: Any, tenant: Tenant) -> str:
    """Some of the credit, to another account, more than a day ago."""
    asked_at = datetime(2026, 9, 1, tzinfo=UTC)
    refund = Refund(
        refund_id=new_id(),
        lease_id=tenant.lease.lease_id,
        residence_id=RESIDENCE.residence_id,
        person_id=tenant.person.person_id,
        amount_cents=100,
        requested_at=asked_at,
        not_before=asked_at + timedelta(days=1),
        iban="FR7630006000011234567890189",
        holder="T. H. Nguyen",
    )
    transact(aws.dynamodb, Refunds(aws.money).opening(refund))
    return refund.refund_id


def ask(world: World, route: str, sub: str, roles: tuple[str, ...]) -> Answer:
    case = CASES[route]
    method, path = route.split(" ")
    kind = "text/csv; charset=utf-8" if isinstance(case.body, str) else "application/json"
    body = case.body
    if isinstance(body, dict) and "recovery_id" in body:
        body = {name: world.place(value) for name, value in body.items()}
    if isinstance(body, str):
        body = body.replace("{tenant_reference}", world.tenant.lease.tenant_reference)
    request = http_event(method, world.place(path), body, content_type=kind, **case.headers)
    event = as_staff(request, sub, *roles)
    query = {name: world.place(value) for name, value in case.query.items()}
    event["queryStringParameters"] = query
    event["rawQueryString"] = "&".join(f"{name}={value}" for name, value in query.items())
    answer = world.entry(case.entry).handler(event, None)
    if answer["headers"].get("Content-Type") == "image/svg+xml":
        return answer["statusCode"], answer["body"]
    return answer["statusCode"], json.loads(answer["body"] or "null")


def staff_routes() -> list[str]:
    return [
        f"{method.upper()} {path}"
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
        if operation.get("security") == [{"staff": []}]
    ]


@pytest.mark.parametrize("route", staff_routes())
def test_staff_of_another_residence_see_nothing_of_the_tenant(route: str, world: World) -> None:
    assert route in CASES, f"{route} needs a case in CASES: what do staff of another residence get?"
    case = CASES[route]
    case.before(world)

    theirs = ask(world, route, "elsewhere", ROLES)
    shown = ask(world, route, "here", case.shown_to)

    assert theirs[0] < 500
    assert case.hidden(world, theirs), theirs
    assert shown[0] < 300, shown
    assert not case.hidden(world, shown), shown


@pytest.mark.parametrize("route", ["PUT /v1/desk/leases/{lease_id}/enrolments/{year}"])
def test_staff_of_a_residence_that_somebody_left_see_nothing_of_their_later_years(
    route: str, world: World
) -> None:
    """All routes of a lease's studies in one world: who is refused changes nothing in it."""
    ask(world, route, "here", HELPERS)
    there = replace(RESIDENCE, residence_id="les-erables-35000")
    years_ago = {"starts_on": date(2024, 9, 1), "ends_on": date(2025, 8, 31)}
    former = replace(world, tenant=admit_again(world.aws, world.tenant, residence=there, **years_ago))
    of_studies = [one for one in CASES if re.search("{lease_id}/(social-files|enrolments)", one)]

    answers = {one: ask(former, one, "elsewhere", ROLES) for one in of_studies}

    nothing: tuple[Any, ...] = ({"files": [], "next": None}, {"enrolments": []})
    assert len(answers) == 6
    assert {
        one: answer for one, answer in answers.items() if answer[1] not in nothing and answer[0] != 404
    } == {}


def test_every_case_is_of_a_route_that_exists() -> None:
    assert set(CASES) == set(staff_routes())


def test_who_has_no_record_or_an_inactive_one_sees_nothing_either(world: World) -> None:
    """All routes in one world: who is refused changes nothing in it."""
    enrol(world.aws, "left", Scope(everywhere=True), active=False)

    seen = {
        route
        for route in sorted(set(CASES) - {"GET /v1/desk/me"})
        if not CASES[route].hidden(world, ask(world, route, "unknown", ROLES))
        or ask(world, route, "left", ROLES)[0] != 403
    }

    assert not seen
