from __future__ import annotations

import json
import subprocess
import sys
import time

from pipeline.benchmark.host import host_fingerprint
from pipeline.benchmark.load import watching_other_load
from pipeline.targets.cores import physical_cores

_PRINT = "import json; from pipeline.benchmark.host import host_fingerprint; print(json.dumps(host_fingerprint()))"


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    done = subprocess.run([sys.executable, "-c", _PRINT], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(json.dumps(host_fingerprint()))


def test_the_fingerprint_is_cheap_and_imports_no_engine() -> None:
    host_fingerprint()
    start = time.process_time()
    host_fingerprint()
    assert time.process_time() - start < 0.2
    code = f"import sys; {_PRINT}; assert not {{'onnxruntime', 'numpy', 'torch'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_fingerprint_names_the_machine() -> None:
    host = host_fingerprint()
    assert len(host["id"]) == 12
    assert int(host["id"], 16) >= 0
    assert host["cpu"] in host["name"]
    assert host["onnxruntime"]
    assert 1 <= physical_cores() <= host["logical_cores"]


def test_other_load_is_that_of_other_processes_only() -> None:
    with watching_other_load() as load:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
    assert load.cores >= 0
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.2)
        with watching_other_load() as busy:
            time.sleep(0.8)
    finally:
        burner.kill()
        burner.wait()
    assert busy.cores > 0.3
    assert not busy.is_quiet
