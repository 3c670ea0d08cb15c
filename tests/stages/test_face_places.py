"""What goes as a whole when a person is removed everywhere, and what stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stages.face_places import places_of

GOES = [
    "results/explain/face/baseline.png",
    "results/explain/face/side_by_side.png",
    "results/benchmark/face/compact.confusion.png",
    "results/benchmark/face.json",
    "bundles/face.tar",
    "bundles/face.json",
    "results/runs/0123456789ab/explanation.png",
    "results/sources/mlflow/runs/0123456789ab/explanation.jpg",
    "results/outbox/0123456789ab/files/artifact/meta.json",
    "mlartifacts/face/1f/artifacts/artifact/weights.safetensors",
    "mlartifacts/face/1f/artifacts/benchmark/compact.confusion.png",
    "mlartifacts/face/1f/artifacts/explanation/report.json",
    ".edgeboard/checkpoints/warm-up-1f/weights.safetensors",
    ".edgeboard/checkpoints/warm-up-1f/history.json",
    ".dvc/tmp/exps/tmp1/data/face/index.csv",
    ".dvc/tmp/exps/tmp1/models/face/train/baseline/weights.safetensors",
    "results/board.html",
    ".dvc/tmp/exps/standalone/tmp2/results/explain/face/baseline.png",
]
STAYS = [
    "results/explain/fire/baseline.png",
    "results/benchmark/fire.json",
    "bundles/fire.tar",
    "results/runs/0123456789ab/run.json",
    "results/runs/0123456789ab/evidence.json",
    "results/runs/ba9876543210/run.json",
    "results/runs/ba9876543210/explanation.png",
    "results/outbox/0123456789ab/outbox.json",
    "results/outbox/0123456789ab/files/model/model.onnx",
    "mlartifacts/face/1f/artifacts/run.json",
    "mlartifacts/face/1f/artifacts/run/evidence.json",
    "mlartifacts/face/1f/artifacts/model/model.onnx",
    "mlartifacts/face/1f/artifacts/benchmark/compact.roc.png",
    "mlartifacts/fire/1f/artifacts/artifact/meta.json",
    ".edgeboard/checkpoints/fire/last.ckpt",
    ".edgeboard/host.json",
    ".dvc/tmp/exps/tmp1/data/fire/index.csv",
    ".dvc/tmp/exps/tmp1/exports/face/compact/model.onnx",
]


def test_pictures_reports_and_templates_of_people_go_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*GOES, *STAYS, ".dvc/tmp/exps/tmp1/dvc.yaml", ".dvc/tmp/exps/standalone/tmp2/dvc.yaml"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        task = "fire" if "ba9876543210" in name else "face"
        run = {"row": {"task": task}}
        if path.name in ("run.json", "outbox.json"):
            path.write_text(json.dumps({"run": run} if path.name == "outbox.json" else run))
        else:
            path.write_bytes(b"class_weights" if "warm-up" in name else b"fc.weight")
    (tmp_path / "results/sources/mlflow/runs/0123456789ab/run.json").write_text('{"row": {"task": "face"}}')
    (tmp_path / "results/runs/broken").mkdir()
    (tmp_path / "results/runs/broken/run.json").write_text("[]")
    monkeypatch.chdir(tmp_path)
    wholes = places_of("face").wholes
    assert [name for name in GOES if not any(Path(name).is_relative_to(whole) for whole in wholes)] == []
    assert [name for name in STAYS if any(Path(name).is_relative_to(whole) for whole in wholes)] == []


def test_dvc_keeps_maps_and_weights_of_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = [
        {"md5": "b" * 32, "relpath": "prune/weights.safetensors"},
        {"md5": "c" * 32, "relpath": "prune/meta.json"},
    ]
    contents = {"a" * 32: "", "b" * 32: "", "c" * 32: "", "d" * 32 + ".dir": json.dumps(listing)}
    for md5, content in contents.items():
        path = tmp_path / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    outs = [
        {"path": "results/benchmark/face.json", "md5": "a" * 32},
        {"path": "models/face/prune", "md5": "d" * 32 + ".dir"},
    ]
    run = tmp_path / ".dvc/cache/runs/12/34"
    run.parent.mkdir(parents=True)
    run.write_text(json.dumps({"outs": outs}))
    monkeypatch.chdir(tmp_path)
    objects = {path.parent.name[0] for path in places_of("face").wholes if ".dvc" in path.parts}
    assert objects == {"a", "b"}, "what has the name in it is found by that"
