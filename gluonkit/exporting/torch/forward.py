"""The `forward` of a block, as a person would write it: its names are those of the block's code."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mxnet import gluon

from gluonkit._base.specs import ArraySpec
from gluonkit.exporting.torch.constructs import Forward
from gluonkit.exporting.torch.loops import CellCall, cell_call, rolled
from gluonkit.exporting.torch.parts import Unmapped, UnmappedOperatorError
from gluonkit.exporting.torch.recording import Pass
from gluonkit.exporting.torch.sizes import Shapes
from gluonkit.exporting.torch.steps import (
    Expressions,
    Module,
    Step,
    Token,
    as_lists,
    call_step,
    head,
    leaves_of,
    nested_text,
    operator_steps,
)
from gluonkit.tracing.explain import inputs_taken

RESERVED = {"self", "torch", "nn", "F", "math", "float", "range", "fixed", "super"}
"""Names that the source has in use."""
_PLAIN = {"x", "y", "out", "output", "data", "inputs", "input"}
"""Names that say nothing of what they hold, so may hold the next result as well."""
_LONG = 72
"""Characters of an expression, above which its parts get lines of their own."""


@dataclass(frozen=True)
class Surroundings:
    """What a pass needs to know of the network.

    Attributes
    ----------
    module : callable
        Returns how a called block is reached.
    parameters : mapping of str to str
        The expression of each parameter of the block's, by MXNet's name.
    absent : frozenset of str
        Paths within the block of blocks that give what they get.
    """

    module: Callable[[Pass], Module]
    parameters: Mapping[str, str]
    absent: frozenset[str] = frozenset()


def write_forward(at: Pass, around: Surroundings, unmapped: list[Unmapped]) -> Forward:
    """Return a pass as the `forward` of a class; add to `unmapped` what torch does not have."""
    return _Writer(at, around, unmapped).written()


class _Writer:
    """One pass on its way to lines."""

    def __init__(self, at: Pass, around: Surroundings, unmapped: list[Unmapped]) -> None:
        self.at, self.around, self.unmapped = at, around, unmapped
        self.same: dict[Token, Token] = {}
        self.helpers: set[str] = set()
        self.lines: list[str] = []
        self.names: dict[Token, str] = {}
        self.results = as_lists(at.heads, partial(head, at))
        self.floats: dict[Token, str] = {}
        self.cells: list[CellCall] = []
        steps = sorted(self._steps(), key=lambda step: step.order)
        results = [self._of(token) for token in leaves_of(self.results)]
        assert at.graph is not None
        steps, same = rolled(at.graph, steps, self.cells, results, self._of)
        self.same.update(same)
        self.steps = _needed(steps, results, self._of)
        self.makers = {token: step for step in self.steps for token in step.outputs}
        self.inlined: set[Step] = set()

    def _of(self, token: Token) -> Token:
        """Return the value that a value is the same as."""
        while token in self.same:
            token = self.same[token]
        return token

    def _steps(self) -> Iterator[Step]:
        assert self.at.graph is not None
        for step, node in operator_steps(self.at, self._anchor, self._known):
            self.floats.update({(node.name, i): s.dtype for i, s in enumerate(node.outputs)})
            yield step
        for called in self.at.children:
            module = self.around.module(called)
            step, same = call_step(self.at, called, module)
            within = called.path.removeprefix(self.at.path).lstrip(".")
            if within in self.around.absent:
                self.same[step.outputs[0]] = step.inputs[0]
            else:
                self.same.update(same)
                cell = cell_call(self.at, called, module, step)
                self.cells += [cell] if cell is not None else []
                yield step

    def _anchor(self, text: Expressions) -> tuple[str, str] | None:
        """Return the name of an array, and its data type, which new arrays take."""
        for token in reversed(self.names):
            node = next((n for n in self._variables() if n.name == token[0]), None)
            dtype = node.outputs[0].dtype if node is not None else self.floats.get(token, "")
            if dtype.startswith("float") and self.bound.get(self.names[token]) == token:
                return self.names[token], dtype
        return None

    def _known(self) -> Iterator[tuple[str, Shapes]]:
        """Yield names that hold arrays, the first ones first, with their shapes by batch."""
        assert self.at.sizes is not None
        for token, name in self.names.items():
            if self.bound.get(name) == token and token in self.at.sizes.shapes:
                yield name, self.at.sizes.shapes[token]

    def _variables(self) -> Iterator[Any]:
        assert self.at.graph is not None
        return (node for node in self.at.graph.nodes if node.is_variable)

    def written(self) -> Forward:
        self.bound: dict[str, Token] = {}
        arguments, specs = self._arguments()
        self._choose_inlined()
        statements = [step for step in self.steps if step not in self.inlined]
        self.last: dict[Token, int] = {}
        for place, step in enumerate(statements):
            self.last.update(dict.fromkeys(self._read(step.inputs), place))
        results = [self._of(token) for token in leaves_of(self.results)]
        self.last.update(dict.fromkeys(self._read(results), len(statements)))
        self._unpack()
        for place, step in enumerate(statements):
            text = self._step_text(step)
            self.lines.append(f"{self._targets(step, place)} = {text}")
        returned = nested_text(self.results, self._text)
        if isinstance(self.results, list):
            returned = ", ".join(nested_text(part, self._text) for part in self.results)
            returned += "," if len(self.results) == 1 else ""
        self.lines.append(f"return {returned}")
        helpers = frozenset(self.helpers)
        return Forward(arguments, tuple(self.lines), helpers, specs, len(results))

    # Names of arguments

    def _arguments(self) -> tuple[tuple[str, ...], tuple[ArraySpec, ...]]:
        """Name the arguments, and return the names, and what is known of the arrays."""
        given = as_lists(self.at.arguments, lambda name: (name, 0))
        if self.at.parent is None:
            # The network's own `__call__` may put lists without arrays between those that it gets.
            given = [value for value in given if any(leaves_of([value]))]
        while given and given[-1] is None:
            given.pop()
        known = {node.name: node.outputs[0] for node in self._variables()}
        names = argument_names(self.at.block, len(given))
        self.nested: list[tuple[str, list[Any]]] = []
        specs = []
        for name, value in zip(names, given, strict=True):
            if isinstance(value, list):
                self.nested.append((name, value))
            elif value is not None:
                self._bind(value, name)
            specs += [known.get(token[0], ArraySpec(())) for token in leaves_of([value])]
        return tuple(names), tuple(specs)

    def _unpack(self) -> None:
        """Write a statement for each argument that is a list, which names its parts."""
        for name, value in self.nested:
            targets = [self._unpacked(part, f"{name}_{n}") for n, part in enumerate(value)]
            if any(target != "_" for target in targets):
                comma = "," if len(targets) == 1 else ""
                self.lines.append(f"{', '.join(targets)}{comma} = {name}")

    def _unpacked(self, part: Any, name: str) -> str:
        """Return the names of an argument's part, which may be a list itself."""
        if not isinstance(part, list):
            return self._target(part, -1, [name])
        inner = [self._unpacked(one, f"{name}_{n}") for n, one in enumerate(part)]
        if all(target == "_" for target in inner):
            return "_"
        return f"({', '.join(inner)}{',' * (len(inner) == 1)})"

    # What stands within other expressions

    def _choose_inlined(self) -> None:
        reads = [token for step in self.steps for token in step.inputs]
        uses = Counter(self._of(token) for token in [*reads, *leaves_of(self.results)])
        for step in self.steps:
            candidates = [
                maker
                for token in step.inputs
                if (maker := self.makers.get(self._of(token))) is not None
                and uses[self._of(token)] == 1
                and len(maker.outputs) == 1
                and not self._hints(maker.outputs[0])
            ]
            self.inlined.update(candidates)
            text = self._preview(step)
            for maker in candidates:
                part = self._preview(maker)
                if len(text) > _LONG or text.count(part) > 1:
                    self.inlined.discard(maker)
                    text = self._preview(step)
        for token in leaves_of(self.results):
            maker = self.makers.get(self._of(token))
            if maker is not None and uses[self._of(token)] == 1 and len(maker.outputs) == 1:
                self.inlined.add(maker)

    def _preview(self, step: Step) -> str:
        """Return an expression with stand-ins for the names that are not chosen yet."""

        def text(token: Token) -> str:
            token = self._of(token)
            maker = self.makers.get(token)
            if maker is not None and maker in self.inlined:
                return self._preview(maker)
            return self.around.parameters.get(token[0], "xxxx")

        try:
            return step.written(text).text
        except UnmappedOperatorError:
            return "xxxx"

    def _read(self, tokens: Iterable[Token]) -> Iterator[Token]:
        """Yield the values that expressions read by name."""
        for token in map(self._of, tokens):
            maker = self.makers.get(token)
            if maker is not None and maker in self.inlined:
                yield from self._read(maker.inputs)
            elif token[0] not in self.around.parameters:
                yield token

    # Expressions

    def _text(self, token: Token) -> str:
        token = self._of(token)
        maker = self.makers.get(token)
        if maker is not None and maker in self.inlined:
            return self._step_text(maker)
        if token in self.names:
            return self.names[token]
        if token[0] not in self.around.parameters:
            raise UnmappedOperatorError(f"it uses {token[0]}, which is no parameter of its own")
        return self.around.parameters[token[0]]

    def _step_text(self, step: Step) -> str:
        try:
            call = step.written(self._text)
        except UnmappedOperatorError as error:
            name = next((o[0].rpartition("#")[0] for o in step.outputs), "")
            kind = self._kinds().get(step.outputs[0][0], name)
            where = self.at.path or type(self.at.block).__name__
            self.unmapped.append(Unmapped(kind, where, str(error)))
            return "None"
        self.helpers.update(call.helpers)
        return call.text

    def _kinds(self) -> dict[str, str]:
        assert self.at.graph is not None
        return {node.name: node.operator for node in self.at.graph.operators}

    # Names of results

    def _targets(self, step: Step, place: int) -> str:
        reads = list(dict.fromkeys(self._read(step.inputs)))
        ending = (self.names[token] for token in reads if self.last[token] <= place)
        dying = [name for name in ending if step.is_call or name in _PLAIN]
        wanted = [*dying[:1], step.label]

        def of(nested: Any, *, outer: bool) -> str:
            if not isinstance(nested, list):
                return self._target(nested, place, wanted)
            parts = [of(part, outer=False) for part in nested]
            text = ", ".join(parts) + ("," if len(parts) == 1 else "")
            return text if outer else f"({text})"

        return of(step.pattern, outer=True)

    def _target(self, token: Token, place: int, wanted: Sequence[str]) -> str:
        """Choose the name of a value from a statement on; _ if nobody reads it."""
        if token not in self.last:
            return "_"
        hints = self._hints(token)
        for name in (*hints, *wanted):
            if self._is_free(name, place):
                return self._bind(token, name)
            if name in hints and self._renamed(name, place):
                return self._bind(token, name)
        first, number = (*hints, *reversed(wanted))[0], 2
        while not self._is_free(f"{first}{number}", place):
            number += 1
        return self._bind(token, f"{first}{number}")

    def _bind(self, token: Token, name: str) -> str:
        self.bound[name] = token
        self.names.pop(token, None)
        self.names[token] = name
        return name

    def _is_free(self, name: str, place: int) -> bool:
        holder = self.bound.get(name)
        is_dead = holder is None or (self.last.get(holder, -1) <= place and place >= 0)
        return is_dead and is_usable(name)

    def _renamed(self, name: str, place: int) -> bool:
        """Give the value that has a name another one, as the block's code does, if it does."""
        holder = self.bound.get(name)
        if holder is None:
            return False
        for other in self._hints(holder):
            if other != name and self._is_free(other, place) and other not in self.bound:
                self.lines.append(f"{other} = {name}")
                self._bind(holder, other)
                return True
        return False

    def _hints(self, token: Token) -> list[str]:
        """Return the names that the block's code has for a value."""
        return [name for name in self.at.names.get(token, ()) if is_usable(name)]


def _needed(
    steps: list[Step], results: Iterable[Token], of: Callable[[Token], Token]
) -> list[Step]:
    """Return the steps on which results depend."""
    wanted = set(results)
    kept = []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            wanted.update(map(of, step.inputs))
            kept.append(step)
    return kept[::-1]


def is_usable(name: str) -> bool:
    """Return whether a name may be that of a variable."""
    return name.isidentifier() and not keyword.iskeyword(name) and name not in RESERVED


def argument_names(block: gluon.Block, count: int) -> list[str]:
    """Return names for a block's arguments: those of its code."""
    names: list[str] = []
    for text in inputs_taken(block)[0]:
        name = text.partition("=")[0].strip()
        if name == "*args" and count == 1:
            name = "x"  # of a Lambda
        names += [f"{name[1:]}_{n}" for n in range(count)] if name.startswith("*") else [name]
    names = [name if is_usable(name) else f"{name}_" for name in names]
    return [*names, *(f"x{number}" for number in range(len(names), count))][:count]
