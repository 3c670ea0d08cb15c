from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule
from torch import nn

from pipeline.explain.methods.explain import explain_white_box, white_box_methods
from pipeline.explain.methods.gradients import (
    deconvolution,
    deeplift,
    gradient_x_input,
    guided_backprop,
    integrated_gradients,
    saliency,
)
from pipeline.explain.methods.propagation import lrp
from tests.explain.methods.planted_networks import (
    SIZE,
    PatchDecides,
    Residual,
    bright_patch,
    in_patch,
    linear_network,
    noise,
    small_network,
)


def _logit(network: nn.Module, frames: np.ndarray, classes: list[int]) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(frames)).numpy()[np.arange(len(frames)), classes]


@pytest.mark.parametrize("explain", [gradient_x_input, integrated_gradients, lrp, deeplift])
def test_of_a_linear_network_a_pixel_gets_what_it_adds(explain) -> None:  # type: ignore[no-untyped-def]
    # LRP wants a convolution: one that copies the frame changes nothing.
    copies = nn.Conv2d(3, 3, 1, bias=False)
    copies.weight.data = torch.eye(3)[..., None, None]
    network, frames = nn.Sequential(copies, *linear_network()).eval(), noise()
    weights = network[2].weight.detach().numpy()[[2, 0]].reshape(2, 3, SIZE, SIZE)
    found = explain(network, frames, [2, 0])
    assert found.shape == (2, SIZE, SIZE)
    assert found == pytest.approx((weights * frames).sum(axis=1), abs=1e-5)


def test_saliency_of_a_linear_network_is_its_largest_weight() -> None:
    network = linear_network()
    weights = network[1].weight.detach().numpy()[1].reshape(3, SIZE, SIZE)
    assert saliency(network, noise(1), [1])[0] == pytest.approx(np.abs(weights).max(axis=0))


@pytest.mark.parametrize("make", [lambda: small_network(), Residual, PatchDecides])
@pytest.mark.parametrize(("explain", "tolerance"), [(integrated_gradients, 0.02), (deeplift, 1e-4)])
def test_completeness(make, explain, tolerance: float) -> None:  # type: ignore[no-untyped-def]
    network, frames, classes = make().eval(), noise(), [1, 0]
    moved = _logit(network, frames, classes) - _logit(network, np.zeros_like(frames), classes)
    found = explain(network, frames, classes).sum(axis=(1, 2))
    assert found == pytest.approx(moved, abs=tolerance * max(1e-3, float(np.abs(moved).max())))


def test_a_training_before_does_not_forbid_deeplift() -> None:
    frames, network = noise(), small_network().eval()
    before = deeplift(network, frames, [1, 0])
    torch.use_deterministic_algorithms(True)  # as Lightning leaves it
    try:
        after = deeplift(network, frames, [1, 0])
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert np.array_equal(before, after)


@pytest.mark.parametrize("make", [lambda: small_network(bias=False), Residual])
def test_relevance_is_conserved(make) -> None:  # type: ignore[no-untyped-def]
    network, frames, classes = make().eval(), noise(), [1, 2]
    found = lrp(network, frames, classes).sum(axis=(1, 2))
    assert found == pytest.approx(_logit(network, frames, classes), rel=1e-3, abs=1e-5)


def test_relevance_is_that_of_captum_where_captum_can() -> None:
    class Flattens(nn.Module):
        """captum's LRP knows no nn.Flatten, and no activation in place."""

        def __init__(self, layers: nn.Module) -> None:
            super().__init__()
            self.features = nn.Sequential(layers[0], nn.ReLU(), layers[2], layers[3], nn.ReLU())
            self.head = layers[6]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.features(x).flatten(1))

    network, frames = small_network(bias=False), noise()
    own = Flattens(copy.deepcopy(network)).eval()
    own.features[3].rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = LRP(own).attribute(torch.tensor(frames, requires_grad=True), target=[1, 2]).detach().sum(1).numpy()
    found = lrp(network, frames, [1, 2])
    assert np.abs(expected).max() > 1e-4
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5 * float(np.abs(expected).max()) + 1e-7)


def test_relevance_passes_hard_swish_gates_and_directions() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Conv2d(3, 6, 3, bias=False), nn.Conv2d(6, 6, 3, bias=False)
            self.swish, self.gate = nn.Hardswish(), nn.Conv2d(6, 6, 1)
            self.head = nn.Linear(6, 3, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.second(self.swish(self.first(x)))
            x = nn.functional.hardsigmoid(self.gate(x.mean((2, 3), keepdim=True))) * x
            return nn.functional.normalize(self.head(x.mean((2, 3))))

    network, frames = Gated().eval(), noise()
    found = lrp(network, frames, [0, 1]).sum(axis=(1, 2))
    assert found == pytest.approx(_logit(network, frames, [0, 1]), rel=1e-3, abs=1e-4)


def test_guided_gradients_differ_from_plain_ones_by_the_sign_at_a_relu() -> None:
    # y = 2 relu(a) - relu(b): the gradient of b is negative, so that neither method lets it back.
    class TwoRoads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            a, b = self.relu(x[:, 0, :, :1].clone()), self.relu(x[:, 0, :, 1:2].clone())
            return (2 * a - b).sum((1, 2))[:, None]

    frames = np.ones((1, 3, 2, 2), dtype=np.float32)
    frames[0, 0, 1] = -1  # below 0: a ReLU lets nothing through, a deconvolution does not ask
    plain, guided, back = (one(TwoRoads().eval(), frames, [0])[0] for one in (saliency, guided_backprop, deconvolution))
    assert plain.tolist() == [[2, 1], [0, 0]]
    assert guided.tolist() == [[2, 0], [0, 0]]
    assert back.tolist() == [[2, 0], [2, 0]]


@pytest.mark.parametrize("name", [name for name in white_box_methods() if name != "cameras"])
def test_the_patch_that_decides_stands_out(name: str) -> None:
    found = explain_white_box(name, PatchDecides().eval(), bright_patch(), [1])[0]
    # A CAM sees channels, and the channel is bright everywhere: only gradients know of the mask.
    inside, outside = np.abs(found[in_patch()]).mean(), np.abs(found[~in_patch()]).mean()
    if name in ("grad_cam", "grad_cam_plus_plus", "score_cam"):
        assert inside == pytest.approx(outside, rel=1e-3)
    else:
        assert inside > 0
        assert outside == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", white_box_methods())
def test_the_network_is_left_as_it_was(name: str) -> None:
    network, frames = Residual().eval(), noise(1)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    explain_white_box(name, network, frames, [1])
    assert network.relu.inplace
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not any(parameter.grad is not None for parameter in network.parameters())
    assert np.array_equal(frames, noise(1))
