"""What a pipeline that ran under DVC left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

VARIANTS = ["baseline", "compact", "distilled", "pruned", "quantized"]


def board(repository: Path) -> pd.DataFrame:
    return pd.read_csv(repository / "results" / "leaderboard.csv")


def lock(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "dvc.lock").read_text())["stages"]
