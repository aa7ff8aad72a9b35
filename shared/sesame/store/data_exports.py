"""Exports of a person's data: asked for at most once a day, made by a queue, forgotten with their file."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.audit import Audit, AuditEntry
from sesame.store.table import NOT_THERE, ConditionFailed, Item, Put, Table, transact

EXPORT_LIFE = timedelta(days=7)
"""From asking to the end of file and record; the bucket's lifecycle says the same."""
ONCE_IN = timedelta(days=1)
ASK_AGAIN_AFTER = timedelta(minutes=10)
"""An export still without a file after this is begun anew when it is asked for again."""


class ExportStatus(StrEnum):
    """How far an export is."""

    REQUESTED = "requested"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataExport:
    """An export. `lease_id` is the lease that it was asked from: its messages go by that."""

    export_id: str
    person_id: str
    lease_id: str
    object_key: str
    """Of the bucket; random, so that it tells nothing."""
    asked_at: datetime
    status: ExportStatus = ExportStatus.REQUESTED

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten."""
        return self.asked_at + EXPORT_LIFE


@dataclass(frozen=True, slots=True)
class DataExports:
    """The exports of the operations table."""

    table: Table

    def get(self, export_id: str) -> DataExport | None:
        """One read."""
        item = self.table.get(keys.data_export(export_id))
        return _export(item) if item else None

    def of_person(self, person_id: str) -> list[DataExport]:
        """Those not yet forgotten, a few at most. The index may lag behind: the last one is read by itself.

        Two reads, three where there is one.
        """
        items = self.table.query_all(keys.exports_of_person(person_id), index=keys.GSI1)
        found = {item["export_id"]: _export(item) for item in items}
        pointer = self.table.get(keys.person_export(person_id))
        last = self.get(pointer["export_id"]) if pointer else None
        return list((found | ({last.export_id: last} if last else {})).values())

    def ask(self, export: DataExport, entry: AuditEntry) -> str:
        """Keeps and announces an export, and returns its id; or the id of the one of the last day.

        One transaction, with its audit entry.
        """
        writes = [
            Put(
                table=self.table.name,
                item={
                    **keys.person_export(export.person_id),
                    "export_id": export.export_id,
                    "asked_at": int(export.asked_at.timestamp()),
                    "expires_at": int(export.expires_at.timestamp()),
                },
                condition=f"{NOT_THERE} OR asked_at <= :yesterday",
                values={":yesterday": int((export.asked_at - ONCE_IN).timestamp())},
            ),
            Put(table=self.table.name, item=_item(export), condition=NOT_THERE),
            Audit(self.table).recording(entry),
        ]
        try:
            transact(self.table.client, writes, attempts=3)
        except ConditionFailed as failure:
            last = failure.items[0]
            if last is None:
                raise
            return str(last["export_id"])
        return export.export_id

    def ask_again(self, export: DataExport, now: datetime) -> None:
        """Announces `data_export.requested` once more, unless somebody just did or the file has come."""
        try:
            self.table.update(
                keys.data_export(export.export_id),
                "SET announce = :announce, announced_at = :now ADD version :one",
                condition="#status = :requested AND announced_at <= :before",
                names={"#status": "status"},
                values={
                    ":announce": _requested(export.export_id, now),
                    ":now": int(now.timestamp()),
                    ":before": int((now - ASK_AGAIN_AFTER).timestamp()),
                    ":requested": ExportStatus.REQUESTED.value,
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return

    def mark_ready(self, export: DataExport, now: datetime) -> bool:
        """The file is there: announces `data_export.ready`. False if it already was, or is not wanted now."""
        try:
            self.table.update(
                keys.data_export(export.export_id),
                "SET #status = :ready, announce = :announce ADD version :one",
                condition="#status = :requested",
                names={"#status": "status"},
                values={
                    ":ready": ExportStatus.READY.value,
                    ":requested": ExportStatus.REQUESTED.value,
                    ":announce": announcement(
                        "data_export.ready",
                        now,
                        export_id=export.export_id,
                        lease_id=export.lease_id,
                        expires_at=export.expires_at.isoformat(),
                    ),
                    ":one": 1,
                },
            )
        except ConditionFailed:
            return False
        return True


def _requested(export_id: str, at: datetime) -> dict[str, str]:
    return announcement("data_export.requested", at, export_id=export_id)


def _item(export: DataExport) -> Item:
    return {
        **keys.data_export(export.export_id),
        "gsi1pk": keys.exports_of_person(export.person_id),
        "gsi1sk": export.asked_at.isoformat(),
        "export_id": export.export_id,
        "person_id": export.person_id,
        "lease_id": export.lease_id,
        "object_key": export.object_key,
        "asked_at": int(export.asked_at.timestamp()),
        "announced_at": int(export.asked_at.timestamp()),
        "status": export.status.value,
        "expires_at": int(export.expires_at.timestamp()),
        "announce": _requested(export.export_id, export.asked_at),
        "version": 1,
    }


def _export(item: Item) -> DataExport:
    return DataExport(
        export_id=item["export_id"],
        person_id=item["person_id"],
        lease_id=item["lease_id"],
        object_key=item["object_key"],
        asked_at=datetime.fromtimestamp(item["asked_at"], UTC),
        status=ExportStatus(item["status"]),
    )
