"""Listening to the calls of blocks during one pass, in this thread only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from mxnet import gluon
from mxnet.gluon.utils import _check_all_np_ndarrays
from mxnet.util import is_np_array

from gluonkit.system.patches import replaced
from gluonkit.tracing.inputs import leaves, mapped
from gluonkit.tracing.record import Call
from gluonkit.tracing.tree import join, walk


class Recorder:
    """Records a `Call` for every call of a block; the user's forward hooks are not run.

    Subclasses define the class of arrays or symbols that they record, and what is kept of these.
    """

    kind: type

    def __init__(self, net: gluon.Block) -> None:
        self.net = net
        self.calls: list[Call] = []
        self.failed: Call | None = None  # the innermost call that raised
        self._stack: list[Call] = []
        self._paths = {id(block): path for path, block in walk(net)}
        self._names: dict[int, dict[int, list[str]]] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Record every call of a block that this thread makes in the context."""
        original, thread = gluon.Block.__call__, get_ident()

        def call(block: gluon.Block, *args: Any) -> Any:
            # MXNet itself calls blocks with symbols, within a pass of arrays, to infer shapes.
            concerned = any(isinstance(leaf, self.kind) for leaf in leaves(args))
            if get_ident() != thread or not concerned:
                return original(block, *args)
            return self._record(block, args)

        with replaced(gluon.Block, "__call__", call):
            yield

    @property
    def current(self) -> Call | None:
        """The call that is being executed."""
        return self._stack[-1] if self._stack else None

    def keep(self, array: Any) -> Any:
        """Return what a call's record keeps of an input or output; nothing, by default."""

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        """Run a block's forward pass."""
        return block.forward(*args)

    def _record(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        call = self._new_call(block)
        call.inputs = mapped(self._kept, args)
        self.calls.append(call)
        self._stack.append(call)
        try:
            # What `Block.__call__` does, but for the hooks, which may have side effects.
            output = self.forward(block, args)
            if is_np_array():
                _check_all_np_ndarrays(output)
        except BaseException:
            # The innermost call comes by here first; those around it fail of the same error.
            self.failed = self.failed or call
            raise
        finally:
            self._stack.pop()
        call.outputs = mapped(self._kept, output)
        return output

    def _kept(self, thing: Any) -> Any:
        return self.keep(thing) if isinstance(thing, self.kind) else None

    def _new_call(self, block: gluon.Block) -> Call:
        """Create the record of a call, with the block's path in the tree.

        A block that its parent holds under several names has the first of them in its first call,
        the second in its second, and so on.
        """
        parent = self.current
        if parent is None:  # the root, unless its class has a `__call__` of its own
            return Call(block, self._paths.get(id(block), ""), None)
        names = self._child_names(parent.block).get(id(block))
        if names is not None:
            times = parent.children.get(id(block), 0)
            parent.children[id(block)] = times + 1
            name = names[min(times, len(names) - 1)]
            return Call(block, join(parent.path, name), parent, parent.registered)
        # A block that is called by another than its parent keeps the path that it has in the tree.
        if id(block) in self._paths:
            return Call(block, self._paths[id(block)], parent)
        return Call(block, join(parent.path, f"[{block.name}]"), parent, registered=False)

    def _child_names(self, block: gluon.Block) -> dict[int, list[str]]:
        if id(block) not in self._names:
            names: dict[int, list[str]] = {}
            for name, child in block._children.items():
                names.setdefault(id(child), []).append(name)
            self._names[id(block)] = names
        return self._names[id(block)]
