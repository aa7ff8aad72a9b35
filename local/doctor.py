"""Checks the machine before anything starts, and says how to mend what is missing.

Run it with any Python 3 (`python3 local/doctor.py`): it comes before the virtual environment exists, so it
uses the standard library only and no syntax newer than the Pythons that people still have.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import socket
import subprocess
import sys

DEFAULT_PORT = 4566
LOWEST_PORT, HIGHEST_PORT = 1024, 65534
PORT_VARIABLE = "SESAME_PORT"

# What the HTML-to-PDF engine loads, and the Debian package each comes in. harfbuzz-subset is optional to the
# engine, but without it fonts are cut down in Python and each PDF takes several times as long.
NATIVE_LIBRARIES = {
    "pango-1.0": "libpango-1.0-0",
    "pangoft2-1.0": "libpangoft2-1.0-0",
    "harfbuzz-subset": "libharfbuzz-subset0",
    "fontconfig": "fontconfig",
}
# Open (OFL) fonts, and where Debian puts them: Noto writes the names that the pages' own fonts, which come
# with the package, cannot (Arabic, Chinese, Cyrillic ...).
FONTS = {
    "/usr/share/fonts/truetype/noto": "fonts-noto-core",
    "/usr/share/fonts/opentype/noto": "fonts-noto-cjk",
}
OTHER_SYSTEMS = {
    "darwin": "brew install pango font-noto-sans font-noto-sans-cjk",
    "fedora": "sudo dnf install pango harfbuzz fontconfig google-noto-sans-fonts google-noto-sans-cjk-fonts",
    "alpine": "sudo apk add pango harfbuzz-subset fontconfig font-noto font-noto-cjk",
}


class Trouble(Exception):
    """Something on this machine that must be mended first; its text says what and how."""


def wanted_port(environ: dict[str, str] | None = None) -> int:
    """The TCP port to serve on, from SESAME_PORT or 4566. The next one up serves the mailbox."""
    text = (os.environ if environ is None else environ).get(PORT_VARIABLE, "") or str(DEFAULT_PORT)
    if not text.isdigit() or not LOWEST_PORT <= int(text) <= HIGHEST_PORT:
        raise Trouble(f"{PORT_VARIABLE}={text!r} is not a usable port.\n  Give a number from 1024 to 65534.")
    return int(text)


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:2])) -> None:
    """The functions run on python3.13 in AWS, and on the interpreter of this environment here."""
    if tuple(version[:2]) != (3, 13):
        raise Trouble(
            "Python 3.13 is needed, the version the functions run on; this is {}.{}.\n"
            "  Install it (for instance: uv python install 3.13) and run: make setup".format(*version[:2])
        )


def check_port(port: int, purpose: str, choose: str) -> None:
    """Refuse a port that something else listens on, on the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Trouble(
                f"Port {port} ({purpose}) is taken on 127.0.0.1: {error.strerror}.\n  {choose}"
            ) from None


def check_ports(port: int) -> None:
    """Both ports of the local stack: the AWS endpoint and, one above, the mailbox."""
    free = next((p for p in range(port + 10, 65500, 10) if _is_free(p) and _is_free(p + 1)), port + 10)
    choose = f"Stop what uses it, or choose another: {PORT_VARIABLE}={free} make run"
    check_port(port, "local AWS", choose)
    check_port(port + 1, "mailbox and payment page", choose)


def _is_free(port: int) -> bool:
    try:
        check_port(port, "", "")
    except Trouble:
        return False
    return True


def missing_libraries() -> list[str]:
    """Debian package names of the native libraries, and on Debian the fonts, that cannot be found here."""
    missing = [
        package for library, package in NATIVE_LIBRARIES.items() if not ctypes.util.find_library(library)
    ]
    if shutil.which("apt-get"):
        missing += [package for folder, package in FONTS.items() if not os.path.isdir(folder)]
    return missing


def check_native_libraries() -> None:
    """Install what the PDF engine needs where we may (Debian, root or passwordless sudo); else say how."""
    missing = missing_libraries()
    if not missing:
        return
    what = "Native libraries or fonts for making PDFs are missing: {}.".format(" ".join(missing))
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not shutil.which("apt-get"):
        raise Trouble(f"{what}\n  Install them: {_other_command()}")
    prefix = _root_prefix()
    if prefix is None:
        raise Trouble("{}\n  Install them: sudo apt-get update && sudo {}".format(what, " ".join(command)))
    say(what)
    say("Installing them with apt-get: WeasyPrint draws every receipt and certificate with them.")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for step in (["apt-get", "update", "--quiet"], command):
        done = subprocess.run(
            prefix + step, check=False, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            tail = done.stdout.decode("utf-8", "replace").strip().splitlines()[-3:]
            raise Trouble(
                "{}\n  {} failed:\n  {}\n  Mend that, then: sudo {}".format(
                    what, " ".join(step), "\n  ".join(tail), " ".join(command)
                )
            )
    if missing_libraries():
        raise Trouble(f"{what} They were installed but still cannot be loaded.\n  Try: sudo ldconfig")


def _root_prefix() -> list[str] | None:
    """[] as root, ["sudo", "-n", ...] where sudo asks no password, None otherwise."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    asked = subprocess.run(
        ["sudo", "-n", "true"], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive"] if asked.returncode == 0 else None


def _other_command() -> str:
    if sys.platform == "darwin":
        return OTHER_SYSTEMS["darwin"]
    try:
        with open("/etc/os-release", encoding="utf-8") as release:
            text = release.read()
    except OSError:
        text = ""
    return next((command for name, command in OTHER_SYSTEMS.items() if name in text), OTHER_SYSTEMS["fedora"])


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def examine(*, python: bool = True, ports: bool = True, libraries: bool = True) -> None:
    """Every check asked for. Raises Trouble at the first failure."""
    if python:
        check_python()
    if ports:
        check_ports(wanted_port())
    if libraries:
        check_native_libraries()


def main(arguments: list[str]) -> int:
    """0 when all is well, 1 with a remedy otherwise. `--no-python` before a setup that brings Python."""
    try:
        examine(
            python="--no-python" not in arguments,
            ports="--no-ports" not in arguments,
            libraries="--no-libraries" not in arguments,
        )
    except Trouble as trouble:
        print(trouble, file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    say("This machine is ready.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
