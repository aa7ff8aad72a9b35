"""Amounts, dates, names and sentences as they are printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.documents.typography import day, money, month, name, residence_name, siret, typeset
from sesame.documents.wording import TEXTS, Voice
from sesame.domain.tenancy import Language

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


def test_every_text_says_the_same_things_in_both_languages() -> None:
    for key, (french, english) in TEXTS.items():
        holes = [set(_placeholders(text)) for text in (french, english)]
        assert french, key
        assert english, key
        if key != "code.tail":  # English does without the address, for want of room
            assert holes[0] == holes[1], key


def test_french_comes_first_and_english_beside_it() -> None:
    assert [language for language, _ in Voice(FRENCH).say("label.rent")] == [FRENCH]
    assert [language for language, _ in Voice(ENGLISH).say("label.rent")] == [FRENCH, ENGLISH]


def test_what_both_languages_write_alike_is_said_once() -> None:
    assert [language for language, _ in Voice(ENGLISH).say("label.charges")] == [FRENCH]


def test_values_are_escaped_before_they_are_said() -> None:
    [(_, said)] = Voice(FRENCH).say("number", number="<script>")

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
