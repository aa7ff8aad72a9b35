"""The layers by themselves, in a root that has a Python and glibc and nothing else, as on Lambda.

What a developer's machine has (pango, fonts) cannot mask what the layer lacks. Building takes a network and a
minute: run by make test-long.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from layers.pdf.build import IN_THE_RUNTIME
from sesame.domain.tenancy import Language
from tests.unit.documents import ISSUE, PORTAL, drawn, every_kind
from tests.unit.test_goldens import compare

pytestmark = [
    pytest.mark.long,
    # WeasyPrint leaves its colour profile open.
    pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning"),
]

ROOT = Path(__file__).resolve().parents[2]
LAYERS = {
    "DependenciesLayer": ROOT / "layers" / "dependencies",
    "SharedLayer": ROOT / "shared",
    "PdfLayer": ROOT / "layers" / "pdf",
}
RENDER = """
import json, sys, time
sys.path.insert(0, "/opt/python")
from datetime import date, datetime
from sesame.documents.render import Renderer
from sesame.domain.certificates import Issue
asked = json.load(sys.stdin)
issue = Issue(
    on=date.fromisoformat(asked["issue"]["on"]), at=datetime.fromisoformat(asked["issue"]["at"]),
    number=asked["issue"]["number"], verification_code=asked["issue"]["verification_code"],
)
renderer = Renderer(asked["portal"])
rendered = [renderer.render(facts, issue) for facts in asked["facts"]]
json.dump([[one.pdf.hex(), one.missing_glyphs] for one in rendered], sys.stdout)
"""
MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}


def build(name: str, arch: str = "x86_64") -> Path:
    """A layer as `sam build` makes it; the PDF layer is kept until what it is made of changes."""
    made_of = [
        ROOT / "layers" / "pdf" / "build.py",
        ROOT / "requirements" / "pdf.txt",
        ROOT / "layers/slim.py",
    ]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in made_of)).hexdigest()[:12]
    out = ROOT / ".build" / "layers" / f"{name}-{arch}-{digest}"
    if name != "PdfLayer":
        shutil.rmtree(out, ignore_errors=True)
    if not out.exists():
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["make", "--silent", f"build-{name}", f"ARTIFACTS_DIR={out}", f"ARCH={arch}"],
            cwd=LAYERS[name],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(out, ignore_errors=True)
        assert done.returncode == 0, done.stderr
    return out


def needed(files: Iterator[Path]) -> set[Path]:
    """The libraries that the loader of this machine gives them."""
    asked = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False).stdout
    return {Path(found) for found in re.findall(r"(/\S+\.so\S*) \(0x", asked)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of a Python with what it is linked to, and the layers below /opt."""
    folder = tmp_path_factory.mktemp("root")
    base = Path(sys.base_prefix)
    library = Path("lib") / "python3.13"
    leave = shutil.ignore_patterns("test", "site-packages", "idlelib", "tkinter", "_tkinter*", "__pycache__")
    shutil.copytree(base / library, folder / base.relative_to("/") / library, ignore=leave, symlinks=True)
    interpreter = Path(sys.executable).resolve()
    modules = (base / library / "lib-dynload").glob("*.so")
    binaries = [interpreter, *(file for file in modules if "tkinter" not in file.name)]
    linked = needed(iter(binaries))
    glibc = next(file.parent for file in linked if file.name == "libc.so.6")
    linked |= {file for file in glibc.iterdir() if IN_THE_RUNTIME.fullmatch(file.name)}
    for file in {interpreter, *linked}:
        target = folder / file.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755)
    (folder / "tmp").mkdir()
    for name in LAYERS:
        shutil.copytree(build(name), folder / "opt", dirs_exist_ok=True)
    return folder


def inside(root: Path, program: str, given: Any) -> str:
    """What a program says that sees nothing but that root."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    chroot = shutil.which("chroot", path=path)
    assert chroot is not None
    enter = [chroot] if os.geteuid() == 0 else ["/usr/bin/unshare", "--map-root-user", chroot]
    done = subprocess.run(
        [*enter, str(root), str(Path(sys.executable).resolve()), "-I", "-S", "-c", program],
        input=json.dumps(given),
        env={"LD_LIBRARY_PATH": "/opt/lib", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_root_has_no_pango_and_no_font_but_the_layers(root: Path) -> None:
    outside = [file for file in root.rglob("*") if (root / "opt") not in file.parents]

    for word in ("pango", "harfbuzz", "fontconfig", "freetype", ".otf", ".ttf"):
        assert not [file for file in outside if word in file.name]


def test_real_certificates_are_drawn_in_it_as_they_are_here(root: Path) -> None:
    kinds = [kind for kind, (_, code) in every_kind(Language.FRENCH).items() if code is None]
    facts = [every_kind(Language.FRENCH)[kind][0] for kind in kinds]
    name = {"given_names": "محمد 晓明 Олександра", "family_name": "Nguyễn"}
    issue = {key: str(value) for key, value in asdict(ISSUE).items()}

    given = {"portal": PORTAL, "issue": issue, "facts": [*facts, facts[0] | {"holder": name}]}
    *drawn_there, in_every_script = json.loads(inside(root, RENDER, given))

    for kind, (pdf, missing) in zip(kinds, drawn_there, strict=True):
        assert missing == 0
        compare(f"{kind}.fr", bytes.fromhex(pdf), write=False)
        assert len(bytes.fromhex(pdf)) == pytest.approx(len(drawn(kind).pdf), rel=0.05)
    assert in_every_script[1] == 0


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
def test_the_layer_of_each_architecture_is_whole_and_says_its_licences(arch: str) -> None:
    layer = build("PdfLayer", arch)
    libraries = [*(layer / "lib").iterdir(), *(layer / "python").rglob("*.so")]
    listed = (layer / "share" / "licences" / "LIST.txt").read_text()

    for library in libraries:
        header = subprocess.run(["readelf", "-h", str(library)], capture_output=True, text=True, check=True)
        assert MACHINES[arch] in header.stdout
    for package in ("libpango-1.0-0", "libharfbuzz0b", "libexpat1", "fonts-noto-cjk", "weasyprint", "segno"):
        assert re.search(rf"(?m)^{package} \S.*: \S", listed), package
    assert list((layer / "python").rglob("*.pyc"))
