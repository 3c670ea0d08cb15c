"""The section `explain` of params.yaml: which methods draw maps, and how much is asked for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, create_model, model_validator

from pipeline.options import Section

# As in pipeline.explain.methods.registry, which tells of each what it needs and where it comes from.
MethodName = Literal[
    "occlusion", "rise", "d_rise", "saliency", "gradient_x_input", "integrated_gradients", "guided_backprop",
    "deconvolution", "lrp", "deeplift", "grad_cam", "grad_cam_plus_plus", "score_cam", "layer_cam", "cameras", "lime",
    "decision_tree",
]  # fmt: skip
METHOD_NAMES: tuple[MethodName, ...] = get_args(MethodName)

Frames = Annotated[int, Field(ge=1, le=1000)]
Masks = Annotated[int, Field(ge=8, le=20_000)]
Steps = Annotated[int, Field(ge=2, le=500)]

_OfOneTask: Any = create_model(
    "ExplainOfOneTask", __base__=Section, methods=(list[MethodName] | None, None), frames=(Frames | None, None),
    masks=(Masks | None, None), steps=(Steps | None, None),
)  # fmt: skip


class Explain(Section):
    """methods: see pipeline.explain.methods.chosen for those that a task cannot have. per_task: what is different for a
    task.
    """

    methods: list[MethodName]
    frames: Frames
    masks: Masks
    steps: Steps
    per_task: dict[str, _OfOneTask] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_method_twice(self) -> Explain:
        for where, names in [
            ("methods", self.methods),
            *((f"per_task.{task}.methods", one.methods or []) for task, one in self.per_task.items()),
        ]:
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{where}: {', '.join(twice)} is named twice")
        return self

    def of_task(self, task: str) -> Explain:
        """The section as it is for one task, with nothing left in per_task."""
        own = self.per_task.get(task)
        given = {} if own is None else own.model_dump(exclude_none=True)
        return self.model_copy(update={**given, "per_task": {}})
