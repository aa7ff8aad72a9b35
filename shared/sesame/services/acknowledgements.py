"""Take in what a recipient answered to a file: each row accepted or rejected, and what does not match."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.transmission_files import (
    AckColumn,
    Acknowledgement,
    AcknowledgementFile,
    read_acknowledgements,
)
from sesame.platform.clock import Clock
from sesame.services.file_imports import FileImports, FileWorker, UnreadableFile
from sesame.services.staff import Role
from sesame.store.audit import Action
from sesame.store.imports import Chunk, FileImport, FileKind
from sesame.store.transmissions import SentFile, Transmissions


class UnreadableAcknowledgement(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-acknowledgement"
    title: ClassVar = {"fr": "Accusé de réception illisible", "en": "Unreadable acknowledgement"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgementImports(FileImports[AcknowledgementFile]):
    """Takes acknowledgements in."""

    kind = FileKind.ACKNOWLEDGEMENT
    action = Action.ACKNOWLEDGEMENT_IMPORTED
    unreadable = UnreadableAcknowledgement
    in_charge = (Role.ACCOUNTANT, Role.ADMINISTRATOR)

    def read(self, data: bytes) -> AcknowledgementFile:
        """An acknowledgement. Raises FileUnreadable."""
        return read_acknowledgements(data)


@dataclass(slots=True, kw_only=True)
class AcknowledgementWorker(FileWorker[AcknowledgementFile]):
    """Notes on each row what the recipient said of it. `created` counts the rows that were found."""

    transmissions: Transmissions
    clock: Clock

    def read(self, data: bytes) -> AcknowledgementFile:
        """An acknowledgement."""
        return read_acknowledgements(data)

    def outcome(
        self, taken: FileImport, file: AcknowledgementFile, number: int, lines: Sequence[int]
    ) -> Chunk:
        """A read of the files named, and a write a row."""
        first, last = lines[0], lines[-1]
        rows = [row for row in file.rows if first <= row.line <= last]
        problems = [problem for problem in file.problems if first <= problem.line <= last]
        known = self.transmissions.files(list(dict.fromkeys(row.file for row in rows)))
        seen = {one: of for one, of in known.items() if taken.scope.includes(of.series.residence_id)}
        found = 0
        for row in rows:
            fault = self._note(row, seen.get(row.file))
            if fault is None:
                found += 1
            else:
                problems.append(_problem(file, row, fault))
        for of in {row.file for row in rows} & set(seen):
            self.transmissions.mark_acknowledged(seen[of], self.clock())
        return Chunk(
            number=number,
            rows=len(lines),
            created=found,
            unchanged=0,
            problems=tuple(sorted(problems, key=lambda problem: problem.line)),
            notes=(),
            residences_created=(),
        )

    def _note(self, row: Acknowledgement, file: SentFile | None) -> Fault | None:
        if file is None:
            return Fault.UNKNOWN_TRANSMISSION
        noted = self.transmissions.acknowledge(file, row.reference, row.state, row.reason, self.clock())
        return None if noted else Fault.NOT_SENT


def _problem(file: AcknowledgementFile, row: Acknowledgement, fault: Fault) -> RowProblem:
    column = AckColumn.FILE if fault is Fault.UNKNOWN_TRANSMISSION else AckColumn.REFERENCE
    return RowProblem(line=row.line, column=file.columns[column], fault=fault, about="")
