"""Whether a method can explain a network as it is built, and why not."""

from __future__ import annotations

import operator

import torch
from torch import fx, nn

from pipeline.errors import EdgeboardError
from pipeline.explain.methods.registry import METHODS, method, why_not_for_kind
from pipeline.explain.methods.unfolded import unfolded

# Activations for which neither paper says how a signal goes back; ReLU6 is a ReLU with a ceiling.
_NOT_RELU = (
    nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.ELU, nn.LeakyReLU, nn.PReLU, nn.Sigmoid, nn.Tanh, nn.Mish,
    nn.Softplus,
)  # fmt: skip
_NO_RESCALE_RULE = (nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.PReLU, nn.Mish)
_PRODUCTS = {operator.mul, torch.mul, operator.matmul, torch.matmul, operator.truediv, torch.div, "mul", "div"}
_NORMS = {nn.functional.normalize}


def fits(name: str, kind: str, network: nn.Module | None = None) -> str | None:
    """None where the method can explain a task of that kind (and this network), else the reason why not."""
    return why_not_for_kind(name, kind) or (None if network is None else why_not(name, network))


def table_of_fits(kind: str, network: nn.Module | None = None) -> dict[str, str | None]:
    """Every method with None, or the reason why it does not fit."""
    return {name: fits(name, kind, network) for name in METHODS}


def why_not(name: str, network: nn.Module) -> str | None:
    """The reason why the method cannot explain this network, or None."""
    one = method(name)
    title, architecture = one.title, type(network).__name__
    if "convolution" in one.needs and not _has_convolution(network):
        return f"{title} needs a convolution; {architecture} has none"
    traced: fx.GraphModule | None = None
    if "unfoldable" in one.needs:
        try:
            traced = unfolded(network)
        except EdgeboardError as error:
            return f"{title} changes the network, which cannot be traced: {error.value}"
    modules = list((traced or network).modules())
    if "relu_only" in one.needs:
        others = _kinds_of(modules, _NOT_RELU)
        if others:
            return f"{title} is defined for ReLU; {architecture} also has {others}"
        if not any(isinstance(module, nn.ReLU | nn.ReLU6) for module in modules):
            return f"{title} is defined by what ReLU does to a gradient; {architecture} has none"
    if "one_signal_per_product" in one.needs and traced is not None:
        others = _kinds_of(modules, _NO_RESCALE_RULE)
        if others:
            return f"{title} has no rule for {others}, which {architecture} has"
        product = _product_of_signals(traced)
        if product:
            return f"{title} has no rule for {product} of two signals, which {architecture} computes"
    return None


def require_fit(name: str, network: nn.Module) -> None:
    """Raises EdgeboardError with the reason where the method cannot explain this network."""
    reason = why_not(name, network)
    if reason:
        possible = [other for other, one in METHODS.items() if one.needs_gradients and not why_not(other, network)]
        raise EdgeboardError(
            "This method cannot explain this architecture",
            value=f"{name}: {reason}",
            allowed=", ".join(possible) or "methods that need no gradients: occlusion, rise, lime, decision_tree",
        )


def _has_convolution(network: nn.Module) -> bool:
    return any(isinstance(module, nn.Conv2d | nn.Conv3d) for module in network.modules())


def _kinds_of(modules: list[nn.Module], kinds: tuple[type[nn.Module], ...]) -> str:
    return ", ".join(sorted({type(module).__name__ for module in modules if isinstance(module, kinds)}))


def _product_of_signals(traced: fx.GraphModule) -> str | None:
    """What multiplies or divides one signal that depends on the frame by another, as a gate or a norm does."""
    depends: set[fx.Node] = set()
    for node in traced.graph.nodes:
        signals = [one for one in node.all_input_nodes if one in depends]
        # The shape of a signal is no signal.
        if node.op == "placeholder" or (signals and node.target not in ("size", getattr)):
            depends.add(node)
        if node.target in _NORMS and signals:
            return "a quotient"
        if node.target in _PRODUCTS and len(signals) > 1:
            return "a product" if "div" not in str(node.target) else "a quotient"
    return None
