"""One photo from anywhere to a plain one: upright, RGB, 8 bits a channel, not larger than asked, no metadata."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# What the content may be. A closed list, since Pillow would hand a .jpg that holds PostScript to Ghostscript.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "WEBP", "TIFF", "GIF")
MIN_SIDE = 8


class UnusablePhotoError(Exception):
    """Why a photo cannot be used; the text is the same on every machine."""


@dataclass(frozen=True)
class PlainPhoto:
    """A photo written anew. `phash`: 64-bit perceptual hash; `source_sha256`: of the bytes it was read from."""

    source_sha256: str
    phash: int
    width: int
    height: int


@dataclass(frozen=True)
class SkippedPhoto:
    reason: str


def write_plain_photo(source: Path, out: Path, max_side: int, max_megapixels: int) -> PlainPhoto | SkippedPhoto:
    """Read `source`, write it as a JPEG to `out`. An error of the disk at `out` is raised, one of `source` returned."""
    import imagehash  # SciPy behind it costs half a second, which a drawn data set need not pay

    try:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            image = decode(file, max_side, max_megapixels)
    except UnusablePhotoError as error:
        return SkippedPhoto(str(error))
    except OSError as error:
        return SkippedPhoto(f"cannot be read: {error.strerror}")
    write_jpeg(image, out)
    phash = int(str(imagehash.phash(image)), 16)
    return PlainPhoto(sha256, phash, image.width, image.height)


def decode(file: BinaryIO, max_side: int, max_megapixels: int) -> Image.Image:
    """An open file to an upright RGB picture whose longer side is at most `max_side` pixels.

    16-bit channels are scaled, transparent parts become white, of several frames the first is taken.
    Raises UnusablePhotoError. The size is judged by the header, before any pixel is decoded.
    """
    if not file.read(1):
        raise UnusablePhotoError("the file is empty")
    file.seek(0)
    with _own_size_limit():
        # Decoders of damaged files raise nearly anything; each becomes a line in the report.
        try:
            image = Image.open(file, formats=_FORMATS)
        except UnidentifiedImageError:
            raise UnusablePhotoError("the content is not a picture") from None
        except Exception as error:
            raise UnusablePhotoError(f"the header cannot be read: {_words(error)}") from error
        width, height = image.size
        if width * height > max_megapixels * 1_000_000:
            raise UnusablePhotoError(
                f"{width} x {height} is {width * height / 1e6:g} megapixels; allowed: {max_megapixels} (max_megapixels)"
            )
        if min(width, height) < MIN_SIDE:
            raise UnusablePhotoError(f"{width} x {height} pixels is too small; at least {MIN_SIDE} on each side")
        try:
            image.draft(None, (max_side, max_side))  # a JPEG far too large is decoded at half or a quarter
            image.load()
            return _shrunk(_as_rgb(_upright(image)), max_side)
        except UnusablePhotoError:
            raise
        except MemoryError:
            raise UnusablePhotoError(f"{width} x {height} does not fit into memory") from None
        except Exception as error:
            raise UnusablePhotoError(f"cannot be decoded: {_words(error)}") from error


def write_jpeg(image: Image.Image, out: Path) -> None:
    """Quality 95 with full colour resolution. Encoded in memory, so that a full disk is told as such."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=95, subsampling=0)
    out.write_bytes(encoded.getvalue())


@contextlib.contextmanager
def _own_size_limit() -> Iterator[None]:
    """Set Pillow's own limit aside: it either warns only or refuses at a size that the user cannot choose."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata; the pixels decide whether a photo is used
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be parsed tells no orientation; the pixels are good
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = Image.fromarray(_as_bytes(np.asarray(image), image.mode))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        seen = image.convert("RGBA")
        page = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        image = Image.alpha_composite(page, seen)
    plain = image.convert("RGB")
    plain.info = {}  # Pillow would write a JPEG comment found here into the new file
    return plain


def _as_bytes(values: NDArray[np.generic], mode: str) -> NDArray[np.uint8]:
    """One channel of more than 8 bits to 0..255: scaled from the range of its type, never clipped."""
    numbers = values.astype(np.float64)
    low, high = float(numbers.min()), float(numbers.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > 65535:
        raise UnusablePhotoError(f"values from {low:g} to {high:g} in mode {mode} have no known white")
    white = 65535.0
    if mode == "F" and high <= 255:
        white = 1.0 if high <= 1 else 255.0
    return np.rint(numbers * (255 / white)).astype(np.uint8)


def _shrunk(image: Image.Image, max_side: int) -> Image.Image:
    longer = max(image.size)
    if longer <= max_side:
        return image
    width, height = (max(1, round(side * max_side / longer)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _words(error: Exception) -> str:
    """The message of a decoder without the address of an object or the name of a temporary file in it."""
    text = str(error)
    return type(error).__name__ if not text or "0x" in text or "/" in text else text
