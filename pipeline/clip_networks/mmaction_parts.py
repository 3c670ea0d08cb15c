"""Backbones and heads from mmaction2's registry, without its words and without the part that its package lacks."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from torch import nn

_DRN = "mmaction.models.localizers.drn"


def build_part(config: dict[str, Any]) -> nn.Module:
    """The backbone or head that `config` describes by mmaction2's own names, initialised as mmaction2 does."""
    with _quietly():
        _stand_in_for_drn()
        import mmaction.models  # noqa: F401  (fills the registry)
        from mmaction.registry import MODELS
        from mmengine.registry import DefaultScope

        # mmcv's builders look convolutions such as Conv2plus1d up in the registry of this scope.
        with DefaultScope.overwrite_default_scope("mmaction"):
            part: Any = MODELS.build(config)
            part.init_weights()
    built: nn.Module = part
    return built


def _stand_in_for_drn() -> None:
    """mmaction2 1.2.0 was packed without the localizer DRN, which mmaction.models imports: an empty one stands in."""
    if _DRN in sys.modules:
        return
    for name in (_DRN, f"{_DRN}.drn"):
        sys.modules[name] = ModuleType(name)
    sys.modules[f"{_DRN}.drn"].DRN = type("DRN", (nn.Module,), {})  # type: ignore[attr-defined]


@contextmanager
def _quietly() -> Iterator[None]:
    """Without mmengine's report of every tensor that it initialises, and the advice to install other packages."""
    disabled = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
