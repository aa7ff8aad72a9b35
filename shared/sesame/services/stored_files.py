"""Files that must not stay: deleted with every version of them, since the bucket keeps those."""

from dataclasses import dataclass
from typing import Any

from sesame.store.documents import unsealed_key


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The files of the bucket, to delete."""

    s3: Any
    bucket: str

    def delete(self, key: str) -> None:
        """Every version of a file, every mark of its deletion: one call, and one for each of those."""
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key)
        for page in pages:
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                if version["Key"] == key:
                    self.s3.delete_object(Bucket=self.bucket, Key=key, VersionId=version["VersionId"])

    def delete_document(self, object_key: str) -> None:
        """The file of a document, before its seal and after. Repeating it does no harm."""
        self.delete(unsealed_key(object_key))
        self.delete(object_key)
