from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.detection.frames import DetectionFrame, load_explained_detection_frames

CLASSES = ["gun", "knife"]


def _data(folder: Path, images: list[tuple[str, str, str]], boxes: list[str]) -> Path:
    """images: name, split and label of pictures of 40 × 20."""
    for name, _, _ in images:
        cv2.imwrite(str(folder / f"{name}.png"), np.full((20, 40, 3), 90, dtype=np.uint8))
    rows = [f"{name}.png,{label},{split},{name},,40,20,x\n" for name, split, label in images]
    (folder / "index.csv").write_text("file,label,split,source,mask,width,height,sha256\n" + "".join(rows))
    (folder / "annotations.csv").write_text("image,xmin,ymin,xmax,ymax,class\n" + "".join(f"{b}\n" for b in boxes))
    return folder


def test_boxes_are_scaled_to_the_frame(tmp_path: Path) -> None:
    boxes = ["a.png,4,2,20,10,knife", "a.png,30,0,40,20,gun", "b.png,0,0,1,1,gun"]
    folder = _data(tmp_path, [("a", "test", "gun"), ("b", "train", "gun")], boxes)
    (frame,) = load_explained_detection_frames(folder, CLASSES, 80, count=5, seed=0)
    assert (frame.name, frame.image_hwc.shape) == ("a", (80, 80, 3))
    assert frame.boxes_xyxy.tolist() == [[8, 8, 40, 40], [60, 0, 80, 80]]
    assert frame.labels.tolist() == [1, 0]
    assert frame.frame_nchw.shape == (1, 3, 80, 80)


def test_classes_take_turns_and_empty_frames_only_fill_up(tmp_path: Path) -> None:
    images = [(f"{label or 'none'}{i}", "test", label) for label in ("gun", "", "knife") for i in range(3)]
    boxes = [f"{name}.png,1,1,9,9,{label}" for name, _, label in images if label]
    folder = _data(tmp_path, images, boxes)

    def chosen(count: int) -> list[str]:
        return [one.name[:-1] for one in load_explained_detection_frames(folder, CLASSES, 16, count, seed=0)]

    assert chosen(1) == ["gun"]
    assert chosen(4) == ["gun", "knife", "gun", "knife"]
    assert chosen(8) == ["gun", "knife"] * 3 + ["none"] * 2
    assert chosen(99) == ["gun", "knife"] * 3 + ["none"] * 3
    assert chosen(8) == chosen(8)


@pytest.mark.parametrize(
    ("images", "boxes"),
    [
        ([], []),
        ([("a", "test", "")], []),
        ([("a", "test", ""), ("b", "train", "gun")], ["b.png,1,1,9,9,gun"]),
        ([("b", "train", "gun")], ["b.png,1,1,9,9,gun"]),
    ],
    ids=["no pictures", "no boxes", "no boxes in the test split", "no test split"],
)
def test_a_test_split_without_objects_is_refused(
    tmp_path: Path, images: list[tuple[str, str, str]], boxes: list[str]
) -> None:
    folder = _data(tmp_path, images, boxes)
    with pytest.raises(EdgeboardError, match="no object whose detection"):
        load_explained_detection_frames(folder, CLASSES, 16, count=5, seed=0)


def test_a_data_folder_without_boxes_is_refused(tmp_path: Path) -> None:
    folder = _data(tmp_path, [("a", "test", "gun")], [])
    (folder / "annotations.csv").unlink()
    with pytest.raises(EdgeboardError, match="no object whose detection"):
        load_explained_detection_frames(folder, CLASSES, 16, count=5, seed=0)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((2, 1, 5, 3), (1, 3), (2, 5)),
        ((2.2, 1.9, 4.1, 2.5), (1, 3), (2, 5)),
        ((3.2, 3.4, 3.3, 3.5), (3, 4), (3, 4)),  # less than a pixel
        ((0, 0, 8, 8), (0, 8), (0, 8)),
        ((-3, 6.5, 2, 11), (6, 8), (0, 2)),  # beyond the frame
        ((8, 8, 8, 8), (7, 8), (7, 8)),
    ],
)
def test_the_mask_of_a_box_is_what_it_touches(
    box: tuple[float, ...], rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    boxes = np.array([(0, 0, 1, 1), box], dtype=np.float32)
    frame = DetectionFrame("a", np.zeros((8, 8, 3), dtype=np.uint8), boxes, np.zeros(2, dtype=np.int64))
    expected = np.zeros((8, 8), dtype=bool)
    expected[slice(*rows), slice(*columns)] = True
    assert np.array_equal(frame.box_mask(1), expected)
