"""What each compression step gained: a row against the row that its recipe went on from, in the same run."""

from __future__ import annotations

import pandas as pd

from leaderboard.table import steps_of

_OF_RUN = ["task", "experiment", "params_hash", "data_hash", "target", "engine", "host", "created_at"]


def step_gains(rows: pd.DataFrame, everything: pd.DataFrame | None = None) -> pd.DataFrame:
    """One line per row that was made from another: step, variant, input, and the change that the step made.

    accuracy: difference as a fraction; size, memory: new over old, below 1 is smaller; speed: new over old FPS of the
    same run. everything: where the inputs are looked for, `rows` if not given. An input that a newer run replaced is
    not used, for its numbers are of another run.
    """
    pool = rows if everything is None else everything
    columns = [*_OF_RUN, "variant", "recipe", "accuracy", "size_mb", "fps", "memory_mb"]
    before = pool[columns].drop_duplicates([*_OF_RUN, "variant"]).rename(columns={"variant": "input"})
    paired = rows[rows["input"] != ""].merge(before, on=[*_OF_RUN, "input"], suffixes=("", "_before"))
    if paired.empty:
        return pd.DataFrame(columns=["step", "variant", "input", "accuracy", "size", "speed", "memory", "warning"])
    steps = [
        _added(str(recipe), str(earlier))
        for recipe, earlier in zip(paired["recipe"], paired["recipe_before"], strict=True)
    ]
    gains = pd.DataFrame(
        {
            "step": steps,
            "variant": paired["variant"],
            "input": paired["input"],
            "accuracy": paired["accuracy"] - paired["accuracy_before"],
            "size": _ratio(paired, "size_mb"),
            "speed": _ratio(paired, "fps"),
            "memory": _ratio(paired, "memory_mb"),
            "warning": paired["warning"],
            "experiment": paired["experiment"],
        }
    )
    return gains.sort_values(["step", "variant"], kind="stable").reset_index(drop=True)


def by_step(gains: pd.DataFrame) -> pd.DataFrame:
    """The median change of each step, and over how many rows."""
    grouped = gains.groupby("step", sort=False)
    summary = grouped[["accuracy", "size", "speed", "memory"]].median()
    return summary.assign(n=grouped.size()).reset_index()


def _added(recipe: str, earlier: str) -> str:
    """The steps that `recipe` has more than `earlier`; all of them where it did not go on from there."""
    steps, before = steps_of(recipe), steps_of(earlier)
    added = steps[len(before) :] if steps[: len(before)] == before else steps
    return " + ".join(added or steps)


def _ratio(paired: pd.DataFrame, name: str) -> pd.Series:
    old = paired[f"{name}_before"]
    return (paired[name] / old.where(old > 0)).astype(float)
