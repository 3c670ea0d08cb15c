"""A network in a folder: weights in safetensors, everything else in meta.json, never a pickle.

meta.json             architecture, class names, frame size, recipe so far, layer shapes
weights.safetensors   the network's parameters and buffers          (a float network, or one trained for int8)
graphs/<engine>.onnx  the int8 or fp16 graph made for that engine   (a quantized network)
report.json           what was measured while it was made
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import EdgeboardError
from pipeline.files import read_json, write_json

if TYPE_CHECKING:
    from torch import nn

FORMAT = 2


@dataclass(frozen=True)
class Meta:
    """What has to be known to rebuild and to run a network.

    layers: shape of every convolution, normalisation and linear layer whose width a step changed, by name.
    parent: the folder of the artifact that this one was made from, relative to the repository; None for a baseline.
    graphs: engine -> file in the folder, for a quantized artifact; empty for a float one.
    precision: fp32, fp16 or int8, of the file that is exported.
    sparse: weights that are zero were pruned one by one, and training leaves them zero.
    separable: convolutions that were replaced by depthwise-separable ones, by name, with the rank of each.
    minimalistic: hard-swish and squeeze-and-excitation were replaced, see pipeline.minimalistic_layers.
    embedding_size: of a network that gives embeddings; None of all others.
    smallest_anchor: of a detector where it is not the architecture's own, as a fraction of the frame's side.
    clip_frames, shift, modality: of a network that sees clips, see pipeline.options.ClipTraining; None of all others.
    shared_bits: every layer has at most 2^shared_bits different weights; None where they are free.
    """

    task: str
    architecture: str
    class_names: list[str]
    frame_size: int
    recipe: list[str]
    layers: dict[str, dict[str, int]] = field(default_factory=dict)
    parent: str | None = None
    graphs: dict[str, str] = field(default_factory=dict)
    precision: str = "fp32"
    sparse: bool = False
    separable: dict[str, int] = field(default_factory=dict)
    minimalistic: bool = False
    shared_bits: int | None = None
    smallest_anchor: float | None = None
    embedding_size: int | None = None
    clip_frames: int | None = None
    shift: Literal["causal", "both"] | None = None
    modality: Literal["rgb", "difference"] | None = None
    format: int = FORMAT

    @property
    def is_quantized(self) -> bool:
        return bool(self.graphs)


def save_artifact(folder: Path, network: nn.Module | None, meta: Meta, report: dict[str, Any]) -> None:
    """Write an artifact into an existing folder (use files.replacing_folder around it)."""
    if network is not None:
        from safetensors.torch import save_file

        # A shared tensor would be refused by safetensors; contiguous copies also drop views of larger storages.
        save_file(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()},
            folder / "weights.safetensors",
        )
    write_json(folder / "meta.json", asdict(meta))
    write_json(folder / "report.json", report)


def read_meta(folder: Path) -> Meta:
    values = read_json(folder / "meta.json", made_by="dvc repro")
    if values.get("format") != FORMAT:
        raise EdgeboardError(
            "The artifact was written by another version of Edgeboard",
            where=folder,
            value=f"format {values.get('format')}",
            allowed=f"format {FORMAT}",
            mend="dvc repro",
        )
    return Meta(**values)


def untrained_network(meta: Meta) -> nn.Module:
    """The architecture of `meta` with random weights, as it is before any step has changed it."""
    from pipeline.networks import build_network

    return build_network(
        meta.architecture,
        len(meta.class_names),
        meta.frame_size,
        smallest_anchor=meta.smallest_anchor,
        embedding_size=meta.embedding_size,
        clip_frames=meta.clip_frames,
        shift=meta.shift,
        modality=meta.modality,
    )


def load_artifact(folder: Path) -> tuple[nn.Module, Meta]:
    """The float network in eval mode, and its meta. A quantized artifact has none: load its parent instead."""
    from safetensors.torch import load_file

    from pipeline.minimalistic_layers import make_minimalistic
    from pipeline.networks import apply_layer_shapes
    from pipeline.separable_convolutions import rebuild_separable

    meta = read_meta(folder)
    weights = folder / "weights.safetensors"
    if not weights.is_file():
        raise EdgeboardError(
            "The artifact holds no float network",
            where=folder,
            value=f"recipe {' > '.join(meta.recipe) or 'baseline'}",
            mend=f"use its parent, {meta.parent}" if meta.parent else "dvc repro",
        )
    network = untrained_network(meta)
    if meta.minimalistic:
        make_minimalistic(network)
    rebuild_separable(network, meta.separable)  # first: where a width changed too, it is that of the new layers
    apply_layer_shapes(network, meta.layers)
    network.load_state_dict(load_file(weights), strict=True)
    return network.eval(), meta
