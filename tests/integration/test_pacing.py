"""Limits on one-time codes: per identity, per person and per source, and what is said in place of a code."""

from dataclasses import replace
from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sesame.domain.codes import STANDARD
from sesame.domain.pacing import FREE_BIRTH_DATES, HOT_SOURCE_FAILURES
from sesame.domain.tenancy import Channel
from sesame.platform.errors import TooManyRequests
from sesame.platform.events import Event
from sesame.services.confirming import RequestEnded, WrongOneTimeCode
from sesame.services.one_time_codes import MOST_LIVE, Explanation, Obstacle, OneTimeCode
from sesame.store import keys
from sesame.store.challenges import ChallengeKind
from sesame.store.pacing import Pacing, TooOften
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.billing_fixtures import Office
from tests.integration.door import SOMEWHERE, Door
from tests.integration.tenants import Tenant, admit

BORN = date(2004, 5, 31)
PHONE = "+33639981234"
IDENTITIES = {"email": "huong@example.org", "ine": "170669074DK", "phone": PHONE}


@pytest.fixture
def door(aws: Any, clock: FrozenClock) -> Door:
    return Door(aws, clock)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws, phone=PHONE)


def retry_after(caught: pytest.ExceptionInfo[TooManyRequests]) -> int:
    return int(caught.value.headers["Retry-After"])


# --- A person, whatever was typed


def test_a_person_gets_ten_codes_an_hour_over_all_that_identifies_them(door: Door, tenant: Tenant) -> None:
    sent = []
    for _ in range(4):
        for kind, identity in IDENTITIES.items():
            sent.append(door.prepare(door.ask_recovery(kind, identity, BORN)))
        door.clock.advance(timedelta(minutes=2))

    assert [isinstance(made, OneTimeCode) for made in sent] == [True] * 10 + [False] * 2


def test_the_tenth_code_says_when_the_next_can_come(door: Door, tenant: Tenant) -> None:
    first_at = door.clock()
    made = []
    for _ in range(4):
        for kind, identity in IDENTITIES.items():
            made.append(door.prepare(door.ask_recovery(kind, identity, BORN)))
        door.clock.advance(timedelta(minutes=2))

    codes = [one for one in made if isinstance(one, OneTimeCode)]
    assert [one.next_at for one in codes] == [None] * 9 + [first_at + timedelta(hours=1)]


def test_a_sixth_code_in_force_ends_the_oldest(door: Door, tenant: Tenant) -> None:
    asked = [door.ask_sign_in(tenant.printed_code)]
    asked += [door.ask_recovery(kind, identity, BORN) for kind, identity in IDENTITIES.items()]
    codes = [door.one_time_code(challenge) for challenge in asked]
    door.clock.advance(timedelta(seconds=30))
    for kind in ("email", "ine"):
        asked.append(door.ask_recovery(kind, IDENTITIES[kind], BORN))
        codes.append(door.one_time_code(asked[-1]))

    assert len(asked) == MOST_LIVE + 1
    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(asked[0], codes[0])
    assert door.confirm_recovery(asked[1], codes[1])


def test_codes_that_are_over_make_room(door: Door, tenant: Tenant) -> None:
    for kind, identity in IDENTITIES.items():
        door.one_time_code(door.ask_recovery(kind, identity, BORN))
    door.clock.advance(timedelta(minutes=11))
    door.one_time_code(door.ask_sign_in(tenant.printed_code))

    kept = door.challenges.live_codes(tenant.person.person_id, tenant.person.credential_epoch)

    assert len(kept.live) == 1
    assert len(kept.sent) == 4


def test_two_senders_at_once_lose_no_count(
    door: Door, aws: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        door.ask_recovery("email", "huong@example.org", BORN),
        door.ask_sign_in(tenant.printed_code),
    )
    keeping, overtaken = type(door.challenges).keeping, [True]

    def late(challenges: Any, *given: Any, **named: Any) -> Any:
        if overtaken:
            overtaken.pop()
            door.one_time_code(second)
        return keeping(challenges, *given, **named)

    monkeypatch.setattr(type(door.challenges), "keeping", late)
    door.one_time_code(first)

    kept = door.challenges.live_codes(tenant.person.person_id, tenant.person.credential_epoch)
    assert set(kept.live) == {first, second}
    assert len(kept.sent) == 2


# --- An identity, as it was typed


def test_parallel_starts_of_one_identity_let_one_pass(door: Door, tenant: Tenant) -> None:
    challenge = door.challenges.get(door.ask_sign_in(tenant.printed_code))
    assert challenge is not None

    with pytest.raises(TooOften):  # its count was read before another's try came in
        door.pacing.once_allowed(
            door.challenges.starting(replace(challenge, challenge_id="0" * 26), door.clock()),
            identity=challenge.asked,
            source="s",
            now=door.clock(),
        )


def test_the_first_start_is_one_call_and_a_later_one_at_most_three(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    unknown = STANDARD.printed(STANDARD.new(token_bytes))
    aws.pepper.hash("warm", "up")
    for code in (tenant.printed_code, unknown):
        with count_calls(aws.dynamodb) as first:
            door.ask_sign_in(code)
        with count_calls(aws.dynamodb) as early, pytest.raises(TooManyRequests):
            door.ask_sign_in(code)
        door.clock.advance(timedelta(seconds=31))
        with count_calls(aws.dynamodb) as later:
            door.ask_sign_in(code)

        assert first == ["TransactWriteItems"]
        assert early == ["TransactWriteItems", "GetItem"]
        assert later == ["TransactWriteItems", "GetItem", "TransactWriteItems"]


# --- A birth date, guessed at


def test_who_holds_a_mailbox_tries_some_thirty_birth_dates_a_day(door: Door, tenant: Tenant) -> None:
    waits = []
    for number in range(24 * 60 // 5):
        guess = date(2001, 1, 1) + timedelta(days=number)
        try:
            door.ask_recovery("email", "huong@example.org", guess, source=f"192.0.2.{number % 200}")
        except TooManyRequests as refused:
            waits.append(int(refused.headers["Retry-After"]))
        door.clock.advance(timedelta(minutes=5))

    assert FREE_BIRTH_DATES < 24 * 60 // 5 - len(waits) <= 31
    assert max(waits) <= 3600


def test_who_guesses_to_keep_the_tenant_out_makes_them_wait_an_hour_at_most(
    door: Door, tenant: Tenant
) -> None:
    for number in range(FREE_BIRTH_DATES + 8):
        door.ask_recovery("email", "huong@example.org", date(2001, 1, 1 + number))
        door.clock.advance(timedelta(minutes=61))
    door.clock.advance(-timedelta(minutes=61))

    with pytest.raises(TooManyRequests) as caught:
        door.ask_recovery("email", "huong@example.org", BORN)
    door.clock.advance(timedelta(seconds=retry_after(caught)))
    assert retry_after(caught) <= 3600
    assert door.ask_recovery("email", "huong@example.org", BORN)


def test_guesses_at_a_birth_date_leave_every_other_way_open(door: Door, tenant: Tenant) -> None:
    door.ask_recovery("email", "huong@example.org", BORN)
    for number in range(FREE_BIRTH_DATES - 1):
        door.ask_recovery("email", "huong@example.org", date(2001, 1, 1 + number))
    with pytest.raises(TooManyRequests):
        door.ask_recovery("email", "huong@example.org", date(1999, 1, 1))
    door.clock.advance(timedelta(seconds=31))

    assert door.ask_recovery("email", "huong@example.org", BORN)  # asked before the guesses: none itself
    assert door.ask_recovery("ine", "170669074DK", BORN)
    assert door.ask_recovery("phone", PHONE, BORN)
    assert door.ask_sign_in(tenant.printed_code)


def test_parallel_guesses_at_a_birth_date_lose_no_count(
    door: Door, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.ask_recovery("email", "huong@example.org", date(2001, 1, 1))
    failures, overtaken = type(door.pacing).failures, [True]

    def late(pacing: Any, *given: Any) -> int:
        if overtaken:
            overtaken.pop()
            door.ask_recovery("email", "huong@example.org", date(2001, 1, 2))
        return int(failures(pacing, *given))

    monkeypatch.setattr(type(door.pacing), "failures", late)

    with pytest.raises(TooManyRequests):  # between its read and its write, another guess came in
        door.ask_recovery("email", "huong@example.org", date(2001, 1, 3))


# --- A source


def fail(door: Door, source: str, times: int) -> None:
    hashed = door.aws.pepper.hash("source", source)
    door.aws.identity.update(
        keys.source(hashed, door.clock().strftime("%Y-%m-%dT%H")),
        "ADD failures :many",
        values={":many": times},
    )


def test_wrong_codes_count_against_their_source_and_right_ones_do_not(door: Door, tenant: Tenant) -> None:
    hashed = door.aws.pepper.hash("source", SOMEWHERE)
    sign_in_id = door.ask_sign_in(tenant.printed_code)
    otp = door.one_time_code(sign_in_id)
    with pytest.raises(WrongOneTimeCode):
        door.confirm_sign_in(sign_in_id, "0000 0000" if otp != "0000 0000" else "0000 0001")
    door.confirm_sign_in(sign_in_id, otp)

    assert door.pacing.failures(hashed, door.clock()) == 1


@pytest.mark.parametrize("email", ["huong@example.org", "nobody@example.org"])
def test_a_source_one_failure_short_of_its_limit_learns_nothing_of_who_exists(
    door: Door, tenant: Tenant, email: str
) -> None:
    fail(door, SOMEWHERE, HOT_SOURCE_FAILURES - 1)
    door.prepare(door.ask_recovery("email", email, BORN))

    with pytest.raises(TooManyRequests) as caught:
        door.ask_recovery("email", email, BORN)

    assert retry_after(caught) == 30


def test_a_source_that_fails_on_a_campuss_scale_slows_only_what_is_tried_again(
    door: Door, aws: Any, tenant: Tenant
) -> None:
    neighbour = admit(aws, email="voisin@example.org", ine="861583842CH")
    fail(door, SOMEWHERE, HOT_SOURCE_FAILURES)

    door.ask_sign_in(tenant.printed_code)
    with pytest.raises(TooManyRequests) as caught:
        door.ask_sign_in(tenant.printed_code)
    assert retry_after(caught) == 300

    assert door.ask_sign_in(neighbour.printed_code)  # who tries for the first time waits for nothing
    door.clock.advance(timedelta(seconds=30))
    assert door.ask_sign_in(tenant.printed_code, source="198.51.100.4")  # nor does who asks from elsewhere


def test_a_source_too_busy_to_be_counted_costs_nobody_an_answer(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    pacing = Pacing(door.aws.identity)
    monkeypatch.setattr(type(door.aws.identity), "update", busy)
    pacing.count_failure("s", door.clock())


# --- Asking for the message again


def test_a_message_asked_for_again_brings_a_new_code_and_ends_the_old(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    first = door.one_time_code(recovery_id)
    with pytest.raises(TooManyRequests) as caught:
        door.starts.again(ChallengeKind.RECOVERY, recovery_id, source=SOMEWHERE)
    assert retry_after(caught) == 30
    door.clock.advance(timedelta(seconds=30))

    door.starts.again(ChallengeKind.RECOVERY, recovery_id, source=SOMEWHERE)
    second = door.one_time_code(recovery_id)

    if first != second:
        with pytest.raises(WrongOneTimeCode):
            door.confirm_recovery(recovery_id, first)
    assert door.confirm_recovery(recovery_id, second)


def test_asking_again_lengthens_the_requests_life_but_gives_no_tries_back(door: Door, tenant: Tenant) -> None:
    recovery_id = door.ask_recovery("email", "huong@example.org", BORN)
    otp = door.one_time_code(recovery_id)
    wrong = "0000 0000" if otp != "0000 0000" else "0000 0001"
    for _ in range(4):
        with pytest.raises(WrongOneTimeCode):
            door.confirm_recovery(recovery_id, wrong)
    door.clock.advance(timedelta(minutes=9))
    door.starts.again(ChallengeKind.RECOVERY, recovery_id, source=SOMEWHERE)
    door.one_time_code(recovery_id)
    door.clock.advance(timedelta(minutes=9))

    with pytest.raises(WrongOneTimeCode) as caught:
        door.confirm_recovery(recovery_id, "0000 0000")
    assert "nouveau code" in caught.value.detail["fr"]
    with pytest.raises(RequestEnded):
        door.starts.again(ChallengeKind.RECOVERY, recovery_id, source=SOMEWHERE)


@pytest.mark.parametrize("which", ["unknown", "of another kind", "over", "used"])
def test_a_request_that_has_ended_is_not_sent_again(door: Door, tenant: Tenant, which: str) -> None:
    asked = door.ask_sign_in(tenant.printed_code)
    kind = ChallengeKind.SIGN_IN
    match which:
        case "unknown":
            asked = "0" * 26
        case "of another kind":
            kind = ChallengeKind.RECOVERY
        case "over":
            door.clock.advance(timedelta(minutes=10))
        case "used":
            door.confirm_sign_in(asked, door.one_time_code(asked))
            door.clock.advance(timedelta(minutes=1))

    with pytest.raises(RequestEnded):
        door.starts.again(kind, asked, source=SOMEWHERE)


def test_asking_again_is_the_same_for_somebody_unknown(door: Door, tenant: Tenant) -> None:
    known = door.starts.recovery("email", "huong@example.org", BORN, source=SOMEWHERE)
    unknown = door.starts.recovery("email", "nobody@example.org", BORN, source=SOMEWHERE)
    door.clock.advance(timedelta(seconds=30))

    again = [
        door.starts.again(ChallengeKind.RECOVERY, one.challenge_id, source=SOMEWHERE)
        for one in (known, unknown)
    ]

    assert known.resend_at == unknown.resend_at
    assert again[0].resend_at == again[1].resend_at


# --- The way a code travels


@pytest.mark.parametrize(
    ("kind", "wanted", "channel"),
    [
        ("email", None, Channel.EMAIL),
        ("phone", None, Channel.SMS),
        ("ine", None, Channel.EMAIL),
        ("email", Channel.SMS, Channel.SMS),
        ("phone", Channel.EMAIL, Channel.EMAIL),
    ],
)
def test_a_code_goes_the_way_that_was_typed_or_asked_for(
    door: Door, tenant: Tenant, kind: str, wanted: Channel | None, channel: Channel
) -> None:
    started = door.starts.recovery(kind, IDENTITIES[kind], BORN, source=SOMEWHERE, send_by=wanted)

    prepared = door.prepare(started.challenge_id)

    assert isinstance(prepared, OneTimeCode)
    assert (prepared.to.channel, prepared.to.contact) == (
        channel,
        PHONE if channel is Channel.SMS else "huong@example.org",
    )


def test_who_has_no_phone_gets_an_email_even_if_an_sms_was_asked_for(door: Door, aws: Any) -> None:
    tenant = admit(aws)
    started = door.starts.sign_in(tenant.printed_code, source=SOMEWHERE, send_by=Channel.SMS)

    prepared = door.prepare(started.challenge_id)

    assert isinstance(prepared, OneTimeCode)
    assert prepared.to.channel is Channel.EMAIL


def requested(challenge_id: str, clock: FrozenClock, number: int = 1) -> Event:
    return Event(
        id=f"event-{number}", type="challenge.requested", at=clock(), data={"challenge_id": challenge_id}
    )


def test_a_one_time_code_comes_by_sms_once_and_again_when_asked_again(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    office, door = Office(aws, clock), Door(aws, clock)
    recovery_id = door.ask_recovery("phone", PHONE, BORN)
    for _ in range(2):
        office.code_mail.handle(requested(recovery_id, clock))
    clock.advance(timedelta(seconds=30))
    door.starts.again(ChallengeKind.RECOVERY, recovery_id, source=SOMEWHERE)
    office.code_mail.handle(requested(recovery_id, clock, 2))

    assert [one["PhoneNumber"] for one in office.phones.sent] == [PHONE, PHONE]
    text = office.phones.sent[-1]["Message"]
    assert door.confirm_recovery(recovery_id, text[:9])
    assert {record["channel"] for record in office.records()} == {"sms"}


def test_who_shares_everything_that_was_typed_is_told_to_give_the_ine(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    admit(aws, given_names="Thị Lan", ine="861583842CH")
    office, door = Office(aws, clock), Door(aws, clock)

    office.code_mail.handle(requested(door.ask_recovery("email", "huong@example.org", BORN), clock))

    assert office.mailbox.subjects == ["Retrouver votre code locataire : il nous faut votre INE"]
    assert "1234" not in office.mailbox.text


def test_a_held_contact_is_told_the_hour_on_the_residences_clock(
    aws: Any, clock: FrozenClock, tenant: Tenant
) -> None:
    aws.identity.update(
        keys.person(tenant.person.person_id),
        "SET #hold = :hold REMOVE phone",
        names={"#hold": "hold"},
        values={
            ":hold": {
                "until": (clock() + timedelta(hours=24)).isoformat(),
                "held": ["email"],
                "former": [],
                "recovery_id": "r",
                "changed_by": ["s"],
            }
        },
    )
    office, door = Office(aws, clock), Door(aws, clock)

    prepared = door.prepare(door.ask_recovery("email", "huong@example.org", BORN))
    assert isinstance(prepared, Explanation)
    assert prepared.obstacle is Obstacle.HELD
    clock.advance(timedelta(seconds=30))
    office.code_mail.handle(requested(door.ask_recovery("email", "huong@example.org", BORN), clock))

    assert "à partir du jeudi 3 septembre 2026 à 10:00" in office.mailbox.text
