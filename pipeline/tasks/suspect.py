"""Suspect: where in the frame are weapons and other objects?"""

from pipeline.detection_data_options import DetectionData
from pipeline.options import DetectorTraining
from pipeline.tasks.base import DetectionTask

# The class names come with the data: the generator's, the names of the folders of objects, or those of annotations.csv.
SUSPECT = DetectionTask(name="suspect", data_options=DetectionData, train_options=DetectorTraining)
