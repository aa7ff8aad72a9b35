"""Starts the emulated AWS as a process of its own, on loopback only, and stops what it started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from local.doctor import Trouble
from local.instance import REGION, ROOT, Instance, clean_environment
from local.moved_clock import CLOCK

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
# Each warm function is a process of about 56 MB; two cores serve no more than this at once anyway.
CONCURRENCY = 24


class Emulator:
    """The emulator of one instance, as a context manager. Functions' IAM policies are enforced (AUTH)."""

    def __init__(self, instance: Instance, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.instance = instance
        self._monotonic = monotonic
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The emulator's process id. Raises Trouble when it is not running."""
        if self._process is None:
            raise Trouble("The local AWS is not running.\n  Start it: make run")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises Trouble, with the end of its log, when it does not."""
        folder = self.instance.folder
        # What a killed run left of its functions' files; nothing else lives there.
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        for name in ("tmp", "state", "objects"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        _rewind_streams(folder / "state" / "lambda.json")
        with (folder / "emulator.log").open("wb") as log:
            # A session of its own, so that Ctrl-C reaches us alone and it is stopped in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator_process"],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it and its functions. State is saved on the way out, or wiped if this instance keeps none."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None and not self.instance.keeps_state:
            self.reset()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The whole session: it is the one we made, the functions' workers are in it.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(self.instance.folder / "tmp", ignore_errors=True)

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def _environment(self) -> dict[str, str]:
        folder = self.instance.folder
        environment = clean_environment() | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.instance.port),
            "MINISTACK_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENCY),
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(folder / "tmp"),
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "objects"),
            "PERSIST_STATE": "1" if self.instance.keeps_state else "0",
            "S3_PERSIST": "1" if self.instance.keeps_state else "0",
            "SESAME_PARENT": str(os.getpid()),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
        }
        if self.instance.clock is not None:
            environment[CLOCK] = str(self.instance.clock)
        return environment

    def _wait_until_ready(self) -> None:
        deadline = self._monotonic() + READY_SECONDS
        while self._monotonic() < deadline:
            if not self.alive():
                raise Trouble(f"The local AWS stopped while starting.\n{self._log_tail()}")
            try:
                with urllib.request.urlopen(f"{self.instance.endpoint}/_ministack/ready", timeout=2):  # noqa: S310
                    return
            except OSError:
                time.sleep(0.05)
        raise Trouble(f"The local AWS did not answer within {READY_SECONDS:.0f} s.\n{self._log_tail()}")

    def reset(self) -> None:
        """Empty the running emulator. It answers as if just started for the first time."""
        request = urllib.request.Request(f"{self.instance.endpoint}/_ministack/reset", method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                json.load(answer)
        except (OSError, ValueError):
            pass  # It is about to be stopped either way.

    def _log_tail(self) -> str:
        log = self.instance.folder / "emulator.log"
        lines = log.read_text("utf-8", "replace").splitlines()[-15:]
        return "\n".join(["  Its log ends with:", *(f"  {line}" for line in lines), f"  (all of it: {log})"])


def _rewind_streams(state: Path) -> None:
    """Forget how far the tables' streams had been read: the emulator keeps that, but not the streams.

    They start again empty, and a reader left at record 200 would pass over the first 200 new ones.
    """
    if not state.exists():
        return
    kept = json.loads(state.read_text("utf-8"))
    if kept.get("payload", {}).pop("dynamodb_stream_positions", None) is not None:
        state.write_text(json.dumps(kept), "utf-8")
