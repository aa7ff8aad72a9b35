"""Every kind in both languages against what was looked at and found good: its words, and its picture.

After a change that is meant: GOLDENS=write pytest tests/unit/test_goldens.py, then look at what changed in
tests/goldens before it is committed.
"""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageFilter

from sesame.documents.render import Rendered
from sesame.domain.certificates import Facts, Tenancy, residence_facts
from sesame.domain.journal import Entry, EntryKind
from sesame.domain.receipts import receipt_facts
from sesame.domain.standings import statement_facts
from sesame.domain.tenancy import Language, RentWord
from tests.unit.documents import (
    ISSUE,
    KINDS,
    LOGO,
    PERSON,
    RESIDENCE,
    after_a_move,
    drawn,
    every_kind,
    october,
    tenancy,
    the_renderer,
)

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

GOLDENS = Path(__file__).resolve().parents[1] / "goldens"
WRITE = os.environ.get("GOLDENS") == "write"
SCALE = 0.75
"""Pixels a point: 446 x 632 a page, enough to see a line that moved."""
_FEW_GREYS = [tone // 16 * 17 for tone in range(256)]
"""Sixteen compress well."""
_BLUR = 2
"""Pixels: what two drawers of letters disagree on is smaller."""
_WORST, _MEAN = 48, 1.5
"""Of 255: the greatest difference at any place once blurred, and on the whole page."""


def long_tenancy() -> Tenancy:
    """A name and an address as long as they get, on both languages' page."""
    return Tenancy(
        person=replace(
            PERSON,
            given_names="Maximilienne-Alexandrine Jean-Baptiste Marie-Antoinette",
            family_name="de La Rochefoucauld-Montmorency d'Aubigné-Saint-Germain",
        ),
        lease=tenancy().lease,
        residence=replace(
            RESIDENCE,
            name="Résidence universitaire internationale du Val-de-Bièvre et des Hautes-Bruyères",
            address=tuple(f"Ligne {number} de l'adresse postale" for number in range(1, 13)),
        ),
        language=Language.ENGLISH,
    )


def forty_lines() -> Facts:
    """A statement of twenty months, over pages."""
    entries = [
        Entry(
            entry_id=f"{kind}:{number}",
            kind=kind,
            amount_cents=cents,
            effective_at=datetime(2025 + number // 12, number % 12 + 1, day, 9, tzinfo=UTC),
            period=f"{2025 + number // 12}-{number % 12 + 1:02}" if kind is EntryKind.NOTICE else None,
        )
        for number in range(20)
        for kind, cents, day in ((EntryKind.NOTICE, 123_450, 1), (EntryKind.PAYMENT, -123_450, 8))
    ]
    return statement_facts(
        tenancy(),
        entries,
        starts_on=date(2025, 1, 1),
        ends_on=date(2026, 8, 31),
        wall=ZoneInfo(RESIDENCE.time_zone),
    )


def of_a_fee_residence() -> Facts:
    """A receipt where rent is a redevance, with the operator's logo."""
    documents = replace(RESIDENCE.documents, rent_word=RentWord.FEE, logo=LOGO.digest)
    who = replace(tenancy(Language.ENGLISH), residence=replace(RESIDENCE, documents=documents))
    return receipt_facts(who, october(123_450))


def named(given_names: str, family_name: str) -> Facts:
    """A residence certificate of somebody else."""
    return residence_facts(tenancy(given_names=given_names, family_name=family_name), as_of=ISSUE.on)


def moved(kind: str) -> Facts:
    """A paper of whoever changed rooms."""
    return after_a_move(Language.ENGLISH)[kind]


SPECIAL: dict[str, Callable[[], Facts]] = {
    "long-names": lambda: receipt_facts(long_tenancy(), october(100_000, 23_450)),
    "forty-lines": forty_lines,
    **{f"moved-{kind}": partial(moved, kind) for kind in after_a_move(Language.FRENCH)},
    "redevance-logo": of_a_fee_residence,
    "arabic-name": lambda: named("محمد عبد الرحمن", "الشريف"),
    "chinese-name": lambda: named("晓明", "欧阳"),
    "missing-glyph": lambda: named("Zo\U00100001", "Nguyễn Шевченко"),
}


def special(name: str) -> Rendered:
    """One of them, drawn."""
    facts = SPECIAL[name]()
    return the_renderer().render(facts, ISSUE, logo=LOGO.png if facts["style"]["logo"] else None)


def pages_of(pdf: bytes) -> list[Image.Image]:
    """Each page as a small grey picture."""
    return [page.render(scale=SCALE).to_pil().convert("L") for page in pypdfium2.PdfDocument(pdf)]


def words_of(pdf: bytes) -> str:
    """The text as it is selected and copied, a line a line, pages apart."""
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    return "\n----\n".join(page.replace("\r\n", "\n") for page in pages) + "\n"


def compare(name: str, pdf: bytes, *, write: bool = WRITE) -> None:
    """Fails where words differ at all, or a picture more than letters' edges do."""
    words, pictures = GOLDENS / f"{name}.txt", GOLDENS / f"{name}.png"
    pages = pages_of(pdf)
    strip = Image.new("L", (sum(page.width for page in pages), pages[0].height))
    for number, page in enumerate(pages):
        strip.paste(page, (number * page.width, 0))
    strip = strip.point(_FEW_GREYS)
    if write:
        GOLDENS.mkdir(exist_ok=True)
        words.write_text(words_of(pdf), "utf-8")
        png = io.BytesIO()
        strip.save(png, "PNG", optimize=True)
        pictures.write_bytes(png.getvalue())
    assert words_of(pdf) == words.read_text("utf-8")
    golden = Image.open(pictures).convert("L")
    assert strip.size == golden.size
    blurred = [picture.filter(ImageFilter.BoxBlur(_BLUR)) for picture in (strip, golden)]
    difference = ImageChops.difference(*blurred)
    histogram = difference.histogram()
    worst = max(tone for tone, count in enumerate(histogram) if count)
    mean = sum(tone * count for tone, count in enumerate(histogram)) / (strip.width * strip.height)
    assert worst <= _WORST, f"something moved or changed: {difference.getbbox()}"
    assert mean <= _MEAN


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_looks_and_reads_as_it_did(kind: str, language: Language) -> None:
    compare(f"{kind}.{language}", drawn(kind, language).pdf)


@pytest.mark.parametrize("name", SPECIAL)
def test_what_strains_a_page_looks_and_reads_as_it_did(name: str) -> None:
    compare(name, special(name).pdf)


def test_a_statement_of_forty_lines_goes_on_over_pages_that_say_which_they_are() -> None:
    rendered = special("forty-lines")
    words = words_of(rendered.pdf)

    assert rendered.pages == 2
    assert words.count("Avis d’échéance") == 20
    assert words.count("Débit") == 2  # the head of the table again on the second page
    assert "1 / 2" in words
    assert "2 / 2" in words


def test_a_changed_picture_and_a_changed_word_are_both_noticed() -> None:
    facts, _ = every_kind(Language.FRENCH)["receipt"]
    other_amount = facts | {"period": facts["period"] | {"rent_cents": 117_469}}
    no_signature = facts | {"landlord": facts["landlord"] | {"signatory": " "}}

    for changed in (other_amount, no_signature):
        with pytest.raises(AssertionError):
            compare("receipt.fr", the_renderer().render(changed, ISSUE).pdf, write=False)


@pytest.mark.parametrize("place", [(100, 100), (200, 400)])
def test_a_line_that_only_the_picture_shows_is_noticed(place: tuple[int, int]) -> None:
    page = pages_of(drawn("receipt").pdf)[0]
    changed = page.copy()
    changed.paste(0, (*place, place[0] + 40, place[1] + 6))
    blurred = [picture.filter(ImageFilter.BoxBlur(_BLUR)) for picture in (page, changed)]

    assert (
        max(tone for tone, count in enumerate(ImageChops.difference(*blurred).histogram()) if count) > _WORST
    )
