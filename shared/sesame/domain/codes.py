"""Tenant codes, one-time codes and tenant references: their symbols, check symbols and forgiving reading.

An operator chooses the form of its tenant codes; the one that Sésame suggests reads `XXXX-XXXC`. The last
symbol checks the others, in the same alphabet, so that every single wrong symbol and every swap of
neighbours is caught: a weighted sum whose weights are successive powers of a primitive element of the field
that has as many elements as the alphabet has symbols, or Damm's table where that number is ten.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import batched, combinations
from math import log2
from typing import Self

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: no I, L, O or U."""
GROUP = 4

_SEPARATORS = str.maketrans("", "", "-‐‑‒–—−_ .\t\u00a0\u202f")
_FOLDED = str.maketrans({"O": "0", "I": "1", "L": "1"})

# Polynomials over GF(2), as bits, for which x generates every element but zero of the field.
_PRIMITIVE = {4: 0b111, 8: 0b1011, 16: 0b10011, 32: 0b100101}
# The least primitive root of each prime.
_ROOTS = {3: 2, 5: 2, 7: 3, 11: 2, 13: 2, 17: 3, 19: 2, 23: 5, 29: 2, 31: 3}
# H. M. Damm, Total anti-symmetrische Quasigruppen (2004): his table of order 10.
DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
_DIGITS = len(DAMM)

LEAST_BITS = 30
"""Of chance in a tenant code."""
SHORTEST, LONGEST = 2, 20
"""Symbols of a tenant code, and of a group of them."""
_LONGEST_PREFIX = 8

OTP_DIGITS = 8
_REFERENCE_DIGITS = 10

Random = Callable[[int], bytes]


class Mistyped(ValueError):
    """Not a code that was ever printed: a symbol is wrong, missing, too many or swapped."""


def fold(text: str) -> str:
    """What was meant by what was typed: case, separators and width ignored; O is 0, I and L are 1."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return plain.translate(_SEPARATORS).translate(_FOLDED)


def printed(folded: str, group: int = GROUP) -> str:
    """As printed: groups joined by hyphens."""
    return "-".join("".join(symbols) for symbols in batched(folded, group, strict=False))


def tail(folded: str) -> str:
    """The last two symbols: all that is shown where the code itself must not be."""
    return folded[-2:]


def _check(values: list[int], size: int) -> int:
    """The value that makes the weighted sum nothing, or ends Damm's walk at zero."""
    total = 0
    if size == _DIGITS:
        for value in values:
            total = int(DAMM[total][value])
        return total
    if size in _PRIMITIVE:
        for value in values:
            total = _double(total ^ value, size)
        return total
    for value in values:
        total = (total + value) * _ROOTS[size] % size
    return -total % size


def _double(value: int, size: int) -> int:
    """Multiplies by the field's generator."""
    value <<= 1
    return value ^ _PRIMITIVE[size] if value & size else value


def _below(ceiling: int, random: Random) -> int:
    """A number below `ceiling`, uniform: bytes that would favour some are thrown away."""
    count = ((ceiling - 1).bit_length() + 7) // 8
    fair = 256**count - 256**count % ceiling
    while True:
        number = int.from_bytes(random(count))
        if number < fair:
            return number % ceiling


def _stays(symbol: str) -> bool:
    return symbol.isascii() and symbol.isalnum() and fold(symbol) == symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFormat:
    """A form of tenant codes: `length` symbols, the check symbol included, printed in groups.

    `prefix` is printed before them and need not be typed. Raises ValueError, in words, for a form that
    could not be read back, checked, or kept from being guessed.
    """

    length: int = 8
    alphabet: str = ALPHABET
    prefix: str = ""
    group: int = GROUP

    def __post_init__(self) -> None:
        size = len(self.alphabet)
        if any(not _stays(symbol) for symbol in self.alphabet) or len(set(self.alphabet)) != size:
            raise ValueError(
                f"alphabet {self.alphabet!r}: each symbol once, of digits and capital letters, "
                "but O, I and L, which are read as 0 and 1"
            )
        if size not in {_DIGITS, *_PRIMITIVE, *_ROOTS}:
            sizes = ", ".join(map(str, sorted({_DIGITS, *_PRIMITIVE, *_ROOTS})))
            raise ValueError(f"an alphabet of {size} symbols has no check symbol; it may have {sizes}")
        if not SHORTEST <= self.length <= LONGEST:
            raise ValueError(f"length {self.length}: at most {LONGEST} symbols")
        if self.bits < LEAST_BITS:
            raise ValueError(
                f"length {self.length} with {size} symbols leaves {int(self.bits)} bits to chance, "
                f"of {LEAST_BITS} at least"
            )
        if not re.fullmatch(rf"([A-Z0-9][A-Z0-9-]{{0,{_LONGEST_PREFIX - 1}}})?", self.prefix):
            raise ValueError(
                f"prefix {self.prefix!r}: at most {_LONGEST_PREFIX} capital letters, digits and hyphens"
            )
        if not SHORTEST <= self.group <= LONGEST:
            raise ValueError(f"group {self.group}: {SHORTEST} to {LONGEST} symbols")

    @property
    def bits(self) -> float:
        """How much of a code is chance."""
        return (self.length - 1) * log2(len(self.alphabet))

    @property
    def spoken_prefix(self) -> str:
        """The prefix as it is read: folded."""
        return fold(self.prefix)

    def check_symbol(self, data: str) -> str:
        """The check symbol of folded symbols. Raises Mistyped for a symbol outside the alphabet."""
        try:
            values = [self.alphabet.index(symbol) for symbol in data]
        except ValueError as error:
            raise Mistyped from error
        return self.alphabet[_check(values, len(self.alphabet))]

    def checks(self, folded: str) -> bool:
        """Whether these are a code's symbols, without its prefix."""
        if len(folded) != self.length:
            return False
        try:
            return self.check_symbol(folded[:-1]) == folded[-1]
        except Mistyped:
            return False

    def new(self, random: Random) -> str:
        """A fresh code, folded and without its prefix: every one is as likely as any other."""
        size = len(self.alphabet)
        number = _below(size ** (self.length - 1), random)
        data = "".join(self.alphabet[number // size**place % size] for place in range(self.length - 1))
        return data + self.check_symbol(data)

    def printed(self, folded: str) -> str:
        """As printed: the prefix, then groups joined by hyphens."""
        return self.prefix + printed(folded, self.group)


@dataclass(frozen=True, slots=True)
class CodeFormats:
    """The forms of an operator's tenant codes: the first is that of new ones, the others still read.

    `imported` is the form (a regular expression over folded symbols) of codes that the operator brought
    along. Those have no check symbol: nothing of that form can be called a typing error. Raises ValueError,
    in words, for forms that could not be told apart.
    """

    formats: tuple[CodeFormat, ...] = (CodeFormat(),)
    imported: str = ""

    def __post_init__(self) -> None:
        if not self.formats:
            raise ValueError("at least one form of tenant codes is needed")
        for one, other in combinations(self.formats, 2):
            if _confused(one, other) or _confused(other, one):
                raise ValueError(
                    f"codes of {one.length} symbols after {one.prefix!r} and of {other.length} "
                    f"after {other.prefix!r} could be taken for each other"
                )
        try:
            re.compile(self.imported)
        except re.error as error:
            raise ValueError(f"the form of imported codes is no regular expression: {error}") from error

    @classmethod
    def of(cls, described: str, imported: str = "") -> Self:
        """From a JSON list of objects with the fields of `CodeFormat`; nothing described is the default.

        Raises ValueError, in words.
        """
        if not described:
            return cls(imported=imported)
        try:
            forms = json.loads(described)
        except json.JSONDecodeError as error:
            raise ValueError(f"the forms of tenant codes are no JSON: {error}") from error
        if not isinstance(forms, list):
            raise ValueError("the forms of tenant codes are not a JSON list")
        return cls(tuple(_format_of(form) for form in forms), imported)

    @property
    def lengths(self) -> list[int]:
        """How many symbols a code may have without its prefix, the newest form first."""
        return list(dict.fromkeys(form.length for form in self.formats))

    def read(self, text: str) -> str:
        """The folded code behind what was typed, without its prefix. Raises Mistyped, without any look-up."""
        folded = fold(text)
        for form in self.formats:
            prefix = form.spoken_prefix
            if prefix and folded.startswith(prefix) and form.checks(folded.removeprefix(prefix)):
                return folded.removeprefix(prefix)
        if any(form.checks(folded) for form in self.formats):
            return folded
        if self.imported and re.fullmatch(self.imported, folded):
            return folded
        raise Mistyped

    def new(self, random: Random) -> str:
        """A fresh code of the first form, folded."""
        return self.formats[0].new(random)

    def printed(self, folded: str) -> str:
        """A code of the first form as it is printed, and kept."""
        return self.formats[0].printed(folded)


STANDARD = CodeFormats()
"""What an operator has who chooses nothing: `XXXX-XXXC`, 35 random bits."""


def new_one_time_code(random: Random) -> str:
    """Eight digits, uniform: bytes that would favour some digits are thrown away."""
    return f"{_below(10**OTP_DIGITS, random):0{OTP_DIGITS}}"


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


def _confused(one: CodeFormat, other: CodeFormat) -> bool:
    """Whether a code of one form, its prefix typed, could be one of the other with more symbols."""
    prefix = one.spoken_prefix
    return any(
        len(known) < len(prefix)
        and len(prefix) + one.length == len(known) + other.length
        and prefix.startswith(known)
        and set(prefix.removeprefix(known)) <= set(other.alphabet)
        for known in ("", other.spoken_prefix)
    )


def _format_of(form: object) -> CodeFormat:
    known: Mapping[str, type] = {"length": int, "alphabet": str, "prefix": str, "group": int}
    if not isinstance(form, dict):
        raise ValueError(f"a form of tenant codes is a JSON object, not {form!r}")
    for name, value in form.items():
        if name not in known:
            raise ValueError(f"a form of tenant codes has {', '.join(known)}, not {name!r}")
        if type(value) is not known[name]:
            raise ValueError(f"{name} of a form of tenant codes is not {value!r}")
    return CodeFormat(**form)
