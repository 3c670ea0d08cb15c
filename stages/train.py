"""data/<task> -> models/<task>/train/baseline: the network that everything is compared with."""

from __future__ import annotations

from pathlib import Path

from pipeline.artifact import Meta, save_artifact, untrained_network
from pipeline.compress.recipes import artifact_folder
from pipeline.files import read_json, replacing_folder, sha256_file
from pipeline.options import Training
from pipeline.params import load_params
from pipeline.tasks import TASKS
from stages.entry import stage_main
from stages.paths import CHECKPOINTS, data_folder


@stage_main
def main(task: str) -> None:
    """Train the baseline of a task."""
    params = load_params()
    options: Training = params.train.of(task)
    data = data_folder(task)
    class_names: list[str] = read_json(data / "report.json", made_by=f"dvc repro generate@{task}")["classes"]

    import torch

    from pipeline.networks import load_pretrained, require_kind
    from pipeline.training.train import describe, train_network
    from pipeline.training.warm_up import warm_up

    torch.manual_seed(params.seed)
    require_kind(options.architecture, TASKS[task].kind)
    meta = Meta(task, options.architecture, class_names, options.frame_size, recipe=[], **options.network_form())
    network = untrained_network(meta)
    not_loaded = load_pretrained(network, options.architecture, options.pretrained)
    if not_loaded:
        print(f"train {task}: trained anew, for the weights do not hold them: {', '.join(not_loaded)}", flush=True)
    weights_file = Path(options.pretrained)
    depends_on = sha256_file(weights_file) if weights_file.is_file() else options.pretrained
    title = f"train {task} ({options.architecture})"
    warmed_up = warm_up(
        network, options.architecture, class_names, TASKS[task], params, data, CHECKPOINTS, title, depends_on
    )
    history = train_network(
        network,
        class_names,
        TASKS[task],
        params,
        data,
        CHECKPOINTS,
        title,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        depends_on=depends_on,
    )
    report = {
        "step": "train",
        "warm_up": warmed_up.history if warmed_up else None,
        "training": history,
        **describe(network, options.frame_size),
    }
    folder = artifact_folder(task, ())
    with replacing_folder(folder.parent) as out:
        (out / folder.name).mkdir()
        save_artifact(out / folder.name, network, meta, report)
    if warmed_up:
        warmed_up.forget()


if __name__ == "__main__":
    main()
