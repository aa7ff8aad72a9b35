"""How a transmission is written, and how its acknowledgement is read: one format a recipient's system takes.

A `Format` is the whole of what another system would need: CSV today, an interface of the CAF's or a
university's the day one is published. docs/transmissions.md describes the columns to those who read them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from sesame.domain.codes import is_tenant_reference
from sesame.domain.contacts import folded
from sesame.domain.csv_files import BadCell, Encoding, Layout, ReadFile, read_once, write_csv
from sesame.domain.file_faults import Fault
from sesame.domain.transmissions import Change, Difference, RowState, TransmissionKind, Unit, Value


@dataclass(frozen=True, slots=True)
class Heading:
    """A column: the value that it shows, its title, what the value is."""

    name: str
    title: str
    unit: Unit = Unit.TEXT


_RENT_CERTIFICATES = (
    Heading("number", "Numéro d'attestation"),
    Heading("verification_code", "Code de vérification"),
    Heading("issued_on", "Date d'attestation", Unit.DAY),
    Heading("landlord_code", "Code bailleur"),
    Heading("agency_code", "Code agence"),
    Heading("siret", "SIRET"),
    Heading("landlord", "Bailleur"),
    Heading("family_name", "Nom"),
    Heading("given_names", "Prénoms"),
    Heading("birth_date", "Date de naissance", Unit.DAY),
    Heading("residence", "Résidence"),
    Heading("address", "Adresse"),
    Heading("room", "Logement"),
    Heading("surface", "Surface (m²)", Unit.SQUARE_DECIMETRES),
    Heading("structure", "Type de structure"),
    Heading("agreement_number", "Numéro de convention"),
    Heading("agreement_on", "Date de convention", Unit.DAY),
    Heading("starts_on", "Date d'entrée", Unit.DAY),
    Heading("ends_on", "Fin du bail", Unit.DAY),
    Heading("entry_month", "Mois d'entrée", Unit.MONTH),
    Heading("entry_month_rent", "Loyer du mois d'entrée", Unit.CENTS),
    Heading("entry_month_charges", "Charges du mois d'entrée", Unit.CENTS),
    Heading("monthly_rent", "Loyer mensuel", Unit.CENTS),
    Heading("monthly_charges", "Charges mensuelles", Unit.CENTS),
    Heading("furnished", "Meublé", Unit.YES_NO),
    Heading("up_to_date", "À jour", Unit.YES_NO),
    Heading("third_party_payment", "Tiers payant", Unit.YES_NO),
)
_UNPAID_RENT = (
    Heading("landlord_code", "Code bailleur"),
    Heading("agency_code", "Code agence"),
    Heading("siret", "SIRET"),
    Heading("family_name", "Nom"),
    Heading("given_names", "Prénoms"),
    Heading("birth_date", "Date de naissance", Unit.DAY),
    Heading("residence", "Résidence"),
    Heading("room", "Logement"),
    Heading("period", "Mois", Unit.MONTH),
    Heading("monthly_rent", "Loyer mensuel", Unit.CENTS),
    Heading("monthly_charges", "Charges mensuelles", Unit.CENTS),
    Heading("monthly_aid", "Aide mensuelle", Unit.CENTS),
    Heading("months_unpaid", "Nombre de mois impayés", Unit.NUMBER),
    Heading("amount_unpaid", "Montant impayé", Unit.CENTS),
    Heading("oldest_due_on", "Plus ancienne échéance", Unit.DAY),
    Heading("unpaid_since", "Impayé constitué le", Unit.DAY),
    Heading("report_by", "À signaler avant le", Unit.DAY),
)
_HOUSING_CONFIRMATIONS = (
    Heading("ine", "INE"),
    Heading("family_name", "Nom"),
    Heading("given_names", "Prénoms"),
    Heading("birth_date", "Date de naissance", Unit.DAY),
    Heading("academic_year", "Année universitaire"),
    Heading("university", "Établissement"),
    Heading("residence", "Résidence"),
    Heading("address", "Adresse"),
    Heading("postal_code", "Code postal"),
    Heading("city", "Ville"),
    Heading("room", "Logement"),
    Heading("starts_on", "Date d'entrée", Unit.DAY),
    Heading("ends_on", "Date de fin", Unit.DAY),
)
HEADINGS: Mapping[TransmissionKind, tuple[Heading, ...]] = {
    TransmissionKind.RENT_CERTIFICATES: _RENT_CERTIFICATES,
    TransmissionKind.UNPAID_RENT: _UNPAID_RENT,
    TransmissionKind.HOUSING_CONFIRMATIONS: _HOUSING_CONFIRMATIONS,
}
COMMON = ("Transmission", "Référence locataire", "Nature")
"""The columns before them: the file's own reference, the row's, and what the row means."""

_CHANGES = {Change.NEW: "création", Change.CHANGED: "modification", Change.WITHDRAWN: "annulation"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file, ready to be kept; `encoding` is named because no reader should have to guess it."""

    data: bytes
    encoding: str
    media_type: str
    extension: str


class Format(Protocol):
    """How files for a recipient are written, and what they send back is read."""

    @property
    def name(self) -> str: ...

    def write(self, kind: TransmissionKind, reference: str, rows: Sequence[Difference]) -> Written:
        """The file of a transmission, every row under the file's reference."""
        ...

    def read(self, data: bytes) -> "AcknowledgementFile":
        """What a recipient sent back. Raises FileUnreadable where no row of it can be trusted."""
        ...


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """Semicolons, French dates, decimal commas, UTF-8 with its mark, every cell neutralised."""

    name: str = "csv"

    def write(self, kind: TransmissionKind, reference: str, rows: Sequence[Difference]) -> Written:
        """The file of a transmission."""
        headings = HEADINGS[kind]
        table = [[*COMMON, *(heading.title for heading in headings)]]
        for one in rows:
            cells = [_cell(one.row.values.get(heading.name), heading.unit) for heading in headings]
            table.append([reference, one.row.reference, _CHANGES[one.change], *cells])
        return Written(
            data=write_csv(table).encode(),
            encoding=Encoding.UTF_8_BOM.value,
            media_type="text/csv; charset=utf-8",
            extension="csv",
        )

    def read(self, data: bytes) -> "AcknowledgementFile":
        """A CSV as a spreadsheet or the recipient's system writes it."""
        return read_acknowledgements(data)


FORMATS: Mapping[TransmissionKind, Format] = dict.fromkeys(TransmissionKind, CsvFormat())
"""Which format each kind goes out in."""


def _cell(value: Value, unit: Unit) -> str:
    """A value as the CSV writes it."""
    if value is None:
        return ""
    match unit:
        case Unit.DAY if isinstance(value, date):
            return f"{value:%d/%m/%Y}"
        case Unit.MONTH:
            year, _, month = str(value).partition("-")
            return f"{month}/{year}"
        case Unit.CENTS | Unit.SQUARE_DECIMETRES if isinstance(value, int):
            return f"{value // 100},{value % 100:02}"
        case Unit.YES_NO:
            return "oui" if value else "non"
    return str(value)


def file_reference(transmission_id: str, number: int) -> str:
    """What a file calls itself, and an acknowledgement calls it. `…-2` is the first correction."""
    return f"{transmission_id}-{number}"


def read_file_reference(text: str) -> tuple[str, int] | None:
    """The transmission and the number of a file, or None."""
    found = re.fullmatch(r"([0-9a-z]{26})-([1-9][0-9]{0,2})", text.strip().lower())
    return (found[1], int(found[2])) if found else None


# --- Acknowledgements


class AckColumn(StrEnum):
    """What a column of an acknowledgement stands for; the value is the field of Acknowledgement."""

    FILE = "file"
    REFERENCE = "reference"
    STATE = "state"
    REASON = "reason"


ACK_HEADERS: dict[AckColumn, tuple[str, ...]] = {
    AckColumn.FILE: ("Transmission", "Référence de transmission", "Fichier", "File"),
    AckColumn.REFERENCE: ("Référence locataire", "Réf. locataire", "Votre référence", "Tenant reference"),
    AckColumn.STATE: ("Statut", "État", "Résultat", "Status", "Result"),
    AckColumn.REASON: ("Motif", "Motif de rejet", "Commentaire", "Reason"),
}
"""The headers understood, French and English."""

_STATES = {
    "accepte": RowState.ACCEPTED,
    "acceptee": RowState.ACCEPTED,
    "ok": RowState.ACCEPTED,
    "accepted": RowState.ACCEPTED,
    "rejete": RowState.REJECTED,
    "rejetee": RowState.REJECTED,
    "ko": RowState.REJECTED,
    "refuse": RowState.REJECTED,
    "rejected": RowState.REJECTED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What a recipient says of a row."""

    line: int
    file: tuple[str, int]
    reference: str
    state: RowState
    reason: str = ""


type AcknowledgementFile = ReadFile[AckColumn, Acknowledgement]


def read_acknowledgements(data: bytes) -> AcknowledgementFile:
    """Read a whole file. Raises FileUnreadable, and nothing else, when no row of it can be trusted.

    A row that the file says twice is taken once: the first time.
    """

    def row(line: int, values: dict[str, object]) -> Acknowledgement:
        return Acknowledgement(line=line, **values)  # type: ignore[arg-type]

    return read_once(data, _LAYOUT, row, lambda one: (one.file, one.reference), AckColumn.REFERENCE)


def _file(text: str) -> tuple[str, int]:
    found = read_file_reference(text)
    if found is None:
        raise BadCell(Fault.UNKNOWN_TRANSMISSION)
    return found


def _reference(text: str) -> str:
    digits = folded(text)
    if not is_tenant_reference(digits):
        raise BadCell(Fault.NOT_SENT)
    return digits


def _state(text: str) -> RowState:
    try:
        return _STATES[folded(text)]
    except KeyError:
        raise BadCell(Fault.BAD_ACKNOWLEDGEMENT) from None


_LAYOUT = Layout(
    headers=ACK_HEADERS,
    optional=frozenset({AckColumn.REASON}),
    readers={
        AckColumn.FILE: _file,
        AckColumn.REFERENCE: _reference,
        AckColumn.STATE: _state,
        AckColumn.REASON: str,
    },
    signed=frozenset(),
)
