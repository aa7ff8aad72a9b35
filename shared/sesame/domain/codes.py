"""Tenant codes, one-time codes and tenant references: their symbols, check symbols and forgiving reading.

A tenant code reads `XXXX-XXXC`: Crockford base32 with a check symbol in the same alphabet. The check is a
weighted sum over GF(32) whose weights are successive powers of a primitive element, so that every single
wrong symbol and every swap of two symbols, neighbours or not, is caught.
"""

import re
import unicodedata
from collections.abc import Callable
from itertools import batched

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O or U."""
LENGTH = 8
GROUP = 4

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_FOLDED = str.maketrans({"O": "0", "I": "1", "L": "1"})
_SEPARATORS = str.maketrans("", "", "-‐‑‒–—−_ .\t  ")
_FIELD = 0b100101  # x^5 + x^2 + 1, primitive over GF(2), so that 2 generates the field
_HIGH = 0b100000

OTP_DIGITS = 8
_REFERENCE_DIGITS = 10

Random = Callable[[int], bytes]


class Mistyped(ValueError):
    """Not a code that was ever printed: a symbol is wrong, missing, too many or swapped."""


def fold(text: str) -> str:
    """What was meant by what was typed: case, separators and width ignored; O is 0, I and L are 1."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return plain.translate(_SEPARATORS).translate(_FOLDED)


def check_symbol(data: str) -> str:
    """The check symbol of folded symbols. Raises Mistyped for a symbol outside the alphabet."""
    total = 0
    for symbol in data:
        try:
            total = _double(total ^ _VALUES[symbol])
        except KeyError as error:
            raise Mistyped from error
    return ALPHABET[total]


def new_code(random: Random) -> str:
    """A fresh code, folded: seven random symbols (35 bits) and their check symbol."""
    number = int.from_bytes(random(5))
    data = "".join(ALPHABET[(number >> 5 * place) & 31] for place in range(LENGTH - 1))
    return data + check_symbol(data)


def read(text: str, imported: str = "") -> str:
    """The folded code behind what was typed. Raises Mistyped when its check symbol or length is wrong.

    `imported` is the form (a regular expression over folded symbols) of codes that an operator brought along.
    Those have no check symbol, so that nothing of their form can be called a typing error.
    """
    folded = fold(text)
    if imported and re.fullmatch(imported, folded):
        return folded
    if len(folded) != LENGTH or check_symbol(folded[:-1]) != folded[-1]:
        raise Mistyped
    return folded


def printed(folded: str) -> str:
    """As printed: groups of four joined by hyphens."""
    return "-".join("".join(group) for group in batched(folded, GROUP, strict=False))


def tail(folded: str) -> str:
    """The last two symbols: all that is shown where the code itself must not be."""
    return folded[-2:]


def new_one_time_code(random: Random) -> str:
    """Eight digits, uniform: bytes that would favour some digits are thrown away."""
    ceiling = 2**32 - 2**32 % 10**OTP_DIGITS
    while True:
        number = int.from_bytes(random(4))
        if number < ceiling:
            return f"{number % 10**OTP_DIGITS:0{OTP_DIGITS}}"


def printed_one_time_code(digits: str) -> str:
    """As shown: `1234 5678`."""
    return f"{digits[:4]} {digits[4:]}"


def read_one_time_code(text: str) -> str:
    """The digits of what was typed, separators ignored. Raises Mistyped unless there are eight."""
    digits = unicodedata.normalize("NFKC", text).translate(_SEPARATORS)
    if len(digits) != OTP_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise Mistyped
    return digits


def new_tenant_reference(random: Random) -> str:
    """Ten digits: eight random ones and two that check them (ISO 7064, mod 97-10)."""
    stem = f"{int.from_bytes(random(8)) % 10**8:08}"
    return f"{stem}{98 - int(stem) * 100 % 97:02}"


def is_tenant_reference(text: str) -> bool:
    """Whether ten digits check out (ISO 7064, mod 97-10)."""
    return len(text) == _REFERENCE_DIGITS and text.isascii() and text.isdigit() and int(text) % 97 == 1


def _double(value: int) -> int:
    """Multiplies by the field's generator."""
    value <<= 1
    return value ^ _FIELD if value & _HIGH else value
