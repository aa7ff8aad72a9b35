"""Documents printed with letters missing: their residence's staff write them in, or spell a name anew."""

from dataclasses import dataclass

from sesame.platform.errors import NotFound
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.staff import Role, Staff, require, within
from sesame.store.audit import Action, Audit
from sesame.store.documents import Documents, FlaggedDocument, FlaggedPage
from sesame.store.table import ConditionFailed, Write, transact

VIEWERS = (Role.DESK, Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)
"""Who may see and settle them: whoever meets the tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedDocuments:
    """Lists them, until somebody says that it is settled or the document goes."""

    documents: Documents
    leases: DeskLeases
    audit: Audit
    deeds: Deeds

    def of(self, staff: Staff, residence_id: str, *, after: str | None = None) -> FlaggedPage:
        """A residence's, newest first. Raises Forbidden, and NotFound where it or `after` is not theirs."""
        require(staff, *VIEWERS)
        within(staff, residence_id)
        last = self._of(after) if after else None
        if last is not None and last.residence_id != residence_id:
            raise NotFound
        return self.documents.flagged(residence_id, after=last)

    def settle(self, staff: Staff, document_id: str, *, network: str) -> None:
        """Takes one off the list, which the audit says. Raises Forbidden, also where the lease is their own,
        and NotFound where there is none (any more) that is theirs to see."""
        require(staff, *VIEWERS)
        flagged = self._of(document_id)
        self.leases.acted_on(staff, flagged.lease_id)
        entry = self.deeds.entry(
            Action.DOCUMENT_FLAG_SETTLED,
            staff,
            network,
            lease_id=flagged.lease_id,
            residence_id=flagged.residence_id,
            document_id=document_id,
            missing_glyphs=flagged.missing_glyphs,
        )
        writes: list[Write] = [self.documents.unflagging(flagged), self.audit.recording(entry)]
        try:
            transact(self.documents.table.client, writes, attempts=3)
        except ConditionFailed as error:
            raise NotFound from error

    def _of(self, document_id: str) -> FlaggedDocument:
        flagged = self.documents.flag_of(document_id)
        if flagged is None:
            raise NotFound
        return flagged
