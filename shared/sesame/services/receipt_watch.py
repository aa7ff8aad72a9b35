"""A receipt exists only while its period is paid: what money given back makes untrue is made void.

A payment at a desk is reversed together with its receipts. What a provider takes back is not ours to hold up,
so that posting announces it and this looks at the receipts afterwards, as often as it is told to.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sesame.domain.journal import fold
from sesame.domain.receipts import period_standing, still_holds
from sesame.domain.validity import Ending
from sesame.platform.events import Event
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.accounts import Accounts, Journal
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_of
from sesame.store.table import ConditionFailed, Table, transact


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptWatch:
    """Compares a lease's receipts with its journal."""

    documents: Documents
    accounts: Accounts
    identity: Table

    def handle(self, event: Event) -> None:
        """Makes void what holds no more. Two calls where there is no receipt; safe to repeat."""
        lease_id = event["lease_id"]
        stated = self.documents.receipts_in_force(lease_id)
        if not stated:
            return
        journal = self.accounts.journal(lease_id)
        for document in stated:
            if not self._holds(document, journal):
                self._revoke(document, event.at)

    def _holds(self, document: Document, journal: Journal) -> bool:
        issued = next((one.notice for one in journal.notices if one.notice.period == document.period), None)
        if issued is None:
            return False
        standing = next(one for one in fold(journal.entries).standings if one.period == issued.period)
        residence = self.identity.get(keys.residence(issued.residence_id))
        if residence is None:
            raise LookupError("a notice without its residence")
        time_zone = ZoneInfo(residence_of(residence).time_zone)
        now = period_standing(issued, standing, time_zone)
        return still_holds(document.facts, now, journal.entries, time_zone)

    def _revoke(self, document: Document, at: datetime) -> None:
        writes = self.documents.revoking(document, Ending.PAYMENT_RETURNED, at=at)
        try:
            transact(self.documents.table.client, writes, attempts=3)
        except ConditionFailed:
            return  # erased meanwhile
        count("ReceiptRevoked")
