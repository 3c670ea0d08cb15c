import json
import subprocess
import sys

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.board import read_records, update_board
from pipeline.ranking import rank_board
from pipeline.report import MARK, board_frame, write_board
from tests.leaderboard.samples import (
    REPOSITORY,
    VARIANTS,
    WEIGHTS,
    big_board,
    measured_row,
    measured_rows,
    write_results,
)


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEBOARD_RESULTS", str(tmp_path / "results"))
    (tmp_path / "results").mkdir()

    def run():
        at = AppTest.from_file(str(REPOSITORY / "leaderboard" / "app.py"), default_timeout=60).run()
        assert not at.exception
        return at

    return run


def _measure(root, experiment="workspace", **report):
    write_results(root, **report)
    update_board(root, read_records(root, ["fire"]), experiment, WEIGHTS)


def test_a_board(page, tmp_path):
    _measure(tmp_path)
    at = page()
    assert at.title[0].value == "Edgeboard"
    table = at.dataframe[0].value
    assert table["variant"].tolist()[0] == "compact"
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert table["front"].tolist().count("◆") == 4
    assert "Where compact" in at.subheader[1].value
    assert "git commit:   0123456789abcdef" in at.code[0].value
    assert "torch 2.15.0" in at.code[0].value
    assert at.code[1].value.splitlines()[-1] == "dvc repro benchmark@fire"
    assert len(at.get("image")) == 5
    assert len(at.get("arrow_vega_lite_chart")) + len(at.get("vega_lite_chart")) == 1


def test_another_row_shows_where_that_one_comes_from(page, tmp_path):
    _measure(tmp_path)
    at = page()
    key = at.dataframe[0].key
    at.session_state[key] = {"selection": {"rows": [4], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    assert f"Where {at.dataframe[0].value['variant'].iloc[4]}" in at.subheader[1].value


def _choose(at, row):
    at.session_state[at.dataframe[0].key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    at.run()
    assert not at.exception


def test_a_marked_row_tells_why_when_it_is_chosen(page, tmp_path):
    words = "slower than distilled: 0.83× [0.80, 0.86]; *bigger* than distilled: 2.32 MB against 2.10 MB"
    _measure(tmp_path, rows=[measured_row(name, warning=words if name == "quantized" else "") for name in VARIANTS])
    at = page()
    shown = at.dataframe[0].value
    assert dict(zip(shown["variant"], shown["mark"], strict=True)) == {
        name: MARK if name == "quantized" else "" for name in VARIANTS
    }
    assert not at.warning  # the best one is chosen at first, and it is not marked
    _choose(at, shown["variant"].tolist().index("quantized"))
    (said,) = at.warning
    assert said.value.replace("\\", "") == f"quantized: {words}"
    assert "\\*bigger\\*" in said.value
    _choose(at, shown["variant"].tolist().index("pruned"))
    assert not at.warning


def test_the_mark_is_explained_without_a_click(page, tmp_path):
    _measure(tmp_path)
    at = page()
    assert f"{MARK} costs more" in at.caption[1].value


def test_thirty_recipes(page, tmp_path):
    write_results(tmp_path, rows=measured_rows(30))
    sheets = {row["variant"]: {"sheet": "results/explain/fire/compact.png"} for row in measured_rows(30)}
    (tmp_path / "results" / "explain" / "fire" / "report.json").write_text(json.dumps({"variants": sheets}))
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    at = page()
    shown = at.dataframe[0].value
    assert shown["rank"].tolist() == list(range(1, 32))
    assert shown["mark"].tolist().count(MARK) == 10
    assert len(at.get("image")) == 31
    (rest,) = [box for box in at.expander if box.label == "25 more"]
    assert len(rest.get("image")) == 25
    _choose(at, 20)
    # The first sheet is that of the chosen row.
    assert at.text[0].value.startswith(shown["variant"].iloc[20])


def test_filtering_by_experiment(page, tmp_path):
    _measure(tmp_path)
    _measure(tmp_path, "puffy", params_hash="11" * 32)
    at = page()
    assert len(at.dataframe[0].value) == 10
    at.multiselect(key="experiments").select("puffy").run()
    assert not at.exception
    assert len(at.dataframe[0].value) == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "There are no results yet", id="missing"),
        pytest.param(b"", "The board is empty", id="0 bytes"),
        pytest.param(b"task,variant\n", "The board is empty", id="header only"),
        pytest.param(b"\x89PNG\0", "cannot be shown", id="not a CSV"),
        pytest.param(b'task,variant\nfire,"a', "cannot be shown", id="cut short"),
    ],
)
def test_no_board_is_a_message(page, tmp_path, content, says):
    if content is not None:
        (tmp_path / "results" / "leaderboard.csv").write_bytes(content)
    at = page()
    assert says in " ".join(box.value for box in [*at.info, *at.error])
    assert not at.dataframe


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("task,variant\nfire,compact\n", id="nothing but names"),
        pytest.param("task,variant,accuracy,fps,size_mb\nfire,a,nan,inf,-1\nfire,b,2,0,0\n", id="no usable number"),
        pytest.param("task,variant,accuracy,fps,size_mb,rank\nfire,a,.9,10,1,1\n", id="one row"),
        pytest.param("task,variant,explanation,run_id\nfire,a,../../etc/passwd,../../x\n", id="paths that lead out"),
    ],
)
def test_a_poor_board_is_shown(page, tmp_path, content):
    (tmp_path / "results" / "leaderboard.csv").write_text(content)
    at = page()
    assert len(at.dataframe[0].value) == len(content.splitlines()) - 1
    assert at.expander[0].label.startswith("Cleaned while reading")


def test_names_are_text(page, tmp_path):
    rows = [big_board(1)[0] | {"variant": "<script>alert(1)</script>", "experiment": "**x** :red[y]"}]
    write_board(tmp_path / "results" / "leaderboard.csv", rank_board(board_frame(rows), WEIGHTS))
    at = page()
    assert at.dataframe[0].value["variant"].tolist() == ["<script>alert(1)</script>"]
    assert "<script>" not in at.subheader[1].value.replace("\\<", "").replace("\\>", "")
    assert "\\*\\*x" in at.subheader[1].value


def test_ten_thousand_rows(page, tmp_path):
    rows = rank_board(board_frame(big_board(10_000, tasks=("fire",))), WEIGHTS)
    write_board(tmp_path / "results" / "leaderboard.csv", rows)
    at = page()
    assert "10,000 rows" in at.caption[1].value
    assert "2,000 of 10,000 points are drawn" in at.caption[2].value


def test_the_page_loads_neither_torch_nor_mlflow():
    script = "import runpy, sys; runpy.run_path('leaderboard/app.py'); print({'torch', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
