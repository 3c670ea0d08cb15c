"""Will this ONNX file run on that board? python -m stages.check model.onnx --board xavier"""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path

from stages.entry import stage_main

NOT_READY_EXIT_CODE = 1


@stage_main
def main(
    model: str,
    *,
    board: str = "",
    precision: str | None = None,
    engine: str = "tensorrt",
    jetpack: str | None = None,
    dla: bool = False,
    json: bool = False,
) -> None:
    """Judge an ONNX file by the rules of every JetPack that the board can have (--jetpack 5.1: of one).
    --board nano, tx2, xavier, xavier_nx, orin, orin_nx, orin_nano or thor. --precision fp32, fp16 or int8; without
    it, that of the file. --engine tensorrt or onnxruntime. --dla: tell what the DLA leaves to the GPU. --json: for
    programs. Ends with 0 where it is ready, 1 where it is not, 2 where the question makes no sense.
    """
    from pipeline.readiness.board_check import check_for_board
    from pipeline.readiness.table import readiness_table

    readiness = check_for_board(Path(model), board, precision, engine, jetpack=jetpack, dla=dla)
    if json:
        print(json_text.dumps(readiness.as_json(), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        # In a log there is no width to read; 80 columns would cut names.
        console = Console() if sys.stdout.isatty() else Console(width=160)
        console.print(readiness_table(readiness))
    if not readiness.ready:
        raise SystemExit(NOT_READY_EXIT_CODE)


if __name__ == "__main__":
    main()
