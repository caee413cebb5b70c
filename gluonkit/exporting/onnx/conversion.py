"""One operator to be converted to ONNX, and the graph that it becomes a part of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from gluonkit._base.registers import registering
from gluonkit._base.specs import ArraySpec

OPSET = 13
"""The newest set of operators that MXNet's converters know."""


@dataclass(frozen=True)
class Edge:
    """One output of a node, with the attributes that MXNet's converters use."""

    name: str
    dtype: numpy.dtype[Any]


@dataclass
class Target:
    """The ONNX graph under construction: its nodes, and its constants."""

    onnx: Any
    opset: int = OPSET
    nodes: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def constant(self, name: str, values: Any, dtype: Any) -> str:
        """Add a constant, and return its name."""
        assert name not in self.taken, name
        self.taken.add(name)
        array = numpy.asarray(values, dtype)
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name


@dataclass(frozen=True)
class Step:
    """An operator to convert.

    Attributes
    ----------
    operator : str
        MXNet's.
    attributes : mapping of str to str
        MXNet's, with the defaults of those that were not given.
    given : mapping of str to str
        MXNet's attributes that were given.
    name : str
        Its unique name, and that of its first output.
    inputs : sequence of str
        Names of its inputs.
    specs : sequence of ArraySpec
        Shapes and data types of its inputs.
    sources : sequence of str
        The operators that compute its inputs; "null" for inputs of the graph and weights.
    outputs : sequence of ArraySpec
        Shapes and data types of its outputs.
    grown : sequence of tuple of int
        Shapes of its outputs for a batch with one more row, if the batch size is left open.
    grown_inputs : sequence of tuple of int
        The same of its inputs.
    target : Target
        The graph to which it is added.
    """

    operator: str
    attributes: Mapping[str, str]
    given: Mapping[str, str]
    name: str
    inputs: Sequence[str]
    specs: Sequence[ArraySpec]
    sources: Sequence[str]
    outputs: Sequence[ArraySpec]
    grown: Sequence[tuple[int, ...]]
    grown_inputs: Sequence[tuple[int, ...]]
    target: Target

    def value(self, name: str, default: Any = None) -> Any:
        """Return the value of an attribute, a Python literal."""
        text = self.attributes.get(name)
        return default if text is None else ast.literal_eval(text)

    def several(self, name: str) -> tuple[Any, ...]:
        """Return the value of an attribute as a tuple; one number may stand without its comma."""
        value = self.value(name, ())
        return tuple(value) if isinstance(value, (tuple, list)) else (value,)

    def needs(self, opset: int, what: str) -> None:
        """Refuse what only a newer set of ONNX's operators can express."""
        if self.target.opset < opset:
            raise NotImplementedError(f"{what} needs opset={opset}")

    def add(self, operator: str, inputs: Sequence[str], part: str = "", **attributes: Any) -> str:
        """Add an ONNX node; its output is this step's, or an inner one named `part`."""
        output = f"{self.name}{part}"
        make = self.target.onnx.helper.make_node
        self.target.nodes.append(make(operator, list(inputs), [output], **attributes))
        return output

    def add_several(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Add an ONNX node with several outputs, whose full names are given; "" to omit one."""
        make = self.target.onnx.helper.make_node
        self.target.nodes.append(make(operator, list(inputs), list(outputs), **attributes))

    def constant(self, part: str, values: Any, dtype: Any) -> str:
        """Add a constant for this step."""
        return self.target.constant(f"{self.name}{part}", values, dtype)

    def constants(self, dtype: Any, **values: Any) -> list[str]:
        """Add several constants of a data type, by the parts of their names."""
        return [self.constant(part, value, dtype) for part, value in values.items()]

    def flattened(self, name: str, part: str = "flattened") -> str:
        """Flatten an array to one axis."""
        return self.add("Reshape", [name, self.constant(f"{part}-shape", [-1], "int64")], part)

    def sliced(
        self,
        name: str,
        starts: Sequence[int],
        ends: Sequence[int],
        axes: Sequence[int],
        *,
        steps: Sequence[int] | None = None,
        part: str = "",
    ) -> str:
        """Slice an array: along each axis from a start to an end, by steps."""
        limits = {"starts": starts, "ends": ends, "axes": axes, "steps": steps or [1] * len(axes)}
        names = [
            self.constant(f"{part}{n}", list(numbers), "int64") for n, numbers in limits.items()
        ]
        return self.add("Slice", [name, *names], part)

    def onnx_type(self, dtype: Any) -> int:
        """Return ONNX's enum value of a data type."""
        return int(self.target.onnx.helper.np_dtype_to_tensor_dtype(numpy.dtype(dtype)))


OwnConverter = Callable[[Step], "bool | None"]
OWN: dict[str, OwnConverter] = {}
"""gluonkit's converters, by MXNet's operator. One that returns False leaves it to MXNet's own."""

converts = registering(OWN)
"""Registers the decorated function as the converter of these operators."""
