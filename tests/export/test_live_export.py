"""The live form at export: compared with the clip form for the same engine, and judged as every file that ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from pipeline.artifact import Meta
from pipeline.clip_networks import build_clip_network
from pipeline.data.frames import normalise
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.live_export import export_live_form
from pipeline.export.live_file import LIVE_FILE, LIVE_FOLDER, write_live
from pipeline.export.live_onnx import export_live
from pipeline.export.onnx_file import export_onnx
from pipeline.params import Export
from tests.clip_networks.settled import settled

T, S, NAMES = 4, 32, ["a", "b", "c"]
OPTIONS = Export(opset=13, parity_frames=8, parity_tolerance=1e-3, min_agreement=0.9, tensorrt_check="auto")
CLIPS = np.random.default_rng(0).integers(0, 255, (8, T, S, S, 3), dtype=np.uint8)
AS = Path("exports/movement/compact")
needs_parser = pytest.mark.skipif(
    not tensorrt_check.is_available(), reason="tensorrt-rtx has no wheel for this platform"
)


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    made = build_clip_network("tsm_resnet8", len(NAMES), T, S, "causal", modality="difference")
    return settled(made, torch.from_numpy(normalise(CLIPS)))


def meta(**changes: object) -> Meta:
    values = {"clip_frames": T, "shift": "causal", "modality": "difference", **changes}
    return Meta("movement", "tsm_resnet8", NAMES, S, [], **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact with graphs of its own for both engines, and `out` beside it with the clip forms."""
    folder = tmp_path_factory.mktemp("quantized")
    live = folder / "artifact" / LIVE_FOLDER
    live.mkdir(parents=True)
    (folder / "out").mkdir()
    own = network(0)
    export_onnx(own, S, folder / "out" / "model.onnx", 13)
    shutil.copy(folder / "out" / "model.onnx", folder / "out" / "model.tensorrt.onnx")
    description = export_live(own, S, live / "onnxruntime.onnx", 13)
    shutil.copy(live / "onnxruntime.onnx", live / "tensorrt.onnx")
    write_live(live, "onnxruntime.onnx", description)
    export_live(network(1), S, folder / "another.onnx", 13)
    return folder


@pytest.fixture
def copied(quantized: Path, tmp_path: Path) -> Path:
    shutil.copytree(quantized, tmp_path / "here")
    return tmp_path / "here"


def exported(folder: Path, options: Export = OPTIONS) -> dict[str, object]:
    made = meta(graphs={"onnxruntime": "o.onnx", "tensorrt": "t.onnx"}, precision="int8")
    told = export_live_form(folder / "artifact", made, network(0), folder / "out", AS, CLIPS, options)
    assert told is not None
    return told


def test_a_float_live_form_is_judged_for_tensorrt(tmp_path: Path) -> None:
    own = network(0)
    export_onnx(own, S, tmp_path / "model.onnx", 13)
    told = export_live_form(tmp_path, meta(), own, tmp_path, AS, CLIPS, OPTIONS)
    assert told is not None
    assert told["verdicts"]["accepted"] is (True if tensorrt_check.is_available() else None)
    assert {one["ready"] for one in told["verdicts"]["by_version"].values()} == {True}
    assert told["tensorrt"] == told["file"] == f"{AS}/live.onnx"
    assert told["parity"] == told["parity_tensorrt"]
    assert told["parity"]["agreement"] == 1
    assert (tmp_path / LIVE_FILE).is_file()


@pytest.mark.parametrize("engine", ["onnxruntime", "tensorrt"])
def test_each_file_must_decide_as_the_clip_form_for_its_engine(copied: Path, engine: str) -> None:
    told = exported(copied)
    assert (told["parity"]["agreement"], told["parity_tensorrt"]["agreement"]) == (1, 1)  # type: ignore[index]
    shutil.copy(copied / "another.onnx", copied / "artifact" / LIVE_FOLDER / f"{engine}.onnx")
    with pytest.raises(EdgeboardError, match=f"live form for {engine} decides otherwise") as caught:
        exported(copied)
    assert "export.min_agreement = 90.0%" in str(caught.value)
    lenient = exported(copied, OPTIONS.model_copy(update={"min_agreement": 0.0}))
    apart = lenient["parity" if engine == "onnxruntime" else "parity_tensorrt"]
    assert apart["agreement"] < 0.9  # type: ignore[index]


@needs_parser
def test_a_live_file_that_tensorrt_does_not_read_is_no_export(copied: Path) -> None:
    """ONNX Runtime does: only the parser finds it."""
    file = copied / "artifact" / LIVE_FOLDER / "tensorrt.onnx"
    model = onnx.load(file)
    model.graph.initializer.append(numpy_helper.from_array(np.eye(2, dtype=np.float32), "square"))
    model.graph.node.append(helper.make_node("Det", ["square"], ["further"], name="the_odd_one"))
    model.graph.output.append(helper.make_tensor_value_info("further", TensorProto.FLOAT, []))
    onnx.save(model, file)
    with pytest.raises(EdgeboardError, match="TensorRT's parser refuses") as caught:
        exported(copied)
    assert "the_odd_one" in str(caught.value)
    assert f"{AS}/live.tensorrt.onnx" in str(caught.value)
