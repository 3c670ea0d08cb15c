"""The comparison of compression methods, from the board's rows: one table and one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file
from pipeline.report import MARK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = (
    "group", "variant", "accuracy", "accuracy_low", "accuracy_high", "accuracy_delta", "accuracy_delta_low",
    "accuracy_delta_high", "n_test", "size_mb", "size_compressed_mb", "params", "nonzero", "macs", "memory_mb",
    "latency_ms_p50", "fps", "speedup", "speedup_low", "speedup_high", "ratio_reached", "warning", "recipe",
)  # fmt: skip


def methods_table(board: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The board's rows of one task, experiment and host, in the order of `groups` (heading -> variants).

    Raises EdgeboardError for a variant that was not measured.
    """
    rows = board.set_index("variant", drop=False)
    missing = [name for names in groups.values() for name in names if name not in rows.index]
    if missing:
        raise EdgeboardError("Some methods were not measured", where="results/leaderboard.csv", value=missing)
    order = [(group, name) for group, names in groups.items() for name in names]
    table = rows.loc[[name for _, name in order]].reset_index(drop=True)
    table["group"] = [group for group, _ in order]
    return table[list(COLUMNS)]


def markdown(table: pd.DataFrame) -> str:
    """The table for a README, rounded for people: times and sizes beside what they are compared with."""
    lines = [
        "| method | accuracy (95 %) | difference (paired) | MB on disk | zipped | MB of RAM | M MACs | ms | speed-up |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for group, rows in table.groupby("group", sort=False):
        if len(rows) > 1:
            lines.append(f"| *{group}* | | | | | | | | |")
        lines += [_markdown_row(row) for _, row in rows.iterrows()]
    return "\n".join(lines) + "\n"


def _markdown_row(row: pd.Series) -> str:
    is_reference = row["recipe"] == "train"
    difference = "–" if is_reference else _with_interval(row, "accuracy_delta", "+.3f")
    mark = f" {MARK}" if row["warning"] else ""
    cells = [
        f"{row['variant']}{mark}",
        _with_interval(row, "accuracy", ".3f"),
        difference,
        f"{row['size_mb']:.2f}",
        f"{row['size_compressed_mb']:.2f}",
        f"{row['memory_mb']:.0f}",
        f"{row['macs'] / 1e6:.0f}",
        f"{row['latency_ms_p50']:.2f}",
        "1×" if is_reference else f"{row['speedup']:.2f}×",
    ]
    return "| " + " | ".join(cells) + " |"


def _with_interval(row: pd.Series, name: str, form: str) -> str:
    return f"{row[name]:{form}} [{row[f'{name}_low']:{form}}, {row[f'{name}_high']:{form}}]"


def draw(table: pd.DataFrame, path: Path, title: str) -> None:
    """A picture of the table: accuracy lost, size, memory and speed-up, a line per method."""
    from matplotlib.figure import Figure  # without pyplot, which would look for a screen

    figure = Figure(figsize=(15, 2.2 + 0.27 * (len(table) + table["group"].nunique())), layout="constrained")
    axes: Any = figure.subplots(1, 4, sharey=True, width_ratios=[1.3, 1, 1, 1])
    places = _places(table)
    _accuracy(axes[0], table, places)
    _size(axes[1], table, places)
    _bars(axes[2], table["memory_mb"], places, "peak memory (MB)", table["memory_mb"].iloc[0])
    _bars(axes[3], table["speedup"], places, "speed-up over the baseline (×)", 1.0)
    axes[3].errorbar(
        table["speedup"], places,
        xerr=[table["speedup"] - table["speedup_low"], table["speedup_high"] - table["speedup"]],
        fmt="none", ecolor="black", elinewidth=1, capsize=2,
    )  # fmt: skip
    axes[0].set_yticks(
        places,
        [name + (f"  {MARK}" if words else "") for name, words in zip(table["variant"], table["warning"], strict=True)],
    )
    beside = axes[0].get_yaxis_transform()
    for group, rows in table.groupby("group", sort=False):
        above = places[rows.index[0]] - 0.85
        axes[0].text(-0.02, above, group, transform=beside, ha="right", va="center", style="italic", fontsize=8)
    axes[0].set_ylim(max(places) + 0.8, -1.6)
    figure.suptitle(title)
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})


def _places(table: pd.DataFrame) -> list[float]:
    """Where each row lies, with a gap for the heading of each group."""
    new_group = (table["group"] != table["group"].shift()).astype(int)
    return [float(i + gap) for i, gap in enumerate(new_group.cumsum() - 1)]


def _accuracy(axes: Axes, table: pd.DataFrame, places: list[float]) -> None:
    low, value, high = (table[f"accuracy_delta{end}"].fillna(0) * 100 for end in ("_low", "", "_high"))
    axes.errorbar(value, places, xerr=[value - low, high - value], fmt="o", color="#0072B2", capsize=2, markersize=4)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_xlabel("accuracy against the baseline (points, 95 %, paired)")
    axes.grid(axis="x", alpha=0.3)


def _size(axes: Axes, table: pd.DataFrame, places: list[float]) -> None:
    axes.hlines(places, table["size_compressed_mb"], table["size_mb"], color="#999999", linewidth=1)
    axes.plot(table["size_mb"], places, "o", color="#D55E00", markersize=4, label="as it ships")
    axes.plot(table["size_compressed_mb"], places, "D", color="#009E73", markersize=4, label="zipped")
    axes.set_xscale("log")
    # Matplotlib would name every minor tick, one over the other.
    smallest, largest = table["size_compressed_mb"].min(), table["size_mb"].max()
    ticks = [step * 10.0**power for power in range(-3, 4) for step in (1, 2, 5)]
    shown = [tick for tick in ticks if smallest / 2 < tick < largest * 2]
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("size on disk (MB, log)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="upper left", ncols=2)


def _bars(axes: Axes, values: pd.Series, places: list[float], label: str, reference: float) -> None:
    axes.barh(places, values, height=0.6, color="#56B4E9")
    axes.axvline(reference, color="grey", linewidth=0.8)
    axes.set_xlabel(label)
    axes.grid(axis="x", alpha=0.3)
