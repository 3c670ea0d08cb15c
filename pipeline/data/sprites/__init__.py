"""Objects with transparent surroundings and empty backgrounds, all drawn: nothing needs to be downloaded."""

from pipeline.data.sprites.backgrounds import draw_background
from pipeline.data.sprites.catalogue import CLASS_NAMES, DISTRACTOR_NAMES, draw_object

__all__ = ["CLASS_NAMES", "DISTRACTOR_NAMES", "draw_background", "draw_object"]
