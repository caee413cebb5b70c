"""Graphs of old versions of MXNet made such as MXNet 1.9.1 writes them.

The rules are those by which MXNet itself upgrades a graph that it loads (``LoadLegacyJSON``), put
down for the file's nodes, so that all that reads a file sees the same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gluonkit.files.graph import Entry, Graph, Node
from gluonkit.files.symbols import RawGraph

_HIDDEN = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")
"""Attributes for the executor and the optimizer, not for the operator; since 0.9 ``__…__``."""
_FIRST = 800
"""The version, 0.8.0, that MXNet assumes where none is stated."""
_STATISTICS_KEPT = 900
"""The version, 0.9.0, from which on files list all inputs, also those of statistics."""
_AXIS_FROM_END = 905
"""The version, 0.9.5, from which on an axis of -1 is the last one; before, it was none given."""
SUCCESSORS = {
    "BatchNorm_v1": "BatchNorm",
    "CuDNNBatchNorm": "BatchNorm",
    "Convolution_v1": "Convolution",
    "Pooling_v1": "Pooling",
}
"""Operators under their old names, which are there for old files only."""


class Described(NamedTuple):
    """MXNet's description of an operator with its attributes.

    Attributes
    ----------
    name : str
        Its main name; files may have an alias.
    inputs : tuple of str
        The names of its inputs, 'data', 'weight'; empty if it has none, or its attributes are
        wrong.
    """

    name: str
    inputs: tuple[str, ...]


Describe = Callable[[str, Mapping[str, str]], Described]


def upgraded(graph: RawGraph, describe: Describe) -> Graph:
    """Upgrade a graph to the operators of MXNet 1.9.1.

    Its attributes have the version that wrote the file, if the file states it.

    Parameters
    ----------
    graph : RawGraph
        The graph as it is in the file.
    describe : callable
        Returns the description of an operator, given its name and its attributes.
    """
    writer = _Writer(_FIRST if graph.version is None else graph.version, describe)
    for node in graph.nodes:
        writer.add(node)
    stated = {} if graph.version is None else {"mxnet_version": ["int", graph.version]}
    return Graph(tuple(writer.nodes), writer.entries(graph.heads), stated)


class _Writer:
    """Writes the nodes one by one, and adds missing inputs before them."""

    def __init__(self, version: int, describe: Describe) -> None:
        self._version, self._describe = version, describe
        self.nodes: list[Node] = []
        self._places: list[int] = []
        self._variables: dict[str, int] = {}

    def add(self, node: Mapping[str, Any]) -> None:
        """Write the next node of the old graph."""
        attributes, hidden = _divided(_merged(node))
        if node["op"] == "null":
            self._places.append(self._variable(node["name"], attributes | _notes(hidden)))
            return
        operator, attributes = self._renewed(node["op"], attributes)
        known = self._describe(operator, attributes)
        inputs = self.entries(node["inputs"])
        if self._version < _STATISTICS_KEPT:
            # MXNet's own rule: statistics come last among the inputs, and get the operator's name.
            left_out = known.inputs[len(inputs) :]
            inputs += tuple(
                Entry(self._variable(f"{node['name']}_{name}", {})) for name in left_out
            )
        # Behind the missing inputs, as an attribute may be about one of these.
        rest = self._handed_on(hidden, known.inputs, inputs)
        self._places.append(len(self.nodes))
        subgraphs = tuple(node.get("subgraphs", ()))
        self.nodes.append(
            Node(known.name, node["name"], inputs, attributes | _notes(rest), subgraphs)
        )

    def entries(self, given: Iterable[Sequence[int]]) -> tuple[Entry, ...]:
        """Return where outputs of the old graph's nodes are in the new one."""
        return tuple(Entry(self._places[at], output) for at, output, *_ in given)

    def _variable(self, name: str, attributes: dict[str, str]) -> int:
        """Write a variable, unless it exists, and return its index."""
        # One variable for one name, for MXNet finds arrays by name.
        if name not in self._variables:
            self._variables[name] = len(self.nodes)
            self.nodes.append(Node("null", name))
        place = self._variables[name]
        self.nodes[place] = self.nodes[place].changed(**attributes)
        return place

    def _renewed(self, operator: str, attributes: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Return the current names of an operator and its attributes."""
        # Without an axis these look through all axes, which -1 meant then.
        is_old = self._version < _AXIS_FROM_END and operator in ("argmax", "argmin")
        if is_old and attributes.get("axis") == "-1":
            attributes = {key: value for key, value in attributes.items() if key != "axis"}
        # MXNet still has the old operator, which computes what the file was made with.
        if operator == "Pooling_v1" and _pools_otherwise(attributes):
            return operator, attributes
        return SUCCESSORS.get(operator, operator), attributes

    def _handed_on(
        self, hidden: dict[str, str], names: tuple[str, ...], inputs: Sequence[Entry]
    ) -> dict[str, str]:
        """Move attributes about variables, ``weight_lr_mult``, to these; return the rest."""
        rest: dict[str, str] = {}
        for key, value in hidden.items():
            kind = next(suffix for suffix in _HIDDEN if suffix in key)
            # What is left of ``weight_lr_mult`` is the operator's name for its input.
            of = key.removesuffix(kind).removesuffix("_")
            at = names.index(of) if of in names else len(inputs)
            source = self.nodes[inputs[at].node] if at < len(inputs) else None
            if source is not None and source.is_variable:
                self._variable(source.name, {f"__{kind}__": value})
            else:
                rest[key] = value
        return rest


def _merged(node: Mapping[str, Any]) -> dict[str, str]:
    """Merge a node's attributes, stored under any of three names, as MXNet does.

    Of ``attrs`` and ``attr`` the last counts. Up to 0.8 the operator's own were in ``param``, and
    annotations in ``attr``, which takes precedence.
    """
    given: dict[str, str] = {}
    # In the file's order, as the last of the two counts.
    for key in node:
        if key in ("attrs", "attr"):
            given = node[key]
    return {**node.get("param", {}), **given}


def _divided(attributes: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Split attributes into the operator's own, and annotations that are hidden from it."""
    own: dict[str, str] = {}
    hidden: dict[str, str] = {}
    for key, value in attributes.items():
        # The operator would refuse them as arguments that it does not know.
        is_hidden = key.startswith(_HIDDEN) or key.endswith(_HIDDEN)
        (hidden if is_hidden else own)[key] = value
    return own, hidden


def _notes(hidden: Mapping[str, str]) -> dict[str, str]:
    return {f"__{key}__": value for key, value in hidden.items()}


def _pools_otherwise(attributes: Mapping[str, str]) -> bool:
    """Return whether the old pooling computes something else at the edges than today's.

    It pads with zeros, and divides by the size of the whole window.
    """
    kind = attributes.get("pool_type", "max")
    padded = any(digit in "123456789" for digit in attributes.get("pad", ""))
    return (kind == "max" and padded) or (
        kind == "avg" and attributes.get("pooling_convention") == "full"
    )
