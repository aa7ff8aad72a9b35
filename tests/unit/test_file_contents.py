"""What uploaded files are told by, and what is left of a picture: the picture."""

import io
import struct
import zlib

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sesame.domain.file_contents import MAX_BYTES, FileFault, FileRefused, FileType, checked

TEXT = "48.85837N 2.294481E Nguyễn"


def picture(kind: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    made = Image.new(kind, size)
    for column in range(size[0]):
        made.putpixel((column, column % size[1]), 200 if kind == "L" else (column, 90, 200))
    return made


def located(orientation: int = 6) -> Image.Exif:
    """What a phone notes: where, when, by what, which side is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = TEXT
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.13)
    return exif


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def fault_of(content: bytes) -> FileFault:
    with pytest.raises(FileRefused) as refused:
        checked(content)
    return refused.value.fault


PICTURES = {
    "jpeg": saved(picture(), "JPEG", exif=located(), comment=TEXT, dpi=(72, 72)),
    "progressive": saved(picture(), "JPEG", exif=located(), progressive=True),
    "grey": saved(picture("L"), "JPEG", exif=located()),
    "cmyk": saved(picture().convert("CMYK"), "JPEG", exif=located()),
    "restarts": saved(picture(size=(160, 160)), "JPEG", exif=located(), restart_marker_blocks=1),
    "png": saved(picture(), "PNG", exif=located()),
    "palette": saved(picture().convert("P"), "PNG", exif=located(), transparency=0),
    "webp": saved(picture(), "WEBP", exif=located(), xmp=f"<x>{TEXT}</x>".encode()),
    "lossless": saved(picture(), "WEBP", lossless=True, exif=located()),
    "plain webp": saved(picture(), "WEBP"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_loses_all_but_its_pixels(name: str) -> None:
    before = PICTURES[name]
    after = checked(before)

    assert Image.open(io.BytesIO(after.content)).tobytes() == Image.open(io.BytesIO(before)).tobytes()
    opened = Image.open(io.BytesIO(after.content))
    assert opened.getexif().get_ifd(0x8825) == {}
    assert 0x010E not in opened.getexif()
    for trace in (b"48.85837N", b"Nguy", b"<x>"):
        assert trace not in after.content
    assert checked(after.content).content == after.content
    with pytest.raises(FileRefused):
        checked(before[: len(before) * 2 // 3])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_keeps_the_side_that_is_up(orientation: int) -> None:
    after = checked(saved(picture(), "JPEG", exif=located(orientation)))

    assert Image.open(io.BytesIO(after.content)).getexif().get(0x0112, 1) == orientation


def test_colours_stay_what_they_were() -> None:
    profile = b"acsp" * 40

    for kind in ("JPEG", "PNG", "WEBP"):
        after = checked(saved(picture(), kind, icc_profile=profile))
        assert Image.open(io.BytesIO(after.content)).info["icc_profile"] == profile, kind


@pytest.mark.parametrize("name", PICTURES)
def test_what_hangs_on_behind_a_picture_is_left_out(name: str) -> None:
    hidden = b"PK\x03\x04<script>alert(1)</script>"

    assert checked(PICTURES[name] + hidden).content == checked(PICTURES[name]).content


def test_a_thumbnail_of_before_the_picture_was_cropped_is_left_out() -> None:
    jpeg = saved(picture(), "JPEG")
    thumbnail = b"JFIF\0\x01\x01\x00\x00\x01\x00\x01\x02\x02" + b"secret!!!!!!"
    header = b"\xff\xe0" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    rest = jpeg[20:]  # behind the header that was written

    after = checked(b"\xff\xd8" + header + rest).content

    assert b"secret" not in after
    assert Image.open(io.BytesIO(after)).tobytes() == Image.open(io.BytesIO(jpeg)).tobytes()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", FileFault.EMPTY),
        (b"%PDF-" + b"0" * MAX_BYTES, FileFault.TOO_LARGE),
        (b"<html><script>alert(1)</script>", FileFault.UNKNOWN_TYPE),
        (b"MZ\x90\x00", FileFault.UNKNOWN_TYPE),
        (b"GIF89a", FileFault.UNKNOWN_TYPE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", FileFault.UNKNOWN_TYPE),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", FileFault.HEIC),
        (b"\xff\xd8\xff\xe0", FileFault.DAMAGED),
        (b"\xff\xd8\xff\xd9", FileFault.DAMAGED),
        (b"\x89PNG\r\n\x1a\n", FileFault.DAMAGED),
        (b"RIFF\x04\x00\x00\x00WEBP", FileFault.DAMAGED),
        (b"%PDF-1.7", FileFault.DAMAGED),
    ],
)
def test_what_is_not_whole_or_not_known_is_refused_with_its_reason(content: bytes, fault: FileFault) -> None:
    assert fault_of(content) is fault


def test_a_few_bytes_that_unfold_into_a_wall_of_pixels_are_refused() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")

    assert fault_of(png) is FileFault.TOO_MANY_PIXELS


# --- PDF


def pdf(*, compressed: bool = False, **root: pikepdf.Object) -> bytes:
    made, out = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    for name, value in root.items():
        made.Root[f"/{name}"] = made.make_indirect(value)
    mode = pikepdf.ObjectStreamMode.generate if compressed else pikepdf.ObjectStreamMode.disable
    made.save(out, object_stream_mode=mode)
    return out.getvalue()


def runs(kind: str) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name(kind), JS=pikepdf.String("app.alert(1)"))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_pdf_is_kept_byte_for_byte(compressed: bool) -> None:
    shown = pdf(compressed=compressed, OpenAction=pikepdf.Array([0, pikepdf.Name.Fit]))

    assert checked(shown).content == shown
    assert checked(shown).file_type is FileType.PDF


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["/JavaScript", "/Launch"])
def test_a_pdf_that_runs_something_is_refused(kind: str, compressed: bool) -> None:
    assert fault_of(pdf(compressed=compressed, OpenAction=runs(kind))) is FileFault.ACTIVE_CONTENT


def test_a_name_written_in_hexadecimal_hides_nothing() -> None:
    hidden = (
        pdf(OpenAction=runs("/JavaScript"))
        .replace(b"/JavaScript", b"/J#61vaScript")
        .replace(b"/JS", b"/J#53")
    )

    assert b"JavaScript" not in hidden
    assert fault_of(hidden) is FileFault.ACTIVE_CONTENT


def test_what_the_pages_of_a_pdf_show_is_not_taken_for_a_program() -> None:
    made, out = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.Root.Held = made.make_stream(b"q BT (HTML/JavaScript, /Launch) Tj ET Q")
    made.save(out, compress_streams=True)

    assert checked(out.getvalue()).file_type is FileType.PDF


def placed(hidden: bytes) -> bytes:
    """A PDF with something behind its objects, which readers find that search for objects."""
    objects, mark, end = pdf().partition(b"xref")
    return objects + hidden + b"\n" + mark + end


@pytest.mark.parametrize(
    "hidden",
    [
        b"%stream\n9 0 obj<</S/JavaScript/JS(app.alert\\(1\\))>>endobj\n%endstream",
        b"9 0 obj<</Length 9/X(endobj)>>stream\n<</S/Rendition/JS(1)>>\nendstream endobj",
        b"9 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/X(1 0 obj)>>stream\n"
        + zlib.compress(b"% so\n8 0 <</S/J#61vaScript/JS(1)>>")
        + b"\nendstream endobj",
    ],
)
def test_no_comment_text_or_wrapping_hides_what_runs(hidden: bytes) -> None:
    assert fault_of(placed(hidden)) is FileFault.ACTIVE_CONTENT


@pytest.mark.parametrize(
    "folded",
    [
        b"/Filter/ASCIIHexDecode>>stream\n" + b"38203020",
        b"/Filter/FlateDecode/DecodeParms<</Predictor 12>>>>stream\n" + zlib.compress(b"\x02" + b"8 0 <<>>"),
        b"/Filter/FlateDecode>>stream\n" + b"\x17\x9a encrypted",
    ],
)
def test_objects_that_cannot_be_read_are_refused_as_protected(folded: bytes) -> None:
    assert fault_of(placed(b"9 0 obj<</Type/ObjStm" + folded + b"\nendstream endobj")) is FileFault.PROTECTED


def answered(content: bytes) -> bool:
    try:
        return bool(checked(content))
    except FileRefused as refused:
        return bool(refused.fault)


@pytest.mark.parametrize(
    "repeated",
    [
        b"stream\n",
        b"stream\n" + zlib.compress(b""),
        b"stream\n\x78\x01\x00\x09\x00\xf6\xff1 0 1 0 1 ",
        b"stream\n" + zlib.compress(b"1 0 " + b"0" * 9_000),
        b"/ObjStm%",
        b"#41",
    ],
)
def test_a_pdf_made_to_take_long_is_answered_in_one_pass(repeated: bytes) -> None:
    body = b"%PDF-1.7\n/Root startxref " + repeated * (2_000_000 // len(repeated))

    assert answered(body + b"\n%%EOF")  # with a second pass over it for each part, in hours


# --- Whatever comes


@given(
    st.binary(max_size=200), st.sampled_from([b"", *(one[:60] for one in PICTURES.values()), b"%PDF-1.7\n"])
)
def test_any_bytes_are_a_file_or_refused(tail: bytes, head: bytes) -> None:
    try:
        found = checked(head + tail)
    except FileRefused:
        return
    assert checked(found.content).content == found.content


@given(st.sampled_from(sorted(PICTURES)), st.integers(0, 2_000), st.integers(1, 255))
def test_a_picture_with_a_wrong_byte_is_a_file_or_refused(name: str, place: int, change: int) -> None:
    content = bytearray(PICTURES[name])
    content[place % len(content)] ^= change
    try:
        found = checked(bytes(content))
    except FileRefused:
        return
    assert b"48.85837N" not in found.content
    assert checked(found.content).content == found.content
