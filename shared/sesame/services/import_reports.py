"""What a desk is answered about a file of rows: taken in, how far, and what is wrong with which row.

Each kind of file counts its rows under names of its own; the rest is the same for all of them.
"""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.event_handler import Response

from sesame.domain.file_faults import RowProblem
from sesame.domain.tenancy import Language
from sesame.platform.http import Shown, accepted
from sesame.services.file_imports import MAX_REPORTED, Report
from sesame.store.imports import FileImport


class ImportTaken(Shown):
    """The file is in; ask for the report at the `Location` given."""

    import_id: str
    status: str


class RowShown(Shown):
    """What is wrong with a row, or to be known about it: `line` as an editor counts, `column` as written."""

    line: int
    column: str
    fault: str
    reason: str
    remedy: str


class FileReport(Shown):
    """What became of a file. Complete once `status` is `done`."""

    import_id: str
    status: str
    encoding: str
    ignored_columns: list[str]
    rows: int
    problems: list[RowShown]
    problems_omitted: int


def taken_in(taken: FileImport, place: str) -> Response[ImportTaken]:
    """202, and below which path the report will be."""
    return accepted(
        ImportTaken(import_id=taken.import_id, status="queued"), f"{place.rstrip('/')}/{taken.import_id}"
    )


def progress_of(report: Report) -> int:
    """Percent of the rows."""
    return 100 * report.rows_done // report.taken.rows


def common_to_all(report: Report, language: Language) -> dict[str, Any]:
    """The fields of `FileReport`."""
    return {
        "import_id": report.taken.import_id,
        "status": report.status,
        "encoding": report.taken.encoding,
        "ignored_columns": list(report.taken.ignored_headers),
        "rows": report.taken.rows,
        "problems": rows_shown(report.problems, language),
        "problems_omitted": max(0, len(report.problems) - MAX_REPORTED),
    }


def rows_shown(problems: Sequence[RowProblem], language: Language) -> list[RowShown]:
    """At most `MAX_REPORTED` of them."""
    return [
        RowShown(
            line=problem.line,
            column=problem.column,
            fault=problem.fault.value,
            reason=problem.reason(language),
            remedy=problem.remedy(language),
        )
        for problem in problems[:MAX_REPORTED]
    ]
