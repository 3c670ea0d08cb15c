"""Two or more rows beside each other: numbers with differences, and the parameters that differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from leaderboard.wording import Wording
from pipeline.differences import Decided, Difference, accuracy_difference, comparable, ratio

# Measure -> format, factor and unit for people; no unit where the measure's name holds it.
_MEASURES: dict[str, tuple[str, float, str]] = {
    "accuracy": (".2f", 100, " %"),
    "fps": (".1f", 1, ""),
    "speedup": (".2f", 1, "×"),
    "latency_ms_p50": (".2f", 1, ""),
    "latency_ms_p90": (".2f", 1, ""),
    "latency_ms_p99": (".2f", 1, ""),
    "size_mb": (".2f", 1, ""),
    "size_compressed_mb": (".2f", 1, ""),
    "memory_mb": (".1f", 1, ""),
    "params": (",.0f", 1, ""),
    "macs": (",.0f", 1e-6, " M"),
    "power_w": (".2f", 1, ""),
    "energy_mj": (".2f", 1, ""),
    "xai_faithfulness": (".3f", 1, ""),
    "xai_drift": (".3f", 1, ""),
    "map50_95": (".2f", 100, " %"),
    "tar_at_far_1_percent": (".2f", 100, " %"),
    "eer": (".2f", 100, " %"),
    "clips_per_s": (".1f", 1, ""),
    "live_agreement": (".2f", 100, " %"),
    "live_agreement_running": (".2f", 100, " %"),
    "live_accuracy_running": (".2f", 100, " %"),
    "live_difference_running": ("+.2f", 100, ""),
}
# Of the host that it was timed on: set against each other only there.
_TIMED = (
    "fps", "latency_ms_p50", "latency_ms_p90", "latency_ms_p99", "memory_mb", "power_w", "energy_mj", "clips_per_s",
)  # fmt: skip
_ADDED = (
    "accuracy", "xai_faithfulness", "xai_drift", "map50_95", "tar_at_far_1_percent", "eer", "live_agreement",
    "live_agreement_running", "live_accuracy_running", "live_difference_running",
)  # fmt: skip


def numbers_table(
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[str],
    decided: Mapping[str, Decided],
    words: Wording,
) -> pd.DataFrame:
    """One line per measure: each row's value with its interval, and how the others differ from the first.

    decided: run_id -> decisions, as from `leaderboard.ranked.decisions_of`.
    """
    first = rows[0]
    lines = []
    for name in _MEASURES:
        if all(_missing(row.get(name)) for row in rows):
            continue
        line = {words("compare.measure"): words(f"column.{name}")}
        for label, row in zip(labels, rows, strict=True):
            line[label] = shown(row, name)
            if row is not first:
                line[words("compare.against", name=label)] = difference_text(name, row, first, decided, words)
        lines.append(line)
    return pd.DataFrame(lines)


def shown(row: Mapping[str, Any], name: str) -> str:
    """A measure with its unit and, where it was measured, its 95 % interval; a dash where it was not."""
    return " ".join(parts(row, name)).strip()


def parts(row: Mapping[str, Any], name: str) -> tuple[str, str]:
    """A measure with its unit, and its 95 % interval; a dash and nothing where they were not measured."""
    value = row.get(name)
    if _missing(value):
        return "–", ""
    form, factor, unit = _MEASURES[name]
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    text = f"{float(value) * factor:{form}}{unit}"  # type: ignore[arg-type]
    if _missing(low) or _missing(high):
        return text, ""
    return text, f"[{float(low) * factor:{form}}, {float(high) * factor:{form}}]"  # type: ignore[arg-type]


def difference_text(
    name: str, row: Mapping[str, Any], first: Mapping[str, Any], decided: Mapping[str, Decided], words: Wording
) -> str:
    """`−1.94 [−4.10, +0.22] points` or `3.70× [3.51, 3.84]`; words where the two cannot be compared."""
    if _missing(row.get(name)) or _missing(first.get(name)):
        return "–"
    if name in _TIMED and not comparable(row, first):
        return words("compare.other_host")
    if name == "accuracy":
        if row.get("data_hash") != first.get("data_hash"):
            return words("compare.other_data")
        pair = [decided.get(str(one["run_id"])) for one in (row, first)]
        return _points(accuracy_difference(row, first, *pair), words)
    if name in _ADDED:
        form, factor, _ = _MEASURES[name]
        return f"{(float(row[name]) - float(first[name])) * factor:+{form}}"
    times = ratio(row, first, name)
    return "–" if math.isnan(times.value) else f"{times.value:.2f}×{_interval(times, '.2f', 1)}"


def basis_of(rows: Sequence[Mapping[str, Any]], decided: Mapping[str, Decided]) -> set[str]:
    """From what the accuracies' differences to the first row were worked out."""
    first, *others = rows
    return {
        accuracy_difference(row, first, *[decided.get(str(one["run_id"])) for one in (row, first)]).basis
        for row in others
        if row.get("data_hash") == first.get("data_hash")
    }


def parameters_that_differ(params: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """One line per option that is not the same in all: its path and its value for each label."""
    flat = {label: dict(_flattened(tree)) for label, tree in params.items()}
    paths = sorted({path for values in flat.values() for path in values})
    lines = [
        {"": path, **{label: str(values.get(path, "–")) for label, values in flat.items()}}
        for path in paths
        if len({str(values.get(path, "–")) for values in flat.values()}) > 1
    ]
    return pd.DataFrame(lines)


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _points(difference: Difference, words: Wording) -> str:
    if math.isnan(difference.value):
        return "–"
    sure = "" if difference.is_sure or math.isnan(difference.low) else f" ≈ {words('compare.not_sure')}"
    return f"{100 * difference.value:+.2f}{_interval(difference, '+.2f', 100)} {words('compare.points')}{sure}"


def _interval(difference: Difference, form: str, factor: float) -> str:
    if math.isnan(difference.low):
        return ""
    return f" [{factor * difference.low:{form}}, {factor * difference.high:{form}}]"


def _missing(value: object) -> bool:
    return value is None or bool(pd.isna(value))  # type: ignore[call-overload]
