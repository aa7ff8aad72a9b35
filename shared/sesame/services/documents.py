"""The life of a document: made once for the same facts, downloaded by a link of minutes, verified."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from secrets import token_bytes
from typing import Any, ClassVar

from sesame.domain import two_d_doc
from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    SHOWS_THE_CODE,
    VERIFICATION_BYTES,
    DocumentStatus,
    Facts,
    Issue,
    Kind,
    Refused,
    Tenancy,
    Validity,
    document_number,
    entry_facts,
    facts_digest,
    read_verification_code,
    slip_facts,
    verification_code,
)
from sesame.domain.public_statements import PublicStatement, public_statement
from sesame.domain.receipts import payment_receipt_facts
from sesame.domain.retention import folder_of
from sesame.domain.takings import Taking
from sesame.domain.tenancy import Lease, Person, Residence
from sesame.domain.terms import as_of
from sesame.domain.validity import Ending
from sesame.platform.clock import Clock
from sesame.platform.errors import Conflict, NotFound
from sesame.platform.ids import Random, new_id
from sesame.services.tenant_codes import CodeErased
from sesame.store.documents import Document, Documents, Remains
from sesame.store.table import Check, Put, Write

_PAGE = 50
LINK_SECONDS = 300
"""A download link is made when it is asked for, and dies after five minutes."""
ASK_AGAIN_AFTER = timedelta(minutes=2)
"""A document still without a file after this is rendered anew when it is asked for again."""


class LeaseCancelled(Conflict):
    """A cancelled lease gives right to no document."""

    slug = "lease-cancelled"
    title: ClassVar = {"fr": "Ce séjour a été annulé", "en": "This stay was cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be stated, for whom, as of when."""

    tenancy: Tenancy
    facts: Facts
    now: datetime
    period: str | None = None
    by_tenant: bool = False
    """Who asks themselves is told when it has come, once however often they ask."""
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.facts["kind"]))


def keep(
    documents: Documents,
    random: Random,
    order: Order,
    holds: Sequence[Check] = (),
    record: Put | None = None,
) -> Document:
    """Stores an order as a document to be rendered; or returns the one that states the same facts already.

    `record` is the audit's entry of it, written either way. Raises ConditionFailed where one of `holds` does
    not hold: the facts are no more what they were.
    """
    document = new_document(random, order)
    lease = order.tenancy.lease
    digest = facts_digest(order.facts, secret=lease.code_hash if order.kind in SHOWS_THE_CODE else "")
    kept_id = documents.create(document, digest, [*holds, *([record] if record else [])])
    if kept_id == document.document_id:
        return document
    if record is not None:
        documents.table.write(record)
    same = documents.get(kept_id)
    if same is None:
        raise NotFound
    if same.status is DocumentStatus.READY:
        return same
    if order.by_tenant and not same.tells_tenant and not documents.tell_tenant(same):
        return documents.get(kept_id) or same  # it has just come
    if order.now - same.asked_at >= ASK_AGAIN_AFTER:
        documents.ask_again(same, order.now)
    return same


def new_document(random: Random, order: Order) -> Document:
    """A new document of an order. Raises CodeErased."""
    lease = order.tenancy.lease
    if order.kind in SHOWS_THE_CODE and not lease.has_code:
        raise CodeErased
    document_id = new_id(random)
    issued_on = local_date(order.now, order.tenancy.residence.time_zone)
    return Document(
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
        object_key=f"{folder_of(order.kind)}{new_id(random)}.pdf",
        period=order.period,
        code_cipher=lease.code_cipher if order.kind in SHOWS_THE_CODE else None,
        tells_tenant=order.by_tenant,
        carries_two_d_doc=order.tenancy.residence.documents.two_d_doc and two_d_doc.carried(order.facts),
        asked_at=order.now,
        residence_id=lease.residence_id,
        time_zone=order.tenancy.residence.time_zone,
    )


def as_of_today(tenancy: Tenancy, now: datetime) -> Tenancy:
    """The tenancy in the room of that day, by the residence's clock."""
    today = local_date(now, tenancy.residence.time_zone)
    return replace(tenancy, lease=as_of(tenancy.lease, today))


@dataclass(frozen=True, slots=True)
class EntryDocuments:
    """Entry documents, for the welcome of a tenant and for the desk."""

    documents: Documents
    random: Random = token_bytes

    def __call__(self, lease: Lease, person: Person, residence: Residence, now: datetime) -> str:
        """The id of the entry document of a lease as it stands; a new code makes a new document.

        Raises LeaseCancelled, CodeErased. One call.
        """
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        try:
            facts = entry_facts(as_of_today(tenancy, now))
        except Refused as refused:
            raise LeaseCancelled from refused
        return keep(self.documents, self.random, Order(tenancy=tenancy, facts=facts, now=now)).document_id


@dataclass(frozen=True, slots=True)
class CodeSlips:
    """The slip that a desk hands over with a code that was lost. Its file is forgotten after a day."""

    documents: Documents
    random: Random = token_bytes

    def ordering(
        self, lease: Lease, person: Person, residence: Residence, now: datetime
    ) -> tuple[str, list[Put]]:
        """The slip's id and the writes that order it, for the transaction of what it tells.

        Raises CodeErased.
        """
        tenancy = Tenancy(person=person, lease=lease, residence=residence, language=person.language)
        facts = slip_facts(as_of_today(tenancy, now), now)
        document = new_document(self.random, Order(tenancy=tenancy, facts=facts, now=now))
        return document.document_id, self.documents.creating(document)

    def of(self, lease_id: str, document_id: str) -> Document:
        """A slip of a lease. Raises NotFound for any other document."""
        document = self.documents.get(document_id)
        if document is None or document.lease_id != lease_id or document.kind is not Kind.CODE_SLIP:
            raise NotFound
        return document


@dataclass(frozen=True, slots=True)
class PaymentReceipts:
    """Receipts for money received at a desk; void once the payment is reversed, with all that rests on it."""

    documents: Documents
    random: Random = token_bytes

    def ordering(self, tenancy: Tenancy, taking: Taking) -> tuple[str, list[Put]]:
        """The receipt's id and the writes that order it, for the transaction of the payment."""
        facts = payment_receipt_facts(as_of_today(tenancy, taking.recorded_at), taking)
        document = new_document(self.random, Order(tenancy=tenancy, facts=facts, now=taking.recorded_at))
        return document.document_id, self.documents.creating(document)

    def revoking(
        self, lease_id: str, document_id: str | None, periods: Collection[str], at: datetime
    ) -> list[Write]:
        """The writes that make void a payment's receipt, and the receipts of periods that it paid."""
        in_force = set(self.documents.stated_by(lease_id))
        return [
            write
            for document in self._of_lease(lease_id)
            if document.validity is Validity.GENUINE
            and (document.document_id == document_id or _states(document, periods))
            for write in self.documents.revoking(
                document, Ending.PAYMENT_RETURNED, at=at, gives_up=document.document_id in in_force
            )
        ]

    def _of_lease(self, lease_id: str) -> Iterator[Document]:
        after: Document | None = None
        while page := self.documents.of_lease(lease_id, after=after, limit=_PAGE):
            yield from page
            after = page[-1]


def _states(document: Document, periods: Collection[str]) -> bool:
    return document.kind in {Kind.RECEIPT, Kind.PART_PAYMENT_RECEIPT} and document.period in periods


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
    clock: Clock

    def of(self, document_id: str) -> Download:
        """For who may have the document, which the caller has made sure of. One call. Raises NotFound."""
        document = self.documents.get(document_id)
        if document is None:
            raise NotFound
        return Download(status=self.status(document), url=self.url(document))

    def status(self, document: Document) -> DocumentStatus:
        """How far its file is now; EXPIRED once it is kept no longer."""
        return document.status_at(self.clock())

    def url(self, document: Document) -> str | None:
        """A link for `LINK_SECONDS`, its file name neutral; None until there is a file, and after it."""
        if self.status(document) is not DocumentStatus.READY:
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
    since: datetime | None = None
    """When it ceased to hold, on the residence's clock."""
    statement: PublicStatement | None = None
    """What the paper says; of one whose record was erased, its kind and day only."""
    erased_on: date | None = None
    """When its record was erased, if it was."""


@dataclass(frozen=True, slots=True)
class Verifications:
    """What anyone who holds a paper may ask."""

    documents: Documents
    clock: Clock

    def check_file(self, pdf: bytes) -> Verification:
        """The answer to a file: ours, unchanged to the byte, or unknown. Two calls, four at most."""
        return self.check_digest(hashlib.sha256(pdf).hexdigest())

    def check_digest(self, digest: str) -> Verification:
        """The same by the SHA-256 (hex) of a file, for who keeps the file to themselves."""
        return self.of(self.documents.by_file(digest))

    def check(self, typed: str) -> Verification:
        """The answer to a verification code, however it was typed. Two calls, none for what is no code."""
        code = read_verification_code(typed)
        return self.of(self.documents.by_verification_code(code) if code else None)

    def of(self, found: Document | Remains | None) -> Verification:
        """The answer to what a look-up found. No call."""
        if isinstance(found, Remains):
            return _of_what_remains(found)
        # Without a file there is no paper yet, so that whoever asks holds something else.
        if found is None or found.status is not DocumentStatus.READY:
            return Verification(validity=Validity.UNKNOWN)
        if self.clock() >= found.kept_until:  # the table drops what is past its time late
            return _of_what_remains(found.remains)
        return Verification(
            validity=found.validity,
            since=found.local_validity_since,
            statement=public_statement(found.facts, found.issue),
        )


def _of_what_remains(remains: Remains) -> Verification:
    """A paper that had ended stays so; of any other we can say no more than that it was ours."""
    held = remains.validity is Validity.GENUINE
    return Verification(
        validity=Validity.ERASED if held else remains.validity,
        since=remains.since,
        statement=PublicStatement(kind=remains.kind, issued_on=remains.issued_on),
        erased_on=remains.erased_on,
    )
