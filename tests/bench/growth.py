"""What posting to a lease costs after five years of entries, compared with a new one.

Calls and units are counted as in operations.py; CPU is the process's own, AWS's time left out, medians of
several payments posted in turns to the one lease and the other.
"""

import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

from local.instance import Instance, free_port
from local.running import LocalStack
from sesame.domain.calendar import shift
from sesame.store.deliveries import Hints
from tests.bench.operations import Meter, Metered
from tests.conftest import FrozenClock
from tests.e2e.own_tables import account_on
from tests.integration.tenants import admit
from tests.integration.test_payments import House

YEARS = 5
TIMES = 15
FIRST = "2021-09"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one posting."""

    calls: int
    read: float
    written: float
    cpu_ms: float

    def line(self, name: str) -> str:
        """A row of the report."""
        units = f"{self.read:5.1f} RCU {self.written:5.1f} WCU"
        return f"  {name:<42}{self.calls:>3} calls {units} {self.cpu_ms:6.1f} ms CPU"


class Growth:
    """Two leases that owe the same month, one of them after five years of notices and payments."""

    def __init__(self, aws: Any) -> None:
        self.metered = Metered(aws.dynamodb.meta.events)
        self.house = House(aws, FrozenClock(datetime(2021, 9, 1, 3, tzinfo=UTC)))
        self.old, self.new = self.house.lease, admit(aws, ine=None).lease
        self.number = 0
        self.house.lease = self.old
        for month in range(12 * YEARS):
            self.house.bill(shift(FIRST, month))
            self.house.clock.advance(timedelta(days=9))
            self.post(45_000)
            self.house.clock.advance(timedelta(days=21))
        for lease in (self.old, self.new):
            self.house.lease = lease
            self.house.bill("2026-09")
        self.house.clock.advance(timedelta(minutes=1))

    def post(self, cents: int, *, late: timedelta = timedelta()) -> tuple[Meter, float]:
        """Pays so much; what posting it called and used, and its seconds of CPU."""
        self.number += 1
        self.house.clock.advance(timedelta(seconds=1))
        house, name = self.house, f"e{self.number}"
        payment_id = house.checkout(cents, key=name).payment_id
        at = house.clock.now - late
        house.take(house.signed(house.message(payment_id, event=name, cents=cents, at=at)))
        hints = Hints(payment_id=payment_id, lease_id=house.lease.lease_id)
        with self.metered.measure() as meter:
            began = process_time()
            house.posting.post("sandbox", f"msg-{name}", hints)
            return meter, process_time() - began

    def costs(self, *, late: timedelta = timedelta()) -> tuple[Cost, Cost]:
        """Of the new lease and of the old one."""
        met: dict[str, list[tuple[Meter, float]]] = {"new": [], "old": []}
        for _ in range(TIMES):
            for name, lease in (("new", self.new), ("old", self.old)):
                self.house.lease = lease
                met[name].append(self.post(100, late=late))
        return _cost(met["new"]), _cost(met["old"])

    def rows(self) -> Iterator[tuple[str, Cost, Cost]]:
        """(what is posted, its cost on the new lease, on the old one)."""
        yield "a payment", *self.costs()
        yield "a payment that comes late", *self.costs(late=timedelta(seconds=30))


def _cost(met: list[tuple[Meter, float]]) -> Cost:
    """The dearest of calls and units, the median of CPU."""
    meters = [meter for meter, _ in met]
    return Cost(
        calls=max(len(meter.calls) for meter in meters),
        read=max(meter.read for meter in meters),
        written=max(meter.written for meter in meters),
        cpu_ms=1000 * statistics.median(cpu for _, cpu in met),
    )


def main() -> None:
    """On a local AWS of its own."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Instance(
            port=free_port(), mailbox_port=free_port(), folder=Path(folder), keeps_state=False
        )
        with LocalStack(instance, lambda _: None, schedules=False, seeded=False):
            print(f"Growth: posting to a lease with {YEARS} years of entries, and to a new one")
            for what, new, old in Growth(account_on(instance, "identity", "money")).rows():
                print(new.line(f"{what}, new lease"))
                print(old.line(f"{what}, after {YEARS} years"))


if __name__ == "__main__":
    main()
