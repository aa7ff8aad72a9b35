"""Import what universities and social services send: enrolments, where social files stand; once a row.

A row is known by what it says of its student, a file by its bytes: what the last file said changes nothing,
an older file that comes again takes no newer word back, and what a new file says again is news.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import Any, ClassVar

from sesame.domain.calendar import local_date
from sesame.domain.csv_files import ReadFile
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.scope import Scope
from sesame.domain.social_file import MOST_PIECES, NotPossible, SocialFile, TooManyPieces, holds, told
from sesame.domain.studies import Applied, Word, leases_of_year, word
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
from sesame.domain.tenancy import Lease
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
from sesame.store.worked_files import WorkedFiles

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


class NotTheirStudent(Exception):
    """What is told of the student that year is told through a lease that the sender does not see."""


class _Done(Enum):
    """What became of a good row."""

    TAKEN = auto()
    KNOWN = auto()
    OVERTAKEN = auto()
    """Known, and something else is on record since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched[Row: StudentRow]:
    """A row, the lease through which its student is told, and whether its file is new to them."""

    row: Row
    lease: Lease
    file_is_new: bool

    def said(self, taken: FileImport) -> Applied:
        """The row as it is remembered."""
        return Applied(digest=self.row.digest(), import_id=taken.import_id, sent_at=taken.created_at)


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
        """Does what a row says. Raises NotPossible, TooManyPieces, NotTheirStudent."""

    def note(self, one: _Matched[Row]) -> Fault | None:
        """What to know of a row that was taken."""
        del one
        return None

    def outcome(self, taken: FileImport, file: File, number: int, lines: Sequence[int]) -> Chunk:
        """Seven reads and a write, besides two calls a row that is new, one a row that is known."""
        first, last = lines[0], lines[-1]
        rows = [row for row in file.rows if first <= row.line <= last]
        done = _Outcome(problems=[one for one in file.problems if first <= one.line <= last])
        worked = WorkedFiles(self.imports.table)
        matched, refused = self._matched(taken, rows, worked.earlier(taken, number))
        for one in matched:
            try:
                came_to = self.apply(taken, one)
            except NotTheirStudent:
                refused.append((one.row, Fault.UNKNOWN_STUDENT))
                continue
            except NotPossible:
                refused.append((one.row, Fault.STEP_NOT_POSSIBLE))
                continue
            except TooManyPieces:
                refused.append((one.row, Fault.BAD_PIECES))
                continue
            done.created += came_to is _Done.TAKEN
            done.unchanged += came_to is not _Done.TAKEN
            fault = self.note(one) if came_to is _Done.TAKEN else None
            if came_to is _Done.OVERTAKEN:
                fault = Fault.OVERTAKEN
            if fault is not None:
                done.notes.append(_problem(file, one.row, fault))
        done.problems += [_problem(file, row, fault) for row, fault in refused]
        worked.note(taken, number, self.clock())
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
        self, taken: FileImport, rows: Sequence[Row], earlier: Sequence[Scope]
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
                if taken.scope.includes(lease.residence_id)
                and lease in leases_of_year(leases[person_id], row.year)
            ]
            if not seen:
                refused.append((row, Fault.UNKNOWN_STUDENT))
            elif len(found) > 1:
                refused.append((row, Fault.TWO_STUDENTS))
            elif record is not None and record.person_id in found:
                refused.append((row, Fault.OWN_LEASE))
            else:
                lease = max(seen, key=lambda lease: lease.ends_on)
                is_new = not any(scope.includes(lease.residence_id) for scope in earlier)
                matched.append(_Matched(row=row, lease=lease, file_is_new=is_new))
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
            said = one.said(taken)
            means = word(before.applied, said, file_is_new=one.file_is_new)
            if means is not Word.NEWS:
                return _done(means, holds=before.status is row.status)
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
        """A read, and a transaction where it is news. Raises NotPossible, TooManyPieces, NotTheirStudent."""
        row, lease = one.row, one.lease
        came_to = _Done.TAKEN

        def make(file: SocialFile) -> SocialFile:
            nonlocal came_to
            said = one.said(taken)
            means = word(file.applied, said, file_is_new=one.file_is_new)
            if means is not Word.NEWS:
                came_to = _done(means, holds=holds(file, row.news, self.clock()))
                return file
            came_to = _Done.TAKEN
            return told(file, row.news, self.clock(), row=said)

        def entry(file: SocialFile) -> AuditEntry:
            through = replace(lease, lease_id=file.lease_id, residence_id=file.residence_id)
            return self.entry(taken, through, self.clock(), year=row.year, state=file.state)

        def may(through: Lease) -> None:
            if not taken.scope.includes(through.residence_id):
                raise NotTheirStudent

        self.changes.change(lease, row.year, make, entry, may=may)
        return came_to

    def note(self, one: _Matched[SocialFileRow]) -> Fault | None:
        """A last day that is over, on the earliest calendar of the operator's residences."""
        today = local_date(self.clock(), "Pacific/Tahiti")
        return Fault.DUE_DATE_PAST if any(piece.due_on < today for piece in one.row.news.wanted) else None


def _done(means: Word, *, holds: bool) -> _Done:
    """What became of a row that was not taken now; `holds`: whether what is on record says the same."""
    if means is Word.REPEATED:
        return _Done.TAKEN
    return _Done.KNOWN if holds else _Done.OVERTAKEN


def _problem(file: ReadFile[Any, Any], row: StudentRow, fault: Fault) -> RowProblem:
    column = _COLUMNS.get(fault)
    if column is None:
        column = EnrolmentColumn.INE if row.ine else EnrolmentColumn.TENANT_REFERENCE
    about = str(MOST_PIECES) if fault is Fault.BAD_PIECES else ""
    return RowProblem(line=row.line, column=file.columns.get(column, ""), fault=fault, about=about)


_COLUMNS: Mapping[Fault, str] = {
    Fault.STEP_NOT_POSSIBLE: SocialFileColumn.STATE,
    Fault.DUE_DATE_PAST: SocialFileColumn.DUE_ON,
    Fault.OVERTAKEN: "",
    Fault.BAD_PIECES: SocialFileColumn.PIECES,
}
