"""The tasks that Edgeboard knows. A new one is a file beside this one and a line here."""

from pipeline.tasks.base import ClassificationTask
from pipeline.tasks.fire import FIRE

Task = ClassificationTask

TASKS: dict[str, Task] = {task.name: task for task in (FIRE,)}
