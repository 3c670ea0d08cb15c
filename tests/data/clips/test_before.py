"""What a stream would have seen before a test clip: which frames, at which rate; nothing else changes by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.clips.before import before_path, load_before
from pipeline.data.clips.drawn import DrawnClip
from pipeline.data.clips.film_strip import film_strip
from pipeline.data.clips.generate import generate_clips
from pipeline.data.clips.windows import ClipWindows, WindowChoice
from pipeline.data.frames import read_index, resize
from pipeline.files import write_json
from tests.data.clips.clip_cases import options, write_classes
from tests.data.recordings.video_cases import number_of, numbered, write_video

_CHOICE = WindowChoice(8, 10, 4, 64, 100)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(8, []), (9, []), (10, [0]), (15, [0, 1, 2]), (24, list(range(8))), (40, list(range(8, 16)))],
)
def test_they_are_the_frames_just_before_the_middle(tmp_path: Path, count: int, expected: list[int]) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(count), rate=10)
    (window,) = ClipWindows(path, _CHOICE, only_middle=True, with_before=True)
    (alone,) = ClipWindows(path, _CHOICE, only_middle=True)
    found = [] if window.before_khwc is None else [number_of(frame) for frame in window.before_khwc]
    assert found == expected
    assert np.array_equal(window.frames_lhwc, alone.frames_lhwc)
    assert alone.before_khwc is None


@pytest.mark.parametrize("label", ["walk", "fall", "stand"])
def test_a_drawn_clip_is_the_same_with_and_without(label: str) -> None:
    (alone,) = DrawnClip(3, 1, label, 0, 8.0, 4, 64)
    (window,) = DrawnClip(3, 1, label, 0, 8.0, 4, 64, n_before=4)
    assert np.array_equal(alone.frames_lhwc, window.frames_lhwc)
    assert alone.before_khwc is None
    assert window.before_khwc is not None
    assert window.before_khwc.shape[1:] == (48, 64, 3)


@pytest.mark.parametrize(
    ("there", "taken", "expected"),
    [
        (8, 4, [1, 3, 5, 7]),  # the whole clip before, at the moments at which a clip is looked at
        (8, 8, list(range(8))),
        (3, 4, [0, 2]),  # the last three of it: its moments 5 and 7
        (1, 4, [0]),
        (1, 2, []),  # its moments are 2 and 6
        (0, 4, []),
    ],
)
def test_frames_come_at_the_rate_at_which_the_network_sees_them(
    tmp_path: Path, there: int, taken: int, expected: list[int]
) -> None:
    folder = tmp_path / "movement"
    folder.mkdir()
    write_json(folder / "report.json", {"clip": {"frames": 8, "fps": 8.0}})
    (folder / "index.csv").write_text(
        "file,label,split,source,mask,width,height,sha256\nclips/test/a/x.jpg,a,test,s,,16,12,0\n"
        "clips/train/a/y.jpg,a,train,t,,16,12,0\n"
    )
    if there:
        path = before_path(folder, "clips/test/a/x.jpg")
        path.parent.mkdir(parents=True)
        path.write_bytes(film_strip(np.stack([np.full((12, 16, 3), 20 * i, np.uint8) for i in range(there)])))
    (frames,) = load_before(folder, "test", 8, taken)
    assert frames.shape == (len(expected), 8, 8, 3)
    assert [round(float(frame.mean()) / 20) for frame in frames] == expected


@pytest.mark.parametrize(
    ("stride", "taken", "expected"),
    # Of 4 frames before (0, 20, 40, 60) and 8 of the clip (100, 110, ...).
    [
        (1, 2, [110, 120]),  # it sees 3 and 4
        (2, 3, [20, 60]),  # it sees 1, 3 and 5, and 5, 3 and 1 before the clip there were
        (2, 2, [40, 100]),  # it sees 2 and 4; one before the clip, and the first of the clip
        (3, 2, [0, 60]),  # it sees 2 and 5
    ],
)
def test_dense_sampling_has_its_stride_before_what_it_sees_too(
    tmp_path: Path, stride: int, taken: int, expected: list[int]
) -> None:
    folder = tmp_path / "movement"
    strips = {"clips/test/a/x.jpg": range(100, 180, 10), "before/test/a/x.jpg": range(0, 80, 20)}
    for name, greys in strips.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(film_strip(np.stack([np.full((12, 16, 3), grey, np.uint8) for grey in greys])))
    write_json(folder / "report.json", {"clip": {"frames": 8, "fps": 8.0}})
    write_json(folder / "sampling.json", {"kind": "dense", "stride": stride})
    (folder / "index.csv").write_text(
        "file,label,split,source,mask,width,height,sha256\nclips/test/a/x.jpg,a,test,s,,16,12,0\n"
    )
    (frames,) = load_before(folder, "test", 8, taken)
    assert [round(float(frame.mean()), -1) for frame in frames] == expected


def test_a_data_folder_has_them_for_testing_only(tmp_path: Path) -> None:
    videos = write_classes(tmp_path / "videos", count=30)
    report = generate_clips(options(videos), 7, tmp_path / "movement", workers=1)
    tested = read_index(tmp_path / "movement").query("split == 'test'")
    found = sorted(path for path in (tmp_path / "movement" / "before").rglob("*") if path.is_file())
    assert found == sorted(before_path(tmp_path / "movement", name) for name in tested["file"])
    assert report["before"]["clips"] == len(tested) > 0
    assert report["before"]["frames"] == 8 * len(tested), "three seconds: of the first second's end, then the clip"
    frames = load_before(tmp_path / "movement", "test", 32, 8)
    assert [len(one) for one in frames] == [8] * len(tested)
    assert frames[0][0].shape == resize(frames[0][0], 32).shape
