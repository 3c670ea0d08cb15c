"""Objects with transparency: what is read, how it is cropped, and what is refused with which words."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.mixing.cutouts import read_cutout
from pipeline.data.photos import UnusablePhotoError
from tests.data.mixing.cases import disc_cutout
from tests.data.test_photos import png_of_zeros


def _png(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _with_alpha(value: int, size: tuple[int, int] = (20, 20)) -> Image.Image:
    return Image.new("RGBA", size, (200, 30, 40, value))


def _speck() -> Image.Image:
    image = _with_alpha(0)
    image.putpixel((5, 6), (200, 30, 40, 255))
    return image


BAD = {
    "0 bytes": (b"", "the file is empty"),
    "a text": (b"no picture\n" * 30, "the content is not a picture with alpha"),
    "a JPEG by the name of .png": (_png(Image.new("RGB", (20, 20)), "JPEG"), "the content is not a picture with alpha"),
    "no alpha": (_png(Image.new("RGB", (20, 20), (9, 9, 9))), "it has no transparency (alpha channel)"),
    "grey without alpha": (_png(Image.new("L", (20, 20), 9)), "it has no transparency (alpha channel)"),
    "fully transparent": (_png(_with_alpha(0)), "it is transparent everywhere"),
    "nowhere solid": (_png(_with_alpha(127)), "it is transparent everywhere"),
    "opaque everywhere": (_png(_with_alpha(255)), "it is opaque everywhere"),
    "one pixel": (_png(_speck()), "the object is 1 x 1 pixels; at least 4"),
    "1 x 1": (_png(Image.new("RGBA", (1, 1), (1, 2, 3, 200))), "the object is 1 x 1 pixels"),
    "cut": (_png(disc_cutout(1))[:-900], "cannot be"),
    "the header alone": (_png(disc_cutout(1))[:40], "the content is not a picture with alpha"),
    "121 megapixels": (png_of_zeros(11_000), "11000 x 11000 is 121 megapixels; allowed: 100 (max_megapixels)"),
    "900 megapixels": (png_of_zeros(30_000), "it has more than 178 megapixels"),
}


@pytest.mark.parametrize(("content", "reason"), BAD.values(), ids=BAD.keys())
def test_unusable_object_is_refused_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "it.png").write_bytes(content)
    with pytest.raises(UnusablePhotoError) as caught:
        read_cutout(tmp_path / "it.png", 100)
    assert str(caught.value).startswith(reason)
    assert str(tmp_path) not in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusablePhotoError, match="cannot be read: No such file"):
        read_cutout(tmp_path / "none.png", 100)


def _palette() -> Image.Image:
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 200, 30, 40])
    for x in range(20):
        image.putpixel((x, 0), 0)
    return image


@pytest.mark.parametrize(
    ("content", "height"),
    [
        (_png(_palette(), transparency=0), 19),
        (_png(_palette().convert("RGB"), transparency=(0, 0, 0)), 19),
        (_png(Image.merge("LA", (Image.new("L", (20, 20), 77), Image.new("L", (20, 20), 200)))), 20),
        (_png(Image.new("RGBA", (20, 20), (200, 30, 40, 200)), "WEBP", lossless=True), 20),
    ],
    ids=["palette", "a colour that is transparent", "grey with alpha", "WebP"],
)
def test_every_kind_of_transparency_is_understood(tmp_path: Path, content: bytes, height: int) -> None:
    (tmp_path / "it.png").write_bytes(content)
    assert read_cutout(tmp_path / "it.png", 100).shape == (height, 20, 4)


def test_object_is_cropped_to_its_alpha_and_is_bgra(tmp_path: Path) -> None:
    image = _with_alpha(0, (40, 30))
    image.paste((200, 30, 40, 255), (11, 7, 21, 17))
    image.putpixel((10, 7), (200, 30, 40, 1))
    image.save(tmp_path / "it.png")
    cut = read_cutout(tmp_path / "it.png", 100)
    assert cut.shape == (10, 11, 4)
    assert cut[5, 5].tolist() == [40, 30, 200, 255]
    assert np.count_nonzero(cut[..., 3]) == 101
