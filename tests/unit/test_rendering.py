"""The PDFs themselves: what a reader, a screen reader and a scanner find in them."""

import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import jinja2
import pdfua
import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from sesame.documents.render import MissingFont, MissingResource, Rendered, Renderer
from sesame.domain import codes
from sesame.domain.certificates import (
    ATTACHMENT_NAME,
    Tenancy,
    residence_facts,
)
from sesame.domain.receipts import (
    receipt_facts,
)
from sesame.domain.tenancy import (
    Language,
)
from tests.unit.documents import (
    ISSUE,
    KINDS,
    LEASE,
    PERSON,
    PORTAL,
    RESIDENCE,
    TENANT_CODE,
    drawn,
    every_kind,
    october,
    png_of,
    tenancy,
    text_of,
    the_renderer,
)

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return the_renderer()


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u202f", " ").replace("\u00a0", " ").replace("’", "'")


def scanned(pdf: bytes) -> list[str]:
    """What a telephone's camera reads on the first page."""
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=150 / 72).to_pil()
    return [found.text for found in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_one_whole_page_in_each_language(
    renderer: Renderer, kind: str, language: Language
) -> None:
    rendered = drawn(kind, language)

    assert rendered.pages == 1
    assert rendered.missing_glyphs == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_qr_code_read_from_the_page_leads_to_the_verification(renderer: Renderer, kind: str) -> None:
    assert scanned(drawn(kind).pdf) == [f"{PORTAL}/verification/{ISSUE.verification_code}"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_document_names_landlord_tenant_number_date_and_verification_code(
    renderer: Renderer, kind: str
) -> None:
    text = plain(text_of(drawn(kind).pdf))

    for said in ("Résidences Horizon", "812 345 678 00012", "Chloé D'Almeida", "B434", "Jean-Zay"):
        assert said in text
    assert "Document n° 2026-7K3M-9QZ2" in text
    assert "7K3M-9QZ2-0XWH-4TBC" in text


def test_the_same_facts_give_the_same_bytes_whoever_draws_them() -> None:
    other = Renderer(PORTAL)

    for kind, (facts, code) in reversed(every_kind(Language.FRENCH).items()):
        assert other.render(facts, ISSUE, tenant_code=code).pdf == drawn(kind).pdf


def test_a_receipt_says_all_that_makes_it_one(renderer: Renderer) -> None:
    text = plain(text_of(drawn("receipt").pdf))

    for said in (
        "Quittance de loyer",
        "1 174,68 €",
        "59,82 €",
        "1 234,50 €",
        "3 octobre 2026",
        "9 octobre 2026",
        "annule tous les reçus précédents pour la période",
        "délivrée gratuitement",
        "Fait à Antony, le 23 novembre 2026",
        "Hélène Garnier-Moreau",
        "se termine par 9X",
    ):
        assert said in text


def test_amounts_hold_together_by_narrow_no_break_spaces(renderer: Renderer) -> None:
    assert "1\u202f234,50\u202f€" in text_of(drawn("receipt").pdf)


def test_a_part_payment_receipt_says_that_it_is_none_in_full(renderer: Renderer) -> None:
    text = plain(text_of(drawn("part_payment_receipt").pdf))

    assert "ne vaut pas quittance" in text
    assert "Reste dû : 234,50 €" in text


def test_a_payment_plan_is_for_both_to_sign_and_acknowledges_no_debt(renderer: Renderer) -> None:
    """A debtor binds nobody by a printed sum alone (Code civil, article 1376)."""
    text = plain(text_of(drawn("payment_plan_agreement").pdf))

    assert "n'est pas une reconnaissance de dette" in text
    assert "vaut une fois signé par les deux parties" in text
    for contradicted in ("reconnaît devoir", "lu et approuvé", "sans signature manuscrite"):
        assert contradicted not in text


def test_a_residence_certificate_shows_room_and_date_of_entry(renderer: Renderer) -> None:
    text = plain(text_of(drawn("residence_certificate").pdf))

    assert "occupe depuis le 1er septembre 2026 le logement B434" in text
    assert "Date d'entrée 1er septembre 2026" in text


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", KINDS)
def test_no_straight_apostrophe_is_printed(kind: str, language: Language) -> None:
    facts, code = every_kind(language)[kind]
    residence = facts["residence"] | {"city": "Le Havre", "address": ["1 rue de l'Été"]}
    landlord = facts["landlord"] | {"address": ["2 rue de l'Orme"]}
    renamed = facts | {"residence": residence, "landlord": landlord}

    text = text_of(the_renderer().render(renamed, ISSUE, tenant_code=code).pdf)

    assert "'" not in text
    assert "à Le Havre" not in text


def test_english_stands_beside_french_which_stays(renderer: Renderer) -> None:
    text = plain(text_of(drawn("receipt", Language.ENGLISH).pdf))

    for said in ("Quittance de loyer", "Rent receipt", "1 234,50 €", "€1,234.50", "3 October 2026"):
        assert said in text
    assert "The French text is authoritative" in text


def test_only_the_entry_document_and_the_desks_slip_show_the_tenant_code(renderer: Renderer) -> None:
    for kind, (facts, code) in every_kind(Language.FRENCH).items():
        if code is not None:
            assert TENANT_CODE in text_of(drawn(kind).pdf)
        with pytest.raises(ValueError, match="shows the tenant code takes it, and no other does"):
            renderer.render(facts, ISSUE, tenant_code=None if code else TENANT_CODE)


def test_the_slip_says_from_when_changed_contacts_count(renderer: Renderer) -> None:
    text = plain(text_of(drawn("code_slip", Language.ENGLISH).pdf))

    assert "ne permettront de vous connecter qu'à partir du" in text
    assert "approve them" in text


def test_the_tenant_code_is_in_no_barcode_and_no_metadata(renderer: Renderer) -> None:
    pdf = drawn("entry_document").pdf

    assert all(codes.fold(TENANT_CODE) not in codes.fold(found) for found in scanned(pdf))
    with pikepdf.open(io.BytesIO(pdf)) as document:
        metadata = bytes(document.Root.Metadata.read_bytes())
    assert TENANT_CODE.encode() not in metadata
    assert b"Almeida" not in metadata


def test_an_imported_code_is_printed_as_it_is_and_its_letters_are_not_denied(renderer: Renderer) -> None:
    facts, _ = every_kind(Language.FRENCH)["entry_document"]

    text = text_of(renderer.render(facts, ISSUE, tenant_code="LOC.345-678").pdf)

    assert "LOC.345-678" in text
    assert "Ni I, ni L" not in text


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_declares_itself_archival_and_accessible(
    renderer: Renderer, kind: str, language: Language
) -> None:
    with pikepdf.open(io.BytesIO(drawn(kind, language).pdf)) as document:
        root = document.Root
        metadata = bytes(root.Metadata.read_bytes())
        assert root.MarkInfo.Marked
        assert "/StructTreeRoot" in root
        assert str(root.Lang) == "fr"
        assert root.ViewerPreferences.DisplayDocTitle
        assert document.docinfo.Title
    for mark in (b'pdfaid:part="3"', b'pdfaid:conformance="A"', b'pdfuaid:part="1"'):
        assert mark in metadata


def spoken(pdf: bytes) -> list[tuple[str, str]]:
    """What a screen reader says, in its order: the language and the words of each tagged passage."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        said: list[tuple[str, str]] = []
        words = [words_by_mark(pdf, number) for number in range(len(document.pages))]
        numbers = {page.obj.objgen: number for number, page in enumerate(document.pages)}

        def walk(element: pikepdf.Dictionary, language: str) -> None:
            language = str(element.get("/Lang", language))
            for kid in element.K:
                if isinstance(kid, pikepdf.Dictionary):
                    walk(kid, language)
                elif "/Alt" in element:
                    said.append((language, str(element.Alt)))
                else:
                    said.append((language, words[numbers[element.Pg.objgen]].get(int(kid), "")))

        [whole] = document.Root.StructTreeRoot.K
        assert isinstance(whole, pikepdf.Dictionary)
        walk(whole, str(document.Root.Lang))
        return said


def words_by_mark(pdf: bytes, number: int) -> dict[int, str]:
    """The text of each piece of marked content of a page."""
    page = pypdfium2.PdfDocument(pdf)[number]
    text = page.get_textpage()
    words: dict[int, str] = {}
    for piece in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_TEXT]):
        mark = pypdfium2.raw.FPDFPageObj_GetMarkedContentID(piece.raw)
        length = pypdfium2.raw.FPDFTextObj_GetText(piece.raw, text.raw, None, 0)
        letters = (pypdfium2.raw.FPDF_WCHAR * length)()
        pypdfium2.raw.FPDFTextObj_GetText(piece.raw, text.raw, letters, length)
        words[mark] = words.get(mark, "") + bytes(letters).decode("utf-16-le").rstrip("\0")
    return words


@pytest.mark.parametrize("kind", KINDS)
def test_each_passage_is_spoken_in_the_language_it_is_in(kind: str) -> None:
    alone, beside = spoken(drawn(kind).pdf), spoken(drawn(kind, Language.ENGLISH).pdf)
    french = plain(" ".join(words for language, words in beside if language == "fr"))
    english = plain(" ".join(words for language, words in beside if language == "en"))

    assert {language for language, _ in alone} == {"fr"}
    assert {language for language, _ in beside} == {"fr", "en"}
    assert re.search(r"The French text is authoritative\.$", english.strip())
    assert "Résidences Horizon" in french
    for word in ("Vérifier ce document", "Document n° 2026"):
        assert word in french
        assert word not in english
    for word in ("Check this document", "QR code"):
        assert word in english
        assert word not in french
    assert not {"du", "est", "une", "pour", "cette"} & set(english.casefold().split())
    assert not {"the", "is", "of", "by", "from"} & set(french.casefold().split())


def test_the_data_of_a_document_are_in_the_file_as_json(renderer: Renderer) -> None:
    facts, _ = every_kind(Language.FRENCH)["receipt"]

    with pikepdf.open(io.BytesIO(drawn("receipt").pdf)) as document:
        attached = document.attachments[ATTACHMENT_NAME]
        data = json.loads(attached.get_file().read_bytes())
        [relationship] = {str(one.AFRelationship) for one in document.Root.AF}

    assert relationship == "/Data"
    assert attached.get_file().mime_type == "application/json"
    assert data["facts"] == facts
    assert data["document"]["verification_code"] == ISSUE.verification_code


def test_a_second_barcode_stands_beside_the_qr_code_and_both_are_read(renderer: Renderer) -> None:
    matrix = zxingcpp.write_barcode_to_image(
        zxingcpp.create_barcode("signed", zxingcpp.BarcodeFormat.DataMatrix)
    )
    facts, _ = every_kind(Language.FRENCH)["receipt"]

    rendered = renderer.render(facts, ISSUE, datamatrix=png_of(Image.fromarray(matrix)))

    assert set(scanned(rendered.pdf)) == {"signed", f"{PORTAL}/verification/{ISSUE.verification_code}"}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", KINDS)
def test_a_checker_of_accessibility_finds_nothing_and_the_syntax_is_whole(
    kind: str, language: Language, tmp_path: Path
) -> None:
    file = tmp_path / "document.pdf"
    file.write_bytes(drawn(kind, language).pdf)

    report = pdfua.validate(str(file))

    assert [(one.rule_id, one.message) for one in report.findings] == []
    with pikepdf.open(file) as document:
        assert document.check_pdf_syntax() == []


def test_every_header_cell_says_what_it_heads() -> None:
    with pikepdf.open(io.BytesIO(drawn("statement_of_account").pdf)) as document:
        scopes = [
            str(element.A.Scope)
            for element in document.objects
            if isinstance(element, pikepdf.Dictionary) and element.get("/S") == "/TH"
        ]

    assert scopes.count("/Column") == 5
    assert scopes.count("/Row") == 7


def test_the_attachment_is_listed_once() -> None:
    with pikepdf.open(io.BytesIO(drawn("receipt").pdf)) as document:
        assert len(list(document.Root.AF)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_has_words_for_those_who_do_not_see_it(renderer: Renderer, kind: str) -> None:
    with pikepdf.open(io.BytesIO(drawn(kind).pdf)) as document:
        figures = [
            element
            for element in document.objects
            if isinstance(element, pikepdf.Dictionary) and element.get("/S") == "/Figure"
        ]
    assert len(figures) == 1
    assert "QR" in str(figures[0].Alt)


@pytest.mark.parametrize(
    ("given_names", "family_name"),
    [
        ("محمد عبد الرحمن", "الشريف"),
        ("晓明", "欧阳"),
        ("ひろし", "渡辺"),
        ("민준", "김"),
        ("Nguyễn Thị Hồng", "Phượng"),
        ("Олександра", "Шевченко"),
        ("Ελένη", "Παπαδοπούλου"),
        ("अनुष्का", "शर्मा"),
        ("สมชาย", "ใจดี"),
        ("ნინო", "ბერიძე"),
        ("አበበ", "ቢቂላ"),
    ],
)
def test_a_name_in_any_script_is_drawn_whole(renderer: Renderer, given_names: str, family_name: str) -> None:
    facts = residence_facts(tenancy(given_names=given_names, family_name=family_name), as_of=ISSUE.on)

    rendered = renderer.render(facts, ISSUE)

    assert rendered.missing_glyphs == 0
    assert rendered.pages == 1


def test_a_letter_that_no_font_has_is_counted_and_the_page_still_comes(renderer: Renderer) -> None:
    facts = residence_facts(tenancy(family_name="\U00100001\U00100002"), as_of=ISSUE.on)

    rendered = renderer.render(facts, ISSUE)

    assert rendered.missing_glyphs == 2
    assert "Attestation" in text_of(rendered.pdf)


def test_a_very_long_name_and_a_twelve_line_address_stay_on_the_page(renderer: Renderer) -> None:
    long_tenancy = Tenancy(
        person=replace(
            PERSON,
            given_names="Maximilienne-Alexandrine Jean-Baptiste Marie-Antoinette",
            family_name="de La Rochefoucauld-Montmorency d'Aubigné-Saint-Germain" + "x" * 60,
        ),
        lease=LEASE,
        residence=replace(RESIDENCE, address=tuple(f"Ligne {number} de l'adresse" for number in range(12))),
        language=Language.ENGLISH,
    )

    for facts in (
        residence_facts(long_tenancy, as_of=ISSUE.on),
        receipt_facts(long_tenancy, october(100_000, 23_450)),
    ):
        rendered = renderer.render(facts, ISSUE)
        assert rendered.pages <= 2
        assert rightmost_mark(rendered.pdf) < 0.93


def rightmost_mark(pdf: bytes) -> float:
    """How far to the right anything is drawn, as a share of the page's width."""
    image = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("L")
    left, _, right, _ = image.point(lambda tone: 255 if tone < 200 else 0).getbbox()
    assert left > 0
    return float(right / image.width)


def draw_receipt(renderer: Renderer) -> Rendered:
    """By another renderer than usual."""
    return renderer.render(every_kind(Language.FRENCH)["receipt"][0], ISSUE)


def with_template(html: str) -> Renderer:
    """The renderer, its receipt replaced."""
    changed = Renderer(PORTAL)
    changed._templates = changed._templates.overlay(loader=jinja2.DictLoader({"receipt.html": html}))
    return changed


@pytest.mark.parametrize(
    "source",
    [
        "logo.png",
        "https://example.org/logo.png",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "data:image/png;base64,AAAA",
    ],
)
def test_an_image_that_is_missing_broken_or_not_ours_fails_the_rendering(
    renderer: Renderer, source: str
) -> None:
    broken = with_template(f'<html lang="fr"><title>x</title><img alt="logo" src="{source}">')

    with pytest.raises(MissingResource) as caught:
        draw_receipt(broken)

    assert source not in str(caught.value)


def test_a_missing_font_fails_the_rendering_and_says_which(renderer: Renderer) -> None:
    without_mono = with_template('<html lang="fr"><title>x</title><p>Texte seulement')

    with pytest.raises(MissingFont, match="Sesame Code"):
        draw_receipt(without_mono)


def test_a_name_that_looks_like_markup_is_printed_and_not_run(renderer: Renderer) -> None:
    facts = residence_facts(tenancy(family_name='<img src="https://evil.example/x">'), as_of=ISSUE.on)

    assert "evil.example" in text_of(renderer.render(facts, ISSUE).pdf)


def test_no_name_reaches_the_logs(renderer: Renderer) -> None:
    stream = io.StringIO()
    ears = logging.StreamHandler(stream)  # pytest's own listens to loggers that the root does not hear
    logging.getLogger().addHandler(ears)
    try:
        renderer.render(residence_facts(tenancy(family_name="Zw\U00100001ö"), as_of=ISSUE.on), ISSUE)
    finally:
        logging.getLogger().removeHandler(ears)

    assert "\U00100001" not in stream.getvalue()
    assert "Zw" not in stream.getvalue()
