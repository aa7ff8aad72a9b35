"""The command that judges files: what a hostile file does to it, and what a genuine one must not suffer."""

import base64
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import zxingcpp
from PIL import Image

from sesame.__main__ import main
from sesame.documents import verify as judging
from sesame.documents.render import Renderer
from sesame.documents.verify import Check, Report, Trust, Verdict, Why, verify
from sesame.domain.certificates import Facts, attachment, canonical
from sesame.domain.tenancy import Language
from sesame.domain.two_d_doc import UNIT, Signatory, Unreadable, message, read
from tests.unit.documents import ISSUE, PORTAL, every_kind

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DOCUMENT = {"number": "1", "issued_on": "2026-10-01", "verification_code": "ABC"}
FACTS: Facts = every_kind(Language.FRENCH)["residence_certificate"][0]
DEEP = b'{"facts":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.fixture(scope="module")
def page() -> bytes:
    """A proof of address, before its seal."""
    return printed(FACTS)


def printed(facts: Facts, portal: str = PORTAL) -> bytes:
    """A document's page."""
    return Renderer(portal).render(facts, ISSUE, logo=None).pdf


def with_attachment(pdf: bytes, content: bytes) -> bytes:
    """A file whose data are others."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        opened.Root.AF[0].EF.F.write(content)
        opened.save(out)
    return out.getvalue()


def found(report: Report, check: Check) -> tuple[Verdict, Why]:
    """What a report says of one check."""
    [finding] = [one for one in report.findings if one.check is check]
    return finding.verdict, finding.why


@pytest.mark.parametrize(
    "content",
    [
        canonical({"document": DOCUMENT, "facts": {}}).encode(),
        canonical({"document": DOCUMENT, "facts": []}).encode(),
        canonical({"document": DOCUMENT, "facts": {"lease": {"room": 5}}}).encode(),
        canonical({"document": DOCUMENT | {"number": 1}, "facts": {"lease": {"room": "B"}}}).encode(),
        canonical({"document": DOCUMENT | {"verification_code": 5}, "facts": FACTS}).encode(),
        DEEP,
    ],
    ids=["no facts", "a list of facts", "a number for a room", "a number for a number", "a code", "deep"],
)
def test_data_of_another_shape_are_unreadable_and_crash_nothing(page: bytes, content: bytes) -> None:
    report = verify(with_attachment(page, content), Trust(), NOW)

    assert found(report, Check.DATA) == (Verdict.FAILS, Why.DATA_UNREADABLE)


@pytest.mark.parametrize("length", [0, 63, 65, 300])
def test_a_2d_doc_whose_signature_is_not_of_64_bytes_is_unreadable(length: int) -> None:
    text = message(FACTS, ISSUE, Signatory(authority="FR9Z", certificate="0001"))
    signature = base64.b32encode(b"\x7f" * length).decode().rstrip("=")

    with pytest.raises(Unreadable):
        read(f"{text}{UNIT}{signature}")


def test_facts_that_a_2d_doc_cannot_be_held_against_are_another_documents(page: bytes) -> None:
    text = message(FACTS, ISSUE, Signatory(authority="FR9Z", certificate="0001"))
    code = read(f"{text}{UNIT}{base64.b32encode(bytes(64)).decode().rstrip('=')}")

    judged = judging._judged_code(code, Trust(), {"lease": {"room": "B"}}, ISSUE)

    assert judged == (Verdict.FAILS, Why.OTHER_DOCUMENT)


def test_a_page_of_five_metres_is_looked_at_in_little_memory(
    page: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(page)) as opened:
        opened.pages[0].MediaBox = pikepdf.Array([0, 0, 14400, 14400])
        opened.save(out)
    seen: list[int] = []
    read_barcodes = zxingcpp.read_barcodes

    def counted(image: Image.Image) -> Any:
        seen.append(image.width * image.height)
        return read_barcodes(image)

    monkeypatch.setattr(zxingcpp, "read_barcodes", counted)

    verify(out.getvalue(), Trust(), NOW)

    assert seen
    assert max(seen) <= 25_000_000


def test_a_file_that_crashes_its_reader_does_not_keep_the_next_from_being_checked(
    page: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hostile.pdf").write_bytes(b"hostile")
    (tmp_path / "next.pdf").write_bytes(page)

    def stumbles(pdf: bytes, trust: Trust, now: datetime) -> Report:
        if pdf == b"hostile":
            raise MemoryError
        return verify(pdf, trust, now)

    monkeypatch.setattr("sesame.__main__.verify", stumbles)

    assert main(["verify", str(tmp_path / "hostile.pdf"), str(tmp_path / "next.pdf")]) == 1
    said = capsys.readouterr()
    assert "hostile.pdf" in said.err
    assert "next.pdf" in said.out


def test_a_qr_code_leads_to_the_address_that_is_trusted(page: bytes) -> None:
    def judged(address: str) -> tuple[Verdict, Why]:
        return found(verify(page, Trust(verification_address=address), NOW), Check.QR_CODE)

    assert judged("") == judged(f"{PORTAL}/verification") == (Verdict.HOLDS, Why.NONE)
    assert judged("https://operator.example/verification") == (Verdict.FAILS, Why.OTHER_ADDRESS)


@pytest.mark.parametrize(
    "room",
    [
        "غرفة 12",
        "Ch. \U000f0000 12",
        "房 12",
        "B434\u00ad1",
        "BAT-A-ETAGE-3-CHAMBRE-312-LIT-B-COTE-JARDIN-NORD-EST",
    ],
)
def test_a_genuine_document_holds_whatever_its_room_is_called(room: str) -> None:
    pdf = printed({**FACTS, "lease": {**FACTS["lease"], "room": room}})

    assert found(verify(pdf, Trust(), NOW), Check.DATA) == (Verdict.HOLDS, Why.NONE)


@pytest.mark.parametrize("room", ["C999", "B 20", "Bâtiment É 12"])
def test_data_that_name_another_room_are_not_those_of_the_page(page: bytes, room: str) -> None:
    other = attachment({**FACTS, "lease": {**FACTS["lease"], "room": room}}, ISSUE)

    report = verify(with_attachment(page, other), Trust(), NOW)

    assert found(report, Check.DATA) == (Verdict.FAILS, Why.DATA_NOT_PRINTED)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", sorted(every_kind(Language.FRENCH)))
def test_the_data_of_every_kind_are_found_on_its_page(kind: str, language: Language) -> None:
    facts, code = every_kind(language)[kind]
    pdf = Renderer(PORTAL).render(facts, ISSUE, tenant_code=code, logo=None).pdf

    assert found(verify(pdf, Trust(), NOW), Check.DATA) == (Verdict.HOLDS, Why.NONE)


@pytest.mark.parametrize(
    ("change", "value"),
    [("received_cents", 99_900), ("total_cents", 1), ("period", "2026-09")],
)
def test_data_that_state_another_amount_or_month_are_not_those_of_the_page(
    change: str, value: object
) -> None:
    facts = every_kind(Language.FRENCH)["receipt"][0]
    pdf = printed(facts)
    other = attachment({**facts, "period": {**facts["period"], change: value}}, ISSUE)

    assert found(verify(with_attachment(pdf, other), Trust(), NOW), Check.DATA) == (
        Verdict.FAILS,
        Why.DATA_NOT_PRINTED,
    )


def test_data_that_name_another_holder_are_not_those_of_the_page(page: bytes) -> None:
    other = attachment({**FACTS, "holder": {**FACTS["holder"], "family_name": "Martin"}}, ISSUE)

    report = verify(with_attachment(page, other), Trust(), NOW)

    assert found(report, Check.DATA) == (Verdict.FAILS, Why.DATA_NOT_PRINTED)


LONG = "espace-locataire.residences-etudiantes.crous-bourgogne-franche-comte.fr"


@pytest.mark.parametrize(
    "portal", [f"https://{LONG}", "https://a1b2c3d4e5.execute-api.eu-west-3.amazonaws.com"]
)
def test_an_address_so_long_that_it_breaks_beside_its_code_is_the_same_address(portal: str) -> None:
    report = verify(printed(FACTS, portal), Trust(verification_address=f"{portal}/verification"), NOW)

    assert found(report, Check.QR_CODE) == (Verdict.HOLDS, Why.NONE)


def test_an_address_with_a_hyphen_more_or_less_is_another_one() -> None:
    page = judging._Pages(text=judging._plain(f"{LONG}/verification"), qr_codes=(), two_d_docs=())

    assert page.prints(f"{LONG}/verification")
    assert not page.prints(f"{LONG.replace('-', '')}/verification")
    assert not page.prints(f"{LONG.replace('bourgogne', 'bour-gogne')}/verification")
