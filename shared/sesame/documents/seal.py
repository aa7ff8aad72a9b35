"""The seal of a document: a PAdES signature (ETSI EN 319 142) by a key that never leaves KMS.

Imported by the seal function alone: pyHanko takes half a second to load. Baseline B-B; B-LT where there is a
timestamp authority, so that a seal can still be judged when its certificate has ended.
"""

import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from typing import Any

from asn1crypto import algos, tsp, x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from sesame.platform.secrets import Secrets

FIELD = "Cachet"
_SIGNATURE_BYTES = 72
"""The longest DER form of two 256-bit numbers."""
_ATTRIBUTES_BYTES = 1024
"""Of the signed attributes and the envelope around them."""
_TIMESTAMP_BYTES = 8192
"""A token with its authority's certificates; public authorities send 3,000 to 6,000."""
_TIMESTAMP_SECONDS = 10


class SealingFailed(Exception):
    """No seal, or one that nobody could verify: nothing ships. Says what, never of which document."""


class WrongCertificate(SealingFailed):
    """The certificate in the secret is not of the key that seals, or there is none."""


class NoTimestamp(SealingFailed):
    """The timestamp authority does not answer, or not as RFC 3161 says."""


@dataclass(frozen=True)
class Certificates:
    """The seal's certificate first, then those above it; self-signed ones are trusted as roots."""

    all: tuple[x509.Certificate, ...]

    @classmethod
    def of_pem(cls, pem: str) -> "Certificates":
        """Raises WrongCertificate for what holds none."""
        if "-----BEGIN CERTIFICATE-----" not in pem:
            raise WrongCertificate("the secret holds no certificate")
        return cls(tuple(load_certs_from_pemder_data(pem.encode())))

    @property
    def own(self) -> x509.Certificate:
        """Whose key seals."""
        return self.all[0]

    @cached_property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """What is trusted by itself: the operator's authority's, and a timestamp authority's."""
        return tuple(one for one in self.all if one.self_signed in {"yes", "maybe"})

    @property
    def sent(self) -> Sequence[x509.Certificate]:
        """What goes into the seal: roots are for the reader to have."""
        return [one for one in self.all if one not in self.roots or one is self.own]


@lru_cache(maxsize=2)
def _certificates(pem: str) -> Certificates:
    return Certificates.of_pem(pem)


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsSealer:
    """Seals by a KMS key (ECC_NIST_P256) and the certificate that an authority issued for it."""

    kms: Any
    key: str
    secrets: Secrets
    certificate_secret: str
    """Holds PEM: the certificate, then its chain to the root; and the timestamp authority's root, if any."""
    timestamp_url: str = ""
    """An RFC 3161 authority; without one, seals are B-B."""

    def seal(self, pdf: bytes) -> bytes:
        """The PDF with a seal over every byte of it. Raises SealingFailed, and KMS's own errors."""
        certificates = _certificates(self.secrets.get(self.certificate_secret))
        timestamper = _Authority(self.timestamp_url) if self.timestamp_url else None
        reserved = sum(len(one.dump()) for one in certificates.sent) + _SIGNATURE_BYTES + _ATTRIBUTES_BYTES
        out = signers.PdfSigner(
            _described(certificates, long_term=timestamper is not None),
            signer=_KmsSigner(self.kms, self.key, certificates),
            timestamper=timestamper,
        ).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)),
            bytes_reserved=2 * (reserved + (_TIMESTAMP_BYTES if timestamper else 0)),
        )
        return bytes(out.getvalue())


def _described(certificates: Certificates, *, long_term: bool) -> signers.PdfSignatureMetadata:
    """A certification that allows no change: readers tell of any."""
    return signers.PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
        embed_validation_info=long_term,
        validation_context=ValidationContext(
            trust_roots=list(certificates.roots),
            other_certs=list(certificates.all),
            allow_fetching=True,
            revocation_mode="soft-fail",
        )
        if long_term
        else None,
    )


class _KmsSigner(signers.Signer):  # type: ignore[misc]
    """Has KMS sign the attributes that hold the file's digest."""

    def __init__(self, kms: Any, key: str, certificates: Certificates) -> None:
        super().__init__(
            signing_cert=certificates.own,
            cert_registry=SimpleCertificateStore.from_certs(certificates.sent),
            signature_mechanism=algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
            embed_roots=False,
        )
        self._kms, self._key = kms, key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """The signature, once it is sure that the certificate is of the key that made it."""
        if dry_run:
            return bytes(_SIGNATURE_BYTES)
        # Some three hundred bytes: KMS takes 4,096 and makes the digest itself.
        answer = self._kms.sign(
            KeyId=self._key, Message=data, MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        signature = bytes(answer["Signature"])
        public_key = load_der_public_key(self.signing_cert.public_key.dump())
        try:
            if not isinstance(public_key, ec.EllipticCurvePublicKey):
                raise InvalidSignature
            public_key.verify(signature, data, ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise WrongCertificate("the certificate is of another key") from error
        return signature


class _Authority(TimeStamper):  # type: ignore[misc]
    """A timestamp authority over HTTP (RFC 3161, 3.4)."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Its answer. Raises NoTimestamp."""
        request = urllib.request.Request(  # noqa: S310 (the operator's own setting)
            self._url, data=req.dump(), headers={"Content-Type": "application/timestamp-query"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMESTAMP_SECONDS) as answer:  # noqa: S310
                return tsp.TimeStampResp.load(answer.read())
        except (OSError, ValueError) as error:
            raise NoTimestamp(type(error).__name__) from error
