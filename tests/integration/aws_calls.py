"""Counts the AWS calls that something makes: a budget is a number, so it is counted and not guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


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
