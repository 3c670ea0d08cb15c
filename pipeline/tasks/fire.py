"""Fire: is there fire in the frame, a starting fire, or none?"""

from pipeline.options import ClassifierTraining, PhotoData
from pipeline.tasks.base import ClassificationTask

# The class names come with the data: the generator's (fire, none, starting_fire) or the names of the folders.
FIRE = ClassificationTask(name="fire", data_options=PhotoData, train_options=ClassifierTraining)
