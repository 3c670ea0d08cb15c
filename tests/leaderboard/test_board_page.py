import json
import shutil
import subprocess
import sys
import tomllib

import pytest

from leaderboard.wording import LANGUAGES, wording
from pipeline.board import read_records, update_board
from pipeline.ranking import rank_board
from pipeline.report import MARK, board_frame, write_board
from tests.leaderboard.conftest import turn_to
from tests.leaderboard.samples import (
    REPOSITORY,
    VARIANTS,
    WEIGHTS,
    big_board,
    measured_row,
    measured_rows,
    write_results,
)

PAGES = ("overview", "trade_offs", "compare", "model", "methods", "about")


def _measure(root, experiment="workspace", **report):
    write_results(root, **report)
    update_board(root, read_records(root, ["fire"]), experiment, WEIGHTS)


def _address(at, key):
    """What stands in the address for a key; AppTest gives one value bare and several as a list."""
    values = at.query_params[key]
    return values if isinstance(values, list) else [values]


def _texts(at):
    boxes = [*at.title, *at.subheader, *at.caption, *at.markdown, *at.text, *at.info, *at.warning, *at.code]
    return "\n".join(str(box.value) for box in boxes)


def test_the_overview(page, tmp_path):
    _measure(tmp_path)
    at = page()
    assert at.title[0].value == "Edgeboard"
    table = at.dataframe[0].value
    assert table["variant"].tolist()[0] == "compact"
    assert table["rank"].is_monotonic_increasing
    assert table["rank_range"].str.fullmatch(r"\d(–\d)?").all()
    assert "5 rows" in _texts(at)
    assert "tick" in _texts(at).lower()
    assert "Accuracy is top\\-1." in _texts(at)
    assert table["picture"].str.startswith("data:image/jpeg").all()
    assert [button.proto.label for button in at.get("download_button")] == ["CSV", "Markdown", "LaTeX", "HTML"]


def test_the_trade_offs(page, tmp_path):
    _measure(tmp_path)
    at = page("trade_offs")
    assert len(at.get("arrow_vega_lite_chart")) + len(at.get("vega_lite_chart")) == 1
    assert "dotted" in _texts(at).lower()
    assert [box.label for box in at.selectbox][1:] == ["Task", "Across", "Up"]
    # The words are for people, the address holds the names.
    assert at.selectbox[2].options == ["Speed-up", "FPS", "Size (MB)"]
    at.selectbox[2].select("size_mb").run()
    assert _address(at, "x") == ["size_mb"]
    assert page("trade_offs", x="fps").selectbox[2].value == "fps"
    assert page("trade_offs", x="nonsense").selectbox[2].value == "speedup"


def test_comparing(page, tmp_path):
    _measure(tmp_path)
    at = page("compare")
    assert at.multiselect(key="rows").value == ["baseline · workspace", "compact · workspace"]
    table = at.dataframe[0].value
    assert table.loc[table["Measure"] == "Size (MB)"].iloc[0, 3] == "0.05×"
    headings = [box.value for box in at.subheader]
    assert headings == ["Classes", "What the models look at", "Parameters that differ"]
    assert len(at.get("image")) == 2
    assert "All parameters are the same." in _texts(at)
    at.multiselect(key="rows").set_value(["compact · workspace"]).run()
    assert not at.exception
    assert "Choose at least two rows." in _texts(at)


def test_comparing_two_experiments_shows_what_was_set_otherwise(page, tmp_path):
    _measure(tmp_path)
    _measure(tmp_path, "puffy", params_hash="11" * 32, params={"seed": 7, "compress": {"ratio": 0.5}})
    at = page("compare", rows=["compact · workspace", "compact · puffy"])
    differing = at.dataframe[-1].value.set_index("Option")
    assert differing.loc["compress.ratio"].tolist() == ["0.8", "0.5"]


def test_one_model(page, tmp_path):
    _measure(tmp_path)
    overview = page()
    row = overview.dataframe[0].value.set_index("variant").loc["quantized", "link"].split("row=")[1]
    at = page("model", row=row)
    assert at.selectbox(key="row widget").value == "quantized · workspace"
    assert at.metric[0].value == "94.17 %"
    facts = at.code[0].value
    assert "git commit: 0123456789abcdef0123456789abcdef01234567" in facts
    assert "torch 2.15.0" in facts
    assert f"data hash: {'c4' * 32}" in facts
    commands = [box.value for box in at.code if "dvc repro" in box.value]
    assert commands[0].splitlines()[-1] == "dvc repro benchmark@fire"
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels[0].startswith("fire\\-quantized\\.onnx")
    assert len(at.get("image")) == 1
    assert "live" not in _texts(at), "of another task's networks"


def test_a_network_of_clips_says_what_its_live_form_does(page, tmp_path):
    told = {"clips_per_s": 41.25, "live_agreement": 1.0, "live_agreement_running": 0.9089}
    rows = [measured_row("baseline", "movement", **told), measured_row("pruned", "movement")]
    write_results(tmp_path, "movement", ["baseline", "pruned"], rows=rows)
    update_board(tmp_path, read_records(tmp_path, ["movement"]), "workspace", WEIGHTS)
    at = page("model")
    at.selectbox(key="row widget").select("baseline · workspace").run()
    numbers = _texts(at)
    assert "Whole clips/s: 41.2" in numbers
    assert "Live = clip form, stream starts with the clip: 100.00 %" in numbers
    assert "Live = clip form, stream runs on: 90.89 %" in numbers
    at.selectbox(key="row widget").select("pruned · workspace").run()
    (absent,) = [box.value for box in at.caption if box.value.startswith("Not measured")]
    assert "Whole clips/s" in absent
    assert "mAP" not in absent, "nothing of the task has it"


def test_a_link_to_a_row_that_the_filters_leave_out_still_opens(page, tmp_path):
    _measure(tmp_path)
    row = page().dataframe[0].value.set_index("variant").loc["pruned", "link"].split("row=")[1]
    at = page("model", row=row, variant=["compact"])
    assert "outside of the filters" in _texts(at)
    assert "pruned" in at.subheader[0].value
    assert "not on the board any more" in _texts(page("model", row="0123456789"))
    assert "not on the board any more" in _texts(page("model", row="../../etc/passwd"))


def test_choosing_another_model_changes_the_address(page, tmp_path):
    _measure(tmp_path)
    at = page("model")
    before = _address(at, "row")
    at.selectbox(key="row widget").select("pruned · workspace").run()
    assert not at.exception
    assert _address(at, "row") != before
    at.selectbox(key="row widget").select("baseline · workspace").run()
    assert at.selectbox(key="row widget").value == "baseline · workspace"


def test_methods(page, tmp_path):
    _measure(tmp_path)
    at = page("methods")
    assert at.dataframe[0].value["step"].tolist() == ["distill", "prune", "quantize"]
    assert len(at.dataframe[1].value) == 4
    assert len(at.get("arrow_vega_lite_chart")) + len(at.get("vega_lite_chart")) == 1


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_page_in_every_language_shows_no_raw_key(page, tmp_path, language):
    _measure(tmp_path)
    words = wording(LANGUAGES[language])
    at = page(lang=language)
    for name in PAGES:
        turn_to(at, name)
        assert at.title[0].value == ("Edgeboard" if name == "overview" else words(f"page.{name}"))
        said = _texts(at)
        assert [key for key in words.keys if f" {key} " in f" {said} "] == []
        assert "{" not in said.replace("{'", "")


def test_faces_have_no_picture_anywhere(page, tmp_path):
    write_results(tmp_path, "face")
    shutil.rmtree(tmp_path / "results" / "explain")  # as the stage leaves it where data.face.share is false
    update_board(tmp_path, read_records(tmp_path, ["face"]), "workspace", WEIGHTS)
    at = page()
    assert "picture" not in at.dataframe[0].value
    for name in ("model", "compare"):
        assert not turn_to(at, name).get("image")
    assert "data.face.share" in _texts(turn_to(at, "model"))
    assert not list((tmp_path / "results").rglob("*.png"))


def test_the_page_is_for_this_machine_and_errors_show_no_internals():
    config = tomllib.loads((REPOSITORY / "leaderboard" / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "127.0.0.1"
    assert config["client"]["showErrorDetails"] == "none"


def test_about_needs_no_board(page):
    at = page("about")
    assert "50%" in _texts(at)
    assert not at.error


def test_a_marked_row_tells_why_on_its_page(page, tmp_path):
    words = "slower than distilled: 0.83× [0.80, 0.86]; *bigger* than distilled: 2.32 MB against 2.10 MB"
    _measure(tmp_path, rows=[measured_row(name, warning=words if name == "quantized" else "") for name in VARIANTS])
    shown = page().dataframe[0].value.set_index("variant")
    assert shown["mark"].to_dict() == {name: MARK if name == "quantized" else "" for name in shown.index}
    (said,) = page("model", row=shown.loc["quantized", "link"].split("row=")[1]).warning
    assert said.value.replace("\\", "") == f"quantized: {words}"
    assert "\\*bigger\\*" in said.value
    assert not page("model", row=shown.loc["pruned", "link"].split("row=")[1]).warning


def test_ticked_rows_can_be_opened_and_compared(page, tmp_path):
    _measure(tmp_path)
    at = page()
    at.session_state[at.dataframe[0].key] = {"selection": {"rows": [0, 2], "columns": [], "cells": []}}
    at.run()
    assert not at.exception
    assert len(at.get("page_link")) == 2


def test_thirty_recipes(page, tmp_path):
    write_results(tmp_path, rows=measured_rows(30))
    sheets = {row["variant"]: {"sheet": "results/explain/fire/compact.png"} for row in measured_rows(30)}
    (tmp_path / "results" / "explain" / "fire" / "report.json").write_text(json.dumps({"variants": sheets}))
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    shown = page().dataframe[0].value
    assert len(shown) == 31
    assert shown["mark"].tolist().count(MARK) == 10


def test_filters_stand_in_the_address(page, tmp_path):
    _measure(tmp_path)
    _measure(tmp_path, "puffy", params_hash="11" * 32)
    at = page()
    assert len(at.dataframe[0].value) == 10
    at.multiselect(key="experiment").select("puffy").run()
    assert not at.exception
    assert len(at.dataframe[0].value) == 5
    linked = page(experiment=["puffy"], step=["quantize"])
    assert sorted(linked.dataframe[0].value["variant"]) == ["compact", "quantized"]
    # An address that names what is not there shows all that is.
    assert len(page(experiment=["gone"]).dataframe[0].value) == 10


def test_filtering_by_date(page, tmp_path):
    _measure(tmp_path)
    _measure(tmp_path, "puffy", params_hash="11" * 32, created_at="2026-02-01T00:00:00+00:00")
    assert len(page().dataframe[0].value) == 10
    since = page(since="2026-01-20").dataframe[0].value
    assert set(since["experiment"]) == {"puffy"}
    assert len(page(until="2026-01-20").dataframe[0].value) == 5
    assert len(page(since="yesterday").dataframe[0].value) == 10


def test_the_weights_change_the_ranks(page, tmp_path):
    _measure(tmp_path)
    assert page(weigh_size="100", weigh_fps="0", weigh_accuracy="0").dataframe[0].value["variant"].iloc[0] == "compact"
    biggest = page(weigh_size="0", weigh_fps="0", weigh_accuracy="100").dataframe[0].value
    assert biggest["variant"].iloc[0] == "baseline"
    nothing = page(weigh_size="0", weigh_fps="0", weigh_accuracy="0")
    assert "must count" in _texts(nothing)


def test_machines_are_told_apart(page, tmp_path):
    _measure(tmp_path)
    _measure(tmp_path, host={"id": "ffff", "name": "Other"})
    at = page()
    assert "each ranked apart" in _texts(at)
    assert at.dataframe[0].value["place"].nunique() == 2
    across = page("trade_offs").selectbox[2].options
    assert across == ["Speed-up", "Size (MB)"]


def test_rows_from_elsewhere_stand_beside_those_of_this_clone(page, tmp_path):
    from pipeline.board_sources.store import Found, write_source

    _measure(tmp_path)
    records = read_records(tmp_path, ["fire"])
    others = [
        Found(record.run | {"run_id": f"{i:012x}", "row": record.row | {"host": "theirs"}}, "exp", "MLflow http://x")
        for i, record in enumerate(records)
    ]
    write_source(tmp_path, "mlflow", [*others, Found(records[0].run, "workspace", "MLflow http://x")])
    shown = page().dataframe[0].value
    assert len(shown) == 10
    assert shown["source"].value_counts().to_dict() == {"this clone": 5, "MLflow http://x": 5}


def test_names_are_text(page, tmp_path):
    rows = [big_board(1)[0] | {"variant": "<script>alert(1)</script>", "experiment": "**x** :red[y]", "warning": "<b>"}]
    write_board(tmp_path / "results" / "leaderboard.csv", rank_board(board_frame(rows), WEIGHTS))
    assert page().dataframe[0].value["variant"].tolist() == ["<script>alert(1)</script>"]
    at = page("model")
    (warning,) = at.warning
    assert "\\<script\\>" in warning.value
    assert "<b>" not in warning.value


def test_ten_thousand_rows(page, tmp_path):
    rows = rank_board(board_frame(big_board(10_000, tasks=("fire",))), WEIGHTS)
    write_board(tmp_path / "results" / "leaderboard.csv", rows)
    assert "10,000 rows" in _texts(page())
    assert "2,000 of 10,000 points are drawn" in _texts(page("trade_offs"))


def test_the_page_loads_neither_torch_nor_mlflow():
    script = "import runpy, sys; runpy.run_path('leaderboard/app.py'); print({'torch', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr
