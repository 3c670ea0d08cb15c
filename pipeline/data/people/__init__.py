"""Drawn people: a person stays the same through recordings that differ in place, light, camera, pose and clothes."""

from pipeline.data.people.drawn_person import draw_person
from pipeline.data.people.person import Person
from pipeline.data.people.portrait import Portrait, draw_portrait
from pipeline.data.people.recording import Recording, draw_recording

__all__ = ["Person", "Portrait", "Recording", "draw_person", "draw_portrait", "draw_recording"]
