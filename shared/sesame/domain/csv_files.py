"""CSV files as spreadsheets and management software export them: bytes to records, records to values.

Nothing is guessed in silence: an amount or a date that reads two ways is refused, the encoding is reported.
Which columns there are and what may stand in them is each kind of file's own `Layout`.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

from sesame.domain.contacts import folded
from sesame.domain.file_faults import Fault, FileUnreadable, RowProblem

MAX_BYTES = 4_500_000
"""What still reaches a function: Lambda takes 6 MB, and a binary body comes in base64, a third larger."""

MAX_ROWS = 20_000
MAX_TEXT = 120
MAX_HEADER = 60
MAX_AMOUNT_CENTS = 1_000_000
SEPARATORS = ";,\t"


class Encoding(StrEnum):
    """How the bytes were read. UTF-8 is tried first and strictly: other text almost never passes for it."""

    UTF_8 = "utf-8"
    UTF_8_BOM = "utf-8-bom"
    WINDOWS_1252 = "windows-1252"


class BadCell(Exception):
    """A cell that cannot be taken."""

    def __init__(self, fault: Fault, about: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.about = about


class BadRow(Exception):
    """A row whose cells can each be read, but do not fit together; `column` is the one to look at."""

    def __init__(self, column: StrEnum | None, fault: Fault, about: str = "") -> None:
        super().__init__(fault.value)
        self.column, self.fault, self.about = column, fault, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout[Column: StrEnum]:
    """The columns of a kind of file: how each may be headed, which may be absent, and how each is read."""

    headers: Mapping[Column, tuple[str, ...]]
    """French and English; case, accents, spaces and punctuation do not matter. The first names it."""
    optional: frozenset[Column]
    """These may be absent, or empty in a row."""
    readers: Mapping[Column, Callable[[str], object]]
    """The value of a cell's text; raises BadCell."""
    signed: frozenset[Column]
    """Where a leading + or - can be meant: their own readers judge it."""
    worded: frozenset[Column] = frozenset()
    """Where a question mark stands for a lost letter."""
    any_length: frozenset[Column] = frozenset()
    """Whose readers know a limit of their own."""


@dataclass(frozen=True, slots=True)
class Record:
    """A line that is not blank; `fault` where it cannot be parted into cells."""

    line: int
    cells: tuple[str, ...]
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile[Column: StrEnum]:
    """A file whose headers are understood."""

    layout: Layout[Column]
    encoding: Encoding
    separator: str
    headers: tuple[str, ...]
    places: Mapping[Column, int]
    records: tuple[Record, ...] = field(repr=False)

    @property
    def names(self) -> dict[Column, str]:
        """What was recognised -> the header as the file writes it."""
        return {column: self.headers[index] for column, index in self.places.items()}

    @property
    def ignored_headers(self) -> tuple[str, ...]:
        """Of columns that mean nothing here."""
        known = set(self.places.values())
        return tuple(header for index, header in enumerate(self.headers) if index not in known and header)

    @property
    def lines(self) -> tuple[int, ...]:
        """Where each record starts, as an editor counts."""
        return tuple(record.line for record in self.records)

    @property
    def cells(self) -> dict[int, tuple[str, ...]]:
        """Line -> cells as written, for the report that staff mend and send again."""
        return {record.line: record.cells for record in self.records}

    def problem(self, record: Record, bad: BadRow) -> RowProblem:
        """A record's cells that do not fit together, at the column as the file writes it, or would."""
        names = {str(column): names[0] for column, names in self.layout.headers.items()}
        names |= {str(column): name for column, name in self.names.items()}
        column = names.get(str(bad.column), "")
        return RowProblem(line=record.line, column=column, fault=bad.fault, about=bad.about)

    def read(self, record: Record) -> tuple[dict[str, object], list[RowProblem]]:
        """A record's values by column, those that could be read, and all that is wrong with it."""
        fault, about = record.fault, str(MAX_TEXT)
        if fault is None and len(record.cells) != len(self.headers):
            fault = Fault.SHORT_ROW if len(record.cells) < len(self.headers) else Fault.LONG_ROW
            about = f"{len(record.cells)}/{len(self.headers)}"
        if fault is not None:
            return {}, [RowProblem(line=record.line, column="", fault=fault, about=about)]
        cells = {column: record.cells[index] for column, index in self.places.items()}
        return read_cells(self.layout, record.line, cells, self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadFile[Column: StrEnum, Row]:
    """A file as read: `rows` are good, `problems` say why the others are not, `lines` are all."""

    encoding: Encoding
    separator: str
    headers: tuple[str, ...]
    columns: Mapping[Column, str]
    """What was recognised -> the header as the file writes it."""
    ignored_headers: tuple[str, ...]
    lines: tuple[int, ...]
    rows: tuple[Row, ...]
    problems: tuple[RowProblem, ...]
    cells: Mapping[int, tuple[str, ...]] = field(repr=False)
    """Line -> cells as written, for the report that staff mend and send again."""

    @classmethod
    def of(cls, file: CsvFile[Column], rows: Iterable[Row], problems: Iterable[RowProblem]) -> Self:
        """What was read of a file's records."""
        return cls(
            encoding=file.encoding,
            separator=file.separator,
            headers=file.headers,
            columns=file.names,
            ignored_headers=file.ignored_headers,
            lines=file.lines,
            rows=tuple(rows),
            problems=tuple(problems),
            cells=file.cells,
        )


def read_csv[Column: StrEnum](data: bytes, layout: Layout[Column]) -> CsvFile[Column]:
    """A whole file. Raises FileUnreadable, and nothing else, when no row of it can be trusted.

    Rows where every cell is empty are skipped: spreadsheets leave them below the last one.
    """
    text, encoding = _decode(data)
    separator, headers, places = _header(text, layout)
    records = tuple(_records(text, separator))[1:]
    if not records:
        raise FileUnreadable(Fault.NO_ROWS)
    if len(records) > MAX_ROWS:
        raise FileUnreadable(Fault.TOO_MANY_ROWS, str(MAX_ROWS))
    return CsvFile(
        layout=layout,
        encoding=encoding,
        separator=separator,
        headers=headers,
        places=places,
        records=records,
    )


def read_once[Column: StrEnum, Row](
    data: bytes,
    layout: Layout[Column],
    row_of: Callable[[int, dict[str, object]], Row],
    key_of: Callable[[Row], object],
    column: Column | None,
    repeated: Fault = Fault.REPEATED_ROW,
) -> ReadFile[Column, Row]:
    """A whole file whose rows stand each for itself: one that says again what `key_of` tells is taken once.

    `row_of` makes a row of its line and the values that are there, or raises BadRow; `column` is named where
    one is `repeated`. Raises FileUnreadable, and nothing else, when no row of it can be trusted.
    """
    file = read_csv(data, layout)
    rows: list[Row] = []
    problems: list[RowProblem] = []
    first: dict[object, int] = {}
    for record in file.records:
        values, found = file.read(record)
        if not found:
            try:
                row = row_of(
                    record.line, {name: value for name, value in values.items() if value is not None}
                )
                owner = first.setdefault(key_of(row), record.line)
                if owner != record.line:
                    raise BadRow(column, repeated, str(owner))
            except BadRow as bad:
                found = [file.problem(record, bad)]
            else:
                rows.append(row)
        problems += found
    return ReadFile.of(file, rows, problems)


def read_cells[Column: StrEnum](
    layout: Layout[Column], line: int, cells: Mapping[Column, str], names: Mapping[Column, str]
) -> tuple[dict[str, object], list[RowProblem]]:
    """The values of some cells by column (None: empty, and may be), and all that is wrong with them."""
    values: dict[str, object] = {}
    problems: list[RowProblem] = []
    for column, cell in cells.items():
        try:
            values[column] = _read_cell(layout, column, cell)
        except BadCell as bad:
            problems.append(RowProblem(line=line, column=names[column], fault=bad.fault, about=bad.about))
    return values, problems


def neutralised(cell: str) -> str:
    """The cell, with an apostrophe before it if a spreadsheet would run it (OWASP, CSV injection)."""
    return f"'{cell}" if cell.lstrip(" \xa0")[:1] in _FORMULA_STARTS else cell


def write_csv(rows: Iterable[Sequence[str]], separator: str = ";") -> str:
    """A CSV with every cell neutralised, lines ended by CRLF, and a BOM so that spreadsheets read UTF-8."""
    out = io.StringIO()
    out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return out.getvalue()


# --- Bytes to records ---------------------------------------------------------------------------------------

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_UTF_8_MARK = b"\xef\xbb\xbf"
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _decode(data: bytes) -> tuple[str, Encoding]:
    if not data.strip():
        raise FileUnreadable(Fault.EMPTY)
    if len(data) > MAX_BYTES:
        raise FileUnreadable(Fault.TOO_LARGE, f"{MAX_BYTES / 1e6:.1f}")
    if data.startswith(_WORKBOOKS):
        raise FileUnreadable(Fault.SPREADSHEET)
    if data.startswith(_UTF_16_MARKS):
        raise FileUnreadable(Fault.UTF_16)
    text, encoding = _text(data)
    if junk := _NOT_TEXT.search(text):
        raise FileUnreadable(Fault.BINARY, str(text.count("\n", 0, junk.start()) + 1))
    return text, encoding


def _text(data: bytes) -> tuple[str, Encoding]:
    marked = data.startswith(_UTF_8_MARK)
    data = data.removeprefix(_UTF_8_MARK)
    try:
        return data.decode(), Encoding.UTF_8_BOM if marked else Encoding.UTF_8
    except UnicodeDecodeError as error:
        if marked:
            raise FileUnreadable(Fault.BROKEN_UTF_8, str(data.count(b"\n", 0, error.start) + 1)) from None
    try:
        return data.decode("cp1252"), Encoding.WINDOWS_1252
    except UnicodeDecodeError as error:
        raise FileUnreadable(Fault.UNKNOWN_ENCODING, str(data.count(b"\n", 0, error.start) + 1)) from None


def _records(text: str, separator: str) -> Iterator[Record]:
    """Every record that is not blank, with the line where it starts: a quoted newline is counted."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise FileUnreadable(Fault.OPEN_QUOTE, str(line)) from None
            yield Record(line, (), Fault.TOO_LONG if "field limit" in str(error) else Fault.BAD_QUOTES)
            continue
        if any(not cell.isspace() for cell in cells if cell):
            yield Record(line, tuple(cells))


def _header[Column: StrEnum](
    text: str, layout: Layout[Column]
) -> tuple[str, tuple[str, ...], dict[Column, int]]:
    """The separator that makes most headers known, the headers, and where each column is."""
    by_name = {folded(name): column for column, names in layout.headers.items() for name in names}
    first = {separator: _first_record(text, separator) for separator in SEPARATORS}
    known = {sep: sum(folded(cell) in by_name for cell in record.cells) for sep, record in first.items()}
    separator = max(SEPARATORS, key=lambda candidate: known[candidate])
    if not known[separator]:
        raise FileUnreadable(Fault.NO_HEADER)
    headers = tuple(" ".join(cell.split())[:MAX_HEADER] for cell in first[separator].cells)

    columns: dict[Column, int] = {}
    for index, header in enumerate(headers):
        column = by_name.get(folded(header))
        if column is None:
            continue
        if column in columns:
            raise FileUnreadable(Fault.REPEATED_COLUMNS, f"{headers[columns[column]]}, {header}")
        columns[column] = index
    missing = [
        names[0]
        for column, names in layout.headers.items()
        if column not in columns and column not in layout.optional
    ]
    if missing:
        raise FileUnreadable(Fault.MISSING_COLUMNS, ", ".join(missing))
    return separator, headers, columns


def _first_record(text: str, separator: str) -> Record:
    try:
        return next(_records(text, separator), Record(1, ()))
    except FileUnreadable:  # a quote that this separator alone sees
        return Record(1, ())


_FORMULA_STARTS = frozenset("=+-@\t\r")


def _read_cell[Column: StrEnum](layout: Layout[Column], column: Column, cell: str) -> object:
    """The cell's value, None when it is empty and may be. Raises BadCell."""
    if cell[:1] == "'" and cell[1:2] in _FORMULA_STARTS:
        cell = cell[1:]  # our own report neutralised it; what it hides is judged as it stands
    text = " ".join(cell.split())
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text:
        if column in layout.optional:
            return None
        raise BadCell(Fault.MISSING)
    _refuse_damage(layout, column, cell, text)
    return layout.readers[column](text)


def _refuse_damage[Column: StrEnum](layout: Layout[Column], column: Column, cell: str, text: str) -> None:
    """What no cell may hold, whatever its column: formulas, lost or misread letters, control characters."""
    starts_formula = cell[0] in "\t\r" or text[0] in "=@"
    if starts_formula or (text[0] in "+-" and column not in layout.signed):
        raise BadCell(Fault.FORMULA)
    if len(text) > MAX_TEXT and column not in layout.any_length:
        raise BadCell(Fault.TOO_LONG, str(MAX_TEXT))
    if "�" in text or ("?" in text and column in layout.worded):
        raise BadCell(Fault.LOST_LETTERS)
    if not text.isascii():
        if _misread(text):
            raise BadCell(Fault.MISREAD_LETTERS)
        if not text.isprintable():
            raise BadCell(Fault.INVISIBLE)


def _misread(text: str) -> bool:
    """UTF-8 once read as Windows-1252 (`ZoÃ©`): turned back, it is valid, which no meant name is."""
    if not _MISREAD_LEADS & set(text):
        return False
    try:
        text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return False
    return True


_MISREAD_LEADS = frozenset("ÂÃÄÅá")
"""What the first byte of a Latin letter's UTF-8 looks like then; other pairs (`ÇŒ`) may be meant."""


# --- Cells to values ----------------------------------------------------------------------------------------

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
_FRENCH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}")
_PLAIN_AMOUNT = re.compile(r"([0-9]+)(?:[.,]([0-9]{1,2}))?")
_GROUPED_AMOUNT = re.compile(
    r"([0-9]{1,3}(?: [0-9]{3})+|[0-9]{1,3}(?:\.[0-9]{3})+(?=,)|[0-9]{1,3}(?:,[0-9]{3})+(?=\.))"
    r"(?:[.,]([0-9]{1,2}))?"
)
_TWO_WAYS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")


def reference(text: str) -> str:
    """An operator's own reference of something."""
    if not REFERENCE.fullmatch(text):
        raise BadCell(Fault.BAD_REFERENCE)
    return text


def day(text: str) -> date:
    """A day, written `31/12/2026` or `2026-12-31`."""
    if french := _FRENCH_DATE.fullmatch(text):
        day, month, year = french.groups()
    elif iso := _ISO_DATE.fullmatch(text):
        year, month, day = iso.groups()
    else:
        raise BadCell(Fault.TWO_DIGIT_YEAR if _SHORT_YEAR.fullmatch(text) else Fault.NOT_A_DATE)
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise BadCell(Fault.IMPOSSIBLE_DATE) from None


def cents(text: str) -> int:
    """Integer cents, by digits alone: no float ever holds money."""
    negative = text[0] in "-−"
    figures = re.sub(r" ?(?:€|EUR)$", "", text[1:].strip() if negative else text)
    if _TWO_WAYS.fullmatch(figures):
        raise BadCell(Fault.AMBIGUOUS_AMOUNT)
    amount = _PLAIN_AMOUNT.fullmatch(figures) or _GROUPED_AMOUNT.fullmatch(figures)
    if amount is None:
        raise BadCell(Fault.FORMULA if negative else Fault.NOT_AN_AMOUNT)
    if negative:
        raise BadCell(Fault.NEGATIVE_AMOUNT)
    euros, decimals = amount.groups(default="")
    digits = re.sub("[^0-9]", "", euros).lstrip("0")
    if len(digits) > len(str(MAX_AMOUNT_CENTS)):
        raise BadCell(Fault.UNLIKELY_AMOUNT, str(MAX_AMOUNT_CENTS // 100))
    cents = int(digits or "0") * 100 + int(decimals.ljust(2, "0"))
    if cents > MAX_AMOUNT_CENTS:
        raise BadCell(Fault.UNLIKELY_AMOUNT, str(MAX_AMOUNT_CENTS // 100))
    return cents
