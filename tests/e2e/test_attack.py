"""Attacks on the deployed functions, in parallel and from many networks; and a whole day of guessing.

The day's handlers run in this process on a local AWS of its own, since no deployed clock can be moved; its
figures: pytest tests/e2e/test_attack.py -k a_day --log-cli-level=INFO
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path
from typing import Any

import pytest

from local.deploy import Deployment
from local.emulator import Emulator
from local.instance import REGION, ROOT_KEY, Instance, free_port
from local.mailbox import Mail
from local.stack import Stack
from sesame.domain import codes
from sesame.domain.pacing import FREE_BIRTH_DATES, MOST_AN_HOUR
from sesame.services.confirming import ONE_TIME_CODE_TRIES
from sesame.store import keys
from sesame.store.table import Table
from tests.conftest import FrozenClock
from tests.integration.attacks import (
    DAY,
    ENTRIES,
    FEW,
    ONE_TIME_CODES,
    PHONE,
    Attacker,
    Meter,
    chance,
    most_guesses,
)
from tests.integration.conftest import account
from tests.integration.entries import http_event
from tests.integration.house import House
from tests.integration.tenants import admit

Ask = Callable[..., Any]
PARALLEL = 8
CODES_FUNCTION = "CodesFunction"


@pytest.fixture
def from_anywhere(
    invoke: Callable[[str, dict[str, Any]], Any],
) -> Callable[[int, str, dict[str, str]], tuple[int, dict[str, Any]]]:
    """A request to the deployed function, as the gateway hands it over, from a network of its own."""

    def ask(number: int, path: str, body: dict[str, str]) -> tuple[int, dict[str, Any]]:
        event = http_event("POST", path, body)
        event["requestContext"]["http"]["sourceIp"] = f"198.51.100.{number}"
        answer = invoke(CODES_FUNCTION, event)
        return answer["statusCode"], json.loads(answer["body"])

    return ask


@pytest.fixture
def together() -> Iterator[Callable[..., list[Any]]]:
    """Does something so many times at once; what came of each."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        yield lambda do, times: list(pool.map(do, range(times)))


def test_parallel_guesses_from_many_networks_are_compared_five_times(
    stack: Stack,
    instance: Instance,
    deployment: Deployment,
    mails: Callable[..., list[Mail]],
    wait_for: Ask,
    from_anywhere: Ask,
    together: Ask,
) -> None:
    tenant = stack["demo_tenants"][15]
    seen = len(mails(tenant["email"]))
    _, started = from_anywhere(1, "/v1/sign-ins", {"tenant_code": tenant["tenant_code"]})
    new = wait_for(lambda: mails(tenant["email"], seen))
    found = re.search(r"\b(\d{4})\s(\d{4})\b", new[0]["text"])
    assert found is not None
    right = int(found[1] + found[2])
    path = f"/v1/sign-ins/{started['sign_in_id']}/confirm"

    answers = together(
        lambda number: from_anywhere(number, path, {"otp": f"{(right + 1 + number) % 10**8:08}"}), 32
    )

    item = Table(instance.client("dynamodb"), deployment.tables["identity"]).get(
        keys.challenge(started["sign_in_id"])
    )
    assert item is not None
    assert item["tries"] == ONE_TIME_CODE_TRIES
    assert {status for status, _ in answers} == {401}
    left = Counter(problem["detail"].rpartition(": ")[2] for _, problem in answers)
    # each try that was compared says how many are left; the last of them, and all others, to start again
    assert sum(count for detail, count in left.items() if detail.rstrip(".").isdigit()) == 4
    assert from_anywhere(40, path, {"otp": f"{right:08}"})[0] == 401, "the right code comes too late"


def test_of_parallel_starts_about_one_identity_one_passes(
    stack: Stack, from_anywhere: Ask, together: Ask
) -> None:
    tenant = stack["demo_tenants"][16]
    body = {"email": tenant["email"], "birth_date": tenant["birth_date"]}

    statuses: Counter[int] = Counter(
        status
        for status, _ in together(lambda number: from_anywhere(number, "/v1/code-recoveries", body), 16)
    )

    assert statuses[202] == 1
    assert set(statuses) <= {202, 429, 503}


def test_of_parallel_guesses_at_a_birth_date_no_more_pass_than_are_free(
    stack: Stack, from_anywhere: Ask, together: Ask
) -> None:
    tenant = stack["demo_tenants"][17]

    def guess(number: int) -> int:
        body = {"email": tenant["email"], "birth_date": f"1990-02-{number % 28 + 1:02}"}
        return int(from_anywhere(number, "/v1/code-recoveries", body)[0])

    statuses: Counter[int] = Counter(together(guess, 28))

    assert 1 <= statuses[202] <= FREE_BIRTH_DATES
    assert set(statuses) <= {202, 429, 503}


def test_many_requests_at_once_make_no_more_than_ten_codes_an_hour(
    stack: Stack, mails: Callable[..., list[Mail]], wait_for: Ask, from_anywhere: Ask, together: Ask
) -> None:
    """Whatever identifies them is asked for at once, again and again, until the sender has had enough."""
    tenants = stack["demo_tenants"][18:22]
    before = {tenant["email"]: len(mails(tenant["email"])) for tenant in tenants}

    def ask(number: int) -> int:
        tenant = tenants[number % len(tenants)]
        ways: list[tuple[str, dict[str, str]]] = [
            ("/v1/sign-ins", {"tenant_code": tenant["tenant_code"]}),
            ("/v1/code-recoveries", {"email": tenant["email"], "birth_date": tenant["birth_date"]}),
            ("/v1/code-recoveries", {"ine": tenant["ine"], "birth_date": tenant["birth_date"]}),
        ]
        return int(from_anywhere(number, *ways[number // len(tenants) % len(ways)])[0])

    statuses: Counter[int] = Counter(together(ask, 4 * 3 * 3))

    assert statuses[202] == 4 * 3
    for tenant in tenants:
        email = tenant["email"]
        wait_for(lambda email=email: len(mails(email)) - before[email] >= 3)
        assert len(mails(email)) - before[email] <= MOST_AN_HOUR


@pytest.fixture
def house(tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """The handlers in this process, on an emulator of their own."""
    alone = Instance(port=free_port(), mailbox_port=free_port(), folder=tmp_path / "day", keeps_state=False)
    for name, value in {
        "AWS_ENDPOINT_URL": alone.endpoint,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    with Emulator(alone):
        yield House(account(), monkeypatch, clock, only=ENTRIES)


def test_a_day_of_guessing_at_a_person_succeeds_less_than_once_in_ten_thousand_days(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = admit(house.aws, phone=PHONE)
    meter = Meter.on(house, monkeypatch)
    monkeypatch.setattr(codes, "new_one_time_code", lambda random: f"{int.from_bytes(random(8)) % FEW:08}")
    attacker = Attacker(house, [tenant])

    attacker.attack(DAY)

    logging.getLogger(__name__).info(
        "%d requests, %d requests for a code, %d codes made, %d guesses compared, %d hits of 1 in %d; "
        "of 1 in %d a chance of %.1e a day, at most %.1e",
        attacker.requests,
        attacker.started,
        len(meter.made),
        meter.most,
        attacker.hits,
        FEW,
        ONE_TIME_CODES,
        chance(meter.most),
        chance(most_guesses(24)),
    )
    assert len(meter.made) > 12 * MOST_AN_HOUR, "the attack itself has become weak"
    assert meter.most <= most_guesses(24)
    assert chance(most_guesses(24)) < 1 / 10_000
    # a guess is worth what it is computed to be: the hits, of few codes, are within five deviations
    expected = len(meter.made) * ONE_TIME_CODE_TRIES / FEW
    assert abs(attacker.hits - expected) < 5 * sqrt(expected)
