"""Clocks, temperatures and power of the board through a run: raw readings with the time at which they were taken."""

import glob
import os
import re
import shutil
import subprocess
import threading
import time

from .files import number_of, text_of

INTERVAL_S = 0.1
# The names of the GPU among the devices with a clock: Nano, TX2, Xavier, Orin, Thor.
_GPU = re.compile(r"gpu|gm20b|gp10b|gv11b|ga10b|gb10b")
# The end keeps `RAM 1923/3964MB` out, and `CPU [5%@1224,...]` has no slash.
_TEGRASTATS_RAIL = re.compile(r"\b([A-Z][A-Z0-9_]+) (\d+)(?:mW)?/\d+(?:mW)?(?:/\d+(?:mW)?)?(?![\dA-Za-z%])")


class Sensors:
    """Where this board's readings lie. root: where /sys is."""

    def __init__(self, root="/"):
        self._root = root
        self._gpu = next((one for one in self._find("sys/class/devfreq/*") if _GPU.search(os.path.basename(one))), None)
        self._cpus = self._find("sys/devices/system/cpu/cpu[0-9]*/cpufreq")
        self._zones = [
            (text_of(os.path.join(one, "type")) or os.path.basename(one), os.path.join(one, "temp"))
            for one in self._find("sys/class/thermal/thermal_zone*")
        ]
        self.rails = self._find_rails()

    def read(self):
        """One reading: Hz, m°C and mW; what cannot be read is left out."""
        temperatures = {name: number_of(path) for name, path in self._zones}
        reading = {
            "t": time.monotonic(),
            "gpu_hz": number_of(os.path.join(self._gpu, "cur_freq")) if self._gpu else None,
            "cpu_khz": [number_of(os.path.join(one, "scaling_cur_freq")) for one in self._cpus],
            "temperature_mc": {name: value for name, value in temperatures.items() if value is not None},
        }
        power = {name: read() for name, read in self.rails.items()}
        if power:
            reading["power_mw"] = {name: value for name, value in power.items() if value is not None}
        return reading

    def clock_limits(self):
        """What the clocks may do: {"gpu": {"name", "min_hz", "max_hz", "locked"} or None, "governors"}."""
        governors = {text_of(os.path.join(one, "scaling_governor")) for one in self._cpus}
        gpu = None
        if self._gpu:
            low, high = (number_of(os.path.join(self._gpu, name)) for name in ("min_freq", "max_freq"))
            locked = low is not None and low == high
            gpu = {"name": os.path.basename(self._gpu), "min_hz": low, "max_hz": high, "locked": locked}
        return {"gpu": gpu, "governors": sorted(one for one in governors if one)}

    def _find(self, pattern):
        return sorted(glob.glob(os.path.join(glob.escape(self._root), pattern)))

    def _find_rails(self):
        """Name -> function that gives mW. JetPack 5 and newer have hwmon's ina3221, JetPack 4 the iio ina3221x."""
        rails = {}
        for chip in self._find("sys/class/hwmon/hwmon*"):
            if text_of(os.path.join(chip, "name")) != "ina3221":
                continue
            for channel in "123":
                name = text_of(os.path.join(chip, "in%s_label" % channel))
                if name and name != "NC":
                    rails[name] = _product(chip, channel)
        for chip in self._find("sys/bus/i2c/drivers/ina3221x/*/iio:device*"):
            for channel in "012":
                name = text_of(os.path.join(chip, "rail_name_%s" % channel))
                if name and name != "NC":
                    rails[name] = _reading(os.path.join(chip, "in_power%s_input" % channel))
        return rails


class Sampler:
    """Reads the sensors in a thread of its own while the block runs; `series` has all readings.

    Without power sensors in /sys the rails come from tegrastats, where that is installed.
    """

    def __init__(self, root="/", interval_s=INTERVAL_S):
        self.series = []
        self.rails_from = None
        self._sensors = Sensors(root)
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._threads = []
        self._tegrastats = None

    def __enter__(self):
        targets = [self._sample]
        if self._sensors.rails:
            self.rails_from = "ina3221"
        elif shutil.which("tegrastats"):
            self.rails_from = "tegrastats"
            interval = str(int(self._interval_s * 1000))
            self._tegrastats = subprocess.Popen(
                ["tegrastats", "--interval", interval],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
            )  # fmt: skip
            targets.append(self._follow_tegrastats)
        self._threads = [threading.Thread(target=one, daemon=True) for one in targets]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        if self._tegrastats:
            self._tegrastats.terminate()
            self._tegrastats.wait()
        for thread in self._threads:
            thread.join(5)

    def _sample(self):
        while not self._stop.wait(self._interval_s):
            self.series.append(self._sensors.read())

    def _follow_tegrastats(self):
        for line in self._tegrastats.stdout:
            power = rails_of_tegrastats(line)
            if power:
                self.series.append({"t": time.monotonic(), "power_mw": power})


def rails_of_tegrastats(line):
    """Rail -> mW now, of one line of tegrastats: `POM_5V_IN 900/943`, `VDD_IN 4000mW/3900mW`, or three values."""
    return {name: int(now) for name, now in _TEGRASTATS_RAIL.findall(line)}


def _product(chip, channel):
    volts, amperes = (os.path.join(chip, name % channel) for name in ("in%s_input", "curr%s_input"))

    def read():
        millivolts, milliamperes = number_of(volts), number_of(amperes)
        return None if millivolts is None or milliamperes is None else millivolts * milliamperes / 1000.0

    return read


def _reading(path):
    return lambda: number_of(path)
