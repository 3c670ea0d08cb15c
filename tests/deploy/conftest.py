"""A board for the tests: an sshd of our own on this machine, and small bundles for it."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.deploy.bundle import make_bundle
from pipeline.deploy.sample_frames import noise_frames
from pipeline.files import sha256_file, write_json
from tests.benchmark.onnx_files import write_linear_model
from tests.conftest import REPOSITORY, environment

STAND_INS = Path(__file__).parent / "stand_ins"
SSHD = shutil.which("sshd", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
sys.path.insert(0, str(REPOSITORY / "deploy" / "device"))


@dataclass
class Board:
    """What a test may change of the board: `tools` is first in its PATH, `folder` is where pushes go."""

    tools: Path
    folder: Path
    ssh_config: Path
    known_hosts: Path

    def has_trtexec(self, version: str, *faults: str) -> None:
        for name in ("trtexec", "tegrastats", "nvpmodel"):
            shutil.copy(STAND_INS / name, self.tools / name)
        (self.tools / "trtexec.version").write_text(version)
        (self.tools / "trtexec.fault").write_text(" ".join(faults))

    def calls(self) -> list[str]:
        """What trtexec was asked, without the questions for its version."""
        path = self.tools / "trtexec.calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line != "--help"]

    def builds(self) -> list[str]:
        return [line for line in self.calls() if "--onnx=" in line]


@dataclass
class Pushed:
    code: int
    text: str


@dataclass
class Host:
    """A clone with a bundle, from which pushes start."""

    root: Path
    board: Board

    def command(self, *options: str) -> list[str]:
        measure = ["--rounds", "2", "--iterations", "3", "--seconds", "0", "--bundles", "bundles"]
        where = ["--ssh-config", str(self.board.ssh_config), "--folder", str(self.board.folder)]
        return ["deploy/push_to_jetson.sh", *where, *measure, *options, "board"]

    def push(self, *options: str) -> Pushed:
        done = subprocess.run(
            self.command(*options), cwd=self.root, env=environment(), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=500, check=False,
        )  # fmt: skip
        return Pushed(done.returncode, done.stdout)

    def begin_push(self, *options: str) -> subprocess.Popen[bytes]:
        log = (self.root / "push.log").open("wb")
        return subprocess.Popen(
            self.command(*options), cwd=self.root, env=environment(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def results(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.root.glob("results/boards/board/*.json"))]


def until(what: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def write_exports(root: Path, hidden: int = 4) -> dict[str, Any]:
    """exports/fire with three small networks: `baseline`, `pruned` and an int8 one with a file for each engine."""
    variants = {}
    for name, precision, width in (("baseline", "fp32", hidden), ("pruned", "fp32", 2), ("quantized", "int8", hidden)):
        folder = root / "exports" / "fire" / name
        folder.mkdir(parents=True, exist_ok=True)
        model = write_linear_model(folder / "model.onnx", hidden=width, seed=len(name))
        other = model
        if precision == "int8":
            other = write_linear_model(folder / "model.tensorrt.onnx", hidden=width, seed=99)
        size, sha = model.stat().st_size, sha256_file(model)
        variants[name] = {
            "recipe": [] if name == "baseline" else [name], "precision": precision, "head": None,
            "file": f"exports/fire/{name}/model.onnx", "sha256": sha, "ships_sha256": sha, "size_bytes": size,
            "size_compressed_bytes": size, "params": 10, "nonzero": 9, "macs": 8, "ratio_reached": None,
            "tensorrt": {"file": other.relative_to(root).as_posix(), "sha256": sha256_file(other)},
        }  # fmt: skip
    return {"task": "fire", "class_names": ["fire", "none", "smoke"], "frame_size": 8, "variants": variants}


def write_bundle(root: Path, exports: dict[str, Any], experiment: str = "workspace") -> Path:
    """bundles/fire.tar with its card. `root` has deploy/device."""
    frames = noise_frames((1, 3, 8, 8), "a test", seed=0, count=2)
    out = root / "bundles" / "fire.tar"
    bundled = make_bundle(out, root, exports, "classification", frames, data_hash="d" * 64)
    origin = {
        "task": "fire", "release": bundled.release, "bundle_sha256": bundled.sha256, "experiment": experiment,
        "git_commit": "c" * 40, "git_dirty": False, "params": {"seed": 0}, "params_hash": "p" * 64,
        "data_hash": "d" * 64, "versions": {},
    }  # fmt: skip
    write_json(root / "bundles" / "fire.json", origin)
    return out


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a push needs of the repository."""
    root = tmp_path / "clone"
    root.mkdir()
    shutil.copytree(REPOSITORY / "deploy", root / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pipeline", "stages", "params.yaml"):
        (root / name).symlink_to(REPOSITORY / name)
    return root


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running sshd that lets in one key; the folder with its files."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("no sshd here: apt-get install openssh-server")
    folder = tmp_path_factory.mktemp("sshd")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # it refuses to start as root without
    for name in ("host", "key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    for name in ("home", "tools"):
        (folder / name).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    python = Path(sys.executable).parent
    (folder / "port").write_text(str(port))
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/key.pub\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
        "PermitRootLogin yes\nMaxStartups 50\nMaxSessions 50\n"
        f"SetEnv PATH={folder}/tools:{python}:/usr/bin:/bin HOME={folder}/home OMP_NUM_THREADS=1\n"
    )
    process = subprocess.Popen([SSHD, "-D", "-f", folder / "config", "-E", folder / "log"])
    try:
        until(lambda: _answers(port) or process.poll() is not None, 20)
        assert process.poll() is None, (folder / "log").read_text()
        yield folder
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def board(sshd: Path, tmp_path: Path) -> Iterator[Board]:
    for old in (sshd / "tools").iterdir():
        old.unlink()
    known = tmp_path / "known_hosts"
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host board\n  HostName 127.0.0.1\n  Port {(sshd / 'port').read_text()}\n  User {getpass.getuser()}\n"
        f"  IdentityFile {sshd}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {known}\n"
    )
    one = Board(sshd / "tools", tmp_path / 'a board\'s "own" folder', config, known)
    yield one
    (one.tools / "go-on").touch()  # so that no worker waits for ever


@pytest.fixture
def host(clone: Path, board: Board) -> Host:
    write_bundle(clone, write_exports(clone))
    return Host(clone, board)


def _answers(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def flat(values: Any) -> list[float]:
    return [float(value) for value in np.asarray(values).ravel()]
