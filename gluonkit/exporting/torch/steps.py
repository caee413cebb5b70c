"""A block's pass as steps: operators, and calls of the blocks in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mxnet import gluon

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch import operators
from gluonkit.exporting.torch.layers import Layer
from gluonkit.exporting.torch.operators.use import primary
from gluonkit.exporting.torch.parts import Call
from gluonkit.exporting.torch.recording import Pass
from gluonkit.exporting.torch.sizes import Shapes, check_sizes
from gluonkit.files.graph import Node

Token: TypeAlias = "tuple[str, int]"
"""A value: a variable or node by name, and the number of its output."""
Expressions: TypeAlias = "Callable[[Token], str]"
"""Gives the expression that a value has where it is used."""


@dataclass(frozen=True)
class Module:
    """A block as another one calls it.

    Attributes
    ----------
    expression : str
        How it is reached: ``self.features``.
    layer : Layer or None
        What it is, if it is one of Gluon's layers, and what comes before and after it.
    """

    expression: str
    layer: Layer | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """An operator, or a call of a block.

    Attributes
    ----------
    order : int
        Its place in the order of execution.
    inputs : tuple of Token
        What it reads.
    pattern : object
        What it gives, nested as its expression gives it.
    written : callable
        Returns its expression, and the helpers that this needs.
    label : str
        A name for what it gives, if nothing better is known.
    is_call : bool
        Whether it calls a block.
    """

    order: int
    inputs: tuple[Token, ...]
    pattern: Any
    written: Callable[[Expressions], Call]
    label: str
    is_call: bool = False

    @property
    def outputs(self) -> tuple[Token, ...]:
        """What it gives."""
        return tuple(leaves_of(self.pattern))


def leaves_of(nested: Any) -> Iterable[Token]:
    """Yield the values of a nesting, which are pairs themselves."""
    if isinstance(nested, list):
        for part in nested:
            yield from leaves_of(part)
    elif nested is not None:
        yield nested


def as_lists(nested: Any, token: Callable[[Any], Token]) -> Any:
    """Return a nesting of lists, with a value for each leaf; a list of one is its part."""
    if isinstance(nested, Mapping):
        nested = list(nested.values())
    if isinstance(nested, (list, tuple)):
        return [as_lists(part, token) for part in nested]
    return None if nested is None else token(nested)


def head(at: Pass, number: int) -> Token:
    """Return the value that is an output of a pass's graph."""
    assert at.graph is not None
    entry = at.graph.heads[number]
    return at.graph.nodes[entry.node].name, entry.output


def operator_steps(
    at: Pass,
    anchor: Callable[[Expressions], tuple[str, str] | None],
    known: Callable[[], Iterable[tuple[str, Shapes]]],
) -> Iterable[tuple[Step, Node]]:
    """Yield a step for each operator of a pass's own.

    `known` gives expressions of arrays, and their shapes with two batches.
    """
    assert at.graph is not None
    graph = at.graph
    for node in graph.operators:
        inputs = tuple((graph.nodes[e.node].name, e.output) for e in node.inputs)
        specs = [graph.spec(entry.place) for entry in node.inputs]
        outputs: Any = [(node.name, index) for index in range(len(node.outputs))]

        def written(
            text: Expressions,
            node: Node = node,
            inputs: tuple[Token, ...] = inputs,
            specs: list[ArraySpec] = specs,
        ) -> Call:
            arguments = [text(token) for token in inputs]
            kind, attributes = node.operator, node.arguments
            if at.sizes is not None:
                own = (
                    (primary(argument), at.sizes.shapes[token])
                    for argument, token in zip(arguments, inputs, strict=True)
                    if token in at.sizes.shapes
                )
                attributes = at.sizes.written(node.name, attributes, [*known(), *own])
            call = operators.call(
                kind, attributes, arguments, specs, node.outputs, anchor=anchor(text)
            )
            check_sizes(attributes, call.text)
            return call

        pattern = outputs[0] if len(outputs) == 1 else outputs
        yield Step(_number(node.name), inputs, pattern, written, _label(node.operator)), node


def call_step(at: Pass, called: Pass, module: Module) -> tuple[Step, dict[Token, Token]]:
    """Return the step that calls a block, and which of its results are another one of them."""
    given = as_lists(called.given, lambda number: head(at, number))
    results = as_lists(called.results, lambda name: (name, 0))
    if isinstance(called.block, gluon.SymbolBlock):  # as flat as its inputs
        given, flat = list(leaves_of(given)), list(leaves_of(results))
        results = flat if len(flat) > 1 else flat[0]
    order = min(_number(name) for name, _ in leaves_of(results))
    same: dict[Token, Token] = {}
    if module.layer is None:
        pattern: Any = results
    elif not module.layer.states:
        pattern = results
    elif module.layer.is_cell:
        output, states = results
        same[output] = states[0]
        pattern = states if len(states) > 1 else states[0]
    elif isinstance(results, list):
        pattern = [results[0], results[1] if len(results[1]) > 1 else results[1][0]]
    else:
        pattern = results

    def written(text: Expressions) -> Call:
        return Call(_called(module, given, text, alone=not isinstance(results, list)))

    label = called.path.rpartition(".")[2].strip("_[]")
    label = label if label.isidentifier() else "y"
    inputs = tuple(leaves_of(given))
    return Step(order, inputs, pattern, written, label, is_call=True), same


def _called(module: Module, given: list[Any], text: Expressions, *, alone: bool) -> str:
    layer = module.layer
    if layer is None:
        while given and given[-1] is None:
            given = given[:-1]
        return f"{module.expression}({', '.join(nested_text(part, text) for part in given)})"
    if not layer.states:
        value = text(given[0])
        for wrap in layer.before:
            value = _wrapped(wrap.function, value)
        value = f"{module.expression}({value})"
        for wrap in layer.after:
            value = _wrapped(wrap.function, value)
        return value
    states = [state for part in given[1:2] for state in leaves_of(part)]
    arguments = [text(given[0])]
    if states:
        texts = [text(state) for state in states]
        arguments.append(texts[0] if layer.states == 1 else f"({', '.join(texts)})")
    value = f"{module.expression}({', '.join(arguments)})"
    return f"{value}[0]" if alone and not layer.is_cell else value


def _wrapped(function: str, value: str) -> str:
    return function.replace("{}", primary(value) if function.startswith("{}") else value)


def nested_text(nested: Any, text: Expressions) -> str:
    """Return a nesting of values as an expression."""
    if isinstance(nested, list):
        return f"[{', '.join(nested_text(part, text) for part in nested)}]"
    return "None" if nested is None else text(nested)


def _number(name: str) -> int:
    return int(name.rpartition("#")[2])


def _label(operator: str) -> str:
    """Return a name for what an operator gives."""
    return _LABELS.get(operator.strip("_").lower().replace("npi_", ""), "y")


_LABELS = {
    "elemwise_add": "total",
    "broadcast_add": "total",
    "concat": "joined",
    "softmax": "weights",
    "fullyconnected": "y",
}
