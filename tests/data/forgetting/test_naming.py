from __future__ import annotations

import sqlite3
from pathlib import Path

from pipeline.data.forgetting.naming import files_naming


def test_texts_and_databases_that_name_the_person_are_told(tmp_path: Path) -> None:
    for name, text in (("run.json", '{"source": "faces of Ann"}'), ("joann.txt", "Joann Lee"), ("b.csv", "Ann Lee,1")):
        (tmp_path / name).write_text(text)
    (tmp_path / "model.onnx").write_bytes(b"\0Ann")
    (tmp_path / "broken.db").write_bytes(b"Ann, and no database")
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("create table params (value text)")
        database.execute("insert into params values ('photos/Ann')")
    assert files_naming("Ann", [tmp_path], ["Ann Lee"]) == [tmp_path / "mlflow.db", tmp_path / "run.json"]
    assert files_naming("Ann Lee", [tmp_path / "b.csv", tmp_path / "absent"]) == [tmp_path / "b.csv"]


def test_a_deleted_row_names_nobody(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("create table params (value text)")
        database.execute("insert into params values ('photos/Ann')")
        database.execute("delete from params")
    assert files_naming("Ann", [tmp_path / "mlflow.db"]) == []
