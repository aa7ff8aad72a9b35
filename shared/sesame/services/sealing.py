"""A document's seal: put on once, on what the renderer set; only then is there a document to give."""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError

from sesame.domain.certificates import DocumentStatus
from sesame.platform.clock import Clock
from sesame.services.stored_files import StoredFiles
from sesame.store.documents import Document, Documents


class Sealer(Protocol):
    """Whatever seals a PDF."""

    def seal(self, pdf: bytes) -> bytes:
        """The same pages, sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Turns `document.rendered` into a sealed file. What fails is tried again by the queue, then parked."""

    documents: Documents
    sealer: Sealer
    s3: Any
    bucket: str
    clock: Clock

    def seal(self, document_id: str, object_key: str | None = None) -> bool:
        """Writes the sealed file and announces it; False where there is nothing (more) to seal.

        Two seals of one page differ, so the first file written is the document: whoever comes second takes
        that one, and its digest. A second delivery of the same event makes one call. Of a document that is
        gone by then, erased meanwhile, no file stays: `object_key` says where one may lie of a try that died.
        """
        document = self.documents.get(document_id)
        if document is None:
            if object_key is not None:
                self._files.delete_document(object_key)
            return False
        if document.status is not DocumentStatus.RENDERED:
            return False
        sealed = self._kept(document, self.sealer.seal(self._read(document.unsealed_key)))
        digest = hashlib.sha256(sealed).hexdigest()
        ready = self.documents.mark_ready(document, self.clock(), file_digest=digest)
        self.s3.delete_object(Bucket=self.bucket, Key=document.unsealed_key)
        if not ready and self.documents.get(document_id) is None:
            self._files.delete_document(document.object_key)
        return ready

    @property
    def _files(self) -> StoredFiles:
        return StoredFiles(self.s3, self.bucket)

    def _kept(self, document: Document, sealed: bytes) -> bytes:
        try:
            self.s3.put_object(
                Bucket=self.bucket,
                Key=document.object_key,
                Body=sealed,
                ContentType="application/pdf",
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "PreconditionFailed":
                raise
            return self._read(document.object_key)
        return sealed

    def _read(self, key: str) -> bytes:
        with self.s3.get_object(Bucket=self.bucket, Key=key)["Body"] as body:
            return bytes(body.read())
