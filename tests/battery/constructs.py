"""What networks are made of besides a row of layers: beginnings, branches, sharing, endings."""

from __future__ import annotations

from collections.abc import Callable

from tests.battery.case import InputSpec
from tests.battery.layers import MOST, any_layer, same_shape
from tests.battery.sketch import Sketch, Value

SCALE = """\
class Scale(nn.HybridBlock):
    def __init__(self, **shape):
        super().__init__()
        with self.name_scope():
            self.weight = self.params.get("weight", **shape)

    def hybrid_forward(self, F, x, weight):
        return {product}
"""
CONSTANT = """\
class Shift(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.shift = self.params.get_constant("shift", {array}([[0.5]]))

    def hybrid_forward(self, F, x, shift):
        return {total}
"""
PLAIN = """\
class Plain(nn.Block):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 2
"""


def vector(s: Sketch) -> Value:
    """Begin with a vector for each sample."""
    return s.input(InputSpec((s.number(1, 9),)))


def sequence(s: Sketch) -> Value:
    """Begin with a sequence of vectors."""
    return s.input(InputSpec((s.number(4, 6), s.number(4, 9))))


def image(s: Sketch) -> Value:
    """Begin with an image of a few channels."""
    channels = s.pick((3, 1, 2, 4, 5, 8, 16))
    return s.input(InputSpec((channels, s.number(5, 8), s.number(5, 9))))


def volume(s: Sketch) -> Value:
    """Begin with a volume."""
    return s.input(InputSpec((s.pick((2, 1, 3, 8)), 5, s.number(4, 5), 5)))


def indices(s: Sketch) -> Value:
    """Begin with indices, which are embedded."""
    kinds, width = s.number(3, 9), s.pick((4, 3, 5, 8))
    shape = s.pick(((5,), (), (4,), (6,)))
    x = s.input(InputSpec(shape, s.pick(("float32", "int32")), (0, kinds)))
    x = Value(x.name, x.shape)
    return s.layer("embedding", f"nn.Embedding({kinds}, {width})", x, (*shape, width))


FIRST: tuple[Callable[[Sketch], Value], ...] = (
    vector, image, image, image, sequence, sequence, indices, volume,
)  # fmt: skip


def residual(s: Sketch, x: Value) -> Value:
    """Draw a sum of a value and what is made of it."""
    inner = same_shape(s, x)
    if s.chance():
        inner = same_shape(s, inner)
    return s.compute("residual", f"{x.name} + {inner.name}", x.shape, x.dtype)


def branches(s: Sketch, x: Value) -> Value:
    """Draw two things made of a value, side by side."""
    if 2 * x.size > MOST:
        return residual(s, x)
    one, two = same_shape(s, x), same_shape(s, x)
    return concatenated(s, one, two)


def concatenated(s: Sketch, one: Value, two: Value) -> Value:
    """Lay two values of one shape side by side."""
    names = f"{one.name}, {two.name}"
    shape = (2 * one.shape[0], *one.shape[1:])
    legacy = f"F.concat({names}, dim=1)"
    if len(shape) > 1 and one.shape[0] in (4, 8):  # plain Gluon's gradient divides by 0 there
        legacy = f"F.slice_axis({legacy}, axis=1, begin=0, end=None)"
    return s.compute("branches", legacy, shape, one.dtype, f"F.np.concatenate([{names}], axis=1)")


def shared(s: Sketch, x: Value) -> Value:
    """Call a layer a second time, or one that shares its parameters."""
    fitting = [
        layer
        for layer in s.layers
        if layer.takes == x.shape
        and layer.dtype == x.dtype
        and not layer.made_by.startswith("nn.Embedding")  # what is computed has no gradient there
    ]
    if not fitting:
        x = same_shape(s, x)
        fitting = [s.layers[-1]]
        if fitting[0].takes != x.shape:
            return x
    layer = s.pick(fitting)
    if layer.tied and s.chance():
        s.kinds.add("tied parameters")
        s.chain = None
        tied = layer.tied.removesuffix(")") + f", params=self.{layer.name}.params)"
        return s.layer("tied", tied, x, layer.gives)
    return s.again(layer, x)


def second_input(s: Sketch, x: Value) -> Value:
    """Add another input, of the same shape."""
    if x.dtype != "float32" or len(s.inputs) > 2:
        return x
    other = s.input(InputSpec(x.shape))
    s.kinds.add("several inputs")
    if s.chance() and 2 * x.size <= MOST:
        return concatenated(s, x, other)
    return s.compute("several inputs", f"{x.name} * {other.name}", x.shape)


def own_parameter(s: Sketch, x: Value) -> Value:
    """Use a custom block with a parameter of its own."""
    product = "x * weight" if s.np_mode else "F.broadcast_mul(x, weight)"
    s.classes["Scale"] = SCALE.format(product=product)
    shape = (1, *[1 if s.chance() else length for length in x.shape])
    return s.layer("own parameter", f"Scale(shape={shape})", x, x.shape)


def constant(s: Sketch, x: Value) -> Value:
    """Use a custom block with a constant."""
    if len(x.shape) != 1:
        return own_parameter(s, x)
    total = "x + shift" if s.np_mode else "F.broadcast_add(x, shift)"
    s.classes["Shift"] = CONSTANT.format(array="np.array" if s.np_mode else "nd.array", total=total)
    return s.layer("constant", "Shift()", x, x.shape)


def plain_block(s: Sketch, x: Value) -> Value:
    """Put a layer into a custom Block, which nobody can trace."""
    if s.np_mode and s.deferred:
        return x
    s.classes["Plain"] = PLAIN
    s.traceable = False
    known = s.known("in_units", x.shape[-1])
    inner = f"nn.Dense({x.shape[-1]}, flatten=False{known})"
    return s.layer("custom Block", f"Plain({inner})", x, x.shape)


def cast(s: Sketch, x: Value) -> Value:
    """Compute a part in another precision, and go back."""
    kind = s.pick(("float64", "float64", "float16"))
    if x.dtype != "float32":
        return x
    inner = s.compute(
        "cast", f'F.cast({x.name}, "{kind}")', x.shape, kind, f'{x.name}.astype("{kind}")'
    )
    if kind == "float16":
        s.kinds.add("float16 part")
        inner = s.compute(
            "relu", f"F.relu({inner.name})", x.shape, kind, f"F.npx.relu({inner.name})"
        )
    else:
        s.kinds.add("float64 part")
        inner = any_layer(s, inner)
    return s.compute(
        "cast", f'F.cast({inner.name}, "float32")', inner.shape,
        numpy_mode=f'{inner.name}.astype("float32")',
    )  # fmt: skip


def split(s: Sketch, x: Value) -> Value:
    """Cut a value in two along its first axis, and use both."""
    half = x.shape[0] // 2
    if x.shape[0] % 2 or not half:
        return softmax(s, x)
    one, two = s.name("x"), s.name("x")
    s.chain = None
    s.kinds.add("split")
    written = f"F.np.split({x.name}, 2, axis=1)" if s.np_mode else (
        f"F.split({x.name}, num_outputs=2, axis=1)"
    )  # fmt: skip
    s.forward.append(f"{one}, {two} = {written}")
    shape = (half, *x.shape[1:])
    if s.chance():
        return s.compute("gate", f"{one} * {two}", shape, x.dtype)
    return concatenated(s, Value(two, shape, x.dtype), Value(one, shape, x.dtype))


def softmax(s: Sketch, x: Value) -> Value:
    """Take a softmax, or the logarithm of one; that of a single class is rounding alone."""
    name, axis = s.pick(("softmax", "log_softmax")), s.pick((-1, 1))
    if (x.shape[-1] if axis < 0 else x.shape[0]) == 1:
        name = "softmax"
    rest = f"({x.name}, axis={axis})"
    return s.compute(name, f"F.{name}{rest}", x.shape, x.dtype, f"F.npx.{name}{rest}")


def turned(s: Sketch, x: Value) -> Value:
    """Exchange the last two axes of a sample."""
    if len(x.shape) < 2:
        return softmax(s, x)
    *first, one, two = x.shape
    axes = len(x.shape)
    rest = f"({x.name}, {axes - 1}, {axes})"
    return s.compute(
        "swapaxes", f"F.swapaxes{rest}", (*first, two, one), x.dtype, f"F.np.swapaxes{rest}"
    )


def averaged(s: Sketch, x: Value) -> Value:
    """Average over the last axis, or add."""
    if len(x.shape) < 2:
        return softmax(s, x)
    rest = f"({x.name}, axis={len(x.shape)})"
    name = s.pick(("mean", "sum", "max"))
    return s.compute(name, f"F.{name}{rest}", x.shape[:-1], x.dtype, f"F.np.{name}{rest}")


def sliced(s: Sketch, x: Value) -> Value:
    """Take a part of the first axis."""
    if x.shape[0] < 2:
        return softmax(s, x)
    end = s.number(1, x.shape[0] - 1)
    rest = f"F.slice_axis({x.name}, axis=1, begin=0, end={end})"
    # x[:, 0:7] and npx.slice crash in MXNet where x lies in oneDNN's order.
    numpy_mode = f"F.np.split({x.name}, ({end},), axis=1)[0]"
    return s.compute("slice", rest, (end, *x.shape[1:]), x.dtype, numpy_mode)


def reshaped(s: Sketch, x: Value) -> Value:
    """Reshape each sample to a matrix."""
    fitting = [n for n in range(2, x.size) if x.size % n == 0]
    if not fitting:
        return softmax(s, x)
    rows = s.pick(fitting)
    shape = (rows, x.size // rows)
    given = f"({x.name}, (-1, {shape[0]}, {shape[1]}))"
    return s.compute("reshape", f"F.reshape{given}", shape, x.dtype, f"F.np.reshape{given}")


def arithmetic(s: Sketch, x: Value) -> Value:
    """Compute something with numbers that stand in the source."""
    written = s.pick(("{0} * 2 - 1", "-{0}", "1 / (1 + {0} * {0})", "({0} > 0) * {0}"))
    if ">" in written and s.np_mode:
        written = "{0} * 0.5 + {0}"  # comparisons give bool there
    return s.compute("arithmetic", written.format(x.name), x.shape, x.dtype)


def made_loss(s: Sketch, x: Value) -> Value:
    """Pass a value through an operator that ignores the gradient from above, or gives none."""
    if s.np_mode:  # which has none of them
        return arithmetic(s, x)
    ways = [
        ("BlockGrad", "{0} + F.BlockGrad({0})"),
        ("MakeLoss", "F.MakeLoss({0})"),
        ("MakeLoss", "F.make_loss({0})"),
        ("regression output", "F.LinearRegressionOutput({0}, F.zeros_like({0}))"),
        ("regression output", "F.LogisticRegressionOutput({0}, F.zeros_like({0}))"),
        ("regression output", "F.MAERegressionOutput({0}, F.zeros_like({0}))"),
    ]
    if len(x.shape) == 1 and x.size > 1:  # of classes in a vector; the label is the first of them
        ways.append(("SoftmaxOutput", "F.SoftmaxOutput({0}, F.sum(F.zeros_like({0}), axis=1))"))
    kind, written = s.pick(ways)
    return s.compute(kind, written.format(x.name), x.shape, x.dtype)


def constant_weights(s: Sketch, x: Value) -> Value:
    """Use a dense layer whose weights and bias begin as an array."""
    units, taken = s.number(1, 4), x.size
    array = "np.array" if s.np_mode else "nd.array"
    numbers = f"{array}(numpy.linspace(-1, 1, {units * taken}).reshape({units}, {taken}))"
    bias = f"{array}(numpy.arange({units}) / 4)"
    options = f"weight_initializer=mx.init.Constant({numbers}), "
    options += f"bias_initializer=mx.init.Constant({bias}){s.known('in_units', taken)}"
    return s.layer("constant weights", f"nn.Dense({units}, {options})", x, (units,))


def lengths(s: Sketch, x: Value) -> Value:
    """Use a layer or an operator over sequences of given lengths."""
    if len(x.shape) != 2 or x.dtype != "float32":
        return made_loss(s, x)
    steps, channels = x.shape
    given = s.input(InputSpec((), whole=(1, steps + 1)))
    s.chain = None
    s.kinds.add("lengths")
    name = s.pick(("mask", "LSTM", "GRU", "RNN", "last", "reverse"))
    if name in ("LSTM", "GRU", "RNN"):
        hidden, both, made = s.pick((4, 3, 5)), s.chance(), s.name("layer")
        s.kinds.add(f"{name} with lengths")
        known = s.known("input_size", channels)
        options = f'{hidden}, bidirectional={both}, layout="NTC", use_sequence_length=True{known}'
        s.made.append(f"self.{made} = rnn.{name}({options})")
        call = f"self.{made}({x.name}, sequence_length={given.name})"
        return s.compute("lengths", call, (steps, hidden * (2 if both else 1)))
    if s.np_mode or name == "mask":
        mask = f"({x.name}, {given.name}, use_sequence_length=True, axis=1)"
        return s.compute(
            "mask", f"F.SequenceMask{mask}", x.shape, numpy_mode=f"F.npx.sequence_mask{mask}"
        )
    if name == "last":
        rest = f"F.SequenceLast({x.name}, {given.name}, use_sequence_length=True, axis=1)"
        return s.compute("last of a sequence", rest, (channels,))
    turned = f"F.swapaxes({x.name}, 0, 1), {given.name}, use_sequence_length=True"
    return s.compute("reversed sequence", f"F.swapaxes(F.SequenceReverse({turned}), 0, 1)", x.shape)


Construct = Callable[[Sketch, Value], Value]
CONSTRUCTS: tuple[Construct, ...] = (
    residual, branches, shared, shared, second_input, own_parameter, constant, plain_block, cast,
    split, softmax, turned, averaged, sliced, reshaped, arithmetic,
    made_loss, constant_weights, lengths, lengths,
)  # fmt: skip


def nested_outputs(s: Sketch, x: Value, others: list[Value]) -> str:
    """Draw what is returned: one value, or several, nested."""
    names = [other.name for other in others if other.name.startswith("x")][:2]
    if not names:
        return f"[{x.name}]" if s.chance(20) else x.name
    s.chain = None
    s.kinds.add("several outputs")
    if len(names) == 2:
        s.kinds.add("nested outputs")
        return f"{x.name}, [{names[0]}, {names[1]}]"
    return f"{x.name}, {names[0]}" if s.chance() else f"[{x.name}, ({names[0]},)]"
