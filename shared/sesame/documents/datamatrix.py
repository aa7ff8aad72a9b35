"""A 2D-Doc's text as the picture that the page carries: a DataMatrix (ECC 200), a pixel a module."""

import io

import zxingcpp
from PIL import Image


def datamatrix(text: str) -> bytes:
    """PNG, one bit a pixel, without a margin: the page has its own."""
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix).to_image(
        scale=1, add_quiet_zones=False
    )
    height, width = drawn.shape[:2]
    png = io.BytesIO()
    Image.frombytes("L", (width, height), bytes(memoryview(drawn))).convert("1").save(png, "PNG")
    return png.getvalue()
