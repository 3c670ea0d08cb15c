"""What stands behind an accuracy and a time, small enough to be kept with every row: evidence.json.

The benchmark's own files hold the newest run only. To compare a row with one of last week, its decisions frame by
frame, its confusion and the distribution of its times are kept beside run.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EVIDENCE_FILE = "evidence.json"
_PERCENTS = 101  # 0, 1, .., 100 %: enough for a curve, 1 kB a row
_LIMIT_BYTES = 5_000_000


def collect_evidence(benchmark: Path, task: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Evidence of one row of results/benchmark/<task>.json, from the raw files beside that report.

    Keys, each absent where it was not measured: `confusion` (rows: the truth) with `class_names`; `correct`, hex of
    the packed bits, whether each of `n` test frames was decided rightly, and `frames`, a hash that is equal where the
    frames are the same in the same order; `latency_ms`, percentiles 0 to 100 of the whole frame's times.
    """
    raw = benchmark / task
    evidence: dict[str, Any] = {}
    predictions = raw / "predictions.npz"
    if predictions.is_file():
        evidence |= _decisions(predictions, str(measured["variant"]))
        # Names only where a confusion needs them: those of faces are people.
        if measured.get("confusion"):
            evidence |= {"confusion": measured["confusion"], "class_names": _class_names(predictions)}
    samples = raw / "samples.csv"
    if samples.is_file():
        evidence |= _latency(samples, str(measured["variant"]))
    return evidence


def read_evidence(path: Path) -> dict[str, Any]:
    """Evidence as kept, or nothing where there is none or the file is not what it should be."""
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            return {}
        evidence = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return evidence if isinstance(evidence, dict) else {}


def decisions(evidence: Mapping[str, Any]) -> tuple[str, npt.NDArray[np.bool_]] | None:
    """The hash of the test frames and, bool `[n]`, whether each was decided rightly; None where that was not kept."""
    import numpy as np

    try:
        n, frames = int(evidence["n"]), str(evidence["frames"])
        bits = np.frombuffer(bytes.fromhex(evidence["correct"]), dtype=np.uint8)
    except (KeyError, TypeError, ValueError):
        return None
    if n < 1 or bits.size != (n + 7) // 8:
        return None
    return frames, np.unpackbits(bits, count=n).astype(bool)


def _class_names(predictions: Path) -> list[str]:
    import numpy as np

    with np.load(predictions, allow_pickle=False) as stored:
        return [str(name) for name in stored["class_names"]] if "class_names" in stored else []


def _decisions(predictions: Path, variant: str) -> dict[str, Any]:
    import numpy as np

    with np.load(predictions, allow_pickle=False) as stored:
        found: dict[str, Any] = {}
        # Only where one frame is one decision; boxes and faces are resampled by pictures and people instead.
        if f"logits_{variant}" in stored and "labels" in stored:
            labels = stored["labels"]
            correct = stored[f"logits_{variant}"].argmax(axis=1) == labels
            names = "\n".join(str(name) for name in stored["files"]) if "files" in stored else ""
            digest = hashlib.sha256(names.encode() + labels.astype("<i8").tobytes()).hexdigest()[:16]
            found |= {"correct": np.packbits(correct).tobytes().hex(), "n": len(correct), "frames": digest}
    return found


def _latency(samples: Path, variant: str) -> dict[str, Any]:
    import csv

    import numpy as np

    parts = ("preprocess_ms", "network_ms", "decode_ms")
    with samples.open(encoding="utf-8", newline="") as file:
        times = [
            sum(float(row[part]) for part in parts if row.get(part))
            for row in csv.DictReader(file)
            if row["variant"] == variant
        ]
    if not times:
        return {}
    curve = np.percentile(times, np.linspace(0, 100, _PERCENTS))
    return {"latency_ms": [round(float(value), 5) for value in curve], "n_timed": len(times)}
