import subprocess
import sys

import numpy as np
import pytest

from pipeline.errors import EdgeboardError
from pipeline.gate.base import read_base
from pipeline.gate.budget import Budget, Tolerance, read_budget
from pipeline.gate.compare import compare_boards
from pipeline.report import board_frame, write_board
from tests.leaderboard.samples import REPOSITORY, measured_row


def _row(variant="compact", **changes):
    common = {
        "task": "fire",
        "experiment": "workspace",
        "data_hash": "d",
        "created_at": "2026-01-01",
        "run_id": "a" * 12,
    }
    row = measured_row(variant) | common | changes
    del row["model_file"], row["per_class"]
    return row


def _failed(now, before, budget=None, decided=None):
    rows = board_frame(now), board_frame(before)
    return [(one.measure, one.verdict) for one in compare_boards(*rows, budget or Budget(), decided) if one.fails]


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        pytest.param({}, [], id="nothing changed"),
        pytest.param({"accuracy": 0.93, "accuracy_low": 0.90, "accuracy_high": 0.95}, [], id="fell within it"),
        pytest.param(
            {"accuracy": 0.70, "accuracy_low": 0.65, "accuracy_high": 0.75}, [("accuracy", "worse")], id="surely fell"
        ),
        pytest.param(
            {"accuracy": None, "accuracy_low": None, "accuracy_high": None}, [("accuracy", "missing")], id="gone"
        ),
        pytest.param({"size_mb": 2.31 * 1.05}, [], id="size at the tolerance"),
        pytest.param({"size_mb": 2.31 * 1.06}, [("size_mb", "worse")], id="size beyond it"),
        pytest.param({"size_mb": 1.0, "speedup": 99.0}, [], id="better"),
        pytest.param({"speedup": 4.7, "speedup_low": 4.6, "speedup_high": 4.8}, [], id="speed-up within its tolerance"),
        pytest.param(
            {"speedup": 4.0, "speedup_low": 3.9, "speedup_high": 4.1}, [("speedup", "worse")], id="speed-up beyond it"
        ),
        pytest.param({"speedup": 4.0, "speedup_low": 2.0, "speedup_high": 6.0}, [], id="beyond it, but not surely"),
        pytest.param({"fps": 1.0, "host": "slow"}, [], id="another machine's FPS says nothing"),
        pytest.param({"size_mb": None}, [("size_mb", "missing")], id="size not measured any more"),
        pytest.param({"precision": "fp32"}, [("row", "missing")], id="another row"),
    ],
)
def test_what_lets_a_row_through(changes, failed):
    assert _failed([_row(**changes)], [_row()]) == failed


def test_a_fall_that_intervals_leave_open_is_seen_in_paired_decisions():
    before = np.ones(400, dtype=bool)
    before[:60] = False
    now = before.copy()
    now[60:80] = False
    rows = [
        _row(run_id=run, accuracy=bits.mean(), accuracy_low=bits.mean() - 0.036, accuracy_high=bits.mean() + 0.036)
        for run, bits in (("a" * 12, now), ("b" * 12, before))
    ]
    assert _failed(rows[:1], rows[1:]) == []
    decided = {"a" * 12: ("f", now), "b" * 12: ("f", before)}
    assert _failed(rows[:1], rows[1:], decided=decided) == [("accuracy", "worse")]
    assert _failed(rows[:1], rows[1:], Budget(Tolerance(accuracy=0.1)), decided) == []


def test_other_test_data_are_compared_by_intervals_only():
    assert _failed([_row(data_hash="e", accuracy=0.92, accuracy_high=0.94)], [_row()]) == []
    low = _row(data_hash="e", accuracy=0.8, accuracy_low=0.78, accuracy_high=0.82)
    assert _failed([low], [_row()]) == [("accuracy", "worse")]


def test_the_newest_row_counts():
    older, newer = _row(size_mb=99.0), _row(created_at="2026-01-02", experiment="exp")
    assert _failed([older, newer], [_row()]) == []
    assert _failed([older], [newer]) == [("size_mb", "worse")]


def test_a_new_row_is_told_and_lets_through():
    findings = compare_boards(board_frame([_row(), _row("pruned")]), board_frame([_row()]), Budget())
    assert ("fire · pruned · local · onnxruntime · fp32", "new") in [(one.name, one.verdict) for one in findings]
    assert not any(one.fails for one in findings)


@pytest.mark.parametrize(
    ("limits", "failed"),
    [
        ({"fire": {"accuracy_min": 0.9, "size_mb_max": 3, "speedup_min": 5}}, []),
        ({"fire": {"accuracy_min": 0.95}}, [("accuracy", "worse")]),
        ({"*": {"fps_min": 400}}, [("fps", "worse")]),
        ({"*": {"fps_min": 400}, "fire": {"fps_min": 300}}, []),
        ({"face": {"fps_min": 400}}, []),
        (
            {"fire": {"latency_ms_p50_max": 3.0, "memory_mb_max": 100}},
            [("latency_ms_p50", "worse"), ("memory_mb", "worse")],
        ),
    ],
)
def test_limits_without_a_base(limits, failed):
    findings = compare_boards(board_frame([_row()]), None, Budget(limits=limits))
    assert [(one.measure, one.verdict) for one in findings if one.fails] == failed


def test_a_limit_on_what_was_not_measured_fails():
    findings = compare_boards(board_frame([_row(fps=None)]), None, Budget(limits={"*": {"fps_min": 1}}))
    assert [(one.measure, one.verdict) for one in findings] == [("fps", "missing")]


def test_a_budget_file(tmp_path):
    path = tmp_path / "budget.yaml"
    path.write_text(
        "tolerance: {accuracy: 0.01, size: 0}\nvariants: [compact]\n"
        "limits: {fire: {size_mb_max: 8}, '*': {fps_min: 20}}\n"
    )
    budget = read_budget(path)
    assert budget.tolerance == Tolerance(0.01, 0.0, 0.10)
    assert budget.limits_of("fire") == {"size_mb_max": 8.0, "fps_min": 20.0}
    assert budget.variants == ("compact",)
    path.write_text("")
    assert read_budget(path) == Budget()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "missing", id="no file"),
        pytest.param("a: [", "cannot be read", id="no YAML"),
        pytest.param("- 1", "not a mapping", id="a list"),
        pytest.param("tolerances: {size: 1}", "did you mean tolerance", id="a key that is none"),
        pytest.param("tolerance: {accurcy: 0.1}", "did you mean accuracy", id="a tolerance that is none"),
        pytest.param("limits: {fire: {size_mb: 1}}", "did you mean size_mb_max", id="a limit that is none"),
        pytest.param("tolerance: {size: -1}", "number of the budget is none", id="negative"),
        pytest.param("tolerance: {size: much}", "number of the budget is none", id="words"),
        pytest.param("tolerance: {size: true}", "number of the budget is none", id="truth"),
        pytest.param("tolerance: {size: .nan}", "number of the budget is none", id="NaN"),
        pytest.param("limits: {fire: 3}", "not a mapping", id="a limit without a name"),
        pytest.param("variants: compact", "list of names", id="variants as a word"),
    ],
)
def test_a_budget_that_is_none_is_refused(tmp_path, content, says):
    path = tmp_path / "budget.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EdgeboardError) as refused:
        read_budget(path)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("absent.csv", "is missing"),
        ("no-such-revision", "neither such a file nor such a Git revision"),
        ("--help", "neither such a file nor such a Git revision"),
        ("empty.csv", "has no rows"),
        ("broken.csv", "cannot be read"),
        ("a\0.csv", "is missing"),
    ],
)
def test_a_base_that_is_none_is_refused(tmp_path, base, says):
    (tmp_path / "empty.csv").write_text("task,variant\n")
    (tmp_path / "broken.csv").write_bytes(b"\0\1")
    name = str(tmp_path / base) if (tmp_path / base.replace("\0", "")).exists() else base
    with pytest.raises(EdgeboardError) as refused:
        read_base(name, tmp_path)
    assert says in str(refused.value)


def test_a_base_from_a_file_a_folder_and_a_revision(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    path = tmp_path / "results" / "leaderboard.csv"
    write_board(path, board_frame([_row()]))
    git("init", "-q")
    git("add", "-f", "results/leaderboard.csv")
    git("commit", "-q", "-m", "rows")
    for base in (str(path), str(tmp_path), str(path.parent), "HEAD"):
        assert read_base(base, tmp_path)["variant"].tolist() == ["compact"]


@pytest.mark.slow
def test_the_command(tmp_path):
    def gate(*arguments):
        command = [sys.executable, "-m", "stages.gate", *arguments]
        environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    write_board(tmp_path / "results" / "leaderboard.csv", board_frame([_row("compact", size_mb=9.0)]))
    write_board(tmp_path / "base.csv", board_frame([_row("compact"), _row("compact") | {"variant": "[red]x[/red]"}]))
    fell = gate("base.csv")
    assert fell.returncode == 1, fell.stderr
    assert "✗ worse" in fell.stdout
    assert "[red]x[/red]" in fell.stdout
    assert "2 of 4 checks are fine." in fell.stdout
    (tmp_path / "budget.yaml").write_text("tolerance: {size: 5}\nvariants: [compact]\n")
    assert gate("base.csv", "--budget", "budget.yaml").returncode == 0
    twice, other_task = ["base.csv", "base.csv"], ["base.csv", "--tasks", "face"]
    for wrong in ([], ["absent.csv"], twice, other_task, ["--budget", "budget.yaml"]):
        refused = gate(*wrong)
        assert refused.returncode == 2, refused.stdout
        assert refused.stderr.startswith("\nError: ")
