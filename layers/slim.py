"""Makes a layer's folder small and quick to import: drops what no function uses, ships compiled code.

Usage: python3.13 slim.py FOLDER
"""

import compileall
import json
import py_compile
import shutil
import sys
from pathlib import Path

_BOTO_SERVICES = {
    "cognito-idp",
    "dynamodb",
    "events",
    "kms",
    "s3",
    "secretsmanager",
    "sesv2",
    "sns",
    "sqs",
    "sts",
}
"""The AWS services that functions call: botocore carries descriptions of some four hundred."""

_ENDPOINT_PREFIXES = {"email"}
"""Services that are known to the endpoints' file by another name: SES."""

_LANGUAGES = ("root", "fr", "en")
"""Babel carries some thousand locales; the product writes in two languages."""

_NEVER_IMPORTED = ("tests", "test", "__pycache__", "bin")


def main(folder: Path) -> None:
    """Slims and compiles everything below a folder."""
    _keep_services(folder / "botocore" / "data")
    _keep_languages(folder / "babel" / "locale-data")
    for name in _NEVER_IMPORTED:
        for found in sorted(folder.rglob(name), reverse=True):
            if found.is_dir():
                shutil.rmtree(found)
    compiled = compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(folder),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        sys.exit("some modules do not compile")


def _keep_services(data: Path) -> None:
    """botocore lists every service, and reads the endpoints of every one, before it makes a client."""
    if not data.is_dir():
        return
    for service in data.glob("*/"):
        if service.name not in _BOTO_SERVICES:
            shutil.rmtree(service)
    for examples in data.rglob("examples-1.json*"):
        examples.unlink()
    endpoints = data / "endpoints.json"
    described = json.loads(endpoints.read_text("utf-8"))
    for partition in described["partitions"]:
        partition["services"] = {
            name: service
            for name, service in partition["services"].items()
            if name in _BOTO_SERVICES | _ENDPOINT_PREFIXES
        }
    endpoints.write_text(json.dumps(described, separators=(",", ":")), "utf-8")


def _keep_languages(locales: Path) -> None:
    for locale in locales.glob("*.dat"):
        if locale.stem.split("_")[0] not in _LANGUAGES:
            locale.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
