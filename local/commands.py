"""What each command of `python -m local` does. One stack at a time runs in `.local`, held by a lock."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from local import stack as stack_file
from local.doctor import Trouble, check_native_libraries, check_ports, say, wanted_port
from local.instance import HOME, Instance
from local.running import LocalStack, wipe

LOCK = "run.lock"
YEAR = HOME / "year"
STORIES = {
    "weeks": "the first weeks of a tenancy, against the running stack",
    "year": "a whole tenancy, from admission to the deposit's return, on a stack of its own",
}
"""What `demo` can play; without a name, the first."""
CHECK_SECONDS = 5.0
DOWN_SECONDS = 60.0


class _Stopped(BaseException):
    """Somebody asked this process to stop."""


def up(*, demo_once: bool) -> int:
    """Start the stack, show how to reach it, and serve until told to stop."""
    began = time.monotonic()
    with _only_one(HOME):
        check_native_libraries()
        port = wanted_port()
        check_ports(port)
        instance = Instance(port=port, mailbox_port=port + 1, folder=HOME, keeps_state=True)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            say("Starting the local AWS ...")
            with LocalStack(instance, say) as running:
                say(f"Up in {time.monotonic() - began:.0f} s.")
                _show(running.content)
                if demo_once:
                    _play_once(instance.folder)
                say("Ctrl-C stops it; make run starts it again with what it holds, make reset forgets it.")
                _serve(running)
        except _Stopped:
            say("\nStopped. What it held is kept, but for the mailbox: make run starts it again.")
    return 0


def down() -> int:
    """Stop the stack that runs in another terminal."""
    pid = _running_pid(HOME)
    if pid is None:
        say("No local stack is running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while _running_pid(HOME) is not None:
        if time.monotonic() > deadline:
            raise Trouble(f"The local stack (process {pid}) has not stopped after {DOWN_SECONDS:.0f} s.")
        time.sleep(0.1)
    say("Stopped.")
    return 0


def reset() -> int:
    """Stop the stack if it runs, and forget all it held."""
    if _running_pid(HOME) is not None:
        down()
    with _only_one(HOME), _only_one(YEAR):
        wipe(HOME)
    say("Forgotten: the next make run starts from an empty AWS.")
    return 0


def demo(story: str = "") -> int:
    """Play a story of the demo, the first without a name. Raises Trouble for one that there is not."""
    story = story or next(iter(STORIES))
    if story not in STORIES:
        names = "\n".join(f"  {name:<6} {about}" for name, about in STORIES.items())
        raise Trouble(f"There is no story named {story!r}. These there are:\n{names}")
    return _year() if story == "year" else _first_weeks()


def _first_weeks() -> int:
    from local.demo import play  # noqa: PLC0415  (needs only stack.json: not loaded with the rest)

    content = stack_file.read(HOME)
    if content is None or _running_pid(HOME) is None:
        raise Trouble("No local stack is running.\n  Start it in another terminal: make run")
    played: int = play(content, HOME / "demo", say)
    return played


def _year() -> int:
    """On a stack of its own, whose clock it moves; one that runs besides is not touched."""
    from local import year  # noqa: PLC0415  (loads what reads PDFs: not with the rest)

    with _only_one(YEAR):
        check_native_libraries()
        wipe(YEAR)
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        try:
            say("Starting a local AWS for the year ...")
            return year.play(YEAR, HOME / "demo" / "year", say)
        except _Stopped:
            say("\nStopped.")
            return 1


def redrive(name: str) -> int:
    """Bring the dead letters of a queue of the running stack back to it."""
    from local.deploy import resources_of  # noqa: PLC0415  (loads boto3: not with the rest)
    from local.redrive import redrive as bring_back  # noqa: PLC0415

    instance = _running_instance()
    moved = bring_back(instance.client("sqs"), resources_of(instance), name)
    say(f"{moved} message{'s' if moved != 1 else ''} brought back.")
    return 0


def catch_up(stack: str | None) -> int:
    """Run every scheduled job once, here or, where a stack is named, on AWS."""
    import boto3  # noqa: PLC0415  (not with the rest)

    from local import catch_up as jobs  # noqa: PLC0415
    from local.deploy import resources_of  # noqa: PLC0415

    if stack is None:
        instance = _running_instance()
        functions, queues = instance.client("lambda"), instance.client("sqs")
        resources, patience = resources_of(instance), jobs.Patience(every=2, calm=6)
    else:
        functions, queues, patience = boto3.client("lambda"), boto3.client("sqs"), jobs.Patience()
        resources = jobs.stack_resources(boto3.client("cloudformation"), stack)
    for job, answer in jobs.catch_up(functions, queues, resources, patience):
        say(f"{job}: {answer}")
    return 0


def _running_instance() -> Instance:
    content = stack_file.read(HOME)
    port = urlsplit(content["api_url"]).port if content else None
    if port is None or _running_pid(HOME) is None:
        raise Trouble("No local stack is running.\n  Start it in another terminal: make run")
    return Instance(port=port, mailbox_port=port + 1, folder=HOME, keeps_state=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Once is enough: stopping in order must not be interrupted by an impatient second Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


def _serve(running: LocalStack) -> None:
    pause = threading.Event()
    while running.emulator.alive():
        pause.wait(CHECK_SECONDS)
        running.renew_token()
    raise Trouble(f"The local AWS has stopped by itself.\n  Its log: {HOME / 'emulator.log'}")


def _play_once(folder: Path) -> None:
    played = folder / "demo" / "played"
    if played.exists():
        return
    if demo() == 0:
        played.touch()


def _show(content: stack_file.Stack) -> None:
    say("")
    say(f"  API        {content['api_url']}   (its document: {content['api_url']}/v1/openapi.json)")
    say(f"  portal     {content['portal_url']}")
    say(f"  mailbox    {content['mailbox_url'].removesuffix('/mailbox')}/   (JSON: {content['mailbox_url']})")
    say(f"  all of it  {HOME / stack_file.FILE}   (with a staff token: Authorization: Bearer ...)")
    for tenant in content["demo_tenants"][:3]:
        say(f"  tenant     {tenant['name']}, born {tenant['birth_date']}, {tenant['email']}")
        say(f"             tenant code {tenant['tenant_code']}")
    say("")


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`. Raises Trouble when another process holds it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / LOCK).open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(_busy(folder)) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _busy(folder: Path) -> str:
    pid = _running_pid(folder)
    if folder == YEAR:
        return f"The year is being played already (process {pid}).\n  Wait for its end, or Ctrl-C there."
    content = stack_file.read(folder)
    where = f" at {content['api_url']}" if content else ""
    return (
        f"A local stack runs already{where} (process {pid}).\n"
        "  Use it, or stop it: Ctrl-C in its terminal, or .venv/bin/python -m local down"
    )


def _running_pid(folder: Path) -> int | None:
    """The process that holds the lock of `folder`, if any does."""
    try:
        with (folder / LOCK).open("r", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = lock.read().strip()
                return int(text) if text.isdigit() else None
    except FileNotFoundError:
        pass
    return None
