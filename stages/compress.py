"""models/<task>/… -> models/<task>/<stage>: the artifacts of one of the stages prune, distill and quantize."""

from __future__ import annotations

from pathlib import Path

from pipeline.compress.recipes import artifact_folder, artifact_name, stage_of, work_of_stage
from pipeline.compress.step import StepContext, find_step
from pipeline.files import replacing_folder, write_json
from pipeline.params import load_params
from pipeline.tasks import TASKS
from stages.entry import stage_main
from stages.paths import CHECKPOINTS, data_folder


@stage_main
def main(stage: str, task: str) -> None:
    """Make every artifact that belongs to a stage (prune, distill or quantize) of a task."""
    params = load_params().of_task(task)
    context = StepContext(TASKS[task], params, data_folder(task), artifact_folder(task, ()), CHECKPOINTS)
    work = work_of_stage(stage, params.compress)
    folder = Path("models", task, stage)
    with replacing_folder(folder) as out:
        for steps, step in work.items():
            parent = steps[:-1]
            source = out / artifact_name(parent) if stage_of(parent) == stage else artifact_folder(task, parent)
            destination = out / artifact_name(steps)
            destination.mkdir()
            print(f"{stage} {task}: {' > '.join(steps)} from {artifact_name(parent)}", flush=True)
            find_step(step.name)(source, destination, step, context)
        write_json(out / "artifacts.json", [artifact_name(steps) for steps in work])


if __name__ == "__main__":
    main()
