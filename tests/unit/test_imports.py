"""The part of the import rule that a contract over the package cannot see: functions and the local stack."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted((ROOT / "functions").glob("*/*.py"))
PACKAGE = sorted((ROOT / "shared" / "sesame").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FUNCTIONS, ids=named)
def test_a_function_touches_no_key_and_nothing_that_is_not_deployed(path: Path) -> None:
    used = imported(path)

    assert "sesame.store.keys" not in used
    assert not {name.partition(".")[0] for name in used} & {"local", "tests", "functions", "docs"}


@pytest.mark.parametrize("path", PACKAGE, ids=named)
def test_the_package_knows_nothing_of_what_stands_on_it(path: Path) -> None:
    assert not {name.partition(".")[0] for name in imported(path)} & {"local", "tests", "functions", "docs"}
