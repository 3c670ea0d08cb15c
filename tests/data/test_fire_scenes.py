from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.fire_scenes import CLASS_NAMES, HEIGHT, WIDTH, draw_scene


def test_class_names_are_in_the_order_of_folders() -> None:
    assert tuple(sorted(CLASS_NAMES)) == CLASS_NAMES == ("fire", "none", "starting_fire")


@pytest.mark.parametrize("label", CLASS_NAMES)
def test_scene_depends_on_its_three_arguments_only(label: str) -> None:
    first, mask = draw_scene(7, 3, label)
    np.random.default_rng(0).random(10)
    draw_scene(7, 4, label)
    again, mask_again = draw_scene(7, 3, label)
    assert np.array_equal(first, again)
    assert np.array_equal(mask, mask_again)
    others = [draw_scene(8, 3, label)[0], draw_scene(7, 4, label)[0]]
    others += [draw_scene(7, 3, other)[0] for other in CLASS_NAMES if other != label]
    assert not any(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("label", CLASS_NAMES)
def test_picture_and_mask_have_the_promised_form(label: str) -> None:
    for index in range(25):
        image_hwc, mask_hw = draw_scene(1, index, label)
        assert image_hwc.shape == (HEIGHT, WIDTH, 3)
        assert mask_hw.shape == (HEIGHT, WIDTH)
        assert image_hwc.dtype == mask_hw.dtype == np.uint8
        assert image_hwc.std() > 5, "a picture of nothing"
        assert set(np.unique(mask_hw)) <= {0, 255}
        assert mask_hw.any() == (label != "none")


def test_a_fire_is_larger_than_one_that_starts() -> None:
    areas = {
        label: np.array([np.count_nonzero(draw_scene(2, index, label)[1]) for index in range(40)])
        for label in ("fire", "starting_fire")
    }
    assert areas["starting_fire"].min() >= 20
    assert areas["fire"].min() >= 400
    assert np.median(areas["fire"]) > 3 * np.median(areas["starting_fire"])


@pytest.mark.parametrize("label", ["fire", "starting_fire"])
def test_mask_marks_what_is_painted(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the same scene with the burning left out of the canvas: nearly all that differs is under the mask's glow."""
    from pipeline.data import fire_scenes

    def seen_by_camera(_rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
        return np.clip(canvas * 255, 0, 255).astype(np.uint8)

    monkeypatch.setattr(fire_scenes, "_photograph", seen_by_camera)
    monkeypatch.setattr(fire_scenes, "_add_foreground", lambda *_: None)
    burning = [draw_scene(5, index, label) for index in range(12)]
    monkeypatch.setattr(fire_scenes, "blend", lambda *_: None)
    monkeypatch.setattr(fire_scenes, "blurred", lambda values, _: np.zeros_like(values))
    without = [draw_scene(5, index, label)[0] for index in range(12)]
    inside, outside = [], []
    for (image, mask), bare in zip(burning, without, strict=True):
        change = np.abs(image.astype(int) - bare).max(axis=2)
        inside.append(change[mask > 0].mean())
        outside.append(change[mask == 0].mean())
    assert np.median(inside) > 4 * np.median(outside)


def test_none_holds_colours_of_fire_too() -> None:
    """Otherwise an orange pixel would decide."""

    def warm_share(label: str) -> np.ndarray:
        images = np.stack([draw_scene(3, index, label)[0] for index in range(40)]).astype(int)
        warm = (images[..., 0] > 150) & (images[..., 0] > images[..., 2] + 70)
        return warm.mean(axis=(1, 2))

    assert np.mean(warm_share("none") > 0.02) > 0.2
