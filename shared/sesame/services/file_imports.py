"""Import a file of rows: taken in at once, worked through in chunks by a queue, reported row by row.

The report is computed from what each chunk wrote, once; a message delivered twice changes neither what the
rows are about nor the report. What a row does is for each kind of file to say.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import batched
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from sesame.domain.csv_files import ReadFile, write_csv
from sesame.domain.file_faults import Fault, FileUnreadable, RowProblem
from sesame.domain.tenancy import Language
from sesame.platform.clock import Clock
from sesame.platform.errors import NotFound, Problem, TooLarge
from sesame.platform.events import Event, announcement
from sesame.platform.ids import Random, derived_id, new_id
from sesame.services.deeds import Deeds
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action, Audit
from sesame.store.imports import Chunk, FileImport, FileKind, Imports

CHUNK_ROWS = 100
MAX_REPORTED = 5_000
"""Problems, or rows of the CSV, in one answer: a function's answer is limited to 6 MB."""

MAX_IGNORED = 50
"""Unknown columns that a report names: a file of nothing else must not outgrow its item."""

FILES_KEPT = timedelta(days=30)
"""The bucket's lifecycle removes files of rows after as long."""

CHUNK_DUE = "import.chunk"


class UnreadableFile(Problem):
    """No row of the file can be trusted; nothing was taken."""

    status = 422
    slug = "unreadable-file"
    title: ClassVar = {"fr": "Fichier illisible", "en": "Unreadable file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far an import has come, and what became of its rows."""

    taken: FileImport
    chunks: Sequence[Chunk]

    @property
    def status(self) -> str:
        """`queued`, `running`, `done` or `failed`."""
        if self.taken.failure:
            return "failed"
        if len(self.chunks) == self.taken.chunks:
            return "done"
        return "running" if self.chunks else "queued"

    @property
    def rows_done(self) -> int:
        """Rows whose outcome is known."""
        return sum(chunk.rows for chunk in self.chunks)

    @property
    def created(self) -> int:
        """Leases admitted by this import."""
        return sum(chunk.created for chunk in self.chunks)

    @property
    def unchanged(self) -> int:
        """Rows admitted before, by another import."""
        return sum(chunk.unchanged for chunk in self.chunks)

    @property
    def rejected(self) -> int:
        """Rows refused; each may have several problems."""
        return self.rows_done - self.created - self.unchanged

    @property
    def problems(self) -> list[RowProblem]:
        """Why rows were refused, in the file's order."""
        return [problem for chunk in self.chunks for problem in chunk.problems]

    @property
    def notes(self) -> list[RowProblem]:
        """What to know about rows that were taken."""
        return [note for chunk in self.chunks for note in chunk.notes]

    @property
    def residences_created(self) -> list[str]:
        """Identifiers of the residences that this file brought in; their settings want confirming."""
        return sorted({residence for chunk in self.chunks for residence in chunk.residences_created})


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The files themselves, private in the bucket; a name says nothing."""

    s3: Any
    bucket: str

    def put(self, import_id: str, data: bytes) -> None:
        """Stores a file."""
        self.s3.put_object(Bucket=self.bucket, Key=_key(import_id), Body=data)

    def get(self, import_id: str) -> bytes | None:
        """A file's bytes, None once it is gone."""
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=_key(import_id))["Body"]
        except ClientError as error:
            # S3 says AccessDenied for what is not there to who may not list the bucket.
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "AccessDenied"}:
                return None
            raise
        data: bytes = body.read()
        return data


def _key(import_id: str) -> str:
    return f"imports/{import_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileImports[File: ReadFile[Any, Any]]:
    """The desk's side: take a file in, tell what became of it."""

    imports: Imports
    files: StoredFiles
    audit: Audit
    deeds: Deeds
    clock: Clock
    random: Random
    kind: ClassVar[FileKind]
    action: ClassVar[Action]
    unreadable: ClassVar[type[Problem]]
    in_charge: ClassVar[Collection[Role]]
    """Who may read the report of another's file, if they see every residence."""

    def read(self, data: bytes) -> File:
        """The file. Raises FileUnreadable."""
        raise NotImplementedError

    def creates_residences(self, staff: Staff) -> bool:
        """Whether a row of theirs may bring a residence in."""
        del staff
        return False

    def take(self, data: bytes, staff: Staff, network: str) -> FileImport:
        """Takes a file in from a network and announces it. Raises its `unreadable`, or TooLarge."""
        try:
            file = self.read(data)
        except FileUnreadable as error:
            raise self._refusal(error) from error
        taken = FileImport(
            import_id=new_id(self.random),
            kind=self.kind,
            sha256=hashlib.sha256(data).hexdigest(),
            rows=len(file.lines),
            chunks=-(-len(file.lines) // CHUNK_ROWS),
            encoding=file.encoding.value,
            ignored_headers=file.ignored_headers[:MAX_IGNORED],
            imported_by=staff.staff_id,
            everywhere=staff.scope.everywhere,
            residence_ids=tuple(sorted(staff.scope.residence_ids)),
            creates_residences=self.creates_residences(staff),
            created_at=self.clock(),
        )
        entry = self.deeds.entry(self.action, staff, network, import_id=taken.import_id, rows=taken.rows)
        self.files.put(taken.import_id, data)
        self.imports.put(taken, self.audit.recording(entry))
        return taken

    def report(self, import_id: str, staff: Staff) -> Report:
        """What became of an import so far, for who sent it and who sees every residence. Raises NotFound."""
        found = self.imports.with_chunks(import_id)
        if found is None or found[0].kind is not self.kind:
            raise NotFound
        return self.told(*found, staff)

    def told(self, taken: FileImport, chunks: Sequence[Chunk], staff: Staff) -> Report:
        """What became of an import of this kind, of which these chunks are done. Raises NotFound."""
        in_charge = staff.scope.everywhere and staff.has(*self.in_charge)
        if taken.imported_by != staff.staff_id and not in_charge:
            raise NotFound
        return Report(taken=taken, chunks=chunks)

    def rejected_csv(self, report: Report, language: Language) -> str:
        """The refused rows as they were written, with line, reasons and remedies before them.

        Every cell is neutralised against formulas, and the file can be mended and sent again: the added
        columns are ignored.
        """
        by_line: dict[int, list[RowProblem]] = {}
        for problem in report.problems:
            by_line.setdefault(problem.line, []).append(problem)
        still_there = self.clock() - report.taken.created_at < FILES_KEPT
        data = self.files.get(report.taken.import_id) if still_there else None
        file = self.read(data) if data is not None else None
        titles = _CSV_TITLES[language]
        rows = [[*titles, *(file.headers if file else ())]]
        for line, problems in list(by_line.items())[:MAX_REPORTED]:
            reasons = " | ".join(_in_column(p.column, p.reason(language)) for p in problems)
            remedies = " | ".join(dict.fromkeys(p.remedy(language) for p in problems))
            rows.append([str(line), reasons, remedies, *(file.cells[line] if file else ())])
        return write_csv(rows, file.separator if file else ";")

    def _refusal(self, error: FileUnreadable) -> Problem:
        kind = TooLarge if error.fault is Fault.TOO_LARGE else self.unreadable
        french, english = Language.FRENCH, Language.ENGLISH
        return kind(
            detail_fr=f"{error.reason(french)} {error.remedy(french)}",
            detail_en=f"{error.reason(english)} {error.remedy(english)}",
        )


_CSV_TITLES = {
    Language.FRENCH: ("Ligne", "Motifs", "Remèdes"),
    Language.ENGLISH: ("Line", "Reasons", "Remedies"),
}


def _in_column(column: str, reason: str) -> str:
    return f"{column}: {reason}" if column else reason


@dataclass(slots=True, kw_only=True)
class FileWorker[File: ReadFile[Any, Any]]:
    """The queue's side: split an import into chunks, and work through each chunk's rows."""

    imports: Imports
    files: StoredFiles
    sqs: Any
    queue_url: str
    _last: tuple[str, File] | None = field(default=None, init=False)
    """The file read last: chunks of one import come to a warm function one after another."""

    def read(self, data: bytes) -> File:
        """The file, which was read once before."""
        raise NotImplementedError

    def outcome(self, taken: FileImport, file: File, number: int, lines: Sequence[int]) -> Chunk:
        """Does what these rows say, and tells what became of each. Made again, it comes to the same."""
        raise NotImplementedError

    def consume(self, event: Event) -> None:
        """Does what a message asks. A repeat does nothing new."""
        taken = self.imports.get(event["import_id"])
        if taken is None or taken.failure:
            return
        if event.type == CHUNK_DUE:
            self._work(taken, int(event["chunk"]))
        else:
            self._split(taken)

    def _split(self, taken: FileImport) -> None:
        for numbers in batched(range(1, taken.chunks + 1), 10, strict=False):
            entries = [
                {"Id": str(number), "MessageBody": _chunk_message(taken, number)} for number in numbers
            ]
            answer = self.sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries)
            if answer.get("Failed"):
                raise ChunksNotQueued  # the message comes back, and chunks already queued do nothing twice

    def _work(self, taken: FileImport, number: int) -> None:
        if self.imports.is_done(taken.import_id, number):
            return
        file = self._file(taken)
        if file is None:
            self.imports.fail(taken.import_id, "file-gone")
            return
        lines = file.lines[(number - 1) * CHUNK_ROWS : number * CHUNK_ROWS]
        self.imports.put_chunk(taken, self.outcome(taken, file, number, lines))

    def _file(self, taken: FileImport) -> File | None:
        if self._last is None or self._last[0] != taken.import_id:
            data = self.files.get(taken.import_id)
            if data is None or hashlib.sha256(data).hexdigest() != taken.sha256:
                return None
            self._last = (taken.import_id, self.read(data))
        return self._last[1]


class ChunksNotQueued(Exception):
    """The queue did not take every chunk."""


def _chunk_message(taken: FileImport, number: int) -> str:
    message = announcement(
        CHUNK_DUE,
        taken.created_at,
        id=derived_id(CHUNK_DUE, taken.import_id, str(number)),
        import_id=taken.import_id,
        kind=taken.kind.value,
        chunk=str(number),
    )
    return json.dumps(message)
