"""Runs of a residence's documents for a month: what is planned page by page, and the archive made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sesame.domain.certificates import Kind
from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.table import NOT_THERE, ConditionFailed, Item, Key, Put, Table, Update, Write, transact

RUN_LIFE = timedelta(days=30)
"""Of a run and its archive; the documents themselves stay."""
TAKEN_OVER_AFTER = timedelta(hours=1)
"""A run that is still planning after this no longer holds up another one, which then ends it."""
ARCHIVE_LOST_AFTER = timedelta(minutes=15)
"""A zip that has not come after this can be asked for again: the queue has tried twice by then."""
_TRIES = 3


class RunStatus(StrEnum):
    """How far the planning of a run is."""

    PLANNING = "planning"
    PLANNED = "planned"
    TAKEN_OVER = "taken_over"
    """Given up for a later one on the same."""


class ArchiveStatus(StrEnum):
    """How far a run's zip is."""

    NONE = "none"
    REQUESTED = "requested"
    READY = "ready"
    FAILED = "failed"
    """The last try did. The queue tries again; it may be asked for anew as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRun:
    """A wish for all documents of a kind, of a residence and a month."""

    run_id: str
    residence_id: str
    month: str
    kind: Kind
    staff_id: str
    asked_at: datetime
    status: RunStatus = RunStatus.PLANNING
    pages: int = 0
    cursor: Mapping[str, str] | None = None
    """Where to go on among the residence's leases."""
    archive: ArchiveStatus = ArchiveStatus.NONE
    archive_key: str = ""
    archive_asked_at: datetime | None = None
    taken_over_by: str | None = None
    """The run that it was given up for."""

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten."""
        return self.asked_at + RUN_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What became of some leases: a document each, or why there is none."""

    documents: Sequence[str] = ()
    refused: Sequence[tuple[str, str]] = field(default_factory=tuple)
    """Tenant reference (non-secret) and reason."""


@dataclass(frozen=True, slots=True)
class DocumentRuns:
    """The runs of the operations table."""

    table: Table

    def get(self, run_id: str) -> DocumentRun | None:
        """One read."""
        item = self.table.get(keys.document_run(run_id))
        return _run(item) if item else None

    def ask(self, run: DocumentRun, entry: Put) -> str:
        """Keeps a run with its audit entry; returns its id, or that of the one under way.

        One that is under way for too long is ended for it. A read and a transaction; two reads where one went
        before.
        """
        for _ in range(_TRIES - 1):
            try:
                return self._ask(run, entry)
            except ConditionFailed:  # the one before came to its end at that moment
                continue
        return self._ask(run, entry)

    def _ask(self, run: DocumentRun, entry: Put) -> str:
        under_way = keys.document_run_under_way(run.residence_id, run.month, run.kind.value)
        pointer = Put(
            table=self.table.name,
            item={
                **under_way,
                "run_id": run.run_id,
                "busy_until": (run.asked_at + TAKEN_OVER_AFTER).isoformat(),
                "expires_at": int(run.expires_at.timestamp()),
            },
            condition=f"{NOT_THERE} OR busy_until <= :now",
            values={":now": run.asked_at.isoformat()},
        )
        writes: list[Write] = [
            pointer,
            Put(table=self.table.name, item=_item(run), condition=NOT_THERE),
            entry,
            *self._ending_before(run, self.table.get(under_way)),
        ]
        try:
            transact(self.table.client, writes, attempts=_TRIES)
        except ConditionFailed as refused:
            other = refused.items[0]
            if other is None:
                raise
            return str(other["run_id"])
        return run.run_id

    def _ending_before(self, run: DocumentRun, pointer: Item | None) -> list[Write]:
        """The write that ends a run which has been at work for too long."""
        before = self.get(pointer["run_id"]) if pointer else None
        if before is None or before.status is not RunStatus.PLANNING:
            return []
        return [
            Update(
                table=self.table.name,
                key=keys.document_run(before.run_id),
                expression="SET #status = :over, taken_over_by = :by, announce = :nothing",
                condition="#status = :planning",
                names={"#status": "status"},
                values={
                    ":over": RunStatus.TAKEN_OVER.value,
                    ":planning": RunStatus.PLANNING.value,
                    ":by": run.run_id,
                    ":nothing": {},
                },
            )
        ]

    def advance(
        self, run: DocumentRun, page: RunPage, cursor: Mapping[str, str] | None, now: datetime
    ) -> bool:
        """Keeps what became of a page and announces the next; at the end lets other runs begin.

        False where somebody else has kept it. One transaction.
        """
        is_last = cursor is None
        step = Update(
            table=self.table.name,
            key=keys.document_run(run.run_id),
            expression="SET pages = :next, #status = :status, #cursor = :cursor, announce = :announce",
            condition="pages = :pages AND #status = :planning",
            names={"#status": "status", "#cursor": "cursor"},
            values={
                ":pages": run.pages,
                ":next": run.pages + 1,
                ":planning": RunStatus.PLANNING.value,
                ":status": (RunStatus.PLANNED if is_last else RunStatus.PLANNING).value,
                ":cursor": dict(cursor or {}),
                ":announce": {} if is_last else _requested(run, run.pages + 1, now),
            },
        )
        item: Item = {
            **keys.document_run_page(run.run_id, run.pages),
            "documents": list(page.documents),
            "refused": [list(one) for one in page.refused],
            "expires_at": int(run.expires_at.timestamp()),
        }
        writes: list[Write] = [step, Put(table=self.table.name, item=item)]
        if is_last:
            writes.append(self._free(run, now))
        try:
            transact(self.table.client, writes, attempts=3)
        except ConditionFailed:
            return False
        return True

    def _free(self, run: DocumentRun, now: datetime) -> Write:
        return Update(
            table=self.table.name,
            key=keys.document_run_under_way(run.residence_id, run.month, run.kind.value),
            expression="SET busy_until = :now",
            condition="run_id = :run",
            values={":now": now.isoformat(), ":run": run.run_id},
        )

    def pages(self, run_id: str) -> list[RunPage]:
        """What has become of its leases so far."""
        pk = keys.document_run(run_id)["pk"]
        return [
            RunPage(
                documents=tuple(item["documents"]),
                refused=tuple((reference, reason) for reference, reason in item["refused"]),
            )
            for item in self.table.query_all(pk, "PAGE#")
        ]

    def ask_archive(self, run: DocumentRun, key: str, now: datetime, entry: Put) -> bool:
        """Has a run's zip made; False while it is being made already, unless it got lost. One transaction."""
        change = Update(
            table=self.table.name,
            key=keys.document_run(run.run_id),
            expression="SET #archive = :requested, archive_key = :key, archive_asked_at = :now,"
            " announce = :announce",
            condition="#status = :planned AND (#archive <> :requested"
            " OR attribute_not_exists(archive_asked_at) OR archive_asked_at <= :lost)",
            names={"#status": "status", "#archive": "archive"},
            values={
                ":requested": ArchiveStatus.REQUESTED.value,
                ":planned": RunStatus.PLANNED.value,
                ":key": key,
                ":now": now.isoformat(),
                ":lost": (now - ARCHIVE_LOST_AFTER).isoformat(),
                ":announce": announcement("document_run.archive_requested", now, run_id=run.run_id),
            },
        )
        try:
            transact(self.table.client, [change, entry], attempts=_TRIES)
        except ConditionFailed:
            return False
        return True

    def mark_archived(self, run: DocumentRun) -> bool:
        """The zip is there. False if another one was asked for meanwhile."""
        return self._mark(run, ArchiveStatus.READY)

    def mark_archive_failed(self, run: DocumentRun) -> bool:
        """The zip could not be made. False if another one was asked for meanwhile."""
        return self._mark(run, ArchiveStatus.FAILED)

    def _mark(self, run: DocumentRun, status: ArchiveStatus) -> bool:
        try:
            self.table.update(
                keys.document_run(run.run_id),
                "SET #archive = :status",
                condition="archive_key = :key AND #archive IN (:requested, :failed)",
                names={"#archive": "archive"},
                values={
                    ":status": status.value,
                    ":requested": ArchiveStatus.REQUESTED.value,
                    ":failed": ArchiveStatus.FAILED.value,
                    ":key": run.archive_key,
                },
            )
        except ConditionFailed:
            return False
        return True


def _requested(run: DocumentRun, page: int, now: datetime) -> dict[str, str]:
    return announcement("document_run.requested", now, run_id=run.run_id, page=str(page))


def _item(run: DocumentRun) -> dict[str, Any]:
    return {
        **keys.document_run(run.run_id),
        "run_id": run.run_id,
        "residence_id": run.residence_id,
        "month": run.month,
        "kind": run.kind.value,
        "staff_id": run.staff_id,
        "asked_at": run.asked_at.isoformat(),
        "status": run.status.value,
        "pages": run.pages,
        "archive": run.archive.value,
        "expires_at": int(run.expires_at.timestamp()),
        "announce": _requested(run, 0, run.asked_at),
    }


def _run(item: Item) -> DocumentRun:
    cursor: Key | None = item.get("cursor") or None
    asked_at = item.get("archive_asked_at")
    return DocumentRun(
        run_id=item["run_id"],
        residence_id=item["residence_id"],
        month=item["month"],
        kind=Kind(item["kind"]),
        staff_id=item["staff_id"],
        asked_at=datetime.fromisoformat(item["asked_at"]),
        status=RunStatus(item["status"]),
        pages=item["pages"],
        cursor=cursor,
        archive=ArchiveStatus(item["archive"]),
        archive_key=item.get("archive_key", ""),
        archive_asked_at=datetime.fromisoformat(asked_at) if asked_at else None,
        taken_over_by=item.get("taken_over_by"),
    )
