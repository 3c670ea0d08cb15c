"""What this board is: everything that decides how fast it runs, read from files and tools that need no root."""

import glob
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import time

from . import trtexec
from .files import DeviceError, text_of
from .sensors import Sensors

SM_OF_SOC = {"tegra210": "53", "tegra186": "62", "tegra194": "72", "tegra234": "87", "tegra264": "110"}
WITHOUT_INT8 = ("53", "62")
# What an L4T begins with -> JetPack, the first that fits; as in docs/your-board.md.
JETPACKS = (
    ("32.7", "4.6"), ("35.1", "5.0.2"), ("35", "5.1"), ("36.3", "6.0"), ("36", "6.1 or 6.2"), ("38", "7.0 or 7.1"),
    ("39", "7.2"),
)  # fmt: skip
_MIB = 1 << 20


def board_facts(folder, root="/"):
    """The board as a dict. folder: where Edgeboard's files lie or will lie. root: where /proc, /sys and /etc are."""
    facts = {
        "model": text_of(os.path.join(root, "proc/device-tree/model")) or "%s (no Jetson)" % platform.node(),
        "soc": _soc(root),
        "l4t": _l4t(root),
        "kernel": platform.release(),
        "arch": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "trtexec": trtexec.find(),
        "tensorrt": None,
        "onnxruntime": _module_version("onnxruntime"),
        "numpy": _module_version("numpy"),
        "memory_mib": _memory(root, "MemTotal"),
        "memory_free_mib": _memory(root, "MemAvailable"),
        "disk_free_mib": free_bytes(folder) // _MIB,
        "power_mode": power_mode(),
        "clocks": Sensors(root).clock_limits(),
        "clock": time.time(),  # of the wall, which on a board without a battery may be years off
    }
    facts["is_jetson"] = facts["soc"] in SM_OF_SOC
    facts["sm"] = SM_OF_SOC.get(facts["soc"])
    facts["has_int8"] = facts["sm"] not in WITHOUT_INT8
    if facts["trtexec"]:
        try:
            facts["tensorrt"] = trtexec.version(facts["trtexec"])
        except DeviceError as error:
            # Only who asks for TensorRT is stopped by that.
            facts.update(trtexec=None, trtexec_fails=str(error))
    return facts


def in_words(facts):
    """Lines for a person."""
    clocks = facts["clocks"]["gpu"]
    locked = "" if clocks is None else ", GPU clock %s" % ("locked" if clocks["locked"] else "not locked")
    tensorrt = "TensorRT %s (%s)" % (facts["tensorrt"], facts["trtexec"]) if facts["trtexec"] else "no trtexec"
    if "trtexec_fails" in facts:
        tensorrt = facts["trtexec_fails"].split("\n")[0]
    runtime = "ONNX Runtime %s" % facts["onnxruntime"] if facts["onnxruntime"] else "no ONNX Runtime"
    mode, l4t = facts["power_mode"], facts["l4t"]
    return [
        "%s, %s" % (facts["model"], "%s, L4T %s" % (jetpack(l4t), l4t) if l4t else "not a Jetson"),
        "%s, %s, Python %s" % (tensorrt, runtime, facts["python"]),
        "memory %s of %s MiB free, disk %s MiB free"
        % (facts["memory_free_mib"], facts["memory_mib"], facts["disk_free_mib"]),
        "power mode %s%s" % ("%s (%s)" % (mode["name"], mode["id"]) if mode else "not known", locked),
    ]


def jetpack(l4t):
    """The JetPack of an L4T like "35.4.1", in words."""
    for begin, name in JETPACKS:
        if (l4t + ".").startswith(begin + "."):
            return "JetPack %s" % name
    return "a JetPack that is not known here"


def free_bytes(folder):
    """Free bytes for this user where the folder lies, or the nearest folder above that exists."""
    folder = os.path.abspath(folder)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return shutil.disk_usage(folder).free


def power_mode():
    """{"name", "id"} of nvpmodel, or None. It may print lines of errors first where it is asked without root."""
    said = _output(["nvpmodel", "-q"])
    found = re.search(r"^NV Power Mode: *(.+?) *\n+ *(\d+)", said or "", re.MULTILINE)
    return {"name": found.group(1), "id": int(found.group(2))} if found else None


def _soc(root):
    compatible = text_of(os.path.join(root, "proc/device-tree/compatible"))
    last = compatible.split("\0")[-1] if compatible else ""
    return last.split(",")[-1] or None


def _l4t(root):
    release = text_of(os.path.join(root, "etc/nv_tegra_release")) or ""
    found = re.match(r"# R(\d+) \(release\), REVISION: ([\d.]+)", release)
    return "%s.%s" % found.groups() if found else None


def _memory(root, name):
    found = re.search(r"^%s: *(\d+) kB" % name, text_of(os.path.join(root, "proc/meminfo")) or "", re.MULTILINE)
    return int(found.group(1)) // 1024 if found else None


def _module_version(name):
    """Of an installed module, without importing it: that takes seconds on a board. None where it is not installed."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin:
        return None
    site = os.path.dirname(os.path.dirname(spec.origin))
    for info in sorted(glob.glob(os.path.join(glob.escape(site), name + "*-info"))):
        found = re.match(name + r"(?:_\w+)?-([\w.+]+?)(?:-py[\d.]+)?\.(?:dist|egg)-info$", os.path.basename(info))
        if found:
            return found.group(1)
    return "unknown"


def _output(command):
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace")
