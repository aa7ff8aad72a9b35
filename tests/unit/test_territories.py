"""Public holidays: each territory's own, and no reminder on them."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sesame.domain.calendar import is_sending_time
from sesame.domain.territories import TERRITORIES, public_holidays, territory

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "calendar_fr_target.json"
NAMES = {
    "metropole": "metropole",
    "Alsace-Moselle(67/68/57)": "alsace-moselle",
    "Guadeloupe": "guadeloupe",
    "Martinique": "martinique",
    "Guyane": "guyane",
    "La_Reunion": "reunion",
    "Mayotte": "mayotte",
    "Polynesie": "polynesie-francaise",
    "Nouvelle-Caledonie": "nouvelle-caledonie",
    "St-Barthelemy": "saint-barthelemy",
    "St-Martin": "saint-martin",
}


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not there")
def test_the_holidays_of_every_territory_are_those_of_the_vectors() -> None:
    years = json.loads(VECTORS.read_text("utf-8"))["years"]

    for year, territories in years.items():
        for name, ours in NAMES.items():
            expected = {date.fromisoformat(day) for day in territories[name]}
            assert public_holidays(ours, int(year)) == expected, (ours, year)


@pytest.mark.parametrize(
    ("postal_code", "name"),
    [
        ("75013", "metropole"),
        ("67000", "alsace-moselle"),
        ("57000", "alsace-moselle"),
        ("97110", "guadeloupe"),
        ("97133", "saint-barthelemy"),
        ("97150", "saint-martin"),
        ("97490", "reunion"),
        ("98713", "polynesie-francaise"),
        ("98800", "nouvelle-caledonie"),
        ("20000", "metropole"),
    ],
)
def test_a_postal_code_says_whose_holidays_are_kept(postal_code: str, name: str) -> None:
    assert territory(postal_code) == name
    assert name in TERRITORIES


def test_the_abolition_of_slavery_is_quiet_on_reunion_alone() -> None:
    day = date(2027, 12, 20)  # a Monday
    morning = datetime(2027, 12, 20, 8, tzinfo=UTC)

    assert not is_sending_time(morning, "Indian/Reunion", public_holidays("reunion", 2027).__contains__)
    assert is_sending_time(morning, "Europe/Paris", public_holidays("metropole", 2027).__contains__)
    assert day in public_holidays("reunion", 2027)
