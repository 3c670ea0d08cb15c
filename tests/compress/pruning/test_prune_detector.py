"""Pruning a detector: what is inside becomes narrower, what answers does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.pruning.prune import RATIO_TOLERANCE, prune_to_ratio, run
from pipeline.compress_options import Prune
from pipeline.detectors import Detector
from pipeline.errors import EdgeboardError
from pipeline.files import read_json
from pipeline.networks import build_network, count_nonzero, count_parameters
from tests.compress.sections import planned
from tests.detection_folder import CLASS_NAMES, SIZE, detection_context, new_detector, save_detector


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", **({"structure": "block", "criterion": "l2"} | changes)).options
    return made


@pytest.fixture(scope="module")
def detector() -> Detector:
    return new_detector(seed=3)


def frames() -> torch.Tensor:
    return torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def answer_widths(network: Detector) -> list[int]:
    return [layer.out_channels for layer in network.answer_layers()]  # type: ignore[attr-defined]


def widths(network: nn.Module) -> dict[str, int]:
    return {name: one.out_channels for name, one in network.named_modules() if isinstance(one, nn.Conv2d)}


@pytest.mark.parametrize(
    ("ratio", "changes"),
    [(0.5, {}), pytest.param(0.3, {"structure": "filter"}, marks=pytest.mark.slow),
     pytest.param(0.7, {"scope": "global", "criterion": "l1"}, marks=pytest.mark.slow)],
)  # fmt: skip
def test_the_wished_fraction_leaves_and_the_answer_stays(
    detector: Detector, ratio: float, changes: dict[str, object]
) -> None:
    pruned, report = prune_to_ratio(detector, SIZE, ratio, options(**changes))
    assert isinstance(pruned, Detector)
    reached = 1 - count_parameters(pruned) / count_parameters(detector)
    assert reached == pytest.approx(ratio, abs=RATIO_TOLERANCE)
    assert report["ratio_reached"] == pytest.approx(reached)
    assert answer_widths(pruned) == answer_widths(detector)
    assert torch.equal(pruned.anchors_xyxy, detector.anchors_xyxy)
    with torch.no_grad():
        heads, before = pruned(frames()), detector(frames())
    assert heads.shape == before.shape
    assert torch.isfinite(heads).all()
    of_head = {name for name in widths(pruned) if "head" in name}
    narrower = {name for name, width in widths(pruned).items() if width < widths(detector)[name]}
    assert narrower - of_head, "the backbone is where the parameters are"


def test_the_step_writes_an_artifact_that_is_rebuilt_to_the_same(tmp_path: Path) -> None:
    context = detection_context(tmp_path)
    step = planned("prune", structure="block", ratio=0.5, epochs=1)
    made = tmp_path / "pruned"
    made.mkdir()
    run(context.baseline, made, step, context)
    report, meta = read_json(made / "report.json"), read_meta(made)
    assert report["ratio_reached"] == pytest.approx(0.5, abs=RATIO_TOLERANCE)
    assert meta.layers
    first, second = load_artifact(made)[0], load_artifact(made)[0]
    assert isinstance(first, Detector)
    assert count_parameters(first) == report["params"]
    assert answer_widths(first) == answer_widths(new_detector())
    with torch.no_grad():
        heads = first(frames())
        assert torch.equal(heads, second(frames()))
        assert heads.std() > 0
    # A fresh network of these widths, with these weights and nothing else.
    whole = build_network(meta.architecture, len(CLASS_NAMES), meta.frame_size)
    assert count_parameters(whole) > 1.9 * count_parameters(first)


@pytest.mark.slow
def test_single_weights_become_zero_in_a_detector_of_any_kind() -> None:
    network = new_detector("retinanet_resnet50_fpn")
    pruned, report = prune_to_ratio(network, SIZE, 0.6, options(structure="unstructured"))
    n = count_parameters(network)
    assert report["ratio_reached"] == pytest.approx(0.6, abs=1e-3)
    assert count_nonzero(pruned) <= 0.4 * n + 1
    assert pruned(frames()).shape == network(frames()).shape


@pytest.mark.parametrize("name", ["retinanet_resnet50_fpn", "fcos_resnet50_fpn"])
def test_heads_that_run_at_several_levels_cannot_lose_channels_and_that_is_told(name: str) -> None:
    with pytest.raises(EdgeboardError, match="runs at several places") as caught:
        prune_to_ratio(new_detector(name), SIZE, 0.5, options())
    assert "head" in str(caught.value)
    assert "unstructured" in str(caught.value)


def test_sparse_weights_stay_zero_while_a_detector_learns(tmp_path: Path) -> None:
    context = detection_context(tmp_path)
    source = save_detector(tmp_path / "source", new_detector(seed=1))
    made = tmp_path / "sparse"
    made.mkdir()
    run(source, made, planned("prune", structure="unstructured", ratio=0.5, epochs=1), context)
    network, meta = load_artifact(made)
    assert meta.sparse
    assert count_nonzero(network) <= 0.51 * count_parameters(network)
