from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest
from edgeboard_device import trtexec
from edgeboard_device.files import DeviceError

from tests.conftest import REPOSITORY
from tests.deploy.conftest import STAND_INS

FACTS = REPOSITORY.parent / "shared" / "facts" / "trtexec_flags.json"
# Of the versions that JetPack has.
VERSIONS = ("8.2.1", "8.4.1", "8.5.2", "8.6.2", "10.3.0", "10.13.3", "10.16.2")


def _flags(version: str) -> set[str]:
    commands = [
        trtexec.time_command("trtexec", "e", [("input", "frame")], "times", 10, 1, 200),
        trtexec.answer_command("trtexec", "e", [("input", "frame"), ("cache", "zeros")], "outputs"),
    ]
    for precision in trtexec.ENGINE_FLAGS:
        flags = trtexec.build_flags(version, precision, 8000)
        commands.append(trtexec.build_command("trtexec", version, "m.onnx", "e", flags))
    return {word.partition("=")[0] for command in commands for word in command[1:]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.real_data
def test_every_flag_exists_in_its_version(version: str) -> None:
    if not FACTS.is_file():
        pytest.skip(f"the lists of flags are not here: {FACTS}")
    known = json.loads(FACTS.read_text())["flags"]
    major_minor = ".".join(version.split(".")[:2])
    nearest = {"8.4": "8.5", "10.13": "10.13.3"}.get(major_minor, major_minor)
    assert _flags(version) <= set(known[nearest])


@pytest.mark.parametrize(
    ("version", "there", "not_there"),
    [
        ("8.2.1", {"--workspace", "--buildOnly"}, {"--memPoolSize", "--skipInference"}),
        ("8.4.1", {"--memPoolSize", "--buildOnly"}, {"--workspace", "--skipInference"}),
        ("8.5.2", {"--memPoolSize", "--buildOnly"}, {"--workspace", "--skipInference"}),
        ("8.6.2", {"--memPoolSize", "--skipInference"}, {"--workspace", "--buildOnly"}),
        ("10.3.0", {"--memPoolSize", "--skipInference"}, {"--workspace", "--buildOnly"}),
    ],
)
def test_flags_that_changed(version: str, there: set[str], not_there: set[str]) -> None:
    flags = _flags(version)
    assert there <= flags
    assert not not_there & flags


@pytest.mark.parametrize(
    ("version", "words"), [("7.1.3", "too old"), ("8.0.1", "too old"), ("11.1.0", "strongly typed")]
)
def test_versions_that_are_refused(version: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        trtexec.flags_of(version)


def test_int8_is_never_asked_for_without_fp16() -> None:
    assert trtexec.build_flags("8.5.2", "int8", 8000)[:2] == ["--int8", "--fp16"]


@pytest.mark.parametrize(
    ("memory_mib", "mib"), [(None, 128), (500, 64), (1979, 128), (3964, 256), (7620, 512), (62800, 2048)]
)
def test_workspace(memory_mib: int | None, mib: int) -> None:
    assert trtexec.workspace_mib(memory_mib) == mib


@pytest.mark.parametrize("version", ["8.2.1", "8.5.2", "10.3.0"])
def test_version(tmp_path: Path, version: str) -> None:
    tool = _stand_in(tmp_path, version)
    assert trtexec.version(str(tool)) == version


def test_a_tool_that_says_no_version(tmp_path: Path) -> None:
    tool = tmp_path / "trtexec"
    tool.write_text("#!/bin/sh\necho hello\n")
    tool.chmod(0o755)
    with pytest.raises(DeviceError, match="does not say its version"):
        trtexec.version(str(tool))


def _stand_in(folder: Path, version: str) -> Path:
    tool = folder / "trtexec"
    tool.write_bytes((STAND_INS / "trtexec").read_bytes())
    tool.chmod(0o755)
    (folder / "trtexec.version").write_text(version)
    return tool


def _row(start: float, latency: float, **more: float) -> dict[str, float]:
    return {
        "startComputeMs": start,
        "latencyMs": latency,
        "h2dMs": 0.1,
        "computeMs": latency - 0.2,
        "d2hMs": 0.1,
        **more,
    }


def test_rows_of_the_warm_up_are_dropped_in_8_2(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    rows = [_row(0, 9.0, endToEndMs=9.0), _row(199.9, 8.0, endToEndMs=8.0), _row(200.0, 2.0, endToEndMs=2.5)]
    path.write_text(json.dumps(rows))
    assert [row["latency_ms"] for row in trtexec.read_times(str(path), 200)] == [2.0]


def test_later_versions_have_left_them_out_themselves(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps([_row(0, 2.0), _row(2, 3.0)]))
    assert [row["latency_ms"] for row in trtexec.read_times(str(path), 200)] == [2.0, 3.0]


@pytest.mark.parametrize("text", ["", "[", '[{"latencyMs" : 1.0', "[]"])
def test_a_file_of_times_that_is_cut_off_or_empty(tmp_path: Path, text: str) -> None:
    path = tmp_path / "times.json"
    path.write_text(text)
    with pytest.raises(DeviceError):
        trtexec.read_times(str(path), 200)


def test_outputs_keep_what_c_plus_plus_writes(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(
        '[\n  { "name" : "nan_inf"\n  , "dimensions" : "1x5"\n  , "values" : [ 1e-05, -2, nan, inf, -inf ]\n  }\n]\n'
    )
    read = trtexec.read_outputs(str(path))["nan_inf"]
    assert read[:2] == [1e-05, -2.0]
    assert math.isnan(read[2])
    assert read[3:] == [math.inf, -math.inf]


def _tool(folder: Path, script: str) -> list[str]:
    tool = folder / "tool"
    tool.write_text("#!/bin/sh\n" + script)
    tool.chmod(0o755)
    return [str(tool)]


def test_the_time_of_measuring_is_read_from_what_it_says(tmp_path: Path) -> None:
    script = "echo '[I] Starting inference'; sleep 0.6; echo '[I] Warmup completed 1 queries over 200 ms'; sleep 0.2\n"
    seen = trtexec.run(_tool(tmp_path, script), str(tmp_path), str(tmp_path / "log"))
    assert seen["ended"] - seen["began"] >= 0.4  # 0.6 in all but for a late reader; 0.2 were it from the second line on
    assert seen["unstable"] is None


def test_its_warning_of_restless_times_is_kept(tmp_path: Path) -> None:
    line = "[11/22/2026-10:00:00] [W] * GPU compute time is unstable, with coefficient of variance = 3.1%."
    seen = trtexec.run(_tool(tmp_path, f"echo '{line}'\n"), str(tmp_path), str(tmp_path / "log"))
    assert "coefficient of variance = 3.1%" in seen["unstable"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("kill -9 $$\n", r"killed \(rc 137\): most likely the board ran out of memory"),
        ("exit 137\n", "ran out of memory"),
        (
            "echo '[I] fine'; echo '[E] Unknown option: --x' >&2; exit 1\n",
            r"failed \(rc 1\): \[E\] Unknown option: --x",
        ),
        ("exit 3\n", "it said nothing"),
    ],
)
def test_failures_are_told_in_its_last_words(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        trtexec.run(_tool(tmp_path, script), str(tmp_path), str(tmp_path / "log"))


def test_the_stand_in_refuses_flags_of_another_version(tmp_path: Path) -> None:
    """Or the road through it would prove nothing."""
    tool = _stand_in(tmp_path, "10.3.0")
    assert os.access(tool, os.X_OK)
    command = [str(tool), "--onnx=x", "--saveEngine=y", "--workspace=64"]
    with pytest.raises(DeviceError, match=re.escape("Unknown option: --workspace")):
        trtexec.run(command, str(tmp_path), str(tmp_path / "log"))
