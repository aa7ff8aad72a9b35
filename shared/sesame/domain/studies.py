"""What a university says of a tenant: whether they are enrolled for an academic year, and where.

An academic year is written `2026-2027`: it sorts, and it is what keys and files carry.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

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


def ends_of(year: AcademicYear) -> date:
    """The last day of an academic year: 31 August."""
    return date(int(year[5:]), FIRST_MONTH - 1, 31)


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
