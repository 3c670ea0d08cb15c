"""What clocks, temperatures and power did while a variant was timed, from the raw readings of a board."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Total power of a board by the rails that it has, the first that fits: of the Nano; TX2, Xavier NX, Orin NX, Orin Nano;
# AGX Orin; AGX Xavier.
TOTAL_RAILS = (
    ("POM_5V_IN",),
    ("VDD_IN",),
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),
)
FEWEST_READINGS = 5
STEADY_WITHIN = 0.05  # a governor's rounding is below, a step of a clock above


@dataclass(frozen=True)
class Power:
    """watts: mean of the readings while the variant ran; energy_mj: per frame; rails: what was added up."""

    watts: float | None
    energy_mj: float | None
    rails: tuple[str, ...]
    n_readings: int


def readings_within(series: Iterable[Mapping[str, Any]], turns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The readings that were taken while one of the turns ran."""
    spans = [(one["began"], one["ended"]) for one in turns if one["began"] is not None and one["ended"] is not None]
    return [reading for reading in series if any(began <= reading["t"] <= ended for began, ended in spans)]


def power_of(readings: Sequence[Mapping[str, Any]], turns: Sequence[Mapping[str, Any]]) -> Power:
    """Mean power and energy per frame; None for both where no total is known or the readings are too few.

    Energy is power times the time that a frame takes when one follows the other, idle parts of the board included.
    """
    powers = [one["power_mw"] for one in readings if one.get("power_mw")]
    rails = next(
        (rails for rails in TOTAL_RAILS if powers and all(name in one for one in powers for name in rails)), ()
    )
    if not rails or len(powers) < FEWEST_READINGS:
        return Power(None, None, rails, len(powers))
    watts = sum(sum(one[name] for name in rails) for one in powers) / len(powers) / 1000
    known = [one for one in turns if one["began"] is not None and one["ended"] is not None]
    seconds = sum(one["ended"] - one["began"] for one in known)
    n_frames = sum(len(one["latency_ms"]) for one in known)
    return Power(watts, watts * seconds / n_frames * 1000, rails, len(powers))


def clock_warning(readings: Sequence[Mapping[str, Any]], limits: Mapping[str, Any], on_gpu: bool) -> str | None:
    """Words for a clock that moved or throttled while the variant was timed; None for a steady one or no readings.

    limits: what the clocks were allowed, see `Sensors.clock_limits` on the board.
    """
    name, clocks = ("GPU", _mhz(readings, "gpu_hz", 1e6)) if on_gpu else ("CPU", _mhz(readings, "cpu_khz", 1e3))
    if not clocks:
        return None
    low, high = min(clocks), max(clocks)
    gpu = limits.get("gpu") or {}
    if on_gpu and gpu.get("locked") and low < (1 - STEADY_WITHIN) * gpu["max_hz"] / 1e6:
        return f"throttled: the locked GPU clock of {gpu['max_hz'] / 1e6:.0f} MHz fell to {low:.0f} MHz"
    if low < (1 - STEADY_WITHIN) * high:
        return f"the {name} clock moved while it was timed: {low:.0f} to {high:.0f} MHz"
    return None


def hottest(readings: Sequence[Mapping[str, Any]]) -> tuple[str, float] | None:
    """Name and °C of the hottest sensor; readings of a sensor that is off are negative and left out."""
    found = [(value / 1000, name) for one in readings for name, value in one.get("temperature_mc", {}).items()]
    return (max(found)[1], max(found)[0]) if found and max(found)[0] > 0 else None


def _mhz(readings: Sequence[Mapping[str, Any]], key: str, unit: float) -> list[float]:
    """Of several cores the fastest, for an idle one rests."""
    values = [one.get(key) for one in readings]
    fastest = [max((v for v in value if v), default=0) if isinstance(value, list) else value for value in values]
    return [value / unit for value in fastest if value]
