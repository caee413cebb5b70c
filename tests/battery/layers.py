"""Layers and operators that may follow a value, by the number of its axes."""

from __future__ import annotations

from collections.abc import Callable

from tests.battery.sketch import Sketch, Value

Way = Callable[[Sketch, Value], Value]

CHANNELS = (8, 3, 16, 4, 1, 2, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 17, 24, 32)
ACTIVATIONS = ("relu", "tanh", "sigmoid", "softrelu", "softsign")
MOST = 600
"""Numbers in one sample, beyond which a value is not made larger."""


def dense(s: Sketch, x: Value) -> Value:
    """Draw a dense layer, over all numbers of a sample or over the last axis."""
    units = s.pick((4, 1, 2, 3, 5, 7, 8, 10, 16, 17))
    flatten = len(x.shape) < 2 or s.chance()
    taken = x.size if flatten else x.shape[-1]
    options = s.pick(("", ', activation="relu"', ', activation="tanh"', ", use_bias=False"))
    if not flatten:
        options += ", flatten=False"
    gives = (units,) if flatten else (*x.shape[:-1], units)
    return s.layer(
        "dense", f"nn.Dense({units}{options}{s.known('in_units', taken)})", x, gives, tied=True
    )


def _window(length: int, kernel: int, stride: int, pad: int, dilation: int) -> int:
    return (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def convolution(s: Sketch, x: Value) -> Value:
    """Draw a convolution over all axes but the first."""
    channels, *lengths = x.shape
    out, axes = s.pick(CHANNELS), len(lengths)
    kernel, stride = s.pick((1, 2, 3)), s.pick((1, 1, 2))
    pad, dilation = s.pick((0, 1)), s.pick((1, 1, 2))
    sizes = [_window(length, kernel, stride, pad, dilation) for length in lengths]
    if min(sizes) < 1 or out * _product(sizes) > MOST:
        return activation(s, x)
    options = f", strides={stride}, padding={pad}, dilation={dilation}"
    options += _groups(s, channels, out)
    options += s.pick(("", ', activation="relu"', ", use_bias=False"))
    made = f"nn.Conv{axes}D({out}, {kernel}{options}{s.known('in_channels', channels)})"
    return s.layer(f"conv{axes}d", made, x, (out, *sizes), tied=True)


def deconvolution(s: Sketch, x: Value) -> Value:
    """Draw a transposed convolution over all axes but the first."""
    channels, *lengths = x.shape
    out, axes = s.pick(CHANNELS), len(lengths)
    kernel, stride, pad = s.pick((1, 2, 3)), s.pick((1, 2)), s.pick((0, 1))
    extra = s.number(0, stride - 1)
    sizes = [(length - 1) * stride - 2 * pad + kernel + extra for length in lengths]
    if min(sizes) < 1 or out * _product(sizes) > MOST:
        return activation(s, x)
    options = f", strides={stride}, padding={pad}, output_padding={extra}"
    options += _groups(s, channels, out)
    options += s.pick(("", ', activation="relu"', ", use_bias=False"))
    made = f"nn.Conv{axes}DTranspose({out}, {kernel}{options}{s.known('in_channels', channels)})"
    return s.layer(f"deconv{axes}d", made, x, (out, *sizes), tied=True)


def _groups(s: Sketch, channels: int, out: int) -> str:
    fitting = [n for n in range(1, min(channels, out) + 1) if channels % n == 0 and out % n == 0]
    groups = s.pick(fitting) if s.chance(3) else 1
    if groups > 1:
        s.kinds.add("groups")
    return f", groups={groups}" if groups > 1 else ""


def _product(lengths: list[int]) -> int:
    product = 1
    for length in lengths:
        product *= length
    return product


def pooling(s: Sketch, x: Value) -> Value:
    """Draw a pooling layer: largest or mean of windows, with what is said at the edge."""
    channels, *lengths = x.shape
    axes, kernel, stride = len(lengths), s.pick((2, 3)), s.pick((2, 1))
    pad, ceil, average = s.pick((0, 1)), s.chance(), s.chance()
    if min(lengths) + 2 * pad < kernel:
        return activation(s, x)
    sizes = [_pooled(length, kernel, stride, pad, ceil=ceil) for length in lengths]
    if any((n - 1) * stride >= length + pad for n, length in zip(sizes, lengths, strict=True)):
        return activation(s, x)  # a window beyond the edge
    options = f"{kernel}, strides={stride}, padding={pad}, ceil_mode={ceil}"
    if average:
        options += f", count_include_pad={s.chance()}"
    name = "Avg" if average else "Max"
    return s.layer(
        f"{name.lower()} pooling", f"nn.{name}Pool{axes}D({options})", x, (channels, *sizes)
    )


def _pooled(length: int, kernel: int, stride: int, pad: int, *, ceil: bool) -> int:
    beyond = length + 2 * pad - kernel
    return (-(-beyond // stride) if ceil else beyond // stride) + 1


def global_pooling(s: Sketch, x: Value) -> Value:
    """Draw a pooling over all of each channel."""
    axes, name = len(x.shape) - 1, s.pick(("Avg", "Max"))
    gives = (x.shape[0], *[1] * axes)
    return s.layer("global pooling", f"nn.Global{name}Pool{axes}D()", x, gives)


def other_pooling(s: Sketch, x: Value) -> Value:
    """Draw the poolings that no layer has: sums and norms of windows."""
    channels, *lengths = x.shape
    if min(lengths) < 2:
        return activation(s, x)
    kernel = (2,) * len(lengths)
    kind, extra = s.pick((("sum", ""), ("lp", ", p_value=1"), ("lp", ", p_value=2")))
    rest = f'kernel={kernel}, stride={kernel}, pool_type="{kind}"{extra})'
    inner = s.compute(  # a norm has no gradient at 0
        "sigmoid", f"F.sigmoid({x.name})", x.shape, x.dtype, f"F.npx.sigmoid({x.name})"
    )
    return s.compute(
        f"{kind} pooling",
        f"F.Pooling({inner.name}, {rest}",
        (channels, *[length // 2 for length in lengths]),
        x.dtype,
        f"F.npx.pooling({inner.name}, {rest}",
    )


def batch_norm(s: Sketch, x: Value) -> Value:
    """Draw a batch normalization."""
    options = s.pick(("", "scale=False", "center=False", "use_global_stats=True"))
    options += s.known("in_channels", x.shape[0])
    if s.chance(3):
        options += ", epsilon=0.001, momentum=0.7"
    return s.layer("batch norm", f"nn.BatchNorm({options.removeprefix(', ')})", x, x.shape)


def layer_norm(s: Sketch, x: Value) -> Value:
    """Draw a layer normalization over the last axis, or of all but the batch in groups."""
    kind = s.pick(("Layer", "Group", "Instance"))
    if s.np_mode:  # MXNet has the others for legacy arrays only
        kind = "Layer"
    channels, rest = x.shape[0], _product(list(x.shape[1:]))
    if kind == "Layer" or len(x.shape) < 2 or rest < 4:
        if x.shape[-1] < 4:
            return activation(s, x)
        kind, known = "Layer", s.known("in_channels", x.shape[-1])
    elif kind == "Group":
        groups = s.pick([n for n in range(1, channels + 1) if channels % n == 0])
        known = f", num_groups={groups}"
    else:
        known = s.known("in_channels", channels)
    options = s.pick(("", ", scale=False", ", center=False"))
    made = f"nn.{kind}Norm({(known + options).removeprefix(', ')})"
    return s.layer(f"{kind.lower()} norm", made, x, x.shape)


def activation(s: Sketch, x: Value) -> Value:
    """Draw an activation as a layer."""
    name = s.pick(
        ("relu", "PReLU", "PReLU", "ELU", "SELU", "GELU", "Swish", "LeakyReLU", *ACTIVATIONS[1:])
    )
    made = f"nn.{name}()"
    if name == "LeakyReLU":
        made = "nn.LeakyReLU(0.1)"
    elif name == "PReLU":
        own = s.chance() and len(x.shape) > 1
        made = f"nn.PReLU(in_channels={x.shape[0] if own else 1})"
    elif name in ACTIVATIONS:
        made = f'nn.Activation("{name}")'
    return s.layer(name, made, x, x.shape)


def dropout(s: Sketch, x: Value) -> Value:
    """Draw a dropout."""
    options = s.pick(("0.3", "0.5", "0"))
    if len(x.shape) > 1 and s.chance(3):
        options += ", axes=(1,)"
    return s.layer("dropout", f"nn.Dropout({options})", x, x.shape)


def flatten(s: Sketch, x: Value) -> Value:
    """Flatten each sample."""
    return s.layer("flatten", "nn.Flatten()", x, (x.size,))


def function(s: Sketch, x: Value) -> Value:
    """Draw a layer that is a function of one value."""
    name = s.pick(("tanh", "square", "exp"))
    module = "F.np" if s.np_mode else "F"
    written = {
        "tanh": "lambda F, x: F.np.tanh(x)" if s.np_mode else '"tanh"',
        "square": f"lambda F, x: {module}.square(x) / 2",
        "exp": f"lambda F, x: {module}.exp(-{module}.abs(x))",
    }[name]
    return s.layer("lambda", f"nn.HybridLambda({written})", x, x.shape)


def recurrent(s: Sketch, x: Value) -> Value:
    """Draw an LSTM, GRU or RNN over (time, channels)."""
    steps, channels = x.shape
    hidden, kind = s.pick((4, 3, 5, 8)), s.pick(("LSTM", "GRU", "RNN"))
    both = s.chance()
    options = f', num_layers={s.pick((1, 2))}, bidirectional={both}, layout="NTC"'
    if kind == "RNN":
        options += f', activation="{s.pick(("relu", "tanh"))}"'
    known = s.known("input_size", channels)
    gives = (steps, hidden * (2 if both else 1))
    return s.layer(kind, f"rnn.{kind}({hidden}{options}{known})", x, gives)


def cell(s: Sketch, x: Value) -> Value:
    """Draw an LSTM, GRU or RNN cell, unrolled over (time, channels)."""
    steps, channels = x.shape
    if s.np_mode:  # a legacy operator cuts the steps apart
        return recurrent(s, x)
    hidden, kind = s.pick((4, 3, 5)), s.pick(("LSTM", "GRU", "RNN"))
    made = s.name("cell")
    s.made.append(f"self.{made} = rnn.{kind}Cell({hidden}{s.known('input_size', channels)})")
    if x.dtype != "float32":
        s.made.append(f'self.{made}.cast("{x.dtype}")')
    call = f'self.{made}.unroll({steps}, {x.name}, layout="NTC", merge_outputs=True)[0]'
    return s.compute(f"{kind} cell", call, (steps, hidden), x.dtype)


LAYERS: dict[int, tuple[Way, ...]] = {
    1: (dense, dense, activation, batch_norm, layer_norm, dropout, function),
    2: (
        convolution, deconvolution, dense, recurrent, cell, activation, batch_norm, layer_norm,
        pooling, global_pooling, other_pooling, dropout, flatten, function,
    ),
    3: (
        convolution, convolution, convolution, deconvolution, dense, activation, batch_norm,
        layer_norm, pooling, pooling, global_pooling, other_pooling, dropout, flatten, function,
    ),
    4: (
        convolution, deconvolution, dense, activation, batch_norm, layer_norm, pooling,
        global_pooling, other_pooling, flatten,
    ),
}  # fmt: skip
"""What may follow a value, by the number of axes of one sample."""


def any_layer(s: Sketch, x: Value) -> Value:
    """Draw what follows."""
    ways = LAYERS[len(x.shape)]
    return s.pick(ways)(s, x)


def same_shape(s: Sketch, x: Value) -> Value:
    """Draw a layer that keeps the shape."""
    if len(x.shape) > 1 and s.chance():
        axes = len(x.shape) - 1
        known = s.known("in_channels", x.shape[0])
        made = f"nn.Conv{axes}D({x.shape[0]}, 3, padding=1{known})"
        return s.layer(f"conv{axes}d", made, x, x.shape, tied=True)
    if len(x.shape) == 1 and s.chance():
        made = f"nn.Dense({x.size}{s.known('in_units', x.size)})"
        return s.layer("dense", made, x, x.shape, tied=True)
    ways: tuple[Way, ...] = (activation, batch_norm, layer_norm, dropout)
    return s.pick(ways)(s, x)
