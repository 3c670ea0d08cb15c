import pandas as pd
import pytest

from leaderboard.compare import difference_text, numbers_table, parameters_that_differ, parts, shown
from leaderboard.compare_charts import (
    LIMIT,
    confusion_chart,
    gains_chart,
    latency_chart,
    latency_frame,
    per_class_chart,
    per_class_frame,
)
from leaderboard.gains import by_step, step_gains
from leaderboard.wording import wording
from pipeline.report import board_frame
from tests.leaderboard.samples import VARIANTS, measured_row

WORDS = wording("en")


def _rows(*variants, **changes):
    common = {"task": "fire", "experiment": "workspace", "host": "h", "data_hash": "d", "created_at": "t"}
    frame = board_frame([measured_row(name) | common | changes for name in variants])
    return frame.to_dict("records")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6}, "50.00 % [40.00, 60.00]"),
        ("fps", {"fps": 12.34}, "12.3"),
        ("macs", {"macs": 333_104_640}, "333 M"),
        ("power_w", {"power_w": None}, "–"),
        ("power_w", {}, "–"),
        ("fps", {"fps": float("nan")}, "–"),
    ],
)
def test_a_number_for_people(name, value, text):
    assert shown(value, name) == text


def test_the_interval_can_stand_apart():
    assert parts({"fps": 10.0, "fps_low": 9.0, "fps_high": 11.0}, "fps") == ("10.0", "[9.0, 11.0]")


def test_rows_are_set_against_the_first():
    table = numbers_table(_rows("baseline", "compact"), ["a", "b"], {}, WORDS).set_index("Measure")
    assert list(table.columns) == ["a", "b", "b, against the first"]
    assert table.loc["Size (MB)", "b, against the first"] == "0.05×"
    assert table.loc["FPS", "b"] == "318.7 [309.1, 328.3]"
    assert table.loc["Accuracy", "b, against the first"].startswith("-0.55 [")
    assert table.loc["Accuracy", "b, against the first"].endswith("points ≈ not sure")
    # What no row has is no line.
    assert "Power (W)" not in table.index


def test_what_cannot_be_compared_says_so():
    (here,) = _rows("compact")
    assert difference_text("fps", here | {"host": "other"}, here, {}, WORDS) == "other machine"
    assert difference_text("memory_mb", here | {"target": "jetson"}, here, {}, WORDS) == "other machine"
    assert difference_text("accuracy", here | {"data_hash": "other"}, here, {}, WORDS) == "other data"
    assert difference_text("speedup", here | {"host": "other"}, here, {}, WORDS).startswith("1.00×")
    assert difference_text("fps", here | {"fps": None}, here, {}, WORDS) == "–"


def test_parameters_that_differ():
    found = parameters_that_differ(
        {
            "a": {"seed": 7, "compress": {"ratio": 0.5, "prune": {}}},
            "b": {"seed": 7, "compress": {"ratio": 0.8}, "x": [1]},
        }
    )
    assert found.to_dict("records") == [
        {"": "compress.prune", "a": "{}", "b": "–"},
        {"": "compress.ratio", "a": "0.5", "b": "0.8"},
        {"": "x", "a": "–", "b": "[1]"},
    ]
    assert parameters_that_differ({"a": {"seed": 1}, "b": {"seed": 1}}).empty


@pytest.mark.parametrize(
    "per_class",
    [{}, {"a": {}}, {"a": {"fire": None}}, {"a": {"fire": {"recall": None}}}, {"a": []}, {"a": {"f": {"recall": "x"}}}],
)
def test_classes_that_were_not_kept(per_class):
    assert per_class_frame(per_class)[1].empty


@pytest.mark.parametrize(
    ("numbers", "measure"),
    [
        ({"recall": 0.9, "low": 0.8, "high": 0.95, "n": 10}, "recall"),
        ({"ap50": 0.9, "ap50_low": 0.8, "ap50_high": 0.95}, "ap50"),
        ({"recall": 0.9}, "recall"),
    ],
)
def test_classes(numbers, measure):
    found, frame = per_class_frame({"a": {"fire": numbers}, "b": {"fire": numbers}})
    assert found == measure
    assert frame["label"].tolist() == ["a", "b"]
    assert (frame["low"] <= frame["value"]).all()
    encoding = per_class_chart(frame, "t", ["a", "b"]).to_dict()["layer"][1]["encoding"]
    # Two rows are told apart by shape as well as by colour.
    assert len(encoding["shape"]["scale"]["range"]) == len(encoding["color"]["scale"]["range"]) == LIMIT


@pytest.mark.parametrize("names", [["a", "b"], ["a"], []])
def test_a_confusion_has_a_name_for_every_row(names):
    chart = confusion_chart([[5, 1], [0, 0]], names, WORDS).to_dict()
    (cells,) = chart["datasets"].values()
    assert [cell["count"] for cell in cells] == [5, 1, 0, 0]
    assert [round(cell["share"], 2) for cell in cells] == [0.83, 0.17, 0, 0]


@pytest.mark.parametrize("curve", [None, [], [1.0], "x", [1.0, None], [0.0, 1.0], [float("nan"), 1.0]])
def test_times_that_were_not_kept(curve):
    assert latency_frame({"a": {"latency_ms": curve}}).empty


def test_times():
    frame = latency_frame({"a": {"latency_ms": [1.0, 2.0, 4.0]}, "b": {}})
    assert frame.to_dict("list") == {"label": ["a"] * 3, "percent": [0.0, 50.0, 100.0], "ms": [1.0, 2.0, 4.0]}
    assert "strokeDash" in latency_chart(frame, WORDS, ["a"]).to_dict()["encoding"]


def test_what_each_step_gained():
    gains = step_gains(board_frame(_rows(*VARIANTS))).set_index("variant")
    assert gains["step"].to_dict() == {
        "distilled": "distill",
        "pruned": "prune",
        "quantized": "quantize",
        "compact": "quantize",
    }
    compact = gains.loc["compact"]
    assert compact["input"] == "distilled"
    assert compact["accuracy"] == pytest.approx(0.9389 - 0.9417)
    assert compact["size"] == pytest.approx(2.31 / 8.9)
    assert compact["speed"] == pytest.approx(318.7 / 149.6)
    summary = by_step(gains.reset_index()).set_index("step")
    assert summary.loc["quantize", "n"] == 2
    assert summary.loc["quantize", "size"] == pytest.approx((11.3 / 44.7 + 2.31 / 8.9) / 2)
    assert gains_chart(gains.reset_index(), WORDS).to_dict()["encoding"]["shape"]["field"] == "step"


def test_a_step_is_not_set_against_a_row_of_another_run():
    (baseline,), (pruned,) = _rows("baseline"), _rows("pruned", created_at="later")
    assert step_gains(board_frame([baseline, pruned])).empty
    assert step_gains(board_frame([])).empty


def test_several_steps_at_once_are_named_together():
    rows = _rows("baseline", "compact")
    rows[1]["input"] = "baseline"
    assert step_gains(pd.DataFrame(rows))["step"].tolist() == ["prune + distill + quantize"]
