"""What a text message costs, against known counts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain.sms import GSM7, GSM7_EXTENSION, is_gsm7, length, plain, segments

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "sms_gsm7.json"


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors lie beside the project")
def test_the_alphabet_is_that_of_the_standard() -> None:
    known = json.loads(VECTORS.read_text("utf-8"))

    assert set(known["basic"]) == GSM7
    assert set(known["extension_2_septets"]) == GSM7_EXTENSION
    assert all(map(is_gsm7, known["french_ok_in_gsm7"]))
    assert not any(map(is_gsm7, known["french_forces_ucs2"]))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # the sign's two septets are not cut in two
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" + "a" * 133, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments_are_counted_as_operators_charge_them(text: str, count: int) -> None:
    assert segments(text) == count


@given(st.text())
def test_plain_text_never_costs_more_and_keeps_what_has_no_latin_letter(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    if is_gsm7(text):
        assert plain(text) == text


def test_french_words_lose_only_the_accents_that_cost() -> None:
    assert plain("Ça « coûte » déjà l’hôte, où ça…") == 'Ça " coute " déjà l\'hote, où ca...'


@given(st.text(alphabet=sorted(GSM7 | GSM7_EXTENSION)))
def test_a_cheap_text_fits_the_segments_it_is_charged_for(text: str) -> None:
    assert length(text) <= (160 if segments(text) == 1 else 153 * segments(text))
