"""deploy/push_to_jetson.sh against a real sshd: the whole road, and what goes wrong on it."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.deploy.conftest import Host, until, write_bundle, write_exports


def _rows(host: Host) -> dict[str, dict[str, str]]:
    with (host.root / "results/leaderboard.csv").open() as file:
        return {row["variant"]: row for row in csv.DictReader(file)}


def test_the_road_through_onnx_runtime(host: Host) -> None:
    """Real inference over a real line, in a folder whose name has spaces and both quotes."""
    rsync = host.board.tools / "rsync"  # which a board need not have
    rsync.write_text(f"#!/bin/sh\ntouch {host.board.tools}/called\nexit 1\n")
    rsync.chmod(0o755)
    first = host.push()
    assert first.code == 0, first.text
    assert not (host.board.tools / "called").exists()
    rows = _rows(host)
    assert set(rows) == {"baseline", "pruned", "quantized"}
    assert {row["engine"] for row in rows.values()} == {"onnxruntime"}
    assert {row["target"] for row in rows.values()} == {"board"}
    assert rows["quantized"]["precision"] == "int8"
    assert all(float(row["fps_network"]) > 0 and row["accuracy"] == "" for row in rows.values())
    assert "differ from those here by" in rows["baseline"]["note"]
    (result,) = host.results()
    assert len(result["samples"]) == 2 * 4  # rounds x (variants and the baseline against itself)
    release = (host.board.folder / "current" / "fire").resolve()
    assert (release / "manifest.json").is_file()

    again = host.push("--rounds", "3", "--raw")
    assert again.code == 0, again.text
    assert "fire: 0 of" in again.text
    assert (host.board.folder / "current" / "fire").resolve() == release
    assert len(host.results()) == 2


def test_names_of_files_are_seen_from_where_one_stands(host: Host, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    (elsewhere / "mine").symlink_to(host.root / "bundles")
    (elsewhere / "ssh.conf").symlink_to(host.board.ssh_config)
    done = subprocess.run(
        [host.root / "deploy" / "push_to_jetson.sh", "--bundles", "mine", "--ssh-config", "ssh.conf", "--timeout", "08",
         "--folder", host.board.folder, "--dry-run", "board"],
        cwd=elsewhere, env={**environment(), "TMPDIR": str(elsewhere)}, text=True, capture_output=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "dry run: done" in done.stdout


def test_a_dry_run_changes_nothing_on_the_board(host: Host) -> None:
    done = host.push("--dry-run")
    assert done.code == 0, done.text
    assert "fire/models/baseline/model.onnx: 4 kB" in done.text
    with tarfile.open(host.root / "bundles" / "fire.tar") as bundle:
        n_files = len(bundle.getnames()) - 1  # without SHA256SUMS itself
    assert f"fire: {n_files} of {n_files} files, " in done.text
    assert not host.board.folder.exists()
    assert not (host.root / "results").exists()


@pytest.mark.slow
@pytest.mark.parametrize("version", ["8.2.1", "8.5.2", "10.3.0"])
def test_the_road_through_trtexec(host: Host, version: str) -> None:
    """The stand-in knows no flag that this version has not, and writes its formats."""
    host.board.has_trtexec(version)
    done = host.push("--seconds", "1")
    assert done.code == 0, done.text
    rows = _rows(host)
    assert {name: row["precision"] for name, row in rows.items()} == {
        "baseline": "fp16",
        "pruned": "fp16",
        "quantized": "int8",
    }
    assert {row["engine"] for row in rows.values()} == {"tensorrt"}
    assert all(row["power_w"] == "9.0" for row in rows.values()), rows
    assert all(float(row["energy_mj"]) > 0 for row in rows.values())
    assert "power of VDD_IN from tegrastats" in rows["baseline"]["note"]
    assert "mode MAXN_SUPER" in rows["baseline"]["host"]
    assert ["--int8" in line for line in host.board.builds()].count(True) == 1


@pytest.mark.slow
def test_an_engine_is_built_again_for_another_tensorrt_only(host: Host) -> None:
    host.board.has_trtexec("8.5.2")
    assert host.push("--raw").code == 0
    assert len(host.board.builds()) == 3
    assert "kept engine" in host.push("--raw").text
    assert len(host.board.builds()) == 3
    host.board.has_trtexec("10.3.0")
    done = host.push("--raw")
    assert done.code == 0, done.text
    assert len(host.board.builds()) == 6


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "flag"), [("slow-build", "building"), ("slow-time", "timing")])
def test_a_line_that_is_cut_while_the_board_works_costs_nothing(host: Host, fault: str, flag: str) -> None:
    host.board.has_trtexec("8.5.2", fault)
    push = host.begin_push("--raw")
    until((host.board.tools / flag).exists)
    until(lambda: "[5/6]" in (host.root / "push.log").read_text())
    os.killpg(push.pid, signal.SIGKILL)  # the script with every ssh of it
    push.wait()
    (host.board.tools / "go-on").touch()
    done = host.push("--raw")
    assert done.code == 0, done.text
    assert "joining it" in done.text
    assert len(host.board.builds()) == 3
    assert len(host.results()) == 1


@pytest.mark.slow
def test_a_second_push_of_something_else_is_told_that_the_board_is_busy(host: Host) -> None:
    host.board.has_trtexec("8.5.2", "slow-build")
    first = host.begin_push("--raw")
    until((host.board.tools / "building").exists)
    second = host.push("--raw", "--rounds", "5")
    assert second.code == 75, second.text
    assert "The board is busy with the run" in second.text
    same = host.push("--raw", "--timeout", "1")
    assert same.code == 2, same.text
    assert "joining it" in same.text
    assert "Waited 1 s; the board works on" in same.text
    (host.board.tools / "go-on").touch()
    assert first.wait(400) == 0


@pytest.mark.slow
def test_a_line_that_is_cut_while_sending_goes_on_where_it_was(host: Host) -> None:
    exports = write_exports(host.root, hidden=8000)  # 6 MB, more than the pipes on the way hold
    write_bundle(host.root, exports)
    config = host.board.ssh_config
    plain = config.read_text()
    cut = host.root / "cut.py"
    cut.write_text(_CUT_AFTER.format(count=4_000_000))
    config.write_text(plain + f"  ProxyCommand python3 {cut} %h %p\n")
    broken = host.push("--raw")
    assert broken.code == 2, broken.text
    assert "The line to the board was cut" in broken.text
    blobs = host.board.folder / "blobs"
    until(lambda: any(blobs.glob("*.part")))
    (part,) = blobs.glob("*.part")
    until(lambda: not subprocess.run(["fuser", str(part)], capture_output=True, check=False).stdout.strip())
    here = part.stat().st_size
    assert 0 < here < 4_000_000

    config.write_text(plain)
    done = host.push("--raw")
    assert done.code == 0, done.text
    assert f"from byte {here} on" in done.text
    assert not list(blobs.glob("*.part"))


_CUT_AFTER = """
import os, select, socket, sys
line = socket.create_connection((sys.argv[1], int(sys.argv[2])))
left = {count}
while left > 0:
    for ready in select.select([0, line], [], [])[0]:
        if ready == 0:
            data = os.read(0, 65536)
            line.sendall(data)
            left -= len(data)
        else:
            data = line.recv(65536)
            os.write(1, data)
        if not data:
            sys.exit()
"""


@pytest.mark.slow
def test_a_result_that_arrives_cut_off_is_not_taken_and_waits_on_the_board(host: Host) -> None:
    cutting = host.board.tools / "python-that-is-cut-off"
    cutting.write_text(
        '#!/bin/sh\ncase " $* " in\n  *" --sum "*) ;;\n  *" result "*) python3 "$@" | head -c 500; exit 0 ;;\nesac\n'
        'exec python3 "$@"\n'
    )
    cutting.chmod(0o755)
    broken = host.push("--raw", "--python", cutting.name)
    assert broken.code == 2, broken.text
    assert "The result did not arrive as it lies on the board" in broken.text
    assert not [path for path in host.root.glob("results/boards/board/*") if path.is_file()]
    done = host.push("--raw")
    assert done.code == 0, done.text
    assert "joining it" in done.text
    assert len(host.results()) == 1


@pytest.mark.slow
def test_a_build_that_is_killed_is_told_and_the_others_are_measured(host: Host) -> None:
    host.board.has_trtexec("8.5.2", "killed-int8")
    done = host.push()
    assert done.code == 0, done.text
    assert "ran out of memory" in done.text
    assert "add swap" in done.text
    rows = _rows(host)
    assert float(rows["baseline"]["fps_network"]) > 0
    assert rows["quantized"]["fps_network"] == ""
    assert "build failed on the board: trtexec was killed (rc 137)" in rows["quantized"]["warning"]


@pytest.mark.slow
def test_what_answers_wrongly_is_not_timed(host: Host) -> None:
    host.board.has_trtexec("8.5.2", "overflow")
    done = host.push()
    assert done.code == 0, done.text
    assert {row["fps"] for row in _rows(host).values()} == {""}
    assert "NaN or infinite outputs: fp16 overflows" in _rows(host)["baseline"]["warning"]
    assert not [line for line in host.board.calls() if "--exportTimes" in line]


@pytest.mark.slow
def test_a_file_that_went_bad_on_the_board_is_sent_anew(host: Host) -> None:
    assert host.push("--raw").code == 0
    release = (host.board.folder / "current" / "fire").resolve()
    spoilt = release / "models" / "baseline" / "model.onnx"
    whole = spoilt.read_bytes()
    spoilt.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    broken = host.push("--raw")
    assert broken.code == 2, broken.text
    assert "Wrong SHA-256 or missing on the board" in broken.text
    mended = host.push("--raw")
    assert mended.code == 0, mended.text
    assert "fire: 1 of" in mended.text
    assert spoilt.read_bytes() == whole


def test_a_changed_host_key_is_never_accepted(host: Host, sshd: Path) -> None:
    port = (sshd / "port").read_text()
    other = " ".join((sshd / "stranger.pub").read_text().split()[:2])
    host.board.known_hosts.write_text(f"[127.0.0.1]:{port} {other}\n")
    done = host.push("--raw")
    assert done.code == 2
    assert "host key is not the one of last time" in done.text
    assert "ssh-keygen -R" in done.text
    assert not host.board.folder.exists()


def test_an_unknown_key_is_told_without_asking_for_a_password(host: Host, sshd: Path) -> None:
    config = host.board.ssh_config
    config.write_text(config.read_text().replace(f"{sshd}/key", f"{sshd}/stranger"))
    done = host.push("--raw")
    assert done.code == 2
    assert "The board does not let us in" in done.text
    assert "ssh-copy-id board" in done.text


def test_a_board_that_does_not_answer(host: Host) -> None:
    done = host.push("--port", "1")
    assert done.code == 2
    assert "The board does not answer" in done.text


def test_a_board_without_python(host: Host) -> None:
    done = host.push("--python", "python-that-is-not-there")
    assert done.code == 2
    assert "the board has no python-that-is-not-there" in done.text
    assert "sudo apt install python3" in done.text


def test_a_board_without_trtexec_where_tensorrt_is_asked_for(host: Host) -> None:
    done = host.push("--engine", "tensorrt")
    assert done.code == 2
    assert "The board has no trtexec" in done.text
    assert "nvidia-jetpack" in done.text


@pytest.mark.parametrize(("size", "words"), [("64k", "0 MiB free, 1 MiB needed"), ("4m", "3 MiB free, 36 MiB needed")])
def test_a_disk_that_is_too_small_is_told_before_anything_is_sent(
    host: Host, tmp_path: Path, size: str, words: str
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    write_bundle(host.root, write_exports(host.root, hidden=8000))  # three files of 6 MB, and their engines
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", small], check=False).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        host.board.folder = small / "folder"
        done = host.push("--raw")
        assert done.code == 2
        assert f"The board's disk is too full: {words}" in done.text
        assert not list(small.rglob("*.part"))
        assert not (small / "folder" / "releases" / "fire").exists()
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Which board?"),
        (["one", "two"], "One board at a time"),
        (["--rounds", "1", "board"], "--rounds needs a whole number from 2 on"),
        (["--engine", "cuda", "board"], "Unknown --engine 'cuda'"),
        (["--folder"], "--folder needs a value"),
        (["--nonsense", "board"], "Unknown option --nonsense"),
        (["-oProxyCommand=touch /tmp/x"], "Unknown option"),
        (["board; rm -rf /"], "Not a [user@]host"),
        (["--tasks", "snow", "--bundles", "nowhere", "board"], "/nowhere/snow.tar"),
    ],
)
def test_bad_arguments(clone: Path, arguments: list[str], words: str) -> None:
    done = subprocess.run(
        ["deploy/push_to_jetson.sh", *arguments], cwd=clone, text=True, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert words in done.stderr


def test_a_damaged_bundle_is_not_sent(host: Host) -> None:
    tar = host.root / "bundles" / "fire.tar"
    with tarfile.open(tar) as opened:
        place = opened.getmember("models/baseline/model.onnx").offset_data
    data = bytearray(tar.read_bytes())
    data[place + 100] ^= 1
    tar.write_bytes(data)
    done = host.push("--raw")
    assert done.code == 2, done.text
    assert "The bundle is damaged" in done.text


def test_help_names_every_option(clone: Path) -> None:
    text = subprocess.run(["deploy/push_to_jetson.sh", "--help"], cwd=clone, text=True, capture_output=True, check=True)
    for option in ("dry-run", "tasks", "keep", "timeout", "max-clocks", "engine", "port", "identity", "folder"):
        assert f"--{option}" in text.stdout
