"""The board's file, results/leaderboard.csv: its columns as data, its writer, and a reader for whatever comes.

People open the file in a spreadsheet, older versions wrote other columns and disks lose bytes, so the reader takes
any column order, empties what cannot be a measurement and says so. pandas is imported late: `stages.publish` needs
the names only and runs at every `dvc repro`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file

if TYPE_CHECKING:
    import pandas as pd

BOARD_FILE = Path("results/leaderboard.csv")
MARK = "⚠"  # of a row with a warning; as text, without the selector that makes it an emoji of two columns
Kind = Literal["text", "float", "int", "bool"]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Column:
    """One column: what it holds, in which unit, in which range, and whether more or less of it is better."""

    name: str
    kind: Kind
    unit: str = ""
    better: Better | None = None
    minimum: float | None = None
    maximum: float | None = None


def _measured(name: str, unit: str, better: Better | None = None, kind: Kind = "float") -> Column:
    return Column(name, kind, unit, better, minimum=0)


def _fraction(name: str, better: Better | None = None) -> Column:
    return Column(name, "float", "fraction", better, minimum=0, maximum=1)


# The order is a contract: other tools read the file by these names.
FIXED_COLUMNS: tuple[Column, ...] = (
    Column("task", "text"),
    Column("variant", "text"),
    Column("recipe", "text"),
    Column("experiment", "text"),
    Column("target", "text"),
    Column("engine", "text"),
    Column("precision", "text"),
    _measured("frame_size", "px", kind="int"),
    Column("metric", "text"),
    _fraction("accuracy", "higher"),
    _fraction("accuracy_low"),
    _fraction("accuracy_high"),
    _measured("n_test", "samples", kind="int"),
    _measured("size_mb", "MB", "lower"),
    _measured("params", "values", "lower", kind="int"),
    _measured("nonzero", "values", "lower", kind="int"),
    _measured("macs", "MAC", "lower", kind="int"),
    _measured("fps", "frames/s", "higher"),
    _measured("fps_network", "frames/s", "higher"),
    _measured("latency_ms_p50", "ms", "lower"),
    _measured("latency_ms_p90", "ms", "lower"),
    _measured("latency_ms_p99", "ms", "lower"),
    _measured("speedup", "x baseline", "higher"),
    _measured("memory_mb", "MB", "lower"),
    _measured("power_w", "W", "lower"),
    _measured("energy_mj", "mJ/frame", "lower"),
    Column("xai_faithfulness", "float", "score", "higher"),
    Column("xai_drift", "float", "score", "lower"),
    Column("pareto", "bool"),
    Column("rank", "int", "place", "lower", minimum=1),
    Column("git_commit", "text"),
    Column("git_dirty", "bool"),
    Column("params_hash", "text"),
    Column("data_hash", "text"),
    Column("host", "text"),
    Column("created_at", "text", "UTC"),
)
EXTRA_COLUMNS: tuple[Column, ...] = (
    Column("data", "text"),
    # Against the baseline on the same frames; above 0 is better than the baseline.
    Column("accuracy_delta", "float", "fraction", minimum=-1, maximum=1),
    Column("accuracy_delta_low", "float", "fraction", minimum=-1, maximum=1),
    Column("accuracy_delta_high", "float", "fraction", minimum=-1, maximum=1),
    # Of detectors: the mean over IoU 0.5 to 0.95, and of a test set of real pictures the accuracy on mixed ones.
    _fraction("map50_95", "higher"),
    _fraction("map50_95_low"),
    _fraction("map50_95_high"),
    _fraction("accuracy_mixed", "higher"),
    _fraction("accuracy_mixed_low"),
    _fraction("accuracy_mixed_high"),
    # Of faces with strangers among them: see pipeline.benchmark.faces.accuracy.
    _fraction("tar_at_far_1_percent", "higher"),
    _fraction("tar_at_far_1_percent_low"),
    _fraction("tar_at_far_1_percent_high"),
    _fraction("tar_at_far_0_1_percent", "higher"),
    _fraction("tar_at_far_0_1_percent_low"),
    _fraction("tar_at_far_0_1_percent_high"),
    _fraction("eer", "lower"),
    _fraction("eer_low"),
    _fraction("eer_high"),
    _fraction("fpir", "lower"),
    _fraction("fpir_low"),
    _fraction("fpir_high"),
    _fraction("rank1_with_unknowns", "higher"),
    _fraction("rank1_with_unknowns_low"),
    _fraction("rank1_with_unknowns_high"),
    # With the face to be found first, in the whole picture of a camera.
    _measured("fps_with_finder", "frames/s", "higher"),
    _measured("fps_with_finder_low", "frames/s"),
    _measured("fps_with_finder_high", "frames/s"),
    _measured("speedup_with_finder", "x baseline", "higher"),
    # Mean cosine to the baseline's embeddings.
    Column("embedding_cosine", "float", "cosine", "higher", minimum=-1, maximum=1),
    # Of actions: whole clips, where fps is that of a live stream; and what the live form decides, in a stream that
    # starts with the clip (are both files one network?), and in one that runs on through what was before the clip, over
    # live_running_n clips: see pipeline.benchmark.clips.judge.
    _measured("clips_per_s", "clips/s", "higher"),
    _measured("clips_per_s_low", "clips/s"),
    _measured("clips_per_s_high", "clips/s"),
    _measured("clips_speedup", "x baseline", "higher"),
    _measured("clips_speedup_low", "x baseline"),
    _measured("clips_speedup_high", "x baseline"),
    _fraction("live_accuracy", "higher"),
    _fraction("live_accuracy_low"),
    _fraction("live_accuracy_high"),
    _fraction("live_agreement", "higher"),
    _fraction("live_accuracy_running", "higher"),
    _fraction("live_accuracy_running_low"),
    _fraction("live_accuracy_running_high"),
    _fraction("live_agreement_running", "higher"),
    # Against the clip form on the same clips.
    Column("live_difference_running", "float", "fraction", minimum=-1, maximum=1),
    Column("live_difference_running_low", "float", "fraction", minimum=-1, maximum=1),
    Column("live_difference_running_high", "float", "fraction", minimum=-1, maximum=1),
    _measured("live_running_n", "samples", kind="int"),
    _measured("fps_low", "frames/s"),
    _measured("fps_high", "frames/s"),
    _measured("fps_network_low", "frames/s"),
    _measured("fps_network_high", "frames/s"),
    _measured("speedup_low", "x baseline"),
    _measured("speedup_high", "x baseline"),
    _measured("n_timed", "frames", kind="int"),
    # How restless the times were: standard deviation over mean, the slowest frame, and how many lie far above the rest.
    _measured("cv", "fraction", "lower"),
    _measured("latency_ms_max", "ms", "lower"),
    _measured("outliers", "frames", kind="int"),
    # Of what ships, after zlib: the size of a download.
    _measured("size_compressed_mb", "MB", "lower"),
    # Of the parameters, by pruning; empty for a recipe without it.
    _fraction("ratio_reached"),
    # The variant from which the recipe's last steps went on, and in words what they made worse here.
    Column("input", "text"),
    Column("warning", "text"),
    Column("note", "text"),
    Column("run_id", "text"),
    Column("model_sha256", "text"),
    Column("explanation", "text"),
)
COLUMNS = FIXED_COLUMNS + EXTRA_COLUMNS
COLUMN = {column.name: column for column in COLUMNS}
KEY_COLUMNS = ("experiment", "task", "variant", "target", "engine", "precision", "host")
ROW_ORDER = ["task", "target", "host", "experiment", "variant", "engine", "precision"]
_TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True)
class BoardFile:
    """A board as read: typed rows, what was cleaned on the way, and how many rows could not be kept."""

    frame: pd.DataFrame
    warnings: tuple[str, ...] = ()
    lost_rows: int = 0


def board_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a typed board; a value that cannot be a measurement (NaN, inf, a negative FPS) becomes empty."""
    import pandas as pd

    raw = pd.DataFrame(list(rows), dtype=object)
    return _typed(raw)[0]


def read_board(path: Path) -> BoardFile:
    """Read a board file. A missing or 0-byte file is an empty board.

    Raises EdgeboardError when the bytes are no board at all: not UTF-8, not CSV, or without task and variant.
    """
    import pandas as pd

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return BoardFile(board_frame([]))
    if not data.strip():
        return BoardFile(board_frame([]))
    if b"\0" in data:
        raise _unreadable(path, "it holds zero bytes, as after a disk error")
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise _unreadable(path, error) from error
    raw.columns = [str(name).strip() for name in raw.columns]
    absent = [name for name in ("task", "variant") if name not in raw.columns]
    if absent:
        raise _unreadable(path, f"its header has no column {' and '.join(absent)}")

    missing = [column.name for column in FIXED_COLUMNS if column.name not in raw.columns]
    warnings = [f"columns that the file does not have are shown empty: {', '.join(missing)}"] if missing else []
    frame, cleaned = _typed(raw)
    warnings += cleaned
    nameless = (frame["task"] == "") | (frame["variant"] == "")
    if nameless.any():
        warnings.append(f"{_count(int(nameless.sum()), 'row')} without a task or a variant left out")
        frame = frame[~nameless]
    repeated = frame.duplicated(subset=list(KEY_COLUMNS), keep="last")
    if repeated.any():
        warnings.append(f"{_count(int(repeated.sum()), 'repeated row')} left out; the last of each is shown")
        frame = frame[~repeated]
    lost = int(nameless.sum()) + int(repeated.sum())
    return BoardFile(frame.reset_index(drop=True), tuple(warnings), lost)


def write_board(path: Path, frame: pd.DataFrame) -> None:
    """Write a board: fixed columns first, rows in one order whatever the order they came in, numbers unrounded."""
    ordered = _typed(frame)[0].sort_values(ROW_ORDER, kind="stable")
    for name in ordered.columns:
        kind = COLUMN[name].kind if name in COLUMN else "text"
        if kind == "bool":
            words = ordered[name].map({True: "true", False: "false"}).astype(object)
            ordered[name] = words.where(words.notna(), "")
        elif kind == "text":
            # Readers take a bare carriage return for the end of a row, and what follows it for another one.
            ordered[name] = ordered[name].str.replace("\r", " ", regex=False)
    with replacing_file(path) as temporary:
        ordered.to_csv(temporary, index=False, encoding="utf-8", lineterminator="\n")


def set_aside(path: Path, *, copy: bool = False) -> Path:
    """Move (or copy) a broken board to leaderboard.csv.broken-<hash> beside it, so that nothing in it is lost."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    aside = path.with_name(f"{path.name}.broken-{digest}")
    if copy:
        shutil.copyfile(path, aside)
    else:
        path.replace(aside)
    return aside


def _typed(raw: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """All columns in order and of their kind; unknown columns follow as they are."""
    import pandas as pd

    warnings: list[str] = []
    parts: dict[str, pd.Series] = {}
    for column in COLUMNS:
        given = raw[column.name] if column.name in raw.columns else pd.Series("", index=raw.index, dtype=object)
        parts[column.name], spoilt = _typed_column(column, given)
        if spoilt.any():
            example = str(given[spoilt].iloc[0])[:40]
            warnings.append(f"{column.name}: {_count(int(spoilt.sum()), 'value')} emptied, for example {example!r}")
    for name in raw.columns:
        if name not in COLUMN:
            parts[str(name)] = _text(raw[name])
    return pd.DataFrame(parts, index=raw.index), warnings


def _typed_column(column: Column, given: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The column in its kind and the mask of values that had to be emptied."""
    import pandas as pd

    text = _text(given)
    filled = text.str.strip() != ""
    if column.kind == "text":
        return text, pd.Series(False, index=given.index)
    if column.kind == "bool":
        truth = text.str.strip().str.lower().map(_TRUTH).astype("boolean")
        return truth, filled & truth.isna()
    # Numbers keep their own value: a detour through text would cost the last digits of a numpy float32.
    numbers = pd.to_numeric(given.where(filled) if given.dtype == object else text.where(filled), errors="coerce")
    numbers = numbers.astype("Float64").astype("float64")
    usable = numbers.notna() & (numbers.abs() != float("inf"))
    if column.minimum is not None:
        usable &= numbers >= column.minimum
    if column.maximum is not None:
        usable &= numbers <= column.maximum
    if column.kind == "int":
        usable &= numbers == numbers.round()
    kept = numbers.where(usable)
    return kept.astype("Int64") if column.kind == "int" else kept, filled & ~usable


def _text(given: pd.Series) -> pd.Series:
    return given.astype(object).where(given.notna(), "").astype(str)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _unreadable(path: Path, reason: object) -> EdgeboardError:
    return EdgeboardError(
        "The leaderboard file cannot be read",
        where=path,
        value=reason,
        mend="`dvc repro leaderboard` sets it aside and writes a new one; or put a good copy in its place",
    )
