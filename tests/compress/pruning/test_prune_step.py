"""The whole step: from an artifact to a pruned, trained one, with what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch_pruning as tp
from torch import Tensor, nn

import pipeline.networks
from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.pruning import phases as pruning
from pipeline.compress.pruning import taylor, widths
from pipeline.compress.pruning.masks import count_zero_weights, prunable_weights
from pipeline.compress.pruning.prune import prune_to_ratio, run
from pipeline.compress.pruning.zeroing import count_zero_channels
from pipeline.compress.step import StepContext
from pipeline.compress_options import Prune
from pipeline.errors import EdgeboardError
from pipeline.files import read_json
from pipeline.networks import count_parameters
from tests.compress.lessons import outputs, save, step_context
from tests.compress.sections import planned
from tests.compress.tiny_networks import build_tiny_by_name, tiny_network


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[StepContext, Path, Path]:
    """A context, a dense artifact and a sparse one, both of the architecture `tiny`."""
    folder = tmp_path_factory.mktemp("prune")
    context = step_context(folder)
    network = tiny_network()
    dense = save(folder / "dense", network, "tiny")
    half, _ = prune_to_ratio(network, 32, 0.4, planned("prune", structure="unstructured").options)
    return context, dense, save(folder / "sparse", half, "tiny", sparse=True, recipe=["prune"])


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    build_tiny_by_name(monkeypatch)


def pruned(context: StepContext, source: Path, destination: Path, **options: Any) -> tuple[nn.Module, dict[str, Any]]:
    destination.mkdir()
    always = {"ratio": 0.6, "round_to": 4, "epochs": 3, "rounds": 2}
    run(source, destination, planned("prune", **(always | options)), context)
    assert sorted(file.name for file in destination.iterdir()) == ["meta.json", "report.json", "weights.safetensors"]
    report: dict[str, Any] = read_json(destination / "report.json", made_by="the test")
    return load_artifact(destination)[0], report


@pytest.mark.parametrize(
    ("options", "phases"),
    [
        ({}, ["fine-tuning"]),
        ({"structure": "filter", "criterion": "taylor", "scope": "global"}, ["fine-tuning"]),
        ({"structure": "unstructured", "criterion": "taylor"}, ["fine-tuning"]),
        ({"criterion": "movement"}, ["scoring", "fine-tuning"]),
        (
            {"structure": "unstructured", "criterion": "movement", "schedule": "iterative", "scope": "global"},
            ["scoring", "round 1 of 2", "round 2 of 2"],
        ),
        ({"criterion": "bn_scale", "schedule": "iterative"}, ["round 1 of 2", "round 2 of 2"]),
        (
            {"structure": "filter", "criterion": "movement", "schedule": "gradual"},
            ["first epoch", "epoch 2 of 3", "epoch 3 of 3"],
        ),
        ({"structure": "unstructured", "schedule": "gradual"}, ["epoch 1 of 3", "epochs 2 to 3"]),
        ({"schedule": "dsd"}, ["sparse", "dense again", "fine-tuning"]),
        ({"structure": "unstructured", "schedule": "dsd"}, ["sparse", "dense again", "fine-tuning"]),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_the_ratio_is_reached_whatever_the_schedule(
    place: tuple[StepContext, Path, Path], tmp_path: Path, options: dict[str, Any], phases: list[str]
) -> None:
    context, source, _ = place
    before, _ = load_artifact(source)
    n_before = count_parameters(before)
    network, report = pruned(context, source, tmp_path / "out", **options)
    meta = read_meta(tmp_path / "out")
    of_weights = options.get("structure") == "unstructured"
    gone = count_zero_weights(network) if of_weights else n_before - count_parameters(network)
    assert gone / n_before == pytest.approx(0.6, abs=0.02)
    assert report["ratio_reached"] == pytest.approx(gone / n_before)
    assert (report["ratio_wished"], report["step"], report["options"]["ratio"]) == (0.6, "prune", 0.6)
    assert ("round_to_used" in report) == (not of_weights)
    assert [phase["name"] for phase in report["schedule"]] == phases
    assert sum(len(phase["training"]["epochs"]) for phase in report["schedule"]) == 3
    assert report["schedule"][-1]["ratio"] == pytest.approx(report["ratio_reached"], abs=0.001)
    assert report["zero_channels"] == count_zero_channels(network)
    assert of_weights or report["zero_channels"] == 0
    assert report["params"] == count_parameters(network)
    assert (report["nonzero"] < 0.5 * report["params"]) == of_weights
    assert (meta.sparse, meta.recipe[:-1], bool(meta.layers)) == (of_weights, [], not of_weights)
    assert not torch.equal(outputs(network), outputs(before))
    assert not [*context.checkpoints.glob("*")], "nothing remains of the way"


def test_the_ratios_of_the_phases_are_told(place: tuple[StepContext, Path, Path], tmp_path: Path) -> None:
    context, source, _ = place
    _, report = pruned(context, source, tmp_path / "dsd", structure="unstructured", schedule="dsd")
    assert [phase["ratio"] for phase in report["schedule"]] == pytest.approx([0.6, 0.0, 0.6], abs=0.001)
    _, report = pruned(context, source, tmp_path / "rounds", schedule="iterative", criterion="random")
    ratios = [phase["ratio"] for phase in report["schedule"]]
    assert 0.2 < ratios[0] < 1 - 0.4**0.5 + 0.001
    assert ratios[1] == pytest.approx(0.6, abs=0.02)


def test_freed_weights_move_and_those_that_were_zero_before_stay(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, _, source = place
    zero = {name: weight == 0 for name, weight in prunable_weights(load_artifact(source)[0]).items()}
    after: list[int] = []
    real = pruning.train_network

    def watching(network: nn.Module, *args: Any, **options: Any) -> dict[str, Any]:
        history = real(network, *args, **options)
        for name, weight in prunable_weights(network).items():
            assert not weight[zero[name]].any(), "zeros that entered the step stay zero in all of its phases"
        after.append(count_zero_weights(network))
        return history

    monkeypatch.setattr(pruning, "train_network", watching)
    pruned(context, source, tmp_path / "out", structure="unstructured", schedule="dsd")
    n_zero = sum(int(mask.sum()) for mask in zero.values())
    n_alive = count_parameters(load_artifact(source)[0]) - n_zero
    assert after[0] == after[2] == n_zero + round(0.6 * n_alive)
    assert after[1] - n_zero < 0.3 * (after[0] - n_zero), "all that gets a gradient moves"


@pytest.mark.parametrize("structure", ["filter", "block"])
def test_a_sparse_network_stays_sparse_when_channels_leave(
    place: tuple[StepContext, Path, Path], tmp_path: Path, structure: str
) -> None:
    context, _, source = place
    network, report = pruned(context, source, tmp_path / "out", structure=structure, ratio=0.5)
    meta = read_meta(tmp_path / "out")
    assert meta.sparse
    assert meta.recipe[0] == "prune"
    left = sum(weight.numel() for weight in prunable_weights(network).values())
    assert 0.2 < count_zero_weights(network) / left < 0.5
    assert report["nonzero"] < 0.8 * report["params"]


@pytest.mark.parametrize("structure", ["unstructured", "block"])
def test_the_same_seed_gives_the_same_files(
    place: tuple[StepContext, Path, Path], tmp_path: Path, structure: str
) -> None:
    context, source, _ = place
    for name in ("one", "two"):
        torch.manual_seed(hash(name) % 1000)
        pruned(context, source, tmp_path / name, structure=structure, schedule="gradual", criterion="movement")
    for file in ("meta.json", "report.json", "weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("structure", ["unstructured", "block"])
def test_a_killed_step_goes_on_after_its_last_phase(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, structure: str
) -> None:
    context, source, _ = place
    options = {"structure": structure, "schedule": "iterative", "criterion": "movement", "epochs": 4}
    pruned(context, source, tmp_path / "whole", **options)
    trained: list[str] = []
    real = pruning.train_network

    def killed_in_the_third(*args: Any, **settings: Any) -> dict[str, Any]:
        trained.append(args[6])
        if len(trained) == 3:
            raise KeyboardInterrupt
        return real(*args, **settings)

    monkeypatch.setattr(pruning, "train_network", killed_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        pruned(context, source, tmp_path / "killed", **options)
    other = planned("prune", ratio=0.6, round_to=4, rounds=2, **(options | {"epochs": 5}))
    assert pruning.Pruning(source, tmp_path, other, context).kept.load() is None, "another step must not go on from it"
    pruned(context, source, tmp_path / "resumed", **options)
    assert [title.split(", ")[-1] for title in trained] == [
        "scoring", "round 1 of 2", "round 2 of 2", "round 2 of 2",
    ]  # fmt: skip
    for file in ("meta.json", "report.json", "weights.safetensors"):
        assert (tmp_path / "resumed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    assert not [*context.checkpoints.glob("*")]


def test_a_network_that_cannot_be_rebuilt_is_told_before_it_is_trained(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, source, _ = place
    monkeypatch.setattr(pipeline.networks, "apply_layer_shapes", lambda _network, _shapes: None)
    monkeypatch.setattr(pruning, "train_network", lambda *_args, **_options: pytest.fail("it was trained"))
    for name in ("one_shot", "iterative"):
        with pytest.raises(EdgeboardError, match="cannot be rebuilt"):
            pruned(context, source, tmp_path / name, schedule=name)


def test_gradual_trains_parts_of_one_training(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, source, _ = place
    parts: list[Any] = []
    real = pruning.train_network

    def watching(*args: Any, **options: Any) -> dict[str, Any]:
        parts.append((options["part"], options["epochs"], options["learning_rate"]))
        return real(*args, **options)

    monkeypatch.setattr(pruning, "train_network", watching)
    pruned(context, source, tmp_path / "out", schedule="gradual", learning_rate=0.003)
    assert parts == [((0, 3), 1, 0.003), ((1, 3), 2, 0.003)]


def test_taylor_looks_at_frames_of_every_class(
    place: tuple[StepContext, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context, source, _ = place
    network, meta = load_artifact(source)
    seen: list[int] = []

    def watching(_network: nn.Module, batches: Any, _loss: Any, **_options: Any) -> dict[str, Tensor]:
        seen.extend(label for _, labels in batches for label in labels.tolist())
        return {}

    monkeypatch.setattr(taylor, "taylor_scores", watching)
    monkeypatch.setattr(taylor, "_FRAMES", 6)
    taylor.scores_of_training_split(network, meta, context, absolute=True)
    assert seen == [0, 0, 1, 1, 2, 2]


def test_a_ratio_out_of_reach_is_told_before_anything_is_trained(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, source, _ = place
    monkeypatch.setattr(pruning, "train_network", lambda *_args, **_options: pytest.fail("it was trained"))
    tables: list[dict[str, Any]] = [{}, {"schedule": "dsd"}, {"criterion": "movement"}, {"schedule": "gradual"}]
    for place_, options in enumerate(tables):
        with pytest.raises(EdgeboardError, match="cannot lose"):
            pruned(context, source, tmp_path / f"{place_}", structure="filter", ratio=0.999, **options)


def test_a_speed_up_is_asked_of_the_search_for_widths(
    place: tuple[StepContext, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That search has tests of its own; its clock does not belong here."""
    context, source, _ = place

    def search(
        network: nn.Module, frame_size: int, options: Prune, importance: Any, ignored: list[nn.Module]
    ) -> tuple[nn.Module, dict[str, Any]]:
        names = {module: name for name, module in network.named_modules()}
        assert {names[module] for module in ignored} == {"stem.0", "head"}, "coupled filters and the answer"
        graph = tp.DependencyGraph().build_dependency(network, torch.zeros(1, 3, frame_size, frame_size))
        (group, *_) = graph.get_all_groups(ignored_layers=ignored, root_module_types=[nn.Conv2d, nn.Linear])
        scores: Tensor = importance(group)
        assert len(scores) == len(group[0].idxs)
        assert options.speedup == 2.0
        smaller, _ = prune_to_ratio(network, frame_size, 0.4, planned("prune", structure="filter").options)
        return smaller, {"speedup_reached": 1.9}

    monkeypatch.setattr(widths, "prune_to_speedup", search)
    network, report = pruned(context, source, tmp_path / "out", structure="filter", speedup=2.0, criterion="movement")
    assert report["speedup_reached"] == 1.9
    assert report["ratio_wished"] is None
    n_before = count_parameters(load_artifact(source)[0])
    assert report["ratio_reached"] == pytest.approx(1 - count_parameters(network) / n_before)
    assert read_meta(tmp_path / "out").layers
