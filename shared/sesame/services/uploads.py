"""The bytes of an uploaded file, as the browser, the gateway and the form left them."""

from dataclasses import dataclass
from email.message import Message

from aws_lambda_powertools.event_handler import Request

from sesame.platform.errors import Invalid, UnsupportedMedia
from sesame.platform.http import raw_body

MAX_BODY_BYTES = 6_000_000
"""More than any file of ours may have, so that the file's own rule is the one that speaks."""

_LOST = "\ufffd".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a route takes: the types of a body that is the file, and what to do about any other."""

    binary: frozenset[str]
    """Types that the gateway hands over byte for byte."""
    text: frozenset[str] = frozenset()
    """Types that it takes for UTF-8."""
    detail_fr: str
    detail_en: str


CSV = Wanted(
    binary=frozenset({"application/octet-stream", "application/vnd.ms-excel", "application/csv"}),
    text=frozenset({"text/csv", "text/plain", "text/tab-separated-values"}),
    detail_fr="Envoyer le fichier CSV en application/octet-stream ou text/csv, ou par un formulaire.",
    detail_en="Send the CSV file as application/octet-stream or text/csv, or in a form.",
)
PDF = Wanted(
    binary=frozenset({"application/octet-stream", "application/pdf"}),
    detail_fr="Envoyer le fichier PDF tel qu'il a été reçu : par le formulaire, ou en application/pdf.",
    detail_en="Send the PDF file as it was received: in the form, or as application/pdf.",
)


def uploaded_file(request: Request, wanted: Wanted) -> bytes:
    """The file in a request's body. Raises UnsupportedMedia, TooLarge; Invalid for a form without one file.

    API Gateway passes `text/*` as UTF-8 and puts U+FFFD for every byte that is not, so a file in another
    encoding arrives damaged beyond repair: that is said, instead of names being taken with letters lost.
    """
    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "") or "application/octet-stream"
    kind, body = header.get_content_type(), raw_body(request, limit=MAX_BODY_BYTES)
    if kind == "multipart/form-data":
        return _file_of_form(body, str(header.get_param("boundary", "")))
    if kind in wanted.binary:
        return body
    if kind not in wanted.text:
        raise UnsupportedMedia(detail_fr=wanted.detail_fr, detail_en=wanted.detail_en)
    if _LOST in body:
        raise UnsupportedMedia(
            detail_fr="Le fichier n'est pas en UTF-8 et ses accents ont été perdus en route : l'envoyer "
            "tel quel, en application/octet-stream.",
            detail_en="The file is not UTF-8 and its accents were lost on the way: send it as it is, as "
            "application/octet-stream.",
        )
    return body


def _file_of_form(body: bytes, boundary: str) -> bytes:
    """The one file of a form (RFC 7578)."""
    files = []
    if boundary:
        for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
            head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            if b"filename" in head.lower():
                files.append(content)
    if len(files) != 1:
        raise Invalid(
            detail_fr="Le formulaire doit contenir exactement un fichier.",
            detail_en="The form must hold exactly one file.",
        )
    return files[0]
