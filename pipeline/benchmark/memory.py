"""Peak memory of loading and running one exported file, in a fresh process that has nothing else in it.

`memory_mb` is the highest resident memory after the file was opened and run, minus the highest right after the
imports of numpy and ONNX Runtime, in 10^6 bytes: what the network itself costs, weights, work space and the
copy that the loader holds for a moment. (Seen on Linux: the imports end at their own peak, 48 MB, so that a small
network does not hide below it.)

One process is not enough: the same file of a pruned ResNet-18 took 40.6 MB in most processes and 37.9 MB in one of
five, as the threads' work space happened to lie.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.errors import EdgeboardError

_ROOT = Path(__file__).resolve().parents[2]
_PROCESSES = 3
_RUNS = 3  # the first run allocates the work space; two more show that it does not grow


def peak_memories_mb(model_file: Path, threads: int) -> list[float]:
    """`peak_memory_mb` of several fresh processes, one after the other: their spread is that of the measurement."""
    return [peak_memory_mb(model_file, threads) for _ in range(_PROCESSES)]


def peak_memory_mb(model_file: Path, threads: int, timeout_s: float = 120) -> float:
    """Peak memory in 10^6 bytes of one file under ONNX Runtime. Raises EdgeboardError if the process fails."""
    command = [sys.executable, "-m", "pipeline.benchmark.memory", str(model_file.absolute()), str(threads)]
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    try:
        done = subprocess.run(
            command, env=environment, cwd=_ROOT, capture_output=True, text=True, timeout=timeout_s, check=True
        )
    except subprocess.CalledProcessError as error:
        last_lines = "\n".join(error.stderr.strip().splitlines()[-3:])
        raise EdgeboardError("The memory of a file could not be measured", where=model_file, value=last_lines) from None
    except subprocess.TimeoutExpired:
        raise EdgeboardError(
            "The memory of a file could not be measured", where=model_file, value=f"no answer within {timeout_s:g} s"
        ) from None
    return float(json.loads(done.stdout)["memory_mb"])


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _main(model_file: str, threads: str) -> None:
    import numpy as np

    from pipeline.targets.onnxruntime import OnnxRuntimeEngine

    before = _peak_bytes()
    engine = OnnxRuntimeEngine(Path(model_file), int(threads))
    frame = np.zeros(engine.input_shape, dtype=np.float32)
    for _ in range(_RUNS):
        engine.run(frame)
    print(json.dumps({"memory_mb": (_peak_bytes() - before) / 1e6}))


if __name__ == "__main__":
    _main(*sys.argv[1:])
