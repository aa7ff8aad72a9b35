"""Nobody can tell from outside whether a person exists: not by an answer, nor by what it takes to make it.

Each kind of request is made about somebody known and about somebody who is not, and must make the same AWS
calls in the same order with as many bytes each way, and get the same answer. `make timing` measures the rest.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain import codes
from sesame.platform import aws as platform_aws
from sesame.store import keys
from tests.conftest import FrozenClock
from tests.integration.aws_calls import Call, traced_calls
from tests.integration.house import Answer, House
from tests.integration.tenants import Tenant, admit

PHONE = "+33639981234"
BORN = date(2004, 5, 31)
IDS = re.compile(r"\b[0-9a-z]{26}\b")
ENTRIES = ("codes/api", "notifications/send_code", "outbox/publish")


@dataclass(frozen=True, kw_only=True)
class Who:
    """What somebody types: their code, or who they say they are."""

    tenant_code: str
    email: str
    ine: str
    phone: str
    born: date = BORN

    def recovery(self, kind: str) -> dict[str, str]:
        """The body of a recovery by `email`, `ine` or `phone`."""
        return {kind: getattr(self, kind), "birth_date": self.born.isoformat()}


def known(tenant: Tenant) -> Who:
    return Who(tenant_code=tenant.printed_code, email="huong@example.org", ine="170669074DK", phone=PHONE)


def nobody() -> Who:
    return Who(
        tenant_code=codes.STANDARD.printed(codes.STANDARD.new(token_bytes)),
        email="a@b.fr",
        ine="123456789AB",
        phone="+33639980000",
    )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that there is to see of requests: answers without their ids, and the calls they made."""

    answers: list[tuple[int, dict[str, str], str]]
    calls: list[Call]


class Door:
    """The deployed ways in; each `look` takes the requests of one kind."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.source = 0
        self.clients = [platform_aws.client(name) for name in ("dynamodb", "kms", "secretsmanager")]
        house.entries["codes/api"].pepper.hash("warm", "up")  # a process's first request reads the pepper

    def look(self, requests: Callable[[], list[Answer]]) -> Seen:
        self.source += 1  # or the count of failures behind one address would have more digits for the later
        with traced_calls(*self.clients) as calls:
            answers = requests()
        said = [(one.status, one.headers, IDS.sub("id", one.text)) for one in answers]
        return Seen(answers=said, calls=calls)

    def ask(self, path: str, body: dict[str, str]) -> Answer:
        """A request from an address of its own."""
        return self.house.ask("POST", path, body, source=f"192.0.2.{self.source}")

    def started(self, path: str, body: dict[str, str]) -> str:
        """The id of a request whose message has been sent, if there is anybody to send it to."""
        answer = self.ask(path, body)
        assert answer.status == 202, answer
        self.house.relay()
        found = IDS.search(answer.text)
        assert found is not None
        return f"{path}/{found[0]}"


@pytest.fixture
def door(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(House(aws, monkeypatch, clock, only=ENTRIES))


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws, phone=PHONE)


WAYS = ("sign_in", "email", "ine", "phone")


def way_in(way: str, who: Who) -> tuple[str, dict[str, str]]:
    """Path and body of a request."""
    if way == "sign_in":
        return "/v1/sign-ins", {"tenant_code": who.tenant_code}
    return "/v1/code-recoveries", who.recovery(way)


def start_twice(door: Door, way: str, who: Who) -> Seen:
    """A start, one that comes too early, and one in time."""
    path, body = way_in(way, who)

    def requests() -> list[Answer]:
        answers = [door.ask(path, body), door.ask(path, body)]
        door.house.clock.advance(timedelta(seconds=31))
        return [*answers, door.ask(path, body)]

    return door.look(requests)


def resend(door: Door, way: str, who: Who) -> Seen:
    """The message asked for again, too early and in time."""
    path = door.started(*way_in(way, who))

    def requests() -> list[Answer]:
        early = door.ask(f"{path}/resend", {})
        door.house.clock.advance(timedelta(seconds=31))
        return [early, door.ask(f"{path}/resend", {"send_by": "sms"})]

    return door.look(requests)


def confirm_wrongly(door: Door, way: str, who: Who) -> Seen:
    """More wrong codes than there are tries, one of them no code at all; then no more messages either."""
    path = door.started(*way_in(way, who))
    typed = ["0000 0000", "0000 0001", "x", "0000 0002", "0000 0003", "0000 0004"]

    def requests() -> list[Answer]:
        answers = [door.ask(f"{path}/confirm", {"otp": one}) for one in typed]
        door.house.clock.advance(timedelta(seconds=31))
        return [*answers, door.ask(f"{path}/resend", {})]

    return door.look(requests)


STATUSES: dict[Callable[[Door, str, Who], Seen], list[int]] = {
    start_twice: [202, 429, 202],
    resend: [429, 202],
    confirm_wrongly: [401, 401, 401, 401, 401, 401, 404],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [start_twice, resend, confirm_wrongly])
def test_known_and_unknown_get_the_same_answers_by_the_same_calls_of_the_same_size(
    kind: Callable[[Door, str, Who], Seen], way: str, door: Door, tenant: Tenant
) -> None:
    of_somebody, of_nobody = kind(door, way, known(tenant)), kind(door, way, nobody())

    assert [status for status, _, _ in of_somebody.answers] == STATUSES[kind]
    assert of_somebody == of_nobody
    assert len(of_somebody.calls) >= len(of_somebody.answers)


@pytest.mark.parametrize("kind", [start_twice, resend, confirm_wrongly])
def test_a_wrong_birth_date_looks_like_the_right_one(
    kind: Callable[[Door, str, Who], Seen], door: Door, aws: Any, tenant: Tenant
) -> None:
    admit(aws, email="neighbour@example.org", ine=None)
    right = known(tenant)
    wrong = Who(**(vars(right) | {"email": "neighbour@example.org", "born": date(2003, 5, 31)}))

    assert kind(door, "email", right) == kind(door, "email", wrong)


@pytest.mark.parametrize("kind", [start_twice, resend, confirm_wrongly])
def test_who_gets_an_explanation_in_place_of_a_code_looks_like_anybody(
    kind: Callable[[Door, str, Who], Seen], door: Door, aws: Any, tenant: Tenant
) -> None:
    admit(aws, email="twins@example.org", ine="861583842CH")
    admit(aws, email="twins@example.org", ine=None, given_names="Lan")
    held = admit(aws, email="held@example.org", ine=None)
    until = (door.house.clock() + timedelta(hours=24)).isoformat()
    aws.identity.update(
        keys.person(held.person.person_id),
        "SET #hold = :hold",
        names={"#hold": "hold"},
        values={
            ":hold": {
                "until": until,
                "held": ["email"],
                "former": [],
                "recovery_id": "r",
                "changed_by": ["s"],
            }
        },
    )
    of_nobody = kind(door, "email", nobody())

    for email in ("twins@example.org", "held@example.org"):
        assert kind(door, "email", Who(**(vars(nobody()) | {"email": email}))) == of_nobody
        door.house.relay()
        assert door.house.sent.to(email)


@pytest.mark.parametrize("leases", [2, 3])
def test_who_has_several_leases_looks_like_anybody(leases: int, door: Door, aws: Any, tenant: Tenant) -> None:
    for _ in range(leases - 1):
        another_lease(aws, tenant)

    of_somebody = confirm_wrongly(door, "email", known(tenant))

    assert of_somebody == confirm_wrongly(door, "email", nobody())


def another_lease(aws: Any, tenant: Tenant) -> None:
    """One more lease of the same person."""
    other = admit(aws, email="other@example.org", ine=None).lease.lease_id
    aws.identity.update(keys.lease(other), "SET person_id = :who", values={":who": tenant.person.person_id})
    aws.identity.put({**keys.person_lease(tenant.person.person_id, other), "lease_id": other})


def test_the_help_is_the_same_for_everybody(door: Door, tenant: Tenant) -> None:
    def ask() -> list[Answer]:
        return [door.house.ask("GET", "/v1/code-recoveries/help")]

    ask()  # residences are kept for a while
    before = door.look(ask)
    door.started(*way_in("email", known(tenant)))

    assert door.look(ask) == before
    assert before.answers[0][0] == 200


def test_what_hides_who_it_is_does_not_cost_another_write_unit(door: Door, tenant: Tenant) -> None:
    door.started(*way_in("email", known(tenant)))
    scanned = door.house.aws.dynamodb.scan(TableName=door.house.aws.identity.name)["Items"]
    [item] = [one for one in scanned if one["sk"]["S"] == "CHALLENGE"]

    assert stored_bytes(item) <= 1024


def stored_bytes(wire: dict[str, Any]) -> int:
    """What DynamoDB counts: names and values; three bytes for a map or list, one for each member."""
    size = 0
    for name, value in wire.items():
        [(kind, held)] = value.items()
        size += len(name)
        match kind:
            case "M":
                size += 3 + len(held) + stored_bytes(held)
            case "L":
                size += 3 + len(held) + sum(stored_bytes({"": one}) for one in held)
            case "N":
                size += len(held) // 2 + 2
            case _:
                size += len(str(held))
    return size
