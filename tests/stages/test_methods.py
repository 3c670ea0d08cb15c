"""`make methods`: its list is valid, reaches DVC unchanged, and ends in a table, a picture and rows on the board."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from pipeline.params import check_params
from stages.methods import LIST, absolute_source, hydra_value
from tests.conftest import REPOSITORY, run

FEW = {
    "overrides": {"explain.frames": 1},
    "groups": {
        "no compression": {"baseline": None},
        "single weights": {"sparse": [{"prune": {"structure": "unstructured", "ratio": 0.5}}, "share_weights"]},
        "quantized": {"dynamic": [{"quantize": {"method": "dynamic"}}], "compact": None},
    },
}


def all_recipes() -> dict[str, Any]:
    groups = yaml.safe_load(LIST.read_text())["groups"].values()
    return {name: steps for group in groups for name, steps in group.items() if steps}


@pytest.mark.parametrize(
    "value",
    [0.5, 3, True, None, "block", "two words", "a:b,c", [], ["prune", {"quantize": {"keep_float": ["/layer1/conv1"]}}]],
)
def test_a_value_reaches_the_parameters_unchanged(tmp_path: Path, value: Any) -> None:
    (tmp_path / "params.yaml").write_text("a: {b: 1}\n")
    apply_overrides(tmp_path / "params.yaml", [f"+a.c={hydra_value(value)}"])
    assert yaml.safe_load((tmp_path / "params.yaml").read_text())["a"]["c"] == value


def test_every_recipe_of_the_list_is_a_valid_one(tmp_path: Path) -> None:
    raw = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    shown = [name for group in yaml.safe_load(LIST.read_text())["groups"].values() for name in group]
    assert len(shown) == len(set(shown))
    assert set(shown) - set(all_recipes()) <= {"baseline", *raw["compress"]["recipes"]}
    shutil.copyfile(REPOSITORY / "params.yaml", tmp_path / "params.yaml")
    apply_overrides(
        tmp_path / "params.yaml", [f"+compress.recipes.{n}={hydra_value(s)}" for n, s in all_recipes().items()]
    )
    changed = yaml.safe_load((tmp_path / "params.yaml").read_text())
    assert changed["compress"]["recipes"] == raw["compress"]["recipes"] | all_recipes()
    check_params(changed)


def test_a_folder_beside_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    assert absolute_source("data.fire.source=photos") == f"data.fire.source={tmp_path}/photos"
    assert absolute_source("data.fire.source=synthetic") == "data.fire.source=synthetic"
    assert absolute_source("compress.ratio=0.5") == "compress.ratio=0.5"


@pytest.mark.slow
def test_the_comparison_runs_beside_the_workspace(reproduced_repository: Path, tmp_path: Path) -> None:
    clone = tmp_path / "edgeboard"
    shutil.copytree(reproduced_repository, clone, symlinks=True)
    (clone / "stages" / "methods.yaml").write_text(yaml.safe_dump(FEW, sort_keys=False))
    run(["git", "commit", "-q", "-am", "fewer methods"], clone)
    before = {path: (clone / path).read_bytes() for path in ("params.yaml", "dvc.lock")}
    log = run([sys.executable, "-m", "stages.methods", "fire"], clone).stdout
    assert {path: (clone / path).read_bytes() for path in before} == before
    table = pd.read_csv(clone / "results" / "methods" / "fire.csv").set_index("variant")
    assert list(table.index) == ["baseline", "sparse", "dynamic", "compact"]
    assert "| sparse" in log
    # Half of the weights are zero and all have one of 32 values: the file is small, the network that runs is not.
    assert table.loc["sparse", "nonzero"] == pytest.approx(0.5 * table.loc["sparse", "params"], rel=0.05)
    assert table.loc["sparse", "size_mb"] < table.loc["baseline", "size_mb"] / 5
    assert table.loc["sparse", "macs"] == table.loc["baseline", "macs"]
    assert (clone / "results" / "methods" / "fire.png").stat().st_size > 10_000
    board = pd.read_csv(clone / "results" / "leaderboard.csv")
    assert set(board["experiment"]) == {"workspace", "methods"}
