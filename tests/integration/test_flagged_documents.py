"""A letter that no font has is printed as a mark; the residence's staff are told which paper it is on."""

from dataclasses import replace
from datetime import timedelta
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any

import pytest

from sesame.documents.render import Rendered
from sesame.domain.certificates import DocumentStatus, Tenancy, residence_facts
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.platform.errors import Forbidden, NotFound
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.documents import Order, keep
from sesame.services.flagged_documents import FlaggedDocuments
from sesame.services.rendering import Rendering
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, Tenant, admit

AT_DESK = Staff(staff_id="desk-1", groups=frozenset({Role.DESK}), scope=EVERYWHERE)


class Reception:
    """Makes papers with letters missing, and looks at the list of them."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.documents, self.audit = Documents(aws.documents), Audit(aws.operations)
        self.tenant: Tenant = admit(aws)
        self.service = FlaggedDocuments(
            documents=self.documents,
            leases=DeskLeases(aws.identity),
            audit=self.audit,
            deeds=Deeds(pepper=aws.pepper, clock=clock, random=token_bytes),
        )

    def paper(self, room: str, *, missing: int = 2, times: int = 1) -> Document:
        """A certificate of residence, rendered as often as the queue brings it."""
        lease = replace(self.tenant.lease, room=room)
        tenancy = Tenancy(
            person=self.tenant.person,
            lease=lease,
            residence=RESIDENCE,
            language=self.tenant.person.language,
        )
        facts = residence_facts(tenancy, as_of=self.clock().date())
        document = keep(self.documents, token_bytes, Order(tenancy=tenancy, facts=facts, now=self.clock()))
        drawn = Rendered(pdf=b"%PDF", pages=1, missing_glyphs=missing)
        rendering = Rendering(
            self.documents,
            SimpleNamespace(render=lambda *_, **__: drawn),  # type: ignore[arg-type]
            self.aws.kms,
            self.aws.codes_key,
            self.aws.s3,
            self.aws.bucket,
            self.clock,
            SimpleNamespace(of=lambda _: None),  # type: ignore[arg-type]
        )
        for _ in range(times):
            rendering.render(document.document_id, document.object_key)
        return document

    def listed(self, staff: Staff = AT_DESK, after: str | None = None) -> list[str]:
        """The ids of the documents that a member of staff is shown."""
        page = self.service.of(staff, RESIDENCE.residence_id, after=after)
        return [one.document_id for one in page.documents]

    def settle(self, document: Document, staff: Staff = AT_DESK) -> None:
        self.service.settle(staff, document.document_id, network="192.0.2.1")


@pytest.fixture
def reception(aws: Any, clock: FrozenClock) -> Reception:
    return Reception(aws, clock)


def test_papers_with_letters_missing_are_listed_newest_first_once_each(
    reception: Reception, capsys: pytest.CaptureFixture[str]
) -> None:
    first = reception.paper("A1", times=2)
    reception.clock.advance(timedelta(minutes=1))
    reception.paper("A2", missing=0)
    second = reception.paper("A3")

    assert reception.listed() == [second.document_id, first.document_id]
    assert reception.listed(after=second.document_id) == [first.document_id]
    [shown, _] = reception.service.of(AT_DESK, RESIDENCE.residence_id).documents
    assert (shown.missing_glyphs, shown.lease_id) == (2, reception.tenant.lease.lease_id)
    kept = reception.documents.get(first.document_id)
    assert kept is not None
    assert kept.status is DocumentStatus.RENDERED  # the student gets the paper all the same
    assert capsys.readouterr().out.count('"MissingGlyphs"') >= 2


def test_what_is_settled_is_off_the_list_and_the_audit_says_who_did(reception: Reception) -> None:
    paper, other = reception.paper("A1"), reception.paper("A2")

    reception.settle(paper)

    assert reception.listed() == [other.document_id]
    [entry] = [
        one
        for one in reception.audit.of(reception.tenant.lease.lease_id).entries
        if one.action is Action.DOCUMENT_FLAG_SETTLED
    ]
    assert (entry.actor.id, entry.residence_id) == ("desk-1", RESIDENCE.residence_id)
    assert entry.details == {"document_id": paper.document_id, "missing_glyphs": 2}
    with pytest.raises(NotFound):
        reception.settle(paper)


def test_a_list_is_for_the_staff_of_its_residence_and_nobody_settles_their_own(reception: Reception) -> None:
    paper = reception.paper("A1")
    elsewhere = replace(AT_DESK, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))
    themselves = replace(AT_DESK, person_id=reception.tenant.person.person_id)

    with pytest.raises(NotFound):
        reception.listed(elsewhere)
    with pytest.raises(NotFound):
        reception.settle(paper, elsewhere)
    with pytest.raises(Forbidden):
        reception.settle(paper, themselves)
    with pytest.raises(NotFound):
        reception.listed(after="unknown")
    assert reception.listed() == [paper.document_id]


def test_a_document_that_is_erased_is_off_the_list(reception: Reception) -> None:
    paper = reception.paper("A1")
    kept = reception.documents.get(paper.document_id)
    assert kept is not None

    assert not reception.documents.erase(paper, reception.clock())  # it has been rendered since
    assert reception.documents.erase(kept, reception.clock())

    assert reception.listed() == []
