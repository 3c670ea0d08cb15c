"""Pruning networks of clips: the temporal shift stays right whatever leaves."""

from __future__ import annotations

import copy
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.clip_networks import build_clip_network
from pipeline.clip_networks.temporal_shift import Shift, TemporalShift, shifts_of
from pipeline.compress.pruning.channels import channels_lost, rank
from pipeline.compress.pruning.dependencies import dependency_graph, find_channels, remove_channels
from pipeline.compress.pruning.prune import RATIO_TOLERANCE, prune_to_ratio
from pipeline.compress.pruning.zeroing import zero_channels
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import count_parameters, layer_shapes
from tests.clip_networks.settled import settled
from tests.compress.sections import planned

T, S = 4, 32


def options(**changes: object) -> Prune:
    made: Prune = planned("prune", **({"structure": "block", "criterion": "l2"} | changes)).options
    return made


def network(name: str, shift: Shift = "causal") -> nn.Module:
    torch.manual_seed(0)
    return settled(build_clip_network(name, 3, T, S, shift), clips())


def clips() -> torch.Tensor:
    return torch.randn(2, T, 3, S, S, generator=torch.Generator().manual_seed(0))


def counts(of: nn.Module) -> list[tuple[int, int]]:
    return [(shift.n_past, shift.n_future) for shift in shifts_of(of).values()]


@pytest.mark.parametrize(
    ("name", "ratio", "shift"),
    [
        ("tsm_mobilenet_v2", 0.5, "causal"),
        ("tsm_mobilenet_v2", 0.8, "both"),
        ("tsm_resnet8", 0.8, "causal"),
        ("tsn_mobilenet_v2", 0.5, "causal"),
        pytest.param("tsm_resnet8", 0.5, "both", marks=pytest.mark.slow),
        pytest.param("tsn_mobilenet_v2", 0.8, "causal", marks=pytest.mark.slow),
        pytest.param("tsm_resnet18", 0.5, "both", marks=pytest.mark.slow),
        pytest.param("tsm_resnet18", 0.8, "causal", marks=pytest.mark.slow),
        pytest.param("tsn_resnet18", 0.5, "causal", marks=pytest.mark.slow),
        pytest.param("tsn_resnet50", 0.8, "causal", marks=pytest.mark.slow),
        pytest.param("tsm_resnet50", 0.5, "both", marks=pytest.mark.slow),
        pytest.param("i3d_resnet50", 0.5, "causal", marks=pytest.mark.slow),
        pytest.param("r2plus1d_resnet34", 0.8, "causal", marks=pytest.mark.slow),
        pytest.param("slowfast_resnet50", 0.5, "causal", marks=pytest.mark.slow),
    ],
)
def test_the_wished_fraction_leaves_and_the_artifact_and_the_file_are_that_network(
    name: str, ratio: float, shift: Shift, tmp_path: Path
) -> None:
    whole = network(name, shift)
    pruned, report = prune_to_ratio(whole, S, ratio, options())
    reached = 1 - count_parameters(pruned) / count_parameters(whole)
    assert reached == pytest.approx(ratio, abs=RATIO_TOLERANCE)
    assert report["ratio_reached"] == pytest.approx(reached)
    with torch.no_grad():
        logits = pruned(clips())
    assert logits.shape == (2, 3)

    meta = Meta("movement", name, ["a", "b", "c"], S, ["prune"], layer_shapes(pruned), clip_frames=T, shift=shift)
    save_artifact(tmp_path, pruned, meta, {})
    rebuilt = load_artifact(tmp_path)[0]
    assert counts(rebuilt) == counts(pruned)
    with torch.no_grad():
        assert torch.equal(rebuilt(clips()), logits)

    export_onnx(pruned, S, tmp_path / "clip.onnx", opset=13)
    session = onnxruntime.InferenceSession(str(tmp_path / "clip.onnx"))
    exported = torch.from_numpy(session.run(None, {"frames": clips()[:1].numpy()})[0])
    assert (exported - logits[:1]).abs().max() < 1e-3 * logits[:1].abs().max()


@pytest.mark.parametrize("shift", ["causal", "both"])
@pytest.mark.parametrize("name", ["tsm_mobilenet_v2", "tsm_resnet8"])
def test_without_channels_it_computes_what_it_does_with_them_at_zero(name: str, shift: Shift) -> None:
    whole = network(name, shift)
    smaller, zeroed = copy.deepcopy(whole), copy.deepcopy(whole)
    graph = dependency_graph(smaller, S)
    generator = torch.Generator().manual_seed(1)
    free = [one for one in find_channels(graph) if not one.fixed]
    ranked = rank(free, lambda group: torch.rand(len(group[0].idxs), generator=generator))
    leaving = [one.channels.n_sets // 3 for one in ranked]
    zero_channels(zeroed, channels_lost(ranked, leaving))
    for one, n in zip(ranked, leaving, strict=True):
        remove_channels(graph, one.channels.root, one.channels.members(one.order[:n]).tolist())
    with torch.no_grad():
        before, expected, logits = (one(clips()) for one in (whole, zeroed, smaller))
    scale = expected.abs().max()
    assert (logits - expected).abs().max() < 1e-4 * scale
    assert (before - expected).abs().max() > 1e-2 * scale, "as if nothing had left"
    assert counts(zeroed) == counts(whole)
    assert sum(map(sum, counts(smaller))) < sum(map(sum, counts(whole)))


def test_a_shift_that_takes_its_counts_from_the_new_width_is_another_network_and_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def as_mmaction2_does(shift: TemporalShift, places: list[int]) -> None:
        shift.n_past -= len(places) // 8

    monkeypatch.setattr(TemporalShift, "lose_channels", as_mmaction2_does)
    with pytest.raises(EdgeboardError, match="another network"):
        prune_to_ratio(network("tsm_mobilenet_v2"), S, 0.5, options())


@pytest.mark.slow
def test_a_transformer_is_refused_and_that_is_told() -> None:
    with pytest.raises(EdgeboardError) as caught:
        prune_to_ratio(network("timesformer_small"), S, 0.5, options())
    assert "unstructured" in str(caught.value)


def test_single_weights_can_leave_and_the_shift_stays() -> None:
    whole = network("tsm_resnet8")
    sparse, report = prune_to_ratio(whole, S, 0.6, options(structure="unstructured"))
    assert report["ratio_reached"] == pytest.approx(0.6, abs=1e-3)
    assert counts(sparse) == counts(whole)
