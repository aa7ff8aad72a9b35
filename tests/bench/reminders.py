"""Sixty days of hourly reminder runs in process, with the units that DynamoDB would bill.

The real planner over tables in memory (tests/fakes/dynamo.py) whose units are counted by the size of items.
Residences lie in six zones; a twentieth of each month's notices are unpaid, most of them paid within six
weeks, the rest never. Paid accounts are there too: what the planner reads must not grow with them.

Usage: PYTHONPATH=shared:. .venv/bin/python -m tests.bench.reminders [leases ...]     (10000 by itself)
       PYTHONPATH=shared:. .venv/bin/python -m tests.bench.reminders --emulator       (10,000 leases, twice)
"""

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any

from local.instance import Instance, free_port
from local.running import LocalStack
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.notices import notice_for
from sesame.domain.tenancy import Landlord, Lease, Person, Residence
from sesame.platform.ids import derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.billing import first_step
from sesame.services.formal_notices import FormalNotices
from sesame.services.reminders import ReminderRun
from sesame.services.surcharges import Surcharges
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.audit import Audit
from sesame.store.documents import Documents
from sesame.store.message_allowances import MessageAllowances
from sesame.store.people import lease_item, person_item, residence_item
from sesame.store.table import Table, marshal
from sesame.store.tasks import Tasks
from tests.e2e.own_tables import account_on
from tests.fakes.dynamo import FakeDynamo, Wire, size_of

ZONES = {
    "Europe/Paris": "75013",
    "Indian/Reunion": "97490",
    "America/Martinique": "97200",
    "America/Cayenne": "97300",
    "Pacific/Tahiti": "98713",
    "Pacific/Noumea": "98800",
}
STARTS = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 60
UNPAID = 0.05
PAY_IN_THE_END = 0.6
WITHIN_DAYS = 45
NOTICES_A_READ_UNIT = 8
"""The budget: one read unit for so many notices that are due."""
_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Used:
    """Calls and units of planner runs."""

    read: float = 0.0
    written: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Town:
    """What there is to remind: residences, the leases that will not pay in time, and when they do."""

    residences: list[Residence]
    late: dict[str, list[Lease]]
    """By month."""
    payments: list[tuple[datetime, Lease, int]]
    paid: int
    """Leases that owe nothing."""


def town(leases: int, random: Random) -> Town:
    """The same for the same number."""
    count = min(2_000, max(20, leases // 500))
    residences = []
    for number in range(count):
        zone, postal_code = list(ZONES.items())[number % len(ZONES)]
        residences.append(
            Residence(
                residence_id=f"residence-{number:05}",
                name=f"Résidence {number}",
                address=("1 rue de l'Essai",),
                postal_code=postal_code,
                city="Essai",
                time_zone=zone,
                landlord=Landlord(name="Opérateur d'essai", address=()),
            )
        )
    chosen = random.sample(range(leases), int(leases * UNPAID * 2))
    late = {"2026-09": chosen[::2], "2026-10": chosen[1::2]}
    payments: list[tuple[datetime, Lease, int]] = []
    by_month: dict[str, list[Lease]] = {}
    for month, numbers in late.items():
        issued = datetime.fromisoformat(f"{month}-01T03:00:00+00:00")
        by_month[month] = [_lease(number, residences[number % count]) for number in numbers]
        for lease in by_month[month]:
            if random.random() < PAY_IN_THE_END:
                hours = random.uniform(0, 24 * WITHIN_DAYS)
                payments.append((issued + timedelta(hours=hours), lease, lease.rent_cents))
    payments.sort(key=lambda one: (one[0], one[1].lease_id))
    return Town(residences=residences, late=by_month, payments=payments, paid=leases - len(chosen))


def _lease(number: int, residence: Residence) -> Lease:
    lease_id = derived_id("bench", str(number))
    return Lease(
        lease_id=lease_id,
        person_id=lease_id,
        residence_id=residence.residence_id,
        reference=f"L{number}",
        tenant_reference=f"T{number}",
        room="A101",
        starts_on=date(2026, 9, 1),
        ends_on=date(2027, 8, 31),
        rent_cents=45_000,
        charges_cents=0,
        deposit_cents=0,
        code_tail="7K",
        code_cipher=b"-",
        code_hash="-",
    )


class Run:
    """One simulation on a client of DynamoDB's."""

    def __init__(self, client: Any, tables: dict[str, str], measured: Callable[[], Any]) -> None:
        self.client, self.measured = client, measured
        self.identity, self.money, self.documents, self.operations = (
            Table(client, tables[name]) for name in ("identity", "money", "documents", "operations")
        )
        self.accounts = Accounts(self.money)
        audit = Audit(self.operations)
        self.planner = ReminderRun(
            identity=self.identity,
            accounts=self.accounts,
            operations=self.operations,
            formal_notices=FormalNotices(
                documents=Documents(self.documents),
                identity=self.identity,
                accounts=self.accounts,
                audit=audit,
                random=Random(0).randbytes,  # noqa: S311 - nobody verifies these
            ),
            allowances=MessageAllowances(self.operations),
            surcharges=Surcharges(accounts=self.accounts, audit=audit),
            tasks=Tasks(self.operations),
            budget=timedelta(hours=9),
        )
        self.used, self.reminders, self.runs = Used(), 0, 0
        self.now = STARTS

    def settle(self, place: Town, load: Callable[[str, Wire], None]) -> None:
        """Puts there what was there before: residences, who will be late, accounts that owe nothing."""
        for residence in place.residences:
            load(self.identity.name, marshal(residence_item(residence)))
        for leases in place.late.values():
            for lease in leases:
                load(self.identity.name, marshal(lease_item(lease)))
                load(self.identity.name, marshal(person_item(_person(lease))))
        for number in range(place.paid):
            lease_id = derived_id("bench", "paid", str(number))
            residence = place.residences[number % len(place.residences)]
            load(self.money.name, marshal(_settled(lease_id, residence.residence_id)))

    def play(self, place: Town) -> None:
        """Sixty days, an hour at a time; only the planner's runs are counted."""
        homes = {one.residence_id: one for one in place.residences}
        months = {datetime.fromisoformat(f"{month}-01T03:00:00+00:00"): month for month in place.late}
        waiting = list(reversed(place.payments))
        for hour in range(24 * DAYS):
            self.now = STARTS + hour * _HOUR
            if month := months.get(self.now):
                for lease in place.late[month]:
                    self._bill(lease, homes[lease.residence_id], month)
            while waiting and waiting[-1][0] <= self.now:
                _, lease, cents = waiting.pop()
                self._pay(lease, cents)
            with self.measured() as used:
                self.reminders += self.planner.plan(self.now).reminders
            self.used.read += used.read
            self.used.written += used.written
            self.used.calls.update(used.calls)
            self.runs += 1

    def _bill(self, lease: Lease, residence: Residence, month: str) -> None:
        notice = notice_for(lease, residence, month)
        assert notice is not None
        Bookkeeping(self.accounts, lambda: self.now).issue_notice(notice, first_step(residence, self.now))

    def _pay(self, lease: Lease, cents: int) -> None:
        entry = Entry(
            entry_id=f"payment:{lease.lease_id}:{self.now.isoformat()}",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=self.now,
            source=f"payment:{lease.lease_id}",
        )
        Bookkeeping(self.accounts, lambda: self.now).post(lease.lease_id, lease.residence_id, entry)


def _person(lease: Lease) -> Person:
    return Person(
        person_id=lease.person_id,
        family_name="Essai",
        given_names="Camille",
        birth_date=date(2004, 5, 31),
        email="camille@example.org",
    )


def _settled(lease_id: str, residence_id: str) -> dict[str, Any]:
    """An account whose notices are all paid."""
    return {
        **keys.account(lease_id),
        "lease_id": lease_id,
        "residence_id": residence_id,
        "balance_cents": 0,
        "credit_cents": 0,
        "outstanding": [],
        "unmatched": False,
        "folded_to": {"at": STARTS.isoformat(), "entry_id": f"payment:{lease_id}"},
        "version": 2,
    }


def in_memory(leases: int) -> tuple[Run, Town, float]:
    """A run over tables in memory, and its wall time in seconds."""
    sealed: Callable[[Wire | None, Wire], None] = _seal
    dynamo = FakeDynamo(sealed)

    @contextmanager
    def measured() -> Iterator[Used]:
        used, calls = Used(), dynamo.calls.copy()
        read, written = dynamo.read_units, dynamo.write_units
        yield used
        used.read, used.written = dynamo.read_units - read, dynamo.write_units - written
        used.calls = dynamo.calls - calls

    place = town(leases, Random(leases))  # noqa: S311 - the same town each time
    run = Run(dynamo, {name: name for name in ("identity", "money", "documents", "operations")}, measured)
    run.settle(place, dynamo.load)
    began = perf_counter()
    with quietly():
        run.play(place)
    return run, place, perf_counter() - began


def _seal(_before: Wire | None, after: Wire) -> None:
    """A document that was ordered is rendered and sealed by the time anybody looks."""
    if after["sk"]["S"] == "DOCUMENT":
        after["status"] = {"S": "ready"}


@contextmanager
def quietly() -> Iterator[None]:
    """Without a line of metrics for each of 1,440 runs."""
    level = logging.root.level
    logging.disable(logging.CRITICAL)
    with redirect_stdout(StringIO()):
        yield
    logging.disable(level if level > logging.CRITICAL else logging.NOTSET)


def report(leases: int) -> tuple[int, float]:
    """Plays and prints; returns notices that were unpaid and read units that depend on them."""
    began = process_time()
    run, place, seconds = in_memory(leases)
    unpaid = sum(map(len, place.late.values()))
    fixed = _fixed_read(run, place)
    steps, formal = run.reminders, run.used.calls["TransactWriteItems"]
    # of a formal notice: lease and person, half a unit each, and the document when it is told of
    papers = run.used.calls["GetItem"] - formal
    own = run.used.read - fixed - papers
    looks = run.used.calls["UpdateItem"] + formal
    print(
        f"{leases:>9,} leases in {len(place.residences):,} residences, {unpaid:,} notices unpaid in time, "
        f"{DAYS} days hourly: {seconds:.0f} s, "
        f"{process_time() - began:.0f} s of CPU with the setting up\n"
        f"  reminders announced {steps:,}; formal notices ordered {formal:,}; accounts looked at {looks:,}\n"
        f"  RCU {run.used.read:,.0f}, of which {fixed:,.0f} whatever is owed "
        f"(settings once a run, half a unit an open residence and run); "
        f"{own:,.0f} for what is due: {looks / max(own, 0.5):.1f} notices a unit "
        f"(budget {NOTICES_A_READ_UNIT}); {papers:,} for formal notices\n"
        f"  WCU {run.used.written:,.0f}: {run.used.written / steps:.2f} a reminder; "
        f"writes a step {looks / (steps + formal):.2f} (budget 1); "
        f"calls a reminder {sum(run.used.calls.values()) / steps:.2f} {dict(run.used.calls)}",
        flush=True,
    )
    return unpaid, own


def _fixed_read(run: Run, place: Town) -> float:
    """What reading costs where nothing is due: the residences each run, and a query an open residence."""
    sizes = sum(size_of(marshal(residence_item(one))) for one in place.residences)
    settings = max(1, -(-sizes // 4096)) * run.runs
    queries = run.used.calls["Query"] - run.runs * max(1, -(-sizes // 1_000_000))
    return settings + 0.5 * queries


def emulator() -> None:
    """The same 10,000 leases in memory and on the local AWS: the same write units, the same read units."""
    leases = 10_000
    memory, place, _ = in_memory(leases)
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(
            port=free_port(), mailbox_port=free_port(), folder=Path(folder), keeps_state=False
        )
        with LocalStack(instance, lambda _: None, schedules=False, seeded=False):
            aws = account_on(instance, "identity", "money", "documents", "operations")
            meter = Metering(aws.dynamodb)
            tables = {
                name: getattr(aws, name).name for name in ("identity", "money", "documents", "operations")
            }
            run = Run(aws.dynamodb, tables, meter.measure)
            run.settle(place, lambda table, item: aws.dynamodb.put_item(TableName=table, Item=item))
            documents = tables["documents"]
            meter.after_orders = lambda item: aws.dynamodb.put_item(
                TableName=documents, Item=item | {"status": {"S": "ready"}}
            )
            with quietly():
                run.play(place)
    for name, one, two in (
        ("reminders", memory.reminders, run.reminders),
        ("write units", memory.used.written, run.used.written),
        ("read units", memory.used.read, run.used.read),
        ("calls", sum(memory.used.calls.values()), sum(run.used.calls.values())),
    ):
        print(f"  {name:<12} in memory {one:,.1f}, emulator {two:,.1f}{'' if one == two else '   DIFFERS'}")


class Metering:
    """Units of a real client: writes as the emulator meters them, reads by the size of what came back."""

    def __init__(self, client: Any) -> None:
        self.used: Used | None = None
        self.after_orders: Callable[[Wire], Any] | None = None
        self._asked: list[Wire] = []
        events = client.meta.events
        events.register("provide-client-params.dynamodb.*", self._ask)
        events.register("after-call.dynamodb.*", self._note)

    @contextmanager
    def measure(self) -> Iterator[Used]:
        """Counts what happens inside."""
        self.used, self._asked = Used(), []
        yield self.used
        self.used = None
        for item in self._asked:
            if self.after_orders:
                self.after_orders(item)

    def _ask(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
        if self.used is None:
            return params
        self._consistent = params.get("ConsistentRead", False)
        for element in params.get("TransactItems", ()):
            item = element.get("Put", {}).get("Item", {})
            if item.get("sk", {}).get("S") == "DOCUMENT":
                self._asked.append(item)
        if "ReturnConsumedCapacity" in model.input_shape.members:
            return {**params, "ReturnConsumedCapacity": "TOTAL"}
        return params

    def _note(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if self.used is None:
            return
        self.used.calls[model.name] += 1
        if model.name in {"Query", "GetItem"}:
            items = parsed.get("Items", [parsed["Item"]] if "Item" in parsed else [])
            units = max(1, -(-sum(map(size_of, items)) // 4096))
            self.used.read += units * (1 if self._consistent else 0.5)
            return
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self.used.written += each.get("CapacityUnits", 0.0)


def main(sizes: tuple[int, ...] = (10_000,)) -> None:
    """Prints each size, and how reads grow from one to the next."""
    print("Reminders: sixty days of hourly runs")
    figures = [report(size) for size in sizes]
    for (few, read), (more, read_more) in pairwise(figures):
        slope = (read_more - read) / (more - few)
        print(f"  from {few:,} unpaid notices to {more:,}: {slope:.2f} RCU a notice more")


if __name__ == "__main__":
    if "--emulator" in sys.argv:
        emulator()
    else:
        main(tuple(int(size) for size in sys.argv[1:]) or (10_000,))
