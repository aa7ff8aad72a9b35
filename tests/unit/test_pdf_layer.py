"""The PDF layer's build: what goes in, and what must not. Building takes a network and half a minute."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from fontTools.ttLib import TTFont

from layers.pdf import build

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ROOT / "shared" / "sesame" / "documents"


def test_the_layer_brings_what_rendering_needs_and_the_dependencies_layer_has_not() -> None:
    runtime = set(build._pinned(ROOT / "requirements" / "runtime.txt"))
    pdf = set(build._pinned(ROOT / "requirements" / "pdf.txt"))

    assert {"weasyprint", "pydyf", "segno", "fonttools", "cffi"} <= pdf - runtime
    assert {"boto3", "jinja2", "babel"} <= runtime


@pytest.mark.parametrize("file", ["requirements/runtime.txt", "requirements/pdf.txt", "layers/pdf/zig.txt"])
def test_every_package_is_pinned_by_hash(file: str) -> None:
    for block in build._pinned(ROOT / file).values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block)


def test_the_fonts_shipped_are_those_that_documents_are_set_in() -> None:
    style = (DOCUMENTS / "templates" / "document.css").read_text()
    shipped = " ".join(Path(name).stem for name in build.NAME_FONTS)
    own = {describe(file) for file in (DOCUMENTS / "fonts").glob("*.?tf")}

    for family in set(re.findall(r'"((?:Sesame|Noto)[^"]*)"', style)):
        squeezed = family.replace(" ", "").removesuffix("SC").removesuffix("JP").removesuffix("KR")
        assert family in own or squeezed in shipped


def describe(file: Path) -> str:
    """A font's family."""
    names = TTFont(file)["name"]
    return str(names.getDebugName(16) or names.getDebugName(1))


def test_the_own_fonts_bear_their_own_names_and_come_with_their_licences() -> None:
    files = sorted((DOCUMENTS / "fonts").glob("*.?tf"))

    assert [describe(file) for file in files] == ["Sesame Code", "Sesame Text", "Sesame Text"]
    for licence, said in (("Inter.txt", "OFL"), ("JetBrainsMono.txt", "Apache License")):
        assert said in (DOCUMENTS / "fonts" / licence).read_text()


def test_fonts_are_looked_for_where_the_layer_puts_them() -> None:
    configured = ET.parse(DOCUMENTS / "fonts.conf").getroot()  # noqa: S314

    assert {"fonts", "/opt/share/fonts"} <= {folder.text for folder in configured.findall("dir")}


def test_glibc_is_the_runtimes_and_nothing_of_it_is_shipped() -> None:
    assert build.GLIBC == (2, 34)
    for name in (
        "libc.so.6",
        "libm.so.6",
        "libpthread.so.0",
        "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    ):
        assert build.IN_THE_RUNTIME.fullmatch(name)
    for name in ("libcairo.so.2", "libexpat.so.1", "libmount.so.1"):
        assert not build.IN_THE_RUNTIME.fullmatch(name)


def test_the_style_sheet_of_the_layer_is_for_the_elements_that_templates_use() -> None:
    templates = " ".join(file.read_text() for file in (DOCUMENTS / "templates").glob("*.html"))

    used = set(re.findall(r"<([a-z][a-z0-9]*)[ >]", templates))

    assert used <= build.TAGS


def test_rules_for_other_elements_and_for_attributes_leave_the_style_sheet() -> None:
    style = """
    /* h1 { a: b } */ p, dir, ol { margin: 1em } [dir=ltr i] dd { c: d } :is(ul, ol) ul { e: f }
    br::before { content: "x" } ::marker { g: h } @counter-style decimal { i: j }
    @counter-style bengali { k: l } @page { m: n; @top-left { o: p } }
    """

    assert build.rules_for(build.TAGS, style).splitlines() == [
        "@page { m: n; @top-left { o: p } }",
        "p, ol { margin: 1em }",
        'br::before { content: "x" }',
        "::marker { g: h }",
        "@counter-style decimal { i: j }",
    ]
