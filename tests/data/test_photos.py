"""One photo at a time: what is decoded, how it is made plain, and what is refused with which words."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.photos import PlainPhoto, SkippedPhoto, UnusablePhotoError, decode, write_plain_photo
from tests.data.photo_cases import a_photo

_ORIENTATION = 0x0112


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(content: bytes, max_side: int = 640, max_megapixels: int = 100) -> np.ndarray:
    return np.asarray(decode(io.BytesIO(content), max_side, max_megapixels))


def png_of_zeros(side: int) -> bytes:
    """A valid grey PNG of side x side pixels, made without ever holding them."""
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def quadrants() -> Image.Image:
    """Red, green / blue, white: any turn or flip of it is seen."""
    image = np.zeros((40, 60, 3), dtype=np.uint8)
    image[:20, :30], image[:20, 30:], image[20:, :30], image[20:, 30:] = (255, 0, 0), (0, 255, 0), (0, 0, 255), 255
    return Image.fromarray(image)


BAD = {
    "0 bytes": (b"", "the file is empty"),
    "one byte": (b"\xff", "the content is not a picture"),
    "a text": (b"this is no picture\n" * 50, "the content is not a picture"),
    "a page of PostScript": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "the content is not a picture",
    ),
    "a cut JPEG": (encoded(a_photo(1), "JPEG")[:-400], "cannot be decoded: image file is truncated"),
    "a JPEG's header alone": (encoded(a_photo(1), "JPEG")[:200], "the header cannot be read: Truncated File Read"),
    "a cut PNG": (encoded(a_photo(1), "PNG")[:-3000], "cannot be decoded"),
    "30,000 x 30,000": (png_of_zeros(30_000), "30000 x 30000 is 900 megapixels; allowed: 100 (max_megapixels)"),
    "a dot": (encoded(Image.new("RGB", (1, 1)), "PNG"), "1 x 1 pixels is too small"),
    "a line": (encoded(Image.new("RGB", (500, 2)), "PNG"), "500 x 2 pixels is too small"),
    "floats below zero": (encoded(Image.new("F", (20, 20), -3.0), "TIFF"), "values from -3 to -3 in mode F"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD.keys())
def test_unusable_photo_is_skipped_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "in.jpg").write_bytes(content)
    result = write_plain_photo(tmp_path / "in.jpg", tmp_path / "out.jpg", 640, 100)
    assert isinstance(result, SkippedPhoto)
    assert result.reason.startswith(reason)
    assert str(tmp_path) not in result.reason
    assert not (tmp_path / "out.jpg").exists()


def test_the_limit_of_megapixels_is_inclusive() -> None:
    content = png_of_zeros(1000)
    assert decoded(content, max_megapixels=1).shape == (640, 640, 3)
    with pytest.raises(UnusablePhotoError, match="megapixels"):
        decoded(png_of_zeros(1001), max_megapixels=1)


def test_pillows_own_limit_is_put_back() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(UnusablePhotoError):
        decoded(b"")
    decoded(encoded(a_photo(1), "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_upright_whatever_its_orientation(orientation: int, kind: str) -> None:
    upright = quadrants()
    # How a camera that is held so stores the scene: the inverse of what a viewer must do.
    stored = {
        1: lambda i: i,
        2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.transpose(Image.Transpose.ROTATE_180),
        4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE),
        6: lambda i: i.transpose(Image.Transpose.ROTATE_90),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE),
        8: lambda i: i.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    image = decoded(encoded(stored, kind, exif=exif, quality=95)).astype(int)
    assert image.shape == (40, 60, 3)
    assert np.abs(image[5:15:5, 5:25:5] - (255, 0, 0)).max() < 30
    assert np.abs(image[25:35:5, 35:55:5] - 255).max() < 30
    assert np.abs(image[25:35:5, 5:25:5] - (0, 0, 255)).max() < 30


def _grey16(low: int, high: int) -> Image.Image:
    return Image.fromarray(np.linspace(low, high, 32 * 32).reshape(32, 32).astype(np.uint16))


def _palette_with_hole() -> bytes:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([10, 200, 30, 0, 0, 0])
    return encoded(image, "PNG", transparency=0)


# content, the colour expected at the first and at the last pixel
MODES = {
    "16-bit grey PNG": (encoded(_grey16(0, 65535), "PNG"), (0, 0, 0), (255, 255, 255)),
    "16-bit grey PNG that is dark stays dark": (encoded(_grey16(0, 6554), "PNG"), (0, 0, 0), (26, 26, 26)),
    "16-bit grey TIFF": (encoded(_grey16(0, 65535), "TIFF"), (0, 0, 0), (255, 255, 255)),
    "32-bit integers in the range of 16": (encoded(Image.new("I", (20, 20), 32896), "TIFF"), (128,) * 3, (128,) * 3),
    "floats 0..1": (encoded(Image.new("F", (20, 20), 0.5), "TIFF"), (128,) * 3, (128,) * 3),
    "CMYK JPEG": (encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"), (255, 0, 0), (255, 0, 0)),
    "CMYK TIFF": (encoded(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "TIFF"), (0, 255, 255), (0, 255, 255)),
    "grey JPEG": (encoded(Image.new("L", (32, 32), 77), "JPEG"), (77,) * 3, (77,) * 3),
    "black and white": (encoded(Image.new("1", (32, 32), 1), "PNG"), (255,) * 3, (255,) * 3),
    "transparent is white": (encoded(Image.new("RGBA", (32, 32), (9, 9, 9, 0)), "PNG"), (255,) * 3, (255,) * 3),
    "half transparent red": (
        encoded(Image.new("RGBA", (32, 32), (255, 0, 0, 128)), "PNG"),
        (255, 127, 127),
        (255, 127, 127),
    ),
    "grey and alpha": (encoded(Image.new("LA", (32, 32), (0, 0)), "PNG"), (255,) * 3, (255,) * 3),
    "palette": (encoded(Image.new("RGB", (20, 20), (8, 90, 200)).quantize(4), "PNG"), (8, 90, 200), (8, 90, 200)),
    "palette with a transparent entry": (_palette_with_hole(), (255,) * 3, (255,) * 3),
    "a GIF that is named .jpg": (encoded(Image.new("RGB", (20, 20), (200, 0, 0)), "GIF"), (200, 0, 0), (200, 0, 0)),
    "MPO, as phones write it": (
        encoded(
            Image.new("RGB", (20, 20), (90, 90, 90)), "MPO", save_all=True, append_images=[Image.new("RGB", (20, 20))]
        ),
        (90,) * 3,
        (90,) * 3,
    ),
    "BMP": (encoded(Image.new("RGB", (20, 20), (1, 2, 3)), "BMP"), (1, 2, 3), (1, 2, 3)),
}


@pytest.mark.parametrize(("content", "first", "last"), MODES.values(), ids=MODES.keys())
def test_every_kind_of_pixel_becomes_rgb_of_8_bits(
    content: bytes, first: tuple[int, ...], last: tuple[int, ...]
) -> None:
    image = decoded(content)
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert np.abs(image[0, 0].astype(int) - first).max() <= 2
    assert np.abs(image[-1, -1].astype(int) - last).max() <= 2


def test_16_bit_colour_is_scaled_not_clipped() -> None:
    """Written by hand, since Pillow reads such PNGs but writes none."""
    pixels = np.zeros((16, 16, 3), dtype=">u2")
    pixels[..., 0], pixels[..., 1] = 0x8000, 0x0100
    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in (
        (b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    assert decoded(content)[8, 8].tolist() == [128, 1, 0]


@pytest.mark.parametrize(
    ("size_wh", "max_side", "expected_wh"),
    [
        ((640, 480), 640, (640, 480)),
        ((641, 480), 640, (640, 479)),
        ((100, 3000), 320, (11, 320)),
        ((4000, 8), 32, (32, 1)),
        ((50, 40), 320, (50, 40)),
    ],
)
def test_longer_side_is_shrunk_and_never_grown(
    size_wh: tuple[int, int], max_side: int, expected_wh: tuple[int, int]
) -> None:
    image = decode(io.BytesIO(encoded(Image.new("RGB", size_wh, (7, 7, 7)), "JPEG")), max_side, 100)
    assert image.size == expected_wh


def test_copy_carries_no_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif[0x8825] = {1: "N"}
    a_photo(3).save(tmp_path / "in.jpg", exif=exif, comment=b"from my phone", dpi=(300, 300))
    result = write_plain_photo(tmp_path / "in.jpg", tmp_path / "out.jpg", 640, 100)
    assert isinstance(result, PlainPhoto)
    content = (tmp_path / "out.jpg").read_bytes()
    assert b"A maker" not in content
    assert b"from my phone" not in content
    with Image.open(tmp_path / "out.jpg") as copy:
        assert not copy.getexif()
        assert copy.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # full colour resolution
        assert (copy.width, copy.height) == (result.width, result.height) == (64, 64)


def test_exif_that_cannot_be_parsed_does_not_cost_the_photo() -> None:
    content = encoded(a_photo(1), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff broken")
    assert decoded(content).shape == (64, 64, 3)
