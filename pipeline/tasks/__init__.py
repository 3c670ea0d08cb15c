"""The tasks that Edgeboard knows. A new one is a file beside this one and a line here."""

from pipeline.tasks.base import ClassificationTask, DetectionTask
from pipeline.tasks.fire import FIRE
from pipeline.tasks.suspect import SUSPECT

Task = ClassificationTask | DetectionTask

TASKS: dict[str, Task] = {task.name: task for task in (FIRE, SUSPECT)}
