"""A larger network of clips, trained here by its name, teaches a smaller one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.artifact import load_artifact, read_meta
from pipeline.compress.distillation.distill import run
from pipeline.compress.distillation.teachers import untrained_teacher
from pipeline.errors import EdgeboardError
from pipeline.files import read_json, sha256_file
from pipeline.networks import count_parameters
from tests.clip_folder import clip_context
from tests.compress.sections import planned

LARGER = "tsm_resnet18"


@pytest.mark.slow
def test_a_student_learns_from_a_larger_network_that_is_named(tmp_path: Path) -> None:
    context = clip_context(tmp_path)
    made = {}
    for teacher in (LARGER, "baseline"):
        out = tmp_path / "of" / teacher
        out.mkdir(parents=True)
        run(context.baseline, out, planned("distill", teacher=teacher, alpha=1.0, epochs=1), context)
        made[teacher] = read_json(out / "report.json")["teacher"]
    assert made[LARGER]["architecture"] == LARGER
    assert made[LARGER]["trained_here"] is True
    assert 0 <= made[LARGER]["val_accuracy"] <= 1

    (folder,) = (context.checkpoints / "teachers").iterdir()
    teacher, meta = load_artifact(folder)
    assert (meta.architecture, meta.clip_frames, meta.shift) == (LARGER, 4, "causal")
    student, meta = load_artifact(tmp_path / "of" / LARGER)
    assert meta.architecture == "tsm_resnet8"
    assert count_parameters(student) < count_parameters(teacher) / 5
    weights = [sha256_file(tmp_path / "of" / name / "weights.safetensors") for name in made]
    assert weights[0] != weights[1], "who teaches is seen in what is learnt"


@pytest.mark.parametrize(
    ("teacher", "frame_size", "said"),
    [
        ("resnet50", 32, "tsm_resnet50"),
        ("tsm_resnet19", 32, "tsm_resnet18"),
        ("timesformer_small", 40, "multiple of 16"),
    ],
)
def test_what_cannot_teach_clips_is_told_by_its_option(
    tmp_path: Path, teacher: str, frame_size: int, said: str
) -> None:
    context = clip_context(tmp_path, train__movement__frame_size=frame_size)
    with pytest.raises(EdgeboardError) as caught:
        untrained_teacher(teacher, read_meta(context.baseline), context)
    assert caught.value.where == "compress.distill.teacher"
    assert said in str(caught.value)
