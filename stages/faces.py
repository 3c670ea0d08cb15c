"""Enrol, ask after and remove people, without training: python -m stages.faces enrol|who|remove …"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.board import EXPORTS_FOLDER
from pipeline.data.face_traces import remove_traces
from pipeline.data.faces.reading import crop_options, frame_choice, smallest_face
from pipeline.data.folder import Skipped
from pipeline.data.forgetting.naming import files_naming
from pipeline.data.recordings.person_names import as_person
from pipeline.errors import EdgeboardError
from pipeline.export.enrolment import FaceReader, enrol_person, gallery_in_use, open_gallery
from pipeline.export.face_gallery import GALLERY_FILE
from pipeline.export.leaving import leave_galleries
from pipeline.files import read_json, sha256_file
from pipeline.params import load_params
from pipeline.tasks.gallery import UNKNOWN, identify
from pipeline.tracking import shown, tracking_uri
from stages.entry import stage_main
from stages.face_places import GALLERIES, MODELS, places_of

_TASK = "face"


@stage_main
def main(action: str, *words: str, variant: str = "compact", replace: bool = False, everywhere: bool = False) -> None:
    """enrol NAME FILE…  adds a person, from photos or videos, to galleries/VARIANT.json (--replace: anew);
    who FILE…  says who is in photos or videos, or that it is a stranger;
    remove NAME  takes a person out of the galleries of all variants (--everywhere: also out of the data, its caches and
    what was made of it).
    """
    if action == "enrol" and len(words) > 1:
        _enrol(words[0], [Path(word) for word in words[1:]], variant, replace)
    elif action == "who" and words:
        _who([Path(word) for word in words], variant)
    elif action == "remove" and len(words) == 1 and everywhere:
        _remove_everywhere(words[0])
    elif action == "remove" and len(words) == 1:
        _leave(words[0])
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
    path = GALLERIES / f"{variant}.json"
    for warning in enrol_person(path, shipped, name, faces, sha256_file(reader.model), replace=replace):
        print(f"⚠ {warning}")
    print(f"{name} is in {path}, by {len(faces.names)} face{'s' if len(faces.names) > 1 else ''}")


def _who(files: Sequence[Path], variant: str) -> None:
    reader, shipped = _reader(variant)
    gallery = gallery_in_use(GALLERIES / f"{variant}.json", shipped, sha256_file(reader.model))
    faces = reader.read(files)
    _tell_skipped(faces.skipped)
    for name, embedding in zip(faces.names, faces.embeddings, strict=True):
        found = identify(embedding, gallery)
        near = "" if found.nearest is None else f" (nearest: {found.nearest}, cosine {found.similarity:.2f})"
        print(f"{name}: {found.name or UNKNOWN}{near}")


def _leave(name: str) -> None:
    name = as_person(name)
    report = EXPORTS_FOLDER / _TASK / "report.json"
    variants = read_json(report)["variants"] if report.exists() else {}
    shipped = {variant: Path(one["gallery"]) for variant, one in variants.items()}
    for path in leave_galleries(GALLERIES, shipped, name):
        print(f"removed from {path}")
    if any(name in open_gallery(path).names for path in shipped.values()):
        print(f"{name} stays in the data, in what was made of it, and in the galleries that ship: see --everywhere")


def _remove_everywhere(name: str) -> None:
    places = places_of(_TASK)
    gone = remove_traces(name, places.folders, places.caches, places.wholes)
    if not gone:
        raise EdgeboardError(
            "Nothing of this person was found", value=name, where=", ".join(map(str, [*places.folders, *places.caches]))
        )
    for place, count in sorted(Counter(Path(*path.parts[:2]) for path in gone).items()):
        print(f"{place}: {count} files and folders removed or rewritten")
    print("What is left, for only you can change it:")
    for line in _left(name, places.told):
        print(f"- {line}")


def _left(name: str, told: Sequence[Path]) -> Iterator[str]:
    yield "the recordings, in data.face.source and data.face.strangers: out of them the person would come back"
    yield (
        f"what networks learned from the face, in {MODELS / _TASK}, {EXPORTS_FOLDER / _TASK} and the runs "
        "of MLflow: `dvc repro` trains them anew, and makes the results that went"
    )
    uri = shown(tracking_uri(Path.cwd()))
    if not uri.startswith("sqlite:"):
        yield f"the experiment edgeboard/{_TASK} of the MLflow server {uri}"
    yield "boards that got a bundle, other clones, remotes of DVC and caches of it elsewhere"
    people = [one for path in (EXPORTS_FOLDER / _TASK).glob("*/gallery*.json") for one in open_gallery(path).names]
    for path in files_naming(name, told, people):
        yield f"{path}, which names the person"


def _reader(variant: str) -> tuple[FaceReader, Path]:
    """And the gallery that ships with the variant."""
    options = load_params().data.of(_TASK)
    exports = read_json(EXPORTS_FOLDER / _TASK / "report.json", made_by=f"dvc repro export@{_TASK}")
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
