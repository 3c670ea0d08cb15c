"""params.yaml as one validated object.

Everything is checked before any stage works, and every mistake is told in one message: its path, the value
given, what is allowed, and for an unknown key the nearest one that exists.
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import EdgeboardError
from pipeline.files import sha256_json

FIXED_VARIANTS = ("pruned", "distilled", "quantized", "compact")
StepName = Literal["prune", "distill", "quantize"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=10)]
Epochs = Annotated[int, Field(ge=1, le=10_000)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)


class SplitCounts(Section):
    train: Annotated[int, Field(ge=8)]
    val: Annotated[int, Field(ge=4)]
    test: Annotated[int, Field(ge=4)]


class SplitFractions(Section):
    train: Annotated[float, Field(gt=0, lt=1)]
    val: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _sum_to_one(self) -> SplitFractions:
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"train + val + test must be 1, they are {total:g}")
        return self


class FireData(Section):
    source: str
    test_source: str | None = None
    count: SplitCounts
    split: SplitFractions
    near_duplicate_bits: Annotated[int, Field(ge=0, le=32)]
    max_side: Annotated[int, Field(ge=32, le=8192)]
    max_megapixels: Annotated[int, Field(ge=1, le=1000)]

    @property
    def is_synthetic(self) -> bool:
        return self.source == "synthetic"

    @model_validator(mode="after")
    def _folders_exist(self) -> FireData:
        for name, folder in (("source", None if self.is_synthetic else self.source), ("test_source", self.test_source)):
            if folder is not None and not Path(folder).is_dir():
                raise ValueError(f"{name}: the folder {folder!r} does not exist")
        return self


class Data(Section):
    fire: FireData | None = None


class ClassifierTraining(Section):
    architecture: str
    pretrained: str = "none"
    frame_size: Annotated[int, Field(ge=32, le=1024)]
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2, le=4096)]
    learning_rate: Rate
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    patience: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _weights_exist(self) -> ClassifierTraining:
        if self.pretrained in ("none", "imagenet"):
            return self
        path = Path(self.pretrained)
        if path.suffix not in (".pth", ".pt", ".safetensors"):
            raise ValueError(
                f"pretrained: {self.pretrained!r} is neither none, imagenet nor a .pth, .pt or .safetensors file"
            )
        if not path.is_file():
            raise ValueError(f"pretrained: the file {self.pretrained!r} does not exist")
        return self


class Train(Section):
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Literal["auto"] | Annotated[int, Field(ge=1)]
    precision: Literal["32-true", "bf16-mixed", "16-mixed"]
    fire: ClassifierTraining | None = None


class Prune(Section):
    structure: Literal["block"]
    scope: Literal["local", "global"]
    criterion: Literal["l1", "l2", "random"]
    round_to: Annotated[int, Field(ge=1, le=64)]
    epochs: Epochs
    learning_rate: Rate


class Distill(Section):
    temperature: Annotated[float, Field(gt=0, le=100)]
    alpha: Fraction
    epochs: Epochs
    learning_rate: Rate


class Quantize(Section):
    method: Literal["static"]
    calibration: Literal["minmax", "entropy", "percentile"]
    calibration_frames: Annotated[int, Field(ge=1)]


class Compress(Section):
    ratio: Annotated[float, Field(gt=0, lt=1)]
    prune: Prune
    distill: Distill
    quantize: Quantize
    recipes: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")], list[StepName]]

    @model_validator(mode="after")
    def _recipes_can_chain(self) -> Compress:
        missing = [name for name in FIXED_VARIANTS if name not in self.recipes]
        if missing:
            raise ValueError(f"recipes: {', '.join(missing)} missing; {', '.join(FIXED_VARIANTS)} are always built")
        for name, steps in self.recipes.items():
            why = why_recipe_cannot_chain(name, steps)
            if why:
                raise ValueError(f"recipes.{name}: {why}")
        return self


def why_recipe_cannot_chain(name: str, steps: list[StepName]) -> str | None:
    """The reason why these steps cannot follow each other, or None."""
    if name == "baseline":
        return "baseline is the trained network itself and takes no recipe"
    if not steps:
        return "it names no step"
    if "quantize" in steps[:-1]:
        return f"quantize leaves an int8 graph that cannot be trained or pruned, so it must be last, not before {steps[-1]}"
    return None


class Export(Section):
    opset: Annotated[int, Field(ge=13, le=20)]
    parity_frames: Annotated[int, Field(ge=1)]
    parity_tolerance: Annotated[float, Field(gt=0, le=1)]
    min_agreement: Fraction
    tensorrt_check: Literal["auto", "require", "off"]


class Explain(Section):
    frames: Annotated[int, Field(ge=1, le=1000)]
    masks: Annotated[int, Field(ge=8, le=20_000)]
    steps: Annotated[int, Field(ge=2, le=500)]


class Benchmark(Section):
    threads: Annotated[int, Field(ge=1, le=1024)] | None
    frames: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=2)]
    frames_per_turn: Annotated[int, Field(ge=1)]
    warmup: Annotated[int, Field(ge=1)]


class Weights(Section):
    accuracy: Annotated[float, Field(ge=0)]
    size: Annotated[float, Field(ge=0)]
    fps: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _not_all_zero(self) -> Weights:
        if self.accuracy + self.size + self.fps == 0:
            raise ValueError("at least one weight must be above 0")
        return self


class Leaderboard(Section):
    weights: Weights


class Params(Section):
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    tasks: Annotated[list[str], Field(min_length=1)]
    data: Data
    train: Train
    compress: Compress
    export: Export
    explain: Explain
    benchmark: Benchmark
    leaderboard: Leaderboard

    @model_validator(mode="after")
    def _tasks_have_sections(self) -> Params:
        if len(set(self.tasks)) != len(self.tasks):
            raise ValueError("tasks: a task is named twice")
        known = sorted(Data.model_fields)
        for task in self.tasks:
            if task not in known:
                raise ValueError(f"tasks: there is no task {task!r}; allowed: {', '.join(known)}{_nearest(task, known)}")
            if getattr(self.data, task) is None or getattr(self.train, task) is None:
                raise ValueError(f"tasks: {task} needs a section data.{task} and a section train.{task}")
        return self

    def hash(self) -> str:
        """SHA-256 of all values, the same for the same options whatever their order in the file."""
        return sha256_json(self.model_dump(mode="json"))


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml. Raises EdgeboardError that lists every mistake."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EdgeboardError("params.yaml is missing", where=path.absolute(), mend="git checkout params.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise EdgeboardError("params.yaml cannot be read as YAML", where=path, value=error) from error
    return check_params(raw, path)


def check_params(raw: Any, where: Path | str = "params.yaml") -> Params:
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        mistakes = [_describe(mistake, raw) for mistake in error.errors()]
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listing = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise EdgeboardError(
            f"{where} has {count}; no stage was started:\n{listing}",
            mend="correct it there, or in the -S of dvc exp run, and run the same command again",
        ) from None


def _describe(mistake: Any, raw: Any) -> str:
    location = [part for part in mistake["loc"] if not _is_union_branch(part)]
    path = ".".join(str(part) for part in location) or "the file"
    kind, given = mistake["type"], mistake["input"]
    if kind == "extra_forbidden":
        siblings = _known_keys(location[:-1])
        return f"{path}: unknown key; allowed: {', '.join(siblings)}{_nearest(str(location[-1]), siblings)}"
    if kind == "missing":
        return f"{path}: missing; put it back (see the params.yaml of a fresh clone)"
    if kind == "value_error":
        message = str(mistake["ctx"]["error"])
        return message if path == "the file" else f"{path}.{message}" if ":" in message.split(" ")[0] else f"{path}: {message}"
    allowed = mistake["msg"].removeprefix("Input should be ").removeprefix("a ").removeprefix("an ")
    shown = repr(given) if not isinstance(given, dict | list) else type(given).__name__
    nearest = _nearest(given, mistake.get("ctx", {}).get("expected", "").replace("'", "").replace(" or ", ", ").split(", "))
    return f"{path}: is {shown}; allowed: {allowed}{nearest}"


def _is_union_branch(part: object) -> bool:
    """Pydantic names the branch of a union in the path (`literal['auto']`, `constrained-int`); a user has no use for it."""
    return isinstance(part, str) and ("[" in part or part in ("constrained-int", "int", "float", "str"))


def _known_keys(location: list[Any]) -> list[str]:
    model: Any = Params
    for part in location:
        annotation = model.model_fields[part].annotation
        models = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type) and issubclass(a, BaseModel)]
        model = models[0]
    return list(model.model_fields)


def _nearest(given: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(given, known, n=1) if isinstance(given, str) else []
    return f" (did you mean {close[0]}?)" if close else ""
