"""Plain activations in place of costly ones, and no squeeze-and-excitation: what int8 engines run fast.

Method: the "minimalistic" MobileNetV3 of its authors' own code (Howard et al. 2019, arXiv:1905.02244), which leaves out
hard-swish and squeeze-and-excitation for the sake of accelerators and DSPs. (It also leaves out 5x5 convolutions,
which stay here.) An engine rounds to 8 bits around each of these small operations, and so spends more time on them than
int8 saves.
"""

from __future__ import annotations

from torch import nn

from pipeline.errors import EdgeboardError

_ACTIVATIONS = (nn.Hardswish, nn.SiLU)


def make_minimalistic(network: nn.Module) -> list[str]:
    """Replace, in place: hard-swish and SiLU by ReLU, squeeze-and-excitation by nothing. Gives their names.

    Raises EdgeboardError where there is none.
    """
    from torchvision.ops.misc import SqueezeExcitation

    found: dict[str, nn.Module] = {}
    for name, module in network.named_modules():
        if isinstance(module, _ACTIVATIONS):
            found[name] = nn.ReLU(inplace=True)
        elif isinstance(module, SqueezeExcitation):
            found[name] = nn.Identity()
        elif isinstance(module, nn.Dropout):
            module.inplace = False  # the gradient of a ReLU needs its output as it was, that of a hard-swish its input
    for name, replacement in found.items():
        if not any(name.startswith(f"{other}.") for other in found):
            network.set_submodule(name, replacement)
    if not found:
        raise EdgeboardError(
            "The network has neither hard-swish, SiLU nor squeeze-and-excitation, so that there is nothing to simplify",
            where=type(network).__name__,
            mend="leave minimalistic out of the recipe",
        )
    return list(found)
