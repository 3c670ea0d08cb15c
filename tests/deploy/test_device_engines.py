"""Engines that are built on the board: kept, thrown away, and builds that end badly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from edgeboard_device import engines, measure
from edgeboard_device.files import DeviceError

MODEL = {"precision": "fp16", "sha256": "a" * 64, "path": "model.onnx", "label": "fire-baseline-fp16"}
FACTS = {"tensorrt": "8.5.2", "sm": "72", "has_int8": True, "memory_mib": 8000}
_BUILD = 'for word; do case $word in --saveEngine=*) printf engine >"${word#*=}";; esac; done'


def _engine(folder: Path, script: str = _BUILD, **facts: Any) -> engines.TensorRT:
    """With a trtexec that does what the script says, and counts how often it was asked."""
    tool = folder / "trtexec"
    tool.write_text(f"#!/bin/sh\necho >>{folder}/calls\n{script}\n")
    tool.chmod(0o755)
    for name in ("engines", "work"):
        (folder / name).mkdir(exist_ok=True)
    facts = {**FACTS, "trtexec": str(tool), **facts}
    return engines.TensorRT(facts, str(folder), str(folder / "engines"), str(folder / "work"))


def _builds(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def _plans(folder: Path) -> list[Path]:
    return sorted((folder / "engines").glob("*.plan"))


@pytest.mark.parametrize(
    ("changed_facts", "changed_model", "builds"),
    [
        ({}, {}, 1),
        ({"memory_mib": 8100}, {}, 1),
        ({"tensorrt": "8.6.2"}, {}, 2),
        ({"sm": "87"}, {}, 2),
        ({}, {"sha256": "b" * 64}, 2),
        ({}, {"precision": "int8"}, 2),
    ],
    ids=["the same", "as much memory", "another TensorRT", "another GPU", "another file", "other flags"],
)
def test_a_kept_engine_is_used_for_the_same_only(
    tmp_path: Path, changed_facts: dict[str, Any], changed_model: dict[str, Any], builds: int
) -> None:
    assert _engine(tmp_path).open(MODEL)["cached"] is False
    again = _engine(tmp_path, **changed_facts).open({**MODEL, **changed_model})
    assert again["cached"] is (builds == 1)
    assert _builds(tmp_path) == builds


@pytest.mark.parametrize("spoil", ["cut off", "without its card", "a card that is cut off"])
def test_a_kept_engine_that_went_bad_is_built_again(tmp_path: Path, spoil: str) -> None:
    _engine(tmp_path).open(MODEL)
    (plan,) = _plans(tmp_path)
    if spoil == "cut off":
        plan.write_bytes(b"eng")
    elif spoil == "without its card":
        plan.with_suffix(".json").unlink()
    else:
        plan.with_suffix(".json").write_text("{")
    assert _engine(tmp_path).open(MODEL)["cached"] is False
    assert _plans(tmp_path) == [plan]
    assert plan.read_bytes() == b"engine"
    assert _engine(tmp_path).open(MODEL)["cached"] is True


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("true", "wrote no engine"),
        (_BUILD.replace("printf engine", "printf ''"), "wrote no engine"),
        (f"{_BUILD}; kill -9 $$", "most likely the board ran out of memory"),
        (f"{_BUILD}; exit 1", r"trtexec failed \(rc 1\)"),
    ],
    ids=["no file, as on a full disk", "an empty file", "killed while it wrote", "failed after it wrote"],
)
def test_a_build_that_ends_badly_leaves_nothing(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        _engine(tmp_path, script).open(MODEL)
    assert _plans(tmp_path) == []
    assert not list((tmp_path / "work").glob("*.plan"))


def test_int8_where_the_gpu_has_none(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="has no int8"):
        _engine(tmp_path, has_int8=False, sm="53").open({**MODEL, "precision": "int8"})
    assert not (tmp_path / "calls").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full needs Linux's /dev/full")
@pytest.mark.parametrize("step", ["build", "time"])
def test_a_disk_that_fills_up_costs_a_variant_and_not_the_run(tmp_path: Path, step: str) -> None:
    engine = _engine(tmp_path, f"echo working; {_BUILD}")
    if step == "time":
        engine.open(MODEL)
    engine._log = lambda *_: "/dev/full"  # type: ignore[method-assign]
    result: dict[str, Any] = {"builds": [], "checks": [], "errors": [], "samples": []}
    bundle = _Bundle()
    said: list[str] = []
    if step == "build":
        assert measure._prepare(engine, bundle, _OF_A_BUNDLE, result, said.append) is False
    else:
        options = {**measure.DEFAULTS, "rounds": 2}
        measure._time_in_turn([(engine, bundle, _OF_A_BUNDLE)], options, result, said.append)
    (error,) = result["errors"]
    assert error["step"] == step
    assert "No space is left on the board's disk" in error["words"]
    assert "run the same command again" in error["mend"]
    assert any("NOT TIMED" in line for line in said)
    assert result["samples"] == []


_OF_A_BUNDLE = {**MODEL, "variant": "baseline", "input": "frames"}


class _Bundle:
    """As much of a bundle as a step asks for before the disk is full."""

    task, outputs = "fire", "classification"

    def frames(self, _model: dict[str, Any]) -> list[str]:
        return ["frame.f32"]
