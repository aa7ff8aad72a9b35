"""Import what residence software says became of leases: amendments and departures, each row decided once.

A row is decided as staff would decide it at the desk, by the same state table, with all that it does to
notices and papers. It is known by its lease and what it says: the same in another file changes nothing, so
that an older file that comes again does not take a newer decision back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar

from sesame.domain.csv_files import ReadFile
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.lease_change_files import (
    AmendmentColumn,
    AmendmentFile,
    DepartureColumn,
    DepartureFile,
    LeaseChangeRow,
    read_amendment_file,
    read_departure_file,
)
from sesame.domain.lease_life import LifeRefused, is_so
from sesame.domain.tenancy import Lease, Residence
from sesame.platform.clock import Clock
from sesame.platform.ids import Random, derived_id
from sesame.services.file_imports import FileImports, FileWorker, UnreadableFile
from sesame.services.lease_life import DECIDERS, LeaseLife, digest_of
from sesame.services.lease_terms import TooManyCorrections
from sesame.store import keys
from sesame.store.audit import Action, ActorKind, AuditEntry, by_staff
from sesame.store.imports import Chunk, FileImport, FileKind
from sesame.store.lease_changes import LeaseChange
from sesame.store.people import lease_of
from sesame.store.staff import StaffDirectory
from sesame.store.table import Key, Table, same_table

IMPORTERS_OF_CHANGES = DECIDERS
"""Who may change a lease may send a file of changes."""


class UnreadableAmendmentFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-amendment-file"
    title: ClassVar = {"fr": "Fichier d'avenants illisible", "en": "Unreadable file of amendments"}


class UnreadableDepartureFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-departure-file"
    title: ClassVar = {"fr": "Fichier de départs illisible", "en": "Unreadable file of departures"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendmentImports(FileImports[AmendmentFile]):
    """Takes files of amendments in."""

    kind = FileKind.AMENDMENTS
    action = Action.AMENDMENTS_IMPORTED
    unreadable = UnreadableAmendmentFile
    in_charge = DECIDERS

    def read(self, data: bytes) -> AmendmentFile:
        """A file of amendments. Raises FileUnreadable."""
        return read_amendment_file(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartureImports(FileImports[DepartureFile]):
    """Takes files of departures in."""

    kind = FileKind.DEPARTURES
    action = Action.DEPARTURES_IMPORTED
    unreadable = UnreadableDepartureFile
    in_charge = DECIDERS

    def read(self, data: bytes) -> DepartureFile:
        """A file of departures. Raises FileUnreadable."""
        return read_departure_file(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByFile:
    """The member of staff who sent a file, as the one who decides what its rows say."""

    taken: FileImport
    clock: Clock
    random: Random
    kind: ActorKind = ActorKind.STAFF

    @property
    def id(self) -> str:
        """Theirs."""
        return self.taken.imported_by

    def entry(self, lease: Lease, action: Action, **details: str | int) -> AuditEntry:
        """The audit's entry, with the file."""
        return by_staff(
            action,
            self.clock(),
            staff_id=self.id,
            random=self.random,
            lease_id=lease.lease_id,
            residence_id=lease.residence_id,
            source="",
            import_id=self.taken.import_id,
            **details,
        )


class _Done(Enum):
    """What became of a good row."""

    TAKEN = auto()
    KNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched:
    """A row and its lease, as it was before any row of the chunk."""

    row: LeaseChangeRow
    lease: Lease
    residence: Residence

    @property
    def change_id(self) -> str:
        """Derived from the lease and what is said of it: the same row of another file is the same."""
        return derived_id("lease-change-row", self.lease.lease_id, digest_of(self.row.change))


@dataclass(slots=True)
class _Outcome:
    """What became of a chunk so far: of rows with a fault, what completes its words."""

    created: int = 0
    unchanged: int = 0
    refused: list[tuple[LeaseChangeRow, Fault, str]] = field(default_factory=list)
    notes: list[tuple[LeaseChangeRow, Fault, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class LeaseChangeWorker[File: ReadFile[Any, LeaseChangeRow]](FileWorker[File]):
    """Decides what each chunk's rows say. `reader` reads its kind of file."""

    life: LeaseLife
    random: Random
    reader: Callable[[bytes], File]

    def read(self, data: bytes) -> File:
        """The file, which was read once before."""
        return self.reader(data)

    def outcome(self, taken: FileImport, file: File, number: int, lines: Sequence[int]) -> Chunk:
        """Some reads by the hundred rows, then six a row that is new, and its transaction."""
        rows = _of_chunk(file, set(lines))
        bad = [problem for problem in file.problems if problem.line in set(lines)]
        done = _Outcome()
        for one in self._matched(taken, rows, done):
            self._try(taken, one, done)
        problems = [*bad, *(_problem(file, *one) for one in done.refused)]
        return Chunk(
            number=number,
            rows=len(rows) + len({problem.line for problem in bad}),
            created=done.created,
            unchanged=done.unchanged,
            problems=tuple(sorted(problems, key=lambda problem: problem.line)),
            notes=tuple(_problem(file, *one) for one in done.notes),
            residences_created=(),
        )

    def _try(self, taken: FileImport, one: _Matched, done: _Outcome) -> None:
        try:
            came_to = self._decide(taken, one)
        except LifeRefused as refused:
            done.refused.append((one.row, refused.fault, refused.about))
        except TooManyCorrections:
            done.refused.append((one.row, Fault.TOO_MANY_MONTHS, ""))
        else:
            known, held = came_to
            done.created += known is _Done.TAKEN
            done.unchanged += known is _Done.KNOWN
            if not held:
                done.notes.append((one.row, Fault.CHANGED_SINCE, ""))

    def _decide(self, taken: FileImport, one: _Matched) -> tuple[_Done, bool]:
        """What became of a row, and whether the lease is as it says. Raises LifeRefused, TooManyCorrections.

        A row that another file brought, or staff decided by hand, changes nothing; one of this file that was
        begun before gives the same report again.
        """
        lease_id, change = one.lease.lease_id, one.row.change
        known: LeaseChange | None = self.life.changes.get(lease_id, one.change_id)
        if known is not None and known.import_id == taken.import_id:
            return _Done.TAKEN, True
        lease = self.life.terms.people.lease(lease_id) or one.lease
        if known is not None or is_so(lease, change):
            return _Done.KNOWN, is_so(lease, change)
        try:
            self.life.decide(
                lease_id,
                one.residence,
                change,
                ByFile(taken=taken, clock=self.life.terms.books.clock, random=self.random),
                change_id=one.change_id,
                import_id=taken.import_id,
            )
        except LifeRefused as refused:
            if refused.fault is Fault.NOTHING_CHANGES:
                return _Done.KNOWN, True
            raise
        return _Done.TAKEN, True

    def _matched(self, taken: FileImport, rows: Sequence[LeaseChangeRow], done: _Outcome) -> list[_Matched]:
        """The rows with their leases; those without one that the sender may change are refused."""
        identity = self.life.terms.people.table
        record = StaffDirectory(identity).get(taken.imported_by)
        by_lease = _looked_up(identity, {row.lease_reference for row in rows}, keys.lease_reference)
        by_tenant = _looked_up(identity, {row.tenant_reference for row in rows}, keys.tenant_reference)
        leases = self._leases(sorted({*by_lease.values(), *by_tenant.values()}))
        within = {one.residence_id for one in leases.values() if taken.scope.includes(one.residence_id)}
        residences = self.life.terms.people.residences_by_id(sorted(within))
        matched: list[_Matched] = []
        for row in rows:
            asked = ((row.lease_reference, by_lease), (row.tenant_reference, by_tenant))
            named = {known.get(said) for said, known in asked if said}
            seen = [lease for one in named if one and (lease := leases[one]).residence_id in residences]
            if len(seen) < len(named):
                done.refused.append((row, Fault.UNKNOWN_LEASE, ""))
            elif len(seen) > 1:
                done.refused.append((row, Fault.TWO_LEASES, ""))
            elif record is not None and record.person_id == seen[0].person_id:
                done.refused.append((row, Fault.OWN_LEASE, ""))
            else:
                [lease] = seen
                matched.append(_Matched(row=row, lease=lease, residence=residences[lease.residence_id]))
        return matched

    def _leases(self, lease_ids: Sequence[str]) -> dict[str, Lease]:
        found = same_table(self.life.terms.people.table, [keys.lease(one) for one in lease_ids])
        return {item["lease_id"]: lease_of(item) for item in found if item}


def _of_chunk(file: ReadFile[Any, LeaseChangeRow], lines: set[int]) -> list[LeaseChangeRow]:
    """The rows that a chunk is to decide: all of each lease whose first row is in it, in the order of their
    days, since chunks are worked through at once and in any order."""
    first: dict[tuple[str | None, str | None], int] = {}
    for row in file.rows:
        first.setdefault(row.lease, row.line)
    rows = [row for row in file.rows if first[row.lease] in lines]
    return sorted(rows, key=lambda row: (first[row.lease], row.on, row.line))


def _looked_up(identity: Table, references: set[str | None], key: Callable[[str], Key]) -> dict[str, str]:
    """Reference -> lease id, of those that are known."""
    asked = sorted(one for one in references if one)
    found = same_table(identity, [key(one) for one in asked])
    return {one: item["lease_id"] for one, item in zip(asked, found, strict=True) if item}


def _problem(
    file: ReadFile[Any, LeaseChangeRow], row: LeaseChangeRow, fault: Fault, about: str
) -> RowProblem:
    named = AmendmentColumn.LEASE if row.lease_reference else AmendmentColumn.TENANT
    columns = (*_COLUMNS.get(fault, ()), named)
    names = {str(column): name for column, name in file.columns.items()}
    column = next((names[str(one)] for one in columns if str(one) in names), "")
    return RowProblem(line=row.line, column=column, fault=fault, about=about)


_DAYS = (AmendmentColumn.STARTS_ON, AmendmentColumn.ENDS_ON, DepartureColumn.LEAVES_ON)
_COLUMNS: Mapping[Fault, tuple[str, ...]] = {
    Fault.SAME_ROOM: (AmendmentColumn.ROOM,),
    Fault.OUTSIDE_THE_STAY: (AmendmentColumn.STARTS_ON,),
    Fault.NOT_A_ROOM_CHANGE_DAY: (AmendmentColumn.STARTS_ON,),
    Fault.TOO_MANY_MONTHS: _DAYS,
    Fault.ENDS_BEFORE_START: (DepartureColumn.LEAVES_ON, AmendmentColumn.ENDS_ON),
    Fault.END_NOT_LATER: (AmendmentColumn.ENDS_ON,),
    Fault.END_TOO_FAR: (AmendmentColumn.ENDS_ON,),
    Fault.LEAVES_AFTER_END: (DepartureColumn.LEAVES_ON, AmendmentColumn.ENDS_ON),
    Fault.NOTICE_TOO_SHORT: (DepartureColumn.LEAVES_ON,),
    Fault.NOTICE_IN_FUTURE: (DepartureColumn.GIVEN_ON,),
}
"""Which column of the file a refusal is about, the first of these that it has; else the lease's reference."""
