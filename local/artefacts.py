"""The zips that are deployed, one a function and one a layer. The same files make the same bytes.

Third-party layers are left empty here: the emulator runs functions on this project's own environment, which
has those packages already, and it would unzip the layers anew for every process it starts. That the real
layers are complete is a test of its own.
"""

from __future__ import annotations

import hashlib
import io
import py_compile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

# The oldest date a zip can carry: a file's own date would make each build differ.
EPOCH = (1980, 1, 1, 0, 0, 0)
SKIPPED = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """One zip, and the key it is stored under: a hash of its content, so that what is unchanged stays put."""

    content: bytes
    key: str


def build(
    template: Mapping[str, Any], root: Path, *, added: Mapping[str, Path] = MappingProxyType({})
) -> dict[str, Artefact]:
    """Zip every function and layer of a SAM template whose paths are relative to `root`, by logical id.

    `added`: files whose text goes to the end of a module of the shared package, by the module's path in it.
    """
    made: dict[Path, Artefact] = {}
    artefacts: dict[str, Artefact] = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = root / _setting(template, resource, "CodeUri")
            if folder not in made:
                made[folder] = zipped(_files(folder))
            artefacts[name] = made[folder]
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            artefacts[name] = zipped(_layer_files(root / resource["Properties"]["ContentUri"], name, added))
    return artefacts


def zipped(files: Iterator[tuple[str, bytes]]) -> Artefact:
    """A zip of (path, content) pairs that depends on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, content in sorted(files):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    content = buffer.getvalue()
    return Artefact(content=content, key=f"{hashlib.sha256(content).hexdigest()}.zip")


def _setting(template: Mapping[str, Any], resource: Mapping[str, Any], name: str) -> str:
    common = template.get("Globals", {}).get("Function", {})
    return str(resource["Properties"].get(name) or common[name])


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        raise FileNotFoundError(f"template.yaml names a folder of code that is not there: {folder}")
    for path in folder.rglob("*"):
        if path.is_file() and not SKIPPED & set(path.parts):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _layer_files(folder: Path, name: str, added: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    package = folder / "sesame"
    if not package.is_dir():
        yield f"python/{name}.txt", b"Left empty locally: the packages come from the project's environment.\n"
        return
    for path, own in _files(package):
        content = own + b"\n\n" + added[path].read_bytes() if path in added else own
        yield f"python/sesame/{path}", content
        if path.endswith(".py") and (compiled := _compiled(content, path)):
            folder_name, _, stem = f"python/sesame/{path}"[:-3].rpartition("/")
            yield f"{folder_name}/__pycache__/{stem}.cpython-313.pyc", compiled


def _compiled(content: bytes, shown: str) -> bytes | None:
    """Byte code, so that no new process compiles the package again. None for a file with an error."""
    with (
        tempfile.NamedTemporaryFile(suffix=".py") as source,
        tempfile.NamedTemporaryFile(suffix=".pyc") as target,
    ):
        source.write(content)
        source.flush()
        made = py_compile.compile(
            source.name,
            target.name,
            dfile=f"sesame/{shown}",
            quiet=2,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(target.name).read_bytes() if made else None
