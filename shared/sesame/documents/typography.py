"""How amounts, dates and sentences are set in French and in English.

Amounts are cents; dates arrive as ISO 8601. What must not be torn apart at the end of a line is held together
by no-break spaces.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NewType
from unicodedata import bidirectional

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from markupsafe import Markup, escape

from sesame.domain.tenancy import Language

Spoken = NewType("Spoken", dict[Language, str])
"""One thing as each language writes it."""

_LOCALES = {Language.FRENCH: "fr_FR", Language.ENGLISH: "en_GB"}
NO_BREAK = "\u00a0"
NARROW_NO_BREAK = "\u202f"
_LONGEST_UNBROKEN = 36
"""Characters: a longer word may break, rather than leave the page."""


def money(cents: int) -> Spoken:
    """`1 234,50 €` with narrow no-break spaces, `€1,234.50`."""
    amount = Decimal(cents) / 100
    spoken = {
        language: format_currency(amount, "EUR", locale=locale).replace(NO_BREAK, NARROW_NO_BREAK)
        for language, locale in _LOCALES.items()
    }
    return Spoken(spoken)


def day(iso: str) -> Spoken:
    """`1er septembre 2026`, `1 September 2026`, unbreakable."""
    moment = date.fromisoformat(iso)
    spoken = {
        language: format_date(moment, "d MMMM y", locale=locale) for language, locale in _LOCALES.items()
    }
    if moment.day == 1:
        spoken[Language.FRENCH] = spoken[Language.FRENCH].replace("1 ", "1er ", 1)
    return Spoken({language: text.replace(" ", NO_BREAK) for language, text in spoken.items()})


def month(period: str) -> Spoken:
    """The month of a period YYYY-MM: `septembre 2026`, `September 2026`."""
    moment = date.fromisoformat(f"{period}-01")
    spoken = {
        language: format_date(moment, "MMMM y", locale=locale).replace(" ", NO_BREAK)
        for language, locale in _LOCALES.items()
    }
    return Spoken(spoken)


def short_day(iso: str) -> str:
    """`01/09/2026`, as columns of dates have it; read alike in both languages (day first)."""
    moment = date.fromisoformat(iso)
    return f"{moment:%d/%m/%Y}"


def short_month(period: str) -> str:
    """`09/2026`."""
    year, _, number = period.partition("-")
    return f"{number}/{year}"


def figure(cents: int) -> str:
    """An amount in a column of amounts: `1 234,50`, `−12,50`; no currency, the column's note has it."""
    sign = "\u2212" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    return f"{sign}{whole:,}".replace(",", NARROW_NO_BREAK) + f",{rest:02}"


def surface(square_decimetres: int) -> Spoken:
    """`18,5 m²`, `18.5 m²`."""
    amount = Decimal(square_decimetres) / 100
    spoken = {
        language: f"{format_decimal(amount, format='0.##', locale=locale)}{NO_BREAK}m²"
        for language, locale in _LOCALES.items()
    }
    return Spoken(spoken)


_FRENCH_SPACES: Mapping[str, str] = {
    r" ([;!?])": NARROW_NO_BREAK + r"\1",
    r" ([:»%])": NO_BREAK + r"\1",
    r"« ": "«" + NO_BREAK,
    r"n° ": "n°" + NO_BREAK,
}


def typeset(text: str, language: Language) -> str:
    """A sentence with its apostrophes curved and, in French, the spaces that punctuation wants."""
    text = text.replace("'", "’")
    if language is Language.FRENCH:
        for pattern, replacement in _FRENCH_SPACES.items():
            text = re.sub(pattern, replacement, text)
    return text


def curled(text: str) -> str:
    """Somebody's own words with the apostrophe that the sentences around them have; addresses of e-mail as
    they are, since those are typed.
    """
    return text if "@" in text else text.replace("'", "’")


def at(city: str) -> Spoken:
    """Where something is done, as a sentence has it: `à Antony`, `au Havre`, `aux Ulis`; `Le Havre`."""
    article, _, rest = city.strip().partition(" ")
    french = f"{contraction} {rest}" if rest and (contraction := _CONTRACTED.get(article)) else f"à {city}"
    return Spoken({Language.FRENCH: curled(french), Language.ENGLISH: curled(city)})


_CONTRACTED = {"Le": "au", "Les": "aux"}


def name(text: str) -> Markup:
    """A person's or a place's name that breaks between words only, never at a hyphen or inside a word.

    `bdi` keeps a name written from right to left from disturbing what stands around it. Other names go
    without, since every box costs time.
    """
    words = [
        Markup('<span class="word">{}</span>').format(word)
        if len(word) <= _LONGEST_UNBROKEN and not word.isalnum()
        else escape(word)
        for word in curled(text).split()
    ]
    joined = Markup(" ").join(words)
    from_right_to_left = any(bidirectional(letter) in {"R", "AL"} for letter in text)
    return Markup("<bdi>{}</bdi>").format(joined) if from_right_to_left else joined


def residence_name(text: str) -> Markup:
    """A residence's name where the sentence says "résidence" already: not "la résidence Résidence X"."""
    first, _, rest = text.strip().partition(" ")
    return name(rest if first.casefold() in {"résidence", "residence"} and rest else text)


def listed(names: Sequence[str]) -> Spoken:
    """`A, B et C`, `A, B and C`."""
    *first, last = names
    ands = {Language.FRENCH: "et", Language.ENGLISH: "and"}
    return Spoken(
        {language: f"{', '.join(first)} {word} {last}" if first else last for language, word in ands.items()}
    )


def siret(number: str) -> str:
    """A SIRET as printed: `123 456 789 00012`. Anything that is not 14 digits stays as it is."""
    digits = re.sub(r"\s", "", number)
    if not re.fullmatch(r"\d{14}", digits):
        return number
    return NO_BREAK.join((digits[:3], digits[3:6], digits[6:9], digits[9:]))
