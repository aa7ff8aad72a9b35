"""Normal forms of what identifies or reaches a tenant: e-mail, phone, INE and name.

Lease files, the desk, sign-in and recovery all compare these forms, so they are defined once.
"""

import re
import unicodedata

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_LOCAL}@(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
_EMAIL_LIMIT = 254

_PHONE_PUNCTUATION = re.compile(r"[\s.\-/]+")
_NATIONAL = re.compile(r"0[1-9][0-9]{8}")
_INTERNATIONAL = re.compile(r"\+[1-9][0-9]{6,14}")

OVERSEAS_PREFIXES: dict[str, str] = {
    "0262": "+262",
    "0269": "+262",
    "0590": "+590",
    "0594": "+594",
    "0596": "+596",
    "0639": "+262",
    "0690": "+590",
    "0691": "+590",
    "0692": "+262",
    "0693": "+262",
    "0694": "+594",
    "0696": "+596",
    "0697": "+596",
}
"""French national numbers that belong to an overseas country code (ARCEP numbering plan)."""

MAINLAND_EXCEPTIONS = ("063998",)
"""Mainland numbers set aside for fiction by the ARCEP, inside Mayotte's 0639."""

SUBSCRIBER_DIGITS: dict[str, int] = {"33": 9, "262": 9, "590": 9, "594": 9, "596": 9, "687": 6, "689": 8}
"""Digits after the country code, where the plan fixes them: a lost digit is caught."""

INE_SHAPES: dict[str, re.Pattern[str]] = {
    "RNIE": re.compile(r"[0-9]{9}[A-HJK]{2}"),
    "BEA": re.compile(r"[0-9]{10}[A-HJ-NPR-Z]"),
    "BASE36": re.compile(r"[0-9A-Z]{10}[0-9]"),
    "SIFA": re.compile(r"[0-9]{4}A[0-9]{5}[A-HJ-NPR-Z]"),
    "PROVISOIRE": re.compile(r"[0-9]{4}D[0-9]{5}[A-HJ-NPR-Z]"),
}
"""The five shapes of the INE in use, as API Particulier checks them; no key is published."""


def normal_email(text: str) -> str | None:
    """The address as it is stored and compared (lower case), or None when it cannot be one."""
    address = text.strip()
    if len(address) > _EMAIL_LIMIT or not _EMAIL.fullmatch(address):
        return None
    return address.lower()


def normal_phone(text: str) -> str | None:
    """The number in E.164, or None. French national numbers are understood; others start with + or 00."""
    digits = _PHONE_PUNCTUATION.sub("", text.strip())
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if _NATIONAL.fullmatch(digits):
        mainland = digits.startswith(MAINLAND_EXCEPTIONS)
        country = "+33" if mainland else OVERSEAS_PREFIXES.get(digits[:4], "+33")
        return country + digits[1:]
    if not _INTERNATIONAL.fullmatch(digits):
        return None
    for code, length in SUBSCRIBER_DIGITS.items():
        subscriber = digits[1 + len(code) :]
        if digits[1:].startswith(code) and (len(subscriber) != length or subscriber[0] == "0"):
            return None
    return digits


def normal_ine(text: str) -> str | None:
    """The INE in capitals, or None when it has none of the five shapes.

    A right shape proves little: whoever matches on an INE also compares name and birth date.
    """
    ine = text.strip().upper()
    return ine if any(shape.fullmatch(ine) for shape in INE_SHAPES.values()) else None


def folded(text: str) -> str:
    """Letters and digits only, without case or accents: how names and headers are compared, never shown."""
    bare = text if text.isascii() else without_accents(text)
    return "".join(filter(str.isalnum, bare.casefold()))


def folded_name(family_name: str, given_names: str) -> str:
    """One comparable form of a person's name."""
    return f"{folded(family_name)}/{folded(given_names)}"


def folded_words(text: str) -> list[str]:
    """The words of a name, each folded; those of a search are compared with them in any order."""
    return [word for word in map(folded, text.split()) if word]


def masked_email(address: str) -> str:
    """`huong@example.org` -> `h•••@example.org`: recognised by who knows it, of no use to who does not."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}•••@{domain}"


def masked_phone(number: str) -> str:
    """`+33639981234` -> `+33•••••••34`: the country code where it is one of ours, and the last two digits."""
    country = next((code for code in SUBSCRIBER_DIGITS if number[1:].startswith(code)), number[1:2])
    kept = 1 + len(country)
    return f"{number[:kept]}{'•' * (len(number) - kept - 2)}{number[-2:]}"


# NFKD leaves these letters whole; files from older software write them unaccented.
_WHOLE_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae",
                                "Æ": "AE", "œ": "oe", "Œ": "OE", "ı": "i"})  # fmt: skip


def without_accents(text: str) -> str:
    """The text with plain letters for accented ones, for comparing and for identifiers."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_WHOLE_LETTERS))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
