"""The laws of codes: what is printed reads back, and what is mistyped is caught."""

import string
from secrets import token_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import codes

symbols = st.sampled_from(codes.ALPHABET)
random_bytes = st.binary(min_size=5, max_size=5)
tenant_codes = random_bytes.map(lambda raw: codes.new_code(lambda _: raw))


@given(tenant_codes)
def test_a_printed_code_reads_back(code: str) -> None:
    assert codes.read(codes.printed(code)) == code


@given(tenant_codes, st.booleans(), st.sampled_from(["", " ", "-", " - ", "–"]))
def test_case_hyphens_and_look_alikes_do_not_matter(code: str, lower: bool, separator: str) -> None:
    typed = separator.join(code).replace("0", "O").replace("1", "l")

    assert codes.read(typed.lower() if lower else typed) == code


@given(tenant_codes, st.integers(0, codes.LENGTH - 1), symbols)
def test_any_single_wrong_symbol_is_caught(code: str, place: int, wrong: str) -> None:
    typed = code[:place] + wrong + code[place + 1 :]

    if wrong == code[place]:
        assert codes.read(typed) == code
    else:
        with pytest.raises(codes.Mistyped):
            codes.read(typed)


@given(tenant_codes, st.integers(0, codes.LENGTH - 1), st.integers(0, codes.LENGTH - 1))
def test_any_swap_of_two_different_symbols_is_caught(code: str, one: int, other: int) -> None:
    swapped = list(code)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    typed = "".join(swapped)

    if typed == code:
        assert codes.read(typed) == code
    else:
        with pytest.raises(codes.Mistyped):
            codes.read(typed)


@given(st.text(max_size=20))
def test_anything_typed_is_a_code_or_a_typing_error(text: str) -> None:
    try:
        assert codes.read(text) == codes.fold(text)
    except codes.Mistyped:
        assert len(codes.fold(text)) != codes.LENGTH or codes.fold(text)[-1] != _check_or_none(text)


def _check_or_none(text: str) -> str | None:
    try:
        return codes.check_symbol(codes.fold(text)[:-1])
    except codes.Mistyped:
        return None


def test_a_code_shows_as_two_groups_of_four() -> None:
    code = codes.printed(codes.new_code(token_bytes))

    assert [len(group) for group in code.split("-")] == [4, 4]


@given(st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=3))
def test_a_one_time_code_is_eight_digits_and_reads_back(raws: list[bytes]) -> None:
    rest = iter([*raws, bytes(4)])

    code = codes.new_one_time_code(lambda _: next(rest))

    assert len(code) == codes.OTP_DIGITS
    assert set(code) <= set(string.digits)
    assert codes.read_one_time_code(codes.printed_one_time_code(code)) == code


def test_bytes_that_would_favour_some_one_time_codes_are_thrown_away() -> None:
    answers = iter([b"\xff\xff\xff\xff", b"\x00\x00\x00\x07"])

    assert codes.new_one_time_code(lambda _: next(answers)) == "00000007"


@pytest.mark.parametrize("typed", ["", "1234567", "123456789", "1234 567a", "１２３４５６７", "٠١٢٣٤٥٦٧"])
def test_what_is_not_eight_digits_is_no_one_time_code(typed: str) -> None:
    with pytest.raises(codes.Mistyped):
        codes.read_one_time_code(typed)


@given(st.binary(min_size=8, max_size=8), st.integers(0, 9), st.integers(1, 9))
def test_a_tenant_reference_checks_out_and_a_wrong_digit_does_not(raw: bytes, place: int, shift: int) -> None:
    reference = codes.new_tenant_reference(lambda _: raw)
    wrong = reference[:place] + str((int(reference[place]) + shift) % 10) + reference[place + 1 :]

    assert codes.is_tenant_reference(reference)
    assert not codes.is_tenant_reference(wrong)
