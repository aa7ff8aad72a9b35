"""Whom a token of the students' identity provider speaks of."""

from datetime import date
from typing import Any

import pytest

from sesame.platform.errors import Unauthenticated
from sesame.services.personal_space import Student, UnverifiedEmail, student_of

EMAIL = {"sub": "s", "email": " Huong@Example.org ", "email_verified": "true"}


@pytest.mark.parametrize(
    ("claims", "student"),
    [
        ({"sub": "s", "ine": "170669074dk"}, Student(ine="170669074DK")),
        (EMAIL, Student(email="huong@example.org")),
        (EMAIL | {"email_verified": True}, Student(email="huong@example.org")),
        (
            EMAIL | {"birthdate": "2004-05-31"},
            Student(email="huong@example.org", birth_date=date(2004, 5, 31)),
        ),
        (EMAIL | {"birthdate": "0000-05-31"}, Student(email="huong@example.org")),
        (EMAIL | {"ine": "no ine"}, Student(email="huong@example.org")),
        (EMAIL | {"ine": "170669074DK", "email_verified": "false"}, Student(ine="170669074DK")),
    ],
)
def test_claims_are_read_as_the_gateway_hands_them_over(claims: dict[str, Any], student: Student) -> None:
    assert student_of(claims) == student


@pytest.mark.parametrize(
    "claims",
    [
        EMAIL | {"email_verified": "false"},
        EMAIL | {"email_verified": "yes"},
        {"sub": "s", "email": "huong@example.org"},
        {"sub": "s", "email": "not an address", "email_verified": "true"},
        {"sub": "s"},
    ],
)
def test_an_address_that_nobody_verified_is_no_proof(claims: dict[str, Any]) -> None:
    with pytest.raises(UnverifiedEmail):
        student_of(claims)


def test_a_request_without_a_subject_has_not_passed_the_gateway() -> None:
    with pytest.raises(Unauthenticated):
        student_of({})
