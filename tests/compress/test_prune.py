from __future__ import annotations

import pytest
import torch

from pipeline.compress.prune import RATIO_TOLERANCE, prune_to_ratio
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network, count_parameters
from tests.compress.sections import planned


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", **changes).options
    return made


@pytest.mark.parametrize(
    ("architecture", "ratio", "changes"),
    [
        ("resnet18", 0.3, {}),
        ("resnet18", 0.8, {}),
        ("resnet18", 0.5, {"scope": "global"}),
        ("resnet18", 0.5, {"criterion": "l1"}),
        ("resnet18", 0.5, {"criterion": "random"}),
        ("mobilenet_v2", 0.5, {}),
        ("mobilenet_v3_small", 0.5, {}),
        pytest.param("resnet50", 0.7, {}, marks=pytest.mark.slow),
        pytest.param("vgg16", 0.8, {}, marks=pytest.mark.slow),
    ],
)
def test_the_wished_fraction_of_parameters_leaves(architecture: str, ratio: float, changes: dict[str, object]) -> None:
    torch.manual_seed(0)
    network = build_network(architecture, 3).eval()
    before = count_parameters(network)
    pruned, report = prune_to_ratio(network, 64, ratio, options(**changes))
    removed = 1 - count_parameters(pruned) / before
    assert removed == pytest.approx(ratio, abs=RATIO_TOLERANCE)
    assert report["ratio_reached"] == pytest.approx(removed)
    assert count_parameters(network) == before, "the network itself must stay as it was"
    assert pruned(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_widths_are_multiples_of_round_to() -> None:
    torch.manual_seed(0)
    pruned, report = prune_to_ratio(build_network("resnet18", 3).eval(), 64, 0.6, options(round_to=8))
    widths = [module.out_channels for module in pruned.modules() if isinstance(module, torch.nn.Conv2d)]
    assert report["round_to_used"] == 8
    assert all(width % 8 == 0 for width in widths)


def test_l2_removes_the_channels_that_do_nothing() -> None:
    """Where half of the channels of each layer are zero, pruning them changes no output."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(32, 3),
    ).eval()
    with torch.no_grad():
        for conv in (network[0], network[2]):
            conv.weight[::2], conv.bias[::2] = 0, 0
    frames = torch.randn(2, 3, 16, 16)
    # Half the channels of both layers: 16*3*9+16, 16*16*9+16 and 3*16+3 parameters stay.
    wished = 1 - (448 + 2320 + 51) / (896 + 9248 + 99)
    pruned, _ = prune_to_ratio(network, 16, wished, options())
    assert [m.out_channels for m in pruned.modules() if isinstance(m, torch.nn.Conv2d)] == [16, 16]
    torch.testing.assert_close(pruned(frames), network(frames))


def test_a_ratio_that_cannot_be_reached_says_what_can() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )
    # One channel is the least: 28 + 6 of 224 + 27 parameters stay.
    with pytest.raises(EdgeboardError, match=r"nearest that can be reached is 0\.86") as caught:
        prune_to_ratio(network, 16, 0.99, options())
    assert "compress.ratio" in str(caught.value)
