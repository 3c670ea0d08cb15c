"""`python -m stages.check`: a table or JSON, and an exit code that a script can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import BAD_INPUT_EXIT_CODE
from stages import check
from tests.conftest import REPOSITORY
from tests.readiness.small_models import one_node, quantized_weights, write


def run_check(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["check", *arguments])
    try:
        check.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(quantized_weights(axis=0), tmp_path, "int8.onnx")
    write(one_node("Mod", "x k", tensors={"k": np.ones(8, np.float32)}, fmod=1), tmp_path, "mod.onnx")
    write(one_node("MaxPool", "x", "y i", kernel_shape=[2, 2]), tmp_path, "[red]pool.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "options", "code", "words"),
    [
        ("int8.onnx", ["--board", "xavier"], 0, ["JetPack 5.1–5.1.6 · TensorRT 8.5.2: ready", "at int8 on Jetson AGX"]),
        ("int8.onnx", ["--board", "nano"], 1, ["TensorRT 8.2.1: not ready", "Jetson Nano has no int8"]),
        ("int8.onnx", ["--board", "nano", "--engine", "onnxruntime"], 0, ["ONNX Runtime 1.10.0: ready"]),
        ("mod.onnx", ["--board", "xavier"], 1, ["TensorRT 8.2 has no such operator; known from 8.5 on", "fold the"]),
        ("mod.onnx", ["--board", "xavier", "--jetpack", "5.1"], 0, ["8.5.2: ready"]),
        (
            "[red]pool.onnx",
            ["--board", "orin"],
            1,
            ["[red]pool.onnx", "maxpool", "indices", "judged by the rules of 10.3"],
        ),
    ],
)
def test_the_table_says_what_the_exit_code_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    file: str, options: list[str], code: int, words: list[str],
) -> None:  # fmt: skip
    assert run_check(monkeypatch, str(folder / file), *options) == code
    printed = capsys.readouterr().out
    for word in words:
        assert word in printed


@pytest.mark.parametrize(
    ("file", "options", "words"),
    [
        ("text.onnx", ["--board", "nano"], ["not an ONNX model", "text.onnx"]),
        ("none.onnx", ["--board", "nano"], ["There is no such file"]),
        ("int8.onnx", ["--board", "xaver"], ["board is not known", "did you mean xavier"]),
        ("int8.onnx", [], ["board is not known", "nano, tx2, xavier"]),
        ("int8.onnx", ["--board", "nano", "--precision", "int4"], ["fp32, fp16, int8"]),
        ("int8.onnx", ["--board", "nano", "--engine", "tvm"], ["tensorrt, onnxruntime"]),
        ("int8.onnx", ["--board", "nano", "--jetpack", "6.0"], ["JetPack of the Jetson Nano", "4.6"]),
    ],
)
def test_a_question_without_sense_ends_with_2_and_one_message(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    file: str, options: list[str], words: list[str],
) -> None:  # fmt: skip
    assert run_check(monkeypatch, str(folder / file), *options) == BAD_INPUT_EXIT_CODE
    told = capsys.readouterr()
    assert told.out == ""
    for word in words:
        assert word in told.err


def test_json_is_all_that_is_printed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_check(monkeypatch, str(folder / "mod.onnx"), "--board", "nano", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["ready"], told["board"], told["precision"]) == (False, "nano", "fp32")
    assert [one["rule"] for one in told["verdicts"][0]["findings"]] == ["operator"]


def test_it_needs_no_torch(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from pipeline.readiness.board_check import check_for_board;"
        f"check_for_board(Path({str(folder / 'int8.onnx')!r}), 'nano');"
        "sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, env=os.environ, check=False)
    assert done.returncode == 0
