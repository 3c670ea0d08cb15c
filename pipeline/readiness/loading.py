"""ONNX from the disk, or one clear message why not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from pipeline.errors import EdgeboardError


def load_model(path: Path) -> onnx.ModelProto:
    """The model without the values that it keeps in other files, which must be there and long enough.

    Raises EdgeboardError otherwise, and for what is no ONNX file or a part of one.
    """
    if not path.is_file():
        raise EdgeboardError("There is no such file", where=path)
    try:
        proto = onnx.load_model_from_string(path.read_bytes())
    except (DecodeError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not proto.graph.node or not proto.graph.output or not proto.opset_import:
        # protobuf reads an empty file, and some that are cut off, without a complaint.
        lacking = "nodes" if not proto.graph.node else "outputs" if not proto.graph.output else "an opset"
        raise _unreadable(path, f"the graph has no {lacking}" if lacking != "an opset" else "it names no opset")
    for tensor in _tensors(proto.graph):
        if uses_external_data(tensor):
            _require_values(path, tensor)
    return proto


def _unreadable(path: Path, why: object) -> EdgeboardError:
    return EdgeboardError(
        "The file is not an ONNX model, or only a part of one",
        where=path,
        value=f"{path.stat().st_size} bytes; {str(why).strip()}",
        mend="export or copy it again; a file.onnx.packed goes through `python -m stages.unpack` first",
    )


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _require_values(path: Path, tensor: onnx.TensorProto) -> None:
    told = ExternalDataInfo(tensor)
    file = path.parent / told.location
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise EdgeboardError(
            "A tensor's values lie outside of the model's folder",
            where=path,
            value=f"{tensor.name} in {told.location}",
            mend="export it again, with the file of the values beside the model",
        )
    needed = (told.offset or 0) + (told.length or 0)
    has = file.stat().st_size if file.is_file() else None
    if has is None or has < needed:
        raise EdgeboardError(
            "The file with the model's weights is missing" if has is None else "The file with the weights is too short",
            where=file,
            value=f"{tensor.name} of {path.name}"
            + ("" if has is None else f" ends at byte {needed}, the file at {has}"),
            mend="copy the model together with this file, or export it again into one file",
        )
