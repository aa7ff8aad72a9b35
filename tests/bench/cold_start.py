"""Cold start: from process start to handler ready, as a ratio to a process that only makes a DynamoDB client.

Functions run as they ship: an isolated interpreter whose path is their own folder and the built layers. The
baseline imports boto3 as the package registry gives it. All take turns in the same run, so that whatever else
the machine does weighs on each alike; medians are compared.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import boto3

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
BUDGET = 1.5
BUDGET_WITH_IDEMPOTENCY = 1.6
_IDEMPOTENT = {"payments/api"}
BASELINE = "import boto3; boto3.client('dynamodb')"
INSTALLED = str(Path(boto3.__file__).parents[1])
BASELINE_PROGRAM = f"import sys; sys.path[:0] = [{INSTALLED!r}]; {BASELINE}"
_LAYERS = {"DependenciesLayer": ROOT / "layers" / "dependencies", "SharedLayer": ROOT / "shared"}
_BUILT = ROOT / ".build" / "bench"
RENDERER = "weasyprint"

VARIABLES = (
    "IDENTITY_TABLE MONEY_TABLE DOCUMENTS_TABLE OPERATIONS_TABLE BUCKET PEPPER_SECRET CODES_KEY SENDER "
    "PORTAL_URL API_URL BUS OPERATOR_NAME IMPORT_QUEUE_URL BILLING_QUEUE_URL PARKED_QUEUE_URL SANDBOX_URL "
    "NOTIFICATION_QUEUE_URL POSTING_QUEUE_URL RECONCILIATION_QUEUE_URL AID_IMPORT_QUEUE_URL "
    "TRANSMISSION_QUEUE_URL PARTNERS_SECRET "
    "SEAL_KEY SEAL_CERTIFICATE_SECRET TWO_D_DOC_KEY TWO_D_DOC_CERTIFICATE_SECRET"
)


def environment() -> dict[str, str]:
    """A function's variables, none of which is used before the first request."""
    return dict.fromkeys(VARIABLES.split(), "unset") | {
        "PATH": os.defpath,
        "STAGE": "local",
        "PROVIDER_SECRETS": "{}",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def http_functions() -> list[Path]:
    """The entry files that answer HTTP."""
    return [
        entry
        for entry in sorted((ROOT / "functions").glob("*/*.py"))
        if "api = Api(" in entry.read_text("utf-8")
    ]


def build_layers() -> list[str]:
    """Builds the layers as `sam build` does; returns what they put on the path."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for name, folder in _LAYERS.items():
        shutil.rmtree(_BUILT / name, ignore_errors=True)
        subprocess.run(
            ["make", "--silent", f"build-{name}", f"ARTIFACTS_DIR={_BUILT / name}"],
            cwd=folder,
            env=os.environ | {"PATH": path},
            check=True,
        )
    return [str(_BUILT / name / "python") for name in ("SharedLayer", "DependenciesLayer")]


def code_of(entry: Path, layers: list[str]) -> str:
    """What Lambda does before the first request: imports the entry file, which makes its clients."""
    path = [str(entry.parent), *layers]
    return f"import sys; sys.path[:0] = {path!r}; import {entry.stem}; {entry.stem}.handler"


def main() -> None:
    """Prints a line a function."""
    layers = build_layers()
    programs = {"baseline": BASELINE_PROGRAM} | {
        f"{entry.parent.name}/{entry.stem}": code_of(entry, layers) for entry in http_functions()
    }
    for program in programs.values():
        milliseconds(program)  # the first time reads from disk
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            times[name].append(milliseconds(program))
    medians = {name: median(values) for name, values in times.items()}
    base = medians.pop("baseline")
    print(f"Cold start, medians of {ROUNDS}; baseline {base:.0f} ms: {BASELINE}")
    print(f"  budget {BUDGET}, with idempotency {BUDGET_WITH_IDEMPOTENCY}")
    for name, value in medians.items():
        budget = BUDGET_WITH_IDEMPOTENCY if name in _IDEMPOTENT else BUDGET
        verdict = "" if value / base <= budget else "  OVER BUDGET"
        print(f"  {name:<26}{value:6.0f} ms  ratio {value / base:.2f}{verdict}")
    importing = [
        str(entry.relative_to(ROOT))
        for entry in sorted((ROOT / "functions").glob("*/*.py"))
        if imports(entry, RENDERER, [*layers, INSTALLED])
    ]
    print(f"  {RENDERER} is imported by: {', '.join(importing)}")


# Ready is ready: what a process does on its way out is no part of a cold start. The clock is the machine's
# monotonic one, the same in parent and child.
_READY = (
    "; import os, sys, time; sys.stdout.write(repr(time.perf_counter())); sys.stdout.flush(); os._exit(0)"
)


def milliseconds(program: str, variables: Mapping[str, str] | None = None) -> float:
    """From the start of a fresh process to the end of a program in it."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program + _READY],
        env=environment() | dict(variables or {}),
        check=True,
        capture_output=True,
        text=True,
    )
    return (float(run.stdout.splitlines()[-1]) - started) * 1000


def imports(entry: Path, package: str, path: list[str]) -> bool:
    """Whether an entry file, loaded from such a path as Lambda does, brings a package in."""
    program = f"{code_of(entry, path)}; import json; print(json.dumps({package!r} in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return bool(json.loads(run.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
