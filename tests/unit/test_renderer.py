"""What functions import: the renderer is in a layer of its own, and slow to start."""

from pathlib import Path

import pytest

from tests.bench.cold_start import INSTALLED, RENDERER, ROOT, imports

RENDERING = ROOT / "functions" / "certificates" / "render.py"
PATH = [str(ROOT / "shared"), INSTALLED]


@pytest.mark.parametrize(
    "entry",
    sorted((ROOT / "functions").glob("*/*.py")),
    ids=lambda entry: f"{entry.parent.name}/{entry.stem}",
)
def test_only_the_function_that_renders_imports_the_renderer(entry: Path) -> None:
    assert imports(entry, RENDERER, PATH) is (entry == RENDERING)
