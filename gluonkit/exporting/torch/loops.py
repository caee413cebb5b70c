"""A cell that is called for each step of a sequence, call after call, written as a loop."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from gluonkit.exporting.torch.operators.use import primary
from gluonkit.exporting.torch.parts import Call
from gluonkit.exporting.torch.recording import Pass
from gluonkit.exporting.torch.steps import (
    Expressions,
    Module,
    Step,
    Token,
    as_lists,
    head,
    leaves_of,
    nested_text,
)
from gluonkit.files.graph import Graph, Node

_STACKS = {"stack", "_npi_stack"}


@dataclass(frozen=True, eq=False)
class CellCall:
    """A call of a recurrent cell for one step.

    Attributes
    ----------
    step : Step
        The call as it is written alone.
    module : Module
        The cell.
    x : Token
        What it gets of the sequence.
    begin : object
        The states that it gets, nested; None for each that begins with zeros.
    output : Token
        What it gives.
    states : list
        The states that it gives.
    state : Token
        The one of them that is the output, too; the output if none is.
    """

    step: Step
    module: Module
    x: Token
    begin: Any
    output: Token
    states: list[Any]
    state: Token


def cell_call(at: Pass, called: Pass, module: Module, step: Step) -> CellCall | None:
    """Return a call as that of a cell, (x, states) -> (output, states); None if it is another."""
    results = as_lists(called.results, lambda name: (name, 0))
    given = as_lists(called.given, lambda number: head(at, number))
    is_cell = module.layer.is_cell if module.layer is not None else True
    pair = isinstance(results, list) and len(results) == 2 and len(given) == 2
    if not is_cell or not pair or not isinstance(results[1], list):
        return None
    x, output = given[0], results[0]
    if not isinstance(x, tuple) or not isinstance(output, tuple):
        return None
    state = results[1][0] if module.layer is not None else output
    if module.layer is None and called.heads is not None:
        own = as_lists(called.heads, lambda number: head(called, number))
        pairs = zip(leaves_of(own[1]), leaves_of(results[1]), strict=True)
        state = next((given for made, given in pairs if made == own[0]), output)
    return CellCall(step, module, x, given[1], output, results[1], state)


class _Part(NamedTuple):
    """One step of a sequence: its number, of how many along which axis of what."""

    source: Token
    axis: int
    number: int
    length: int


def rolled(
    graph: Graph,
    steps: Sequence[Step],
    calls: Sequence[CellCall],
    results: Iterable[Token],
    of: Callable[[Token], Token],
) -> tuple[list[Step], dict[Token, Token]]:
    """Return the steps of a pass, with one step in place of a cell's calls for a whole sequence.

    The calls are one step only if each gets the next part of one array, and the states of the call
    before it, which nobody else reads: so nothing else can depend on the number of calls. `of`
    gives the value that a value is the same as; more of these are returned.
    """
    roller = _Roller(graph, steps, results, of)
    return roller.rolled(calls), roller.same


class _Roller:
    """The steps of a pass, whose calls of cells become loops."""

    def __init__(
        self,
        graph: Graph,
        steps: Sequence[Step],
        results: Iterable[Token],
        of: Callable[[Token], Token],
    ) -> None:
        self.same: dict[Token, Token] = {}
        self._of, self._steps = of, list(steps)
        self._results = set(map(of, results))
        self._parts = dict(_parts(graph))
        self._stacks = {
            (node.name, 0): int(node.arguments.get("axis", 0)) % len(node.outputs[0].shape)
            for node in graph.operators
            if node.operator in _STACKS
        }
        self._readers: dict[Token, set[Step]] = defaultdict(set)
        for step in steps:
            for token in step.inputs:
                self._readers[of(token)].add(step)

    def rolled(self, calls: Sequence[CellCall]) -> list[Step]:
        by_cell: dict[str, list[list[CellCall]]] = {}
        for call in calls:
            chains = by_cell.setdefault(call.module.expression, [[]])
            if chains[-1] and not self._follows(chains[-1][-1], call):
                chains.append([])
            chains[-1].append(call)
        every = [chain for chains in by_cell.values() for chain in chains]
        for chain in sorted(every, key=lambda chain: chain[0].step.order):
            if (part := self._sequence(chain)) is not None and self._is_alone(chain):
                self._roll(chain, part)
        return sorted(self._steps, key=lambda step: step.order)

    def _follows(self, call: CellCall, other: CellCall) -> bool:
        """Return whether a call gets the states of another one."""
        given, got = leaves_of(call.states), leaves_of(other.begin)
        return list(map(self._of, given)) == list(map(self._of, got))

    def _sequence(self, chain: Sequence[CellCall]) -> _Part | None:
        """Return the first part of the array whose parts, all of them, the calls get in order.

        The order may be that from the end.
        """
        parts = [self._parts.get(self._of(call.x)) for call in chain]
        first = parts[0]
        if first is None or len(chain) != first.length or len(chain) == 1:
            return None
        wanted = [first._replace(number=number) for number in range(first.length)]
        return first if parts in (wanted, wanted[::-1]) else None

    def _is_alone(self, chain: Sequence[CellCall]) -> bool:
        """Return whether nobody else reads the states between the calls; outputs are others'."""
        for call, following in pairwise(chain):
            hidden = set(map(self._of, leaves_of(call.states))) - {self._of(call.state)}
            if any(self._readers[s] - {following.step} or s in self._results for s in hidden):
                return False
        return True

    def _roll(self, chain: Sequence[CellCall], part: _Part) -> None:
        first, last = chain[0], chain[-1]
        self.same |= {call.output: call.state for call in chain if call.output != call.state}
        outputs = [self._of(call.state) for call in chain]
        stacks = {step: way for step in self._steps if (way := self._way(step, outputs))}
        own = next((s for s, way in stacks.items() if way == (part.axis, False)), None)
        y: Token = own.outputs[0] if own else (f"outputs#{first.step.order}", 0)
        gone = {call.step for call in chain} | set(stacks)
        self._steps = [step for step in self._steps if step not in gone]
        self._steps.append(_loop(first, last, part, y))
        self._steps += [
            _turned(step, y, part.axis, *way) for step, way in stacks.items() if step is not own
        ]
        kept = set(map(self._of, leaves_of(last.states)))
        for number, output in enumerate(outputs):
            self._parts[output] = _Part(y, part.axis, number, len(chain))
            if output not in kept:
                self._steps.append(_picked(output, self._parts[output], first.step.order))

    def _way(self, step: Step, outputs: list[Token]) -> tuple[int, bool] | None:
        """Return along which axis a step stacks these, and whether the last one comes first."""
        axis = self._stacks.get(step.outputs[0])
        given = [self._of(self.same.get(token, token)) for token in step.inputs]
        if axis is None or given not in (outputs, outputs[::-1]):
            return None
        return axis, given != outputs


def _turned(step: Step, y: Token, axis: int, place: int, is_flipped: bool) -> Step:
    """Return the step that gives a loop's outputs in another order, or along another axis."""

    def written(text: Expressions) -> Call:
        flip = f".flip({axis})" if is_flipped else ""
        return Call(
            f"{primary(text(y))}{flip}{f'.movedim({axis}, {place})' if axis != place else ''}"
        )

    return Step(step.order, (y,), step.outputs[0], written, step.label)


def _loop(first: CellCall, last: CellCall, part: _Part, y: Token) -> Step:
    """Return the step that calls a cell for a whole sequence."""
    layer = first.module.layer
    begin = list(leaves_of(first.begin))
    states: Any = last.states
    if layer is not None and len(states) == 1:
        states = states[0]

    def written(text: Expressions) -> Call:
        x = text(part.source)
        arguments = [
            first.module.expression,
            f"{primary(x)}.flip({part.axis})" if part.number else x,
        ]
        if layer is None:
            arguments.append(nested_text(first.begin, text))
        elif len(begin) > 1:
            arguments.append(f"({', '.join(map(text, begin))})")
        elif begin:
            arguments.append(text(begin[0]))
        helper = "unroll" if layer is not None else "unroll_block"
        return Call(f"{helper}({', '.join(arguments)}, dim={part.axis})", (helper,))

    order, label = first.step.order, "outputs"
    return Step(order, (part.source, *begin), [y, states], written, label, is_call=True)


def _picked(output: Token, part: _Part, order: int) -> Step:
    """Return the step that takes one output of a loop."""

    def written(text: Expressions) -> Call:
        number = part.number if part.number < part.length - 1 else -1
        return Call(f"{primary(text(part.source))}[{':, ' * part.axis}{number}]")

    return Step(order, (part.source,), output, written, "y")


def _parts(graph: Graph) -> Iterator[tuple[Token, _Part]]:
    """Yield the values that are single steps of a sequence: split off, or taken by their number."""
    for node in graph.operators:
        if node.operator == "SliceChannel":
            yield from _split(graph, node)
        elif node.operator == "squeeze":
            yield from _indexed(graph, node)


def _split(graph: Graph, node: Node) -> Iterator[tuple[Token, _Part]]:
    entry, given = node.inputs[0], node.arguments
    rank = len(graph.spec(entry.place).shape)
    count, axis = int(given["num_outputs"]), int(given.get("axis", 1)) % rank
    if given.get("squeeze_axis", "False") in ("True", "1", "true"):
        source = graph.nodes[entry.node].name, entry.output
        for number in range(count):
            yield (node.name, number), _Part(source, axis, number, count)


def _indexed(graph: Graph, node: Node) -> Iterator[tuple[Token, _Part]]:
    """Yield what an index gives: a slice along one axis, which is left out then."""
    inner = graph.nodes[node.inputs[0].node]
    if inner.operator != "slice":
        return
    entry, given = inner.inputs[0], inner.arguments
    begins, ends = (_limits(given, name) for name in ("begin", "end"))
    places = [
        axis for axis, pair in enumerate(zip(begins, ends, strict=False)) if pair != (None, None)
    ]
    if len(places) != 1 or _limits(node.arguments, "axis") != (places[0],):
        return
    (axis,) = places
    count = graph.spec(entry.place).shape[axis]
    number = (begins[axis] or 0) % count
    source = graph.nodes[entry.node].name, entry.output
    if graph.spec((node.inputs[0].node, 0)).shape[axis] == 1:
        yield (node.name, 0), _Part(source, axis, number, count)


def _limits(given: Mapping[str, str], name: str) -> tuple[Any, ...]:
    value = ast.literal_eval(given.get(name, "()"))
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
