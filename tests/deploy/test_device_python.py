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

from pipeline.deploy.bundle import DECODERS_OF
from tests.conftest import REPOSITORY
from tests.deploy.conftest import STAND_INS, write_bundle, write_exports

DEVICE = REPOSITORY / "deploy" / "device"
FILES = sorted(file for file in DEVICE.rglob("*.py") if file.parent.name != "faces")
FACE_FILES = sorted((DEVICE / "faces").glob("*.py"))
# Lie in every bundle beside the program, for whoever reads its outputs on the board.
DECODERS = sorted((REPOSITORY / "pipeline" / "tasks" / name) for names in DECODERS_OF.values() for name in names)
# Beside the standard library; the two others are imported only for --engine onnxruntime.
PACKAGES = {"onnxruntime", "numpy", "edgeboard_device"}


def _pythons() -> list[str]:
    """Pythons of 3.6 to 3.8 on this machine, the oldest first: those in PATH that really run, and those of pyenv."""
    candidates = []
    for minor in (6, 7, 8):
        candidates.append(shutil.which(f"python3.{minor}"))
        candidates += [str(path) for path in sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))]
    found = []
    for python in filter(None, candidates):
        done = subprocess.run([python, "-c", "import ssl"], capture_output=True, check=False)
        if done.returncode == 0:
            found.append(python)
    return found


def test_there_is_something_to_check() -> None:
    assert DEVICE / "run_on_device.py" in FILES
    assert len(FILES) > 8


def _needs_more_than_3_6(*paths: Path) -> str:
    """What vermin says of syntax, modules, functions and keywords that came after 3.6; empty where there is nothing."""
    pytest.importorskip("vermin", reason="vermin is not installed: make install")
    command = [sys.executable, "-c", "import vermin; vermin.main()", "--target=3.6-", "--violations", "--no-tips", "-q"]
    # In a process of its own, and one only: it keeps its settings for as long as it lives.
    done = subprocess.run([*command, "--processes=1", *paths], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout if done.returncode else ""


def test_syntax_and_library_of_3_6() -> None:
    assert _needs_more_than_3_6(DEVICE, *DECODERS) == ""


@pytest.mark.parametrize(
    "newer",
    [
        "if (n := 3):\n    print(n)\n",
        "import dataclasses\n",
        "import subprocess\nsubprocess.run(['x'], capture_output=True)\n",
        "import time\ntime.perf_counter_ns()\n",
        "import shutil\nshutil.copytree('a', 'b', dirs_exist_ok=True)\n",
        "from __future__ import annotations\n",
        "print('x'.removeprefix('y'))\n",
    ],
)
def test_what_is_newer_would_be_found(tmp_path: Path, newer: str) -> None:
    (tmp_path / "newer.py").write_text(newer)
    assert "newer.py" in _needs_more_than_3_6(tmp_path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_imports_nothing_else_than_the_standard_library(file: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(file.read_text(), feature_version=(3, 6))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(str(node.module).split(".")[0])
    assert imported <= sys.stdlib_module_names | PACKAGES


@pytest.mark.parametrize("file", FACE_FILES, ids=lambda file: file.name)
def test_the_program_for_faces_needs_numpy_onnx_runtime_and_a_reader_of_pictures(file: Path) -> None:
    tree = ast.parse(file.read_text(), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    beside = {path.stem for path in [*FACE_FILES, *DECODERS]}
    assert imported <= sys.stdlib_module_names | beside | {"numpy", "onnxruntime", "PIL", "cv2"}
    if file.name == "who.py":
        at_the_top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
        assert at_the_top <= sys.stdlib_module_names, "it has to tell in one line what is missing"


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
@pytest.mark.parametrize("python", _pythons()[:1] or [None])
def test_the_whole_road_under_an_old_python(python: str | None, clone: Path, tmp_path: Path) -> None:
    """Every verb, with the stand-in of trtexec, by the oldest Python that is here."""
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
