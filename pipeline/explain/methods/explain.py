"""Any method by its name, with one signature for those that see inside the network and one for those that ask it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EdgeboardError
from pipeline.explain.answers import BatchScores
from pipeline.explain.hiding import COLOUR, Hiding
from pipeline.explain.methods.occlusion import WINDOW, occlusion
from pipeline.explain.methods.registry import METHODS, method
from pipeline.explain.methods.rise_in_batches import MaskStock, rise_maps
from pipeline.explain.surrogate.linear import lime
from pipeline.explain.surrogate.samples import SAMPLES, HiddenPatches, ask_with_hidden_patches
from pipeline.explain.surrogate.superpixels import SEGMENTS, superpixels
from pipeline.explain.surrogate.surrogate import Surrogate
from pipeline.explain.surrogate.tree import decision_tree

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Asking:
    """How much is asked for one map. stock: the masks of RISE, the same for all variants; seed: of hidden patches."""

    stock: MaskStock
    seed: int
    window: float = WINDOW
    samples: int = SAMPLES
    segments: int = SEGMENTS


@dataclass(frozen=True)
class BlackBoxMap:
    """importance: float32 `[S, S]` (or `[T, S, S]`); fidelity: of a surrogate, empty for other methods."""

    importance: NDArray[np.float32]
    fidelity: dict[str, float | int | None] = field(default_factory=dict)


def explain_white_box(
    name: str,
    network: nn.Module,
    frames_nchw: NDArray[np.float32],
    classes: list[int],
    layer: str | None = None,
    answers: BatchScores | None = None,
    hiding: Hiding = COLOUR,
) -> NDArray[np.float32]:
    """Maps float32 `[N, S, S]` (`[N, T, S, S]` for clips) of the class index of each frame.

    network: the float network, in eval mode; it is left as it was. layer: where a CAM looks; None: what the network
    pools at its end. answers: what Score-CAM asks instead of the network itself; hiding: what it hides of a frame.
    Raises EdgeboardError for an unknown method, class or layer, for one that does not fit the network, and for a map
    of NaN.
    """
    if not method(name).needs_gradients:
        raise EdgeboardError("This method asks answers and needs no network", value=name, mend="call explain_black_box")
    _require_classes(network, frames_nchw, classes)
    if method(name).family == "cam":
        options = {"answers": answers, "hiding": hiding} if name == "score_cam" else {}
        maps = _cams()[name](network, frames_nchw, classes, layer=layer, **options)
    elif layer is not None:
        raise EdgeboardError(
            "Only a CAM looks at a layer", value=f"{name} with layer {layer}",
            allowed=", ".join(one.name for one in METHODS.values() if one.family == "cam"),
        )  # fmt: skip
    else:
        maps = _gradient_methods()[name](network, frames_nchw, classes)
    return finite_maps(np.asarray(maps, dtype=np.float32), name)


def explain_black_box(
    name: str,
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    asking: Asking,
    hiding: Hiding = COLOUR,
) -> BlackBoxMap:
    """The map of one score of one frame `[1, 3, S, S]` (or clip `[1, T, 3, S, S]`).

    Raises EdgeboardError for an unknown method, for one that needs gradients, and for a score that is not answered.
    """
    one = method(name)
    if one.needs_gradients or name == "d_rise":
        raise EdgeboardError(
            "This method does not explain one score by answers alone", value=name,
            allowed=", ".join(black_box_methods()),
            mend="detections are explained by pipeline.explain.detection" if name == "d_rise" else
            "call explain_white_box with the float network",
        )  # fmt: skip
    n_scores = answers(frame_nchw).shape[1]
    if not 0 <= index < n_scores:
        raise EdgeboardError("There is no such class to explain", value=index, allowed=f"0..{n_scores - 1}")
    if name == "rise":
        return BlackBoxMap(_finite(rise_maps(answers, frame_nchw, [index], asking.stock, hiding)[0], name))
    if name == "occlusion":
        return BlackBoxMap(_finite(occlusion(answers, frame_nchw, index, asking.window, hiding=hiding), name))
    found = _SURROGATES[name](hidden_patches(answers, frame_nchw, asking, hiding), index)
    return BlackBoxMap(_finite(found.importance, name), found.fidelity)


def black_box_maps(
    names: Sequence[str],
    answers: BatchScores,
    frame_nchw: NDArray[np.float32],
    index: int,
    asking: Asking,
    hiding: Hiding = COLOUR,
) -> dict[str, BlackBoxMap]:
    """`explain_black_box` of several methods; surrogates learn from the same answers."""
    surrogates = [name for name in names if name in _SURROGATES]
    maps = {
        name: explain_black_box(name, answers, frame_nchw, index, asking, hiding)
        for name in names
        if name not in surrogates
    }
    if surrogates:
        samples = hidden_patches(answers, frame_nchw, asking, hiding)
        for name in surrogates:
            found = _SURROGATES[name](samples, index)
            maps[name] = BlackBoxMap(_finite(found.importance, name), found.fidelity)
    return maps


def hidden_patches(
    answers: BatchScores, frame_nchw: NDArray[np.float32], asking: Asking, hiding: Hiding = COLOUR
) -> HiddenPatches:
    """The answers from which LIME and the decision tree both learn: ask once, where both are wanted."""
    labels = superpixels(frame_nchw, asking.segments)
    return ask_with_hidden_patches(answers, frame_nchw, labels, asking.seed, asking.samples, hiding=hiding)


def black_box_methods() -> list[str]:
    return [name for name, one in METHODS.items() if not one.needs_gradients and name != "d_rise"]


def white_box_methods() -> list[str]:
    return [name for name, one in METHODS.items() if one.needs_gradients]


def finite_maps(maps: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """The maps. Raises EdgeboardError where one holds NaN or infinity; a map of zeros is an answer."""
    for i, one in enumerate(maps):
        if not np.isfinite(one).all():
            raise EdgeboardError(
                "A map holds NaN or infinity, so that it shows nothing", where=f"frame {i}", value=name,
                mend="look at the network's weights and at the frame; a training that diverged leaves NaN",
            )  # fmt: skip
    return maps


def _finite(importance: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    return finite_maps(importance[None], name)[0]


_SURROGATES: dict[str, Callable[[HiddenPatches, int], Surrogate]] = {"lime": lime, "decision_tree": decision_tree}


def _require_classes(network: nn.Module, frames_nchw: NDArray[np.float32], classes: list[int]) -> None:
    import torch

    if len(classes) != len(frames_nchw):
        raise EdgeboardError("Every frame needs one class", value=f"{len(frames_nchw)} frames, {len(classes)} classes")
    with torch.inference_mode():
        n_classes = network(torch.from_numpy(np.ascontiguousarray(frames_nchw[:1]))).shape[1]
    wrong = [index for index in classes if not 0 <= index < n_classes]
    if wrong:
        raise EdgeboardError("There is no such class to explain", value=wrong[0], allowed=f"0..{n_classes - 1}")


def _cams() -> dict[str, Any]:
    from pipeline.explain.methods.cams import cameras, grad_cam, grad_cam_plus_plus, layer_cam
    from pipeline.explain.methods.score_cam import score_cam

    return {
        "grad_cam": grad_cam,
        "grad_cam_plus_plus": grad_cam_plus_plus,
        "layer_cam": layer_cam,
        "score_cam": score_cam,
        "cameras": cameras,
    }


def _gradient_methods() -> dict[str, Any]:
    from pipeline.explain.methods import gradients
    from pipeline.explain.methods.propagation import lrp

    names = ("saliency", "gradient_x_input", "integrated_gradients", "guided_backprop", "deconvolution", "deeplift")
    return {**{name: getattr(gradients, name) for name in names}, "lrp": lrp}
