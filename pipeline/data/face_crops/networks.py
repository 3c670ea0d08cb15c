"""MTCNN's three networks as facenet-pytorch ships them, with one output each, for pipeline.tasks.face_finder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.tasks.face_finder import Run, in_batches

# Fixed, so that a frame's answer does not depend on how many frames are given with it: kernels differ with the batch.
_FRAMES, _CANDIDATES = 8, 64


class OneOutput(nn.Module):
    """Float32 `[n, 3, h, w]` to one tensor: probability of a face, four box numbers and, of the third network, ten
    landmark numbers, along axis 1."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        box_numbers, *landmarks, probabilities = self.network(pictures)
        return torch.cat([probabilities[:, 1:], box_numbers, *landmarks], dim=1)


def load_networks() -> tuple[nn.Module, nn.Module, nn.Module]:
    """The proposing, refining and judging network with the weights inside the package: nothing is downloaded."""
    from facenet_pytorch.models.mtcnn import ONet, PNet, RNet

    networks = (OneOutput(PNet()), OneOutput(RNet()), OneOutput(ONet()))
    for network in networks:
        # Pooling is several times faster with the channels last, and it is a third of the whole time otherwise.
        network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return networks


def runnable(networks: tuple[nn.Module, nn.Module, nn.Module]) -> tuple[Run, Run, Run]:
    """The networks as functions of arrays, for any number of pictures."""
    pnet, rnet, onet = networks
    return (
        in_batches(_as_function(pnet), _FRAMES),
        in_batches(_as_function(rnet), _CANDIDATES),
        in_batches(_as_function(onet), _CANDIDATES // 4),
    )


def _as_function(network: nn.Module) -> Run:
    def run(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            given = torch.from_numpy(pictures).contiguous(memory_format=torch.channels_last)
            answers: NDArray[np.float32] = network(given).numpy()
        return answers

    return run
