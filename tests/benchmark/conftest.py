from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmark.onnx_files import write_linear_model


@pytest.fixture
def linear_model(tmp_path: Path) -> Path:
    return write_linear_model(tmp_path / "linear.onnx")
