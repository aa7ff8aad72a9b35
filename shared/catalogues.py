"""Brings the documents' catalogues up to date with the templates, and compiles them.

Usage: python shared/catalogues.py [--check]     (make catalogues; make check)
"""

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

DOCUMENTS = Path(__file__).parent / "sesame" / "documents"
TEMPLATES, LOCALES = DOCUMENTS / "templates", DOCUMENTS / "locales"
CATALOGUES = {"en": "en", "fr@redevance": "fr", "en@redevance": "en"}
"""File -> the language it is in. French itself needs none: it stands in the templates."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
VARIANTS = "@"
"""Of a catalogue that says only what differs: a text it lacks is said as elsewhere."""


def templates() -> Catalog:
    """Every text that the templates mark."""
    found = Catalog()
    for file, line, text, _, _ in extract_from_dir(
        TEMPLATES, method_map=[("**.html", "jinja2")], keywords={"_": None}, strip_comment_tags=True
    ):
        found.add(text, locations=[(file, line)])
    return found


def updated(name: str, found: Catalog) -> Catalog:
    """A catalogue with the texts there are now; those that are gone leave it."""
    file = LOCALES / f"{name}.po"
    language = CATALOGUES[name]
    before = read_po(io.BytesIO(file.read_bytes()), locale=language) if file.exists() else Catalog(language)
    after = Catalog(language, fuzzy=False)
    for message in found:
        if not message.id:
            continue
        known = before.get(message.id)
        said = known.string if known else ""
        if said or VARIANTS not in name:
            after.add(message.id, said)
    return after


def source(catalogue: Catalog) -> bytes:
    """As translators edit it: sorted, without line numbers, so that only words make a difference."""
    text = io.BytesIO()
    write_po(text, catalogue, omit_header=True, no_location=True, sort_output=True, width=110)
    header = b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return header + text.getvalue().lstrip()


def compiled(catalogue: Catalog) -> bytes:
    """As gettext reads it; dated by nothing, so that the same words are the same bytes."""
    plain = Catalog(charset="utf-8", creation_date=_LONG_AGO, revision_date=_LONG_AGO)
    for message in catalogue:
        if message.id and message.string:
            plain.add(message.id, message.string)
    binary = io.BytesIO()
    write_mo(binary, plain)
    return binary.getvalue()


def files() -> dict[Path, bytes]:
    """What should be there."""
    found = templates()
    wanted = {}
    for name in CATALOGUES:
        catalogue = updated(name, found)
        wanted[LOCALES / f"{name}.po"] = source(catalogue)
        wanted[LOCALES / f"{name}.mo"] = compiled(catalogue)
    return wanted


def main() -> int:
    """Writes what differs; with --check says so and fails, also where a text has no English."""
    wanted = files()
    stale = [file for file, content in wanted.items() if not file.exists() or file.read_bytes() != content]
    untranslated = [message.id for message in updated("en", templates()) if message.id and not message.string]
    if "--check" not in sys.argv:
        LOCALES.mkdir(exist_ok=True)
        for file in stale:
            file.write_bytes(wanted[file])
        stale = []
    for text in untranslated:
        sys.stderr.write(f"no English for: {text}\n")
    for file in stale:
        sys.stderr.write(f"{file.name} is behind the templates. Remedy: make catalogues\n")
    return min(len(stale) + len(untranslated), 1)


if __name__ == "__main__":
    sys.exit(main())
