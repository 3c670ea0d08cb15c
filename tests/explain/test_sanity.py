from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.explain.judging import Networks
from pipeline.explain.methods.rise_in_batches import MaskStock
from pipeline.explain.methods.score_cam import probabilities_of
from pipeline.explain.metrics.randomisation import randomisation
from pipeline.explain.notes import notes
from pipeline.explain.pages import title_of
from pipeline.explain.rise import make_masks
from pipeline.explain.sanity import Sanity, check_sanity
from pipeline.explain.subject import Subject

SIZE = 14
FRAME = np.random.default_rng(0).normal(size=(1, 3, SIZE, SIZE)).astype(np.float32)


class _DiesOut(nn.Linear):
    """With weights drawn anew the signal is so small that it is lost beside the bias."""

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -1e-12, 1e-12)
        nn.init.ones_(self.bias)


def _network(layer: type[nn.Linear]) -> nn.Module:
    network = nn.Sequential(nn.Flatten(), layer(3 * SIZE * SIZE, 2))
    torch.manual_seed(0)
    nn.init.normal_(network[1].weight, std=0.1)  # type: ignore[arg-type]
    return network.eval()


def _checked(layer: type[nn.Linear]) -> Sanity:
    network = _network(layer)
    networks = Networks(lambda _: network, lambda one, _: probabilities_of(one))
    subjects = [Subject(FRAME, (1,), {})]
    return check_sanity(["rise"], Path(), subjects, networks, MaskStock(make_masks(16, SIZE, seed=0)), 0)["rise"]


def test_random_weights_that_answer_everything_alike_are_no_check() -> None:
    found = _checked(_DiesOut)
    assert (found.flagged, found.is_silent) == (None, True)
    assert found.numbers["flagged"] is None
    assert "randomisation_rank" not in found.numbers
    assert "alike whatever is hidden" in found.numbers["why_not"]
    report: dict[str, Any] = {
        "left_out": {}, "variants": {}, "methods": {"rise": {"title": "RISE", "randomisation": found.numbers}},
    }  # fmt: skip
    assert "RISE is not checked" in notes(report)[0]
    assert "unchecked" in title_of("rise", {"rise": found})


def test_random_weights_that_answer_are_a_check() -> None:
    found = _checked(nn.Linear)
    assert (found.flagged, found.is_silent) == (False, False)
    assert abs(found.numbers["randomisation_rank"][0]) < 0.7
    assert "unchecked" not in title_of("rise", {"rise": found})


@pytest.mark.parametrize(("ripple", "is_flat"), [(0.0, True), (1e-8, True), (1e-3, False)])
def test_a_map_that_differs_by_rounding_alone_is_flat(ripple: float, is_flat: bool) -> None:
    wave = np.random.default_rng(0).random((1, SIZE, SIZE))
    maps = iter([np.float32(wave), np.float32(1 / 6 + ripple * wave)])
    assert randomisation(_network(nn.Linear), lambda _: next(maps), 0, shares=(1.0,)).is_flat is is_flat
