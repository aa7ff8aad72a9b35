"""Whole receipts with their seals: their form is kept, and a reader that is not ours finds the seal whole."""

import subprocess
from pathlib import Path

import pdfua
import pikepdf
import pytest

from sesame.domain.tenancy import Language
from tests.unit.documents import drawn
from tests.unit.test_seal import Kms, TimestampAuthority, sealer_of, timestamps

__all__ = ["timestamps"]

# WeasyPrint leaves its colour profile open.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file.*sRGB2014.icc:ResourceWarning")


def sealed(level: str, stamps: tuple[TimestampAuthority, str]) -> bytes:
    """A receipt in both languages, sealed at a PAdES level."""
    at_work, url = stamps
    sealer = sealer_of(Kms()) if level == "B-B" else sealer_of(Kms(), at_work.root.pem, timestamp_url=url)
    return sealer.seal(drawn("receipt", Language.ENGLISH).pdf)


@pytest.mark.parametrize("level", ["B-B", "B-LT"])
def test_a_seal_leaves_a_document_archival_accessible_and_whole(
    level: str, timestamps: tuple[TimestampAuthority, str], tmp_path: Path
) -> None:
    file = tmp_path / "sealed.pdf"
    file.write_bytes(sealed(level, timestamps))

    assert [(one.rule_id, one.message) for one in pdfua.validate(str(file)).findings] == []
    with pikepdf.open(file) as document:
        assert document.check_pdf_syntax() == []
        assert ("/DSS" in document.Root) is (level == "B-LT")
        metadata = bytes(document.Root.Metadata.read_bytes())
    for mark in (b'pdfaid:part="3"', b'pdfaid:conformance="A"', b'pdfuaid:part="1"'):
        assert mark in metadata


@pytest.mark.long
@pytest.mark.parametrize("level", ["B-B", "B-LT"])
def test_pdfsig_finds_a_seal_whole_and_a_changed_byte(
    level: str, timestamps: tuple[TimestampAuthority, str], tmp_path: Path
) -> None:
    """Needs poppler-utils (apt-get install poppler-utils), which nothing else does."""
    whole = sealed(level, timestamps)
    said = {}
    for name, pdf in (("whole", whole), ("changed", whole.replace(b"%PDF-1.7", b"%PDF-1.6", 1))):
        file = tmp_path / f"{name}.pdf"
        file.write_bytes(pdf)
        said[name] = subprocess.run(
            ["pdfsig", "-nocert", str(file)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    assert "Signature is Valid." in said["whole"]
    assert "ETSI.CAdES.detached" in said["whole"]
    assert "Signature is Valid." not in said["changed"]
