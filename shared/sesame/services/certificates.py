"""Documents on request: who may have which, the facts as they stand, the file once there, and its proof."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    VERIFICATION_BYTES,
    DocumentStatus,
    Facts,
    Issue,
    Kind,
    PeriodStanding,
    PublicStatement,
    Reason,
    Refused,
    Tenancy,
    Validity,
    document_number,
    entry_facts,
    facts_digest,
    part_payment_facts,
    period_standing,
    public_statement,
    read_verification_code,
    receipt_facts,
    residence_facts,
    verification_code,
)
from sesame.domain.journal import fold, notice_entry_id
from sesame.domain.tenancy import Language, Lease, Person, Residence
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, Invalid, NotFound
from sesame.platform.ids import Random, new_id
from sesame.services.sessions import Session
from sesame.store import keys
from sesame.store.accounts import Accounts
from sesame.store.documents import Document, Documents
from sesame.store.people import residence_of
from sesame.store.table import Table

PAGE = 50
LINK_SECONDS = 300
"""A download link is made when it is asked for, and dies after five minutes."""
ASK_AGAIN_AFTER = timedelta(minutes=2)
"""A document still without a file after this is rendered anew when it is asked for again."""
BY_PERIOD = frozenset({Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT})


class LeaseCancelled(Conflict):
    """A cancelled lease gives right to no document."""

    slug = "lease-cancelled"
    title: ClassVar = {"fr": "Ce séjour a été annulé", "en": "This stay was cancelled"}


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

    def request(
        self, session: Session, kind: Kind, *, period: str | None = None, language: Language | None = None
    ) -> Document:
        """The document that states the facts as they are now: a new one, or the one that already does.

        `period` (YYYY-MM) goes with receipts and with nothing else. Raises Invalid, or one of `REFUSALS`.
        At most three calls: residence, account where money matters, and one transaction.
        """
        if (period is not None) != (kind in BY_PERIOD):
            raise _period_problem(kind)
        now = self.clock()
        lease = session.lease
        residence = self._residence(lease)
        tenancy = Tenancy(
            person=session.person,
            lease=lease,
            residence=residence,
            language=language or session.person.language,
        )
        facts = _facts(
            kind, tenancy, now, lambda: self._standing(lease.lease_id, period or "", residence.time_zone)
        )
        return _keep(
            self.documents, self.random, _Order(tenancy=tenancy, facts=facts, now=now, period=period)
        )

    def of(self, session: Session, document_id: str) -> Document:
        """A document of the session's lease. Raises NotFound for any other. One call."""
        document = self.documents.get(document_id)
        if document is None or document.lease_id != session.lease.lease_id:
            raise NotFound
        return document

    def of_lease(self, session: Session, after: str | None = None) -> list[Document]:
        """At most `PAGE` of the lease's documents, newest first, going on after a given one."""
        last = self.of(session, after) if after else None
        return self.documents.of_lease(session.lease.lease_id, after=last, limit=PAGE)

    def _residence(self, lease: Lease) -> Residence:
        item = self.identity.get(keys.residence(lease.residence_id))
        if item is None:
            raise NotFound
        return residence_of(item)

    def _standing(self, lease_id: str, period: str, time_zone: str) -> PeriodStanding | None:
        journal = self.accounts.journal(lease_id)
        notice = next((one.notice for one in journal.notices if one.notice.period == period), None)
        if notice is None:
            return None
        entry_id = notice_entry_id(period)
        standing = next(one for one in fold(journal.entries).standings if one.entry_id == entry_id)
        return period_standing(notice, standing, ZoneInfo(time_zone))


@dataclass(frozen=True, slots=True)
class EntryDocuments:
    """Entry documents, for the welcome of a tenant and for the desk."""

    documents: Documents
    random: Random = token_bytes

    def __call__(self, lease: Lease, person: Person, residence: Residence, now: datetime) -> str:
        """The id of the entry document of a lease as it stands; a new code makes a new document.

        Raises LeaseCancelled. One call.
        """
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        facts = _facts(Kind.ENTRY_DOCUMENT, tenancy, now, lambda: None)
        return _keep(self.documents, self.random, _Order(tenancy=tenancy, facts=facts, now=now)).document_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Whether the file is there, and a link to it if so."""

    status: DocumentStatus
    url: str | None


@dataclass(frozen=True, slots=True)
class Downloads:
    """Links to files, made on demand: nothing that lasts is ever handed out."""

    documents: Documents
    s3: Any
    bucket: str

    def of(self, document_id: str) -> Download:
        """For who may have the document, which the caller has made sure of. One call. Raises NotFound."""
        document = self.documents.get(document_id)
        if document is None:
            raise NotFound
        return Download(status=document.status, url=self.url(document))

    def url(self, document: Document) -> str | None:
        """A link for `LINK_SECONDS`, its file name neutral; None until there is a file."""
        if document.status is not DocumentStatus.READY:
            return None
        name = f"document-{document.issue.number}.pdf"
        link = self.s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self.bucket,
                "Key": document.object_key,
                "ResponseContentType": "application/pdf",
                "ResponseContentDisposition": f'attachment; filename="{name}"',
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_SECONDS,
        )
        return str(link)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Whether a paper is genuine, and what it says if it is ours."""

    validity: Validity
    statement: PublicStatement | None = None


@dataclass(frozen=True, slots=True)
class Verifications:
    """What anyone who holds a paper may ask."""

    documents: Documents

    def check(self, typed: str) -> Verification:
        """The answer to a verification code, however it was typed. Two calls, none for what is no code."""
        code = read_verification_code(typed)
        document = self.documents.by_verification_code(code) if code else None
        # Without a file there is no paper yet, so that whoever asks holds something else.
        if document is None or document.status is not DocumentStatus.READY:
            return Verification(validity=Validity.UNKNOWN)
        return Verification(
            validity=document.validity, statement=public_statement(document.facts, document.issue)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    tenancy: Tenancy
    facts: Facts
    now: datetime
    period: str | None = None
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.facts["kind"]))


def _facts(
    kind: Kind, tenancy: Tenancy, now: datetime, standing: Callable[[], PeriodStanding | None]
) -> Facts:
    try:
        if kind is Kind.RECEIPT:
            return receipt_facts(tenancy, standing())
        if kind is Kind.PART_PAYMENT_RECEIPT:
            return part_payment_facts(tenancy, standing())
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


def _keep(documents: Documents, random: Random, order: _Order) -> Document:
    lease = order.tenancy.lease
    document_id = new_id(random)
    issued_on = local_date(order.now, order.tenancy.residence.time_zone)
    is_entry = order.kind is Kind.ENTRY_DOCUMENT
    document = Document(
        document_id=document_id,
        lease_id=lease.lease_id,
        person_id=lease.person_id,
        kind=order.kind,
        language=order.tenancy.language,
        facts=order.facts,
        issue=Issue(
            on=issued_on,
            at=order.now,
            number=document_number(document_id, issued_on),
            verification_code=verification_code(random(VERIFICATION_BYTES)),
        ),
        object_key=f"documents/{new_id(random)}.pdf",
        period=order.period,
        code_cipher=lease.code_cipher if is_entry else None,
        asked_at=order.now,
    )
    digest = facts_digest(order.facts, secret=lease.code_hash if is_entry else "")
    kept_id = documents.create(document, digest)
    if kept_id == document_id:
        return document
    same = documents.get(kept_id)
    if same is None:
        raise NotFound
    if same.status is DocumentStatus.REQUESTED and order.now - same.asked_at >= ASK_AGAIN_AFTER:
        documents.ask_again(same, order.now)
    return same
