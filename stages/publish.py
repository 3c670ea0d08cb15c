"""results/, exports/ -> MLflow. Runs at every `dvc repro` and is quick when there is nothing to send."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.tracking import prepare_store, publish
from stages.entry import stage_main


def main() -> None:
    """Send every row that MLflow does not have yet. With --init only make the local MLflow store."""
    for line in publish(Path.cwd()):
        print(line)


def init() -> None:
    """Make the local MLflow store."""
    print(prepare_store(Path.cwd()))


if __name__ == "__main__":
    if sys.argv[1:] == ["--init"]:
        sys.argv.pop()
        stage_main(init)()
    else:
        stage_main(main)()
