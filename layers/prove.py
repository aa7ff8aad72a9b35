"""Proves that every built artefact is complete, and prints its size against Lambda's limits.

Each function's handler is imported by `python -I -S`, whose path is exactly the function's own folder and its
layers, as on Lambda: what an artefact lacks cannot be masked by what is installed here.

Usage: python layers/prove.py .aws-sam/build
"""

import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

_UNZIPPED_LIMIT = 250 * 1024 * 1024
"""Function and layers together, unzipped (AWS Lambda quotas)."""
_ZIPPED_LIMIT = 50 * 1024 * 1024
"""One zip uploaded directly; through S3 only the unzipped limit counts."""

_IMPORT = """
import sys, time
sys.path[:] = [path for path in sys.path if "site-packages" not in path] + sys.argv[2:]
started = time.perf_counter()
module, _, name = sys.argv[1].rpartition(".")
handler = getattr(__import__(module), name)
assert callable(handler)
print(f"{(time.perf_counter() - started) * 1000:.0f}")
"""


def main(build: Path) -> int:
    """Returns the number of artefacts that are not complete or too large."""
    template = yaml_parse((build / "template.yaml").read_text())
    resources = template["Resources"]
    layers = {
        name: build / resource["Properties"]["ContentUri"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    common = template["Globals"]["Function"]
    sizes = {name: _size(folder) for name, folder in layers.items()}
    for name, (unzipped, zipped) in sizes.items():
        print(f"{name:<24}{_mb(unzipped)} unzipped {_mb(zipped)} zipped")
    faults = 0
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        own = build / properties["CodeUri"]
        used = [layer["Ref"] for layer in [*common["Layers"], *properties.get("Layers", [])]]
        unzipped = _size(own)[0] + sum(sizes[layer][0] for layer in used)
        variables = _names(common) | _names(properties)
        outcome = _import(properties["Handler"], own, [layers[layer] for layer in used], variables)
        fits = unzipped <= _UNZIPPED_LIMIT
        faults += (not outcome.isdigit()) + (not fits)
        imported = f"imports in {outcome} ms" if outcome.isdigit() else f"DOES NOT IMPORT: {outcome}"
        print(f"{name:<24}{_mb(unzipped)} of 250 MB{'' if fits else ' TOO LARGE'}; {imported}")
    return faults


def _names(properties: dict[str, Any]) -> set[str]:
    return set(properties.get("Environment", {}).get("Variables", {}))


def _import(handler: str, own: Path, layers: list[Path], variables: set[str]) -> str:
    """Milliseconds of the import, or what went wrong."""
    path = [own, *(layer / "python" for layer in layers)]
    environment = dict.fromkeys(variables, "unset") | {
        "STAGE": "dev",
        "PROVIDER_SECRETS": "{}",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "LD_LIBRARY_PATH": os.pathsep.join(str(layer / "lib") for layer in layers),
        "PATH": os.defpath,
    }
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", _IMPORT, handler, *map(str, path)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        return (run.stderr.strip().splitlines() or ["no message"])[-1]
    return run.stdout.strip()


def _size(folder: Path) -> tuple[int, int]:
    """Bytes unzipped and zipped."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, str(file.relative_to(folder)))
    return sum(file.stat().st_size for file in files), packed.tell()


def _mb(size: int) -> str:
    return f"{size / 1024 / 1024:7.1f} MB"


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
