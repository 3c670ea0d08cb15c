"""The board: what the stages measured becomes rows, and rows of every experiment meet in one file.

`dvc exp run --temp` and `--queue` work in a copy of the project under .dvc/tmp/exps. Their rows, and what is needed
to look at them later, go to the clone that people look at: see `main_root`.
"""

from __future__ import annotations

import contextlib
import csv
import glob
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pipeline.errors import EdgeboardError
from pipeline.files import read_json, replacing_folder, sha256_json, write_json, writing_errors
from pipeline.privacy import may_share_people, tells_of_nobody
from pipeline.report import BOARD_FILE, COLUMNS, KEY_COLUMNS, board_frame, read_board, set_aside, write_board

if TYPE_CHECKING:
    import pandas as pd

RUNS_FOLDER = Path("results/runs")
BENCHMARK_FOLDER = Path("results/benchmark")
EXPLAIN_FOLDER = Path("results/explain")
EXPORTS_FOLDER = Path("exports")
WORKSPACE = "workspace"
RUN_ID = re.compile(r"[0-9a-f]{12}")
_DVC_COPIES = (".dvc", "tmp", "exps")
# What a run is, besides its numbers. When and from which commit it was measured does not make it another run.
_IDENTITY = ("task", "variant", "target", "engine", "precision", "params_hash", "data_hash", "model_sha256", "host")


@dataclass(frozen=True)
class Record:
    """One measured row with everything that belongs to it.

    `run` is what run.json holds: run_id, row, params, versions, host, per_class. `files` are the files behind it, as
    (folder under which MLflow keeps it, path on this disk); of people who may not be shared, what tells of nobody.
    """

    run: dict[str, Any]
    files: tuple[tuple[str, Path], ...]
    measured: Mapping[str, Any] = field(default_factory=dict)  # the row as the benchmark's report has it

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def row(self) -> dict[str, Any]:
        return dict(self.run["row"])


@dataclass(frozen=True)
class Update:
    """The board after a merge, and the lines that a user should see."""

    board: pd.DataFrame
    lines: tuple[str, ...]


def main_root(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The clone whose board people look at: `root` itself, or the clone of which `root` is DVC's temporary copy.

    EDGEBOARD_HOME overrides it.
    """
    home = environ.get("EDGEBOARD_HOME")
    if home:
        if not Path(home).is_dir():
            raise EdgeboardError("EDGEBOARD_HOME is not a folder", value=home, mend="correct the variable or unset it")
        return Path(home).resolve()
    parts = root.resolve().parts
    for index in range(1, len(parts) - len(_DVC_COPIES) + 1):
        if parts[index : index + len(_DVC_COPIES)] == _DVC_COPIES:
            return Path(*parts[:index])
    return root.resolve()


def experiment_name(environ: Mapping[str, str] = os.environ) -> str:
    """The name that DVC gave to the experiment, or `workspace` outside of one."""
    return environ.get("DVC_EXP_NAME") or WORKSPACE


def measured_tasks(root: Path) -> list[str]:
    """The tasks that have a benchmark report."""
    return sorted(path.stem for path in (root / BENCHMARK_FOLDER).glob("*.json"))


def read_records(root: Path, tasks: Sequence[str]) -> list[Record]:
    """What the benchmark and explain stages left for `tasks`, one record per measured row.

    Raises EdgeboardError for a report that is missing or lacks a part.
    """
    return [record for task in tasks for record in _task_records(root, task)]


def update_board(root: Path, records: Sequence[Record], experiment: str, weights: Mapping[str, float]) -> Update:
    """Merge the records into the main clone's board, rank it anew, and keep what a row needs to be looked at later.

    Rows of other experiments stay. In DVC's copy the merged board is written there too, since DVC expects the file.
    Safe to call from several processes at once.
    """
    from pipeline.ranking import rank_board  # pandas is needed from here on only

    main = main_root(root)
    with board_lock(main):
        path = main / BOARD_FILE
        old, lines = _read_or_set_aside(path)
        rows = [
            record.row | {"experiment": experiment, "run_id": record.run_id} | _archive(main, root, record)
            for record in _not_yet_named(records, old, experiment)
        ]
        board = rank_board(merge(old, board_frame(rows)), weights)
        write_board(path, board)
        if main != root.resolve():
            write_board(root / BOARD_FILE, board)
        _prune_runs(main, set(board["run_id"]))
    return Update(board, tuple(lines))


def merge(board: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """The board with the new rows in it.

    A re-run replaces its own rows. That includes rows of variants that its recipes no longer name: whatever the same
    experiment said before about the same task, target and host is outdated. All other rows stay.
    """
    import pandas as pd

    scope = ["experiment", "task", "target", "host"]
    renewed = pd.MultiIndex.from_frame(board[scope]).isin(pd.MultiIndex.from_frame(new[scope]))
    kept = board[~renewed]
    # concat would guess the kind of an empty board's columns
    filled = [part for part in (kept, new) if not part.empty]
    merged = pd.concat(filled, ignore_index=True) if filled else new
    return merged.drop_duplicates(list(KEY_COLUMNS), keep="last").reset_index(drop=True)


@contextlib.contextmanager
def board_lock(main: Path) -> Iterator[None]:
    """Hold the board of a clone: parallel experiments must not write over each other's rows."""
    folder = main / ".edgeboard"
    with writing_errors(folder):
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / "board.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def experiments_of_runs(board_path: Path) -> dict[str, list[str]]:
    """run_id -> the experiments under which the board lists it. Reads without pandas, which is slow to load."""
    found: dict[str, list[str]] = {}
    try:
        with board_path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            for row in csv.DictReader(line.replace("\0", "") for line in file):
                run_id, experiment = row.get("run_id"), row.get("experiment")
                if run_id and experiment:
                    found.setdefault(run_id, []).append(experiment)
    except FileNotFoundError:
        pass
    return found


def _task_records(root: Path, task: str) -> Iterator[Record]:
    benchmark = root / BENCHMARK_FOLDER / f"{task}.json"
    explain = root / EXPLAIN_FOLDER / task / "report.json"
    report = read_json(benchmark, made_by=f"dvc repro benchmark@{task}")
    explained = read_json(explain, made_by=f"dvc repro explain@{task}") if explain.exists() else {}
    needed = ("rows", "params_hash", "data_hash", "host")
    missing = [name for name in needed if not isinstance(report, dict) or name not in report]
    if missing or "name" not in report["host"] or any("variant" not in row for row in report["rows"]):
        raise EdgeboardError(
            "A benchmark report lacks a part",
            where=benchmark,
            value=f"without {', '.join(missing) or 'the name of the host or of a variant'}",
            mend=f"run `dvc repro --force benchmark@{task}`",
        )
    for measured in report["rows"]:
        yield make_record(root, task, report, measured, explained, benchmark, explain)


def make_record(
    root: Path,
    task: str,
    report: Mapping[str, Any],
    measured: Mapping[str, Any],
    explained: Mapping[str, Any],
    benchmark: Path,
    explain: Path,
) -> Record:
    xai = explained.get("variants", {}).get(measured["variant"], {})
    host = report["host"]
    row = {column.name: measured.get(column.name) for column in COLUMNS}
    row |= {name: report.get(name) for name in ("git_commit", "git_dirty", "params_hash", "data_hash", "created_at")}
    row |= {"data": _data_name(report, task)}
    row |= {"task": task, "host": f"{host['name']} [{host['id']}]" if host.get("id") else host["name"]}
    row |= {name: xai.get(name) for name in ("xai_faithfulness", "xai_drift")}
    for unset in ("experiment", "run_id", "explanation", "pareto", "rank"):
        del row[unset]

    identity = {name: row[name] for name in _IDENTITY}
    numbers = {c.name: row[c.name] for c in COLUMNS if c.kind in ("int", "float") and c.name in row}
    run = {
        "run_id": sha256_json([identity, numbers])[:12],
        "row": row,
        "params": report.get("params", {}),
        "versions": report.get("versions", {}),
        "host": host,
        "per_class": measured.get("per_class") or {},
        "model_file": measured.get("model_file"),
        "explanation": _explanation(explained, xai),
    }
    files = [("benchmark", benchmark), ("explanation", explain)]
    for folder, name in (("model", measured.get("model_file")), ("explanation", xai.get("sheet"))):
        if name:
            files.append((folder, inside(root, name)))
    files += _model_files(root, task, measured)
    pictures = root / BENCHMARK_FOLDER / task
    files += [("benchmark", path) for path in sorted(pictures.glob(f"{glob.escape(measured['variant'])}.*"))]
    # As it was when the row was measured: nobody whose face was private becomes public by a later params.yaml.
    is_shared = may_share_people(report.get("params", {}).get("data", {}).get(task, {}))
    kept = [(kind, path) for kind, path in files if path.is_file() and (is_shared or tells_of_nobody(kind, path))]
    return Record(run, tuple(kept), measured)


def _explanation(explained: Mapping[str, Any], xai: Mapping[str, Any]) -> dict[str, Any]:
    """What the board tells beside the two columns: how far the last step moved the maps, and what methods are worth."""
    if not xai.get("methods"):
        return {}
    return {
        "method": explained.get("method"),
        "moved": xai.get("moved"),
        "methods": {
            name: {"title": one["title"], "flagged": one["randomisation"].get("flagged")}
            for name, one in explained.get("methods", {}).items()
            if "why_not" not in xai["methods"].get(name, {})
        },
    }


def _model_files(root: Path, task: str, measured: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """What lies around the measured file: what ships in its place, the files for other engines, their proof, and the
    artifact they came from.

    The int8 graphs in an artifact are left out, for the exported files are copies of them.
    """
    if not measured.get("model_file"):
        return []
    model = inside(root, str(measured["model_file"]))
    around = {*model.parent.glob("*.onnx"), inside(root, str(measured.get("ships") or measured["model_file"]))}
    found = [("model", path) for path in sorted(around - {model})]
    proof = root / EXPORTS_FOLDER / task / "report.json"
    if not proof.is_file():
        return found
    found.append(("export", proof))
    exported = read_json(proof).get("variants", {}).get(measured["variant"], {})
    if exported.get("artifact"):
        artifact = inside(root, str(exported["artifact"]))
        found += [("artifact", artifact / name) for name in ("meta.json", "report.json", "weights.safetensors")]
    return found


def _data_name(report: Mapping[str, Any], task: str) -> str:
    """What people call the data: `synthetic`, or the name of the folder without the way to it."""
    return Path(report.get("params", {}).get("data", {}).get(task, {}).get("source") or "").name


def inside(root: Path, name: str) -> Path:
    """The path that a report names, refused when it leads out of the project."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise EdgeboardError("A report names a file outside the project", where=root, value=name)
    return path


def _not_yet_named(records: Sequence[Record], old: pd.DataFrame, experiment: str) -> list[Record]:
    """Leave out what already stands on the board under the name of the experiment that measured it.

    After `dvc exp run` the workspace *is* that experiment; a later plain `dvc repro` measures nothing and must not
    list the same run a second time as `workspace`.
    """
    if experiment != WORKSPACE:
        return list(records)
    named = set(old.loc[old["experiment"] != WORKSPACE, "run_id"])
    return [record for record in records if record.run_id not in named]


def _read_or_set_aside(path: Path) -> tuple[pd.DataFrame, list[str]]:
    try:
        read = read_board(path)
    except EdgeboardError as error:
        aside = set_aside(path)
        return board_frame([]), [f"{error.what} ({error.value}); it was set aside as {aside} and a new one was begun"]
    lines = [f"{path.name}: {warning}" for warning in read.warnings]
    if read.lost_rows:
        lines.append(f"the file as it was is kept as {set_aside(path, copy=True)}")
    return read.frame, lines


def _archive(main: Path, root: Path, record: Record) -> dict[str, str]:
    """Keep run.json, the evidence and the small pictures of a row. Returns the columns that point to them."""
    from pipeline.evidence import EVIDENCE_FILE, collect_evidence

    folder = main / RUNS_FOLDER / record.run_id
    sheets = [path for kind, path in record.files if kind == "explanation" and path.suffix != ".json"]
    with replacing_folder(folder) as temporary:
        write_json(temporary / "run.json", record.run)
        evidence = collect_evidence(root / BENCHMARK_FOLDER, record.row["task"], record.measured)
        if evidence:
            write_json(temporary / EVIDENCE_FILE, evidence)
        for sheet in sheets:
            shutil.copyfile(sheet, temporary / f"explanation{sheet.suffix}")
    relative = folder.relative_to(main / "results")
    return {"explanation": f"{relative.as_posix()}/explanation{sheets[0].suffix}" if sheets else ""}


def _prune_runs(main: Path, referenced: set[str]) -> None:
    """Remove the runs that no row points to, unless a broken board lies aside that may still point to them."""
    if any((main / BOARD_FILE).parent.glob(f"{BOARD_FILE.name}.broken-*")):
        return
    for folder in (main / RUNS_FOLDER).glob("*"):
        if RUN_ID.fullmatch(folder.name) and folder.name not in referenced:
            shutil.rmtree(folder, ignore_errors=True)
