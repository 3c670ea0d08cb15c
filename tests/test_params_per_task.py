"""compress.per_task: what is different for one task, merged and checked as if it stood in the section itself."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from pipeline.errors import EdgeboardError
from pipeline.params import Params, check_params
from tests.conftest import REPOSITORY


@pytest.fixture
def raw() -> dict[str, Any]:
    """The shipped file, without what it says of single tasks."""
    values: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    values["compress"].pop("per_task", None)
    values["compress"]["ratio"] = 0.8
    return values


def checked(raw: dict[str, Any], **per_task: Any) -> Params:
    given = copy.deepcopy(raw)
    given["compress"]["per_task"] = per_task
    return check_params(given)


def plan_of(params: Params, task: str) -> dict[str, list[str]]:
    return {name: [step.label for step in steps] for name, steps in params.of_task(task).compress.plan().items()}


def test_the_shipped_file_plans_every_task() -> None:
    params = check_params(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))
    for task in params.tasks:
        assert {"pruned", "distilled", "quantized", "compact"} <= set(plan_of(params, task))


@pytest.mark.parametrize("per_task", [{}, {"suspect": {}}, {"fire": {}, "suspect": {"recipes": {}}}])
def test_nothing_said_changes_nothing(raw: dict[str, Any], per_task: dict[str, Any]) -> None:
    params = checked(raw, **per_task)
    for task in ("fire", "suspect"):
        assert params.of_task(task).compress == check_params(raw).compress


def test_a_ratio_of_one_task_reaches_its_steps_alone(raw: dict[str, Any]) -> None:
    params = checked(raw, suspect={"ratio": 0.4})
    for task, ratio in (("suspect", 0.4), ("fire", 0.8)):
        compress = params.of_task(task).compress
        assert compress.ratio == ratio
        (step,) = compress.plan()["pruned"]
        assert (step.label, step.options.ratio) == ("prune", ratio), "the section's own options make no longer label"
    assert params.compress.ratio == 0.8


def test_options_of_a_section_are_merged_key_by_key(raw: dict[str, Any]) -> None:
    params = checked(raw, suspect={"prune": {"epochs": 9, "ratio": 0.3}, "quantize": {"calibration_frames": 33}})
    own, shared = params.of_task("suspect").compress, params.of_task("fire").compress
    assert (own.prune.epochs, own.prune.ratio) == (9, 0.3)
    assert own.prune.structure == shared.prune.structure
    assert own.quantize.calibration_frames == 33
    assert own.quantize.method == shared.quantize.method
    assert own.distill == shared.distill
    assert (shared.prune.epochs, shared.prune.ratio) == (raw["compress"]["prune"]["epochs"], None)


def test_recipes_are_added_and_replaced_by_name(raw: dict[str, Any]) -> None:
    params = checked(raw, suspect={"recipes": {"compact": ["quantize"], "half": [{"prune": {"ratio": 0.5}}]}})
    own, shared = plan_of(params, "suspect"), plan_of(params, "fire")
    assert own == {**shared, "compact": ["quantize"], "half": ["prune@ratio=0.5"]}
    assert "half" not in shared
    assert shared["compact"] == raw["compress"]["recipes"]["compact"]


def test_a_recipe_of_one_task_sees_the_options_of_that_task(raw: dict[str, Any]) -> None:
    params = checked(raw, suspect={"prune": {"epochs": 7}, "recipes": {"more": [{"prune": {"ratio": 0.6}}]}})
    (step,) = params.of_task("suspect").compress.plan()["more"]
    assert (step.options.epochs, step.options.ratio) == (7, 0.6)
    assert step.label == "prune@ratio=0.6"


def test_a_task_without_a_word_and_the_rest_of_the_file_stay(raw: dict[str, Any]) -> None:
    params = checked(raw, suspect={"ratio": 0.4})
    assert params.of_task("fire").compress == check_params(raw).compress
    own = params.of_task("suspect")
    assert own.compress.per_task == {}
    assert own.of_task("suspect") == own, "once is enough"
    assert (own.train, own.data, own.seed) == (params.train, params.data, params.seed)


def test_the_hash_tells_of_it(raw: dict[str, Any]) -> None:
    hashes = {checked(raw, **one).hash() for one in ({}, {"suspect": {"ratio": 0.4}}, {"fire": {"ratio": 0.4}})}
    assert len(hashes) == 3
    assert checked(raw).of_task("fire").hash() == checked(raw, suspect={"ratio": 0.4}).of_task("fire").hash()


@pytest.mark.parametrize(
    ("per_task", "told"),
    [
        ({"suspekt": {}}, ["compress.per_task", "no task 'suspekt'", "did you mean suspect?"]),
        ({"suspect": {"rato": 0.5}}, ["compress.per_task.suspect.rato", "unknown key", "did you mean ratio?"]),
        ({"suspect": {"per_task": {}}}, ["compress.per_task.suspect.per_task", "unknown key"]),
        ({"suspect": {"ratio": 1.5}}, ["compress.per_task.suspect.ratio", "1.5", "above 0 and below 1"]),
        ({"suspect": {"ratio": None}}, ["compress.per_task.suspect.ratio"]),
        ({"suspect": {"ratio": True}}, ["compress.per_task.suspect.ratio", "True"]),
        ({"suspect": {"prune": {"epoch": 3}}}, ["compress.per_task.suspect.prune.epoch", "did you mean epochs?"]),
        ({"suspect": {"prune": {"epochs": 0}}}, ["compress.per_task.suspect.prune.epochs", "at least 1"]),
        ({"suspect": {"prune": {"structure": "blocks"}}}, ["compress.per_task.suspect.prune.structure", "'blocks'"]),
        ({"suspect": {"recipes": {"x": ["prunee"]}}}, ["compress.per_task.suspect.recipes.x.0", "did you mean prune?"]),
        ({"suspect": {"recipes": {"x": []}}}, ["compress.per_task.suspect.recipes.x", "names no step"]),
        ({"suspect": {"recipes": {"X y": ["prune"]}}}, ["compress.per_task.suspect.recipes"]),
        (
            {"suspect": {"recipes": {"compact": ["quantize", "prune"]}}},
            ["compress.per_task.suspect.recipes.compact", "must be last"],
        ),
        (
            {"suspect": {"recipes": {"baseline": ["prune"]}}},
            ["compress.per_task.suspect.recipes.baseline", "baseline is the trained"],
        ),
        # Two sections that fit their own rules each, and together none.
        (
            {"suspect": {"prune": {"schedule": "gradual", "epochs": 1}}},
            ["compress.per_task.suspect.prune.epochs", "gradual schedule needs at least 2"],
        ),
        ({"suspect": 3}, ["compress.per_task.suspect", "3", "a section"]),
        ({"suspect": None}, ["compress.per_task.suspect", "a section"]),
    ],
)
def test_a_mistake_names_path_value_and_what_is_allowed(
    raw: dict[str, Any], per_task: dict[str, Any], told: list[str]
) -> None:
    with pytest.raises(EdgeboardError) as caught:
        checked(raw, **per_task)
    message = str(caught.value)
    assert "1 mistake" in message
    for part in told:
        assert part in message, message


def test_two_mistakes_come_in_one_message(raw: dict[str, Any]) -> None:
    with pytest.raises(EdgeboardError, match="2 mistakes"):
        checked(raw, suspect={"ratio": 2}, fire={"ratio": 3})


@pytest.mark.parametrize("order", [["prune", "quantize"], ["quantize", "prune"]])
def test_the_rules_hold_for_what_is_merged(raw: dict[str, Any], order: list[str]) -> None:
    """Options of the task make a recipe of everyone impossible: unstructured pruning before separable layers."""
    raw["compress"]["recipes"]["thin"] = ["prune", "separable"]
    checked(raw)
    given = {key: {"structure": "unstructured"} if key == "prune" else {"method": "static"} for key in order}
    with pytest.raises(EdgeboardError) as caught:
        checked(raw, suspect=given)
    assert "compress.per_task.suspect.recipes.thin" in str(caught.value)
    assert "zeros of unstructured pruning would be lost" in str(caught.value)


def _detectors(architecture: str, **own: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    values["tasks"] = ["suspect"]
    values["train"]["suspect"].update(architecture=architecture)
    for section, given in own.items():
        values["compress"]["per_task"]["suspect"][section].update(given)
    return values


MAPS_ONLY = {"alpha": 0, "features": "attention"}
WEIGHTS_ONLY = {"structure": "unstructured"}


@pytest.mark.parametrize(
    ("architecture", "own", "words"),
    [
        (
            "fasterrcnn_resnet50_fpn",
            {},
            "compact: ssd320_resnet8 cannot learn heads from those of fasterrcnn_",
        ),
        ("ssd300_vgg16", {}, "-S +compress.per_task.suspect.distill.alpha=0"),
        ("retinanet_resnet50_fpn_v2", {"distill": MAPS_ONLY}, "pruned: retinanet_resnet50_fpn_v2 cannot lose channels"),
        ("fcos_resnet50_fpn", {"distill": MAPS_ONLY}, "-S +compress.per_task.suspect.prune.structure=unstructured"),
        ("fasterrcnn_resnet50_fpn", {"distill": MAPS_ONLY}, None),
        ("ssd300_vgg16", {"distill": MAPS_ONLY}, None),
        ("fcos_resnet50_fpn", {"distill": MAPS_ONLY, "prune": WEIGHTS_ONLY}, None),
        ("ssd320_resnet8", {"distill": {"teacher": "ssdlite320_mobilenet_v3_large"}}, None),
    ],
)
def test_what_a_detector_cannot_do_is_told_before_it_is_trained(
    architecture: str, own: dict[str, Any], words: str | None
) -> None:
    values = _detectors(architecture, **own)
    if words is None:
        assert check_params(values).train.suspect.architecture == architecture
        return
    with pytest.raises(EdgeboardError) as error:
        check_params(values)
    assert words in str(error.value)
