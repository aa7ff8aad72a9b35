"""What a file is, by its bytes, and what of it may stay: pictures without anything but the picture.

A name and a declared type prove nothing. A picture is rebuilt of the parts that show it: where and when it
was taken, by which device, a thumbnail of before it was cropped, and whatever was hung on behind its end are
left out, without touching a pixel. A PDF is taken as it is: signatures rest on its bytes.
Formats: PNG (W3C), JPEG (ITU-T T.81, Exif 2.32), WebP (RFC 9649), PDF (ISO 32000-2).
"""

import re
import struct
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_BYTES = 10_000_000
MAX_PIXELS = 150_000_000
"""More than any phone takes; a few kilobytes that unfold into more would stop whoever opens them."""
_MAX_INFLATED = 64_000_000


class FileType(StrEnum):
    """What is taken."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """As a Content-Type."""
        return "application/pdf" if self is FileType.PDF else f"image/{self.value}"

    @property
    def extension(self) -> str:
        """Of a file's name, without the dot."""
        return "jpg" if self is FileType.JPEG else self.value


class FileFault(StrEnum):
    """Why a file is not taken."""

    MISSING = "missing"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_TYPE = "unknown_type"
    HEIC = "heic"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    ACTIVE_CONTENT = "active_content"
    PROTECTED = "protected"


class FileRefused(Exception):
    """A file that is not taken, and why."""

    def __init__(self, fault: FileFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What may be kept and given out."""

    file_type: FileType
    content: bytes


def checked(content: bytes) -> CheckedFile:
    """The file as it may be kept. Raises FileRefused."""
    if not content:
        raise FileRefused(FileFault.EMPTY)
    if len(content) > MAX_BYTES:
        raise FileRefused(FileFault.TOO_LARGE)
    file_type = _type_of(content)
    try:
        return CheckedFile(file_type, _CLEANERS[file_type](content))
    except (struct.error, zlib.error, ValueError, IndexError) as failure:
        raise FileRefused(FileFault.DAMAGED) from failure


_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def _type_of(content: bytes) -> FileType:
    if content.startswith(_PNG_SIGNATURE):
        return FileType.PNG
    if content.startswith(b"\xff\xd8\xff"):
        return FileType.JPEG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return FileType.WEBP
    if content.startswith(b"%PDF-"):
        return FileType.PDF
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        raise FileRefused(FileFault.HEIC)
    raise FileRefused(FileFault.UNKNOWN_TYPE)


def _check_size(width: int, height: int) -> None:
    if not width or not height:
        raise ValueError("no size")
    if width * height > MAX_PIXELS:
        raise FileRefused(FileFault.TOO_MANY_PIXELS)


# --- PNG

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PNG_SHOWS = {b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs"}
"""What changes how the picture looks; text, times and Exif data do not."""


def _clean_png(content: bytes) -> bytes:
    kept, kinds = [_PNG_SIGNATURE], list[bytes]()
    for kind, data, chunk in _png_chunks(content):
        if not kinds:
            if kind != b"IHDR":
                raise ValueError("no header")
            _check_size(*struct.unpack_from(">II", data))
        kinds.append(kind)
        if kind in _PNG_CRITICAL or kind in _PNG_SHOWS:
            kept.append(chunk)
        elif not kind[0] & 0x20:
            raise ValueError("an unknown part that the picture needs")
        if kind == b"IEND":
            break
    if kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise ValueError("no end")
    return b"".join(kept)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    place = len(_PNG_SIGNATURE)
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        chunk = content[place : place + size + 12]
        (checksum,) = struct.unpack_from(">I", chunk, size + 8)
        if zlib.crc32(chunk[4:-4]) != checksum:
            raise ValueError("checksum")
        yield chunk[4:8], chunk[8:-4], chunk
        place += size + 12


# --- JPEG

_EOI, _SOS, _COM = 0xD9, 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_ALONE = {0x01, *range(0xD0, 0xD9)}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""Within a scan a byte FF is followed by 00 or by a restart marker."""
_JFIF_BYTES = 16
_ORIENTATIONS = range(2, 9)


def _clean_jpeg(content: bytes) -> bytes:
    kept: list[bytes] = []
    orientation, has_frame, has_scan = 1, False, False
    for marker, segment, scan in _jpeg_segments(content):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", segment, 3)
            _check_size(width, height)
            has_frame = True
        if marker == _APP1 and segment[2:8] == b"Exif\0\0":
            orientation = _orientation(segment[8:])
        shows = _kept_of_jpeg(marker, segment)
        if shows is not None:
            kept.append(bytes((0xFF, marker)) + shows + scan)
        has_scan = has_scan or marker == _SOS
    if not (has_frame and has_scan):
        raise ValueError("no picture")
    if orientation in _ORIENTATIONS:
        is_jfif = kept[0].startswith(bytes((0xFF, _APP0)))
        kept.insert(1 if is_jfif else 0, _exif_of_orientation(orientation))
    return b"\xff\xd8" + b"".join(kept) + b"\xff\xd9"


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, segment with its length, scan that follows it) up to the picture's end."""
    place = 2
    while True:
        marker, place = _jpeg_marker(content, place)
        if marker == _EOI:
            return
        if marker in _ALONE:
            raise ValueError("a marker out of its place")
        (size,) = struct.unpack_from(">H", content, place)
        segment = content[place : place + size]
        if size < 2 or len(segment) < size:  # noqa: PLR2004 - its own two bytes
            raise ValueError("cut off")
        place += size
        end = _end_of_scan(content, place) if marker == _SOS else place
        yield marker, segment, content[place:end]
        place = end


def _jpeg_marker(content: bytes, place: int) -> tuple[int, int]:
    if content[place] != 0xFF:  # noqa: PLR2004
        raise ValueError("no marker")
    while content[place] == 0xFF:  # noqa: PLR2004 - any number of them may precede
        place += 1
    return content[place], place + 1


def _end_of_scan(content: bytes, place: int) -> int:
    found = _AFTER_SCAN.search(content, place)
    if found is None:
        raise ValueError("cut off")
    return found.start()


def _kept_of_jpeg(marker: int, segment: bytes) -> bytes | None:
    """What of a segment is needed to show the picture as it is."""
    if marker == _APP0:
        if segment[2:7] != b"JFIF\0":
            return None
        # without its thumbnail, which may show what was cropped away
        return struct.pack(">H", _JFIF_BYTES) + segment[2 : _JFIF_BYTES - 2] + b"\0\0"
    if marker == _APP2:
        return segment if segment[2:14] == b"ICC_PROFILE\0" else None
    if marker == _APP14:
        return segment if segment[2:7] == b"Adobe" else None
    return None if _APP1 <= marker <= _APP15 or marker == _COM else segment


def _orientation(tiff: bytes) -> int:
    """Which side is up, of the first directory of Exif data; 1 where that does not say."""
    order = {b"MM": ">", b"II": "<"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, place)
        for number in range(entries):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, place + 2 + 12 * number)
            if tag == 0x0112:  # noqa: PLR2004
                return int(value)
    except struct.error:
        pass
    return 1


def _exif_of_orientation(orientation: int) -> bytes:
    tiff = b"MM\0\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff


# --- WebP

_WEBP_SHOWS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_HAS_METADATA = 0x08 | 0x04
"""The flags of VP8X that announce Exif and XMP data."""


def _clean_webp(content: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise ValueError("cut off")
    kept, place, seen = [], 12, False
    while place < size + 8:
        kind = content[place : place + 4]
        (length,) = struct.unpack_from("<I", content, place + 4)
        data = content[place + 8 : place + 8 + length]
        if len(data) < length:
            raise ValueError("cut off")
        if not seen:
            _check_size(*_webp_size(kind, data))
            seen = True
        if kind == b"VP8X":
            data = bytes((data[0] & ~_WEBP_HAS_METADATA,)) + data[1:]
        if kind in _WEBP_SHOWS:
            kept.append(kind + struct.pack("<I", length) + data + b"\0" * (length % 2))
        place += 8 + length + length % 2
    if not kept:
        raise ValueError("no picture")
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_size(kind: bytes, data: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if kind == b"VP8L" and data[0] == 0x2F:  # noqa: PLR2004 - its signature
        (bits,) = struct.unpack_from("<I", data, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("no picture")


# --- PDF

_NAME_ESCAPE = re.compile(rb"#([0-9a-fA-F]{2})")
_RUNS = re.compile(rb"/(?:JavaScript|Launch|Rendition|RichMedia|SubmitForm|ImportData|XFA)(?![A-Za-z0-9])")
"""What runs, fetches or sends something. A script needs the first or the third: `/JS` says nothing alone."""
_STREAM = re.compile(rb"stream[ \t]*(?:\r\n|\n|\r)")
_OBJECT_STREAM = re.compile(rb"/ObjStm(?![A-Za-z0-9])")
_NUMBERS = re.compile(rb"(?:\s|%[^\r\n]*[\r\n])*(?:\d+\s+\d+\s|$|%)")
"""How a stream of objects begins: their numbers and places."""
_BEGINNING = 256
_PIECE = 16_384
_END_WITHIN = 2_048


def _clean_pdf(content: bytes) -> bytes:
    if b"%%EOF" not in content[-_END_WITHIN:] or b"startxref" not in content or b"/Root" not in content:
        raise ValueError("no end")
    text = _unescaped(content)
    if _RUNS.search(text):
        raise FileRefused(FileFault.ACTIVE_CONTENT)
    if len(_OBJECT_STREAM.findall(text)) > len(_OBJECT_STREAM.findall(content)):
        raise FileRefused(FileFault.PROTECTED)  # nobody writes this name in hexadecimal but to hide it
    begins = [found.end() for found in _STREAM.finditer(content)]
    _check_all_read(content, begins, _check_folded(content, begins))
    return content


def _check_folded(content: bytes, begins: list[int]) -> set[int]:
    """Look for what runs in the streams of objects, unfolded; where these streams begin.

    Any place that could begin a stream is tried, so that no comment and no text hides one. Other streams are
    what the pages show, in which words may stand. Time is bounded by what may be unfolded in all.
    """
    found = set[int]()
    left = _MAX_INFLATED
    for place in begins:
        if not _is_deflated(content, place):
            continue
        beginning, _ = _inflated(content[place : place + _BEGINNING], 0, _BEGINNING)
        if beginning is None or not _NUMBERS.match(beginning):
            continue
        unfolded, read = _inflated(content, place, left)
        left -= read + len(unfolded or b"")
        if left <= 0:
            raise FileRefused(FileFault.TOO_LARGE)
        if unfolded is None:
            continue
        if _RUNS.search(_unescaped(unfolded)):
            raise FileRefused(FileFault.ACTIVE_CONTENT)
        found.add(place)
    return found


def _check_all_read(content: bytes, begins: list[int], read: set[int]) -> None:
    """A stream of objects that is encrypted or folded in another way could hold anything."""
    for name in _OBJECT_STREAM.finditer(content):
        following = bisect_left(begins, name.end())
        if following == len(begins):
            return
        place = begins[following]
        if place not in read and not _NUMBERS.match(content[place : place + _BEGINNING]):
            raise FileRefused(FileFault.PROTECTED)


def _is_deflated(content: bytes, place: int) -> bool:
    """By the header of RFC 1950."""
    header = content[place : place + 2]
    return len(header) == 2 and header[0] & 0x0F == 8 and not int.from_bytes(header) % 31  # noqa: PLR2004


def _inflated(content: bytes, place: int, most: int) -> tuple[bytes | None, int]:
    """Up to `most` bytes of what is deflated from a place on, None where nothing is, and the bytes read."""
    unfolding, parts, start = zlib.decompressobj(), list[bytes](), place
    try:
        while place < len(content) and most > 0 and not unfolding.eof:
            parts.append(unfolding.decompress(content[place : place + _PIECE], most))
            place += _PIECE
            most -= len(parts[-1])
    except zlib.error:
        return None, place - start
    return b"".join(parts), place - start


def _unescaped(part: bytes) -> bytes:
    return _NAME_ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), part)


_CLEANERS: dict[FileType, Callable[[bytes], bytes]] = {
    FileType.PNG: _clean_png,
    FileType.JPEG: _clean_jpeg,
    FileType.WEBP: _clean_webp,
    FileType.PDF: _clean_pdf,
}
