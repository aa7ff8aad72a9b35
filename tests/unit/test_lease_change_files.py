"""Files of amendments and departures: a row becomes the change it says, or says what is wrong with it."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.codes import new_tenant_reference
from sesame.domain.file_faults import WORDS, Fault, FileUnreadable
from sesame.domain.lease_change_files import (
    AMENDMENT_HEADERS,
    DEPARTURE_HEADERS,
    read_amendment_file,
    read_departure_file,
)
from sesame.domain.lease_life import (
    Extension,
    Leaving,
    LifeChange,
    RentAmendment,
    RoomChange,
    SharingChange,
)
from sesame.domain.tenancy import DepartureReason

AMENDMENTS = (
    "Référence du bail;Changement;Date d'effet;Nouvelle chambre;Redevance;Charges;Occupants;Nouvelle fin;"
    "Convenu le"
)
DEPARTURES = "Référence locataire;Date de départ;Congé reçu le;Motif"
OCTOBER = date(2026, 10, 16)
REFERENCE = new_tenant_reference(lambda count: bytes(count - 1) + b"\x07")


def amendments(*rows: str) -> bytes:
    return "\n".join([AMENDMENTS, *rows]).encode()


def departures(*rows: str) -> bytes:
    return "\n".join([DEPARTURES, *rows]).encode()


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("L1;chambre;16/10/2026;C301;;;;;", RoomChange(starts_on=OCTOBER, room="C301")),
        (
            "L1;Changement de chambre;2026-10-16;C301;412,50;0;2;;",
            RoomChange(starts_on=OCTOBER, room="C301", rent_cents=41_250, charges_cents=0, occupants=2),
        ),
        ("L1;Loyer;16/10/2026;;1 234,50;;;;", RentAmendment(starts_on=OCTOBER, rent_cents=123_450)),
        ("L1;rent;16/10/2026;;;31;;;", RentAmendment(starts_on=OCTOBER, charges_cents=3_100)),
        (
            "L1;colocation;16/10/2026;;200;;2;;",
            SharingChange(starts_on=OCTOBER, occupants=2, rent_cents=20_000),
        ),
        ("L1;PROLONGATION;;;;;;30/09/2027;", Extension(ends_on=date(2027, 9, 30))),
        (
            "L1;fin anticipée;;;;;;30/11/2026;02/11/2026",
            Leaving(
                leaves_on=date(2026, 11, 30),
                given_on=date(2026, 11, 2),
                reason=DepartureReason.AGREEMENT,
            ),
        ),
    ],
)
def test_a_row_becomes_the_change_that_it_says(row: str, change: LifeChange) -> None:
    file = read_amendment_file(amendments(row))

    assert [one.change for one in file.rows] == [change]
    assert file.rows[0].lease_reference == "L1"
    assert file.problems == ()


@pytest.mark.parametrize(
    ("row", "column", "fault"),
    [
        ("L1;déménagement;16/10/2026;C301;;;;;", "Changement", Fault.BAD_CHANGE),
        (";chambre;16/10/2026;C301;;;;;", "Référence du bail", Fault.NO_LEASE),
        ("L1;chambre;;C301;;;;;", "Date d'effet", Fault.MISSING),
        ("L1;chambre;16/10/2026;;;;;;", "Nouvelle chambre", Fault.MISSING),
        ("L1;loyer;16/10/2026;;;;;;", "Redevance", Fault.MISSING),
        ("L1;loyer;16/10/2026;C301;400;;;;", "Nouvelle chambre", Fault.NOT_FOR_THIS_CHANGE),
        ("L1;prolongation;;;400;;;30/09/2027;", "Redevance", Fault.NOT_FOR_THIS_CHANGE),
        ("L1;fin anticipée;;;;;;30/11/2026;", "Convenu le", Fault.MISSING),
        ("L1;colocation;16/10/2026;;;;12;;", "Occupants", Fault.BAD_OCCUPANTS),
        ("L1;colocation;16/10/2026;;;;²;;", "Occupants", Fault.BAD_OCCUPANTS),
        ("L1;loyer;16/10/2026;;6000;;;;", "Redevance", Fault.UNLIKELY_AMOUNT),
        ("L1;loyer;16/10/1926;;400;;;;", "Date d'effet", Fault.UNLIKELY_DATE),
        ("L1;loyer;16/10/26;;400;;;;", "Date d'effet", Fault.TWO_DIGIT_YEAR),
    ],
)
def test_what_cannot_be_taken_names_its_column_and_leaves_the_others(
    row: str, column: str, fault: Fault
) -> None:
    file = read_amendment_file(amendments(row, "L2;loyer;16/10/2026;;400;;;;"))

    assert [(one.line, one.column, one.fault) for one in file.problems] == [(2, column, fault)]
    assert [one.lease_reference for one in file.rows] == ["L2"]


def test_a_file_may_leave_out_the_columns_that_none_of_its_rows_needs() -> None:
    headers = "Référence locataire,Nature,À compter du,Nouveau loyer"

    file = read_amendment_file(
        "\n".join(
            [
                headers,
                f"{REFERENCE},loyer,2026-11-01,400.00",
                "1234567890,loyer,2026-11-01,400.00",
                f"{REFERENCE},prolongation,,",
            ]
        ).encode()
    )

    assert [one.tenant_reference for one in file.rows] == [REFERENCE]
    assert [(one.line, one.column, one.fault) for one in file.problems] == [
        (3, "Référence locataire", Fault.UNKNOWN_LEASE),
        (4, "Nouvelle fin", Fault.MISSING),
    ]


def test_departures_are_read_with_their_reason() -> None:
    file = read_departure_file(
        departures(
            f"{REFERENCE};30/06/2027;28/05/2027;Congé",
            f"{REFERENCE};30/06/2027;28/05/2027;déménagement",
            f"{REFERENCE};30/06/2027;;abandon",
        )
    )

    [row] = file.rows
    assert row.tenant_reference == REFERENCE
    assert row.change == Leaving(
        leaves_on=date(2027, 6, 30),
        given_on=date(2027, 5, 28),
        reason=DepartureReason.TENANT_NOTICE,
    )
    assert [(one.line, one.column, one.fault) for one in file.problems] == [
        (3, "Motif", Fault.BAD_REASON),
        (4, "Congé reçu le", Fault.MISSING),
    ]


def test_the_same_row_twice_in_a_file_is_taken_once_and_said() -> None:
    row = "L1;loyer;16/10/2026;;400,00;;;;"

    file = read_amendment_file(amendments(row, row.replace("400,00", "400"), row.replace("L1", "L2")))

    assert [one.line for one in file.rows] == [2, 4]
    assert [(one.line, one.fault, one.about) for one in file.problems] == [(3, Fault.REPEATED_LINE, "2")]


def test_headers_of_one_kind_of_file_are_told_apart() -> None:
    for headers in (AMENDMENT_HEADERS, DEPARTURE_HEADERS):
        names = [name for column in headers.values() for name in column]
        assert len(names) == len(set(names))


def test_a_file_of_another_kind_is_not_taken() -> None:
    with pytest.raises(FileUnreadable) as refused:
        read_departure_file(amendments("L1;loyer;16/10/2026;;400;;;;"))
    assert refused.value.fault is Fault.MISSING_COLUMNS


@given(cells=st.lists(st.text(max_size=12), min_size=9, max_size=9))
def test_whatever_stands_in_its_cells_a_row_is_taken_or_explained(cells: list[str]) -> None:
    try:
        file = read_amendment_file(amendments(";".join(cells), "L2;loyer;16/10/2026;;400;;;;"))
    except FileUnreadable:
        return

    explained = {one.line for one in file.problems} | {one.line for one in file.rows}
    assert set(file.lines) <= explained
    assert all(one.fault in WORDS for one in file.problems)


def test_the_samples_that_are_documented_can_be_read_whole() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "lease-files.md").read_text("utf-8")
    samples = page.split("```\n")[1::2]

    amended, departed = (sample.encode() for sample in samples)

    assert len(read_amendment_file(amended).rows) == 5
    assert len(read_departure_file(departed).rows) == 1
    assert read_amendment_file(amended).problems == read_departure_file(departed).problems == ()


def test_the_documentation_names_every_header_that_is_understood() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "lease-files.md").read_text("utf-8")
    names = [*AMENDMENT_HEADERS.values(), *DEPARTURE_HEADERS.values()]

    assert [name for some in names for name in some if name not in page] == []
