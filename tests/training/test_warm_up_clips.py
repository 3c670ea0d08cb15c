"""Networks of clips learn on small frames first, also where they know frames of one size only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.artifact import untrained_network
from pipeline.errors import EdgeboardError
from pipeline.tasks import TASKS
from pipeline.training.warm_up import warm_up
from tests.clip_folder import CLASS_NAMES, clip_meta, clip_params, write_clip_folder


def warmed_up(
    tmp_path: Path, architecture: str, **options: Any
) -> tuple[torch.nn.Module, dict[str, torch.Tensor], Any]:
    """The network behind the warm-up, its state before, and the history."""
    changes = {"architecture": architecture, "small_epochs": 1, "small_size": 32, "clip_frames": 2, **options}
    params = clip_params(tmp_path, **{f"train__movement__{key}": value for key, value in changes.items()})
    data = write_clip_folder(tmp_path / "data", {"train": 4, "val": 2})
    torch.manual_seed(0)
    network = untrained_network(clip_meta(params))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    told = warm_up(
        network, architecture, CLASS_NAMES, TASKS["movement"], params, data, tmp_path / "c", "train", "nothing"
    )
    assert told is not None
    return network, before, told.history


@pytest.mark.parametrize("architecture", ["tsm_resnet8", pytest.param("timesformer_small", marks=pytest.mark.slow)])
def test_small_frames_teach_what_larger_ones_go_on_from(tmp_path: Path, architecture: str) -> None:
    network, before, history = warmed_up(tmp_path, architecture, frame_size=48)
    assert history["crops"] is None
    assert len(history["small_frames"]["epochs"]) == 1
    after = network.state_dict()
    assert {name: tensor.shape for name, tensor in after.items()} == {n: t.shape for n, t in before.items()}
    learnt = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert len(learnt) > len(list(network.parameters())) / 2, "from its first layer to its last"
    first_kernel = next(name for name, parameter in network.named_parameters() if parameter.ndim == 4)
    assert {first_kernel, "cls_head.fc_cls.weight"} <= learnt
    with torch.no_grad():
        assert torch.isfinite(network.eval()(torch.randn(1, 2, 3, 48, 48))).all()


def test_small_frames_that_the_network_cannot_see_are_told_by_their_option(tmp_path: Path) -> None:
    with pytest.raises(EdgeboardError, match="cannot see clips of this size") as caught:
        warmed_up(tmp_path, "timesformer_small", frame_size=48, small_size=40)
    assert caught.value.where == "train.<task>.small_size"
    assert "multiple of 16" in str(caught.value)
