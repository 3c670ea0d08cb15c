"""What goes into the tar of a bundle, and how it gets there with always the same bytes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.files import sha256_file


@dataclass
class Contents:
    """Files of the tar by their name: bytes, or the path of a file on this disk."""

    files: dict[str, bytes | Path] = field(default_factory=dict)

    def add(self, name: str, content: bytes | Path) -> str:
        self.files[name] = content
        return name

    def add_arrays(self, name: str, arrays: Sequence[Any]) -> list[str]:
        """Raw little-endian float32, a file each; `name` has a place for the number."""
        return [
            self.add(name.format(i), np.ascontiguousarray(one, dtype="<f4").tobytes()) for i, one in enumerate(arrays)
        ]

    def sha256(self, name: str) -> str:
        content = self.files[name]
        return sha256_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()

    def write_tar(self, path: Path) -> None:
        # USTAR has no field for a time finer than seconds, a host's name or a user's.
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(self.files):
                content = self.files[name]
                member = tarfile.TarInfo(name)
                member.size = content.stat().st_size if isinstance(content, Path) else len(content)
                with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
                    tar.addfile(member, file)
