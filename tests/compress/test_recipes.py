from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.compress.recipes import artifact_folder, stage_of, variants, work_description, work_of_stage
from pipeline.compress_options import Prune
from tests.compress.sections import compress_section, planned

OTHER_ORDER = {"other": ["distill", "prune", "quantize"]}
OWN = {"prune": {"ratio": 0.5, "structure": "filter"}}
OWN_OPTIONS: dict[str, list[Any]] = {"half": [OWN, "distill"], "same": [OWN]}
HALF = "prune@ratio=0.5,structure=filter"


@pytest.mark.parametrize(
    ("recipes", "stage", "expected"),
    [
        ({}, "train", []),
        ({}, "prune", [("prune",)]),
        ({}, "distill", [("prune", "distill")]),
        ({}, "quantize", [("quantize",), ("prune", "distill", "quantize")]),
        (OTHER_ORDER, "prune", [("prune",)]),
        (OTHER_ORDER, "distill", [("distill",), ("distill", "prune"), ("prune", "distill")]),
        (OWN_OPTIONS, "prune", [("prune",), (HALF,)]),
        (OWN_OPTIONS, "distill", [("prune", "distill"), (HALF, "distill")]),
        ({"x": ["separable", "share_weights"]}, "distill", [("separable",), ("prune", "distill")]),
    ],
)
def test_every_prefix_is_made_once_by_the_last_stage_it_needs(
    recipes: dict[str, list[Any]], stage: str, expected: list[tuple[str, ...]]
) -> None:
    assert list(work_of_stage(stage, compress_section(recipes))) == expected


def test_a_parent_is_made_in_the_same_stage_before_or_in_an_earlier_one() -> None:
    order = ("train", "prune", "distill", "quantize")
    compress = compress_section(OTHER_ORDER | OWN_OPTIONS)
    done: list[tuple[str, ...]] = [()]
    for stage in order[1:]:
        for steps in work_of_stage(stage, compress):
            assert steps[:-1] in done
            assert order.index(stage_of(steps[:-1])) <= order.index(stage)
            done.append(steps)
    assert set(variants(compress).values()) <= set(done)


def test_folders() -> None:
    assert artifact_folder("fire", ()) == Path("models/fire/train/baseline")
    assert artifact_folder("fire", ("prune", "distill")) == Path("models/fire/distill/prune+distill")
    assert artifact_folder("fire", (HALF, "distill")) == Path(f"models/fire/distill/{HALF}+distill")


def test_own_options_replace_those_of_the_section_and_equal_ones_name_nothing() -> None:
    assert planned("prune").options.ratio == 0.8, "null means compress.ratio"
    assert planned("prune", ratio=0.5).options.ratio == 0.5
    section = compress_section({"a": [{"prune": {"scope": "local"}}]}).plan()["a"][0]
    assert section.label == "prune"
    assert section.options.structure == "block"


@pytest.mark.parametrize(
    "options",
    [{"keep_float": ["/layer1/layer1.0/conv1/Conv"]}, {"keep_float": ["a b", "c"]}, {"keep_float": ["x" * 99]}],
)
def test_a_label_is_always_a_good_name_of_a_folder(options: dict[str, Any]) -> None:
    label = planned("quantize", **options).label
    assert len(label) < 20
    assert set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789@")


def test_the_work_of_a_stage_changes_only_with_what_it_makes() -> None:
    base = compress_section()
    other_quantize = compress_section(quantize={"calibration": "entropy"})
    assert work_description("prune", base, "h1") == work_description("prune", other_quantize, "h1")
    assert work_description("quantize", base, "h1") != work_description("quantize", other_quantize, "h1")
    assert work_description("prune", base, "h1") != work_description(
        "prune", compress_section(prune={"ratio": 0.4}), "h1"
    )
    json.dumps(work_description("quantize", base, "h1"))


def test_another_machine_is_other_work_only_where_times_decide() -> None:
    plain, timed = compress_section(), compress_section({"fast": [{"prune": {"speedup": 2.0}}]})
    assert work_description("prune", plain, "h1") == work_description("prune", plain, "h2")
    assert work_description("prune", timed, "h1") != work_description("prune", timed, "h2")


@pytest.mark.parametrize(
    ("recipe", "section", "change"),
    [
        (["separable"], "distill", {"temperature": 2.0}),
        ([{"distill": {"student": "separable"}}], "separable", {"rank": 2}),
    ],
)
def test_options_borrowed_from_another_section_belong_to_the_work(
    recipe: list[Any], section: str, change: dict[str, Any]
) -> None:
    before, after = (compress_section({"x": recipe}, **given) for given in ({}, {section: change}))
    mine = [
        [work for work in work_description("distill", compress, "h1") if len(work["steps"]) == 1]
        for compress in (before, after)
    ]
    assert mine[0] != mine[1]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (["quantize", "prune"], "prune cannot follow quantize"),
        (["quantize", "quantize"], "must be last"),
        (["share_weights", {"quantize": {"method": "qat"}}], "the shared values and their small file would be lost"),
        (["share_weights", "distill"], "share no value"),
        (["prune", {"distill": {"student": "mobilenet_v3_small"}}], "starts anew"),
        ([{"prune": {"structure": "unstructured"}}, "separable"], "the zeros of unstructured pruning would be lost"),
        (["separable", {"distill": {"student": "separable"}}], "separable already"),
        ([{"prune": {"structure": "unstructured", "criterion": "bn_scale"}}], "bn_scale ranks whole channels"),
        ([{"prune": {"widths": "latency"}}], "the speed-up to reach"),
        ([{"prune": {"structure": "unstructured", "speedup": 2.0}}], "changes no width"),
        ([{"prune": {"schedule": "iterative", "rounds": 9}}], "9 rounds need at least as many epochs"),
        ([{"quantize": {"method": "fp16", "keep_float": "auto"}}], "is for static and qat only"),
        ([{}], "one name with its options"),
        ([{"prune": {}, "distill": {}}], "one name with its options"),
    ],
)
def test_what_cannot_chain_is_refused_with_the_reason(steps: list[Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        compress_section({"impossible": steps})


@pytest.mark.parametrize(
    "steps",
    [
        ["distill", "prune", "quantize"],
        ["prune", "distill", "prune", "distill", "quantize"],
        ["separable", "prune", "quantize"],
        [{"prune": {"structure": "unstructured"}}, "distill", "share_weights"],
        [{"distill": {"student": "mobilenet_v3_small", "alpha": 0}}, "prune", {"quantize": {"method": "qat"}}],
    ],
)
def test_what_can_chain_is_taken(steps: list[Any]) -> None:
    assert len(compress_section({"possible": steps}).plan()["possible"]) == len(steps)


def test_the_ratio_of_the_section_may_be_given_too() -> None:
    assert isinstance(planned("prune").options, Prune)
    assert compress_section({"a": ["prune"]}, prune={"ratio": 0.3}).plan()["a"][0].options.ratio == 0.3
