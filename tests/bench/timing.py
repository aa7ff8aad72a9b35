"""Can known and unknown identities be told apart by time? The real handlers in this process, a local AWS.

Usage: make timing     (the figures go to docs/security.md)

Requests about somebody known and about nobody take turns at random, on a clock that this program moves; each
pair of samples is compared by a Mann-Whitney U test, two-sided, the threshold divided by the number of pairs.
"""

import gc
import os
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from pathlib import Path
from secrets import token_bytes
from statistics import NormalDist, median
from time import perf_counter_ns

import pytest

from local.emulator import Emulator
from local.instance import REGION, ROOT_KEY, Instance, free_port
from sesame.domain import codes
from sesame.platform.ids import new_id
from sesame.platform.logs import logger
from tests.conftest import FrozenClock
from tests.integration.conftest import account
from tests.integration.house import Answer, House
from tests.integration.tenants import Tenant, admit

ROUNDS = int(os.environ.get("TIMING_ROUNDS", "1000"))
WARM_UP = 30
LEVEL = 0.01
PHONE = "+33639981234"
BORN = date(2004, 5, 31).isoformat()

Request = tuple[str, dict[str, str]]
Samples = dict[str, tuple[list[int], list[int]]]
"""What was asked -> nanoseconds for the known, for the unknown."""


class Bench:
    """The functions of the ways in, and somebody who can be known."""

    def __init__(self, house: House, tenant: Tenant) -> None:
        self.house = house
        self.random = random.Random(2004)  # noqa: S311 - only the order of requests
        self.samples: Samples = defaultdict(lambda: ([], []))
        stranger = codes.STANDARD.printed(codes.STANDARD.new(token_bytes))
        self.starts: dict[str, tuple[Request, Request]] = {
            "sign-in": (sign_in(tenant.printed_code), sign_in(stranger)),
            "recovery by e-mail": (
                recovery(email="huong@example.org"),
                recovery(email="nobody@example.org"),
            ),
            "recovery by INE": (recovery(ine="170669074DK"), recovery(ine="123456789AB")),
            "recovery by phone": (recovery(phone=PHONE), recovery(phone="+33639980000")),
        }

    def round(self) -> None:
        """Each request once about either."""
        self.house.clock.advance(timedelta(hours=2))
        ids: dict[str, tuple[str, str]] = {}
        for name, pair in self.shuffled():
            ids[name] = self.timed(name, pair, expect=202)
        self.send(ids)
        self.house.clock.advance(timedelta(seconds=31))
        resends = {name: pair_of(name, ids[name], "resend", {}) for name in ids}
        for name, pair in self.shuffled(resends):
            self.timed(f"{name}, message again", pair, expect=202)
        self.send(ids)
        confirms = {name: pair_of(name, ids[name], "confirm", {"otp": "0000 0000"}) for name in ids}
        for name, pair in self.shuffled(confirms):
            self.timed(f"{name}, wrong code", pair, expect=401)

    def shuffled(
        self, pairs: dict[str, tuple[Request, Request]] | None = None
    ) -> list[tuple[str, tuple[Request, Request]]]:
        """In an order of their own each time."""
        wanted = list((pairs or self.starts).items())
        self.random.shuffle(wanted)
        return wanted

    def timed(self, name: str, pair: tuple[Request, Request], *, expect: int) -> tuple[str, str]:
        """Asks both, in either order; the ids of what they started."""
        answers: dict[int, Answer] = {}
        for which in self.random.sample((0, 1), 2):
            path, body = pair[which]
            gc.disable()
            before = perf_counter_ns()
            answers[which] = self.house.ask("POST", path, body)
            taken = perf_counter_ns() - before
            gc.enable()
            if answers[which].status != expect:
                raise AssertionError(answers[which])
            self.samples[name][which].append(taken)
        return id_in(answers[0]), id_in(answers[1])

    def send(self, ids: dict[str, tuple[str, str]]) -> None:
        """What the sender does, in any order and outside what is timed."""
        mail = self.house.entries["notifications/send_code"].mail
        for challenge_id in self.random.sample(list(sum(ids.values(), ())), 2 * len(ids)):
            mail.one_time_codes.prepare(challenge_id, new_id())


def sign_in(tenant_code: str) -> Request:
    """A start by code."""
    return "/v1/sign-ins", {"tenant_code": tenant_code}


def recovery(**identity: str) -> Request:
    """A start by anything else."""
    return "/v1/code-recoveries", identity | {"birth_date": BORN}


def pair_of(name: str, ids: tuple[str, str], what: str, body: dict[str, str]) -> tuple[Request, Request]:
    """A later step of both."""
    way = "sign-ins" if name == "sign-in" else "code-recoveries"
    known, unknown = ((f"/v1/{way}/{one}/{what}", body) for one in ids)
    return known, unknown


def id_in(answer: Answer) -> str:
    """The id of what was started, where there is one."""
    return str(next((value for name, value in answer.body.items() if name.endswith("_id")), ""))


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """(probability that one of `first` is above one of `second`, two-sided p): 0.5 is no difference.

    By the normal approximation with the correction for ties (Mann and Whitney 1947), good from n = 20.
    """
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, ties, at = 0.0, 0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        rank_sum += sum((at + 1 + end) / 2 for _, which in ordered[at:end] if which == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    n, m, both = len(first), len(second), len(ordered)
    above = rank_sum - n * (n + 1) / 2
    deviation = sqrt(n * m / 12 * (both + 1 - ties / (both * (both - 1))))
    if deviation == 0:
        return 0.5, 1.0
    return above / (n * m), 2 * NormalDist().cdf(-abs(above - n * m / 2) / deviation)


def smallest_seen(first: Sequence[float], second: Sequence[float], level: float) -> float:
    """The delay, added to every one of `first`, from which the test would tell them apart."""
    low, high = 0.0, median(first)
    for _ in range(12):
        middle = (low + high) / 2
        _, p = mann_whitney([value + middle for value in first], second)
        low, high = (low, middle) if p < level else (middle, high)
    return high


def report(samples: Samples) -> bool:
    """Prints a line a request; whether none could be told apart."""
    level = LEVEL / len(samples)
    print(f"{ROUNDS} requests each; told apart below p = {level:.5f} ({LEVEL} over {len(samples)} pairs)")
    print(f"  {'request':<36}{'known':>9}{'unknown':>9}{'P(known>unknown)':>18}{'p':>9}{'would see':>12}")
    alike = True
    for name, (known, unknown) in samples.items():
        superiority, p = mann_whitney(known, unknown)
        seen = smallest_seen(known, unknown, level)
        medians = "".join(f"{median(one) / 1e6:>6.2f} ms" for one in (known, unknown))
        print(f"  {name:<36}{medians}{superiority:>18.3f}{p:>9.3f}{seen / 1e3:>9.0f} µs")
        alike &= p >= level
    print("  told apart: none" if alike else "  TOLD APART")
    return alike


def main() -> int:
    """Runs the rounds on a local AWS of its own; 1 where anything could be told apart."""
    logger.setLevel("WARNING")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        instance = Instance(
            port=free_port(), mailbox_port=free_port(), folder=Path(folder), keeps_state=False
        )
        for name, value in {
            "AWS_ENDPOINT_URL": instance.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
            "AWS_DEFAULT_REGION": REGION,
        }.items():
            environment.setenv(name, value)
        with Emulator(instance):
            aws = account()
            house = House(
                aws,
                environment,
                FrozenClock(datetime.now(UTC)),
                only=("codes/api", "notifications/send_code"),
            )
            bench = Bench(house, admit(aws, phone=PHONE))
            for number in range(WARM_UP + ROUNDS):
                if number == WARM_UP:
                    bench.samples.clear()
                bench.round()
    return 0 if report(bench.samples) else 1


if __name__ == "__main__":
    sys.exit(main())
