"""A whole mixed image: its boxes are counted anew in its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.data.annotations import Box
from tests.data.mixing.cases import COLOURS_BGR, GREEN, box_of, pixels_of, plain_mixer, plain_pool

ALL = list(COLOURS_BGR)
NUMBERS = range(60)


def _counted(image_bgr: np.ndarray, name: str) -> Box:
    return Box(*box_of(pixels_of(image_bgr, COLOURS_BGR[name])), name)


def _near(one: Box, other: Box, pixels: int = 1) -> bool:
    return one.name == other.name and np.abs(np.subtract(one[:4], other[:4])).max() <= pixels


@pytest.mark.parametrize(
    "changes",
    [{}, {"rotation": 180}, {"truncated": 1}, {"flip": 1}, {"scale": {"min": 0.1, "max": 0.9}}],
    ids=["plain", "turned", "cut off", "mirrored", "all sizes"],
)
def test_boxes_are_tight_around_what_is_seen(changes: dict[str, object]) -> None:
    mixer = plain_mixer(plain_pool(ALL), **changes)
    for number in NUMBERS:
        mixed = mixer.mix(number)
        (box,) = mixed.boxes
        assert _near(box, _counted(mixed.image_bgr, box.name)), number
        assert 0 <= box.xmin < box.xmax <= 160
        assert 0 <= box.ymin < box.ymax <= 120


def test_boxes_of_partly_hidden_objects_are_tight() -> None:
    changes = {"objects": {"min": 2, "max": 4}, "max_overlap": 0.8, "visible_fraction": 0.2}
    mixer = plain_mixer(plain_pool(ALL), scale={"min": 0.3, "max": 0.6}, **changes)
    hidden, tight = 0, []
    for number in range(400):
        mixed = mixer.mix(number)
        for box in mixed.boxes:
            if [other.name for other in mixed.boxes].count(box.name) == 1:
                counted = _counted(mixed.image_bgr, box.name)
                tight.append(_near(box, counted))
                outside = np.subtract(box[:4], counted[:4]) * (1, 1, -1, -1)
                assert outside.max() <= 1, number
                side = sorted((box.xmax - box.xmin, box.ymax - box.ymin))
                hidden += side[1] < 1.4 * side[0] or side[1] > 1.6 * side[0]
    # A strip one pixel wide may be left of an object, half of which is the colour behind it.
    assert np.mean(tight) > 0.97
    assert hidden > 10, "some boxes have lost the 3 : 2 of the whole object, or nothing was tested"


@pytest.mark.parametrize("visible_fraction", [0.3, 0.8])
def test_visible_fraction_is_kept(visible_fraction: float) -> None:
    pool = plain_pool(["red"], distractors=3)
    options = {"visible_fraction": visible_fraction, "truncated": 1, "occluded": 1, "scale": {"min": 0.5, "max": 0.5}}
    mixer = plain_mixer(pool, distractors={"min": 2, "max": 2}, max_overlap=1.0, **options)
    left = []
    for number in NUMBERS:
        mixed = mixer.mix(number)
        if mixed.boxes:
            left.append(np.count_nonzero(pixels_of(mixed.image_bgr, COLOURS_BGR["red"])) / (60 * 40))
    assert len(left) > 50
    assert min(left) >= visible_fraction - 0.05  # the rim of each counts half
    assert np.mean(np.array(left) < 0.97) > 0.5, "most are hidden or cut off in part"


def test_no_overlap_means_that_every_object_is_whole() -> None:
    mixer = plain_mixer(plain_pool(ALL), objects={"min": 3, "max": 3}, max_overlap=0)
    for number in NUMBERS:
        mixed = mixer.mix(number)
        assert all(abs((box.xmax - box.xmin) - 36) <= 1 and abs((box.ymax - box.ymin) - 24) <= 1 for box in mixed.boxes)


@pytest.mark.parametrize(("low", "high"), [(1, 1), (2, 4), (0, 2)])
def test_number_of_objects_is_as_asked(low: int, high: int) -> None:
    mixer = plain_mixer(plain_pool(ALL), objects={"min": low, "max": high}, scale={"min": 0.1, "max": 0.1})
    assert {len(mixer.mix(number).boxes) for number in range(120)} == set(range(low, high + 1))


def test_every_class_is_taken_alike_often() -> None:
    mixer = plain_mixer(plain_pool(ALL), objects={"min": 2, "max": 2})
    names = [box.name for number in range(300) for box in mixer.mix(number).boxes]
    assert all(150 < names.count(name) < 250 for name in ALL)


@pytest.mark.parametrize(("empty", "low", "high"), [(0, 0, 0), (1, 1, 1), (0.3, 0.2, 0.4)])
def test_share_of_empty_images(empty: float, low: float, high: float) -> None:
    mixer = plain_mixer(plain_pool(["red"]), empty=empty)
    images = [mixer.mix(number) for number in range(200)]
    assert low <= np.mean([not mixed.boxes for mixed in images]) <= high
    for mixed in images:
        if not mixed.boxes:
            assert (mixed.image_bgr == GREEN).all()


def test_distractors_are_seen_but_not_annotated() -> None:
    mixer = plain_mixer(plain_pool(["red"], distractors=2), distractors={"min": 2, "max": 2}, max_overlap=0.0)
    black = [np.count_nonzero(pixels_of(mixer.mix(number).image_bgr, (5, 5, 5))) for number in NUMBERS]
    assert min(black) > 0
    assert all(len(mixer.mix(number).boxes) == 1 for number in NUMBERS)


def test_truncated_objects_reach_the_border() -> None:
    at_border = {}
    for share in (0, 1):
        mixer = plain_mixer(plain_pool(["red"]), truncated=share)
        boxes = [mixer.mix(number).boxes[0] for number in NUMBERS]
        at_border[share] = np.mean([b.xmin == 0 or b.ymin == 0 or b.xmax == 160 or b.ymax == 120 for b in boxes])
    assert at_border[0] < 0.2
    assert at_border[1] > 0.9


def test_scale_is_the_longer_side_over_the_shorter_one_of_the_image() -> None:
    for scale in (0.1, 0.25, 0.9):
        mixer = plain_mixer(plain_pool(["red"]), scale={"min": scale, "max": scale})
        for number in range(10):
            (box,) = mixer.mix(number).boxes
            assert abs((box.xmax - box.xmin) - 120 * scale) <= 1.5


def test_thin_objects_are_not_made_so_small_that_nothing_is_left() -> None:
    pool = plain_pool(["red"], width=190, height=6)
    small = {"scale": {"min": 0.05, "max": 0.9}, "rotation": 180, "seams": {"none": 1, "feather": 1, "poisson": 0}}
    mixer = plain_mixer(pool, **small)
    for number in NUMBERS:
        mixed = mixer.mix(number)
        (box,) = mixed.boxes
        assert max(box.xmax - box.xmin, box.ymax - box.ymin) >= 50, (
            "2.5 pixels at 6 of 190 are 79, turned by 45 degrees"
        )
    largest = {"scale": {"min": 0.1, "max": 0.1}}
    (box,) = plain_mixer(pool, **largest).mix(0).boxes
    assert box.xmax - box.xmin <= 13, "no object is made larger than the largest scale"


def test_small_scales_are_as_frequent_as_large_ones_in_proportion() -> None:
    mixer = plain_mixer(plain_pool(["red"]), scale={"min": 0.1, "max": 0.9})
    widths = [box.xmax - box.xmin for number in range(300) for box in mixer.mix(number).boxes]
    assert 0.4 < np.mean(np.array(widths) < 120 * 0.3) < 0.6, "0.3 is the geometric mean of 0.1 and 0.9"


# option, and what it does to the red object or to the image: some images must differ from the plain one
AMOUNTS = {
    "brightness": 0.5, "contrast": 0.5, "hue": 90, "saturation": 0.9, "match_light": 1.0, "occluded": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(("option", "amount"), AMOUNTS.items())
def test_every_amount_changes_the_object_and_zero_does_not(option: str, amount: float) -> None:
    def colours(value: float) -> np.ndarray:
        mixer = plain_mixer(plain_pool(["red"]), **{option: value})
        mixed = [mixer.mix(number) for number in NUMBERS]
        return np.array([m.image_bgr[b.ymin : b.ymax, b.xmin : b.xmax].mean((0, 1)) for m in mixed for b in m.boxes])

    still, changed = colours(0), colours(amount)
    assert np.ptp(still, axis=0).max() <= 8, "only the rim differs"
    assert np.ptp(changed, axis=0).max() > 15


@pytest.mark.parametrize(("share", "sigma"), [("noisy", "noise"), ("blurred", "blur")])
def test_blur_and_noise_come_to_their_share_of_the_images(share: str, sigma: str) -> None:
    pool = plain_pool(["red"])
    plain = plain_mixer(pool)
    amounts = {sigma: 10 if sigma == "noise" else 3}
    changed = []
    for value in (0, 0.5, 1):
        mixer = plain_mixer(pool, **{share: value}, **amounts)
        changed.append(np.mean([(mixer.mix(n).image_bgr != plain.mix(n).image_bgr).any() for n in NUMBERS]))
    assert changed[0] == 0
    assert 0.3 < changed[1] < 0.7
    assert changed[2] > 0.9
    noisy_edges = plain_mixer(pool, **{share: 1}, **{sigma: 0})
    assert all((noisy_edges.mix(n).image_bgr == plain.mix(n).image_bgr).all() for n in range(10))


def test_noise_has_the_strength_that_was_asked_for() -> None:
    mixer = plain_mixer(plain_pool(["red"]), noisy=1, noise=12, empty=1)
    spread = [float(mixer.mix(number).image_bgr[..., 1].std()) for number in NUMBERS]
    assert 10.5 < max(spread) < 13.5
    assert min(spread) < 4
    means = [mixer.mix(number).image_bgr[..., 1].mean() for number in NUMBERS]
    assert abs(np.mean(means) - GREEN[1]) < 0.5


@pytest.mark.parametrize("seam", ["none", "feather", "poisson"])
def test_seams_differ_and_keep_the_box(seam: str) -> None:
    weights = {"none": 0, "feather": 0, "poisson": 0, seam: 1}
    mixer, plain = plain_mixer(plain_pool(["red"]), seams=weights), plain_mixer(plain_pool(["red"]))
    for number in range(20):
        mixed, other = mixer.mix(number), plain.mix(number)
        assert (mixed.image_bgr == other.image_bgr).all() == (seam == "none")
        (soft,), (hard,) = mixed.boxes, other.boxes
        # A soft edge needs more room, and so may lie elsewhere; the object is as large.
        assert abs((soft.xmax - soft.xmin) - (hard.xmax - hard.xmin)) <= 1
        assert abs((soft.ymax - soft.ymin) - (hard.ymax - hard.ymin)) <= 1


def test_seams_are_mixed_by_their_weights() -> None:
    pool = plain_pool(["red"])
    changes = {"seams": {"none": 1, "feather": 3, "poisson": 0}}
    mixer, plain = plain_mixer(pool, **changes), plain_mixer(pool)
    soft = np.mean([(mixer.mix(n).image_bgr != plain.mix(n).image_bgr).any() for n in range(200)])
    assert 0.65 < soft < 0.85


def test_an_image_depends_on_seed_split_and_number_alone() -> None:
    pool = plain_pool(ALL, distractors=2)
    changes = {"objects": {"min": 1, "max": 3}, "rotation": 90, "noisy": 0.5, "occluded": 0.5, "truncated": 0.3}
    forwards, backwards = plain_mixer(pool, **changes), plain_mixer(pool, **changes)
    first = {number: forwards.encoded(number)[0] for number in range(20)}
    again = {number: backwards.encoded(number)[0] for number in reversed(range(20))}
    assert first == again
    assert len(set(first.values())) == 20
    for other in (plain_mixer(pool, seed=8, **changes), plain_mixer(pool, split="val", **changes)):
        assert not {other.encoded(number)[0] for number in range(20)} & set(first.values())


def test_pools_are_not_written_to() -> None:
    """Images are mixed from shared memory: what one changes, the next would see."""
    pool = plain_pool(["red"], distractors=1)
    before = [level.cut.bgra.copy() for level in pool.objects["red"][0].levels]
    mixer = plain_mixer(pool, brightness=0.9, contrast=0.9, hue=90, occluded=1, noisy=1, blurred=1, match_light=1)
    for number in range(30):
        mixer.mix(number)
    assert all((level.cut.bgra == old).all() for level, old in zip(pool.objects["red"][0].levels, before, strict=True))
    assert (pool.backgrounds[0].image_bgr == GREEN).all()
