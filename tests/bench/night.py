"""A night of receipts: pages a second by one and by two workers, bytes of a sealed file, cost on Lambda.

A bounded run, extrapolated: each worker makes batches of receipts, no two alike, renders and seals each; the
median batch stands for the rest. The key is in process: KMS's time is waiting, not work, and is added to the
cost as its own line.

Usage: PYTHONPATH=shared:. .venv/bin/python -m tests.bench.night
"""

import multiprocessing
import os
import resource
import statistics
import warnings
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from time import perf_counter, process_time
from typing import Any

BATCHES, BATCH = 15, 10
NIGHT, PER = 10_000, 100_000

RENDER_GB, SEAL_GB = 1769 / 1024, 1024 / 1024
SEAL_SHARE = 1024 / 1769
"""Of a processor, that the seal function's memory buys (AWS Lambda: one at 1,769 MB)."""
RECORDS = 5
"""Of one invocation, render and seal alike (template.yaml)."""
PRICES = {
    "GB-second (Lambda, x86)": 0.0000166667,
    "invocation (Lambda)": 0.20 / 1e6,
    "signature (KMS, ECC)": 0.15 / 10_000,
    "PUT (S3)": 0.0053 / 1_000,
    "GET (S3)": 0.00042 / 1_000,
    "write unit (DynamoDB)": 0.7423 / 1e6,
    "event or message (EventBridge, SQS)": 1.0 / 1e6,
}
"""List prices taken, dollars: look yours up and change them here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One worker's batches: seconds a document, of the clock and of the processor, and what came out."""

    render_seconds: list[float]
    seal_seconds: list[float]
    wall_seconds: list[float]
    sealed_bytes: list[int]
    pages: int
    peak_mb: float


def work(seed: int) -> Work:
    """In a process of its own, as a function has it."""
    warnings.simplefilter("ignore")
    from sesame.documents.render import Renderer  # noqa: PLC0415
    from tests.unit.test_seal import Kms, sealer_of  # noqa: PLC0415

    renderer, sealer = Renderer("https://locataires.example"), sealer_of(Kms())
    warm = renderer.render(*receipt(seed * 1_000_000))
    sealer.seal(warm.pdf)
    render, seal, wall, sizes, pages = [], [], [], [], 0
    for batch in range(BATCHES):
        began, rendering, sealing = perf_counter(), 0.0, 0.0
        for number in range(BATCH):
            facts, issue = receipt(seed * 1_000_000 + batch * BATCH + number + 1)
            before = process_time()
            made = renderer.render(facts, issue)
            between = process_time()
            sealed = sealer.seal(made.pdf)
            rendering, sealing = rendering + between - before, sealing + process_time() - between
            sizes.append(len(sealed))
            pages += made.pages
        wall.append((perf_counter() - began) / BATCH)
        render.append(rendering / BATCH)
        seal.append(sealing / BATCH)
    return Work(
        render_seconds=render,
        seal_seconds=seal,
        wall_seconds=wall,
        sealed_bytes=sizes,
        pages=pages,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def receipt(number: int) -> tuple[Any, Any]:
    """A receipt like no other."""
    from sesame.domain.certificates import Issue, Tenancy  # noqa: PLC0415
    from sesame.domain.receipts import PeriodStanding, Settlement, receipt_facts  # noqa: PLC0415
    from sesame.domain.tenancy import Language  # noqa: PLC0415
    from tests.unit.documents import LEASE, PERSON, RESIDENCE  # noqa: PLC0415

    rent = 30_000 + number % 40_000
    standing = PeriodStanding(
        period="2026-10",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        rent_cents=rent,
        charges_cents=5_000,
        settlements=(Settlement(received_on=date(2026, 10, 5), amount_cents=rent + 5_000, method="online"),),
    )
    tenancy = Tenancy(
        person=replace(PERSON, family_name=f"D'Almeida-{number:08}"),
        lease=replace(LEASE, room=f"B{number % 900 + 100}", tenant_reference=f"{number:08}"),
        residence=RESIDENCE,
        language=Language.FRENCH,
    )
    at = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number % 80_000)
    issue = Issue(on=at.date(), at=at, number=f"2026-{number:08}", verification_code=f"{number:016}")
    return receipt_facts(tenancy, standing), issue


def main() -> None:
    """Prints the report."""
    print(f"A night of receipts, {BATCHES} batches of {BATCH} a worker, on {os.cpu_count()} processors")
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        alone = pool.map(work, [1])
    with context.Pool(2) as pool:
        together = pool.map(work, [2, 3])
    for workers in (alone, together):
        rate = sum(1 / statistics.median(one.wall_seconds) for one in workers)
        slowest = sum(1 / max(one.wall_seconds) for one in workers)
        print(
            f"  {len(workers)} worker(s): {rate:6.1f} receipts/s (slowest batches {slowest:.1f});"
            f" {NIGHT:,} in {NIGHT / rate / 60:.1f} min, extrapolated from {len(workers) * BATCHES * BATCH}"
        )
    one = alone[0]
    print(f"  pages a receipt: {one.pages / (BATCHES * BATCH):.2f}; peak {one.peak_mb:.0f} MB")
    print(
        f"  sealed file: median {statistics.median(one.sealed_bytes) / 1000:.1f} kB,"
        f" largest {max(one.sealed_bytes) / 1000:.1f} kB (budget 40 kB)"
    )
    render, seal = statistics.median(one.render_seconds), statistics.median(one.seal_seconds)
    print(f"  processor a document: render {render * 1000:.1f} ms, seal {seal * 1000:.1f} ms")
    _cost(render, seal)


def _cost(render: float, seal: float) -> None:
    """Dollars for `PER` documents, line by line."""
    seconds = PRICES["GB-second (Lambda, x86)"]
    lines = {
        f"render {render:.4f} s x {RENDER_GB:.3f} GB": render * RENDER_GB * seconds,
        f"seal {seal:.4f} s / {SEAL_SHARE:.3f} of a processor x {SEAL_GB:.3f} GB": seal
        / SEAL_SHARE
        * SEAL_GB
        * seconds,
        f"invocations 2 / {RECORDS}": 2 / RECORDS * PRICES["invocation (Lambda)"],
        "signature by KMS, one": PRICES["signature (KMS, ECC)"],
        "S3: two PUTs, one GET": 2 * PRICES["PUT (S3)"] + PRICES["GET (S3)"],
        "DynamoDB: 25 write units (13 to ask, 4 rendered, 8 sealed)": 25 * PRICES["write unit (DynamoDB)"],
        "events and messages, some 9": 9 * PRICES["event or message (EventBridge, SQS)"],
    }
    print(f"  cost of {PER:,} on Lambda, AWS's waiting not counted:")
    for name, dollars in lines.items():
        print(f"    {name:<60} ${dollars * PER:6.2f}")
    print(f"    {'in all':<60} ${sum(lines.values()) * PER:6.2f}")


if __name__ == "__main__":
    main()
