"""What comes out of each layer for a batch, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import mxnet as mx
import numpy
from mxnet import autograd, gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.checks import MOST_BINS, whole_number
from gluonkit._base.tables import Column, Shown
from gluonkit.params.records import collect
from gluonkit.params.select import ready
from gluonkit.params.statistics import ArrayStats, array_stats
from gluonkit.tracing.eager import context_of, imperative
from gluonkit.tracing.explain import checked_inputs, explained
from gluonkit.tracing.inputs import as_array, leaves, mapped
from gluonkit.tracing.recorder import Recorder
from gluonkit.tracing.tree import parameters_of, untouched


@dataclass(frozen=True)
class ActivationStats(Shown):
    """Statistics of the outputs of one call of a layer.

    Attributes
    ----------
    path, kind : str
        The layer and its class.
    leaf : bool
        Whether it called no other layer.
    shape : tuple of int
        Shape of its first output.
    values : ArrayStats
        Statistics of all its outputs together.
    """

    path: str
    kind: str
    leaf: bool
    shape: tuple[int, ...]
    values: ArrayStats


class Activations(Shown, tuple[ActivationStats, ...]):
    """Statistics of the layers' outputs, in the order of the calls. `str()` gives the table."""

    __slots__ = ()

    def to_dict(self) -> list[dict[str, Any]]:
        """Return everything as plain data, ready for JSON."""
        return [asdict(record) for record in self]

    def __str__(self) -> str:
        return tables.text_table(self, _COLUMNS)

    def _repr_html_(self) -> str:
        return tables.html_table(self, _COLUMNS)


@checked
def activations(net: gluon.Block, *inputs: Any, bins: int = 30) -> Activations:
    """Return statistics of every layer's outputs for a batch, in prediction mode.

    The network runs operator by operator, hybridized or not, and is left as it was.

    Parameters
    ----------
    net : gluon.Block
        A network with values.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array for each input (a shape gives random numbers), as for `summary`.
    bins : int, default 30
        Number of bins of each histogram.

    Returns
    -------
    Activations
        One record for each call of a layer, in the order of the calls.

    Raises
    ------
    StateError
        When parameters have no values yet.
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network, naming the layer; when `bins` is not a whole
        number from 1.

    Notes
    -----
    MXNet's `Monitor` watches executors, not Gluon blocks; in PyTorch each layer needs a hook.

    Examples
    --------
    >>> import gluonkit as gk
    >>> from gluonkit import nd
    >>> net = gk.create_model("mlp", init=True)
    >>> output = net(nd.ones((2, 20)))
    >>> [(record.path, record.shape) for record in gk.activations(net, nd.ones((2, 20)))]
    [('', (2, 10)), ('0', (2, 256)), ('0.act', (2, 256)), ('1', (2, 10))]
    """
    bins = whole_number("bins", bins, most=MOST_BINS)
    parsed = checked_inputs(net, inputs)
    # Of the network's own numbers: a trace makes up values for parameters that have none.
    ready(collect(net))
    ctx = context_of(parsed, parameters_of(net))
    recorder = _Recorder(net)
    arrays = mapped(lambda leaf: as_array(leaf, ctx), parsed)
    with (
        untouched(net),
        explained(recorder),
        imperative(net),
        autograd.pause(train_mode=False),
        recorder.listening(),
    ):
        net(*arrays)
    parents = {id(call.parent) for call in recorder.calls}
    records = []
    for call in recorder.calls:
        outputs = [output.asnumpy().ravel() for output in leaves(call.outputs)]
        if outputs:
            # Of all outputs together; NumPy, unlike MXNet, joins arrays of two data types.
            numbers = numpy.concatenate(outputs)
            shape = next(leaves(call.outputs)).shape
            stats = array_stats(numbers, bins)
            kind = type(call.block).__name__
            records.append(ActivationStats(call.path, kind, id(call) not in parents, shape, stats))
    return Activations(records)


class _Recorder(Recorder):
    kind = mx.nd.NDArray

    def keep(self, array: Any) -> Any:
        return array.copy()  # later operators may write in place


def _number(name: str) -> Column:
    return Column(name, lambda record: f"{getattr(record.values, name):.3g}", "right")


_COLUMNS = (
    Column("layer", lambda record: record.path or "(network)"),
    Column("class", lambda record: record.kind, drop=2),
    Column("output", lambda record: str(record.shape)),
    *map(_number, ("min", "max", "mean", "std")),
    Column(
        "zeros", lambda record: f"{record.values.zeros / max(record.values.size, 1):.0%}", "right"
    ),
    Column("nan, inf", lambda record: f"{record.values.nan + record.values.inf:,}", "right"),
)
