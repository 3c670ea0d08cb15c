from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.clips.film_strip import film_strip
from pipeline.errors import EdgeboardError
from pipeline.explain.clips.clip import ExplainedClip, load_explained_clips

HEADER = "file,label,split,source,mask,width,height,sha256\n"
CLASSES = ["walk", "fall"]
ROWS = ["0.jpg,walk,test", "1.jpg,walk,test", "2.jpg,fall,test", "3.jpg,fall,train"]
LENGTH = 16


def _data(folder: Path, rows: list[str]) -> Path:
    for i in range(4):
        # Frame k of every strip has the grey level 10 k + i: what is read tells where it was.
        levels = (10 * np.arange(LENGTH) + i).astype(np.uint8)
        frames = np.broadcast_to(levels[:, None, None, None], (LENGTH, 16, 24, 3))
        (folder / f"{i}.jpg").write_bytes(film_strip(np.ascontiguousarray(frames)))
    (folder / "index.csv").write_text(HEADER + "".join(f"{row},s,,24,16,x\n" for row in rows))
    (folder / "report.json").write_text(json.dumps({"clip": {"frames": LENGTH, "fps": 8}}))
    return folder


def test_clips_are_what_the_network_sees(tmp_path: Path) -> None:
    clips = load_explained_clips(_data(tmp_path, ROWS), CLASSES, 8, 4, count=2, seed=0)
    assert [clip.label for clip in clips] == [0, 1]  # one of each class in turn, none of the training split
    assert clips[1].name == "2"
    assert clips[1].places == (2, 6, 10, 14)
    assert clips[1].frames_thwc.shape == (4, 8, 8, 3)
    assert clips[1].frames_thwc[:, 4, 4, 0] == pytest.approx([22, 62, 102, 142], abs=3)
    assert clips[1].clip_ntchw.shape == (1, 4, 3, 8, 8)
    assert clips[1].clip_ntchw.dtype == np.float32


@pytest.mark.parametrize(("clip_frames", "places"), [(1, (8,)), (16, tuple(range(16)))])
def test_any_number_of_frames(tmp_path: Path, clip_frames: int, places: tuple[int, ...]) -> None:
    clip = load_explained_clips(_data(tmp_path, ROWS), CLASSES, 8, clip_frames, count=1, seed=0)[0]
    assert clip.places == places
    assert len(clip.frames_thwc) == clip_frames


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (50, 3)])
def test_no_more_clips_than_there_are_and_the_same_by_seed(tmp_path: Path, count: int, expected: int) -> None:
    data = _data(tmp_path, ROWS)
    names = [[clip.name for clip in load_explained_clips(data, CLASSES, 8, 2, count, seed=1)] for _ in range(2)]
    assert len(names[0]) == len(set(names[0])) == expected
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no clips to explain"),
        (["0.jpg,walk,train"], "no clips to explain"),
        (["0.jpg,jump,test"], "does not know"),
        (["none.jpg,walk,test"], "cannot be read"),
    ],
)
def test_bad_data_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(EdgeboardError, match=message):
        load_explained_clips(_data(tmp_path, rows), CLASSES, 8, 2, count=1, seed=0)


def test_a_strip_of_another_length_is_refused(tmp_path: Path) -> None:
    data = _data(tmp_path, ROWS)
    (data / "report.json").write_text(json.dumps({"clip": {"frames": 15, "fps": 8}}))
    with pytest.raises(EdgeboardError, match="does not hold as many frames"):
        load_explained_clips(data, CLASSES, 8, 2, count=1, seed=0)


def test_clips_of_equal_frames_can_be_told_apart() -> None:
    frames = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    one, other = ExplainedClip("a", frames, 0, (0,)), ExplainedClip("a", frames, 0, (0,))
    assert one == one
    assert one != other
