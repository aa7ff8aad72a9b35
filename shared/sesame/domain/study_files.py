"""Read files of enrolments and of social files' states: good rows, and all that is wrong.

Both name a student by INE, or by the tenant reference that documents print.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sesame.domain.codes import is_tenant_reference
from sesame.domain.contacts import folded, normal_ine
from sesame.domain.csv_files import BadCell, BadRow, Layout, ReadFile, Record, day, read_csv
from sesame.domain.file_faults import Fault, RowProblem
from sesame.domain.social_file import (
    DECIDES,
    ECHELONS,
    STEP_TO,
    FileState,
    FileStep,
    News,
    PieceKind,
    Wanted,
)
from sesame.domain.studies import AcademicYear, EnrolmentStatus, read_academic_year

MOST_PIECES_A_ROW = 10
LONGEST_LABEL = 80


class EnrolmentColumn(StrEnum):
    """What a column of a file of enrolments stands for."""

    INE = "ine"
    TENANT_REFERENCE = "tenant_reference"
    YEAR = "year"
    UNIVERSITY = "university"
    STATUS = "status"


class SocialFileColumn(StrEnum):
    """What a column of a file of social files' states stands for."""

    INE = "ine"
    TENANT_REFERENCE = "tenant_reference"
    YEAR = "year"
    STATE = "state"
    DECISION = "decision"
    ECHELON = "echelon"
    DECIDED_ON = "decided_on"
    PIECES = "pieces"
    DUE_ON = "due_on"


_INE_HEADERS = ("INE", "N° INE", "Numéro INE", "INE number", "Student number (INE)")
_REFERENCE_HEADERS = (
    "Référence locataire",
    "Réf. locataire",
    "Votre référence",
    "Référence",
    "Tenant reference",
    "Reference",
)
_YEAR_HEADERS = ("Année universitaire", "Année", "Academic year", "Year")

ENROLMENT_HEADERS: dict[EnrolmentColumn, tuple[str, ...]] = {
    EnrolmentColumn.INE: _INE_HEADERS,
    EnrolmentColumn.TENANT_REFERENCE: _REFERENCE_HEADERS,
    EnrolmentColumn.YEAR: _YEAR_HEADERS,
    EnrolmentColumn.UNIVERSITY: (
        "Établissement",
        "Université",
        "Nom de l'établissement",
        "University",
        "Institution",
        "School",
    ),
    EnrolmentColumn.STATUS: ("Statut", "Inscription", "Statut d'inscription", "Status", "Enrolment"),
}
"""The headers understood, French and English."""

SOCIAL_FILE_HEADERS: dict[SocialFileColumn, tuple[str, ...]] = {
    SocialFileColumn.INE: _INE_HEADERS,
    SocialFileColumn.TENANT_REFERENCE: _REFERENCE_HEADERS,
    SocialFileColumn.YEAR: _YEAR_HEADERS,
    SocialFileColumn.STATE: ("État", "État du dossier", "Statut", "State", "Status"),
    SocialFileColumn.DECISION: ("Décision", "Decision"),
    SocialFileColumn.ECHELON: ("Échelon", "Échelon de bourse", "Grant level", "Level"),
    SocialFileColumn.DECIDED_ON: ("Date de décision", "Décidé le", "Decided on", "Decision date"),
    SocialFileColumn.PIECES: ("Pièces manquantes", "Pièces demandées", "Missing pieces", "Pieces"),
    SocialFileColumn.DUE_ON: ("Date limite", "À remettre avant le", "Due date", "Deadline"),
}
"""The headers understood, French and English."""

_STATUSES: dict[EnrolmentStatus, tuple[str, ...]] = {
    EnrolmentStatus.ENROLLED: (
        "inscrit",
        "inscrite",
        "inscrit(e)",
        "inscription définitive",
        "oui",
        "enrolled",
        "yes",
    ),
    EnrolmentStatus.PRE_ENROLLED: (
        "préinscrit",
        "préinscrite",
        "préinscrit(e)",
        "préinscription",
        "admis",
        "admise",
        "pre-enrolled",
        "admitted",
    ),
    EnrolmentStatus.NOT_ENROLLED: (
        "non inscrit",
        "non inscrite",
        "non inscrit(e)",
        "non",
        "radié",
        "radiée",
        "démissionnaire",
        "not enrolled",
        "no",
    ),
}

_DECISIONS: dict[FileState, tuple[str, ...]] = {
    FileState.GRANTED: ("accordée", "accordé", "accord", "boursier", "boursière", "définitive", "granted"),
    FileState.PROVISIONALLY_GRANTED: (
        "conditionnelle",
        "conditionnel",
        "accord conditionnel",
        "notification conditionnelle",
        "provisional",
        "provisionally granted",
    ),
    FileState.REFUSED: ("refusée", "refusé", "refus", "rejet", "rejetée", "non boursier", "refused"),
}
_STATES: dict[FileState, tuple[str, ...]] = {
    FileState.SUBMITTED: ("déposé", "reçu", "enregistré", "submitted", "received"),
    FileState.INCOMPLETE: ("incomplet", "pièces manquantes", "en attente de pièces", "incomplete"),
    FileState.UNDER_REVIEW: (
        "en cours d'instruction",
        "en cours",
        "complet",
        "en traitement",
        "under review",
        "complete",
    ),
    FileState.APPEALED: ("recours", "en recours", "recours gracieux", "appealed", "appeal"),
    FileState.WITHDRAWN: ("retiré", "annulé", "abandonné", "withdrawn", "cancelled"),
    **_DECISIONS,
}
_DECIDED = ("décidé", "traité", "notifié", "clos", "decided", "closed")
_PIECES: dict[PieceKind, tuple[str, ...]] = {
    PieceKind.IDENTITY: ("pièce d'identité", "carte d'identité", "passeport", "id", "identity document"),
    PieceKind.TAX_NOTICE: ("avis d'imposition", "avis fiscal", "avis d'impôt", "tax notice"),
    PieceKind.INCOME: ("justificatif de ressources", "ressources", "bulletins de salaire", "income"),
    PieceKind.BANK_DETAILS: ("rib", "relevé d'identité bancaire", "iban", "bank details"),
    PieceKind.FAMILY_RECORD: ("livret de famille", "family record"),
    PieceKind.PROOF_OF_ADDRESS: ("justificatif de domicile", "proof of address"),
    PieceKind.ENROLMENT_CERTIFICATE: ("certificat de scolarité", "certificat d'inscription",
                                      "attestation d'inscription", "enrolment certificate"),
}  # fmt: skip


def _words[Value](meant: Mapping[Value, tuple[str, ...]]) -> dict[str, Value]:
    return {folded(word): value for value, words in meant.items() for word in words}


_STATUS_OF, _DECISION_OF, _STATE_OF, _PIECE_OF = (
    _words(_STATUSES),
    _words(_DECISIONS),
    _words(_STATES),
    _words(_PIECES),
)
_MEANS_DECIDED = frozenset(map(folded, _DECIDED))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentRow:
    """What every row of these files names: who, by INE or tenant reference, and the year."""

    line: int
    year: AcademicYear
    ine: str | None = None
    tenant_reference: str | None = None

    @property
    def student(self) -> str:
        """The student as the row names them."""
        return f"{self.ine or ''}/{self.tenant_reference or ''}"

    def digest(self) -> str:
        """SHA-256 of what the row says of its student, wherever it stands."""
        raise NotImplementedError

    def about(self) -> tuple[str, ...]:
        """What two rows of a file may not both be about."""
        return self.student, self.year


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRow(StudentRow):
    """A student's enrolment at a university."""

    university: str
    status: EnrolmentStatus

    def digest(self) -> str:
        """SHA-256 of what the row says of its student, wherever it stands."""
        return _digest(self.year, folded(self.university), self.status)

    def about(self) -> tuple[str, ...]:
        """A student may be at two universities in a year."""
        return self.student, self.year, folded(self.university)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialFileRow(StudentRow):
    """Where a student's social file stands."""

    news: News

    def digest(self) -> str:
        """SHA-256 of what the row says of its student, wherever it stands."""
        wanted = [f"{one.kind}/{one.label}/{one.due_on}" for one in self.news.wanted]
        said = (self.year, self.news.step, self.news.echelon, str(self.news.decided_on or ""))
        return _digest(*said, *wanted)


type EnrolmentFile = ReadFile[EnrolmentColumn, EnrolmentRow]
type SocialFileFile = ReadFile[SocialFileColumn, SocialFileRow]


def read_enrolment_file(data: bytes) -> EnrolmentFile:
    """Read a whole file of enrolments. Raises FileUnreadable, and nothing else, when none can be trusted."""
    return _read(data, _ENROLMENTS, _enrolment_row)


def read_social_file_file(data: bytes) -> SocialFileFile:
    """Read a whole file of social files' states. Raises FileUnreadable, and nothing else, as above."""
    return _read(data, _SOCIAL_FILES, _social_file_row)


def _read[Row: StudentRow, Column: StrEnum](
    data: bytes, layout: Layout[Column], row_of: Callable[[Record, dict[str, object]], Row]
) -> ReadFile[Column, Row]:
    file = read_csv(data, layout)
    rows: list[Row] = []
    problems: list[RowProblem] = []
    first: dict[tuple[str, ...], Row] = {}
    for record in file.records:
        values, found = file.read(record)
        if not found:
            try:
                row = row_of(record, {name: value for name, value in values.items() if value is not None})
                before = first.setdefault(row.about(), row)
                if before is not row:
                    same = before.digest() == row.digest()
                    fault = Fault.REPEATED_LINE if same else Fault.SAME_STUDENT
                    raise BadRow(None, fault, str(before.line))
            except BadRow as bad:
                found = [file.problem(record, bad)]
            else:
                rows.append(row)
        problems += found
    return ReadFile.of(file, rows, problems)


def _enrolment_row(record: Record, values: dict[str, object]) -> EnrolmentRow:
    _must_name_a_student(values)
    return EnrolmentRow(line=record.line, **values)  # type: ignore[arg-type]


def _social_file_row(record: Record, values: dict[str, object]) -> SocialFileRow:
    _must_name_a_student(values)
    news = _news(values)
    who = {name: values[name] for name in ("ine", "tenant_reference", "year") if name in values}
    return SocialFileRow(line=record.line, news=news, **who)  # type: ignore[arg-type]


def _must_name_a_student(values: dict[str, object]) -> None:
    if "ine" not in values and "tenant_reference" not in values:
        raise BadRow(EnrolmentColumn.INE, Fault.NO_STUDENT)


def _news(values: dict[str, object]) -> News:
    """What a row says. Raises BadRow where its cells contradict each other."""
    state, decision = values["state"], values.get("decision")
    if state == _ANY_DECISION and decision is None:
        raise BadRow(SocialFileColumn.DECISION, Fault.DECISION_MISSING)
    if decision is not None and state not in {_ANY_DECISION, decision}:
        raise BadRow(SocialFileColumn.DECISION, Fault.DECISION_UNLIKE_STATE)
    step = STEP_TO[FileState(str(decision or state))]
    echelon = str(values.get("echelon", ""))
    if echelon and step not in DECIDES:
        raise BadRow(SocialFileColumn.ECHELON, Fault.ECHELON_WITHOUT_GRANT)
    names, due_on = values.get("pieces"), values.get("due_on")
    if names and not isinstance(due_on, date):
        raise BadRow(SocialFileColumn.DUE_ON, Fault.DUE_DATE_MISSING)
    wanted: tuple[Wanted, ...] = ()
    if isinstance(names, tuple) and isinstance(due_on, date):
        wanted = tuple(Wanted(kind=kind, label=label, due_on=due_on) for kind, label in names)
    decided_on = values.get("decided_on")
    return News(
        step=step,
        echelon=echelon,
        decided_on=decided_on if isinstance(decided_on, date) and step in _DECIDING else None,
        wanted=wanted,
    )


_DECIDING = DECIDES | {FileStep.REFUSE}
_ANY_DECISION = "decided"


def _ine(text: str) -> str:
    ine = normal_ine(text)
    if ine is None:
        raise BadCell(Fault.BAD_INE)
    return ine


def _tenant_reference(text: str) -> str:
    digits = folded(text)
    if not is_tenant_reference(digits):
        raise BadCell(Fault.UNKNOWN_STUDENT)
    return digits


def _year(text: str) -> AcademicYear:
    year = read_academic_year(text)
    if year is None:
        raise BadCell(Fault.BAD_YEAR)
    return year


def _university(text: str) -> str:
    if not folded(text):
        raise BadCell(Fault.BAD_NAME)
    return text


def _meant[Value](words: Mapping[str, Value], fault: Fault) -> Callable[[str], Value]:
    def read(text: str) -> Value:
        value = words.get(folded(text))
        if value is None:
            raise BadCell(fault)
        return value

    return read


def _state(text: str) -> str:
    if folded(text) in _MEANS_DECIDED:
        return _ANY_DECISION
    return _meant(_STATE_OF, Fault.BAD_FILE_STATE)(text)


def _echelon(text: str) -> str:
    echelon = re.sub(r"^echelon", "", folded(text))
    if echelon not in ECHELONS:
        raise BadCell(Fault.BAD_ECHELON)
    return echelon


def _pieces(text: str) -> tuple[tuple[PieceKind, str], ...]:
    names = [name.strip() for name in re.split(r"[|;]", text) if name.strip()]
    if not 0 < len(names) <= MOST_PIECES_A_ROW or any(len(name) > LONGEST_LABEL for name in names):
        raise BadCell(Fault.BAD_PIECES, str(MOST_PIECES_A_ROW))
    kinds = [_PIECE_OF.get(folded(name), PieceKind.OTHER) for name in names]
    found = [(kind, name if kind is PieceKind.OTHER else "") for kind, name in zip(kinds, names, strict=True)]
    return tuple(dict.fromkeys(found))


def _digest(*said: str) -> str:
    return hashlib.sha256("\x1f".join(said).encode()).hexdigest()


_ENROLMENTS = Layout(
    headers=ENROLMENT_HEADERS,
    optional=frozenset({EnrolmentColumn.INE, EnrolmentColumn.TENANT_REFERENCE}),
    readers={
        EnrolmentColumn.INE: _ine,
        EnrolmentColumn.TENANT_REFERENCE: _tenant_reference,
        EnrolmentColumn.YEAR: _year,
        EnrolmentColumn.UNIVERSITY: _university,
        EnrolmentColumn.STATUS: _meant(_STATUS_OF, Fault.BAD_ENROLMENT),
    },
    signed=frozenset(),
    worded=frozenset({EnrolmentColumn.UNIVERSITY}),
)
_SOCIAL_FILES = Layout(
    headers=SOCIAL_FILE_HEADERS,
    optional=frozenset(SocialFileColumn) - {SocialFileColumn.YEAR, SocialFileColumn.STATE},
    readers={
        SocialFileColumn.INE: _ine,
        SocialFileColumn.TENANT_REFERENCE: _tenant_reference,
        SocialFileColumn.YEAR: _year,
        SocialFileColumn.STATE: _state,
        SocialFileColumn.DECISION: _meant(_DECISION_OF, Fault.BAD_DECISION),
        SocialFileColumn.ECHELON: _echelon,
        SocialFileColumn.DECIDED_ON: day,
        SocialFileColumn.PIECES: _pieces,
        SocialFileColumn.DUE_ON: day,
    },
    signed=frozenset(),
    worded=frozenset({SocialFileColumn.PIECES}),
    any_length=frozenset({SocialFileColumn.PIECES}),
)
