"""Documents, from request to file: what each states as it stood, where its file is, how it is found again."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from itertools import batched
from typing import Any
from zoneinfo import ZoneInfo

from sesame.domain.calendar import local_date
from sesame.domain.certificates import (
    DocumentStatus,
    Facts,
    Issue,
    Kind,
    Validity,
    canonical,
    facts_digest,
)
from sesame.domain.retention import has_file_until, kept_until
from sesame.domain.tenancy import Language
from sesame.domain.validity import Ending
from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.table import (
    NOT_THERE,
    ConditionFailed,
    Contention,
    Delete,
    Item,
    Put,
    Table,
    Update,
    Write,
    same_table,
    transact,
)

_TRIES = 3
_BATCH = 100  # keys of one BatchGetItem


FLAGGED, WAITING = "FLAGGED#", "WAITING#"
"""What the places of flagged documents and of waiting threads begin with, in the index that they share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document. Its facts are a snapshot: what changes later makes another document."""

    document_id: str
    lease_id: str
    person_id: str
    kind: Kind
    language: Language
    facts: Facts
    issue: Issue
    object_key: str
    """Of the bucket; random, so that it tells nothing."""
    period: str | None = None
    """YYYY-MM, for what is about one month."""
    code_cipher: bytes | None = None
    """The tenant code, encrypted, for an entry document: never in clear among the facts."""
    status: DocumentStatus = DocumentStatus.REQUESTED
    validity: Validity = Validity.GENUINE
    validity_reason: Ending | None = None
    validity_since: datetime | None = None
    facts_digest: str | None = None
    """Under which the same facts find it, where they do."""
    asked_at: datetime
    """When rendering was last asked for."""
    tells_tenant: bool = False
    """Whether its tenant asked for it, be it while it was being made, and is told when it has come."""
    residence_id: str = ""
    """Whose staff are told where a letter could not be printed."""
    file_digest: str | None = None
    """SHA-256 (hex) of the sealed file."""
    carries_two_d_doc: bool = False
    """Whether its residence has 2D-Docs and it is a paper that carries one."""
    two_d_doc: str | None = None
    """Its 2D-Doc, signed; None until it is rendered for the first time."""
    time_zone: str = "UTC"
    """Of its residence, by whose clock its days are told."""

    @property
    def created_at(self) -> datetime:
        """When it was first asked for."""
        return self.issue.at

    @property
    def unsealed_key(self) -> str:
        """Where its file lies until it is sealed; what may be read by nobody but the sealer."""
        return unsealed_key(self.object_key)

    @property
    def kept_until(self) -> datetime:
        """When its record goes."""
        return kept_until(self.kind, self.created_at)

    @property
    def remains(self) -> "Remains":
        """What is left to say once its record is gone by its time."""
        return Remains(
            kind=self.kind,
            issued_on=self.issue.on,
            erased_on=local_date(self.kept_until, self.time_zone),
            validity=self.validity,
            since=self.local_validity_since,
        )

    @property
    def local_validity_since(self) -> datetime | None:
        """When it ceased to hold, on its residence's clock."""
        return _on_the_wall(self.validity_since, self.time_zone)

    def status_at(self, now: datetime) -> DocumentStatus:
        """How far its file is; EXPIRED once it need not be there any more."""
        return DocumentStatus.EXPIRED if now >= has_file_until(self.kind, self.created_at) else self.status


def _on_the_wall(moment: datetime | None, time_zone: str) -> datetime | None:
    return moment.astimezone(ZoneInfo(time_zone)) if moment else None


def unsealed_key(object_key: str) -> str:
    """Where a file lies before its seal."""
    return f"unsealed/{object_key.removeprefix('documents/')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What is left of a document whose record is gone, for who still holds the paper: no personal data."""

    kind: Kind
    issued_on: date
    erased_on: date
    validity: Validity
    """As it was at the end."""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedDocument:
    """A document that was printed with letters missing, which staff should look at."""

    document_id: str
    lease_id: str
    residence_id: str
    kind: Kind
    number: str
    created_at: datetime
    missing_glyphs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlaggedPage:
    """Some of a residence's flagged documents, newest first, and where to go on."""

    documents: tuple[FlaggedDocument, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToSeeTo:
    """What waits for a residence's staff: what it is (`FLAGGED` or `WAITING`) and since when."""

    moments: tuple[tuple[str, datetime], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents table."""

    table: Table

    def get(self, document_id: str) -> Document | None:
        """One read."""
        item = self.table.get(keys.document(document_id))
        return _document(item) if item else None

    def create(self, document: Document, digest: str, along: Sequence[Write] = ()) -> str:
        """Keeps a document, findable by its code and by its facts; returns its id, or the id of the one that
        already states the same facts. One transaction, which announces `document.requested`.

        `along` is written with it, or checked: raises ConditionFailed where one of them does not hold, since
        the facts rest on what has changed meanwhile.
        """
        writes: list[Write] = [*along, *self.stating(document, digest)]
        for attempt in range(_TRIES):
            try:
                transact(self.table.client, writes)
            except ConditionFailed as refused:
                same = refused.items[-1]
                if same is None:
                    raise
                return str(same["document_id"])
            except Contention:  # asked twice at the same moment: the next try finds the other's
                if attempt == _TRIES - 1:
                    raise
            else:
                break
        return document.document_id

    def states(self, lease_id: str, kind: Kind, digest: str, now: datetime) -> bool:
        """Whether a document of a lease states these facts already. One read."""
        found = self.table.get(keys.facts(lease_id, kind.value, digest))
        return found is not None and bool(found["expires_at"] > int(now.timestamp()))

    def stating(self, document: Document, digest: str) -> list[Put]:
        """The writes that keep a document, findable by its facts too; the last of them does not hold where
        another states the same.
        """
        by_facts = Put(
            table=self.table.name,
            item={
                **keys.facts(document.lease_id, document.kind.value, digest),
                "document_id": document.document_id,
                "expires_at": _expires_at(document),
            },
            # the table drops what is past its time late
            condition=f"{NOT_THERE} OR expires_at <= :now",
            values={":now": int(document.asked_at.timestamp())},
        )
        return [*self.creating(replace(document, facts_digest=digest)), by_facts]

    def creating(self, document: Document) -> list[Put]:
        """The writes that keep a document, findable by its code, and announce `document.requested`.

        The look-up by code outlives the document: it holds what is then left to say (`Remains`).
        """
        by_code = {
            **keys.verification(document.issue.verification_code),
            "document_id": document.document_id,
            "kind": document.kind.value,
            "issued_on": document.issue.on.isoformat(),
            "erased_on": document.remains.erased_on.isoformat(),
            "time_zone": document.time_zone,
        }
        by_number = keys.document_number(document.issue.number, document.issue.verification_code)
        return [
            Put(table=self.table.name, item=_item(document), condition=NOT_THERE),
            Put(table=self.table.name, item=by_code, condition=NOT_THERE),
            Put(table=self.table.name, item=by_number),
        ]

    def of_lease(self, lease_id: str, *, after: Document | None = None, limit: int) -> list[Document]:
        """The documents of a lease, newest first; after a given one, to go on. One read of the index."""
        start = _index_key(after) if after else None
        page = self.table.query(
            keys.documents_of_lease(lease_id), index=keys.GSI1, forward=False, limit=limit, start=start
        )
        return [_document(item) for item in page.items]

    def in_force(self, lease_id: str, kinds: Collection[Kind]) -> list[Document]:
        """The documents of some kinds that are in force, by the facts they state: what ends gives those up.

        Strongly consistent. One call, two where there are some.
        """
        wanted = [
            keys.document(item["document_id"])
            for item in self.table.query_all(keys.facts(lease_id, "", "")["pk"], "FACTS#")
            if item["sk"].split("#")[1] in kinds
        ]
        found = [
            item for some in batched(wanted, _BATCH, strict=False) for item in same_table(self.table, some)
        ]
        return [_document(item) for item in found if item]

    def some(self, document_ids: Sequence[str]) -> Iterator[Document]:
        """Those of the documents that exist, in the order asked. One call for a hundred."""
        for ids in batched(document_ids, _BATCH, strict=False):
            items = same_table(self.table, [keys.document(document_id) for document_id in ids])
            yield from (_document(item) for item in items if item)

    def by_verification_code(self, code: str) -> Document | Remains | None:
        """The document that carries a (folded) code, or what is left of it. Two reads."""
        found = self.table.get(keys.verification(code))
        if found is None:
            return None
        document = self.get(found["document_id"]) if "document_id" in found else None
        return document or (_remains(found) if "kind" in found else None)

    def codes_by_number(self, number: str) -> list[str]:
        """The (folded) verification codes of the documents that have a number: one, as a rule. One read."""
        return [item["sk"] for item in self.table.query_all(keys.document_number(number, "")["pk"])]

    def ask_again(self, document: Document, now: datetime) -> None:
        """Has the file made anew, unless somebody just asked or it has come."""
        try:
            self.table.update(
                keys.document(document.document_id),
                "SET #status = :requested, announce = :announce, asked_at = :now ADD version :one",
                condition="#status <> :ready AND asked_at = :before",
                names={"#status": "status"},
                values={
                    ":announce": _requested(document, now),
                    ":now": _stamp(now),
                    ":before": _stamp(document.asked_at),
                    ":requested": DocumentStatus.REQUESTED.value,
                    ":ready": DocumentStatus.READY.value,
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return

    def tell_tenant(self, document: Document) -> bool:
        """Has its tenant told once it has come; False where it has come, or is gone."""
        try:
            self.table.update(
                keys.document(document.document_id),
                "SET tells_tenant = :yes ADD version :one",
                condition="attribute_exists(pk) AND #status <> :ready",
                names={"#status": "status"},
                values={":yes": True, ":ready": DocumentStatus.READY.value, ":one": 1},
            )
        except ConditionFailed:
            return False
        return True

    def erase(self, document: Document, at: datetime) -> bool:
        """Takes a document away, to what is left of one that was given out (`Remains`); its files are for the
        caller to delete first. One transaction; False where the document has changed since it was read.
        """
        code_key = keys.verification(document.issue.verification_code)
        digest = document.facts_digest or facts_digest(document.facts)
        writes: list[Write] = [
            Delete(
                table=self.table.name,
                key=keys.document(document.document_id),
                condition="#status = :status AND validity = :validity",
                names={"#status": "status"},
                values={":status": document.status.value, ":validity": document.validity.value},
            ),
            Delete(table=self.table.name, key=keys.document_flag(document.document_id)),
        ]
        if document.status is DocumentStatus.READY and document.file_digest:
            since = _stamp(document.validity_since) if document.validity_since else None
            remains = {
                **code_key,
                "kind": document.kind.value,
                "issued_on": document.issue.on.isoformat(),
                "erased_on": local_date(at, document.time_zone).isoformat(),
                "time_zone": document.time_zone,
                "validity": document.validity.value,
                "validity_since": since,
            }
            by_file = {
                **keys.document_file(document.file_digest),
                "verification_code": document.issue.verification_code,
            }
            writes += [Put(table=self.table.name, item=item) for item in (remains, by_file)]
        else:
            number_key = keys.document_number(document.issue.number, document.issue.verification_code)
            writes += [Delete(table=self.table.name, key=key) for key in (code_key, number_key)]
        pointer = Delete(
            table=self.table.name,
            key=keys.facts(document.lease_id, document.kind.value, digest),
            condition="document_id = :id OR attribute_not_exists(pk)",
            values={":id": document.document_id},
        )
        # where another document states the same facts by now, it keeps the pointer
        for some in ([*writes, pointer], writes):
            try:
                transact(self.table.client, some, attempts=_TRIES)
            except ConditionFailed as refused:
                if refused.failed(0):
                    return False
            else:
                return True
        return False

    def stated_by(self, lease_id: str) -> list[str]:
        """The ids of the documents that a lease's facts point to. One strongly consistent query."""
        pointers = self.table.query_all(keys.facts(lease_id, "", "")["pk"], "FACTS#")
        return [item["document_id"] for item in pointers]

    def revoking(
        self, document: Document, reason: Ending, *, at: datetime, gives_up: bool = True
    ) -> list[Write]:
        """The writes that make a genuine document void, and let the same facts be stated anew should they
        return: unless `gives_up` is false, since another document states them already.
        """
        return self._ending(document, Validity.REVOKED, reason, at=at, gives_up=gives_up)

    def end(self, document: Document, reason: Ending, *, at: datetime, by: Document | None = None) -> bool:
        """Ends a document: void, or replaced by another. False where it had ended, or was erased, meanwhile.

        One transaction; a second where by now another document states the same facts, which stays findable.
        """
        validity = Validity.REPLACED if by else Validity.REVOKED
        for gives_up in (True, False):
            writes = self._ending(document, validity, reason, at=at, by=by, gives_up=gives_up)
            try:
                transact(self.table.client, writes, attempts=_TRIES)
            except ConditionFailed as refused:
                if refused.failed(0) or refused.failed(1):
                    return False
            else:
                return True
        return False

    def _ending(
        self,
        document: Document,
        validity: Validity,
        reason: Ending,
        *,
        at: datetime,
        by: Document | None = None,
        gives_up: bool,
    ) -> list[Write]:
        values: dict[str, Any] = {
            ":ended": validity.value,
            ":reason": reason.value,
            ":at": _stamp(at),
            ":by": by.document_id if by else "",
            ":genuine": Validity.GENUINE.value,
            ":one": 1,
        }
        digest = document.facts_digest or facts_digest(document.facts)
        ending: list[Write] = [
            Update(
                table=self.table.name,
                key=keys.document(document.document_id),
                expression="SET validity = :ended, validity_reason = :reason, validity_since = :at,"
                " replaced_by = :by ADD version :one",
                # said again late, it must not take from a newer paper that states the same facts
                condition="validity = :genuine",
                values=values,
            ),
            # told for as long as somebody may hold the paper
            Update(
                table=self.table.name,
                key=keys.verification(document.issue.verification_code),
                expression="SET validity = :ended, validity_since = :at",
                condition="attribute_exists(pk)",
                values={":ended": validity.value, ":at": _stamp(at)},
            ),
        ]
        if gives_up:
            ending.append(
                Delete(
                    table=self.table.name,
                    key=keys.facts(document.lease_id, document.kind.value, digest),
                    condition="document_id = :id OR attribute_not_exists(pk)",
                    values={":id": document.document_id},
                )
            )
        return ending

    def keep_two_d_doc(self, document: Document, text: str) -> str:
        """Keeps a document's 2D-Doc; returns the one that was there first. One call."""
        kept = self.table.update(
            keys.document(document.document_id),
            "SET two_d_doc = if_not_exists(two_d_doc, :text)",
            condition="attribute_exists(pk)",
            values={":text": text},
        )
        return str(kept["two_d_doc"])

    def mark_rendered(self, document: Document, now: datetime, *, missing_glyphs: int = 0) -> bool:
        """The file is set: announces `document.rendered`. False if it already was, or the document is gone.

        With glyphs missing the document is listed for its residence's staff, in the same transaction.
        """
        rendered = Update(
            table=self.table.name,
            key=keys.document(document.document_id),
            expression="SET #status = :rendered, rendered_at = :now, announce = :announce,"
            " missing_glyphs = :missing ADD version :one",
            condition="#status = :requested",
            names={"#status": "status"},
            values={
                ":rendered": DocumentStatus.RENDERED.value,
                ":requested": DocumentStatus.REQUESTED.value,
                ":now": _stamp(now),
                ":announce": _rendered(document, now),
                ":missing": missing_glyphs,
                ":one": 1,
            },
        )
        try:
            if missing_glyphs and document.residence_id:
                flag = Put(table=self.table.name, item=_flag_item(document, missing_glyphs))
                transact(self.table.client, [rendered, flag], attempts=_TRIES)
            else:
                self.table.write(rendered)
        except ConditionFailed:
            return False
        return True

    def flagged(
        self, residence_id: str, *, after: FlaggedDocument | None = None, limit: int = 50
    ) -> FlaggedPage:
        """A residence's documents that staff should look at, newest first. One query of the index."""
        start = _flag_key(after) if after else None
        page = self.table.query(
            keys.flagged_documents(residence_id),
            index=keys.GSI1,
            between=(FLAGGED, f"{FLAGGED}~"),
            limit=limit,
            forward=False,
            start=start,
        )
        found = tuple(map(_flagged, page.items))
        return FlaggedPage(documents=found, next=found[-1].document_id if page.next and found else None)

    def to_see_to(self, residence_id: str, *, limit: int) -> ToSeeTo:
        """Since when flagged documents, then waiting threads of a residence wait, each kind by time. One
        query of the index."""
        page = self.table.query(
            keys.flagged_documents(residence_id),
            index=keys.GSI1,
            between=(FLAGGED, f"{WAITING}~"),
            limit=limit,
        )
        places = [item["gsi1sk"].split("#") for item in page.items]
        return ToSeeTo(
            moments=tuple((f"{place[0]}#", datetime.fromisoformat(place[1])) for place in places),
            more=page.next is not None,
        )

    def flag_of(self, document_id: str) -> FlaggedDocument | None:
        """What a document is listed for, or None. One read."""
        item = self.table.get(keys.document_flag(document_id))
        return _flagged(item) if item else None

    def unflagging(self, flagged: FlaggedDocument) -> Delete:
        """The write that takes a document off its residence's list, once."""
        return Delete(
            table=self.table.name,
            key=keys.document_flag(flagged.document_id),
            condition="attribute_exists(pk)",
        )

    def mark_ready(self, document: Document, now: datetime, *, file_digest: str) -> bool:
        """The sealed file is there, and is found by its SHA-256: announces `document.ready`.

        False if it already was, or the document is gone. One transaction, and two calls more where its
        tenant asked to be told since it was read.
        """
        try:
            transact(self.table.client, _readying(self.table, document, now, file_digest), attempts=_TRIES)
        except ConditionFailed:
            current = self.get(document.document_id)
            if current is None or current.tells_tenant == document.tells_tenant:
                return False
            return self.mark_ready(current, now, file_digest=file_digest)
        return True

    def by_file(self, digest: str) -> Document | Remains | None:
        """The document whose sealed file has a SHA-256 (hex), or what is left of it. Two to four reads."""
        found = self.table.get(keys.document_file(digest))
        if found is None:
            return None
        document = self.get(found["document_id"]) if "document_id" in found else None
        if document is None and "verification_code" in found:
            return self.by_verification_code(found["verification_code"])
        return document


def _readying(table: Table, document: Document, now: datetime, file_digest: str) -> list[Write]:
    """The writes that give a document out, if its tenant has not asked to be told since it was read."""
    found_by_file = {
        **keys.document_file(file_digest),
        "document_id": document.document_id,
        "verification_code": document.issue.verification_code,
    }
    told = {"told": "tenant"} if document.tells_tenant else {}
    ready = announcement(
        "document.ready", now, document_id=document.document_id, lease_id=document.lease_id, **told
    )
    unasked = "" if document.tells_tenant else " AND attribute_not_exists(tells_tenant)"
    return [
        Update(
            table=table.name,
            key=keys.document(document.document_id),
            expression="SET #status = :ready, ready_at = :now, announce = :announce,"
            " file_digest = :digest ADD version :one",
            condition=f"#status <> :ready AND attribute_exists(pk){unasked}",
            names={"#status": "status"},
            values={
                ":ready": DocumentStatus.READY.value,
                ":now": _stamp(now),
                ":announce": ready,
                ":digest": file_digest,
                ":one": 1,
            },
        ),
        Put(table=table.name, item=found_by_file),
    ]


def _stamp(moment: datetime) -> str:
    """Always with microseconds, so that text sorts as time."""
    return moment.isoformat(timespec="microseconds")


def _expires_at(document: Document) -> int:
    return int(document.kept_until.timestamp())


def _requested(document: Document, now: datetime) -> dict[str, str]:
    return announcement("document.requested", now, **_places(document))


def _rendered(document: Document, now: datetime) -> dict[str, str]:
    return announcement("document.rendered", now, **_places(document))


def _places(document: Document) -> dict[str, str]:
    """Also where the file is to lie, so that it can be taken away where the document is gone by then."""
    return {"document_id": document.document_id, "object_key": document.object_key}


def _remains(item: Item) -> Remains:
    since = datetime.fromisoformat(item["validity_since"]) if "validity_since" in item else None
    return Remains(
        kind=Kind(item["kind"]),
        issued_on=date.fromisoformat(item["issued_on"]),
        erased_on=date.fromisoformat(item["erased_on"]),
        validity=Validity(item.get("validity", Validity.GENUINE)),
        since=_on_the_wall(since, item.get("time_zone", "UTC")),
    )


def _flag_key(flagged: FlaggedDocument) -> dict[str, str]:
    return {
        **keys.document_flag(flagged.document_id),
        "gsi1pk": keys.flagged_documents(flagged.residence_id),
        "gsi1sk": f"{FLAGGED}{_stamp(flagged.created_at)}#{flagged.document_id}",
    }


def _flag_item(document: Document, missing_glyphs: int) -> Item:
    flagged = FlaggedDocument(
        document_id=document.document_id,
        lease_id=document.lease_id,
        residence_id=document.residence_id,
        kind=document.kind,
        number=document.issue.number,
        created_at=document.created_at,
        missing_glyphs=missing_glyphs,
    )
    return {
        **asdict(flagged),
        **_flag_key(flagged),
        "kind": flagged.kind.value,
        "created_at": _stamp(flagged.created_at),
        "expires_at": _expires_at(document),
    }


def _flagged(item: Item) -> FlaggedDocument:
    return FlaggedDocument(
        document_id=item["document_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        kind=Kind(item["kind"]),
        number=item["number"],
        created_at=datetime.fromisoformat(item["created_at"]),
        missing_glyphs=item["missing_glyphs"],
    )


def _index_key(document: Document) -> dict[str, str]:
    return {
        **keys.document(document.document_id),
        "gsi1pk": keys.documents_of_lease(document.lease_id),
        "gsi1sk": _stamp(document.created_at),
    }


def _item(document: Document) -> dict[str, Any]:
    issue = document.issue
    return {
        **_index_key(document),
        "version": 1,
        "document_id": document.document_id,
        "lease_id": document.lease_id,
        "person_id": document.person_id,
        "kind": document.kind.value,
        "language": document.language.value,
        "period": document.period,
        "status": document.status.value,
        "validity": document.validity.value,
        "facts_digest": document.facts_digest,
        "facts": canonical(document.facts),
        "code_cipher": document.code_cipher,
        "object_key": document.object_key,
        "tells_tenant": document.tells_tenant or None,
        "carries_two_d_doc": document.carries_two_d_doc or None,
        "number": issue.number,
        "verification_code": issue.verification_code,
        "issued_on": issue.on.isoformat(),
        "created_at": _stamp(issue.at),
        "asked_at": _stamp(document.asked_at),
        "residence_id": document.residence_id or None,
        "time_zone": document.time_zone,
        "expires_at": _expires_at(document),
        "announce": _requested(document, document.asked_at),
    }


def _document(item: Item) -> Document:
    return Document(
        document_id=item["document_id"],
        lease_id=item["lease_id"],
        person_id=item["person_id"],
        kind=Kind(item["kind"]),
        language=Language(item["language"]),
        facts=json.loads(item["facts"]),
        issue=Issue(
            on=date.fromisoformat(item["issued_on"]),
            at=datetime.fromisoformat(item["created_at"]),
            number=item["number"],
            verification_code=item["verification_code"],
        ),
        object_key=item["object_key"],
        period=item.get("period"),
        code_cipher=item.get("code_cipher"),
        status=DocumentStatus(item["status"]),
        validity=Validity(item["validity"]),
        validity_reason=Ending(item["validity_reason"]) if "validity_reason" in item else None,
        validity_since=datetime.fromisoformat(item["validity_since"]) if "validity_since" in item else None,
        facts_digest=item.get("facts_digest"),
        asked_at=datetime.fromisoformat(item["asked_at"]),
        file_digest=item.get("file_digest"),
        tells_tenant=item.get("tells_tenant", False),
        residence_id=item.get("residence_id", ""),
        carries_two_d_doc=item.get("carries_two_d_doc", False),
        two_d_doc=item.get("two_d_doc"),
        time_zone=item.get("time_zone", "UTC"),
    )
