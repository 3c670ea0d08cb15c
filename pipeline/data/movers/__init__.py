"""Drawn people who move: walk, walk fast, run, fall, fight and stand, as short clips."""

from pipeline.data.movers.acting import CLASSES
from pipeline.data.movers.recording import draw_action, draw_with_past

__all__ = ["CLASSES", "draw_action", "draw_with_past"]
