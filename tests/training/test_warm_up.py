"""A detector's backbone learns on crops first; and a kill during a detector's training costs at most an epoch."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.data.frames import MEAN_RGB, STD_RGB, Frames, load_frames
from pipeline.networks import build_network
from pipeline.tasks import TASKS
from pipeline.training.crops import NOTHING, Crops, crop_batches, fixed_crop_batches
from pipeline.training.train import train_network
from pipeline.training.warm_up import warm_up
from tests.conftest import REPOSITORY, environment
from tests.detection_folder import CLASS_NAMES, SIZE, SSDLITE, detection_params, new_detector, write_detection_folder

SUSPECT = TASKS["suspect"]
CROP = 32


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_detection_folder(tmp_path_factory.mktemp("data") / "suspect", {"train": 10, "val": 5})


@pytest.fixture(scope="module")
def frames(data: Path) -> Frames:
    return load_frames(data, "train", SIZE, CLASS_NAMES)


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([tensor.flatten().double() for tensor in network.state_dict().values()])


def is_coloured(crop_chw: torch.Tensor) -> np.ndarray:  # type: ignore[type-arg]
    image = 255 * (crop_chw.permute(1, 2, 0).numpy() * STD_RGB + MEAN_RGB)
    return np.asarray(np.ptp(image, axis=2) > 60)


def test_the_backbone_is_trained_in_place_and_nothing_else(tmp_path: Path, data: Path) -> None:
    params = detection_params(tmp_path, train__suspect__warm_up_epochs=2, train__suspect__warm_up_size=CROP)
    networks = [new_detector(), new_detector()]
    before = {name: tensor.clone() for name, tensor in networks[0].state_dict().items()}
    histories = [
        warm_up(network, SSDLITE, CLASS_NAMES, SUSPECT, params, data, tmp_path / str(i), "train", "nothing")
        for i, network in enumerate(networks)
    ]
    assert histories[0] is not None
    assert len(histories[0].history["crops"]["epochs"]) == 2
    assert histories[0].history["small_frames"] is None
    assert not list(tmp_path.rglob("*.ckpt"))
    assert histories[1] is not None
    assert histories[0].history == histories[1].history
    assert torch.equal(weights(networks[0]), weights(networks[1])), "the same seed, the same weights"

    changed = {name for name, tensor in networks[0].state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed
    assert all(name.startswith("model.backbone.") for name in changed)
    assert "model.backbone.features.0.0.0.weight" in changed
    assert list(networks[0].state_dict()) == list(before), "the layer that tells crops apart is thrown away"
    assert torch.isfinite(networks[0](torch.zeros(2, 3, SIZE, SIZE))).all()


def test_without_epochs_nothing_happens(tmp_path: Path, data: Path) -> None:
    params = detection_params(tmp_path, train__suspect__warm_up_epochs=0)
    network = new_detector()
    before = weights(network)
    told = warm_up(network, SSDLITE, CLASS_NAMES, SUSPECT, params, data, tmp_path / "c", "train", None)
    assert told is not None
    assert told.history == {"crops": None, "small_frames": None}
    assert torch.equal(weights(network), before)


def test_small_frames_train_all_of_it_and_leave_the_anchors_of_its_own_size(tmp_path: Path, data: Path) -> None:
    params = detection_params(
        tmp_path, train__suspect__warm_up_epochs=0, train__suspect__small_epochs=1, train__suspect__small_size=64
    )
    network = new_detector()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    anchors = network.anchors_xyxy.clone()
    told = warm_up(network, SSDLITE, CLASS_NAMES, SUSPECT, params, data, tmp_path / "c", "train", None)
    assert told is not None
    assert len(told.history["small_frames"]["epochs"]) == 1
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("model.backbone.") for name in changed)
    assert any(name.startswith("model.head.") for name in changed)
    assert torch.equal(network.anchors_xyxy, anchors)


def test_a_kill_of_the_training_that_follows_does_not_cost_it(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = detection_params(tmp_path, train__suspect__warm_up_epochs=1, train__suspect__warm_up_size=CROP)
    first, again, anew = new_detector(), new_detector(), new_detector()
    checkpoints = tmp_path / "c"
    told = warm_up(first, SSDLITE, CLASS_NAMES, SUSPECT, params, data, checkpoints, "train", 0)
    capsys.readouterr()
    repeated = warm_up(again, SSDLITE, CLASS_NAMES, SUSPECT, params, data, checkpoints, "train", 0)
    assert "warmed up before" in capsys.readouterr().out
    assert torch.equal(weights(again), weights(first))
    assert told is not None and repeated is not None  # noqa: PT018
    assert repeated.history == told.history
    repeated.forget()
    assert not list(checkpoints.iterdir())
    warm_up(anew, SSDLITE, CLASS_NAMES, SUSPECT, params, data, checkpoints, "train", 0)
    assert "epoch 1/1" in capsys.readouterr().out


def test_a_classifier_has_no_warm_up(tmp_path: Path, data: Path) -> None:
    params = detection_params(tmp_path, train__suspect__warm_up_epochs=2)
    network = build_network("shufflenet_v2_x0_5", 3)
    before = weights(network)
    assert warm_up(network, SSDLITE, CLASS_NAMES, TASKS["fire"], params, data, tmp_path / "c", "train", None) is None
    assert torch.equal(weights(network), before)


def test_every_object_is_a_crop_and_every_frame_has_one_without(frames: Frames) -> None:
    assert frames.objects is not None
    crops = Crops(frames, CROP)
    n_objects = sum(len(one) for one in frames.objects)
    assert len(crops) == n_objects + len(frames)
    labels = [int(one[0]) for objects in frames.objects for one in objects]
    for index in range(len(crops)):
        for seed in range(4):
            crop, target = crops[index, seed]
            assert crop.shape == (3, CROP, CROP)
            coloured = is_coloured(crop)
            if index < n_objects:
                assert target == labels[index] + 1
                middle = coloured[CROP // 4 : -CROP // 4, CROP // 4 : -CROP // 4]
                assert middle.mean() > 0.6, (index, seed)
            else:
                assert target == NOTHING
                assert coloured.mean() < 0.5, (index, seed)


def test_crops_depend_on_seed_and_epoch_alone(frames: Frames) -> None:
    first, second = crop_batches(frames, CROP, 4, seed=1), crop_batches(frames, CROP, 4, seed=1)
    for loader in (first, second):
        loader.sampler.set_epoch(3)  # type: ignore[attr-defined]
    other = crop_batches(frames, CROP, 4, seed=2)
    a, b, c = (torch.cat([crops for crops, _ in loader]) for loader in (first, second, other))
    assert torch.equal(a, b)
    assert not torch.equal(a[: len(c)], c[: len(a)])
    validation = fixed_crop_batches(frames, CROP, 4)
    assert all(torch.equal(x, y) for (x, _), (y, _) in zip(validation, validation, strict=True))


def test_a_frame_that_is_all_object_and_one_without_any_have_crops() -> None:
    full = np.array([[2, 0, 0, SIZE, SIZE]], dtype=np.float32)
    images = np.full((2, SIZE, SIZE, 3), 100, dtype=np.uint8)
    frames = Frames(images, np.array([2, -1]), [Path("a"), Path("b")], CLASS_NAMES, [full, full[:0]])
    crops = Crops(frames, CROP)
    assert [crops[i, 0][1] for i in range(3)] == [3, NOTHING, NOTHING]
    assert all(torch.isfinite(crops[i, 0][0]).all() for i in range(3))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.training.test_warm_up import train
from pipeline.training import fit as module
real = module._EpochLines.on_validation_end
def on_validation_end(self, trainer, pl_module):
    real(self, trainer, pl_module)
    if trainer.current_epoch == 1:
        os.kill(os.getpid(), signal.SIGKILL)
module._EpochLines.on_validation_end = on_validation_end
train(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def train(data: Path, folder: Path) -> tuple[dict, torch.Tensor]:  # type: ignore[type-arg]
    """A training of three epochs with its checkpoints in `folder`."""
    folder.mkdir(exist_ok=True)
    network = new_detector()
    history = train_network(
        network, CLASS_NAMES, SUSPECT, detection_params(folder), data, folder / "checkpoints", "test",
        epochs=3, learning_rate=0.002,
    )  # fmt: skip
    return history, weights(network)


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path, data: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(data), str(tmp_path / "killed")], cwd=REPOSITORY, env=environment(),
        check=False, timeout=200,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert list((tmp_path / "killed" / "checkpoints").rglob("last.ckpt"))
    (resumed_history, resumed), (history, whole) = train(data, tmp_path / "killed"), train(data, tmp_path / "whole")
    assert resumed_history == history
    assert torch.equal(resumed, whole)
    assert not list((tmp_path / "killed").rglob("last.ckpt"))
