"""Identifiers: 128 bits, 26 lower-case Crockford base32 characters; random, or derived from their cause."""

import hashlib
from collections.abc import Callable
from secrets import token_bytes

Random = Callable[[int], bytes]
"""Returns that many cryptographically strong random bytes."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BYTES = 16
_CHARACTERS = 26


def _encode(raw: bytes) -> str:
    number = int.from_bytes(raw)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_CHARACTERS - 1), -1, -5))


def id_bytes(identifier: str) -> bytes:
    """The 16 bytes behind an identifier. Raises ValueError for anything that is not one."""
    if len(identifier) != _CHARACTERS:
        raise ValueError("not an identifier")
    number = 0
    for character in identifier:
        number = number << 5 | _ALPHABET.index(character)
    try:
        return number.to_bytes(_BYTES)
    except OverflowError as error:
        raise ValueError("not an identifier") from error


def id_from_bytes(raw: bytes) -> str:
    """The identifier of 16 bytes."""
    return _encode(raw)


def new_id(random: Random = token_bytes) -> str:
    """A fresh random identifier."""
    return _encode(random(_BYTES))


def derived_id(*parts: str) -> str:
    """The identifier of a cause: the same parts always give the same one, so a repeat is recognised."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return _encode(digest[:_BYTES])
