"""Sending the board's rows to MLflow, each exactly once. The only module that imports mlflow, and it does so late.

`publish` runs at every `dvc repro`, and importing mlflow takes seconds, so what has been sent is remembered in a
ledger (results/published.json) and looked up first. The truth stays on the server: before a run is made there it is
searched by its key, so that a lost ledger or a crash doubles nothing. What a server would not take waits in
results/outbox with its files hard-linked, and goes out later even if the workspace holds another experiment by then.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import http.client
import json
import logging
import os
import posixpath
import re
import shutil
import sqlite3
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pipeline.board import (
    BOARD_FILE,
    RUN_ID,
    RUNS_FOLDER,
    experiments_of_runs,
    main_root,
    measured_tasks,
    read_records,
)
from pipeline.board_sources.store import SOURCES_FOLDER, Found, Picture
from pipeline.evidence import EVIDENCE_FILE, read_evidence
from pipeline.files import read_json, replacing_folder, sha256_file, write_json, writing_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEDGER_FILE = Path("results/published.json")
OUTBOX_FOLDER = Path("results/outbox")
KEY_TAG = "edgeboard.key"
MLFLOW_SOURCE = "mlflow"
PROBE_SECONDS = 3.0
# A row that the server refuses must not stop the others; a server that refuses everything must not cost minutes.
FAILURES_IN_A_ROW = 2
_BATCH = 100
_TEXT_LIMIT = 5000
_KEPT = "kept and sent by the next `dvc repro` or `python -m stages.publish`"


@dataclass(frozen=True)
class Shipment:
    """One row to send: the experiment it counts for, its run.json, and its files as (MLflow folder, path)."""

    experiment: str
    run: Mapping[str, Any]
    files: tuple[tuple[str, Path], ...]

    @property
    def run_id(self) -> str:
        return str(self.run["run_id"])

    @property
    def key(self) -> str:
        # A hash, because an experiment's name may hold quotes, and the key is part of a search expression.
        return hashlib.sha256(f"{self.run_id}\n{self.experiment}".encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        return f"{self.run['row']['task']}/{self.run['row']['variant']}"


def tracking_uri(main: Path, environ: Mapping[str, str] = os.environ) -> str:
    """MLFLOW_TRACKING_URI, or the clone's own SQLite store. A relative SQLite path counts from the main clone."""
    uri = environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    path = _sqlite_path(uri)
    return uri if path is None or path.is_absolute() else f"sqlite:///{main / path}"


def publish(root: Path, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Send what this workspace measured and what waits in the outbox. Returns the lines that a user should see.

    A server that is down, a locked or a broken store is no error: the rows are kept for the next call.
    """
    main = main_root(root)
    uri = tracking_uri(main, environ)
    waiting = _outbox_shipments(main, uri)
    to_send = _unsent(main, uri, [*waiting, *_current_shipments(root)])
    for arrived in {shipment.key: shipment for shipment in waiting if shipment not in to_send}.values():
        _drop_from_outbox(main, uri, arrived)  # the last call was killed between sending and tidying up
    if not to_send:
        return [f"MLflow at {shown(uri)} has every row; nothing to send.", *_waiting_elsewhere(main, uri)]
    with _lock(main, "publish"):
        to_send = _unsent(main, uri, to_send)
        ready, lines = _with_measured_models(to_send)
        reason = why_unreachable(uri)
        if reason is None:
            sent, reason = _send_all(main, uri, ready)
        else:
            sent, reason = [], f"cannot be reached ({reason})"
        if sent:
            lines.append(f"{_rows(len(sent))} sent to MLflow at {shown(uri)}.")
        kept = [shipment for shipment in ready if shipment.key not in {done.key for done in sent}]
        for shipment in kept:
            _keep_in_outbox(main, uri, shipment)
        if kept:
            count = f"{_rows(len(kept))} {'is' if len(kept) == 1 else 'are'}"
            lines.append(f"MLflow at {shown(uri)} {reason}; {count} {_KEPT}.")
    return [*lines, *_waiting_elsewhere(main, uri)]


def fetch_rows(root: Path, environ: Mapping[str, str] = os.environ) -> tuple[list[Found] | None, list[str]]:
    """Every row that anybody has published there, with run.json, evidence and picture, and the lines a user should see.

    None instead of rows where the server cannot be asked: what was fetched last time then stays as it is. Files of
    runs that were fetched before are read from results/sources, not from the server.
    """
    main = main_root(root)
    uri = tracking_uri(main, environ)
    path = _sqlite_path(uri)
    if path is not None and not path.exists():
        return [], [f"There is no MLflow store {path} yet."]
    reason = why_unreachable(uri)
    if reason:
        return None, [f"MLflow at {shown(uri)} cannot be reached ({reason}); the rows fetched before are kept."]
    try:
        return _fetch_all(_client(uri), main, shown(uri))
    except Exception as error:  # mlflow and its plug-ins raise what they like; the board must open all the same
        return None, [f"MLflow at {shown(uri)} failed ({_first_line(error)}); the rows fetched before are kept."]


def prepare_store(root: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Make the local SQLite store if there is none. Returns the line that a user should see."""
    main = main_root(root)
    uri = tracking_uri(main, environ)
    path = _sqlite_path(uri)
    if path is None:
        return f"MLflow is the server at {shown(uri)}; there is no store to make."
    reason = why_unreachable(uri)
    if reason:
        return f"The MLflow store {path} cannot be used ({reason}). Move it away and run the same command again."
    made = _ensure_sqlite_store(main, path)
    return f"The MLflow store {path} {'was made' if made else 'is ready'}."


def why_unreachable(uri: str) -> str | None:
    """Why nothing can be sent there now, or None. Takes at most some seconds and needs no mlflow.

    Asked first, because MLflow itself repeats a failing request for minutes.
    """
    path = _sqlite_path(uri)
    if path is not None:
        return _why_sqlite_unusable(path)
    if not uri.startswith(("http://", "https://")):
        return None
    try:
        urllib.request.urlopen(_without_user(uri).rstrip("/") + "/health", timeout=PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return None  # it answers; what it thinks of us MLflow will find out
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLError):
            return None  # likewise
        return str(getattr(error.reason, "strerror", None) or error.reason)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None


def shown(uri: str) -> str:
    """The address as it may be printed and stored: without user, password and query."""
    return _without_user(uri).split("?")[0].split("#")[0]


def _current_shipments(root: Path) -> list[Shipment]:
    """The workspace's rows, under the experiments for which the board lists them."""
    experiments = experiments_of_runs(root / BOARD_FILE)
    records = read_records(root, measured_tasks(root)) if experiments else []
    return [
        Shipment(name, r.run, r.files + _evidence(root, r.run_id))
        for r in records
        for name in experiments.get(r.run_id, [])
    ]


def _evidence(root: Path, run_id: str) -> tuple[tuple[str, Path], ...]:
    kept = main_root(root) / RUNS_FOLDER / run_id / EVIDENCE_FILE
    return (("run", kept),) if kept.is_file() else ()


def _with_measured_models(shipments: Sequence[Shipment]) -> tuple[list[Shipment], list[str]]:
    """Leave out rows whose model file is no longer the one that was measured; a line for each."""
    ready, lines = [], []
    for shipment in shipments:
        models = [path for folder, path in shipment.files if folder == "model"]
        measured = shipment.run["row"].get("model_sha256")
        if shipment.run.get("model_file") and (not models or (measured and sha256_file(models[0]) != measured)):
            lines.append(
                f"{shipment.name} is not sent: {shipment.run['model_file']} is not the file that was measured; "
                "`dvc repro` measures it again."
            )
        else:
            ready.append(shipment)
    return ready, lines


def _unsent(main: Path, uri: str, shipments: Iterable[Shipment]) -> list[Shipment]:
    path = _sqlite_path(uri)
    # A store that was deleted knows nothing any more, whatever the ledger says.
    done = {} if path is not None and not path.exists() else _read_ledger(main).get(shown(uri), {})
    return list({shipment.key: shipment for shipment in shipments if shipment.key not in done}.values())


def _read_ledger(main: Path) -> dict[str, dict[str, str]]:
    """Tracking address -> key -> MLflow run id. A broken ledger counts as empty: the server is asked anyway."""
    try:
        ledger = json.loads((main / LEDGER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return ledger if isinstance(ledger, dict) else {}


def _note_sent(main: Path, uri: str, shipment: Shipment, mlflow_run_id: str) -> None:
    ledger = _read_ledger(main)
    ledger.setdefault(shown(uri), {})[shipment.key] = mlflow_run_id
    write_json(main / LEDGER_FILE, ledger)


def _outbox_entries(main: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for note in sorted((main / OUTBOX_FOLDER).glob("*/outbox.json")):
        if RUN_ID.fullmatch(note.parent.name):
            yield note.parent, read_json(note)


def _outbox_shipments(main: Path, uri: str) -> list[Shipment]:
    return [
        Shipment(waiting["experiment"], entry["run"], _stored_files(folder))
        for folder, entry in _outbox_entries(main)
        for waiting in entry["waiting"]
        if waiting["uri"] == shown(uri)
    ]


def _stored_files(folder: Path) -> tuple[tuple[str, Path], ...]:
    return tuple((path.parent.name, path) for path in sorted((folder / "files").glob("*/*")))


def _keep_in_outbox(main: Path, uri: str, shipment: Shipment) -> None:
    folder = main / OUTBOX_FOLDER / shipment.run_id
    mine = {"uri": shown(uri), "experiment": shipment.experiment}
    if (folder / "outbox.json").exists():
        entry = read_json(folder / "outbox.json")
        if mine not in entry["waiting"]:
            write_json(folder / "outbox.json", entry | {"waiting": [*entry["waiting"], mine]})
        return
    with replacing_folder(folder) as temporary:
        for kind, path in shipment.files:
            target = temporary / "files" / kind / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(path, target)
        write_json(temporary / "outbox.json", {"run": dict(shipment.run), "waiting": [mine]})


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)  # costs no space, and outlives the workspace's own name for the file
    except OSError:
        shutil.copyfile(source, target)


def _drop_from_outbox(main: Path, uri: str, shipment: Shipment) -> None:
    folder = main / OUTBOX_FOLDER / shipment.run_id
    if not (folder / "outbox.json").exists():
        return
    entry = read_json(folder / "outbox.json")
    done = {"uri": shown(uri), "experiment": shipment.experiment}
    waiting = [other for other in entry["waiting"] if other != done]
    if waiting:
        write_json(folder / "outbox.json", entry | {"waiting": waiting})
    else:
        shutil.rmtree(folder)


def _waiting_elsewhere(main: Path, uri: str) -> list[str]:
    counts: dict[str, int] = {}
    for _, entry in _outbox_entries(main):
        for waiting in entry["waiting"]:
            counts[waiting["uri"]] = counts.get(waiting["uri"], 0) + 1
    return [
        f"{_rows(count)} still wait for {other}: set MLFLOW_TRACKING_URI to it and run `python -m stages.publish`, "
        f"or delete {OUTBOX_FOLDER}."
        for other, count in counts.items()
        if other != shown(uri)
    ]


def _send_all(main: Path, uri: str, shipments: Sequence[Shipment]) -> tuple[list[Shipment], str]:
    """Send one after the other. Returns what arrived and, where something did not, the reason."""
    sent: list[Shipment] = []
    reason, failures = "", 0
    try:
        path = _sqlite_path(uri)
        if path is not None:
            _ensure_sqlite_store(main, path)
        client = _client(uri)
    except Exception as error:  # mlflow and its plug-ins raise what they like; none of it may stop the pipeline
        return sent, f"failed ({_first_line(error)})"
    for shipment in shipments:
        try:
            mlflow_run_id = _send(client, main, uri, shipment)
        except Exception as error:  # as above: the row is kept, and the reason is shown
            reason, failures = f"did not take {shipment.name} ({_first_line(error)})", failures + 1
            if failures == FAILURES_IN_A_ROW:
                break
            continue
        failures = 0
        _note_sent(main, uri, shipment, mlflow_run_id)
        _drop_from_outbox(main, uri, shipment)
        sent.append(shipment)
    return sent, reason


def _send(client: MlflowClient, main: Path, uri: str, shipment: Shipment) -> str:
    """Bring one row to the server, taking up a run that a crash left unfinished. Returns MLflow's run id."""
    row = shipment.run["row"]
    experiment_id = _experiment_id(client, main, uri, row["task"])
    found = client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{shipment.key}'", max_results=10)
    if any(run.info.status == "FINISHED" for run in found):
        return str(next(run.info.run_id for run in found if run.info.status == "FINISHED"))
    at_ms = _milliseconds(row.get("created_at"))
    if found:
        run_id = str(found[0].info.run_id)
    else:
        name = f"{shipment.experiment}/{row['variant']}"
        run_id = str(client.create_run(experiment_id, at_ms, _tags(shipment), name).info.run_id)
    _log_numbers(client, run_id, shipment, at_ms)
    for folder, path in shipment.files:
        client.log_artifact(run_id, str(path), folder)
    client.log_dict(run_id, dict(shipment.run), "run.json")
    client.set_terminated(run_id, "FINISHED", at_ms)
    return run_id


def _fetch_all(client: MlflowClient, main: Path, address: str) -> tuple[list[Found], list[str]]:
    experiments = client.search_experiments(filter_string="name LIKE 'edgeboard/%'")
    found: list[Found] = []
    refused = 0
    token = None
    while experiments:
        page = client.search_runs(
            [experiment.experiment_id for experiment in experiments], "attributes.status = 'FINISHED'", page_token=token
        )
        for run in page:
            try:
                one = _fetched(client, main, run, address)
            except Exception:  # an artifact that was deleted there, or is no JSON, costs this row only
                one = None
            if one is None:
                refused += 1
            else:
                found.append(one)
        token = page.token
        if not token:
            break
    lines = [f"{_rows(len(found))} in MLflow at {address}."]
    if refused:
        lines.append(f"{_rows(refused)} there cannot be read (without run.json, or it was deleted) and left out.")
    return found, lines


def _fetched(client: MlflowClient, main: Path, run: Any, address: str) -> Found | None:
    tags = run.data.tags
    run_id, experiment = tags.get("edgeboard.run_id", ""), tags.get("edgeboard.experiment", "")
    if not RUN_ID.fullmatch(run_id) or not experiment:
        return None
    before = main / SOURCES_FOLDER / MLFLOW_SOURCE / "runs" / run_id
    with tempfile.TemporaryDirectory() as folder:
        if (before / "run.json").is_file():
            files = sorted(before.iterdir())
        else:
            names = ["run.json"]
            for kind in ("run", "explanation"):
                names += [item.path for item in client.list_artifacts(run.info.run_id, kind) if not item.is_dir]
            files = [Path(client.download_artifacts(run.info.run_id, name, folder)) for name in names]
        by_name = {path.name: path for path in files}
        content = json.loads(by_name["run.json"].read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get("run_id") != run_id or not isinstance(content.get("row"), dict):
            return None
        evidence = read_evidence(by_name[EVIDENCE_FILE]) if EVIDENCE_FILE in by_name else {}
        picture = next((Picture.of(p) for p in files if p.suffix.lower() in (".png", ".jpg", ".jpeg")), None)
        return Found(content, experiment, f"MLflow {address}", evidence, picture)


def _log_numbers(client: MlflowClient, run_id: str, shipment: Shipment, at_ms: int) -> None:
    """Metrics and parameters in batches. The time is that of the measurement, so sending twice writes the same."""
    from mlflow.entities import Metric, Param

    metrics = [Metric(name, value, at_ms, 0) for name, value in _metrics(shipment.run).items()]
    params = [Param(name, value) for name, value in _params(shipment.run).items()]
    for start in range(0, max(len(metrics), len(params)), _BATCH):
        batch = slice(start, start + _BATCH)
        client.log_batch(run_id, metrics=metrics[batch], params=params[batch])


def _experiment_id(client: MlflowClient, main: Path, uri: str, task: str) -> str:
    """The experiment of a task, made if it is not there yet."""
    name = f"edgeboard/{task}"
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        # A local store would otherwise put artifacts under whatever folder the process happens to run in.
        local = (main / "mlartifacts" / task).as_uri() if _sqlite_path(uri) is not None else None
        try:
            return str(client.create_experiment(name, artifact_location=local))
        except Exception:
            experiment = client.get_experiment_by_name(name)  # another machine was quicker
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise RuntimeError(f"{name} was deleted there; `mlflow experiments restore -x {experiment.experiment_id}`")
    return str(experiment.experiment_id)


def _client(uri: str) -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    # Where only the answer was lost, MLflow's own repetition of create_run makes a second run; our next call looks.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient

    # Hundreds of lines about migrations, for a store that is simply new.
    for name in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(uri)


def _tags(shipment: Shipment) -> dict[str, str]:
    row, host = shipment.run["row"], shipment.run.get("host") or {}
    tags = {
        KEY_TAG: shipment.key,
        "edgeboard.run_id": shipment.run_id,
        "edgeboard.experiment": shipment.experiment,
        "edgeboard.host_id": host.get("id"),
        "mlflow.source.git.commit": row.get("git_commit"),
        **{
            f"edgeboard.{name}": row.get(name)
            for name in ("git_dirty", "host", "params_hash", "data_hash", "note", "warning")
        },
    }
    return {name: _as_text(value) for name, value in tags.items() if value not in (None, "")}


def _params(run: Mapping[str, Any]) -> dict[str, str]:
    names = ("task", "variant", "recipe", "target", "engine", "precision", "frame_size", "metric")
    flat = {name: run["row"].get(name) for name in names} | dict(_flattened(run.get("params") or {}))
    flat |= {f"version.{name}": version for name, version in (run.get("versions") or {}).items()}
    return {_allowed_name(name): _as_text(value) for name, value in flat.items() if value is not None}


def _metrics(run: Mapping[str, Any]) -> dict[str, float]:
    numbers = {name: value for name, value in run["row"].items() if name != "frame_size"}
    numbers |= dict(_flattened({"per_class": run.get("per_class") or {}}, "/"))
    return {
        _allowed_name(name): float(value)
        for name, value in numbers.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def _flattened(tree: Mapping[str, Any], separator: str = ".", prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, separator, f"{prefix}{name}{separator}")
        else:
            yield f"{prefix}{name}", value


def _allowed_name(name: str) -> str:
    """A name that MLflow takes: letters, digits and _-. :/, and no path that leads elsewhere."""
    plain = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)
    stays = posixpath.normpath(plain) == plain and not plain.startswith(("/", ".."))
    return plain if stays else re.sub(r"[./]", "_", plain)


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:_TEXT_LIMIT]


def _ensure_sqlite_store(main: Path, path: Path) -> bool:
    """Make the store beside its place and move it there whole. Returns whether it was made.

    Processes that open a new store at once break each other's migration, and one that is killed in the middle of it
    leaves a store that no version of MLflow opens.
    """
    if _has_tables(path):
        return False
    with _lock(main, "store"):
        if _has_tables(path):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.tmp-", dir=path.parent) as folder:
            new = Path(folder) / path.name
            _client(f"sqlite:///{new}").search_experiments(max_results=1)
            new.replace(path)
        ledger = _read_ledger(main)
        if ledger.pop(f"sqlite:///{path}", None):
            write_json(main / LEDGER_FILE, ledger)
    return True


def _has_tables(path: Path) -> bool:
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=PROBE_SECONDS)) as connection:
        return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _why_sqlite_unusable(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=PROBE_SECONDS)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        return str(error)
    return None


def _sqlite_path(uri: str) -> Path | None:
    return Path(uri.removeprefix("sqlite:///").split("?")[0]) if uri.startswith("sqlite:///") else None


@contextlib.contextmanager
def _lock(main: Path, name: str) -> Iterator[None]:
    folder = main / ".edgeboard"
    with writing_errors(folder):
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / f"{name}.lock")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _milliseconds(iso_time: str | None) -> int:
    try:
        moment = datetime.datetime.fromisoformat(iso_time or "")
    except ValueError:
        return 0
    return int(moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp() * 1000)


def _without_user(uri: str) -> str:
    # By hand, because an address that cannot be taken apart must still be shown.
    return re.sub(r"(?<=://)[^/?#]*@", "", uri)


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _first_line(error: BaseException) -> str:
    """What went wrong, in one line: its beginning, and its end, where HTTP libraries name the cause."""
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    line = lines[0] if len(lines[0]) <= 200 else f"{lines[0][:90]} … {lines[0][-107:]}"
    return f"{type(error).__name__}: {line}"
