"""The board's rows as people see them: loading, filtering, ranking and the columns of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import pandas as pd

from pipeline.board_sources.merging import merge_boards
from pipeline.board_sources.store import read_remarks
from pipeline.errors import EdgeboardError
from pipeline.report import MARK, read_board

BOARD_NAME = "leaderboard.csv"
SOURCES = "sources"
HERE = "this clone"
State = Literal["ok", "missing", "empty", "broken"]
_ROW_IDENTITY = ["run_id", "experiment", "task", "variant", "target", "engine", "precision", "host", "created_at"]


@dataclass(frozen=True)
class Loaded:
    """The board, or why there is none to show."""

    state: State
    board: pd.DataFrame
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filters:
    """What is to be shown. An empty choice leaves all; `since` and `until` are dates as YYYY-MM-DD, or nothing."""

    task: str = ""
    places: Sequence[str] = ()
    targets: Sequence[str] = ()
    experiments: Sequence[str] = ()
    variants: Sequence[str] = ()
    steps: Sequence[str] = ()
    sources: Sequence[str] = ()
    since: str = ""
    until: str = ""


def board_files(results: Path) -> list[Path]:
    """The board of this clone, then those fetched from elsewhere."""
    return [results / BOARD_NAME, *sorted((results / SOURCES).glob(f"*/{BOARD_NAME}"))]


def load_board(results: Path) -> Loaded:
    """Read all boards of a results folder; what is wrong with one becomes a state and messages, never an error."""
    own, *others = board_files(results)
    if not own.is_file() and not others:
        return Loaded("missing", pd.DataFrame(), (_told(str(own), results),))
    boards: list[tuple[str, pd.DataFrame]] = []
    messages: list[str] = []
    broken = False
    for path in (own, *others):
        origin = HERE if path == own else path.parent.name
        try:
            read = read_board(path)
        except EdgeboardError as error:
            broken, messages = broken or path == own, [*messages, str(error)]
            continue
        except OSError as error:
            broken = broken or path == own
            messages.append(f"The leaderboard file cannot be read ({error.strerror}): {path}")
            continue
        boards.append((origin, read.frame))
        messages += [line if path == own else f"{origin}: {line}" for line in read.warnings]
    for origin, remarks in read_remarks(results / SOURCES).items():
        messages += [f"{origin}: {line}" for line in remarks]
    messages = [_told(line, results) for line in messages]
    board = merge_boards(boards)
    if board.empty:
        return Loaded("broken" if broken else "empty", board, tuple(messages))
    return Loaded("ok", board.assign(place=places(board), row_id=row_ids(board)), tuple(messages))


def _told(text: str, results: Path) -> str:
    """A message without the way to the project: where things lie on this machine is nobody's business."""
    return text.replace(f"{results.parent}/", "")


def places(board: pd.DataFrame) -> pd.Series:
    """Where and on what each row was measured, as one text: rows are only ever compared within one of these."""
    host = board["host"].where(board["host"] != "", "unknown host")
    place = board["target"] + " · " + host
    several = board.groupby("task")["data_hash"].transform("nunique") > 1
    data = board["data"].where(board["data"] != "", "data") + " (" + board["data_hash"].str[:6] + ")"
    return place.where(~several, data + " · " + place)


def row_ids(board: pd.DataFrame) -> pd.Series:
    """A short name of each row, for links: the same as long as the row is the same."""
    hashed = pd.util.hash_pandas_object(board[_ROW_IDENTITY].astype(object), index=False, categorize=False)
    return hashed.map("{:016x}".format).str[:10].astype(object)


def labels(rows: pd.DataFrame) -> pd.Series:
    """A name for each row that people can choose by and that is no other row's."""
    named = rows["variant"].astype(object) + " · " + rows["experiment"].astype(object)
    again = named.duplicated(keep=False)
    named = named.where(~again, named + " · " + rows["precision"].astype(object) + " · " + rows["row_id"].str[:6])
    return named.where(~named.duplicated(keep=False), named + " " + rows["row_id"])


def steps_of(recipe: str) -> list[str]:
    """`train>prune@ratio=0.3>quantize` as the names of its steps after training: prune, quantize."""
    return [step.split("@")[0].strip() for step in recipe.split(">")[1:] if step.strip()]


def all_steps(board: pd.DataFrame) -> list[str]:
    """The steps that any row has, in the order of their first use."""
    found: dict[str, None] = {}
    for recipe in board["recipe"].unique():
        found |= dict.fromkeys(steps_of(str(recipe)))
    return list(found)


def filter_rows(board: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """The rows that the filters leave; of steps a row must have all that are named."""
    keep = board["task"] == filters.task if filters.task else pd.Series(True, index=board.index)
    chosen = {
        "place": filters.places,
        "target": filters.targets,
        "experiment": filters.experiments,
        "variant": filters.variants,
        "source": filters.sources,
    }
    for column, values in chosen.items():
        if values:
            keep &= board[column].isin(list(values))
    if filters.steps:
        wanted = set(filters.steps)
        has = {recipe: wanted <= set(steps_of(str(recipe))) for recipe in board["recipe"].unique()}
        keep &= board["recipe"].map(has).astype(bool)
    days = board["created_at"].str[:10]
    if filters.since:
        keep &= days >= filters.since
    if filters.until:
        keep &= (days <= filters.until) & (days != "")
    return board[keep].reset_index(drop=True)


def display_frame(rows: pd.DataFrame, pictures: Sequence[str] | None = None) -> pd.DataFrame:
    """The columns of the table, in its order; numbers stay numbers, so that the table sorts by value.

    rows: ranked, as from `leaderboard.ranked`. pictures: an address or "" per row, where pictures are to be shown.
    """
    shown = rows.assign(rank_range=rank_ranges(rows), mark=marks(rows), interval=intervals(rows), link=links(rows))
    several = rows["experiment"].nunique() > 1
    # What would say the same in every row is left out or comes last; the accuracy early: a phone shows four columns.
    leading = ["rank", "rank_range", "variant", *(["experiment"] if several else []), "accuracy", "front"]
    leading += ["mark"] if (shown["mark"] != "").any() else []
    numbers = ["size_mb", "fps", "speedup", "precision", "score", "latency_ms_p50", "size_compressed_mb"]
    numbers += ["xai_faithfulness", "xai_drift"]
    if pictures is not None:
        shown = shown.assign(picture=list(pictures))
        numbers.insert(0, "picture")
    origin = [name for name in ("place", "source") if name in rows and rows[name].nunique() > 1]
    rest = [*origin, "recipe", *([] if several else ["experiment"]), "created_at", "note", "link"]
    return shown[[*leading, "interval", *numbers, *rest]]


def links(rows: pd.DataFrame, base: str = "") -> pd.Series:
    """The address of each row's page, below the board's own."""
    tasks = {task: quote(str(task), safe="") for task in rows["task"].unique()}
    return f"{base.rstrip('/')}/model?task=" + rows["task"].map(tasks) + "&row=" + rows["row_id"].astype(object)


def rank_ranges(rows: pd.DataFrame) -> pd.Series:
    """`1–4`: the places that the row may have; `2` where it is sure."""
    texts = []
    for low, high in zip(rows["rank"], rows["rank_high"], strict=True):
        texts.append("" if pd.isna(low) else str(low) if low == high else f"{low}–{high}")
    return pd.Series(texts, index=rows.index, dtype=object)


def intervals(rows: pd.DataFrame) -> pd.Series:
    """`91.1–95.8 % (n=360)` for each row, as much of it as was measured."""
    texts = []
    for low, high, count in zip(rows["accuracy_low"], rows["accuracy_high"], rows["n_test"], strict=True):
        bounds = f"{100 * low:.1f}–{100 * high:.1f} %" if pd.notna(low) and pd.notna(high) else ""
        texts.append(f"{bounds} (n={count})".strip() if pd.notna(count) else bounds)
    return pd.Series(texts, index=rows.index, dtype=object)


def marks(rows: pd.DataFrame) -> pd.Series:
    """⚠ for each row with a warning. A sign, not a colour: eyes and printers that see none still see it."""
    return (rows["warning"] != "").map({True: MARK, False: ""})


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is: a name with * [ ] $ : or < in it is a name, nothing else."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]()#+-.!|~$:<>" else character for character in text)


def default_weights(results: Path) -> dict[str, float]:
    """leaderboard.weights of the params.yaml beside the results, or the documented ones where there is none."""
    import yaml

    documented = {"accuracy": 0.5, "size": 0.25, "fps": 0.25}
    try:
        found = yaml.safe_load((results.parent / "params.yaml").read_text(encoding="utf-8"))["leaderboard"]["weights"]
        weights = {name: float(found[name]) for name in documented}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return documented
    usable = all(0 <= value < float("inf") for value in weights.values()) and sum(weights.values()) > 0
    return weights if usable else documented
