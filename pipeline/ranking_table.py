"""The ranking for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.report import BOARD_FILE, MARK

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table


def ranking_table(board: pd.DataFrame, limit: int = 12) -> Group:
    """The best rows of each task, data set, target and host, with the words of the marked ones below.

    `limit` rows of each are shown, or as many as there are variants: one run is never cut. A narrow terminal gets the
    accuracies without their intervals.
    """
    from rich.console import Group
    from rich.text import Text

    ordered = board.assign(pareto=board["pareto"].fillna(False)).sort_values(
        ["task", "data", "data_hash", "target", "host", "rank", "experiment", "variant"], na_position="last"
    )
    groups = [group for _, group in ordered.groupby(["task", "data_hash", "target", "host"], sort=False)]
    shown = [group.head(max(limit, group["variant"].nunique())) for group in groups]
    left_out = ordered.drop([index for group in shown for index in group.index])
    several = board["experiment"].nunique() > 1
    with_data = board.groupby("task")["data_hash"].nunique().max() > 1
    below = []
    if len(left_out):
        marked = int((left_out["warning"] != "").sum())
        of_them = f", {marked} of them with {MARK}," if marked else ""
        below.append(Text(f"… and {len(left_out)} more{of_them} in {BOARD_FILE}"))
    for group in shown:
        for _, row in group[group["warning"] != ""].iterrows():
            name = " · ".join([row["task"], *([row["experiment"]] if several else []), row["variant"]])
            # Text, not str: a name with [brackets] is no markup.
            below.append(Text(f"{MARK} {name}: {row['warning']}"))
    wide, narrow = (_table(shown, several, with_data, intervals) for intervals in (True, False))
    return Group(_FirstThatFits((wide, narrow)), *below)


@dataclass(frozen=True)
class _FirstThatFits:
    """Shows the first of several tables that is not wider than the terminal, or else the last."""

    tables: tuple[Table, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.measure import Measurement

        unbounded = options.update_width(10_000)
        fitting = (t for t in self.tables if Measurement.get(console, unbounded, t).maximum <= options.max_width)
        yield next(fitting, self.tables[-1])


def _table(groups: list[pd.DataFrame], with_experiment: bool, with_data: bool, with_interval: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", collapse_padding=True, pad_edge=False)
    data = ["data"] if with_data else []
    for heading in ("task", *data, "rank", *(["experiment"] if with_experiment else []), "variant", "precision"):
        # A name that does not fit goes on in the next line: without it the numbers mean nothing.
        table.add_column(heading, justify="right" if heading == "rank" else "left", overflow="fold")
    accuracy = "accuracy (95 % interval, n)" if with_interval else "accuracy"
    for heading in (accuracy, "MB", "FPS", "speed-up", "Pareto"):
        table.add_column(heading, justify="center" if heading == "Pareto" else "right", no_wrap=True)
    for group in groups:
        for _, row in group.iterrows():
            names = [
                row["task"],
                *([row["data"]] if with_data else []),
                _shown(row["rank"], "d"),
                *([row["experiment"]] if with_experiment else []),
                f"{row['variant']} {MARK}" if row["warning"] else row["variant"],
                row["precision"],
            ]
            numbers = [
                _accuracy(row) if with_interval else _shown(row["accuracy"], ".3f"),
                _shown(row["size_mb"], ".2f"),
                _shown(row["fps"], ".1f"),
                _shown(row["speedup"], ".2f", "×"),
                "◆" if row["pareto"] else "",
            ]
            table.add_row(*(Text(str(cell)) for cell in [*names, *numbers]))
        table.add_section()
    return table


def _accuracy(row: pd.Series) -> str:
    accuracy = _shown(row["accuracy"], ".3f")
    interval = "–".join(_shown(row[name], ".3f") for name in ("accuracy_low", "accuracy_high"))
    count = _shown(row["n_test"], "d")
    details = ", ".join(part for part in (interval.strip("–"), f"n={count}" if count else "") if part)
    return f"{accuracy} ({details})" if accuracy and details else accuracy


def _shown(value: Any, form: str, unit: str = "") -> str:
    """A number for people, or nothing where nothing was measured."""
    missing = str(value) in ("None", "nan", "<NA>")
    return "" if missing else f"{int(value) if form == 'd' else value:{form}}{unit}"
