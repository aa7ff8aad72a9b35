"""Attacks on the real handlers, on a clock that is passed in; a whole day, and in parallel, in tests/e2e."""

from collections.abc import Callable
from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.pacing import FREE_BIRTH_DATES, MOST_AN_HOUR
from sesame.domain.scope import EVERYWHERE
from sesame.services.confirming import ONE_TIME_CODE_TRIES
from tests.conftest import FrozenClock
from tests.integration.attacks import (
    DAY,
    ENTRIES,
    FEW,
    HOUR,
    PHONE,
    Attacker,
    Meter,
    chance,
    most_guesses,
    send,
    ways_in,
)
from tests.integration.house import House
from tests.integration.staff_members import enrol
from tests.integration.tenants import Tenant, admit


@pytest.fixture
def house(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(aws, monkeypatch, clock, only=ENTRIES)


@pytest.fixture
def tenant(house: House) -> Tenant:
    admitted = admit(house.aws, phone=PHONE)
    house.relay()
    house.sent.messages.clear()  # the welcome
    return admitted


@pytest.fixture
def meter(house: House, monkeypatch: pytest.MonkeyPatch) -> Meter:
    return Meter.on(house, monkeypatch)


@pytest.fixture
def few_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(random: Callable[[int], bytes]) -> str:
        return f"{int.from_bytes(random(8)) % FEW:08}"

    monkeypatch.setattr(codes, "new_one_time_code", drawn)


@pytest.mark.usefixtures("few_codes")
def test_guessing_at_a_persons_codes_stops_at_ten_codes_an_hour_whatever_is_typed(
    house: House, tenant: Tenant, meter: Meter
) -> None:
    Attacker(house, [tenant]).attack(HOUR)

    assert len(meter.made) == MOST_AN_HOUR
    assert meter.most <= MOST_AN_HOUR * ONE_TIME_CODE_TRIES
    assert chance(most_guesses(24)) < 1 / 10_000


def test_a_stolen_mailbox_takes_weeks_to_find_the_birth_date_out_by_trying(
    house: House, tenant: Tenant
) -> None:
    attacker, passed = Attacker(house, [tenant]), 0
    likely = [date(2000, 1, 1) + timedelta(days=number) for number in range(365 * 6)]
    for birth_date in likely[:144]:
        body = {"email": "huong@example.org", "birth_date": birth_date.isoformat()}
        passed += attacker.ask("/v1/code-recoveries", body).status == 202
        house.clock.advance(DAY / 144)
    house.relay()

    assert FREE_BIRTH_DATES < passed <= 31
    assert len(likely) / passed / 2 > 30  # days, on average
    assert house.sent.messages == []


def test_guessing_tenant_codes_shows_nothing_and_hits_as_good_as_nobody(house: House, tenant: Tenant) -> None:
    attacker = Attacker(house, [tenant])
    seen = set()
    for _ in range(60):
        guess = codes.STANDARD.printed(codes.STANDARD.new(token_bytes))
        answer = attacker.ask("/v1/sign-ins", {"tenant_code": guess})
        seen.add((answer.status, *(value for name, value in answer.body.items() if name != "sign_in_id")))
    real = attacker.ask("/v1/sign-ins", {"tenant_code": tenant.printed_code})
    house.relay()

    assert seen == {(real.status, *(value for name, value in real.body.items() if name != "sign_in_id"))}
    assert len(house.sent.messages) == 1
    # 20,000 leases, 50 requests a second (the gateway's throttle) all day: and then the one-time code
    hits_a_day = 50 * 86_400 * 20_000 / 2**35
    assert chance(int(hits_a_day + 1) * ONE_TIME_CODE_TRIES) < 1 / 1_000_000


def test_a_receptionist_alone_gives_nobody_an_account_within_a_day(
    house: House, aws: Any, tenant: Tenant
) -> None:
    for subject in ("agent", "colleague"):
        enrol(aws, subject, EVERYWHERE)
    path = f"/v1/desk/leases/{tenant.lease.lease_id}"
    shown = {"id_document": {"kind": "passport", "last_characters": "K4T9"}, "email": "mine@example.org"}
    done = house.ask("POST", f"{path}/code-recoveries", shown, staff=("agent", "desk"))
    assert done.status == 201
    house.relay()

    for _ in range(6):
        for way, body in ways_in(tenant):
            stolen = body | ({"email": "mine@example.org"} if "email" in body else {})
            assert house.ask("POST", way, stolen).status == 202
        change = {"recovery_id": done.body["recovery_id"]}
        roles = ("agent", "desk", "administrator")
        own = house.ask("POST", f"{path}/contact-approvals", change, staff=roles)
        assert own.status == 403
        house.relay()
        house.clock.advance(4 * HOUR - timedelta(seconds=1))

    told = house.sent.to("mine@example.org")
    assert told
    assert not [text for text in told if codes_in(text)]
    assert any("coordonnées" in text for text in house.sent.to("huong@example.org"))


def codes_in(text: str) -> bool:
    """Whether a message has eight digits in two groups."""
    return any(
        first.isdigit() and second.isdigit() and len(first) == len(second) == 4
        for first, second in zip(text.split(), text.split()[1:], strict=False)
    )


def test_a_flood_at_somebody_leaves_their_other_ways_open(house: House, aws: Any, tenant: Tenant) -> None:
    enrol(aws, "agent", EVERYWHERE)
    signed_in = house.ask("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code})
    house.relay()
    path = f"/v1/sign-ins/{signed_in.body['sign_in_id']}/confirm"
    opened = house.ask("POST", path, {"otp": house.sent.one_time_code("huong@example.org")})
    me: dict[str, Any] = {"authorization": f"Bearer {opened.body['session_token']}"}

    Attacker(house, [tenant]).attack(timedelta(minutes=20))

    assert house.ask("GET", "/v1/me/sessions", **me).status == 200
    claims = {"sub": "student", "ine": "170669074DK"}
    shown = house.ask("GET", "/v1/personal-space/tenant-code", claims=claims)
    assert shown.body["tenant_code"] == tenant.printed_code
    at_the_desk = {"id_document": {"kind": "passport", "last_characters": "K4T9"}}
    lease = f"/v1/desk/leases/{tenant.lease.lease_id}/code-recoveries"
    assert house.ask("POST", lease, at_the_desk, staff=("agent", "desk")).status == 201
    # and with the desk's help what the flood used up is there again
    before = len(house.sent.messages)
    again = house.ask("POST", "/v1/sign-ins", {"tenant_code": tenant.printed_code})
    assert again.status == 202
    send(house, again.body["sign_in_id"])
    assert len(house.sent.messages) == before + 1
