"""A private local AWS for the end-to-end tests: a free port, files of its own, IAM enforced, no clock's jobs.

Each pytest-xdist worker has its own: it is up in seconds, and two share nothing to disagree about.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from local.deploy import Deployment
from local.instance import Instance, free_port
from local.mailbox import Mail, read_mails
from local.running import LocalStack
from local.stack import Stack

Invoke = Callable[[str, dict[str, Any]], Any]


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """Where the tests' own emulator listens and keeps its files."""
    return Instance(
        port=free_port(),
        mailbox_port=free_port(),
        folder=tmp_path_factory.mktemp("local-aws"),
        keeps_state=False,
    )


@pytest.fixture(scope="session")
def running(instance: Instance) -> Iterator[LocalStack]:
    """The stack itself, up and seeded. Most tests want `stack`, `http` and `invoke` instead."""
    with LocalStack(instance, print, schedules=False) as local_stack:
        yield local_stack


@pytest.fixture(scope="session")
def stack(running: LocalStack) -> Stack:
    """What `.local/stack.json` says, of the tests' own stack."""
    return running.content


@pytest.fixture(scope="session")
def deployment(running: LocalStack) -> Deployment:
    """Physical names of what was deployed."""
    return running.deployment


@pytest.fixture(scope="session")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """A client of the API: `http.post("/v1/sign-ins", json=...)`. No redirects, no credentials."""
    with httpx.Client(base_url=stack["api_url"], timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def staff(stack: Stack) -> dict[str, str]:
    """Headers that make a request the demo staff member's."""
    return {"Authorization": f"Bearer {stack['staff_token']}"}


@pytest.fixture(scope="session")
def invoke(instance: Instance, deployment: Deployment) -> Invoke:
    """Call a function by its logical id in the template; answers its result, fails with its error."""

    def call(function: str, event: dict[str, Any]) -> Any:
        answer = instance.client("lambda").invoke(
            FunctionName=deployment.resources[function], Payload=json.dumps(event)
        )
        result = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, f"{function} failed: {result}"
        return result

    return call


@pytest.fixture(scope="session")
def mails(instance: Instance) -> Callable[..., list[Mail]]:
    """The e-mails sent to an address so far, newest first; of these, what came after the first `seen`."""

    def received(to: str, seen: int = 0) -> list[Mail]:
        newest_first = read_mails(instance, to)
        return newest_first[: max(0, len(newest_first) - seen)]

    return received


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., Any]:
    """Ask until the answer is true, and return it: what queues and streams do takes a moment."""

    def wait[T](ask: Callable[[], T], seconds: float = 120.0, every: float = 0.1) -> T:
        deadline = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < deadline, f"still {answer!r} after {seconds:.0f} s"
            time.sleep(every)
        return answer

    return wait
