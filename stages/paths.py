"""Where the stages read and write, relative to the repository."""

from pathlib import Path

STATE = Path(".edgeboard")
CHECKPOINTS = STATE / "checkpoints"
HOST = STATE / "host.json"


def data_folder(task: str) -> Path:
    return Path("data") / task


def sources_file(task: str) -> Path:
    return STATE / "sources" / f"{task}.json"


def weights_file(task: str) -> Path:
    return STATE / "sources" / f"{task}.pretrained.json"
