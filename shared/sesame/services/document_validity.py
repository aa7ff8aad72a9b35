"""What becomes of documents that are out when a later one is issued, or their lease changes or ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sesame.domain.calendar import local_date
from sesame.domain.certificates import SHOWS_THE_CODE, Validity
from sesame.domain.tenancy import LeaseStatus
from sesame.domain.validity import PROOFS_OF_STAY, Ending, proves_more_than, replaces
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.documents import Document, Documents
from sesame.store.people import lease_of, residence_of
from sesame.store.table import Table

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
                self._end(old, Ending.ISSUED_ANEW, at, by=new)

    def lease_cancelled(self, lease_id: str, at: datetime) -> None:
        """Ends every document of a lease: it gives right to none."""
        for document in self._of_lease(lease_id):
            if document.validity is Validity.GENUINE:
                self._end(document, Ending.LEASE_CANCELLED, at)

    def lease_changed(self, identity: Table, lease_id: str, at: datetime) -> None:
        """Ends the proofs of a stay that the lease, as it stands now, no longer bears out; all of its
        documents where it turns out to be cancelled. One call where there is no proof, else three.
        """
        proofs = self.documents.in_force(lease_id, PROOFS_OF_STAY)
        if not proofs:
            return
        item = identity.get(keys.lease(lease_id))
        if item is None:
            return
        lease = lease_of(item)
        if lease.status is LeaseStatus.CANCELLED:
            self.lease_cancelled(lease_id, at)
            return
        residence = identity.get(keys.residence(lease.residence_id))
        if residence is None:
            raise LookupError("a lease without its residence")
        today = local_date(at, residence_of(residence).time_zone)
        for document in proofs:
            if proves_more_than(lease, document.facts, today):
                self._end(document, Ending.LEASE_CHANGED, at)

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

    def _end(self, document: Document, reason: Ending, at: datetime, *, by: Document | None = None) -> None:
        if self.documents.end(document, reason, at=at, by=by):
            count("DocumentReplaced" if by else "DocumentRevoked")


def _takes_the_place(new: Document, old: Document) -> bool:
    if new.period != old.period:
        return False
    other_code = new.kind in SHOWS_THE_CODE and new.code_cipher != old.code_cipher
    return replaces(new.facts, old.facts) or (other_code and new.kind is old.kind)
