"""The zips that are deployed locally."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from local.artefacts import Artefact, build

TEMPLATE = {
    "Globals": {"Function": {"Runtime": "python3.13"}},
    "Resources": {
        "DeskFunction": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "functions/desk/"}},
        "SharedLayer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "shared/"}},
        "DependenciesLayer": {
            "Type": "AWS::Serverless::LayerVersion",
            "Properties": {"ContentUri": "layers/dependencies/"},
        },
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
    },
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "functions/desk/api.py": "def handler(event, context): ...\n",
        "functions/desk/__pycache__/api.cpython-313.pyc": "stale",
        "shared/sesame/__init__.py": "",
        "shared/sesame/domain/codes.py": "ALPHABET = 'abc'\n",
        "shared/sesame/py.typed": "",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def names(artefact: Artefact) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(artefact.content)) as archive:
        return set(archive.namelist())


def test_a_function_is_its_folder_without_what_python_left_there(root: Path) -> None:
    assert names(build(TEMPLATE, root)["DeskFunction"]) == {"api.py"}


def test_the_shared_layer_is_the_package_with_its_byte_code(root: Path) -> None:
    assert names(build(TEMPLATE, root)["SharedLayer"]) == {
        "python/sesame/__init__.py",
        "python/sesame/__pycache__/__init__.cpython-313.pyc",
        "python/sesame/domain/codes.py",
        "python/sesame/domain/__pycache__/codes.cpython-313.pyc",
        "python/sesame/py.typed",
    }


def test_a_third_party_layer_is_left_empty(root: Path) -> None:
    assert names(build(TEMPLATE, root)["DependenciesLayer"]) == {"python/DependenciesLayer.txt"}


def test_the_same_files_make_the_same_zips_whatever_their_dates(root: Path) -> None:
    before = build(TEMPLATE, root)
    for path in root.rglob("*.py"):
        os.utime(path, (1, 1))

    assert build(TEMPLATE, root) == before


def test_a_changed_file_makes_another_zip(root: Path) -> None:
    before = build(TEMPLATE, root)
    (root / "functions/desk/api.py").write_text("def handler(event, context): return 1\n")

    after = build(TEMPLATE, root)

    assert after["DeskFunction"].key != before["DeskFunction"].key
    assert after["SharedLayer"] == before["SharedLayer"]


def test_a_file_that_does_not_compile_is_shipped_as_it_is(root: Path) -> None:
    (root / "shared/sesame/broken.py").write_text("def (:\n")

    assert "python/sesame/broken.py" in names(build(TEMPLATE, root)["SharedLayer"])


def test_a_folder_of_code_that_is_missing_is_named(root: Path) -> None:
    (root / "functions/desk/api.py").unlink()
    (root / "functions/desk/__pycache__/api.cpython-313.pyc").unlink()
    (root / "functions/desk/__pycache__").rmdir()
    (root / "functions/desk").rmdir()

    with pytest.raises(FileNotFoundError, match="functions/desk"):
        build(TEMPLATE, root)


def test_text_may_be_added_to_a_module_and_is_compiled_with_it(root: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.py"
    more.write_text("ALPHABET += 'd'\n")

    layer = build(TEMPLATE, root, added={"domain/codes.py": more})["SharedLayer"]

    with zipfile.ZipFile(io.BytesIO(layer.content)) as archive:
        source = archive.read("python/sesame/domain/codes.py").decode()
    found: dict[str, str] = {}
    exec(source, found)  # noqa: S102  (ours)
    assert found["ALPHABET"] == "abcd"
    assert layer.key != build(TEMPLATE, root)["SharedLayer"].key
