"""Faults at every call of a flow: whichever fails, and however, nothing is lost and nothing happens twice.

A flow is told as a `Scene`: an account where everything is ready for it, and the trigger that starts it. The
harness plays the scene once undisturbed and notes each call that leaves the process: every AWS operation (at
the botocore layer), every HTTP request made with urllib, whatever passes through `outward`. Nobody writes
that list down, so a call that is added to the flow later is disturbed too.

Then, for each of those calls, on a fresh account each time, one call fails: before its effect (AWS answers an
error) or after it (the answer never comes), each as an exception and as the death of the process, which no
handler can catch; a read, which has no effect, in one place only. The trigger does what triggers do: it comes
again until it is satisfied, and once more after that, because a lost answer looks the same to it. Both times
the scene's laws must hold, and its state must be what it is when nothing fails.

    class Deposit(Scene):
        def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
            ...  # up to the moment before the trigger
        def trigger(self) -> bool:
            ...  # True: satisfied; False or an exception: it comes again
        def check(self) -> None:
            ...  # the laws, by assertions
        def state(self) -> object:
            ...  # what must not depend on the fault

    def test_a_deposit_survives_any_fault(monkeypatch: pytest.MonkeyPatch) -> None:
        for fault in faults_of(stage(Deposit, monkeypatch)):
            fault.play()

`faults_of(..., twice=True)` disturbs the retry as well, at each of its calls: many scenes, for short flows.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import product
from typing import Any
from urllib.error import URLError
from urllib.request import OpenerDirector

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from sesame.platform import aws as platform_aws
from tests.integration.conftest import Aws, fresh_account

PATIENCE = 12
"""How often a trigger comes before it is a failure that it never was satisfied."""


class Death(BaseException):
    """The process ends here: no `except Exception` sees it."""


class When(StrEnum):
    """Whether the call had its effect."""

    BEFORE = "before"
    AFTER = "after"


class How(StrEnum):
    """What the caller sees of it."""

    EXCEPTION = "exception"
    DEATH = "death"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One call that fails: the `call`-th (from 0) of the trigger's `attempt`-th coming (from 0)."""

    attempt: int
    call: int
    name: str
    when: When
    how: How

    def __str__(self) -> str:
        return f"{self.how} {self.when} call {self.call} ({self.name}) of attempt {self.attempt}"


class Scene:
    """A flow on an account of its own. One is made for each fault; see the module's text."""

    def trigger(self) -> bool:
        """Comes once. True when it would not come again: answered 2xx, or taken off its queue."""
        raise NotImplementedError

    def check(self) -> None:
        """Asserts the laws."""
        raise NotImplementedError

    def state(self) -> object:
        """What the flow came to, free of ids and times that differ from one run to another."""
        return None

    def go_on(self) -> None:
        """What comes after the flow, where that would show what it lost or did twice."""

    def restart(self) -> None:
        """A new process: whatever the dead one kept in memory is gone."""

    def wait(self) -> None:
        """The time until the trigger comes again."""


OpenScene = Callable[[], AbstractContextManager[Scene]]


@dataclass(slots=True)
class _Line:
    """All calls of a scene pass here, and some are struck."""

    strikes: tuple[Strike, ...] = ()
    attempt: int = -1
    calls: list[list[str]] = field(default_factory=list)
    met: set[Strike] = field(default_factory=set)

    def passes(self, name: str, call: Callable[[], Any], failure: Callable[[str, When], Exception]) -> Any:
        if self.attempt < 0:
            return call()
        place = (self.attempt, len(self.calls[-1]))
        self.calls[-1].append(name)
        strike = next((one for one in self.strikes if (one.attempt, one.call) == place), None)
        if strike is None:
            return call()
        self.met.add(strike)
        if strike.when is When.AFTER:
            call()
        raise Death(name) if strike.how is How.DEATH else failure(name, strike.when)


_line: ContextVar[_Line | None] = ContextVar("line", default=None)


def _of_aws(name: str, when: When) -> Exception:
    if when is When.AFTER:
        return ReadTimeoutError(endpoint_url=f"https://{name}.example")
    refused: Any = {
        "Error": {"Code": "InternalServerError", "Message": "struck"},
        "ResponseMetadata": {"HTTPStatusCode": 500},
    }
    return ClientError(refused, name)


def _of_http(name: str, when: When) -> Exception:
    return TimeoutError(name) if when is When.AFTER else URLError(f"{name}: connection refused")


def outward(name: str, call: Callable[[], Any], failure: Callable[[str], Exception]) -> Any:
    """A call that leaves the process by another way than botocore or urllib, e.g. to a provider's fake.

    `failure` is what its caller sees where it fails without the process dying.
    """
    line = _line.get()
    if line is None:
        return call()
    return line.passes(name, call, lambda name, _: failure(name))


@contextmanager
def _watched(line: _Line) -> Iterator[None]:
    real_call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]
    real_open: Any = OpenerDirector.open

    def aws_call(client: Any, operation: str, parameters: Any) -> Any:
        name = f"{client.meta.service_model.service_name}.{operation}"
        return line.passes(name, lambda: real_call(client, operation, parameters), _of_aws)

    def http_call(opener: Any, request: Any, *rest: Any, **more: Any) -> Any:
        method = getattr(request, "method", None) or "GET"
        return line.passes(f"http.{method}", lambda: real_open(opener, request, *rest, **more), _of_http)

    token = _line.set(line)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(BaseClient, "_make_api_call", aws_call)
        patched.setattr(OpenerDirector, "open", http_call)
        try:
            yield
        finally:
            _line.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    calls: list[list[str]]
    state: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a flow is disturbed."""

    open_scene: OpenScene
    strikes: tuple[Strike, ...]
    undisturbed: object

    def __str__(self) -> str:
        return ", then ".join(map(str, self.strikes)) or "no fault"

    def play(self) -> _Played:
        """Plays the scene with this fault. Raises what the scene's laws raise, with the fault noted on it."""
        try:
            played = _play(self.open_scene, self.strikes)
            assert played.state == self.undisturbed
        except Exception as failure:
            failure.add_note(f"fault: {self}")
            raise
        return played


def faults_of(open_scene: OpenScene, *, twice: bool = False) -> Iterator[Fault]:
    """Every fault of a flow, its calls discovered by playing it once undisturbed, laws checked there too."""
    rehearsal = _play(open_scene, ())
    assert rehearsal.calls[0], "a flow that makes no call cannot be disturbed"
    for strike in _strikes(0, rehearsal.calls[0]):
        fault = Fault(open_scene=open_scene, strikes=(strike,), undisturbed=rehearsal.state)
        yield fault
        if twice:
            after = _play(open_scene, fault.strikes).calls
            for again in _strikes(1, after[1]):
                yield replace(fault, strikes=(strike, again))


_READS = ("Get", "BatchGet", "Query", "Scan", "Describe", "List", "HeadObject")


def _strikes(attempt: int, calls: list[str]) -> Iterator[Strike]:
    for (number, name), when, how in product(enumerate(calls), When, How):
        # a read has no effect, so that before and after it are the same
        if when is When.BEFORE or not name.partition(".")[2].startswith(_READS):
            yield Strike(attempt=attempt, call=number, name=name, when=when, how=how)


def _play(open_scene: OpenScene, strikes: tuple[Strike, ...]) -> _Played:
    line = _Line(strikes)
    with open_scene() as scene, _watched(line):
        _come_until_satisfied(scene, line)
        assert line.met == set(strikes), "a strike that met no call proves nothing"
        scene.check()
        state = scene.state()
        _come_until_satisfied(scene, line)
        scene.check()
        assert scene.state() == state, "a repeat changes nothing"
        scene.go_on()
        return _Played(calls=line.calls, state=state)


def _come_until_satisfied(scene: Scene, line: _Line) -> None:
    satisfied = False
    while not satisfied:
        assert len(line.calls) < PATIENCE, f"never satisfied: {line.calls}"
        line.calls.append([])
        line.attempt = len(line.calls) - 1
        satisfied = _come(scene)
        line.attempt = -1
        if not satisfied:
            scene.wait()


def _come(scene: Scene) -> bool:
    try:
        return scene.trigger()
    except Death:
        scene.restart()
    except Exception:
        return False  # the runtime reports it, and the trigger comes again
    return False


def stage(make: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch) -> OpenScene:
    """Scenes on fresh accounts in process, one after another; what `make` patches ends with its scene."""

    @contextmanager
    def open_scene() -> Iterator[Scene]:
        with mock_aws(), monkeypatch.context() as patched:
            platform_aws.client.cache_clear()
            platform_aws._session.cache_clear()
            yield make(fresh_account(patched), patched)
        platform_aws.client.cache_clear()
        platform_aws._session.cache_clear()

    return open_scene
