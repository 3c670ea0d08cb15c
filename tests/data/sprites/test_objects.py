from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from pipeline.data.sprites import CLASS_NAMES, DISTRACTOR_NAMES, draw_object
from pipeline.errors import EdgeboardError

NAMES = CLASS_NAMES + DISTRACTOR_NAMES


def _on_grey(rgba: np.ndarray, side: int = 256) -> np.ndarray:
    """`[side, side, 3]` float, the object in the middle."""
    canvas = np.full((side, side, 3), 128.0)
    height, width = rgba.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    alpha = rgba[..., 3:] / 255
    there = canvas[top : top + height, left : left + width]
    there[...] = there * (1 - alpha) + rgba[..., :3] * alpha
    return canvas


def test_names_are_sorted_different_and_hold_those_of_the_task() -> None:
    assert tuple(sorted(CLASS_NAMES)) == CLASS_NAMES
    assert len(CLASS_NAMES) == 9
    assert len(set(NAMES)) == len(NAMES)
    assert {"knife", "gun", "stick", "drone", "camera", "grenade", "vest", "person"} < set(CLASS_NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_object_has_the_promised_form(name: str) -> None:
    for index in range(40):
        rgba = draw_object(7, index, name)
        height, width, channels = rgba.shape
        assert rgba.dtype == np.uint8
        assert channels == 4
        assert 160 <= max(height, width) <= 256
        assert min(height, width) >= 4
        alpha = rgba[..., 3]
        assert alpha[[0, -1]].any(axis=1).all(), "an empty row at the rim"
        assert alpha[:, [0, -1]].any(axis=0).all(), "an empty column at the rim"
        covered = float((alpha > 127).mean())
        assert 0.03 < covered < 0.97
        assert len(np.unique(alpha)) > 3, "the edge is not antialiased"


@pytest.mark.parametrize("name", NAMES)
def test_colour_at_the_edge_is_the_objects_own(name: str) -> None:
    """Straight alpha: half covered pixels are about as bright as covered ones beside them, not mixed with black."""
    edge, inside = [], []
    for index in range(5):
        rgba = draw_object(3, index, name)
        brightness, alpha = rgba[..., :3].max(axis=2).astype(float), rgba[..., 3]
        edge.append(brightness[(alpha > 0) & (alpha < 150)].mean())
        full = alpha == 255
        beside = np.zeros_like(full)
        partial = (alpha > 0) & (alpha < 255)
        beside[1:] |= partial[:-1]
        beside[:-1] |= partial[1:]
        inside.append(brightness[full & beside].mean())
    assert np.mean(edge) > 0.75 * np.mean(inside)


def test_pixels_are_the_same_in_another_process() -> None:
    wanted = [(0, 0), (123, 45), (2**31 - 1, 9999)]
    script = (
        "import hashlib, numpy as np\n"
        "np.random.default_rng(5).random(9); np.random.seed(4)\n"
        "from pipeline.data.sprites import CLASS_NAMES, DISTRACTOR_NAMES, draw_object\n"
        f"for seed, index in {wanted}:\n"
        "    for name in reversed(CLASS_NAMES + DISTRACTOR_NAMES):\n"
        "        image = draw_object(seed, index, name)\n"
        "        print(seed, name, image.shape, hashlib.sha256(image.tobytes()).hexdigest())\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    here = []
    for seed, index in wanted:
        for name in NAMES:
            image = draw_object(seed, index, name)
            here.append(f"{seed} {name} {image.shape} {hashlib.sha256(image.tobytes()).hexdigest()}")
    assert sorted(printed.splitlines()) == sorted(here)


@pytest.mark.parametrize("name", NAMES)
def test_every_index_and_every_seed_draws_another_object(name: str) -> None:
    images = [_on_grey(draw_object(5, index, name)) for index in range(6)]
    images += [_on_grey(draw_object(seed, 0, name)) for seed in (6, 2**31 - 1)]
    for i, first in enumerate(images):
        for second in images[:i]:
            seen = (np.abs(first - 128) + np.abs(second - 128)).max(axis=2) > 20
            assert np.abs(first - second).max(axis=2)[seen].mean() > 15


@pytest.mark.parametrize("name", CLASS_NAMES)
def test_outlines_vary_within_a_class(name: str) -> None:
    """Not one stencil in many colours: silhouettes overlap only partly."""
    outlines = [_on_grey(draw_object(2, index, name))[..., 0] != 128 for index in range(10)]
    overlaps = [
        np.count_nonzero(first & second) / np.count_nonzero(first | second)
        for i, first in enumerate(outlines)
        for second in outlines[:i]
    ]
    assert np.median(overlaps) < 0.9


def test_colour_alone_does_not_tell_the_classes_apart() -> None:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    histograms, labels = [], []
    for label, name in enumerate(CLASS_NAMES):
        for index in range(45):
            rgba = draw_object(11, index, name)
            colours = rgba[rgba[..., 3] > 200, :3] // 64
            cells = colours.astype(int) @ np.array([16, 4, 1])
            histograms.append(np.bincount(cells, minlength=64) / len(cells))
            labels.append(label)
    train = np.arange(len(labels)) % 45 < 30
    features, answers = np.array(histograms), np.array(labels)
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=10)).fit(features[train], answers[train])
    assert model.score(features[~train], answers[~train]) < 0.5


@pytest.mark.parametrize("name", ["", "Gun", "gun ", "rifle", "../gun"])
def test_unknown_name_is_a_clear_error(name: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        draw_object(0, 0, name)
    assert caught.value.value == name
    assert "gun" in str(caught.value.allowed)
    assert "umbrella" in str(caught.value.allowed)
