"""Graphs for prediction with fewer operators: the same numbers, and which operators are left."""

from collections import Counter

import mxnet as mx
import numpy
import pytest
from mxnet import gluon
from mxnet.gluon import nn

from gluonkit import compile
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling.plan import Plan
from gluonkit.compiling.program import Program
from gluonkit.tracing.symbols import graph_of

SHAPE = (2, 16, 9, 9)


class Net(nn.HybridBlock):
    """A network of one function of symbols, with convolutions and a batch norm to use in it."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        with self.name_scope():
            self.one, self.three = nn.Conv2D(24, 1), nn.Conv2D(16, 3, padding=1)
            self.norm, self.last = nn.BatchNorm(), nn.Conv2D(8, 1)
            self.again = nn.Conv2D(8, 3, strides=2, use_bias=False)

    def hybrid_forward(self, F, x):
        return self.function(self, F, x)


def joined(self, F, x):
    return F.concat(F.relu(self.one(x)), self.three(x), dim=1)


def hard_swish(self, F, x):
    return x * (F.clip(x + 3.0, 0, 6) / 6.0)


CASES = {
    # What is computed, the operators that must be there, and those that must not, fused or always.
    "squeeze": (lambda s, F, x: F.relu(s.last(joined(s, F, x))), "fused", {}, ["Concat"]),
    "pooled": (
        lambda s, F, x: s.again(F.Pooling(joined(s, F, x), kernel=(2, 2), stride=(2, 2))),
        "fused",
        {"Pooling": 2},
        ["Concat"],
    ),
    "two readers": (
        lambda s, F, x: F.concat(
            *(
                F.relu(layer(y)).sum(axis=(2, 3))
                for y in [joined(s, F, x)]
                for layer in (s.last, s.again)
            )
        ),
        "fused",
        {"Concat": 1},
        [],
    ),
    "read as a whole": (
        lambda s, F, x: s.last(y := joined(s, F, x)).sum() + y.sum(),
        "fused",
        {"Concat": 1},
        [],
    ),
    "returned": (lambda s, F, x: [y := joined(s, F, x), s.last(y)], "fused", {"Concat": 1}, []),
    "other axis": (
        lambda s, F, x: s.last(F.concat(x, s.three(x), dim=2)),
        "fused",
        {"Concat": 1},
        [],
    ),
    "odd channels": (
        lambda s, F, x: s.last(F.concat(F.slice_axis(x, axis=1, begin=0, end=3), x)),
        "fused",
        {"Concat": 1},
        [],
    ),
    "more sums than copies": (
        lambda s, F, x: s.one(F.concat(*F.split(x, num_outputs=2, axis=1), dim=1)),
        "fused",
        {"Concat": 1},
        [],
    ),
    "normalized": (
        lambda s, F, x: s.three(F.relu(s.norm(x))),
        "fused",
        {"_contrib_BatchNormWithReLU": 1},
        ["BatchNorm"],
    ),
    "normalized, read twice": (
        lambda s, F, x: F.relu(y := s.norm(x)) + y,
        "fused",
        {"BatchNorm": 1},
        ["_contrib_BatchNormWithReLU"],
    ),
    "behind a convolution": (
        lambda s, F, x: F.Activation(s.norm(s.three(x)), act_type="relu"),
        "fused",
        {"BatchNorm": 1},
        ["_contrib_BatchNormWithReLU"],
    ),
    "not fused": (
        lambda s, F, x: F.relu(s.norm(x)),
        "",
        {"BatchNorm": 1},
        ["_contrib_BatchNormWithReLU"],
    ),
    "hard swish": (hard_swish, "", {"hard_sigmoid": 1}, ["clip", "_div_scalar", "_plus_scalar"]),
    "hard sigmoid by product": (
        lambda s, F, x: F.clip(x + 1, 0, 4) * 0.25,
        "",
        {"hard_sigmoid": 1},
        ["clip"],
    ),
    "another height": (lambda s, F, x: F.clip(x + 3, 0, 6) / 5, "", {"clip": 1}, ["hard_sigmoid"]),
    "another floor": (lambda s, F, x: F.clip(x + 3, 1, 6) / 6, "", {"clip": 1}, ["hard_sigmoid"]),
    "clip read twice": (
        lambda s, F, x: (y := F.clip(x + 3, 0, 6)) / 6 + y,
        "",
        {"clip": 1},
        ["hard_sigmoid"],
    ),
    "mean": (
        lambda s, F, x: F.contrib.AdaptiveAvgPooling2D(x, output_size=1),
        "",
        {"Pooling": 1},
        ["_contrib_AdaptiveAvgPooling2D"],
    ),
    "four means": (
        lambda s, F, x: F.contrib.AdaptiveAvgPooling2D(x, output_size=2),
        "",
        {"_contrib_AdaptiveAvgPooling2D": 1},
        ["Pooling"],
    ),
}


def built(function):
    """Return the network, with random weights and statistics, and numbers for it."""
    net = Net(function)
    net.initialize(mx.init.Uniform(0.5))
    draws = numpy.random.default_rng(3)
    x = draws.standard_normal(SHAPE, dtype="float32") * 3
    net(mx.nd.array(x))
    for name, parameter in net.collect_params(".*(mean|var|gamma|beta)").items():
        if parameter._data is not None:
            low = 0.5 if name.endswith("var") else -0.5
            parameter.set_data(mx.nd.array(draws.uniform(low, 1.5, parameter.shape)))
    return net, x


def numbers(outputs):
    """Return outputs as a list of NumPy arrays."""
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [
        numpy.array(output.asnumpy() if hasattr(output, "asnumpy") else output)
        for output in outputs
    ]


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_the_same_and_operators_are_fewer(case):
    function, fused, there, gone = CASES[case]
    net, x = built(function)
    expected = numbers(net(mx.nd.array(x)))
    plan = "executor + fused" if fused else "executor"
    fast = compile(net, x, plan=plan)
    for given, wanted in zip(numbers(fast(x)), expected, strict=True):
        numpy.testing.assert_allclose(given, wanted, rtol=1e-5, atol=2e-5 * abs(wanted).max())
    program = Program(net, [ArraySpec(SHAPE)], mx.cpu())
    counts = Counter(n.operator for n in graph_of(program.lowered(Plan.parse(plan))[0]).operators)
    assert {name: counts[name] for name in (*there, *gone)} == {**there, **dict.fromkeys(gone, 0)}


def test_a_cached_op_is_what_gluon_makes():
    net, _ = built(hard_swish)
    program = Program(net, [ArraySpec(SHAPE)], mx.cpu())
    operators = [n.operator for n in graph_of(program.lowered(Plan("cached op"))[0]).operators]
    assert operators == ["_plus_scalar", "clip", "_div_scalar", "elemwise_mul"]


@pytest.mark.parametrize("plan", ["executor + fused", "executor + fused + channels of 16"])
def test_changed_weights_are_followed(plan):
    net, x = built(CASES["squeeze"][0])
    fast = compile(net, x, plan=plan)
    net.last.weight.set_data(net.last.weight.data() * 2)
    net.last.bias.set_data(net.last.bias.data() + 1)
    numpy.testing.assert_allclose(
        fast(x).asnumpy() if hasattr(fast(x), "asnumpy") else fast(x),
        net(mx.nd.array(x)).asnumpy(),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_batch_norm_of_float64_stays():
    net = gluon.nn.HybridSequential()
    net.add(nn.BatchNorm(), nn.Activation("relu"))
    net.cast("float64")
    net.initialize()
    x = numpy.random.default_rng(0).standard_normal((2, 3, 4, 4))
    fast = compile(net, x, plan="executor + fused")
    expected = net(mx.nd.array(x, dtype="float64")).asnumpy()
    numpy.testing.assert_allclose(numbers(fast(x))[0], expected, rtol=1e-10)
