"""An attacker who knows all about a person but what comes to their contacts, and a meter of their guesses.

They have as many networks as they like, and ask whenever asking may pass.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from sesame.domain.pacing import MOST_AN_HOUR
from sesame.services.confirming import ONE_TIME_CODE_TRIES
from sesame.services.one_time_codes import OneTimeCode, OneTimeCodes
from tests.integration.house import Answer, House
from tests.integration.tenants import Tenant

PHONE = "+33639981234"
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

    @classmethod
    def on(cls, house: House, monkeypatch: pytest.MonkeyPatch) -> "Meter":
        """Watches the real code, which it leaves as it is."""
        metered = cls()
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

    @property
    def most(self) -> int:
        """Comparisons about the person that had most."""
        return max(self.compared.values())
