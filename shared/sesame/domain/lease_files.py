"""Read the lease files that spreadsheets and residence software export: the good rows, and all that is wrong.

Nothing is guessed in silence: an amount or a date that reads two ways is refused, the encoding is reported.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Any

from sesame.domain import codes
from sesame.domain.contacts import folded, folded_name, normal_email, normal_ine, normal_phone
from sesame.domain.lease_faults import Fault, LeaseFileError, RowProblem
from sesame.domain.residences import residence_id
from sesame.domain.tenancy import Language

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


class Column(StrEnum):
    """What a column stands for; the value is the field of LeaseRow that it fills."""

    REFERENCE = "reference"
    RESIDENCE = "residence"
    ADDRESS = "address"
    POSTAL_CODE = "postal_code"
    CITY = "city"
    ROOM = "room"
    FAMILY_NAME = "family_name"
    GIVEN_NAMES = "given_names"
    BIRTH_DATE = "birth_date"
    INE = "ine"
    EMAIL = "email"
    PHONE = "phone"
    LANGUAGE = "language"
    STARTS_ON = "starts_on"
    ENDS_ON = "ends_on"
    RENT = "rent_cents"
    CHARGES = "charges_cents"
    DEPOSIT = "deposit_cents"
    TENANT_CODE = "tenant_code"


HEADERS: dict[Column, tuple[str, ...]] = {
    Column.REFERENCE: (
        "Référence",
        "Réf.",
        "Référence du bail",
        "Référence bail",
        "N° de bail",
        "Numéro de bail",
        "Reference",
        "Lease reference",
        "Lease number",
    ),
    Column.RESIDENCE: ("Résidence", "Nom de la résidence", "Residence", "Residence name", "Building"),
    Column.ADDRESS: ("Adresse", "Adresse de la résidence", "Address", "Residence address", "Street"),
    Column.POSTAL_CODE: ("Code postal", "CP", "Postal code", "Postcode", "Zip", "Zip code"),
    Column.CITY: ("Ville", "Commune", "City", "Town"),
    Column.ROOM: (
        "Chambre",
        "N° de chambre",
        "Numéro de chambre",
        "Logement",
        "N° de logement",
        "Room",
        "Room number",
        "Unit",
    ),
    Column.FAMILY_NAME: ("Nom", "Nom de famille", "Nom du locataire", "Family name", "Last name", "Surname"),
    Column.GIVEN_NAMES: (
        "Prénom",
        "Prénoms",
        "Prénom(s)",
        "Given name",
        "Given names",
        "First name",
        "First names",
    ),
    Column.BIRTH_DATE: ("Date de naissance", "Né(e) le", "Birth date", "Date of birth", "Birthdate"),
    Column.INE: ("INE", "N° INE", "Numéro INE", "INE number", "Student number (INE)"),
    Column.EMAIL: (
        "Courriel",
        "E-mail",
        "Mail",
        "Adresse électronique",
        "Adresse e-mail",
        "Adresse mail",
        "E-mail address",
    ),
    Column.PHONE: (
        "Téléphone",
        "Tél.",
        "Portable",
        "Téléphone portable",
        "N° de téléphone",
        "Phone",
        "Phone number",
        "Mobile",
    ),
    Column.LANGUAGE: ("Langue", "Language"),
    Column.STARTS_ON: (
        "Date d'entrée",
        "Entrée",
        "Date de début",
        "Début",
        "Début du bail",
        "Start date",
        "Start",
        "Move-in date",
        "Starts on",
        "Entry date",
    ),
    Column.ENDS_ON: (
        "Date de sortie",
        "Sortie",
        "Date de fin",
        "Fin",
        "Fin du bail",
        "End date",
        "End",
        "Move-out date",
        "Ends on",
        "Exit date",
    ),
    Column.RENT: ("Redevance", "Loyer", "Redevance mensuelle", "Loyer mensuel", "Rent", "Monthly rent"),
    Column.CHARGES: (
        "Charges",
        "Provision pour charges",
        "Charges mensuelles",
        "Service charges",
        "Monthly charges",
    ),
    Column.DEPOSIT: ("Dépôt de garantie", "Caution", "Dépôt", "Deposit", "Security deposit"),
    Column.TENANT_CODE: ("Code locataire", "Tenant code"),
}
"""The headers understood, French and English; case, accents, spaces and punctuation do not matter."""

OPTIONAL_COLUMNS = frozenset({Column.INE, Column.PHONE, Column.LANGUAGE, Column.TENANT_CODE})
"""These may be absent, or empty in a row; language is then French, and a tenant code is allocated."""

LANGUAGES: dict[str, Language] = {
    **dict.fromkeys(("fr", "fra", "francais", "french"), Language.FRENCH),
    **dict.fromkeys(("en", "eng", "anglais", "english"), Language.ENGLISH),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A row that passed every check. Amounts in cents a month (deposit: once); phone in E.164."""

    line: int
    reference: str
    residence: str
    address: str
    postal_code: str
    city: str
    room: str
    family_name: str
    given_names: str
    birth_date: date
    email: str
    starts_on: date
    ends_on: date
    rent_cents: int
    charges_cents: int
    deposit_cents: int
    ine: str | None = None
    phone: str | None = None
    language: Language = Language.FRENCH
    tenant_code: str | None = None

    @property
    def residence_id(self) -> str:
        """The residence's identifier, from its name and postal code."""
        return residence_id(self.residence, self.postal_code)

    def digest(self) -> str:
        """SHA-256 of the content, wherever the row stands: the same row imported again has the same."""
        content = "\x1f".join(str(value) for value in astuple(replace(self, line=0)))
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFile:
    """A lease file as read: `rows` are good, `problems` say why the others are not, `lines` are all."""

    encoding: Encoding
    separator: str
    headers: tuple[str, ...]
    columns: dict[Column, str]
    """What was recognised -> the header as the file writes it."""
    ignored_headers: tuple[str, ...]
    lines: tuple[int, ...]
    rows: tuple[LeaseRow, ...]
    problems: tuple[RowProblem, ...]
    cells: dict[int, tuple[str, ...]] = field(repr=False)
    """Line -> cells as written, for the report that staff mend and send again."""


class _BadCell(Exception):
    """A cell that cannot be taken."""

    def __init__(self, fault: Fault, about: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.about = about


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: tuple[str, ...]
    fault: Fault | None = None


def read_lease_file(data: bytes) -> LeaseFile:
    """Read a whole file. Raises LeaseFileError, and nothing else, when no row of it can be trusted.

    Rows where every cell is empty are skipped: spreadsheets leave them below the last one.
    """
    text, encoding = _decode(data)
    separator, headers, columns = _header(text)
    records = list(_records(text, separator))[1:]
    if not records:
        raise LeaseFileError(Fault.NO_ROWS)
    if len(records) > MAX_ROWS:
        raise LeaseFileError(Fault.TOO_MANY_ROWS, str(MAX_ROWS))

    rows: list[LeaseRow] = []
    problems: list[RowProblem] = []
    names = {column: headers[index] for column, index in columns.items()}
    repeats, reference = _Repeats(names), columns[Column.REFERENCE]
    for record in records:
        row, found = _read_record(record, headers, columns)
        found += repeats.of(record.line, "".join(record.cells[reference : reference + 1]), row)
        problems += found
        if row is not None and not found:
            rows.append(row)
    known = set(columns.values())
    return LeaseFile(
        encoding=encoding,
        separator=separator,
        headers=headers,
        columns=names,
        ignored_headers=tuple(
            header for index, header in enumerate(headers) if index not in known and header
        ),
        lines=tuple(record.line for record in records),
        rows=tuple(rows),
        problems=tuple(problems),
        cells={record.line: record.cells for record in records},
    )


def check_lease(cells: dict[Column, str], line: int = 1) -> LeaseRow | list[RowProblem]:
    """The same rules for a lease given outside a file: its row, or all that is wrong (`column`: field)."""
    row, problems = _read_cells(line, cells, {column: column.value for column in Column})
    return row if row is not None else problems


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
        raise LeaseFileError(Fault.EMPTY)
    if len(data) > MAX_BYTES:
        raise LeaseFileError(Fault.TOO_LARGE, f"{MAX_BYTES / 1e6:.1f}")
    if data.startswith(_WORKBOOKS):
        raise LeaseFileError(Fault.SPREADSHEET)
    if data.startswith(_UTF_16_MARKS):
        raise LeaseFileError(Fault.UTF_16)
    text, encoding = _text(data)
    if junk := _NOT_TEXT.search(text):
        raise LeaseFileError(Fault.BINARY, str(text.count("\n", 0, junk.start()) + 1))
    return text, encoding


def _text(data: bytes) -> tuple[str, Encoding]:
    marked = data.startswith(_UTF_8_MARK)
    data = data.removeprefix(_UTF_8_MARK)
    try:
        return data.decode(), Encoding.UTF_8_BOM if marked else Encoding.UTF_8
    except UnicodeDecodeError as error:
        if marked:
            raise LeaseFileError(Fault.BROKEN_UTF_8, str(data.count(b"\n", 0, error.start) + 1)) from None
    try:
        return data.decode("cp1252"), Encoding.WINDOWS_1252
    except UnicodeDecodeError as error:
        raise LeaseFileError(Fault.UNKNOWN_ENCODING, str(data.count(b"\n", 0, error.start) + 1)) from None


def _records(text: str, separator: str) -> Iterator[_Record]:
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
                raise LeaseFileError(Fault.OPEN_QUOTE, str(line)) from None
            yield _Record(line, (), Fault.TOO_LONG if "field limit" in str(error) else Fault.BAD_QUOTES)
            continue
        if any(not cell.isspace() for cell in cells if cell):
            yield _Record(line, tuple(cells))


_HEADER_COLUMNS: dict[str, Column] = {
    folded(name): column for column, names in HEADERS.items() for name in names
}


def _header(text: str) -> tuple[str, tuple[str, ...], dict[Column, int]]:
    """The separator that makes most headers known, the headers, and where each column is."""
    first = {separator: _first_record(text, separator) for separator in SEPARATORS}
    known = {
        sep: sum(folded(cell) in _HEADER_COLUMNS for cell in record.cells) for sep, record in first.items()
    }
    separator = max(SEPARATORS, key=lambda candidate: known[candidate])
    if not known[separator]:
        raise LeaseFileError(Fault.NO_HEADER)
    headers = tuple(" ".join(cell.split())[:MAX_HEADER] for cell in first[separator].cells)

    columns: dict[Column, int] = {}
    for index, header in enumerate(headers):
        column = _HEADER_COLUMNS.get(folded(header))
        if column is None:
            continue
        if column in columns:
            raise LeaseFileError(Fault.REPEATED_COLUMNS, f"{headers[columns[column]]}, {header}")
        columns[column] = index
    missing = [
        HEADERS[column][0] for column in Column if column not in columns and column not in OPTIONAL_COLUMNS
    ]
    if missing:
        raise LeaseFileError(Fault.MISSING_COLUMNS, ", ".join(missing))
    return separator, headers, columns


def _first_record(text: str, separator: str) -> _Record:
    try:
        return next(_records(text, separator), _Record(1, ()))
    except LeaseFileError:  # a quote that this separator alone sees
        return _Record(1, ())


# --- Records to rows ----------------------------------------------------------------------------------------


def _read_record(
    record: _Record, headers: Sequence[str], columns: dict[Column, int]
) -> tuple[LeaseRow | None, list[RowProblem]]:
    fault, about = record.fault, str(MAX_TEXT)
    if fault is None and len(record.cells) != len(headers):
        fault = Fault.SHORT_ROW if len(record.cells) < len(headers) else Fault.LONG_ROW
        about = f"{len(record.cells)}/{len(headers)}"
    if fault is not None:
        return None, [RowProblem(line=record.line, column="", fault=fault, about=about)]
    cells = {column: record.cells[index] for column, index in columns.items()}
    return _read_cells(record.line, cells, {column: headers[index] for column, index in columns.items()})


def _read_cells(
    line: int, cells: dict[Column, str], names: dict[Column, str]
) -> tuple[LeaseRow | None, list[RowProblem]]:
    values: dict[str, Any] = {}
    problems: list[RowProblem] = []
    for column, cell in cells.items():
        try:
            values[column] = _read_cell(column, cell)
        except _BadCell as bad:
            problems.append(RowProblem(line=line, column=names[column], fault=bad.fault, about=bad.about))
    for column, fault in _contradictions(values):
        problems.append(RowProblem(line=line, column=names[column], fault=fault))
    for column in Column:
        if column not in cells and column not in OPTIONAL_COLUMNS:
            problems.append(RowProblem(line=line, column=names[column], fault=Fault.MISSING))
    if problems:
        return None, problems
    given = {name: value for name, value in values.items() if value is not None}
    return LeaseRow(line=line, **given), []


_FORMULA_STARTS = frozenset("=+-@\t\r")
_SIGNED = frozenset({Column.PHONE, Column.RENT, Column.CHARGES, Column.DEPOSIT})
"""Columns where a leading + or - can be meant: their own readers judge it."""


def _read_cell(column: Column, cell: str) -> object:
    """The cell's value, None when it is empty and may be. Raises _BadCell."""
    if cell[:1] == "'" and cell[1:2] in _FORMULA_STARTS:
        cell = cell[1:]  # our own report neutralised it; what it hides is judged as it stands
    text = " ".join(cell.split())
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text:
        if column in OPTIONAL_COLUMNS:
            return None
        raise _BadCell(Fault.MISSING)
    _refuse_damage(column, cell, text)
    return _READERS[column](text)


def _refuse_damage(column: Column, cell: str, text: str) -> None:
    """What no cell may hold, whatever its column: formulas, lost or misread letters, control characters."""
    starts_formula = cell[0] in "\t\r" or text[0] in "=@"
    if starts_formula or (text[0] in "+-" and column not in _SIGNED):
        raise _BadCell(Fault.FORMULA)
    if len(text) > MAX_TEXT and column is not Column.EMAIL:
        raise _BadCell(Fault.TOO_LONG, str(MAX_TEXT))
    if "�" in text or ("?" in text and column in _WORDED):
        raise _BadCell(Fault.LOST_LETTERS)
    if not text.isascii():
        if _misread(text):
            raise _BadCell(Fault.MISREAD_LETTERS)
        if not text.isprintable():
            raise _BadCell(Fault.INVISIBLE)


_WORDED = frozenset(
    {Column.RESIDENCE, Column.ADDRESS, Column.CITY, Column.ROOM, Column.FAMILY_NAME, Column.GIVEN_NAMES}
)


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


def _contradictions(values: dict[str, Any]) -> Iterator[tuple[Column, Fault]]:
    starts_on, ends_on, birth_date = (
        values.get(column) for column in (Column.STARTS_ON, Column.ENDS_ON, Column.BIRTH_DATE)
    )
    if starts_on and ends_on and ends_on < starts_on:
        yield Column.ENDS_ON, Fault.END_BEFORE_START
    if starts_on and birth_date and not _MIN_AGE <= starts_on.year - birth_date.year <= _MAX_AGE:
        yield Column.BIRTH_DATE, Fault.UNLIKELY_BIRTH_DATE


_MIN_AGE, _MAX_AGE = 14, 110


class _Repeats:
    """What may stand once in a file.

    The first line with a reference keeps it, be it good or bad: so mending the file never changes which line
    wins, and importing it gives what its rows imported one by one, in order, would give.
    """

    def __init__(self, names: dict[Column, str]) -> None:
        self._names = names
        self._references: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self._ines: dict[str, tuple[int, tuple[date, str]]] = {}

    def of(self, line: int, reference: str, row: LeaseRow | None) -> list[RowProblem]:
        """What a line repeats of an earlier one. A line that lost its reference claims nothing else."""
        owner = self._references.setdefault(" ".join(reference.split()), line) if reference.strip() else line
        if owner != line:
            return [self._problem(line, Column.REFERENCE, Fault.REPEATED_REFERENCE, owner)]
        found: list[RowProblem] = []
        if row is not None and row.tenant_code:
            owner = self._codes.setdefault(codes.fold(row.tenant_code), line)
            if owner != line:
                found.append(self._problem(line, Column.TENANT_CODE, Fault.CODE_OF_ANOTHER_ROW, owner))
        if row is not None and row.ine:
            who = (row.birth_date, folded_name(row.family_name, row.given_names))
            owner, known = self._ines.setdefault(row.ine, (line, who))
            if known != who:
                found.append(self._problem(line, Column.INE, Fault.INE_OF_ANOTHER_ROW, owner))
        return found

    def _problem(self, line: int, column: Column, fault: Fault, other: int) -> RowProblem:
        return RowProblem(line=line, column=self._names[column], fault=fault, about=str(other))


# --- Cells to values ----------------------------------------------------------------------------------------

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}")
_POSTAL_CODE = re.compile(r"[0-9]{5}")
_CODE = re.compile(r"[A-Za-z0-9-]{5,20}")
_CODE_SYMBOLS = 4  # hyphens aside: they are ignored when a code is typed
_FRENCH_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SHORT_YEAR = re.compile(r"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}")
_PLAIN_AMOUNT = re.compile(r"([0-9]+)(?:[.,]([0-9]{1,2}))?")
_GROUPED_AMOUNT = re.compile(
    r"([0-9]{1,3}(?: [0-9]{3})+|[0-9]{1,3}(?:\.[0-9]{3})+(?=,)|[0-9]{1,3}(?:,[0-9]{3})+(?=\.))"
    r"(?:[.,]([0-9]{1,2}))?"
)
_TWO_WAYS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,3}(?:,[0-9]{3})+")
_LEASE_YEARS = range(2000, 2101)


def _text_cell(text: str) -> str:
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise _BadCell(Fault.BAD_REFERENCE)
    return text


def _residence(text: str) -> str:
    try:
        residence_id(text, "")
    except ValueError:
        raise _BadCell(Fault.BAD_RESIDENCE) from None
    return text


def _postal_code(text: str) -> str:
    if not _POSTAL_CODE.fullmatch(text):
        raise _BadCell(Fault.BAD_POSTAL_CODE)
    return text


def _name(text: str) -> str:
    if not any(letter.isalpha() for letter in text) or any(letter.isdigit() for letter in text):
        raise _BadCell(Fault.BAD_NAME)
    return text


def _date(text: str) -> date:
    if french := _FRENCH_DATE.fullmatch(text):
        day, month, year = french.groups()
    elif iso := _ISO_DATE.fullmatch(text):
        year, month, day = iso.groups()
    else:
        raise _BadCell(Fault.TWO_DIGIT_YEAR if _SHORT_YEAR.fullmatch(text) else Fault.NOT_A_DATE)
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise _BadCell(Fault.IMPOSSIBLE_DATE) from None


def _lease_date(text: str) -> date:
    day = _date(text)
    if day.year not in _LEASE_YEARS:
        raise _BadCell(Fault.UNLIKELY_DATE)
    return day


def _cents(text: str) -> int:
    """Integer cents, by digits alone: no float ever holds money."""
    negative = text[0] in "-−"
    figures = re.sub(r" ?(?:€|EUR)$", "", text[1:].strip() if negative else text)
    if _TWO_WAYS.fullmatch(figures):
        raise _BadCell(Fault.AMBIGUOUS_AMOUNT)
    amount = _PLAIN_AMOUNT.fullmatch(figures) or _GROUPED_AMOUNT.fullmatch(figures)
    if amount is None:
        raise _BadCell(Fault.FORMULA if negative else Fault.NOT_AN_AMOUNT)
    if negative:
        raise _BadCell(Fault.NEGATIVE_AMOUNT)
    euros, decimals = amount.groups(default="")
    digits = re.sub("[^0-9]", "", euros).lstrip("0")
    if len(digits) > len(str(MAX_AMOUNT_CENTS)):
        raise _BadCell(Fault.UNLIKELY_AMOUNT, str(MAX_AMOUNT_CENTS // 100))
    cents = int(digits or "0") * 100 + int(decimals.ljust(2, "0"))
    if cents > MAX_AMOUNT_CENTS:
        raise _BadCell(Fault.UNLIKELY_AMOUNT, str(MAX_AMOUNT_CENTS // 100))
    return cents


def _ine(text: str) -> str:
    ine = normal_ine(text)
    if ine is None:
        raise _BadCell(Fault.BAD_INE)
    return ine


def _email(text: str) -> str:
    address = normal_email(text)
    if address is None:
        raise _BadCell(Fault.BAD_EMAIL)
    return address


def _phone(text: str) -> str:
    number = normal_phone(text)
    if number is None:
        raise _BadCell(Fault.BAD_PHONE if text[0] != "-" else Fault.FORMULA)
    return number


def _language(text: str) -> Language:
    language = LANGUAGES.get(folded(text))
    if language is None:
        raise _BadCell(Fault.BAD_LANGUAGE)
    return language


def _code(text: str) -> str:
    if not _CODE.fullmatch(text) or len(codes.fold(text)) < _CODE_SYMBOLS:
        raise _BadCell(Fault.BAD_CODE)
    return text


_READERS: dict[Column, Callable[[str], object]] = {
    Column.REFERENCE: _reference,
    Column.RESIDENCE: _residence,
    Column.ADDRESS: _text_cell,
    Column.POSTAL_CODE: _postal_code,
    Column.CITY: _text_cell,
    Column.ROOM: _text_cell,
    Column.FAMILY_NAME: _name,
    Column.GIVEN_NAMES: _name,
    Column.BIRTH_DATE: _date,
    Column.INE: _ine,
    Column.EMAIL: _email,
    Column.PHONE: _phone,
    Column.LANGUAGE: _language,
    Column.STARTS_ON: _lease_date,
    Column.ENDS_ON: _lease_date,
    Column.RENT: _cents,
    Column.CHARGES: _cents,
    Column.DEPOSIT: _cents,
    Column.TENANT_CODE: _code,
}
