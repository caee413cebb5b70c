"""Operators that bring many elements down to fewer, or that weigh them together."""

from __future__ import annotations

import numpy

from gluonkit.exporting.torch.operators.use import (
    Use,
    cast,
    infix,
    literal,
    options,
    primary,
    torch_type,
    writes,
)
from gluonkit.exporting.torch.parts import Call

_LEGACY = ("sum", "mean", "max", "min", "prod", "nansum", "nanprod")
_NUMPY = ("_np_sum", "_np_max", "_np_min", "_np_prod", "_npi_mean", "_np_any", "_np_all")


def axes_of(use: Use, name: str = "axis") -> tuple[int, ...] | None:
    """Return the axes to reduce, counted from the front; None for all of them.

    In legacy mode the empty tuple means all.
    """
    axes = use.value(name)
    if axes is None or (axes == () and not use.operator.startswith("_np")):
        return None
    given = (axes,) if isinstance(axes, int) else axes
    axes = tuple(sorted(axis % use.rank for axis in given))
    if use.flag("exclude"):
        axes = tuple(axis for axis in range(use.rank) if axis not in axes)
    return None if len(axes) == use.rank else axes


def _dims(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)


def reduced(use: Use, name: str, axes: tuple[int, ...] | None, data: str, **more: str) -> str:
    """Return a reduction by a method of torch; in legacy mode no result is without an axis."""
    kept = use.flag("keepdims")
    given = options(dim=None if axes is None else _dims(axes), **more)
    if kept:
        given = options(dim=_dims(axes or tuple(range(use.rank))), keepdim=True, **more)
    return in_shape(use, f"{primary(data)}.{name}({given.removeprefix(', ')})", axes)


def in_shape(use: Use, text: str, axes: tuple[int, ...] | None) -> str:
    """Return a reduction with the axis that legacy mode keeps where there would be none."""
    gone = use.rank if axes is None else len(axes)
    is_bare = gone == use.rank and not use.flag("keepdims") and len(use.outputs[0].shape) == 1
    return f"{text}.reshape(1)" if is_bare else text


@writes(*_LEGACY, *_NUMPY)
def _reduction(use: Use) -> str:
    name, axes = use.operator.removeprefix("_np_").removeprefix("_npi_"), axes_of(use)
    if axes == ():
        return use.arguments[0]
    if use.value("initial") is not None:
        raise use.refuse("it has an initial value")
    data = use.arguments[0]
    if name in ("any", "all"):
        return reduced(use, name, axes, data)
    if name in ("max", "min"):
        return reduced(use, f"a{name}", axes, data)
    whole = numpy.dtype(use.inputs[0].dtype).kind in "iub"
    if name == "mean" and whole:
        data = use.like(data, "") if use.dtype[0] == "f" else cast(data, "float32")
        return use.like(reduced(use, name, axes, data), use.dtype if use.dtype[0] == "f" else "")
    if name == "nanprod":
        name, data = "prod", f"torch.where(torch.isnan({data}), 1, {data})"
    if name == "prod":
        return _product(use, axes, data)
    more = {"dtype": torch_type(use.dtype)} if use.dtype != use.inputs[0].dtype or whole else {}
    return reduced(use, name, axes, data, **more)


def _product(use: Use, axes: tuple[int, ...] | None, data: str) -> str:
    """Write a product, which torch takes over all axes, or one by one."""
    kept = use.flag("keepdims")
    if axes is None and not kept:
        text = f"{primary(data)}.prod()"
    else:
        text = primary(data)
        for axis in reversed(axes or range(use.rank)):
            text += f".prod({axis}{options(keepdim=True if kept else None)})"
    whole = numpy.dtype(use.inputs[0].dtype).kind in "iub"
    return use.like(in_shape(use, text, axes), "int64" if whole else use.inputs[0].dtype)


@writes("norm", "_npi_norm")
def _norm(use: Use) -> str:
    """Write norms: L1 and L2 over all or some axes, of matrices over two."""
    order = use.value("ord", 2)
    axes = axes_of(use)
    pair = use.value("axis")
    is_matrix = isinstance(pair, tuple) and len(pair) == 2
    kept = options(keepdim=True if use.flag("keepdims") else None)
    flag = use.value("flag", -1)
    if use.operator == "_npi_norm" and is_matrix and flag not in (-2, 1):
        raise use.refuse("it is a norm of matrices other than Frobenius'")
    if is_matrix and order == 1:
        raise use.refuse("it is a norm of matrices other than Frobenius'")
    dims = _dims(axes) if axes else _dims(tuple(range(use.rank))) if kept else None
    text = f"torch.linalg.vector_norm({use.arguments[0]}{options(ord=_order(order), dim=dims)}"
    return in_shape(use, f"{text}{kept})", axes)


def _order(order: float) -> str | None:
    return None if order == 2 else literal(float(order))


@writes("_npi_var", "_npi_std")
def _variance(use: Use) -> str:
    axes, data = axes_of(use), use.arguments[0]
    if axes == ():
        raise use.refuse("it is over no axis")
    if numpy.dtype(use.inputs[0].dtype).kind != "f":
        data = cast(data, use.dtype)
    name = use.operator.removeprefix("_npi_")
    return reduced(use, name, axes, data, correction=str(use.value("ddof", 0)))


@writes("_npi_average")
def _average(use: Use) -> Call | str:
    """Write an average, with weights for all numbers, or for the places along one axis."""
    axes, data = axes_of(use), use.arguments[0]
    if use.flag("returned"):
        raise use.refuse("it gives the sum of the weights too")
    if not use.flag("weighted", default=True):
        return reduced(use, "mean", axes, data)
    weights = use.arguments[1]
    if use.inputs[1].shape != use.inputs[0].shape and axes is not None:
        ones = ", 1" * (use.rank - 1 - axes[0])
        weights = f"{primary(weights)}.reshape(-1{ones})"
    total = reduced(use, "sum", axes, infix(data, "*", weights))
    return infix(total, "/", reduced(use, "sum", axes, f"{primary(weights)}.expand_as({data})"))


@writes("moments")
def _moments(use: Use) -> Call:
    axes, data = axes_of(use, "axes"), use.arguments[0]
    mean = reduced(use, "mean", axes, data)
    return Call(f"({mean}, {reduced(use, 'var', axes, data, correction='0')})", results=2)


@writes("argmax", "argmin", "_npi_argmax", "_npi_argmin", "argmax_channel")
def _extreme_place(use: Use) -> str:
    name = "argmin" if use.operator.endswith("min") else "argmax"
    axis = 1 if use.operator == "argmax_channel" else use.value("axis")
    axes = None if axis is None else (axis % use.rank,)
    kept = use.flag("keepdims")
    given = options(dim=axis, keepdim=True if kept else None).removeprefix(", ")
    text = f"{use.x}.{name}({given})"
    return use.like(in_shape(use, text, axes), "int64")


@writes("_np_cumsum")
def _running_sum(use: Use) -> str:
    axis, data = use.value("axis"), use.arguments[0]
    if axis is None:
        data = f"{primary(data)}.flatten()"
    whole = numpy.dtype(use.inputs[0].dtype).kind in "iub"
    dtype = torch_type(use.dtype) if whole or use.dtype != use.inputs[0].dtype else None
    return f"{primary(data)}.cumsum({axis or 0}{options(dtype=dtype)})"


@writes("L2Normalization")
def _unit_length(use: Use) -> str:
    axes = tuple(range(1, use.rank))
    mode = use.text("mode", "instance")
    axes = {"instance": axes, "channel": axes[:1], "spatial": axes[1:]}[mode]
    squares = f"{use.x}.square().sum(dim={_dims(axes)}, keepdim=True)"
    epsilon = literal(float(use.value("eps", 1e-10)))
    return infix(use.arguments[0], "*", f"torch.rsqrt({squares} + {epsilon})")


@writes("LRN")
def _local_response(use: Use) -> str:
    numbers = {
        name: literal(float(use.value(theirs, default)))
        for name, theirs, default in (
            ("alpha", "alpha", 1e-4),
            ("beta", "beta", 0.75),
            ("k", "knorm", 2.0),
        )
    }
    return f"F.local_response_norm({use.arguments[0]}, {use.value('nsize')}{options(**numbers)})"
