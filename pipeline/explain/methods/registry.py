"""Which methods there are, which kind of task each of them fits, what it needs, and where it comes from."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import EdgeboardError

Family = Literal["perturbation", "gradient", "cam", "proxy"]
FAMILIES: tuple[Family, ...] = get_args(Family)
Need = Literal["convolution", "relu_only", "unfoldable", "one_signal_per_product"]

_WHOLE_FRAME = ("classification", "identification", "action")


@dataclass(frozen=True)
class Method:
    """One way to make a map.

    kinds: of tasks. needs_gradients: it runs on the float network; else through the exported file. signed: below 0
    speaks against the class; else 0 is the least. needs: what an architecture must have (see `architecture.why_not`).
    paper: its source; library: whose code computes it.
    """

    name: str
    title: str
    family: Family
    needs_gradients: bool
    signed: bool
    paper: str
    library: str
    kinds: tuple[str, ...] = _WHOLE_FRAME
    needs: tuple[Need, ...] = ()


_ALL = (
    Method("occlusion", "Occlusion", "perturbation", False, True, "Zeiler and Fergus 2014, arXiv:1311.2901", "captum"),
    Method("rise", "RISE", "perturbation", False, False, "Petsiuk et al. 2018, arXiv:1806.07421", "own"),
    Method(
        "d_rise", "D-RISE", "perturbation", False, False, "Petsiuk et al. 2021, arXiv:2006.03204", "own",
        kinds=("detection",),
    ),
    Method("saliency", "Saliency", "gradient", True, False, "Simonyan et al. 2014, arXiv:1312.6034", "captum"),
    Method(
        "gradient_x_input", "Gradient × input", "gradient", True, True, "Shrikumar et al. 2016, arXiv:1605.01713",
        "captum",
    ),
    Method(
        "integrated_gradients", "Integrated gradients", "gradient", True, True,
        "Sundararajan et al. 2017, arXiv:1703.01365", "captum",
    ),
    Method(
        "guided_backprop", "Guided backpropagation", "gradient", True, False,
        "Springenberg et al. 2015, arXiv:1412.6806", "captum", needs=("relu_only", "unfoldable"),
    ),
    Method(
        "deconvolution", "Deconvolution", "gradient", True, False, "Zeiler and Fergus 2014, arXiv:1311.2901", "captum",
        needs=("relu_only", "unfoldable"),
    ),
    Method(
        "lrp", "LRP", "gradient", True, True,
        "Bach et al. 2015, doi:10.1371/journal.pone.0130140; composite of Kohlbrenner et al. 2020, arXiv:1910.09840",
        "own", needs=("convolution", "unfoldable"),
    ),
    Method(
        "deeplift", "DeepLIFT", "gradient", True, True, "Shrikumar et al. 2017, arXiv:1704.02685", "captum",
        needs=("unfoldable", "one_signal_per_product"),
    ),
    Method(
        "grad_cam", "Grad-CAM", "cam", True, False, "Selvaraju et al. 2017, arXiv:1610.02391", "grad-cam",
        needs=("convolution",),
    ),
    Method(
        "grad_cam_plus_plus", "Grad-CAM++", "cam", True, False, "Chattopadhyay et al. 2018, arXiv:1710.11063",
        "grad-cam", needs=("convolution",),
    ),
    Method(
        "score_cam", "Score-CAM", "cam", True, False, "Wang et al. 2020, arXiv:1910.01279", "own",
        needs=("convolution",),
    ),
    Method(
        "layer_cam", "Layer-CAM", "cam", True, False, "Jiang et al. 2021, doi:10.1109/TIP.2021.3089943", "grad-cam",
        needs=("convolution",),
    ),
    Method(
        "cameras", "CAMERAS", "cam", True, False, "Jalwana et al. 2021, arXiv:2106.10649", "own",
        kinds=("classification", "identification"), needs=("convolution",),
    ),
    Method("lime", "LIME", "proxy", False, True, "Ribeiro et al. 2016, arXiv:1602.04938", "scikit-learn"),
    Method(
        "decision_tree", "Decision tree", "proxy", False, True, "Craven and Shavlik 1996 (TREPAN)", "scikit-learn",
    ),
)  # fmt: skip
METHODS: dict[str, Method] = {one.name: one for one in _ALL}


def method(name: str) -> Method:
    """The method of that name. Raises EdgeboardError that tells the nearest ones."""
    if name not in METHODS:
        raise EdgeboardError(
            "There is no such method of explanation", value=name, allowed=", ".join(METHODS),
            mend=nearest_names(name, list(METHODS)),
        )  # fmt: skip
    return METHODS[name]


def why_not_for_kind(name: str, kind: str) -> str | None:
    """The reason why the method does not fit a kind of task, or None."""
    one = method(name)
    if kind in one.kinds:
        return None
    if kind == "detection":
        return f"{one.title} explains one score of a whole frame, a detection is one of many; take d_rise"
    if name == "d_rise":
        return "D-RISE explains single boxes, which only a detector answers; take rise"
    return f"{one.title} is for {', '.join(one.kinds)}, not for {kind}"


def nearest_names(name: str, known: list[str]) -> str | None:
    """`did you mean a, b?`, or None where nothing is near."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"did you mean {', '.join(near)}?" if near else None
