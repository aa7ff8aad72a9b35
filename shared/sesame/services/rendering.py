"""The file of a document before its seal: set once, kept where only the sealer reads it, announced."""

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from sesame.documents.datamatrix import datamatrix
from sesame.documents.render import MissingResource, Renderer
from sesame.domain.certificates import DocumentStatus
from sesame.domain.logos import logo_key
from sesame.platform.clock import Clock
from sesame.platform.logs import count
from sesame.services.stored_files import StoredFiles
from sesame.services.two_d_docs import TwoDDocs
from sesame.store.documents import Document, Documents, unsealed_key


@dataclass(frozen=True, slots=True)
class Rendering:
    """Turns `document.requested` into a file. What fails is tried again by the queue, then parked."""

    documents: Documents
    renderer: Renderer
    kms: Any
    codes_key: str
    s3: Any
    bucket: str
    clock: Clock
    two_d_docs: TwoDDocs
    logos: dict[str, bytes] = field(default_factory=dict)
    """Those read so far: their key is their digest, so they never change."""

    def render(self, document_id: str, object_key: str | None = None) -> bool:
        """Writes the unsealed file and announces it; False where it was there. Raises RenderingFailed.

        Of a document that is gone by then, erased meanwhile, no file stays: `object_key` says where one may
        lie of a try that died.

        Three calls, four for an entry document or a logo that was not needed before, five with a
        2D-Doc. A second delivery of the same event makes one call.
        """
        document = self.documents.get(document_id)
        if document is None:
            if object_key is not None:
                self._forget(object_key)
            return False
        if document.status is not DocumentStatus.REQUESTED:
            return False
        rendered = self.renderer.render(
            document.facts,
            document.issue,
            tenant_code=self._code(document),
            datamatrix=self._datamatrix(document),
            logo=self._logo(document.facts["style"]["logo"]),
        )
        if rendered.missing_glyphs:
            count("MissingGlyphs", rendered.missing_glyphs)
        self.s3.put_object(
            Bucket=self.bucket,
            Key=document.unsealed_key,
            Body=rendered.pdf,
            ContentType="application/pdf",
        )
        if self.documents.mark_rendered(document, self.clock(), missing_glyphs=rendered.missing_glyphs):
            return True
        if self.documents.get(document_id) is None:
            self._forget(document.object_key)
        return False

    def _forget(self, object_key: str) -> None:
        StoredFiles(self.s3, self.bucket).delete(unsealed_key(object_key))

    def _datamatrix(self, document: Document) -> bytes | None:
        text = self.two_d_docs.of(document)
        return datamatrix(text) if text else None

    def _logo(self, digest: str) -> bytes | None:
        """The picture that the facts name. Raises MissingResource if it cannot be had."""
        if not digest:
            return None
        if digest not in self.logos:
            try:
                stored = self.s3.get_object(Bucket=self.bucket, Key=logo_key(digest))
            except ClientError as error:
                raise MissingResource("the operator's logo cannot be read") from error
            self.logos[digest] = stored["Body"].read()
        return self.logos[digest]

    def _code(self, document: Document) -> str | None:
        """The tenant code, in clear for as long as it takes to print it."""
        if document.code_cipher is None:
            return None
        answer = self.kms.decrypt(
            CiphertextBlob=document.code_cipher,
            KeyId=self.codes_key,
            EncryptionContext={"lease_id": document.lease_id},
        )
        return str(answer["Plaintext"].decode())
