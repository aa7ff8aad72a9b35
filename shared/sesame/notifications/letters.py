"""E-mails as text and HTML, from one template for each message and language, in the reader's words.

The HTML is for phones first, follows the reader's light or dark mode, and loads nothing from anywhere.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_date, format_time
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sesame.domain.calendar import Period, first_day
from sesame.domain.sms import plain
from sesame.domain.tenancy import Language, RentWord, Residence

_TEMPLATES = Path(__file__).parent / "templates"
_LOCALES = {Language.FRENCH: "fr_FR", Language.ENGLISH: "en_GB"}
_TEXT_WIDTH = 74
_CLIPPED = 20


class LetterKind(StrEnum):
    """Each message we send. Templates: `{kind}.{language}.j2`, and `.sms.j2` for those that go by SMS too."""

    WELCOME = "welcome"
    ONE_TIME_CODE = "one-time-code"
    CODE_RECOVERED = "code-recovered"
    CODE_ROTATED = "code-rotated"
    CONTACT_HELD = "contact-held"
    CONTACT_SHARED = "contact-shared"
    NOTICE = "notice"
    REMINDER = "reminder"
    LEASE_CHANGED = "lease-changed"
    DATA_EXPORT = "data-export"
    DOCUMENT_READY = "document-ready"
    ERASURE_ASKED = "erasure-asked"
    REFUND_ASKED = "refund-asked"
    ERASURE_SET_ASIDE = "erasure-set-aside"
    SOCIAL_FILE_CHANGED = "social-file-changed"
    RENEWAL_DUE = "renewal-due"
    RENEWAL_DECIDED = "renewal-decided"
    THREAD_ANSWERED = "thread-answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An e-mail without its envelope. `subject` is one line."""

    subject: str
    text: str
    html: str


def write_letter(kind: LetterKind, language: Language, facts: Mapping[str, Any]) -> Letter:
    """The e-mail of a kind in a language. Raises jinja2.UndefinedError when the template lacks a fact."""
    facts = {"unsubscribe_url": None, **_shared(facts, language)}
    name = f"{kind}.{language}.j2"
    text = _environment(language, html=False).get_template(name)
    page = _environment(language, html=True).get_template(name)
    subject = "".join(text.blocks["subject"](text.new_context(_with_shape(facts, html=False))))
    return Letter(
        subject=_one_line(subject),
        text=re.sub(r"\n{3,}", "\n\n", text.render(_with_shape(facts, html=False))).strip() + "\n",
        html=page.render(_with_shape(facts, html=True)),
    )


def write_text(kind: LetterKind, language: Language, facts: Mapping[str, Any]) -> str:
    """The same as one line for a phone, in the SMS alphabet wherever its letters allow. Raises as above."""
    facts = _shared(facts, language)
    template = _environment(language, html=False).get_template(f"{kind}.{language}.sms.j2")
    return plain(_one_line(template.render(facts)))


def _shared(facts: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """With what every template may ask for: `fee`, whether the residence calls its rent a *redevance*."""
    residence: Residence | None = facts.get("residence")
    fee = residence is not None and residence.documents.rent_word is RentWord.FEE
    return {"residence": None, **facts, "language": language.value, "fee": fee}


def money(cents: int, language: Language) -> str:
    """An amount in euros: 45 000 cents is `450,00 €` in French, `€450.00` in English."""
    return format_currency(Decimal(cents) / 100, "EUR", locale=_LOCALES[language])


def day(on: date, language: Language) -> str:
    """A day with its weekday and year: `jeudi 10 septembre 2026`."""
    return _day(on, "EEEE d MMMM y", language)


def short_day(on: date, language: Language) -> str:
    """A day within the year: `10 septembre`."""
    return _day(on, "d MMMM", language)


def full_date(on: date, language: Language) -> str:
    """A day with its year: `10 septembre 2026`."""
    return _day(on, "d MMMM y", language)


def month(period: Period, language: Language) -> str:
    """A period: `septembre 2026`."""
    return format_date(first_day(period), "MMMM y", locale=_LOCALES[language])


def of_month(period: Period, language: Language) -> str:
    """A period after a noun: French elides, `d'octobre 2026`."""
    name = month(period, language)
    if language is not Language.FRENCH:
        return name
    return f"d'{name}" if name[0] in "aeiouh" else f"de {name}"


def moment(at: datetime, language: Language) -> str:
    """A local time: `jeudi 10 septembre 2026 à 14:05`. Give it in the reader's zone."""
    between = "à" if language is Language.FRENCH else "at"
    return f"{day(at.date(), language)} {between} {format_time(at, 'HH:mm', locale=_LOCALES[language])}"


def brief(at: datetime, language: Language) -> str:
    """A local time in few letters: `10/09 à 14:05`. Give it in the reader's zone."""
    between = "à" if language is Language.FRENCH else "at"
    return f"{at:%d/%m} {between} {at:%H:%M}"


def clipped(name: str) -> str:
    """A name for a text message: at most 20 letters, cut at a word where that leaves enough of it."""
    if len(name) <= _CLIPPED:
        return name
    cut = name[: _CLIPPED - 1]
    whole = cut.rpartition(" ")[0] if name[_CLIPPED - 1] != " " else cut
    return (whole if len(whole) > _CLIPPED // 2 else cut).rstrip(" ,-") + "."


def _day(on: date, pattern: str, language: Language) -> str:
    # CLDR writes "1 septembre"; French says "1er" for the first of a month, and for no other day
    french_first = language is Language.FRENCH and on.day == 1
    return format_date(on, pattern.replace("d ", "d'er' ") if french_first else pattern, _LOCALES[language])


def _with_shape(facts: Mapping[str, Any], *, html: bool) -> dict[str, Any]:
    shape = "html" if html else "txt"
    return {**facts, "layout": f"layout.{shape}.j2", "parts": f"parts.{shape}.j2"}


@cache
def _environment(language: Language, *, html: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=html,  # noqa: S701 - the other one makes plain text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name, words in {
        "money": money,
        "day": day,
        "short_day": short_day,
        "full_date": full_date,
        "month": month,
        "of_month": of_month,
        "moment": moment,
        "brief": brief,
    }.items():
        environment.filters[name] = _in(language, words)
    environment.filters["clipped"] = clipped
    environment.filters["wrapped"] = _wrapped
    environment.filters["lines"] = _lines
    return environment


def _in(language: Language, words: Any) -> Any:
    return lambda value: words(value, language)


def _one_line(text: str) -> str:
    """Blanks and line ends of a template to single spaces; a non-breaking space is kept."""
    return re.sub(r"[ \t\r\n]+", " ", text).strip(" ")


def _lines(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _wrapped(text: str, hanging: str = "") -> str:
    return textwrap.fill(
        _one_line(text),
        _TEXT_WIDTH,
        initial_indent=hanging,
        subsequent_indent=" " * len(hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )
