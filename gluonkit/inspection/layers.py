"""The rows of a summary: the tree of layers with what each one holds and costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from mxnet import gluon

from gluonkit._base.tables import Shown
from gluonkit.inspection.macs import macs_of, operator_key
from gluonkit.tracing import Call, Operator, Trace
from gluonkit.tracing.tree import array_key, join, known_shape, own_parameters

Trainable = Literal["yes", "no", "partly", ""]

# Operators whose output is their input's memory, seen in another shape.
_VIEWS = frozenset(("Flatten", "Reshape", "reshape_like", "_np_reshape", "_npx_reshape",
                    "expand_dims", "squeeze", "_np_squeeze"))  # fmt: skip


@dataclass(frozen=True)
class Layer(Shown):
    """One layer of a network: a block at one place of the tree.

    Numbers named ``own_…`` are of the block itself; the others include everything below it. An
    array that several layers share is counted at the first of them only.

    Attributes
    ----------
    path : str
        Structural path from the network, ``features.3.conv``; '' for the network itself.
    name : str
        The last part of the path.
    kind : str
        The block's class.
    depth : int
        0 for the network itself.
    detail : str
        Kernel, units, activation, as text.
    calls : int
        How often it was called; 0 if the input never reached it.
    inputs, outputs : object
        Shapes and data types of its first call, nested like its arguments and results.
    own_params, params : int or None
        Number of elements of the parameters; None if a shape is unknown.
    own_trainable, trainable : Trainable
        Whether the parameters get gradients: 'yes', 'no', 'partly'; '' without any.
    shared_with : tuple of str
        The earlier paths that hold the same arrays as this one.
    own_macs, macs : int or None
        Multiply-adds of all calls; None when no input was given.
    own_activation_bytes, activation_bytes : int or None
        Memory of its operators' outputs, in bytes.
    operators : mapping of str to int
        How often it called each operator itself.
    registered : bool
        False for a block that its parent calls without having registered it as a child.
    """

    path: str
    name: str
    kind: str
    depth: int
    detail: str
    calls: int
    inputs: Any
    outputs: Any
    own_params: int | None
    params: int | None
    own_trainable: Trainable
    trainable: Trainable
    shared_with: tuple[str, ...]
    own_macs: int | None
    macs: int | None
    own_activation_bytes: int | None
    activation_bytes: int | None
    operators: Mapping[str, int]
    registered: bool = True


@dataclass(eq=False)
class _Node:
    path: str
    name: str
    block: gluon.Block
    depth: int
    registered: bool = True
    children: list[_Node] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    first: float = float("inf")  # position of the first call of it, or of something below it


def layers_of(net: gluon.Block, trace: Trace | None) -> tuple[Layer, ...]:
    """Return the layers of a network, parents first, in the order in which they run."""
    root = _tree(net)
    if trace is not None:
        _attach(root, trace)
    shapes = {} if trace is None else trace.shapes
    rows = _Rows(shapes, traced=trace is not None)
    rows.add(root)
    return tuple(rows.layers)


def _tree(net: gluon.Block) -> _Node:
    """Return the tree of registered blocks; a repeated block is not expanded again."""
    root = _Node("", "", net, 0)
    seen = {id(net)}
    pending = [root]
    while pending:
        node = pending.pop()
        for name, block in node.block._children.items():
            child = _Node(join(node.path, name), name, block, node.depth + 1)
            node.children.append(child)
            # A layer may be registered twice, and then has several rows, the first one with its
            # parts.
            if id(block) not in seen:
                seen.add(id(block))
                pending.append(child)
    return root


def _attach(root: _Node, trace: Trace) -> None:
    """Assign the calls to layers, and sort layers by their first call."""
    nodes = {node.path: node for node in _all(root)}
    for number, call in enumerate(trace.calls):
        node = nodes.get(call.path)
        # A layer that its parent has not registered appears in the trace only.
        if node is None:
            parent = nodes[call.parent.path if call.parent is not None else ""]
            name = call.path.removeprefix(f"{parent.path}." if parent.path else "")
            node = _Node(call.path, name, call.block, parent.depth + 1, call.registered)
            nodes[call.path] = node
            parent.children.append(node)
        node.calls.append(call)
        # Layers are in the order of their first calls, which need not be that of their attributes.
        node.first = min(node.first, number)
    # Parents come before their parts, so that in reverse the parts are known first.
    for node in reversed(list(_all(root))):
        node.first = min([node.first, *(child.first for child in node.children)])
        node.children.sort(key=lambda child: child.first)


def _all(root: _Node) -> Iterator[_Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children))


class _Rows:
    """Builds the layers' records, counting every array once."""

    def __init__(self, shapes: Mapping[int, tuple[int, ...]], *, traced: bool) -> None:
        self._shapes = shapes
        self._traced = traced
        self._owner: dict[int, str] = {}  # array -> path of the layer that it is counted at
        self.layers: list[Layer] = []

    def add(self, node: _Node) -> Layer:
        """Add a layer and all below it; return it."""
        # The row is put in before those of its parts, and completed when their sums are known.
        place = len(self.layers)
        own = self._own(node)
        self.layers.append(Layer(**own, params=0, macs=0, activation_bytes=0, trainable=""))
        below = [self.add(child) for child in node.children]
        kinds = {own["own_trainable"], *(layer.trainable for layer in below)} - {""}
        totals: dict[str, Any] = {"trainable": "partly" if len(kinds) > 1 else "".join(kinds)}
        totals |= {
            name: _total([own[f"own_{name}"], *(getattr(layer, name) for layer in below)])
            for name in ("params", "macs", "activation_bytes")
        }
        self.layers[place] = Layer(**own, **totals)
        return self.layers[place]

    def _own(self, node: _Node) -> dict[str, Any]:
        operators = [operator for call in node.calls for operator in call.operators]
        first = node.calls[0] if node.calls else None
        return {
            "path": node.path,
            "name": node.name,
            "kind": type(node.block).__name__,
            "depth": node.depth,
            "detail": detail_of(node.block),
            "calls": len(node.calls),
            "inputs": first.inputs if first else (),
            "outputs": first.outputs if first else None,
            # What is not counted is named below the table.
            "own_macs": sum(macs_of(operation) or 0 for operation in operators)
            if self._traced
            else None,
            "own_activation_bytes": _activations(operators) if self._traced else None,
            "operators": MappingProxyType(Counter(map(operator_key, operators))),
            "registered": node.registered,
            **self._parameters(node),
        }

    def _parameters(self, node: _Node) -> dict[str, Any]:
        """Count the elements of a block's own parameters, without those of earlier layers."""
        counted: list[int | None] = []
        shared = []
        own = own_parameters(node.block).values()
        for parameter in own:
            key = array_key(parameter)
            if key not in self._owner:
                self._owner[key] = node.path
                counted.append(known_size(parameter, self._shapes))
            # A block may hold one array under two names, and is no layer that shares it then.
            elif self._owner[key] != node.path:
                shared.append(self._owner[key])
        return {
            "own_params": _total(counted),
            "own_trainable": _trainable([parameter.grad_req != "null" for parameter in own]),
            "shared_with": tuple(dict.fromkeys(shared)),
        }


def known_size(parameter: gluon.Parameter, shapes: Mapping[int, tuple[int, ...]]) -> int | None:
    """Return the number of elements of a parameter; None if its shape is unknown."""
    # A trace infers shapes which the parameter itself gets with its values only.
    shape = shapes.get(id(parameter)) or known_shape(parameter)
    if shape is None or None in shape:
        return None
    return math.prod(dimension or 0 for dimension in shape)


def _total(parts: list[int | None]) -> int | None:
    """Return the sum, or None if a summand is unknown."""
    return None if None in parts else sum(part for part in parts if part is not None)


def _trainable(flags: list[bool]) -> Trainable:
    if not flags:
        return ""
    return "yes" if all(flags) else "partly" if any(flags) else "no"


def _activations(operators: list[Operator]) -> int:
    """Return the memory of operators' outputs, in bytes; views of their inputs take none."""
    return sum(
        output.bytes
        for operator in operators
        if operator.name not in _VIEWS
        for output in operator.outputs
    )


def detail_of(block: gluon.Block) -> str:
    """Describe a layer of MXNet beyond its class: kernel, units, activation."""
    # MXNet's convolutions and pooling keep there what their operators are called with.
    settings = getattr(block, "_kwargs", None)
    settings = settings if isinstance(settings, dict) else {}
    if settings.get("global_pool"):
        return "global"
    if "kernel" in settings:
        kernel = "×".join(map(str, settings["kernel"]))
        text = f"{settings['num_filter']} × {kernel}" if "num_filter" in settings else kernel
        stride = settings.get("stride", ())
        if any(step != 1 for step in stride):
            text += f", stride {'×'.join(map(str, dict.fromkeys(stride)))}"
        groups = settings.get("num_group", 1)
        return text + (f", {groups} groups" if groups > 1 else "")
    for attribute, text in _DETAILS.items():
        value = getattr(block, attribute, None)
        # Classes other than MXNet's may have such attributes, with anything in them.
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return text.format(value)
    return ""


_DETAILS = {
    "_units": "{} units",
    "_act_type": "{}",
    "_hidden_size": "{} hidden units",
    "_rate": "{:.0%} dropped",
    "_output_dim": "{} dimensions",
}
