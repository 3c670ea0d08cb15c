"""Weights from mmaction2's own trainings, from another shift and from frames of another size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.clip_networks import build_clip_network
from pipeline.clip_networks.checkpoints import with_positions_of
from pipeline.clip_networks.live import has_live_form
from pipeline.clip_networks.networks import ClipNetwork
from pipeline.clip_networks.temporal_shift import Shift, shifts_of
from pipeline.errors import EdgeboardError
from pipeline.networks import load_pretrained

NAME = "tsm_resnet8"


def network(seed: int, shift: Shift = "causal", n_classes: int = 3) -> ClipNetwork:
    torch.manual_seed(seed)
    return build_clip_network(NAME, n_classes, 4, 32, shift)


def checkpoint_of_mmengine(of: ClipNetwork) -> dict[str, Any]:
    """As mmengine's Runner.save_checkpoint puts it together."""
    from mmengine.logging import HistoryBuffer

    losses = HistoryBuffer()
    losses.update(1.5)
    logged = {"log_scalars": {"train/loss": losses}, "runtime_info": {"iter": 3, "lr": np.float64(0.1)}}
    weights = {name: tensor for name, tensor in of.state_dict().items() if "_extra_state" not in name}
    return {"meta": {"epoch": 1, "cfg": "model = dict()"}, "state_dict": weights, "message_hub": logged}


@pytest.mark.parametrize("numpy_1", [False, True])
def test_a_checkpoint_of_mmaction2_is_read_without_its_log(tmp_path: Path, numpy_1: bool) -> None:
    donor, path = network(0, "both", n_classes=7), tmp_path / "epoch_1.pth"
    torch.save(checkpoint_of_mmengine(donor), path, _use_new_zipfile_serialization=not numpy_1)
    if numpy_1:  # the same, as numpy before its version 2 named itself
        path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    with pytest.raises(Exception, match="HistoryBuffer"):
        torch.load(path, weights_only=True)
    made = network(1)
    assert load_pretrained(made, NAME, str(path)) == ["cls_head.fc_cls.weight", "cls_head.fc_cls.bias"]
    own, theirs = made.state_dict(), donor.state_dict()
    same = [name for name in own if name in theirs and torch.equal(own[name], theirs[name])]
    assert {name for name in own if name.startswith("backbone.") and "_extra_state" not in name} <= set(same)


class Harmful:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_what_is_more_than_weights_and_a_log_is_refused_unrun(tmp_path: Path) -> None:
    path, trace = tmp_path / "epoch_1.pth", tmp_path / "trace"
    checkpoint = checkpoint_of_mmengine(network(0))
    checkpoint["message_hub"]["log_scalars"]["harm"] = Harmful(trace)
    torch.save(checkpoint, path)
    with pytest.raises(EdgeboardError, match="cannot be read") as caught:
        load_pretrained(network(1), NAME, str(path))
    assert "save the weights alone" in str(caught.value)
    assert not trace.exists()


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {}], ids=["list", "tensor", "empty"])
def test_a_file_without_named_weights_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(EdgeboardError, match="do not fit"):
        load_pretrained(network(1), NAME, str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(("of_file", "wished"), [("both", "causal"), ("causal", "both")])
def test_the_shift_is_that_of_the_options_whatever_the_weights_were_trained_with(
    tmp_path: Path, of_file: Shift, wished: Shift, suffix: str
) -> None:
    from safetensors.torch import save_file

    donor, path = network(0, of_file), tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(donor.state_dict(), path)
    made = network(1, wished)
    asked = [(shift.n_past, shift.n_future) for shift in shifts_of(made).values()]
    assert load_pretrained(made, NAME, str(path)) == []
    assert [(shift.n_past, shift.n_future) for shift in shifts_of(made).values()] == asked
    assert has_live_form(made) == (wished == "causal")
    assert torch.equal(made.cls_head.fc_cls.weight, donor.cls_head.fc_cls.weight)  # type: ignore[union-attr, arg-type]


def positions(side: int) -> Tensor:
    """[1, 1 + side^2, 3]: -1 for the class; for a patch its column and row as fractions of the frame, and 1."""
    centres = (torch.arange(side) + 0.5) / side
    rows, columns = torch.meshgrid(centres, centres, indexing="ij")
    patches = torch.stack([columns, rows, torch.ones(side, side)], dim=-1).flatten(0, 1)
    return torch.cat([torch.full((1, 3), -1.0), patches])[None]


@pytest.mark.parametrize(("learnt_on", "wished"), [(4, 6), (6, 4), (1, 2), (4, 4)])
def test_positions_of_patches_are_interpolated_in_their_places(learnt_on: int, wished: int) -> None:
    state, other = {"backbone.pos_embed": positions(learnt_on), "head": torch.ones(2)}, positions(wished)
    made = with_positions_of({"backbone.pos_embed": torch.zeros_like(other)}, state)
    assert torch.equal(made["head"], state["head"])
    found = made["backbone.pos_embed"]
    assert found.shape == other.shape
    assert torch.equal(found[:, 0], other[:, 0]), "the class has no place"
    if learnt_on > 1:
        # Half a patch of the larger grid at its border, beyond which a cubic knows nothing; elsewhere next to nothing.
        assert (found - other).abs().max() < 0.06
    assert torch.allclose(found[..., 2], other[..., 2])


@pytest.mark.parametrize(
    ("own", "state"),
    [
        ({}, {"backbone.pos_embed": positions(2)}),
        ({"backbone.pos_embed": positions(2)}, {}),
        ({"backbone.pos_embed": positions(3)}, {"backbone.pos_embed": torch.zeros(1, 1 + 5, 3)}),
        ({"backbone.pos_embed": positions(3)}, {"backbone.pos_embed": torch.zeros(1, 1 + 4, 8)}),
    ],
    ids=["others have none", "the file has none", "no square", "another width"],
)
def test_what_cannot_be_interpolated_stays(own: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    made = with_positions_of(own, state)
    assert list(made) == list(state)
    assert all(torch.equal(made[name], state[name]) for name in state)
