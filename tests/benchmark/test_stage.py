from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import EdgeboardError
from stages.benchmark import exported_variants


@pytest.fixture
def entry(tmp_path: Path) -> dict[str, Any]:
    """A variant whose packed file ships in place of the one that runs."""
    runs, ships = tmp_path / "model.onnx", tmp_path / "model.onnx.packed"
    runs.write_bytes(b"runs" * 100)
    ships.write_bytes(b"ships")
    return {
        "recipe": ["prune@ratio=0.5", "share_weights"],
        "precision": "fp32",
        "file": str(runs),
        "sha256": hashlib.sha256(b"runs" * 100).hexdigest(),
        "ships": str(ships),
        "ships_sha256": hashlib.sha256(b"ships").hexdigest(),
        "size_bytes": 5,
        "size_compressed_bytes": 4,
        "params": 10,
        "nonzero": 9,
        "macs": 8,
        "ratio_reached": 0.49,
    }


def _read(entry: dict[str, Any]) -> Any:
    return exported_variants({"variants": {"shared": entry}}, "fire", ["shared"])


def test_size_is_that_of_what_ships(entry: dict[str, Any]) -> None:
    (one,) = _read(entry)
    assert (one.name, one.recipe) == ("shared", ["prune@ratio=0.5", "share_weights"])
    assert (one.file.name, one.ships.name) == ("model.onnx", "model.onnx.packed")
    assert (one.size_bytes, one.size_compressed_bytes, one.ratio_reached) == (5, 4, 0.49)


def test_one_file_may_run_and_ship(entry: dict[str, Any]) -> None:
    (one,) = _read(entry | {"ships": entry["file"], "ships_sha256": entry["sha256"], "ratio_reached": None})
    assert one.ships == one.file


@pytest.mark.parametrize("which", ["file", "ships"])
@pytest.mark.parametrize("spoilt", [None, b"", b"another"], ids=["missing", "0 bytes", "another"])
def test_a_file_that_is_not_the_one_of_the_report_is_refused(
    entry: dict[str, Any], which: str, spoilt: bytes | None
) -> None:
    path = Path(entry[which])
    if spoilt is None:
        path.unlink()
    else:
        path.write_bytes(spoilt)
    with pytest.raises(EdgeboardError, match="missing or not the one of the report") as caught:
        _read(entry)
    assert str(path) in str(caught.value)
    assert "dvc repro --force export@fire" in str(caught.value)
