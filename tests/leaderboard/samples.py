"""Small results folders that look like those of a real run.

To look at the page: python -m tests.leaderboard.samples <folder> [rows]
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parents[2]
VARIANTS = {
    # recipe, precision, accuracy, size_mb, fps, network fps, faithfulness, drift
    "baseline": ("train", "fp32", 0.9444, 44.7, 61.3, 70.2, 0.412, None),
    "pruned": ("train>prune", "fp32", 0.9361, 8.9, 148.9, 190.4, 0.398, 0.081),
    "distilled": ("train>prune>distill", "fp32", 0.9417, 8.9, 149.6, 191.0, 0.405, 0.064),
    "quantized": ("train>quantize", "int8", 0.9417, 11.3, 172.4, 214.8, 0.409, 0.022),
    "compact": ("train>prune>distill>quantize", "int8", 0.9389, 2.31, 318.7, 454.1, 0.401, 0.071),
}
# What each was made from, and the fraction that pruning took.
INPUTS = {"pruned": "baseline", "distilled": "pruned", "quantized": "baseline", "compact": "distilled"}
RATIOS = {"pruned": 0.7994, "distilled": 0.7994, "compact": 0.7994}
SLOWER = "slower than baseline: 0.83× [0.80, 0.86]"
HOST = {"id": "a1b2c3d4", "name": "AMD EPYC 7763 (2 cores)", "threads": 2}
WEIGHTS = {"accuracy": 0.5, "size": 0.25, "fps": 0.25}


def measured_row(variant: str, task: str = "fire", **changes: Any) -> dict[str, Any]:
    """One row as the benchmark stage writes it."""
    recipe, precision, accuracy, size_mb, fps, fps_network, _, _ = VARIANTS[variant]
    return {
        "variant": variant,
        "recipe": recipe,
        "target": "local",
        "engine": "onnxruntime",
        "precision": precision,
        "frame_size": 112,
        "metric": "top-1",
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.028,
        "accuracy_high": accuracy + 0.019,
        "n_test": 360,
        "size_mb": size_mb,
        "params": int(size_mb * 250_000),
        "nonzero": int(size_mb * 250_000),
        "macs": int(size_mb * 10_800_000),
        "fps": fps,
        "fps_low": fps * 0.97,
        "fps_high": fps * 1.03,
        "fps_network": fps_network,
        "latency_ms_p50": 1000 / fps,
        "latency_ms_p90": 1150 / fps,
        "latency_ms_p99": None,
        "n_timed": 400,
        "size_compressed_mb": size_mb * 0.92,
        "ratio_reached": RATIOS.get(variant),
        "input": INPUTS.get(variant),
        "warning": "",
        "speedup": fps / 61.3,
        "speedup_low": fps / 63.0,
        "speedup_high": fps / 60.0,
        "memory_mb": 180.5,
        "power_w": None,
        "energy_mj": None,
        "note": "latency_ms_p99 needs 1,000 timed frames; power_w: this host has no sensor",
        "model_file": f"exports/{task}/{variant}/model.onnx",
        "model_sha256": hashlib.sha256(model_bytes(task, variant)).hexdigest(),
        "per_class": {"fire": {"recall": 0.95}, "none": {"recall": 0.93}},
    } | changes


def measured_rows(count: int) -> list[dict[str, Any]]:
    """The baseline and `count` recipes with options of their own, as one run measures them; every third is marked."""
    rows = [measured_row("baseline")]
    for place in range(count):
        fps, size_mb = 61.3 * (0.7 + place / count), 44.7 / (1 + place)
        rows.append(
            measured_row("pruned")
            | {
                "variant": f"prune-{place:02d}-percent-{'int8' if place % 2 else 'fp32'}",
                "recipe": f"train>prune@ratio=0.{place:02d},structure=filter" + (">quantize" if place % 2 else ""),
                "precision": "int8" if place % 2 else "fp32",
                "size_mb": size_mb,
                "size_compressed_mb": size_mb * 0.9,
                "fps": fps,
                "speedup": fps / 61.3,
                "accuracy": 0.94 - 0.003 * place,
                "warning": SLOWER if place % 3 == 0 else "",
                "model_file": None,
            }
        )
    return rows


def model_bytes(task: str, variant: str) -> bytes:
    return f"onnx {task} {variant}".encode() * 50


def write_results(root: Path, task: str = "fire", variants: list[str] | None = None, **report: Any) -> None:
    """Exports, benchmark and explain results of one task below `root`. `report` overrides parts of the benchmark's."""
    names = variants or list(VARIANTS)
    for name in names:
        model = root / "exports" / task / name / "model.onnx"
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_bytes(model_bytes(task, name))
    benchmark = {
        "task": task,
        "params_hash": "9f" * 32,
        "data_hash": "c4" * 32,
        "git_commit": "0123456789abcdef0123456789abcdef01234567",
        "git_dirty": False,
        "created_at": "2026-01-05T10:20:30+00:00",
        "host": HOST,
        "versions": {"onnxruntime": "1.31.1", "torch": "2.15.0"},
        "params": {"seed": 7, "compress": {"ratio": 0.8, "recipes": {"pruned": ["prune"]}}},
        "rows": [measured_row(name, task) for name in names],
    } | report
    _write_json(root / "results" / "benchmark" / f"{task}.json", benchmark)
    explained = {}
    for place, name in enumerate(names):
        sheet = Path("results") / "explain" / task / f"{name}.png"
        (root / sheet).parent.mkdir(parents=True, exist_ok=True)
        (root / sheet).write_bytes(png(320, 200, place))
        faithfulness, drift = VARIANTS[name][6:]
        explained[name] = {"xai_faithfulness": faithfulness, "xai_drift": drift, "n": 8, "sheet": str(sheet)}
    _write_json(root / "results" / "explain" / task / "report.json", {"task": task, "variants": explained})


def big_board(rows: int, tasks: tuple[str, ...] = ("fire", "face", "suspect", "movement")) -> list[dict[str, Any]]:
    """Rows of many experiments, the same for the same number."""
    draw = random.Random(rows)
    board = []
    for index in range(rows):
        variant = list(VARIANTS)[index % 5]
        task = tasks[index // 5 % len(tasks)]
        shrink = draw.lognormvariate(0, 0.35)
        row = measured_row(variant, task)
        accuracy = max(0.0, min(1.0, row["accuracy"] - draw.random() * 0.2))
        row |= {
            "task": task,
            "experiment": f"exp-{index // (5 * len(tasks)):04d}",
            "host": "AMD EPYC 7763 (2 cores) [a1b2c3d4]",
            "accuracy": accuracy,
            "accuracy_low": accuracy * 0.97,
            "accuracy_high": min(1.0, accuracy * 1.02),
            "size_mb": row["size_mb"] * shrink,
            "fps": row["fps"] / shrink * draw.uniform(0.8, 1.25),
            "git_commit": "0123456789abcdef0123456789abcdef01234567",
            "created_at": "2026-01-05T10:20:30+00:00",
            "run_id": f"{index:012x}",
        }
        del row["model_file"], row["per_class"]
        board.append(row)
    return board


def shared_store(base: Path) -> Path:
    """An MLflow store for a whole test session, made by four processes at once; copying it costs nothing.

    `base` is pytest's folder for the session. What the processes said lies in said.json beside the store.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the workers' common folder
    folder = base / "mlflow-store"
    with FileLock(base / "mlflow-store.lock"):
        if not (folder / "said.json").exists():
            _make_store(folder)
    return folder / "mlflow.db"


def _make_store(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stages.publish", "--init"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    started = [
        subprocess.Popen(
            command,
            cwd=folder,
            env=environment | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    said = [process.communicate(timeout=100)[0] for process in started]
    _write_json(folder / "said.json", [said, [process.returncode for process in started]])


def png(width: int, height: int, shade: int = 0) -> bytes:
    """A PNG with a gradient, so that pictures can be told apart by eye; no imaging library needed."""
    lines = b"".join(
        b"\0" + bytes(c for x in range(width) for c in ((x * 255) // width, (y * 255) // height, (shade * 60) % 256))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _main(folder: Path, rows: int) -> None:
    from pipeline.board import read_records, update_board
    from pipeline.ranking import rank_board
    from pipeline.report import board_frame, write_board

    if rows:
        write_board(folder / "results" / "leaderboard.csv", rank_board(board_frame(big_board(rows)), WEIGHTS))
        return
    write_results(folder)
    update_board(folder, read_records(folder, ["fire"]), "workspace", WEIGHTS)
    rows_half = [measured_row(name, size_mb=VARIANTS[name][3] * 1.6, fps=VARIANTS[name][4] * 0.7) for name in VARIANTS]
    rows_half[-1]["warning"] = (
        "slower than distilled: 0.83× [0.80, 0.86]; bigger than distilled: 3.70 MB against 3.11 MB"
    )
    write_results(folder, rows=rows_half, params_hash="77" * 32)
    update_board(folder, read_records(folder, ["fire"]), "ratio-half", WEIGHTS)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
