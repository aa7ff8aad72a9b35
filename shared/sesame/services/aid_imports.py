"""Housing aid paid by the CAF: a monthly file, matched by tenant reference and posted as credits, once a row.

What differs from what is on record is told row by row; money is posted as it really came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sesame.domain.aid_files import AidColumn, AidFile, AidRow, read_aid_file
from sesame.domain.calendar import local_date, period_of
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.takings import Method, Taking, date_fault
from sesame.domain.tenancy import Lease, LeaseStatus, Residence
from sesame.platform.clock import Clock
from sesame.platform.ids import Random, derived_id
from sesame.services.accounts import Bookkeeping
from sesame.services.deeds import Deeds
from sesame.services.desk_leases import DeskLeases
from sesame.services.file_imports import FileImports, FileWorker, UnreadableFile
from sesame.services.retries import USUAL, Retries
from sesame.services.staff import Role, Staff, require
from sesame.store import keys
from sesame.store.accounts import Account
from sesame.store.aid import ExpectedAid, LeaseAid, LeaseAids
from sesame.store.audit import Action, Audit, by_staff
from sesame.store.imports import Chunk, FileImport, FileKind
from sesame.store.people import lease_of, residence_of
from sesame.store.staff import StaffDirectory
from sesame.store.table import ConditionFailed, Table, same_table, transact
from sesame.store.takings import Takings, taking_of

AID_IMPORTERS = (Role.MANAGER, Role.ACCOUNTANT, Role.ADMINISTRATOR)


class UnreadableAidFile(UnreadableFile):
    """No row of the file can be trusted; nothing was taken."""

    slug = "unreadable-aid-file"
    title: ClassVar = {"fr": "Fichier d'aides illisible", "en": "Unreadable file of aid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AidImports(FileImports[AidFile]):
    """Takes files of aid in."""

    kind = FileKind.AID
    action = Action.AID_IMPORTED
    unreadable = UnreadableAidFile
    in_charge = (Role.ACCOUNTANT, Role.ADMINISTRATOR)

    def read(self, data: bytes) -> AidFile:
        """A file of aid. Raises FileUnreadable."""
        return read_aid_file(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedAids:
    """What each tenant's aid should be, as staff know it from the CAF."""

    aids: LeaseAids
    leases: DeskLeases
    audit: Audit
    deeds: Deeds
    clock: Clock

    def set(self, staff: Staff, lease_id: str, expected: ExpectedAid, *, network: str) -> ExpectedAid:
        """Sets it. Raises Forbidden, NotFound."""
        require(staff, *AID_IMPORTERS)
        tenancy = self.leases.acted_on(staff, lease_id)
        entry = self.deeds.entry(
            Action.EXPECTED_AID_SET,
            staff,
            network,
            lease_id=lease_id,
            residence_id=tenancy.lease.residence_id,
            monthly_cents=expected.monthly_cents,
        )
        transact(self.aids.table.client, [self.aids.expecting(expected), self.audit.recording(entry)])
        return expected

    def of(self, staff: Staff, lease_id: str) -> LeaseAid:
        """What is expected and what came. Raises Forbidden, NotFound."""
        require(staff, *Role)
        self.leases.seen(staff, lease_id)
        return self.aids.of(lease_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched:
    """A row and the lease that it is for."""

    row: AidRow
    lease: Lease
    residence: Residence

    @property
    def taking_id(self) -> str:
        """Derived from what was paid: the same row of another file is the same."""
        return derived_id("aid", self.lease.lease_id, self.row.digest())


@dataclass(slots=True, kw_only=True)
class AidWorker(FileWorker[AidFile]):
    """Posts each chunk's rows."""

    identity: Table
    money: Table
    bookkeeping: Bookkeeping
    audit: Audit
    clock: Clock
    random: Random
    retries: Retries = USUAL

    def read(self, data: bytes) -> AidFile:
        """A file of aid."""
        return read_aid_file(data)

    def outcome(self, taken: FileImport, file: AidFile, number: int, lines: Sequence[int]) -> Chunk:
        """Five reads, then three calls a row that is new."""
        first, last = lines[0], lines[-1]
        rows = [row for row in file.rows if first <= row.line <= last]
        problems = [problem for problem in file.problems if first <= problem.line <= last]
        matched, refused = self._matched(taken, rows)
        known = self._known(matched)
        created = unchanged = 0
        notes: list[tuple[AidRow, Fault, str]] = []
        for one in matched:
            before = known.get(one.taking_id)
            fault = None if before else self._fault(one)
            if fault is not None:
                refused.append((one.row, fault))
                continue
            posted, found = self._posted_before(taken, one, before) if before else self._post(taken, one)
            created, unchanged = created + posted, unchanged + (not posted)
            notes += [(one.row, *note) for note in found]
        problems += [_problem(file, row, fault) for row, fault in refused]
        return Chunk(
            number=number,
            rows=len(lines),
            created=created,
            unchanged=unchanged,
            problems=tuple(sorted(problems, key=lambda problem: problem.line)),
            notes=tuple(_problem(file, row, fault, about) for row, fault, about in notes),
            residences_created=(),
        )

    def _matched(
        self, taken: FileImport, rows: Sequence[AidRow]
    ) -> tuple[list[_Matched], list[tuple[AidRow, Fault]]]:
        """The rows with their leases, and those that have none that the sender may post to."""
        own = self._person_of(taken.imported_by)
        references = list(dict.fromkeys(row.tenant_reference for row in rows))
        lookups = same_table(self.identity, [keys.tenant_reference(one) for one in references])
        lease_ids = {one: item["lease_id"] for one, item in zip(references, lookups, strict=True) if item}
        leases = self._leases(list(lease_ids.values()))
        residences = self._residences(leases)
        matched: list[_Matched] = []
        refused: list[tuple[AidRow, Fault]] = []
        for row in rows:
            lease = leases.get(lease_ids.get(row.tenant_reference, ""))
            residence = residences.get(lease.residence_id) if lease else None
            if lease is None or residence is None or not taken.scope.includes(lease.residence_id):
                refused.append((row, Fault.UNKNOWN_TENANT))
            elif own is not None and lease.person_id == own:
                refused.append((row, Fault.OWN_LEASE))
            else:
                matched.append(_Matched(row=row, lease=lease, residence=residence))
        return matched, refused

    def _person_of(self, staff_id: str) -> str | None:
        record = StaffDirectory(self.identity).get(staff_id)
        return record.person_id if record else None

    def _leases(self, lease_ids: Sequence[str]) -> dict[str, Lease]:
        items = same_table(self.identity, [keys.lease(one) for one in lease_ids])
        return {item["lease_id"]: lease_of(item) for item in items if item}

    def _residences(self, leases: Mapping[str, Lease]) -> dict[str, Residence]:
        ids = sorted({lease.residence_id for lease in leases.values()})
        items = same_table(self.identity, [keys.residence(one) for one in ids])
        return {item["sk"]: residence_of(item) for item in items if item}

    def _known(self, matched: Sequence[_Matched]) -> dict[str, Taking]:
        """The rows that were posted before, by taking."""
        items = same_table(self.money, [keys.taking(one.taking_id) for one in matched])
        return {item["taking_id"]: taking_of(item) for item in items if item}

    def _posted_before(
        self, taken: FileImport, one: _Matched, before: Taking
    ) -> tuple[bool, list[tuple[Fault, str]]]:
        """A row that another file brought changes nothing; one of this file gives the same report again."""
        if before.import_id != taken.import_id:
            return False, []
        kept = LeaseAids(self.money).notes(before, one.row.period)
        return True, [(Fault(fault), about) for fault, about in kept]

    def _fault(self, one: _Matched) -> Fault | None:
        """Why a row cannot be posted."""
        match date_fault(one.row.paid_on, self.clock(), one.residence.time_zone):
            case "future":
                return Fault.PAID_IN_FUTURE
            case "too_old":
                return Fault.PAID_TOO_LONG_AGO
        lease, period = one.lease, one.row.period
        lived = period_of(lease.starts_on) <= period <= period_of(lease.ends_on)
        return None if lived and lease.status is not LeaseStatus.CANCELLED else Fault.OUTSIDE_LEASE

    def _post(self, taken: FileImport, one: _Matched) -> tuple[bool, list[tuple[Fault, str]]]:
        """Posts a row: whether it was new, and what to know about it."""

        def attempt() -> tuple[bool, list[tuple[Fault, str]]]:
            now = self.clock()
            aid = LeaseAids(self.money).of(one.lease.lease_id)
            account = self.bookkeeping.overview(one.lease.lease_id) or Account(
                lease_id=one.lease.lease_id, residence_id=one.lease.residence_id
            )
            taking, notes = _taking(taken, one, now), _notes(one, aid, now)
            entry = taking.entry(one.residence.time_zone)
            try:
                transact(
                    self.money.client,
                    [
                        Takings(self.money).recording(taking),
                        self.bookkeeping.accounts.entering(taking.lease_id, entry, now),
                        self.bookkeeping.change(account, [entry]),
                        LeaseAids(self.money).paying(taking, one.row.period, notes),
                        self.audit.recording(
                            by_staff(
                                Action.AID_POSTED,
                                now,
                                staff_id=taken.imported_by,
                                random=self.random,
                                lease_id=taking.lease_id,
                                residence_id=taking.residence_id,
                                import_id=taken.import_id,
                                payment_id=taking.taking_id,
                                period=one.row.period,
                                amount_cents=taking.amount_cents,
                            )
                        ),
                    ],
                )
            except ConditionFailed as failure:
                other = failure.items[0]
                if failure.failed(0) and other is not None:
                    return self._posted_before(taken, one, taking_of(other))
                raise
            return True, notes

        return self.retries.run(attempt)


def _taking(taken: FileImport, one: _Matched, now: datetime) -> Taking:
    return Taking(
        taking_id=one.taking_id,
        lease_id=one.lease.lease_id,
        residence_id=one.lease.residence_id,
        method=Method.AID,
        amount_cents=one.row.amount_cents,
        received_on=one.row.paid_on,
        recorded_at=now,
        recorded_by=taken.imported_by,
        reference=one.row.payment_reference,
        designated=(one.row.period,),
        import_id=taken.import_id,
    )


def _notes(one: _Matched, aid: LeaseAid, now: datetime) -> list[tuple[Fault, str]]:
    """What to know of a row that was posted, given the aid that was known before it."""
    row, lease = one.row, one.lease
    notes: list[tuple[Fault, str]] = []
    expected = aid.expected_for(row.period)
    if expected is not None and aid.of(row.period) + row.amount_cents != expected:
        notes.append((Fault.AID_DIFFERS, f"{expected // 100},{expected % 100:02} €"))
    if aid.of(row.period):
        notes.append((Fault.SECOND_OF_PERIOD, ""))
    if lease.status is LeaseStatus.CLOSED or lease.ends_on < local_date(now, one.residence.time_zone):
        notes.append((Fault.TENANT_DEPARTED, ""))
    return notes


def _problem(file: AidFile, row: AidRow, fault: Fault, about: str = "") -> RowProblem:
    column = _COLUMNS.get(fault, AidColumn.TENANT_REFERENCE)
    return RowProblem(line=row.line, column=file.columns[column], fault=fault, about=about)


_COLUMNS = {
    Fault.PAID_IN_FUTURE: AidColumn.PAID_ON,
    Fault.PAID_TOO_LONG_AGO: AidColumn.PAID_ON,
    Fault.OUTSIDE_LEASE: AidColumn.PERIOD,
    Fault.SECOND_OF_PERIOD: AidColumn.PERIOD,
    Fault.AID_DIFFERS: AidColumn.AMOUNT,
}
