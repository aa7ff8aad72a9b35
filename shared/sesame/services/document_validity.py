"""What becomes of documents that are out when a later one is issued, or their lease is cancelled."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sesame.domain.certificates import SHOWS_THE_CODE, Validity
from sesame.domain.validity import Ending, replaces
from sesame.platform.logs import count
from sesame.store.documents import Document, Documents
from sesame.store.table import ConditionFailed, Write, transact

_PAGE = 50


@dataclass(frozen=True, slots=True)
class DocumentValidity:
    """Ends documents. Safe to repeat: what has ended stays as it ended."""

    documents: Documents

    def issued(self, document_id: str, at: datetime) -> None:
        """Ends what a document that has just come takes the place of."""
        new = self.documents.get(document_id)
        if new is None:
            return  # erased meanwhile
        for old in self._earlier(new):
            if old.validity is Validity.GENUINE and _takes_the_place(new, old):
                self._end(self.documents.replacing(old, new, at=at), "DocumentReplaced")

    def lease_cancelled(self, lease_id: str, at: datetime) -> None:
        """Ends every document of a lease: it gives right to none."""
        for document in self._of_lease(lease_id):
            if document.validity is Validity.GENUINE:
                writes = self.documents.revoking(document, Ending.LEASE_CANCELLED, at=at)
                self._end(writes, "DocumentRevoked")

    def _earlier(self, new: Document) -> Iterator[Document]:
        after: Document | None = new
        while page := self.documents.of_lease(new.lease_id, after=after, limit=_PAGE):
            yield from page
            after = page[-1]

    def _of_lease(self, lease_id: str) -> Iterator[Document]:
        after: Document | None = None
        while page := self.documents.of_lease(lease_id, after=after, limit=_PAGE):
            yield from page
            after = page[-1]

    def _end(self, writes: list[Write], metric: str) -> None:
        try:
            transact(self.documents.table.client, writes, attempts=3)
        except ConditionFailed:
            return  # ended or erased meanwhile
        count(metric)


def _takes_the_place(new: Document, old: Document) -> bool:
    if new.period != old.period:
        return False
    other_code = new.kind in SHOWS_THE_CODE and new.code_cipher != old.code_cipher
    return replaces(new.facts, old.facts) or (other_code and new.kind is old.kind)
