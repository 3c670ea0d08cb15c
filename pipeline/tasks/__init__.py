"""The tasks that Edgeboard knows. A new one is a file beside this one and a line here."""

from pipeline.tasks.base import ActionTask, ClassificationTask, DetectionTask, IdentificationTask
from pipeline.tasks.face import FACE
from pipeline.tasks.fire import FIRE
from pipeline.tasks.movement import MOVEMENT
from pipeline.tasks.suspect import SUSPECT

Task = ActionTask | ClassificationTask | DetectionTask | IdentificationTask

TASKS: dict[str, Task] = {task.name: task for task in (FACE, FIRE, MOVEMENT, SUSPECT)}
