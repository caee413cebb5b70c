"""Operators of Gluon's layers, losses and the zoos, with arrays to try their gradients on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

_draws = numpy.random.RandomState(1)


@dataclass(frozen=True)
class Case:
    """An operator, as a function of F and arrays.

    Attributes
    ----------
    wanted : positions of the arrays whose gradients are looked at; by default all of float64.
    between : of these, which are themselves computed, so that a graph may reuse their memory.
    single : whether numeric gradients are taken in float32, for MXNet has no float64 there.
    """

    function: Callable[..., Any]
    arrays: tuple[Any, ...]
    wanted: tuple[int, ...]
    between: tuple[int, ...]
    single: bool = False


def case(function, *arrays, wanted=None, between=None, single=False):
    """Return a case; `function` may be the name of a legacy operator with one input."""
    arrays = tuple(map(numpy.asarray, arrays))
    if wanted is None:
        wanted = tuple(i for i, array in enumerate(arrays) if array.dtype == "float64")
    return Case(function, arrays, wanted, wanted if between is None else between, single)


def op(name, **options):
    """Return a function that applies a legacy operator."""

    def apply(F, *arrays):
        for part in name.split("."):
            F = getattr(F, part)
        return F(*arrays, **options)

    return apply


def positive(*shape):
    return _draws.uniform(0.2, 1.8, shape)


def signed(*shape):
    return _draws.uniform(-1.5, 1.5, shape) + 0.01


def apart(*shape):
    """Return numbers that are some hundredths apart, and from zero: no kink is near."""
    size = int(numpy.prod(shape))
    return _draws.permutation(size).reshape(shape) * 0.07 - size * 0.035 + 0.013


def integers(*numbers, dtype="float32"):
    return numpy.array(numbers, dtype)


def _layers():
    dense = signed(3, 5), signed(4, 5), signed(4)
    yield "FullyConnected", case(op("FullyConnected", num_hidden=4), *dense)
    flat = op("FullyConnected", num_hidden=4, flatten=False)
    yield "FullyConnected flatten=False", case(flat, signed(2, 3, 5), signed(4, 5), signed(4))
    for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign"):
        yield f"Activation {kind}", case(op("Activation", act_type=kind), apart(3, 4))
    for kind in ("leaky", "elu", "selu", "gelu"):
        yield f"LeakyReLU {kind}", case(op("LeakyReLU", act_type=kind), apart(3, 4, 2))
    for data, slope in (((3, 4, 2), (1,)), ((3, 4, 2), (4,)), ((3, 4), (4,)), ((1, 4), (1, 4))):
        prelu = case(op("LeakyReLU", act_type="prelu"), apart(*data), positive(*slope), single=True)
        yield f"PReLU {data} {slope}", prelu
    yield "Dropout", case(op("Dropout", p=0.5), positive(5, 6), single=True)
    yield (
        "Embedding",
        case(op("Embedding", input_dim=5, output_dim=3), integers([0, 1], [4, 1]), signed(5, 3)),
    )
    yield from _norms()
    yield from _convolutions()
    for mode in ("reflect", "edge", "constant"):
        pad = op("Pad", mode=mode, pad_width=(0, 0, 0, 0, 1, 2, 2, 1))
        yield f"Pad {mode}", case(pad, signed(2, 3, 5, 4))
    nearest = op("UpSampling", scale=2, sample_type="nearest")
    yield "UpSampling nearest", case(nearest, signed(2, 3, 4, 4))
    yield (
        "AdaptiveAvgPooling2D",
        case(op("contrib.AdaptiveAvgPooling2D", output_size=(2, 3)), signed(2, 3, 7, 6)),
    )
    yield (
        "BilinearResize2D",
        case(op("contrib.BilinearResize2D", height=5, width=9), signed(2, 3, 7, 6)),
    )
    yield "depth_to_space", case(op("depth_to_space", block_size=2), signed(1, 8, 3, 2))
    yield from _recurrent()


def _norms():
    shapes = {"": (4, 3, 5, 5), "eight": (4, 8, 5, 5), "two axes": (8, 3), "last": (4, 5, 3)}
    for name, shape in shapes.items():
        axis = -1 if name == "last" else 1
        size = shape[axis]
        arrays = signed(*shape), positive(size), signed(size), numpy.zeros(size), positive(size)
        for options in ({"fix_gamma": False}, {"fix_gamma": False, "use_global_stats": True}):
            norm = op("BatchNorm", axis=axis, eps=1e-3, **options)
            yield f"BatchNorm {name} {len(options)}", case(norm, *arrays, wanted=(0, 1, 2))
    fixed = signed(4, 3, 5), numpy.ones(3), signed(3), numpy.zeros(3), positive(3)
    yield "BatchNorm fixed", case(op("BatchNorm", eps=1e-3), *fixed, wanted=(0, 2))
    arrays = signed(4, 3, 5), positive(3), signed(3), numpy.zeros(3), positive(3)
    sync = op("contrib.SyncBatchNorm", key="k", eps=1e-3, fix_gamma=False)
    yield "SyncBatchNorm", case(sync, *arrays, wanted=(0, 1, 2), single=True)
    instance = case(op("InstanceNorm"), signed(2, 3, 5, 4), positive(3), signed(3), single=True)
    yield "InstanceNorm", instance
    for axis, size in ((-1, 6), (1, 3)):
        norm = case(op("LayerNorm", axis=axis), signed(2, 3, 6), positive(size), signed(size))
        yield f"LayerNorm {axis}", norm
    group = op("GroupNorm", num_groups=2)
    yield "GroupNorm", case(group, signed(2, 4, 5), positive(2), signed(2))
    for mode in ("instance", "channel"):
        yield f"L2Normalization {mode}", case(op("L2Normalization", mode=mode), signed(3, 4, 2))
    yield "LRN", case(op("LRN", nsize=3), signed(2, 8, 4, 4), single=True)


def _convolutions():
    for axes, size in ((1, (9,)), (2, (7, 6)), (3, (5, 4, 5))):
        common = {"kernel": (3,) * axes, "pad": (1,) * axes, "stride": (2,) * axes}
        for groups, inner, outer in ((1, 3, 4), (1, 8, 16), (2, 4, 6), (4, 4, 4)):
            options = common | {"num_filter": outer, "num_group": groups}
            data, kernel = signed(2, inner, *size), common["kernel"]
            name = f"{axes} {inner}/{outer} groups {groups}"
            weight = signed(outer, inner // groups, *kernel)
            convolution = op("Convolution", **options)
            yield f"Convolution {name}", case(convolution, data, weight, signed(outer))
            # A weight that is computed crashes MXNet: it moves the numbers of its own weights.
            weight = signed(inner, outer // groups, *kernel)
            back = op("Deconvolution", no_bias=False, **options)
            arrays = data, weight, signed(outer)
            yield f"Deconvolution {name}", case(back, *arrays, between=(0,), single=axes == 3)
        dilated = {"num_filter": 4, "dilate": (2,) * axes, "pad": (2,) * axes, "no_bias": True}
        convolution = op("Convolution", kernel=common["kernel"], **dilated)
        arrays = signed(2, 3, *size), signed(4, 3, *common["kernel"])
        yield f"Convolution {axes} dilated", case(convolution, *arrays)
        for kind in ("max", "avg", "sum", "lp"):
            power = {"p_value": 2} if kind == "lp" else {}
            for convention in ("valid", "full"):
                pool = op(
                    "Pooling", pool_type=kind, pooling_convention=convention, **common, **power
                )
                yield f"Pooling {axes} {kind} {convention}", case(pool, apart(2, 3, *size))
            whole = op("Pooling", global_pool=True, pool_type=kind, **common, **power)
            yield f"Pooling {axes} {kind} global", case(whole, apart(2, 8, *size))
        inside = op("Pooling", pool_type="avg", count_include_pad=False, **common)
        yield f"Pooling {axes} avg inside", case(inside, apart(2, 3, *size))


def _recurrent():
    for mode, gates in (("rnn_relu", 1), ("rnn_tanh", 1), ("lstm", 4), ("gru", 3)):
        for layers, both in ((1, 1), (2, 2)):
            inner = [4] + [3 * both] * (layers - 1)
            size = sum(both * gates * 3 * (width + 3 + 2) for width in inner)
            states = [signed(layers * both, 2, 3)] * (2 if mode == "lstm" else 1)
            options = {"state_size": 3, "num_layers": layers, "bidirectional": both == 2}
            rnn = op("RNN", mode=mode, state_outputs=True, **options)
            yield f"RNN {mode} {layers}", case(rnn, signed(5, 2, 4), signed(size) * 0.5, *states)
    lengths = integers(2, 4)
    for name in ("SequenceMask", "SequenceLast", "SequenceReverse"):
        sequence = op(name, use_sequence_length=True)
        yield name, case(sequence, signed(4, 2, 3), lengths)
    labels = integers([1, 2], [3, 0])
    yield "CTCLoss", case(op("CTCLoss"), signed(6, 2, 5), labels, single=True)
    for name, arrays in {
        "selfatt_qk": [signed(3, 2, 12)],
        "selfatt_valatt": [signed(3, 2, 12), signed(4, 3, 3)],
        "encdec_qk": [signed(3, 2, 4), signed(5, 2, 8)],
        "encdec_valatt": [signed(5, 2, 8), signed(4, 3, 5)],
    }.items():
        yield name, case(op(f"contrib.interleaved_matmul_{name}", heads=2), *arrays, single=True)
    yield "div_sqrt_dim", case(op("contrib.div_sqrt_dim"), signed(3, 4))


def _each(names, options):
    return dict.fromkeys(names, options)


_ONE_INPUT = {
    **_each(
        (
            *("sum", "mean", "max", "min", "prod", "nansum", "norm", "softmax", "log_softmax"),
            *("softmin", "sort", "flip"),
        ),
        {"axis": 1},
    ),
    **_each(
        (
            *("abs", "exp", "sin", "cos", "tanh", "arctan", "arcsinh", "sigmoid", "relu", "square"),
            *("negative", "erf", "cbrt", "expm1", "softsign", "hard_sigmoid", "sign", "round"),
            *("flatten", "zeros_like", "ones_like"),
        ),
        {},
    ),
    "expand_dims": {"axis": 1},
    "transpose": {"axes": (1, 0, 2)},
    "reshape": {"shape": (0, -1)},
    "tile": {"reps": (2, 1, 1)},
    "repeat": {"repeats": 2, "axis": 1},
    "swapaxes": {"dim1": 0, "dim2": 1},
    "clip": {"a_min": -0.5, "a_max": 0.6},
    "smooth_l1": {"scalar": 1.0},
    "moments": {"axes": (0,)},
    "topk": {"ret_typ": "value", "k": 2, "axis": 1},
    "slice": {"begin": (0, 3), "end": (2, None), "step": (1, -2)},
    "slice_axis": {"axis": 1, "begin": 1, "end": 3},
    "SliceChannel": {"num_outputs": 2, "axis": 1},
    "split_v2": {"indices_or_sections": 3, "axis": 2},
}


def _arithmetic():
    for name, options in _ONE_INPUT.items():
        yield name, case(op(name, **options), apart(2, 4, 3))
    logs = ("log", "log2", "log10", "log1p", "gammaln")
    for name in (*logs, "sqrt", "rsqrt", "rcbrt", "reciprocal"):
        yield name, case(op(name), positive(3, 4))
    yield (
        "softmax length",
        case(op("softmax", use_length=True, axis=1), signed(2, 4), integers(2, 4, dtype="int32")),
    )
    for name in ("add", "sub", "mul", "div", "maximum", "minimum", "power", "hypot", "mod"):
        arrays = positive(3, 4), positive(3, 1) + 0.013
        yield f"broadcast_{name}", case(op(f"broadcast_{name}"), *arrays)
    for name in ("add", "sub", "mul", "div"):
        yield f"elemwise_{name}", case(op(f"elemwise_{name}"), positive(3, 4), positive(3, 4))
    yield "one array twice", case(lambda F, x: x * x + x / (x * x + 1), signed(3, 4))
    yield (
        "numbers",
        case(
            lambda F, x: 2 / (1 - x * 3) + (x + 1) ** 2.5 + (2.0**x) + F.maximum(x, 0.7),
            positive(3, 4),
        ),
    )
    yield "add_n", case(op("add_n"), signed(3, 4), signed(3, 4), signed(3, 4))
    yield "concat", case(op("concat", dim=1), signed(2, 3, 4), signed(2, 5, 4))
    yield "stack", case(op("stack", axis=1), signed(3, 4), signed(3, 4))
    yield "slice_like", case(op("slice_like"), signed(3, 4), signed(2, 3))
    yield "broadcast_like", case(op("broadcast_like"), signed(1, 4), signed(3, 4))
    yield "broadcast_to", case(op("broadcast_to", shape=(3, 4)), signed(1, 4))
    yield "reshape_like", case(op("reshape_like"), signed(2, 6), signed(3, 4))
    yield "dot", case(op("dot", transpose_b=True), signed(3, 4), signed(2, 4))
    yield "batch_dot", case(op("batch_dot", transpose_b=True), signed(2, 3, 4), signed(2, 5, 4))
    yield "gemm2", case(op("linalg.gemm2", alpha=2.0), signed(2, 3, 4), signed(2, 4, 2))
    yield "where", case(op("where"), integers([1, 0], [0, 1]), signed(2, 2), signed(2, 2))
    chosen = integers(0, 2, 1)
    yield "take", case(op("take", axis=1), signed(3, 4), chosen)
    yield "pick", case(op("pick", axis=1), signed(3, 4), chosen)
    yield "gather_nd", case(op("gather_nd"), signed(3, 4), integers([0, 2], [1, 1]))
    yield (
        "softmax_cross_entropy",
        case(op("softmax_cross_entropy"), signed(3, 4), chosen, single=True),
    )
    boxes = integers([0, 0.3, 0.4, 4.1, 3.7], [1, 1.2, 0.6, 3.3, 4.9])
    pooled = {"pooled_size": (2, 2), "spatial_scale": 1.0}
    align = op("contrib.ROIAlign", sample_ratio=2, **pooled)
    yield "ROIAlign", case(align, signed(2, 3, 6, 6), boxes, single=True)
    yield "ROIPooling", case(op("ROIPooling", **pooled), apart(2, 3, 6, 6), boxes, single=True)
    yield (
        "DeformableConvolution",
        case(
            op("contrib.DeformableConvolution", kernel=(3, 3), num_filter=4, pad=(1, 1)),
            *(signed(2, 3, 5, 5), signed(2, 18, 5, 5) * 0.3 + 0.05, signed(4, 3, 3, 3), signed(4)),
        ),
    )
    sampled = signed(2, 3, 5, 5), signed(2, 2, 4, 4) * 0.5
    yield "BilinearSampler", case(op("BilinearSampler"), *sampled)


def _numpy():
    for name, options in {
        **_each(("sum", "mean", "max", "min", "prod", "cumsum", "var", "std"), {"axis": 1}),
        **_each(("abs", "exp", "sin", "tanh", "arctan", "square", "negative", "cbrt"), {}),
        **_each(("flip", "expand_dims"), {"axis": 1}),
        "transpose": {"axes": (1, 0, 2)},
        "reshape": {"newshape": (2, -1)},
        "tile": {"reps": (2, 1, 1)},
        "repeat": {"repeats": 2, "axis": 1},
        "swapaxes": {"axis1": 0, "axis2": 1},
        "moveaxis": {"source": 0, "destination": 2},
        "roll": {"shift": 1, "axis": 1},
        "clip": {"a_min": -0.5, "a_max": 0.6},
        "broadcast_to": {"shape": (3, 2, 4, 3)},
        "split": {"indices_or_sections": 2, "axis": 1},
        "tril": {},
    }.items():
        yield f"np.{name}", case(op(f"np.{name}", **options), apart(2, 4, 3))
    for name in ("log", "log1p", "sqrt", "reciprocal"):
        yield f"np.{name}", case(op(f"np.{name}"), positive(3, 4))
    for name in (
        *("add", "subtract", "multiply", "true_divide", "maximum", "minimum", "power", "mod"),
        *("hypot", "arctan2", "copysign"),
    ):
        yield f"np.{name}", case(op(f"np.{name}"), positive(3, 4), positive(3, 1) + 0.013)
    yield (
        "np.numbers",
        case(
            lambda F, x: 2 / (1 - x * 3) + (x + 1) ** 2.5 + (2.0**x) + F.np.maximum(x, 0.7),
            positive(3, 4),
        ),
    )
    yield "np.dot", case(op("np.dot"), signed(3, 4), signed(4, 2))
    yield "np.matmul", case(op("np.matmul"), signed(2, 3, 4), signed(4, 2))
    yield "np.tensordot", case(op("np.tensordot", axes=1), signed(3, 4), signed(4, 2))
    yield (
        "np.einsum",
        case(lambda F, x, y: F.np.einsum("bij,bkj->bik", x, y), signed(2, 3, 4), signed(2, 5, 4)),
    )
    for name in ("concatenate", "stack"):
        joined = lambda F, x, y, name=name: getattr(F.np, name)([x, y], axis=1)  # noqa: E731
        yield f"np.{name}", case(joined, signed(2, 3), signed(2, 3))
    yield (
        "np.where",
        case(
            lambda F, c, x, y: F.np.where(c, x, y),
            integers([1, 0], [0, 1]),
            signed(2, 2),
            signed(2, 2),
        ),
    )
    for name in ("relu", "sigmoid", "softmax", "log_softmax"):
        yield f"npx.{name}", case(op(f"npx.{name}"), apart(3, 4))
    yield "npx.pick", case(op("npx.pick", axis=1), signed(3, 4), integers(0, 2, 1))
    yield "npx.reshape", case(op("npx.reshape", newshape=(-2, -1)), signed(3, 4, 2))
    prelu = op("npx.leaky_relu", act_type="prelu")
    yield "npx.leaky_relu PReLU", case(prelu, apart(3, 4, 2), positive(4), single=True)
    norm = op("npx.layer_norm", axis=-1)
    yield "npx.layer_norm", case(norm, signed(2, 3, 6), positive(6), signed(6))


LEGACY = dict([*_layers(), *_arithmetic()])
NUMPY = dict(_numpy())
