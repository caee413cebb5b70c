"""`compile`: the network's own numbers, for its own signature, with its weights as they are."""

import copy
import gc
import itertools
import json
import pickle
import sys
import threading

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gluonkit import (
    autograd,
    compile,
    create_model,
    data,
    fit,
    gluon,
    init,
    mx,
    nd,
    nn,
    np,
    npx,
    predict,
    replace_head,
    runtime,
    save,
    summary,
)
from gluonkit._base.specs import ArraySpec
from gluonkit.compiling import Compiled, Plan, choosing, views, watch
from gluonkit.compiling.plan import CHANNELS, RUNNERS
from gluonkit.compiling.program import Program
from gluonkit.compiling.race import Timing
from gluonkit.compiling.watch import _Tripwire
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.graphs.folding import folded
from gluonkit.system import modes as array_modes
from gluonkit.tracing.inputs import leaves
from gluonkit.tracing.tree import parameters_of
from tests.launched import wait_until
from tests.networks import Function, sequential
from tests.properties import REPEATABLE

PLANS = ("executor", "executor + fused", "executor + channels of 8", "cached op")


def draws(*shape, seed=0):
    return numpy.random.default_rng(seed).random(shape, dtype="float32")


def small():
    """Every kind of layer that plans treat in their own way, with numbers that matter."""
    mx.random.seed(3)
    net = sequential(
        nn.Conv2D(6, 3),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(5, 3, activation="relu"),
        nn.Dense(12, activation="relu"),
        nn.Dense(3),
    )
    net.initialize(init.Normal(0.2))
    net(nd.array(draws(2, 1, 12, 12)))
    for parameter in parameters_of(net):  # positive: no relu hides any of them
        parameter.set_data(nd.array(draws(*parameter.shape) * 0.2 + 0.05))
    return net


def numbers(array):
    return array if isinstance(array, numpy.ndarray) else array.asnumpy()


def agree(got, expected):
    got, expected = list(leaves(got)), list(leaves(expected))
    assert [output.shape for output in got] == [output.shape for output in expected]
    for one, other in zip(map(numbers, got), map(numbers, expected), strict=True):
        numpy.testing.assert_allclose(one, other, rtol=0, atol=2e-5 * abs(other).max())


def own(net, *inputs):
    """The network's own outputs for NumPy inputs."""
    make = mx.np.array if mx.util.is_np_array() else nd.array
    return net(*(make(array, dtype=array.dtype) for array in inputs))


class Several(gluon.HybridBlock):
    """A network with operators of one kind between dense layers and convolutions."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        with self.name_scope():
            self.dense, self.last = nn.Dense(8), nn.Dense(3)
            if kind == "unroll":
                self.cell = gluon.rnn.GRUCell(6)
            if kind in ("shuffle", "scaled"):
                self.convolution = nn.Conv2D(6, 3)
                self.weight = self.params.get("weight", shape=(4, 6, 3, 3))

    def hybrid_forward(self, F, x, weight=None):
        if self.kind == "concatenate":
            return self.last(F.np.concatenate([self.dense(x), x], axis=1))
        if self.kind == "split":
            one, other = F.split(self.dense(x), num_outputs=2, axis=1)
            return self.last(one * F.sigmoid(other)), other
        if self.kind == "topk":
            return F.topk(self.dense(x), k=2, ret_typ="both")
        if self.kind == "unroll":
            return self.last(self.cell.unroll(4, x, merge_outputs=False)[0][-1])
        maps = self.convolution(x)
        if self.kind == "shuffle":
            first, second = F.split(maps, num_outputs=2, axis=1)
            return self.last(F.concat(second, F.relu(first), dim=1))
        # a kernel that is computed is no variable, whose name would tell its shape
        return self.last(F.Convolution(maps, weight * 2, kernel=(3, 3), num_filter=4, no_bias=True))


class TestNumbers:
    @pytest.mark.parametrize("name", ["mxnet/mobilenet0.25", "mxnet/resnet18_v2"])
    def test_zoo(self, name, array_mode):
        net = create_model(name, init=True, classes=7)
        x = draws(2, 3, 64, 64)
        fast = compile(net, x, seconds=0.02)
        agree(fast(x[::-1].copy()), own(net, x[::-1].copy()))

    @pytest.mark.parametrize("plan", PLANS)
    def test_every_plan(self, plan):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        assert str(fast.plan) == plan
        for seed in range(3):
            other = draws(2, 1, 12, 12, seed=seed)
            agree(fast(other), own(net, other))

    @pytest.mark.parametrize("batch", [16, 33])
    @pytest.mark.parametrize("plan", ["executor + columns", "executor + fused + columns"])
    def test_columns(self, batch, plan):
        net = sequential(
            nn.Dense(12, activation="relu"),
            nn.Dense(9, use_bias=False),
            nn.Dropout(0.5),
            nn.LayerNorm(),
            nn.Dense(4, activation="tanh"),
        )
        net.initialize(init.Normal(0.5))
        x = draws(batch, 3, 5)  # flattened by the first layer
        agree(compile(net, x, plan=plan)(x), own(net, x))

    @pytest.mark.parametrize("plan", ["executor + columns", "executor + fused + columns"])
    @pytest.mark.parametrize("shape", [(2, 8, 5), (1, 17, 5), (3, 2, 4, 5), (20, 5)])
    def test_columns_of_sequences(self, plan, shape):
        """As in a transformer: dense layers over the last axis, and what lies between them."""
        net = sequential(
            nn.Dense(12, flatten=False),
            nn.GELU(),
            nn.Dense(12, flatten=False, use_bias=False),
            nn.LeakyReLU(0.3),
            nn.Dense(9, flatten=False),
            nn.LayerNorm(),
            nn.PReLU(),
            nn.Dense(4, flatten=False, activation="relu"),
            nn.Dense(3),
        )
        net.initialize(init.Normal(0.5))
        x = draws(*shape)
        agree(compile(net, x, plan=plan)(x), own(net, x))

    @pytest.mark.parametrize(
        "kind", ["concatenate", "split", "topk", "unroll", "shuffle", "scaled"]
    )
    def test_outputs_that_are_named_otherwise_than_by_their_node(self, kind):
        """Those of NumPy mode's operators, and those of operators with several."""
        with array_modes.array_mode(numpy_mode=kind == "concatenate"):
            mx.random.seed(7)
            net, batch = Several(kind), 18
            net.initialize(init.Normal(0.5))
            shape = {"unroll": (4, 5), "shuffle": (4, 6, 6), "scaled": (3, 6, 6)}.get(kind, (5,))
            x = draws(batch, *shape)
            compiled = compile(net, x, dynamic_batch=True, seconds=0.02)
            agree(compiled(x[::-1].copy()), own(net, x[::-1].copy()))
            tried = {
                str(candidate.plan): candidate.problem
                for candidate in compiled.explain().candidates
            }
        assert tried["executor + columns"] == ""
        if kind in ("shuffle", "scaled"):
            assert tried["executor + channels of 8"] == ""

    @pytest.mark.parametrize("network", ["convolutions", "tied", "transposed"])
    def test_weights_that_are_read_several_times(self, network):
        class Twice(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.convolution = nn.Conv2D(6, 3, padding=1, in_channels=6, activation="relu")
                self.dense = nn.Dense(24, in_units=24)

            def hybrid_forward(self, F, x):
                x = self.convolution(F.Pooling(self.convolution(x), kernel=(2, 2), stride=(2, 2)))
                x = F.slice_axis(F.flatten(x), axis=1, begin=0, end=24)
                return self.dense(F.relu(self.dense(x)))

        class Transposed(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.weight = self.params.get("weight", shape=(24, 12), init=mx.init.Xavier())

            def hybrid_forward(self, F, x, weight):
                hidden = F.tanh(F.FullyConnected(x, weight, no_bias=True, num_hidden=24))
                back = F.transpose(weight)
                return F.FullyConnected(hidden, back, no_bias=True, num_hidden=12)

        wide = [f"channels of {size}" for size in (8, 16)]
        kinds = {
            "convolutions": (Twice(), (16, 6, 8, 8), ["columns", *wide]),
            "tied": (nn.HybridSequential(), (16, 24), ["columns"]),
            "transposed": (Transposed(), (16, 12), ["columns"]),
        }
        net, shape, changes = kinds[network]
        if network == "tied":
            first = nn.Dense(24, in_units=24)
            net.add(first, nn.Activation("tanh"), nn.Dense(24, in_units=24, params=first.params))
        net.initialize(mx.init.Xavier())
        example = nd.array(draws(*shape))
        tried = {
            str(candidate.plan): candidate.problem
            for candidate in compile(net, example, seconds=0.02).explain().candidates
        }
        for plan in (f"executor{fused} + {c}" for fused in ("", " + fused") for c in changes):
            assert tried[plan] == ""
            fast = compile(net, example, plan=plan)
            for seed in (1, 2):
                more = draws(*shape, seed=seed)
                agree(fast(more), own(net, more))

    def test_several_inputs_and_nested_outputs(self):
        class Both(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.dense = nn.Dense(4)

            def hybrid_forward(self, F, a, pair):
                b, c = pair
                return self.dense(a) + b, [c * 2, (a - 1, b)]

        net = Both()
        net.initialize()
        a, b, c = draws(2, 4), draws(2, 4, seed=1), draws(3, 5, seed=2)
        fast = compile(net, a, [b, c], seconds=0.02)
        got = fast(a, [b, c])
        assert isinstance(got, tuple)
        assert isinstance(got[1], list)
        assert isinstance(got[1][1], tuple)
        agree(got, net(nd.array(a), [nd.array(b), nd.array(c)]))

    def test_whole_numbers(self):
        net = sequential(nn.Embedding(10, 4), nn.Dense(3))
        net.initialize()
        words = numpy.array([[1, 9, 3], [0, 0, 2]], "int32")
        agree(compile(net, words, seconds=0.02)(words), own(net, words))

    def test_control_flow(self):
        class Loop(gluon.HybridBlock):
            def hybrid_forward(self, F, x):
                outputs, _ = F.contrib.foreach(
                    lambda row, state: (row + state, row + state),
                    x,
                    F.zeros_like(x[0]) if not hasattr(x, "name") else F.zeros((3,)),
                )
                return outputs

        net, x = Loop(), draws(4, 3)
        fast = compile(net, x, seconds=0.02)
        assert fast.plan == Plan("cached op")
        agree(fast(x), numpy.cumsum(x, 0))

    def test_the_network_is_left_as_it_was(self):
        net = small()
        net.hybridize(static_alloc=True)
        own(net, draws(2, 1, 12, 12))
        before = {name: dict(vars(block)) for name, block in net._children.items()}
        names = [parameter.name for parameter in parameters_of(net)]
        compile(net, draws(2, 1, 12, 12), seconds=0.02)
        assert before == {name: dict(vars(block)) for name, block in net._children.items()}
        assert names == [parameter.name for parameter in parameters_of(net)]
        assert net._active

    def test_deferred_initialization_is_finished(self):
        net = create_model("mlp")
        net.initialize()
        x = draws(2, 20)
        agree(compile(net, x, seconds=0.02)(x), own(net, x))

    def test_shapes_as_examples(self):
        net = create_model("mlp", init=True)
        assert compile(net, (2, 20), seconds=0.02)(draws(2, 20)).shape == (2, 10)

    def test_random_networks_cannot_be_compiled(self):
        with pytest.raises(ArgumentError, match="no plan gives its outputs"):
            compile(
                Function(lambda F, x: x + F.random.uniform(shape=(2, 3))), draws(2, 3), seconds=0.02
            )

    def test_a_wrong_plan_is_not_chosen(self, monkeypatch):
        real = Program.runner

        def spoiled(self, plan):
            runner = real(self, plan)
            if plan.fused:
                run = runner.run

                def wrong():
                    run()
                    runner.outputs[0][...] += 1e-3

                runner.run = wrong
            return runner

        monkeypatch.setattr(Program, "runner", spoiled)
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, seconds=0.02)
        assert not fast.plan.fused
        problems = {
            str(candidate.plan): candidate.problem for candidate in fast.explain().candidates
        }
        assert "output 0 differs from eager" in problems["executor + fused"]
        assert "executor + fused: output 0 differs" in str(fast.explain())
        with pytest.raises(ArgumentError, match="cannot be used for this network"):
            compile(net, x, plan="executor + fused")
        assert compile(net, x, plan="executor + fused", tolerance=0.1).plan.fused


class TestArrays:
    @pytest.mark.parametrize("plan", PLANS)
    def test_what_comes_in_goes_out(self, plan):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        for make, kind in ((lambda a: a, numpy.ndarray), (nd.array, nd.NDArray)):
            got = fast(make(x))
            assert type(got) is kind
            agree(got, own(net, x))
        npx.set_np()
        given = np.array(x)
        npx.reset_np()
        got = fast(given)
        assert isinstance(got, mx.np.ndarray)
        agree(got, own(net, x))

    def test_outputs_are_the_callers(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, seconds=0.02)
        first = fast(x)
        kept = first.copy()
        fast(draws(2, 1, 12, 12, seed=8))
        assert (first == kept).all()
        assert first.flags.writeable
        assert first.flags.owndata

    def test_scalars_and_no_samples(self):
        npx.set_np()
        x = draws(3, 4)
        fast = compile(Function(lambda F, x: (x.mean(), x)), x, seconds=0.02)
        mean, same = fast(np.array(x))
        assert mean.shape == ()
        assert float(mean) == pytest.approx(x.mean())
        assert same.shape == (3, 4)
        assert fast(x)[0].shape == ()

    def test_sparse_arrays(self):
        fast = compile(create_model("mlp", init=True), (2, 20), plan="executor")
        with pytest.raises(ArgumentTypeError, match="tostype"):
            fast(nd.zeros((2, 20)).tostype("csr"))

    def test_float16_and_float64(self):
        for dtype, net in (("float16", nn.MaxPool2D(2)), ("float64", small())):
            net.cast(dtype)
            x = draws(2, 1, 12, 12).astype(dtype)
            fast = compile(net, x, seconds=0.02)
            got = fast(x)
            assert got.dtype == dtype
            assert numpy.dtype(fast(nd.array(x, dtype=dtype)).dtype) == dtype

    def test_parts_of_arrays_and_other_orders(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, seconds=0.02)
        turned = numpy.asfortranarray(draws(4, 1, 12, 24))[::2, :, :, ::2]
        agree(fast(turned), own(net, numpy.ascontiguousarray(turned)))

    def test_pending_arrays_are_waited_for(self):
        net = small()
        fast = compile(net, (2, 1, 12, 12), seconds=0.02)
        for _ in range(20):
            slow = nd.random.uniform(shape=(400, 400))
            for _ in range(5):
                slow = nd.dot(slow, slow) * 1e-3
            x = (slow[:2, :144] * 0 + 1).reshape((2, 1, 12, 12))
            got = fast(x)
            agree(got, own(net, numpy.ones((2, 1, 12, 12), "float32")))

    def test_without_copies(self):
        net = small()
        fast = compile(net, (2, 1, 12, 12), seconds=0.02)
        x = draws(2, 1, 12, 12)
        place = fast.input
        place[...] = x
        fast.run()
        agree(fast.output, own(net, x))
        assert not fast.output.flags.owndata
        assert fast.input is place
        fast(draws(2, 1, 12, 12, seed=4))  # has memory of its own
        assert (place == x).all()
        net[0].weight.set_data(net[0].weight.data() * 2)
        place = fast.input
        fast.run()
        agree(fast.output, own(net, x))


class TestSignature:
    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ([draws(3, 1, 12, 12)], r"\(3, 1, 12, 12\).*\(2, 1, 12, 12\).*without dynamic_batch"),
            ([draws(2, 1, 12, 13)], r"\(2, 1, 12, 13\).*compile it again"),
            ([draws(2, 1, 12, 12).astype("float64")], r"float64.*astype\('float32'\)"),
            ([], r"are nothing, but it was compiled for \(2, 1, 12, 12\)"),
            ([draws(2, 1, 12, 12)] * 2, r"\(2, 1, 12, 12\), \(2, 1, 12, 12\), but"),
        ],
    )
    def test_another_is_refused(self, given, says):
        fast = compile(small(), (2, 1, 12, 12), plan="executor", dynamic_batch=False)
        with pytest.raises(ArgumentError, match=says):
            fast(*given)

    @pytest.mark.parametrize("given", ["text", None, 3, {}])
    def test_what_is_no_array(self, given):
        fast = compile(small(), (2, 1, 12, 12), plan="executor")
        with pytest.raises((ArgumentTypeError, ArgumentError), match=r"input 1 is|are nothing"):
            fast(given)

    def test_dynamic_batch(self):
        net = small()
        fast = compile(net, (2, 1, 12, 12), plan="executor + fused")
        for batch in (1, 2, 5, 1, 2):
            x = draws(batch, 1, 12, 12, seed=batch)
            agree(fast(x), own(net, x))
        net[0].weight.set_data(net[0].weight.data() * 2)
        for batch in (5, 2, 1):
            x = draws(batch, 1, 12, 12, seed=batch)
            agree(fast(x), own(net, x))
        with pytest.raises(ArgumentError, match="compile it again"):
            fast(draws(2, 1, 13, 12))

    def test_a_batch_without_samples_is_refused(self):
        fast = compile(small(), (2, 1, 12, 12), plan="executor", dynamic_batch=True)
        with pytest.raises(
            ArgumentError, match=r"are \(0, 1, 12, 12\), without a sample, of which"
        ):
            fast(draws(0, 1, 12, 12))
        assert fast(draws(1, 1, 12, 12)).shape == (1, 3)

    @pytest.mark.parametrize("plan", ["executor", "cached op"])
    def test_numpys_numbers_are_arrays_without_axes(self, plan):
        with array_modes.array_mode(numpy_mode=True):
            x, one = draws(2, 4), numpy.ones((), "float32")
            fast = compile(Function(lambda F, x, factor: x * factor), x, one, plan=plan)
            agree(fast(x, numpy.float32(2.5)), x * numpy.float32(2.5))
        with pytest.raises(ArgumentError, match=r"\(2, 4\), \(\) float64, but"):
            fast(x, numpy.float64(2.5))

    @pytest.mark.parametrize("batch", [2, 18])
    def test_nan_in_one_sample_leaves_the_others_alone_in_every_plan(self, batch):
        """What becomes of the sample itself depends on the plan, as docs/limits.md says."""
        net, x = small(), draws(batch, 1, 12, 12)
        actual = compile(net, x, seconds=0.01)
        broken = x.copy()
        broken[1, 0, 4, 4] = numpy.nan
        expected = own(net, broken).asnumpy()
        assert numpy.isfinite(expected).all()  # Gluon drops it
        others = numpy.arange(batch) != 1
        agree(expected[others], own(net, x).asnumpy()[others])
        for plan in [
            candidate.plan for candidate in actual.explain().candidates if not candidate.problem
        ]:
            agree(compile(net, x, plan=plan)(broken)[others], expected[others])

    def test_which_of_mxnets_operators_drop_nan(self):
        x = nd.array([[numpy.nan, -2, 3]])
        assert nd.Activation(x, act_type="relu").asnumpy().tolist() == [[0, 0, 3]]
        for kept in (nd.relu(x), nd.Activation(x, act_type="tanh"), nd.clip(x, 0, 6)):
            assert numpy.isnan(kept.asnumpy()).tolist() == [[True, False, False]]
        pooled = nd.Pooling(x.reshape((1, 1, 1, 3)), kernel=(1, 3), pool_type="max")
        assert pooled.asnumpy().item() == 3

    def test_nan_is_refused_where_plans_are_compared(self):
        x = draws(2, 1, 12, 12)
        x[0, 0, 0, 0] = numpy.nan
        for inputs in (x, nd.array(x)):
            with pytest.raises(ArgumentError, match=r"`example_inputs` hold NaN \(1 in input 1\)"):
                compile(small(), inputs)
        with pytest.raises(ArgumentError, match="`calibration` holds NaN or infinity"):
            compile(small(), (2, 1, 12, 12), int8=True, calibration=x)

    @pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
    def test_what_to_do_instead_of_copying_it(self, way):
        fast = compile(small(), (2, 1, 12, 12), plan="executor")
        with pytest.raises(ArgumentTypeError, match=r"cannot be pickled or copied.* by save_plan"):
            way(fast)

    def test_batches_kept_are_bounded_and_the_least_used_goes(self):
        fast = compile(create_model("mlp", init=True), (2, 20), plan="executor", dynamic_batch=True)
        for batch in range(3, 20):
            fast(draws(batch, 20))
            fast(draws(3, 20))
        kept = [specs[0].shape[0] for specs in fast._pools]
        assert len(kept) == 7
        assert 3 in kept
        assert 4 not in kept

    def test_recording_is_refused(self):
        fast = compile(small(), (2, 1, 12, 12), plan="executor")
        x = draws(2, 1, 12, 12)
        with autograd.record(), pytest.raises(StateError, match="no gradient would flow"):
            fast(x)
        with autograd.record(), autograd.pause():
            fast(x)
        with autograd.train_mode():  # not recording: it predicts all the same
            fast(x)


def ready_mlp():
    return create_model("mlp", init=True)


class TestMisuse:
    @pytest.mark.parametrize(
        ("make", "inputs", "error", "says"),
        [
            (lambda: None, [(1, 2)], ArgumentTypeError, "`net` is"),
            (lambda: nn.Dense, [(1, 2)], ArgumentTypeError, "create an instance"),
            (lambda: create_model("mlp"), [], ArgumentError, "`example_inputs` are missing"),
            (
                lambda: create_model("mlp"),
                [(2, 20)],
                StateError,
                r"`net` has no values for 0.weight: call net.initialize",
            ),
            (ready_mlp, ["x"], ArgumentTypeError, "input 1 is 'x'"),
            (ready_mlp, [(2, 20), (2, 20)], ArgumentError, "do not go through the network"),
            (ready_mlp, [((2, 20), "float64")], ArgumentError, "astype"),
        ],
        ids=["none", "class", "no input", "no values", "text", "two inputs", "float64"],
    )
    def test_networks_and_inputs_that_are_refused(self, make, inputs, error, says):
        with pytest.raises(error, match=says):
            compile(make(), *inputs)

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("plan", "executor + fast", "'fast' is not known"),
            ("plan", "cached op + fused", "neither fusion"),
            ("plan", "absent.json", "cannot be read"),
            ("most_threads", 0, "`most_threads` is 0"),
            ("tolerance", 2, "`tolerance` is 2"),
            ("seconds", -1, "`seconds` is -1"),
        ],
    )
    def test_options_that_are_refused(self, name, value, says):
        with pytest.raises(ArgumentError, match=says):
            compile(ready_mlp(), (2, 20), **{name: value})

    def test_a_plan_that_is_no_name(self):
        with pytest.raises(ArgumentTypeError, match="`plan`"):
            compile(ready_mlp(), (2, 20), plan=7)

    def test_which_block_and_why(self):
        class Plain(gluon.Block):
            def forward(self, x):
                return x * 2

        plain = nn.Sequential()
        plain.add(nn.Dense(3), Plain())
        peeking = sequential(nn.Dense(3), Function(lambda F, x: x * float(x.sum().asscalar() > 0)))
        for net, says in (
            (plain, r"(?s)cannot be compiled.*is a Block, not a Hybrid"),
            (peeking, "asscalar"),
        ):
            net.initialize()
            with pytest.raises(ArgumentError, match=says):
                compile(net, (2, 4))


WAYS = {
    "set_data": lambda p, new: p.set_data(nd.array(new)),
    "one number": lambda p, new: p.data().__setitem__((0,) * new.ndim, float(new.reshape(-1)[0])),
    "copyto": lambda p, new: nd.array(new).copyto(p.data()),
    "slice": lambda p, new: p.data()[:1].__setitem__(slice(None), nd.array(new[:1])),
}


VIEWS = {
    "slice": lambda array: array[0:1],
    "row": lambda array: array[1],
    "shape": lambda array: array.reshape((-1,)),
    "view of a view": lambda array: array.reshape((-1,))[2:9][1:4],
    "other mode": lambda array: array.as_np_ndarray(),
    "part in the other mode": lambda array: array.as_np_ndarray()[0:1],
    "detached": lambda array: array.detach(),
    "dlpack": lambda array: nd.from_dlpack(nd.to_dlpack_for_write(array)),
}


class TestWeights:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("plan", PLANS)
    def test_changes_are_followed(self, plan, way):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        for parameter in parameters_of(net):
            before = fast(x)
            WAYS[way](parameter, parameter.data().asnumpy() * 3 + 0.5)
            got = fast(x)
            agree(got, own(net, x))
            assert not numpy.array_equal(got, before), parameter.name

    @pytest.mark.parametrize("plan", PLANS)
    def test_arrays_that_somebody_kept(self, plan):
        net, x = small(), draws(2, 1, 12, 12)
        kept = {parameter.name: parameter.data() for parameter in parameters_of(net)}
        fast = compile(net, x, plan=plan)
        fast(x)
        for name, array in kept.items():
            before = fast(x)
            numbers = array.asnumpy()
            for _ in range(2):
                nd.array(numbers * 2 + 0.5).copyto(array)
                agree(fast(x), own(net, x))
                array[(0,) * array.ndim] = 0.25
                agree(fast(x), own(net, x))
            assert not numpy.array_equal(fast(x), before), name

    @pytest.mark.parametrize("way", ["forward", "list", "data"])
    @pytest.mark.parametrize("plan", PLANS)
    def test_arrays_that_somebody_took_since(self, plan, way):
        class Keeping(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.weight, self.kept = self.params.get("weight", shape=(3, 12)), None

            def hybrid_forward(self, F, x, weight):
                if F is nd:
                    self.kept = weight
                return F.FullyConnected(x, weight, num_hidden=3, no_bias=True)

        keeping = Keeping()
        net, x = sequential(nn.Dense(12, activation="relu"), keeping), draws(2, 5) + 0.1
        net.initialize(init.Uniform(1))
        fast = compile(net, x, plan=plan)
        keeping.kept = None
        before = fast(x)
        assert numpy.array_equal(fast(x), before)  # nobody has an array now
        if way == "forward":
            own(net, x)
            taken = keeping.kept
        elif way == "list":
            arrays = iter(keeping.weight.list_data())
            fast(x)
            (taken,) = arrays
        else:
            taken = keeping.weight.data()
        for number in (0.5, 0.75):
            fast(x)
            taken[:] = number
            agree(fast(x), own(net, x))
        fast(x)
        keeping.kept = None
        taken[:] = 0.25
        del taken  # who has written is gone when the next call looks
        agree(fast(x), own(net, x))

    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("plan", PLANS)
    def test_views_made_since_are_followed_at_the_next_call(self, plan, view):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        parameters = [net[0].weight, net[4].weight, net[5].bias]
        made = [VIEWS[view](parameter.data()) for parameter in parameters]
        fast(x)  # which has heard that arrays were fetched
        fast(x)
        for part in made:
            before = fast(x)
            for number in (0.5, 0.75):
                part[:] = number
                agree(fast(x), own(net, x))
            assert not numpy.array_equal(fast(x), before)
        made[0][:] = 0.25
        del part, made  # who has written is gone when the next call looks
        agree(fast(x), own(net, x))

    def test_views_that_are_gone_cost_nothing_any_more(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan="executor + fused")
        fast(x)
        handles = [parameter._data[0].handle.value for parameter in parameters_of(net)]
        assert not any(handle in views.viewed() for handle in handles)  # it keeps none itself
        part = net[0].weight.data()[2:3].reshape((-1,))[1:4]
        assert [handle in views.viewed() for handle in handles] == [True] + [False] * (
            len(handles) - 1
        )
        del part
        assert not any(handle in views.viewed() for handle in handles)
        followed = views._listeners
        assert all(handle in followed for handle in handles)
        del fast, net
        gc.collect()
        nd.waitall()
        assert not any(followed.get(handle) for handle in handles)

    @pytest.mark.parametrize("plan", PLANS)
    def test_parts_that_somebody_kept_are_noticed_before_long(self, plan, monkeypatch):
        """By a look now and then, at one of twelve parameters, for a hundredth of the time.

        Here each look at the clock is a second later, and a call without a look at the weights
        takes one: every hundredth call has one.
        """
        monkeypatch.setattr(watch, "perf_counter", itertools.count(1.0).__next__)
        net, x = small(), draws(2, 1, 12, 12)
        part = net[0].weight.data()[2:3]
        fast = compile(net, x, plan=plan)
        fast(x)
        part[:] = 0.5
        for _ in range(2000):
            got = fast(x)
            if abs(got - own(net, x).asnumpy()).max() < 1e-5:
                break
        agree(got, own(net, x))

    @pytest.mark.parametrize("plan", PLANS)
    def test_training_in_between(self, plan):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        for _ in range(3):
            with autograd.record():
                value = loss(net(nd.array(x)), nd.array([0, 1]))
            value.backward()
            trainer.step(2)
            agree(fast(x), own(net, x))

    @pytest.mark.parametrize("plan", PLANS)
    def test_running_statistics_alone(self, plan):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        for hybrid in (False, True):
            net.hybridize(hybrid)
            before = fast(x)
            with autograd.record():
                value = net(nd.array(x))
            value.backward()  # MXNet changes the running statistics here
            agree(fast(x), own(net, x))
            assert not numpy.array_equal(fast(x), before)

    @pytest.mark.parametrize("plan", PLANS)
    def test_initialized_and_loaded_anew(self, plan, tmp_path):
        net, x = small(), draws(2, 1, 12, 12)
        net.save_parameters(str(tmp_path / "net.params"))
        fast = compile(net, x, plan=plan)
        before = fast(x)
        net.initialize(init.Normal(0.3), force_reinit=True)
        agree(fast(x), own(net, x))
        assert not numpy.array_equal(fast(x), before)
        net.load_parameters(str(tmp_path / "net.params"))
        agree(fast(x), before)

    def test_other_types_are_refused(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan="executor + fused")
        net.cast("float64")
        with pytest.raises(StateError, match="compile it again"):
            fast(x)

    @pytest.mark.parametrize("plan", PLANS)
    def test_nothing_is_noticed_when_nothing_changes(self, plan, monkeypatch):
        net, x = small(), draws(2, 1, 12, 12)
        net.hybridize()
        fast = compile(net, x, plan=plan)
        refreshed = []
        monkeypatch.setattr(Compiled, "refresh", lambda self: refreshed.append(1))
        for _ in range(3):
            fast(x)
            own(net, x)
            net.collect_params().items()
            [parameter.data().asnumpy() for parameter in parameters_of(net)]
            summary(net, (2, 1, 12, 12))
            predict(net, x)
        assert not refreshed

    @pytest.mark.parametrize("plan", PLANS)
    def test_changed_while_the_plan_is_built_anew(self, plan, monkeypatch):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan)
        made = Compiled._made_pool

        def late(self, *arguments):
            pool = made(self, *arguments)
            monkeypatch.undo()
            net[5].weight.set_data(net[5].weight.data() * 3)
            return pool

        monkeypatch.setattr(Compiled, "_made_pool", late)
        net.initialize(init.Normal(0.3), force_reinit=True)
        fast(x)
        agree(fast(x), own(net, x))

    @pytest.mark.parametrize("plan", PLANS)
    @pytest.mark.parametrize(
        "change",
        [
            lambda net: net[5].weight.set_data(net[5].weight.data() * 3),
            lambda net: net.initialize(init.Normal(0.3), force_reinit=True),
        ],
    )
    @pytest.mark.parametrize(("owner", "name"), [(watch, "_digest"), (Compiled, "_made_pool")])
    def test_threads_wait_while_one_compares_and_builds(
        self, plan, change, owner, name, monkeypatch
    ):
        """While it does, three others ask, and it goes on once they wait, or have got something."""
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan=plan, most_threads=2)
        change(net)
        expected, got, others = own(net, x), [], []
        function = getattr(owner, name)

        def wait(thread):
            frame = sys._current_frames().get(thread.ident)
            return frame is None or frame.f_code.co_name in ("_differ", "_follow")

        def held(*arguments):
            if not others:
                others.extend(threading.Thread(target=lambda: got.append(fast(x))) for _ in "123")
                for other in others:
                    other.start()
                wait_until(lambda: all(map(wait, others)))
            return function(*arguments)

        monkeypatch.setattr(owner, name, held)
        got.append(fast(x))
        for waiting in others:
            waiting.join()
        assert len(got) == 1 + len(others)
        assert others or not fast._watch._copies
        for outputs in got:
            agree(outputs, expected)

    def test_a_failed_compilation_leaves_the_network_free(self):
        net = small()
        with pytest.raises(ArgumentError, match="cannot be used"):
            compile(net, (2, 1, 12, 12), plan="executor + fused", tolerance=0.0)
        gc.collect()
        assert all(type(parameter._data) is list for parameter in parameters_of(net))

    def test_two_of_one_network(self):
        net, x = small(), draws(2, 1, 12, 12)
        both = [compile(net, x, plan=plan) for plan in ("executor + fused", "executor")]
        both += [compile(net, x, plan="executor + fused + channels of 8")]
        for factor in (2, 3):
            net[4].weight.set_data(net[4].weight.data() * factor)
            for fast in both:
                agree(fast(x), own(net, x))
        assert not any(fast._watch.changed() for fast in both)

    def test_two_of_one_network_do_not_slow_down_each_other(self, monkeypatch):
        net, x = small(), draws(2, 1, 12, 12)
        both = [compile(net, x, plan=plan) for plan in PLANS[:3] * 2]
        for fast in both:
            fast(x)
        compared = []
        monkeypatch.setattr(watch.Watch, "_kept_differ", lambda self: compared.append(1))
        for fast in both:
            fast(x)
        assert not compared

    def test_the_network_is_free_again(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan="executor + fused")
        assert all(isinstance(parameter._data, _Tripwire) for parameter in parameters_of(net))
        del fast
        gc.collect()
        assert all(type(parameter._data) is list for parameter in parameters_of(net))

    def test_copies_and_files_of_a_watched_network(self, tmp_path):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan="executor + fused")
        expected = own(net, x)
        twin = copy.deepcopy(net[5].weight._data)
        assert type(twin) is list
        assert type(pickle.loads(pickle.dumps(net[5].weight._data))) is list
        save(net, tmp_path / "net.safetensors")
        net.save_parameters(str(tmp_path / "net.params"))
        agree(fast(x), expected)

    def test_frozen_looks_at_nothing(self):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, plan="executor + fused", frozen=True)
        assert all(type(parameter._data) is list for parameter in parameters_of(net))
        before = fast(x)
        net[5].weight.set_data(net[5].weight.data() * 2)
        assert numpy.array_equal(fast(x), before)
        fast.refresh()
        agree(fast(x), own(net, x))


class TestSlices:
    @pytest.mark.parametrize("plan", ["executor + slices of 8", "executor + fused + slices of 7"])
    @pytest.mark.parametrize("batch", [3, 8, 20])
    def test_they_give_the_whole(self, plan, batch):
        net, x = small(), draws(batch, 1, 12, 12)
        fast = compile(net, x, plan=plan, dynamic_batch=True)
        agree(fast(x), own(net, x))
        more = draws(29, 1, 12, 12, seed=1)
        agree(fast(more), own(net, more))
        net[5].weight.set_data(net[5].weight.data() * 2)
        agree(fast(x), own(net, x))
        fast.input[...] = x
        fast.run()
        agree(fast.output, own(net, x))

    def test_several_inputs_and_outputs(self):
        class Two(gluon.HybridBlock):
            def __init__(self):
                super().__init__()
                self.left, self.right = nn.Dense(3, flatten=False), nn.Dense(4)

            def hybrid_forward(self, F, x, y):
                return self.left(x), [self.right(y), F.concat(self.right(x), y, dim=1)]

        net = Two()
        net.initialize()
        x, y = draws(18, 5), draws(18, 5, seed=1)
        expected = net(nd.array(x), nd.array(y))
        got = compile(net, x, y, plan="executor + slices of 4")(x, y)
        for one, other in zip(leaves(got), leaves(expected), strict=True):
            agree(one, other)

    @pytest.mark.parametrize("model", ["fancy_mlp", "chimera"])
    def test_samples_that_depend_on_one_another_are_not_divided(self, model):
        net = create_model(model, init=True)
        with pytest.raises(ArgumentError, match="depend on one another"):
            compile(net, draws(20, 20), plan="executor + slices of 8")
        tried = compile(net, draws(20, 20), seconds=0.02).explain().candidates
        assert not any(candidate.plan.slices for candidate in tried)

    @pytest.mark.parametrize(
        "mixes",
        [
            lambda F, x: F.softmax(x, axis=0),
            lambda F, x: F.softmax(x, axis=-2),
            lambda F, x: F.reshape(F.softmax(F.reshape(x, shape=(1, -1))), shape=(20, 4)),
            lambda F, x: F.concat(x, x, dim=0),
            lambda F, x: F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True)),
            lambda F, x: F.reverse(x, axis=0),
            lambda F, x: F.broadcast_mul(x, F.max(x)),
        ],
    )
    def test_what_mixes_samples_is_seen(self, mixes):
        with pytest.raises(ArgumentError, match="depend on one another"):
            compile(Function(mixes), draws(20, 4), plan="executor + slices of 8")

    @pytest.mark.parametrize("mode", ["legacy", "np"])
    def test_tried_for_large_batches_of_the_zoo(self, mode):
        npx.set_np() if mode == "np" else npx.reset_np()
        net = create_model("mxnet/resnet18_v1", classes=3, init="xavier")
        compiled = compile(net, (32, 3, 32, 32), seconds=0.01, tolerance=1e-4)
        tried = [candidate for candidate in compiled.explain().candidates if candidate.plan.slices]
        assert [candidate.plan.slices for candidate in tried] == [8, 16]
        assert not any(candidate.problem for candidate in tried)


CALLS_WITHIN = """
import sys
import numpy
import gluonkit
from gluonkit import mx, nn

gluonkit.configure(engine=sys.argv[1])
X = numpy.ones((1, 2), "float32")


def times(factor, *layers):
    net = nn.HybridSequential()
    net.add(*layers, nn.Dense(2, in_units=2))
    net.initialize(mx.init.Constant(factor / 2))
    return gluonkit.compile(net, X, plan="executor")


inner = times(3)


class Calls(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], mx.nd.array(inner(in_data[0].asnumpy())))


@mx.operator.register("calls_a_compiled_network")
class Its(mx.operator.CustomOpProp):
    def create_operator(self, ctx, shapes, dtypes):
        return Calls()


class Within(gluonkit.gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.Custom(x, op_type="calls_a_compiled_network")


print(times(3, Within())(X)[0, 0])
"""


class TestThreads:
    @pytest.mark.parametrize("most", [1, 2, 5])
    @pytest.mark.parametrize("plan", PLANS)
    def test_many_at_once(self, plan, most):
        net = small()
        fast = compile(net, (2, 1, 12, 12), plan=plan, most_threads=most)
        inputs = [draws(2, 1, 12, 12, seed=seed) for seed in range(6)]
        expected = [own(net, x).asnumpy() for x in inputs]
        wrong = []

        def work(number):
            try:
                for _ in range(40):
                    got = fast(inputs[number])
                    if abs(got - expected[number]).max() > 1e-4 * abs(expected[number]).max():
                        wrong.append(number)
            except Exception as error:  # to be seen by the test
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        made = most - fast._pool._left  # as many as met, which is a matter of chance
        assert 1 <= made <= most
        assert len(fast._pool._idle) == made

    @pytest.mark.parametrize("engine", ["threaded", "naive"])
    def test_an_operator_may_call_a_compiled_network(self, engine, python):
        """In a process of its own, for two passes that wait for one another never end."""
        ran = python("-c", CALLS_WITHIN, engine)
        assert ran.stdout.split() == ["9.0"], ran.stderr

    def test_runners_are_lent_up_to_the_limit(self):
        pool = compile(small(), (2, 1, 12, 12), plan="executor", most_threads=2)._pool
        first, second = pool.take(), pool.take()
        assert first is not second
        third = []
        waiting = threading.Thread(target=lambda: third.append(pool.take()))
        waiting.start()
        wait_until(lambda: pool._waiting)
        assert not third
        pool.give_back(second)
        waiting.join()
        assert third == [second]

    @pytest.mark.parametrize("plan", PLANS)
    def test_of_another_array_mode(self, plan):
        """Each thread has its own mode, and begins in legacy mode."""
        npx.set_np()
        net = create_model("lenet", init="xavier")
        fast = compile(net, (2, 1, 28, 28), plan=plan, dynamic_batch=True, most_threads=2)
        pairs = []

        def work():
            for size in (2, 5):
                x = draws(size, 1, 28, 28)
                pairs.append((x, fast(x)))
            net[6].bias.set_data(net[6].bias.data() + 1)
            pairs.append((x, fast(x)))
            pairs.append((x, fast(nd.array(x))))

        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        assert len(pairs) == 4
        agree(pairs[0][1] + 1, own(net, pairs[0][0]))
        assert type(pairs[3][1]) is nd.NDArray
        for x, got in pairs[2:]:
            agree(got, own(net, x))


THREADS = st.none() | st.integers(1, 99)
ANY_PLAN = (
    st.builds(
        Plan,
        fused=st.booleans(),
        channels=st.sampled_from(CHANNELS),
        columns=st.booleans(),
        slices=st.integers(0, 10**6),
        threads=THREADS,
    )
    | st.builds(Plan, runner=st.sampled_from(RUNNERS), threads=THREADS)
    | st.builds(Plan, int8=st.just(True), threads=THREADS)
)
PART_OF_A_NAME = st.one_of(
    st.sampled_from([*RUNNERS, "fused", "columns", "int8", "threads", "of", ""]),
    st.builds("{} of {}".format, st.sampled_from(["channels", "slices"]), st.integers(-1, 20)),
    st.builds("{} threads".format, st.integers(-1, 20)),
)


class TestPlans:
    @pytest.mark.parametrize(
        "name",
        [
            "executor",
            "cached op",
            "executor + fused + channels of 16 + columns + 1 thread",
            "executor + 2 threads",
            "executor + fused + slices of 8",
        ],
    )
    def test_names_are_as_they_are_written(self, name):
        assert str(Plan.parse(name)) == name

    @REPEATABLE
    @given(plan=ANY_PLAN)
    def test_a_plan_comes_back_from_its_name_and_from_json(self, plan):
        assert Plan.parse(str(plan)) == plan
        assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan

    @REPEATABLE
    @given(text=st.text() | st.lists(PART_OF_A_NAME).map(" + ".join))
    def test_a_text_is_the_name_of_a_plan_or_an_argument_error(self, text):
        try:
            plan = Plan.parse(text)
        except ArgumentError:
            return
        assert Plan.parse(str(plan)) == plan

    @pytest.mark.parametrize("number", ["²", "9" * 5000], ids=["superscript", "5000 digits"])
    @pytest.mark.parametrize("part", ["{} threads", "slices of {}"])
    def test_numbers_that_int_does_not_take(self, part, number):
        with pytest.raises(ArgumentError, match="`plan` is"):
            Plan.parse(f"executor + {part.format(number)}")

    @pytest.mark.parametrize(
        "options", [{"runner": "x"}, {"channels": 3}, {"threads": 0}, {"threads": True}]
    )
    def test_impossible_ones(self, options):
        with pytest.raises(ArgumentError):
            Plan(**options)

    def test_saved_and_loaded(self, tmp_path):
        net, x = small(), draws(2, 1, 12, 12)
        fast = compile(net, x, seconds=0.02)
        path = tmp_path / "plan.json"
        fast.save_plan(path)
        again = compile(net, x, plan=path)
        assert again.plan == fast.plan
        agree(again(x), own(net, x))
        assert not again.explain().candidates
        assert "read from plan.json" in again.explain().reason
        assert compile(net, x, plan=str(path)).plan == fast.plan
        with pytest.raises(ArgumentError, match=r"is for the inputs \(2, 1, 12, 12\)"):
            compile(net, (3, 1, 12, 12), plan=path)
        with pytest.raises(ArgumentError, match=r"ends in .json"):
            fast.save_plan(tmp_path / "plan.txt")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            '{"plan": {}}',
            '{"format": 2, "plan": {}}',
            '{"format": 1, "plan": {"x": 1}, "inputs": [[[2, 1, 12, 12], "float32"]]}',
        ],
        ids=["empty", "list", "no format", "format 2", "unknown entry"],
    )
    def test_files_that_are_no_plan(self, text, tmp_path):
        path = tmp_path / "plan.json"
        path.write_text(text)
        with pytest.raises(ArgumentError, match=r"`plan`"):
            compile(small(), (2, 1, 12, 12), plan=path)

    def test_explained(self):
        net = small()
        explanation = compile(net, (2, 1, 12, 12), seconds=0.05).explain()
        text = str(explanation)
        assert "▸ " in text
        assert "cached op" in text
        assert "With the threaded engine a call of an empty graph takes" in text
        assert 'configure(engine="naive")' in text
        record = json.loads(json.dumps(explanation.to_dict()))
        assert {candidate["plan"] for candidate in record["candidates"]} >= set(PLANS)
        assert explanation.idle > 0
        timings = {
            candidate.plan: candidate.timing
            for candidate in explanation.candidates
            if candidate.timing
        }
        turns = max(timing.turns for timing in timings.values())
        best = min(timing.seconds for timing in timings.values() if timing.turns == turns)
        assert timings[explanation.plan].turns == turns
        assert timings[explanation.plan].seconds <= 1.01 * best

    def test_a_tie_goes_to_the_plan_without_copies(self):
        fused, plain = Plan(fused=True), Plan()
        for seconds, plan in ((1.005, plain), (1.02, fused)):
            timed = {fused: Timing(1.0, None, 3), plain: Timing(seconds, None, 3)}
            candidates = [choosing.Candidate(one, timing) for one, timing in timed.items()]
            assert choosing.best_of(candidates).plan == plan

    def test_what_was_dropped_on_the_way_is_not_chosen(self):
        """It was faster at a time when all were, such as before the clock rate fell."""
        timed = {Plan(): Timing(1.0, None, 3), Plan(fused=True): Timing(1.2, None, 9)}
        candidates = [choosing.Candidate(one, timing) for one, timing in timed.items()]
        assert choosing.best_of([choosing.Candidate(Plan("cached op")), *candidates]).plan.fused
        assert choosing.best_of([choosing.Candidate(Plan(), problem="fails")]) is None

    def test_progress(self):
        lines = []
        compile(small(), (2, 1, 12, 12), seconds=0.02, progress=lines.append)
        assert any(line.startswith("plan 1 of ") for line in lines)
        assert any(line.startswith("measuring, round 1") for line in lines)

    def test_naive_engine(self, python):
        script = """
import threading, numpy, gluonkit as gk
gk.configure(engine="naive")
net = gk.create_model("lenet", init=True)
x = numpy.random.default_rng(0).random((2, 1, 28, 28), dtype="float32")
fast = gk.compile(net, x, seconds=0.3)
names = [str(each.plan) for each in fast.explain().candidates]
expected = net(gk.nd.array(x)).asnumpy()
wrong = []
def work():
    for _ in range(200):
        if abs(fast(x) - expected).max() > 1e-5 * abs(expected).max(): wrong.append(1)
threads = [threading.Thread(target=work) for _ in range(4)]
[each.start() for each in threads]; [each.join() for each in threads]
one = gk.compile(net, x, plan="executor + fused + 1 thread")
assert abs(one(x) - expected).max() < 1e-5
print(len(wrong), any("1 thread" in name for name in names), gk.runtime().threads)
"""
        done = python("-c", script)
        assert not done.returncode, done.stderr
        wrong, one, threads = done.stdout.split()[-3:]
        assert wrong == "0"
        assert (one == "True") == (int(threads) > 1)


@pytest.fixture(scope="module")
def trained():
    """A small network that tells digits apart, with digits and their classes."""
    images, labels = data.load("digits", split="test")
    mx.random.seed(1)
    net = sequential(
        nn.Conv2D(16, 3, activation="relu"),
        nn.MaxPool2D(2),
        nn.Conv2D(16, 3),
        nn.BatchNorm(),
        nn.Activation("relu"),
        nn.MaxPool2D(2),
        nn.Dense(10),
    )
    net.initialize(init.Xavier())
    fit(net, data.load("digits"), epochs=3, optimizer="adam", seed=1, progress=False)
    return net, numpy.asarray(images, "float32"), numpy.asarray(labels)


class TestInt8:
    @pytest.mark.parametrize("with_labels", [False, True])
    def test_loss_is_measured_and_reported(self, trained, with_labels):
        net, images, labels = trained
        pair = (images, labels) if with_labels else images
        fast = compile(
            net, images[:4], int8=True, calibration=pair, max_loss=0.05, plan="executor + int8"
        )
        assert fast.plan.int8
        loss = fast.explain().loss
        assert loss.samples == len(images)
        assert -0.05 < loss.lost <= 0.05
        assert ("accuracy" in str(loss)) == with_labels
        assert str(loss.samples) in str(fast.explain())
        got = numpy.concatenate([fast(images[at : at + 4]) for at in range(0, 40, 4)])
        expected = net(nd.array(images[:40])).asnumpy()
        assert 0 < abs(got - expected).max() < 0.2 * abs(expected).max()
        assert (got.argmax(1) == expected.argmax(1)).mean() > 0.9

    def test_too_much_is_refused(self):
        net = sequential(nn.Conv2D(16, 3, activation="relu"), nn.Conv2D(8, 3))
        net.initialize(init.Normal(0.3))
        samples = draws(64, 3, 12, 12)
        options = {"int8": True, "calibration": samples, "max_loss": 0.0, "seconds": 0.05}
        with pytest.warns(UserWarning, match="int8 is not used: int8 on 64 calibration samples"):
            fast = compile(net, samples[:2], **options)
        assert not fast.plan.int8
        assert fast.explain().loss.lost > 0
        with pytest.raises(ArgumentError, match=r"limit 0.00%"):
            compile(net, samples[:2], plan="executor + int8", **options)

    def test_slower_ones_are_not_used(self, trained, monkeypatch):
        net, images, _ = trained

        def slow(candidates):
            return next(candidate for candidate in candidates if candidate.plan == Plan())

        monkeypatch.setattr(sys.modules["gluonkit.compiling.entry"], "best_of", slow)
        with pytest.warns(UserWarning, match="int8 is not used: it is not faster here"):
            compile(net, images[:1], int8=True, calibration=images, max_loss=1.0, seconds=0.02)

    def test_weights_are_followed(self, trained, tmp_path):
        net, images, _ = trained
        twin = copy.deepcopy(net)
        fast = compile(
            twin, images[:2], int8=True, calibration=images, max_loss=1.0, plan="executor + int8"
        )
        before = fast(images[:2])
        twin[-1].weight.set_data(twin[-1].weight.data() * 2)
        after = fast(images[:2])
        expected = twin(nd.array(images[:2])).asnumpy()
        assert abs(after - expected).max() < 0.2 * abs(expected).max()
        assert abs(after - before).max() > 0.2 * abs(expected).max()

    def test_other_batches_and_saved_plans(self, trained, tmp_path):
        net, images, _ = trained
        options = {"int8": True, "calibration": images, "max_loss": 1.0}
        fast = compile(net, images[:2], plan="executor + int8", dynamic_batch=True, **options)
        assert fast(images[:5]).shape == (5, 10)
        fast.save_plan(tmp_path / "plan.json")
        again = compile(net, images[:2], plan=tmp_path / "plan.json", **options)
        agree(again(images[:2]), fast(images[:2]))
        with pytest.raises(ArgumentError, match="needs `int8=True` and `calibration`"):
            compile(net, images[:2], plan=tmp_path / "plan.json")

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"int8": True}, "`calibration` is missing"),
            ({"calibration": draws(8, 20)}, "without `int8`"),
            ({"int8": True, "calibration": draws(8, 21)}, r"give \(samples, 20,\)"),
            ({"int8": True, "calibration": draws(0, 20)}, "samples of shape"),
            ({"int8": True, "calibration": numpy.ones((8, 20), "int32")}, "floats"),
            ({"int8": True, "calibration": (draws(8, 20), draws(7))}, "labels of"),
            ({"int8": True, "calibration": draws(8, 20), "max_loss": -1}, "`max_loss` is -1"),
        ],
        ids=["missing", "without int8", "shape", "no sample", "int32", "labels", "max_loss"],
    )
    def test_calibrations_that_are_refused(self, options, says):
        with pytest.raises(ArgumentError, match=says):
            compile(ready_mlp(), (2, 20), **options)

    def test_a_calibration_that_is_no_array(self):
        with pytest.raises(ArgumentTypeError, match="holds a str"):
            compile(ready_mlp(), (2, 20), int8=True, calibration="x")

    def test_inputs_that_cannot_be_quantized(self):
        net = sequential(nn.Embedding(10, 4), nn.Dense(3))
        net.initialize()
        words = numpy.zeros((2, 3), "int32")
        with pytest.raises(ArgumentError, match="one float32 input"):
            compile(net, words, int8=True, calibration=words)


class TestFolding:
    def test_only_what_depends_on_nothing(self):
        x, w, v = mx.sym.var("x"), mx.sym.var("w"), mx.sym.var("v")
        scaled = w * 2 + mx.sym.zeros((3,))
        noise = mx.sym.random.uniform(shape=(3,))
        graph = mx.sym.broadcast_add(x, scaled) + mx.sym.broadcast_add(x * 0, noise * 0) + v
        new, values = folded(graph, {"x"})
        assert len(values) == 1
        assert sorted(new.list_arguments()) == ["gluonkit#folded0", "v", "x"]
        (value,) = values.values()
        assert value.list_arguments() == ["w"]
        numbers = value.eval(w=nd.array([1, 2, 3]))[0]
        assert numbers.asnumpy().tolist() == [2, 4, 6]

    def test_nothing_to_fold(self):
        graph = mx.sym.var("x") + mx.sym.var("w")
        assert folded(graph, {"x"}) == (graph, {})

    def test_a_plan_folds_its_padding(self):
        program = Program(small(), [ArraySpec((2, 1, 12, 12))], mx.cpu())
        symbol, beforehand = program.lowered(Plan(channels=8))
        assert beforehand
        assert "concat" not in symbol.tojson().lower()


def test_threads_default_is_what_the_process_has():
    fast = compile(small(), (2, 1, 12, 12), plan="executor + 1 thread")
    usual = runtime().threads
    assert fast._pool._idle[0]._threads == (None if usual == 1 else (1, usual))


def test_inputs_are_taken_to_the_device(uniform):
    net, x = create_model("lenet", init="xavier"), uniform(2, 1, 28, 28)
    expected = net(x).asnumpy()
    net.collect_params().reset_ctx([mx.cpu(0), mx.cpu(1)])
    fast = compile(net, x, seconds=0.05, ctx=mx.cpu(1))
    actual = fast(x)
    assert (fast.ctx, actual.ctx, x.ctx) == (mx.cpu(1), mx.cpu(1), mx.cpu(0))
    assert type(actual) is type(x)
    assert abs(actual.asnumpy() - expected).max() < 1e-5


def test_a_plan_for_each_device(tmp_path):
    net, numbers = small(), draws(2, 1, 12, 12)
    net(nd.array(numbers))
    net.collect_params().reset_ctx([mx.cpu(0), mx.cpu(1)])
    first = compile(net, numbers, seconds=0.05)
    second = compile(net, numbers, seconds=0.05, ctx=mx.cpu(1))
    third = compile(net, nd.array(numbers, ctx=mx.cpu(1)), seconds=0.05)
    contexts = [compiled.ctx for compiled in (first, second, third)]
    assert contexts == [mx.cpu(0), mx.cpu(1), mx.cpu(1)]
    assert first(nd.array(numbers)).ctx == mx.cpu(0)
    assert second(nd.array(numbers)).ctx == mx.cpu(1)
    for parameter in parameters_of(net):
        parameter.set_data(parameter.data(mx.cpu(0)) * 0.5)
    expected = net(nd.array(numbers)).asnumpy()
    for compiled in (first, second, third):  # all follow the weights
        assert abs(compiled(numbers) - expected).max() < 1e-5
    path = tmp_path / "plan.json"
    second.save_plan(path)
    assert compile(net, numbers, plan=path).plan == second.plan
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"device": "gpu"}))
    with pytest.raises(
        ArgumentError, match=r"was measured on a gpu, and this network is on cpu\(0"
    ):
        compile(net, numbers, plan=path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ctx": mx.cpu(2)}, r"`ctx` is cpu\(2\), but conv\d+_weight is on cpu\(0\); call net"),
        (
            {"ctx": [mx.cpu(0), mx.cpu(1)]},
            r"`ctx` is \[cpu\(0\), cpu\(1\)\]; compile for one device",
        ),
    ],
)
def test_devices_that_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        compile(small(), (2, 1, 12, 12), **options)


def test_inputs_on_another_device():
    with pytest.raises(
        ArgumentError, match=r"`example_inputs` are on cpu\(3\), but conv\d+_weight"
    ):
        compile(small(), nd.ones((2, 1, 12, 12), ctx=mx.cpu(3)))


def test_dropouts_in_a_row_lose_no_plan(array_mode):
    """MXNet's fusion takes dropout away, and counts its inputs wrong where two are in a row."""
    for first in ([], [nn.Dense(16, activation="relu")]):
        net = sequential(*first, nn.Dropout(0.5), nn.Dropout(0.2), nn.Dense(3))
        net.initialize()
        x = numpy.random.default_rng(0).normal(size=(2, 16)).astype("float32")
        fast = compile(net, x)
        assert [
            candidate.problem for candidate in fast.explain().candidates if candidate.problem
        ] == []
        wanted = net(mx.np.array(x) if array_mode == "np" else mx.nd.array(x)).asnumpy()
        for candidate in fast.explain().candidates:
            outputs = compile(net, x, plan=candidate.plan)(x)
            numpy.testing.assert_allclose(outputs, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("outer", ["identity", "Dropout"])
@pytest.mark.parametrize("has_dense", [False, True])
def test_copies_in_a_row_lose_no_plan(outer, has_dense):
    """MXNet's fusion takes a copy away, too; also where the input is all that is handed on."""

    class Net(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3)

        def hybrid_forward(self, F, x):
            handed_on = getattr(F, outer)(F.identity(x))
            return [handed_on, self.dense(handed_on)] if has_dense else [handed_on]

    net = Net()
    net.initialize()
    x = numpy.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    fast = compile(net, x)
    assert [candidate.problem for candidate in fast.explain().candidates if candidate.problem] == []
    fused = compile(net, x, plan="executor + fused")(x)
    numpy.testing.assert_array_equal(fused[0], x)
    assert not numpy.shares_memory(fused[0], x)
    if has_dense:
        wanted = x @ net.dense.weight.data().asnumpy().T
        numpy.testing.assert_allclose(fused[1], wanted, rtol=1e-5, atol=1e-6)


KEPT_APART = {
    "a convolution that is an output": lambda F, a, b: (a, b),
    "one that two layers read": lambda F, a, b: F.relu(a) + b,
    "an activation that is an output": lambda F, a, b: (F.relu(a), F.relu(a) + b),
}


@pytest.mark.parametrize("use", KEPT_APART)
@pytest.mark.parametrize("dense", [False, True])
def test_what_several_read_is_not_fused_away(use, dense):
    """MXNet fuses an operator with what is behind it, whoever else reads it."""
    body = nn.Dense(8, in_units=3) if dense else nn.Conv2D(8, 1, in_channels=3)
    behind = nn.Activation("relu") if dense else nn.BatchNorm(in_channels=8)

    def forward(F, x):
        first = body(x)
        return KEPT_APART[use](F, first, behind(first))

    net = Function(forward)
    net.register_child(body)
    net.register_child(behind)
    net.initialize(mx.init.Xavier())
    x = mx.nd.random.uniform(-1, 1, (4, 3) if dense else (4, 3, 5, 5))
    weight = body.weight.data().asnumpy().reshape(8, 3)
    a = numpy.einsum("nc...,kc->nk...", x.asnumpy(), weight)
    b = numpy.maximum(a, 0) if dense else a / numpy.sqrt(1 + 1e-5)
    relu = numpy.maximum(a, 0)
    wanted = {0: [a, b], 1: [relu + b], 2: [relu, relu + b]}[list(KEPT_APART).index(use)]
    compiled = compile(net, x, seconds=0.01)
    assert not [candidate for candidate in compiled.explain().candidates if candidate.problem]
    for candidate in compiled.explain().candidates:
        got = compile(net, x, plan=candidate.plan)(x)
        got = got if isinstance(got, (list, tuple)) else [got]
        for one, right in zip(got, wanted, strict=True):
            numpy.testing.assert_allclose(one.asnumpy(), right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("width", "channels"), [(16, {0, 8, 16}), (1, {0})])
def test_no_channels_are_padded_where_convolutions_are_matrix_products(
    width, channels, monkeypatch
):
    """As on ARM, where oneDNN has no code for blocks of channels."""
    monkeypatch.setattr("gluonkit._base.cpu.vector_width", lambda: width)
    plans = Program(small(), [ArraySpec((2, 1, 12, 12))], mx.cpu()).plans()
    assert {plan.channels for plan in plans} == channels


class Scaled(nn.HybridBlock):
    """A dense layer, and a number that its code reads."""

    def __init__(self):
        super().__init__()
        self.dense, self.scale, self.calls = nn.Dense(3, in_units=4), 2.0, 0

    def hybrid_forward(self, F, x):
        self.calls += 1  # has no effect on the graph
        return self.dense(x) * self.scale


def replaced_child(net):
    net.dense = nn.Dense(3, in_units=4)
    net.dense.initialize()


def added_child(net):
    net.extra = nn.Dense(2, in_units=3)
    net.extra.initialize()


def other_scale(net):
    net.scale = 3.0


def activated(net):
    net.dense.act = nn.Activation("relu")


@pytest.mark.parametrize("change", [replaced_child, other_scale, activated])
@pytest.mark.parametrize("plan", ["executor", "executor + fused", "cached op"])
def test_a_network_with_other_layers_is_compiled_anew(plan, change):
    net, x = Scaled(), draws(5, 4)
    net.initialize()
    fast = compile(net, x, plan=plan)
    before = x @ net.dense.weight.data().asnumpy().T * 2
    assert abs(fast(x) - before).max() < 1e-6
    change(net)
    if change is other_scale:
        wait_until(fast._structure.is_due)
    for batch in (x, x, x[:2]):  # for a batch size of its own, too
        with pytest.raises(StateError, match="other layers or settings; compile it again"):
            fast(batch)
    with pytest.raises(StateError, match="other layers or settings; compile it again"):
        fast.refresh()
    again = compile(net, x, plan=plan)
    assert abs(again(x) - net(nd.array(x)).asnumpy()).max() < 1e-6


def test_a_head_that_was_replaced_is_noticed_at_the_next_call():
    net, x = create_model("lenet", init="xavier"), draws(2, 1, 28, 28)
    net(nd.array(x))
    fast = compile(net, x, plan="executor + fused")
    replace_head(net, 3)
    with pytest.raises(StateError, match="other layers or settings; compile it again"):
        fast(x)


def test_what_does_not_change_the_graph_goes_on():
    net, x = Scaled(), draws(5, 4)
    net.initialize()
    fast, wanted = compile(net, x), x @ net.dense.weight.data().asnumpy().T * 2
    for change in (
        lambda: net(nd.array(x)),
        net.hybridize,
        lambda: net(nd.array(x)),
        lambda: net.collect_params().setattr("grad_req", "null"),
        lambda: added_child(net),  # which nothing calls
        lambda: predict(net, x),
    ):
        change()
        wait_until(fast._structure.is_due)
        assert abs(fast(x) - wanted).max() < 1e-6
        assert abs(fast(x[:3]) - wanted[:3]).max() < 1e-6


def test_hooks_that_a_compiled_network_would_not_call_are_told():
    net, x = Scaled(), draws(5, 4)
    net.initialize()
    fast = compile(net, x)
    handle = net.dense.register_forward_hook(lambda block, inputs, output: None)
    wait_until(fast._structure.is_due)
    with pytest.raises(StateError, match=r"in more than its weights \(.* has forward hooks\)"):
        fast(x)
    handle.detach()
    assert fast(x).shape == (5, 3)


def test_threads_trace_one_network_at_a_time():
    """Each trace takes the attributes for the network's own, and restores them."""
    net, x = Scaled(), draws(6, 4)
    net.initialize()
    fast, wanted, wrong = compile(net, x), x @ net.dense.weight.data().asnumpy().T * 2, []

    def calls(size):
        for _ in range(20):
            fast._pools.clear()
            for got in (fast(x[:size]), predict(net, x[:size]), net(nd.array(x[:size])).asnumpy()):
                wrong.append(abs(got - wanted[:size]).max() > 1e-6)

    threads = [threading.Thread(target=calls, args=(size,)) for size in (1, 2, 3, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 240
