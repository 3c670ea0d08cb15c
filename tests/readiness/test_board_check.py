"""Boards differ in what they can: precisions, versions of TensorRT, and the ONNX Runtime of their Python."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from pipeline.errors import EdgeboardError
from pipeline.readiness.board_check import check_for_board
from pipeline.readiness.boards import boards, find_board
from pipeline.readiness.graph import read_model
from pipeline.readiness.rulebook import rules_for
from pipeline.readiness.runtime import check_runtime
from tests.readiness.small_models import POINT_WEIGHTS, one_node, quantized_weights, write

FLOAT = one_node("Conv", "x w", tensors={"w": POINT_WEIGHTS})
INT8 = quantized_weights(axis=0)
MOD = one_node("Mod", "x k", tensors={"k": np.ones(8, np.float32)}, fmod=1)


@pytest.mark.parametrize(
    ("board", "model", "precision", "ready", "rules"),
    [
        ("nano", FLOAT, None, True, set()),
        ("nano", FLOAT, "fp16", True, set()),
        ("nano", INT8, None, False, {"precision"}),
        ("tx2", INT8, "int8", False, {"precision"}),
        ("xavier", INT8, None, True, set()),
        ("xavier", INT8, "fp16", False, {"precision"}),
        ("xavier", FLOAT, "int8", True, {"precision"}),
        ("nano", MOD, None, False, {"operator"}),
        ("orin", MOD, None, True, set()),
        ("thor", INT8, "int8", True, set()),
    ],
)
def test_precision_and_version_decide(
    tmp_path: Path, board: str, model: onnx.ModelProto, precision: str | None, ready: bool, rules: set[str]
) -> None:
    readiness = check_for_board(write(model, tmp_path), board, precision)
    assert readiness.ready == ready
    assert {one.rule for verdict in readiness.verdicts for one in verdict.findings} == rules


@pytest.mark.parametrize(("model", "precision"), [(FLOAT, "fp32"), (INT8, "int8"), (one_node("Add", "x x"), "fp32")])
def test_the_precision_is_that_of_the_file_where_none_is_asked_for(
    tmp_path: Path, model: onnx.ModelProto, precision: str
) -> None:
    assert check_for_board(write(model, tmp_path), "orin").precision == precision


def test_float16_weights_make_it_fp16(tmp_path: Path) -> None:
    f16 = onnx.TensorProto.FLOAT16
    inputs, outputs = [("x", f16, [1, 8])], [("y", f16, None)]
    half = one_node("Add", "x w", tensors={"w": np.ones(8, np.float16)}, inputs=inputs, outputs=outputs)
    assert check_for_board(write(half, tmp_path), "nano").precision == "fp16"


def test_every_jetpack_of_a_board_has_its_verdict(tmp_path: Path) -> None:
    readiness = check_for_board(write(MOD, tmp_path), "xavier")
    assert [(one.version, one.ready) for one in readiness.verdicts] == [("8.2.1", False), ("8.5.2", True)]
    assert not readiness.ready
    only = check_for_board(tmp_path / "model.onnx", "xavier", jetpack="5.1")
    assert [one.version for one in only.verdicts] == ["8.5.2"]
    assert only.ready


def test_a_version_that_has_no_rules_says_whose_were_used(tmp_path: Path) -> None:
    verdicts = check_for_board(write(FLOAT, tmp_path), "orin").verdicts
    assert {one.version: one.judged_by for one in verdicts} == {
        "8.5.2": None, "8.6.2": None, "10.3.0": None, "10.16.2": "10.3",
    }  # fmt: skip


def test_readiness_is_json(tmp_path: Path) -> None:
    told = json.loads(json.dumps(check_for_board(write(MOD, tmp_path), "nano").as_json(), allow_nan=False))
    assert told["ready"] is False
    assert told["verdicts"][0]["errors"] == 1
    assert told["verdicts"][0]["findings"][0]["node"] == "mod"


@pytest.mark.parametrize(
    ("options", "value", "allowed"),
    [
        ({"precision": "int4"}, "int4", "fp32, fp16, int8"),
        ({"engine": "tvm"}, "tvm", "tensorrt, onnxruntime"),
        ({"jetpack": "6.0"}, "6.0", "4.6, 5.1"),
    ],
)
def test_an_unknown_name_is_told_with_the_known_ones(
    tmp_path: Path, options: dict[str, Any], value: str, allowed: str
) -> None:
    with pytest.raises(EdgeboardError, match="There is no such") as caught:
        check_for_board(write(FLOAT, tmp_path), "xavier", **options)
    assert (caught.value.value, caught.value.allowed) == (value, allowed)


@pytest.mark.parametrize("name", ["xavier_nx", "Xavier NX", "xavier-nx", " JETSON XAVIER NX "])
def test_a_board_is_known_however_it_is_written(name: str) -> None:
    assert find_board(name).key == "xavier_nx"


@pytest.mark.parametrize(("name", "near"), [("orim_nano", "orin_nano"), ("xaver", "xavier"), ("nanoo", "nano")])
def test_an_unknown_board_is_told_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(EdgeboardError, match="not known") as caught:
        find_board(name)
    assert near in str(caught.value.mend)


@pytest.mark.parametrize("name", ["", "raspberry", "??"])
def test_a_board_that_is_like_none_is_told_with_all(name: str) -> None:
    with pytest.raises(EdgeboardError, match="not known") as caught:
        find_board(name)
    assert caught.value.mend is None
    assert set(str(caught.value.allowed).split(", ")) == set(boards())


def test_the_table_of_boards_holds_together() -> None:
    assert set(boards()) == {"nano", "tx2", "xavier", "xavier_nx", "orin", "orin_nx", "orin_nano", "thor"}
    for board in boards().values():
        assert set(board.precisions) <= {"fp32", "fp16", "int8"}
        assert board.releases
        assert min(board.memory_gb) > 0
        for release in board.releases:
            assert rules_for(release.tensorrt).operators
            assert release.trtexec.endswith("/trtexec")
    without_int8 = {key for key, board in boards().items() if "int8" not in board.precisions}
    assert without_int8 == {"nano", "tx2"}
    assert {board.sm for board in boards().values() if board.soc == "tegra194"} == {72}


@pytest.mark.parametrize(
    ("model", "board", "rules"),
    [
        (one_node("Relu", opset=15), "nano", set()),
        (one_node("Relu", opset=16), "nano", {"opset"}),
        (one_node("Relu", opset=16), "xavier_nx", {"opset"}),
        (one_node("Relu", opset=16), "orin", set()),
        (one_node("Relu", domains={"ai.onnx.ml": 2}), "nano", set()),
        (one_node("Relu", domains={"ai.onnx.ml": 5}), "nano", {"opset"}),
        (one_node("Relu", domains={"ai.onnx.ml": 5}), "orin", set()),
        (one_node("Gelu", domain="com.microsoft", domains={"com.microsoft": 1}), "orin", {"domain"}),
        (INT8, "nano", set()),
        (MOD, "nano", set()),
    ],
)
def test_the_onnx_runtime_of_the_board_reads_only_what_is_not_newer(
    tmp_path: Path, model: onnx.ModelProto, board: str, rules: set[str]
) -> None:
    readiness = check_for_board(write(model, tmp_path), board, engine="onnxruntime")
    assert {one.rule for verdict in readiness.verdicts for one in verdict.findings} == rules


def test_the_ir_version_is_for_the_runtime_alone(tmp_path: Path) -> None:
    model = one_node("Relu")
    model.ir_version = 8
    path = write(model, tmp_path)
    assert [one.rule for one in check_for_board(path, "nano", engine="onnxruntime").verdicts[0].findings] == [
        "ir-version"
    ]
    assert check_for_board(path, "nano").ready
    assert check_for_board(path, "orin", engine="onnxruntime").ready


def test_the_limits_of_a_runtime_are_those_of_the_installed_one(tmp_path: Path) -> None:
    """Where this machine has the version that a board has, the table must agree with what it does."""
    import onnxruntime

    known = {r.onnxruntime.version: r.onnxruntime for board in boards().values() for r in board.releases}
    if onnxruntime.__version__ not in known:
        pytest.skip(f"no board has onnxruntime {onnxruntime.__version__}")
    runtime = known[onnxruntime.__version__]
    newest = {"opset": runtime.opset, "ir_version": runtime.ir, "domains": {"ai.onnx.ml": runtime.ml_opset}}
    cases = [
        newest,
        {**newest, "opset": runtime.opset + 1},
        {**newest, "ir_version": runtime.ir + 1},
        {**newest, "domains": {"ai.onnx.ml": runtime.ml_opset + 1}},
    ]
    for i, case in enumerate(cases):
        model = one_node("Relu", opset=case["opset"], domains=case["domains"])
        model.ir_version = case["ir_version"]
        findings = [*check_runtime(read_model(write(model, tmp_path)), runtime)]
        try:
            onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
            loads = True
        except Exception:  # its own kinds are not public
            loads = False
        assert loads == (i == 0)
        assert (findings == []) == loads


def test_a_dla_that_the_board_has_not(tmp_path: Path) -> None:
    path = write(FLOAT, tmp_path)
    assert [one.rule for one in check_for_board(path, "nano", dla=True).verdicts[0].findings] == ["dla"]
    assert [one.rule for one in check_for_board(path, "xavier", dla=True).verdicts[0].findings] == []


def test_a_verdict_with_warnings_alone_is_ready(tmp_path: Path) -> None:
    verdict = check_for_board(write(FLOAT, tmp_path), "xavier", "int8").verdicts[0]
    assert [one.severity for one in verdict.findings] == ["warning"]
    assert verdict.ready
    assert not replace(verdict, findings=[replace(verdict.findings[0], severity="error")]).ready
