"""The harness itself: flows that lose or double something are found out, a sound one is not."""

from collections.abc import Callable

import pytest

from sesame.platform.ids import new_id
from tests.faults.harness import Fault, Scene, faults_of, stage
from tests.integration.conftest import Aws


class Ledger(Scene):
    """Writes one line and counts it; `line_id` and the order of the two writes are what may be wrong."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.money = aws.money

    def trigger(self) -> bool:
        self.money.put({"pk": "LINES", "sk": "1"})
        self.money.put({"pk": "TOTAL", "sk": "1"})
        return True

    def check(self) -> None:
        assert self.money.get({"pk": "TOTAL", "sk": "1"})

    def state(self) -> object:
        return len(list(self.money.query_all("LINES")))


class Doubling(Ledger):
    """A line of its own each time it comes."""

    def trigger(self) -> bool:
        if not self.money.get({"pk": "TOTAL", "sk": "1"}):
            self.money.put({"pk": "LINES", "sk": new_id()})
            self.money.put({"pk": "TOTAL", "sk": "1"})
        return True


class Losing(Ledger):
    """Says it is done before it is."""

    def trigger(self) -> bool:
        if not self.money.get({"pk": "LINES", "sk": "1"}):
            self.money.put({"pk": "LINES", "sk": "1"})
            self.money.put({"pk": "TOTAL", "sk": "1"})
        return True


class Swallowing(Ledger):
    """Takes a failure for a success."""

    def trigger(self) -> bool:
        try:
            return super().trigger()
        except Exception:
            return True


class NeverSatisfied(Ledger):
    """Cannot get over what it did before."""

    def trigger(self) -> bool:
        self.money.put({"pk": "LINES", "sk": "1"}, unless_exists=True)
        return super().trigger()


def test_a_sound_flow_survives_and_each_of_its_calls_was_struck_four_ways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults = list(faults_of(stage(Ledger, monkeypatch)))

    for fault in faults:
        fault.play()

    assert len(faults) == 8
    assert str(faults[0]) == "exception before call 0 (dynamodb.PutItem) of attempt 0"


@pytest.mark.parametrize("scene", [Doubling, Losing, Swallowing])
def test_a_flow_that_loses_or_doubles_something_is_found_out(
    scene: Callable[[Aws, pytest.MonkeyPatch], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    survived = [_survives(fault) for fault in faults_of(stage(scene, monkeypatch))]

    assert not all(survived)


def test_what_a_fault_broke_is_told_with_the_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    [fault, *_] = [one for one in faults_of(stage(Losing, monkeypatch)) if not _survives(one)]

    with pytest.raises(AssertionError) as broken:
        fault.play()

    assert broken.value.__notes__ == [f"fault: {fault}"]


def test_a_trigger_that_is_never_satisfied_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="never satisfied"):
        list(faults_of(stage(NeverSatisfied, monkeypatch)))


def _survives(fault: Fault) -> bool:
    try:
        fault.play()
    except AssertionError:
        return False
    return True
