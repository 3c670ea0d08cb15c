"""What every run starts from: valid parameters, this host, and the folders that data comes from."""

from __future__ import annotations

from pathlib import Path

from pipeline.benchmark.host import host_fingerprint
from pipeline.compress.recipes import STAGE_ORDER, variants, work_description
from pipeline.data.sources import source_fingerprint
from pipeline.files import replacing_folder, sha256_file, write_json
from pipeline.params import load_params
from stages.entry import stage_main
from stages.paths import HOST, STATE, sources_file, weights_file, work_file

# The options of data.<task> that may name a folder or a file.
_SOURCES = ("source", "test_source", "strangers", "video_root")


@stage_main
def main() -> None:
    """Check params.yaml; write the fingerprints and the lists of work that later stages depend on."""
    params = load_params()
    host = host_fingerprint()
    write_json(HOST, host)
    seen = STATE / "cache" / "file-hashes.json"
    with replacing_folder(sources_file("").parent) as out:
        for task in params.tasks:
            data = params.data.of(task)
            sources = {name: getattr(data, name, None) for name in _SOURCES}
            found = {
                name: source_fingerprint(Path(source), seen)
                for name, source in sources.items()
                if source not in (None, "synthetic")
            }
            groups = getattr(data, "groups", None)
            if groups is not None:
                found["groups"] = {"sha256": sha256_file(Path(groups))}
            write_json(out / sources_file(task).name, found)
            weights = Path(params.train.of(task).pretrained)
            write_json(out / weights_file(task).name, {"sha256": sha256_file(weights) if weights.is_file() else None})
    with replacing_folder(work_file("", "").parent) as out:
        for task in params.tasks:
            compress = params.of_task(task).compress
            for stage in STAGE_ORDER[1:]:
                write_json(out / work_file(task, stage).name, work_description(stage, compress, host["id"]))
            write_json(out / work_file(task, "export").name, variants(compress))


if __name__ == "__main__":
    main()
