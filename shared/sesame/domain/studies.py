"""What a university says of a tenant: whether they are enrolled for an academic year, and where.

An academic year is written `2026-2027`: it sorts, and it is what keys and files carry.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from sesame.domain.tenancy import Lease, LeaseStatus

type AcademicYear = str

FIRST_MONTH = 9
"""September: the day of a calendar year from which the next academic year counts."""
_YEAR = re.compile(r"(20[0-9]{2})(?: ?[-/–] ?(20[0-9]{2}|[0-9]{2}))?")
MOST_APPLIED = 20
"""Rows of files that are remembered as taken: an older file sent again changes nothing."""


def academic_year_of(day: date) -> AcademicYear:
    """The academic year that a day belongs to.

    >>> academic_year_of(date(2027, 4, 16))
    '2026-2027'
    """
    first = day.year if day.month >= FIRST_MONTH else day.year - 1
    return f"{first}-{first + 1}"


def read_academic_year(text: str) -> AcademicYear | None:
    """`2026-2027`, `2026/2027`, `2026-27` or `2026` as an academic year; None for anything else."""
    found = _YEAR.fullmatch(text.strip())
    if found is None:
        return None
    first = int(found[1])
    second = found[2]
    if second is not None and int(second) not in {first + 1, (first + 1) % 100}:
        return None
    return f"{first}-{first + 1}"


def begins_of(year: AcademicYear) -> date:
    """The first day of an academic year: 1 September."""
    return date(int(year[:4]), FIRST_MONTH, 1)


def ends_of(year: AcademicYear) -> date:
    """The last day of an academic year: 31 August."""
    return date(int(year[5:]), FIRST_MONTH - 1, 31)


def leases_of_year(leases: Iterable[Lease], year: AcademicYear) -> list[Lease]:
    """The leases of a person through which a year is told: those with a day in it.

    A year that none has a day in is told where they lived last before it (what is asked for in spring is of
    the year to come), and one before all of them where they came first.
    """
    stands = [lease for lease in leases if lease.status is not LeaseStatus.CANCELLED]
    living = [one for one in stands if one.starts_on <= ends_of(year) and one.ends_on >= begins_of(year)]
    if living or not stands:
        return living
    before = [one for one in stands if one.ends_on < begins_of(year)]
    if before:
        return [max(before, key=lambda lease: lease.ends_on)]
    return [min(stands, key=lambda lease: lease.starts_on)]


def told_through(asked: Lease, leases: Sequence[Lease], year: AcademicYear, holder_id: str | None) -> Lease:
    """The lease that a year's file is told through once somebody acts by `asked`, one of the person's leases.

    A file goes on with its student to a later lease of its year, and never back to an earlier one.
    `holder_id` is the lease that it is told through so far, None where there is no file.
    """
    candidates = leases_of_year(leases, year)
    holder = next(
        (one for one in leases if one.lease_id == holder_id and one.status is not LeaseStatus.CANCELLED), None
    )
    if asked in candidates and (holder is None or asked.starts_on >= holder.starts_on):
        return asked
    return holder or max(candidates, key=lambda lease: lease.starts_on, default=asked)


YEARS_KEPT = 2
"""After its academic year, for what a grant given by mistake may have to answer; then it is forgotten."""


def kept_until(year: AcademicYear) -> datetime:
    """When what is kept of an academic year goes (UTC)."""
    last = ends_of(year)
    return datetime(last.year + YEARS_KEPT, last.month, last.day, tzinfo=UTC)


class EnrolmentStatus(StrEnum):
    """What a university answers."""

    ENROLLED = "enrolled"
    PRE_ENROLLED = "pre_enrolled"
    """A place is given, the enrolment is not complete (*préinscription*)."""
    NOT_ENROLLED = "not_enrolled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A row of a file that was taken: its digest, the import that brought it, when it was sent (UTC)."""

    digest: str
    import_id: str
    sent_at: datetime


class Word(StrEnum):
    """What a row means beside those that were taken before it."""

    NEWS = "news"
    REPEATED = "repeated"
    """This very row of this very import: it was worked through before."""
    SAID = "said"
    """The last file said the same."""
    OVERTAKEN = "overtaken"
    """Of a file that is older than the last one, or was worked through before."""


def word(applied: Sequence[Applied], row: Applied, *, file_is_new: bool) -> Word:
    """What a row means. What its sender says anew after having said something else is news again.

    `file_is_new`: whether the same bytes were not worked through before, by another import.
    """
    if any((one.digest, one.import_id) == (row.digest, row.import_id) for one in applied):
        return Word.REPEATED
    if not applied:
        return Word.NEWS
    last = applied[-1]
    if last.digest == row.digest:
        return Word.SAID
    known = any(one.digest == row.digest for one in applied)
    return Word.OVERTAKEN if row.sent_at < last.sent_at or (known and not file_is_new) else Word.NEWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A person's enrolment at a university for a year."""

    person_id: str
    year: AcademicYear
    university: str
    status: EnrolmentStatus
    recorded_at: datetime
    recorded_by: str
    """The member of staff who recorded it, or sent the file."""
    applied: tuple[Applied, ...] = ()
    version: int = 0
    """0: nothing is stored yet."""

    def told(self, status: EnrolmentStatus, *, at: datetime, by: str, row: Applied | None) -> "Enrolment":
        """The same after the university's word of `at`."""
        applied = (*self.applied, row)[-MOST_APPLIED:] if row else self.applied
        return replace(self, status=status, recorded_at=at, recorded_by=by, applied=applied)


def standing(enrolments: Sequence[Enrolment], year: AcademicYear) -> EnrolmentStatus | None:
    """The best that any university says for a year: a student may leave one for another. None: no word."""
    said = {one.status for one in enrolments if one.year == year}
    return next((status for status in EnrolmentStatus if status in said), None)
