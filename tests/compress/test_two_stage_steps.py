"""A detector of two stages through the steps of compression: what can be followed, and what stays float."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from pipeline.compress.distillation.teaching import _soft_loss
from pipeline.compress.pruning.prune import RATIO_TOLERANCE, prune_to_ratio
from pipeline.compress.quantization.graph_layers import layers_of, tail_of
from pipeline.compress.quantization.quantized_graph import prepare
from pipeline.detectors import TwoStageDetector
from pipeline.export.onnx_file import export_onnx
from pipeline.networks import count_parameters
from pipeline.tasks import TASKS
from tests.compress.sections import planned
from tests.detection_folder import SIZE, new_detector

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def detector() -> TwoStageDetector:
    network = new_detector(NAME, seed=0)
    assert isinstance(network, TwoStageDetector)
    return network


@pytest.mark.slow
def test_backbone_and_second_stage_get_narrower_and_the_first_stage_stays(detector: TwoStageDetector) -> None:
    options = planned("prune", structure="block", criterion="l2").options
    pruned, _ = prune_to_ratio(detector, SIZE, 0.5, options)
    assert 1 - count_parameters(pruned) / count_parameters(detector) == pytest.approx(0.5, abs=RATIO_TOLERANCE)
    narrow, wide = (one.get_submodule("model") for one in (pruned, detector))
    assert narrow.roi_heads.box_head.fc6.out_features < wide.roi_heads.box_head.fc6.out_features
    assert narrow.backbone.body["0"][0].out_channels <= wide.backbone.body["0"][0].out_channels
    assert narrow.rpn.head.cls_logits.weight.shape == wide.rpn.head.cls_logits.weight.shape
    with torch.no_grad():
        frames = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
        assert pruned(frames).shape == detector(frames).shape


def test_boxes_between_the_stages_stay_float_and_all_layers_do_not(detector: TwoStageDetector, tmp_path: Path) -> None:
    export_onnx(detector, SIZE, tmp_path / "float.onnx", opset=13)
    model = prepare(tmp_path / "float.onnx", tmp_path / "prepared.onnx")
    tail, ops = set(tail_of(model)), {node.name: node.op_type for node in model.graph.node}
    for op in ("TopK", "GatherElements", "Exp", "ReduceMax", "Abs"):
        of_op = {name for name, kind in ops.items() if kind == op}
        assert of_op
        assert of_op <= tail, op
    assert not tail & layers_of(model).keys()
    assert not {name for name, kind in ops.items() if kind in ("Conv", "Gemm")} & tail
    assert onnx.checker.check_model(model) is None


def test_a_student_of_its_own_teacher_has_nothing_to_learn(detector: TwoStageDetector) -> None:
    frames = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    loss = _soft_loss(TASKS["suspect"], detector, 2.0)
    with torch.no_grad():
        taught = detector.eval()(frames)
        same, other = (loss(detector.model.backbone(one), taught) for one in (frames, frames.flip(3)))
    assert float(same) == pytest.approx(0, abs=1e-4)
    assert float(other) > 1e-3
