"""Files of enrolments and of social files' states: what is taken, and what is told of the rest."""

from datetime import date

import pytest

from sesame.domain.file_faults import WORDS, Fault, FileUnreadable
from sesame.domain.social_file import FileStep, PieceKind, Wanted
from sesame.domain.studies import EnrolmentStatus, academic_year_of, ends_of, read_academic_year
from sesame.domain.study_files import read_enrolment_file, read_social_file_file

ENROLMENTS = "INE;Référence locataire;Année universitaire;Établissement;Statut\n"
STATES = "INE;Année;État;Décision;Échelon;Date de décision;Pièces manquantes;Date limite\n"


def faults(problems: object) -> list[tuple[int, str, Fault]]:
    return [(one.line, one.column, one.fault) for one in problems]  # type: ignore[attr-defined]


def test_enrolments_are_read_by_ine_or_reference_in_french_and_in_english() -> None:
    french = read_enrolment_file(
        (ENROLMENTS + "170669074dk;;2026/2027;Université de Lyon;Inscrit(e)\n").encode("cp1252")
    )
    english = read_enrolment_file(
        b"Tenant reference,Academic year,University,Status\n0000000000,2026-2027,Lyon,pre-enrolled\n"
    )

    [row] = french.rows
    assert (row.ine, row.year, row.university, row.status) == (
        "170669074DK",
        "2026-2027",
        "Université de Lyon",
        EnrolmentStatus.ENROLLED,
    )
    assert english.separator == ","
    assert not french.problems


def test_each_bad_cell_is_told_with_its_line_column_and_remedy() -> None:
    rows = (
        "pas un ine;;2026-2027;Lyon;inscrit\n"
        "170669074DK;;2026-2029;Lyon;inscrit\n"
        "170669074DK;;2026-2027;Lyon;peut-être\n"
        ";;2026-2027;Lyon;inscrit\n"
        "170669074DK;;2026-2027;=1+1;inscrit\n"
        "170669074DK;;2026-2027;Lyon\n"
    )
    file = read_enrolment_file((ENROLMENTS + rows).encode())

    assert faults(file.problems) == [
        (2, "INE", Fault.BAD_INE),
        (3, "Année universitaire", Fault.BAD_YEAR),
        (4, "Statut", Fault.BAD_ENROLMENT),
        (5, "INE", Fault.NO_STUDENT),
        (6, "Établissement", Fault.FORMULA),
        (7, "", Fault.SHORT_ROW),
    ]
    assert not file.rows


def test_a_student_at_two_universities_is_two_rows_and_told_twice_alike_is_one() -> None:
    rows = (
        "170669074DK;;2026-2027;Lyon 1;inscrit\n"
        "170669074DK;;2026-2027;Lyon 2;non inscrit\n"
        "170669074DK;;2026-2027;LYON 1;inscrite\n"
        "170669074DK;;2026-2027;Lyon 2;inscrit\n"
    )
    file = read_enrolment_file((ENROLMENTS + rows).encode())

    assert [row.line for row in file.rows] == [2, 3]
    assert [(one.line, one.fault, one.about) for one in file.problems] == [
        (4, Fault.REPEATED_LINE, "2"),
        (5, Fault.SAME_STUDENT, "3"),
    ]


def test_a_state_tells_a_step_and_a_decision_its_echelon() -> None:
    rows = (
        "170669074DK;2026;Décidé;Accordée;Échelon 0 bis;01/09/2026;;\n"
        "0EQ5D403GU7;2026;Refusé;;;;;\n"
        "123456789AB;2026;Notification conditionnelle;Conditionnelle;5;;;\n"
        "861583842CH;2026;Incomplet;;;;Avis d'imposition | RIB | Attestation de bourse;30/09/2026\n"
    )
    file = read_social_file_file((STATES + rows).encode())

    assert not file.problems
    decided, refused, provisional, incomplete = [row.news for row in file.rows]
    assert (decided.step, decided.echelon, decided.decided_on) == (
        FileStep.GRANT,
        "0bis",
        date(2026, 9, 1),
    )
    assert refused.step is FileStep.REFUSE
    assert (provisional.step, provisional.echelon) == (FileStep.GRANT_PROVISIONALLY, "5")
    due = date(2026, 9, 30)
    assert incomplete.wanted == (
        Wanted(kind=PieceKind.TAX_NOTICE, due_on=due),
        Wanted(kind=PieceKind.BANK_DETAILS, due_on=due),
        Wanted(kind=PieceKind.OTHER, label="Attestation de bourse", due_on=due),
    )


def test_cells_that_contradict_each_other_are_told() -> None:
    rows = (
        "170669074DK;2026;Décidé;;;;;\n"
        "170669074DK;2026;En cours;Accordée;;;;\n"
        "170669074DK;2026;Refusé;;3;;;\n"
        "170669074DK;2026;Incomplet;;;;RIB;\n"
        f"170669074DK;2026;Incomplet;;;;{'x' * 81};30/09/2026\n"
        "170669074DK;2026;Accordée;;9;;;\n"
    )
    file = read_social_file_file((STATES + rows).encode())

    assert faults(file.problems) == [
        (2, "Décision", Fault.DECISION_MISSING),
        (3, "Décision", Fault.DECISION_UNLIKE_STATE),
        (4, "Échelon", Fault.ECHELON_WITHOUT_GRANT),
        (5, "Date limite", Fault.DUE_DATE_MISSING),
        (6, "Pièces manquantes", Fault.BAD_PIECES),
        (7, "Échelon", Fault.BAD_ECHELON),
    ]


def test_a_file_without_its_columns_is_refused_whole() -> None:
    with pytest.raises(FileUnreadable):
        read_social_file_file(b"INE;Nom\n170669074DK;X\n")


def test_every_fault_has_its_words() -> None:
    assert set(WORDS) == set(Fault)


def test_academic_years_are_read_in_their_usual_forms_only() -> None:
    for text in ("2026-2027", "2026/2027", "2026-27", " 2026 ", "2026 - 2027"):
        assert read_academic_year(text) == "2026-2027", text
    for text in ("2026-2028", "26-27", "", "2026-2026", "1999-2000"):
        assert read_academic_year(text) is None, text
    assert academic_year_of(date(2027, 8, 31)) == "2026-2027"
    assert academic_year_of(date(2027, 9, 1)) == "2027-2028"
    assert ends_of("2026-2027") == date(2027, 8, 31)
