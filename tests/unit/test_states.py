"""State tables drawn for people: from what the code goes by, and nothing else."""

from enum import StrEnum

import pytest

from docs.states import DOCUMENT, diagram, document, tables


class State(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    LOST = "lost"


class Event(StrEnum):
    SHUT = "shut_it"
    SLAM = "slam_it"


def test_events_between_the_same_two_states_are_one_arrow_and_ends_are_drawn() -> None:
    table = {(State.OPEN, Event.SHUT): State.SHUT, (State.OPEN, Event.SLAM): State.SHUT}

    assert diagram(table, [State.OPEN]).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> open",
        "    open --> shut : shut_it, slam_it",
        "    shut --> [*]",
    ]
    who = {Event.SHUT: State.LOST, Event.SLAM: State.OPEN}
    assert "open --> shut : shut_it (lost), slam_it (open)" in diagram(table, [State.OPEN], who)


def test_a_table_without_events_is_drawn_too() -> None:
    table = {State.OPEN: frozenset({State.SHUT, State.LOST}), State.SHUT: frozenset({State.OPEN})}

    assert diagram(table, [State.OPEN]).splitlines()[2:] == [
        "    open --> lost",
        "    open --> shut",
        "    shut --> open",
        "    lost --> [*]",
    ]


def test_a_state_that_nothing_leads_to_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="lost"):
        diagram({(State.LOST, Event.SHUT): State.SHUT}, [State.OPEN])


def test_the_page_is_what_the_tables_say() -> None:
    assert DOCUMENT.read_text("utf-8") == document(tables()), "run `make states`"
