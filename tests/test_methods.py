"""The comparison's table and picture, from rows that look like the board's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from pipeline.errors import EdgeboardError
from pipeline.methods import draw, markdown, methods_table
from pipeline.report import board_frame

GROUPS = {"no compression": ["baseline"], "pruned": ["block-50", "filter-50"]}


def board(*variants: str) -> pd.DataFrame:
    rows = [
        {
            "task": "fire", "variant": name, "recipe": "train" if name == "baseline" else f"train>{name}",
            "accuracy": 0.9 - i / 10, "accuracy_low": 0.8 - i / 10, "accuracy_high": 0.95, "accuracy_delta": -i / 10,
            "accuracy_delta_low": -i / 10 - 0.1, "accuracy_delta_high": -i / 10 + 0.1, "n_test": 50,
            "size_mb": 44.7 / (i + 1), "size_compressed_mb": 41.0 / (i + 1), "params": 100, "nonzero": 90, "macs": 5e8,
            "memory_mb": 167.0, "latency_ms_p50": 5.0, "fps": 200.0, "speedup": 1.0 + i, "speedup_low": 0.9 + i,
            "speedup_high": 1.1 + i, "warning": "slower than baseline: 0.83× [0.80, 0.86]" if i == 2 else "",
        }
        for i, name in enumerate(variants)
    ]  # fmt: skip
    return board_frame(rows)


def test_rows_come_in_the_order_of_the_groups_whatever_that_of_the_board() -> None:
    table = methods_table(board("baseline", "filter-50", "block-50", "unasked"), GROUPS)
    assert list(table["variant"]) == ["baseline", "block-50", "filter-50"]
    assert list(table["group"]) == ["no compression", "pruned", "pruned"]


def test_a_method_that_was_not_measured_is_named() -> None:
    with pytest.raises(EdgeboardError, match="filter-50"):
        methods_table(board("baseline", "block-50"), GROUPS)


def test_the_markdown_has_a_line_per_method_with_intervals_and_marks() -> None:
    text = markdown(methods_table(board("baseline", "block-50", "filter-50"), GROUPS))
    lines = text.splitlines()
    assert len(lines) == 2 + 1 + 1 + 2, "a heading only for a group of several"
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "| baseline | 0.900 [0.800, 0.950] | – | 44.70 | 41.00 | 167 | 500 | 5.00 | 1× |" in lines
    assert "-0.100 [-0.200, +0.000]" in text
    assert [line.split(" |")[0] for line in lines if "⚠" in line] == ["| filter-50 ⚠"]


def test_the_picture_shows_every_method(tmp_path: Path) -> None:
    table = methods_table(board("baseline", "block-50", "filter-50"), GROUPS)
    draw(table, tmp_path / "one.png", "fire")
    draw(table, tmp_path / "two.png", "fire")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    names = [f"m{i}" for i in range(30)]
    many = pd.concat([board("baseline"), *(board(name) for name in names)])
    taller = methods_table(many, {"a": ["baseline"], "b": names})
    draw(taller, tmp_path / "tall.png", "fire")
    with Image.open(tmp_path / "one.png") as small, Image.open(tmp_path / "tall.png") as tall:
        assert tall.height > small.height + 300
