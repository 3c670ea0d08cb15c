from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.pruning.prune import prune_to_ratio
from pipeline.errors import EdgeboardError
from pipeline.networks import build_network, count_macs, count_parameters, layer_shapes, load_pretrained
from tests.compress.sections import planned
from tests.conftest import REPOSITORY

OPTIONS = planned("prune", epochs=1).options
CLASSES = ["a", "b", "c"]


def save(folder: Path, architecture: str, size: int, ratio: float | None) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_network(architecture, len(CLASSES)).eval()
    if ratio:
        network, _ = prune_to_ratio(network, size, ratio, OPTIONS)
    folder.mkdir()
    save_artifact(folder, network, Meta("fire", architecture, CLASSES, size, ["prune"], layer_shapes(network)), {})
    return network.eval()


@pytest.mark.parametrize("ratio", [None, 0.6])
@pytest.mark.parametrize("architecture", ["resnet18", "mobilenet_v2", "mobilenet_v3_small"])
def test_an_artifact_gives_the_same_outputs_after_reloading(
    tmp_path: Path, architecture: str, ratio: float | None
) -> None:
    network = save(tmp_path / "artifact", architecture, 64, ratio)
    frames = torch.randn(2, 3, 64, 64)
    reloaded, meta = load_artifact(tmp_path / "artifact")
    assert meta.class_names == CLASSES
    assert torch.equal(reloaded(frames), network(frames))


@pytest.mark.slow
def test_a_fresh_process_reloads_it_without_a_pickle(tmp_path: Path) -> None:
    network = save(tmp_path / "artifact", "resnet18", 32, 0.6)
    assert sorted(path.name for path in (tmp_path / "artifact").iterdir()) == [
        "meta.json", "report.json", "weights.safetensors",
    ]  # fmt: skip
    script = (
        "import sys, pickle, torch, numpy, pipeline.networks, torchvision.models\n"
        "from pathlib import Path\n"
        "from pipeline.artifact import load_artifact\n"
        "torch.load = pickle.load = pickle.loads = None\n"
        "network, _ = load_artifact(Path(sys.argv[1]))\n"
        "numpy.save(sys.argv[2], network(torch.ones(1, 3, 32, 32)).detach().numpy())\n"
    )
    out = tmp_path / "logits.npy"
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "artifact"), str(out)], check=True, cwd=REPOSITORY, timeout=120
    )
    expected = network(torch.ones(1, 3, 32, 32)).detach().numpy()
    np.testing.assert_array_equal(np.load(out), expected)


def test_a_folder_of_another_format_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "artifact", "resnet18", 32, None)
    path = tmp_path / "artifact" / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(EdgeboardError, match="another version"):
        load_artifact(tmp_path / "artifact")


def test_parameters_and_macs_are_the_published_ones() -> None:
    network = build_network("resnet18", 1000)
    assert count_parameters(network) == 11_689_512
    assert count_macs(network, 224) == pytest.approx(1.814e9, rel=0.001)


def test_an_unknown_architecture_names_near_ones() -> None:
    with pytest.raises(EdgeboardError) as caught:
        build_network("resnet19", 3)
    assert "resnet18" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_of_a_file_are_taken_but_for_a_head_of_other_classes(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    donor = build_network("resnet18", 10)
    path = tmp_path / f"weights{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(donor.state_dict(), path)
    network = build_network("resnet18", 3)
    assert load_pretrained(network, "resnet18", str(path)) == ["fc.weight", "fc.bias"]
    assert torch.equal(network.state_dict()["conv1.weight"], donor.state_dict()["conv1.weight"])


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(build_network("mobilenet_v2", 3).state_dict(), path)
    with pytest.raises(EdgeboardError, match="do not fit"):
        load_pretrained(build_network("resnet18", 3), "resnet18", str(path))


def test_a_pickle_that_is_not_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_text("not weights")
    with pytest.raises(EdgeboardError, match="cannot be read"):
        load_pretrained(build_network("resnet18", 3), "resnet18", str(path))


def test_a_failed_download_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet18_Weights

    def fails(*_args: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(ResNet18_Weights.DEFAULT.__class__, "get_state_dict", fails)
    with pytest.raises(EdgeboardError) as caught:
        load_pretrained(build_network("resnet18", 3), "resnet18", "imagenet")
    assert "could not be downloaded" in str(caught.value)
    assert "pretrained=none" in str(caught.value)
