"""Pictures with boxes, resized: boxes in pixels of the frame, and the way from a picture into a network."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.data.frames import (
    MEAN_RGB,
    NO_LABEL,
    STD_RGB,
    Frames,
    load_frames,
    normalise,
    preprocess,
    read_image,
    resize,
)
from tests.detection_folder import CLASS_NAMES, COLOURS, write_detection_folder
from tests.picture_folder import write_data_folder

SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_detection_folder(tmp_path_factory.mktemp("data"), {"train": 5, "val": 10}, size_wh=(200, 100))


def test_boxes_are_in_pixels_of_the_frame(folder: Path) -> None:
    """Width and height shrink by different factors; the colour under each box tells whether it lies right."""
    frames = load_frames(folder, "val", SIZE, CLASS_NAMES)
    assert frames.objects is not None
    assert frames.sizes_wh is not None
    assert frames.sizes_wh.tolist() == [[200, 100]] * 10
    assert [len(one) for one in frames.objects] == [1, 2, 1, 2, 0] * 2
    for image_hwc, objects in zip(frames.frames_nhwc, frames.objects, strict=True):
        assert objects.dtype == np.float32
        for label, xmin, ymin, xmax, ymax in objects:
            # Squares of the picture are half as wide as they are high in the frame.
            assert (ymax - ymin) == pytest.approx(2 * (xmax - xmin), rel=1e-5)
            inner = image_hwc[int(ymin) + 2 : int(ymax) - 2, int(xmin) + 2 : int(xmax) - 2].reshape(-1, 3)
            np.testing.assert_allclose(np.median(inner, axis=0), COLOURS[int(label)], atol=12)


def test_the_label_is_that_of_the_largest_object(folder: Path) -> None:
    frames = load_frames(folder, "val", SIZE, CLASS_NAMES)
    assert frames.objects is not None
    for label, objects in zip(frames.labels, frames.objects, strict=True):
        areas = (objects[:, 3:] - objects[:, 1:3]).prod(axis=1)
        assert label == (int(objects[areas.argmax(), 0]) if len(objects) else NO_LABEL)
    assert (frames.labels == NO_LABEL).sum() == 2


def test_a_split_and_a_folder_without_any_box(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(folder / "images")
    (tmp_path / "index.csv").write_bytes((folder / "index.csv").read_bytes())
    (tmp_path / "annotations.csv").write_text("image,xmin,ymin,xmax,ymax,class\n")
    frames = load_frames(tmp_path, "val", SIZE, CLASS_NAMES)
    assert frames.objects is not None
    assert [one.shape for one in frames.objects] == [(0, 5)] * 10
    empty = load_frames(folder, "test", SIZE, CLASS_NAMES)
    assert (len(empty), empty.objects) == (0, [])


def test_a_folder_of_classes_has_no_objects(tmp_path: Path) -> None:
    frames = load_frames(write_data_folder(tmp_path, {"train": 1}), "train", SIZE, CLASS_NAMES)
    assert frames.objects is None
    assert frames.take(np.array([1])).objects is None


def test_names_that_look_like_numbers_or_nothing_are_names(tmp_path: Path) -> None:
    """pandas would make a number of a class called 007, and nothing at all of one called NA."""
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((10, 10, 3), dtype=np.uint8))
    (tmp_path / "index.csv").write_text("file,label,split,source,mask,width,height,sha256\n1.png,NA,test,1,,10,10,0\n")
    (tmp_path / "annotations.csv").write_text("image,xmin,ymin,xmax,ymax,class\n1.png,0,0,5,5,NA\n1.png,0,0,4,4,007\n")
    frames = load_frames(tmp_path, "test", 20, ["007", "NA"])
    assert frames.objects is not None
    assert frames.objects[0].tolist() == [[1, 0, 0, 10, 10], [0, 0, 0, 8, 8]]
    assert frames.labels.tolist() == [1]


@pytest.mark.parametrize("chosen", [[], [2], [3, 0, 3]])
def test_chosen_frames_keep_all_that_belongs_to_them(folder: Path, chosen: list[int]) -> None:
    frames = load_frames(folder, "val", SIZE, CLASS_NAMES)
    taken = frames.take(np.array(chosen, dtype=np.int64))
    assert isinstance(taken, Frames)
    assert len(taken) == len(chosen)
    assert taken.class_names == CLASS_NAMES
    assert frames.objects is not None
    assert taken.objects is not None
    assert frames.sizes_wh is not None
    assert taken.sizes_wh is not None
    assert len(taken.objects) == len(chosen)
    for place, i in enumerate(chosen):
        np.testing.assert_array_equal(taken.frames_nhwc[place], frames.frames_nhwc[i])
        np.testing.assert_array_equal(taken.objects[place], frames.objects[i])
        np.testing.assert_array_equal(taken.sizes_wh[place], frames.sizes_wh[i])
        assert (taken.files[place], taken.labels[place]) == (frames.files[i], frames.labels[i])


@pytest.mark.parametrize("size_hw", [(40, 60), (64, 64), (100, 130), (128, 400), (300, 700), (1, 1)])
def test_the_whole_picture_is_kept(size_hw: tuple[int, int]) -> None:
    """A gradient stays one, from corner to corner, whichever way of resizing is taken."""
    height, width = size_hw
    image_hwc = np.zeros((height, width, 3), dtype=np.uint8)
    image_hwc[..., 0] = np.linspace(0, 255, width).round()
    image_hwc[..., 1] = np.linspace(0, 255, height).round()[:, None]
    resized = resize(image_hwc, SIZE)
    assert resized.shape == (SIZE, SIZE, 3)
    assert resized.dtype == np.uint8
    if width > 1:
        # The place of the pixel's centre in the picture.
        expected = np.interp((np.arange(SIZE) + 0.5) / SIZE * width - 0.5, range(width), np.linspace(0, 255, width))
        assert np.abs(resized[0, :, 0].astype(float) - expected).max() <= 3


def test_fine_patterns_are_averaged_not_skipped() -> None:
    """Every other row is white: a picture shrunk by two or more is grey."""
    for height in (2 * SIZE, 3 * SIZE, 5 * SIZE + 7):
        image_hwc = np.zeros((height, height, 3), dtype=np.uint8)
        image_hwc[::2] = 255
        assert np.abs(resize(image_hwc, SIZE).astype(float) - 127.5).max() < 70


@pytest.mark.parametrize("n", [0, 1, 3])
def test_normalised_frames_have_the_statistics_of_imagenet(n: int) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    found = normalise(frames)
    assert (found.shape, found.dtype, found.flags.c_contiguous) == ((n, 3, 7, 7), np.float32, True)
    expected = ((frames / 255.0 - MEAN_RGB) / STD_RGB).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_picture_is_prepared_as_the_frames_of_a_split_are(folder: Path) -> None:
    frames = load_frames(folder, "val", SIZE, CLASS_NAMES)
    np.testing.assert_array_equal(preprocess(read_image(frames.files[3]), SIZE), normalise(frames.frames_nhwc[3:4]))
