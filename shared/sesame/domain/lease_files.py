"""Read the lease files that spreadsheets and residence software export: the good rows, and all that is wrong.

Nothing is guessed in silence: an amount or a date that reads two ways is refused, the encoding is reported.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from sesame.domain import codes
from sesame.domain.contacts import folded, folded_name, normal_email, normal_ine, normal_phone
from sesame.domain.csv_files import BadCell, Layout, ReadFile, cents, day, read_cells, read_csv, reference
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.residences import residence_id
from sesame.domain.tenancy import Language


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


type LeaseFile = ReadFile[Column, LeaseRow]


def read_lease_file(data: bytes) -> LeaseFile:
    """Read a whole file. Raises FileUnreadable, and nothing else, when no row of it can be trusted."""
    file = read_csv(data, LAYOUT)
    rows: list[LeaseRow] = []
    problems: list[RowProblem] = []
    names = file.names
    repeats, reference = _Repeats(names), file.places[Column.REFERENCE]
    for record in file.records:
        values, found = file.read(record)
        row, found = _row(record.line, values, found, names)
        found += repeats.of(record.line, "".join(record.cells[reference : reference + 1]), row)
        problems += found
        if row is not None and not found:
            rows.append(row)
    return ReadFile.of(file, rows, problems)


def check_lease(cells: dict[Column, str], line: int = 1) -> LeaseRow | list[RowProblem]:
    """The same rules for a lease given outside a file: its row, or all that is wrong (`column`: field)."""
    names = {column: column.value for column in Column}
    values, problems = read_cells(LAYOUT, line, cells, names)
    problems += [
        RowProblem(line=line, column=column.value, fault=Fault.MISSING)
        for column in Column
        if column not in cells and column not in OPTIONAL_COLUMNS
    ]
    row, problems = _row(line, values, problems, names)
    return row if row is not None else problems


def _row(
    line: int, values: dict[str, Any], problems: list[RowProblem], names: dict[Column, str]
) -> tuple[LeaseRow | None, list[RowProblem]]:
    problems += [
        RowProblem(line=line, column=names[column], fault=fault) for column, fault in _contradictions(values)
    ]
    if problems:
        return None, problems
    given = {name: value for name, value in values.items() if value is not None}
    return LeaseRow(line=line, **given), []


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

_POSTAL_CODE = re.compile(r"[0-9]{5}")
_CODE = re.compile(r"[A-Za-z0-9-]{5,20}")
_CODE_SYMBOLS = 4  # hyphens aside: they are ignored when a code is typed
_LEASE_YEARS = range(2000, 2101)


def _text_cell(text: str) -> str:
    return text


def _residence(text: str) -> str:
    try:
        residence_id(text, "")
    except ValueError:
        raise BadCell(Fault.BAD_RESIDENCE) from None
    return text


def _postal_code(text: str) -> str:
    if not _POSTAL_CODE.fullmatch(text):
        raise BadCell(Fault.BAD_POSTAL_CODE)
    return text


def _name(text: str) -> str:
    if not any(letter.isalpha() for letter in text) or any(letter.isdigit() for letter in text):
        raise BadCell(Fault.BAD_NAME)
    return text


def lease_date(text: str) -> date:
    """A day that a lease may speak of."""
    read = day(text)
    if read.year not in _LEASE_YEARS:
        raise BadCell(Fault.UNLIKELY_DATE)
    return read


def _ine(text: str) -> str:
    ine = normal_ine(text)
    if ine is None:
        raise BadCell(Fault.BAD_INE)
    return ine


def _email(text: str) -> str:
    address = normal_email(text)
    if address is None:
        raise BadCell(Fault.BAD_EMAIL)
    return address


def _phone(text: str) -> str:
    number = normal_phone(text)
    if number is None:
        raise BadCell(Fault.BAD_PHONE if text[0] != "-" else Fault.FORMULA)
    return number


def _language(text: str) -> Language:
    language = LANGUAGES.get(folded(text))
    if language is None:
        raise BadCell(Fault.BAD_LANGUAGE)
    return language


def _code(text: str) -> str:
    if not _CODE.fullmatch(text) or len(codes.fold(text)) < _CODE_SYMBOLS:
        raise BadCell(Fault.BAD_CODE)
    return text


_READERS: dict[Column, Callable[[str], object]] = {
    Column.REFERENCE: reference,
    Column.RESIDENCE: _residence,
    Column.ADDRESS: _text_cell,
    Column.POSTAL_CODE: _postal_code,
    Column.CITY: _text_cell,
    Column.ROOM: _text_cell,
    Column.FAMILY_NAME: _name,
    Column.GIVEN_NAMES: _name,
    Column.BIRTH_DATE: day,
    Column.INE: _ine,
    Column.EMAIL: _email,
    Column.PHONE: _phone,
    Column.LANGUAGE: _language,
    Column.STARTS_ON: lease_date,
    Column.ENDS_ON: lease_date,
    Column.RENT: cents,
    Column.CHARGES: cents,
    Column.DEPOSIT: cents,
    Column.TENANT_CODE: _code,
}

LAYOUT = Layout(
    headers=HEADERS,
    optional=OPTIONAL_COLUMNS,
    readers=_READERS,
    signed=frozenset({Column.PHONE, Column.RENT, Column.CHARGES, Column.DEPOSIT}),
    worded=frozenset(
        {
            Column.RESIDENCE,
            Column.ADDRESS,
            Column.CITY,
            Column.ROOM,
            Column.FAMILY_NAME,
            Column.GIVEN_NAMES,
        }
    ),
    any_length=frozenset({Column.EMAIL}),
)
