"""model.onnx.packed -> model.onnx: the file that runs, from the small one that ships."""

from __future__ import annotations

from pathlib import Path

from pipeline.export.packed import unpack
from stages.entry import stage_main


@stage_main
def main(packed: str, model: str) -> None:
    """Unpack a model with shared weights; a file that is at MODEL already is replaced."""
    unpack(Path(packed), Path(model))
    print(f"unpack: {Path(model).stat().st_size / 1e6:.2f} MB at {model}", flush=True)


if __name__ == "__main__":
    main()
