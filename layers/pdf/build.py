"""Builds the PDF layer: WeasyPrint, its native libraries and the fonts for names, without containers.

Lambda's runtime (Amazon Linux 2023, glibc 2.34) has none of pango, harfbuzz and fontconfig, and no set of
wheels brings them. Debian bookworm's binaries ask for no more than glibc 2.34, all but libexpat, which is
built here from Debian's source. They are fetched by apt into a folder of its own: nothing is installed. It
runs on Debian, as any user, for either architecture.

Usage: python build.py OUT_DIR [--arch x86_64|arm64]
Needs: apt, dpkg-dev, binutils, uv.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SUITE = "bookworm"
GLIBC = (2, 34)


@dataclass(frozen=True, slots=True)
class Target:
    """An architecture by the names that each tool gives it."""

    debian: str
    triplet: str
    wheels: str
    zig: str


TARGETS = {
    "x86_64": Target("amd64", "x86_64-linux-gnu", "x86_64-manylinux_2_34", "x86_64-linux-gnu.2.34"),
    "arm64": Target("arm64", "aarch64-linux-gnu", "aarch64-manylinux_2_34", "aarch64-linux-gnu.2.34"),
}

FIRST_NAMES = {
    "libgobject-2.0-0": "libgobject-2.0.so.0",
    "libpango-1.0-0": "libpango-1.0.so.0",
    "libharfbuzz-0": "libharfbuzz.so.0",
    "libharfbuzz-subset-0": "libharfbuzz-subset.so.0",
    "libfontconfig-1": "libfontconfig.so.1",
    "libpangoft2-1.0-0": "libpangoft2-1.0.so.0",
}
"""The first name under which WeasyPrint looks for each library; each that fails costs a subprocess."""

PACKAGES = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "libfontconfig1", "libglib2.0-0")
FONT_PACKAGES = ("fonts-noto-core", "fonts-noto-cjk")
IN_THE_RUNTIME = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util))\.so\.\d+")
"""glibc's own."""

SCRIPTS = """
Adlam Arabic Armenian Balinese Bengali CanadianAboriginal Cham Cherokee Devanagari Ethiopic Georgian
Gujarati Gurmukhi HanifiRohingya Hebrew Javanese Kannada Khmer Lao Malayalam MeeteiMayek Mongolian
Myanmar NKo OlChiki Oriya Sinhala Sundanese Symbols Symbols2 Syriac TaiLe Tamil Telugu Thaana Thai
Tifinagh Vai Yi
"""
NAME_FONTS = (
    "opentype/noto/NotoSansCJK-Regular.ttc",
    "truetype/noto/NotoSans-Regular.ttf",
    *(f"truetype/noto/NotoSans{script}-Regular.ttf" for script in SCRIPTS.split()),
    "truetype/noto/NotoSerifTibetan-Regular.ttf",
)
"""For people's names, whatever the script; what documents are set in comes with the package itself."""


class BuildFailed(Exception):
    """What is missing or wrong, and what to do."""


def main() -> None:
    """Builds into OUT_DIR, which must not hold anything else."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--arch", choices=TARGETS, default="x86_64")
    arguments = parser.parse_args()
    target, out = TARGETS[arguments.arch], arguments.out.resolve()
    state = ROOT / ".build" / "pdf" / arguments.arch
    try:
        require("apt-get", "dpkg-deb", "dpkg-source", "readelf", "uv")
        python_packages(out / "python", target, state)
        debian = Debian(state, target)
        debian.fetch(PACKAGES)
        libraries = closure(debian, out / "lib")
        build_expat(debian, target, out / "lib")
        first_names(target, state, out / "lib")
        fonts(debian, out)
        licences(debian, libraries, out)
        check_glibc(out)
    except BuildFailed as failure:
        sys.exit(f"The PDF layer cannot be built: {failure}")


def require(*tools: str) -> None:
    """Raises BuildFailed naming what is not there."""
    if missing := [tool for tool in tools if not shutil.which(tool)]:
        raise BuildFailed(
            f"{', '.join(missing)} not found. On Debian: apt-get install dpkg-dev binutils; uv: make setup."
        )


def run(*command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """A command's output. Raises BuildFailed with the end of what it said."""
    done = subprocess.run(  # noqa: S603
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | (env or {}),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = "\n".join((done.stderr + done.stdout).strip().splitlines()[-5:])
        raise BuildFailed(f"{' '.join(map(str, command[:3]))} ... failed:\n{said}")
    return done.stdout


# ---------------------------------------------------------------- Python


def python_packages(folder: Path, target: Target, state: Path) -> None:
    """What requirements/pdf.txt pins and the dependencies layer does not bring, hashes checked, compiled."""
    brought = set(_pinned(ROOT / "requirements" / "runtime.txt"))
    blocks = _pinned(ROOT / "requirements" / "pdf.txt")
    state.mkdir(parents=True, exist_ok=True)
    wanted = state / "requirements.txt"
    wanted.write_text("\n".join(text for name, text in blocks.items() if name not in brought) + "\n")
    install(folder, wanted, "--python-version", "3.13", "--python-platform", target.wheels)
    own_style(folder / "weasyprint" / "css")
    run(sys.executable, HERE.parent / "slim.py", folder)


TAGS = frozenset(
    {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "div",
        "address",
        "h1",
        "h2",
        "p",
        "span",
        "br",
        "img",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "ol",
        "li",
        "bdi",
    }
)
"""What templates are made of: tests/unit/test_pdf_layer.py compares."""
_PAGE_RULE = re.compile(r"@page[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_COUNTERS = ("decimal", "disc", "circle", "square")


def own_style(folder: Path) -> None:
    """Leaves WeasyPrint's style sheet the rules for what our templates use, and empties those for options.

    It is parsed at every start, a tenth of the function's import. tests/integration/test_isolated_root.py
    compares what is drawn with it to what is drawn with the whole.
    """
    usual = folder / "html5_ua.css"
    usual.write_text(rules_for(TAGS, usual.read_text("utf-8")), "utf-8")
    for option in ("html5_ph.css", "html5_ua_form.css"):
        (folder / option).write_text("", "utf-8")


def rules_for(tags: frozenset[str], style: str) -> str:
    """A style sheet's rules that may match elements of those names without attributes, and all for pages."""
    style = re.sub(r"(?s)/\*.*?\*/", "", style)
    kept = _PAGE_RULE.findall(style)
    for prelude, body in re.findall(r"([^{}]+)\{([^{}]*)\}", _PAGE_RULE.sub("", style)):
        if prelude.strip().startswith("@counter-style"):
            selectors = [prelude.strip()] if prelude.split()[1] in _COUNTERS else []
        else:
            selectors = [one for one in map(str.strip, _selectors(prelude)) if _matches(one, tags)]
        if selectors:
            kept.append(f"{', '.join(selectors)} {{{body}}}")
    return "\n".join(kept) + "\n"


def _selectors(prelude: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    return re.split(r",(?![^(\[]*[)\]])", prelude)


def _matches(selector: str, tags: frozenset[str]) -> bool:
    if selector == "::marker":
        return True
    names = re.fullmatch(r"([a-z0-9]+)(?:\s*>\s*([a-z0-9]+))?(?:::(?:before|after|marker))?", selector)
    return names is not None and {name for name in names.groups() if name} <= tags


def install(folder: Path, requirements: Path, *options: str) -> None:
    """Wheels into a folder, hashes checked."""
    run(
        *("uv", "pip", "install", "--quiet", "--target", str(folder), "--no-deps", "--require-hashes"),
        *("--only-binary", ":all:", "--link-mode", "copy", *options, "-r", str(requirements)),
    )


def _pinned(file: Path) -> dict[str, str]:
    """Package -> its lines with hashes."""
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", file.read_text())
    return {block.partition("==")[0].strip().lower(): block.rstrip() for block in blocks if "==" in block}


# ---------------------------------------------------------------- Debian


class Debian:
    """Debian's packages of one architecture, through this machine's mirrors and an apt state of its own."""

    def __init__(self, state: Path, target: Target) -> None:
        self.target = target
        self.cache = state / "apt"
        self.root = state / "root"
        self.versions: dict[str, str] = {}
        self.owners: dict[str, str] = {}
        """File name of a shared library -> the package it came in."""
        sources = self.cache / "sources"
        shutil.rmtree(sources, ignore_errors=True)
        for folder in (sources, self.cache / "lists" / "partial", self.cache / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.cache / "status").write_text("")
        for name, text in _sources():
            (sources / name).write_text(text)
        self.options = [
            option
            for setting in (
                f"Dir::State={self.cache}",
                f"Dir::State::lists={self.cache / 'lists'}",
                f"Dir::State::status={self.cache / 'status'}",
                f"Dir::Cache={self.cache}",
                f"Dir::Cache::archives={self.cache / 'archives'}",
                "Dir::Etc::sourcelist=/dev/null",
                f"Dir::Etc::sourceparts={sources}",
                f"APT::Architecture={target.debian}",
                f"APT::Architectures={target.debian}",
                "APT::Sandbox::User=",
                "Debug::NoLocking=true",
            )
            for option in ("-o", setting)
        ]
        run("apt-get", *self.options, "update", "--quiet")
        shutil.rmtree(self.root, ignore_errors=True)

    def fetch(self, packages: Iterable[str], *, dependencies: bool = True) -> None:
        """Unpacks packages into `root`, with all that they depend on."""
        archives = self.cache / "archives"
        for old in archives.glob("*.deb"):
            old.unlink()
        if dependencies:
            wish = ("install", "--yes", "--quiet", "--no-install-recommends", "--download-only", *packages)
        else:
            wish = ("download", "--quiet", *packages)
        run("apt-get", *self.options, *wish, cwd=archives)
        for archive in sorted(archives.glob("*.deb")):
            run("dpkg-deb", "-x", archive, self.root)
            name, version, _ = archive.name.split("_")
            self.versions[name] = version.replace("%3a", ":")
            for path in re.findall(r"(?m)(\./\S+\.so\S*)", run("dpkg-deb", "-c", archive)):
                self.owners[Path(path).name] = name

    def source(self, package: str) -> tuple[Path, str]:
        """A source package, unpacked with Debian's patches, and its version: the newest to be had."""
        known = run("apt-cache", *self.options, "showsrc", package)
        for version in reversed(re.findall(r"(?m)^Version: (.+)$", known)):
            folder = self.cache / "source"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            wish = ("source", "--quiet", "--download-only", f"{package}={version}")
            try:
                run("apt-get", *self.options, *wish, cwd=folder)
            except BuildFailed:
                print(f"warning: no source of {package} {version} to be had; trying an older one")
                continue
            run("dpkg-source", "--extract", next(folder.glob("*.dsc")).name, "unpacked", cwd=folder)
            return folder / "unpacked", version
        raise BuildFailed(f"no source of {package} is to be had.")

    def libraries(self) -> dict[str, Path]:
        """Every shared library unpacked, by file name."""
        places = (self.root / "lib", self.root / "usr" / "lib")
        return {file.name: file for place in places for file in place.rglob("*.so*") if not file.is_dir()}

    def fonts(self) -> Path:
        """Where fonts were unpacked."""
        return self.root / "usr" / "share" / "fonts"


def _sources() -> Iterator[tuple[str, str]]:
    """This machine's package sources, for the suite wanted and with source packages."""
    release = Path("/etc/os-release").read_text()
    codename = re.search(r"(?m)^VERSION_CODENAME=(\w+)", release)
    if not re.search(r"(?m)^ID=debian", release) or codename is None:
        raise BuildFailed("it takes Debian's packages, and this is not Debian.")
    folder = Path("/etc/apt")
    files = [
        folder / "sources.list",
        *folder.glob("sources.list.d/*.list"),
        *folder.glob("sources.list.d/*.sources"),
    ]
    for file in files:
        if not file.exists():
            continue
        text = file.read_text().replace(codename[1], SUITE)
        if file.suffix == ".sources":
            text = re.sub(r"(?m)^Types:.*$", "Types: deb deb-src", text)
        else:
            text += re.sub(r"(?m)^deb ", "deb-src ", text)
        yield file.name, text


# ---------------------------------------------------------------- native libraries


def closure(debian: Debian, folder: Path) -> set[Path]:
    """Copies the libraries that WeasyPrint opens and all they need but glibc, each under its soname."""
    folder.mkdir(parents=True, exist_ok=True)
    known, taken = debian.libraries(), set()
    waiting, seen = list(FIRST_NAMES.values()), set()
    while waiting:
        name = waiting.pop()
        if name in seen or IN_THE_RUNTIME.fullmatch(name):
            continue
        seen.add(name)
        if name not in known:
            raise BuildFailed(f"{name} is in none of the packages.")
        file = known[name].resolve()
        shutil.copyfile(file, folder / name)
        taken.add(file)
        waiting += needed(file)
    return taken


def needed(library: Path) -> list[str]:
    """The sonames a library asks for."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "-d", "-W", library))


EXPAT_DEFINES = (
    *("XML_GE=1", "XML_DTD=1", "XML_NS=1", "XML_CONTEXT_BYTES=1024", "BYTEORDER=1234"),
    *("HAVE_GETRANDOM=1", "HAVE_SYSCALL_GETRANDOM=1", "XML_ENABLE_VISIBILITY=1", "NDEBUG=1"),
)
"""As Debian configures it, but for arc4random, which glibc has since 2.36 only."""


def build_expat(debian: Debian, target: Target, folder: Path) -> None:
    """libexpat from Debian's source, against the runtime's glibc."""
    unpacked, version = debian.source("expat")
    source = next(file.parent for file in unpacked.rglob("lib/xmlparse.c"))
    debian.versions["libexpat1"] = f"{version}, rebuilt"
    (source / "expat_config.h").write_text("")
    parts = [source / f"{part}.c" for part in ("xmlparse", "xmltok", "xmlrole")]
    compile_library(
        target,
        debian.cache.parent,
        folder / "libexpat.so.1",
        *("-O2", "-fvisibility=hidden", f"-I{source}", *(f"-D{define}" for define in EXPAT_DEFINES)),
        *(str(part) for part in parts),
    )


def first_names(target: Target, state: Path, folder: Path) -> None:
    """A library under each first name that does nothing but need the real one.

    Links would do, but packaging follows them, and a copy would be loaded as a second library.
    """
    nothing = state / "nothing.c"
    nothing.write_text("")
    for alias, real in FIRST_NAMES.items():
        arguments = ("-Wl,--no-as-needed", str(nothing), f"-L{folder}", f"-l:{real}")
        compile_library(target, state, folder / alias, *arguments)


def compile_library(target: Target, state: Path, library: Path, *arguments: str) -> None:
    """Compiles a shared library by Zig's C compiler, which knows every glibc."""
    zig = state.parent / "zig"
    if not (zig / "ziglang").exists():
        install(zig, HERE / "zig.txt")
    run(
        *(sys.executable, "-m", "ziglang", "cc", "-target", target.zig, "-shared", "-fPIC", "-s"),
        *(f"-Wl,-soname,{library.name}", "-o", str(library), *arguments),
        env={"PYTHONPATH": str(zig), "ZIG_GLOBAL_CACHE_DIR": str(zig / "cache")},
    )


def check_glibc(out: Path) -> None:
    """Raises BuildFailed if anything asks for a newer glibc, or for a library that is not there."""
    shipped = {file.name for file in (out / "lib").iterdir()}
    faults = []
    for file in sorted(path for path in out.rglob("*") if path.is_file() and is_library(path)):
        versions = re.findall(r"GLIBC_(\d+)\.(\d+)", run("readelf", "-V", "-W", file))
        newest = max(((int(major), int(minor)) for major, minor in versions), default=(0, 0))
        if newest > GLIBC:
            faults.append(f"{file.name} needs glibc {newest[0]}.{newest[1]}")
        if file.parent.name == "lib":
            absent = [
                name for name in needed(file) if name not in shipped and not IN_THE_RUNTIME.fullmatch(name)
            ]
            faults += [f"{file.name} needs {name}" for name in absent]
    if faults:
        raise BuildFailed("; ".join(faults))


def is_library(path: Path) -> bool:
    """Whether a file is an ELF one."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


# ---------------------------------------------------------------- fonts and licences


def fonts(debian: Debian, out: Path) -> None:
    """The fonts that shared/sesame/documents/fonts.conf looks for in /opt/share/fonts."""
    debian.fetch(FONT_PACKAGES, dependencies=False)
    folder = out / "share" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAME_FONTS:
        shutil.copyfile(debian.fonts() / name, folder / Path(name).name)


def licences(debian: Debian, libraries: set[Path], out: Path) -> None:
    """The licence of each package of Debian's that is shipped, and a list of all; wheels bring theirs."""
    folder = out / "share" / "licences"
    folder.mkdir(parents=True, exist_ok=True)
    documents = debian.root / "usr" / "share" / "doc"
    lines = []
    for package in sorted({*FONT_PACKAGES, *(debian.owners[file.name] for file in libraries)}):
        shutil.copyfile(documents / package / "copyright", folder / f"{package}.txt")
        lines.append(f"{package} {debian.versions[package]}: {_licences_of(folder / f'{package}.txt')}")
    for metadata in sorted((out / "python").glob("*.dist-info/METADATA")):
        known = Parser().parsestr(metadata.read_text("utf-8"), headersonly=True)
        lines.append(f"{known['Name']} {known['Version']} (Python): {_licence_of_wheel(known)}")
    (folder / "LIST.txt").write_text("\n".join(lines) + "\n")


def _licences_of(copyright_file: Path) -> str:
    """The names that a Debian copyright file gives, each once."""
    text = copyright_file.read_text("utf-8", errors="replace")
    names = dict.fromkeys(re.findall(r"(?m)^License: *(\S.*)$", text))
    return "; ".join(names) or "see its file"


def _licence_of_wheel(metadata: Message) -> str:
    """By its expression, its classifiers, or the first line of its text."""
    classified = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier", [])
        if text.startswith("License")
    ]
    said = metadata["License-Expression"] or "; ".join(classified) or metadata["License"] or "see its file"
    return str(said).splitlines()[0]


if __name__ == "__main__":
    main()
