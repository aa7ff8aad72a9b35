"""A document's 2D-Doc: signed once, so that whoever renders the page again prints the same code."""

import json
from dataclasses import dataclass
from typing import Any

from sesame.domain import two_d_doc
from sesame.domain.two_d_doc import NotEncodable, Signatory
from sesame.platform.logs import count
from sesame.platform.secrets import Secrets
from sesame.store.documents import Document, Documents


class NoTwoDDocCertificate(Exception):
    """A residence has 2D-Docs, and nobody has put their certificate into its secret (docs/operations.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoDDocs:
    """Signs 2D-Docs by a KMS key (ECC_NIST_P256) that an accredited authority has certified."""

    documents: Documents
    kms: Any
    key: str
    secrets: Secrets
    certificate_secret: str
    """Holds JSON: `authority` and `certificate`, four characters each, as headers name them; `pem`."""

    def of(self, document: Document) -> str | None:
        """The document's 2D-Doc; None for one that has none, or whose names are in another alphabet.

        Two calls the first time. Raises NoTwoDDocCertificate.
        """
        if not document.carries_two_d_doc:
            return None
        if document.two_d_doc is not None:
            return document.two_d_doc
        try:
            text = two_d_doc.message(document.facts, document.issue, self._signatory())
        except NotEncodable:
            count("TwoDDocLeftOut")
            return None
        answer = self.kms.sign(
            KeyId=self.key, Message=text.encode(), MessageType="RAW", SigningAlgorithm="ECDSA_SHA_256"
        )
        return self.documents.keep_two_d_doc(document, two_d_doc.complete(text, bytes(answer["Signature"])))

    def _signatory(self) -> Signatory:
        try:
            held: dict[str, str] = json.loads(self.secrets.get(self.certificate_secret))
            return Signatory(authority=held["authority"], certificate=held["certificate"])
        except (ValueError, KeyError) as error:
            raise NoTwoDDocCertificate from error
