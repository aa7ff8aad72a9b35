"""Imports of files: what was taken in, and what became of each chunk of rows, written once a chunk."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.scope import Scope
from sesame.platform.events import announcement
from sesame.store import keys
from sesame.store.table import NOT_THERE, ConditionFailed, Item, Put, Table, Write, transact

KEPT = timedelta(days=90)
"""How long a report can be read; the file itself goes sooner, by the bucket's lifecycle."""


class FileKind(StrEnum):
    """What the rows of a file are."""

    LEASES = "leases"
    AID = "aid"
    ACKNOWLEDGEMENT = "acknowledgement"
    ENROLMENTS = "enrolments"
    SOCIAL_FILES = "social_files"
    AMENDMENTS = "amendments"
    DEPARTURES = "departures"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImport:
    """A file taken in. `rows` counts every line that is not blank, below the headers."""

    import_id: str
    kind: FileKind = FileKind.LEASES
    sha256: str
    rows: int
    chunks: int
    encoding: str
    ignored_headers: tuple[str, ...]
    imported_by: str
    """The member of staff's id."""
    everywhere: bool
    residence_ids: tuple[str, ...]
    """What they saw when they sent the file: rows of other residences are refused."""
    creates_residences: bool
    created_at: datetime
    failure: str = ""
    """Why the file could not be worked through, '' while it can."""

    @property
    def scope(self) -> Scope:
        """The residences whose rows may be admitted."""
        return Scope(everywhere=self.everywhere, residence_ids=frozenset(self.residence_ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What became of some rows: counts, and the problems of those that were refused."""

    number: int
    rows: int
    created: int
    unchanged: int
    problems: tuple[RowProblem, ...]
    notes: tuple[RowProblem, ...]
    """What to know about rows that were admitted."""
    residences_created: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of the operations table."""

    table: Table

    def put(self, taken: FileImport, audited: Write) -> None:
        """Writes a new import and announces it, with the entry that tells who sent it."""
        item = {
            **keys.lease_import(taken.import_id),
            **asdict(taken),
            "created_at": taken.created_at.isoformat(),
            "expires_at": _expiry(taken.created_at),
            "kind": taken.kind.value,
            "announce": _announcement(taken),
            "version": 1,
        }
        transact(self.table.client, [Put(table=self.table.name, item=item, condition=NOT_THERE), audited])

    def get(self, import_id: str) -> FileImport | None:
        """The import, or None."""
        item = self.table.get(keys.lease_import(import_id))
        return _import_of(item) if item else None

    def with_chunks(self, import_id: str) -> tuple[FileImport, list[Chunk]] | None:
        """The import and every chunk done so far, in order; or None. One query a megabyte."""
        taken, chunks = None, []
        for item in self.table.query_all(keys.lease_import(import_id)["pk"]):
            if item["sk"] == "IMPORT":
                taken = _import_of(item)
            else:
                chunks.append(_chunk_of(item))
        return (taken, chunks) if taken else None

    def is_done(self, import_id: str, number: int) -> bool:
        """Whether a chunk's outcome is written."""
        return self.table.get(keys.lease_import_chunk(import_id, number)) is not None

    def put_chunk(self, taken: FileImport, chunk: Chunk) -> None:
        """Writes a chunk's outcome. The first stays: a repeat of the message changes nothing."""
        item = {
            **keys.lease_import_chunk(taken.import_id, chunk.number),
            **asdict(chunk),
            "expires_at": _expiry(taken.created_at),
            "version": 1,
        }
        try:
            self.table.put(item, unless_exists=True)
        except ConditionFailed:
            return

    def fail(self, import_id: str, reason: str) -> None:
        """Marks an import that cannot be worked through; `reason` is a word of ours."""
        self.table.update(
            keys.lease_import(import_id),
            "SET failure = :reason",
            condition="attribute_exists(pk)",
            values={":reason": reason},
        )


def _announcement(taken: FileImport) -> dict[str, str]:
    if taken.kind is FileKind.AID:
        return announcement("aid_import.received", taken.created_at, import_id=taken.import_id)
    if taken.kind is FileKind.ACKNOWLEDGEMENT:
        return announcement("acknowledgement.received", taken.created_at, import_id=taken.import_id)
    return announcement("import.received", taken.created_at, import_id=taken.import_id, kind=taken.kind.value)


def _expiry(created_at: datetime) -> int:
    return int((created_at + KEPT).timestamp())


def _import_of(item: Item) -> FileImport:
    return FileImport(
        import_id=item["import_id"],
        kind=FileKind(item.get("kind", FileKind.LEASES)),
        sha256=item["sha256"],
        rows=item["rows"],
        chunks=item["chunks"],
        encoding=item["encoding"],
        ignored_headers=tuple(item["ignored_headers"]),
        imported_by=item["imported_by"],
        everywhere=item.get("everywhere", False),
        residence_ids=tuple(item.get("residence_ids", ())),
        creates_residences=item["creates_residences"],
        created_at=datetime.fromisoformat(item["created_at"]).astimezone(UTC),
        failure=item["failure"],
    )


def _chunk_of(item: Item) -> Chunk:
    return Chunk(
        number=item["number"],
        rows=item["rows"],
        created=item["created"],
        unchanged=item["unchanged"],
        problems=tuple(map(_problem_of, item["problems"])),
        notes=tuple(map(_problem_of, item["notes"])),
        residences_created=tuple(item["residences_created"]),
    )


def _problem_of(stored: dict[str, Any]) -> RowProblem:
    return RowProblem(
        line=stored["line"], column=stored["column"], fault=Fault(stored["fault"]), about=stored["about"]
    )
