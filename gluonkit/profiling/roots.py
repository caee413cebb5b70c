"""The networks whose operators are listened to, and the path of the layer that is at work."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.base import NDArrayHandle

from gluonkit.tracing.inputs import leaves, mapped, spec_of
from gluonkit.tracing.record import Call
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.tree import walk


class Roots(Recorder):
    """Tells the path of each block that is called, for any number of networks.

    Attributes
    ----------
    roots : dict of int to str
        Names of the blocks that are called by no other, by their id(); '' for the network.
    blocks : list of gluon.Block
        These blocks, the network first.
    inputs : list
        The inputs of the first call of each, as `ArraySpec`s; None for what is no array.
    runs : dict of str to float
        How often each ran in the current pass, by its name; a batch of half the size is half a run.
    traces : int
        In how many traces of gluonkit's own graphs this is.
    """

    kind = (mx.nd.NDArray, mx.sym.Symbol)  # type: ignore[assignment]

    def __init__(self, blocks: Sequence[gluon.Block] = ()) -> None:
        super().__init__(blocks[0] if blocks else gluon.HybridBlock())
        self.blocks: list[gluon.Block] = []
        self.inputs: list[Any] = []
        self.roots: dict[int, str] = {}
        self._call = gluon.Block.__call__
        self._heard: set[str] = set()
        self.traces = 0
        self.runs: dict[str, float] = {}
        for block in blocks:
            self._add(block, None)

    def begin(self) -> None:
        """Begin a pass: a block that was made for it takes the place of its like in the last."""
        self._heard.clear()
        self.runs.clear()

    def ran(self, block: gluon.Block, inputs: Any) -> None:
        """Count a run of a root, with inputs given as `ArraySpec`s."""
        known = self.inputs[self._place(block)]
        sizes = [_batch(given) for given in (inputs, known)]
        name = self.roots[id(block)]
        self.runs[name] = self.runs.get(name, 0) + (sizes[0] / sizes[1] if all(sizes) else 1)

    def _place(self, block: gluon.Block) -> int:
        return next(place for place, other in enumerate(self.blocks) if other is block)

    def told(self, block: gluon.Block, inputs: Any) -> str:
        """Return a block's name among the roots; `inputs` are taken down if they are not known."""
        if id(block) not in self.roots:
            self._add(block, inputs)
        name = self.roots[id(block)]
        self._heard.add(name)
        place = self._place(block)
        if not any(True for _ in leaves(self.inputs[place])):  # traced by symbols before
            self.inputs[place] = inputs
        return name

    def _add(self, block: gluon.Block, inputs: Any) -> None:
        for place, other in enumerate(self.blocks):
            name = self.roots[id(other)]
            if name not in self._heard and _kinds(other) == _kinds(block):
                del self.roots[id(other)]
                self.roots[id(block)], self.blocks[place] = name, block
                return
        name, taken = type(block).__name__, set(self.roots.values())
        number = 2
        while name in taken:
            name, number = f"{type(block).__name__}{number}", number + 1
        self.roots[id(block)] = name if self.blocks else ""
        self._heard.add(self.roots[id(block)])
        self.blocks.append(block)
        self.inputs.append(inputs)

    def _record(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        if self.current is None:
            has_arrays = any(isinstance(leaf, mx.nd.NDArray) for leaf in leaves(args))
            if not (has_arrays or self.traces or id(block) in self.roots):
                return self._call(block, *args)  # by MXNet itself, which infers shapes
            given = mapped(_spec, args)
            self.told(block, given)
            if has_arrays:
                self.ran(block, given)
        call = self._new_call(block)
        if call.parent is None:
            call.path = self.roots[id(block)]
        self._stack.append(call)
        try:
            # With the user's hooks: it is the user's pass.
            return self._call(block, *args)
        finally:
            self._stack.pop()

    def _new_call(self, block: gluon.Block) -> Call:
        # Paths of a tree are known within its root only.
        self._paths = {}
        return super()._new_call(block)

    @property
    def path(self) -> str | None:
        """The path of the innermost call; None outside of all."""
        return None if self.current is None else self.current.path


def _spec(leaf: Any) -> Any:
    return spec_of(leaf) if isinstance(leaf, mx.nd.NDArray) else None


def _batch(inputs: Any) -> int:
    """Return the batch size of inputs; 0 if they have none."""
    shapes = [spec.shape for spec in leaves(inputs) if spec is not None]
    return shapes[0][0] if shapes and shapes[0] else 0


def _kinds(block: gluon.Block) -> list[tuple[str, type]]:
    return [(path, type(part)) for path, part in walk(block)]


_HEAVY = ("Convolution", "FullyConnected", "Deconvolution")


def inner_nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operators that a fused one has joined, first those that multiply."""
    parts = [part for graph in node.get("subgraphs", ()) for part in graph["nodes"]]
    return sorted(
        (part for part in parts if part["op"] != "null"), key=lambda part: part["op"] not in _HEAVY
    )


def received(handle: Any) -> Any:
    """Return the array that MXNet hands to a hook, which is the hook's to free."""
    return mx.nd.NDArray(ctypes.cast(handle, NDArrayHandle), writable=False)
