"""A throw-away certification authority: what an operator buys, made at start for the local stack.

It issues a certificate for each key that signs documents, and forgets its own key at once. What it vouches
for is worth nothing elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
LIFE = timedelta(days=365)
TWO_D_DOC_AUTHORITY, TWO_D_DOC_CERTIFICATE = "FR9Z", "0001"
"""As a 2D-Doc's header names them; no real authority has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root certificate, and the key that nobody keeps."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The root, for who wants to trust it."""
        return pem_of(self.certificate)

    def issue(
        self,
        name: str,
        public_key: PublicKey,
        *extensions: tuple[x509.ExtensionType, bool],
        life: timedelta = LIFE,
    ) -> x509.Certificate:
        """A certificate of somebody else's key: for signing unless extensions say what for."""
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=True,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = _builder(name, self.certificate.subject, public_key, life)
        for extension, critical in ((usage, True), *extensions):
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())


def found(name: str, *, life: timedelta = LIFE) -> Authority:
    """A new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        _builder(name, _named(name), key.public_key(), life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate=certificate, key=key)


def pem_of(certificate: x509.Certificate) -> str:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def certify(client: Callable[[str], Any], resources: Mapping[str, str], portal_url: str) -> str:
    """Gives the stack's signing keys certificates, unless they have some. Returns what to trust.

    `resources` are the stack's, by logical id; `portal_url` is where its documents are verified.
    """
    kms, secrets = client("kms"), client("secretsmanager")
    seal = _value(secrets, resources["SealCertificateSecret"])
    if "BEGIN CERTIFICATE" not in seal:
        seal = issue_seal(kms, resources["SealKey"])
        secrets.put_secret_value(SecretId=resources["SealCertificateSecret"], SecretString=seal)
    two_d_doc = _value(secrets, resources["TwoDDocCertificateSecret"])
    if "BEGIN CERTIFICATE" not in two_d_doc:
        two_d_doc = issue_two_d_doc(kms, resources["TwoDDocKey"])
        secrets.put_secret_value(SecretId=resources["TwoDDocCertificateSecret"], SecretString=two_d_doc)
    return trust_file(seal, two_d_doc, portal_url)


def trust_file(seal: str, two_d_doc: str, portal_url: str) -> str:
    """What to trust, as `sesame verify` reads it: what the two secrets hold, and where QR codes must lead."""
    own, root = x509.load_pem_x509_certificates(seal.encode())
    code = json.loads(two_d_doc)["pem"]
    return (
        f"[seals]\n{pem_of(own)}\n[roots]\n{pem_of(root)}\n[2d-doc]\n{code}\n"
        f"[verification]\n{portal_url.rstrip('/')}/verification\n"
    )


def issue_seal(kms: Any, key_id: str) -> str:
    """A certificate for the key that seals, and its root, as the seal's secret holds them."""
    authority = found("Autorité jetable")
    certificate = authority.issue("Cachet d'essai", public_key_of(kms, key_id))
    return pem_of(certificate) + authority.pem


def issue_two_d_doc(kms: Any, key_id: str) -> str:
    """A certificate for the key that signs 2D-Docs, as its secret holds it."""
    authority = found(TWO_D_DOC_AUTHORITY)
    certificate = authority.issue(TWO_D_DOC_CERTIFICATE, public_key_of(kms, key_id))
    return json.dumps(
        {"authority": TWO_D_DOC_AUTHORITY, "certificate": TWO_D_DOC_CERTIFICATE, "pem": pem_of(certificate)}
    )


def public_key_of(kms: Any, key_id: str) -> ec.EllipticCurvePublicKey:
    """The public half of a KMS key."""
    key = serialization.load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("not a key of a curve")
    return key


def _value(secrets: Any, secret_id: str) -> str:
    return str(secrets.get_secret_value(SecretId=secret_id).get("SecretString", ""))


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Essai sans valeur"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _builder(name: str, issuer: x509.Name, public_key: PublicKey, life: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
