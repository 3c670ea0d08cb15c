"""params.yaml as one validated object.

Everything is checked before any stage works, and every mistake is told in one message: its path, the value
given, what is allowed, and for an unknown key the nearest one that exists.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, create_model, model_validator

from pipeline.compress_options import Compress, PlannedStep
from pipeline.errors import EdgeboardError
from pipeline.explain_options import Explain
from pipeline.files import sha256_json
from pipeline.options import DetectorTraining, Fraction, NoBoolean, Section, Training
from pipeline.tasks import TASKS

_AS_TRAINED = ("baseline", "same", "separable")  # teachers and students that are of the trained architecture


def _why_unfit(step: PlannedStep, trained: str, training: Training, section: str) -> str | None:
    """Why a network of the architecture `trained` cannot take this step. section: where its options can be changed."""
    if not isinstance(training, DetectorTraining):
        return None
    own = step.options
    if step.name == "distill" and own.alpha > 0:
        teacher = training.architecture if own.teacher in _AS_TRAINED else own.teacher
        student = trained if own.student in _AS_TRAINED else own.student
        if not training.can_teach(teacher, student):
            return (
                f"{student} cannot learn heads from those of {teacher}, which belong to other places of the frame; let"
                f" it compare inner maps only (-S +{section}.distill.alpha=0 -S +{section}.distill.features=attention)"
                ", or name another student, such as same"
            )
    if step.name == "prune" and own.structure != "unstructured" and not training.can_lose_channels(trained):
        return (
            f"{trained} cannot lose channels, for its head runs at several levels; prune single weights"
            f" (-S +{section}.prune.structure=unstructured), or leave prune out"
        )
    return None


class _PerTask(Section):
    """One optional section for each task."""

    def of(self, task: str) -> Any:
        """The section of `task`, an instance of the options class that its declaration names."""
        return getattr(self, task)


def _sections(which: str) -> dict[str, Any]:
    return {name: (getattr(task, which) | None, None) for name, task in TASKS.items()}


# The sections of a task are declared with the task, so that adding one touches no list here.
Data: Any = create_model("Data", __base__=_PerTask, **_sections("data_options"))


class _TrainHardware(_PerTask):
    accelerator: Literal["auto", "cpu", "gpu"]
    devices: Literal["auto"] | Annotated[int, Field(ge=1)]
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"]


Train: Any = create_model("Train", __base__=_TrainHardware, **_sections("train_options"))


class Export(Section):
    opset: Annotated[int, Field(ge=13, le=20)]
    parity_frames: Annotated[int, Field(ge=1)]
    parity_tolerance: Annotated[float, Field(gt=0, le=1)]
    min_agreement: Fraction
    tensorrt_check: Literal["auto", "require", "off"]


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
    seed: Annotated[int, Field(ge=0, lt=2**31), NoBoolean]
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
        known = sorted(TASKS)
        for task in self.tasks:
            if task not in known:
                raise ValueError(
                    f"tasks: there is no task {task!r}; allowed: {', '.join(known)}{_nearest(task, known)}"
                )
            if self.data.of(task) is None or self.train.of(task) is None:
                raise ValueError(f"tasks: {task} needs a section data.{task} and a section train.{task}")
        for section, per_task in (("compress", self.compress.per_task), ("explain", self.explain.per_task)):
            for task in per_task:
                if task not in known:
                    raise ValueError(
                        f"{section}.per_task: there is no task {task!r}; allowed: {', '.join(known)}"
                        f"{_nearest(task, known)}"
                    )
        return self

    @model_validator(mode="after")
    def _data_suit_the_training(self) -> Params:
        for task in self.tasks:
            mistake = self.train.of(task).mistake_with(self.data.of(task))
            if mistake:
                raise ValueError(f"train.{task}.{mistake}")
        return self

    @model_validator(mode="after")
    def _recipes_fit_the_networks(self) -> Params:
        """What would only be told when the baseline has been trained."""
        for task in self.tasks:
            training = self.train.of(task)
            for recipe, steps in self.compress.of_task(task).plan().items():
                trained = training.architecture
                for step in steps:
                    reason = _why_unfit(step, trained, training, f"compress.per_task.{task}")
                    if reason:
                        raise ValueError(f"compress.recipes.{recipe}: {reason}")
                    if step.name == "distill" and step.options.student not in _AS_TRAINED:
                        trained = step.options.student
        return self

    def of_task(self, task: str) -> Params:
        """The same, with what compress.per_task and explain.per_task say of this task."""
        return self.model_copy(update={"compress": self.compress.of_task(task), "explain": self.explain.of_task(task)})

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
        schema = Params.model_json_schema()
        # A value that fits no branch of a union is reported once per branch.
        mistakes = list(dict.fromkeys(_describe(mistake, schema) for mistake in error.errors()))
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        listing = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise EdgeboardError(
            f"{where} has {count}; no stage was started:\n{listing}",
            mend="correct it there, or in the -S of dvc exp run, and run the same command again",
        ) from None


def _describe(mistake: Any, schema: dict[str, Any]) -> str:
    location = [part for part in mistake["loc"] if not _is_union_branch(part)]
    path = ".".join(str(part) for part in location) or "the file"
    kind, given = mistake["type"], mistake["input"]
    if kind == "extra_forbidden":
        known = list(_section(_schema_at(schema, location[:-1]), schema).get("properties", {}))
        return f"{path}: unknown key; allowed: {', '.join(known)}{_nearest(location[-1], known)}"
    if kind == "missing":
        return f"{path}: missing; put it back (see the params.yaml of a fresh clone)"
    if kind == "value_error":
        # Our own rules name the key below the section that they check.
        message = str(mistake["ctx"]["error"])
        is_about_key = location and message.split(":")[0].replace(".", "_").isidentifier()
        return f"{path}.{message}" if is_about_key else f"{path}: {message}" if location else message
    at = _schema_at(schema, location)
    shown = repr(given) if not isinstance(given, dict | list) else f"a {type(given).__name__}"
    return f"{path}: is {shown}; allowed: {_allowed(at, schema)}{_nearest(given, _choices(at, schema))}"


def _is_union_branch(part: object) -> bool:
    """Pydantic names the branch of a union in the path (`literal['auto']`, `constrained-int`), which says nothing."""
    return isinstance(part, str) and ("[" in part or part in ("constrained-int", "int", "float", "str"))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node


def _schema_at(schema: dict[str, Any], location: list[Any]) -> dict[str, Any]:
    """The JSON schema of the value at `location`; {} where the path leaves the schema."""
    node = schema
    for part in location:
        node = _section(node, schema)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            additional = node.get("additionalProperties")
            patterns = list(node.get("patternProperties", {}).values())
            fallback = additional if isinstance(additional, dict) else patterns[0] if patterns else {}
            node = node.get("properties", {}).get(part, fallback)
        node = _resolve(node, schema)
    return node


def _section(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The section itself, where it is one of several things that may stand there."""
    options = _options(node, schema)
    sections = [option for option in options if "properties" in option]
    return next(iter(sections or [option for option in options if option.get("type") != "null"]), {})


def _options(node: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [_resolve(option, schema) for option in node.get("anyOf", node.get("oneOf", [node]))]


def _choices(node: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    return [str(value) for option in _options(node, schema) for value in option.get("enum", [option.get("const", "")])]


_KINDS = {"integer": "a whole number", "number": "a number", "string": "a text", "array": "a list",
          "object": "a section", "boolean": "true or false", "null": "null"}  # fmt: skip
_BOUNDS = {"exclusiveMinimum": "above", "minimum": "at least", "exclusiveMaximum": "below", "maximum": "at most",
           "minItems": "at least", "pattern": "matching"}  # fmt: skip


def _allowed(node: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value may be, in words: `a number above 0 and below 1`, `auto, cpu or gpu`."""
    if "anyOf" in node or "oneOf" in node:
        return " or ".join(_allowed(option, schema) for option in _options(node, schema))
    if "enum" in node or "const" in node:
        return ", ".join(_choices(node, schema))
    bounds = " and ".join(f"{word} {node[key]}" for key, word in _BOUNDS.items() if key in node)
    return " ".join(filter(None, [_KINDS.get(node.get("type", ""), "another value"), bounds]))


def _nearest(given: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(given, [name for name in known if name], n=1) if isinstance(given, str) else []
    return f" (did you mean {close[0]}?)" if close else ""
