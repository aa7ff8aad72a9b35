"""What a lease file says of a residence."""

from zoneinfo import ZoneInfo

import pytest

from sesame.domain.residences import TIME_ZONES, residence_id, time_zone


def test_a_residence_is_known_by_its_name_and_postal_code_however_the_name_is_written() -> None:
    assert residence_id("Les Tanneurs", "69005") == "les-tanneurs-69005"
    assert residence_id("  LES  TANNEURS ", "69005") == "les-tanneurs-69005"
    assert residence_id("Cité de l'Œuvre n° 2", "75005") == "cite-de-l-oeuvre-n-2-75005"


def test_a_name_without_letter_or_digit_names_nothing() -> None:
    with pytest.raises(ValueError, match="neither letter nor digit"):
        residence_id("—", "69005")


@pytest.mark.parametrize(
    ("postal_code", "zone"),
    [
        ("69005", "Europe/Paris"),
        ("97490", "Indian/Reunion"),
        ("98702", "Pacific/Tahiti"),
        ("20000", "Europe/Paris"),
    ],
)
def test_the_clock_on_the_wall_follows_the_postal_code(postal_code: str, zone: str) -> None:
    assert time_zone(postal_code) == zone


def test_every_zone_is_one_that_the_system_knows() -> None:
    assert all(ZoneInfo(zone) for zone in TIME_ZONES.values())
