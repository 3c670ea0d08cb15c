from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAMPlusPlus, LayerCAM, ScoreCAM
from torch import nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.cams import cameras, grad_cam, grad_cam_plus_plus, layer_cam
from pipeline.explain.methods.explain import explain_white_box
from pipeline.explain.methods.layers import cam_layer
from pipeline.explain.methods.score_cam import probabilities_of, score_cam
from pipeline.explain.methods.unfolded import out_of_place
from tests.explain.methods.planted_networks import SIZE, Clips, Residual, linear_network, noise, small_network


class RedDecides(nn.Module):
    """Class 1 is the mean of what is red; the frame is halved, then pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(3)
        with torch.no_grad():
            self.features[1].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        planes = self.pool(self.features(x)).mean((2, 3))
        return 20 * torch.stack([planes[:, 1], planes[:, 0]], dim=1)


def _red_patch() -> tuple[np.ndarray, np.ndarray]:
    frame = np.zeros((1, 3, SIZE, SIZE), dtype=np.float32)
    frame[0, 0, 4:12, 14:22] = 1
    return frame, frame[0, 0] > 0


@pytest.mark.parametrize("explain", [grad_cam, grad_cam_plus_plus, layer_cam, score_cam, cameras])
def test_the_map_lies_on_what_decides(explain) -> None:  # type: ignore[no-untyped-def]
    frame, patch = _red_patch()
    found = explain(RedDecides().eval(), frame, [1])[0]
    assert found.shape == (SIZE, SIZE)
    assert found.min() >= 0
    far = ~cv2.dilate(patch.astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert found[patch].mean() > 0
    assert found[far].max() < 0.02 * found.max()


@pytest.mark.parametrize("explain", [grad_cam, grad_cam_plus_plus, layer_cam, cameras])
def test_nothing_that_speaks_for_a_class_is_a_map_of_zeros(explain) -> None:  # type: ignore[no-untyped-def]
    frame, _ = _red_patch()
    assert not explain(RedDecides().eval(), frame, [0]).any()


def _scaled(cam: np.ndarray) -> np.ndarray:
    """As grad-cam scales and resizes, from low resolution."""
    cam = cam - cam.min()
    return cv2.resize(cam / (1e-7 + cam.max()), (SIZE, SIZE))


@pytest.mark.parametrize(
    ("explain", "library"), [(grad_cam_plus_plus, GradCAMPlusPlus), (layer_cam, LayerCAM), (score_cam, ScoreCAM)]
)
@pytest.mark.parametrize("layer", ["4", "1"])
def test_maps_are_those_of_the_library(explain, library, layer: str) -> None:  # type: ignore[no-untyped-def]
    network, frames = small_network(), noise(1)
    own = out_of_place(network)
    target = lambda logits: logits.log_softmax(-1)[1] if library is ScoreCAM else logits[1]  # noqa: E731
    with library(own, [own.get_submodule(layer)]) as cam:
        expected = cam(torch.from_numpy(frames), [target])[0]
    found = explain(network, frames, [1], layer=layer)[0]
    assert np.ptp(found) > 0
    assert np.corrcoef(_scaled(found).ravel(), expected.ravel())[0, 1] > 0.995


def test_score_cam_asks_other_answers_and_no_silent_channel_twice() -> None:
    network, frame = RedDecides().eval(), _red_patch()[0]
    asked: list[int] = []

    def answers(frames: np.ndarray) -> np.ndarray:
        asked.append(len(frames))
        return probabilities_of(network)(frames)

    found = score_cam(network, frame, [1], answers=answers)
    assert asked == [1, 1]  # green is silent: the empty frame; red: the patch
    assert found == pytest.approx(score_cam(network, frame, [1]))


def test_the_layer_is_what_is_pooled_at_the_end() -> None:
    frames = torch.zeros(1, 3, SIZE, SIZE)
    network = RedDecides().eval()
    assert cam_layer(network, frames) is network.features
    small = small_network()
    assert cam_layer(small, frames) is small[4]


@pytest.mark.parametrize(
    ("layer", "hint"), [("featurs.0", "features.0"), ("zzz", "one of its last layers"), ("pool", "features")]
)
def test_a_layer_that_is_not_there_or_has_no_places(layer: str, hint: str) -> None:
    with pytest.raises(EdgeboardError) as raised:
        layer_cam(RedDecides().eval(), _red_patch()[0], [1], layer=layer)
    assert hint in str(raised.value)


@pytest.mark.parametrize("name", ["grad_cam", "grad_cam_plus_plus", "score_cam", "layer_cam", "cameras"])
def test_a_network_without_convolution_is_refused(name: str) -> None:
    with pytest.raises(EdgeboardError, match="convolution"):
        explain_white_box(name, linear_network(), noise(1), [0])


def test_cameras_needs_a_network_that_takes_several_sizes() -> None:
    with pytest.raises(EdgeboardError, match="several sizes"):
        cameras(small_network(), noise(1), [0])


@pytest.mark.parametrize("name", ["grad_cam", "grad_cam_plus_plus", "score_cam", "layer_cam"])
def test_clips_have_a_map_for_each_frame(name: str) -> None:
    clips = noise(2 * 4, size=SIZE).reshape(2, 4, 3, SIZE, SIZE)
    found = explain_white_box(name, Clips().eval(), clips, [0, 2])
    assert found.shape == (2, 4, SIZE, SIZE)
    assert not np.allclose(found[:, 0], found[:, 1])
    alone = explain_white_box(name, Clips().eval(), clips[1:], [2])
    assert found[1:] == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("explain", [grad_cam_plus_plus, layer_cam, score_cam, cameras])
def test_several_frames_are_explained_each_for_itself(explain) -> None:  # type: ignore[no-untyped-def]
    network, frames = Residual().eval(), noise(3)
    together = explain(network, frames, [0, 1, 2])
    apart = [explain(network, frames[i : i + 1], [i])[0] for i in range(3)]
    assert together == pytest.approx(np.stack(apart), abs=1e-5)
