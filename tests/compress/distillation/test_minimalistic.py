from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.distillation.minimalistic import run
from pipeline.compress.pruning.prune import run as prune
from pipeline.compress_options import why_recipe_cannot_chain
from pipeline.files import read_json
from tests.compress.lessons import new_network, outputs, save, step_context
from tests.compress.sections import planned

ARCHITECTURE = "mobilenet_v3_small"


@pytest.mark.parametrize("epochs", [0, 1])
def test_the_step_simplifies_and_trains_only_if_asked_to(tmp_path: Path, epochs: int) -> None:
    context = step_context(tmp_path, ARCHITECTURE)
    source = save(tmp_path / "source", new_network(ARCHITECTURE), ARCHITECTURE)
    made = tmp_path / "made"
    made.mkdir()
    run(source, made, planned("minimalistic", epochs=epochs), context)
    network, meta = load_artifact(made)
    report = read_json(made / "report.json")
    assert meta.minimalistic
    assert meta.recipe == [planned("minimalistic", epochs=epochs).label]
    assert report["params"] < report["params_before"]
    assert ("training" in report) == bool(epochs)
    assert outputs(network).isfinite().all()


def test_what_is_pruned_afterwards_is_rebuilt(tmp_path: Path) -> None:
    context = step_context(tmp_path, ARCHITECTURE)
    source = save(tmp_path / "source", new_network(ARCHITECTURE), ARCHITECTURE)
    made, pruned = tmp_path / "made", tmp_path / "pruned"
    made.mkdir()
    pruned.mkdir()
    run(source, made, planned("minimalistic", epochs=0), context)
    prune(made, pruned, planned("prune", epochs=1, ratio=0.5), context)
    assert read_meta(pruned).minimalistic
    assert outputs(load_artifact(pruned)[0]).isfinite().all()


def test_it_is_done_once() -> None:
    steps = [planned("minimalistic"), planned("minimalistic")]
    assert "minimalistic already" in (why_recipe_cannot_chain("twice", steps) or "")
