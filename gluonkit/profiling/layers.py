"""The rows of a profile: the tree of layers, and what the operators of each took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mxnet import gluon

from gluonkit.errors import GluonkitError
from gluonkit.inspection.layers import layers_of
from gluonkit.profiling.roots import Roots
from gluonkit.profiling.times import LayerTime, OperatorTime
from gluonkit.profiling.windows import UNKNOWN, Spent, Windows
from gluonkit.tracing import Trace, trace
from gluonkit.tracing.tree import join

_Key = tuple[str, str, tuple[str, ...]]


@dataclass
class _Sums:
    """What the operators of one layer took in all passes, by name, phase and other layers."""

    seconds: dict[_Key, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[_Key, int] = field(default_factory=lambda: defaultdict(int))
    bytes: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class _Node:
    """A layer, before the sums over what is below it are known."""

    path: str | None
    name: str
    kind: str
    depth: int
    calls: int = 0
    macs: int | None = None
    moved: int = 0


def layer_times(
    roots: Roots, spent: Iterable[Spent], passes: Sequence[Windows]
) -> tuple[LayerTime, ...]:
    """Return the layers of a network, and of what is called beside it, with their times."""
    sums = _sums(spent, passes)
    nodes = [node for index in range(len(roots.blocks)) for node in _nodes(roots, index)]
    known = {node.path for node in nodes}
    nodes += [_stranger(path) for path in sums if path is not None and path not in known]
    if None in sums:
        nodes.append(_Node(None, "", "", 0))
    fused = _fused(sums)
    made = [_made(node, sums.get(node.path, _Sums()), len(passes), fused) for node in nodes]
    return tuple(_with_those_below(made))


def _sums(spent: Iterable[Spent], passes: Sequence[Windows]) -> dict[str | None, _Sums]:
    sums: dict[str | None, _Sums] = defaultdict(_Sums)
    for label, event in spent:
        if label is UNKNOWN:
            continue
        one = sums[label.path]
        key = (event.name, label.phase, label.layers)
        one.seconds[key] += (event.ended - event.began) / 1e6
        one.calls[key] += 1
    for windows in passes:
        for window in windows.ended:
            if window.label.path in sums:
                label = window.label
                sums[label.path].bytes[label.operator, label.phase] += window.bytes
    return dict(sums)


def _fused(sums: Mapping[str | None, _Sums]) -> dict[str, str]:
    """Return, for each layer that another's operator computes too, that other one."""
    return {
        layer: path or ""
        for path, one in sums.items()
        for _, _, layers in one.seconds
        for layer in layers
    }


def _nodes(roots: Roots, index: int) -> Iterator[_Node]:
    """Yield the layers of one root, with their multiply-adds if it can be traced."""
    block, inputs = roots.blocks[index], roots.inputs[index]
    root = roots.roots[id(block)]
    traced = _traced(block, inputs)
    moved: dict[str, int] = defaultdict(int)
    for call in () if traced is None else traced.calls:
        for operator in call.operators:
            moved[call.path] += sum(spec.bytes for spec in (*operator.inputs, *operator.outputs))
    runs = roots.runs.get(root) or 1
    for layer in layers_of(block, traced):
        yield _Node(
            path=join(root, layer.path) if layer.path else root,
            name=layer.name or root,
            kind=layer.kind,
            depth=layer.depth,
            calls=layer.calls,
            macs=None if layer.own_macs is None else round(layer.own_macs * runs),
            moved=round(moved[layer.path] * runs),
        )


def _traced(block: gluon.Block, inputs: Any) -> Trace | None:
    try:
        return trace(block, *inputs) if inputs else None
    except GluonkitError:  # a block that takes more than arrays, or none
        return None


def _stranger(path: str) -> _Node:
    """Return a layer that is in no tree: one that its parent has not registered."""
    return _Node(path, path, "not registered", path.count("."))


def _made(node: _Node, sums: _Sums, passes: int, fused: Mapping[str, str]) -> LayerTime:
    operators = [
        OperatorTime(
            name=name,
            phase=phase,
            calls=sums.calls[name, phase, layers] / passes,
            seconds=took / passes,
            # Events of operators in Python have their own name behind MXNet's.
            bytes=round(sums.bytes.get((name.partition(":")[0], phase), 0) / passes),
            layers=layers,
        )
        for (name, phase, layers), took in sums.seconds.items()
    ]
    operators.sort(key=lambda operator: -operator.seconds)
    forward, backward = (
        sum(one.seconds for one in operators if one.phase == phase)
        for phase in ("forward", "backward")
    )
    size = round(sum(sums.bytes.values()) / passes)
    return LayerTime(
        path=node.path or "",
        name=node.name,
        kind=node.kind,
        depth=node.depth,
        calls=node.calls,
        own_forward=forward,
        own_backward=backward,
        forward=forward,
        backward=backward,
        own_bytes=size,
        bytes=size,
        macs=node.macs,
        moved=node.moved,
        fused_into=None if node.path is None else fused.get(node.path),
        operators=tuple(operators),
    )


def _with_those_below(layers: Sequence[LayerTime]) -> list[LayerTime]:
    """Return the layers, each with what is below it in its sums."""
    summed = list(layers)
    # Parents come before their parts, so that in reverse the parts are known first.
    for index in reversed(range(len(summed))):
        below, place = [summed[index]], index + 1
        while place < len(summed) and summed[place].depth > summed[index].depth:
            if summed[place].depth == summed[index].depth + 1:
                below.append(summed[place])
            place += 1
        summed[index] = _sum(below)
    return summed


def _sum(layers: Sequence[LayerTime]) -> LayerTime:
    return replace(
        layers[0],
        forward=sum(layer.forward for layer in layers),
        backward=sum(layer.backward for layer in layers),
        bytes=sum(layer.bytes for layer in layers),
    )
