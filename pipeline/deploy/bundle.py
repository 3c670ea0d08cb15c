"""A bundle: everything that a board needs to measure the variants of one task, as a tar of always the same bytes.

manifest.json            what is inside, see `edgeboard_device.manifest`, which reads it on the board
SHA256SUMS               of every other file, as `sha256sum -c` wants it; its own SHA-256 names the release
models/<variant>/        ONNX files by engine, and what their outputs mean (head.json, anchors.npy, galleries)
frames/, expected/       network inputs, and ONNX Runtime's answers by model: raw little-endian float32
clips/                   of movement: whole clips, where frames/ is a stream
decode/                  how outputs become boxes or names, numpy only
finder/, who.py          of faces: MTCNN, and a program that says who is in a picture
run_on_device.py, edgeboard_device/
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.data.frames import MEAN_RGB, STD_RGB
from pipeline.deploy.bundled_galleries import add_galleries
from pipeline.deploy.bundled_models import CLIPS, live_models_of, models_of, stream_of
from pipeline.deploy.contents import Contents
from pipeline.deploy.sample_frames import SampleFrames
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file, sha256_file

FORMAT = "edgeboard bundle 1"
SUMS = "SHA256SUMS"
# By kind of task, the modules that turn outputs into decisions without anything else of ours.
DECODERS_OF = {
    "detection": ("boxes.py",),
    "identification": ("gallery.py", "face_finder.py", "face_choosing.py", "face_alignment.py"),
    "action": ("live_clip.py",),
}
# Where it lies in a bundle of faces, and below deploy/device. Beside numpy it needs more than the other programs there.
FACE_PROGRAM = {"who.py": "faces/who.py", "decode/face_reader.py": "faces/face_reader.py"}
_COUNTS = ("size_bytes", "size_compressed_bytes", "params", "nonzero", "macs", "ratio_reached")


@dataclass(frozen=True)
class Bundled:
    """release: SHA-256 of SHA256SUMS; sha256: of the tar; n_files: in it."""

    release: str
    sha256: str
    n_files: int
    manifest: dict[str, Any]


def make_bundle(
    out: Path,
    root: Path,
    exports: Mapping[str, Any],
    kind: str,
    frames: SampleFrames,
    *,
    data_hash: str,
    may_share_people: bool = True,
) -> Bundled:
    """Write the bundle of one task to `out`.

    exports: exports/<task>/report.json, whose paths are relative to `root`, the repository. kind: of the task.
    may_share_people: False leaves out names and embeddings of people, which are in class names and galleries.
    Raises EdgeboardError for an exported file that is missing or not the one of the report.
    """
    contents = Contents()
    task = exports["task"]
    has_stream = any(entry.get("live") for entry in exports["variants"].values())
    timed = stream_of(frames) if has_stream else frames
    names = contents.add_arrays("frames/{:03d}.f32", timed.inputs)
    variants = []
    for name, entry in exports["variants"].items():
        variant = _variant(contents, root, name, entry)
        if has_stream:
            clips = models_of(contents, root, task, name, entry, frames.inputs)
            files = contents.add_arrays("clips/{:03d}.f32", frames.inputs)
            whole = {engine: {**model, "frames": files} for engine, model in clips.items()}
            # Without a live form the whole clip runs again for every frame of a stream.
            is_live = bool(entry.get("live"))
            variant["models"] = live_models_of(contents, root, task, name, entry, timed.inputs) if is_live else whole
            variant["further"] = {CLIPS: whole}
        else:
            variant["models"] = models_of(contents, root, task, name, entry, timed.inputs)
        if kind == "identification" and may_share_people:
            add_galleries(contents, root, task, name, entry, variant["models"])
        variants.append(variant)
    left_out = [] if may_share_people else ["names and galleries of people: data.face.share is false"]
    _add_programs(contents, root, kind, task)
    manifest = {
        "format": FORMAT,
        "task": task,
        "kind": kind,
        "outputs": _meaning(kind, exports),
        "frame_size": exports["frame_size"],
        # Of pixels from 0 to 1, to make a network input of a picture.
        "normalise": {"mean_rgb": MEAN_RGB.tolist(), "std_rgb": STD_RGB.tolist()},
        "class_names": exports["class_names"] if may_share_people else [],
        "data_hash": data_hash,
        "frames": {"source": timed.source, "files": names},
        "left_out": left_out,
        "variants": variants,
        "files": {name: contents.sha256(name) for name in sorted(contents.files)},
    }
    contents.add("manifest.json", (json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
    sums = "".join(f"{contents.sha256(name)}  {name}\n" for name in sorted(contents.files)).encode()
    contents.add(SUMS, sums)
    with replacing_file(out) as temporary:
        contents.write_tar(temporary)
    return Bundled(hashlib.sha256(sums).hexdigest(), sha256_file(out), len(contents.files), manifest)


def _variant(contents: Contents, root: Path, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the variant is, without its models."""
    described = {"name": name, "recipe": entry["recipe"], "precision": entry["precision"]}
    beside = _beside(contents, root, entry, f"models/{name}")
    return described | beside | {"ships_sha256": entry["ships_sha256"]} | {key: entry[key] for key in _COUNTS}


def _beside(contents: Contents, root: Path, entry: Mapping[str, Any], folder: str) -> dict[str, str]:
    """What is needed to read the outputs of a model. The class weights of an embedder are only there for training."""
    found = {}
    head = entry.get("head")
    if head and not entry.get("gallery"):
        found["head"] = contents.add(f"{folder}/head.json", root / head)
        anchors = (root / head).with_name("anchors.npy")
        if anchors.is_file():
            contents.add(f"{folder}/anchors.npy", anchors)
    return found


def _add_programs(contents: Contents, root: Path, kind: str, task: str) -> None:
    device = root / "deploy" / "device"
    for file in sorted({*device.rglob("*.py")} - {device / below for below in FACE_PROGRAM.values()}):
        contents.add(file.relative_to(device).as_posix(), file)
    for module in DECODERS_OF.get(kind, ()):
        contents.add(f"decode/{module}", root / "pipeline" / "tasks" / module)
    if kind == "identification":
        for name, below in FACE_PROGRAM.items():
            contents.add(name, device / below)
    for file in sorted((root / "exports" / task / "finder").glob("*")):
        contents.add(f"finder/{file.name}", file)


def _meaning(kind: str, exports: Mapping[str, Any]) -> str:
    if kind == "identification":
        return "embedding"
    return "heads" if any(entry.get("head") for entry in exports["variants"].values()) else "logits"


def named_tasks(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The tasks named on a command line, or all; refuses what is not one."""
    wrong = [name for name in given if name not in known]
    if wrong:
        raise EdgeboardError("Not a task of params.yaml", value=", ".join(wrong), allowed=", ".join(known))
    return list(dict.fromkeys(given or known))
