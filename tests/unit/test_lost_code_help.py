"""What to do when nothing comes: the steps, and the desks that a search finds."""

from dataclasses import replace

import pytest

from sesame.domain.tenancy import Landlord, Residence
from sesame.platform.errors import Invalid
from sesame.services.lost_code_help import MOST_DESKS, STEPS, LostCodeHelp

TILLEULS = Residence(
    residence_id="les-tilleuls-38400",
    name="Les Tilleuls",
    address=("8 allée des Tilleuls",),
    postal_code="38400",
    city="Saint-Martin-d'Hères",
    time_zone="Europe/Paris",
    landlord=Landlord(name="-", address=()),
)
ERABLES = replace(TILLEULS, residence_id="e", name="Les Érables", postal_code="35000", city="Rennes")


def advice(*residences: Residence) -> LostCodeHelp:
    return LostCodeHelp(lambda: residences, "sesame@residences.example")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["Les Érables", "Les Tilleuls"]),
        ("tilleuls", ["Les Tilleuls"]),
        ("ERABLES rennes", ["Les Érables"]),
        ("saint martin d heres", ["Les Tilleuls"]),
        ("384", ["Les Tilleuls"]),
        ("brest", []),
    ],
)
def test_desks_are_found_by_name_town_or_postal_code_however_typed(typed: str, found: list[str]) -> None:
    assert [one.name for one in advice(TILLEULS, ERABLES).desks(typed).residences] == found


def test_a_letter_is_too_little_to_search_for() -> None:
    with pytest.raises(Invalid):
        advice(TILLEULS).desks("é")


def test_more_desks_than_can_be_shown_is_said() -> None:
    many = [replace(TILLEULS, residence_id=str(number)) for number in range(MOST_DESKS + 1)]

    found = advice(*many).desks("")

    assert len(found.residences) == MOST_DESKS
    assert found.more


def test_residences_are_read_every_five_minutes_at_most() -> None:
    read, now = [], [0.0]

    def residences() -> list[Residence]:
        read.append(now[0])
        return [TILLEULS]

    helping = LostCodeHelp(residences, "s@x", lambda: now[0])
    for moment in (0.0, 299.0, 301.0):
        now[0] = moment
        helping.desks("")

    assert read == [0.0, 301.0]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_steps_name_our_sender_and_end_at_the_desk(language: str) -> None:
    steps = advice().steps(language)

    assert len(steps) == len(STEPS[language]) == 6
    assert "sesame@residences.example" in steps[0]
    assert {"fr": "pièce d'identité", "en": "with an ID"}[language] in steps[-1]
