"""A story's time: moved forward only, ticking, and read by the functions of its stack."""

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.deploy import MOVED_CLOCK
from local.moved_clock import CLOCK
from local.story_clock import StoryClock
from sesame.platform import clock as real

START = datetime(2024, 8, 19, 7, tzinfo=UTC)
OCTOBER = datetime(2024, 10, 16, 8, tzinfo=UTC)


class Wall:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 29, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def as_deployed(folder: Path) -> Any:
    """The package's clock with what is added to it, loaded as a function would."""
    text = Path(real.__file__).read_text("utf-8") + MOVED_CLOCK["platform/clock.py"].read_text("utf-8")
    file = folder / "clock.py"
    file.write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location("deployed_clock", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_ticks_as_the_wall_clock_does_and_moves_forward_only(tmp_path: Path) -> None:
    wall = Wall()
    clock = StoryClock(tmp_path / "clock", START, wall)

    wall.now += timedelta(seconds=3)
    assert clock() == START + timedelta(seconds=3)

    clock.move_to(OCTOBER)
    wall.now += timedelta(seconds=2)
    assert clock() == OCTOBER + timedelta(seconds=2)
    with pytest.raises(ValueError, match="over"):
        clock.move_to(START)


def test_functions_read_it_and_keep_the_rest_of_their_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StoryClock(tmp_path / "stack" / "clock", START)
    monkeypatch.setenv(CLOCK, str(clock.file))
    deployed = as_deployed(tmp_path)

    assert abs(deployed.utc_now() - START) < timedelta(seconds=5)
    clock.move_to(OCTOBER)

    assert abs(deployed.utc_now() - OCTOBER) < timedelta(seconds=5)
    assert deployed.utc_now().tzinfo is UTC
    assert deployed.scheduled_time({}, deployed.utc_now).date() == OCTOBER.date()


def test_the_package_itself_knows_no_way_to_move_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CLOCK, str(StoryClock(tmp_path / "clock", START).file))

    assert abs(real.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)
