"""What a board needs of the choice among faces; tests/data/face_crops/test_choosing.py tests the choice itself."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest

from pipeline.tasks import face_choosing as module
from pipeline.tasks.face_choosing import choose_face
from pipeline.tasks.face_finder import Face


def test_either_a_face_or_a_reason() -> None:
    face = Face(np.float32([10, 10, 70, 70]), 0.95, np.full((5, 2), 40, np.float32))
    assert choose_face([face], (100, 100)) == (face, "")
    nobody, reason = choose_face([face], (100, 100), min_side=80)
    assert nobody is None
    assert reason == "the face is too small: 60 pixels; at least 80 (min_face)"


def test_another_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="largest, central"):
        choose_face([], (10, 10), "left")


def test_the_board_needs_numpy_alone_and_python_3_6() -> None:
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 6))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"numpy", "typing"}
