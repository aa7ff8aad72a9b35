"""Documents, from request to file: what each states as it stood, where its file is, how it is found again."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import batched
from typing import Any

from sesame.domain.certificates import (
    DocumentStatus,
    Facts,
    Issue,
    Kind,
    Validity,
    canonical,
    facts_digest,
)
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
    """Whether its tenant asked for it, and is told when it has come."""
    file_digest: str | None = None
    """SHA-256 (hex) of the sealed file."""
    carries_two_d_doc: bool = False
    """Whether its residence has 2D-Docs and it is a paper that carries one."""
    two_d_doc: str | None = None
    """Its 2D-Doc, signed; None until it is rendered for the first time."""

    @property
    def created_at(self) -> datetime:
        """When it was first asked for."""
        return self.issue.at

    @property
    def unsealed_key(self) -> str:
        """Where its file lies until it is sealed; what may be read by nobody but the sealer."""
        return f"unsealed/{self.object_key.removeprefix('documents/')}"


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
        facts_key = keys.facts(document.lease_id, document.kind.value, digest)
        by_facts = Put(
            table=self.table.name,
            item={**facts_key, "document_id": document.document_id},
            condition=NOT_THERE,
        )
        found = replace(document, facts_digest=digest)
        writes: list[Write] = [*along, *self.creating(found), by_facts]
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

    def creating(self, document: Document) -> list[Put]:
        """The writes that keep a document, findable by its code, and announce `document.requested`."""
        code_key = keys.verification(document.issue.verification_code)
        return [
            Put(table=self.table.name, item=_item(document), condition=NOT_THERE),
            Put(
                table=self.table.name,
                item={**code_key, "document_id": document.document_id},
                condition=NOT_THERE,
            ),
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

    def by_verification_code(self, code: str) -> Document | None:
        """The document that carries a (folded) code. Two reads."""
        found = self.table.get(keys.verification(code))
        return self.get(found["document_id"]) if found else None

    def ask_again(self, document: Document, now: datetime) -> None:
        """Has the file made anew, unless somebody just asked or it has come."""
        try:
            self.table.update(
                keys.document(document.document_id),
                "SET #status = :requested, announce = :announce, asked_at = :now ADD version :one",
                condition="#status <> :ready AND asked_at = :before",
                names={"#status": "status"},
                values={
                    ":announce": _requested(document.document_id, now),
                    ":now": _stamp(now),
                    ":before": _stamp(document.asked_at),
                    ":requested": DocumentStatus.REQUESTED.value,
                    ":ready": DocumentStatus.READY.value,
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return

    def revoking(self, document: Document, reason: Ending, *, at: datetime) -> list[Write]:
        """The writes that make a document void, and let the same facts be stated anew should they return."""
        return self._ending(document, Validity.REVOKED, reason, at=at, condition="attribute_exists(pk)")

    def replacing(self, document: Document, by: Document, *, at: datetime) -> list[Write]:
        """The same for one that another has taken the place of, unless it has ended already."""
        return self._ending(
            document, Validity.REPLACED, Ending.ISSUED_ANEW, at=at, condition="validity = :genuine", by=by
        )

    def _ending(
        self,
        document: Document,
        validity: Validity,
        reason: Ending,
        *,
        at: datetime,
        condition: str,
        by: Document | None = None,
    ) -> list[Write]:
        values: dict[str, Any] = {
            ":ended": validity.value,
            ":reason": reason.value,
            ":at": _stamp(at),
            ":by": by.document_id if by else "",
            ":one": 1,
        }
        if by:
            values[":genuine"] = Validity.GENUINE.value
        digest = document.facts_digest or facts_digest(document.facts)
        return [
            Update(
                table=self.table.name,
                key=keys.document(document.document_id),
                expression="SET validity = :ended, validity_reason = :reason, validity_since = :at,"
                " replaced_by = :by ADD version :one",
                condition=condition,
                values=values,
            ),
            Delete(table=self.table.name, key=keys.facts(document.lease_id, document.kind.value, digest)),
        ]

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
        """The file is set: announces `document.rendered`. False if it already was."""
        try:
            self.table.update(
                keys.document(document.document_id),
                "SET #status = :rendered, rendered_at = :now, announce = :announce, missing_glyphs = :missing"
                " ADD version :one",
                condition="#status = :requested",
                names={"#status": "status"},
                values={
                    ":rendered": DocumentStatus.RENDERED.value,
                    ":requested": DocumentStatus.REQUESTED.value,
                    ":now": _stamp(now),
                    ":announce": announcement("document.rendered", now, document_id=document.document_id),
                    ":missing": missing_glyphs,
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return False
        return True

    def mark_ready(self, document: Document, now: datetime, *, file_digest: str) -> bool:
        """The sealed file is there, and is found by its SHA-256: announces `document.ready`.

        False if it already was. One transaction.
        """
        found_by_file = {**keys.document_file(file_digest), "document_id": document.document_id}
        told = {"told": "tenant"} if document.tells_tenant else {}
        ready = announcement(
            "document.ready", now, document_id=document.document_id, lease_id=document.lease_id, **told
        )
        writes: list[Write] = [
            Update(
                table=self.table.name,
                key=keys.document(document.document_id),
                expression="SET #status = :ready, ready_at = :now, announce = :announce,"
                " file_digest = :digest ADD version :one",
                condition="#status <> :ready AND attribute_exists(pk)",
                names={"#status": "status"},
                values={
                    ":ready": DocumentStatus.READY.value,
                    ":now": _stamp(now),
                    ":announce": ready,
                    ":digest": file_digest,
                    ":one": 1,
                },
            ),
            Put(table=self.table.name, item=found_by_file),
        ]
        try:
            transact(self.table.client, writes, attempts=_TRIES)
        except ConditionFailed:
            return False
        return True

    def by_file(self, digest: str) -> Document | None:
        """The document whose sealed file has a SHA-256 (hex). Two reads."""
        found = self.table.get(keys.document_file(digest))
        return self.get(found["document_id"]) if found else None


def _stamp(moment: datetime) -> str:
    """Always with microseconds, so that text sorts as time."""
    return moment.isoformat(timespec="microseconds")


def _requested(document_id: str, now: datetime) -> dict[str, str]:
    return announcement("document.requested", now, document_id=document_id)


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
        "announce": _requested(document.document_id, document.asked_at),
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
        carries_two_d_doc=item.get("carries_two_d_doc", False),
        two_d_doc=item.get("two_d_doc"),
    )
