"""Measuring and benchmarking: that what is reported is what happened. No times are asserted."""

import importlib
import math
import signal
import statistics
import sys
import weakref

import numpy
import pytest

from gluonkit import autograd, bench, create_model, gluon, measure, mx, nd, nn, register_model
from gluonkit.benchmark import Measurement, SpeedUp, compare, timing
from gluonkit.cli.main import main
from gluonkit.errors import ArgumentError, ArgumentTypeError, StateError
from gluonkit.graphs.agreement import disagreement
from gluonkit.graphs.variants import Switch, compiles_anything, imperative_parts
from gluonkit.models import registry
from tests.networks import sequential

QUICK = {"seconds": 0.02}


def measurement(times, dispatch=None, first=1.0, calls=1):
    return Measurement(first, (), calls, tuple(times), tuple(dispatch or times))


# --- Measurement


def test_statistics_are_those_of_the_standard_library():
    times = [5.0, 1.0, 4.0, 2.0, 3.0, 9.0]
    result = measurement(times)
    assert result.median == 3.5
    quartiles = statistics.quantiles(times, n=4, method="inclusive")
    assert result.quartiles == (quartiles[0], quartiles[2])
    assert result.spread == (quartiles[2] - quartiles[0]) / 3.5
    assert result.build_time == 0
    assert measurement(times, first=10.0).build_time == 6.5


def test_warnings():
    assert measurement([1.0, 1.01, 1.02, 0.99]).warning == ""
    assert "spreads over 1" in measurement([1.0, 1.0, 3.0, 3.0]).warning
    assert "only 2 blocks were timed" in measurement([1.0, 1.0]).warning
    assert "warning:" in str(measurement([1.0, 1.0]))


def test_raw_times_are_kept():
    record = measurement([1.0, 2.0], [0.5, 0.7], calls=3).to_dict()
    assert record["times"] == (1.0, 2.0)
    assert record["dispatch_times"] == (0.5, 0.7)
    assert record["calls_per_block"] == 3
    assert record["median"] == 1.5


class Clock:
    """A clock that goes on while something is said to work, and by 100 ns at each look."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-7
        return self.now

    def work(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """Put a clock that the test moves in the place of the real one."""
    monkeypatch.setattr(timing, "perf_counter", clock := Clock())
    return clock


def test_measure_waits_for_the_engine(monkeypatch, clock):
    """A call that returns at once, but whose work takes 5 ms, is measured as 5 ms."""
    monkeypatch.setattr(mx.nd, "waitall", lambda: clock.work(0.005))
    result = measure(lambda: clock.work(0.001), seconds=0.05)
    assert result.median == pytest.approx(0.006, rel=0.2)  # a block's last wait is its own
    assert result.dispatch == pytest.approx(0.001, rel=1e-3)
    assert result.first_call == pytest.approx(0.006, rel=1e-3)


def test_measure_counts_every_call():
    calls = []
    result = measure(calls.append, 3, seconds=0.02)
    assert set(calls) == {3}
    assert len(result.warmup) == 2
    assert len(result.times) == len(result.dispatch_times) >= 6
    assert len(calls) >= 3 + len(result.times) * result.calls_per_block


def test_blocks_are_long_enough_for_the_clock(clock):
    result = measure(lambda: clock.work(1e-5), seconds=0.02)
    assert result.calls_per_block == pytest.approx(2e-3 / 1.02e-5, abs=2)
    slow = measure(lambda: clock.work(0.01), seconds=0.02)
    assert slow.calls_per_block == 1


def test_garbage_collector_is_left_as_it_was():
    import gc

    gc.disable()
    try:
        measure(lambda: None, **QUICK)
        assert not gc.isenabled()
    finally:
        gc.enable()
    measure(lambda: None, **QUICK)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("function", "seconds", "error", "message"),
    [
        (
            3,
            1,
            ArgumentTypeError,
            r"`function` is 3, an int, which cannot be called.*measure\(net, x\)",
        ),
        (print, 0, ArgumentError, "`seconds` is 0; give a positive"),
        (print, math.inf, ArgumentError, "`seconds` is inf"),
        (print, "1", ArgumentTypeError, "`seconds` is '1', a str; give a number"),
    ],
)
def test_measure_refuses(function, seconds, error, message):
    with pytest.raises(error, match=message):
        measure(function, seconds=seconds)


def test_an_error_in_the_function_passes_through():
    def fail():
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        measure(fail)


# --- SpeedUp


def test_compare_pairs_rounds():
    slow = measurement([2.0, 4.0, 8.0, 2.0, 4.0, 8.0, 2.0])
    fast = measurement([1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0])
    assert compare(slow, fast) == SpeedUp(2.0, 2.0, 2.0)
    assert compare(slow, fast).verdict == "×2.00 faster"
    assert compare(fast, slow).verdict == "×2.00 slower"
    assert str(compare(fast, slow)) == "×2.00 slower [2.00, 2.00]"


def test_no_significant_difference():
    one = measurement([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.05])
    other = measurement([1.1, 1.0, 1.0, 0.9, 0.9, 1.1, 1.05, 1.0])
    assert str(compare(one, other)) == "no significant difference"


def test_too_few_rounds_give_no_interval():
    few = measurement([1.0] * 5)
    assert compare(few, few) is None


@pytest.mark.parametrize("n", [6, 7, 9, 12, 20, 50])
def test_interval_covers_the_median_at_95_percent(n):
    """By exact count: the chance that the median lies outside is at most 5 %, and not far less."""
    rank = timing._interval_rank(n)

    def outside(r):
        return 2 * sum(math.comb(n, k) for k in range(r + 1)) / 2**n

    assert outside(rank) <= 0.05
    assert outside(rank + 1) > 0.05


# --- agreement


def test_further_tolerances_are_asked_for_once():
    """They take passes of the network: `fit` of a deep one took minutes to begin."""
    asked = []

    def slack():
        asked.append(True)
        return dict.fromkeys("abc", 0.5)

    ones = {name: numpy.ones(3, dtype="float32") for name in "abc"}
    other = {name: array * 1.1 for name, array in ones.items()}
    assert disagreement(ones, ones, slack) == ""
    assert asked == []
    assert disagreement(ones, other, slack) == ""
    assert asked == [True]


def test_agreement():
    ones = numpy.ones(3, dtype="float32")
    assert disagreement({"a": ones}, {"a": ones * 1.000001}) == ""
    assert "a differs from eager by 0.1" in disagreement({"a": ones}, {"a": ones * 0.9})
    assert "has shape" in disagreement({"a": ones}, {"a": ones[:2]})
    assert "has dtype float64" in disagreement({"a": ones}, {"a": ones.astype("float64")})
    assert "has b where eager has a" in disagreement({"a": ones}, {"b": ones})
    assert disagreement({"a": ones[:0]}, {"a": ones[:0]}) == ""


def test_agreement_of_what_is_not_finite():
    odd = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 1], dtype="float32")
    assert disagreement({"a": odd}, {"a": odd.copy()}) == ""
    assert "not finite in the same places" in disagreement({"a": odd}, {"a": odd[::-1].copy()})
    zeros = numpy.zeros(4, dtype="float32")
    assert disagreement({"a": zeros}, {"a": zeros + 1e-12}) != ""


# --- variants


class Plain(nn.Block):
    """A Block around something that can be compiled."""

    def __init__(self):
        super().__init__()
        self.inner = nn.HybridSequential()
        self.inner.add(nn.Dense(3), nn.Dense(2))

    def forward(self, x):
        return self.inner(x) * 2


class OwnForward(nn.HybridBlock):
    """Written as for MXNet 2.0, which 1.9.1 silently never traces."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2)

    def forward(self, x):
        return self.dense(x)


class Nothing(nn.Block):
    """Holds a parameter, and nothing that could be compiled."""

    def __init__(self):
        super().__init__()
        self.scale = self.params.get("scale", shape=(1,))

    def forward(self, x):
        return x * self.scale.data()


class Frozen(nn.HybridBlock):
    """Decides by a Python value, which the graph freezes: here, by whether it is traced."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2)

    def hybrid_forward(self, F, x):
        return self.dense(x) * (1 if F is mx.nd else 1.01)


def initialized(net):
    net.initialize()
    return net


def test_imperative_parts():
    assert imperative_parts(create_model("lenet")) == []
    assert imperative_parts(Plain()) == ["the network (Plain) is a Block, not a HybridBlock"]
    assert (
        "defines `forward`, which MXNet 1.9.1 never compiles" in imperative_parts(OwnForward())[0]
    )
    outer = nn.Sequential()
    outer.add(nn.Dense(2), Plain())
    assert [text.partition(" is")[0] for text in imperative_parts(outer)] == [
        "the network (Sequential)",
        "1 (Plain)",
    ]
    assert not compiles_anything(Nothing())
    assert compiles_anything(Plain())


def test_switch_keeps_a_graph_for_each_variant():
    net = initialized(create_model("mlp"))
    x = nd.ones((2, 20))
    switch = Switch(net)
    graphs = {}
    for variant in ("hybrid", "static"):
        switch.activate(variant)
        net(x)
        graphs[variant] = net._cached_op
    switch.activate("eager")
    net(x)
    assert net._cached_op is None
    for variant, graph in graphs.items():
        switch.activate(variant)
        assert net._cached_op is graph
    switch.restore()
    assert net._cached_op is None
    assert not net._active


# --- bench


def state_of(net):
    """Everything of a network that a benchmark must leave as it was."""
    parameters = net.collect_params()
    return (
        {name: p.data().asnumpy().tobytes() for name, p in parameters.items()},
        {
            name: p.grad().asnumpy().tobytes()
            for name, p in parameters.items()
            if p.grad_req != "null"
        },
        {name: (p.grad_req, p._trainer) for name, p in parameters.items()},
        net._active,
        net._cached_op,
        net._flags,
        len(net._forward_hooks),
    )


@pytest.mark.parametrize("hybridized", [False, True])
def test_network_is_left_as_it_was(hybridized, uniform):
    net = sequential(nn.Conv2D(4, 3), nn.BatchNorm(), nn.Dense(3))
    net.initialize()
    net.hybridize(hybridized, static_alloc=True)
    x = uniform(2, 1, 8, 8)
    with autograd.record():
        loss = net(x).sum()
    loss.backward()
    before, expected = state_of(net), net(x).asnumpy()
    report = bench(net, x, batches=[2, 3], **QUICK)
    assert report.ok, str(report)
    assert state_of(net) == before
    assert (net(x).asnumpy() == expected).all()


def test_every_case_is_reported(array_mode):
    report = bench("mlp", batches=[1, 4], **QUICK)
    assert [(row.mode, row.batch, row.variant) for row in report.rows] == [
        (mode, batch, variant)
        for batch in (1, 4)
        for mode in ("forward", "train")
        for variant in ("eager", "hybrid", "static", "compiled")
        if (mode, variant) != ("train", "compiled")
    ]
    assert report.ok
    for row in report.rows:
        assert row.input_shape == (row.batch, 20)
        assert row.samples_per_second == row.batch / row.measurement.median
        assert (row.speed_up is None) == (row.variant == "eager")
        assert (row.build_time is None) == (row.variant == "eager")
    rounds = {len(row.measurement.times) for row in report.rows}
    assert min(rounds) >= 6


def test_eager_always_runs():
    report = bench("mlp", variants=["static"], modes="forward", **QUICK)
    assert [row.variant for row in report.rows] == ["eager", "static"]


def test_numpy_inputs_and_labels(array_mode):
    random = numpy.random.default_rng(0)
    images, labels = random.uniform(size=(3, 1, 28, 28)), numpy.array([1, 2, 3])
    net = initialized(create_model("lenet"))
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    report = bench(net, images, batches=[5], modes="train", loss=loss, label=labels, **QUICK)
    assert report.ok, str(report)
    assert report.rows[0].data == "given"
    assert report.rows[0].model == "HybridSequential"


def test_defect_is_reported_instead_of_a_time(uniform):
    """The graph has frozen what the Python code decided at its first call."""
    report = bench(initialized(Frozen()), uniform(2, 3), modes="forward", **QUICK)
    rows = {row.variant: row for row in report.rows}
    assert not report.ok
    assert rows["eager"].measurement is not None
    assert rows["hybrid"].measurement is None
    assert rows["static"].measurement is None
    assert "output 0 differs from eager by" in str(report)
    assert "not timed, see below" in str(report)


class WrongGradient(nn.HybridBlock):
    """Right numbers, but in the graph no gradient reaches the layer."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Dense(2)

    def hybrid_forward(self, F, x):
        y = self.dense(x)
        return y if F is mx.nd else F.BlockGrad(y)


def test_gradients_are_compared_too():
    report = bench(initialized(WrongGradient()), nd.ones((2, 3)), **QUICK)
    problems = {(row.mode, row.variant): row.problem for row in report.rows}
    assert problems["forward", "hybrid"] == ""
    assert "the gradient of" in problems["train", "hybrid"]


def test_imperative_network_says_so(uniform):
    report = bench(initialized(Plain()), uniform(2, 3), modes="forward", **QUICK)
    assert report.ok
    assert "stays imperative: the network (Plain) is a Block" in str(report)
    assert "compiled: `net` cannot be compiled" in str(report)
    assert report.rows[-1].measurement is None
    report = bench(initialized(Nothing()), uniform(2, 3), modes="forward", **QUICK)
    assert [row.problem != "" for row in report.rows] == [False, True, True, True]
    assert "there is nothing to compile: the network (Nothing) is a Block" in str(report)


def test_random_network_is_timed_without_comparing(uniform):
    net = sequential(nn.Dense(50), nn.Dropout(0.5))
    report = bench(initialized(net), uniform(2, 3), **QUICK)
    assert report.ok
    notes = {(row.mode, row.variant): row.note for row in report.rows}
    assert notes["forward", "hybrid"] == ""
    assert "numbers were not compared" in notes["train", "hybrid"]


def test_network_that_cannot_be_trained(uniform):
    class InPlace(nn.Block):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(2)

        def forward(self, x):
            y = self.dense(x)
            y /= 2
            return y

    report = bench(initialized(InPlace()), uniform(2, 3), **QUICK)
    train = [row for row in report.rows if row.mode == "train"]
    assert len(train) == 1
    assert "raises MXNetError: " in train[0].problem
    assert not report.ok


def test_nothing_to_train(uniform):
    from gluonkit.models.layers import CenteredLayer

    report = bench(initialized(CenteredLayer()), uniform(2, 3), **QUICK)
    assert report.rows[-1].problem == "the network has no parameters to train"


def test_several_inputs_and_outputs(uniform):
    class Two(nn.HybridBlock):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(2)

        def hybrid_forward(self, F, x, y):
            return self.dense(x), [y * 2, self.dense(y)]

    report = bench(initialized(Two()), uniform(2, 3), uniform(2, 3), batches=[3], **QUICK)
    assert report.ok, str(report)


def test_deferred_initialization_is_finished(uniform):
    net = initialized(create_model("mlp"))
    assert bench(net, uniform(2, 20), **QUICK).ok
    assert net[0].weight.shape == (256, 20)


def test_while_the_caller_is_recording(uniform):
    """Dropout tells whether the network runs in prediction mode."""
    net = sequential(nn.Dense(50), nn.Dropout(0.5))
    net.initialize()
    x = uniform(2, 3)
    with autograd.record():
        report = bench(net, x, modes="forward", **QUICK)
        assert autograd.is_recording()
    assert report.ok
    assert {row.note for row in report.rows if row.variant != "compiled"} == {""}


class Deleted:
    """Its deletion is the moment at which Ctrl-C is pressed."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def interrupt_deletion():
    Deleted()


def interrupt_callback():
    _ = weakref.ref(array := numpy.zeros(1), lambda _: signal.raise_signal(signal.SIGINT))
    del array


@pytest.mark.parametrize(
    ("interrupt", "complaints"),
    [(interrupt_deletion, []), (interrupt_callback, [KeyboardInterrupt])],
)
@pytest.mark.parametrize("moment", ["checking static", "round 1 of", "round 7 of"])
def test_interrupted_where_python_drops_it(monkeypatch, moment, interrupt, complaints):
    """As while an array of MXNet's is deleted, which happens all the time."""
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: dropped.append(raised.exc_type))
    lines = []

    def progress(text):
        lines.append(text)
        if moment in text:
            interrupt()

    before = signal.getsignal(signal.SIGINT)
    report = bench("mlp", seconds=0.05, progress=progress)
    assert dropped == complaints
    assert report.interrupted
    assert moment in lines[-1]
    assert bool(report.rows) == ("round 7" in moment)
    assert signal.getsignal(signal.SIGINT) is before


def test_interrupted_as_recording_ends(monkeypatch):
    """MXNet goes on recording then, and refuses to write into arrays."""
    scope = type(autograd.record())
    original, lines, left = scope.__exit__, [], []

    def interrupted_exit(self, *raised):
        if self._enter_is_record and "train, round 2" in lines[-1] and not left:
            left.append(self)
            raise KeyboardInterrupt
        return original(self, *raised)

    monkeypatch.setattr(scope, "__exit__", interrupted_exit)
    net = create_model("mlp", init=True)
    net(mx.nd.ones((2, 20)))
    before = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
    report = bench(net, mx.nd.ones((2, 20)), progress=lines.append, **QUICK)
    assert len(left) == 1
    assert report.interrupted
    assert {row.mode for row in report.rows} == {"forward", "train"}
    assert not autograd.is_recording()
    after = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
    assert all((a == b).all() for a, b in zip(after, before, strict=True))


def test_interrupted_between_two_networks(monkeypatch, capsys):
    bench_module, original = importlib.import_module("gluonkit.cli.bench"), bench
    asked = []

    def interrupt_second(*args, **options):
        asked.append(args)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return original(*args, **options)

    monkeypatch.setattr(bench_module, "bench", interrupt_second)
    status = main(["bench", "mlp", "lenet", "--modes", "forward", "--seconds", "0.05"])
    shown = capsys.readouterr().out
    assert status == 130
    assert "mlp · forward" in shown
    assert "Interrupted: this is what had been measured by then." in shown


def test_interrupted_while_trying(monkeypatch, uniform):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["gluonkit.benchmark.benching"], "_try_forward", interrupt)
    report = bench(initialized(create_model("mlp")), uniform(2, 20), **QUICK)
    assert report.interrupted
    assert report.rows == ()


def test_progress_is_told():
    lines = []
    bench("mlp", modes="forward", progress=lines.append, **QUICK)
    assert lines[0] == "mlp: forward, checking eager"
    assert any(line.startswith("mlp: forward, round 1 of ") for line in lines)


@pytest.mark.parametrize("stop_at", ["checking static", "round 3", "train, round 2"])
def test_interrupted(stop_at):
    def progress(text):
        if stop_at in text:
            raise KeyboardInterrupt

    net = initialized(create_model("mlp"))
    net.hybridize()
    net(nd.ones((2, 20)))
    graph = net._cached_op
    report = bench(net, nd.ones((2, 20)), progress=progress, **QUICK)
    assert report.interrupted
    assert net._cached_op is graph
    assert all(row.measurement is not None for row in report.rows)
    expected = {"checking static": 0, "round 3": 4, "train, round 2": 7}[stop_at]
    assert len(report.rows) == expected
    assert "Interrupted: this is what had been measured by then." in str(report)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("mpl",), {}, ArgumentError, "Did you mean 'mlp'"),
        ((nn.Dense,), {}, ArgumentTypeError, r"`model` is the class Dense; .* such as Dense\(\)"),
        ((3,), {}, ArgumentTypeError, "`model` is an int; pass a Gluon block or a registered"),
        ((mx.sym.var("x"),), {}, ArgumentTypeError, "`model` is a Symbol"),
        (
            (nn.Dense(1), nd.ones((1, 2))),
            {},
            StateError,
            "`model` has no values for weight: call net.init",
        ),
        (("mlp",), {"variants": ["fast"]}, ArgumentError, "`variants` is 'fast'.*eager, hybrid"),
        (("mlp",), {"variants": []}, ArgumentError, "`variants` is empty"),
        (("mlp",), {"modes": "trian"}, ArgumentError, "`modes` is 'trian'.*Did you mean 'train'"),
        (("mlp",), {"seconds": -1}, ArgumentError, "`seconds` is -1"),
        (("mlp",), {"batches": [0]}, ArgumentError, "`batches` is 0; give a whole number from 1"),
        (("mlp",), {"batches": []}, ArgumentError, "`batches` is empty"),
        (("mlp",), {"label": nd.ones((2,))}, ArgumentError, "`label` is given without `loss`"),
        (
            ("mlp",),
            {"ctx": [mx.cpu(0), mx.cpu(1)]},
            ArgumentError,
            r"`ctx` is \[cpu\(0\), cpu\(1\)\]; give one device",
        ),
        (("mlp",), {"ctx": "cpu"}, ArgumentTypeError, "`ctx` is 'cpu', a str; give a device"),
        (("mlp", [1, 2]), {}, ArgumentTypeError, "`inputs` hold a list; pass MXNet or NumPy"),
        (("mlp", numpy.float32(1)), {}, ArgumentTypeError, "`inputs` hold a float32"),
        (("mlp", numpy.array(1.0)), {}, ArgumentError, "`inputs` hold a scalar"),
        (
            ("mlp", numpy.ones((2, 3)), numpy.ones((3, 3))),
            {},
            ArgumentError,
            r"first axes of lengths \[2, 3\]",
        ),
        (
            ("lenet", numpy.ones((2, 3))),
            {},
            ArgumentError,
            r"`inputs` of shape \(2, 3\) cannot be run through lenet: ",
        ),
    ],
)
def test_bench_refuses(arguments, options, error, message):
    with pytest.raises(error, match=message):
        bench(*arguments, **options)


def test_block_without_inputs():
    with pytest.raises(ArgumentError, match=r"`inputs` are missing.*bench\(net, x\)"):
        bench(initialized(nn.Dense(1)))


def test_users_model_can_be_benchmarked(monkeypatch):
    monkeypatch.setattr(registry, "_models", dict(registry._models))

    @register_model("tiny_for_bench", input_shape=(3, 4))
    def tiny(*, units=2):
        """Tiny."""
        return nn.Dense(units)

    report = bench("tiny_for_bench(units=5)", modes="forward", **QUICK)
    assert report.rows[0].input_shape == (3, 4)
    assert report.rows[0].model == "tiny_for_bench(units=5)"
