"""`make methods`: compare the methods of stages/methods.yaml as an experiment; write one table and one picture.

The rows also go to the board, under the name of the experiment. The workspace stays as it is: DVC works in a copy, and
what is already there (data, baseline) comes from its cache.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from pipeline.board import BOARD_FILE
from pipeline.errors import EdgeboardError
from pipeline.files import replacing_file
from stages.entry import stage_main

EXPERIMENT = "methods"
LIST = Path(__file__).with_name("methods.yaml")
OUT = Path("results", "methods")


@stage_main
def main(task: str, *overrides: str) -> None:
    """Measure every method of stages/methods.yaml on a task; more overrides of params.yaml may follow, as for -S."""
    wanted = yaml.safe_load(LIST.read_text(encoding="utf-8"))
    settings = [f"{key}={hydra_value(value)}" for key, value in wanted["overrides"].items()]
    recipes = [
        f"+compress.recipes.{name}={hydra_value(steps)}"
        for group in wanted["groups"].values()
        for name, steps in group.items()
        if steps
    ]
    changes = [*settings, f"tasks=[{task}]", *recipes, *(absolute_source(one) for one in overrides)]
    command = [sys.executable, "-m", "dvc", "exp", "run", "--temp", "-f", "-n", EXPERIMENT]
    done = subprocess.run([*command, *(part for change in changes for part in ("-S", change))], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    write_results(task, {name: list(group) for name, group in wanted["groups"].items()})


def write_results(task: str, groups: dict[str, list[str]]) -> None:
    """results/methods/<task>.csv, .md and .png from the board's newest rows of the experiment."""
    from pipeline.methods import draw, markdown, methods_table
    from pipeline.report import read_board

    board = read_board(BOARD_FILE).frame
    rows = board[(board["experiment"] == EXPERIMENT) & (board["task"] == task)]
    if rows.empty:
        raise EdgeboardError(
            "The board has no row of this comparison", where=BOARD_FILE, mend=f"make methods TASK={task}"
        )
    newest = rows[rows["host"] == rows.sort_values("created_at")["host"].iloc[-1]]
    table = methods_table(newest, groups)
    OUT.mkdir(parents=True, exist_ok=True)
    with replacing_file(OUT / f"{task}.csv") as temporary:
        table.to_csv(temporary, index=False)
    text = markdown(table)
    with replacing_file(OUT / f"{task}.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    n_test, data = int(table["n_test"].iloc[0]), newest["data"].iloc[0]
    draw(table, OUT / f"{task}.png", f"{task}: compression methods, {n_test} test frames ({data}), timed in turn")
    print(f"{text}\nWritten: {OUT}/{task}.csv, .md and .png; the rows are on the board as experiment {EXPERIMENT}")


def absolute_source(change: str) -> str:
    """`data.fire.source=photos` with the folder's whole path, since DVC's copy lies elsewhere."""
    key, _, value = change.partition("=")
    is_folder = key.startswith("data.") and key.endswith("source") and Path(value).is_dir()
    return f"{key}={Path(value).resolve()}" if is_folder else change


def hydra_value(value: Any) -> str:
    """A value of YAML in the grammar of -S."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{hydra_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(hydra_value(one) for one in value) + "]"
    if isinstance(value, str):
        return value if value.replace("_", "").isalnum() else json.dumps(value)
    return json.dumps(value)


if __name__ == "__main__":
    main()
