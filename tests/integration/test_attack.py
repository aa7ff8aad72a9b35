"""Attacks on the real handlers, on a clock that is passed in; a whole day, and in parallel, in tests/e2e.

The attacker knows all about a person but what comes to their contacts, has as many networks as they like, and
asks whenever asking may pass.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.domain.pacing import FREE_BIRTH_DATES, MOST_AN_HOUR
from sesame.domain.scope import EVERYWHERE
from sesame.services.confirming import ONE_TIME_CODE_TRIES
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from tests.conftest import FrozenClock
from tests.integration.house import Answer, House
from tests.integration.staff_members import enrol
from tests.integration.tenants import Tenant, admit

PHONE = "+33639981234"
BORN = "2004-05-31"
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
ONE_TIME_CODES = 10**8
FEW = 50
"""One-time codes to choose from in the simulation, so that some guesses hit."""
ENTRIES = (
    "codes/api",
    "codes/credentials",
    "codes/personal_space",
    "desk/recovery",
    "notifications/send",
    "notifications/send_code",
    "outbox/publish",
)


def most_guesses(hours: int) -> int:
    """That can be compared with a person's codes in so long, the hour that is cut included."""
    return (hours + 1) * MOST_AN_HOUR * ONE_TIME_CODE_TRIES


def chance(guesses: int, of: int = ONE_TIME_CODES) -> float:
    """That one of so many guesses is right."""
    return float(1 - (1 - 1 / of) ** guesses)


@dataclass
class Attacker:
    """Keeps asking, for one person or for many; what got through is counted."""

    house: House
    tenants: list[Tenant]
    requests: int = 0
    started: int = 0
    hits: int = 0
    waits: dict[str, datetime] = field(default_factory=dict)

    def attack(self, lasting: timedelta) -> None:
        """As long as that, every way in of each."""
        clock = self.house.clock
        end, forgotten = clock() + lasting, clock()
        while clock() < end:
            for tenant in self.tenants:
                for path, body in ways_in(tenant):
                    self.try_one(path, body)
            if clock() - forgotten > HOUR:
                forgotten = clock()
                forget_what_is_over(self.house)
            clock.now = min(end, max(min(self.waits.values()), clock() + timedelta(seconds=1)))

    def try_one(self, path: str, body: dict[str, str]) -> None:
        """A request, where one may pass, and all its guesses."""
        now, key = self.house.clock(), json.dumps(body)
        if now < self.waits.get(key, now):
            return
        answer = self.ask(path, body)
        if answer.status == 429:
            self.waits[key] = now + timedelta(seconds=int(answer.headers["Retry-After"]))
            return
        assert answer.status == 202, answer
        self.started += 1
        self.waits[key] = now + timedelta(seconds=answer.body["resend_after_seconds"])
        request_id = next(str(value) for name, value in answer.body.items() if name.endswith("_id"))
        send(self.house, request_id)
        for number in range(ONE_TIME_CODE_TRIES + 1):
            guess = f"{(self.started * ONE_TIME_CODE_TRIES + number) % FEW:08}"
            confirmed = self.ask(f"{path}/{request_id}/confirm", {"otp": guess})
            assert confirmed.status in {200, 401}
            self.hits += confirmed.status == 200

    def ask(self, path: str, body: dict[str, str]) -> Answer:
        """From another network each time."""
        self.requests += 1
        source = f"198.51.{self.requests // 250 % 250}.{self.requests % 250}"
        return self.house.ask("POST", path, body, source=source)


def ways_in(tenant: Tenant) -> list[tuple[str, dict[str, str]]]:
    """Every request that has a code made for this person."""
    born = tenant.person.birth_date.isoformat()
    known = {"email": tenant.person.email, "ine": tenant.person.ine, "phone": tenant.person.phone}
    recoveries = [
        ("/v1/code-recoveries", {kind: contact, "birth_date": born})
        for kind, contact in known.items()
        if contact
    ]
    return [("/v1/sign-ins", {"tenant_code": tenant.printed_code}), *recoveries]


def send(house: House, challenge_id: str) -> None:
    """The queue's message that has a one-time code made and sent."""
    at = house.clock().isoformat()
    event = {"id": challenge_id, "type": "challenge.requested", "at": at, "challenge_id": challenge_id}
    assert house.deliver("notifications/send_code", json.dumps(event)) == {"batchItemFailures": []}


def forget_what_is_over(house: House) -> None:
    """What TTL does; the tables of the simulation stay small."""
    table = house.aws.identity
    for item in table.client.scan(TableName=table.name)["Items"]:
        if int(item.get("expires_at", {}).get("N", "9" * 12)) < house.clock().timestamp():
            table.client.delete_item(TableName=table.name, Key={"pk": item["pk"], "sk": item["sk"]})


@dataclass
class Meter:
    """How many codes were made, and how often something typed was compared with one, by person."""

    made: dict[str, str] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """Comparisons about the person that had most."""
        return max(self.compared.values())


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
    """On the real code, which it leaves as it is."""
    metered = Meter()
    prepare, challenges = OneTimeCodes.prepare, type(house.entries["codes/api"].challenges)
    count_try: Callable[..., Any] = challenges.count_try

    def preparing(one_time_codes: OneTimeCodes, challenge_id: str, event_id: str) -> Any:
        prepared = prepare(one_time_codes, challenge_id, event_id)
        if isinstance(prepared, OneTimeCode):
            metered.made[challenge_id] = prepared.to.person.person_id
        return prepared

    def counting(self: Any, challenge_id: str, *given: Any, **named: Any) -> Any:
        challenge = count_try(self, challenge_id, *given, **named)
        if challenge is not None and challenge_id in metered.made:
            who = metered.made[challenge_id]
            metered.compared[who] = metered.compared.get(who, 0) + 1
        return challenge

    monkeypatch.setattr(OneTimeCodes, "prepare", preparing)
    monkeypatch.setattr(challenges, "count_try", counting)
    return metered


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
