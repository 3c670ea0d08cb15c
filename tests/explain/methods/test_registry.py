from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from pipeline.embedders import Embedder
from pipeline.errors import EdgeboardError
from pipeline.explain.faces.embedding_scores import CosineClassifier
from pipeline.explain.methods.architecture import fits, table_of_fits
from pipeline.explain.methods.explain import (
    Asking,
    black_box_methods,
    explain_black_box,
    explain_white_box,
    white_box_methods,
)
from pipeline.explain.methods.registry import FAMILIES, METHODS, method
from pipeline.explain.methods.rise_in_batches import MaskStock
from pipeline.explain.methods.unfolded import unfolded
from pipeline.explain.metrics.registry import METRICS
from pipeline.explain.rise import make_masks
from tests.explain.methods.planted_networks import SIZE, Clips, Residual, linear_network, noise, small_network

ASKING = Asking(MaskStock(make_masks(8, SIZE, seed=0)), seed=0)


def test_every_method_has_its_paper_and_its_way_to_be_called() -> None:
    assert {one.family for one in METHODS.values()} == set(FAMILIES)
    assert all(one.paper and one.library and one.kinds for one in METHODS.values())
    assert sorted([*black_box_methods(), *white_box_methods(), "d_rise"]) == sorted(METHODS)


@pytest.mark.parametrize(("name", "near"), [("grad_cam++", "grad_cam"), ("rose", "rise")])
def test_an_unknown_method_tells_the_nearest(name: str, near: str) -> None:
    for call in (
        lambda: method(name),
        lambda: explain_white_box(name, small_network(), noise(1), [0]),
        lambda: explain_black_box(name, lambda _: np.ones((1, 2)), noise(1), 0, ASKING),
    ):
        with pytest.raises(EdgeboardError, match="no such method") as raised:
            call()
        assert near in str(raised.value.mend)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("rise", "classification", None),
        ("rise", "detection", "take d_rise"),
        ("d_rise", "detection", None),
        ("d_rise", "action", "take rise"),
        ("cameras", "action", "not for action"),
        ("lrp", "identification", None),
    ],
)
def test_which_method_fits_which_kind(name: str, kind: str, reason: str | None) -> None:
    found = fits(name, kind)
    assert (found is None) is (reason is None)
    assert reason is None or reason in str(found)


def _torchvision(name: str) -> nn.Module:
    return torchvision.models.get_model(name, weights=None, num_classes=3).eval()


def _face() -> nn.Module:
    return CosineClassifier(Embedder(_torchvision("resnet18"), 4, 3)).eval()


@pytest.mark.parametrize(
    ("make", "refused"),
    [
        (lambda: _torchvision("resnet18"), {}),
        (lambda: _torchvision("squeezenet1_1"), {}),
        (lambda: _torchvision("mobilenet_v2"), {}),
        (
            lambda: _torchvision("mobilenet_v3_small"),
            {"guided_backprop": "Hardswish", "deconvolution": "Hardswish", "deeplift": "Hardswish"},
        ),
        (_face, {"deeplift": "quotient"}),
        (Clips, {"guided_backprop": "traced", "deconvolution": "traced", "lrp": "traced", "deeplift": "traced"}),
        (
            linear_network,
            {
                **{name: "needs a convolution" for name, one in METHODS.items() if "convolution" in one.needs},
                "guided_backprop": "has none",
                "deconvolution": "has none",
            },
        ),
    ],
)
def test_which_method_fits_which_architecture(make, refused: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    found = {name: reason for name, reason in table_of_fits("classification", make().eval()).items() if reason}
    assert found.pop("d_rise")
    assert sorted(found) == sorted(refused)
    assert all(part in found[name] for name, part in refused.items())


@pytest.mark.parametrize("name", ["guided_backprop", "deeplift", "lrp"])
def test_what_does_not_fit_is_refused_with_what_does(name: str) -> None:
    with pytest.raises(EdgeboardError, match="cannot explain this architecture") as raised:
        explain_white_box(name, Clips().eval(), noise(4).reshape(1, 4, 3, SIZE, SIZE), [0])
    assert "integrated_gradients" in str(raised.value.allowed)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rise", [0]), "asks answers"),
        (("saliency", [0, 1]), "Every frame needs one class"),
        (("saliency", [7]), "no such class"),
        (("saliency", [-1]), "no such class"),
    ],
)
def test_bad_questions(arguments: tuple[str, list[int]], message: str) -> None:
    name, classes = arguments
    with pytest.raises(EdgeboardError, match=message):
        explain_white_box(name, small_network(), noise(1), classes)


def test_a_layer_is_for_cams_alone() -> None:
    with pytest.raises(EdgeboardError, match="Only a CAM"):
        explain_white_box("saliency", small_network(), noise(1), [0], layer="1")


@pytest.mark.parametrize("name", ["score_cam", "d_rise"])
def test_what_answers_alone_cannot_explain(name: str) -> None:
    with pytest.raises(EdgeboardError, match="by answers alone"):
        explain_black_box(name, lambda _: np.ones((1, 2)), noise(1), 0, ASKING)


@pytest.mark.parametrize("name", ["saliency", "integrated_gradients", "layer_cam", "lrp", "score_cam"])
def test_a_network_that_diverged_is_refused(name: str) -> None:
    network = small_network()
    network[6].weight.data[:] = torch.nan
    with pytest.raises(EdgeboardError, match="NaN or infinity"):
        explain_white_box(name, network, noise(1), [0])


@pytest.mark.parametrize("name", white_box_methods())
def test_a_constant_frame_has_a_map(name: str) -> None:
    found = explain_white_box(name, Residual().eval(), np.zeros((1, 3, SIZE, SIZE), dtype=np.float32), [0])
    assert found.shape == (1, SIZE, SIZE)
    assert np.isfinite(found).all()
    if METHODS[name].signed:
        assert not found.any()  # the mean colour is what is absent


@pytest.mark.parametrize("make", [Residual, small_network, lambda: _torchvision("resnet18"), _face])
def test_unfolding_changes_no_answer_and_leaves_each_activation_one_call(make) -> None:  # type: ignore[no-untyped-def]
    network = make().eval()
    own, frames = unfolded(network), torch.from_numpy(noise(1, size=SIZE))
    with torch.no_grad():
        assert torch.equal(own(frames), network(frames))
    calls: list[str] = [str(node.target) for node in own.graph.nodes if node.op == "call_module"]
    assert len(calls) == len(set(calls))
    assert any(isinstance(module, nn.ReLU) for module in own.modules())
    assert not any(getattr(module, "inplace", False) for module in own.modules())
    assert torch.equal(frames, torch.from_numpy(noise(1, size=SIZE)))


def test_the_documentation_has_every_method_and_every_measure() -> None:
    text = (Path(__file__).parents[3] / "docs" / "explanation.md").read_text(encoding="utf-8")
    for name, one in METHODS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}` "))
        kinds = ("classification", "identification", "detection", "action")
        cells = ["yes" if kind in one.kinds else "–" for kind in kinds]
        by = "looking inside" if one.needs_gradients else "asking"
        assert [cell.strip() for cell in line.split("|")][2:8] == [one.family, by, *cells]
        assert one.paper in line
    for name, metric in METRICS.items():
        assert f"| `{name}` | {metric.direction} |" in text
