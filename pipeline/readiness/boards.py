"""The boards of boards.yaml."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.errors import EdgeboardError
from pipeline.readiness.runtime import Runtime


@dataclass(frozen=True)
class Release:
    """A JetPack, or several that come with the same TensorRT. key: as it is called in boards.yaml, such as 5.1."""

    key: str
    jetpack: str
    l4t: str
    python: str
    cuda: str
    tensorrt: str
    trtexec: str
    onnxruntime: Runtime


@dataclass(frozen=True)
class Board:
    """sm: compute capability, 72 for 7.2. memory_gb: of each model sold. precisions: in which its GPU computes."""

    key: str
    name: str
    soc: str
    sm: int
    memory_gb: tuple[int, ...]
    precisions: tuple[str, ...]
    dla_cores: int
    releases: tuple[Release, ...]


@functools.cache
def boards() -> dict[str, Board]:
    read = yaml.safe_load(Path(__file__).with_name("boards.yaml").read_text(encoding="utf-8"))
    runtimes = {version: Runtime(version, **limits) for version, limits in read["onnxruntime"].items()}
    releases = {
        key: Release(key=key, **{**one, "onnxruntime": runtimes[one["onnxruntime"]]})
        for key, one in read["releases"].items()
    }
    return {
        key: Board(
            key=key,
            name=one["name"],
            soc=one["soc"],
            sm=one["sm"],
            memory_gb=tuple(one["memory_gb"]),
            precisions=tuple(one["precisions"]),
            dla_cores=one["dla_cores"],
            releases=tuple(releases[release] for release in one["releases"]),
        )
        for key, one in read["boards"].items()
    }


def find_board(name: str) -> Board:
    """By its key, in any case and with - or a space for _. Raises EdgeboardError with the nearest ones."""
    key = name.strip().lower().replace("-", "_").replace(" ", "_").removeprefix("jetson_").removeprefix("agx_")
    if key in boards():
        return boards()[key]
    near = difflib.get_close_matches(key, list(boards()), n=3, cutoff=0.5)
    raise EdgeboardError(
        "This board is not known",
        value=name,
        allowed=", ".join(boards()),
        mend=f"did you mean {' or '.join(near)}?" if near else None,
    )
