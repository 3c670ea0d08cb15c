from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.photo_cases import fill


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    """`photos/cat` and `photos/dog`, ten different photos each."""
    root = tmp_path / "photos"
    fill(root / "cat", range(10))
    fill(root / "dog", range(100, 110))
    return root
