"""The rows to hold against: a board file, or the board of a Git revision."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from pipeline.board_sources.experiments import board_of_revision, experiments, git
from pipeline.errors import EdgeboardError
from pipeline.report import BOARD_FILE, read_board


def read_base(base: str, root: Path) -> pd.DataFrame:
    """The rows of `base`: the path of a board file or of a results folder, else a Git revision or experiment's name.

    Raises EdgeboardError where it is neither, or holds no row: an empty base would let everything through.
    """
    path = Path(base)
    if path.is_dir():
        path = next((one for one in (path / BOARD_FILE, path / BOARD_FILE.name) if one.is_file()), path / BOARD_FILE)
    if path.exists():
        rows = read_board(path).frame
    elif path.suffix == ".csv" or "\0" in base:
        raise EdgeboardError("The board to compare with is missing", where=base)
    else:
        rows = _of_revision(base, root)
    if rows.empty:
        raise EdgeboardError("The board to compare with has no rows", where=base)
    return rows


def _of_revision(revision: str, root: Path) -> pd.DataFrame:
    # A revision is a name, never an option of Git's.
    commit = None if revision.startswith("-") else _commit(root, revision)
    if commit is None:
        raise EdgeboardError(
            "There is neither such a file nor such a Git revision",
            value=revision,
            allowed="a leaderboard.csv, a folder with one, a commit, a branch, or a DVC experiment",
        )
    tracked = git(root, "show", f"{commit}:{BOARD_FILE.as_posix()}")
    if tracked is not None:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / BOARD_FILE.name
            copy.write_text(tracked, encoding="utf-8")
            return read_board(copy).frame
    rows, missing = board_of_revision(root, commit)
    if rows.empty:
        reason = f"the results of {', '.join(missing)} are not in DVC's cache" if missing else "its dvc.lock has none"
        raise EdgeboardError(
            "This revision's rows are not here",
            where=revision,
            value=reason,
            mend="`dvc pull` brings them; or keep that commit's leaderboard.csv and name the file",
        )
    return rows


def _commit(root: Path, revision: str) -> str | None:
    """The commit of a revision, or of the newest DVC experiment of that name."""
    found = git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return found.strip() if found else dict(experiments(root)).get(revision)
