"""The program on the board holds to the Python of JetPack 4: 3.6, and its standard library."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.deploy.conftest import STAND_INS, write_bundle, write_exports

DEVICE = REPOSITORY / "deploy" / "device"
FILES = sorted(DEVICE.rglob("*.py"))
# Of the standard library of 3.6; the two others are imported only for --engine onnxruntime.
LIBRARY = {
    "argparse", "array", "contextlib", "errno", "fcntl", "glob", "hashlib", "importlib", "json", "math", "os",
    "platform", "random", "re", "select", "shutil", "signal", "subprocess", "sys", "tempfile", "threading", "time",
    "traceback",
}  # fmt: skip
PACKAGES = {"onnxruntime", "numpy", "edgeboard_device"}
# What 3.6 does not have, of what one might reach for.
NEWER_KEYWORDS = {"capture_output", "text", "dirs_exist_ok", "missing_ok", "root_dir", "encoding_errors"}
NEWER_NAMES = {
    "perf_counter_ns", "monotonic_ns", "time_ns", "fromisoformat", "removeprefix", "removesuffix", "file_digest",
    "nullcontext", "cached_property", "prod", "dist", "is_relative_to", "metadata", "dataclasses", "annotations",
}  # fmt: skip


def _pythons() -> list[str]:
    """Pythons of 3.6 to 3.8 on this machine: those in PATH that really run, and those of pyenv."""
    candidates = [shutil.which(f"python3.{minor}") for minor in (6, 7, 8)]
    candidates += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.[678].*/bin/python3"))]
    found = []
    for python in filter(None, candidates):
        done = subprocess.run([python, "-c", "import ssl"], capture_output=True, check=False)
        if done.returncode == 0:
            found.append(python)
    return found


def test_there_is_something_to_check() -> None:
    assert DEVICE / "run_on_device.py" in FILES
    assert len(FILES) > 8


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_syntax_and_library_of_3_6(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 6))
    imported, keywords, names = set(), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Call):
            keywords |= {keyword.arg for keyword in node.keywords}
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        assert not isinstance(node, ast.NamedExpr)
    assert imported <= LIBRARY | PACKAGES
    assert not keywords & NEWER_KEYWORDS
    assert not names & NEWER_NAMES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_packages_are_imported_where_onnx_runtime_runs_only(file: Path) -> None:
    tree = ast.parse(file.read_text())
    at_the_top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {alias.name for node in at_the_top for alias in node.names}
    assert not named & {"numpy", "onnxruntime"}
    if file.name != "ort.py":
        everywhere = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
        assert not {alias.name for node in everywhere for alias in node.names} & {"numpy", "onnxruntime"}


@pytest.mark.slow
@pytest.mark.parametrize("python", _pythons() or [None])
def test_the_whole_road_under_an_old_python(python: str | None, clone: Path, tmp_path: Path) -> None:
    """Every verb, with the stand-in of trtexec, by the oldest Pythons that are here."""
    if python is None:
        pytest.skip("no Python 3.6 to 3.8 here")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("trtexec", "tegrastats", "nvpmodel"):
        shutil.copy(STAND_INS / name, tools / name)
    (tools / "trtexec.version").write_text("8.2.1")
    environment = {
        **os.environ,
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    bundle = tmp_path / "unpacked"
    bundle.mkdir()
    subprocess.run(["tar", "-xf", write_bundle(clone, write_exports(clone)), "-C", bundle], check=True)
    sums = (bundle / "SHA256SUMS").read_bytes()
    folder = str(tmp_path / "board folder")

    def verb(*arguments: str, given: bytes = b"", code: int = 0) -> str:
        command = [str(python), str(DEVICE / "run_on_device.py"), *arguments]
        done = subprocess.run(command, input=given, env=environment, capture_output=True, check=False, timeout=300)
        assert done.returncode == code, (arguments, done.stdout, done.stderr)
        return done.stdout.decode()

    assert "TensorRT 8.2.1" in verb("probe", "--folder", folder)
    names = dict(line.split("  ") for line in sums.decode().splitlines())
    items, data = [], b""
    for line in verb("missing", "--folder", folder, given=sums).splitlines():
        content = (bundle / names[line.split()[0]]).read_bytes()
        items += [*line.split(), str(len(content))]
        data += content
    verb("receive", "--folder", folder, *items, given=data)
    release = verb("install", "--folder", folder, "fire", given=sums).strip()
    assert release == hashlib.sha256(sums).hexdigest()
    request = f"""{{"releases": {{"fire": "{release}"}}, "engine": "tensorrt", "pushed_at": 0, "origin": {{}},
        "options": {{"rounds": 2, "iterations": 2, "seconds": 0, "warmup_ms": 5}}}}"""
    assert verb("start", "--folder", folder, "run1", given=request.encode()) == "run1 new\n"
    log = verb("status", "--folder", folder, "--wait", "200", "run1")
    assert "done: 8 turns timed, 0 failures" in log, log
    assert '"format": "edgeboard board result 1"' in verb("result", "--folder", folder, "run1")
    assert verb("start", "--folder", folder, "run2", given=request.encode()) == "run1 joined\n"
    verb("collected", "--folder", folder, "run1")
    assert verb("start", "--folder", folder, "run2", given=request.encode()) == "run2 new\n"
    assert "kept engine" in verb("status", "--folder", folder, "--wait", "200", "run2")
    verb("status", "--folder", folder, "no-such-run", code=2)
