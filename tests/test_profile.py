"""`profile`: every operator at its layer, in every mode, and nothing is left behind."""

import json
import re
import sys
import time
from collections import Counter
from dataclasses import replace

import pytest

import gluonkit as gk
from gluonkit import autograd, gluon, mx, nd, nn
from gluonkit.cli import main
from gluonkit.compiling import Plan
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.profiling import LayerTime, OperatorTime, Peak, events, measuring, paths
from gluonkit.profiling import peak as peaks
from gluonkit.profiling.advice import bound_by
from gluonkit.profiling.peak import measured_peak
from gluonkit.system import contention
from tests.profiles import PEAK, SECONDS, by_path, check_sums, counts, peak_unmeasured


@pytest.fixture(autouse=True, scope="module")
def peak():
    with peak_unmeasured():
        yield


class Slow(mx.operator.CustomOp):
    """Sleeps, so that its least time is known."""

    def forward(self, is_train, req, in_data, out_data, aux):
        time.sleep(0.02)
        self.assign(out_data[0], req[0], in_data[0] * 2)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):  # noqa: PLR0917
        time.sleep(0.03)
        self.assign(in_grad[0], req[0], out_grad[0] * 2)


@mx.operator.register("profile_slow")
class SlowProp(mx.operator.CustomOpProp):
    def infer_shape(self, in_shape):
        return in_shape, [in_shape[0]], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return Slow()


class SlowBlock(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return F.Custom(x, op_type="profile_slow")


class Residual(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        self.inner = nn.Dense(6, flatten=False)

    def hybrid_forward(self, F, x):
        return F.relu(F.elemwise_add(x, self.inner(x)))


def convolutional():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(6), Residual())
    net.initialize()
    return net, nd.random.uniform(shape=(4, 3, 8, 8))


EAGER = {
    ("0", "Convolution"): 1,
    ("1", "BatchNorm"): 1,
    ("2", "Activation"): 1,
    ("3", "FullyConnected"): 1,
    ("4", "elemwise_add"): 1,
    ("4", "relu"): 1,
    ("4.inner", "FullyConnected"): 1,
}


@pytest.mark.parametrize("how", ["eager", "hybridized", "static"])
def test_forward(how):
    net, x = convolutional()
    if how != "eager":
        net.hybridize(static_alloc=how == "static", static_shape=how == "static")
    before = net(x).asnumpy()
    graph = net._cached_op
    report = gk.profile(net, x, seconds=SECONDS)
    assert report.mode == ("eager" if how == "eager" else "hybridized")
    assert counts(report) == EAGER
    assert counts(report, "backward") == {}
    check_sums(report)
    assert report.unattributed == 0
    assert net._cached_op is graph
    assert (net(x).asnumpy() == before).all()
    # What they write: float32 outputs of the given shapes, and batch norm's mean and variance.
    layers = by_path(report)
    assert layers["0"].own_bytes == 4 * 4 * 8 * 6 * 6
    assert layers["3"].own_bytes == layers["3"].operators[0].bytes == 4 * 4 * 6
    # Multiply-adds by hand.
    assert layers["0"].macs == 4 * 8 * 6 * 6 * 3 * 3 * 3
    assert layers["3"].macs == 4 * 6 * 8 * 6 * 6
    assert layers["0"].macs_per_second == layers["0"].macs / layers["0"].own_forward


BACKWARD = {
    ("0", "_backward_Convolution"): 1,
    ("1", "_backward_BatchNorm"): 1,
    ("2", "_backward_Activation"): 1,
    ("3", "_backward_FullyConnected"): 1,
    ("4", "_backward_relu"): 1,
    ("4.inner", "_backward_FullyConnected"): 1,
}


@pytest.mark.parametrize("how", ["eager", "hybridized", "static"])
def test_backward(how):
    net, x = convolutional()
    if how != "eager":
        net.hybridize(static_alloc=how == "static", static_shape=how == "static")
    with autograd.record():
        total = net(x).sum()
    total.backward()
    # With static shapes MXNet lets running statistics be read before a pass has written them.
    mx.nd.waitall()
    names = list(net.collect_params())
    before = [net.collect_params()[name].data().asnumpy() for name in names]
    gradients = [p.grad().asnumpy() for p in net.collect_params().values() if p.grad_req != "null"]
    report = gk.profile(net, x, train=True, seconds=SECONDS)
    forward, backward = counts(report), counts(report, "backward")
    assert forward == EAGER
    assert {key: backward.get(key) for key in BACKWARD} == BACKWARD
    check_sums(report)
    assert report.unattributed == 0
    after = [net.collect_params()[name].data().asnumpy() for name in names]
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    now = [p.grad().asnumpy() for p in net.collect_params().values() if p.grad_req != "null"]
    assert all((a == b).all() for a, b in zip(gradients, now, strict=True))


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_slow_operator_in_a_step(hybrid, monkeypatch):
    net = nn.HybridSequential()
    net.add(nn.Dense(5), SlowBlock(), nn.Dense(3))
    net.initialize()
    if hybrid:
        net.hybridize()
    loss_of = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    x, y = nd.ones((2, 4)), nd.zeros((2,))

    def train():
        with autograd.record():
            loss = loss_of(net(x), y)
        loss.backward()
        trainer.step(2)

    report = gk.profile(train, seconds=SECONDS)
    layers = by_path(report)
    slow = layers["1"]
    # It sleeps as long at least.
    assert slow.own_forward >= 0.02
    assert slow.own_backward >= 0.03
    assert [one.name for one in slow.operators[:2]] == [
        "_backward_Custom:profile_slow",
        "Custom:profile_slow",
    ]
    assert slow == max(report.layers, key=lambda layer: layer.own_seconds)
    assert bound_by(slow, report.peak) == "Python"
    assert "`1` (SlowBlock) has" in " ".join(report.advice)
    assert layers["SoftmaxCrossEntropyLoss"].own_backward > 0
    outside = report.layers[-1]
    assert (outside.kind, outside.path) == ("", "")
    assert {one.name for one in outside.operators} >= {"multi_sgd_update"}
    check_sums(report)
    text = str(report)
    assert max(map(len, text.splitlines())) <= 100
    assert "Bound by    " in text
    monkeypatch.setenv("COLUMNS", "60")
    narrow = str(report)
    assert max(map(len, narrow.splitlines())) <= 60
    # Numbers stay whole: a column is left out.
    assert "Too narrow to show: writes" in narrow
    assert not re.search(r"^ *[KMG]?i?B$", narrow, re.M)
    assert "(outside of layers)" in text
    assert "train · " in text
    assert report.inputs == "(2, 4)"


class Stepping:
    """A network with dropout and a residual, and its steps, which are counted."""

    def __init__(self, *, hybrid):
        mx.random.seed(1)
        self.net = nn.HybridSequential()
        self.net.add(nn.Dense(6), nn.BatchNorm(), Residual(), nn.Dense(2))
        self.net.initialize()
        if hybrid:
            self.net.hybridize(static_alloc=True)
        self.loss = gluon.loss.L2Loss()
        self.trainer = gluon.Trainer(self.net.collect_params(), "adam")
        self.x, self.y = nd.random.uniform(shape=(8, 4)), nd.random.uniform(shape=(8, 2))
        self.net(self.x)
        self.count = 0

    def __call__(self):
        self.count += 1
        with autograd.record():
            loss = self.loss(self.net(self.x), self.y)
        loss.backward()
        self.trainer.step(8)


@pytest.mark.parametrize("hybrid", [False, True])
def test_profiled_steps_train_as_others_do(hybrid):
    profiled, twin = Stepping(hybrid=hybrid), Stepping(hybrid=hybrid)
    gk.profile(profiled, seconds=SECONDS)
    for _ in range(profiled.count):
        twin()
    for one, other in zip(
        profiled.net.collect_params().values(), twin.net.collect_params().values(), strict=True
    ):
        assert (one.data().asnumpy() == other.data().asnumpy()).all(), one.name


def test_in_numpy_mode(array_mode, uniform):
    net = nn.HybridSequential()
    net.add(nn.Dense(5, activation="relu"), Residual2())
    net.initialize()
    x = uniform(3, 4)
    for hybrid in (False, True):
        net.hybridize(hybrid)
        report = gk.profile(net, x, train=True, seconds=SECONDS)
        forward = counts(report)
        assert forward["0", "FullyConnected"] == 1
        assert forward["1.inner", "FullyConnected"] == 2
        assert by_path(report)["1.inner"].calls == 2
        assert by_path(report)["1.inner"].own_backward > 0
        check_sums(report)


class Residual2(gluon.HybridBlock):
    """Calls one layer twice."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dense(5)

    def hybrid_forward(self, F, x):
        return self.inner(self.inner(x)) + x


class Plain(gluon.Block):
    """Not hybrid, with a layer in a list, one that is hybridized, and a recurrent one."""

    def __init__(self):
        super().__init__()
        self.hybrid = nn.HybridSequential()
        self.hybrid.add(nn.Dense(4), nn.Dense(4))
        self.lstm = gluon.rnn.LSTM(3)
        self.listed = [nn.Dense(2)]
        self.listed[0].initialize()

    def forward(self, x):
        return self.listed[0](self.lstm(self.hybrid(x).expand_dims(0))[0])


@pytest.mark.filterwarnings("ignore:.*unregistered container")
def test_blocks_of_all_kinds():
    net = Plain()
    net.initialize()
    net.hybrid.hybridize()
    report = gk.profile(net, (2, 3), train=True, seconds=SECONDS)
    assert report.mode == "partly hybridized"
    forward = counts(report)
    assert forward["hybrid.0", "FullyConnected"] == forward["hybrid.1", "FullyConnected"] == 1
    assert forward["lstm", "RNN"] == 1
    (listed,) = (path for path in by_path(report) if path.startswith("["))
    assert forward[listed, "FullyConnected"] == 1
    assert by_path(report)["hybrid.0"].own_backward > 0
    assert by_path(report)["lstm"].own_backward > 0
    check_sums(report)


def test_a_symbol_block():
    data = mx.sym.var("data", dtype="float32")
    out = mx.sym.FullyConnected(data, num_hidden=3, name="fc")
    net = gluon.SymbolBlock(mx.sym.relu(out), data)
    net.initialize()
    net.hybridize()
    report = gk.profile(net, (2, 4), seconds=SECONDS)
    assert counts(report) == {("", "FullyConnected"): 1, ("", "relu"): 1}


def test_a_backward_pass_that_cannot_be_followed(monkeypatch):
    monkeypatch.setattr(paths, "_SUMS", ())
    net = nn.HybridSequential()
    net.add(nn.Dense(6), Residual())
    net.initialize()
    report = gk.profile(net, (4, 6), train=True, seconds=SECONDS)
    assert report.unattributed > 0
    assert report.residue > 0
    assert by_path(report)["0"].own_backward == 0
    (note,) = (note for note in report.notes if "backward" in note)
    assert note.startswith("Some operators could not be followed, and are in the residue")
    assert "of single operators in eager mode" in " ".join(str(report).split())
    check_sums(report)


class Looped(gluon.HybridBlock):
    """A loop in the graph, over the first axis."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Dense(4, flatten=False)

    def hybrid_forward(self, F, x):
        start = F.zeros_like(F.slice_axis(x, axis=0, begin=0, end=1)).reshape((-3, 0))
        outputs, _ = F.contrib.foreach(lambda d, s: (self.inner(d) * s[0], [d]), x, [start])
        return outputs


def test_loops_in_graphs():
    net = Looped()
    net.initialize()
    net.hybridize()
    forward = gk.profile(net, (3, 4, 4), seconds=SECONDS)
    # Of the body MXNet tells nothing: it counts at the loop's layer.
    assert forward.unattributed == 0
    assert by_path(forward)[""].own_forward > 0
    check_sums(forward)
    report = gk.profile(net, (3, 4, 4), train=True, seconds=SECONDS)
    assert report.unattributed == 0
    assert by_path(report)[""].own_backward > 0
    check_sums(report)


def test_graphs_that_cannot_be_followed(monkeypatch):
    monkeypatch.setattr(paths.Ear, "_flags", lambda *_: {"no_such_flag": 1})
    net, x = convolutional()
    net.hybridize()
    report = gk.profile(net, x, seconds=SECONDS)
    assert report.residue == pytest.approx(1)
    assert "would tell of them" in " ".join(report.notes)
    check_sums(report)
    with pytest.raises(ArgumentError, match="`profile` has no operator that ran"):
        gk.plot.plot_profile(report)


PLANS = {
    "plain": Plan(),
    "fused": Plan(fused=True),
    "channels": Plan(channels=16),
    "columns": Plan(fused=True, columns=True),
    "cached op": Plan("cached op"),
}


@pytest.mark.parametrize("name", PLANS)
def test_compiled(name):
    net = nn.HybridSequential()
    net.add(nn.Conv2D(20, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(5, activation="relu"))
    net.initialize()
    x = nd.random.uniform(shape=(32, 3, 8, 8))
    compiled = gk.compile(net, x, plan=PLANS[name])
    before = compiled(x).asnumpy()
    report = gk.profile(compiled, seconds=SECONDS)
    assert report.mode == f"compiled ({compiled.plan})"
    layers = by_path(report)
    assert layers["0"].own_forward > 0
    assert layers["3"].own_forward > 0
    if PLANS[name].fused:
        # One operator computes what three layers do.
        assert layers["1"].fused_into == layers["2"].fused_into == "0"
        assert layers["1"].own_seconds == layers["2"].own_seconds == 0
        assert layers["0"].operators[0].layers == ("1", "2")
        assert "in 0" in str(report)
    else:
        assert layers["1"].own_forward > 0
        assert layers["2"].own_forward > 0
        assert layers["1"].fused_into is None
    check_sums(report)
    assert (compiled(x).asnumpy() == before).all()


def test_fused_by_a_backend():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(16, 3), nn.BatchNorm(), nn.Activation("relu"), nn.Dense(5))
    net.initialize()
    x = nd.random.uniform(shape=(2, 3, 8, 8))
    before = net(x).asnumpy()
    net.optimize_for(x, backend="MKLDNN")
    graph = net._cached_graph
    layers = by_path(gk.profile(net, x, seconds=SECONDS))
    assert layers["0"].operators[0].name == "_sg_mkldnn_conv"
    assert layers["0"].operators[0].layers == ("1", "2")
    assert layers["1"].fused_into == layers["2"].fused_into == "0"
    assert layers["3"].own_forward > 0
    assert net._cached_graph is graph
    assert abs(net(x).asnumpy() - before).max() < 1e-4


def test_compiled_in_slices():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(8, 3, activation="relu"), nn.Flatten(), nn.Dense(5))
    net.initialize()
    compiled = gk.compile(net, (20, 3, 8, 8), plan=Plan(fused=True, slices=8))
    report = gk.profile(compiled, seconds=SECONDS)
    # 8, 8 and 4 samples.
    assert by_path(report)["0"].operators[0].calls == 3
    check_sums(report)


def test_what_is_given_wrongly():
    net, x = convolutional()
    with pytest.raises(ArgumentError, match="`seconds` is 0"):
        gk.profile(net, x, seconds=0)
    with pytest.raises(ArgumentError, match="the inputs do not go through `0` "):
        gk.profile(net, (1, 3, 2, 2))
    with pytest.raises(ArgumentError, match="no input is given"):
        gk.profile(net)
    with pytest.raises(ArgumentError, match="`train` is True, and `net` is a function; a network"):
        gk.profile(lambda: None, train=True)
    with pytest.raises(ArgumentError, match="`train` is True, and `net` has no parameter with a"):
        gk.profile(nn.Flatten(), (1, 3), train=True)
    with pytest.raises(ArgumentError, match="1 inputs are given beside a step, which takes none"):
        gk.profile(lambda: None, x)
    with pytest.raises(ArgumentTypeError, match="`net` is an int; give a Gluon block and its"):
        gk.profile(3)
    with pytest.raises(StateError, match="`net` has no values for"):
        gk.profile(nn.Dense(2, in_units=3), (1, 3))


def test_a_profiler_in_use(monkeypatch):
    def refuse(**_):
        raise mx.MXNetError("Check failed: auto_remove_ == false")

    monkeypatch.setattr(mx.profiler, "set_config", refuse)
    with (
        pytest.raises(StateError, match="MXNet's profiler, of which a process has one, is in use"),
        events.recorded(),
    ):
        pass


def test_the_recording_is_that_of_mxnets_own_counts(tmp_path):
    """MXNet's own table counts the same operators, and the same time."""
    a = nd.ones((300, 300))

    def work():
        for _ in range(5):
            mx.nd.waitall()
            nd.dot(a, a)
            nd.relu(a)
        mx.nd.waitall()

    with events.recorded() as recording:
        work()
    mx.profiler.set_config(
        profile_all=True,
        aggregate_stats=True,
        filename=str(tmp_path / "own.json"),
        continuous_dump=False,
    )
    mx.profiler.set_state("run")
    work()
    mx.profiler.set_state("stop")
    mx.profiler.dump()
    table = json.loads(mx.profiler.dumps(format="json", reset=True))
    mine = Counter(event.name for event in recording.events)
    (times,) = table.values() if "Time" not in table else (table["Time"],)
    theirs = times["operator"]
    assert mine["dot"] == theirs["dot"]["Count"] == 5
    assert mine["relu"] == theirs["relu"]["Count"] == 5
    began = [event.began for event in recording.events]
    assert began == sorted(began)
    assert all(event.began <= event.ended for event in recording.events)


def test_overlaps_count_once():
    intervals = events._apart(
        [events.Event("outer", 0, 10), events.Event("inner", 2, 5), events.Event("next", 8, 14)]
    )
    assert intervals == [events.Event("outer", 0, 10), events.Event("next", 10, 14)]


def test_nothing_stays():
    from mxnet.ndarray import register

    net, x = convolutional()
    before = register._imperative_invoke, gluon.Block.__call__, mx.base._LIB.MXAutogradBackwardEx
    gk.profile(net, x, train=True, seconds=SECONDS)
    with pytest.raises(ZeroDivisionError):
        gk.profile(lambda: (net(x), 1 / 0), seconds=SECONDS)
    after = register._imperative_invoke, gluon.Block.__call__, mx.base._LIB.MXAutogradBackwardEx
    assert before == after


def test_the_record(tmp_path):
    net, x = convolutional()
    report = gk.profile(net, x, train=True, seconds=SECONDS)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["layers"][1]["path"] == "0"
    assert data["operators_seconds"] == report.operators_seconds
    assert data["overhead"] == pytest.approx(report.profiled_seconds / report.seconds - 1)
    assert len(data["advice"]) == len(report.advice) > 0
    assert "slices" not in data
    assert repr(report) == str(report)
    html = report._repr_html_()
    assert "Conv2D" in html
    assert "Residue" in html
    path = report.chrome_trace(tmp_path / "trace.json")
    check_trace(json.loads(path.read_text()), report)
    with pytest.raises(ArgumentError, match=r"`path` is 'trace.txt'; give a name .* \.json"):
        report.chrome_trace("trace.txt")


def check_trace(trace, report):
    """Check that a trace has all operators, each within the slices of its layers."""
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    operators = Counter(one.name for one in report.slices)
    assert operators <= Counter(event["name"] for event in complete)
    layers = [event for event in complete if event["name"] not in operators]
    for one in report.slices:
        if one.path:
            last = one.path.rpartition(".")[2]
            inside = [
                event
                for event in layers
                if event["name"] == last
                and event["ts"] <= one.began * 1e6 + 0.01
                and event["ts"] + event["dur"] >= (one.began + one.seconds) * 1e6 - 0.01
            ]
            assert inside, one


def test_pictures():
    pytest.importorskip("matplotlib")
    net, x = convolutional()
    report = gk.profile(net, x, train=True, seconds=SECONDS)
    bars = gk.plot.plot_profile(report, most=2)
    titles = [label.get_text() for label in bars.axes[0].get_yticklabels()]
    assert len(titles) == 3
    assert titles[2].endswith(" more")
    drawn = sum(patch.get_width() for patch in bars.axes[0].patches)
    assert drawn == pytest.approx(1e3 * sum(layer.own_seconds for layer in report.layers))
    flame = gk.plot.plot_flame(report)
    lowest = [patch for patch in flame.axes[0].patches if patch.get_y() < 0.5]
    assert sum(patch.get_width() for patch in lowest) == pytest.approx(drawn)
    for patch in flame.axes[0].patches:
        assert patch.get_x() + patch.get_width() <= 1e3 * report.operators_seconds * 1.0001
    nothing = replace(report, layers=())
    for draw in (gk.plot.plot_profile, gk.plot.plot_flame):
        with pytest.raises(ArgumentError, match="`profile` has no operator that ran"):
            draw(nothing)
    with pytest.raises(ArgumentError, match="`most` is 0"):
        gk.plot.plot_profile(report, most=0)


@pytest.mark.parametrize("name", ["plot_profile", "plot_flame"])
def test_pictures_of_what_is_no_profile(name):
    draw = getattr(gk.plot, name)
    for given, told in ((None, "None"), (3, "3, an int"), ("lenet", "'lenet', a str")):
        with pytest.raises(ArgumentTypeError) as caught:
            draw(given)
        assert str(caught.value) == (
            f"`profile` is {told}; give a Profile, which profile(net, x) returns"
        )
    with pytest.raises(ArgumentTypeError, match=rf"`profile` is missing: {name}\(profile\)"):
        draw()
    with pytest.raises(ArgumentTypeError, match=f"`depth` is no argument of {name}"):
        draw(None, depth=3)
    if name == "plot_profile":
        with pytest.raises(ArgumentTypeError, match="`most` is '3', a str; give a whole number"):
            draw(None, most="3")


def layer(forward, macs=0, moved=0, *, backward=0.0, name="Convolution", kind="Conv2D", calls=1):
    operators = (OperatorTime(name, "forward", calls, forward),)
    return LayerTime(
        path="a" if kind else "",
        name="a" if kind else "",
        kind=kind,
        depth=0,
        calls=1,
        own_forward=forward,
        own_backward=backward,
        forward=forward,
        backward=backward,
        own_bytes=0,
        bytes=0,
        macs=macs,
        moved=moved,
        fused_into=None,
        operators=operators,
    )


# A millisecond is 1e8 multiply-adds, 1e7 bytes of memory, 5e7 of caches.
BOUNDS = [
    (layer(1e-3, 0.9e8, 1e6), "computing"),
    (layer(1e-3, 0.34e8, 9_000_000), "memory"),
    (layer(1e-3, 0.05e8, 500_000), "kernel"),
    (layer(1e-3, 0.34e8, 1_000_000), "computing"),  # which caches hold
    (layer(1e-5, 10, 10), "starting"),
    (layer(1e-3, None, 10), ""),
    (layer(0.0), ""),
    (layer(1e-3, name="Custom:mine"), "Python"),
]


@pytest.mark.parametrize(("given", "expected"), BOUNDS)
def test_what_bounds_a_layer(given, expected):
    assert bound_by(given, PEAK) == expected


def profiled(layers, *, seconds=None, mode="eager"):
    net, x = nn.Dense(1), (1, 1)
    net.initialize()
    total = sum(one.own_seconds for one in layers)
    return replace(
        gk.profile(net, x, seconds=SECONDS),
        layers=tuple(layers),
        operators_seconds=total,
        seconds=seconds or total,
        mode=mode,
    )


def test_what_to_do():
    memory = layer(1e-3, 0.34e8, 9_000_000)
    (told,) = profiled([memory]).advice
    assert told.startswith(
        "`a` (Conv2D) has 100% of the operators' time, 34% of peak: bound by memory, 8.58 MiB to "
        "read and write. Fewer operators move less: compile(net, x) fuses them for prediction"
    )
    (told,) = profiled([memory], mode="compiled (executor)").advice
    assert "It is compiled already" in told
    (told,) = profiled([layer(1e-3, 0.9e8, 10)]).advice
    assert "90% of peak: bound by computing. Only less work helps" in told
    (told,) = profiled([layer(1e-4, backward=1e-3)]).advice
    assert "most of it in the backward pass" in told
    (told,) = profiled([layer(1e-3, kind="", name="sgd_update")]).advice
    assert "outside of all layers (sgd_update): the optimizer" in told
    waits = {
        "eager": "net.hybridize(static_alloc=True, static_shape=True) takes most of it away",
        "hybridized": "compile(net, x) takes most of it away for prediction",
        "compiled (executor)": "a larger batch spreads it",
    }
    for mode, text in waits.items():
        told = profiled([memory], seconds=1e-2, mode=mode).advice[0]
        assert told.startswith("90% of a pass is Python and the engine between operators")
        assert text in told
    (told,) = profiled([memory] * 10).advice
    assert told.startswith("No layer stands out: the longest, `a` (Conv2D), has 10%")


def test_no_layer_is_above_the_peak(monkeypatch):
    monkeypatch.setattr(measuring, "measured_peak", lambda: Peak(1.0, 1.0, 1.0, "slow"))
    net, x = convolutional()
    report = gk.profile(net, x, seconds=SECONDS)
    rates = [layer.macs_per_second for layer in report.layers if layer.macs_per_second]
    assert report.peak.macs_per_second == max(rates)
    assert "is taken for the peak" in " ".join(report.notes)
    assert "100%" in str(report)


def test_a_peak_measured_on_a_busy_machine_is_measured_again(monkeypatch):
    made = [Peak(1.0, 5.0, 1.0, ""), Peak(2.0, 3.0, 1.0, ""), Peak(9.0, 9.0, 9.0, "")]
    busy = iter([True, False])
    monkeypatch.setattr(peaks, "_measure", lambda: made.pop(0))
    monkeypatch.setattr(peaks, "_measured", [])
    monkeypatch.setattr(peaks, "_busy", True)
    monkeypatch.setattr(contention.Contention, "is_busy", property(lambda _: next(busy)))
    assert peaks.measured_peak() == Peak(1.0, 5.0, 1.0, "")
    assert peaks.measured_peak() == peaks.measured_peak() == Peak(2.0, 5.0, 1.0, "")


def test_the_peak():
    made = measured_peak()
    assert measured_peak() is made
    better = replace(made, macs_per_second=made.macs_per_second * 2, bytes_per_second=1.0)
    joined = peaks._better(made, better)
    assert joined.macs_per_second == better.macs_per_second
    assert joined.bytes_per_second == made.bytes_per_second
    assert made.bytes_per_second > 0
    assert made.macs_per_second > 0
    assert "multiply-adds a second" in str(made)
    assert peaks.seconds_to_move(1000, made) == 1000 / made.cached_bytes_per_second
    assert peaks.seconds_to_move(10**9, made) == 10**9 / made.bytes_per_second


def test_the_command(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))  # the command puts the folder there
    options = ["--inputs", "2x1x28x28", "--seconds", "0.01", "--json", "p.json"]
    options += ["--trace", "t.json"]
    drawn = ["--plot", "p.png", "--flame", "f.svg"]
    assert main.main(["profile", "lenet", "--train", "--hybridize", *options, *drawn]) == 0
    printed = capsys.readouterr().out
    assert "backward" in printed
    assert "Residue" in printed
    assert json.loads((tmp_path / "p.json").read_text())["mode"] == "hybridized"
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    assert (tmp_path / "p.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "f.svg").read_text()
    assert main.main(["profile", "lenet", "--train", "--compile"]) == 2
    told = capsys.readouterr().err
    assert "`--train` cannot be given with --compile: compiled networks predict" in told
    with pytest.raises(SystemExit):
        main.main(["profile", "--help"])
    told = capsys.readouterr().out
    assert "Profile a network layer by layer" in told
    assert "gluonkit profile lenet --inputs" in told
