"""The story that `make demo STORY=year` tells is true, and may be told again."""

from pathlib import Path

import pytest

from local import year


@pytest.mark.long
def test_every_step_of_the_year_is_as_promised(tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "demo"

    result = year.play(tmp_path / "stack", folder, told.append)

    assert result == 0, "\n".join(told)
    assert {path.suffix for path in folder.iterdir()} == {".pdf", ".txt", ".html"}
    assert not (tmp_path / "stack" / "stack.json").exists()
