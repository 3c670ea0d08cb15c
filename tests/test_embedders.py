"""Networks that give embeddings: by name, with facenet-pytorch's weights, and rebuilt from an artifact."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from torch import nn

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.data.frames import normalise
from pipeline.embedders import Embedder
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network, load_pretrained, require_kind

SIZE = 80


def pixels(n: int = 2) -> torch.Tensor:
    return torch.randint(0, 256, (n, SIZE, SIZE, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("architecture", "embedding_size"),
    [("resnet18", 32), ("mobilenet_v3_small", 16), ("inception_resnet_v1", 512), ("inception_resnet_v1", 64)],
)
def test_it_gives_embeddings_and_is_rebuilt_from_its_artifact(
    tmp_path: Path, architecture: str, embedding_size: int
) -> None:
    network = build_network(architecture, 5, SIZE, embedding_size=embedding_size).eval()
    assert isinstance(network, Embedder)
    with torch.no_grad():
        embeddings = network(torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)))
    assert embeddings.shape == (2, embedding_size)
    assert network.head()["class_weights"].shape == (embedding_size, 5)
    meta = Meta("face", architecture, list("abcde"), SIZE, recipe=[], embedding_size=embedding_size)
    save_artifact(tmp_path, network, meta, {})
    again, _ = load_artifact(tmp_path)
    with torch.no_grad():
        frames = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
        assert torch.equal(again(frames), embeddings)


def test_facenets_weights_see_our_frames_as_they_saw_their_own(tmp_path: Path) -> None:
    torch.manual_seed(3)
    theirs = InceptionResnetV1(classify=True, num_classes=7).eval()
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
    torch.save(theirs.state_dict(), tmp_path / "face.pt")
    ours = build_network("inception_resnet_v1", 5, SIZE, embedding_size=512)
    assert load_pretrained(ours, "inception_resnet_v1", str(tmp_path / "face.pt")) == ["class_weights"]
    frames = pixels()
    theirs.classify = False
    with torch.no_grad():
        expected = theirs((frames.permute(0, 3, 1, 2).float() - 127.5) / 128)
        mine = nn.functional.normalize(ours.eval()(torch.from_numpy(normalise(frames.numpy()))))
    torch.testing.assert_close(mine, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "pretrained"), [("resnet18", "vggface2"), ("inception_resnet_v1", "imagenet")]
)
def test_weights_of_another_architecture_are_refused_before_a_download(architecture: str, pretrained: str) -> None:
    network = build_network(architecture, 5, SIZE, embedding_size=512)
    with pytest.raises(EdgeboardError, match="no such weights") as caught:
        load_pretrained(network, architecture, pretrained)
    assert "casia-webface" in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "kind", "is_refused"),
    [
        ("inception_resnet_v1", "identification", False),
        ("resnet18", "identification", False),
        ("ssdlite320_mobilenet_v3_large", "identification", True),
        ("inception_resnet_v1", "classification", True),
        ("inception_resnet_v1", "detection", True),
    ],
)
def test_an_architecture_belongs_to_a_kind_of_task(architecture: str, kind: str, is_refused: bool) -> None:
    if not is_refused:
        return require_kind(architecture, kind)
    with pytest.raises(EdgeboardError, match="another kind of task"):
        require_kind(architecture, kind)
    return None
