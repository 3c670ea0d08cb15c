"""Movement: what do the people in a clip do, and does somebody fall or fight?"""

from pipeline.clip_data_options import ClipData
from pipeline.options import ClipTraining
from pipeline.tasks.base import ActionTask

MOVEMENT = ActionTask(name="movement", data_options=ClipData, train_options=ClipTraining)
