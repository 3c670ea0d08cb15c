"""A copy of a network in which every activation is a module of its own that is called once and works on a copy.

Methods that change how a signal goes back through an activation hook its module. ResNet calls one ReLU twice, VGG
works in place, others call functions: the hooks would then see the wrong call, or none.
"""

from __future__ import annotations

import copy
import operator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from pipeline.errors import EdgeboardError

_FUNCTIONS: dict[Any, type[nn.Module]] = {
    functional.relu: nn.ReLU,
    torch.relu: nn.ReLU,
    torch.relu_: nn.ReLU,
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    functional.relu6: nn.ReLU6,
    functional.hardswish: nn.Hardswish,
    functional.hardsigmoid: nn.Hardsigmoid,
    functional.silu: nn.SiLU,
    torch.sigmoid: nn.Sigmoid,
    functional.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid,
    torch.tanh: nn.Tanh,
    "tanh": nn.Tanh,
}
_IN_PLACE = {operator.iadd: operator.add, operator.imul: operator.mul, operator.isub: operator.sub}
_IN_PLACE_METHODS = {"add_": "add", "mul_": "mul", "sub_": "sub", "div_": "div"}


def out_of_place(network: nn.Module) -> nn.Module:
    """A copy in eval mode whose modules leave their inputs as they are; its structure and names stay.

    It shares its weights with the network: nobody here changes them, and a VGG's are half a gigabyte.
    """
    weights = {id(one): one for one in (*network.parameters(), *network.buffers())}
    own = copy.deepcopy(network, weights).eval()
    for module in own.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
    return own


def unfolded(network: nn.Module) -> fx.GraphModule:
    """The copy, in eval mode; layers with weights keep their names.

    Raises EdgeboardError for a network whose forward cannot be traced, such as one that branches on its input.
    """
    own = out_of_place(network)
    try:
        traced = fx.symbolic_trace(own)
    except Exception as error:  # tracing runs the network's own code, which may raise anything
        raise EdgeboardError(
            "The network's forward cannot be traced, so that its activations cannot be told apart",
            value=f"{type(network).__name__}: {error}",
            mend="take a method that changes no activation, such as integrated_gradients",
        ) from error
    called: set[str] = set()
    for node in list(traced.graph.nodes):
        if node.op == "call_module":
            _give_its_own_module(traced, node, called)
        elif node.op in ("call_function", "call_method"):
            _function_as_module(traced, node)
    traced.recompile()
    return traced.eval()


def _give_its_own_module(traced: fx.GraphModule, node: fx.Node, called: set[str]) -> None:
    name = str(node.target)
    module = traced.get_submodule(name)
    # A layer with weights that is called twice is one layer; an activation is as many as its calls.
    if name in called and not any(True for _ in module.parameters()):
        again = f"{name}_again{len(called)}"
        traced.add_submodule(again, copy.deepcopy(module))
        node.target = again
        name = again
    called.add(name)


def _function_as_module(traced: fx.GraphModule, node: fx.Node) -> None:
    if node.target in _IN_PLACE:
        node.target = _IN_PLACE[node.target]
    elif node.op == "call_method" and node.target in _IN_PLACE_METHODS:
        node.target = _IN_PLACE_METHODS[str(node.target)]
    elif node.target in _FUNCTIONS:
        name = f"activation_{node.name}"
        traced.add_submodule(name, _FUNCTIONS[node.target]())
        node.op, node.target = "call_module", name
        node.args, node.kwargs = node.args[:1], {}
