"""Networks that turn a face into an embedding: InceptionResnetV1 of facenet-pytorch, or any classifier of torchvision.

FaceNet: Schroff et al. 2015 (arXiv:1503.03832); Inception-ResNet: Szegedy et al. 2017 (arXiv:1602.07261).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

INCEPTION_RESNET = "inception_resnet_v1"
# The names of facenet-pytorch's weights, and where it keeps them.
FACE_WEIGHTS = {
    "vggface2": "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt",
    "casia-webface": "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180408-102900-casia-webface.pt",
}
# The statistics of the frames: see pipeline.data.frames.
_MEAN, _STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class Embedder(nn.Module):
    """`[N, 3, S, S]` normalised frames to embeddings `[N, D]`: whose directions tell people apart, not their lengths.

    class_weights: `[D, C]`, a direction for each person of the training split. Only training looks at them, and what
    compares two networks; people are recognised by a gallery.
    """

    def __init__(self, backbone: nn.Module, n_classes: int, embedding_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.embedding_size = embedding_size
        self.class_weights = nn.Parameter(torch.empty(embedding_size, n_classes))
        nn.init.normal_(self.class_weights)

    def forward(self, frames_nchw: Tensor) -> Tensor:
        embeddings: Tensor = self.backbone(frames_nchw)
        return embeddings

    def head(self) -> dict[str, Any]:
        """What compares the answers of two networks: see pipeline.answers.EmbeddingAnswers."""
        weights = self.class_weights.detach().float().cpu().numpy()
        return {"embedding_size": self.embedding_size, "class_weights": weights}


def build_embedder(backbone: nn.Module | None, n_classes: int, embedding_size: int) -> Embedder:
    """With random weights. backbone: `[N, 3, S, S]` to `[N, embedding_size]`, None for InceptionResnetV1."""
    return Embedder(backbone or _inception_resnet(embedding_size), n_classes, embedding_size)


def _inception_resnet(embedding_size: int) -> nn.Module:
    from facenet_pytorch import InceptionResnetV1

    network = InceptionResnetV1(classify=True, num_classes=1)
    # With classify it ends in logits of the raw embedding; without, it divides by the length, which int8 does badly.
    network.logits = nn.Identity()
    if embedding_size != network.last_linear.out_features:
        network.last_linear = nn.Linear(network.last_linear.in_features, embedding_size, bias=False)
        network.last_bn = nn.BatchNorm1d(embedding_size, eps=0.001)
    return network


def embedder_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state_dict of facenet-pytorch's InceptionResnetV1 (or of torchvision's classifier) as that of an Embedder.

    InceptionResnetV1 was trained on pixels as (x - 127.5) / 128. Our frames have the statistics of ImageNet: the first
    convolution, which pads nothing, and the normalisation behind it take up the difference.
    """
    if any(name.startswith("backbone.") for name in state):
        return state
    named = {f"backbone.{name}": tensor for name, tensor in state.items() if not name.startswith("logits.")}
    weight, mean = "backbone.conv2d_1a.conv.weight", "backbone.conv2d_1a.bn.running_mean"
    if weight in named:
        first = named[weight]
        named[mean] = named[mean] - (first.sum(dim=(2, 3)) * ((255 * _MEAN - 127.5) / 128)).sum(1)
        named[weight] = first * (255 * _STD / 128)[None, :, None, None]
    return named


def download_face_weights(name: str) -> dict[str, Any]:
    """The state_dict of facenet-pytorch's own weights; raises what torch.hub raises where there is no network."""
    from torch.hub import download_url_to_file, get_dir

    url = FACE_WEIGHTS[name]
    file = Path(get_dir()) / "checkpoints" / Path(url).name
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        download_url_to_file(url, str(file), progress=False)
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state
