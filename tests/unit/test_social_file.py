"""The social file: its two state tables, what is missing, and what a tenant would notice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.social_file import (
    DECIDES,
    FILE_TRANSITIONS,
    MOST_FILES_A_PIECE,
    PIECE_TRANSITIONS,
    STEP_TO,
    FileState,
    FileStep,
    HandedIn,
    News,
    NotPossible,
    PieceKind,
    PieceRefusal,
    PieceState,
    PieceStep,
    SocialFile,
    TooManyPieces,
    Wanted,
    handed_in,
    judged,
    says_nothing_new,
    told,
)
from sesame.domain.studies import Applied

AT = datetime(2026, 9, 2, 8, tzinfo=UTC)
EMPTY = SocialFile(person_id="p", year="2026-2027", lease_id="l", residence_id="r")
TAX = Wanted(kind=PieceKind.TAX_NOTICE, due_on=date(2026, 9, 30))
BANK = Wanted(kind=PieceKind.BANK_DETAILS, due_on=date(2026, 9, 20))
ASKED = told(EMPTY, News(step=FileStep.ASK_FOR_PIECES, wanted=(TAX, BANK)), AT)
steps = st.sampled_from(FileStep)


def came(attachment_id: str, at: datetime = AT) -> HandedIn:
    return HandedIn(attachment_id=attachment_id, lease_id="l", at=at)


def test_what_is_missing_is_told_by_its_last_day_the_first_due_first() -> None:
    assert [piece.kind for piece in ASKED.missing] == [PieceKind.BANK_DETAILS, PieceKind.TAX_NOTICE]
    assert ASKED.state is FileState.INCOMPLETE


def test_a_piece_goes_from_asked_to_handed_in_to_refused_to_handed_in_again_to_accepted() -> None:
    first = handed_in(ASKED, "p1", came("a" * 26, AT))
    refused = judged(first, "p1", PieceRefusal.ILLEGIBLE, AT)
    again = handed_in(refused, "p1", came("b" * 26, AT))
    done = judged(again, "p1", None, AT)

    assert [file.piece("p1").state for file in (first, refused, again, done)] == [  # type: ignore[union-attr]
        PieceState.HANDED_IN,
        PieceState.REFUSED,
        PieceState.HANDED_IN,
        PieceState.ACCEPTED,
    ]
    assert [piece.piece_id for piece in refused.missing] == ["p2", "p1"]
    assert [piece.piece_id for piece in done.missing] == ["p2"]
    assert again.piece("p1").refused_because is None  # type: ignore[union-attr]
    assert [one.attachment_id for one in again.piece("p1").files] == ["b" * 26]  # type: ignore[union-attr]


def test_the_same_file_handed_in_twice_is_one_and_a_sixth_is_refused() -> None:
    file = handed_in(ASKED, "p1", came("a0", AT))

    assert handed_in(file, "p1", came("a0", AT + timedelta(days=1))) == file
    for number in range(1, MOST_FILES_A_PIECE):
        file = handed_in(file, "p1", came(f"a{number}", AT))
    with pytest.raises(NotPossible):
        handed_in(file, "p1", came("another", AT))


def test_a_piece_asked_for_again_is_the_same_piece_with_a_new_last_day() -> None:
    first = handed_in(ASKED, "p1", came("a" * 26, AT))
    later = replace(TAX, due_on=date(2026, 10, 15))
    again = told(first, News(step=FileStep.ASK_FOR_PIECES, wanted=(later,)), AT)

    assert len(again.pieces) == 2
    assert again.piece("p1") == replace(first.piece("p1"), due_on=later.due_on)  # type: ignore[type-var]


def test_an_accepted_piece_is_asked_for_by_nobody_again() -> None:
    accepted = judged(ASKED, "p1", None, AT)

    assert told(accepted, News(step=FileStep.ASK_FOR_PIECES, wanted=(TAX,)), AT).pieces == accepted.pieces


def test_an_echelon_goes_with_a_grant_only_and_is_forgotten_with_it() -> None:
    granted = told(EMPTY, News(step=FileStep.GRANT, echelon="0bis", decided_on=date(2026, 9, 1)), AT)

    assert (granted.echelon, granted.decided_on) == ("0bis", date(2026, 9, 1))
    reviewed = told(granted, News(step=FileStep.REVIEW), AT)
    assert (reviewed.echelon, reviewed.decided_on) == ("", None)
    for step, echelon in ((FileStep.REFUSE, "1"), (FileStep.GRANT, "8")):
        with pytest.raises(ValueError, match="grant"):
            told(EMPTY, News(step=step, echelon=echelon), AT)


def test_a_file_that_is_refused_or_withdrawn_wants_nothing_any_more() -> None:
    assert told(ASKED, News(step=FileStep.REFUSE), AT).missing == []
    assert told(ASKED, News(step=FileStep.WITHDRAW), AT).missing == []


def test_a_file_has_a_limit_of_pieces() -> None:
    wanted = tuple(Wanted(kind=PieceKind.OTHER, label=f"n° {n}", due_on=date(2026, 9, 30)) for n in range(31))

    with pytest.raises(TooManyPieces):
        told(EMPTY, News(step=FileStep.ASK_FOR_PIECES, wanted=wanted), AT)


@given(st.lists(steps, max_size=12))
def test_whatever_is_told_the_file_is_where_the_table_says_or_as_it_was(told_steps: list[FileStep]) -> None:
    file = EMPTY
    for step in told_steps:
        expected = FILE_TRANSITIONS.get((file.state, step))
        if expected is None:
            with pytest.raises(NotPossible):
                told(file, News(step=step), AT)
        else:
            file = told(file, News(step=step), AT)
            assert file.state is expected
    granted = file.state in {FileState.GRANTED, FileState.PROVISIONALLY_GRANTED}
    assert granted or not file.echelon


@given(steps, st.sampled_from(FileState))
def test_news_told_twice_is_no_news_the_second_time(step: FileStep, start: FileState) -> None:
    if (start, step) not in FILE_TRANSITIONS:
        return
    once = told(replace(EMPTY, state=start), News(step=step, wanted=(TAX,)), AT)
    if (once.state, step) not in FILE_TRANSITIONS:
        return

    assert says_nothing_new(once, told(once, News(step=step, wanted=(TAX,)), AT))


@given(st.lists(st.tuples(st.sampled_from(["p1", "p2"]), st.sampled_from(PieceStep)), max_size=10))
def test_whatever_happens_to_pieces_each_is_where_its_table_says(
    deeds: list[tuple[str, PieceStep]],
) -> None:
    file, expected = ASKED, {"p1": PieceState.ASKED, "p2": PieceState.ASKED}
    wanted = {"p1": TAX, "p2": BANK}
    for number, (piece_id, step) in enumerate(deeds):
        leads_to = PIECE_TRANSITIONS.get((expected[piece_id], step))
        try:
            match step:
                case PieceStep.ASK:
                    file = told(file, News(step=FileStep.ASK_FOR_PIECES, wanted=(wanted[piece_id],)), AT)
                case PieceStep.HAND_IN:
                    file = handed_in(file, piece_id, came(str(number), AT))
                case PieceStep.ACCEPT:
                    file = judged(file, piece_id, None, AT)
                case PieceStep.REFUSE:
                    file = judged(file, piece_id, PieceRefusal.INCOMPLETE, AT)
        except NotPossible:
            continue
        expected[piece_id] = leads_to or expected[piece_id]
        assert file.piece(piece_id).state is expected[piece_id]  # type: ignore[union-attr]


def test_every_state_but_the_first_can_be_told_by_a_file_and_every_step_leads_somewhere() -> None:
    assert set(STEP_TO) == set(FileState) - {FileState.NOT_SUBMITTED}
    assert set(STEP_TO.values()) == set(FileStep) == {step for _, step in FILE_TRANSITIONS}
    assert {STEP_TO[state] for state in (FileState.GRANTED, FileState.PROVISIONALLY_GRANTED)} == DECIDES
    for state, step in STEP_TO.items():
        assert state in {to for (_, by), to in FILE_TRANSITIONS.items() if by is step}
    assert all(
        (state, step) in FILE_TRANSITIONS
        for state in (FileState.SUBMITTED, FileState.INCOMPLETE, FileState.UNDER_REVIEW)
        for step in DECIDES
    )


def test_a_row_of_a_file_is_remembered_among_the_last_ones() -> None:
    file = EMPTY
    for number in range(25):
        row = Applied(digest=str(number), import_id="i", sent_at=AT)
        file = told(file, News(step=FileStep.SUBMIT), AT, row=row)

    assert [one.digest for one in file.applied] == [str(number) for number in range(5, 25)]
