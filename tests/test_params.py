from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import EdgeboardError
from pipeline.params import check_params, load_params
from tests.conftest import REPOSITORY

FIXED_TOP_KEYS = ["seed", "tasks", "data", "train", "compress", "export", "explain", "benchmark", "leaderboard"]


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((REPOSITORY / "params.yaml").read_text())


def changed(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(raw)
    *parents, last = path.split(".")
    section = copied
    for parent in parents:
        section = section[parent]
    section[last] = value
    return copied


def test_the_shipped_file_is_valid_and_has_the_fixed_top_keys(raw: dict[str, Any]) -> None:
    assert list(raw) == FIXED_TOP_KEYS
    assert check_params(raw).tasks == ["fire", "suspect"]


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("compress.ratio", "abc", ["compress.ratio", "'abc'", "above 0 and below 1"]),
        ("compress.ratio", "", ["compress.ratio", "''", "above 0 and below 1"]),
        ("compress.ratio", 1.5, ["compress.ratio", "1.5", "above 0 and below 1"]),
        ("compress.ratio", 0, ["compress.ratio", "above 0 and below 1"]),
        ("compress.ratio", float("nan"), ["compress.ratio", "nan"]),
        ("compress.ratio", True, ["compress.ratio", "True"]),
        ("compress.rato", 0.5, ["compress.rato", "unknown key", "did you mean ratio?"]),
        ("compres", {}, ["compres: unknown key", "did you mean compress?"]),
        ("train.fire.epoch", 3, ["train.fire.epoch: unknown key", "did you mean epochs?"]),
        ("train.fire.epochs", 0, ["train.fire.epochs", "at least 1"]),
        ("train.fire.pretrained", "missing.pth", ["train.fire.pretrained", "'missing.pth' does not exist"]),
        ("train.fire.pretrained", "imagenett", ["train.fire.pretrained", "neither none, imagenet nor"]),
        ("train.movement.pretrained", "imagenet", ["train.movement.pretrained", "neither none nor a .pth"]),
        ("train.devices", "all", ["train.devices", "'all'", "auto"]),
        ("train.precision", "bf16", ["train.precision", "'bf16'", "bf16-mixed"]),
        ("data.fire.source", "/not/there", ["data.fire.source", "'/not/there' does not exist"]),
        ("data.fire.split.train", 0.9, ["data.fire.split", "must be 1"]),
        ("data.fire", None, ["fire needs a section data.fire"]),
        ("tasks", [], ["tasks", "at least 1"]),
        ("tasks", ["fires"], ["no task 'fires'", "did you mean fire?"]),
        ("tasks", ["fire", "fire"], ["named twice"]),
        ("compress.recipes.compact", ["prunee"], ["compress.recipes.compact.0", "did you mean prune?"]),
        ("compress.recipes.compact", ["quantize", "prune"], ["compress.recipes.compact", "must be last"]),
        ("compress.recipes.compact", [], ["compress.recipes.compact", "names no step"]),
        ("compress.recipes.baseline", ["prune"], ["baseline is the trained network"]),
        ("compress.recipes", {"pruned": ["prune"]}, ["distilled, quantized, compact missing"]),
        ("compress", 3, ["compress", "3", "a section"]),
        ("leaderboard.weights", {"accuracy": 0, "size": 0, "fps": 0}, ["at least one weight"]),
    ],
)
def test_a_mistake_names_path_value_and_what_is_allowed(
    raw: dict[str, Any], path: str, value: Any, told: list[str]
) -> None:
    with pytest.raises(EdgeboardError) as caught:
        check_params(changed(raw, path, value))
    message = str(caught.value)
    assert "1 mistake" in message
    for part in told:
        assert part in message


@pytest.mark.parametrize(
    ("task", "changes", "told"),
    [
        ("movement", {"train.movement.clip_frames": 9}, "train.movement.clip_frames: clips of 8 frames"),
        ("movement", {"data.movement.seconds": 1.0}, "to see 8 frames, 8 are needed"),
        (
            "movement",
            {"data.movement.sampling": "dense", "data.movement.sampling_stride": 2},
            "clips of 8 frames (fps * seconds) are too short; to see 8 frames, 15 are needed",
        ),
        ("fire", {"data.movement.seconds": 1.0}, None),
    ],
)
def test_a_network_sees_no_more_frames_than_clips_have(
    raw: dict[str, Any], task: str, changes: dict[str, Any], told: str | None
) -> None:
    for path, value in {"tasks": [task], **changes}.items():
        raw = changed(raw, path, value)
    if told is None:
        assert check_params(raw).tasks == [task]
        return
    with pytest.raises(EdgeboardError) as caught:
        check_params(raw)
    assert told in str(caught.value)


def test_all_mistakes_come_in_one_message(raw: dict[str, Any]) -> None:
    wrong = changed(changed(changed(raw, "seed", -1), "compress.ratio", "x"), "train.fire.epochs", 0)
    with pytest.raises(EdgeboardError, match="3 mistakes") as caught:
        check_params(wrong)
    assert all(key in str(caught.value) for key in ("seed", "compress.ratio", "train.fire.epochs"))


def test_the_hash_depends_on_values_and_not_on_their_order(raw: dict[str, Any]) -> None:
    reordered = dict(reversed(raw.items()))
    assert check_params(raw).hash() == check_params(reordered).hash()
    assert check_params(raw).hash() != check_params(changed(raw, "seed", 8)).hash()


@pytest.mark.parametrize("content", [None, "a: [", "- 1\n", "", b"\xff\xfe\x00"])
def test_a_file_that_is_no_params_file_is_refused(tmp_path: Path, content: str | bytes | None) -> None:
    path = tmp_path / "params.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(EdgeboardError, match=r"params\.yaml"):
        load_params(path)
