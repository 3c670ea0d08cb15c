"""What the program reads of a board, from trees of files as the boards have them."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import pytest
from edgeboard_device import clocks, engines, facts
from edgeboard_device.files import DeviceError
from edgeboard_device.sensors import Sampler, Sensors, rails_of_tegrastats

# Model and SoC as /proc/device-tree has them, the first line of /etc/nv_tegra_release.
NANO = {
    "proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3450-0000\0nvidia,jetson-nano\0nvidia,tegra210\0",
    "etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n# more\n",
}
ORIN = {
    "proc/device-tree/model": "NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3768-0000+p3767-0000\0nvidia,tegra234\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n",
}
# hwmon of JetPack 5 and newer (Documentation/hwmon/ina3221.rst of Linux): mV and mA.
INA3221 = {
    "sys/class/hwmon/hwmon4/name": "ina3221\n",
    "sys/class/hwmon/hwmon4/in1_label": "VDD_IN\n",
    "sys/class/hwmon/hwmon4/in1_input": "5000\n",
    "sys/class/hwmon/hwmon4/curr1_input": "1800\n",
    "sys/class/hwmon/hwmon4/in2_label": "NC\n",
    "sys/class/hwmon/hwmon0/name": "pwmfan\n",
}
# iio of L4T 32 (driver ina3221x): mW.
INA3221X = {
    "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0": "POM_5V_IN\n",
    "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input": "2300\n",
}
CLOCKS = {
    "sys/class/devfreq/17000000.gpu/cur_freq": "612000000\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "306000000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "918000000\n",
    "sys/class/devfreq/15340000.vic/cur_freq": "1\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1984000\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "48187\n",
}


def _tree(root: Path, *parts: dict[str, str]) -> str:
    for part in parts:
        for name, text in part.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    return str(root)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ((NANO,), {"is_jetson": True, "sm": "53", "has_int8": False, "l4t": "32.7.1", "soc": "tegra210"}),
        ((ORIN,), {"is_jetson": True, "sm": "87", "has_int8": True, "l4t": "36.4.3", "soc": "tegra234"}),
        ((), {"is_jetson": False, "sm": None, "has_int8": True, "l4t": None, "soc": None}),
        (({"etc/nv_tegra_release": "broken"},), {"l4t": None}),
    ],
)
def test_the_board_is_known_by_its_files(tmp_path: Path, tree: Any, expected: dict[str, Any]) -> None:
    known = facts.board_facts(str(tmp_path), _tree(tmp_path, *tree))
    assert {name: known[name] for name in expected} == expected


def test_a_model_has_no_zero_byte(tmp_path: Path) -> None:
    known = facts.board_facts(str(tmp_path), _tree(tmp_path, ORIN))
    assert known["model"] == "NVIDIA Jetson Orin NX Engineering Reference Developer Kit"
    assert facts.in_words(known)[0] == f"{known['model']}, JetPack 6.1 or 6.2, L4T 36.4.3"


@pytest.mark.parametrize(
    ("l4t", "words"),
    [
        ("32.7.1", "JetPack 4.6"),
        ("35.1.0", "JetPack 5.0.2"),
        ("35.4.1", "JetPack 5.1"),
        ("36.3.0", "JetPack 6.0"),
        ("36.4.3", "JetPack 6.1 or 6.2"),
        ("38.2", "JetPack 7.0 or 7.1"),
        ("39.2", "JetPack 7.2"),
        ("28.2", "a JetPack that is not known here"),
        ("3.9", "a JetPack that is not known here"),
    ],
)
def test_jetpack_of_an_l4t(l4t: str, words: str) -> None:
    assert facts.jetpack(l4t) == words


def test_a_trtexec_that_does_not_start_stops_only_who_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "trtexec"
    tool.write_text("#!/bin/sh\necho 'error while loading shared libraries: libnvinfer.so.8' >&2; exit 127\n")
    tool.chmod(0o755)
    monkeypatch.setattr("edgeboard_device.trtexec.FOLDERS", (str(tmp_path),))
    known = facts.board_facts(str(tmp_path), str(tmp_path))
    assert known["trtexec"] is None
    assert facts.in_words(known)[1].startswith(f"{tool} does not say its version, ")
    known["onnxruntime"] = "1.10.0"
    assert engines.choose("onnxruntime", known) == engines.choose("auto", known) == "onnxruntime"
    with pytest.raises(DeviceError, match="does not say its version"):
        engines.choose("tensorrt", known)


def test_a_folder_that_is_not_there_yet_is_on_the_disk_of_the_one_above(tmp_path: Path) -> None:
    assert facts.free_bytes(str(tmp_path / "not" / "yet")) > 0


@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ("NV Power Mode: MAXN\n0\n", {"name": "MAXN", "id": 0}),
        ("NV Fan Mode:quiet\nNV Power Mode: MODE_15W_6CORE\n2\n", {"name": "MODE_15W_6CORE", "id": 2}),
        ("NVPM ERROR: failed to read PARAM\nNV Power Mode: 25W\n1\n", {"name": "25W", "id": 1}),
        ("NVPM ERROR: nothing\n", None),
    ],
)
def test_power_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, mode: Any) -> None:
    (tmp_path / "said").write_text(said)
    tool = tmp_path / "nvpmodel"
    tool.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert facts.power_mode() == mode


@pytest.mark.parametrize(
    ("line", "rails"),
    [
        (
            "RAM 1923/3964MB (lfb 2x2MB) SWAP 191/1982MB (cached 6MB) IRAM 0/252kB(lfb 252kB) CPU [5%@1224,4%@1224] "
            "EMC_FREQ 0%@1600 GR3D_FREQ 0%@76 APE 25 PLL@37C thermal@40C POM_5V_IN 1750/1628 POM_5V_GPU 0/0 "
            "POM_5V_CPU 366/406",
            {"POM_5V_IN": 1750, "POM_5V_GPU": 0, "POM_5V_CPU": 366},
        ),
        (
            "RAM 2/15823MB (lfb 1x4MB) CPU [1%@1190,off] GPU 0/0 CPU 216/216 SOC 865/865 "
            "CV 0/0 VDDRQ 72/72 SYS5V 1558/1558",
            {"GPU": 0, "CPU": 216, "SOC": 865, "CV": 0, "VDDRQ": 72, "SYS5V": 1558},
        ),
        (
            "11-22-2026 10:00:00 RAM 1/2MB GR3D_FREQ 61%@[918] tj@50.2C VDD_IN 4000mW/3900mW VDD_SOC 1500mW/1500mW",
            {"VDD_IN": 4000, "VDD_SOC": 1500},
        ),
        (
            "gpu@47.625C/47.625C VDD_GPU_SOC 5139mW/5140mW/5141mW "
            "VDD_CPU_CV 3268mW/3268mW/3268mW VIN_SYS_5V0 5500mW/1mW/2mW",
            {"VDD_GPU_SOC": 5139, "VDD_CPU_CV": 3268, "VIN_SYS_5V0": 5500},
        ),
        ("RAM 2727/7620MB CPU [6%@1984]", {}),
        ("", {}),
    ],
    ids=["Nano, JetPack 4.6", "AGX Xavier", "Orin NX, JetPack 6", "AGX Orin, JetPack 7.2", "no rails", "empty"],
)
def test_rails_of_tegrastats(line: str, rails: dict[str, int]) -> None:
    assert rails_of_tegrastats(line) == rails


def test_readings(tmp_path: Path) -> None:
    reading = Sensors(_tree(tmp_path, CLOCKS, INA3221)).read()
    assert reading["gpu_hz"] == 612000000
    assert reading["cpu_khz"] == [1984000]
    assert reading["temperature_mc"] == {"cpu-thermal": 48187}
    assert reading["power_mw"] == {"VDD_IN": 9000.0}


def test_power_of_jetpack_4(tmp_path: Path) -> None:
    assert Sensors(_tree(tmp_path, INA3221X)).read()["power_mw"] == {"POM_5V_IN": 2300}


@pytest.mark.parametrize(("low", "locked"), [("306000000", False), ("918000000", True)])
def test_locked_clocks(tmp_path: Path, low: str, locked: bool) -> None:
    root = _tree(tmp_path, CLOCKS, {"sys/class/devfreq/17000000.gpu/min_freq": low})
    limits = Sensors(root).clock_limits()
    assert limits["gpu"]["locked"] is locked
    assert limits["governors"] == ["schedutil"]


def test_a_machine_without_any_sensor(tmp_path: Path) -> None:
    sensors = Sensors(str(tmp_path))
    reading = sensors.read()
    assert (reading["gpu_hz"], reading["cpu_khz"], reading["temperature_mc"]) == (None, [], {})
    assert "power_mw" not in reading
    assert sensors.clock_limits() == {"gpu": None, "governors": []}


def test_the_sampler_reads_while_the_block_runs(tmp_path: Path) -> None:
    began = time.monotonic()
    with Sampler(_tree(tmp_path, CLOCKS, INA3221), interval_s=0.01) as sampler:
        while len(sampler.series) < 3:
            time.sleep(0.01)
    n = len(sampler.series)
    assert sampler.rails_from == "ina3221"
    assert all(began <= one["t"] <= time.monotonic() for one in sampler.series)
    time.sleep(0.05)
    assert len(sampler.series) == n


@pytest.fixture
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `sudo` and a `jetson_clocks` that write down how they were called."""
    for name, script in (
        ("jetson_clocks", "exit 0"),
        ("sudo", f"printf '%s\\n' \"$*\" >>{tmp_path}/calls; [ ! -e {tmp_path}/no ]"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def test_clocks_are_put_back_even_after_a_failure(sudo: Path) -> None:
    with pytest.raises(ValueError, match="in between"), clocks.at_maximum(True, str(sudo), print):
        raise ValueError("in between")
    calls = (sudo / "calls").read_text().split("\n")
    assert [call.split()[:3] for call in calls if call] == [
        ["-n", "jetson_clocks", "--store"],
        ["-n", "jetson_clocks"],
        ["-n", "jetson_clocks", "--restore"],
    ]


def test_nothing_is_asked_of_root_unless_wanted(sudo: Path) -> None:
    with clocks.at_maximum(False, str(sudo), print):
        pass
    assert not (sudo / "calls").exists()


def test_a_password_is_never_asked_for(sudo: Path) -> None:
    (sudo / "no").touch()
    with (
        pytest.raises(DeviceError, match="sudo -n jetson_clocks failed") as caught,
        clocks.at_maximum(True, str(sudo), print),
    ):
        pass
    assert "visudo" in caught.value.mend
    assert stat.S_ISREG((sudo / "calls").stat().st_mode)
