"""Where the pixels of many clips are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.clips import room
from pipeline.data.clips.room import room_for
from pipeline.errors import EdgeboardError
from tests.data.photo_cases import mounted_tmpfs


@pytest.mark.parametrize(("in_memory", "is_mapped"), [(24, False), (23, True)])
def test_what_is_too_much_for_memory_is_in_a_file_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int, is_mapped: bool
) -> None:
    monkeypatch.setattr(room, "IN_MEMORY_BYTES", in_memory)
    array = room_for((2, 3, 4), tmp_path)
    assert (array.shape, array.dtype) == ((2, 3, 4), np.uint8)
    assert isinstance(array.base, np.memmap) == is_mapped
    array[1, 2] = 7
    assert array[1, 2].tolist() == [7, 7, 7, 7]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "IN_MEMORY_BYTES", 0)
    with mounted_tmpfs(tmp_path / "disk", "size=100k") as disk:
        with pytest.raises(EdgeboardError, match="no room for the frames") as caught:
            room_for((100, 100, 100), disk)
        assert list(disk.iterdir()) == []
    assert "No space left" in str(caught.value)
