"""Papers of a lease whose terms change: what each says, and which of them end, from the deed on."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from sesame.domain.certificates import Facts, Kind, Tenancy, Validity, facts_digest
from sesame.domain.takings import Method, Taking, TakingPurpose
from sesame.domain.tenancy import Lease
from sesame.domain.terms import amended
from sesame.domain.validity import Ending
from sesame.platform.events import announcement
from sesame.services.accounts import Bookkeeping
from sesame.services.document_validity import DocumentValidity
from sesame.services.documents import PaymentReceipts
from sesame.services.lease_terms import LeaseTerms, Who
from sesame.services.retries import Retries
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.documents import Document
from sesame.store.people import People
from sesame.store.table import ConditionFailed, transact
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_certificates import Office

MANAGER = Who(reason="room-change", by="manager-1")
MOVE = date(2026, 11, 1)


class Stay(Office):
    """A tenant in B204 since 1 September, and the one way to change that."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        super().__init__(aws, clock)
        clock.now = datetime(2026, 9, 15, 9, tzinfo=UTC)
        self.tenant: Tenant = admit(aws)
        self.terms = LeaseTerms(
            people=People(aws.identity, aws.pepper),
            books=Bookkeeping(self.accounts, clock),
            retries=Retries(pause=lambda _: None),
        )

    @property
    def lease(self) -> Lease:
        lease = self.terms.people.lease(self.tenant.lease.lease_id)
        assert lease is not None
        return lease

    def now(self) -> Session:
        session = self.session(self.tenant)
        return Session(stored=session.stored, person=session.person, lease=self.lease)

    def ask(self, kind: Kind) -> Document:
        document = self.certificates.request(self.now(), kind)
        return document

    def move(self, room: str = "C301", on: date = MOVE) -> None:
        """From the deed to whoever hears of it, twice."""
        self.terms.apply(
            self.lease.lease_id,
            lambda lease: amended(lease, on, room=room),
            MANAGER,
            announce=lambda done: announcement("lease.changed", done.at, lease_id=done.after.lease_id),
        )
        for _ in range(2):
            DocumentValidity(self.documents).lease_changed(
                self.aws.identity, self.lease.lease_id, self.clock()
            )

    def standing(self, document: Document) -> tuple[Validity, Ending | None]:
        kept = self.documents.get(document.document_id)
        assert kept is not None
        return kept.validity, kept.validity_reason


HOLDS = (Validity.GENUINE, None)
ENDED = (Validity.REVOKED, Ending.LEASE_CHANGED)
BY_TENANTS = (Kind.RESIDENCE_CERTIFICATE, Kind.UP_TO_DATE_CERTIFICATE)


@pytest.fixture
def stay(aws: Any, clock: FrozenClock) -> Stay:
    return Stay(aws, clock)


def rooms(facts: Facts) -> list[tuple[str, str, str]]:
    """As stated."""
    return [(one["room"], one["starts_on"], one["ends_on"]) for one in facts["rooms"]]


BOTH = [("B204", "2026-09-01", "2026-10-31"), ("C301", "2026-11-01", "2027-08-31")]


@pytest.mark.parametrize("kind", BY_TENANTS)
def test_a_move_that_is_decided_ahead_ends_the_papers_that_promise_the_old_room_and_no_later_one(
    stay: Stay, kind: Kind
) -> None:
    before = stay.ask(kind)

    stay.move()

    assert stay.standing(before) == ENDED
    ahead = stay.ask(kind)
    assert (ahead.facts["lease"]["room"], rooms(ahead.facts)) == ("B204", BOTH)
    stay.clock.now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    DocumentValidity(stay.documents).lease_changed(stay.aws.identity, stay.lease.lease_id, stay.clock())
    assert stay.standing(ahead) == HOLDS
    after = stay.ask(kind)
    assert (after.facts["lease"]["room"], after.facts["room_since"]) == ("C301", "2026-11-01")
    assert rooms(after.facts) == BOTH
    stay.move("C301")
    assert stay.standing(after) == HOLDS


def test_a_move_that_is_recorded_late_ends_what_was_issued_since(stay: Stay) -> None:
    stay.clock.now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    wrong = stay.ask(Kind.RESIDENCE_CERTIFICATE)

    stay.move()

    assert stay.standing(wrong) == ENDED
    assert stay.ask(Kind.RESIDENCE_CERTIFICATE).facts["lease"]["room"] == "C301"


def test_entry_documents_and_payment_receipts_name_the_room_of_their_day(stay: Stay) -> None:
    stay.move()
    stay.clock.now = datetime(2026, 11, 10, 9, tzinfo=UTC)
    residence, person = RESIDENCE, stay.tenant.person
    taking = Taking(
        taking_id="t",
        lease_id=stay.lease.lease_id,
        residence_id=residence.residence_id,
        method=Method.CASH,
        purpose=TakingPurpose.RENT,
        amount_cents=1_000,
        received_on=date(2026, 11, 10),
        recorded_at=stay.clock(),
        recorded_by="staff",
    )
    tenancy = Tenancy(person=person, lease=stay.lease, residence=residence, language=person.language)

    entry_id = stay.entry_documents(stay.lease, person, residence, stay.clock())
    receipt_id, writes = PaymentReceipts(stay.documents).ordering(tenancy, taking)
    transact(stay.documents.table.client, writes)

    for document in stay.documents.some([entry_id, receipt_id]):
        assert document.facts["lease"]["room"] == "C301"
    stay.clock.advance(timedelta(minutes=1))
    assert stay.ask(Kind.ENTRY_DOCUMENT).document_id == entry_id


def test_a_late_repeat_of_an_ending_leaves_alone_the_newer_paper_on_the_same_facts(stay: Stay) -> None:
    old = stay.ask(Kind.RESIDENCE_CERTIFICATE)
    assert stay.documents.end(old, Ending.LEASE_CHANGED, at=stay.clock())
    new = stay.ask(Kind.RESIDENCE_CERTIFICATE)
    assert new.document_id != old.document_id
    assert new.facts == old.facts
    ended_at = stay.clock()
    stay.clock.advance(timedelta(days=1))

    assert not stay.documents.end(old, Ending.LEASE_CANCELLED, at=stay.clock())
    with pytest.raises(ConditionFailed):
        transact(
            stay.documents.table.client,
            stay.documents.revoking(old, Ending.LEASE_CANCELLED, at=stay.clock()),
        )

    assert stay.standing(old) == ENDED
    kept = stay.documents.get(old.document_id)
    assert kept is not None
    assert kept.validity_since == ended_at
    assert [one.document_id for one in stay.documents.in_force(stay.lease.lease_id, BY_TENANTS)] == [
        new.document_id
    ]


def test_a_paper_whose_facts_another_states_by_now_ends_without_hiding_that_one(stay: Stay) -> None:
    old = stay.ask(Kind.RESIDENCE_CERTIFICATE)
    pointer = keys.facts(stay.lease.lease_id, old.kind.value, facts_digest(old.facts))
    pointed = stay.documents.table.get(pointer)
    assert pointed is not None
    newer = {**pointed, "document_id": "another"}
    stay.documents.table.put(newer)

    assert stay.documents.end(old, Ending.LEASE_CHANGED, at=stay.clock())

    assert stay.standing(old) == ENDED
    assert stay.documents.table.get(pointer) == newer


def test_whoever_checks_a_paper_is_told_days_by_the_residences_clock(stay: Stay) -> None:
    document = stay.ask(Kind.RESIDENCE_CERTIFICATE)
    digest = stay.give_out(document)
    code = document.issue.verification_code
    # half past midnight of the 6th in Paris
    assert stay.documents.end(document, Ending.LEASE_CHANGED, at=datetime(2026, 10, 5, 22, 30, tzinfo=UTC))

    def since() -> set[date | None]:
        told = (stay.verifications.check(code), stay.verifications.check_digest(digest))
        return {one.since.date() if one.since else None for one in told}

    assert since() == {date(2026, 10, 6)}
    ended = stay.documents.get(document.document_id)
    assert ended is not None
    assert stay.documents.erase(ended, datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert since() == {date(2026, 10, 6)}
    assert stay.verifications.check(code).erased_on == date(2027, 1, 1)
