"""What is packed comes back byte by byte or not at all, and is as small as its codes allow."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pipeline.compress.share_weights import make_permanent, share_weights
from pipeline.errors import BAD_INPUT_EXIT_CODE, EdgeboardError
from pipeline.export.onnx_file import export_onnx
from pipeline.export.packed import pack, restore, unpack
from tests.conftest import REPOSITORY

# Bit patterns that a comparison of floats would confuse or lose: 0, -0, two different NaNs, infinity, subnormal.
ODD = np.array([0, 0x80000000, 0x7FC00000, 0xFFC00123, 0x7F800000, 1], dtype="<u4")
in_a_folder = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def write_model(path: Path, weights: list[NDArray[np.generic]]) -> Path:
    """A model that is little more than these tensors."""
    value = helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1])
    tensors = [numpy_helper.from_array(tensor, f"weight.{i}") for i, tensor in enumerate(weights)]
    node = helper.make_node("Identity", ["frames"], ["logits"])
    onnx.save(helper.make_model(helper.make_graph([node], "g", [value], [out], tensors)), path)
    return path


def drawn(count: int, n_values: int, zeros: float, seed: int) -> NDArray[np.float32]:
    """`count` weights with at most n_values different bit patterns, the odd ones first."""
    generator = np.random.default_rng(seed)
    book = np.concatenate([ODD, generator.integers(0, 2**32, 260, dtype=np.uint32)])[:n_values]
    codes = generator.integers(0, n_values, count)
    codes[generator.random(count) < zeros] = 0
    return book[codes].view(np.float32)


layers = st.lists(
    st.builds(
        drawn,
        count=st.integers(0, 3000),
        n_values=st.integers(1, 258),
        zeros=st.sampled_from([0.0, 0.5, 0.98]),
        seed=st.integers(0, 3),
    ),
    max_size=4,
)


@in_a_folder
@given(weights=layers)
def test_what_was_packed_comes_back(tmp_path: Path, weights: list[NDArray[np.float32]]) -> None:
    model = write_model(tmp_path / "model.onnx", weights)
    pack(model, tmp_path / "a.packed")
    pack(model, tmp_path / "b.packed")
    unpack(tmp_path / "a.packed", tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == model.read_bytes()
    assert (tmp_path / "a.packed").read_bytes() == (tmp_path / "b.packed").read_bytes()


def test_what_is_no_layer_of_shared_floats_comes_back_too(tmp_path: Path) -> None:
    """Other types, layers twice in the file, and one whose bytes lie within another."""
    layer = drawn(2000, 9, 0, 0)
    weights = [
        layer.view(np.int32), layer, layer, layer[100:1000], np.arange(5000, dtype=np.float32),
        np.zeros((8, 64), dtype=np.float64), layer.reshape(20, 100),
    ]  # fmt: skip
    model = write_model(tmp_path / "model.onnx", weights)
    pack(model, tmp_path / "packed")
    unpack(tmp_path / "packed", tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == model.read_bytes()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    weights = [drawn(1200, 9, 0, 0), drawn(2001, 3, 0.95, 1), np.arange(300, dtype=np.float32)]
    pack(write_model(folder / "model.onnx", weights), folder / "model.onnx.packed")
    return folder / "model.onnx.packed"


@in_a_folder
@given(data=st.data())
def test_a_changed_file_is_refused(tmp_path: Path, packed: Path, data: st.DataObject) -> None:
    content = bytearray(packed.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    assert "bad.packed" in refusal_of(tmp_path, bytes(content))


@pytest.mark.parametrize("kept", [0, 4, 8, 11, 15, 16, 17, 200, -100, -1])
def test_a_cut_file_is_refused(tmp_path: Path, packed: Path, kept: int) -> None:
    assert "bad.packed" in refusal_of(tmp_path, packed.read_bytes()[:kept])


def test_a_longer_file_or_another_one_is_refused(tmp_path: Path, packed: Path) -> None:
    assert "bad.packed" in refusal_of(tmp_path, packed.read_bytes() + b"\0")
    assert "bad.packed" in refusal_of(tmp_path, packed.with_name("model.onnx").read_bytes())
    with pytest.raises(EdgeboardError, match="no such file"):
        unpack(tmp_path / "nowhere", tmp_path / "out.onnx")


def test_the_checksum_alone_is_not_believed(tmp_path: Path, packed: Path) -> None:
    """A byte of a codebook and a checksum that fits it: the SHA-256 of the original finds it out."""
    content = bytearray(packed.read_bytes())
    book = content.index(b'"sha256"') + len(b'"sha256":"') + 64 + len(b'"}')
    content[book] ^= 1
    content[8:12] = zlib.crc32(content[12:]).to_bytes(4, "little")
    assert "not what was packed" in refusal_of(tmp_path, bytes(content))


def refusal_of(folder: Path, content: bytes) -> str:
    """What is said of a packed file with this content, after which the folder must be as it was."""
    (folder / "bad.packed").write_bytes(content)
    (folder / "out.onnx").write_bytes(b"the old file")
    with pytest.raises(EdgeboardError, match="cannot be unpacked") as caught:
        unpack(folder / "bad.packed", folder / "out.onnx")
    assert (folder / "out.onnx").read_bytes() == b"the old file"
    assert sorted(path.name for path in folder.iterdir()) == ["bad.packed", "out.onnx"]
    return str(caught.value)


@pytest.mark.parametrize("n_values", [1, 2, 4, 9, 16, 32, 200])
@pytest.mark.parametrize("zeros", [0, 0.5, 0.8, 0.95])
def test_the_size_is_near_the_entropy_of_the_codes(tmp_path: Path, n_values: int, zeros: float) -> None:
    weights = drawn(200_000, n_values, zeros, 0)
    model = write_model(tmp_path / "model.onnx", [weights])
    pack(model, tmp_path / "packed")
    frequencies = np.unique(weights.view(np.uint32), return_counts=True)[1] / len(weights)
    entropy = float(-(frequencies * np.log2(frequencies)).sum())
    bits = (tmp_path / "packed").stat().st_size * 8 / len(weights)
    # 0.03 bits per weight are 750 bytes: codebook, manifest and the tables of the Huffman codes.
    assert bits < 1.06 * entropy + 0.05


@pytest.mark.slow
def test_a_network_of_5_bit_codes_is_a_sixth_of_its_floats(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shared_network = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=3).eval()
    for module in shared_network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 2)  # as after training
    share_weights(shared_network, 5, keep_zeros=False)
    make_permanent(shared_network)
    model = tmp_path / "model.onnx"
    export_onnx(shared_network, 32, model, opset=13, keep_batch_norm=True)
    pack(model, tmp_path / "packed")
    small = (tmp_path / "packed").stat().st_size
    assert small < 5.5 / 32 * model.stat().st_size
    unpack(tmp_path / "packed", tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == model.read_bytes()
    # Why the normalisations have to stay in the graph.
    export_onnx(shared_network, 32, model, opset=13)
    pack(model, tmp_path / "packed")
    assert (tmp_path / "packed").stat().st_size > 1.5 * small


def test_a_board_needs_one_function_and_a_plain_python(tmp_path: Path, packed: Path) -> None:
    source = inspect.getsource(restore)
    ast.parse(source, feature_version=(3, 6))
    program = (
        f"import hashlib, json, struct, sys, zlib\n{source}\n"
        "open(sys.argv[2], 'wb').write(restore(open(sys.argv[1], 'rb').read()))\n"
        "assert not set(sys.modules) & {'numpy', 'onnx', 'pipeline'}\n"
    )
    out = tmp_path / "model.onnx"
    subprocess.run([sys.executable, "-I", "-S", "-c", program, packed, out], check=True, timeout=60)
    assert out.read_bytes() == packed.with_name("model.onnx").read_bytes()


def test_the_command(tmp_path: Path, packed: Path) -> None:
    out = tmp_path / "model.onnx"
    out.write_bytes(b"the old file")
    command = [sys.executable, "-m", "stages.unpack"]
    broken = tmp_path / "broken.packed"
    broken.write_bytes(packed.read_bytes()[:-1])
    failed = subprocess.run([*command, broken, out], cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert failed.returncode == BAD_INPUT_EXIT_CODE
    assert "cannot be unpacked" in failed.stderr
    assert out.read_bytes() == b"the old file"
    with out.open("rb") as old:
        subprocess.run([*command, packed, out], cwd=REPOSITORY, check=True, timeout=60)
        assert old.read() == b"the old file", "who has it open keeps it: the new one came by a rename"
    assert out.read_bytes() == packed.with_name("model.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.packed", "model.onnx"]
