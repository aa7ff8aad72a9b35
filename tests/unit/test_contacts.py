"""Normal forms of e-mail, phone, INE and name."""

import json
from pathlib import Path

import pytest

from sesame.domain.contacts import (
    folded_name,
    folded_words,
    masked_email,
    masked_phone,
    normal_email,
    normal_ine,
    normal_phone,
)

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "ine.json"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("06 39 98 12 34", "+33639981234"),
        ("0639985678", "+33639985678"),
        ("06.39.98.12.34", "+33639981234"),
        ("+33 6 39 98 12 34", "+33639981234"),
        ("0033639981234", "+33639981234"),
        ("+689 87 00 00 00", "+68987000000"),
        ("0692 12 34 56", "+262692123456"),
        ("0696 12 34 56", "+596696123456"),
        ("0639 01 02 03", "+262639010203"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_a_phone_is_kept_in_e164_whatever_its_punctuation(typed: str, expected: str) -> None:
    assert normal_phone(typed) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "06 39 98 12",
        "+33 (0)6 39 98 12 34",
        "+330639981234",
        "+3363998123",
        "87 00 00 00",
        "+68987",
        "appeler le soir",
        "+",
        "0039",
        "06 39 98 12 34 ou 35",
    ],
)
def test_a_phone_with_a_lost_digit_or_no_country_is_refused(typed: str) -> None:
    assert normal_phone(typed) is None


@pytest.mark.parametrize("typed", ["zoe@example.org", " Zoe.Le-Tan+cy@Mail.Example.ORG "])
def test_an_email_is_kept_in_lower_case_without_spaces(typed: str) -> None:
    assert normal_email(typed) == typed.strip().lower()


@pytest.mark.parametrize(
    "typed",
    [
        "pas de mail",
        "",
        "zoe@",
        "@example.org",
        "zoe@example",
        "zoe..le@example.org",
        "a@b.c d",
        "zo?@x.org",
        "zoe@-example.org",
        "zoe@example.org, lea@example.org",
        "x" * 65 + "@example.org",
        "zoé@example.org",
    ],
)
def test_what_is_not_one_email_address_is_refused(typed: str) -> None:
    assert normal_email(typed) is None


def test_an_ine_is_kept_in_capitals() -> None:
    assert normal_ine(" 123456789ab ") == "123456789AB"


@pytest.mark.parametrize(
    "typed", ["7500013", "B9F6289", "123456789II", "1234567890O", "1111111111Q", "١234567890A"]
)
def test_an_ine_of_no_known_shape_is_refused(typed: str) -> None:
    assert normal_ine(typed) is None


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside this repository")
def test_the_public_ine_vectors_hold() -> None:
    vectors = json.loads(VECTORS.read_text())

    assert [ine for ine in vectors["valid"] if normal_ine(ine) is None] == []
    assert [ine for ine in vectors["invalid"] if normal_ine(ine) is not None] == []


def test_names_compare_without_case_accents_or_hyphens() -> None:
    assert folded_name("SAINT-EXUPÉRY", "Søren") == folded_name("Saint Exupery", "Soren")
    assert folded_name("Lê", "Thị") != folded_name("Le", "Tho")


@pytest.mark.parametrize(
    ("address", "shown"),
    [("huong@example.org", "h•••@example.org"), ("a@example.org", "a•••@example.org")],
)
def test_a_masked_address_keeps_its_first_letter_and_its_domain(address: str, shown: str) -> None:
    assert masked_email(address) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+33639981234", "+33•••••••34"),
        ("+262692123456", "+262•••••••56"),
        ("+68987123456", "+689••••••56"),
        ("+12025550123", "+1••••••••23"),
    ],
)
def test_a_masked_number_keeps_its_country_and_its_last_two_digits(number: str, shown: str) -> None:
    assert masked_phone(number) == shown


def test_the_words_of_a_name_are_folded_one_by_one() -> None:
    assert folded_words(" O'Connor-Müller  Siân ") == ["oconnormuller", "sian"]
