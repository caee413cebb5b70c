"""The graph of a network whose code does not take symbols: of what it does with arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import mxnet as mx
from mxnet import autograd, gluon
from mxnet.util import is_np_array

from gluonkit._base.checks import last_line
from gluonkit._base.kinds import Array
from gluonkit.errors import ExportError
from gluonkit.exporting.network import Network, Traced, input_names
from gluonkit.system.modes import converts_arrays, legacy
from gluonkit.tracing.eager import imperative, without_deprecations
from gluonkit.tracing.inputs import as_array, leaves, mapped, spec_of
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.symbolic import inlined
from gluonkit.tracing.symbols import graph_of, symbol_of
from gluonkit.tracing.tape import Tape
from gluonkit.tracing.tree import parameters_of, renew_variables, untouched


@contextmanager
def computing(net: gluon.Block) -> Iterator[None]:
    """Let a network compute with arrays operator by operator, as in prediction."""
    with (
        imperative(net),
        autograd.pause(train_mode=False),
        mx.name.NameManager(),
        without_deprecations(),
    ):
        yield


def traced_by_arrays(network: Network, inputs: Sequence[Array]) -> Traced:
    """Return the graph of what a network runs for arrays; it may hold for these sizes only.

    Raises
    ------
    ExportError
        When no graph can hold what it does.
    """
    net = network.net
    with legacy() if converts_arrays(net) else nullcontext(), untouched(net):
        numpy_mode = is_np_array()
        renew_variables(parameters_of(net))
        arrays = [as_array(array, network.inputs[0].ctx) for array in inputs]
        recorder = _FlatRecorder(net)
        names = input_names(network, len(arrays))
        for name, array in zip(names, arrays, strict=True):
            variable = mx.sym.var(name)
            recorder.tape.bind(array, variable.as_np_ndarray() if numpy_mode else variable)
        try:
            with computing(net), recorder.listening(), recorder.tape.running():
                outputs = net(*arrays)
        except Exception as error:  # the network's own code may raise anything
            raise ExportError(f"`net` cannot be exported: {last_line(error)}") from error
        symbol = mx.sym.Group([recorder.tape.symbol(array) for array in leaves(outputs)])
        specs = dict(zip(names, map(spec_of, arrays), strict=True))
        return Traced(symbol_of(graph_of(symbol)), specs, numpy_mode, recorder.tape.constants)


class _FlatRecorder(Recorder):
    """Lets symbols for the arrays pass through graphs, whose operators no tape hears."""

    kind = mx.nd.NDArray

    def __init__(self, net: gluon.Block) -> None:
        super().__init__(net)
        self._count = 0
        self.tape = Tape(net, self._named)

    def _named(self, name: str) -> str:
        self._count += 1
        return f"{name}#{self._count}"

    def forward(self, block: gluon.Block, args: tuple[Any, ...]) -> Any:
        if not isinstance(block, gluon.SymbolBlock):
            return super().forward(block, args)
        symbols = inlined(block, mapped(self.tape.symbol, args), self._named)
        with self.tape.silent():
            outputs = block.forward(*args)
        for array, symbol in zip(leaves(outputs), leaves(symbols), strict=True):
            self.tape.bind(array, symbol)
        return outputs
