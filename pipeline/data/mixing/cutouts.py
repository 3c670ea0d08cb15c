"""Cut-out objects: from a PNG with transparency to a tight picture with alpha."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.photos import UnusablePhotoError

SUFFIXES = (".png", ".webp", ".tif", ".tiff")
_FORMATS = ("PNG", "WEBP", "TIFF")
# The alpha from which on a pixel is counted as the object: for the tight box, for what is hidden and what is left.
SOLID = 128
_MIN_SIDE = 4


def read_cutout(path: Path, max_megapixels: int) -> NDArray[np.uint8]:
    """`[h, w, 4]` BGRA 0..255 with straight alpha, cropped to where there is any alpha.

    Raises UnusablePhotoError for what is no picture, has no alpha, or holds nothing or no more than a rectangle.
    """
    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            warnings.simplefilter("ignore")  # of sizes and metadata; both are judged here
            image = Image.open(file, formats=_FORMATS)
            width, height = image.size
            if width * height > max_megapixels * 1_000_000:
                raise UnusablePhotoError(
                    f"{width} x {height} is {width * height / 1e6:g} megapixels; "
                    f"allowed: {max_megapixels} (max_megapixels)"
                )
            image.load()
            if not (image.has_transparency_data or image.mode in ("LA", "PA")):
                raise UnusablePhotoError("it has no transparency (alpha channel), so that nothing is cut out")
            rgba_hwc = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    except UnusablePhotoError:
        raise
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise UnusablePhotoError("the file is empty" if empty else "the content is not a picture with alpha") from None
    except Image.DecompressionBombError:  # Pillow's own limit; no object is that large
        raise UnusablePhotoError("it has more than 178 megapixels") from None
    except OSError as error:
        reason = error.strerror if error.errno else _words(error)
        raise UnusablePhotoError(f"cannot be read: {reason}") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        raise UnusablePhotoError(f"cannot be decoded: {_words(error)}") from error
    return tight_cutout(cv2.cvtColor(rgba_hwc, cv2.COLOR_RGBA2BGRA))  # type: ignore[arg-type]


def tight_cutout(bgra_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a BGRA picture that has any alpha. Raises UnusablePhotoError where that is no object."""
    alpha = bgra_hwc[..., 3]
    if int(alpha.max()) < SOLID:
        raise UnusablePhotoError("it is transparent everywhere")
    if int(alpha.min()) == 255:
        raise UnusablePhotoError("it is opaque everywhere, so that nothing is cut out")
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(alpha))
    if min(width, height) < _MIN_SIDE:
        raise UnusablePhotoError(f"the object is {width} x {height} pixels; at least {_MIN_SIDE} on each side")
    return np.ascontiguousarray(bgra_hwc[top : top + height, left : left + width])


def _words(error: Exception) -> str:
    text = str(error)
    return type(error).__name__ if not text or "0x" in text or "/" in text else text
