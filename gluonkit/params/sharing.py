"""Which paths are one array, and what is not yet known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mxnet import gluon

from gluonkit._base import tables
from gluonkit._base.arguments import checked
from gluonkit._base.specs import shape_text
from gluonkit._base.tables import Column, Shown
from gluonkit.params.records import ParameterRecord, collect
from gluonkit.tracing.tracer import finish_deferred
from gluonkit.tracing.tree import all_paths, array_key, check_net, places


@checked
def shared(net: gluon.Block) -> tuple[tuple[str, ...], ...]:
    """Return groups of paths that share one array, each in tree order.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block.

    Returns
    -------
    tuple of tuple of str
        The paths of each group.

    Examples
    --------
    >>> import gluonkit as gk
    >>> gk.params.shared(gk.create_model("tied_mlp"))
    (('1.weight', '2.weight'), ('1.bias', '2.bias'))
    """
    check_net(net)
    groups: dict[int, list[str]] = {}
    for path, parameter in all_paths(net):
        # Before there are arrays, only the same parameter can be known to be shared.
        groups.setdefault(array_key(parameter), []).append(path)
    return tuple(tuple(paths) for paths in groups.values() if len(paths) > 1)


@dataclass(frozen=True)
class Unfinished(Shown):
    """A parameter without values.

    Attributes
    ----------
    path, state : str
        As in `ParameterRecord`.
    shape : tuple of (int or None) or None
        As in `ParameterRecord`.
    layer : str
        The path of the layer that it belongs to, '' for the network itself.
    reason : str
        Why it has no values, and how it gets them.
    """

    path: str
    shape: tuple[int | None, ...] | None
    state: str
    layer: str
    reason: str


class UnfinishedParameters(Shown, tuple[Unfinished, ...]):
    """The parameters without values; false if there are none."""

    __slots__ = ()

    def __str__(self) -> str:
        return tables.text_table(self, _COLUMNS) if self else "every parameter has values"

    def _repr_html_(self) -> str:
        return tables.html_table(self, _COLUMNS) if self else f"<p>{self}</p>"


@checked
def deferred(net: gluon.Block) -> UnfinishedParameters:
    """Return the parameters that have no values yet, and why.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block.

    Returns
    -------
    UnfinishedParameters
        One record for each, with the reason.

    Examples
    --------
    >>> import gluonkit as gk
    >>> print(gk.params.deferred(gk.create_model("mlp", init=True))[0].reason)
    layer 0 (Dense) has not been reached by a forward pass, which tells its shape
    """
    check_net(net)
    kinds = {path: type(block).__name__ for path, block in places(net)}
    return UnfinishedParameters(
        _unfinished(record, kinds) for record in collect(net) if record.state != "ready"
    )


def _unfinished(record: ParameterRecord, kinds: dict[str, str]) -> Unfinished:
    layer = record.path.rpartition(".")[0]
    where = f"layer {layer} ({kinds.get(layer, '?')})" if layer else "the network"
    if record.state == "uninitialized":
        reason = f"initialize() has not been called on {where}"
    else:
        reason = f"{where} has not been reached by a forward pass, which tells its shape"
    return Unfinished(record.path, record.shape, record.state, layer, reason)


@checked
def materialize(net: gluon.Block, *inputs: Any) -> UnfinishedParameters:
    """Finish deferred initialization, without any other effect.

    One forward pass is made in prediction mode. The parameters get the values that a first call of
    the network would give them under the same seed; nothing else of the network changes (no graph
    is kept, no statistics change, no hook is called). If the pass fails, no parameter has changed.
    In a hybridized network, random operators (sampling, say) draw numbers too, as well as the
    initializers.

    Parameters
    ----------
    net : gluon.Block
        A network on which `initialize()` has been called.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `gluonkit.summary`.

    Returns
    -------
    UnfinishedParameters
        The parameters that the pass did not reach, with their layers; empty if it reached all.

    Raises
    ------
    StateError
        When `initialize()` has not been called on some part of the network.
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network, naming the layer.

    Notes
    -----
    `gluon.HybridBlock.infer_shape` needs symbols; a forward pass by hand moves statistics in
    training mode, and builds the graph of a hybridized network. Keras's `build` is the nearest
    function there.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.create_model("mlp", init=True)
    >>> left = gk.materialize(net, (1, 20))
    >>> len(left), net[0].weight.shape
    (0, (256, 20))
    """
    finish_deferred(net, *inputs)
    return UnfinishedParameters(
        replace(
            record, reason=f"layer {record.layer or 'the network'} is never reached by these inputs"
        )
        for record in deferred(net)
    )


_COLUMNS: Sequence[Column] = (
    Column("path", lambda record: record.path),
    Column("shape", lambda record: shape_text(record.shape)),
    Column("state", lambda record: record.state),
    Column("reason", lambda record: record.reason),
)
