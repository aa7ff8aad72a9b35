"""The words on documents. French is authoritative and stands in the templates; English stands beside it.

The templates mark each text with `_("...")`. Catalogues (gettext, in `locales/`) hold what it is in English,
and how a residence that calls the rent a *redevance* says it in either language. Placeholders in braces are
filled by the templates; apostrophes and French spaces are set on the way out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Any

from markupsafe import Markup

from sesame.documents.typography import curled, typeset
from sesame.domain.tenancy import Language, RentWord

LOCALES = Path(__file__).parent / "locales"
_ORDER = (Language.FRENCH, Language.ENGLISH)


def marked(text: str) -> str:
    """`_` in templates: marks a text for the catalogues, and says it when its language is known."""
    return text


@cache
def _catalogue(name: str) -> NullTranslations:
    with (LOCALES / f"{name}.mo").open("rb") as file:
        return GNUTranslations(file)


@cache
def _text(text: str, language: Language, rent_word: RentWord) -> Markup:
    said = text
    if language is not Language.FRENCH:
        said = _catalogue(language.value).gettext(text)
    if rent_word is not RentWord.RENT:
        varied = _catalogue(f"{language.value}@{rent_word.value}").gettext(text)
        said = varied if varied != text else said
    return Markup(typeset(said, language))  # noqa: S704 (our own texts)


@dataclass(frozen=True, slots=True)
class Voice:
    """Says texts in the languages of one document: French alone, or French and then English."""

    language: Language
    rent_word: RentWord = RentWord.RENT

    @property
    def languages(self) -> tuple[Language, ...]:
        """French first, whatever was asked for: it is the text that counts."""
        return _ORDER[: _ORDER.index(self.language) + 1]

    def one(self, text: str, **values: Any) -> Markup:
        """The text in the language that was asked for."""
        return self._filled(text, self.language, values)

    def authoritative(self, text: str, **values: Any) -> Markup:
        """The text in the language that counts."""
        return self._filled(text, self.languages[0], values)

    def say(self, text: str, **values: Any) -> Iterator[tuple[Language, Markup]]:
        """The text in each language, once where they write it alike. Values are escaped."""
        said = {Markup("")}
        for language in self.languages:
            filled = self._filled(text, language, values)
            if filled not in said:
                said.add(filled)
                yield language, filled

    def phrase(self, text: str, **values: Any) -> dict[Language, Markup]:
        """A piece of a sentence in each language, to fill a placeholder with."""
        return {language: self._filled(text, language, values) for language in self.languages}

    def each(self, value: Any) -> Iterator[tuple[Language, Any]]:
        """A value in each language, once where they write it alike."""
        seen = set()
        for language in self.languages:
            spoken = value[language] if isinstance(value, dict) else value
            if spoken not in seen:
                seen.add(spoken)
                yield language, spoken

    def _filled(self, text: str, language: Language, values: dict[str, Any]) -> Markup:
        spoken = {
            name: value[language] if isinstance(value, dict) else value for name, value in values.items()
        }
        spoken = {name: curled(value) if type(value) is str else value for name, value in spoken.items()}
        return _text(text, language, self.rent_word).format(**spoken)
