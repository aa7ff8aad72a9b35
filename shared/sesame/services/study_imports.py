"""Import what universities and social services send: enrolments, where social files stand; once a row.

A row is known by what it says of its student: the same in another file changes nothing, so that an older file
that comes again does not take a newer word back.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.csv_files import ReadFile
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.social_file import MOST_PIECES, NotPossible, SocialFile, TooManyPieces, told
from sesame.domain.studies import Applied
from sesame.domain.study_files import (
    EnrolmentColumn,
    EnrolmentFile,
    EnrolmentRow,
    SocialFileColumn,
    SocialFileFile,
    SocialFileRow,
    StudentRow,
    read_enrolment_file,
    read_social_file_file,
)
from sesame.domain.tenancy import Lease, LeaseStatus
from sesame.platform.clock import Clock
from sesame.platform.ids import Random
from sesame.services.file_imports import FileImports, FileWorker, UnreadableFile
from sesame.services.retries import USUAL, Retries
from sesame.services.social_files import SocialFileChanges, new_enrolment
from sesame.services.staff import Role
from sesame.store import keys
from sesame.store.audit import Action, Audit, AuditEntry, by_staff
from sesame.store.imports import Chunk, FileImport, FileKind
from sesame.store.people import People, lease_of
from sesame.store.social_files import Enrolments
from sesame.store.staff import StaffDirectory
from sesame.store.table import same_table, transact

_IN_CHARGE = (Role.MANAGER, Role.ADMINISTRATOR)


class UnreadableEnrolmentFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-enrolment-file"
    title: ClassVar = {"fr": "Fichier d'inscriptions illisible", "en": "Unreadable file of enrolments"}


class UnreadableSocialFileFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-social-file-file"
    title: ClassVar = {
        "fr": "Fichier d'états de dossiers sociaux illisible",
        "en": "Unreadable file of social files' states",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentImports(FileImports[EnrolmentFile]):
    """Takes files of enrolments in."""

    kind = FileKind.ENROLMENTS
    action = Action.ENROLMENTS_IMPORTED
    unreadable = UnreadableEnrolmentFile
    in_charge = _IN_CHARGE

    def read(self, data: bytes) -> EnrolmentFile:
        """A file of enrolments. Raises FileUnreadable."""
        return read_enrolment_file(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialFileImports(FileImports[SocialFileFile]):
    """Takes files of social files' states in."""

    kind = FileKind.SOCIAL_FILES
    action = Action.SOCIAL_FILES_IMPORTED
    unreadable = UnreadableSocialFileFile
    in_charge = _IN_CHARGE

    def read(self, data: bytes) -> SocialFileFile:
        """A file of states. Raises FileUnreadable."""
        return read_social_file_file(data)


class _Done(Enum):
    """What became of a good row."""

    TAKEN = auto()
    KNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched[Row: StudentRow]:
    """A row and the lease through which its student is told."""

    row: Row
    lease: Lease


@dataclass(slots=True)
class _Outcome:
    """What became of a chunk so far."""

    created: int = 0
    unchanged: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    notes: list[RowProblem] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class StudyWorker[File: ReadFile[Any, Any], Row: StudentRow](FileWorker[File]):
    """Works through rows that name a student by INE or tenant reference."""

    people: People
    audit: Audit
    clock: Clock
    random: Random
    retries: Retries = USUAL
    action: ClassVar[Action]
    named_by: ClassVar[str] = EnrolmentColumn.INE

    @abstractmethod
    def apply(self, taken: FileImport, one: _Matched[Row]) -> _Done:
        """Does what a row says. Raises NotPossible, TooManyPieces."""

    def note(self, one: _Matched[Row]) -> Fault | None:
        """What to know of a row that was taken."""
        del one
        return None

    def outcome(self, taken: FileImport, file: File, number: int, lines: Sequence[int]) -> Chunk:
        """Six reads, then two calls a row that is new, one a row that is known."""
        first, last = lines[0], lines[-1]
        rows = [row for row in file.rows if first <= row.line <= last]
        done = _Outcome(problems=[one for one in file.problems if first <= one.line <= last])
        matched, refused = self._matched(taken, rows)
        for one in matched:
            try:
                came_to = self.apply(taken, one)
            except NotPossible:
                refused.append((one.row, Fault.STEP_NOT_POSSIBLE))
                continue
            except TooManyPieces:
                refused.append((one.row, Fault.BAD_PIECES))
                continue
            done.created += came_to is _Done.TAKEN
            done.unchanged += came_to is _Done.KNOWN
            if came_to is _Done.TAKEN and (fault := self.note(one)):
                done.notes.append(_problem(file, one.row, fault))
        done.problems += [_problem(file, row, fault) for row, fault in refused]
        return Chunk(
            number=number,
            rows=len(lines),
            created=done.created,
            unchanged=done.unchanged,
            problems=tuple(sorted(done.problems, key=lambda problem: problem.line)),
            notes=tuple(done.notes),
            residences_created=(),
        )

    def _matched(
        self, taken: FileImport, rows: Sequence[Row]
    ) -> tuple[list[_Matched[Row]], list[tuple[Row, Fault]]]:
        """The rows with the leases that they are told through, and those without one that the sender sees."""
        identity = self.people.table
        record = StaffDirectory(identity).get(taken.imported_by)
        by_ine = self.people.persons_by_ine(sorted({row.ine for row in rows if row.ine}))
        references = sorted({row.tenant_reference for row in rows if row.tenant_reference})
        lookups = same_table(identity, [keys.tenant_reference(one) for one in references])
        by_reference = {one: item for one, item in zip(references, lookups, strict=True) if item}
        persons = {person.person_id for person in by_ine.values()}
        persons |= {item["person_id"] for item in by_reference.values()}
        leases = self._leases(sorted(persons))
        matched: list[_Matched[Row]] = []
        refused: list[tuple[Row, Fault]] = []
        for row in rows:
            found = {
                person_id
                for person_id in (
                    by_ine[row.ine].person_id if row.ine in by_ine else None,
                    by_reference.get(row.tenant_reference or "", {}).get("person_id"),
                )
                if person_id
            }
            seen = [
                lease
                for person_id in found
                for lease in leases.get(person_id, ())
                if taken.scope.includes(lease.residence_id) and lease.status is not LeaseStatus.CANCELLED
            ]
            if not seen:
                refused.append((row, Fault.UNKNOWN_STUDENT))
            elif len(found) > 1:
                refused.append((row, Fault.TWO_STUDENTS))
            elif record is not None and record.person_id in found:
                refused.append((row, Fault.OWN_LEASE))
            else:
                matched.append(_Matched(row=row, lease=max(seen, key=lambda lease: lease.ends_on)))
        return matched, refused

    def _leases(self, person_ids: Sequence[str]) -> dict[str, list[Lease]]:
        """Person -> leases: a query a person, then one read for every hundred leases."""
        identity = self.people.table
        pointers = [
            pointer
            for person_id in person_ids
            for pointer in identity.query_all(keys.person(person_id)["pk"], "LEASE#")
        ]
        found: dict[str, list[Lease]] = {}
        for start in range(0, len(pointers), 100):
            some = pointers[start : start + 100]
            for item in same_table(identity, [keys.lease(one["lease_id"]) for one in some]):
                if item:
                    lease = lease_of(item)
                    found.setdefault(lease.person_id, []).append(lease)
        return found

    def entry(self, taken: FileImport, lease: Lease, at: datetime, **details: str) -> AuditEntry:
        """The entry that tells who sent a row."""
        return by_staff(
            self.action,
            at,
            staff_id=taken.imported_by,
            random=self.random,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            import_id=taken.import_id,
            **details,
        )


@dataclass(slots=True, kw_only=True)
class EnrolmentWorker(StudyWorker[EnrolmentFile, EnrolmentRow]):
    """Records each chunk's enrolments."""

    enrolments: Enrolments
    action = Action.ENROLMENT_SET

    def read(self, data: bytes) -> EnrolmentFile:
        """A file of enrolments."""
        return read_enrolment_file(data)

    def apply(self, taken: FileImport, one: _Matched[EnrolmentRow]) -> _Done:
        """A read, and a transaction where it is news."""
        row, lease = one.row, one.lease

        def attempt() -> _Done:
            now = self.clock()
            before = self.enrolments.get(lease.person_id, row.year, row.university) or new_enrolment(
                lease.person_id, row.year, row.university, row.status, now, taken.imported_by
            )
            known = _known(before.applied, row)
            if known is not None:
                return _Done.TAKEN if known.import_id == taken.import_id else _Done.KNOWN
            said = Applied(digest=row.digest(), import_id=taken.import_id)
            after = before.told(row.status, at=now, by=taken.imported_by, row=said)
            entry = self.entry(taken, lease, now, year=row.year, status=row.status)
            client = self.enrolments.table.client
            transact(client, [self.enrolments.saving(after), self.audit.recording(entry)])
            return _Done.TAKEN

        return self.retries.run(attempt)


@dataclass(slots=True, kw_only=True)
class SocialFileWorker(StudyWorker[SocialFileFile, SocialFileRow]):
    """Takes over where each chunk's social files stand."""

    changes: SocialFileChanges
    action = Action.SOCIAL_FILE_SET

    def read(self, data: bytes) -> SocialFileFile:
        """A file of states."""
        return read_social_file_file(data)

    def apply(self, taken: FileImport, one: _Matched[SocialFileRow]) -> _Done:
        """A read, and a transaction where it is news. Raises NotPossible."""
        row, lease = one.row, one.lease
        known: list[Applied] = []

        def make(file: SocialFile) -> SocialFile:
            found = _known(file.applied, row)
            known[:] = [found] if found else []
            if found is not None:
                return file
            said = Applied(digest=row.digest(), import_id=taken.import_id)
            return told(file, row.news, self.clock(), row=said)

        def entry(file: SocialFile) -> AuditEntry:
            return self.entry(taken, lease, self.clock(), year=row.year, state=file.state)

        self.changes.change(lease, row.year, make, entry)
        before = known and known[0].import_id != taken.import_id
        return _Done.KNOWN if before else _Done.TAKEN

    def note(self, one: _Matched[SocialFileRow]) -> Fault | None:
        """A last day that is over, on the earliest calendar of the operator's residences."""
        today = local_date(self.clock(), "Pacific/Tahiti")
        return Fault.DUE_DATE_PAST if any(piece.due_on < today for piece in one.row.news.wanted) else None


def _known(applied: Sequence[Applied], row: StudentRow) -> Applied | None:
    digest = row.digest()
    return next((one for one in applied if one.digest == digest), None)


def _problem(file: ReadFile[Any, Any], row: StudentRow, fault: Fault) -> RowProblem:
    column = _COLUMNS.get(fault)
    if column is None:
        column = EnrolmentColumn.INE if row.ine else EnrolmentColumn.TENANT_REFERENCE
    about = str(MOST_PIECES) if fault is Fault.BAD_PIECES else ""
    return RowProblem(line=row.line, column=file.columns.get(column, ""), fault=fault, about=about)


_COLUMNS: Mapping[Fault, str] = {
    Fault.STEP_NOT_POSSIBLE: SocialFileColumn.STATE,
    Fault.DUE_DATE_PAST: SocialFileColumn.DUE_ON,
    Fault.BAD_PIECES: SocialFileColumn.PIECES,
}
