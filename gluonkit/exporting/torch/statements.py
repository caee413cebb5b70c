"""The statements of a graph's `forward`, with readable names, and short expressions in others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from gluonkit.exporting.torch import operators
from gluonkit.exporting.torch.operators.use import primary
from gluonkit.exporting.torch.parts import Call, Unmapped, UnmappedOperatorError
from gluonkit.exporting.torch.plan import Plan, identifier
from gluonkit.files.graph import Graph, Node, Place

_LONG = 72
"""Characters of an expression, above which its parts get lines of their own."""


class Statements:
    """The statements of `forward`.

    Attributes
    ----------
    helpers : set of str
        The functions that they need.
    """

    def __init__(
        self, graph: Graph, planned: Plan, inputs: Mapping[str, str], unmapped: list[Unmapped]
    ) -> None:
        self._graph, self._plan, self._unmapped = graph, planned, unmapped
        self.helpers: set[str] = set()
        self._names: dict[Place, str] = {}
        self._holders: dict[str, Place] = {}
        for number, node in enumerate(graph.nodes):
            if node.is_variable and node.name in inputs:
                self._bind((number, 0), inputs[node.name])
            elif node.is_variable and node.name in planned.parameters:
                self._names[number, 0] = planned.parameters[node.name]
        self._nodes = sorted(planned.reads)
        heads = [head.place for head in graph.heads]
        self._uses = Counter([p for reads in planned.reads.values() for p in reads] + heads)
        self._inlined: set[int] = set()
        self._last: dict[Place, int] = {}
        self._anchor = self._anchored()

    def _bind(self, place: Place, name: str) -> str:
        self._names[place] = name
        self._holders[name] = place
        return name

    def _anchored(self) -> tuple[str, str] | None:
        """Return an input or parameter of floats, whose type and device new arrays take."""
        for place, name in sorted(self._names.items(), key=lambda pair: "self." in pair[1]):
            dtype = self._graph.spec(place).dtype
            if dtype.startswith("float"):
                return name, dtype
        return None

    def lines(self) -> list[str]:
        """Return the statements."""
        self._choose_inlined()
        statements = [number for number in self._nodes if number not in self._inlined]
        for at, number in enumerate(statements):
            self._last.update(dict.fromkeys(self._read(number), at))
        heads = [head.place for head in self._graph.heads]
        for head in heads:
            inner = self._read(head[0]) if head[0] in self._inlined else [head]
            self._last.update(dict.fromkeys(inner, len(statements)))
        if self._anchor is not None and self._anchor[0] in self._holders:
            self._last[self._holders[self._anchor[0]]] = len(statements)
        lines = []
        for at, number in enumerate(statements):
            text = self._text(number, self._expression)
            lines.append(f"{self._targets(number, at)} = {text}")
        return [*lines, f"return {', '.join(map(self._expression, heads))}"]

    # What stands within other expressions

    def _choose_inlined(self) -> None:
        for number in self._nodes:
            reads = self._plan.reads[number]
            makers = [at for at, _ in reads if self._may_stand_within(at, number)]
            self._inlined.update(makers)
            text = self._preview(number)
            for maker in makers:
                part = self._preview(maker)
                if len(text) > _LONG or text.count(part) != 1:
                    self._inlined.discard(maker)
                    text = self._preview(number)
        for at, output in (head.place for head in self._graph.heads):
            if self._uses[at, output] == 1 and at in self._plan.reads and self._is_single(at):
                self._inlined.add(at)

    def _may_stand_within(self, maker: int, reader: int) -> bool:
        both = maker in self._plan.modules and reader in self._plan.modules
        return (
            maker in self._plan.reads
            and self._is_single(maker)
            and self._uses[maker, 0] == 1
            and not both
        )

    def _is_single(self, number: int) -> bool:
        return len(self._graph.nodes[number].outputs) == 1

    def _preview(self, number: int) -> str:
        """Return an expression with stand-ins for the names that are not chosen yet."""

        def expression(place: Place) -> str:
            if place[0] in self._inlined:
                return self._preview(place[0])
            return self._names.get(place, f"value{place[0]}")

        return self._text(number, expression, final=False)

    def _read(self, number: int) -> Iterator[Place]:
        """Yield the values that an expression reads by name."""
        for place in self._plan.reads[number]:
            if place[0] in self._inlined:
                yield from self._read(place[0])
            else:
                yield place

    # Expressions

    def _expression(self, place: Place) -> str:
        if place[0] in self._inlined:
            return self._text(place[0], self._expression)
        return self._names[place]

    def _text(self, number: int, expression: Callable[[Place], str], *, final: bool = True) -> str:
        node = self._graph.nodes[number]
        arguments = [expression(place) for place in self._plan.reads[number]]
        if number in self._plan.modules:
            return self._call(number, arguments)
        try:
            call = self._operator(node, arguments)
        except UnmappedOperatorError as error:
            if final:
                self._unmapped.append(Unmapped(node.operator, node.name, str(error)))
            return "None"
        self.helpers.update(call.helpers if final else ())
        return call.text

    def _operator(self, node: Node, arguments: list[str]) -> Call:
        specs = [self._graph.spec(entry.place) for entry in node.inputs]
        return operators.call(
            node.operator, node.arguments, arguments, specs, node.outputs, anchor=self._anchor
        )

    def _call(self, number: int, arguments: list[str]) -> str:
        module = self._plan.modules[number]
        data = module.layer.before
        data = data.replace("{}", primary(arguments[0]) if data != "{}" else arguments[0])
        if states := arguments[1:]:
            data += f", {states[0] if len(states) == 1 else '(' + ', '.join(states) + ')'}"
        text = f"self.{module.name}({data})"
        node = self._graph.nodes[number]
        if node.operator == "RNN" and len(node.outputs) == 1:
            text += "[0]"
        return module.layer.after.replace("{}", text)

    # Names of results

    def _targets(self, number: int, at: int) -> str:
        node = self._graph.nodes[number]
        outputs = [(number, output) for output in range(len(node.outputs))]
        if len(outputs) == 1:
            return self._target(outputs[0], at, node.name, common=True)
        names = [
            self._target(place, at, f"{node.name}{place[1]}", common=place[1] == 0)
            for place in outputs
        ]
        if node.operator == "RNN" and len(names) == 3:
            return f"{names[0]}, ({names[1]}, {names[2]})"
        return ", ".join(names)

    def _target(self, place: Place, at: int, name: str, *, common: bool) -> str:
        """Choose the name of a value: x and y while nothing else has it, else its node's."""
        if place not in self._last:
            return "_"
        for wanted in ("x", "y") if common else ():
            holder = self._holders.get(wanted)
            if holder is None or self._last.get(holder, -1) <= at:
                return self._bind(place, wanted)
        plain, number = identifier(name), 2
        free = plain
        while free in self._holders:
            free, number = f"{plain}_{number}", number + 1
        return self._bind(place, free)
