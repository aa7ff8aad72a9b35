"""2D-Doc, type 00: a proof of address as a signed text that a DataMatrix carries (ANTS, specification 3.x).

The text is a header, fields, and an ECDSA signature over both, so that any reader of 2D-Docs can tell a
forged address without asking us. Pure: whoever holds the key signs `signed_bytes`.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sesame.domain.certificates import Facts, Issue, Kind
from sesame.domain.contacts import without_accents

GROUP, RECORD, UNIT = "\x1d", "\x1e", "\x1f"
"""End of a field; end of a field that was cut; what stands before the signature."""
PROOF_OF_ADDRESS = "00"

DOCUMENT_ID, TITLE, GIVEN_NAMES, FAMILY_NAME = "01", "11", "12", "13"
FLAT, BUILDING, STREET, PLACE, POSTAL_CODE, TOWN, COUNTRY = "20", "21", "22", "23", "24", "25", "26"

_EPOCH = date(2000, 1, 1)
_NO_DATE = 0xFFFF
_HEADER = re.compile(
    r"DC(?P<version>0[1-4])(?P<authority>[A-Z0-9]{4})(?P<certificate>[A-Z0-9]{4})"
    r"(?P<issued>[0-9A-F]{4})(?P<signed>[0-9A-F]{4})(?P<type>[A-Z0-9]{2})"
)
_AFTER_TYPE = {"01": 0, "02": 0, "03": 2, "04": 4}
"""Characters of perimeter and country, by version."""
_FIXED = {"06": 4, "07": 6, "08": 4, "09": 4, POSTAL_CODE: 5, COUNTRY: 2}
"""Fields of a proof of address whose length is known, which no separator ends."""
_LONGEST = {TOWN: 32}
_LONGEST_LINE = 38
_NUMBER_BYTES = 32
"""Of r and of s, on curve P-256."""
_CARRIED = frozenset({Kind.RESIDENCE_CERTIFICATE})


class NotEncodable(ValueError):
    """What a document states cannot be written in capital letters and digits: it goes without."""


class Unreadable(ValueError):
    """Not a 2D-Doc, or one of a form that is not read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signatory:
    """How a header names who signs: an authority, and a certificate of it, four characters each."""

    authority: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoDDoc:
    """A 2D-Doc, taken apart. Whether its signature holds is for who has the certificate to say."""

    signatory: Signatory
    type: str
    issued_on: date | None
    fields: Mapping[str, str]
    cut: frozenset[str]
    """The fields that were longer than the format takes."""
    signed_bytes: bytes
    signature: bytes
    """r and s, one after the other."""


def carried(facts: Facts) -> bool:
    """Whether a document is a proof of address: it says where somebody lives now."""
    return facts["kind"] in _CARRIED and facts.get("stay") == "current"


def message(facts: Facts, issue: Issue, signatory: Signatory) -> str:
    """Header and fields of a document's 2D-Doc, to be signed. Raises NotEncodable."""
    day = f"{(issue.on - _EPOCH).days:04X}"
    header = f"DC04{signatory.authority}{signatory.certificate}{day}{day}{PROOF_OF_ADDRESS}01FR"
    return header + "".join(_field(name, value) for name, value in fields_of(facts, issue).items())


def fields_of(facts: Facts, issue: Issue) -> dict[str, str]:
    """What a document's 2D-Doc says, whole, by data identifier. Raises NotEncodable."""
    holder, residence = facts["holder"], facts["residence"]
    lines = [line for line in residence["address"] if line]
    towns = [match for line in lines if (match := re.fullmatch(r"(\d{5}) (.+)", line))]
    if not towns:
        raise NotEncodable("no line with a postal code")
    others = [line for line in lines if line != towns[-1][0]]
    streets = [line for line in others if re.match(r"\d", line)] or others[-1:]
    if not streets:
        raise NotEncodable("no street")
    street = streets[-1]
    building = _capitals(residence["name"])
    return {
        DOCUMENT_ID: issue.verification_code,
        COUNTRY: "FR",
        POSTAL_CODE: towns[-1][1],
        TITLE: "",
        GIVEN_NAMES: _letters(holder["given_names"]),
        FAMILY_NAME: _letters(holder["family_name"]),
        FLAT: _capitals(f"LOGEMENT {facts['lease']['room']}"),
        BUILDING: building if building.startswith("RESIDENCE") else f"RESIDENCE {building}",
        STREET: _capitals(street),
        PLACE: _capitals(" ".join(line for line in others if line != street)),
        TOWN: _letters(towns[-1][2]),
    }


def complete(text: str, signature: bytes) -> str:
    """The whole 2D-Doc: a message and its signature (DER, as keys give it)."""
    return f"{text}{UNIT}{base64.b32encode(raw_signature(signature)).decode().rstrip('=')}"


def raw_signature(der: bytes) -> bytes:
    """r and s at their full width, of a DER signature (SEC 1, C.5). Raises ValueError."""
    numbers, at = [], 2
    for _ in range(2):
        if der[at] != 0x02:  # noqa: PLR2004 (ASN.1 INTEGER)
            raise ValueError("not a signature in DER")
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2 : at + 2 + length]))
        at += 2 + length
    return b"".join(number.to_bytes(_NUMBER_BYTES) for number in numbers)


def der_signature(raw: bytes) -> bytes:
    """The DER form of r and s at full width."""
    parts = b""
    for half in (raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:]):
        number = half.lstrip(b"\0") or b"\0"
        if number[0] & 0x80:
            number = b"\0" + number
        parts += bytes((0x02, len(number))) + number
    return bytes((0x30, len(parts))) + parts


def read(text: str) -> TwoDDoc:
    """Takes a 2D-Doc apart, whoever made it. Raises Unreadable."""
    signed, separator, rest = text.partition(UNIT)
    header = _HEADER.match(signed)
    if not separator or header is None:
        raise Unreadable("not a 2D-Doc")
    signature = rest.partition(GROUP)[0]
    try:
        raw = base64.b32decode(signature + "=" * (-len(signature) % 8))
        signed_bytes = signed.encode("ascii")
    except (ValueError, UnicodeEncodeError) as error:
        raise Unreadable("its signature cannot be read") from error
    if len(raw) != 2 * _NUMBER_BYTES:
        raise Unreadable("its signature is not of curve P-256")
    fields, cut = _fields(signed[header.end() + _AFTER_TYPE[header["version"]] :])
    return TwoDDoc(
        signatory=Signatory(authority=header["authority"], certificate=header["certificate"]),
        type=header["type"],
        issued_on=_day(header["issued"]),
        fields=fields,
        cut=cut,
        signed_bytes=signed_bytes,
        signature=raw,
    )


def agrees(found: TwoDDoc, facts: Facts, issue: Issue) -> bool:
    """Whether a 2D-Doc says what a document states, as far as it had room."""
    try:
        stated = fields_of(facts, issue)
    except (NotEncodable, KeyError, TypeError, AttributeError):  # facts of a file: of any shape
        return False
    return found.type == PROOF_OF_ADDRESS and all(
        value.startswith(found.fields.get(name, "\0"))
        if name in found.cut
        else found.fields.get(name) == value
        for name, value in stated.items()
    )


def _fields(text: str) -> tuple[dict[str, str], frozenset[str]]:
    fields: dict[str, str] = {}
    cut, at = set(), 0
    while at < len(text):
        name, at = text[at : at + 2], at + 2
        if (length := _FIXED.get(name)) is not None:
            fields[name], at = text[at : at + length], at + length
            continue
        end = re.compile(f"[{GROUP}{RECORD}]").search(text, at)
        fields[name] = text[at : end.start()] if end else text[at:]
        if end and end[0] == RECORD:
            cut.add(name)
        at = end.end() if end else len(text)
    return fields, frozenset(cut)


def _field(name: str, value: str) -> str:
    if name in _FIXED:
        return f"{name}{value}"
    longest = _LONGEST.get(name, _LONGEST_LINE)
    if len(value) > longest:
        return f"{name}{value[:longest]}{RECORD}"
    return f"{name}{value}{GROUP}"


def _capitals(text: str) -> str:
    """In capital letters and digits, as the format wants. Raises NotEncodable for another alphabet."""
    plain = without_accents(text).upper()
    if any(letter.isalpha() and not letter.isascii() for letter in plain):
        raise NotEncodable("another alphabet")
    return " ".join(re.sub(r"[^A-Z0-9]+", " ", plain).split())


def _letters(text: str) -> str:
    return " ".join(re.sub(r"[^A-Z]+", " ", _capitals(text)).split())


def _day(hexadecimal: str) -> date | None:
    days = int(hexadecimal, 16)
    return None if days == _NO_DATE else _EPOCH + timedelta(days=days)
