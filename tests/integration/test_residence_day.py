"""A residence's day: what it shows, as it changes, and what it costs to ask for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import batched
from math import ceil
from typing import Any

import pytest

from sesame.domain.arrears import Owed
from sesame.domain.attachments import Side
from sesame.domain.payments import EventKind, Payment, PaymentEvent
from sesame.domain.refunds import Refund
from sesame.domain.scope import Scope
from sesame.domain.tenancy import LeaseStatus
from sesame.domain.terms import ending
from sesame.domain.threads import Thread, ThreadCategory, ThreadState
from sesame.platform.ids import new_id
from sesame.store import keys
from sesame.store.arrears import note_owed
from sesame.store.documents import FLAGGED
from sesame.store.payments import Payments
from sesame.store.people import People
from sesame.store.refunds import Refunds
from sesame.store.table import Put, Table, marshal, transact
from sesame.store.threads import Threads
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.entries import http_event, load, prepare
from tests.integration.staff_members import as_staff, enrol
from tests.integration.tenants import RESIDENCE, admit, admit_again

NOW = datetime(2026, 8, 30, 22, 30, tzinfo=UTC)
"""Half past midnight of the 31st at the residence."""
TODAY = date(2026, 8, 31)
PATH = f"/v1/desk/residences/{RESIDENCE.residence_id}/day"
ROOMS = 500
RCU_BYTES = 4096
KEYS_GOT = 3


class Desk:
    """The function, asked by a manager of the residence."""

    def __init__(self, aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws, clock.now = aws, NOW
        prepare(aws, monkeypatch)
        monkeypatch.setattr("sesame.platform.clock.utc_now", clock)
        enrol(aws, "manager", Scope(residence_ids=frozenset({RESIDENCE.residence_id})))
        self.module = load("desk/follow_up")

    def ask(self, *roles: str, path: str = PATH) -> tuple[int, Any]:
        """Status and body."""
        event = as_staff(http_event("GET", path), "manager", *(roles or ("manager",)))
        answer = self.module.handler(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    def day(self) -> Any:
        """The residence's."""
        status, shown = self.ask()
        assert status == 200, shown
        return shown

    def moves(self) -> dict[str, tuple[list[str], list[str]]]:
        """Rooms that are taken and left, by day, of the days on which there are any."""
        return {
            one["day"]: ([a["room"] for a in one["arrivals"]], [d["room"] for d in one["departures"]])
            for one in self.day()["days"]
            if one["arrivals"] or one["departures"]
        }


@pytest.fixture
def desk(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(aws, clock, monkeypatch)


def test_the_week_shows_who_comes_and_leaves_as_leases_stand_now(desk: Desk) -> None:
    people = People(desk.aws.identity, desk.aws.pepper)
    comes = admit(desk.aws)
    leaves = admit_again(
        desk.aws, comes, starts_on=date(2025, 9, 1), ends_on=date(2026, 8, 31), room="C101"
    ).lease
    stays = admit_again(
        desk.aws, comes, starts_on=date(2025, 9, 1), ends_on=date(2026, 9, 7), room="C102"
    ).lease
    admit_again(desk.aws, comes, starts_on=date(2026, 9, 8), ends_on=date(2027, 8, 31), room="C103")  # later

    before = desk.moves()
    longer = ending(stays, date(2027, 8, 31))
    for was, now in ((stays, longer), (comes.lease, replace(comes.lease, status=LeaseStatus.CANCELLED))):
        transact(desk.aws.dynamodb, [people.amending(was, now), *people.moving(was, now)])

    assert before == {
        "2026-08-31": ([], ["C101"]),
        "2026-09-01": ([comes.lease.room], []),
        "2026-09-07": ([], ["C102"]),
    }
    assert desk.moves() == {"2026-08-31": ([], ["C101"])}
    assert people.moving(leaves, replace(leaves, rent_cents=1)) == []
    assert [one["day"] for one in desk.day()["days"]] == [
        (TODAY + timedelta(days=ahead)).isoformat() for ahead in range(8)
    ]


def test_what_was_owed_last_night_is_aged_today_and_an_older_night_changes_nothing(desk: Desk) -> None:
    admit(desk.aws)
    night = NOW - timedelta(hours=4)
    owed = Owed(
        cents={TODAY - timedelta(days=1): 5_000, TODAY - timedelta(days=40): 45_000, TODAY: 9_000},
        leases={TODAY - timedelta(days=40): 1, TODAY: 3, TODAY - timedelta(days=1): 1},
    )

    before = desk.day()["arrears"]
    note_owed(desk.aws.operations, RESIDENCE.residence_id, owed, night)
    note_owed(desk.aws.operations, RESIDENCE.residence_id, Owed(), night - timedelta(days=1))

    shown = desk.day()["arrears"]
    assert before is None
    assert (shown["up_to_30_cents"], shown["up_to_60_cents"], shown["total_cents"]) == (5_000, 45_000, 50_000)
    assert (shown["leases"], datetime.fromisoformat(shown["as_of"])) == (2, night)


@pytest.mark.parametrize("roles", [("desk",), ("accountant",)])
def test_only_managers_see_it_and_a_long_name_is_no_residence(desk: Desk, roles: tuple[str, ...]) -> None:
    admit(desk.aws)

    assert desk.ask(*roles)[0] == 403
    assert desk.ask("manager", path=f"/v1/desk/residences/{'x' * 3000}/day")[0] == 404


def test_the_day_of_500_rooms_costs_five_calls_and_less_than_50_read_units(desk: Desk) -> None:
    admit(desk.aws)
    full_of_work(desk.aws)

    with count_calls(desk.module.dynamodb) as calls, read_units(desk.module.dynamodb) as units:
        shown = desk.day()

    assert sorted(calls) == ["BatchGetItem", "Query", "Query", "Query", "Query"]
    assert sum(units) < 50, units
    assert sum(len(one["arrivals"]) for one in shown["days"]) == ROOMS + 1
    assert sum(len(one["departures"]) for one in shown["days"]) == ROOMS
    assert shown["threads"]["count"] == 60
    assert shown["flagged_documents"]["count"] == 40
    assert (shown["tasks"]["count"], shown["tasks"]["more"]) == (100, True)
    assert shown["tasks"]["by_kind"] == {"bounce": 100}
    assert (shown["refunds"]["count"], shown["refunds"]["more"]) == (30, False)
    flagged = shown["flagged_payments"]
    assert (flagged["count"], flagged["more"]) == (20, False)
    assert flagged["oldest_at"].startswith("2026-08-02T00:00:00")
    assert shown["threads"]["oldest_at"].startswith("2026-08-01T00:00:00")


def full_of_work(aws: Any) -> None:
    """The busiest week: everybody leaves on one day, as many come on the next, and much waits."""
    residence_id, first = RESIDENCE.residence_id, datetime(2026, 8, 1, tzinfo=UTC)
    [known] = People(aws.identity, aws.pepper).every_lease_of_residence(residence_id)
    arrives, leaves = (aws.identity.get(key(known.lease_id)) for key in (keys.arrival, keys.departure))
    leaves |= {"gsi1sk": TODAY.isoformat()}
    store(
        aws.identity,
        *(
            one | {"pk": keys.lease(new_id())["pk"], "room": f"B{room}"}
            for one in (arrives, leaves)
            for room in range(ROOMS)
        ),
    )
    threads, flags, tasks, refunds = [], [], [], []
    for number in range(60):
        at = first + timedelta(hours=number)
        thread = Thread(
            thread_id=new_id(),
            lease_id=new_id(),
            residence_id=residence_id,
            person_id=new_id(),
            category=ThreadCategory.ROOM,
            subject="x" * 100,
            created_at=at,
            created_by=Side.TENANT,
            last_at=at,
            state=ThreadState.WAITING,
            messages=1,
            last_by={Side.TENANT: 1},
            waiting_since=at,
        )
        threads.append(Threads(aws.documents).opening(thread).item)
        answered = replace(thread, thread_id=new_id(), state=ThreadState.ANSWERED, waiting_since=None)
        threads.append(Threads(aws.documents).opening(answered).item)
    for number in range(40):
        document_id = new_id()
        stamp = (first + timedelta(hours=number)).isoformat(timespec="microseconds")
        flags.append(
            {
                **keys.document_flag(document_id),
                "gsi1pk": keys.flagged_documents(residence_id),
                "gsi1sk": f"{FLAGGED}{stamp}#{document_id}",
                "document_id": document_id,
                "lease_id": new_id(),
                "residence_id": residence_id,
                "kind": "rent_receipt",
                "number": "2026-08-000123",
                "created_at": stamp,
                "missing_glyphs": 1,
                "expires_at": 1_900_000_000,
            }
        )
    for number in range(150):
        task_id, stamp = new_id(), (first + timedelta(hours=number)).isoformat()
        tasks.append(
            {
                **keys.task(task_id),
                "gsi1pk": keys.open_tasks(residence_id),
                "gsi1sk": f"{stamp}#{task_id}",
                "task_id": task_id,
                "kind": "bounce",
                "residence_id": residence_id,
                "lease_id": new_id(),
                "raised_at": stamp,
                "details": {"channel": "email", "message_id": new_id(), "reason": "bounce"},
                "version": 1,
            }
        )
    for number in range(30):
        asked_at = first + timedelta(hours=number)
        refund = Refund(
            refund_id=new_id(),
            lease_id=new_id(),
            residence_id=residence_id,
            person_id=new_id(),
            amount_cents=100,
            requested_at=asked_at,
            not_before=asked_at + timedelta(days=1),
            iban="FR7630006000011234567890189",
            holder="T. H. Nguyen",
        )
        opened = Refunds(aws.money).opening(refund)[1]
        assert isinstance(opened, Put)
        refunds.append(opened.item)
    payments = Payments(aws.money)
    for number in range(20):
        at = first + timedelta(days=1, hours=number)
        paid_too_much = Payment(
            payment_id=new_id(),
            lease_id=new_id(),
            residence_id=residence_id,
            provider="sandbox",
            amount_cents=45_000,
            created_at=at,
            events=(PaymentEvent(event_id="e", kind=EventKind.SETTLED, amount_cents=50_000, occurred_at=at),),
        )
        aws.money.write(payments.flagging(paid_too_much))
    store(aws.documents, *threads, *flags)
    store(aws.operations, *tasks)
    store(aws.money, *refunds)
    due = [TODAY - timedelta(days=30 * month) for month in range(36)]
    owed = Owed(cents=dict.fromkeys(due, 22_500_000), leases=dict.fromkeys(due, 500))
    note_owed(aws.operations, residence_id, owed, NOW)


def store(table: Table, *items: Any) -> None:
    """Writes them, 25 a call."""
    for some in batched(items, 25, strict=False):
        puts = [{"PutRequest": {"Item": marshal(item)}} for item in some]
        table.client.batch_write_item(RequestItems={table.name: puts})


@contextmanager
def read_units(client: Any) -> Iterator[list[float]]:
    """What each call reads, in units as DynamoDB counts them: queries here are of indexes, so half of what is
    read in all by 4 KB begun; what is got by key is strongly consistent, an item's own 4 KB each."""
    units: list[float] = []

    def after(model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if model.name == "Query":
            units.append(ceil(sum(map(size, parsed["Items"])) / RCU_BYTES) / 2)
        else:
            found = [item for items in parsed["Responses"].values() for item in items]
            units.append(sum(ceil(size(item) / RCU_BYTES) for item in found) + KEYS_GOT - len(found))

    client.meta.events.register("after-call", after)
    try:
        yield units
    finally:
        client.meta.events.unregister("after-call", after)


def size(value: Any) -> int:
    """Bytes of an item as DynamoDB's wire has it: names and values, and what a map costs beside."""
    total = 0
    for name, [(kind, inner)] in ((name, list(wire.items())) for name, wire in value.items()):
        total += len(name.encode())
        if kind == "M":
            total += 3 + len(inner) + size(inner)
        elif kind == "L":
            total += 3 + sum(1 + size({"": one}) for one in inner)
        elif kind == "N":
            total += len(inner) // 2 + 2
        else:
            total += len(str(inner).encode())
    return total
