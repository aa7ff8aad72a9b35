"""What a forger can do to a sealed document, and who notices: the command that needs nobody, and the page."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import segno
import zxingcpp
from PIL import Image

from local import authority
from sesame.__main__ import main
from sesame.documents.datamatrix import datamatrix
from sesame.documents.seal import KmsSealer
from sesame.documents.verify import Check, Trust, Verdict, Why, verify
from sesame.domain import two_d_doc
from sesame.domain.certificates import Kind, Validity
from sesame.domain.two_d_doc import Signatory
from sesame.platform.ids import new_id
from sesame.platform.secrets import Secrets
from sesame.store.documents import Document
from tests.conftest import FrozenClock
from tests.integration.tenants import RESIDENCE, Tenant, admit
from tests.integration.test_certificates import RENDERER, Office

pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")

SIGNED_RESIDENCE = replace(RESIDENCE, documents=replace(RESIDENCE.documents, two_d_doc=True))
Found = dict[str, tuple[Verdict, Why]]


@pytest.fixture
def office(aws: Any, clock: FrozenClock) -> Office:
    return Office(aws, clock)


@pytest.fixture
def tenant(aws: Any) -> Tenant:
    return admit(aws, residence=SIGNED_RESIDENCE)


@pytest.fixture
def document(office: Office, tenant: Tenant) -> Document:
    """A proof of address, sealed, with a 2D-Doc."""
    asked = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)
    assert office.produce(asked.document_id)
    made = office.documents.get(asked.document_id)
    assert made is not None
    return made


@pytest.fixture
def pdf(office: Office, document: Document) -> bytes:
    """Its file."""
    return office.download(document)


@pytest.fixture
def judge(aws: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Found]:
    """What is found of a file by who trusts the operator's authorities."""
    trust = Trust.of_text(aws.trust)

    def found(pdf: bytes) -> Found:
        report = verify(pdf, trust, clock_of_seals())
        return {finding.check.value: (finding.verdict, finding.why) for finding in report.findings}

    return found


def clock_of_seals() -> Any:
    """Seals and certificates are dated by the machine's own clock."""
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime.now(UTC)


GOOD = {check.value: (Verdict.HOLDS, Why.NONE) for check in Check}


def resealed(office: Office, pdf: bytes) -> bytes:
    """A file that its forger seals again, with a certificate of an authority of their own."""
    aws = office.aws
    pem = authority.issue_seal(aws.kms, aws.seal_key)
    other = aws.secrets.create_secret(Name=new_id(), SecretString=pem)["ARN"]
    sealer = KmsSealer(kms=aws.kms, key=aws.seal_key, secrets=Secrets(aws.secrets), certificate_secret=other)
    return sealer.seal(pdf)


def edited(pdf: bytes, change: Callable[[pikepdf.Pdf], None]) -> bytes:
    """A file opened, changed and written anew."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        change(opened)
        opened.save(out)
    return out.getvalue()


def unsealed(pdf: bytes) -> bytes:
    """Without its seal, as if it never had one."""

    def strip(opened: pikepdf.Pdf) -> None:
        del opened.Root.AcroForm
        del opened.Root.Perms
        for page in opened.pages:
            page.Annots = pikepdf.Array()

    return edited(pdf, strip)


def test_a_document_as_it_was_issued_holds_in_every_way(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office, document: Document
) -> None:
    assert judge(pdf) == GOOD
    checked = office.verifications.check_file(pdf)
    assert checked.validity is Validity.GENUINE
    assert checked.statement is not None
    assert checked.statement.number == document.issue.number


def test_both_codes_are_read_back_from_the_page(pdf: bytes, document: Document) -> None:
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil()

    found = {code.format.name: code.text for code in zxingcpp.read_barcodes(page)}

    assert found["QRCode"].endswith(document.issue.verification_code)
    assert "NGUYEN" in found["DataMatrix"]
    assert document.two_d_doc == zxing_text(page)


def zxing_text(page: Image.Image) -> str:
    """The DataMatrix of a page, byte for byte."""
    [code] = [one for one in zxingcpp.read_barcodes(page) if one.format == zxingcpp.BarcodeFormat.DataMatrix]
    return code.bytes.decode("ascii")


@pytest.mark.parametrize("place", [0.02, 0.25, 0.5, 0.75])
def test_a_tampered_byte_is_noticed_by_the_command_and_by_the_page(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office, place: float
) -> None:
    tampered = bytearray(pdf)
    tampered[int(len(pdf) * place)] ^= 0x01

    assert verdict_of(bytes(tampered), judge) is Verdict.FAILS
    assert office.verifications.check_file(bytes(tampered)).validity is Validity.UNKNOWN


def verdict_of(pdf: bytes, judge: Callable[[bytes], Found]) -> Verdict:
    """The seal's verdict."""
    return judge(pdf)["seal"][0]


def test_a_swapped_attachment_is_noticed_even_under_another_seal(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office
) -> None:
    def swap(opened: pikepdf.Pdf) -> None:
        described = opened.Root.AF[0]
        content = bytes(described.EF.F.read_bytes())
        described.EF.F.write(content.replace(b"B204", b"C999"))

    swapped = edited(unsealed(pdf), swap)

    assert judge(swapped)["seal"] == (Verdict.FAILS, Why.NO_SEAL)
    assert judge(swapped)["data"] == (Verdict.FAILS, Why.DATA_NOT_PRINTED)
    assert judge(resealed(office, swapped))["seal"] == (Verdict.UNJUDGED, Why.NOT_TRUSTED)
    assert judge(resealed(office, swapped))["data"] == (Verdict.FAILS, Why.DATA_NOT_PRINTED)
    assert office.verifications.check_file(swapped).validity is Validity.UNKNOWN


def test_an_attachment_swapped_by_an_update_behind_the_seal_is_noticed(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office
) -> None:
    from pyhanko.pdf_utils import generic  # noqa: PLC0415
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415

    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    file = writer.root["/AF"][0]["/EF"].raw_get("/F")
    other = generic.StreamObject(stream_data=b'{"document":{},"facts":{}}')
    writer.objects[file.generation, file.idnum] = other
    out = io.BytesIO()
    writer.write(out)

    assert out.getvalue().startswith(pdf)
    assert judge(out.getvalue())["seal"] == (Verdict.FAILS, Why.ADDED_TO)
    assert judge(out.getvalue())["data"][0] is Verdict.FAILS
    assert office.verifications.check_file(out.getvalue()).validity is Validity.UNKNOWN


def drawn_over(pdf: bytes, png: bytes, where: str, *, aside: float = 0.0) -> bytes:
    """A code put over another one, found on the page by its kind; or so many points right of it."""
    source = pypdfium2.PdfDocument(pdf)
    page = source[0]
    scale = 2
    [code] = [
        one for one in zxingcpp.read_barcodes(page.render(scale=scale).to_pil()) if one.format.name == where
    ]
    corners = (code.position.top_left, code.position.bottom_right)
    left, right = (min(c.x for c in corners) / scale, max(c.x for c in corners) / scale)
    top, bottom = (min(c.y for c in corners) / scale, max(c.y for c in corners) / scale)
    image = Image.open(io.BytesIO(png)).convert("L")
    side = max(image.size)
    big = Image.new("L", (side + 8, side + 8), 255)
    big.paste(image, (4, 4))
    big = big.resize((big.width * 8, big.height * 8), Image.Resampling.NEAREST).convert("RGB")
    bitmap = pypdfium2.PdfBitmap.from_pil(big)
    drawing = pypdfium2.PdfImage.new(source)
    drawing.set_bitmap(bitmap)
    margin = (right - left) * 4 / side
    height = page.get_height()
    drawing.set_matrix(
        pypdfium2.PdfMatrix()
        .scale(right - left + 2 * margin, bottom - top + 2 * margin)
        .translate(left - margin + aside, height - bottom - margin)
    )
    page.insert_obj(drawing)
    page.gen_content()
    out = io.BytesIO()
    source.save(out)
    return out.getvalue()


def qr(address: str) -> bytes:
    """A QR code."""
    png = io.BytesIO()
    segno.make(address, error="m", micro=False).save(png, kind="png", scale=1, border=0)
    return png.getvalue()


def test_a_forged_qr_code_is_noticed_by_the_command_and_by_the_page(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office
) -> None:
    invented = "0" * 16
    forged = drawn_over(pdf, qr(f"https://sesame.example/verification/{invented}"), "QRCode")

    found = judge(forged)

    assert found["seal"][0] is Verdict.FAILS
    assert found["qr-code"] == (Verdict.FAILS, Why.OTHER_DOCUMENT)
    assert office.verifications.check(invented).validity is Validity.UNKNOWN
    assert office.verifications.check_file(forged).validity is Validity.UNKNOWN


def test_a_qr_code_that_leads_to_a_forgers_page_is_noticed(
    pdf: bytes, judge: Callable[[bytes], Found], document: Document
) -> None:
    code = document.issue.verification_code
    forged = drawn_over(pdf, qr(f"https://sesame.example.com/verification/{code}"), "QRCode")

    assert judge(forged)["qr-code"] == (Verdict.FAILS, Why.OTHER_ADDRESS)


@pytest.mark.parametrize(
    "address", ["HTTPS://EVIL.EXAMPLE/VERIFICATION/{}", "evil.example/verification/{}", "x"]
)
def test_a_forgers_qr_code_beside_the_real_one_is_noticed_however_it_is_written(
    pdf: bytes, judge: Callable[[bytes], Found], document: Document, address: str
) -> None:
    text = address.format(document.issue.verification_code)
    forged = drawn_over(pdf, qr(text), "QRCode", aside=250.0)

    assert judge(forged)["qr-code"][0] is Verdict.FAILS


def test_a_2d_doc_signed_by_a_forger_is_noticed(
    pdf: bytes, judge: Callable[[bytes], Found], document: Document, office: Office
) -> None:
    held = Signatory(authority=authority.TWO_D_DOC_AUTHORITY, certificate=authority.TWO_D_DOC_CERTIFICATE)
    text = two_d_doc.message(document.facts, document.issue, held)
    key = office.aws.kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    signature = office.aws.kms.sign(
        KeyId=key, Message=text.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
    )["Signature"]

    forged = drawn_over(pdf, datamatrix(two_d_doc.complete(text, signature)), "DataMatrix")

    assert judge(forged)["2d-doc"] == (Verdict.FAILS, Why.FORGED)


def test_a_2d_doc_of_somebody_else_is_noticed(
    pdf: bytes, judge: Callable[[bytes], Found], office: Office, aws: Any
) -> None:
    other = admit(aws, residence=SIGNED_RESIDENCE, ine="861583842CH", family_name="Autre")
    asked = office.certificates.request(office.session(other), Kind.RESIDENCE_CERTIFICATE)
    office.produce(asked.document_id)
    theirs = office.documents.get(asked.document_id)
    assert theirs is not None
    assert theirs.two_d_doc is not None

    forged = drawn_over(pdf, datamatrix(theirs.two_d_doc), "DataMatrix")

    assert judge(forged)["2d-doc"] == (Verdict.FAILS, Why.OTHER_DOCUMENT)


def test_rendering_anew_prints_the_same_2d_doc(office: Office, document: Document) -> None:
    def page() -> bytes:
        text = office.two_d_docs.of(document)
        assert text is not None
        return RENDERER.render(document.facts, document.issue, datamatrix=datamatrix(text)).pdf

    assert page() == page()


def test_a_name_in_another_alphabet_goes_without_a_2d_doc(office: Office, aws: Any) -> None:
    tenant = admit(aws, residence=SIGNED_RESIDENCE, ine="861583842CH", family_name="王", given_names="小明")
    asked = office.certificates.request(office.session(tenant), Kind.RESIDENCE_CERTIFICATE)

    assert office.produce(asked.document_id)

    made = office.documents.get(asked.document_id)
    assert made is not None
    assert made.two_d_doc is None


@pytest.fixture
def files(tmp_path: Path, aws: Any, pdf: bytes) -> Path:
    """A genuine file and what to trust, on disk."""
    (tmp_path / "good.pdf").write_bytes(pdf)
    (tmp_path / "bad.pdf").write_bytes(pdf[:5000] + b"x" + pdf[5001:])
    (tmp_path / "none.pdf").write_bytes(b"no such thing")
    (tmp_path / "trust.pem").write_text(aws.trust)
    return tmp_path


def test_the_command_says_so_in_words_and_by_its_answer(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = ["--trust", str(files / "trust.pem"), "--language", "en"]

    assert main(["verify", str(files / "good.pdf"), *trust]) == 0
    said = capsys.readouterr().out
    assert "GENUINE" in said
    assert "https://sesame.example/verification/" in said
    assert main(["verify", str(files / "bad.pdf"), *trust]) == 1
    assert "changed since it was sealed" in capsys.readouterr().out
    assert main(["verify", str(files / "none.pdf"), *trust]) == 2
    assert main(["verify", str(files / "good.pdf"), "--language", "fr"]) == 3
    assert "NON JUGÉ" in capsys.readouterr().out
    assert main(["verify", str(files / "good.pdf"), str(files / "bad.pdf"), *trust]) == 1
    assert main(["verify", str(files / "good.pdf"), "--trust", str(files / "none.pdf")]) == 2
