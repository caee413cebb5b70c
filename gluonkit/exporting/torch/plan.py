"""What becomes of a graph's operators in torch: which are modules, and what these are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mxnet import gluon

from gluonkit.exporting.torch.constructs import Construct, Item, Name, Tensor, needed, option
from gluonkit.exporting.torch.nodes import Layer, layer_of, tensor
from gluonkit.exporting.torch.operators.use import Use
from gluonkit.exporting.torch.packed import recurrent
from gluonkit.exporting.torch.parts import Unmapped, UnmappedOperatorError, whole
from gluonkit.files.graph import Graph, Node, Place
from gluonkit.tracing.inputs import spec_of

_ZEROS = ("_zeros", "_npi_zeros")
_ENDING = re.compile(r"_(weight|bias|gamma|beta|parameters)$")


@dataclass(frozen=True)
class Module:
    """A module, and how an operator calls it.

    Attributes
    ----------
    name : str
        The attribute of the model.
    layer : Layer
        What makes it.
    """

    name: str
    layer: Layer


@dataclass
class Plan:
    """The modules and parameters of a model.

    Attributes
    ----------
    modules : dict of int to Module
        By the node that calls it.
    reads : dict of int to tuple of tuple of int
        The outputs that each operator needs, besides a module's own parameters.
    items : list of Item
        What `__init__` makes.
    parameters : dict of str to str
        The expression of each parameter, by MXNet's name.
    """

    modules: dict[int, Module] = field(default_factory=dict)
    reads: dict[int, tuple[Place, ...]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)


def plan(graph: Graph, parameters: Mapping[str, gluon.Parameter], unmapped: list[Unmapped]) -> Plan:
    """Return what becomes of a graph's operators; add to `unmapped` what torch does not have."""
    return _Planner(graph, parameters, unmapped).planned()


def use_of(graph: Graph, node: Node, arguments: Sequence[str] = ()) -> Use:
    """Return a node as a use of its operator."""
    inputs = [graph.spec(entry.place) for entry in node.inputs]
    return Use(node.operator, node.arguments, arguments, inputs, node.outputs)


class _Planner:
    def __init__(
        self,
        graph: Graph,
        parameters: Mapping[str, gluon.Parameter],
        unmapped: list[Unmapped],
    ) -> None:
        self._graph, self._parameters, self._unmapped = graph, parameters, unmapped
        self._plan = Plan()
        self._known: dict[tuple[object, ...], Module] = {}
        self._taken: set[str] = set()

    def planned(self) -> Plan:
        needed_nodes = {head.node for head in self._graph.heads}
        order = list(enumerate(self._graph.nodes))
        chosen = {number: self._layer(node) for number, node in order if not node.is_variable}
        for number, node in reversed(order):
            if number in needed_nodes and not node.is_variable:
                self._plan.reads[number] = self._read(node, chosen[number])
                needed_nodes.update(place[0] for place in self._plan.reads[number])
        for number, node in order:
            layer = chosen.get(number)
            if number in needed_nodes and layer is not None:
                self._plan.modules[number] = self._module(node, layer)
        self._add_own(needed_nodes)
        return self._plan

    def _layer(self, node: Node) -> Layer | None:
        """Return the module for a node whose other inputs are parameters, if there is one."""
        try:
            if node.operator == "RNN":
                packed = self._packed(node)
                return recurrent(use_of(self._graph, node), packed) if packed else None
            names = [self._graph.nodes[entry.node].name for entry in node.inputs[1:]]
            if not names or not all(name in self._parameters for name in names):
                return None
            if self._graph.nodes[node.inputs[0].node].name in self._parameters:
                return None
            return layer_of(use_of(self._graph, node), [self._parameters[name] for name in names])
        except UnmappedOperatorError as error:
            self._unmapped.append(Unmapped(node.operator, node.name, str(error)))
            return None

    def _packed(self, node: Node) -> list[gluon.Parameter]:
        """Return the parameters that an RNN's weights are joined from; none if there is more."""
        joined = self._graph.nodes[node.inputs[1].node]
        pieces = [joined]
        if joined.operator == "_rnn_param_concat":
            pieces = [self._graph.nodes[entry.node] for entry in joined.inputs]
            pieces = [
                self._graph.nodes[piece.inputs[0].node]
                if "reshape" in piece.operator.lower()
                else piece
                for piece in pieces
            ]
        names = [piece.name for piece in pieces]
        return [self._parameters[n] for n in names] if set(names) <= set(self._parameters) else []

    def _read(self, node: Node, layer: Layer | None) -> tuple[Place, ...]:
        places = [entry.place for entry in node.inputs]
        if layer is None:
            return tuple(places)
        if node.operator != "RNN":
            return tuple(places[:1])
        states = places[2:]
        if all(self._graph.nodes[at].operator in _ZEROS for at, _ in states):
            return tuple(places[:1])  # torch begins with zeros as well
        return (places[0], *states)

    def _module(self, node: Node, layer: Layer) -> Module:
        """Return the module of a node: that of an earlier one with the same parameters."""
        key = (layer.construct.text, *((t.name, id(t.parameter)) for t in layer.construct.tensors))
        if key not in self._known:
            name = self._free(_module_name(node, layer.construct))
            self._known[key] = Module(name, layer)
            self._plan.items.append(Item(name, layer.construct))
            self._note(name, layer.construct.tensors)
        return Module(self._known[key].name, layer)

    def _note(self, name: str, tensors: Sequence[Tensor]) -> None:
        for held in tensors:
            if held.parameter is not None and held.part is whole:
                expression = f"self.{name}.{held.name}"
                self._plan.parameters.setdefault(held.parameter.name, expression)

    def _add_own(self, wanted: set[int]) -> None:
        """Add the parameters that operators read themselves."""
        own = [
            self._graph.nodes[place].name
            for number, reads in self._plan.reads.items()
            for place, _ in reads
            if number in wanted
        ]
        own += [self._graph.nodes[head.node].name for head in self._graph.heads]
        for variable in dict.fromkeys(reversed(own)):
            if variable in self._parameters and variable not in self._plan.parameters:
                name = self._free(identifier(variable))
                self._plan.parameters[variable] = f"self.{name}"
                self._plan.items.append(_own(name, self._parameters[variable]))

    def _free(self, name: str) -> str:
        number, free = 2, name
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def _own(name: str, parameter: gluon.Parameter) -> Item:
    """Return a parameter of the model itself."""
    held = tensor("", parameter)
    spec = spec_of(parameter.data())
    arguments = [needed("size", int(size)) for size in spec.shape]
    if spec.dtype != "float32":
        arguments.append(option("dtype", Name(f"torch.{spec.dtype}")))
    kind = "parameter" if held.trained else "buffer"
    held = Tensor("", parameter, trained=held.trained, buffer=not held.trained)
    return Item(name, Construct("torch.empty", tuple(arguments), tensors=(held,)), kind)


def _module_name(node: Node, construct: Construct) -> str:
    """Return the name of a module: what its parameters' names begin with, else its node's."""
    names = [t.parameter.name for t in construct.tensors if t.parameter is not None]
    stem = _ENDING.sub("", names[0]) if names else ""
    is_shared = len(construct.tensors) < 2 or all(name.startswith(f"{stem}_") for name in names)
    return identifier(stem if stem and stem != names[0] and is_shared else node.name)


def identifier(name: str) -> str:
    """Return a name as one of Python's, without what Gluon adds to calls."""
    plain = re.sub(r"\W+", "_", name.removesuffix("_fwd")).strip("_") or "value"
    plain = f"layer{plain}" if plain[0].isdigit() else plain
    return f"{plain}_" if plain in _RESERVED else plain


_RESERVED = {
    *("self", "torch", "nn", "F", "math", "float", "fixed", "training", "forward", "type"),
    *("and", "as", "class", "def", "for", "from", "if", "in", "is", "lambda", "not", "or", "pass"),
    *("with", "while", "else", "return", "del", "try", "raise", "yield", "train", "eval", "half"),
}
"""Names that the source, or torch's modules, have in use."""
