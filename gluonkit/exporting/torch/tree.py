"""PyTorch source from the tree of a network's blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy
from mxnet import gluon

from gluonkit._base.kinds import Array
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ExportError
from gluonkit.exporting.torch.classes import Builder, is_concurrent, is_whole
from gluonkit.exporting.torch.constructs import Construct, Instance, Tensor
from gluonkit.exporting.torch.graph import from_graph
from gluonkit.exporting.torch.imperative import recorded
from gluonkit.exporting.torch.kinds import find_kinds
from gluonkit.exporting.torch.parts import TorchModel, Unmapped, Weight
from gluonkit.exporting.torch.repeated import with_classes
from gluonkit.exporting.torch.source import tree_source
from gluonkit.tracing.hidden import check_nothing_hidden
from gluonkit.tracing.inputs import spec_of
from gluonkit.tracing.tree import all_paths, array_key

Part: TypeAlias = "str | int"
_NAMED = 3
"""How many parameters a note names."""


def write(net: gluon.Block, inputs: Sequence[ArraySpec]) -> TorchModel:
    """Return a network with values as source of PyTorch's, and its weights.

    Raises
    ------
    ExportError
        When there are operators or layers that torch does not have; all of them are named.
    StateError
        When parameters are hidden from Gluon.
    """
    check_nothing_hidden(net, "they would be missing in PyTorch")
    made, notes = _graph(net, inputs) if isinstance(net, gluon.SymbolBlock) else _tree(net, inputs)
    tie(made)
    assert made.instance is not None
    made.instance.ties += _types(made)
    kinds = find_kinds(made)
    forward = made.instance.forward
    assert forward is not None or kinds[-1].base == "nn.Sequential"
    names = forward.arguments if forward is not None else ("input",)
    specs = dict(zip(names, inputs, strict=False))
    outputs = forward.outputs if forward is not None else 1
    weights = [_weight(place) for place in tensors_of(made)]
    notes = [*notes, *_left_out(net, weights)]
    return TorchModel(tree_source(kinds, type(net).__name__), weights, specs, outputs, notes)


def _left_out(net: gluon.Block, weights: Sequence[Weight]) -> Iterator[str]:
    """Yield a note on parameters that only training uses, such as those of auxiliary heads."""
    written = {weight.origin for weight in weights}
    paths = [path for path, p in all_paths(net) if p._data is not None and p.name not in written]
    if paths:
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        yield (
            f"{', '.join(paths[:_NAMED])}{more} are not in the model, as prediction does not use "
            "them"
        )


_OTHER_FLOATS = {"float64": "double", "float16": "half"}


def _types(root: Construct) -> list[str]:
    """Return the statements that give modules the type of their weights, if that is another."""
    types: dict[tuple[Part, ...], str] = {}
    own = set()
    for place in tensors_of(root):
        parameter, parts = place.tensor.parameter, place.trail[0][1]
        dtype = spec_of(parameter._data[0]).dtype if parameter is not None else "float32"
        if not place.tensor.name:  # which says its type itself
            own.add(dtype)
        elif dtype.startswith("float"):
            types.setdefault(parts[:-1], dtype)
    if len(own | set(types.values())) == 1:
        types = dict.fromkeys([()], next(iter(types.values()), "float32"))
    return [
        f"{_expression(parts)}.{_OTHER_FLOATS[dtype]}()"
        for parts, dtype in types.items()
        if dtype in _OTHER_FLOATS
    ]


def _tree(net: gluon.Block, inputs: Sequence[ArraySpec]) -> tuple[Construct, list[str]]:
    root = _Alone(net) if is_whole(net) or is_concurrent(net) else net
    passes, notes = recorded(root, inputs, is_whole)
    builder = Builder(root, passes)
    made = with_classes(builder.root())
    check_mapped(builder.unmapped)
    return made, [*notes, *builder.notes]


def _graph(net: gluon.SymbolBlock, inputs: Sequence[ArraySpec]) -> tuple[Construct, list[str]]:
    unmapped: list[Unmapped] = []
    made, notes = from_graph(net, inputs, unmapped)
    check_mapped(unmapped)
    return made, notes


class _Alone(gluon.HybridBlock):
    """A network of a single layer, which becomes a module of `Model`."""

    def __init__(self, net: gluon.Block) -> None:
        super().__init__(prefix="")
        self.layer = net

    def hybrid_forward(self, F: Any, x: Any, *others: Any) -> Any:
        return self.layer(x, *others)


def check_mapped(unmapped: Sequence[Unmapped]) -> None:
    """Refuse a network with parts that torch does not have.

    Raises
    ------
    ExportError
        With all of them: operator, layer and reason.
    """
    if unmapped:
        named = dict.fromkeys(f"{u.operator} in {u.layer or 'it'} ({u.reason})" for u in unmapped)
        raise ExportError(f"`net` has parts that torch does not have: {'; '.join(named)}")


@dataclass(frozen=True)
class _Place:
    """A tensor of a network, with its place within each of the blocks around it."""

    tensor: Tensor
    trail: tuple[tuple[Instance, tuple[Part, ...]], ...]

    @property
    def key(self) -> str:
        return ".".join(map(str, self.trail[0][1]))


def tensors_of(root: Construct) -> Iterator[_Place]:
    """Yield every tensor in the order of torch's `state_dict`."""
    for construct, trail in _walk(root, ()):
        for tensor in construct.tensors:
            name = (tensor.name,) if tensor.name else ()
            yield _Place(tensor, tuple((at, (*parts, *name)) for at, parts in trail))


_Trail: TypeAlias = "tuple[tuple[Instance, tuple[Part, ...]], ...]"


def _walk(construct: Construct, trail: _Trail) -> Iterator[tuple[Construct, _Trail]]:
    """Yield every construct with its path from each of the written classes around it."""
    yield construct, trail
    for number, module in enumerate(construct.modules):
        yield from _walk(module, _deeper(trail, number))
    instance = construct.instance
    if instance is None:
        return
    inner = (*trail, (instance, ()))
    order = {"parameter": 0, "fixed": 0, "buffer": 1, "module": 2, "arguments": 3}
    for item in sorted(instance.items, key=lambda item: order[item.kind]):
        name: Part = int(item.name) if item.name.isdigit() else item.name
        yield from _walk(item.construct, _deeper(inner, name))


def _deeper(trail: _Trail, part: Part) -> _Trail:
    return tuple((instance, (*parts, part)) for instance, parts in trail)


def _weight(place: _Place) -> Weight:
    tensor = place.tensor
    if tensor.parameter is None:
        assert tensor.value is not None
        return Weight(place.key, tensor.value, None, tensor.part, trained=False)
    array = tensor.part(tensor.parameter.data().asnumpy())
    trained = tensor.trained and not tensor.buffer
    return Weight(
        place.key, numpy.ascontiguousarray(array), tensor.parameter.name, tensor.part, trained
    )


def tie(root: Construct) -> None:
    """Write down which modules and parameters are one, in the innermost class around both."""
    blocks: dict[int, _Trail] = {}
    parameters: dict[tuple[int, Callable[[Array], Array]], tuple[Tensor, _Trail]] = {}
    within: set[int] = set()
    for construct, trail in _walk(root, ()):
        if id(construct) in within:
            continue
        first = blocks.setdefault(id(construct.block), trail) if construct.block else trail
        if first is not trail:
            _join(first, trail)
            within.update(id(inner) for inner, _ in _walk(construct, ()))
            continue
        for tensor in construct.tensors:
            if tensor.parameter is None:
                continue
            name = (tensor.name,) if tensor.name else ()
            full = tuple((at, (*parts, *name)) for at, parts in trail)
            key = array_key(tensor.parameter), tensor.part
            known = parameters.setdefault(key, (tensor, full))
            if known[0] is not tensor:
                _join(known[1], full)


def _join(first: _Trail, second: _Trail) -> None:
    shared = [(a, b) for a, b in zip(first, second, strict=False) if a[0] is b[0]]
    (instance, one), (_, other) = shared[-1]
    instance.ties.append(f"{_expression(other)} = {_expression(one)}")


def _expression(parts: Sequence[Part]) -> str:
    return "self" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
