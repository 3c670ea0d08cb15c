import base64
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from leaderboard.chart_texts import chart_texts
from leaderboard.charts import front_of_two, plottable, spaced, trade_off_chart
from leaderboard.columns import column_config
from leaderboard.provenance import (
    artifacts,
    inside,
    measured_model,
    provenance,
    read_kept_evidence,
    read_picture,
    read_run,
    reproduce_commands,
    run_folder,
    thumbnail,
)
from leaderboard.ranked import MAY_BE, ON_FRONT, rank_rows
from leaderboard.reference import reference
from leaderboard.table import (
    Filters,
    all_steps,
    default_weights,
    display_frame,
    escape_markdown,
    filter_rows,
    intervals,
    labels,
    load_board,
    rank_ranges,
    row_ids,
    steps_of,
)
from leaderboard.wording import wording
from pipeline.files import sha256_file
from pipeline.ranking import rank_board
from pipeline.report import MARK, board_frame, write_board
from tests.leaderboard.samples import SLOWER, VARIANTS, WEIGHTS, big_board, measured_row, measured_rows, png

WORDS = wording("en")


def _loaded(tmp_path, rows):
    named = [{"task": "fire", "experiment": "workspace", "host": "h"} | row for row in rows]
    write_board(tmp_path / "leaderboard.csv", rank_board(board_frame(named), WEIGHTS))
    return load_board(tmp_path)


def _far_behind():
    return measured_row("baseline", accuracy=0.5, accuracy_low=0.45, accuracy_high=0.55)


def _ranked(tmp_path, rows):
    return rank_rows(_loaded(tmp_path, rows).board, WEIGHTS).rows


@pytest.mark.parametrize(
    ("content", "state"),
    [(None, "missing"), (b"", "empty"), (b"task,variant\n", "empty"), (b"\0\1\2", "broken"), (b"a\n1\n", "broken")],
)
def test_states_of_the_file(tmp_path, content, state):
    if content is not None:
        (tmp_path / "leaderboard.csv").write_bytes(content)
    assert load_board(tmp_path).state == state


def test_an_older_file_is_shown_with_what_it_has(tmp_path):
    (tmp_path / "leaderboard.csv").write_text("variant,task,accuracy\ncompact,fire,0.9\n")
    loaded = load_board(tmp_path)
    assert loaded.state == "ok"
    assert "does not have" in loaded.messages[0]
    assert display_frame(rank_rows(loaded.board, WEIGHTS).rows)["accuracy"].tolist() == [0.9]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (Filters(), 400),
        (Filters(task="face"), 100),
        (Filters(task="face", experiments=["exp-0003", "exp-0005"]), 10),
        (Filters(task="face", variants=["compact"]), 20),
        (Filters(task="face", steps=["prune"]), 60),
        (Filters(task="face", steps=["prune", "quantize"]), 20),
        (Filters(task="face", places=["elsewhere"]), 0),
        (Filters(targets=["local"]), 400),
        (Filters(sources=["this clone"]), 400),
        (Filters(since="2026-01-05", until="2026-01-05"), 400),
        (Filters(since="2026-01-06"), 0),
        (Filters(until="2026-01-04"), 0),
    ],
)
def test_filters(tmp_path, filters, count):
    assert len(filter_rows(_loaded(tmp_path, big_board(400)).board, filters)) == count


@pytest.mark.parametrize(
    ("recipe", "steps"),
    [
        ("train", []),
        ("", []),
        ("train>prune@ratio=0.7,scope=global>share_weights", ["prune", "share_weights"]),
        ("train>>quantize", ["quantize"]),
    ],
)
def test_steps_of_a_recipe(recipe, steps):
    assert steps_of(recipe) == steps
    assert all_steps(pd.DataFrame({"recipe": [recipe, recipe]})) == steps


def test_rows_that_cannot_be_told_apart_share_a_rank(tmp_path):
    rows = [_far_behind(), measured_row("compact"), measured_row("compact") | {"variant": "twin"}]
    ranked = _ranked(tmp_path, rows)
    assert dict(zip(ranked["variant"], rank_ranges(ranked), strict=True)) == {
        "compact": "1–2",
        "twin": "1–2",
        "baseline": "3",
    }
    assert ranked["rank"].tolist() == [1, 1, 3]


def test_machines_are_ranked_apart(tmp_path):
    rows = [row | {"host": host} for row in (_far_behind(), measured_row("compact")) for host in ("slow", "fast")]
    found = rank_rows(_loaded(tmp_path, rows).board, WEIGHTS)
    assert found.groups == 2
    assert found.rows["rank"].tolist() == [1, 1, 2, 2]
    assert found.rows["host"].tolist() == ["fast", "slow", "fast", "slow"]


def test_the_front_is_that_of_what_is_shown(tmp_path):
    board = _loaded(tmp_path, [measured_row(name) for name in VARIANTS]).board
    signs = rank_rows(board, WEIGHTS).rows.set_index("variant")["front"]
    assert signs["compact"] == ON_FRONT
    # Pruned is bigger, slower and seems less accurate than compact, but the intervals of 2 % leave that open.
    assert signs["pruned"] == MAY_BE or signs["pruned"] == ON_FRONT
    alone = rank_rows(board[board["variant"] == "pruned"], WEIGHTS).rows
    assert alone["front"].tolist() == [ON_FRONT]
    far = _loaded(tmp_path, [measured_row("compact"), _far_behind()]).board
    assert rank_rows(far, WEIGHTS).rows["front"].tolist() == [ON_FRONT, ""]


def test_the_experiment_leads_only_where_there_are_several(tmp_path):
    several = display_frame(_ranked(tmp_path, big_board(40)))
    assert list(several.columns)[:6] == ["rank", "rank_range", "variant", "experiment", "accuracy", "front"]
    one = display_frame(_ranked(tmp_path, big_board(5)))
    assert list(one.columns).index("experiment") > list(one.columns).index("xai_drift")


def test_marked_rows_have_a_sign(tmp_path):
    shown = display_frame(_ranked(tmp_path, [measured_row("baseline"), measured_row("compact", warning=SLOWER)]))
    assert dict(zip(shown["variant"], shown["mark"], strict=True)) == {"baseline": "", "compact": MARK}
    # A column of nothing would only take room.
    assert "mark" not in display_frame(_ranked(tmp_path, [measured_row("baseline")]))


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("names", [["a"], ["a", "a-name-of-forty-letters-which-is-the-longest"]])
def test_every_column_of_the_table_is_described(tmp_path, names, language):
    rows = [measured_row("compact") | {"variant": n, "experiment": n, "host": n} for n in names]
    ranked = _ranked(tmp_path, rows)
    shown = display_frame(ranked, pictures=[""] * len(ranked))
    config = column_config(ranked, wording(language))
    assert set(shown.columns) <= set(config)
    assert (config["variant"]["width"] > 200) is (len(names) > 1)
    assert MARK in config["mark"]["help"]


def test_links_lead_to_the_row_whatever_its_task_is_called(tmp_path):
    ranked = _ranked(tmp_path, [measured_row("compact", task="a&b=<c>") | {"task": "a&b=<c>"}])
    (link,) = display_frame(ranked)["link"]
    assert link == f"/model?task=a%26b%3D%3Cc%3E&row={ranked['row_id'].iloc[0]}"


def test_rows_have_short_names_that_stay_and_labels_that_are_unique(tmp_path):
    board = _loaded(tmp_path, big_board(400)).board
    assert board["row_id"].is_unique
    assert row_ids(board.iloc[::-1]).tolist() == board["row_id"].tolist()[::-1]
    twice = pd.concat([board, board.assign(precision="fp16", row_id=board["row_id"].str[::-1])], ignore_index=True)
    assert labels(twice).is_unique
    assert labels(board.head(5)).tolist() == [f"{name} · exp-0000" for name in board["variant"].head(5)]


def test_intervals():
    rows = pd.DataFrame({"accuracy_low": [0.911, None], "accuracy_high": [0.958, 0.9], "n_test": [360, None]})
    rows["n_test"] = rows["n_test"].astype("Int64")
    assert intervals(rows).tolist() == ["91.1–95.8 % (n=360)", ""]


def test_markdown_is_escaped():
    assert escape_markdown("<b>*a*_b_ :red[x] $y$") == "\\<b\\>\\*a\\*\\_b\\_ \\:red\\[x\\] \\$y\\$"


@pytest.mark.parametrize(
    ("content", "weights"),
    [
        (None, WEIGHTS),
        ("leaderboard: {weights: {accuracy: 1, size: 0, fps: 3}}", {"accuracy": 1.0, "size": 0.0, "fps": 3.0}),
        ("leaderboard: {weights: {accuracy: 0, size: 0, fps: 0}}", WEIGHTS),
        ("leaderboard: {weights: {accuracy: .inf, size: 0, fps: 0}}", WEIGHTS),
        ("leaderboard: {weights: {accuracy: x, size: 0, fps: 0}}", WEIGHTS),
        ("leaderboard: 3", WEIGHTS),
        ("a: [", WEIGHTS),
    ],
)
def test_the_weights_at_first_are_those_of_params(tmp_path, content, weights):
    if content is not None:
        (tmp_path / "params.yaml").write_text(content)
    assert default_weights(tmp_path / "results") == weights


def test_the_chart_samples_what_it_cannot_draw_and_keeps_the_front(tmp_path):
    ranked = _ranked(tmp_path, big_board(4000, tasks=("fire",)))
    points, complete = plottable(ranked, limit=500)
    assert (len(points), complete) == (500, 4000)
    assert points["pareto"].sum() == ranked["pareto"].sum()
    assert points.index.tolist() == plottable(ranked, limit=500)[0].index.tolist()


def test_rows_that_cannot_be_drawn_are_left_out(tmp_path):
    ranked = _ranked(tmp_path, [row | {"fps": 0} for row in big_board(5)] + big_board(10)[5:])
    assert len(plottable(ranked)[0]) == 5
    assert plottable(ranked.head(0))[1] == 0


@pytest.mark.parametrize("count", [1, 5, 400])
@pytest.mark.parametrize(("x", "y"), [("fps", "accuracy"), ("size_mb", "accuracy"), ("speedup", "accuracy")])
def test_the_chart_tells_the_front_by_shape(tmp_path, count, x, y):
    ranked = _ranked(tmp_path, big_board(count))
    points = plottable(ranked)[0]
    chart = trade_off_chart(points, chart_texts(points), WORDS, x, y, reference().of("fire")).to_dict()
    shapes = [layer["encoding"]["shape"] for layer in chart["layer"] if "shape" in layer["encoding"]]
    assert shapes[0]["scale"]["range"] == ["diamond", "triangle-up", "circle"]
    assert "diamonds" in chart["description"]
    dotted = [layer for layer in chart["layer"] if "strokeDash" in layer["mark"]]
    assert len(dotted) == 1


@pytest.mark.parametrize(("recipes", "told"), [(6, "variant"), (7, "precision"), (30, "precision")])
def test_no_colour_of_the_chart_stands_for_two_variants(tmp_path, recipes, told):
    ranked = _ranked(tmp_path, measured_rows(recipes))
    chart = trade_off_chart(plottable(ranked)[0], chart_texts(ranked), WORDS).to_dict()
    coloured = [layer["encoding"]["color"] for layer in chart["layer"] if "color" in layer["encoding"]]
    assert {colour["field"] for colour in coloured} == {told}
    assert len(ranked[told].unique()) <= len(coloured[0]["scale"]["range"])


@pytest.mark.parametrize(
    ("x", "front"),
    [("fps", [("a", 10, 0.9), ("b", 20, 0.8)]), ("size_mb", [("c", 1, 0.7), ("b", 2, 0.8), ("a", 3, 0.9)])],
)
def test_the_front_that_is_drawn_is_that_of_the_two_axes(x, front):
    points = pd.DataFrame(
        {"variant": list("abc"), "fps": [10, 20, 15], "size_mb": [3, 2, 1], "accuracy": [0.9, 0.8, 0.7]}
    )
    found = front_of_two(points, x, "accuracy")
    assert list(zip(found["variant"], found[x], found["accuracy"], strict=True)) == front


def test_names_in_the_chart_do_not_lie_on_each_other():
    points = pd.DataFrame({"fps": [10, 10.1, 100], "accuracy": [0.9, 0.9, 0.5], "rank": [2, 1, 3]})
    assert spaced(points, "fps", "accuracy")["rank"].tolist() == [1, 3]


def test_the_workshops_figures_say_where_they_are_from():
    figures = reference().of("fire")
    assert figures[["kind", "accuracy", "size_mb", "fps"]].values.tolist() == [
        ["baseline", 0.9822, 61, 10],
        ["compressed", 0.9872, 8, 24],
    ]
    assert figures["speedup"].tolist() == [1.0, 2.4]
    assert "not measured here" in reference().source
    assert reference().of("another").empty


def test_ten_thousand_rows_load_and_are_ranked(tmp_path):
    board = _loaded(tmp_path, big_board(10_000)).board
    rows = filter_rows(board, Filters(task="fire"))
    found = rank_rows(rows, WEIGHTS)
    assert len(found.rows) == 2500
    assert not found.pairwise
    assert len(display_frame(found.rows)) == 2500


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "", "a\0b", "link.png", "absent.png", "runs"])
def test_nothing_outside_the_results_is_opened(tmp_path, name):
    results = tmp_path / "results"
    (results / "runs").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(png(4, 4))
    (results / "link.png").symlink_to(tmp_path / "secret.png")
    assert inside(results, name) is None
    assert read_picture(results, name) is None


@pytest.mark.parametrize("data", [b"", b"text", png(40, 40)[:60]], ids=["0 bytes", "text", "cut short"])
def test_a_picture_that_is_none_is_left_out(tmp_path, data):
    (tmp_path / "good.png").write_bytes(png(4, 4))
    assert read_picture(tmp_path, "good.png") == png(4, 4)
    (tmp_path / "bad.png").write_bytes(data)
    assert read_picture(tmp_path, "bad.png") is None


@pytest.mark.parametrize("data", [b"", b"text"])
def test_a_thumbnail_is_small_or_absent(tmp_path, data):
    (tmp_path / "bad.png").write_bytes(data)
    assert thumbnail(tmp_path, "bad.png") == ""
    (tmp_path / "good.png").write_bytes(png(900, 600))
    small = thumbnail(tmp_path, "good.png")
    assert small.startswith("data:image/jpeg;base64,")
    assert len(small) < 8000


def test_a_thumbnail_of_a_sheet_is_its_first_maps(tmp_path):
    sheet = Image.new("RGB", (450, 900), "white")
    sheet.paste("red", (150, 55, 450, 155))
    sheet.save(tmp_path / "sheet.png")
    small = base64.b64decode(thumbnail(tmp_path, "sheet.png").split(",")[1])
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.size == (300, 100)
        (red, _), (_, green), _ = picture.getextrema()
    assert red > 245
    assert green < 10


RUN = {"run_id": "0123456789ab"}


@pytest.mark.parametrize("content", [None, "{", "[1]"])
def test_a_run_that_is_not_kept(tmp_path, content):
    folder = tmp_path / "runs" / RUN["run_id"]
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "run.json").write_text(content)
    for row in (RUN, {"run_id": "../0123456789"}, {"run_id": ""}, {}):
        assert read_run(tmp_path, row) == {}
    (folder / "run.json").write_text(json.dumps({"params": {"seed": 7}}))
    assert read_run(tmp_path, RUN) == {"params": {"seed": 7}}


def test_a_run_of_another_source_is_found(tmp_path):
    folder = tmp_path / "sources" / "mlflow" / "runs" / RUN["run_id"]
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    assert run_folder(tmp_path, RUN) == folder


def test_a_run_folder_that_leads_elsewhere_is_refused(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "run.json").write_text("{}")
    results = tmp_path / "results"
    (results / "runs").mkdir(parents=True)
    (results / "runs" / RUN["run_id"]).symlink_to(outside)
    assert run_folder(results, RUN) is None


def test_a_file_of_a_run_that_leads_elsewhere_is_refused(tmp_path):
    _, results = _project(tmp_path)
    evidence = tmp_path / "evidence.json"
    evidence.write_text('{"n": 1}')
    (results / "runs" / RUN["run_id"] / "evidence.json").symlink_to(evidence)
    assert read_kept_evidence(results, RUN) == {}
    assert [one.name for one in artifacts(results, RUN | {"task": "fire", "variant": "x"}, {})] == ["run.json"]


def _project(tmp_path, content=b"onnx"):
    model = tmp_path / "exports" / "fire" / "compact" / "model.onnx"
    model.parent.mkdir(parents=True)
    model.write_bytes(content)
    folder = tmp_path / "results" / "runs" / RUN["run_id"]
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    return model, tmp_path / "results"


def test_the_files_of_a_row(tmp_path):
    model, results = _project(tmp_path)
    row = RUN | {"task": "fire", "variant": "compact", "model_sha256": sha256_file(model)}
    found = artifacts(results, row, {"model_file": "exports/fire/compact/model.onnx"})
    assert [(one.name, one.path, one.size_bytes) for one in found] == [
        ("fire-compact.onnx", model, 4),
        ("run.json", results / "runs" / RUN["run_id"] / "run.json", 2),
    ]
    assert artifacts(results, {"task": "fire", "variant": "x", "run_id": ""}, {}) == []


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("exports/fire/compact/model.onnx", "0" * 64),
        ("exports/fire/compact/model.onnx", ""),
        ("exports/../secret", None),
        ("secret", None),
        ("/etc/passwd", None),
        ("exports/link", None),
        ("", None),
        ("a\0b", None),
    ],
)
def test_no_file_but_the_measured_model_is_given(tmp_path, name, sha256):
    model, results = _project(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "exports" / "link").symlink_to(secret)
    true = sha256_file(Path("/etc/passwd") if name.startswith("/etc") else secret)
    row = RUN | {"model_sha256": true if sha256 is None else sha256}
    assert measured_model(results, row, {"model_file": name}) is None
    assert measured_model(results, RUN | {"model_sha256": sha256_file(model)}, {"model_file": str(model)}) == model


def test_provenance_says_what_is_not_known():
    facts = provenance({"git_commit": "abc", "git_dirty": True, "note": ""}, {"versions": {"torch": "2.15.0"}})
    assert facts["git_commit"] == "abc"
    assert facts["versions"] == "torch 2.15.0"
    assert facts["git_dirty"] == "yes"
    assert facts["data_hash"] == ""
    for language in ("en", "fr"):
        assert all(wording(language).has(f"fact.{name}") for name in facts)


@pytest.mark.parametrize(
    ("row", "commands"),
    [
        (
            {"task": "fire", "git_commit": "ab", "experiment": "workspace"},
            ["git checkout ab", "dvc repro benchmark@fire"],
        ),
        (
            {"task": "fire", "git_commit": "ab", "experiment": "x; rm -rf ~"},
            ["git checkout ab", "dvc exp apply 'x; rm -rf ~'", "dvc repro benchmark@fire"],
        ),
        ({"task": "fire"}, ["# the commit was not recorded", "dvc repro benchmark@fire"]),
    ],
)
def test_how_to_get_a_row_again(row, commands):
    assert reproduce_commands(row).splitlines() == commands


@pytest.mark.parametrize("name", ["first.csv", "with_warnings.csv"])
def test_boards_that_earlier_versions_wrote_can_still_be_read(tmp_path, name):
    old = Path(__file__).with_name("old_boards") / name
    (tmp_path / "leaderboard.csv").write_bytes(old.read_bytes())
    loaded = load_board(tmp_path)
    assert loaded.state == "ok"
    assert len(loaded.board) == 3
    shown = display_frame(rank_rows(loaded.board, WEIGHTS).rows)
    assert shown["accuracy"].notna().all()
    assert shown["rank"].tolist()[0] == 1
