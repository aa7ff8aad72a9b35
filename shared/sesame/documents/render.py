"""Facts to PDF: tagged, archival (PDF/A-3a) and accessible (PDF/UA-1), and the same bytes every time.

Imported by the render function alone: WeasyPrint takes a third of a second to load.
"""

import base64
import hashlib
import io
import logging
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jinja2
import pydyf
import segno

from sesame.documents import typography
from sesame.documents.engine import (
    AbsolutePlaceholder,
    FatalURLFetchingError,
    FontConfiguration,
    URLFetcher,
    URLFetcherResponse,
    boxes,
    weasyprint,
)
from sesame.documents.wording import Voice, marked
from sesame.domain import codes
from sesame.domain.certificates import ATTACHMENT_NAME, SHOWS_THE_CODE, Facts, Issue, attachment
from sesame.domain.receipts import not_by_tenant
from sesame.domain.tenancy import Language, RentWord

_TEMPLATES = Path(__file__).parent / "templates"
_FAMILIES = frozenset({"Sesame Text", "Sesame Code"})
"""What every document is set in; other families only come in for letters that these lack."""
_WEASYPRINT = logging.getLogger("weasyprint")
_WEASYPRINT.propagate = False  # its lines may quote a name
_MISSING_GLYPH = ".notdef glyph rendered"
REPLACEMENT = "\ufffd"
"""Printed for what no font has. PDF/A and PDF/UA forbid the empty box that fonts keep for that."""
_NAME_LETTERS = "ệ Ж ع 中 अ ไ"
"""Of scripts that names come in, from fonts that documents are not set in (but the first)."""


class RenderingFailed(Exception):
    """The page would have been wrong: nothing ships, and the queue tries again. Says what, never whose."""


class MissingResource(RenderingFailed):
    """An image or a style sheet could not be had."""


class MissingFont(RenderingFailed):
    """A family that documents are set in is not installed (layers/pdf, or its Debian packages)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A PDF. `missing_glyphs` counts the characters no font has: `REPLACEMENT` stands for each."""

    pdf: bytes
    pages: int
    missing_glyphs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    pdf: bytes
    pages: int
    missing: frozenset[int]


class _OwnFilesOnly(URLFetcher):  # type: ignore[misc]  # WeasyPrint is not typed
    """Gives `data:` and the package's own files, and stops the rendering for anything else."""

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> URLFetcherResponse:
        """The resource behind a URL. Raises FatalURLFetchingError, which WeasyPrint lets through."""
        if not url.startswith(("data:", _TEMPLATES.as_uri() + "/")):
            raise FatalURLFetchingError("a document asked for something outside its package")
        try:
            return super().fetch(url, headers)
        except Exception as error:
            raise FatalURLFetchingError("a document's resource cannot be read") from error


@dataclass(slots=True)
class _Faults(logging.Handler):
    """Hears what WeasyPrint only logs."""

    errors: int = 0
    missing: set[int] = field(default_factory=set)
    """Code points."""

    def __post_init__(self) -> None:
        logging.Handler.__init__(self, logging.WARNING)

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        """Counts a fault, or notes a letter that no font has."""
        if str(record.msg).startswith(_MISSING_GLYPH):
            self.missing.add(ord(str(record.args[0])))  # type: ignore[index]
        elif record.levelno >= logging.ERROR:
            self.errors += 1


class Renderer:
    """Sets documents. Costly to make (fonts, templates), so made once; one page at a time."""

    def __init__(self, portal_url: str) -> None:
        self._portal_url = portal_url.rstrip("/")
        self._fonts = FontConfiguration()
        self._fetcher = _OwnFilesOnly(allowed_protocols=["data", "file"])
        self._style = weasyprint.CSS(
            filename=_TEMPLATES / "document.css", font_config=self._fonts, url_fetcher=self._fetcher
        )
        self._paged = weasyprint.CSS(
            filename=_TEMPLATES / "pages.css", font_config=self._fonts, url_fetcher=self._fetcher
        )
        self._templates = _environment()

    def render(
        self,
        facts: Facts,
        issue: Issue,
        *,
        tenant_code: str | None = None,
        datamatrix: bytes | None = None,
        logo: bytes | None = None,
    ) -> Rendered:
        """The PDF of some facts.

        `tenant_code` (folded) goes with the documents that show it, and with no other; `datamatrix` is a
        2D-Doc as PNG, a pixel a module, printed beside the QR code; `logo` is the PNG that the facts name.
        The same arguments give the same bytes. Raises MissingResource, MissingFont.
        """
        html = self._html(facts, issue, tenant_code, datamatrix, logo)
        drawn = self._draw(html, facts, issue)
        if drawn.missing:
            self._require_name_fonts()
            html = html.translate(dict.fromkeys(drawn.missing, REPLACEMENT))
            absent, drawn = len(drawn.missing), self._draw(html, facts, issue)
            return Rendered(pdf=drawn.pdf, pages=drawn.pages, missing_glyphs=absent)
        return Rendered(pdf=drawn.pdf, pages=drawn.pages, missing_glyphs=0)

    def _draw(self, html: str, facts: Facts, issue: Issue) -> "_Drawn":
        faults = _Faults()
        _WEASYPRINT.addHandler(faults)
        try:
            page = weasyprint.HTML(string=html, url_fetcher=self._fetcher)
            document = page.render(stylesheets=[self._style], font_config=self._fonts)
            if len(document.pages) > 1:
                document = page.render(stylesheets=[self._style, self._paged], font_config=self._fonts)
            _declare_accessible(document.metadata)
            document.metadata.attachments = [self._data(facts, issue)]
            pdf = document.write_pdf(pdf_variant="pdf/a-3a", finisher=_finish)
        except FatalURLFetchingError as error:
            raise MissingResource(str(error)) from error
        finally:
            _WEASYPRINT.removeHandler(faults)
        if faults.errors:
            raise MissingResource(f"{faults.errors} faults in a {facts['kind']}")
        if absent := _FAMILIES - {font.family for font in document.fonts.values()}:
            raise MissingFont(", ".join(sorted(absent)))
        return _Drawn(pdf=pdf, pages=len(document.pages), missing=frozenset(faults.missing))

    def _require_name_fonts(self) -> None:
        """A letter that no font has is nobody's fault; that the fonts for names are not there is ours."""
        faults = _Faults()
        _WEASYPRINT.addHandler(faults)
        try:
            weasyprint.HTML(string=f"<p>{_NAME_LETTERS}", url_fetcher=self._fetcher).write_pdf(
                stylesheets=[self._style], font_config=self._fonts
            )
        finally:
            _WEASYPRINT.removeHandler(faults)
        if faults.missing:
            raise MissingFont("those for names in every script")

    def _html(
        self,
        facts: Facts,
        issue: Issue,
        tenant_code: str | None,
        datamatrix: bytes | None,
        logo: bytes | None,
    ) -> str:
        if (facts["kind"] in SHOWS_THE_CODE) != (tenant_code is not None):
            raise ValueError("a document that shows the tenant code takes it, and no other does")
        style = facts["style"]
        if style["logo"] and (logo is None or hashlib.sha256(logo).hexdigest() != style["logo"]):
            raise MissingResource("the operator's logo is not there, or is another")
        voice = Voice(Language(facts["language"]), RentWord(style["rent_word"]))
        holder = f"{facts['holder']['given_names']} {facts['holder']['family_name']}".strip()
        return self._templates.get_template(f"{facts['kind']}.html").render(
            facts=facts,
            voice=voice,
            holder=typography.name(holder),
            landlord=typography.name(facts["landlord"]["name"]),
            residence=typography.residence_name(facts["residence"]["name"]),
            logo=_image(logo) if logo and style["logo"] else None,
            issued=self._issued(issue, datamatrix),
            portal=_spoken_address(self._portal_url),
            tenant_code=tenant_code,
            without_look_alikes=tenant_code is not None and _LOOK_ALIKES.isdisjoint(tenant_code.upper()),
        )

    def _data(self, facts: Facts, issue: Issue) -> weasyprint.Attachment:
        """What the document states, for machines. Dated by its issue: the same facts give the same file."""
        return weasyprint.Attachment(
            string=attachment(facts, issue),
            name=ATTACHMENT_NAME,
            description=f"Données du document {issue.number}",
            created=issue.at,
            modified=issue.at,
            relationship="Data",
            url_fetcher=self._fetcher,  # its own would read the machine's certificates, anew each time
        )

    def _issued(self, issue: Issue, datamatrix: bytes | None) -> dict[str, Any]:
        page = f"{self._portal_url}/verification"
        return {
            "on": issue.on.isoformat(),
            "at": issue.at.strftime(_TO_THE_SECOND),
            "number": issue.number,
            "printed_code": codes.printed(issue.verification_code),
            "verification_page": _spoken_address(page),
            "qr": _qr(f"{page}/{issue.verification_code}"),
            "datamatrix": _image(datamatrix) if datamatrix else None,
        }


_TO_THE_SECOND = "%Y-%m-%dT%H:%M:%SZ"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_typeset,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["_"] = marked
    environment.filters |= {
        "money": typography.money,
        "figure": typography.figure,
        "day": typography.day,
        "short_day": typography.short_day,
        "month": typography.month,
        "short_month": typography.short_month,
        "surface": typography.surface,
        "name": typography.name,
        "at": typography.at,
        "siret": typography.siret,
        "rooms": _rooms,
        "by_others": _by_others,
    }
    return environment


def _typeset(value: Any) -> Any:
    """A value of the facts on its way to the page; our own texts are set already."""
    return typography.curled(value) if type(value) is str else value


def _rooms(period: Mapping[str, Any]) -> typography.Spoken:
    """The rooms of a month that has several: `B204 et C301`."""
    return typography.listed([one["room"] for one in period["rooms"]])


def _by_others(period: Mapping[str, Any]) -> tuple[int, int] | None:
    """What of a period the CAF paid, and what was kept of the deposit, cents; None where it is nothing."""
    aid, deposit = not_by_tenant(period)
    return (aid, deposit) if aid or deposit else None


def _spoken_address(url: str) -> str:
    """An address as one reads it aloud: without its scheme."""
    return url.partition("://")[2] or url


_MASK = 2


def _qr(url: str) -> str:
    """A QR code, a pixel a module. Level M: a fold or a stain does not undo it.

    The mask is given: to try all eight takes longer than the rest, and readers do without.
    """
    png = io.BytesIO()
    segno.make(url, error="m", micro=False, mask=_MASK).save(png, kind="png", scale=1, border=0)
    return _image(png.getvalue())


def _image(png: bytes) -> str:
    """A picture's own bytes as an address."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


_LOOK_ALIKES = frozenset("ILOU")
"""Letters that the entry document says are not in the code, where that is so."""


def _finish(document: Any, pdf: pydyf.PDF) -> None:
    """Compresses each stream once (the writer would twice: to name the file, and to write it), lists the
    attachment once, and says of each header cell what it heads and of each passage its language.
    """
    known = {part.reference: part for part in pdf.objects if isinstance(part, pydyf.Dictionary)}
    _say_languages(document, pdf, known)
    for part in known.values():
        if part.get("S") == "/TH" and "A" in part:
            group = known[known[part["P"]]["P"]]
            part["A"]["Scope"] = "/Column" if group["S"] == "/THead" else "/Row"
    for part in pdf.objects:
        if isinstance(part, pydyf.Stream) and part.compress:
            content = b"\n".join(map(_bytes, part.stream))
            part.stream, part.compress = [zlib.compress(content)], False
            part.extra["Filter"] = "/FlateDecode"
    pdf.catalog["AF"] = pydyf.Array(dict.fromkeys(pdf.catalog["AF"]))


def _say_languages(document: Any, pdf: pydyf.PDF, known: Mapping[bytes, pydyf.Dictionary]) -> None:
    """Marks what is not in the file's own language (PDF/UA-1, 7.2): WeasyPrint says the page's alone.

    The elements that bear content stand in the order of the boxes they were made of, and a box knows its
    `lang`. A language goes to the largest element that is in it as a whole.
    """
    usual: str = document.metadata.lang
    painted = (box for page in document.pages for box in _painted(page._page_box))

    def language_of(element: pydyf.Dictionary) -> str:
        inner = [known[kid] for kid in element["K"] if kid in known]
        if len(inner) < len(element["K"]):
            return str(next(painted).style["lang"] or usual)
        spoken = [language_of(one) for one in inner]
        if len(set(spoken)) == 1:
            return spoken[0]
        for one, language in zip(inner, spoken, strict=True):
            if language != usual:
                one["Lang"] = pydyf.String(language)
        return usual

    try:
        language_of(known[known[pdf.catalog["StructTreeRoot"]]["K"][0]])
    except StopIteration:
        raise RenderingFailed("the tags do not go with the page") from None
    if next(painted, None) is not None:
        raise RenderingFailed("the tags do not go with the page")


def _painted(box: Any) -> Iterator[Any]:
    """The boxes that bear content, in the order WeasyPrint tags them; margins are not tagged."""
    if isinstance(box, AbsolutePlaceholder):
        box = box._box
    if isinstance(box, boxes.TextBox | boxes.ReplacedBox):
        yield box
    elif not isinstance(box, boxes.MarginBox):
        for child in getattr(box, "children", ()):
            yield from _painted(child)


def _bytes(piece: Any) -> bytes:
    """A piece of a stream as it is written."""
    if isinstance(piece, bytes):
        return piece
    return bytes(piece.data) if isinstance(piece, pydyf.Object) else str(piece).encode("ascii")


_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_UA = "{http://www.aiim.org/pdfua/ns/id/}"
_EXTENSION = f"""<rdf:Description xmlns:rdf="{_RDF[1:-1]}" rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
 <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
  <pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
  <pdfaSchema:namespaceURI>{_UA[1:-1]}</pdfaSchema:namespaceURI>
  <pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
  <pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
   <pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
   <pdfaProperty:category>internal</pdfaProperty:category>
   <pdfaProperty:description>Part of PDF/UA that the file conforms to</pdfaProperty:description>
  </rdf:li></rdf:Seq></pdfaSchema:property>
 </rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""
"""PDF/A allows a property only if its schema is known or described in the file (ISO 19005-3, 6.6.2.3.3)."""


def _declare_accessible(metadata: Any) -> None:
    """Adds the PDF/UA-1 mark to the PDF/A metadata: WeasyPrint writes one variant only, and both hold."""
    original = metadata.generate_rdf_metadata

    def both(*arguments: Any) -> bytes:
        rdf = ET.fromstring(original(*arguments))  # noqa: S314 (written by WeasyPrint a moment ago)
        ET.SubElement(rdf, f"{_RDF}Description", {f"{_RDF}about": "", f"{_UA}part": "1"})
        rdf.append(ET.fromstring(_EXTENSION))  # noqa: S314 (our own text)
        return bytes(ET.tostring(rdf, encoding="utf-8"))

    metadata.generate_rdf_metadata = both
