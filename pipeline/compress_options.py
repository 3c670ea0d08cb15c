"""The section `compress` of params.yaml: the options of every step, recipes, and which steps can follow which.

A recipe is an ordered list. Each step is a name (`prune`), which takes its options from the section of that name,
or a name with options of its own (`prune: {ratio: 0.5}`), which replace those of the section in that place only.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, ValidationError, create_model, model_validator

from pipeline.options import Epochs, Fraction, LearningRate, NoBoolean, Section

FIXED_VARIANTS = ("pruned", "distilled", "quantized", "compact")
StepName = Literal["minimalistic", "prune", "distill", "separable", "share_weights", "quantize"]
STEP_NAMES: tuple[StepName, ...] = get_args(StepName)
# A label is also the name of a folder, on every file system and in every shell.
_PLAIN = re.compile(r"[A-Za-z0-9_.=,-]{1,80}")


Ratio = Annotated[float, Field(gt=0, lt=1), NoBoolean]


class Prune(Section):
    """ratio: null means compress.ratio."""

    ratio: Ratio | None = None
    structure: Literal["unstructured", "filter", "block"]
    scope: Literal["local", "global"]
    criterion: Literal["l1", "l2", "movement", "taylor", "bn_scale", "random"]
    schedule: Literal["one_shot", "iterative", "gradual", "dsd"]
    rounds: Annotated[int, Field(ge=1, le=100)]
    widths: Literal["uniform", "latency"]
    speedup: Annotated[float, Field(gt=1, le=100), NoBoolean] | None
    round_to: Annotated[int, Field(ge=1, le=64)]
    epochs: Epochs
    learning_rate: LearningRate

    @model_validator(mode="after")
    def _fit_together(self) -> Prune:
        if self.structure == "unstructured" and self.criterion == "bn_scale":
            raise ValueError("criterion: bn_scale ranks whole channels; unstructured pruning needs another criterion")
        if self.structure == "unstructured" and (self.speedup is not None or self.widths == "latency"):
            raise ValueError("widths: unstructured pruning changes no width, so that no speed-up can be aimed at")
        if self.widths == "latency" and self.speedup is None:
            raise ValueError("speedup: widths chosen by latency need the speed-up to reach, such as 3.0")
        if self.speedup is not None and self.schedule != "one_shot":
            raise ValueError("schedule: a speed-up is aimed at in one go; use one_shot")
        if self.schedule == "gradual" and self.epochs < 2:
            raise ValueError("epochs: a gradual schedule needs at least 2")
        if self.schedule == "iterative" and self.epochs < self.rounds:
            raise ValueError(f"epochs: {self.rounds} rounds need at least as many epochs")
        if self.schedule == "dsd" and self.epochs < 3:
            raise ValueError("epochs: dense, sparse and dense again need at least 3")
        return self


class Distill(Section):
    """student: `same` (the network so far), `separable`, or an architecture; teacher: `baseline` or an architecture."""

    temperature: Annotated[float, Field(gt=0, le=100)]
    alpha: Fraction
    features: Literal["none", "attention", "hint"]
    feature_weight: Annotated[float, Field(ge=0, le=10_000)]
    teacher: str
    student: str
    epochs: Epochs
    learning_rate: LearningRate


class Minimalistic(Section):
    epochs: Annotated[int, Field(ge=0, le=10_000)]
    learning_rate: LearningRate


class Separable(Section):
    rank: Annotated[int, Field(ge=1, le=9)]
    epochs: Epochs
    learning_rate: LearningRate


class ShareWeights(Section):
    bits: Annotated[int, Field(ge=1, le=8)]
    epochs: Annotated[int, Field(ge=0, le=10_000)]
    learning_rate: LearningRate


class Quantize(Section):
    method: Literal["static", "dynamic", "qat", "fp16"]
    calibration: Literal["minmax", "entropy", "percentile"]
    calibration_frames: Annotated[int, Field(ge=1)]
    bias_correction: bool
    # `first`: the layer that sees the frame; `auto`, or the layers by the names of the sensitivity report.
    keep_float: Literal["none", "first", "auto"] | list[str]
    accuracy_budget: Fraction
    sensitivity: bool
    epochs: Epochs
    learning_rate: LearningRate

    @model_validator(mode="after")
    def _fit_together(self) -> Quantize:
        if self.method in ("dynamic", "fp16"):
            named = [
                name
                for name, given in (
                    ("bias_correction", self.bias_correction),
                    ("keep_float", self.keep_float != "none"),
                    ("sensitivity", self.sensitivity),
                )
                if given
            ]
            if named:
                raise ValueError(f"{named[0]}: is for static and qat only, the method is {self.method}")
        return self


_SECTIONS: dict[str, type[Section]] = {
    "minimalistic": Minimalistic,
    "prune": Prune,
    "distill": Distill,
    "separable": Separable,
    "share_weights": ShareWeights,
    "quantize": Quantize,
}


def _own_options(section: type[Section]) -> Any:
    """The section with every key optional, for the place in a recipe where only some are given."""
    fields: dict[str, Any] = {
        name: (Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation, None)
        for name, field in section.model_fields.items()
    }
    model: Any = create_model(f"{section.__name__}InRecipe", __base__=Section, **fields)
    return model


class _StepWithOptions(Section):
    @model_validator(mode="after")
    def _one_step(self) -> Any:
        if len(self.model_fields_set) != 1:
            raise ValueError("a step of a recipe is one name with its options, such as prune: {ratio: 0.5}")
        return self


_OWN_OPTIONS: dict[str, Any] = {name: (_own_options(section) | None, None) for name, section in _SECTIONS.items()}
_Given: Any = create_model("StepWithOptions", __base__=_StepWithOptions, **_OWN_OPTIONS)
# The brackets keep the tags out of the paths of messages (see params._is_union_branch).
RecipeStep = Annotated[
    Annotated[StepName, Tag("[name]")] | Annotated[_Given, Tag("[options]")],
    Discriminator(lambda given: "[options]" if isinstance(given, dict | Section) else "[name]"),
]


@dataclass(frozen=True)
class PlannedStep:
    """A step of a recipe with all its options. label: its name, followed by the options that are its own."""

    label: str
    name: StepName
    options: Any


Recipes = dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")], list[RecipeStep]]
# What compress.per_task.<task> may hold: any part of the section, for that task alone.
_OfOneTask: Any = create_model(
    "CompressOfOneTask", __base__=Section, ratio=(Ratio | None, None), recipes=(Recipes, {}), **_OWN_OPTIONS
)


class Compress(Section):
    """per_task: what is different for a task; its recipes are added to the others or replace those of their name."""

    ratio: Ratio
    minimalistic: Minimalistic
    prune: Prune
    distill: Distill
    separable: Separable
    share_weights: ShareWeights
    quantize: Quantize
    recipes: Recipes
    per_task: dict[str, _OfOneTask] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _recipes_can_chain(self) -> Compress:
        missing = [name for name in FIXED_VARIANTS if name not in self.recipes]
        if missing:
            raise ValueError(f"recipes: {', '.join(missing)} missing; {', '.join(FIXED_VARIANTS)} are always built")
        for name, steps in self.plan().items():
            why = why_recipe_cannot_chain(name, steps)
            if why:
                raise ValueError(f"recipes.{name}: {why}")
        return self

    @model_validator(mode="after")
    def _fits_every_task(self) -> Compress:
        for task in self.per_task:
            self.of_task(task)
        return self

    def of_task(self, task: str) -> Compress:
        """The section as it is for one task, with nothing left in per_task."""
        own = self.per_task.get(task)
        values = self.model_dump(exclude_unset=True, exclude={"per_task"})
        if own is not None:
            for key, given in own.model_dump(exclude_unset=True).items():
                values[key] = {**values[key], **given} if isinstance(given, dict) else given
        try:
            return Compress.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in ("per_task", task, *first["loc"]))
            message = str(first.get("ctx", {}).get("error", first["msg"]))
            # Our own rules name the key below the section that they check.
            is_about_key = ":" in message and " " not in message.split(":")[0]
            raise ValueError(f"{path}{'.' if is_about_key else ': '}{message}") from None

    def plan(self) -> dict[str, tuple[PlannedStep, ...]]:
        """Every recipe as its steps, each with all its options."""
        return {
            name: tuple(self._planned(f"recipes.{name}.{place}", given) for place, given in enumerate(steps))
            for name, steps in self.recipes.items()
        }

    def _planned(self, where: str, given: Any) -> PlannedStep:
        own: dict[str, Any] = {}
        if isinstance(given, str):
            name = given
        else:
            (name,) = given.model_fields_set
            own = (getattr(given, name) or Section()).model_dump(exclude_unset=True)
        section = getattr(self, name)
        own = {key: value for key, value in own.items() if value != getattr(section, key)}
        try:
            options = type(section).model_validate({**section.model_dump(), **own})
        except ValidationError as error:
            first = error.errors()[0]
            path = ".".join(str(part) for part in (where, name, *first["loc"][:1]))
            raise ValueError(f"{path}: {first.get('ctx', {}).get('error', first['msg'])}") from None
        if name == "prune" and options.ratio is None:
            options = options.model_copy(update={"ratio": self.ratio})
        return PlannedStep(_label(name, own), name, options)  # type: ignore[arg-type]


def _label(name: str, own: Mapping[str, Any]) -> str:
    """`prune`, or `prune@ratio=0.5,structure=filter`; a hash where that would be no good name of a folder."""
    if not own:
        return name
    text = ",".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in sorted(own.items())
    )
    return f"{name}@{text if _PLAIN.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:8]}"


def step_name(label: str) -> str:
    """The name of the step that a label stands for."""
    return label.split("@", 1)[0]


def why_recipe_cannot_chain(recipe: str, steps: Sequence[PlannedStep]) -> str | None:
    """The reason why these steps cannot follow each other, or None."""
    if recipe == "baseline":
        return "baseline is the trained network itself and takes no recipe"
    if not steps:
        return "it names no step"
    for place, step in enumerate(steps[1:], start=1):
        for earlier in steps[:place]:
            for applies, reason in _CANNOT_FOLLOW:
                if applies(earlier, step):
                    return f"{step.label} cannot follow {earlier.label}: {reason}"
    return None


def _is_unstructured(step: PlannedStep) -> bool:
    return step.name == "prune" and step.options.structure == "unstructured"


def _starts_anew(step: PlannedStep) -> bool:
    return step.name == "distill" and step.options.student not in ("same", "separable")


def _makes_separable(step: PlannedStep) -> bool:
    return step.name == "separable" or (step.name == "distill" and step.options.student == "separable")


# (earlier step, later step) -> does the rule apply; and the reason why that cannot be.
_CANNOT_FOLLOW: tuple[tuple[Callable[[PlannedStep, PlannedStep], bool], str], ...] = (
    (
        lambda earlier, _later: earlier.name == "quantize",
        "quantize leaves a graph of an engine, which cannot be trained, pruned or quantized again; it must be last",
    ),
    (
        lambda earlier, later: earlier.name == "share_weights" and later.name == "quantize",
        "int8 and fp16 round every weight anew, so that the shared values and their small file would be lost",
    ),
    (
        lambda earlier, _later: earlier.name == "share_weights",
        "training or pruning moves each weight by itself, so that they would share no value any more",
    ),
    (
        lambda _earlier, later: _starts_anew(later),
        "a student by name starts anew, so that the steps before it would be lost; let it be the first step",
    ),
    (
        lambda earlier, later: _is_unstructured(earlier) and _makes_separable(later),
        "separable convolutions get new weights, so that the zeros of unstructured pruning would be lost",
    ),
    (
        lambda earlier, later: _makes_separable(earlier) and _makes_separable(later),
        "the convolutions are separable already",
    ),
    (
        lambda earlier, later: earlier.name == later.name == "minimalistic",
        "the network is minimalistic already",
    ),
)
