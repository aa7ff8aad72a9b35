"""Reading the CAF's files: every style, and every way a row can be wrong."""

from datetime import date
from pathlib import Path

import pytest

from sesame.domain.aid_files import AID_HEADERS, Aid, AidRow, read_aid_file
from sesame.domain.csv_files import Encoding
from sesame.domain.file_faults import WORDS, Fault, FileUnreadable

HEADER = "Référence locataire;Mois;Montant;Date de versement;Prestation;Référence du versement"
TENANT = "1000000064"  # ISO 7064 mod 97-10
GOOD = f"{TENANT};09/2026;150,00;25/09/2026;APL;VIR-1"


def faults(*rows: str, header: str = HEADER) -> list[tuple[int, str, Fault]]:
    read = read_aid_file("\n".join([header, *rows]).encode())
    return [(problem.line, problem.column, problem.fault) for problem in read.problems]


def test_a_row_is_what_was_paid_for_whose_month() -> None:
    [row] = read_aid_file(f"{HEADER}\n{GOOD}".encode()).rows

    assert row == AidRow(
        line=2,
        tenant_reference=TENANT,
        period="2026-09",
        amount_cents=15_000,
        paid_on=date(2026, 9, 25),
        aid=Aid.APL,
        payment_reference="VIR-1",
    )


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (f"{HEADER}\r\n{GOOD}\r\n".encode("cp1252"), Encoding.WINDOWS_1252),
        (f"{HEADER}\n{GOOD}\n\n;;;;;\n".encode("utf-8-sig"), Encoding.UTF_8_BOM),
        (f"tenant reference\tmonth\tamount\tpaid on\n{TENANT}\t2026-09\t150.00\t2026-09-25".encode(), None),
    ],
    ids=["spreadsheet", "with a mark", "English, tabs"],
)
def test_the_styles_of_spreadsheets_are_read_alike(data: bytes, encoding: Encoding | None) -> None:
    read = read_aid_file(data)

    [row] = read.rows
    assert (row.period, row.amount_cents, row.paid_on) == ("2026-09", 15_000, date(2026, 9, 25))
    assert read.encoding is (encoding or Encoding.UTF_8)


@pytest.mark.parametrize(
    ("row", "column", "fault"),
    [
        (GOOD.replace(TENANT, "1000000065"), "Référence locataire", Fault.UNKNOWN_TENANT),
        (GOOD.replace(";09/2026", ";13/2026"), "Mois", Fault.BAD_PERIOD),
        (GOOD.replace(";09/2026", ";septembre"), "Mois", Fault.BAD_PERIOD),
        (GOOD.replace("150,00", "0,00"), "Montant", Fault.ZERO_AMOUNT),
        (GOOD.replace("150,00", "-20,00"), "Montant", Fault.NEGATIVE_AMOUNT),
        (GOOD.replace("150,00", "1,500"), "Montant", Fault.AMBIGUOUS_AMOUNT),
        (GOOD.replace("25/09/2026", "31/09/2026"), "Date de versement", Fault.IMPOSSIBLE_DATE),
        (GOOD.replace("APL", "RSA"), "Prestation", Fault.BAD_AID),
        (GOOD.replace("VIR-1", "=1+1"), "Référence du versement", Fault.FORMULA),
        (f"{TENANT};09/2026;150,00", "", Fault.SHORT_ROW),
    ],
)
def test_a_bad_cell_is_named(row: str, column: str, fault: Fault) -> None:
    assert faults(GOOD, row) == [(3, column, fault)]


def test_the_same_row_twice_is_taken_once_and_another_payment_reference_is_another_payment() -> None:
    assert faults(GOOD, GOOD.replace("APL", "")) == [(3, "Référence locataire", Fault.REPEATED_ROW)]
    assert faults(GOOD, GOOD.replace("VIR-1", "VIR-2")) == []


def test_what_was_paid_is_the_same_wherever_the_row_stands() -> None:
    one, _, other = read_aid_file(
        f"{HEADER}\n{GOOD}\n{GOOD.replace('150', '151')}\n{GOOD.replace('VIR-1', '')}".encode()
    ).rows
    again = read_aid_file(f"{HEADER}\n{GOOD.replace('151', '150')}".encode()).rows[0]

    assert one.digest() == again.digest()
    assert one.digest() != other.digest()


def test_a_file_without_a_needed_column_is_refused_whole() -> None:
    with pytest.raises(FileUnreadable) as refused:
        read_aid_file(f"{HEADER.replace('Montant', 'Autre')}\n{GOOD}".encode())

    assert (refused.value.fault, refused.value.about) == (Fault.MISSING_COLUMNS, "Montant")


def test_every_fault_has_its_words() -> None:
    assert set(WORDS) == set(Fault)


def test_the_documentation_names_every_header_that_is_understood() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "aid-files.md").read_text("utf-8")

    assert [name for names in AID_HEADERS.values() for name in names if name not in page] == []
