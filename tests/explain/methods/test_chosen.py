from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.chosen import choose_methods
from pipeline.explain.methods.registry import METHODS
from pipeline.explain_options import METHOD_NAMES
from pipeline.tasks import TASKS


@pytest.mark.parametrize(
    ("names", "kind", "chosen", "left_out"),
    [
        ([], "classification", ("rise",), []),
        ([], "detection", ("d_rise",), []),
        (["rise"], "detection", ("d_rise",), []),
        (["rise", "d_rise"], "detection", ("d_rise",), []),
        (["lime", "grad_cam"], "action", ("rise", "lime", "grad_cam"), []),  # rise is always made, and first
        (["grad_cam", "rise", "grad_cam"], "identification", ("rise", "grad_cam"), []),
        (["rise", "grad_cam", "lime"], "detection", ("d_rise",), ["grad_cam", "lime"]),
        (["d_rise"], "classification", ("rise",), ["d_rise"]),
        (["cameras"], "action", ("rise",), ["cameras"]),
    ],
)
def test_what_does_not_fit_is_left_out_with_the_reason(
    names: list[str], kind: str, chosen: tuple[str, ...], left_out: list[str]
) -> None:
    found = choose_methods(names, kind)
    assert (found.names, found.default) == (chosen, chosen[0])
    assert list(found.left_out) == left_out
    assert all(len(reason) > 20 for reason in found.left_out.values())


def test_an_unknown_method_tells_the_nearest() -> None:
    with pytest.raises(EdgeboardError, match="no such method") as raised:
        choose_methods(["rise", "gradcam"], "classification")
    assert "grad_cam" in str(raised.value.mend)


def test_params_and_registry_name_the_same_methods_and_kinds() -> None:
    assert list(METHODS) == list(METHOD_NAMES)
    kinds: set[Any] = {kind for one in METHODS.values() for kind in one.kinds}
    assert kinds == {task.kind for task in TASKS.values()}
