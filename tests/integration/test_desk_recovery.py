"""The reception gives a code back: all at once, told to everybody, and no way in for who talked well."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.codes import STANDARD
from sesame.domain.pacing import FREE_BIRTH_DATES
from sesame.domain.scope import EVERYWHERE, Scope
from sesame.domain.tenancy import LeaseStatus
from sesame.platform.errors import Forbidden, Invalid, NotFound, TooManyRequests, Unauthenticated
from sesame.platform.events import Event
from sesame.services.confirming import WrongOneTimeCode
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.desk_recovery import (
    DeskRecovered,
    DeskRecoveries,
    DeskRequest,
    IdKind,
    NoSuchApproval,
    OwnChange,
)
from sesame.services.desk_slips import DeskSlips, SlipShown
from sesame.services.documents import CodeSlips, Downloads
from sesame.services.one_time_codes import Explanation, Obstacle, OneTimeCode, Withheld
from sesame.services.rotation import Rotations
from sesame.services.staff import Role, Staff
from sesame.services.tenant_codes import CodeErased, Decipher
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.documents import Document, Documents
from sesame.store.pacing import Pacing
from sesame.store.people import People
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.billing_fixtures import Office
from tests.integration.door import Door
from tests.integration.privacy_fixtures import Bureau
from tests.integration.tenants import Tenant, admit, admit_again

PASSPORT = DeskRequest(id_kind=IdKind.PASSPORT, id_last_characters="k4t9")
NEW_EMAIL = replace(PASSPORT, email="Nouvelle@example.org")
AGENT = Staff(staff_id="agent", groups=frozenset({Role.DESK}), scope=EVERYWHERE)
COLLEAGUE = replace(AGENT, staff_id="colleague")
DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Desk:
    """A reception, the doors that it opens and shuts, and what is sent."""

    aws: Any
    clock: FrozenClock
    door: Door
    office: Office
    recoveries: DeskRecoveries
    people: People
    documents: Documents

    def recover(self, tenant: Tenant, request: DeskRequest = PASSPORT, by: Staff = AGENT) -> DeskRecovered:
        return self.recoveries.recover(by, tenant.lease.lease_id, request, source="192.0.2.9")

    def approve(self, tenant: Tenant, done: DeskRecovered, by: Staff = COLLEAGUE) -> None:
        self.recoveries.approve(by, tenant.lease.lease_id, done.recovery_id, source="192.0.2.9")

    def told(self) -> set[str]:
        """The addresses that hear of the latest recovery."""
        before = len(self.office.mailbox.sent)
        latest = max(self.office.announced("code.recovered"), key=lambda one: one.at)
        self.office.correspondence.handle(latest)
        return {one["Destination"]["ToAddresses"][0] for one in self.office.mailbox.sent[before:]}

    def announced(self, tenant: Tenant) -> Event:
        """The latest word of a recovered code."""
        return self.office.announced("code.recovered")[-1]

    def prepared(self, tenant: Tenant) -> OneTimeCode | Explanation | Withheld | None:
        """What a sign-in sends."""
        self.clock.advance(timedelta(hours=1))
        return self.door.prepare(self.door.ask_sign_in(tenant.printed_code))


def decipher(aws: Any, slip: Document) -> str:
    """The code that a slip shows."""
    assert slip.code_cipher is not None
    shown = replace(admit(aws, email="x@example.org", ine=None).lease, lease_id=slip.lease_id)
    return Decipher(aws.kms, aws.codes_key)(replace(shown, code_cipher=slip.code_cipher))


@pytest.fixture
def desk(aws: Any, clock: FrozenClock) -> Desk:
    people, documents = People(aws.identity, aws.pepper), Documents(aws.documents)
    audit = Audit(aws.operations)
    rotations = Rotations(
        people=people,
        audit=audit,
        pepper=aws.pepper,
        kms=aws.kms,
        codes_key=aws.codes_key,
        clock=clock,
        random=token_bytes,
    )
    recoveries = DeskRecoveries(
        people=people,
        pacing=Pacing(aws.identity),
        audit=audit,
        slips=CodeSlips(documents),
        rotations=rotations,
        pepper=aws.pepper,
        clock=clock,
        random=token_bytes,
    )
    return Desk(aws, clock, Door(aws, clock), Office(aws, clock), recoveries, people, documents)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws)


def test_the_slip_is_ordered_with_the_code_as_it_is(desk: Desk, aws: Any, tenant: Tenant) -> None:
    done = desk.recover(tenant)

    slip = CodeSlips(desk.documents).of(tenant.lease.lease_id, done.document_id)
    assert slip.object_key.startswith("documents/slips/")
    assert decipher(aws, slip) == tenant.printed_code
    assert tenant.code not in str(aws.documents.get(keys.document(done.document_id))["facts"])


@pytest.mark.parametrize("new_code", [False, True])
def test_a_code_that_was_erased_is_not_given_back(desk: Desk, aws: Any, new_code: bool) -> None:
    bureau = Bureau(aws, desk.clock)
    over, _ = bureau.half_erased()
    before = bureau.everything()

    with pytest.raises(CodeErased) as refused:
        desk.recover(over, replace(PASSPORT, new_code=new_code))

    assert refused.value.status == 409
    assert bureau.everything() == before


def test_each_link_to_a_slip_is_in_the_audit_and_there_is_none_after_a_day(
    desk: Desk, aws: Any, tenant: Tenant
) -> None:
    done = desk.recover(tenant)
    slips = DeskSlips(
        leases=DeskLeases(aws.identity),
        slips=CodeSlips(desk.documents),
        downloads=Downloads(desk.documents, aws.s3, aws.bucket, desk.clock),
        audit=Audit(aws.operations),
        deeds=Deeds(pepper=aws.pepper, clock=desk.clock, random=token_bytes),
    )

    def show() -> SlipShown:
        desk.clock.advance(timedelta(seconds=1))
        return slips.show(COLLEAGUE, tenant.lease.lease_id, done.document_id, source="192.0.2.9")

    in_the_making = show()
    slip = desk.documents.get(done.document_id)
    assert slip is not None
    desk.documents.mark_ready(slip, desk.clock(), file_digest="0" * 64)
    made = [show(), show()]
    desk.clock.advance(DAY)
    afterwards = show()

    assert [one.url is not None for one in (in_the_making, *made, afterwards)] == [False, True, True, False]
    assert [one.status for one in (in_the_making, made[0], afterwards)] == ["requested", "ready", "expired"]
    *shown, recovered = Audit(aws.operations).of(tenant.lease.lease_id).entries
    assert recovered.action is Action.CODE_RECOVERED_AT_DESK
    for entry in shown:
        assert (entry.action, entry.details) == (Action.CODE_SHOWN, {"way": "slip"})
        assert (entry.actor.id, entry.residence_id) == ("colleague", tenant.lease.residence_id)
        assert entry.source == aws.pepper.hash("source", "192.0.2.9")
    assert len(shown) == 2


def test_sessions_and_one_time_codes_of_before_are_dead(desk: Desk, tenant: Tenant) -> None:
    token = desk.door.sign_in(tenant)
    desk.clock.advance(timedelta(minutes=1))
    sign_in_id = desk.door.ask_sign_in(tenant.printed_code)
    otp = desk.door.one_time_code(sign_in_id)

    desk.recover(tenant)

    with pytest.raises(Unauthenticated):
        desk.door.check(token)
    with pytest.raises(WrongOneTimeCode):
        desk.door.confirm_sign_in(sign_in_id, otp)


def test_what_slowed_the_tenant_is_forgotten_with_the_rest(desk: Desk, tenant: Tenant) -> None:
    born = tenant.person.birth_date
    tries: list[Callable[[], str]] = [
        lambda: desk.door.ask_sign_in(tenant.printed_code),
        lambda: desk.door.ask_recovery("email", "huong@example.org", born),
        lambda: desk.door.ask_recovery("ine", "170669074DK", born),
    ]
    for ask in tries:
        ask()
        with pytest.raises(TooManyRequests):
            ask()
    for number in range(1, FREE_BIRTH_DATES):
        desk.door.ask_recovery("email", "huong@example.org", date(2001, 1, number))

    desk.recover(tenant)
    assert desk.door.ask_recovery("email", "huong@example.org", date(2002, 1, 1))

    for ask in tries:
        assert ask()


def test_the_hourly_limit_of_codes_starts_afresh_after_a_visit_to_the_desk(
    desk: Desk, aws: Any, tenant: Tenant
) -> None:
    for number in range(10):
        aws.identity.update(
            keys.asked("x"), "SET times = :n", values={":n": number}
        )  # another identity's counter is left alone
        challenge = desk.door.ask_sign_in(tenant.printed_code)
        assert isinstance(desk.door.prepare(challenge), OneTimeCode)
        desk.door.pacing.table.write(desk.door.pacing.forgetting(desk.door.challenges.get(challenge).asked))  # type: ignore[union-attr]
    assert isinstance(desk.door.prepare(desk.door.ask_sign_in(tenant.printed_code)), Withheld)

    desk.recover(tenant)

    assert isinstance(desk.door.prepare(desk.door.ask_sign_in(tenant.printed_code)), OneTimeCode)
    assert aws.identity.get(keys.asked("x")) is not None


def test_who_showed_which_id_to_whom_is_kept_and_never_a_copy(desk: Desk, tenant: Tenant) -> None:
    desk.recover(tenant, NEW_EMAIL)

    [entry] = Audit(desk.aws.operations).of(tenant.lease.lease_id).entries
    assert entry.action is Action.CODE_RECOVERED_AT_DESK
    assert entry.actor.id == AGENT.staff_id
    assert entry.details["id_kind"] == "passport"
    assert entry.details["id_last_characters"] == "K4T9"
    assert "nouvelle" not in str(entry)


def test_a_changed_contact_finds_the_tenant_and_the_old_one_no_longer_does(
    desk: Desk, tenant: Tenant
) -> None:
    desk.recover(tenant, replace(NEW_EMAIL, phone="06 39 98 12 34"))

    [found] = desk.people.persons_by_email("nouvelle@example.org")
    assert found.person_id == tenant.person.person_id
    assert found.phone == "+33639981234"
    assert desk.people.persons_by_phone("+33639981234") == [found]
    assert desk.people.persons_by_email("huong@example.org") == []


def test_an_address_shared_with_another_stays_theirs(desk: Desk, aws: Any, tenant: Tenant) -> None:
    sister = admit(aws, given_names="Thị Lan", ine="861583842CH")

    desk.recover(tenant, NEW_EMAIL)

    assert [one.person_id for one in desk.people.persons_by_email("huong@example.org")] == [
        sister.person.person_id
    ]


def test_a_changed_contact_cannot_sign_in_for_a_day_and_is_told_why(desk: Desk, tenant: Tenant) -> None:
    done = desk.recover(tenant, NEW_EMAIL)

    told = desk.prepared(tenant)
    assert isinstance(told, Explanation)
    assert told.obstacle is Obstacle.HELD
    assert told.to.contact == "nouvelle@example.org"
    assert told.until == done.usable_from == desk.clock() - timedelta(hours=1) + DAY

    desk.clock.advance(DAY)
    assert isinstance(desk.prepared(tenant), OneTimeCode)


def test_a_contact_that_stayed_can_sign_in_meanwhile(desk: Desk, aws: Any) -> None:
    tenant = admit(aws, phone="+33639981234")
    desk.recover(tenant, NEW_EMAIL)

    prepared = desk.prepared(tenant)

    assert isinstance(prepared, OneTimeCode)
    assert prepared.to.contact == "+33639981234"


def test_a_second_member_of_staff_opens_it_at_once_and_never_the_first(desk: Desk, tenant: Tenant) -> None:
    recovery_id = desk.recover(tenant, NEW_EMAIL).recovery_id
    lease_id = tenant.lease.lease_id

    with pytest.raises(OwnChange):
        desk.recoveries.approve(AGENT, lease_id, recovery_id, source="-")
    desk.recoveries.approve(COLLEAGUE, lease_id, recovery_id, source="-")

    assert isinstance(desk.prepared(tenant), OneTimeCode)
    with pytest.raises(NoSuchApproval):
        desk.recoveries.approve(COLLEAGUE, lease_id, recovery_id, source="-")
    done = {entry.action: entry.actor.id for entry in Audit(desk.aws.operations).of(lease_id).entries}
    assert done == {Action.CODE_RECOVERED_AT_DESK: "agent", Action.CONTACT_APPROVED: "colleague"}


def test_there_is_nothing_to_approve_where_no_contact_changed(desk: Desk, tenant: Tenant) -> None:
    recovery_id = desk.recover(tenant).recovery_id

    with pytest.raises(NoSuchApproval):
        desk.recoveries.approve(COLLEAGUE, tenant.lease.lease_id, recovery_id, source="-")


def test_an_approval_of_one_change_does_not_open_the_next(desk: Desk, tenant: Tenant) -> None:
    desk.approve(tenant, desk.recover(tenant, NEW_EMAIL))
    desk.clock.advance(timedelta(minutes=10))
    desk.recover(tenant, replace(PASSPORT, email="encore@example.org"))

    assert isinstance(desk.prepared(tenant), Explanation)


def test_every_contact_old_and_new_hears_of_it_once(desk: Desk, aws: Any) -> None:
    tenant = admit(aws, phone="+33639981234")
    desk.recover(tenant, NEW_EMAIL)
    event = desk.announced(tenant)

    for _ in range(2):
        desk.office.correspondence.handle(event)

    mails = [one["Destination"]["ToAddresses"][0] for one in desk.office.mailbox.sent]
    assert sorted(mails) == ["huong@example.org", "nouvelle@example.org"]
    assert [one["PhoneNumber"] for one in desk.office.phones.sent] == ["+33639981234"]
    assert desk.office.mailbox.subjects[0] == "Vos coordonnées viennent d'être changées à l'accueil"
    assert "jeudi 3 septembre 2026 à 10:00" in desk.office.mailbox.text


def test_changed_twice_within_a_day_every_contact_hears_of_it(desk: Desk, tenant: Tenant) -> None:
    desk.recover(tenant, NEW_EMAIL)
    desk.clock.advance(timedelta(hours=2))
    desk.recover(tenant, replace(PASSPORT, email="encore@example.org"))

    assert desk.told() == {"huong@example.org", "nouvelle@example.org", "encore@example.org"}


def test_one_contact_that_cannot_be_told_does_not_keep_it_from_the_others(desk: Desk, tenant: Tenant) -> None:
    desk.recover(tenant, NEW_EMAIL)
    desk.office.mailbox.fail(OSError("no"))

    with pytest.raises(OSError, match="no"):
        desk.office.correspondence.handle(desk.announced(tenant))

    assert len(desk.office.mailbox.sent) == 1


def test_a_second_click_changes_nothing_and_shows_the_same(desk: Desk, tenant: Tenant) -> None:
    first = desk.recover(tenant, NEW_EMAIL)
    desk.clock.advance(timedelta(seconds=5))

    assert desk.recover(tenant, NEW_EMAIL) == first
    assert len(Audit(desk.aws.operations).of(tenant.lease.lease_id).entries) == 1

    desk.clock.advance(timedelta(minutes=5))
    assert desk.recover(tenant, NEW_EMAIL) != first


def test_a_new_code_replaces_one_that_somebody_else_may_know(desk: Desk, aws: Any, tenant: Tenant) -> None:
    done = desk.recover(tenant, replace(PASSPORT, new_code=True))

    slip = CodeSlips(desk.documents).of(tenant.lease.lease_id, done.document_id)
    printed = decipher(aws, slip)
    assert printed != tenant.printed_code
    assert desk.people.lease_by_code(STANDARD.read(printed)) is not None
    assert desk.people.lease_by_code(tenant.code) is None
    desk.office.correspondence.handle(desk.announced(tenant))
    assert "l'ancien code n'est plus valable" in desk.office.mailbox.text


@pytest.mark.parametrize(
    "spoiled",
    [
        replace(PASSPORT, id_last_characters="K4T"),
        replace(PASSPORT, id_last_characters="K4-9"),
        replace(PASSPORT, email="pas une adresse"),
        replace(PASSPORT, phone="12"),
    ],
    ids=["three characters", "a hyphen", "no address", "no number"],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    desk: Desk, tenant: Tenant, spoiled: DeskRequest
) -> None:
    with pytest.raises(Invalid):
        desk.recover(tenant, spoiled)

    assert desk.people.person(tenant.person.person_id) == tenant.person


def test_another_residences_lease_is_not_there_and_ones_own_is_not_ones_to_touch(
    desk: Desk, tenant: Tenant
) -> None:
    elsewhere = replace(AGENT, scope=Scope(residence_ids=frozenset({"les-erables-35000"})))
    themselves = replace(AGENT, person_id=tenant.person.person_id)

    with pytest.raises(NotFound):
        desk.recover(tenant, by=elsewhere)
    with pytest.raises(Forbidden):
        desk.recover(tenant, by=themselves)
    with pytest.raises(NotFound):
        desk.recoveries.recover(AGENT, "0" * 26, PASSPORT, source="-")


def test_the_desk_opens_a_cancelled_stay_too_for_what_was_paid_is_to_be_asked_back(
    desk: Desk, tenant: Tenant
) -> None:
    desk.aws.identity.update(
        keys.lease(tenant.lease.lease_id),
        "SET #status = :cancelled",
        names={"#status": "status"},
        values={":cancelled": LeaseStatus.CANCELLED.value},
    )

    assert desk.recover(tenant).recovery_id


def test_a_desk_that_is_overtaken_reads_again(
    desk: Desk, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    changing = People.changing_contacts
    overtaken: list[bool] = []

    def late(people: People, *given: Any) -> Any:
        if not overtaken:
            overtaken.append(True)
            people.table.update(
                keys.person(tenant.person.person_id), "ADD credential_epoch :one", values={":one": 1}
            )
        return changing(people, *given)

    monkeypatch.setattr(People, "changing_contacts", late)
    desk.recover(tenant, NEW_EMAIL)

    found = desk.people.person(tenant.person.person_id)
    assert found is not None
    assert found.credential_epoch == tenant.person.credential_epoch + 2
    assert found.email == "nouvelle@example.org"


def test_it_takes_five_calls_and_six_with_a_new_code(desk: Desk, aws: Any, tenant: Tenant) -> None:
    aws.pepper.hash("warm", "up")
    with count_calls(aws.dynamodb, aws.kms) as calls:
        desk.recover(tenant, NEW_EMAIL)
    with count_calls(aws.dynamodb, aws.kms) as with_code:
        desk.recover(tenant, replace(PASSPORT, new_code=True))

    assert calls == ["GetItem", "BatchGetItem", "Query", "BatchGetItem", "TransactWriteItems"]
    assert sorted(with_code) == sorted([*calls, "Encrypt"])


def test_one_person_with_two_leases_gets_each_code_and_each_lease_its_entry(
    desk: Desk, aws: Any, tenant: Tenant
) -> None:
    other = admit_again(aws, tenant)

    first = desk.recover(tenant, replace(PASSPORT, new_code=True))
    second = desk.recover(other, replace(PASSPORT, new_code=True))

    assert first.recovery_id != second.recovery_id
    assert CodeSlips(desk.documents).of(other.lease.lease_id, second.document_id)
    for one in (tenant, other):
        assert desk.people.lease_by_code(one.code) is None
        entries = Audit(aws.operations).of(one.lease.lease_id).entries
        recoveries = [entry for entry in entries if entry.action is Action.CODE_RECOVERED_AT_DESK]
        assert sorted(entry.details["code_replaced"] for entry in recoveries) == [0, 1]


def test_nobody_approves_what_they_had_a_hand_in(desk: Desk, aws: Any) -> None:
    tenant = admit(aws, phone="+33639981234")
    desk.recover(tenant, NEW_EMAIL, by=AGENT)
    desk.clock.advance(timedelta(minutes=10))
    done = desk.recover(tenant, replace(PASSPORT, phone="06 39 98 12 99"), by=COLLEAGUE)

    for one in (AGENT, COLLEAGUE):
        with pytest.raises(OwnChange):
            desk.approve(tenant, done, by=one)
    desk.approve(tenant, done, by=replace(AGENT, staff_id="third"))
    assert isinstance(desk.prepared(tenant), OneTimeCode)


def test_an_approval_is_of_the_change_it_names(desk: Desk, tenant: Tenant) -> None:
    seen = desk.recover(tenant, NEW_EMAIL)
    desk.clock.advance(timedelta(minutes=10))
    desk.recover(tenant, replace(PASSPORT, email="encore@example.org"))

    with pytest.raises(NoSuchApproval):
        desk.approve(tenant, seen)


def test_a_contact_that_was_approved_hears_of_the_next_change(desk: Desk, tenant: Tenant) -> None:
    desk.approve(tenant, desk.recover(tenant, NEW_EMAIL))
    desk.clock.advance(timedelta(hours=2))
    desk.recover(tenant, replace(PASSPORT, email="encore@example.org"))

    assert desk.told() == {"huong@example.org", "nouvelle@example.org", "encore@example.org"}


def test_going_back_to_the_contact_before_undoes_a_change_at_once(desk: Desk, tenant: Tenant) -> None:
    desk.recover(tenant, NEW_EMAIL)
    desk.clock.advance(timedelta(hours=2))
    back = desk.recover(tenant, replace(PASSPORT, email=tenant.person.email), by=COLLEAGUE)

    assert back.usable_from is None
    assert isinstance(desk.prepared(tenant), OneTimeCode)
    assert desk.told() == {"huong@example.org", "nouvelle@example.org"}


def test_going_back_after_an_approval_is_a_change_like_any_other(desk: Desk, tenant: Tenant) -> None:
    desk.approve(tenant, desk.recover(tenant, NEW_EMAIL))
    desk.clock.advance(timedelta(hours=2))
    desk.recover(tenant, replace(PASSPORT, email=tenant.person.email), by=COLLEAGUE)

    assert isinstance(desk.prepared(tenant), Explanation)


def test_going_back_to_a_contact_that_was_itself_held_is_held(desk: Desk, tenant: Tenant) -> None:
    desk.recover(tenant, NEW_EMAIL)
    desk.recover(tenant, replace(PASSPORT, email="encore@example.org"))
    desk.recover(tenant, NEW_EMAIL, by=COLLEAGUE)

    assert isinstance(desk.prepared(tenant), Explanation)


def test_what_slowed_the_new_contact_is_forgotten_too(desk: Desk, tenant: Tenant) -> None:
    born = tenant.person.birth_date
    desk.door.ask_recovery("email", "nouvelle@example.org", born)
    with pytest.raises(TooManyRequests):
        desk.door.ask_recovery("email", "nouvelle@example.org", born)

    desk.recover(tenant, NEW_EMAIL)

    assert desk.door.ask_recovery("email", "nouvelle@example.org", born)
