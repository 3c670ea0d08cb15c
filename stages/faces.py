"""Enrol, ask after and remove people, without training: python -m stages.faces enrol|who|remove …"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.data.face_traces import remove_traces
from pipeline.data.faces.reading import crop_options, frame_choice, smallest_face
from pipeline.data.folder import Skipped
from pipeline.errors import EdgeboardError
from pipeline.export.enrolment import FaceReader, enrol_person, open_gallery
from pipeline.export.face_gallery import GALLERY_FILE
from pipeline.files import read_json, sha256_file
from pipeline.params import load_params
from pipeline.tasks.gallery import UNKNOWN, identify
from stages.entry import stage_main
from stages.paths import STATE, data_folder

_TASK = "face"
_GALLERIES = Path("galleries")


@stage_main
def main(action: str, *words: str, variant: str = "compact", replace: bool = False, everywhere: bool = False) -> None:
    """enrol NAME FILE…  adds a person, from photos or videos, to galleries/VARIANT.json (--replace: anew);
    who FILE…  says who is in photos or videos, or that it is a stranger;
    remove NAME  takes a person out of all galleries (--everywhere: also the data, its caches and what was made of it).
    """
    if action == "enrol" and len(words) > 1:
        _enrol(words[0], [Path(word) for word in words[1:]], variant, replace)
    elif action == "who" and words:
        _who([Path(word) for word in words], variant)
    elif action == "remove" and len(words) == 1:
        _remove(words[0], everywhere)
    else:
        raise EdgeboardError(
            "What is to be done?",
            value=" ".join([action, *words]),
            allowed="enrol NAME FILE… | who FILE… | remove NAME",
        )


def _enrol(name: str, files: Sequence[Path], variant: str, replace: bool) -> None:
    reader, shipped = _reader(variant)
    faces = reader.read(files)
    _tell_skipped(faces.skipped)
    path = _GALLERIES / f"{variant}.json"
    for warning in enrol_person(path, shipped, name, faces, sha256_file(reader.model), replace=replace):
        print(f"⚠ {warning}")
    print(f"{name} is in {path}, by {len(faces.names)} face{'s' if len(faces.names) > 1 else ''}")


def _who(files: Sequence[Path], variant: str) -> None:
    reader, shipped = _reader(variant)
    own = _GALLERIES / f"{variant}.json"
    gallery = open_gallery(own if own.exists() else shipped, sha256_file(reader.model))
    faces = reader.read(files)
    _tell_skipped(faces.skipped)
    for name, embedding in zip(faces.names, faces.embeddings, strict=True):
        found = identify(embedding, gallery)
        near = "" if found.nearest is None else f" (nearest: {found.nearest}, cosine {found.similarity:.2f})"
        print(f"{name}: {found.name or UNKNOWN}{near}")


def _remove(name: str, everywhere: bool) -> None:
    folders = [_GALLERIES]
    caches: list[Path] = []
    if everywhere:
        folders += [data_folder(_TASK), Path("exports", _TASK), Path("results", "explain", _TASK)]
        caches = [Path(".dvc", "cache"), STATE, Path("results", "benchmark", _TASK)]
    gone = remove_traces(name, folders, caches)
    for path in gone:
        print(f"removed from {path}" if path.exists() else f"removed {path}")
    if not gone:
        raise EdgeboardError("Nothing of this person was found", value=name, where=", ".join(map(str, folders)))
    if everywhere:
        print(f"The networks in models/{_TASK} learned from this person. Remove the recordings too, then: make repro")


def _reader(variant: str) -> tuple[FaceReader, Path]:
    """And the gallery that ships with the variant."""
    options = load_params().data.of(_TASK)
    exports = read_json(Path("exports", _TASK, "report.json"), made_by=f"dvc repro export@{_TASK}")
    if variant not in exports["variants"]:
        allowed = ", ".join(exports["variants"])
        raise EdgeboardError("There is no such variant", where="--variant", value=variant, allowed=allowed)
    model = Path(exports["variants"][variant]["file"])
    reader = FaceReader(
        model, exports["frame_size"], frame_choice(options), crop_options(options), smallest_face(options)
    )
    return reader, model.with_name(GALLERY_FILE)


def _tell_skipped(skipped: Sequence[Skipped]) -> None:
    for one in skipped:
        print(f"skipped {one.file}: {one.reason}")


if __name__ == "__main__":
    main()
