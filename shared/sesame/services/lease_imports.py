"""Import a file of leases: each good row is admitted, each bad one reported."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.lease_files import Column, LeaseFile, LeaseRow, read_lease_file
from sesame.services.admissions import Admissions, Created, OnRecord, Origin, Outcome, Rejected, Unchanged
from sesame.services.file_imports import FileImports, FileWorker, UnreadableFile
from sesame.services.staff import Role, Staff
from sesame.store.audit import Action
from sesame.store.imports import Chunk, FileImport, FileKind

IMPORTERS = (Role.DESK, Role.MANAGER, Role.ADMINISTRATOR)
RESIDENCE_CREATORS = (Role.MANAGER, Role.ADMINISTRATOR)


class UnreadableLeaseFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-lease-file"
    title: ClassVar = {"fr": "Fichier de baux illisible", "en": "Unreadable lease file"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseImports(FileImports[LeaseFile]):
    """Takes files of leases in."""

    kind = FileKind.LEASES
    action = Action.LEASES_IMPORTED
    unreadable = UnreadableLeaseFile
    in_charge = RESIDENCE_CREATORS

    def read(self, data: bytes) -> LeaseFile:
        """A file of leases. Raises FileUnreadable."""
        return read_lease_file(data)

    def creates_residences(self, staff: Staff) -> bool:
        """Managers and administrators."""
        return staff.has(*RESIDENCE_CREATORS)


@dataclass(slots=True, kw_only=True)
class ImportWorker(FileWorker[LeaseFile]):
    """Admits each chunk's rows."""

    admissions: Admissions

    def read(self, data: bytes) -> LeaseFile:
        """A file of leases."""
        return read_lease_file(data)

    def outcome(self, taken: FileImport, file: LeaseFile, number: int, lines: Sequence[int]) -> Chunk:
        first, last = lines[0], lines[-1]
        rows = [row for row in file.rows if first <= row.line <= last]
        origin = Origin(
            staff_id=taken.imported_by,
            scope=taken.scope,
            import_id=taken.import_id,
            creates_residences=taken.creates_residences,
        )
        known = self.admissions.on_record(rows)
        outcomes = [(row, self._admit_row(row, origin, known)) for row in rows]
        problems = [problem for problem in file.problems if first <= problem.line <= last]
        problems += _refusals(outcomes, file)
        return Chunk(
            number=number,
            rows=len(lines),
            created=sum(isinstance(outcome, Created) for _, outcome in outcomes),
            unchanged=sum(isinstance(outcome, Unchanged) for _, outcome in outcomes),
            problems=tuple(sorted(problems, key=lambda problem: problem.line)),
            notes=tuple(_notes(outcomes, file)),
            residences_created=tuple(
                sorted(
                    outcome.residence_created
                    for _, outcome in outcomes
                    if isinstance(outcome, Created) and outcome.residence_created
                )
            ),
        )

    def _admit_row(self, row: LeaseRow, origin: Origin, known: OnRecord) -> Outcome:
        outcome = self.admissions.admit(row, origin, known)
        if isinstance(outcome, Created) and outcome.residence_created:
            # The chunk's other rows of that residence need not find it out by a collision each.
            known.residences.update(self.admissions.people.residences_by_id([row.residence_id]))
        return outcome


def _refusals(outcomes: Iterable[tuple[LeaseRow, Outcome]], file: LeaseFile) -> list[RowProblem]:
    return [
        RowProblem(line=row.line, column=file.columns[outcome.column], fault=outcome.fault)
        for row, outcome in outcomes
        if isinstance(outcome, Rejected)
    ]


def _notes(outcomes: Iterable[tuple[LeaseRow, Outcome]], file: LeaseFile) -> list[RowProblem]:
    return [
        RowProblem(line=row.line, column=file.columns[Column(column)], fault=Fault.CONTACT_KEPT)
        for row, outcome in outcomes
        if isinstance(outcome, Created)
        for column in outcome.contacts_kept
    ]
