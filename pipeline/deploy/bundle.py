"""A bundle: everything that a board needs to measure the variants of one task, as a tar of always the same bytes.

manifest.json            what is inside, see `edgeboard_device.manifest`, which reads it on the board
SHA256SUMS               of every other file, as `sha256sum -c` wants it; its own SHA-256 names the release
models/<variant>/        ONNX files by engine, and what their outputs mean (head.json, anchors.npy, gallery.json)
frames/, expected/       network inputs, and ONNX Runtime's answers by model: raw little-endian float32
decode/                  how outputs become boxes or names, numpy only
run_on_device.py, edgeboard_device/
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.deploy.sample_frames import SampleFrames
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file, sha256_file
from pipeline.targets.onnxruntime import OnnxRuntimeEngine

FORMAT = "edgeboard bundle 1"
SUMS = "SHA256SUMS"
ENGINES = ("onnxruntime", "tensorrt")
# By kind of task, the modules that turn outputs into decisions without anything else of ours.
_DECODERS = {
    "detection": ("boxes.py",),
    "identification": ("gallery.py", "face_finder.py", "face_alignment.py"),
}
_COUNTS = ("size_bytes", "size_compressed_bytes", "params", "nonzero", "macs", "ratio_reached")


@dataclass(frozen=True)
class Bundled:
    """release: SHA-256 of SHA256SUMS; sha256: of the tar; n_files: in it."""

    release: str
    sha256: str
    n_files: int
    manifest: dict[str, Any]


@dataclass
class _Contents:
    """Files of the tar by their name: bytes, or the path of a file on this disk."""

    files: dict[str, bytes | Path] = field(default_factory=dict)

    def add(self, name: str, content: bytes | Path) -> str:
        self.files[name] = content
        return name

    def sha256(self, name: str) -> str:
        content = self.files[name]
        return sha256_file(content) if isinstance(content, Path) else hashlib.sha256(content).hexdigest()


def input_of(model: Path) -> tuple[str, tuple[int, ...]]:
    """Name and static shape of the input of an ONNX file."""
    import onnx

    graph = onnx.load(str(model)).graph
    weights = {one.name for one in graph.initializer}
    given = next(one for one in graph.input if one.name not in weights)
    return given.name, tuple(one.dim_value for one in given.type.tensor_type.shape.dim)


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
    contents = _Contents()
    task = exports["task"]
    names = [contents.add(f"frames/{i:03d}.f32", _raw(one)) for i, one in enumerate(frames.inputs)]
    variants = [
        _variant(contents, root, task, name, entry, frames, may_share_people)
        for name, entry in exports["variants"].items()
    ]
    left_out = [] if may_share_people else ["names and galleries of people: data.face.share is false"]
    _add_programs(contents, root, kind, task)
    manifest = {
        "format": FORMAT,
        "task": task,
        "kind": kind,
        "outputs": _meaning(kind, exports),
        "frame_size": exports["frame_size"],
        "class_names": exports["class_names"] if may_share_people else [],
        "data_hash": data_hash,
        "frames": {"source": frames.source, "files": names},
        "left_out": left_out,
        "variants": variants,
        "files": {name: contents.sha256(name) for name in sorted(contents.files)},
    }
    contents.add("manifest.json", (json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())
    sums = "".join(f"{contents.sha256(name)}  {name}\n" for name in sorted(contents.files)).encode()
    contents.add(SUMS, sums)
    with replacing_file(out) as temporary:
        _write_tar(temporary, contents)
    return Bundled(hashlib.sha256(sums).hexdigest(), sha256_file(out), len(contents.files), manifest)


def _variant(
    contents: _Contents,
    root: Path,
    task: str,
    name: str,
    entry: Mapping[str, Any],
    frames: SampleFrames,
    may_share_people: bool,
) -> dict[str, Any]:
    folder = f"models/{name}"
    models = {}
    for engine in ENGINES:
        made = entry if engine == "onnxruntime" else entry["tensorrt"]
        if made["file"] is None:
            continue
        file = _as_reported(root / made["file"], made["sha256"], task)
        # TensorRT runs float files in fp16, int8 ones in int8 where they say so and fp16 elsewhere.
        is_float = engine == "tensorrt" and entry["precision"] != "int8"
        runtime = OnnxRuntimeEngine(file, 1)
        models[engine] = {
            "file": contents.add(f"{folder}/{file.name}", file),
            "sha256": made["sha256"],
            "precision": "fp16" if is_float else entry["precision"],
            "input": input_of(file)[0],
            "expected": [
                contents.add(f"expected/{name}/{file.stem}.{i:03d}.f32", _raw(runtime.run(one)))
                for i, one in enumerate(frames.inputs)
            ],
        }
    beside = _beside(contents, root, entry, folder, may_share_people)
    described = {"name": name, "recipe": entry["recipe"], "precision": entry["precision"], "models": models, **beside}
    return described | {"ships_sha256": entry["ships_sha256"]} | {key: entry[key] for key in _COUNTS}


def _beside(
    contents: _Contents, root: Path, entry: Mapping[str, Any], folder: str, may_share_people: bool
) -> dict[str, str]:
    """What is needed to read the outputs of a model. The class weights of an embedder are only there for training."""
    found = {}
    head = entry.get("head")
    if head and not entry.get("gallery"):
        found["head"] = contents.add(f"{folder}/head.json", root / head)
        anchors = (root / head).with_name("anchors.npy")
        if anchors.is_file():
            contents.add(f"{folder}/anchors.npy", anchors)
    if entry.get("gallery") and may_share_people:
        found["gallery"] = contents.add(f"{folder}/gallery.json", root / entry["gallery"])
    return found


def _add_programs(contents: _Contents, root: Path, kind: str, task: str) -> None:
    device = root / "deploy" / "device"
    for file in sorted(device.rglob("*.py")):
        contents.add(file.relative_to(device).as_posix(), file)
    for module in _DECODERS.get(kind, ()):
        contents.add(f"decode/{module}", root / "pipeline" / "tasks" / module)
    for file in sorted((root / "exports" / task / "finder").glob("*")):
        contents.add(f"finder/{file.name}", file)


def _meaning(kind: str, exports: Mapping[str, Any]) -> str:
    if kind == "identification":
        return "embedding"
    return "heads" if any(entry.get("head") for entry in exports["variants"].values()) else "logits"


def _raw(values: Any) -> bytes:
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def _write_tar(path: Path, contents: _Contents) -> None:
    # USTAR has no field for a time finer than seconds, a host's name or a user's.
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(contents.files):
            content = contents.files[name]
            member = tarfile.TarInfo(name)
            member.size = content.stat().st_size if isinstance(content, Path) else len(content)
            with content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as file:
                tar.addfile(member, file)


def _as_reported(file: Path, sha256: str, task: str) -> Path:
    if not file.is_file() or sha256_file(file) != sha256:
        mend = f"dvc repro --force export@{task}"
        raise EdgeboardError("An exported file is missing or not the one of the report", where=file, mend=mend)
    return file


def named_tasks(given: Sequence[str], known: Sequence[str]) -> list[str]:
    """The tasks named on a command line, or all; refuses what is not one."""
    wrong = [name for name in given if name not in known]
    if wrong:
        raise EdgeboardError("Not a task of params.yaml", value=", ".join(wrong), allowed=", ".join(known))
    return list(dict.fromkeys(given or known))
