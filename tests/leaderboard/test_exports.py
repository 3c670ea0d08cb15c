import csv
import io

import pytest

from leaderboard.exports import to_csv, to_latex, to_markdown
from leaderboard.ranked import rank_rows
from leaderboard.snapshot import snapshot
from leaderboard.table import load_board
from leaderboard.wording import wording
from pipeline.board import read_records, update_board
from pipeline.report import board_frame, write_board
from tests.leaderboard.samples import WEIGHTS, measured_row, write_results

ENGLISH = wording("en")
EVIL = "<script>alert(1)</script>"


def _ranked(tmp_path, rows):
    named = [{"task": "fire", "experiment": "workspace"} | row for row in rows]
    write_board(tmp_path / "leaderboard.csv", board_frame(named))
    return rank_rows(load_board(tmp_path).board, WEIGHTS).rows


@pytest.mark.parametrize(
    "name",
    ["=cmd()", "=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://x")'],
)
def test_a_spreadsheet_runs_nothing(tmp_path, name):
    rows = _ranked(tmp_path, [measured_row("compact")]).assign(variant=name, note=name, experiment=name)
    (found,) = csv.DictReader(io.StringIO(to_csv(rows)))
    for column in ("variant", "note", "experiment"):
        assert found[column] == "'" + name.replace("\r", " ").replace("\n", " ")


def test_numbers_stay_numbers_in_the_csv(tmp_path):
    delta = {"accuracy_delta": -0.0125, "accuracy_delta_low": -0.03, "accuracy_delta_high": 0.01}
    (found,) = csv.DictReader(io.StringIO(to_csv(_ranked(tmp_path, [measured_row("compact", **delta)]))))
    assert float(found["accuracy_delta"]) == -0.0125
    assert float(found["accuracy"]) == 0.9389
    assert "row_id" not in found


def test_columns_of_others_are_made_harmless_too(tmp_path):
    (tmp_path / "leaderboard.csv").write_text('task,variant,"=cmd()"\nfire,a,=x\n')
    rows = rank_rows(load_board(tmp_path).board, WEIGHTS).rows
    header = to_csv(rows).splitlines()[0]
    assert "'=cmd()" in header
    assert ",=cmd()" not in header


def test_markdown_in_the_courses_form(tmp_path):
    rows = _ranked(tmp_path, [measured_row("compact"), measured_row("baseline", accuracy=None, fps=None)])
    assert to_markdown(rows, ENGLISH).splitlines() == [
        "| Model | Frame size | Accuracy | Size \\(MB\\) | FPS | Rank |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| compact \\(int8\\) | 112 × 112 | 93.89 % \\(91.1–95.8\\) | 2.31 | 318.7 | 1 |",
        "| baseline \\(fp32\\) | 112 × 112 |  | 44.70 |  |  |",
    ]


@pytest.mark.parametrize("name", [EVIL, "a|b", "[x](http://y)", "`c`", "a\nb", "![p](q)"])
def test_names_are_text_in_markdown(tmp_path, name):
    rows = _ranked(tmp_path, [measured_row("compact") | {"variant": name}])
    lines = to_markdown(rows, ENGLISH).splitlines()
    assert len(lines) == 3
    assert "<script>" not in lines[2]
    assert lines[2].replace("\\|", "").count("|") == 7
    assert "](" not in lines[2]


def test_latex_in_the_courses_form(tmp_path):
    rows = _ranked(tmp_path, [measured_row("compact") | {"variant": r"a_b & 50% #1 {x} \input{/etc/passwd} $y$ ^~"}])
    text = to_latex(rows, ENGLISH)
    assert r"Model & Frame size & Accuracy & Size (MB) & FPS & Rank \\" in text
    (line,) = [line for line in text.splitlines() if "112" in line]
    assert line.startswith(r"a\_b \& 50\% \#1 \{x\} \textbackslash{}input\{/etc/passwd\} \$y\$ ")
    assert line.endswith(r"& 112 $\times$ 112 & 93.89 \% (91.1–95.8) & 2.31 & 318.7 & 1 \\")
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == 1


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_snapshot_is_one_file_that_loads_nothing_and_runs_nothing(tmp_path, language):
    write_results(tmp_path)
    update_board(tmp_path, read_records(tmp_path, ["fire"]), EVIL, WEIGHTS)
    results = tmp_path / "results"
    rows = rank_rows(load_board(results).board, WEIGHTS).rows
    rows = rows.assign(variant=[EVIL, *rows["variant"].iloc[1:]], note='"><img src=x onerror=alert(1)>')
    html = snapshot(rows, results, wording(language), "fire")
    assert f'<html lang="{language}">' in html
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html.replace("&gt;", "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    # Pictures lie inside, and nothing else is named that a browser would fetch.
    assert html.count('src="data:image/png;base64,') == 5
    assert "src=x" not in html.replace("&quot;&gt;&lt;img src=x", "")
    assert "http://" not in html
    assert "https://" not in html
    assert html.count("<tr>") == 6


@pytest.mark.parametrize("row", [measured_row("compact"), measured_row("compact", fps=None), {"variant": "bare"}])
def test_a_snapshot_of_little(tmp_path, row):
    rows = _ranked(tmp_path, [row | {"task": "fire"}])
    html = snapshot(rows, tmp_path, ENGLISH, "fire")
    assert html.count("<tr>") == 2
    assert "nan" not in html
    assert "&lt;NA&gt;" not in html


def _run(monkeypatch, folder, *arguments):
    from stages.snapshot import main

    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["snapshot", *arguments])
    main()


def test_the_command_writes_a_page(tmp_path, monkeypatch, capsys):
    write_results(tmp_path)
    update_board(tmp_path, read_records(tmp_path, ["fire"]), "workspace", WEIGHTS)
    _run(monkeypatch, tmp_path, "page.html", "--task", "fire", "--language", "fr")
    assert "5 rows" in capsys.readouterr().out
    assert '<html lang="fr">' in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "There is no board to show"),
        (["--language", "de"], "There is no such language"),
        (["--task", "face"], "The board has no row of this task"),
    ],
)
def test_a_command_without_rows_writes_nothing(tmp_path, monkeypatch, capsys, arguments, says):
    if arguments:
        write_board(tmp_path / "results" / "leaderboard.csv", board_frame([measured_row("compact") | {"task": "fire"}]))
    with pytest.raises(SystemExit) as ended:
        _run(monkeypatch, tmp_path, "page.html", *arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
