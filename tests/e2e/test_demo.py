"""The story that `make demo` tells is true."""

from pathlib import Path

from local.demo import play
from local.stack import Stack


def test_every_step_of_the_demo_is_as_promised(stack: Stack, tmp_path: Path) -> None:
    told: list[str] = []

    result = play(stack, tmp_path / "demo", told.append)

    assert result == 0, "\n".join(told)
    assert {path.suffix for path in (tmp_path / "demo").iterdir()} == {".pdf", ".txt", ".html"}


def test_a_stack_that_does_not_answer_is_told_in_words(stack: Stack, tmp_path: Path) -> None:
    told: list[str] = []
    gone = stack | {"api_url": "http://127.0.0.1:9/nothing"}

    result = play(gone, tmp_path / "demo", told.append)

    assert result == 1
    assert "make run" in told[-1]
