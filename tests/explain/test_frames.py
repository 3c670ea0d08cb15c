from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.frames import choose_indices, load_explained_frames

HEADER = "file,label,split,source,mask,width,height,sha256\n"


@pytest.mark.parametrize(
    ("labels", "count", "expected_classes"),
    [
        ([], 3, []),
        ([2], 3, [2]),
        ([0, 0, 0], 2, [0, 0]),
        ([1, 1, 1, 1, 0, 2], 4, [0, 1, 2, 1]),
        ([0, 1] * 50, 5, [0, 1, 0, 1, 0]),
    ],
)
def test_classes_take_turns(labels: list[int], count: int, expected_classes: list[int]) -> None:
    chosen = choose_indices(labels, count, seed=0)
    assert [labels[i] for i in chosen] == expected_classes
    assert len(set(chosen)) == len(chosen)
    assert chosen == choose_indices(labels, count, seed=0)


def _data(folder: Path, rows: list[str]) -> Path:
    picture = np.full((20, 30, 3), 90, dtype=np.uint8)
    mask = np.zeros((20, 30), dtype=np.uint8)
    cv2.imwrite(str(folder / "a.png"), picture)
    cv2.imwrite(str(folder / "empty.png"), mask)
    mask[5:15, 10:20] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
    (folder / "index.csv").write_text(HEADER + "".join(f"{row},30,20,x\n" for row in rows))
    return folder


def test_frames_come_with_their_masks(tmp_path: Path) -> None:
    rows = [
        "a.png,fire,test,a,mask.png",
        "a.png,none,test,b,",
        "a.png,fire,train,c,mask.png",
        "a.png,none,test,d,empty.png",
    ]
    frames = load_explained_frames(_data(tmp_path, rows), ["fire", "none"], 8, count=5, seed=0)
    assert [(frame.label, frame.mask is not None) for frame in frames] == [(0, True), (1, False), (1, False)]
    assert frames[0].image_hwc.shape == (8, 8, 3)
    assert frames[0].frame_nchw.shape == (1, 3, 8, 8)
    mask = frames[0].mask
    assert mask is not None
    assert mask[4, 4]
    assert not mask[0, 0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no frames to explain"),
        (["a.png,fire,train,a,"], "no frames to explain"),
        (["a.png,fire,test,a,gone.png"], "mask"),
    ],
)
def test_what_cannot_be_explained_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(EdgeboardError, match=message):
        load_explained_frames(_data(tmp_path, rows), ["fire", "none"], 8, count=5, seed=0)
