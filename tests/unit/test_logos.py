"""An operator's logo is taken only if every document can be drawn with it."""

import io

import pytest
from PIL import Image

from sesame.domain.logos import logo_key, png_fault


def picture(mode: str = "RGBA", size: tuple[int, int] = (240, 60), **options: object) -> bytes:
    """A PNG, as a paint program saves it."""
    png = io.BytesIO()
    Image.new(mode, size, 1).save(png, "PNG", **options)
    return png.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_whole_png_of_any_colours_is_taken(mode: str) -> None:
    assert png_fault(picture(mode)) is None


def test_anything_else_is_refused_with_its_fault() -> None:
    whole = picture()

    assert png_fault(b"") == "not a PNG"
    assert png_fault(b"<svg/>") == "not a PNG"
    assert png_fault(whole + b"\0" * 100_000) == "too large"
    assert png_fault(picture(size=(1_201, 10))) == "too large"
    assert png_fault(whole[:8]) == "damaged"


def test_no_byte_of_a_picture_can_be_lost_or_changed_unnoticed() -> None:
    whole = picture()

    for place in range(8, len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        assert png_fault(changed), place
        assert png_fault(whole[:place]), place


def test_a_logo_lies_under_its_own_digest() -> None:
    assert logo_key("ab12") == "logos/ab12.png"
