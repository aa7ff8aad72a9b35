"""Read files of what became of leases: amendments, and departures. Good rows, and all that is wrong.

Both name a lease by the operator's reference of it, or by the tenant reference that documents print. A row
becomes the very change that staff would decide at the desk.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sesame.domain.codes import is_tenant_reference
from sesame.domain.contacts import folded
from sesame.domain.csv_files import BadCell, BadRow, Layout, ReadFile, cents, read_once, reference
from sesame.domain.file_faults import Fault
from sesame.domain.lease_files import HEADERS, Column, lease_date
from sesame.domain.lease_life import Extension, Leaving, RentAmendment, RoomChange, SharingChange
from sesame.domain.tenancy import DepartureReason

MAX_RENT_CENTS = 500_000
"""As at the desk: a typing error must not bill somebody a year's rent."""
MOST_OCCUPANTS = 9

FiledChange = RoomChange | RentAmendment | SharingChange | Extension | Leaving
"""What a row can ask for."""


class AmendmentColumn(StrEnum):
    """What a column of a file of amendments stands for."""

    LEASE = "lease_reference"
    TENANT = "tenant_reference"
    CHANGE = "change"
    STARTS_ON = "starts_on"
    ROOM = "room"
    RENT = "rent_cents"
    CHARGES = "charges_cents"
    OCCUPANTS = "occupants"
    ENDS_ON = "ends_on"
    GIVEN_ON = "given_on"


class DepartureColumn(StrEnum):
    """What a column of a file of departures stands for."""

    LEASE = "lease_reference"
    TENANT = "tenant_reference"
    LEAVES_ON = "leaves_on"
    GIVEN_ON = "given_on"
    REASON = "reason"


class Amended(StrEnum):
    """What a file may change of a lease that goes on, or when it ends."""

    ROOM = "room"
    RENT = "rent"
    SHARING = "sharing"
    EXTENSION = "extension"
    EARLY_END = "early_end"


_TENANT_HEADERS = ("Référence locataire", "Réf. locataire", "Votre référence", "Tenant reference")

AMENDMENT_HEADERS: dict[AmendmentColumn, tuple[str, ...]] = {
    AmendmentColumn.LEASE: HEADERS[Column.REFERENCE],
    AmendmentColumn.TENANT: _TENANT_HEADERS,
    AmendmentColumn.CHANGE: ("Changement", "Nature", "Type d'avenant", "Avenant", "Change", "Amendment"),
    AmendmentColumn.STARTS_ON: (
        "Date d'effet",
        "À partir du",
        "À compter du",
        "Effective date",
        "Effective on",
        "From",
    ),
    AmendmentColumn.ROOM: ("Nouvelle chambre", "Nouveau logement", "New room", *HEADERS[Column.ROOM]),
    AmendmentColumn.RENT: ("Nouvelle redevance", "Nouveau loyer", "New rent", *HEADERS[Column.RENT]),
    AmendmentColumn.CHARGES: ("Nouvelles charges", "New charges", *HEADERS[Column.CHARGES]),
    AmendmentColumn.OCCUPANTS: ("Occupants", "Nombre d'occupants", "Number of occupants"),
    AmendmentColumn.ENDS_ON: ("Nouvelle fin", "Nouvelle date de fin", "New end", "New end date"),
    AmendmentColumn.GIVEN_ON: ("Convenu le", "Décidé le", "Agreed on", "Decided on"),
}
"""The headers understood, French and English."""

DEPARTURE_HEADERS: dict[DepartureColumn, tuple[str, ...]] = {
    DepartureColumn.LEASE: HEADERS[Column.REFERENCE],
    DepartureColumn.TENANT: _TENANT_HEADERS,
    DepartureColumn.LEAVES_ON: (
        "Date de départ",
        "Départ",
        "Dernier jour",
        "Parti le",
        "Departure date",
        "Last day",
        "Leaves on",
        *HEADERS[Column.ENDS_ON],
    ),
    DepartureColumn.GIVEN_ON: (
        "Congé reçu le",
        "Date du congé",
        "Date de préavis",
        "Décidé le",
        "Notice received on",
        "Notice date",
        "Decided on",
    ),
    DepartureColumn.REASON: ("Motif", "Motif du départ", "Reason"),
}
"""The headers understood, French and English."""

_CHANGES: dict[Amended, tuple[str, ...]] = {
    Amended.ROOM: ("chambre", "changement de chambre", "logement", "mutation", "room", "room change"),
    Amended.RENT: ("loyer", "redevance", "changement de loyer", "révision", "rent", "rent amendment"),
    Amended.SHARING: ("colocation", "cotitulaire", "occupants", "sharing", "co-tenant"),
    Amended.EXTENSION: ("prolongation", "extension"),
    Amended.EARLY_END: ("fin anticipée", "fin avancée", "early end"),
}
_REASONS: dict[DepartureReason, tuple[str, ...]] = {
    DepartureReason.TENANT_NOTICE: ("congé", "congé du locataire", "préavis", "notice", "tenant notice"),
    DepartureReason.AGREEMENT: (
        "accord",
        "commun accord",
        "d'un commun accord",
        "accord amiable",
        "agreement",
    ),
    DepartureReason.DECISION: ("décision", "exclusion", "expulsion", "jugement", "decision", "eviction"),
    DepartureReason.ABANDONED: ("abandon", "abandon du logement", "chambre abandonnée", "abandoned"),
}

_PARTS: dict[Amended, tuple[frozenset[AmendmentColumn], frozenset[AmendmentColumn]]] = {
    Amended.ROOM: (
        frozenset({AmendmentColumn.STARTS_ON, AmendmentColumn.ROOM}),
        frozenset({AmendmentColumn.RENT, AmendmentColumn.CHARGES, AmendmentColumn.OCCUPANTS}),
    ),
    Amended.RENT: (
        frozenset({AmendmentColumn.STARTS_ON}),
        frozenset({AmendmentColumn.RENT, AmendmentColumn.CHARGES}),
    ),
    Amended.SHARING: (
        frozenset({AmendmentColumn.STARTS_ON, AmendmentColumn.OCCUPANTS}),
        frozenset({AmendmentColumn.RENT, AmendmentColumn.CHARGES}),
    ),
    Amended.EXTENSION: (frozenset({AmendmentColumn.ENDS_ON}), frozenset()),
    Amended.EARLY_END: (frozenset({AmendmentColumn.ENDS_ON, AmendmentColumn.GIVEN_ON}), frozenset()),
}
"""What each change needs, and what else it may say. A cell of another change is refused, not passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseChangeRow:
    """A change of a lease, as one of its two references names it."""

    line: int
    change: FiledChange
    lease_reference: str | None = None
    tenant_reference: str | None = None

    @property
    def lease(self) -> tuple[str | None, str | None]:
        """The lease as the row names it."""
        return self.lease_reference, self.tenant_reference

    @property
    def on(self) -> date:
        """The day that it is about, by which the changes of one lease follow each other."""
        match self.change:
            case Extension():
                return self.change.ends_on
            case Leaving():
                return self.change.leaves_on
        return self.change.starts_on


type AmendmentFile = ReadFile[AmendmentColumn, LeaseChangeRow]
type DepartureFile = ReadFile[DepartureColumn, LeaseChangeRow]


def read_amendment_file(data: bytes) -> AmendmentFile:
    """Read a whole file of amendments. Raises FileUnreadable, and nothing else, when none can be trusted."""
    return read_once(data, _AMENDMENTS, _amendment_row, _said, None, Fault.REPEATED_LINE)


def read_departure_file(data: bytes) -> DepartureFile:
    """Read a whole file of departures. Raises FileUnreadable, and nothing else, as above."""
    return read_once(data, _DEPARTURES, _departure_row, _said, None, Fault.REPEATED_LINE)


def _said(row: LeaseChangeRow) -> object:
    return row.lease, row.change


def _amendment_row(line: int, values: dict[str, object]) -> LeaseChangeRow:
    _must_name_a_lease(values)
    kind = Amended(str(values[AmendmentColumn.CHANGE]))
    needed, allowed = _PARTS[kind]
    for column in AmendmentColumn:
        if column in needed and column not in values:
            raise BadRow(column, Fault.MISSING)
        if column in values and column not in needed | allowed | _NAMING:
            raise BadRow(column, Fault.NOT_FOR_THIS_CHANGE)
    said = {str(column): values[column] for column in needed | allowed if column in values}
    if kind is Amended.RENT and said.keys() == {AmendmentColumn.STARTS_ON}:
        raise BadRow(AmendmentColumn.RENT, Fault.MISSING)
    return LeaseChangeRow(line=line, change=_MAKERS[kind](said), **_names(values))


def _departure_row(line: int, values: dict[str, object]) -> LeaseChangeRow:
    _must_name_a_lease(values)
    said = {
        str(column): values[column]
        for column in (DepartureColumn.LEAVES_ON, DepartureColumn.GIVEN_ON, DepartureColumn.REASON)
    }
    return LeaseChangeRow(line=line, change=Leaving(**said), **_names(values))  # type: ignore[arg-type]


def _must_name_a_lease(values: dict[str, object]) -> None:
    if AmendmentColumn.LEASE not in values and AmendmentColumn.TENANT not in values:
        raise BadRow(AmendmentColumn.LEASE, Fault.NO_LEASE)


def _names(values: dict[str, object]) -> dict[str, str]:
    columns = (AmendmentColumn.LEASE, AmendmentColumn.TENANT)
    return {str(column): str(values[column]) for column in columns if column in values}


def _early_end(said: dict[str, object]) -> FiledChange:
    """Both sides agreed on an earlier last day; a tenant's notice comes in a file of departures."""
    return Leaving(
        leaves_on=said[AmendmentColumn.ENDS_ON],  # type: ignore[arg-type]
        given_on=said[AmendmentColumn.GIVEN_ON],  # type: ignore[arg-type]
        reason=DepartureReason.AGREEMENT,
    )


_MAKERS: dict[Amended, Callable[[dict[str, object]], FiledChange]] = {
    Amended.ROOM: lambda said: RoomChange(**said),  # type: ignore[arg-type]
    Amended.RENT: lambda said: RentAmendment(**said),  # type: ignore[arg-type]
    Amended.SHARING: lambda said: SharingChange(**said),  # type: ignore[arg-type]
    Amended.EXTENSION: lambda said: Extension(**said),  # type: ignore[arg-type]
    Amended.EARLY_END: _early_end,
}
_NAMING = frozenset({AmendmentColumn.LEASE, AmendmentColumn.TENANT, AmendmentColumn.CHANGE})


# --- Cells to values


def _tenant_reference(text: str) -> str:
    digits = folded(text)
    if not is_tenant_reference(digits):
        raise BadCell(Fault.UNKNOWN_LEASE)
    return digits


def _meant[Value](meant: Mapping[Value, tuple[str, ...]], fault: Fault) -> Callable[[str], Value]:
    words = {folded(word): value for value, words in meant.items() for word in words}

    def read(text: str) -> Value:
        value = words.get(folded(text))
        if value is None:
            raise BadCell(fault)
        return value

    return read


_change = _meant(_CHANGES, Fault.BAD_CHANGE)
_reason = _meant(_REASONS, Fault.BAD_REASON)


def _rent(text: str) -> int:
    amount = cents(text)
    if amount > MAX_RENT_CENTS:
        raise BadCell(Fault.UNLIKELY_AMOUNT, str(MAX_RENT_CENTS // 100))
    return amount


def _occupants(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_OCCUPANTS):
        raise BadCell(Fault.BAD_OCCUPANTS, str(MOST_OCCUPANTS))
    return int(text)


_AMENDMENTS = Layout(
    headers=AMENDMENT_HEADERS,
    optional=frozenset(AmendmentColumn) - {AmendmentColumn.CHANGE},
    readers={
        AmendmentColumn.LEASE: reference,
        AmendmentColumn.TENANT: _tenant_reference,
        AmendmentColumn.CHANGE: _change,
        AmendmentColumn.STARTS_ON: lease_date,
        AmendmentColumn.ROOM: str,
        AmendmentColumn.RENT: _rent,
        AmendmentColumn.CHARGES: _rent,
        AmendmentColumn.OCCUPANTS: _occupants,
        AmendmentColumn.ENDS_ON: lease_date,
        AmendmentColumn.GIVEN_ON: lease_date,
    },
    signed=frozenset({AmendmentColumn.RENT, AmendmentColumn.CHARGES}),
    worded=frozenset({AmendmentColumn.ROOM}),
)
_DEPARTURES = Layout(
    headers=DEPARTURE_HEADERS,
    optional=frozenset({DepartureColumn.LEASE, DepartureColumn.TENANT}),
    readers={
        DepartureColumn.LEASE: reference,
        DepartureColumn.TENANT: _tenant_reference,
        DepartureColumn.LEAVES_ON: lease_date,
        DepartureColumn.GIVEN_ON: lease_date,
        DepartureColumn.REASON: _reason,
    },
    signed=frozenset(),
)
