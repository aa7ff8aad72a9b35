"""Read the CAF's monthly files of housing aid paid to the landlord: good rows, and all that is wrong."""

import hashlib
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sesame.domain.calendar import Period
from sesame.domain.codes import is_tenant_reference
from sesame.domain.contacts import folded
from sesame.domain.csv_files import BadCell, Layout, ReadFile, cents, day, read_once, reference
from sesame.domain.file_faults import Fault


class AidColumn(StrEnum):
    """What a column stands for; the value is the field of AidRow that it fills."""

    TENANT_REFERENCE = "tenant_reference"
    PERIOD = "period"
    AMOUNT = "amount_cents"
    PAID_ON = "paid_on"
    AID = "aid"
    PAYMENT_REFERENCE = "payment_reference"


class Aid(StrEnum):
    """The kinds of housing aid (*APL, ALS, ALF*)."""

    APL = "apl"
    ALS = "als"
    ALF = "alf"


AID_HEADERS: dict[AidColumn, tuple[str, ...]] = {
    AidColumn.TENANT_REFERENCE: (
        "Référence locataire",
        "Réf. locataire",
        "Code locataire CAF",
        "Votre référence",
        "Tenant reference",
    ),
    AidColumn.PERIOD: ("Mois", "Mois de droit", "Période", "Mois concerné", "Month", "Period"),
    AidColumn.AMOUNT: ("Montant", "Montant versé", "Montant de l'aide", "Amount", "Amount paid"),
    AidColumn.PAID_ON: (
        "Date de versement",
        "Versé le",
        "Date de paiement",
        "Date du virement",
        "Paid on",
        "Payment date",
    ),
    AidColumn.AID: ("Prestation", "Nature de l'aide", "Type d'aide", "Aid", "Benefit"),
    AidColumn.PAYMENT_REFERENCE: (
        "Référence du versement",
        "Référence du virement",
        "N° de virement",
        "Payment reference",
    ),
}
"""The headers understood, French and English."""

OPTIONAL_AID_COLUMNS = frozenset({AidColumn.AID, AidColumn.PAYMENT_REFERENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class AidRow:
    """Aid that the CAF paid for a tenant's month, in cents."""

    line: int
    tenant_reference: str
    period: Period
    amount_cents: int
    paid_on: date
    aid: Aid | None = None
    payment_reference: str | None = None

    def digest(self) -> str:
        """SHA-256 of what was paid, wherever the row stands: the same in two files is one payment.

        The kind of aid is no part of it: a file that names it and one that does not mean the same money.
        """
        said = (self.tenant_reference, self.period, self.amount_cents, self.paid_on, self.payment_reference)
        return hashlib.sha256("\x1f".join(map(str, said)).encode()).hexdigest()


type AidFile = ReadFile[AidColumn, AidRow]


def read_aid_file(data: bytes) -> AidFile:
    """Read a whole file. Raises FileUnreadable, and nothing else, when no row of it can be trusted.

    The same row twice in a file is taken once: the first time.
    """

    def row(line: int, values: dict[str, object]) -> AidRow:
        return AidRow(line=line, **values)  # type: ignore[arg-type]

    return read_once(data, _LAYOUT, row, AidRow.digest, AidColumn.TENANT_REFERENCE)


_FRENCH_MONTH = re.compile(r"(0?[1-9]|1[0-2])/(20[0-9]{2})")
_ISO_MONTH = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


def _tenant_reference(text: str) -> str:
    digits = folded(text)
    if not is_tenant_reference(digits):
        raise BadCell(Fault.UNKNOWN_TENANT)
    return digits


def _period(text: str) -> Period:
    if iso := _ISO_MONTH.fullmatch(text):
        return f"{iso[1]}-{iso[2]}"
    if french := _FRENCH_MONTH.fullmatch(text):
        return f"{french[2]}-{int(french[1]):02}"
    raise BadCell(Fault.BAD_PERIOD)


def _amount(text: str) -> int:
    amount = cents(text)
    if not amount:
        raise BadCell(Fault.ZERO_AMOUNT)
    return amount


def _aid(text: str) -> Aid:
    try:
        return Aid(folded(text))
    except ValueError:
        raise BadCell(Fault.BAD_AID) from None


_LAYOUT = Layout(
    headers=AID_HEADERS,
    optional=OPTIONAL_AID_COLUMNS,
    readers={
        AidColumn.TENANT_REFERENCE: _tenant_reference,
        AidColumn.PERIOD: _period,
        AidColumn.AMOUNT: _amount,
        AidColumn.PAID_ON: day,
        AidColumn.AID: _aid,
        AidColumn.PAYMENT_REFERENCE: reference,
    },
    signed=frozenset({AidColumn.AMOUNT}),
)
