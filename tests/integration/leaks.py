"""Looks for what no log may hold, in every form in which it could get there."""

import base64
import json
import logging
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from urllib.parse import quote, quote_plus

from sesame.platform.logs import logger

_SPACES = re.compile(r"\s")
_SHORTEST_ALIKE = 6
"""Below this, letter case counts: four capitals cannot be in our ids, four small letters can."""


def code_forms(printed: str) -> set[str]:
    """A tenant code as printed and as typed; case is no matter."""
    return {printed, printed.replace("-", "")}


def digit_forms(shown: str) -> set[str]:
    """A one-time code as shown and as typed."""
    return {shown, shown.replace(" ", "")}


def date_forms(day: date) -> set[str]:
    """A birth date as computers and people write it."""
    return {day.isoformat(), f"{day:%d/%m/%Y}", f"{day:%Y%m%d}", repr(day)}


def phone_forms(phone: str) -> set[str]:
    """A number in E.164, and as it is dialled here."""
    national = "0" + phone.removeprefix("+33")
    return {phone, phone.removeprefix("+"), national, " ".join(re.findall("..", national))}


def found_in(text: str, secrets: Mapping[str, set[str]]) -> dict[str, str]:
    """What leaked: the name of each secret found -> the line it is in."""
    lines = [(line, {_plain(line), _plain(_decoded(line))}) for line in text.splitlines()]
    everything = "\n".join(one for _, read in lines for one in read).lower()
    return {
        name: line
        for name, forms in secrets.items()
        # patterns are slow: only what is there in some case, within whatever, is looked for by them
        if any(form.lower() in everything for form in _written(forms))
        for pattern in [_pattern(forms)]
        for line, read in lines
        if any(map(pattern.search, read))
    }


@contextmanager
def everything_logged(level: int = logging.INFO) -> Iterator[None]:
    """Sends our logger and everybody else's to standard output and error as they are at this moment.

    As on Lambda, whose runtime listens at the root. A captured test (`capfd`) then has all of it, also what
    native libraries write.
    """
    ours = logger.registered_handler
    before = ours.setStream(sys.stdout)  # type: ignore[attr-defined]
    root, others = logging.getLogger(), logging.StreamHandler(sys.stderr)
    others.setFormatter(_Whole())
    level_before = root.level
    root.addHandler(others)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(level_before)
        root.removeHandler(others)
        ours.setStream(before)  # type: ignore[attr-defined]


class _Whole(logging.Formatter):
    """A record with all that hangs on it: arguments, extras, tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {record.__dict__}"


def _written(forms: set[str]) -> set[str]:
    """The forms as JSON, links and base64 have them too, plain."""
    return {
        _plain(other)
        for form in forms
        for other in (
            form,
            json.dumps(form)[1:-1],
            quote(form, safe=""),
            quote_plus(form),
            *_base64(form),
        )
    }


def _pattern(forms: set[str]) -> re.Pattern[str]:
    written = _written(forms)
    alike = {form for form in written if len(form) >= _SHORTEST_ALIKE}
    parts = [_bounded(form) for form in sorted(written - alike)]
    parts += [f"(?i:{_bounded(form)})" for form in sorted(alike)]
    return re.compile("|".join(parts))


def _base64(form: str) -> list[str]:
    """What is certain of its base64 wherever it begins within three bytes; only of what is long enough."""
    data = form.encode()
    if len(data) < 2 * _SHORTEST_ALIKE:
        return []
    return [
        base64.b64encode(b"\0" * shift + data).decode()[4 if shift else 0 : -4].rstrip("=")
        for shift in range(3)
    ]


def _bounded(form: str) -> str:
    """Digits within longer numbers are another number."""
    escaped = re.escape(form)
    return rf"(?<!\d){escaped}(?!\d)" if form.isdigit() else escaped


def _decoded(line: str) -> str:
    """JSON's escapes read, however often they were escaped."""
    return re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), line)


def _plain(text: str) -> str:
    """Without accents, with plain spaces: what a log pipeline may make of it."""
    if text.isascii():
        return _SPACES.sub(" ", text)
    letters = unicodedata.normalize("NFKD", text)
    return "".join(
        " " if letter.isspace() else letter for letter in letters if not unicodedata.combining(letter)
    )
