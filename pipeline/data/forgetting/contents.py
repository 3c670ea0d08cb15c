"""What a file that is not text says of a person."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.data.forgetting.names import NameSearch
from pipeline.data.photos import SUFFIXES

_PIXEL_SUFFIXES = (*SUFFIXES, ".gif", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
# JPEG, PNG, GIF, BMP, RIFF (WebP, AVI), TIFF, Matroska; MP4 has its own four bytes later.
_PIXEL_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"\x1a\x45\xdf\xa3")


def is_pixels(path: Path, data: bytes) -> bool:
    """A picture or a video: its bytes spell any short name somewhere, so it is known by its row, path or hash."""
    return path.suffix.lower() in _PIXEL_SUFFIXES or data.startswith(_PIXEL_STARTS) or data[4:8] == b"ftyp"


def binary_names(path: Path, data: bytes, search: NameSearch) -> bool:
    """Whether bytes that are no text and no picture name the person, packed ones (.npz, checkpoints) included."""
    return any(search.in_bytes(part) for part in (data, *_unpacked(path)))


def all_files(folder: Path) -> list[Path]:
    """Every file and link below `folder`, hidden ones and leftovers of killed runs too; a file is its own only one."""
    if folder.is_file() or folder.is_symlink():
        return [folder]
    found = []
    for root, folder_names, file_names in os.walk(folder):
        links = [name for name in folder_names if (Path(root) / name).is_symlink()]
        found += [Path(root) / name for name in (*file_names, *links)]
    return sorted(found)


def _unpacked(path: Path) -> Iterator[bytes]:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name.encode()
            yield archive.read(name)
