"""The laws of codes: what is printed reads back, and what is mistyped is caught, whatever the form."""

import json
import re
import string
from itertools import product
from pathlib import Path
from secrets import token_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesame.domain import codes
from sesame.domain.codes import CodeFormat, CodeFormats

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "checkdigits.json"
SYMBOLS = "".join(sorted(set(string.digits + string.ascii_uppercase) - set("OIL")))
SIZES = (4, 8, 16, 32, 10, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31)


@st.composite
def code_formats(draw: st.DrawFn) -> CodeFormat:
    """Any form that an operator may choose."""
    size = draw(st.sampled_from([size for size in SIZES if size ** (codes.LONGEST - 1) >= 2**30]))
    alphabet = "".join(draw(st.permutations(SYMBOLS))[:size])
    least = next(length for length in range(2, 99) if size ** (length - 1) >= 2**codes.LEAST_BITS)
    prefix = draw(st.from_regex(r"([A-Z0-9][A-Z0-9-]{0,7})?", fullmatch=True))
    return CodeFormat(
        length=draw(st.integers(least, codes.LONGEST)),
        alphabet=alphabet,
        prefix=prefix,
        group=draw(st.integers(2, codes.LONGEST)),
    )


@st.composite
def formats_and_codes(draw: st.DrawFn) -> tuple[CodeFormats, str]:
    """A form, and a code of it."""
    form = draw(code_formats())
    data = "".join(
        draw(st.lists(st.sampled_from(form.alphabet), min_size=form.length - 1, max_size=form.length - 1))
    )
    return CodeFormats((form,)), data + form.check_symbol(data)


def looser(text: str, draw: st.DrawFn) -> str:
    """The same, as somebody in a hurry writes it."""
    look_alikes = {"0": "0Oo", "1": "1IiLl"}
    typed = "".join(
        draw(st.sampled_from(look_alikes.get(symbol, symbol + symbol.lower())))
        for symbol in text
        if symbol != "-"
    )
    separator = draw(st.sampled_from(["", " ", "-", " - ", "–", "."]))
    return separator.join(typed) if draw(st.booleans()) else f" {typed} "


@given(formats_and_codes(), st.data())
def test_a_printed_code_reads_back_however_it_is_typed(
    made: tuple[CodeFormats, str], data: st.DataObject
) -> None:
    formats, code = made
    printed = formats.printed(code)
    drawn = data.draw(st.composite(lambda draw: looser(draw(st.sampled_from([printed, code])), draw))())

    assert formats.read(printed) == code
    assert formats.read(drawn) == code


@given(formats_and_codes(), st.data())
def test_any_single_wrong_symbol_is_caught(made: tuple[CodeFormats, str], data: st.DataObject) -> None:
    formats, code = made
    place = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.sampled_from(SYMBOLS).filter(lambda symbol: symbol != code[place]))
    typed = code[:place] + wrong + code[place + 1 :]

    for text in (typed, formats.printed(typed)):
        with pytest.raises(codes.Mistyped):
            formats.read(text)


@given(formats_and_codes(), st.data())
def test_any_swap_of_different_neighbours_is_caught(
    made: tuple[CodeFormats, str], data: st.DataObject
) -> None:
    formats, code = made
    place = data.draw(st.integers(0, len(code) - 2))
    typed = code[:place] + code[place + 1] + code[place] + code[place + 2 :]

    for text in (typed, formats.printed(typed)):
        if typed == code:
            assert formats.read(text) == code
        else:
            with pytest.raises(codes.Mistyped):
                formats.read(text)


@given(st.integers(0, 32**7 - 1), st.integers(0, 7), st.integers(0, 7))
def test_the_usual_form_catches_any_swap_at_all(number: int, one: int, other: int) -> None:
    data = "".join(codes.ALPHABET[number >> 5 * place & 31] for place in range(7))
    code = data + CodeFormat().check_symbol(data)
    swapped = list(code)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    typed = "".join(swapped)

    if typed == code:
        assert codes.STANDARD.read(typed) == code
    else:
        with pytest.raises(codes.Mistyped):
            codes.STANDARD.read(typed)


@pytest.mark.parametrize(
    ("data", "check"), [("7K3M9QZ", "B"), ("0000000", "0"), ("ZZZZZZZ", "C"), ("ABCDEFG", "C")]
)
def test_codes_that_are_out_there_keep_their_check_symbol(data: str, check: str) -> None:
    assert CodeFormat().check_symbol(data) == check


@given(code_formats(), st.integers(0, 255))
def test_a_new_code_is_one_of_its_form(form: CodeFormat, byte: int) -> None:
    answers = iter([byte])

    code = CodeFormats((form,)).new(lambda count: bytes([next(answers, 0)] * count))

    assert form.checks(code)


def test_bytes_that_would_favour_some_symbols_are_thrown_away() -> None:
    form = CodeFormat(length=11, alphabet=string.digits)
    answers = iter([b"\xff" * 5, (10**10 * 108 + 7).to_bytes(5)])

    assert form.new(lambda _: next(answers))[:10] == "7000000000"


def test_damms_table_is_totally_anti_symmetric() -> None:
    """Of neighbours swapped after any beginning, and of the last symbol swapped with its check."""
    table = [[int(value) for value in row] for row in codes.DAMM]

    for c, x, y in product(range(10), repeat=3):
        if x != y:
            assert table[table[c][x]][y] != table[table[c][y]][x]
    assert all(table[x][x] == 0 for x in range(10))
    assert all(sorted(row) == list(range(10)) for row in table)
    assert all(sorted(column) == list(range(10)) for column in zip(*table, strict=True))


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not there")
def test_check_digits_are_those_of_others_who_compute_damms() -> None:
    form = CodeFormat(length=11, alphabet=string.digits)

    for vector in json.loads(VECTORS.read_text("utf-8"))["digits"]:
        assert form.check_symbol(vector["payload"]) == vector["damm"]


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not there")
def test_what_is_typed_for_another_symbol_is_read_as_the_vectors_say() -> None:
    vectors = json.loads(VECTORS.read_text("utf-8"))
    aliases = vectors["decode_aliases"]
    del aliases["lowercase"]

    assert vectors["alphabet_crockford"] == codes.ALPHABET
    assert {typed: codes.fold(typed) for typed in aliases} == aliases


@given(st.text(max_size=20))
def test_anything_typed_is_a_code_or_a_typing_error(text: str) -> None:
    try:
        assert codes.STANDARD.read(text) == codes.fold(text)
    except codes.Mistyped:
        assert not CodeFormat().checks(codes.fold(text))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"alphabet": "0123456789O"}, "O, I and L"),
        ({"alphabet": "01234567aa"}, "capital letters"),
        ({"alphabet": "0123456788"}, "each symbol once"),
        ({"alphabet": "012345"}, "no check symbol"),
        ({"alphabet": "01", "length": 20}, "no check symbol"),
        ({"alphabet": string.digits, "length": 8}, "23 bits"),
        ({"length": 21}, "at most 20"),
        ({"prefix": "résidence"}, "prefix"),
        ({"prefix": "-AB"}, "prefix"),
        ({"group": 1}, "group"),
    ],
)
def test_a_form_that_would_not_work_is_refused_in_words(chosen: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        CodeFormats.of(json.dumps([{"length": 12} | chosen]))


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ("[", "no JSON"),
        ("{}", "not a JSON list"),
        ("[]", "at least one"),
        ("[7]", "JSON object"),
        ('[{"size": 8}]', "not 'size'"),
        ('[{"length": "8"}]', "length"),
        ('[{"length": true}]', "length"),
        ('[{"length": 8, "prefix": "AB"}, {"length": 10}]', "taken for each other"),
        ('[{"length": 9, "prefix": "A"}, {"length": 8, "prefix": "AB"}]', "taken for each other"),
    ],
)
def test_forms_that_cannot_be_read_or_told_apart_are_refused_in_words(described: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CodeFormats.of(described)


def test_a_form_of_imported_codes_that_is_no_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="regular expression"):
        CodeFormats(imported="[0-9")


def test_an_earlier_form_still_reads_after_the_operator_chose_another() -> None:
    formats = CodeFormats.of(
        json.dumps([{"length": 11, "alphabet": string.digits, "prefix": "TIL-", "group": 3}, {"length": 8}])
    )
    old, new = codes.STANDARD.new(token_bytes), formats.new(token_bytes)

    assert formats.read(codes.STANDARD.printed(old)) == old
    assert formats.read(formats.printed(new)) == new
    assert formats.read(new) == new
    assert re.fullmatch(r"TIL-\d{3}-\d{3}-\d{3}-\d\d", formats.printed(new))
    assert formats.lengths == [11, 8]


def test_a_code_of_our_own_is_read_as_such_even_where_imported_ones_may_look_like_it() -> None:
    formats = CodeFormats((CodeFormat(prefix="AB-"),), imported="[A-Z0-9]+")
    code = formats.new(token_bytes)

    assert formats.read(formats.printed(code)) == code
    assert formats.read("anything") == "ANYTH1NG"


def test_a_code_shows_as_two_groups_of_four() -> None:
    code = codes.STANDARD.printed(codes.STANDARD.new(token_bytes))

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
