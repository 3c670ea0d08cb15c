"""Face: whose face is it, and is it a stranger's?"""

from pipeline.face_data_options import FaceData
from pipeline.options import EmbedderTraining
from pipeline.tasks.base import IdentificationTask

# The class names are the names of the people in the training split.
FACE = IdentificationTask(name="face", data_options=FaceData, train_options=EmbedderTraining)
