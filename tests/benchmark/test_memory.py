from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.benchmark.memory import peak_memories_mb, peak_memory_mb
from pipeline.errors import EdgeboardError
from tests.benchmark.onnx_files import write_linear_model


def test_memory_grows_with_the_weights(tmp_path: Path) -> None:
    small = write_linear_model(tmp_path / "small.onnx", frame_size=64, hidden=80)  # 4 MB
    large = write_linear_model(tmp_path / "large.onnx", frame_size=64, hidden=1600)  # 79 MB
    small_mb, large_mb = peak_memory_mb(small, threads=1), peak_memory_mb(large, threads=1)
    assert 3 < small_mb < 40
    assert 70 < large_mb - small_mb < 320  # the loader may hold a second and a third copy for a moment


def test_the_spread_comes_from_several_processes(linear_model: Path) -> None:
    found = peak_memories_mb(linear_model, threads=1)
    assert len(found) == 3
    assert all(value > 0 for value in found)


@pytest.mark.parametrize("content", [None, b"", b"not an onnx file"])
def test_a_broken_file_gives_the_clear_message(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EdgeboardError, match="memory of a file could not be measured") as caught:
        peak_memory_mb(path, threads=1)
    assert "broken.onnx" in str(caught.value)


def test_the_measuring_process_holds_neither_torch_nor_pandas() -> None:
    imports = "import sys, pipeline.benchmark.memory, pipeline.targets.onnxruntime"
    code = f"{imports}; print({{'torch', 'pandas', 'cv2'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
