"""A network as a graph: its layers as boxes, what flows between them as arrows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from mxnet import gluon

from gluonkit._base.arguments import checked
from gluonkit._base.checks import whole_number
from gluonkit.inspection import resolved
from gluonkit.plot.drawing.boxes import Drawing, deepest, drawing_of
from gluonkit.plot.drawing.layout import Layout, layered
from gluonkit.plot.drawing.network import draw_network
from gluonkit.plot.drawing.repeats import Repeats, repeats_of
from gluonkit.plot.drawing.wrapping import fits, paged
from gluonkit.tracing import Trace, trace
from gluonkit.tracing.inputs import as_spec, leaves, parse_inputs

_MOST_BOXES = 150
"""More than these fit on no page."""


@checked
def plot_network(net: gluon.Block | str, *inputs: Any, depth: int | None = None) -> Any:
    """Draw a network on a page: layers, output shapes, parameters, data flow, shared parameters.

    A network that is too large is drawn in columns; then parts that come several times, one after
    the other, are drawn once, with how often they come (``× 3``); then normalizations and
    activations are put in the box of the layer before them; at last only the upper levels of the
    tree are drawn, as many as fit, and layers of one kind side by side are one box.

    Operators that a block calls itself, between its layers (the sum in a residual block), have
    their own box, named by them. Colours tell kinds of layers.

    Parameters
    ----------
    net : gluon.Block or str
        Any Gluon block, or the name of a registered model, with its options if needed.
    *inputs : NDArray, numpy.ndarray or tuple of int
        An array or a shape for each input, as for `summary`; for a registered model, by default its
        example input.
    depth : int, optional
        Draw layers of this depth as one box, with everything below them, whether it fits on a page
        or not; by default the greatest depth that does.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with ``figure.savefig("net.svg")``; a notebook shows it.

    Raises
    ------
    MissingPackageError
        When matplotlib is not installed.
    ArgumentError, ArgumentTypeError
        For inputs that do not go through the network.

    Notes
    -----
    `mx.viz.plot_network` draws operators by Graphviz, which must be installed; this draws layers,
    and needs matplotlib only.
    """
    if depth is not None:
        depth = whole_number("depth", depth)
    net, name, inputs = resolved(net, inputs)
    traced = trace(net, *inputs)
    given = [str(as_spec(leaf)) for leaf in leaves(parse_inputs(inputs))]
    plan, drawing = _chosen(traced, given, depth)
    return draw_network(drawing.boxes(), [], title=name, plan=plan, frames=drawing.frames)


class _Look(NamedTuple):
    """One way of drawing a network."""

    depth: float
    folded: bool
    merged: bool
    stacked: bool = False


def _looks(traced: Trace, depth: int | None) -> Iterator[_Look]:
    """Yield ways of drawing a network, with less and less detail."""
    limit = math.inf if depth is None else depth
    yield from (_Look(limit, False, False), _Look(limit, True, False), _Look(limit, True, True))
    if depth is None:
        levels = range(deepest(traced), 0, -1)
        yield from (_Look(level, True, True) for level in levels[1:])
        yield from (_Look(level, True, True, True) for level in levels)


def _chosen(traced: Trace, inputs: list[str], depth: int | None) -> tuple[Layout, Drawing]:
    """Return the first drawing that fits on a page; if none does, the last."""
    repeats = repeats_of(traced)
    looks = list(_looks(traced, depth))
    for look in looks:
        last = look is looks[-1]
        used = repeats if look.folded else Repeats()
        drawing = drawing_of(
            *(traced, inputs, look.depth, used), merged=look.merged, stacked=look.stacked
        )
        if len(drawing.pieces) > _MOST_BOXES and not last:
            continue
        plan = layered(drawing.boxes(), sorted(drawing.edges))
        plan = paged(plan, drawing.frames)
        if fits(plan) or last:
            break
    return plan, drawing
