"""A network while it is drawn: its values and their shapes, its lines, its layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.battery.case import InputSpec

T = TypeVar("T")


@dataclass(frozen=True)
class Value:
    """An array in `hybrid_forward`: its name, the shape of one sample, and its data type."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        size = 1
        for length in self.shape:
            size *= length
        return size


@dataclass
class Layer:
    """A layer that was made: its attribute, what makes it, and what it takes and gives."""

    name: str
    made_by: str
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    dtype: str
    tied: str = ""  # what makes a second one with the same parameters


@dataclass
class Sketch:
    """What has been drawn so far.

    `draw` is hypothesis's. Lines of ``__init__`` and of ``hybrid_forward`` are kept apart; `chain`
    holds the constructors as long as all is one row of layers.
    """

    draw: Callable[[Any], Any]
    np_mode: bool
    deferred: bool
    inputs: list[InputSpec] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    chain: list[str] | None = field(default_factory=list)
    classes: dict[str, str] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)
    traceable: bool = True
    seen: int = 0

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of several; the first is the simplest."""
        return self.draw(st.sampled_from(choices))  # type: ignore[no-any-return]

    def number(self, low: int, high: int) -> int:
        """Draw a whole number of low to high."""
        return self.draw(st.integers(low, high))  # type: ignore[no-any-return]

    def chance(self, one_in: int = 2) -> bool:
        """Draw whether something is done, once in so many times."""
        return self.number(1, one_in) == one_in

    def name(self, letter: str) -> str:
        """Return a name that is not used yet."""
        self.seen += 1
        return f"{letter}{self.seen}"

    def known(self, argument: str, size: int) -> str:
        """Return the argument that says what comes in, unless the network is deferred."""
        return "" if self.deferred else f", {argument}={size}"

    def layer(
        self, kind: str, made_by: str, value: Value, gives: tuple[int, ...], *, tied: bool = False
    ) -> Value:
        """Make a layer, and call it. `tied` is whether it may share its parameters."""
        attribute = self.name("layer")
        self.kinds.add(kind)
        self.made.append(f"self.{attribute} = {made_by}")
        if value.dtype != "float32":
            self.made.append(f'self.{attribute}.cast("{value.dtype}")')
            self.chain = None
        made = Layer(attribute, made_by, value.shape, gives, value.dtype, made_by if tied else "")
        self.layers.append(made)
        if self.chain is not None:
            self.chain.append(made_by)
        return self._called(made, value)

    def again(self, layer: Layer, value: Value) -> Value:
        """Call a layer once more."""
        self.chain = None
        self.kinds.add("shared layer")
        return self._called(layer, value)

    def _called(self, layer: Layer, value: Value) -> Value:
        output = Value(self.name("x"), layer.gives, value.dtype)
        self.forward.append(f"{output.name} = self.{layer.name}({value.name})")
        return output

    def compute(
        self,
        kind: str,
        expression: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        numpy_mode: str = "",
    ) -> Value:
        """Compute something without a layer; `numpy_mode` is how that is written there."""
        self.chain = None
        self.kinds.add(kind)
        output = Value(self.name("x"), shape, dtype)
        written = numpy_mode if self.np_mode and numpy_mode else expression
        self.forward.append(f"{output.name} = {written}")
        return output

    def input(self, spec: InputSpec) -> Value:
        """Add an input."""
        self.inputs.append(spec)
        return Value(f"in{len(self.inputs)}", spec.shape, spec.dtype)
