import json

import numpy as np
import pytest

from pipeline.evidence import collect_evidence, decisions, read_evidence


@pytest.fixture
def benchmark(tmp_path):
    raw = tmp_path / "fire"
    raw.mkdir()
    logits = np.array([[2, 1], [0, 3], [1, 0]], dtype=np.float32)
    np.savez(
        raw / "predictions.npz",
        labels=np.array([0, 1, 1]),
        files=np.array(["a", "b", "c"]),
        class_names=np.array(["fire", "none"]),
        logits_compact=logits,
    )
    lines = ["round,turn,variant,frame,preprocess_ms,network_ms,decode_ms"]
    lines += [f"0,0,compact,{i},1.0,{i},0.5" for i in range(1, 12)] + ["0,1,other,0,9,9,9"]
    (raw / "samples.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_what_is_kept_of_a_row(benchmark):
    found = collect_evidence(benchmark, "fire", {"variant": "compact", "confusion": [[1, 0], [1, 1]]})
    assert found["confusion"] == [[1, 0], [1, 1]]
    assert found["class_names"] == ["fire", "none"]
    frames, correct = decisions(found)
    assert correct.tolist() == [True, True, False]
    assert frames == found["frames"]
    assert found["n_timed"] == 11
    # Times of the whole frame, 2.5 to 12.5 ms: the median is 7.5.
    assert (found["latency_ms"][0], found["latency_ms"][50], found["latency_ms"][100]) == (2.5, 7.5, 12.5)


def test_no_names_of_people_are_kept(benchmark):
    found = collect_evidence(benchmark, "fire", {"variant": "compact"})
    assert "class_names" not in found


def test_other_frames_have_another_hash(benchmark):
    before = collect_evidence(benchmark, "fire", {"variant": "compact"})["frames"]
    stored = dict(np.load(benchmark / "fire" / "predictions.npz"))
    np.savez(benchmark / "fire" / "predictions.npz", **stored | {"files": np.array(["a", "b", "d"])})
    assert collect_evidence(benchmark, "fire", {"variant": "compact"})["frames"] != before


def test_a_benchmark_without_raw_files_has_no_evidence(tmp_path):
    assert collect_evidence(tmp_path, "fire", {"variant": "compact", "confusion": None}) == {}


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"n": 3, "frames": "f"},
        {"n": 3, "frames": "f", "correct": "xx"},
        {"n": 3, "frames": "f", "correct": "ffff"},
        {"n": 0, "frames": "f", "correct": ""},
        {"n": "many", "frames": "f", "correct": "ff"},
        {"n": 3, "frames": "f", "correct": None},
    ],
)
def test_broken_decisions_are_none(evidence):
    assert decisions(evidence) is None


@pytest.mark.parametrize("content", [None, "", "[1]", "{", "\x00"])
def test_a_broken_file_is_no_evidence(tmp_path, content):
    path = tmp_path / "evidence.json"
    if content is not None:
        path.write_text(content)
    assert read_evidence(path) == {}
    path.write_text(json.dumps({"n": 1}))
    assert read_evidence(path) == {"n": 1}
