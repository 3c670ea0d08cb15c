"""What must hold before a network with fewer channels is worth training: it can be traced, is right, and comes back."""

from __future__ import annotations

import copy
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pipeline.artifact import Meta, load_artifact, save_artifact
from pipeline.compress.pruning.zeroing import Lost, zero_channels
from pipeline.detectors import Detector
from pipeline.errors import EdgeboardError
from pipeline.networks import blank_frames

MEND = "choose another architecture, or prune.structure: unstructured"
# Sums of float32 in another order differ by less; a channel in the wrong place by far more.
_RELATIVE_TOLERANCE = 1e-3
_PRODUCTS = {
    torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.bmm, torch.Tensor.bmm, torch.einsum,
    nn.functional.scaled_dot_product_attention,
}  # fmt: skip


def refuse_what_cannot_be_traced(network: nn.Module, frame_size: int) -> None:
    """Raise EdgeboardError for what the dependency graph gets wrong, or never finishes: shared weights and attention.

    PyTorch's own attention layer is traced well: its channels stay, and those beside it can leave.
    """
    names: dict[nn.Parameter, str] = {}
    for name, parameter in network.named_parameters(remove_duplicate=False):
        if parameter in names:
            raise EdgeboardError(
                "Two layers share one weight, so that neither can lose channels alone",
                where=f"{names[parameter]} and {name}",
                mend=MEND,
            )
        names[parameter] = name
    runs: Counter[str] = Counter()
    attention: list[str] = []
    with _inside(network, runs) as stack, _Products(lambda: attention.append(stack[-1])), torch.enable_grad():
        _answers(network.eval(), blank_frames(network, frame_size))
    repeated = [name for name, n in runs.items() if n > 1 and [*network.get_submodule(name).parameters(recurse=False)]]
    if repeated:
        raise EdgeboardError(
            "A layer with weights runs at several places, so that its channels belong to all of them",
            where=_few(repeated),
            mend=MEND,
        )
    if attention:
        raise EdgeboardError(
            "Attention that is written out ties channels to its heads in a way that cannot be traced",
            where=_few(attention),
            mend=MEND,
        )


def check_same_as_zeroed(network: nn.Module, pruned: nn.Module, lost: Sequence[Lost], frame_size: int) -> None:
    """`pruned` must compute what `network` does when the lost channels are zero.

    Raises EdgeboardError where it does not: the dependencies between the layers were traced wrongly then.
    """
    frames = _frames(network, frame_size)
    zeroed, smaller = (copy.deepcopy(one).eval() for one in (network, pruned))
    zero_channels(zeroed, lost)
    runs: Counter[str] = Counter()
    with torch.no_grad():
        expected = _answers(zeroed, frames)
        with _inside(smaller, runs) as stack:
            try:
                outputs = _answers(smaller, frames)
            except Exception as error:  # whatever an operation raises that gets another shape than it was written for
                raise EdgeboardError(
                    "Without those channels the layers no longer fit together", where=stack[-1], value=error, mend=MEND
                ) from error
    difference = _relative_difference(outputs, expected)
    if difference > _RELATIVE_TOLERANCE:
        raise EdgeboardError(
            "The dependencies between the layers were traced wrongly: without those channels it is another network",
            where=type(network).__name__,
            value=f"logits differ by {difference:.2g} of the largest",
            mend=MEND,
        )


def check_rebuilt(pruned: nn.Module, meta: Meta, scratch: Path) -> None:
    """The artifact of `pruned` must give the same network again. scratch: a folder that is left as it was.

    Raises EdgeboardError, with the names of the layers, where it does not.
    """
    frames = _frames(pruned, meta.frame_size)
    with torch.no_grad(), tempfile.TemporaryDirectory(dir=scratch) as folder:
        expected = pruned.eval()(frames)
        save_artifact(Path(folder), pruned, meta, {})
        try:
            outputs = load_artifact(Path(folder))[0](frames)
        except (RuntimeError, ValueError, AttributeError) as error:  # of load_state_dict, or of a layer as it runs
            layers = re.findall(r"size mismatch for ([\w.]+):", str(error))
            raise EdgeboardError(
                "The pruned network cannot be rebuilt from the widths of its layers",
                where=_few(layers) or meta.architecture,
                value=None if layers else error,
                mend=MEND,
            ) from error
    if _relative_difference(outputs, expected) > _RELATIVE_TOLERANCE:
        raise EdgeboardError(
            "The pruned network computes something else once it is rebuilt", where=meta.architecture, mend=MEND
        )


def _frames(network: nn.Module, size: int) -> Tensor:
    return torch.randn(blank_frames(network, size).shape, generator=torch.Generator().manual_seed(0))


def _answers(network: nn.Module, frames: Tensor) -> Tensor:
    """What the network answers; of a detector what its answer layers do, for which proposals are best is a matter of
    the last bit."""
    if isinstance(network, Detector):
        return torch.cat([one.flatten() for one in network.answer_maps(frames)])
    answers: Tensor = network(frames)
    return answers


def _relative_difference(outputs: Tensor, expected: Tensor) -> float:
    if outputs.shape != expected.shape:
        return torch.inf
    return float((outputs - expected).abs().max() / expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny))


class _Products(TorchFunctionMode):
    """Calls `found` when two activations are multiplied as matrices, which is what attention does."""

    def __init__(self, found: Callable[[], None]) -> None:
        super().__init__()
        self._found = found

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _PRODUCTS and not any(isinstance(factor, nn.Parameter) for factor in args):
            self._found()
        return func(*args, **(kwargs or {}))


@contextmanager
def _inside(network: nn.Module, runs: Counter[str]) -> Iterator[list[str]]:
    """Counts the runs of every module; gives the names of the modules that are running, the innermost last."""
    stack: list[str] = [type(network).__name__]
    hooks = []

    def enter(name: str) -> Callable[..., None]:
        def hook(*_args: Any) -> None:
            stack.append(name or stack[0])
            runs[name] += 1

        return hook

    def leave(_module: nn.Module, _inputs: Any, _outputs: Tensor) -> None:
        stack.pop()

    for name, module in network.named_modules():
        hooks += [module.register_forward_pre_hook(enter(name)), module.register_forward_hook(leave)]
    try:
        yield stack
    finally:
        for hook in hooks:
            hook.remove()


def _few(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:3]) + (f" and {len(unique) - 3} more" if len(unique) > 3 else "")
