"""Whether a file is the document it says it is, told from the file alone: seal, data, codes on the page.

Nothing is asked of us or of anybody: what is trusted is told by a file. What only we know (whether
the document was revoked since) is at the address that the report gives.
"""

import io
import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import pypdfium2
import zxingcpp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from sesame.documents import typography
from sesame.domain import codes, two_d_doc
from sesame.domain.certificates import ATTACHMENT_NAME, Facts, Issue, attachment
from sesame.domain.public_statements import Label, Line, public_statement
from sesame.domain.tenancy import Language
from sesame.domain.two_d_doc import Signatory, TwoDDoc, Unreadable

# What a hostile file makes them stumble over is told by the report; their own lines might quote it.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).propagate = False
    logging.getLogger(_name).addHandler(logging.NullHandler())

MOST_BYTES = 20_000_000
_MOST_PAGES = 60
_DEEPEST = 8
_SCALE = 3
"""Some 216 dots an inch: codes of 24 mm are read without fail."""
_MOST_DOTS = 5_000
"""Along a page's longer side: A3 in full, and no more memory for a page of five metres."""


class Check(StrEnum):
    """What is looked at."""

    SEAL = "seal"
    DATA = "data"
    QR_CODE = "qr-code"
    TWO_D_DOC = "2d-doc"


class Verdict(StrEnum):
    """What came of it."""

    HOLDS = "holds"
    FAILS = "fails"
    UNJUDGED = "unjudged"
    """Nothing is wrong with it, but nobody who is trusted vouches for it."""
    ABSENT = "absent"


class Why(StrEnum):
    """What is wrong, or missing for a judgement."""

    NONE = ""
    NO_SEAL = "no-seal"
    SEVERAL_SEALS = "several-seals"
    CHANGED = "changed"
    ADDED_TO = "added-to"
    NOT_TRUSTED = "not-trusted"
    CERTIFICATE_ENDED = "certificate-ended"
    NO_DATA = "no-data"
    DATA_UNREADABLE = "data-unreadable"
    DATA_NOT_PRINTED = "data-not-printed"
    NO_CODE = "no-code"
    OTHER_DOCUMENT = "other-document"
    OTHER_ADDRESS = "other-address"
    FORGED = "forged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check's outcome. `by` names whose seal or signature it is."""

    check: Check
    verdict: Verdict
    why: Why = Why.NONE
    by: str = ""
    at: datetime | None = None
    """When a seal was put on, by its timestamp or, without one, by its own word."""


class NotADocument(Exception):
    """Not a PDF that can be opened."""


_HEADING = re.compile(r"^\[([a-z0-9-]+)\][ \t]*$", re.MULTILINE)
_HEADINGS = ("seals", "roots", "timestamps", "2d-doc", "verification")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What is believed, each for one thing only: an authority certifies others than the operator too."""

    seals: tuple[x509.Certificate, ...] = ()
    """The operator's own: a seal is of one of their keys, so that a renewed certificate holds."""
    roots: tuple[x509.Certificate, ...] = ()
    """The authorities that vouch for those."""
    timestamps: tuple[x509.Certificate, ...] = ()
    """The authorities that vouch for the time of a seal."""
    two_d_docs: tuple[x509.Certificate, ...] = ()
    verification_address: str = ""
    """Where QR codes must lead, without the code; without it, where the page says."""

    @classmethod
    def of_text(cls, text: str) -> "Trust":
        """PEM under headings: `[seals]`, `[roots]`, `[timestamps]`, `[2d-doc]`; and `[verification]`,
        under which there is an address. Raises ValueError.
        """
        before, *parts = _HEADING.split(text.replace("\r\n", "\n"))
        names, contents = parts[::2], [part.strip() for part in parts[1::2]]
        if before.strip() or len(set(names)) != len(names) or not set(names) <= {*_HEADINGS}:
            raise ValueError("not certificates under the headings that there are")
        told = dict(zip(names, contents, strict=True))
        address = told.pop("verification", "").rstrip("/")
        if not re.fullmatch(r"(https?://\S+)?", address):
            raise ValueError("not an address")
        held = {name: tuple(x509.load_pem_x509_certificates(pem.encode())) for name, pem in told.items()}
        return cls(
            seals=held.get("seals", ()),
            roots=held.get("roots", ()),
            timestamps=held.get("timestamps", ()),
            two_d_docs=held.get("2d-doc", ()),
            verification_address=address,
        )

    def seals_with(self, certificate: asn1_x509.Certificate) -> bool:
        """Whether a certificate is of a key that the operator seals with."""
        return certificate.public_key.dump() in {_as_asn1(one).public_key.dump() for one in self.seals}

    def of_2d_doc(self, signatory: Signatory) -> x509.Certificate | None:
        """The certificate that a 2D-Doc's header names."""
        wanted = (signatory.authority, signatory.certificate)
        return next(
            (one for one in self.two_d_docs if (_common(one.issuer), _common(one.subject)) == wanted), None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found, and which document the file says it is."""

    findings: Sequence[Finding]
    number: str = ""
    verification_address: str = ""
    """Where it is told whether the document still holds."""

    @property
    def verdict(self) -> Verdict:
        """The worst of what was found; what may be absent does not count."""
        found = {finding.verdict for finding in self.findings}
        return next((one for one in (Verdict.FAILS, Verdict.UNJUDGED) if one in found), Verdict.HOLDS)


def verify(pdf: bytes, trust: Trust, now: datetime) -> Report:
    """Every check. Raises NotADocument."""
    page = _Pages.of(pdf)
    data, facts, issue = _data(pdf, page)
    findings = [
        judge_seal(pdf, trust, now),
        data,
        _qr_code(page, trust, issue),
        _two_d_doc(page, trust, facts, issue),
    ]
    return Report(
        findings=findings,
        number=issue.number if issue else "",
        verification_address=next(iter(page.addresses), ""),
    )


# ---------------------------------------------------------------- the seal


def judge_seal(pdf: bytes, trust: Trust, now: datetime) -> Finding:
    """Whether the file is, to the byte, what was sealed, and whether it is the operator who sealed it.

    A seal with a trusted timestamp is judged as of that moment, so that it outlives its certificate.
    """
    try:
        seals = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    except Exception as error:
        raise NotADocument from error
    if len(seals) != 1:
        return _seal(Verdict.FAILS, Why.SEVERAL_SEALS if seals else Why.NO_SEAL)
    [seal] = seals
    try:
        status = _judged(seal, trust, now)
        stamp = status.timestamp_validity
        if stamp is not None and stamp.intact and stamp.valid and stamp.trusted:
            status = _judged(seal, trust, stamp.timestamp)
    except Exception:  # a reader of hostile files may stumble anywhere: then it is no seal
        return _seal(Verdict.FAILS, Why.CHANGED)
    stamped = stamp.timestamp if stamp is not None and stamp.trusted else None
    told: dict[str, Any] = {"by": _common_asn1(seal.signer_cert), "at": stamped or status.signer_reported_dt}
    if not (status.intact and status.valid):
        return _seal(Verdict.FAILS, Why.CHANGED, **told)
    if not _covers_everything(seal, status):
        return _seal(Verdict.FAILS, Why.ADDED_TO, **told)
    ours = trust.seals_with(seal.signer_cert)
    if not (ours and status.trusted):
        ended = ours and trust.roots and _vouched_at_its_time(seal, trust, status)
        return _seal(Verdict.UNJUDGED, Why.CERTIFICATE_ENDED if ended else Why.NOT_TRUSTED, **told)
    return _seal(Verdict.HOLDS, **told)


def _judged(seal: EmbeddedPdfSignature, trust: Trust, moment: datetime) -> PdfSignatureStatus:
    def context(roots: Sequence[x509.Certificate]) -> ValidationContext:
        return ValidationContext(
            trust_roots=[_as_asn1(one) for one in roots],
            moment=moment,
            allow_fetching=False,
            revocation_mode="soft-fail",
        )

    return validate_pdf_signature(seal, context(trust.roots), context(trust.timestamps))


def _vouched_at_its_time(seal: EmbeddedPdfSignature, trust: Trust, status: PdfSignatureStatus) -> bool:
    moment = status.signer_reported_dt
    return moment is not None and bool(_judged(seal, trust, moment).trusted)


def _covers_everything(seal: EmbeddedPdfSignature, status: PdfSignatureStatus) -> bool:
    """Nothing was added but what a seal's validation needs later."""
    if status.coverage.name == "ENTIRE_FILE":
        return True
    level = status.modification_level
    return status.docmdp_ok is True and level is not None and level.name in {"NONE", "LTA_UPDATES"}


def _seal(verdict: Verdict, why: Why = Why.NONE, **told: Any) -> Finding:
    return Finding(check=Check.SEAL, verdict=verdict, why=why, **told)


# ---------------------------------------------------------------- what the page carries


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    """What a reader and a scanner see."""

    text: str
    qr_codes: tuple[str, ...]
    two_d_docs: tuple[str, ...]

    @classmethod
    def of(cls, pdf: bytes) -> "_Pages":
        texts, qr_codes, two_d_docs = [], [], []
        try:
            document = pypdfium2.PdfDocument(pdf)
            pages = [document[number] for number in range(min(len(document), _MOST_PAGES))]
            for page in pages:
                texts.append(page.get_textpage().get_text_range())
                image = page.render(scale=min(_SCALE, _MOST_DOTS / max(page.get_size()))).to_pil()
                for code in zxingcpp.read_barcodes(image):
                    if code.format == zxingcpp.BarcodeFormat.DataMatrix:
                        two_d_docs.append(code.bytes.decode("latin-1"))
                    elif code.format == zxingcpp.BarcodeFormat.QRCode:
                        qr_codes.append(code.text)
        except pypdfium2.PdfiumError as error:
            raise NotADocument from error
        return cls(text=_plain("".join(texts)), qr_codes=tuple(qr_codes), two_d_docs=tuple(two_d_docs))

    @property
    def addresses(self) -> Iterator[str]:
        """Where QR codes lead."""
        return iter(self.qr_codes)

    def prints(self, text: str) -> bool:
        """Whether it is on the page, however the lines were broken: at its own hyphens, or at added ones."""
        return any(_plain(text) in re.sub(_LINE_BREAK, hyphen, self.text) for hyphen in ("-", ""))


_LINE_BREAK = "[\x02\ufffe]"
"""What pdfium reads for a hyphen at the end of a line."""
_FAITHFUL = "latin-1"
"""Letters that are read from a page as they were written: not in another order, nor in another form."""


def _plain(text: str) -> str:
    return re.sub(r"[\s\u00ad\u200b\u2060]+", "", text).replace("’", "'")


def _qr_code(page: _Pages, trust: Trust, issue: Issue | None) -> Finding:
    """Each QR code must lead to this document's verification, at the operator's address, printed beside it.

    One that leads elsewhere, or says something else than an address, is a forger's: ours prints no other.
    """
    addresses = list(page.addresses)
    if not addresses:
        return Finding(check=Check.QR_CODE, verdict=Verdict.FAILS, why=Why.NO_CODE)
    if issue is None:
        return Finding(check=Check.QR_CODE, verdict=Verdict.UNJUDGED, why=Why.NO_DATA)
    for address in addresses:
        site, _, code = address.rpartition("/")
        if code != issue.verification_code:
            return Finding(check=Check.QR_CODE, verdict=Verdict.FAILS, why=Why.OTHER_DOCUMENT)
        scheme, _, place = site.partition("://")
        known = scheme in {"http", "https"} and site == (trust.verification_address or site)
        if not known or not page.prints(place):
            return Finding(check=Check.QR_CODE, verdict=Verdict.FAILS, why=Why.OTHER_ADDRESS)
    return Finding(check=Check.QR_CODE, verdict=Verdict.HOLDS)


def _two_d_doc(page: _Pages, trust: Trust, facts: Facts | None, issue: Issue | None) -> Finding:
    """A 2D-Doc must be signed by whom it names, and say what the data say."""
    worst = Finding(check=Check.TWO_D_DOC, verdict=Verdict.ABSENT)
    for text in page.two_d_docs:
        try:
            found = two_d_doc.read(text)
        except Unreadable:
            return Finding(check=Check.TWO_D_DOC, verdict=Verdict.FAILS, why=Why.FORGED)
        verdict, why = _judged_code(found, trust, facts, issue)
        by = f"{found.signatory.authority} {found.signatory.certificate}"
        worst = Finding(check=Check.TWO_D_DOC, verdict=verdict, why=why, by=by)
        if verdict is not Verdict.HOLDS:
            break
    return worst


def _judged_code(
    found: TwoDDoc, trust: Trust, facts: Facts | None, issue: Issue | None
) -> tuple[Verdict, Why]:
    certificate = trust.of_2d_doc(found.signatory)
    if certificate is not None and not _signed_by(found, certificate):
        return Verdict.FAILS, Why.FORGED
    if facts is None or issue is None:
        return Verdict.UNJUDGED, Why.NO_DATA
    if not two_d_doc.agrees(found, facts, issue):
        return Verdict.FAILS, Why.OTHER_DOCUMENT
    return (Verdict.HOLDS, Why.NONE) if certificate else (Verdict.UNJUDGED, Why.NOT_TRUSTED)


def _signed_by(found: TwoDDoc, certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(two_d_doc.der_signature(found.signature), found.signed_bytes, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


# ---------------------------------------------------------------- the data


def _data(pdf: bytes, page: _Pages) -> tuple[Finding, Facts | None, Issue | None]:
    """The data for machines, which must be those of the document that is printed."""
    try:
        attached = [content for name, content in attachments(pdf) if name == ATTACHMENT_NAME]
    except Exception:  # hostile files again
        attached = []
    if len(attached) != 1:
        return Finding(check=Check.DATA, verdict=Verdict.FAILS, why=Why.NO_DATA), None, None
    try:
        content: dict[str, Any] = json.loads(attached[0])
        facts, told, room = content["facts"], content["document"], content["facts"]["lease"]["room"]
        issue = Issue(
            on=date.fromisoformat(told["issued_on"]),
            at=datetime.now(UTC),
            number=told["number"],
            verification_code=told["verification_code"],
        )
        if not all(isinstance(text, str) for text in (issue.number, issue.verification_code, room)):
            raise TypeError("not text")
        if attachment(facts, issue) != attached[0]:
            raise ValueError("not in its canonical form")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Finding(check=Check.DATA, verdict=Verdict.FAILS, why=Why.DATA_UNREADABLE), None, None
    try:
        stated = [*_stated(facts, issue), *([(room,)] if _is_faithful(room) else [])]
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError):
        return Finding(check=Check.DATA, verdict=Verdict.FAILS, why=Why.DATA_UNREADABLE), None, None
    printed = [(issue.number,), (codes.printed(issue.verification_code),), *stated]
    if not all(any(page.prints(text) for text in ways) for ways in printed):
        return Finding(check=Check.DATA, verdict=Verdict.FAILS, why=Why.DATA_NOT_PRINTED), facts, issue
    return Finding(check=Check.DATA, verdict=Verdict.HOLDS), facts, issue


def _stated(facts: Facts, issue: Issue) -> Iterator[tuple[str, ...]]:
    """What the public may see of the paper by these data, each in every way in which a page may print it."""
    statement = public_statement(facts, issue)
    names = (statement.holder, statement.landlord, statement.residence)
    for word in " ".join(one for one in names if one).split():
        if _is_faithful(word) and word.casefold() not in _LEFT_OUT:
            yield (word,)
    if statement.period is not None:
        yield _month(statement.period)
    for line in statement.lines:
        yield from _of_line(line)


def _is_faithful(text: str) -> bool:
    return text.encode(_FAITHFUL, "ignore").decode(_FAITHFUL) == text


def _of_line(line: Line) -> Iterator[tuple[str, ...]]:
    for day in (line.on, line.until):
        if day is not None:
            yield typography.day(day.isoformat())[Language.FRENCH], typography.short_day(day.isoformat())
    for cents in (line.amount_cents, line.balance_cents):
        if cents is not None:
            yield (typography.figure(abs(cents)),)
    if line.period is not None:
        yield _month(line.period)
    if line.value is not None and line.label in _AS_WRITTEN:
        yield (line.value,)


def _month(period: str) -> tuple[str, ...]:
    return typography.month(period)[Language.FRENCH], typography.short_month(period)


_LEFT_OUT = frozenset({"résidence", "residence"})
"""Not printed twice: a page says "résidence" of its own."""
_AS_WRITTEN = frozenset({Label.SIRET, Label.LANDLORD_CODE, Label.AGENCY_CODE, Label.TENANT_REFERENCE})


def attachments(pdf: bytes) -> set[tuple[str, bytes]]:
    """Name and content of every file that a PDF carries, wherever a reader may look for them."""
    root = PdfFileReader(io.BytesIO(pdf)).root
    described = [*root.get("/AF", ())]
    if "/Names" in root and "/EmbeddedFiles" in root["/Names"]:
        described += _leaves(root["/Names"]["/EmbeddedFiles"], _DEEPEST)
    files = [each.get_object() for each in described]
    return {(str(file["/UF"]), bytes(file["/EF"]["/F"].data)) for file in files}


def _leaves(node: Any, depth: int) -> Iterator[Any]:
    """The values of a name tree (ISO 32000-1, 7.9.6)."""
    if depth == 0:
        raise ValueError("a name tree that does not end")
    yield from [*node.get("/Names", ())][1::2]
    for kid in node.get("/Kids", ()):
        yield from _leaves(kid.get_object(), depth - 1)


def _common(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate, as pyHanko takes it."""
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _common_asn1(certificate: asn1_x509.Certificate) -> str:
    return str(certificate.subject.native.get("common_name", ""))
