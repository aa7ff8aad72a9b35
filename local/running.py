"""A whole local stack: the emulator, the deployed template, the mailbox, staff, stack.json."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from local import stack as stack_file
from local.deploy import Deployment, Say, deploy, is_deployed
from local.emulator import Emulator
from local.instance import ROOT, Instance
from local.mailbox import Mailbox
from local.sandbox_provider import SandboxProvider
from local.seed import assign, demo_tenants, plant
from local.staff import DESK_EMAIL, StaffMember, Token
from local.student_issuer import StudentIssuer

# A token is replaced in stack.json while it still has this long to live.
RENEWAL_SECONDS = 15 * 60.0


class LocalStack:
    """Everything that runs, as a context manager: entered, it is deployed and reachable; left, stopped.

    `clock` is the wall clock, of staff's tokens; `present` the payment provider's.
    """

    deployment: Deployment
    content: stack_file.Stack
    _staff: StaffMember
    _token: Token
    _desk: StaffMember
    _desk_token: Token

    def __init__(
        self,
        instance: Instance,
        say: Say,
        *,
        seeded: bool = True,
        schedules: bool = True,
        root: Path = ROOT,
        clock: Callable[[], float] = time.time,
        present: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.instance = instance
        self.emulator = Emulator(instance)
        self._say = say
        self._seeded = seeded
        self._schedules = schedules
        self._root = root
        self._clock = clock
        self._present = present
        self._running = contextlib.ExitStack()
        self.students = StudentIssuer(instance.student_issuer)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            self._start(starting)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def renew_token(self) -> None:
        """Replace the staff's tokens in stack.json when their end is near."""
        if self._token.ends_within(RENEWAL_SECONDS, self._clock()):
            self._token, self._desk_token = self._staff.token(), self._desk.token()
            self._write(self.content["demo_tenants"])

    def _start(self, starting: contextlib.ExitStack) -> None:
        self.instance.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack_file.remove(self.instance.folder)
        starting.enter_context(self.emulator)
        mailbox = starting.enter_context(Mailbox(self.instance))
        mailbox.students = self.students
        if not is_deployed(self.instance):
            # What a run that ended badly may have left is of no use without its stack.
            self.emulator.reset()
        self.deployment = deploy(self.instance, self._say, root=self._root, schedules=self._schedules)
        mailbox.provider = SandboxProvider(
            api_url=self.instance.api_url,
            webhook_secret=self.deployment.webhook_secrets["sandbox"],
            base_url=self.instance.sandbox_url,
            folder=self.instance.folder,
            clock=self._present,
        )
        self._staff = StaffMember(self.instance, self.deployment, self._clock)
        self._desk = StaffMember(
            self.instance, self.deployment, self._clock, email=DESK_EMAIL, groups=["desk"]
        )
        self._token, self._desk_token = self._staff.token(), self._desk.token()
        tenants: list[stack_file.DemoTenant] = []
        if self._seeded:
            today = datetime.fromtimestamp(self._clock(), UTC).date()
            plant(self.instance, self.deployment, self._token.value, self._say, today)
            assign(self.instance, administrator=self._token.value, receptionist=self._desk_token.value)
            tenants = demo_tenants(self.instance, self.deployment)
        # Written last and removed first: while it is there, everything in it answers.
        starting.callback(stack_file.remove, self.instance.folder)
        self._write(tenants)

    def _write(self, tenants: Sequence[stack_file.DemoTenant]) -> None:
        self.content = stack_file.describe(
            self.instance,
            self.deployment,
            tenants,
            staff_token=self._token.value,
            desk_token=self._desk_token.value,
        )
        (self.instance.folder / stack_file.TRUST_FILE).write_text(self.deployment.trust)
        stack_file.write(self.instance.folder, self.content)


def wipe(folder: Path) -> None:
    """Forget everything a stopped instance kept; caches that only save time stay."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in {"cache", "run.lock"}:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
