"""A graph of operators as a value: read from MXNet's JSON, changed, and written again.

MXNet's `Symbol` is a handle to a graph that cannot be looked into or changed but by its JSON. All
of gluonkit that reads or changes one does it here; `tracing.symbols` converts from and to symbols.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from gluonkit._base.specs import ArraySpec

Place: TypeAlias = tuple[int, int]
"""An output of a node: the node's position in the graph, and the output's number."""

_VARIABLE = "null"
"""MXNet's name of the operator of a variable."""


class Entry(NamedTuple):
    """An output of a node, as the input of another node or of the graph.

    Attributes
    ----------
    node, output : int
        The node's index in the graph, and the index of its output.
    version : int
        MXNet's count of the operators that have changed a variable, such as moving statistics.
    """

    node: int
    output: int = 0
    version: int = 0

    @property
    def place(self) -> Place:
        """The output, without the version."""
        return self.node, self.output


def moved(
    entries: Iterable[Entry], positions: Mapping[int, int] | Sequence[int]
) -> tuple[Entry, ...]:
    """Return entries whose nodes have other positions now."""
    return tuple(entry._replace(node=positions[entry.node]) for entry in entries)


@dataclass(frozen=True)
class Node:
    """A variable, or an operator applied to outputs of earlier nodes.

    Attributes
    ----------
    operator : str
        MXNet's name of the operator; "null" for a variable.
    name : str
        Its own name, not always unique.
    attributes : mapping of str to str
        The operator's arguments as text, and annotations, which begin with two underscores.
    subgraphs : tuple of mapping
        The bodies of control flow, in MXNet's JSON.
    count : int
        The number of its outputs, including hidden ones.
    outputs : tuple of ArraySpec
        Shape and data type of each visible output, if they were inferred.
    """

    operator: str
    name: str
    inputs: tuple[Entry, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    subgraphs: tuple[Mapping[str, Any], ...] = ()
    count: int = 1
    outputs: tuple[ArraySpec, ...] = ()

    @property
    def is_variable(self) -> bool:
        """Whether it is a variable, not an operator."""
        return self.operator == _VARIABLE

    @property
    def arguments(self) -> dict[str, str]:
        """The operator's own arguments, without annotations."""
        return {key: text for key, text in self.attributes.items() if not key.startswith("__")}

    def changed(self, /, **attributes: str) -> Node:
        """Return the node with some attributes changed."""
        return replace(self, attributes={**self.attributes, **attributes})

    def to_json(self) -> dict[str, Any]:
        """Return the node in MXNet's JSON."""
        written: dict[str, Any] = {"op": self.operator, "name": self.name}
        if self.attributes:
            written["attrs"] = dict(self.attributes)
        written["inputs"] = [list(entry) for entry in self.inputs]
        if self.subgraphs:
            written["subgraphs"] = list(self.subgraphs)
        return written


@dataclass(frozen=True)
class Graph:
    """A graph of operators, in an order of execution.

    Attributes
    ----------
    nodes : tuple of Node
        The nodes; each comes after those that it reads.
    heads : tuple of Entry
        The graph's outputs.
    attributes : mapping of str to object
        MXNet's attributes of a graph: the version that wrote it.
    """

    nodes: tuple[Node, ...]
    heads: tuple[Entry, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Parse the text of MXNet's `Symbol.tojson`."""
        return _read(text)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the text for MXNet's `load_json`."""
        # MXNet numbers all outputs of all nodes; a row says where those of a node begin.
        rows = [0]
        for node in self.nodes:
            rows.append(rows[-1] + node.count)
        graph = {
            "nodes": [node.to_json() for node in self.nodes],
            "arg_nodes": [place for place, node in enumerate(self.nodes) if node.is_variable],
            "node_row_ptr": rows,
            "heads": [list(head) for head in self.heads],
            "attrs": dict(self.attributes),
        }
        return json.dumps(graph, indent=indent)

    @property
    def mxnet(self) -> str:
        """The version of MXNet that wrote it: '1.9.1'; '0.8 or older' if it is not stated."""
        # A pair of the type and the number: ["int", 10901] for 1.9.1.
        _, version = self.attributes.get("mxnet_version", (None, None))
        return "0.8 or older" if version is None else version_text(version)

    @property
    def operators(self) -> Iterable[Node]:
        """The nodes that are not variables."""
        return (node for node in self.nodes if not node.is_variable)

    @property
    def control_flow(self) -> str:
        """The name of an operator for control flow; '' if there is none."""
        return next((node.operator for node in self.nodes if node.subgraphs), "")

    def spec(self, place: Place) -> ArraySpec:
        """Return the inferred shape and data type of an output."""
        return self.nodes[place[0]].outputs[place[1]]

    def readers(self) -> list[Place]:
        """Return the outputs that each node reads, in the order of the nodes."""
        return [entry.place for node in self.nodes for entry in node.inputs]

    def map(self, function: Callable[[Node], Node]) -> Graph:
        """Return the graph with a function applied to each node."""
        return replace(self, nodes=tuple(map(function, self.nodes)))

    def subgraph(self, heads: Sequence[Entry]) -> Graph:
        """Return the subgraph that some outputs need, with these as its outputs.

        MXNet itself keeps unused nodes, and requires the values of their variables.
        """
        needed: set[int] = set()
        stack = [head.node for head in heads]
        while stack:
            if (place := stack.pop()) not in needed:
                needed.add(place)
                stack.extend(entry.node for entry in self.nodes[place].inputs)
        part = replace(self, heads=tuple(heads))
        # In the old order, in which each node comes after those that it reads.
        return part if len(needed) == len(self.nodes) else part.ordered(sorted(needed))

    def pruned(self) -> Graph:
        """Return the graph with only the nodes that its outputs need."""
        return self.subgraph(self.heads)

    def ordered(self, order: Sequence[int]) -> Graph:
        """Return the graph with some of its nodes, given by position, in another order."""
        positions = {old: new for new, old in enumerate(order)}
        nodes = (self.nodes[old] for old in order)
        kept = tuple(replace(node, inputs=moved(node.inputs, positions)) for node in nodes)
        return replace(self, nodes=kept, heads=moved(self.heads, positions))

    def inserted(self, before: Mapping[int, Node], behind: Mapping[Place, Node]) -> Graph:
        """Insert operators of one input and one output.

        Parameters
        ----------
        before : mapping of int to Node
            By node: the operator, without inputs, through which it reads its first input.
        behind : mapping of tuple of int to Node
            By output: the operator, without inputs, through which all nodes read it.
        """
        nodes: list[Node] = []
        positions: list[int] = []
        routed: dict[Place, int] = {}

        def entry(old: Entry) -> Entry:
            if old.place in routed:
                return Entry(routed[old.place], 0, old.version)
            return old._replace(node=positions[old.node])

        for index, node in enumerate(self.nodes):
            entries = [entry(old) for old in node.inputs]
            if index in before:
                nodes.append(replace(before[index], inputs=tuple(entries[:1])))
                entries[0] = Entry(len(nodes) - 1)
            # Known only now: an operator that is put before a node moves it on.
            positions.append(len(nodes))
            nodes.append(replace(node, inputs=tuple(entries)))
            for place in sorted(place for place in behind if place[0] == index):
                routed[place] = len(nodes)
                source = Entry(positions[index], place[1])
                nodes.append(replace(behind[place], inputs=(source,)))
        return replace(self, nodes=tuple(nodes), heads=tuple(map(entry, self.heads)))


def version_text(version: int) -> str:
    """Return a version of MXNet as text: '1.9.1' for 10901."""
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def _entries(entries: Iterable[Iterable[int]]) -> tuple[Entry, ...]:
    return tuple([Entry(*entry) for entry in entries])


# One pass after the other reads the same graph, which none can change.
@lru_cache(maxsize=4)
def _read(text: str) -> Graph:
    graph = json.loads(text)
    # Where the text has no rows, hidden outputs are not counted, and each node is taken to have
    # one.
    rows = graph.get("node_row_ptr") or range(len(graph["nodes"]) + 1)
    nodes = (
        Node(
            node["op"],
            node["name"],
            _entries(node["inputs"]),
            node.get("attrs", {}),
            tuple(node.get("subgraphs", ())),
            end - start,
        )
        for node, (start, end) in zip(graph["nodes"], pairwise(rows), strict=True)
    )
    return Graph(tuple(nodes), _entries(graph["heads"]), graph.get("attrs", {}))
