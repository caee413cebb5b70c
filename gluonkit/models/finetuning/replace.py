"""Another head for a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import mxnet as mx
import numpy
from mxnet import gluon

from gluonkit._base.arguments import checked_but
from gluonkit._base.checks import MOST_NUMBERS, a_type, described, whole_number
from gluonkit.errors import ArgumentError, ArgumentTypeError
from gluonkit.models import initializer_of, note_classes
from gluonkit.models.finetuning.head import (
    ancestors,
    auxiliary_heads,
    block_at,
    check_alone,
    find_head,
    head_of,
    is_layer,
    outputs_of,
)
from gluonkit.models.finetuning.layer import layer_like
from gluonkit.system.modes import converts_arrays, in_both_modes, legacy
from gluonkit.system.patches import replaced
from gluonkit.tracing.snapshot import Children
from gluonkit.tracing.tree import check_net, is_initialized, parameters_of, places, remembered, walk

Net = TypeVar("Net", bound=gluon.Block)

_COUNTS = ("classes", "nclass", "num_class", "num_classes")
"""Attributes in which the zoos' networks keep the number, or the names, of their classes."""


@checked_but("classes", "at")
def replace_head(
    net: Net,
    classes: int | Sequence[str],
    *,
    at: str | Sequence[str] | None = None,
    init: Any = None,
) -> Net:
    """Replace a network's classifier by a new one, and return the network.

    All other parameters keep their values, data types, devices and settings. The new layer is on
    the same devices as the old one, or is uninitialized too; it has the same data type, activation,
    multipliers of learning rate and weight decay, and names. It has gradients even if the old one
    was frozen. Hybridized networks stay hybridized, and build a new graph. Create the
    `gluon.Trainer` afterwards; an existing one has the old parameters.

    GluonCV's detectors have their own method for this, `reset_class`, which is called; it keeps box
    predictors where GluonCV does so. The auxiliary classifiers of segmentation networks, of
    GoogLeNet and NASNet are replaced too. Attributes that hold the number or names of the classes
    are updated, and `gluonkit.load` rebuilds the network with the new number of classes if
    `create_model` built it with the option `classes`.

    Parameters
    ----------
    net : gluon.Block
        Any Gluon block, initialized or not, deferred or not, hybridized or not; changed in place.
    classes : int or sequence of str
        Number of classes; or their names, for networks that have them. With a number, detectors get
        the names '0', '1', ...
    at : str or sequence of str, optional
        Path of the layer to replace, as `gluonkit.summary` prints it, or several; a Dense layer or
        a convolution. None finds the classifier: the last layer with weights of the part called
        `output`, `out`, `fc`, `classifier` or `head`, else of the network.
    init : str or mx.init.Initializer, optional
        Initializer for the new weights, or its name; by default that of the old layer, or else
        MXNet's default.

    Returns
    -------
    gluon.Block
        `net` itself.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        For arguments that are not allowed; for a network without a classifier, or whose classifier
        shares its parameters with another layer. Nothing has changed then.

    Notes
    -----
    In PyTorch one assigns a new `nn.Linear` to ``model.fc`` and looks up its input size; with Keras
    one builds the network again with ``include_top=False``.

    Examples
    --------
    >>> import gluonkit as gk
    >>> net = gk.replace_head(gk.create_model("mxnet/resnet18_v1"), 7)
    >>> net.output
    Dense(512 -> 7, linear)
    >>> gk.replace_head(net, 3, at="output").output
    Dense(512 -> 3, linear)
    """
    check_net(net)
    number, names = _checked_classes(classes)
    initializer = initializer_of(init)
    if at is None and callable(getattr(net, "reset_class", None)):
        _reset(net, names or [str(index) for index in range(number)], initializer)
        note_classes(net, number)
        return net
    paths = _paths(net, at)
    known = dict(places(net))
    # All are made before the first is put in place: an error leaves the network as it was.
    fresh = []
    for path in paths:
        check_alone(net, known[path])
        fresh.append(layer_like(known[path], number, initializer))
    whole = at is None or paths[:1] == [find_head(net)]
    for path, layer in zip(paths, fresh, strict=True):
        _put(net, known[path], layer, names)
    note_classes(net, number if whole else None)
    return net


def _checked_classes(classes: Any) -> tuple[int, list[str] | None]:
    """Return the number of classes, and their names if they are given."""
    if isinstance(classes, (str, bytes)) or not isinstance(classes, (Sequence, numpy.ndarray)):
        if isinstance(classes, (str, bytes, dict, set)):
            raise ArgumentTypeError(
                f"`classes` is {described(classes)}; give a number, or a list of names"
            )
        return whole_number("classes", classes, most=MOST_NUMBERS), None
    names = list(classes)
    odd = [name for name in names if not isinstance(name, str)]
    if odd or not names or len(set(names)) < len(names):
        why = f"has {odd[0]!r:.40} in it" if odd else "names one twice" if names else "is empty"
        kind = ArgumentTypeError if odd else ArgumentError
        raise kind(f"`classes` {why}; give a number, or a list of different names")
    return len(names), [str(name) for name in names]


def _paths(net: gluon.Block, at: Any) -> list[str]:
    """Return the paths of the layers to replace."""
    if at is None:
        head = head_of(net)
        return [head, *auxiliary_heads(net, head)]
    paths = [at] if isinstance(at, str) or not isinstance(at, Sequence) else list(at)
    if not paths:
        raise ArgumentError("`at` is empty; give the path of a layer, or None for the classifier")
    for path in paths:
        layer = block_at(net, "at", path)
        if not is_layer(layer):
            inside = [p for p, block in places(layer, path) if is_layer(block)]
            hint = f"; in it is {inside[-1]!r}" if inside else ""
            raise ArgumentError(
                f"`at` is {path!r}, {a_type(layer)}; give the path of a Dense layer or a "
                f"convolution{hint}"
            )
    if len({id(block_at(net, "at", path)) for path in paths}) < len(paths):
        raise ArgumentError(f"`at` is {at!r}, which names one layer twice")
    return paths


def _put(net: gluon.Block, old: Any, new: Any, names: list[str] | None) -> None:
    """Replace a layer at all of its places."""
    around: dict[int, gluon.Block] = {}
    known = dict(places(net))
    for path in [path for path, block in known.items() if block is old]:
        around |= {id(known[ancestor]): known[ancestor] for ancestor in ancestors(path)}
    for block in around.values():
        for name, child in block._children.items():
            if child is old:
                block._children[name] = new
                Children.count += 1
        attributes = vars(block)  # not by setattr, which refuses a layer of another class
        attributes.update({name: new for name, value in attributes.items() if value is old})
        _count(block, outputs_of(old), outputs_of(new), names)
        # MXNet clears a graph when a layer is assigned by setattr; else the old one stays in
        # force.
        if isinstance(block, gluon.HybridBlock):
            block._clear_cached_op()
        # A model within another is not what `create_model` built either.
        if block is not net:
            note_classes(block, None)


def _count(block: gluon.Block, before: int, now: int, names: list[str] | None) -> None:
    """Update the attributes that hold the number or names of the classes."""
    attributes = vars(block)
    for name in _COUNTS:
        value = attributes.get(name)
        if isinstance(value, int) and value == before:
            attributes[name] = now
        elif isinstance(value, (list, tuple)) and len(value) == before:
            attributes[name] = type(value)(names or map(str, range(now)))


def _reset(net: gluon.Block, names: list[str], initializer: Any) -> None:
    """Call `reset_class` of a detector of GluonCV; restore the detector if that fails."""
    # `reset_class` changes one attribute after another, and may raise between them.
    put_back = remembered(net)
    before = {id(parameter): parameter for parameter in parameters_of(net)}
    try:
        with _without_values(), legacy() if converts_arrays(net) else nullcontext():
            net.reset_class(names)
        now = parameters_of(net)
        left = {id(parameter) for parameter in now}
        gone = [parameter for key, parameter in before.items() if key not in left]
        fresh = [parameter for parameter in now if id(parameter) not in before]
        if converts_arrays(net):
            in_both_modes(net)
        _settle(fresh, gone, initializer)
    except BaseException:
        put_back()
        raise
    # Graphs from before have the layers for the old classes.
    for _, block in walk(net):
        if isinstance(block, gluon.HybridBlock):
            block._clear_cached_op()


def _settle(fresh: list[Any], gone: list[Any], initializer: Any) -> None:
    """Initialize new parameters, with the settings of those that they replace."""
    by_name = {parameter.name: parameter for parameter in gone}
    # `reset_class` initializes what it makes, even if the network was not initialized.
    raw = not all(map(is_initialized, gone))
    for parameter in fresh:
        like = by_name.get(parameter.name, gone[0])
        parameter.lr_mult, parameter.wd_mult = like.lr_mult, like.wd_mult
        parameter.cast(like.dtype)
        if raw:
            # A parameter has no method that takes its values away.
            vars(parameter).update(_data=None, _grad=None, _deferred_init=())
        if initializer is not None and parameter.name.endswith("weight"):
            parameter.init = initializer
            if not raw:
                contexts = parameter.list_ctx()
                parameter.initialize(initializer, ctx=contexts, force_reinit=True)


@contextmanager
def _without_values() -> Iterator[None]:
    """Make a parameter without values report a CPU; `reset_class` asks each for its device."""
    list_ctx = gluon.Parameter.list_ctx

    def contexts(parameter: gluon.Parameter) -> Any:
        return list_ctx(parameter) if is_initialized(parameter) else [mx.cpu()]

    # `Parameter.list_ctx` raises for a parameter without values.
    with replaced(gluon.Parameter, "list_ctx", contexts):
        yield
