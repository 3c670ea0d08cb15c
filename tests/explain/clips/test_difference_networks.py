"""Maps of networks that see what changes from frame to frame: hiding must not move what stands still."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.clip_networks import build_clip_network
from pipeline.data.frames import normalise
from pipeline.explain.answers import BatchScores
from pipeline.explain.clips.clip import ExplainedClip
from pipeline.explain.clips.masks import make_clip_masks, masks_of_clips
from pipeline.explain.clips.run import explain_clips, hiding_for
from pipeline.explain.explanation import ExplainedVariant
from pipeline.explain.faithfulness import faithfulness
from pipeline.explain.hiding import CHANGE, COLOUR, Hiding
from pipeline.explain.localisation import energy_in_mask, pointing_game
from pipeline.explain.methods.explain import Asking, black_box_methods, explain_black_box
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.methods.score_cam import probabilities_of, score_cam
from pipeline.explain.metrics.correlation import faithfulness_correlation
from pipeline.explain.settings import ExplainSettings
from tests.explain.clips.planted_clips import export
from tests.explain.clips.planted_motion import FRAMES, SIZE, MovesHere, clip_with_two_movers

FRAMES_THWC, HERE, ELSEWHERE = clip_with_two_movers()
CLIP = normalise(FRAMES_THWC)[None]
FROZEN = np.repeat(CLIP[:, 3:4], FRAMES, axis=1)
NETWORK = MovesHere().eval()
ANSWERS = probabilities_of(NETWORK)
RANDOM = np.random.default_rng(0).random(HERE.shape, dtype=np.float32)
STOCK = MaskStock(masks_of_clips(CHANGE, 128, FRAMES, SIZE, seed=0))
ASKING = Asking(MaskStock(make_clip_masks(16, FRAMES, SIZE, seed=0)), seed=0, window=1 / 2, samples=24, segments=16)


def _decisions(ask: Callable[[BatchScores], object]) -> list[int]:
    seen: list[int] = []

    def answers(frames: np.ndarray) -> np.ndarray:
        found = ANSWERS(frames)
        seen.extend(found.argmax(axis=1).tolist())
        return found

    ask(answers)
    return seen


_ASKING: dict[str, Callable[[BatchScores, Hiding], object]] = {
    name: lambda answers, hiding, name=name: explain_black_box(name, answers, FROZEN, 0, ASKING, hiding)
    for name in black_box_methods()
} | {
    "correlation": lambda answers, hiding: faithfulness_correlation(answers, FROZEN, 0, RANDOM, 0, 8, hiding=hiding),
    "faithfulness": lambda answers, hiding: faithfulness(answers, FROZEN, 0, RANDOM, 8, hiding),
    "score_cam": lambda answers, hiding: score_cam(NETWORK, FROZEN, [0], "layer", answers, hiding=hiding),
}


@pytest.mark.parametrize("name", list(_ASKING))
def test_a_frozen_clip_keeps_its_decision_whatever_is_hidden(name: str) -> None:
    assert set(_decisions(lambda answers: _ASKING[name](answers, CHANGE))) == {0}


@pytest.mark.parametrize("name", ["rise", "occlusion", "faithfulness"])
def test_hidden_colour_would_move_in_a_frozen_clip(name: str) -> None:
    assert 1 in _decisions(lambda answers: _ASKING[name](answers, COLOUR))


def test_the_map_peaks_where_the_motion_that_decides_is() -> None:
    assert ANSWERS(CLIP)[0].argmax() == 1
    found = rise_maps(ANSWERS, CLIP, [1], STOCK, CHANGE)[0]
    path, other_path = HERE.any(axis=0), ELSEWHERE.any(axis=0)
    assert found[1:] == pytest.approx(found[:-1], abs=1e-5)  # the masks last as long as the clip
    assert pointing_game(found[0], path)
    # The other square moves as much and decides nothing.
    assert found[0][path].mean() > found[0][other_path].mean() + 0.1
    assert energy_in_mask(found[0], path) > 1.3 * path.mean() > 1.3 * energy_in_mask(found[0], other_path)


def test_score_cam_hides_change() -> None:
    seen: list[np.ndarray] = []

    def answers(frames: np.ndarray) -> np.ndarray:
        seen.append(frames)
        return ANSWERS(frames)

    score_cam(NETWORK, CLIP, [1], layer="layer", answers=answers, hiding=CHANGE)
    stands = ~(HERE | ELSEWHERE).any(axis=0)
    asked = np.concatenate(seen)
    assert len(asked) == 3  # a channel each
    assert np.ptp(asked, axis=1)[..., stands].max() < 1e-5


def test_the_true_map_beats_a_random_one_that_scores_nothing() -> None:
    maps = [HERE.astype(np.float32), RANDOM, -1.0 * HERE]
    true, random, reversed_ = (faithfulness(ANSWERS, CLIP, 1, one, 16, CHANGE).score for one in maps)
    assert true > 0.3
    assert abs(random) < 0.1
    assert reversed_ < -0.3


@pytest.mark.parametrize(("modality", "hiding"), [("difference", CHANGE), ("rgb", COLOUR)])
def test_what_is_hidden_follows_from_what_the_network_sees(modality: Any, hiding: Hiding) -> None:
    assert hiding_for(build_clip_network("tsm_resnet8", 3, 8, 32, modality=modality)) is hiding


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("moves")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(MovesHere(), folder / "moves.onnx", FRAMES, SIZE)
    frozen = np.repeat(FRAMES_THWC[3:4], FRAMES, axis=0)
    clips = [
        ExplainedClip(name, frames, label, tuple(range(FRAMES)))
        for name, frames, label in (("moves", FRAMES_THWC, 1), ("frozen", frozen, 0))
    ]
    variants = [ExplainedVariant("baseline", folder / "moves.onnx", Path("models/moves"))]
    settings = ExplainSettings("movement", 128, 8, 3, ("score_cam",))
    return explain_clips(variants, clips, ["stand", "walk"], lambda _: MovesHere().eval(), folder, settings)


def test_the_report_says_what_was_hidden(report: Any) -> None:
    assert report["hidden"]["what"] == "change"
    assert "frame before" in report["hidden"]["means"]


def test_the_report_of_a_network_of_differences(report: Any) -> None:
    baseline = report["variants"]["baseline"]
    moves, frozen = baseline["frames"]
    assert (moves["explained_class"], frozen["explained_class"]) == ("walk", "stand")
    # Half of what moves is the other square, which does not decide.
    assert moves["energy_in_motion"] > baseline["motion_area"]
    assert moves["insertion_auc"] - moves["deletion_auc"] > 0.2
    assert (baseline["n"], baseline["n_constant"], baseline["sparseness_n"]) == (2, 1, 1)  # the frozen clip's is flat
    assert baseline["faithfulness_correlation_n"] == 1
