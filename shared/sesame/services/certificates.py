"""Certificates and receipts on request: who may have which, on the facts as they stand."""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes
from typing import ClassVar
from zoneinfo import ZoneInfo

from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    SHOWS_THE_CODE,
    Facts,
    Kind,
    Reason,
    Refused,
    Tenancy,
    entry_facts,
    residence_facts,
)
from sesame.domain.journal import fold, notice_entry_id
from sesame.domain.receipts import PeriodStanding, part_payment_facts, period_standing, receipt_facts
from sesame.domain.tenancy import Language, Lease, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import Random
from sesame.platform.secrets import Pepper
from sesame.services.documents import Downloads, LeaseCancelled, Order, keep
from sesame.services.retries import USUAL, Retries
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.accounts import Accounts, Journal
from sesame.store.audit import Action, Audit, AuditEntry, by_tenant
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_of
from sesame.store.table import Table

PAGE = 50
BY_PERIOD = frozenset({Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT})


class NoNotice(Conflict):
    """Nothing was asked for that period, so nothing can have been paid for it."""

    slug = "no-notice"
    title: ClassVar = {
        "fr": "Il n'y a pas d'avis d'échéance pour cette période",
        "en": "There is no rent notice for this period",
    }


class NotPaidInFull(Conflict):
    """A receipt is for a period paid in full."""

    slug = "not-paid-in-full"
    title: ClassVar = {
        "fr": "Cette période n'est pas payée en totalité",
        "en": "This period is not paid in full",
    }


class NothingReceived(Conflict):
    """Not even a part was paid."""

    slug = "nothing-received"
    title: ClassVar = {
        "fr": "Aucun paiement n'a été reçu pour cette période",
        "en": "No payment was received for this period",
    }


class PaidInFull(Conflict):
    """A part-payment receipt is worth less than the receipt that is due."""

    slug = "paid-in-full"
    title: ClassVar = {
        "fr": "Cette période est payée en totalité : demandez une quittance",
        "en": "This period is paid in full: ask for a receipt",
    }


REFUSALS: dict[Reason, type[Conflict]] = {
    Reason.LEASE_CANCELLED: LeaseCancelled,
    Reason.NO_NOTICE: NoNotice,
    Reason.NOT_PAID_IN_FULL: NotPaidInFull,
    Reason.NOTHING_RECEIVED: NothingReceived,
    Reason.PAID_IN_FULL: PaidInFull,
}


@dataclass(frozen=True, slots=True)
class Certificates:
    """A tenant's documents: asked for, listed, looked at."""

    documents: Documents
    identity: Table
    accounts: Accounts
    clock: Clock
    random: Random = token_bytes
    retries: Retries = USUAL

    def request(
        self, session: Session, kind: Kind, *, period: str | None = None, language: Language | None = None
    ) -> Document:
        """The document that states the facts as they are now: a new one, or the one that already does.

        `period` (YYYY-MM) goes with receipts and with nothing else. Raises Invalid, or one of `REFUSALS`.
        At most three calls: residence, account where money matters, and one transaction.
        """
        if (period is not None) != (kind in BY_PERIOD):
            raise _period_problem(kind)
        # what money has done meanwhile is read again: no receipt rests on what was so a moment ago
        return self.retries.run(lambda: self._requested(session, kind, period, language))

    def _requested(
        self, session: Session, kind: Kind, period: str | None, language: Language | None
    ) -> Document:
        now = self.clock()
        lease = session.lease
        residence = self._residence(lease)
        tenancy = Tenancy(
            person=session.person,
            lease=lease,
            residence=residence,
            language=language or session.person.language,
        )
        journal = self.accounts.journal(lease.lease_id) if period else None
        standing = _standing(journal, period, residence.time_zone) if journal and period else None
        facts = _facts(kind, tenancy, now, standing)
        holds = [self.accounts.unchanged(journal.account)] if journal and journal.account else []
        order = Order(tenancy=tenancy, facts=facts, now=now, period=period)
        return keep(self.documents, self.random, order, holds)

    def of(self, session: Session, document_id: str) -> Document:
        """A document of the session's lease. Raises NotFound for any other, or a desk's slip. One call."""
        document = self.documents.get(document_id)
        if document is None or document.lease_id != session.lease.lease_id or not _is_theirs(document):
            raise NotFound
        return document

    def of_lease(self, session: Session, after: str | None = None) -> list[Document]:
        """At most `PAGE` of the lease's documents, newest first, going on after a given one.

        One read, and more only where slips stand in between.
        """
        last = self.of(session, after) if after else None
        found: list[Document] = []
        while len(found) < PAGE:
            page = self.documents.of_lease(session.lease.lease_id, after=last, limit=PAGE)
            found += filter(_is_theirs, page)
            if len(page) < PAGE:
                break
            last = page[-1]
        return found[:PAGE]

    def _residence(self, lease: Lease) -> Residence:
        item = self.identity.get(keys.residence(lease.residence_id))
        if item is None:
            raise NotFound
        return residence_of(item)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDocumentsAgain:
    """The entry document for who is signed in: it shows the code, so that asking is accounted for."""

    certificates: Certificates
    audit: Audit
    pepper: Pepper

    def request(self, session: Session, source: str, language: Language | None = None) -> Document:
        """The entry document of the lease as it stands: another code makes another document.

        Raises LeaseCancelled. Three calls. The audit entry comes first: no code is shown without one.
        """
        asked, hashed = self.certificates, self.pepper.hash("source", source)
        self.audit.record(
            _code_shown(session.lease, asked.clock(), asked.random, hashed, way="entry-document")
        )
        return asked.request(session, Kind.ENTRY_DOCUMENT, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Links to a tenant's documents: one to a document that shows the code is accounted for."""

    downloads: Downloads
    audit: Audit
    pepper: Pepper
    clock: Clock
    random: Random = token_bytes

    def to(self, session: Session, document: Document, source: str) -> str | None:
        """A link, or None without a file. One call, to the audit, where it shows the code; else none."""
        url = self.downloads.url(document)
        if url is not None and document.kind in SHOWS_THE_CODE:
            source = self.pepper.hash("source", source)
            self.audit.record(_code_shown(session.lease, self.clock(), self.random, source, way="download"))
        return url


def _is_theirs(document: Document) -> bool:
    """Slips are the desk's, and their files do not last."""
    return document.kind is not Kind.CODE_SLIP


def _code_shown(lease: Lease, at: datetime, random: Random, source: str, *, way: str) -> AuditEntry:
    return by_tenant(
        Action.CODE_SHOWN,
        at,
        person_id=lease.person_id,
        lease_id=lease.lease_id,
        residence_id=lease.residence_id,
        random=random,
        source=source,
        way=way,
    )


def _standing(journal: Journal, period: str, time_zone: str) -> PeriodStanding | None:
    notice = next((one.notice for one in journal.notices if one.notice.period == period), None)
    if notice is None:
        return None
    entry_id = notice_entry_id(period)
    standing = next(one for one in fold(journal.entries).standings if one.entry_id == entry_id)
    return period_standing(notice, standing, ZoneInfo(time_zone))


def _facts(kind: Kind, tenancy: Tenancy, now: datetime, standing: PeriodStanding | None) -> Facts:
    try:
        if kind is Kind.RECEIPT:
            return receipt_facts(tenancy, standing)
        if kind is Kind.PART_PAYMENT_RECEIPT:
            return part_payment_facts(tenancy, standing)
        if kind is Kind.ENTRY_DOCUMENT:
            return entry_facts(tenancy)
        return residence_facts(tenancy, as_of=local_date(now, tenancy.residence.time_zone))
    except Refused as refused:
        raise _refusal(refused) from refused


def _refusal(refused: Refused) -> Conflict:
    problem = REFUSALS[refused.reason]
    if not refused.outstanding_cents:
        return problem()
    euros, cents = divmod(refused.outstanding_cents, 100)
    return problem(
        detail_fr=f"Il reste {euros},{cents:02} € à payer pour cette période.",
        detail_en=f"€{euros}.{cents:02} is still to be paid for this period.",
    )


def _period_problem(kind: Kind) -> Invalid:
    if kind in BY_PERIOD:
        detail_fr, detail_en = "Indiquez la période, par exemple 2026-10.", "Give the period, e.g. 2026-10."
    else:
        detail_fr, detail_en = "Ce document ne porte pas sur une période.", "This document has no period."
    return Invalid(detail_fr=detail_fr, detail_en=detail_en, errors=[{"field": "period"}])
