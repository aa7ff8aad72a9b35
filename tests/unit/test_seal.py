"""Seals: what a reader finds of one, and what becomes of it when anything is changed."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils import generic, writer
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from local import authority
from sesame.documents.seal import KmsSealer, NoTimestamp, WrongCertificate
from sesame.documents.verify import Trust, Verdict, Why, judge_seal
from sesame.platform.secrets import Secrets

ROOT_AUTHORITY = authority.found("Autorité d'essai")


class Kms:
    """A key that signs, as KMS does."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def sign(self, **request: Any) -> dict[str, bytes]:
        """Of a message, whose digest it makes itself."""
        assert (request["MessageType"], request["SigningAlgorithm"]) == ("RAW", "ECDSA_SHA_256")
        return {"Signature": self.key.sign(request["Message"], ec.ECDSA(hashes.SHA256()))}


class Store:
    """A secret, as Secrets Manager gives it."""

    exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        """The same for every id and version."""
        return {"SecretString": self.text}


def sealer_of(kms: Kms, *more: str, timestamp_url: str = "", public_key: Any = None) -> KmsSealer:
    """A sealer whose certificate is issued by `ROOT_AUTHORITY`; `more` is PEM for its secret."""
    certificate = ROOT_AUTHORITY.issue("Cachet", public_key or kms.key.public_key())
    pem = authority.pem_of(certificate) + ROOT_AUTHORITY.pem + "".join(more)
    return KmsSealer(
        kms=kms, key="key", secrets=Secrets(Store(pem)), certificate_secret="-", timestamp_url=timestamp_url
    )


@pytest.fixture(scope="module")
def page() -> bytes:
    """A PDF."""
    pdf = writer.PdfFileWriter(stream_xrefs=False)
    contents = pdf.add_object(generic.StreamObject(stream_data=b"BT (Quittance) Tj ET"))
    pdf.insert_page(writer.PageObject(contents=contents, media_box=generic.ArrayObject([0, 0, 595, 842])))
    out = BytesIO()
    pdf.write(out)
    return out.getvalue()


def as_asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    """The same certificate, as pyHanko takes it."""
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def status_of(sealed: bytes) -> PdfSignatureStatus:
    """What a reader says of the one seal."""
    [seal] = PdfFileReader(BytesIO(sealed)).embedded_signatures
    return validate_pdf_signature(seal, ValidationContext(trust_roots=[as_asn1(ROOT_AUTHORITY.certificate)]))


def test_a_sealed_file_is_whole_trusted_and_allows_no_change(page: bytes) -> None:
    sealed = sealer_of(Kms()).seal(page)

    status = status_of(sealed)
    assert sealed.startswith(page)
    assert status.bottom_line
    assert status.coverage.name == "ENTIRE_FILE"
    [seal] = PdfFileReader(BytesIO(sealed)).embedded_signatures
    assert seal.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert seal.docmdp_level.name == "NO_CHANGES"


def trusting(kms: Kms, **other: Any) -> Trust:
    """Who believes the seals of a key, under `ROOT_AUTHORITY` unless told otherwise."""
    own = ROOT_AUTHORITY.issue("Cachet", kms.key.public_key())
    return Trust(**{"seals": (own,), "roots": (ROOT_AUTHORITY.certificate,), **other})


def test_a_seal_of_somebody_else_under_the_same_root_is_not_trusted(page: bytes) -> None:
    operator, forger = Kms(), Kms()
    trust = trusting(operator)

    forged = judge_seal(sealer_of(forger).seal(page), trust, datetime.now(UTC))
    genuine = judge_seal(sealer_of(operator).seal(page), trust, datetime.now(UTC))

    assert (forged.verdict, forged.why) == (Verdict.UNJUDGED, Why.NOT_TRUSTED)
    assert genuine.verdict is Verdict.HOLDS


def test_a_seal_is_vouched_for_by_the_roots_of_seals_alone(page: bytes) -> None:
    kms = Kms()
    sealed = sealer_of(kms).seal(page)

    for trust in (
        trusting(kms, roots=()),
        trusting(kms, roots=(), timestamps=(ROOT_AUTHORITY.certificate,)),
        trusting(kms, seals=(), two_d_docs=trusting(kms).seals),
    ):
        assert judge_seal(sealed, trust, datetime.now(UTC)).why is Why.NOT_TRUSTED


def test_a_trust_file_says_what_each_certificate_is_believed_for() -> None:
    own = ROOT_AUTHORITY.issue("Cachet", Kms().key.public_key())
    pem, root = authority.pem_of(own), ROOT_AUTHORITY.pem

    read = Trust.of_text(
        f"[seals]\n{pem}\n[roots]\r\n{root}[timestamps]\n{root}[2d-doc]\n{pem}"
        "[verification]\nhttps://locataires.example/verification/\n"
    )

    assert read == Trust(
        seals=(own,),
        roots=(ROOT_AUTHORITY.certificate,),
        timestamps=(ROOT_AUTHORITY.certificate,),
        two_d_docs=(own,),
        verification_address="https://locataires.example/verification",
    )


@pytest.mark.parametrize(
    "before",
    ["", "[seal]\n", "[roots]\nnone\n[seals]\n", "[seals]\n[roots]\n", "[verification]\n"],
    ids=["no heading", "an unknown one", "no certificate", "an empty one", "no address"],
)
def test_a_trust_file_that_does_not_say_so_is_refused(before: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Trust.of_text(before + ROOT_AUTHORITY.pem)


def test_a_seal_takes_few_bytes(page: bytes) -> None:
    assert len(sealer_of(Kms()).seal(page)) - len(page) < 7_000


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_changed_byte_breaks_the_seal(page: bytes, place: float) -> None:
    sealed = bytearray(sealer_of(Kms()).seal(page))
    at = sealed.index(b"(Quittance)") + int(place * 10)
    sealed[at] ^= 1

    assert not status_of(bytes(sealed)).bottom_line


def test_a_certificate_of_another_key_seals_nothing(page: bytes) -> None:
    with pytest.raises(WrongCertificate):
        sealer_of(Kms(), public_key=Kms().key.public_key()).seal(page)


def test_without_a_certificate_nothing_is_sealed(page: bytes) -> None:
    sealer = KmsSealer(kms=Kms(), key="key", secrets=Secrets(Store("none yet")), certificate_secret="-")

    with pytest.raises(WrongCertificate):
        sealer.seal(page)


class TimestampAuthority:
    """An RFC 3161 authority on loopback."""

    def __init__(self) -> None:
        self.root = authority.found("Horodatage d'essai", life=5 * authority.LIFE)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        only_time = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        certificate = self.root.issue(
            "Horodatage", key.public_key(), (only_time, True), life=5 * authority.LIFE
        )
        private = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.stamper = DummyTimeStamper(
            as_asn1(certificate), keys.PrivateKeyInfo.load(private), include_nonce=True
        )
        self.asked = 0


@pytest.fixture
def timestamps() -> Iterator[tuple[TimestampAuthority, str]]:
    """The authority and its address."""
    at_work = TimestampAuthority()

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at_work.asked += 1
            assert self.headers["Content-Type"] == "application/timestamp-query"
            request = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            body = at_work.stamper.request_tsa_response(request).dump()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield at_work, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_with_a_timestamp_a_seal_outlives_its_certificate(
    page: bytes, timestamps: tuple[TimestampAuthority, str]
) -> None:
    at_work, url = timestamps
    kms = Kms()
    sealed = sealer_of(kms, at_work.root.pem, timestamp_url=url).seal(page)
    trust = trusting(kms, timestamps=(at_work.root.certificate,))
    later = datetime.now(UTC) + 2 * authority.LIFE

    stamped = judge_seal(sealed, trust, later)
    unstamped = judge_seal(sealer_of(kms).seal(page), trust, later)

    assert at_work.asked
    assert "/DSS" in PdfFileReader(BytesIO(sealed)).root
    assert (stamped.verdict, unstamped.verdict) == (Verdict.HOLDS, Verdict.UNJUDGED)
    assert judge_seal(sealed, trusting(kms), later).verdict is Verdict.UNJUDGED
    of_seals_only = trusting(kms, roots=(ROOT_AUTHORITY.certificate, at_work.root.certificate))
    assert judge_seal(sealed, of_seals_only, later).verdict is Verdict.UNJUDGED


def test_without_an_answer_from_the_timestamp_authority_nothing_ships(page: bytes) -> None:
    nobody = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = nobody.server_port
    nobody.server_close()

    with pytest.raises(NoTimestamp):
        sealer_of(Kms(), timestamp_url=f"http://127.0.0.1:{port}/").seal(page)


def test_the_throw_away_authority_keeps_what_holds() -> None:
    certificate = ROOT_AUTHORITY.issue("Cachet", Kms().key.public_key())

    assert certificate.issuer == ROOT_AUTHORITY.certificate.subject
    assert certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=364)
