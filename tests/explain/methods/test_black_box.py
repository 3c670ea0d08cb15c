from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import probabilities
from pipeline.explain.batched_file import BatchedFile
from pipeline.explain.methods.explain import Asking, black_box_methods, explain_black_box, hidden_patches
from pipeline.explain.methods.occlusion import occlusion
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.methods.score_cam import probabilities_of
from pipeline.explain.rise import make_masks
from pipeline.explain.surrogate.linear import lime
from pipeline.explain.surrogate.samples import HiddenPatches, ask_with_hidden_patches
from pipeline.explain.surrogate.superpixels import superpixels
from pipeline.explain.surrogate.tree import decision_tree
from tests.explain.methods.planted_networks import SIZE, PatchDecides, bright_patch, in_patch, noise, small_network

ASKING = Asking(MaskStock(make_masks(200, SIZE, seed=0)), seed=0, window=1 / 3, samples=200, segments=36)
DECIDES = probabilities_of(PatchDecides().eval())


def _quarters() -> np.ndarray:
    """16 patches; the planted one lies in four of them."""
    cells = np.arange(SIZE) * 4 // SIZE
    return cells[:, None] * 4 + cells


@pytest.mark.parametrize("name", black_box_methods())
def test_the_patch_that_decides_stands_out(name: str) -> None:
    found = explain_black_box(name, DECIDES, bright_patch(), 1, ASKING).importance
    assert found.shape == (SIZE, SIZE)
    assert found.dtype == np.float32
    assert found[in_patch()].mean() > found[~in_patch()].mean() + 0.25 * np.ptp(found)


@pytest.mark.parametrize("name", black_box_methods())
@pytest.mark.parametrize("value", [0.0, 0.5])
@pytest.mark.parametrize("index", [0, 1, 2])  # 2 is never decided
def test_constant_frames_and_classes_that_are_never_decided(name: str, value: float, index: int) -> None:
    frame = np.full((1, 3, SIZE, SIZE), value, dtype=np.float32)
    found = explain_black_box(name, DECIDES, frame, index, ASKING)
    assert np.isfinite(found.importance).all()
    # Hidden is 0: of the frame that is 0 already, nothing can be taken.
    if not frame.any():
        assert np.ptp(found.importance) == pytest.approx(0, abs=1e-7)
    assert all(value is None or np.isfinite(value) for value in found.fidelity.values())


@pytest.mark.parametrize(("name", "index"), [("rise", 3), ("occlusion", -1), ("lime", 9)])
def test_a_class_that_is_not_there(name: str, index: int) -> None:
    with pytest.raises(EdgeboardError, match="no such class") as raised:
        explain_black_box(name, DECIDES, bright_patch(), index, ASKING)
    assert "0..2" in str(raised.value)


@pytest.mark.parametrize("name", black_box_methods())
def test_answers_of_nan_are_refused(name: str) -> None:
    broken = probabilities(lambda frames: np.full((len(frames), 3), np.nan, dtype=np.float32), where="model.onnx")
    with pytest.raises(EdgeboardError, match="NaN or infinity"):
        explain_black_box(name, broken, bright_patch(), 1, ASKING)


def test_occlusion_of_a_sum_is_what_each_square_holds() -> None:
    frame = np.abs(noise(1, size=8))
    found = occlusion(lambda frames: frames.sum(axis=(1, 2, 3))[:, None].astype(np.float64), frame, 0, window=1 / 8)
    assert found == pytest.approx(frame[0].sum(axis=0), rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("window", [0.0, -1.0, 1.5])
def test_a_window_that_is_no_part_of_the_frame(window: float) -> None:
    with pytest.raises(EdgeboardError, match="part of the frame"):
        occlusion(DECIDES, bright_patch(), 0, window=window)


@pytest.mark.parametrize("constant", [0.0, 0.018, 1 / 3, 1.0])
def test_a_constant_answer_leaves_no_pattern(constant: float) -> None:
    stock = MaskStock(make_masks(40, SIZE, seed=3))
    found = rise_maps(lambda frames: np.full((len(frames), 1), constant), noise(1), [0], stock)
    assert found == pytest.approx(np.full_like(found, constant))
    assert np.ptp(found) == 0


def test_masks_are_made_once_for_all_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    stock, made = MaskStock(make_masks(40, SIZE, seed=3), batch=16), []
    monkeypatch.setattr(type(stock.masks), "mask", lambda *_: made.append(1))
    for _ in range(3):
        assert [len(full) for _, full in stock.batches()] == [16, 16, 8]
    assert made == []


def test_clips_are_hidden_in_all_frames_alike() -> None:
    clip = np.ones((1, 4, 3, SIZE, SIZE), dtype=np.float32)
    decides = lambda clips: DECIDES(clips[:, 2])  # noqa: E731 - one frame of four decides
    rise = explain_black_box("rise", decides, clip, 1, ASKING).importance
    assert rise.shape == (SIZE, SIZE)
    occluded = explain_black_box("occlusion", decides, clip, 1, ASKING).importance
    assert occluded.shape == (4, SIZE, SIZE)
    assert [bool(one.any()) for one in occluded] == [False, False, True, False]
    for name in ("lime", "decision_tree"):
        assert explain_black_box(name, decides, clip, 1, ASKING).importance.shape == (4, SIZE, SIZE)


def test_lime_finds_the_weights_of_a_linear_answer() -> None:
    weights = np.linspace(-1, 1, 16)

    def linear(frames: np.ndarray) -> np.ndarray:
        kept = frames[:, 0, 3::6, 3::6].reshape(len(frames), 16)
        return (kept @ weights)[:, None].astype(np.float64)

    found = lime(ask_with_hidden_patches(linear, bright_patch(), _quarters(), seed=0, count=400), 0)
    assert found.importance[3::6, 3::6].ravel() == pytest.approx(weights, abs=0.05)  # ridge shrinks a little
    assert found.fidelity["r2"] > 0.99  # type: ignore[operator]


def test_the_tree_finds_the_patches_that_decide() -> None:
    def both(frames: np.ndarray) -> np.ndarray:  # patches 5 and 6 together, 9 against
        kept = frames[:, 0, 3::6, 3::6].reshape(len(frames), 16)
        score = 0.1 + 0.8 * kept[:, 5] * kept[:, 6] * (1 - 0.5 * kept[:, 9])
        return np.stack([score, 1 - score], axis=1).astype(np.float64)

    samples = ask_with_hidden_patches(both, bright_patch(), _quarters(), seed=0, count=400)
    found = decision_tree(samples, 0)
    shares = found.importance[3::6, 3::6].ravel()
    assert set(np.argsort(-np.abs(shares))[:3]) == {5, 6, 9}
    assert (shares[5] > 0.2, shares[6] > 0.2, shares[9] < 0) == (True, True, True)
    assert np.abs(shares).sum() == pytest.approx(1)
    assert found.fidelity["r2"] == pytest.approx(1, abs=1e-6)
    assert (found.fidelity["accuracy"], found.fidelity["majority"]) == (1, pytest.approx(0.75, abs=0.08))
    # A line cannot tell that only both together count.
    assert lime(samples, 0).fidelity["r2"] < 0.9  # type: ignore[operator]


def test_a_surrogate_of_noise_owns_up() -> None:
    rng = np.random.default_rng(0)
    kept = (rng.random((200, 10)) < 0.5).astype(float)
    samples = HiddenPatches(kept, rng.random((200, 2)), np.arange(10)[:, None])
    for surrogate in (lime, decision_tree):
        assert surrogate(samples, 0).fidelity["r2"] < 0.2  # type: ignore[operator]


def test_the_same_seed_hides_the_same_patches() -> None:
    first, again = (hidden_patches(DECIDES, noise(1), ASKING) for _ in range(2))
    assert np.array_equal(first.kept, again.kept)
    assert np.array_equal(first.scores, again.scores)
    assert first.kept[0].all()


@pytest.mark.parametrize("count", [4, 12, 40])
def test_superpixels_cover_the_frame(count: int) -> None:
    for frame in (noise(1), bright_patch(), np.zeros((1, 2, 3, SIZE, SIZE), dtype=np.float32)):
        labels = superpixels(frame, count)
        assert labels.shape == (*frame.shape[1:-3], SIZE, SIZE)
        assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))
        assert labels.max() >= 3


@pytest.mark.parametrize(("samples", "segments"), [(4, 36), (100, 2)])
def test_too_little_to_learn_from(samples: int, segments: int) -> None:
    with pytest.raises(EdgeboardError, match="A surrogate needs some"):
        hidden_patches(DECIDES, bright_patch(), Asking(ASKING.stock, 0, samples=samples, segments=segments))


class FixedBatch(nn.Module):
    """Its batch of one is a number in the exported graph."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(1, 3, -1).mean(2)


def _exported(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (torch.zeros(1, 3, SIZE, SIZE),), str(path), dynamo=False, opset_version=13)
    return path


@pytest.mark.parametrize(("network", "batches"), [(small_network(), True), (FixedBatch(), False)])
def test_a_file_for_one_frame_answers_batches(network: nn.Module, batches: bool, tmp_path: Path) -> None:
    path = _exported(network, tmp_path / "model.onnx")
    file, frames = BatchedFile(path, workers=2, chunk=4), noise(11)
    assert file.batches is batches
    found = file.run(frames)
    with torch.no_grad():
        expected = np.concatenate([network(torch.from_numpy(frame[None])).numpy() for frame in frames])
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found, BatchedFile(path, workers=1, chunk=4).run(frames))  # whatever the number of cores


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EdgeboardError, match="cannot open"):
        BatchedFile(tmp_path / "model.onnx")
