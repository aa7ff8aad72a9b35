"""An operator's logo: a PNG that is whole, so that no document fails over it a month later."""

import struct
import zlib
from collections.abc import Iterator

MAX_BYTES = 100_000
MAX_SIDE = 1_200
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of each colour type (PNG, 11.2.2)."""


def logo_key(digest: str) -> str:
    """Where a logo is kept in the bucket."""
    return f"logos/{digest}.png"


def png_fault(png: bytes) -> str | None:
    """What is wrong with a picture as a logo, or None: checksums, size and pixels are looked at."""
    if len(png) > MAX_BYTES or not png.startswith(_SIGNATURE):
        return "too large" if len(png) > MAX_BYTES else "not a PNG"
    try:
        chunks = list(_chunks(png))
        return _fault_of(chunks)
    except (struct.error, zlib.error, ValueError):
        return "damaged"


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_SIGNATURE)
    while place < len(png):
        (size,) = struct.unpack_from(">I", png, place)
        kind, data = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        (checksum,) = struct.unpack_from(">I", png, place + 8 + size)
        if zlib.crc32(kind + data) != checksum:
            raise ValueError("checksum")
        yield kind, data
        place += size + 12


def _fault_of(chunks: list[tuple[bytes, bytes]]) -> str | None:
    kinds = [kind for kind, _ in chunks]
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND":
        return "damaged"
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        return "too large"
    if interlaced:
        return "interlaced"
    row = 1 + (width * depth * _CHANNELS.get(colour, 0) + 7) // 8
    pixels = zlib.decompressobj().decompress(
        b"".join(data for kind, data in chunks if kind == b"IDAT"), row * height + 1
    )
    return None if len(pixels) == row * height and colour in _CHANNELS else "damaged"
