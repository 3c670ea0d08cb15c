"""Every kind of network that params.yaml names goes through prune, distill, quantize and export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from pipeline.artifact import Meta, load_artifact, read_meta, save_artifact
from pipeline.compress.recipes import artifact_folder
from pipeline.compress.step import StepContext, find_step
from pipeline.data.frames import load_frames
from pipeline.export.export import export_variant
from pipeline.networks import build_network
from pipeline.params import check_params
from pipeline.tasks import TASKS
from pipeline.training.train import describe
from tests.conftest import REPOSITORY, TINY, set_params
from tests.picture_folder import CLASS_NAMES, write_data_folder

SIZE = 64


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["mobilenet_v2", "mobilenet_v3_small", "resnet50", "vgg16"])
def test_an_architecture_goes_through_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes((REPOSITORY / "params.yaml").read_bytes())
    changes = {"train.fire.architecture": architecture, "train.fire.frame_size": SIZE, "compress.ratio": 0.5}
    set_params(Path("params.yaml"), TINY | changes)
    params = check_params(yaml.safe_load(Path("params.yaml").read_text()))
    data = write_data_folder(Path("data/fire"), {"train": 4, "val": 3, "test": 1})
    baseline = artifact_folder("fire", ())
    baseline.mkdir(parents=True)
    torch.manual_seed(0)
    network = build_network(architecture, 3)
    meta = Meta("fire", architecture, CLASS_NAMES, SIZE, recipe=[])
    save_artifact(baseline, network, meta, describe(network, SIZE))

    context = StepContext(TASKS["fire"], params, data, baseline, Path("checkpoints"))
    plan = {step.label: step for step in params.compress.plan()["compact"]}
    steps: tuple[str, ...] = ()
    for step in ("prune", "distill", "quantize"):
        source, steps = artifact_folder("fire", steps), (*steps, step)
        artifact_folder("fire", steps).mkdir(parents=True)
        find_step(step)(source, artifact_folder("fire", steps), plan[step], context)

    compact = artifact_folder("fire", steps)
    assert read_meta(compact).recipe == ["prune", "distill", "quantize"]
    assert read_meta(compact).parent == "models/fire/distill/prune+distill"
    frames = torch.randn(1, 3, SIZE, SIZE)
    with torch.no_grad():
        pruned, distilled = (load_artifact(artifact_folder("fire", steps[:n]))[0](frames) for n in (1, 2))
    assert not torch.equal(pruned, distilled)

    Path("out").mkdir()
    # Hardly trained networks decide nearly at random: the parity of decisions is measured elsewhere.
    real_frames = load_frames(data, "val", SIZE, CLASS_NAMES).frames_nhwc
    entry = export_variant(compact, Path("out"), Path("exports/fire/compact"), real_frames, params.export)
    assert entry["precision"] == "int8"
    assert entry["tensorrt"]["accepted"] in (True, None)
    assert entry["size_bytes"] < describe(network, SIZE)["params"] * 4 / 5
