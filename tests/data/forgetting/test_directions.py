from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from pipeline.data.forgetting.directions import fitting_meta, has_directions, without_direction
from pipeline.data.forgetting.names import NameSearch
from pipeline.errors import EdgeboardError

WEIGHTS = np.arange(8, dtype=np.float32).reshape(2, 4)
NAMES = ["Ann", "Ann Lee", "Bo", "Cy"]


def artifact(folder: Path, names: list[str] | None = None, **tensors: np.ndarray) -> Path:
    if names is not None:
        (folder / "meta.json").write_text(json.dumps({"class_names": names}))
    path = folder / "weights.safetensors"
    path.write_bytes(save(tensors))
    return path


@pytest.mark.parametrize(
    ("person", "left"),
    [
        ("Ann", [1, 2, 3]),
        ("Ann Lee", [0, 2, 3]),
        ("Cy", [0, 1, 2]),
        ("Zoe", None),
    ],
)
def test_one_column_is_one_person(tmp_path: Path, person: str, left: list[int] | None) -> None:
    path = artifact(tmp_path, NAMES, class_weights=WEIGHTS, conv=np.ones(3, np.float32))
    rest = without_direction(path, path.read_bytes(), NameSearch(person, NAMES))
    assert (rest is None) == (left is None)
    if rest is not None and left is not None:
        assert load(rest)["class_weights"].tolist() == WEIGHTS[:, left].tolist()
        assert load(rest)["conv"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("names", "tensors"),
    [
        pytest.param(None, {"class_weights": WEIGHTS}, id="no names beside"),
        pytest.param(NAMES, {"fc": WEIGHTS}, id="a network without directions"),
        pytest.param(NAMES, {"class_weights": WEIGHTS[:, 1:]}, id="a removal that was interrupted"),
    ],
)
def test_files_that_have_nothing_of_the_person(
    tmp_path: Path, names: list[str] | None, tensors: dict[str, np.ndarray]
) -> None:
    path = artifact(tmp_path, names, **{name: np.ascontiguousarray(one) for name, one in tensors.items()})
    assert without_direction(path, path.read_bytes(), NameSearch("Ann", NAMES)) is None


def test_weights_that_do_not_fit_the_names_are_refused(tmp_path: Path) -> None:
    path = artifact(tmp_path, [*NAMES, "Di", "Eve"], class_weights=WEIGHTS)
    with pytest.raises(EdgeboardError, match="does not fit the names") as caught:
        without_direction(path, path.read_bytes(), NameSearch("Ann", NAMES))
    assert (caught.value.where, caught.value.value) == (path, "4 columns, 6 names")


def test_meta_without_shapes_of_pruning_stays_as_it_is() -> None:
    meta = b'{"class_names": ["Bo"], "layers": {"conv": {"out": 8}}}'
    assert fitting_meta(meta) == meta
    pruned = b'{"class_names": ["Bo"], "layers": {"class_weights": {"dim0": 8, "dim1": 2}}}'
    assert json.loads(fitting_meta(pruned))["layers"]["class_weights"] == {"dim0": 8, "dim1": 1}


@pytest.mark.parametrize("before", [0, (1 << 24) - 5, 1 << 24])
def test_directions_are_seen_wherever_they_stand_in_a_checkpoint(tmp_path: Path, before: int) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(bytes(before) + b"network.class_weights")
    assert has_directions(path)
    path.write_bytes(bytes(before) + b"network.fc.weight")
    assert not has_directions(path)
