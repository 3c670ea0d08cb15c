from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from pipeline.compress.quantization.calibration import calibrate
from pipeline.compress.quantization.fake_quantize import ActivationQuantizer, WeightQuantizer, fake_quantized
from pipeline.compress.quantization.graph_weights import stored_weights
from pipeline.compress.quantization.quantized_graph import CalibratedGraph
from pipeline.data.frames import load_frames
from pipeline.training import fit as fit_module
from pipeline.training.batches import plain_batches, training_batches
from pipeline.training.fit import Extras, Hardware, Schedule, fit
from pipeline.training.validation import ClassificationValidation
from tests.compress.small_graphs import SIZE, logits, prepared, random_frames
from tests.picture_folder import CLASS_NAMES, write_data_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_folder(tmp_path_factory.mktemp("data"), {"train": 16, "val": 8, "test": 1}, size=24)


def network_with_norms() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=4),
        nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
    )  # fmt: skip


def with_statistics(network: nn.Module, data: Path) -> nn.Module:
    frames = load_frames(data, "train", SIZE, CLASS_NAMES)
    network.train()
    for batch, _ in plain_batches(frames, 16):
        network(batch)
    return network.eval()


def train(
    network: nn.Module, data: Path, checkpoints: Path, epochs: int = 2, precision: str = "32-true",
    extras: Extras | None = None, learning_rate: float = 0.02,
) -> dict:  # fmt: skip
    train_frames = load_frames(data, "train", SIZE, CLASS_NAMES)
    val_frames = load_frames(data, "val", SIZE, CLASS_NAMES)
    return fit(
        network, training_batches(train_frames, 8, seed=1), plain_batches(val_frames, 8),
        lambda _frames, logits, labels: nn.functional.cross_entropy(logits, labels),
        ClassificationValidation(),
        Schedule(epochs, learning_rate, 0.01, 99), Hardware("cpu", 1, precision), 1, checkpoints, "test",
        extras or Extras(),
    )  # fmt: skip


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def test_weights_are_rounded_to_the_grid_of_their_channel() -> None:
    weight = torch.tensor([[127.0, 0.4, -0.6, -127.0], [1.27, 0.004, -0.006, 0.0], [0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([[127.0, 0.0, -1.0, -127.0], [1.27, 0.0, -0.01, 0.0], [0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(WeightQuantizer()(weight), expected)
    assert WeightQuantizer()(weight.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 4, 3), (2, 3, 5, 5)),
        (nn.Conv3d(3, 4, (3, 1, 1)), (2, 3, 4, 5, 5)),
        (nn.Linear(3, 4), (2, 3)),
    ],
    ids=["frames", "clips", "linear"],
)
def test_layers_of_every_kind_compute_with_rounded_weights_and_inputs(layer: nn.Module, shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    weight = layer.weight.detach().clone()
    with fake_quantized(layer), torch.no_grad():
        assert torch.equal(layer.weight, WeightQuantizer()(weight))
        inside = layer(inputs)
    assert torch.equal(layer.weight, weight)
    layer.weight.data = WeightQuantizer()(weight)
    torch.testing.assert_close(inside, layer(ActivationQuantizer()(inputs)))


def test_gradients_go_straight_through() -> None:
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    (WeightQuantizer()(weight) * 2).sum().backward()
    torch.testing.assert_close(weight.grad, torch.full_like(weight, 2))
    quantizer = ActivationQuantizer()
    quantizer(torch.tensor([0.0, 1.0]))
    values = torch.tensor([-5.0, 0.5, 0.9, 5.0], requires_grad=True)
    quantizer.eval()(values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 1, 0], "none for what lies outside of the range"


@pytest.mark.parametrize(
    ("batches", "low", "high"),
    [
        ([[-1.0, 3.0]], -1.0, 3.0),
        ([[1.0, 3.0]], 0.0, 3.0),  # 0 is in the range, for padding
        ([[-3.0, -1.0]], -3.0, 0.0),
        ([[0.0, 0.0]], 0.0, 0.0),
        ([[-1.0, 3.0], [-2.0, 1.0]], -1.01, 2.98),  # a hundredth of the way
    ],
)
def test_the_range_follows_the_batches(batches: list[list[float]], low: float, high: float) -> None:
    quantizer = ActivationQuantizer()
    for batch in batches:
        assert torch.isfinite(quantizer(torch.tensor(batch))).all()
    assert (float(quantizer.low), float(quantizer.high)) == pytest.approx((low, high))
    quantizer.eval()(torch.tensor([-100.0, 100.0]))
    assert float(quantizer.high) == pytest.approx(high), "validation leaves it"


def test_activations_have_256_levels_and_zero_is_one_of_them() -> None:
    quantizer = ActivationQuantizer()
    values = torch.linspace(-1, 2, 10_000)
    rounded = quantizer(values)
    assert len(rounded.unique()) == 256
    assert float((rounded - values).abs().max()) <= 3 / 255 / 2 * 1.01
    assert float(quantizer(torch.zeros(1))) == 0


def test_a_range_that_no_batch_has_set_rounds_nothing() -> None:
    values = torch.randn(10)
    assert torch.equal(ActivationQuantizer().eval()(values), values)


def test_the_network_is_left_as_it_was(data: Path) -> None:
    network = with_statistics(network_with_norms(), data)
    before, modules = state(network), [name for name, _ in network.named_modules()]
    frames = torch.randn(4, 3, SIZE, SIZE)
    exact = network(frames)
    with fake_quantized(network):
        inside = network(frames)
        assert not torch.allclose(inside, exact)
    assert not network.training
    assert {name: t.tolist() for name, t in state(network).items()} == {n: t.tolist() for n, t in before.items()}
    assert [name for name, _ in network.named_modules()] == modules
    assert torch.equal(network(frames), exact)
    assert not any(m._forward_pre_hooks for m in network.modules())
    with pytest.raises(KeyboardInterrupt), fake_quantized(network):
        raise KeyboardInterrupt
    assert set(state(network)) == set(before)


def test_running_statistics_stay_whatever_the_training_loop_says(tmp_path: Path, data: Path) -> None:
    network = with_statistics(network_with_norms(), data)
    before = state(network)
    with fake_quantized(network):
        network.train()
        train(network, data, tmp_path / "c")
    after = state(network)
    assert all(torch.equal(after[name], before[name]) for name in before if "running" in name)
    assert not torch.equal(after["1.weight"], before["1.weight"]), "scale and shift are trained"
    assert not torch.equal(after["0.weight"], before["0.weight"])


@pytest.mark.parametrize("negative_scale", [False, True])
def test_rounding_before_folding_is_rounding_after_it(tmp_path: Path, data: Path, negative_scale: bool) -> None:
    """The integers of the exported file are those that the network was trained with, but for the sign."""
    network = with_statistics(network_with_norms(), data)
    nn.init.uniform_(network[1].weight, 0.2, 3.0)
    if negative_scale:
        network[1].weight.data[::2] *= -1
    weight = network[0].weight.detach()
    scale = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    trained_with = torch.round(WeightQuantizer()(weight) / scale).to(torch.int64)
    model, path = prepared(network, tmp_path)
    frames = random_frames(4).frames_nhwc
    CalibratedGraph(model, calibrate(path, frames, "minmax")).write(tmp_path / "int8.onnx", "onnxruntime")
    stored = next(iter(stored_weights(onnx.load(tmp_path / "int8.onnx")).values())).stored
    signs = torch.sign(network[1].weight.detach()).reshape(-1, 1, 1, 1)
    # A half may be rounded either way.
    difference = np.abs(stored - (trained_with * signs).numpy())
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.99


def test_training_through_rounding_wins_back_what_rounding_lost(tmp_path: Path, data: Path) -> None:
    """Large weights for a channel that is never active leave the others of their filters without levels."""

    def int8_accuracy(network: nn.Module, folder: Path) -> float:
        folder.mkdir()
        model, path = prepared(network, folder)
        frames = load_frames(data, "train", SIZE, CLASS_NAMES).frames_nhwc
        CalibratedGraph(model, calibrate(path, frames, "minmax")).write(folder / "int8.onnx", "onnxruntime")
        val = load_frames(data, "val", SIZE, CLASS_NAMES)
        return float((logits(folder / "int8.onnx", val.frames_nhwc).argmax(1) == val.labels).mean())

    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 3),
    )  # fmt: skip
    network[0].weight.data[0], network[0].bias.data[0] = 0, -1
    network[2].weight.data[:, 0] = 85
    history = train(network, data, tmp_path / "float", epochs=5)
    assert history["epochs"][-1]["val_accuracy"] > 0.9
    assert int8_accuracy(network, tmp_path / "after training") < 0.7
    with fake_quantized(network):
        history = train(network, data, tmp_path / "qat", epochs=6)
    trained_for_it = int8_accuracy(network, tmp_path / "trained for it")
    assert trained_for_it > 0.9
    assert trained_for_it == pytest.approx(history["epochs"][-1]["val_accuracy"], abs=0.1)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_cut_training_resumes_to_the_same_weights(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    start = with_statistics(network_with_norms(), data)
    whole, cut, resumed = (copy.deepcopy(start) for _ in range(3))
    with fake_quantized(whole):
        history = train(whole, data, tmp_path / "whole", epochs=3, precision=precision)

    class Killed(BaseException):
        pass

    def kill_in_the_third_epoch(_self: object, trainer: Any, _module: object) -> None:
        if trainer.current_epoch == 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(fit_module._EpochLines, "on_train_epoch_start", kill_in_the_third_epoch, raising=False)
        with pytest.raises(Killed), fake_quantized(cut):
            train(cut, data, tmp_path / "cut", epochs=3, precision=precision)
    assert (tmp_path / "cut" / "last.ckpt").is_file()
    with fake_quantized(resumed):
        assert train(resumed, data, tmp_path / "cut", epochs=3, precision=precision) == history
    assert same(state(whole), state(resumed))
    assert not same(state(whole), state(start))


def test_pruned_weights_stay_zero(tmp_path: Path, data: Path) -> None:
    network = with_statistics(network_with_norms(), data)
    network[3].weight.data.flatten()[::2] = 0
    zeros = network[3].weight == 0
    with fake_quantized(network):
        train(network, data, tmp_path / "c", extras=Extras(keep_zeros=True))
    assert torch.equal(network[3].weight == 0, zeros)
