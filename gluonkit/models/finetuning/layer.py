"""A layer like another, with other outputs and fresh parameters."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import mxnet as mx
from mxnet import gluon
from mxnet.gluon import nn
from mxnet.util import is_np_array

from gluonkit.errors import ArgumentError
from gluonkit.models.finetuning.head import CONVOLUTIONS
from gluonkit.models.layers import TransposedDense
from gluonkit.system.modes import array_mode, converts_arrays, in_both_modes, legacy
from gluonkit.tracing.tree import known_shape, own_parameters, walk


def layer_like(old: Any, outputs: int, init: Any) -> Any:
    """Return a layer like another, with other outputs, on the same devices.

    Its parameters are initialized or deferred as the other's are, and have their names, data types
    and multipliers; hybridization is kept. They have gradients even if the other was frozen.

    Raises
    ------
    ArgumentError
        For a number of outputs that is not a multiple of the convolution's groups.
    """
    with _mode_of(old):
        new = _made(old, outputs, init)
    if converts_arrays(old):
        in_both_modes(new)
    theirs = own_parameters(old)
    for name, parameter in own_parameters(new).items():
        given = theirs[name]
        parameter.cast(given.dtype)
        parameter.lr_mult, parameter.wd_mult = given.lr_mult, given.wd_mult
        parameter.grad_req = "add" if given.grad_req == "add" else "write"
    # `hybridize()` marks the blocks that there are when it is called, and no later ones.
    for (_, one), (_, other) in zip(walk(new), walk(old), strict=True):
        one._active, one._flags = other._active, list(other._flags)
    with array_mode(numpy_mode=is_np_array()) if converts_arrays(old) else _mode_of(old):
        _initialize(new, old.weight)
    return new


def _made(old: Any, outputs: int, init: Any) -> Any:
    """Make the layer."""
    weight, bias = old.weight, old.bias
    options = {
        "activation": None if old.act is None else old.act._act_type,
        "weight_initializer": weight.init if init is None else init,
        "bias_initializer": "zeros" if bias is None else bias.init,
        # Parameters are called by it, in files and by trainers.
        "prefix": old.prefix,
    }
    # 0 is MXNet's unknown size, to be inferred from the first input.
    sizes = [size or 0 for size in known_shape(weight)]  # type: ignore[union-attr]
    if isinstance(old, TransposedDense):
        return TransposedDense(outputs, sizes[0], **options)
    options["use_bias"] = bias is not None
    if not isinstance(old, CONVOLUTIONS):
        return nn.Dense(outputs, flatten=old._flatten, in_units=sizes[1], **options)
    settings = old._kwargs
    groups = settings["num_group"]
    if outputs % groups:
        raise ArgumentError(
            f"`classes` is {outputs}, but the convolution has {groups} groups; give a multiple"
        )
    return type(old)(
        outputs,
        settings["kernel"],
        strides=settings["stride"],
        padding=settings["pad"],
        dilation=settings["dilate"],
        groups=groups,
        layout=settings["layout"],
        # A weight has its input channels where the layout has C, divided by the groups.
        in_channels=sizes[settings["layout"].find("C")] * groups,
        **options,
    )


def _mode_of(layer: Any) -> AbstractContextManager[None]:
    """Switch to the array mode for which a layer was built, if that is known."""
    if converts_arrays(layer):
        return legacy()
    # A convolution keeps the operator of the array mode in which it was created.
    if isinstance(layer, CONVOLUTIONS):
        return array_mode(numpy_mode=layer._op_name == "convolution")
    # A parameter's arrays are of the mode in which it was initialized.
    arrays = layer.weight._data
    return array_mode(numpy_mode=isinstance(arrays[0], mx.np.ndarray) if arrays else is_np_array())


def _initialize(layer: gluon.Block, like: gluon.Parameter) -> None:
    """Initialize a layer, or defer it, as another's weight is."""
    if like._data is not None:
        layer.initialize(ctx=like.list_ctx())
    # What MXNet keeps there: initializer, devices, default initializer, values if there are any.
    elif like._deferred_init:
        _, contexts, default, _ = like._deferred_init
        layer.initialize(default, ctx=contexts)
