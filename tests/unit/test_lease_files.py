"""Reading lease files: every style spreadsheets write, and every way a row can be wrong."""

import csv
import io
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sesame.domain.csv_files import MAX_BYTES, MAX_ROWS, Encoding, neutralised, write_csv
from sesame.domain.file_faults import WORDS, Fault, FileUnreadable, RowProblem
from sesame.domain.lease_files import (
    HEADERS,
    OPTIONAL_COLUMNS,
    Column,
    LeaseRow,
    check_lease,
    read_lease_file,
)
from sesame.domain.tenancy import Language

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
NEXT_TO_SAMPLES = pytest.mark.skipif(
    not SAMPLES.exists(), reason="the shared samples are not beside this repository"
)

GOOD: dict[Column, str] = {
    Column.REFERENCE: "L1",
    Column.RESIDENCE: "Les Tanneurs",
    Column.ADDRESS: "14 rue des Tanneurs",
    Column.POSTAL_CODE: "69005",
    Column.CITY: "Lyon",
    Column.ROOM: "C209",
    Column.FAMILY_NAME: "D'Almeida",
    Column.GIVEN_NAMES: "Zoé",
    Column.BIRTH_DATE: "18/01/2000",
    Column.INE: "A6H68587840",
    Column.EMAIL: "zoe.dalmeida@example.org",
    Column.PHONE: "06 39 98 12 34",
    Column.LANGUAGE: "fr",
    Column.STARTS_ON: "01/09/2026",
    Column.ENDS_ON: "31/08/2027",
    Column.RENT: "351,94",
    Column.CHARGES: "35,60",
    Column.DEPOSIT: "351,94",
    Column.TENANT_CODE: "",
}


def a_file(
    *rows: dict[Column, str], headers: Sequence[str] = (), separator: str = ";", newline: str = "\r\n"
) -> str:
    """A file of good rows, each with the given cells changed; references are numbered unless given."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=newline)
    writer.writerow(headers or [HEADERS[column][0] for column in Column])
    for number, row in enumerate(rows, 1):
        cells = GOOD | {Column.REFERENCE: f"L{number}", Column.INE: ""} | row
        writer.writerow([cells[column] for column in Column])
    return out.getvalue()


def faults(data: str | bytes) -> list[tuple[int, str, Fault]]:
    read = read_lease_file(data.encode() if isinstance(data, str) else data)
    return [(problem.line, problem.column, problem.fault) for problem in read.problems]


def the_error(data: bytes) -> FileUnreadable:
    with pytest.raises(FileUnreadable) as caught:
        read_lease_file(data)
    return caught.value


# --- What is understood


def test_a_row_is_read_with_cents_dates_and_phone_in_their_normal_form() -> None:
    [row] = read_lease_file(a_file({Column.INE: "a6h68587840"}).encode()).rows

    assert row == LeaseRow(
        line=2,
        reference="L1",
        residence="Les Tanneurs",
        address="14 rue des Tanneurs",
        postal_code="69005",
        city="Lyon",
        room="C209",
        family_name="D'Almeida",
        given_names="Zoé",
        birth_date=date(2000, 1, 18),
        ine="A6H68587840",
        email="zoe.dalmeida@example.org",
        phone="+33639981234",
        language=Language.FRENCH,
        starts_on=date(2026, 9, 1),
        ends_on=date(2027, 8, 31),
        rent_cents=35194,
        charges_cents=3560,
        deposit_cents=35194,
        tenant_code=None,
    )
    assert row.residence_id == "les-tanneurs-69005"


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("codec", "encoding"),
    [("utf-8", Encoding.UTF_8), ("utf-8-sig", Encoding.UTF_8_BOM), ("cp1252", Encoding.WINDOWS_1252)],
)
def test_every_separator_line_ending_and_encoding_gives_the_same_row(
    separator: str, newline: str, codec: str, encoding: Encoding
) -> None:
    read = read_lease_file(a_file({}, separator=separator, newline=newline).encode(codec))

    assert (read.encoding, read.separator) == (encoding, separator)
    assert read.rows == read_lease_file(a_file({}).encode()).rows


def test_headers_are_known_in_english_in_any_order_whatever_their_case_accents_and_spaces() -> None:
    english = {column: names[-1] for column, names in HEADERS.items()}
    shouted = {column: f"  {name.upper()} " for column, name in english.items()}
    order = list(reversed(Column))
    text = ",".join(f'"{shouted[column]}"' for column in order) + "\n"
    text += ",".join(f'"{GOOD[column]}"' for column in order)

    [row] = read_lease_file(text.encode()).rows

    assert row.family_name == "D'Almeida"
    assert row.rent_cents == 35194


@pytest.mark.parametrize("header", sorted({name for names in HEADERS.values() for name in names}))
def test_every_documented_header_stands_for_one_column_only(header: str) -> None:
    columns = [column for column, names in HEADERS.items() if header in names]

    headers = [header if column in columns else HEADERS[column][0] for column in Column]

    assert read_lease_file(a_file({}, headers=headers).encode()).columns[columns[0]] == header


@pytest.mark.parametrize(
    ("written", "cents"),
    [
        ("474,68", 47468),
        ("474.68", 47468),
        ("474,5", 47450),
        ("474", 47400),
        ("0", 0),
        ("1 234,50", 123450),
        ("1\u00a0234,50", 123450),
        ("1\u202f234,50", 123450),
        ("1 234.50", 123450),
        ("1234.50", 123450),
        ("1.234,50", 123450),
        ("1,234.50", 123450),
        ("474,68 €", 47468),
        ("474.68 EUR", 47468),
    ],
)
def test_both_number_styles_give_the_same_cents(written: str, cents: int) -> None:
    [row] = read_lease_file(a_file({Column.RENT: written}).encode()).rows

    assert row.rent_cents == cents


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("1,234", Fault.AMBIGUOUS_AMOUNT),
        ("1.234", Fault.AMBIGUOUS_AMOUNT),
        ("1,234,567", Fault.AMBIGUOUS_AMOUNT),
        ("trois cents", Fault.NOT_AN_AMOUNT),
        ("12 34,50", Fault.NOT_AN_AMOUNT),
        ("1 234 5", Fault.NOT_AN_AMOUNT),
        ("1e3", Fault.NOT_AN_AMOUNT),
        ("١٢", Fault.NOT_AN_AMOUNT),
        ("474,685", Fault.AMBIGUOUS_AMOUNT),
        ("4740,685", Fault.NOT_AN_AMOUNT),
        ("-12,00", Fault.NEGATIVE_AMOUNT),
        ("−12,00", Fault.NEGATIVE_AMOUNT),
        ("-A1", Fault.FORMULA),
        ("=1+1", Fault.FORMULA),
        ("47468000", Fault.UNLIKELY_AMOUNT),
        ("9" * 100, Fault.UNLIKELY_AMOUNT),
        ("", Fault.MISSING),
    ],
)
def test_an_amount_that_is_not_plain_is_refused_not_guessed(written: str, fault: Fault) -> None:
    assert faults(a_file({Column.RENT: written})) == [(2, "Redevance", fault)]


@pytest.mark.parametrize("written", ["31/12/2027", "2027-12-31"])
def test_both_date_styles_give_the_same_day(written: str) -> None:
    [row] = read_lease_file(a_file({Column.ENDS_ON: written}).encode()).rows

    assert row.ends_on == date(2027, 12, 31)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("31/02/2027", Fault.IMPOSSIBLE_DATE),
        ("12/31/2027", Fault.IMPOSSIBLE_DATE),
        ("2027-02-29", Fault.IMPOSSIBLE_DATE),
        ("31/12/27", Fault.TWO_DIGIT_YEAR),
        ("bientôt", Fault.NOT_A_DATE),
        ("46387", Fault.NOT_A_DATE),
        ("31/12/9999", Fault.UNLIKELY_DATE),
        ("", Fault.MISSING),
    ],
)
def test_a_date_that_does_not_exist_or_reads_two_ways_is_refused(written: str, fault: Fault) -> None:
    assert faults(a_file({Column.ENDS_ON: written})) == [(2, "Date de sortie", fault)]


def test_a_lease_may_not_end_before_it_starts_but_may_last_one_day() -> None:
    swapped = {Column.STARTS_ON: "31/08/2027", Column.ENDS_ON: "07/09/2026"}
    one_day = {Column.STARTS_ON: "01/09/2026", Column.ENDS_ON: "01/09/2026"}

    assert faults(a_file(swapped, one_day)) == [(2, "Date de sortie", Fault.END_BEFORE_START)]


def test_optional_cells_may_be_empty_and_their_columns_absent() -> None:
    kept = [column for column in Column if column not in OPTIONAL_COLUMNS]
    text = ";".join(HEADERS[column][0] for column in kept) + "\n" + ";".join(GOOD[column] for column in kept)

    [row] = read_lease_file(text.encode()).rows

    assert (row.phone, row.ine, row.tenant_code, row.language) == (None, None, None, Language.FRENCH)


def test_spaces_around_a_name_are_trimmed_and_inside_made_single() -> None:
    [row] = read_lease_file(a_file({Column.FAMILY_NAME: "  de  La\u00a0Tour  "}).encode()).rows

    assert row.family_name == "de La Tour"


def test_decomposed_accents_read_as_composed_ones() -> None:
    [row] = read_lease_file(a_file({Column.GIVEN_NAMES: "Zoe\u0301"}).encode()).rows

    assert row.given_names == "Zoé"


def test_a_quoted_cell_may_hold_separators_quotes_and_newlines_and_lines_still_count_right() -> None:
    text = a_file({Column.ADDRESS: 'Bât. "B";\r\n14 rue des Tanneurs'}, {Column.RENT: "trois cents"})

    read = read_lease_file(text.encode())

    assert read.rows[0].address == 'Bât. "B"; 14 rue des Tanneurs'
    assert [problem.line for problem in read.problems] == [4]


def test_blank_lines_are_skipped_and_counted() -> None:
    header, row = a_file({Column.RENT: "x"}).splitlines()
    text = "\n".join(["", header, "", ";" * 18, row, ";" * 18, ""])

    assert faults(text) == [(5, "Redevance", Fault.NOT_AN_AMOUNT)]


def test_two_tenants_may_share_a_room_at_the_same_time() -> None:
    assert len(read_lease_file(a_file({}, {Column.EMAIL: "lea@example.org"}).encode()).rows) == 2


def test_headers_that_mean_nothing_here_are_named_not_hidden() -> None:
    text = re.sub(r"(?m)\r\n", ";x\r\n", a_file({})).replace("Code locataire;x", "Code locataire;Bourse")

    read = read_lease_file(text.encode())

    assert read.ignored_headers == ("Bourse",)
    assert len(read.rows) == 1


# --- Bad rows


def test_all_the_problems_of_a_row_are_reported() -> None:
    row = {Column.GIVEN_NAMES: "Th?", Column.RENT: "trois cents", Column.EMAIL: "pas de mail"}

    assert faults(a_file(row)) == [
        (2, "Prénom", Fault.LOST_LETTERS),
        (2, "Courriel", Fault.BAD_EMAIL),
        (2, "Redevance", Fault.NOT_AN_AMOUNT),
    ]


@pytest.mark.parametrize("name", ["Th?", "Nguy?n", "?ukasz", "Nguy\ufffdn"])
def test_a_name_that_lost_letters_in_the_export_is_refused(name: str) -> None:
    assert faults(a_file({Column.FAMILY_NAME: name})) == [(2, "Nom", Fault.LOST_LETTERS)]


def test_a_name_whose_accents_were_read_in_the_wrong_encoding_is_refused() -> None:
    assert faults(a_file({Column.GIVEN_NAMES: "Zoé".encode().decode("cp1252")})) == [
        (2, "Prénom", Fault.MISREAD_LETTERS)
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", " ="])
@pytest.mark.parametrize(
    "column", [Column.FAMILY_NAME, Column.ADDRESS, Column.ROOM, Column.REFERENCE, Column.EMAIL]
)
def test_a_cell_that_a_spreadsheet_would_run_is_refused(start: str, column: Column) -> None:
    [(_, header, fault)] = faults(a_file({column: f"{start}SUM(A1)"}))

    assert (header, fault) == (HEADERS[column][0], Fault.FORMULA)


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_a_formula_in_the_phone_column_is_refused_but_a_country_code_is_not(start: str) -> None:
    [(_, _, fault)] = faults(a_file({Column.PHONE: f"{start}cmd|' /C calc'!A0"}))

    assert fault in {Fault.FORMULA, Fault.BAD_PHONE}
    assert faults(a_file({Column.PHONE: "+33639981234"})) == []


def test_the_first_line_with_a_reference_keeps_it_and_the_later_ones_are_told_which_it_is() -> None:
    rows = [{Column.REFERENCE: "L9", Column.RENT: rent} for rent in ("x", "300,00", "310,00")]

    read = read_lease_file(a_file(*rows).encode())

    assert read.rows == ()
    assert [(problem.line, problem.fault, problem.about) for problem in read.problems[1:]] == [
        (3, Fault.REPEATED_REFERENCE, "2"),
        (4, Fault.REPEATED_REFERENCE, "2"),
    ]


def test_an_ine_given_to_two_people_in_one_file_is_refused_the_second_time() -> None:
    first = {Column.INE: "A6H68587840"}
    same_person = first | {Column.FAMILY_NAME: "D’ALMEIDA", Column.GIVEN_NAMES: "ZOE"}
    other_person = first | {Column.FAMILY_NAME: "Martin"}

    assert faults(a_file(first, same_person, other_person)) == [(4, "INE", Fault.INE_OF_ANOTHER_ROW)]


def test_two_imported_codes_that_fold_to_the_same_are_refused_the_second_time() -> None:
    rows = [{Column.TENANT_CODE: "AB0I-2345"}, {Column.TENANT_CODE: "abo1 2345".replace(" ", "-")}]

    assert faults(a_file(*rows)) == [(3, "Code locataire", Fault.CODE_OF_ANOTHER_ROW)]


@pytest.mark.parametrize(
    ("column", "cell", "fault"),
    [
        (Column.REFERENCE, "L 1", Fault.BAD_REFERENCE),
        (Column.RESIDENCE, "——", Fault.BAD_RESIDENCE),
        (Column.POSTAL_CODE, "1000", Fault.BAD_POSTAL_CODE),
        (Column.FAMILY_NAME, "", Fault.MISSING),
        (Column.FAMILY_NAME, "1234", Fault.BAD_NAME),
        (Column.FAMILY_NAME, "x" * 121, Fault.TOO_LONG),
        (Column.GIVEN_NAMES, "Zo\u200bé", Fault.INVISIBLE),
        (Column.BIRTH_DATE, "18/01/2025", Fault.UNLIKELY_BIRTH_DATE),
        (Column.BIRTH_DATE, "18/01/1900", Fault.UNLIKELY_BIRTH_DATE),
        (Column.INE, "7500013", Fault.BAD_INE),
        (Column.EMAIL, "", Fault.MISSING),
        (Column.PHONE, "87 00 00 00", Fault.BAD_PHONE),
        (Column.LANGUAGE, "es", Fault.BAD_LANGUAGE),
        (Column.TENANT_CODE, "ABC", Fault.BAD_CODE),
        (Column.TENANT_CODE, "É1234567", Fault.BAD_CODE),
        (Column.TENANT_CODE, "A-----", Fault.BAD_CODE),
    ],
)
def test_each_kind_of_bad_cell_has_its_own_reason(column: Column, cell: str, fault: Fault) -> None:
    assert faults(a_file({column: cell})) == [(2, HEADERS[column][0], fault)]


def test_a_row_with_too_few_or_too_many_cells_is_refused_whole() -> None:
    header, row = a_file({}).splitlines()
    text = "\n".join(
        [header, ";".join(row.split(";")[:9]), row.replace("14 rue", "14; rue").replace("L1", "L2")]
    )

    read = read_lease_file(text.encode())

    assert [(problem.line, problem.column, problem.fault, problem.about) for problem in read.problems] == [
        (2, "", Fault.SHORT_ROW, "9/19"),
        (3, "", Fault.LONG_ROW, "20/19"),
    ]


def test_malformed_quotes_spoil_their_own_line_only() -> None:
    header, row = a_file({}).splitlines()
    text = "\n".join([header, row.replace("Lyon", '"Ly"on'), row.replace("L1", "L2")])

    read = read_lease_file(text.encode())

    assert [(problem.line, problem.fault) for problem in read.problems] == [(2, Fault.BAD_QUOTES)]
    assert [row.line for row in read.rows] == [3]


def test_reasons_and_remedies_exist_in_both_languages_and_never_hold_a_value() -> None:
    text = a_file(
        {Column.FAMILY_NAME: "=SECRETFORMULA()", Column.EMAIL: "secret address", Column.RENT: "secret"}
    )

    for problem in read_lease_file(text.encode()).problems:
        for language in Language:
            assert "secret" not in (problem.reason(language) + problem.remedy(language)).lower()
            assert problem.reason(language).endswith(".")
    assert set(WORDS) == set(Fault)


# --- Files that cannot be read at all


@pytest.mark.parametrize(
    ("data", "fault", "about"),
    [
        (b"", Fault.EMPTY, ""),
        (b" \r\n ", Fault.EMPTY, ""),
        (b"x" * (MAX_BYTES + 1), Fault.TOO_LARGE, "4.5"),
        (b"PK\x03\x04\x14\x00", Fault.SPREADSHEET, ""),
        ("Référence;Nom".encode("utf-16"), Fault.UTF_16, ""),
        (b"\xef\xbb\xbfNom;Ville\nZo\xe9;Lyon", Fault.BROKEN_UTF_8, "2"),
        (b"Nom;Ville\n\x81\x8d\x8f;Lyon", Fault.UNKNOWN_ENCODING, "2"),
        (b"Nom;Ville\n\x00\x01;Lyon", Fault.BINARY, "2"),
        (b"bonjour", Fault.NO_HEADER, ""),
        (b"1;2;3\n4;5;6", Fault.NO_HEADER, ""),
    ],
)
def test_a_file_that_is_not_one_is_refused_with_its_own_reason(data: bytes, fault: Fault, about: str) -> None:
    error = the_error(data)

    assert (error.fault, error.about) == (fault, about)


def test_a_file_without_a_needed_column_says_which() -> None:
    text = a_file({}).replace("Redevance", "Autre").replace("Chambre", "Autre chose")

    error = the_error(text.encode())

    assert (error.fault, error.about) == (Fault.MISSING_COLUMNS, "Chambre, Redevance")
    assert "Chambre, Redevance" in error.reason(Language.FRENCH)


def test_a_file_with_two_columns_for_the_same_thing_says_which() -> None:
    assert the_error(a_file({}).replace("Ville", "Surname").encode()).about == "Surname, Nom"


def test_a_file_with_its_headers_only_is_refused() -> None:
    assert the_error(a_file().encode()).fault is Fault.NO_ROWS


def test_a_quote_that_is_never_closed_is_located() -> None:
    text = a_file({}, {}).replace(
        ";Lyon;C209;D'Almeida;Zoé;18/01/2000;;", ';"Lyon;C209;D;Zoé;18/01/2000;;', 1
    )

    error = the_error(text.encode())

    assert (error.fault, error.about) == (Fault.OPEN_QUOTE, "2")


def test_a_file_with_too_many_rows_is_refused() -> None:
    header, row = a_file({}).splitlines()

    assert the_error("\n".join([header, *[row] * (MAX_ROWS + 1)]).encode()).fault is Fault.TOO_MANY_ROWS


# --- One lease outside a file


def test_a_lease_given_by_itself_obeys_the_same_rules() -> None:
    row = check_lease(GOOD)
    problems = check_lease(GOOD | {Column.RENT: "-12.00"})

    assert isinstance(row, LeaseRow)
    assert problems == [RowProblem(line=1, column="rent_cents", fault=Fault.NEGATIVE_AMOUNT)]


def test_a_lease_given_by_itself_says_what_is_missing() -> None:
    problems = check_lease({column: cell for column, cell in GOOD.items() if column is not Column.ROOM})

    assert problems == [RowProblem(line=1, column="room", fault=Fault.MISSING)]


def test_the_digest_tells_a_changed_row_but_not_a_moved_one() -> None:
    [row] = read_lease_file(a_file({}).encode()).rows

    assert replace(row, line=99).digest() == row.digest()
    assert replace(row, rent_cents=1).digest() != row.digest()


# --- The CSV that we write


@pytest.mark.parametrize("cell", ["=A1", "+33", "-1", "@x", "\tx", "\rx", " =A1"])
def test_a_written_cell_never_starts_a_formula(cell: str) -> None:
    assert neutralised(cell) == f"'{cell}"


def test_a_written_report_reads_back_in_a_spreadsheet() -> None:
    text = write_csv([["Zoé", 'a;"b"'], ["=1+1", ""]])

    assert text == '\ufeffZoé;"a;""b"""\r\n\'=1+1;\r\n'


def test_a_phone_that_our_report_neutralised_is_read_again() -> None:
    [row] = read_lease_file(a_file({Column.PHONE: "'+33639981234"}).encode()).rows

    assert row.phone == "+33639981234"
    assert faults(a_file({Column.FAMILY_NAME: "'=1+1"})) == [(2, "Nom", Fault.FORMULA)]


# --- Laws

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZéèêëàâäçôöùûüÉÈÀÇœŒ"
NAMES = st.text(alphabet=LETTERS + " '-", min_size=1, max_size=30).filter(
    lambda name: name.strip() and name.strip()[0] in LETTERS
)
TEXTS = st.text(alphabet=LETTERS + "0123456789 ,;\t\"'.-\n", min_size=1, max_size=40).filter(
    lambda text: text[0] in LETTERS
)
DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 12, 31))


@st.composite
def lease_rows(draw: st.DrawFn) -> LeaseRow:
    starts_on, ends_on = sorted([draw(DAYS), draw(DAYS)])
    cents = st.integers(min_value=0, max_value=1_000_000)
    return LeaseRow(
        line=2,
        reference=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,20}", fullmatch=True)),
        residence=" ".join(draw(TEXTS).split()),
        address=" ".join(draw(TEXTS).split()),
        postal_code=f"{draw(st.integers(min_value=1000, max_value=98890)):05}",
        city=" ".join(draw(NAMES).split()),
        room=" ".join(draw(TEXTS).split()),
        family_name=" ".join(draw(NAMES).split()),
        given_names=" ".join(draw(NAMES).split()),
        birth_date=draw(st.dates(min_value=date(1980, 1, 1), max_value=date(2005, 12, 31))),
        email=draw(st.from_regex(r"[a-z0-9]{1,20}@[a-z]{1,10}\.[a-z]{2,6}", fullmatch=True)),
        starts_on=starts_on,
        ends_on=ends_on,
        rent_cents=draw(cents),
        charges_cents=draw(cents),
        deposit_cents=draw(cents),
        ine=draw(st.none() | st.from_regex(r"[0-9]{9}[A-HJK]{2}", fullmatch=True)),
        phone=draw(st.none() | st.from_regex(r"\+33[1-9][0-9]{8}", fullmatch=True)),
        language=draw(st.sampled_from(Language)),
        tenant_code=draw(st.none() | st.from_regex(r"[A-Z0-9]{4}-[A-Z0-9]{4}", fullmatch=True)),
    )


@st.composite
def styles(draw: st.DrawFn) -> dict[str, str]:
    return {
        "separator": draw(st.sampled_from(";,\t")),
        "codec": draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252"])),
        "date": draw(st.sampled_from(["%d/%m/%Y", "%Y-%m-%d"])),
        "decimal": draw(st.sampled_from(",.")),
        "thousands": draw(st.sampled_from(["", " ", "\u00a0"])),
    }


def written(row: LeaseRow, style: dict[str, str]) -> bytes:
    def amount(cents: int) -> str:
        return f"{cents // 100:,}".replace(",", style["thousands"]) + f"{style['decimal']}{cents % 100:02}"

    cells = {
        column: value.strftime(style["date"])
        if isinstance(value, date)
        else amount(value)
        if isinstance(value, int)
        else value or ""
        for column in Column
        if (value := getattr(row, column.value)) is not None or True
    }
    return a_file(cells, separator=style["separator"]).encode(style["codec"])


@given(row=lease_rows(), style=styles())
@settings(deadline=None)
def test_any_row_written_in_any_style_reads_back_the_same(row: LeaseRow, style: dict[str, str]) -> None:
    read = read_lease_file(written(row, style))

    assert read.problems == ()
    assert read.rows == (row,)


@given(data=st.binary(max_size=400))
@example(data=b"\xef\xbb\xbf")
@example(data=b'"')
@example(data="Référence".encode())
@settings(deadline=None)
def test_no_bytes_raise_anything_but_the_typed_error(data: bytes) -> None:
    for candidate in (data, a_file({}).encode() + data, a_file().encode("cp1252") + data):
        try:
            read = read_lease_file(candidate)
        except FileUnreadable:
            continue
        assert len({problem.line for problem in read.problems}) + len(read.rows) == len(read.lines)


@given(cells=st.lists(st.text(max_size=30), min_size=19, max_size=19))
@settings(deadline=None)
def test_any_cells_give_a_row_or_its_problems(cells: list[str]) -> None:
    result = check_lease(dict(zip(Column, cells, strict=True)))

    assert isinstance(result, LeaseRow) or result


# --- Size and the shared samples


def test_five_thousand_rows_are_read_well_under_a_second() -> None:
    data = a_file(*[{Column.FAMILY_NAME: "García-Márquez"}] * 5000).encode()

    started = time.process_time()
    read = read_lease_file(data)

    assert len(read.rows) == 5000
    assert time.process_time() - started < 1.0


@NEXT_TO_SAMPLES
def test_the_september_sample_has_four_hundred_good_rows() -> None:
    read = read_lease_file((SAMPLES / "leases-2026-09.csv").read_bytes())

    assert (read.encoding, len(read.rows), read.problems) == (Encoding.UTF_8_BOM, 400, ())


@NEXT_TO_SAMPLES
def test_the_messy_sample_gives_its_ninety_good_rows_and_names_the_thirty_others() -> None:
    read = read_lease_file((SAMPLES / "leases-messy.csv").read_bytes())

    assert (read.encoding, len(read.lines), len(read.rows)) == (Encoding.WINDOWS_1252, 120, 90)
    assert [(problem.line, problem.column, problem.fault.value) for problem in read.problems] == MESSY


MESSY = [
    (6, "Prénom", "lost_letters"),
    (6, "Redevance", "not_an_amount"),
    (7, "Courriel", "bad_email"),
    (18, "Prénom", "lost_letters"),
    (23, "Prénom", "lost_letters"),
    (23, "Courriel", "bad_email"),
    (24, "Prénom", "lost_letters"),
    (29, "Prénom", "lost_letters"),
    (31, "Référence", "repeated_reference"),
    (36, "Date de naissance", "impossible_date"),
    (37, "Date de naissance", "impossible_date"),
    (40, "Référence", "repeated_reference"),
    (41, "Nom", "formula"),
    (49, "Nom", "lost_letters"),
    (56, "Prénom", "lost_letters"),
    (56, "Date de naissance", "impossible_date"),
    (59, "Prénom", "lost_letters"),
    (59, "Courriel", "bad_email"),
    (62, "Nom", "lost_letters"),
    (67, "Prénom", "lost_letters"),
    (67, "INE", "bad_ine"),
    (79, "Référence", "repeated_reference"),
    (85, "Prénom", "lost_letters"),
    (85, "Date de sortie", "end_before_start"),
    (87, "Nom", "lost_letters"),
    (89, "INE", "bad_ine"),
    (90, "Prénom", "lost_letters"),
    (90, "Redevance", "not_an_amount"),
    (91, "Redevance", "negative_amount"),
    (94, "Redevance", "not_an_amount"),
    (97, "Nom", "formula"),
    (99, "Prénom", "lost_letters"),
    (103, "Prénom", "lost_letters"),
    (109, "Courriel", "bad_email"),
    (117, "Redevance", "not_an_amount"),
    (119, "", "short_row"),
    (121, "", "short_row"),
]


def test_the_documentation_names_every_header_that_is_understood() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "lease-files.md").read_text("utf-8")

    assert [name for names in HEADERS.values() for name in names if name not in page] == []
