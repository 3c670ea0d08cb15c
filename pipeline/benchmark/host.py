"""Which machine a time was measured on. A DVC dependency: another machine must never replay our FPS."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
import re
from pathlib import Path
from typing import Any

from pipeline.files import sha256_json
from pipeline.targets.cores import cpu_quota, physical_cores, usable_logical_cores

# What decides the speed of float and int8 kernels: Linux's names for x86 and for Arm.
_RELEVANT_FLAGS = (
    "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8",
    "asimd", "asimddp", "asimdhp", "i8mm", "sve",
)  # fmt: skip
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def host_fingerprint() -> dict[str, Any]:
    """What of this machine changes a measured time, the same at every call: nothing that moves (load, MHz).

    Keys: cpu, physical_cores, logical_cores (those this process may use), cpu_quota (cores, of a container, or None),
    memory_gib, flags, governor, os, arch, python, onnxruntime, numpy; `id`: 12 hex digits over all of them;
    `name`: for people.
    """
    cpu, flags = _cpu()
    facts: dict[str, Any] = {
        "cpu": cpu,
        "physical_cores": physical_cores(),
        "logical_cores": usable_logical_cores(),
        "cpu_quota": cpu_quota(),
        "memory_gib": _memory_gib(),
        "flags": [flag for flag in _RELEVANT_FLAGS if flag in flags],
        "governor": _read(_GOVERNOR),
        # Only major.minor of the kernel: a security update does not make another machine of it.
        "os": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "arch": platform.machine(),
        "python": platform.python_version(),
        "onnxruntime": _version("onnxruntime"),
        "numpy": _version("numpy"),
    }
    cores = facts["physical_cores"]
    name = f"{cpu} ({cores} core{'' if cores == 1 else 's'})"
    return facts | {"id": sha256_json(facts)[:12], "name": name}


def _memory_gib() -> int:
    import psutil

    return round(psutil.virtual_memory().total / 2**30)


@functools.cache
def _cpu() -> tuple[str, frozenset[str]]:
    """Model name and instruction-set flags."""
    text = _read(Path("/proc/cpuinfo")) or ""
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", text.split("\n\n")[0], flags=re.MULTILINE))
    flags = frozenset((fields.get("flags") or fields.get("Features") or "").split())
    # Arm's cpuinfo has no model name; a board tells its own in the device tree.
    board = (_read(Path("/proc/device-tree/model")) or "").strip("\0")
    return fields.get("model name") or board or platform.processor() or platform.machine(), flags


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
