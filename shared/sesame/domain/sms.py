"""What a text message costs: its alphabet and segments (3GPP TS 23.038), before it is sent."""

from sesame.domain.contacts import without_accents

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet: one septet each."""
GSM7_EXTENSION = frozenset("\f^{}\\[~]|€")
"""Two septets each."""

_SEPTETS_ALONE, _SEPTETS_JOINED = 160, 153
_UNITS_ALONE, _UNITS_JOINED = 70, 67


def is_gsm7(text: str) -> bool:
    """Whether the text fits the default alphabet; one letter outside it more than halves a segment."""
    return all(letter in GSM7 or letter in GSM7_EXTENSION for letter in text)


def length(text: str) -> int:
    """Septets of a GSM-7 text, UTF-16 units of any other."""
    if is_gsm7(text):
        return len(text) + sum(letter in GSM7_EXTENSION for letter in text)
    return len(text.encode("utf-16-be")) // 2


def segments(text: str) -> int:
    """How many messages an operator charges for it. One for an empty text.

    An escape sequence or a surrogate pair is never cut in two: what does not fit moves to the next segment.
    """
    gsm7 = is_gsm7(text)
    alone, joined = (_SEPTETS_ALONE, _SEPTETS_JOINED) if gsm7 else (_UNITS_ALONE, _UNITS_JOINED)
    if length(text) <= alone:
        return 1
    count, filled = 1, 0
    for letter in text:
        size = length(letter) if gsm7 else len(letter.encode("utf-16-be")) // 2
        if filled + size > joined:
            count, filled = count + 1, 0
        filled += size
    return count


_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "œ": "oe",
     "Œ": "OE", "\u00a0": " ", "\u202f": " ", "ç": "c"}
)  # fmt: skip


def plain(text: str) -> str:
    """The text in GSM-7 where letters allow it: typographic signs as typewriters had them, accents that the
    alphabet lacks dropped (é è à ù stay). What has no Latin letter behind it is left as it is.
    """
    return "".join(_letter(letter) for letter in text.translate(_PLAIN))


def _letter(letter: str) -> str:
    if is_gsm7(letter):
        return letter
    bare = without_accents(letter)
    return bare if is_gsm7(bare) else letter
