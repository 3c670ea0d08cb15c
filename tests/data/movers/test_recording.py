from __future__ import annotations

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from pipeline.data.movers import CLASSES, draw_action, draw_with_past


@pytest.mark.parametrize("label", CLASSES)
@pytest.mark.parametrize(("height", "width"), [(120, 160), (97, 61), (48, 200), (1, 1)])
def test_clip_has_the_promised_form(label: str, height: int, width: int) -> None:
    clip = draw_action(1, 2, 0, label, 8.0, 3, height, width)
    assert clip.shape == (3, height, width, 3)
    assert clip.dtype == np.uint8
    if height > 40:
        assert clip.std() > 8, "a picture of nothing"
        assert 20 < clip.mean() < 235, "too dark or too bright to show anything"


@pytest.mark.parametrize("label", CLASSES)
def test_one_frame_is_a_clip(label: str) -> None:
    assert draw_action(1, 0, 0, label, 8.0, 1, 48, 64).shape == (1, 48, 64, 3)


@pytest.mark.parametrize(("label", "fps", "n_frames", "said"), [
    ("jump", 8.0, 4, "no movement is called 'jump'; there are walk"),
    ("", 8.0, 4, "no movement is called ''"),
    ("walk", 0.0, 4, "cannot be drawn"),
    ("walk", float("nan"), 4, "cannot be drawn"),
    ("walk", 8.0, 0, "cannot be drawn"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused(label: str, fps: float, n_frames: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        draw_action(1, 0, 0, label, fps, n_frames, 48, 64)


def test_pixels_are_the_same_in_another_process_and_order() -> None:
    script = (
        "import hashlib, numpy as np\n"
        "np.random.seed(4)\n"
        "from pipeline.data.movers import CLASSES, draw_action\n"
        "for label in reversed(CLASSES):\n"
        "    for actor in (2, 0):\n"
        "        clip = draw_action(9, actor, 1, label, 8.0, 3, 48, 64)\n"
        "        print(label, actor, hashlib.sha256(clip.tobytes()).hexdigest())\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    here = [
        f"{label} {actor} {hashlib.sha256(draw_action(9, actor, 1, label, 8.0, 3, 48, 64).tobytes()).hexdigest()}"
        for label in CLASSES
        for actor in (0, 2)
    ]
    assert sorted(printed.splitlines()) == sorted(here)


@pytest.mark.parametrize("label", CLASSES)
def test_twice_the_rate_shows_the_same_moments(label: str) -> None:
    slow = draw_action(5, 1, 0, label, 8.0, 8, 60, 80)
    fast = draw_action(5, 1, 0, label, 16.0, 16, 60, 80)
    # The sensor's noise is another one.
    soft_slow, soft_fast = (np.stack([cv2.blur(frame, (3, 3)) for frame in clip]) for clip in (slow, fast[::2]))
    same = np.abs(soft_slow.astype(float) - soft_fast).mean()
    moved = np.abs(soft_slow[1:].astype(float) - soft_fast[:-1]).mean()
    assert same < 4
    assert moved > same or label == "stand"


def test_every_seed_actor_index_and_label_is_another_clip() -> None:
    keys = [(1, 0, 0, "walk"), (2, 0, 0, "walk"), (1, 1, 0, "walk"), (1, 0, 1, "walk"), (1, 0, 0, "run")]
    clips = [draw_action(*key, 8.0, 2, 48, 64).astype(float) for key in keys]
    for i, first in enumerate(clips):
        for second in clips[:i]:
            assert np.abs(first - second).mean() > 8


@pytest.mark.parametrize("label", CLASSES)
def test_what_was_before_leads_to_the_clip_and_leaves_it_as_it_is(label: str) -> None:
    clip = draw_action(5, 1, 0, label, 8.0, 4, 60, 80)
    before, same = draw_with_past(5, 1, 0, label, 8.0, 4, 60, 80, 6)
    assert np.array_equal(clip, same)
    assert 1 <= len(before) <= 6
    fewer = draw_with_past(5, 1, 0, label, 8.0, 4, 60, 80, 1)[0]
    assert np.abs(fewer[-1].astype(float) - before[-1]).mean() < 0.1, "the same moment"
    soft = np.stack([cv2.blur(frame, (5, 5)) for frame in np.concatenate([before, clip])]).astype(float)
    steps = np.abs(np.diff(soft, axis=0)).mean((1, 2, 3))
    assert steps[len(before) - 1] < 3 * max(np.median(steps), 0.5), "the picture jumps as the clip begins"


def test_nobody_comes_out_of_a_wall() -> None:
    """Somebody who runs is long outside of a room when asked for minutes before."""
    lengths = [len(draw_with_past(1, actor, 0, "run", 1.0, 2, 24, 32, 30)[0]) for actor in range(6)]
    assert max(lengths) < 30


@pytest.mark.slow
@pytest.mark.parametrize("label", CLASSES)
def test_many_clips_show_something_that_moves(label: str) -> None:
    for actor in range(8):
        clip = draw_action(7, actor, actor, label, 4.0, 8, 60, 80)
        assert clip.std() > 6
        assert 15 < clip.mean() < 240
        assert not np.array_equal(clip[0], clip[-1])
