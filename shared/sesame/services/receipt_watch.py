"""A paper that says what was paid holds while the money is there: what money given back makes untrue is void.

A payment at a desk is reversed together with its receipts. What a provider takes back is not ours to hold up,
and what a certificate says of the account is judged by the whole of it: whatever takes money back
announces it, and this looks at the papers afterwards, as often as it is told to.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sesame.domain.certificates import Kind
from sesame.domain.journal import fold
from sesame.domain.receipts import asked_otherwise, period_standing, still_holds
from sesame.domain.standings import account_still_holds
from sesame.domain.tenancy import Residence
from sesame.domain.validity import Ending
from sesame.platform.events import Event
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.accounts import Accounts, Journal
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_of
from sesame.store.table import Table

_RECEIPTS = frozenset({Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT})
_OF_THE_ACCOUNT = frozenset(
    {Kind.UP_TO_DATE_CERTIFICATE, Kind.CAF_RENT_CERTIFICATE, Kind.END_OF_STAY_CERTIFICATE}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptWatch:
    """Compares what a lease's papers say of payments with its journal."""

    documents: Documents
    accounts: Accounts
    identity: Table

    def handle(self, event: Event) -> None:
        """Makes void what holds no more. One call where there is no such paper; safe to repeat."""
        lease_id = event["lease_id"]
        stated = self.documents.in_force(lease_id, _RECEIPTS | _OF_THE_ACCOUNT)
        if not stated:
            return
        journal = self.accounts.journal(lease_id)
        for document in stated:
            reason = self._ended_by(document, journal)
            if reason is not None and self.documents.end(document, reason, at=event.at):
                count("ReceiptRevoked")

    def _ended_by(self, document: Document, journal: Journal) -> Ending | None:
        """What made a paper untrue; None while it holds."""
        if document.kind in _OF_THE_ACCOUNT:
            return None if self._account_holds(document, journal) else Ending.PAYMENT_RETURNED
        issued = next((one.notice for one in journal.notices if one.notice.period == document.period), None)
        if issued is None:
            return Ending.NOTICE_CORRECTED
        standing = next(one for one in fold(journal.entries).standings if one.period == issued.period)
        time_zone = ZoneInfo(self._residence(issued.residence_id).time_zone)
        now = period_standing(issued, standing, time_zone)
        if asked_otherwise(document.facts, now):
            return Ending.NOTICE_CORRECTED
        holds = still_holds(document.facts, now, journal.entries, time_zone)
        return None if holds else Ending.PAYMENT_RETURNED

    def _account_holds(self, document: Document, journal: Journal) -> bool:
        if journal.account is None:
            return True
        residence = self._residence(journal.account.residence_id)
        return account_still_holds(
            document.facts,
            journal.entries,
            issued_at=document.issue.at,
            tolerance_cents=residence.documents.debt_tolerance_cents,
            wall=ZoneInfo(residence.time_zone),
        )

    def _residence(self, residence_id: str) -> Residence:
        item = self.identity.get(keys.residence(residence_id))
        if item is None:
            raise LookupError("an account without its residence")
        return residence_of(item)
