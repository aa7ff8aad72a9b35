"""Counts the AWS calls that something makes: a budget is a number, so it is counted and not guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


@contextmanager
def count_calls(*clients: Any) -> Iterator[list[str]]:
    """The names of the operations sent by these clients meanwhile, in order: `["GetItem", ...]`."""
    calls: list[str] = []

    def note(model: Any, **_: Any) -> None:
        calls.append(model.name)

    for client in clients:
        client.meta.events.register("before-call", note)
    try:
        yield calls
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", note)


class Call(NamedTuple):
    """A call as whoever listens to the line could see it: what, bytes sent, status, bytes received."""

    operation: str
    sent: int
    status: int
    received: int


@contextmanager
def traced_calls(*clients: Any) -> Iterator[list[Call]]:
    """The calls of these clients meanwhile, in order."""
    calls: list[Call] = []
    sent: list[int] = []

    def before(params: dict[str, Any], **_: Any) -> None:
        sent.append(len(params["body"]))

    def after(model: Any, http_response: Any, **_: Any) -> None:
        answer = http_response
        calls.append(Call(model.name, sent.pop(), answer.status_code, len(answer.content)))

    for client in clients:
        client.meta.events.register("before-call", before)
        client.meta.events.register("after-call", after)
    try:
        yield calls
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", before)
            client.meta.events.unregister("after-call", after)
