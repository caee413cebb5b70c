"""`check_hybrid`: seeded defects are found, and clean networks raise no alarm."""

import collections
import inspect
import itertools
import json
import random
import re

import numpy
import pytest
from mxnet import autograd

from gluonkit import check_hybrid, create_model, gluon, mx, nn
from gluonkit.check.parity import _nudged
from gluonkit.graphs.variants import compiles_anything, imperative_parts

from . import mistakes
from .networks import Function, Several, Untraceable, prepare, sequential
from .test_trace import draw, state

MISTAKES = [
    member
    for _, member in inspect.getmembers(mistakes, inspect.isclass)
    if member.__module__ == mistakes.__name__ and member is not mistakes.Clean
]


def marked(kind):
    """Return the line number and the kind in the comment of a class's mistake."""
    lines, first = inspect.getsourcelines(kind)
    (mark,) = [(first + i, line) for i, line in enumerate(lines) if "  # " in line]
    return mark[0], mark[1].rpartition("# ")[2].strip()


@pytest.mark.parametrize("kind", MISTAKES, ids=lambda kind: kind.__name__)
def test_every_seeded_mistake_is_found_with_its_line(kind):
    report = check_hybrid(kind(), (4, 5))
    line, slug = marked(kind)
    assert not report.ok
    (finding,) = [problem for problem in report.problems if problem.kind == slug]
    assert finding.where == f"{mistakes.__file__}:{line}"
    assert finding.problem
    assert finding.fix
    assert slug in str(report)


def test_in_numpy_mode_indexing_by_numbers_is_right(array_mode):
    report = check_hybrid(mistakes.Indexing(), (4, 5))
    assert report.ok == (array_mode == "np")


def test_nothing_is_said_of_what_only_looks_like_a_mistake(array_mode):
    report = check_hybrid(mistakes.Clean(), (4, 5))
    assert report.problems == ()
    assert report.verdict == "Clean: hybridizes as a whole (4 of 4 blocks), no problem found"


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet18_v1", (2, 3, 64, 64)),
        ("resnet18_v2", (2, 3, 64, 64)),
        ("mobilenet0.25", (2, 3, 64, 64)),
        ("mobilenetv2_0.25", (2, 3, 64, 64)),
        ("squeezenet1.1", (1, 3, 224, 224)),
        ("densenet121", (1, 3, 224, 224)),
        ("alexnet", (1, 3, 96, 96)),
        ("vgg11_bn", (1, 3, 32, 32)),
        ("inceptionv3", (1, 3, 299, 299)),
    ],
)
def test_models_of_mxnets_zoo_pass(name, shape):
    report = check_hybrid(create_model(f"mxnet/{name}"), shape)
    assert report.findings == ()


# Coverage


def statuses(report):
    return {block.path: block.status for block in report.coverage}


def test_coverage_of_a_block_between_hybrid_blocks():
    class Middle(gluon.Block):
        def __init__(self):
            super().__init__()
            self.one = sequential(nn.Dense(3), nn.Dense(3))
            self.two = nn.Dense(2)
            self.never = sequential(nn.Dense(1))

        def forward(self, x):
            return self.two(self.one(x))

    report = check_hybrid(Middle(), (4, 5))
    assert statuses(report) == {
        "": "imperative",
        "one": "compiled",
        "one.0": "part of a graph",
        "one.1": "part of a graph",
        "two": "compiled",
        "never": "not reached",
        "never.0": "not reached",
    }
    assert [(finding.kind, finding.where) for finding in report.findings] == [
        ("imperative", ""),
        ("not-reached", "never"),
    ]


def test_a_forward_in_the_style_of_mxnet_2_is_never_traced():
    class New(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(3)

        def forward(self, x):
            return self.dense(x)

    report = check_hybrid(New(), (4, 5))
    assert statuses(report) == {"": "never traced", "dense": "compiled"}
    assert [problem.kind for problem in report.problems] == ["never-traced"]
    # Within a network that is traced, it is part of that: so MXNet does it.
    inside = check_hybrid(sequential(New(), nn.Dense(2)), (4, 5))
    assert statuses(inside)["0"] == "part of a graph"
    assert inside.ok


def test_what_cannot_be_hybridized_has_no_coverage():
    report = check_hybrid(mistakes.Shape(), (4, 5))
    assert statuses(report) == {"": "fails"}
    assert [problem.kind for problem in report.problems] == ["fails", "shape"]
    assert report.compared == ()


def test_plain_sequentials_are_told_apart():
    net = nn.Sequential()
    net.add(nn.Dense(3))
    (finding,) = check_hybrid(net, (4, 5)).findings
    assert (finding.kind, finding.fix) == ("imperative", "use HybridSequential")


# Parity


def test_wrong_gradients_alone_are_noticed():
    class Doubled(gluon.HybridBlock):
        """The right outputs, but its graph stops the gradient that eager lets through."""

        def hybrid_forward(self, F, x):
            return x * 2 if F is mx.nd else F.BlockGrad(x * 2)

    report = check_hybrid(Doubled(), (4, 5))
    (finding,) = report.problems
    assert finding.kind == "numbers"
    assert "the gradient of input 0 differs" in finding.problem


def test_a_graph_that_holds_the_batch_size_is_noticed():
    class Held(gluon.HybridBlock):
        """Scales by the batch size, as it was when the graph was built."""

        def hybrid_forward(self, F, x):
            self.size = x.shape[0] if F is mx.nd else self.size
            return x / self.size

    report = check_hybrid(Held(), (4, 5))
    problems = [problem for problem in report.problems if problem.kind == "numbers"]
    assert problems
    assert "batch of 1" in problems[0].problem


def test_frozen_attributes_are_noted():
    class Scaled(gluon.HybridBlock):
        def __init__(self):
            super().__init__()
            self.scale = 0.5
            self.shift = True
            self.unused = 3

        def hybrid_forward(self, F, x):
            return x * self.scale + (1 if self.shift else 0)

    net = Scaled()
    report = check_hybrid(sequential(net), (4, 5))
    assert report.ok
    assert [(finding.kind, finding.where) for finding in report.findings] == [
        ("frozen-attribute", "0")
    ] * 2
    assert "`scale` is 0.5 for good" in report.findings[0].problem
    assert "`shift` is True for good" in report.findings[1].problem
    assert (net.scale, net.shift) == (0.5, True)


class Attributes(gluon.HybridBlock):
    """Reads attributes of every kind, in every way; `label` it does not, as `unused` is 7."""

    gain = 2.0  # of the class

    def __init__(self):
        super().__init__()
        self.act, self.mask, self.axes = "tanh", None, (1, 0)
        self.sizes, self.table = [2, 2], {"power": 2}
        self._private, self._by_name, self._by_property = 0.5, 3, 1.5
        self.numbers, self.number = numpy.arange(2.0), numpy.float32(0.25)
        self.unused, self.label, self.kept = 7, "a label", abs
        self.dense = nn.Dense(4, flatten=False, activation="relu")

    @property
    def offset(self):
        return self._by_property + (len(self.label) if self.unused == "no" else 0)

    def __repr__(self):
        return self.label

    def hybrid_forward(self, F, x):
        y = F.Activation(self.dense(x), act_type=self.act)
        y = y if self.mask is None else y * self.mask
        y = F.transpose(F.transpose(y, axes=self.axes), axes=self.axes)
        y = F.reshape(y, shape=(-1, *self.sizes)) ** self.table["power"] * self.gain
        y = y * self._private + getattr(self, "_by_name") + self.offset  # noqa: B009
        return y + sum(float(number) for number in self.numbers) + float(self.number)


def test_frozen_attributes_of_every_kind_are_noted():
    net = Attributes()
    before = dict(vars(net))
    report = check_hybrid(sequential(nn.Dense(5), net), (4, 5))
    assert report.ok
    assert {(finding.kind, finding.where) for finding in report.findings} == {
        ("frozen-attribute", "1")
    }
    names = "_by_name _by_property _private act axes gain mask number numbers sizes table unused"
    assert [finding.problem.split("`")[1] for finding in report.findings] == names.split()
    assert list(vars(net)) == list(before)
    assert all(vars(net)[name] is before[name] for name in ("axes", "sizes", "numbers", "mask"))


def test_of_the_blocks_of_one_class_the_first_is_named():
    report = check_hybrid(sequential(mistakes.Clean(), mistakes.Clean()), (4, 5))
    places = [(finding.where, finding.problem.split("`")[1]) for finding in report.findings]
    assert places == [("0", "act"), ("0", "sizes")]


@pytest.mark.parametrize(
    "function",
    [lambda F, x: x * 2, lambda F, x: F.clip(x, 0, 1)],
)
def test_what_a_graph_does_not_read_is_not_noted(function):
    """Not functions, blocks and parameters either, which nobody exchanges by mistake."""
    net = Function(function)
    net.note, net.seen, net._size = "text", [1], 3
    assert check_hybrid(net, (4, 5)).findings == ()


def test_dropout_is_compared_under_one_seed(array_mode):
    net = sequential(nn.Dense(50), nn.Dropout(0.5), nn.BatchNorm(), nn.Dense(3))
    report = check_hybrid(net, (8, 5))
    assert report.findings == ()
    assert any(line.startswith("training: ") for line in report.compared)


def test_running_statistics_are_compared():
    report = check_hybrid(sequential(nn.Dense(4), nn.BatchNorm()), (8, 5))
    training = next(line for line in report.compared if line.startswith("training"))
    # output, input's gradient, gradients of weight, bias, gamma, beta; two statistics
    assert training.startswith("training: 8 arrays agree")


def test_max_pooling_in_prediction_mode_is_left_out_with_its_reason():
    """MXNet 1.9.1's gradient of max pooling outside of training is wrong, hybridized or not."""
    x = mx.nd.random.uniform(shape=(2, 3, 8, 8))
    x.attach_grad()
    pool, gradients = nn.MaxPool2D(2, 2), []
    for train in (True, False):
        with autograd.record(train_mode=train):
            y = pool(x)
        y.backward(train_mode=train)
        gradients.append(x.grad.asnumpy())
    assert gradients[0].sum() == pytest.approx(2 * 3 * 16)
    assert not numpy.allclose(*gradients)
    report = check_hybrid(nn.MaxPool2D(2, 2), (2, 3, 8, 8))
    assert report.ok
    assert "max pooling gives wrong ones" in report.compared[-1]


def test_recurrent_layers_inside_of_a_graph_are_no_false_alarm(array_mode):
    """Only their gradients in prediction mode fail in MXNet 1.9.1, and only with static memory.

    Whether they do depends on the processor (without AVX-512 oneDNN has no such layer), and on
    memory that MXNet has not written: it is not tried here.
    """
    net = sequential(nn.Dense(4, flatten=False), gluon.rnn.RNN(5, layout="NTC"))
    report = check_hybrid(net, (2, 3, 4))
    if array_mode == "np":  # where MXNet cannot hybridize them without their states
        assert "Shape inconsistent" in report.problems[0].problem
        return
    assert report.ok, str(report)
    assert "recurrent layers fail" in report.compared[-1]


def test_several_inputs_and_integers(array_mode):
    assert check_hybrid(Several(), (4, 5), [(4, 4), (4, 1)]).ok
    net = sequential(nn.Embedding(10, 4), nn.Dense(2))
    assert check_hybrid(net, ((4, 3), "int32")).ok


def test_recurrent_networks(array_mode):
    report = check_hybrid(gluon.rnn.LSTM(8, 2, layout="NTC"), (4, 5, 3), [(2, 4, 8), (2, 4, 8)])
    assert report.ok
    assert any("batch of 1: not" in line for line in report.compared)  # the states fit 4 only


class Drifting(gluon.HybridBlock):
    """Scales by what a function says, anew at each call."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def hybrid_forward(self, F, x):
        return x * self.number()


def grows(list_of_calls):
    """Return a function that grows a list at each call, and gives its length."""
    return lambda: list_of_calls.append(1) or len(list_of_calls)


@pytest.mark.parametrize(
    "number",
    [
        random.Random(3).random,
        lambda: 1 + 1e-3 * random.random(),
        itertools.count(5).__next__,
        grows([]),
    ],
    ids=["random", "a little", "counter", "list"],
)
def test_networks_that_drift_by_themselves_are_found(array_mode, number):
    """What they drift by is no rounding: neither theirs nor the graph's."""
    report = check_hybrid(sequential(Drifting(number)), (4, 5))
    kinds = [problem.kind for problem in report.problems]
    assert kinds == ["not-repeatable", "numbers"]
    problem = report.problems[0].problem
    assert "In prediction, two runs without hybridizing" in problem
    assert re.search(r"output 0 differs from the first run by [0-9.e-]+, where", problem)
    assert not [line for line in report.compared if "hybrid" in line]


def test_a_network_that_drifts_later_is_found_where_it_differs():
    """Two runs that agree do not make what moves afterwards rounding."""
    calls = itertools.count()
    report = check_hybrid(Drifting(lambda: 1.0 if next(calls) < 6 else 1 + next(calls)), (4, 5))
    assert "not-repeatable" in {problem.kind for problem in report.problems}
    assert "numbers" in {problem.kind for problem in report.problems}


def test_drawing_from_mxnets_stream_is_no_drift(array_mode):
    class Noisy(gluon.Block):
        """Draws where the trace, in prediction mode, does not come to."""

        def forward(self, x):
            if not autograd.is_training():
                return x
            noise = mx.np.random.normal if array_mode == "np" else mx.nd.random.normal
            return x + noise(0, 1, x.shape)

    def after(seed):
        mx.random.seed(seed)
        report = check_hybrid(Noisy(), (4, 5))
        assert [finding.kind for finding in report.findings] == ["imperative"]
        return draw(array_mode)

    assert after(1) == after(1) != after(2)


_WITH_LENGTHS = """
from gluonkit import check_hybrid, gluon, mx

class Last(gluon.HybridBlock):
    def hybrid_forward(self, F, x, length):
        y = F.SequenceLast(x, length, use_sequence_length=True)
        return y * (1 if F is mx.sym else 1.1)  # so that the rounding is asked for

for _ in range(3):
    report = check_hybrid(Last(), mx.nd.random.uniform(shape=(3, 2, 4)), mx.nd.array([1, 3]))
print([each.kind for each in report.problems])
"""


def test_lengths_that_are_floats_stay_whole(python):
    """A length of 0.9999998 is 0, for which MXNet reads and writes before its arrays."""
    done = python("-c", _WITH_LENGTHS)
    assert (done.returncode, done.stdout) == (0, "['numbers']\n"), done.stderr
    x, length = mx.nd.random.uniform(shape=(3, 2, 4)), mx.nd.array([1, 3])
    for seed in range(8):
        assert (_nudged(length, seed).asnumpy() == [1, 3]).all()
        mixed = numpy.array([0.0, 1.0, 0.3, -0.7, 255.0, numpy.inf, numpy.nan], "float32")
        moved = _nudged(mx.nd.array(mixed), seed).asnumpy()
        assert numpy.array_equal(moved[[0, 1, 4, 5, 6]], mixed[[0, 1, 4, 5, 6]], equal_nan=True)
        assert (numpy.abs(moved[2:4]) >= numpy.abs(mixed[2:4])).all()
    assert (_nudged(x, 0).asnumpy() != x.asnumpy()).any()


class _Masked(gluon.HybridBlock):
    """Takes lengths as they are, and made of another input."""

    def hybrid_forward(self, F, x, length, extra):
        y = F.SequenceMask(x, length, use_sequence_length=True)
        y = F.SequenceReverse(y, F.relu(extra) + 1, use_sequence_length=True)
        return F.SequenceLast(y, length, use_sequence_length=True)


def test_gradients_of_lengths_which_mxnet_does_not_write_are_not_compared():
    """What is in their memory is chance: numbers of another run stand there here."""
    arrays = [mx.nd.array(values) for values in (numpy.ones((4, 2, 3)), [1, 3], [2, 1])]
    for junk in range(5):
        freed = [mx.nd.full((2,), 1e20 * (junk + 1)) for _ in range(50)]
        mx.nd.waitall()
        del freed
        report = check_hybrid(_Masked(), *arrays)
        assert report.ok, str(report)
        assert "2 arrays agree" in str(report)  # the output, and the gradient of the sequences


def test_rounding_is_known_of_networks_whose_inputs_are_whole(array_mode):
    """Their weights are moved instead: a graph may add in another order all the same."""

    class Amplifying(gluon.HybridBlock):
        """Its graph computes what eager does in other steps, and large numbers cancel."""

        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(64, use_bias=False)

        def hybrid_forward(self, F, x):
            y = self.dense(x)
            y = y * 3 if hasattr(x, "list_arguments") else y + y + y
            return (y + 1e4) - 1e4

    images = numpy.random.default_rng(0).integers(0, 255, (8, 40)).astype("float32")
    assert check_hybrid(Amplifying(), images).ok


def test_an_array_that_is_returned_twice_has_both_gradients(array_mode):
    twice = Function(lambda F, x: (x * 2, x + 1)[:1] * 2)
    report = check_hybrid(twice, (4, 5))
    assert report.findings == ()
    assert any("training: 2 arrays agree" in line or "3 arrays" in line for line in report.compared)


CELLS = {
    "RNNCell": (lambda: gluon.rnn.RNNCell(5), [(2, 5)]),
    "LSTMCell": (lambda: gluon.rnn.LSTMCell(5), [(2, 5), (2, 5)]),
    "GRUCell": (lambda: gluon.rnn.GRUCell(5), [(2, 5)]),
    "LSTMPCell": (lambda: gluon.contrib.rnn.LSTMPCell(5, 2), [(2, 2), (2, 5)]),
    "ResidualCell": (lambda: gluon.rnn.ResidualCell(gluon.rnn.GRUCell(3)), [(2, 3)]),
    "ZoneoutCell": (lambda: gluon.rnn.ZoneoutCell(gluon.rnn.GRUCell(3), 0.5, 0.3), [(2, 3)]),
    "DropoutCell": (lambda: gluon.rnn.DropoutCell(0.5), []),
}


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_cells_are_compiled(name):
    """Their own `forward` counts steps, and goes on to Gluon's."""
    make, states = CELLS[name]
    report = check_hybrid(make(), (2, 3), states)
    assert report.findings == ()
    assert report.coverage[0].status == "compiled"


class Scaling(gluon.HybridBlock):
    """A `forward` that goes on to Gluon's, and a mistake that a graph would hide."""

    def forward(self, x, *args):
        return super().forward(x * 2, *args)

    def hybrid_forward(self, F, x):
        return x[0] if autograd.is_training() else x[0] * 2


def test_a_forward_that_calls_gluons_is_compiled_and_what_it_calls_is_read():
    class Right(Scaling):
        def hybrid_forward(self, F, x):
            return F.relu(x)

    report = check_hybrid(Right(), (4, 5))
    assert report.findings == ()
    assert statuses(report) == {"": "compiled"}
    inside = check_hybrid(sequential(Right(), nn.Dense(2)), (4, 5))
    assert inside.findings == ()
    assert statuses(inside)["0"] == "part of a graph"
    assert imperative_parts(sequential(Right(), gluon.rnn.GRUCell(3))) == []
    assert compiles_anything(Right())
    kinds = {problem.kind for problem in check_hybrid(Scaling(), (4, 5)).problems}
    assert kinds >= {"numbers", "branch-on-training", "indexing"}
    assert "never-traced" not in kinds


UNROLLED = {
    "LSTMCell": lambda: gluon.rnn.LSTMCell(4),
    "BidirectionalCell": lambda: gluon.rnn.BidirectionalCell(
        gluon.rnn.GRUCell(4), gluon.rnn.LSTMCell(3)
    ),
    "HybridSequentialRNNCell": lambda: added(
        gluon.rnn.HybridSequentialRNNCell(),
        gluon.rnn.GRUCell(4),
        gluon.rnn.DropoutCell(0.4),
        gluon.rnn.RNNCell(3),
    ),
    "ResidualCell": lambda: gluon.rnn.ResidualCell(gluon.rnn.GRUCell(5)),
    "ZoneoutCell": lambda: gluon.rnn.ZoneoutCell(gluon.rnn.GRUCell(5), 0.5, 0.2),
    "LSTMPCell": lambda: gluon.contrib.rnn.LSTMPCell(4, 2),
    "VariationalDropoutCell": lambda: gluon.contrib.rnn.VariationalDropoutCell(
        gluon.rnn.GRUCell(5), 0.3, 0.3, 0.3
    ),
}


def added(container, *blocks):
    for block in blocks:
        container.add(block)
    return container


class Unrolled(gluon.HybridBlock):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def hybrid_forward(self, F, x):
        return self.cell.unroll(3, x, merge_outputs=True)[0]


@pytest.mark.parametrize("name", UNROLLED)
def test_unrolled_cells_raise_no_alarm(name):
    report = check_hybrid(Unrolled(UNROLLED[name]()), (2, 3, 5))
    assert report.findings == ()
    assert report.coverage[0].status == "compiled"


@pytest.mark.parametrize("kind", ["Conv1DRNNCell", "Conv2DLSTMCell", "Conv2DGRUCell"])
def test_convolutional_cells_raise_no_alarm(kind):
    size = (8,) * int(kind[4])
    cell = getattr(gluon.contrib.rnn, kind)((3, *size), 4, 3, 3, i2h_pad=1)
    states = [(2, 4, *size)] * (1 + kind.endswith("LSTMCell"))
    assert check_hybrid(cell, (2, 3, *size), states).findings == ()


def test_draws_in_another_order_than_the_codes_are_not_compared(array_mode):
    """A graph draws in the order in which its outputs need it, so that no seed serves both."""

    def crossed(F, x):
        first, second = (F.npx.dropout if array_mode == "np" else F.Dropout)(x, p=0.5), x * 1
        second = (F.npx.dropout if array_mode == "np" else F.Dropout)(second, p=0.5)
        return second + first * 2

    report = check_hybrid(Function(crossed), (4, 5))
    assert report.findings == ()
    (training,) = [line for line in report.compared if line.startswith("training")]
    assert training.startswith("training: shapes of 2 only, as the graph draws in another order")
    assert report.compared[0].startswith("prediction: 2 arrays agree")


def test_an_output_that_is_an_input_has_no_gradient_in_a_graph():
    net = Function(lambda F, x, y: (x, x * y))
    (finding,) = check_hybrid(net, (2, 3), (2, 3)).problems
    assert "return F.identity(x)" in finding.fix
    assert "the inputs, which MXNet 1.9.1's graphs give no gradient" in finding.fix
    assert check_hybrid(Function(lambda F, x, y: (F.identity(x), x * y)), (2, 3), (2, 3)).ok
    x, gradients = mx.nd.ones((2, 3)), []
    x.attach_grad()
    for active in (False, True):  # so it is in plain Gluon
        net.hybridize(active)
        with autograd.record():
            total = sum((output * 3).sum() for output in net(x, x * 2))
        try:
            total.backward()
            gradients.append(x.grad.asnumpy())
        except mx.MXNetError:
            gradients.append(numpy.zeros((2, 3)))
    assert not numpy.allclose(*gradients)


Pair = collections.namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    "output",
    [
        lambda x: {"twice": x * 2, "more": [x]},
        lambda x: Pair(x * 2, x),
        lambda x: (x * 2, 3.0, "text", None),
        lambda x: x.asnumpy(),
    ],
    ids=["dict", "named tuple", "others", "NumPy's"],
)
def test_what_a_block_returns_besides_arrays(output):
    class Returning(gluon.Block):
        def forward(self, x):
            return output(x)

    assert [finding.kind for finding in check_hybrid(Returning(), (4, 5)).findings] == [
        "imperative"
    ]


# Nothing is left behind


@pytest.mark.parametrize("how", ["raw", "initialized", "run", "hybridized"])
@pytest.mark.parametrize("make", [Untraceable, lambda: create_model("chimera")])
def test_the_network_is_untouched(array_mode, uniform, make, how):
    net, x = make(), uniform(2, 4)
    prepare(net, x, how)
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    before = state(net)
    check_hybrid(net, (2, 4))
    assert state(net) == before
    assert not calls


def test_the_random_stream_is_not_touched_without_need(array_mode):
    mx.random.seed(7)
    expected = draw(array_mode)
    mx.random.seed(7)
    check_hybrid("mlp")
    assert draw(array_mode) == expected


def test_with_dropout_the_random_stream_stays_reproducible(array_mode):
    def after(seed):
        mx.random.seed(seed)
        check_hybrid(sequential(nn.Dense(3), nn.Dropout(0.5)), (4, 5))
        return draw(array_mode)

    assert after(1) == after(1) != after(2)


# Rendering and misuse


def test_renderings():
    report = check_hybrid(mistakes.BranchOnTraining(), (4, 5))
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["ok"] is False
    assert {finding["kind"] for finding in plain["findings"]} == {"numbers", "branch-on-training"}
    assert "<li>" in report._repr_html_()
    text = str(check_hybrid("mlp"))
    assert text.startswith("mlp: hybridizes as a whole (4 of 4 blocks), no problem found\n")
    assert "batch of 1, training: 6 arrays agree, hybrid" in text


def test_an_eager_failure_is_said_to_be_one():
    class Unlucky(gluon.Block):
        def forward(self, x):
            y = x * 2
            y += 1
            return y

    report = check_hybrid(Unlucky(), (4, 5))
    (finding,) = [problem for problem in report.problems if problem.kind == "eager-fails"]
    assert finding.problem.startswith("Under autograd.record() the network fails, eager: MXNetErr")
    assert report.compared[0].startswith("prediction: 1 array agrees")  # the output, all the same


def test_the_words_of_an_eager_failure_decide_nothing():
    """It fails under autograd.record() only, and says what a failure without it would say."""

    class Wordy(gluon.HybridBlock):
        def forward(self, x):
            if autograd.is_recording():
                raise ValueError("this fails without being hybridized")
            return x * 2

    report = check_hybrid(Wordy(), (4, 5))
    (finding,) = [problem for problem in report.problems if problem.kind == "eager-fails"]
    assert finding.problem.startswith("Under autograd.record() the network fails, eager: ValueErr")
    assert report.compared[0].startswith("prediction: 1 array agrees, hybrid, hybrid again, static")


def test_a_network_that_only_ever_ran_once_fails_without_being_hybridized():
    class Once(gluon.Block):
        """Fails when it has run more often than to be traced and prepared."""

        runs = 0

        def forward(self, x):
            Once.runs += 1
            if Once.runs > 3:
                raise ZeroDivisionError("worn out")
            return x * 2

    report = check_hybrid(Once(), (4, 5))
    problems = [problem.problem for problem in report.problems if problem.kind == "eager-fails"]
    assert problems
    assert "fails without being hybridized: ZeroDivisionError: worn out" in problems[0]
    assert [block.status for block in report.coverage] == ["fails"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: check_hybrid(nn.Dense, (1, 2)), "`net` is the class Dense; create an instance"),
        (lambda: check_hybrid(nn.Dense(2)), "no input is given"),
        (
            lambda: check_hybrid(gluon.rnn.GRUCell(5), (2, 3), (2, 5)),
            r"\(GRUCell\), which got \(2, 3\), \(2, 5\): .*; its states are one input, a list of "
            r"arrays with the shapes \[\(2, 5\)\]",
        ),
        (
            lambda: check_hybrid(
                gluon.rnn.BidirectionalCell(gluon.rnn.RNNCell(3), gluon.rnn.RNNCell(3)),
                (2, 3),
                [(2, 3), (2, 3)],
            ),
            r"\(BidirectionalCell\): NotImplementedError: Bidirectional cannot",
        ),
        (lambda: check_hybrid(create_model("lenet"), (1, 2)), "do not go through `0`"),
        (lambda: check_hybrid("lenett"), "Did you mean 'lenet'"),
    ],
)
def test_misuse_is_refused(call, error):
    with pytest.raises((ValueError, TypeError), match=error):
        call()
