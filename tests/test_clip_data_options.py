from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.clip_data_options import ClipData


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"source": "/nowhere"}, "source: there is no folder or list '/nowhere'"),
        ({"source": "{tmp}/notes.pdf"}, "neither a folder nor an annotation list (.txt, .csv)"),
        ({"test_source": "{tmp}"}, "test_source: needs videos in source too"),
        ({"source": "{tmp}", "test_source": "/nowhere"}, "test_source: there is no folder or list"),
        ({"source": "{tmp}", "test_source": "{tmp}/list.txt"}, "test_source: must be of the same kind as source"),
        ({"source": "{tmp}", "video_root": "{tmp}"}, "video_root: belongs to annotation lists only"),
        ({"video_root": "{tmp}"}, "video_root: belongs to annotation lists only"),
        ({"source": "{tmp}/list.txt", "video_root": "/nowhere"}, "video_root: the folder '/nowhere' does not exist"),
        ({"fps": 2, "seconds": 0.5}, "seconds: 0.5 s at 2 fps are 1 frames; at least 2"),
        ({"fps": 60, "seconds": 60, "max_side": 160}, "max_side: 3600 frames of 160 pixels"),
        ({"groups": "{tmp}/list.txt"}, "groups: names real videos; set it to null"),
        ({"source": "{tmp}", "groups": "{tmp}/gone.csv"}, "groups: there is no file"),
        ({"source": "{tmp}", "groups": "{tmp}"}, "groups: there is no file"),
        ({"group_pattern": "(actor"}, "group_pattern: '(actor' is no regular expression"),
        ({"sampling": "random"}, "'segments' or 'dense'"),
        ({"sampling_stride": 2}, "sampling_stride: belongs to sampling: dense"),
        ({"sampling": "dense", "sampling_stride": 0}, "greater than or equal to 1"),
        ({"classes": ["walk", "walk"]}, "classes: a class is named twice"),
        ({"classes": ["walk"]}, "at least 2"),
        ({"fps": 0}, "greater than or equal to 1"),
        ({"fps": float("nan")}, "finite number"),
        ({"stride_seconds": 0}, "greater than 0"),
        ({"seconds": "long"}, "valid number"),
        ({"actors": {"train": 1, "val": 1, "test": 0}}, "greater than or equal to 1"),
        ({"split": {"train": 0.5, "val": 0.5, "test": 0.5}}, "train + val + test must be 1"),
        ({"frames": 16}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    (tmp_path / "list.txt").touch()
    (tmp_path / "notes.pdf").touch()
    filled = {name: value.format(tmp=tmp_path) if isinstance(value, str) else value for name, value in changes.items()}
    with pytest.raises(ValidationError) as caught:
        ClipData(**filled)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    ("fps", "seconds", "frames"), [(8, 2, 16), (25, 1, 25), (7.5, 1, 8), (15, 0.3, 4), (10, 0.2, 2)]
)
def test_every_clip_has_as_many_frames_as_fps_times_seconds(fps: float, seconds: float, frames: int) -> None:
    assert ClipData(fps=fps, seconds=seconds).clip_frames == frames


@pytest.mark.parametrize(
    ("changes", "most"),
    [({}, 8), ({"sampling": "dense"}, 8), ({"sampling": "dense", "sampling_stride": 3}, 3), ({"seconds": 0.25}, 2)],
)
def test_a_network_sees_no_frame_twice(changes: dict[str, Any], most: int) -> None:
    data = ClipData(**{"fps": 8, "seconds": 1, **changes})
    assert data.too_short_for(most) is None
    assert f"to see {most + 1} frames" in str(data.too_short_for(most + 1))


def test_folders_and_lists_are_sources(tmp_path: Path) -> None:
    (tmp_path / "list.TXT").touch()
    assert not ClipData(source=str(tmp_path), test_source=str(tmp_path)).is_synthetic
    assert not ClipData(source=str(tmp_path / "list.TXT"), video_root=str(tmp_path)).is_synthetic
    assert ClipData().is_synthetic
