"""The social file (*dossier social étudiant*, DSE): where it stands, which pieces are missing, and by when.

It is decided elsewhere; what is kept here is what the tenant must know and do. Both state tables are data.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from sesame.domain.studies import MOST_APPLIED, AcademicYear, Applied, kept_until

MOST_PIECES = 30
MOST_FILES_A_PIECE = 5
"""What may be handed in for one piece: a tax notice in four photographs, and one more try."""
REFUSED_KEPT = timedelta(days=30)
"""How long the files of a piece stay that was refused: to look again, then nobody has a use for them."""
ECHELONS = ("0bis", "1", "2", "3", "4", "5", "6", "7")
"""The levels of a means-tested grant, as the yearly decree names them (code de l'éducation, D821-1)."""


class FileState(StrEnum):
    """Where a social file stands."""

    NOT_SUBMITTED = "not_submitted"
    SUBMITTED = "submitted"
    INCOMPLETE = "incomplete"
    UNDER_REVIEW = "under_review"
    PROVISIONALLY_GRANTED = "provisionally_granted"
    """*Notification conditionnelle*: granted once the enrolment is proved."""
    GRANTED = "granted"
    REFUSED = "refused"
    APPEALED = "appealed"
    WITHDRAWN = "withdrawn"


class FileStep(StrEnum):
    """What happens to a social file."""

    SUBMIT = "submit"
    ASK_FOR_PIECES = "ask_for_pieces"
    REVIEW = "review"
    GRANT_PROVISIONALLY = "grant_provisionally"
    GRANT = "grant"
    REFUSE = "refuse"
    APPEAL = "appeal"
    WITHDRAW = "withdraw"


_NOT, _IN, _LACKING, _READ = (
    FileState.NOT_SUBMITTED,
    FileState.SUBMITTED,
    FileState.INCOMPLETE,
    FileState.UNDER_REVIEW,
)
_MAYBE, _YES, _NO = FileState.PROVISIONALLY_GRANTED, FileState.GRANTED, FileState.REFUSED
_AGAIN, _GONE = FileState.APPEALED, FileState.WITHDRAWN
_OPEN = (_NOT, _IN, _LACKING, _READ)

FILE_TRANSITIONS: dict[tuple[FileState, FileStep], FileState] = {
    # Files tell now and then, not each step: whatever comes next in the order may come at once.
    (_NOT, FileStep.SUBMIT): _IN,
    (_IN, FileStep.SUBMIT): _IN,
    (_GONE, FileStep.SUBMIT): _IN,
    **{(state, FileStep.ASK_FOR_PIECES): _LACKING for state in _OPEN},
    # A proof of enrolment is asked for after the provisional grant, a piece of an appeal after the refusal.
    (_MAYBE, FileStep.ASK_FOR_PIECES): _MAYBE,
    (_AGAIN, FileStep.ASK_FOR_PIECES): _AGAIN,
    **{(state, FileStep.REVIEW): _READ for state in _OPEN},
    # The situation changed: what was decided is looked at anew.
    (_MAYBE, FileStep.REVIEW): _READ,
    (_YES, FileStep.REVIEW): _READ,
    (_NO, FileStep.REVIEW): _READ,
    **{(state, FileStep.GRANT_PROVISIONALLY): _MAYBE for state in (*_OPEN, _MAYBE, _AGAIN)},
    **{(state, FileStep.GRANT): _YES for state in (*_OPEN, _MAYBE, _YES, _AGAIN)},
    **{(state, FileStep.REFUSE): _NO for state in (*_OPEN, _MAYBE, _NO, _AGAIN)},
    (_NO, FileStep.APPEAL): _AGAIN,
    (_AGAIN, FileStep.APPEAL): _AGAIN,
    **{(state, FileStep.WITHDRAW): _GONE for state in FileState if state not in {_NO, _NOT}},
}

STEP_TO: dict[FileState, FileStep] = {
    FileState.SUBMITTED: FileStep.SUBMIT,
    FileState.INCOMPLETE: FileStep.ASK_FOR_PIECES,
    FileState.UNDER_REVIEW: FileStep.REVIEW,
    FileState.PROVISIONALLY_GRANTED: FileStep.GRANT_PROVISIONALLY,
    FileState.GRANTED: FileStep.GRANT,
    FileState.REFUSED: FileStep.REFUSE,
    FileState.APPEALED: FileStep.APPEAL,
    FileState.WITHDRAWN: FileStep.WITHDRAW,
}
"""The step that a file of states means by naming a state."""

DECIDES = frozenset({FileStep.GRANT_PROVISIONALLY, FileStep.GRANT})
"""The steps that can name an échelon."""


class PieceKind(StrEnum):
    """The usual pieces; others are named by their label."""

    IDENTITY = "identity"
    TAX_NOTICE = "tax_notice"
    INCOME = "income"
    BANK_DETAILS = "bank_details"
    FAMILY_RECORD = "family_record"
    PROOF_OF_ADDRESS = "proof_of_address"
    ENROLMENT_CERTIFICATE = "enrolment_certificate"
    OTHER = "other"


class PieceState(StrEnum):
    """Where a piece stands."""

    ASKED = "asked"
    HANDED_IN = "handed_in"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class PieceStep(StrEnum):
    """What happens to a piece."""

    ASK = "ask"
    HAND_IN = "hand_in"
    ACCEPT = "accept"
    REFUSE = "refuse"


PIECE_TRANSITIONS: dict[tuple[PieceState, PieceStep], PieceState] = {
    (PieceState.ASKED, PieceStep.ASK): PieceState.ASKED,
    (PieceState.ASKED, PieceStep.HAND_IN): PieceState.HANDED_IN,
    (PieceState.ASKED, PieceStep.ACCEPT): PieceState.ACCEPTED,  # on paper, at a desk
    # Asked for again before anybody looked: whoever asks does not know yet.
    (PieceState.HANDED_IN, PieceStep.ASK): PieceState.HANDED_IN,
    (PieceState.HANDED_IN, PieceStep.HAND_IN): PieceState.HANDED_IN,
    (PieceState.HANDED_IN, PieceStep.ACCEPT): PieceState.ACCEPTED,
    (PieceState.HANDED_IN, PieceStep.REFUSE): PieceState.REFUSED,
    (PieceState.ACCEPTED, PieceStep.REFUSE): PieceState.REFUSED,  # accepted by mistake
    (PieceState.REFUSED, PieceStep.ASK): PieceState.REFUSED,
    (PieceState.REFUSED, PieceStep.HAND_IN): PieceState.HANDED_IN,
    (PieceState.REFUSED, PieceStep.ACCEPT): PieceState.ACCEPTED,
}


class PieceRefusal(StrEnum):
    """Why a piece was not accepted."""

    ILLEGIBLE = "illegible"
    INCOMPLETE = "incomplete"
    WRONG_DOCUMENT = "wrong_document"
    OUT_OF_DATE = "out_of_date"
    OF_SOMEBODY_ELSE = "of_somebody_else"


class NotPossible(Exception):
    """The state table has no such step from here."""


class TooManyPieces(Exception):
    """More pieces than a file may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """A file that the tenant handed in for a piece."""

    attachment_id: str
    lease_id: str
    """The lease that they were signed in for: an attachment belongs to one."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A piece that is asked for. `label` says which where the kind does not."""

    kind: PieceKind
    due_on: date
    label: str = ""

    @property
    def is_named(self) -> bool:
        """Whether somebody who reads it knows what to bring."""
        return self.kind is not PieceKind.OTHER or bool(self.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a social file. `due_on` is the last day, on the residence's calendar."""

    piece_id: str
    kind: PieceKind
    label: str
    due_on: date
    asked_at: datetime
    state: PieceState = PieceState.ASKED
    files: tuple[HandedIn, ...] = ()
    refused_because: PieceRefusal | None = None
    judged_at: datetime | None = None

    @property
    def is_missing(self) -> bool:
        """Whether the tenant has something to do."""
        return self.state in {PieceState.ASKED, PieceState.REFUSED}

    def after(self, step: PieceStep) -> PieceState:
        """Where a step leads. Raises NotPossible."""
        try:
            return PIECE_TRANSITIONS[self.state, step]
        except KeyError:
            raise NotPossible from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialFile:
    """A person's social file for a year, told through one of their leases."""

    person_id: str
    year: AcademicYear
    lease_id: str
    residence_id: str
    state: FileState = FileState.NOT_SUBMITTED
    echelon: str = ""
    """Of a grant, where it is known."""
    decided_on: date | None = None
    pieces: tuple[Piece, ...] = ()
    changed_at: datetime | None = None
    applied: tuple[Applied, ...] = ()
    version: int = 0
    """0: nothing is stored yet."""
    told_version: int = 0
    """The version that its tenant is to be told of; what came after it was not worth a word."""

    @property
    def missing(self) -> list[Piece]:
        """What the tenant must still hand in, the first due first."""
        over = self.state in {FileState.REFUSED, FileState.WITHDRAWN}
        pieces = [] if over else [one for one in self.pieces if one.is_missing]
        return sorted(pieces, key=lambda piece: (piece.due_on, piece.piece_id))

    def piece(self, piece_id: str) -> Piece | None:
        """One of its pieces, or None."""
        return next((one for one in self.pieces if one.piece_id == piece_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is told of a social file: a step, and what comes with it."""

    step: FileStep
    echelon: str = ""
    decided_on: date | None = None
    wanted: tuple[Wanted, ...] = field(default=())


def told(file: SocialFile, news: News, at: datetime, *, row: Applied | None = None) -> SocialFile:
    """The file after some news. Raises NotPossible where the table has no such step; TooManyPieces; and
    ValueError for an échelon that nothing was granted at."""
    try:
        state = FILE_TRANSITIONS[file.state, news.step]
    except KeyError:
        raise NotPossible from None
    if news.echelon and (news.step not in DECIDES or news.echelon not in ECHELONS):
        raise ValueError("an échelon belongs to a grant")
    pieces = _asked(file, news.wanted, at)
    if len(pieces) > MOST_PIECES:
        raise TooManyPieces
    granted = state in {FileState.PROVISIONALLY_GRANTED, FileState.GRANTED}
    decided = granted or state is FileState.REFUSED
    return replace(
        file,
        state=state,
        echelon=(news.echelon or file.echelon) if granted else "",
        decided_on=(news.decided_on or (file.decided_on if state is file.state else None))
        if decided
        else None,
        pieces=pieces,
        changed_at=at,
        applied=(*file.applied, row)[-MOST_APPLIED:] if row else file.applied,
    )


def says_nothing_new(before: SocialFile, after: SocialFile) -> bool:
    """Whether a tenant would see no difference between the two."""

    def seen(file: SocialFile) -> tuple[object, ...]:
        pieces = [(one.piece_id, one.state, one.due_on, one.refused_because) for one in file.pieces]
        return file.state, file.echelon, file.decided_on, pieces

    return seen(before) == seen(after)


def holds(file: SocialFile, news: News, at: datetime) -> bool:
    """Whether a file says what some news say: they would change nothing that a tenant sees."""
    try:
        return says_nothing_new(file, told(file, news, at))
    except (NotPossible, TooManyPieces):
        return False


def handed_in(file: SocialFile, piece_id: str, came: HandedIn) -> SocialFile:
    """The file once a piece came in. The same attachment again changes nothing.

    Raises LookupError, NotPossible where the piece wants nothing or has all the files it may have.
    """
    piece = _of(file, piece_id)
    if any(one.attachment_id == came.attachment_id for one in piece.files):
        return file
    state = piece.after(PieceStep.HAND_IN)
    # A piece that was refused starts anew: what was no good does not count against it.
    kept = () if piece.state is PieceState.REFUSED else piece.files
    if len(kept) >= MOST_FILES_A_PIECE:
        raise NotPossible
    return _with(file, replace(piece, state=state, files=(*kept, came), refused_because=None), came.at)


def judged(file: SocialFile, piece_id: str, reason: PieceRefusal | None, at: datetime) -> SocialFile:
    """The file once somebody looked at a piece: accepted, or refused for a reason.

    What is somebody else's is no more a file of the piece. Raises LookupError, NotPossible.
    """
    piece = _of(file, piece_id)
    if piece.state is (PieceState.REFUSED if reason else PieceState.ACCEPTED) and (
        piece.refused_because is reason
    ):
        return file
    state = piece.after(PieceStep.REFUSE if reason else PieceStep.ACCEPT)
    files = () if reason is PieceRefusal.OF_SOMEBODY_ELSE else piece.files
    return _with(file, replace(piece, state=state, refused_because=reason, judged_at=at, files=files), at)


def files_go_at(year: AcademicYear, reason: PieceRefusal | None, at: datetime) -> datetime:
    """When the files of a piece go that is judged `at` (UTC): accepted ones with the rest of the year.

    A refused one may be looked at again for a month; what is somebody else's goes at once.
    """
    if reason is PieceRefusal.OF_SOMEBODY_ELSE:
        return at
    return min(at + REFUSED_KEPT, kept_until(year)) if reason else kept_until(year)


def piece_key(wanted: Wanted) -> str:
    """What makes two askings the same piece."""
    return f"{wanted.kind}/{wanted.label.casefold()}"


def _asked(file: SocialFile, wanted: Iterable[Wanted], at: datetime) -> tuple[Piece, ...]:
    """Its pieces with those that are asked for: a piece asked for again gets the new date, and stays where it
    stands, but one that was accepted is asked for anew by nobody."""
    known = {_key(piece): piece for piece in file.pieces}
    for one in wanted:
        key = piece_key(one)
        before = known.get(key)
        if before is None:
            known[key] = Piece(
                piece_id=_piece_id(known.values()),
                kind=one.kind,
                label=one.label,
                due_on=one.due_on,
                asked_at=at,
            )
        elif before.state is not PieceState.ACCEPTED:
            known[key] = replace(before, state=before.after(PieceStep.ASK), due_on=one.due_on)
    return tuple(known.values())


def _key(piece: Piece) -> str:
    return piece_key(Wanted(kind=piece.kind, label=piece.label, due_on=piece.due_on))


def _piece_id(known: Iterable[Piece]) -> str:
    """The next number of a piece: pieces are never taken away, so that it is free."""
    return f"p{len(list(known)) + 1}"


def _of(file: SocialFile, piece_id: str) -> Piece:
    piece = file.piece(piece_id)
    if piece is None:
        raise LookupError(piece_id)
    return piece


def _with(file: SocialFile, changed: Piece, at: datetime) -> SocialFile:
    pieces: Sequence[Piece] = [changed if one.piece_id == changed.piece_id else one for one in file.pieces]
    return replace(file, pieces=tuple(pieces), changed_at=at)
