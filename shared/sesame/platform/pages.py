"""HTML pages for browsers: one frame, words in two languages; no script, nothing kept, no other site told."""

import json
from html import escape
from pathlib import Path
from string import Template

from aws_lambda_powertools.event_handler import Response

from sesame.platform.errors import Problem

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class Pages:
    """The frame (`page.html`) and the words (`words.json`) of a folder."""

    def __init__(self, folder: Path) -> None:
        self._frame = Template((folder / "page.html").read_text("utf-8"))
        self.words: dict[str, dict[str, str]] = json.loads((folder / "words.json").read_text("utf-8"))

    def page(self, status: int, language: str, title: str, content: str) -> Response[str]:
        """A page whose `title` is one of the words; `content` is HTML."""
        body = self._frame.substitute(
            language=language, title=escape(self.words[language][title]), content=content
        )
        return Response(
            status_code=status,
            content_type="text/html; charset=utf-8",
            body=body,
            headers={**_HEADERS, "Content-Language": language},
        )

    def problem(self, problem: Problem, language: str) -> Response[str]:
        """A browser is told in words on a page, not in JSON."""
        said = "".join(f"<p>{escape(text)}</p>" for text in (problem.detail[language],) if text)
        return self.page(
            problem.status, language, "problem", f"<h1>{escape(problem.title[language])}</h1>{said}"
        )


def facts(listed: list[tuple[str, str]]) -> str:
    """Names and values as a list; nothing for none. Values of one name that follow each other share it."""
    lines, before = "", ""
    for name, value in listed:
        lines += f"<dt>{escape(name)}</dt>" if name != before else ""
        lines += f"<dd>{escape(value)}</dd>"
        before = name
    return f"<dl>{lines}</dl>" if lines else ""


def figure(cents: int, language: str) -> str:
    """An amount without its currency: 1 234,50 or 1,234.50; below zero with a minus sign."""
    whole, part = divmod(abs(cents), 100)
    sign = "\u2212" if cents < 0 else ""
    if language == "fr":
        return f"{sign}{whole:,}".replace(",", "\u202f") + f",{part:02}"
    return f"{sign}{whole:,}.{part:02}"


def euros(cents: int, language: str) -> str:
    """An amount as people write it: 1 234,50 € or €1,234.50."""
    if language == "fr":
        return f"{figure(cents, language)}\u00a0€"
    sign = "\u2212" if cents < 0 else ""
    return f"{sign}€{figure(abs(cents), language)}"
