"""Tracing: what is found, by symbols and by a forward pass, and that nothing is left behind."""

from functools import partial

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mxnet import autograd

from gluonkit import create_model, gluon, mx, nn, np
from gluonkit._base.specs import ArraySpec
from gluonkit.errors import ArgumentError
from gluonkit.tracing import trace
from gluonkit.tracing.eager import trace_forward
from gluonkit.tracing.inputs import as_spec, mapped, parse_inputs
from gluonkit.tracing.symbolic import arrays_only
from gluonkit.tracing.symbols import NotInferableError
from gluonkit.tracing.tree import parameters_of, untouched, walk

from .networks import Rows, Several, Untraceable, prepare, sequential, shared_twice
from .properties import REPEATABLE


def state(net):
    """Return everything about a network that a trace must not change."""
    return [
        (
            path,
            type(block),
            dict(vars(block)),
            {k: v.copy() for k, v in vars(block).items() if type(v) in (list, dict)},
        )
        for path, block in walk(net)
    ] + [
        (
            parameter.name,
            dict(vars(parameter)),
            None if parameter._data is None else parameter._data[0].asnumpy().tolist(),
        )
        for parameter in parameters_of(net)
    ]


def draw(mode):
    return (np if mode == "np" else mx.nd).random.uniform(0, 1, (3,)).asnumpy().tolist()


def numbers_after_nothing(mode):
    mx.random.seed(7)
    return draw(mode)


@pytest.mark.parametrize("how", ["raw", "initialized", "run", "hybridized"])
@pytest.mark.parametrize("make", [Untraceable, lambda: create_model("chimera"), shared_twice])
def test_a_trace_leaves_nothing_behind(array_mode, uniform, make, how):
    net, x = make(), uniform(2, 4)
    prepare(net, x, how)
    hooked = []
    net.register_forward_hook(lambda *_: hooked.append(1))
    before, expected = state(net), numbers_after_nothing(array_mode)
    mx.random.seed(7)
    trace(net, (2, 4))
    assert draw(array_mode) == expected
    assert state(net) == before
    assert not hooked
    assert not autograd.is_recording()
    assert gluon.Block.__call__.__module__ == "mxnet.gluon.block"


def test_the_test_above_can_fail(array_mode, uniform):
    net = Untraceable()
    net.initialize()
    before = state(net)
    net(uniform(2, 4))
    assert state(net) != before
    mx.random.seed(7)
    net(uniform(2, 4))
    assert draw(array_mode) != numbers_after_nothing(array_mode)


def test_nested_inputs_and_outputs(array_mode):
    actual = trace(Several(), (2, 5), [(2, 4), ((2, 1), "float32")])
    left, (right, (last,)) = actual.calls[0].outputs
    assert (left.shape, right.shape, last.shape) == ((2, 3), (2, 3), (2, 1))
    assert actual.calls[0].inputs[1][0].shape == (2, 4)


def test_indexing_is_followed_as_on_arrays(array_mode, uniform):
    traced = trace(Rows(), (5, 2, 4))
    assert traced.calls[0].outputs.shape == (2, 3)
    assert traced.executed == (array_mode == "nd")
    net = Rows()
    net.initialize()
    assert net(uniform(5, 2, 4)).shape == (2, 3)


def test_indexing_is_noticed_in_a_process_that_has_traced_often():
    symbol, net = mx.sym.var("x").tanh(), Rows()
    for _ in range(600):  # Python 3.13.0 loses track of a class that was changed a thousand times
        assert symbol[0].name == symbol.name
        assert trace(net, (5, 2, 4)).calls[0].outputs.shape == (2, 3)


def test_tracing_changes_the_class_of_symbols_once():
    trace(Rows(), (5, 2, 4))
    names = ("__getitem__", "__len__", "__iter__")
    before = [getattr(mx.sym.Symbol, name) for name in names]
    trace(Rows(), (5, 2, 4))
    with arrays_only():
        assert [getattr(mx.sym.Symbol, name) for name in names] == before
        with pytest.raises(NotInferableError):
            len(mx.sym.var("x"))
    assert len(mx.sym.var("x")) == 1


def test_paths_of_a_block_that_stands_at_two_places():
    traced = trace(shared_twice(), (1, 4))
    assert [call.path for call in traced.calls] == ["", "0", "0.0", "0.1", "1", "2", "2.0", "2.1"]


def test_a_symbol_block_is_looked_into(array_mode):
    data = mx.sym.var("data", dtype="float32")
    if array_mode == "np":
        data = data.as_np_ndarray()
    inner = sequential(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Activation("relu"))
    block = gluon.SymbolBlock(inner(data), data)
    net = sequential(block, nn.Dense(2))
    actual = trace(net, (1, 3, 8, 8))
    expected = ["Convolution", "BatchNorm", "Activation"]
    assert [operator.name for call, operator in actual.operators if call.path == "0"] == expected
    with untouched(net):
        executed = trace_forward(net, parse_inputs([(1, 3, 8, 8)]), "to compare")
    assert [operator.name for call, operator in executed.operators if call.path == "0"] == expected


def test_operators_that_mxnet_leaves_out_of_a_graphs_text_are_followed():
    """Its `tojson` drops casts of mixed precision, and with them the order of the outputs."""

    class Mixed(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3)

        def hybrid_forward(self, F, x, y):
            x, y = F.amp_multicast(x, y, num_outputs=2)
            return self.dense(F.concat(F.amp_cast(x, "float32"), y, dim=1))

    traced = trace(Mixed(), (2, 4), (2, 5))
    (dense,) = [operator for _, operator in traced.operators if operator.name == "FullyConnected"]
    assert [spec.shape for spec in dense.inputs] == [(2, 9), (3, 9), (3,)]
    names = [operator.name for _, operator in traced.operators]
    assert names == ["amp_multicast", "amp_cast", "Concat", "FullyConnected"]


def test_a_large_input_costs_no_memory(python):
    """ResNet-152 on a 4K image has 3.8 GB of activations; none of it may be allocated."""
    code = (
        "import gluonkit, resource\n"
        "gluonkit.nd.zeros((1,)).wait_to_read()\n"
        "net = gluonkit.create_model('mxnet/resnet152_v1')\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = gluonkit.summary(net, (1, 3, 2160, 3840))\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(found.executed, found.activation_bytes > 20e9, (after - before) / 1024)\n"
    )
    executed, large, grown = python("-c", code).stdout.split()
    assert (executed, large) == ("False", "True")
    assert float(grown) < 100  # MiB


lenet = partial(create_model, "lenet")


@pytest.mark.parametrize(
    ("make", "inputs", "message"),
    [
        (lenet, [(1, 9)], r"do not go through `0` \(Conv2D\), which got \(1, 9\)"),
        (
            lenet,
            [numpy.zeros((1, 1, 28, 28))],
            r"which got \(1, 1, 28, 28\) float64: .*uniform type",
        ),
        (lenet, [(1, 1, 28, 28), (1,)], r"2 inputs are given, but \w+ takes 1: x"),
        (Several, [(1, 3)], r"1 inputs are given, but Several takes 2: x, pair"),
        (lenet, [], "no input is given"),
    ],
    ids=["shape", "data type", "too many", "too few", "none"],
)
def test_inputs_that_do_not_fit_name_the_layer(array_mode, make, inputs, message):
    net = make()
    with pytest.raises(ArgumentError, match=message):
        trace(net, *inputs)
    assert all(parameter._data is None for parameter in parameters_of(net))


def test_a_failure_of_the_networks_own_code_keeps_its_type():
    class Broken(gluon.Block):
        def forward(self, x):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        trace(Broken(), (1,))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (3, r"input 1 is 3, an int; give an array, a shape such as"),
        ((1.5, 2), r"input 1 is \(1.5, 2\), which is no shape"),
        ((-1, 2), "is no shape"),
        ((True, 2), "is no shape"),
        (((1, 2), None), "has the data type None, which NumPy does not know"),
        (((1, 2), "florps"), "has the data type 'florps', which NumPy does not know"),
        ([(1, 2), "x"], r"input 1\[1\] is 'x', a str"),
    ],
)
def test_malformed_inputs_are_refused(given, error):
    with pytest.raises((ValueError, TypeError), match=error):
        trace(create_model("mlp"), given)


SPECS = st.builds(
    ArraySpec,
    st.lists(st.integers(1, 9), max_size=4).map(tuple),
    st.sampled_from(["float32", "float16", "int32", "bool"]),
)
NESTED_SPECS = st.lists(
    st.recursive(SPECS | st.none(), lambda parts: st.lists(parts, max_size=3), max_leaves=6)
)


def spellings(spec):
    """Return the ways to write an array's shape and data type."""
    ways = [spec, numpy.zeros(spec.shape, spec.dtype)]
    ways += [(spec.shape, spec.dtype), (list(spec.shape), numpy.dtype(spec.dtype))]
    if spec.dtype == "float32":
        ways += [spec.shape, tuple(numpy.int64(size) for size in spec.shape)]
    return st.sampled_from(ways)


@REPEATABLE
@given(expected=NESTED_SPECS, data=st.data())
def test_inputs_are_what_was_written_in_any_spelling(expected, data):
    written = mapped(lambda spec: data.draw(spellings(spec)), expected)
    parsed = parse_inputs(written)
    assert list(mapped(as_spec, parsed)) == expected
    assert list(mapped(as_spec, parse_inputs(parsed))) == expected


def test_arrays_of_the_other_mode_are_taken():
    legacy = mx.nd.ones((2, 20))
    assert trace(create_model("mlp"), legacy.as_np_ndarray()).calls[0].outputs.shape == (2, 10)


def test_recurrent_layers(array_mode):
    for states in ([], [[(2, 2, 8), (2, 2, 8)]]):
        traced = trace(gluon.rnn.LSTM(8, 2), (5, 2, 3), *states)
        rnn = [operator for _, operator in traced.operators if operator.name == "RNN"]
        assert [operator.outputs[0].shape for operator in rnn] == [(5, 2, 8)]


def test_a_symbol_block_that_is_called_twice_has_its_operators_twice():
    data = mx.sym.var("data", dtype="float32")
    both = mx.sym.split(data, num_outputs=2, axis=1, name="both_of_it")
    block = gluon.SymbolBlock(both[0] * both[1], data)

    class Twice(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.block = block

        def hybrid_forward(self, F, x):
            return self.block(x) + self.block(x * 2)

    net = Twice()
    traced = trace(net, (2, 4))
    assert not traced.executed
    calls = [[operator.name for operator in call.operators] for call in traced.calls]
    assert calls[1:] == [["SliceChannel", "elemwise_mul"]] * 2
