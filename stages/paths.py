"""Where the stages read and write, relative to the repository."""

from pathlib import Path

STATE = Path(".edgeboard")
CHECKPOINTS = STATE / "checkpoints"
HOST = STATE / "host.json"


def data_folder(task: str) -> Path:
    return Path("data") / task


def sources_file(task: str) -> Path:
    return STATE / "sources" / f"{task}.json"


def work_file(task: str, stage: str) -> Path:
    """What a stage has to do by the recipes."""
    return STATE / "work" / f"{task}.{stage}.json"


def weights_file(task: str) -> Path:
    return STATE / "sources" / f"{task}.pretrained.json"
