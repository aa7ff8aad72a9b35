"""Each thing that may be missing on a machine is said in words, with its remedy."""

import ctypes.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import doctor


def test_another_python_is_refused_with_the_remedy() -> None:
    with pytest.raises(doctor.Trouble, match=r"this is 3\.11.*\n.*uv python install 3\.13"):
        doctor.check_python((3, 11))


def test_python_3_13_is_right() -> None:
    doctor.check_python((3, 13))


def test_the_port_is_4566_unless_told() -> None:
    assert doctor.wanted_port({}) == 4566
    assert doctor.wanted_port({"SESAME_PORT": "4600"}) == 4600


@pytest.mark.parametrize("text", ["http", "80", "65535", "-1", "4566.5"])
def test_a_port_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(doctor.Trouble, match=r"SESAME_PORT=.* is not a usable port"):
        doctor.wanted_port({"SESAME_PORT": text})


def test_a_port_in_use_is_named_with_another_to_choose() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(doctor.Trouble, match=rf"Port {port} .* is taken(.|\n)*SESAME_PORT=\d+ make run"):
            doctor.check_ports(port)


def test_missing_libraries_are_named_with_the_command_where_they_cannot_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: None)
    monkeypatch.setattr(doctor, "_root_prefix", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    with pytest.raises(doctor.Trouble) as trouble:
        doctor.check_native_libraries()

    assert "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig" in str(trouble.value)
    assert "sudo apt-get update && sudo apt-get install" in str(trouble.value)


def test_nothing_is_installed_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.so")
    monkeypatch.setattr(os.path, "isdir", lambda _folder: True)
    monkeypatch.setattr(subprocess, "run", lambda *_a, **_k: pytest.fail("ran a command"))

    doctor.check_native_libraries()


def test_it_runs_alone_and_ends_without_a_traceback() -> None:
    script = Path(doctor.__file__)

    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "--no-libraries", "--no-ports"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "This machine is ready.\n", "")
