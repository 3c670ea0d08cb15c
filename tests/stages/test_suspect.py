"""The task suspect through every stage under real DVC, at tiny size."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnxruntime import InferenceSession

from pipeline.export.head_file import read_head
from pipeline.tasks.boxes import decode_detections
from tests.conftest import TINY, TINY_SUSPECT, copy_repository, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = copy_repository(tmp_path_factory.mktemp("suspect") / "edgeboard", TINY | TINY_SUSPECT)
    (clone / "repro.log").write_text(run([sys.executable, "-m", "stages.repro"], clone).stdout)
    return clone


def test_the_board_has_every_variant_of_the_detector(repository: Path) -> None:
    rows = pd.read_csv(repository / "results/leaderboard.csv").set_index("variant")
    assert sorted(rows.index) == VARIANTS
    assert set(rows["metric"]) == {"mAP@50"}
    assert set(rows["n_test"]) == {8}
    assert rows[["accuracy", "map50_95", "size_mb", "fps", "speedup", "xai_drift"]].notna().all().all()
    # After one epoch every mask may have the same answer: such a map is constant and has no faithfulness.
    assert "xai_faithfulness" in rows
    assert rows.loc["compact", "size_mb"] < rows.loc["baseline", "size_mb"] / 2
    assert "ssd320_resnet8" in rows.loc["compact", "recipe"]
    assert rows.loc[["baseline", "quantized", "compact"], "precision"].tolist() == ["fp32", "int8", "int8"]


def test_every_exported_file_can_be_read_with_what_lies_beside_it(repository: Path) -> None:
    report = json.loads((repository / "exports/suspect/report.json").read_text())
    frames = np.zeros((1, 3, 96, 96), dtype=np.float32)
    for name, one in report["variants"].items():
        head = read_head(repository / one["head"])
        heads = InferenceSession(repository / one["file"], providers=["CPUExecutionProvider"]).run(
            None, {"frames": frames}
        )
        assert heads[0].shape == (1, len(head["anchors_xyxy"]), 2 + 1 + 4), name
        found = decode_detections(heads[0][0], {**head, "score_threshold": 0.001})
        assert found.boxes_xyxy.shape == (len(found.labels), 4)
        assert 0 < head["operating_threshold"] <= 1
        assert one["tensorrt"]["accepted"] in (True, None)


def test_the_rows_of_anchors_are_float_in_int8_files(repository: Path) -> None:
    graph = onnx.load(repository / "exports/suspect/quantized/model.onnx").graph
    last = next(node for node in graph.node if graph.output[0].name in node.output)
    makers = {name: node for node in graph.node for name in node.output}
    assert last.op_type == "Concat"
    assert not [name for name in last.input if makers[name].op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert any(node.op_type == "QuantizeLinear" for node in graph.node)


def test_pictures_show_where_it_fails(repository: Path) -> None:
    pictures = {path.name for path in (repository / "results/benchmark/suspect").iterdir()}
    assert {f"{variant}.pr.png" for variant in VARIANTS} <= pictures
    explained = json.loads((repository / "results/explain/suspect/report.json").read_text())
    assert explained["method"] == "d-rise"
    for one in explained["variants"].values():
        assert (repository / one["sheet"]).stat().st_size > 1000


def test_a_second_run_changes_nothing(repository: Path) -> None:
    before = (repository / "dvc.lock").read_bytes()
    log = run([sys.executable, "-m", "stages.repro"], repository).stdout
    assert (repository / "dvc.lock").read_bytes() == before
    ran = [line.split("] ")[1].split(" ")[0] for line in log.splitlines() if line.startswith("[") and "] " in line]
    assert ran == ["probe", "publish"]
