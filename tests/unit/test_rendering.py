"""The PDFs themselves: what a reader, a screen reader and a scanner find in them."""

import io
import json
import logging
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import pikepdf
import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from sesame.documents.render import MissingFont, MissingResource, Rendered, Renderer
from sesame.domain import codes
from sesame.domain.caf import caf_facts
from sesame.domain.certificates import (
    ATTACHMENT_NAME,
    Facts,
    Issue,
    Tenancy,
    entry_facts,
    residence_facts,
    slip_facts,
)
from sesame.domain.codes import CodeFormat
from sesame.domain.debts import Instalment, PaymentPlan, formal_notice_facts, payment_plan_facts
from sesame.domain.journal import Entry, EntryKind, fold
from sesame.domain.receipts import (
    PeriodStanding,
    Settlement,
    part_payment_facts,
    payment_receipt_facts,
    receipt_facts,
    rent_notice_facts,
)
from sesame.domain.standings import end_of_stay_facts, statement_facts, up_to_date_facts
from sesame.domain.takings import Method, Taking, TakingPurpose
from sesame.domain.tenancy import (
    CafSettings,
    Channel,
    ContactHold,
    DocumentSettings,
    Landlord,
    Language,
    Lease,
    LeaseStatus,
    Person,
    Residence,
    RoomSurface,
    Structure,
)

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

PORTAL = "https://locataires.example"
TENANT_CODE = codes.printed("7K3M9QZ" + CodeFormat().check_symbol("7K3M9QZ"))
ISSUE = Issue(
    on=date(2026, 11, 23),
    at=datetime(2026, 11, 23, 9, tzinfo=UTC),
    number="2026-7K3M-9QZ2",
    verification_code="7K3M9QZ20XWH4TBC",
)
LANDLORD = Landlord(
    name="Résidences Horizon",
    address=("12 avenue du Général-Leclerc", "75014 Paris"),
    siret="81234567800012",
    caf_landlord_code="0924417",
    signatory="Hélène Garnier-Moreau",
    signatory_title="Directrice de la gestion locative",
)
RESIDENCE = Residence(
    residence_id="jean-zay",
    name="Jean-Zay",
    address=("2 allée Jean-Zay", "92160 Antony"),
    postal_code="92160",
    city="Antony",
    time_zone="Europe/Paris",
    landlord=LANDLORD,
    desk_contact="accueil@example.org",
    documents=DocumentSettings(
        footer_fr="Résidences Horizon, SAS au capital de 50 000 €, RCS Paris 812 345 678",
        caf=CafSettings(
            structure=Structure.UNIVERSITY_RESIDENCE,
            agreement_number="92/2019/0417",
            agreement_on=date(2019, 7, 1),
            surfaces=(RoomSurface(rooms="B4*", square_decimetres=1_850),),
        ),
    ),
)
LEASE = Lease(
    lease_id="l1",
    person_id="p1",
    residence_id="jean-zay",
    reference="L0100000",
    tenant_reference="48213",
    room="B434",
    starts_on=date(2026, 9, 1),
    ends_on=date(2027, 8, 31),
    rent_cents=117_468,
    charges_cents=5_982,
    deposit_cents=47_468,
    code_tail="9X",
    code_cipher=b"cipher",
    code_hash="1:hash",
)
PERSON = Person(person_id="p1", family_name="D'Almeida", given_names="Chloé", birth_date=date(2004, 11, 10))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    """One for all: it is reused in the function too."""
    return Renderer(PORTAL)


def tenancy(language: Language = Language.FRENCH, **of_person: Any) -> Tenancy:
    """Chloé, or somebody else in her room."""
    person = replace(PERSON, **of_person)
    return Tenancy(person=person, lease=LEASE, residence=RESIDENCE, language=language)


CHEQUE = Taking(
    taking_id="t",
    lease_id=LEASE.lease_id,
    residence_id=LEASE.residence_id,
    method=Method.CHEQUE,
    purpose=TakingPurpose.DEPOSIT,
    amount_cents=35_000,
    received_on=date(2026, 10, 3),
    recorded_at=ISSUE.at,
    recorded_by="staff",
    reference="1234567",
)


def october(*paid: int) -> PeriodStanding:
    """October, 1,234.50 euros, and what came in for it."""
    return PeriodStanding(
        period="2026-10",
        starts_on=date(2026, 10, 1),
        ends_on=date(2026, 10, 31),
        rent_cents=117_468,
        charges_cents=5_982,
        settlements=[
            Settlement(received_on=date(2026, 10, 3 + 6 * number), amount_cents=cents, method="card")
            for number, cents in enumerate(paid)
        ],
    )


def _with_new_contact(who: Tenancy) -> Tenancy:
    """Whose e-mail address the desk has just changed."""
    until = ISSUE.at + timedelta(hours=24)
    hold = ContactHold(until=until, held=(Channel.EMAIL,), recovery_id="r", changed_by=("s",))
    return replace(who, person=replace(who.person, hold=hold))


def every_kind(language: Language) -> dict[str, tuple[Facts, str | None]]:
    """Facts of each kind, and the code to print."""
    who = tenancy(language)
    wall = ZoneInfo(RESIDENCE.time_zone)
    return {
        "residence_certificate": (residence_facts(who, as_of=ISSUE.on), None),
        "caf_rent_certificate": (caf_facts(who, as_of=ISSUE.on, overdue_cents=0), None),
        "rent_notice": (
            rent_notice_facts(who, october(), due_on=date(2026, 10, 10), brought_forward_cents=12_345),
            None,
        ),
        "receipt": (receipt_facts(who, october(100_000, 23_450)), None),
        "part_payment_receipt": (part_payment_facts(who, october(100_000)), None),
        "statement_of_account": (
            statement_facts(
                who, autumn(), starts_on=date(2026, 10, 1), ends_on=date(2026, 11, 23), wall=wall
            ),
            None,
        ),
        "up_to_date_certificate": (up_to_date_facts(who, (), as_of=ISSUE.on), None),
        "end_of_stay_certificate": (
            end_of_stay_facts(moved_out(who), autumn(), as_of=date(2027, 9, 6), wall=wall),
            None,
        ),
        "payment_receipt": (payment_receipt_facts(who, CHEQUE), None),
        "entry_document": (entry_facts(who), TENANT_CODE),
        "code_slip": (slip_facts(_with_new_contact(who), ISSUE.at), TENANT_CODE),
        "payment_plan_agreement": (payment_plan_facts(who, PLAN), None),
        "formal_notice": (
            formal_notice_facts(
                who, fold(autumn()).checkpoint.outstanding, as_of=ISSUE.on, pay_by=date(2026, 12, 8)
            ),
            None,
        ),
    }


PLAN = PaymentPlan(
    debt_cents=123_450,
    agreed_on=ISSUE.on,
    instalments=[Instalment(due_on=date(2026, 12, 5), amount_cents=41_150)]
    + [Instalment(due_on=date(2027, month, 5), amount_cents=41_150) for month in (1, 2)],
)


def moved_out(who: Tenancy) -> Tenancy:
    """Whose stay is over."""
    return replace(who, lease=replace(who.lease, status=LeaseStatus.CLOSED))


def autumn() -> list[Entry]:
    """September paid, October in part, a payment returned, November not."""

    def at(month: int, day: int) -> datetime:
        return datetime(2026, month, day, 9, tzinfo=UTC)

    notices = [
        Entry(
            entry_id=f"notice:2026-{month:02}",
            kind=EntryKind.NOTICE,
            amount_cents=123_450,
            effective_at=at(month, 1),
            period=f"2026-{month:02}",
            due_on=date(2026, month, 10),
        )
        for month in (9, 10, 11)
    ]
    paid = [
        Entry(
            entry_id=f"payment:{number}",
            kind=EntryKind.PAYMENT,
            amount_cents=-cents,
            effective_at=at(month, day),
            source=f"payment:{number}",
        )
        for number, (month, day, cents) in enumerate([(9, 8, 123_450), (10, 9, 100_000), (10, 20, 23_450)])
    ]
    returned = Entry(
        entry_id="returned:2",
        kind=EntryKind.REFUND,
        amount_cents=23_450,
        effective_at=at(10, 27),
        reverses="payment:2",
    )
    return [*notices, *paid, returned]


KINDS = sorted(every_kind(Language.FRENCH))


def draw(renderer: Renderer, kind: str, language: Language = Language.FRENCH) -> Rendered:
    """One document."""
    facts, code = every_kind(language)[kind]
    return renderer.render(facts, ISSUE, tenant_code=code)


def text_of(pdf: bytes) -> str:
    """What a reader selects and copies, lines joined."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_range() for page in document]
    return re.sub(r"[ \r\n]+", " ", " ".join(pages))


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
    rendered = draw(renderer, kind, language)

    assert rendered.pages == 1
    assert rendered.missing_glyphs == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_qr_code_read_from_the_page_leads_to_the_verification(renderer: Renderer, kind: str) -> None:
    assert scanned(draw(renderer, kind).pdf) == [f"{PORTAL}/verification/{ISSUE.verification_code}"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_document_names_landlord_tenant_number_date_and_verification_code(
    renderer: Renderer, kind: str
) -> None:
    text = plain(text_of(draw(renderer, kind).pdf))

    for said in ("Résidences Horizon", "812 345 678 00012", "Chloé D'Almeida", "B434", "Jean-Zay"):
        assert said in text
    assert "Document n° 2026-7K3M-9QZ2" in text
    assert "7K3M-9QZ2-0XWH-4TBC" in text


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_facts_give_the_same_bytes(renderer: Renderer, kind: str) -> None:
    assert draw(renderer, kind).pdf == draw(renderer, kind).pdf
    assert draw(renderer, kind).pdf == draw(Renderer(PORTAL), kind).pdf


def test_a_receipt_says_all_that_makes_it_one(renderer: Renderer) -> None:
    text = plain(text_of(draw(renderer, "receipt").pdf))

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
    assert "1\u202f234,50\u202f€" in text_of(draw(renderer, "receipt").pdf)


def test_a_part_payment_receipt_says_that_it_is_none_in_full(renderer: Renderer) -> None:
    text = plain(text_of(draw(renderer, "part_payment_receipt").pdf))

    assert "ne vaut pas quittance" in text
    assert "Reste dû : 234,50 €" in text


def test_a_residence_certificate_shows_room_and_date_of_entry(renderer: Renderer) -> None:
    text = plain(text_of(draw(renderer, "residence_certificate").pdf))

    assert "occupe depuis le 1er septembre 2026 le logement B434" in text
    assert "Date d'entrée 1er septembre 2026" in text


def test_english_stands_beside_french_which_stays(renderer: Renderer) -> None:
    text = plain(text_of(draw(renderer, "receipt", Language.ENGLISH).pdf))

    for said in ("Quittance de loyer", "Rent receipt", "1 234,50 €", "€1,234.50", "3 October 2026"):
        assert said in text
    assert "The French text is authoritative" in text


def test_only_the_entry_document_and_the_desks_slip_show_the_tenant_code(renderer: Renderer) -> None:
    for kind, (facts, code) in every_kind(Language.FRENCH).items():
        if code is not None:
            assert TENANT_CODE in text_of(draw(renderer, kind).pdf)
        with pytest.raises(ValueError, match="shows the tenant code takes it, and no other does"):
            renderer.render(facts, ISSUE, tenant_code=None if code else TENANT_CODE)


def test_the_slip_says_from_when_changed_contacts_count(renderer: Renderer) -> None:
    text = plain(text_of(draw(renderer, "code_slip", Language.ENGLISH).pdf))

    assert "ne permettront de vous connecter qu'à partir du" in text
    assert "approve them" in text


def test_the_tenant_code_is_in_no_barcode_and_no_metadata(renderer: Renderer) -> None:
    pdf = draw(renderer, "entry_document").pdf

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
    with pikepdf.open(io.BytesIO(draw(renderer, kind, language).pdf)) as document:
        root = document.Root
        metadata = bytes(root.Metadata.read_bytes())
        assert root.MarkInfo.Marked
        assert "/StructTreeRoot" in root
        assert str(root.Lang) == language.value
        assert root.ViewerPreferences.DisplayDocTitle
        assert document.docinfo.Title
    for mark in (b'pdfaid:part="3"', b'pdfaid:conformance="A"', b'pdfuaid:part="1"'):
        assert mark in metadata


def test_the_data_of_a_document_are_in_the_file_as_json(renderer: Renderer) -> None:
    facts, _ = every_kind(Language.FRENCH)["receipt"]

    with pikepdf.open(io.BytesIO(draw(renderer, "receipt").pdf)) as document:
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
    png = io.BytesIO()
    Image.fromarray(matrix).convert("1").save(png, "PNG")
    facts, _ = every_kind(Language.FRENCH)["receipt"]

    rendered = renderer.render(facts, ISSUE, datamatrix=png.getvalue())

    assert set(scanned(rendered.pdf)) == {"signed", f"{PORTAL}/verification/{ISSUE.verification_code}"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_has_words_for_those_who_do_not_see_it(renderer: Renderer, kind: str) -> None:
    with pikepdf.open(io.BytesIO(draw(renderer, kind).pdf)) as document:
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
        draw(broken, "receipt")

    assert source not in str(caught.value)


def test_a_missing_font_fails_the_rendering_and_says_which(renderer: Renderer) -> None:
    without_mono = with_template('<html lang="fr"><title>x</title><p>Inter seulement')

    with pytest.raises(MissingFont, match="JetBrains Mono"):
        draw(without_mono, "receipt")


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
