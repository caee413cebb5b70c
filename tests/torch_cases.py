"""Functions of operators for both array modes, whose results torch is to give too."""

import numpy


def floats(*shape, dtype="float32", low=-2.0, high=2.0):
    """Return a function of the batch size that gives numbers without ties."""

    def draw(rows):
        random = numpy.random.default_rng([rows, *shape])
        return random.uniform(low, high, (rows, *shape)).astype(dtype)

    return draw


def whole(*shape, dtype="int32", low=-9, high=10):
    """Return a function of the batch size that gives whole numbers."""

    def draw(rows):
        random = numpy.random.default_rng([rows, *shape])
        return random.integers(low, high, (rows, *shape)).astype(dtype)

    return draw


def fixed(*shape, low=-1.0, high=1.0, dtype="float32"):
    """Return a function that gives weights, which do not depend on the batch size."""
    values = numpy.random.default_rng(shape).uniform(low, high, shape).astype(dtype)
    return lambda rows: values


def odd(rows):
    """Return numbers that are none, and others."""
    values = [numpy.nan, numpy.inf, -numpy.inf, 0, -1.5, 2]
    return numpy.tile(numpy.array(values, "float32"), (rows, 1))


def lengths(rows):
    return numpy.random.default_rng(rows).integers(1, 5, rows).astype("float32")


def time_first(*shape):
    """Return a function of the batch size, which is the second axis of what that gives."""
    draw = floats(*shape)
    return lambda rows: numpy.swapaxes(draw(rows), 0, 1).copy()


F34, F345, I34 = floats(3, 4), floats(3, 4, 5), whole(3, 4)
POSITIVE, SMALL = floats(3, 4, low=0.3), floats(3, 4, low=-0.9, high=0.9)
ABOVE = floats(3, 4, low=1.1, high=3)
IMAGES, LINES, VOLUMES = floats(4, 6, 9), floats(4, 9), floats(2, 5, 6, 7)
BOOLS = whole(3, 4, dtype="bool", low=0, high=2)
D34 = floats(3, 4, dtype="float64")


def boxes(rows):
    """Return kinds, scores and corners of boxes, of which many overlap."""
    random = numpy.random.default_rng(rows)
    kinds = random.integers(0, 3, (rows, 12, 1))
    corners = random.uniform(0, 1, (rows, 12, 2))
    sizes = random.uniform(0.3, 0.6, (rows, 12, 2))
    scores = random.uniform(0, 1, (rows, 12, 1))
    return numpy.concatenate([kinds, scores, corners, corners + sizes], 2).astype("float32")


def regions(rows):
    """Return regions of images of 6 x 9, (index, left, top, right, bottom); some begin outside."""
    random = numpy.random.default_rng(rows)
    index = random.integers(0, rows, (6, 1))
    corners = random.uniform(-3, 12, (6, 2))
    return numpy.concatenate([index, corners, corners + random.uniform(0, 8, (6, 2))], 1).astype(
        "float32"
    )


def shifts(*shape):
    """Return a function of the batch size that gives offsets of up to two pixels."""
    return floats(*shape, low=-2.0, high=2.0)


UNARY = {
    **dict.fromkeys(("arccos", "arcsin", "arctanh"), SMALL),
    **dict.fromkeys(("log", "log10", "log1p", "log2", "sqrt", "reciprocal", "cbrt"), POSITIVE),
    "arccosh": ABOVE,
    **dict.fromkeys(
        ("abs", "arcsinh", "arctan", "ceil", "cos", "cosh", "degrees", "exp", "expm1", "floor"), F34
    ),
    **dict.fromkeys(
        ("negative", "radians", "rint", "sign", "sin", "sinh", "square", "tan", "tanh", "trunc"),
        F34,
    ),
}
LEGACY_UNARY = {
    **UNARY,
    **dict.fromkeys(("rsqrt", "rcbrt", "gammaln"), POSITIVE),
    **dict.fromkeys(("erf", "relu", "sigmoid", "softsign", "round", "logical_not"), F34),
    **dict.fromkeys(("BlockGrad", "zeros_like", "ones_like", "make_loss", "identity"), F34),
    "erfinv": SMALL,
    "hard_sigmoid": F34,
}
NUMPY_UNARY = {
    **UNARY,
    **dict.fromkeys(("isnan", "isinf", "isfinite", "isposinf", "isneginf", "nan_to_num"), odd),
    "bitwise_not": I34,
    "copy": F34,
}
POOLINGS = {
    **{f"{kind}": {"kernel": (3, 2), "pool_type": kind} for kind in ("max", "avg", "sum")},
    "stride": {"kernel": (2, 2), "stride": (2, 2), "pool_type": "max"},
    "pad": {"kernel": (3, 3), "stride": (2, 3), "pad": (1, 0), "pool_type": "avg"},
    "inner": {
        "kernel": (3, 3),
        "stride": (2, 2),
        "pad": (1, 1),
        "pool_type": "avg",
        "count_include_pad": False,
    },
    "full": {"kernel": (3, 2), "stride": (2, 2), "pooling_convention": "full"},
    "full-mean": {
        "kernel": (3, 3),
        "stride": (2, 2),
        "pad": (1, 1),
        "pooling_convention": "full",
        "pool_type": "avg",
    },
    "full-inner": {
        "kernel": (3, 3),
        "stride": (2, 2),
        "pad": (1, 1),
        "pooling_convention": "full",
        "pool_type": "avg",
        "count_include_pad": False,
    },
    "wide": {"kernel": (2, 2), "stride": (2, 2), "pad": (1, 1)},
    "too-wide": {"kernel": (3, 3), "stride": (2, 2), "pad": (2, 2)},
    "all": {"global_pool": True, "pool_type": "avg"},
    "all-max": {"global_pool": True},
}


def _pool(**options):
    return lambda F, x: F.Pooling(x, **options)


def _reshaped(*shape, **options):
    return lambda F, x: F.reshape(x, shape, **options)


def _npx_reshaped(*shape, **options):
    return lambda F, x: F.npx.reshape(x, shape, **options)


LEGACY = {
    **{
        f"unary-{name}": (lambda F, x, n=name: getattr(F, n)(x), x)
        for name, x in LEGACY_UNARY.items()
    },
    **{
        f"elemwise-{name}": (
            lambda F, x, y, n=name: getattr(F, f"elemwise_{n}")(x, y),
            F34,
            POSITIVE,
        )
        for name in ("add", "sub", "mul", "div")
    },
    **{
        f"broadcast-{name}": (
            lambda F, x, y, n=name: getattr(F, f"broadcast_{n}")(x, y),
            POSITIVE,
            floats(3, 1, low=0.4),
        )
        for name in ("add", "sub", "mul", "div", "power", "maximum", "minimum", "hypot", "mod")
    },
    **{
        f"compare-{name}": (
            lambda F, x, y, n=name: (
                getattr(F, f"broadcast_{n}")(x, y),
                getattr(F._internal, f"_{n}")(x, y),
                getattr(F._internal, f"_{n}_scalar")(x, scalar=1),
                getattr(F._internal, f"_{n}_scalar")(x, scalar=0.5),
            ),
            whole(3, 4, dtype="float32", low=0, high=3),
            whole(3, 4, dtype="float32", low=1, high=3),
        )
        for name in ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")
    },
    **{
        f"logical-{name}": (
            lambda F, x, y, n=name: (
                getattr(F, f"broadcast_logical_{n}")(x, y),
                getattr(F._internal, f"_logical_{n}")(x, y),
                getattr(F._internal, f"_logical_{n}_scalar")(x, scalar=1),
                getattr(F._internal, f"_logical_{n}_scalar")(x, scalar=0),
            ),
            whole(3, 4, dtype="float32", low=0, high=2),
            whole(3, 4, dtype="float32", low=-1, high=1),
        )
        for name in ("and", "or", "xor")
    },
    "scalars": (
        lambda F, x: (x + 2, x - 1.5, 1 - x, x * 3, x / 4, 2 / x, x**2, x**0.5, 2**x, -x),
        POSITIVE,
    ),
    "scalars-int": (lambda F, x: (x + 2, x - 3, 1 - x, x * 3), I34),
    "scalars-scattered": (
        lambda F, x: (
            F._internal._scatter_plus_scalar(x, scalar=2),
            F._internal._scatter_minus_scalar(x, scalar=2),
        ),
        F34,
    ),
    "bounds": (
        lambda F, x: (
            *(F.maximum(x, 0.5), F.minimum(x, -0.25), F.clip(x, -1, 0.75)),
            F._internal._hypot_scalar(x, scalar=2),
        ),
        F34,
    ),
    "powers": (
        lambda F, x, y: (
            F._internal._power(x, y),
            F._internal._mod(x, y),
            F._internal._hypot(x, y),
        ),
        POSITIVE,
        POSITIVE,
    ),
    "sum-of-all": (lambda F, x, y: F.add_n(x, y, x), F34, F34),
    "gradient-sum": (lambda F, x, y: F._internal._grad_add(x, y), F34, F34),
    "precedence": (lambda F, x, y: ((x + y) * (x - y) / (x * y), -((x + y) ** 2)), POSITIVE, ABOVE),
    "casts": (
        lambda F, x: (
            *(F.Cast(x, dtype=d) for d in ("float16", "float64", "int32", "int64", "uint8")),
            F.amp_cast(x, dtype="float32"),
        ),
        POSITIVE,
    ),
    "casts-common": (
        lambda F, x, y: F.amp_multicast(x, y, num_outputs=2),
        F34,
        F34,
    ),
    "gradient-scaled": (lambda F, x: F.contrib.gradientmultiplier(x, scalar=-0.5), F34),
    **{
        f"activation-{kind}": (lambda F, x, k=kind: F.Activation(x, act_type=k), F345)
        for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")
    },
    "leaky-rrelu": (lambda F, x: F.LeakyReLU(x, act_type="rrelu")[0], F34),
    "prelu": (lambda F, x, w: F.LeakyReLU(x, w, act_type="prelu"), F345, fixed(3)),
    "prelu-one": (lambda F, x, w: F.LeakyReLU(x, w, act_type="prelu"), F345, fixed(1)),
    # reductions
    "reduce-dtype": (lambda F, x: (F.sum(x, axis=1), F.max(x, axis=(1, 2))), D34),
    "norms": (
        lambda F, x: (
            *(F.norm(x, ord=1, axis=1), F.norm(x, ord=2, axis=(1, 2), keepdims=True)),
            *(F.norm(x, keepdims=True), F.norm(x, ord=1)),
        ),
        F34,
    ),
    "moments": (
        lambda F, x: (*F.moments(x, axes=(1, 2)), *F.moments(x, axes=(-1,), keepdims=True)),
        F34,
    ),
    "argmax-channel": (lambda F, x: F.argmax_channel(x), floats(7)),
    "softmax-activation": (
        lambda F, x, y: (
            *(F.SoftmaxActivation(x), F.SoftmaxActivation(x, mode="channel")),
            F.SoftmaxActivation(y),
        ),
        F345,
        F34,
    ),
    "softmax-cross-entropy": (
        lambda F, x, y: F.softmax_cross_entropy(x, y),
        floats(7),
        whole(dtype="float32", low=0, high=7),
    ),
    "unit-length": (
        lambda F, x: tuple(
            F.L2Normalization(x, mode=mode) for mode in ("instance", "channel", "spatial")
        ),
        IMAGES,
    ),
    "unit-length-flat": (lambda F, x: F.L2Normalization(x, eps=0.01), F34),
    "response": (lambda F, x: F.LRN(x, nsize=3, alpha=0.2, beta=0.6, knorm=1.5), IMAGES),
    # shapes
    **{
        f"reshape{number}": (_reshaped(*shape, **options), IMAGES)
        for number, (shape, options) in enumerate(
            (
                ((0, -1), {}),
                ((-1,), {}),
                ((-3, -2), {}),
                ((-3, 0, 0), {}),
                ((0, -3, 0), {}),
                ((0, 0, -3), {}),
                ((0, 0, -1), {}),
                ((0, 2, 2, 6, -1), {}),
                ((0, -4, 2, -1, -2), {}),
                ((0, -4, -1, 2, 0, 0), {}),
                ((0, 0, -4, 2, 3, 0), {}),
                ((-3, -3), {}),
                ((0, 0, 54), {}),
                ((-1, 0, 0), {"reverse": True}),
                ((0, 2, -1, 0), {"reverse": True}),
                ((-2,), {}),
                ((0, -2), {}),
                ((0, 4, -3), {}),
            )
        )
    },
    "reshape-old": (lambda F, x: F.Reshape(x, target_shape=(0, 12)), F34),
    "reshape-like": (
        lambda F, x, y: (
            *(F.reshape_like(x, y), F.reshape_like(x, y, lhs_begin=1, rhs_begin=1)),
            F.reshape_like(x, y, lhs_begin=1, lhs_end=3, rhs_begin=1, rhs_end=2),
        ),
        F34,
        floats(12),
    ),
    "flatten": (
        lambda F, x, y: (F.Flatten(x), F.Flatten(y), F.flatten(F.sum(x, axis=1))),
        F345,
        F34,
    ),
    "axes": (
        lambda F, x: (
            *(F.expand_dims(x, 1), F.expand_dims(x, -1), F.expand_dims(x, 0)),
            F.squeeze(F.expand_dims(x, axis=2), axis=2),
            F.squeeze(F.expand_dims(F.expand_dims(x, 1), -1), axis=(1, -1)),
            F.squeeze(F.sum(x, keepdims=True)),
        ),
        F34,
    ),
    **{
        f"regions-mean-{number}": (
            lambda F, x, r, o=options: F.contrib.ROIAlign(x, r, **o),
            IMAGES,
            regions,
        )
        for number, options in enumerate(
            (
                {"pooled_size": (2, 3), "spatial_scale": 0.5, "sample_ratio": 2},
                {"pooled_size": (2, 2), "spatial_scale": 1.0, "sample_ratio": 1, "aligned": True},
                {"pooled_size": (3, 2), "spatial_scale": 1.0},
            )
        )
    },
    **{
        f"regions-largest-{scale}": (
            lambda F, x, r, s=scale: F.ROIPooling(x, r, pooled_size=(2, 3), spatial_scale=s),
            IMAGES,
            regions,
        )
        for scale in (1.0, 0.5)
    },
    "deformed": (
        lambda F, x, o, w, b: F.contrib.DeformableConvolution(
            x, o, w, b, kernel=(3, 2), pad=(1, 0), stride=(2, 1), num_filter=6, num_group=2
        ),
        IMAGES,
        shifts(12, 3, 8),
        fixed(6, 2, 3, 2),
        fixed(6),
    ),
    "deformed-groups": (
        lambda F, x, o, w: F.contrib.DeformableConvolution(
            *(x, o, w),
            kernel=(2, 2),
            dilate=(2, 1),
            num_filter=4,
            num_deformable_group=2,
            no_bias=True,
        ),
        IMAGES,
        shifts(16, 4, 8),
        fixed(4, 4, 2, 2),
    ),
    "deformed-scaled": (
        lambda F, x, o, m, w, b: F.contrib.ModulatedDeformableConvolution(
            *(x, o, m, w, b),
            kernel=(3, 3),
            pad=(1, 1),
            num_filter=4,
            num_deformable_group=2,
        ),
        IMAGES,
        shifts(36, 6, 9),
        floats(18, 6, 9, low=0.1, high=0.9),
        fixed(4, 4, 3, 3),
        fixed(4),
    ),
    "pool-small-volume": (
        lambda F, x: tuple(
            F.Pooling(
                x, kernel=(3, 3, 3), pad=(1, 1, 1), pool_type="avg", count_include_pad=counted
            )
            for counted in (True, False)
        ),
        floats(2, 1, 2, 1),
    ),
    "pool-wide-mean": (
        lambda F, x: tuple(
            F.Pooling(x, kernel=(3, 3), pad=(2, 2), pool_type="avg", count_include_pad=counted)
            for counted in (True, False)
        ),
        IMAGES,
    ),
    "pool-last": (
        lambda F, x: tuple(
            F.Pooling(x, kernel=(3, 2), stride=(2, 1), pool_type=kind, layout="NHWC")
            for kind in ("max", "avg")
        ),
        IMAGES,
    ),
    "blocks": (
        lambda F, x: (F.depth_to_space(x, 2), F.space_to_depth(F.slice_axis(x, 3, 0, 8), 2)),
        IMAGES,
    ),
    "shape": (lambda F, x: (F.shape_array(x), F.size_array(x)), F34),
    "transposed": (
        lambda F, x: (
            *(F.transpose(x, (0, 2, 3, 1)), F.transpose(x, (0, 2, 1, 3)), F.transpose(x)),
            F.swapaxes(x, 1, 3),
        ),
        F345,
    ),
    "reversed": (lambda F, x: (F.reverse(x, axis=1), F.flip(x, axis=(1, 2))), F34),
    "joined": (
        lambda F, x, y: (
            *(F.Concat(x, y), F.concat(x, y, x, dim=2), F.concat(x, y, dim=-1)),
            *(F.concat(x, y, dim=0), F.concat(x, dim=1), F.stack(x, y), F.stack(x, y, axis=-1)),
        ),
        F34,
        F34,
    ),
    "parameters-joined": (
        lambda F, x, y: F._internal._rnn_param_concat(x, y, dim=0, num_args=2),
        F34,
        F34,
    ),
    "split": (
        lambda F, x: (
            *F.SliceChannel(x, num_outputs=2, axis=2),
            *F.split(x, num_outputs=3, squeeze_axis=True),
            *F.split(x, num_outputs=4, axis=-1, squeeze_axis=True),
            F.split(x, num_outputs=1),
            *F.split_v2(x, (1, 3), axis=2),
            *F.split_v2(x, 2, axis=2),
            *F.split_v2(x, 3, axis=1, squeeze_axis=True),
        ),
        F34,
    ),
    "repeated": (
        lambda F, x: (
            *(F.tile(x, (1, 2, 3)), F.tile(x, 2), F.repeat(x, 2, axis=1), F.repeat(x, repeats=3)),
        ),
        F34,
    ),
    "broadcast-sizes": (
        lambda F, x, y: (
            F.broadcast_axis(x, axis=(2,), size=(5,)),
            F.broadcast_to(x, (0, 0, 5)),
            *(F.broadcast_like(x, y), F.broadcast_like(x, y, lhs_axes=(2,), rhs_axes=(-1,))),
        ),
        floats(3, 1),
        F34,
    ),
    "padded": (
        lambda F, x: tuple(
            F.Pad(x, mode=mode, pad_width=(0, 0, 0, 0, 1, 2, 3, 1), constant_value=1.5)
            for mode in ("constant", "edge", "reflect")
        ),
        IMAGES,
    ),
    "diagonal": (
        lambda F, x: (F.diag(x, axis1=1, axis2=2), F.diag(x, k=1, axis1=-1, axis2=1)),
        F34,
    ),
    "diagonal-made": (lambda F, x: F.diag(F.sum(x, axis=(0, 1)), k=-1), F34),
    # indices
    "sliced": (
        lambda F, x: (
            F.slice_axis(x, axis=1, begin=1, end=None),
            F.slice_axis(x, axis=-1, begin=-3, end=-1),
            F.slice(x, begin=(None, 0, 1), end=(None, 2, 3)),
            F.slice(x, begin=(None, None), end=(None, None), step=(None, -2)),
        ),
        F34,
    ),
    "sliced-like": (
        lambda F, x, y: (F.slice_like(x, y), F.slice_like(x, y, axes=(2, -1))),
        F345,
        floats(2, 3, 4),
    ),
    "cropped": (
        lambda F, x, y: (
            *(F.Crop(x, y), F.Crop(x, y, offset=(2, 1)), F.Crop(x, y, center_crop=True)),
            *(F.Crop(x, h_w=(3, 4)), F.Crop(x, offset=(1, 2), h_w=(3, 4))),
        ),
        IMAGES,
        floats(4, 3, 5),
    ),
    "taken": (
        lambda F, x, i: (
            *(F.take(x, i), F.take(x, i, axis=1), F.take(x, i, axis=-1, mode="wrap")),
            F.take(x, F.cast(i, "int32"), axis=2),
        ),
        F34,
        whole(2, dtype="float32"),
    ),
    "taken-by-row": (lambda F, x, i: F.batch_take(x, i), floats(5), whole(low=0, high=5)),
    "embedded": (
        lambda F, w, i: F.Embedding(i, w, input_dim=7, output_dim=3),
        fixed(7, 3),
        whole(4, dtype="float32", low=0, high=7),
    ),
    "picked": (
        lambda F, x, i: (
            *(F.pick(x, i), F.pick(x, i, keepdims=True), F.pick(F.swapaxes(x, 1, 2), i, axis=1)),
        ),
        F34,
        whole(3, dtype="float32"),
    ),
    "gathered": (
        lambda F, x, i: F.gather_nd(x, F.transpose(i)),
        F34,
        lambda rows: numpy.array([[0, 1, 3], [0, 2, 0]], "int32"),
    ),
    "one-hot-double": (
        lambda F, i: F.one_hot(i, 4, dtype="float64"),
        whole(3, low=0, high=4),
    ),
    "chosen": (
        lambda F, c, x, y: F.where(c, x, y),
        whole(3, 4, dtype="float32", low=0, high=2),
        F34,
        F34,
    ),
    "chosen-rows": (
        lambda F, c, x, y: F.where(c, x, y),
        whole(dtype="float32", low=0, high=2),
        F34,
        F34,
    ),
    "largest": (
        lambda F, x: (
            *(F.topk(x, k=2), F.topk(x, k=2, axis=1, ret_typ="value")),
            *F.topk(x, k=3, ret_typ="both", is_ascend=True, dtype="int32"),
            *(F.topk(x, k=2, ret_typ="mask", axis=1), F.topk(x, axis=None), F.topk(x, k=0)),
        ),
        F34,
    ),
    "largest-of-equals": (
        lambda F, x: (F.topk(x, k=3), F.topk(x, k=4, is_ascend=True), F.argsort(x)),
        whole(3, 5, dtype="float32", low=0, high=3),
    ),
    "sequences": (
        lambda F, x, n: (
            F.SequenceMask(x, n, use_sequence_length=True, value=-1.5),
            F.SequenceMask(F.swapaxes(x, 0, 1), n, use_sequence_length=True, axis=1),
            F.SequenceMask(x),
            *(F.SequenceReverse(x, n, use_sequence_length=True), F.SequenceReverse(x)),
        ),
        time_first(4, 3),
        lengths,
    ),
    "sequences-flat": (
        lambda F, x, n: F.SequenceMask(x, n, use_sequence_length=True),
        time_first(4),
        lengths,
    ),
    # products
    "dense": (
        lambda F, x, w, b: (
            F.FullyConnected(x, F.reshape(w, (5, 12)), b, num_hidden=5),
            F.FullyConnected(x, w, no_bias=True, num_hidden=15, flatten=False),
        ),
        F34,
        fixed(15, 4),
        fixed(5),
    ),
    "dot": (
        lambda F, x, y: (
            F.dot(x, y),
            F.dot(F.sum(x, axis=1), y),
            F.dot(F.sum(x, axis=1), F.transpose(y), transpose_b=True),
            F.dot(F.sum(x, axis=(0, 1)), F.sum(x, axis=(0, 1))),
            F.dot(y, y, transpose_a=True),
            F.dot(x, F.expand_dims(y, 2)),
        ),
        F34,
        fixed(4, 5),
    ),
    "batch-dot": (
        lambda F, x, y: (
            F.batch_dot(x, y, transpose_b=True),
            F.batch_dot(x, F.swapaxes(y, 1, 2)),
            F.batch_dot(x, y, transpose_a=True),
            F.linalg.gemm2(x, y, transpose_b=True, alpha=0.5),
        ),
        F34,
        F34,
    ),
    "attention": (
        lambda F, x: (
            F.contrib.interleaved_matmul_selfatt_qk(x, heads=2),
            F.contrib.interleaved_matmul_selfatt_valatt(
                x, F.softmax(F.contrib.interleaved_matmul_selfatt_qk(x, heads=2)), heads=2
            ),
        ),
        time_first(5, 24),
    ),
    "attention-other": (
        lambda F, x, y: (
            F.contrib.interleaved_matmul_encdec_qk(x, y, heads=2),
            F.contrib.interleaved_matmul_encdec_valatt(
                y, F.contrib.interleaved_matmul_encdec_qk(x, y, heads=2), heads=2
            ),
        ),
        time_first(3, 8),
        time_first(5, 16),
    ),
    # constants
    "made": (
        lambda F, x: tuple(
            F.broadcast_add(x, made)
            for made in (
                F.reshape(F.zeros((4,)), (1, 1, 4)),
                F.reshape(F.full((4, 1), 2.5), (1, 4, 1)),
                F.reshape(F.eye(4), (1, 4, 4)),
                F.reshape(F.arange(0, 8, 2), (1, 1, 4)),
                F.reshape(F.arange(2, repeat=2), (1, 1, 4)),
                F.reshape(F.linspace(0, 1, 4), (1, 1, 4)),
            )
        ),
        floats(4, 4),
    ),
    "ranges-like": (
        lambda F, x: (
            F.contrib.arange_like(x, axis=1),
            F.contrib.arange_like(x, start=2, step=0.5, axis=-1),
            F.contrib.arange_like(x),
            F.contrib.div_sqrt_dim(x),
        ),
        F34,
    ),
    # layers
    "conv": (
        lambda F, x, w, b: (
            F.Convolution(x, w, b, kernel=(3, 2), num_filter=6, num_group=2),
            F.Convolution(
                x,
                w,
                kernel=(3, 2),
                num_filter=6,
                num_group=2,
                no_bias=True,
                stride=(2, 1),
                pad=(1, 2),
                dilate=(1, 2),
            ),
        ),
        IMAGES,
        fixed(6, 2, 3, 2),
        fixed(6),
    ),
    "conv-1d": (
        lambda F, x, w, b: F.Convolution(x, w, b, kernel=(3,), num_filter=5, pad=(1,)),
        LINES,
        fixed(5, 4, 3),
        fixed(5),
    ),
    "conv-3d": (
        lambda F, x, w, b: F.Convolution(x, w, b, kernel=(2, 3, 2), num_filter=3),
        VOLUMES,
        fixed(3, 2, 2, 3, 2),
        fixed(3),
    ),
    "deconv": (
        lambda F, x, w, b: (
            F.Deconvolution(x, w, kernel=(3, 2), num_filter=6, num_group=2),
            F.Deconvolution(
                x,
                w,
                b,
                kernel=(3, 2),
                num_filter=6,
                num_group=2,
                no_bias=False,
                stride=(3, 2),
                pad=(1, 1),
                adj=(1, 1),
            ),
            F.Deconvolution(
                x, w, kernel=(3, 2), num_filter=6, num_group=2, stride=(2, 2), target_shape=(13, 18)
            ),
        ),
        IMAGES,
        fixed(4, 3, 3, 2),
        fixed(6),
    ),
    "deconv-1d": (
        lambda F, x, w: F.Deconvolution(x, w, kernel=(3,), num_filter=2, stride=(2,), adj=(1,)),
        LINES,
        fixed(4, 2, 3),
    ),
    "batch-norm": (
        lambda F, x, g, b, m, v: (
            F.BatchNorm(x, g, b, m, v, fix_gamma=False, eps=0.01, use_global_stats=True),
            F.BatchNorm(F.swapaxes(x, 1, 3), g, b, m, v, fix_gamma=False, axis=3),
            F.contrib.SyncBatchNorm(x, g, b, m, v, fix_gamma=False, key="a"),
            F.contrib.BatchNormWithReLU(x, g, b, m, v, fix_gamma=False),
        ),
        IMAGES,
        *(fixed(4, low=0.2 + n / 9) for n in range(4)),
    ),
    "batch-norm-fixed": (  # which writes ones into gamma
        lambda F, x, g, b, m, v: F.BatchNorm(x, g, b, m, v),
        IMAGES,
        *(fixed(4, low=0.2 + n / 9) for n in range(4)),
    ),
    "layer-norm": (
        lambda F, x, g, b: (
            F.LayerNorm(F.transpose(x, (0, 2, 3, 1)), g, b),
            F.LayerNorm(x, g, b, axis=1, eps=0.1),
        ),
        IMAGES,
        fixed(4),
        fixed(4, low=0.1),
    ),
    "group-norm": (
        lambda F, x, g, b: F.GroupNorm(x, g, b, num_groups=2, eps=0.01),
        IMAGES,
        fixed(2),
        fixed(2, low=0.1),
    ),
    "instance-norm": (
        lambda F, x, g, b: F.InstanceNorm(x, g, b),
        IMAGES,
        fixed(4),
        fixed(4, low=0.1),
    ),
    "dropout": (lambda F, x: (F.Dropout(x, p=0.3), F.Dropout(x, p=0.3, axes=(1,))), F34),
    **{f"pool-{name}": (_pool(**options), IMAGES) for name, options in POOLINGS.items()},
    "pool-1d": (
        lambda F, x: tuple(
            F.Pooling(x, kernel=(3,), stride=(2,), pool_type=kind, pooling_convention=convention)
            for kind in ("max", "avg", "sum")
            for convention in ("valid", "full")
        ),
        LINES,
    ),
    "pool-3d": (
        lambda F, x: tuple(
            F.Pooling(x, kernel=(2, 3, 2), stride=(2, 2, 2), pool_type=kind)
            for kind in ("max", "avg", "sum")
        ),
        VOLUMES,
    ),
    "pool-lp": (
        lambda F, x: tuple(
            F.Pooling(x, kernel=(2, 3), pool_type="lp", p_value=power) for power in (1, 2, 3)
        ),
        floats(4, 6, 9, low=0.3),
    ),
    "upsampled": (
        lambda F, x, y: (
            F.UpSampling(x, scale=2, sample_type="nearest"),
            F.UpSampling(x, y, scale=2, sample_type="nearest", num_args=2),
            F.UpSampling(x, y, scale=2, sample_type="nearest", num_args=2, multi_input_mode="sum"),
        ),
        IMAGES,
        floats(4, 12, 18),
    ),
    "upsampled-linear": (
        lambda F, x, w: F.UpSampling(
            x, w, scale=2, sample_type="bilinear", num_filter=4, num_args=2
        ),
        IMAGES,
        fixed(4, 1, 4, 4),
    ),
    "resized": (
        lambda F, x, y: (
            F.contrib.BilinearResize2D(x, height=7, width=5),
            F.contrib.BilinearResize2D(x, height=12, width=20, align_corners=False),
            F.contrib.BilinearResize2D(x, scale_height=2, scale_width=1.5),
            F.contrib.BilinearResize2D(x, y, mode="like"),
        ),
        IMAGES,
        floats(4, 5, 7),
    ),
    "adaptive": (
        lambda F, x: tuple(
            F.contrib.AdaptiveAvgPooling2D(x, output_size=size) for size in (1, 2, (3, 5))
        ),
        IMAGES,
    ),
    "sampled": (
        lambda F, x, g: F.BilinearSampler(x, g),
        IMAGES,
        floats(2, 5, 4, low=-1.2, high=1.2),
    ),
    "suppressed": (
        lambda F, x: (
            F.contrib.box_nms(x, 0.3, 0.1, topk=7, id_index=0),
            F.contrib.box_nms(x, 0.3, 0.1, id_index=0, force_suppress=True),
            F.contrib.box_nms(x, 0.3, id_index=0, background_id=0),
            F.contrib.box_nms(x, 0.4, in_format="center", out_format="center"),
            F.contrib.box_nms(
                F.slice_axis(x, axis=2, begin=1, end=6), coord_start=1, score_index=0
            ),
        ),
        boxes,
    ),
    "decoded": (
        lambda F, x, y: (
            F.contrib.box_decode(x, y),
            F.contrib.box_decode(x, y, 0.1, 0.1, 0.2, 0.2, clip=0.1, format="corner"),
        ),
        floats(5, 4),
        lambda rows: floats(5, 4, low=0.1)(1),
    ),
    "anchors": (
        lambda F, x: (
            F.contrib.MultiBoxPrior(x, sizes=(0.4, 0.2), ratios=(1, 2, 0.5)),
            F.contrib.MultiBoxPrior(
                x, sizes=(0.6,), ratios=(1, 3), clip=True, steps=(0.2, 0.1), offsets=(0.4, 0.3)
            ),
        ),
        IMAGES,
    ),
    "columns": (
        lambda F, x: F.im2col(x, kernel=(2, 3), stride=(2, 1), pad=(1, 0), dilate=(1, 2)),
        IMAGES,
    ),
    "output-layers": (
        lambda F, x, y: (
            *(F.LinearRegressionOutput(x, y), F.MAERegressionOutput(x, y)),
            *(F.LogisticRegressionOutput(x, y), F.MakeLoss(x)),
        ),
        floats(4),
        floats(4),
    ),
    "softmax-output": (
        lambda F, x, y: (F.SoftmaxOutput(x, y), F.SVMOutput(x, y)),
        floats(4),
        whole(dtype="float32", low=0, high=4),
    ),
    "softmax-output-many": (
        lambda F, x, y: (
            F.SoftmaxOutput(x, y, multi_output=True),
            F.SoftmaxOutput(F.transpose(x, (0, 2, 1)), y, preserve_shape=True),
        ),
        F34,
        whole(4, dtype="float32", low=0, high=3),
    ),
}
"""By name: a function of `F` and legacy arrays, and functions of the batch size for its inputs."""

NUMPY = {
    **{
        f"unary-{name}": (lambda F, x, n=name: getattr(F.np, n)(x), x)
        for name, x in NUMPY_UNARY.items()
    },
    **{
        f"binary-{name}": (
            lambda F, x, y, n=name: getattr(F.np, n)(x, y),
            POSITIVE,
            floats(3, 1, low=0.4),
        )
        for name in (
            *("add", "subtract", "multiply", "true_divide", "power", "maximum", "minimum"),
            *("hypot", "mod", "arctan2", "copysign"),
        )
    },
    **{
        f"compare-{name}": (
            lambda F, x, y, n=name: (
                getattr(F.np, n)(x, y),
                getattr(F.np, n)(x, 1),
                getattr(F.np, n)(x, 0.5),
            ),
            whole(3, 4, dtype="float32", low=0, high=3),
            whole(3, 4, dtype="float32", low=1, high=3),
        )
        for name in ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
    },
    "bits": (
        lambda F, x, y: (
            *(
                F.np.bitwise_and(x, y),
                F.np.bitwise_or(x, y),
                F.np.bitwise_xor(x, y),
                F.np.lcm(x, y),
            ),
            *(
                F.np.bitwise_and(x, 6),
                F.np.bitwise_or(x, 6),
                F.np.bitwise_xor(x, 6),
                F.np.lcm(x, 6),
            ),
        ),
        whole(3, 4, low=1),
        whole(3, 4, low=1),
    ),
    "scalars": (
        lambda F, x: (x + 2, x - 1.5, 1 - x, x * 3, x / 4, 2 / x, x**2, x**0.5, 2**x, -x),
        POSITIVE,
    ),
    "scalars-int": (lambda F, x: (x + 2, x - 3, x * 3, x / 2), I34),
    "functions-of-scalars": (
        lambda F, x: (
            *(F.np.arctan2(x, 2.0), F.np.arctan2(2.0, x), F.np.copysign(x, -1.0)),
            *(F.np.copysign(-1.0, x), F.np.ldexp(x, 2), F.np.ldexp(2.0, F.np.rint(x))),
        ),
        POSITIVE,
    ),
    "ldexp": (lambda F, x, y: F.np.ldexp(x, F.np.rint(y)), F34, F34),
    "activations": (
        lambda F, x: (
            F.npx.relu(x),
            F.npx.sigmoid(x),
            F.npx.activation(x, act_type="softrelu"),
            F.npx.leaky_relu(x, act_type="elu", slope=0.5),
        ),
        F34,
    ),
    **{
        f"reduce-{name}": (
            lambda F, x, n=name: (
                getattr(x, n)(),
                getattr(x, n)(axis=1),
                getattr(x, n)(axis=(1, 2) if n != "prod" else 2, keepdims=True),
            ),
            F34,
        )
        for name in ("sum", "mean", "max", "min", "prod")
    },
    "reduce-int": (lambda F, x: (x.sum(axis=1), x.max(), F.np.mean(x, axis=1)), I34),
    "any-all": (lambda F, x: (F.np.any(x, axis=1), F.np.all(x), F.np.all(x, axis=(0, 2))), BOOLS),
    "reshape": (
        lambda F, x: (x.reshape((-1, 12)), x.reshape(-1), F.np.reshape(x, (-1, 2, 6))),
        F34,
    ),
    **{
        f"npx-reshape{number}": (_npx_reshaped(*shape, **options), IMAGES)
        for number, (shape, options) in enumerate(
            (
                ((-2, -1), {}),
                ((-2, -2, -1), {}),
                ((-2, -5, -2), {}),
                ((-5, -4), {}),
                ((-2, -6, 2, -1, -4), {}),
                ((-2, -6, -1, 2, -5), {}),
                ((-4,), {}),
                ((-1, -2), {"reverse": True}),
            )
        )
    },
    "npx-reshape-dropped": (_npx_reshaped(-2, -3, -2, -1), floats(1, 4, 5)),
    "axes": (
        lambda F, x: (
            *(F.np.expand_dims(x, 1), F.np.squeeze(F.np.expand_dims(x, -1), -1)),
            *(x.transpose((0, 2, 1)), F.np.moveaxis(x, 0, 2), F.np.swapaxes(x, 1, 2)),
            *(F.np.rot90(x, 1, (1, 2)), F.np.roll(x, 2, axis=1), F.np.roll(x, 1)),
            *(F.np.flip(x, 1), F.np.flip(x, (1, 2))),
        ),
        F34,
    ),
    "joined": (
        lambda F, x, y: (
            *(
                F.np.concatenate([x, y], axis=1),
                F.np.stack([x, y], axis=1),
                F.np.column_stack([x, y]),
            ),
            F.np.vstack([x, y]),
        ),
        F34,
        F34,
    ),
    "split": (
        lambda F, x: (
            *(*F.np.split(x, 2, axis=2), *F.np.split(x, (1, 2), axis=1)),
            *(*F.np.hsplit(x, 3), *F.np.dsplit(x, (1, 3)), *F.np.array_split(x, 2, axis=2)),
        ),
        F34,
    ),
    "repeated": (
        lambda F, x: (F.np.tile(x, (2, 1, 2)), F.np.repeat(x, 2, axis=1)),
        F34,
    ),
    "broadcast": (lambda F, x: F.np.broadcast_to(F.np.sum(x, axis=0), (7, 3, 4)), F34),
    "padded": (
        lambda F, x: (
            F.np.pad(x, ((0, 0), (1, 2), (0, 3)), constant_values=2),
            F.np.pad(x, ((0, 0), (1, 2), (0, 3)), mode="edge"),
            F.np.pad(x, ((0, 0), (0, 0), (2, 3)), mode="reflect"),
        ),
        F34,
    ),
    "diagonals": (
        lambda F, x: (
            *(F.np.diagonal(x, 0, 1, 2), F.np.trace(x, 1, 1, 2), F.np.tril(x, 1)),
            *(F.np.diag(x[0]), F.np.diag(x[0, 0], 1), F.np.diff(x), F.np.diff(x, 2, 1)),
        ),
        F34,
    ),
    "at-least": (
        lambda F, x: (
            *(F.np.atleast_1d(F.np.sum(x)), F.np.atleast_2d(x[0, 0]), F.np.atleast_3d(x[0])),
        ),
        F34,
    ),
    "products": (
        lambda F, x, y: (
            *(F.np.matmul(x, y), F.np.dot(x, y), F.np.dot(x, y[:, 0]), F.np.dot(x[0, 0], y[:, 1])),
            *(F.np.einsum("bij,jk->bik", x, y), F.np.tensordot(x, y, axes=1)),
            F.np.dot(x, F.np.sum(y)),
        ),
        F34,
        fixed(4, 5),
    ),
    "batch-products": (
        lambda F, x, y: (F.npx.batch_dot(x, y, transpose_b=True), F.np.matmul(x, y.swapaxes(1, 2))),
        F34,
        F34,
    ),
    "made": (
        lambda F, x: (
            x
            + F.np.zeros((4,))
            + F.np.ones((1, 4))
            + F.np.eye(4)
            + F.np.identity(4)
            + F.np.linspace(0, 1, 4)
            + F.np.arange(4)
            + F.np.full_like(x, 0.5)
        ),
        floats(4, 4),
    ),
    "normalized": (
        lambda F, x, g, b: (
            F.npx.layer_norm(x, g, b, axis=-1, eps=1e-5),
            F.npx.softmax(x, axis=1),
        ),
        F34,
        fixed(4),
        fixed(4, low=0.1),
    ),
    "chosen": (
        lambda F, x, y: (
            *(F.np.where(x > 0, x, y), F.np.where(x > 0, x, 1), F.npx.topk(x, k=2)),
            *(F.npx.one_hot(F.np.argmax(x, axis=1), 3), F.np.take(x, F.np.argmin(y, 1), axis=2)),
        ),
        F34,
        F34,
    ),
}
"""The same for NumPy mode."""

UNDIFFERENTIATED = {
    "deformed-scaled.nd": "MXNet computes its gradient on GPUs only",
    "unary-make_loss.nd": "the gradient of a loss does not depend on that of its output",
    "reduce-prod.np": "MXNet divides by the factors",
    "scalars-scattered.nd": "MXNet has no gradient",
}
"""Rows without gradients to compare, and why.

MXNet 1.9.1 gives wrong ones, too: 0 for those of a variance and of `atleast_3d`, exchanged ones for
`where` of a number and an array, those of another function for `selu` and `rot90`.
"""

TRAINING = "pool"
"""How the names of rows begin whose gradients are those of training: MXNet keeps no maxima else."""
