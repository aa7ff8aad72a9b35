"""Ways in, against AWS in process: what opens, what does not, and what nobody can tell."""

from dataclasses import replace
from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.codes import CodeFormat, CodeFormats
from sesame.domain.tenancy import LeaseStatus
from sesame.platform.errors import TooManyRequests, Unauthenticated
from sesame.services.access import MistypedCode
from sesame.services.confirming import WrongOneTimeCode
from sesame.services.one_time_codes import Explanation, Obstacle, OneTimeCode
from sesame.services.sessions import OwnSessions
from sesame.services.welcome import WelcomeLinkEnded, WrongBirthDate
from sesame.store import keys
from sesame.store.audit import Action, Audit
from sesame.store.challenges import ChallengeKind
from sesame.store.erasures import Erasures
from sesame.store.people import lease_item
from sesame.store.sessions import read_token
from tests.conftest import FrozenClock
from tests.integration.door import MINUTE, Door
from tests.integration.tenants import RESIDENCE, Tenant, admit, admit_again, move

BORN = date(2004, 5, 31)


@pytest.fixture
def door(aws: Any, clock: FrozenClock) -> Door:
    return Door(aws, clock)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws)


def test_a_tenant_code_and_a_one_time_code_open_a_session(door: Door, tenant: Tenant) -> None:
    session = door.check(door.sign_in(tenant))

    assert session.person == tenant.person
    assert session.lease == tenant.lease


def test_a_known_code_alone_signs_nobody_in(door: Door, tenant: Tenant) -> None:
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    door.one_time_code(sign_in_id)

    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, "0000 0000")


def test_a_stolen_mailbox_alone_does_not_get_the_code_back(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", date(2004, 6, 1))

    assert door.prepare(recovery_id) is None


@pytest.mark.parametrize(
    ("kind", "identity"), [("email", "huong@example.org"), ("ine", "170669074DK"), ("phone", "+33639981234")]
)
def test_a_contact_and_the_birth_date_give_the_code_back(
    door: Door, aws: Any, kind: str, identity: str
) -> None:
    tenant = admit(aws, phone="+33639981234")
    recovery_id = door.ask_recovery(kind, identity, date(2004, 5, 31))

    [recovered] = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert recovered.tenant_code == tenant.printed_code
    assert recovered.residence.name == "Les Tilleuls"


def test_who_has_moved_is_shown_the_room_of_today(door: Door, aws: Any, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    move(aws, tenant, "C301")
    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)

    [recovered] = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert recovered.lease.room == "C301"
    assert door.open_welcome(token, BORN).lease.room == "C301"


def test_people_who_share_an_email_are_told_apart_by_birth_date(door: Door, aws: Any, tenant: Tenant) -> None:
    sister = admit(aws, given_names="Thị Lan", birth_date=date(2006, 1, 2), ine="861583842CH")
    recovery_id = door.ask_recovery("email", "huong@example.org", date(2006, 1, 2))

    [recovered] = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert recovered.tenant_code == sister.printed_code


def test_a_recovered_code_is_told_to_the_tenant(door: Door, aws: Any, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", date(2004, 5, 31))
    door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    [kept] = aws.operations.query(keys.audit_of(tenant.lease.lease_id)).items

    assert kept["announce"]["type"] == "code.recovered"
    assert kept["announce"]["person_id"] == tenant.person.person_id


def test_a_typing_error_is_said_at_once(door: Door, tenant: Tenant) -> None:
    wrong = "2" if tenant.code[0] != "2" else "3"

    with pytest.raises(MistypedCode):
        door.ask_sign_in(wrong + tenant.code[1:])


def test_a_code_brought_from_another_system_signs_in_and_is_never_called_a_typing_error(
    aws: Any, clock: FrozenClock
) -> None:
    door = Door(aws, clock, CodeFormats(imported="[0-9]{6}"))

    assert door.ask_sign_in("12-34 56")
    with pytest.raises(MistypedCode):
        door.ask_sign_in("12-34 567")


@pytest.mark.parametrize(
    ("formats", "words"),
    [
        (codes.STANDARD, "the code has 8 letters or digits"),
        (CodeFormats((CodeFormat(length=10), CodeFormat())), "the code has 10 or 8 letters or digits"),
        (CodeFormats(imported="[0-9]{6}"), "Check each symbol."),
    ],
    ids=["one form", "two forms", "imported codes"],
)
def test_a_typing_error_says_how_long_a_code_is(
    aws: Any, clock: FrozenClock, formats: CodeFormats, words: str
) -> None:
    door = Door(aws, clock, formats)

    with pytest.raises(MistypedCode) as caught:
        door.ask_sign_in("1234")
    assert words in caught.value.detail["en"]


def test_an_unknown_code_answers_like_a_known_one(door: Door, tenant: Tenant) -> None:
    unknown = codes.STANDARD.printed(codes.STANDARD.new(token_bytes))
    known_id, unknown_id = door.ask_sign_in(tenant.printed_code), door.ask_sign_in(unknown)
    door.one_time_code(known_id)

    errors = []
    for sign_in_id in (known_id, unknown_id):
        with pytest.raises(WrongOneTimeCode) as caught:
            door.confirm_sign_in(sign_in_id, "0000 0000")
        errors.append(caught.value.document("fr"))

    assert errors[0] == errors[1]
    assert door.prepare(unknown_id) is None


def test_a_one_time_code_dies_with_its_fifth_wrong_try(door: Door, tenant: Tenant) -> None:
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    right = door.one_time_code(sign_in_id)
    wrong = f"{(int(right.replace(' ', '')) + 1) % 10**8:08}"

    for _ in range(5):
        with pytest.raises(WrongOneTimeCode):
            door.confirm_sign_in(sign_in_id, wrong)

    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, right)


def test_a_one_time_code_serves_once(door: Door, tenant: Tenant) -> None:
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    code = door.one_time_code(sign_in_id)
    door.confirm_sign_in(sign_in_id, code)

    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, code)


def test_a_one_time_code_lives_ten_minutes(door: Door, tenant: Tenant) -> None:
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    code = door.one_time_code(sign_in_id)
    door.clock.advance(10 * MINUTE)

    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, code)


def test_the_code_of_a_recovery_opens_no_session(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", date(2004, 5, 31))
    code = door.one_time_code(recovery_id)

    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(recovery_id, code)


def test_a_message_prepared_twice_leaves_the_last_code_in_force(door: Door, tenant: Tenant) -> None:
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    first, second = door.one_time_code(sign_in_id), door.one_time_code(sign_in_id)

    if first != second:
        with pytest.raises(WrongOneTimeCode):
            door.confirm_sign_in(sign_in_id, first)
    assert door.confirm_sign_in(sign_in_id, second).token


def test_a_new_one_time_code_waits_thirty_seconds_for_known_and_unknown_alike(
    door: Door, tenant: Tenant
) -> None:
    for code in (tenant.printed_code, codes.STANDARD.printed(codes.STANDARD.new(token_bytes))):
        door.ask_sign_in(code)
        with pytest.raises(TooManyRequests) as caught:
            door.ask_sign_in(code)
        assert caught.value.headers == {"Retry-After": "30"}

    door.clock.advance(timedelta(seconds=30))
    assert door.ask_sign_in(tenant.printed_code)


def test_the_delay_grows_with_each_request_and_an_hour_of_quiet_ends_it(door: Door, tenant: Tenant) -> None:
    waits = []
    for _ in range(9):
        door.ask_sign_in(tenant.printed_code)
        with pytest.raises(TooManyRequests) as caught:
            door.ask_sign_in(tenant.printed_code)
        waits.append(int(caught.value.headers["Retry-After"]))
        door.clock.advance(timedelta(seconds=waits[-1]))

    assert waits == [30, 30, 30, 60, 120, 240, 480, 900, 900]

    door.ask_sign_in(tenant.printed_code)
    door.clock.advance(timedelta(hours=1))
    door.ask_sign_in(tenant.printed_code)
    door.clock.advance(timedelta(seconds=30))
    assert door.ask_sign_in(tenant.printed_code)


def test_a_session_ends_after_half_an_hour_idle(door: Door, tenant: Tenant) -> None:
    token = door.sign_in(tenant)
    door.clock.advance(29 * MINUTE)
    door.check(token)
    door.clock.advance(29 * MINUTE)
    door.check(token)
    door.clock.advance(30 * MINUTE)

    with pytest.raises(Unauthenticated):
        door.check(token)


def test_a_session_ends_after_eight_hours_however_busy(door: Door, tenant: Tenant) -> None:
    token = door.sign_in(tenant)
    for _ in range(23):
        door.clock.advance(20 * MINUTE)
        door.check(token)
    door.clock.advance(20 * MINUTE)

    with pytest.raises(Unauthenticated):
        door.check(token)


def test_signing_out_holds_from_the_next_request_on(
    door: Door, aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    token = door.sign_in(tenant)
    OwnSessions(
        sessions=door.sessions,
        erasures=Erasures(aws.identity, aws.operations),
        audit=Audit(aws.operations),
        pepper=aws.pepper,
        clock=clock,
        random=token_bytes,
    ).sign_out(door.check(token), "203.0.113.7")

    with pytest.raises(Unauthenticated):
        door.check(token)


def test_a_higher_credential_epoch_kills_sessions_and_one_time_codes(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    token = door.sign_in(tenant)
    door.clock.advance(MINUTE)
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    code = door.one_time_code(sign_in_id)
    raise_epoch(aws, tenant)

    with pytest.raises(Unauthenticated):
        door.check(token)
    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, code)


@pytest.mark.parametrize("token", ["", "x", "not a token", "A" * 86, "é" * 86])
def test_what_is_not_a_token_signs_nobody_in(door: Door, token: str) -> None:
    with pytest.raises(Unauthenticated):
        door.check(token)


def test_a_token_with_somebody_elses_lease_in_it_signs_nobody_in(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    neighbour = admit(aws, email="voisin@example.org", ine="861583842CH")
    token = read_token(door.sign_in(tenant))
    assert token is not None

    with pytest.raises(Unauthenticated):
        door.check(str(replace(token, lease_id=neighbour.lease.lease_id)))


def test_the_welcome_link_and_the_birth_date_show_code_and_document(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)

    welcomed = door.open_welcome(token, date(2004, 5, 31))

    assert welcomed.tenant_code == tenant.printed_code
    assert welcomed.document_id in door.documents


def test_a_second_click_on_the_welcome_link_shows_the_same(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    first = door.open_welcome(token, date(2004, 5, 31))
    door.clock.advance(29 * MINUTE)

    assert door.open_welcome(token, date(2004, 5, 31)) == first


def test_a_page_may_ask_for_the_document_as_often_as_it_likes(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)

    for _ in range(15):
        assert door.open_welcome(token, date(2004, 5, 31)).tenant_code == tenant.printed_code


def test_a_welcome_link_is_dead_half_an_hour_after_its_use(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    door.open_welcome(token, date(2004, 5, 31))
    door.clock.advance(31 * MINUTE)

    with pytest.raises(WelcomeLinkEnded):
        door.open_welcome(token, date(2004, 5, 31))


def test_a_welcome_link_lives_seven_days(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    door.clock.advance(timedelta(days=7))

    with pytest.raises(WelcomeLinkEnded):
        door.open_welcome(token, date(2004, 5, 31))


def test_a_wrong_birth_date_says_how_many_tries_are_left_and_ten_end_the_link(
    door: Door, tenant: Tenant
) -> None:
    token = door.links.create(tenant.lease, tenant.person)

    for left in range(9, -1, -1):
        with pytest.raises(WrongBirthDate) as caught:
            door.open_welcome(token, date(2000, 1, 1))
        assert str(left) in caught.value.detail["en"]

    with pytest.raises(WelcomeLinkEnded):
        door.open_welcome(token, date(2004, 5, 31))


def test_somebody_elses_wrong_birth_dates_do_not_use_up_the_tenants_tries(door: Door, tenant: Tenant) -> None:
    for _ in range(4):
        door.ask_recovery("email", "huong@example.org", date(1990, 1, 1))
        door.clock.advance(timedelta(seconds=30))

    with pytest.raises(TooManyRequests):
        door.ask_recovery("email", "huong@example.org", date(1990, 1, 1))
    assert door.ask_recovery("email", "huong@example.org", date(2004, 5, 31))


def test_two_who_share_contact_and_birth_date_are_told_apart_by_ine_only(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    twin = admit(aws, given_names="Thị Lan", ine="861583842CH")
    by_email = door.ask_recovery("email", "huong@example.org", date(2004, 5, 31))
    by_ine = door.ask_recovery("ine", "861583842CH", date(2004, 5, 31))

    told = door.prepare(by_email)

    assert isinstance(told, Explanation)
    assert told.obstacle is Obstacle.SHARED
    assert told.to.contact == "huong@example.org"
    [recovered] = door.confirm_recovery(by_ine, door.one_time_code(by_ine))
    assert recovered.tenant_code == twin.printed_code


def raise_epoch(aws: Any, tenant: Tenant) -> None:
    """What a reset at a desk does, and ending every session."""
    aws.identity.update(keys.person(tenant.person.person_id), "ADD credential_epoch :one", values={":one": 1})


def test_a_link_of_before_a_reset_opens_nothing(door: Door, aws: Any, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    raise_epoch(aws, tenant)

    with pytest.raises(WelcomeLinkEnded):
        door.open_welcome(token, BORN)


def test_each_showing_of_the_code_by_a_welcome_link_is_in_the_audit(door: Door, tenant: Tenant) -> None:
    token = door.links.create(tenant.lease, tenant.person)
    for _ in range(2):
        door.open_welcome(token, BORN)

    shown = [one for one in door.audit.of(tenant.lease.lease_id).entries if one.action is Action.CODE_SHOWN]
    assert len(shown) == 2
    assert all(one.source and one.details == {"way": "welcome"} for one in shown)


def test_all_of_a_persons_leases_are_listed_and_a_cancelled_one_is_not(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    elsewhere = replace(RESIDENCE, residence_id="les-lilas-69003", name="Les Lilas")
    other = admit_again(aws, tenant, residence=elsewhere)
    admit_again(aws, tenant, status=LeaseStatus.CANCELLED)

    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    recovered = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert [(one.residence.name, one.tenant_code) for one in recovered] == [
        ("Les Lilas", other.printed_code),
        (RESIDENCE.name, tenant.printed_code),
    ]
    for one in (tenant, other):
        [entry] = door.audit.of(one.lease.lease_id).entries
        assert entry.action is Action.CODE_RECOVERED


def test_who_has_but_a_cancelled_lease_gets_its_code_back_to_ask_for_what_was_paid(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    aws.identity.put(lease_item(replace(tenant.lease, status=LeaseStatus.CANCELLED)))

    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    [recovered] = door.confirm_recovery(recovery_id, door.one_time_code(recovery_id))

    assert recovered.tenant_code == tenant.printed_code


def test_a_code_that_was_prolonged_without_a_message_ends_in_its_own_time(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    otp = door.one_time_code(recovery_id)
    door.clock.advance(timedelta(minutes=9))
    door.starts.again(ChallengeKind.RECOVERY, recovery_id, source="-")  # and no message comes
    door.clock.advance(timedelta(minutes=2))

    with pytest.raises(WrongOneTimeCode):
        door.confirm_recovery(recovery_id, otp)


def test_a_message_tried_again_is_one_message_of_the_hour(door: Door, tenant: Tenant) -> None:
    for _ in range(3):
        recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
        for _ in range(5):
            made = door.one_time_codes.prepare(recovery_id, f"event of {recovery_id}")
            assert isinstance(made, OneTimeCode)
        door.clock.advance(timedelta(minutes=1))


def test_wrong_tries_are_kept_for_a_year_with_the_lease_that_they_were_at(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    otp = door.one_time_code(recovery_id)
    with pytest.raises(WrongOneTimeCode):
        door.confirm_recovery(recovery_id, wrong_digits(otp))

    [entry] = door.audit.of(tenant.lease.lease_id).entries
    [item] = door.aws.operations.query(keys.audit_of(tenant.lease.lease_id)).items
    assert entry.action is Action.ONE_TIME_CODE_REFUSED
    assert entry.details == {"kind": "recovery", "tries": 1}
    assert item["expires_at"] == int((door.clock() + timedelta(days=365)).timestamp())


def test_a_wrong_try_at_nobodys_request_leaves_the_same(door: Door) -> None:
    recovery_id = door.ask_recovery("email", "nobody@example.org", BORN)
    door.prepare(recovery_id)
    with pytest.raises(WrongOneTimeCode):
        door.confirm_recovery(recovery_id, "12345678")

    made_up = door.challenges.get(recovery_id)
    assert made_up is not None
    [entry] = door.audit.of(made_up.holdings[0].lease_id).entries
    assert (entry.actor.id, entry.action) == (made_up.person_id, Action.ONE_TIME_CODE_REFUSED)


def wrong_digits(otp: str) -> str:
    return otp[:-1] + str((int(otp[-1]) + 1) % 10)
