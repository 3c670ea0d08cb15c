"""Networks of clips by name: what goes in and out, and who sees whom."""

from __future__ import annotations

import subprocess
import sys

import onnx
import onnxruntime
import pytest
import torch

from pipeline.clip_networks import CLIP_ARCHITECTURES, build_clip_network
from pipeline.clip_networks.networks import FrameNetwork
from pipeline.clip_networks.temporal_shift import shifts_of
from pipeline.errors import EdgeboardError
from pipeline.export import tensorrt_check
from pipeline.export.onnx_file import export_onnx
from tests.clip_networks.settled import settled

T, S, N_CLASSES = 4, 32, 5
QUICK = ("tsn_mobilenet_v2", "tsm_resnet8", "tsm_resnet18", "tsm_mobilenet_v2")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CLIP_ARCHITECTURES]


def network(name: str, shift: str = "causal") -> torch.nn.Module:
    torch.manual_seed(0)
    return settled(build_clip_network(name, N_CLASSES, T, S, shift), clips(4))  # type: ignore[arg-type]


def clips(n: int = 2) -> torch.Tensor:
    return torch.randn(n, T, 3, S, S, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", EVERY)
def test_clips_become_logits_and_the_exported_file_says_the_same(name: str, tmp_path) -> None:
    made = network(name, "both")
    with torch.no_grad():
        logits = made(clips())
    assert logits.shape == (2, N_CLASSES)
    assert logits.std() > 0
    assert {key.split(".")[0] for key in made.state_dict()} == {"backbone", "cls_head"}
    assert made.state_dict()["cls_head.fc_cls.weight"].shape[0] == N_CLASSES

    export_onnx(made, S, tmp_path / "clip.onnx", opset=13)
    model = onnx.load(tmp_path / "clip.onnx")
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*model.graph.input, *model.graph.output)]
    assert shapes == [[1, T, 3, S, S], [1, N_CLASSES]]
    assert model.opset_import[0].version == 13
    session = onnxruntime.InferenceSession(str(tmp_path / "clip.onnx"))
    exported = torch.from_numpy(session.run(None, {"frames": clips()[:1].numpy()})[0])
    assert (exported - logits[:1]).abs().max() < 1e-3 * logits[:1].abs().max()


@pytest.mark.skipif(not tensorrt_check.is_available(), reason="tensorrt-rtx is not installed")
@pytest.mark.parametrize("name", ["tsm_mobilenet_v2"])
def test_tensorrt_accepts_the_file(name: str, tmp_path) -> None:
    export_onnx(network(name), S, tmp_path / "clip.onnx", opset=13)
    assert tensorrt_check.check(tmp_path / "clip.onnx")["accepted"]


@pytest.mark.parametrize(("shift", "seen"), [("causal", {2, 3}), ("both", {1, 2, 3})])
def test_a_frame_is_seen_by_those_behind_it_and_with_both_by_those_before_it(shift: str, seen: set[int]) -> None:
    made = network("tsm_resnet8", shift)
    assert isinstance(made, FrameNetwork)
    other = clips(1)
    other[0, 2] += 1
    with torch.no_grad():
        changed = (made.frame_logits(clips(1)[0]) - made.frame_logits(other[0])).abs().amax(1) > 0
    assert seen <= set(changed.nonzero().flatten().tolist())
    assert shift == "both" or not changed[:2].any()


def test_without_a_shift_the_order_of_frames_says_nothing_and_with_one_it_does() -> None:
    backwards = clips().flip(1)
    with torch.no_grad():
        for name, same in (("tsn_mobilenet_v2", True), ("tsm_mobilenet_v2", False)):
            made = network(name)
            difference = (made(clips()) - made(backwards)).abs().max() / made(clips()).abs().max()
            assert (difference < 1e-4) == same, f"{name}: {difference}"


@pytest.mark.parametrize("name", ["tsm_resnet8", "tsn_mobilenet_v2", "tsm_mobilenet_v2"])
def test_the_answer_to_a_clip_is_the_mean_of_its_frames(name: str) -> None:
    made = network(name)
    assert isinstance(made, FrameNetwork)
    with torch.no_grad():
        of_frames = made.frame_logits(clips(1)[0]).mean(0, keepdim=True)
        assert torch.allclose(of_frames, made(clips(1)), rtol=1e-4, atol=1e-7 + 1e-4 * float(of_frames.abs().max()))


def test_the_same_seed_makes_the_same_network_whatever_was_built_before() -> None:
    first, second = network("tsm_mobilenet_v2").state_dict(), network("tsm_mobilenet_v2").state_dict()
    assert list(first) == list(second)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert len(shifts_of(network("tsm_mobilenet_v2"))) == 10


def test_dropout_is_that_of_mmaction2_unless_told_otherwise() -> None:
    def ratio(name: str, dropout: float | None) -> float:
        made = build_clip_network(name, 2, T, S, dropout=dropout)
        return next((m.p for m in made.cls_head.modules() if isinstance(m, torch.nn.Dropout)), 0.0)

    assert ratio("tsm_resnet8", None) == 0.5
    assert ratio("tsn_mobilenet_v2", None) == 0.4
    assert ratio("tsm_resnet8", 0.0) == 0.0
    assert ratio("tsm_resnet8", 0.2) == 0.2


@pytest.mark.parametrize(
    ("name", "frames", "size", "said"),
    [
        ("tsm_mobilnet_v2", 4, 32, "tsm_mobilenet_v2"),
        ("resnet18", 4, 32, "tsm_resnet18"),
        ("?", 4, 32, "slowfast_resnet50"),
        ("tsm_resnet8", 0, 32, "at least 1 frame"),
        ("tsm_resnet8", 4, 16, "at least 32 px"),
        ("slowfast_resnet50", 5, 32, "even number"),
        ("slowfast_resnet50", 2, 32, "at least 4"),
        ("timesformer_small", 4, 40, "multiple of 16"),
    ],
)
def test_what_cannot_be_built_is_told(name: str, frames: int, size: int, said: str) -> None:
    with pytest.raises(EdgeboardError) as caught:
        build_clip_network(name, 2, frames, size)
    assert said in str(caught.value)


def test_a_clip_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="clips of 4 frames, not 6"):
        network("tsm_resnet8")(torch.zeros(2, 6, 3, S, S))


@pytest.mark.slow
def test_mmaction2_says_nothing_and_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; from pipeline.clip_networks import build_clip_network;"
        "assert not any(name.startswith(('mmaction', 'mmcv')) for name in sys.modules);"
        "build_clip_network('tsm_mobilenet_v2', 2, 4, 32)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
