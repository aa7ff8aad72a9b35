"""Amounts, dates, names and sentences as they are printed."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from sesame.documents.typography import (
    at,
    curled,
    day,
    figure,
    money,
    month,
    name,
    residence_name,
    short_day,
    short_month,
    siret,
    surface,
    typeset,
)
from sesame.documents.wording import LOCALES, Voice
from sesame.domain.tenancy import Language, RentWord

ROOT = Path(__file__).resolve().parents[2]

FRENCH, ENGLISH = Language.FRENCH, Language.ENGLISH


@pytest.mark.parametrize(
    ("cents", "french", "english"),
    [
        (123_450, "1\u202f234,50\u202f€", "€1,234.50"),
        (5, "0,05\u202f€", "€0.05"),
        (0, "0,00\u202f€", "€0.00"),
        (-1_250, "-12,50\u202f€", "-€12.50"),
        (100_000_000, "1\u202f000\u202f000,00\u202f€", "€1,000,000.00"),
    ],
)
def test_amounts_are_written_as_each_language_does(cents: int, french: str, english: str) -> None:
    assert money(cents) == {FRENCH: french, ENGLISH: english}


@given(st.integers(min_value=0, max_value=10**11))
def test_no_amount_can_be_torn_or_loses_a_cent(cents: int) -> None:
    for text in money(cents).values():
        assert " " not in text
        assert int("".join(character for character in text if character.isdigit())) == cents


def test_columns_have_figures_alone_with_a_minus_sign_that_is_one() -> None:
    assert figure(-123_450) == "\u22121\u202f234,50"
    assert figure(5) == "0,05"
    assert short_day("2026-09-01") == "01/09/2026"
    assert short_month("2026-09") == "09/2026"


def test_a_surface_has_the_decimals_it_needs() -> None:
    assert surface(1_850) == {FRENCH: "18,5\u00a0m²", ENGLISH: "18.5\u00a0m²"}
    assert surface(900)[FRENCH] == "9\u00a0m²"


def test_dates_are_written_out_and_hold_together() -> None:
    assert day("2026-10-01") == {FRENCH: "1er\u00a0octobre\u00a02026", ENGLISH: "1\u00a0October\u00a02026"}
    assert day("2026-08-11")[FRENCH] == "11\u00a0août\u00a02026"
    assert month("2026-02") == {FRENCH: "février\u00a02026", ENGLISH: "February\u00a02026"}


def test_french_punctuation_gets_its_spaces_and_english_does_not() -> None:
    assert typeset("Reste dû : 3 ; « code » n° 4, l'été !", FRENCH) == (
        "Reste dû\u00a0: 3\u202f; «\u00a0code\u00a0» n°\u00a04, l’été\u202f!"
    )
    assert typeset("Still owed: the tenant's", ENGLISH) == "Still owed: the tenant’s"


def test_a_name_breaks_between_words_only_and_is_escaped() -> None:
    html = str(name("Jean-Baptiste  <b>D'Arc"))

    assert '<span class="word">Jean-Baptiste</span>' in html
    assert "<b>" not in html


def test_a_word_longer_than_a_line_may_break() -> None:
    assert "word" not in name("a-" * 40)


def test_a_siret_is_grouped_and_anything_else_left_alone() -> None:
    assert siret("81234567800012") == "812\u00a0345\u00a0678\u00a000012"
    assert siret("en cours") == "en cours"


CATALOGUES = sorted(LOCALES.glob("*.po"))


def messages(file: Path) -> dict[str, str]:
    """French text -> what a catalogue says instead."""
    return {
        str(one.id): str(one.string)
        for one in read_po(io.BytesIO(file.read_bytes()))
        if one.id and one.string
    }


def test_the_catalogues_are_those_of_the_templates_and_compiled() -> None:
    checked = subprocess.run(
        [sys.executable, "shared/catalogues.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.stem)
def test_every_text_keeps_its_placeholders_whatever_the_language(file: Path) -> None:
    said = messages(file)

    assert said
    for french, other in said.items():
        if not french.startswith("Votre code locataire se termine"):  # no room for the address in English
            assert set(_placeholders(french)) == set(_placeholders(other)), french


def test_a_residence_that_says_redevance_never_prints_loyer() -> None:
    fee = Voice(FRENCH, RentWord.FEE)
    for french in messages(LOCALES / "en.po"):
        [(_, said)] = fee.say(french, **{hole: "x" for hole in _placeholders(french)})
        assert "loyer" not in said.casefold()


def test_a_text_is_said_in_the_residences_words_in_both_languages() -> None:
    assert [said for _, said in Voice(ENGLISH, RentWord.FEE).say("Loyer")] == ["Redevance", "Residence fee"]
    assert [said for _, said in Voice(ENGLISH).say("Loyer")] == ["Loyer", "Rent"]


def test_french_comes_first_and_english_beside_it() -> None:
    assert [language for language, _ in Voice(FRENCH).say("Loyer")] == [FRENCH]
    assert [language for language, _ in Voice(ENGLISH).say("Loyer")] == [FRENCH, ENGLISH]


def test_what_both_languages_write_alike_is_said_once() -> None:
    assert [language for language, _ in Voice(ENGLISH).say("Charges")] == [FRENCH]


def test_values_are_escaped_before_they_are_said() -> None:
    [(_, said)] = Voice(FRENCH).say("Document n° {number}", number="<script>")

    assert said == "Document n°\u00a0&lt;script&gt;"


def _placeholders(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Résidence Les Tilleuls", "Les Tilleuls"),
        ("résidence Jean-Zay", "Jean-Zay"),
        ("Les Tanneurs", "Les Tanneurs"),
        ("Résidence", "Résidence"),
    ],
)
def test_a_residence_is_not_called_one_twice(written: str, shown: str) -> None:
    assert residence_name(written) == name(shown)


@pytest.mark.parametrize(
    ("city", "said"),
    [
        ("Antony", "à Antony"),
        ("Le Havre", "au Havre"),
        ("Les Ulis", "aux Ulis"),
        ("La Rochelle", "à La Rochelle"),
        ("L'Haÿ-les-Roses", "à L’Haÿ-les-Roses"),
        ("Lesparre", "à Lesparre"),
        ("Le", "à Le"),
    ],
)
def test_a_city_contracts_with_its_article(city: str, said: str) -> None:
    assert at(city) == {FRENCH: said, ENGLISH: city.replace("'", "’")}


def test_a_name_has_the_apostrophe_of_the_sentence_around_it_and_an_address_keeps_its_own() -> None:
    assert "D’Almeida" in name("Chloé D'Almeida")
    assert curled("l'été") == "l’été"
    assert curled("o'brien@example.org") == "o'brien@example.org"
